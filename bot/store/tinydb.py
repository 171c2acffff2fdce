"""The embedded store: one ticket, one TinyDB file, one write a commit; the desk's own records in one file a day (design, section 9).

A decision is taken over in memory at once, while the turn lasts, and is on disk when the turn's block has been left. Writes of
one ticket that wait for the disk melt into one. Where a write fails, memory goes back to what the disk says.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace
from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Document

from bot.model import Decision, Delivery, DeskRecord, Outgoing, Seen, Status, Ticket
from bot.store.files import Disk
from bot.store.port import Due, Earlier, Found, Question
from bot.store.register import Register, Row
from bot.store.writer import Writer

CACHED = 1000  # tickets kept in memory
REMEMBERED = 32  # days of records that are read at start: a suppression lasts 30


class SyncedStorage(Storage):
    """TinyDB's storage port, atomic and synced: a crash leaves the old file or the new one."""

    def __init__(self, path: Path, disk: Disk, *, exclusive: bool = False, remember: bool = False) -> None:
        self.path, self.disk, self.exclusive, self.remember = path, disk, exclusive, remember
        self._known: dict[str, Any] | None = None

    def read(self) -> dict[str, Any] | None:
        """The whole file, or None where there is none."""
        if self._known is not None:
            return self._known
        if self.exclusive or not self.path.exists():
            return None
        known: dict[str, Any] = msgspec.json.decode(self.path.read_bytes())
        return known

    def write(self, data: dict[str, Any]) -> None:
        """Replaces the whole file, durably. Raises OSError, and FileExistsError where an exclusive number is taken."""
        tmp = self.path.with_name(f".{self.path.name}.tmp")
        self.disk.write_synced(tmp, self.path, msgspec.json.encode(data), exclusive=self.exclusive)
        self.exclusive = False
        if self.remember:
            self._known = data


class FileTurn:
    """One look at the desk; see bot.store.port.Turn."""

    def __init__(self, store: FileStore) -> None:
        self.decision = Decision()
        self._store = store

    async def find(self, question: Question, now: datetime) -> Found:
        """Everything that the decision needs."""
        found = self._store.register.find(question, now)
        wanted = [*question.tickets, found.by_reference]
        tickets: dict[int, Ticket] = {}
        while wanted:
            number = wanted.pop()
            ticket = self._store.get(number) if number and number not in tickets else None
            if ticket is not None:
                tickets[number] = ticket
                wanted.append(ticket.merged_into)
        return replace(found, tickets=tickets)

    async def ticket(self, number: int) -> Ticket | None:
        """A ticket, live or filed."""
        return self._store.get(number)

    def commit(self, decision: Decision) -> None:
        """Takes the decision over when the turn's block is left."""
        self.decision = decision


class FileStore:
    """The Store on files. One process at a time (see DataLock); all methods belong to one event loop."""

    def __init__(self, data: Path, disk: Disk, now: datetime) -> None:
        self.live, self.filed, self.desk = data / "tickets" / "live", data / "tickets" / "done", data / "desk"
        self.register = Register()
        self.broken: list[Path] = []  # ticket files that cannot be read; only those tickets suffer
        self.loaded = asyncio.Event()
        self.changed = asyncio.Event()  # set when an outgoing letter may have become due
        self._disk, self._started = disk, now
        self._turn = asyncio.Lock()
        self._pool = ThreadPoolExecutor(8, "store")
        self._writer = Writer(self._pool, self._revert)
        self._cache: OrderedDict[int, Ticket] = OrderedDict()
        self._dirty: dict[int, Ticket] = {}
        self._days: dict[str, TinyDB] = {}
        self._unwritten: defaultdict[str, dict[int, DeskRecord]] = defaultdict(dict)
        self._records: dict[tuple[str, int], DeskRecord] = {}  # those with letters under way
        self._keys: dict[tuple[str, str, str], None] = {}
        self._last: dict[str, int] = {}
        self._heap: list[tuple[datetime, int, str, int]] = []
        self._given: set[tuple[int, str, int]] = set()
        for folder in (self.live, self.filed, self.desk):
            disk.mkdir(folder)

    # ---------------------------------------------------------------------------------------------------- start

    async def load(self) -> None:
        """Rebuilds the register from the files; letters wait until it is done. A broken file is named in `broken` and left alone."""
        loop = asyncio.get_running_loop()
        for row in await loop.run_in_executor(self._pool, lambda: list(self._scan())):
            self.register.add(row)
            self._schedule(row.number, "", row.outgoing)
        self.register.highest = max(self.register.highest, *(int(path.stem) for path in self.broken), self._highest_filed())
        since = (self._started - timedelta(days=REMEMBERED)).date().isoformat()
        for path in sorted(self.desk.glob("????-??-??.json")):
            if path.stem >= since:
                for ident, record in read_day(path):
                    self._enter(path.stem, ident, record)
        self.loaded.set()
        self.changed.set()

    def _scan(self) -> Iterator[Row]:
        decoder = msgspec.json.Decoder(dict[str, dict[str, Row]])
        for path in self.live.glob("[0-9]*.json"):
            try:
                yield from decoder.decode(path.read_bytes())["ticket"].values()
            except (msgspec.DecodeError, OSError, KeyError):
                self.broken.append(path)

    def _highest_filed(self) -> int:
        folders = sorted((int(path.name) for path in self.filed.iterdir() if path.name.isdigit()), reverse=True)
        return max((int(path.stem) for path in (self.filed / f"{folders[0]:03}").glob("*.json")), default=0) if folders else 0

    async def close(self) -> None:
        """Returns when everything is on disk."""
        await self._writer.idle()
        self._pool.shutdown()

    # ---------------------------------------------------------------------------------------------------- turns

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[FileTurn]:
        """See the port. Looking and deciding exclude each other; waiting for the disk does not, but for what touches two tickets."""
        await self.loaded.wait()
        async with self._turn:
            turn = FileTurn(self)
            yield turn
            decision = turn.decision
            several = len(decision.tickets) + bool(decision.records) > 1
            waits = [self._record(decision.records)] if decision.records else []
            if several and waits:
                await waits.pop()
            for ticket in decision.tickets:
                waits.append(self._put(ticket))
                if several:
                    await waits.pop()
        for wait in waits:
            await wait
        self.changed.set()

    def _put(self, ticket: Ticket) -> asyncio.Future[None]:
        number = ticket.number
        exclusive = number not in self.register.lines and number > self.register.highest
        self._dirty[number] = ticket
        self.register.add(row_of(ticket))

        def prepare() -> Callable[[], None]:
            return lambda: self._write_ticket(ticket, exclusive)

        wait = self._writer.start(("ticket", number), prepare)
        wait.add_done_callback(lambda done: self._written(ticket) if not done.exception() else None)
        return wait

    def _write_ticket(self, ticket: Ticket, exclusive: bool) -> None:
        """In a thread. A filed ticket that changes comes back among the live ones."""
        number, path = ticket.number, self.live / f"{ticket.number}.json"
        filed = self._filed_path(number)
        document = Document(msgspec.to_builtins(ticket), doc_id=number)
        with TinyDB(path, storage=SyncedStorage, disk=self._disk, exclusive=exclusive) as db:
            table = db.table("ticket", cache_size=0)
            if exclusive or not path.exists():
                table.insert(document)
            else:
                table.update(lambda old: (old.clear(), old.update(document)), doc_ids=[number])
        if not exclusive and filed.exists():
            self._disk.unlink(filed)

    def _written(self, ticket: Ticket) -> None:
        number = ticket.number
        if self._dirty.get(number) is ticket:
            del self._dirty[number]
            self._cache[number] = ticket
            self._cache.move_to_end(number)
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        self._schedule(number, "", ticket.outgoing)
        self.changed.set()

    def _revert(self, key: tuple[str, Any]) -> None:
        """A write failed: what memory holds of it is forgotten, and read from the disk again when it is asked for."""
        kind, name = key
        if kind == "day":
            self._days.pop(name, None)
            return
        lost = self._dirty.pop(name, None)
        self._cache.pop(name, None)
        if lost is not None:
            self.register.remove(row_of(lost))
        known = self.get(name)
        if known is not None:
            self.register.add(row_of(known))

    def get(self, number: int) -> Ticket | None:
        """A ticket as the last commit left it, live or filed; None where there is none. Raises msgspec.DecodeError for a broken file."""
        known = self._dirty.get(number) or self._cache.get(number)
        if known is not None:
            return known
        for path in (self.live / f"{number}.json", self._filed_path(number)):
            if path.exists():
                ticket = read_ticket(path)
                self._cache[number] = ticket
                return ticket
        return None

    def _filed_path(self, number: int) -> Path:
        return self.filed / f"{number // 1000:03}" / f"{number}.json"

    async def ticket(self, number: int) -> Ticket | None:
        """A ticket, live or filed."""
        return self.get(number)

    def rows(self) -> Iterator[Earlier]:
        """The live tickets, by number."""
        return iter([self.register.lines[number] for number in sorted(self.register.lines)])

    # -------------------------------------------------------------------------------------------------- records

    def _record(self, records: Sequence[DeskRecord]) -> asyncio.Future[None]:
        """Queues records for their day's file; one that a repeated letter brings again is absorbed."""
        day = ""
        for one in records:
            day = f"{one.at:%Y-%m-%d}"
            if one.letter and (one.letter, one.about, one.who) in self._keys:
                continue
            ident = self._last.get(day, 0) + 1
            self._enter(day, ident, one)
            self._unwritten[day][ident] = one
        return self._write_day(day)

    def _write_day(self, day: str) -> asyncio.Future[None]:
        def prepare() -> Callable[[], None]:
            batch = self._unwritten.pop(day, {})
            return lambda: self._write_records(day, batch)

        return self._writer.start(("day", day), prepare)

    def _write_records(self, day: str, batch: dict[int, DeskRecord]) -> None:
        """In a thread: one write for all that waited."""
        if not batch:
            return
        db = self._days.get(day)
        if db is None:
            db = self._days[day] = TinyDB(self.desk / f"{day}.json", storage=SyncedStorage, disk=self._disk, remember=True)
        table = db.table("record", cache_size=0)
        documents = {ident: {**msgspec.to_builtins(one), "id": ident} for ident, one in batch.items()}
        there = [ident for ident in documents if table.contains(doc_id=ident)]
        if there:
            table.update(lambda old: old.update(documents[old["id"]]), doc_ids=there)
        fresh = [Document(value, doc_id=ident) for ident, value in documents.items() if ident not in there]
        if fresh:
            table.insert_multiple(fresh)

    def _enter(self, day: str, ident: int, record: DeskRecord) -> None:
        self._last[day] = max(ident, self._last.get(day, 0))
        if record.letter:
            self._keys[record.letter, record.about, record.who] = None
        self.register.record(record)
        if any(one.state in (Delivery.waiting, Delivery.held) for one in record.outgoing):
            self._records[day, ident] = record
            self._schedule(0, f"{day}/{ident}", record.outgoing)

    # ------------------------------------------------------------------------------------------- outgoing letters

    def _schedule(self, number: int, record: str, outgoing: Sequence[Any]) -> None:
        for one in outgoing:
            if one.state == Delivery.waiting:
                heapq.heappush(self._heap, (one.due, number, record, one.id))

    def due(self, now: datetime, limit: int) -> list[Due]:
        """See the port."""
        found: list[Due] = []
        while self._heap and self._heap[0][0] <= now and len(found) < limit:
            due, number, record, ident = heapq.heappop(self._heap)
            one = self._outgoing(number, record, ident)
            key = (number, record, ident)
            if one is not None and one.state is Delivery.waiting and one.due == due and key not in self._given:
                self._given.add(key)
                found.append(Due(ticket=number, record=record, letter=one))
        return found

    def next_due(self) -> datetime | None:
        """See the port."""
        return self._heap[0][0] if self._heap else None

    def _outgoing(self, number: int, record: str, ident: int) -> Outgoing | None:
        letters = self._letters_of(number, record)
        return next((one for one in letters if one.id == ident), None)

    def _letters_of(self, number: int, record: str) -> tuple[Outgoing, ...]:
        if number:
            ticket = self.get(number)
            return ticket.outgoing if ticket else ()
        day, _, ident = record.partition("/")
        known = self._records.get((day, int(ident)))
        return known.outgoing if known else ()

    async def delivered(self, results: Sequence[Due]) -> None:
        """See the port. The results of one ticket are one write."""
        async with self._turn:
            waits = []
            for place in dict.fromkeys((one.ticket, one.record) for one in results):
                changed = {one.letter.id: one.letter for one in results if (one.ticket, one.record) == place}
                letters = tuple(newer(one, changed.get(one.id)) for one in self._letters_of(*place))
                self._given -= {(*place, ident) for ident in changed}
                ticket = self.get(place[0]) if place[0] else None
                if ticket is not None:
                    waits.append(self._put(replace(ticket, outgoing=letters)))
                elif place[1]:
                    day, _, ident = place[1].partition("/")
                    known = replace(self._records[day, int(ident)], outgoing=letters)
                    self._enter(day, int(ident), known)
                    self._unwritten[day][int(ident)] = known
                    waits.append(self._write_day(day))
        for wait in waits:
            await wait
        self.changed.set()

    def held(self) -> list[Due]:
        """Outgoing letters that are held, in live tickets and recent records."""
        found = [Due(ticket=0, record=f"{day}/{ident}", letter=one) for (day, ident), record in self._records.items() for one in record.outgoing]
        for number in sorted(self.register.lines):
            ticket = self.get(number)
            found += [Due(ticket=number, record="", letter=one) for one in ticket.outgoing] if ticket else []
        return [one for one in found if one.letter.state is Delivery.held]

    # ---------------------------------------------------------------------------------------------------- filing

    async def sweep(self, now: datetime, reopen_days: int) -> int:
        """Files the tickets that can no longer change by themselves: a rename each. How many."""
        moved = 0
        for number in [line.number for line in self.register.lines.values() if line.status == Status.done]:
            async with self._turn:
                ticket = self.get(number)
                if ticket is None or number in self._dirty or not rests(ticket, now, reopen_days):
                    continue
                target = self._filed_path(number)
                self._disk.mkdir(target.parent)
                self._disk.rename(self.live / f"{number}.json", target)
                self.register.remove(row_of(ticket))
                self._cache.pop(number, None)
                moved += 1
        return moved

    # ---------------------------------------------------------------------------------------------------- ledger

    def fates(self) -> Iterator[tuple[Seen, int]]:
        """See the port; nothing but the files is asked."""
        return read_fates(self.live, self.filed, self.desk)


class Account(msgspec.Struct, frozen=True, gc=False):
    """What the ledger reads of a ticket."""

    number: int
    seen: tuple[Seen, ...] = ()


def read_fates(live: Path, filed: Path, desk: Path) -> Iterator[tuple[Seen, int]]:
    """(Seen, ticket or 0) of every letter in the ticket files and the desk's own; raises ValueError naming a broken file."""
    decoder = msgspec.json.Decoder(dict[str, dict[str, Account]])
    done: set[int] = set()
    for path in (*live.glob("[0-9]*.json"), *filed.glob("*/[0-9]*.json")):
        try:
            accounts = decoder.decode(path.read_bytes()).get("ticket", {}).values()
        except FileNotFoundError:
            continue  # filed in this very moment: it is met again under its new name
        except msgspec.DecodeError as error:
            raise ValueError(f"{path}: {error}") from error
        for account in accounts:
            if account.number not in done:
                done.add(account.number)
                for seen in account.seen:
                    yield seen, account.number
    for path in sorted(desk.glob("????-??-??.json")):
        for _, record in read_day(path):
            if record.fate:
                yield Seen(letter=record.letter, fate=record.fate, at=record.at, message_id=record.message_id), 0


def read_ticket(path: Path) -> Ticket:
    """A ticket out of its file; raises OSError, msgspec.DecodeError or ValueError."""
    tables = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, Ticket]])
    ticket = next(iter(tables.get("ticket", {}).values()), None)
    if ticket is None:
        raise msgspec.DecodeError(f"{path} holds no ticket")
    return ticket


def read_day(path: Path) -> Iterator[tuple[int, DeskRecord]]:
    """(id, record) of a day's file."""
    tables = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, DeskRecord]])
    for ident, record in tables.get("record", {}).items():
        yield int(ident), record


def row_of(ticket: Ticket) -> Row:
    """What the register reads of a ticket."""
    return msgspec.convert(ticket, Row, from_attributes=True)


def newer(one: Outgoing, changed: Outgoing | None) -> Outgoing:
    """The delivery's result, unless the letter has been taken back meanwhile."""
    return one if changed is None or one.state is Delivery.cancelled else changed


def rests(ticket: Ticket, now: datetime, reopen_days: int) -> bool:
    """True when nothing about the ticket can change by itself any more."""
    if ticket.status is not Status.done or ticket.done_at is None or now - ticket.done_at < timedelta(days=reopen_days):
        return False
    waits = any(one.state in (Delivery.waiting, Delivery.held) for one in ticket.outgoing)
    return not waits and not any(now - (one.done_at or one.created) < timedelta(days=1) for one in ticket.outgoing)
