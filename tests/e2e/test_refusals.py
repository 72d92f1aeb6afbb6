"""A refused statement fails in its own place, as if the server had found it invalid: what comes before, after and
the transaction's state are what the same server gives for an invalid statement in the same place."""
import json

import pytest

import wire

DENIED = "drop table scratch"
INVALID = "this is no statement"
PREPARED = ("s", "")


def simple(sql):
    return [wire.query(sql)]


def extended(sql, name=""):
    return [wire.parse(sql, name), wire.bind(name), wire.describe("P"), wire.execute(), wire.sync()]


ok = "select 1"
# {where: script of the statement in question}; X is what is refused or invalid.
PLACES = {
    "simple": lambda x: simple(x),
    "simple, then more": lambda x: simple(x) + simple(ok),
    "extended": lambda x: extended(x) + extended(ok),
    "extended, named": lambda x: extended(x, "s") + [wire.bind("s"), wire.execute(), wire.sync()] + simple(ok),
    "parse only": lambda x: [wire.parse(x, "s"), wire.sync(), wire.describe("S", "s"), wire.sync()],
    "parse and flush": lambda x: [wire.parse(x), wire.flush(), wire.sync()],
    "middle of a pipeline": lambda x: [wire.parse(ok), wire.bind(), wire.execute(), wire.parse(x), wire.bind(),
                                       wire.execute(), wire.parse("select 2"), wire.bind(), wire.execute(), wire.sync(),
                                       wire.parse("select 3"), wire.bind(), wire.execute(), wire.sync()],
    "two pipelines in one packet": lambda x: [b"".join(extended(ok) + extended(x) + extended(ok))],
    "in a transaction, simple": lambda x: simple("begin") + simple(x) + simple(ok) + simple("rollback"),
    "in a transaction, extended": lambda x: simple("begin") + extended(x) + extended(ok) + simple("rollback"),
    "commit after it": lambda x: simple("begin") + simple(x) + simple("commit") + simple(ok),
    "after a savepoint": lambda x: (simple("begin") + simple("savepoint a") + simple(x) + simple("rollback to a")
                                    + simple(ok) + simple("commit")),
    "after a savepoint, extended": lambda x: (simple("begin") + simple("savepoint a") + extended(x)
                                              + extended("rollback to a") + extended(ok) + simple("commit")),
    "in a transaction that has failed": lambda x: simple("begin") + simple("select 1/0") + simple(x) + simple("rollback"),
    "twice": lambda x: simple(x) + simple(x) + extended(x) + extended(x),
    "with a portal open": lambda x: (simple("begin") + [wire.parse("select generate_series(1, 9)"), wire.bind("", "p"),
                                     wire.execute("p", 3), wire.parse(x), wire.bind(), wire.execute(), wire.sync()]
                                     + simple("rollback")),
    "inside several statements": lambda x: simple(f"select 1; {x}; select 2"),
    "after a copy": lambda x: (simple("create temp table t (a int)") + [wire.query("copy t from stdin"),
                               wire.copy_data(b"1\n"), wire.copy_done()] + simple(x) + simple("select * from t")),
    "copied rows in an open transaction": lambda x: (simple("create temp table t (a int)") + simple("begin") + [
        wire.query("copy t from stdin"), wire.copy_data(b"1\n"), wire.copy_done()] + simple(x) + simple("rollback")),
}


def answers(connection, script):
    """(tag, state or code) of every answer."""
    connection.send(*script)
    wanted = sum(part.count(b"S\0\0\0\4") + (1 if part[:1] == b"Q" else 0) for part in script)
    for _ in range(wanted):
        connection.until()
    return [(tag, body if tag in "ZC" else None) for tag, body in connection.seen if tag not in "NS"]


@pytest.mark.smoke
@pytest.mark.parametrize("place", PLACES)
def test_a_refusal_looks_like_an_invalid_statement_in_the_same_place(place, through, direct):
    if place == "inside several statements":
        # The server parses the whole string first, so neither statement runs; a refusal judges it whole as well.
        expected = answers(direct(), simple(INVALID))
    else:
        expected = answers(direct(), PLACES[place](INVALID))
    with through.connect("ci-deploy") as connection:
        assert answers(connection, PLACES[place](DENIED)) == expected
        refusals = [wire.error_fields(body) for tag, body in connection.seen if tag == "E"]
        codes = {fields["C"] for fields in refusals}
        assert "42501" in codes or codes == {"22012", "25P02"}, codes
        connection.seen.clear()
        assert connection.rows("select 'still here'") == [[b"still here"]]


def test_nothing_that_was_refused_happened(through, direct):
    direct().run("create table if not exists kept (a int)")
    with through.connect("ci-deploy") as connection:
        for script in (simple("drop table kept"), extended("drop table kept"), simple("truncate kept"),
                       simple("/* x */ DrOp /**/ TABLE public.\"kept\""), simple("begin; drop table kept; commit")):
            connection.send(*script)
            connection.until()
    assert direct().rows("select to_regclass('kept') is not null") == [[b"t"]]


@pytest.mark.smoke
def test_a_refusal_says_which_rule_why_and_what_to_do(through):
    with through.connect("ci-deploy") as connection:
        fields = wire.error_fields(connection.run(DENIED)[0][1])
    assert fields["C"] == "42501"
    detail = json.loads(fields["D"])["sluice"]
    assert detail["verdict"] == "deny" and detail["rule"] == "no-destructive-ddl"
    assert "Schema is changed by migrations only." in fields["M"] + fields["D"]
    assert fields["H"].strip()
    # A refusal never tells how the policy might be changed.
    for word in ("sluice.yaml", "rules.yaml", "except", "migrations]"):
        assert word not in " ".join(fields.values())


def test_a_refused_copy_from_stdin_leaves_no_copy_mode(through, own_gateway, direct):
    gateway = own_gateway(rules=[{"id": "no-load", "statement": {"kinds": ["copy"]}, "verdict": "deny"}])
    with gateway.connect("ci-deploy") as connection:
        answer = connection.run("copy scratch from stdin")
        assert [tag for tag, _ in answer] == ["E", "Z"]
        assert wire.error_fields(answer[0][1])["C"] == "42501"
        # Copy data that a client had already sent on its way is ignored, as the server ignores it.
        connection.send(wire.query("copy scratch from stdin"), wire.copy_data(b"1\tx\n"), wire.copy_done())
        assert connection.until()[-1][0] == "Z"
        assert connection.rows("select count(*) from scratch") == [[b"0"]]


def test_the_subject_outside_the_rule_may(through, direct):
    direct().run("create table if not exists droppable (a int)")
    with through.connect("loader") as connection:
        assert connection.run("drop table droppable")[0] == ("C", b"DROP TABLE\0")


# Promise 13: what would let a caller own the shared credential, other sessions or the gateway.
GUARDED = [
    "alter role app_rw password 'mine'", "alter role current_user password 'mine'", "alter user app_rw rename to x",
    "alter role app_rw set search_path = evil", "set session authorization postgres", "set sluice.x = 'y'",
    "select pg_terminate_backend(1)", "select pg_cancel_backend(1)",
    "select * from dblink('host=localhost', 'select 1') as t(a int)",
    "do $$ begin execute 'alter role app_rw password ''mine'''; end $$",
    "do $$ begin alter role current_user password 'mine'; end $$",
]


@pytest.mark.parametrize("sql", GUARDED)
def test_promise_13_nobody_climbs_through_the_shared_role(sql, through, postgres):
    with through.connect("loader") as connection:
        # In a transaction that is rolled back: were it not refused, the other tests would lose their credential.
        connection.run("begin")
        answer = connection.run(sql)
        connection.run("rollback")
        assert answer[0][0] == "E", f"{sql} was answered with {answer[0]}"
        assert wire.error_fields(answer[0][1])["C"] == "42501", wire.error_fields(answer[0][1])
        assert connection.rows("select 1") == [[b"1"]]
    assert postgres.psql("select 1", user="app_rw", database="orders") == "1\n", "the credential still works"


def test_promise_01_a_function_call_message_is_refused(through):
    """The old fast path names a function by number and carries no text to judge."""
    with through.connect("loader") as connection:
        connection.send(wire.message("F", b"\0\0\0\x01\0\0\0\0\0\0"))
        try:
            found = connection.until()
        except wire.Closed:
            found = connection.seen
        assert [tag for tag, _ in found if tag not in "SN"][0] == "E"
        assert not any(tag == "V" for tag, _ in found), "it was called"


def test_what_the_grammar_does_not_know_is_refused_or_fails_at_the_server(through):
    """A newer syntax that this server rejects too is the server's own error, with its position."""
    with through.connect("loader") as connection:
        fields = wire.error_fields(connection.run("select 1 +")[0][1])
        assert fields["C"] == "42601" and fields["P"]
        fields = wire.error_fields(connection.run("select * from frobnicate(1) bogus syntax here")[0][1])
        assert fields["C"] == "42601"
