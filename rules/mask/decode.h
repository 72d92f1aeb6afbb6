// PostgreSQL values whose bytes are not their text, turned into text that detectors can read.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace sluice::rules {

/// Digits of one side of the decimal point that are written out. A run longer than any card number
/// cannot be one, so longer runs of padding need no more zeros than this.
inline constexpr size_t numeric_padding_max = 24;

/// Binary int8 (8 bytes, big-endian) as decimal text. False: not 8 bytes; nothing is appended.
[[nodiscard]] bool append_int8(Bytes value, std::vector<char>& out);

/// Binary numeric (numeric_send: ndigits, weight, sign, dscale, base-10000 digits) as decimal text,
/// exact but for padding beyond numeric_padding_max. NaN and infinities append nothing. False: malformed.
[[nodiscard]] bool append_numeric(Bytes value, std::vector<char>& out);

/// bytea in its hex text form ("\x4142"). False: not that form (bytea_output = escape, or malformed).
[[nodiscard]] bool append_unhexed(std::string_view text, std::vector<char>& out);
void append_hexed(std::string_view bytes, std::vector<char>& out);

/// A binary value of unknown make-up with its framing blanked: a NUL and the three bytes behind it (a
/// length or OID word) become 0x1E, so that a length byte that looks like a digit or a letter cannot
/// hide the value it stands before.
void append_without_framing(std::string_view bytes, std::vector<char>& out);

}  // namespace sluice::rules
