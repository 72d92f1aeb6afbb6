"""Rules, targets, access and credentials change while sessions live: at once for what comes next, never for what
already runs, and not at all when what is loaded is bad."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

import pytest

import records
import through as doors
import wire
from sluice_tools.gateway import to_yaml
from sluice_tools.processes import wait_until

DENY_UPDATE = {"id": "no-updates", "target": "orders", "statement": {"kinds": ["update"]}, "verdict": "deny",
               "message": "Not today."}
MASK_SSN = next(rule for rule in doors.RULES if rule["id"] == "ssn")
NAMES = [{"id": "names", "result": {"columns": ["public.customers.name"]}, "mask": {"operator": "redact"}}]
HARMLESS = [{"id": "harmless", "statement": {"kinds": ["truncate"]}, "verdict": "deny"}]
UPDATE = "update public.customers set name = name where id = -1"


def status(gateway):
    return json.loads(gateway.sluice.admin("/status")[1])


def rules_of(gateway):
    return status(gateway)["rules"]


def push(gateway, rules, *flags, check=True, name="pushed.yaml"):
    path = gateway.sluice.folder / name
    path.write_text(rules if isinstance(rules, str) else to_yaml({"rules": rules}))
    return gateway.sluice.cli("rules", "push", path, *flags, check=check)


def configure(gateway, **changes):
    """Writes another configuration, as an operator's editor does: whole, by rename."""
    gateway.sluice.configuration.update(changes)
    draft = gateway.sluice.folder / "draft"
    draft.write_text(to_yaml(gateway.sluice.configuration))
    os.replace(draft, gateway.sluice.file)


def log_of(gateway):
    return (gateway.sluice.folder / "log").read_text()


def until_logged(gateway, pattern):
    return wait_until(lambda: re.search(pattern, log_of(gateway)), 20, f"a log line like {pattern}",
                      gateway.sluice.process)


def failure(answer):
    return next((wire.error_fields(body) for tag, body in answer if tag == "E"), None)


def ended_with(connection):
    """The FATAL a session ends with."""
    return failure(connection.until_closed())


@contextlib.contextmanager
def held_up(direct):
    """Statements that read public.customers wait until this block is left."""
    blocker = direct()
    blocker.run("begin")
    blocker.run("lock table public.customers in access exclusive mode")
    try:
        yield blocker
    finally:
        blocker.close()


def waiting(direct, count=1):
    """Waits until `count` statements wait for the lock: they run, and have no row yet."""
    with contextlib.closing(direct()) as watcher:
        asked = "select count(*) from pg_locks where relation = 'public.customers'::regclass and not granted"
        wait_until(lambda: int(watcher.rows(asked)[0][0]) >= count, 20, "a statement that waits for the lock")


def start_portal(connection, sql, rows=1):
    """Parse to the first rows, in a transaction of its own; the portal is suspended afterwards."""
    connection.run("begin")
    connection.send(wire.parse(sql), wire.bind(), wire.execute(rows=rows), wire.flush())
    return [wire.data_row(body) for tag, body in connection.until("sE") if tag == "D"]


def more(connection, rows=1):
    connection.send(wire.execute(rows=rows), wire.flush())
    return [wire.data_row(body) for tag, body in connection.until("sCE") if tag == "D"]


@pytest.mark.smoke
def test_promise_07_a_rule_that_is_added_bites_at_the_next_statement_of_a_live_session(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    with gateway.connect("agent") as simple, gateway.connect("agent") as prepared:
        assert failure(simple.run(UPDATE)) is None
        prepared.send(wire.parse(UPDATE, "s"), wire.bind("s"), wire.execute(), wire.sync())
        assert failure(prepared.until()) is None
        push(gateway, [DENY_UPDATE])
        assert failure(simple.run(UPDATE))["C"] == "42501"
        assert "Not today." in failure(simple.run(UPDATE))["M"]
        prepared.send(wire.bind("s"), wire.execute(), wire.sync())
        assert failure(prepared.until())["C"] == "42501"
        assert simple.rows("select 1") == [[b"1"]]


def test_promise_07_a_rule_that_is_removed_or_changed_no_longer_bites_on_a_live_session(own_gateway):
    gateway = own_gateway(rules=[DENY_UPDATE])
    with gateway.connect("agent") as connection:
        assert failure(connection.run(UPDATE))["M"] == "Not today."
        push(gateway, [{**DENY_UPDATE, "message": "Never."}])
        assert failure(connection.run(UPDATE))["M"] == "Never."
        push(gateway, HARMLESS)
        assert failure(connection.run(UPDATE)) is None


def test_promise_07_a_mask_that_is_added_bites_at_the_next_statement_simple_and_prepared(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    asked = "select ssn from public.customers order by id limit 1"
    with gateway.connect("agent") as connection:
        connection.send(wire.parse(asked, "s"), wire.bind("s"), wire.describe("P"), wire.execute(), wire.sync())
        plain = [wire.data_row(body) for tag, body in connection.until() if tag == "D"]
        assert re.fullmatch(rb"\d{3}-\d{2}-\d{4}", plain[0][0]), plain
        push(gateway, [MASK_SSN])
        assert connection.rows(asked) != plain
        connection.send(wire.bind("s"), wire.execute(), wire.sync())
        masked = [wire.data_row(body) for tag, body in connection.until() if tag == "D"]
        assert masked and masked != plain


def test_promise_07_a_portal_suspended_across_a_reload_keeps_its_masks(own_gateway):
    gateway = own_gateway(rules=[MASK_SSN])
    with gateway.connect("agent") as connection:
        asked = "select ssn from public.customers order by id"
        first = start_portal(connection, asked)
        assert first and not re.search(rb"\d{3}-\d{2}-\d{4}", first[0][0])
        push(gateway, [MASK_SSN, DENY_UPDATE])
        then = more(connection, 3)
        assert len(then) == 3 and not any(re.search(rb"\d{3}-\d{2}-\d{4}", row[0]) for row in then), then


def test_promise_07_a_suspended_portal_takes_masks_that_are_new_with_its_next_rows(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    with gateway.connect("agent") as connection:
        first = start_portal(connection, "select ssn from public.customers order by id")
        assert re.fullmatch(rb"\d{3}-\d{2}-\d{4}", first[0][0])
        push(gateway, [MASK_SSN])
        then = more(connection, 3)
        assert len(then) == 3 and not any(re.search(rb"\d{3}-\d{2}-\d{4}", row[0]) for row in then), then


def test_promise_07_a_cursor_opened_before_the_mask_was_there_gives_no_masked_column_away(own_gateway):
    """FETCH names no table: what it reads was said by the statement that declared the cursor."""
    gateway = own_gateway(rules=HARMLESS)
    with gateway.connect("agent") as connection:
        connection.run("begin")
        connection.run("declare c cursor for select upper(ssn) from public.customers order by id")
        assert re.fullmatch(rb"\d{3}-\d{2}-\d{4}", connection.rows("fetch 1 from c")[0][0])
        push(gateway, [MASK_SSN])
        then = connection.rows("fetch 3 from c")
        assert len(then) == 3
        assert not any(row[0] and re.search(rb"\d{3}-\d{2}-\d{4}", row[0]) for row in then), then


@pytest.mark.parametrize("before, after, masked", [(HARMLESS, [MASK_SSN], False), ([MASK_SSN], HARMLESS, True),
                                                   ([MASK_SSN], NAMES, True)])
def test_promise_07_a_running_statement_keeps_the_rules_it_was_judged_by(own_gateway, direct, before, after, masked):
    gateway = own_gateway(rules=before)
    with gateway.connect("agent", application_name="runs-across") as connection:
        with held_up(direct):
            connection.send(wire.query("select ssn from public.customers limit 1"))
            waiting(direct)
            push(gateway, after)
            assert {live["generation"]: live["held_by"] for live in rules_of(gateway)["live"]} == {1: 1, 2: 0}
        rows = [wire.data_row(body) for tag, body in connection.until() if tag == "D"]
        assert bool(re.search(rb"\d{3}-\d{2}-\d{4}", rows[0][0] or b"")) is not masked, rows
        connection.run("select 1")
        assert [live["generation"] for live in rules_of(gateway)["live"]] == [2]
    session = records.session_by_application(gateway.sluice, "runs-across")
    intents = [r for r in records.of_session(gateway.sluice, session) if r["type"] == "intent"]
    assert [intent["rule_generation"] for intent in intents] == [1, 2]


def test_promise_07_every_record_names_one_set_and_says_which_it_is(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    first = rules_of(gateway)["hash"]
    with gateway.connect("agent", application_name="two-sets") as connection:
        connection.run(UPDATE)
        second = json.loads(push(gateway, [DENY_UPDATE], "--json").stdout)["hash"]
        connection.run(UPDATE)
    session = records.session_by_application(gateway.sluice, "two-sets")
    found = records.of_session(gateway.sluice, session)
    sets = {r["generation"]: r["hash"] for r in found if r["type"] == "rule_set"}
    assert sets == {1: first, 2: second} and first != second
    assert [(r["rule_generation"], r["verdict"]) for r in found if r["type"] == "intent"] == [(1, "allow"), (2, "deny")]


def test_promise_07_an_execution_behind_a_reload_has_a_record_of_its_own(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    with gateway.connect("agent", application_name="bound-before") as connection:
        connection.send(wire.parse("select 1"), wire.bind(), wire.flush())
        connection.until("2")
        push(gateway, [DENY_UPDATE])
        connection.send(wire.execute(), wire.sync())
        assert failure(connection.until()) is None
    session = records.session_by_application(gateway.sluice, "bound-before")
    found = records.of_session(gateway.sluice, session)
    intents = [(r["kind"], r["rule_generation"]) for r in found if r["type"] == "intent"]
    assert intents == [("parse", 1), ("bind", 1), ("execute", 2)]
    assert sum(r["type"] == "outcome" for r in found) == 3


def test_bad_rules_change_nothing_and_say_where_they_are_bad(own_gateway):
    gateway = own_gateway(rules=[DENY_UPDATE])
    before = rules_of(gateway)
    with gateway.connect("agent") as connection:
        for bad in ("rules:\n  - id: typo\n    statment: {kinds: [drop]}\n    verdict: deny\n", "rules: [\n",
                    "rules: [{id: a, target: nowhere, statement: {kinds: [drop]}, verdict: deny}]\n"):
            done = push(gateway, bad, check=False)
            assert done.returncode == 3 and re.search(r"pushed\.yaml:\d+:\d+: ", done.stderr), done.stderr
            assert failure(connection.run(UPDATE))["M"] == "Not today."
        after = rules_of(gateway)
        assert (after["generation"], after["hash"]) == (before["generation"], before["hash"])
        assert after["reloads_failed"] == 3 and "pushed.yaml" in after["last_failure"]
        assert gateway.sluice.metric("sluice_reloads_total", 'result="failed"') == 3
        assert len(re.findall(r"rules-not-loaded.*pushed\.yaml:\d+:\d+", log_of(gateway))) == 3
        push(gateway, HARMLESS)
        assert "last_failure" not in rules_of(gateway)
        assert failure(connection.run(UPDATE)) is None


def test_a_push_tells_what_it_did_and_status_metrics_and_log_agree(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    first = rules_of(gateway)
    told = json.loads(push(gateway, [DENY_UPDATE], "--json").stdout)
    assert told["generation"] == 2 and told["rules"] == 1 and told["last_lane_ms"] >= 0
    now = rules_of(gateway)
    assert (now["generation"], now["hash"], now["origin"]) == (2, told["hash"], "push")
    assert now["previous"] == {"generation": 1, "hash": first["hash"]}
    assert gateway.sluice.metric("sluice_rule_set_info", f'hash="{told["hash"]}"') == 1
    assert gateway.sluice.metric("sluice_rule_set_generation") == 2
    assert gateway.sluice.metric("sluice_lane_rule_generation") == 2
    assert re.search(rf"rules-loaded generation=2 hash={told['hash']}", log_of(gateway))
    shown = gateway.sluice.cli("status").stdout
    assert told["hash"][:12] in shown and "push" in shown, shown


def test_a_rollback_brings_the_previous_rules_back_as_a_new_generation(own_gateway):
    gateway = own_gateway(rules=[DENY_UPDATE])
    refused = gateway.sluice.cli("rules", "rollback", check=False)
    assert refused.returncode == 3 and "no earlier rules" in refused.stderr
    first = rules_of(gateway)["hash"]
    push(gateway, HARMLESS)
    with gateway.connect("agent") as connection:
        assert failure(connection.run(UPDATE)) is None
        gateway.sluice.cli("rules", "rollback")
        assert failure(connection.run(UPDATE))["C"] == "42501"
    now = rules_of(gateway)
    assert (now["generation"], now["hash"], now["origin"]) == (3, first, "rollback to generation 1")


def test_files_are_watched_and_a_folder_is_listed_anew(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    folder = gateway.sluice.folder / "rules"
    with gateway.connect("agent") as connection:
        (folder / "more.yaml").write_text(to_yaml({"rules": [DENY_UPDATE]}))
        until_logged(gateway, "rules-loaded generation=2 ")
        assert failure(connection.run(UPDATE))["C"] == "42501"
        (folder / "more.yaml").write_text("rules: [\n")
        until_logged(gateway, r"configuration-not-loaded.*more\.yaml:\d+:\d+")
        assert failure(connection.run(UPDATE))["C"] == "42501"
        (folder / "more.yaml").unlink()
        until_logged(gateway, "rules-loaded generation=3 ")
        assert failure(connection.run(UPDATE)) is None


def test_a_hangup_reads_everything_and_publishes_only_what_changed(own_gateway):
    gateway = own_gateway(rules=[DENY_UPDATE])
    pushed = json.loads(push(gateway, HARMLESS, "--json").stdout)
    gateway.sluice.process.send(signal.SIGHUP)
    until_logged(gateway, "certificates-reloaded")
    (gateway.sluice.folder / "rules" / "rules.yaml").write_text(to_yaml({"rules": NAMES}))
    gateway.sluice.process.send(signal.SIGHUP)
    until_logged(gateway, "rules-loaded generation=3 ")
    # The hangup before the change left what was pushed alone: otherwise this were generation 4.
    assert pushed["generation"] == 2 and rules_of(gateway)["origin"] == "configuration"


def test_the_local_socket_hears_nobody_but_its_own_user_and_root(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    path = pathlib.Path(gateway.sluice.ring) / "control.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    if os.geteuid() != 0:
        pytest.skip("another user can only be tried as root")
    os.chmod(gateway.sluice.ring, 0o755)
    os.chmod(path, 0o666)
    ask = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(20)\n"
           "try: s.sendall(b'GET /v1/rules HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'); print(len(s.recv(100)))\n"
           "except ConnectionError: print(0)")
    command = [sys.executable, "-c", ask, str(path)]
    own = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert int(own.stdout) > 0
    other = subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command],
                           capture_output=True, text=True, timeout=60, check=True)
    assert int(other.stdout) == 0
    until_logged(gateway, r"local-socket-refused uid=\d+")


@pytest.mark.parametrize("request_bytes, code", [
    (b"POST /v1/rules HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n[]", b"400"),
    (b"POST /v1/rules HTTP/1.1\r\nHost: a\r\nContent-Length: 14\r\n\r\n{\"sources\": 1}", b"400"),
    (b"POST /v1/rules HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
    (b"POST /v1/rules HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
    (b"DELETE /v1/rules HTTP/1.1\r\nHost: a\r\n\r\n", b"405"),
    (b"GET /v1/rules/rollback HTTP/1.1\r\nHost: a\r\n\r\n", b"405"),
    (b"GET /status HTTP/1.1\r\nHost: a\r\n\r\n", b"404"),
])
def test_the_local_socket_refuses_what_is_not_a_good_request(through, request_bytes, code):
    generation = rules_of(through)["generation"]
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as asking:
        asking.settimeout(20)
        asking.connect(f"{through.sluice.ring}/control.sock")
        asking.sendall(request_bytes)
        assert asking.recv(1000).split()[1] == code
    assert rules_of(through)["generation"] == generation


def two_targets(postgres, folder, **first):
    return [{**doors.target("orders", postgres, folder), **first}, doors.target("other", postgres, folder)]


def test_a_target_that_is_withdrawn_ends_its_sessions_and_no_other(own_gateway, folder, postgres):
    targets = two_targets(postgres, folder)
    gateway = own_gateway(rules=HARMLESS, targets=targets)
    with gateway.connect("agent") as goes, gateway.connect("agent", "other") as stays:
        configure(gateway, targets=targets[1:])
        assert ended_with(goes)["C"] == "57P01"
        assert stays.rows("select 1") == [[b"1"]]
        with pytest.raises(wire.ServerError) as refused:
            gateway.connect("agent")
        assert refused.value.fields["C"] == "3D000"
        configure(gateway, targets=targets)
        until_logged(gateway, "(?s)rules-loaded.*rules-loaded")
        with gateway.connect("agent") as again:
            assert again.rows("select 1") == [[b"1"]]
        assert stays.rows("select 1") == [[b"1"]]


def test_access_that_is_withdrawn_ends_the_session_also_in_the_middle_of_a_statement(own_gateway, folder, postgres):
    gateway = own_gateway(rules=HARMLESS, targets=two_targets(postgres, folder))
    with gateway.connect("agent") as idle, gateway.connect("agent") as busy, gateway.connect("ci-deploy") as stays:
        busy.send(wire.query("select pg_sleep(600)"))
        configure(gateway, targets=two_targets(postgres, folder, access=[{"groups": ["ci"]}]))
        assert ended_with(idle)["C"] == "57P01"
        assert ended_with(busy)["C"] == "57P01"
        assert stays.rows("select 1") == [[b"1"]]


def test_credentials_that_change_are_used_by_new_sessions_and_old_ones_go_on(own_gateway, folder, postgres):
    gateway = own_gateway(rules=HARMLESS, targets=two_targets(postgres, folder))
    with gateway.connect("agent") as old:
        assert old.rows("select current_user") == [[b"app_rw"]]
        other = next(user for user in postgres.passwords if user != "app_rw")
        configure(gateway, targets=[doors.target("orders", postgres, folder, user=other),
                                    doors.target("other", postgres, folder)])
        until_logged(gateway, "configuration-loaded")
        with gateway.connect("agent") as new:
            assert new.rows("select current_user") == [[other.encode()]]
        assert old.rows("select current_user") == [[b"app_rw"]]


def test_limits_and_defaults_hold_from_the_next_statement_of_a_live_session(own_gateway, folder, postgres):
    gateway = own_gateway(rules=HARMLESS, targets=two_targets(postgres, folder))
    long = "select " + "1 + " * 1000 + "1"
    with gateway.connect("agent") as connection:
        connection.send(wire.parse("select 1", "s"), wire.sync())
        connection.until()
        assert connection.rows(long) == [[b"1001"]]
        configure(gateway, targets=two_targets(postgres, folder, limits={"statement_size": 1024}))
        until_logged(gateway, "configuration-loaded")
        assert failure(connection.run(long))["C"] == "54000"
        configure(gateway, targets=two_targets(postgres, folder, default="deny"))
        until_logged(gateway, "(?s)configuration-loaded.*configuration-loaded")
        assert failure(connection.run("select 1"))["C"] == "42501"
        connection.send(wire.bind("s"), wire.execute(), wire.sync())
        assert failure(connection.until())["C"] == "42501", "also what was prepared before"


def test_a_function_that_is_no_longer_trusted_ends_the_sessions_that_may_have_used_it(own_gateway, folder, postgres):
    trusting = {"trusted_functions": ["app.*"]}
    gateway = own_gateway(rules=HARMLESS, targets=two_targets(postgres, folder, **trusting))
    with gateway.connect("agent") as trusted, gateway.connect("agent", "other") as stays:
        configure(gateway, targets=two_targets(postgres, folder, trusted_functions=["app.*", "public.f"]))
        until_logged(gateway, "configuration-loaded")
        assert trusted.rows("select 1") == [[b"1"]], "more trust ends nobody"
        configure(gateway, targets=two_targets(postgres, folder))
        assert ended_with(trusted)["C"] == "57P01"
        assert stays.rows("select 1") == [[b"1"]]


def test_an_idle_time_out_that_is_set_later_holds_for_a_session_that_is_idle_already(own_gateway, folder, postgres):
    gateway = own_gateway(rules=HARMLESS, targets=two_targets(postgres, folder))
    with gateway.connect("agent") as idle, gateway.connect("agent", "other") as stays:
        configure(gateway, targets=two_targets(postgres, folder, limits={"idle_timeout": "1s"}))
        assert ended_with(idle)["C"] == "57P05"
        assert stays.rows("select 1") == [[b"1"]]


def test_promise_07_a_push_is_answered_when_every_lane_judges_by_it(own_gateway):
    gateway = own_gateway(rules=HARMLESS, lanes=3)
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(gateway.connect("agent")) for _ in range(9)]
        for rules, denied in ((DENY_UPDATE, True), (HARMLESS[0], False)) * 5:
            push(gateway, [rules])
            assert all((failure(session.run(UPDATE)) is not None) is denied for session in sessions)
        lanes = status(gateway)["lanes"]
        assert len(lanes) == 3 and all(lane["sessions_open"] > 0 and lane["rule_generation"] == 11 for lane in lanes)
        assert len(rules_of(gateway)["live"]) == 1


def test_a_new_address_is_for_new_sessions(own_gateway, folder, postgres):
    gateway = own_gateway(rules=HARMLESS, targets=two_targets(postgres, folder))
    with gateway.connect("agent") as old:
        configure(gateway, targets=two_targets(postgres, folder, address="127.0.0.1:1"))
        until_logged(gateway, "configuration-loaded")
        assert old.rows("select 1") == [[b"1"]]
        with pytest.raises(wire.ServerError) as refused:
            gateway.connect("agent")
        assert refused.value.fields["C"].startswith("08")
        assert old.rows("select 1") == [[b"1"]]


def test_what_only_a_restart_changes_is_named_and_the_rest_is_applied(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    (gateway.sluice.folder / "rules" / "rules.yaml").write_text(to_yaml({"rules": [DENY_UPDATE]}))
    configure(gateway, lanes=2, logging={"level": "debug"})
    named = until_logged(gateway, r'restart-needed keys=("[^"]*"|\S+)')
    assert "lanes" in named[1] and "logging" in named[1] and "audit" not in named[1]
    until_logged(gateway, "rules-loaded generation=2 ")
    with gateway.connect("agent") as connection:
        assert failure(connection.run(UPDATE))["C"] == "42501"
    assert len(status(gateway)["lanes"]) == 1


def test_a_bad_configuration_changes_nothing(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    good = gateway.sluice.file.read_text()
    gateway.sluice.file.write_text(good.replace("targets:", "tagrets:"))
    until_logged(gateway, r"configuration-not-loaded.*sluice\.yaml:\d+:\d+")
    with gateway.connect("agent") as connection:
        assert connection.rows("select 1") == [[b"1"]]
    assert rules_of(gateway)["reloads_failed"] == 1


def test_a_ninth_set_is_refused_and_names_who_holds_the_old_ones(own_gateway, direct):
    gateway = own_gateway(rules=HARMLESS)
    sessions = []
    try:
        with held_up(direct):
            for i in range(8):
                if i > 0:
                    push(gateway, [{**DENY_UPDATE, "id": f"rule-{i}"}])
                sessions.append(gateway.connect("agent", application_name=f"holder-{i}"))
                sessions[-1].send(wire.query("select count(*) from public.customers"))
                waiting(direct, i + 1)
            assert len(rules_of(gateway)["live"]) == 8
            assert gateway.sluice.metric("sluice_rule_sets_live") == 8
            refused = push(gateway, [DENY_UPDATE], check=False)
            assert refused.returncode != 0
            named = re.findall(r"generation (\d+) by session ([0-9a-f-]{36}) at orders", refused.stderr)
            assert [int(generation) for generation, _ in named] == [1, 2, 3, 4, 5, 6, 7], refused.stderr
            assert rules_of(gateway)["generation"] == 8
        for session in sessions:
            session.until()
        push(gateway, [DENY_UPDATE])
        assert [live["generation"] for live in rules_of(gateway)["live"]] == [9]
    finally:
        for session in sessions:
            session.close()


def test_a_push_with_revoke_cancels_what_the_new_rules_deny_and_nothing_else(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    deny = {"id": "no-selects-of-agents", "statement": {"kinds": ["select"]}, "unless": {"groups": ["ci"]},
            "verdict": "deny", "message": "Selects are over."}
    deny["except"] = deny.pop("unless")
    with gateway.connect("agent") as simple, gateway.connect("agent") as extended, gateway.connect("loader") as spared:
        simple.send(wire.query("select pg_sleep(600)"))
        extended.send(wire.parse("select pg_sleep(600)"), wire.bind(), wire.execute(), wire.sync())
        spared.send(wire.query("select pg_sleep(2), 1"))
        asked = "select count(*) from pg_stat_activity where query like 'select pg_sleep(%' and state = 'active'"
        with gateway.connect("loader") as watcher:
            wait_until(lambda: int(watcher.rows(asked)[0][0]) == 3, 20, "three running statements")
        told = json.loads(push(gateway, [deny], "--revoke", "--json").stdout)
        assert told["cancelled"] == 2
        for connection in (simple, extended):
            fields = failure(connection.until())
            assert fields["C"] == "42501" and "Selects are over." in fields["M"], fields
        assert failure(spared.until()) is None
        assert failure(simple.run(UPDATE)) is None, "the session lives on"
