"""The embedded store: one ticket, one TinyDB file, one write a commit; the desk's own records in the files of their day (design, section 9).

A decision is taken over in memory at once, while the turn lasts, and is on disk when the turn's block has been left. Writes of
one ticket that wait for the disk melt into one. Where a write fails, memory goes back to what the disk says.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bot.model import Delivery, DeskRecord, Outgoing, Status, Ticket
from bot.store.cabinet import Cabinet
from bot.store.commits import Commits
from bot.store.days import Days
from bot.store.documents import row_of
from bot.store.files import Disk, Write
from bot.store.port import Counts, Due, Earlier, Letters, Window
from bot.store.register import Register
from bot.store.retention import erase_old
from bot.store.turn import FileTurn
from bot.store.waiting import Waiting, newer, rests
from bot.store.windows import Windows
from bot.store.writer import Key, Writer
from bot.tickets.erasing import ERASED

REMEMBERED = timedelta(days=32)  # records that are read at start: a suppression lasts 30 days
PORTION = 500  # rows that go into the register between two looks at the doors


class FileStore:
    """The Store on files. One process at a time (see DataLock); all methods belong to one event loop."""

    def __init__(self, data: Path, disk: Disk, now: datetime) -> None:
        self.desk = data / "desk"
        self._cabinet = Cabinet(data / "tickets", disk)
        self.register = Register()
        self.broken: list[str] = []  # files that cannot be read; only those tickets suffer
        self.loaded = asyncio.Event()
        self.changed = asyncio.Event()  # set when an outgoing letter may have become due
        self._disk, self._started = disk, now
        self._turn = asyncio.Lock()
        self._commits = Commits(disk, "store")
        self._writer = Writer(self._commits, self._written, self._failed)
        self._days = Days(self.desk, self.register, lambda place, letters: self._waiting.schedule(0, place, letters))
        self._dirty: dict[int, Ticket] = {}  # newer than the disk
        self._writing: dict[int, Ticket] = {}
        self._fresh: set[int] = set()  # numbers whose file has never been written
        self._returning: set[int] = set()  # filed tickets that have changed: they come back among the live ones
        self._waiting = Waiting(self._letters)
        self._windows = Windows()
        disk.mkdir(self.desk)

    # ---------------------------------------------------------------------------------------------------- start

    async def load(self) -> None:
        """Rebuilds the register from the files; letters wait until it is done. A broken file is named in `broken` and left alone."""
        loop = asyncio.get_running_loop()
        self.register.counted_from = self._started - timedelta(days=1)
        rows = self._cabinet.rows()
        with ThreadPoolExecutor(1, "load") as thread:
            while portion := await loop.run_in_executor(thread, lambda: [row for _, row in zip(range(PORTION), rows, strict=False)]):
                for row in portion:
                    self.register.add(row)
                    self._waiting.schedule(row.number, "", row.outgoing)
        self.register.highest = max(self.register.highest, self._cabinet.highest())
        self.broken += [*self._cabinet.broken, *map(str, self._days.load((self._started - REMEMBERED).date()))]
        self.loaded.set()
        self.changed.set()

    async def close(self) -> None:
        """Returns when everything is on disk."""
        await self._writer.idle()
        self._commits.close()

    # ---------------------------------------------------------------------------------------------------- turns

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[FileTurn]:
        """See the port. Looking and deciding exclude each other; waiting for the disk does not, but for what touches two files:
        these are written one after another, in the decision's order, records first.
        """
        await self.loaded.wait()
        async with self._turn:
            turn = FileTurn(self.register, self.get, self._windows)
            yield turn
            decision = turn.decision
            waits = self._days.add(decision.records, self._writer)
            several = len(decision.tickets) + len(waits) > 1
            for ticket in decision.tickets:
                if several:
                    await self._all(waits)
                waits.append(self._put(ticket))
        await self._all(waits)
        self.changed.set()

    @staticmethod
    async def _all(waits: list[asyncio.Future[None]]) -> None:
        while waits:
            await waits.pop(0)

    def _put(self, ticket: Ticket) -> asyncio.Future[None]:
        number = ticket.number
        if number not in self.register.lines:
            (self._fresh if number > self.register.highest else self._returning).add(number)
        if ERASED in ticket.labels and (known := self.get(number)):
            self.register.remove(row_of(known))
        self._dirty[number] = ticket
        self.register.add(row_of(ticket))
        return self._writer.start(("ticket", number), lambda: self._prepared(number))

    def _prepared(self, number: int) -> Write:
        ticket = self._writing[number] = self._dirty[number]
        return self._cabinet.write(ticket, fresh=number in self._fresh)

    def _written(self, key: Key) -> None:
        kind, name = key
        if kind == "day":
            self._days.written(name)
            return
        ticket = self._writing.pop(name)
        self._fresh.discard(name)
        if name in self._returning:
            self._returning.discard(name)
            with suppress(OSError):  # where both are there, the live one counts
                self._cabinet.unfile(name)
        if self._dirty.get(name) is ticket:
            del self._dirty[name]
            self._cabinet.remember(ticket)
        self._waiting.schedule(name, "", ticket.outgoing)
        self.changed.set()

    def _failed(self, key: Key) -> None:
        """A write failed: what memory holds of it is forgotten, and read from the disk again."""
        kind, name = key
        if kind == "day":
            self._days.failed(name)
            return
        self._writing.pop(name, None)
        self._fresh.discard(name)
        self._returning.discard(name)
        self._cabinet.forget(name)
        lost = self._dirty.pop(name, None)
        if lost is not None:
            self.register.remove(row_of(lost))
        with suppress(msgspec.DecodeError, OSError):
            known = self.get(name, live=True)
            if known is not None:
                self.register.add(row_of(known))
                self._waiting.schedule(name, "", known.outgoing)

    def get(self, number: int, *, live: bool = False) -> Ticket | None:
        """A ticket as the last commit left it, live or filed; None where there is none. Raises msgspec.DecodeError for a broken file."""
        return self._dirty.get(number) or self._cabinet.get(number, live=live)

    async def ticket(self, number: int) -> Ticket | None:
        """A ticket, live or filed."""
        return self.get(number)

    async def leads(self) -> bool:
        """See the port: the data folder has one daemon."""
        return self.loaded.is_set()

    async def suppressed(self, people: Collection[str], now: datetime) -> set[str]:
        """See the port."""
        return {person for person in people if self.register.suppressed(person, now)}

    async def leaves(self, asked: Sequence[Sequence[Window]], now: datetime) -> list[datetime | None]:
        """See the port."""
        return [self._windows.leaves(windows, now) for windows in asked]

    async def timers(self, now: datetime, limit: int) -> list[int]:
        """See the port."""
        return self.register.timers(now, limit)

    async def over(self, active: Collection[str]) -> list[int]:
        """See the port."""
        return self.register.over(active)

    async def snooze(self, number: int, until: datetime | None) -> None:
        """See the port."""
        self.register.set_timer(number, until)

    async def wake(self, now: datetime) -> None:
        """See the port."""
        self.register.wake(now)

    async def rows(self) -> list[Earlier]:
        """The live tickets, by number."""
        return [self.register.lines[number] for number in sorted(self.register.lines)]

    # ------------------------------------------------------------------------------------------- outgoing letters

    async def due(self, now: datetime, limit: int) -> list[Due]:
        """See the port."""
        return self._waiting.due(now, limit)

    async def next_due(self) -> datetime | None:
        """See the port."""
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
        """See the port. The results of one ticket are one write; until they are on disk no letter of them is given out again."""
        waits, in_hand = [], self._waiting.in_hand(results)
        async with self._turn:
            for number, record in dict.fromkeys((one.ticket, one.record) for one in results):
                changed = {one.letter.id: one.letter for one in results if (one.ticket, one.record) == (number, record)}
                letters = tuple(newer(one, changed.get(one.id)) for one in self._letters(number, record))
                ticket = self.get(number) if letters and number else None
                if ticket is not None:
                    waits.append(self._put(replace(ticket, outgoing=letters)))
                elif letters:
                    waits.append(self._days.change(record, letters, self._writer))
        await self._all(waits)
        self._waiting.back(in_hand)  # the others, held ones that were let go, may be on their way by now
        self.changed.set()

    async def counts(self) -> Counts:
        """See the port."""
        states: Counter[str] = Counter(one.state for record in self._days.under_way.values() for one in record.outgoing)
        for stuck in self.register.stuck.values():
            states.update(stuck)
        held, failed = states[Delivery.held], states[Delivery.failed]
        return Counts(len(self.register.lines), *self._waiting.counted(), held, failed)

    async def stuck(self, state: Delivery) -> list[Due]:
        """See the port."""
        places = [(0, place) for place in self._days.under_way]
        places += [(number, "") for number, states in sorted(self.register.stuck.items()) if state in states]
        found = [Due(ticket=number, record=place, letter=one) for number, place in places for one in self._letters(number, place)]
        return [one for one in found if one.letter.state is state]

    # ---------------------------------------------------------------------------------------------------- filing

    async def sweep(self, now: datetime, reopen_days: int) -> int:
        """Files the tickets that can no longer change by themselves: a rename each. How many."""
        moved = 0
        self.register.prune(now)
        self._windows.prune(now)
        for number in [line.number for line in self.register.lines.values() if line.status == Status.done]:
            async with self._turn:
                ticket = self.get(number)
                if ticket is None or number in self._dirty or not rests(ticket, now, reopen_days):
                    continue
                self._cabinet.file(number)
                self.register.remove(row_of(ticket))
                moved += 1
            await asyncio.sleep(0)
        return moved

    async def retire(self, limit: datetime, letters: Letters) -> int:
        """See the port."""
        loop, stopped = asyncio.get_running_loop(), threading.Event()

        def erase(letter: str) -> None:
            asyncio.run_coroutine_threadsafe(letters.erase(letter), loop).result()

        @contextmanager
        def alone(number: int) -> Iterator[bool]:
            asyncio.run_coroutine_threadsafe(self._turn.acquire(), loop).result()
            try:
                yield number not in self._dirty
                self._cabinet.forget(number)
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

    async def amend(self, place: str, change: Callable[[DeskRecord], DeskRecord]) -> None:
        """See the port."""
        async with self._turn:
            written = self._days.amend(place, change, self._writer)
        if written is not None:
            await written

    async def strike(self, person: str) -> None:
        """See the port."""
        self.register.strike(person)
