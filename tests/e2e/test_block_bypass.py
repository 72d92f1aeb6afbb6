"""Every way of writing a statement differently, for every kind that a rule may deny: judged by the live server. Each
attempt first runs on a direct connection, so that only ways that do work are counted, then through a rule that denies
its kind, where it must have no effect."""
import re
import struct

import pytest

import through as doors
import wire

MARK = "leaked-value"
RESET = f"""
rollback; reset role; set client_min_messages to error; set lock_timeout to '20s';
drop schema if exists play cascade; create schema play; set search_path to play;
create table victim (id int primary key, v text); insert into victim select g, '{MARK}' from generate_series(1, 5) g;
create table scratch (id int, v text); create index victim_v on victim (v);
create materialized view fresh as select count(*) as n from scratch; insert into scratch values (1, 'x');
create view victim_view as select id, v from victim;
create procedure act() language sql as 'insert into play.victim values (90, ''evil'')';
create function wipe() returns int language sql as 'delete from play.victim; select 1';
grant usage on schema play to app_ro; grant select on victim to app_ro; comment on table victim is 'kept';
alter table scratch owner to app_rw; grant usage on schema play to app_rw; grant all on victim to app_rw
"""
EVIL = "select count(*) from play.victim where v = 'evil'"
FEWER = "select count(*) < 5 from play.victim"
# kind: (statement, what shows that it happened). SAME: asked in the session itself; MARK: the client saw the value.
KINDS = {
    "insert": ("insert into victim values (90, 'evil')", EVIL),
    "update": ("update victim set v = 'evil' where id = 1", EVIL),
    "delete": ("delete from victim where id = 1", FEWER),
    "merge": ("merge into victim t using scratch s on t.id = s.id when matched then update set v = 'evil'", EVIL),
    "truncate": ("truncate victim", FEWER),
    "drop": ("drop table victim cascade", "select to_regclass('play.victim') is null"),
    "alter": ("alter table victim add column evil int", "select count(*) from pg_attribute where attname = 'evil' "
              "and attrelid = to_regclass('play.victim')"),
    "create": ("create table evil as select 1 as a", "select to_regclass('play.evil') is not null"),
    "grant": ("grant delete on victim to app_ro", "select has_table_privilege('app_ro', 'play.victim', 'delete')"),
    "revoke": ("revoke select on victim from app_ro", "select not has_table_privilege('app_ro', 'play.victim', 'select')"),
    "comment": ("comment on table victim is 'evil'", "select obj_description('play.victim'::regclass) = 'evil'"),
    "select": ("select v from victim", MARK),
    "copy-out": ("copy victim to stdout", MARK),
    "copy-file": ("copy victim to 'FILEPATH'", "FILE"),
    "copy-program": ("copy victim to program 'cat > FILEPATH'", "FILE"),
    "call": ("call act()", EVIL),
    "do": ("do $body$ begin insert into play.victim values (90, 'evil'); end $body$", EVIL),
    "set": ("set work_mem to '77MB'", "SAME select current_setting('work_mem') = '77MB'"),
    "set-role": ("set role app_ro", "SAME select current_user = 'app_ro'"),
    "listen": ("listen evil", "SAME select count(*) from pg_listening_channels()"),
    "prepare": ("prepare evil as select 1", "SAME select count(*) from pg_prepared_statements where name = 'evil'"),
    "declare": ("declare evil cursor with hold for select 1", "SAME select count(*) from pg_cursors where name = 'evil'"),
    "reindex": ("reindex index victim_v", "NODE"),
    "cluster": ("cluster victim using victim_pkey", "NODE"),
    "vacuum": ("vacuum full victim", "NODE"),
    "refresh": ("refresh materialized view fresh", "select n > 0 from play.fresh"),
    "reassign": ("reassign owned by app_rw to app_ro", "select count(*) from pg_class c join pg_namespace n on n.oid = "
                 "relnamespace where nspname = 'play' and relowner = 'app_ro'::regrole"),
}
NODES = "select string_agg(relname || relfilenode, ',' order by relname) from pg_class where relname like 'victim%'"
RETURNING = {"insert", "update", "delete"}
QUERYLIKE = RETURNING | {"select"}
PLANNED = QUERYLIKE | {"merge"}


def outside_literals(sql, change):
    parts = re.split(r"('[^']*'|\$body\$.*\$body\$)", sql)
    return "".join(part if i % 2 else change(part) for i, part in enumerate(parts))


def mixed_case(sql):
    return outside_literals(sql, lambda part: "".join(c.upper() if i % 2 else c for i, c in enumerate(part)))


def between_tokens(sql, filling):
    return outside_literals(sql, lambda part: part.replace(" ", filling))


def renamed(sql, name):
    return re.sub(r"\bvictim\b", lambda _: name, sql)


def literal(sql):
    return "'" + sql.replace("'", "''") + "'"


def built(sql):
    """The text put together as it runs."""
    return " || ".join(f"chr({ord(c)})" for c in sql)


def simple(make):
    return lambda sql: [wire.query(make(sql))]


def extended(sql, name=""):
    return [wire.parse(sql, name), wire.bind(name), wire.execute(), wire.sync()]


# way: (kinds it can carry, or None for all; messages for a statement)
WAYS = {
    "as it is": (None, simple(lambda s: s)),
    "extended": (None, extended),
    "extended, named": (None, lambda s: extended(s, "n")),
    "extended, twice": (None, lambda s: extended(s) + extended(s)),
    "in a pipeline": (None, lambda s: [wire.parse("select 1"), wire.bind(), wire.execute(), *extended(s)]),
    "a byte at a time": (None, lambda s: [bytes([b]) for b in wire.query(s)]),
    "upper case": (None, simple(lambda s: outside_literals(s, str.upper))),
    "mixed case": (None, simple(mixed_case)),
    "comments": (None, simple(lambda s: between_tokens(s, "/**/"))),
    "nested comments": (None, simple(lambda s: between_tokens(s, "/* /* select */ ' */"))),
    "line comments": (None, simple(lambda s: between_tokens(s, "--'\n"))),
    "versioned comment in front": (None, simple(lambda s: "/*!50000 select 1; */" + s)),
    "white space": (None, simple(lambda s: between_tokens(s, "\t\r\n\f "))),
    "semicolons": (None, simple(lambda s: f";;{s};;")),
    "second statement": (None, simple(lambda s: f"select 1; {s}")),
    "first statement": (None, simple(lambda s: f"{s}; select 1")),
    "in a transaction": (None, simple(lambda s: f"begin; {s}; commit")),
    "in a transaction, message by message": (None, lambda s: [wire.query("begin"), wire.query(s), wire.query("commit")]),
    "behind a savepoint": (None, simple(lambda s: f"begin; savepoint a; {s}; release a; commit")),
    "isolation and a chain": (None, simple(lambda s: f"begin isolation level serializable; {s}; commit and chain; commit")),
    "long": (None, simple(lambda s: f"/* {'x' * 5000} */ {s}")),
    "many": (None, simple(lambda s: "select 1; " * 600 + s)),
    "quoted name": (None, simple(lambda s: renamed(s, '"victim"'))),
    "escaped name": (None, simple(lambda s: renamed(s, 'U&"v\\0069ctim"'))),
    "escaped name with its own escape": (None, simple(lambda s: re.sub(
        r"\bvictim\b", lambda _: 'U&"v!0069ctim" uescape \'!\'', s, count=1))),
    "schema in front": (None, simple(lambda s: renamed(s, "play.victim"))),
    "database in front": (None, simple(lambda s: renamed(s, "bypass.play.victim"))),
    "quoted schema": (None, simple(lambda s: renamed(s, 'play/**/."victim"'))),
    "through a view": (QUERYLIKE, simple(lambda s: renamed(s, "victim_view"))),
    "through a view made on the way": (QUERYLIKE, lambda s: [wire.query("create view made as select * from victim"),
                                                             wire.query(renamed(s, "made"))]),
    "only": (RETURNING - {"insert"}, simple(lambda s: renamed(s, "only victim"))),
    "explain analyze": (PLANNED, simple(lambda s: f"explain analyze {s}")),
    "explain with options": (PLANNED, simple(lambda s: f"explain (costs off, analyze true, format json) {s}")),
    "explain of create as": ({"create"}, simple(lambda s: f"explain analyze {s}")),
    "prepare and execute": (PLANNED, simple(lambda s: f"prepare e as {s}; execute e")),
    "prepare, then bind": (PLANNED, lambda s: [wire.query(f"prepare e as {s}"), wire.bind("e"), wire.execute(), wire.sync()]),
    "parse, then execute": (PLANNED, lambda s: [wire.parse(s, "e"), wire.sync(), wire.query("execute e")]),
    "explain analyze execute": (PLANNED, simple(lambda s: f"prepare e as {s}; explain analyze execute e")),
    "create as execute": ({"select"}, simple(lambda s: f"prepare e as {s}; create table kept as execute e; table kept")),
    "with": (RETURNING, simple(lambda s: f"with w as ({s} returning *) select * from w")),
    "with, unused": (RETURNING, simple(lambda s: f"with w as ({s}) select 1")),
    "with, second": (RETURNING, simple(lambda s: f"with a as (select 1), w as ({s} returning 1) table a")),
    "with, materialized": (RETURNING, simple(lambda s: f"with w as materialized ({s} returning 1) table w")),
    "with, extended": (RETURNING, lambda s: extended(f"with w as ({s} returning *) select * from w")),
    "with in create as": (RETURNING, simple(lambda s: f"create table made as with w as ({s} returning 1) table w")),
    "decoy in with": (QUERYLIKE, simple(lambda s: "with scratch as (select 1 as id) " + s)),
    "decoy of the same name": (RETURNING, simple(lambda s: "with victim as (select 1 as id) " + s)),
    "copy of a query": (QUERYLIKE, simple(lambda s: f"copy ({s}{' returning 1' if not s.startswith('select') else ''}) to stdout")),
    "subselect": ({"select"}, simple(lambda s: f"values (({s} limit 1))")),
    "table": ({"select"}, simple(lambda s: "table victim")),
    "union": ({"select"}, simple(lambda s: f"values ('x') union all {s}")),
    "cursor": ({"select"}, simple(lambda s: f"begin; declare c cursor for {s}; fetch all c; commit")),
    "update returns what it read": ({"select"}, simple(
        lambda s: f"update scratch set v = ({s} limit 1) returning v")),
    "insert select": ({"select"}, simple(lambda s: f"insert into scratch (v) {s} returning v")),
    "schema with its elements": ({"create"}, simple(lambda s: "create schema evil_s create table evil (a int); "
                                                    "alter table evil_s.evil set schema play")),
    "select into": ({"create"}, simple(lambda s: "select 1 as a into evil")),
    "create view": ({"create"}, simple(lambda s: "create or replace temp view evil_v as select 1; create table evil (a int)")),
    "do": (None, simple(lambda s: f"do $x$ begin {s}; end $x$")),
    "do, dynamic": (None, simple(lambda s: f"do $x$ begin execute {literal(s)}; end $x$")),
    "do, built": (None, simple(lambda s: f"do $x$ begin execute {built(s)}; end $x$")),
    "do, literal": (None, simple(lambda s: "do language plpgsql " + literal(f"begin execute {literal(s)}; end"))),
    "do, escaped literal": (None, simple(lambda s: "do E" + literal(f"begin\\n execute {literal(s)}; end"))),
    "function": (None, lambda s: [wire.query(f"create function made() returns void language plpgsql as $x$ begin execute "
                                             f"{literal(s)}; end $x$"), wire.query("select made()")]),
    "function of sql": (RETURNING, lambda s: [wire.query(f"create function made() returns void language sql as $x$ {s} $x$"),
                                              wire.query("select made()")]),
    "function of the session": (None, lambda s: [wire.query(
        f"create function pg_temp.made() returns void language plpgsql as $x$ begin execute {built(s)}; end $x$"),
        wire.query("select pg_temp.made()")]),
    "procedure": (None, lambda s: [wire.query(f"create procedure made() language plpgsql as $x$ begin execute "
                                              f"{literal(s)}; end $x$"), wire.query("call made()")]),
    "trigger": (None, lambda s: [wire.query(
        f"create function made() returns trigger language plpgsql as $x$ begin execute {literal(s)}; return new; end $x$; "
        "create trigger t before insert on scratch for each row execute function made()"),
        wire.query("insert into scratch values (7, 'x')")]),
    "rule": (RETURNING, lambda s: [wire.query(f"create rule r as on update to scratch do also {s}"),
                                   wire.query("update scratch set v = 'y'")]),
    "query_to_xml": ({"select"}, simple(lambda s: f"select query_to_xml({literal(s)}, true, true, '')")),
    "query_to_xml, extended": ({"select"}, lambda s: extended(f"select query_to_xml({built(s)}, true, true, '')")),
    "table_to_xml": ({"select"}, simple(lambda s: "select table_to_xml('victim', true, true, '')")),
    "a function that is there": ({"delete"}, simple(lambda s: "select wipe()")),
    "a function in from": ({"delete"}, simple(lambda s: "select * from play.wipe() w")),
    "a function in a default": ({"delete"}, simple(lambda s: "alter table scratch add column w int default wipe()")),
    "a function in a conflict": ({"delete"}, simple(lambda s: "select 1 order by play.wipe()")),
    "set_config": ({"set"}, simple(lambda s: "select set_config('work_mem', '77MB', false)")),
    "set_config, escaped": ({"set"}, simple(lambda s: "select U&\"set\\005fconfig\"('work_mem', '77MB', false)")),
    "set local": ({"set"}, lambda s: [wire.query("begin"), wire.query("set local work_mem = '77MB'")]),
    "update of pg_settings": ({"set"}, simple(lambda s: "update pg_settings set setting = 78848 where name = 'work_mem'")),
    "set role by its setting": ({"set-role"}, simple(lambda s: "select set_config('role', 'app_ro', false)")),
    "set role, quoted": ({"set-role"}, simple(lambda s: 'set "role" to app_ro')),
    "drop column": ({"drop"}, simple(lambda s: "alter table victim drop column v cascade; "
                                     "alter table victim rename to gone")),
    "drop schema": ({"drop"}, simple(lambda s: "drop schema play cascade")),
    "drop owned": ({"drop"}, simple(lambda s: "alter table victim owner to app_rw; drop owned by app_rw cascade")),
    "merge that inserts": ({"insert"}, simple(lambda s: "merge into victim t using (values (90)) s(id) on t.id = s.id "
                                              "when not matched then insert values (90, 'evil')")),
    "merge that deletes": ({"delete"}, simple(lambda s: "merge into victim t using scratch s on t.id = s.id when matched "
                                              "then delete")),
    "on conflict": ({"update"}, simple(lambda s: "insert into victim values (1, 'x') on conflict (id) do update "
                                       "set v = 'evil'")),
    "off standard strings": (None, lambda s: [wire.query("set standard_conforming_strings = off"),
                                              wire.query(f"select 'a\\''; {s}; --'")]),
    "another encoding": (None, lambda s: [wire.query("set client_encoding = 'gbk'"),
                                          wire.message("Q", b"select E'\xbf\\'; " + s.encode() + b"; --'\0")]),
    "a byte order mark": (None, lambda s: [wire.message("Q", b"\xef\xbb\xbf" + s.encode() + b"\0")]),
    "behind a NUL": (None, lambda s: [wire.message("Q", b"select 1\0" + s.encode() + b"\0")]),
    "continued literal": (None, simple(lambda s: f"select 'a' -- '\n'b'; {s}")),
    "dollar quotes around a comment": (None, simple(lambda s: f"select $a$ /* $a$; {s}; select $b$ */ $b$")),
}


@pytest.fixture(scope="module")
def bypass_database(postgres):
    postgres.psql("create database bypass; alter database bypass set search_path to play")
    owners = "select string_agg(format('alter database %I owner to %I', datname, datdba::regrole), ';') from pg_database where datname = 'orders'"
    before = admin_of(postgres, "orders")
    restore = before.rows(owners)[0][0].decode()
    rights = before.rows("select string_agg(format('grant %s on database orders to %s', a.privilege_type, case a.grantee when 0 then "
                         "'public' else a.grantee::regrole::text end), ';') from pg_database d, aclexplode(coalesce(d.datacl, "
                         "acldefault('d', d.datdba))) a where d.datname = 'orders'")[0][0].decode()
    yield "bypass"
    # REASSIGN OWNED and DROP OWNED, run straight, reach what databases share.
    postgres.psql(f"{restore}; {rights}")
    before.close()
    postgres.psql("drop database bypass with (force)")


def admin_of(postgres, database):
    return wire.Wire(postgres.port).login("postgres", postgres.passwords["postgres"], database)


def ask(connection, sql):
    answer = connection.rows(sql)[0][0]
    return answer not in (b"f", b"0", None)


def answers_to(sent):
    """How many ReadyForQuery the messages ask for."""
    at, count = 0, 0
    while at < len(sent):
        count += sent[at:at + 1] in (b"Q", b"S")
        at += 1 + struct.unpack_from("!i", sent, at + 1)[0]
    return count


class Attempt:
    """One way of one kind over one connection; `happened` says whether it had its effect."""

    def __init__(self, admin, path):
        self.admin, self.path = admin, path

    def prepare(self):
        self.path.unlink(missing_ok=True)
        answer = self.admin.run(RESET)
        assert not any(tag == "E" and wire.error_fields(body)["C"] != "22023" for tag, body in answer), answer
        self.nodes = self.admin.rows(NODES)

    def send(self, connection, kind, way):
        """Sends it all and returns the data that came back; None: the connection was ended."""
        parts = WAYS[way][1](KINDS[kind][0].replace("FILEPATH", str(self.path)))
        try:
            for part in parts:
                connection.send(part)
            return b"".join(body for _ in range(answers_to(b"".join(parts))) for tag, body in connection.until()
                            if tag in "Dd")
        except (wire.Closed, OSError):
            return None

    def happened(self, connection, kind, way):
        return self.shown(connection, kind, self.send(connection, kind, way))

    def shown(self, connection, kind, seen):
        shows = KINDS[kind][1]
        if shows == MARK:
            return MARK.encode() in (seen or b"")
        if shows == "FILE":
            return self.path.exists()
        if shows == "NODE":
            return self.admin.rows(NODES) != self.nodes
        if not shows.startswith("SAME "):
            return ask(self.admin, shows)
        for _ in range(2):
            try:
                return seen is not None and ask(connection, shows[5:])
            except wire.ServerError:
                connection.run("rollback")
        return False


@pytest.mark.slow
def test_no_way_of_writing_a_denied_statement_has_its_effect(postgres, bypass_database, own_gateway, folder, figure, run_folder):
    rules = [{"id": f"no-{kind}", "target": f"no-{kind}", "statement": {"kinds": [kind]}, "verdict": "deny"} for kind in KINDS]
    targets = [doors.target(f"no-{kind}", postgres, folder, user="postgres") for kind in KINDS]
    door = own_gateway(targets=targets, rules=rules)
    admin = admin_of(postgres, bypass_database)
    attempt = Attempt(admin, run_folder.parent / f"{run_folder.name}-file")
    tried, working, executed = 0, 0, []
    for kind in KINDS:
        attempt.prepare()
        with admin_of(postgres, bypass_database) as direct:
            assert not attempt.shown(direct, kind, b""), f"{kind} shows its effect before it happened"
        for way, (carries, _) in WAYS.items():
            plain, written = WAYS["as it is"][1](KINDS[kind][0]), WAYS[way][1](KINDS[kind][0])
            if (carries is not None and kind not in carries) or (written == plain and way != "as it is"):
                continue
            attempt.prepare()
            with admin_of(postgres, bypass_database) as direct:
                works = attempt.happened(direct, kind, way)
            attempt.prepare()
            with door.connect("loader", f"no-{kind}/{bypass_database}", tls=False) as connection:
                assert connection.rows("show server_version"), kind
                tried += 1
                working += works
                if attempt.happened(connection, kind, way):
                    executed.append((kind, way))
    attempt.path.unlink(missing_ok=True)
    figure(f"block bypass: {len(KINDS)} denied kinds, {len(WAYS)} ways; {tried} attempts, {working} of them with their "
           f"effect on a direct connection, {len(executed)} through the rule")
    assert not executed, executed
    assert working > tried / 2, "ways that never work prove nothing"
