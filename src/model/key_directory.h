// Every subject that has access keys, as one immutable snapshot, shared by the lanes by pointer.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "model/settings.h"

namespace sluice {

/// PBKDF2 iterations of every verifier sluice makes, and of the mock ones, so they look alike. RFC 7677
/// asks for at least 4096. More would buy nothing: iterations slow down guessing of passwords people
/// choose, and keys are 256 random bits, never chosen; and the client pays for each login.
inline constexpr uint32_t access_key_iterations = 4096;
inline constexpr size_t access_key_salt_size = 16;

/// Not revoked and not expired at `now_unix_s`.
[[nodiscard]] bool is_live(const AccessKey& key, int64_t now_unix_s);
[[nodiscard]] bool has_live_key(const AccessSubject& subject, int64_t now_unix_s);

class KeyDirectory {
 public:
  KeyDirectory() = default;
  /// Subjects must have different names (load_keys refuses a file where two share one).
  explicit KeyDirectory(std::vector<AccessSubject> subjects);

  /// Null: unknown. Lent for the life of the directory.
  [[nodiscard]] const AccessSubject* find(std::string_view subject) const;

  /// What an unknown, revoked or expired subject is answered with: a salt that stays the same for the
  /// life of the process (an HMAC of a secret made at start), the usual iterations, and no key that
  /// could match. So nobody learns which subjects exist.
  [[nodiscard]] static AccessSubject mock(std::string_view subject);

  [[nodiscard]] size_t size() const { return subjects_.size(); }

 private:
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const;
  };
  std::unordered_map<std::string, AccessSubject, TextHash, std::equal_to<>> subjects_;
};

using KeysPtr = std::shared_ptr<const KeyDirectory>;

}  // namespace sluice
