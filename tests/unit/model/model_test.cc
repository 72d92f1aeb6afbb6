#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "model/credentials.h"
#include "model/facts.h"
#include "model/key_directory.h"
#include "model/log_sink.h"
#include "model/metrics.h"
#include "model/principal.h"
#include "model/settings.h"
#include "model/verdict.h"

namespace sluice {
namespace {

TEST(model, promise_01_unknown_means_no_in_every_zero_value) {
  EXPECT_EQ(Verdict{}, Verdict::Deny);
  EXPECT_EQ(Decision{}.verdict, Verdict::Deny);
  EXPECT_EQ(Decision{}.reason, Reason::NoDecision);
  EXPECT_EQ(Proof{}, Proof::None);
  EXPECT_EQ(PrincipalKind{}, PrincipalKind::Unknown);
  EXPECT_FALSE(Facts{}.understood);
  EXPECT_EQ(TargetSettings{}.default_verdict, Verdict::Deny);
  EXPECT_EQ(TargetSettings{}.tls_mode, UpstreamTlsMode::VerifyFull) << "the strictest, unless somebody says less";
  EXPECT_FALSE(ListenerSettings{}.allow_cleartext);
  EXPECT_TRUE(TargetSettings{}.access_groups.empty()) << "nobody";
}

TEST(facts, every_kind_has_a_word_of_its_own_that_leads_back) {
  std::set<std::string_view> words;
  for (uint8_t i = 0; i < static_cast<uint8_t>(StatementKind::Count_); ++i) {
    const auto kind = static_cast<StatementKind>(i);
    EXPECT_FALSE(name_of(kind).empty());
    EXPECT_TRUE(words.insert(name_of(kind)).second) << name_of(kind);
    EXPECT_EQ(statement_kind(name_of(kind)), kind) << name_of(kind);
  }
  for (const std::string_view unknown : {"", "SELECT", "select ", "copy_in", "sele"}) {
    EXPECT_FALSE(statement_kind(unknown)) << unknown;
  }
}

TEST(facts, a_set_of_kinds_holds_what_was_added_and_nothing_else) {
  KindSet set;
  EXPECT_TRUE(set.empty());
  for (const StatementKind kind : {StatementKind::Other, StatementKind::Reassign}) {
    EXPECT_FALSE(set.has(kind));
    set.add(kind);
    EXPECT_TRUE(set.has(kind)) << "the first and the last bit too";
  }
  EXPECT_FALSE(set.has(StatementKind::Select));
  KindSet other;
  other.add(StatementKind::Select);
  EXPECT_FALSE(set.intersects(other));
  other.add_all(set);
  EXPECT_TRUE(set.intersects(other));
  EXPECT_NE(set, other);
}

TEST(facts, every_guard_but_none_explains_itself) {
  EXPECT_TRUE(explain(Guard::None).empty());
  for (uint8_t i = 1; i <= static_cast<uint8_t>(Guard::StatisticsOfMasked); ++i) {
    EXPECT_FALSE(explain(static_cast<Guard>(i)).empty()) << int{i};
  }
}

TEST(verdict, every_reason_has_a_word_of_its_own) {
  std::set<std::string_view> words;
  for (size_t i = 0; i < reason_count; ++i) EXPECT_TRUE(words.insert(name_of(static_cast<Reason>(i))).second) << i;
}

TEST(key_directory, finds_whom_it_knows_and_nobody_else) {
  std::vector<AccessSubject> subjects(2);
  subjects[0].subject = "alice";
  subjects[1].subject = "bob";
  const KeyDirectory directory(std::move(subjects));
  EXPECT_EQ(directory.size(), 2U);
  ASSERT_NE(directory.find("alice"), nullptr);
  EXPECT_EQ(directory.find("alice")->subject, "alice");
  for (const std::string_view unknown : {"", "Alice", "alice ", "carol"}) EXPECT_EQ(directory.find(unknown), nullptr);
  EXPECT_EQ(KeyDirectory{}.find("alice"), nullptr);
}

TEST(key_directory, a_key_lives_until_it_is_revoked_or_expires) {
  struct Case {
    std::string_view why;
    bool revoked;
    int64_t expires;
    bool lives;
  };
  constexpr int64_t now = 1000;
  const Case cases[] = {
      {"no expiry", false, 0, true},         {"still ahead", false, now + 1, true},
      {"this very second", false, now, false}, {"long ago", false, 1, false},
      {"revoked, whatever the date", true, 0, false}, {"revoked before it expires", true, now + 1, false},
  };
  for (const Case& c : cases) {
    AccessKey key;
    key.revoked = c.revoked;
    key.expires_unix_s = c.expires;
    EXPECT_EQ(is_live(key, now), c.lives) << c.why;
    AccessSubject subject;
    EXPECT_FALSE(has_live_key(subject, now)) << "no key at all";
    subject.keys = {AccessKey{.id = "old", .expires_unix_s = 1}, key};
    EXPECT_EQ(has_live_key(subject, now), c.lives) << c.why;
  }
}

TEST(key_directory, an_unknown_subject_looks_like_a_known_one_each_time_it_asks) {
  const AccessSubject once = KeyDirectory::mock("mallory");
  const AccessSubject again = KeyDirectory::mock("mallory");
  EXPECT_EQ(once.salt, again.salt) << "a salt that changed would tell";
  EXPECT_EQ(once.salt.size(), access_key_salt_size);
  EXPECT_EQ(once.iterations, access_key_iterations);
  EXPECT_TRUE(once.keys.empty()) << "nothing can match";
  EXPECT_NE(KeyDirectory::mock("mallory2").salt, once.salt);
}

TEST(credentials, the_first_that_fits_the_groups_is_used) {
  CredentialSet set;
  set.targets.push_back({.target = "orders", .credentials = {}});
  set.targets[0].credentials.push_back({.groups = {"dba"}, .user = "admin", .password = {}});
  set.targets[0].credentials.push_back({.groups = {"dev", "ops"}, .user = "writer", .password = {}});
  const auto user = [&](std::string_view target, std::vector<std::string> groups) -> std::string {
    const Credential* found = set.find(target, groups);
    return found == nullptr ? "" : found->user;
  };
  EXPECT_EQ(user("orders", {"dba", "dev"}), "admin");
  EXPECT_EQ(user("orders", {"ops"}), "writer");
  EXPECT_EQ(user("orders", {"sales"}), "") << "none fits";
  EXPECT_EQ(user("orders", {}), "");
  EXPECT_EQ(user("ledger", {"dba"}), "") << "an unknown target";
  set.targets[0].credentials.push_back({.groups = {}, .user = "reader", .password = {}});
  EXPECT_EQ(user("orders", {}), "reader") << "no groups of its own: everybody";
  EXPECT_EQ(user("orders", {"dba"}), "admin") << "order decides";
}

TEST(metrics, a_latency_is_counted_in_the_first_bucket_that_holds_it) {
  DecisionHistogram histogram;
  for (const uint64_t ns : {uint64_t{0}, uint64_t{50}, uint64_t{51}, uint64_t{1'000'000}, uint64_t{1'000'001}}) {
    histogram.observe(ns);
  }
  EXPECT_EQ(histogram.bucket(0), 2U) << "a bound belongs to its bucket";
  EXPECT_EQ(histogram.bucket(1), 1U);
  EXPECT_EQ(histogram.bucket(decision_bounds_ns.size() - 1), 1U);
  EXPECT_EQ(histogram.bucket(decision_bounds_ns.size()), 1U);
  EXPECT_EQ(histogram.sum_ns(), 2'000'102U);
}

TEST(log_field, numbers_keep_their_sign_and_booleans_their_kind) {
  EXPECT_EQ(LogField("k", -1).kind, LogField::Kind::Signed);
  EXPECT_EQ(static_cast<int64_t>(LogField("k", -1).number), -1);
  EXPECT_EQ(LogField("k", uint64_t{UINT64_MAX}).kind, LogField::Kind::Unsigned);
  EXPECT_EQ(LogField("k", uint64_t{UINT64_MAX}).number, UINT64_MAX);
  EXPECT_EQ(LogField("k", true).kind, LogField::Kind::Boolean);
  EXPECT_EQ(LogField("k", "true").kind, LogField::Kind::Text);
}

}  // namespace
}  // namespace sluice
