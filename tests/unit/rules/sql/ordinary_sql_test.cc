// What ordinary programs send must pass: it is understood, nothing in it is opaque or guarded, and it is
// of the kinds it says. The statements are a server's log: tests/corpus/ordinary_sql.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "tests/unit/rules/sql/facts_support.h"

namespace sluice::rules::sql {
namespace {

constexpr std::string_view mark = "\n--! ";

struct Sample {
  std::string_view kinds;
  std::string_view text;
};

// A file is a comment, then statements: each a line with its kinds, then its text.
std::vector<Sample> samples_of(std::string_view file) {
  std::vector<Sample> samples;
  for (size_t at = file.find(mark); at != std::string_view::npos;) {
    const size_t kinds = at + mark.size();
    const size_t text = file.find('\n', kinds) + 1;
    at = file.find(mark, text - 1);
    samples.push_back({file.substr(kinds, text - 1 - kinds), file.substr(text, at - text)});
  }
  return samples;
}

std::string kinds_of(const Facts& facts) {
  std::string out;
  for (size_t i = 0; i < static_cast<size_t>(StatementKind::Count_); ++i) {
    const auto kind = static_cast<StatementKind>(i);
    if (facts.kinds.has(kind)) (out.empty() ? out : out += ' ') += name_of(kind);
  }
  return out;
}

TEST(ordinary_sql, is_understood_and_holds_nothing_opaque_or_guarded) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SLUICE_CORPUS "/ordinary_sql")) {
    std::ifstream in(entry.path());
    const std::string file{std::istreambuf_iterator<char>(in), {}};
    const auto samples = samples_of(file);
    EXPECT_FALSE(samples.empty()) << entry.path();
    for (const Sample& sample : samples) {
      const auto facts = facts_of(sample.text);
      ASSERT_TRUE(facts->understood) << entry.path() << ": " << facts->parse_error << '\n' << sample.text;
      EXPECT_EQ(kinds_of(*facts), sample.kinds) << entry.path() << '\n' << sample.text;
      EXPECT_FALSE(facts->opaque) << entry.path() << ": " << facts->opaque_because << '\n' << sample.text;
      EXPECT_EQ(facts->guard, Guard::None) << entry.path() << ": " << facts->guard_detail << '\n' << sample.text;
      EXPECT_FALSE(facts->columns_unknown) << entry.path() << '\n' << sample.text;
      ++count;
    }
  }
  std::printf("%zu statements of ordinary programs, none refused\n", count);
  EXPECT_GT(count, 800U);
}

}  // namespace
}  // namespace sluice::rules::sql
