// The table of types against itself: every row's examples and near misses.
#include <algorithm>
#include <set>

#include "support.h"

namespace sluice::rules {
namespace {

using testing::values;
using Values = std::vector<std::string>;

const DataTypes& types() { return DataTypes::shipped(); }

TEST(DataTypes, every_example_is_found_and_no_near_miss_is) {
  types().all().each([](DataType type) {
    const DataTypeSpec& spec = types().spec(type);
    EXPECT_FALSE(spec.examples.empty()) << spec.id;
    EXPECT_FALSE(spec.negatives.empty()) << spec.id;
    for (const std::string_view example : parts_of(spec.examples)) {
      EXPECT_EQ(values(example, type, true).size(), 1U) << spec.id << ": " << example;
      if (spec.engine == Engine::Forms) {
        EXPECT_EQ(values(example, type, true), Values{std::string(example)}) << spec.id;
      }
    }
    for (const std::string_view negative : parts_of(spec.negatives)) {
      EXPECT_EQ(values(negative, type, true), Values{}) << spec.id;
    }
  });
}

TEST(DataTypes, every_example_is_found_at_every_offset_of_a_block_between_other_cells) {
  types().all().each([](DataType type) {
    const DataTypeSpec& spec = types().spec(type);
    const std::string example(parts_of(spec.examples)[0]);
    for (size_t before = 0; before < 70; ++before) {
      const std::string text = std::string(before, '.') + cell_separator + example + cell_separator + "12345";
      ASSERT_EQ(values(text, type, true).size(), 1U) << spec.id << " behind " << before;
    }
  });
}

TEST(DataTypes, an_example_of_a_type_that_needs_context_is_found_with_a_word_before_it_and_not_without) {
  types().all().each([](DataType type) {
    const DataTypeSpec& spec = types().spec(type);
    if (!spec.needs_context) return;
    const std::string example(parts_of(spec.examples)[0]);
    const std::string word(parts_of(spec.context)[0]);
    EXPECT_EQ(values(example, type, false), Values{}) << spec.id;
    EXPECT_EQ(values(word + ": " + example, type, false), Values{example}) << spec.id;
    EXPECT_EQ(values(word + cell_separator + example, type, false), Values{}) << spec.id << ": another cell's word";
    EXPECT_EQ(values(word + std::string(context_window_max, ' ') + example, type, false), Values{}) << spec.id << ": too far";
  });
}

TEST(DataTypes, rows_are_sound) {
  std::set<std::string_view> ids;
  size_t checked = 0;
  types().all().each([&](DataType type) {
    const DataTypeSpec& spec = types().spec(type);
    EXPECT_TRUE(ids.insert(spec.id).second) << spec.id;
    EXPECT_EQ(types().find(spec.id), type);
    EXPECT_GT(spec.size_min, 0U) << spec.id;
    EXPECT_GE(spec.size_max, spec.size_min) << spec.id;
    EXPECT_LT(spec.keep_max, spec.size_min) << spec.id;
    EXPECT_TRUE(!spec.needs_context || !spec.context.empty()) << spec.id;
    EXPECT_EQ(spec.engine == Engine::Forms, spec.check != nullptr) << spec.id;
    EXPECT_EQ(spec.engine == Engine::Trigger, spec.trigger != nullptr) << spec.id;
    for (const std::string_view word : parts_of(spec.context)) {
      EXPECT_TRUE(std::ranges::none_of(word, [](char c) { return (c >= 'A' && c <= 'Z') || c == ' '; })) << spec.id << word;
    }
    checked += 1;
  });
  EXPECT_GE(checked, 60U);
  EXPECT_LE(checked, data_types_max);
}

TEST(DataTypes, are_found_by_the_names_that_other_tools_use) {
  EXPECT_EQ(types().find("CREDIT_CARD_NUMBER"), DataType::CreditCard);
  EXPECT_EQ(types().find("us_social_security_number"), DataType::UsSsn);
  EXPECT_EQ(types().find("nothing"), std::nullopt);
  EXPECT_TRUE(types().pack("secrets")->has(*types().find("github-pat")));
  EXPECT_FALSE(types().pack("pii")->has(*types().find("github-pat")));
  EXPECT_EQ(types().pack("other"), std::nullopt);
}

TEST(DataTypes, numbers_inside_longer_numbers_and_words_are_not_found) {
  const DataType nino = *types().find("UK_NINO");
  const DataType nhs = *types().find("UK_NHS");
  for (const std::string_view text : {"xAB123456C", "AB123456C1", "f3a9-AB123456C", "AB123456C-77"}) {
    EXPECT_EQ(values(text, nino, true), Values{}) << text;
  }
  for (const std::string_view text : {"19434765919", "94347659190", "0.9434765919", "12-9434765919", "a9434765919"}) {
    EXPECT_EQ(values(text, nhs, true), Values{}) << text;
  }
  EXPECT_EQ(values("[9434765919]", nhs, true), Values{"9434765919"});
}

}  // namespace
}  // namespace sluice::rules
