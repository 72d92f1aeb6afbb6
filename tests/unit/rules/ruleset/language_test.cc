// What operators write around their rules: for whom and when, named lists, packs, overrides, alert mode.
#include <gmock/gmock.h>

#include "rules/packs/packs.h"
#include "rules/ruleset/ruleset_data.h"
#include "rules/ruleset/verdict_cache.h"
#include "support.h"

namespace sluice::rules {
namespace {

using enum StatementKind;
using testing::Bound;
using testing::facts_of;
using testing::member_of;
using testing::rules_of;

std::string error_of(std::string_view text) {
  const SourceFile file{"r.yaml", std::string(text)};
  const auto set = compile({&file, 1}, {{"orders"}}, 1, nullptr);
  return set ? "" : set.error().message;
}

std::string rule(std::string_view rest) { return "rules:\n  - {id: a, statement: {kinds: [drop]}, verdict: deny, " + std::string(rest) + "}\n"; }

BoundRules bound_for(const std::shared_ptr<const RuleSet>& set, const Principal& principal, std::string_view address,
                int64_t unix_s) {
  return set->bind("orders", Verdict::Allow, {.principal = principal, .client_address = address, .unix_s = unix_s});
}

bool denies_drop(const std::shared_ptr<const RuleSet>& set, const Principal& principal, std::string_view address = "",
                 int64_t unix_s = 0) {
  Scratch scratch;
  scratch.prepare(*set);
  return bound_for(set, principal, address, unix_s).judge(facts_of({{Drop}, {}, ""}), {}, scratch).verdict == Verdict::Deny;
}

TEST(Language, a_rule_speaks_of_whom_all_its_conditions_fit) {
  Principal agent = member_of({"ci"});
  agent.subject = "bot";
  agent.kind = PrincipalKind::Agent;
  const struct {
    std::string_view why, conditions;
    bool fits;
  } cases[] = {
      {"a group in common", "when: {groups: [x, ci]}", true},
      {"none in common", "when: {groups: [x]}", false},
      {"its subject", "when: {subjects: [bot]}", true},
      {"another subject", "when: {subjects: [bo]}", false},
      {"its kind", "when: {kinds: [human, agent]}", true},
      {"another kind", "when: {kinds: [human]}", false},
      {"both conditions", "when: {groups: [ci], kinds: [agent]}", true},
      {"one of two conditions", "when: {groups: [ci], kinds: [human]}", false},
      {"excepted", "except: {subjects: [bot]}", false},
      {"excepted by all conditions of except", "except: {groups: [ci], kinds: [agent]}", false},
      {"not excepted by one of two", "except: {groups: [ci], kinds: [human]}", true},
  };
  for (const auto& c : cases) EXPECT_EQ(denies_drop(rules_of(rule(c.conditions)), agent), c.fits) << c.why;
}

TEST(Language, addresses_are_ranges_of_either_family) {
  const auto set = rules_of(rule("when: {addresses: [192.0.2.0/25, \"2001:db8::/33\", 198.51.100.7]}"));
  const struct {
    std::string_view address;
    bool fits;
  } cases[] = {{"192.0.2.127:5432", true},       {"192.0.2.128:5432", false},  {"[2001:db8:7fff::1]:1", true},
               {"[2001:db8:8000::1]:1", false},  {"198.51.100.7:9", true},     {"198.51.100.8:9", false},
               {"[::ffff:192.0.2.1]:1", true},   {"unknown", false},           {"", false}};
  for (const auto& c : cases) EXPECT_EQ(denies_drop(set, member_of({}), c.address), c.fits) << c.address;
}

constexpr int64_t monday = 1'700'438'400;  // 2023-11-20 00:00 UTC.
constexpr int64_t hour = 3600;

TEST(Language, time_windows_open_and_close_to_the_minute) {
  const struct {
    std::string_view why, window;
    int64_t at;
    bool open;
  } cases[] = {
      {"before it", "{from: \"08:00\", to: \"18:00\", zone: UTC}", monday + 8 * hour - 1, false},
      {"as it begins", "{from: \"08:00\", to: \"18:00\", zone: UTC}", monday + 8 * hour, true},
      {"its last second", "{from: \"08:00\", to: \"18:00\", zone: UTC}", monday + 18 * hour - 1, true},
      {"as it ends", "{from: \"08:00\", to: \"18:00\", zone: UTC}", monday + 18 * hour, false},
      {"another day", "{days: [tue], zone: UTC}", monday + 5 * hour, false},
      {"that day", "{days: [mon], zone: UTC}", monday + 5 * hour, true},
      {"past midnight, of the day before", "{days: [mon], from: \"22:00\", to: \"06:00\", zone: UTC}", monday + 29 * hour, true},
      {"past midnight, of a day it does not begin on", "{days: [mon], from: \"22:00\", to: \"06:00\", zone: UTC}", monday + 5 * hour, false},
      {"east of UTC", "{from: \"08:00\", to: \"09:00\", zone: \"+02:00\"}", monday + 6 * hour, true},
      {"west of UTC, still Sunday", "{days: [sun], zone: \"-05:00\"}", monday + 4 * hour, true},
      {"before 1970", "{days: [thu], zone: UTC}", -1, false},
      {"before 1970, that day", "{days: [wed], zone: UTC}", -1, true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(denies_drop(rules_of(rule("when: {times: [" + std::string(c.window) + "]}")), member_of({}), "", c.at), c.open) << c.why;
  }
}

TEST(Language, bound_rules_say_until_when_they_hold) {
  const auto set = rules_of(rule("when: {times: [{from: \"08:00\", to: \"18:00\", zone: UTC}]}"));
  const Principal nobody;
  EXPECT_EQ(bound_for(set, nobody, "", monday).valid_until_unix_s(), monday + 8 * hour);
  EXPECT_EQ(bound_for(set, nobody, "", monday + 8 * hour).valid_until_unix_s(), monday + 18 * hour);
  EXPECT_EQ(bound_for(set, nobody, "", monday + 18 * hour).valid_until_unix_s(), monday + 32 * hour);
  EXPECT_EQ(bound_for(rules_of(rule("when: {groups: [x]}")), nobody, "", monday).valid_until_unix_s(), INT64_MAX);
}

TEST(Language, deny_beats_hold_beats_allow_in_any_order) {
  const std::string allow = "  - {id: allow, statement: {kinds: [drop]}, verdict: allow}\n";
  const std::string hold = "  - {id: hold, statement: {kinds: [drop]}, verdict: hold, message: ask}\n";
  const std::string deny = "  - {id: deny, statement: {kinds: [drop]}, verdict: deny}\n";
  const auto drop = facts_of({{Drop}, {}, ""});
  for (const auto& order : {allow + hold + deny, deny + hold + allow, hold + deny + allow}) {
    EXPECT_EQ(Bound("rules:\n" + order).judge(drop).rule, "deny");
  }
  for (const auto& order : {allow + hold, hold + allow}) {
    Bound bound("rules:\n" + order);
    const Decision got = bound.judge(drop);
    EXPECT_EQ(got.verdict, Verdict::Hold);
    EXPECT_EQ(got.rule, "hold");
  }
}

TEST(Language, what_only_alerts_changes_no_verdict_and_is_told) {
  const auto drop = facts_of({{Drop}, {}, ""});
  const struct {
    std::string_view why, rules;
  } cases[] = {
      {"a verdict of its own", "rules:\n  - {id: a, statement: {kinds: [drop]}, verdict: alert}\n"},
      {"a rule in alert mode", "rules:\n  - {id: a, mode: alert, statement: {kinds: [drop]}, verdict: deny}\n"},
      {"a whole file in alert mode", "mode: alert\nrules:\n  - {id: a, statement: {kinds: [drop]}, verdict: hold}\n"},
  };
  for (const auto& c : cases) {
    Bound bound(c.rules);
    const Decision got = bound.judge(drop);
    EXPECT_EQ(got.verdict, Verdict::Allow) << c.why;
    EXPECT_EQ(got.reason, Reason::Default) << c.why;
    ASSERT_EQ(got.alerts.count, 1U) << c.why;
    EXPECT_EQ(got.alerts.rules[0], "a") << c.why;
    EXPECT_EQ(bound.judge(facts_of({{Select}, {}, ""})).alerts.count, 0U) << c.why;
  }
}

TEST(Language, alerts_beyond_those_kept_are_counted) {
  std::string text = "rules:\n";
  for (const char c : std::string_view("abcdef")) text += std::string("  - {id: ") + c + ", statement: {kinds: [drop]}, verdict: alert}\n";
  Bound bound(text);  // Decisions borrow ids from it.
  const Decision got = bound.judge(facts_of({{Drop}, {}, ""}));
  EXPECT_EQ(got.alerts.count, 6U);
  EXPECT_EQ(got.alerts.rules[3], "d");
}

TEST(Language, named_lists_stand_for_their_items_in_every_file) {
  const SourceFile files[] = {
      {"a.yaml", "rules:\n  - {id: a, statement: {relations: [$secret, public.x]}, verdict: deny, when: {groups: [$staff]}}\n"},
      {"b.yaml", "lists:\n  secret: [hr.salaries, hr.reviews]\n  staff: [ci]\n"},
  };
  const auto set = compile(files, {{"orders"}}, 1, nullptr);
  ASSERT_TRUE(set.has_value()) << set.error().message;
  const auto& rules = (*set)->data().rules;
  ASSERT_EQ(rules[0].statement.relations.size(), 3U);
  EXPECT_EQ(rules[0].statement.relations[1].name, "reviews");
  EXPECT_EQ(rules[0].when.groups, std::vector<std::string>{"ci"});
  EXPECT_THAT(error_of("lists: {secret: [a]}\nrules:\n  - {id: a, statement: {relations: [$secrets]}, verdict: deny}\n"),
              ::testing::StartsWith("r.yaml:3:37: expected a list of lists: (secret), found \"$secrets\"; did you mean \"secret\"?"));
}

TEST(Language, reads_and_writes_are_told_apart) {
  Bound bound("rules:\n  - {id: w, statement: {writes: [app.log]}, verdict: deny}\n  - {id: r, statement: {reads: [hr.pay]}, verdict: deny}\n");
  EXPECT_EQ(bound.judge(facts_of({{Insert}, {{"app", "log", false, true}}, ""})).rule, "w");
  EXPECT_EQ(bound.judge(facts_of({{Select}, {{"app", "log", true, false}}, ""})).verdict, Verdict::Allow);
  EXPECT_EQ(bound.judge(facts_of({{Select}, {{"", "pay", true, false}}, ""})).rule, "r") << "an unqualified name may be it";
  EXPECT_EQ(bound.judge(facts_of({{Insert}, {{"hr", "pay", false, true}}, ""})).verdict, Verdict::Allow);
}

TEST(Language, an_allow_rule_by_relation_admits_only_what_is_surely_one_of_them) {
  Bound bound("rules:\n  - {id: a, statement: {kinds: [select, insert], reads: [app.*], writes: [app.log]}, verdict: allow}\n", Verdict::Deny);
  const struct {
    std::string_view why;
    std::vector<RelationUse> uses;
    bool admitted;
  } cases[] = {
      {"named with its schema", {{"app", "users", true, false}}, true},
      {"two of them", {{"app", "users", true, false}, {"app", "log", false, true}}, true},
      {"without its schema", {{"", "users", true, false}}, false},
      {"one of another schema", {{"app", "users", true, false}, {"hr", "pay", true, false}}, false},
      {"a write where reads are admitted", {{"app", "users", true, true}}, false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(bound.judge(facts_of({{Select}, c.uses, ""})).verdict == Verdict::Allow, c.admitted) << c.why;
  }
}

TEST(Language, functions_are_matched_by_name_in_any_schema_unless_it_is_said) {
  Bound bound("rules:\n  - {id: f, statement: {functions: [pg_read_file, \"app.*\"]}, verdict: deny}\n");
  const struct {
    std::string_view called;
    bool denied;
  } cases[] = {{"pg_read_file", true}, {"pg_catalog.pg_read_file", true}, {"app.anything", true}, {"anything", true},
               {"other.anything", false}, {"pg_catalog.now", false}};
  for (const auto& c : cases) {
    auto facts = facts_of({{Select}, {}, ""});
    facts.functions = {std::string(c.called)};
    EXPECT_EQ(bound.judge(facts).verdict == Verdict::Deny, c.denied) << c.called;
  }
}

TEST(Language, patterns_see_raw_text_where_they_ask_for_it) {
  Bound bound("rules:\n  - {id: raw, statement: {pattern: {raw: \"/\\\\* app=bad\"}}, verdict: deny}\n"
              "  - {id: canonical, statement: {pattern: \"from secrets\"}, verdict: deny}\n");
  const auto facts = facts_of({{Select}, {}, "select $1 from t"});
  EXPECT_EQ(bound.rules.judge(facts, "SELECT 1 /* app=bad */ FROM t", bound.scratch).rule, "raw");
  EXPECT_EQ(bound.rules.judge(facts, "SELECT 1 FROM secrets", bound.scratch).verdict, Verdict::Allow) << "canonical has not it";
}

TEST(Language, a_read_only_session_cannot_be_left) {
  Bound bound("rules:\n  - {id: ro, session: {read_only: true}}\n");
  EXPECT_TRUE(bound.rules.read_only_session());
  auto facts = facts_of({{Set}, {}, ""});
  EXPECT_EQ(bound.judge(facts).verdict, Verdict::Allow);
  facts.leaves_read_only = true;
  EXPECT_EQ(bound.judge(facts).rule, "ro");
  EXPECT_FALSE(Bound(rule("when: {groups: [x]}")).rules.read_only_session());
}

TEST(Language, packs_bring_their_rules_under_their_name) {
  Bound bound("use: [no-ddl]\n");
  EXPECT_EQ(bound.judge(facts_of({{Create}, {}, ""})).rule, "no-ddl/schema");
  Bound two("use:\n  - {pack: no-ddl, when: {groups: [a]}, as: mine}\n  - {pack: no-ddl, target: other}\n", Verdict::Allow, {"a"});
  EXPECT_EQ(two.judge(facts_of({{Create}, {}, ""})).rule, "mine/schema");
}

TEST(Language, packs_can_alert_first_and_rules_of_them_be_overridden) {
  const auto create = facts_of({{Create}, {}, ""});
  const auto vacuum = facts_of({{Vacuum}, {}, ""});
  Bound alerting("use: [{pack: no-ddl, mode: alert}]\n");
  EXPECT_EQ(alerting.judge(create).verdict, Verdict::Allow);
  EXPECT_EQ(alerting.judge(create).alerts.rules[0], "no-ddl/schema");
  Bound overridden("use: [no-ddl]\noverride:\n  no-ddl/maintenance: {enabled: false}\n  no-ddl/schema: {verdict: hold, message: Ask first.}\n");
  EXPECT_EQ(overridden.judge(vacuum).verdict, Verdict::Allow);
  EXPECT_EQ(overridden.judge(create).verdict, Verdict::Hold);
  EXPECT_EQ(overridden.judge(create).message, "Ask first.");
  Bound file("mode: alert\nuse: [read-only]\n");
  EXPECT_FALSE(file.rules.read_only_session()) << "a session is read-only or not: there is nothing to alert of";
}

TEST(Language, every_pack_compiles_alone_and_all_of_them_together) {
  std::string all = "use: [";
  for (const RulePack& pack : shipped_packs()) {
    EXPECT_EQ(error_of("use: [" + std::string(pack.name) + "]\n"), "");
    all += std::string(pack.name) + ", ";
  }
  EXPECT_EQ(error_of(all + "]\n"), "");
  EXPECT_GE(shipped_packs().size(), 5U);
}

TEST(Language, complaints_name_the_place_and_the_way_out) {
  const struct {
    std::string_view why;
    std::string text;
    std::string_view want;
  } cases[] = {
      {"an unknown pack", "use: [readonly]\n", "r.yaml:1:7: expected a pack ("},
      {"an unknown list key", "lists: [a]\n", "r.yaml:1:8: expected named lists, found a list"},
      {"an override of nothing", "override: {no-such: {enabled: false}}\n", "r.yaml:1:12: expected the id of a rule, found \"no-such\""},
      {"an override by an unknown key", "use: [no-ddl]\noverride: {no-ddl/schema: {kinds: [drop]}}\n", "r.yaml:2:28: expected a key of an override ("},
      {"a deny rule made allow", "use: [no-ddl]\noverride: {no-ddl/schema: {verdict: allow}}\n", "r.yaml:2:37: expected deny, hold or alert for no-ddl/schema, found allow"},
      {"the same pack twice", "use: [no-ddl, no-ddl]\n", "r.yaml:1:15: expected an id of its own, found \"no-ddl/schema\", which r.yaml:1:7 has"},
      {"a version of later", "version: 2\nrules: []\n", "r.yaml:1:10: expected version 1, found \"2\""},
      {"a mode of its own", "mode: shadow\n", "r.yaml:1:7: expected enforce or alert, found \"shadow\""},
      {"an empty when", "rules:\n  - {id: a, when: {}}\n", "r.yaml:2:19: expected at least one of groups, subjects, kinds, addresses, times in when, found none"},
      {"bits behind a prefix", rule("when: {addresses: [192.0.2.1/24]}"), "r.yaml:2:75: expected an address or a range with nothing set behind its prefix"},
      {"a window of nothing", rule("when: {times: [{from: \"08:00\", to: \"08:00\", zone: UTC}]}"), "r.yaml:2:71: expected a window with some minutes in it"},
      {"a window without zone", rule("when: {times: [{days: [mon]}]}"), "r.yaml:2:71: expected zone in a time window"},
      {"the name of a zone", rule("when: {times: [{zone: Europe/Paris}]}"), "r.yaml:2:78: expected UTC or an offset"},
      {"25 o'clock", rule("when: {times: [{from: \"25:00\", zone: UTC}]}"), "r.yaml:2:78: expected a time of day like \"08:30\""},
      {"a session rule with a verdict", "rules:\n  - {id: a, session: {read_only: true}, verdict: deny}\n", "r.yaml:2:41: expected verdict beside statement or result"},
      {"a session that alerts", "rules:\n  - {id: a, mode: alert, session: {read_only: true}}\n", "r.yaml:2:13: expected mode beside statement or result"},
      {"allow by an opaque part", "rules:\n  - {id: a, statement: {kinds: [do], opaque: true}, verdict: allow}\n", "r.yaml:2:38: expected a rule that refuses beside opaque"},
      {"limit for what has none", "rules:\n  - {id: a, statement: {kinds: [update], limit: absent}, verdict: deny}\n", "r.yaml:2:49: expected kinds that have a limit (select)"},
  };
  for (const auto& c : cases) EXPECT_THAT(error_of(c.text), ::testing::StartsWith(std::string(c.want))) << c.why;
}

TEST(VerdictCache, answers_as_judge_does_for_every_rule_set_and_caller) {
  BoundRulesCache callers;
  VerdictCache verdicts;
  Scratch scratch;
  const auto strict = rules_of("rules:\n  - {id: a, statement: {kinds: [drop]}, verdict: deny, when: {groups: [ci]}}\n");
  const auto open = rules_of("rules:\n  - {id: b, statement: {kinds: [load]}, verdict: deny}\n");
  const auto drop = std::make_shared<const Facts>(facts_of({{Drop}, {}, ""}));
  for (int round = 0; round < 3; ++round) {
    for (const auto& set : {strict, open}) {
      scratch.prepare(*set);
      for (const std::vector<std::string>& groups : {std::vector<std::string>{"ci"}, {}}) {
        const Principal principal = member_of(groups);
        const auto bound = callers.bind(set, "orders", Verdict::Allow, {.principal = principal});
        const bool denied = set == strict && !groups.empty();
        EXPECT_EQ(verdicts.judge(*bound, drop, {}, scratch).verdict == Verdict::Deny, denied);
      }
    }
  }
}

TEST(VerdictCache, callers_that_rules_cannot_tell_apart_share_their_rules) {
  BoundRulesCache callers;
  const auto set = rules_of(rule("when: {times: [{from: \"08:00\", to: \"18:00\", zone: UTC}]}"));
  const Principal ci = member_of({"ci"});
  const auto at = [&](const Principal& p, std::string_view address, int64_t unix_s) {
    return callers.bind(set, "orders", Verdict::Allow, {.principal = p, .client_address = address, .unix_s = unix_s});
  };
  const auto first = at(ci, "192.0.2.1:1", monday);
  EXPECT_EQ(at(ci, "192.0.2.2:1", monday + 1), first) << "no rule asks for the address";
  EXPECT_NE(at(member_of({"ci", "x"}), "192.0.2.1:1", monday), first);
  EXPECT_NE(at(ci, "192.0.2.1:1", monday + 9 * hour), first) << "the window has opened";
  const auto by_address = rules_of(rule("when: {addresses: [192.0.2.1]}"));
  const auto near = callers.bind(by_address, "orders", Verdict::Allow, {.principal = ci, .client_address = "192.0.2.1:1"});
  const auto far = callers.bind(by_address, "orders", Verdict::Allow, {.principal = ci, .client_address = "192.0.2.9:1"});
  EXPECT_NE(near, far);
  EXPECT_EQ(callers.bind(by_address, "orders", Verdict::Allow, {.principal = ci, .client_address = "192.0.2.9:2"}), far);
}

}  // namespace
}  // namespace sluice::rules
