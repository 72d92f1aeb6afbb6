// The operator hash: HMAC-SHA-256 under a key of the operator's, as 64 lower-case hex digits.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"

namespace sluice::rules {

inline constexpr size_t hash_text_size = 2 * sizeof(Digest);

/// A key and what rules call it. Immutable; shared by the rule sets that use it.
struct MaskKey {
  MaskKey(std::string key_name, Secret key_secret);
  const std::string name;
  const Secret secret;
  const uint64_t id;  ///< Unlike that of any other key of this process, so that an address used again is no mistake.
};
/// Stands in for a key where rules are tried without the keys: a secret of 32 zero bytes.
[[nodiscard]] std::shared_ptr<const MaskKey> stand_in_mask_key(std::string name);
using MaskKeys = std::vector<std::shared_ptr<const MaskKey>>;

/// Hashes, keeping what is derived from the keys used last. For one thread.
class Hasher {
 public:
  void append(const MaskKey& key, std::string_view value, std::vector<char>& out);

 private:
  struct Entry {
    uint64_t key_id;
    HmacSha256 mac;
  };
  HmacSha256& mac_of(const MaskKey& key);
  std::vector<Entry> entries_;
  size_t next_ = 0;  // Which entry the next new key takes once all are taken.
};

/// Is it of the form that hashes have?
[[nodiscard]] bool is_hash_text(std::string_view text);
/// Do `begin` to `end` lie in a run of just as many hex digits as a hash has?
[[nodiscard]] bool lies_in_hash_text(std::string_view text, size_t begin, size_t end);

}  // namespace sluice::rules
