// Back-pressure, and fairness when buffers are short.
#include "tests/unit/io/loopback.h"

namespace sluice::io {
namespace {

std::string text_of(const SliceQueue& queue) {
  std::vector<std::byte> scratch;
  return std::string(as_text(queue.view(0, queue.bytes(), scratch)));
}

/// Forwards what one connection says to another, as a proxy does: the source is not read while the
/// reader's queue is above the high mark.
struct Pipe {
  explicit Pipe(Loop& l) : loop(l) {
    from.at_bytes = [this](ConnectionId id) {
      loop.reactor->send_all(reader, loop.reactor->inbox(id));
      most_unsent = std::max(most_unsent, loop.reactor->unsent(reader));
      if (loop.reactor->above_high_mark(reader) && !paused) {
        paused = true;
        ++pauses;
        loop.reactor->set_reading(id, false);
      }
    };
    to.at_drained = [this](ConnectionId) {
      paused = false;
      loop.reactor->set_reading(source, true);
    };
  }
  Loop& loop;
  Handler from;
  Handler to;
  ConnectionId source;
  ConnectionId reader;
  bool paused = false;
  int pauses = 0;
  size_t most_unsent = 0;
};

constexpr int small_buffers = 16 << 10;

TEST(reactor_flow, a_reader_that_does_not_read_stops_the_reading_of_its_source) {
  Loop loop;
  Pipe pipe(loop);
  auto [source, speaker] = loop.pair(pipe.from, small_buffers);
  auto [reader, listener] = loop.pair(pipe.to, small_buffers);
  pipe.source = source;
  pipe.reader = reader;
  loop.reactor->set_reading(source, true);

  const std::string said = pattern(4U << 20);
  size_t sent = 0;
  int stuck = 0;
  EXPECT_TRUE(loop.until([&] {
    const size_t took = speaker.send(std::string_view(said).substr(sent));
    sent += took;
    stuck = took == 0 && pipe.paused ? stuck + 1 : 0;
    return stuck > 20 || sent == said.size();
  }));
  EXPECT_LT(sent, said.size()) << "the speaker is held back";
  EXPECT_TRUE(pipe.paused);
  const ReactorLimits limits = Loop::small();
  const size_t held = loop.reactor->unsent(reader) + loop.reactor->inbox(source).bytes();
  EXPECT_LE(held, limits.high_mark + size_t{limits.receive_slabs} * slab_size);

  // From now on it is known as bulk: what is held stays near the mark, one slab at a time.
  pipe.most_unsent = 0;
  EXPECT_TRUE(loop.until([&] {
    sent += speaker.send(std::string_view(said).substr(sent));
    listener.read(8'000);
    return listener.received.size() >= said.size();
  }));
  EXPECT_TRUE(listener.received == said);
  EXPECT_GT(pipe.pauses, 1);
  EXPECT_LE(pipe.most_unsent, limits.high_mark + 2 * slab_size);
  EXPECT_EQ(loop.reactor->slabs().receive_held(), 0U);
}

TEST(reactor_flow, reading_switched_off_and_on_at_once_loses_nothing) {
  Loop loop;
  Handler handler;
  std::string heard;
  std::vector<std::byte> scratch;
  handler.at_bytes = [&](ConnectionId id) {
    SliceQueue& in = loop.reactor->inbox(id);
    heard += as_text(in.view(0, in.bytes(), scratch));
    in.drop(in.bytes());
    // Every order of off and on around a cancellation that is under way.
    loop.reactor->set_reading(id, false);
    if (handler.bytes_events % 3 != 0) loop.reactor->set_reading(id, true);
  };
  auto [id, peer] = loop.pair(handler);
  loop.reactor->set_reading(id, true);
  const std::string said = pattern(1U << 20);
  size_t sent = 0;
  EXPECT_TRUE(loop.until([&] {
    sent += peer.send(std::string_view(said).substr(sent, 3000 + sent % 40'000));
    if (handler.bytes_events % 3 == 0) loop.reactor->set_reading(id, true);
    return heard.size() >= said.size();
  }));
  EXPECT_TRUE(heard == said);
  EXPECT_EQ(handler.closed, 0);
}

TEST(reactor_flow, more_speakers_than_slabs_are_all_heard) {
  constexpr size_t speakers = 32;
  Loop loop({.receive_slabs = 4, .reserve_slabs = 4, .connections_max = 64});
  std::vector<std::string> heard(speakers);
  std::vector<Handler> handlers(speakers);
  std::vector<Peer> peers;
  std::vector<std::byte> scratch;
  for (size_t i = 0; i < speakers; ++i) {
    handlers[i].at_bytes = [&, i](ConnectionId id) {
      SliceQueue& in = loop.reactor->inbox(id);
      heard[i] += as_text(in.view(0, in.bytes(), scratch));
      in.drop(in.bytes());
    };
    auto [id, peer] = loop.pair(handlers[i]);
    loop.reactor->set_reading(id, true);
    peers.push_back(std::move(peer));
  }
  std::vector<size_t> sent(speakers, 0);
  const auto said = [](size_t i) { return pattern(100'000, static_cast<uint32_t>(i + 1)); };
  EXPECT_TRUE(loop.until([&] {
    bool all = true;
    for (size_t i = 0; i < speakers; ++i) {
      if (sent[i] < 100'000) sent[i] += peers[i].send(std::string_view(said(i)).substr(sent[i]));
      all = all && heard[i].size() >= 100'000;
    }
    return all;
  }));
  for (size_t i = 0; i < speakers; ++i) EXPECT_TRUE(heard[i] == said(i)) << "speaker " << i;
  EXPECT_GT(loop.reactor->counters().no_buffers, 0U) << "the slabs did run out";
  EXPECT_EQ(loop.reactor->slabs().receive_held(), 0U);
}

TEST(reactor_flow, who_found_no_slab_is_served_when_another_lets_go) {
  constexpr uint32_t slabs = 4;
  Loop loop({.receive_slabs = slabs, .reserve_slabs = 4, .connections_max = 8});
  Handler hog;
  auto [hogging, hog_peer] = loop.pair(hog);
  loop.reactor->set_reading(hogging, true);
  const std::string flood = pattern(size_t{slabs} * slab_size * 2);
  size_t sent = 0;
  EXPECT_TRUE(loop.until([&] {
    sent += hog_peer.send(std::string_view(flood).substr(sent));
    return loop.reactor->slabs().receive_held() == slabs;
  }));
  Handler modest;
  auto [waiting, modest_peer] = loop.pair(modest);
  loop.reactor->set_reading(waiting, true);
  EXPECT_EQ(modest_peer.send("me too"), 6U);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->starved_count() == 2; }));
  EXPECT_EQ(modest.bytes_events, 0);
  loop.reactor->inbox(hogging).drop(loop.reactor->inbox(hogging).bytes());
  EXPECT_TRUE(loop.until([&] { return modest.bytes_events > 0; })) << "although the hog still has more to say";
  EXPECT_EQ(loop.reactor->inbox(waiting).bytes(), 6U);
}

TEST(reactor_flow, a_starved_connection_that_closes_is_forgotten) {
  Loop loop({.receive_slabs = 2, .reserve_slabs = 4, .connections_max = 8});
  Handler hog;
  auto [hogging, hog_peer] = loop.pair(hog);
  loop.reactor->set_reading(hogging, true);
  const std::string flood = pattern(slab_size * 4);
  EXPECT_GT(hog_peer.send(flood), 2 * slab_size);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->slabs().receive_held() == 2; }));
  Handler modest;
  auto [waiting, modest_peer] = loop.pair(modest);
  loop.reactor->set_reading(waiting, true);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->starved_count() == 2; }));
  loop.reactor->close_now(waiting);
  EXPECT_EQ(loop.reactor->connection_count(), 1U);
  auto [next, next_peer] = loop.pair(modest);
  EXPECT_EQ(next.index, waiting.index) << "its slot is used again";
  loop.reactor->close_now(hogging);
  loop.reactor->set_reading(next, true);
  EXPECT_EQ(next_peer.send("hello"), 5U);
  EXPECT_TRUE(loop.until([&] { return modest.bytes_events == 1; }));
  EXPECT_EQ(loop.reactor->starved_count(), 0U);
}

TEST(reactor_flow, a_free_slab_is_not_spent_on_who_left_or_stopped_reading) {
  Loop loop({.receive_slabs = 2, .reserve_slabs = 4, .connections_max = 8});
  Handler hog;
  auto [hogging, hog_peer] = loop.pair(hog, 64 << 10);
  loop.reactor->set_reading(hogging, true);
  const std::string flood = pattern(slab_size * 4);
  size_t sent = 0;
  EXPECT_TRUE(loop.until([&] {
    sent += hog_peer.send(std::string_view(flood).substr(sent));
    return loop.reactor->inbox(hogging).bytes() == 2 * slab_size && loop.reactor->starved_count() == 1;
  }));
  Handler handler;
  auto [leaving, leaving_peer] = loop.pair(handler);
  auto [waiting, waiting_peer] = loop.pair(handler);
  loop.reactor->set_reading(leaving, true);
  loop.reactor->set_reading(waiting, true);
  EXPECT_EQ(loop.reactor->starved_count(), 3U);
  loop.reactor->close_now(leaving);
  loop.reactor->set_reading(hogging, false);
  loop.reactor->inbox(hogging).drop(slab_size);
  // One slab is free, and nothing else would start another round: the third in the queue must get it now.
  loop.turn();
  EXPECT_EQ(loop.reactor->starved_count(), 0U);
  EXPECT_EQ(waiting_peer.send("hello"), 5U);
  EXPECT_TRUE(loop.until([&] { return handler.bytes_events == 1; }));
}

TEST(reactor_flow, while_others_starve_a_peer_that_stops_in_the_middle_loses_its_slabs) {
  Loop loop({.receive_slabs = 8, .reserve_slabs = 4, .connections_max = 8, .stall_ns = 20'000'000});
  Handler hog;
  Handler idle;
  Handler speaker;
  std::string heard;
  speaker.at_bytes = [&](ConnectionId id) {
    heard += text_of(loop.reactor->inbox(id));
    loop.reactor->inbox(id).clear();
  };
  auto [hog_id, hog_peer] = loop.pair(hog);
  auto [idle_id, idle_peer] = loop.pair(idle);
  loop.reactor->set_reading(idle_id, true);
  loop.reactor->set_reading(hog_id, true);
  const std::string much = pattern(64 * slab_size);
  size_t sent = 0;
  EXPECT_TRUE(loop.until([&] {
    sent += hog_peer.send(std::string_view(much).substr(sent));
    return loop.reactor->slabs().receive_held() == 8;
  })) << "a message that never ends takes all slabs";
  auto [id, peer] = loop.pair(speaker);
  loop.reactor->set_reading(id, true);
  ASSERT_EQ(peer.send("hello"), 5U);
  EXPECT_TRUE(loop.until([&] { return heard == "hello"; }));
  EXPECT_EQ(hog.closed, 1);
  EXPECT_EQ(hog.error, ETIMEDOUT);
  EXPECT_EQ(idle.closed, 0) << "who holds nothing gives nothing";
  EXPECT_EQ(loop.reactor->counters().sacrificed, 1U);
}

TEST(reactor_flow, whoever_holds_most_goes_first) {
  constexpr uint64_t stall_ns = 20'000'000;
  Loop loop({.receive_slabs = 8, .reserve_slabs = 4, .connections_max = 8, .stall_ns = stall_ns});
  Handler little;
  little.held_bytes = 100;
  Handler most;
  most.held_bytes = 1U << 20;
  auto [little_id, little_peer] = loop.pair(little);
  auto [most_id, most_peer] = loop.pair(most);
  const uint64_t begin = loop.kernel->monotonic_ns();
  ASSERT_TRUE(loop.until([&] { return loop.kernel->monotonic_ns() - begin > 2 * stall_ns; }));
  EXPECT_EQ(most.closed + little.closed, 0) << "nobody waits yet";
  std::vector<Slice> taken(4);
  for (Slice& slice : taken) ASSERT_TRUE(loop.reactor->slabs().take(slice));
  loop.reactor->wake_when_slabs_are_free(little_id, 1);
  // Asked after every round, so nothing else can have been closed in between.
  ASSERT_TRUE(loop.until([&] { return most.closed + little.closed > 0; }));
  EXPECT_EQ(most.closed, 1);
  EXPECT_EQ(little.closed, 0);
}

TEST(reactor_flow, whoever_holds_buffers_is_left_alone_while_there_are_others) {
  Loop loop({.receive_slabs = 8, .reserve_slabs = 4, .connections_max = 8, .stall_ns = 2'000'000});
  Handler hog;
  hog.held_bytes = 1U << 20;
  auto [id, peer] = loop.pair(hog);
  loop.reactor->set_reading(id, true);
  for (int i = 0; i < 20; ++i) loop.turn();
  EXPECT_EQ(hog.closed, 0);
  EXPECT_EQ(loop.reactor->counters().sacrificed, 0U);
}

TEST(reactor_flow, a_peer_that_dribbles_does_not_hold_a_slab_with_every_byte) {
  Loop loop({.receive_slabs = 8, .reserve_slabs = 4, .connections_max = 8});
  Handler handler;
  auto [id, peer] = loop.pair(handler);
  loop.reactor->set_reading(id, true);
  const std::string said = pattern(200);
  for (size_t i = 0; i < said.size(); ++i) {
    ASSERT_EQ(peer.send(std::string_view(said).substr(i, 1)), 1U);
    ASSERT_TRUE(loop.until([&] { return loop.reactor->inbox(id).bytes() == i + 1; }));
    ASSERT_LE(loop.reactor->slabs().receive_held(), 2U);
  }
  std::vector<std::byte> scratch;
  EXPECT_EQ(as_text(loop.reactor->inbox(id).view(0, said.size(), scratch)), said);
  EXPECT_EQ(loop.reactor->counters().gathered_bytes, said.size() - 2) << "the first two met nothing to join";
}

TEST(reactor_flow, pieces_taken_as_they_come_are_never_copied) {
  Loop loop;
  Handler handler;
  size_t taken = 0;
  handler.at_bytes = [&](ConnectionId from) {
    taken += loop.reactor->inbox(from).bytes();
    loop.reactor->inbox(from).clear();
  };
  auto [id, peer] = loop.pair(handler);
  loop.reactor->set_reading(id, true);
  for (size_t i = 1; i <= 100; ++i) {
    ASSERT_EQ(peer.send("0123456789"), 10U);
    ASSERT_TRUE(loop.until([&] { return taken == i * 10; }));
  }
  EXPECT_EQ(loop.reactor->counters().gathered_bytes, 0U);
}

TEST(reactor_flow, copies_sent_share_slabs_and_arrive_in_order) {
  Loop loop({.receive_slabs = 4, .reserve_slabs = 8, .connections_max = 4});
  Handler handler;
  auto [id, peer] = loop.pair(handler);
  std::string said;
  for (uint32_t i = 0; i < 1000; ++i) {
    const std::string piece = pattern(1 + i % 50, i);
    ASSERT_TRUE(loop.reactor->send_copy(id, as_bytes(piece)));
    said += piece;
    if (i % 100 == 0) loop.turn();  // Some go behind bytes that the kernel is sending.
  }
  EXPECT_TRUE(loop.until([&] {
    peer.read();
    return peer.received.size() >= said.size();
  }));
  EXPECT_TRUE(peer.received == said);
  EXPECT_FALSE(loop.reactor->send_copy(id, as_bytes(pattern(9 * slab_size)))) << "more than there is";
}

TEST(reactor_flow, who_waits_for_slabs_is_woken_when_enough_are_free_and_not_before) {
  Loop loop({.receive_slabs = 4, .reserve_slabs = 8, .connections_max = 4});
  Handler handler;
  auto [id, peer] = loop.pair(handler);
  std::vector<Slice> hog(8);
  for (Slice& slice : hog) ASSERT_TRUE(loop.reactor->slabs().take(slice));
  loop.reactor->wake_when_slabs_are_free(id, 3);
  for (int i = 0; i < 3; ++i) loop.turn();
  hog.pop_back();
  hog.pop_back();
  for (int i = 0; i < 3; ++i) loop.turn();
  EXPECT_EQ(handler.flushes + handler.bytes_events, 0);
  hog.pop_back();
  EXPECT_TRUE(loop.until([&] { return handler.flushes == 1 && handler.bytes_events == 1; }));
  for (int i = 0; i < 3; ++i) loop.turn();
  EXPECT_EQ(handler.flushes, 1) << "once a call";
  loop.reactor->wake_when_slabs_are_free(id, 8);
  loop.reactor->close_now(id);
  hog.clear();
  for (int i = 0; i < 3; ++i) loop.turn();
  EXPECT_EQ(handler.flushes, 1) << "who is gone is not woken";
}

}  // namespace
}  // namespace sluice::io
