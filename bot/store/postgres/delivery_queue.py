"""Outgoing letters on PostgreSQL: claimed by one daemon at a time, counted in windows that all daemons share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from bot.model import Delivery, DeskRecord, Outgoing, Value
from bot.store.files.delivery_queue import newer
from bot.store.index import TicketIndex
from bot.store.interface import UNFINISHED, Due, Window
from bot.store.parts import Stored, shortened
from bot.store.postgres import tables
from bot.store.postgres.database import DEPARTURES, LOST, Database, Statement, run
from bot.store.postgres.group_commit import DatabaseGroupCommit

LetterKey = tuple[int, int]  # ticket and record, one of them 0

CLAIM = """
with ripe as materialized (
    select ticket, record, id from outbox where state = 'waiting' and claimed_by is null and due <= %s
    order by due limit %s for update skip locked)
update outbox set claimed_by = %s from ripe where (outbox.ticket, outbox.record, outbox.id) = (ripe.ticket, ripe.record, ripe.id)
returning ripe.*
"""
DOCUMENTS = """
select number, 0, document from tickets where number = any(%s) union all select 0, id, document from records where id = any(%s)
"""
GIVE_BACK = """
update outbox set claimed_by = null where claimed_by = %s and (ticket, record, id) in (select * from unnest(%s::int[], %s::bigint[], %s::bigint[]))
"""
# Claims whose answer was lost on the way, so that nobody delivers them.
UNKNOWN = """
update outbox set claimed_by = null where claimed_by = %s
and (ticket, record, id) not in (select * from unnest(%s::int[], %s::bigint[], %s::bigint[]))
"""
NEXT_DUE = "select min(due) from outbox where state = 'waiting' and claimed_by is null"
# What has been delivered: the documents, and what of them is still under way.
DELIVERED = """
update {table} set document = fresh.document::json from unnest(%s::bigint[], %s::text[]) as fresh(id, document) where {table}.{id} = fresh.id
"""
GONE = "delete from outbox where (ticket, record, id) in (select * from unnest(%s::int[], %s::bigint[], %s::bigint[]))"
AGAIN = """
insert into outbox (ticket, record, id, state, due, created)
select * from unnest(%s::int[], %s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[])
on conflict (ticket, record, id) do update set state = excluded.state, due = excluded.due, created = excluded.created, claimed_by = null
where outbox.claimed_by is null or outbox.claimed_by = %s
"""
STUCK = "select distinct ticket, record from outbox where state = %s"
NEWEST = "select at from departures where key = %s and at > %s and at <= %s order by at desc limit %s"
DEPARTED = "insert into departures select * from unnest(%s::text[], %s::timestamptz[])"
SUPPRESSED = """
select distinct on (who, about) at, id, document from records where who = any(%s) and about in ('suppression', 'lift')
order by who, about, at desc, id desc
"""




class OutgoingOf(Value, frozen=True):
    """What is read of a ticket or a record on the way out."""

    outgoing: tuple[Outgoing, ...] = ()


_tickets, _records, _outgoing = msgspec.json.Decoder(Stored), msgspec.json.Decoder(DeskRecord), msgspec.json.Decoder(OutgoingOf)


class DatabaseDeliveryQueue:
    """The part of the interface `Store` that is about letters on their way."""

    def __init__(self, database: Database) -> None:
        self.changed = asyncio.Event()
        self.broken: list[str] = []
        self._database = database
        self._mine: set[tuple[int, int, int]] = set()  # claimed, and not delivered yet
        self._unsure = False  # whether what was claimed is not known
        self._claiming = asyncio.Lock()
        self._looked = time.monotonic()
        self._results: DatabaseGroupCommit[Sequence[Due], None] = DatabaseGroupCommit(self._deliver)
        self._leave: DatabaseGroupCommit[tuple[Sequence[Window], datetime], datetime | None] = DatabaseGroupCommit(self._leaving)
        self._suppressions: DatabaseGroupCommit[tuple[str, datetime], bool] = DatabaseGroupCommit(self._suppressed)
        database.bells.append(self.changed)

    async def due(self, now: datetime, limit: int) -> list[Due]:
        """See the interface. The claim's commit waits for the disk: what leaves was durable before."""
        async with self._claiming:
            ready = await self._due(now, limit) if limit > 0 else []
        return sorted(ready, key=lambda one: (one.letter.due, one.ticket, one.letter.id))

    async def _due(self, now: datetime, limit: int) -> list[Due]:
        me = self._database.me
        if self._unsure or time.monotonic() - self._looked > LOST:
            self._looked = time.monotonic()
            await self._database.ask(UNKNOWN, me, *([place[column] for place in self._mine] for column in range(3)))
        self._unsure = True
        claimed = set(await self._database.ask(CLAIM, now, limit, me)) - self._mine  # those are in hand: the word that freed them was not heard
        found = [one for one in await self._letters({(ticket, record) for ticket, record, _ in claimed}) if _place(one) in claimed] if claimed else []
        ready = [one for one in found if one.letter.state is Delivery.waiting and one.letter.due <= now]
        if stale := {_place(one) for one in found} - {_place(one) for one in ready}:  # put off; broken ones stay claimed, or they come at once
            await self._database.ask(GIVE_BACK, me, *map(list, zip(*stale, strict=True)))
        self._unsure = False
        self._mine |= claimed - stale
        return ready

    async def _letters(self, places: Collection[LetterKey]) -> list[Due]:
        """The outgoing letters of tickets and records; those of broken documents are left out."""
        found: list[Due] = []
        for number, record, document in await self._database.ask(DOCUMENTS, [one for one, _ in places if one], [one for _, one in places if one]):
            try:
                letters = _outgoing.decode(document).outgoing
            except msgspec.DecodeError:
                self.broken.append(f"ticket {number}" if number else f"record {record}")
                continue
            found += [Due(ticket=number, record=str(record) if record else "", letter=one) for one in letters]
        return found

    async def idle(self) -> None:
        """Returns when every result that was to be recorded is."""
        await self._results.idle()

    async def delivered(self, results: Sequence[Due]) -> None:
        """See the interface."""
        if results:
            await self._results(results)
            self.changed.set()

    async def _deliver(self, groups: list[Sequence[Due]]) -> list[None]:
        results = {_place(one): one.letter for group in groups for one in group}
        places, in_hand = {(ticket, record) for ticket, record, _ in results}, self._mine & results.keys()
        async with self._database.unit_of_work() as connection:
            witness = await self._database.witness()
            cursor = await connection.execute(DOCUMENTS, [[one for one, _ in places if one], [one for _, one in places if one]])
            tickets: list[tuple[int, str]] = []
            records: list[tuple[int, str]] = []
            outbox: list[tuple[int, int, Outgoing]] = []
            for number, record, document in await cursor.fetchall():
                kept: Stored | DeskRecord = _tickets.decode(document) if number else _records.decode(document)
                letters = tuple(newer(one, results.get((number, record, one.id))) for one in kept.outgoing)
                letters = shortened(letters) if number else letters
                if letters != kept.outgoing:
                    (tickets if number else records).append((number or record, tables.document(replace(kept, outgoing=letters))))
                outbox += [(number, record, one) for one in letters if (number, record, one.id) in results]
            await run(connection, [*_changed("tickets", "number", tickets), *_changed("records", "id", records), *_outbox(outbox, self._database.me)])
        await self._database.durable(witness)
        self._mine -= in_hand  # the others, held ones that were let go, may have been claimed by now
        return [None] * len(groups)

    async def next_due(self) -> datetime | None:
        """See the interface."""
        found: list[tuple[datetime | None]] = await self._database.ask(NEXT_DUE)
        return found[0][0]

    async def stuck(self, state: Delivery) -> list[Due]:
        """See the interface."""
        return [one for one in await self._letters(set(await self._database.ask(STUCK, state.value))) if one.letter.state is state]

    async def reserve(self, asked: Sequence[Sequence[Window]], now: datetime) -> list[datetime | None]:
        """See the interface; the windows of all daemons are the same."""
        return await asyncio.gather(*(self._leave((windows, now)) for windows in asked))

    async def _leaving(self, asked: list[tuple[Sequence[Window], datetime]]) -> list[datetime | None]:
        wanted = {window.key: window for windows, _ in asked for window in windows}
        results: list[datetime | None] = []
        async with self._database.locked(DEPARTURES) as connection:
            times: dict[str, list[datetime]] = {}  # of each window, the newest first
            for one in wanted.values():
                soon = max(now for _, now in asked) + one.span  # later ones are of a clock that was set back
                cursor = await connection.execute(NEWEST, [one.key, min(now for _, now in asked) - one.span, soon, one.most])
                times[one.key] = [at for (at,) in await cursor.fetchall()]
            left: list[tuple[str, datetime]] = []
            for windows, now in asked:
                full = [times[one.key][one.most - 1] + one.span for one in windows if len(times[one.key]) >= one.most]
                results.append(max((at for at in full if at > now), default=None))
                if results[-1] is None:
                    left += [(one.key, now) for one in windows]
                    for one in windows:
                        times[one.key].insert(0, now)
            if left:
                await connection.execute(DEPARTED, [list(column) for column in zip(*left, strict=True)])
        return results

    async def suppressed(self, people: Collection[str], now: datetime) -> set[str]:
        """See the interface."""
        asked = sorted(people)
        found = await asyncio.gather(*(self._suppressions((person, now)) for person in asked))
        return {person for person, gone in zip(asked, found, strict=True) if gone}

    async def _suppressed(self, asked: list[tuple[str, datetime]]) -> list[bool]:
        index = TicketIndex()
        for _, _, document in sorted(await self._database.ask(SUPPRESSED, [tables.clean(person) for person, _ in asked]), key=lambda one: one[:2]):
            index.record(_records.decode(document))
        return [index.suppressed(person, now) for person, now in asked]


def _place(one: Due) -> tuple[int, int, int]:
    return one.ticket, int(one.record or 0), one.letter.id


def _changed(table: str, ident: str, documents: list[tuple[int, str]]) -> list[Statement]:
    query: Any = DELIVERED.format(table=table, id=ident)
    return [(query, [[one for one, _ in documents], [one for _, one in documents]])] if documents else []


def _outbox(letters: list[tuple[int, int, Outgoing]], me: str) -> list[Statement]:
    """What of these letters is still under way stays in the outbox, unclaimed, unless another daemon has claimed it meanwhile."""
    stays = [(*place, one.id, one.state.value, one.due, one.created) for *place, one in letters if one.state in UNFINISHED]
    gone = [(*place, one.id) for *place, one in letters if one.state not in UNFINISHED]
    found: list[Statement] = [(AGAIN, [*(list(column) for column in zip(*stays, strict=True)), me])] if stays else []
    return found + ([(GONE, [list(column) for column in zip(*gone, strict=True)])] if gone else [])
