"""Retention by age: what is old enough is erased, and the ledger still adds up. The number of an erased ticket is never used again.

For each ticket the raw letters go first and the ticket that names them last: cut off in between, the next run finishes the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bot.model import Address, Ticket
from bot.store.documents import day_files, page_of, read_day, read_ticket, ticket_page
from bot.store.files import Disk
from bot.store.inbox import Inbox

ERASED = "erased"  # label of a ticket of which only the figures are left


def erase_old(data: Path, disk: Disk, inbox: Inbox, now: datetime, days: int) -> Iterator[int]:
    """Erases filed tickets that were done more than `days` ago, and the desk's own records of that age; yields a number for each step.

    What stays of a ticket: number, times, status, resolution, priority, labels, owner. Broken files are left for `repair`. Raises OSError.
    """
    limit = now - timedelta(days=days)
    for path in sorted((data / "tickets" / "done").glob("*/[0-9]*.json")):
        if path.stat().st_mtime > limit.timestamp():
            continue  # a file that was written since cannot be that old
        try:
            ticket = read_ticket(path)
        except (msgspec.DecodeError, FileNotFoundError):
            continue
        if ERASED not in ticket.labels and ticket.done_at is not None and ticket.done_at < limit:
            for seen in ticket.seen:
                inbox.erase(seen.letter)
            disk.write_synced(path.with_name(f".{path.name}.tmp"), path, ticket_page(emptied(ticket)))
            yield ticket.number
    for path in day_files(data / "desk"):
        if date.fromisoformat(page_of(path.stem)[0]) < limit.date():
            for _, record in read_day(path):
                if record.fate:
                    inbox.erase(record.letter)
            disk.unlink(path)
            yield 0


def emptied(ticket: Ticket) -> Ticket:
    """The ticket without anybody's words, names and addresses; its figures stay."""
    return replace(
        ticket, requester=Address(email=""), subject="", participants=(), kept={}, undo={}, entries=(), outgoing=(), seen=(),
        labels=(*(label for label in ticket.labels if ":" not in label), ERASED),
    )  # fmt: skip
