#include <algorithm>

#include "model/key_directory.h"
#include "protocols/postgres/scram.h"
#include "protocols/postgres/scram_parts.h"

namespace sluice::pg {

using scram::Attributes;

namespace {

/// gs2-cbind-flag "," [authzid] ",": who is bound to what. Leaves `rest` at client-first-message-bare.
Result<void, ScramError> read_gs2_header(std::string_view& rest, bool plus_offered, bool plus_chosen) {
  const size_t flag_end = rest.find(',');
  if (flag_end == std::string_view::npos) return std::unexpected(ScramError::Malformed);
  const std::string_view flag = rest.substr(0, flag_end);
  if (flag == "y") {
    // "The client supports channel binding but thinks the server does not." It does: somebody took
    // -PLUS off the list (RFC 5802 section 6).
    if (plus_offered) return std::unexpected(ScramError::Downgrade);
  } else if (flag.starts_with("p=")) {
    if (!plus_chosen) return std::unexpected(ScramError::Malformed);
    if (flag != "p=tls-server-end-point") return std::unexpected(ScramError::ChannelBindingMismatch);
  } else if (flag != "n") {
    return std::unexpected(ScramError::Malformed);
  }
  if (plus_chosen != flag.starts_with("p=")) return std::unexpected(ScramError::ChannelBindingMismatch);

  rest.remove_prefix(flag_end + 1);
  if (rest.starts_with("a=")) return std::unexpected(ScramError::AuthorizationIdentity);
  if (!rest.starts_with(',')) return std::unexpected(ScramError::Malformed);
  rest.remove_prefix(1);
  return {};
}

}  // namespace

ScramSubject scram_subject(const AccessSubject& subject, int64_t now_unix_s) {
  ScramSubject out{subject.salt, subject.iterations, {}};
  for (const AccessKey& key : subject.keys) {
    if (is_live(key, now_unix_s)) out.keys.push_back({key.id, {key.stored_key, key.server_key}});
  }
  return out;
}

ScramServer::ScramServer(ScramSubject subject, Bytes channel_binding)
    : subject_(std::move(subject)), channel_binding_(channel_binding.begin(), channel_binding.end()) {
  SLUICE_ASSERT(!subject_.salt.empty() && subject_.iterations > 0);
}

std::span<const std::string_view> ScramServer::mechanisms() const {
  static constexpr std::array<std::string_view, 2> names = {scram_sha_256_plus, scram_sha_256};
  return std::span(names).subspan(channel_binding_.empty() ? 1 : 0);
}

Result<std::string, ScramError> ScramServer::first(std::string_view mechanism, std::string_view client_first) {
  if (state_ != State::First) return std::unexpected(ScramError::OutOfOrder);
  state_ = State::Done;  // Until this message proves good: no second try on the same object.
  if (client_first.size() > scram_message_size_max) return std::unexpected(ScramError::Malformed);
  if (std::ranges::find(mechanisms(), mechanism) == mechanisms().end()) {
    return std::unexpected(ScramError::UnknownMechanism);
  }
  bound_ = mechanism == scram_sha_256_plus;
  std::string_view rest = client_first;
  if (auto header = read_gs2_header(rest, !channel_binding_.empty(), bound_); !header) {
    return std::unexpected(header.error());
  }
  gs2_header_ = client_first.substr(0, client_first.size() - rest.size());

  Attributes attributes(rest);
  if (rest.starts_with("m=")) return std::unexpected(ScramError::UnsupportedExtension);
  const auto user = attributes.take('n');
  const auto client_nonce = attributes.take('r');
  if (!user || !client_nonce || !scram::is_nonce(*client_nonce) || !attributes.skip_extensions()) {
    return std::unexpected(ScramError::Malformed);
  }
  client_first_bare_ = rest;
  if (own_nonce_.empty()) own_nonce_ = scram::random_nonce();
  nonce_ = std::string(*client_nonce) + own_nonce_;
  server_first_ = "r=" + nonce_ + ",s=" + base64_encode(subject_.salt) + ",i=" + std::to_string(subject_.iterations);
  state_ = State::Final;
  return server_first_;
}

Result<std::string, ScramError> ScramServer::finish(std::string_view client_final) {
  if (state_ != State::Final) return std::unexpected(ScramError::OutOfOrder);
  state_ = State::Done;
  if (client_final.size() > scram_message_size_max) return std::unexpected(ScramError::Malformed);

  Attributes attributes(client_final);
  const auto binding = attributes.take('c');
  const auto nonce = attributes.take('r');
  if (!binding || !nonce) return std::unexpected(ScramError::Malformed);
  const auto without_proof = attributes.skip_extensions_until('p');
  const auto proof_text = attributes.take('p');
  if (!without_proof || !proof_text || !attributes.empty()) return std::unexpected(ScramError::Malformed);

  std::vector<std::byte> expected(as_bytes(gs2_header_).begin(), as_bytes(gs2_header_).end());
  if (bound_) expected.insert(expected.end(), channel_binding_.begin(), channel_binding_.end());
  if (!equal_constant_time(as_bytes(*binding), as_bytes(base64_encode(expected)))) {
    return std::unexpected(ScramError::ChannelBindingMismatch);
  }
  if (*nonce != nonce_) return std::unexpected(ScramError::NonceMismatch);
  std::vector<std::byte> proof;
  if (!base64_decode(*proof_text, proof) || proof.size() != Digest{}.size()) {
    return std::unexpected(ScramError::Malformed);
  }

  const std::string auth_message =
      client_first_bare_ + "," + server_first_ + "," + std::string(client_final.substr(0, *without_proof));
  const ScramKey* found = nullptr;
  const auto check = [&](const ScramKey& key) {
    Digest client_key = hmac_sha256(key.keys.stored_key, as_bytes(auth_message));
    for (size_t i = 0; i < client_key.size(); ++i) client_key[i] ^= proof[i];
    const bool equal = equal_constant_time(sha256(client_key), key.keys.stored_key);
    wipe(client_key);
    return equal;
  };
  // All keys are tried, so the time does not tell which one it was; a mock tries one of zeroes.
  for (const ScramKey& key : subject_.keys) {
    if (check(key)) found = &key;
  }
  if (subject_.keys.empty()) (void)check(ScramKey{});
  if (found == nullptr) return std::unexpected(ScramError::ProofWrong);
  key_id_ = found->id;
  return "v=" + base64_encode(hmac_sha256(found->keys.server_key, as_bytes(auth_message)));
}

}  // namespace sluice::pg
