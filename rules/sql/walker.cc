#include "rules/sql/walker.h"

#include <array>

#include "base/assert.h"
#include "rules/sql/characters.h"
#include "rules/sql/node_fields.h"

namespace sluice::rules::sql {
namespace {

// The tree shows both a missing list member and a node its writer does not know as {}. Only where the
// grammar is known to leave members out may it be taken for nothing.
bool may_be_empty(std::string_view parent, std::string_view name) {
  return (parent == "SelectStmt" && name == "distinctClause") || (parent == "ObjectWithArgs" && name == "objargs") ||
         (parent == "ObjectWithArgs" && name == "objfuncargs") || (parent == "DefineStmt" && name == "args");
}

constexpr std::string_view statement_suffix = "Stmt";

// "CreateUserMappingStmt" as people write it: "create user mapping".
std::string in_words(std::string_view statement) {
  std::string words;
  for (const char c : statement.substr(0, statement.size() - statement_suffix.size())) {
    const bool capital = c >= 'A' && c <= 'Z';
    if (capital && !words.empty()) words.push_back(' ');
    words.push_back(fold(c));
  }
  return words;
}

bool is_node_name(std::string_view key) { return !key.empty() && key[0] >= 'A' && key[0] <= 'Z'; }

}  // namespace

void Walker::statement(JsonValue stmt, uint32_t start, uint32_t end) {
  start_ = start;
  end_ = end;
  result_ = {};
  judge_top_level(stmt);
  walk_value("RawStmt", "stmt", stmt, Use::Read);
}

// Finds the query whose rows the statement hands out, and asks whether it is bounded.
void Walker::judge_top_level(JsonValue stmt) {
  if (const auto select = as_node(stmt, "SelectStmt")) {
    if (array_field(*select, "valuesLists")) return;
    const auto limit = field(*select, "limitCount");
    const auto constant = limit ? as_node(*limit, "A_Const") : std::nullopt;
    const bool limit_all = constant && flag_field(*constant, "isnull");
    if (!limit || limit_all) collect_.limit_absent();
    return;
  }
  constexpr auto carriers = std::to_array<std::string_view>(
      {"ExplainStmt", "PrepareStmt", "DeclareCursorStmt", "CopyStmt", "CreateTableAsStmt"});
  for (const std::string_view carrier : carriers) {
    const auto node = as_node(stmt, carrier);
    if (!node) continue;
    if (const auto query = field(*node, "query")) return judge_top_level(*query);
  }
}

void Walker::visit(std::string_view type, JsonObject node, Use use) {
  const NodeSpec* const spec = find_node_spec(type);
  if (spec == nullptr) {
    if (type.ends_with(statement_suffix)) collect_.kind(StatementKind::Other);
    return walk_fields(type, node, use);
  }
  if (spec->kind != StatementKind::Count_) collect_.kind(spec->kind);
  if (type.ends_with(statement_suffix)) use = spec->use;
  if (!spec->opaque.empty()) collect_.opaque(std::string(spec->opaque));
  if (spec->guard != Guard::None) collect_.guard(spec->guard, in_words(type));
  if (spec->handler != nullptr) return spec->handler(*this, node, use);
  walk_fields(type, node, use);
}

void Walker::walk_fields(std::string_view type, JsonObject node, Use use) {
  for (const auto entry : node) walk_value(type, entry.key, entry.value, use);
}

void Walker::walk_fields_except(std::string_view type, JsonObject node, std::string_view skipped, Use use) {
  for (const auto entry : node) {
    if (entry.key != skipped) walk_value(type, entry.key, entry.value, use);
  }
}

void Walker::walk_field(std::string_view parent, JsonObject node, std::string_view name, Use use) {
  if (const auto value = field(node, name)) walk_value(parent, name, *value, use);
}

void Walker::walk_value(std::string_view parent, std::string_view name, JsonValue value, Use use) {
  JsonArray members;
  if (value.get(members) == simdjson::SUCCESS) {
    for (const JsonValue member : members) walk_value(parent, name, member, use);
    return;
  }
  JsonObject object;
  if (value.get(object) != simdjson::SUCCESS) return;
  if (object.begin() == object.end()) {
    if (const std::string_view bare = type_of_field(parent, name); !bare.empty()) return visit(bare, object, use);
    if (!may_be_empty(parent, name)) not_understood_ = std::string(parent) + '.' + std::string(name);
    return;
  }
  const auto first = *object.begin();
  if (is_node_name(first.key)) {
    JsonObject inner;
    if (first.value.get(inner) == simdjson::SUCCESS) return visit(first.key, inner, use);
  } else if (const std::string_view bare = type_of_field(parent, name); !bare.empty()) {
    return visit(bare, object, use);
  }
  not_understood_ = std::string(parent) + '.' + std::string(name);
}

// A plain WITH shows each query the names before it; WITH RECURSIVE shows every query every name. In
// `WITH t AS (SELECT * FROM t)` the inner t is therefore the table.
size_t Walker::enter(JsonObject node) {
  const size_t mark = scope_.size();
  const auto with = object_field(node, "withClause");
  const auto queries = with ? array_field(*with, "ctes") : std::nullopt;
  if (!queries) return mark;
  const bool recursive = flag_field(*with, "recursive");
  const auto name_of_query = [](JsonValue value) {
    const auto query = as_node(value, "CommonTableExpr");
    return query ? text_field(*query, "ctename") : std::string_view{};
  };
  std::vector<DerivedPtr> tables;
  for (const JsonValue query : *queries) {
    tables.push_back(std::make_shared<DerivedTable>());
    tables.back()->open = true;
    if (recursive) hide(name_of_query(query), tables.back());
  }
  size_t number = 0;
  for (const JsonValue query : *queries) {
    read_with_query(query, *tables[number]);
    if (!recursive) hide(name_of_query(query), tables[number]);
    ++number;
  }
  return mark;
}

void Walker::read_with_query(JsonValue query, DerivedTable& table) {
  table.started = true;
  walk_value("WithClause", "ctes", query, Use::Read);
  DerivedTable found = std::exchange(result_, {});
  std::vector<std::string_view> names;
  if (const auto node = as_node(query, "CommonTableExpr")) {
    if (const auto aliases = array_field(*node, "aliascolnames")) {
      for (const JsonValue alias : *aliases) names.push_back(as_string(alias));
    }
    // SEARCH and CYCLE name columns that they sort by and compare.
    if (field(*node, "search_clause") || field(*node, "cycle_clause")) {
      columns_.add_uses(found, {ColumnUse::Predicate, ColumnUse::Ordering});
    }
  }
  rename_columns(found, names, columns_);
  if (table.refers_to_itself) mix_columns(found, columns_);
  columns_.add_uses(found, table.pending);
  table = std::move(found);
}

void Walker::hide(std::string_view name, DerivedPtr query) {
  hidden_[std::string(name)].push_back(scope_.size());
  scope_.emplace_back(name, std::move(query));
}

void Walker::leave(size_t mark) {
  while (scope_.size() > mark) {
    const auto at = hidden_.find(scope_.back().first);
    SLUICE_ASSERT(at != hidden_.end());
    at->second.pop_back();
    if (at->second.empty()) hidden_.erase(at);
    scope_.pop_back();
  }
}

DerivedPtr Walker::hidden(QualifiedName name) const {
  if (!name.schema.empty()) return nullptr;
  const auto at = hidden_.find(name.name);
  return at == hidden_.end() ? nullptr : scope_[at->second.back()].second;
}

void Walker::target(JsonObject statement, Use use) {
  const bool before = columns_.in_from(true);
  walk_field("UpdateStmt", statement, "relation", use);
  columns_.in_from(before);
}

void Walker::type_runs(JsonObject type_name) {
  const auto parts = array_field(type_name, "names");
  if (!parts) return;
  const QualifiedName name = read_name(*parts);
  if (!is_shipped_type(name)) collect_.unknown_code("type", name);
}

void Walker::blank_literals(JsonValue value) {
  JsonArray members;
  if (value.get(members) == simdjson::SUCCESS) {
    for (const JsonValue member : members) blank_literals(member);
    return;
  }
  JsonObject object;
  if (value.get(object) != simdjson::SUCCESS) return;
  if (const auto constant = as_node(value, "A_Const")) {
    if (!object_field(*constant, "sval")) return;
    const auto location = location_field(*constant);
    return collect_.secret_at(location.value_or(UINT32_MAX));
  }
  for (const auto entry : object) blank_literals(entry.value);
}

}  // namespace sluice::rules::sql
