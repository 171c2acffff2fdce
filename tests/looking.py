"""What a store has, as any unit of work sees it."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.model import Ticket
from bot.store.interface import Lookup, Store, TicketSummary

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)  # tickets and rows do not depend on it


async def ticket_of(store: Store, number: int) -> Ticket | None:
    """A ticket, live or filed."""
    async with store.unit_of_work() as unit:
        return (await unit.find(Lookup(letter="", requester="", tickets=(number,)), NOW)).tickets.get(number)


async def rows_of(store: Store) -> list[TicketSummary]:
    """The live tickets, by number."""
    async with store.unit_of_work() as unit:
        return list((await unit.find(Lookup(letter="", requester="", rows=True), NOW)).rows)
