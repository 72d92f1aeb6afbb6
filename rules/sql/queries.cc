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
  const ColumnUses output_uses = std::exchange(walker.output_uses_, {ColumnUse::Output});
  const bool sees_siblings = std::exchange(walker.sees_siblings_, true);
  const Sources collected = std::exchange(walker.collected_, {});
  const size_t mark = walker.enter(node);
  const std::string_view outer_row = std::exchange(walker.settings_row_, setting_of_row(node));
  const ColumnUses uses = std::exchange(walker.uses_, {ColumnUse::Predicate});
  if (field(node, "intoClause")) {
    walker.collect_.kind(StatementKind::Create);
    walker.walk_field("SelectStmt", node, "intoClause", Use::Write);
  }
  DerivedTable result;
  if (field(node, "larg")) {
    set_operation(walker, node, output_uses, sees_siblings);
    result = std::exchange(walker.result_, {});
  }
  walker.columns_.push(sees_siblings);
  walk_from(walker, "SelectStmt", node, "fromClause");
  if (const auto targets = array_field(node, "targetList")) outputs(walker, *targets, output_uses, result);
  if (const auto lists = array_field(node, "valuesLists")) rows(walker, *lists, output_uses, result);
  name_outputs(walker, node, result);
  for (const auto entry : node) {
    const std::string_view key = entry.key;
    if (key == "withClause" || key == "intoClause" || key == "larg" || key == "rarg" || key == "fromClause" ||
        key == "targetList" || key == "valuesLists") {
      continue;
    }
    const bool groups = key == "groupClause" || key == "distinctClause";
    walker.uses_ = groups ? ColumnUses{ColumnUse::Grouping} : ColumnUses{ColumnUse::Predicate};
    walker.walk_value("SelectStmt", key, entry.value, Use::Read);
  }
  walker.columns_.pop();
  walker.uses_ = uses;
  walker.settings_row_ = outer_row;
  walker.leave(mark);
  walker.collected_ = collected;
  walker.result_ = std::move(result);
}

void NodeHandlers::insert(Walker& walker, JsonObject node, Use) {
  const size_t mark = walker.enter(node);
  const auto conflict = object_field(node, "onConflictClause");
  if (conflict && text_field(*conflict, "action") == "ONCONFLICT_UPDATE") walker.collect_.kind(StatementKind::Update);
  const auto source = field(node, "selectStmt");
  // INSERT … VALUES comes as a SELECT of values; that alone does not make it a query.
  const auto rows = source ? as_node(*source, "SelectStmt") : std::nullopt;
  if (rows && array_field(*rows, "valuesLists")) {
    select(walker, *rows, Use::Read);
  } else {
    walker.walk_field("InsertStmt", node, "selectStmt", Use::Read);
  }
  walker.columns_.push(true);
  walker.target(node, written(conflict || field(node, "returningList")));
  if (!field(node, "cols")) walker.columns_.use_of_target("", {ColumnUse::Assigned});
  written_fields(walker, "InsertStmt", node);
  walker.columns_.pop();
  walker.leave(mark);
}

void NodeHandlers::update(Walker& walker, JsonObject node, Use) {
  const size_t mark = walker.enter(node);
  if (!field(node, "whereClause")) walker.collect_.where_absent();
  const bool reads = has_any(node, {"whereClause", "fromClause", "returningList"}) || !assigns_only_constants(node);
  walker.columns_.push(true);
  walker.target(node, written(reads));
  written_fields(walker, "UpdateStmt", node);
  walker.columns_.pop();
  walker.leave(mark);
}

void NodeHandlers::delete_rows(Walker& walker, JsonObject node, Use) {
  const size_t mark = walker.enter(node);
  if (!field(node, "whereClause")) walker.collect_.where_absent();
  walker.columns_.push(true);
  walker.target(node, written(has_any(node, {"whereClause", "usingClause", "returningList"})));
  written_fields(walker, "DeleteStmt", node);
  walker.columns_.pop();
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
  walker.columns_.push(true);
  walker.target(node, Use::ReadWrite);
  written_fields(walker, "MergeStmt", node);
  walker.columns_.pop();
  walker.leave(mark);
}

// What is written is always a relation: the server never resolves the target of INSERT, UPDATE, DELETE
// or MERGE to a WITH query, whatever its name.
void NodeHandlers::relation(Walker& walker, JsonObject node, Use use) {
  const QualifiedName name{text_field(node, "schemaname"), text_field(node, "relname")};
  const auto alias = object_field(node, "alias");
  const std::string_view alias_name = alias ? text_field(*alias, "aliasname") : std::string_view{};
  const auto renamed = alias ? array_field(*alias, "colnames") : std::nullopt;
  const DerivedPtr query = use == Use::Read ? walker.hidden(name) : nullptr;
  if (!query) {
    walker.collect_.relation(name, use);
    if (walker.columns_.in_from()) walker.columns_.add_relation(name, alias_name, renamed.has_value());
    return;
  }
  if (!walker.columns_.in_from()) return;
  const std::string_view known_as = alias_name.empty() ? name.name : alias_name;
  if (!renamed || query->open) return walker.columns_.add_derived(known_as, query);
  std::vector<std::string_view> names;
  for (const JsonValue value : *renamed) names.push_back(as_string(value));
  auto copy = std::make_shared<DerivedTable>(*query);
  rename_columns(*copy, names, walker.columns_);
  walker.columns_.add_derived(known_as, std::move(copy));
}

// FOR UPDATE OF names members of FROM, by alias: relations already seen there. Row locks leave the
// statement a SELECT.
void NodeHandlers::locking(Walker&, JsonObject, Use) {}

}  // namespace sluice::rules::sql
