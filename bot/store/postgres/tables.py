"""How tickets, records and raw letters become rows: statements that may be repeated, for the running desk and for `move`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from bot.model import ERASED, Audience, DeskRecord, Disposition, Entry, Envelope, Outgoing, Parked, Ticket, person_of
from bot.store.index import mark, whose
from bot.store.interface import UNFINISHED, TicketSummary
from bot.store.parts import Division
from bot.store.postgres.database import Statement
from bot.store.summaries import announced, summary_of

MOST_SEARCHED = 250_000, 400_000  # characters and octets of a ticket: a tsvector holds a million octets, and hyphens double words

TICKET = """
insert into tickets (number, document, line, requester, status, done_at, merged_into, announced, timer, alarm, filed, erased, search)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, to_tsvector('russian', %s))
on conflict (number) do update set (document, line, requester, status, done_at, merged_into, announced, timer, alarm, filed, erased, search) =
    (excluded.document, excluded.line, excluded.requester, excluded.status, excluded.done_at, excluded.merged_into, excluded.announced,
     excluded.timer, excluded.alarm, excluded.filed, excluded.erased, excluded.search)
"""
PART = """
insert into parts (ticket, name, document, search) values (%s, %s, %s, to_tsvector('russian', %s))
on conflict (ticket, name) do update set (document, search) = (excluded.document, excluded.search)
"""
NO_PARTS = "delete from parts where ticket = %s and name <> all(%s::int[])"
KEYS = """
insert into keys (ticket, record, key, at) select %s, 0, * from unnest(%s::bigint[], %s::timestamptz[])
on conflict (key, ticket, record) do update set at = excluded.at where keys.at < excluded.at
"""
NO_KEYS = "delete from keys where ticket = %s and ticket > 0 and key <> all(%s::bigint[])"
# A letter that is under way keeps its claim.
OUTBOX = """
insert into outbox (ticket, record, id, state, due, created)
select %s, 0, * from unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[])
on conflict (ticket, record, id) do update set state = excluded.state, due = excluded.due
where (outbox.state, outbox.due) <> (excluded.state, excluded.due)
"""
TAKEN_BACK = "delete from outbox where ticket = %s and record = 0 and id <> all(%s::bigint[])"
RECORD = """
with fresh as (
    insert into records (deed, origin, at, about, who, document) values (%s, %s, %s, %s, %s, %s)
    on conflict (deed) do nothing returning id, at),
known as (insert into keys select key, 0, id, at from fresh, unnest(%s::bigint[]) as key on conflict do nothing)
insert into outbox (ticket, record, id, state, due, created)
select 0, fresh.id, one.* from fresh, unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[]) as one
"""
LETTER = """
insert into letters (id, envelope, raw, place, note) values (%s, %s, %s, %s, %s)
on conflict (id) do update set (envelope, raw, place, note) = (excluded.envelope, excluded.raw, excluded.place, excluded.note)
"""


def ticket_statements(division: Division, before: Ticket | None = None, *, filed: bool = False) -> list[Statement]:
    """A ticket, new or changed, with what it is found by and what it has to send; a filed one is found by its number
    alone. `before` is what the database has of a live one: then only what is new goes into the keys.
    """
    ticket, head = division.ticket, division.head
    values = (
        ticket.number, document(head), document(summary_of(ticket)), clean(ticket.requester.email), ticket.status.value, ticket.done_at,
        ticket.merged_into, clean(announced(ticket)), ticket.timer, ticket.timer, filed, ERASED in ticket.labels, searched(head),
    )  # fmt: skip
    waiting = [one for one in head.outgoing if one.state in UNFINISHED]
    found: list[Statement] = [
        (PART, (ticket.number, name, document(part), said(part.entries))) for name, part in division.new.items()
    ]
    found += [(TICKET, values), (TAKEN_BACK, (ticket.number, [one.id for one in waiting]))]
    if division.new or division.gone:
        found.append((NO_PARTS, (ticket.number, list(division.past.sealed))))
    if waiting:
        found.append((OUTBOX, (ticket.number, *columns(waiting))))
    more = grown(before, ticket) if before else None
    keys = {} if filed else ticket_keys(more or ticket)
    if more is None:
        found.append((NO_KEYS, (ticket.number, list(keys))))
    if keys:
        found.append((KEYS, (ticket.number, list(keys), list(keys.values()))))
    return found


def grown(before: Ticket, ticket: Ticket) -> Ticket | None:
    """The ticket with only what came to it since; None where something has gone as well."""
    entries, seen, sent = len(before.entries), len(before.seen), len(before.outgoing)
    same = (
        ticket.entries[:entries] == before.entries
        and ticket.seen[:seen] == before.seen
        and [one.id for one in ticket.outgoing[:sent]] == [one.id for one in before.outgoing]
        and (ticket.links, ticket.requester) == (before.links, before.requester)
    )
    fields = {"entries": ticket.entries[entries:], "seen": ticket.seen[seen:], "outgoing": ticket.outgoing[sent:]}
    return replace(ticket, **fields) if same else None


def deed(record: DeskRecord) -> int | None:
    """The hash of what a repeated letter would do again."""
    return key(record.letter, record.about, record.who) if record.letter else None


def record_statement(record: DeskRecord, origin: str | None = None, *, again: bool = False) -> Statement:
    """A record; one that a repeated letter brings again is absorbed, unless `again` says that it is another."""
    values = (None if again else deed(record), origin, record.at, record.about, clean(whose(record)), document(record), record_keys(record))
    return RECORD, (*values, *columns([one for one in record.outgoing if one.state in UNFINISHED]))


def amended(ident: int, record: DeskRecord) -> list[Statement]:
    """A record that has lost words or addresses."""
    waiting = columns([one for one in record.outgoing if one.state in UNFINISHED])
    return [
        ("update records set (about, who, document) = (%s, %s, %s) where id = %s", (record.about, clean(whose(record)), document(record), ident)),
        ("delete from keys where record = %s and record > 0 and key <> all(%s::bigint[])", (ident, record_keys(record))),
        ("delete from outbox where ticket = 0 and record = %s and id <> all(%s::bigint[])", (ident, waiting[0])),
    ]


def letter_statement(envelope: Envelope, raw: bytes, place: str = "waiting", note: Parked | None = None) -> Statement:
    """A raw letter in its place."""
    return LETTER, (envelope.letter, document(envelope), raw, place, document(note) if note else None)


def columns(letters: Iterable[Outgoing]) -> tuple[list[Any], ...]:
    """What the outbox has of outgoing letters, column by column."""
    rows = [(one.id, one.state.value, one.due, one.created) for one in letters]
    return tuple([row[place] for row in rows] for place in range(4))


def document(value: msgspec.Struct) -> str:
    """A value as its JSON document."""
    return msgspec.json.encode(value).decode()


def clean(text: str) -> str:
    """A text that a column takes: PostgreSQL's have no NUL."""
    return text.replace("\0", "")


def searched(ticket: Ticket) -> str:
    """What `#search` finds a ticket's own row by, as queue.said has it; its parts have what was said before."""
    person = ticket.requester
    return said(ticket.entries, ticket.subject, person.name, person.email)


def said(entries: Iterable[Entry], *more: str) -> str:
    """What was said there, as a search reads it."""
    words = (*more, *(entry.text for entry in entries if entry.kind != "command"))
    characters, octets = MOST_SEARCHED
    return normalised(" ".join(words)[:characters]).encode()[:octets].decode(errors="ignore")


def normalised(text: str) -> str:
    """ё is written as е, in what is searched and in what is asked for."""
    return clean(text).replace("ё", "е").replace("Ё", "Е")


# ---------------------------------------------------------------------------------------------------------- keys


def key(*words: str) -> int:
    """A hash as PostgreSQL's bigint, which has a sign."""
    unsigned = mark(*words)
    return unsigned - (1 << 64) if unsigned >> 63 else unsigned


def ticket_keys(row: Ticket) -> dict[int, datetime]:
    """What a letter may find a ticket by, and since when; those of addresses and links are asked for by their time."""
    found = {key("id", entry.message_id): row.opened for entry in row.entries if entry.message_id}
    for seen in row.seen:
        found[key("letter", seen.letter)] = row.opened
        if seen.message_id:
            found[key("copy", seen.message_id, seen.fingerprint)] = row.opened
    found |= {key("link", str(number)): row.opened for number in row.links}
    person = person_of(row.requester.email)
    if person != row.requester.email:
        found[key("by", person)] = row.opened
    for one in row.outgoing:
        if one.automatic and one.audience in (Audience.requester, Audience.stranger):
            known = key("to", person_of(one.to))
            found[known] = max(one.created, found.get(known, one.created))
    return found


def record_keys(record: DeskRecord) -> Sequence[int]:
    """What a letter may find a record by."""
    found = {key("to", person_of(one.to)) for one in record.outgoing if one.audience is Audience.stranger}
    found |= {key("to", one.to) for one in record.outgoing if one.template == "command_error"}
    found |= {key("confirm", str(one.id)) for one in record.outgoing if one.template == "confirm"}
    if record.disposition and record.letter:
        found.add(key("letter", record.letter))
        if record.message_id and record.disposition is not Disposition.duplicate:
            found.add(key("copy", record.message_id, record.fingerprint))
    if record.about in ("gathered", "gathering"):
        found.add(key("gathered", f"{record.at:%Y-%m-%d}"))
    if record.about == "confirmed":
        found.add(key("confirmed", record.words))
    return sorted(found)


def earlier(line: bytes) -> TicketSummary:
    """What lists show of a ticket."""
    return _line.decode(line)


_line = msgspec.json.Decoder(TicketSummary)
