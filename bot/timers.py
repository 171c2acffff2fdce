"""The edge of time: looks at the tickets whose moment has come, one turn of the store each. `tickets.timers` says what happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.desk import Tell, fair
from bot.model import Decision, Status, Ticket
from bot.store.port import SET_BACK, Question, Sender, Store
from bot.store.rows import line_of
from bot.tickets import outages, shares, timers
from bot.tickets.due import set_right
from bot.tickets.office import Office

Decide = Callable[[Ticket, Sender, Office, datetime], Decision]
BATCH = 500  # tickets that are named at once; letters have their turns between any two
AGAIN = timedelta(minutes=10)  # before a ticket whose timer failed is tried again


class Timers:
    """One a desk. A missed moment is made up for at the next look, once; a ticket that fails harms no other."""

    def __init__(self, store: Store, office: Callable[[], Office], now: Callable[[], datetime], tell: Tell) -> None:
        self._store, self._office, self._now, self._tell = store, office, now, tell
        self._looking = False
        self._looked: datetime | None = None

    async def look(self) -> int:
        """Carries out what is due; how many tickets it looked at. A look that is still under way is not begun again."""
        looked = 0
        if self._looking:
            return looked
        self._looking = True
        try:
            now, rows = self._now(), () if self._looked else await self._store.rows()
            opened = [one.opened for one in rows if one.status != Status.done]
            if now < max(opened, default=self._looked or now) - SET_BACK:  # it ran ahead, or did in an earlier run
                await self._store.wake(now)
            self._looked = now
            while due := await self._store.timers(self._now(), BATCH):
                for number in due:
                    await self._safely(number)
                looked += len(due)
            active = [item.id for item in self._office().policy.announced(self._now())]
            for number in (await self._store.over(active))[:BATCH]:
                await self._safely(number, outages.over)
                looked += 1
        finally:
            self._looking = False
        return looked

    async def gather(self) -> None:
        """Tells staff in one letter what was too much to be told one by one."""
        async with self._store.turn() as turn:
            now = self._now()
            found = await turn.find(Question(letter="", requester="", gathered=True), now)
            if waiting := shares.ripe(found.gathered, now):
                tickets = await turn.tickets(shares.listed(waiting, self._office()))
                rows = {number: line_of(one) for number, one in tickets.items()}
                turn.commit(shares.gathering(waiting, rows, self._office(), now))

    async def _safely(self, number: int, decide: Decide = timers.decide) -> None:
        try:
            await self._one(number, decide)
        except Exception as error:  # noqa: BLE001  one ticket's trouble, a full disk included, is no other's
            await self._store.snooze(number, self._now() + AGAIN)
            self._tell("error", ticket=number, where="timers", kind=type(error).__name__, words=str(error))

    async def _one(self, number: int, decide: Decide = timers.decide) -> None:
        async with self._store.turn() as turn:
            now, stored = self._now(), await turn.ticket(number)
            if stored is None:
                return
            ticket = set_right(stored, now, self._office().policy)
            person = timers.address(ticket)
            found = await turn.find(Question(letter="", requester=person), now)
            office = replace(self._office(), away=found.away, outage=found.outage)
            decision = decide(ticket, found.senders.get(person, Sender()), office, now)
            case = shares.Case(office, now, f"timer/{number}/{now:%Y%m%dT%H%M%S%f}", ticket.requester.email)
            share = shares.of_sender(case.who, office)
            decision = await fair(turn, decision, share, {number: ticket}, case)
            if decision.events or ticket is not stored:
                turn.commit(decision)
            elif decision.tickets:  # nothing yet: the next moment is remembered without a write
                await self._store.snooze(number, decision.tickets[0].timer)
        for event, fields in decision.events:
            self._tell(event, **fields)
