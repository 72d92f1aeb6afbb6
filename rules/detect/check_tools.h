// Arithmetic that the checks share. For checks_*.cc only.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::rules::checks {

[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

[[nodiscard]] constexpr bool all_digits(std::string_view text) {
  for (const char c : text) {
    if (!is_digit(c)) return false;
  }
  return !text.empty();
}

[[nodiscard]] constexpr bool one_character(std::string_view text) {
  return text.find_first_not_of(text.substr(0, 1)) == std::string_view::npos;
}

/// The decimal number of `text`, which must be digits, 18 at most.
[[nodiscard]] constexpr int64_t number(std::string_view text) {
  int64_t value = 0;
  for (const char c : text) value = value * 10 + (c - '0');
  return value;
}

/// 0-9 and A-Z as 0 to 35; anything else -1.
[[nodiscard]] constexpr int base36(char c) { return is_digit(c) ? c - '0' : is_upper(c) ? c - 'A' + 10 : -1; }

/// The digits of `text` times the weights, as many as there are of both.
template <size_t n>
[[nodiscard]] constexpr int weighted(std::string_view text, const std::array<int, n>& weights) {
  int sum = 0;
  for (size_t i = 0; i < n && i < text.size(); ++i) sum += (text[i] - '0') * weights[i];
  return sum;
}

[[nodiscard]] constexpr bool is_date(int64_t year, int64_t month, int64_t day) {
  constexpr std::array<int, 13> days = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1 || day > days[static_cast<size_t>(month)]) return false;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month != 2 || day < 29 || leap;
}

/// yymmdd of a century that the number does not say: 29 February of either counts.
[[nodiscard]] constexpr bool is_short_date(std::string_view yymmdd) {
  const int64_t year = number(yymmdd.substr(0, 2));
  const int64_t month = number(yymmdd.substr(2, 2));
  const int64_t day = number(yymmdd.substr(4, 2));
  return is_date(1900 + year, month, day) || is_date(2000 + year, month, day);
}

}  // namespace sluice::rules::checks
