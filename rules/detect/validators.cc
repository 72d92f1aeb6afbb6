#include "rules/detect/validators.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

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

// Six digits that numbers of an issuer begin with, and how many digits such numbers have: bit n of `sizes`.
struct Issuer {
  uint32_t first;
  uint32_t last;
  uint32_t sizes;
};

constexpr uint32_t digits(unsigned least, unsigned most) { return (2U << most) - (1U << least); }

// As the schemes publish them. None begins with 1, as seconds, milliseconds and microseconds of our time do.
constexpr Issuer issuers[] = {
    {220000, 220599, digits(16, 19)},                                    // Mir, Borica.
    {222100, 272099, digits(16, 16)},                                    // Mastercard.
    {300000, 305999, digits(14, 14) | digits(16, 19)},                   // Diners Club.
    {309500, 309599, digits(14, 14) | digits(16, 19)},                   //
    {340000, 349999, digits(15, 15)},                                    // American Express.
    {352800, 358999, digits(16, 19)},                                    // JCB.
    {360000, 369999, digits(14, 19)},                                    // Diners Club.
    {370000, 379999, digits(15, 15)},                                    // American Express.
    {380000, 399999, digits(14, 14) | digits(16, 19)},                   // Diners Club, Discover.
    {400000, 499999, digits(13, 13) | digits(16, 16) | digits(19, 19)},  // Visa.
    {500000, 509999, digits(16, 19)},                                    // Maestro, Elo, Verve, RuPay.
    {501800, 501899, digits(13, 19)},                                    // Maestro, which also issued shorter ones.
    {502000, 502099, digits(13, 19)},                                    //
    {503800, 503899, digits(13, 19)},                                    //
    {510000, 559999, digits(16, 16)},                                    // Mastercard.
    {560000, 589999, digits(16, 19)},                                    // Maestro.
    {589300, 589399, digits(13, 19)},                                    //
    {600000, 699999, digits(16, 19)},                                    // Discover, UnionPay, Maestro, RuPay, Troy.
    {630400, 630499, digits(13, 19)},                                    // Maestro.
    {675900, 676399, digits(13, 19)},                                    //
    {810000, 829999, digits(16, 19)},                                    // UnionPay, RuPay.
    {860000, 860099, digits(16, 16)},                                    // Uzcard.
    {979200, 979299, digits(16, 16)},                                    // Troy.
    {986000, 986099, digits(16, 16)},                                    // Humo.
};

bool is_issued(std::string_view value, size_t count) {
  uint32_t prefix = 0;
  for (size_t i = 0, taken = 0; taken < 6; ++i) {
    if (!is_digit(value[i])) continue;
    prefix = prefix * 10 + static_cast<uint32_t>(value[i] - '0');
    taken += 1;
  }
  return std::ranges::any_of(issuers, [&](const Issuer& issuer) {
    return prefix >= issuer.first && prefix <= issuer.last && (issuer.sizes >> count & 1) != 0;
  });
}

// As a person groups digits: all alike but for a shorter last group, or as printed on a card. The groups of UUIDs
// and of times are others.
bool is_grouped_like_a_card(std::string_view value) {
  constexpr std::array<std::array<uint8_t, 4>, 4> printed = {{{4, 6, 5}, {4, 6, 4}, {4, 3, 3, 3}, {6, 13}}};
  std::array<uint8_t, card_digits_max> groups{};
  size_t count = 0;
  for (const char c : value) {
    if (is_digit(c)) {
      groups[count] += 1;
    } else {
      count += 1;
    }
  }
  const auto all_but_last = std::span(groups).first(count);
  const bool alike = std::ranges::all_of(all_but_last, [&](uint8_t size) { return size == groups[0]; });
  if (alike && groups[count] <= groups[0]) return true;
  return std::ranges::any_of(
      printed, [&](const auto& sizes) { return std::ranges::equal(std::span(groups).first(sizes.size()), sizes); });
}

// Digits that are part of a hash, a UUID, another identifier in hexadecimal, or of a fraction: what is joined to
// them has both digits and letters, and no letter but a to f. Words that people put in front have others.
bool is_part_of_identifier(std::string_view text, size_t begin, size_t end) {
  constexpr size_t looked_at = 64;
  constexpr size_t joined_min = 4;
  if (begin > 1 && text[begin - 1] == '.' && is_digit(text[begin - 2])) return true;
  size_t joined = 0;
  bool digits = false;
  bool letters = false;
  const auto take = [&](char c) {  // False: something that no identifier has.
    const bool hex_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'f';
    digits |= is_digit(c);
    letters |= hex_letter;
    joined += 1;
    return is_digit(c) || hex_letter || c == '-';
  };
  const auto goes_on = [](char c) { return is_digit(c) || is_letter(c) || c == '-'; };
  for (size_t i = begin; i > 0 && begin - i < looked_at && goes_on(text[i - 1]); --i) {
    if (!take(text[i - 1])) return false;
  }
  for (size_t i = end; i < text.size() && i - end < looked_at && goes_on(text[i]); ++i) {
    if (!take(text[i])) return false;
  }
  return joined >= joined_min && digits && letters;
}

bool is_card(std::string_view text, size_t begin, size_t end, size_t count) {
  const auto value = text.substr(begin, end - begin);
  return is_issued(value, count) && is_grouped_like_a_card(value) && !is_part_of_identifier(text, begin, end);
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
    if (digits >= card_digits_min && group_begins && !one_digit && sum % 10 == 0 && is_card(text, i - 1, end, digits)) {
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
