"""What a letter costs grows with its size and no faster: hostile shapes are read within a reader's limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from desk import ROOT
from shapes import SHAPES

from bot.language.word_classes import Lexicon
from bot.model import Envelope
from bot.workers.parser_pool import FULL, ParserPool

ENVELOPE = Envelope(letter="x", received=datetime(2026, 5, 4, tzinfo=UTC), mail_from="eve@evil.example")


@pytest.fixture
async def pool() -> AsyncIterator[ParserPool]:
    made = ParserPool((ROOT / "rules.yaml").read_bytes(), 1, FULL)
    yield made
    made.close()


async def test_hostile_shapes_are_read_in_the_time_that_a_letter_has(pool: ParserPool) -> None:
    for name, (shape, size) in SHAPES.items():
        letter = await pool.read(shape(size), ENVELOPE)
        assert letter.requester.email == "eve@evil.example", name


class Counted(dict[str, set[int]]):
    """A dictionary that counts how often it is asked."""

    asked = 0

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        self.asked += 1
        return super().get(key, default)  # type: ignore[arg-type]


def test_a_word_without_end_is_looked_up_as_far_as_words_go() -> None:
    lexicon = Lexicon()
    number = lexicon.number(frozenset(("предупре*", "сер*")))
    lexicon._starts = Counted(lexicon._starts)
    assert lexicon.look("серверная") == (frozenset((number,)),)
    lexicon.look("а1" * 50_000)
    assert lexicon._starts.asked < 20
