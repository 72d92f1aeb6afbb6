// What each statement does, and what of it cannot be seen.
#include <gtest/gtest.h>

#include <ostream>

#include "tests/unit/rules/sql/facts_support.h"

namespace sluice::rules::sql {
namespace {

struct FactsCase {
  std::string_view why;
  std::string_view text;
  std::string_view want;
};

void PrintTo(const FactsCase& row, std::ostream* out) { *out << row.text; }

class FactsOf : public testing::TestWithParam<FactsCase> {};

TEST_P(FactsOf, statement) { EXPECT_EQ(summary(*facts_of(GetParam().text)), GetParam().want) << GetParam().text; }

INSTANTIATE_TEST_SUITE_P(
    queries, FactsOf,
    testing::Values(
        FactsCase{"evasion_01_case_of_key_words", "DrOp TaBlE Users", "drop | users:w"},
        FactsCase{"evasion_02_any_white_space", "drop\f\n\ttable\rt", "drop | t:w"},
        FactsCase{"evasion_03_comments_inside", "drop/**/table--x\nt", "drop | t:w"},
        FactsCase{"evasion_04_nested_comments", "/* /* */ select 1; */ drop table t", "drop | t:w"},
        FactsCase{"evasion_09_quoted_names", "select * from \"users\"", "select | users:r"},
        FactsCase{"evasion_09_escaped_names", "select U&\"set_confi\\0067\"('a', 'b', false)",
                  "select set | set_config"},
        FactsCase{"evasion_09_escaped_relations", "table U&\"us!0065rs\" UESCAPE '!'", "select | users:r"},
        FactsCase{"evasion_10_long_names", "table a23456789012345678901234567890123456789012345678901234567890123XYZ",
                  "select | a23456789012345678901234567890123456789012345678901234567890123:r"},
        FactsCase{"evasion_11_qualified_names", "select * from hr.employees", "select | hr.employees:r"},
        FactsCase{"evasion_11_three_part_names", "select * from db.hr.employees", "select | hr.employees:r"},
        FactsCase{"evasion_17_every_statement_counts", "select 1; drop table t; select 2", "select drop | t:w"},
        FactsCase{"evasion_33_dml_in_with", "with x as (delete from a.t where b returning *) select * from x",
                  "select delete | a.t:rw"},
        FactsCase{"evasion_34_decoy_is_not_recursive", "with users as (select * from users) select * from users",
                  "select | users:r"},
        FactsCase{"evasion_34_recursive_name_is_itself",
                  "with recursive users as (select 1 union select * from users) select * from users", "select"},
        FactsCase{"evasion_34_targets_are_never_decoys", "with users as (select 1) delete from users where true",
                  "select delete | users:rw"},
        FactsCase{"evasion_34_insert_targets_likewise", "with t as (select 1) insert into t select * from t",
                  "select insert | t:w"},
        FactsCase{"evasion_34_hidden_only_in_its_scope",
                  "select * from (with users as (select 1) select * from users) x, users", "select | users:r"},
        FactsCase{"evasion_34_scope_ends_before_union", "(with t as (select 1) select * from t) union select * from t",
                  "select | t:r"},
        FactsCase{"evasion_34_earlier_names_show_later_ones_do_not",
                  "with a as (select * from b), b as (select * from a) select * from b", "select | b:r"},
        FactsCase{"evasion_34_subselects_see_outer_names",
                  "with a as (select 1) select (select count(*) from a), (select 1 from c.a)",
                  "select | c.a:r | count"},
        FactsCase{"evasion_34_schema_is_never_hidden", "with t as (select 1) select * from public.t",
                  "select | public.t:r"},
        FactsCase{"evasion_34_names_show_inside_nested_with",
                  "with t as (select 1) select * from (with u as (select * from t) select * from u) v", "select"},
        FactsCase{"evasion_34_merge_target_is_no_decoy",
                  "with t as (select 1 a) merge into t using t s on t.a = s.a when matched then delete",
                  "select delete merge | t:rw"},
        FactsCase{"evasion_35_explain_runs", "explain select * from t", "select explain | t:r"},
        FactsCase{"evasion_35_explain_analyze", "explain (analyze, buffers) delete from t", "delete explain | t:w"},
        FactsCase{"evasion_35_explain_execute", "explain analyze execute s", "execute explain"},
        FactsCase{"evasion_36_select_into", "select * into a from b", "select create | a:w b:r"},
        FactsCase{"evasion_36_create_table_as", "create table a as select * from b", "select create | a:w b:r"},
        FactsCase{"evasion_36_create_table_as_execute", "create table a as execute s", "create execute | a:w"},
        FactsCase{"evasion_36_materialized_view", "create materialized view a as table b", "select create | a:w b:r"},
        FactsCase{"evasion_36_insert_select", "insert into a select * from b", "select insert | a:w b:r"},
        FactsCase{"evasion_36_table", "table t", "select | t:r"},
        FactsCase{"evasion_36_values", "values (1)", "select"},
        FactsCase{"insert_values_is_no_select", "insert into t values (1)", "insert | t:w"},
        FactsCase{"insert_values_with_a_subselect_is", "insert into t values ((select 1))", "select insert | t:w"},
        FactsCase{"insert_default_values", "insert into t default values", "insert | t:w"},
        FactsCase{"for_update_stays_select", "select * from t a for update of a", "select | t:r"},
        FactsCase{"evasion_42_merge_does_what_its_branches_do",
                  "merge into t using s on t.a = s.a when matched then update set a = 1 when not matched then insert "
                  "values (1)",
                  "insert update merge | s:r t:rw"},
        FactsCase{"evasion_42_on_conflict_updates", "insert into t values (1) on conflict (a) do update set a = 2",
                  "insert update | t:rw"},
        FactsCase{"evasion_42_update_from", "update t set a = u.a from u where t.b = u.b", "update | t:rw u:r"},
        FactsCase{"evasion_42_delete_using", "delete from t using u where t.b = u.b", "delete | t:rw u:r"},
        FactsCase{"update_that_looks_at_nothing_only_writes", "update t set a = 1", "update | t:w"},
        FactsCase{"update_that_copies_a_column_reads", "update t set a = b", "update | t:rw"},
        FactsCase{"returning_reads", "insert into t values (1) returning *", "insert | t:rw"},
        FactsCase{"empty_text_does_nothing", " /* */ ; ", ""}),
    named_by_reason);

INSTANTIATE_TEST_SUITE_P(
    expression_sites, FactsOf,
    testing::Values(
        FactsCase{"evasion_44_limit", "select 1 limit (select a from s)", "select | s:r"},
        FactsCase{"evasion_44_offset", "select 1 offset (select a from s)", "select | s:r"},
        FactsCase{"evasion_44_order_by", "select 1 order by (select a from s)", "select | s:r"},
        FactsCase{"evasion_44_group_by", "select 1 group by (select a from s)", "select | s:r"},
        FactsCase{"evasion_44_grouping_sets", "select 1 from t group by cube ((select a from s))", "select | s:r t:r"},
        FactsCase{"evasion_44_having", "select 1 having (select a from s)", "select | s:r"},
        FactsCase{"evasion_44_distinct_on", "select distinct on ((select a from s)) 1", "select | s:r"},
        FactsCase{"evasion_44_window", "select f() over (order by (select a from s)) from t",
                  "select | s:r t:r | f | opaque: function f"},
        FactsCase{"evasion_44_filter", "select count(*) filter (where exists (table s))", "select | s:r | count"},
        FactsCase{"evasion_44_join_condition", "select 1 from a join b on (select c from s)", "select | a:r b:r s:r"},
        FactsCase{"evasion_44_lateral", "select 1 from a, lateral (table s) x", "select | a:r s:r"},
        FactsCase{"evasion_44_rows_from", "select * from rows from (generate_series(1, (select a from s))) x",
                  "select | s:r | generate_series"},
        FactsCase{"evasion_44_tablesample", "select * from t tablesample system ((select a from s))",
                  "select | s:r t:r | system"},
        FactsCase{"evasion_44_values", "values ((select a from s))", "select | s:r"},
        FactsCase{"evasion_44_array", "select array(table s), array[(select 1 from r)]", "select | r:r s:r"},
        FactsCase{"evasion_44_row", "select row((select a from s))", "select | s:r"},
        FactsCase{"evasion_44_case", "select case when (select a from s) then 1 end", "select | s:r"},
        FactsCase{"evasion_44_subscript", "select a[(select b from s)] from t", "select | s:r t:r"},
        FactsCase{"evasion_44_any", "select 1 = any (table s)", "select | s:r"},
        FactsCase{"evasion_44_xml", "select xmlelement(name a, (select b from s))", "select | s:r"},
        FactsCase{"evasion_44_xmltable", "select * from xmltable('a' passing (select b from s) columns c int)",
                  "select | s:r"},
        FactsCase{"evasion_44_set_clause", "update t set a = (select b from s) where c", "select update | s:r t:rw"},
        FactsCase{"evasion_44_multi_set", "update t set (a, b) = (select c, d from s) where e",
                  "select update | s:r t:rw"},
        FactsCase{"evasion_44_returning", "delete from t where a returning (select b from s)",
                  "select delete | s:r t:rw"},
        FactsCase{"evasion_44_conflict_where",
                  "insert into t values (1) on conflict (a) do update set b = 1 where exists (table s)",
                  "select insert update | s:r t:rw"},
        FactsCase{"evasion_44_merge_condition",
                  "merge into t using u on t.a = u.a when matched and exists (table s) then do nothing",
                  "select merge | s:r t:rw u:r"},
        FactsCase{"evasion_44_default", "create table t (a int default f())", "create | t:w | f | opaque: function f"},
        FactsCase{"evasion_44_check", "create table t (a int, check (f(a)))", "create | t:w | f | opaque: function f"},
        FactsCase{"evasion_44_generated", "create table t (a int generated always as (f()) stored)",
                  "create | t:w | f | opaque: function f"},
        FactsCase{"evasion_44_partition_bound", "create table t partition of p for values in (f())",
                  "create | p:r t:w | f | opaque: function f"},
        FactsCase{"evasion_44_index_expression", "create index on t (f(a)) where g(b)",
                  "create | t:w | f g | opaque: function f"},
        FactsCase{"evasion_44_using", "alter table t alter a type int using f(a)",
                  "alter | t:w | f | opaque: function f"},
        FactsCase{"evasion_44_policy", "create policy p on t using (exists (table s))", "select create | s:r t:w"},
        FactsCase{"evasion_44_execute_parameters", "execute s (f())", "execute | f | opaque: function f"},
        FactsCase{"evasion_44_call_arguments", "call pg_catalog.p((select a from s))",
                  "select call | s:r | pg_catalog.p | opaque: procedure pg_catalog.p"},
        FactsCase{"evasion_44_copy_where", "copy t from stdin where f(a)", "copy-in | t:w | f | opaque: function f"},
        FactsCase{"evasion_44_cursor", "declare c cursor for select f() from t",
                  "select declare | t:r | f | opaque: function f"},
        FactsCase{"evasion_44_with_cycle",
                  "with recursive t as (table s) cycle a set b to card 'x' default 'y' using p table t",
                  "select | s:r | opaque: type card"},
        FactsCase{"evasion_44_set_takes_no_query", "set x = (select 1)",
                  "not understood: syntax error at or near \"(\""}),
    named_by_reason);

INSTANTIATE_TEST_SUITE_P(
    opaque, FactsOf,
    testing::Values(
        FactsCase{"evasion_27_do", "do $$ begin execute 'drop table t'; end $$", "do | opaque: DO"},
        FactsCase{"evasion_28_call", "call app.p()", "call | app.p | opaque: procedure app.p"},
        FactsCase{"evasion_28_function", "select app.f()", "select | app.f | opaque: function app.f"},
        FactsCase{"evasion_28_function_in_from", "select * from app.f() x", "select | app.f | opaque: function app.f"},
        FactsCase{"evasion_28_create_function", "create function f() returns int language sql as 'select 1'",
                  "create | opaque: creates a function or procedure"},
        FactsCase{"evasion_28_sql_body_is_read", "create function f() returns int return (select a from s)",
                  "select create | s:r | opaque: creates a function or procedure"},
        FactsCase{"evasion_28_atomic_body_is_read",
                  "create procedure p() begin atomic delete from t where a; insert into u values (1); end",
                  "insert delete create | t:rw u:w | opaque: creates a function or procedure"},
        FactsCase{"evasion_28_trigger", "create trigger x before insert on t for each row execute function f()",
                  "create | t:w | opaque: creates a trigger"},
        FactsCase{"evasion_28_rule_and_its_actions", "create rule r as on insert to t do also delete from u",
                  "delete create | t:w u:w | opaque: creates a rule"},
        FactsCase{"evasion_28_event_trigger", "create event trigger x on ddl_command_start execute function f()",
                  "create | opaque: creates an event trigger"},
        FactsCase{"evasion_28_cast", "create cast (int as text) with function f(int)",
                  "create | opaque: creates a cast"},
        FactsCase{"evasion_28_operator", "create operator === (leftarg = int, function = f)",
                  "create | opaque: creates an aggregate, operator, base type or text search object"},
        FactsCase{"evasion_28_domain_check", "create domain d as int check (f(value))",
                  "create | f | opaque: creates a domain with a check"},
        FactsCase{"a_domain_without_check_is_not", "create domain d as int not null", "create"},
        FactsCase{"evasion_28_load", "load 'lib'", "load | opaque: loads a library"},
        FactsCase{"evasion_28_language", "create language l handler f", "create | opaque: creates a language"},
        FactsCase{"evasion_29_files", "select pg_read_file('/etc/passwd')",
                  "select | pg_read_file | opaque: function pg_read_file"},
        FactsCase{"evasion_29_qualified", "select pg_catalog.pg_ls_dir('.')",
                  "select | pg_catalog.pg_ls_dir | opaque: function pg_catalog.pg_ls_dir"},
        FactsCase{"evasion_29_large_objects", "select lo_import('/x')",
                  "select | lo_import | opaque: function lo_import"},
        FactsCase{"evasion_29_sequences_are_known", "select nextval('s'), setval('s', 1)", "select | nextval setval"},
        FactsCase{"evasion_30_query_to_xml", "select query_to_xml('select 1', true, true, '')",
                  "select | query_to_xml | opaque: function query_to_xml"},
        FactsCase{"evasion_30_table_to_xml", "select table_to_xml_and_xmlschema('t', true, true, '')",
                  "select | table_to_xml_and_xmlschema | opaque: function table_to_xml_and_xmlschema"},
        FactsCase{"evasion_30_ts_stat", "select * from ts_stat('select v from t')",
                  "select | ts_stat | opaque: function ts_stat"},
        FactsCase{"evasion_30_crosstab", "select * from crosstab('select 1') as (a int)",
                  "select | crosstab | opaque: function crosstab"},
        FactsCase{"evasion_31_attribute_notation_is_recorded", "select (u).f from u", "select | u:r | f"},
        FactsCase{"evasion_31_operator_of_a_schema", "select 1 operator(app.+) 2", "select | opaque: operator app.+"},
        FactsCase{"evasion_31_operator_of_the_catalog", "select 1 operator(pg_catalog.+) 2", "select"},
        FactsCase{"evasion_31_unknown_operator", "select 1 @@@@ 2", "select | opaque: operator @@@@"},
        FactsCase{"evasion_31_operator_of_any", "select 1 operator(app.=) any (array[1])",
                  "select | opaque: operator app.="},
        FactsCase{"evasion_31_operator_of_a_subselect", "select 1 operator(app.=) any (table t)",
                  "select | t:r | opaque: operator app.="},
        FactsCase{"evasion_31_operator_of_order_by", "select 1 order by 1 using operator(app.<)",
                  "select | opaque: operator app.<"},
        FactsCase{"evasion_31_cast", "select 'x'::app.card", "select | opaque: type app.card"},
        FactsCase{"evasion_31_cast_by_function_syntax", "select cast('x' as card)", "select | opaque: type card"},
        FactsCase{"evasion_31_typed_literal", "select card 'x'", "select | opaque: type card"},
        FactsCase{"evasion_31_array_of_it", "select '{}'::card[]", "select | opaque: type card"},
        FactsCase{"evasion_31_shipped_casts",
                  "select '1'::int, x::text[], y::regclass, z::timestamptz(3), w::numeric(1,2)", "select"},
        FactsCase{"evasion_31_column_definitions", "select * from json_to_record('{}') as x(a card)",
                  "select | json_to_record | opaque: type card"},
        FactsCase{"evasion_31_parameters_of_prepare", "prepare s (card) as select $1",
                  "select prepare | opaque: type card"},
        FactsCase{"evasion_31_columns_of_xmltable", "select * from xmltable('a' passing b columns c card)",
                  "select | opaque: type card"},
        FactsCase{"evasion_31_change_of_a_type", "alter table t alter a type card", "alter | t:w | opaque: type card"},
        FactsCase{"a_column_of_a_type_runs_nothing", "create table t (a card)", "create | t:w"},
        FactsCase{"evasion_32_shadows_in_other_schemas", "select public.version(), pg_temp.upper('x')",
                  "select | pg_temp.upper public.version | opaque: function public.version"},
        FactsCase{"information_schema_is_shipped",
                  "select information_schema._pg_truetypid(a, b) from information_schema.columns",
                  "select | information_schema.columns:r | information_schema._pg_truetypid"},
        FactsCase{"grammar_functions_are_no_functions",
                  "select coalesce(a), greatest(b), nullif(c, d), current_date, current_user, grouping(e) from t",
                  "select | t:r"},
        FactsCase{"syntax_for_functions_names_them",
                  "select extract(year from a), a at time zone 'x', trim(b), substring(c from 1)",
                  "select | pg_catalog.btrim pg_catalog.extract pg_catalog.substring pg_catalog.timezone"}),
    named_by_reason);

INSTANTIATE_TEST_SUITE_P(
    utilities, FactsOf,
    testing::Values(
        FactsCase{"evasion_21_prepare_is_its_body", "prepare s as delete from t", "delete prepare | t:w"},
        FactsCase{"evasion_21_execute", "execute s", "execute"},
        FactsCase{"evasion_38_copy_program_out", "copy t to program 'x'", "copy-program | t:r"},
        FactsCase{"evasion_38_copy_program_in", "copy t from program 'x'", "copy-program | t:w"},
        FactsCase{"evasion_38_copy_file", "copy t to '/x'", "copy-file | t:r"},
        FactsCase{"evasion_38_copy_of_dml", "copy (delete from t returning *) to stdout", "delete copy-out | t:rw"},
        FactsCase{"evasion_38_copy_out", "copy a.t (b) to stdout", "copy-out | a.t:r"},
        FactsCase{"evasion_38_copy_in", "copy t from stdin", "copy-in | t:w"},
        FactsCase{"evasion_41_truncate", "truncate a.t, only u cascade", "truncate | u:w a.t:w"},
        FactsCase{"evasion_41_drop_many", "drop table a.t, u cascade; drop view v; drop index i; drop sequence s",
                  "drop | i:w s:w u:w v:w a.t:w"},
        FactsCase{"evasion_41_drop_parts_of_a_table", "drop trigger x on a.t; drop rule y on u; drop policy z on v",
                  "drop | u:w v:w a.t:w"},
        FactsCase{"evasion_41_drop_other_things",
                  "drop function f(int); drop schema s; drop role r; drop owned by r; drop extension e", "drop"},
        FactsCase{"evasion_41_drop_aggregate_of_anything", "drop aggregate f(*); drop operator + (none, int)", "drop"},
        FactsCase{"evasion_41_alter_table", "alter table a.t drop column b", "drop alter | a.t:w"},
        FactsCase{"evasion_41_rename", "alter table t rename to u", "alter | t:w"},
        FactsCase{"evasion_41_rename_column", "alter table t rename a to b", "alter | t:w"},
        FactsCase{"evasion_41_attach", "alter table t attach partition u default", "alter | t:w u:w"},
        FactsCase{"evasion_41_inherit", "alter table t inherit u", "alter | t:w u:w"},
        FactsCase{"evasion_41_set_schema", "alter table t set schema s", "alter | t:w"},
        FactsCase{"evasion_41_replica_identity", "alter table t replica identity full", "alter | t:w"},
        FactsCase{"evasion_41_owner", "alter table t owner to r", "alter | t:w"},
        FactsCase{"evasion_41_reindex", "reindex table t; reindex index i", "reindex | i:w t:w"},
        FactsCase{"evasion_41_vacuum", "vacuum full t", "vacuum | t:rw"},
        FactsCase{"evasion_41_vacuum_analyze", "vacuum (analyze) t; analyze u", "vacuum analyze | t:rw u:r"},
        FactsCase{"cluster", "cluster t using i", "cluster | t:w"},
        FactsCase{"refresh", "refresh materialized view m", "refresh | m:rw"},
        FactsCase{"create_table", "create table t (a int references u, like v) inherits (w)",
                  "create | t:w u:r v:r w:r"},
        FactsCase{"create_index", "create index i on t (a)", "create | t:w"},
        FactsCase{"create_view", "create view v as select * from t", "select create | t:r v:w"},
        FactsCase{"create_schema_with_content", "create schema s create table t (a int)", "create | t:w"},
        FactsCase{"create_sequence", "create sequence s; alter sequence s owned by t.a", "alter create | s:w"},
        FactsCase{"create_types", "create type a as (b int); create type c as enum ('d')", "create | a:w"},
        FactsCase{"create_statistics", "create statistics s on a, b from t", "create | t:r"},
        FactsCase{"create_publication", "create publication p for table t", "create | t:r"},
        FactsCase{"create_aggregate_of_anything", "create aggregate f(*) (sfunc = g, stype = int)",
                  "create | opaque: creates an aggregate, operator, base type or text search object"},
        FactsCase{"foreign_table", "create foreign table t (a int) server s", "create | t:w | opaque: foreign table"},
        FactsCase{"comment", "comment on column a.t.b is 'x'; comment on table u is 'x'", "comment | u:w a.t:w"},
        FactsCase{"evasion_43_grant", "grant select on a.t to b; grant a to b", "grant | a.t:w"},
        FactsCase{"evasion_43_revoke", "revoke all on t from b; revoke a from b", "revoke | t:w"},
        FactsCase{"evasion_43_default_privileges", "alter default privileges grant select on tables to b",
                  "alter grant"},
        FactsCase{"evasion_43_set_role", "set role r; reset role; set local role none", "set-role"},
        FactsCase{"evasion_43_alter_system", "alter system set a = 1", "alter set"},
        FactsCase{"evasion_43_reassign", "reassign owned by a to b", "reassign"},
        FactsCase{"evasion_45_show", "show all; show search_path", "show"},
        FactsCase{"evasion_46_channels", "listen a; notify a, 'b'; unlisten *", "listen notify unlisten"},
        FactsCase{"evasion_46_pg_notify", "select pg_notify('a', 'b')", "select notify | pg_notify"},
        FactsCase{"evasion_46_advisory_locks", "select pg_advisory_lock(1), pg_try_advisory_xact_lock(2)",
                  "select lock | pg_advisory_lock pg_try_advisory_xact_lock"},
        FactsCase{"evasion_47_prepare_transaction", "prepare transaction 'x'; commit prepared 'x'", "transaction"},
        FactsCase{"evasion_48_cursors", "declare c cursor with hold for select * from t; fetch all c; move c; close c",
                  "select declare fetch close | t:r"},
        FactsCase{"evasion_49_built_names_feed_execute", "select chr(100) || convert_from(decode('64', 'hex'), 'utf8')",
                  "select | chr convert_from decode"},
        FactsCase{"evasion_50_synonyms", "select 1 union table t; select a !~ b, a ~~ c, not a", "select | t:r"},
        FactsCase{"evasion_51_catalogs_by_either_name",
                  "select * from information_schema.tables, pg_stats, pg_catalog.pg_class",
                  "select | pg_stats:r information_schema.tables:r pg_catalog.pg_class:r"},
        FactsCase{"lock", "lock table t", "lock | t:r"}, FactsCase{"discard", "discard all", "discard"},
        FactsCase{"set", "set a = 1; set constraints all deferred; set transaction read only", "set"},
        FactsCase{"deallocate", "deallocate all", "deallocate"}, FactsCase{"checkpoint", "checkpoint", "checkpoint"},
        FactsCase{"security_label", "security label on table t is 'x'", "alter"}),
    named_by_reason);

TEST(sql_facts, evasion_17_counts_statements) {
  EXPECT_EQ(facts_of("select 1; ; select 2;")->statement_count, 2U);
  EXPECT_EQ(facts_of("-- nothing")->statement_count, 0U);
  EXPECT_TRUE(facts_of("")->understood);
}

TEST(sql_facts, where_is_absent_at_any_depth) {
  EXPECT_TRUE(facts_of("delete from t")->where_absent);
  EXPECT_TRUE(facts_of("with x as (update t set a = 1) select 1")->where_absent);
  EXPECT_TRUE(facts_of("explain analyze delete from t")->where_absent);
  EXPECT_TRUE(facts_of("merge into t using s on true when matched then delete")->where_absent);
  EXPECT_FALSE(facts_of("delete from t where a")->where_absent);
  EXPECT_FALSE(facts_of("delete from t where current of c")->where_absent);
  EXPECT_FALSE(facts_of("merge into t using s on t.a = s.a when matched then delete")->where_absent);
}

TEST(sql_facts, limit_is_absent_where_rows_come_out) {
  EXPECT_TRUE(facts_of("select * from t")->limit_absent);
  EXPECT_TRUE(facts_of("select * from t limit all")->limit_absent);
  EXPECT_TRUE(facts_of("select * from t limit null")->limit_absent);
  EXPECT_TRUE(facts_of("select * from (select 1 limit 1) x")->limit_absent);
  EXPECT_TRUE(facts_of("select * from t limit 1; table t")->limit_absent);
  EXPECT_TRUE(facts_of("declare c cursor for table t")->limit_absent);
  EXPECT_TRUE(facts_of("prepare s as table t")->limit_absent);
  EXPECT_TRUE(facts_of("copy (table t) to stdout")->limit_absent);
  EXPECT_FALSE(facts_of("select * from t limit 5")->limit_absent);
  EXPECT_FALSE(facts_of("select * from t fetch first 5 rows only")->limit_absent);
  EXPECT_FALSE(facts_of("select * from t limit $1")->limit_absent);
  EXPECT_FALSE(facts_of("insert into u select * from t")->limit_absent);
  EXPECT_FALSE(facts_of("values (1), (2)")->limit_absent);
}

TEST(sql_facts, only_commit_and_rollback_end_transactions) {
  for (const auto* text : {"commit", "END", "rollback", "abort", "rollback to a", "commit; rollback",
                           "commit and chain", "rollback to savepoint a;"}) {
    EXPECT_TRUE(facts_of(text)->transaction_end_only) << text;
  }
  for (const auto* text : {"", "begin", "commit; select 1", "savepoint a", "release a", "commit prepared 'x'",
                           "rollback prepared 'x'", "prepare transaction 'x'", "explain select 1"}) {
    EXPECT_FALSE(facts_of(text)->transaction_end_only) << text;
  }
}

TEST(sql_facts, trusted_names_are_not_opaque) {
  const std::vector<std::string> trusted = {"app.*", "crm.score", "local"};
  for (const auto* text : {"select app.f()", "call app.p()", "select crm.score()", "select local()", "select 1::app.t",
                           "select 1 operator(app.+) 2", "select APP.F()"}) {
    EXPECT_FALSE(facts_of(text, trusted)->opaque) << text;
  }
  for (const auto* text : {"select f()", "select score()", "select crm.other()", "select apps.f()", "select app2.f()",
                           "select other.local()", "do 'x'", "select \"APP\".f()"}) {
    EXPECT_TRUE(facts_of(text, trusted)->opaque) << text;
  }
}

TEST(sql_facts, functions_and_relations_are_unique) {
  const auto facts = facts_of("select upper(a), UPPER(b) from t, T, \"t\" x where exists (select from t)");
  EXPECT_EQ(summary(*facts), "select | t:r | upper");
}

TEST(sql_facts, evasion_08_text_with_a_nul_is_not_understood) {
  EXPECT_FALSE(facts_of(std::string_view("select 1\0; drop table t", 24))->understood);
}

TEST(sql_facts, evasion_53_each_cap_says_which_it_is) {
  const AnalyzerLimits limits{.text_size_max = 40, .token_max = 10, .nesting_max = 3};
  const auto error = [&](std::string_view text) { return analyze(text, limits, {})->parse_error; };
  EXPECT_EQ(error("select 1"), "");
  EXPECT_EQ(error("select '12345678901234567890123456789012345'"), "the statement is longer than 40 bytes");
  EXPECT_EQ(error("select 1,2,3,4,5,6"), "more than 10 tokens");
  EXPECT_EQ(error("select ((((1))))"), "nested deeper than 3");
}

TEST(sql_facts, what_the_grammar_rejects_comes_with_its_place) {
  const auto facts = facts_of("select é, from t");
  EXPECT_FALSE(facts->understood);
  EXPECT_EQ(facts->parse_error, "syntax error at or near \"from\"");
  EXPECT_EQ(facts->parse_error_cursor, 12U) << "counted in bytes, from 1";
  EXPECT_EQ(facts->kinds, KindSet{});
}

TEST(sql_facts, promise_11_messages_do_not_quote_literals_or_names) {
  EXPECT_EQ(facts_of("alter role x password hunter2")->parse_error, "syntax error");
  EXPECT_EQ(facts_of("alter role x passwort 'hunter2'")->parse_error.find("hunter2"), std::string::npos);
  EXPECT_EQ(facts_of("alter role x password 'hunter2")->parse_error, "unterminated quoted string");
  EXPECT_EQ(facts_of("alter role x password 12hunter2")->parse_error.find("hunter"), std::string::npos);
}

TEST(sql_facts, promise_01_later_grammars_are_not_understood) {
  EXPECT_FALSE(facts_of("merge into t using s on a when not matched by source then delete")->understood);
  EXPECT_FALSE(facts_of("select 1_000")->understood);
}

TEST(sql_facts, backslashes_in_plain_literals_are_noted) {
  EXPECT_TRUE(facts_of("select '\\'")->backslash_in_plain_literal);
  EXPECT_FALSE(facts_of("select E'\\\\'")->backslash_in_plain_literal);
}

}  // namespace
}  // namespace sluice::rules::sql
