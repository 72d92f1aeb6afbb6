// Detectors against tables of values and near misses, and against the slow obvious way.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <regex>

#include "rules/detect/detectors.h"

namespace sluice::rules {
namespace {

const Detectors& detectors() {
  static const auto made = Detectors::make(DataTypes::shipped(), DataTypes::shipped().all());
  return **made;
}

std::vector<Match> find(std::string_view text, const TypeSet& live) {
  HsScratch scratch;
  EXPECT_TRUE(detectors().grow(scratch));
  std::vector<Match> matches;
  detectors().find(text, detectors().search(live), scratch.get(), matches);
  std::ranges::sort(matches, {}, &Match::begin);
  return matches;
}

std::vector<Match> find(std::string_view text, DataType type) {
  TypeSet live;
  live.add(type);
  return find(text, live);
}

std::vector<std::string> values(std::string_view text, DataType type) {
  std::vector<std::string> found;
  for (const Match& match : find(text, type)) found.emplace_back(text.substr(match.begin, match.end - match.begin));
  return found;
}

struct Case {
  std::string_view why;
  std::string_view text;
  std::vector<std::string> want;
};

TEST(Detect, card_numbers_and_what_only_looks_like_one) {
  const Case cases[] = {
      {"Visa, bare", "4111111111111111", {"4111111111111111"}},
      {"Visa, 13 digits", "4222222222222", {"4222222222222"}},
      {"American Express in its own grouping", "3782 822463 10005", {"3782 822463 10005"}},
      {"Diners, 14 digits", "30569309025904", {"30569309025904"}},
      {"Mastercard", "5555-5555-5555-4444", {"5555-5555-5555-4444"}},
      {"Mastercard, 2-series", "2223003122003222", {"2223003122003222"}},
      {"Discover", "6011111111111117", {"6011111111111117"}},
      {"19 digits", "6304000000000000000", {"6304000000000000000"}},
      {"digit by digit", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", {"4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"}},
      {"unlike separators", "4111 1111-1111 1111", {"4111 1111-1111 1111"}},
      {"inside words", "card4111111111111111end", {"4111111111111111"}},
      {"a date before it", "2026-11-21 4111111111111111", {"4111111111111111"}},
      {"a code behind it", "4111111111111111 123", {"4111111111111111"}},
      {"two in a row", "4111111111111111,5555555555554444", {"4111111111111111", "5555555555554444"}},
      {"two with one space between are two", "4111111111111111 5555555555554444",
       {"4111111111111111", "5555555555554444"}},
      {"across a block of 64 bytes", "............................................................4111111111111111",
       {"4111111111111111"}},
      {"a digit wrong: Luhn", "4111111111111112", {}},
      {"two digits swapped: Luhn", "1411111111111111", {}},
      {"one digit repeated", "4444444444444444", {}},
      {"zeros pass Luhn and have no issuer", "0000000000000000", {}},
      {"issuer 1: milliseconds since 1970", "1763694872003", {}},
      {"issuer 2 outside 2221-2720", "2014000000000009", {}},
      {"twelve digits", "411111111111", {}},
      {"part of a longer row of digits", "94111111111111111", {}},
      {"twenty digits and more", "41111111111111110000", {}},
      {"two spaces are two numbers", "41111111  11111111", {}},
      {"two dashes are two numbers", "41111111--11111111", {}},
      {"a letter between", "41111111x11111111", {}},
      {"a timestamp", "2026-11-21 03:14:15.926535", {}},
      {"glued to a word", "x4111 1111 1111 1111. PAN:4111111111111111,cc4111111111111111",
       {"4111 1111 1111 1111", "4111111111111111", "4111111111111111"}},
      {"a name in front", "CARD-4111111111111111 FACE-4111111111111111", {"4111111111111111", "4111111111111111"}},
      {"a few letters behind", "4111111111111111a", {"4111111111111111"}},
      {"Mir", "2200000000000004", {"2200000000000004"}},
      {"Maestro, thirteen digits", "6759000000005", {"6759000000005"}},
      {"a length that its issuer has not", "41111111111116", {}},
      {"a grouping that nobody has", "41111 111-11111 111", {}},
      {"a UUID whose digits pass Luhn", "41111111-1111-1111-a111-111111111111", {}},
      {"a hash", "a41111111111111112f0", {}},
      {"an identifier in parts", "f3a9-4111111111111111", {}},
      {"a fraction", "0.4111111111111111", {}},
      {"a UUID", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", {}},
      {"nothing", "", {}},
  };
  for (const Case& c : cases) EXPECT_EQ(values(c.text, DataType::CreditCard), c.want) << c.why;
}

TEST(Detect, card_numbers_that_overlap_are_one_match_so_that_no_half_stays_readable) {
  // Two numbers of sixteen digits that share the middle group.
  constexpr std::string_view text = "4111 1111 1111 4008 1111 1111 1117";
  EXPECT_EQ(values(text.substr(0, 19), DataType::CreditCard), std::vector<std::string>{std::string(text.substr(0, 19))});
  EXPECT_EQ(values(text.substr(15), DataType::CreditCard), std::vector<std::string>{std::string(text.substr(15))});
  EXPECT_EQ(values(text, DataType::CreditCard), std::vector<std::string>{std::string(text)});
}

TEST(Detect, social_security_numbers_and_what_only_looks_like_one) {
  const Case cases[] = {
      {"dashes", "536-90-4399", {"536-90-4399"}},
      {"spaces", "536 90 4399", {"536 90 4399"}},
      {"the one in every example", "123-45-6789", {"123-45-6789"}},
      {"inside text", "ssn:536-90-4399.", {"536-90-4399"}},
      {"letters beside it", "SSN536-90-4399x", {"536-90-4399"}},
      {"a number and a space before it", "7 536-90-4399", {"536-90-4399"}},
      {"a list mark before it", "- 536-90-4399", {"536-90-4399"}},
      {"a lone dash before it", "-536-90-4399", {"536-90-4399"}},
      {"across a block of 64 bytes", "...............................................................536-90-4399",
       {"536-90-4399"}},
      {"area 000", "000-12-3456", {}},
      {"area 666", "666-12-3456", {}},
      {"area 9xx is a taxpayer number", "912-34-5678", {}},
      {"group 00", "536-00-4399", {}},
      {"serial 0000", "536-90-0000", {}},
      {"unlike separators", "536-90 4399", {}},
      {"a longer row of digits before", "1536-90-4399", {}},
      {"a longer row of digits behind", "536-90-43991", {}},
      {"a longer row of digits and dashes before", "12-536-90-4399", {}},
      {"a longer row of digits and dashes behind", "536-90-4399-12", {}},
      {"a telephone number", "555-123-4567", {}},
      {"a date", "2026-11-2100", {}},
      {"no separators", "536904399", {}},
  };
  for (const Case& c : cases) EXPECT_EQ(values(c.text, DataType::UsSsn), c.want) << c.why;
}

TEST(Detect, mail_addresses_and_what_only_looks_like_one) {
  const std::string long_local(100, 'x');
  const std::string long_mail = "x" + long_local + "@example.com";
  const std::string long_domain = "a@" + std::string(250, 'x') + ".com";
  const Case cases[] = {
      {"plain", "alice@example.com", {"alice@example.com"}},
      {"in a sentence, with the full stop", "Mail alice.b+c@mail.example.co.uk.", {"alice.b+c@mail.example.co.uk"}},
      {"in brackets", "<alice@example.com>", {"alice@example.com"}},
      {"a URL", "mailto:alice@example.com?subject=x", {"alice@example.com"}},
      {"an international domain", "alice@b\xc3\xbc"
                                  "cher.example",
       {"alice@b\xc3\xbc"
        "cher.example"}},
      {"an encoded top-level domain", "alice@example.xn--p1ai", {"alice@example.xn--p1ai"}},
      {"a dash and more behind it", "alice@example.com-old", {"alice@example.com"}},
      {"a number behind it", "alice@example.com.1", {"alice@example.com"}},
      {"two with a comma", "a@b.co,c@d.org", {"a@b.co", "c@d.org"}},
      {"two that share bytes are one match", "a@b.co@d.com", {"a@b.co@d.com"}},
      {"leading dots are not of it", "..alice@example.com", {"alice@example.com"}},
      {"a long local part: its last 64 bytes", long_mail, {long_local.substr(36) + "@example.com"}},
      {"no dot in the domain", "root@localhost", {}},
      {"a number for a top-level domain", "a@10.0.0.1", {}},
      {"one letter for a top-level domain", "a@b.c", {}},
      {"a digit in the top-level domain", "a@b.c0m", {}},
      {"an empty label", "a@b..com", {}},
      {"no local part", "@example.com", {}},
      {"no domain", "alice@", {}},
      {"a space", "alice @example.com", {}},
      {"a decorator", "@Override", {}},
      {"a domain longer than any", long_domain, {}},
  };
  for (const Case& c : cases) EXPECT_EQ(values(c.text, DataType::EmailAddress), c.want) << c.why;
}

// The slow obvious way: every position, every length, digits picked out by hand.
bool is_issued(const std::string& digits) {
  static const std::regex known(
      "220[0-5]\\d{12,15}|2(22[1-9]|2[3-9]\\d|[3-6]\\d\\d|7[01]\\d|720)\\d{12}|"
      "3(0[0-5]|[89]\\d)(\\d{11}|\\d{13,16})|3095(\\d{10}|\\d{12,15})|36\\d{12,17}|3[47]\\d{13}|35(2[89]|[3-8]\\d)\\d{12,15}|"
      "4(\\d{12}|\\d{15}|\\d{18})|5[1-5]\\d{14}|(50|5[6-8]|6\\d)\\d{14,17}|"
      "(5018|5020|5038|5893|6304|6759|676[0-3])\\d{9,15}|8[12]\\d{14,17}|(8600|9792|9860)\\d{12}");
  return std::regex_match(digits, known);
}

bool is_grouped(std::string_view text) {
  std::string sizes;
  size_t size = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && std::isdigit(static_cast<unsigned char>(text[i]))) {
      size += 1;
    } else {
      sizes += static_cast<char>('a' + size);
      size = 0;
    }
  }
  if (sizes == "ege" || sizes == "egf" || sizes == "eddd" || sizes == "gn") return true;
  return sizes.find_first_not_of(sizes[0]) >= sizes.size() - 1 && sizes.back() <= sizes[0];
}

bool is_card(std::string_view text) {
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (std::isdigit(static_cast<unsigned char>(text[i]))) {
      digits += text[i];
      continue;
    }
    const bool alone = (text[i] == ' ' || text[i] == '-') && i > 0 && i + 1 < text.size() &&
                       std::isdigit(static_cast<unsigned char>(text[i - 1])) &&
                       std::isdigit(static_cast<unsigned char>(text[i + 1]));
    if (!alone) return false;
  }
  if (digits.size() < 13 || digits.size() > 19) return false;
  if (!std::isdigit(static_cast<unsigned char>(text.front())) || !std::isdigit(static_cast<unsigned char>(text.back()))) return false;
  if (!is_issued(digits) || !is_grouped(text) || digits.find_first_not_of(digits[0]) == std::string::npos) return false;
  int sum = 0;
  bool twice = false;
  for (auto d = digits.rbegin(); d != digits.rend(); ++d, twice = !twice) {
    const int value = (*d - '0') * (twice ? 2 : 1);
    sum += value / 10 + value % 10;
  }
  return sum % 10 == 0;
}

std::vector<bool> cards_by_trying(std::string_view text) {
  std::vector<bool> covered(text.size(), false);
  const auto digit = [&](size_t i) { return i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])); };
  for (size_t begin = 0; begin < text.size(); ++begin) {
    if (begin > 0 && digit(begin - 1)) continue;
    if (begin > 1 && text[begin - 1] == '.' && digit(begin - 2)) continue;
    for (size_t size = 13; size <= 37 && begin + size <= text.size(); ++size) {
      if (digit(begin + size) || !is_card(text.substr(begin, size))) continue;
      std::fill(covered.begin() + begin, covered.begin() + begin + size, true);
    }
  }
  return covered;
}

TEST(Detect, the_bit_parallel_scan_agrees_with_trying_every_place_and_length) {
  std::mt19937 random(20261121);
  constexpr std::string_view alphabets[] = {"0123456789", "4111 -", "45 -0", "3456789 -", "0123456789 -.x"};
  size_t found = 0;
  for (int round = 0; round < 4000; ++round) {
    const auto alphabet = alphabets[random() % std::size(alphabets)];
    std::string text;
    for (size_t size = random() % 200; text.size() < size;) {
      text += alphabet[random() % alphabet.size()];
      if (random() % 40 == 0) text += "4111-1111-1111-1111";
    }
    TypeSet live;
    live.add(DataType::CreditCard);
    const std::vector<Match> matches = find(text, live);
    std::vector<bool> covered(text.size(), false);
    for (const Match& match : matches) std::fill(covered.begin() + match.begin, covered.begin() + match.end, true);
    ASSERT_EQ(covered, cards_by_trying(text)) << text;
    found += matches.size();
  }
  EXPECT_GT(found, 500U);
}

TEST(Detect, the_bit_parallel_scan_finds_a_number_at_every_offset_of_a_block) {
  TypeSet live;
  live.add(DataType::CreditCard);
  live.add(DataType::UsSsn);
  for (size_t before = 0; before < 130; ++before) {
    for (size_t behind : {0U, 1U, 70U}) {
      const std::string text = std::string(before, 'x') + "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1" + "," + "536-90-4399" + std::string(behind, 'y');
      const std::vector<Match> matches = find(text, live);
      ASSERT_EQ(matches.size(), 2U) << before;
      EXPECT_EQ(matches[0], (Match{before, before + 31, DataType::CreditCard}));
      EXPECT_EQ(matches[1], (Match{before + 32, before + 43, DataType::UsSsn}));
    }
  }
}

TEST(Detect, an_empty_view_of_nothing_holds_nothing) {
  for (const auto type : {DataType::CreditCard, DataType::EmailAddress, DataType::UsSsn}) EXPECT_TRUE(find({}, type).empty());
}

TEST(Detect, bug_class_22_long_rows_of_digits_and_at_signs_take_linear_time) {
  // Every byte is a trigger or part of one; quadratic work over a mebibyte would take minutes, and the
  // test's own time-out would tell.
  std::string cards, single, mails;
  while (cards.size() < (1U << 20)) cards += "41111111111111110 ";
  while (single.size() < (1U << 20)) single += "4 ";
  while (mails.size() < (1U << 20)) mails += "a@";
  EXPECT_TRUE(find(std::string(1U << 20, '4'), DataType::CreditCard).empty());
  for (const std::string& text : {cards, single}) find(text, DataType::CreditCard);
  EXPECT_TRUE(find(mails, DataType::EmailAddress).empty());
}

}  // namespace
}  // namespace sluice::rules
