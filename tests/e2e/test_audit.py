"""What happened is in the record: whatever was killed, cancelled or refused, and in an order that can be verified."""
import json
import random
import re
import subprocess
import threading

import pytest

import records
import through as doors
import wire
from sluice_tools import sample
from sluice_tools.postgres import Postgres, binaries
from sluice_tools.processes import wait_until

MARK = re.compile(r"/\* n=(\d+) \*/")


def marks_in(text):
    return {int(n) for n in MARK.findall(text)}


@pytest.mark.smoke
def test_a_session_is_recorded_from_login_to_end(through):
    with through.connect("ci-deploy", application_name="audit-whole") as connection:
        connection.rows("select count(*) from orders")
        connection.run("drop table scratch")
        connection.send(wire.parse("select $1::text"), wire.bind(values=[b"parameter-value"]), wire.execute(), wire.sync())
        connection.until()
        connection.send(wire.terminate())
    session = records.session_by_application(through.sluice, "audit-whole")
    found = records.of_session(through.sluice, session)
    kinds = [records.kind(record) for record in found]
    assert kinds[0] == "session_start" and kinds[-1] == "session_end" and "authentication" in kinds
    everything = [records.text_of(record) for record in found]
    assert any("select count(*) from orders" in text for text in everything)
    assert any("drop table scratch" in text for text in everything)
    assert any("no-destructive-ddl" in text for text in everything), "the refusal names its rule"
    assert any("parameter-value" in text for text in everything)
    assert any("ci-deploy" in text for text in everything)
    replay = through.sluice.cli("sessions", "replay", session["id"]).stdout
    assert "select count(*) from orders" in replay and "drop table scratch" in replay


def test_a_failed_login_is_recorded_with_what_was_claimed(through):
    connection = wire.Wire(through.port, through.ca)
    with pytest.raises(wire.ServerError):
        connection.login("mallory-was-here", "wrong", "orders", application_name="audit-failed")
    connection.close()
    wait_until(lambda: "mallory-was-here" in json.dumps(records.sessions(through.sluice)), 20, "the failed login's record")


def test_what_is_masked_for_the_caller_is_not_in_the_record_either(through):
    with through.connect("agent", application_name="audit-mask") as connection:
        connection.rows("select salary, card from hr.employees e join customers c on c.id = e.id")
        connection.send(wire.terminate())
    session = records.session_by_application(through.sluice, "audit-mask")
    everything = "".join(map(records.text_of, records.of_session(through.sluice, session)))
    for secret in [str(salary) for salary in sample.SALARIES] + sample.CARDS:
        assert secret not in everything


@pytest.mark.smoke
def test_the_log_verifies_and_one_changed_byte_does_not(own_gateway):
    gateway = own_gateway()
    with gateway.connect() as connection:
        for i in range(50):
            connection.rows(f"select {i}")
    # The last block of a log may be torn by a crash, so damage there reads as its end. What was written before another
    # block is sealed.
    records.of_session(gateway.sluice, records.sessions(gateway.sluice)[0])
    with gateway.connect() as connection:
        connection.rows("select 'another block'")
    gateway.sluice.stop()
    assert records.verify(gateway.sluice)
    largest = max((p for p in (gateway.sluice.folder / "audit").rglob("*") if p.is_file()),
                  key=lambda p: p.read_bytes().count(b"select "))
    content = bytearray(largest.read_bytes())
    at = content.index(b"select 25")
    content[at + 7] ^= 1
    largest.write_bytes(content)
    assert not records.verify(gateway.sluice)


def write_until_killed(gateway, begin, acknowledged):
    """One client that notes each statement the server has answered."""
    number = begin
    try:
        with gateway.connect("loader") as connection:
            while True:
                connection.rows(f"select /* n={number} */ 1")
                acknowledged.append(number)
                number += 1
    except (wire.Closed, OSError, wire.ServerError):
        return


@pytest.mark.parametrize("durability", ["async", "group"])
def test_promise_03_sigkill_under_load_loses_no_committed_record(durability, own_gateway, folder, postgres):
    gateway = own_gateway(targets=[{**doors.target("orders", postgres, folder), "audit": {"durability": durability}}])
    acknowledged = []
    pick = random.Random(7)
    for round_number in range(6):
        load = [threading.Thread(target=write_until_killed, args=(gateway, (round_number * 8 + i + 1) * 1_000_000,
                                                                   acknowledged)) for i in range(4)]
        before = len(acknowledged)
        for thread in load:
            thread.start()
        wanted = before + pick.randrange(20, 600)
        wait_until(lambda: len(acknowledged) >= wanted, 60, "some load", gateway.sluice.process)
        gateway.sluice.kill()
        for thread in load:
            thread.join(30)
        gateway.sluice.start()
    with gateway.connect() as connection:
        assert connection.rows("select 1") == [[b"1"]]
    gateway.sluice.stop()
    missing = set(acknowledged) - marks_in(records.whole_log(gateway.sluice))
    assert not missing, f"{len(missing)} of {len(acknowledged)} answered statements have no record"
    assert records.verify(gateway.sluice)
    for session in records.sessions(gateway.sluice):
        ends = [r for r in records.of_session(gateway.sluice, session) if records.kind(r) == "session_end"]
        assert len(ends) == 1, "a killed session is ended by whoever comes next"


def test_recover_carries_over_what_a_killed_gateway_left_without_starting_one(own_gateway):
    gateway = own_gateway()
    with gateway.connect(application_name="left-behind") as connection:
        connection.rows("select 1 /* before the kill */")
        gateway.sluice.kill()
    left = records.lines(gateway.sluice, "audit", "recover")
    assert [(line["lane"], line["crashed"], line["damaged"]) for line in left] == [(0, True, False)]
    assert left[0]["closed_sessions"] == 1
    assert "before the kill" in records.whole_log(gateway.sluice)
    session = records.session_by_application(gateway.sluice, "left-behind")
    assert records.kind(records.of_session(gateway.sluice, session)[-1]) == "session_end"
    gateway.sluice.start()
    refused = gateway.sluice.cli("audit", "recover", check=False)
    assert refused.returncode == 5, "a running gateway has the log"
    gateway.sluice.stop()
    again = records.lines(gateway.sluice, "audit", "recover")
    assert [line["crashed"] for line in again] == [False]


STATEMENTS = [
    "select {n} /* n={n} */", "select /* n={n} */ count(*) from orders where id < {n} % 500",
    "insert into notes (body) values ('{n}') /* n={n} */", "update notes set body = 'u' where id = {n} /* n={n} */",
    "select /* n={n} */ 1/({n} % 3)", "begin /* n={n} */", "commit /* n={n} */", "rollback /* n={n} */",
    "select /* n={n} */ pg_sleep(0.002)", "create temp table t{n} (a int) /* n={n} */", "drop table scratch /* n={n} */",
    "select * from nowhere /* n={n} */", "select 1; select /* n={n} */ 2", "set statement_timeout = '10s' /* n={n} */",
    "declare c{n} cursor for select 1 /* n={n} */", "do $$ begin perform {n}; end $$ /* n={n} */",
]


def random_client(gateway, seed, numbers):
    """Runs its statements; now and then vanishes in the middle, or cancels."""
    pick = random.Random(seed)
    connection = gateway.connect("ci-deploy")
    for n in numbers:
        sql = pick.choice(STATEMENTS).format(n=n)
        try:
            if pick.random() < 0.3:
                connection.send(wire.parse(sql), wire.bind(), wire.execute(), wire.sync())
            else:
                connection.send(wire.query(sql))
            fate = pick.random()
            if fate < 0.02:
                connection.close()
                connection = gateway.connect("ci-deploy")
                continue
            if fate < 0.05:
                other = wire.Wire(gateway.port, gateway.ca)
                other.send(wire.cancel_request(*connection.cancel_key))
                other.close()
            connection.until()
        except (wire.Closed, OSError):
            connection = gateway.connect("ci-deploy")
    connection.close()


@pytest.mark.slow
def test_every_statement_the_server_logged_has_a_record(folder, authority, own_gateway, figure):
    count, clients = 13_000, 8  # About a fifth never reach the server: refused, or cut off by a kill.
    server = Postgres(folder / "postgres", authority, {
        "log_statement": "all", "logging_collector": "on", "log_destination": "jsonlog", "log_directory": "log",
        "log_filename": "server.log", "log_rotation_size": "0", "log_min_error_statement": "panic"})
    with doors.running(server):
        sample.create(server)
        gateway = own_gateway(postgres=server)
        threads = [threading.Thread(target=random_client, args=(gateway, seed, range(seed, count, clients)))
                   for seed in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
            assert not thread.is_alive(), "a client hangs"
        gateway.sluice.stop()
    logged, refused = set(), set()
    with open(server.data / "log" / "server.json", encoding="utf-8") as log:
        for line in log:
            entry = json.loads(line)
            if entry.get("message", "").startswith(("statement:", "execute ")) and entry.get("user") == "app_rw":
                logged |= marks_in(entry["message"])
                if "drop table scratch" in entry["message"]:
                    refused |= marks_in(entry["message"])
    recorded = marks_in(records.whole_log(gateway.sluice))
    missing = logged - recorded
    figure(f"audit completeness: {len(logged)} statements logged by the server, {len(missing)} without a record")
    assert len(logged) >= 10_000, "the server saw the load"
    assert not missing, sorted(missing)[:20]
    assert not refused, "what was refused never reached the server"


def test_the_cli_says_no_to_a_session_that_is_not_there(through):
    done = through.sluice.cli("sessions", "show", "00000000-0000-0000-0000-000000000000", check=False)
    assert done.returncode != 0 and done.stderr.strip()


def test_nobody_but_its_owner_may_read_the_log(through):
    for path in [through.sluice.folder / "audit", *(through.sluice.folder / "audit").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0 or path.is_dir() and path == through.sluice.folder / "audit", path


def test_terminal_escapes_in_a_statement_do_not_reach_the_auditors_terminal(through):
    """Bug class 23: a statement must not drive the terminal of who replays it."""
    with through.connect("loader", application_name="audit-escape") as connection:
        connection.run("select '\x1b[2J\x1b]0;owned\x07'")
        connection.send(wire.terminate())
    session = records.session_by_application(through.sluice, "audit-escape")
    records.of_session(through.sluice, session)
    for command in (["sessions", "replay", session["id"]], ["sessions", "show", session["id"]], ["sessions", "list"]):
        printed = subprocess.run([through.sluice.program, *command, "-c", through.sluice.file], capture_output=True,
                                 check=True).stdout
        assert b"\x1b[2J" not in printed and b"\x07" not in printed


def test_pgbench_leaves_as_many_records_as_transactions(through, postgres, run_program):
    before = through.sluice.metric("sluice_statements_total")
    script = "select 1 /* pgbench */;\n"
    run_program([binaries() / "pgbench", "-n", "-f", "/dev/stdin", "-M", "prepared", "-c", "2", "-t", "100"],
                through.environment(), input=script.encode())
    assert through.sluice.metric("sluice_statements_total") - before >= 200
