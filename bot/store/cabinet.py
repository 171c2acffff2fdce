"""The ticket files: those of live tickets, the filed ones by thousands, and what is kept of them in memory."""

from __future__ import annotations

import contextlib
import errno
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from bot.model import Ticket
from bot.store.documents import read_ticket
from bot.store.files import Disk, Write, is_there, listed
from bot.store.names import THOUSAND, TICKET
from bot.store.regular import OddFileError

CACHED = 500  # tickets kept in memory


class Cabinet:
    """`data/tickets`. A broken file is named in `broken`, one that could not be read so far in `unread`; only
    its ticket suffers.
    """

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._live, self._filed, self._disk = folder / "live", folder / "done", disk
        self._set_aside = folder / "broken"  # where `repair` puts files that cannot be read
        self._cache: OrderedDict[int, Ticket] = OrderedDict()
        self.broken: list[str] = []
        self.unread: list[Path] = []
        for place in (self._live, self._filed):
            disk.mkdir(place)

    def live(self) -> list[Path]:
        """The files of the live tickets, whose names are durable from here on. Raises OSError."""
        self._disk.sync_folder(self._live)  # a desk that was killed may have put files here and not synced it
        return listed(self._live, TICKET)

    def rows(self, paths: Iterable[Path]) -> Iterator[Ticket]:
        """Each of these tickets, for the register; whole, since what could not be read later is broken now."""
        for path in paths:
            try:
                yield read_ticket(path)
            except (msgspec.DecodeError, OddFileError):
                self.broken.append(str(path))
            except OSError:
                self.unread.append(path)

    def highest(self, live: Iterable[Path]) -> int:
        """The highest number of any file: live, set aside or filed. A filing that was cut off leaves an empty
        folder. Raises OSError.
        """
        highest = max((int(path.stem) for path in (*live, *listed(self._set_aside, TICKET))), default=0)
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
                ticket = read_ticket(path)
                self.remember(ticket)
                return ticket
        return None

    def remember(self, ticket: Ticket) -> None:
        """Keeps what is on disk now in memory for a while."""
        self._cache[ticket.number] = ticket
        self._cache.move_to_end(ticket.number)
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)

    def forget(self, number: int) -> None:
        """Whatever is asked of it next is read from the disk."""
        self._cache.pop(number, None)

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
