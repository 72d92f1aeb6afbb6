"""One PostgreSQL and one gateway for the whole run; tests that break a gateway start one of their own.

--through pgbouncer runs what holds for any transparent proxy through pgbouncer: that tries the tests themselves."""
import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tools")]

import through as doors  # noqa: E402
from sluice_tools import certificates, sample  # noqa: E402
from sluice_tools.postgres import Postgres  # noqa: E402
import wire  # noqa: E402


KINDS = {"sluice": doors.ThroughSluice, "pgbouncer": doors.ThroughPgBouncer}


def pytest_addoption(parser):
    parser.addoption("--through", choices=["sluice", "pgbouncer"], default="sluice")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than half a minute")
    config.addinivalue_line("markers", "smoke: the short selection that also runs under sanitizers")
    config.addinivalue_line("markers", "transparent: holds for any transparent proxy, pgbouncer too")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--through") == "sluice":
        return
    kept = [item for item in items if item.get_closest_marker("transparent")]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(scope="session")
def run_folder():
    with tempfile.TemporaryDirectory(prefix="sluice-e2e-", ignore_cleanup_errors=True) as name:
        # PostgreSQL runs as another user and must reach its own folder below.
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


@pytest.fixture(scope="session")
def authority(run_folder):
    return certificates.Authority(run_folder / "tls")


@pytest.fixture(scope="session")
def postgres(run_folder, authority):
    server = Postgres(run_folder / "postgres", authority)
    with doors.running(server):
        sample.create(server)
        yield server


@pytest.fixture(scope="session")
def through(request, run_folder, authority, postgres):
    kind = KINDS[request.config.getoption("--through")]
    with doors.running(kind(run_folder / "gateway", authority, postgres)) as door:
        yield door


@pytest.fixture
def folder(run_folder):
    """A folder of the test's own inside the run's. Its name is short: paths of Unix sockets have 107 bytes."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="t", dir=run_folder))
    os.chmod(path, 0o755)
    return path


@pytest.fixture
def fresh(request, folder, authority, postgres):
    """A door as `through` is, started for this test alone: what it uses beyond idle shows."""
    with doors.running(KINDS[request.config.getoption("--through")](folder, authority, postgres)) as door:
        yield door


@pytest.fixture
def own_gateway(folder, authority, postgres):
    """Makes and starts a gateway that the test may break: own_gateway(**settings)."""
    made = []

    def make(**more):
        door = doors.ThroughSluice(folder / f"gateway{len(made)}", authority, more.pop("postgres", postgres), **more)
        made.append(door)
        return door.start()

    yield make
    for door in made:
        door.stop()


@pytest.fixture
def direct(postgres):
    """Connects straight to PostgreSQL as the role the gateway uses: direct(database="orders")."""
    made = []

    def connect(database="orders", user="app_rw", **parameters):
        connection = wire.Wire(postgres.port).login(user, postgres.passwords[user], database, **parameters)
        made.append(connection)
        return connection

    yield connect
    for connection in made:
        connection.close()


@pytest.fixture
def run_program():
    """Runs a client program; fails the test with its words when it fails."""

    def run(command, environment, timeout=120, check=True, **options):
        done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, timeout=timeout,
                              check=False, **options)
        if check:
            assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-2000:]}"
        return done

    return run


def pytest_terminal_summary(terminalreporter):
    """What was measured rather than judged: printed whatever the outcome."""
    leaks = sys.modules.get("test_leaks")
    if leaks and leaks.outcomes:
        terminalreporter.section("leak shapes")
        for shape, outcome in leaks.outcomes.items():
            terminalreporter.line(f"{shape}: {outcome}")
        counts = {}
        for outcome in leaks.outcomes.values():
            word = outcome.split()[0].rstrip(",:")
            counts[word] = counts.get(word, 0) + 1
        terminalreporter.line(f"{len(leaks.outcomes)} shapes: {counts}")
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.line(line)


figures = []


@pytest.fixture
def figure():
    """figure("text"): a measured number for the end of the report."""
    return figures.append
