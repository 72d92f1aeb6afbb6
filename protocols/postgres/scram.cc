#include "protocols/postgres/scram.h"

#include <openssl/evp.h>

#include <algorithm>

#include "protocols/postgres/scram_parts.h"

namespace sluice::pg {
namespace scram {
namespace {

constexpr size_t nonce_raw_size = 18;
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

std::optional<char> Attributes::peek() const {
  if (at_ + 1 >= message_.size() || !is_letter(message_[at_]) || message_[at_ + 1] != '=') return std::nullopt;
  return message_[at_];
}

std::optional<std::string_view> Attributes::take(char name) {
  if (peek() != name) return std::nullopt;
  const size_t begin = at_ + 2;
  const size_t end = std::min(message_.find(',', begin), message_.size());
  comma_ = end < message_.size();
  at_ = comma_ ? end + 1 : end;
  return message_.substr(begin, end - begin);
}

bool Attributes::skip_extensions() {
  while (!empty()) {
    const auto name = peek();
    // m= where it is not the first attribute is still an extension that must be understood.
    if (!name || *name == 'm' || !take(*name)) return false;
  }
  return true;
}

std::optional<size_t> Attributes::skip_extensions_until(char name) {
  while (peek() != name) {
    const auto other = peek();
    if (!other || *other == 'm' || !take(*other)) return std::nullopt;
  }
  SLUICE_ASSERT(at_ > 0);
  return at_ - 1;
}

bool is_nonce(std::string_view text) {
  return !text.empty() && text.size() <= scram_nonce_size_max &&
         std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7E && c != ','; });
}

std::string random_nonce() {
  std::array<std::byte, nonce_raw_size> raw;
  random_bytes(raw);
  return base64_encode(raw);
}

}  // namespace scram

std::string_view explain(ScramError error) {
  switch (error) {
    case ScramError::Malformed: return "a SCRAM message is malformed";
    case ScramError::UnknownMechanism: return "no SASL mechanism that both sides speak";
    case ScramError::UnsupportedExtension: return "a SCRAM extension is required that is not supported";
    case ScramError::AuthorizationIdentity: return "SCRAM with an authorization identity is not supported";
    case ScramError::Downgrade:
      return "SCRAM channel binding was offered and did not arrive: the connection is tampered with";
    case ScramError::ChannelBindingMismatch: return "SCRAM channel binding does not match this TLS connection";
    case ScramError::NonceMismatch: return "a SCRAM message belongs to another conversation";
    case ScramError::IterationsTooMany: return "the SCRAM iteration count is out of bounds";
    case ScramError::ProofWrong: return "the key or password is wrong";
    case ScramError::ServerRejected: return "the server rejected the password";
    case ScramError::ServerSignatureWrong: return "the server does not prove that it knows the password";
    case ScramError::OutOfOrder: return "a SCRAM message came out of order";
  }
  return "unknown SCRAM error";
}

ScramKeys make_verifier(std::string_view secret, Bytes salt, uint32_t iterations) {
  Digest salted = pbkdf2_sha256(secret, salt, iterations);
  Digest client_key = hmac_sha256(salted, as_bytes("Client Key"));
  const ScramKeys keys{sha256(client_key), hmac_sha256(salted, as_bytes("Server Key"))};
  wipe(client_key);
  wipe(salted);
  return keys;
}

namespace {

/// What i= may hold: digits only, no sign, no leading zero, at most ten of them.
std::optional<uint64_t> read_iterations(std::string_view digits) {
  if (digits.empty() || digits.size() > 10 || digits[0] == '0') return std::nullopt;
  uint64_t count = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    count = count * 10 + static_cast<uint64_t>(c - '0');
  }
  return count;
}

std::string final_without_proof(std::string_view gs2_header, Bytes channel_binding, std::string_view nonce) {
  std::vector<std::byte> binding(as_bytes(gs2_header).begin(), as_bytes(gs2_header).end());
  binding.insert(binding.end(), channel_binding.begin(), channel_binding.end());
  return "c=" + base64_encode(binding) + ",r=" + std::string(nonce);
}

}  // namespace

ScramClient::ScramClient(std::string_view password, ScramClientOptions options)
    : password_(password), options_(options) {}

Result<std::string_view, ScramError> ScramClient::choose(std::span<const std::string_view> offered) {
  SLUICE_ASSERT(state_ == State::Choose);
  const auto has = [&](std::string_view name) { return std::ranges::find(offered, name) != offered.end(); };
  const bool can_bind = !options_.channel_binding.empty();
  if (can_bind && has(scram_sha_256_plus)) {
    bound_ = true;
    gs2_header_ = "p=tls-server-end-point,,";
  } else if (has(scram_sha_256)) {
    // 'y' tells a server that does offer -PLUS that somebody hid it from us.
    gs2_header_ = can_bind ? "y,," : "n,,";
  } else {
    return std::unexpected(ScramError::UnknownMechanism);
  }
  state_ = State::First;
  return bound_ ? scram_sha_256_plus : scram_sha_256;
}

std::string ScramClient::first() {
  SLUICE_ASSERT(state_ == State::First);
  if (nonce_.empty()) nonce_ = scram::random_nonce();
  // The name is empty, as libpq's: the server takes the one of the StartupMessage.
  client_first_bare_ = "n=,r=" + nonce_;
  state_ = State::Proof;
  return gs2_header_ + client_first_bare_;
}

Result<std::string, ScramError> ScramClient::proof(std::string_view server_first) {
  if (state_ != State::Proof) return std::unexpected(ScramError::OutOfOrder);
  state_ = State::Done;
  if (server_first.size() > scram_message_size_max) return std::unexpected(ScramError::Malformed);
  if (server_first.starts_with("m=")) return std::unexpected(ScramError::UnsupportedExtension);

  scram::Attributes attributes(server_first);
  const auto nonce = attributes.take('r');
  const auto salt_text = attributes.take('s');
  const auto iterations_text = attributes.take('i');
  if (!nonce || !salt_text || !iterations_text || !attributes.skip_extensions() || !scram::is_nonce(*nonce)) {
    return std::unexpected(ScramError::Malformed);
  }
  // Longer than ours and beginning with it: the server added something of its own.
  if (!nonce->starts_with(nonce_) || nonce->size() == nonce_.size()) return std::unexpected(ScramError::NonceMismatch);
  std::vector<std::byte> salt;
  const auto iterations = read_iterations(*iterations_text);
  if (!base64_decode(*salt_text, salt) || salt.empty() || salt.size() > scram_salt_size_max || !iterations) {
    return std::unexpected(ScramError::Malformed);
  }
  if (*iterations > options_.iterations_max || *iterations > INT32_MAX) {
    return std::unexpected(ScramError::IterationsTooMany);
  }

  if (options_.cache != nullptr && options_.cache->iterations == *iterations && options_.cache->salt == salt) {
    used_ = *options_.cache;
  } else {
    Digest salted = pbkdf2_sha256(password_, salt, static_cast<uint32_t>(*iterations));
    used_ = {std::move(salt), static_cast<uint32_t>(*iterations), {}};
    for (const std::string_view name : {"Client Key", "Server Key"}) {
      Digest key = hmac_sha256(salted, as_bytes(name));
      used_.keys.insert(used_.keys.end(), key.begin(), key.end());
      wipe(key);
    }
    wipe(salted);
  }

  const std::string without_proof =
      final_without_proof(gs2_header_, bound_ ? options_.channel_binding : Bytes{}, *nonce);
  auth_message_ = client_first_bare_ + "," + std::string(server_first) + "," + without_proof;
  Digest proof = hmac_sha256(sha256(used_.client_key()), as_bytes(auth_message_));
  for (size_t i = 0; i < proof.size(); ++i) proof[i] ^= used_.client_key()[i];
  state_ = State::Final;
  return without_proof + ",p=" + base64_encode(proof);
}

Result<void, ScramError> ScramClient::finish(std::string_view server_final) {
  if (state_ != State::Final) return std::unexpected(ScramError::OutOfOrder);
  state_ = State::Done;
  if (server_final.size() > scram_message_size_max) return std::unexpected(ScramError::Malformed);

  scram::Attributes attributes(server_final);
  if (attributes.take('e')) return std::unexpected(ScramError::ServerRejected);
  const auto signature_text = attributes.take('v');
  std::vector<std::byte> signature;
  if (!signature_text || !attributes.skip_extensions() || !base64_decode(*signature_text, signature)) {
    return std::unexpected(ScramError::Malformed);
  }
  if (!equal_constant_time(signature, hmac_sha256(used_.server_key(), as_bytes(auth_message_)))) {
    return std::unexpected(ScramError::ServerSignatureWrong);
  }
  return {};
}

std::optional<std::string> md5_password(std::string_view user, std::string_view password,
                                        const std::array<std::byte, 4>& salt) {
  using Md5 = std::array<std::byte, 16>;
  const auto md5_hex = [](std::string_view text) -> std::optional<std::string> {
    Md5 digest;
    unsigned int size = 0;
    if (EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_md5(),
                   nullptr) != 1) {
      return std::nullopt;
    }
    SLUICE_ASSERT(size == digest.size());
    return hex_encode(digest);
  };
  std::string inner_text;
  inner_text.reserve(password.size() + user.size());  // One allocation, so that one wipe reaches every copy.
  inner_text.append(password).append(user);
  auto inner = md5_hex(inner_text);
  wipe(inner_text);
  if (!inner) return std::nullopt;
  inner->append(as_text(salt));
  const auto outer = md5_hex(*inner);
  wipe(*inner);
  if (!outer) return std::nullopt;
  return "md5" + *outer;
}

}  // namespace sluice::pg
