// What a simulated client says, and what it must be answered.
#pragma once
#include <string>
#include <vector>

#include "model_server.h"
#include "random.h"

namespace sluice::sim {

struct Step {
  std::vector<std::byte> bytes;
  uint64_t pause_ns = 0;   ///< Before it is sent.
  size_t answers = 0;      ///< Messages that must have come, all steps so far counted, ...
  bool wait = false;       ///< ... before the next step is sent.
};

struct Script {
  std::vector<Step> steps;
  std::vector<Message> answers;  ///< Comparable.
  std::vector<std::string> said;  ///< For a trace.
};

/// `session` makes every text of the script its own. `masks`: a mask is live.
[[nodiscard]] Script make_script(Random& random, unsigned session, bool masks);

}  // namespace sluice::sim
