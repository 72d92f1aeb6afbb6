// Closing: gently, at once, and in the middle of everything.
#include "tests/unit/io/loopback.h"

namespace sluice::io {
namespace {

TEST(reactor_close, gently_delivers_the_last_words_although_input_was_never_read) {
  Loop loop;
  Handler handler;
  auto [id, peer] = loop.pair(handler);
  // Never read by anybody: closing with it in the socket would send a reset that overtakes our answer.
  EXPECT_GT(peer.send(pattern(50'000)), 0U);
  const std::string words = pattern(200'000, 7);
  for (size_t at = 0; at < words.size(); at += slab_size) {
    loop.reactor->send(id, loop.slice(std::string_view(words).substr(at, slab_size)));
  }
  loop.reactor->close_gently(id);
  EXPECT_TRUE(loop.until([&] {
    peer.read();
    return peer.ended || peer.error != 0;
  }));
  EXPECT_EQ(peer.error, 0) << "an end, not a reset";
  EXPECT_TRUE(peer.received == words);
  EXPECT_EQ(loop.reactor->connection_count(), 1U) << "the end is told at once, and the peer's end waited for";
  peer.close();
  EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 0; }));
  EXPECT_EQ(handler.closed + handler.ended + handler.bytes_events, 0) << "the handler is not asked any more";
}

TEST(reactor_close, gently_with_nothing_queued_tells_the_end_and_waits_for_the_peers) {
  Loop loop;
  Handler handler;
  auto [id, peer] = loop.pair(handler);
  loop.reactor->set_reading(id, true);
  loop.reactor->close_gently(id);
  EXPECT_TRUE(loop.until([&] {
    peer.read();
    return peer.ended;
  }));
  EXPECT_EQ(loop.reactor->connection_count(), 1U);
  EXPECT_GT(peer.send("still talking"), 0U);
  peer.end();
  EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 0; }));
  EXPECT_EQ(handler.bytes_events, 0);
}

TEST(reactor_close, gently_gives_up_on_a_peer_that_neither_reads_nor_ends) {
  Loop loop;
  Handler handler;
  auto [id, peer] = loop.pair(handler, 8 << 10);
  const std::string words = pattern(slab_size);
  for (int i = 0; i < 40; ++i) loop.reactor->send(id, loop.slice(words));
  loop.reactor->close_gently(id);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 0; }));
  EXPECT_EQ(loop.reactor->slabs().reserve_free(), Loop::small().reserve_slabs);
}

TEST(reactor_close, gently_after_the_peers_end_needs_no_waiting) {
  Loop loop;
  Handler handler;
  auto [id, peer] = loop.pair(handler);
  loop.reactor->set_reading(id, true);
  peer.end();
  EXPECT_TRUE(loop.until([&] { return handler.ended == 1; }));
  loop.reactor->send(id, loop.slice("bye"));
  loop.reactor->close_gently(id);
  EXPECT_TRUE(loop.until([&] {
    peer.read();
    return peer.ended;
  }));
  EXPECT_EQ(peer.received, "bye");
  EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 0; })) << "although this end stays open";
}

TEST(reactor_close, at_once_frees_the_slot_with_operations_under_way) {
  Loop loop;
  Handler handler;
  auto [id, peer] = loop.pair(handler, 8 << 10);
  loop.reactor->set_reading(id, true);
  const std::string words = pattern(slab_size);
  for (int i = 0; i < 40; ++i) loop.reactor->send(id, loop.slice(words));
  loop.turn();
  loop.turn();
  EXPECT_GT(loop.reactor->unsent(id), 0U) << "a send and a receive are pending";
  loop.reactor->close_now(id);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 0; }));
  EXPECT_EQ(loop.reactor->unsent(id), 0U);
  EXPECT_EQ(loop.reactor->slabs().reserve_free(), Loop::small().reserve_slabs) << "nothing stays lent to the kernel";
  EXPECT_TRUE(loop.until([&] {
    peer.read();
    return peer.ended || peer.error != 0;
  })) << "the peer is told";
  EXPECT_EQ(handler.closed, 0);
}

TEST(reactor_close, at_once_while_connecting_frees_the_slot) {
  Loop loop;
  const Listening listening;
  Handler handler;
  const ConnectionId id = loop.reactor->connect(listening.address(), handler);
  loop.reactor->close_now(id);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 0; }));
  EXPECT_EQ(handler.connected + handler.closed, 0);
}

TEST(reactor_close, gently_while_connecting_frees_the_slot) {
  Loop loop;
  const Listening listening;
  Handler handler;
  const ConnectionId id = loop.reactor->connect(listening.address(), handler);
  loop.reactor->close_gently(id);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 0; }));
  EXPECT_EQ(handler.connected + handler.closed, 0);
}

TEST(reactor_close, a_slot_used_again_has_another_generation) {
  Loop loop;
  Handler first;
  Handler second;
  auto [old_id, old_peer] = loop.pair(first);
  loop.reactor->set_reading(old_id, true);
  loop.turn();
  EXPECT_EQ(old_peer.send("for the first"), 13U);
  loop.reactor->close_now(old_id);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 0; }));
  auto [new_id, new_peer] = loop.pair(second);
  EXPECT_EQ(new_id.index, old_id.index);
  EXPECT_NE(new_id.generation, old_id.generation);
  loop.reactor->send(new_id, loop.slice("hello"));
  EXPECT_EQ(loop.reactor->unsent(old_id), 0U) << "a stale name is nobody's";
  EXPECT_EQ(loop.reactor->unsent(new_id), 5U);
  for (int i = 0; i < 5; ++i) loop.turn();
  EXPECT_EQ(second.bytes_events, 0) << "bytes for the first are not the second's";
  EXPECT_EQ(first.bytes_events, 0);
}

TEST(reactor_close, a_handler_may_close_a_neighbour_that_is_about_to_be_told_something) {
  Loop loop;
  Handler handlers[2];
  std::vector<ConnectionId> ids;
  for (int i = 0; i < 2; ++i) {
    handlers[i].at_bytes = [&, i](ConnectionId) { loop.reactor->close_now(ids[static_cast<size_t>(1 - i)]); };
  }
  auto [first, first_peer] = loop.pair(handlers[0]);
  auto [second, second_peer] = loop.pair(handlers[1]);
  ids = {first, second};
  EXPECT_EQ(first_peer.send("x"), 1U);
  EXPECT_EQ(second_peer.send("x"), 1U);
  loop.reactor->set_reading(first, true);
  loop.reactor->set_reading(second, true);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 1; }));
  EXPECT_EQ(handlers[0].bytes_events + handlers[1].bytes_events, 1);
}

TEST(reactor_close, a_handler_may_close_itself_and_open_the_next_in_its_slot) {
  Loop loop;
  Handler next;
  Handler handler;
  ConnectionId reused;
  std::vector<Peer> peers;
  handler.at_bytes = [&](ConnectionId id) {
    loop.reactor->request_flush(id);
    loop.reactor->send(id, loop.slice("never sent"));
    loop.reactor->close_now(id);
    auto [fresh, peer] = loop.pair(next);
    reused = fresh;
    peers.push_back(std::move(peer));
  };
  auto [id, peer] = loop.pair(handler);
  EXPECT_EQ(peer.send("x"), 1U);
  peer.end();
  loop.reactor->set_reading(id, true);
  EXPECT_TRUE(loop.until([&] { return reused.valid() && loop.reactor->connection_count() == 1; }));
  loop.turn();
  EXPECT_EQ(next.ended + next.closed + next.bytes_events, 0) << "events of the one before are not its own";
  EXPECT_EQ(handler.ended, 0);
  peers[0].read();
  EXPECT_TRUE(peers[0].received.empty());
}

TEST(reactor_close, destroying_a_reactor_in_full_swing_gives_everything_back) {
  Handler handler;
  std::vector<Peer> peers;
  {
    Loop loop;
    for (int i = 0; i < 8; ++i) {
      auto [id, peer] = loop.pair(handler, 8 << 10);
      loop.reactor->set_reading(id, true);
      EXPECT_GT(peer.send(pattern(5000)), 0U);
      for (int n = 0; n < 7; ++n) loop.reactor->send(id, loop.slice(pattern(slab_size)));
      peers.push_back(std::move(peer));
    }
    loop.turn();
    loop.turn();
  }
  for (Peer& peer : peers) {
    pollfd ready{peer.fd(), POLLIN, 0};
    for (;;) {
      ASSERT_GT(poll(&ready, 1, 60'000), 0) << "no end came";
      peer.read();
      if (peer.ended || peer.error != 0) break;
    }
  }
}

}  // namespace
}  // namespace sluice::io
