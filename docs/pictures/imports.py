"""The picture of imports in docs/architecture.md, drawn from the imports themselves: `python docs/pictures/imports.py`.

An arrow says "imports". One that others imply is left out; a dotted one would go up, against the order of FLOORS.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = (
    "cli", "tools", "app", "data", "reports", "desk", "letter_order", "intake", "delivery", "workers", "store", "tickets",
    "store.interface", "rendering", "rules", "language", "parsing", "settings", "disk", "printing", "model",
)  # fmt: skip
BEGIN, END = "```mermaid\n", "```\n"


def room(module: str) -> str:
    """The node that a module is drawn in."""
    parts = module.split(".")[1:]
    if parts[:1] == ["store"] and parts[1:2] in (["interface"], ["data_access"]):
        return "store.interface"
    return parts[0] if parts else ""


def edges() -> set[tuple[str, str]]:
    """(from, to) of every import between two rooms."""
    import grimp

    graph = grimp.build_graph("bot", exclude_type_checking_imports=False, cache_dir=None)
    every = {(room(one), room(other)) for one in graph.modules for other in graph.find_modules_directly_imported_by(one)}
    return {(one, other) for one, other in every if one and other and one != other}


def drawn(found: set[tuple[str, str]]) -> str:
    """The picture as Mermaid."""
    down = {(one, other) for one, other in found if FLOORS.index(one) < FLOORS.index(other)}
    below: dict[str, set[str]] = {}
    for one in reversed(FLOORS):
        below[one] = {other for start, other in down if start == one}
        below[one] |= {far for other in set(below[one]) for far in below[other]}
    kept = {(one, other) for one, other in down if not any(other in below[mid] for start, mid in down if start == one)}
    lines = ["flowchart TD"]
    lines += [f'    {name.replace(".", "_")}["{name}"]' for name in FLOORS]
    lines += [f"    {one.replace('.', '_')} --> {other.replace('.', '_')}" for one, other in sorted(kept)]
    lines += [f"    {one.replace('.', '_')} -.-> {other.replace('.', '_')}" for one, other in sorted(found - down)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Puts the picture into the page."""
    sys.path.insert(0, str(ROOT))
    page = ROOT / "docs" / "architecture.md"
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + BEGIN + drawn(edges()) + END + after, "utf-8")


if __name__ == "__main__":
    main()
