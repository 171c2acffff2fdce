"""One look at a desk on files, and the decision that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from datetime import datetime

from msgspec.structs import replace

from bot.model import Decision, Ticket
from bot.store.index import TicketIndex
from bot.store.interface import KnownFacts, Lookup, Window
from bot.store.rate_limit import RateLimiter


class FileUnitOfWork:
    """One look at the desk; see bot.store.interface.UnitOfWork."""

    def __init__(
        self, index: TicketIndex, windows: RateLimiter, get: Callable[[int], Ticket | None],
        certain: Callable[[Lookup], None], given: Set[tuple[int, str, int]],
    ) -> None:  # fmt: skip
        """`certain` raises OSError for a question that cannot be answered so far; `given` are the outgoing
        letters that have been given out.
        """
        self.decision, self.repeated = Decision(), ""
        self._index, self._windows, self._get = index, windows, get
        self._certain, self._given = certain, given

    async def find(self, lookup: Lookup, now: datetime) -> KnownFacts:
        """Everything that the decision needs."""
        self._certain(lookup)
        known = self._index.find(lookup, now)
        self.repeated = lookup.letter if known.repeated else ""
        wanted = [*lookup.tickets, known.by_reference]
        tickets: dict[int, Ticket] = {}
        while wanted:
            number = wanted.pop()
            ticket = self._get(number) if number and number not in tickets else None
            if ticket is not None:
                tickets[number] = ticket
                wanted.append(ticket.merged_into)
        people = {ticket.requester.email for ticket in tickets.values()} - known.senders.keys()
        senders = {**known.senders, **{person: self._index.sender(person, now) for person in people}}
        leaving = frozenset((number, ident) for number, _, ident in self._given if lookup.leaving and number in tickets)
        return replace(known, tickets=tickets, senders=senders, leaving=leaving)

    async def room(self, windows: Sequence[Window], now: datetime) -> Window | None:
        """See the interface."""
        return self._windows.room(windows, now)

    def commit(self, decision: Decision) -> None:
        """Takes the decision over when the unit's block is left."""
        self.decision = decision
