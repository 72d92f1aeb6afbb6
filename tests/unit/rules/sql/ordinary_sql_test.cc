// What ordinary programs send must pass: it is understood, nothing in it is opaque or guarded, and it is
// of the kinds it says. The statements are a server's log: tests/corpus/ordinary_sql.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "tests/unit/rules/ordinary_sql.h"
#include "tests/unit/rules/sql/facts_support.h"

namespace sluice::rules::sql {
namespace {

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
  for (const auto& [file, kinds, text] : rules::testing::ordinary_sql()) {
    const auto facts = facts_of(text);
    ASSERT_TRUE(facts->understood) << file << ": " << facts->parse_error << '\n' << text;
    EXPECT_EQ(kinds_of(*facts), kinds) << file << '\n' << text;
    EXPECT_FALSE(facts->opaque) << file << ": " << facts->opaque_because << '\n' << text;
    EXPECT_EQ(facts->guard, Guard::None) << file << ": " << facts->guard_detail << '\n' << text;
    EXPECT_FALSE(facts->columns_unknown) << file << '\n' << text;
    ++count;
  }
  std::printf("%zu statements of ordinary programs, none refused\n", count);
  EXPECT_GT(count, 800U);
}

}  // namespace
}  // namespace sluice::rules::sql
