"""The pages for contributors are true: what they name exists, and decision records have no gaps."""

from __future__ import annotations

import configparser
import re
from datetime import date
from pathlib import Path

import pytest
from quick import is_quick

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
RECORDS = (ROOT / "docs" / "decisions.md").read_text("utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
INVENTED = ("NAME", "LANGUAGE", "NN-", "80-plain-greeting")  # the reader puts a name of their own there
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", "utf-8")


def named_paths() -> list[str]:
    links = re.findall(r"\]\(([^)#:]+)", GUIDE)
    folders = "bot|tests|docs|templates|bench|ops"
    shapes = rf"(?:{folders})/[\w./-]*|\.ci/\w+|\.[a-z-]+\.yaml|\w+\.(?:md|cfg|sh|yaml)"
    paths = re.findall(rf"(?<![\w./-])({shapes})", GUIDE)
    found = sorted({one.rstrip(".") for one in (*links, *paths) if not any(word in one for word in INVENTED)})
    return [one for one in found if one not in ("terms.yaml", "contract.py")]


def test_every_file_that_the_guide_names_exists() -> None:
    paths = named_paths()
    assert len(paths) > 40
    assert [one for one in paths if not (ROOT / one).exists()] == []


def test_every_name_in_a_step_is_defined_in_a_file_of_that_step() -> None:
    steps = re.findall(r"(?ms)^\d\. .*?(?=^\d\. |\n\n|\Z)", GUIDE[GUIDE.index("## Recipes") :])
    found: list[str] = []
    for step in steps:
        places = [ROOT / one for one in re.findall(r"`((?:bot|tests)/[\w/.]+)`", step) if "NAME" not in one]
        files = [file for place in places for file in ([place] if place.is_file() else place.glob("*.py"))]
        code = "\n".join(file.read_text("utf-8") for file in files)
        names = [name for name in re.findall(r"`(\w+)`", step) if re.match("_|[A-Z]", name)]
        assert [name for name in names if not re.search(rf"(?m)^(?:class |def )?{name}\b", code)] == [], step
        found += names
    assert len(found) > 15


def test_the_tools_of_the_guide_are_installed_by_setup() -> None:
    extras = SETUP["options.extras_require"]
    assert all(f"\n{tool}" in extras["dev"] for tool in ("ruff", "mypy", "import-linter"))
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.findall(r"entry: \.venv/bin/(\S+)", hooks) == ["ruff", "mypy", "lint-imports", "python"]


def test_every_marker_of_the_tests_is_registered_and_every_registered_one_is_used() -> None:
    registered = set(re.findall(r"(?m)^(\w+):", SETUP["tool:pytest"]["markers"]))
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    builtin = {"parametrize", "skip", "skipif", "xfail", "usefixtures", "filterwarnings"}
    used = set(re.findall(r"pytest\.mark\.(\w+)", tests)) - builtin
    used |= set(re.findall(r'add_marker\("(\w+)"\)', tests))
    assert used == registered


def test_this_module_is_quick_and_one_that_starts_processes_is_not(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("quick")
    names = ("test_calendar", "test_mime", "test_ops", "test_parser_pool")
    quick = [one for one in names if is_quick(Path(__file__).with_name(f"{one}.py"))]
    assert quick == ["test_calendar", "test_mime"]


def test_decision_records_are_numbered_dated_and_listed() -> None:
    rows = re.findall(r"(?m)^\| (\d+) \| (\S+) \| ([^|]+) \| [^|]+ \| \[(.+)\]\(#(\S+)\) \|$", RECORDS)
    sections = re.findall(r"(?m)^## (\d+)\. (.+)$", RECORDS)
    assert [number for number, _ in sections] == [str(one + 1) for one in range(len(sections))]
    assert [(number, title) for number, _, _, title, _ in rows] == sections
    for number, day, status, title, anchor in rows:
        assert date(2026, 1, 1) <= date.fromisoformat(day)
        assert re.match(r"in force|replaced by \d+|withdrawn", status)
        assert anchor == re.sub(r"[^\w -]", "", f"{number}. {title}".lower()).replace(" ", "-")
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)


def test_every_name_in_the_glossary_is_in_the_code() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "bot").rglob("*.py"))
    rows = re.findall(r"(?m)^\| ([^|`]+) \| (`[^|]+) \| ([^|]+) \| ([^|]+) \|$", GLOSSARY)
    assert len(rows) > 80
    names = [(word, name) for word, cell, _, _ in rows for name in re.findall(r"`([^`]+)`", cell)]
    files = (ROOT / "bot").rglob("*.py")
    modules = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files}
    modules |= {one.removesuffix(".__init__") for one in modules} | {"rules.yaml"}
    foreign = [(word, name) for word, name in names if name not in modules]
    assert [one for one in foreign if not re.search(rf"\b{re.escape(one[1])}\b", code)] == []
    assert all(re.search("[а-яё]", russian) for _, _, russian, _ in rows)


ODD = re.compile(
    r"\b(?:of which|anew|of whoever|thereof|for want of|disks? (?:lies?|tells?|wants?|knows?))\b", re.IGNORECASE
)
# Folders whose comments have been read for this; add yours.
PLAIN = ("bot/model", "bot/parsing", "bot/language", "bot/rules", "bot/rendering")
PLAIN_PAGES = (
    "CONTRIBUTING.md", "docs/flow.md", "docs/operations.md", "docs/decisions.md", "docs/glossary.md",
)  # fmt: skip


@pytest.mark.parametrize("place", [*PLAIN, *PLAIN_PAGES])
def test_words_that_a_newcomer_reads_twice_do_not_come_back(place: str) -> None:
    files = [ROOT / place] if place.endswith(".md") else sorted((ROOT / place).rglob("*.py"))
    lines = [(file.name, line) for file in files for line in file.read_text("utf-8").splitlines()]
    assert len(lines) > 50
    assert [one for one in lines if ODD.search(one[1])] == []
