// A rule set's own types, databases that were saved, grouping by cost.
#include <algorithm>

#include "rules/detect/samples.h"
#include "rules/detect/secrets.h"
#include "support.h"

namespace sluice::rules {
namespace {

using testing::find;
using testing::only;

UserType employee() {
  return {.id = "EMPLOYEE_ID", .pattern = R"(\bEMP-\d{6}\b)", .validator = "", .size_max = 16, .keep_max = 2,
          .context = {"employee"}, .needs_context = false, .examples = {"EMP-123456"}, .negatives = {"EMP-12345"}};
}

TEST(UserTypes, are_found_like_those_that_ship) {
  DataTypes types;
  const auto type = types.add(employee());
  ASSERT_TRUE(type) << type.error().message;
  EXPECT_EQ(types.find("employee_id"), *type);
  EXPECT_EQ(DataTypes::shipped().find("EMPLOYEE_ID"), std::nullopt) << "one table does not change another";
  const auto detectors = Detectors::make(types, only(*type));
  ASSERT_TRUE(detectors);
  const auto matches = find(**detectors, "from EMP-123456 to EMP-654321.", (*detectors)->search(only(*type)));
  ASSERT_EQ(matches.size(), 2U);
  EXPECT_EQ(matches[0], (Match{5, 15, *type}));
}

TEST(UserTypes, promise_04_one_that_cannot_work_is_refused_with_what_was_expected) {
  const struct {
    std::string_view want;
    void (*change)(UserType&);
  } cases[] = {
      {"data type EMPLOYEE_ID: expected an expression of Hyperscan, found", [](UserType& t) { t.pattern = "(?<=a)b"; }},
      {"data type EMPLOYEE_ID: expected a pattern that matches something", [](UserType& t) { t.pattern = "a*"; }},
      {"data type EMPLOYEE_ID: expected a pattern of 1 to 1024 bytes, found 0", [](UserType& t) { t.pattern = ""; }},
      {"data type US_SSN: expected an id that is free, found one of US_SSN", [](UserType& t) { t.id = "US_SSN"; }},
      {"data type IBAN: expected an id that is free, found one of IBAN_CODE", [](UserType& t) { t.id = "IBAN"; }},
      {"data type EMPLOYEE_ID: expected a validator (luhn, verhoeff,", [](UserType& t) { t.validator = "luhnn"; }},
      {"data type EMPLOYEE_ID: expected a match in the example \"EMP-1\", found none", [](UserType& t) { t.examples = {"EMP-1"}; }},
      {"data type EMPLOYEE_ID: expected no match in the negative \"EMP-111111\", found one",
       [](UserType& t) { t.negatives = {"EMP-111111"}; }},
      {"data type EMPLOYEE_ID: expected context words, found none", [](UserType& t) { t.needs_context = true, t.context = {}; }},
      {"data type EMPLOYEE_ID: expected a match in the example \"EMP-123456\", found none",
       [](UserType& t) { t.validator = "luhn"; }},
  };
  for (const auto& c : cases) {
    UserType type = employee();
    c.change(type);
    DataTypes types;
    const auto added = types.add(type);
    ASSERT_FALSE(added) << c.want;
    EXPECT_TRUE(added.error().message.starts_with(c.want)) << added.error().message;
    EXPECT_EQ(types.size(), DataTypes::shipped().size());
  }
}

TEST(UserTypes, a_pattern_that_could_run_over_cells_finds_what_begins_in_each) {
  DataTypes types;
  const auto type = types.add({.id = "NOTE", .pattern = "key[^!]*secret", .size_max = 64, .examples = {"key: secret"}});
  ASSERT_TRUE(type) << type.error().message;
  const auto detectors = Detectors::make(types, only(*type));
  const std::string text = std::string("a key") + cell_separator + "my key is secret" + cell_separator + "no secret";
  const auto matches = find(**detectors, text, (*detectors)->search(only(*type)));
  ASSERT_EQ(matches.size(), 1U);
  EXPECT_EQ(text.substr(matches[0].begin, matches[0].end - matches[0].begin), "key is secret");
}

TEST(UserTypes, context_and_validators_are_heeded) {
  DataTypes types;
  const auto type = types.add({.id = "LOYALTY", .pattern = R"(\b\d{4}-\d{4}\b)", .validator = "luhn", .context = {"loyalty"},
                               .needs_context = true, .examples = {"1234-5674"}, .negatives = {"1234-5675"}});
  ASSERT_TRUE(type) << type.error().message;
  const auto detectors = Detectors::make(types, only(*type));
  EXPECT_TRUE(find(**detectors, "1234-5674", (*detectors)->search(only(*type))).empty());
  EXPECT_EQ(find(**detectors, "loyalty 1234-5674", (*detectors)->search(only(*type))).size(), 1U);
  EXPECT_EQ(find(**detectors, "1234-5674", (*detectors)->search(only(*type), (*detectors)->context_of("loyalty_no"))).size(), 1U);
}

std::vector<Match> all_in(const Detectors& detectors, std::string_view text) {
  auto matches = find(detectors, text, detectors.search(detectors.used()));
  std::ranges::sort(matches, {}, [](const Match& m) { return std::tuple(m.begin, m.end, m.type); });
  return matches;
}

TEST(Detectors, grouping_by_cost_finds_the_same_and_says_what_it_measured) {
  const TypeSet all = DataTypes::shipped().all();
  const auto measured = Detectors::make(DataTypes::shipped(), all, {std::chrono::milliseconds(200)});
  ASSERT_TRUE(measured) << measured.error().message;
  EXPECT_FALSE((*measured)->trigger_costs().empty());
  const std::string dense = make_sample(Sample::Dense, 64U << 10);
  const auto matches = all_in(testing::all_detectors(), dense);
  EXPECT_GT(matches.size(), 500U);
  EXPECT_EQ(all_in(**measured, dense), matches);
}

TEST(Detectors, saved_databases_find_the_same_and_damaged_or_missing_ones_are_refused) {
  const TypeSet all = DataTypes::shipped().all();
  auto blobs = testing::all_detectors().save();
  ASSERT_TRUE(blobs);
  const auto loaded = Detectors::load(DataTypes::shipped(), all, *blobs);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const std::string dense = make_sample(Sample::Dense, 16U << 10);
  EXPECT_EQ(all_in(**loaded, dense), all_in(testing::all_detectors(), dense));

  auto missing = *blobs;
  missing.pop_back();
  EXPECT_FALSE(Detectors::load(DataTypes::shipped(), all, missing));
  auto damaged = *blobs;
  damaged[0].bytes[damaged[0].bytes.size() / 2] ^= std::byte{0x20};
  EXPECT_FALSE(Detectors::load(DataTypes::shipped(), all, damaged));
  damaged = *blobs;
  damaged[0].types.push_back(static_cast<DataType>(9999));
  EXPECT_FALSE(Detectors::load(DataTypes::shipped(), all, damaged));
  damaged = *blobs;
  damaged[0].bytes.resize(8);
  EXPECT_FALSE(Detectors::load(DataTypes::shipped(), all, damaged));
}

TEST(Detectors, bug_class_22_text_made_of_triggers_takes_linear_time) {
  // Quadratic work over a mebibyte would take minutes, and the test's own time-out would tell.
  for (const std::string_view unit : {"eyJ", "ghp_", "-glc_", "$5$", "https://", "T3BlbkFJ", "-----BEGIN RSA PRIVATE" " KEY-----",
                                      "authorization: bearer ", "hvs.-", "A1", "AB12 ", "1 2", "a1-", "postgres://a:"}) {
    std::string text;
    while (text.size() < (1U << 20)) text += unit;
    find(testing::all_detectors(), text, testing::all_detectors().search(DataTypes::shipped().all()));
  }
}

TEST(Detectors, random_bytes_are_read_without_a_surprise) {
  uint64_t state = 20261121;
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (size_t i = 0; i < 700; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      constexpr std::string_view often = "0123456789ABCDEFabcdef -./:@_$xX\x1E";
      text += (state >> 60) < 12 ? often[(state >> 33) % often.size()] : static_cast<char>(state >> 40);
    }
    for (const Match& match : find(testing::all_detectors(), text, testing::all_detectors().search(DataTypes::shipped().all()))) {
      ASSERT_LT(match.begin, match.end);
      ASSERT_LE(match.end, text.size());
      ASSERT_EQ(text.substr(match.begin, match.end - match.begin).find(cell_separator), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace sluice::rules
