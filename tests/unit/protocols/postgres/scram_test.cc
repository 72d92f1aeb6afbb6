#include "protocols/postgres/scram.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/protocols/postgres/wire.h"

namespace sluice::pg {
namespace {
using namespace test;

// RFC 7677 section 3: user "user", password "pencil".
constexpr std::string_view rfc_client_first = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view rfc_server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view rfc_server_first =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr std::string_view rfc_client_final =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr std::string_view rfc_server_final = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

std::vector<std::byte> decoded(std::string_view base64) {
  std::vector<std::byte> out;
  EXPECT_TRUE(base64_decode(base64, out));
  return out;
}

ScramSubject subject(std::string_view secret, uint32_t iterations = 4096) {
  const std::vector<std::byte> salt = decoded("W22ZaJ0SNY7soEsUEjb6gQ==");
  return {salt, iterations, {{"key-1", make_verifier(secret, salt, iterations)}}};
}

ScramServer rfc_server() {
  ScramServer server(subject("pencil"), {});
  server.use_nonce_for_test(std::string(rfc_server_nonce));
  return server;
}

const std::string binding = "hash of the server's certificate";
Bytes bound() { return as_bytes(binding); }

TEST(ScramServer, says_what_rfc_7677_says) {
  ScramServer server = rfc_server();
  const auto first = server.first(scram_sha_256, rfc_client_first);
  ASSERT_TRUE(first) << explain(first.error());
  EXPECT_EQ(*first, rfc_server_first);
  const auto last = server.finish(rfc_client_final);
  ASSERT_TRUE(last) << explain(last.error());
  EXPECT_EQ(*last, rfc_server_final);
  EXPECT_EQ(server.key_id(), "key-1");
}

TEST(ScramVerifier, is_what_a_real_server_stores) {
  // pg_authid.rolpassword of PostgreSQL 15 for passwords "correct horse" and "pässwörd".
  const struct {
    std::string_view password, salt, stored_key, server_key;
  } rows[] = {
      {"correct horse", "/0ctER3mYJmP7NruMdRREA==", "dsGQ+n2hAmD3tOnZwUamiuBwxkOKwyaXMOBaqrcb/sY=",
       "nJgbudg5oJUCtuYkZyzm6bxJML2cEr/YET5sJdsMwuY="},
      {"p\u00e4ssw\u00f6rd", "DHgHgah+5lbeDuz14YaJ3w==", "s7QEh4f6kShtoQW0LqO5AGWMCXiD0GtA5ViRCMf21MU=",
       "A+e+pKWtlEYtx2Gz1FtTDvWrRrWQg/Xw2l6x8mMpC7I="},
  };
  for (const auto& row : rows) {
    const ScramKeys keys = make_verifier(row.password, decoded(row.salt), 4096);
    EXPECT_EQ(base64_encode(keys.stored_key), row.stored_key);
    EXPECT_EQ(base64_encode(keys.server_key), row.server_key);
  }
}

/// Runs a whole login. Gives the error that ended it, if one did.
std::optional<ScramError> login(ScramClient& client, ScramServer& server) {
  const auto mechanism = client.choose(server.mechanisms());
  if (!mechanism) return mechanism.error();
  const auto server_first = server.first(*mechanism, client.first());
  if (!server_first) return server_first.error();
  const auto client_final = client.proof(*server_first);
  if (!client_final) return client_final.error();
  const auto server_final = server.finish(*client_final);
  if (!server_final) return server_final.error();
  const auto done = client.finish(*server_final);
  if (!done) return done.error();
  return std::nullopt;
}

TEST(Scram, both_roles_agree_with_and_without_channel_binding) {
  for (const bool client_binds : {false, true}) {
    for (const bool server_binds : {false, true}) {
      if (client_binds && !server_binds) continue;  // Sees TLS on one side only: not one connection.
      ScramServer server(subject("secret"), server_binds ? bound() : Bytes{});
      ScramClient client("secret", {.channel_binding = client_binds ? bound() : Bytes{}});
      EXPECT_EQ(login(client, server), std::nullopt) << client_binds << server_binds;
    }
  }
}

TEST(Scram, a_client_with_binding_logs_in_to_a_server_that_has_none) {
  ScramServer server(subject("secret"), {});
  ScramClient client("secret", {.channel_binding = bound()});
  EXPECT_EQ(login(client, server), std::nullopt);
}

TEST(Scram, a_wrong_secret_fails_at_the_end) {
  ScramServer server(subject("secret"), {});
  ScramClient client("Secret", {});
  EXPECT_EQ(login(client, server), ScramError::ProofWrong);
  EXPECT_EQ(server.key_id(), "");
}

TEST(Scram, any_live_key_of_a_subject_opens_and_says_which_it_was) {
  ScramSubject two = subject("old");
  two.keys.push_back({"key-2", make_verifier("new", two.salt, two.iterations)});
  for (const auto& [secret, id] : {std::pair{"old", "key-1"}, std::pair{"new", "key-2"}}) {
    ScramServer server(two, {});
    ScramClient client(secret, {});
    EXPECT_EQ(login(client, server), std::nullopt);
    EXPECT_EQ(server.key_id(), id);
  }
}

TEST(Scram, bug_class_16_revoked_and_expired_keys_do_not_open) {
  AccessSubject stored;
  stored.salt = decoded("W22ZaJ0SNY7soEsUEjb6gQ==");
  stored.iterations = 4096;
  for (const char* secret : {"live", "revoked", "expired", "expires later"}) {
    const ScramKeys keys = make_verifier(secret, stored.salt, stored.iterations);
    stored.keys.push_back({secret, keys.stored_key, keys.server_key, 0, false});
  }
  stored.keys[1].revoked = true;
  stored.keys[2].expires_unix_s = 1'000;
  stored.keys[3].expires_unix_s = 1'001;
  for (const auto& key : stored.keys) {
    ScramServer server(scram_subject(stored, 1'000), {});
    ScramClient client(key.id, {});
    EXPECT_EQ(!login(client, server).has_value(), key.id == "live" || key.id == "expires later") << key.id;
  }
}

TEST(Scram, an_unknown_subject_runs_like_a_known_one_until_its_end) {
  ScramSubject mock = subject("anything");
  mock.keys.clear();
  ScramServer server(mock, {});
  ScramClient client("anything", {});
  EXPECT_EQ(login(client, server), ScramError::ProofWrong);
}

TEST(Scram, a_mock_is_not_opened_by_the_proof_that_fits_zeroed_keys) {
  // With StoredKey all zero an attacker would need a preimage of it; a ServerKey of zero must not help.
  ScramServer server({decoded("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096, {}}, {});
  const auto first = server.first(scram_sha_256, "n,,n=,r=x");
  ASSERT_TRUE(first);
  const std::string nonce = first->substr(2, first->find(',') - 2);
  const auto done = server.finish("c=biws,r=" + nonce + ",p=" + base64_encode(Digest{}));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), ScramError::ProofWrong);
}

TEST(ScramServer, bug_class_18_a_removed_plus_is_noticed) {
  ScramServer server(subject("secret"), bound());
  EXPECT_EQ(server.mechanisms().size(), 2U);
  const auto got = server.first(scram_sha_256, "y,,n=,r=abc");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error(), ScramError::Downgrade);
}

TEST(ScramServer, bug_class_18_binding_to_another_certificate_is_noticed) {
  const std::string other = "hash of somebody else's certificate";
  ScramServer server(subject("secret"), bound());
  ScramClient client("secret", {.channel_binding = as_bytes(other)});
  EXPECT_EQ(login(client, server), ScramError::ChannelBindingMismatch);
}

TEST(ScramServer, malformed_first_messages_are_refused) {
  const struct {
    const char* why;
    std::string_view mechanism, message;
    ScramError want;
  } rows[] = {
      {"a mechanism that was not offered", "SCRAM-SHA-1", "n,,n=,r=abc", ScramError::UnknownMechanism},
      {"no mechanism", "", "n,,n=,r=abc", ScramError::UnknownMechanism},
      {"a longer name with a good beginning", "SCRAM-SHA-256-PLUSS", "n,,n=,r=abc", ScramError::UnknownMechanism},
      {"nothing", scram_sha_256, "", ScramError::Malformed},
      {"no such flag", scram_sha_256, "x,,n=,r=abc", ScramError::Malformed},
      {"a binding without -PLUS", scram_sha_256, "p=tls-server-end-point,,n=,r=abc", ScramError::Malformed},
      {"-PLUS without a binding", scram_sha_256_plus, "n,,n=,r=abc", ScramError::ChannelBindingMismatch},
      {"a binding type we have not", scram_sha_256_plus, "p=tls-unique,,n=,r=abc", ScramError::ChannelBindingMismatch},
      {"acting as somebody else", scram_sha_256, "n,a=admin,n=,r=abc", ScramError::AuthorizationIdentity},
      {"a mandatory extension", scram_sha_256, "n,,m=x,n=,r=abc", ScramError::UnsupportedExtension},
      {"no user attribute", scram_sha_256, "n,,r=abc", ScramError::Malformed},
      {"no nonce", scram_sha_256, "n,,n=", ScramError::Malformed},
      {"an empty nonce", scram_sha_256, "n,,n=,r=", ScramError::Malformed},
      {"a blank in the nonce", scram_sha_256, "n,,n=,r=a b", ScramError::Malformed},
      {"a control character in the nonce", scram_sha_256, "n,,n=,r=a\x7f", ScramError::Malformed},
      {"a comma at the end", scram_sha_256, "n,,n=,r=abc,", ScramError::Malformed},
      {"something that is no attribute", scram_sha_256, "n,,n=,r=abc,x", ScramError::Malformed},
      {"a mandatory extension further on", scram_sha_256, "n,,n=,r=abc,m=x", ScramError::Malformed},
      {"no header", scram_sha_256, "n=,r=abc", ScramError::Malformed},
  };
  for (const auto& row : rows) {
    ScramServer server(subject("secret"), bound());
    const auto got = server.first(row.mechanism, row.message);
    ASSERT_FALSE(got) << row.why;
    EXPECT_EQ(got.error(), row.want) << row.why << ": " << explain(got.error());
    EXPECT_EQ(server.first(scram_sha_256, "n,,n=,r=abc").error(), ScramError::OutOfOrder) << "no second try";
  }
  ScramServer server(subject("secret"), {});
  EXPECT_FALSE(server.first(scram_sha_256, "n,,n=,r=" + std::string(scram_nonce_size_max + 1, 'x')));
  ScramServer another(subject("secret"), {});
  EXPECT_EQ(another.first(scram_sha_256_plus, "p=tls-server-end-point,,n=,r=abc").error(),
            ScramError::UnknownMechanism);
}

TEST(ScramServer, optional_extensions_are_ignored_as_the_rfc_asks) {
  ScramServer server(subject("secret"), {});
  EXPECT_TRUE(server.first(scram_sha_256, "n,,n=somebody,r=abc,x=1,y=2"));
}

TEST(ScramServer, malformed_final_messages_are_refused) {
  const std::string nonce = "rOprNGfwEbeRWgbNEkqO" + std::string(rfc_server_nonce);
  const std::string proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
  const struct {
    const char* why;
    std::string message;
    ScramError want;
  } rows[] = {
      {"nothing", "", ScramError::Malformed},
      {"no proof", "c=biws,r=" + nonce, ScramError::Malformed},
      {"a proof that is not last", "c=biws,r=" + nonce + ",p=" + proof + ",x=1", ScramError::Malformed},
      {"a comma after the proof", "c=biws,r=" + nonce + ",p=" + proof + ",", ScramError::Malformed},
      {"a proof that is too short", "c=biws,r=" + nonce + ",p=AAAA", ScramError::Malformed},
      {"a proof without padding", "c=biws,r=" + nonce + ",p=" + proof.substr(0, 43), ScramError::Malformed},
      {"a proof with bits after the end",
       "c=biws,r=" + nonce + ",p=" + proof.substr(0, 42) + "R=", ScramError::Malformed},
      {"a nonce that is not ours", "c=biws,r=other,p=" + proof, ScramError::NonceMismatch},
      {"the client's nonce only", "c=biws,r=rOprNGfwEbeRWgbNEkqO,p=" + proof, ScramError::NonceMismatch},
      {"another header than in the beginning", "c=eSws,r=" + nonce + ",p=" + proof, ScramError::ChannelBindingMismatch},
      {"no header", "c=,r=" + nonce + ",p=" + proof, ScramError::ChannelBindingMismatch},
      {"another order", "r=" + nonce + ",c=biws,p=" + proof, ScramError::Malformed},
      {"an extension changes what is signed", "c=biws,r=" + nonce + ",x=1,p=" + proof, ScramError::ProofWrong},
      {"a proof that is wrong by one bit", "c=biws,r=" + nonce + ",p=e" + proof.substr(1), ScramError::ProofWrong},
  };
  for (const auto& row : rows) {
    ScramServer server = rfc_server();
    ASSERT_TRUE(server.first(scram_sha_256, rfc_client_first));
    const auto got = server.finish(row.message);
    ASSERT_FALSE(got) << row.why;
    EXPECT_EQ(got.error(), row.want) << row.why << ": " << explain(got.error());
    EXPECT_EQ(server.finish(rfc_client_final).error(), ScramError::OutOfOrder) << "one try for each login";
    EXPECT_EQ(server.key_id(), "");
  }
}

TEST(ScramServer, every_cut_of_a_message_is_refused) {
  for (size_t size = 0; size < rfc_client_final.size(); ++size) {
    ScramServer server = rfc_server();
    ASSERT_TRUE(server.first(scram_sha_256, rfc_client_first));
    EXPECT_FALSE(server.finish(std::string(rfc_client_final.substr(0, size)))) << size;
  }
}

TEST(ScramServer, nonces_do_not_repeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    ScramServer server(subject("secret", 1), {});
    seen.insert(*server.first(scram_sha_256, "n,,n=,r=abc"));
  }
  EXPECT_EQ(seen.size(), 50U);
}

TEST(ScramClient, chooses_the_stronger_mechanism_it_can_do) {
  using Names = std::vector<std::string_view>;
  const Names both = {scram_sha_256, scram_sha_256_plus};
  EXPECT_EQ(*ScramClient("x", {.channel_binding = bound()}).choose(both), scram_sha_256_plus);
  EXPECT_EQ(*ScramClient("x", {}).choose(both), scram_sha_256);
  EXPECT_FALSE(ScramClient("x", {}).choose(Names{"SCRAM-SHA-1"}));
  EXPECT_FALSE(ScramClient("x", {}).choose(Names{scram_sha_256_plus})) << "a binding is needed for it";
  EXPECT_FALSE(ScramClient("x", {}).choose(Names{}));
  ScramClient hidden("x", {.channel_binding = bound()});
  ASSERT_TRUE(hidden.choose(Names{scram_sha_256}));
  EXPECT_TRUE(hidden.first().starts_with("y,,")) << "tells the server, which may know better";
}

TEST(ScramClient, promise_12_bug_class_19_a_hostile_server_gets_nothing) {
  const std::string salt = ",s=W22ZaJ0SNY7soEsUEjb6gQ==";
  const struct {
    const char* why;
    std::string message;
    ScramError want;
  } rows[] = {
      {"nothing", "", ScramError::Malformed},
      {"a nonce without ours", "r=other" + salt + ",i=4096", ScramError::NonceMismatch},
      {"our nonce and nothing of its own", "r=abc" + salt + ",i=4096", ScramError::NonceMismatch},
      {"a nonce that is too long", "r=abc" + std::string(scram_nonce_size_max, 'x') + salt + ",i=4096",
       ScramError::Malformed},
      {"a message that is too long", "r=abcd" + salt + ",i=1,x=" + std::string(scram_message_size_max, 'x'),
       ScramError::Malformed},
      {"one iteration more than we compute", "r=abcd" + salt + ",i=10001", ScramError::IterationsTooMany},
      {"iterations for a year", "r=abcd" + salt + ",i=4294967295", ScramError::IterationsTooMany},
      {"iterations that wrap 32 bits to 1", "r=abcd" + salt + ",i=4294967297", ScramError::IterationsTooMany},
      {"iterations that wrap 64 bits", "r=abcd" + salt + ",i=18446744073709551617", ScramError::Malformed},
      {"no iterations", "r=abcd" + salt + ",i=0", ScramError::Malformed},
      {"negative iterations", "r=abcd" + salt + ",i=-1", ScramError::Malformed},
      {"iterations that are no number", "r=abcd" + salt + ",i=1x", ScramError::Malformed},
      {"no salt", "r=abcd,s=,i=4096", ScramError::Malformed},
      {"a salt that is not base64", "r=abcd,s=!!!!,i=4096", ScramError::Malformed},
      {"a salt that is too long", "r=abcd,s=" + base64_encode(std::vector<std::byte>(scram_salt_size_max + 1)) + ",i=1",
       ScramError::Malformed},
      {"a mandatory extension", "m=x,r=abcd" + salt + ",i=4096", ScramError::UnsupportedExtension},
      {"a comma at the end", "r=abcd" + salt + ",i=4096,", ScramError::Malformed},
  };
  for (const auto& row : rows) {
    ScramClient client("secret", {.iterations_max = 10'000});
    client.use_nonce_for_test("abc");
    ASSERT_TRUE(client.choose(std::vector{scram_sha_256}));
    (void)client.first();
    const auto got = client.proof(row.message);
    ASSERT_FALSE(got) << row.why;
    EXPECT_EQ(got.error(), row.want) << row.why << ": " << explain(got.error());
    EXPECT_EQ(client.finish("v=AAAA").error(), ScramError::OutOfOrder);
  }
}

TEST(ScramClient, a_server_must_prove_itself) {
  const struct {
    const char* why;
    std::string message;
    ScramError want;
  } rows[] = {
      {"nothing", "", ScramError::Malformed},
      {"an error", "e=invalid-proof", ScramError::ServerRejected},
      {"an empty signature", "v=", ScramError::ServerSignatureWrong},
      {"a signature of zeroes", "v=" + base64_encode(Digest{}), ScramError::ServerSignatureWrong},
      {"a signature that is not base64", "v=%%%%", ScramError::Malformed},
      {"something after it", "v=" + base64_encode(Digest{}) + ",", ScramError::Malformed},
  };
  for (const auto& row : rows) {
    ScramServer server(subject("secret"), {});
    ScramClient client("secret", {});
    const auto mechanism = client.choose(server.mechanisms());
    ASSERT_TRUE(client.proof(*server.first(*mechanism, client.first())));
    const auto got = client.finish(row.message);
    ASSERT_FALSE(got) << row.why;
    EXPECT_EQ(got.error(), row.want) << row.why << ": " << explain(got.error());
  }
}

TEST(ScramClient, a_cache_saves_the_iterations_and_is_used_only_where_it_fits) {
  ScramServer first_server(subject("secret"), {});
  ScramClient first_client("secret", {});
  ASSERT_EQ(login(first_client, first_server), std::nullopt);
  const ScramCache cache = first_client.cache();

  // With the wrong password: only the cache can have made the proof.
  ScramServer same(subject("secret"), {});
  ScramClient cached("wrong", {.cache = &cache});
  EXPECT_EQ(login(cached, same), std::nullopt);
  // Other iterations: the cache does not fit, the password does.
  ScramServer other(subject("secret", 5000), {});
  ScramClient fresh("secret", {.cache = &cache});
  EXPECT_EQ(login(fresh, other), std::nullopt);
}

TEST(Md5Password, is_what_a_real_server_accepted) {
  // Role md5_known, password "correct horse", as psql 15 answered PostgreSQL 15.
  const std::array<std::byte, 4> salt = {std::byte{0x24}, std::byte{0x39}, std::byte{0xab}, std::byte{0xe1}};
  EXPECT_EQ(md5_password("md5_known", "correct horse", salt), "md52d96dc7f27edc1352d19872f56bf71f1");
}

}  // namespace
}  // namespace sluice::pg
