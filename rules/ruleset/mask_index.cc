#include "rules/ruleset/mask_index.h"

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_set>

#include "rules/ruleset/ruleset_data.h"

namespace sluice::rules {
namespace {

// OIDs below it belong to what every PostgreSQL ships (transam.h, FirstNormalObjectId).
constexpr uint32_t first_normal_oid = 16384;
constexpr size_t cached_indexes_max = 8;

bool holds_rows(const CatalogRelation& relation) {
  return relation.kind == 'r' || relation.kind == 'p' || relation.kind == 'f';
}

class Builder {
 public:
  Builder(const RuleSet& rules, const Catalog& catalog) : rules_(rules.data().rules), catalog_(catalog) {}

  MaskIndex build() {
    for (const auto& [oid, relation] : catalog_.relations) {
      index_.by_name[relation.name].push_back({relation.schema, oid});
      ever_named_[relation.name].push_back({relation.schema, oid});
      for (const QualifiedName& name : relation.former_names) ever_named_[name.name].push_back({name.schema, oid});
      for (const uint32_t source : relation.reads_from) readers_[source].push_back(oid);
    }
    for (uint32_t rule = 0; rule < rules_.size(); ++rule) {
      for (const ColumnPattern& column : rules_[rule].result.columns) seed(rule, column);
      if (!rules_[rule].result.columns.empty()) seed_unknown_sources(rule);
    }
    return std::move(index_);
  }

 private:
  void seed(uint32_t rule, const ColumnPattern& column) {
    if (!column.table.open) {
      if (const auto named = ever_named_.find(column.table.text); named != ever_named_.end()) seed_named(rule, column, named->second);
      return;
    }
    for (const auto& [table, named] : ever_named_) {
      if (matches(column.table, table)) seed_named(rule, column, named);
    }
  }

  void seed_named(uint32_t rule, const ColumnPattern& column, const std::vector<MaskIndex::Named>& tables) {
    for (const auto& [schema, oid] : tables) {
      if (!matches(column.schema, schema)) continue;
      // A pattern speaks of the relations that have such a column; a name, of its table whatever became of it.
      const bool by_pattern = column.schema.open || column.table.open || column.column.open;
      if (by_pattern && !has_column(oid, column.column)) continue;
      // Rows of a child are read through its parents, and the rule on a table covers its children.
      for (const uint32_t parent : reached(oid, [&](uint32_t now) { return parents(now); })) {
        if (parent != oid && !has_column(parent, column.column)) continue;
        mask_by_name(rule, parent, column.column);
        mask_readers(rule, parent);
      }
      for (const uint32_t child : reached(oid, [&](uint32_t now) { return children(now); })) {
        if (child != oid && !has_column(child, column.column)) continue;  // Reads it by a rewrite rule, not by inheritance.
        mask_by_name(rule, child, column.column);
        mask_readers(rule, child);
      }
    }
  }

  // A relation that reads one this catalog does not have may read anything.
  void seed_unknown_sources(uint32_t rule) {
    for (const auto& [source, readers] : readers_) {
      if (source < first_normal_oid || catalog_.relations.contains(source)) continue;
      mask_readers(rule, source);
      for (const uint32_t reader : readers) add(reader, {rule, 0, true});
    }
  }

  template <typename Step>
  std::unordered_set<uint32_t> reached(uint32_t from, Step step) const {
    std::unordered_set<uint32_t> seen{from};
    std::vector<uint32_t> pending{from};
    while (!pending.empty()) {
      const uint32_t now = pending.back();
      pending.pop_back();
      for (const uint32_t next : step(now)) {
        if (seen.insert(next).second) pending.push_back(next);
      }
    }
    return seen;
  }

  std::vector<uint32_t> parents(uint32_t oid) const {
    const CatalogRelation& relation = catalog_.relations.at(oid);
    if (!holds_rows(relation)) return {};
    std::vector<uint32_t> known = relation.reads_from;
    std::erase_if(known, [&](uint32_t parent) { return !catalog_.relations.contains(parent); });
    return known;
  }

  std::vector<uint32_t> children(uint32_t oid) const { return readers(oid, true); }
  std::vector<uint32_t> views(uint32_t oid) const { return readers(oid, false); }

  std::vector<uint32_t> readers(uint32_t oid, bool with_rows) const {
    const auto found = readers_.find(oid);
    if (found == readers_.end()) return {};
    std::vector<uint32_t> wanted = found->second;
    std::erase_if(wanted, [&](uint32_t reader) { return holds_rows(catalog_.relations.at(reader)) != with_rows; });
    return wanted;
  }

  bool has_column(uint32_t oid, const NamePattern& column) const {
    return std::ranges::any_of(catalog_.relations.at(oid).columns,
                               [&](const CatalogColumn& c) { return ever_named(c, column); });
  }

  void mask_by_name(uint32_t rule, uint32_t oid, const NamePattern& column) {
    bool found = false;
    for (const CatalogColumn& c : catalog_.relations.at(oid).columns) {
      if (!ever_named(c, column)) continue;
      found = true;
      add(oid, {rule, c.attribute});
      mask_computed(rule, oid, c.attribute);
    }
    // A column that is gone may have been renamed before we looked: nothing of the table is shown until
    // the rule is mended.
    if (!found) add(oid, {rule, 0, true});
  }

  void mask_computed(uint32_t rule, uint32_t oid, uint16_t from) {
    for (const CatalogColumn& c : catalog_.relations.at(oid).columns) {
      const bool not_known = c.computed_from.empty();
      if (!c.generated || (!not_known && std::ranges::find(c.computed_from, from) == c.computed_from.end())) continue;
      add(oid, {.rule = rule, .attribute = c.attribute, .computed = true});
    }
  }

  static bool ever_named(const CatalogColumn& column, const NamePattern& name) {
    const auto fits = [&](const std::string& one) { return matches(name, one); };
    return fits(column.name) || std::ranges::any_of(column.former_names, fits);
  }

  // Views and materialised views that reach `oid`: every column.
  void mask_readers(uint32_t rule, uint32_t oid) {
    for (const uint32_t view : reached(oid, [&](uint32_t now) { return views(now); })) {
      if (view != oid) add(view, {rule, 0, true});
    }
  }

  void add(uint32_t oid, RelationMask mask) {
    auto& masks = index_.by_oid[oid];
    if (std::ranges::find(masks, mask) == masks.end()) masks.push_back(mask);
  }

  const std::vector<Rule>& rules_;
  const Catalog& catalog_;
  MaskIndex index_;
  std::unordered_map<std::string, std::vector<MaskIndex::Named>> ever_named_;  ///< By present and former name.
  std::unordered_map<uint32_t, std::vector<uint32_t>> readers_;
};

struct CachedIndex {
  uint64_t generation = 0;
  Digest hash{};
  uint64_t lineage = 0;
  uint64_t version = 0;
  std::unique_ptr<MaskIndex> index;
};

}  // namespace

MaskIndex make_mask_index(const RuleSet& rules, const Catalog& catalog) { return Builder(rules, catalog).build(); }

const MaskIndex& cached_mask_index(const RuleSet& rules, const Catalog& catalog) {
  // One cache a thread, so lanes share nothing.
  static thread_local std::array<CachedIndex, cached_indexes_max> cache;
  static thread_local size_t oldest = 0;
  for (const CachedIndex& entry : cache) {
    if (entry.index && entry.lineage == catalog.lineage && entry.version == catalog.version &&
        entry.generation == rules.generation() && entry.hash == rules.hash()) {
      return *entry.index;
    }
  }
  CachedIndex& entry = cache[oldest];
  oldest = (oldest + 1) % cached_indexes_max;
  entry = {rules.generation(), rules.hash(), catalog.lineage, catalog.version,
           std::make_unique<MaskIndex>(make_mask_index(rules, catalog))};
  return *entry.index;
}

std::vector<std::string> unresolved_columns(const RuleSet& rules, const Catalog& catalog, std::string_view target) {
  std::vector<std::string> unresolved;
  for (const Rule& rule : rules.data().rules) {
    if (!rule.target.empty() && rule.target != target) continue;
    for (const ColumnPattern& wanted : rule.result.columns) {
      const bool found = std::ranges::any_of(catalog.relations, [&](const auto& entry) {
        const CatalogRelation& relation = entry.second;
        const auto fits = [&](const CatalogColumn& column) { return matches(wanted.column, column.name); };
        return matches(wanted.schema, relation.schema) && matches(wanted.table, relation.name) &&
               std::ranges::any_of(relation.columns, fits);
      });
      if (!found) {
        unresolved.push_back(rule.id + ": " + wanted.schema.text + "." + wanted.table.text + "." + wanted.column.text);
      }
    }
  }
  return unresolved;
}

}  // namespace sluice::rules
