"""The inbox as the running desk has it: letters given out to be handled, one daemon's alone, over the Maildir of `inbox`."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import datetime

from bot.model import Envelope, Parked
from bot.store.files.inbox import Inbox

LOOK_AGAIN = 5.0  # seconds
AT_HAND = 4 * 1024 * 1024  # bytes of letters that need not be read from the disk again, since they have just been written


class FileLetters:
    """The port `Letters` on files. Belongs to one event loop; what blocks on the disk is short, but for `take`, which waits with others."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.changed = asyncio.Event()
        self._line: deque[str] = deque()
        self._known: set[str] = set()  # in the line, or given out
        self._at_hand: dict[str, tuple[Envelope, bytes]] = {}
        self._room = AT_HAND
        self._looked = float("-inf")
        self.changed.set()

    def _look(self) -> None:
        """Takes into the line what another process (`deliver`) has put into the inbox, the oldest first.
        Raises OSError.
        """
        self._looked = time.monotonic()
        self.inbox.clear()
        if fresh := [ident for ident in self.inbox.waiting() if ident not in self._known]:
            self.inbox.settle()
        for ident in fresh:
            self._queue(ident)

    def _queue(self, ident: str) -> None:
        if ident not in self._known:
            self._known.add(ident)
            self._line.append(ident)
            self.changed.set()

    async def take(self, raw: bytes, envelope: Envelope) -> None:
        """See the interface; letters that come at the same time share the syncs."""
        await self.inbox.take(raw, envelope)
        if len(raw) <= self._room:
            self._room -= len(raw)
            self._at_hand[envelope.letter] = envelope, raw
        self._queue(envelope.letter)

    async def claim(self, limit: int) -> list[str]:
        """See the interface. The folder is looked at when the line is empty, and now and then."""
        if not self._line or time.monotonic() - self._looked > LOOK_AGAIN:
            self._look()
        return [self._line.popleft() for _ in range(min(limit, len(self._line)))]

    async def release(self, letter: str) -> None:
        """See the interface."""
        if letter in self._known:  # else it has been set aside, and the trouble came after that
            self._known.discard(letter)
            self._queue(letter)

    async def read(self, letter: str) -> tuple[Envelope, bytes]:
        """See the interface."""
        return self._handed(letter) or self.inbox.read(letter)

    def _handed(self, letter: str) -> tuple[Envelope, bytes] | None:
        """The letter, if it is at hand; it is so once."""
        if found := self._at_hand.pop(letter, None):
            self._room += len(found[1])
        return found

    async def has(self, letter: str) -> bool:
        """See the interface."""
        return self.inbox.has(letter)

    async def done(self, letter: str) -> None:
        """See the interface."""
        self.inbox.done(letter)
        self._known.discard(letter)

    async def park(self, letter: str, reason: str, trace: str, now: datetime) -> None:
        """See the interface."""
        self.inbox.park(letter, reason, trace, now)
        self._known.discard(letter)

    async def retry(self, letter: str) -> None:
        """See the interface."""
        self.inbox.retry(letter)
        self._queue(letter)

    async def drop(self, letter: str, now: datetime) -> None:
        """See the interface."""
        self.inbox.drop(letter, now)

    async def waiting(self) -> tuple[int, str]:
        """See the interface."""
        waiting = self.inbox.waiting()
        return len(waiting), waiting[0] if waiting else ""

    async def parked(self) -> list[Parked]:
        """See the interface."""
        return self.inbox.parked()

    async def erase(self, letter: str, left: tuple[Envelope, bytes] | None = None) -> None:
        """See the interface."""
        self._handed(letter)
        self.inbox.rewrite(*left) if left else self.inbox.erase(letter)

    async def remove_leftovers(self, now: datetime) -> int:
        """See the interface."""
        return self.inbox.remove_leftovers(now)

    async def close(self) -> None:
        """See the interface."""
