// One run: the shipped Lane and sessions between scripted clients and model servers, on a fake kernel.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::sim {

struct RunResult {
  std::vector<std::string> complaints;  ///< Empty: all is as it should be.
  std::vector<std::string> trace;       ///< What each client said, and where its answers parted.
  uint64_t sessions = 0;                ///< Clients that saw every answer they were due.
  uint64_t disturbed = 0;               ///< Clients or servers that left, and sessions ended by the gateway.
  uint64_t intents = 0;
};

/// The same seed gives the same run.
[[nodiscard]] RunResult run_simulation(uint64_t seed, bool trace);

}  // namespace sluice::sim
