#include "io/timer.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace sluice::io {
namespace {

struct Alarm final : Timer::Client {
  void on_timer(Timer&) override {
    ++fired;
    if (then) then();
  }
  Timer timer{*this};
  int fired = 0;
  std::function<void()> then;
};

TEST(timer_heap, nothing_waits_in_an_empty_one) {
  TimerHeap heap;
  EXPECT_EQ(heap.next_deadline(), UINT64_MAX);
  heap.run(UINT64_MAX);
  Alarm a;
  heap.cancel(a.timer);
  EXPECT_FALSE(a.timer.armed());
}

TEST(timer_heap, fires_at_its_deadline_once_and_not_before) {
  TimerHeap heap;
  Alarm a;
  heap.set(a.timer, 10);
  heap.run(9);
  EXPECT_EQ(a.fired, 0);
  heap.run(10);
  EXPECT_EQ(a.fired, 1);
  EXPECT_FALSE(a.timer.armed());
  heap.run(100);
  EXPECT_EQ(a.fired, 1);
}

TEST(timer_heap, setting_again_moves_the_deadline) {
  TimerHeap heap;
  Alarm a;
  heap.set(a.timer, 10);
  heap.set(a.timer, 20);
  heap.run(15);
  EXPECT_EQ(a.fired, 0);
  heap.set(a.timer, 5);
  EXPECT_EQ(heap.next_deadline(), 5U);
  heap.run(15);
  EXPECT_EQ(a.fired, 1);
}

TEST(timer_heap, a_timer_that_dies_leaves_the_heap) {
  TimerHeap heap;
  Alarm later;
  heap.set(later.timer, 20);
  {
    Alarm sooner;
    heap.set(sooner.timer, 10);
    EXPECT_EQ(heap.next_deadline(), 10U);
  }
  EXPECT_EQ(heap.next_deadline(), 20U);
  heap.run(30);
  EXPECT_EQ(later.fired, 1);
}

TEST(timer_heap, a_callback_may_set_cancel_and_destroy_any_timer) {
  TimerHeap heap;
  Alarm first;
  Alarm cancelled;
  Alarm set_from_within;
  auto destroyed = std::make_unique<Alarm>();
  heap.set(first.timer, 1);
  heap.set(cancelled.timer, 2);
  heap.set(destroyed->timer, 2);
  first.then = [&] {
    EXPECT_FALSE(first.timer.armed()) << "it is out of the heap when it fires";
    heap.cancel(cancelled.timer);
    destroyed.reset();
    heap.set(set_from_within.timer, 2);
    if (first.fired == 1) heap.set(first.timer, 3);
  };
  heap.run(5);
  EXPECT_EQ(first.fired, 2) << "it set itself again, still due";
  EXPECT_EQ(cancelled.fired, 0);
  EXPECT_EQ(set_from_within.fired, 2);
  EXPECT_EQ(heap.next_deadline(), UINT64_MAX);
}

class TimerOracle : public testing::TestWithParam<unsigned> {};

TEST_P(TimerOracle, timers_fire_in_the_order_a_sorted_list_says) {
  TimerHeap heap;
  std::mt19937 random(GetParam());
  const auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  std::vector<std::unique_ptr<Alarm>> alarms;
  std::map<Alarm*, uint64_t> waiting;
  uint64_t now = 0;
  const auto earliest = [&] {
    uint64_t least = UINT64_MAX;
    for (const auto& [alarm, deadline] : waiting) least = std::min(least, deadline);
    return least;
  };
  const auto due = [&](Alarm* alarm) {
    ASSERT_TRUE(waiting.contains(alarm));
    ASSERT_EQ(waiting[alarm], earliest());
    waiting.erase(alarm);
    // What a callback does to others must not disturb the order either.
    Alarm* other = alarms[below(alarms.size())].get();
    if (below(3) == 0) {
      heap.cancel(other->timer);
      waiting.erase(other);
    } else if (below(3) == 0) {
      const uint64_t deadline = now + 1 + below(100);
      heap.set(other->timer, deadline);
      waiting[other] = deadline;
    }
  };
  for (int i = 0; i < 60; ++i) {
    auto alarm = std::make_unique<Alarm>();
    alarm->then = [&, raw = alarm.get()] { due(raw); };
    alarms.push_back(std::move(alarm));
  }
  for (int step = 0; step < 3000; ++step) {
    const size_t which = below(alarms.size());
    Alarm* alarm = alarms[which].get();
    switch (below(4)) {
      case 0:
      case 1: {
        const uint64_t deadline = now + below(200);
        heap.set(alarm->timer, deadline);
        waiting[alarm] = deadline;
        break;
      }
      case 2:
        heap.cancel(alarm->timer);
        waiting.erase(alarm);
        break;
      case 3:
        now += below(20);
        heap.run(now);
        ASSERT_GT(earliest(), now);
        break;
    }
    ASSERT_EQ(heap.next_deadline(), earliest());
    ASSERT_EQ(alarm->timer.armed(), waiting.contains(alarm));
  }
}
INSTANTIATE_TEST_SUITE_P(seeds, TimerOracle, testing::Range(1U, 9U));

}  // namespace
}  // namespace sluice::io
