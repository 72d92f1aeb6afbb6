// The packs of rules that ship, for `use:`. Their text is in the *.yaml beside this file and becomes part of
// the program when it is built.
#pragma once
#include <span>
#include <string_view>

namespace sluice::rules {

struct RulePack {
  std::string_view name;
  std::string_view text;  ///< YAML: `description` and `rules`, as compile() reads them.
};

/// By name, rising. Static.
[[nodiscard]] std::span<const RulePack> shipped_packs();

}  // namespace sluice::rules
