// A side of a session with TLS, against an engine behind a plain socket.
#include "tests/unit/gateway/side.h"

namespace sluice::gateway {
namespace {

class ChannelTls : public testing::Test {
 protected:
  /// A peer's engine, fed from its socket.
  struct Client {
    explicit Client(const tls::ClientContext& context, io::Peer& p) : end(context, "db.example"), peer(p) {}
    void pump(size_t most = SIZE_MAX) {
      peer.read(most);
      end.input += std::exchange(peer.received, {});
      if (!end.engine.established()) {
        status = end.handshake();
      } else {
        status = end.read();
      }
      said += end.wire.take();
      said.erase(0, said.empty() ? 0 : peer.send(said));
    }
    void say(std::string_view text) {
      ASSERT_EQ(end.engine.write(as_bytes(text), end.wire), tls::Status::Ok);
      said += end.wire.take();
    }
    tls::End end;
    io::Peer& peer;
    std::string said;
    tls::Status status = tls::Status::WantInput;
  };

  static void serve(Side& side) {
    side.at_bytes = [&side] {
      if (!side.channel.engine().established()) {
        if (side.channel.handshake() != tls::Status::Ok) return;
      }
      side.last = side.channel.receive();
    };
  }
  void establish(Side& side, Client& client) {
    side.channel.start_tls(std::make_unique<tls::Engine>(*server_context));
    serve(side);
    ASSERT_TRUE(loop.until([&] {
      client.pump();
      // Until all is sent: the ticket that ends a handshake would disturb counts of bytes and slabs.
      return client.end.engine.established() && side.channel.engine().established() && side.channel.unsent() == 0;
    }));
  }
  static std::string take(Side& side) {
    io::SliceQueue& in = side.channel.inbox();
    std::vector<std::byte> scratch;
    std::string out(as_text(in.view(0, in.bytes(), scratch)));
    in.drop(in.bytes());
    return out;
  }

  tls::Trust trust;
  std::shared_ptr<const tls::ServerContext> server_context = trust.server_context();
  std::shared_ptr<const tls::ClientContext> client_context = trust.client_context();
  io::Loop loop;
};

TEST_F(ChannelTls, bytes_arrive_in_order_both_ways_and_gathering_is_counted) {
  Side side(loop);
  Client client(*client_context, side.peer);
  establish(side, client);
  const std::string question = io::pattern(200'000, 5);
  client.say(question);
  std::string heard;
  EXPECT_TRUE(loop.until([&] {
    client.pump();
    if (side.channel.more_to_receive()) {
      EXPECT_EQ(side.channel.receive(), Channel::Received::Ok);
    }
    heard += take(side);
    return heard.size() >= question.size();
  }));
  EXPECT_TRUE(heard == question);
  EXPECT_EQ(side.metrics.copied_bytes.get(), 0U) << "decrypting is no copy";

  const std::string answer = io::pattern(200'000, 6);
  for (size_t at = 0; at < answer.size(); at += 1000) {
    ASSERT_TRUE(side.channel.write(as_bytes(std::string_view(answer).substr(at, 1000))));
    if (at % 50'000 == 0) loop.turn();
  }
  EXPECT_TRUE(loop.until([&] {
    client.pump();
    return client.end.heard.size() >= answer.size();
  }));
  EXPECT_TRUE(client.end.heard == answer);
  EXPECT_LE(side.metrics.copied_bytes.get(), answer.size());
  EXPECT_EQ(side.channel.unsent(), 0U);
}

TEST_F(ChannelTls, small_pieces_from_another_side_leave_as_one_record_and_the_copy_is_counted) {
  Side side(loop);
  Client client(*client_context, side.peer);
  establish(side, client);
  io::SliceQueue from;
  std::string said;
  for (uint32_t i = 0; i < 20; ++i) {
    const std::string piece = io::pattern(100, i);
    from.push(loop.slice(piece));
    said += piece;
  }
  EXPECT_EQ(from.count(), 20U);
  const uint64_t sent_before = loop.reactor->counters().sent_bytes;
  side.channel.forward(from, from.bytes());
  EXPECT_TRUE(loop.until([&] {
    client.pump();
    return client.end.heard.size() >= said.size();
  }));
  EXPECT_TRUE(client.end.heard == said);
  EXPECT_EQ(side.metrics.copied_bytes.get(), said.size());
  EXPECT_LT(loop.reactor->counters().sent_bytes - sent_before, said.size() + 100) << "the framing of one record";
}

TEST_F(ChannelTls, one_large_piece_is_encrypted_where_it_lies) {
  Side side(loop);
  Client client(*client_context, side.peer);
  establish(side, client);
  io::SliceQueue from;
  const std::string said = io::pattern(io::slab_size);
  from.push(loop.slice(said));
  side.channel.forward(from, from.bytes());
  EXPECT_TRUE(loop.until([&] {
    client.pump();
    return client.end.heard.size() >= said.size();
  }));
  EXPECT_TRUE(client.end.heard == said);
  EXPECT_EQ(side.metrics.copied_bytes.get(), 0U);
}

TEST_F(ChannelTls, nothing_stays_in_openssl_when_the_inbox_was_full) {
  io::Loop wide({.receive_slabs = 256, .reserve_slabs = 256, .connections_max = 4});
  for (const size_t first : {1UL, 100UL, 5000UL, 12'000UL}) {
    Side side(wide);
    Client client(*client_context, side.peer);
    side.channel.start_tls(std::make_unique<tls::Engine>(*server_context));
    // The handshake is answered; data is left to lie, so that all of it is there when it is looked at.
    side.at_bytes = [&] {
      if (!side.channel.engine().established()) (void)side.channel.handshake();
    };
    ASSERT_TRUE(wide.until([&] {
      client.pump();
      return client.end.engine.established() && side.channel.engine().established();
    }));
    const std::string said = io::pattern(first + (256U << 10), 9);
    client.say(std::string_view(said).substr(0, first));
    client.say(std::string_view(said).substr(first));
    const size_t cipher = client.said.size();
    const uint64_t before = wide.reactor->counters().received_bytes;
    ASSERT_TRUE(wide.until([&] {
      client.pump();
      return wide.reactor->counters().received_bytes - before >= cipher;
    }));
    std::string heard;
    do {
      ASSERT_EQ(side.channel.receive(), Channel::Received::Ok);
      heard += take(side);
    } while (side.channel.more_to_receive());
    EXPECT_EQ(heard.size(), said.size()) << "no further event would bring out what is missing";
    EXPECT_TRUE(heard == said) << first;
  }
}

TEST_F(ChannelTls, a_message_needed_whole_is_decrypted_beyond_the_usual_mark) {
  io::Loop wide({.receive_slabs = 256, .reserve_slabs = 256, .connections_max = 4});
  Side side(wide);
  Client client(*client_context, side.peer);
  side.channel.start_tls(std::make_unique<tls::Engine>(*server_context));
  serve(side);
  const std::string said = io::pattern(1U << 20, 4);
  side.channel.want(said.size());
  bool spoken = false;
  EXPECT_TRUE(wide.until([&] {
    client.pump();
    if (client.end.engine.established() && !spoken) {
      spoken = true;
      client.say(said);
    }
    if (side.channel.more_to_receive() && side.channel.engine().established()) (void)side.channel.receive();
    return side.channel.inbox().bytes() >= said.size();
  }));
  EXPECT_TRUE(take(side) == said);
}

TEST_F(ChannelTls, without_that_wish_the_inbox_stays_near_its_mark) {
  io::Loop wide({.receive_slabs = 256, .reserve_slabs = 256, .connections_max = 4});
  Side side(wide);
  Client client(*client_context, side.peer);
  side.channel.start_tls(std::make_unique<tls::Engine>(*server_context));
  serve(side);
  bool spoken = false;
  EXPECT_TRUE(wide.until([&] {
    client.pump();
    if (client.end.engine.established() && !spoken) {
      spoken = true;
      client.say(io::pattern(600'000));
    }
    return spoken && side.channel.more_to_receive() && side.channel.engine().established();
  }));
  EXPECT_LE(side.channel.inbox().bytes(), (256U << 10) + io::slab_size);
}

TEST_F(ChannelTls, a_goodbye_is_told_after_the_last_bytes) {
  Side side(loop);
  Client client(*client_context, side.peer);
  establish(side, client);
  client.say("last words");
  client.end.engine.close(client.end.wire);
  EXPECT_TRUE(loop.until([&] {
    client.pump();
    return side.last == Channel::Received::PeerClosed;
  }));
  EXPECT_EQ(take(side), "last words");
}

TEST_F(ChannelTls, rubbish_in_place_of_a_hello_fails_and_says_why) {
  Side side(loop);
  side.channel.start_tls(std::make_unique<tls::Engine>(*server_context));
  tls::Status status = tls::Status::WantInput;
  side.at_bytes = [&] { status = side.channel.handshake(); };
  EXPECT_GT(side.peer.send("GET / HTTP/1.1\r\n\r\n"), 0U);
  EXPECT_TRUE(loop.until([&] { return status == tls::Status::Failed; }));
  EXPECT_FALSE(side.channel.failure().empty());
  EXPECT_TRUE(side.channel.close_gently());
}

TEST_F(ChannelTls, closing_gently_waits_for_a_slow_peer_and_ends_with_a_goodbye) {
  io::Loop wide({.receive_slabs = 64, .reserve_slabs = 512, .connections_max = 4, .high_mark = 64U << 10, .low_mark = 16U << 10});
  Side side(wide, 16 << 10);
  Client client(*client_context, side.peer);
  side.channel.start_tls(std::make_unique<tls::Engine>(*server_context));
  serve(side);
  ASSERT_TRUE(wide.until([&] {
    client.pump();
    return client.end.engine.established() && side.channel.engine().established();
  }));
  const std::string said = io::pattern(2U << 20, 8);
  ASSERT_TRUE(side.channel.write(as_bytes(said)));
  EXPECT_FALSE(side.channel.close_gently()) << "more waits than the peer takes at once";
  EXPECT_TRUE(side.channel.open());
  bool closed = false;
  int asked = 0;
  side.at_drained = [&] {
    ++asked;
    closed = closed || side.channel.close_gently();
  };
  EXPECT_TRUE(wide.until([&] {
    client.pump(8000);
    return client.status == tls::Status::Closed;
  }));
  EXPECT_TRUE(closed);
  EXPECT_GT(asked, 1);
  EXPECT_TRUE(client.end.heard == said);
  side.peer.close();
  EXPECT_TRUE(wide.until([&] { return wide.reactor->connection_count() == 0; }));
  EXPECT_EQ(wide.reactor->slabs().reserve_free(), 512U);
}

TEST_F(ChannelTls, output_goes_on_when_slabs_come_back) {
  // The reserve is nearly all held by somebody else for a while.
  Side side(loop);
  Client client(*client_context, side.peer);
  establish(side, client);
  const std::string said = io::pattern(io::slab_size * 3, 2);
  ASSERT_TRUE(side.channel.write(as_bytes(said)));
  std::vector<io::Slice> hog;
  for (io::Slice slice; loop.reactor->slabs().reserve_free() > 3 && loop.reactor->slabs().take(slice);) {
    hog.push_back(std::move(slice));
  }
  for (int i = 0; i < 5; ++i) loop.turn();
  client.pump();
  EXPECT_TRUE(client.end.heard.empty());
  hog.clear();  // The channel goes on by itself.
  EXPECT_TRUE(loop.until([&] {
    client.pump();
    return client.end.heard.size() >= said.size();
  }));
  EXPECT_TRUE(client.end.heard == said);
}

}  // namespace
}  // namespace sluice::gateway
