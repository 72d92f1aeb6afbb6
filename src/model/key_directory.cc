#include "model/key_directory.h"

#include <algorithm>

namespace sluice {

bool is_live(const AccessKey& key, int64_t now_unix_s) {
  return !key.revoked && (key.expires_unix_s == 0 || now_unix_s < key.expires_unix_s);
}

bool has_live_key(const AccessSubject& subject, int64_t now_unix_s) {
  return std::ranges::any_of(subject.keys, [&](const AccessKey& k) { return is_live(k, now_unix_s); });
}

size_t KeyDirectory::TextHash::operator()(std::string_view text) const { return keyed_hash(as_bytes(text)); }

KeyDirectory::KeyDirectory(std::vector<AccessSubject> subjects) {
  subjects_.reserve(subjects.size());
  for (AccessSubject& s : subjects) {
    std::string name = s.subject;
    const bool inserted = subjects_.emplace(std::move(name), std::move(s)).second;
    SLUICE_ASSERT(inserted);
  }
}

const AccessSubject* KeyDirectory::find(std::string_view subject) const {
  const auto at = subjects_.find(subject);
  return at == subjects_.end() ? nullptr : &at->second;
}

AccessSubject KeyDirectory::mock(std::string_view subject) {
  static const Digest secret = [] {
    Digest d;
    random_bytes(d);
    return d;
  }();
  const Digest salt = hmac_sha256(secret, as_bytes(subject));
  AccessSubject out;
  out.subject = std::string(subject);
  out.salt.assign(salt.begin(), salt.begin() + access_key_salt_size);
  out.iterations = access_key_iterations;
  return out;
}

}  // namespace sluice
