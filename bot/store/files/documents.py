"""TinyDB files: one ticket each, or one day's records of the desk (design, section 9); how they are made and read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, MutableMapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Document, Table

from bot.disk import listed
from bot.disk.regular_files import OddFileError, read_regular
from bot.model import ERASED, DeskRecord, Ticket
from bot.store.files.names import DAY, PART, THOUSAND
from bot.store.parts import Past, Sealed, Stored, joined

T = TypeVar("T")
_Tables = dict[str, dict[Annotated[str, msgspec.Meta(pattern="^[0-9]+$")], dict[str, Any]]]


class Page(Storage):
    """TinyDB's storage over one file: read when TinyDB first asks, changed in memory, and written by the store,
    whole and synced, in one step together with the others of a commit.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Without a path it is a new, empty file."""
        self._path, self._content = path, None if path else _Tables()

    def read(self) -> _Tables:
        """The tables of the file. Raises OSError, and msgspec.DecodeError for a broken one."""
        if self._content is None and self._path:
            self._content = msgspec.json.decode(read_regular(self._path), type=_Tables)
        return self._content or {}

    def write(self, data: _Tables) -> None:
        """Takes the tables over; they are on disk when the store says so."""
        self._content = data

    def encoded(self) -> bytes:
        """The file's bytes."""
        return msgspec.json.encode(self._content)


def _table(page: Page, name: str) -> Table:
    return TinyDB(page, storage=lambda page: page).table(name, cache_size=0)


def _new_page(table: str, ident: int, document: dict[str, Any]) -> bytes:
    page = Page()
    _table(page, table).insert(Document(document, doc_id=ident))
    return page.encoded()


def _document(path: Path, table: str, ident: int, kind: type[T]) -> T | None:
    found = _table(Page(path), table).get(doc_id=ident)
    return None if found is None else msgspec.convert(found, kind)


def ticket_page(ticket: Ticket) -> bytes:
    """The file of a ticket: one document, so that a commit is one write."""
    return _new_page("ticket", ticket.number, msgspec.to_builtins(ticket))


def part_page(number: int, name: int, part: Sealed) -> bytes:
    """The file of a part of a ticket."""
    return _new_page("part", name, {"ticket": number, **msgspec.to_builtins(part)})


def add_records(page: Page, records: dict[int, DeskRecord]) -> None:
    """Puts records into a day's page, by their ids; one that is there is replaced."""
    table = _table(page, "record")
    documents = {ident: Document({**msgspec.to_builtins(one), "id": ident}, doc_id=ident) for ident, one in records.items()}
    there = [ident for ident in documents if table.contains(doc_id=ident)]

    def take_over(old: MutableMapping[Any, Any]) -> None:
        new = documents[old["id"]]
        old.clear()  # a field that has its default now is not in `new`
        old.update(new)

    if there:
        table.update(take_over, doc_ids=there)
    if len(there) < len(documents):
        table.insert_multiple(document for ident, document in documents.items() if ident not in there)


def open_page(path: Path) -> Page:
    """The page of a file, or an empty one; raises OSError, and msgspec.DecodeError for a broken file."""
    page = Page(path)
    try:
        page.read()
    except FileNotFoundError:
        return Page()
    return page


def part_file(tickets: Path, number: int, name: int) -> Path:
    """Where a part of a ticket lies."""
    return tickets / "parts" / f"{number // 1000:03}" / f"{number}.{name}.json"


def read_ticket(path: Path) -> Ticket:
    """A ticket out of its file and those of its parts; raises OSError, and msgspec.DecodeError where one of them
    is broken or missing.
    """
    return read_whole(path)[0]


def read_whole(path: Path) -> tuple[Ticket, Past]:
    """The same, with what is known of its parts."""
    tickets, head = path.parents[1 if path.parent.name == "live" else 2], read_head(path)
    while True:
        try:
            sealed = {part.name: _part(part_file(tickets, head.number, part.name), head.number) for part in head.parts}
        except FileNotFoundError as error:
            before, head = head, read_head(path)
            if head.parts == before.parts:  # else a desk at work has just written others
                raise msgspec.DecodeError(f"{error.filename}, a part of {path}, is missing") from None
        else:
            return joined(head, sealed.values()), Past(head.parts, sealed, head.made)


def read_head(path: Path) -> Stored:
    """What a ticket's own file holds; raises as read_ticket."""
    number = int(path.stem)
    ticket = _document(path, "ticket", number, Stored)
    if ticket is None or ticket.number != number:  # perhaps a copy of another one's file
        raise msgspec.DecodeError(f"{path} does not hold its ticket")
    return ticket


def stray_parts(tickets: Path, numbers: Collection[int] | None = None) -> Iterator[Path]:
    """Files of parts that their tickets (those of the `numbers`, or all) have no longer. Raises OSError."""
    for path in part_files(tickets):
        if (numbers is None or number_of(path) in numbers) and is_stray(tickets, path):
            yield path


def part_files(tickets: Path) -> Iterator[Path]:
    """The files of all parts. Raises OSError."""
    for folder in sorted(listed(tickets / "parts", THOUSAND, folders=True)):
        yield from sorted(listed(folder, PART))


def number_of(part: Path) -> int:
    """The ticket of a part's file."""
    return int(part.stem.partition(".")[0])


def is_stray(tickets: Path, part: Path) -> bool:
    """Whether a ticket has had this part, and has it no longer. Where the ticket cannot be read, or its file is
    older than the part, nobody knows: a part with a newer name is left for whoever puts the right file back,
    and the next part takes its place otherwise.
    """
    number, name = map(int, part.stem.split("."))
    for path in (tickets / "live" / f"{number}.json", tickets / "done" / f"{number // 1000:03}" / f"{number}.json"):
        try:
            head = read_head(path)
        except FileNotFoundError:
            continue
        except (OSError, msgspec.DecodeError):
            return False
        return (name <= head.made or ERASED in head.labels) and name not in {one.name for one in head.parts}
    return False


class _Part(Sealed, frozen=True):
    """A part as its file holds it."""

    ticket: int = 0


def _part(path: Path, number: int) -> Sealed:
    try:
        part = _document(path, "part", int(path.stem.partition(".")[2]), _Part)
    except OddFileError as error:
        raise msgspec.DecodeError(f"{path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise msgspec.DecodeError(f"{path}: {error}") from None
    if part is None or part.ticket != number:
        raise msgspec.DecodeError(f"{path} does not hold its part")
    return Sealed(entries=part.entries, seen=part.seen, outgoing=part.outgoing)


def read_day(path: Path) -> Iterator[tuple[int, DeskRecord]]:
    """(id, record) of a day's file; raises as read_ticket."""
    for document in _table(Page(path), "record"):
        yield document.doc_id, msgspec.convert(document, DeskRecord)


def day_files(desk: Path) -> list[Path]:
    """The files of the days, the oldest first: DAY.json, DAY.2.json, and so on. Raises OSError."""
    return sorted(listed(desk, DAY), key=lambda path: page_of(path.stem))


def page_of(stem: str) -> tuple[str, int]:
    """Day and number of a day's file: ("2026-11-22", 1) for 2026-11-22.json."""
    day, _, number = stem.partition(".")
    return day, int(number) if number.isdigit() else 1
