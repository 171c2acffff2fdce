"""Two stores that are told the same and must answer the same: the files the desk under test works on, and PostgreSQL beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from cluster import Cluster
from msgspec.structs import replace

from bot.disk import Disk
from bot.model import Decision
from bot.store.files.store import FileStore
from bot.store.files.unit_of_work import FileUnitOfWork
from bot.store.interface import Due, KnownFacts, Lookup, Window
from bot.store.postgres.database import Database
from bot.store.postgres.store import PostgresStore, PostgresUnitOfWork


def same(ours: Any, theirs: Any, what: str) -> Any:
    """Ours, where it is the same as theirs once both have been written down: what is still in memory has tuples and time zones."""
    assert written(ours) == written(theirs), f"{what}\nfiles:    {ours}\ndatabase: {theirs}"
    return ours


def written(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def plain(found: KnownFacts) -> dict[str, Any]:
    """What both stores must agree on: times in no order, and not what only one of them can search."""
    known = {person: one for person, one in found.senders.items() if person}
    senders = {person: replace(one, sent=tuple(sorted(one.sent)), errors=tuple(sorted(one.errors))) for person, one in known.items()}
    fields = {name: getattr(found, name) for name in found.__struct_fields__}
    return fields | {"senders": senders, "searched": {}}


class TwinTurn(FileUnitOfWork):
    """Asks both."""

    def __init__(self, files: FileUnitOfWork, other: PostgresUnitOfWork) -> None:
        self.files, self.other = files, other

    async def find(self, lookup: Lookup, now: datetime) -> KnownFacts:
        known, other = await self.files.find(lookup, now), await self.other.find(lookup, now)
        ours, theirs = plain(known), plain(other)
        for name, value in ours.items():
            same(value, theirs[name], f"{name} for {lookup}")
        return known

    async def room(self, windows: Sequence[Window], now: datetime) -> Window | None:
        return same(await self.files.room(windows, now), await self.other.room(windows, now), f"room {windows}")  # type: ignore[no-any-return]

    def commit(self, decision: Decision) -> None:
        self.files.commit(decision)
        self.other.commit(decision)


class Twin(FileStore):
    """The port `Store` on both; what they are asked side by side is compared."""

    def __init__(self, data: Path, disk: Disk, now: datetime, url: str) -> None:
        super().__init__(data, disk, now)
        self.other = PostgresStore(Database(url))
        self.given: dict[tuple[int, str, int], Due] = {}

    async def load(self) -> None:
        await super().load()
        await self.other.load()
        async with asyncio.timeout(20):
            while not await self.other.is_leader():  # noqa: ASYNC110  the one before it was told to end, and has not heard it yet
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        await super().close()
        await self.other.close()

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[FileUnitOfWork]:
        async with self.other.unit_of_work() as other, super().unit_of_work() as files:
            yield TwinTurn(files, other)

    async def due(self, now: datetime, limit: int) -> list[Due]:
        ours, theirs = await super().due(now, limit), await self.other.due(now, limit)
        letters = [sorted((one.ticket, one.letter.to, one.letter.message_id, one.letter.id) for one in some) for some in (ours, theirs)]
        same(letters[0], letters[1], "due")
        self.given |= {(one.ticket, one.letter.message_id, one.letter.id): one for one in theirs}
        return ours

    async def delivered(self, results: Sequence[Due]) -> None:
        await super().delivered(results)
        known = [(one, self.given[one.ticket, one.letter.message_id, one.letter.id]) for one in results]
        await self.other.delivered([replace(theirs, letter=one.letter) for one, theirs in known])

    async def suppressed(self, people: Collection[str], now: datetime) -> set[str]:
        return same(await super().suppressed(people, now), await self.other.suppressed(people, now), f"suppressed {people}")  # type: ignore[no-any-return]

    async def reserve(self, asked: Sequence[Sequence[Window]], now: datetime) -> list[datetime | None]:
        ours, theirs = await super().reserve(asked, now), await self.other.reserve(asked, now)
        same([one is None for one in ours], [one is None for one in theirs], f"leaves {asked}")
        return ours

    async def timers(self, now: datetime, limit: int) -> list[int]:
        return sorted(same(sorted(await super().timers(now, limit)), sorted(await self.other.timers(now, limit)), f"timers at {now}"))

    async def ended_announcements(self, active: Collection[str]) -> list[int]:
        return same(sorted(await super().ended_announcements(active)), await self.other.ended_announcements(active), "over")  # type: ignore[no-any-return]

    async def wake(self, at: datetime | None, number: int = 0) -> None:
        await super().wake(at, number)
        await self.other.wake(at, number)

    async def archive_done(self, now: datetime, reopen_days: int) -> int:
        return same(await super().archive_done(now, reopen_days), await self.other.archive_done(now, reopen_days), "sweep")  # type: ignore[no-any-return]


class Twins:
    """In the place of FileStore: a twin for each data folder, and a database for each."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._databases = cluster, dict[Path, str]()
        self.made: list[Twin] = []

    def __call__(self, data: Path, disk: Disk, now: datetime) -> Twin:
        if data not in self._databases:
            self._databases[data] = self._cluster.fresh()
        name = self._databases[data]
        self._cluster.sql("update outbox set claimed_by = null", name)
        self._cluster.sql("select pg_terminate_backend(pid) from pg_locks join pg_database on database = pg_database.oid "
                          f"where locktype = 'advisory' and objid = 7002 and datname = '{name}'")  # fmt: skip
        self.made.append(Twin(data, disk, now, self._cluster.url(name)))
        return self.made[-1]
