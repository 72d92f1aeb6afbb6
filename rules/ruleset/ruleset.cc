#include "rules/ruleset/ruleset.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>

#include "base/assert.h"
#include "rules/ruleset/ruleset_data.h"
#include "rules/ruleset/scratch.h"

namespace sluice::rules {
namespace {

constexpr std::string_view opaque_hint =
    "It runs code whose text is not in the statement; the statements themselves can be judged one by one.";

constexpr std::string_view read_only_message = "this session is read-only, and the statement would end that";

bool speaks_of(const Rule& rule, std::string_view target, const Caller& caller) {
  if (!rule.target.empty() && rule.target != target) return false;
  return fits(rule.when, caller) && !(rule.except && fits(*rule.except, caller));
}

// An unqualified name may be the table in any schema, as long as nobody pins search_path.
bool may_be(const RelationPattern& pattern, const RelationUse& use) {
  using enum RelationPattern::Access;
  if ((pattern.access == Read && !use.read) || (pattern.access == Write && !use.write)) return false;
  const bool schema_fits = pattern.schema.empty() || use.schema.empty() || pattern.schema == use.schema;
  return schema_fits && (pattern.every_name || pattern.name == use.name);
}

// Facts write a call as "schema.name" or "name"; a dot of a quoted name makes a longer schema, which
// only a rule on that very name would miss: the last part decides.
bool may_be(const FunctionPattern& pattern, std::string_view called) {
  const size_t dot = called.rfind('.');
  const auto schema = dot == std::string_view::npos ? std::string_view{} : called.substr(0, dot);
  const auto name = dot == std::string_view::npos ? called : called.substr(dot + 1);
  const bool schema_fits = pattern.schema.empty() || schema.empty() || pattern.schema == schema;
  return schema_fits && (pattern.every_name || pattern.name == name);
}

// Where the table of a column is not known, it is one of those that the statement reads or writes.
bool may_be(const ColumnPattern& pattern, const ColumnReference& column, const Facts& facts) {
  if (column.name != "*" && !matches(pattern.column, column.name)) return false;
  if (!column.table.empty()) return matches(pattern.table, column.table) && may_match(pattern.schema, column.schema);
  return std::ranges::any_of(facts.relations, [&](const RelationUse& use) {
    return matches(pattern.table, use.name) && may_match(pattern.schema, use.schema);
  });
}

bool uses_column(const StatementRule& rule, const Facts& facts) {
  const auto may_be_used = [&](const ColumnPattern& pattern) {
    // Too many to list: any column of a relation that fits.
    if (facts.columns_unknown) return may_be(pattern, {{}, {}, "*", {}}, facts);
    return std::ranges::any_of(facts.columns, [&](const ColumnReference& column) {
      return (rule.column_uses.empty() || rule.column_uses.intersects(column.uses)) && may_be(pattern, column, facts);
    });
  };
  return std::ranges::any_of(rule.columns, may_be_used);
}

// For deny and hold: one part that fits is enough.
bool some_part_fits(const StatementRule& rule, const Facts& facts, bool pattern_hit) {
  // What an opaque part does is not known, so it does what the rule speaks of.
  const bool by_function = !rule.functions.empty() || !rule.function_classes.empty();
  if (facts.opaque && (!rule.kinds.empty() || !rule.relations.empty() || by_function || !rule.columns.empty())) return true;
  if (rule.opaque && !facts.opaque) return false;
  if (!rule.kinds.empty() && !rule.kinds.intersects(facts.kinds)) return false;
  if (rule.where_absent && !facts.where_absent) return false;
  if (rule.limit_absent && !facts.limit_absent) return false;
  const auto used = [&](const RelationPattern& pattern) {
    return std::ranges::any_of(facts.relations, [&](const RelationUse& use) { return may_be(pattern, use); });
  };
  if (!rule.relations.empty() && std::ranges::none_of(rule.relations, used)) return false;
  const auto called = [&](const FunctionPattern& pattern) {
    return std::ranges::any_of(facts.functions, [&](const std::string& name) { return may_be(pattern, name); });
  };
  if (by_function && !rule.function_classes.intersects(facts.function_classes) &&
      std::ranges::none_of(rule.functions, called)) {
    return false;
  }
  if (!rule.columns.empty() && !uses_column(rule, facts)) return false;
  return !rule.pattern || pattern_hit;
}

// A name with its schema means one relation; without, any schema's.
bool surely_is(const RelationPattern& pattern, const RelationUse& use) {
  using enum RelationPattern::Access;
  if ((pattern.access == Read && use.write) || (pattern.access == Write && !use.write)) return false;
  return !use.schema.empty() && pattern.schema == use.schema && (pattern.every_name || pattern.name == use.name);
}

// For allow: admits only what it covers whole, every kind and relation of every part, and nothing that
// runs unseen code.
bool every_part_fits(const StatementRule& rule, const Facts& facts, bool pattern_hit) {
  if (facts.opaque) return false;
  if (!rule.kinds.empty() && (facts.kinds.bits() & ~rule.kinds.bits()) != 0) return false;
  if (rule.where_absent && !facts.where_absent) return false;
  if (rule.limit_absent && !facts.limit_absent) return false;
  const auto covered = [&](const RelationUse& use) {
    return std::ranges::any_of(rule.relations, [&](const RelationPattern& pattern) { return surely_is(pattern, use); });
  };
  if (!rule.relations.empty() && !std::ranges::all_of(facts.relations, covered)) return false;
  return !rule.pattern || pattern_hit;
}

int on_pattern(unsigned id, unsigned long long, unsigned long long, unsigned, void* context) {
  (*static_cast<std::vector<bool>*>(context))[id] = true;
  return 0;
}

void find_patterns(const hs_database_t* patterns, std::string_view text, hs_scratch_t* scratch, std::vector<bool>& hits) {
  if (text.empty()) return;  // Its data may be null, which hs_scan() refuses.
  const auto result =
      hs_scan(patterns, text.data(), static_cast<unsigned>(text.size()), 0, scratch, on_pattern, &hits);
  SLUICE_ASSERT(result == HS_SUCCESS);
}

std::atomic<uint64_t> bound_ids = 0;

}  // namespace

Scratch::Scratch() : impl_(std::make_unique<Impl>()) {}
Scratch::~Scratch() = default;

void Scratch::prepare(const RuleSet& set) {
  const CompiledRuleSet& data = set.data();
  const bool grown = data.detectors->grow(impl_->hyperscan);
  SLUICE_ASSERT(grown);
  for (const HsDatabase& patterns : data.patterns) {
    if (!patterns) continue;
    hs_scratch_t* scratch = impl_->hyperscan.release();  // Moved by hs_alloc_scratch when it must grow.
    const auto result = hs_alloc_scratch(patterns.get(), &scratch);
    impl_->hyperscan.reset(scratch);
    SLUICE_ASSERT(result == HS_SUCCESS);
  }
  if (impl_->pattern_hits.size() < data.rules.size()) impl_->pattern_hits.resize(data.rules.size());
}

RuleSet::RuleSet(std::unique_ptr<CompiledRuleSet> data) : data_(std::move(data)) {
  SLUICE_ASSERT(data_ != nullptr);
  SLUICE_ASSERT(data_->detectors != nullptr);
  asks_for_address_ = std::ranges::any_of(data_->rules, [](const Rule& rule) {
    return !rule.when.addresses.empty() || (rule.except && !rule.except->addresses.empty());
  });
}
RuleSet::~RuleSet() = default;

uint64_t RuleSet::generation() const { return data_->generation; }
const Digest& RuleSet::hash() const { return data_->hash; }
size_t RuleSet::rule_count() const { return data_->rules.size(); }

BoundRules RuleSet::bind(std::string_view target, Verdict target_default, const Caller& caller) const {
  BoundRules bound;
  bound.set_ = shared_from_this();
  bound.id_ = bound_ids.fetch_add(1, std::memory_order_relaxed) + 1;
  bound.valid_until_unix_s_ = std::numeric_limits<int64_t>::max();
  bound.default_verdict_ = target_default;
  bound.value_specs_.resize(data_->detectors->types().size());
  for (uint32_t index = 0; index < data_->rules.size(); ++index) {
    const Rule& rule = data_->rules[index];
    for (const Who* who : {&rule.when, rule.except ? &*rule.except : nullptr}) {
      if (who != nullptr) bound.valid_until_unix_s_ = std::min(bound.valid_until_unix_s_, next_change(*who, caller.unix_s));
    }
    if (!speaks_of(rule, target, caller)) continue;
    if (rule.kind == RuleKind::Session) {
      if (rule.session.read_only && bound.read_only_rule_ == BoundRules::no_rule) bound.read_only_rule_ = index;
      continue;
    }
    if (rule.kind == RuleKind::Statement) {
      bound.statement_rules_.push_back(index);
      if (rule.statement.pattern) bound.patterns_[static_cast<size_t>(*rule.statement.pattern)] = true;
      continue;
    }
    if (!rule.result.columns.empty()) {
      (rule.only_alerts() ? bound.alert_columns_ : bound.result_rules_).push_back(index);
      bound.column_masks_ |= !rule.only_alerts();
    }
    const MaskSpec mask = rule.only_alerts() ? MaskSpec{.op = MaskOperator::Keep} : rule.result.mask;
    rule.result.types.each([&](DataType type) {
      MaskSpec& spec = bound.value_specs_[static_cast<size_t>(type)];
      spec = bound.value_types_.has(type) ? stricter(spec, mask) : mask;
      bound.value_types_.add(type);
      bound.value_masks_ = bound.value_masks_ || mask.op != MaskOperator::Keep;
    });
  }
  bound.search_ = data_->detectors->search(bound.value_types_);
  return bound;
}

bool BoundRules::bound(uint32_t rule) const { return std::ranges::binary_search(result_rules_, rule); }

void BoundRules::find_matches(const Facts& facts, std::string_view raw, Scratch& scratch) const {
  const CompiledRuleSet& data = set_->data();
  auto& hits = scratch.impl_->pattern_hits;
  if (std::ranges::find(patterns_, true) != patterns_.end()) {
    SLUICE_ASSERT(hits.size() >= data.rules.size());
    hits.assign(hits.size(), false);
    const std::array<std::string_view, pattern_text_count> texts{facts.canonical, raw, facts.literals};
    for (size_t i = 0; i < patterns_.size(); ++i) {
      if (patterns_[i]) find_patterns(data.patterns[i].get(), texts[i], scratch.impl_->hyperscan.get(), hits);
    }
  }
  scratch.impl_->matches.clear();
  for (const uint32_t index : statement_rules_) {
    const StatementRule& rule = data.rules[index].statement;
    // Literals that are not all there may hold what a rule looks for.
    const bool cut = rule.pattern == PatternText::Literals && facts.literals_cut;
    const bool pattern_hit = rule.pattern && (hits[index] || cut);
    const bool matches = rule.verdict == Verdict::Allow ? every_part_fits(rule, facts, pattern_hit)
                                                        : some_part_fits(rule, facts, pattern_hit);
    if (matches) scratch.impl_->matches.push_back(index);
  }
}

Decision BoundRules::judge(const Facts& facts, std::string_view raw, Scratch& scratch) const {
  if (!facts.understood) return {.reason = Reason::NotUnderstood};
  if (facts.guard != Guard::None && facts.guard != Guard::StatisticsOfMasked) {
    return {.reason = Reason::Guard, .message = sluice::explain(facts.guard)};
  }
  if (facts.transaction_end_only) return {.verdict = Verdict::Allow, .reason = Reason::Default};
  const CompiledRuleSet& data = set_->data();
  if (read_only_session() && facts.leaves_read_only) {
    return {.reason = Reason::Rule, .rule = data.rules[read_only_rule_].id, .message = read_only_message};
  }

  find_matches(facts, raw, scratch);
  std::array<const Rule*, static_cast<size_t>(Verdict::Count_)> first{};
  Alerts alerts;
  for (const uint32_t index : scratch.impl_->matches) {
    const Rule& rule = data.rules[index];
    if (rule.alert) {
      alerts.add(rule.id);
      continue;
    }
    const Rule*& speaking = first[static_cast<size_t>(rule.statement.verdict)];
    if (speaking == nullptr) speaking = &rule;
  }
  for (const Verdict verdict : {Verdict::Deny, Verdict::Hold, Verdict::Allow}) {
    const Rule* rule = first[static_cast<size_t>(verdict)];
    if (rule == nullptr) continue;
    const bool unseen = verdict != Verdict::Allow && rule->statement.hint.empty() && facts.opaque;
    return {verdict, Reason::Rule, rule->id, rule->statement.message,
            unseen ? opaque_hint : std::string_view(rule->statement.hint), alerts};
  }
  return {.verdict = default_verdict_, .reason = Reason::Default, .alerts = alerts};
}

}  // namespace sluice::rules
