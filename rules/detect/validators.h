// Card numbers and mail addresses, whose shape is not fixed. Pure, no allocation but in the caller's
// vector. All take the text around the place, so that neighbours are judged too.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "rules/detect/data_type.h"

namespace sluice::rules {

/// Byte range [begin, end) of a text that holds a value of the type.
struct Match {
  size_t begin = 0;
  size_t end = 0;
  DataType type = DataType::None;
  bool operator==(const Match&) const = default;
};

inline constexpr size_t card_digits_min = 13;
inline constexpr size_t card_digits_max = 19;
inline constexpr size_t email_local_max = 64;    // RFC 5321 section 4.5.3.1.
inline constexpr size_t email_size_max = 254;    // RFC 3696 erratum 1690.

/// Looks at the whole run of digits (single spaces or dashes between them allowed) that holds the
/// digit at `at`, appends the card numbers in it, and returns where the run ends. A card number is 13
/// to 19 digits that begin and end where groups do, so it is no part of a longer row of digits; begins
/// and is as long as the numbers of some issuer (ISO/IEC 7812); is grouped as people do; passes Luhn; is
/// not one digit repeated; is not part of a fraction or of a longer identifier in hexadecimal. Numbers
/// that overlap come as one match: masking only one would leave the other readable.
size_t find_cards_in_run(std::string_view text, size_t at, std::vector<Match>& out);

/// `at`: an '@'. The local part is what stands before it, the last 64 bytes at most; the domain needs a
/// dot and ends at the last label that can be a top-level domain (two letters or more, or xn--…).
[[nodiscard]] std::optional<Match> email_at(std::string_view text, size_t at);

}  // namespace sluice::rules
