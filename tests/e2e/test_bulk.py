"""Large things pass in bounded memory and unchanged: a million rows, one huge value, a slow reader."""
import hashlib
import os
import threading
import time

import pytest

import records
import through as doors
import wire
from sluice_tools.postgres import binaries
from sluice_tools.processes import anonymous_bytes

ROWS = 1_000_000
VALUE_SIZE = 256 << 20
GROWTH_MAX = 32 << 20
LARGE = f"select g as id, md5(g::text) as hash, mod(g, 977) as group_id from generate_series(1, {ROWS}) g"


@pytest.fixture(scope="module")
def big_table(postgres):
    postgres.psql(f"create table if not exists big as {LARGE}", user="app_rw", database="orders")
    return "big"


class PeakMemory:
    """The highest RssAnon of a process above where it stood at the start."""

    def __init__(self, pid):
        self.pid = pid
        self.start = self.peak = anonymous_bytes(pid)
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.done.wait(0.02):
            self.peak = max(self.peak, anonymous_bytes(self.pid))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    @property
    def growth(self):
        return self.peak - self.start


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.transparent
@pytest.mark.parametrize("form", ["text", "binary"])
def test_a_million_rows_copied_out_and_in_have_the_same_checksum(form, through, postgres, big_table, folder, run_program):
    psql = [binaries() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c"]
    via, own = folder / "via", folder / "own"
    out = f"\\copy (select * from {big_table} order by id) to '%s' (format {form})"
    run_program([*psql, out % via], through.environment())
    run_program([*psql, out % own], {**through.environment(), "PGPORT": str(postgres.port), "PGUSER": "app_rw",
                                     "PGPASSWORD": postgres.passwords["app_rw"]})
    assert sha256_of(via) == sha256_of(own)
    copy = f"big_{form}"
    postgres.psql(f"create table {copy} (like {big_table})", user="app_rw", database="orders")
    run_program([*psql, f"\\copy {copy} from '{via}' (format {form})"], through.environment())
    checksum = "select count(*), sum(hashtext(t::text)::bigint) from %s t"
    assert postgres.psql(checksum % copy, database="orders") == postgres.psql(checksum % big_table, database="orders")
    postgres.psql(f"drop table {copy}", database="orders")


def digest_of_answer(connection, sql):
    """SHA-256 over the raw answer up to the end of the value, without keeping it."""
    connection.send(wire.query(sql))
    digest, size = hashlib.sha256(), 0
    tail = b""
    while True:
        data = connection.receive()
        assert data, "closed in the middle"
        digest.update(data)
        size += len(data)
        tail = (tail + data)[-6:]
        if tail == b"Z\0\0\0\5I":
            return digest.hexdigest(), size


@pytest.mark.transparent
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
def test_promise_10_a_value_of_256_MiB_passes_in_32_MiB(tls, fresh, direct, figure):
    sql = f"select repeat('0123456789abcdef', {VALUE_SIZE // 16}) as v"
    own = digest_of_answer(direct(), sql)
    with fresh.connect(tls=tls, database="orders" if tls else "clear") as connection:
        with PeakMemory(fresh.pid) as memory:
            assert digest_of_answer(connection, sql) == own
    assert own[1] > VALUE_SIZE
    assert memory.growth <= GROWTH_MAX, f"{memory.growth >> 20} MiB more"
    figure(f"256 MiB value, {'TLS' if tls else 'clear'}: {memory.growth >> 10} KiB more anonymous memory")


@pytest.mark.transparent
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
@pytest.mark.parametrize("size", [100_000, 300_000, 1_000_000])
def test_a_large_parameter_passes_up_to_the_cap_of_1_MiB(size, tls, through):
    with through.connect(tls=tls, database="orders" if tls else "clear") as connection:
        connection.send(wire.parse("select length($1::text)"), wire.bind(values=[b"x" * size]), wire.execute(), wire.sync())
        assert [wire.data_row(body) for tag, body in connection.until() if tag == "D"] == [[str(size).encode()]]


@pytest.mark.parametrize("prepared", [False, True], ids=["unnamed", "named"])
def test_a_parameter_over_the_cap_streams_where_the_target_says_hash(prepared, own_gateway, folder, postgres):
    parameter = b"0123456789" * (1 << 20)
    gateway = own_gateway(targets=[doors.target("orders", postgres, folder, large_parameters="hash")])
    name = "large" if prepared else ""
    with gateway.connect(application_name="large-parameter") as connection:
        if prepared:
            connection.send(wire.parse("select md5($1::text)", name), wire.sync())
            connection.until()
        connection.send(*([] if prepared else [wire.parse("select md5($1::text)")]),
                        wire.bind(name, values=[parameter]), wire.execute(), wire.sync())
        rows = [wire.data_row(body) for tag, body in connection.until() if tag == "D"]
        assert rows == [[hashlib.md5(parameter).hexdigest().encode()]]
        assert connection.rows("select 1") == [[b"1"]]
    session = records.session_by_application(gateway.sluice, "large-parameter")
    outcomes = [r for r in records.of_session(gateway.sluice, session) if r["type"] == "outcome"]
    assert any(r.get("bytes_from_client", 0) > len(parameter) for r in outcomes), outcomes


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
def test_promise_10_a_parameter_over_the_cap_is_refused_and_the_session_goes_on(tls, through):
    with through.connect(tls=tls, database="orders" if tls else "clear") as connection:
        connection.send(wire.parse("select length($1::text)"), wire.bind(values=[b"x" * (3 << 20)]), wire.execute(),
                        wire.sync())
        errors = [wire.error_fields(body) for tag, body in connection.until() if tag == "E"]
        assert errors[0]["C"] in ("42501", "54000"), errors
        assert connection.rows("select 1") == [[b"1"]]


@pytest.mark.transparent
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
def test_promise_10_a_reader_of_1_MB_a_second_on_1_GiB_costs_32_MiB_at_most(tls, fresh, figure):
    connection = wire.Wire(fresh.port if tls else fresh.clear_port, receive_buffer=64 << 10)
    if tls:
        connection.start_tls(fresh.ca)
    connection.login("loader", fresh.key("loader"), "orders" if tls else "clear")
    with PeakMemory(fresh.pid) as memory:
        connection.send(wire.query("select repeat('x', 1048576) from generate_series(1, 1024)"))
        read, seconds = 0, int(os.environ.get("SLUICE_SLOW_READER_SECONDS", "6"))
        begun = time.monotonic()
        # The pace is the test: a reader that takes 1 MB a second. Six seconds of it show where the rest waits;
        # SLUICE_SLOW_READER_SECONDS=1070 reads nearly all.
        while (passed := time.monotonic() - begun) < seconds:
            while read < passed * 1_000_000:
                data = connection.socket.recv(32 << 10)
                assert data
                read += len(data)
            threading.Event().wait(0.05)
        connection.close()
    assert read >= (seconds - 1) * 1_000_000
    assert memory.growth <= GROWTH_MAX, f"{memory.growth >> 20} MiB more"
    figure(f"1 MB/s reader, {read // 1_000_000} MB, {'TLS' if tls else 'clear'}: {memory.growth >> 10} KiB more anonymous memory")


def test_promise_09_no_untouched_byte_is_copied_without_tls(through, big_table, direct):
    before = through.sluice.metric("sluice_copied_bytes_total")
    relayed = through.sluice.metric("sluice_bytes_total")
    with through.connect(tls=False, database="clear") as connection:
        connection.rows("select * from orders order by id")
        connection.send(wire.parse("select * from orders where id < $1"), wire.bind(values=[b"100"]),
                        wire.describe("P"), wire.execute(), wire.sync())
        connection.until()
        digest_of_answer(connection, f"select * from {big_table} limit 200000")
        digest_of_answer(connection, "select repeat('x', 20000000)")
        digest_of_answer(connection, f"copy (select * from {big_table} limit 200000) to stdout")
        connection.run("create temp table t (a text)")
        connection.send(wire.query("copy t from stdin"))
        for _ in range(200):
            connection.send(wire.copy_data(b"x" * 60000 + b"\n"))
        connection.send(wire.copy_done())
        connection.until()
    assert through.sluice.metric("sluice_bytes_total") - relayed > 30 << 20, "the traffic was really counted"
    assert through.sluice.metric("sluice_copied_bytes_total") - before == 0
