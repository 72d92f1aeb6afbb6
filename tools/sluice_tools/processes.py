"""Starting, watching and stopping the servers a test or a tour needs."""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time

from . import ToolError


def wait_until(ready, seconds, what, process=None):
    """Asks `ready()` until it says yes. Bounded; a process that ended is reported with its log."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ready()
        if answer:
            return answer
        if process is not None and process.ended():
            raise ToolError(f"{process.name} ended with status {process.popen.returncode} while waiting for {what}:\n"
                            f"{process.log_tail()}")
        if time.monotonic() > deadline:
            raise ToolError(f"{what} did not happen within {seconds} s" +
                            (f":\n{process.log_tail()}" if process else ""))
        time.sleep(0.02)


def free_port():
    """A port of 127.0.0.1 that nobody listens on now."""
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def accepts(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def as_user(user):
    """The prefix that runs a command as `user`, dying with us; root is needed to change the user."""
    prefix = ["setpriv", "--pdeathsig", "KILL"]
    if user and os.geteuid() == 0:
        prefix += [f"--reuid={user}", f"--regid={user}", "--init-groups"]
    return prefix


class Process:
    """A server of ours in the background, its output in a file."""

    def __init__(self, name, command, log, user=None, environment=None, nofile=None):
        self.name = name
        self.log = pathlib.Path(log)
        limit = ["prlimit", f"--nofile={nofile}"] if nofile else []
        with open(self.log, "ab") as out:
            # A session of its own: Ctrl-C at the terminal is ours to turn into an orderly stop.
            self.popen = subprocess.Popen([*as_user(user), *limit, *map(str, command)], stdout=out, stderr=out,
                                          stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
        self.pid = self.popen.pid

    def ended(self):
        return self.popen.poll() is not None

    def log_tail(self, size=3000):
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    def send(self, number):
        if not self.ended():
            self.popen.send_signal(number)

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Returns the exit status; None when it had to be killed."""
        self.send(number)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            return None


def children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                found += [int(child), *children(int(child))]
    return found


def cpu_seconds(pid):
    """User and system time of a process, all its threads and its living children."""
    ticks = 0
    for each in [pid, *children(pid)]:
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def cpu_nanoseconds(pid):
    """As cpu_seconds, to the nanosecond, from the scheduler's own account."""
    total = 0
    for each in [pid, *children(pid)]:
        for task in pathlib.Path(f"/proc/{each}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(task.read_text().split()[0])
    return total


def anonymous_bytes(pid):
    """RssAnon: memory of the process's own, without mapped files and shared rings."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise ToolError(f"/proc/{pid}/status has no RssAnon")
