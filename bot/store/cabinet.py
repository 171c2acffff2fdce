"""The ticket files: those of live tickets, the filed ones by thousands, and what is kept of them in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bot.model import Ticket
from bot.store.documents import read_ticket, ticket_page
from bot.store.files import Disk, Write
from bot.store.regular import read_regular
from bot.store.rows import Row

CACHED = 500  # tickets kept in memory


class Cabinet:
    """`data/tickets`. A file that cannot be read is named in `broken`; only its ticket suffers."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._live, self._filed, self._disk = folder / "live", folder / "done", disk
        self._set_aside = folder / "broken"  # where `repair` puts files that cannot be read
        self._cache: OrderedDict[int, Ticket] = OrderedDict()
        self.broken: list[str] = []
        for place in (self._live, self._filed):
            disk.mkdir(place)

    def rows(self) -> Iterator[Row]:
        """What the register needs of every live ticket."""
        decoder = msgspec.json.Decoder(dict[str, dict[str, Row]])
        for path in self._live.glob("[0-9]*.json"):
            try:
                yield from decoder.decode(read_regular(path))["ticket"].values()
            except (msgspec.DecodeError, OSError, KeyError):
                self.broken.append(str(path))

    def highest(self) -> int:
        """The highest number of a file that is no live ticket: broken, set aside or filed. A filing that was cut off leaves an empty folder."""
        highest = max((int(path.stem) for path in (*map(Path, self.broken), *self._set_aside.glob("[0-9]*.json"))), default=0)
        for folder in sorted((path for path in self._filed.iterdir() if path.name.isdigit()), key=lambda path: -int(path.name)):
            numbers = [int(path.stem) for path in folder.glob("[0-9]*.json")]
            if numbers:
                return max(highest, *numbers)
        return highest

    def get(self, number: int, *, live: bool = False) -> Ticket | None:
        """A ticket as its file has it, live or filed; None where there is none. Raises msgspec.DecodeError for a broken file."""
        if known := self._cache.get(number):
            return known
        for path in (self._live / f"{number}.json", *([] if live else [self._place(number)])):
            if path.exists():
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

    def write(self, ticket: Ticket, *, fresh: bool) -> Write:
        """The write that puts it among the live ones; a `fresh` number must not have a file yet."""
        path = self._live / f"{ticket.number}.json"
        return Write(path.with_name(f".{path.name}.tmp"), path, ticket_page(ticket), exclusive=fresh)

    def file(self, number: int) -> None:
        """Moves it away from the live ones: a rename."""
        target = self._place(number)
        self._disk.mkdir(target.parent)
        self._disk.rename(self._live / target.name, target)
        self.forget(number)

    def unfile(self, number: int) -> None:
        """Removes the filed copy of a ticket that is live again."""
        self._disk.unlink(self._place(number))

    def _place(self, number: int) -> Path:
        return self._filed / f"{number // 1000:03}" / f"{number}.json"
