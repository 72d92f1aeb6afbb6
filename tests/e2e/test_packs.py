"""The packs of statement rules that ship, in front of a real server: what each refuses does not happen, what it is
not about passes, and alert mode refuses nothing and is recorded."""
import json

import pytest

import records
import wire

SETUP = ["drop table if exists packs_t", "create table packs_t (id int primary key, note text)",
         "insert into packs_t values (1, 'one'), (2, 'two')"]

WRITES = ["insert into packs_t values (3, 'x')", "update packs_t set note = 'x' where id = 1",
          "delete from packs_t where id = 1", "truncate packs_t", "drop table packs_t", "create table packs_u (a int)",
          "alter table packs_t add column b int", "create temp table packs_v (a int)", "select * into packs_u from packs_t",
          "with d as (delete from packs_t returning id) select count(*) from d", "explain analyze delete from packs_t",
          "do $$ begin delete from packs_t; end $$", "copy packs_t from stdin", "vacuum packs_t",
          "comment on table packs_t is 'x'", "grant select on packs_t to public", "refresh materialized view packs_m"]
READS = ["select * from packs_t", "table packs_t", "values (1)", "explain select * from packs_t", "show all",
         "select count(*) from packs_t where note like 't%'", "set statement_timeout = '1min'",
         "begin transaction isolation level repeatable read, read only; lock table packs_t in access share mode; commit",
         "begin; declare c cursor for select * from packs_t; fetch all from c; close c; commit",
         "prepare p as select * from packs_t; execute p; deallocate p", "discard all", "reset all",
         "set default_transaction_read_only = on", "select set_config('search_path', '', false)"]
ENDS_READ_ONLY = ["set transaction_read_only = off", "set default_transaction_read_only to false",
                  "set session characteristics as transaction read write", "begin read write",
                  "start transaction isolation level serializable, read write", "set transaction read write",
                  "select set_config('transaction_read_only', 'off', true)", "reset transaction_read_only",
                  "select set_config('default_transaction_read_only', case when true then 'off' end, false)",
                  "set local transaction_read_only to default", "/* x */ BeGiN/**/READ WRITE"]

# pack: (refused, passed)
PACKS = {
    "read-only": (WRITES + ENDS_READ_ONLY, READS),
    "no-ddl": (["drop table packs_t", "create table packs_u (a int)", "alter table packs_t add column b int",
                "create index on packs_t (note)", "select * into packs_u from packs_t", "reindex table packs_t",
                "vacuum packs_t", "refresh materialized view packs_m", "grant select on packs_t to public",
                "create or replace view packs_w as select 1", "do $$ begin drop table packs_t; end $$"],
               READS + ["insert into packs_t values (3, 'x')", "update packs_t set note = 'y' where id = 3",
                        "delete from packs_t where id = 3", "begin; truncate packs_t; rollback"]),
    "hold-destructive": (["drop table packs_t", "truncate packs_t", "delete from packs_t", "update packs_t set note = ''",
                          "alter table packs_t drop column note", "alter table packs_t add b int, DROP column note",
                          "with d as (delete from packs_t returning 1) select 1", "drop owned by current_user"],
                         READS + ["delete from packs_t where id = 9", "update packs_t set note = 'z' where id = 9",
                                  "insert into packs_t values (4, 'drop'); delete from packs_t where id = 4"]),
    "bounded-writes": (["delete from packs_t", "update packs_t set note = ''", "truncate packs_t",
                        "delete from packs_t where true", "delete from packs_t where ((true))", "delete from packs_t where 1=1 or id = 1",
                        "delete from packs_t where 1 = 1",
                        "update packs_t set note = '' where 'a' = 'a' returning 1",
                        "with d as (delete from packs_t where 1 = 1) select 1"],
                       READS + ["delete from packs_t where id = 9", "update packs_t set note = 'z' where id = 9 and true"]),
    "server-files-and-programs": (
        ["copy packs_t to '/tmp/x'", "copy packs_t from '/tmp/x'", "copy packs_t to program 'cat'",
         "copy (select 1) to program 'cat'", "select pg_read_file('postgresql.conf')",
         "select pg_catalog.pg_read_binary_file('PG_VERSION')", "select * from pg_ls_dir('.')",
         "select lo_import('/etc/passwd')", "select lo_export(1, '/tmp/x')", "load 'auto_explain'",
         "create function f() returns int language c as 'x'", "create function f() returns int as $$ $$ LANGUAGE plpython3u",
         "select * from packs_t where note = pg_read_file('x')", "explain select pg_stat_file('x')"],
        READS + ["insert into packs_t values (3, 'x')", "delete from packs_t where id = 3"]),
}


def outcome(connection, sql):
    """None where the server ran it, else the refusal's detail or the server's error."""
    try:
        connection.rows(sql)
        return None
    except wire.ServerError as error:
        if error.fields.get("C") == "42501" and error.fields.get("D", "").startswith("{"):
            return json.loads(error.fields["D"])["sluice"]
        return error.fields


@pytest.fixture
def table(direct):
    connection = direct()
    for sql in SETUP:
        connection.rows(sql)
    yield connection
    connection.rows("drop table if exists packs_t")


def state_of(connection):
    return connection.rows("select id, note from packs_t order by id")


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_refuses_what_it_is_about_and_nothing_else(own_gateway, table, pack, figure):
    refused, passed = PACKS[pack]
    door = own_gateway(rules={"use": [pack]})
    before = state_of(table)
    for sql in refused:
        with door.connect() as connection:
            got = outcome(connection, sql)
            assert got is not None and got.get("rule", "").startswith(pack + "/"), f"{sql}: {got}"
            assert state_of(table) == before, sql
    for sql in passed:
        with door.connect() as connection:
            assert outcome(connection, sql) is None, sql
    assert state_of(table) == before
    figure(f"pack {pack}: {len(refused)} statements refused, {len(passed)} passed")


def test_a_read_only_session_is_read_only_at_the_server_too(own_gateway, table):
    door = own_gateway(rules={"use": ["read-only"], "override": {"read-only/writes": {"enabled": False}}})
    with door.connect() as connection:
        assert connection.rows("show transaction_read_only") == [[b"on"]]
        got = outcome(connection, "insert into packs_t values (3, 'x')")
        assert got.get("C") == "25006", "the server says read-only transaction"
        assert outcome(connection, "reset all") is None
        assert connection.rows("show transaction_read_only") == [[b"on"]], "RESET ALL goes back to how the session began"


def test_pg_dump_works_under_the_read_only_pack(own_gateway, table, run_program):
    door = own_gateway(rules={"use": ["read-only"]})
    dump = run_program(["pg_dump", "--table=packs_t"], door.environment())
    assert b"COPY public.packs_t" in dump.stdout


def test_a_held_statement_is_refused_and_says_so(own_gateway, table):
    door = own_gateway(rules={"use": ["hold-destructive"]})
    with door.connect() as connection:
        with pytest.raises(wire.ServerError) as refusal:
            connection.rows("drop table packs_t")
    fields = refusal.value.fields
    assert fields["C"] == "42501"
    assert "hold-destructive/drop" in fields["M"] and "approval" in fields["M"]
    detail = json.loads(fields["D"])["sluice"]
    assert (detail["verdict"], detail["reason"], detail["rule"]) == ("hold", "rule", "hold-destructive/drop")


def test_alert_mode_refuses_nothing_and_is_recorded(own_gateway, table):
    door = own_gateway(rules={"mode": "alert", "use": ["bounded-writes", "no-ddl"]})
    with door.connect(application_name="alerting") as connection:
        connection.rows("begin; delete from packs_t; rollback")
        connection.rows("select 1")
    session = records.session_by_application(door.sluice, "alerting")
    intents = [r for r in records.of_session(door.sluice, session) if records.kind(r) == "intent"]
    assert [i.get("alerts") for i in intents] == ["bounded-writes/where", None]
    assert [i["verdict"] for i in intents] == ["allow", "allow"]
    replay = door.sluice.cli("sessions", "replay", session["id"]).stdout
    assert "alerts: bounded-writes/where" in (replay if isinstance(replay, str) else replay.decode())


def test_values_that_rules_only_alert_of_pass_and_are_counted(own_gateway):
    door = own_gateway(rules={"use": [{"pack": "financial", "mode": "alert"}, {"pack": "pii", "mode": "alert"}]})
    with door.connect(application_name="values") as connection:
        assert connection.rows("select '4111 1111 1111 1111', 'a@example.com', 'nothing'") == [
            [b"4111 1111 1111 1111", b"a@example.com", b"nothing"]]
        copied = connection.run("copy (select '4111111111111111') to stdout")
        assert (b"d", b"4111111111111111\n") in [(tag.encode() if isinstance(tag, str) else tag, body) for tag, body in copied]
    session = records.session_by_application(door.sluice, "values")
    outcomes = [r for r in records.of_session(door.sluice, session) if records.kind(r) == "outcome"]
    assert outcomes[0]["alerted_values"] == 2 and outcomes[0]["masked_cells"] == 0


def test_packs_of_types_mask_values_wherever_they_are_found(own_gateway):
    door = own_gateway(rules={"use": ["pii", "financial", "health", "secrets"]})
    with door.connect() as connection:
        row = connection.rows("select '4111 1111 1111 1111', 'a@example.com', 'GB82 WEST 1234 5698 7654 32', "
                              "'AKIAIOSFODNN7EXAMPLE', '{\"ssn\": \"536-90-4399\"}'::json, 'order 4711', 42")[0]
    assert row[:3] == [b"", b"", b""], row
    assert b"536-90" not in row[4] and row[5:] == [b"order 4711", b"42"], row
