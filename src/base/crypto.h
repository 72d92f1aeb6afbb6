// Hashes, MACs, random numbers and secrets, over OpenSSL 3. Thread-safe; no state.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace sluice {

using Digest = std::array<std::byte, 32>;  ///< A SHA-256 or HMAC-SHA-256 value.

[[nodiscard]] Digest sha256(Bytes data);
/// SHA-256 of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(Bytes piece);
  /// Ends the object's use.
  [[nodiscard]] Digest finish();

 private:
  void* context_;  // EVP_MD_CTX, kept out of this header.
};

[[nodiscard]] Digest hmac_sha256(Bytes key, Bytes data);
/// PBKDF2-HMAC-SHA-256 with a 32-byte result: SCRAM's Hi() (RFC 5802 section 2.2). Takes about
/// 0.25 µs an iteration: callers cap `iterations` before they call.
[[nodiscard]] Digest pbkdf2_sha256(std::string_view password, Bytes salt, uint32_t iterations);

/// Fills `out` from the operating system's generator; aborts when there is none.
void random_bytes(MutableBytes out);

/// Time depends on the lengths only. Different lengths compare unequal.
[[nodiscard]] bool equal_constant_time(Bytes a, Bytes b);

[[nodiscard]] std::string base64_encode(Bytes data);
/// Strict (RFC 4648 section 4): padding required, no whitespace, no trailing bits. False: not base64.
[[nodiscard]] bool base64_decode(std::string_view text, std::vector<std::byte>& out);
[[nodiscard]] std::string hex_encode(Bytes data);

/// Overwrites memory in a way the compiler keeps.
void wipe(MutableBytes memory);
void wipe(std::string& text);

/// CRC-32C (Castagnoli), as iSCSI and ext4 use it; SSE4.2 where the CPU has it. `seed`: a previous result.
[[nodiscard]] uint32_t crc32c(Bytes data, uint32_t seed = 0);

/// SipHash-1-3 keyed with 16 random bytes made at start: tables keyed by what peers send cannot be
/// flooded with collisions.
[[nodiscard]] uint64_t keyed_hash(Bytes data);

/// A secret that is wiped when it dies and never printed. Not copyable by accident: use clone().
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { wipe(other.value_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe(value_);
      value_ = std::move(other.value_);
      wipe(other.value_);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(value_); }
  [[nodiscard]] Secret clone() const { return Secret(value_); }
  /// Lent until the Secret changes or dies.
  [[nodiscard]] std::string_view reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

 private:
  std::string value_;
};

}  // namespace sluice
