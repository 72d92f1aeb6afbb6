"""Classes of bugs that gateways of this kind have had in public; one test a class, where no other file has it. The
number is the class's own in the project's list."""
import re

import pytest

import records
import through as doors
import wire
from sluice_tools import ToolError
from sluice_tools.sample import CARDS, SALARIES

DENIED = "drop table scratch"


def outcome(connection, *messages):
    """Sends, and returns (SQLSTATE or None, rows) of the answer up to the next ReadyForQuery."""
    connection.send(*messages)
    answer = connection.until()
    errors = [wire.error_fields(body)["C"] for tag, body in answer if tag == "E"]
    return errors[0] if errors else None, [wire.data_row(body) for tag, body in answer if tag == "D"]


def test_bug_class_03_messages_inside_a_value_stay_a_value(through):
    """What was parsed is what is forwarded: bytes of a parameter that look like messages are no messages."""
    smuggled = wire.query(DENIED) + wire.sync()
    with through.connect("ci-deploy") as connection:
        state, rows = outcome(connection, wire.parse("select length($1::bytea)"),
                              wire.bind(values=[smuggled], formats=[1]), wire.execute(), wire.sync())
        assert (state, rows) == (None, [[str(len(smuggled)).encode()]])
        assert connection.rows("select count(*) >= 0 from scratch") == [[b"t"]]


@pytest.mark.parametrize("sql", ["set standard_conforming_strings = off", "set client_encoding = 'SJIS'", "set names 'GBK'",
                                 "select set_config('standard_conforming_strings', 'off', false)",
                                 "select set_config('client_' || 'encoding', 'BIG5', false)",
                                 "update pg_settings set setting = 'off' where name = 'standard_conforming_strings'"])
def test_bug_class_05_how_text_is_read_cannot_be_changed(sql, through):
    with through.connect("loader") as connection:
        assert outcome(connection, wire.query(sql))[0] is not None
        assert connection.rows("show standard_conforming_strings") == [[b"on"]]
        assert connection.rows("show client_encoding") == [[b"UTF8"]]


@pytest.mark.parametrize("sql", ["select 1; drop table scratch", "drop table scratch; select 1", ";;drop table scratch;",
                                 "select 1;/* */drop/**/table scratch", "begin; drop table scratch; commit"])
def test_bug_class_06_stacked_statements_are_all_judged(sql, through, direct):
    with through.connect("ci-deploy") as connection:
        assert outcome(connection, wire.query(sql))[0] == "42501"
    assert direct().rows("select to_regclass('scratch') is not null") == [[b"t"]]


def test_bug_class_07_effects_hidden_in_reads_are_found(own_gateway, direct):
    gateway = own_gateway(rules=[{"id": "no-delete", "statement": {"kinds": ["delete", "create"]}, "verdict": "deny"}])
    with gateway.connect("ci-deploy") as connection:
        for sql in ("with gone as (delete from notes returning *) select count(*) from gone",
                    "explain analyze delete from notes", "select * into stolen from notes", "create table c as table notes",
                    "prepare p as delete from notes", "copy (delete from notes returning *) to stdout",
                    "do $$ begin perform 1; end $$"):
            assert outcome(connection, wire.query(sql))[0] == "42501", sql


def test_bug_class_08_names_used_again_are_judged_by_what_they_stand_for(through):
    with through.connect("ci-deploy") as connection:
        connection.send(wire.parse("select 1", "s"), wire.sync())
        connection.until()
        # The refused Parse leaves the old statement, as the server does.
        assert outcome(connection, wire.parse(DENIED, "s"), wire.bind("s"), wire.execute(), wire.sync())[0] is not None
        assert outcome(connection, wire.bind("s"), wire.execute(), wire.sync()) == (None, [[b"1"]])
        assert outcome(connection, wire.close("S", "s"), wire.parse(DENIED, "s"), wire.bind("s"), wire.execute(),
                       wire.sync())[0] == "42501"
        # Made by SQL, run by message: nobody judged that pair.
        assert outcome(connection, wire.query("prepare q as select 2"))[0] is None
        assert outcome(connection, wire.bind("q"), wire.execute(), wire.sync())[0] is not None
        assert outcome(connection, wire.query("execute q")) == (None, [[b"2"]])


def test_bug_class_08_a_search_path_between_parse_and_bind_opens_no_table(own_gateway):
    gateway = own_gateway(rules=[{"id": "no-pay", "statement": {"kinds": ["select"], "relations": ["hr.employees"]},
                                  "verdict": "deny"}])
    with gateway.connect("ci-deploy") as connection:
        assert outcome(connection, wire.parse("select * from employees", "s"), wire.sync())[0] == "42501"
        assert outcome(connection, wire.query("set search_path = hr"))[0] is None
        assert outcome(connection, wire.query("select * from employees"))[0] == "42501"


def test_bug_class_09_a_refusal_stands_in_its_place_and_the_rest_is_skipped_to_sync(through):
    with through.connect("ci-deploy") as connection:
        connection.send(wire.parse("select 1"), wire.bind(), wire.execute(), wire.parse(DENIED), wire.bind(), wire.execute(),
                        wire.parse("select 2"), wire.bind(), wire.execute(), wire.sync())
        assert "".join(tag for tag, _ in connection.until()) == "12DCEZ"
        assert connection.rows("select 3") == [[b"3"]]


@pytest.mark.parametrize("parameters", [{"replication": "database"}, {"replication": "true"}, {"options": "-c replication=1"}])
def test_bug_class_10_modes_that_nobody_inspects_are_not_entered(parameters, through):
    with pytest.raises((wire.ServerError, wire.Closed)):
        through.connect("loader", **parameters)


def test_bug_class_11_and_12_masked_values_come_back_by_no_detour(through):
    secrets = [str(s).encode() for s in SALARIES]
    with through.connect("agent") as connection:
        for sql in ("select salary + 0 from hr.employees", "select row_to_json(e) from hr.employees e",
                    "select max(salary) from hr.employees", "select salary from hr.employees group by 1",
                    "select cast(salary as date) from hr.employees", "select 1/(salary-salary) from hr.employees",
                    "explain select * from hr.employees where salary = 1", "select * from pg_stats where tablename = 'employees'",
                    "select most_common_vals from pg_stats", "table hr.employees", "select (e).salary from hr.employees e"):
            connection.send(wire.query(sql))
            answer = b"".join(body for _, body in connection.until())
            assert not any(secret in answer for secret in secrets), sql


def test_bug_class_13_a_masked_row_still_fits_its_own_lengths(through):
    with through.connect("agent") as connection:
        for sql in ("select card from customers order by id", "select card, id, card from customers order by id"):
            for row in connection.rows(sql):
                assert row[0].endswith(CARDS[0][-4:].encode()) or set(row[0][:-4]) == {ord("*")}


def test_bug_class_15_a_failed_login_leaves_no_identity_behind(through):
    """The name of one attempt must not serve the proof of another."""
    connection = wire.Wire(through.port, through.ca)
    with pytest.raises(wire.ServerError):
        connection.login("loader", through.key("agent"), "orders")
    with pytest.raises(wire.ServerError):
        wire.Wire(through.port, through.ca).login("agent", through.key("loader"), "orders")
    with through.connect("agent") as connection:
        assert outcome(connection, wire.query(DENIED))[0] == "42501"


def test_bug_class_17_the_service_connection_calls_nothing_of_the_databases(own_gateway, direct):
    """A function of the caller's on the path of the catalog's own queries must not run."""
    owner = direct()
    owner.run("create table public.traps (at text)")
    owner.run("create function public.md5(text) returns text language plpgsql as "
              "$$ begin insert into public.traps values ('ran'); return 'x'; end $$")
    owner.run("create function public.coalesce_numeric(numeric) returns numeric language sql as 'select 0'")
    try:
        gateway = own_gateway()
        with gateway.connect("agent") as connection:
            assert connection.rows("select salary from hr.employees limit 1") == [[None]]
        assert owner.rows("select count(*) from public.traps") == [[b"0"]]
    finally:
        owner.run("drop function public.md5(text); drop function public.coalesce_numeric(numeric); drop table public.traps")


def test_bug_class_20_every_channel_is_under_the_same_rule(through):
    with through.connect("agent") as connection:
        simple = connection.rows("select salary, card from hr.employees, customers where employees.id = customers.id")
        assert all(row[0] is None and row[1].startswith(b"*") for row in simple)
        for results in ([], [1]):
            state, rows = outcome(connection, wire.parse("select salary from hr.employees"), wire.bind(results=results),
                                  wire.execute(), wire.sync())
            assert state is not None or all(row == [None] for row in rows)
        connection.run("begin")
        connection.run("declare c cursor for select salary from hr.employees")
        assert all(row == [None] for row in connection.rows("fetch all from c"))
        connection.run("rollback")
        copied = [body for tag, body in connection.run("copy hr.employees to stdout") if tag == "d"]
        assert copied and all(body.endswith(b"\t\\N\n") for body in copied)
        assert outcome(connection, wire.query("copy (table hr.employees) to stdout"))[0] is not None


@pytest.mark.parametrize("rule", [
    {"id": "r", "statement": {"pattern": "("}, "verdict": "deny"},
    {"id": "r", "statement": {"pattern": ""}, "verdict": "deny"},
    {"id": "r", "statement": {"kinds": []}, "verdict": "deny"},
    {"id": "r", "statement": {"kinds": ["dorp"]}, "verdict": "deny"},
    {"id": "r", "result": {"types": ["NO_SUCH_TYPE"]}, "mask": {"operator": "redact"}},
])
def test_bug_class_21_a_rule_that_cannot_work_stops_the_start(rule, own_gateway):
    with pytest.raises(ToolError) as refused:
        own_gateway(rules=[rule])
    assert re.search(r"rules\.yaml:\d+:\d+: ", str(refused.value))


def test_bug_class_24_a_refusal_teaches_nothing_about_the_policys_home(through):
    with through.connect("ci-deploy") as connection:
        connection.send(wire.query(DENIED))
        text = str([wire.error_fields(body) for tag, body in connection.until() if tag == "E"])
        for word in (".yaml", "/tmp", "except", "reload", "SIGHUP", "groups"):
            assert word not in text


def test_bug_class_25_nothing_of_one_session_reaches_the_next(through):
    with through.connect("ci-deploy") as connection:
        connection.run("set application_name = 'left behind'")
        connection.run("create temp table mine (a int)")
        connection.run("select pg_advisory_lock(77)")
        connection.run("prepare kept as select 1")
    with through.connect("ci-deploy") as connection:
        assert outcome(connection, wire.query("select * from mine"))[0] == "42P01"
        assert outcome(connection, wire.query("execute kept"))[0] == "26000"
        assert connection.rows("show application_name") != [[b"left behind"]]


def test_bug_class_28_no_credential_is_in_any_output(through, postgres):
    with through.connect("ci-deploy") as connection:
        connection.run("select 1")
    shown = (through.sluice.folder / "log").read_text() + through.sluice.admin("/metrics")[1] + through.sluice.admin("/status")[1]
    shown += records.whole_log(through.sluice) if len(records.sessions(through.sluice)) < 200 else ""
    for secret in (postgres.passwords["app_rw"], *through.sluice.keys.values()):
        assert secret not in shown
    assert doors.RULES
