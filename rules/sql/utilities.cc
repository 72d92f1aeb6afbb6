// Data definition, COPY, CALL and other statements that are no queries.
#include <utility>

#include "rules/sql/copy_options.h"
#include "rules/sql/node_handlers.h"

namespace sluice::rules::sql {

void NodeHandlers::copy(Walker& walker, JsonObject node, Use) {
  const bool from = flag_field(node, "is_from");
  if (flag_field(node, "is_program")) {
    walker.collect_.kind(StatementKind::CopyProgram);
  } else if (field(node, "filename")) {
    walker.collect_.kind(StatementKind::CopyFile);
  } else {
    walker.collect_.kind(from ? StatementKind::CopyIn : StatementKind::CopyOut);
    if (!from) walker.collect_.copy_out(read_copy_out(node));
  }
  walker.columns_.push(true);
  walker.columns_.in_from(true);
  walker.walk_field("CopyStmt", node, "relation", from ? Use::Write : Use::Read);
  walker.columns_.in_from(false);
  const ColumnUses uses{from ? ColumnUse::Assigned : ColumnUse::Output};
  if (const auto columns = array_field(node, "attlist")) {
    for (const JsonValue column : *columns) walker.columns_.use_of_target(as_string(column), uses);
  } else {
    walker.columns_.use_of_target("", uses);
  }
  const ColumnUses before = std::exchange(walker.uses_, {ColumnUse::Predicate});
  walker.walk_fields_except("CopyStmt", node, "relation", Use::Read);
  walker.uses_ = before;
  walker.columns_.pop();
}

void NodeHandlers::call(Walker& walker, JsonObject node, Use use) {
  const auto call = object_field(node, "funccall");
  const auto parts = call ? array_field(*call, "funcname") : std::nullopt;
  walker.collect_.unknown_code("procedure", parts ? read_name(*parts) : QualifiedName{});
  walker.walk_fields("CallStmt", node, use);
}

void NodeHandlers::prepare(Walker& walker, JsonObject node, Use use) {
  if (const auto types = array_field(node, "argtypes")) {
    for (const JsonValue value : *types) {
      if (const auto type = as_node(value, "TypeName")) walker.type_runs(*type);
    }
  }
  walker.walk_fields("PrepareStmt", node, use);
}

// Names of objects come as lists of words. Triggers, rules, policies, columns and constraints end in
// their own name, behind that of their relation.
void NodeHandlers::object_relation(Walker& walker, JsonArray parts, std::string_view object_type) {
  const bool relation = object_type == "OBJECT_TABLE" || object_type == "OBJECT_VIEW" ||
                        object_type == "OBJECT_INDEX" || object_type == "OBJECT_MATVIEW" ||
                        object_type == "OBJECT_SEQUENCE" || object_type == "OBJECT_FOREIGN_TABLE";
  const bool part_of_one = object_type == "OBJECT_TRIGGER" || object_type == "OBJECT_RULE" ||
                           object_type == "OBJECT_POLICY" || object_type == "OBJECT_COLUMN" ||
                           object_type == "OBJECT_TABCONSTRAINT";
  if (!relation && !part_of_one) return;
  std::vector<std::string_view> words;
  for (const JsonValue part : parts) words.push_back(as_string(part));
  if (part_of_one && !words.empty()) words.pop_back();
  if (words.empty()) return;
  walker.collect_.relation({words.size() > 1 ? words[words.size() - 2] : std::string_view{}, words.back()}, Use::Write);
}

void NodeHandlers::drop(Walker& walker, JsonObject node, Use use) {
  const std::string_view type = text_field(node, "removeType");
  if (const auto objects = array_field(node, "objects")) {
    for (const JsonValue object : *objects) {
      const auto list = as_node(object, "List");
      const auto parts = list ? array_field(*list, "items") : std::nullopt;
      if (parts) object_relation(walker, *parts, type);
    }
  }
  walker.walk_fields("DropStmt", node, use);
}

void NodeHandlers::comment(Walker& walker, JsonObject node, Use use) {
  if (const auto object = field(node, "object")) {
    const auto list = as_node(*object, "List");
    const auto parts = list ? array_field(*list, "items") : std::nullopt;
    if (parts) object_relation(walker, *parts, text_field(node, "objtype"));
  }
  walker.walk_fields("CommentStmt", node, use);
}

void NodeHandlers::grant(Walker& walker, JsonObject node, Use use) {
  walker.collect_.kind(flag_field(node, "is_grant") ? StatementKind::Grant : StatementKind::Revoke);
  walker.walk_fields("GrantStmt", node, use);
}

void NodeHandlers::vacuum(Walker& walker, JsonObject node, Use) {
  bool analyzes = !flag_field(node, "is_vacuumcmd");
  walker.collect_.kind(analyzes ? StatementKind::Analyze : StatementKind::Vacuum);
  const Use use = analyzes ? Use::Read : Use::ReadWrite;
  if (const auto options = array_field(node, "options")) {
    for (const JsonValue value : *options) {
      const auto option = as_node(value, "DefElem");
      analyzes = analyzes || (option && text_field(*option, "defname") == "analyze");
    }
  }
  if (analyzes) walker.collect_.kind(StatementKind::Analyze);
  walker.walk_fields("VacuumStmt", node, use);
}

// CREATE AGGREGATE, OPERATOR, TYPE (base), TEXT SEARCH PARSER and TEMPLATE name functions that will run.
void NodeHandlers::define(Walker& walker, JsonObject node, Use use) {
  const std::string_view kind = text_field(node, "kind");
  if (kind != "OBJECT_COLLATION" && kind != "OBJECT_TSDICTIONARY" && kind != "OBJECT_TSCONFIGURATION") {
    walker.collect_.opaque("creates an aggregate, operator, base type or text search object");
  }
  walker.walk_fields("DefineStmt", node, use);
}

void NodeHandlers::create_domain(Walker& walker, JsonObject node, Use use) {
  if (const auto constraints = array_field(node, "constraints")) {
    for (const JsonValue value : *constraints) {
      const auto constraint = as_node(value, "Constraint");
      if (constraint && text_field(*constraint, "contype") == "CONSTR_CHECK") {
        walker.collect_.opaque("creates a domain with a check");
      }
    }
  }
  walker.walk_fields("CreateDomainStmt", node, use);
}

void NodeHandlers::alter_domain(Walker& walker, JsonObject node, Use use) {
  if (field(node, "def")) walker.collect_.opaque("changes a domain");
  walker.walk_fields("AlterDomainStmt", node, use);
}

void NodeHandlers::alter_table_command(Walker& walker, JsonObject node, Use use) {
  const bool before = walker.column_types_run_;
  const std::string_view subtype = text_field(node, "subtype");
  walker.column_types_run_ = subtype == "AT_AlterColumnType";
  // A column's values are gone as a table's are.
  if (subtype == "AT_DropColumn") walker.collect_.kind(StatementKind::Drop);
  walker.walk_fields("AlterTableCmd", node, use);
  walker.column_types_run_ = before;
}

void NodeHandlers::index_element(Walker& walker, JsonObject node, Use use) {
  if (const auto parts = array_field(node, "opclass")) {
    const QualifiedName name = read_name(*parts);
    const bool shipped = name.schema.empty() || name.schema == "pg_catalog";
    if (!shipped) walker.collect_.unknown_code("operator class", name);
  }
  walker.walk_fields("IndexElem", node, use);
}

// Relations that a definition only looks at: parents, what LIKE copies, what a foreign key points to,
// what a publication sends.
void NodeHandlers::create_table(Walker& walker, JsonObject node, Use use) {
  walker.walk_field("CreateStmt", node, "inhRelations", Use::Read);
  walker.walk_fields_except("CreateStmt", node, "inhRelations", use);
}

void NodeHandlers::constraint(Walker& walker, JsonObject node, Use) {
  walker.walk_fields("Constraint", node, Use::Read);
}

void NodeHandlers::table_like(Walker& walker, JsonObject node, Use) {
  walker.walk_fields("TableLikeClause", node, Use::Read);
}

void NodeHandlers::published_table(Walker& walker, JsonObject node, Use) {
  walker.walk_fields("PublicationTable", node, Use::Read);
}

}  // namespace sluice::rules::sql
