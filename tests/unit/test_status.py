"""The one table of moves (clause 5.1) and the due clock (clause 5.2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Address, Ground, Priority, Resolution, Status, Ticket, Waiting
from bot.rules import load
from bot.tickets.sla import due_from, prioritise
from bot.tickets.status import MOVES, IllegalMove, move

POLICY = load((Path(__file__).parent.parent.parent / "rules.yaml").read_bytes())
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LEGAL = {
    ("created", "in_progress"), ("created", "clarification"), ("created", "done"),
    ("in_progress", "created"), ("in_progress", "clarification"), ("in_progress", "done"),
    ("clarification", "in_progress"), ("clarification", "created"), ("clarification", "done"),
    ("done", "in_progress"), ("done", "created"),
}  # fmt: skip


def ticket(status: Status = Status.created, priority: Priority = Priority.medium) -> Ticket:
    """A ticket in some status."""
    fresh = Ticket(
        number=1, requester=Address(email="a@example.org"), opened=NOW, changed=NOW, priority=priority, due=due_from(NOW, priority, POLICY)
    )
    return fresh if status is Status.created else move(fresh, status, NOW, POLICY, resolution=Resolution.solved if status is Status.done else None)


@pytest.mark.parametrize(("before", "after"), list(product(Status, Status)))
def test_the_table(before: Status, after: Status) -> None:
    """Eleven moves are legal; any other is an error that changes nothing."""
    start = ticket(before)
    resolution = Resolution.solved if after is Status.done else None
    if before == after or (before.value, after.value) in LEGAL:
        assert move(start, after, NOW, POLICY, resolution=resolution).status is after
    else:
        with pytest.raises(IllegalMove):
            move(start, after, NOW, POLICY, resolution=resolution)
    assert len(LEGAL) == sum(len(targets) for targets in MOVES.values())


def test_done_needs_a_resolution_or_a_ground() -> None:
    """A ticket that is done says why."""
    with pytest.raises(IllegalMove, match="resolution or a ground"):
        move(ticket(), Status.done, NOW, POLICY)
    assert move(ticket(), Status.done, NOW, POLICY, ground=Ground.out_of_scope).resolution is None


def test_due_times_by_priority() -> None:
    """24, 48 and 96 hours from the number."""
    assert [due_from(NOW, one, POLICY) - NOW for one in (Priority.high, Priority.medium, Priority.low)] == [timedelta(hours=h) for h in (24, 48, 96)]


def test_the_clock_stands_still_while_the_requester_is_asked() -> None:
    """Clause 5.2 and section 4: stopped in clarification, going on with the answer."""
    asked = move(ticket(), Status.clarification, NOW + timedelta(hours=5), POLICY, waiting=Waiting.requester)
    answered = move(asked, Status.created, NOW + timedelta(hours=30), POLICY)
    assert answered.due == NOW + timedelta(hours=48 + 25)
    assert answered.paused[-1].until == NOW + timedelta(hours=30)


def test_needs_development_stops_the_clock_and_stays_in_progress() -> None:
    """Clause 2.2: waiting for a department; never closed for silence."""
    waiting = move(ticket(), Status.in_progress, NOW, POLICY, waiting=Waiting.department, ground=Ground.needs_development)
    assert waiting.status is Status.in_progress
    assert waiting.paused[-1].until is None


@pytest.mark.parametrize(
    ("priority", "wanted", "hours"),
    [
        (Priority.medium, Priority.high, 10 + 24),
        (Priority.low, Priority.high, 10 + 24),
        (Priority.high, Priority.low, 96),
        (Priority.medium, Priority.low, 96),
    ],
)
def test_another_priority(priority: Priority, wanted: Priority, hours: int) -> None:
    """Raised: the earlier of the old due time and now plus the new; lowered: the number plus the new."""
    changed = prioritise(ticket(priority=priority), wanted, NOW + timedelta(hours=10), POLICY)
    assert changed.due == NOW + timedelta(hours=hours)


def test_reopened_counts_anew() -> None:
    """A reopened ticket has its whole time again."""
    later = NOW + timedelta(days=3)
    assert move(ticket(Status.done), Status.created, later, POLICY).due == later + timedelta(hours=48)


@given(st.lists(st.tuples(st.sampled_from(["clarification", "in_progress", "created"]), st.integers(1, 500)), max_size=12))
def test_the_due_time_moves_by_exactly_the_time_that_stood_still(path: list[tuple[str, int]]) -> None:
    """Whatever the way, due = number + 48 h + the time spent in clarification."""
    now, one, stood = NOW, ticket(), timedelta()
    for status, minutes in path:
        waiting = Waiting.requester if status == "clarification" else Waiting.nobody
        one = move(one, Status(status), now, POLICY, waiting=waiting)
        now += timedelta(minutes=minutes)
        if status == "clarification":
            stood += timedelta(minutes=minutes)
    assert move(one, Status.in_progress, now, POLICY).due == NOW + timedelta(hours=48) + stood
