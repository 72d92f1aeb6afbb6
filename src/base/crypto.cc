#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <sys/random.h>

#include <atomic>
#include <utility>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace sluice {
namespace {

std::atomic<bool> all_locked{true};

const unsigned char* raw(Bytes b) { return reinterpret_cast<const unsigned char*>(b.data()); }

uint32_t crc32c_table(Bytes data, uint32_t crc) {
  static const auto table = [] {
    std::array<uint32_t, 256> t{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t v = i;
      for (int bit = 0; bit < 8; ++bit) v = (v & 1) != 0 ? v >> 1 ^ 0x82F63B78U : v >> 1;
      t[i] = v;
    }
    return t;
  }();
  for (const std::byte b : data) crc = crc >> 8 ^ table[(crc ^ std::to_integer<uint32_t>(b)) & 0xFF];
  return crc;
}

#if defined(__x86_64__)
[[gnu::target("sse4.2")]] uint32_t crc32c_sse42(Bytes data, uint32_t crc) {
  uint64_t wide = crc;
  const std::byte* at = data.data();
  size_t left = data.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t v = 0;
    std::memcpy(&v, at, 8);
    wide = _mm_crc32_u64(wide, v);
  }
  auto narrow = static_cast<uint32_t>(wide);
  for (; left > 0; ++at, --left) narrow = _mm_crc32_u8(narrow, std::to_integer<uint8_t>(*at));
  return narrow;
}
#endif

}  // namespace

void* allocate_secret(size_t size) {
  // Room for some thousand keys and passwords; OpenSSL puts the private numbers of TLS keys there as well.
  constexpr size_t heap_size = 256U << 10;
  constexpr size_t smallest = 32;
  static const bool locked = CRYPTO_secure_malloc_init(heap_size, smallest) == 1;
  if (!locked) all_locked.store(false, std::memory_order_relaxed);
  void* memory = OPENSSL_secure_malloc(size);
  if (memory == nullptr) {
    all_locked.store(false, std::memory_order_relaxed);
    memory = OPENSSL_malloc(size);
  }
  SLUICE_ASSERT(memory != nullptr);
  return memory;
}

void free_secret(void* memory, size_t size) { OPENSSL_secure_clear_free(memory, size); }

bool secrets_locked() {
  free_secret(allocate_secret(1), 1);  // Makes the heap if nobody has.
  return all_locked.load(std::memory_order_relaxed);
}

Digest sha256(Bytes data) {
  Digest out;
  unsigned int size = 0;
  SLUICE_ASSERT(EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out.data()), &size,
                           EVP_sha256(), nullptr) == 1);
  SLUICE_ASSERT(size == out.size());
  return out;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  SLUICE_ASSERT(context_ != nullptr);
  SLUICE_ASSERT(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }
void Sha256::update(Bytes piece) {
  SLUICE_ASSERT(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), piece.data(), piece.size()) == 1);
}
Digest Sha256::finish() {
  Digest out;
  unsigned int size = 0;
  SLUICE_ASSERT(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), reinterpret_cast<unsigned char*>(out.data()), &size) == 1);
  SLUICE_ASSERT(size == out.size());
  return out;
}

Digest hmac_sha256(Bytes key, Bytes data) {
  Digest out;
  unsigned int size = 0;
  // A null key means "as before" to HMAC(): an empty key must still be a pointer.
  static const unsigned char none = 0;
  const void* key_at = key.empty() ? static_cast<const void*>(&none) : key.data();
  SLUICE_ASSERT(HMAC(EVP_sha256(), key_at, static_cast<int>(key.size()), raw(data), data.size(),
                     reinterpret_cast<unsigned char*>(out.data()), &size) != nullptr);
  SLUICE_ASSERT(size == out.size());
  return out;
}

HmacSha256::HmacSha256(Bytes key) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
  EVP_MAC_free(mac);  // The context holds it.
  SLUICE_ASSERT(context != nullptr);
  char digest[] = "SHA256";  // OpenSSL's parameters take no const.
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                   OSSL_PARAM_construct_end()};
  static const unsigned char none = 0;  // A null key means "as before".
  SLUICE_ASSERT(EVP_MAC_init(context, key.empty() ? &none : raw(key), key.size(), parameters) == 1);
  context_ = context;
}

HmacSha256::HmacSha256(HmacSha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}

HmacSha256& HmacSha256::operator=(HmacSha256&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

HmacSha256::~HmacSha256() { EVP_MAC_CTX_free(static_cast<EVP_MAC_CTX*>(context_)); }

Digest HmacSha256::sign(Bytes data) {
  auto* context = static_cast<EVP_MAC_CTX*>(context_);
  Digest out;
  size_t size = 0;
  SLUICE_ASSERT(EVP_MAC_init(context, nullptr, 0, nullptr) == 1);
  SLUICE_ASSERT(EVP_MAC_update(context, raw(data), data.size()) == 1);
  SLUICE_ASSERT(EVP_MAC_final(context, reinterpret_cast<unsigned char*>(out.data()), &size, out.size()) == 1);
  SLUICE_ASSERT(size == out.size());
  return out;
}

Digest pbkdf2_sha256(std::string_view password, Bytes salt, uint32_t iterations) {
  SLUICE_ASSERT(iterations > 0 && iterations <= INT32_MAX);
  Digest out;
  SLUICE_ASSERT(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), raw(salt),
                                  static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                                  static_cast<int>(out.size()), reinterpret_cast<unsigned char*>(out.data())) == 1);
  return out;
}

void random_bytes(MutableBytes out) {
  SLUICE_ASSERT(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size())) == 1);
}

bool equal_constant_time(Bytes a, Bytes b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string base64_encode(Bytes data) {
  std::string out((data.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), raw(data), static_cast<int>(data.size()));
  out.resize(static_cast<size_t>(size));
  return out;
}

bool base64_decode(std::string_view text, std::vector<std::byte>& out) {
  static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  static const auto values = [] {
    std::array<int8_t, 256> t;
    t.fill(-1);
    for (size_t i = 0; i < alphabet.size(); ++i) t[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
    return t;
  }();
  out.clear();
  if (text.size() % 4 != 0) return false;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  uint32_t bits = 0;
  const size_t digits = text.size() - padding;
  for (size_t i = 0; i < digits; ++i) {
    const int8_t v = values[static_cast<uint8_t>(text[i])];
    if (v < 0) return false;
    bits = bits << 6 | static_cast<uint32_t>(v);
    if (i % 4 == 3) {
      for (const int shift : {16, 8, 0}) out.push_back(std::byte(bits >> shift & 0xFF));
      bits = 0;
    }
  }
  if (padding == 1) {
    if ((bits & 0x3) != 0) return false;
    out.push_back(std::byte(bits >> 10 & 0xFF));
    out.push_back(std::byte(bits >> 2 & 0xFF));
  } else if (padding == 2) {
    if ((bits & 0xF) != 0) return false;
    out.push_back(std::byte(bits >> 4 & 0xFF));
  }
  return true;
}

std::string hex_encode(Bytes data) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(data.size() * 2);
  for (const std::byte b : data) {
    out.push_back(digits[std::to_integer<unsigned>(b) >> 4]);
    out.push_back(digits[std::to_integer<unsigned>(b) & 15]);
  }
  return out;
}

void wipe(MutableBytes memory) { OPENSSL_cleanse(memory.data(), memory.size()); }
void wipe(std::string& text) {
  // The whole capacity: a string that shrank keeps its tail.
  text.resize(text.capacity());
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

uint32_t crc32c(Bytes data, uint32_t seed) {
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("sse4.2") != 0;
  if (fast) return ~crc32c_sse42(data, ~seed);
#endif
  return ~crc32c_table(data, ~seed);
}

uint64_t keyed_hash(Bytes data) {
  struct Key {
    uint64_t k0, k1;
  };
  static const Key key = [] {
    Key k{};
    random_bytes(std::as_writable_bytes(std::span{&k, 1}));
    return k;
  }();
  uint64_t v0 = key.k0 ^ 0x736f6d6570736575ULL;
  uint64_t v1 = key.k1 ^ 0x646f72616e646f6dULL;
  uint64_t v2 = key.k0 ^ 0x6c7967656e657261ULL;
  uint64_t v3 = key.k1 ^ 0x7465646279746573ULL;
  const auto rotate = [](uint64_t v, int by) { return v << by | v >> (64 - by); };
  // g++ alone would call it, with all of its state in memory, and take twice as long.
  const auto round = [&]() __attribute__((always_inline)) {
    v0 += v1, v1 = rotate(v1, 13), v1 ^= v0, v0 = rotate(v0, 32);
    v2 += v3, v3 = rotate(v3, 16), v3 ^= v2;
    v0 += v3, v3 = rotate(v3, 21), v3 ^= v0;
    v2 += v1, v1 = rotate(v1, 17), v1 ^= v2, v2 = rotate(v2, 32);
  };
  const std::byte* at = data.data();
  size_t left = data.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t m = 0;
    std::memcpy(&m, at, 8);
    v3 ^= m;
    round();
    v0 ^= m;
  }
  uint64_t last = static_cast<uint64_t>(data.size()) << 56;
  for (size_t i = 0; i < left; ++i) last |= std::to_integer<uint64_t>(at[i]) << (8 * i);
  v3 ^= last;
  round();
  v0 ^= last;
  v2 ^= 0xFF;
  round();
  round();
  round();
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace sluice
