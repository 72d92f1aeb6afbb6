// Names of relations and columns as rules write them.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

/// The known word with the smallest edit distance to `word`, if it is near enough to be a slip of the
/// pen; empty otherwise.
[[nodiscard]] std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace sluice::rules
