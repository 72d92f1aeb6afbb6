#include "gateway/ledger.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "gateway/cancel_limiter.h"

namespace sluice::gateway {
namespace {

using Answer = SessionLedger::Answer;

TargetSettings target(const std::string& name, uint32_t sessions, uint32_t per_principal) {
  TargetSettings t;
  t.name = name;
  t.limits.sessions_max = sessions;
  t.limits.sessions_per_principal_max = per_principal;
  return t;
}

TEST(session_ledger, caps_are_exact_and_leaving_makes_room) {
  SessionLedger ledger;
  const TargetSettings t = target("orders", 3, 2);
  EXPECT_EQ(ledger.admit(t, "alice"), Answer::Admitted);
  EXPECT_EQ(ledger.admit(t, "alice"), Answer::Admitted);
  EXPECT_EQ(ledger.admit(t, "alice"), Answer::PrincipalFull);
  EXPECT_EQ(ledger.admit(t, "bob"), Answer::Admitted);
  EXPECT_EQ(ledger.admit(t, "carol"), Answer::TargetFull);
  EXPECT_EQ(ledger.admit(t, "alice"), Answer::TargetFull) << "the target's cap is told first";
  ledger.leave("orders", "alice");
  EXPECT_EQ(ledger.admit(t, "carol"), Answer::Admitted);
  EXPECT_EQ(ledger.admit(t, "alice"), Answer::TargetFull);
}

TEST(session_ledger, a_refusal_uses_up_nothing) {
  SessionLedger ledger;
  const TargetSettings t = target("orders", 2, 1);
  EXPECT_EQ(ledger.admit(t, "alice"), Answer::Admitted);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ledger.admit(t, "alice"), Answer::PrincipalFull);
  EXPECT_EQ(ledger.admit(t, "bob"), Answer::Admitted);
  ledger.leave("orders", "alice");
  EXPECT_EQ(ledger.admit(t, "alice"), Answer::Admitted);
}

TEST(session_ledger, targets_are_counted_apart) {
  SessionLedger ledger;
  EXPECT_EQ(ledger.admit(target("orders", 1, 1), "alice"), Answer::Admitted);
  EXPECT_EQ(ledger.admit(target("ledger", 1, 1), "alice"), Answer::Admitted);
  EXPECT_EQ(ledger.admit(target("orders", 1, 1), "bob"), Answer::TargetFull);
}

TEST(session_ledger, a_cap_of_zero_admits_nobody) {
  SessionLedger ledger;
  EXPECT_EQ(ledger.admit(target("orders", 0, 10), "alice"), Answer::TargetFull);
  EXPECT_EQ(ledger.admit(target("orders", 10, 0), "alice"), Answer::PrincipalFull);
}

TEST(session_ledger, lanes_that_race_never_pass_a_cap) {
  SessionLedger ledger;
  const TargetSettings t = target("orders", 3, 2);
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::atomic<int> admitted = 0;
  std::vector<std::thread> lanes;
  for (int lane = 0; lane < 4; ++lane) {
    lanes.emplace_back([&, lane] {
      const std::string subject = lane < 2 ? "alice" : "bob";
      for (int i = 0; i < 2000; ++i) {
        if (ledger.admit(t, subject) != Answer::Admitted) continue;
        const int now = inside.fetch_add(1) + 1;
        for (int seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        admitted.fetch_add(1);
        inside.fetch_sub(1);
        ledger.leave("orders", subject);
      }
    });
  }
  for (auto& lane : lanes) lane.join();
  EXPECT_LE(most.load(), 3);
  EXPECT_GT(admitted.load(), 0);
  for (const char* subject : {"alice", "alice", "bob"}) EXPECT_EQ(ledger.admit(t, subject), Answer::Admitted) << "all left";
}

TEST(cancel_limiter, counts_by_address_and_not_by_port) {
  CancelLimiter limiter;
  for (uint32_t i = 0; i < CancelLimiter::requests_max; ++i) {
    EXPECT_TRUE(limiter.admit("10.0.0.1:" + std::to_string(1000 + i), 5));
  }
  EXPECT_FALSE(limiter.admit("10.0.0.1:9", 5));
  EXPECT_TRUE(limiter.admit("10.0.0.2:9", 5)) << "another address";
  EXPECT_FALSE(limiter.admit("10.0.0.1:9", 4 + CancelLimiter::window_ns));
  EXPECT_TRUE(limiter.admit("10.0.0.1:9", 5 + CancelLimiter::window_ns)) << "the window is over";
}

TEST(cancel_limiter, an_ipv6_network_of_64_bits_counts_as_one) {
  CancelLimiter limiter;
  for (uint32_t i = 0; i < CancelLimiter::requests_max; ++i) {
    EXPECT_TRUE(limiter.admit("[2001:db8::" + std::to_string(i) + "]:1", 5));
  }
  EXPECT_FALSE(limiter.admit("[2001:db8::ffff:1:2:3]:1", 5));
  EXPECT_TRUE(limiter.admit("[2001:db8:0:1::1]:1", 5));
}

TEST(cancel_limiter, a_full_table_refuses_new_addresses_until_windows_end) {
  CancelLimiter limiter;
  for (size_t i = 0; i < CancelLimiter::addresses_max; ++i) {
    ASSERT_TRUE(limiter.admit("[2001:db8:0:" + std::to_string(i) + "::1]:1", 5));
  }
  EXPECT_FALSE(limiter.admit("10.0.0.1:1", 5));
  EXPECT_TRUE(limiter.admit("[2001:db8:0:7::1]:1", 5)) << "who is known keeps its own count";
  EXPECT_TRUE(limiter.admit("10.0.0.1:1", 5 + CancelLimiter::window_ns));
}

}  // namespace
}  // namespace sluice::gateway
