// Ed25519 signatures (RFC 8032) and their keys as PEM, over OpenSSL 3. Thread-safe; no state.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/error.h"

namespace sluice {

using PublicKey = std::array<std::byte, 32>;
using Signature = std::array<std::byte, 64>;

/// The private half, and the public one that belongs to it.
struct SigningKey {
  Secret seed;  ///< 32 bytes.
  PublicKey public_key{};
};

inline constexpr size_t key_file_size_max = 64U << 10;  ///< Of a PEM file, whichever half it holds.
inline constexpr size_t public_keys_max = 64;           ///< In one file.

[[nodiscard]] SigningKey make_signing_key();
[[nodiscard]] Signature sign(const SigningKey& key, Bytes message);
[[nodiscard]] bool verify(const PublicKey& key, Bytes message, const Signature& signature);

/// What people call a key by: 16 hexadecimal digits of its SHA-256.
[[nodiscard]] std::string key_id(const PublicKey& key);

/// PKCS #8 (RFC 8410 section 7), without a pass phrase.
[[nodiscard]] Secret private_pem(const SigningKey& key);
/// SubjectPublicKeyInfo (RFC 8410 section 4).
[[nodiscard]] std::string public_pem(const PublicKey& key);
/// The error is a sentence without the file's name, and holds nothing of the key.
[[nodiscard]] Expected<SigningKey> parse_private_pem(std::string_view pem);
/// One or more, up to public_keys_max; anything else between them is refused but blank lines and lines that begin with #.
[[nodiscard]] Expected<std::vector<PublicKey>> parse_public_pem(std::string_view pem);

}  // namespace sluice
