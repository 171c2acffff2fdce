"""A data folder at rest: tickets, records and letters as reports, the ledger and the command line read them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from bot.disk import Disk, is_there, listed
from bot.disk.regular_files import OddFileError
from bot.model import DeskRecord, Envelope, Parked, Ticket
from bot.store.files.documents import day_files, read_day, read_ticket
from bot.store.files.inbox import Inbox
from bot.store.files.names import THOUSAND, TICKET


class FileDataReader:
    """The port `DataReader` on files; a daemon may be at work on them."""

    def __init__(self, data: Path) -> None:
        self.broken: list[str] = []
        self._data = data
        self._live, self._filed = data / "tickets" / "live", data / "tickets" / "done"

    def tickets(self, *, filed: bool = True) -> Iterator[Ticket]:
        """See the interface. Live ones are looked for first and last: one that is filed, or comes back, meanwhile is met, once."""
        met: set[str] = set()
        first = listed(self._live, TICKET)
        places: list[Callable[[], list[Path]]] = [lambda: first]
        if filed:
            folders = sorted(listed(self._filed, THOUSAND, folders=True), key=lambda path: int(path.name))
            places = [partial(listed, folder, TICKET) for folder in folders]
            places.append(lambda: first + listed(self._live, TICKET))
        for place in places:
            for path in sorted(set(place()), key=lambda path: int(path.stem)):
                if path.parent.parent == self._filed and is_there(self._live / path.name):
                    continue  # it has come back, and the desk was cut off before this copy was gone; the live one is still to be met
                if path.name not in met and (ticket := self._read(path)) is not None:
                    met.add(path.name)
                    yield ticket

    def _read(self, path: Path) -> Ticket | None:
        """The ticket of a file; None where it is broken. One that has just been filed is found under its new name."""
        for place in (path, self._filed / f"{int(path.stem) // 1000:03}" / path.name) if path.parent == self._live else (path,):
            try:
                return read_ticket(place)
            except FileNotFoundError:
                continue
            except (OSError, msgspec.DecodeError):
                self.broken.append(str(place))
        return None

    def ticket(self, number: int) -> Ticket | None:
        """See the interface."""
        for path in (self._live / f"{number}.json", self._filed / f"{number // 1000:03}" / f"{number}.json"):
            with contextlib.suppress(FileNotFoundError, OddFileError):
                return read_ticket(path)
        return None

    def records(self) -> Iterator[tuple[str, DeskRecord]]:
        """See the interface."""
        for path in day_files(self._data / "desk"):
            try:
                records = list(read_day(path))
            except (OSError, msgspec.DecodeError):
                self.broken.append(str(path))
                continue
            yield from ((f"{path.stem}/{ident}", record) for ident, record in records)

    def letters(self) -> Iterator[tuple[str, str]]:
        """See the interface."""
        return Inbox(self._data, Disk()).accepted_ids()

    def letter(self, ident: str) -> tuple[Envelope, bytes]:
        """See the interface."""
        return Inbox(self._data, Disk()).read(ident)

    def parked(self) -> list[Parked]:
        """See the interface."""
        return Inbox(self._data, Disk()).parked()

    def try_letter(self, raw: bytes) -> None:
        """See the interface."""
        Inbox(self._data, Disk()).try_letter(raw)

    def close(self) -> None:
        """See the interface."""
