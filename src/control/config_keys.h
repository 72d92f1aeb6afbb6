// Every key the configuration file may have: the loader, the JSON schema and the reference all follow
// this one list (a test holds the other two to it).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::control {

struct ConfigKey {
  /// "targets[].tls.ca": `[]` is an item of a list.
  std::string_view path;
  std::string_view type;     ///< In words, as errors and the reference say it.
  std::string_view summary;
};

[[nodiscard]] std::span<const ConfigKey> config_keys();

/// Names directly under `path` ("" is the top level).
[[nodiscard]] std::vector<std::string_view> config_key_names(std::string_view path);

/// A key that a later version may know: the sentence to refuse it with. Empty: any other key.
[[nodiscard]] std::string_view config_key_unavailable(std::string_view path);

/// The candidate nearest to `name` by edit distance; empty when none is near enough to be meant.
[[nodiscard]] std::string_view nearest_name(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace sluice::control
