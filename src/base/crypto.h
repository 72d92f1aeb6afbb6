// Hashes, MACs, random numbers and secrets, over OpenSSL 3. Thread-safe; no state.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
/// HMAC-SHA-256 of many texts under one key: a fifth of the time of hmac_sha256(), most of which goes into finding
/// the algorithm and into the key. For one thread. What OpenSSL derives from the key is wiped with the object.
class HmacSha256 {
 public:
  explicit HmacSha256(Bytes key);
  HmacSha256(HmacSha256&& other) noexcept;
  HmacSha256& operator=(HmacSha256&& other) noexcept;
  HmacSha256(const HmacSha256&) = delete;
  HmacSha256& operator=(const HmacSha256&) = delete;
  ~HmacSha256();
  [[nodiscard]] Digest sign(Bytes data);

 private:
  void* context_;  // EVP_MAC_CTX, kept out of this header; null once moved from.
};
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

/// Memory for secrets, from OpenSSL's secure heap: locked against swapping, left out of core dumps, between
/// guard pages, wiped when freed. What finds no room there comes from the ordinary heap and is wiped as
/// well; secrets_locked() tells.
[[nodiscard]] void* allocate_secret(size_t size);
void free_secret(void* memory, size_t size);
/// False: the system forbids locking (RLIMIT_MEMLOCK), or the secure heap has been full. Any thread.
[[nodiscard]] bool secrets_locked();

template <typename T>
struct SecretAllocator {
  using value_type = T;
  SecretAllocator() = default;
  template <typename U>
  explicit SecretAllocator(const SecretAllocator<U>&) {}
  T* allocate(size_t count) { return static_cast<T*>(allocate_secret(count * sizeof(T))); }
  void deallocate(T* memory, size_t count) { free_secret(memory, count * sizeof(T)); }
  bool operator==(const SecretAllocator&) const { return true; }
};
using SecretBytes = std::vector<std::byte, SecretAllocator<std::byte>>;

/// A secret in such memory, never printed. Not copyable by accident: use clone().
class Secret {
 public:
  Secret() = default;
  /// Wipes `value`, which is the caller's last copy if moved here.
  explicit Secret(std::string value) : value_(value.begin(), value.end()) { wipe(value); }
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret&&) noexcept = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() = default;
  [[nodiscard]] Secret clone() const {
    Secret copy;
    copy.value_ = value_;
    return copy;
  }
  /// Lent until the Secret changes or dies.
  [[nodiscard]] std::string_view reveal() const { return {value_.data(), value_.size()}; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

 private:
  std::vector<char, SecretAllocator<char>> value_;
};

}  // namespace sluice
