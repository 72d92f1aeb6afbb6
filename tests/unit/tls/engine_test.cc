// What two engines that mean well do with each other.
#include "tests/unit/tls/wire.h"

namespace sluice::tls {
namespace {

class Versions : public testing::TestWithParam<int> {
 protected:
  Versions() {
    SSL_CTX_set_max_proto_version(client_context->raw(), GetParam());
    EXPECT_TRUE(server_context && client_context);
  }
  Trust trust;
  std::shared_ptr<const ServerContext> server_context = trust.server_context();
  std::shared_ptr<const ClientContext> client_context = trust.client_context();
};
INSTANTIATE_TEST_SUITE_P(tls, Versions, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& p) { return p.param == TLS1_2_VERSION ? "tls12" : "tls13"; });

TEST_P(Versions, a_handshake_is_the_same_wherever_the_network_splits_it) {
  size_t longest = 0;
  {
    End client(*client_context, "db.example");
    End server(*server_context);
    (void)client.handshake();
    server.input = client.wire.take();
    longest = server.input.size();
    (void)server.handshake();
    longest = std::max(longest, server.wire.bytes.size());
  }
  for (size_t cut = 1; cut <= longest; ++cut) {
    End client(*client_context, "db.example");
    End server(*server_context);
    const Outcome outcome = shake(client, server, cut);
    ASSERT_EQ(outcome.client, Status::Ok) << "cut at " << cut << ": " << client.engine.error();
    ASSERT_EQ(outcome.server, Status::Ok) << "cut at " << cut << ": " << server.engine.error();
    ASSERT_TRUE(client.engine.established() && server.engine.established());
  }
}

TEST_P(Versions, data_of_any_size_goes_both_ways) {
  End client(*client_context, "db.example");
  End server(*server_context);
  ASSERT_EQ(shake(client, server).server, Status::Ok);
  for (const size_t size : {0UL, 1UL, 2UL, 4999UL, 5000UL, 5001UL, 16383UL, 16384UL, 16385UL, 102400UL}) {
    std::string text(size, 'x');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
    for (const bool to_server : {true, false}) {
      End& from = to_server ? client : server;
      End& to = to_server ? server : client;
      to.heard.clear();
      ASSERT_EQ(from.engine.write(as_bytes(text), from.wire), Status::Ok);
      const std::string sent = from.wire.take();
      if (size > 8) {
        EXPECT_EQ(sent.find(text.substr(0, 8)), std::string::npos) << "it is encrypted";
      }
      // In pieces, as a network brings it.
      for (size_t at = 0; at < sent.size(); at += 1500) {
        to.input += sent.substr(at, 1500);
        ASSERT_EQ(to.read(), Status::WantInput);
      }
      ASSERT_TRUE(to.heard == text) << size;
      if (size > 0) {
        EXPECT_TRUE(to.input.empty());
      }
    }
  }
}

TEST_P(Versions, a_goodbye_is_told_from_a_silence) {
  End client(*client_context, "db.example");
  End server(*server_context);
  ASSERT_EQ(shake(client, server).server, Status::Ok);
  ASSERT_EQ(client.engine.write(as_bytes("last words"), client.wire), Status::Ok);
  server.input += client.wire.take();
  EXPECT_EQ(server.read(), Status::WantInput) << "nothing more came: that is no goodbye";
  client.engine.close(client.wire);
  server.input += client.wire.take();
  EXPECT_EQ(server.read(), Status::Closed);
  EXPECT_EQ(server.heard, "last words");
  EXPECT_EQ(server.read(), Status::Closed);
}

TEST_P(Versions, both_sides_know_the_same_end_point) {
  End client(*client_context, "db.example");
  End server(*server_context);
  ASSERT_EQ(shake(client, server).client, Status::Ok);
  const std::vector<std::byte> seen = client.engine.peer_end_point();
  EXPECT_TRUE(std::ranges::equal(seen, server_context->end_point()));
  EXPECT_EQ(seen.size(), 32U);
  EXPECT_TRUE(server.engine.peer_end_point().empty()) << "the client showed no certificate";
}

TEST_P(Versions, a_session_is_resumed_by_its_ticket) {
  static SSL_SESSION* kept = nullptr;
  SSL_CTX* context = client_context->raw();
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context, [](SSL*, SSL_SESSION* session) {
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
  });
  const auto talk = [&](SSL_SESSION* with) {
    RawClient client(context);
    if (with != nullptr) SSL_set_session(client.ssl(), with);
    End server(*server_context);
    EXPECT_EQ(client.shake(server), Status::Ok) << server.engine.error();
    char byte = 0;
    SSL_read(client.ssl(), &byte, 1);  // TLS 1.3 sends the ticket after the handshake.
    const bool resumed = SSL_session_reused(client.ssl()) == 1;
    SSL_shutdown(client.ssl());
    return resumed;
  };
  EXPECT_FALSE(talk(nullptr));
  ASSERT_NE(kept, nullptr);
  SSL_SESSION* session = std::exchange(kept, nullptr);
  EXPECT_TRUE(talk(session));
  SSL_SESSION_free(session);
  SSL_SESSION_free(std::exchange(kept, nullptr));
}

TEST_P(Versions, a_resumed_session_still_has_the_clients_certificate) {
  trust.server_options.client_ca_file = trust.ca_file;
  const auto asking = trust.server_context();
  const Certificate alice = issue({.subject = {{NID_commonName, "alice"}}}, &trust.authority);
  const auto showing = trust.client_context(alice);
  SSL_CTX_set_max_proto_version(showing->raw(), GetParam());
  RawClient first(showing->raw());
  End server(*asking);
  ASSERT_EQ(first.shake(server), Status::Ok) << server.engine.error();
  char byte = 0;
  SSL_read(first.ssl(), &byte, 1);
  SSL_SESSION* session = SSL_get1_session(first.ssl());
  SSL_shutdown(first.ssl());
  RawClient second(showing->raw());
  SSL_set_session(second.ssl(), session);
  End again(*asking);
  ASSERT_EQ(second.shake(again), Status::Ok) << again.engine.error();
  EXPECT_EQ(SSL_session_reused(second.ssl()), 1);
  EXPECT_TRUE(again.engine.peer_identity().verified);
  EXPECT_EQ(again.engine.peer_identity().common_name, "alice");
  SSL_SESSION_free(session);
}

TEST(engine, names_itself_by_the_protocol_that_was_agreed) {
  Trust trust;
  trust.server_options.alpn = {"postgresql"};
  const auto server_context = trust.server_context();
  struct Case {
    std::string_view why;
    std::string offer;
    bool passes;
    std::string_view chosen;
  };
  const Case cases[] = {
      {"the name itself", "\x0apostgresql", true, "postgresql"},
      {"ours among others", "\x02h2\x0apostgresql", true, "postgresql"},
      {"clients that know no ALPN are older, not hostile", "", true, ""},
      {"another protocol at our port (ALPACA)", "\x08http/1.1", false, ""},
      {"a prefix is another name", "\x08postgres", false, ""},
  };
  for (const Case& c : cases) {
    const auto client_context = trust.client_context();
    if (!c.offer.empty()) {
      SSL_CTX_set_alpn_protos(client_context->raw(), reinterpret_cast<const unsigned char*>(c.offer.data()),
                              static_cast<unsigned>(c.offer.size()));
    }
    End client(*client_context, "db.example");
    End server(*server_context);
    const Outcome outcome = shake(client, server);
    EXPECT_EQ(outcome.server == Status::Ok, c.passes) << c.why;
    EXPECT_EQ(outcome.client == Status::Ok, c.passes) << c.why;
    EXPECT_EQ(server.engine.alpn(), c.chosen) << c.why;
    EXPECT_EQ(client.engine.alpn(), c.chosen) << c.why;
  }
}

}  // namespace
}  // namespace sluice::tls
