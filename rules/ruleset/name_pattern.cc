#include "rules/ruleset/name_pattern.h"

namespace sluice::rules {

// Greedy with one point to go back to: linear for one star, at most length times length for many.
bool matches(const NamePattern& pattern, std::string_view name) {
  const std::string_view text = pattern.text;
  if (!pattern.open) return text == name;
  size_t at = 0;
  size_t in_name = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (in_name < name.size()) {
    if (at < text.size() && text[at] == '*') {
      star = at++;
      resume = in_name;
    } else if (at < text.size() && text[at] == name[in_name]) {
      at += 1;
      in_name += 1;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in_name = ++resume;
    } else {
      return false;
    }
  }
  while (at < text.size() && text[at] == '*') at += 1;
  return at == text.size();
}

}  // namespace sluice::rules
