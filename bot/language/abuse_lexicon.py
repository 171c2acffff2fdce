"""The lexicon of abuse: bot/language/data/abuse.yaml, compiled once per process. Its head explains the keys."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from bot.language.multi_pattern import MultiPattern, shipped
from bot.language.obfuscation import Form, Forms


class Entry(NamedTuple):
    """A root and what belongs to it; see the head of the data file."""

    entry: str
    level: str
    match: re.Pattern[str]
    unless: re.Pattern[str] | None


class Finder:
    """Entries that are tried only if one of their keys is in the text."""

    def __init__(self, items: Sequence[dict[str, Any]]) -> None:
        self._entries = [_entry(item) for item in items]
        self._sieve = MultiPattern((key, number) for number, item in enumerate(items) for key in item["keys"])

    def candidates(self, text: str) -> list[Entry]:
        """The entries with a key in `text`, in the order of the file."""
        return [self._entries[number] for number in sorted({number for _, _, number in self._sieve.find(text)})]


class Lexicon(NamedTuple):
    """The data file, compiled."""

    words: Finder
    phrases: Finder
    russian: Forms
    english: Forms
    latin: re.Pattern[str]
    latin_unless: frozenset[str]
    respelled: dict[str, Form]  # forms with letters swapped, dropped or reversed, or by their sound


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The shipped lexicon."""
    data = shipped("abuse")
    words, latin = data["russian"], data["latin"]
    pairs = [pair.split("=") for pair in latin["letters"].split()]
    russian = Forms(_forms(words), {sign: tuple(letters.split(",")) for sign, letters in pairs})
    english = Forms(_forms(data["english"]))
    return Lexicon(
        words=Finder(words),
        phrases=Finder(data["phrases"]),
        russian=russian,
        english=english,
        latin=re.compile(latin["hint"]),
        latin_unless=frozenset(latin["unless"]),
        respelled={
            twisted: form
            for form in (*russian.words.values(), *english.words.values())
            if form.level == "obscene" and form.word.isalpha()
            for twisted in _respellings(form)
        },
    )


def _entry(item: dict[str, Any]) -> Entry:
    """An entry of the file; a blank in its pattern matches any number of blanks."""
    pattern = item["match"] if isinstance(item["match"], str) else "|".join(item["match"])
    pattern = pattern.replace(" ?", r"\s{0,5}").replace(" ", r"\s{1,5}")
    return Entry(item["id"], item["level"], re.compile(pattern, re.MULTILINE), re.compile(item["unless"]) if "unless" in item else None)


_SOUNDS = str.maketrans("оеыэдзж", "аииитсш")


def sound(word: str) -> str:
    """A Russian word by its sound: unstressed vowels, voiced and voiceless alike, no signs or repeats."""
    return re.sub(r"([а-я])\1+|[ъь]", r"\1", word).translate(_SOUNDS)


def _respellings(form: Form) -> Iterator[str]:
    """Spellings that only people read: two letters swapped, no vowel in the root, backwards, by sound.

    Short words are left out: their spellings would be other words."""
    word = form.word
    if len(word) > 4 or word.isascii():
        yield word[::-1]
        yield from (word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1))
    at = form.core[0] + 1
    if len(word) > 4 and re.match("[аиоу][бдйлмнз]", word[at:]):
        yield word[:at] + word[at + 1 :]
    if len(sound(word)) > 5 and "пид" not in word:  # but «питары» live in Saint Petersburg
        yield "~" + sound(word)


def _forms(items: list[dict[str, Any]]) -> list[Form]:
    forms = []
    for item in items:
        for word in itertools.chain.from_iterable(map(_spelled_out, item.get("forms", "").split())):
            start = max(word.find(item["root"]), 0)
            forms.append(Form(word, item["id"], item["level"], (start, start + len(item["root"]))))
    return forms


def _spelled_out(form: str) -> list[str]:
    """The words of `на{ху}{й,я}`: every choice of every brace."""
    parts = [part.split(",") for part in re.split(r"[{}]", form)]
    return ["".join(choice) for choice in itertools.product(*parts)]
