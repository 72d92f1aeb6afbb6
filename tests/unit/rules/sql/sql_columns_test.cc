// Which columns each statement uses and how, followed to the relation they come from.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "tests/unit/rules/sql/facts_support.h"

namespace sluice::rules::sql {
namespace {

struct ColumnsCase {
  std::string_view why;
  std::string_view text;
  std::string_view want;
};

void PrintTo(const ColumnsCase& row, std::ostream* out) { *out << row.text; }

class ColumnsOf : public testing::TestWithParam<ColumnsCase> {};

TEST_P(ColumnsOf, statement) {
  EXPECT_EQ(columns_summary(*facts_of(GetParam().text)), GetParam().want) << GetParam().text;
}

// Letters of the uses: o output, p predicate, g grouping, s ordering, a assigned.
INSTANTIATE_TEST_SUITE_P(
    clauses, ColumnsOf,
    testing::Values(
        ColumnsCase{"output", "select a, b + 1 from t", "t.a:o t.b:o"},
        ColumnsCase{"star", "select * from s.t", "s.t.*:o"},
        ColumnsCase{"where", "select 1 from t where a = 1 and not b", "t.a:p t.b:p"},
        ColumnsCase{"group_by_and_having", "select count(*) from t group by a, b + 1 having max(c) > 1",
                    "t.a:g t.b:g t.c:p"},
        ColumnsCase{"order_by", "select 1 from t order by a desc, lower(b)", "t.a:s t.b:s"},
        ColumnsCase{"order_by_position", "select a, b from t order by 2", "t.a:o t.b:os"},
        ColumnsCase{"order_by_a_position_of_a_star", "select * from t order by 2", "t.*:os"},
        ColumnsCase{"group_by_position_in_a_set", "select a, b from t group by rollup (1, 2)", "t.a:og t.b:og"},
        ColumnsCase{"order_by_an_alias", "select a as x from t order by x", "t.a:os t.x:s"},
        ColumnsCase{"distinct", "select distinct a, b from t", "t.a:og t.b:og"},
        ColumnsCase{"distinct_on", "select distinct on (a) b from t", "t.a:g t.b:o"},
        ColumnsCase{"join_on", "select 1 from t join u on t.a = u.b", "t.a:p u.b:p"},
        ColumnsCase{"join_using", "select 1 from t join u using (a)", "t.a:p u.a:p"},
        ColumnsCase{"natural_join", "select t.a from t natural join u", "t.*:p t.a:o u.*:p"},
        ColumnsCase{"limit", "select 1 from t limit (select a from u)", "any.a:p"},
        ColumnsCase{"windows", "select row_number() over (partition by a order by b) from t", "t.a:g t.b:s"},
        ColumnsCase{"named_windows", "select 1 from t window w as (partition by a order by b)", "t.a:g t.b:s"},
        ColumnsCase{"filter", "select count(a) filter (where b) from t", "t.a:o t.b:op"},
        ColumnsCase{"ordered_aggregates", "select array_agg(a order by b) from t", "t.a:o t.b:s"},
        ColumnsCase{"case_decides", "select case when a then b else c end from t", "t.a:op t.b:o t.c:o"},
        ColumnsCase{"insert", "insert into t (a, b) values (1, 2)", "t.a:a t.b:a"},
        ColumnsCase{"insert_all", "insert into t select a from u", "t.*:a u.a:o"},
        ColumnsCase{"on_conflict",
                    "insert into t (a) values (1) on conflict (k) do update set b = excluded.a where t.c returning d",
                    "t.a:oa t.b:a t.c:p t.d:o t.k:p"},
        ColumnsCase{"update", "update t x set a = x.b, c = 1 where d", "t.a:a t.b:o t.c:a t.d:p"},
        ColumnsCase{"update_from", "update t set a = u.b from u where u.c = t.d returning t.e",
                    "t.a:a t.d:p t.e:o u.b:o u.c:p"},
        ColumnsCase{"update_of_many", "update t set (a, b) = (select c, d from u) where e",
                    "any.c:o any.d:o t.a:a t.b:a t.e:p"},
        ColumnsCase{"delete_using", "delete from t using u where t.a = u.b returning *", "t.*:o t.a:p u.*:o u.b:p"},
        ColumnsCase{"merge",
                    "merge into t using u on t.a = u.b when matched and u.c then update set d = u.e when not matched "
                    "then insert (f) values (u.g)",
                    "t.a:p t.d:a t.f:a u.b:p u.c:p u.e:o u.g:o"},
        ColumnsCase{"copy_out", "copy s.t (a, b) to stdout", "s.t.a:o s.t.b:o"},
        ColumnsCase{"copy_out_all", "copy t to stdout", "t.*:o"},
        ColumnsCase{"copy_in", "copy t (a) from stdin where b", "t.a:a t.b:p"},
        ColumnsCase{"table", "table t", "t.*:o"}),
    named_by_reason);

INSTANTIATE_TEST_SUITE_P(
    scopes, ColumnsOf,
    testing::Values(
        ColumnsCase{"alias", "select x.a from s.t x", "s.t.a:o"},
        ColumnsCase{"alias_of_another_table", "select t.a from t u, u t", "u.a:o"},
        ColumnsCase{"schema_in_front", "select s.t.a from s.t, r.t", "s.t.a:o"},
        ColumnsCase{"a_bare_name_of_several", "select a from t, u", "any.a:o"},
        ColumnsCase{"a_bare_name_of_a_self_join", "select a from t x, t y", "t.a:o"},
        ColumnsCase{"an_alias_that_is_not_there", "select z.a from t", "any.a:o"},
        ColumnsCase{"columns_renamed_by_position", "select c from t as x(b, c)", "t.*:o"},
        ColumnsCase{"derived_table", "select x from (select a as x, b from t) d where d.b", "t.a:o t.b:op"},
        ColumnsCase{"derived_star", "select 1 from (select * from t) d where a = 1", "t.*:o t.a:p"},
        ColumnsCase{"derived_twice", "select 1 from (select x y from (select a x from t) d) e where y", "t.a:op"},
        ColumnsCase{"derived_and_renamed", "select 1 from (select a, b from t) d(x, y) where y", "t.a:o t.b:op"},
        ColumnsCase{"a_computed_column", "select 1 from (select upper(a) from t) d where upper = 'X'", "t.a:op"},
        ColumnsCase{"with", "with w as (select a, b from t) select 1 from w where a", "t.a:op t.b:o"},
        ColumnsCase{"with_renamed", "with w(x, y) as (select a, b from t) select 1 from w v where v.y", "t.a:o t.b:op"},
        ColumnsCase{"with_returning", "with w as (delete from t where c returning a as x) select 1 from w where x",
                    "t.a:op t.c:p"},
        ColumnsCase{"with_recursive",
                    "with recursive w as (select a, b from t union all select t.a, t.b from t, w where w.a = t.c) "
                    "select 1 from w",
                    "t.a:op t.b:op t.c:p"},
        ColumnsCase{"with_recursive_forward",
                    "with recursive v as (select x from w), w as (select a x from t) select 1 from v where x",
                    "t.a:opgs"},
        ColumnsCase{"union", "select a from t union all select b from u order by 1", "t.a:os u.b:os"},
        ColumnsCase{"union_compares", "select a from t union select b from u", "t.a:og u.b:og"},
        ColumnsCase{"intersect_is_a_predicate", "select 'x' intersect select a from t", "t.a:opg"},
        ColumnsCase{"union_under_where", "select 1 from (select a x from t union all select b from u) d where x = 1",
                    "t.a:op u.b:op"},
        ColumnsCase{"subselect_may_look_outside", "select 1 from t where b in (select a from u)", "any.a:p t.b:p"},
        ColumnsCase{"subselect_qualified", "select (select u.a from u where u.b = t.c) from t", "t.c:p u.a:o u.b:p"},
        ColumnsCase{"derived_tables_do_not_see_their_siblings", "select 1 from t, (select a from u) d", "u.a:o"},
        ColumnsCase{"lateral_ones_do", "select 1 from t, lateral (select a from u) d", "any.a:o"},
        ColumnsCase{"join_alias", "select 1 from (t join u on true) as j where j.a", "t.a:p u.a:p"},
        ColumnsCase{"functions_in_from", "select x from t, unnest(t.a) x where x = 1", "t.a:op t.x:op"},
        ColumnsCase{"definitions_may_do_anything", "create index on t (lower(a))", "any.a:op"}),
    named_by_reason);

INSTANTIATE_TEST_SUITE_P(
    masking_evasion_05_whole_rows, ColumnsOf,
    testing::Values(ColumnsCase{"bare", "select u from t u", "t.*:o t.u:o"},
                    ColumnsCase{"as_json", "select row_to_json(u), to_jsonb(u.*) from t u", "t.*:o t.u:o"},
                    ColumnsCase{"attribute_notation", "select u.to_jsonb from t u", "t.*:o t.to_jsonb:o"},
                    ColumnsCase{"of_a_derived_table", "select d.row_to_json from (select a from t) d", "t.a:o"},
                    ColumnsCase{"field_of_a_row", "select (u).a from t u", "t.*:o t.u:o"},
                    ColumnsCase{"all_fields_of_a_row", "select (u).* from t u", "t.*:o t.u:o"},
                    ColumnsCase{"row_of_a_star", "select row(u.*) from t u", "t.*:o"},
                    ColumnsCase{"through_a_subselect", "select 1 from (select u from t u) d where (d.u).a",
                                "t.*:op t.u:op"}),
    named_by_reason);

TEST(sql_columns, promise_10_more_columns_than_the_cap_are_unknown_not_forgotten) {
  std::string text = "select 1";
  for (size_t i = 0; i < columns_max; ++i) text += ", c" + std::to_string(i);
  EXPECT_FALSE(facts_of(text + " from t")->columns_unknown);
  EXPECT_EQ(facts_of(text + " from t")->columns.size(), columns_max);
  const auto over = facts_of(text + ", one_more from t");
  EXPECT_TRUE(over->understood && over->columns_unknown);
  EXPECT_TRUE(over->columns.empty());
}

TEST(sql_columns, evasion_53_hostile_scopes_end_in_unknown_columns_and_cost_little) {
  std::string text = "select 1";
  for (int i = 0; i < 6000; ++i) text += ", x" + std::to_string(i % 400);
  text += " from (select lower(a), upper(b) from t) d0";
  for (int i = 1; i < 1500; ++i) text += ", (select lower(a), upper(b) from t) d" + std::to_string(i);
  const auto facts = facts_of(text);
  EXPECT_TRUE(facts->understood) << facts->parse_error;
  EXPECT_TRUE(facts->columns_unknown);
}

struct LiteralsCase {
  std::string_view why;
  std::string_view text;
  std::string_view want;  ///< `|` for the separator.
};
void PrintTo(const LiteralsCase& row, std::ostream* out) { *out << row.text; }

class LiteralsOf : public testing::TestWithParam<LiteralsCase> {};

TEST_P(LiteralsOf, statement) {
  std::string want(GetParam().want);
  std::ranges::replace(want, '|', literal_separator);
  const auto facts = facts_of(GetParam().text);
  ASSERT_TRUE(facts->understood) << facts->parse_error;
  EXPECT_EQ(facts->literals, want);
  EXPECT_FALSE(facts->literals_cut);
}

INSTANTIATE_TEST_SUITE_P(
    evasion_12, LiteralsOf,
    testing::Values(LiteralsCase{"plain", "select 'it''s', 'b'", "it's|b"},
                    LiteralsCase{"empty_ones_count", "select '', 'a', ''", "|a|"},
                    LiteralsCase{"continued", "select 'a'  \n 'b' \n 'c', 'd'", "abc|d"},
                    LiteralsCase{"escapes", "select E'\\x64\\162\\u006f\\U00000070\\n\\q\\''''", "drop\nq''"},
                    LiteralsCase{"surrogates", "select E'\\uD83D\\uDE00'", "\xF0\x9F\x98\x80"},
                    LiteralsCase{"escapes_go_on_in_a_continuation", "select E'a'\n'\\x62'", "ab"},
                    LiteralsCase{"a_backslash_in_a_plain_one", "select 'a\\x62'", "a\\x62"},
                    LiteralsCase{"unicode", "select U&'\\0064r\\+00006fp'", "drop"},
                    LiteralsCase{"unicode_with_its_own_escape", "select U&'!0064''!!' uescape '!'", "d'!"},
                    LiteralsCase{"national", "select N'a'", "a"},
                    LiteralsCase{"dollar_quotes", "select $$a'b$$, $x$c$$d$x$", "a'b|c$$d"},
                    LiteralsCase{"numbers_and_bits_are_none", "select 1, B'1', X'ff', \"name\", 'a'", "a"},
                    LiteralsCase{"bodies", "do $$ begin perform 'x'; end $$", " begin perform 'x'; end "}),
    named_by_reason);

TEST(sql_literals, promise_10_are_cut_at_a_cap_and_say_so) {
  const std::string most(literals_size_max - 1, 'x');
  EXPECT_FALSE(facts_of("select '" + most + "'")->literals_cut);
  const auto over = facts_of("select 'a', '" + most + "', 'b'");
  EXPECT_TRUE(over->literals_cut);
  EXPECT_EQ(over->literals, "a");
}

TEST(sql_functions, evasion_29_classes_follow_the_name_whatever_its_schema_or_spelling) {
  const auto has = [](std::string_view text, FunctionClass c) { return facts_of(text)->function_classes.has(c); };
  EXPECT_TRUE(has("select pg_read_file('x')", FunctionClass::ServerFiles));
  EXPECT_TRUE(has("select * from pg_catalog.\"pg_ls_dir\"('.')", FunctionClass::ServerFiles));
  EXPECT_TRUE(has("select U&\"lo_exp\\006frt\"(1, 'x')", FunctionClass::ServerFiles));
  EXPECT_TRUE(has("select 1 where ext.dblink_exec('x', 'y') = ''", FunctionClass::Network));
  EXPECT_TRUE(has("select query_to_xml('x', true, true, '')", FunctionClass::RunsSqlText));
  EXPECT_TRUE(has("select crosstab('x')", FunctionClass::RunsSqlText));
  EXPECT_TRUE(has("select pg_sleep(1)", FunctionClass::Sleep));
  EXPECT_TRUE(has("select (t).pg_notify from t", FunctionClass::Notifications));
  EXPECT_TRUE(facts_of("select upper(a), count(*) from t")->function_classes.empty());
}

TEST(sql_functions, every_class_and_use_has_a_name_that_leads_back) {
  for (size_t i = 0; i < static_cast<size_t>(FunctionClass::Count_); ++i) {
    EXPECT_EQ(function_class(name_of(static_cast<FunctionClass>(i))), static_cast<FunctionClass>(i));
  }
  for (size_t i = 0; i < static_cast<size_t>(ColumnUse::Count_); ++i) {
    EXPECT_EQ(column_use(name_of(static_cast<ColumnUse>(i))), static_cast<ColumnUse>(i));
  }
  EXPECT_FALSE(function_class("server-file"));
  EXPECT_FALSE(column_use(""));
}

}  // namespace
}  // namespace sluice::rules::sql
