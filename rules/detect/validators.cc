#include "rules/detect/validators.h"

#include <algorithm>

namespace sluice::rules {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
bool is_high(char c) { return static_cast<uint8_t>(c) >= 0x80; }
bool is_separator(char c) { return c == ' ' || c == '-'; }
bool is_continuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

bool digit_at(std::string_view text, size_t at) { return at < text.size() && is_digit(text[at]); }

// A separator joins two digits only when it stands alone between them.
bool joins(std::string_view text, size_t at) {
  return at > 0 && at < text.size() && is_separator(text[at]) && is_digit(text[at - 1]) && digit_at(text, at + 1);
}

// The first four digits of [begin, end), which holds 13 or more.
bool is_card_issuer(std::string_view text, size_t begin) {
  if (text[begin] >= '3' && text[begin] <= '6') return true;
  if (text[begin] != '2') return false;
  int prefix = 0;
  for (int digits = 0; digits < 4; ++begin) {
    if (!is_digit(text[begin])) continue;
    prefix = prefix * 10 + (text[begin] - '0');
    digits += 1;
  }
  return prefix >= 2221 && prefix <= 2720;
}

// The longest card number that ends at `end`, the end of a group: where it begins.
std::optional<size_t> card_ending_at(std::string_view text, size_t run_begin, size_t end) {
  constexpr int doubled[10] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
  std::optional<size_t> found;
  int sum = 0;
  size_t digits = 0;
  bool one_digit = true;
  for (size_t i = end; i > run_begin; --i) {
    const char c = text[i - 1];
    if (!is_digit(c)) continue;
    if (digits == card_digits_max) break;
    sum += digits % 2 == 0 ? c - '0' : doubled[c - '0'];
    digits += 1;
    one_digit &= c == text[end - 1];
    const bool group_begins = i - 1 == run_begin || !is_digit(text[i - 2]);
    if (digits >= card_digits_min && group_begins && !one_digit && sum % 10 == 0 && is_card_issuer(text, i - 1)) {
      found = i - 1;
    }
  }
  return found;
}

bool is_local(char c) {
  return is_letter(c) || is_digit(c) || is_high(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
}

bool is_label(char c) { return is_letter(c) || is_digit(c) || is_high(c) || c == '-'; }

// How much of a label can be a top-level domain; 0: nothing.
size_t top_level_size(std::string_view label) {
  if (label.size() > 4 && (label.starts_with("xn--") || label.starts_with("XN--"))) return label.size();
  size_t letters = 0;
  while (letters < label.size() && (is_letter(label[letters]) || is_high(label[letters]))) letters += 1;
  const bool ends = letters == label.size() || label[letters] == '-';
  return ends && letters >= 2 ? letters : 0;
}

}  // namespace

size_t find_cards_in_run(std::string_view text, size_t at, std::vector<Match>& out) {
  size_t begin = at;
  while (begin > 0 && (is_digit(text[begin - 1]) || joins(text, begin - 1))) begin -= 1;
  size_t end = at + 1;
  while (end < text.size() && (is_digit(text[end]) || joins(text, end))) end += 1;

  const size_t first_of_run = out.size();
  for (size_t i = begin + card_digits_min; i <= end; ++i) {
    if (!is_digit(text[i - 1]) || (i < end && is_digit(text[i]))) continue;  // Only where a group ends.
    const auto card = card_ending_at(text, begin, i);
    if (!card) continue;
    size_t card_begin = *card;
    // Ends only grow, so a new number can swallow several earlier ones.
    while (out.size() > first_of_run && out.back().end > card_begin) {
      card_begin = std::min(card_begin, out.back().begin);
      out.pop_back();
    }
    out.push_back({card_begin, i, DataType::CreditCard});
  }
  return end;
}

std::optional<Match> email_at(std::string_view text, size_t at) {
  if (at >= text.size() || text[at] != '@') return std::nullopt;

  // The domain first: its size bounds the local part.
  size_t domain_end = 0;
  size_t label = at + 1;
  for (bool first = true; label < text.size(); first = false) {
    size_t end = label;
    while (end < text.size() && is_label(text[end]) && end - at < email_size_max) end += 1;
    if (end == label) break;
    const size_t usable = first ? 0 : top_level_size(text.substr(label, end - label));
    if (usable > 0) domain_end = label + usable;
    if (end >= text.size() || text[end] != '.') break;
    label = end + 1;
  }
  if (domain_end == 0 || domain_end - at >= email_size_max) return std::nullopt;

  const size_t local_max = std::min(email_local_max, email_size_max - (domain_end - at));
  size_t begin = at;
  while (begin > 0 && at - begin < local_max && is_local(text[begin - 1])) begin -= 1;
  while (begin < at && (is_continuation(text[begin]) || text[begin] == '.')) begin += 1;
  if (begin == at) return std::nullopt;
  return Match{begin, domain_end, DataType::EmailAddress};
}

}  // namespace sluice::rules
