"""Facts against what a live PostgreSQL does: generated statements run in transactions that are rolled back, and what
the server says it inserted, updated, deleted, read, defined and needed a privilege for must all be in the facts."""
import json
import random
import struct
import subprocess

import pytest

import wire
from sluice_tools import gateway

SEED = 20240611
STATEMENTS = 5000
QUERIES = 5000

SCHEMA = """
create schema app; create schema other;
create table app.people (id int primary key, name text, secret text, team int);
create table app.teams (id int primary key, name text, secret text);
create table other.people (id int primary key, name text, secret text, team int);
create table plain (id int, name text, secret text, team int);
create table parted (id int, name text, secret text, team int) partition by range (id);
create table parted_low partition of parted for values from (0) to (100);
create table parted_high partition of parted for values from (100) to (100000);
create view seen as select id, name as called, secret as hidden, team from app.people;
insert into app.people select g, 'p' || g, 's' || g, g % 3 from generate_series(1, 9) g;
insert into app.teams select g, 't' || g, 's' || g from generate_series(0, 3) g;
insert into other.people select * from app.people;
insert into plain select * from app.people;
insert into parted select g * 30, 'p' || g, 's' || g, g % 3 from generate_series(1, 9) g;
create function note_ddl() returns event_trigger language plpgsql as $$
declare r record; begin
  if tg_event = 'sql_drop' then
    for r in select * from pg_event_trigger_dropped_objects() loop
      if r.original then raise notice 'ddl drop %', r.object_type; end if;
    end loop;
  else raise notice 'ddl %', lower(tg_tag); end if;
end $$;
create event trigger note_ddl on ddl_command_end execute function note_ddl();
create event trigger note_drop on sql_drop execute function note_ddl();
"""
# What a name reads or writes behind itself: views and partitions.
BEHIND = {"people": {"seen"}, "parted_low": {"parted"}, "parted_high": {"parted"}}
TABLES = {"app.people": "people", "other.people": "people", "plain": "plain", "parted": "parted", "app.teams": "teams"}
COUNTS = ("select relid::int8, relid::regclass::text, n_tup_ins, n_tup_upd, n_tup_del, coalesce(seq_scan, 0) + coalesce(idx_scan, 0)"
          " from pg_stat_xact_user_tables")
DDL_KINDS = {"create": "create", "drop": "drop", "alter": "alter", "grant": "grant", "revoke": "revoke",
             "comment": "comment", "refresh": "refresh", "select": "create", "reindex": "reindex"}


def facts_of(statements):
    """What sluice says of each statement, by the program that is built with the unit tests."""
    program = gateway.binary().parent / "tests/unit/rules/sql/facts_dump"
    text = b"".join(statement.encode() + b"\0" for statement in statements)
    done = subprocess.run([program], input=text, capture_output=True, check=True, timeout=120)
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(facts) == len(statements)
    return facts


@pytest.fixture(scope="module")
def database(postgres):
    postgres.psql("create database facts")
    postgres.psql(SCHEMA, database="facts")
    postgres.add_role("no_secrets")
    postgres.psql("grant usage on schema app, other to no_secrets", database="facts")
    for table in (*TABLES, "parted_low", "parted_high"):
        columns = "id, name" if table == "app.teams" else "id, name, team"
        postgres.psql(f"grant select ({columns}) on {table} to no_secrets", database="facts")
    postgres.psql("grant select (id, called, team) on seen to no_secrets", database="facts")
    yield "facts"
    postgres.psql("drop database facts with (force)")


@pytest.fixture
def connect(postgres, database):
    made = []

    def login(user="postgres"):
        made.append(wire.Wire(postgres.port).login(user, postgres.passwords[user], database))
        return made[-1]

    yield login
    for connection in made:
        connection.close()


class Generator:
    """Statements over SCHEMA, from a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.number = 0

    def one(self, *choices):
        choice = self.random.choice(choices)
        return choice() if callable(choice) else choice

    def fresh(self):
        self.number += 1
        return f"x{self.number}"

    def table(self):
        return self.one(*TABLES, "app.people")

    def column(self, alias=""):
        prefix = f"{alias}." if alias else ""
        return prefix + self.one("id", "name", "secret", "id", "name")

    def condition(self, alias=""):
        column = self.column(alias)
        return self.one(f"{column} is not null", f"{column}::text > 'a'", f"not ({column}::text = 's1')",
                        f"exists (select 1 from app.teams t where t.id = {alias or 'plain'}.id)" if alias else "true",
                        f"{column}::text in (select name from app.teams)", "true")

    def member(self, alias):
        """A member of FROM."""
        table = self.table()
        return self.one(f"{table} {alias}", f"{table} as {alias}", f"(select * from {table}) {alias}",
                        f"(select id, name, secret from {table} where {self.condition(table.split('.')[-1])}) {alias}",
                        f"(select id, upper(name) as name, secret from {table}) {alias}",
                        f"(select id, secret as name, name as secret from {table}) {alias}",
                        f"(select id, name, secret from {table} union all select id, name, secret from plain) {alias}",
                        f"(select * from (select id, name, secret from {table}) deep) as {alias}",
                        f"(values (1, 'a', 'b')) as {alias}(id, name, secret)")

    def query(self, depth=0):
        a, b = self.fresh(), self.fresh()
        simple = f"select {self.column(a)} from {self.member(a)} where {self.condition(a)}"
        if depth > 1:
            return simple
        inner = lambda: self.query(depth + 1)  # noqa: E731
        joined = f"{self.member(a)} {self.one('join', 'left join', 'full join')} {self.member(b)} on {a}.id = {b}.id"
        return self.one(
            simple, lambda: f"select {self.column(a)}, {self.column(b)} as z from {joined}",
            lambda: f"select count(*), max({self.column(a)}) from {joined} group by {self.column(b)}",
            lambda: f"select {a}.id, {self.column(a)} from {self.member(a)} order by {self.one('1', '2', f'{a}.name')}",
            lambda: f"select id from {self.member(a)} order by {self.one('name', 'secret', 'id')} limit 3",
            lambda: f"select {self.column()}, {self.column()} from {self.table()}",
            lambda: f"select distinct {self.column(a)} from {self.member(a)}",
            lambda: f"select to_jsonb({a}) from {self.member(a)}",
            lambda: f"select ({a}).name from {self.table()} {a}",
            lambda: f"select {a}.* from {self.member(a)} where {self.condition(a)}",
            lambda: f"select * from {self.member(a)} natural join (select 1 as id) {b}",
            lambda: f"select {a}.name from {self.member(a)} join {self.member(b)} using ({self.one('id', 'secret')})",
            lambda: f"with {a} as ({inner()}) select * from {a}",
            lambda: f"with {a}(one) as (select name from {self.table()}) select one from {a} where one > 'a'",
            lambda: f"with people as (select 1 as id, 'x' as name, 'y' as secret) select {self.column()} from people",
            lambda: f"select x.v from {self.table()} {a}, lateral (select {self.column(a)} as v) x",
            lambda: f"select row_number() over (partition by {self.column(a)} order by {self.column(a)}) "
                    f"from {self.member(a)}",
            lambda: f"select count(*) filter (where {self.condition(a)}) from {self.member(a)}",
            lambda: f"select case when {self.condition(a)} then 1 else 2 end from {self.member(a)}",
            lambda: f"select ({self.scalar()}), 1", lambda: f"select 1 where exists ({inner()})",
            lambda: f"select id from {self.table()} union select team from seen",
            lambda: f"select called, {self.one('hidden', 'team')} from seen where {self.one('true', 'hidden > chr(1)')}",
            lambda: f"with recursive {a}(n, v) as (select id, name from app.people where id = 1 union all "
                    f"select p.id, {self.one('p.name', 'p.secret')} from app.people p join {a} on p.id = {a}.n + 1) "
                    f"select v from {a}",
            lambda: f"select {b}.b from {self.table()} {a}({self.one('a, b, c', 'a, b')}), {self.table()} {b}(a, b)",
        )

    def scalar(self):
        a = self.fresh()
        return f"select {self.column(a)} from {self.table()} {a} limit 1"

    def write(self, returning=""):
        table, a = self.table(), self.fresh()
        columns, values = "(id, name)", f"({self.random.randint(1000, 99999)}, 'new')"
        return self.one(
            lambda: f"insert into {table} {columns} values {values}{returning}",
            lambda: f"insert into {table} {columns} select id + 5000, name from {self.table()} {a}{returning}",
            lambda: f"insert into app.people {columns} values (1, 'again') on conflict (id) do update set name = "
                    f"excluded.name{returning}",
            lambda: f"insert into seen (id, called) values ({self.random.randint(100, 99999)}, 'view'){returning}",
            lambda: f"update {table} {a} set name = 'changed' where {self.condition(a)}{returning}",
            lambda: f"update {table} set name = 'all'{returning}",
            lambda: f"update {table} {a} set name = o.name from app.teams o where o.id = {a}.id{returning and ' returning o.name'}",
            lambda: f"update only seen set called = 'v' where id < 3{returning}",
            lambda: f"delete from {table} {a} where {self.condition(a)}{returning}",
            lambda: f"delete from {table} {a} using app.teams o where {a}.id = o.id{returning and ' returning o.id'}",
            lambda: f"delete from only {table}{returning}")

    def merge(self):
        table = self.one("app.people", "plain", "other.people")
        return (f"merge into {table} t using {self.one('app.teams', 'plain')} s on t.id = s.id when matched "
                f"{self.one('', 'and t.id > 1 ')}then {self.one('delete', 'update set name = s.name', 'do nothing')} "
                f"when not matched then {self.one('insert (id, name) values (s.id + 7000, s.name)', 'do nothing')}")

    def definition(self):
        name, table = self.fresh(), self.table()
        return self.one(
            f"create table {name} (id int)", f"create table {name} as select * from {table}",
            f"create table {name} as with w as (delete from plain returning *) select * from w" if self.number % 9 == 0
            else f"create temp table {name} as table {table}",
            f"select * into {name} from {table}", f"create view {name} as select id from {table}",
            f"create materialized view {name} as select name from {table}", f"create index on {table} (name)",
            f"create schema {name} create table {name} (a int)", "drop table plain", "drop table if exists app.teams cascade",
            "drop view seen", "drop schema other cascade", "alter table plain drop column name", "truncate plain, app.teams",
            "alter table plain add column extra int default 3", "alter table app.people rename to persons",
            "comment on table plain is 'x'", "grant select on plain to no_secrets", "revoke all on plain from no_secrets",
            "alter table parted detach partition parted_low", f"create sequence {name}", "drop owned by no_secrets",
            "alter view seen rename to looked", f"create type {name} as enum ('a')", "reindex table plain",
            "alter table plain alter name type varchar", "lock table plain", "do $$ begin delete from plain; end $$",
            f"create function {name}() returns int language sql as 'select 1'",
            f"create rule {name} as on insert to plain do also delete from app.teams")

    def dml_in_with(self):
        a = self.fresh()
        return (f"with {a} as ({self.write(' returning 1 as one')}) "
                f"{self.one(f'select * from {a}', f'insert into plain (id) select one from {a}', 'select 1', self.write)}")

    def wrapped(self):
        inner, name = self.one(self.write, self.query, self.dml_in_with), self.fresh()
        returning, query = self.write(" returning 1"), self.query()
        return self.one(f"explain (analyze, costs off) {inner}", f"explain analyze {inner}", f"explain {self.write()}",
                        f"prepare {name} as {inner}; execute {name}; deallocate {name}",
                        f"declare {name} cursor for {query}; fetch all from {name}; close {name}",
                        f"copy ({returning}) to stdout", f"copy ({query}) to stdout", f"copy {self.table()} to stdout",
                        f"explain analyze create table {name} as {query}", f"select 1; {inner}; select 2",
                        f"savepoint {name}; {inner}; release {name}")

    def statement(self):
        return self.one(self.write, self.write, self.merge, self.query, self.dml_in_with, self.dml_in_with, self.wrapped,
                        self.wrapped, self.definition)


def names_it(facts, table, wanted):
    """A relation of the facts is the table, or shows or holds it, with `read` or `write`."""
    schema, _, name = table.rpartition(".")
    for use in facts["relations"]:
        named = use["name"] == name and use["schema"] in ("", schema or "public")
        if any(use[w] for w in wanted) and (named or use["name"] in BEHIND.get(name, ())):
            return True
    return False


def differences(facts, before, after, ddl):
    """What the server did and the facts do not say."""
    kinds, missing = set(facts["kinds"]), []
    for relation, (table, *counts) in after.items():
        table, *old = before.get(relation, [table, "0", "0", "0", "0"])
        table = table.decode() if isinstance(table, bytes) else table
        if table.startswith(("pg_", "information_schema.")):
            continue
        inserted, updated, deleted, scanned = (int(x) - int(y) for x, y in zip(counts, old))
        new = "create" in kinds and table.rpartition(".")[2].startswith("x")
        if inserted > 0 and not (new or (kinds & {"insert", "copy-in"} and names_it(facts, table, ["write"]))):
            missing.append(f"inserted into {table}")
        if updated > 0 and not ("update" in kinds and names_it(facts, table, ["write"])):
            missing.append(f"updated {table}")
        if deleted > 0 and not ("delete" in kinds and names_it(facts, table, ["write"])):
            missing.append(f"deleted from {table}")
        if scanned > 0 and not (names_it(facts, table, ["read", "write"]) or new):
            missing.append(f"read {table}")
    for words in ddl:
        kind = "create" if words == "create table as" else DDL_KINDS.get(words.split()[0], words.split()[0])
        if kind not in kinds:
            missing.append(f"did {words}")
    return missing


def observed(connection):
    return {row[0]: row[1:] for row in connection.rows(COUNTS)}


def test_the_server_does_nothing_to_rows_or_definitions_that_facts_do_not_say(connect, figure):
    generator = Generator(SEED)
    statements = [generator.statement() for _ in range(STATEMENTS)]
    connection, failed, wrong, effects = connect(), 0, [], 0
    for statement, facts in zip(statements, facts_of(statements)):
        assert facts["understood"], (facts["error"], statement)
        connection.run("begin")
        before = observed(connection)
        answer = connection.run(statement)
        notices = [wire.error_fields(body).get("M", "") for tag, body in answer if tag == "N"]
        if any(tag == "E" for tag, _ in answer):
            failed += 1
        elif not facts["opaque"]:
            after = observed(connection)
            ddl = [notice[4:] for notice in notices if notice.startswith("ddl ")]
            effects += len(ddl) + sum(before.get(relation) != row for relation, row in after.items())
            wrong += [(SEED, difference, statement) for difference in differences(facts, before, after, ddl)]
        connection.run("rollback")
    figure(f"facts against the server: {STATEMENTS - failed} statements ran, {effects} effects on relations and "
           f"definitions seen, {len(wrong)} not in the facts (seed {SEED}; {failed} failed in the server)")
    assert not wrong, wrong[:5]
    assert failed < STATEMENTS / 5 and effects > STATEMENTS / 2, "the generator must make statements that do things"


def origins(connection, query):
    """(table oid, column number) of each output that has one; None: the server rejects the query."""
    connection.send(wire.parse(query), wire.describe("S"), wire.sync())
    found = None
    for tag, body in connection.until():
        if tag == "T":
            found, at = [], 2
            for _ in range(struct.unpack_from("!h", body)[0]):
                at = body.index(b"\0", at) + 1
                found.append(struct.unpack_from("!ih", body, at))
                at += 18
        if tag == "E":
            return None
    return [origin for origin in found or [] if origin[0] and origin[1]]


def says_column(facts, table, column, use=None):
    """The facts say that the column, by name or in a star, is used (so)."""
    return any(c["name"] in (column, "*") and c["table"] in ("", table) and (use is None or use in c["uses"])
               for c in facts["columns"])


def test_every_output_that_the_server_traces_to_a_column_is_traced_there_by_facts(connect, figure):
    generator = Generator(SEED + 1)
    queries = [generator.query() for _ in range(QUERIES)]
    connection, traced, wrong = connect(), 0, []
    names = {(int(row[0]), int(row[1])): (row[2].decode(), row[3].decode()) for row in connection.rows(
        "select attrelid::int8, attnum, relname, attname from pg_attribute join pg_class c on c.oid = attrelid "
        "where attnum > 0 and relnamespace::regnamespace::text in ('app', 'other', 'public')")}
    for query, facts in zip(queries, facts_of(queries)):
        assert facts["understood"] and not facts["columns_unknown"], query
        for origin in origins(connection, query) or []:
            table, column = names[origin]
            traced += 1
            if not says_column(facts, table, column, "output"):
                wrong.append((SEED, f"{table}.{column} is an output", query, facts["columns"]))
    figure(f"outputs traced by the server to a column: {traced}; not in the facts: {len(wrong)}")
    assert not wrong, wrong[:3]
    assert traced > QUERIES / 2


def test_every_query_that_needs_the_right_to_a_column_names_it_in_its_facts(connect, figure):
    """A role without the right to `secret` is refused exactly where the server finds a use of it."""
    generator = Generator(SEED + 2)
    queries = [generator.query() for _ in range(QUERIES)]
    connection, refused, wrong, careful = connect("no_secrets"), 0, [], 0
    for query, facts in zip(queries, facts_of(queries)):
        answer = connection.run("explain " + query)
        codes = [wire.error_fields(body)["C"] for tag, body in answer if tag == "E"]
        said = any(c["name"] in ("secret", "hidden", "*") for c in facts["columns"])
        if "42501" in codes:
            refused += 1
            if not said:
                wrong.append((SEED, query, facts["columns"]))
        elif not codes and said:
            careful += 1
    figure(f"queries that need the right to a column: {refused}; without it in their facts: {len(wrong)}; "
           f"facts that name it and need not: {careful}")
    assert not wrong, wrong[:3]
    assert refused > QUERIES / 10


def test_the_catalogue_of_functions_names_functions_that_the_server_has(connect, figure):
    program = gateway.binary().parent / "tests/unit/rules/sql/facts_dump"
    done = subprocess.run([program, "--catalogue"], capture_output=True, check=True, timeout=60, text=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    connection = connect()
    for extension in ("dblink", "adminpack", "pageinspect", "pgstattuple", "tablefunc", "xml2", "postgres_fdw", "lo",
                      "pg_visibility", "pgrowlocks", "pg_buffercache", "pg_stat_statements", "pg_surgery", "pg_prewarm",
                      "plperl", "plpython3u", "pltcl", "pg_walinspect"):
        connection.run(f"create extension if not exists {extension} cascade")
    names = {row[0].decode() for row in connection.rows("select distinct proname from pg_proc")}
    present = [name for name, _ in rows if (any(n.startswith(name[:-1]) for n in names) if name.endswith("*")
                                            else name in names)]
    figure(f"catalogue of functions: {len(rows)} rows, {len(present)} of them in this server and its extensions")
    assert len(present) > len(rows) * 0.8, sorted({name for name, _ in rows} - set(present))
    # What only a superuser may call by default reaches somewhere, and must be in the catalogue or be harmless here.
    restricted = {row[0].decode() for row in connection.rows(
        "select distinct proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace "
        "and not has_function_privilege('public', oid, 'execute')")}
    families = tuple(name[:-1] for name, _ in rows if name.endswith("*"))
    unknown = {name for name in restricted if name not in dict(rows) and not name.startswith(families)}
    assert not unknown, sorted(unknown)
