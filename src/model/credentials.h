// The targets' own credentials, as one immutable snapshot: made by control/ when a file changes,
// shared by the lanes by pointer. A session keeps the snapshot only while it logs in upstream.
#pragma once
#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"

namespace sluice {

struct Credential {
  std::vector<std::string> groups;  ///< Empty: everybody.
  std::string user;                 ///< The role at the target.
  Secret password;
};

struct TargetCredentials {
  std::string target;
  std::vector<Credential> credentials;  ///< First match wins.
};

struct CredentialSet {
  std::vector<TargetCredentials> targets;

  /// The first credential of `target` with a group in common with `groups`, or with no groups of its
  /// own. Null: none, and the login is refused. Lent for the life of the set.
  [[nodiscard]] const Credential* find(std::string_view target, std::span<const std::string> groups) const {
    const auto at = std::ranges::find(targets, target, &TargetCredentials::target);
    if (at == targets.end()) return nullptr;
    for (const Credential& c : at->credentials) {
      const auto shared = [&](const std::string& g) { return std::ranges::find(groups, g) != groups.end(); };
      if (c.groups.empty() || std::ranges::any_of(c.groups, shared)) return &c;
    }
    return nullptr;
  }
};

using CredentialsPtr = std::shared_ptr<const CredentialSet>;

}  // namespace sluice
