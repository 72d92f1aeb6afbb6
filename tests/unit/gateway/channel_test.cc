// A side of a session without TLS: what is received is what is sent.
#include "tests/unit/gateway/side.h"

namespace sluice::gateway {
namespace {

TEST(channel, forwards_between_two_sides_without_a_copy) {
  io::Loop loop;
  Side client(loop);
  Side server(loop);
  client.at_bytes = [&] {
    EXPECT_EQ(client.channel.receive(), Channel::Received::Ok);
    server.channel.forward(client.channel.inbox(), client.channel.inbox().bytes());
  };
  const std::string said = io::pattern(1U << 20);
  size_t sent = 0;
  EXPECT_TRUE(loop.until([&] {
    sent += client.peer.send(std::string_view(said).substr(sent, 60'000));
    server.peer.read();
    return server.peer.received.size() >= said.size();
  }));
  EXPECT_TRUE(server.peer.received == said);
  EXPECT_EQ(client.metrics.copied_bytes.get(), 0U);
  EXPECT_EQ(server.metrics.copied_bytes.get(), 0U);
  EXPECT_FALSE(client.channel.more_to_receive());
}

TEST(channel, forwards_part_and_keeps_the_rest_in_order_with_its_own_words) {
  io::Loop loop;
  Side client(loop);
  Side server(loop);
  EXPECT_EQ(client.peer.send("onetwothree"), 11U);
  EXPECT_TRUE(loop.until([&] { return client.channel.inbox().bytes() == 11; }));
  client.at_bytes = [&] {
    server.channel.forward(client.channel.inbox(), 3);
    EXPECT_TRUE(server.channel.write(as_bytes(" and ")));
    server.channel.forward(client.channel.inbox(), 3);
    server.channel.forward(client.channel.inbox(), 0);
    client.at_bytes = nullptr;
  };
  loop.reactor->wake(client.channel.id());
  EXPECT_TRUE(loop.until([&] {
    server.peer.read();
    return server.peer.received == "one and two";
  })) << server.peer.received;
  EXPECT_EQ(client.channel.inbox().bytes(), 5U);
}

TEST(channel, writes_of_any_size_arrive_whole) {
  io::Loop loop;
  for (const size_t size : {0UL, 1UL, 16383UL, 16384UL, 16385UL, 100'000UL}) {
    Side side(loop);
    const std::string text = io::pattern(size, 3);
    EXPECT_TRUE(side.channel.write(as_bytes(text)));
    EXPECT_EQ(side.channel.unsent(), size);
    EXPECT_TRUE(side.channel.close_gently());
    EXPECT_FALSE(side.channel.open());
    EXPECT_EQ(side.channel.unsent(), 0U);
    EXPECT_TRUE(loop.until([&] {
      side.peer.read();
      return side.peer.ended;
    }));
    EXPECT_TRUE(side.peer.received == text) << size;
    side.peer.close();
    EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 0; }));
  }
}

TEST(channel, says_so_when_no_slab_is_left_to_write_to) {
  io::Loop loop({.receive_slabs = 4, .reserve_slabs = 2, .connections_max = 4});
  Side side(loop);
  EXPECT_FALSE(side.channel.write(as_bytes(io::pattern(100'000))));
  side.channel.close_now();
  EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 0; }));
  EXPECT_EQ(loop.reactor->slabs().reserve_free(), 2U);
}

TEST(channel, a_closed_one_takes_every_call_quietly) {
  io::Loop loop;
  Side side(loop);
  side.channel.close_now();
  side.channel.close_now();
  side.channel.set_reading(false);
  side.channel.flush();
  EXPECT_TRUE(side.channel.close_gently());
  EXPECT_EQ(side.channel.unsent(), 0U);
  EXPECT_TRUE(loop.until([&] { return loop.reactor->connection_count() == 0; }));
}

TEST(channel, one_that_the_reactor_closed_is_forgotten) {
  io::Loop loop;
  Side side(loop);
  side.peer.reset();
  EXPECT_TRUE(loop.until([&] { return side.closed == 1; }));
  EXPECT_FALSE(side.channel.open());
  EXPECT_TRUE(side.channel.close_gently());
}

}  // namespace
}  // namespace sluice::gateway
