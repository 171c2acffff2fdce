"""Searches for phrases with gaps in a text that is cut into words. Every search is linear in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bot.language.normalisation import Normalised
from bot.model import Span


class Token(NamedTuple):
    """A word of the text: as compared, its classes, its offsets in the original, and its sentence."""

    word: str
    classes: frozenset[int]
    start: int
    end: int
    sentence: int


@dataclass(frozen=True)
class Tokens:
    """The subject or text of a letter, or a header, cut into words, with the places of every word class."""

    where: str
    text: str
    normalised: Normalised
    items: tuple[Token, ...]
    places: dict[int, list[int]]
    ends: dict[tuple[int, int], int]  # for members of several words: (class, first token) -> last token

    def span(self, start: int, end: int) -> Span:
        """The span between original offsets; long evidence is shortened in the middle."""
        words = " ".join(self.text[start:end].split())
        return Span(where=self.where, start=start, end=end, words=words if len(words) < 200 else f"{words[:120]} … {words[-60:]}")

    def words(self, first: int, last: int) -> Span:
        """The span from one token to another."""
        return self.span(self.items[first].start, self.items[last].end)


@dataclass(frozen=True, slots=True)
class Step:
    """The next word of a phrase: its class, how many other words may precede it, and which ones may not."""

    number: int
    gap: int = 0
    forbidden: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Phrase:
    """Words that follow each other in one sentence; `after` must not follow them."""

    steps: tuple[Step, ...]
    after: frozenset[int] = frozenset()

    @property
    def numbers(self) -> frozenset[int]:
        """The classes that it needs."""
        return frozenset(step.number for step in self.steps)

    def find(self, tokens: Tokens, fillers: frozenset[int]) -> list[tuple[int, int]]:
        """First and last token of each occurrence of the phrase. Linear in the text for a given phrase."""
        places = tokens.places
        for step in self.steps:
            if step.number not in places:
                return []
        items = tokens.items
        first = self.steps[0]
        begins = (at for at in places[first.number] if not (first.forbidden and self._before(items, at, first.forbidden)))
        reached = {tokens.ends.get((first.number, at), at): at for at in begins}  # last token so far -> first of the phrase
        for step in self.steps[1:]:
            if not reached:
                return []
            reached = self._onward(tokens, reached, step, fillers)
        return [(start, end) for end, start in reached.items() if not (self.after and self._behind(items, end))]

    @staticmethod
    def _onward(tokens: Tokens, reached: dict[int, int], step: Step, fillers: frozenset[int]) -> dict[int, int]:
        items, onward = tokens.items, dict[int, int]()
        for last, start in reached.items():
            left, at, sentence = step.gap, last + 1, items[last].sentence
            spare = 2
            while at < len(items) and items[at].sentence == sentence:
                classes = items[at].classes
                end = at if step.number in classes else tokens.ends.get((step.number, at), -1)
                if end >= 0:
                    onward[end] = max(start, onward.get(end, -1))
                if step.forbidden & classes:
                    break
                if spare and fillers & classes:
                    spare -= 1
                elif left:
                    left -= 1
                else:
                    break
                at += 1
        return onward

    @staticmethod
    def _before(items: tuple[Token, ...], at: int, forbidden: frozenset[int]) -> bool:
        return any(items[i].sentence == items[at].sentence and items[i].classes & forbidden for i in (at - 1, at - 2) if i >= 0)

    def _behind(self, items: tuple[Token, ...], at: int) -> bool:
        near = items[at + 1 : at + 3]
        return any(item.sentence == items[at].sentence and item.classes & self.after for item in near)


Parts = tuple[tuple[Phrase, ...], ...]  # joined by `&`, each with its variants


def stands(parts: Parts, tokens: Tokens, fillers: frozenset[int]) -> list[tuple[int, int]]:
    """First and last token around all parts of a phrase, for each place where one sentence has them."""
    places = [[hit for phrase in variants for hit in phrase.find(tokens, fillers)] for variants in parts]
    if len(places) == 1:
        return places[0]
    by_sentence = [{tokens.items[first].sentence: (first, last) for first, last in hits} for hits in places]
    shared = sorted(set.intersection(*map(set, by_sentence)))
    edges = [[hits[sentence] for hits in by_sentence] for sentence in shared]
    return [(min(first for first, _ in edge), max(last for _, last in edge)) for edge in edges]
