#include "rules/sql/column_scopes.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace sluice::rules::sql {
namespace {

constexpr std::string_view star = "*";

// `t.f` is the function f on the whole row t where t has no column of this name. These take any row.
bool takes_a_row(std::string_view name) {
  constexpr auto functions = std::to_array<std::string_view>(
      {"array_agg", "concat", "count", "hash_record", "hash_record_extended", "json_agg", "json_build_array",
       "jsonb_agg", "jsonb_build_array", "quote_literal", "quote_nullable", "record_out", "record_send", "row_to_json",
       "to_json", "to_jsonb"});
  static_assert(std::ranges::is_sorted(functions));
  return std::ranges::binary_search(functions, name);
}

// What is done with the columns of a WITH query before they are known: it may be anything.
constexpr ColumnUses any_use{ColumnUse::Output, ColumnUse::Predicate, ColumnUse::Grouping, ColumnUse::Ordering};

}  // namespace

void ColumnScopes::step(size_t count) {
  steps_ += count;
  overflowed_ = overflowed_ || steps_ > steps_max;
}

void ColumnScopes::push(bool sees_siblings) {
  Level level;
  level.outer = levels_.size();
  if (!sees_siblings && !levels_.empty()) level.outer = levels_.back().outer;
  levels_.push_back(std::move(level));
}

void ColumnScopes::pop() {
  SLUICE_ASSERT(!levels_.empty());
  levels_.pop_back();
}

bool ColumnScopes::in_from(bool now) {
  SLUICE_ASSERT(!levels_.empty());
  return std::exchange(levels_.back().in_from, now);
}

size_t ColumnScopes::relation_number(QualifiedName name) {
  const auto [at, unknown] =
      relation_numbers_.try_emplace({std::string(name.schema), std::string(name.name)}, relations_.size());
  if (unknown) relations_.push_back(at->first);
  return at->second;
}

void ColumnScopes::add(std::string_view alias, Item item, bool counts) {
  SLUICE_ASSERT(!levels_.empty());
  Level& level = levels_.back();
  if (!alias.empty()) level.by_alias.try_emplace(std::string(alias), level.items.size());
  if (counts) {
    if (item.derived || item.renamed) {
      level.to_search.push_back(level.items.size());
    } else {
      level.relations.add(item.relation);
    }
  }
  level.items.push_back(std::move(item));
}

void ColumnScopes::add_relation(QualifiedName name, std::string_view alias, bool columns_renamed) {
  if (overflowed_) return;
  add(alias.empty() ? name.name : alias, {relation_number(name), nullptr, columns_renamed}, true);
}

void ColumnScopes::add_derived(std::string_view alias, DerivedPtr table) {
  if (overflowed_) return;
  add(alias, {0, std::move(table), false}, true);
}

void ColumnScopes::add_alias(std::string_view alias, size_t first, bool columns_renamed) {
  if (overflowed_) return;
  auto all = std::make_shared<DerivedTable>();
  const auto& items = levels_.back().items;
  for (size_t i = first; i < items.size(); ++i) {
    if (!items[i].derived) {
      all->stars.push_back(items[i].relation);
    } else {
      const DerivedTable& table = *items[i].derived;
      all->columns.insert(all->columns.end(), table.columns.begin(), table.columns.end());
      all->stars.insert(all->stars.end(), table.stars.begin(), table.stars.end());
      all->rest |= table.rest;
    }
    step(all->columns.size() + all->stars.size());
    if (overflowed_) return;
  }
  if (columns_renamed) mix_columns(*all, *this);
  add(alias, {0, std::move(all), false}, false);
}

Sources ColumnScopes::record(std::string_view schema, std::string_view table, std::string_view name, ColumnUses uses) {
  Sources found;
  if (overflowed_) return found;
  const auto [at, unknown] =
      reference_numbers_.try_emplace({std::string(schema), std::string(table), std::string(name)}, references_.size());
  if (unknown && references_.size() == columns_max) {
    overflowed_ = true;
    return found;
  }
  if (unknown) references_.push_back({std::string(schema), std::string(table), std::string(name), {}});
  references_[at->second].uses.add_all(uses);
  return found.set(at->second);
}

Sources ColumnScopes::record(size_t relation, std::string_view name, ColumnUses uses) {
  if (overflowed_) return {};
  const auto& [schema, table] = relations_[relation];
  return record(schema, table, name, uses);
}

Sources ColumnScopes::record_anywhere(std::string_view name, ColumnUses uses) { return record("", "", name, uses); }

void ColumnScopes::add_uses(const Sources& sources, ColumnUses uses) {
  if (sources.none()) return;
  step(references_.size());
  for (size_t i = 0; i < references_.size(); ++i) {
    if (sources.test(i)) references_[i].uses.add_all(uses);
  }
}

Sources ColumnScopes::add_uses(const DerivedTable& table, ColumnUses uses) {
  Sources all = table.rest;
  for (const DerivedTable::Column& column : table.columns) all |= column.sources;
  for (const size_t relation : table.stars) all |= star_source(relation);
  add_uses(all, uses);
  return all;
}

// What a table may have under this name besides columns that are known to have it.
Sources ColumnScopes::use_inexactly(const DerivedTable& table, std::string_view name, ColumnUses uses) {
  Sources found = table.rest;
  for (const DerivedTable::Column& column : table.columns) {
    if (column.name.empty()) found |= column.sources;
  }
  add_uses(found, uses);
  for (const size_t relation : table.stars) found |= record(relation, name, uses);
  return found;
}

Sources ColumnScopes::use_of_derived(const DerivedPtr& table, std::string_view name, ColumnUses uses) {
  if (table->open) {
    table->pending.add_all(table->started ? uses : any_use);
    table->refers_to_itself = table->refers_to_itself || table->started;
    return {};
  }
  step(table->columns.size() + 1);
  Sources found;
  bool exact = false;
  for (const DerivedTable::Column& column : table->columns) {
    if (column.name != name) continue;
    exact = true;
    found |= column.sources;
  }
  add_uses(found, uses);
  if (exact) return found;
  const bool may_have_it = !table->positions_known() ||
                           std::ranges::any_of(table->columns, &std::string::empty, &DerivedTable::Column::name);
  // No such column: then it is a function on the row.
  return may_have_it && !takes_a_row(name) ? use_inexactly(*table, name, uses) : add_uses(*table, uses);
}

Sources ColumnScopes::use_of_item(const Item& item, std::string_view name, ColumnUses uses) {
  if (item.derived) return use_of_derived(item.derived, name, uses);
  Sources found = record(item.relation, item.renamed ? star : name, uses);
  if (takes_a_row(name)) found |= record(item.relation, star, uses);
  return found;
}

Sources ColumnScopes::whole_row(const Item& item, ColumnUses uses) {
  if (!item.derived) return record(item.relation, star, uses);
  if (item.derived->open) return use_of_derived(item.derived, star, uses);
  return add_uses(*item.derived, uses);
}

const ColumnScopes::Item* ColumnScopes::find(std::span<const std::string_view> qualifier) const {
  const std::string_view table = qualifier.back();
  const std::string_view schema = qualifier.size() > 1 ? qualifier[qualifier.size() - 2] : std::string_view{};
  for (size_t i = levels_.size(); i > 0; i = levels_[i - 1].outer) {
    const Level& level = levels_[i - 1];
    const auto at = level.by_alias.find(table);
    if (at == level.by_alias.end()) continue;
    const Item& item = level.items[at->second];
    if (schema.empty()) return &item;
    // A schema in front means the relation itself, and two of one name may stand side by side.
    for (const Item& other : level.items) {
      if (other.derived || relations_[other.relation].second != table) continue;
      if (relations_[other.relation].first == schema) return &other;
    }
    return item.derived ? nullptr : &item;
  }
  return nullptr;
}

Sources ColumnScopes::use_bare(std::string_view name, ColumnUses uses) {
  Sources found;
  Candidates candidates;
  bool anywhere = true;
  for (size_t i = levels_.size(); i > 0 && !overflowed_; i = levels_[i - 1].outer) {
    const Level& level = levels_[i - 1];
    step(level.to_search.size() + 1);
    if (const auto at = level.by_alias.find(name); at != level.by_alias.end()) {
      found |= whole_row(level.items[at->second], uses);
    }
    bool exact = false;
    for (const size_t k : level.to_search) {
      const Item& item = level.items[k];
      anywhere = false;
      if (!item.derived) {
        found |= record(item.relation, star, uses);
      } else if (item.derived->open || std::ranges::find(item.derived->columns, name, &DerivedTable::Column::name) !=
                                           item.derived->columns.end()) {
        exact = exact || !item.derived->open;
        found |= use_of_derived(item.derived, name, uses);
      } else {
        step(item.derived->columns.size() + item.derived->stars.size());
        for (const size_t relation : item.derived->stars) candidates.add(relation);
        Sources unnamed = item.derived->rest;
        for (const auto& column : item.derived->columns) {
          if (column.name.empty()) unnamed |= column.sources;
        }
        add_uses(unnamed, uses);
        found |= unnamed;
      }
    }
    if (exact && level.relations.relation == Candidates::none) return found;  // Inner names hide outer ones.
    candidates.add(level.relations.relation);
  }
  if (candidates.relation == Candidates::many) return found | record_anywhere(name, uses);
  if (candidates.relation != Candidates::none) return found | record(candidates.relation, name, uses);
  return anywhere ? found | record_anywhere(name, uses) : found;
}

Sources ColumnScopes::use(std::span<const std::string_view> parts, ColumnUses uses) {
  if (overflowed_ || parts.empty()) return {};
  if (parts.size() == 1) return use_bare(parts.front(), uses);
  const Item* const item = find(parts.first(parts.size() - 1));
  return item == nullptr ? record_anywhere(parts.back(), uses) : use_of_item(*item, parts.back(), uses);
}

void ColumnScopes::use_star(std::span<const std::string_view> parts, ColumnUses uses, DerivedTable& into) {
  const auto hand_on = [&](const Item& item) {
    if (!item.derived) {
      const Sources all = record(item.relation, star, uses);
      if (item.renamed) {
        into.rest |= all;
      } else {
        into.stars.push_back(item.relation);
      }
      return;
    }
    whole_row(item, uses);
    const DerivedTable& table = *item.derived;
    into.columns.insert(into.columns.end(), table.columns.begin(), table.columns.end());
    into.stars.insert(into.stars.end(), table.stars.begin(), table.stars.end());
    into.rest |= table.rest;
    step(into.columns.size() + into.stars.size());
    overflowed_ = overflowed_ || into.columns.size() > columns_max || into.stars.size() > columns_max;
  };
  if (overflowed_) return;
  if (!parts.empty()) {
    if (const Item* const item = find(parts)) return hand_on(*item);
    into.rest |= record_anywhere(star, uses);
    return;
  }
  if (levels_.empty()) return;
  // By number: handing on may overflow, which stops it.
  for (size_t i = 0; i < levels_.back().items.size() && !overflowed_; ++i) hand_on(levels_.back().items[i]);
}

void ColumnScopes::use_in_members(size_t first, std::string_view name, ColumnUses uses) {
  for (size_t i = first; i < members() && !overflowed_; ++i) use_of_item(levels_.back().items[i], name, uses);
}

void ColumnScopes::use_all_of_members(size_t first, ColumnUses uses) {
  for (size_t i = first; i < members() && !overflowed_; ++i) whole_row(levels_.back().items[i], uses);
}

void ColumnScopes::use_of_target(std::string_view name, ColumnUses uses) {
  if (overflowed_ || members() == 0) return;
  record(levels_.back().items.front().relation, name.empty() ? star : name, uses);
}

void ColumnScopes::use_of_relation(QualifiedName relation, std::string_view name, ColumnUses uses) {
  record(relation.schema, relation.name, name.empty() ? star : name, uses);
}

std::vector<ColumnReference> ColumnScopes::take() {
  if (overflowed_) return {};
  std::ranges::sort(references_, {}, [](const ColumnReference& r) { return std::tie(r.schema, r.table, r.name); });
  return std::move(references_);
}

DerivedTable merge_columns(DerivedTable left, DerivedTable right, ColumnScopes& scopes) {
  if (left.positions_known() && right.positions_known() && left.columns.size() == right.columns.size()) {
    for (size_t i = 0; i < left.columns.size(); ++i) left.columns[i].sources |= right.columns[i].sources;
    return left;
  }
  mix_columns(left, scopes);
  mix_columns(right, scopes);
  left.rest |= right.rest;
  return left;
}

void rename_columns(DerivedTable& table, std::span<const std::string_view> names, ColumnScopes& scopes) {
  if (names.empty()) return;
  if (!table.positions_known() || table.columns.size() < names.size()) return mix_columns(table, scopes);
  for (size_t i = 0; i < names.size(); ++i) table.columns[i].name = names[i];
}

void mix_columns(DerivedTable& table, ColumnScopes& scopes) {
  table.rest = scopes.add_uses(table, {});
  table.columns.clear();
  table.stars.clear();
}

}  // namespace sluice::rules::sql
