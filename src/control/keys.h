// Access keys: long random secrets sluice makes for programs, and the file of their verifiers.
//
// The file never holds a key: only what SCRAM-SHA-256 needs to check one (RFC 5802, RFC 7677), which
// lets nobody log in. It is written by the command line alone, under a lock, whole, by rename.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/error.h"
#include "model/key_directory.h"

namespace sluice::control {

/// slk_ID_SECRETCHECK: 12 hexadecimal digits of id, 43 of base64url (256 random bits), then 8
/// hexadecimal digits of CRC-32C over all before them, so that scanners for leaked secrets know one
/// when they see it. 68 characters.
inline constexpr std::string_view access_key_prefix = "slk_";
inline constexpr size_t access_key_size = 68;
/// Well-formed, and its check digits match: says nothing about whether it is live.
[[nodiscard]] bool looks_like_access_key(std::string_view text);

/// What is stored in place of a key (RFC 5802 section 3).
struct ScramVerifier {
  Digest stored_key{};
  Digest server_key{};
};
[[nodiscard]] ScramVerifier scram_verifier(std::string_view password, Bytes salt, uint32_t iterations);

/// Reads a keys file. Refused: any mode but owner-only, unknown fields or versions, repeated subjects
/// or ids, lengths that are not SCRAM-SHA-256's. Errors name the file and the line.
[[nodiscard]] Expected<std::vector<AccessSubject>> load_keys(const std::string& path);
[[nodiscard]] Expected<std::vector<AccessSubject>> parse_keys(std::string_view text, const std::string& file);
[[nodiscard]] std::string render_keys(const std::vector<AccessSubject>& subjects);

struct NewKey {
  std::string subject;
  std::vector<std::string> groups;
  bool replace_groups = false;       ///< The subject exists with other groups: these take their place.
  std::string kind;                  ///< "human", "workload", "agent" or empty.
  int64_t expires_unix_s = 0;        ///< 0: never.
};

struct CreatedKey {
  std::string id;
  Secret key;                        ///< Shown once; stored nowhere.
};

/// Adds a key to the file (made when it is not there). A subject that exists keeps its salt, so all of
/// its keys work at once and one can take the place of another.
[[nodiscard]] Expected<CreatedKey> create_key(const std::string& path, const NewKey& wanted);
/// Marks a key revoked. Its entry stays: ids are never used again.
[[nodiscard]] Expected<void> revoke_key(const std::string& path, std::string_view id);

}  // namespace sluice::control
