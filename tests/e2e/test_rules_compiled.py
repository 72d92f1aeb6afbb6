"""Rule sets compiled to one file: what runs from it, who may have made it, and what compiling may take."""
import base64
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from sluice_tools.gateway import binary, to_yaml
from sluice_tools.processes import wait_until
from test_reload import HARMLESS, configure, failure, log_of, push, rules_of

DENY = [{"id": "no-updates", "statement": {"kinds": ["update"]}, "verdict": "deny", "message": "Not today."},
        {"id": "cards", "result": {"types": ["CREDIT_CARD", "EMAIL_ADDRESS"]}, "mask": {"operator": "redact"}},
        {"id": "marked", "statement": {"pattern": {"raw": "secret_[a-z]+"}}, "verdict": "deny"}]
UPDATE = "update public.customers set name = name where id = -1"
# Hyperscan takes each of them alone, and seconds for all.
SLOW = [{"id": f"r{i}", "statement": {"pattern": {"raw": f"q{i}[a-z]+.{{1,150}}[0-9]+.{{1,150}}z{i}"}}, "verdict": "deny"}
        for i in range(300)]


def sluice(*arguments, check=True):
    done = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture
def keys(folder):
    """Two key pairs; the paths of their private halves."""
    for name in ("ours", "theirs"):
        sluice("rules", "keygen", folder / name)
    return {name: folder / f"{name}.key" for name in ("ours", "theirs")}


@pytest.fixture
def compiled(folder):
    """compiled(rules, key=None): the path of a compiled file."""
    count = iter(range(100))

    def make(rules, key=None):
        name = f"rules{next(count)}"
        source = folder / f"{name}.yaml"
        source.write_text(to_yaml({"rules": rules}))
        sluice("rules", "compile", source, "-o", folder / f"{name}.sluice", *(["--sign", key] if key else []))
        return folder / f"{name}.sluice"

    return make


def pushed(gateway, path, check=True):
    return gateway.sluice.cli("rules", "push", path, check=check)


def refused(gateway, path, reason):
    """A push of `path` is refused for that reason, and changes nothing."""
    before = rules_of(gateway)
    answer = pushed(gateway, path, check=False)
    assert answer.returncode == 3, answer
    assert re.search(reason, answer.stderr), answer.stderr
    after = rules_of(gateway)
    assert (after["generation"], after["hash"]) == (before["generation"], before["hash"])


@pytest.mark.smoke
def test_a_compiled_set_is_served_pushed_rolled_back_and_read_again_when_it_changes(own_gateway, compiled):
    first = compiled(DENY)
    gateway = own_gateway(rules=HARMLESS)
    with gateway.connect("agent") as connection:
        assert failure(connection.run(UPDATE)) is None
        assert "loaded in" in pushed(gateway, first).stdout
        assert failure(connection.run(UPDATE))["M"] == "Not today."
        assert failure(connection.run("select 'secret_a'"))["C"] == "42501"
        gateway.sluice.cli("rules", "rollback")
        assert failure(connection.run(UPDATE)) is None
        configure(gateway, rules=[str(first)])
        wait_until(lambda: failure(connection.run(UPDATE)) is not None, 20, "the compiled set", gateway.sluice.process)
        compiled(HARMLESS).rename(first)
        wait_until(lambda: failure(connection.run(UPDATE)) is None, 20, "the changed set", gateway.sluice.process)
        assert "compiled again" not in log_of(gateway)


def test_a_gateway_starts_from_a_compiled_set(own_gateway, compiled):
    gateway = own_gateway(rules=HARMLESS)
    gateway.sluice.stop()
    configure(gateway, rules=[str(compiled(DENY))])
    gateway.sluice.start()
    with gateway.connect("agent") as connection:
        assert failure(connection.run(UPDATE))["M"] == "Not today."
        email = connection.rows("select email from public.customers order by id limit 1")[0][0]
        assert b"@" not in email, email


def test_the_same_rules_have_the_same_hash_compiled_or_not(own_gateway, compiled):
    gateway = own_gateway(rules=HARMLESS)
    pushed(gateway, compiled(DENY))
    from_file = rules_of(gateway)["hash"]
    push(gateway, DENY)
    assert rules_of(gateway)["hash"] == from_file


def test_bad_input_a_tampered_file_is_refused_and_the_running_set_stays(own_gateway, compiled, folder):
    good = compiled(DENY).read_bytes()
    gateway = own_gateway(rules=HARMLESS)
    bad = folder / "bad.sluice"
    for content in (good[:-1], good + b"\0", good[: len(good) // 2], good[:9],
                    good[:200] + bytes([good[200] ^ 1]) + good[201:], good[:-60] + bytes([good[-60] ^ 128]) + good[-59:]):
        bad.write_bytes(content)
        refused(gateway, bad, r"bad\.sluice: .*(cut off or damaged|format)")
    bad.write_bytes(good[:11] + b"\2" + good[12:])
    refused(gateway, bad, "expected compiled rules of format 1, found format 2: compile them with sluice")
    with gateway.connect("agent") as connection:
        assert failure(connection.run(UPDATE)) is None


def test_bad_input_a_compiled_file_stands_alone(own_gateway, compiled):
    gateway = own_gateway(rules=HARMLESS)
    answer = gateway.sluice.cli("rules", "push", compiled(DENY), compiled(HARMLESS), check=False)
    assert answer.returncode == 3 and "expected compiled rules alone" in answer.stderr, answer


def test_bad_input_where_a_key_is_configured_only_what_it_signed_is_loaded(own_gateway, compiled, keys, folder):
    signed = compiled(DENY, keys["ours"])
    gateway = own_gateway(rules=HARMLESS)
    gateway.sluice.stop()
    configure(gateway, rules=[str(signed)], rules_verify_key=str(folder / "ours.pub"))
    gateway.sluice.start()
    refused(gateway, compiled(HARMLESS), "expected compiled rules with a signature, .* found none: run sluice rules compile --sign")
    refused(gateway, compiled(HARMLESS, keys["theirs"]), r"found one of key [0-9a-f]{16}: sign with another key, or add")
    (folder / "plain.yaml").write_text(to_yaml({"rules": HARMLESS}))
    refused(gateway, folder / "plain.yaml", "found sources: run sluice rules compile --sign")
    pushed(gateway, compiled(HARMLESS, keys["ours"]))
    # Keys are changed by naming both for a while.
    (folder / "ours.pub").write_text((folder / "ours.pub").read_text() + (folder / "theirs.pub").read_text())
    pushed(gateway, compiled(DENY, keys["theirs"]))
    (folder / "ours.pub").write_text((folder / "theirs.pub").read_text())
    answer = gateway.sluice.cli("rules", "rollback", check=False)
    assert answer.returncode == 3 and "found one of key" in answer.stderr, answer


def test_bad_input_a_gateway_with_a_key_does_not_start_with_unsigned_rules(own_gateway, compiled, keys, folder):
    gateway = own_gateway(rules=HARMLESS)
    gateway.sluice.stop()
    for rules in ("rules/", str(compiled(DENY)), str(compiled(DENY, keys["theirs"]))):
        configure(gateway, rules=[rules], rules_verify_key=str(folder / "ours.pub"))
        for command in ("serve", "check"):
            answer = gateway.sluice.cli(command, check=False)
            assert answer.returncode == 3 and "sign" in answer.stderr + answer.stdout, answer


def test_bad_input_a_key_that_the_running_rules_do_not_have_is_not_taken_at_a_reload(own_gateway, keys, folder):
    gateway = own_gateway(rules=HARMLESS)
    configure(gateway, rules_verify_key=str(folder / "ours.pub"))
    wait_until(lambda: "configuration-not-loaded" in log_of(gateway), 20, "the refusal", gateway.sluice.process)
    assert "found sources" in log_of(gateway)


def test_a_file_of_another_machine_is_compiled_again_with_a_warning(own_gateway, compiled, folder):
    good = compiled(DENY).read_bytes()
    # Without a signature anybody can make the hash fit: here, to name another Hyperscan.
    head = good[: good.index(b"5.4")] + b"4.9" + good[good.index(b"5.4") + 3: -33]
    (folder / "foreign.sluice").write_bytes(head + hashlib.sha256(head).digest() + b"\0")
    gateway = own_gateway(rules=HARMLESS)
    answer = pushed(gateway, folder / "foreign.sluice")
    assert re.search(r"warning: .*foreign\.sluice: compiled by .* Hyperscan 4\.9.*compiled again from the sources", answer.stderr)
    with gateway.connect("agent") as connection:
        assert failure(connection.run(UPDATE))["M"] == "Not today."


def test_bad_input_rules_that_take_too_long_to_compile_are_refused(own_gateway, folder):
    gateway = own_gateway(rules=HARMLESS)
    configure(gateway, compile={"time": "1s"})
    wait_until(lambda: "configuration-loaded" in log_of(gateway), 20, "the limit", gateway.sluice.process)
    (folder / "slow.yaml").write_text(to_yaml({"rules": SLOW}))
    refused(gateway, folder / "slow.yaml",
            "(took more than 1 s|did not end within 3 s), and was stopped: make their patterns simpler, or raise compile.time")


def test_bad_input_rules_that_take_too_much_memory_to_compile_are_refused(own_gateway, folder):
    gateway = own_gateway(rules=HARMLESS)
    if b"__asan_init" in binary().read_bytes():
        pytest.skip("a sanitizer's shadow memory is larger than any limit")
    configure(gateway, compile={"memory": "128MiB"})
    wait_until(lambda: "configuration-loaded" in log_of(gateway), 20, "the limit", gateway.sluice.process)
    (folder / "large.yaml").write_text("lists: {a: [" + ",".join("x" * 400_000) + "]}\n" + to_yaml({"rules": HARMLESS}))
    refused(gateway, folder / "large.yaml", "needs more than 128 MiB, and was stopped: .*raise compile.memory")


def test_errors_of_the_compiling_process_keep_their_place(own_gateway, folder):
    gateway = own_gateway(rules=HARMLESS)
    (folder / "bad.yaml").write_text("rules:\n  - {id: a, statement: {pattern: {raw: '('}}, verdict: deny}\n")
    refused(gateway, folder / "bad.yaml", r"bad\.yaml:2:\d+: expected a regular expression that Hyperscan takes")


def test_bad_input_the_local_socket_takes_nothing_but_what_it_names(own_gateway, compiled):
    gateway = own_gateway(rules=HARMLESS)
    content = base64.b64encode(compiled(DENY).read_bytes()).decode()
    for item in ({"path": "a", "base64": content, "text": "b"}, {"base64": content}, {"path": "a", "base64": "%%"},
                 {"path": "a", "base64": 7}, {"path": 7, "base64": content}):
        body = json.dumps({"sources": [item]})
        done = subprocess.run(["curl", "-s", "--unix-socket", f"{gateway.sluice.ring}/control.sock", "-d", body,
                               "http://localhost/v1/rules"], capture_output=True, text=True, timeout=30, check=True)
        assert "expected a path, and a text or base64" in done.stdout, done.stdout


def test_show_says_what_a_file_holds_and_whose_it_is(compiled, keys, folder):
    signed = compiled(DENY, keys["ours"])
    shown = json.loads(sluice("rules", "show", signed, "--verify-key", folder / "ours.pub", "--json").stdout)
    assert shown["trusted"] is True and shown["usable_here"] is True
    assert [s["path"] for s in shown["sources"]] == [str(signed.with_suffix(".yaml"))]
    assert "no-updates" in sluice("rules", "show", signed, "--sources").stdout
    other = sluice("rules", "show", signed, "--verify-key", folder / "theirs.pub", check=False)
    assert other.returncode == 3 and "does not count" in other.stdout
    assert "not signed" in sluice("rules", "show", compiled(DENY)).stdout
    assert sluice("rules", "show", signed.with_suffix(".yaml"), check=False).returncode == 3


def test_a_private_key_is_closed_to_others_and_never_written_over(keys, compiled, folder):
    assert keys["ours"].stat().st_mode & 0o777 == 0o600
    again = sluice("rules", "keygen", folder / "ours", check=False)
    assert again.returncode == 3 and "cannot be made" in again.stderr
    keys["ours"].chmod(0o644)
    (folder / "a.yaml").write_text(to_yaml({"rules": HARMLESS}))
    done = sluice("rules", "compile", folder / "a.yaml", "-o", folder / "a.sluice", "--sign", keys["ours"], check=False)
    assert done.returncode == 3 and "run chmod 0600" in done.stderr


def compiler_of(gateway):
    """The process id of the compiler that the gateway waits for."""
    def look():
        for line in pathlib.Path(f"/proc/{gateway.sluice.pid}/task").glob("*/children"):
            for pid in line.read_text().split():
                command = pathlib.Path(f"/proc/{pid}/cmdline")
                if command.exists() and command.read_bytes().startswith(b"sluice-compile-rules"):
                    return int(pid)
        return 0
    return wait_until(look, 20, "a process that compiles", gateway.sluice.process)


def test_a_gateway_that_stops_does_not_wait_for_the_compiler(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    generation = rules_of(gateway)["generation"]
    gateway.sluice.write_rules(SLOW)
    child = compiler_of(gateway)
    # It would not end before the limits: here only the gateway can end it.
    os.kill(child, signal.SIGSTOP)
    assert rules_of(gateway)["generation"] == generation
    gateway.sluice.process.send(signal.SIGTERM)
    wait_until(gateway.sluice.process.ended, 20, "the end of the gateway")
    assert gateway.sluice.process.popen.returncode == 0
    assert "the gateway stops" in log_of(gateway)


def test_a_start_that_compiles_ends_when_it_is_told_to(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    gateway.sluice.stop()
    gateway.sluice.write_rules(SLOW)
    with subprocess.Popen([binary(), "serve", "-c", gateway.sluice.file], stderr=subprocess.PIPE, text=True) as started:
        wait_until(lambda: pathlib.Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().strip(), 20, "a compiler")
        started.send_signal(signal.SIGTERM)
        assert "the gateway stops" in started.communicate(timeout=60)[1]
        assert started.returncode != 0
    gateway.sluice.write_rules(HARMLESS)
    gateway.sluice.start()


def test_a_gateway_started_with_children_ignored_compiles_like_any_other(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    gateway.sluice.stop()
    command = ["sh", "-c", "trap '' CHLD; exec \"$@\"", "sh", str(binary()), "serve", "-c", str(gateway.sluice.file)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as started:
        wait_until(gateway.sluice.ready, 30, "the gateway's start")
        assert pushed(gateway, gateway.sluice.folder / "rules/rules.yaml").returncode == 0
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0
    gateway.sluice.start()


def test_bad_input_many_small_files_that_begin_as_compiled_ones_take_little_memory(own_gateway):
    gateway = own_gateway(rules=HARMLESS)
    rules = gateway.sluice.folder / "rules"
    for i in range(60):
        (rules / f"x{i}.yaml").write_bytes(b"\xf5SLRULE\n")
    gateway.sluice.process.send(signal.SIGHUP)
    wait_until(lambda: "expected compiled rules alone" in log_of(gateway), 20, "the refusal", gateway.sluice.process)
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{gateway.sluice.pid}/status").read_text()).group(1))
    assert peak < 1 << 20, f"{peak} KiB"


def test_show_trusts_nothing_that_is_not_signed_where_a_signature_is_asked_for(compiled, keys, folder):
    unsigned, foreign = compiled(HARMLESS), compiled(HARMLESS, keys["theirs"])
    for path in (unsigned, foreign):
        for more in ([], ["--sources"], ["--json"]):
            shown = sluice("rules", "show", path, "--verify-key", folder / "ours.pub", *more, check=False)
            assert shown.returncode == 3, (path, more)
    assert json.loads(sluice("rules", "show", unsigned, "--verify-key", folder / "ours.pub", "--json",
                             check=False).stdout)["trusted"] is False
    assert sluice("rules", "show", unsigned, "--verify-key", folder / "none.pub", check=False).returncode == 3


def test_compiling_replaces_compiled_files_and_nothing_else(compiled, keys, folder):
    there = compiled(HARMLESS)
    source = there.with_suffix(".yaml")
    sluice("rules", "compile", source, "-o", there)
    for victim in (source, keys["ours"]):
        before = victim.read_bytes()
        answer = sluice("rules", "compile", source, "-o", victim, "--sign", keys["ours"], check=False)
        assert answer.returncode == 3 and "expected compiled rules to replace" in answer.stderr
        assert victim.read_bytes() == before


def test_bad_input_a_key_among_the_rule_files_is_not_quoted(own_gateway, folder):
    gateway = own_gateway(rules=HARMLESS)
    secret = "BSO9CAS2wLaCDwilDBpd9OnEpC5XC60PlvVtY9zuTcPH"
    wrong = folder / "mask.key"
    wrong.write_text(secret + "\n")
    configure(gateway, rules=[str(wrong)])
    wait_until(lambda: "expected a rule file as a mapping, found text" in log_of(gateway), 20, "the refusal", gateway.sluice.process)
    assert secret[:8] not in log_of(gateway) + json.dumps(rules_of(gateway))
