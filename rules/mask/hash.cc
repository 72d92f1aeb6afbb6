#include "rules/mask/hash.h"

#include <algorithm>
#include <atomic>

#include "base/bytes.h"

namespace sluice::rules {
namespace {

constexpr size_t entries_max = 8;

std::atomic<uint64_t> last_key_id{0};

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

MaskKey::MaskKey(std::string key_name, Secret key_secret)
    : name(std::move(key_name)), secret(std::move(key_secret)), id(++last_key_id) {}

std::shared_ptr<const MaskKey> stand_in_mask_key(std::string name) {
  return std::make_shared<const MaskKey>(std::move(name), Secret(std::string(sizeof(Digest), '\0')));
}

HmacSha256& Hasher::mac_of(const MaskKey& key) {
  const auto known = std::ranges::find(entries_, key.id, &Entry::key_id);
  if (known != entries_.end()) return known->mac;
  Entry fresh{key.id, HmacSha256(as_bytes(key.secret.reveal()))};
  if (entries_.size() < entries_max) return entries_.emplace_back(std::move(fresh)).mac;
  Entry& replaced = entries_[next_];
  next_ = (next_ + 1) % entries_max;
  replaced = std::move(fresh);
  return replaced.mac;
}

void Hasher::append(const MaskKey& key, std::string_view value, std::vector<char>& out) {
  const std::string hex = hex_encode(mac_of(key).sign(as_bytes(value)));
  out.insert(out.end(), hex.begin(), hex.end());
}

bool is_hash_text(std::string_view text) { return text.size() == hash_text_size && std::ranges::all_of(text, is_hex); }

bool lies_in_hash_text(std::string_view text, size_t begin, size_t end) {
  // One more than a hash has is enough to know.
  while (begin > 0 && end - begin <= hash_text_size && is_hex(text[begin - 1])) begin -= 1;
  while (end < text.size() && end - begin <= hash_text_size && is_hex(text[end])) end += 1;
  return is_hash_text(text.substr(begin, end - begin));
}

}  // namespace sluice::rules
