"""The tools around rules: explain, test, diff, replay, init, and what check warns of."""
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile

import pytest

import through as doors
import wire
from sluice_tools import gateway
from sluice_tools.gateway import to_yaml
from sluice_tools.processes import free_port

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
NO_DROP = {"rules": [{"id": "no-drop", "statement": {"kinds": ["drop"]}, "verdict": "deny", "message": "No."}]}


def run(*arguments, status=0, environment=None, text=None):
    done = subprocess.run([gateway.binary(), *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **(environment or {})}, input=text)
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def written(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else to_yaml(value))
    return path


@pytest.fixture
def rules(folder):
    return written(folder / "rules.yaml", NO_DROP)


def test_explain_names_the_deciding_rule_and_the_others_with_the_facts(folder):
    file = written(folder / "r.yaml", {"rules": [
        {"id": "first", "statement": {"kinds": ["delete"]}, "verdict": "hold"},
        {"id": "second", "statement": {"kinds": ["delete"], "where": "absent"}, "verdict": "deny", "message": "All rows."},
        {"id": "shadow", "mode": "alert", "statement": {"writes": ["public.t"]}, "verdict": "deny"}]})
    text = run("rules", "explain", "--rules", file, "/* x */ DELETE FROM t").stdout
    assert text.startswith("deny by rule second\n")
    assert re.search(r"overruled +hold +first\n", text) and re.search(r"alerts +deny +shadow\n", text)
    assert re.search(r"relation +t \(.*write\)", text) and re.search(r"where +absent", text)
    out = json.loads(run("rules", "explain", "--rules", file, "--json", "-", text="delete from t").stdout)
    assert (out["verdict"], out["rule"], out["message"], out["alerts"]) == ("deny", "second", "All rows.", ["shadow"])
    assert [(m["rule"], m["decides"]) for m in out["matches"]] == [("first", False), ("second", True), ("shadow", False)]
    assert out["facts"]["kinds"] == ["delete"] and out["facts"]["where_absent"] is True


def test_explain_tells_callers_times_and_addresses_apart(folder):
    file = written(folder / "r.yaml", """
rules:
  - id: night
    when: {groups: [ci], kinds: [agent], addresses: [192.0.2.0/24], times: [{from: "22:00", to: "06:00", zone: UTC}]}
    statement: {kinds: [select]}
    verdict: deny
""")
    who = ["--rules", file, "--default", "allow", "--json", "--groups", "ci", "--kind", "agent"]

    def verdict(at, address="192.0.2.7"):
        return json.loads(run("rules", "explain", *who, "--at", at, "--address", address, "select 1").stdout)["verdict"]

    assert verdict("2026-01-31T23:00:00Z") == "deny"
    assert verdict("2026-01-31T12:00:00Z") == "allow"
    assert verdict("2026-01-31T23:00Z", "192.0.3.7") == "allow"


def test_explain_says_which_columns_are_masked_and_what_the_guard_refuses(folder):
    file = written(folder / "r.yaml", {"rules": [
        {"id": "ssn", "result": {"columns": ["public.customers.ssn"]}, "mask": {"operator": "mask", "keep_last": 4}}]})
    out = json.loads(run("rules", "explain", "--rules", file, "--default", "allow", "--json", "select * from customers").stdout)
    assert out["masked_columns"] == [{"column": "public.customers.ssn", "rule": "ssn", "mask": "mask keep_first=0 keep_last=4"}]
    out = json.loads(run("rules", "explain", "--rules", file, "--default", "allow", "--json", "set sluice.x = 1").stdout)
    assert (out["verdict"], out["reason"]) == ("deny", "guard")


def test_explain_of_bad_input_says_what_is_wrong(folder, rules, through):
    assert "nowhere.yaml" in run("rules", "explain", "--rules", folder / "nowhere.yaml", "select 1", status=3).stderr
    bad = written(folder / "bad.yaml", "rules:\n  - id: a\n    statment: {kinds: [drop]}\n")
    assert f"{bad}:3:5: expected" in run("rules", "explain", "--rules", bad, "select 1", status=3).stderr
    assert "-c or --rules" in run("rules", "explain", "select 1", status=2).stderr
    assert "--at: expected a time" in run("rules", "explain", "--rules", rules, "--at", "noon", "select 1", status=2).stderr
    assert "--address: expected" in run("rules", "explain", "--rules", rules, "--address", "home", "select 1", status=2).stderr
    config = through.sluice.file
    assert "orders, clear" in run("rules", "explain", "-c", config, "select 1", status=2).stderr
    assert '"nowhere"' in run("rules", "explain", "-c", config, "--target", "nowhere", "select 1", status=2).stderr


def test_the_shipped_packs_pass_their_tests():
    assert re.search(r"^[1-9][0-9]+ passed, 0 failed$", run("rules", "test", REPOSITORY / "tests" / "rules").stdout)


def test_a_failing_test_is_shown_with_its_place_what_was_expected_and_what_was_found(folder, rules):
    file = written(folder / "rules.test.yaml", """rules: [rules.yaml]
default: allow
tests:
  - name: holds
    statement: "drop table t"
    expect: {verdict: deny, rule: no-drop}
  - name: is wrong
    statement: "select 1"
    expect: {verdict: deny}
  - name: rows
    result: {columns: [{name: a, type: text}], rows: [["x"], [null]]}
    expect: {rows: [["y"], [null]]}
""")
    text = run("rules", "test", folder, status=1).stdout.splitlines()
    assert text == [f"{file}:7:5: is wrong: expected deny, found allow by default",
                    f'{file}:10:5: rows: expected row 1 ["y"], found ["x"]', "1 passed, 2 failed"]
    out = json.loads(run("rules", "test", "--json", file, status=1).stdout)
    assert (out["passed"], out["failed"], out["failures"][0]["line"]) == (1, 2, 7)


def test_bad_test_files_are_refused_with_their_place(folder, rules):
    for text, words in {"rules: [rules.yaml]\ntests: [{name: a, statement: s, expect: {verdit: deny}}]\n": ":2:42: expected a key of expect",
                        "rules: [rules.yaml]\ntests: [{name: a, expect: {verdict: deny}}]\n": "expected statement or result",
                        "rules: [rules.yaml]\ntests:\n  - {name: a, result: {columns: [{name: a, type: texr}], rows: []}, expect: {rows: []}}\n":
                            ":3:50: expected a type",
                        "tests: [{name: a, statement: s, expect: {verdict: deny}}]\n": "expected rules or packs",
                        "packs: [no-dll]\ntests: [{name: a, statement: s, expect: {verdict: deny}}]\n": 'did you mean "no-ddl"',
                        "rules: [absent.yaml]\ntests: [{name: a, statement: s, expect: {verdict: deny}}]\n": "absent.yaml",
                        "rules: [": ":1:"}.items():
        file = written(folder / "bad.test.yaml", text)
        assert words in run("rules", "test", file, status=3).stderr
    assert "nowhere" in run("rules", "test", folder / "nowhere", status=3).stderr


def test_files_of_tests_beside_rules_are_not_read_as_rules(own_gateway):
    sluice = own_gateway().sluice
    written(sluice.folder / "rules" / "rules.test.yaml", "rules: [rules.yaml]\ntests: []\n")
    assert sluice.cli("check").returncode == 0


def test_diff_tells_what_is_newly_denied_held_and_allowed_and_whose_masks_change(folder, rules):
    new = written(folder / "new" / "r.yaml", {"rules": [
        {"id": "writes", "statement": {"kinds": ["delete"]}, "verdict": "hold"},
        {"id": "no-truncate", "statement": {"kinds": ["truncate"]}, "verdict": "deny"},
        {"id": "ssn", "result": {"columns": ["public.customers.ssn"]}, "mask": {"operator": "redact"}}]})
    statements = written(folder / "statements.txt", "drop table t\ndelete from t\n\ntruncate t\nselect ssn from customers\nselect 1\n")
    common = ["rules", "diff", rules, new.parent, "--default", "allow", "--statements", statements]
    text = run(*common).stdout
    assert text.endswith("5 statements, 1 newly denied, 1 newly held, 1 newly allowed, 1 masks changed\n")
    out = json.loads(run(*common, "--json").stdout)
    assert {(c["change"], c["before"], c["after"], c["examples"][0]) for c in out["changes"]} == {
        ("newly_allowed", "deny by rule no-drop", "allow by default", "drop table t"),
        ("newly_held", "allow by default", "hold by rule writes", "delete from t"),
        ("newly_denied", "allow by default", "deny by rule no-truncate", "truncate t"),
        ("masks_changed", "none", "public.customers.ssn redact", "select ssn from customers")}
    statements.write_bytes(b"select\n1\0drop\ntable t")
    assert json.loads(run(*common, "--json").stdout)["statements"] == 2
    assert "absent" in run("rules", "diff", rules, new, "--statements", folder / "absent", status=3).stderr
    assert "--statements or --sessions" in run("rules", "diff", rules, new, status=2).stderr


def test_replay_and_diff_judge_recorded_sessions_by_other_rules(own_gateway, folder):
    door = own_gateway()
    with door.connect("loader") as connection:
        connection.rows("select 1")
        connection.run("drop table never_there")
    with door.connect("ci-deploy") as connection:
        connection.run("drop table never_there")
        connection.run("selec 1")
    door.sluice.stop()
    candidate = written(folder / "c.yaml", {"rules": [
        {"id": "no-select", "when": {"subjects": ["loader"]}, "statement": {"kinds": ["select"]}, "verdict": "deny"}]})
    out = json.loads(run("rules", "replay", "-c", door.sluice.file, "--rules", candidate, "--json").stdout)
    assert {(c["change"], c["subject"], c["target"], c["count"]) for c in out["changes"]} == {
        ("newly_denied", "loader", "orders", 1), ("newly_allowed", "ci-deploy", "orders", 1)}
    assert out["not_replayable"] == 1
    session = door.sluice.sessions()[0]["id"]
    out = json.loads(run("rules", "replay", "-c", door.sluice.file, "--rules", candidate, "--session", session[:13],
                         "--since", "1h", "--json").stdout)
    assert {c["subject"] for c in out["changes"]} == {"loader"}
    out = json.loads(run("rules", "diff", door.sluice.folder / "rules", candidate, "-c", door.sluice.file, "--sessions",
                         door.sluice.folder / "audit", "--json").stdout)
    assert out["newly_denied"] == 1 and out["newly_allowed"] == 1
    assert "--since" in run("rules", "replay", "-c", door.sluice.file, "--rules", candidate, "--since", "x", status=2).stderr
    assert run("rules", "replay", "-c", door.sluice.file, "--rules", candidate, "--session", "ffffffffffff", status=1).stderr


def test_check_warns_of_what_works_and_is_probably_not_meant(folder, authority, postgres):
    door = doors.ThroughSluice(folder / "g", authority, postgres,
                               targets=[doors.target("orders", postgres, folder, user="postgres", access=[{"groups": ["*"]}])],
                               rules={"mode": "alert", **NO_DROP})
    try:
        text = door.sluice.cli("check").stdout
        for words in ("lets every proven caller connect", "default: allow", "does not expire", "every rule (1) only alerts"):
            assert words in text, text
        assert text.endswith("ok\n") and "superuser" not in text
        assert "postgres is a superuser" in door.sluice.cli("check", "--connect").stdout
        strict = door.sluice.cli("check", "--strict", check=False)
        assert strict.returncode == 3 and not strict.stdout.endswith("ok\n")
        assert json.loads(door.sluice.cli("check", "--json").stdout)["ok"] is True
        door.sluice.file.write_text(door.sluice.file.read_text().replace(f"localhost:{postgres.port}", f"localhost:{free_port()}"))
        away = door.sluice.cli("check", "--connect", check=False)
        assert away.returncode == 3 and "could not be tried" in away.stdout
        assert postgres.passwords["postgres"] not in away.stdout + away.stderr
    finally:
        door.stop()


def test_init_proposes_a_configuration_that_passes_check_and_serves(folder, postgres):
    output = folder / "out"
    password = {"PGPASSWORD": postgres.passwords["app_rw"]}
    url = f"postgres://app_rw@localhost:{postgres.port}/orders"
    done = run("init", url, "--output", output, "--json", environment=password)
    out = json.loads(done.stdout)
    found = {f"{f['schema']}.{f['table']}.{f['column']}" for f in out["found"]}
    assert {"public.customers.ssn", "public.customers.email"} <= found, out
    assert postgres.passwords["app_rw"] not in done.stdout + done.stderr
    for name in ("sluice.yaml", "keys.yaml", "orders.password", "rules/orders.yaml"):
        assert stat.S_IMODE((output / name).stat().st_mode) == 0o600, name
    assert "mode: alert" in (output / "rules" / "orders.yaml").read_text()
    rings = tempfile.mkdtemp(prefix="sluice-", dir="/dev/shm")
    try:
        config = output / "sluice.yaml"
        port, admin = free_port(), free_port()
        text = re.sub(r"ring_directory: \S+}", f"ring_directory: {rings}}}", config.read_text()).replace(":6432", f":{port}")
        config.write_text(text + f'admin: {{bind: "127.0.0.1:{admin}"}}\nlanes: 1\n')
        assert run("check", "-c", config).stdout.endswith("ok\n")
        process = gateway.Process("sluice", [gateway.binary(), "serve", "-c", config], folder / "log")
        try:
            gateway.wait_until(lambda: ready(admin), 30, "sluice's start", process)
            with wire.Wire(port).login("first-user", out["key"], "orders") as connection:
                assert connection.rows("select 1")
        finally:
            process.stop()
    finally:
        shutil.rmtree(rings, ignore_errors=True)
    again = run("init", url, "--output", output, environment=password, status=3)
    assert "is not overwritten" in again.stderr


def ready(admin):
    done = subprocess.run([gateway.binary(), "status", "--admin", f"127.0.0.1:{admin}"], capture_output=True, check=False)
    return done.returncode == 0


def test_init_shows_a_table_and_the_key_once(folder, postgres):
    done = run("init", f"postgres://app_rw@localhost:{postgres.port}/orders", "--output", folder / "o", "--sample", "10",
               environment={"PGPASSWORD": postgres.passwords["app_rw"]})
    assert re.search(r"public\.customers\.ssn +\S+.* US_SSN|public\.customers\.ssn +\S+.* us-ssn", done.stdout), done.stdout
    assert len(re.findall(r"^slk_\S{64}$", done.stdout, re.MULTILINE)) == 1


def test_init_refuses_what_it_cannot_use(folder, postgres):
    away = run("init", f"postgres://app_rw@localhost:{free_port()}/orders", "--output", folder / "o", status=1,
               environment={"PGPASSWORD": "canary-pw"})
    assert "canary-pw" not in away.stderr and not (folder / "o").exists()
    for url, words in {f"postgres://app_rw:canary-pw@localhost:{postgres.port}/orders": "PGPASSWORD",
                       "postgres:///orders": "one host", "postgres://localhost/orders": "expected a user",
                       "mysql://a@b/c": "postgres://"}.items():
        done = run("init", url, "--output", folder / "o", status=2)
        assert words in done.stderr and "canary-pw" not in done.stderr


def test_bench_measures_the_types_of_the_rules_and_names_the_rules(folder):
    file = written(folder / "r.yaml", {"rules": [{"id": "cards", "result": {"types": ["CREDIT_CARD", "EMAIL_ADDRESS"]},
                                                   "mask": {"operator": "redact"}}]})
    lines = [json.loads(line) for line in run("rules", "bench", "--rules", file, "--json").stdout.splitlines()]
    assert sorted(line["type"] for line in lines) == ["CREDIT_CARD", "EMAIL_ADDRESS"]
    assert abs(sum(line["share"] for line in lines) - 1) < 1e-6
    for line in lines:
        assert line["rules"] == ["cards"]
        assert set(line["samples"]) == {"prose", "digits", "dense"}
        assert line["samples"]["dense"]["hits"] > 0 and line["samples"]["prose"]["hits"] == 0
    table = run("rules", "bench", "--rules", file).stdout
    assert "CREDIT_CARD" in table and "cards" in table


def test_bench_of_rules_without_types_says_so(folder):
    file = written(folder / "r.yaml", {"rules": [{"id": "a", "statement": {"kinds": ["drop"]}, "verdict": "deny"}]})
    assert "--all" in run("rules", "bench", "--rules", file, status=2).stderr
