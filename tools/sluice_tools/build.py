"""Configures and compiles one build folder, with ccache where there is one."""
import os
import shutil
import subprocess
import sys

from . import ROOT, ToolError

COMPILERS = {"g++": ("gcc", "g++"), "clang": ("clang-19", "clang++-19")}


def compiler_environment(compiler):
    c, cxx = COMPILERS[compiler]
    environment = dict(os.environ)
    prefix = "ccache " if shutil.which("ccache") else ""
    environment["CC"] = prefix + c
    environment["CXX"] = prefix + cxx
    if compiler == "clang" and shutil.which("ld.lld-19"):
        environment["CXX_LD"] = environment["CC_LD"] = "lld-19"
    # Link-time optimisation by clang makes archives of bitcode: only its own ar can index them.
    if compiler == "clang" and shutil.which("llvm-ar-19"):
        environment["AR"] = "llvm-ar-19"
    return environment


def build(name, compiler="g++", options=(), targets=(), jobs=None):
    """Compiles build/NAME and returns its folder. Progress goes to the terminal as ninja prints it."""
    folder = ROOT / "build" / name
    environment = compiler_environment(compiler)
    stamp = folder / "sluice-options"
    asked = " ".join([compiler, *options])
    configured = (folder / "build.ninja").exists() and stamp.exists() and stamp.read_text() == asked
    if not configured:
        shutil.rmtree(folder, ignore_errors=True)
        run(["meson", "setup", str(folder), *options], environment, ROOT)
        stamp.write_text(asked)
    command = ["ninja", "-C", str(folder), *(["-j", str(jobs)] if jobs else []), *targets]
    run(command, environment, ROOT)
    return folder


def run(command, environment, folder):
    print("+", " ".join(command), flush=True)
    done = subprocess.run(command, env=environment, cwd=folder, stdout=sys.stdout, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise ToolError(f"{command[0]} failed with status {done.returncode}; its own words are above.")


RELEASE_OPTIONS = ("--buildtype=release", "-Db_lto=true", "-Db_lto_threads=2")


def release(targets=()):
    """The build that is shipped and measured. SLUICE_COMPILER=clang builds it with clang 19."""
    return build("release", os.environ.get("SLUICE_COMPILER", "g++"), RELEASE_OPTIONS, targets)


def test_programs(names):
    """Ninja targets of the unit tests `names` that this tree has."""
    return [f"tests/unit/{name}/test_{name}" for name in names if (ROOT / "tests/unit" / name / "meson.build").exists()]
