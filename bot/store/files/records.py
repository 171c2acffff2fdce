"""The desk's own records: letters and deeds that belong to no ticket, in `data/desk/DAY.json`.

A day's file that has grown to PAGE bytes is followed by DAY.2.json and so on: the cost of a record does not grow with the day.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bot.disk import Write
from bot.disk.regular_files import OddFileError
from bot.model import DeskRecord, Outgoing
from bot.store.files.documents import Page, add_records, day_files, open_page, page_of, read_day
from bot.store.files.durable_writer import DurableWriter, Pending
from bot.store.index import TicketIndex, mark
from bot.store.interface import UNFINISHED

PAGE = 256 * 1024
Schedule = Callable[[str, Sequence[Outgoing]], None]


class RecordFiles:
    """Records by their place, "DAY/id". `schedule` is told of letters that are on disk and wait to leave."""

    def __init__(self, folder: Path, index: TicketIndex, schedule: Schedule) -> None:
        self.folder, self._index, self._schedule = folder, index, schedule
        self.under_way: dict[str, DeskRecord] = {}  # place -> record with letters that are not over
        self.unread: list[Path] = []  # files that could not be read so far
        self._keys: dict[int, str] = {}  # letter, deed and person -> the file that has it: repeating a letter adds nothing
        self._places: dict[int, str] = {}  # letter -> the file that accounts for it
        self._last: dict[str, int] = {}
        self._current: dict[str, int] = {}
        self._pages: dict[str, Page] = {}
        self._unwritten: defaultdict[str, dict[int, DeskRecord]] = defaultdict(dict)  # newer than the disk

    def load(self, since: str) -> list[Path]:
        """Reads the records from the day `since` on; returns the files that are broken. Those that cannot be
        read are in `unread` then: call it again with the first of them, since later records count for more
        than earlier ones.
        """
        files, broken = day_files(self.folder), list[Path]()
        self.unread = []
        for path in files:
            stem, (day, number) = path.stem, page_of(path.stem)
            self._current[day] = max(number, self._current.get(day, 1))
            if day < since:
                continue
            try:
                records, full = dict(read_day(path)), path.stat().st_size > PAGE
            except (msgspec.DecodeError, OddFileError):
                broken.append(path)
                records, full = {}, True
            except OSError:
                self.unread.append(path)
                records, full = {}, True
            unwritten = self._unwritten.get(stem, {})
            for ident, record in (records | unwritten).items():
                self._enter(stem, ident, record)
                self._schedule(f"{stem}/{ident}", () if ident in unwritten else record.outgoing)
            if number == self._current[day]:
                self._current[day] += full
        return broken

    def add(self, records: Sequence[DeskRecord], writer: DurableWriter) -> list[Pending]:
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

    def again(self, letter: str, writer: DurableWriter) -> list[Pending]:
        """The file that accounts for a letter is written once more; what is to be waited for."""
        stem = self._places.get(mark(letter))
        return [self._write(stem, writer)] if stem else []

    def change(self, place: str, letters: tuple[Outgoing, ...], writer: DurableWriter) -> list[Pending]:
        """The outgoing letters of a record have changed, if any are still under way; what is to be waited
        for.
        """
        stem, _, ident = place.partition("/")
        if place in self.under_way:
            record = replace(self.under_way[place], outgoing=letters)
            self._enter(stem, int(ident), record)
            self._unwritten[stem][int(ident)] = record
        return [self._write(stem, writer)] if stem in self._unwritten else []

    def rewrite_record(self, place: str, change: Callable[[DeskRecord], DeskRecord], writer: DurableWriter) -> Pending | None:
        """A record, of whatever day, put through `change`; the write to wait for, None where nothing is to be written."""
        stem, _, number = place.partition("/")
        ident = int(number)
        unwritten = self._unwritten.get(stem, {}).get(ident)
        known = unwritten or dict(read_day(self.folder / f"{stem}.json")).get(ident)
        if known is None or (changed := change(known)) == known:
            return None
        self._keys.pop(mark(known.letter, known.about, known.who), None)
        self._index.forget(known)
        self._enter(stem, ident, changed)
        self._unwritten[stem][ident] = changed
        return self._write(stem, writer)

    def erased(self, stem: str) -> None:
        """The file is gone for good, with the letters that were held in it."""
        self._pages.pop(stem, None)
        for place in [place for place in self.under_way if place.partition("/")[0] == stem]:
            del self.under_way[place]

    def _stem(self, day: str) -> str:
        if day not in self._current:  # whatever has the name of its first page, it is not ours
            taken = os.path.lexists(self.folder / f"{day}.json")
            self._current[day] = 1 + taken
        number = self._current[day]
        return day if number == 1 else f"{day}.{number}"

    def _write(self, stem: str, writer: DurableWriter) -> Pending:
        return writer.start(("day", stem), lambda: self._prepared(stem))

    def _prepared(self, stem: str) -> tuple[Write, Callable[[], None]]:
        """One write for all that waited. A page that is full, or of a day gone by, is not kept in memory."""
        batch = dict(self._unwritten[stem])
        path, (day, number) = self.folder / f"{stem}.json", page_of(stem)
        page = self._pages.pop(stem, None) or open_page(path)
        add_records(page, batch)
        data = page.encoded()
        if number == self._current.get(day):
            self._pages = {stem: page}
            self._current[day] += len(data) > PAGE
        return Write(path.with_name(f".{path.name}.tmp"), path, data), partial(self._written, stem, batch)

    def _written(self, stem: str, batch: dict[int, DeskRecord]) -> None:
        """These are on disk: their letters may leave."""
        unwritten = self._unwritten[stem]
        for ident, record in batch.items():
            if unwritten.get(ident) is record:
                del unwritten[ident]
            self._schedule(f"{stem}/{ident}", record.outgoing)
        if not unwritten:
            del self._unwritten[stem]

    def _enter(self, stem: str, ident: int, record: DeskRecord) -> None:
        self._last[stem] = max(ident, self._last.get(stem, 0))
        if record.letter:
            self._keys[mark(record.letter, record.about, record.who)] = stem
            if record.disposition:
                self._places[mark(record.letter)] = stem
        self._index.record(record)
        if any(one.state in UNFINISHED for one in record.outgoing):
            self.under_way[f"{stem}/{ident}"] = record
        else:
            self.under_way.pop(f"{stem}/{ident}", None)
