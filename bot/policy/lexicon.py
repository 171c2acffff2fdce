"""The lexicon of abuse: bot/policy/data/abuse.yaml, compiled once a process. The file's head says what its keys mean."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

import ahocorasick
from ruamel.yaml import YAML

from bot.policy.disguise import Form, Forms


class Entry(NamedTuple):
    """A root with what belongs to it; see the head of the data file."""

    entry: str
    level: str
    match: re.Pattern[str]
    unless: re.Pattern[str] | None


class Finder:
    """Entries of which only those are tried whose keys are in the text."""

    def __init__(self, entries: Sequence[Entry], keys: Sequence[Iterable[str]]) -> None:
        self._entries = entries
        self._automaton = ahocorasick.Automaton()
        numbers: dict[str, list[int]] = {}
        for number, own in enumerate(keys):
            for key in own:
                numbers.setdefault(key, []).append(number)
        for key, own_numbers in numbers.items():
            self._automaton.add_word(key, tuple(own_numbers))
        self._automaton.make_automaton()

    def candidates(self, text: str) -> list[Entry]:
        """The entries with a key in `text`, in the order of the file."""
        return [self._entries[number] for number in sorted({number for _, numbers in self._automaton.iter(text) for number in numbers})]


class Lexicon(NamedTuple):
    """The data file, compiled."""

    words: Finder
    phrases: Finder
    russian: Forms
    english: Forms
    latin: re.Pattern[str]
    latin_unless: frozenset[str]
    heads: re.Pattern[str]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The shipped lexicon."""
    data = YAML(typ="safe").load((resources.files("bot.policy") / "data" / "abuse.yaml").read_bytes())
    words, phrases, latin = data["russian"], data["phrases"], data["latin"]
    pairs = [pair.split("=") for pair in latin["letters"].split()]
    return Lexicon(
        words=Finder([_entry(item, _alternatives(item["match"])) for item in words], [item["keys"] for item in words]),
        phrases=Finder([_entry(item, _phrase(_alternatives(item["match"]), data["names"])) for item in phrases], [item["keys"] for item in phrases]),
        russian=Forms(_forms(words), {sign: tuple(letters.split(",")) for sign, letters in pairs}),
        english=Forms(_forms(data["english"])),
        latin=re.compile(latin["hint"]),
        latin_unless=frozenset(latin["unless"]),
        heads=re.compile(rf"(?<!\w)(?:{data['heads']})[ ][а-я]{{1,12}}(?!\w)"),
    )


def _entry(item: dict[str, str], match: str) -> Entry:
    return Entry(item["id"], item["level"], re.compile(match, re.MULTILINE), re.compile(item["unless"]) if "unless" in item else None)


def _forms(items: list[dict[str, Any]]) -> list[Form]:
    forms = []
    for item in items:
        for word in itertools.chain.from_iterable(map(_spelled_out, item.get("forms", "").split())):
            start = max(word.find(item["root"]), 0)
            forms.append(Form(word, item["id"], item["level"], (start, start + len(item["root"]))))
    return forms


def _alternatives(patterns: str | list[str]) -> str:
    return patterns if isinstance(patterns, str) else "|".join(patterns)


def _phrase(pattern: str, names: dict[str, str]) -> str:
    """The pattern with the parts put in for their <names>; a blank of it stands for any blanks."""
    whole = re.sub(r"<(\w+)>", lambda name: f"(?:{names[name[1]]})", pattern)
    return whole.replace(" ?", r"\s{0,5}").replace(" ", r"\s{1,5}")


def _spelled_out(form: str) -> list[str]:
    """The words behind `на{ху}{й,я}`: every choice of every brace."""
    parts = [part.split(",") for part in re.split(r"[{}]", form)]
    return ["".join(choice) for choice in itertools.product(*parts)]
