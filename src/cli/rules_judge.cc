#include "cli/rules_judge.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/big_stack_thread.h"
#include "cli/cli.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::cli {
namespace {

constexpr uint32_t first_normal_oid = 16384;  // Below: what every PostgreSQL ships (transam.h).
constexpr uint32_t text_oid = 25;

// Schemas in which the relation may stand: a name without one may be in any that a rule names.
std::vector<std::string> schemas_of(const RelationUse& use, const rules::RuleSet& set) {
  if (!use.schema.empty()) return {use.schema};
  std::vector<std::string> schemas;
  for (const rules::Rule& rule : set.data().rules) {
    for (const rules::ColumnPattern& pattern : rule.result.columns) {
      if (pattern.schema.open || !matches(pattern.table, use.name)) continue;
      if (std::ranges::find(schemas, pattern.schema.text) == schemas.end()) schemas.push_back(pattern.schema.text);
    }
  }
  if (schemas.empty()) schemas.emplace_back("public");
  return schemas;
}

// A name that fits the pattern: stars may stand for nothing.
std::string name_that_fits(const rules::NamePattern& pattern) {
  std::string name = pattern.text;
  if (pattern.open) std::erase(name, '*');
  return name.empty() ? "column" : name;
}

}  // namespace

int on_big_stack(const std::function<int()>& work) {
  int code = Failed;
  auto thread = BigStackThread::start("sluice-rules", [&] { code = work(); });
  if (!thread) return complain(Failed, thread.error().message);
  thread->join();
  return code;
}

uint32_t AssumedCatalog::relation(const std::string& schema, const std::string& name) {
  for (const auto& [oid, known] : catalog_.relations) {
    if (known.schema == schema && known.name == name) return oid;
  }
  const auto oid = first_normal_oid + static_cast<uint32_t>(catalog_.relations.size());
  CatalogRelation made;
  made.oid = oid;
  made.schema = schema;
  made.name = name;
  catalog_.relations.emplace(oid, std::move(made));
  catalog_.version += 1;
  for (const rules::Rule& rule : rules_.data().rules) {
    for (const rules::ColumnPattern& pattern : rule.result.columns) {
      if (matches(pattern.schema, schema) && matches(pattern.table, name)) {
        (void)column(oid, name_that_fits(pattern.column), text_oid);
      }
    }
  }
  return oid;
}

uint16_t AssumedCatalog::column(uint32_t relation, const std::string& name, uint32_t type_oid) {
  auto& columns = catalog_.relations.at(relation).columns;
  if (const auto at = std::ranges::find(columns, name, &CatalogColumn::name); at != columns.end()) return at->attribute;
  const auto attribute = static_cast<uint16_t>(columns.size() + 1);
  columns.push_back({.name = name, .attribute = attribute, .type_oid = type_oid, .former_names = {}});
  catalog_.version += 1;
  return attribute;
}

Judge::Judge(std::shared_ptr<const rules::RuleSet> set) : set_(std::move(set)) { scratch_.prepare(*set_); }

Judged Judge::judge(const rules::BoundRules& bound, std::string_view text,
                    const std::vector<std::string>& trusted_functions) {
  Judged judged;
  judged.facts = cache_.find(text, rules::Literals::Read);
  if (!judged.facts) {
    judged.facts = rules::analyze(text, limits_, trusted_functions);
    cache_.insert(text, judged.facts);
  }
  const Facts& facts = *judged.facts;
  if (!facts.understood) {
    judged.why.decision = {.reason = facts.over_cap ? Reason::TooLarge : Reason::NotUnderstood};
    return judged;
  }
  if (facts.statement_count == 0) {
    judged.why.decision = {.verdict = Verdict::Allow, .reason = Reason::Default};
    return judged;
  }
  judged.why = bound.explain(facts, facts.has_secret ? std::string_view(facts.text_to_record) : text, scratch_);
  judge_results(bound, judged);
  return judged;
}

void Judge::judge_results(const rules::BoundRules& bound, Judged& judged) const {
  Decision& decision = judged.why.decision;
  if (decision.verdict != Verdict::Allow || (!bound.masks_live() && !bound.alerts_of_columns())) return;
  const Facts& facts = *judged.facts;
  AssumedCatalog assumed(*set_);
  ResultShape shown;
  std::vector<std::string> names;
  for (const RelationUse& use : facts.relations) {
    for (const std::string& schema : schemas_of(use, *set_)) {
      const uint32_t oid = assumed.relation(schema, use.name);
      const auto is_its = [&](const ColumnReference& c) {
        return (c.table.empty() || c.table == use.name) && (c.schema.empty() || c.schema == schema);
      };
      bool every_column = facts.columns_unknown;
      std::vector<std::string> output;
      for (const ColumnReference& c : facts.columns) {
        if (!is_its(c)) continue;
        every_column |= c.name == "*" && c.uses.has(ColumnUse::Output);
        if (c.name == "*") continue;
        (void)assumed.column(oid, c.name, text_oid);
        if (c.uses.has(ColumnUse::Output)) output.push_back(c.name);
      }
      for (const CatalogColumn& c : assumed.catalog().relations.at(oid).columns) {
        if (!every_column && std::ranges::find(output, c.name) == output.end()) continue;
        shown.push_back({.name = c.name, .table_oid = oid, .attribute = c.attribute, .type_oid = text_oid});
        names.push_back(fmt::format("{}.{}.{}", schema, use.name, c.name));
      }
    }
  }
  const Catalog* catalog = &assumed.catalog();
  Alerts alerts = decision.alerts;
  bound.add_alerts(facts, catalog, alerts);
  const Decision by_masks = bound.judge_masks(facts, catalog);
  if (by_masks.verdict != Verdict::Allow) {
    decision = by_masks;
    decision.alerts = alerts;
    return;
  }
  decision.alerts = alerts;
  if (!bound.column_masks_live()) return;
  const rules::MaskPlan plan = bound.plan(shown, bound.reads_masked(facts, catalog), catalog);
  for (size_t i = 0; i < names.size(); ++i) {
    const rules::ColumnPlan& column = plan.columns[i];
    if (column.rule.empty()) continue;
    const std::string mask = column.action == rules::CellAction::Null ? "null" : in_words(column.spec);
    judged.masks.push_back({names[i], std::string(column.rule), mask});
  }
}

std::string in_words(const Decision& decision) {
  const std::string_view verdict = name_of(decision.verdict);
  if (decision.reason == Reason::Rule) return fmt::format("{} by rule {}", verdict, decision.rule);
  return fmt::format("{} by {}", verdict, name_of(decision.reason));
}

std::string in_words(const rules::MaskSpec& mask) {
  switch (mask.op) {
    case rules::MaskOperator::Redact: return "redact";
    case rules::MaskOperator::Replace: return fmt::format("replace new_value={}", mask.text);
    case rules::MaskOperator::Mask:
      return fmt::format("mask keep_first={} keep_last={}", mask.keep_first, mask.keep_last);
    case rules::MaskOperator::Hash: return fmt::format("hash key={}", mask.key->name);
    case rules::MaskOperator::Null: return "null";
    case rules::MaskOperator::Keep: return "keep";
  }
  return "null";
}

std::string in_words(const RelationUse& use) {
  return fmt::format("{}{}{} ({})", use.schema, use.schema.empty() ? "" : ".", use.name,
                     use.read && use.write ? "read, write" : use.write ? "write" : "read");
}

}  // namespace sluice::cli
