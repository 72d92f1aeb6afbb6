// The trigger of the types that are made of digits. Bit-parallel: 64 bytes become two words (which are
// digits, which are separators), shifts and ands find where a value could begin. Its cost does not
// depend on the data, which is what Hyperscan could not give here: docs/decisions/0007.
#pragma once
#include <string_view>
#include <vector>

#include "rules/detect/validators.h"

namespace sluice::rules {

/// Appends every credit card number and social security number of `text`, of the types in `live`;
/// matches of one type come in rising order and do not overlap.
void find_digit_values(std::string_view text, TypeSet live, std::vector<Match>& out);

}  // namespace sluice::rules
