"""Ordinary programs do their ordinary work through the gateway, over TLS with full verification, and hold no
secret of the database; what they see is what they see on a direct connection."""
import pathlib
import shutil
import subprocess

import psycopg
import pytest

import through as doors
import wire
from sluice_tools.postgres import binaries

pytestmark = pytest.mark.transparent
HERE = pathlib.Path(__file__).resolve().parent
BIN = binaries()


@pytest.fixture(scope="module")
def bench_database(postgres):
    """A database of its own: pgbench makes, fills and vacuums tables."""
    postgres.psql("create database bench owner app_rw")
    return "bench"


def direct_environment(postgres, database="orders"):
    return doors.client_environment(postgres.port, "app_rw", postgres.passwords["app_rw"], database,
                                    postgres.authority.certificate)


PSQL_SCRIPTS = {
    "rows": "select * from orders order by id limit 20;",
    "nothing": ";",
    "many statements in one string": "select 1; select 2 \\; select 3; begin; select 4; rollback;",
    "an error and what follows": "select 1/0; select 'after';",
    "describing a table": "\\d orders",
    "listing": "\\dt *.*",
    "variables and a cursor": "begin; declare c cursor for select id from orders order by id; fetch 3 from c; commit;",
    "copy out": "\\copy (select id, amount from orders order by id limit 5) to stdout with csv header",
    "a notice": "do $$ begin raise notice 'hello'; end $$;",
    "unicode": "select 'na\u00efve \u20ac \U0001f600' as \"na\u00efve\";",
    "types": "select 1::int2, 2.5::float8, 'x'::bytea, null, array[1,2], '{\"a\":1}'::jsonb, date '2026-01-01', true;",
}


@pytest.mark.smoke
@pytest.mark.parametrize("name", PSQL_SCRIPTS)
def test_psql_prints_the_same_as_on_a_direct_connection(name, through, postgres, run_program):
    command = [BIN / "psql", "-X", "-f", "-"]
    script = PSQL_SCRIPTS[name].encode()
    own = run_program(command, direct_environment(postgres), input=script)
    via = run_program(command, through.environment(), input=script)
    assert (via.stdout, via.stderr) == (own.stdout, own.stderr)
    assert own.stdout or name == "nothing"


def test_clients_hold_no_secret_of_the_database(through, postgres, run_program):
    environment = through.environment()
    for password in postgres.passwords.values():
        assert password not in environment.values()
    said = run_program([BIN / "psql", "-X", "-A", "-t", "-c", "select current_user, ssl from pg_stat_ssl "
                        "where pid = pg_backend_pid()"], environment)
    assert said.stdout.decode().strip() == "app_rw|t", "the gateway logs in as its own role, over TLS"


def test_pgbench_initialises_and_runs_tpc_b_in_every_query_mode(through, bench_database, run_program, direct):
    environment = through.environment(database=through.database(bench_database))
    run_program([BIN / "pgbench", "-i", "-s", "2", "-q"], environment)
    total = 0
    for mode in ("simple", "extended", "prepared"):
        done = run_program([BIN / "pgbench", "-n", "-M", mode, "-c", "4", "-t", "50"], environment)
        assert b"number of transactions actually processed: 200/200" in done.stdout, done.stdout
        total += 200
    for mode in ("simple", "extended", "prepared"):
        done = run_program([BIN / "pgbench", "-n", "-S", "-M", mode, "-c", "4", "-t", "200"], environment)
        assert b"800/800" in done.stdout
    rows = direct(bench_database).rows(
        "select count(*), sum(delta) = (select sum(abalance) from pgbench_accounts), "
        "sum(delta) = (select sum(bbalance) from pgbench_branches), "
        "sum(delta) = (select sum(tbalance) from pgbench_tellers) from pgbench_history")
    assert rows == [[str(total).encode(), b"t", b"t", b"t"]], "TPC-B's invariant: every delta arrived exactly once"


def connect_psycopg(environment, **options):
    return psycopg.connect(host="localhost", port=environment["PGPORT"], user=environment["PGUSER"],
                           password=environment["PGPASSWORD"], dbname=environment["PGDATABASE"],
                           sslmode="verify-full", sslrootcert=environment["PGSSLROOTCERT"], **options)


def psycopg_work(environment):
    """What psycopg answers to a bit of everything; values only, nothing that names the connection."""
    said = []
    with connect_psycopg(environment) as connection:
        with connection.cursor() as cursor:
            for value in (1, "text", b"\x00\xff", None, [1, 2], 1.5, True):
                said.append(cursor.execute("select %s", (value,)).fetchone())
            for _ in range(8):  # Over psycopg's threshold: the last ones are prepared.
                said.append(cursor.execute("select amount from orders where id = %s", (7,)).fetchone())
            said.append(cursor.execute("select id, placed from orders order by id", binary=True).fetchall())
        with connection.cursor(name="server_side") as cursor:
            cursor.execute("select id from orders order by id")
            said.append(cursor.fetchmany(10))
            said.append(cursor.fetchall())
        with connection.cursor() as cursor:
            with cursor.copy("copy (select id, amount from orders order by id) to stdout") as copy:
                said.append(b"".join(bytes(part) for part in copy))
            cursor.execute("create temp table t (a int, b text)")
            with cursor.copy("copy t from stdin") as copy:
                for i in range(1000):
                    copy.write_row((i, f"row {i}"))
            said.append(cursor.execute("select count(*), max(b) from t").fetchone())
        connection.rollback()
        try:
            connection.execute("select 1/0")
        except psycopg.errors.DivisionByZero as error:
            said.append(str(error))
        connection.rollback()
        with connection.pipeline():
            said += [cursor.fetchone() for cursor in [connection.execute("select %s + 1", (i,)) for i in range(20)]]
    return said


@pytest.mark.smoke
def test_psycopg_3_sees_the_same_as_on_a_direct_connection(through, postgres):
    assert psycopg_work(through.environment()) == psycopg_work(direct_environment(postgres))


def test_npm_pg_sees_the_same_as_on_a_direct_connection(through, postgres, run_program):
    drivers = HERE / "drivers" / "node"
    work = HERE.parents[1] / "build" / "node"
    work.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "work.mjs"):
        shutil.copy(drivers / name, work / name)
    if not (work / "node_modules" / "pg").exists():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=work, check=True,
                       capture_output=True, timeout=300)
    own = run_program(["node", work / "work.mjs"], direct_environment(postgres))
    via = run_program(["node", work / "work.mjs"], through.environment())
    assert via.stdout == own.stdout
    assert own.stdout.count(b"\n") >= 10


def test_jdbc_sees_the_same_as_on_a_direct_connection(through, postgres, run_program):
    command = ["java", "-cp", "/usr/share/java/postgresql.jar", HERE / "drivers" / "Work.java"]
    own = run_program(command, direct_environment(postgres))
    via = run_program(command, through.environment())
    assert via.stdout == own.stdout
    assert own.stdout.count(b"\n") >= 10


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_pg_dump_and_pg_restore_carry_a_database(form, through, postgres, folder, run_program):
    dump = folder / "dump"
    options = ["--no-owner", "-F", form[0]]
    run_program([BIN / "pg_dump", *options, "-f", dump], through.environment())
    if form == "plain":
        own = folder / "own"
        run_program([BIN / "pg_dump", *options, "-f", own], direct_environment(postgres))
        strip = [line for line in dump.read_bytes().splitlines() if not line.startswith((b"\\restrict", b"\\unrestrict"))]
        assert strip == [line for line in own.read_bytes().splitlines()
                         if not line.startswith((b"\\restrict", b"\\unrestrict"))]
    copy = f"restored_{form}"
    postgres.psql(f"create database {copy} owner app_rw")
    postgres.psql("alter schema public owner to app_rw", database=copy)
    environment = through.environment(database=through.database(copy))
    if form == "plain":
        run_program([BIN / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", dump], environment)
    else:
        run_program([BIN / "pg_restore", "-d", environment["PGDATABASE"], "--no-owner", "--exit-on-error", dump],
                    environment)
    count = "select count(*), sum(hashtext(o::text)) from orders o"
    assert postgres.psql(count, database=copy) == postgres.psql(count, database="orders")


def copy_loop(count):
    return b"".join(wire.bind("s", values=[b"%d" % i]) + wire.execute() for i in range(count))


# Scripts of raw messages: what the gateway forwards must be the server's own bytes.
RAW = {
    "simple query": [wire.query("select * from orders order by id")],
    "several statements": [wire.query("select 1; select 'two'; select 3 where false")],
    "empty query": [wire.query("")],
    "syntax error": [wire.query("selec 1")],
    "error after rows": [wire.query("select 1 / (5 - g) from generate_series(1, 10) g")],
    "parse, bind, describe, execute": [wire.parse("select id, amount from orders where id < $1 order by id"),
                                       wire.describe("S"), wire.bind(values=[b"10"]), wire.describe("P"),
                                       wire.execute(), wire.sync()],
    "binary results": [wire.parse("select id, amount, placed from orders order by id"), wire.bind(results=[1]),
                       wire.describe("P"), wire.execute(), wire.sync()],
    "binary parameter": [wire.parse("select $1::int4 + 1", types=[23]),
                         wire.bind(values=[b"\0\0\0\x29"], formats=[1]), wire.execute(), wire.sync()],
    "named statement and portals": [wire.parse("select $1::text", "s"), wire.bind("s", "p1", [b"one"]),
                                    wire.bind("s", "p2", [b"two"]), wire.execute("p2"), wire.execute("p1"),
                                    wire.close("P", "p1"), wire.close("S", "s"), wire.sync()],
    "rows in portions": [wire.query("begin"), wire.parse("select g from generate_series(1, 25) g"), wire.bind(),
                         wire.execute(rows=10), wire.execute(rows=10), wire.execute(rows=10), wire.sync(),
                         wire.query("commit")],
    "error in the middle of a pipeline": [wire.parse("select 1"), wire.bind(), wire.execute(),
                                          wire.parse("select 1/0"), wire.bind(), wire.execute(),
                                          wire.parse("select 'skipped'"), wire.bind(), wire.execute(), wire.sync(),
                                          wire.parse("select 'runs'"), wire.bind(), wire.execute(), wire.sync()],
    "transaction states": [wire.query("begin"), wire.query("select 1/0"), wire.query("select 1"),
                           wire.query("rollback"), wire.query("commit")],
    "savepoints": [wire.query("begin"), wire.query("savepoint a"), wire.query("selec"),
                   wire.query("rollback to a"), wire.query("select 1"), wire.query("commit")],
    "flush": [wire.parse("select 1"), wire.flush(), wire.bind(), wire.flush(), wire.execute(), wire.flush(), wire.sync()],
    "copy out": [wire.query("copy (select id, amount from orders order by id) to stdout")],
    "copy out, binary": [wire.query("copy (select id, placed from orders order by id) to stdout (format binary)")],
    "copy in": [wire.query("create temp table t (a int)"), wire.query("copy t from stdin"), wire.copy_data(b"1\n2\n"),
                wire.copy_data(b"3\n"), wire.copy_done(), wire.query("select sum(a) from t")],
    "copy in that fails": [wire.query("create temp table t (a int)"), wire.query("copy t from stdin"),
                           wire.copy_data(b"1\n"), wire.copy_fail("changed my mind"), wire.query("select count(*) from t")],
    "copy in of bad data": [wire.query("create temp table t (a int)"), wire.query("copy t from stdin"),
                            wire.copy_data(b"one\n"), wire.copy_done(), wire.query("select count(*) from t")],
    "a wide row": [wire.query("select " + ", ".join(f"{i} as c{i}" for i in range(1000)))],
    "a long value": [wire.query("select repeat('x', 300000)")],
    "notice": [wire.query("do $$ begin raise notice 'n'; raise warning 'w'; end $$")],
    "listen and notify": [wire.query("listen c"), wire.query("select 1")],
    "set that is reported": [wire.query("set application_name = 'other'"), wire.query("set datestyle = 'German'"),
                             wire.query("select date '2026-02-01'")],
    "a long pipeline": [wire.parse("select $1::int", "s"), copy_loop(300), wire.sync()],
}


def ready_count(script):
    """How many ReadyForQuery messages a script is answered with: one for each Query and Sync."""
    return sum(1 for part in script if part[:1] in b"QS")


def play(connection, script):
    for part in script:
        connection.send(part)
    for _ in range(ready_count(script)):
        connection.until()
    return connection.seen


@pytest.mark.smoke
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
@pytest.mark.parametrize("name", RAW)
def test_answers_are_the_servers_bytes(name, tls, through, direct):
    own = play(direct(), RAW[name])
    with through.connect(tls=tls, database="orders" if tls else "clear") as connection:
        assert play(connection, RAW[name]) == own


@pytest.mark.parametrize("name", ["parse, bind, describe, execute", "error in the middle of a pipeline", "copy in"])
def test_it_does_not_matter_where_the_network_cuts(name, through, direct):
    script = RAW[name]
    own = play(direct(), script)
    with through.connect() as connection:
        for byte in b"".join(script):
            connection.send(bytes([byte]))
        for _ in range(ready_count(script)):
            connection.until()
        assert connection.seen == own


def test_a_statement_name_that_nobody_made_is_the_servers_error_in_its_place(through, direct):
    """The gateway knows every name it let through, so it answers for this one: same code and words, its own hint."""
    script = [wire.query("begin"), wire.bind("nobody"), wire.execute(), wire.sync(), wire.query("rollback")]
    own = play(direct(), script)
    with through.connect() as connection:
        via = play(connection, script)
    assert [tag for tag, _ in via] == [tag for tag, _ in own]
    errors = [wire.error_fields(next(body for tag, body in seen if tag == "E")) for seen in (own, via)]
    assert all(errors[0][field] == errors[1][field] for field in "SCM")


@pytest.mark.smoke
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
def test_an_orderly_end_with_or_without_work_before_it_ends_that_session_only(tls, through):
    database = "orders" if tls else "clear"
    for work in (b"", wire.query("select 1"), b"".join(RAW["parse, bind, describe, execute"])):
        connection = through.connect(tls=tls, database=database)
        connection.send(work + wire.terminate())
        connection.until_closed()
        connection.close()
    with through.connect(tls=tls, database=database) as connection:
        assert connection.rows("select 1") == [[b"1"]]


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
def test_pgbench_with_32_clients_in_two_threads(tls, through, run_program):
    environment = through.environment(database="orders" if tls else "clear")
    if not tls:
        environment |= {"PGPORT": str(through.clear_port), "PGSSLMODE": "disable"}
    done = run_program([BIN / "pgbench", "-n", "-f", "/dev/stdin", "-M", "prepared", "-c", "32", "-j", "2", "-t", "50"],
                       environment, input=b"select count(*) from orders;\n")
    assert b"1600/1600" in done.stdout
