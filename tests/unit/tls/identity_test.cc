// Who is believed: servers by name, clients by certificate.
#include <arpa/inet.h>

#include "tests/unit/tls/wire.h"

namespace sluice::tls {
namespace {

TEST(server_identity, is_checked_as_far_as_asked) {
  const Trust trust;
  const Trust stranger;
  struct Case {
    std::string_view why;
    const Trust& trusted;
    Verify verify;
    std::string host;
    bool passes;
  };
  const Case cases[] = {
      {"the name in the certificate", trust, Verify::ChainAndName, "db.example", true},
      {"names are compared without case", trust, Verify::ChainAndName, "DB.Example", true},
      {"another name", trust, Verify::ChainAndName, "other.example", false},
      {"a subject's CN is no name when there are names", trust, Verify::ChainAndName, "db", false},
      {"a wildcard covers one label", trust, Verify::ChainAndName, "a.wild.example", true},
      {"and not two", trust, Verify::ChainAndName, "a.b.wild.example", false},
      {"and not none", trust, Verify::ChainAndName, "wild.example", false},
      {"a numeric address is an address", trust, Verify::ChainAndName, "127.0.0.1", true},
      {"another numeric address", trust, Verify::ChainAndName, "127.0.0.2", false},
      {"IPv6 too", trust, Verify::ChainAndName, "::1", true},
      {"IPv6 written at length", trust, Verify::ChainAndName, "0:0:0:0:0:0:0:1", true},
      {"no name at all must not mean any name", trust, Verify::ChainAndName, "", false},
      {"a name that begins with a dot would mean any below it", trust, Verify::ChainAndName, ".example", false},
      {"a name with a NUL in it is not the name before it", trust, Verify::ChainAndName,
       std::string("db.example\0.evil", 16), false},
      {"the chain alone says nothing of names", trust, Verify::Chain, "other.example", true},
      {"a chain to another authority", stranger, Verify::Chain, "db.example", false},
      {"the right name under another authority", stranger, Verify::ChainAndName, "db.example", false},
      {"nothing asked, nothing checked", stranger, Verify::None, "other.example", true},
  };
  const auto server_context = trust.server_context();
  for (const Case& c : cases) {
    const auto client_context = c.trusted.client_context(c.verify);
    End client(*client_context, c.host);
    End server(*server_context);
    const Outcome outcome = shake(client, server);
    EXPECT_EQ(outcome.client, c.passes ? Status::Ok : Status::Failed) << c.why;
    EXPECT_EQ(client.engine.established(), c.passes) << c.why;
    EXPECT_EQ(client.engine.error().empty(), c.passes) << c.why << ": " << client.engine.error();
    if (!c.passes) {
      EXPECT_NE(outcome.server, Status::Ok) << c.why;
    }
  }
}

TEST(server_identity, an_address_is_not_matched_against_a_dns_name) {
  const Trust trust("DNS:127.0.0.1");
  const auto client_context = trust.client_context();
  const auto server_context = trust.server_context();
  End client(*client_context, "127.0.0.1");
  End server(*server_context);
  EXPECT_EQ(shake(client, server).client, Status::Failed);
}

TEST(server_identity, an_expired_certificate_is_refused) {
  Trust trust;
  const Certificate old =
      issue({.subject = {{NID_commonName, "db"}}, .names = "DNS:db.example", .expired = true}, &trust.authority);
  trust.server_options.certificate_file = trust.files.certificate("old.pem", old);
  trust.server_options.key_file = trust.files.key("old.key", old);
  const auto client_context = trust.client_context();
  const auto server_context = trust.server_context();
  End client(*client_context, "db.example");
  End server(*server_context);
  EXPECT_EQ(shake(client, server).client, Status::Failed);
  EXPECT_NE(client.engine.error().find("expired"), std::string::npos) << client.engine.error();
}

class ClientIdentity : public testing::Test {
 protected:
  ClientIdentity() {
    trust.server_options.client_ca_file = trust.ca_file;
    context = trust.server_context();
  }
  /// The identity the server sees; not verified and empty when the handshake failed.
  Engine::PeerIdentity shown(const Request& request) { return shown(issue(request, &trust.authority)); }
  Engine::PeerIdentity shown(const Certificate& certificate) {
    const auto client_context = trust.client_context(certificate);
    End client(*client_context, "db.example");
    End server(*context);
    last = shake(client, server).server;
    return last == Status::Ok ? server.engine.peer_identity() : Engine::PeerIdentity{};
  }
  Trust trust;
  std::shared_ptr<const ServerContext> context;
  Status last = Status::WantInput;
};

TEST_F(ClientIdentity, is_the_subject_its_units_its_uri_and_its_issuer) {
  const auto id = shown({.subject = {{NID_organizationName, "Acme"},
                                     {NID_organizationalUnitName, "billing"},
                                     {NID_organizationalUnitName, "on-call"},
                                     {NID_commonName, "alice"}},
                         .names = "URI:https://acme.example/,URI:spiffe://acme.example/ns/prod/sa/billing,URI:spiffe://b/c"});
  EXPECT_TRUE(id.verified);
  EXPECT_EQ(id.common_name, "alice");
  EXPECT_EQ(id.organizational_units, (std::vector<std::string>{"billing", "on-call"}));
  EXPECT_EQ(id.spiffe_uri, "spiffe://acme.example/ns/prod/sa/billing") << "the first of its kind";
  EXPECT_EQ(id.issuer, "CN=Test authority");
}

TEST_F(ClientIdentity, without_a_certificate_there_is_none) {
  const auto client_context = trust.client_context();
  End client(*client_context, "db.example");
  End server(*context);
  ASSERT_EQ(shake(client, server).server, Status::Ok) << "asked for, not demanded";
  const auto id = server.engine.peer_identity();
  EXPECT_FALSE(id.verified);
  EXPECT_TRUE(id.common_name.empty() && id.spiffe_uri.empty() && id.issuer.empty() && id.organizational_units.empty());
}

TEST_F(ClientIdentity, a_certificate_of_a_stranger_fails_the_handshake) {
  const Certificate other = issue({.subject = {{NID_commonName, "Test authority"}}, .authority = true});
  EXPECT_FALSE(shown(issue({.subject = {{NID_commonName, "alice"}}}, &other)).verified);
  EXPECT_EQ(last, Status::Failed) << "an authority's name alone is no authority";
  EXPECT_FALSE(shown(issue({.subject = {{NID_commonName, "alice"}}})).verified) << "vouched for by itself";
  EXPECT_EQ(last, Status::Failed);
}

TEST_F(ClientIdentity, an_expired_certificate_fails_the_handshake) {
  EXPECT_FALSE(shown({.subject = {{NID_commonName, "alice"}}, .expired = true}).verified);
  EXPECT_EQ(last, Status::Failed);
}

TEST_F(ClientIdentity, names_with_a_nul_inside_are_no_names) {
  const auto id = shown({.subject = {{NID_organizationalUnitName, std::string("admins\0x", 8)},
                                     {NID_organizationalUnitName, "staff"},
                                     {NID_commonName, std::string("alice\0.evil", 11)}},
                         .raw_uri = std::string("spiffe://acme/alice\0.evil", 25)});
  EXPECT_TRUE(id.verified);
  EXPECT_EQ(id.common_name, "");
  EXPECT_EQ(id.spiffe_uri, "");
  EXPECT_EQ(id.organizational_units, std::vector<std::string>{"staff"});
}

TEST_F(ClientIdentity, a_uri_must_begin_with_spiffe) {
  EXPECT_EQ(shown({.subject = {}, .names = "URI:https://a/spiffe://b"}).spiffe_uri, "");
  EXPECT_TRUE(shown({.subject = {}, .names = "URI:spiffe://a/b"}).common_name.empty());
  EXPECT_EQ(shown({.subject = {}, .names = "DNS:spiffe.example"}).spiffe_uri, "");
}

}  // namespace
}  // namespace sluice::tls
