"""Abuse: mat, slurs and insults in Russian and English, in any disguise (regulation, clauses 4.2 and 4.6).

The lexicon (data/abuse.yaml) holds roots of the language, not words somebody once wrote. A piece of text without blanks is
looked up in three ways: as it stands (by the patterns of the roots), as a disguise (against whole forms, see `disguise`),
and as typed on the wrong keyboard layout. Spaced letters, broken words and insults aimed at the reader need the
neighbourhood and are looked for in the whole text. Every step is linear in the text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

import ahocorasick
from ruamel.yaml import YAML

from bot.model import Value
from bot.policy.disguise import Form, Forms
from bot.policy.folding import fold

_URL = re.compile(r"(?:https?://|www\.)\S+")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_CHUNK = re.compile(r"\S{1,80}")
_PIECE = re.compile(r"""[^\s,;:()«»„“”<>{}\[\]"]+""")
_RUSSIAN = re.compile(r"[а-я]{2,}")
# A piece with letters hidden or exchanged. Latin ones must show more, since code and names are full of signs.
_MASKED = re.compile(
    r"(?=.*[а-я])(?!\d+[^\wа-я])[*@#$%&!\d]?[а-яa-z\d]*(?:(?:[а-я][a-z\d]|[a-z\d][а-я])|[*@#$%&!?.…_–—|/\\+^~=×•·'’`-]+)[а-яa-z\d*@#$%.…&!?_–—|/\\+^~=×•·'’`-]*"
)
_LATIN_MASKED = re.compile(r"(?=(?:[^a-z]*[a-z]){2})[a-z]+(?:[*@#$!]{1,4}[a-z]+){1,3}|(?=(?:[^a-z]*[a-z]){3})[a-z]+(?:\d[a-z]+){1,3}")
_EDGE = """.,;:!?()[]{}<>«»„“”"'’`|/\\-–—_+=~^&…•·×"""
_MARKS = _EDGE + "*@#$%"
_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?:[\s.\-_*/\\|,~+=•·]{1,3}[^\W\d_](?![^\W_])){2,30}")
_DOUBLED = re.compile(r"([а-я])\1")
_KEYS = str.maketrans("qwertyuiop[]asdfghjkl;'zxcvbnm,.`{}:\"<>~", "йцукенгшщзхъфывапролджэячсмитьбюехъжэбюе")


class Abuse(Value, frozen=True):
    """One finding. `start` and `end` are offsets in the text as given, `words` is what stands there."""

    level: str  # obscene or insult
    root: str  # id of the entry in the lexicon
    start: int
    end: int
    words: str


class Found(NamedTuple):
    """A finding in the folded text."""

    start: int
    end: int
    root: str
    level: str


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


def find(text: str) -> tuple[Abuse, ...]:
    """All abuse in `text`, in its order, no two overlapping. Addresses of mail and web are not language and never match."""
    folded = fold(text)
    plain = folded.text
    if "://" in plain or "www." in plain:
        plain = _URL.sub(lambda url: " " * len(url[0]), plain)
    if "@" in plain:
        plain = _EMAIL.sub(lambda address: " " * len(address[0]), plain)
    found = [
        Found(chunk.start() + start, chunk.start() + end, root, level)
        for chunk in _CHUNK.finditer(plain)
        for start, end, root, level in _in_chunk(chunk[0])
    ]
    found += _spaced(plain) + _broken(plain) + _phrases(plain)
    abuses: list[Abuse] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        start, end = folded.span(one.start, one.end)
        if not abuses or start >= abuses[-1].end:
            abuses.append(Abuse(level=one.level, root=one.root, start=start, end=end, words=text[start:end]))
    return tuple(abuses)


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


@lru_cache(maxsize=1 << 14)
def _in_chunk(chunk: str) -> tuple[Found, ...]:
    """What is found in a run without blanks, by its own offsets."""
    found: list[Found] = []
    for piece in _PIECE.finditer(chunk):
        words = piece[0]
        here = [
            Found(word.start(), word.end(), entry.entry, entry.level) for word in _RUSSIAN.finditer(words) if (entry := _russian(word[0]))
        ] or _disguised(words)
        found += [Found(piece.start() + one.start, piece.start() + one.end, one.root, one.level) for one in here]
    return tuple(found or (_slipped(chunk) if chunk.isascii() else ()))


def _russian(word: str) -> Entry | None:
    """The entry that a word in plain Russian letters belongs to."""
    for entry in lexicon().words.candidates(word):
        if entry.match.search(word) and not (entry.unless and entry.unless.search(word)):
            return entry
    single = _DOUBLED.sub(r"\1", word)
    return _russian(single) if single != word else None


def _disguised(piece: str) -> list[Found]:
    """What a piece means that is no plain Russian word."""
    core = piece.strip(_MARKS) if piece.isascii() or piece[0] == piece[-1] == "*" else piece.strip(_EDGE)
    form = _latin(core) if core.isascii() else _russian_form(core)
    start = piece.find(core)
    return [Found(start, start + len(core), form.entry, form.level)] if form else []


def _russian_form(core: str) -> Form | None:
    russian = lexicon().russian
    return russian.words.get(core) or russian.meant(core) if _MASKED.fullmatch(core) else None


def _latin(core: str) -> Form | None:
    """The English or transliterated word behind `core`."""
    known = lexicon()
    if form := known.english.words.get(core):
        return form
    if core in known.latin_unless or not (core.isalpha() or _LATIN_MASKED.fullmatch(core)):
        return None
    if not core.isalpha() and (form := known.english.meant(core)):
        return form
    return known.russian.meant(core) if known.latin.search(core) else None


def _slipped(chunk: str) -> tuple[Found, ...]:
    """Russian typed on the English layout, as ",kznm"; a sign at its end is a letter only when there is another one before."""
    known = lexicon()
    for core in (chunk, chunk.rstrip("!?)"), chunk.rstrip(".,!?)")):
        form = known.russian.words.get(core.translate(_KEYS))
        if form and form.word.isalpha() and core not in known.latin_unless and (core[-1:].isalpha() or not core[:-1].isalpha()):
            return (Found(0, len(core), form.entry, form.level),)
    return ()


def _spaced(text: str) -> list[Found]:
    """Letters held apart: "б л я", "б.л.я", "ж/о\\п|а"."""
    return [
        Found(run.start(), run.end(), entry.entry, entry.level)
        for run in _SPACED.finditer(text)
        if (entry := _joined(fold("".join(re.findall(r"[^\W_]", run[0]))).text))
    ]


def _joined(word: str) -> Entry | Form | None:
    """Whose word the letters make; a short one in Latin letters is more likely a formula."""
    return (_latin(word) if len(word) > 3 else None) if word.isascii() else _russian(word)


def _broken(text: str) -> list[Found]:
    """Words broken in two by a blank, after a beginning that is no word: "пиз дец"."""
    forms = lexicon().russian.words
    return [
        Found(run.start(), run.end(), form.entry, form.level)
        for run in lexicon().heads.finditer(text)
        if (form := forms.get(run[0].replace(" ", "")))
    ]


def _phrases(text: str) -> list[Found]:
    return [
        Found(run.start(), run.end(), entry.entry, entry.level) for entry in lexicon().phrases.candidates(text) for run in entry.match.finditer(text)
    ]
