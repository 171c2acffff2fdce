"""The one table of moves (clause 5.1), what each move leaves on a ticket, and what it does to the clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tables import SHIPPED as POLICY
from tables import at, opened, table

from bot.model import Ground, Resolution, Status, Ticket, Waiting
from bot.tickets.status import IllegalMove, move

OPENED, NOW = at("Mon 12:00"), at("Mon 17:00")
FRESH = opened(OPENED)
SOLVED, REQUESTER = Resolution.solved, Waiting.requester


def ticket(status: str) -> Ticket:
    """A ticket in some status, since it was opened."""
    resolution = SOLVED if status == "done" else None
    return (
        FRESH if status == "created" else move(FRESH, Status(status), OPENED, POLICY, resolution=resolution)
    )


MOVES = (
    # the sentence, before, after, whether it is legal
    ("a new ticket stays new", "created", "created", True),
    ("a new ticket is taken", "created", "in_progress", True),
    ("a new ticket's requester is asked", "created", "clarification", True),
    ("a new ticket is closed", "created", "done", True),
    ("a taken ticket is given back", "in_progress", "created", True),
    ("a taken ticket stays taken", "in_progress", "in_progress", True),
    ("a taken ticket's requester is asked", "in_progress", "clarification", True),
    ("a taken ticket is closed", "in_progress", "done", True),
    ("a question is answered, and nobody has the ticket", "clarification", "created", True),
    ("a question is answered, and its agent goes on", "clarification", "in_progress", True),
    ("a second question", "clarification", "clarification", True),
    ("a question without an answer closes the ticket", "clarification", "done", True),
    ("a closed ticket is reopened", "done", "created", True),
    ("a closed ticket is reopened by an agent", "done", "in_progress", True),
    ("nobody asks about a closed ticket without reopening it", "done", "clarification", False),
    ("a closed ticket gets another resolution", "done", "done", True),
)


@table("before after legal", MOVES)
def test_the_table_of_moves(before: str, after: str, legal: bool) -> None:
    resolution = SOLVED if after == "done" else None
    if legal:
        assert move(ticket(before), Status(after), NOW, POLICY, resolution=resolution).status == after
        return
    with pytest.raises(IllegalMove, match=rf"^illegal move: {before} -> {after}$") as raised:
        move(ticket(before), Status(after), NOW, POLICY, resolution=resolution)
    assert (raised.value.before, raised.value.after) == (before, after)


def test_the_table_has_every_pair() -> None:
    assert {(before, after) for _, before, after, _ in MOVES} == {
        (one, two) for one in Status for two in Status
    }


def test_done_needs_a_resolution_or_a_ground() -> None:
    need = "illegal move: created -> done: a resolution or a ground is needed"
    with pytest.raises(IllegalMove, match=f"^{need}$") as raised:
        move(FRESH, Status.done, NOW, POLICY)
    assert (raised.value.before, raised.value.after) == ("created", "done")


SILENT = replace(ticket("clarification"), ground=Ground.insufficient_information, waiting_for=REQUESTER)
DEVELOPED = move(
    FRESH, Status.in_progress, OPENED, POLICY, waiting=Waiting.department, ground=Ground.needs_development
)
LEFT = (
    # the sentence, before, the move, who is waited for, resolution, ground, since when it is done
    (
        "a solved ticket waits for nobody",
        ticket("in_progress"),
        {"status": Status.done, "resolution": SOLVED},
        (Waiting.nobody, SOLVED, None, NOW),
    ),
    (
        "whoever was to be waited for",
        ticket("in_progress"),
        {"status": Status.done, "resolution": SOLVED, "waiting": REQUESTER},
        (Waiting.nobody, SOLVED, None, NOW),
    ),
    (
        "a ticket that is solved keeps no old ground",
        SILENT,
        {"status": Status.done, "resolution": SOLVED},
        (Waiting.nobody, SOLVED, None, NOW),
    ),
    (
        "nor one that it waited for a department with",
        DEVELOPED,
        {"status": Status.done, "resolution": SOLVED},
        (Waiting.nobody, SOLVED, None, NOW),
    ),
    (
        "a refused ticket has its ground and no resolution",
        FRESH,
        {"status": Status.done, "ground": Ground.out_of_scope},
        (Waiting.nobody, None, Ground.out_of_scope, NOW),
    ),
    (
        "an answered one keeps no old ground",
        SILENT,
        {"status": Status.created},
        (Waiting.nobody, None, None, None),
    ),
    (
        "an asked one waits for its requester",
        FRESH,
        {"status": Status.clarification, "waiting": REQUESTER},
        (REQUESTER, None, None, None),
    ),
    (
        "a suspended one has its ground",
        FRESH,
        {"status": Status.clarification, "waiting": REQUESTER, "ground": Ground.insufficient_information},
        (REQUESTER, None, Ground.insufficient_information, None),
    ),
    (
        "an open ticket has no resolution",
        FRESH,
        {"status": Status.in_progress, "resolution": SOLVED},
        (Waiting.nobody, None, None, None),
    ),
    (
        "a reopened one is no longer done",
        ticket("done"),
        {"status": Status.created},
        (Waiting.nobody, None, None, None),
    ),
)


@table("before moved expected", LEFT)
def test_what_a_move_leaves(before: Ticket, moved: dict, expected: tuple) -> None:  # type: ignore[type-arg]
    after = move(before, now=NOW, policy=POLICY, **moved)
    assert (after.waiting_for, after.resolution, after.ground, after.done_at) == expected
    assert after.changed == NOW


CLOCK = (
    # the sentence, before, the move, whether the clock stands still
    ("it runs while an agent works", FRESH, {"status": Status.in_progress}, False),
    (
        "it stands while the requester is asked",
        FRESH,
        {"status": Status.clarification, "waiting": REQUESTER},
        True,
    ),
    ("it runs on with their answer", SILENT, {"status": Status.created}, False),
    (
        "a department costs the desk's own time",
        FRESH,
        {"status": Status.in_progress, "waiting": Waiting.department},
        False,
    ),
    (
        "it stands while something is developed",
        FRESH,
        {"status": Status.in_progress, "waiting": Waiting.department, "ground": Ground.needs_development},
        True,
    ),
    (
        "another ground stops nothing",
        FRESH,
        {"status": Status.in_progress, "ground": Ground.out_of_scope},
        False,
    ),
    ("it stands when the ticket is done", FRESH, {"status": Status.done, "resolution": SOLVED}, True),
    (
        "it stays so with another resolution",
        ticket("done"),
        {"status": Status.done, "resolution": Resolution.user_error},
        True,
    ),
    ("a reopened ticket runs", ticket("done"), {"status": Status.in_progress}, False),
    (
        "it stands where the requester is asked when reopening",
        ticket("in_progress"),
        {"status": Status.in_progress, "waiting": REQUESTER},
        True,
    ),
)


@table("before moved stands", CLOCK)
def test_what_a_move_does_to_the_clock(before: Ticket, moved: dict, stands: bool) -> None:  # type: ignore[type-arg]
    after = move(before, now=NOW, policy=POLICY, **moved)
    assert bool(after.paused and after.paused[-1].until is None) is stands


def test_a_reopened_ticket_has_its_whole_time_again() -> None:
    later = OPENED + timedelta(days=3)
    assert move(ticket("done"), Status.created, later, POLICY).due == later + timedelta(hours=48)


def test_a_ticket_that_stays_done_keeps_its_due_time() -> None:
    assert move(ticket("done"), Status.done, NOW, POLICY, resolution=SOLVED).due == ticket("done").due


@given(
    st.lists(
        st.tuples(st.sampled_from(["clarification", "in_progress", "created"]), st.integers(1, 500)),
        max_size=12,
    )
)
def test_the_due_time_moves_by_exactly_the_time_that_stood_still(path: list[tuple[str, int]]) -> None:
    """Whatever the way, due = number + 48 h + the time spent in clarification."""
    now, one, stood = OPENED, FRESH, timedelta()
    for status, minutes in path:
        waiting = Waiting.requester if status == "clarification" else Waiting.nobody
        one = move(one, Status(status), now, POLICY, waiting=waiting)
        now += timedelta(minutes=minutes)
        if status == "clarification":
            stood += timedelta(minutes=minutes)
    assert move(one, Status.in_progress, now, POLICY).due == OPENED + timedelta(hours=48) + stood
