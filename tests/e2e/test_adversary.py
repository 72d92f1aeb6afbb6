"""What somebody tried who knows the protocol and wants past the gateway: facts of another text, names that are cut,
closed or taken back, statements nobody judged. Each test is one way that was open once."""
import itertools

import pytest

import records
import wire
from answers import FAILING, codes, leaked, values


@pytest.fixture
def victim(direct):
    """A table that the agent may not drop; says whether it is still there."""
    owner = direct()
    owner.run("drop table if exists victim; create table victim (id int)")
    yield lambda: owner.rows("select to_regclass('victim') is not null") == [[b"t"]]
    owner.run("drop table if exists victim")


# Over 4 KiB a text is read by a worker while the session waits. The longer, the later its facts come.
WAITED_FOR = [5000, 6000, 9000, 20_000, 40_000, 80_000, 120_000, 160_000, 200_000, 240_000]


@pytest.mark.parametrize("arrival", ["in one write", "after the error"])
@pytest.mark.parametrize("failing", FAILING)
def test_facts_awaited_for_one_text_are_never_used_for_another(failing, arrival, through, victim):
    turn = itertools.count()
    with through.connect("agent") as connection:
        for size, padding, way in itertools.product(WAITED_FOR, ("spaces", "a list"), range(4)):
            # A text of its own each time: for what is in the cache nobody waits.
            mark = f"/* {failing}, {arrival}, {next(turn)} */"
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


MASKED = ["select upper(ssn) from customers", "select 'x' || card || ssn from customers",
          "select salary + 0 from hr.employees", "select max(salary) from hr.employees",
          "select row_to_json(customers)::text from customers"]


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
                        wire.query("declare p cursor for select upper(ssn) from customers"), wire.execute("p"),
                        wire.sync())
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
    "Describe of a statement": lambda name: ([wire.parse(MOVE, LONG)], wire.describe("S", name)),
    "Describe of a portal": lambda name: ([wire.parse(MOVE), wire.bind("", LONG)], wire.describe("P", name)),
    "Execute": lambda name: ([wire.parse(MOVE), wire.bind("", LONG)], wire.execute(name)),
    "Close of a statement": lambda name: ([wire.parse(MOVE, LONG)], wire.close("S", name)),
    "Close of a portal": lambda name: ([wire.parse(MOVE), wire.bind("", LONG)], wire.close("P", name)),
}


@pytest.mark.parametrize("name", [LONG + "A", "é" * 32, "sluice:", "sluice:absent", "sluice:0123456789abcdef"])
@pytest.mark.parametrize("kind", NAMED)
def test_a_name_that_the_server_would_cut_or_the_gateway_keeps_ends_the_session(kind, name, through, touched):
    application = f"adversary-{kind}-{name}"[:60].encode("ascii", "replace").decode()
    fine, bad = NAMED[kind](name)
    with through.connect("agent", application_name=application) as connection:
        connection.send(*fine, bad, wire.sync(), wire.query(MOVE))
        answer = connection.until_closed()
        assert codes(answer) == ["08P01"], answer
        assert wire.error_fields(answer[-1][1])["S"] == "FATAL" and "Z" not in [tag for tag, _ in answer]
    assert not touched()
    session = records.session_by_application(through.sluice, application)
    end = records.of_session(through.sluice, session)[-1]
    assert "63 bytes" in end["reason"], end


@pytest.mark.parametrize("name", [LONG, "é" * 31, "sluice", "Sluice:x", " sluice:x"])
def test_names_up_to_63_bytes_that_are_the_clients_own_are_passed_on(name, through):
    with through.connect("agent") as connection:
        connection.run("begin")
        connection.send(wire.parse("select 5", name), wire.describe("S", name), wire.bind(name, name),
                        wire.describe("P", name), wire.execute(name), wire.close("P", name),
                        wire.close("S", name), wire.sync())
        answer = connection.until()
        assert not codes(answer) and values(answer) == [[b"5"]]
