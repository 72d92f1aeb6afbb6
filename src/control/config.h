// The configuration file: YAML in, Settings out. Strict: what it does not know, it refuses.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/settings.h"

namespace sluice::control {

inline constexpr size_t config_size_max = 1U << 20;

struct ConfigOptions {
  /// Open the files it names: certificates, keys, secrets, rules. Off for commands that only need to
  /// know a path.
  bool check_files = true;
};

/// Reads and checks `path`. Relative paths in it start at its own folder. The error is a list of lines
/// `file:line:column: expected …, found …`, all that were found (20 at most are spelled out), without
/// any secret. `warnings`: lines of the same form about what works and is probably not meant.
[[nodiscard]] Expected<Settings> load_config(const std::string& path, const ConfigOptions& options = {},
                                             std::vector<std::string>* warnings = nullptr);

/// The same for text already read; `file` is what errors call it.
[[nodiscard]] Expected<Settings> parse_config(std::string_view text, const std::string& file,
                                              const std::string& folder, const ConfigOptions& options = {},
                                              std::vector<std::string>* warnings = nullptr);

}  // namespace sluice::control
