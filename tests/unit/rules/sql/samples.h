// Statements that exercise every corner of the lexer and many of the grammar. Mutations start here.
#pragma once
#include <array>
#include <string_view>

namespace sluice::rules::sql {

inline constexpr auto samples = std::to_array<std::string_view>({
    "select 1", "", ";", "/* a /* b */ c */ select 1 -- end", "SELECT\t*\nFROM\r\nusers\fWHERE id = $1",
    "select 'it''s' , E'it\\'s' , N'n' , B'0101' , X'1F' , U&'\\0041' , U&'!0041' uescape '!'",
    "select $$dollar$$, $tag$ a $$ b $ta $tag$, $_1$x$_1$",
    "select 'a'\n'b', E'a'  \n \t 'b\\x41', B'1'\n'0'", "select 'a' -- c\n 'b'",
    "select \"Users\".\"a\"\"b\", U&\"d\\0061t\\+000061\" from U&\"d!0061ta\" uescape '!'",
    "select 1, 2147483647, 2147483648, 1.5, .5, 1., 1e5, 1.5E-3, 1.e+2, 007",
    "select a[1..2], a[1:2], 1..2, 1...2", "select 1x", "select 1e", "select 1e+", "select $1a", "select 1.5a",
    "select a<=b, a>=b, a<>b, a!=b, a=>b, a<-b, a=-1, a@-b, a*-b, a<=>b, a!==b, a||b, a->>'k', a#>>'{x}'",
    "select a+-b, a--b\n, a/*x*/-b, a@/*c*/b, a<--c\nb", "select a :: int, b::text, c := 1, f(x => 1), :x",
    "select e'\\u0041\\U00000042\\uD83D\\uDE00\\101\\x41\\n\\q'", "select E'\\uD800'", "select E'\\xff'",
    "select u&a, u&'x', U&\"x\", u & a, e, x, b, n, n 'x'", "select {fn now()}, \\d, a ? b, a ?| b, a ?& b",
    "with x as (delete from t returning *) select * from x", "explain (analyze, verbose) update t set a = 1",
    "merge into t using s on t.id = s.id when matched then update set a = s.a when not matched then insert values (1)",
    "insert into t (a, b) values (1, default) on conflict (a) do update set b = excluded.b returning *",
    "copy t (a, b) from stdin with (format csv, delimiter ',')", "copy (select 1) to program 'cat'",
    "create table t (id serial primary key, a int default nextval('s') check (a > 0), b text references u(id))",
    "create or replace function f(a int) returns int language plpgsql as $f$ begin return $1; end $f$",
    "do language plpgsql $do$ begin execute 'drop table t'; end $do$", "prepare s (int) as select $1; execute s(1)",
    "declare c cursor with hold for select * from t; fetch 10 from c; close c",
    "set search_path to a, b; set local timezone = 'UTC'; set names 'utf8'; reset all; show all",
    "alter role current_user with password 'secret'", "grant select on all tables in schema a to b with grant option",
    "begin isolation level serializable; savepoint a; rollback to a; release a; commit and chain",
    "listen c; notify c, 'payload'; unlisten *", "lock table t in access exclusive mode nowait",
    "select case when a then b else c end, cast(a as numeric(10,2)), extract(year from d), position('a' in b)",
    "select row_number() over (partition by a order by b rows between unbounded preceding and current row) from t",
    "select * from t tablesample system (10) repeatable (1), lateral f(1) with ordinality as x(a, b)",
    "select xmlelement(name a, xmlattributes(b as c)), xmltable('x' passing d columns e int path 'f') from t",
    "select * from a natural left join b using (c) cross join d where (e, f) in (select 1, 2) for update of a",
    "values (1, 'a'), (2, 'b') order by 1 limit 1 offset 1", "table t", "select distinct on (a) a from t fetch first 1 row only",
    "create view v as select * from t; create materialized view m as select 1; refresh materialized view m",
    "vacuum (full, analyze) t; analyze t (a); cluster t using i; reindex table t; checkpoint; discard all",
    "comment on column a.b.c is 'd'; security label on table t is 'x'", "select größe, \"größe\", '日本', 数 from 表",
    "select '\\', 'a\\', '''', E'\\\\'", "select $1, $2::int, $12345678901", "select - - 1, + 1, ~ 1, @ -1, |/ 4",
    "create operator @@@@ (leftarg = int, rightarg = int, function = f)", "select a operator(pg_catalog.+) b",
    "select * from only t*, t as \"x y\"", "select a is not distinct from b, a similar to 'x' escape '!', a between 1 and 2",
});

inline constexpr auto fragments = std::to_array<std::string_view>({
    "'", "''", "\"", "\"\"", "$", "$$", "$a$", "$1", "E'", "e'", "U&'", "U&\"", "u&", "N'", "n'", "B'", "X'", "x'", "b'",
    "\\", "\\'", "\\x", "\\x4", "\\u", "\\u00", "\\u0041", "\\uD83D", "\\uDE00", "\\U0001F600", "\\000", "\\377", "\\303\\251",
    "--", "-", "- -", "/*", "*/", "/", "*", "+", "+-", "<", ">", "=", "<=", "=>", "<>", "!=", "::", ":", ":=", "..", ".",
    "\n", "\r", "\r\n", "\t", "\f", "\v", " ", "\x01", "\x7f", "@", "#", "~", "!", "^", "&", "|", "`", "?", "%", "[", "]",
    "(", ")", ",", ";", "{", "}", "1", "1.", ".1", "1e", "1e5", "1e+", "1.5e-3", "0x1F", "1_000", "2147483648", "9",
    "a", "e", "E", "n", "u", "U", "x", "B", "_", "é", "日", "\xF0\x9F\x98\x80", "select", "SELECT", "uescape", "UESCAPE '!'",
    "from", "case", "end", "' \n '", "' --c\n '", "' /*c*/ \n'", "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~",
    "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~", "\xC2\xA0", "\xE3\x80\x80",
});

}  // namespace sluice::rules::sql
