#include "base/text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <cerrno>
#include <string>

namespace sluice {
namespace {

using namespace std::string_view_literals;

TEST(Utf8, sequences_are_measured_and_bad_ones_are_zero) {
  static constexpr struct {
    std::string_view why, text;
    size_t size;
  } cases[] = {
      {"nothing", ""sv, 0},
      {"ASCII", "a"sv, 1},
      {"NUL is ASCII", "\0"sv, 1},
      {"first two-byte character", "\xC2\x80"sv, 2},
      {"last two-byte character", "\xDF\xBF"sv, 2},
      {"overlong NUL", "\xC0\x80"sv, 0},
      {"overlong slash", "\xC1\xAF"sv, 0},
      {"first three-byte character", "\xE0\xA0\x80"sv, 3},
      {"overlong in three bytes", "\xE0\x9F\xBF"sv, 0},
      {"last before the surrogates", "\xED\x9F\xBF"sv, 3},
      {"first surrogate", "\xED\xA0\x80"sv, 0},
      {"last surrogate", "\xED\xBF\xBF"sv, 0},
      {"first after the surrogates", "\xEE\x80\x80"sv, 3},
      {"first four-byte character", "\xF0\x90\x80\x80"sv, 4},
      {"overlong in four bytes", "\xF0\x8F\xBF\xBF"sv, 0},
      {"U+10FFFF", "\xF4\x8F\xBF\xBF"sv, 4},
      {"beyond U+10FFFF", "\xF4\x90\x80\x80"sv, 0},
      {"a lead byte that never was one", "\xF5\x80\x80\x80"sv, 0},
      {"a continuation alone", "\x80"sv, 0},
      {"cut off after one of two", "\xC3"sv, 0},
      {"cut off after two of three", "\xE2\x82"sv, 0},
      {"cut off after three of four", "\xF0\x9F\x98"sv, 0},
      {"only the front counts", "\xC3\xA9\xFF"sv, 2},
  };
  for (const auto& c : cases) EXPECT_EQ(utf8_sequence_size(c.text), c.size) << c.why;
}

TEST(Utf8, a_text_is_valid_only_when_all_of_it_is) {
  EXPECT_TRUE(utf8_valid(""));
  EXPECT_TRUE(utf8_valid("na\xC3\xAFve \xF0\x9F\x98\x80"));
  EXPECT_FALSE(utf8_valid("ok \xFF ok"));
  EXPECT_FALSE(utf8_valid("ends in \xE2\x82"));
}

TEST(JsonQuote, writes_what_another_parser_reads_back) {
  std::string every;
  for (char c = 0; c < 0x7F; ++c) every += c;
  for (const std::string& text : {std::string("plain"), std::string("q\"b\\s/"), std::string("\n\r\t\b\f"),
                                  std::string("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), every + "\x7F"}) {
    EXPECT_EQ(nlohmann::json::parse(json_quote(text)).get<std::string>(), text);
  }
}

TEST(JsonQuote, is_valid_json_whatever_the_bytes) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; b += 3) {
      const std::string text{static_cast<char>(a), static_cast<char>(b)};
      const auto parsed = nlohmann::json::parse(json_quote(text), nullptr, false);
      ASSERT_FALSE(parsed.is_discarded()) << a << ' ' << b;
      ASSERT_TRUE(utf8_valid(parsed.get<std::string>()));
    }
  }
  EXPECT_EQ(json_quote("a\xFFz"), "\"a\\ufffdz\"");
}

TEST(Printable, no_control_character_reaches_a_terminal) {
  EXPECT_EQ(printable("plain text, \xC3\xA9"), "plain text, \xC3\xA9");
  EXPECT_EQ(printable("\x1B[2Jgone"), "\\x1b[2Jgone") << "escape sequences clear and rewrite screens";
  EXPECT_EQ(printable("\xC2\x9B" "2J"), "\\xc2\\x9b" "2J") << "the C1 form of the same, as UTF-8";
  EXPECT_EQ(printable("\x9B" "2J"), "\\x9b" "2J") << "and as a bare byte";
  EXPECT_EQ(printable("a\0b\x7F\r\n"sv), "a\\x00b\\x7f\\x0d\\x0a");
  EXPECT_EQ(printable("\xC2\xA0"), "\xC2\xA0") << "the first character after C1 is printable";
}

TEST(ErrnoText, known_and_unknown_numbers_have_words) {
  EXPECT_EQ(errno_text(ENOENT), "No such file or directory");
  EXPECT_EQ(errno_text(99999), "Unknown error 99999");
}

}  // namespace
}  // namespace sluice
