// SELECT, INSERT, UPDATE, DELETE, MERGE and the relations they name.
#include "rules/sql/node_handlers.h"

namespace sluice::rules::sql {
namespace {

bool has_any(JsonObject node, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (field(node, name)) return true;
  }
  return false;
}

// SET a = 1 does not look at the row; SET a = b does. Anything but a plain value counts as looking.
bool assigns_only_constants(JsonObject statement) {
  const auto targets = array_field(statement, "targetList");
  if (!targets) return true;
  for (const JsonValue entry : *targets) {
    const auto target = as_node(entry, "ResTarget");
    const auto value = target ? field(*target, "val") : std::nullopt;
    if (!value || !(as_node(*value, "A_Const") || as_node(*value, "ParamRef") || as_node(*value, "SetToDefault"))) {
      return false;
    }
  }
  return true;
}

Use written(bool read) { return read ? Use::ReadWrite : Use::Write; }

}  // namespace

namespace {

// pg_dump asks «SELECT set_config(name, …) FROM pg_settings WHERE name = 'a setting'», to set what an
// older server may not have. In exactly this shape the column is that constant. Empty: another shape.
std::string_view setting_of_row(JsonObject select) {
  const auto from = array_field(select, "fromClause");
  const auto where = object_field(select, "whereClause");
  if (!from || from->size() != 1 || !where || field(select, "withClause") || field(select, "larg")) return {};
  const auto table = as_node(from->at(0).value_unsafe(), "RangeVar");
  const std::string_view schema = table ? text_field(*table, "schemaname") : std::string_view{};
  if (!table || text_field(*table, "relname") != "pg_settings" || field(*table, "alias") ||
      !(schema.empty() || schema == "pg_catalog")) {
    return {};
  }
  const auto equals = object_field(*where, "A_Expr");
  if (!equals || text_field(*equals, "kind") != "AEXPR_OP") return {};
  const auto names = array_field(*equals, "name");
  const auto left = field(*equals, "lexpr");
  const auto right = field(*equals, "rexpr");
  if (!names || names->size() != 1 || as_string(names->at(0).value_unsafe()) != "=" || !left || !right) return {};
  const auto constant = as_node(*right, "A_Const");
  const auto text = constant ? object_field(*constant, "sval") : std::nullopt;
  if (!NodeHandlers::is_column(*left, "name") || !text) return {};
  return text_field(*text, "sval");
}

}  // namespace

bool NodeHandlers::is_column(JsonValue value, std::string_view name) {
  const auto column = as_node(value, "ColumnRef");
  const auto parts = column ? array_field(*column, "fields") : std::nullopt;
  return parts && parts->size() == 1 && as_string(parts->at(0).value_unsafe()) == name;
}

void NodeHandlers::leaf(Walker&, JsonObject, Use) {}

void NodeHandlers::select(Walker& walker, JsonObject node, Use) {
  const size_t mark = walker.enter(node);
  const std::string_view outer_row = std::exchange(walker.settings_row_, setting_of_row(node));
  if (field(node, "intoClause")) {
    walker.collect_.kind(StatementKind::Create);
    walker.walk_field("SelectStmt", node, "intoClause", Use::Write);
  }
  for (const auto entry : node) {
    if (entry.key == "withClause" || entry.key == "intoClause") continue;
    walker.walk_value("SelectStmt", entry.key, entry.value, Use::Read);
  }
  walker.settings_row_ = outer_row;
  walker.leave(mark);
}

void NodeHandlers::insert(Walker& walker, JsonObject node, Use) {
  const size_t mark = walker.enter(node);
  const auto conflict = object_field(node, "onConflictClause");
  if (conflict && text_field(*conflict, "action") == "ONCONFLICT_UPDATE") walker.collect_.kind(StatementKind::Update);
  walker.target(node, written(conflict || field(node, "returningList")));
  for (const auto entry : node) {
    if (entry.key == "withClause" || entry.key == "relation") continue;
    if (entry.key == "selectStmt") {
      // INSERT … VALUES comes as a SELECT of values; that alone does not make it a query.
      const auto rows = as_node(entry.value, "SelectStmt");
      if (rows && array_field(*rows, "valuesLists")) {
        select(walker, *rows, Use::Read);
        continue;
      }
    }
    walker.walk_value("InsertStmt", entry.key, entry.value, Use::Read);
  }
  walker.leave(mark);
}

void NodeHandlers::update(Walker& walker, JsonObject node, Use) {
  const size_t mark = walker.enter(node);
  if (!field(node, "whereClause")) walker.collect_.where_absent();
  const bool reads = has_any(node, {"whereClause", "fromClause", "returningList"}) || !assigns_only_constants(node);
  walker.target(node, written(reads));
  for (const auto entry : node) {
    if (entry.key == "withClause" || entry.key == "relation") continue;
    walker.walk_value("UpdateStmt", entry.key, entry.value, Use::Read);
  }
  walker.leave(mark);
}

void NodeHandlers::delete_rows(Walker& walker, JsonObject node, Use) {
  const size_t mark = walker.enter(node);
  if (!field(node, "whereClause")) walker.collect_.where_absent();
  walker.target(node, written(has_any(node, {"whereClause", "usingClause", "returningList"})));
  for (const auto entry : node) {
    if (entry.key == "withClause" || entry.key == "relation") continue;
    walker.walk_value("DeleteStmt", entry.key, entry.value, Use::Read);
  }
  walker.leave(mark);
}

// A MERGE does what its branches do, and with a constant for a join condition it does so to every row.
void NodeHandlers::merge(Walker& walker, JsonObject node, Use) {
  const size_t mark = walker.enter(node);
  const auto condition = field(node, "joinCondition");
  const bool every_row = !condition || as_node(*condition, "A_Const");
  if (const auto branches = array_field(node, "mergeWhenClauses")) {
    for (const JsonValue value : *branches) {
      const auto branch = as_node(value, "MergeWhenClause");
      const std::string_view command = branch ? text_field(*branch, "commandType") : "";
      if (command == "CMD_INSERT") walker.collect_.kind(StatementKind::Insert);
      if (command == "CMD_UPDATE") walker.collect_.kind(StatementKind::Update);
      if (command == "CMD_DELETE") walker.collect_.kind(StatementKind::Delete);
      if (every_row && (command == "CMD_UPDATE" || command == "CMD_DELETE")) walker.collect_.where_absent();
    }
  }
  walker.target(node, Use::ReadWrite);
  for (const auto entry : node) {
    if (entry.key == "withClause" || entry.key == "relation") continue;
    walker.walk_value("MergeStmt", entry.key, entry.value, Use::Read);
  }
  walker.leave(mark);
}

// What is written is always a relation: the server never resolves the target of INSERT, UPDATE, DELETE
// or MERGE to a WITH query, whatever its name.
void NodeHandlers::relation(Walker& walker, JsonObject node, Use use) {
  const QualifiedName name{text_field(node, "schemaname"), text_field(node, "relname")};
  if (use == Use::Read && walker.hidden(name)) return;
  walker.collect_.relation(name, use);
}

// FOR UPDATE OF names members of FROM, by alias: relations already seen there. Row locks leave the
// statement a SELECT.
void NodeHandlers::locking(Walker&, JsonObject, Use) {}

}  // namespace sluice::rules::sql
