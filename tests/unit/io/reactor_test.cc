// Connections coming and going, and what handlers are told.
#include <fcntl.h>

#include "tests/unit/io/loopback.h"

namespace sluice::io {
namespace {

std::string text_of(const SliceQueue& queue) {
  std::vector<std::byte> scratch;
  return std::string(as_text(queue.view(0, queue.bytes(), scratch)));
}

TEST(reactor, echoes_every_byte_in_order) {
  Loop loop;
  Handler echo;
  echo.at_bytes = [&](ConnectionId id) { loop.reactor->send_all(id, loop.reactor->inbox(id)); };
  auto [id, peer] = loop.pair(echo);
  loop.reactor->set_reading(id, true);
  const std::string said = pattern(3U << 20);
  size_t sent = 0;
  EXPECT_TRUE(loop.until([&] {
    sent += peer.send(std::string_view(said).substr(sent, 100'000));
    peer.read();
    return peer.received.size() >= said.size();
  }));
  EXPECT_TRUE(peer.received == said);
  EXPECT_EQ(loop.reactor->counters().received_bytes, said.size());
  EXPECT_EQ(loop.reactor->counters().sent_bytes, said.size());
  EXPECT_EQ(loop.reactor->slabs().receive_held(), 0U) << "every slab went back";
}

TEST(reactor, nothing_is_read_before_reading_is_switched_on) {
  Loop loop;
  Handler handler;
  auto [id, peer] = loop.pair(handler);
  EXPECT_EQ(peer.send("early"), 5U);
  for (int i = 0; i < 5; ++i) loop.turn();
  EXPECT_EQ(handler.bytes_events, 0);
  loop.reactor->set_reading(id, true);
  EXPECT_TRUE(loop.until([&] { return handler.bytes_events > 0; }));
  EXPECT_EQ(text_of(loop.reactor->inbox(id)), "early");
}

TEST(reactor, many_pieces_leave_in_order_in_gathered_sends) {
  Loop loop({.receive_slabs = 4, .reserve_slabs = 256, .connections_max = 4});
  Handler handler;
  auto [id, peer] = loop.pair(handler);
  std::string said;
  // More pieces than one gathered send can carry.
  for (uint32_t i = 0; i < 200; ++i) {
    const std::string piece = pattern(1 + i * 7, i);
    loop.reactor->send(id, loop.slice(piece));
    said += piece;
  }
  EXPECT_EQ(loop.reactor->unsent(id), said.size());
  EXPECT_TRUE(loop.until([&] {
    peer.read();
    return peer.received.size() >= said.size();
  }));
  EXPECT_TRUE(peer.received == said);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->unsent(id) == 0; }));
  EXPECT_LT(loop.reactor->counters().sends, 50U);
  EXPECT_EQ(loop.reactor->slabs().reserve_free(), 256U);
}

TEST(reactor, the_end_comes_after_the_bytes_and_answering_still_works) {
  Loop loop;
  Handler handler;
  std::string heard;
  handler.at_ended = [&](ConnectionId id) {
    heard = text_of(loop.reactor->inbox(id));
    loop.reactor->send(id, loop.slice("answer"));
  };
  auto [id, peer] = loop.pair(handler);
  loop.reactor->set_reading(id, true);
  EXPECT_EQ(peer.send("question"), 8U);
  peer.end();
  EXPECT_TRUE(loop.until([&] {
    peer.read();
    return peer.received == "answer";
  }));
  EXPECT_EQ(heard, "question");
  EXPECT_EQ(handler.ended, 1);
  EXPECT_EQ(handler.closed, 0) << "closing is the handler's decision";
}

TEST(reactor, a_reset_closes_the_connection_with_its_errno) {
  Loop loop;
  Handler handler;
  auto [id, peer] = loop.pair(handler);
  loop.reactor->set_reading(id, true);
  loop.turn();
  peer.reset();
  EXPECT_TRUE(loop.until([&] { return handler.closed == 1; }));
  EXPECT_EQ(handler.error, ECONNRESET);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 0; }));
  EXPECT_EQ(handler.ended, 0);
}

TEST(reactor, sending_to_a_peer_that_is_gone_is_an_event_and_no_signal) {
  Loop loop;
  Handler handler;
  auto [id, peer] = loop.pair(handler);
  peer.reset();
  EXPECT_TRUE(loop.until([&] {
    if (handler.closed == 0) loop.reactor->send(id, loop.slice("anybody?"));
    return handler.closed == 1;
  }));
  EXPECT_NE(handler.error, 0);
}

TEST(reactor, accepted_descriptors_are_handed_over_until_listening_stops) {
  Loop loop;
  const Listening listening;
  Handler echo;
  echo.at_bytes = [&](ConnectionId id) { loop.reactor->send_all(id, loop.reactor->inbox(id)); };
  int accepted = 0;
  loop.reactor->listen(listening.fd(), [&](int fd) {
    ++accepted;
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    const ConnectionId id = loop.reactor->adopt(fd, echo);
    loop.reactor->set_reading(id, true);
  });
  std::vector<Peer> peers(5);
  for (Peer& peer : peers) {
    ASSERT_EQ(peer.connect(listening.address()), 0);
    EXPECT_EQ(peer.send("hello"), 5U);
  }
  EXPECT_TRUE(loop.until([&] {
    for (Peer& peer : peers) peer.read();
    return std::ranges::all_of(peers, [](const Peer& peer) { return peer.received == "hello"; });
  }));
  EXPECT_EQ(accepted, 5);
  EXPECT_EQ(loop.reactor->connection_count(), 5U);
  loop.reactor->stop_listening();
  Peer late;
  EXPECT_EQ(late.connect(listening.address()), ECONNREFUSED);
  EXPECT_EQ(peers[0].send("!"), 1U);
  EXPECT_TRUE(loop.until([&] {
    peers[0].read();
    return peers[0].received == "hello!";
  })) << "who is in stays in";
}

TEST(reactor, connects_and_then_carries_bytes) {
  Loop loop;
  const Listening listening;
  Handler handler;
  handler.at_connected = [&](ConnectionId id) { loop.reactor->send(id, loop.slice("hello")); };
  const ConnectionId id = loop.reactor->connect(listening.address(), handler);
  ASSERT_TRUE(id.valid());
  loop.reactor->set_reading(id, true);  // Takes effect once connected.
  EXPECT_TRUE(loop.until([&] { return handler.connected == 1; }));
  Peer peer(listening.take());
  EXPECT_TRUE(loop.until([&] {
    peer.read();
    return peer.received == "hello";
  }));
  EXPECT_EQ(peer.send("back"), 4U);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->inbox(id).bytes() == 4; }));
  EXPECT_EQ(handler.connected, 1);
}

TEST(reactor, a_refused_connection_is_told_with_its_errno) {
  Loop loop;
  Listening listening;
  const sockaddr_storage address = listening.address();
  listening.shut();
  Handler handler;
  ASSERT_TRUE(loop.reactor->connect(address, handler).valid());
  EXPECT_TRUE(loop.until([&] { return handler.closed == 1; }));
  EXPECT_EQ(handler.error, ECONNREFUSED);
  EXPECT_EQ(handler.connected, 0);
  EXPECT_EQ(loop.reactor->connection_count(), 0U);
}

TEST(reactor, no_socket_for_an_unknown_family_and_no_slot_is_lost) {
  Loop loop;
  Handler handler;
  sockaddr_storage address{};
  address.ss_family = 0xFFF;
  EXPECT_FALSE(loop.reactor->connect(address, handler).valid());
  EXPECT_EQ(loop.reactor->connection_count(), 0U);
}

TEST(reactor, a_full_table_closes_the_descriptor_it_cannot_adopt) {
  Loop loop({.receive_slabs = 4, .reserve_slabs = 4, .connections_max = 2});
  Handler handler;
  auto [first, first_peer] = loop.pair(handler);
  auto [second, second_peer] = loop.pair(handler);
  auto [third, third_peer] = loop.pair(handler);
  EXPECT_TRUE(first.valid() && second.valid());
  EXPECT_FALSE(third.valid());
  third_peer.read();
  EXPECT_TRUE(third_peer.ended);
  loop.reactor->close_now(first);
  EXPECT_TRUE(loop.pair(handler).first.valid()) << "a slot is free again";
}

TEST(reactor, a_flush_asked_for_twice_comes_once_and_a_wake_comes_without_bytes) {
  Loop loop;
  Handler handler;
  auto [id, peer] = loop.pair(handler);
  handler.at_bytes = [&](ConnectionId which) {
    loop.reactor->request_flush(which);
    loop.reactor->request_flush(which);
  };
  loop.reactor->wake(id);
  loop.turn();
  EXPECT_EQ(handler.bytes_events, 1);
  EXPECT_EQ(handler.flushes, 1);
  loop.turn();
  EXPECT_EQ(handler.bytes_events, 1);
  EXPECT_EQ(handler.flushes, 1);
}

TEST(reactor, timers_fire_from_the_loop_and_can_be_taken_back) {
  struct Alarm final : Timer::Client {
    void on_timer(Timer&) override { ++fired; }
    Timer timer{*this};
    int fired = 0;
  };
  Loop loop;
  Alarm rings;
  Alarm cancelled;
  loop.reactor->set_timer(rings.timer, tick_ns);
  loop.reactor->set_timer(cancelled.timer, tick_ns);
  loop.reactor->cancel_timer(cancelled.timer);
  const uint64_t due = rings.timer.deadline_ns();
  EXPECT_TRUE(loop.until([&] { return rings.fired == 1; }));
  EXPECT_GE(loop.reactor->now_ns(), due);
  EXPECT_EQ(cancelled.fired, 0);
}

}  // namespace
}  // namespace sluice::io
