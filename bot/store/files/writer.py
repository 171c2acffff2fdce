"""A data folder as the `DataWriter` of a copy: each ticket, page of records and letter as the file that it is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from bot.disk import Disk, Write, all_names
from bot.model import DeskRecord, Envelope, Parked, Ticket
from bot.store.files.documents import Page, add_records, part_file, part_page, ticket_page
from bot.store.files.inbox import day_of, letter_file
from bot.store.files.records import PAGE
from bot.store.parts import Past, divided

AT_ONCE, MUCH = 200, 16 * 2**20  # files, and bytes, that are written together
FOLDERS = ("tickets", "desk", "parked", "archive", "inbox")  # of a data folder: all that a DataReader reads


class FileDataWriter:
    """The port `Target`, as files handed to `put(path within the data folder, content)`."""

    def __init__(self, put: Callable[[str, bytes], None]) -> None:
        self._put = put
        self._pages: Counter[str] = Counter()  # of each day
        self._day, self._records, self._size = "", dict[int, DeskRecord](), 0

    def empty(self) -> bool:
        """See the interface: an archive begins so."""
        return True

    def record(self, place: str, record: DeskRecord) -> None:
        """See the interface. Records are numbered anew, page by page."""
        day = place[:10]
        if day != self._day or self._size > PAGE:
            self._turn_over()
        self._day, self._size = day, self._size + len(msgspec.json.encode(record))
        self._records[len(self._records) + 1] = record

    def _turn_over(self) -> None:
        if self._records:
            self._pages[self._day] += 1
            number, page = self._pages[self._day], Page()
            add_records(page, self._records)
            self._put(f"desk/{self._day}{f'.{number}' if number > 1 else ''}.json", page.encoded())
            self._records, self._size = {}, 0

    def ticket(self, ticket: Ticket, *, filed: bool) -> None:
        """See the interface."""
        folder, number = f"done/{ticket.number // 1000:03}" if filed else "live", ticket.number
        division = divided(ticket, Past())
        for name, part in division.new.items():
            self._put(part_file(Path("tickets"), number, name).as_posix(), part_page(number, name, part))
        self._put(f"tickets/{folder}/{number}.json", ticket_page(division.head))

    def letter(self, envelope: Envelope, raw: bytes, place: str, parked: Parked | None) -> None:
        """See the interface."""
        name = envelope.letter
        folder = {"waiting": "inbox/new", "parked": "parked", "dropped": "archive/dropped"}.get(place, f"archive/{day_of(name)}")
        if parked is not None:
            self._put(f"parked/{name}.json", msgspec.json.encode(parked))
        self._put(f"{folder}/{name}.eml", letter_file(envelope, raw))

    def close(self) -> None:
        """See the interface."""
        self._turn_over()


class FolderDataWriter(FileDataWriter):
    """Files under a folder, synced many at a time."""

    def __init__(self, data: Path, disk: Disk) -> None:
        super().__init__(self._keep)
        self.data, self._disk = data, disk
        self._waiting: list[Write] = []
        self._bytes = 0

    def empty(self) -> bool:
        """See the interface."""
        return is_empty(self.data)

    def _keep(self, name: str, content: bytes) -> None:
        path = self.data / name
        if not path.parent.is_dir():
            self._disk.mkdir(path.parent)
        self._waiting.append(Write(path.with_name(f".{path.name}.tmp"), path, content))
        self._bytes += len(content)
        if len(self._waiting) >= AT_ONCE or self._bytes > MUCH:
            self._write()

    def _write(self) -> None:
        for error in filter(None, self._disk.write_group(self._waiting) if self._waiting else ()):
            raise error
        self._waiting, self._bytes = [], 0

    def close(self) -> None:
        """See the interface."""
        super().close()
        self._write()


def is_empty(data: Path, *more: str) -> bool:
    """Whether no file lies in any folder that a DataReader reads, nor in those named, whosever it is. Raises OSError."""
    return not any(True for name in (*FOLDERS, *more) for _ in all_names(data / name))
