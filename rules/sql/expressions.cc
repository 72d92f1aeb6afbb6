// Functions, operators and casts: where code runs inside a query.
#include <utility>

#include "rules/sql/node_handlers.h"

namespace sluice::rules::sql {

void NodeHandlers::function_call(Walker& walker, JsonObject node, Use) {
  Collector& collect = walker.collect_;
  const auto parts = array_field(node, "funcname");
  const QualifiedName name = parts ? read_name(*parts) : QualifiedName{};
  collect.function(name);
  if (!ignores_literals(name)) collect.literal_matters();
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
  for (const auto entry : node) {
    if (entry.key == "funcname") continue;
    const ColumnUses before = walker.uses_;
    if (entry.key == "agg_filter") walker.uses_.add_all({ColumnUse::Predicate});
    walker.walk_value("FuncCall", entry.key, entry.value, Use::Read);
    walker.uses_ = before;
  }
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
  if (const auto type = object_field(node, "typeName")) {
    walker.type_runs(*type);
    // 'name'::regclass is a name.
    const auto parts = array_field(*type, "names");
    if (parts && read_name(*parts).name.starts_with("reg")) walker.collect_.literal_matters();
  }
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
  const Sources collected = std::exchange(walker.collected_, {});
  const ColumnUses uses = std::exchange(walker.uses_, {ColumnUse::Output});
  std::string_view called;
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
        const auto call = as_node(member, "FuncCall");
        const auto parts = call ? array_field(*call, "funcname") : std::nullopt;
        if (parts) called = read_name(*parts).name;
        if (!nothing) walker.walk_value("List", "items", member, use);
      }
    }
  }
  walker.walk_fields_except("RangeFunction", node, "functions", use);
  walker.column_types_run_ = before;
  walker.uses_ = uses;
  auto table = std::make_shared<DerivedTable>();
  table->rest = std::exchange(walker.collected_, collected);
  const auto alias = object_field(node, "alias");
  walker.columns_.add_derived(alias ? text_field(*alias, "aliasname") : called, std::move(table));
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

// value -> 'key' and its kin: the key is a name that stands in a literal.
bool NodeHandlers::names_key(JsonObject expression) {
  const auto parts = array_field(expression, "name");
  const std::string_view name = parts ? read_name(*parts).name : std::string_view{};
  return name == "->" || name == "->>" || name == "#>" || name == "#>>" || name == "#-" ||
         name.find('?') != std::string_view::npos || name.starts_with("@");
}

void NodeHandlers::operator_expression(Walker& walker, JsonObject node, Use use) {
  // The other kinds (LIKE, BETWEEN, IN …) carry words of the grammar in place of an operator.
  const std::string_view kind = text_field(node, "kind");
  if (names_key(node)) walker.collect_.literal_matters();
  if (kind == "AEXPR_OP" || kind == "AEXPR_OP_ANY" || kind == "AEXPR_OP_ALL") qualified_operator(walker, node, "name");
  walker.walk_fields_except("A_Expr", node, "name", use);
}

void NodeHandlers::sub_link(Walker& walker, JsonObject node, Use use) {
  qualified_operator(walker, node, "operName");
  const Sources collected = walker.collected_;
  walker.output_uses_ = walker.uses_;
  walker.walk_field("SubLink", node, "subselect", use);
  walker.output_uses_ = {ColumnUse::Output};
  walker.collected_ = collected | walker.columns_.add_uses(std::exchange(walker.result_, {}), {});
  walker.walk_fields_except("SubLink", node, "subselect", use);
}

void NodeHandlers::sort(Walker& walker, JsonObject node, Use use) {
  qualified_operator(walker, node, "useOp");
  const ColumnUses before = std::exchange(walker.uses_, {ColumnUse::Ordering});
  walker.walk_fields("SortBy", node, use);
  walker.uses_ = before;
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
