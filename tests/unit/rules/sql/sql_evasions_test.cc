// The ways around a rule that no other file of this folder tries. They are numbered; every number that
// concerns what PostgreSQL reads has a test here or in the files beside this one (evasion_NN).
//
// Not here, since no statement's text decides them: 18 (split across packets), 20 (bytes before TLS),
// 23 (FunctionCall), 26 (CancelRequest): tests of protocols/postgres and of the gateway. 22 (protocol-level
// prepare) and 52 (pipelines) are also tried end to end, against a live server.
// Not applicable: 19, 25 (MySQL's protocol), 55, 56 (HTTP). Of 05, 06, 37, 39 and 40, which are MySQL's,
// what matters is that their text means nothing, or something else, here.
#include <gtest/gtest.h>

#include <ostream>

#include "tests/unit/rules/sql/facts_support.h"

namespace sluice::rules::sql {
namespace {

struct EvasionCase {
  std::string_view why;
  std::string_view text;
  std::string_view want;
};

void PrintTo(const EvasionCase& row, std::ostream* out) { *out << row.text; }

class EvasionOf : public testing::TestWithParam<EvasionCase> {};

TEST_P(EvasionOf, statement) { EXPECT_EQ(summary(*facts_of(GetParam().text)), GetParam().want) << GetParam().text; }

INSTANTIATE_TEST_SUITE_P(
    sql, EvasionOf,
    testing::Values(
        EvasionCase{"evasion_05_versioned_comments_are_comments", "/*!50000 drop table t */ select 1", "select"},
        EvasionCase{"evasion_05_and_hide_no_end", "select 1 /*!99999 ' */; drop table t", "select drop | t:w"},
        EvasionCase{"evasion_05_and_nest", "/*!50000 /* */ drop table t */ select 1", "select"},
        EvasionCase{"evasion_06_hints_are_comments", "/*+ SET_VAR(sql_mode='') */ delete from t where a",
                    "delete | t:rw"},
        EvasionCase{"evasion_06_hints_inside", "delete /*+ IndexScan(t) */ from t where a", "delete | t:rw"},
        EvasionCase{"evasion_15_trail_bytes_are_refused", "select '\xBF\x27; drop table t --'",
                    "not understood: the text is not valid UTF-8"},
        EvasionCase{"evasion_15_and_the_encoding_is_pinned", "set client_encoding to 'gbk'", "set"},
        EvasionCase{"evasion_16_full_width_quotes_are_names", "select \xEF\xBC\x87 from t", "select | t:r"},
        EvasionCase{"evasion_16_homoglyphs_are_other_names", "select * from us\xD0\xB5rs", "select | us\xD0\xB5rs:r"},
        EvasionCase{"evasion_22_execute_of_a_name_is_execute", "execute \"S\"('x')", "execute"},
        EvasionCase{"evasion_29_in_a_default", "create table t (a text default pg_read_file('/etc/passwd'))",
                    "create | t:w | pg_read_file | opaque: function pg_read_file"},
        EvasionCase{"evasion_29_as_a_window", "select pg_terminate_backend(1) over () from t",
                    "select | t:r | pg_terminate_backend"},
        EvasionCase{"evasion_30_in_from_with_columns",
                    "select * from query_to_xml_and_xmlschema('delete from t', true, true, '') x",
                    "select | query_to_xml_and_xmlschema | opaque: function query_to_xml_and_xmlschema"},
        EvasionCase{"evasion_35_explain_of_create_as", "explain analyze create table a as select * from b",
                    "select create explain | a:w b:r"},
        EvasionCase{"evasion_35_parenthesised_query", "explain (analyze) (with x as (delete from t) select 1)",
                    "select delete explain | t:w"},
        EvasionCase{"evasion_21_dml_in_the_query_that_is_prepared",
                    "prepare s as with x as (delete from t returning 1) select * from x",
                    "select delete prepare | t:rw"},
        EvasionCase{"evasion_36_create_view_with_dml_is_no_grammar_of_a_view",
                    "create view v as with x as (delete from t returning *) table x",
                    "select delete create | t:rw v:w"},
        EvasionCase{"evasion_37_outfile_is_a_table", "select a into outfile from t", "select create | outfile:w t:r"},
        EvasionCase{"evasion_37_outfile_with_a_name_is_nothing", "select a into outfile '/x' from t",
                    "not understood: syntax error"},
        EvasionCase{"evasion_39_load_data_is_nothing", "load data local infile 'x' into table t",
                    "not understood: syntax error at or near \"data\""},
        EvasionCase{"evasion_40_handler_is_nothing", "handler t open",
                    "not understood: syntax error at or near \"handler\""},
        EvasionCase{"evasion_41_drop_owned", "drop owned by r cascade", "drop"},
        EvasionCase{"evasion_41_drop_database", "drop database d with (force)", "drop"},
        EvasionCase{"evasion_41_drop_schema", "drop schema s cascade", "drop"},
        EvasionCase{"evasion_41_drop_attribute", "alter type s.t drop attribute a", "drop alter | s.t:w"},
        EvasionCase{"evasion_41_detach", "alter table t detach partition p concurrently", "alter | p:w t:w"},
        EvasionCase{"evasion_42_updatable_view_is_the_view", "update v set a = 1 where b", "update | v:rw"},
        EvasionCase{"evasion_42_merge_into_a_view", "merge into only t using v on true when matched then do nothing",
                    "merge | t:rw v:r"},
        EvasionCase{"evasion_48_dml_in_a_cursor_of_dml",
                    "declare c cursor for with x as (update t set a = 1 returning a) "
                    "table x",
                    "select update declare | t:rw"},
        EvasionCase{"evasion_52_a_separator_of_psql_is_nothing", "select 1\\; drop table t",
                    "not understood: syntax error at or near \"\\\""},
        EvasionCase{"evasion_52_a_delimiter_is_nothing", "delimiter // drop table t //",
                    "not understood: syntax error at or near \"delimiter\""}),
    named_by_reason);

}  // namespace
}  // namespace sluice::rules::sql
