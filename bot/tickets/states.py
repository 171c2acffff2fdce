"""The one table of legal moves between the statuses of clause 5.1, and what a move does to the clock (clause 5.2)."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.model import Ground, Priority, Resolution, Status, Stretch, Ticket, Waiting
from bot.policy import Policy

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
        return replace(changed, due=due_from(now, changed.priority, policy), paused=())
    stopped = done or changed.waiting_for is Waiting.requester or ground is Ground.needs_development
    return clock(changed, now, policy, stopped=stopped)


def clock(ticket: Ticket, now: datetime, policy: Policy, *, stopped: bool) -> Ticket:
    """The due clock stopped or going on; while it stood still, the due time moves along (clause 5.2)."""
    running = not (ticket.paused and ticket.paused[-1].until is None)
    if running and stopped:
        return replace(ticket, paused=(*ticket.paused, Stretch(since=now)))
    if not running and not stopped:
        last = ticket.paused[-1]
        until = max(now, last.since)
        lost = policy.calendar.between(last.since, until) if policy.sla.clock == "working" else until - last.since
        due = shift(ticket.due, lost, policy) if ticket.due else None
        return replace(ticket, paused=(*ticket.paused[:-1], Stretch(since=last.since, until=until)), due=due)
    return ticket


def due_from(start: datetime, priority: Priority, policy: Policy) -> datetime:
    """When a ticket of this priority is due that counts from `start`, on the wall clock or in working hours (`sla.clock`)."""
    return shift(start, timedelta(hours=policy.priorities[priority]), policy)


def shift(start: datetime, span: timedelta, policy: Policy) -> datetime:
    """`start` plus a span of the desk's clock."""
    return policy.calendar.add(start, span) if policy.sla.clock == "working" else start + span


def prioritise(ticket: Ticket, priority: Priority, now: datetime, policy: Policy) -> Ticket:
    """The ticket with another priority. Raised: the earlier of the old due time and now plus the new; lowered: number plus the new."""
    if priority is ticket.priority:
        return ticket
    if priority.rank > ticket.priority.rank:
        fresh = due_from(now, priority, policy)
        due = min(ticket.due, fresh) if ticket.due else fresh
    else:
        due = due_from(ticket.opened, priority, policy)
        for stretch in ticket.paused:
            if stretch.until:
                due = shift(due, stretch.until - stretch.since, policy)
    return replace(ticket, priority=priority, due=due, changed=now)
