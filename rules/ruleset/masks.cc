// Column masks: who reads a masked relation, what cannot be carried, and what each result column becomes.
#include <algorithm>
#include <array>
#include <string_view>

#include "base/assert.h"
#include "rules/mask/operators.h"
#include "rules/mask/types.h"
#include "rules/ruleset/mask_index.h"
#include "rules/ruleset/ruleset.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::rules {
namespace {

constexpr uint32_t first_normal_oid = 16384;  // Below: what every PostgreSQL ships (transam.h).

constexpr std::string_view export_message = "it takes rows under a mask out of the reach of the mask";
constexpr std::string_view export_hint = "Leave the masked columns out, or read the rows with a SELECT.";
constexpr std::string_view explain_message = "plans quote values, and they carry no origin to mask them by";
constexpr std::string_view explain_hint = "EXPLAIN works on relations without a masked column.";
constexpr std::string_view update_message = "it reads a masked column into a write";
constexpr std::string_view update_hint = "Masked columns may be assigned to, not read, by a write.";
constexpr std::string_view compare_message = "it compares, groups or orders by a masked column, which would tell its values";
constexpr std::string_view compare_hint = "Masked columns may be selected; compare, group and order by others.";
constexpr std::string_view write_back_message = "it writes the text of a mask into a masked column";
constexpr std::string_view write_back_hint = "What was read there was masked: leave the column out of the write.";
constexpr std::string_view unseen_message = "it writes parameters too large to be looked at into a masked column";
constexpr std::string_view unseen_hint = "Write the masked column in a statement of its own, within limits.bind_size.";
constexpr std::string_view alter_message = "it changes what a mask is bound to";
constexpr std::string_view code_message = "code of the caller's own could read masked columns unseen";
constexpr std::string_view code_hint = "Send the statements themselves.";

// Relations that quote values of other tables' columns.
constexpr std::array<std::string_view, 5> statistics_relations = {
    "pg_stats", "pg_statistic", "pg_stats_ext", "pg_stats_ext_exprs", "pg_statistic_ext_data"};

// Functions of pg_catalog, by the beginning of their name, that hand a value to somebody else or keep it
// where a later statement finds it under another origin (an advisory lock shows its key in pg_locks).
constexpr std::array<std::string_view, 10> export_functions = {
    "pg_notify",          "set_config", "pg_logical_emit_message", "lo_",    "lowrite",
    "pg_try_advisory_",   "setval",     "pg_replication_origin_",  "pg_advisory_", "pg_create_"};

std::string_view without_pg_catalog(std::string_view name) {
  constexpr std::string_view prefix = "pg_catalog.";
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

bool is_system(const RelationUse& use) {
  if (use.schema.empty()) return use.name.starts_with("pg_");
  return use.schema == "pg_catalog" || use.schema == "information_schema";
}

bool is_statistics(const RelationUse& use) {
  return is_system(use) && std::ranges::find(statistics_relations, use.name) != statistics_relations.end();
}

bool is_export_function(const std::string& name) {
  const auto begins = [bare = without_pg_catalog(name)](std::string_view prefix) { return bare.starts_with(prefix); };
  return std::ranges::any_of(export_functions, begins);
}

Decision unmaskable(std::string_view message, std::string_view hint) {
  return {Verdict::Deny, Reason::Unmaskable, {}, message, hint};
}

constexpr Decision nothing_against{Verdict::Allow, Reason::Default, {}, {}, {}};

}  // namespace

bool BoundRules::under_mask(const RelationUse& use, const Catalog* catalog) const {
  if (catalog == nullptr) return true;
  const MaskIndex& index = cached_mask_index(*set_, *catalog);
  const auto named = index.by_name.find(use.name);
  bool known = false;
  if (named != index.by_name.end()) {
    for (const auto& [schema, oid] : named->second) {
      if (!use.schema.empty() && use.schema != schema) continue;
      known = true;
      const auto masks = index.by_oid.find(oid);
      if (masks == index.by_oid.end()) continue;
      if (std::ranges::any_of(masks->second, [&](const RelationMask& mask) { return bound(mask.rule); })) return true;
    }
  }
  // Not in the catalog: made in this transaction, or a second ago. It may read anything.
  return !known && !is_system(use);
}

bool BoundRules::reads_masked(const Facts& facts, const Catalog* catalog) const {
  if (!column_masks_) return false;
  if (facts.opaque) return true;
  return std::ranges::any_of(facts.relations, [&](const RelationUse& use) { return under_mask(use, catalog); });
}

template <typename Visit>
bool BoundRules::any_masked_column(const Facts& facts, const Catalog& catalog, const std::vector<uint32_t>& rules,
                                   Visit visit) const {
  const MaskIndex& index = cached_mask_index(*set_, catalog);
  const auto in_relation = [&](const ColumnReference& column, uint32_t oid) {
    const auto masks = index.by_oid.find(oid);
    if (masks == index.by_oid.end()) return false;
    return std::ranges::any_of(masks->second, [&](const RelationMask& mask) {
      if (!std::ranges::binary_search(rules, mask.rule)) return false;
      const auto& columns = catalog.relations.at(oid).columns;
      const auto is_it = [&](const CatalogColumn& c) { return c.attribute == mask.attribute && c.name == column.name; };
      const bool named = mask.whole || column.name == "*" || std::ranges::any_of(columns, is_it);
      return named && visit(column, set_->data().rules[mask.rule]);
    });
  };
  return std::ranges::any_of(facts.columns, [&](const ColumnReference& column) {
    return std::ranges::any_of(facts.relations, [&](const RelationUse& use) {
      if (!column.table.empty() && column.table != use.name) return false;
      if (!column.schema.empty() && !use.schema.empty() && column.schema != use.schema) return false;
      const auto named = index.by_name.find(use.name);
      if (named == index.by_name.end()) return false;
      return std::ranges::any_of(named->second, [&](const MaskIndex::Named& relation) {
        return (use.schema.empty() || use.schema == relation.schema) && in_relation(column, relation.oid);
      });
    });
  });
}

bool BoundRules::compares_masked(const Facts& facts, const Catalog& catalog) const {
  using enum ColumnUse;
  const auto guarded = [&](uint32_t rule) {
    const ResultRule& result = set_->data().rules[rule].result;
    return !result.columns.empty() && !result.inference;
  };
  if (std::ranges::none_of(result_rules_, guarded)) return false;
  if (facts.columns_unknown) return true;
  return any_masked_column(facts, catalog, result_rules_, [](const ColumnReference& column, const Rule& rule) {
    return !rule.result.inference && column.uses.intersects({Predicate, Grouping, Ordering});
  });
}

bool BoundRules::reads_masked_columns(const Facts& facts, const Catalog& catalog) const {
  using enum ColumnUse;
  return facts.columns_unknown ||
         any_masked_column(facts, catalog, result_rules_, [](const ColumnReference& column, const Rule&) {
           return column.uses.intersects({Output, Predicate, Grouping, Ordering});
         });
}

Decision BoundRules::judge_written(const Facts& facts, std::span<const std::string_view> values, const Catalog* catalog) const {
  if (!column_masks_ || catalog == nullptr) return nothing_against;
  const bool writes_back = any_masked_column(facts, *catalog, result_rules_, [&](const ColumnReference& column, const Rule& rule) {
    return column.uses.has(ColumnUse::Assigned) &&
           std::ranges::any_of(values, [&](std::string_view value) { return is_mask_text(rule.result.mask, value); });
  });
  return writes_back ? unmaskable(write_back_message, write_back_hint) : nothing_against;
}

Decision BoundRules::judge_unseen(const Facts& facts, const Catalog* catalog) const {
  if (!column_masks_ || catalog == nullptr) return nothing_against;
  const bool written = any_masked_column(facts, *catalog, result_rules_, [](const ColumnReference& column, const Rule&) {
    return column.uses.has(ColumnUse::Assigned);
  });
  return written ? unmaskable(unseen_message, unseen_hint) : nothing_against;
}

void BoundRules::add_alerts(const Facts& facts, const Catalog* catalog, Alerts& alerts) const {
  if (catalog == nullptr) return;
  std::vector<const Rule*> told;
  (void)any_masked_column(facts, *catalog, alert_columns_, [&](const ColumnReference& column, const Rule& rule) {
    if (column.uses.has(ColumnUse::Output) && std::ranges::find(told, &rule) == told.end()) {
      told.push_back(&rule);
      alerts.add(rule.id);
    }
    return false;
  });
}

Decision BoundRules::judge_masks(const Facts& facts, const Catalog* catalog) const {
  using enum StatementKind;
  if (!changes_results()) return nothing_against;
  if (facts.kinds.has(CopyOut)) {
    const Decision copies = judge_copies(facts, reads_masked(facts, catalog), catalog);
    if (copies.verdict != Verdict::Allow) return copies;
  }
  if (!column_masks_) return nothing_against;

  if (facts.guard == Guard::StatisticsOfMasked || std::ranges::any_of(facts.relations, is_statistics)) {
    return {Verdict::Deny, Reason::Guard, {}, sluice::explain(Guard::StatisticsOfMasked), {}};
  }
  if (facts.kinds.has(Do) || (facts.opaque && facts.kinds.has(Create))) return unmaskable(code_message, code_hint);
  if (facts.kinds.has(Create) && facts.kinds.has(Execute)) return unmaskable(export_message, export_hint);
  if (facts.kinds.has(Alter) && facts.canonical.find("alter schema ") != std::string::npos) {
    return unmaskable(alter_message, {});  // A new name may take its tables away from the rules.
  }
  if (!reads_masked(facts, catalog)) return nothing_against;
  if (catalog != nullptr && compares_masked(facts, *catalog)) return unmaskable(compare_message, compare_hint);

  if (facts.kinds.has(Explain)) return unmaskable(explain_message, explain_hint);
  if (facts.kinds.has(CopyFile) || facts.kinds.has(CopyProgram)) return unmaskable(export_message, export_hint);
  if (std::ranges::any_of(facts.functions, is_export_function)) return unmaskable(export_message, export_hint);

  bool masked = false;
  bool masked_source = false;
  bool only_source = false;
  bool other_written = false;
  for (const RelationUse& use : facts.relations) {
    const bool here = under_mask(use, catalog);
    masked |= here;
    masked_source |= here && use.read;
    only_source |= here && use.read && !use.write;
    other_written |= !here && use.write;
  }
  if (masked && facts.kinds.has(Alter)) return unmaskable(alter_message, {});

  // What an opaque function of a SELECT writes is its owner's doing; here the text itself writes.
  const bool writes_rows = facts.kinds.has(Insert) || facts.kinds.has(Update) || facts.kinds.has(Merge);
  const bool selects = facts.kinds.has(Select);
  // Rows of one write may feed another.
  const bool returns = facts.columns_unknown || std::ranges::any_of(facts.columns, [](const ColumnReference& column) {
    return column.uses.has(ColumnUse::Output);
  });
  if (masked_source && selects && (writes_rows || facts.kinds.has(Create))) return unmaskable(export_message, export_hint);
  if (only_source && writes_rows) return unmaskable(export_message, export_hint);
  if (masked && writes_rows && other_written && (masked_source || selects || returns)) {
    return unmaskable(export_message, export_hint);
  }
  const bool updates = facts.kinds.has(Update) || facts.kinds.has(Merge);
  if (masked && updates && catalog != nullptr && reads_masked_columns(facts, *catalog)) {
    return unmaskable(update_message, update_hint);
  }
  if (!masked || !writes_rows) return nothing_against;
  std::vector<std::string_view> literals;
  for (std::string_view left = facts.literals; !left.empty();) {
    const size_t end = std::min(left.find(literal_separator), left.size());
    literals.push_back(left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return judge_written(facts, literals, catalog);
}

ColumnPlan BoundRules::plan_column(const ResultColumn& column, bool tainted, const Catalog* catalog) const {
  const TypeClass type = type_class(column.type_oid);
  ColumnPlan plan{.type_oid = column.type_oid,
                  .binary = column.binary,
                  .rule = {},
                  .characters_max = characters_max(column.type_oid, column.type_modifier)};
  if (column_masks_) {
    if (column.table_oid == 0 || catalog == nullptr) {
      if (tainted) return plan;
    } else if (!catalog->relations.contains(column.table_oid)) {
      if (column.table_oid >= first_normal_oid) return plan;
    } else if (const MaskIndex& index = cached_mask_index(*set_, *catalog); index.by_oid.contains(column.table_oid)) {
      const Rule* masking = nullptr;
      MaskSpec spec;
      for (const RelationMask& mask : index.by_oid.at(column.table_oid)) {
        if (!bound(mask.rule)) continue;
        const Rule& rule = set_->data().rules[mask.rule];
        const bool whole = mask.whole || column.attribute == 0;
        if (!whole && mask.attribute != column.attribute) continue;
        const MaskSpec its = whole || mask.computed ? MaskSpec{.op = MaskOperator::Null} : rule.result.mask;
        spec = masking == nullptr ? its : stricter(spec, its);
        masking = masking == nullptr ? &rule : masking;
      }
      if (masking != nullptr) {
        plan.rule = masking->id;
        if (spec.op == MaskOperator::Null || type != TypeClass::Text) return plan;
        plan.action = CellAction::Mask;
        plan.spec = spec;
        return plan;
      }
    }
  }
  const bool number = type == TypeClass::Integer || type == TypeClass::Numeric || type == TypeClass::NullOnHit;
  const bool may_hold = !number || value_types_.has(DataType::CreditCard) || !context_of(column, catalog).empty();
  const bool looked_at = !value_types_.empty() && type != TypeClass::Skip && may_hold;
  plan.action = looked_at ? CellAction::Scan : CellAction::Pass;
  return plan;
}

bool BoundRules::wants_catalog() const {
  return column_masks_ || alerts_of_columns() || value_types_.intersects(set_->data().detectors->contextual());
}

// The name the client sees, and the column's own, which an alias would hide.
TypeSet BoundRules::context_of(const ResultColumn& column, const Catalog* catalog) const {
  const Detectors& detectors = *set_->data().detectors;
  if (!value_types_.intersects(detectors.contextual())) return {};
  TypeSet types = detectors.context_of(column.name);
  if (catalog != nullptr && column.table_oid != 0) {
    const auto relation = catalog->relations.find(column.table_oid);
    if (relation != catalog->relations.end()) {
      const auto its = std::ranges::find(relation->second.columns, column.attribute, &CatalogColumn::attribute);
      if (its != relation->second.columns.end()) types |= detectors.context_of(its->name);
    }
  }
  return types & value_types_;
}

uint16_t BoundRules::search_for(const TypeSet& context, MaskPlan& plan) const {
  if (context.empty()) return 0;
  if (plan.searches.empty()) plan.searches.push_back(search_);
  const auto same = std::ranges::find(plan.searches, context, &Search::in_context);
  if (same != plan.searches.end()) return static_cast<uint16_t>(same - plan.searches.begin());
  const Detectors& detectors = *set_->data().detectors;
  if (plan.searches.size() < searches_max) {
    plan.searches.push_back(detectors.search(value_types_, context));
  } else {
    // More context can only mask more.
    plan.searches.back() = detectors.search(value_types_, plan.searches.back().in_context | context);
  }
  return static_cast<uint16_t>(plan.searches.size() - 1);
}

MaskPlan BoundRules::plan(const ResultShape& shape, bool tainted, const Catalog* catalog) const {
  MaskPlan plan;
  plan.columns.reserve(shape.size());
  plan.passes_all = true;
  for (const ResultColumn& column : shape) {
    plan.columns.push_back(plan_column(column, tainted, catalog));
    ColumnPlan& planned = plan.columns.back();
    plan.passes_all &= planned.action == CellAction::Pass;
    if (planned.action == CellAction::Scan) planned.search = search_for(context_of(column, catalog), plan);
  }
  return plan;
}

}  // namespace sluice::rules
