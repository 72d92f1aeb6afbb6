"""What an operator sees: metrics, health, status, and configuration mistakes named where they stand."""
import json
import pathlib
import re
import shutil
import socket
import subprocess

import pytest

import through as doors
import wire
from sluice_tools import ToolError


@pytest.mark.smoke
def test_metrics_count_what_happened(through):
    metric = through.sluice.metric
    before = {name: metric(*name) for name in (("sluice_sessions_total",), ("sluice_statements_total", 'verdict="allow"'),
                                               ("sluice_statements_total", 'verdict="deny"'), ("sluice_rows_total",),
                                               ("sluice_logins_failed_total",))}
    with through.connect("ci-deploy") as connection:
        connection.rows("select g from generate_series(1, 10) g")
        connection.run("drop table scratch")
    with pytest.raises(wire.ServerError):
        wire.Wire(through.port, through.ca).login("agent", "wrong", "orders")
    after = {name: metric(*name) for name in before}
    grown = {name: after[name] - before[name] for name in before}
    assert grown == {("sluice_sessions_total",): 2, ("sluice_statements_total", 'verdict="allow"'): 1,
                     ("sluice_statements_total", 'verdict="deny"'): 1, ("sluice_rows_total",): 10,
                     ("sluice_logins_failed_total",): 1}


def test_metrics_pass_prometheus_own_linter(through):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(["promtool", "check", "metrics"], input=through.sluice.admin("/metrics")[1].encode(),
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()


def test_health_ready_and_status_answer(through):
    assert through.sluice.admin("/healthz")[0] == 200
    assert through.sluice.admin("/readyz")[0] == 200
    status = json.loads(through.sluice.admin("/status")[1])
    assert status["ready"] is True
    assert through.sluice.admin("/nothing-here")[0] == 404


def test_the_admin_listener_takes_no_foreign_host_header(through):
    """A web page in the operator's browser must not reach it by a name of its own."""
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", through.sluice.admin_port, timeout=10)
    connection.request("GET", "/status", headers={"Host": "evil.example"})
    assert connection.getresponse().status in (400, 403, 421)


@pytest.mark.smoke
def test_check_passes_the_good_and_names_file_line_and_column_of_the_bad(own_gateway):
    gateway = own_gateway()
    sluice = gateway.sluice
    assert sluice.cli("check").returncode == 0
    rules = sluice.folder / "rules" / "rules.yaml"
    rules.write_text("rules:\n  - id: typo\n    statment: {kinds: [drop]}\n    verdict: deny\n")
    done = sluice.cli("check", check=False)
    assert done.returncode != 0
    assert re.search(r"rules\.yaml:3:\d+", done.stderr + done.stdout), done.stderr + done.stdout
    assert "statement" in done.stderr + done.stdout, "the nearest right word"


def test_promise_04_a_rule_that_cannot_be_enforced_does_not_load(own_gateway):
    gateway = own_gateway()
    rules = gateway.sluice.folder / "rules" / "rules.yaml"
    for why, text in {
        "a type nobody detects": "rules: [{id: a, result: {types: [NO_SUCH_TYPE]}, mask: {operator: redact}}]",
        "an operator that does not exist": "rules: [{id: a, result: {columns: [a.b.c]}, mask: {operator: vanish}}]",
        "a rule without a verdict or a mask": "rules: [{id: a, statement: {kinds: [drop]}}]",
        "a target that does not exist": "rules: [{id: a, target: nowhere, statement: {kinds: [drop]}, verdict: deny}]",
        "the same id twice": "rules: [{id: a, statement: {kinds: [drop]}, verdict: deny}, "
                             "{id: a, statement: {kinds: [insert]}, verdict: deny}]",
    }.items():
        rules.write_text(text + "\n")
        assert gateway.sluice.cli("check", check=False).returncode != 0, why


def test_a_ring_directory_that_is_not_tmpfs_is_refused_with_what_to_set(own_gateway, folder):
    gateway = own_gateway()
    text = gateway.sluice.file.read_text()
    gateway.sluice.stop()
    disk = folder / "ring"
    disk.mkdir()
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(disk)], capture_output=True, text=True, check=True).stdout.strip()
    if kind == "tmpfs":
        pytest.skip("the temporary folder itself is tmpfs")
    gateway.sluice.file.write_text(text.replace(gateway.sluice.ring, str(disk)))
    done = subprocess.run([gateway.sluice.program, "serve", "-c", gateway.sluice.file], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode != 0 and "ring_directory" in done.stderr and "tmpfs" in done.stderr


def test_a_port_in_use_is_said_and_nothing_is_left_running(own_gateway):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ToolError) as failed:
            own_gateway(listeners=[{"protocol": "postgres", "bind": f"127.0.0.1:{port}", "allow_cleartext": True}])
    assert str(port) in str(failed.value)


def test_a_second_gateway_does_not_share_the_port_of_the_first(own_gateway):
    first = own_gateway()
    with pytest.raises(ToolError) as failed:
        own_gateway(listeners=[{"protocol": "postgres", "bind": f"127.0.0.1:{first.clear_port}", "allow_cleartext": True}])
    assert "in use" in str(failed.value)
    with first.connect() as connection:
        assert connection.rows("select 1") == [[b"1"]]


def test_keys_list_shows_no_key(through):
    listed = through.sluice.cli("keys", "list").stdout
    assert "loader" in listed and "agent" in listed
    for key in through.sluice.keys.values():
        assert key not in listed and key.split("_")[-1] not in listed


def test_help_exits_with_zero_and_nonsense_does_not(through):
    program = through.sluice.program
    for arguments in (["--help"], ["serve", "--help"], ["version"]):
        assert subprocess.run([program, *arguments], capture_output=True, check=False).returncode == 0
    for arguments in ([], ["dance"], ["serve"], ["serve", "-c", "/nonexistent"]):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode != 0 and (done.stderr or done.stdout).strip()


def test_the_target_may_choose_group_durability(own_gateway, folder, postgres):
    gateway = own_gateway(targets=[{**doors.target("orders", postgres, folder), "audit": {"durability": "group"}}])
    with gateway.connect() as connection:
        for i in range(20):
            assert connection.rows(f"select {i}") == [[str(i).encode()]]


def test_promise_11_secrets_lie_in_locked_memory(through):
    assert through.sluice.metric("sluice_secrets_locked") == 1
    limits = pathlib.Path(f"/proc/{through.pid}/status").read_text()
    locked = next(int(line.split()[1]) for line in limits.splitlines() if line.startswith("VmLck:"))
    assert locked >= 256, "the secret heap alone is 256 KiB"
