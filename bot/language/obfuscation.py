"""Obfuscated words: is this run of letters and signs a listed word with hidden or exchanged letters?

A run becomes a row of units. Each unit says which letters it may mean: "b" is б or в, "sh" is ш or сх, "*" is
up to two letters of any kind. A listed form is found if the units cover it from its first letter to its last.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_ENGLISH = {"0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "@": "aou", "$": "s", "!": "i"}
HEAD = 3  # letters that tell for most words that no listed word begins so
_STARS = "*#@$%&"
_STARRED = re.compile(r"([а-я]{1,3})\*{2,}([а-я]{1,4})")
_SOFT = frozenset("дтлнс")
_RUSSIAN_PART = re.compile(r"(?P<gap>(?:[^\w]|_)+)|\w")
_LATIN_PART = re.compile(r"shch|sch|[yji][aoue]|[sczk]h|ts|[yui][iyj](?![aoeu])|(?P<gap>(?:[^\w]|_)+)|\w")
_ENGLISH_PART = re.compile(r"[@$!]|(?P<gap>(?:[^\w]|_)+)|\w")


class Unit(NamedTuple):
    """What a unit may mean: one of `pieces`, or `least` to `most` letters of any kind."""

    pieces: tuple[str, ...]
    least: int = 0
    most: int = 0

    @property
    def vague(self) -> bool:
        """Whether two letters beside it are too few: a single stop or hyphen, or stars that hide more."""
        return not self.pieces and ((self.least, self.most) == (0, 1) or self.least > 1)


class Form(NamedTuple):
    """A whole word of the list. `core` = (start, end) are the letters of its root."""

    word: str
    entry: str
    level: str
    core: tuple[int, int]


class Forms:
    """The words of a list, recognised although they are obfuscated."""

    def __init__(self, forms: Iterable[Form], latin: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """`latin`: what Latin letters and digits mean in Russian words; empty for English words."""
        self._latin = latin
        self.words: dict[str, Form] = {}
        self._index: dict[tuple[str, str], list[Form]] = defaultdict(list)
        for form in forms:
            if self.words.setdefault(form.word, form) is form:
                self._index[form.word[0], form.word[-1]].append(form)
        self.heads = frozenset(word[:HEAD] for word in self.words)
        self._firsts = sorted({first for first, _ in self._index})
        self._lasts = sorted({last for _, last in self._index})

    def meant(self, run: str) -> Form | None:
        """The form that `run` (normalised letters and signs, without blanks) means, or None."""
        units = self._units(run)
        known = sum(1 for unit in units if unit.pieces)
        if known < 2 or (known == 2 and any(unit.vague for unit in units)):
            return None
        blind = known > 3 and "**" in run
        firsts = {piece[0] for piece in units[0].pieces} or self._firsts
        lasts = {piece[-1] for piece in units[-1].pieces} or self._lasts
        for first in firsts:
            for last in lasts:
                for form in self._index.get((first, last), ()):
                    if _covers(units, form, known, blind):
                        return form
        return None

    def starred(self, run: str) -> Form | None:
        """The form whose ends `run` shows, with a star for each letter between; an obscene one first."""
        found = _STARRED.fullmatch(run)
        forms = self._index.get((run[0], run[-1]), ()) if found else ()
        fit = (form for form in forms if found and len(form.word) == len(run) and form.word.startswith(found[1]) and form.word.endswith(found[2]))
        plain = sorted((form for form in fit if form.word.isalpha()), key=lambda form: form.level != "obscene")
        return plain[0] if plain and (plain[0].level == "obscene" or plain[0].entry == "говно") else None

    def _units(self, run: str) -> list[Unit]:
        if self._latin is None:
            return [_gap(part[0]) if part["gap"] else Unit((part[0], *_ENGLISH.get(part[0], ""))) for part in _ENGLISH_PART.finditer(run)]
        parts = _LATIN_PART if run.isascii() else _RUSSIAN_PART
        return [_gap(part[0]) if part["gap"] else self._letter(part[0], run.isascii()) for part in parts.finditer(run)]

    def _letter(self, sign: str, soft: bool) -> Unit:
        """What a letter or digit means; with `soft` also soft consonants: transliteration drops the ь."""
        assert self._latin is not None
        pieces = self._latin.get(sign, (sign,))
        if soft:
            pieces += tuple(piece + "ь" for piece in pieces if piece in _SOFT)
        return Unit((), 1, 1) if sign.isdigit() and sign not in self._latin else Unit(pieces)


def _gap(signs: str) -> Unit:
    """Signs separate letters or hide some: a star one or two, a row of stars about that many."""
    count = len(signs)
    if count == 1:
        return Unit((), 0, 2 if signs in _STARS or signs > "\u2600" else 1)
    return Unit((), 1, count + 2) if count == 2 or signs[0] not in _STARS else Unit((), count - 1, count)


def _covers(units: list[Unit], form: Form, known: int, blind: bool) -> bool:
    """Whether the units make up the form and leave enough of it visible.

    Enough is half of its letters, and the beginning or half of its root. With `blind` (a row of stars in a
    long word, which hardly means anything else) the whole root may be hidden.
    """
    states = {0: (0, 0)}  # place in the form -> fewest hidden letters of root and of word
    start, end = form.core
    for unit in units:
        after: dict[int, tuple[int, int]] = {}
        for place, (root, hidden) in states.items():
            for piece in unit.pieces:
                if form.word.startswith(piece, place):
                    _keep(after, place + len(piece), (root, hidden))
            for length in range(unit.least, unit.most + 1) if not unit.pieces else ():
                inside = max(0, min(place + length, end) - max(place, start))
                _keep(after, place + length, (root + inside, hidden + length))
        states = after
        if not states:
            return False
    root, hidden = states.get(len(form.word), (99, 99))
    return hidden <= known and (blind or 2 * root <= end - start or (start == 0 and bool(units[0].pieces)))


def _keep(states: dict[int, tuple[int, int]], place: int, cost: tuple[int, int]) -> None:
    if place not in states or cost < states[place]:
        states[place] = cost
