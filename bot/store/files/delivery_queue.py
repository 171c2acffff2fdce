"""Which outgoing letters of the files wait to leave, and since when; what a delivery's result may change; when a ticket rests."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from bot.model import Delivery, Outgoing, Status, Ticket
from bot.store.interface import UNFINISHED, Due

Key = tuple[int, str, int]  # ticket or 0, place of the record or "", number of the letter
Look = Callable[[int, str], tuple[Outgoing, ...]]  # the letters of a ticket or a record, as they are now; OSError where the disk cannot tell
AGAIN = timedelta(minutes=1)  # before a letter of which the disk could not tell is asked for again


class DeliveryQueue:
    """Letters by the moment at which they may leave. It names them; how they are now is asked of `letters`."""

    def __init__(self, letters: Look) -> None:
        self._letters = letters
        self._heap: list[tuple[datetime, int, str, int, datetime]] = []  # when due, where it stands, when made
        self.given: dict[Key, datetime] = {}  # and since when they may leave
        self.newest: datetime | None = None  # when the youngest of them was made
        self._ill: list[tuple[datetime, int, str, int, datetime]] = []  # of these the disk could not tell
        self._again = datetime.max.replace(tzinfo=UTC)  # when they are asked for again

    def schedule(self, number: int, record: str, outgoing: Sequence[Outgoing]) -> None:
        """Those of these letters that wait."""
        for one in outgoing:
            if one.state == Delivery.waiting:
                heapq.heappush(self._heap, (one.due, number, record, one.id, one.created))
                self.newest = max(one.created, self.newest or one.created)

    def due(self, now: datetime, limit: int) -> list[Due]:
        """Letters that may leave, the oldest first; each is given out once until it is `back`."""
        found: list[Due] = []
        if self._ill and not self._again - AGAIN <= now < self._again:
            for again in self._ill:
                heapq.heappush(self._heap, again)
            self._ill.clear()
        while self._heap and self._heap[0][0] <= now and len(found) < limit:
            due, number, record, ident, created = entry = heapq.heappop(self._heap)
            try:
                one = next((one for one in self._letters(number, record) if one.id == ident), None)
            except OSError:  # it keeps no other letter
                self._again = self._again if self._ill else now + AGAIN
                self._ill.append(entry)
                continue
            key = (number, record, ident)
            if one is not None and one.state is Delivery.waiting and one.due == due and key not in self.given:
                self.given[key] = max(due, created)
                found.append(Due(ticket=number, record=record, letter=one))
        return found

    def in_hand(self, results: Sequence[Due]) -> list[Due]:
        """Those that have been given out."""
        return [one for one in results if (one.ticket, one.record, one.letter.id) in self.given]

    def back(self, results: Sequence[Due]) -> None:
        """What became of letters is on disk; one that still waits is given out again."""
        for one in results:
            self.given.pop((one.ticket, one.record, one.letter.id), None)
            self.schedule(one.ticket, one.record, [one.letter])

    def next(self) -> datetime | None:
        """When the next one may leave."""
        return min([one[0] for one in self._heap[:1]] + [self._again] * bool(self._ill), default=None)

    def counted(self) -> tuple[int, datetime | None]:
        """How many wait or are in hand, and since when the first of them could have left: one is due before it
        was made where it goes ahead of others.
        """
        # One that is tried again stands here twice: as its ticket was written, and as it came back.
        since = self.given | {tuple(key): max(due, created) for due, *key, created in (*self._heap, *self._ill)}
        return len(since), min(since.values(), default=None)


def newer(one: Outgoing, changed: Outgoing | None) -> Outgoing:
    """The delivery's result, unless the letter has been taken back, or another daemon has sent it, meanwhile."""
    return one if changed is None or one.state not in UNFINISHED else changed


def rests(ticket: Ticket, now: datetime, reopen_days: int) -> bool:
    """True when nothing about the ticket can change by itself any more."""
    if ticket.status is not Status.done or ticket.done_at is None or now - ticket.done_at < timedelta(days=reopen_days):
        return False
    waits = any(one.state in (Delivery.waiting, Delivery.held) for one in ticket.outgoing)
    return not waits and not any(now - (one.done_at or one.created) < timedelta(days=1) for one in ticket.outgoing)
