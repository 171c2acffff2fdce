"""docs/regulation.md keeps its word: every clause has a key, a letter and a test that are really there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from spoken import SHIPPED

from bot.rendering.contexts import ToRequester
from bot.rendering.samples import cases
from bot.rendering.templates import REQUIRED, Templates

ROOT = Path(__file__).parent.parent.parent
CLAUSES = ["1.2", "2.1", "2.2", "2.3", "2.4", "3.1", "3.2", "3.3", "4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.7", "5.1", "5.2", "6", "7"]
ROWS = {
    cells[0]: cells
    for line in (ROOT / "docs" / "regulation.md").read_text("utf-8").splitlines()
    if re.match(r"\| \d", line) and (cells := [cell.strip(" `") for cell in line.strip("|").split("|")])
}
RULES = YAML(typ="safe").load((ROOT / "rules.yaml").read_text("utf-8"))


@pytest.mark.parametrize("clause", CLAUSES)
def test_every_clause_has_its_key_letter_and_test(clause: str) -> None:
    """A clause that nobody proves is a promise that nobody keeps."""
    _, what, key, template, test = ROWS[clause]
    assert what
    place = {rule["id"]: rule for rule in RULES["rules"]} if key.startswith("rules.") else RULES
    for part in key.removeprefix("rules.").split("."):
        assert part in place, f"rules.yaml has no {key}"
        place = place[part]
    for language in ("ru", "en"):
        assert (ROOT / "templates" / language / f"{template}.txt").exists()
    assert (ROOT / test).exists(), f"there is no {test}"


def test_no_letter_to_a_requester_names_a_due_time() -> None:
    """Clause 2.3: requesters are told of reaction time, as the regulation speaks of it, and of no due time."""
    sources = {str(path.relative_to(ROOT / "templates")): path.read_text("utf-8") for path in (ROOT / "templates").rglob("*.txt")}
    sources |= {file: text for file, text in SHIPPED.files.items() if file.endswith("terms.yaml")}
    sources["layout.html"] = (ROOT / "templates" / "layout.html").read_text("utf-8")
    templates, seen = Templates(sources, "Europe/Moscow"), 0
    for name in REQUIRED:
        for language in ("ru", "en"):
            for _, context in cases(name, language):
                if isinstance(context, ToRequester):
                    seen += 1
                    text = templates.render(name, context).text
                    assert not re.search(
                        r"срок (?:выполнения|решения|исправления)|\b(?:24|48|96) час|due (?:time|date|by)|within \d+ hours", text, re.IGNORECASE
                    ), text
    assert seen > 50
