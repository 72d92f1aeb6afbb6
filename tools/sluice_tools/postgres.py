"""A PostgreSQL of our own: Debian's binaries, a folder of its own, gone afterwards."""
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import subprocess

from . import ToolError
from .processes import Process, free_port, wait_until


def binaries():
    """The folder of the newest server that Debian's packages have installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    if not found:
        raise ToolError("No PostgreSQL server is installed: apt-get install postgresql-15")
    return found[-1].parent


def server_user():
    """PostgreSQL refuses to run as root: then it runs as the package's own user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise ToolError("Run as root, but there is neither a user postgres nor nobody to run PostgreSQL as.")


class Postgres:
    """SCRAM passwords, TLS with a certificate of `authority`, everything in `folder`."""

    def __init__(self, folder, authority, settings=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.authority = authority
        self.bin = binaries()
        self.user = server_user()
        self.port = free_port()
        self.passwords = {"postgres": secrets.token_urlsafe(24)}
        self.process = None
        self.settings = {"fsync": "off", "synchronous_commit": "off", "max_connections": "300", "ssl": "on",
                         "listen_addresses": "127.0.0.1", "shared_buffers": "256MB", "password_encryption":
                         "scram-sha-256", "max_wal_size": "2GB", "log_min_messages": "warning",
                         "timezone": "UTC", **(settings or {})}
        self._create()

    def _create(self):
        password_file = self.folder / "password"
        password_file.write_text(self.passwords["postgres"])
        certificate, key = self.authority.issue("postgres", "localhost")
        if self.user:
            owner = pwd.getpwnam(self.user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            os.chown(password_file, owner.pw_uid, owner.pw_gid)
        done = subprocess.run([*self._as_user(), self.bin / "initdb", "-D", self.data, "-U", "postgres", "-A",
                               "scram-sha-256", "--locale=C", "-E", "UTF8", "--no-sync", f"--pwfile={password_file}"],
                              capture_output=True, text=True, cwd=self.folder, check=False)
        if done.returncode != 0:
            raise ToolError(f"initdb failed: {done.stderr}{done.stdout}")
        password_file.unlink()
        for source, name in ((certificate, "server.crt"), (key, "server.key")):
            target = self.data / name
            shutil.copy(source, target)
            target.chmod(0o600)
            if self.user:
                os.chown(target, owner.pw_uid, owner.pw_gid)
        (self.data / "pg_hba.conf").write_text("local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n")

    @property
    def data(self):
        return self.folder / "data"

    def _as_user(self):
        return ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups"] if self.user else []

    def start(self):
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        self.process = Process("PostgreSQL", [self.bin / "postgres", "-D", self.data, "-p", self.port, "-k",
                                              self.folder, *options], self.folder / "log", user=self.user)
        wait_until(lambda: subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                                          check=False).returncode == 0, 30, "PostgreSQL's start", self.process)
        return self

    def stop(self):
        if self.process:
            self.process.stop(signal.SIGINT)
            self.process = None

    def environment(self, user="postgres", database="postgres"):
        return {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": user, "PGDATABASE": database,
                "PGPASSWORD": self.passwords[user], "PGSSLMODE": "disable"}

    def psql(self, sql, user="postgres", database="postgres"):
        """Runs SQL directly at the server and returns what psql prints, unaligned."""
        done = subprocess.run([self.bin / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"],
                              input=sql, env=self.environment(user, database), capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise ToolError(f"psql at the throw-away PostgreSQL: {done.stderr}")
        return done.stdout

    def add_role(self, name):
        self.passwords[name] = secrets.token_urlsafe(24)
        self.psql(f"create role {name} login password '{self.passwords[name]}'")
        return self.passwords[name]
