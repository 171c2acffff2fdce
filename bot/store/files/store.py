"""The embedded store: one ticket, one TinyDB file, one write a commit; the desk's own records in the files of
their day (design, section 9).

A decision is taken over in memory at once, while the unit of work lasts, and is on disk when the unit's block has
been left. Writes of one ticket that wait for the disk melt into one. While the desk runs, memory is the
truth, and a write that fails is made again until it succeeds. When it starts, the disk is.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bot.disk import Disk, Write
from bot.disk.group_commit import GroupCommit
from bot.model import ERASED, Decision, Delivery, DeskRecord, Outgoing, Status, Ticket
from bot.store.files import formats
from bot.store.files.delivery_queue import DeliveryQueue, newer, rests
from bot.store.files.documents import page_of
from bot.store.files.durable_writer import DurableWriter, Pending
from bot.store.files.records import RecordFiles
from bot.store.files.retention import erase_old
from bot.store.files.tickets import Pages, TicketFiles
from bot.store.files.unit_of_work import FileUnitOfWork
from bot.store.index import TicketIndex
from bot.store.interface import Counts, Due, Letters, Lookup, Window
from bot.store.rate_limit import RateLimiter

REMEMBERED = timedelta(days=32)  # records that are read at start: a suppression lasts 30 days
TRIES, READ_AGAIN = 5, 1.0  # to read a file before the desk goes on without it; seconds between them
PORTION = 500  # rows that go into the index between two looks at the listeners


class FileStore:
    """The Store on files. One process at a time (see DataLock); all methods belong to one event loop."""

    def __init__(self, data: Path, disk: Disk, now: datetime) -> None:
        self.desk = data / "desk"
        self._ticket_files = TicketFiles(data / "tickets", disk)
        self.index = TicketIndex()
        self.broken: list[str] = []  # files that cannot be read; only those tickets suffer
        self.loaded = asyncio.Event()
        self.changed = asyncio.Event()  # set when an outgoing letter may have become due
        self._disk, self._started = disk, now
        self._turn = asyncio.Lock()
        self._group_commit = GroupCommit(disk, "store")
        self._writer = DurableWriter(self._group_commit)
        self._days = RecordFiles(self.desk, self.index, lambda place, letters: self._waiting.schedule(0, place, letters))
        self._dirty: dict[int, Ticket] = {}  # newer than the disk
        self._ticket_files.changing = self._dirty.keys()
        self._fresh: dict[int, frozenset[bytes]] = {}  # numbers that have no file yet, and what was tried
        self._gone: dict[int, set[int]] = {}  # parts that their tickets no longer name
        self._returning: set[int] = set()  # filed tickets that have changed: they come back among the live ones
        self._waiting = DeliveryQueue(self._letters)
        self._windows = RateLimiter()
        self._reading: asyncio.Task[None] | None = None
        disk.mkdir(self.desk)

    # ---------------------------------------------------------------------------------------------------- start

    async def load(self) -> None:
        """Rebuilds the index from the files; letters wait until it is done. A broken file is named in
        `broken` and left alone. One that cannot be read is tried again: after a while the desk goes on
        without it, and what may belong to it waits. Raises OSError where not even the names of the files can
        be read; it may be called again then.
        """
        loop = asyncio.get_running_loop()
        self.index.counted_from = self._started - timedelta(days=1)
        with ThreadPoolExecutor(1, "load") as thread:
            await loop.run_in_executor(thread, formats.bring, self.desk.parent, self._disk)
            paths = await loop.run_in_executor(thread, self._ticket_files.live)
            await loop.run_in_executor(thread, self._ticket_files.sweep_parts, paths)
            self.index.highest = await loop.run_in_executor(thread, self._ticket_files.highest, paths)
            self._ticket_files.broken, self._ticket_files.unread = [], []
            rows = self._ticket_files.rows(paths)
            while portion := await loop.run_in_executor(thread, lambda: [row for _, row in zip(range(PORTION), rows, strict=False)]):
                self._enter(portion)
            await loop.run_in_executor(thread, self._disk.sync_folder, self.desk)
        self._ticket_files.broken += map(str, self._days.load((self._started - REMEMBERED).date().isoformat()))
        for _ in range(TRIES):
            if self._unread():
                await asyncio.sleep(READ_AGAIN)
                self._read_again()
        self.broken = [*self._ticket_files.broken, *map(str, self._unread())]
        self._reading = asyncio.create_task(self._read_on())
        self.loaded.set()
        self.changed.set()

    def _enter(self, rows: Iterable[Ticket]) -> None:
        for row in rows:
            self.index.add(row)
            self._waiting.schedule(row.number, "", row.outgoing)

    def _unread(self) -> list[Path]:
        return [*self._ticket_files.unread, *self._days.unread]

    def _read_again(self) -> None:
        paths, self._ticket_files.unread = self._ticket_files.unread, []
        self._enter(self._ticket_files.rows(paths))
        if self._days.unread:
            with suppress(OSError):
                self._days.load(page_of(self._days.unread[0].stem)[0])

    async def _read_on(self) -> None:
        while self._unread():
            await asyncio.sleep(READ_AGAIN)
            self._read_again()
            self.changed.set()

    async def close(self) -> None:
        """Returns when everything is on disk. Raises OSError where it does not get there: the letters that it
        is about are still in the inbox.
        """
        if self._reading is not None:
            self._reading.cancel()
        try:
            await self._writer.close()
        finally:
            self._group_commit.close()

    # ----------------------------------------------------------------------------------------- units of work

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[FileUnitOfWork]:
        """See the interface. Looking and deciding exclude each other; waiting for the disk does not. What touches
        several files is written one after another, in the decision's order, records first.
        """
        await self.loaded.wait()
        await self._writer.room()
        async with self._turn:
            unit = FileUnitOfWork(self.index, self._windows, self.get, self._certain, self._waiting.given.keys())
            yield unit
            waits = self._take_over(unit.decision) or self._again(unit.repeated)
        await self._all(waits)
        self.changed.set()

    @staticmethod
    async def _all(waits: Sequence[Pending]) -> None:
        for future in [one.future for one in waits]:
            await asyncio.shield(future)  # others may wait for it, too

    def _certain(self, lookup: Lookup) -> None:
        """Raises OSError where a file that could not be read so far may know the letter or what it answers.
        """
        if not (unread := self._unread()):
            return
        started = f"{self._started.astimezone(UTC):%Y%m%dT%H%M%S%f}"
        known = lookup.tickets or self.index.knows(lookup.references)
        if not known or lookup.confirms or (lookup.letter and lookup.letter < started):
            raise OSError(errno.EAGAIN, "cannot be read so far; what may belong to it waits", str(unread[0]))

    def _take_over(self, decision: Decision) -> list[Pending]:
        """What cannot be written at all raises its error here, and nothing has changed."""
        changed = [self._divide(ticket) for ticket in decision.tickets if not self._same(ticket)]
        msgspec.json.encode(decision.records)
        for number in [one.number for one in decision.tickets if one.number > self.index.highest]:
            try:
                self._ticket_files.free(number)
            except FileExistsError:
                self.index.highest = number  # the next ticket has the next one
                raise
            self._fresh[number] = frozenset()
        waits = self._days.add(decision.records, self._writer)
        for pages in changed:
            waits += self._put(pages, waits)
        return waits

    def _divide(self, ticket: Ticket) -> Pages:
        return self._ticket_files.divide(ticket, fresh=ticket.number > self.index.highest or ticket.number in self._fresh)

    def _same(self, ticket: Ticket) -> bool:
        """Whether the disk is known to have this very ticket."""
        return ticket.number not in self._dirty and self._ticket_files.remembered(ticket.number) == ticket

    def _again(self, letter: str) -> list[Pending]:
        """A known letter is handled again, since nobody heard that it is durable: its file is written once
        more.
        """
        number = self.index.accounts(letter) if letter else None
        ticket = self.get(number) if number else None
        return self._put(self._divide(ticket)) if ticket else self._days.again(letter, self._writer) if letter else []

    def _put(self, pages: Pages, after: Sequence[Pending] = ()) -> list[Pending]:
        ticket, number = pages.division.ticket, pages.division.ticket.number
        if number not in self.index.lines and number not in self._fresh:
            self._returning.add(number)
        if ERASED in ticket.labels and (known := self.get(number)):
            self.index.remove(known)
        if pages.division.gone:
            self._gone.setdefault(number, set()).update(pages.division.gone)
        self._dirty[number] = ticket
        self._ticket_files.hold(number, pages.division.past)
        self.index.add(pages.division.head, pages.division.new.values())
        parts = [self._put_part(number, name, page) for name, page in pages.parts.items()]

        def prepare() -> tuple[Write, Callable[[], None]]:
            tried = self._fresh.get(number)
            if tried is not None:
                self._fresh[number] = tried | {pages.head}
            return self._ticket_files.write(number, pages.head, tried), partial(self._written, ticket, set(pages.division.past.sealed))

        in_row = number in self._fresh
        return [*parts, self._writer.start(("ticket", number), prepare, [*after, *parts], in_row=in_row)]

    def _put_part(self, number: int, name: int, page: bytes) -> Pending:
        return self._writer.start(
            ("part", (number, name)), lambda: (self._ticket_files.write_part(number, name, page), lambda: None)
        )

    def _written(self, ticket: Ticket, parts: set[int]) -> None:
        number = ticket.number
        self._fresh.pop(number, None)
        if number in self._returning:
            self._returning.discard(number)
            with suppress(OSError):  # where both are there, the live one counts
                self._ticket_files.unfile(number)
        if gone := self._gone.get(number, set()) - parts:
            self._gone[number] -= gone
            with suppress(OSError):  # the next start removes them
                self._ticket_files.drop_parts(number, gone)
        if self._dirty.get(number) is ticket:
            del self._dirty[number]
            self._gone.pop(number, None)
            self._ticket_files.remember(ticket)
        self._waiting.schedule(number, "", ticket.outgoing)
        self.changed.set()

    def get(self, number: int) -> Ticket | None:
        """A ticket as the last decision left it, live or filed; None where there is none. Raises
        msgspec.DecodeError for a broken file, and OSError for one that cannot be read.
        """
        return self._dirty.get(number) or self._ticket_files.get(number)

    async def is_leader(self) -> bool:
        """See the interface: the data folder has one daemon."""
        return self.loaded.is_set()

    async def suppressed(self, people: Collection[str], now: datetime) -> set[str]:
        """See the interface."""
        return {person for person in people if self.index.suppressed(person, now)}

    async def reserve(self, asked: Sequence[Sequence[Window]], now: datetime) -> list[datetime | None]:
        """See the interface."""
        return [self._windows.reserve(windows, now) for windows in asked]

    async def timers(self, now: datetime, limit: int) -> list[int]:
        """See the interface."""
        return self.index.timers(now, limit)

    async def ended_announcements(self, active: Collection[str]) -> list[int]:
        """See the interface."""
        return self.index.ended_announcements(active)

    async def wake(self, at: datetime | None, number: int = 0) -> None:
        """See the interface."""
        if number:
            self.index.set_timer(number, at)
        elif at is not None:
            self.index.wake(at)

    # ------------------------------------------------------------------------------------------- outgoing letters

    async def due(self, now: datetime, limit: int) -> list[Due]:
        """See the interface. In a unit of work of its own: nothing is given out that is just being taken back."""
        async with self._turn:
            return self._waiting.due(now, limit)

    async def next_due(self) -> datetime | None:
        """See the interface."""
        return self._waiting.next()

    def _letters(self, number: int, record: str) -> tuple[Outgoing, ...]:
        if not number:
            known = self._days.under_way.get(record)
            return known.outgoing if known else ()
        try:
            ticket = self.get(number)
        except msgspec.DecodeError:
            return ()  # only this ticket suffers
        return ticket.outgoing if ticket else ()

    async def delivered(self, results: Sequence[Due]) -> None:
        """See the interface. The results of one ticket are one write; until they are on disk no letter of them is given out again."""
        waits, in_hand = list[Pending](), self._waiting.in_hand(results)
        async with self._turn:
            for number, record in dict.fromkeys((one.ticket, one.record) for one in results):
                ended = {one.letter.id: one.letter for one in results if (one.ticket, one.record) == (number, record)}
                letters = tuple(newer(one, ended.get(one.id)) for one in self._letters(number, record))
                ticket = self.get(number) if letters and number else None
                if ticket is not None:
                    changed = replace(ticket, outgoing=letters)
                    waits += [] if self._same(changed) else self._put(self._divide(changed))
                elif not number:
                    waits += self._days.change(record, letters, self._writer)
        await self._all(waits)
        self._waiting.back(in_hand)  # the others, held ones that were let go, may be on their way by now
        self.changed.set()

    async def counts(self) -> Counts:
        """See the interface."""
        states: Counter[str] = Counter(one.state for record in self._days.under_way.values() for one in record.outgoing)
        for stuck in self.index.stuck.values():
            states.update(stuck)
        held, failed = states[Delivery.held], states[Delivery.failed]
        disk_waits = len(self._writer.failed) + len(self._unread())
        return Counts(len(self.index.lines), *self._waiting.counted(), held, failed, disk_waits, self._waiting.newest)

    async def stuck(self, state: Delivery) -> list[Due]:
        """See the interface."""
        places = [(0, place) for place in self._days.under_way]
        places += [(number, "") for number, states in sorted(self.index.stuck.items()) if state in states]
        found = [Due(ticket=number, record=place, letter=one) for number, place in places for one in self._letters(number, place)]
        return [one for one in found if one.letter.state is state]

    # ---------------------------------------------------------------------------------------------------- filing

    async def archive_done(self, now: datetime, reopen_days: int) -> int:
        """Files the tickets that can no longer change by themselves: a rename each. How many."""
        moved = 0
        self.index.prune(now)
        self._windows.prune(now)
        for number in [line.number for line in self.index.lines.values() if line.status == Status.done]:
            async with self._turn:
                with suppress(OSError, msgspec.DecodeError):  # it stays where it is, and keeps no other
                    ticket = self.get(number)
                    if ticket is None or number in self._dirty or not rests(ticket, now, reopen_days):
                        continue
                    self._ticket_files.file(number)
                    self.index.remove(ticket)
                    moved += 1
            await asyncio.sleep(0)
        return moved

    async def expire(self, limit: datetime, letters: Letters) -> int:
        """See the interface."""
        loop, stopped = asyncio.get_running_loop(), threading.Event()

        def erase(letter: str) -> None:
            asyncio.run_coroutine_threadsafe(letters.erase(letter), loop).result()

        @contextmanager
        def alone(number: int) -> Iterator[bool]:
            asyncio.run_coroutine_threadsafe(self._turn.acquire(), loop).result()
            try:
                yield number not in self._dirty
                self._ticket_files.forget(number)
            finally:
                loop.call_soon_threadsafe(self._turn.release)

        def work() -> int:
            steps = 0
            for gone in erase_old(self.desk.parent, self._disk, erase, limit, stopped.is_set, alone):
                steps += 1
                if isinstance(gone, str):
                    loop.call_soon_threadsafe(self._days.erased, gone)
            return steps

        thread = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(thread)
        finally:  # a desk that ends must not leave a thread behind that writes files which are then another's
            stopped.set()
            await asyncio.wait([thread])

    async def rewrite_record(self, place: str, change: Callable[[DeskRecord], DeskRecord]) -> None:
        """See the interface."""
        async with self._turn:
            written = self._days.rewrite_record(place, change, self._writer)
        await self._all([written] if written is not None else [])

    async def forget_address(self, person: str) -> None:
        """See the interface."""
        self.index.forget_address(person)
