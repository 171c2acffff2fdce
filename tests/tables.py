"""Decision tables as tests: a row is a sentence for its reader, what is given and what is expected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from bot.model import Address, Entry, Ground, Priority, Resolution, Status, Ticket, Waiting
from bot.rules import Policy, load
from bot.tickets.sla import due_from, prioritise
from bot.tickets.status import move

SHIPPED = load((Path(__file__).resolve().parents[1] / "rules.yaml").read_bytes(), "rules.yaml")

MOSCOW = ZoneInfo("Europe/Moscow")
SAID = {
    "said": ("answer", True),
    "heard": ("answer", False),
    "wrote": ("letter", True),
    "noted": ("note", False),
}
WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def table(names: str, rows: Sequence[tuple[object, ...]]) -> pytest.MarkDecorator:
    """A test of each row; the first cell is the sentence, and `names` are those of the others."""
    columns = names.split()
    assert all(len(row) == len(columns) + 1 for row in rows), "a row has too many cells, or too few"
    return pytest.mark.parametrize(columns, [row[1:] for row in rows], ids=[str(row[0]) for row in rows])


def at(text: str, zone: ZoneInfo = MOSCOW) -> datetime:
    """`Tue 12:00` of the week of 23 November 2026, `+Tue 12:00` of the next, or a date and a time."""
    day, _, clock = text.partition(" ")
    if (name := day.lstrip("+")) not in WEEK:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    days = timedelta(days=WEEK.index(name) + 7 * day.count("+"))
    return datetime.fromisoformat(f"2026-11-23 {clock}").replace(tzinfo=zone) + days


def opened(now: datetime, policy: Policy = SHIPPED, priority: Priority = Priority.medium) -> Ticket:
    """A ticket of that moment."""
    due = due_from(now, priority, policy)
    ivan = Address(email="ivan@example.org")
    return Ticket(
        number=7, requester=ivan, opened=now, changed=now, priority=priority, due=due, subject="Звук"
    )


def done_to(ticket: Ticket, deed: str, now: datetime, policy: Policy = SHIPPED) -> Ticket:
    """The ticket after one thing that a person or the clock did; a word of no other meaning is an event."""
    if deed in Priority.__members__:
        return prioritise(ticket, Priority(deed), now, policy)
    if deed in ("asked", "suspended"):
        if deed == "asked":
            ticket = replace(ticket, entries=(*ticket.entries, Entry(at=now, kind="answer", public=True)))
        return move(ticket, Status.clarification, now, policy, waiting=Waiting.requester)
    if deed == "closed":
        return move(ticket, Status.done, now, policy, resolution=Resolution.solved)
    if deed in ("answered", "reopened"):
        return move(ticket, Status.created, now, policy)
    if deed in ("passed", "developed"):
        ground = Ground.needs_development if deed == "developed" else None
        return move(ticket, Status.in_progress, now, policy, waiting=Waiting.department, ground=ground)
    kind, public = SAID.get(deed, ("event", False))
    entry = Entry(at=now, kind=kind, public=public, about=deed if kind == "event" else "overdue")
    return replace(ticket, entries=(*ticket.entries, entry))


def played(story: str, policy: Policy = SHIPPED, zone: ZoneInfo = MOSCOW) -> Ticket:
    """The ticket of a story: `high opened Mon 12:00, asked Mon 15:00`; medium, where it says no priority."""
    first, *rest = story.split(", ")
    priority, moment = first.split("opened ")
    ticket = opened(at(moment, zone), policy, Priority(priority.strip() or "medium"))
    for step in rest:
        deed, moment = step.split(" ", 1)
        ticket = done_to(ticket, deed, at(moment, zone), policy)
    return ticket
