"""Mutation testing of the decision core: each small change of a module must fail a row of its table.

    python tests/mutants.py [--sample N] [--floor 85] [MODULE…]

Why it is our own: docs/decisions.md, number 34.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import gc
import importlib
import importlib.machinery
import importlib.util
import os
import pkgutil
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from types import CodeType, FunctionType

ROOT = Path(__file__).resolve().parent.parent
MODULES = {
    "bot.rendering.reply_policy": ("tests/core/test_reply_policy.py",),
    "bot.tickets.status": ("tests/core/test_status.py",),
    "bot.tickets.threading": ("tests/core/test_threading.py",),
    "bot.tickets.tokens": ("tests/core/test_tokens.py",),
    "bot.tickets.sla": ("tests/core/test_sla.py",),
    "bot.rules.judge": ("tests/core/test_judge.py",),
    "bot.tickets.timers": ("tests/core/test_timers.py",),
    "bot.tickets.agents.proof": ("tests/core/test_proof.py",),
}
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add,
}  # fmt: skip
REMOVED = ast.Raise | ast.Continue | ast.Break | ast.AugAssign | ast.Expr
LISTS = {
    ast.BoolOp: "values",
    ast.Set: "elts",
    ast.Call: "keywords",
    ast.comprehension: "ifs",
}  # may lose one
ANNOTATIONS = ("annotation", "returns")
Mutant = tuple[int, str, str, bool, CodeType]  # line, before, after, whether it is inside a function, code


def alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    if type(node) in SWAPS:
        yield SWAPS[type(node)]()
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield from (ast.Constant(node.value + 1), ast.Constant(node.value - 1))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, REMOVED) and not (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ):
        yield ast.Pass()
    elif isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        yield changed(node, "test", ast.UnaryOp(ast.Not(), node.test))
    if name := LISTS.get(type(node)):
        parts = getattr(node, name)
        yield from (changed(node, name, parts[:at] + parts[at + 1 :]) for at in range(len(parts)))
    if isinstance(node, ast.Dict):
        for at in range(len(node.keys)):
            rest = [one for one in range(len(node.keys)) if one != at]
            yield ast.Dict([node.keys[one] for one in rest], [node.values[one] for one in rest])


def changed(node: ast.AST, field: str, value: object) -> ast.AST:
    """A copy with another field; an operator of one operand is that operand."""
    other = copy.copy(node)
    setattr(other, field, value)
    return value[0] if isinstance(node, ast.BoolOp) and isinstance(value, list) and len(value) == 1 else other


def mutants(tree: ast.Module, path: Path) -> Iterator[Mutant]:
    """All mutants of a module. The tree is changed in place, compiled and put right again."""

    def within(parent: ast.AST, statement: ast.stmt | None, inside: bool) -> Iterator[Mutant]:
        for field, value in ast.iter_fields(parent):
            inner = inside or (isinstance(parent, ast.FunctionDef) and field == "body")
            for at, node in enumerate(value) if isinstance(value, list) else [(-1, value)]:
                if not isinstance(node, ast.AST) or field in ANNOTATIONS:
                    continue
                here = node if isinstance(node, ast.stmt) else statement
                for other in alternatives(node):
                    before = ast.unparse(here) if here else ""
                    put(parent, field, at, other)
                    after = ast.unparse(other if here is node else here) if here else ""
                    code = compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)
                    put(parent, field, at, node)
                    yield getattr(node, "lineno", getattr(parent, "lineno", 0)), before, after, inner, code
                yield from within(node, here, inner)

    yield from within(tree, None, False)


def put(parent: ast.AST, field: str, at: int, node: ast.AST) -> None:
    """Sets a field, or one place of a list."""
    if at < 0:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[at] = node


class Finder(importlib.machinery.SourceFileLoader):
    """Gives one module the code that it is to have now; without code it cannot be imported."""

    code: CodeType | None = None

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def use(self, code: CodeType) -> None:
        self.code = code

    def get_code(self, fullname: str) -> CodeType:
        if self.code is None:
            raise ImportError(fullname)
        return self.code


class Tables:
    """A pytest plugin: runs what it has collected once for each mutant, in a child of its own, and no more.

    A child of a changed function goes on from here; where a class or a constant is changed, the module and
    all that imports it are loaded from the start.
    """

    def __init__(self, finder: Finder, waiting: list[Mutant], seconds: int) -> None:
        self.finder, self.waiting, self.seconds = finder, waiting, seconds
        self.alive, self.running = list[Mutant](), dict[int, Mutant]()

    def pytest_runtestloop(self) -> bool | None:
        live = [one for one in gc.get_objects() if getattr(one, "__module__", "") == self.finder.name]
        functions = [one for one in live if isinstance(one, FunctionType)]
        caches = [one.cache_clear for one in live if hasattr(one, "cache_clear")]
        return None if self.each(lambda code: swap(functions, caches, code)) else True

    def each(self, use: Callable[[CodeType], None]) -> bool:
        """Forks a child for each mutant; True in the child, False in the end."""
        while self.waiting or self.running:
            while self.waiting and len(self.running) < (os.cpu_count() or 1):
                mutant = self.waiting.pop()
                child = os.fork()
                if not child:
                    signal.alarm(self.seconds)
                    use(mutant[-1])
                    return True
                self.running[child] = mutant
            child, status = os.wait()
            mutant = self.running.pop(child)
            self.alive += [mutant] if status == 0 else []
        return False


def swap(functions: list[FunctionType], caches: list[Callable[[], None]], code: CodeType) -> None:
    """Gives living functions the code that they have in a changed module."""
    inner, todo = dict[tuple[str, int], CodeType](), [code]
    while todo:
        one = todo.pop()
        inner[one.co_qualname, one.co_firstlineno] = one
        todo += [const for const in one.co_consts if isinstance(const, CodeType)]
    for function in functions:
        function.__code__ = inner[function.__code__.co_qualname, function.__code__.co_firstlineno]
    for clear in caches:
        clear()


def run(tests: tuple[str, ...], *plugins: object) -> int:
    """Runs the tables until one row fails; pytest's status."""
    import pytest

    options = ["-x", "-n0", "--tb=no", "-pno:cacheprovider", *tests]
    with Path(os.devnull).open("w") as quiet, contextlib.redirect_stdout(quiet):
        return int(pytest.main(options, plugins=plugins))


def survivors(name: str, sample: int) -> tuple[int, list[Mutant]]:
    """How many mutants of a module were tried, and those that no row noticed."""
    path = ROOT / f"{name.replace('.', '/')}.py"
    tree = ast.parse(path.read_text("utf-8"))
    finder = Finder(name, str(path))
    sys.meta_path.insert(0, finder)  # type: ignore[arg-type]
    for one in pkgutil.walk_packages(
        [str(ROOT / "bot")], "bot."
    ):  # what does not need the module is loaded once
        if one.name.split(".")[1] in ("model", "parsing", "language", "rules", "rendering", "tickets"):
            with contextlib.suppress(ImportError):
                importlib.import_module(one.name)
    begun, whole = time.monotonic(), compile(tree, str(path), "exec", dont_inherit=True)
    found = list(mutants(tree, path))
    chosen = random.Random(17).sample(found, min(sample or len(found), len(found)))
    shallow, deep = [one for one in chosen if not one[3]], [one for one in chosen if one[3]]
    unchanged, seconds, alive = [(0, "", "", False, whole)], 300, list[Mutant]()
    for waiting in (unchanged, shallow):
        fresh = Tables(finder, list(waiting), seconds)
        if fresh.each(finder.use):
            os._exit(run(MODULES[name]))
        if waiting is unchanged and not fresh.alive:
            sys.exit(f"{name}: its tests fail without any change, or are not there")
        seconds, alive = 10 + 5 * int(time.monotonic() - begun), fresh.alive
    finder.use(whole)
    tables, parent = Tables(finder, [*deep, *unchanged], seconds), os.getpid()
    status = run(MODULES[name], tables)
    if os.getpid() != parent:
        os._exit(status)
    if unchanged[0] not in tables.alive:
        sys.exit(f"{name}: its tests fail when its functions are given the code that they have")
    alive += [one for one in tables.alive if one is not unchanged[0]]
    return len(chosen), sorted(alive, key=lambda one: one[:3])


def report(name: str, sample: int) -> tuple[str, int, int]:
    """The score of a module, its mutants and those that no row noticed, as lines; how many of each."""
    tried, alive = survivors(name, sample)
    lines = [f"{name}: {100 * (tried - len(alive)) / max(tried, 1):.0f} % of {tried} mutants killed"]
    for line, before, after, *_ in alive:
        pairs = zip(before.splitlines(), [*after.splitlines(), ""], strict=False)
        old, new = next((pair for pair in pairs if pair[0] != pair[1]), (before, after))
        lines.append(f"  line {line}\n    - {old.strip()}\n    + {new.strip()}")
    return "\n".join(lines), tried, len(alive)


def main() -> int:
    """Prints each module's score; 1 if one of them is under the floor, or all samples together are."""
    said = argparse.ArgumentParser(description=__doc__)
    said.add_argument("modules", nargs="*", help=f"one or more of {', '.join(MODULES)}; without any, all")
    said.add_argument("--sample", type=int, default=0, help="so many mutants of each module, always the same")
    said.add_argument("--floor", type=float, default=85, help="per cent")
    asked = said.parse_args()
    if unknown := set(asked.modules) - set(MODULES):
        said.error(
            f"no table is known for {', '.join(sorted(unknown))}; there is one for {', '.join(MODULES)}"
        )
    os.environ["TEST_ALL"] = "1"  # the same examples each time
    scores = list[tuple[int, int]]()
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for text, tried, alive in pool.map(report, asked.modules or MODULES, repeat(asked.sample)):
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
            scores.append((tried, alive))
    if asked.sample:
        scores = [(sum(tried for tried, _ in scores), sum(alive for _, alive in scores))]
    parts = [100 * (tried - alive) / max(tried, 1) for tried, alive in scores]
    sys.stdout.write(f"lowest score: {min(parts):.0f} %, floor: {asked.floor:.0f} %\n")
    return int(min(parts) < asked.floor)


if __name__ == "__main__":
    sys.exit(main())
