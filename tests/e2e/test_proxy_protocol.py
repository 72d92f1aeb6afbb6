"""PROXY protocol v2 on a listener that asks for it: who the client is, and what happens to who does not say."""
import socket
import struct

import pytest

import records
import wire
from sluice_tools.processes import free_port, wait_until

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def header(source="203.0.113.9", port=4711, command=0x21, family=0x11, more=b""):
    body = socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + struct.pack("!HH", port, 5432) + more
    return SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


@pytest.fixture
def behind(own_gateway):
    port = free_port()
    door = own_gateway(listeners=[{"protocol": "postgres", "bind": f"127.0.0.1:{port}", "proxy_protocol": True,
                                   "allow_cleartext": True}])
    door.proxied_port = port
    return door


def only_session(door):
    return wait_until(lambda: len(found := records.sessions(door.sluice)) == 1 and found, 20, "the session's record")[0]


@pytest.mark.parametrize("pieces", ["at once", "byte by byte"])
def test_the_session_is_recorded_under_the_address_in_the_header(behind, pieces):
    connection = wire.Wire(behind.proxied_port)
    sent = header(more=b"\x04\x00\x01x")  # A TLV nobody needs.
    for piece in [sent] if pieces == "at once" else [sent[i:i + 1] for i in range(len(sent))]:
        connection.send(piece)
    with connection.login("loader", behind.key("loader"), "orders"):
        assert connection.rows("select 1") == [[b"1"]]
    session = only_session(behind)
    assert session["client"] == "203.0.113.9:4711", session
    starts = [record for record in records.of_session(behind.sluice, session) if records.kind(record) == "session_start"]
    assert len(starts) == 1


def test_an_ipv6_client_is_written_with_brackets(behind):
    body = socket.inet_pton(socket.AF_INET6, "2001:db8::9") * 2 + struct.pack("!HH", 4711, 5432)
    connection = wire.Wire(behind.proxied_port)
    connection.send(SIGNATURE + struct.pack("!BBH", 0x21, 0x21, len(body)) + body)
    with connection.login("loader", behind.key("loader"), "orders"):
        assert connection.rows("select 1") == [[b"1"]]
    assert only_session(behind)["client"] == "[2001:db8::9]:4711"


def test_a_health_check_of_the_balancer_keeps_its_own_address(behind):
    connection = wire.Wire(behind.proxied_port)
    connection.send(SIGNATURE + struct.pack("!BBH", 0x20, 0, 0))
    with connection.login("loader", behind.key("loader"), "orders"):
        assert connection.rows("select 1") == [[b"1"]]
    assert only_session(behind)["client"].startswith("127.0.0.1:")


@pytest.mark.parametrize("first", [wire.SSL_REQUEST + b"x" * 16, b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
                                   header(command=0x31), header(command=0x2f), SIGNATURE[:-1] + b"x" * 8],
                         ids=["no header", "version 1", "version 3", "unknown command", "broken signature"])
def test_who_sends_no_header_of_version_2_is_closed_and_recorded(behind, first):
    connection = wire.Wire(behind.proxied_port)
    connection.send(first)
    assert connection.receive() == b"", "nothing is answered: the peer may speak anything"
    session = only_session(behind)
    end = records.of_session(behind.sluice, session)[-1]
    assert records.kind(end) == "session_end" and "PROXY" in end["reason"], end
    assert session["client"].startswith("127.0.0.1:")


def test_a_listener_that_does_not_ask_for_the_header_does_not_believe_one(through):
    connection = wire.Wire(through.clear_port)
    connection.send(header())
    assert b"203.0.113.9" not in connection.receive()
    assert all("203.0.113.9" not in session["client"] for session in records.sessions(through.sluice)[:20])
