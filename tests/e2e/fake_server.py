"""A PostgreSQL server that says what a test tells it to, in one thread of asyncio. It logs everybody in without a
password and answers every Query with `answer`; a hostile one overrides a step."""
import asyncio
import struct
import threading

from sluice_tools.processes import free_port


def message(tag, body=b""):
    return tag.encode() + struct.pack("!i", len(body) + 4) + body


def text(value):
    return value.encode() + b"\0"


def error(code="XX000", words="no", severity="ERROR"):
    return message("E", b"S" + text(severity) + b"V" + text(severity) + b"C" + text(code) + b"M" + text(words) + b"\0")


def notice(words):
    return message("N", b"S" + text("NOTICE") + b"V" + text("NOTICE") + b"C" + text("00000") + b"M" + text(words) + b"\0")


def row_description(names, types=None):
    body = struct.pack("!h", len(names))
    for i, name in enumerate(names):
        body += text(name) + struct.pack("!ihihih", 0, 0, types[i] if types else 25, -1, -1, 0)
    return message("T", body)


def row(values):
    body = struct.pack("!h", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message("D", body)


def complete(tag="SELECT 1"):
    return message("C", text(tag))


READY = message("Z", b"I")
AUTHENTICATED = message("R", struct.pack("!i", 0))
PARAMETERS = b"".join(message("S", text(name) + text(value)) for name, value in (
    ("server_version", "15.0"), ("server_encoding", "UTF8"), ("client_encoding", "UTF8"), ("DateStyle", "ISO, MDY"),
    ("integer_datetimes", "on"), ("standard_conforming_strings", "on"), ("TimeZone", "UTC"),
    ("IntervalStyle", "postgres"), ("is_superuser", "off"), ("session_authorization", "app_rw"),
    ("application_name", ""), ("in_hot_standby", "off"), ("default_transaction_read_only", "off")))
WELCOME = AUTHENTICATED + PARAMETERS + message("K", struct.pack("!ii", 4242, 1)) + READY
ONE_ROW = row_description(["a"]) + row([b"1"]) + complete() + READY


class FakeServer:
    """`login` and `answer` are bytes, or coroutines (reader, writer, body) that write for themselves."""

    def __init__(self, login=WELCOME, answer=ONE_ROW, port=None):
        self.port = port or free_port()
        self.login = login
        self.answer = answer
        self.accepted = 0
        self.closed = 0
        self.received = bytearray()
        self.loop = asyncio.new_event_loop()
        self.started = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        assert self.started.wait(10)
        return self

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=4096))
        self.started.set()
        self.loop.run_forever()
        self.server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(self.loop), return_exceptions=True))
        self.loop.close()

    async def _say(self, what, reader, writer, body):
        if callable(what):
            await what(reader, writer, body)
        else:
            writer.write(what)
            await writer.drain()

    async def _serve(self, reader, writer):
        self.accepted += 1
        try:
            size = struct.unpack("!i", await reader.readexactly(4))[0]
            await self._say(self.login, reader, writer, await reader.readexactly(size - 4))
            while True:
                tag = await reader.readexactly(1)
                size = struct.unpack("!i", await reader.readexactly(4))[0]
                body = await reader.readexactly(size - 4)
                self.received += tag + body
                if tag == b"X":
                    break
                if tag == b"Q":
                    await self._say(self.answer, reader, writer, body)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.closed += 1
            writer.close()
