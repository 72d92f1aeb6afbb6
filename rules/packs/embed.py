"""Writes the packs as C++ string literals: embed.py OUTPUT PACK.yaml..."""
import pathlib
import sys

CHUNK = 8192  # Compilers need take no longer literal than 65,536 bytes.


def literal(text: str) -> str:
    pieces = [text[i : i + CHUNK] for i in range(0, len(text), CHUNK)] or [""]
    return "\n".join(f'R"PACK({piece})PACK"' for piece in pieces)


output, *packs = map(pathlib.Path, sys.argv[1:])
rows = "".join(f'    {{"{pack.stem}", {literal(pack.read_text(encoding="utf-8"))}}},\n' for pack in sorted(packs))
output.write_text(
    '#include "rules/packs/packs.h"\n\n'
    "#include <array>\n\n"
    "namespace sluice::rules {\nnamespace {\n\n"
    f"constexpr auto packs = std::to_array<RulePack>({{\n{rows}}});\n\n"
    "}  // namespace\n\n"
    "std::span<const RulePack> shipped_packs() { return packs; }\n\n"
    "}  // namespace sluice::rules\n",
    encoding="utf-8",
)
