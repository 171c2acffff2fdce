"""The rules' questions about a letter's words and pictures, answered once per letter, in the parser process.

Whatever the number of rules, words and phrases cost one dictionary look-up for each word of the letter, and
substrings one pass of an Aho-Corasick automaton. Patterns run one by one under a time limit. A pattern that
exceeds it is stopped, reported under `SLOW`, and not run again until the rules change.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import regex

from bot.language import abuse
from bot.language.completeness import Content, pieces
from bot.language.guards import Guards
from bot.language.multi_pattern import MultiPattern
from bot.language.normalisation import normalise
from bot.language.phrases import Parts, Tokens, stands
from bot.language.software_versions import Finder, Software, meets
from bot.language.word_classes import Lexicon, Phrasebook, cut
from bot.language.word_forms import forms, plain
from bot.model import Envelope, Letter, Span
from bot.rules.conditions import FLAGS, TEXT_KINDS, HeaderTest, Leaf, leaves
from bot.rules.loading import load
from bot.rules.patterns import Patterns
from bot.rules.policy import Policy

SLOW = "!slow"  # reserved key: patterns stopped by their time limit, one span each, with the pattern as words
LACKS = "!lacks"  # reserved key: what the letter lacks of clause 4.2, one span each
ASKING = "!asking"  # reserved key: the pieces of the letter that ask for something
GUARDED = "!guarded"  # reserved key: the parts of the letter that are not about the writer's request, with the reason as words
VERSION = "!rules:"  # reserved prefix: the version of the rules that the letter was matched with
MOST = 5  # spans kept for one leaf
LONGEST_SUBJECT = 1000  # characters that are judged
_REPLY = re.compile(r"\s*(re|aw|sv|fwd?|отв|ответ|на|ha|пересл|пер)\s*(\[\d+\]|\(\d+\))?\s*:", re.IGNORECASE)
_TAG = re.compile(r"\[\s*[a-z][a-z0-9]{0,9}\s*-\s*\d+\s*\]", re.IGNORECASE)

_FIRST = Letter(
    envelope=Envelope(letter="", received=datetime.fromtimestamp(0, UTC), mail_from=""), text="Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 бл*"
)

Matches = dict[str, tuple[Span, ...]]


@dataclass(frozen=True)
class _Item:
    """One phrase of a leaf: all its parts must be in one sentence."""

    leaf: Leaf
    parts: Parts


@dataclass
class _Found:
    """What is known about a letter while it is matched."""

    letter: Letter
    parts: tuple[Tokens, ...]
    software: dict[str, tuple[Software, ...]]
    spans: dict[str, list[Span]] = field(default_factory=dict)
    slow: set[str] = field(default_factory=set)

    def add(self, key: str, spans: Iterable[Span]) -> None:
        """Keeps the first few different spans of a key; a key without spans is left out."""
        for span in spans:
            kept = self.spans.setdefault(key, [])
            if len(kept) < MOST and span not in kept:
                kept.append(span)


class Matcher:
    """The compiled questions of one version of the rules."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.lexicon = Lexicon()
        self.book = Phrasebook(policy.vocabulary, self.lexicon)
        self.finder, self.content, self.guards = Finder(self.lexicon), Content(self.lexicon), Guards(self.lexicon)
        names = (word for agent in policy.people.agents for word in (*agent.name.split(), re.split(r"[^a-z]", agent.address)[0]))
        self.agents = frozenset(form for name in names for form in forms(plain(name)))
        self.phrases: list[_Item] = []
        self.words: dict[int, list[Leaf]] = {}  # by the number of the word's class
        self.others: list[Leaf] = []
        self.only: list[tuple[Leaf, frozenset[int]]] = []
        every = {leaf.key: leaf for rule in policy.rules for leaf in leaves(rule.node) if leaf.kind in TEXT_KINDS}.values()
        for leaf in every:
            if leaf.kind in ("words", "phrases"):
                for text in leaf.value:
                    self._phrase(leaf, self.book.read(text))
            elif leaf.kind in ("only", "each"):
                steps = (step for text in leaf.value for part in self.book.read(text) for phrase in part for step in phrase.steps)
                self.only.append((leaf, frozenset(step.number for step in steps)))
            else:
                self.others.append(leaf)
        self.by_anchor = self._index()
        self.literals = MultiPattern((normalise(text).text, leaf) for leaf in every if leaf.kind == "contains" for text in leaf.value)
        self.patterns = Patterns(leaf for leaf in every if leaf.kind == "pattern")
        self.match(_FIRST)  # loads now what is loaded at first use, before a letter waits for it

    def _phrase(self, leaf: Leaf, parts: Parts) -> None:
        phrase = parts[0][0]
        if len(parts) == len(parts[0]) == len(phrase.steps) == 1 and not phrase.after and not phrase.steps[0].forbidden:
            self.words.setdefault(phrase.steps[0].number, []).append(leaf)
        else:
            self.phrases.append(_Item(leaf, parts))

    def _index(self) -> dict[int, list[tuple[frozenset[int], _Item]]]:
        """Phrases by their rarest class, so that only few of them are tried on a letter."""
        used = Counter(number for item in self.phrases for phrase in item.parts[0] for number in phrase.numbers)
        found: dict[int, list[tuple[frozenset[int], _Item]]] = {}
        for item in self.phrases:
            for phrase in item.parts[0]:
                found.setdefault(min(phrase.numbers, key=lambda number: (used[number], number)), []).append((phrase.numbers, item))
        return found

    # ------------------------------------------------------------------------------------------------------- matching

    def match(self, letter: Letter) -> Matches:
        """Every leaf about words and pictures that holds: key -> original words; also the reserved keys."""
        texts = [("text", letter.text)]
        if letter.subject and not _REPLY.match(letter.subject) and not _TAG.search(letter.subject):
            texts.insert(0, ("subject", letter.subject[:LONGEST_SUBJECT]))  # of a reply or forward it repeats somebody's words
        parts = tuple(cut(text, self.lexicon, where) for where, text in texts)
        found = _Found(letter, parts, {part.where: self.finder.find(part) for part in parts})
        for part in parts:
            self._phrases(part, found)
            for start, end, leaf in self.literals.find(part.normalised.text):
                if leaf.asks(part.where):
                    found.add(leaf.key, (part.span(*part.normalised.span(start, end)),))
            for leaf, fits in self.patterns.find(part.text, found.slow):
                if leaf.asks(part.where):
                    found.add(leaf.key, (part.span(*fit) for fit in fits))
        self._others(found)
        return {key: tuple(spans) for key, spans in found.spans.items()}

    def _phrases(self, part: Tokens, found: _Found) -> None:
        tried: set[int] = set()
        for number, places in part.places.items():
            for leaf in self.words.get(number, ()):
                if leaf.asks(part.where):
                    found.add(leaf.key, (part.words(at, part.ends.get((number, at), at)) for at in places[:MOST]))
            for numbers, item in self.by_anchor.get(number, ()):
                if id(item) not in tried and numbers <= part.places.keys() and item.leaf.asks(part.where):
                    tried.add(id(item))
                    found.add(item.leaf.key, (part.words(*hit) for hit in stands(item.parts, part, self.lexicon.fillers)[:MOST]))

    def _others(self, found: _Found) -> None:
        """What concerns whole parts: abuse, software, headers, what it lacks and asks, the rules' version."""
        letter, text = found.letter, found.parts[-1]
        lacks = self.content.lacks(letter, found.parts, tuple(item for items in found.software.values() for item in items))
        judged = letter.language in ("ru", "en", "")
        if judged:
            found.add(LACKS, (Span(where="text", start=0, end=0, words=word) for word in lacks))
        for leaf in self.others:
            if leaf.kind == "header":
                found.add(leaf.key, self._header(leaf.value, found))
            elif leaf.kind == "lacks" and judged and set(leaf.value) <= set(lacks):
                found.add(leaf.key, (text.span(0, len(text.text.rstrip())),))
        kinds = {leaf.kind for leaf in self.others}
        for part in found.parts:
            insults = abuse.find(part.text, part.normalised, self.agents) if "abuse" in kinds else ()
            for leaf in self.others:
                if leaf.kind == "abuse" and leaf.asks(part.where):
                    fit = (one for one in insults if one.level in leaf.value or (one.aimed and "aimed" in leaf.value))
                    found.add(leaf.key, (part.span(one.start, one.end) for one in fit))
                elif leaf.kind == "software":
                    found.add(leaf.key, (part.span(item.start, item.end) for item in self._software(leaf, part, found)))
            found.spans.setdefault(ASKING, []).extend(part.span(a, b) for a, b in self.content.asking(part)[:50])
        for leaf, numbers in self.only:
            found.add(leaf.key, self._each_says(text, numbers) if leaf.kind == "each" else self._all_within(text, numbers))
        if any(key[0] != "!" for key in found.spans):  # else there is nothing to guard against
            guarded = ((part.where, *one) for part in found.parts for one in self.guards.find(part)[:50])
            found.spans[GUARDED] = [Span(where=where, start=start, end=end, words=why) for where, start, end, why in guarded]
        found.add(SLOW, (Span(where="pattern", start=0, end=0, words=source) for source in sorted(found.slow)))
        found.spans[VERSION + self.policy.digest] = []

    def _software(self, leaf: Leaf, part: Tokens, found: _Found) -> Iterator[Software]:
        named = found.software[part.where]
        for test in leaf.value:
            if test == "outdated":
                yield from self.finder.outdated(part, named, self.policy.versions)
            else:
                yield from (item for item in named if test == "named" or meets(item, test))

    def _header(self, test: HeaderTest, found: _Found) -> Iterator[Span]:
        for name, value in found.letter.headers:
            if name == test.name.lower():
                normalised, value = normalise(value[:2000]).text, value[:2000]
                holds = not (test.contains or test.pattern) or any(normalise(word).text in normalised for word in test.contains)
                if holds or any(self.patterns.fits(text, regex.compile(text, FLAGS), value, found.slow) for text in test.pattern):
                    yield Span(where="header", start=0, end=len(value), words=f"{name}: {value[:150]}")

    def _all_within(self, part: Tokens, numbers: frozenset[int]) -> list[Span]:
        """The whole text as one span if it has some of these words and, besides them, only courtesy."""
        if "?" in part.text or not any(item.classes & numbers for item in part.items):
            return []
        known = numbers | self.content.courtesy
        within = all(item.classes & known or len(item.word) == 1 or self.content.named(item, part) for item in part.items)
        return [part.words(0, -1)] if within else []

    def _each_says(self, part: Tokens, numbers: frozenset[int]) -> list[Span]:
        """The whole text as one span if every piece of it has one of these words, or says nothing by itself."""
        if not numbers & part.places.keys():
            return []
        told = (piece for piece in pieces(part) if not any(item.classes & numbers for item in piece))
        return [] if any(self.content.says(piece, part) for piece in told) else [part.words(0, -1)]


@lru_cache(2)
def matcher(source: bytes) -> Matcher:
    """The matcher of these rules, compiled once per process. Raises RulesError if the rules are bad."""
    return Matcher(load(source))


@lru_cache(2)
def matcher_of(policy: Policy) -> Matcher:
    """The same for a policy that has been loaded already."""
    return Matcher(policy)
