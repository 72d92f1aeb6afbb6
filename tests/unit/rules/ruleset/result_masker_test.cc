// Rows through the masker: every form a value can come in.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "rules/detect/detectors.h"
#include "support.h"

namespace sluice::rules {
namespace {

using testing::Bound;

constexpr std::string_view keep_four = R"(
rules:
  - {id: values, result: {types: [CREDIT_CARD, EMAIL_ADDRESS, US_SSN]}, mask: {operator: mask, keep_last: 4}}
)";
constexpr std::string_view redacts = R"(
rules:
  - {id: values, result: {types: [CREDIT_CARD, EMAIL_ADDRESS, US_SSN]}, mask: {operator: redact}}
)";
constexpr std::string_view nulls = R"(
rules:
  - {id: values, result: {types: [CREDIT_CARD, EMAIL_ADDRESS, US_SSN]}, mask: {operator: "null"}}
)";

constexpr std::string_view unchanged = "\x01unchanged";
constexpr std::string_view null = "\x01null";

Cell cell_of(std::string_view value) { return {as_bytes(value).data(), static_cast<int32_t>(value.size())}; }

std::string shown(const Replacement* replacement) {
  if (replacement == nullptr) return std::string(unchanged);
  return replacement->null ? std::string(null) : std::string(as_text(replacement->value));
}

std::string mask_one(Bound& bound, std::string_view value, uint32_t type, bool binary) {
  ResultMasker masker(bound.scratch);
  const MaskPlan plan = bound.rules.plan({{"c", 0, 0, type, binary}}, false, nullptr);
  masker.begin(bound.rules, plan);
  const Cell cell = cell_of(value);
  masker.add_row({&cell, 1});
  masker.finish();
  EXPECT_EQ(masker.row_changed(0), masker.replacement(0, 0) != nullptr);
  return shown(masker.replacement(0, 0));
}

struct Case {
  std::string_view why;
  uint32_t type;
  bool binary;
  std::string_view value;
  std::string_view want;
};

template <size_t n>
void expect(std::string_view rules, const Case (&cases)[n]) {
  Bound bound(rules);
  for (const Case& c : cases) EXPECT_EQ(mask_one(bound, c.value, c.type, c.binary), c.want) << c.why;
}

std::string int8_wire(uint64_t value) {
  std::byte wire[8];
  store_u32(wire, static_cast<uint32_t>(value >> 32));
  store_u32(wire + 4, static_cast<uint32_t>(value));
  return std::string(as_text(wire));
}

TEST(ResultMasker, promise_06_values_are_masked_where_they_stand_in_text) {
  const Case cases[] = {
      {"a card", 25, false, "4111-1111-1111-1111", "***************1111"},
      {"in a sentence", 25, false, "pay 4111111111111111 now", "pay ************1111 now"},
      {"binary text is the same", 25, true, "4111111111111111", "************1111"},
      {"mail", 1043, false, "alice@example.com", "*************.com"},
      {"SSN", 25, false, "536-90-4399", "*******4399"},
      {"several in one value", 25, false, "536-90-4399,a@b.org", "*******4399,***.org"},
      {"nothing", 25, false, "nothing here at all", unchanged},
      {"empty", 25, false, "", unchanged},
      {"too short to be any", 25, false, "a@b.c", unchanged},
      {"a type nobody scans", 23, false, "4111111111111111", unchanged},
      {"the data's own separator byte", 25, false, "a\x1E"
                                                   "4111111111111111\x1E",
       "a\x1E"
       "************1111\x1E"},
      {"a card inside a mail address: both show nothing", 25, false, "4111111111111111@example.com", "****************************"},
  };
  Bound bound(keep_four);
  for (const Case& c : cases) {
    if (c.why.starts_with("a card inside")) {
      EXPECT_EQ(mask_one(bound, c.value, c.type, c.binary), std::string(c.value.size(), '*'));
    } else {
      EXPECT_EQ(mask_one(bound, c.value, c.type, c.binary), c.want) << c.why;
    }
  }
}

TEST(ResultMasker, redact_removes_in_text_and_masks_whole_where_a_syntax_must_hold) {
  const Case cases[] = {
      {"text", 25, false, "pay 4111111111111111 now", "pay  now"},
      {"nothing but the value", 25, false, "a@b.org", ""},
      {"json", 114, false, R"({"a":"a@b.org"})", R"({"a":"*******"})"},
      {"text[]", 1009, false, "{a@b.org,x}", "{*******,x}"},
      {"record", 2249, false, "(1,a@b.org)", "(1,*******)"},
      {"a type of the user's", 17000, false, "a@b.org", "*******"},
      {"bytea", 17, false, "\\x7861406225", unchanged},
  };
  expect(redacts, cases);
}

TEST(ResultMasker, null_replaces_the_whole_value) {
  const Case cases[] = {
      {"text", 25, false, "pay 4111111111111111 now", null},
      {"json", 114, false, R"({"a":"a@b.org"})", null},
      {"nothing to hide", 25, false, "pay now, please do", unchanged},
  };
  expect(nulls, cases);
}

TEST(ResultMasker, masking_evasion_14_and_22_binary_forms_are_read_by_type) {
  const std::string card = int8_wire(4111111111111111);
  const std::string other = int8_wire(4111111111111112);
  const std::string numeric("\0\x04\0\x03\0\0\0\0\x10\x0F\x04\x57\x04\x57\x04\x57", 16);
  const std::string jsonb = "\x01{\"a\": \"a@b.org\"}";
  const std::string array("\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x01\0\0\0\x01\0\0\0\x10"
                          "4111111111111111",
                          40);
  // An element of 53 bytes: its length byte is the digit 5.
  const std::string trap = std::string("\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x01\0\0\0\x01\0\0\0\x35", 24) + "4111111111111111" + std::string(37, ' ');
  const Case cases[] = {
      {"int8 in text", 20, false, "4111111111111111", null},
      {"int8 in text, no card", 20, false, "4111111111111112", unchanged},
      {"int8", 20, true, card, null},
      {"int8, no card", 20, true, other, unchanged},
      {"int8 of a wrong size", 20, true, "1234", null},
      {"numeric in text", 1700, false, "4111111111111111.00", null},
      {"numeric", 1700, true, numeric, null},
      {"numeric cut off", 1700, true, std::string_view(numeric).substr(0, 15), null},
      {"jsonb keeps its version byte", 3802, true, jsonb, "\x01{\"a\": \"***.org\"}"},
      {"jsonb, empty", 3802, true, "", unchanged},
      {"text[]: what a mask would write is not an array", 1009, true, array, null},
      {"text[] with a length that looks like a digit", 1009, true, trap, null},
      {"record", 2249, true, array, null},
      {"an enum or composite of the user's", 17000, true, "a@b.org", null},
      {"nothing in it", 17000, true, "hello there", unchanged},
      {"bytea", 17, true, "a@b.org", "***.org"},
      {"bytea in hex", 17, false, "\\x78206140622e6f7267", "\\x78202a2a2a2e6f7267"},
      {"bytea in hex whose hex looks like a card", 17, false, "\\x4111111111111111", unchanged},
      {"int8[] in text", 1016, false, "{4111111111111111,1}", null},
  };
  expect(keep_four, cases);
}

TEST(ResultMasker, masking_evasion_23_digit_tricks_are_seen_through) {
  const Case cases[] = {
      {"no-break spaces", 25, false, "4111\xC2\xA0" "1111\xC2\xA0" "1111\xC2\xA0" "1111", "***************1111"},
      {"zero-width spaces between digits", 25, false, "4111\xE2\x80\x8B" "111111111111", "*************1111"},
      {"full-width digits", 25, false,
       "\xEF\xBC\x94\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91"
       "\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91",
       "************\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91\xEF\xBC\x91"},
      {"en dashes in an SSN", 25, false, "536\xE2\x80\x93" "90\xE2\x80\x93" "4399", "*******4399"},
      {"a full-width at sign", 25, false, "alice\xEF\xBC\xA0" "example.com", "*************.com"},
      {"other letters around are kept", 25, false, "gr\xC3\xBC\xC3\x9F" "e, 4111111111111111 \xC3\xA4", "gr\xC3\xBC\xC3\x9F" "e, ************1111 \xC3\xA4"},
      {"bytes that are no UTF-8 around it", 25, false, "\xFF 4111111111111111 \xC3", "\xFF ************1111 \xC3"},
  };
  expect(keep_four, cases);
}

TEST(ResultMasker, masking_evasion_27_json_escapes_are_decoded_and_the_syntax_stays) {
  Bound bound(keep_four);
  const struct {
    std::string_view why;
    std::string_view value;
    std::string_view want;
  } cases[] = {
      {"in a string", R"({"pan": "4111111111111111"})", R"({"pan": "************1111"})"},
      {"escaped digits", R"({"pan": "\u0034111111111111111"})", R"({"pan": "************1111"})"},
      {"kept characters keep their escapes", R"({"pan": "411111111111111\u0031"})", R"({"pan": "************111\u0031"})"},
      {"an escape right before a mail address", R"({"a": "\nalice@example.com"})", R"({"a": "\n*************.com"})"},
      {"an escaped at sign", R"({"a": "alice\u0040example.com"})", R"({"a": "*************.com"})"},
      {"an escaped space before digits", R"({"a": "\u00204111111111111111"})", R"({"a": "\u0020************1111"})"},
      {"a number becomes null", R"({"pan": 4111111111111111, "b": 1})", R"({"pan": null, "b": 1})"},
      {"a negative number with a fraction", R"([-4111111111111111.5e0])", R"([null])"},
      {"two numbers", R"([4111111111111111,5555555555554444])", R"([null,null])"},
      {"a key", R"({"a@b.org": 1})", R"({"***.org": 1})"},
      {"an escaped quote before it", R"({"a": "\"a@b.org\""})", R"({"a": "\"***.org\""})"},
      {"an escaped backslash before it", R"({"a": "\\a@b.org"})", R"({"a": "\\***.org"})"},
  };
  for (const uint32_t type : {114U, 3802U}) {
    for (const auto& c : cases) {
      const std::string got = mask_one(bound, c.value, type, false);
      EXPECT_EQ(got, c.want) << c.why;
      EXPECT_TRUE(nlohmann::json::accept(got)) << c.why;
    }
  }
}

TEST(ResultMasker, json_inside_a_text_column_is_seen_through_too) {
  Bound bound(keep_four);
  EXPECT_EQ(mask_one(bound, R"({"pan": "\u0034111111111111111"})", 25, false), R"({"pan": "*****************1111"})");
}

TEST(ResultMasker, only_the_live_types_are_masked) {
  Bound cards("rules:\n  - {id: a, result: {types: [CREDIT_CARD]}, mask: {operator: redact}}\n");
  EXPECT_EQ(cards.masked("a@b.org 536-90-4399 4111111111111111"), "a@b.org 536-90-4399 ");
  Bound mails("rules:\n  - {id: a, result: {types: [EMAIL_ADDRESS]}, mask: {operator: redact}}\n");
  EXPECT_EQ(mails.masked("a@b.org 536-90-4399 4111111111111111"), " 536-90-4399 4111111111111111");
  Bound ssns("rules:\n  - {id: a, result: {types: [US_SSN]}, mask: {operator: redact}}\n");
  EXPECT_EQ(ssns.masked("a@b.org 536-90-4399 4111111111111111"), "a@b.org  4111111111111111");
}

TEST(ResultMasker, each_rule_masks_in_its_own_way_and_two_rules_in_the_stricter) {
  Bound bound(R"(
rules:
  - {id: a, result: {types: [CREDIT_CARD]}, mask: {operator: mask, keep_first: 6, keep_last: 4}}
  - {id: b, result: {types: [EMAIL_ADDRESS]}, mask: {operator: mask, keep_first: 1, masking_char: "#"}}
  - {id: c, result: {types: [CREDIT_CARD]}, mask: {operator: mask, keep_last: 4}}
)");
  EXPECT_EQ(bound.masked("4111111111111111 alice@example.com"), "************1111 a################");
}

TEST(ResultMasker, mask_text_leaves_text_alone_without_value_rules) {
  Bound bound("rules:\n  - {id: a, result: {columns: [a.b.c]}, mask: {operator: redact}}\n");
  EXPECT_EQ(bound.masked("4111111111111111"), "4111111111111111");
  Bound nulled(nulls);
  EXPECT_EQ(nulled.masked("key (card)=(4111111111111111) exists"), "") << "free text cannot be NULL: nothing of it is shown";
}

TEST(ResultMasker, rows_and_columns_keep_their_places) {
  Bound bound(keep_four);
  MaskPlan plan;
  plan.columns = {{CellAction::Pass, {}, 25, false, {}}, {CellAction::Scan, {}, 25, false, {}},
                  {CellAction::Null, {}, 23, false, {}}, {CellAction::Mask, {MaskOperator::Mask, 1, 0, '*'}, 25, false, "r"}};
  ResultMasker masker(bound.scratch);
  for (int round = 0; round < 3; ++round) {
    masker.begin(bound.rules, plan);
    std::vector<std::string> values(100);
    for (size_t row = 0; row < values.size(); ++row) {
      values[row] = row % 3 == 0 ? "4111111111111111" : "plain value " + std::to_string(row);
      const Cell none{};
      const Cell cells[] = {cell_of("4111111111111111"), cell_of(values[row]), row % 5 == 0 ? none : cell_of("7"),
                            row % 5 == 0 ? none : cell_of("secret")};
      masker.add_row(cells);
    }
    masker.finish();
    size_t masked = 0;
    for (size_t row = 0; row < values.size(); ++row) {
      EXPECT_EQ(masker.replacement(row, 0), nullptr);
      EXPECT_EQ(shown(masker.replacement(row, 1)), row % 3 == 0 ? "************1111" : unchanged);
      EXPECT_EQ(shown(masker.replacement(row, 2)), row % 5 == 0 ? unchanged : null) << "what is NULL stays as it is";
      EXPECT_EQ(shown(masker.replacement(row, 3)), row % 5 == 0 ? unchanged : "s*****");
      EXPECT_EQ(masker.row_changed(row), row % 3 == 0 || row % 5 != 0);
      for (size_t column = 0; column < 4; ++column) masked += masker.replacement(row, column) != nullptr;
    }
    EXPECT_EQ(masker.masked_cells(), masked);
    EXPECT_GT(masker.gathered_bytes(), 0U);
  }
}

TEST(ResultMasker, neighbouring_cells_never_join_into_one_value) {
  Bound bound(keep_four);
  MaskPlan plan;
  plan.columns.assign(4, {CellAction::Scan, {}, 25, false, {}});
  ResultMasker masker(bound.scratch);
  masker.begin(bound.rules, plan);
  for (int row = 0; row < 3; ++row) {
    const Cell cells[] = {cell_of("41111111 1111"), cell_of("1111 and so on"), cell_of("alice@x      "), cell_of("example.com 536-90-")};
    masker.add_row(cells);
  }
  masker.finish();
  EXPECT_EQ(masker.masked_cells(), 0U);
}

TEST(ResultMasker, promise_10_batches_are_bounded_and_large_values_are_scanned_alone) {
  Bound bound(keep_four);
  MaskPlan plan;
  plan.columns.assign(2, {CellAction::Scan, {}, 25, false, {}});
  const std::string filler(300'000, 'x');
  const std::string large = filler + " 4111111111111111 " + filler + "\xC2\xA0" + "536\xE2\x80\x93" "90\xE2\x80\x93" "4399";
  const std::string medium = std::string(5'000, 'y') + " 4111111111111111 " + std::string(1'000, 'z');
  ResultMasker masker(bound.scratch);
  masker.begin(bound.rules, plan);
  for (int row = 0; row < 200; ++row) {
    const Cell cells[] = {cell_of(medium), cell_of(row == 100 ? std::string_view(large) : "alice@example.com")};
    masker.add_row(cells);
  }
  masker.finish();
  EXPECT_EQ(masker.masked_cells(), 400U);
  for (size_t row = 0; row < 200; ++row) {
    EXPECT_EQ(as_text(masker.replacement(row, 0)->value).find("411111"), std::string_view::npos);
    if (row != 100) {
      EXPECT_EQ(shown(masker.replacement(row, 1)), "*************.com");
    }
  }
  EXPECT_EQ(shown(masker.replacement(100, 1)), filler + " ************1111 " + filler + "\xC2\xA0" + "*******4399");
}

TEST(ResultMasker, a_value_at_the_seam_of_two_batches_is_found) {
  Bound bound(keep_four);
  MaskPlan plan;
  plan.columns.assign(1, {CellAction::Scan, {}, 25, false, {}});
  for (size_t size : {262'120U, 262'126U, 262'127U, 262'128U, 262'143U, 262'144U, 262'145U}) {
    const std::string first(size, 'x');
    ResultMasker masker(bound.scratch);
    masker.begin(bound.rules, plan);
    for (const std::string_view value : {std::string_view(first), std::string_view("4111111111111111")}) {
      const Cell cell = cell_of(value);
      masker.add_row({&cell, 1});
    }
    masker.finish();
    EXPECT_EQ(masker.replacement(0, 0), nullptr) << size;
    EXPECT_EQ(shown(masker.replacement(1, 0)), "************1111") << size;
  }
}

TEST(ResultMasker, what_a_mask_uncovers_is_masked_too) {
  // A number in front makes an SSN part of a longer row of digits and dashes, until that number is gone.
  Bound redacting(redacts);
  EXPECT_EQ(redacting.masked("4111111111111111-536-90-4399"), "-");
  // The digits that are kept, 4008, begin a number with what stands behind them.
  Bound keeping(keep_four);
  EXPECT_EQ(keeping.masked("4111111111114008 1111 1111 1117"), std::string(27, '*') + "1117");
  EXPECT_EQ(mask_one(keeping, R"({"a":"4111111111114008 1111 1111 1117"})", 114, false),
            R"({"a":")" + std::string(27, '*') + R"(1117"})");
  EXPECT_EQ(mask_one(keeping, R"(\x34313131313131313131313134303038203131313120313131312031313137)", 17, false),
            R"(\x2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a31313137)");
  EXPECT_EQ(mask_one(keeping, "\x01" R"(["4111111111114008 1111 1111 1117"])", 3802, true),
            "\x01[\"" + std::string(27, '*') + "1117\"]");
}

TEST(ResultMasker, masking_evasion_26_what_a_mask_leaves_is_no_value) {
  // The most that may be kept of each type, and still nothing of the type is left.
  Bound bound(R"(
rules:
  - {id: a, result: {types: [CREDIT_CARD]}, mask: {operator: mask, keep_first: 6, keep_last: 4}}
  - {id: b, result: {types: [EMAIL_ADDRESS]}, mask: {operator: mask, keep_last: 5}}
  - {id: c, result: {types: [US_SSN]}, mask: {operator: mask, keep_last: 4}}
)");
  for (const std::string_view value : {"4222222222222", "6304000000000000000", "4111 1111 1111 1111 4111 1111 1111 1111",
                                       "xa@b.co", "a@b.co", "536-90-4399 536-90-4399"}) {
    const std::string once = bound.masked(value);
    EXPECT_NE(once, value);
    EXPECT_EQ(bound.masked(once), once) << value;
  }
}

}  // namespace
}  // namespace sluice::rules
