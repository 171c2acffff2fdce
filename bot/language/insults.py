"""Insults of the reader or the staff, by lemma: «ваш Борис — тупое создание», “what a bunch of muppets”.

Strong nouns insult wherever they stand, unless they are about the writer, somebody else or a film. Weak ones (animals,
rubbish) need a bad adjective or a link to the reader: «вы», «ваш», a word for staff or the name of an agent, and between
them only words that mean nothing. The words are in data/insults.yaml. Linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from bot.language.multi_pattern import shipped
from bot.language.word_forms import forms

_SENTENCE = re.compile(r"[^.!?…;\n]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ABOUT_WHAT = frozenset(["для", "про", "о", "об", "обо", "for", "about"])
_ABOUT = frozenset(["для", "про", "о", "об", "обо", "за", "как", "словно", "будто", "не", "for", "about", "like", "not", "против"])
EXACT = ("you", "self")  # kinds of words in no other form than the listed ones
REACH = 5  # words between the reader and the insult


class Word(NamedTuple):
    """A word of a text: its offsets, itself, and the kinds of the data file that it belongs to."""

    start: int
    end: int
    text: str
    kinds: frozenset[str]


@lru_cache(1)
def kinds() -> dict[str, frozenset[str]]:
    """Every form of every word of the data file, with its kinds."""
    found: dict[str, set[str]] = {}
    for kind, lemmas in shipped("insults").items():
        for lemma in lemmas:
            plural = {lemma + "s", lemma[:-1] + "ies"} if lemma.isascii() and kind not in EXACT else set()
            for form in {lemma.lstrip("=")} if kind in EXACT or lemma[0] == "=" else {*forms(lemma), *plural}:
                found.setdefault(form, set()).add(kind)
    return {form: frozenset(one) for form, one in found.items()}


def words(text: str, start: int = 0, end: int | None = None) -> list[Word]:
    """The words of a normalised text, with their kinds; names of agents count as staff."""
    known = kinds()
    found = _WORD.finditer(text, start, len(text) if end is None else end)
    return [Word(*one.span(), one[0], known.get(one[0].replace("'", "").replace("’", ""), frozenset())) for one in found]


def insults(text: str, agents: frozenset[str] = frozenset()) -> Iterator[tuple[int, int]]:
    """Where a normalised text insults; `agents` are first names and surnames of the staff, in lower case."""
    known, none = kinds(), frozenset[str]()
    if not any(known.get(one[0], none) & TESTS.keys() for one in _WORD.finditer(text)):
        return
    for sentence in _SENTENCE.finditer(text):
        line = words(text, *sentence.span())
        line = [one._replace(kinds=one.kinds | {"staff"}) if one.text in agents else one for one in line]
        for at, one in enumerate(line):
            if any(TESTS[kind](line, at) for kind in one.kinds & TESTS.keys()):
                yield one.start, one.end


def _linked(line: list[Word], at: int) -> bool:
    """Whether the reader or the staff stand before, with nothing that means something between; or right behind."""
    for back in range(at - 1, max(at - 2 - REACH, -1), -1):
        one = line[back]
        if one.kinds & {"you", "staff"} or (one.text == "вас" and back and line[back - 1].text == "из"):
            return not any("works" in other.kinds for other in line[max(at - REACH, 0) : at + REACH])
        if one.text in _ABOUT or not one.kinds & {"fill", "bad", "your", "weak", "strong", "flock"}:
            return False
    return False


def _strong(line: list[Word], at: int) -> bool:
    before = line[max(at - 4, 0) : at]
    if (at and line[at - 1].text in ("не", "not", "за", "like")) or any(one.text in _ABOUT_WHAT for one in before[-3:]):
        return False
    if any("self" in one.kinds for one in before) and not any(one.kinds & {"you", "staff", "your"} for one in before):
        return False
    if at + 1 < len(line) and "self" in line[at + 1].kinds:
        return False  # «дура я старая»
    around = line[max(at - REACH, 0) : at + REACH]
    if at and line[at - 1].text in _ABOUT and not any(one.kinds & {"you", "your", "staff"} for one in around):
        return False
    near = line[max(at - 3, 0) : at + 4]
    return not any(one.kinds & {"others", "works", "said"} for one in near) or _linked(line, at)


def _weak(line: list[Word], at: int) -> bool:
    one, before = line[at], line[max(at - 3, 0) : at]
    near = line[max(at - REACH, 0) : at + REACH]
    if any("self" in other.kinds for other in before) or (at and before[-1].text in _ABOUT):
        return False
    beside = [*before[-1:], *line[at + 1 : at + 2], *(before[-2:-1] if before and before[-1].text == "of" else ())]
    if one.kinds & {"human", "staff"}:  # people and operators, unless they are said to be stupid
        return any("curt" in other.kinds for other in beside) and _linked(line, at)
    bad = any(other.kinds & {"bad", "flock"} and other.text not in ("полный", "последний") for other in beside)
    if any(other.kinds & {"works", "others", "animals", "said"} for other in near):
        return _linked(line, at)
    if "accused" in one.kinds:  # «вы мошенники» is a claim, not an insult
        return bad
    instead = [other.text for other in line[at + 1 : at + 3]] in (["а", "не"], ["not", "a"])
    return bad or _linked(line, at) or (instead and any("staff" in other.kinds for other in line[at + 3 : at + 5]))


def _curt(line: list[Word], at: int) -> bool:
    """An adjective that ends what is said of the reader, or stands before a word for staff."""
    behind = line[at + 1] if at + 1 < len(line) else None
    if behind and "staff" in behind.kinds:
        return True
    ends = behind is None or bool(behind.kinds & {"you", "fill", "weak", "strong"}) or behind.text in ("на", "and")
    return (ends or (at > 0 and "you" in line[at - 1].kinds)) and _linked(line, at)


TESTS: dict[str, Callable[[list[Word], int], bool]] = {"strong": _strong, "weak": _weak, "curt": _curt}
