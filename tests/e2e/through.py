"""What stands between a test's client and PostgreSQL: sluice, or for trying the tests themselves pgbouncer.

Every kind offers: port (TLS), clear_port, key(subject), ca, and connect() with a logged-in Wire."""
import contextlib
import os

from sluice_tools import gateway, peers
from sluice_tools.processes import free_port

import wire

# subject: groups. `loader` is under no rule, `agent` under all.
SUBJECTS = {"loader": ["ci", "fraud", "migrations"], "agent": ["agents"], "ci-deploy": ["ci"]}
UNLESS_EXEMPT = {"groups": ["fraud"]}

RULES = [
    {"id": "no-destructive-ddl", "target": "orders", "statement": {"kinds": ["drop", "truncate"]},
     "except": {"groups": ["migrations"]}, "verdict": "deny", "message": "Schema is changed by migrations only."},
    {"id": "cards-and-mail", "result": {"types": ["CREDIT_CARD", "EMAIL_ADDRESS"]}, "except": UNLESS_EXEMPT,
     "mask": {"operator": "mask", "keep_last": 4}},
    {"id": "ssn", "result": {"columns": ["public.customers.ssn"]}, "except": UNLESS_EXEMPT,
     "mask": {"operator": "redact"}},
    {"id": "salaries", "result": {"columns": ["hr.employees.salary"]}, "except": UNLESS_EXEMPT,
     "mask": {"operator": "null"}},
]


def tls_of(certificate, key):
    return {"certificate": str(certificate), "key": str(key)}


def target(name, postgres, folder, user="app_rw", tls=True, **more):
    """A target that stands for `postgres`, its credential in a file that only we can read."""
    secret = folder / f"{name}.password"
    secret.write_text(postgres.passwords[user] + "\n")
    secret.chmod(0o600)
    return {"name": name, "protocol": "postgres", "address": f"localhost:{postgres.port}", "database": "orders",
            "databases": ["*"],
            "tls": {"mode": "verify-full", "ca": str(postgres.authority.certificate)} if tls else {"mode": "disable"},
            "credentials": [{"user": user, "password": {"file": str(secret)}}],
            "access": [{"groups": ["ci", "agents"]}], "default": "allow", **more}


class ThroughSluice:
    """A gateway with a TLS listener and a cleartext one on loopback, the rules above, and the subjects' keys."""

    kind = "sluice"

    def __init__(self, folder, authority, postgres, targets=None, rules=RULES, listeners=(), nofile=None, **more):
        folder.mkdir(parents=True, exist_ok=True)
        self.ca = authority.certificate
        self.authority = authority
        self.postgres = postgres
        self.port, self.clear_port = free_port(), free_port()
        certificate, key = authority.issue("gateway", "localhost")
        if targets is None:
            targets = [target("orders", postgres, folder), target("clear", postgres, folder, tls=False)]
        self.sluice = gateway.Sluice(folder, {
            "listeners": [
                {"protocol": "postgres", "bind": f"127.0.0.1:{self.port}",
                 "tls": {**tls_of(certificate, key), "client_ca": str(self.ca)}},
                {"protocol": "postgres", "bind": f"127.0.0.1:{self.clear_port}", "allow_cleartext": True},
                *listeners],
            "identity": {"access_keys": {"file": "keys.yaml"}, "client_certificates": {"ca": str(self.ca)}},
            "targets": targets, "lanes": 1, **more}, rules=rules, nofile=nofile)
        for subject, groups in SUBJECTS.items():
            self.sluice.create_key(subject, groups)

    @staticmethod
    def database(name):
        """How a client names the database `name` behind the target orders."""
        return f"orders/{name}"

    def start(self):
        self.sluice.start()
        return self

    @property
    def pid(self):
        return self.sluice.pid

    def key(self, subject):
        return self.sluice.keys[subject]

    def stop(self):
        self.sluice.remove()

    def connect(self, subject="loader", database="orders", tls=True, **parameters):
        connection = wire.Wire(self.port if tls else self.clear_port, self.ca if tls else None)
        return connection.login(subject, self.key(subject), database, **parameters)

    def environment(self, subject="loader", database="orders"):
        """What libpq's programs read; full verification, and no secret of the database."""
        return client_environment(self.port, subject, self.key(subject), database, self.ca)


class ThroughPgBouncer:
    """The same door with a pooler that judges nothing: for tests that hold for any transparent proxy."""

    kind = "pgbouncer"

    def __init__(self, folder, authority, postgres):
        self.ca = authority.certificate
        self.postgres = postgres
        keys = {subject: f"key of {subject}" for subject in SUBJECTS}
        self.keys = keys
        self.secure = peers.PgBouncer(folder / "tls", postgres, keys, "app_rw", tls=authority.issue("gateway", "localhost"))
        self.clear = peers.PgBouncer(folder / "clear", postgres, keys, "app_rw")
        self.port, self.clear_port = self.secure.port, self.clear.port

    def start(self):
        self.secure.start()
        self.clear.start()
        return self

    @staticmethod
    def database(name):
        return name

    @property
    def pid(self):
        return self.secure.pid

    def key(self, subject):
        return self.keys[subject]

    def stop(self):
        self.secure.stop()
        self.clear.stop()

    connect = ThroughSluice.connect
    environment = ThroughSluice.environment


def client_environment(port, user, password, database, ca):
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8", "PGHOST": "localhost",
            "PGPORT": str(port), "PGUSER": user, "PGPASSWORD": password, "PGDATABASE": database,
            "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(ca)}


@contextlib.contextmanager
def running(thing):
    """Starts it, and stops it whatever happens."""
    try:
        yield thing.start()
    finally:
        thing.stop()
