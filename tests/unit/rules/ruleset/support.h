// What the tests of the rule set share: rules from text, principals, facts made by hand.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/compile/compile.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::rules::testing {

inline std::shared_ptr<const RuleSet> rules_of(std::string_view text) {
  const SourceFile file{"rules.yaml", std::string(text)};
  const CompileContext context{
      .targets = {"orders", "other"}, .any_target = false, .mask_keys = {stand_in_mask_key("people"), stand_in_mask_key("cards")}};
  auto set = compile({&file, 1}, context, 1, nullptr);
  EXPECT_TRUE(set.has_value()) << (set ? "" : set.error().message);
  return set ? *set : nullptr;
}

inline Principal member_of(std::vector<std::string> groups) {
  Principal principal;
  principal.subject = "somebody";
  principal.groups = std::move(groups);
  return principal;
}

/// Rules bound for one principal, with the scratch they need.
struct Bound {
  explicit Bound(std::string_view text, Verdict by_default = Verdict::Allow, std::vector<std::string> groups = {},
                 std::string_view target = "orders")
      : set(rules_of(text)), rules(set->bind(target, by_default, {.principal = member_of(std::move(groups))})) {
    scratch.prepare(*set);
  }
  [[nodiscard]] Decision judge(const Facts& facts) { return rules.judge(facts, {}, scratch); }
  [[nodiscard]] std::string masked(std::string_view text) { return mask_text(rules, scratch, text); }

  std::shared_ptr<const RuleSet> set;
  BoundRules rules;
  Scratch scratch;
};

struct FactsOf {
  std::vector<StatementKind> kinds;
  std::vector<RelationUse> relations;
  std::string canonical;
  bool opaque = false;
  bool where_absent = false;
  std::vector<std::string> functions;
};

inline Facts facts_of(FactsOf from) {
  Facts facts;
  facts.understood = true;
  facts.statement_count = 1;
  for (const StatementKind kind : from.kinds) facts.kinds.add(kind);
  facts.relations = std::move(from.relations);
  facts.canonical = std::move(from.canonical);
  facts.opaque = from.opaque;
  facts.where_absent = from.where_absent;
  facts.functions = std::move(from.functions);
  return facts;
}

}  // namespace sluice::rules::testing
