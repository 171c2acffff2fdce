"""The store on PostgreSQL: one decision at a time for the whole desk, whatever daemon takes it (design, section 9).

A unit of work takes one lock of the database, finds, decides, writes and commits. So numbers are contiguous, caps exact, and no two units of work
can wait for each other. Outgoing letters are claimed: a claim holds while its daemon is alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from bot.model import Decision, DeskRecord, Ticket, emptied, person_of
from bot.store.files.delivery_queue import rests
from bot.store.interface import BY_MAIL, Counts, KnownFacts, Letters, Lookup, Window
from bot.store.parts import Division, Past, divided
from bot.store.postgres import known_facts, tables
from bot.store.postgres.database import Connection, Database, run
from bot.store.postgres.delivery_queue import DatabaseDeliveryQueue
from bot.store.postgres.parts import Parts
from bot.store.rate_limit import LONGEST

SWEPT = 200  # tickets filed under one lock

COUNTS = """
select (select count(*) from tickets where not filed),
       count(*) filter (where state = 'waiting'), min(greatest(due, created)) filter (where state = 'waiting'),
       count(*) filter (where state = 'held'), count(*) filter (where state = 'failed'), 0,
       max(created) filter (where state = 'waiting') from outbox
"""
TIMERS = """
update tickets set alarm = null from (
    select number, alarm from tickets where not filed and alarm <= %s order by alarm limit %s) as ripe
where tickets.number = ripe.number returning ripe.alarm, ripe.number
"""
ALARMS = "update tickets set alarm = timer where not filed and alarm is distinct from timer"
LEAVING = """
select ticket, id, claimed_by is not null from outbox where ticket = any(%s::int[]) and record = 0
order by ticket, id for update
"""
SNOOZE = "update tickets set alarm = %s where number = %s and not filed"
WAKE = "update tickets set alarm = %s where not filed and status <> 'done'"
OVER = """
select number from tickets where not filed and announced <> '' and announced <> all(%s) and not (announced = %s and exists (
    select from (select document ->> 'words' as words from records where about = 'outage' order by at desc, id desc limit 1) last where words <> ''))
order by number
"""
RESTING = "select document from tickets where not filed and status = 'done' and done_at <= %s and number > %s order by number limit %s"
FILE = ["update tickets set filed = true where number = any(%s)", "delete from keys where ticket = any(%s) and ticket > 0"]
ROOM = """
with asked as (
    select * from unnest(%s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[])
    with ordinality as one(key, most, since, until, place)),
filled as (
    select place from asked where most <= (select count(*) from (
        select from departures known
        where known.key = asked.key and at > since and at <= until limit most) recent)
    order by place limit 1),
counted as (insert into departures select key, %s from asked where not exists (select from filled))
select place from filled
"""
OLD = "select number from tickets where filed and not erased and done_at < %s order by number"
STILL_OLD = "select document from tickets where number = %s and filed and not erased and done_at < %s"
OLD_RECORDS = "select id, document from records where at < date_trunc('day', %s::timestamptz) order by id"
GONE = [
    "delete from keys where record = %s and record > 0",
    "delete from outbox where ticket = 0 and record = %s",
    "delete from records where id = %s",
]

_tickets, _records = msgspec.json.Decoder(Ticket), msgspec.json.Decoder(DeskRecord)


class PostgresUnitOfWork:
    """One look at the desk; see bot.store.interface.UnitOfWork."""

    def __init__(self, connection: Connection, parts: Parts) -> None:
        self.decision = Decision()
        self._connection, self._parts = connection, parts
        self._known: dict[int, Ticket] = {}  # as they are in the database
        self._past: dict[int, Past] = {}
        self._live = set[int]()  # found by their keys, so these are there

    async def find(self, lookup: Lookup, now: datetime) -> KnownFacts:
        """See the interface."""
        known, past, live = await known_facts.find(self._connection, self._parts, lookup, now)
        self._live |= live
        self._known |= known.tickets
        self._past |= past
        return replace(known, leaving=await self._leaving(known.tickets)) if lookup.leaving else known

    async def _leaving(self, numbers: Collection[int]) -> frozenset[tuple[int, int]]:
        """The rows are locked: who claims letters passes them over."""
        rows = await (await self._connection.execute(LEAVING, [list(numbers)])).fetchall()
        return frozenset((ticket, ident) for ticket, ident, claimed in rows if claimed)

    async def _look_at(self, numbers: Collection[int]) -> None:
        found = await known_facts.tickets(self._connection, self._parts, numbers)
        self._known |= {number: ticket for number, (ticket, _) in found.items()}
        self._past |= {number: past for number, (_, past) in found.items()}

    async def room(self, windows: Sequence[Window], now: datetime) -> Window | None:
        """See the interface."""
        rows = [(one.key, one.most, now - one.span, now + one.span) for one in windows]
        values = [*map(list, zip(*rows, strict=True)), now]
        row = await (await self._connection.execute(ROOM, values)).fetchone() if rows else None
        return windows[row[0] - 1] if row else None

    def commit(self, decision: Decision) -> None:
        """See the interface."""
        self.decision = decision

    async def divided(self) -> list[tuple[Division, Ticket | None]]:
        """The tickets that the decision really changes, as they are to be stored, and as they were if they were live."""
        changed = [one for one in self.decision.tickets if self._known.get(one.number) != one]
        await self._look_at([one.number for one in changed if one.number not in self._past])
        before = {one.number: known for one in changed if (known := self._known.get(one.number)) and one.number in self._live}
        return [(divided(one, self._past.get(one.number, Past())), before.get(one.number)) for one in changed]


class PostgresStore(DatabaseDeliveryQueue):
    """The port `Store` on PostgreSQL; belongs to one event loop."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.loaded = asyncio.Event()
        self._leading = False
        self._parts = Parts()

    async def load(self) -> None:
        """See the interface: there is nothing to be loaded."""
        self._database.join()
        self.loaded.set()
        self.changed.set()

    async def close(self) -> None:
        """See the interface."""
        await self.idle()
        if self.loaded.is_set():
            await self._database.leave()

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[PostgresUnitOfWork]:
        """See the interface."""
        await self.loaded.wait()
        async with self._database.unit_of_work() as connection:
            witness = await self._database.witness()
            unit = PostgresUnitOfWork(connection, self._parts)
            yield unit
            statements = [tables.record_statement(one) for one in unit.decision.records]
            divisions = await unit.divided()
            statements += [one for division, before in divisions for one in tables.ticket_statements(division, before)]
            if statements:
                await run(connection, statements)
        self._parts.keep([division for division, _ in divisions])
        if statements:
            await self._database.durable(witness)
            self.changed.set()

    async def counts(self) -> Counts:
        """See the interface."""
        [counts] = await self._database.ask(COUNTS)
        return Counts(*counts)

    # ----------------------------------------------------------------------------------------------------- the clock

    async def is_leader(self) -> bool:
        """See the interface. A new leader does not know which moments the last one had named, or put off: it looks at them again."""
        leads = self.loaded.is_set() and await self._database.is_leader()
        if leads and not self._leading:
            await self._alone(ALARMS)
        self._leading = leads
        return leads

    async def timers(self, now: datetime, limit: int) -> list[int]:
        """See the interface."""
        with self._sure():
            return [number for _, number in sorted(await self._alone(TIMERS, now, limit))]

    @contextmanager
    def _sure(self) -> Iterator[None]:
        """Where a moment has been named and may be lost, all are looked at again, as by a new leader."""
        try:
            yield
        except OSError:
            self._leading = False
            raise

    async def _alone(self, query: Any, *values: Any) -> list[Any]:
        """What touches many tickets is a unit of work, so that it and another one never wait for each other."""
        async with self._database.unit_of_work() as connection:
            cursor = await connection.execute(query, values)
            return await cursor.fetchall() if cursor.description else []

    async def ended_announcements(self, active: Collection[str]) -> list[int]:
        """See the interface."""
        return [number for (number,) in await self._database.ask(OVER, list(active), BY_MAIL)]

    async def wake(self, at: datetime | None, number: int = 0) -> None:
        """See the interface."""
        if number:
            with self._sure():
                await self._database.ask(SNOOZE, at, number)
        elif at is not None:
            await self._alone(WAKE, at)

    async def archive_done(self, now: datetime, reopen_days: int) -> int:
        """See the interface."""
        moved = last = 0
        await self._database.ask("delete from departures where at < %s", now - LONGEST)
        await self._database.ask("delete from daemons where sign < clock_timestamp() - interval '30 days'")
        while True:
            async with self._database.unit_of_work() as connection:
                cursor = await connection.execute(RESTING, [now - timedelta(days=reopen_days), last, SWEPT])
                tickets = [_tickets.decode(document) for (document,) in await cursor.fetchall()]
                resting = [ticket.number for ticket in tickets if rests(ticket, now, reopen_days)]
                if resting:
                    await run(connection, [(query, [resting]) for query in FILE])
            if not tickets:
                return moved
            moved, last = moved + len(resting), tickets[-1].number

    # ------------------------------------------------------------------------------------------------------- the law

    async def expire(self, limit: datetime, letters: Letters) -> int:
        """See the interface."""
        witness = await self._database.witness()
        tickets = 0
        for (number,) in await self._database.ask(OLD, limit):
            async with self._database.unit_of_work() as connection:
                row = await (await connection.execute(STILL_OLD, [number, limit])).fetchone()
                if row is None:  # it has come back meanwhile
                    continue
                [(ticket, past)], tickets = (await self._parts.whole(connection, [row[0]])).values(), tickets + 1
                for seen in ticket.seen:
                    await letters.erase(seen.letter)
                await run(connection, tables.ticket_statements(divided(emptied(ticket, limit), past), filed=True))
        records = await self._database.ask(OLD_RECORDS, limit)
        for ident, document in records:
            record = _records.decode(document)
            if record.disposition:
                await letters.erase(record.letter)
            async with self._database.unit_of_work() as connection:
                await run(connection, [(query, [ident]) for query in GONE])
        await self._database.durable(witness)
        return tickets + len(records)

    async def rewrite_record(self, place: str, change: Callable[[DeskRecord], DeskRecord]) -> None:
        """See the interface."""
        ident, witness = int(place.rpartition("/")[2]), await self._database.witness()
        async with self._database.unit_of_work() as connection:
            row = await (await connection.execute("select document from records where id = %s", [ident])).fetchone()
            if row is not None:
                await run(connection, tables.amended(ident, change(_records.decode(row[0]))))
        await self._database.durable(witness)

    async def forget_address(self, person: str) -> None:
        """See the interface."""
        await self._database.ask("delete from keys where key = %s", tables.key("to", person_of(person)))
        await self._database.ask("delete from departures where key = %s", person)
