#include "rules/ruleset/ruleset.h"

#include <algorithm>

#include "base/assert.h"
#include "rules/ruleset/ruleset_data.h"
#include "rules/ruleset/scratch.h"

namespace sluice::rules {
namespace {

constexpr std::string_view opaque_hint =
    "It runs code whose text is not in the statement; the statements themselves can be judged one by one.";

bool share_a_group(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::ranges::any_of(a, [&](const std::string& group) { return std::ranges::find(b, group) != b.end(); });
}

bool speaks_of(const Rule& rule, std::string_view target, const Principal& principal) {
  if (!rule.target.empty() && rule.target != target) return false;
  if (!rule.when_groups.empty() && !share_a_group(rule.when_groups, principal.groups)) return false;
  return !share_a_group(rule.except_groups, principal.groups);
}

// An unqualified name may be the table in any schema, as long as nobody pins search_path.
bool may_be(const RelationPattern& pattern, const RelationUse& use) {
  const bool schema_fits = pattern.schema.empty() || use.schema.empty() || pattern.schema == use.schema;
  return schema_fits && (pattern.every_name || pattern.name == use.name);
}

bool deny_matches(const StatementRule& rule, const Facts& facts, bool pattern_hit) {
  // What an opaque part does is not known, so it does what the rule speaks of.
  if (facts.opaque && (!rule.kinds.empty() || !rule.relations.empty())) return true;
  if (!rule.kinds.empty() && !rule.kinds.intersects(facts.kinds)) return false;
  if (rule.where_absent && !facts.where_absent) return false;
  const auto used = [&](const RelationPattern& pattern) {
    return std::ranges::any_of(facts.relations, [&](const RelationUse& use) { return may_be(pattern, use); });
  };
  if (!rule.relations.empty() && std::ranges::none_of(rule.relations, used)) return false;
  return !rule.has_pattern || pattern_hit;
}

// Admits only what it covers whole: every kind of every part, and nothing that runs unseen code.
bool allow_matches(const StatementRule& rule, const Facts& facts, bool pattern_hit) {
  SLUICE_ASSERT(rule.relations.empty());  // Does not compile: needs a pinned search_path.
  if (facts.opaque) return false;
  if (!rule.kinds.empty() && (facts.kinds.bits() & ~rule.kinds.bits()) != 0) return false;
  if (rule.where_absent && !facts.where_absent) return false;
  return !rule.has_pattern || pattern_hit;
}

int on_pattern(unsigned id, unsigned long long, unsigned long long, unsigned, void* context) {
  (*static_cast<std::vector<bool>*>(context))[id] = true;
  return 0;
}

}  // namespace

Scratch::Scratch() : impl_(std::make_unique<Impl>()) {}
Scratch::~Scratch() = default;

void Scratch::prepare(const RuleSet& set) {
  const CompiledRuleSet& data = set.data();
  const bool grown = data.detectors->grow(impl_->hyperscan);
  SLUICE_ASSERT(grown);
  if (data.patterns) {
    hs_scratch_t* scratch = impl_->hyperscan.release();  // Moved by hs_alloc_scratch when it must grow.
    const auto result = hs_alloc_scratch(data.patterns.get(), &scratch);
    impl_->hyperscan.reset(scratch);
    SLUICE_ASSERT(result == HS_SUCCESS);
  }
  if (impl_->pattern_hits.size() < data.rules.size()) impl_->pattern_hits.resize(data.rules.size());
}

RuleSet::RuleSet(std::unique_ptr<CompiledRuleSet> data) : data_(std::move(data)) {
  SLUICE_ASSERT(data_ != nullptr);
  SLUICE_ASSERT(data_->detectors != nullptr);
}
RuleSet::~RuleSet() = default;

uint64_t RuleSet::generation() const { return data_->generation; }
const Digest& RuleSet::hash() const { return data_->hash; }
size_t RuleSet::rule_count() const { return data_->rules.size(); }

BoundRules RuleSet::bind(std::string_view target, Verdict target_default, const Principal& principal) const {
  BoundRules bound;
  bound.set_ = shared_from_this();
  bound.default_verdict_ = target_default;
  bound.value_specs_.resize(data_->detectors->types().size());
  for (uint32_t index = 0; index < data_->rules.size(); ++index) {
    const Rule& rule = data_->rules[index];
    if (!speaks_of(rule, target, principal)) continue;
    if (!rule.is_result) {
      bound.statement_rules_.push_back(index);
      bound.patterns_ |= rule.statement.has_pattern;
      continue;
    }
    bound.result_rules_.push_back(index);
    bound.column_masks_ |= !rule.result.columns.empty();
    rule.result.types.each([&](DataType type) {
      MaskSpec& spec = bound.value_specs_[static_cast<size_t>(type)];
      spec = bound.value_types_.has(type) ? stricter(spec, rule.result.mask) : rule.result.mask;
      bound.value_types_.add(type);
      bound.value_masks_ = true;
    });
  }
  bound.search_ = data_->detectors->search(bound.value_types_);
  return bound;
}

bool BoundRules::bound(uint32_t rule) const { return std::ranges::binary_search(result_rules_, rule); }

Decision BoundRules::judge(const Facts& facts, Scratch& scratch) const {
  if (!facts.understood) return {Verdict::Deny, Reason::NotUnderstood, {}, {}, {}};
  if (facts.guard != Guard::None && facts.guard != Guard::StatisticsOfMasked) {
    return {Verdict::Deny, Reason::Guard, {}, explain(facts.guard), {}};
  }
  if (facts.transaction_end_only) return {Verdict::Allow, Reason::Default, {}, {}, {}};

  const CompiledRuleSet& data = set_->data();
  auto& hits = scratch.impl_->pattern_hits;
  if (patterns_) {
    SLUICE_ASSERT(hits.size() >= data.rules.size());
    hits.assign(hits.size(), false);
    const auto size = static_cast<unsigned>(facts.canonical.size());
    const auto result = hs_scan(data.patterns.get(), facts.canonical.data(), size, 0,
                                scratch.impl_->hyperscan.get(), on_pattern, &hits);
    SLUICE_ASSERT(result == HS_SUCCESS);
  }

  const Rule* allowing = nullptr;
  for (const uint32_t index : statement_rules_) {
    const Rule& rule = data.rules[index];
    const bool pattern_hit = rule.statement.has_pattern && hits[index];
    if (rule.statement.verdict == Verdict::Allow) {
      if (allowing == nullptr && allow_matches(rule.statement, facts, pattern_hit)) allowing = &rule;
    } else if (deny_matches(rule.statement, facts, pattern_hit)) {
      const std::string_view hint = rule.statement.hint.empty() && facts.opaque ? opaque_hint : rule.statement.hint;
      return {Verdict::Deny, Reason::Rule, rule.id, rule.statement.message, hint};
    }
  }
  if (allowing != nullptr) {
    return {Verdict::Allow, Reason::Rule, allowing->id, allowing->statement.message, allowing->statement.hint};
  }
  return {default_verdict_, Reason::Default, {}, {}, {}};
}

}  // namespace sluice::rules
