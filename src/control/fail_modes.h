// What happens when something sluice needs is away: the contract, and the present state of each line.
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "control/metrics.h"
#include "model/data_plane.h"

namespace sluice::control {

enum class FailState : uint8_t { Fine, Biting, NotUsed };
[[nodiscard]] std::string_view name_of(FailState);

struct FailMode {
  std::string_view what;      ///< What is away.
  std::string_view effect;    ///< What happens then.
  FailState state = FailState::NotUsed;
};

/// The whole table, in a fixed order. NotUsed: nothing in this configuration or version depends on it.
[[nodiscard]] std::vector<FailMode> fail_modes(const ProcessSnapshot& process, const DataPlaneStatus& data_plane);

/// Over this age statements under column rules are refused.
inline constexpr int64_t catalog_stale_ms = 10'000;

}  // namespace sluice::control
