// Types that need context, through whole results: column names, keys, the words before a value.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "../ruleset/support.h"
#include "support.h"

namespace sluice::rules {
namespace {

using testing::Bound;

constexpr std::string_view everything = R"(
rules:
  - {id: values, result: {types: [CREDIT_CARD, EMAIL_ADDRESS, US_SSN, UK_NHS, NL_BSN, IBAN_CODE, github-pat]},
     mask: {operator: mask}}
)";
constexpr std::string_view nhs = "9434765919";

std::string mask_in(Bound& bound, const ResultColumn& column, std::string_view value, const Catalog* catalog = nullptr) {
  ResultMasker masker(bound.scratch);
  const MaskPlan plan = bound.rules.plan({column}, false, catalog);
  masker.begin(bound.rules, plan);
  const Cell cell{as_bytes(value).data(), static_cast<int32_t>(value.size())};
  masker.add_row({&cell, 1});
  masker.finish();
  const Replacement* replacement = masker.replacement(0, 0);
  if (replacement == nullptr) return std::string(value);
  return replacement->null ? "null" : std::string(as_text(replacement->value));
}

std::string stars(size_t count) { return std::string(count, '*'); }

TEST(Context, a_column_name_is_split_into_words_whatever_joins_them) {
  Bound bound(everything);
  for (const char* name : {"nhs", "NHS", "nhs_number", "patientNhs", "patient.nhs", "NHSNumber", "nhs2", "old-nhs-no"}) {
    EXPECT_EQ(mask_in(bound, {name, 0, 0, 25, false}, nhs), stars(10)) << name;
  }
  for (const char* name : {"id", "order_number", "nhsx", "xnhs", ""}) {
    EXPECT_EQ(mask_in(bound, {name, 0, 0, 25, false}, nhs), nhs) << name;
  }
}

TEST(Context, words_of_a_name_count_together) {
  Bound bound(everything);
  for (const char* name : {"social_security", "socialSecurity", "social security no", "SOCIAL_SECURITY"}) {
    EXPECT_EQ(mask_in(bound, {name, 0, 0, 25, false}, "536904399"), stars(9)) << name;
  }
}

TEST(Context, masking_evasion_01_an_alias_does_not_hide_the_columns_own_name) {
  Bound bound(everything);
  Catalog catalog;
  catalog.relations[20000] = {20000, "public", "patients", 'r', {{"id", 1, 25, {}}, {"nhs_number", 2, 25, {}}}, {}, {}};
  EXPECT_EQ(mask_in(bound, {"x", 20000, 2, 25, false}, nhs, &catalog), stars(10));
  EXPECT_EQ(mask_in(bound, {"x", 20000, 1, 25, false}, nhs, &catalog), nhs);
}

TEST(Context, a_word_before_the_value_counts_in_the_same_cell_only) {
  Bound bound(everything);
  EXPECT_EQ(bound.masked("NHS number 9434765919 was seen"), "NHS number " + stars(10) + " was seen");
  EXPECT_EQ(bound.masked("number 9434765919 of the NHS"), "number 9434765919 of the NHS");
  ResultMasker masker(bound.scratch);
  const MaskPlan plan = bound.rules.plan({{"a", 0, 0, 25, false}, {"b", 0, 0, 25, false}}, false, nullptr);
  masker.begin(bound.rules, plan);
  const std::string_view values[] = {"nhs nhs nhs", nhs};
  const Cell cells[] = {{as_bytes(values[0]).data(), 11}, {as_bytes(values[1]).data(), 10}};
  masker.add_row(cells);
  masker.finish();
  EXPECT_EQ(masker.masked_cells(), 0U);
}

TEST(Context, integers_are_read_where_the_name_says_what_they_are) {
  Bound bound(everything);
  EXPECT_EQ(mask_in(bound, {"nhs", 0, 0, 20, false}, nhs), "null");
  EXPECT_EQ(mask_in(bound, {"nhs", 0, 0, 1700, false}, nhs), "null");
  EXPECT_EQ(mask_in(bound, {"id", 0, 0, 20, false}, nhs), nhs);
  Bound without_cards("rules:\n  - {id: a, result: {types: [UK_NHS]}, mask: {operator: mask}}\n");
  EXPECT_TRUE(without_cards.rules.plan({{"id", 0, 0, 20, false}}, false, nullptr).passes_all);
  EXPECT_FALSE(without_cards.rules.plan({{"nhs", 0, 0, 20, false}}, false, nullptr).passes_all);
}

TEST(Context, keys_of_json_are_context_for_what_stands_below_them) {
  Bound bound(everything);
  const struct {
    std::string_view why;
    std::string_view value;
    std::string want;
  } cases[] = {
      {"its own key", R"({"nhs": "9434765919", "id": "9434765919"})", R"({"nhs": "**********", "id": "9434765919"})"},
      {"a key above", R"({"nhsNumbers": {"a": ["9434765919", 1]}})", R"({"nhsNumbers": {"a": ["**********", 1]}})"},
      {"not a key beside", R"({"nhs": 1, "id": ["9434765919"]})", R"({"nhs": 1, "id": ["9434765919"]})"},
      {"a number", R"({"nhs": 9434765919})", R"({"nhs": null})"},
      {"escaped digits", R"({"nhs": "\u0039434765919"})", R"({"nhs": "**********"})"},
      {"types without context still", R"({"a": "a@b.org 4111111111111111"})", R"({"a": "******* ****************"})"},
      {"a value as a key", R"({"a@b.org": 1})", R"({"*******": 1})"},
      {"a large number beside", R"([123456789012345678901234567890, {"nhs": "9434765919"}])",
       R"([123456789012345678901234567890, {"nhs": "**********"}])"},
      {"a scalar", R"("a@b.org")", R"("*******")"},
      {"empty", R"({})", R"({})"},
  };
  for (const uint32_t type : {114U, 3802U}) {
    for (const auto& c : cases) {
      EXPECT_EQ(mask_in(bound, {"doc", 0, 0, type, false}, c.value), c.want) << c.why;
      EXPECT_EQ(mask_in(bound, {"doc", 0, 0, 3802, true}, "\x01" + std::string(c.value)), "\x01" + c.want) << c.why;
    }
  }
  EXPECT_EQ(mask_in(bound, {"nhs", 0, 0, 3802, false}, R"(["9434765919"])"), R"(["**********"])") << "the column's name";
}

TEST(Context, bug_class_14_what_is_no_json_is_read_as_a_whole) {
  Bound bound(everything);
  for (const std::string_view text : {R"({"a": "a@b.org")", R"({"a": 1} a@b.org)", R"({"a": "a@b.org)", R"([1, a@b.org])",
                                      R"({"a" "a@b.org"})", R"([1] ["a@b.org"])", R"({"a": 1}, "a@b.org")"}) {
    EXPECT_EQ(mask_in(bound, {"doc", 0, 0, 114, false}, text).find("a@b.org"), std::string::npos) << text;
  }
  const std::string deep = std::string(5000, '[') + "\"a@b.org\"" + std::string(5000, ']');
  EXPECT_EQ(mask_in(bound, {"doc", 0, 0, 114, false}, deep).find("a@b.org"), std::string::npos);
}

TEST(Context, more_contexts_than_batches_share_the_last_and_nothing_is_missed) {
  Bound bound(R"(
rules:
  - {id: values, result: {types: [UK_NHS, NL_BSN, PL_PESEL, PT_NIF, IL_ID, AU_TFN, HU_TAJ, TR_NATIONAL_ID, HR_OIB, BG_EGN, US_NPI]},
     mask: {operator: mask}}
)");
  const DataTypes& types = DataTypes::shipped();
  nlohmann::json document;
  ResultShape shape;
  std::vector<std::string> values;
  for (const char* id : {"UK_NHS", "NL_BSN", "PL_PESEL", "PT_NIF", "IL_ID", "AU_TFN", "HU_TAJ", "TR_NATIONAL_ID", "HR_OIB", "BG_EGN", "US_NPI"}) {
    const DataTypeSpec& spec = types.spec(*types.find(id));
    const std::string word(parts_of(spec.context)[0]);
    values.emplace_back(parts_of(spec.examples)[0]);
    document[word] = values.back();
    shape.push_back({word, 0, 0, 25, false});
  }
  const std::string masked = mask_in(bound, {"doc", 0, 0, 114, false}, document.dump());
  const MaskPlan plan = bound.rules.plan(shape, false, nullptr);
  EXPECT_LE(plan.searches.size(), searches_max);
  ResultMasker masker(bound.scratch);
  masker.begin(bound.rules, plan);
  std::vector<Cell> cells;
  for (const std::string& value : values) {
    EXPECT_EQ(masked.find(value), std::string::npos) << value;
    cells.push_back({as_bytes(value).data(), static_cast<int32_t>(value.size())});
  }
  masker.add_row(cells);
  masker.finish();
  EXPECT_EQ(masker.masked_cells(), values.size());
}

}  // namespace
}  // namespace sluice::rules
