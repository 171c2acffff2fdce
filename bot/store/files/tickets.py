"""The ticket files: those of live tickets, the filed ones by thousands, and what is kept of them in memory."""

from __future__ import annotations

import contextlib
import errno
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from bot.disk import Disk, Write, is_there, listed
from bot.disk.regular_files import OddFileError
from bot.model import Ticket
from bot.store.files.documents import number_of, part_file, part_files, part_page, read_head, read_ticket, read_whole, stray_parts, ticket_page
from bot.store.files.names import THOUSAND, TICKET
from bot.store.parts import Division, Past, divided

CACHED = 500  # tickets kept in memory


class Pages(NamedTuple):
    """A ticket as files: its own, and those of the parts that are not there yet."""

    division: Division
    head: bytes
    parts: dict[int, bytes]


class TicketFiles:
    """`data/tickets`. A broken file is named in `broken`, one that could not be read so far in `unread`; only
    its ticket suffers.
    """

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder, self._disk = folder, disk
        self._live, self._filed, self._parts = folder / "live", folder / "done", folder / "parts"
        self._set_aside = folder / "broken"  # where `repair` puts files that cannot be read
        self._cache: OrderedDict[int, Ticket] = OrderedDict()
        self._past: dict[int, Past] = {}  # of tickets in memory
        self.changing: Collection[int] = ()  # numbers of tickets that are newer than the disk
        self.broken: list[str] = []
        self.unread: list[Path] = []
        for place in (self._live, self._filed, self._parts):
            disk.mkdir(place)

    def live(self) -> list[Path]:
        """The files of the live tickets, whose names are durable from here on. Raises OSError."""
        self._disk.sync_folder(self._live)  # a desk that was killed may have put files here and not synced it
        return listed(self._live, TICKET)

    def rows(self, paths: Iterable[Path]) -> Iterator[Ticket]:
        """Each of these tickets, for the index; whole, since what could not be read later is broken now."""
        for path in paths:
            try:
                yield read_ticket(path)
            except (msgspec.DecodeError, OddFileError):
                self.broken.append(str(path))
            except OSError:
                self.unread.append(path)

    def highest(self, live: Iterable[Path]) -> int:
        """The highest number of any file: live, set aside, filed, or a part. A filing that was cut off leaves an
        empty folder. Raises OSError.
        """
        numbers = [int(path.stem) for path in (*live, *listed(self._set_aside, TICKET))]
        highest = max((*numbers, *map(number_of, part_files(self._folder))), default=0)
        for folder in sorted(listed(self._filed, THOUSAND, folders=True), key=lambda path: -int(path.name)):
            numbers = [int(path.stem) for path in listed(folder, TICKET)]
            if numbers:
                return max(highest, *numbers)
        return highest

    def get(self, number: int) -> Ticket | None:
        """A ticket as its file has it, live or filed; None where there is none, or something else of that name.
        Raises msgspec.DecodeError for a broken file, and OSError.
        """
        if known := self._cache.get(number):
            return known
        for path in (self._live / f"{number}.json", self._place(number)):
            with contextlib.suppress(FileNotFoundError, OddFileError):
                ticket, self._past[number] = read_whole(path)
                self.remember(ticket)
                return ticket
        return None

    def remember(self, ticket: Ticket) -> None:
        """Keeps what is on disk now in memory for a while."""
        self._cache[ticket.number] = ticket
        self._cache.move_to_end(ticket.number)
        if len(self._cache) > CACHED:
            number, _ = self._cache.popitem(last=False)
            if number not in self.changing:
                self._past.pop(number, None)

    def forget(self, number: int) -> None:
        """Whatever is asked of it next is read from the disk."""
        self._cache.pop(number, None)
        self._past.pop(number, None)

    def remembered(self, number: int) -> Ticket | None:
        """What memory knows to be on the disk."""
        return self._cache.get(number)

    def divide(self, ticket: Ticket, *, fresh: bool) -> Pages:
        """The ticket as files; a `fresh` one has none yet. Raises where it cannot be written at all, and OSError."""
        number = ticket.number
        known = self._past.get(number) or (Past() if fresh else self._stored(number))
        division = divided(ticket, known)
        parts = {name: part_page(number, name, part) for name, part in division.new.items()}
        return Pages(division, ticket_page(division.head), parts)

    def _stored(self, number: int) -> Past:
        for path in (self._live / f"{number}.json", self._place(number)):
            with contextlib.suppress(FileNotFoundError, OddFileError, msgspec.DecodeError):
                head = read_head(path)
                return Past(head.parts, {}, head.made)
        return Past()

    def write_part(self, number: int, name: int, page: bytes) -> Write:
        """The write of a part."""
        path = part_file(self._folder, number, name)
        self._disk.mkdir(path.parent)
        return Write(path.with_name(f".{path.name}.tmp"), path, page)

    def hold(self, number: int, past: Past) -> None:
        """What its parts are from here on."""
        self._past[number] = past

    def drop_parts(self, number: int, names: Collection[int]) -> None:
        """Removes parts that the ticket has no longer. Raises OSError."""
        for name in names:
            self._disk.unlink(part_file(self._folder, number, name))

    def sweep_parts(self, live: Iterable[Path]) -> None:
        """Removes the parts of live tickets that a desk which was cut off has left behind. Raises OSError."""
        self._disk.sync_folder(self._parts)
        for path in stray_parts(self._folder, {int(path.stem) for path in live}):
            self._disk.unlink(path)

    def write(self, number: int, page: bytes, tried: frozenset[bytes] | None) -> Write:
        """The write that puts a page among the live tickets. For the first of a number, `tried` is what
        earlier tries of it may have left there.
        """
        path = self._live / f"{number}.json"
        return Write(path.with_name(f".{path.name}.tmp"), path, page, tried is not None, tried or frozenset())

    def free(self, number: int) -> None:
        """Raises FileExistsError where something that is none of ours has the name of a new ticket, and
        OSError.
        """
        if is_there(path := self._live / f"{number}.json"):
            raise FileExistsError(errno.EEXIST, "is none of this desk's: its number is left out", str(path))

    def file(self, number: int) -> None:
        """Moves it away from the live ones: a rename."""
        target = self._place(number)
        self._disk.mkdir(target.parent)
        try:
            self._disk.rename(self._live / target.name, target)
        except FileNotFoundError:  # an earlier try has moved it, and the disk did not say so
            if not is_there(target):
                raise
        self.forget(number)

    def unfile(self, number: int) -> None:
        """Removes the filed copy of a ticket that is live again."""
        self._disk.unlink(self._place(number))

    def _place(self, number: int) -> Path:
        return self._filed / f"{number // 1000:03}" / f"{number}.json"
