// How many sessions each target and principal has, over all lanes. The caps are promises, so they are
// exact: this is the one table lanes share, behind a lock, touched at login and logout only.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "model/settings.h"

namespace sluice::gateway {

class SessionLedger {
 public:
  enum class Answer : uint8_t { Admitted, TargetFull, PrincipalFull };

  [[nodiscard]] Answer admit(const TargetSettings& target, const std::string& subject) {
    const std::lock_guard lock(mutex_);
    if (targets_[target.name] >= target.limits.sessions_max) return Answer::TargetFull;
    uint32_t& mine = principals_[{target.name, subject}];
    if (mine >= target.limits.sessions_per_principal_max) return Answer::PrincipalFull;
    ++mine;
    ++targets_[target.name];
    return Answer::Admitted;
  }
  void leave(const std::string& target, const std::string& subject) {
    const std::lock_guard lock(mutex_);
    --targets_[target];
    const auto at = principals_.find({target, subject});
    if (--at->second == 0) principals_.erase(at);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, uint32_t> targets_;
  std::map<std::pair<std::string, std::string>, uint32_t> principals_;
};

}  // namespace sluice::gateway
