"""The edge of time: looks at the tickets whose moment has come, one unit of work each. `tickets.timers` says what happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.desk import Logger, fair
from bot.model import Decision, Status, Ticket
from bot.store.interface import SET_BACK, AddressFacts, Lookup, Store
from bot.store.summaries import summary_of
from bot.tickets import outages, shares, timers
from bot.tickets.context import DeskContext
from bot.tickets.sla import set_right

Decide = Callable[[Ticket, AddressFacts, DeskContext, datetime], Decision]
BATCH = 500  # tickets that are named at once; letters have their turns between any two
AGAIN = timedelta(minutes=10)  # before a ticket whose timer failed is tried again


class TicketTimers:
    """One a desk. A missed moment is made up for at the next look, once; a ticket that fails harms no other."""

    def __init__(self, store: Store, context: Callable[[], DeskContext], now: Callable[[], datetime], log: Logger) -> None:
        self._store, self._context, self._now, self._log = store, context, now, log
        self._looking = False
        self._looked: datetime | None = None

    async def look(self) -> int:
        """Carries out what is due; how many tickets it looked at. A look that is still under way is not begun again."""
        looked = 0
        if self._looking:
            return looked
        self._looking = True
        try:
            now, opened = self._now(), [] if self._looked else await self._opened()
            if now < max(opened, default=self._looked or now) - SET_BACK:  # it ran ahead, or did in an earlier run
                await self._store.wake(now)
            self._looked = now
            while due := await self._store.timers(self._now(), BATCH):
                for number in due:
                    await self._safely(number)
                looked += len(due)
            active = [item.id for item in self._context().policy.announced(self._now())]
            for number in (await self._store.ended_announcements(active))[:BATCH]:
                await self._safely(number, outages.over)
                looked += 1
        finally:
            self._looking = False
        return looked

    async def _opened(self) -> list[datetime]:
        """When the tickets that are not done were opened."""
        async with self._store.unit_of_work() as unit:
            known = await unit.find(Lookup(letter="", requester="", rows=True), self._now())
        return [one.opened for one in known.rows if one.status != Status.done]

    async def gather(self) -> None:
        """Tells staff in one letter what was too much to be told one by one."""
        async with self._store.unit_of_work() as unit:
            now = self._now()
            known = await unit.find(Lookup(letter="", requester="", gathered=True), now)
            if waiting := shares.ripe(known.gathered, now):
                listed = tuple(shares.listed(waiting, self._context()))
                known = await unit.find(Lookup(letter="", requester="", tickets=listed), now)
                rows = {number: summary_of(one) for number, one in known.tickets.items() if number in listed}
                unit.commit(shares.gathering(waiting, rows, self._context(), now))

    async def _safely(self, number: int, decide: Decide = timers.decide) -> None:
        try:
            await self._one(number, decide)
        except Exception as error:  # noqa: BLE001  one ticket's trouble, a full disk included, is no other's
            await self._store.wake(self._now() + AGAIN, number)
            self._log("error", ticket=number, where="timers", kind=type(error).__name__, words=str(error))

    async def _one(self, number: int, decide: Decide = timers.decide) -> None:
        async with self._store.unit_of_work() as unit:
            now = self._now()
            stored = (await unit.find(Lookup(letter="", requester="", tickets=(number,)), now)).tickets.get(number)
            if stored is None:
                return
            ticket = set_right(stored, now, self._context().policy)
            person = timers.address(ticket)
            known = await unit.find(Lookup(letter="", requester=person), now)
            context = replace(self._context(), away=known.away, outage=known.outage)
            decision = decide(ticket, known.senders.get(person, AddressFacts()), context, now)
            case = shares.Case(context, now, f"timer/{number}/{now:%Y%m%dT%H%M%S%f}", ticket.requester.email)
            share = shares.of_sender(case.who, context)
            decision = await fair(unit, decision, share, {number: ticket}, case)
            if decision.events or ticket is not stored:
                unit.commit(decision)
            elif decision.tickets:  # nothing yet: the next moment is remembered without a write
                await self._store.wake(decision.tickets[0].timer, number)
        for event, fields in decision.events:
            self._log(event, **fields)
