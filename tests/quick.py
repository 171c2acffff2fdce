"""Which tests are quick (`pytest -m quick`): docs/decisions.md, number 28."""

from __future__ import annotations

import ast
import configparser
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONG = ("slow", "chromium", "postgres", "postfix", "dovecot", "faults", "image")
# A test that imports one of these starts programs.
PROCESSES = frozenset({"subprocess", "daemon", "peers", "cluster"})


@cache
def core() -> tuple[str, ...]:
    """The packages of the pure core, as the import contract in setup.cfg lists them."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    return tuple(setup["importlinter:contract:core"]["source_modules"].split())


@cache
def is_quick(module: Path) -> bool:
    """Whether a test module is in tests/core or tests/unit and imports nothing of `bot` except the core."""
    if module.parent not in (ROOT / "tests" / "core", ROOT / "tests" / "unit"):
        return False
    names = set[str]()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "bot":
            names |= {f"bot.{one.name}" for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    ours = (name for name in names if name.split(".")[0] == "bot")
    packages = tuple(f"{one}." for one in core())
    return not names & PROCESSES and all(f"{name}.".startswith(packages) for name in ours)
