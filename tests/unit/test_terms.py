"""terms.yaml: what is wrong with one is named with its place, and every line that the desk says is in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from spoken import EN, RU, SHIPPED

from bot.app.context_loading import missing
from bot.rendering.templates import TemplateError, Templates
from bot.rules import load
from bot.tickets.alerts import advice

ROOT = Path(__file__).resolve().parents[2]
RUSSIAN = SHIPPED.files["ru/terms.yaml"]


def mistakes(source: str) -> list[str]:
    changed = Templates({**SHIPPED.files, "ru/terms.yaml": source}, "Europe/Moscow")
    return [str(one) for one in changed.check(required=()) if "no letter uses it" not in str(one)]


def test_the_shipped_ones_are_whole() -> None:
    assert mistakes(RUSSIAN) == []


@pytest.mark.parametrize(("old", "new", "told"), [
    ("  done: Выполнено", "  done Выполнено", "templates/ru/terms.yaml:10: is not YAML"),
    ("  done: Выполнено\n", "", "templates/ru/terms.yaml: status.done is missing"),
    ("\npriority:\n", "\nprioritet:\n", "templates/ru/terms.yaml: Object contains unknown field `prioritet`"),
    ("\nhours:\n", "\nhours:\n  siesta: да\n", "templates/ru/terms.yaml: Object contains unknown field `siesta` - at `hours`"),
    ("  until: до {}\n", "", "templates/ru/terms.yaml: lines.until is missing; en/terms.yaml has it"),
    ("  until: до {}\n", "  until: до срока\n", "templates/ru/terms.yaml: lines.until has 0 values, in en/terms.yaml it has 1"),
    ("  until: до {}\n", "  until: до {\n", "templates/ru/terms.yaml: lines.until: a value is written {}, or {0}, {1} …: до {"),
    ("  until: до {}\n", "  until: до {0.__class__}\n", "templates/ru/terms.yaml: lines.until: a value is written {}"),
    ("  until: до {}\n", "  until: [до]\n", "templates/ru/terms.yaml: Expected `str`, got `array` - at `lines[...]`"),
    (", декабря]", "]", "templates/ru/terms.yaml: dates.months needs 12 names"),
])  # fmt: skip
def test_a_mistake_is_named_with_its_place(old: str, new: str, told: str) -> None:
    assert old in RUSSIAN
    found = mistakes(RUSSIAN.replace(old, new))
    assert any(one.startswith(told) for one in found), found


def test_values_may_change_places() -> None:
    assert mistakes(re.sub(r"( {2}label_on: ).*", r"\1метка {0}", RUSSIAN)) == []


def test_a_command_without_its_help_is_named() -> None:
    files = {file: re.sub(r"  sla:\n    help: .*\n", "", text) if file.endswith("terms.yaml") else text for file, text in SHIPPED.files.items()}
    policy = load((ROOT / "rules.yaml").read_bytes())
    told = missing(policy, Templates(files, "Europe/Moscow"))
    assert told == [f"templates/{language}/terms.yaml: commands.sla is missing" for language in ("en", "ru")]


def test_a_language_without_its_own_has_the_english_words() -> None:
    assert SHIPPED.terms("de") is EN
    only_russian = {file: text for file, text in SHIPPED.files.items() if file != "en/terms.yaml"}
    assert Templates(only_russian, "Europe/Moscow").terms("de").language == "ru"
    none = {file: text for file, text in SHIPPED.files.items() if not file.endswith("terms.yaml")}
    with pytest.raises(TemplateError, match=r"templates/de/terms\.yaml: is missing"):
        Templates(none, "Europe/Moscow").terms("de")


def test_a_third_language_is_one_file() -> None:
    german = SHIPPED.files["en/terms.yaml"].replace("  done: Done\n", "  done: Erledigt\n").replace("[January", "[Januar")
    templates = Templates({**SHIPPED.files, "de/terms.yaml": german}, "Europe/Berlin")
    assert templates.terms("de").say("done") == "Erledigt"
    assert "Januar" in templates.terms("de").dates.months


def said() -> set[str]:
    """The codes that the desk's modules write down for `say`, `tell`, `told` and refusals."""
    found = set[str]()
    for path in (*(ROOT / "bot" / "tickets").rglob("*.py"), *(ROOT / "bot" / "reports").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            args = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if name in ("say", "tell", "Refusal") and args and not args[0].startswith("notice_"):
                found.add(args[0])
            if name == "nudged":
                found |= {f"why_{one}" for one in args[:1]}
            if name == "Wrong":
                found |= {str(one.value.value) for one in node.keywords if one.arg == "reason" and isinstance(one.value, ast.Constant)}
    return found


def test_every_line_that_is_said_is_there() -> None:
    codes = said()
    assert len(codes) > 80
    assert codes - RU.lines.keys() == set()


def test_advice_is_there_for_some_causes_alone() -> None:
    assert "DESK_RETURN=plain" in advice("sender", EN)
    assert advice("weather", EN) == ""
