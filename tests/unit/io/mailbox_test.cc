#include "io/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/io/loopback.h"

namespace sluice::io {
namespace {

/// Only notify() is ever asked of it.
struct Doorbell final : Kernel {
  void accept(int, uint64_t) override {}
  void connect(int, const sockaddr*, socklen_t, uint64_t) override {}
  void receive(int, bool, uint64_t) override {}
  void send(int, const msghdr*, uint64_t) override {}
  void send(int, Bytes, uint64_t) override {}
  void cancel(uint64_t) override {}
  void cancel_all(int) override {}
  int open_socket(int) override { return -ENOSYS; }
  void tune_socket(int) override {}
  void shutdown(int, int) override {}
  void close(int) override {}
  void provide(uint16_t, std::byte*, uint32_t) override {}
  void wait(uint64_t, std::vector<Completion>&) override {}
  void notify() override { ++rung; }
  uint64_t monotonic_ns() override { return 0; }
  int64_t unix_ns() override { return 0; }
  std::atomic<int> rung{0};
};

TEST(mailbox, letters_come_out_in_order_and_once) {
  Mailbox box;
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) box.post([&order, i] { order.push_back(i); });
  std::vector<Mailbox::Letter> out;
  box.take(out);
  for (auto& letter : out) letter();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  box.take(out);
  EXPECT_TRUE(out.empty());
}

TEST(mailbox, one_doorbell_serves_a_batch) {
  Mailbox box;
  Doorbell kernel;
  box.attach(&kernel);
  box.post([] {});
  box.post([] {});
  EXPECT_EQ(kernel.rung, 1);
  std::vector<Mailbox::Letter> out;
  box.take(out);
  box.post([] {});
  EXPECT_EQ(kernel.rung, 2);
}

TEST(mailbox, letters_posted_before_the_lane_exists_ring_when_it_does) {
  Mailbox box;
  Doorbell kernel;
  box.post([] {});
  box.attach(&kernel);
  EXPECT_EQ(kernel.rung, 1);
  box.attach(nullptr);
  std::vector<Mailbox::Letter> out;
  box.take(out);
  box.post([] {});
  EXPECT_EQ(kernel.rung, 1) << "a lane that is gone is not rung";
}

TEST(mailbox, a_letter_may_post_another) {
  Loop loop;
  int ran = 0;
  loop.reactor->mailbox().post([&] {
    ++ran;
    loop.reactor->mailbox().post([&] { ++ran; });
  });
  EXPECT_TRUE(loop.until([&] { return ran == 2; }));
}

TEST(mailbox, other_threads_wake_a_lane_that_has_nothing_to_wait_for) {
  Loop loop;
  constexpr int senders = 4;
  constexpr int letters = 500;
  std::vector<int> last(senders, -1);
  int ran = 0;
  bool in_order = true;
  std::vector<std::thread> threads;
  for (int s = 0; s < senders; ++s) {
    threads.emplace_back([&, s] {
      for (int i = 0; i < letters; ++i) {
        loop.reactor->mailbox().post([&, s, i] {
          in_order = in_order && last[static_cast<size_t>(s)] == i - 1;
          last[static_cast<size_t>(s)] = i;
          if (++ran == senders * letters) loop.reactor->stop();
        });
      }
    });
  }
  // No timer is set: only the doorbell ends a round.
  loop.reactor->run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ran, senders * letters);
  EXPECT_TRUE(in_order);
}

/// Two lanes, each on its own thread, hand a number to each other: every post rings from lane to lane.
TEST(mailbox, lanes_wake_each_other_from_ring_to_ring) {
  constexpr int exchanges = 1000;
  struct Lane {
    std::unique_ptr<Loop> loop;
    int seen = 0;
  };
  Lane lanes[2];
  std::atomic<int> ready{0};
  std::function<void(int, int)> receive = [&](int which, int number) {
    lanes[which].seen = number;
    if (number == exchanges) {
      for (Lane& lane : lanes) lane.loop->reactor->mailbox().post([&lane] { lane.loop->reactor->stop(); });
      return;
    }
    lanes[1 - which].loop->reactor->mailbox().post([&receive, which, number] { receive(1 - which, number + 1); });
  };
  const auto run = [&](int which) {
    lanes[which].loop = std::make_unique<Loop>();
    ready.fetch_add(1);
    ready.notify_all();
    for (int n = ready.load(); n != 2; n = ready.load()) ready.wait(n);
    if (which == 0) lanes[0].loop->reactor->mailbox().post([&] { receive(0, 1); });
    lanes[which].loop->reactor->run();
    // A bell for the other lane may still be an entry not yet submitted; one more round sends it.
    lanes[which].loop->turn();
    ready.fetch_add(1);
    ready.notify_all();
    for (int n = ready.load(); n != 4; n = ready.load()) ready.wait(n);
    lanes[which].loop.reset();
  };
  std::thread other([&] { run(1); });
  run(0);
  other.join();
  EXPECT_EQ(std::max(lanes[0].seen, lanes[1].seen), exchanges);
  EXPECT_EQ(std::min(lanes[0].seen, lanes[1].seen), exchanges - 1);
}

}  // namespace
}  // namespace sluice::io
