"""Bytes that no honest client sends: answered with a protocol error where there is still somebody to tell, the
connection closed, one record of the session's end, and everybody else undisturbed."""
import socket
import struct

import pytest

import records
import wire
from sluice_tools.processes import wait_until

HUGE = 0x7FFFFFFF


def raw(tag, length, body=b""):
    return tag + struct.pack("!I", length & 0xFFFFFFFF) + body


# Before login; each is the whole of what the client sends.
BEFORE_LOGIN = {
    "a startup length of zero": struct.pack("!i", 0),
    "a startup length that does not cover itself": struct.pack("!i", 3),
    "a startup length of 2 GiB": struct.pack("!I", HUGE),
    "a negative startup length": struct.pack("!I", 0x80000000),
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "an unknown protocol": struct.pack("!ii", 8, 999 << 16),
    "protocol 2.0": struct.pack("!ii", 8, 2 << 16) + b"\0",
    "no terminator after the parameters": struct.pack("!ii", 13, 196608) + b"user\0",
    "a parameter without its value": struct.pack("!ii", 14, 196608) + b"user\0\0"[:6],
    "no user": wire.startup({"database": "orders"}),
    "a NUL that hides a second user": wire.startup({"user": b"agent\0user\0loader"}),
    "replication": wire.startup({"user": "loader", "database": "orders", "replication": "true"}),
    "replication=database": wire.startup({"user": "loader", "database": "orders", "replication": "database"}),
    "search_path at startup": wire.startup({"user": "loader", "database": "orders", "search_path": "evil"}),
    "role in options": wire.startup({"user": "loader", "database": "orders", "options": "-c role=postgres"}),
    "session_authorization in options": wire.startup(
        {"user": "loader", "database": "orders", "options": "-c session_authorization=postgres"}),
    "a password before it is asked for": wire.startup({"user": "loader", "database": "orders"})
    + wire.message("p", b"SCRAM-SHA-1\0\0\0\0\0"),
    "a query instead of a password": wire.startup({"user": "loader", "database": "orders"}) + wire.query("select 1"),
    "a password of 1 GiB": wire.startup({"user": "loader", "database": "orders"}) + raw(b"p", 1 << 30),
    "an empty SASL message": wire.startup({"user": "loader", "database": "orders"}) + wire.message("p"),
    "ten thousand parameters": wire.startup({f"p{i}": "v" for i in range(10000)}),
}

# After login, in the idle phase.
AFTER_LOGIN = {
    "an unknown type": raw(b"!", 4),
    "a type of the server's": raw(b"T", 4),
    "a NUL type": raw(b"\0", 4),
    "a length that does not cover itself": raw(b"Q", 3),
    "a length of zero": raw(b"Q", 0),
    "a negative length": raw(b"Q", 0x80000000),
    "a length of 4 GiB less one": raw(b"Q", 0xFFFFFFFF),
    "a query of 2 GiB": raw(b"Q", HUGE),
    "a Sync with a body": raw(b"S", 5, b"x"),
    "a Terminate with a body": raw(b"X", 8, b"abcd"),
    "a query without its NUL": wire.message("Q", b"select 1"),
    "a query with a NUL inside": wire.message("Q", b"select 1\0; drop table scratch\0"),
    "an empty query message": wire.message("Q"),
    "bytes after a Parse": wire.message("P", b"\0select 1\0\0\0extra"),
    "a Parse that promises types it lacks": wire.message("P", b"\0select 1\0\x7f\xff"),
    "a Bind with a parameter that is longer than the message": wire.message(
        "B", b"\0\0\0\0\0\1" + struct.pack("!i", 1000) + b"x\0\0"),
    "a Bind with a length below null": wire.message("B", b"\0\0\0\0\0\1" + struct.pack("!i", -2) + b"\0\0"),
    "a Bind with a format that is neither text nor binary": wire.message("B", b"\0\0\0\1\0\7\0\0\0\0"),
    "a Describe of nothing known": wire.message("D", b"Qname\0"),
    "a Close of nothing known": wire.message("C", b"\0name\0"),
    "an Execute that is cut short": wire.message("E", b"\0\0"),
    "a password when nobody asked": wire.message("p", b"x\0"),
    "a startup packet": wire.startup({"user": "loader", "database": "orders"}),
    "an SSLRequest": wire.SSL_REQUEST,
}


def alive(through):
    with through.connect() as connection:
        return connection.rows("select 'alive'") == [[b"alive"]]


def closed_without_bytes_of_others(connection):
    """Everything up to the close; only an error may come. A time-out here means the gateway waits for bytes
    that it should have refused."""
    found = connection.until_closed()
    assert all(tag in "ERSN" for tag, _ in found), found
    return [wire.error_fields(body) for tag, body in found if tag == "E"]


@pytest.mark.smoke
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
@pytest.mark.parametrize("name", BEFORE_LOGIN)
def test_promise_12_nonsense_before_login_ends_the_connection(name, tls, through):
    connection = wire.Wire(through.port if tls else through.clear_port, through.ca if tls else None)
    connection.send(BEFORE_LOGIN[name])
    for fields in closed_without_bytes_of_others(connection):
        assert fields["S"] == "FATAL" and len(fields["C"]) == 5
    connection.close()
    assert alive(through)


@pytest.mark.smoke
@pytest.mark.parametrize("name", AFTER_LOGIN)
def test_promise_02_nonsense_after_login_is_an_error_and_the_end(name, through):
    connection = through.connect()
    connection.send(AFTER_LOGIN[name])
    fields = closed_without_bytes_of_others(connection)
    assert fields, "the client is still there and must be told"
    assert fields[-1]["S"] == "FATAL" and fields[-1]["C"] in ("08P01", "42501", "0A000", "54000"), fields
    connection.close()
    assert alive(through)


def test_a_broken_session_has_exactly_one_end_in_the_record(through):
    name = "bad-input-once"
    connection = through.connect(application_name=name)
    connection.send(raw(b"!", 4))
    connection.until_closed()
    session = records.session_by_application(through.sluice, name)
    ends = [record for record in records.of_session(through.sluice, session) if records.kind(record) == "session_end"]
    assert len(ends) == 1 and "protocol" in records.text_of(ends[0]).lower()


def test_bug_class_01_bytes_before_the_handshake_are_an_error(through):
    """CVE-2021-23214 and its kin: plaintext behind SSLRequest must never be read as if it came inside TLS."""
    connection = wire.Wire(through.port)
    connection.send(wire.SSL_REQUEST + wire.startup({"user": "loader", "database": "orders"}))
    rest = b""
    while data := connection.receive():
        rest += data
    assert rest in (b"", b"S") or rest[:1] == b"E" or rest[:2] == b"SE", rest
    assert alive(through)


def test_a_second_ssl_request_inside_tls_is_an_error(through):
    connection = wire.Wire(through.port, through.ca)
    connection.send(wire.SSL_REQUEST)
    connection.until_closed()
    assert alive(through)


def test_gss_encryption_is_declined_and_login_goes_on(through):
    connection = wire.Wire(through.port)
    connection.send(wire.GSS_REQUEST)
    assert connection.socket.recv(1) == b"N"
    connection.start_tls(through.ca)
    connection.login("loader", through.key("loader"), "orders")
    assert connection.rows("select 1") == [[b"1"]]


def test_a_tls_listener_serves_nobody_in_clear(through):
    connection = wire.Wire(through.port)
    connection.send(wire.startup({"user": "loader", "database": "orders"}))
    fields = closed_without_bytes_of_others(connection)
    assert fields and fields[0]["S"] == "FATAL"


def test_copy_messages_outside_a_copy_change_nothing(through, direct):
    """The server ignores them; so must the gateway, and its count of open statements must not slip."""
    script = [wire.copy_data(b"x"), wire.copy_done(), wire.copy_fail()]
    with through.connect() as connection:
        connection.send(*script)
        try:
            assert connection.rows("select 1") == [[b"1"]]
        except (wire.Closed, wire.ServerError) as error:
            assert "closed" in str(error) or "08P01" in str(error)
    assert alive(through)


@pytest.mark.parametrize("how", ["half a startup packet", "half a message", "reset in a query"])
def test_a_client_that_vanishes_frees_its_upstream_session(how, through, postgres):
    name = f"vanish-{how.split()[-1]}"
    if how == "half a startup packet":
        connection = wire.Wire(through.port, through.ca)
        connection.send(wire.startup({"user": "loader", "database": "orders"})[:10])
    else:
        connection = through.connect(application_name=name)
        connection.send(wire.query("select 1")[:-4] if how == "half a message" else wire.query("select repeat('x', 1000) from generate_series(1, 1000000000)"))
    # A reset, not an orderly end.
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    wait_until(lambda: postgres.psql(f"select count(*) from pg_stat_activity where application_name = '{name}'") == "0\n",
               20, "the end of the upstream session")
    assert alive(through)
