// Operators, shadows and decoders of single values.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/text.h"
#include "rules/mask/decode.h"
#include "rules/mask/operators.h"
#include "rules/mask/shadow.h"
#include "rules/mask/types.h"

namespace sluice::rules {
namespace {

std::string masked(const MaskSpec& spec, std::string_view value, Characters characters = Characters::Utf8) {
  Hasher hasher;
  std::vector<char> out;
  append_masked(spec, value, characters, hasher, out);
  return {out.begin(), out.end()};
}

TEST(Operators, mask_counts_characters_and_keeps_no_value_that_is_too_short) {
  const struct {
    std::string_view why;
    MaskSpec spec;
    std::string_view value;
    std::string_view want;
  } cases[] = {
      {"separators too", {MaskOperator::Mask, 0, 4, '*'}, "4111-1111-1111-1111", "***************1111"},
      {"both ends", {MaskOperator::Mask, 1, 2, '#'}, "abcdef", "a###ef"},
      {"masking_evasion_26: as long as what is kept", {MaskOperator::Mask, 2, 2, '*'}, "abcd", "****"},
      {"one longer", {MaskOperator::Mask, 2, 2, '*'}, "abcde", "ab*de"},
      {"shorter", {MaskOperator::Mask, 0, 4, '*'}, "12", "**"},
      {"nothing kept", {MaskOperator::Mask, 0, 0, '*'}, "abc", "***"},
      {"characters, not bytes", {MaskOperator::Mask, 1, 1, '*'}, "\xC3\xA4\xC3\xB6\xC3\xBC", "\xC3\xA4*\xC3\xBC"},
      {"bytes that are no UTF-8 count one each", {MaskOperator::Mask, 0, 1, '*'}, "\xFF\xFE"
                                                                                 "a",
       "**a"},
      {"redact leaves nothing", {MaskOperator::Redact, 0, 0, '*'}, "abc", ""},
      {"empty stays empty", {MaskOperator::Mask, 0, 4, '*'}, "", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(masked(c.spec, c.value), c.want) << c.why;
}

TEST(Operators, an_escape_is_one_character_in_json) {
  const MaskSpec spec{MaskOperator::Mask, 0, 1, '*'};
  EXPECT_EQ(masked(spec, R"(\u0034a)", Characters::JsonEscaped), "*a");
  EXPECT_EQ(masked(spec, R"(a\u0034)", Characters::JsonEscaped), R"(*\u0034)");
  EXPECT_EQ(masked(spec, R"(\ud83d\ude00x)", Characters::JsonEscaped), "*x");
  EXPECT_EQ(masked(spec, R"(\ud83d\u0041x)", Characters::JsonEscaped), "**x");
  EXPECT_EQ(masked(spec, R"(\"\\)", Characters::JsonEscaped), R"(*\\)");
  EXPECT_EQ(masked(spec, R"(\u00)", Characters::JsonEscaped), "*") << "cut off: one character";
}

TEST(Operators, the_stricter_of_two_specs_is_the_same_in_either_order_and_keeps_no_more) {
  const MaskSpec specs[] = {{MaskOperator::Null, 0, 0, '*'}, {MaskOperator::Redact, 0, 0, '*'}, {MaskOperator::Mask, 0, 4, '*'},
                            {MaskOperator::Mask, 3, 1, '#'}};
  for (const MaskSpec& a : specs) {
    for (const MaskSpec& b : specs) {
      EXPECT_EQ(stricter(a, b), stricter(b, a));
      if (stricter(a, b).op == MaskOperator::Mask) {
        EXPECT_LE(stricter(a, b).keep_first, std::min(a.keep_first, b.keep_first));
        EXPECT_LE(stricter(a, b).keep_last, std::min(a.keep_last, b.keep_last));
      }
    }
  }
}

struct Shadow {
  bool differs = false;
  std::string text;
  std::vector<uint32_t> map;
};

Shadow shadow_of(std::string_view text, Escapes escapes) {
  std::vector<char> out;
  Shadow shadow;
  shadow.differs = append_shadow(text, escapes, out, shadow.map);
  shadow.text.assign(out.begin(), out.end());
  return shadow;
}

TEST(Shadow, masking_evasion_23_digits_and_separators_in_disguise_are_read_as_a_person_reads_them) {
  const struct {
    std::string_view why;
    std::string_view text;
    Escapes escapes;
    std::string_view want;  // Empty: no shadow.
  } cases[] = {
      {"full-width digits", "\xEF\xBC\x94\xEF\xBC\x91", Escapes::None, "41"},
      {"full-width at sign", "a\xEF\xBC\xA0"
                             "b",
       Escapes::None, "a@b"},
      {"Arabic-Indic digits", "\xD9\xA4\xD9\xA1", Escapes::None, "41"},
      {"Devanagari digits", "\xE0\xA5\xAA\xE0\xA5\xA7", Escapes::None, "41"},
      {"mathematical digits", "\xF0\x9D\x9F\x92\xF0\x9D\x9F\x8F", Escapes::None, "41"},
      {"no-break space", "4\xC2\xA0"
                         "1",
       Escapes::None, "4 1"},
      {"en dash", "4\xE2\x80\x93"
                  "1",
       Escapes::None, "4-1"},
      {"zero-width space", "4\xE2\x80\x8B"
                           "1",
       Escapes::None, "41"},
      {"soft hyphen", "4\xC2\xAD"
                      "1",
       Escapes::None, "41"},
      {"byte order mark", "\xEF\xBB\xBF"
                          "41",
       Escapes::None, "41"},
      {"plain ASCII has no shadow", "4111", Escapes::None, ""},
      {"letters beyond ASCII have none", "m\xC3\xBCller", Escapes::None, ""},
      {"bytes that are no UTF-8 stay", "\xFF\xC2", Escapes::None, ""},
      {"JSON escapes", R"(\u0034\u0031)", Escapes::Json, "41"},
      {"JSON escapes of full-width digits", R"(\uff14)", Escapes::Json, "4"},
      {"JSON short escapes", R"(a\/b\n)", Escapes::Json, "a/b\n"},
      {"a backslash without escapes stays", R"(\u0034)", Escapes::None, ""},
      {"half a surrogate pair", R"(\ud83d)", Escapes::Json, "\xEF\xBF\xBD"},
  };
  for (const auto& c : cases) {
    const Shadow got = shadow_of(c.text, c.escapes);
    EXPECT_EQ(got.differs, !c.want.empty()) << c.why;
    EXPECT_EQ(got.text, c.want) << c.why;
    EXPECT_EQ(got.map.size(), c.want.empty() ? 0 : c.want.size() + 1) << c.why;
  }
}

TEST(Shadow, the_map_leads_back_to_where_each_character_began) {
  const Shadow got = shadow_of(R"(x\u0034\ud83d\ude00y)", Escapes::Json);
  EXPECT_EQ(got.text, "x4\xF0\x9F\x98\x80y");
  EXPECT_EQ(got.map, (std::vector<uint32_t>{0, 1, 7, 7, 7, 7, 19, 20}));
}

TEST(Decode, int8_is_the_text_the_server_would_send) {
  const struct {
    std::string_view bytes;
    std::string_view want;
  } cases[] = {{{"\0\0\0\0\0\0\0\0", 8}, "0"}, {{"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8}, "-1"},
               {{"\x00\x0E\x9A\xF0\x4E\x8F\xA1\xC7", 8}, "4111111111111111"},
               {{"\x80\0\0\0\0\0\0\0", 8}, "-9223372036854775808"}};
  for (const auto& c : cases) {
    std::vector<char> out;
    if (c.want == "4111111111111111") {
      std::byte wire[8];
      store_u32(wire, static_cast<uint32_t>(4111111111111111ULL >> 32));
      store_u32(wire + 4, static_cast<uint32_t>(4111111111111111ULL));
      EXPECT_TRUE(append_int8(wire, out));
    } else {
      EXPECT_TRUE(append_int8(as_bytes(c.bytes), out));
    }
    EXPECT_EQ(std::string(out.begin(), out.end()), c.want);
  }
  std::vector<char> out;
  EXPECT_FALSE(append_int8(as_bytes("1234567"), out));
}

std::string numeric(uint16_t ndigits, int16_t weight, uint16_t sign, uint16_t scale, const std::vector<uint16_t>& digits) {
  std::vector<std::byte> wire;
  ByteWriter writer(wire);
  for (const uint16_t v : {ndigits, static_cast<uint16_t>(weight), sign, scale}) writer.u16(v);
  for (const uint16_t d : digits) writer.u16(d);
  std::vector<char> out;
  if (!append_numeric(wire, out)) return "malformed";
  return {out.begin(), out.end()};
}

TEST(Decode, numeric_is_the_text_the_server_would_send) {
  EXPECT_EQ(numeric(4, 3, 0, 0, {4111, 1111, 1111, 1111}), "4111111111111111");
  EXPECT_EQ(numeric(0, 0, 0, 0, {}), "0");
  EXPECT_EQ(numeric(1, 0, 0x4000, 0, {7}), "-7");
  EXPECT_EQ(numeric(1, 3, 0, 0, {41}), "41000000000000") << "trailing groups of zeros are not sent";
  EXPECT_EQ(numeric(2, 0, 0, 2, {3, 1400}), "3.14");
  EXPECT_EQ(numeric(1, -2, 0, 8, {1234}), "0.00001234");
  EXPECT_EQ(numeric(4, -1, 0, 16, {4111, 1111, 1111, 1111}), "0.4111111111111111");
  EXPECT_EQ(numeric(1, 0, 0, 3, {5}), "5.000");
  EXPECT_EQ(numeric(0, 0, 0xC000, 0, {}), "") << "NaN";
  EXPECT_EQ(numeric(2, 0, 0, 0, {1}), "malformed") << "fewer digits than it says";
  EXPECT_EQ(numeric(1, 0, 0, 0, {10000}), "malformed") << "not a digit of base 10000";
}

TEST(Decode, promise_10_padding_of_hostile_numerics_is_bounded) {
  EXPECT_LE(numeric(1, 32767, 0, 0, {4}).size(), 64U);
  EXPECT_LE(numeric(1, -32768, 0, 16383, {4}).size(), 128U);
  EXPECT_LE(numeric(0, 0, 0, 65535, {}).size(), 64U);
}

TEST(Decode, bytea_hex_there_and_back) {
  std::vector<char> out;
  ASSERT_TRUE(append_unhexed("\\x00ffAb", out));
  EXPECT_EQ(std::string(out.begin(), out.end()), std::string("\x00\xFF\xAB", 3));
  std::vector<char> back;
  append_hexed({out.data(), out.size()}, back);
  EXPECT_EQ(std::string(back.begin(), back.end()), "\\x00ffab");
  for (const std::string_view bad : {"", "\\", "\\x0", "\\xzz", "4111", "x41"}) {
    std::vector<char> none;
    EXPECT_FALSE(append_unhexed(bad, none)) << bad;
    EXPECT_TRUE(none.empty()) << bad;
  }
}

TEST(Decode, a_length_word_that_looks_like_a_digit_is_blanked) {
  std::vector<char> out;
  append_without_framing({"\0\0\0\x31"
                          "4111\0\0",
                          10},
                         out);
  EXPECT_EQ(std::string(out.begin(), out.end()), "\x1E\x1E\x1E\x1E"
                                                 "4111\x1E\x1E");
}

TEST(Types, what_the_table_does_not_name_is_looked_at) {
  EXPECT_EQ(type_class(23), TypeClass::Skip);
  EXPECT_EQ(type_class(25), TypeClass::Text);
  EXPECT_EQ(type_class(3802), TypeClass::Jsonb);
  EXPECT_EQ(type_class(99999), TypeClass::Opaque);
  EXPECT_EQ(type_class(0), TypeClass::Opaque);
  EXPECT_EQ(type_class(UINT32_MAX), TypeClass::Opaque);
}

}  // namespace
}  // namespace sluice::rules
