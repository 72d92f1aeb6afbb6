"""Includes point down. The table is the architecture; docs/map.md draws it."""
import re

import pytest

from conftest import ROOT

# layer: the layers it may include besides itself.
BELOW = ("base", "model")
MIDDLE = ("io", "tls", "audit", "protocols", "rules")
TABLE = {
    "base": (),
    "model": ("base",),
    **{layer: BELOW for layer in MIDDLE},
    "gateway": (*BELOW, *MIDDLE),
    "control": (*BELOW, *MIDDLE),
    "cli": (*BELOW, *MIDDLE, "gateway", "control"),
    "main": (*BELOW, *MIDDLE, "gateway", "control", "cli"),
}
# The data plane sees the compiled snapshot only; whoever includes more would parse rules on a lane.
GATEWAY_SEES_OF_RULES = ("rules/ruleset/",)

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def layer_of(path):
    """`path` is relative to the root, or to src/ as an include writes it."""
    parts = path.removeprefix("src/").split("/")
    return "main" if parts == ["main.cc"] else parts[0]


def violations(path, text, exists):
    """Every include of one file that the table does not allow. `exists`: does an include name a file?"""
    layer = layer_of(path)
    found = []
    for included in INCLUDE.findall(text):
        target = layer_of(included)
        if not exists(included):
            found.append(f"{path} includes \"{included}\", which is no file: write the path from the root or src/")
        elif target != layer and target not in TABLE[layer]:
            found.append(f"{path} includes \"{included}\": {layer} may not see {target}")
        elif layer == "gateway" and target == "rules" and not included.startswith(GATEWAY_SEES_OF_RULES):
            found.append(f"{path} includes \"{included}\": gateway sees of rules only {', '.join(GATEWAY_SEES_OF_RULES)}")
    return found


def product_files(tracked):
    names = [path.relative_to(ROOT).as_posix() for path in tracked]
    return [name for name in names if name.startswith(("src/", "protocols/", "rules/")) and name.endswith((".h", ".cc"))]


def test_includes_point_down(tracked):
    found = []
    for name in product_files(tracked):
        assert layer_of(name) in TABLE, f"{name} is in a folder that the table does not know"
        found += violations(name, (ROOT / name).read_text(),
                            lambda included: (ROOT / included).exists() or (ROOT / "src" / included).exists())
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path, included", [
    ("src/base/bytes.h", "model/facts.h"),
    ("src/io/reactor.cc", "tls/tls.h"),
    ("protocols/postgres/frame.cc", "rules/ruleset/ruleset.h"),
    ("rules/mask/mask.cc", "protocols/postgres/frame.h"),
    ("src/gateway/lane.cc", "control/config.h"),
    ("src/control/admin.cc", "gateway/lane.h"),
    ("src/gateway/lane.cc", "rules/compile/compile.h"),
    ("src/audit/ring.cc", "cli/cli.h"),
    ("src/base/text.cc", "bytes.h"),
])
def test_the_layering_test_itself_sees_a_bad_edge(path, included):
    assert violations(path, f'#include "{included}"\n', lambda name: "/" in name)


def test_the_layering_test_itself_accepts_good_edges():
    for path, included in (("src/gateway/lane.cc", "rules/ruleset/ruleset.h"), ("src/main.cc", "cli/cli.h"),
                           ("src/cli/serve.cc", "gateway/lane.h"), ("rules/compile/load.cc", "rules/sql/lexer.h")):
        assert not violations(path, f'#include "{included}"\n#include <vector>\n', lambda name: True)


def test_the_table_has_no_way_up():
    order = list(TABLE)
    for layer, allowed in TABLE.items():
        assert all(order.index(below) < order.index(layer) for below in allowed)
    assert "control" not in TABLE["gateway"] and "gateway" not in TABLE["control"]


DEFINITION = re.compile(r"^(?:template <[^\n]*>\n)?(?:struct|class|enum class) (?:alignas\([^)]*\) )?([\w:]+)[^;\n]*\{", re.MULTILINE)
NAMESPACE = re.compile(r"^namespace ([\w:]+) \{", re.MULTILINE)


def test_a_type_is_defined_once_in_its_namespace(tracked):
    """Two types of one name in two headers compile, link, and destroy one as the other."""
    places = {}
    for name in product_files(tracked):
        if not name.endswith(".h"):
            continue
        text = (ROOT / name).read_text()
        namespaces = NAMESPACE.findall(text)
        for defined in DEFINITION.findall(text):
            places.setdefault((namespaces[0] if namespaces else "", defined), []).append(name)
    twice = {f"{namespace}::{name}": where for (namespace, name), where in places.items() if len(where) > 1}
    assert not twice, twice
    assert len(places) > 100
