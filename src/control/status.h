// The state of the process as one JSON document: what /status answers and `sluice status` shows.
#pragma once
#include <optional>
#include <string>

#include "control/fail_modes.h"

namespace sluice::control {

/// The `rules` member of it, which the local socket answers alone.
[[nodiscard]] std::string render_rules(const RulesStatus& rules, const std::vector<LiveGeneration>& generations);

[[nodiscard]] std::string render_status(const ProcessSnapshot& process, const DataPlaneStatus& data_plane);

/// nullopt: ready for sessions; else one sentence that says why not.
[[nodiscard]] std::optional<std::string> not_ready_reason(const ProcessSnapshot& process,
                                                          const DataPlaneStatus& data_plane);

}  // namespace sluice::control
