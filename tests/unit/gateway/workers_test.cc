#include "gateway/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <set>
#include <string>
#include <thread>

namespace sluice::gateway {
namespace {

TEST(workers, every_job_runs_once_on_another_thread) {
  constexpr int jobs = 1000;
  std::vector<std::atomic<int>> ran(jobs);
  std::latch all(jobs);
  const std::thread::id here = std::this_thread::get_id();
  std::atomic<bool> elsewhere = true;
  Workers workers;
  ASSERT_TRUE(workers.start(3));
  for (size_t i = 0; i < jobs; ++i) {
    ASSERT_TRUE(workers.post([&, i] {
      ran[i].fetch_add(1);
      if (std::this_thread::get_id() == here) elsewhere = false;
      all.count_down();
    }));
  }
  all.wait();
  for (const auto& n : ran) EXPECT_EQ(n.load(), 1);
  EXPECT_TRUE(elsewhere);
}

TEST(workers, a_full_queue_refuses_instead_of_growing) {
  std::latch begun(1);
  std::latch go(1);
  std::atomic<size_t> ran = 0;
  std::latch all(Workers::waiting_max);
  Workers workers;
  ASSERT_TRUE(workers.start(1));
  ASSERT_TRUE(workers.post([&] {
    begun.count_down();
    go.wait();
  }));
  begun.wait();
  for (size_t i = 0; i < Workers::waiting_max; ++i) {
    ASSERT_TRUE(workers.post([&] {
      ran.fetch_add(1);
      all.count_down();
    }));
  }
  EXPECT_FALSE(workers.post([&] { ran.fetch_add(1); }));
  go.count_down();
  all.wait();
  EXPECT_EQ(ran.load(), Workers::waiting_max) << "the refused one did not run";
  std::latch again(1);
  EXPECT_TRUE(workers.post([&] { again.count_down(); })) << "there is room again";
  again.wait();
}

TEST(workers, the_end_waits_for_what_runs_and_drops_what_waits) {
  std::latch begun(1);
  std::latch go(1);
  std::atomic<bool> finished = false;
  std::atomic<int> dropped_ran = 0;
  const auto witness = std::make_shared<int>(0);
  std::thread release;
  {
    Workers workers;
    ASSERT_TRUE(workers.start(1));
    ASSERT_TRUE(workers.post([&] {
      begun.count_down();
      go.wait();
      finished = true;
    }));
    begun.wait();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(workers.post([&, witness] { dropped_ran.fetch_add(1); }));
    // The destructor drops what waits before it joins; that is what lets the running job end here.
    release = std::thread([&] {
      while (witness.use_count() > 1) std::this_thread::yield();
      go.count_down();
    });
  }
  EXPECT_TRUE(finished);
  EXPECT_EQ(dropped_ran, 0);
  EXPECT_EQ(witness.use_count(), 1);
  release.join();
}

TEST(workers, end_at_once_when_they_never_began_or_have_nothing_to_do) {
  { const Workers never; }
  Workers idle;
  EXPECT_TRUE(idle.start(4));
}

}  // namespace
}  // namespace sluice::gateway
