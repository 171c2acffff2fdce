"""One look at a desk on files, and the decision that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence, Set
from datetime import datetime

from msgspec.structs import replace

from bot.model import Decision, Ticket
from bot.store.port import Found, Question, Window
from bot.store.register import Register
from bot.store.windows import Windows


class FileTurn:
    """One look at the desk; see bot.store.port.Turn."""

    def __init__(
        self, register: Register, windows: Windows, get: Callable[[int], Ticket | None],
        certain: Callable[[Question], None], given: Set[tuple[int, str, int]],
    ) -> None:  # fmt: skip
        """`certain` raises OSError for a question that cannot be answered so far; `given` are the outgoing
        letters that have been given out.
        """
        self.decision, self.repeated = Decision(), ""
        self._register, self._windows, self._get = register, windows, get
        self._certain, self._given = certain, given

    async def find(self, question: Question, now: datetime) -> Found:
        """Everything that the decision needs."""
        self._certain(question)
        found = self._register.find(question, now)
        self.repeated = question.letter if found.repeated else ""
        wanted = [*question.tickets, found.by_reference]
        tickets: dict[int, Ticket] = {}
        while wanted:
            number = wanted.pop()
            ticket = self._get(number) if number and number not in tickets else None
            if ticket is not None:
                tickets[number] = ticket
                wanted.append(ticket.merged_into)
        people = {ticket.requester.email for ticket in tickets.values()} - found.senders.keys()
        senders = {**found.senders, **{person: self._register.sender(person, now) for person in people}}
        return replace(found, tickets=tickets, senders=senders)

    async def ticket(self, number: int) -> Ticket | None:
        """A ticket, live or filed."""
        return self._get(number)

    async def tickets(self, numbers: Collection[int]) -> dict[int, Ticket]:
        """See the port."""
        return {number: ticket for number in numbers if (ticket := self._get(number))}

    async def room(self, windows: Sequence[Window], now: datetime) -> Window | None:
        """See the port."""
        return self._windows.room(windows, now)

    async def leaving(self, numbers: Collection[int]) -> frozenset[tuple[int, int]]:
        """See the port."""
        return frozenset((number, ident) for number, _, ident in self._given if number in numbers)

    def commit(self, decision: Decision) -> None:
        """Takes the decision over when the turn's block is left."""
        self.decision = decision
