// Reading one mapping of the configuration: strict types, and every surprise is reported with where it
// stands. Readers never stop at the first problem; a value that could not be read keeps its default.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/problems.h"
#include "control/yaml_tree.h"

namespace sluice::control {

struct Address {
  std::string host;
  uint16_t port = 0;
};

/// "host:port" or "[v6]:port"; port 1..65535. nullopt: not one.
[[nodiscard]] std::optional<Address> parse_address(std::string_view text);
[[nodiscard]] bool is_numeric_address(const std::string& host);
/// 127.0.0.0/8 or ::1, numeric.
[[nodiscard]] bool is_loopback(const std::string& host);
/// "10", "64KiB", "1MiB" → bytes. nullopt: not a size, or over UINT32_MAX.
[[nodiscard]] std::optional<uint32_t> parse_size(std::string_view text);
/// "250ms", "10s", "15m", "2h", "30d" → milliseconds; a unit is required. nullopt: not a duration.
[[nodiscard]] std::optional<uint64_t> parse_duration_ms(std::string_view text);
/// What stands there, for "found …": quoted and cut, or "a list", "a mapping", "nothing".
[[nodiscard]] std::string describe(const YamlNode& node);

struct ReadContext {
  Problems& problems;
  std::string folder;  ///< Of the configuration file; relative paths start there.
};

class MapReader {
 public:
  /// `path`: of this mapping in config_keys(); "" is the top. Reports unknown and duplicate keys.
  MapReader(ReadContext& context, const YamlNode& node, std::string_view path);

  /// Null: absent (or the mapping is not one). `name` must be in config_keys().
  [[nodiscard]] const YamlNode* find(std::string_view name) const;
  [[nodiscard]] const YamlNode* require(std::string_view name);

  /// Each returns the node where the value was read and is good; null otherwise.
  const YamlNode* text(std::string_view name, std::string& out, bool required = false);
  const YamlNode* file(std::string_view name, std::string& out, bool required = false);
  const YamlNode* boolean(std::string_view name, bool& out);
  const YamlNode* number(std::string_view name, uint32_t& out, uint32_t min, uint32_t max);
  const YamlNode* size(std::string_view name, uint32_t& out, uint32_t min, uint32_t max);
  const YamlNode* duration_ms(std::string_view name, uint32_t& out, uint32_t min_ms, uint32_t max_ms);
  const YamlNode* address(std::string_view name, std::string& host, uint16_t& port, bool required);
  const YamlNode* texts(std::string_view name, std::vector<std::string>& out);
  /// A list's items; empty when absent or not a list. At most `max` items.
  [[nodiscard]] std::span<const YamlNode> list(std::string_view name, size_t max, bool required = false);

  /// One of `words`: its index.
  std::optional<size_t> choice(std::string_view name, std::span<const std::string_view> words, bool required = false);

  void expected(const YamlNode& at, std::string_view what);
  [[nodiscard]] Position position() const { return node_.at; }
  [[nodiscard]] std::string child(std::string_view name) const;

 private:
  const YamlNode* scalar(std::string_view name, bool required);

  ReadContext& context_;
  const YamlNode& node_;
  std::string path_;
};

}  // namespace sluice::control
