"""Who gets in, who does not, and what each is told: nobody learns whether a subject exists."""
import os
import pathlib
import re

import pytest

import through as doors
import wire
from sluice_tools import certificates
from sluice_tools.postgres import binaries
from sluice_tools.processes import wait_until


def refusal(through, user, password, database="orders", **more):
    connection = wire.Wire(through.port, through.ca)
    with pytest.raises(wire.ServerError) as refused:
        connection.login(user, password, database, **more)
    connection.close()
    return refused.value.fields


@pytest.mark.smoke
def test_a_wrong_key_an_unknown_subject_and_no_key_get_the_same_answer(through):
    wrong = refusal(through, "agent", "slk_000000000000_wrong")
    unknown = refusal(through, "nobody-by-this-name", through.key("agent"))
    of_another = refusal(through, "agent", through.key("loader"))
    assert wrong["C"] == unknown["C"] == of_another["C"] == "28P01"
    blank = [re.sub(r"agent|nobody-by-this-name", "X", fields["M"]) for fields in (wrong, unknown, of_another)]
    assert len(set(blank)) == 1, blank


def test_an_unknown_subject_gets_the_same_salt_each_time(through):
    """A salt that changes would tell that there is no such subject."""
    salts = {}
    for user in ("agent", "nobody-by-this-name"):
        salts[user] = set()
        for _ in range(3):
            connection = wire.Wire(through.port, through.ca)
            connection.send(wire.startup({"user": user, "database": "orders"}))
            connection.next()
            scram = wire.Scram("x")
            first = scram.first()
            connection.send(wire.message("p", wire.text("SCRAM-SHA-256") + len(first).to_bytes(4, "big") + first))
            fields = dict(part.split("=", 1) for part in connection.next()[1][4:].decode().split(","))
            salts[user].add((fields["s"], fields["i"]))
            connection.close()
        assert len(salts[user]) == 1, user
    (real,), (mock,) = salts["agent"], salts["nobody-by-this-name"]
    assert real[0] != mock[0] and len(real[0]) == len(mock[0]) and real[1] == mock[1]


@pytest.mark.smoke
def test_an_unknown_database_is_answered_with_allowed_targets_only(own_gateway, folder, postgres):
    gateway = own_gateway(targets=[
        doors.target("orders", postgres, folder),
        {**doors.target("payroll", postgres, folder), "access": [{"groups": ["finance"]}]}])
    fields = refusal(gateway, "agent", gateway.key("agent"), "nowhere")
    assert fields["C"] == "3D000"
    everything = " ".join(fields.values())
    assert "payroll" not in everything
    forbidden = refusal(gateway, "agent", gateway.key("agent"), "payroll")
    assert {**forbidden, "M": forbidden["M"].replace("payroll", "nowhere")} == fields, \
        "a target one may not use looks like one that does not exist"


def test_database_list_limits_what_stands_behind_the_slash(own_gateway, folder, postgres):
    gateway = own_gateway(targets=[{**doors.target("orders", postgres, folder), "databases": ["orders"]}])
    with gateway.connect(database="orders/orders") as connection:
        assert connection.rows("select current_database()") == [[b"orders"]]
    assert refusal(gateway, "agent", gateway.key("agent"), "orders/postgres")["C"] == "3D000"


def login_or_none(gateway, subject):
    try:
        return gateway.connect(subject)
    except wire.ServerError:
        return None


@pytest.mark.smoke
def test_promise_07_a_revoked_key_ends_its_sessions_within_a_second_and_opens_none(own_gateway):
    gateway = own_gateway()
    made = gateway.sluice.create_key("temporary", ["ci"])
    connection = wait_until(lambda: login_or_none(gateway, "temporary"), 10, "the new key in force")
    busy = gateway.connect("temporary")
    busy.send(wire.query("select pg_sleep(600)"))
    other = gateway.connect("agent")
    gateway.sluice.revoke_key(made["id"])
    for each in (connection, busy):
        each.socket.settimeout(5)
        errors = [wire.error_fields(body) for tag, body in each.until_closed() if tag == "E"]
        assert errors and errors[-1]["S"] == "FATAL" and errors[-1]["C"] in ("57P01", "28000"), errors
    assert refusal(gateway, "temporary", made["key"])["C"] == "28P01"
    assert other.rows("select 1") == [[b"1"]], "others are undisturbed"


def test_an_expired_key_opens_no_session(own_gateway):
    gateway = own_gateway()
    made = gateway.sluice.create_key("short", ["ci"], expires="3s")
    wait_until(lambda: login_or_none(gateway, "short"), 10, "the new key in force").close()

    def refused():
        try:
            wire.Wire(gateway.port, gateway.ca).login("short", made["key"], "orders").close()
            return None
        except wire.ServerError as error:
            return error.fields
    fields = wait_until(refused, 10, "the key's end")
    assert fields["C"] == "28P01"


def test_a_new_key_works_beside_the_old_one_and_after_it(own_gateway):
    gateway = own_gateway()
    old = gateway.sluice.create_key("rotating", ["ci"])
    new = gateway.sluice.create_key("rotating", ["ci"])

    def login(key):
        try:
            with wire.Wire(gateway.port, gateway.ca).login("rotating", key, "orders"):
                return True
        except wire.ServerError:
            return False
    wait_until(lambda: login(new["key"]), 5, "the new key in force")
    assert login(old["key"])
    gateway.sluice.revoke_key(old["id"])
    wait_until(lambda: not login(old["key"]), 5, "the old key out of force")
    assert login(new["key"])


def test_a_client_certificate_is_proof_enough_and_only_for_its_own_subject(through, folder, run_program):
    certificate, key = through.authority.issue("agent-certificate", "agent", alternative=None, client=True)
    connection = wire.Wire(through.port, through.ca, certificate=(certificate, key))
    connection.login("agent", "no password is asked for", "orders")
    assert connection.rows("select 1") == [[b"1"]]
    connection.close()
    environment = {**through.environment("agent"), "PGSSLCERT": str(certificate), "PGSSLKEY": str(key)}
    environment.pop("PGPASSWORD")
    done = run_program([binaries() / "psql", "-X", "-w", "-A", "-t", "-c", "select 'by certificate'"], environment)
    assert done.stdout == b"by certificate\n"
    connection = wire.Wire(through.port, through.ca, certificate=(certificate, key))
    with pytest.raises(wire.ServerError) as refused:
        connection.login("loader", "not the key", "orders")
    assert refused.value.fields["C"] in ("28P01", "28000")


def test_a_certificate_of_another_authority_proves_nothing(through, folder):
    stranger = certificates.Authority(folder / "stranger", "another CA")
    certificate = stranger.issue("agent", "agent", alternative=None, client=True)
    try:
        connection = wire.Wire(through.port, through.ca, certificate=certificate)
        connection.login("agent", "x", "orders")
        connection.close()
        pytest.fail("logged in by a stranger's certificate")
    except (wire.ServerError, wire.Closed, OSError, AssertionError) as refused:
        assert not isinstance(refused, wire.ServerError) or refused.fields["C"] in ("28P01", "28000")


@pytest.mark.smoke
def test_promise_11_no_secret_is_in_log_metrics_status_or_records(through, postgres, folder):
    with through.connect("ci-deploy") as connection:
        connection.run("select 1")
        connection.run("alter role app_rw password 'canary-password-1'")
        connection.run("create user mallory password 'canary-password-2'")
    refusal(through, "agent", "canary-password-3")
    sluice = through.sluice
    exported = sluice.cli("sessions", "list", "--json").stdout.encode()
    everything = {
        "log": sluice.process.log.read_bytes(), "metrics": sluice.admin("/metrics")[1].encode(),
        "status": sluice.admin("/status")[1].encode(), "keys file": (sluice.folder / "keys.yaml").read_bytes(),
        "records": b"".join(p.read_bytes() for p in (sluice.folder / "audit").rglob("*") if p.is_file()),
        "sessions": exported}
    secrets = [through.key(subject) for subject in doors.SUBJECTS] + list(postgres.passwords.values()) + [
        "canary-password-1", "canary-password-2", "canary-password-3"]
    for place, content in everything.items():
        for secret in secrets:
            assert secret.encode() not in content, f"a secret is in the {place}"


def test_promise_11_the_process_cannot_be_dumped(through):
    """PR_SET_DUMPABLE 0 gives /proc/PID to root, whoever started the process."""
    assert (pathlib.Path("/proc") / str(through.pid) / "environ").stat().st_uid == 0
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            (pathlib.Path("/proc") / str(through.pid) / "maps").read_bytes()


def test_many_wrong_keys_in_a_row_disturb_nobody(through):
    for i in range(50):
        assert refusal(through, "agent", f"wrong {i}")["C"] in ("28P01", "53300")
    with through.connect("loader") as connection:
        assert connection.rows("select 1") == [[b"1"]]
