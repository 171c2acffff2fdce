"""Retention by age, on files: what is old enough is erased, and the ledger still adds up. See `Store.expire` of the interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path

import msgspec

from bot.disk import Disk, is_there, listed
from bot.model import ERASED, Ticket, emptied
from bot.store.files.documents import (
    day_files,
    is_stray,
    number_of,
    page_of,
    part_file,
    read_day,
    read_whole,
    stray_parts,
    ticket_page,
)
from bot.store.files.names import THOUSAND, TICKET
from bot.store.parts import Past, divided


def erase_old(
    data: Path, disk: Disk, erase: Callable[[str], None], limit: datetime, stopped: Callable[[], bool],
    alone: Callable[[int], AbstractContextManager[bool]] = lambda _: nullcontext(True),
) -> Iterator[int | str]:  # fmt: skip
    """Erases filed tickets that were done before `limit`, and the desk's own records of earlier days, until it is `stopped`; yields the
    ticket's number, or the name of the day's file, for each step.

    While `alone` lasts, a ticket changes for nobody else; it is False for one that is about to come back. Broken files are left for
    `repair`. Raises OSError.
    """
    folders = sorted(listed(data / "tickets" / "done", THOUSAND, folders=True))
    for path in (path for folder in folders for path in sorted(listed(folder, TICKET))):
        if stopped():
            return
        if found := _old(data, path, limit):
            ticket, past = found
            with alone(ticket.number) as rests:
                if not rests or is_there(data / "tickets" / "live" / path.name):
                    continue
                for seen in ticket.seen:
                    erase(seen.letter)
                head = divided(emptied(ticket, limit), past).head
                disk.write_synced(path.with_name(f".{path.name}.tmp"), path, ticket_page(head))
                for part in past.parts:
                    disk.unlink(part_file(data / "tickets", ticket.number, part.name))
            yield ticket.number
    for path in stray_parts(data / "tickets"):  # of one that was cut off
        with alone(number_of(path)) as rests:
            if rests and is_stray(data / "tickets", path):
                disk.unlink(path)
    yield from _erase_days(data, disk, erase, limit, stopped)


def _old(data: Path, path: Path, limit: datetime) -> tuple[Ticket, Past] | None:
    """A filed ticket that is old enough, unless it has come back; None also for one that cannot be read: it keeps no other."""
    try:
        # A file that was written since cannot be that old.
        if is_there(data / "tickets" / "live" / path.name) or path.stat().st_mtime > limit.timestamp():
            return None
        ticket, past = read_whole(path)
    except (msgspec.DecodeError, OSError):
        return None
    old = ERASED not in ticket.labels and ticket.done_at is not None and ticket.done_at < limit
    return (ticket, past) if old else None


def _erase_days(
    data: Path, disk: Disk, erase: Callable[[str], None], limit: datetime, stopped: Callable[[], bool]
) -> Iterator[str]:
    for path in day_files(data / "desk"):
        if stopped():
            return
        if page_of(path.stem)[0] < limit.date().isoformat():  # some of these names are no dates
            for _, record in read_day(path):
                if record.disposition:
                    erase(record.letter)
            disk.unlink(path)
            yield path.stem
