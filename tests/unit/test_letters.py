"""Every numbered letter is read as its expectation says; each of them teaches one thing."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bot.model import Envelope, Letter
from bot.parsing import read

LETTERS = Path(__file__).parent.parent / "letters"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _attachments(letter: Letter) -> list[dict[str, Any]]:
    return [{"name": file.name, "type": file.type, "accepted": file.accepted, "why": file.why, "logo": file.logo, "inline": file.inline}
            for file in letter.attachments]  # fmt: skip


def _same_files(letter: Letter, wanted: list[dict[str, Any]]) -> bool:
    files = _attachments(letter)
    return len(files) == len(wanted) and all(want.items() <= file.items() for file, want in zip(files, wanted, strict=True))


CHECKS: dict[str, Callable[[Letter, Any], bool]] = {
    "subject": lambda letter, wanted: letter.subject == wanted,
    "from": lambda letter, wanted: [address.email for address in letter.sender] == wanted,
    "name": lambda letter, wanted: letter.requester.name == wanted,
    "text": lambda letter, wanted: _flat(letter.text) == _flat(wanted),
    "text_contains": lambda letter, wanted: all(_flat(words) in _flat(letter.text) for words in wanted),
    "text_lacks": lambda letter, wanted: not any(_flat(words) in _flat(letter.text) for words in wanted),
    "full_text_contains": lambda letter, wanted: all(_flat(words) in _flat(letter.full_text) for words in wanted),
    "full_text_lacks": lambda letter, wanted: not any(_flat(words) in _flat(letter.full_text) for words in wanted),
    "class": lambda letter, wanted: letter.kind == wanted,
    "may_answer": lambda letter, wanted: letter.may_answer is wanted,
    "attachments": _same_files,
    "defects_contain": lambda letter, wanted: all(any(words in defect for defect in letter.defects) for words in wanted),
    "language": lambda letter, wanted: letter.language == wanted,
}


@pytest.mark.parametrize("path", sorted(LETTERS.glob("*.eml")), ids=lambda path: path.stem)
def test_letter(path: Path) -> None:
    expect_path = path.with_suffix(".expect.yaml")
    assert expect_path.exists(), "a letter without an expectation teaches nothing"
    expect = YAML(typ="safe").load(expect_path)
    assert expect.pop("teaches", ""), "an expectation says in one line what the letter teaches"
    assert expect, "an expectation expects something"
    assert not expect.keys() - CHECKS.keys(), "unknown keys"
    envelope = Envelope(letter="1", received=datetime(2026, 11, 1, 12, tzinfo=UTC), mail_from="?")
    letter = read(path.read_bytes(), envelope)
    assert letter.envelope == envelope
    for key, wanted in expect.items():
        assert CHECKS[key](letter, wanted), f"{key}: wanted {wanted!r} of {letter}"


def test_no_expectation_without_a_letter() -> None:
    assert [path.name for path in LETTERS.glob("*.yaml") if not Path(str(path).replace(".expect.yaml", ".eml")).exists()] == []
