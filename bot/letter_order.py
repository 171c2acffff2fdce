"""The order in which letters are decided: that in which they came. Only its sender waits for a slow one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from bot.model import Envelope

SendersKey = tuple[str, str]  # the client that handed a letter over, and the envelope sender that it named


class LetterOrder:
    """What the places share; one a daemon."""

    def __init__(self, moved: Callable[[], None] = lambda: None) -> None:
        """`moved` is called when there may be room in it."""
        self.under_way = 0  # letters that stand in the line, or are being decided
        self.lane = asyncio.Lock()  # for one slow letter; each sender waits with one, so they take turns
        self.slow: dict[SendersKey, Position] = {}  # the last of each sender's slow letters
        self.moved, self.last = moved, _future(done=True)


class Position:
    """One letter's place: behind all others, or, once it is slow, behind the slow ones of its sender."""

    def __init__(self, order: LetterOrder) -> None:
        self._line, self._sender, self._slow, self._counted = order, ("", ""), False, True
        self._before, self._after = order.last, _future()
        order.last = self._after
        order.under_way += 1

    def of(self, envelope: Envelope) -> bool:
        """Says whose letter it is; True where it has to wait for slow ones of theirs."""
        self._sender = envelope.client, envelope.mail_from.lower()
        return not self._slow and self._sender in self._line.slow

    async def behind(self) -> None:
        """Out of the line, until the slow letters of its sender that came before have been decided."""
        self._leave()
        await asyncio.wait([self._before])

    async def reached(self) -> None:
        """Waits for those before it, and lets the next one come: the store's units of work are done in order."""
        await asyncio.wait([self._before])
        if not self._slow and self._sender in self._line.slow:
            await self.behind()
        if not self._slow:
            self._let_pass()
        self._count(True)

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """For a slow letter: out of the line, behind its sender's others, in turn with other senders'."""
        if not self._slow:
            await self.behind()
        async with self._line.lane:
            yield

    def end(self) -> None:
        """The letter is out of the way, whatever became of it."""
        self._let_pass()
        self._count(False)
        if self._line.slow.get(self._sender) is self:
            del self._line.slow[self._sender]

    def _leave(self) -> None:
        self._let_pass()
        self._count(False)
        ahead = self._line.slow.get(self._sender)
        self._slow, self._before, self._after = True, ahead._after if ahead else _future(done=True), _future()
        self._line.slow[self._sender] = self

    def _let_pass(self) -> None:
        """Those behind wait for those before, and for this one no longer."""
        after = self._after

        def come(_: object) -> None:
            if not after.done():
                after.set_result(None)

        self._before.add_done_callback(come)

    def _count(self, counted: bool) -> None:
        self._line.under_way += counted - self._counted
        self._counted = counted
        self._line.moved()


def _future(done: bool = False) -> asyncio.Future[None]:
    future = asyncio.get_running_loop().create_future()
    if done:
        future.set_result(None)
    return future
