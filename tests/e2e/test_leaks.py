"""Canaries stand in masked columns; no fragment of four characters of any of them reaches the client, whatever the
shape of the query. A refusal is right too; which it was is printed for each shape."""
import base64
import collections

import pytest

import wire

SECRETS = ["QZXJVKWPMTHB", "GXQWZPVYKNFJ", "JQVXBZKDWPGM"]
PINS = [739518264, 826173945, 958362714]
FRAGMENT = 4


def windows(text, size=FRAGMENT):
    return {text[i:i + size] for i in range(len(text) - size + 1)}


def traces():
    """Every fragment that would betray a canary: as it is, in other case, backwards, in hex and base64, binary."""
    found = set()
    for secret in SECRETS:
        for form in (secret, secret.lower(), secret[::-1], secret[::-1].lower()):
            found |= {fragment.encode() for fragment in windows(form)}
        found |= {fragment.encode() for fragment in windows(secret.encode().hex(), 2 * FRAGMENT)}
        for skip in range(3):
            found |= {fragment.encode() for fragment in windows(
                base64.b64encode(secret[skip:].encode()).decode().rstrip("=")[:-1], 6)}
    for pin in PINS:
        found |= {fragment.encode() for fragment in windows(str(pin))} | {pin.to_bytes(4, "big")}
    return found


TRACES = traces()

SETUP = """
drop schema if exists leak cascade; create schema leak;
create table leak.vault (id int primary key, owner text, secret text, pin int, doc jsonb, tags text[]);
insert into leak.vault values {rows};
create view leak.v as select id, secret as s, pin as p from leak.vault;
create view leak.v2 as select s || '' as t from leak.v;
create materialized view leak.m as select id, secret as ms from leak.vault;
create table leak.parent (id int, secret text) partition by range (id);
create table leak.child partition of leak.parent for values from (0) to (100);
insert into leak.parent select id, secret from leak.vault;
create table leak.plain (id int, note text); insert into leak.plain values (1, 'a'), (2, 'b'), (3, 'c');
create function leak.f(int) returns text language sql stable as 'select secret from leak.vault where id = $1';
create function leak.g() returns setof leak.vault language sql stable as 'select * from leak.vault';
create function leak.e() returns void language plpgsql as $$ begin raise notice '%', (select secret from leak.vault
  where id = 1); end $$;
create table leak.base (id int, secret text); create table leak.heir (extra text) inherits (leak.base);
insert into leak.heir select id, secret, 'e' from leak.vault;
create table leak.computed (id int, secret text, twice text generated always as (secret || secret) stored);
insert into leak.computed select id, secret from leak.vault;
drop schema if exists leak_other cascade; create schema leak_other;
create table leak_other.vault (id int, owner text, secret text, pin int, doc jsonb, tags text[]);
analyze leak.vault;
"""

# How a COPY may write its rows, and what it copies.
COPY_FORMS = {
    "text": "", "csv": "csv", "csv with header": "(format csv, header)", "text with header": "(format text, header)",
    "forced quotes": "(format csv, force_quote *)", "quotes and escapes": "(format csv, quote '''', escape '\\', delimiter ';')",
    "delimiter and null": "(delimiter '|', null 'nil')", "null with backslash": "(null '\\x')", "binary": "(format binary)",
    "old binary": "binary", "latin1": "(encoding 'LATIN1')", "delimiter is a letter": "(delimiter 'Z')",
    "csv of letters": "(format csv, delimiter 'Q', quote 'X', escape 'J')", "csv escape is delimiter": "(format csv, escape ',')",
    "no header": "(format csv, header off)", "old csv": "with csv header quote as '''' force quote secret",
}
COPIED = {
    "table": "leak.vault", "only the column": "leak.vault (secret)", "columns in another order": "leak.vault (pin, secret, id)",
    "quoted": '"leak"."vault" ("secret")', "unqualified": "vault", "query": "(select * from leak.vault)",
    "table query": "(table leak.vault)", "expression": "(select upper(secret), pin + 0 from leak.vault)",
    "union": "(select note from leak.plain union all select secret from leak.vault)",
    "with": "(with x as (select secret s from leak.vault) select s from x)", "view": "leak.v",
    "query of a view": "(select * from leak.v2)", "materialised view": "leak.m", "partitioned table": "leak.parent",
    "query of a partitioned table": "(table leak.parent)", "partition": "leak.child", "parent": "leak.base",
    "query of a parent": "(table leak.base)", "child": "leak.heir (secret, extra)", "generated column": "leak.computed",
    "generated column by name": "leak.computed (twice, secret)", "function": "(select leak.f(1))",
    "rows of a function": "(select * from leak.g())", "returning": "(update leak.vault set owner = owner returning secret, pin)",
    "whole row": "(select v from leak.vault v)", "json": "(select to_jsonb(v) from leak.vault v)",
}

RULES = [
    {"id": "secrets", "result": {"columns": ["leak.vault.secret", "leak.parent.secret", "leak.base.secret",
                                               "leak.computed.secret"]}, "mask": {"operator": "redact"}},
    {"id": "pins", "result": {"columns": ["leak.vault.pin"]}, "mask": {"operator": "null"}},
    {"id": "documents", "result": {"columns": ["leak.vault.doc", "leak.vault.tags"]}, "mask": {"operator": "null"}},
]

# Simple statements; each also runs prepared with text and with binary results.
SELECTS = {
    "plain": "select secret, pin from leak.vault",
    "star": "select * from leak.vault",
    "alias": "select secret as harmless, pin as id from leak.vault",
    "table alias": "select x.secret from leak.vault x",
    "column aliases of the table": "select a, c from leak.vault as v(a, b, c, d)",
    "qualified star": "select v.* from leak.vault v",
    "quoted names": 'select "secret" from "leak"."vault"',
    "search_path": "select set_config('search_path', 'leak', false); select secret from vault",
    "only": "select secret from only leak.vault",
    "generated column": "select twice from leak.computed",
    "star with a generated column": "select * from leak.computed",
    "compared generated column": "select id from leak.computed where twice > 'm'",
    "table command": "table leak.vault",
    "upper": "select upper(secret) from leak.vault",
    "lower": "select lower(secret) from leak.vault",
    "reverse": "select reverse(secret) from leak.vault",
    "substring": "select substr(secret, 1, 6) from leak.vault",
    "left and right": "select left(secret, 5), right(secret, 5) from leak.vault",
    "concatenation": "select 'x' || secret || 'y' from leak.vault",
    "format": "select format('%s', secret) from leak.vault",
    "concat_ws": "select concat_ws(',', owner, secret) from leak.vault",
    "replace": "select replace(secret, 'A', 'B') from leak.vault",
    "regexp": "select regexp_replace(secret, '(.*)', '\\1') from leak.vault",
    "regexp_matches": "select regexp_matches(secret, '.+') from leak.vault",
    "split": "select string_to_table(secret, 'K') from leak.vault",
    "characters": "select string_agg(c, '') from leak.vault, lateral regexp_split_to_table(secret, '') c where id = 1",
    "translate": "select translate(secret, '', '') from leak.vault",
    "cast": "select secret::varchar(50), pin::text, pin::bigint from leak.vault",
    "cast to bytea": "select secret::bytea from leak.vault",
    "encode hex": "select encode(secret::bytea, 'hex') from leak.vault",
    "encode base64": "select encode(secret::bytea, 'base64') from leak.vault",
    "cast to name": "select secret::name from leak.vault",
    "arithmetic": "select pin + 0, pin * 1, -pin, abs(pin) from leak.vault",
    "to_char": "select to_char(pin, '999999999') from leak.vault",
    "case": "select case when true then secret end from leak.vault",
    "coalesce": "select coalesce(secret, ''), coalesce(pin, 0) from leak.vault",
    "nullif": "select nullif(secret, ''), greatest(pin, 0), least(secret, 'z') from leak.vault",
    "whole row": "select v from leak.vault v",
    "row constructor": "select row(secret, pin) from leak.vault",
    "row to json": "select row_to_json(v) from leak.vault v",
    "to_jsonb": "select to_jsonb(v) from leak.vault v",
    "jsonb key": "select to_jsonb(v) ->> 'secret' from leak.vault v",
    "json_build": "select json_build_object('a', secret) from leak.vault",
    "json_agg": "select json_agg(v) from leak.vault v",
    "jsonb_each": "select e.value from leak.vault v, jsonb_each_text(to_jsonb(v)) e",
    "jsonb_populate": "select (jsonb_populate_record(null::leak.vault, to_jsonb(v))).secret from leak.vault v",
    "document": "select doc from leak.vault",
    "document path": "select doc -> 'a', doc #>> '{a}' from leak.vault",
    "document functions": "select jsonb_path_query(doc, '$.a') from leak.vault",
    "array": "select tags from leak.vault",
    "array element": "select tags[1] from leak.vault",
    "unnest": "select unnest(tags) from leak.vault",
    "array_agg": "select array_agg(secret) from leak.vault",
    "array subquery": "select array(select secret from leak.vault)",
    "string_agg": "select string_agg(secret, ',') from leak.vault",
    "min and max": "select min(secret), max(secret), min(pin), max(pin) from leak.vault",
    "sum of one": "select sum(pin), avg(pin) from leak.vault where id = 1",
    "mode": "select mode() within group (order by secret) from leak.vault",
    "group by": "select secret, count(*) from leak.vault group by secret",
    "group by position": "select secret, count(*) from leak.vault group by 1",
    "distinct": "select distinct secret from leak.vault",
    "distinct on": "select distinct on (id) secret from leak.vault",
    "having": "select secret from leak.vault group by secret having count(*) > 0",
    "window": "select first_value(secret) over (order by id), lag(pin) over (order by id) from leak.vault",
    "subselect": "select (select secret from leak.vault where id = 1)",
    "from subselect": "select s from (select secret as s from leak.vault) q",
    "nested subselects": "select a from (select b as a from (select secret as b from leak.vault) x) y",
    "common table expression": "with c as (select secret as z from leak.vault) select z from c",
    "materialised expression": "with c as materialized (select pin as z from leak.vault) select z from c",
    "recursive": "with recursive r(i, s) as (select 1, secret from leak.vault where id = 1 union all "
                 "select i + 1, s from r where i < 3) select s from r",
    "union": "select note from leak.plain union select secret from leak.vault",
    "union all": "select note from leak.plain union all select secret from leak.vault",
    "except": "select secret from leak.vault except select note from leak.plain",
    "intersect": "select secret from leak.vault intersect select secret from leak.vault",
    "join": "select v.secret, p.note from leak.vault v join leak.plain p on p.id = v.id",
    "join using": "select * from leak.vault join leak.vault w using (id, secret, pin)",
    "natural join": "select * from leak.vault natural join (select secret, pin from leak.vault) w",
    "full join": "select coalesce(v.secret, p.note) from leak.vault v full join leak.plain p using (id)",
    "lateral": "select l.s from leak.plain p, lateral (select secret as s from leak.vault v where v.id = p.id) l",
    "values": "values ((select secret from leak.vault where id = 1), 1)",
    "view": "select * from leak.v",
    "view of a view": "select * from leak.v2",
    "materialised view": "select * from leak.m",
    "partitioned parent": "select * from leak.parent",
    "partition": "select * from leak.child",
    "function": "select leak.f(1)",
    "function over rows": "select leak.f(id) from leak.plain",
    "set-returning function": "select * from leak.g()",
    "function in from with alias": "select t.secret from leak.g() t",
    "query_to_xml": "select query_to_xml('select secret from leak.vault', true, false, '')",
    "table_to_xml": "select table_to_xml('leak.vault', true, false, '')",
    "database_to_xml": "select schema_to_xml('leak', true, false, '')",
    "xmlelement": "select xmlelement(name a, secret) from leak.vault",
    "statistics": "select most_common_vals, histogram_bounds from pg_stats where schemaname = 'leak'",
    "statistics, raw": "select stavalues1 from pg_statistic s join pg_class c on c.oid = starelid where relname = 'vault'",
    "ts_headline": "select to_tsvector('simple', secret) from leak.vault",
    "hash": "select md5(secret), hashtext(secret) from leak.vault",
    "ascii": "select ascii(secret), ascii(substr(secret, 2)) from leak.vault",
    "quote": "select quote_literal(secret), quote_ident(secret) from leak.vault",
    "predicate": "select id from leak.vault where secret like 'QZXJ%'",
    "order by": "select id from leak.vault order by secret",
    "error: cast": "select secret::int from leak.vault",
    "error: cast to date": "select secret::date from leak.vault",
    "error: cast to json": "select secret::json from leak.vault",
    "error: cast to regclass": "select secret::regclass from leak.vault",
    "error: to_number": "select to_number(secret, '999') from leak.vault",
    "error: division": "select 1 / (pin - pin) from leak.vault",
    "error: out of range": "select (pin::bigint * 1000)::int from leak.vault",
    "error: in a subselect": "select 1 where (select secret from leak.vault where id = 1)::int = 1",
    "error: setting": "select set_config('work_mem', secret, false) from leak.vault",
    "setting read back": "select set_config('my.x', secret, false) from leak.vault; select current_setting('my.x')",
    "explain": "explain verbose select * from leak.vault where secret = 'x'",
    "explain analyze": "explain (analyze, verbose, timing off) select secret from leak.vault",
    "tablesample": "select secret from leak.vault tablesample system (100)",
    "for update": "select secret from leak.vault for update",
    "composite field": "select (v).secret from leak.vault v",
    "attribute notation": "select secret(v) from leak.vault v",
    "large object": "select lo_from_bytea(0, secret::bytea) from leak.vault",
    "advisory lock by pin": "select pg_advisory_xact_lock(pin) from leak.vault; select objid from pg_locks "
                            "where locktype = 'advisory'",
    "notify": "listen c; select pg_notify('c', secret) from leak.vault",
}

# Several statements in one session, each step a simple Query.
SEQUENCES = {
    "insert returning": ["insert into leak.vault values (90, 'o', 'XYXYXYXY', 1) returning *",
                         "update leak.vault set owner = 'x' returning secret, pin", "delete from leak.vault where id = 90"],
    "update returning an expression": ["begin", "update leak.vault set owner = owner returning 'x' || secret", "rollback"],
    "delete returning": ["begin", "delete from leak.vault returning *", "rollback"],
    "error: unique violation": ["begin", "create unique index on leak.vault (secret)",
                                "insert into leak.vault select id + 50, owner, secret from leak.vault", "rollback"],
    "error: check violation": ["begin", "alter table leak.vault add constraint c check (secret = '')", "rollback"],
    "error: not null detail": ["insert into leak.vault select null, owner, secret, pin from leak.vault"],
    "error: exclusion": ["begin", "alter table leak.vault alter secret type int using secret::int", "rollback"],
    "cursor": ["begin", "declare c cursor for select secret, pin from leak.vault", "fetch all from c", "rollback"],
    "cursor with hold": ["declare h cursor with hold for select secret from leak.vault", "fetch 2 from h", "close h"],
    "scrolling cursor": ["begin", "declare c scroll cursor for select secret from leak.vault", "fetch last from c",
                         "fetch prior from c", "rollback"],
    "prepare and execute": ["prepare p as select secret from leak.vault", "execute p", "deallocate p"],
    "prepare of a view": ["prepare p(int) as select s from leak.v where id = $1", "execute p(1)", "deallocate p"],
    "copy out": ["copy leak.vault to stdout"],
    "copy columns out": ["copy leak.vault (secret) to stdout"],
    "copy a query out": ["copy (select upper(secret) from leak.vault) to stdout (format csv)"],
    "copy a query out, binary": ["copy (select secret, pin from leak.vault) to stdout (format binary)"],
    "copy a view's query out": ["copy (select * from leak.v) to stdout"],
    "copy of several": ["copy leak.plain to stdout; copy leak.vault to stdout csv; copy leak.vault (secret) to stdout"],
    "copy behind a new path": ["set search_path = leak; copy vault to stdout", "set search_path = leak_other, leak",
                               "copy vault (secret) to stdout csv header"],
    "copy of a renamed column": ["begin", "alter table leak.vault rename secret to note", "copy leak.vault (note) to stdout", "rollback"],
    "copy of a changed table": ["begin", "alter table leak.vault add more text", "copy leak.vault to stdout", "rollback"],
    "copy beside a cursor": ["begin", "declare c cursor for select secret from leak.vault", "copy leak.vault to stdout csv",
                             "fetch all from c", "rollback"],
    "copy of a temporary twin": ["create temp table vault as select id, secret from leak.vault", "copy vault to stdout"],
    "temporary table": ["create temp table t1 as select secret as x from leak.vault", "select x from t1"],
    "select into": ["select secret as x into temp t2 from leak.vault", "select x from t2"],
    "insert into another": ["begin", "insert into leak.plain select id, secret from leak.vault",
                            "select note from leak.plain", "rollback"],
    "new view": ["begin", "create view leak.own as select secret as q from leak.vault", "select q from leak.own", "rollback"],
    "temporary view": ["create temp view tv as select secret as q from leak.vault", "select q from tv"],
    "replaced view": ["begin", "create or replace view leak.v2 as select secret as t from leak.vault",
                      "select t from leak.v2", "rollback"],
    "new function": ["begin", "create function leak.own() returns text language sql as "
                     "'select secret from leak.vault limit 1'", "select leak.own()", "rollback"],
    "renamed column": ["begin", "alter table leak.vault rename secret to public_name",
                       "select public_name from leak.vault", "rollback"],
    "renamed table": ["begin", "alter table leak.vault rename to open", "select secret from leak.open", "rollback"],
    "moved table": ["begin", "alter table leak.vault set schema public", "select secret from public.vault", "rollback"],
    "inherited": ["begin", "create table leak.heir () inherits (leak.vault)", "insert into leak.heir select * from leak.vault",
                  "select secret from leak.heir", "rollback"],
    "like and copy": ["begin", "create table leak.twin (like leak.vault)", "insert into leak.twin select * from leak.vault",
                      "select secret from leak.twin", "rollback"],
    "do with notice": ["do $$ begin raise notice '%', (select secret from leak.vault where id = 1); end $$"],
    "do with exception": ["do $$ begin raise exception '%', (select secret from leak.vault where id = 1); end $$"],
    "do with detail": ["do $$ begin raise exception 'x' using detail = (select secret from leak.vault where id = 1), "
                       "hint = (select pin::text from leak.vault where id = 1); end $$"],
    "function with notice": ["select leak.e()"],
    "do into a setting": ["do $$ begin perform set_config('my.s', (select secret from leak.vault where id = 1), false); "
                          "end $$", "show my.s"],
    "do into a table": ["do $$ begin create temp table loot as select secret from leak.vault; end $$",
                        "select * from loot"],
    "search_path change": ["set search_path = leak", "select secret, pin from vault"],
    "debug output": ["set client_min_messages = debug5", "select secret from leak.vault", "set debug_print_parse = on",
                     "select secret from leak.vault where secret = 'x'"],
    "merge": ["begin", "merge into leak.plain p using leak.vault v on p.id = v.id when matched then update set "
              "note = v.secret", "select note from leak.plain", "rollback"],
    "rule": ["begin", "create rule r as on update to leak.plain do instead select secret from leak.vault",
             "update leak.plain set note = ''", "rollback"],
    "trigger": ["begin", "create function leak.t() returns trigger language plpgsql as $$ begin raise notice '%', "
                "(select secret from leak.vault where id = 1); return new; end $$",
                "create trigger t before update on leak.plain for each row execute function leak.t()",
                "update leak.plain set note = note", "rollback"],
    "domain check": ["begin", "create domain leak.d as text check (value = '')",
                     "select secret::leak.d from leak.vault", "rollback"],
    "query of others": ["select query from pg_stat_activity", "select * from pg_prepared_statements",
                        "select * from pg_cursors"],
}

outcomes = collections.OrderedDict()


@pytest.fixture(scope="module")
def vault(run_folder, authority, postgres):
    import through as doors
    from sluice_tools.processes import wait_until
    rows = ", ".join(f"({i + 1}, 'o{i}', '{secret}', {PINS[i]}, '{{\"a\": \"{secret}\"}}', array['{secret}'])"
                     for i, secret in enumerate(SECRETS))
    postgres.psql(SETUP.replace("{rows}", rows), user="app_rw", database="orders")
    gateway = doors.ThroughSluice(run_folder / "leaks", authority, postgres, rules=RULES)
    with doors.running(gateway):
        def masked():
            with gateway.connect("agent") as connection:
                return connection.run("select secret from leak.vault")[-1][0] == "Z"
        wait_until(masked, 20, "the first answer")
        yield gateway


def judge(shape, seen):
    """Notes the outcome and fails on any trace of a canary."""
    everything = b"\n".join(body for _, body in seen)
    found = sorted(trace for trace in TRACES if trace in everything)
    errors = [wire.error_fields(body) for tag, body in seen if tag == "E"]
    codes = [fields["C"] for fields in errors]
    rows = sum(tag in "Dd" for tag, _ in seen)
    if "42501" in codes:
        outcome = f"refused: {next(f['M'] for f in errors if f['C'] == '42501')}"
    elif codes:
        outcome = f"error {codes[0]}"
    else:
        outcome = f"masked, {rows} rows"
    outcomes[shape] = outcome if not found else f"LEAK {found[:4]}"
    assert not found, f"{shape}: {found[:8]} reached the client"


def everything_until(connection, count):
    try:
        for _ in range(count):
            connection.until()
    except wire.Closed:
        assert any(tag == "E" for tag, _ in connection.seen), "closed without a word"
    return connection.seen


@pytest.mark.parametrize("how", ["simple", "prepared", "binary"])
@pytest.mark.parametrize("name", SELECTS)
def test_promise_06_leak_shape(name, how, vault):
    with vault.connect("agent") as connection:
        if how == "simple":
            connection.send(wire.query(SELECTS[name]))
            judge(f"{name} ({how})", everything_until(connection, 1))
            return
        parts = [part for part in SELECTS[name].split("; ") if part]
        for part in parts:
            connection.send(wire.parse(part), wire.describe("S"), wire.bind(results=[int(how == "binary")]),
                            wire.describe("P"), wire.execute(), wire.sync())
        judge(f"{name} ({how})", everything_until(connection, len(parts)))


@pytest.mark.parametrize("what", COPIED)
def test_promise_06_leak_copy(what, vault):
    for form, options in COPY_FORMS.items():
        for path in ("public", "leak", "leak_other, leak"):
            sql = f"copy {COPIED[what]} to stdout {options}"
            with vault.connect("agent") as connection:
                connection.run(f"set search_path = {path}")
                connection.send(wire.query(sql), wire.parse(sql), wire.bind(), wire.execute(), wire.sync())
                judge(f"copy {what}, {form}, search_path {path}", everything_until(connection, 2))


@pytest.mark.parametrize("name", SEQUENCES)
def test_promise_06_leak_sequence(name, vault):
    with vault.connect("agent") as connection:
        for step in SEQUENCES[name]:
            connection.send(wire.query(step))
            try:
                connection.until()
            except wire.Closed:
                assert any(tag == "E" for tag, _ in connection.seen), "closed without a word"
                break
        judge(f"{name} (sequence)", connection.seen)


def test_masking_evasion_a_statement_described_on_one_table_and_run_on_another(vault, postgres):
    postgres.psql("create schema if not exists open; drop table if exists open.vault; create table open.vault as "
                  "select id, 'nothing'::text as secret from leak.vault", user="app_rw", database="orders")
    with vault.connect("agent") as connection:
        connection.run("set search_path = open")
        connection.send(wire.parse("select secret from vault", "s"), wire.describe("S", "s"), wire.sync())
        connection.until()
        connection.run("set search_path = leak")
        for results in ([0], [1]):
            connection.send(wire.bind("s", results=results), wire.execute(), wire.sync())
            connection.until()
        judge("prepared on another table (sequence)", connection.seen)


def test_masking_evasion_portal_in_portions_over_other_statements(vault):
    with vault.connect("agent") as connection:
        connection.run("begin")
        connection.send(wire.parse("select id, owner from leak.vault", "a"), wire.bind("a", "pa"),
                        wire.parse("select secret, pin from leak.vault", "b"), wire.bind("b", "pb"),
                        wire.execute("pa", 1), wire.execute("pb", 1), wire.execute("pa", 1), wire.execute("pb", 1),
                        wire.sync())
        connection.until()
        judge("two portals in turn (sequence)", connection.seen)


def test_masking_evasion_the_owner_column_is_not_masked_by_accident(vault):
    """The leak test would pass on a gateway that answers nothing: it must still answer what is open."""
    with vault.connect("agent") as connection:
        assert connection.rows("select id, owner from leak.vault order by id") == [[b"1", b"o0"], [b"2", b"o1"], [b"3", b"o2"]]
        assert connection.rows("select count(*) from leak.plain") == [[b"3"]]


def test_the_canaries_are_seen_by_the_exempt_so_the_search_can_fail(vault, direct):
    answer = direct().run("select secret, pin from leak.vault")
    assert any(trace in b"".join(body for _, body in answer) for trace in TRACES)
