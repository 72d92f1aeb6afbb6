// The cache in front of the grammar: bounded, and never a different answer from the grammar's.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <random>

#include "rules/ruleset/analyzer.h"
#include "tests/unit/rules/sql/facts_support.h"
#include "tests/unit/rules/sql/mutator.h"

namespace sluice::rules::sql {
namespace {

AnalyzerLimits small_cache(uint32_t entries, size_t bytes) {
  AnalyzerLimits limits;
  limits.cache_entries_max = entries;
  limits.cache_bytes_max = bytes;
  return limits;
}

TEST(facts_cache, finds_the_same_bytes_only) {
  FactsCache cache{AnalyzerLimits{}};
  EXPECT_EQ(cache.find("select 1", Literals::Read), nullptr);
  const auto facts = facts_of("select 1");
  cache.insert("select 1", facts);
  EXPECT_EQ(cache.find("select 1", Literals::Read), facts);
  EXPECT_EQ(cache.find("select 2", Literals::Read), nullptr);
  EXPECT_EQ(cache.find("select 1 ", Literals::Read), nullptr);
  EXPECT_EQ(cache.hits(), 1U);
  EXPECT_EQ(cache.misses(), 3U);
}

TEST(facts_cache, keeps_what_was_used_and_lets_the_oldest_unused_go) {
  FactsCache cache{small_cache(3, 1U << 20)};
  const auto facts = facts_of("select 1");
  for (const auto* text : {"a", "b", "c"}) cache.insert(text, facts);
  EXPECT_NE(cache.find("a", Literals::Read), nullptr);
  cache.insert("d", facts);
  EXPECT_NE(cache.find("a", Literals::Read), nullptr) << "used: second chance";
  EXPECT_EQ(cache.find("b", Literals::Read), nullptr) << "oldest unused";
  EXPECT_NE(cache.find("c", Literals::Read), nullptr);
  EXPECT_NE(cache.find("d", Literals::Read), nullptr);
}

TEST(facts_cache, promise_10_is_bounded_in_entries_and_bytes) {
  FactsCache cache{small_cache(10, 64U << 10)};
  const auto facts = facts_of("select 1");
  size_t kept = 0;
  for (int i = 0; i < 1000; ++i) cache.insert(std::to_string(i), facts);
  for (int i = 0; i < 1000; ++i) kept += cache.find(std::to_string(i), Literals::Read) != nullptr ? 1 : 0;
  EXPECT_EQ(kept, 10U);
  cache.insert(std::string(60U << 10, 'x'), facts);
  kept = 0;
  for (int i = 0; i < 1000; ++i) kept += cache.find(std::to_string(i), Literals::Read) != nullptr ? 1 : 0;
  EXPECT_LT(kept, 10U) << "a long text pushes others out";
  const std::string too_long(65U << 10, 'y');
  cache.insert(too_long, facts);
  EXPECT_EQ(cache.find(too_long, Literals::Read), nullptr);
}

TEST(facts_cache, inserting_again_replaces) {
  FactsCache cache{AnalyzerLimits{}};
  cache.insert("select 1", facts_of("select 1"));
  const auto other = facts_of("select 2");
  cache.insert("select 1", other);
  EXPECT_EQ(cache.find("select 1", Literals::Read), other);
}

TEST(facts_cache, what_is_not_understood_is_cached_too) {
  FactsCache cache{AnalyzerLimits{}};
  cache.insert("selct", facts_of("selct"));
  ASSERT_NE(cache.find("selct", Literals::Read), nullptr);
  EXPECT_FALSE(cache.find("selct", Literals::Read)->understood);
}

TEST(facts_cache, answers_for_another_literal_only_where_nobody_reads_literals) {
  FactsCache cache{AnalyzerLimits{}};
  cache.insert("select a from t where b = 'x' and c = 1", facts_of("select a from t where b = 'x' and c = 1"));
  const std::string_view other = "SELECT a -- comment\n FROM T WHERE b = E'\\x79' AND c = 2";
  EXPECT_EQ(cache.find(other, Literals::Read), nullptr);
  const auto found = cache.find(other, Literals::Unread);
  ASSERT_NE(found, nullptr);
  EXPECT_TRUE(found->literals_cut && found->literals.empty()) << "whoever reads them after all takes the worst";
  EXPECT_EQ(cache.shape_hits(), 1U);
  EXPECT_EQ(cache.find("select a from t where b = 'x' and c = '1'", Literals::Unread), nullptr) << "another type";
  EXPECT_EQ(cache.find("select \"A\" from t where b = 'x' and c = 1", Literals::Unread), nullptr);
  EXPECT_EQ(cache.find("select a from t where b = 'a\\' and c = 1", Literals::Unread), nullptr);
}

struct KeptCase {
  std::string_view why;
  std::string_view text;
  std::string_view other;
};
void PrintTo(const KeptCase& row, std::ostream* out) { *out << row.text; }

class LiteralsMatter : public testing::TestWithParam<KeptCase> {};

TEST_P(LiteralsMatter, so_the_shape_is_not_cached) {
  FactsCache cache{AnalyzerLimits{}};
  const auto facts = facts_of(GetParam().text);
  ASSERT_TRUE(facts->understood) << facts->parse_error;
  EXPECT_FALSE(facts->literal_independent);
  cache.insert(GetParam().text, facts);
  EXPECT_EQ(cache.find(GetParam().other, Literals::Unread), nullptr);
}

INSTANTIATE_TEST_SUITE_P(
    sql, LiteralsMatter,
    testing::Values(KeptCase{"order_by", "select a, b from t order by 1", "select a, b from t order by 2"},
                    KeptCase{"group_by", "select a, b from t group by 1", "select a, b from t group by 2"},
                    KeptCase{"distinct_on", "select distinct on (1) a from t", "select distinct on (2) a from t"},
                    KeptCase{"limit", "select a from t limit 1", "select a from t limit 100000000"},
                    KeptCase{"fetch_first", "select a from t fetch first 1 row only",
                             "select a from t fetch first 9 row only"},
                    KeptCase{"json_key", "select to_jsonb(u)->>'name' from u", "select to_jsonb(u)->>'ssn' from u"},
                    KeptCase{"json_path", "select a#>>'{x}' from u", "select a#>>'{y}' from u"},
                    KeptCase{"json_subscript", "select a['x'] from u", "select a['y'] from u"},
                    KeptCase{"setting", "select set_config('a.b', 'c', true)", "select set_config('d.e', 'c', true)"},
                    KeptCase{"sequence", "select nextval('a')", "select nextval('b')"},
                    KeptCase{"name_in_a_cast", "select 'a'::regclass", "select 'b'::regclass"},
                    KeptCase{"function_of_others", "select app.f('a')", "select app.f('b')"},
                    KeptCase{"body", "do $$ begin end $$", "do $$ begin drop table t; end $$"},
                    KeptCase{"set", "set search_path = 'a'", "set search_path = 'b'"},
                    KeptCase{"definition", "create table t (a int default 1)", "create table t (a int default 2)"},
                    KeptCase{"float", "select 1::float(3)", "select 1::float(99)"},
                    KeptCase{"unicode_literal", "select U&'\\0041'", "select U&'\\zzzz'"},
                    KeptCase{"secret", "select crypt('a', gen_salt('bf'))", "select crypt('b', gen_salt('bf'))"}),
    named_by_reason);

constexpr auto plain_queries = std::to_array<std::string_view>({
    "select a, b from s.t where c = 1 and d like 'x%' or e in ('a', 'b', 3)",
    "select count(*), sum(a * 1.5) from t where b > 2 group by c having max(d) > 3 order by e",
    "select t.a, u.b from t join u on t.id = u.id and u.kind = 'x' left join v using (id) where v.z between 1 and 2",
    "with w as (select a, 'x' as k from t where b = 1) select k, a from w where k = 'y' order by k",
    "select case when a = 1 then 'one' else 'many' end, coalesce(b, 'none'), nullif(c, 0) from t",
    "select * from (select a, 1 as one from t) d where one = 2",
    "select a from t union all select 'x' from u where c = 1",
    "select interval '1 day', date '2020-01-01', 'x'::text, cast('1' as int), '1'::numeric(10, 2) from t",
    "select extract(year from a), substring(b from 1 for 2), position('x' in b), trim(both ' ' from c) from t",
    "select row_number() over (partition by a order by b rows between 1 preceding and current row) from t",
    "insert into t (a, b) values (1, 'x'), (2, 'y') returning id",
    "insert into t (a) select b from u where c = 'x' on conflict (a) do update set b = 'y' where t.c = 1",
    "update t set a = 1, b = 'x', c = c + 1 where d = 'y' returning a",
    "update t set a = 'x'",
    "delete from t using u where t.id = u.id and u.a = 'x'",
    "with gone as (delete from t where a = 1 returning b) insert into log (b, why) select b, 'x' from gone",
    "select interval '1' \"day\" from t order by day",
    "select interval '1' day from t order by day",
    "select 1 from t where exists (select 1 from u where u.a = 'x' and u.b = t.b)",
    "select array[1, 2, 3], row(1, 'x'), (1, 'y') = (2, 'z'), a[1] from t",
    "select - 1, + 2, -1.5, a - 1, a -1 from t where b = -1",
    "values (1, 'a'), (2, 'b')",
    "select a from t where b = any(array['x', 'y']) and c similar to 'z%' escape '!'",
    "select a from t where b is not distinct from 'x' and c ilike 'y' limit $1 offset $2",
    "select a from t tablesample system (10) repeatable (1)",
    "select * from generate_series(1, 10) g, lateral (select g + 1) x(y) where y > 3",
    "select lower('X'), now() - '1 day'::interval, to_char(a, 'YYYY') from t for update",
});

// What the second level answers, it was not asked before: it is held against the grammar each time.
TEST(facts_cache, evasion_54_never_says_what_the_grammar_would_not) {
  const char* const wanted = std::getenv("SLUICE_SHAPE_STATEMENTS");
  const size_t count = wanted == nullptr ? 100'000 : std::strtoull(wanted, nullptr, 10);
  constexpr uint64_t seed = 3;
  AnalyzerLimits limits;
  limits.cache_entries_max = 0;
  FactsCache cache{limits};
  Mutator mutator(seed);
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < count; ++i) {
    // A mutated statement is asked for with its own literals, and then with others.
    const std::string text = mutator.number(0, 1) == 0
                                 ? mutator.next()
                                 : std::string(plain_queries[mutator.number(0, plain_queries.size() - 1)]);
    for (const std::string& asked : {text, with_other_literals(text, random), with_other_literals(text, random)}) {
      const auto expected = facts_of(asked);
      if (const auto found = cache.find(asked, Literals::Unread)) {
        ASSERT_EQ(all_but_literals(*found), all_but_literals(*expected)) << "seed " << seed << ": " << asked;
      }
      cache.insert(asked, expected);
    }
  }
  std::printf("%zu statements asked for, %llu answered by shape, all as the grammar would\n", 3 * count,
              static_cast<unsigned long long>(cache.shape_hits()));
  EXPECT_GT(cache.shape_hits(), count / 2) << "the corpus must reach what it is meant to test";
}

}  // namespace
}  // namespace sluice::rules::sql
