"""What the binary is linked with, and that its licence is one an MIT program may be shipped with."""
import os
import pathlib
import re
import subprocess

import pytest

from conftest import ROOT

# Library (without version): its licence. LGPL only because these are shared objects.
LICENCES = {
    "libssl": "Apache-2.0", "libcrypto": "Apache-2.0", "liburing": "MIT or LGPL-2.1", "libfmt": "MIT",
    "libsimdjson": "Apache-2.0", "libhs": "BSD-3-Clause", "libyaml-cpp": "MIT", "libpg_query": "BSD-3-Clause",
    "libpq": "PostgreSQL", "libprotobuf-c": "BSD-2-Clause", "libmimalloc": "MIT", "libxxhash": "BSD-2-Clause",
    "libstdc++": "GPL-3.0 with the runtime library exception",
    "libgcc_s": "GPL-3.0 with the runtime library exception", "libatomic": "GPL-3.0 with the runtime library exception",
    "libc": "LGPL-2.1", "libm": "LGPL-2.1", "ld-linux-x86-64": "LGPL-2.1", "libpthread": "LGPL-2.1",
}


def refused(names):
    """Those libraries that may not be linked, each with why."""
    found = []
    for name in names:
        stem = re.sub(r"\.so.*$", "", name)
        licence = LICENCES.get(stem)
        if licence is None:
            found.append(f"{name}: its licence is not in the table; add it with the licence, unless that is a GPL")
        elif licence.startswith("GPL") and "exception" not in licence:
            found.append(f"{name}: {licence} cannot be linked into an MIT program")
    return found


def needed(binary):
    done = subprocess.run(["readelf", "-d", "-W", str(binary)], capture_output=True, text=True, check=True)
    return re.findall(r"\(NEEDED\)\s+Shared library: \[(.+?)\]", done.stdout)


def test_every_linked_library_has_a_licence_that_fits():
    binary = pathlib.Path(os.environ.get("SLUICE_BINARY", ROOT / "build/release/sluice"))
    names = needed(binary)
    assert "libc.so.6" in names, "readelf was understood"
    assert not refused(names), "\n".join(refused(names))


@pytest.mark.parametrize("name", ["liblasso.so.3", "libreadline.so.8"])
def test_the_licence_test_itself_refuses_the_unknown(name):
    assert refused([name])


def test_the_licence_test_itself_knows_versions():
    assert not refused(["libyaml-cpp.so.0.7", "libstdc++.so.6", "ld-linux-x86-64.so.2", "libpg_query.so.1504"])


def test_the_project_is_mit():
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
