"""The rules' questions about words and pictures, asked once of a letter, in the reader process.

Words and phrases cost one dictionary look-up a word of the letter, substrings one pass of an Aho-Corasick automaton,
whatever the number of rules. Patterns run one by one under a time limit; one that explodes is cut, reported under
`SLOW` and not asked again until the rules change.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import regex

from bot.model import Envelope, Letter, Span
from bot.policy import abuse
from bot.policy.browsers import Finder, Software, meets
from bot.policy.conditions import FLAGS, TEXT_KINDS, HeaderTest, Leaf, leaves
from bot.policy.folding import fold
from bot.policy.information import Content
from bot.policy.loading import load
from bot.policy.patterns import Patterns, automaton
from bot.policy.phrases import Phrase, Tokens
from bot.policy.policy import Policy
from bot.policy.words import LONGEST, Lexicon, Phrasebook, cut

SLOW = "!slow"  # reserved key: patterns that were cut by their limit, one span each with the pattern as its words
LACKS = "!lacks"  # reserved key: what the letter leaves out of clause 4.2, one span each
ASKING = "!asking"  # reserved key: the pieces of the letter that ask for something
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
class _Part:
    """The subject or the text of a letter, cut into words and folded for substrings."""

    where: str
    tokens: Tokens

    def span(self, start: int, end: int) -> Span:
        """Original offsets as a span; long evidence is shortened in the middle."""
        words = " ".join(self.tokens.text[start:end].split())
        return Span(where=self.where, start=start, end=end, words=words if len(words) < 200 else f"{words[:120]} … {words[-60:]}")


@dataclass(frozen=True)
class _Item:
    """One phrase of a leaf: all its parts must stand in one sentence."""

    key: str
    where: str
    parts: tuple[tuple[Phrase, ...], ...]


@dataclass
class _Found:
    """What has been found while one letter is matched."""

    spans: dict[str, list[Span]] = field(default_factory=dict)
    slow: set[str] = field(default_factory=set)

    def add(self, key: str, spans: Iterable[Span]) -> None:
        """Keeps the first few different spans of a key; a key without spans is not there."""
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
        self.finder, self.content = Finder(self.lexicon), Content(self.lexicon)
        self.phrases: list[_Item] = []
        self.words: dict[int, list[tuple[str, str]]] = {}  # class -> (key, where)
        self.literals: dict[str, list[tuple[str, str]]] = {}
        self.others: list[Leaf] = []
        self.only: list[tuple[Leaf, frozenset[int]]] = []
        every = {leaf.key: leaf for rule in policy.rules for leaf in leaves(rule.node) if leaf.kind in TEXT_KINDS}
        for leaf in every.values():
            getattr(self, f"_compile_{leaf.kind}", self._compile_other)(leaf)
        self.by_anchor = self._index()
        self.automaton = automaton(self.literals)
        self.patterns = Patterns(leaf for leaf in every.values() if leaf.kind == "pattern")
        self.levels = bool([leaf for leaf in self.others if leaf.kind == "abuse"])

        if any(leaf.kind in ("abuse", "software") for leaf in self.others):
            self.match(_FIRST)  # what is loaded at first use is loaded now, and not while somebody's letter waits

    # ------------------------------------------------------------------------------------------------------ compiling

    def _compile_phrases(self, leaf: Leaf) -> None:
        for text in leaf.value:
            parts = self.book.read(text)
            phrase = parts[0][0]
            if len(parts) == len(parts[0]) == len(phrase.steps) == 1 and not phrase.after and not phrase.steps[0].forbidden:
                self.words.setdefault(phrase.steps[0].number, []).append((leaf.key, leaf.where))
            else:
                self.phrases.append(_Item(leaf.key, leaf.where, parts))

    def _index(self) -> dict[int, list[tuple[frozenset[int], _Item]]]:
        """Phrases by the class that the fewest of them ask for, so that a letter tries few of them."""
        used = Counter(number for item in self.phrases for phrase in item.parts[0] for number in phrase.numbers)
        found: dict[int, list[tuple[frozenset[int], _Item]]] = {}
        for item in self.phrases:
            for phrase in item.parts[0]:
                found.setdefault(min(phrase.numbers, key=lambda number: (used[number], number)), []).append((phrase.numbers, item))
        return found

    _compile_words = _compile_phrases

    def _compile_contains(self, leaf: Leaf) -> None:
        for text in leaf.value:
            self.literals.setdefault(fold(text).text, []).append((leaf.key, leaf.where))

    def _compile_only(self, leaf: Leaf) -> None:
        numbers = [step.number for text in leaf.value for part in self.book.read(text) for phrase in part for step in phrase.steps]
        self.only.append((leaf, frozenset(numbers)))

    def _compile_other(self, leaf: Leaf) -> None:
        self.others.append(leaf)

    # ------------------------------------------------------------------------------------------------------- matching

    def match(self, letter: Letter) -> Matches:
        """Every leaf about words and pictures that holds, by its key, with the original words; see the reserved keys."""
        parts = self._parts(letter)
        found = _Found()
        for part in parts:
            self._phrases(part, found)
            self._substrings(part, found)
        software = {part.where: self.finder.find(part.tokens) for part in parts}
        self._others(letter, parts, software, found)
        self._about(letter, parts, software, found)
        return {key: tuple(spans) for key, spans in found.spans.items()}

    def _parts(self, letter: Letter) -> tuple[_Part, ...]:
        """Subject and text. The subject of a reply or forward repeats somebody's words and is not judged."""
        texts = [("text", letter.text)]
        if letter.subject and not _REPLY.match(letter.subject) and not _TAG.search(letter.subject):
            texts.insert(0, ("subject", letter.subject[:LONGEST_SUBJECT]))
        return tuple(_Part(where, cut(text, self.lexicon)) for where, text in texts)

    def _phrases(self, part: _Part, found: _Found) -> None:
        tokens, items = part.tokens, part.tokens.items
        tried: set[int] = set()
        for number, places in tokens.places.items():
            for key, where in self.words.get(number, ()):
                if where in ("anywhere", part.where):
                    ends = ((at, tokens.ends.get((number, at), at)) for at in places[:MOST])
                    found.add(key, (part.span(items[at].start, items[end].end) for at, end in ends))
            for numbers, item in self.by_anchor.get(number, ()):
                if id(item) not in tried and numbers <= tokens.places.keys() and item.where in ("anywhere", part.where):
                    tried.add(id(item))
                    found.add(item.key, self._stands(item, part))

    def _stands(self, item: _Item, part: _Part) -> list[Span]:
        """Where a phrase with all its parts stands; parts that are joined by `&` give the sentence's piece around them."""
        items = part.tokens.items
        places: list[dict[int, tuple[int, int]]] = []
        for variants in item.parts:
            hits = [hit for phrase in variants for hit in phrase.find(part.tokens, self.lexicon.fillers)]
            if not hits:
                return []
            if len(item.parts) == 1:
                return [part.span(items[a].start, items[b].end) for a, b in hits[:MOST]]
            places.append({items[a].sentence: (a, b) for a, b in hits})
        shared = set.intersection(*(set(place) for place in places))
        edges = [[place[sentence] for place in places] for sentence in sorted(shared)]
        return [part.span(items[min(a for a, _ in edge)].start, items[max(b for _, b in edge)].end) for edge in edges[:MOST]]

    def _substrings(self, part: _Part, found: _Found) -> None:
        for last, literal in self.automaton.iter(part.tokens.folded.text) if self.literals else ():
            for key, where in self.literals[literal]:
                if where in ("anywhere", part.where):
                    found.add(key, (part.span(*part.tokens.folded.span(last - len(literal) + 1, last + 1)),))
        for leaf, fits in self.patterns.find(part.tokens.text, found.slow):
            if leaf.where in ("anywhere", part.where):
                found.add(leaf.key, (part.span(*fit) for fit in fits))

    def _others(self, letter: Letter, parts: tuple[_Part, ...], software: dict[str, tuple[Software, ...]], found: _Found) -> None:
        insults = {part.where: abuse.find(part.tokens.text) for part in parts} if self.levels else {}
        for leaf in self.others:
            if leaf.kind == "header":
                found.add(leaf.key, self._header(letter, leaf.value, found))
            for part in parts if leaf.kind in ("abuse", "software") else ():
                if leaf.where not in ("anywhere", part.where):
                    continue
                if leaf.kind == "abuse":
                    found.add(leaf.key, (part.span(item.start, item.end) for item in insults[part.where] if item.level in leaf.value))
                else:
                    named = self._software(leaf, part.tokens, software[part.where])
                    found.add(leaf.key, (part.span(item.start, item.end) for item in named))
        for leaf, numbers in self.only:
            found.add(leaf.key, (span for part in parts if part.where == "text" for span in self._all_within(part, numbers)))

    def _software(self, leaf: Leaf, tokens: Tokens, named: tuple[Software, ...]) -> list[Software]:
        kept: list[Software] = []
        for test in leaf.value:
            if test == "outdated":
                kept += self.finder.outdated(tokens, named, self.policy.versions)
            else:
                kept += [item for item in named if test == "named" or meets(item, test)]
        return kept

    def _header(self, letter: Letter, test: HeaderTest, found: _Found) -> list[Span]:
        spans = []
        for name, value in letter.headers:
            if name != test.name.lower():
                continue
            part = _Part("header", cut(value[:2000], self.lexicon))
            folded = part.tokens.folded.text
            holds = not (test.contains or test.pattern) or any(fold(word).text in folded for word in test.contains)
            if holds or any(self.patterns.fits(text, regex.compile(text, FLAGS), value[:2000], found.slow) for text in test.pattern):
                spans.append(Span(where="header", start=0, end=len(value), words=f"{name}: {value[:150]}"))
        return spans

    def _all_within(self, part: _Part, numbers: frozenset[int]) -> list[Span]:
        """The whole text as one span where it holds some of these words and beside them courtesy only."""
        items = part.tokens.items
        if "?" in part.tokens.text or not any(item.classes & numbers for item in items):
            return []
        known = numbers | self.content.courtesy
        if all(item.classes & known or len(item.word) == 1 or self.content.named(item, part.tokens) for item in items):
            return [part.span(items[0].start, items[-1].end)]
        return []

    def _about(self, letter: Letter, parts: tuple[_Part, ...], software: dict[str, tuple[Software, ...]], found: _Found) -> None:
        """What the letter lacks, what it asks, and with which rules it was matched."""
        named = tuple(item for items in software.values() for item in items)
        lacks = self.content.lacks(letter, tuple(part.tokens for part in parts), named)
        if letter.language in ("ru", "en", ""):
            found.add(LACKS, (Span(where="text", start=0, end=0, words=word) for word in lacks))
        evidence = parts[-1].span(0, len(letter.text[:LONGEST].rstrip()))
        for leaf in self.others:
            if leaf.kind == "lacks" and LACKS in found.spans and set(leaf.value) <= set(lacks):
                found.add(leaf.key, (evidence,))
        for part in parts:
            found.spans.setdefault(ASKING, []).extend(part.span(a, b) for a, b in self.content.asking(part.tokens)[:50])
        found.add(SLOW, (Span(where="pattern", start=0, end=0, words=text) for text in sorted(found.slow)))
        found.spans[VERSION + self.policy.digest] = []


@lru_cache(2)
def matcher(source: bytes) -> Matcher:
    """The matcher of these rules, compiled once a process. Raises RulesError for bytes that are no good rules."""
    return Matcher(load(source))


@lru_cache(2)
def matcher_of(policy: Policy) -> Matcher:
    """The same for a policy that is loaded already."""
    return Matcher(policy)
