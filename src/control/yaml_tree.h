// YAML text to a tree that keeps what strict loaders need and yaml-cpp's own tree loses: where every
// key and value stands, duplicate keys, and whether a scalar was quoted.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::control {

inline constexpr size_t yaml_size_max = 4U << 20;
inline constexpr size_t yaml_depth_max = 32;
inline constexpr size_t yaml_nodes_max = 400'000;

/// 1-based; columns count bytes.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
  auto operator<=>(const Position&) const = default;
};

struct YamlNode {
  enum class Kind : uint8_t { Null, Scalar, Sequence, Map };
  Kind kind = Kind::Null;
  Position at;
  bool quoted = false;          ///< A quoted scalar is text, never a number or a boolean.
  std::string scalar;
  std::vector<YamlNode> keys;   ///< Of a map: scalars, in the order of the file, duplicates kept.
  std::vector<YamlNode> items;  ///< A sequence's items, or a map's values (as many as keys).
};

struct YamlProblem {
  Position at;
  std::string message;          ///< "expected …, found …"
};

/// One document. Anchors, aliases, tags, merge keys, more than one document and keys that are not
/// plain names are refused: nothing here means something else than it says at that place. Pure.
[[nodiscard]] Result<YamlNode, YamlProblem> parse_yaml(std::string_view text);

}  // namespace sluice::control
