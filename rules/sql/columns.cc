// Which columns a query uses, and how: the order of its clauses, and what each does with its columns.
#include <array>
#include <utility>

#include "rules/sql/node_handlers.h"

namespace sluice::rules::sql {
namespace {

std::vector<std::string_view> strings_of(JsonArray list) {
  std::vector<std::string_view> words;
  for (const JsonValue value : list) words.push_back(as_string(value));
  return words;
}

bool is_star(JsonValue part) { return as_node(part, "A_Star").has_value(); }

// The parts of a column's name; a star at the end is left out and told.
std::vector<std::string_view> parts_of(JsonObject column, bool& ends_in_star) {
  std::vector<std::string_view> parts;
  ends_in_star = false;
  if (const auto fields = array_field(column, "fields")) {
    for (const JsonValue part : *fields) {
      ends_in_star = is_star(part);
      if (!ends_in_star) parts.push_back(as_string(part));
    }
  }
  return parts;
}

std::string_view alias_of(JsonObject node, std::vector<std::string_view>* columns = nullptr) {
  const auto alias = object_field(node, "alias");
  if (!alias) return {};
  const auto names = array_field(*alias, "colnames");
  if (names && columns != nullptr) *columns = strings_of(*names);
  return text_field(*alias, "aliasname");
}

// GROUP BY 2, ORDER BY 1: the number of an output, or 0.
int64_t position_of(JsonObject constant) {
  const auto integer = object_field(constant, "ival");
  int64_t position = 0;
  const auto value = integer ? field(*integer, "ival") : std::nullopt;
  return value && value->get(position) == simdjson::SUCCESS ? position : 0;
}

}  // namespace

void NodeHandlers::walk_using(Walker& walker, std::string_view parent, JsonObject node, std::string_view name,
                              ColumnUses uses) {
  const ColumnUses before = std::exchange(walker.uses_, uses);
  walker.walk_field(parent, node, name, Use::Read);
  walker.uses_ = before;
}

void NodeHandlers::walk_from(Walker& walker, std::string_view parent, JsonObject node, std::string_view name) {
  const bool before = walker.columns_.in_from(true);
  walk_using(walker, parent, node, name, {ColumnUse::Predicate});
  walker.columns_.in_from(before);
}

Sources NodeHandlers::collect(Walker& walker, std::string_view parent, std::string_view name, JsonValue value) {
  const Sources before = std::exchange(walker.collected_, {});
  walker.walk_value(parent, name, value, Use::Read);
  return std::exchange(walker.collected_, before);
}

void NodeHandlers::column(Walker& walker, JsonObject node, Use) {
  bool star = false;
  const std::vector<std::string_view> parts = parts_of(node, star);
  if (!star) {
    walker.collected_ |= walker.columns_.use(parts, walker.uses_);
    return;
  }
  DerivedTable row;
  walker.columns_.use_star(parts, walker.uses_, row);
  walker.collected_ |= walker.columns_.add_uses(row, walker.uses_);
}

void NodeHandlers::outputs(Walker& walker, JsonArray targets, ColumnUses uses, DerivedTable& into) {
  const ColumnUses before = std::exchange(walker.uses_, uses);
  for (const JsonValue value : targets) {
    const auto target = as_node(value, "ResTarget");
    const auto expression = target ? field(*target, "val") : std::nullopt;
    const auto column = expression ? as_node(*expression, "ColumnRef") : std::nullopt;
    bool star = false;
    const auto parts = column ? parts_of(*column, star) : std::vector<std::string_view>{};
    if (star) {
      walker.columns_.use_star(parts, uses, into);
      continue;
    }
    const Sources sources = collect(walker, "SelectStmt", "targetList", value);
    const auto indirection = expression ? as_node(*expression, "A_Indirection") : std::nullopt;
    if (indirection || into.columns.size() == columns_max) {
      into.rest |= sources;  // (row).* is as many columns as the row has.
      continue;
    }
    std::string_view name = target ? text_field(*target, "name") : std::string_view{};
    if (name.empty() && !parts.empty()) name = parts.back();
    into.columns.push_back({std::string(name), sources});
  }
  walker.uses_ = before;
}

void NodeHandlers::rows(Walker& walker, JsonArray lists, ColumnUses uses, DerivedTable& into) {
  const ColumnUses before = std::exchange(walker.uses_, uses);
  for (const JsonValue list : lists) {
    const auto row = as_node(list, "List");
    const auto values = row ? array_field(*row, "items") : std::nullopt;
    if (!values) {
      into.rest |= collect(walker, "SelectStmt", "valuesLists", list);
      continue;
    }
    size_t position = 0;
    for (const JsonValue value : *values) {
      const Sources sources = collect(walker, "List", "items", value);
      if (position == into.columns.size() && position < columns_max) into.columns.emplace_back();
      (position < into.columns.size() ? into.columns[position].sources : into.rest) |= sources;
      ++position;
    }
  }
  walker.uses_ = before;
}

// ORDER BY and GROUP BY may name an output, by name or position.
void NodeHandlers::name_output(Walker& walker, JsonValue expression, const DerivedTable& outputs, ColumnUses uses) {
  if (const auto constant = as_node(expression, "A_Const")) {
    walker.collect_.literal_matters();
    const int64_t position = position_of(*constant);
    const bool known =
        outputs.positions_known() && position > 0 && static_cast<uint64_t>(position) <= outputs.columns.size();
    if (known) return walker.columns_.add_uses(outputs.columns[static_cast<size_t>(position) - 1].sources, uses);
    walker.columns_.add_uses(outputs, uses);
    return;
  }
  for (const auto& [node, list] : {std::pair{"GroupingSet", "content"}, std::pair{"RowExpr", "args"}}) {
    const auto group = as_node(expression, node);
    const auto members = group ? array_field(*group, list) : std::nullopt;
    if (!members) continue;
    for (const JsonValue member : *members) name_output(walker, member, outputs, uses);
  }
  const auto column = as_node(expression, "ColumnRef");
  if (!column) return;
  bool star = false;
  const auto parts = parts_of(*column, star);
  if (parts.size() != 1 || star) return;
  for (const DerivedTable::Column& output : outputs.columns) {
    if (output.name == parts.front()) walker.columns_.add_uses(output.sources, uses);
  }
}

void NodeHandlers::name_outputs(Walker& walker, JsonObject select, const DerivedTable& outputs) {
  if (const auto groups = array_field(select, "groupClause")) {
    for (const JsonValue group : *groups) name_output(walker, group, outputs, {ColumnUse::Grouping});
  }
  if (const auto keys = array_field(select, "sortClause")) {
    for (const JsonValue key : *keys) {
      const auto sort = as_node(key, "SortBy");
      const auto expression = sort ? field(*sort, "node") : std::nullopt;
      if (expression) name_output(walker, *expression, outputs, {ColumnUse::Ordering});
    }
  }
  if (const auto distinct = array_field(select, "distinctClause")) {
    for (const JsonValue key : *distinct) {
      JsonObject node;
      const bool plain = key.get(node) == simdjson::SUCCESS && node.size() == 0;
      if (plain) {
        walker.columns_.add_uses(outputs, {ColumnUse::Grouping});
      } else {
        name_output(walker, key, outputs, {ColumnUse::Grouping});
      }
    }
  }
  for (const std::string_view name : {"limitCount", "limitOffset"}) {
    const auto value = field(select, name);
    if (value && as_node(*value, "A_Const")) walker.collect_.literal_matters();
  }
}

// UNION, INTERSECT, EXCEPT. Without ALL they compare whole rows, the last two to choose among them.
void NodeHandlers::set_operation(Walker& walker, JsonObject select, ColumnUses uses, bool sees_siblings) {
  std::array<DerivedTable, 2> sides;
  size_t number = 0;
  for (const std::string_view name : {"larg", "rarg"}) {
    walker.output_uses_ = uses;
    walker.sees_siblings_ = sees_siblings;
    walker.walk_field("SelectStmt", select, name, Use::Read);
    sides.at(number++) = std::exchange(walker.result_, {});
  }
  DerivedTable merged = merge_columns(std::move(sides[0]), std::move(sides[1]), walker.columns_);
  if (text_field(select, "op") != "SETOP_UNION") {
    walker.columns_.add_uses(merged, {ColumnUse::Predicate, ColumnUse::Grouping});
  } else if (!flag_field(select, "all")) {
    walker.columns_.add_uses(merged, {ColumnUse::Grouping});
  }
  walker.result_ = std::move(merged);
}

void NodeHandlers::assign(Walker& walker, JsonArray targets) {
  const ColumnUses before = std::exchange(walker.uses_, {ColumnUse::Output});
  for (const JsonValue value : targets) {
    if (const auto target = as_node(value, "ResTarget")) {
      walker.columns_.use_of_target(text_field(*target, "name"), {ColumnUse::Assigned});
    }
    walker.walk_value("UpdateStmt", "targetList", value, Use::Read);
  }
  walker.uses_ = before;
}

// The clauses of INSERT, UPDATE, DELETE and MERGE, once the relation that is written is known.
void NodeHandlers::written_fields(Walker& walker, std::string_view type, JsonObject node) {
  const ColumnUses before = std::exchange(walker.uses_, {ColumnUse::Predicate});
  for (const std::string_view name : {"fromClause", "usingClause", "sourceRelation"}) {
    walk_from(walker, type, node, name);
  }
  DerivedTable returned;
  for (const auto entry : node) {
    const std::string_view key = entry.key;
    if (key == "withClause" || key == "relation" || key == "selectStmt" || key == "fromClause" ||
        key == "usingClause" || key == "sourceRelation") {
      continue;
    }
    JsonArray list;
    const bool is_list = entry.value.get(list) == simdjson::SUCCESS;
    if (is_list && (key == "targetList" || key == "cols")) {
      assign(walker, list);
    } else if (is_list && key == "returningList") {
      outputs(walker, list, {ColumnUse::Output}, returned);
    } else {
      walker.walk_value(type, key, entry.value, Use::Read);
    }
  }
  walker.uses_ = before;
  walker.result_ = std::move(returned);
}

void NodeHandlers::on_conflict(Walker& walker, JsonObject node, Use) {
  walker.columns_.add_alias("excluded", 0, false);
  const auto infer = object_field(node, "infer");
  if (const auto elements = infer ? array_field(*infer, "indexElems") : std::nullopt) {
    for (const JsonValue value : *elements) {
      const auto element = as_node(value, "IndexElem");
      const std::string_view name = element ? text_field(*element, "name") : std::string_view{};
      if (!name.empty()) walker.columns_.use_of_target(name, {ColumnUse::Predicate});
    }
  }
  if (const auto targets = array_field(node, "targetList")) assign(walker, *targets);
  walker.walk_fields_except("OnConflictClause", node, "targetList", Use::Read);
}

void NodeHandlers::merge_branch(Walker& walker, JsonObject node, Use) {
  const bool inserts = text_field(node, "commandType") == "CMD_INSERT";
  const auto targets = array_field(node, "targetList");
  if (targets) assign(walker, *targets);
  if (inserts && !targets) walker.columns_.use_of_target("", {ColumnUse::Assigned});
  walk_using(walker, "MergeWhenClause", node, "condition", {ColumnUse::Predicate});
  walk_using(walker, "MergeWhenClause", node, "values", {ColumnUse::Output});
}

void NodeHandlers::join(Walker& walker, JsonObject node, Use) {
  const size_t first = walker.columns_.members();
  for (const std::string_view side : {"larg", "rarg"}) walker.walk_field("JoinExpr", node, side, Use::Read);
  walk_using(walker, "JoinExpr", node, "quals", {ColumnUse::Predicate});
  if (flag_field(node, "isNatural")) walker.columns_.use_all_of_members(first, {ColumnUse::Predicate});
  if (const auto names = array_field(node, "usingClause")) {
    for (const std::string_view name : strings_of(*names)) {
      walker.columns_.use_in_members(first, name, {ColumnUse::Predicate});
    }
  }
  std::vector<std::string_view> renamed;
  const std::string_view alias = alias_of(node, &renamed);
  if (!alias.empty()) walker.columns_.add_alias(alias, first, !renamed.empty());
  if (const auto merged = object_field(node, "join_using_alias")) {
    walker.columns_.add_alias(text_field(*merged, "aliasname"), first, false);
  }
}

void NodeHandlers::range_subselect(Walker& walker, JsonObject node, Use) {
  walker.output_uses_ = {ColumnUse::Output};
  walker.sees_siblings_ = flag_field(node, "lateral");
  walker.walk_field("RangeSubselect", node, "subquery", Use::Read);
  walker.sees_siblings_ = true;
  auto table = std::make_shared<DerivedTable>(std::exchange(walker.result_, {}));
  std::vector<std::string_view> names;
  const std::string_view alias = alias_of(node, &names);
  rename_columns(*table, names, walker.columns_);
  walker.columns_.add_derived(alias, std::move(table));
}

void NodeHandlers::range_table_function(Walker& walker, JsonObject node, Use use) {
  const Sources before = std::exchange(walker.collected_, {});
  const ColumnUses uses = std::exchange(walker.uses_, {ColumnUse::Output});
  walker.walk_fields("RangeTableFunc", node, use);
  walker.uses_ = uses;
  auto table = std::make_shared<DerivedTable>();
  table->rest = std::exchange(walker.collected_, before);
  walker.columns_.add_derived(alias_of(node), std::move(table));
}

void NodeHandlers::window(Walker& walker, JsonObject node, Use) {
  walk_using(walker, "WindowDef", node, "partitionClause", {ColumnUse::Grouping});
  walk_using(walker, "WindowDef", node, "orderClause", {ColumnUse::Ordering});
  walk_using(walker, "WindowDef", node, "startOffset", {ColumnUse::Predicate});
  walk_using(walker, "WindowDef", node, "endOffset", {ColumnUse::Predicate});
}

void NodeHandlers::case_branch(Walker& walker, JsonObject node, Use use) {
  ColumnUses decides = walker.uses_;
  decides.add_all({ColumnUse::Predicate});
  walk_using(walker, "CaseWhen", node, "expr", decides);
  walker.walk_fields_except("CaseWhen", node, "expr", use);
}

// value['key'] of jsonb; a number may be the key of an array.
void NodeHandlers::subscript(Walker& walker, JsonObject node, Use use) {
  walker.collect_.literal_matters();
  walker.walk_fields("A_Indices", node, use);
}

}  // namespace sluice::rules::sql
