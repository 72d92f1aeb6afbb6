"""Many sessions cost little, and one that does nothing costs nobody anything."""
import resource
import socket
import threading

import pytest

import fake_server as fake
import through as doors
import wire
from sluice_tools.processes import anonymous_bytes, wait_until

WANTED = 9_000


@pytest.mark.slow
def test_nine_thousand_idle_sessions_are_held(run_folder, authority, postgres, figure):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # The gateway holds two sockets a session; this process the client's and the fake server's end.
    count = min(WANTED, (hard - 1000) // 2)
    if count < WANTED:
        figure(f"idle sessions: only {count} fit the limit of {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = fake.FakeServer().start()
    folder = run_folder / "many"
    folder.mkdir()
    targets = [{**doors.target("orders", postgres, folder, tls=False), "address": f"127.0.0.1:{server.port}",
                "limits": {"sessions": 20000, "sessions_per_principal": 20000}}]
    gateway = doors.ThroughSluice(folder, authority, postgres, targets=targets, rules=None, nofile=f"{hard}:{hard}",
                                  handshake_timeout="60s")
    sessions = []
    try:
        with doors.running(gateway):
            with gateway.connect(tls=False):
                pass
            before = anonymous_bytes(gateway.pid)
            for _ in range(count):
                sessions.append(gateway.connect(tls=False))
            wait_until(lambda: gateway.sluice.metric("sluice_sessions_open") >= count, 30, "all sessions open")
            each = (anonymous_bytes(gateway.pid) - before) / count
            figure(f"idle sessions: {count} held without TLS, {each:.0f} bytes of anonymous memory each")
            for connection in sessions[::500]:
                assert connection.rows("select 1") == [[b"1"]]
            assert each <= 8 << 10
            for connection in sessions:
                connection.close()
            wait_until(lambda: gateway.sluice.metric("sluice_sessions_open") == 0, 60, "all sessions closed")
            wait_until(lambda: server.closed >= count, 60, "all upstream sessions closed")
    finally:
        for connection in sessions:
            connection.close()
        server.stop()


@pytest.mark.smoke
def test_one_silent_client_delays_nobodys_login(own_gateway):
    """With one minute for a handshake and 30 s for a client's patience, waiting for the silent one would show."""
    gateway = own_gateway(handshake_timeout="60s")
    silent = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(20)]
    half = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(20)]
    for each in half:
        each.sendall(wire.SSL_REQUEST)
        assert each.recv(1) == b"S"
        each.sendall(b"\x16\x03\x01")  # The first three bytes of a ClientHello, and never the rest.
    for _ in range(20):
        with gateway.connect() as connection:
            assert connection.rows("select 1") == [[b"1"]]
    for each in silent + half:
        each.close()


def test_a_silent_client_is_closed_when_its_time_is_over(own_gateway):
    gateway = own_gateway(handshake_timeout="1s")
    silent = [wire.Wire(gateway.port), wire.Wire(gateway.port, gateway.ca), wire.Wire(gateway.clear_port)]
    silent[2].send(wire.startup({"user": "loader", "database": "orders"}))
    for each in silent:
        assert all(tag in "ER" for tag, _ in each.until_closed())
    wait_until(lambda: gateway.sluice.metric("sluice_handshake_timeouts_total") >= 3, 10, "the count of time-outs")


def test_one_session_over_the_limit_is_told_so(own_gateway, folder, postgres):
    gateway = own_gateway(targets=[{**doors.target("orders", postgres, folder),
                                    "limits": {"sessions": 3, "sessions_per_principal": 2}}])
    held = [gateway.connect("loader"), gateway.connect("loader")]
    with pytest.raises(wire.ServerError) as refused:
        gateway.connect("loader")
    assert refused.value.fields["C"] == "53300"
    held.append(gateway.connect("agent"))
    with pytest.raises(wire.ServerError) as refused:
        gateway.connect("agent")
    assert refused.value.fields["C"] == "53300"
    held.pop().close()

    def free_again():
        try:
            held.append(gateway.connect("agent"))
            return True
        except wire.ServerError:
            return False
    wait_until(free_again, 10, "a place")


def test_many_logins_at_once_all_succeed(through):
    failures = []

    def login():
        try:
            with through.connect() as connection:
                assert connection.rows("select 1") == [[b"1"]]
        except Exception as error:  # noqa: BLE001: a thread's failure must reach the test, whatever it is.
            failures.append(error)
    threads = [threading.Thread(target=login) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures, failures[:3]


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
def test_clients_that_stop_reading_cannot_hold_all_buffers_against_the_others(own_gateway, tls):
    gateway = own_gateway()
    hogs = []
    for _ in range(80):
        hog = wire.Wire(gateway.port if tls else gateway.clear_port, receive_buffer=4096)
        if tls:
            hog.start_tls(gateway.ca)
        hog.login("loader", gateway.key("loader"), "orders")
        hog.send(wire.query("select repeat('x', 65536) from generate_series(1, 1024)"))
        hogs.append(hog)
    sacrificed = 'lane="0"'
    wait_until(lambda: gateway.sluice.metric("sluice_connections_sacrificed_total", sacrificed) > 0, 40,
               "the end of the one that holds most")
    # Whoever stands still is only closed while somebody waits: this one must get through beside them.
    with gateway.connect("agent", tls=tls) as connection:
        assert connection.rows("select count(*) from generate_series(1, 1000)") == [[b"1000"]]
    for hog in hogs:
        hog.close()
