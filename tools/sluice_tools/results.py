"""Runs test programs and counts what they say. What says nothing has failed."""
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import xml.etree.ElementTree

from . import ROOT

PYTHON = "/usr/bin/python3"


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    #: What failed, by name, and its first words: a long log is often kept only in part, and this stands at its end.
    failures: tuple = ()

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped,
                     self.failures + other.failures)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else "")


def run(command, environment=None, seconds=300, folder=ROOT, output=None):
    """Exit status of a program; None when it took too long. Its whole process group ends with it."""
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(open(output, "wb")) if output else None
        process = subprocess.Popen([str(part) for part in command], cwd=folder, env={**os.environ, **(environment or {})},
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT if out else None,
                                   start_new_session=True)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def meson_tests(folder):
    done = subprocess.run(["meson", "introspect", "--tests", str(folder)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def run_unit(folder, environment=None, only=None):
    """Every test that the build folder knows, or those named in `only`."""
    total = Count()
    for test in meson_tests(folder):
        if only and test["name"] not in only:
            continue
        count = run_one(folder, test, environment or {})
        print(f"  {test['name']} ({count})", flush=True)
        total += count
    return total if total.passed + total.failed else Count(failed=1)


def run_one(folder, test, environment):
    log = pathlib.Path(folder) / "meson-logs" / f"{test['name']}.log"
    report = log.with_suffix(".json")
    report.unlink(missing_ok=True)
    command = list(test["cmd"])
    is_gtest = test["protocol"] == "gtest"
    if is_gtest:
        command.append(f"--gtest_output=json:{report}")
    try:
        status = run(command, {**test["env"], **environment}, test["timeout"] * 2, test["workdir"] or folder, log)
    except OSError as error:
        print(f"  {test['name']}: {error}")
        return Count(failed=1)
    count = gtest_count(report) if is_gtest else Count(passed=int(status == 0))
    if status != 0 and count.failed == 0:
        # It crashed, hung or leaked: what it had counted until then does not make it good.
        count.failed = 1
    if count.failed:
        ended = "did not end in time" if status is None else f"ended with {status}"
        words = interesting(log)
        print(f"  {test['name']} {ended}; the end of {log}:\n{words}", flush=True)
        count.failures = ((f"{test['name']} {ended}", words),)
    return count


def interesting(log, lines=60):
    """The failures gtest names, or the last lines."""
    everything = log.read_text(errors="replace").splitlines() if log.exists() else []
    named = [i for i, line in enumerate(everything) if "Failure" in line or "FAILED" in line or "ERROR" in line]
    chosen = [line for i in named[:8] for line in everything[i:i + 8]] if named else everything[-lines:]
    return "\n".join(chosen[:2 * lines])


def gtest_count(report):
    if not report.exists():
        return Count(failed=1)
    count = Count()
    for suite in json.loads(report.read_text())["testsuites"]:
        for case in suite["testsuite"]:
            if case.get("failures"):
                count.failed += 1
            elif case["result"] == "SKIPPED" or case["status"] != "RUN":
                count.skipped += 1
            else:
                count.passed += 1
    return count


def run_lint(folder, roots=("src", "protocols", "rules")):
    """clang-tidy, by .clang-tidy, over each .cc below `roots`. `folder`: a clang build with compile commands."""
    known = json.loads((pathlib.Path(folder) / "compile_commands.json").read_text())
    compiled = {(pathlib.Path(entry["directory"]) / entry["file"]).resolve() for entry in known}
    files = sorted(path for root in roots for path in (ROOT / root).rglob("*.cc"))
    # Those of cli take longest, and what comes last should not be one of them.
    files.sort(key=lambda path: "cli" not in path.parts)
    total = Count()
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for path, words in zip(files, pool.map(lambda path: lint_one(folder, path, path in compiled), files)):
            if words is None:
                total.passed += 1
                continue
            total.failed += 1
            total.failures += ((f"lint of {path.relative_to(ROOT)}", words),)
            print(f"  {path.relative_to(ROOT)}:\n{words}", flush=True)
    return total if files else Count(failed=1)


def lint_one(folder, path, is_compiled):
    """What clang-tidy has to say of a file; None: nothing."""
    if not is_compiled:
        return "no target of the build compiles it"
    try:
        done = subprocess.run(["clang-tidy-19", "--quiet", "-p", str(folder), str(path)], cwd=ROOT, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return "clang-tidy did not end in 300 s"
    # Warnings are errors by .clang-tidy; on stderr it only counts those it has kept back.
    return None if done.returncode == 0 else done.stdout + ("" if "error:" in done.stdout else done.stderr[-3000:])


def run_pytest(name, arguments, environment=None, seconds=900):
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    report = folder / f"{name}.xml"
    report.unlink(missing_ok=True)
    status = run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--timeout=300", "--durations=8",
                  f"--junitxml={report}", *arguments], environment, seconds)
    count = junit_count(report) if report.exists() else Count(failed=1)
    if status != 0 and count.failed == 0:
        count.failed = 1
        ended = "did not end in time" if status is None else f"ended with {status}"
        count.failures = ((f"{name} {ended}", "pytest itself, not one of its tests"),)
    return count


def junit_count(report):
    count = Count()
    root = xml.etree.ElementTree.parse(report).getroot()
    for case in root.iter("testcase"):
        for bad in (*case.findall("failure"), *case.findall("error")):
            count.failures += ((f"{case.get('classname')}::{case.get('name')}", bad.text or bad.get("message") or ""),)
    for suite in root.iter("testsuite"):
        tests, skipped = int(suite.get("tests")), int(suite.get("skipped"))
        failed = int(suite.get("failures")) + int(suite.get("errors"))
        count += Count(max(tests - skipped - failed, 0), failed, skipped)
    return count
