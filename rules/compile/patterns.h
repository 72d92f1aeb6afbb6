// Patterns of statement rules: checked one by one, compiled together.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "rules/detect/hyperscan.h"
#include "rules/ruleset/ruleset_data.h"

namespace sluice::rules {

/// Case-insensitive, `.` takes any byte.
inline constexpr unsigned pattern_flags = HS_FLAG_SINGLEMATCH | HS_FLAG_CASELESS | HS_FLAG_DOTALL;

/// Empty: the pattern can be used. Otherwise what is wrong with it, "expected ..., found ...".
[[nodiscard]] std::string check_pattern(const std::string& pattern, PatternText text);

struct NumberedPattern {
  unsigned id = 0;
  std::string text;
};
/// One database for all. Null where there are none. Each must have passed check_pattern().
[[nodiscard]] Expected<HsDatabase> compile_patterns(std::span<const NumberedPattern> patterns);

/// The same, compiled before. Hyperscan trusts the bytes, so somebody must have checked that they are whole.
[[nodiscard]] Expected<HsDatabase> load_patterns(std::span<const NumberedPattern> patterns, Bytes bytes);
/// Empty for null.
[[nodiscard]] Expected<std::vector<std::byte>> save_patterns(const HsDatabase& database);

}  // namespace sluice::rules
