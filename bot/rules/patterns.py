"""Admins' regular expressions: run only where they can match, and never longer than their limit.

A pattern that exceeds the limit is stopped, reported once, and not run again until the rules change. If
several do so on one letter, the remaining patterns are skipped, so that no letter waits long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import regex

from bot.language.multi_pattern import MultiPattern
from bot.rules.conditions import FLAGS, Leaf

LIMIT = 0.05  # seconds for one pattern on one text
MOST_CUT = 5  # patterns that may be stopped on one letter
MOST_FITS = 5
_ESCAPE = re.compile(r"\\(?:[pPN]\{[^}]*\}|.)", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?[^\]]*\]")
_GROUP = re.compile(r"\([^()]*\)(?:[*+?]|\{[^}]*\})*")
_RUN = re.compile(r"[^\W_]+(?=([*?{]?))")


def required(pattern: str) -> str:
    """The longest run of letters and digits that every match of the pattern contains, in lower case, or "".

    Only plain text outside groups and classes counts: to miss a run costs time, a wrong one would cost a hit.
    """
    bare = _CLASS.sub("\n", _ESCAPE.sub("\n", pattern))
    if re.search(r"\(\?[a-zA-Z]*x", bare):
        return ""
    while (inner := _GROUP.sub("\n", bare)) != bare:
        bare = inner
    if "|" in bare or "(" in bare or ")" in bare:
        return ""
    best = max((match[0][:-1] if match[1] else match[0] for match in _RUN.finditer(bare)), key=len, default="")
    return best.lower() if len(best) > 2 else ""


class Patterns:
    """All patterns of the rules."""

    def __init__(self, leaves: Iterable[Leaf]) -> None:
        self.all = [(leaf, text, regex.compile(text, FLAGS)) for leaf in leaves for text in leaf.value]
        needed = [required(text) for _, text, _ in self.all]
        self.always = [number for number, literal in enumerate(needed) if not literal]
        self.sieve = MultiPattern((literal, number) for number, literal in enumerate(needed) if literal)
        self.cut: set[str] = set()

    def find(self, text: str, slow: set[str]) -> Iterator[tuple[Leaf, list[tuple[int, int]]]]:
        """The leaves whose patterns match, with offsets; adds patterns stopped on this text to `slow`."""
        for number in sorted({number for _, _, number in self.sieve.find(text.lower())}.union(self.always)):
            leaf, source, compiled = self.all[number]
            if fits := self.fits(source, compiled, text, slow):
                yield leaf, fits

    def fits(self, source: str, compiled: Any, text: str, slow: set[str]) -> list[tuple[int, int]]:
        """Where a pattern matches."""
        if source in self.cut or len(slow) >= MOST_CUT:
            return []
        try:
            found = compiled.finditer(text, timeout=LIMIT, concurrent=True)
            return [fit.span() for fit, _ in zip(found, range(MOST_FITS), strict=False) if fit[0]]
        except TimeoutError:
            self.cut.add(source)
            slow.add(source)
            return []
