// Functions, operators and casts: where code runs inside a query.
#include "rules/sql/node_handlers.h"

namespace sluice::rules::sql {

void NodeHandlers::function_call(Walker& walker, JsonObject node, Use) {
  Collector& collect = walker.collect_;
  const auto parts = array_field(node, "funcname");
  const QualifiedName name = parts ? read_name(*parts) : QualifiedName{};
  collect.function(name);
  if (!is_transparent_function(name)) collect.unknown_code("function", name);
  if (const Guard guard = guard_of_function(name.name); guard != Guard::None) collect.guard(guard, name.text());
  if (name.name == "set_config") set_config(walker, node);
  if (name.name == "pg_notify") collect.kind(StatementKind::Notify);
  if (name.name.starts_with("pg_advisory_") || name.name.starts_with("pg_try_advisory_")) {
    collect.kind(StatementKind::Lock);
  }

  // Arguments that are keys, by position: pgcrypto and dblink.
  if (const auto arguments = array_field(node, "args")) {
    const bool encrypts = name.name.starts_with("pgp_sym_") || name.name.starts_with("pgp_pub_decrypt") ||
                          name.name == "encrypt" || name.name == "decrypt" || name.name == "hmac";
    const bool connects = name.name.starts_with("dblink_connect");
    size_t position = 0;
    for (const JsonValue argument : *arguments) {
      const bool first = position == 0;
      if ((encrypts && !first) || (name.name == "crypt" && first) || connects ||
          (name.name.starts_with("dblink") && first)) {
        walker.blank_literals(argument);
      }
      ++position;
    }
  }
  walker.walk_fields_except("FuncCall", node, "funcname", Use::Read);
}

void NodeHandlers::sample(Walker& walker, JsonObject node, Use use) {
  if (const auto parts = array_field(node, "method")) {
    const QualifiedName name = read_name(*parts);
    walker.collect_.function(name);
    if (!is_transparent_function(name)) walker.collect_.unknown_code("sampling method", name);
  }
  walker.walk_fields("RangeTableSample", node, use);
}

// A cast to a type that is somebody's own may run its input function, a cast function or the checks of
// a domain.
void NodeHandlers::cast(Walker& walker, JsonObject node, Use use) {
  if (const auto type = object_field(node, "typeName")) walker.type_runs(*type);
  walker.walk_fields("TypeCast", node, use);
}

void NodeHandlers::typed_column(Walker& walker, JsonObject node, Use use) {
  if (const auto type = object_field(node, "typeName")) walker.type_runs(*type);
  walker.walk_fields("RangeTableFuncCol", node, use);
}

void NodeHandlers::xml_serialize(Walker& walker, JsonObject node, Use use) {
  if (const auto type = object_field(node, "typeName")) walker.type_runs(*type);
  walker.walk_fields("XmlSerialize", node, use);
}

void NodeHandlers::range_function(Walker& walker, JsonObject node, Use use) {
  const bool before = walker.column_types_run_;
  walker.column_types_run_ = true;
  if (const auto functions = array_field(node, "functions")) {
    for (const JsonValue entry : *functions) {
      // A pair: the call, and its column definitions or nothing.
      const auto pair = as_node(entry, "List");
      const auto members = pair ? array_field(*pair, "items") : std::nullopt;
      if (!members) continue;
      for (const JsonValue member : *members) {
        JsonObject node_or_nothing;
        const bool nothing = member.get(node_or_nothing) == simdjson::SUCCESS && node_or_nothing.size() == 0;
        if (!nothing) walker.walk_value("List", "items", member, use);
      }
    }
  }
  walker.walk_fields_except("RangeFunction", node, "functions", use);
  walker.column_types_run_ = before;
}

void NodeHandlers::column_definition(Walker& walker, JsonObject node, Use use) {
  if (walker.column_types_run_) {
    if (const auto type = object_field(node, "typeName")) walker.type_runs(*type);
  }
  walker.walk_fields("ColumnDef", node, use);
}

void NodeHandlers::qualified_operator(Walker& walker, JsonObject node, std::string_view list_field) {
  const auto parts = array_field(node, list_field);
  if (!parts) return;
  const QualifiedName name = read_name(*parts);
  if (!is_shipped_operator(name)) walker.collect_.unknown_code("operator", name);
}

void NodeHandlers::operator_expression(Walker& walker, JsonObject node, Use use) {
  // The other kinds (LIKE, BETWEEN, IN …) carry words of the grammar in place of an operator.
  const std::string_view kind = text_field(node, "kind");
  if (kind == "AEXPR_OP" || kind == "AEXPR_OP_ANY" || kind == "AEXPR_OP_ALL") qualified_operator(walker, node, "name");
  walker.walk_fields_except("A_Expr", node, "name", use);
}

void NodeHandlers::sub_link(Walker& walker, JsonObject node, Use use) {
  qualified_operator(walker, node, "operName");
  walker.walk_fields("SubLink", node, use);
}

void NodeHandlers::sort(Walker& walker, JsonObject node, Use use) {
  qualified_operator(walker, node, "useOp");
  walker.walk_fields("SortBy", node, use);
}

// (u).f may be a field or the function f(u). Nothing in the text tells, so the name is recorded among
// the functions, where rules that name it find it, and does not make the statement opaque.
void NodeHandlers::indirection(Walker& walker, JsonObject node, Use use) {
  if (const auto steps = array_field(node, "indirection")) {
    for (const JsonValue step : *steps) {
      if (const std::string_view name = as_string(step); !name.empty()) walker.collect_.function({{}, name});
    }
  }
  walker.walk_fields("A_Indirection", node, use);
}

}  // namespace sluice::rules::sql
