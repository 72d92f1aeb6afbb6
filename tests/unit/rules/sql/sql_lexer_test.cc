#include "rules/sql/lexer.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "rules/sql/canonical.h"
#include "tests/unit/rules/sql/facts_support.h"
#include "tests/unit/rules/sql/mutator.h"
#include "tests/unit/rules/sql/samples.h"
#include "tests/unit/rules/sql/scan_oracle.h"

namespace sluice::rules::sql {
namespace {

constexpr CanonicalLimits limits{40'000, 500};

std::string canonical(std::string_view text) {
  auto lexed = lex_text(text, limits);
  return lexed ? lexed->canonical : "rejected: " + lexed.error().message;
}

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* const wanted = std::getenv(variable);
  return wanted == nullptr ? otherwise : std::strtoull(wanted, nullptr, 10);
}

// The shortest text that is found to disagree by cutting pieces out, halves first.
std::string shrunk(std::string text) {
  for (size_t piece = text.size() / 2; piece > 0;) {
    bool cut = false;
    for (size_t at = 0; at + piece <= text.size() && !cut; ++at) {
      std::string shorter = text;
      shorter.erase(at, piece);
      if (!utf8_valid(shorter) || oracle::disagreement(shorter).empty()) continue;
      text = std::move(shorter);
      cut = true;
    }
    if (!cut) piece /= 2;
  }
  return text;
}

TEST(sql_lexer, agrees_with_the_servers_scanner_on_every_sample) {
  for (const std::string_view text : samples) EXPECT_EQ(oracle::disagreement(std::string(text)), "") << text;
  for (const std::string_view text : fragments) EXPECT_EQ(oracle::disagreement(std::string(text)), "") << text;
}

TEST(sql_lexer, agrees_with_the_servers_scanner_on_every_pair_of_fragments) {
  for (const std::string_view a : fragments) {
    for (const std::string_view b : fragments) {
      const std::string text = std::string(a).append(b);
      ASSERT_EQ(oracle::disagreement(text), "") << text;
    }
  }
}

TEST(sql_lexer, agrees_with_the_servers_scanner_on_a_million_generated_and_mutated_statements) {
  const uint64_t seed = number_from("SLUICE_LEXER_SEED", 20240611);
  const uint64_t count = number_from("SLUICE_LEXER_STATEMENTS", 1'000'000);
  Mutator mutator(seed);
  size_t accepted = 0;
  for (size_t i = 0; i < count; ++i) {
    // Every third is made of fragments alone: awkward bytes side by side.
    const std::string text = i % 3 == 2 ? mutator.sequence() : mutator.next();
    const std::string difference = oracle::disagreement(text);
    if (!difference.empty()) {
      const std::string least = shrunk(text);
      FAIL() << "SLUICE_LEXER_SEED=" << seed << ", statement " << i << ": " << difference << "\n"
             << text << "\nshrunk: " << least << "\n"
             << oracle::disagreement(least);
    }
    accepted += lex_text(text, limits).has_value() ? 1 : 0;
  }
  std::printf("%zu statements, %zu of them accepted by both, 0 disagreements\n", static_cast<size_t>(count), accepted);
  // Text that all fails at once would compare nothing.
  EXPECT_GT(accepted, count / 4);
}

struct CanonicalCase {
  std::string_view why;
  std::string_view text;
  std::string_view want;
};

class Canonical : public testing::TestWithParam<CanonicalCase> {};

TEST_P(Canonical, is_one_text_for_all_spellings) {
  EXPECT_EQ(canonical(GetParam().text), GetParam().want) << GetParam().why;
}

INSTANTIATE_TEST_SUITE_P(
    sql, Canonical,
    testing::Values(
        CanonicalCase{"evasion_01 key words and bare names fold", "DrOp TaBLe Users", "drop table users"},
        CanonicalCase{"evasion_01 only ASCII folds", "select ÄB", "select Äb"},
        CanonicalCase{"evasion_02 every white space of the server", "drop\t\n\r\ftable  t", "drop table t"},
        CanonicalCase{"evasion_02 a no-break space is part of a name", "drop\xC2\xA0table", "drop\xC2\xA0table"},
        CanonicalCase{"evasion_03 comments part tokens", "drop/**/table--x\nt", "drop table t"},
        CanonicalCase{"evasion_03 -- needs no space behind it", "select 1--1\n+1", "select ?n + ?n"},
        CanonicalCase{"evasion_04 comments nest", "drop /* /* */ select */ table t", "drop table t"},
        CanonicalCase{"evasion_09 quotes come off", "drop table \"users\"", "drop table users"},
        CanonicalCase{"evasion_09 capitals keep them", "drop table \"Users\"", "drop table \"Users\""},
        CanonicalCase{"evasion_09 escapes are decoded", "select U&\"set_confi\\0067\"(1)", "select set_config ( ?n )"},
        CanonicalCase{"evasion_09 with any escape character", "table U&\"us!0065rs\" UESCAPE '!'", "table users"},
        CanonicalCase{"evasion_09 six digits", "table U&\"\\+000075\"", "table u"},
        CanonicalCase{"an unreserved key word is the same name bare", "select \"password\"", "select password"},
        CanonicalCase{"a reserved one is not", "select \"user\"", "select \"user\""},
        CanonicalCase{"nor one that is syntax in front of a parenthesis", "\"coalesce\"(1) \"cube\"(1)",
                      "\"coalesce\" ( ?n ) \"cube\" ( ?n )"},
        CanonicalCase{"a quote inside stays doubled", "select \"a\"\"b\"", "select \"a\"\"b\""},
        CanonicalCase{"evasion_12 all text literals are one", "select 'a', E'\\x64', U&'\\0064', $t$a$t$",
                      "select ?s , ?s , ?s , ?s"},
        CanonicalCase{"evasion_12 adjacent literals are one", "select 'a'\n'b'", "select ?s"},
        CanonicalCase{"evasion_12 N'' is a cast to nchar", "select N'a'", "select nchar ?s"},
        CanonicalCase{"bit strings and numbers by type", "select B'1', X'F', 1, 1.5e3, $1",
                      "select ?b , ?b , ?n , ?n , $1"},
        CanonicalCase{"a UESCAPE clause belongs to its literal", "select U&'!0041' uescape '!' , 1", "select ?s , ?n"},
        CanonicalCase{"evasion_50 both spellings of unequal", "a != b <> c", "a <> b <> c"},
        CanonicalCase{"evasion_50 signs leave operators", "a=-1", "a = - ?n"},
        CanonicalCase{"an operator ? never looks like a placeholder", "a ?s b", "a ? s b"}),
    named_by_reason);

TEST(sql_lexer, evasion_10_names_are_cut_to_63_bytes_at_a_character) {
  const std::string sixty_two(62, 'a');
  EXPECT_EQ(canonical(sixty_two + "bc"), sixty_two + "b");
  EXPECT_EQ(canonical('"' + sixty_two + "bc\""), sixty_two + "b");
  EXPECT_EQ(canonical(sixty_two + "é"), sixty_two);
}

struct RejectedCase {
  std::string_view why;
  std::string_view text;
};

class Rejected : public testing::TestWithParam<RejectedCase> {};

TEST_P(Rejected, text_is_not_lexed) { EXPECT_FALSE(lex_text(GetParam().text, limits)) << GetParam().why; }

using namespace std::string_view_literals;
INSTANTIATE_TEST_SUITE_P(sql, Rejected,
                         testing::Values(RejectedCase{"evasion_07 comment without end", "select 1 /* x"},
                                         RejectedCase{"evasion_07 inner end is not the end", "select /* /* */ 1"},
                                         RejectedCase{"evasion_07 literal without end", "select 'x"},
                                         RejectedCase{"evasion_07 name without end", "select \"x"},
                                         RejectedCase{"evasion_07 dollar quote without end", "select $a$ x $b$"},
                                         RejectedCase{"evasion_08 NUL", "select 1\0; drop table t"sv},
                                         RejectedCase{"evasion_16 overlong quote", "select '\xC0\xA7"},
                                         RejectedCase{"evasion_16 GBK trail byte", "select '\xBF\x27'"},
                                         RejectedCase{"evasion_16 surrogate in UTF-8", "select '\xED\xA0\x80'"},
                                         RejectedCase{"empty name", "select \"\""},
                                         RejectedCase{"escape that is no character", "select U&\"\\D800\""},
                                         RejectedCase{"escape character that is a digit", "select U&\"x\" uescape '1'"},
                                         RejectedCase{"bytes that are not UTF-8", "select E'\\xff'"},
                                         RejectedCase{"letters behind a number", "select 1_000"},
                                         RejectedCase{"a literal that goes on behind a comment is read in two ways",
                                                      "do 'a' -- c\n 'b'"},
                                         RejectedCase{"also behind two", "select 'a' -- c\n -- d\n\t'b'"}),
                         named_by_reason);

TEST(sql_lexer, a_byte_order_mark_is_part_of_a_name_as_for_the_server) {
  EXPECT_EQ(canonical("\xEF\xBB\xBF"
                      "select 1"),
            "\xEF\xBB\xBF"
            "select ?n");
}

TEST(sql_lexer, vertical_tab_is_no_space_in_PostgreSQL_15) {
  EXPECT_EQ(canonical("a\vb"), "a \v b");
  EXPECT_EQ(oracle::disagreement("a\vb"), "");
}

TEST(sql_lexer, evasion_53_tokens_and_nesting_are_capped) {
  EXPECT_TRUE(lex_text("1 1 1", {3, 10}));
  EXPECT_FALSE(lex_text("1 1 1 1", {3, 10}));
  EXPECT_TRUE(lex_text("((()))", {100, 3}));
  EXPECT_FALSE(lex_text("(((())))", {100, 3}));
  EXPECT_FALSE(lex_text("([case case end end])", {100, 3}));
  EXPECT_FALSE(lex_text("))))((((", {100, 3})) << "closing too much makes no room";
}

TEST(sql_lexer, notes_a_backslash_in_a_plain_literal_only) {
  EXPECT_TRUE(lex_text("select 'a\\b'", limits)->backslash_in_plain_literal);
  EXPECT_TRUE(lex_text("select N'a\\b'", limits)->backslash_in_plain_literal);
  EXPECT_TRUE(lex_text("select 'a'\n'\\'", limits)->backslash_in_plain_literal);
  EXPECT_FALSE(
      lex_text("select E'a\\\\b', $$\\$$, \"\\\", U&'\\0041', '\xE2\x88\x96'", limits)->backslash_in_plain_literal);
}

TEST(sql_lexer, evasion_54_texts_that_differ_anywhere_differ_in_canonical_text) {
  const std::string filler(100'000, 'x');
  EXPECT_NE(canonical("select '" + filler + "', a"), canonical("select '" + filler + "', b"));
}

}  // namespace
}  // namespace sluice::rules::sql
