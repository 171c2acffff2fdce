"""What one letter's decision depends on, out of the database.

The rules of counting stand in `bot.store.index` alone: the database only picks the few tickets and records that concern the
question, a throw-away TicketIndex is filled with them, and answers as ever.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from bot.model import DeskRecord, Ticket, person_of
from bot.store.index import TicketIndex
from bot.store.interface import KnownFacts, Lookup, TicketSummary
from bot.store.parts import Past
from bot.store.postgres.database import Connection
from bot.store.postgres.parts import Parts
from bot.store.postgres.tables import clean, earlier, key, normalised

REMEMBERED = timedelta(days=32)  # a suppression lasts 30 days
DAY = timedelta(days=1)
LARGEST = 1 << 31  # what a subject claims to be a number may be larger than any

# Tickets that are named, by number or by one of their letters, with what they were merged into.
NAMED = """
with recursive named(number) as (
    (select unnest(%(numbers)s::int[]) union select ticket from keys where key = any(%(references)s::bigint[]) and ticket > 0)
    union select merged_into from tickets join named using (number) where merged_into > 0)
select filed, document from tickets join named using (number) order by number
"""
# Tickets and records that hold one of the keys or are about one of the people; what holds for the whole desk; the highest number.
# Of one person's many the newest are enough: no cap is higher, and no list longer.
CONCERNED = """
with hits as materialized (
    select ticket, record from keys where key = any(%(keys)s::bigint[])
    union
    select newest.* from unnest(%(recent)s::bigint[]) as asked(key) cross join lateral (
        select ticket, record from keys where keys.key = asked.key and ticket > 0 and at > %(day)s order by ticket desc limit 100) newest
    union
    select newest.* from unnest(%(recent)s::bigint[]) as asked(key) cross join lateral (
        select ticket, record from keys where keys.key = asked.key and ticket = 0 and at > %(day)s order by record desc limit 100) newest
), numbers as (
    select ticket as number from hits where ticket > 0
    union
    select newest.number from unnest(%(people)s::text[]) as asked(who) cross join lateral (
        select number from tickets where requester = asked.who and not filed order by number desc limit 20) newest
    union
    select newest.ticket from unnest(%(plus)s::bigint[]) as asked(key) cross join lateral (
        select ticket from keys where keys.key = asked.key and ticket > 0 order by ticket desc limit 20) newest
), deeds as (
    select record as id from hits where record > 0
    union
    select id from (
        select distinct on (who, about) id from records where who = any(%(people)s::text[]) and at > %(remembered)s
        and about in ('latch', 'doubt', 'suppression', 'block', 'release', 'lift', 'unblock', 'score_asked', 'score_unasked')
        order by who, about, at desc, id desc) last
    union
    select id from records where who = any(%(people)s::text[]) and about = 'confirmation' and at > %(hour)s
    union
    select id from (
        select distinct on (about, who) id from records
        where about in ('away', 'outage', 'digest', 'report') and (about in ('away', 'outage') or at > %(remembered)s and at <= %(ahead)s)
        order by about, who, at desc, id desc) last
)
select 'ticket', number, null::timestamptz, document from tickets where number in (select number from numbers) and not filed
union all select 'record', id, at, document from records where id in (select id from deeds)
union all select 'highest', max(number), null, null from tickets
"""
# A letter that waits for its confirmation, the one that has confirmed it; what has been gathered.
BY_KEY = "select id, at, document from records where id in (select record from keys where key = any(%s))"
# Each word may stand in another part of a ticket; a word that says nothing (a stop word) is looked for nowhere.
SEARCH = """
with words as materialized (
    select distinct query from (select plainto_tsquery('russian', word) as query from unnest(%(words)s::text[]) as word) each
    where numnode(query) > 0
), hits as (
    select number, query from words join tickets on search @@ query
    union select ticket, query from words join parts on search @@ query
)
select line from tickets where number in (
    select number from hits group by number having count(*) = (select count(*) from words))
and not exists (select from unnest(%(pieces)s::text[]) as piece where position(piece in requester) = 0)
order by number desc limit 500
"""
BY_ADDRESS = """
select line from tickets where not exists (select from unnest(%(pieces)s::text[]) as piece where position(piece in requester) = 0)
order by number desc limit 500
"""
TICKETS = "select document from tickets where number = any(%s)"
ROWS = "select line from tickets where not filed order by number"

_records = msgspec.json.Decoder(DeskRecord)


async def find(
    connection: Connection, parts: Parts, lookup: Lookup, now: datetime
) -> tuple[KnownFacts, dict[int, Past], set[int]]:
    """The answer, as the desk is at this moment, what is stored of the tickets in it, and which of them
    are live.
    """
    named = await _named(connection, parts, lookup)
    tickets = {ticket.number: ticket for _, ticket, _ in named}
    addresses = {lookup.requester, lookup.bounce_to, *lookup.staff, *(one.requester.email for one in tickets.values())} - {"", "?"}
    people = addresses | set(map(person_of, addresses))
    asked = [key("letter", lookup.letter)]
    asked += [key("copy", lookup.message_id, lookup.fingerprint)] if lookup.message_id else []
    values = {
        "keys": asked, "people": sorted(map(clean, people)), "day": now - DAY, "hour": now - timedelta(hours=1),
        "remembered": now - REMEMBERED, "ahead": now + DAY, "plus": sorted(key("by", one) for one in people),
        "recent": [*(key("to", one) for one in people), *(key("link", str(one)) for one in lookup.tickets)],
    }  # fmt: skip
    index, rows, records, highest = TicketIndex(), [], [], 0
    for kind, ident, at, document in await _all(await connection.execute(CONCERNED, values)):
        if kind == "ticket":
            rows.append(document)
        elif kind == "record":
            records.append((at, ident, _records.decode(document)))
        else:
            highest = ident or 0
    if lookup.confirms:
        records += await _confirmations(connection, lookup.confirms)
    if lookup.gathered:
        days = [key("gathered", f"{now - back * DAY:%Y-%m-%d}") for back in range(-1, REMEMBERED.days)]
        records += await _by_key(connection, days)
    concerned = {number: row for number, (row, _) in (await parts.whole(connection, rows)).items()}
    for _, row in sorted({**concerned, **{ticket.number: ticket for filed, ticket, _ in named if not filed}}.items()):
        index.add(relevant(row, lookup, now))
    for _, _, record in sorted(records, key=lambda one: one[:2]):
        index.record(record)
    index.highest = highest
    known = index.find(lookup, now)
    everything = tuple(earlier(line) for (line,) in await _all(await connection.execute(ROWS))) if lookup.rows else ()
    searched = {words: await _search(connection, words) for words in lookup.searches}
    senders = {address: index.sender(address, now) for address in addresses}
    answer = replace(known, tickets=tickets, rows=everything, searched=searched, senders=senders)
    past = {ticket.number: past for _, ticket, past in named}
    return answer, past, {ticket.number for filed, ticket, _ in named if not filed}


def relevant(row: Ticket, lookup: Lookup, now: datetime) -> Ticket:
    """What of a ticket may answer the question: a long one holds thousands of letters."""
    ids, names = {lookup.letter}, {lookup.message_id} - {""}
    return replace(
        row,
        entries=tuple(one for one in row.entries if one.message_id in lookup.references),
        seen=tuple(one for one in row.seen if one.letter in ids or one.message_id in names),
        outgoing=tuple(one for one in row.outgoing if one.created > now - DAY),
    )


async def tickets(connection: Connection, parts: Parts, numbers: Collection[int]) -> dict[int, tuple[Ticket, Past]]:
    """Tickets, live or filed, with what is stored of them."""
    rows = await _all(await connection.execute(TICKETS, [[number for number in numbers if number < LARGEST]]))
    return await parts.whole(connection, [document for (document,) in rows])


async def _search(connection: Connection, query: str) -> tuple[TicketSummary, ...]:
    """Tickets that hold all the words of a query, in any form (clause 2.1: agents find what was said before)."""
    pieces = [piece for piece in query.split() if "@" in piece]
    words = [normalised(piece) for piece in query.split() if "@" not in piece]
    values = {"words": words, "pieces": [clean(piece) for piece in pieces]}
    rows = await _all(await connection.execute(SEARCH if words else BY_ADDRESS, values))
    return tuple(earlier(line) for (line,) in rows)


async def _named(connection: Connection, parts: Parts, lookup: Lookup) -> list[tuple[bool, Ticket, Past]]:
    """(filed, ticket, what is stored of it) of those that the letter names."""
    numbers = [number for number in lookup.tickets if number < LARGEST]
    if not numbers and not lookup.references:
        return []
    values = {"numbers": numbers, "references": [key("id", one) for one in lookup.references]}
    rows = await _all(await connection.execute(NAMED, values))
    tickets = await parts.whole(connection, [document for _, document in rows])
    return [(filed, *one) for (filed, _), one in zip(rows, tickets.values(), strict=True)]


async def _confirmations(connection: Connection, serial: int) -> list[tuple[datetime, int, DeskRecord]]:
    waits = await _by_key(connection, [key("confirm", str(serial))])
    return waits + await _by_key(connection, [key("confirmed", one.letter) for _, _, one in waits])


async def _by_key(connection: Connection, keys: list[int]) -> list[tuple[datetime, int, DeskRecord]]:
    rows = await _all(await connection.execute(BY_KEY, [keys]))
    return [(at, ident, _records.decode(one)) for ident, at, one in rows]


async def _all(cursor: AsyncCursor[TupleRow]) -> list[Any]:
    return await cursor.fetchall()
