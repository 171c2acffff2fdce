"""The order of letters: that in which they came, but nobody waits for somebody else's slow one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.letter_order import LetterOrder, Position
from bot.model import Envelope

NOW = datetime(2026, 5, 4, tzinfo=UTC)
EVE, IVAN = "eve@evil.example", "ivan@client.example"


class Desk:
    """Letters on their way, each read when the test says so."""

    def __init__(self) -> None:
        self.line, self.done, self.count = LetterOrder(), list[str](), 0
        self.read: dict[str, asyncio.Event] = {}
        self.again: dict[str, asyncio.Event] = {}
        self.tasks: list[asyncio.Task[None]] = []

    def comes(self, name: str, sender: str = IVAN) -> None:
        """A letter that somebody sends."""
        self.read[name], self.again[name] = asyncio.Event(), asyncio.Event()
        self.tasks.append(asyncio.create_task(self._handled(name, sender, Position(self.line))))

    async def _handled(self, name: str, sender: str, position: Position) -> None:
        envelope = Envelope(letter=name, received=NOW, mail_from=sender, client="192.0.2.1")
        try:
            if position.of(envelope):
                await position.behind()
            await self.read[name].wait()
            if name.startswith("slow"):
                async with position.alone():
                    await self.again[name].wait()
            await position.reached()
            self.done.append(name)
        finally:
            position.end()

    async def settled(self) -> list[str]:
        """What has been decided, when all has happened that can."""
        for _ in range(20):
            await asyncio.sleep(0)
        return self.done


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    for task in made.tasks:
        task.cancel()


async def test_letters_are_decided_in_the_order_in_which_they_came(desk: Desk) -> None:
    for name in "abc":
        desk.comes(name)
    desk.read["c"].set()
    desk.read["b"].set()
    assert await desk.settled() == []
    desk.read["a"].set()
    assert await desk.settled() == ["a", "b", "c"]
    assert desk.line.under_way == 0


async def test_nobody_waits_for_a_slow_letter_but_its_sender(desk: Desk) -> None:
    desk.comes("a")
    desk.comes("slow", EVE)
    desk.comes("b")
    desk.comes("follow-up", EVE)
    for name in ("slow", "b", "follow-up"):
        desk.read[name].set()
    assert await desk.settled() == []  # the first one is not slow: it is waited for
    desk.read["a"].set()
    assert await desk.settled() == ["a", "b"]
    assert desk.line.under_way == 0, "there is room for others"
    desk.comes("later", EVE)
    desk.comes("c")
    desk.read["later"].set()
    desk.read["c"].set()
    assert await desk.settled() == ["a", "b", "c"]
    desk.again["slow"].set()
    assert await desk.settled() == ["a", "b", "c", "slow", "follow-up", "later"]
    assert not desk.line.slow


async def test_slow_letters_go_one_at_a_time_and_their_senders_in_turn(desk: Desk) -> None:
    for number in range(3):
        desk.comes(f"slow{number}", EVE)
    desk.comes("slow of another", "mallory@evil.example")
    for come in desk.read.values():
        come.set()
    await desk.settled()
    for name in ("slow of another", "slow2", "slow1"):
        desk.again[name].set()
    assert await desk.settled() == []
    desk.again["slow0"].set()
    assert await desk.settled() == ["slow0", "slow of another", "slow1", "slow2"]


async def test_a_letter_that_fails_is_in_nobodys_way(desk: Desk) -> None:
    desk.comes("a")
    desk.comes("slow", EVE)
    desk.comes("b", EVE)
    await desk.settled()
    desk.read["slow"].set()
    desk.read["b"].set()
    await desk.settled()
    desk.tasks[1].cancel()
    desk.tasks[0].cancel()
    assert await desk.settled() == ["b"]
    assert (desk.line.under_way, desk.line.slow) == (0, {})

