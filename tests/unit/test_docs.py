"""What an admin may set, write or call is described where he looks, and what is described exists."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import typer.main
from desk import ROOT
from pydantic import BaseModel

from bot.cli import app
from bot.rendering.templates import _filters
from bot.rules import conditions, schema
from bot.settings import Settings, _variable

PAGES = {path.name: path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")} | {"README.md": (ROOT / "README.md").read_text("utf-8")}
OPERATIONS, RULES, TEMPLATES = PAGES["operations.md"], PAGES["rules.md"], PAGES["templates.md"]
COMMANDS = typer.main.get_command(app).commands


def part(page: str, title: str) -> str:
    """The text under a heading, up to the next of its rank."""
    marks = title.split(" ")[0]
    found = re.search(rf"(?ms)^{re.escape(title)}.*?(?=^#{{1,{len(marks)}}} |\Z)", page)
    assert found, title
    return found[0]


def test_every_setting_has_its_row_and_every_row_a_setting():
    rows = re.findall(r"(?m)^\| ((?:`DESK_\w+`(?:, )?)+) \|", part(OPERATIONS, "## Settings"))
    listed = [name for row in rows for name in re.findall(r"DESK_\w+", row)]
    assert sorted(listed) == sorted(_variable(name) for name in Settings.model_fields)


def test_every_command_has_its_row_and_every_option_that_is_named_exists():
    text = part(OPERATIONS, "## Commands")
    rows = [line for line in text.splitlines() if line.startswith("| `run.py")]
    for name, command in COMMANDS.items():
        mine = [row for row in rows if re.search(rf"`run\.py {name}\b", row)]
        assert len(mine) == 1, f"run.py {name}"
        for sub in getattr(command, "commands", ()):
            assert re.search(rf"\b{sub}`", mine[0]), f"run.py {name} {sub}"
        options = {option for one in (command, *getattr(command, "commands", {}).values()) for param in one.params for option in param.opts}
        options |= {option for param in command.params for option in param.secondary_opts}
        others = {option for row_name in re.findall(r"`run\.py ([a-z]+)", mine[0]) for param in COMMANDS[row_name].params for option in param.opts}
        assert set(re.findall(r"(?<![\w-])--[a-z-]+", mine[0])) <= options | others, name
    for page, words in PAGES.items():
        for name in re.findall(r"`(?:python )?run\.py ([a-z]+)", words):
            assert name in COMMANDS, f"{page} names run.py {name}"


SECTIONS = [
    ("## The desk", [schema.DeskSection]),
    ("## The calendar", [schema.CalendarSection, schema.ExceptionDay]),
    ("## Announcements", [schema.Announcement]),
    ("## People", [schema.People, schema.Agent, schema.Department]),
    ("## Times and caps", [schema.Periods, schema.Sla, schema.Caps]),
    ("## Grounds", [schema.GroundSection]),
    ("## Resolutions", [schema.ResolutionSection]),
    ("## Clauses", [schema.Clauses]),
    ("## Rules", [schema.Rule, schema.Examples, schema.ExampleLetter, schema.Effect, conditions.Condition, conditions.HeaderTest]),
]


@pytest.mark.parametrize(("title", "models"), SECTIONS)
def test_every_key_of_the_rules_is_described(title, models):
    text = part(RULES, title)
    if title == "## Rules":
        effects = part(RULES, "### Effects")
        assert [key for key in schema.Effect.model_fields if not described(key, effects)] == []
    wanted = {field.alias or name for model in models for name, field in model.model_fields.items()}
    assert sorted(key for key in wanted if not described(key, text)) == []


def described(key: str, text: str) -> bool:
    return bool(re.search(rf"\b{key}:|`{key}`", text))


def test_no_section_of_the_rules_is_left_out():
    here = {model for _, models in SECTIONS for model in models}
    models = {one for one in vars(schema).values() if isinstance(one, type) and issubclass(one, BaseModel) and one.__module__ == schema.__name__}
    assert models - here <= {schema.Section, schema.Named, schema.Outcome}


def test_links_that_letters_and_the_form_point_to_are_described():
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "templates").rglob("*") if path.is_file())
    wanted = set(re.findall(r'links\.get\("(\w+)"\)', sources)) | set(re.findall(r"\blinks\.(\w+) is", sources))
    assert {"privacy", "install"} <= wanted
    desk = part(RULES, "## The desk")
    assert all(f"    {name}: https" in desk for name in wanted)


def test_every_letter_and_filter_is_described():
    which = part(TEMPLATES, "## Which letter is which")
    for folder in ("ru", "en"):
        for path in (ROOT / "templates" / folder).glob("[a-z]*.txt"):
            kind = path.stem.partition("_")[0]
            whole = {"ground": "ground_GROUND", "topic": "topic_TOPIC", "resolved": "resolved_RESOLUTION"}.get(kind, path.stem)
            assert f"`{whole}`" in which, path.name
    for name in re.findall(r"`([a-z_]+)`", "".join(re.findall(r"(?m)^\| ([^|]+) \|", which))):
        assert (ROOT / "templates" / "ru" / f"{name}.txt").exists(), name
    filters = set(re.findall(r"(?m)^\| `(\w+)` \| `\{\{", TEMPLATES))
    assert filters == set(_filters(None, None))  # type: ignore[arg-type]  # no filter is called here


def test_the_ready_answer_of_the_page_is_the_shipped_one():
    example = re.search(r"#template (\w+)\n {4}(\w+): ", part(TEMPLATES, "## Ready answers"))
    assert example
    assert f"{{{{ {example[2]} }}}}" in (ROOT / "templates" / "en" / "answers" / f"{example[1]}.txt").read_text("utf-8")


def test_the_sample_letters_are_written_as_the_page_says(tmp_path):
    [command] = re.findall(r"python (tests/look\.py) FOLDER", TEMPLATES)
    done = subprocess.run([sys.executable, command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "ru" / "reply-full.txt").read_text("utf-8").startswith("Subject: [PF-12]")
    assert "<html" in (tmp_path / "en" / "notice_new-bare.html").read_text("utf-8")


def test_the_map_of_the_house_names_every_room():
    table = PAGES["architecture.md"].partition("| room | what is in it |")[2]
    rooms = {f"bot/{path.name}" + "/" * path.is_dir() for path in (ROOT / "bot").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert set(re.findall(r"`(bot/\w+(?:/|\.py))`", table)) == rooms - {"bot/__init__.py"}


def test_pages_that_are_linked_are_there_with_their_headings():
    for page, text in PAGES.items():
        for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(((?!http)[^)\s]+)\)", text)):
            path = (ROOT if page == "README.md" else ROOT / "docs") / (target or page)
            assert path.exists(), f"{page} points to {target}"
            if anchor:
                heads = [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in re.findall(r"(?m)^#+ (.*)$", path.read_text("utf-8"))]
                assert anchor in heads, f"{page}: {target}#{anchor}"


@pytest.mark.parametrize(("page", "name"), [("performance.md", "measured"), ("scaling.md", "figures"), ("scaling.md", "arithmetic")])
def test_the_tables_that_bench_writes_have_their_marks(page: str, name: str) -> None:
    assert len(re.findall(rf"(?s)<!-- {name} by bench/all.py.*?-->\n.*<!-- /{name} -->", PAGES[page])) == 1
