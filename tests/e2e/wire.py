"""A PostgreSQL client that speaks raw messages: it sends what a test says, legal or not, and keeps every byte
that comes back. Knows TLS and SCRAM-SHA-256 (RFC 5802, 7677), nothing of SQL."""
import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSS_REQUEST = struct.pack("!ii", 8, 80877104)


def message(tag, body=b""):
    """One frontend message: tag, length that counts itself, body."""
    return tag.encode() + struct.pack("!i", len(body) + 4) + body


def text(value):
    return (value if isinstance(value, bytes) else value.encode()) + b"\0"


def query(sql):
    return message("Q", text(sql))


def parse(sql, name="", types=()):
    return message("P", text(name) + text(sql) + struct.pack(f"!h{len(types)}i", len(types), *types))


def bind(statement="", portal="", values=(), formats=(), results=()):
    body = text(portal) + text(statement) + struct.pack(f"!h{len(formats)}h", len(formats), *formats)
    body += struct.pack("!h", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message("B", body + struct.pack(f"!h{len(results)}h", len(results), *results))


def describe(kind, name=""):
    return message("D", kind.encode() + text(name))


def execute(portal="", rows=0):
    return message("E", text(portal) + struct.pack("!i", rows))


def close(kind, name=""):
    return message("C", kind.encode() + text(name))


def sync():
    return message("S")


def flush():
    return message("H")


def copy_data(data):
    return message("d", data)


def copy_done():
    return message("c")


def copy_fail(why="no more"):
    return message("f", text(why))


def terminate():
    return message("X")


def startup(parameters, version=196608):
    body = struct.pack("!i", version) + b"".join(text(k) + text(v) for k, v in parameters.items()) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def cancel_request(pid, secret):
    return struct.pack("!iiii", 16, 80877102, pid, secret)


def error_fields(body):
    """{'C': '42501', 'M': ...} of an ErrorResponse or NoticeResponse."""
    return {part[:1].decode(): part[1:].decode(errors="replace") for part in body.split(b"\0") if part}


def data_row(body):
    """The values of a DataRow; None is NULL."""
    count, at, values = struct.unpack_from("!h", body)[0], 2, []
    for _ in range(count):
        size = struct.unpack_from("!i", body, at)[0]
        at += 4
        values.append(None if size < 0 else body[at:at + size])
        at += max(size, 0)
    return values


class Closed(Exception):
    """The other side ended the connection."""


class ServerError(Exception):
    """An ErrorResponse where the caller expected none."""

    def __init__(self, fields):
        super().__init__(f"{fields.get('C')}: {fields.get('M')}")
        self.fields = fields


# PBKDF2 costs milliseconds, and thousands of logins of one subject share salt and iterations.
salted_passwords = {}


class Scram:
    """The client's side of one SCRAM-SHA-256 exchange without channel binding."""

    def __init__(self, password):
        self.password = password
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.first_bare = f"n=,r={self.nonce}"

    def first(self):
        return ("n,," + self.first_bare).encode()

    def final(self, server_first):
        fields = dict(part.split("=", 1) for part in server_first.split(","))
        assert fields["r"].startswith(self.nonce) and len(fields["r"]) > len(self.nonce), "the server's nonce is not ours"
        key = (self.password, fields["s"], int(fields["i"]))
        if key not in salted_passwords:
            salted_passwords[key] = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(fields["s"]),
                                                        int(fields["i"]))
        salted = salted_passwords[key]
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c=biws,r={fields['r']}"
        said = f"{self.first_bare},{server_first},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), said, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature))).decode()
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self.verifier = base64.b64encode(hmac.digest(server_key, said, "sha256")).decode()
        return f"{without_proof},p={proof}".encode()


class Wire:
    """One connection. Every backend message since login is in `seen` as (tag, body), in order."""

    def __init__(self, port, ca=None, certificate=None, host="127.0.0.1", timeout=30, receive_buffer=None):
        if receive_buffer:
            self.socket = socket.socket()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.socket.settimeout(timeout)
            self.socket.connect((host, port))
        else:
            self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.seen = []
        self.parameters = {}
        self.cancel_key = None
        if ca:
            self.start_tls(ca, certificate)

    def start_tls(self, ca, certificate=None):
        self.send(SSL_REQUEST)
        answer = self.socket.recv(1)
        if answer != b"S":
            raise Closed(f"the answer to SSLRequest was {answer!r}")
        context = ssl.create_default_context(cafile=str(ca))
        if certificate:
            context.load_cert_chain(*map(str, certificate))
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def send(self, *messages):
        self.socket.sendall(b"".join(messages))

    def receive(self):
        """Any bytes at all; empty: closed."""
        try:
            return self.socket.recv(1 << 18)
        except (ConnectionError, ssl.SSLError):
            return b""

    def next(self):
        """The next backend message as (tag, body)."""
        while len(self.buffer) < 5 or len(self.buffer) < 1 + struct.unpack_from("!i", self.buffer, 1)[0]:
            data = self.receive()
            if not data:
                raise Closed("closed in the middle of a message" if self.buffer else "closed")
            self.buffer += data
        size = 1 + struct.unpack_from("!i", self.buffer, 1)[0]
        tag, body = chr(self.buffer[0]), bytes(self.buffer[5:size])
        del self.buffer[:size]
        self.seen.append((tag, body))
        return tag, body

    def until(self, tags="Z"):
        """All messages up to and including the first whose tag is in `tags`."""
        found = [self.next()]
        while found[-1][0] not in tags:
            found.append(self.next())
        return found

    def until_closed(self):
        found = []
        try:
            while True:
                found.append(self.next())
        except Closed:
            return found

    def login(self, user, password, database, **parameters):
        """Returns self; raises ServerError when refused."""
        self.send(startup({"user": user, "database": database, **parameters}))
        scram = None
        while True:
            tag, body = self.next()
            kind = struct.unpack_from("!i", body)[0] if tag == "R" else None
            if tag == "E":
                raise ServerError(error_fields(body))
            if kind == 10:
                assert b"SCRAM-SHA-256\0" in body[4:], body
                scram = Scram(password)
                first = scram.first()
                self.send(message("p", text("SCRAM-SHA-256") + struct.pack("!i", len(first)) + first))
            elif kind == 11:
                self.send(message("p", scram.final(body[4:].decode())))
            elif kind == 12:
                assert body[4:].decode() == f"v={scram.verifier}", "the server does not know the password either"
            elif kind == 0:
                # Without a signature of its own the server may be anybody; a certificate is proof enough.
                assert scram is None or hasattr(scram, "verifier")
            elif kind is not None:
                raise ServerError({"C": "08P01", "M": f"authentication request {kind}"})
            elif tag == "S":
                name, value = body.split(b"\0")[:2]
                self.parameters[name.decode()] = value.decode()
            elif tag == "K":
                self.cancel_key = struct.unpack("!ii", body)
            elif tag == "Z":
                self.seen.clear()
                return self

    def run(self, sql):
        """Simple Query; all messages up to ReadyForQuery."""
        self.send(query(sql))
        return self.until()

    def rows(self, sql):
        answer = self.run(sql)
        for tag, body in answer:
            if tag == "E":
                raise ServerError(error_fields(body))
        return [data_row(body) for tag, body in answer if tag == "D"]

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
