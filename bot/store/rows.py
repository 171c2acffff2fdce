"""What the register keeps of a ticket."""

from __future__ import annotations

from datetime import datetime
from sys import intern

from msgspec import Struct

from bot.store.port import ANNOUNCED, Earlier


class SentRow(Struct, frozen=True, gc=False):
    """What the register reads of an outgoing letter."""

    id: int
    to: str
    created: datetime
    due: datetime
    audience: str
    automatic: bool = True
    state: str = "waiting"
    done_at: datetime | None = None


class SeenRow(Struct, frozen=True, gc=False):
    """What the register reads of a letter that a ticket has taken in."""

    letter: str
    message_id: str = ""
    fingerprint: str = ""


class EntryRow(Struct, frozen=True, gc=False):
    """What the register reads of an entry."""

    message_id: str = ""


class Person(Struct, frozen=True, gc=False):
    """The requester."""

    email: str


class Row(Struct, frozen=True):
    """What the register reads of a ticket."""

    number: int
    requester: Person
    opened: datetime
    subject: str = ""
    status: str = "created"
    resolution: str | None = None
    ground: str | None = None
    priority: str = "medium"
    owner: str = ""
    due: datetime | None = None
    done_at: datetime | None = None
    timer: datetime | None = None
    labels: tuple[str, ...] = ()
    links: tuple[int, ...] = ()
    entries: tuple[EntryRow, ...] = ()
    seen: tuple[SeenRow, ...] = ()
    outgoing: tuple[SentRow, ...] = ()


def line_of(row: Row) -> Earlier:
    """What lists show of a ticket."""
    return Earlier(
        number=row.number,
        requester=row.requester.email,
        subject=row.subject[:80],
        status=intern(str(row.status)),
        resolution=intern(str(row.resolution or row.ground or "")),
        priority=intern(str(row.priority)),
        owner=intern(str(row.owner)),
        opened=row.opened,
        due=row.due,
    )


def announced(row: Row) -> str:
    """The id of the announcement that the ticket was answered with, "" for none."""
    return next((label.removeprefix(ANNOUNCED) for label in row.labels if label.startswith(ANNOUNCED)), "")
