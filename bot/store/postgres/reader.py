"""A database at rest: what reports, the ledger and the command line read, and what a copy is put into. Blocking."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads

from bot.model import DeskRecord, Envelope, NoLetterError, Parked, Ticket
from bot.store.letter_ids import Ids
from bot.store.parts import Past, Sealed, Stored, divided
from bot.store.postgres import tables
from bot.store.postgres.database import CONNECT, Statement, spoken
from bot.store.postgres.parts import assembled

T = TypeVar("T")
PORTION = 500  # rows that are fetched at once
TICKETS = """
select document, number, array(select name || ' ' || document::text from parts where ticket = number)
from tickets where (not filed or %s) and (number = %s::bigint or %s::bigint is null) order by number
"""
RECORDS = "select document, to_char(at at time zone 'UTC', 'YYYY-MM-DD/') || id from records order by at, id"
LETTERS = """
(select id, place from letters where place = 'waiting' order by id) union all
(select id, place from letters where place = 'parked' order by id) union all
(select id, place from letters where place = 'dropped' order by id) union all
(select id, place from letters where place = 'archived' order by id)
"""


class PostgresDataReader:
    """The port `DataReader` on PostgreSQL; daemons may be at work on it. Each listing is of one moment."""

    def __init__(self, url: str) -> None:
        """Raises OSError where the database cannot be reached."""
        self.broken: list[str] = []
        self._url, self._names = url, itertools.count()
        with spoken():
            self._connection = self._connect()

    def _connect(self) -> psycopg.Connection[TupleRow]:
        connection = psycopg.connect(self._url, autocommit=True, **CONNECT)
        set_json_loads(lambda document: document, connection)
        connection.execute("set timezone = 'UTC'")
        return connection

    def _list(self, query: Any, *values: Any) -> Iterator[Any]:
        """Rows, a portion at a time in memory."""
        with spoken(), self._connect() as connection, connection.transaction(), connection.cursor(f"list{next(self._names)}") as cursor:
            cursor.itersize = PORTION
            cursor.execute(query, values)
            yield from cursor

    def _decoded(self, kind: type[T], rows: Iterator[Any]) -> Iterator[tuple[Any, T]]:
        decoder = msgspec.json.Decoder(kind)
        for document, place in rows:
            try:
                yield place, decoder.decode(document)
            except msgspec.DecodeError:
                self.broken.append(f"{'ticket' if isinstance(place, int) else 'record'} {place}")

    def tickets(self, *, filed: bool = True) -> Iterator[Ticket]:
        """See the interface."""
        for document, number, parts in self._list(TICKETS, filed, None, None):
            try:
                yield _whole(document, parts)
            except msgspec.DecodeError:
                self.broken.append(f"ticket {number}")

    def ticket(self, number: int) -> Ticket | None:
        """See the interface."""
        row = self._one(TICKETS, True, number, number)
        return _whole(row[0], row[2]) if row else None

    def _one(self, query: Any, *values: Any) -> Any:
        with spoken():
            return self._connection.execute(query, values).fetchone()

    def records(self) -> Iterator[tuple[str, DeskRecord]]:
        """See the interface."""
        yield from self._decoded(DeskRecord, self._list(RECORDS))

    def letters(self) -> Iterator[tuple[str, str]]:
        """See the interface."""
        yield from self._list(LETTERS)

    def letter(self, ident: str) -> tuple[Envelope, bytes]:
        """See the interface."""
        row = self._one("select envelope, raw from letters where id = %s", tables.clean(ident))
        if row is None:
            raise NoLetterError(f"there is no letter {ident}")
        return msgspec.json.decode(row[0], type=Envelope), row[1]

    def parked(self) -> list[Parked]:
        """See the interface."""
        with spoken():
            rows = self._connection.execute("select note from letters where place = 'parked' order by id").fetchall()
        return [msgspec.json.decode(note, type=Parked) for (note,) in rows]

    def try_letter(self, raw: bytes) -> None:
        """See the interface."""
        now = datetime.now(UTC)
        envelope = Envelope(letter=Ids().new(now), received=now, mail_from="", intake="doctor")
        with spoken(), self._connection.transaction(force_rollback=True):
            self._connection.execute(*tables.letter_statement(envelope, raw))

    def close(self) -> None:
        """See the interface."""
        self._connection.close()


def _whole(document: bytes, parts: list[str]) -> Ticket:
    """A ticket with its parts, each with its name before it. Raises msgspec.DecodeError."""
    head = msgspec.json.decode(document, type=Stored)
    pairs = (part.split(" ", 1) for part in parts)
    return assembled(head, {int(name): msgspec.json.decode(part, type=Sealed) for name, part in pairs})[0]


class PostgresDataWriter:
    """The port `Target` on PostgreSQL. What it is given is committed a portion at a time."""

    def __init__(self, url: str) -> None:
        """Raises OSError where the database cannot be reached."""
        with spoken():
            self._connection = psycopg.connect(url, **CONNECT)
        self._uncommitted = 0

    def _run(self, statements: list[Statement]) -> None:
        with spoken():
            for query, values in statements:
                self._connection.execute(query, values)
            self._uncommitted += 1
            if self._uncommitted >= PORTION:
                self._connection.commit()
                self._uncommitted = 0

    def empty(self) -> bool:
        """See the interface."""
        with spoken():
            row = self._connection.execute(
                "select not exists (select from tickets) and not exists (select from records) and not exists (select from letters)"
            ).fetchone()
        return row == (True,)

    def record(self, place: str, record: DeskRecord) -> None:
        """See the interface."""
        with spoken():
            known = self._connection.execute("select id from records where origin = %s", [place]).fetchone()
            same = known is None and self._connection.execute("select 1 from records where deed = %s", [tables.deed(record)]).fetchone()
        if known:
            self._run(tables.amended(known[0], record))
        else:  # two records that were made anonymous may be the same deed
            self._run([tables.record_statement(record, place, again=bool(same))])

    def ticket(self, ticket: Ticket, *, filed: bool) -> None:
        """See the interface."""
        self._run(tables.ticket_statements(divided(ticket, Past()), filed=filed))

    def letter(self, envelope: Envelope, raw: bytes, place: str, parked: Parked | None) -> None:
        """See the interface."""
        self._run([tables.letter_statement(envelope, raw, place, parked)])

    def close(self) -> None:
        """See the interface."""
        with spoken():
            self._connection.commit()
            self._connection.close()


def at_work(url: str) -> int:
    """How many daemons are at work on the database, or were 15 seconds ago. Raises OSError."""
    with spoken(), psycopg.connect(url, autocommit=True, **CONNECT) as connection:
        row = connection.execute("select count(*) from living").fetchone()
    return int(row[0]) if row else 0
