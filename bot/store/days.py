"""The desk's own records: letters and deeds that belong to no ticket, in `data/desk/DAY.json`.

A day's file that has grown to PAGE bytes is followed by DAY.2.json and so on: the cost of a record does not grow with the day.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bot.model import DeskRecord, Outgoing
from bot.store.documents import Page, add_records, day_files, open_page, page_of, read_day
from bot.store.files import Write
from bot.store.port import UNFINISHED
from bot.store.register import Register, mark
from bot.store.writer import Writer

PAGE = 256 * 1024
Schedule = Callable[[str, Sequence[Outgoing]], None]


class Days:
    """Records by their place, "DAY/id". `schedule` is told of letters that are on disk and wait to leave."""

    def __init__(self, folder: Path, register: Register, schedule: Schedule) -> None:
        self.folder, self._register, self._schedule = folder, register, schedule
        self.under_way: dict[str, DeskRecord] = {}  # place -> record with letters that are not over
        self._keys: dict[int, str] = {}  # letter, deed and person -> the file that has it: repeating a letter adds nothing
        self._last: dict[str, int] = {}
        self._current: dict[str, int] = {}
        self._pages: dict[str, Page] = {}
        self._unwritten: defaultdict[str, dict[int, DeskRecord]] = defaultdict(dict)
        self._writing: dict[str, dict[int, DeskRecord]] = {}

    def load(self, since: date) -> list[Path]:
        """Reads the records of the days from `since` on; the files that cannot be read."""
        broken = []
        for path in day_files(self.folder):
            day, number = page_of(path.stem)
            self._current[day] = number
            if day < since.isoformat():
                continue
            try:
                for ident, record in read_day(path):
                    self._enter(path.stem, ident, record)
                    self._schedule(f"{path.stem}/{ident}", record.outgoing)
                full = path.stat().st_size > PAGE
            except (msgspec.DecodeError, OSError):
                broken.append(path)
                full = True
            self._current[day] += full
        return broken

    def add(self, records: Sequence[DeskRecord], writer: Writer) -> list[asyncio.Future[None]]:
        """Queues records for their day's file; one that a repeated letter brings again is absorbed. The writes to wait for."""
        stems: dict[str, None] = {}
        for one in records:
            key = mark(one.letter, one.about, one.who)
            stem = self._keys.get(key) if one.letter else None
            if stem is None:
                stem = self._stem(f"{one.at:%Y-%m-%d}")
                ident = self._last.get(stem, 0) + 1
                self._enter(stem, ident, one)
                self._unwritten[stem][ident] = one
            stems[stem] = None
        return [self._write(stem, writer) for stem in stems]

    def change(self, place: str, letters: tuple[Outgoing, ...], writer: Writer) -> asyncio.Future[None]:
        """The outgoing letters of a record have changed; KeyError for one that has none under way."""
        stem, _, ident = place.partition("/")
        record = replace(self.under_way[place], outgoing=letters)
        self._enter(stem, int(ident), record)
        self._unwritten[stem][int(ident)] = record
        return self._write(stem, writer)

    def amend(self, place: str, change: Callable[[DeskRecord], DeskRecord], writer: Writer) -> asyncio.Future[None] | None:
        """A record, of whatever day, put through `change`; the write to wait for, None where nothing is to be written."""
        stem, _, number = place.partition("/")
        ident = int(number)
        waiting = self._writing.get(stem, {}) | self._unwritten.get(stem, {})
        known = waiting.get(ident) or dict(read_day(self.folder / f"{stem}.json")).get(ident)
        if known is None or (changed := change(known)) == known:
            return None
        self._keys.pop(mark(known.letter, known.about, known.who), None)
        self._register.forget(known)
        self._enter(stem, ident, changed)
        self._unwritten[stem][ident] = changed
        return self._write(stem, writer)

    def erased(self, stem: str) -> None:
        """The file is gone for good, with the letters that were held in it."""
        self._pages.pop(stem, None)
        for place in [place for place in self.under_way if place.partition("/")[0] == stem]:
            del self.under_way[place]

    def _stem(self, day: str) -> str:
        number = self._current.setdefault(day, 1)
        return day if number == 1 else f"{day}.{number}"

    def _write(self, stem: str, writer: Writer) -> asyncio.Future[None]:
        return writer.start(("day", stem), lambda: self._prepared(stem))

    def _prepared(self, stem: str) -> Write:
        """One write for all that waited. A page that is full, or of a day gone by, is not kept in memory."""
        self._writing[stem] = batch = self._unwritten.pop(stem, {})
        path, (day, number) = self.folder / f"{stem}.json", page_of(stem)
        page = self._pages.pop(stem, None) or open_page(path)
        add_records(page, batch)
        data = page.encoded()
        if number == self._current.get(day):
            self._pages = {stem: page}
            self._current[day] += len(data) > PAGE
        return Write(path.with_name(f".{path.name}.tmp"), path, data)

    def written(self, stem: str) -> None:
        """What was being written is on disk: its letters may leave."""
        for ident, record in self._writing.pop(stem, {}).items():
            self._schedule(f"{stem}/{ident}", record.outgoing)

    def failed(self, stem: str) -> None:
        """A write failed: what memory holds of it is forgotten, or is again what the disk says."""
        lost = self._writing.pop(stem, {}) | self._unwritten.pop(stem, {})
        self._pages.pop(stem, None)
        try:
            known = dict(read_day(self.folder / f"{stem}.json"))
        except (OSError, msgspec.DecodeError):
            known = {}
        for ident, record in lost.items():
            place = f"{stem}/{ident}"
            self.under_way.pop(place, None)
            self._keys.pop(mark(record.letter, record.about, record.who), None)
            self._register.forget(record)
            if ident in known:
                self._enter(stem, ident, known[ident])
                self._schedule(place, known[ident].outgoing)

    def _enter(self, stem: str, ident: int, record: DeskRecord) -> None:
        self._last[stem] = max(ident, self._last.get(stem, 0))
        if record.letter:
            self._keys[mark(record.letter, record.about, record.who)] = stem
        self._register.record(record)
        if any(one.state in UNFINISHED for one in record.outgoing):
            self.under_way[f"{stem}/{ident}"] = record
        else:
            self.under_way.pop(f"{stem}/{ident}", None)
