// Reads the input as a configuration and as a keys file. Neither may crash or hang; every error must
// name its file; what loads as keys must load again, and equal, after it is written.
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "control/config.h"
#include "control/keys.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> warnings;
  const auto settings = control::parse_config(text, "f", "/d", {.check_files = false}, &warnings);
  if (!settings) SLUICE_ASSERT(settings.error().message.starts_with("f:"));
  if (settings) SLUICE_ASSERT(!settings->listeners.empty() && !settings->targets.empty());
  const auto keys = control::parse_keys(text, "f");
  if (!keys) SLUICE_ASSERT(keys.error().message.starts_with("f:"));
  if (keys) {
    const auto written = control::render_keys(*keys);
    const auto again = control::parse_keys(written, "f");
    SLUICE_ASSERT(again && control::render_keys(*again) == written);
  }
  return 0;
}
