// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), both roles, and PostgreSQL's md5 method.
// Pure but for the nonce and salt, which come from the operating system. One object serves one login.
// Channel binding is tls-server-end-point (RFC 5929 section 4): the caller gives the hash of the
// server's certificate, and none where there is no TLS or the certificate has no usable hash.
//
// SASLprep (RFC 4013) is not applied. Access keys are generated and ASCII, where it changes nothing;
// upstream passwords outside ASCII go in as they are, which is what libpq and the server do with
// text that SASLprep rejects.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/error.h"
#include "model/settings.h"

namespace sluice::pg {

inline constexpr std::string_view scram_sha_256 = "SCRAM-SHA-256";
inline constexpr std::string_view scram_sha_256_plus = "SCRAM-SHA-256-PLUS";
inline constexpr size_t scram_message_size_max = 4096;  ///< Any one message of either side.
inline constexpr size_t scram_nonce_size_max = 512;
inline constexpr size_t scram_salt_size_max = 1024;
inline constexpr uint32_t scram_iterations_max_default = 1'000'000;  ///< About 0.25 s of one core.

enum class ScramError : uint8_t {
  Malformed,               ///< Not the message the RFC has here, or over a cap.
  UnknownMechanism,        ///< A mechanism that was not offered.
  UnsupportedExtension,    ///< m=: an extension that must be understood.
  AuthorizationIdentity,   ///< a=: acting as somebody else is not offered.
  Downgrade,               ///< The client saw no -PLUS although it was offered: somebody removed it.
  ChannelBindingMismatch,  ///< The other side of SCRAM is not the other side of TLS.
  NonceMismatch,           ///< An answer to another conversation.
  IterationsTooMany,       ///< More than the caller is willing to compute, or zero.
  ProofWrong,              ///< No live key made this proof.
  ServerRejected,          ///< The server said e=.
  ServerSignatureWrong,    ///< The server does not know the verifier: it is not who it says.
  OutOfOrder,              ///< A message after the end, or before its turn.
};
[[nodiscard]] std::string_view explain(ScramError);

/// What a server stores (RFC 5802 section 3).
struct ScramKeys {
  Digest stored_key{};
  Digest server_key{};
};
/// `iterations` > 0. Costs one PBKDF2.
[[nodiscard]] ScramKeys make_verifier(std::string_view secret, Bytes salt, uint32_t iterations);

struct ScramKey {
  std::string id;
  ScramKeys keys;
};
/// A subject as the server role sees it: salt and iterations common to all its live keys.
struct ScramSubject {
  std::vector<std::byte> salt;
  uint32_t iterations = 0;
  std::vector<ScramKey> keys;  ///< Empty: a mock. Everything runs as usual and fails at the end.
};
/// The live keys of a subject (KeyDirectory::find, or ::mock for an unknown one). No live key: a mock.
[[nodiscard]] ScramSubject scram_subject(const AccessSubject& subject, int64_t now_unix_s);

class ScramServer {
 public:
  /// `channel_binding` empty: -PLUS is not offered. Both are copied.
  ScramServer(ScramSubject subject, Bytes channel_binding);

  /// Mechanisms to offer, best first.
  [[nodiscard]] std::span<const std::string_view> mechanisms() const;

  /// client-first-message in, server-first-message out. The user name inside is ignored, as PostgreSQL
  /// does: the StartupMessage said who it is.
  [[nodiscard]] Result<std::string, ScramError> first(std::string_view mechanism, std::string_view client_first);
  /// client-final-message in, server-final-message out. The proof is compared with every key, each in
  /// constant time.
  [[nodiscard]] Result<std::string, ScramError> finish(std::string_view client_final);

  /// Id of the key that made the proof; empty until finish() succeeded.
  [[nodiscard]] const std::string& key_id() const { return key_id_; }

  /// For test vectors: the server's part of the nonce, in place of a random one.
  void use_nonce_for_test(std::string nonce) { own_nonce_ = std::move(nonce); }

 private:
  enum class State : uint8_t { First, Final, Done };
  State state_ = State::First;
  ScramSubject subject_;
  std::vector<std::byte> channel_binding_;
  std::string own_nonce_;
  std::string gs2_header_;
  bool bound_ = false;
  std::string client_first_bare_;
  std::string server_first_;
  std::string nonce_;
  std::string key_id_;
};

/// What makes PBKDF2 unnecessary at the next login with the same salt and iterations. Secret.
struct ScramCache {
  std::vector<std::byte> salt;
  uint32_t iterations = 0;
  SecretBytes keys;  ///< ClientKey, then ServerKey.

  [[nodiscard]] Bytes client_key() const { return Bytes{keys}.first(sizeof(Digest)); }
  [[nodiscard]] Bytes server_key() const { return Bytes{keys}.last(sizeof(Digest)); }
};

struct ScramClientOptions {
  Bytes channel_binding;  ///< Empty: none. Borrowed while the client lives.
  uint32_t iterations_max = scram_iterations_max_default;
  const ScramCache* cache = nullptr;  ///< Used where salt and iterations fit. Borrowed while the client lives.
};

class ScramClient {
 public:
  /// `password` is borrowed while the client lives.
  ScramClient(std::string_view password, ScramClientOptions options);
  ScramClient(const ScramClient&) = delete;
  ScramClient& operator=(const ScramClient&) = delete;
  ~ScramClient() = default;

  /// Picks from what the server offers: -PLUS when there is channel binding. UnknownMechanism: neither.
  [[nodiscard]] Result<std::string_view, ScramError> choose(std::span<const std::string_view> offered);
  /// client-first-message; after choose().
  [[nodiscard]] std::string first();
  /// server-first-message in, client-final-message out. Runs PBKDF2 unless the cache fits.
  [[nodiscard]] Result<std::string, ScramError> proof(std::string_view server_first);
  /// server-final-message: proves the server. Only after this returned a value is the login good.
  [[nodiscard]] Result<void, ScramError> finish(std::string_view server_final);

  /// For the next login; meaningful after proof().
  [[nodiscard]] const ScramCache& cache() const { return used_; }

  void use_nonce_for_test(std::string nonce) { nonce_ = std::move(nonce); }

 private:
  enum class State : uint8_t { Choose, First, Proof, Final, Done };
  State state_ = State::Choose;
  std::string_view password_;
  ScramClientOptions options_;
  std::string gs2_header_;
  bool bound_ = false;
  std::string nonce_;
  std::string client_first_bare_;
  std::string auth_message_;
  ScramCache used_;
};

/// Answer to AuthenticationMD5Password: "md5" and 32 hexadecimal digits. nullopt: this OpenSSL has no
/// MD5 (FIPS).
[[nodiscard]] std::optional<std::string> md5_password(std::string_view user, std::string_view password,
                                                      const std::array<std::byte, 4>& salt);

}  // namespace sluice::pg
