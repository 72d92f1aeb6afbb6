#include "control/fail_modes.h"

#include <algorithm>

namespace sluice::control {

std::string_view name_of(FailState state) {
  switch (state) {
    case FailState::Fine: return "fine";
    case FailState::Biting: return "biting";
    case FailState::NotUsed: return "not-used";
  }
  return "biting";
}

std::vector<FailMode> fail_modes(const ProcessSnapshot& process, const DataPlaneStatus& data_plane) {
  const auto biting = [](bool yes) { return yes ? FailState::Biting : FailState::Fine; };
  const auto stale = [](const TargetStatus& t) {
    return t.column_rules && (t.catalog_age_ms < 0 || t.catalog_age_ms > catalog_stale_ms);
  };
  const bool column_rules = std::ranges::any_of(data_plane.targets, &TargetStatus::column_rules);
  const FailState catalog = column_rules ? biting(std::ranges::any_of(data_plane.targets, stale)) : FailState::NotUsed;
  return {
      {"audit-sink", "traffic stops", biting(process.audit_failed)},
      {"disk", "low: no new sessions; critical: back-pressure, after 2 s sessions end with 57P01",
       biting(process.disk_low || process.disk_critical)},
      {"identity-provider", "cached signing keys for up to 1 h, then no new logins", FailState::NotUsed},
      {"grammar", "a statement it does not know is refused where the server would accept it", FailState::Fine},
      {"catalog", "older than 10 s: statements under column rules are refused", catalog},
      {"approver", "expiry is deny", FailState::NotUsed},
      {"store", "no holds and no grants: refused", FailState::NotUsed},
      {"rule-set", "missing or bad at start: does not start; at reload: the running one stays",
       biting(process.rules.generation == 0)},
  };
}

}  // namespace sluice::control
