"""What somebody tried who knows the protocol, at the edges of a session: errors that quote, statements over a
cap that are skipped, goodbyes in the middle, keys taken back. Each test is one way that was open once."""
import itertools
import struct

import pytest

import records
import through as doors
import wire
from answers import FAILING, SSNS, codes, leaked, values
from sluice_tools.processes import wait_until
from sluice_tools.sample import SALARIES

OVER_STATEMENT_CAP = 300 << 10
OVER_BIND_CAP = (1 << 20) + 100


def run_extended(connection, sql):
    connection.send(wire.parse(sql), wire.bind(), wire.execute(), wire.sync())
    return connection.until()


LEDGER = """
create table customers (id int primary key, name text not null check (name <> 'bad'), email text, card text,
  ssn text unique);
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
create trigger at_once before update on customers for each row when (new.name = 'quoted') execute function quote();
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
    "deferred, at SET CONSTRAINTS": ("23503", ["begin", "delete from customers where id = 1",
                                               "set constraints all immediate"]),
    "trigger, without a transaction": ("P0001", ["delete from customers where id = 3"]),
    "trigger, at once": ("P0001", ["update customers set name = 'quoted' where id = 4"]),
    "trigger at COMMIT": ("P0001", ["begin", "delete from customers where id = 3", "commit"]),
    "trigger at SET CONSTRAINTS": ("P0001", ["begin", "delete from customers where id = 3",
                                             "set constraints all immediate"]),
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
        for sql in (f"begin; {fails}; commit", f"{fails}; select 1", f"select 1; {fails}",
                    f"begin; {fails}; commit; select 1"):
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
    intents = [r["seq"] for r in found
               if records.kind(r) == "intent" and r["kind"] != "parse" and mark in r.get("statement", "")]
    outcomes = [r for r in found if records.kind(r) == "outcome" and r["intent_seq"] in intents]
    assert len(intents) == len(outcomes) == 1, found
    return outcomes[0]


def insert_and_end(door, subject, how, owner, tls=True, warm=True):
    """One write of an INSERT and Terminate, and the socket is closed. It must happen, and be recorded as it went."""
    mark = f"adversary-end-{subject}-{tls}-{how}"
    source = " from pg_sleep(0.3)" if "slow" in how else ""
    sql = f"insert into notes (body) select '{mark}'{source}" + (" " * 20_000 if "long" in how else "")
    connection = door.connect(subject, tls=tls, application_name=mark)
    if warm:  # The first session under column rules waits for the catalog.
        assert connection.rows("select 1") == [[b"1"]]
    messages = [wire.query(sql)] if "simple" in how else [wire.parse(sql), wire.bind(), wire.execute(), wire.sync()]
    connection.send(*messages, wire.terminate())
    connection.close()
    count = f"select count(*) from notes where body = '{mark}'"
    wait_until(lambda: owner.rows(count) == [[b"1"]], 10, f"the insert: {how}")
    outcome = outcome_of(door.sluice, mark, mark)
    assert outcome["success"] and outcome["tag"] == "INSERT 0 1" and outcome["rows"] == 1, outcome


@pytest.mark.parametrize("how", ["extended", "simple", "extended, slow", "simple, slow"])
@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("subject", ["loader", "agent"])
def test_what_was_sent_before_terminate_happens_and_is_recorded(subject, tls, how, through, direct):
    insert_and_end(through, subject, how, direct(), tls)


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("how", ["extended, long text", "simple, long text"])
@pytest.mark.parametrize("subject", ["loader", "agent"])
def test_what_was_sent_before_terminate_happens_though_a_worker_reads_it_first(subject, how, tls, through, direct):
    insert_and_end(through, subject, how, direct(), tls)


@pytest.mark.parametrize("how", ["extended", "simple"])
def test_what_was_sent_before_terminate_happens_though_the_catalog_is_not_known_yet(how, fresh, direct):
    insert_and_end(fresh, "agent", how, direct(), warm=False)


# Too large, behind an error in the same group: the server skips it, and so must the gateway.
TOO_LARGE = {
    "Parse": [wire.parse("select '" + "x" * OVER_STATEMENT_CAP + "'")],
    "named Parse": [wire.parse("select '" + "x" * OVER_STATEMENT_CAP + "'", "s"), wire.bind("s"), wire.execute()],
    "Query": [wire.query("select '" + "x" * OVER_STATEMENT_CAP + "'")],
    "Bind": [wire.parse("select length($1)"), wire.bind(values=[b"x" * OVER_BIND_CAP]), wire.execute()],
    "large Bind": [wire.parse("select length($1)"), wire.bind(values=[b"x" * 5_000_000]), wire.execute()],
    "Bind to a name": [wire.bind("absent", "p", values=[b"x" * OVER_BIND_CAP]), wire.describe("P", "p"),
                       wire.execute("p")],
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


@pytest.mark.parametrize("name", ["n" * 64, "sluice:", "sluice:0123456789abcdef"])
@pytest.mark.parametrize("of", ["statement", "portal"])
def test_a_bind_too_large_to_keep_is_judged_by_its_names_all_the_same(of, name, hashing):
    large = [b"x" * OVER_BIND_CAP]
    with hashing.connect("agent") as connection:
        connection.send(wire.parse("select length($1)", "n" * 63), wire.parse("select length($1)"),
                        wire.bind(name, values=large) if of == "statement" else wire.bind("", name, values=large))
        assert codes(connection.until_closed()) == ["08P01"]


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
    "a little, then nothing": "select repeat('x', 20000) from generate_series(1, 20) "
                              "union all select pg_sleep(600)::text",
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
    extended = wire.parse(sql), wire.bind(), wire.execute(), wire.sync()
    connection.send(*([wire.query(sql)] if how == "simple" else extended))
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
