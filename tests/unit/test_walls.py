"""The walls of docs/architecture.md, beside the contracts in setup.cfg: what the core loads, and that nothing goes round."""

from __future__ import annotations

import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

from bot.store import interface

ROOT = Path(__file__).parents[2]
# The core, each floor after those that it may know.
FLOORS = ("model", "parsing", "language", "rules", "rendering", "store.interface", "tickets")
LOADED = """
import importlib, json, pkgutil, sys
found, before = {}, set()
for floor in sys.argv[1:]:
    package = importlib.import_module("bot." + floor)
    for module in pkgutil.walk_packages(getattr(package, "__path__", []), package.__name__ + "."):
        importlib.import_module(module.name)
    now = {name for name in sys.modules if name.startswith("bot.")}
    found[floor], before = sorted(now - before), now
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """What each floor of the core loads of ours, in a fresh interpreter and in this order."""
    done = subprocess.run([sys.executable, "-c", LOADED, *FLOORS], cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_of_the_core_loads_nothing_above_it(loaded: dict[str, list[str]], floor: str) -> None:
    """No socket, no asyncio, no disk, no clock and no store of ours: those live in other packages."""
    home = {"bot.store"} if floor == "store.interface" else set()
    strangers = [name for name in loaded[floor] if not f"{name}.".startswith(f"bot.{floor}.") and name not in home]
    assert not strangers
    assert f"bot.{floor}" in loaded[floor]


def test_no_import_goes_round() -> None:
    """Imports for the type checker are counted as well. TopologicalSorter raises CycleError, which names the modules."""
    sys.path.insert(0, str(ROOT))
    graph = grimp.build_graph("bot", exclude_type_checking_imports=False, cache_dir=None)
    order = TopologicalSorter({one: graph.find_modules_directly_imported_by(one) for one in graph.modules})
    assert len(list(order.static_order())) > 200


def test_a_store_is_asked_in_few_ways() -> None:
    """Whoever adds one asks first whether another can say the same."""
    ways = [
        name
        for one in (interface.UnitOfWork, interface.Store, interface.Letters)
        for name, what in vars(one).items()
        if callable(what) and not name.startswith("_")
    ]
    assert 30 <= len(ways) <= 35
