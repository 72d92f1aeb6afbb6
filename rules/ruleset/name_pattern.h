// Names of which parts may be left open: "*", "*_ssn", "emp*".
#pragma once
#include <string>
#include <string_view>

namespace sluice::rules {

/// One part of a dotted name as a rule writes it. `text` is folded and unquoted, as the server stores names.
struct NamePattern {
  std::string text;
  bool open = false;  ///< A `*` in `text` stands for any characters, none included.
  bool operator==(const NamePattern&) const = default;
};

[[nodiscard]] bool matches(const NamePattern& pattern, std::string_view name);

/// True when some name fits `pattern`, known or empty for one that was not written.
[[nodiscard]] inline bool may_match(const NamePattern& pattern, std::string_view name) {
  return name.empty() || matches(pattern, name);
}

}  // namespace sluice::rules
