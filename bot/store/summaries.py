"""What lists show of a ticket, and what the index asks of it."""

from __future__ import annotations

from sys import intern

from bot.model import Ticket
from bot.store.interface import ANNOUNCED, TicketSummary


def summary_of(row: Ticket) -> TicketSummary:
    """What lists show of a ticket."""
    return TicketSummary(
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


def announced(row: Ticket) -> str:
    """The id of the announcement that the ticket was answered with, "" for none."""
    return next((label.removeprefix(ANNOUNCED) for label in row.labels if label.startswith(ANNOUNCED)), "")
