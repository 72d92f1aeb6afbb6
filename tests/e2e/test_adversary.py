"""What somebody tried who knows the protocol and wants past the gateway: facts of another text, names that are cut,
closed or taken back, statements nobody judged, errors that quote, ends in the middle. Each test is one way that
was open once."""
import itertools
import struct

import pytest

import records
import through as doors
import wire
from sluice_tools.processes import wait_until
from sluice_tools.sample import CARDS, SALARIES

SSNS = [f"53{i}-9{i}-4{i}99" for i in range(5)]
CANARIES = [value.encode() for value in [*SSNS, *CARDS, *map(str, SALARIES)]] + [struct.pack("!i", s) for s in SALARIES]
OVER_STATEMENT_CAP = 300 << 10
OVER_BIND_CAP = (1 << 20) + 100


def codes(answer):
    """The SQLSTATEs of the ErrorResponses in an answer."""
    return [wire.error_fields(body)["C"] for tag, body in answer if tag == "E"]


def values(answer):
    return [wire.data_row(body) for tag, body in answer if tag == "D"]


def leaked(answer):
    """The canaries in any message of an answer."""
    everything = b"\n".join(body for _, body in answer)
    return [canary for canary in CANARIES if canary in everything]


def run_extended(connection, sql):
    connection.send(wire.parse(sql), wire.bind(), wire.execute(), wire.sync())
    return connection.until()


@pytest.fixture
def victim(direct):
    """A table that the agent may not drop; says whether it is still there."""
    owner = direct()
    owner.run("drop table if exists victim; create table victim (id int)")
    yield lambda: owner.rows("select to_regclass('victim') is not null") == [[b"t"]]
    owner.run("drop table if exists victim")


# Groups of messages that end in an error at the server, and what stays behind them in the same group.
FAILING = {
    "a Bind of no statement": [wire.bind("nobody_prepared_this"), wire.execute()],
    "a Parse with a syntax error": [wire.parse("selec 1")],
    "an Execute that fails": [wire.parse("select 1/0"), wire.bind(), wire.execute(), wire.flush()],
}
# Over 4 KiB a text is read by a worker while the session waits. The longer, the later its facts come.
WAITED_FOR = [5000, 6000, 9000, 20_000, 40_000, 80_000, 120_000, 160_000, 200_000, 240_000]


@pytest.mark.parametrize("arrival", ["in one write", "after the error"])
@pytest.mark.parametrize("failing", FAILING)
def test_facts_awaited_for_one_text_are_never_used_for_another(failing, arrival, through, victim):
    turn = itertools.count()
    with through.connect("agent") as connection:
        for size, padding, way in itertools.product(WAITED_FOR, ("spaces", "a list"), range(4)):
            mark = f"/* {failing}, {arrival}, {next(turn)} */"  # Judged anew each time: for what is cached nobody waits.
            text = f"select 1 {mark}" + (" " * size if padding == "spaces" else f" where 1 in (1{',1' * (size // 2)})")
            drop = f"drop table victim {mark}"
            denied = ([wire.query(drop)], [wire.query("drop table victim")], [wire.query(drop + " " * size)],
                      [wire.parse(drop), wire.bind(), wire.execute(), wire.sync()])[way]
            behind = [wire.sync(), *denied]
            connection.send(*FAILING[failing], wire.parse(text), *(behind if arrival == "in one write" else []))
            connection.until("E")
            if arrival == "after the error":
                connection.send(*behind)
            assert not codes(connection.until()), "one error for one group"
            assert codes(connection.until()) == ["42501"], (size, padding, way)
    assert victim(), "the refused statement ran"


def test_a_refused_long_text_behind_a_dropped_one_stays_refused_when_the_first_comes_again(through, victim):
    with through.connect("agent") as connection:
        for size in WAITED_FOR:
            harmless, denied = (f"{sql} /* again */ {' ' * size}" for sql in ("select 1", "drop table victim"))
            connection.send(wire.bind("absent"), wire.parse(harmless, "s"), wire.sync(), wire.parse(denied, "s"),
                            wire.bind("s"), wire.execute(), wire.sync(), wire.parse(harmless, "s"), wire.bind("s"),
                            wire.execute(), wire.close("S", "s"), wire.sync())
            assert codes(connection.until()) == ["26000"]
            assert codes(connection.until()) == ["42501"]
            answer = connection.until()
            assert not codes(answer) and values(answer) == [[b"1"]]
    assert victim(), "the refused statement ran"


# The server joins the two constants over the comment; the gateway's grammar says it is no statement.
NOT_UNDERSTOOD = {
    "read": "select upper(ssn), 'a' -- x\n 'b' from customers",
    "do": "do 'begin drop ' -- x\n 'table victim; end'",
    "insert": "insert into scratch select 990, 'a' -- x\n 'b'",
}


@pytest.mark.parametrize("text", NOT_UNDERSTOOD)
def test_what_the_grammar_does_not_understand_is_not_run_by_execute(text, through, victim, direct):
    own = direct()
    own.run("begin")
    own.send(wire.parse(NOT_UNDERSTOOD[text], "p"), wire.sync())
    assert not codes(own.until()), "the server knows this text"
    assert not codes(own.run("execute p")), "and would run it"
    own.run("rollback")
    with through.connect("agent") as connection:
        connection.send(wire.parse(NOT_UNDERSTOOD[text], "p"), wire.describe("S", "p"), wire.sync())
        connection.until()
        for message in (wire.query("execute p"), wire.query("explain analyze execute p"),
                        wire.query("create temp table loot as execute p")):
            connection.send(message)
            assert codes(connection.until()), "EXECUTE of what was never judged"
        connection.send(wire.bind("p"), wire.execute(), wire.sync())
        assert codes(connection.until())
        connection.send(wire.bind(""), wire.execute(), wire.sync())
        assert codes(connection.until())
        # All of it in one write, so that the EXECUTE is judged before the Parse is answered.
        connection.send(wire.parse(NOT_UNDERSTOOD[text], "q"), wire.sync(), wire.query("execute q"))
        connection.until()
        assert codes(connection.until())
        assert not leaked(connection.seen)
        assert connection.rows("select count(*) from pg_prepared_statements where name in ('p', 'q')") == [[b"0"]]
    assert victim() and own.rows("select count(*) from scratch where id = 990") == [[b"0"]]


@pytest.mark.parametrize("text", ["selec 1", "this is no SQL at all"])
def test_a_text_that_nobody_understands_gets_the_servers_own_error_and_no_name(text, through):
    with through.connect("agent") as connection:
        connection.send(wire.parse(text, "p"), wire.sync())
        assert codes(connection.until()) == ["42601"]
        assert codes(connection.run("execute p")) == ["26000"]


MASKED = ["select upper(ssn) from customers", "select 'x' || card || ssn from customers", "select salary + 0 from hr.employees",
          "select max(salary) from hr.employees", "select row_to_json(customers)::text from customers"]


@pytest.mark.parametrize("results", [0, 1])
@pytest.mark.parametrize("sql", MASKED)
def test_what_was_named_by_message_is_masked_when_sql_runs_it(sql, results, through, direct):
    parse, bind = wire.parse(sql, "s"), wire.bind("s", "c", results=[results])
    own = direct()
    own.run("begin")
    own.send(parse, bind, wire.sync())
    own.until()
    assert leaked(own.run("execute s")) and leaked(own.run("fetch all from c")), "the search can fail"
    for together in True, False:
        for reads in (["execute s"], ["fetch all from c"], ["fetch 1 from c", "fetch all c"],
                      ["select 1; execute s; fetch all in c"], ["explain (analyze, timing off) execute s"]):
            with through.connect("agent") as connection:
                connection.run("begin")
                connection.send(parse, bind, wire.sync())
                if not together:
                    connection.until()
                connection.send(*map(wire.query, reads))
                for _ in range(len(reads) + together):
                    connection.until()
                assert not leaked(connection.seen), reads


# What takes a name back, and whether that is told by a message or in SQL.
TAKEN_BACK = {
    "Close": ("x", [wire.close("S", "x")]),
    "Close in a group of its own": ("x", [wire.sync(), wire.close("S", "x"), wire.sync()]),
    "DEALLOCATE": ("x", [wire.sync(), wire.query("deallocate x")]),
    "DEALLOCATE PREPARE": ("x", [wire.sync(), wire.query("deallocate prepare x")]),
    "DEALLOCATE, folded": ("x", [wire.sync(), wire.query("DEALLOCATE X")]),
    "DEALLOCATE ALL": ("x", [wire.sync(), wire.query("deallocate all")]),
    "DISCARD ALL": ("x", [wire.sync(), wire.query("discard all")]),
    "DEALLOCATE by Execute": ("x", [wire.parse("deallocate x"), wire.bind(), wire.execute()]),
    "DEALLOCATE, doubled quotes": ('x"y', [wire.sync(), wire.query('deallocate "x""y"')]),
    "DEALLOCATE, only quotes": ('""', [wire.sync(), wire.query('deallocate """"""')]),
    "DEALLOCATE, escaped": ("x", [wire.sync(), wire.query('deallocate U&"\\0078"')]),
    "DEALLOCATE, cut at 63": ("x" * 63, [wire.sync(), wire.query("deallocate " + "x" * 70)]),
    "DEALLOCATE, capitals": ("X y", [wire.sync(), wire.query('deallocate "X y"')]),
}


@pytest.mark.parametrize("how", TAKEN_BACK)
def test_a_name_taken_back_stands_for_the_next_statement_of_that_name(how, through, victim):
    name, take_back = TAKEN_BACK[how]
    quoted = '"' + name.replace('"', '""') + '"'
    ready = sum(message[:1] in (b"S", b"Q") for message in take_back)
    run = [wire.bind(name), wire.describe("P"), wire.execute(), wire.sync()]

    def taken_back(connection):
        connection.send(wire.parse("select 'harmless'", name), *take_back)
        return ready

    def answers(connection, count):
        return [connection.until() for _ in range(count)]

    with through.connect("agent") as connection:  # The next one is harmless too.
        count = taken_back(connection)
        connection.send(wire.parse("select 'second'", name), *run)
        *before, last = answers(connection, count + 1)
        assert not any(map(codes, before)) and not codes(last) and values(last) == [[b"second"]]
    with through.connect("agent") as connection:  # Denied.
        count = taken_back(connection)
        connection.send(wire.parse("drop table victim", name), *run)
        assert codes(answers(connection, count + 1)[-1]) == ["42501"]
        connection.send(*run)
        assert codes(connection.until()), "the old statement is gone, the new one never was"
    with through.connect("agent") as connection:  # Masked.
        count = taken_back(connection)
        connection.send(wire.parse("select upper(ssn) from customers", name), *run)
        answers(connection, count + 1)
        assert not leaked(connection.seen)
    with through.connect("agent") as connection:  # Made by SQL under that name: nobody judged the pair.
        count = taken_back(connection)
        if take_back[-1][:1] != b"Q":
            connection.send(wire.sync())
            count += 1
        answers(connection, count)
        assert not codes(connection.run(f"prepare {quoted} as select upper(ssn) from customers"))
        connection.send(*run)
        answer = connection.until()
        assert not leaked(connection.seen) and b"harmless" not in b"".join(body for _, body in answer)
    assert victim(), "the refused statement ran"


def test_a_closed_portal_does_not_lend_its_name_to_the_next(through):
    with through.connect("agent") as connection:
        connection.run("begin")
        connection.send(wire.parse("select 'harmless'", "a"), wire.parse("select upper(ssn) from customers", "b"),
                        wire.bind("a", "p"), wire.close("P", "p"), wire.bind("b", "p"), wire.execute("p"),
                        wire.close("P", "p"), wire.bind("a", "p"), wire.execute("p"), wire.sync())
        answer = connection.until()
        # A name over masked values was there, so what it shows later may be masked more than it needs to be.
        assert not leaked(answer) and (codes(answer) or values(answer)[-1] in ([b"harmless"], [None]))
        connection.run("rollback")
        connection.run("begin")
        connection.send(wire.bind("a", "p"), wire.close("P", "p"), wire.execute("p"), wire.sync())
        assert codes(connection.until()) == ["34000"], "a closed portal does not run"
        connection.run("rollback")
        # The old portal's name is a cursor over masked values by now.
        connection.run("begin")
        connection.send(wire.bind("a", "p"), wire.close("P", "p"), wire.sync(),
                        wire.query("declare p cursor for select upper(ssn) from customers"), wire.execute("p"), wire.sync())
        for _ in range(3):
            answer = connection.until()
        assert codes(answer) == ["34000"] and not leaked(connection.seen)


@pytest.fixture
def touched(direct):
    """A sequence: what moves it is not undone when its transaction is. Says whether it moved."""
    owner = direct()
    owner.run("create sequence if not exists touched; select setval('touched', 1, false)")
    yield lambda: owner.rows("select is_called from touched") == [[b"t"]]
    owner.run("drop sequence touched")


LONG = "n" * 63
MOVE = "select setval('touched', 7)"
# name: (messages that are fine, the one with the name)
NAMED = {
    "Parse": lambda name: ([], wire.parse(MOVE, name)),
    "Bind of a statement": lambda name: ([wire.parse(MOVE, LONG)], wire.bind(name) + wire.execute()),
    "Bind of a portal": lambda name: ([wire.parse(MOVE)], wire.bind("", name) + wire.execute(LONG)),
    "a large Bind": lambda name: ([wire.parse(MOVE, LONG)], wire.bind(name, values=[b"x" * OVER_BIND_CAP])),
    "Describe of a statement": lambda name: ([wire.parse(MOVE, LONG)], wire.describe("S", name)),
    "Describe of a portal": lambda name: ([wire.parse(MOVE), wire.bind("", LONG)], wire.describe("P", name)),
    "Execute": lambda name: ([wire.parse(MOVE), wire.bind("", LONG)], wire.execute(name)),
    "Close of a statement": lambda name: ([wire.parse(MOVE, LONG)], wire.close("S", name)),
    "Close of a portal": lambda name: ([wire.parse(MOVE), wire.bind("", LONG)], wire.close("P", name)),
}


@pytest.mark.parametrize("name", [LONG + "A", "é" * 32, "sluice:", "sluice:absent", "sluice:0123456789abcdef"])
@pytest.mark.parametrize("kind", NAMED)
def test_a_name_that_the_server_would_cut_or_the_gateway_keeps_ends_the_session(kind, name, own_gateway, through, touched,
                                                                                direct):
    """A large Bind is refused for its size where large parameters do not pass: its name is never looked at."""
    application = f"adversary-{kind}-{name}"[:60].encode("ascii", "replace").decode()
    fine, bad = NAMED[kind](name)
    with through.connect("agent", application_name=application) as connection:
        connection.send(*fine, bad, wire.sync(), wire.query(MOVE))
        if kind == "a large Bind":
            assert codes(connection.until()) == ["54000"]
            return
        answer = connection.until_closed()
        assert codes(answer) == ["08P01"], answer
        assert wire.error_fields(answer[-1][1])["S"] == "FATAL" and "Z" not in [tag for tag, _ in answer]
    assert not touched()
    session = records.session_by_application(through.sluice, application)
    end = records.of_session(through.sluice, session)[-1]
    assert "63 bytes" in end["reason"], end
    assert direct().rows("select 1") == [[b"1"]]


@pytest.mark.parametrize("name", [LONG, "é" * 31, "sluice", "Sluice:x", " sluice:x"])
def test_names_up_to_63_bytes_that_are_the_clients_own_are_passed_on(name, through):
    with through.connect("agent") as connection:
        connection.run("begin")
        connection.send(wire.parse("select 5", name), wire.describe("S", name), wire.bind(name, name), wire.describe("P", name),
                        wire.execute(name), wire.close("P", name), wire.close("S", name), wire.sync())
        answer = connection.until()
        assert not codes(answer) and values(answer) == [[b"5"]]


LEDGER = """
create table customers (id int primary key, name text not null check (name <> 'bad'), email text, card text, ssn text unique);
insert into customers select i, 'n' || i, null, null, (array['{ssns}'])[i] from generate_series(1, 5) i;
create schema hr;
create table hr.employees (id int, dept int, salary int, unique (dept, salary));
insert into hr.employees values (1, 1, {salary}), (2, 2, {salary});
create table refs (v text references customers (ssn));
insert into refs select ssn from customers where id = 2;
create table late (v text references customers (ssn) deferrable initially deferred);
insert into late select ssn from customers where id = 1;
create table few (v text unique);
create function quote() returns trigger language plpgsql as
  $$ begin raise exception 'it was %', old.ssn using detail = old.ssn, hint = old.ssn; end $$;
create constraint trigger at_commit after delete on customers deferrable initially deferred
  for each row when (old.id = 3) execute function quote();
"""


@pytest.fixture(scope="module")
def ledger(postgres, through):
    """A database whose constraints quote masked values in their errors: its name for a client of `through`."""
    postgres.psql("create database ledger owner app_rw")
    postgres.psql(LEDGER.format(ssns="','".join(SSNS), salary=SALARIES[0]), user="app_rw", database="ledger")
    yield through.database("ledger")
    postgres.psql("drop database ledger with (force)")


# SQLSTATE: statements, of which the last fails with it, or the last but one.
QUOTING = {
    "not null": ("23502", ["update customers set name = null where id = 1"]),
    "check": ("23514", ["update customers set name = 'bad' where id = 1"]),
    "unique": ("23505", ["update hr.employees set dept = 2 where id = 1"]),
    "foreign key": ("23503", ["delete from customers where id = 2"]),
    "in a transaction": ("23502", ["begin", "update customers set name = null where id = 1"]),
    "after a savepoint": ("23514", ["begin", "savepoint s", "update customers set name = 'bad' where id = 1"]),
    "new unique index": ("23505", ["create unique index on hr.employees (salary)"]),
    "deferred, without a transaction": ("23503", ["delete from customers where id = 1"]),
    "deferred, at COMMIT": ("23503", ["begin", "delete from customers where id = 1", "commit"]),
    "deferred, at END": ("23503", ["begin", "delete from customers where id = 1", "end"]),
    "deferred, at COMMIT AND CHAIN": ("23503", ["begin", "delete from customers where id = 1", "commit and chain"]),
    "deferred, at SET CONSTRAINTS": ("23503", ["begin", "delete from customers where id = 1", "set constraints all immediate"]),
    "trigger at COMMIT": ("P0001", ["begin", "delete from customers where id = 3", "commit"]),
    "trigger at SET CONSTRAINTS": ("P0001", ["begin", "delete from customers where id = 3", "set constraints all immediate"]),
    "a bad value of SET": ("22023", [f"set work_mem = '{SSNS[0]}'"]),
    "a bad value of SET LOCAL": ("22023", ["begin", f"set local datestyle = '{SSNS[0]}'"]),
}


@pytest.mark.parametrize("how", ["simple", "extended"])
@pytest.mark.parametrize("failure", QUOTING)
def test_promise_06_an_error_under_masks_quotes_no_value(failure, how, through, ledger, direct):
    (code, steps), quoted = QUOTING[failure], []
    for connection in direct("ledger"), through.connect("agent", ledger):
        with connection:
            for step in steps:
                answer = connection.run(step) if how == "simple" else run_extended(connection, step)
            assert codes(answer) == [code], answer
            quoted.append(leaked(connection.seen))
    assert quoted[0], "the search can fail: the server's own words have it"
    assert not quoted[1], answer


def test_promise_06_an_error_of_a_whole_script_or_at_sync_quotes_no_value(through, ledger):
    fails = "delete from customers where id = 1"
    with through.connect("agent", ledger) as connection:
        for sql in (f"begin; {fails}; commit", f"{fails}; select 1", f"select 1; {fails}", f"begin; {fails}; commit; select 1"):
            assert "23503" in codes(connection.run(sql)), sql
            connection.run("rollback")
        # An implicit transaction ends at Sync, and its deferred constraints speak there.
        for more in ([], [wire.parse("select 1"), wire.bind(), wire.execute()], [wire.parse("select 2", "named")]):
            connection.send(wire.parse(fails), wire.bind(), wire.execute(), *more, wire.sync())
            assert codes(connection.until()) == ["23503"]
        assert not leaked(connection.seen), connection.seen


def outcome_of(sluice, application, mark):
    """The outcome of the one statement with `mark` that ran in this application's session."""
    found = records.of_session(sluice, records.session_by_application(sluice, application))
    intents = [r["seq"] for r in found if records.kind(r) == "intent" and r["kind"] != "parse" and mark in r.get("statement", "")]
    outcomes = [r for r in found if records.kind(r) == "outcome" and r["intent_seq"] in intents]
    assert len(intents) == len(outcomes) == 1, found
    return outcomes[0]


@pytest.mark.parametrize("how", ["extended", "simple", "extended, slow", "extended, long text", "simple, long text"])
@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("subject", ["loader", "agent"])
def test_what_was_sent_before_terminate_happens_and_is_recorded(subject, tls, how, through, direct):
    mark = f"adversary-end-{subject}-{tls}-{how}"
    source = " from pg_sleep(0.3)" if "slow" in how else ""
    sql = f"insert into notes (body) select '{mark}'{source}" + (" " * 20_000 if "long" in how else "")
    connection = through.connect(subject, tls=tls, application_name=mark)
    messages = [wire.query(sql)] if "simple" in how else [wire.parse(sql), wire.bind(), wire.execute(), wire.sync()]
    connection.send(*messages, wire.terminate())
    connection.close()
    owner = direct()
    wait_until(lambda: owner.rows(f"select count(*) from notes where body = '{mark}'") == [[b"1"]], 20, f"the insert: {how}")
    outcome = outcome_of(through.sluice, mark, mark)
    assert outcome["success"] and outcome["tag"] == "INSERT 0 1" and outcome["rows"] == 1, outcome


# Too large, behind an error in the same group: the server skips it, and so must the gateway.
TOO_LARGE = {
    "Parse": [wire.parse("select '" + "x" * OVER_STATEMENT_CAP + "'")],
    "named Parse": [wire.parse("select '" + "x" * OVER_STATEMENT_CAP + "'", "s"), wire.bind("s"), wire.execute()],
    "Query": [wire.query("select '" + "x" * OVER_STATEMENT_CAP + "'")],
    "Bind": [wire.parse("select length($1)"), wire.bind(values=[b"x" * OVER_BIND_CAP]), wire.execute()],
    "large Bind": [wire.parse("select length($1)"), wire.bind(values=[b"x" * 5_000_000]), wire.execute()],
    "Bind to a name": [wire.bind("absent", "p", values=[b"x" * OVER_BIND_CAP]), wire.describe("P", "p"), wire.execute("p")],
    "two of each": [wire.parse("x" * OVER_STATEMENT_CAP), wire.bind(values=[b"x" * OVER_BIND_CAP])] * 2,
}


@pytest.fixture(scope="module")
def hashing(run_folder, authority, postgres):
    """A gateway that passes parameters over their cap, counted and hashed."""
    folder = run_folder / "hashing"
    folder.mkdir()
    door = doors.ThroughSluice(folder, authority, postgres,
                               targets=[doors.target("orders", postgres, folder, large_parameters="hash")])
    with doors.running(door):
        yield door


@pytest.mark.parametrize("large_parameters", ["refused", "hashed"])
@pytest.mark.parametrize("arrival", ["in one write", "after the error", "in pieces"])
@pytest.mark.parametrize("what", TOO_LARGE)
def test_what_is_over_a_cap_behind_an_error_is_skipped_as_the_server_does(what, arrival, large_parameters, request):
    door = request.getfixturevalue("hashing" if large_parameters == "hashed" else "through")
    for failing in FAILING.values():
        with door.connect("agent") as connection:
            connection.send(*failing)
            if arrival != "in one write":
                assert connection.until("E")
            behind = b"".join([*TOO_LARGE[what], wire.sync(), wire.query("select 'goes on'")])
            for at in range(0, len(behind), 70_001 if arrival == "in pieces" else len(behind)):
                connection.send(behind[at:at + (70_001 if arrival == "in pieces" else len(behind))])
            connection.until()
            assert [tag for tag, _ in connection.seen if tag in "EZ"] == ["E", "Z"], connection.seen
            assert values(connection.until()) == [[b"goes on"]]
            connection.send(*TOO_LARGE["Bind"], wire.sync())
            answer = connection.until()
            assert codes(answer) == ["54000"] if large_parameters == "refused" else values(answer), answer
            assert connection.rows("select 3") == [[b"3"]]


def half_of_a_login(door, subject, key):
    """Everything of a login but the proof; returns what sends the proof and says whether it got in."""
    connection = wire.Wire(door.port, door.ca)
    connection.send(wire.startup({"user": subject, "database": "orders"}))
    connection.until("R")
    scram = wire.Scram(key)
    first = scram.first()
    connection.send(wire.message("p", wire.text("SCRAM-SHA-256") + struct.pack("!i", len(first)) + first))
    _, challenge = connection.next()

    def finish():
        connection.send(wire.message("p", scram.final(challenge[4:].decode())))
        answer = connection.until("ZE")
        connection.close()
        return codes(answer) or None
    return finish


def logs_in(door, subject, key):
    try:
        with wire.Wire(door.port, door.ca).login(subject, key, "orders"):
            return True
    except wire.ServerError as error:
        assert error.fields["C"] == "28P01", error
        return False


@pytest.mark.parametrize("revoked", [0, 1])
def test_promise_07_a_revoked_key_is_no_proof_though_its_subject_has_another(revoked, own_gateway):
    door = own_gateway()
    made = [door.sluice.create_key("rotating", ["ci"]) for _ in range(2)]
    bad, good = made[revoked]["key"], made[1 - revoked]["key"]
    wait_until(lambda: logs_in(door, "rotating", bad) and logs_in(door, "rotating", good), 10, "the new keys in force")
    finish_bad, finish_good = (half_of_a_login(door, "rotating", key) for key in (bad, good))
    door.sluice.revoke_key(made[revoked]["id"])
    wait_until(lambda: not logs_in(door, "rotating", bad), 10, "the revoked key out of force")
    assert finish_bad() == ["28P01"], "a login begun before is finished after"
    assert finish_good() is None
    for _ in range(3):
        assert not logs_in(door, "rotating", bad) and logs_in(door, "rotating", good)


@pytest.mark.parametrize("revoked", [0, 1])
def test_promise_07_a_session_ends_with_the_key_that_opened_it(revoked, own_gateway):
    door = own_gateway()
    made = [door.sluice.create_key("rotating", ["ci"]) for _ in range(2)]
    bad, good = made[revoked]["key"], made[1 - revoked]["key"]
    wait_until(lambda: logs_in(door, "rotating", bad) and logs_in(door, "rotating", good), 10, "the new keys in force")
    of_bad, of_good = (wire.Wire(door.port, door.ca).login("rotating", key, "orders") for key in (bad, good))
    door.sluice.revoke_key(made[revoked]["id"])
    wait_until(lambda: not logs_in(door, "rotating", bad), 10, "the revoked key out of force")
    of_bad.socket.settimeout(10)
    assert codes(of_bad.until_closed()) == ["57P01"]
    assert of_good.rows("select 1") == [[b"1"]]
    of_good.close()


# In the list of a SELECT such a function's rows are sent as they come; in FROM they would be gathered first.
ENDLESS = "generate_series(1, 2000000000)"
RESULTS = {
    "untouched": f"select {ENDLESS}, repeat('x', 500)",
    "masked": f"select {ENDLESS}, card from customers",
    "nothing yet": "select pg_sleep(600)",
    "a little, then nothing": "select repeat('x', 20000) from generate_series(1, 20) union all select pg_sleep(600)::text",
}


# Behind a Terminate a statement may still end for itself; one that sends has nobody to send to.
@pytest.mark.parametrize("result,end", [*itertools.product(RESULTS, ("closed", "closed unread")),
                                        ("untouched", "terminated"), ("masked", "terminated")])
@pytest.mark.parametrize("how", ["simple", "extended"])
def test_a_client_that_goes_while_its_result_is_sent_leaves_no_query_running(result, how, end, through, direct):
    mark = f"/* adversary-gone {result} {how} {end} */"
    sql = RESULTS[result] + " " + mark
    owner = direct()

    def running():
        return owner.rows(f"select count(*) from pg_stat_activity where state = 'active' and query like '%{mark}%' and "
                          "pid <> pg_backend_pid()") != [[b"0"]]

    connection = through.connect("agent")
    connection.send(*([wire.query(sql)] if how == "simple" else [wire.parse(sql), wire.bind(), wire.execute(), wire.sync()]))
    wait_until(running, 20, "the query's start")
    if end != "closed unread" and result in ("untouched", "masked"):
        for _ in range(1000):
            connection.next()
    assert running()
    if end == "terminated":
        connection.send(wire.terminate())
    connection.close()
    wait_until(lambda: not running(), 30, "the query's end")
    assert logs_in(through, "agent", through.key("agent"))
