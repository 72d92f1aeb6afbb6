// Peers that do not mean well, and output that finds no room.
#include <openssl/err.h>

#include "tests/unit/tls/wire.h"

namespace sluice::tls {
namespace {

constexpr char alert_record = 21;

TEST(hostile, what_is_not_tls_fails_cleanly) {
  const Trust trust;
  const auto context = trust.server_context();
  struct Case {
    std::string_view why;
    std::string bytes;
    bool alert;  // OpenSSL stays silent towards who does not even speak TLS.
  };
  const Case cases[] = {
      {"HTTP at our port", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", false},
      {"a start-up message without TLS", std::string("\0\0\0\x08\0\x03\0\0 more to come", 20), false},
      {"a ClientHello of rubbish", std::string("\x16\x03\x01\0\x0a\x01\0\0\x06\xff\xff\xff\xff\xff\xff", 15), true},
      {"a record longer than any may be", std::string("\x16\x03\x01\xff\xff\x01\0\0\x06\xff\xff\xff\xff", 13), true},
      {"data before a handshake", std::string("\x17\x03\x03\0\x05hello", 10), true},
  };
  for (const Case& c : cases) {
    End server(*context);
    server.input = c.bytes;
    EXPECT_EQ(server.handshake(), Status::Failed) << c.why;
    EXPECT_FALSE(server.engine.established()) << c.why;
    EXPECT_FALSE(server.engine.error().empty()) << c.why;
    EXPECT_EQ(!server.wire.bytes.empty() && server.wire.bytes[0] == alert_record, c.alert) << c.why;
  }
}

TEST(hostile, no_changed_byte_of_a_hello_goes_through_the_handshake_unnoticed) {
  const Trust trust;
  const auto context = trust.server_context();
  const auto client_context = trust.client_context();
  for (size_t at = 0;; ++at) {
    End client(*client_context, "db.example");
    End server(*context);
    (void)client.handshake();
    std::string hello = client.wire.take();
    if (at >= hello.size()) break;
    if (at == 2) continue;  // The record's minor version says nothing and is ignored (RFC 8446 section 5.1).
    hello[at] = static_cast<char>(hello[at] ^ 0x41);
    server.input = hello;
    Status at_server = server.handshake();
    client.input = server.wire.take();
    const Status at_client = client.handshake();
    server.input += client.wire.take();
    if (!over(at_server)) at_server = server.handshake();
    EXPECT_FALSE(at_client == Status::Ok && at_server == Status::Ok) << "byte " << at;
  }
}

TEST(hostile, a_changed_record_ends_the_connection_with_an_alert) {
  const Trust trust;
  const auto context = trust.server_context();
  const auto client_context = trust.client_context();
  End client(*client_context, "db.example");
  End server(*context);
  ASSERT_EQ(shake(client, server).server, Status::Ok);
  ASSERT_EQ(client.engine.write(as_bytes("select 1"), client.wire), Status::Ok);
  server.input = client.wire.take();
  server.input.back() = static_cast<char>(server.input.back() ^ 1);
  EXPECT_EQ(server.read(), Status::Failed);
  EXPECT_TRUE(server.heard.empty());
  EXPECT_FALSE(server.wire.bytes.empty()) << "the alert";
  client.input += server.wire.take();
  EXPECT_EQ(client.read(), Status::Failed);
  EXPECT_NE(client.engine.error().find("alert"), std::string::npos) << client.engine.error();
  EXPECT_EQ(server.read(), Status::Failed) << "and it stays ended";
}

TEST(hostile, renegotiation_is_refused) {
  const Trust trust;
  const auto context = trust.server_context();
  const auto client_context = trust.client_context();
  SSL_CTX_set_max_proto_version(client_context->raw(), TLS1_2_VERSION);
  SSL_CTX_clear_options(client_context->raw(), SSL_OP_NO_RENEGOTIATION);
  RawClient client(client_context->raw());
  End server(*context);
  ASSERT_EQ(client.shake(server), Status::Ok);
  ASSERT_EQ(SSL_renegotiate(client.ssl()), 1);
  EXPECT_LE(SSL_do_handshake(client.ssl()), 0);
  server.input += client.said();
  EXPECT_NE(server.read(), Status::Ok);
  const std::string answer = server.wire.take();
  ASSERT_FALSE(answer.empty());
  EXPECT_EQ(answer[0], alert_record) << "not a handshake record";
  client.hear(answer);
  EXPECT_LE(SSL_do_handshake(client.ssl()), 0);
  EXPECT_EQ(SSL_get_error(client.ssl(), -1), SSL_ERROR_SSL);
  ERR_clear_error();
}

TEST(hostile, old_versions_are_refused) {
  const Trust trust;
  const auto context = trust.server_context();
  const auto client_context = trust.client_context();
  SSL_CTX_set_min_proto_version(client_context->raw(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(client_context->raw(), TLS1_1_VERSION);
  SSL_CTX_set_security_level(client_context->raw(), 0);
  RawClient client(client_context->raw());
  End server(*context);
  EXPECT_EQ(client.shake(server), Status::Failed);
  ERR_clear_error();
}

TEST(hostile, output_without_room_fails_the_connection_wherever_it_runs_out) {
  const Trust trust;
  const auto context = trust.server_context();
  const auto client_context = trust.client_context();
  for (size_t room = 0; room < 4000; room += 13) {
    End client(*client_context, "db.example");
    End server(*context);
    (void)client.handshake();
    server.input = client.wire.take();
    server.wire.room = room;
    const Status status = server.handshake();
    if (status != Status::Failed) {
      EXPECT_GT(room, 300U) << "a whole flight found room";
      continue;
    }
    EXPECT_EQ(server.engine.error(), "no buffer left for TLS output");
  }
}

TEST(hostile, output_without_room_fails_a_write_and_what_follows_does_no_harm) {
  const Trust trust;
  const auto context = trust.server_context();
  const auto client_context = trust.client_context();
  End client(*client_context, "db.example");
  End server(*context);
  ASSERT_EQ(shake(client, server).server, Status::Ok);
  server.wire.room = 20'000;
  EXPECT_EQ(server.engine.write(as_bytes(std::string(100'000, 'x')), server.wire), Status::Failed);
  EXPECT_EQ(server.engine.error(), "no buffer left for TLS output");
  EXPECT_LE(server.wire.bytes.size(), 20'000U);
  server.engine.close(server.wire);
}

TEST(hostile, closing_before_the_handshake_is_done_says_nothing) {
  const Trust trust;
  const auto context = trust.server_context();
  End server(*context);
  server.engine.close(server.wire);
  EXPECT_TRUE(server.wire.bytes.empty());
}

}  // namespace
}  // namespace sluice::tls
