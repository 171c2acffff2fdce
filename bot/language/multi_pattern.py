"""Searches for many words in one pass over a text; and reads the data files of this package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any, Generic, TypeVar

import ahocorasick
from ruamel.yaml import YAML

Owner = TypeVar("Owner")


class MultiPattern(Generic[Owner]):
    """Words with their owners. A pass costs the same, however many words there are."""

    def __init__(self, words: Iterable[tuple[str, Owner]]) -> None:
        self._owners: dict[str, list[Owner]] = {}
        self._automaton = ahocorasick.Automaton()
        for word, owner in words:
            self._owners.setdefault(word, []).append(owner)
            self._automaton.add_word(word, word)
        self._automaton.make_automaton()

    def find(self, text: str) -> Iterator[tuple[int, int, Owner]]:
        """Start and end of every word found in `text`, once for each of its owners."""
        for last, word in self._automaton.iter(text) if self._owners else ():
            for owner in self._owners[word]:
                yield last + 1 - len(word), last + 1, owner


@lru_cache
def shipped(name: str) -> Any:
    """The contents of data/<name>.yaml."""
    return YAML(typ="safe", pure=True).load((files("bot.language") / "data" / f"{name}.yaml").read_bytes())
