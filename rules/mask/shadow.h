// A shadow of a value: the same text as a person would read it, with the way back to the bytes. Made
// only for values with bytes that can hide digits or letters from a byte pattern: JSON escapes,
// full-width and other decimal digits, no-break spaces, zero-width characters.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::rules {

enum class Escapes : uint8_t { None, Json };

/// Appends the shadow of `text` to `out`, and to `map` the offset in `text` of each byte appended, and
/// one more: the offset behind the last. Returns whether the shadow differs from `text`; where it does
/// not, nothing is appended. text.size() must fit in 32 bits.
bool append_shadow(std::string_view text, Escapes escapes, std::vector<char>& out, std::vector<uint32_t>& map);

}  // namespace sluice::rules
