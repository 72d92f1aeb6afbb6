"""Other programs in sluice's place, for comparisons: pgbouncer and haproxy."""
import pathlib
import signal
import subprocess

from .postgres import server_user
from .processes import Process, accepts, free_port, wait_until


class PgBouncer:
    """Session pooling. `users`: {client user: password}; every one becomes `upstream_user` at PostgreSQL.

    tls=None: cleartext on both sides, else (certificate, key) for clients; TLS to PostgreSQL too unless upstream_tls
    is False."""

    def __init__(self, folder, postgres, users, upstream_user, tls=None, upstream_tls=True):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None
        user_list = self.folder / "users.txt"
        user_list.write_text("".join(f'"{name}" "{password}"\n' for name, password in users.items()))
        server = (f"host=127.0.0.1 port={postgres.port} user={upstream_user} "
                  f"password={postgres.passwords[upstream_user]}")
        lines = ["[databases]", f"clear = dbname=orders {server}", f"* = {server}",
                 "[pgbouncer]", "listen_addr = 127.0.0.1", f"listen_port = {self.port}", "auth_type = scram-sha-256",
                 f"auth_file = {user_list}", "pool_mode = session", "default_pool_size = 200", "max_client_conn = 1000",
                 "unix_socket_dir =", "ignore_startup_parameters = extra_float_digits,options",
                 "log_connections = 0", "log_disconnections = 0", "max_packet_size = 2147483647"]
        if tls:
            certificate, key = self.folder / "server.crt", self.folder / "server.key"
            certificate.write_bytes(pathlib.Path(tls[0]).read_bytes())
            key.write_bytes(pathlib.Path(tls[1]).read_bytes())
            lines += ["client_tls_sslmode = require", f"client_tls_cert_file = {certificate}",
                      f"client_tls_key_file = {key}", "client_tls_protocols = secure"]
            lines += ["server_tls_sslmode = require" if upstream_tls else "server_tls_sslmode = disable"]
        else:
            lines += ["server_tls_sslmode = disable"]
        self.file = self.folder / "pgbouncer.ini"
        self.file.write_text("\n".join(lines) + "\n")
        if server_user():
            # The folder holds a key: it is handed to the user pgbouncer runs as, not opened to all.
            subprocess.run(["chown", "-R", server_user(), str(self.folder)], check=True)

    def start(self):
        self.process = Process("pgbouncer", ["/usr/sbin/pgbouncer", self.file], self.folder / "log",
                               user=server_user())
        wait_until(lambda: accepts(self.port), 20, "pgbouncer's start", self.process)
        return self

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if self.process:
            self.process.stop(signal.SIGTERM, seconds=5)
            self.process = None


class HaProxy:
    """A byte-blind TCP relay in one thread."""

    def __init__(self, folder, postgres):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None
        self.file = self.folder / "haproxy.cfg"
        self.file.write_text(
            "global\n  nbthread 1\n  maxconn 2000\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n"
            f"  timeout server 1h\nlisten pg\n  bind 127.0.0.1:{self.port}\n  server s 127.0.0.1:{postgres.port}\n")

    def start(self):
        self.process = Process("haproxy", ["/usr/sbin/haproxy", "-f", self.file, "-db"], self.folder / "log")
        wait_until(lambda: accepts(self.port), 20, "haproxy's start", self.process)
        return self

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if self.process:
            self.process.stop(signal.SIGTERM, seconds=5)
            self.process = None
