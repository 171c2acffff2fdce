"""Raw letters in the database: taken in by any daemon, handled by the one that has claimed them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from bot.model import Envelope, NoLetterError, Parked
from bot.store.letter_ids import TRACE_TAIL
from bot.store.postgres import tables
from bot.store.postgres.database import LOST, Database, Statement, run
from bot.store.postgres.group_commit import DatabaseGroupCommit

CLAIM = """
with oldest as materialized (
    select id from letters where place = 'waiting' and claimed_by is null order by id limit %s for update skip locked)
update letters set claimed_by = %s from oldest where letters.id = oldest.id returning letters.id
"""
# Claims whose answer was lost on the way, or whose end a crash of the database took back, so that nobody handles them.
UNKNOWN = "update letters set claimed_by = null where place = 'waiting' and claimed_by = %s and id <> all(%s)"
TAKE = """
insert into letters (id, envelope, raw, place, note) values (%s, %s, %s, %s, %s) on conflict (id) do nothing
"""
READ = "select envelope, raw from letters where id = %s"
# Several letters of one daemon; need not be durable, since a repeat is absorbed.
DONE = """
update letters set place = 'archived', claimed_by = null, note = null where id = any(%s) and place in ('waiting', 'archived') returning id
"""
PARK = "update letters set place = 'parked', claimed_by = null, note = %s where id = %s and place in ('waiting', 'parked') returning id"
RETRY = """
update letters set place = 'waiting', claimed_by = null, note = %s where id = %s and place in ('parked', 'waiting') returning id
"""
DROP = "update letters set place = 'dropped', note = %s where id = %s and place = 'parked' returning id"
PARKED = "select note from letters where place = 'parked' order by id"
WAITING = "select count(*), coalesce(min(id), '') from letters where place = 'waiting'"

_envelopes, _notes = msgspec.json.Decoder(Envelope), msgspec.json.Decoder(Parked)


class PostgresLetters:
    """The port `Letters` on PostgreSQL; belongs to one event loop."""

    def __init__(self, database: Database) -> None:
        self.changed = asyncio.Event()
        self._database = database.join()
        self._mine: set[str] = set()  # claimed, and not handled yet
        self._unsure = False  # whether a claim's answer may have been lost
        self._claiming = asyncio.Lock()
        self._looked = time.monotonic()
        self._taken: DatabaseGroupCommit[Statement, None] = DatabaseGroupCommit(self._take, most=50)
        self._handled: DatabaseGroupCommit[str, bool] = DatabaseGroupCommit(self._done)
        database.bells.append(self.changed)

    async def take(self, raw: bytes, envelope: Envelope) -> None:
        """See the interface; letters that come at the same time share a commit. Where its answer is lost, the
        second try waits until the first is over, and changes nothing if it was good.
        """
        _, values = tables.letter_statement(envelope, raw)
        try:
            await self._taken((TAKE, values))
        except OSError:
            await self._taken((TAKE, values))
        self.changed.set()

    async def _take(self, letters: list[Statement]) -> list[None]:
        async with self._database.connection() as connection, connection.transaction():
            await run(connection, letters)
        return [None] * len(letters)

    async def claim(self, limit: int) -> list[str]:
        """See the interface."""
        if limit < 1:
            return []
        async with self._claiming:
            if self._unsure or time.monotonic() - self._looked > LOST:
                self._looked = time.monotonic()
                await self._database.ask(UNKNOWN, self._database.me, list(self._mine))
            self._unsure = True
            found = sorted(ident for (ident,) in await self._database.ask(CLAIM, limit, self._database.me))
            self._unsure = False
            self._mine.update(found)
        return found

    async def release(self, letter: str) -> None:
        """See the interface."""
        await self._database.ask("update letters set claimed_by = null where id = %s and claimed_by = %s", letter, self._database.me)
        self._mine.discard(letter)
        self.changed.set()

    async def read(self, letter: str) -> tuple[Envelope, bytes]:
        """See the interface."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(READ, [tables.clean(letter)], binary=True)).fetchone()  # as text it would be twice as long
        if row is None:
            raise NoLetterError(f"there is no letter {letter}")
        return _envelopes.decode(row[0]), row[1]

    async def has(self, letter: str) -> bool:
        """See the interface."""
        return bool(await self._database.ask("select 1 from letters where id = %s", tables.clean(letter)))

    async def done(self, letter: str) -> None:
        """See the interface."""
        there = await self._handled(letter)
        self._mine.discard(letter)
        if not there:
            raise NoLetterError(f"there is no letter {letter} to be handled")

    async def _done(self, letters: list[str]) -> Sequence[bool]:
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute("set local synchronous_commit = off")
            done = {ident for (ident,) in await (await connection.execute(DONE, [letters])).fetchall()}
        return [letter in done for letter in letters]

    async def park(self, letter: str, reason: str, trace: str, now: datetime) -> None:
        """See the interface."""
        note = Parked(letter=letter, reason=reason, at=now, trace=trace[-TRACE_TAIL:])
        await self._one(PARK, tables.document(note), letter)
        self._mine.discard(letter)

    async def retry(self, letter: str) -> None:
        """See the interface."""
        await self._one(RETRY, None, letter)
        self.changed.set()

    async def drop(self, letter: str, now: datetime) -> None:
        """See the interface."""
        note = next((one for one in await self.parked() if one.letter == letter), Parked(letter=letter, reason="", at=now))
        await self._one(DROP, tables.document(msgspec.structs.replace(note, dropped=now)), letter)

    async def _one(self, query: str, *values: Any) -> None:
        if not await self._database.ask(query, *values):
            raise NoLetterError(f"there is no letter {values[1]} there")

    async def waiting(self) -> tuple[int, str]:
        """See the interface."""
        [(count, oldest)] = await self._database.ask(WAITING)
        return count, oldest

    async def parked(self) -> list[Parked]:
        """See the interface."""
        return [_notes.decode(note) for (note,) in await self._database.ask(PARKED)]

    async def erase(self, letter: str, left: tuple[Envelope, bytes] | None = None) -> None:
        """See the interface."""
        ident = tables.clean(letter)
        if left is None:
            await self._database.ask("delete from letters where id = %s", ident)
        else:
            query = "update letters set (envelope, raw) = (%s, %s) where id = %s"
            await self._database.ask(query, tables.document(left[0]), left[1], ident)

    async def remove_leftovers(self, now: datetime) -> int:
        """See the interface: what was not committed is not there."""
        return 0

    async def close(self) -> None:
        """See the interface."""
        await self._taken.idle()
        await self._handled.idle()
        await self._database.leave()
