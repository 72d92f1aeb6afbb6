// The operators redact, replace, mask and hash over text. `null` needs no code here: the caller sends NULL.
#pragma once
#include <cstddef>
#include <string_view>
#include <vector>

#include "rules/mask/mask_spec.h"

namespace sluice::rules {

/// What one character is in the text that is masked.
enum class Characters : uint8_t {
  Utf8,         ///< A UTF-8 sequence; a byte that starts none is a character by itself.
  JsonEscaped,  ///< The same, and an escape of RFC 8259 section 7 is one (a surrogate pair too).
};

/// Bytes (1 or more) of the character at the front of `text`, which must not be empty.
[[nodiscard]] size_t character_size(std::string_view text, Characters characters);

/// Appends the masked form of `value`. Redact appends nothing. Mask replaces every character, also
/// separators, one for one, but the kept ones; no longer than keep_first + keep_last: all of them.
/// Replace appends spec.text, which holds nothing that JSON escapes. Hash appends the hash of the bytes as they stand.
/// spec.op must not be Null or Keep.
void append_masked(const MaskSpec& spec, std::string_view value, Characters characters, Hasher& hasher,
                   std::vector<char>& out);

/// Could `value` be what this mask made of another value? Never for what leaves no text of its own (redact,
/// null), nor for less than two masked characters.
[[nodiscard]] bool is_mask_text(const MaskSpec& spec, std::string_view value);

}  // namespace sluice::rules
