#include "support.h"

namespace sluice::rules {
namespace {

using enum StatementKind;
using testing::Bound;
using testing::facts_of;

constexpr std::string_view deny_rules = R"(
rules:
  - {id: no-ddl, target: orders, statement: {kinds: [drop, truncate]}, verdict: deny, message: "By migrations only."}
  - {id: no-bare, statement: {kinds: [update, delete], where: absent}, verdict: deny}
  - {id: no-payroll, statement: {relations: [hr.payroll]}, verdict: deny}
  - {id: no-audit, statement: {kinds: [select], relations: [audit_log]}, verdict: deny}
  - {id: no-star, statement: {pattern: 'select \* from'}, verdict: deny, hint: "Name the columns."}
)";

TEST(Judge, a_deny_rule_needs_all_of_its_parts_and_one_match_of_each) {
  Bound bound(deny_rules);
  const struct {
    std::string_view why;
    testing::FactsOf facts;
    std::string_view rule;
  } cases[] = {
      {"a kind of the rule", {{Drop}, {}, "drop table a"}, "no-ddl"},
      {"one kind among others", {{Select, Truncate}, {}, ""}, "no-ddl"},
      {"another kind", {{Create}, {}, ""}, ""},
      {"no WHERE", {{Delete}, {{"", "a", false, true}}, "", false, true}, "no-bare"},
      {"with a WHERE", {{Delete}, {{"", "a", true, true}}, ""}, ""},
      {"the relation, qualified", {{Select}, {{"hr", "payroll", true, false}}, ""}, "no-payroll"},
      {"the relation, unqualified: it may be that one", {{Select}, {{"", "payroll", true, false}}, ""}, "no-payroll"},
      {"the same name in another schema", {{Select}, {{"public", "payroll", true, false}}, ""}, ""},
      {"a rule without a schema means any", {{Select}, {{"app", "audit_log", true, false}}, ""}, "no-audit"},
      {"the relation, but not the kind", {{Insert}, {{"app", "audit_log", false, true}}, ""}, ""},
      {"the pattern", {{Select}, {}, "select * from a"}, "no-star"},
      {"the pattern in capitals: a quoted name may bring them", {{Select}, {}, "SELECT * FROM a"}, "no-star"},
      {"the pattern behind a line break", {{Select}, {}, "x\nselect * from a"}, "no-star"},
  };
  for (const auto& c : cases) {
    const Decision got = bound.judge(facts_of(c.facts));
    EXPECT_EQ(got.rule, c.rule) << c.why;
    EXPECT_EQ(got.verdict, c.rule.empty() ? Verdict::Allow : Verdict::Deny) << c.why;
    EXPECT_EQ(got.reason, c.rule.empty() ? Reason::Default : Reason::Rule) << c.why;
  }
  EXPECT_EQ(bound.judge(facts_of({{Drop}, {}, ""})).message, "By migrations only.");
  EXPECT_EQ(bound.judge(facts_of({{Select}, {}, "select * from a"})).hint, "Name the columns.");
}

TEST(Judge, deny_beats_allow_whatever_the_order_of_rules) {
  const std::string allow = "  - {id: yes, statement: {kinds: [select, drop]}, verdict: allow}\n";
  const std::string deny = "  - {id: nope, statement: {kinds: [drop]}, verdict: deny}\n";
  for (const std::string& text : {"rules:\n" + allow + deny, "rules:\n" + deny + allow}) {
    for (const Verdict by_default : {Verdict::Allow, Verdict::Deny}) {
      Bound bound(text, by_default);
      EXPECT_EQ(bound.judge(facts_of({{Drop}, {}, ""})).rule, "nope");
      const Decision select = bound.judge(facts_of({{Select}, {}, ""}));
      EXPECT_EQ(select.rule, "yes");
      EXPECT_EQ(select.verdict, Verdict::Allow);
    }
  }
}

TEST(Judge, promise_01_unknown_means_no) {
  Bound bound(deny_rules, Verdict::Allow);
  Facts not_understood;
  EXPECT_EQ(bound.judge(not_understood).verdict, Verdict::Deny);
  EXPECT_EQ(bound.judge(not_understood).reason, Reason::NotUnderstood);
  EXPECT_EQ(Decision{}.verdict, Verdict::Deny);
}

TEST(Judge, the_target_default_speaks_where_no_rule_does) {
  for (const Verdict by_default : {Verdict::Allow, Verdict::Deny}) {
    Bound bound("rules:\n  - {id: a, statement: {kinds: [load]}, verdict: deny}\n", by_default);
    const Decision got = bound.judge(facts_of({{Select}, {}, ""}));
    EXPECT_EQ(got.verdict, by_default);
    EXPECT_EQ(got.reason, Reason::Default);
    EXPECT_TRUE(got.rule.empty());
  }
}

TEST(Judge, promise_13_the_guard_refuses_without_a_rule_and_before_any) {
  Bound bound("rules:\n  - {id: all, statement: {kinds: [alter, select, set]}, verdict: allow}\n");
  for (const Guard guard : {Guard::OwnRole, Guard::SessionAuthorization, Guard::Replication, Guard::LoopBack,
                            Guard::SessionControl, Guard::SluiceSetting, Guard::PinnedSetting}) {
    Facts facts = facts_of({{Alter}, {}, ""});
    facts.guard = guard;
    facts.transaction_end_only = true;
    const Decision got = bound.judge(facts);
    EXPECT_EQ(got.verdict, Verdict::Deny);
    EXPECT_EQ(got.reason, Reason::Guard);
    EXPECT_EQ(got.message, explain(guard));
  }
  Facts statistics = facts_of({{Select}, {}, ""});
  statistics.guard = Guard::StatisticsOfMasked;
  EXPECT_EQ(bound.judge(statistics).verdict, Verdict::Allow) << "without column masks there is nothing to guard";
}

TEST(Judge, the_end_of_a_transaction_is_never_refused) {
  Bound bound("rules:\n  - {id: none, statement: {kinds: [transaction]}, verdict: deny}\n", Verdict::Deny);
  Facts facts = facts_of({{Transaction}, {}, "rollback"});
  EXPECT_EQ(bound.judge(facts).verdict, Verdict::Deny);
  facts.transaction_end_only = true;
  EXPECT_EQ(bound.judge(facts).verdict, Verdict::Allow);
}

TEST(Judge, an_allow_rule_covers_every_part_or_nothing) {
  Bound bound(R"(
rules:
  - {id: reads, statement: {kinds: [select, transaction]}, verdict: allow}
  - {id: one-update, statement: {kinds: [update], pattern: "^update orders set state = "}, verdict: allow}
)", Verdict::Deny);
  EXPECT_EQ(bound.judge(facts_of({{Select}, {}, ""})).rule, "reads");
  EXPECT_EQ(bound.judge(facts_of({{Select, Transaction}, {}, ""})).rule, "reads");
  EXPECT_EQ(bound.judge(facts_of({{Select, Drop}, {}, "select a; drop table b"})).verdict, Verdict::Deny);
  EXPECT_EQ(bound.judge(facts_of({{Select, Delete}, {}, "with x as (delete ...) select"})).verdict, Verdict::Deny);
  EXPECT_EQ(bound.judge(facts_of({{Update}, {}, "update orders set state = $1"})).rule, "one-update");
  EXPECT_EQ(bound.judge(facts_of({{Update}, {}, "update orders set price = $1"})).verdict, Verdict::Deny);
  EXPECT_EQ(bound.judge(facts_of({{Select}, {}, "select app.f()", true})).verdict, Verdict::Deny)
      << "what an opaque statement does, no allow rule covers";
}

TEST(Judge, evasion_an_opaque_part_meets_every_deny_rule_by_kind_or_relation) {
  const Facts opaque = facts_of({{Do}, {}, "do $1", true});
  const struct {
    std::string_view why;
    std::string_view statement;
    bool denied;
  } cases[] = {
      {"by kind", "{kinds: [drop]}", true},
      {"by relation", "{relations: [hr.payroll]}", true},
      {"by kind and pattern: the text inside is unseen", "{kinds: [drop], pattern: payroll}", true},
      {"by pattern alone: it speaks of this text", "{pattern: payroll}", false},
  };
  for (const auto& c : cases) {
    Bound bound("rules:\n  - {id: a, statement: " + std::string(c.statement) + ", verdict: deny}\n");
    const Decision got = bound.judge(opaque);
    EXPECT_EQ(got.verdict, c.denied ? Verdict::Deny : Verdict::Allow) << c.why;
    EXPECT_EQ(got.hint.empty(), !c.denied) << c.why;
  }
}

TEST(Judge, where_absent_alone_speaks_of_any_write_without_one) {
  Bound bound("rules:\n  - {id: a, statement: {where: absent}, verdict: deny}\n");
  EXPECT_EQ(bound.judge(facts_of({{Update}, {}, "", false, true})).verdict, Verdict::Deny);
  EXPECT_EQ(bound.judge(facts_of({{Update}, {}, ""})).verdict, Verdict::Allow);
}

TEST(Judge, a_whole_schema_and_quoted_names) {
  Bound bound(R"(
rules:
  - {id: schema, statement: {relations: ["HR.*"]}, verdict: deny}
  - {id: quoted, statement: {relations: ['app."Orders"']}, verdict: deny}
)");
  EXPECT_EQ(bound.judge(facts_of({{Select}, {{"hr", "x", true, false}}, ""})).rule, "schema");
  EXPECT_EQ(bound.judge(facts_of({{Select}, {{"", "x", true, false}}, ""})).rule, "schema") << "may be of that schema";
  EXPECT_EQ(bound.judge(facts_of({{Select}, {{"app", "Orders", true, false}}, ""})).rule, "quoted");
  EXPECT_EQ(bound.judge(facts_of({{Select}, {{"app", "orders", true, false}}, ""})).verdict, Verdict::Allow);
}

TEST(Judge, target_and_groups_decide_who_a_rule_speaks_of) {
  constexpr std::string_view text = R"(
rules:
  - {id: here, target: orders, statement: {kinds: [drop]}, verdict: deny}
  - {id: agents, when: {groups: [agents, bots]}, statement: {kinds: [insert]}, verdict: deny}
  - {id: most, except: {groups: [dba]}, statement: {kinds: [grant]}, verdict: deny}
)";
  const auto denied = [&](StatementKind kind, std::vector<std::string> groups, std::string_view target) {
    Bound bound(text, Verdict::Allow, std::move(groups), target);
    return bound.judge(facts_of({{kind}, {}, ""})).verdict == Verdict::Deny;
  };
  EXPECT_TRUE(denied(Drop, {}, "orders"));
  EXPECT_FALSE(denied(Drop, {}, "other"));
  EXPECT_TRUE(denied(Insert, {"bots"}, "other"));
  EXPECT_FALSE(denied(Insert, {"people"}, "other"));
  EXPECT_TRUE(denied(Grant, {}, "other"));
  EXPECT_FALSE(denied(Grant, {"people", "dba"}, "other"));
}

TEST(Judge, promise_08_two_scratches_judge_one_snapshot_independently) {
  Bound bound(deny_rules);
  Scratch another;
  another.prepare(*bound.set);
  EXPECT_EQ(bound.judge(facts_of({{Select}, {}, "select * from a"})).verdict, Verdict::Deny);
  EXPECT_EQ(bound.rules.judge(facts_of({{Select}, {}, "select a from b"}), {}, another).verdict, Verdict::Allow);
}

TEST(Judge, a_scratch_grows_for_each_rule_set_it_meets) {
  Bound small("rules:\n  - {id: a, statement: {pattern: abc}, verdict: deny}\n");
  std::string text = "rules:\n";
  for (int i = 0; i < 200; ++i) {
    const auto n = std::to_string(i);
    text += "  - {id: r" + n + ", statement: {pattern: 'table_" + n + "[a-z]{2,9}_x'}, verdict: deny}\n";
  }
  const auto large = testing::rules_of(text);
  const Principal nobody;
  small.scratch.prepare(*large);
  const auto bound = large->bind("orders", Verdict::Allow, {.principal = nobody});
  EXPECT_EQ(bound.judge(facts_of({{Select}, {}, "table_199abc_x"}), {}, small.scratch).rule, "r199");
  EXPECT_EQ(small.judge(facts_of({{Select}, {}, "abc"})).rule, "a");
}

}  // namespace
}  // namespace sluice::rules
