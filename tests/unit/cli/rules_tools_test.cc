#include "cli/rules_tools.h"

#include <gtest/gtest.h>

#include "cli/cli.h"
#include "cli/init_names.h"
#include "cli/rules_cases.h"
#include "cli/rules_judge.h"
#include "rules/compile/compile.h"

namespace sluice::cli {
namespace {

std::shared_ptr<const rules::RuleSet> rules_of(std::string_view text) {
  const rules::SourceFile file{"rules.yaml", std::string(text)};
  auto set = rules::compile({&file, 1}, {.targets = {}, .any_target = true}, 1, nullptr);
  EXPECT_TRUE(set) << (set ? "" : set.error().message);
  return set ? *set : nullptr;
}

Judged judge_as(std::string_view rules, std::string_view text, Verdict by_default = Verdict::Allow) {
  static std::vector<std::shared_ptr<const rules::RuleSet>> kept;  // What is judged borrows from it.
  kept.push_back(rules_of(rules));
  Judged judged;
  EXPECT_EQ(on_big_stack([&] {
    Judge judge(kept.back());
    const Principal nobody;
    judged = judge.judge(kept.back()->bind("orders", by_default, {.principal = nobody}), text, {});
    return Ok;
  }), Ok);
  return judged;
}

TEST(rules_tools, times_are_utc_and_written_whole) {
  EXPECT_EQ(parse_utc("1970-01-01T00:01:00Z").value_or(-1), 60);
  EXPECT_EQ(parse_utc("1970-01-02T00:00Z").value_or(-1), 86400);
  for (const char* bad : {"", "noon", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00Zx"}) EXPECT_FALSE(parse_utc(bad)) << bad;
}

TEST(rules_tools, an_address_gets_the_port_that_sessions_have) {
  EXPECT_EQ(client_address_of("192.0.2.7").value_or(""), "192.0.2.7:0");
  EXPECT_EQ(client_address_of("2001:db8::7").value_or(""), "[2001:db8::7]:0");
  for (const char* bad : {"", "home", "192.0.2.0/24"}) EXPECT_FALSE(client_address_of(bad)) << bad;
}

TEST(rules_tools, names_of_columns_are_read_by_whole_words) {
  EXPECT_EQ(sensitive_name("customer_ssn"), "us-ssn");
  EXPECT_EQ(sensitive_name("PasswordHash"), "secret");
  EXPECT_EQ(sensitive_name("creditCard"), "card");
  for (const char* plain : {"company", "expansion", "id", "mailbox_count", "tokens_used", "classname", ""}) {
    EXPECT_EQ(sensitive_name(plain), "") << plain;
  }
}

TEST(rules_tools, explain_decides_as_judge_and_lists_what_is_overruled) {
  const Judged judged = judge_as("rules:\n  - {id: a, statement: {kinds: [delete]}, verdict: allow}\n"
                                 "  - {id: b, statement: {kinds: [delete]}, verdict: hold}\n"
                                 "  - {id: c, statement: {kinds: [delete]}, verdict: deny}\n"
                                 "  - {id: d, mode: alert, statement: {kinds: [delete]}, verdict: deny}\n",
                                 "delete from t where id = 1");
  EXPECT_EQ(in_words(judged.why.decision), "deny by rule c");
  ASSERT_EQ(judged.why.matches.size(), 4U);
  for (const rules::RuleMatch& match : judged.why.matches) EXPECT_EQ(match.decides, match.rule == "c") << match.rule;
  EXPECT_TRUE(judged.why.matches[3].alert);
}

TEST(rules_tools, explain_lists_rules_that_match_even_where_the_guard_decides) {
  const Judged judged = judge_as("rules: [{id: a, statement: {kinds: [set]}, verdict: hold}]", "set sluice.x = 1");
  EXPECT_EQ(judged.why.decision.reason, Reason::Guard);
  ASSERT_EQ(judged.why.matches.size(), 1U);
  EXPECT_FALSE(judged.why.matches[0].decides);
}

TEST(rules_tools, a_column_rule_is_seen_without_a_database_under_any_writing_of_the_column) {
  constexpr std::string_view rules = "rules: [{id: ssn, result: {columns: [\"hr.*.*_ssn\"]}, mask: {operator: redact}}]";
  for (const char* text : {"select my_ssn from hr.people", "select p.my_ssn from hr.people p", "select * from hr.people",
                           "select x.my_ssn from (select * from hr.people) x"}) {
    const Judged judged = judge_as(rules, text);
    EXPECT_FALSE(judged.masks.empty()) << text;
  }
  EXPECT_TRUE(judge_as(rules, "select name from hr.people").masks.empty());
  EXPECT_EQ(judge_as(rules, "select 1 from hr.people where my_ssn = 'x'").why.decision.reason, Reason::Unmaskable);
}

TEST(rules_tools, types_of_test_columns_have_their_server_s_numbers) {
  EXPECT_EQ(type_oid_of("int8"), 20U);
  EXPECT_EQ(type_oid_of("bigint"), 20U);
  EXPECT_EQ(type_oid_of("16401"), 16401U);
  EXPECT_EQ(type_oid_of("texr"), std::nullopt);
}

}  // namespace
}  // namespace sluice::cli
