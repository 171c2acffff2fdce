"""The one table of legal moves between the statuses of clause 5.1; what a move does to the clock, `tickets.due` says."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from bot.model import Ground, Resolution, Status, Ticket, Waiting
from bot.rules import Policy
from bot.tickets.sla import clock, restarted

MOVES: dict[Status, frozenset[Status]] = {
    Status.created: frozenset({Status.in_progress, Status.clarification, Status.done}),
    Status.in_progress: frozenset({Status.created, Status.clarification, Status.done}),
    Status.clarification: frozenset({Status.in_progress, Status.created, Status.done}),
    Status.done: frozenset({Status.in_progress, Status.created}),
}


class IllegalMove(ValueError):
    """A move that the table does not know, or one that lacks what it needs; nothing was changed."""

    def __init__(self, before: Status, after: Status, need: str = "") -> None:
        super().__init__(f"illegal move: {before} -> {after}" + (f": {need}" if need else ""))
        self.before, self.after = before, after


def move(
    ticket: Ticket,
    status: Status,
    now: datetime,
    policy: Policy,
    *,
    waiting: Waiting = Waiting.nobody,
    resolution: Resolution | None = None,
    ground: Ground | None = None,
) -> Ticket:
    """The ticket in its new status. Staying in a status is no move and always legal.

    Raises IllegalMove for a pair outside the table, and for `done` without a resolution or a refusing ground.
    """
    before = ticket.status
    if status != before and status not in MOVES[before]:
        raise IllegalMove(before, status)
    if status is Status.done and resolution is None and ground is None:
        raise IllegalMove(before, status, "a resolution or a ground is needed")
    done = status is Status.done
    changed = replace(
        ticket,
        status=status,
        waiting_for=Waiting.nobody if done else waiting,
        resolution=resolution if done else None,
        ground=ground,
        done_at=now if done else None,
        changed=now,
    )
    if before is Status.done and not done:
        return restarted(changed, now, policy)
    stop = done or changed.waiting_for is Waiting.requester or ground is Ground.needs_development
    return clock(changed, now, policy, stop=stop)
