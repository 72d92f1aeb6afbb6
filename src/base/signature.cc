#include "base/signature.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

namespace sluice {
namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;
using Bio = std::unique_ptr<BIO, FreeBio>;

constexpr std::string_view public_begin = "-----BEGIN PUBLIC KEY-----";
constexpr std::string_view public_end = "-----END PUBLIC KEY-----";

const unsigned char* raw(const std::byte* bytes) { return reinterpret_cast<const unsigned char*>(bytes); }
unsigned char* raw(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

/// A key with a pass phrase would make OpenSSL ask on the terminal: answer with none.
int no_pass_phrase(char*, int, int, void*) { return 0; }

Key private_key(const SigningKey& key) {
  const Bytes seed = as_bytes(key.seed.reveal());
  Key made(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw(seed.data()), seed.size()));
  SLUICE_ASSERT(made != nullptr);
  return made;
}

SigningKey from_seed(SecretBytes seed) {
  SigningKey out;
  out.seed = Secret(std::string(as_text(seed)));
  size_t size = out.public_key.size();
  SLUICE_ASSERT(EVP_PKEY_get_raw_public_key(private_key(out).get(), raw(out.public_key.data()), &size) == 1);
  return out;
}

std::string_view contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

Expected<PublicKey> one_public_key(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  SLUICE_ASSERT(bio != nullptr);
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_pass_phrase, nullptr));
  ERR_clear_error();
  PublicKey out{};
  size_t size = out.size();
  if (key == nullptr || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key.get(), raw(out.data()), &size) != 1 || size != out.size()) {
    return fail("expected public keys of Ed25519 in PEM, found something else");
  }
  return out;
}

bool is_remark(std::string_view line) { return line.empty() || line == "\r" || line.front() == '#'; }

}  // namespace

SigningKey make_signing_key() {
  SecretBytes seed(32);
  random_bytes(seed);
  return from_seed(std::move(seed));
}

Signature sign(const SigningKey& key, Bytes message) {
  const Context context(EVP_MD_CTX_new());
  SLUICE_ASSERT(context != nullptr);
  Signature out{};
  size_t size = out.size();
  const Key own = private_key(key);
  SLUICE_ASSERT(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, own.get()) == 1 &&
                EVP_DigestSign(context.get(), raw(out.data()), &size, raw(message.data()), message.size()) == 1);
  return out;
}

bool verify(const PublicKey& key, Bytes message, const Signature& signature) {
  const Key own(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(key.data()), key.size()));
  const Context context(EVP_MD_CTX_new());
  SLUICE_ASSERT(context != nullptr);
  const bool good = own != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, own.get()) == 1 &&
                    EVP_DigestVerify(context.get(), raw(signature.data()), signature.size(), raw(message.data()),
                                     message.size()) == 1;
  ERR_clear_error();
  return good;
}

std::string key_id(const PublicKey& key) {
  constexpr size_t shown = 8;
  const Digest digest = sha256(key);
  return hex_encode(Bytes(digest).first(shown));
}

Secret private_pem(const SigningKey& key) {
  const Bio bio(BIO_new(BIO_s_secmem()));
  SLUICE_ASSERT(bio != nullptr);
  SLUICE_ASSERT(PEM_write_bio_PrivateKey(bio.get(), private_key(key).get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return Secret(std::string(contents(bio.get())));
}

std::string public_pem(const PublicKey& key) {
  const Key own(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(key.data()), key.size()));
  const Bio bio(BIO_new(BIO_s_mem()));
  SLUICE_ASSERT(own != nullptr && bio != nullptr && PEM_write_bio_PUBKEY(bio.get(), own.get()) == 1);
  return std::string(contents(bio.get()));
}

Expected<SigningKey> parse_private_pem(std::string_view pem) {
  if (pem.size() > key_file_size_max) return fail("expected a private key of Ed25519 in PEM, found more");
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  SLUICE_ASSERT(bio != nullptr);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr));
  ERR_clear_error();
  SecretBytes seed(32);
  size_t size = seed.size();
  if (key == nullptr || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_private_key(key.get(), raw(seed.data()), &size) != 1 || size != seed.size()) {
    return fail("expected a private key of Ed25519 in PEM without a pass phrase, found something else");
  }
  return from_seed(std::move(seed));
}

Expected<std::vector<PublicKey>> parse_public_pem(std::string_view pem) {
  if (pem.size() > key_file_size_max) return fail("expected public keys of Ed25519 in PEM, found more");
  std::vector<PublicKey> keys;
  while (!pem.empty()) {
    const size_t line_end = std::min(pem.find('\n'), pem.size());
    if (is_remark(pem.substr(0, line_end))) {
      pem.remove_prefix(std::min(line_end + 1, pem.size()));
      continue;
    }
    const size_t end = pem.find(public_end);
    if (!pem.starts_with(public_begin) || end == std::string_view::npos) {
      return fail("expected public keys of Ed25519 in PEM, found something else");
    }
    if (keys.size() == public_keys_max) {
      return fail("expected at most " + std::to_string(public_keys_max) + " public keys, found more");
    }
    auto key = one_public_key(pem.substr(0, end + public_end.size()));
    if (!key) return std::unexpected(key.error());
    keys.push_back(*key);
    pem.remove_prefix(end + public_end.size());
  }
  if (keys.empty()) return fail("expected public keys of Ed25519 in PEM, found none");
  return keys;
}

}  // namespace sluice
