// What is loaded from files, and what is said about files that cannot be.
#include "tests/unit/tls/wire.h"

namespace sluice::tls {
namespace {

TEST(contexts, an_error_names_the_file_that_is_to_blame) {
  const Trust trust;
  const Certificate other = issue({.subject = {{NID_commonName, "other"}}});
  const CertificateFiles& files = trust.files;
  const std::string rubbish = files.text("rubbish.pem", "-----BEGIN CERTIFICATE-----\nnot base64\n");
  const std::string empty = files.text("empty.pem", "");
  const std::string missing = files.path("missing.pem");
  const std::string other_key = files.key("other.key", other);
  const ServerContext::Options good = trust.server_options;
  struct Case {
    std::string_view why;
    ServerContext::Options options;
    std::string file;
  };
  const Case cases[] = {
      {"no such certificate", {missing, good.key_file, "", {}}, missing},
      {"an empty certificate", {empty, good.key_file, "", {}}, empty},
      {"a damaged certificate", {rubbish, good.key_file, "", {}}, rubbish},
      {"a key in the certificate's place", {good.key_file, good.key_file, "", {}}, good.key_file},
      {"a directory", {files.path(""), good.key_file, "", {}}, files.path("")},
      {"no such key", {good.certificate_file, missing, "", {}}, missing},
      {"a certificate in the key's place", {good.certificate_file, good.certificate_file, "", {}}, good.certificate_file},
      {"the key of another certificate", {good.certificate_file, other_key, "", {}}, other_key},
      {"no such client CA", {good.certificate_file, good.key_file, missing, {}}, missing},
      {"a client CA without a certificate", {good.certificate_file, good.key_file, empty, {}}, empty},
  };
  for (const Case& c : cases) {
    const auto made = ServerContext::load(c.options);
    ASSERT_FALSE(made) << c.why;
    EXPECT_TRUE(made.error().message.starts_with(c.file + ": ")) << c.why << ": " << made.error().message;
    EXPECT_EQ(made.error().message.find("PRIVATE"), std::string::npos) << "nothing of a key is quoted";
  }
  for (const std::string& file : {missing, empty, rubbish}) {
    const auto made = ClientContext::load({.verify = Verify::Chain, .ca_file = file});
    ASSERT_FALSE(made);
    EXPECT_TRUE(made.error().message.starts_with(file + ": ")) << made.error().message;
  }
}

TEST(contexts, without_verification_no_ca_file_is_needed) {
  EXPECT_TRUE(ClientContext::load({.verify = Verify::None, .ca_file = "/nowhere/ca.pem"}));
}

TEST(contexts, with_no_ca_file_the_systems_authorities_decide) {
  const Trust trust;
  const auto client_context = ClientContext::load({.verify = Verify::ChainAndName, .ca_file = ""});
  ASSERT_TRUE(client_context);
  const auto server_context = trust.server_context();
  End client(**client_context, "db.example");
  End server(*server_context);
  EXPECT_EQ(shake(client, server).client, Status::Failed) << "they do not know ours";
}

TEST(contexts, the_end_point_is_the_hash_that_rfc_5929_names) {
  Trust trust;
  struct Case {
    std::string_view why;
    const EVP_MD* signed_with;
    const EVP_MD* hashed_with;
  };
  const Case cases[] = {
      {"the signature's own hash", EVP_sha256(), EVP_sha256()},
      {"a longer one too", EVP_sha384(), EVP_sha384()},
      {"and the longest", EVP_sha512(), EVP_sha512()},
      {"SHA-1 is replaced by SHA-256", EVP_sha1(), EVP_sha256()},
  };
  for (const Case& c : cases) {
    // Issued by itself, so that only the key and the hash matter.
    const Certificate made = issue({.subject = {{NID_commonName, "db"}}, .digest = c.signed_with});
    trust.server_options.certificate_file = trust.files.certificate("hash.pem", made);
    trust.server_options.key_file = trust.files.key("hash.key", made);
    auto context = ServerContext::load(trust.server_options);
    if (!context) {
      EXPECT_EQ(c.signed_with, EVP_sha1()) << c.why << ": " << context.error().message;
      continue;  // A system whose security level forbids SHA-1 never shows such a certificate.
    }
    unsigned char want[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    ASSERT_EQ(X509_digest(made.x509.get(), c.hashed_with, want, &size), 1);
    EXPECT_EQ(as_text((*context)->end_point()), std::string_view(reinterpret_cast<char*>(want), size)) << c.why;
  }
}

TEST(contexts, a_connection_keeps_the_certificate_it_began_with) {
  Trust trust;
  trust.server_options.alpn = {"postgresql"};
  auto old_context = trust.server_context();
  const auto client_context = trust.client_context();
  const std::string_view offer = "\x0apostgresql";
  SSL_CTX_set_alpn_protos(client_context->raw(), reinterpret_cast<const unsigned char*>(offer.data()),
                          static_cast<unsigned>(offer.size()));
  End client(*client_context, "db.example");
  End server(*old_context);
  old_context.reset();  // A reload; the engine is all that still needs it.
  const Outcome outcome = shake(client, server);
  EXPECT_EQ(outcome.client, Status::Ok) << client.engine.error();
  EXPECT_EQ(outcome.server, Status::Ok) << server.engine.error();
}

}  // namespace
}  // namespace sluice::tls
