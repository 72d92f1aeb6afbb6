// Names of relations and columns as rules write them.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/ruleset/name_pattern.h"

namespace sluice::rules {

/// One part of a dotted name, as the server stores it.
struct NamePart {
  std::string text;
  bool every = false;  ///< A bare `*`.
};

/// Splits `schema."Table".column` as the server reads identifiers: unquoted parts are folded to lower
/// case (ASCII), quoted ones are kept with "" as one quote. nullopt: an empty or malformed part, or one
/// longer than the 63 bytes a name can have.
[[nodiscard]] std::optional<std::vector<NamePart>> parse_name(std::string_view text);

/// As parse_name(), but a `*` outside quotes may stand anywhere in a part. nullopt also for more than 16
/// stars in a part.
[[nodiscard]] std::optional<std::vector<NamePattern>> parse_pattern(std::string_view text);

/// The known word with the smallest edit distance to `word`, if it is near enough to be a slip of the
/// pen; empty otherwise.
[[nodiscard]] std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace sluice::rules
