"""Clause 4.2: what information a letter gives and what it leaves out, judged by content, not by length alone.

Words that tell nothing by themselves (greetings, pleas, «не работает», «сайт») are listed in
data/information.yaml. The others describe the problem: two of them, or one in a question or beside «не могу»,
make a usable description.
"""

from __future__ import annotations

import re

from bot.language.multi_pattern import shipped
from bot.language.phrases import Token, Tokens
from bot.language.software_versions import Software
from bot.language.word_classes import Lexicon, Phrasebook
from bot.language.word_forms import is_name
from bot.model import Letter

ENOUGH = 2  # meaningful words that make a description
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_SIGNED = re.compile(r"(?:(?i:regards|cheers|thanks|thank you|sincerely|ta|wishes|yours)[^.!?\n]{0,20}\s|\n\s*)[A-Z][a-z]+(?: [A-Z][a-z]+)?\W*\Z")
_APART = re.compile(_LINK.pattern + r"|\+?\d[\d\s()-]{8,16}\d", re.IGNORECASE)  # links, and telephone numbers


class Content:
    """Distinguishes empty words from meaningful ones; its words are in the lexicon of all rules."""

    def __init__(self, lexicon: Lexicon) -> None:
        book = Phrasebook({}, lexicon)
        number = {name: lexicon.number(book.members("/".join(items))) for name, items in shipped("information").items()}

        def classes(*names: str) -> frozenset[int]:
            return frozenset(number[name] for name in names)

        self.empty = classes("function", "courtesy", "trouble", "service")
        self.courtesy, self.marking = classes("courtesy", "function"), classes("question", "trouble")
        self.question, self.attempt, self.steps, self.device = map(classes, ("question", "attempt", "steps", "device"))

    def telling(self, token: Token, tokens: Tokens) -> bool:
        """Whether a word is meaningful by itself; a person's name is not."""
        if token.classes & self.empty or (len(token.word) < 3 and not token.word.isdigit()):
            return False
        return not self.named(token, tokens)

    @staticmethod
    def named(token: Token, tokens: Tokens) -> bool:
        """Whether it is somebody's name, as in «Здравствуйте, Анна», or an English one under the letter."""
        if not tokens.text[token.start].isupper():
            return False
        if not token.word.isascii():
            return is_name(token.word)
        return len(tokens.text) - token.end < 40 and bool(_SIGNED.search(tokens.text, max(token.start - 40, 0)))

    def told(self, parts: tuple[Tokens, ...]) -> set[str]:
        """The different meaningful words of subject and text; a link counts as one word."""
        found: set[str] = set()
        for tokens in parts:
            found.update(match[0].lower() for match in _LINK.finditer(tokens.text))
            hidden = {place for match in _APART.finditer(tokens.text) for place in range(*match.span())}
            for token in tokens.items:
                if token.start not in hidden and self.telling(token, tokens):
                    found.add(token.word[:6])  # the forms of a word count once
        return found

    def lacks(self, letter: Letter, parts: tuple[Tokens, ...], software: tuple[Software, ...]) -> tuple[str, ...]:
        """What clause 4.2 asks for and the letter lacks: description, steps, environment, screenshot …"""
        told, items = self.told(parts), [item for tokens in parts for item in tokens.items]
        tried = any(item.classes & self.attempt for item in items)
        asks = any("?" in tokens.text for tokens in parts) or any(item.classes & self.question for item in items)
        picture = any(item.accepted and not item.logo for item in letter.attachments)
        missing = {
            "description": len(told) < ENOUGH and not (told and (asks or tried)) and not picture,
            "question": not asks,
            "steps": sum(bool(item.classes & self.steps) for item in items) < 2,
            "environment": not software and not any(item.classes & self.device for item in items),
            "screenshot": not picture,
        }
        return tuple(name for name, lacking in missing.items() if lacking)

    def asking(self, tokens: Tokens) -> list[tuple[int, int]]:
        """Offsets of pieces that ask, report trouble or say much; courtesy and names ask nothing."""
        found = []
        for piece in pieces(tokens):
            start, end = piece[0].start, piece[-1].end
            if self.says(piece, tokens, "?" in tokens.text[end : end + 3], least=2):
                found.append((start, end))
        return found

    def says(self, piece: list[Token], tokens: Tokens, asks: bool = False, least: int = 1) -> bool:
        """Whether a piece asks, reports trouble, or has so many words that tell something."""
        content = [item for item in piece if not item.classes & self.courtesy and not self.named(item, tokens)]
        marked = asks or any(item.classes & self.marking or item.word in ("не", "not") for item in piece)
        return bool(content) and (marked or sum(self.telling(item, tokens) for item in content) >= least)


def pieces(tokens: Tokens) -> list[list[Token]]:
    """Sentences, also cut at commas and at «и», «а», «также»: one sentence may ask several things."""
    pieces: list[list[Token]] = [[]]
    before: Token | None = None
    for item in tokens.items:
        gap = tokens.text[before.end : item.start] if before else ""
        new = before is None or item.sentence != before.sentence or (gap != " " and any(mark in gap for mark in ",;:—–\n("))
        if new or item.word in ("и", "а", "также", "еще", "and", "also", "but", "но"):
            pieces.append([])
        pieces[-1].append(item)
        before = item
    return [piece for piece in pieces if piece]
