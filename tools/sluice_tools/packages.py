"""The Debian packages each purpose needs, and their idempotent installation."""
import os
import shutil
import subprocess

from . import ToolError

BUILD = """meson ninja-build ccache pkg-config g++ clang-19 lld-19 llvm-19 liburing-dev libssl-dev
    libsimdjson-dev libhyperscan-dev libmimalloc-dev libyaml-cpp-dev libcli11-dev libfmt-dev nlohmann-json3-dev
    libpg-query-dev libprotobuf-c-dev libpq-dev libgtest-dev libgmock-dev libbenchmark-dev libre2-dev""".split()
RUN = "postgresql-15 postgresql-client-15 openssl util-linux".split()
# python3-stdnum is LGPL-2.1: a test asks it, nothing is linked with it.
TEST = """libclang-rt-19-dev clang-tidy-19 python3-pytest python3-pytest-timeout python3-psycopg python3-stdnum
    libpostgresql-jdbc-java pgbouncer prometheus binutils""".split()
BENCH = "pgbouncer haproxy python3-matplotlib".split()

# Tools that many machines have from elsewhere; Debian's package would then conflict with what is there.
COMMANDS = {"node": "nodejs", "npm": "npm", "javac": "default-jdk-headless"}


def missing(packages):
    """Those of `packages` that dpkg does not call installed."""
    answer = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
                            capture_output=True, text=True, check=False)
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def install(packages, commands=(), say=print):
    """Installs what is missing. Needs root or sudo only when something is."""
    wanted = missing(packages) + [COMMANDS[command] for command in commands if shutil.which(command) is None]
    if not wanted:
        return
    install_line = ["apt-get", "install", "-y", "--no-install-recommends", *wanted]
    if os.geteuid() == 0:
        prefix = ["env", "DEBIAN_FRONTEND=noninteractive"]
    elif shutil.which("sudo"):
        prefix = ["sudo", "env", "DEBIAN_FRONTEND=noninteractive"]
    else:
        raise ToolError("These packages are missing and there is no sudo. As root, run:\n  apt-get update && "
                        + " ".join(install_line))
    say(f"Installing {len(wanted)} Debian packages: {' '.join(wanted)}")
    # An old list names versions that the archive has already dropped.
    for command in (["apt-get", "update", "-qq"], install_line):
        done = subprocess.run([*prefix, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              stdin=subprocess.DEVNULL if os.geteuid() == 0 else None, check=False)
        if done.returncode != 0:
            raise ToolError(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
    still = missing(packages)
    if still:
        raise ToolError(f"apt-get ended without an error, but these are still missing: {' '.join(still)}")
