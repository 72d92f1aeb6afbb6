// What a lane decided a moment ago: bound rules by caller, decisions by (facts, bound rules). One a lane, not
// thread-safe.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "rules/ruleset/analyzer.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::rules {

/// Callers that the rules cannot tell apart share their BoundRules.
class BoundRulesCache {
 public:
  static constexpr size_t entries_max = 4096;
  /// As RuleSet::bind(), at `caller.unix_s`. What belongs to another rule set is forgotten.
  [[nodiscard]] std::shared_ptr<const BoundRules> bind(const std::shared_ptr<const RuleSet>& set, std::string_view target,
                                                       Verdict target_default, const Caller& caller);

 private:
  const RuleSet* set_ = nullptr;  // Compared only: entries hold it.
  uint64_t generation_ = 0;
  std::unordered_map<std::string, std::shared_ptr<const BoundRules>> entries_;
  std::string key_;
};

/// What the rules on results say of a statement before it runs.
struct MaskVerdict {
  bool tainted = true;  ///< BoundRules::reads_masked().
  Decision decision;    ///< BoundRules::judge_masks(), with the alerts of BoundRules::add_alerts().
};

/// Direct-mapped: a decision is found again until another takes its place. An entry holds its facts, so
/// no other facts can stand at their address.
class VerdictCache {
 public:
  static constexpr size_t entries_max = 2048;
  VerdictCache() : entries_(std::make_unique<std::array<Entry, entries_max>>()) {}
  /// As `rules.judge()`. `raw` must be the text that `facts` are of.
  [[nodiscard]] const Decision& judge(const BoundRules& rules, const FactsPtr& facts, std::string_view raw, Scratch& scratch);
  /// `catalog` null: not known well enough; nothing is cached then.
  [[nodiscard]] MaskVerdict judge_masks(const BoundRules& rules, const FactsPtr& facts, const Catalog* catalog);

 private:
  struct Entry {
    FactsPtr facts;
    uint64_t rules = 0;  // BoundRules::id(); 0: empty.
    Decision decision;
    uint64_t catalog_lineage = 0;  // 0: `masks` are not known.
    uint64_t catalog_version = 0;
    MaskVerdict masks;
  };
  Entry& entry_of(const BoundRules& rules, const FactsPtr& facts);

  std::unique_ptr<std::array<Entry, entries_max>> entries_;
};

}  // namespace sluice::rules
