"""Words that have a better replacement, files that have grown too long, headers that do not stand alone."""
import concurrent.futures
import os
import re
import shutil
import subprocess

import pytest

from conftest import ROOT, tracked_files

LINES_MAX = 800
CPP = (".cc", ".h")
CODE = (*CPP, ".py", ".sh", ".build", ".mjs", ".java")
WIDTH_MAX = 140  # The habit is 100 to 120; this is where a line stops being readable.

# (what, in which files, what to write instead). A line may keep one by saying why: `tidy: reason`.
BANNED = [
    (r"\b(TODO|FIXME|XXX)\b", CODE, "the work itself, or an issue; a promise to nobody helps nobody"),
    (r"\b(sleep_for|sleep_until|usleep|nanosleep)\b", CPP, "an event or a bounded wait for a condition"),
    (r"\btime\.sleep\(", (".py",), "sluice_tools.processes.wait_until"),
    (r"\b(strcpy|strcat|gets|stpcpy)\s*\(", CPP, "std::string or std::span"),
    (r"\b(v?sprintf)\s*\(", CPP, "fmt::format or std::snprintf"),
    (r"\b(atoi|atol|atof|strtok)\s*\(", CPP, "std::from_chars, which says when it fails"),
    (r"\bstd::(stoi|stol|stoul|stoull|stod)\b", CPP, "std::from_chars, which does not throw"),
    (r"\bstd::regex\b", CPP, "Hyperscan, or code: std::regex recurses on hostile input"),
    (r"\bstd::endl\b", CPP, "'\\n'"),
    (r"\b(dynamic_cast|typeid)\b", CPP, "a virtual function or a variant: there is no RTTI"),
    (r"(?<![\w:])s?rand\s*\(", CPP, "random_bytes"),
    (r"\bassert\s*\(", (".h", ".cc"), "SLUICE_ASSERT, which stays on in release builds"),
    (r"\bstd::function\b.*\bon_(client|server)", CPP, "a virtual function: this is built for every session"),
    (r"\b(NULL)\b(?![\"'\w ,.;:)])", CPP, "nullptr"),
    (r"#include\s*<(iostream|regex)>", CPP, "cstdio or fmt"),
]
# Words of SQL and prose in tests would match some of these; tests still may not sleep or promise.
PRODUCT_ONLY = {r"\bstd::regex\b", r"#include\s*<(iostream|regex)>", r"\bassert\s*\(", r"\b(NULL)\b(?![\"'\w ,.;:)])"}


def code_files(tracked, endings=CODE):
    return [path for path in tracked if path.name.endswith(endings) or (path.parent.name == "tools" and path.is_file())]


def code_of(line, name):
    """The line without its comment: prose may name what code may not do."""
    if name.endswith(CPP):
        return line.split("//")[0] if "TODO" not in line and "FIXME" not in line else line
    return line


def banned_in(name, text):
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, endings, instead in BANNED:
            if not name.endswith(endings) or (pattern in PRODUCT_ONLY and name.startswith(("tests/", "bench/"))):
                continue
            if re.search(pattern, code_of(line, name)) and "tidy:" not in line:
                found.append(f"{name}:{number}: {line.strip()[:80]} -- write {instead}")
    return found


def test_no_banned_words(tracked):
    found = []
    for path in code_files(tracked):
        name = path.relative_to(ROOT).as_posix()
        if name not in ("tests/unit/tidy/test_style.py", "tools/sluice_tools/processes.py"):
            found += banned_in(name, path.read_text())
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name, line", [
    ("src/a.cc", "std::this_thread::sleep_for(1s);"), ("src/a.cc", "sprintf(out, \"%d\", 1);"),
    ("src/a.h", "int x;  // TODO: later"), ("tests/e2e/test_a.py", "time.sleep(1)"), ("src/a.cc", "x = atoi(y);"),
    ("src/a.cc", "assert(x);"), ("rules/a.cc", "std::regex r;")])
def test_the_word_test_itself_sees_them(name, line):
    assert banned_in(name, line)


@pytest.mark.parametrize("name, line", [
    ("src/a.cc", "std::snprintf(out, sizeof out, \"%d\", 1);"), ("src/a.cc", "static_assert(x);"),
    ("src/a.cc", "// a sleep_for would hide the race"), ("src/a.cc", "SLUICE_ASSERT(x);")])
def test_the_word_test_itself_lets_good_lines_pass(name, line):
    assert not banned_in(name, line)


def test_no_file_is_longer_than_800_lines(tracked):
    long = {path.relative_to(ROOT).as_posix(): count for path in code_files(tracked)
            if (count := len(path.read_text().splitlines())) > LINES_MAX}
    assert not long, f"split along their own seams: {long}"


def test_no_line_is_wider_than_a_screen(tracked):
    wide = [f"{path.relative_to(ROOT)}:{number}" for path in code_files(tracked)
            if path.relative_to(ROOT).parts[0] not in ("tests", "bench")  # Rows of tables are as wide as they are.
            for number, line in enumerate(path.read_text().splitlines(), 1) if len(line) > WIDTH_MAX]
    assert not wide, "\n".join(wide)


def test_every_header_is_included_once():
    for path in tracked_files():
        if path.suffix == ".h":
            assert "#pragma once" in path.read_text(), path


def test_no_secret_key_or_path_of_a_machine_is_committed(tracked):
    for path in tracked:
        content = path.read_bytes()
        name = path.relative_to(ROOT).as_posix()
        assert b"-----BEGIN " + b"PRIVATE KEY" not in content and b"-----BEGIN EC " + b"PRIVATE KEY" not in content, name
        if not path.suffix == ".json" and b"\0" not in content:
            assert not re.search(rb"(?<![\w.])/(work|root|farm)/", content), f"{name} names a path of somebody's machine"


def package_flags():
    names = ["openssl", "liburing", "fmt", "simdjson", "libhs", "yaml-cpp", "nlohmann_json", "libpq", "CLI11",
             "gtest", "gmock"]
    found = []
    for name in names:
        done = subprocess.run(["pkg-config", "--cflags", name], capture_output=True, text=True, check=False)
        found += done.stdout.split()
    return sorted(set(found))


def test_every_header_compiles_alone(tracked):
    compiler = shutil.which("clang++-19") or shutil.which("g++")
    assert compiler, "no compiler"
    flags = ["-std=c++23", "-fno-rtti", "-D_GNU_SOURCE", '-DSLUICE_VERSION="0"', "-I", str(ROOT), "-I", str(ROOT / "src"),
             "-fsyntax-only", "-x", "c++", *package_flags()]
    headers = [path for path in tracked if path.suffix == ".h"
               and path.relative_to(ROOT).parts[0] in ("src", "protocols", "rules")]

    def compile_alone(header):
        done = subprocess.run([compiler, *flags, "-include", str(header), "/dev/null"], capture_output=True, text=True,
                              check=False)
        return None if done.returncode == 0 else f"{header.relative_to(ROOT)}: {done.stderr.splitlines()[0][:200]}"

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        failed = [line for line in pool.map(compile_alone, headers) if line]
    assert not failed, "\n".join(failed)
