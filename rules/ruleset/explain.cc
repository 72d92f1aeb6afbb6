#include <algorithm>

#include "rules/ruleset/ruleset.h"
#include "rules/ruleset/ruleset_data.h"
#include "rules/ruleset/scratch.h"

namespace sluice::rules {

Explanation BoundRules::explain(const Facts& facts, std::string_view raw, Scratch& scratch) const {
  Explanation out{.decision = judge(facts, raw, scratch), .matches = {}};
  if (!facts.understood) return out;
  const CompiledRuleSet& data = set_->data();
  if (read_only_session() && facts.leaves_read_only) {
    out.matches.push_back({.rule = data.rules[read_only_rule_].id, .verdict = Verdict::Deny});
  }
  find_matches(facts, raw, scratch);
  for (const uint32_t index : scratch.impl_->matches) {
    const Rule& rule = data.rules[index];
    out.matches.push_back({rule.id, rule.statement.verdict, rule.alert, false});
  }
  if (out.decision.reason != Reason::Rule) return out;
  const auto deciding = std::ranges::find_if(out.matches, [&](const RuleMatch& match) {
    return !match.alert && match.rule == out.decision.rule;
  });
  if (deciding != out.matches.end()) deciding->decides = true;
  return out;
}

}  // namespace sluice::rules
