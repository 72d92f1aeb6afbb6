"""Running sluice itself: its configuration, keys, start and stop."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

from . import ROOT, ToolError
from .processes import Process, free_port, wait_until


def binary():
    """The sluice to run: SLUICE_BINARY, else the release build's."""
    path = pathlib.Path(os.environ.get("SLUICE_BINARY", ROOT / "build/release/sluice"))
    if not path.exists():
        raise ToolError(f"{path} does not exist; build it with tools/quickstart, or ninja -C build/release sluice")
    return path.resolve()


def to_yaml(value, indent=0):
    """Plain values as block YAML; scalars as JSON, which YAML contains."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{name}:{inline(child, indent)}" for name, child in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{inline(child, indent)}" for child in value)
    return pad + json.dumps(value) + "\n"


def inline(child, indent):
    nested = isinstance(child, (dict, list)) and child and not all(
        isinstance(item, (str, int)) for item in (child if isinstance(child, list) else child.values()))
    if nested:
        return "\n" + to_yaml(child, indent + 1)
    if isinstance(child, dict) and child:
        return " {" + ", ".join(f"{name}: {json.dumps(item)}" for name, item in child.items()) + "}\n"
    return " " + json.dumps(child) + "\n"


class Sluice:
    """One gateway in `folder`. `configuration` and `rules` are plain dicts as the reference has them."""

    def __init__(self, folder, configuration, rules=None, nofile=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.program = binary()
        self.nofile = nofile
        self.process = None
        self.keys = {}
        # The ring must be on tmpfs: it survives the process, not the machine.
        self.ring = tempfile.mkdtemp(prefix="sluice-", dir="/dev/shm")
        self.admin_port = free_port()
        self.configuration = {
            **configuration,
            "identity": configuration.get("identity", {"access_keys": {"file": "keys.yaml"}}),
            "audit": {"directory": str(self.folder / "audit"), "ring_directory": self.ring,
                      **configuration.get("audit", {})},
            "admin": {"bind": f"127.0.0.1:{self.admin_port}"},
        }
        (self.folder / "audit").mkdir(exist_ok=True)
        self.file = self.folder / "sluice.yaml"
        if rules is not None:
            (self.folder / "rules").mkdir(exist_ok=True)
            self.write_rules(rules)
            self.configuration["rules"] = ["rules/"]
        self.file.write_text(to_yaml(self.configuration))

    def write_rules(self, rules):
        """`rules`: a list of rules, or a whole rule file as a dict."""
        whole = rules if isinstance(rules, dict) else {"rules": rules}
        (self.folder / "rules" / "rules.yaml").write_text(to_yaml(whole))

    def cli(self, *arguments, check=True, timeout=120):
        """Runs a subcommand with this configuration."""
        done = subprocess.run([self.program, *map(str, arguments), "-c", self.file], capture_output=True, text=True,
                              timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise ToolError(f"sluice {' '.join(map(str, arguments))} ended with {done.returncode}:\n"
                            f"{done.stderr}{done.stdout}")
        return done

    def json(self, *arguments):
        return json.loads(self.cli(*arguments, "--json").stdout)

    def sessions(self):
        """What the log knows, oldest first."""
        lines = self.cli("sessions", "list", "--json").stdout.splitlines()
        return [json.loads(line) for line in reversed(lines)]

    def create_key(self, subject, groups, expires=None):
        """Makes an access key; returns it. It is printed once and stored nowhere but here."""
        made = self.json("keys", "create", "--subject", subject, "--groups", ",".join(groups),
                         *(["--expires", expires] if expires else []))
        self.keys[subject] = made["key"]
        self.reload()
        return made

    def revoke_key(self, identifier):
        self.cli("keys", "revoke", identifier)
        self.reload()

    def reload(self):
        """A running gateway reads its keys again when told to."""
        if self.process:
            self.process.send(signal.SIGHUP)

    def start(self):
        self.process = Process("sluice", [self.program, "serve", "-c", self.file], self.folder / "log",
                               nofile=self.nofile)
        wait_until(self.ready, 30, "sluice's start", self.process)
        return self

    def ready(self):
        try:
            return self.admin("/readyz")[0] == 200
        except OSError:
            return False

    def admin(self, path):
        """GET from the admin listener: (status, body)."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name, labels=""):
        """The sum of a metric's samples whose label text contains `labels`."""
        found = [float(value) for inside, value in re.findall(rf"^{name}(\{{.*?\}})? (\S+)$", self.admin("/metrics")[1],
                                                              re.MULTILINE) if labels in inside]
        if not found:
            raise ToolError(f"/metrics has no {name} with {labels!r}")
        return sum(found)

    @property
    def pid(self):
        return self.process.pid

    def stop(self, number=signal.SIGTERM):
        status = self.process.stop(number) if self.process else None
        self.process = None
        return status

    def kill(self):
        """SIGKILL, as the kernel's OOM killer would."""
        self.process.popen.kill()
        self.process.popen.wait()
        self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.ring, ignore_errors=True)
