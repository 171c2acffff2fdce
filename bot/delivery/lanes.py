"""Whose turn it is on the few connections to the relay: letters that hang must not hold the others.

A letter begins in the quick lane. If it has no answer within the lane's patience it goes on in the slow lane, and the next
one begins. No domain has more than its share of both. Where the slow lane is full and others wait, the letter that has hung
longest there is cut off and is tried later with more patience. One whose text is out must not be cut off, for it may have
been taken: it waits for its answer beside the lanes, and takes no room in them.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

REMEMBERED = 600.0  # seconds for which a domain that hung goes behind the others


class Slot:
    """A letter's right to a connection. `cut` ends it where it hangs, None while it cannot be ended; once its
    text `is_out` it must not be.
    """

    def __init__(self, domain: str, tries: int, began: float) -> None:
        self.domain, self.tries, self.began = domain, tries, began
        self.quick, self.was_cut = True, False
        self.cut: Callable[[], None] | None = None
        self.is_out: Callable[[], bool] = bool


class Lanes:
    """Belongs to one event loop. `quick` letters at a time in the first lane, `most` in both, `beside` them waiting for
    an answer to their text, `share` of one domain.
    """

    def __init__(self, quick: int, most: int, beside: int, share: int, patience: float, hangs: float) -> None:
        """In seconds: `patience` of the quick lane; `hangs` before a letter is cut off at its first try, three times that at each next."""
        self._quick, self._most, self._beside, self._share = quick, most, beside, share
        self._patience, self._hangs = patience, hangs
        self._lowered, self._lowered_until = most, 0.0
        self._slots: set[Slot] = set()
        self._out: set[Slot] = set()  # of those whose text is out
        self._queue: list[tuple[bool, bool, int, Slot, asyncio.Future[None]]] = []
        self._number = 0
        self._hung: dict[str, float] = {}
        self._look: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def slot(self, domain: str, tries: int) -> AsyncIterator[Slot]:
        """Waits for a turn: first tries before retries, and domains that hung a short while ago last."""
        loop = asyncio.get_running_loop()
        slot, turn, self._number = Slot(domain, tries, loop.time()), loop.create_future(), self._number + 1
        heapq.heappush(self._queue, (self._has_hung(domain), tries > 0, self._number, slot, turn))
        self._grant()
        try:
            await turn
            yield slot
        finally:
            self._slots.discard(slot)
            self._out.discard(slot)
            if slot.was_cut or loop.time() - slot.began > self._hangs * 10:
                self._hung[domain] = loop.time()
            self._grant()

    @property
    def taken(self) -> int:
        """How many letters have a turn."""
        return len(self._slots) + len(self._out)

    def lower(self, most: int) -> None:
        """The relay takes no more connections than that, for a while."""
        self._lowered, self._lowered_until = max(1, most), asyncio.get_running_loop().time() + REMEMBERED

    def lift(self) -> None:
        """Everybody has a turn at once; what hangs is cut off."""
        self._quick = self._most = self._beside = self._share = 1_000_000
        self._lowered_until, self._hung = 0.0, {}
        self._grant()
        for slot in [slot for slot in self._slots if slot.cut and not slot.quick and not slot.is_out()]:
            self._end(slot)

    def _has_hung(self, domain: str) -> bool:
        now = asyncio.get_running_loop().time()
        self._hung = {one: at for one, at in self._hung.items() if now - at < REMEMBERED}
        return domain in self._hung

    def _grant(self) -> None:
        """Gives turns to those that wait, as far as there is room; sets the clock for the next look."""
        now = asyncio.get_running_loop().time()
        for slot in self._slots:
            slot.quick = slot.quick and now - slot.began < self._patience
        self._out |= {slot for slot in self._slots if not slot.quick and slot.is_out()}
        self._slots -= self._out
        quick = sum(slot.quick for slot in self._slots)
        most = self._most if now >= self._lowered_until else min(self._most, self._lowered - len(self._out))
        taken, later = Counter(slot.domain for slot in (*self._slots, *self._out)), []
        while self._queue and quick < min(self._quick, most) and len(self._out) < self._beside:
            entry = heapq.heappop(self._queue)
            *_, slot, turn = entry
            if turn.done():  # whoever waited has gone away
                continue
            if taken[slot.domain] >= (1 if entry[0] and self._hung else self._share):
                later.append(entry)
                continue
            if len(self._slots) >= most and not self._cut(now):
                later.append(entry)
                break
            slot.began = now
            self._slots.add(slot)
            taken[slot.domain] += 1
            quick += 1
            turn.set_result(None)
        for entry in later:
            heapq.heappush(self._queue, entry)
        self._again(now)

    def _cut(self, now: float) -> bool:
        """Cuts off the letter that has hung longest; whether there was one."""
        late = [slot for slot in self._slots if now - slot.began >= self._hangs * 3**slot.tries]
        hanging = [slot for slot in late if slot.cut and not slot.is_out()]
        slot = min(hanging, key=lambda one: one.began, default=None)
        if slot is None:
            return False
        self._end(slot)
        return True

    def _end(self, slot: Slot) -> None:
        slot.was_cut = True
        self._slots.discard(slot)
        if slot.cut:
            slot.cut()

    def _again(self, now: float) -> None:
        """Looks again when a letter leaves the quick lane, or may be cut off, while others wait."""
        if self._look:
            self._look.cancel()
            self._look = None
        moments = [slot.began + self._patience for slot in self._slots if slot.quick]
        moments += [slot.began + self._hangs * 3**slot.tries for slot in self._slots]
        ahead = [moment for moment in moments if moment > now]
        if self._queue and ahead:
            self._look = asyncio.get_running_loop().call_at(min(ahead), self._grant)
