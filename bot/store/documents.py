"""TinyDB files: one ticket each, or one day's records of the desk (design, section 9); how they are made and read."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import msgspec
from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Document

from bot.model import DeskRecord, Ticket
from bot.store.files import listed
from bot.store.names import DAY
from bot.store.regular import read_regular


class Page(Storage):
    """TinyDB's storage port over one file's content: TinyDB changes it in memory, the store writes it whole, synced, in one step."""

    def __init__(self, content: dict[str, Any] | None = None) -> None:
        self.content = content

    def read(self) -> dict[str, Any] | None:
        """The tables of the file, None where there is none yet."""
        return self.content

    def write(self, data: dict[str, Any]) -> None:
        """Takes the tables over; they are on disk when the store says so."""
        self.content = data

    def encoded(self) -> bytes:
        """The file's bytes."""
        return msgspec.json.encode(self.content)


def ticket_page(ticket: Ticket) -> bytes:
    """The file of a ticket: one document, so that a commit is one write."""
    page = Page()
    TinyDB(page, storage=lambda page: page).table("ticket", cache_size=0).insert(Document(msgspec.to_builtins(ticket), doc_id=ticket.number))
    return page.encoded()


def add_records(page: Page, records: dict[int, DeskRecord]) -> None:
    """Puts records into a day's page, by their ids; one that is there is replaced."""
    table = TinyDB(page, storage=lambda page: page).table("record", cache_size=0)
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
    try:
        return Page(msgspec.json.decode(read_regular(path), type=dict[str, Any]))
    except FileNotFoundError:
        return Page()


def read_ticket(path: Path) -> Ticket:
    """A ticket out of its file; raises OSError, and msgspec.DecodeError for a broken file."""
    tables = msgspec.json.decode(read_regular(path), type=dict[str, dict[str, Ticket]])
    ticket = next(iter(tables.get("ticket", {}).values()), None)
    if ticket is None or ticket.number != int(path.stem):  # perhaps a copy of another one's file
        raise msgspec.DecodeError(f"{path} does not hold its ticket")
    return ticket


def read_day(path: Path) -> Iterator[tuple[int, DeskRecord]]:
    """(id, record) of a day's file; raises as read_ticket."""
    tables = msgspec.json.decode(read_regular(path), type=dict[str, dict[str, DeskRecord]])
    for ident, record in tables.get("record", {}).items():
        yield int(ident), record


def day_files(desk: Path) -> list[Path]:
    """The files of the days, the oldest first: DAY.json, DAY.2.json, and so on. Raises OSError."""
    return sorted(listed(desk, DAY), key=lambda path: page_of(path.stem))


def page_of(stem: str) -> tuple[str, int]:
    """Day and number of a day's file: ("2026-11-22", 1) for 2026-11-22.json."""
    day, _, number = stem.partition(".")
    return day, int(number) if number.isdigit() else 1
