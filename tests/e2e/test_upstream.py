"""The target away, slow, ended or false; cancelling; and the orderly end of the gateway itself."""
import signal
import threading

import pytest

import records
import through as doors
import wire
from sluice_tools import ToolError, certificates, sample
from sluice_tools.postgres import Postgres
from sluice_tools.processes import free_port, wait_until


def refusal(gateway, database="orders", subject="loader"):
    with pytest.raises(wire.ServerError) as refused:
        gateway.connect(subject, database)
    return refused.value.fields


@pytest.mark.smoke
def test_a_target_that_is_down_is_08001_and_tells_no_address_that_matters(own_gateway, folder, postgres):
    gateway = own_gateway(targets=[{**doors.target("orders", postgres, folder), "address": f"127.0.0.1:{free_port()}"}])
    fields = refusal(gateway)
    assert fields["C"] in ("08001", "08006") and fields["S"] == "FATAL"
    assert postgres.passwords["app_rw"] not in " ".join(fields.values())


def test_a_target_that_ends_in_a_session_is_an_error_and_the_next_login_finds_it_again(folder, authority, own_gateway):
    server = Postgres(folder / "postgres", authority)
    with doors.running(server):
        sample.create(server)
        gateway = own_gateway(postgres=server)
        connection = gateway.connect()
        connection.send(wire.query("select pg_sleep(600)"))
        wait_until(lambda: server.psql("select count(*) from pg_stat_activity where query like '%pg_sleep(600)' "
                                       "and pid <> pg_backend_pid()") == "1\n", 10, "the query's start")
        server.stop()
        found = connection.until_closed()
        fields = wire.error_fields(found[-1][1])
        assert fields["S"] == "FATAL" and fields["C"] in ("57P01", "08006", "08001")
        assert refusal(gateway)["C"] in ("08001", "08006")
        server.start()
        with gateway.connect() as again:
            assert again.rows("select 1") == [[b"1"]]


@pytest.mark.parametrize("how", ["another authority", "another name"])
def test_a_target_whose_certificate_does_not_verify_gets_no_password(how, folder, authority, own_gateway, postgres):
    target = doors.target("orders", postgres, folder)
    if how == "another authority":
        target["tls"]["ca"] = str(certificates.Authority(folder / "stranger", "another CA").certificate)
    else:
        target["address"] = f"127.0.0.2:{postgres.port}"  # The certificate speaks for 127.0.0.1 and localhost.
        postgres_listens = Postgres(folder / "postgres", authority, {"listen_addresses": "127.0.0.1,127.0.0.2"})
        target["address"] = f"127.0.0.2:{postgres_listens.port}"
        with doors.running(postgres_listens):
            fields = refusal(own_gateway(targets=[target]))
            assert fields["C"] in ("08001", "08006")
        return
    fields = refusal(own_gateway(targets=[target]))
    assert fields["C"] in ("08001", "08006")
    assert "certificate" in (fields["M"] + fields.get("D", "")).lower()


def test_a_target_that_speaks_no_tls_gets_no_password(folder, authority, own_gateway):
    server = Postgres(folder / "postgres", authority, {"ssl": "off"})
    with doors.running(server):
        sample.create(server)
        fields = refusal(own_gateway(postgres=server, targets=[doors.target("orders", server, folder)]))
    assert fields["C"] in ("08001", "08006")


def test_a_wrong_credential_is_the_gateways_trouble_and_not_shown(folder, own_gateway, postgres):
    target = doors.target("orders", postgres, folder)
    (folder / "orders.password").write_text("not the password\n")
    fields = refusal(own_gateway(targets=[target]))
    assert fields["S"] == "FATAL" and "app_rw" not in " ".join(fields.values())


@pytest.mark.smoke
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
def test_cancel_reaches_the_running_statement(tls, through, postgres):
    with through.connect(tls=tls, database="orders" if tls else "clear") as connection:
        connection.send(wire.query("select pg_sleep(60), 'cancel me'"))
        wait_until(lambda: postgres.psql("select count(*) from pg_stat_activity where state = 'active' and query like "
                                         "'%cancel me%' and pid <> pg_backend_pid()") == "1\n", 10, "the query's start")
        # Old clients send the cancel in clear even when their session was encrypted.
        other = wire.Wire(through.port if tls else through.clear_port)
        other.send(wire.cancel_request(*connection.cancel_key))
        assert other.until_closed() == []
        answer = connection.until()
        assert wire.error_fields([body for tag, body in answer if tag == "E"][0])["C"] == "57014"
        assert connection.rows("select 1") == [[b"1"]]


def test_bug_class_14_a_cancel_with_a_wrong_secret_does_nothing(through):
    with through.connect() as connection:
        connection.send(wire.query("select pg_sleep(2)"))
        for wrong in ((connection.cancel_key[0], connection.cancel_key[1] ^ 1), (connection.cancel_key[0] ^ 1,
                                                                                 connection.cancel_key[1]), (0, 0)):
            other = wire.Wire(through.port, through.ca)
            other.send(wire.cancel_request(*wrong))
            assert other.until_closed() == []
        assert [tag for tag, _ in connection.until()] == ["T", "D", "C", "Z"]


def test_the_cancel_key_is_not_the_servers(through, postgres):
    with through.connect(application_name="cancel-key") as connection:
        pid = int(postgres.psql("select pid from pg_stat_activity where application_name = 'cancel-key'"))
        assert connection.cancel_key[0] != pid


@pytest.mark.smoke
def test_sigterm_lets_running_work_finish_and_takes_nobody_new(own_gateway):
    gateway = own_gateway(drain_timeout="20s")
    connection = gateway.connect()
    connection.run("begin")
    gateway.sluice.process.send(signal.SIGTERM)
    wait_until(lambda: gateway.sluice.admin("/readyz")[0] == 503, 5, "readyz to say that it drains")
    with pytest.raises((wire.ServerError, wire.Closed, OSError)):
        gateway.connect()
    assert connection.rows("select 'still here'") == [[b"still here"]]
    assert connection.run("commit")[0] == ("C", b"COMMIT\0")
    connection.send(wire.terminate())
    connection.close()
    assert gateway.sluice.process.popen.wait(15) == 0
    assert records.verify(gateway.sluice)


def test_sigterm_ends_what_does_not_finish_in_time(own_gateway):
    gateway = own_gateway(drain_timeout="1s")
    connection = gateway.connect()
    connection.send(wire.query("select pg_sleep(600)"))
    gateway.sluice.process.send(signal.SIGTERM)
    errors = [wire.error_fields(body) for tag, body in connection.until_closed() if tag == "E"]
    assert errors and errors[-1]["C"] == "57P01"
    assert gateway.sluice.process.popen.wait(15) == 0


def test_promise_07_a_target_that_never_answers_holds_nobody_else(own_gateway, folder, postgres):
    """A black hole: accepts, and says nothing."""
    import socket
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(50)
        gateway = own_gateway(targets=[
            doors.target("orders", postgres, folder),
            {**doors.target("hole", postgres, folder, tls=False), "address": f"127.0.0.1:{hole.getsockname()[1]}",
             "limits": {"connect_timeout": "2s"}}])
        answers = []
        waiting = [threading.Thread(target=lambda: answers.append(refusal(gateway, "hole"))) for _ in range(5)]
        for thread in waiting:
            thread.start()
        with gateway.connect() as connection:
            assert connection.rows("select 1") == [[b"1"]]
        for thread in waiting:
            thread.join(20)
        assert len(answers) == 5 and {fields["C"] for fields in answers} <= {"08001", "08006"}


def test_a_reload_keeps_the_running_keys_when_the_new_file_is_bad(own_gateway):
    gateway = own_gateway()
    keys = gateway.sluice.folder / "keys.yaml"
    good = keys.read_bytes()
    keys.write_text("this is no keys file\n")
    gateway.sluice.process.send(signal.SIGHUP)
    wait_until(lambda: "keys-not-reloaded" in gateway.sluice.process.log_tail(), 10, "the complaint in the log")
    with gateway.connect("agent") as connection:
        assert connection.rows("select 1") == [[b"1"]]
    keys.write_bytes(good)


def test_it_does_not_start_with_rules_that_are_bad(own_gateway):
    with pytest.raises(ToolError) as failed:
        own_gateway(rules=[{"id": "broken", "statement": {"kinds": ["no-such-kind"]}, "verdict": "deny"}])
    assert "no-such-kind" in str(failed.value) and "rules.yaml:" in str(failed.value)
