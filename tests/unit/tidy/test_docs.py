"""Documents that name a file, a command or a flag are right about it."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess

from conftest import ROOT

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def documents(tracked):
    return [path for path in tracked if path.suffix == ".md"]


def test_links_lead_somewhere(tracked):
    broken = []
    for path in documents(tracked):
        for link in LINK.findall(path.read_text()):
            if "://" not in link and not link.startswith("mailto:") and not (path.parent / link).exists():
                broken.append(f"{path.relative_to(ROOT)}: {link}")
    assert not broken, "\n".join(broken)


def commands(text):
    """Lines that begin with `$ ` in blocks tagged console, continuation lines joined."""
    for block in CONSOLE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield line[2:].split(" #")[0]


def help_of(words):
    """The help text that should know the flags of a command; None: somebody else's program."""
    program = words[0].removeprefix("./")
    if program.startswith("tools/") or program.startswith("bench/"):
        return subprocess.run([ROOT / program, "--help"], capture_output=True, text=True, check=True).stdout
    if pathlib.Path(program).name == "sluice":
        binary = pathlib.Path(os.environ.get("SLUICE_BINARY", ROOT / "build/release/sluice"))
        path = []
        for word in words[1:]:
            if not re.fullmatch(r"[a-z]+", word) or len(path) == 2:
                break
            path.append(word)
        done = subprocess.run([binary, *path, "--help"], capture_output=True, text=True, check=False)
        if done.returncode != 0 and len(path) == 2:  # The second word was an argument, not a subcommand.
            done = subprocess.run([binary, path[0], "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"sluice {' '.join(path)} is no command: {done.stderr}"
        return done.stdout
    return None


def test_commands_in_documents_exist_with_their_flags(tracked):
    wrong = []
    for path in documents(tracked):
        for command in commands(path.read_text()):
            words = shlex.split(command)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if not words:
                continue
            text = help_of(words)
            if text is None:
                if shutil.which(words[0]) is None and not (ROOT / words[0]).exists():
                    wrong.append(f"{path.relative_to(ROOT)}: {words[0]} is no program")
                continue
            for flag in (word.split("=")[0] for word in words[1:] if re.fullmatch(r"--?[a-z].*", word)):
                if not re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", text):
                    wrong.append(f"{path.relative_to(ROOT)}: {command}: {flag} is not in its help")
    assert not wrong, "\n".join(wrong)


def test_the_readme_has_the_two_commands():
    found = list(commands((ROOT / "README.md").read_text()))
    assert "tools/quickstart" in found and "tools/check" in found


def test_the_map_names_every_folder_and_no_other(tracked):
    text = (ROOT / "docs/map.md").read_text()
    folders = {path.relative_to(ROOT).parts for path in tracked}
    top = {parts[0] for parts in folders if len(parts) > 1 and not parts[0].startswith(".")}
    inside = {f"{a}/{b}" for a, b in {(parts[0], parts[1]) for parts in folders if len(parts) > 2}
              if a in ("src", "rules", "protocols", "tests")}
    for name in top | inside:
        assert f"`{name}/`" in text, f"docs/map.md says nothing of {name}/"
    for name in re.findall(r"`([a-z_]+(?:/[a-z0-9_]+)*)/`", text):
        assert (ROOT / name).is_dir(), f"docs/map.md names {name}/, which is not there"


def test_every_decision_is_in_the_index(tracked):
    folder = ROOT / "docs/decisions"
    index = (folder / "README.md").read_text()
    for path in tracked:
        if path.parent == folder and path.name[0].isdigit():
            assert path.name in index, path.name
