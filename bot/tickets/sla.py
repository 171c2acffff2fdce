"""The due clock of clause 5.2: when a ticket is due, when the clock stands still, and how to tell it segment by segment; pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec.structs import replace

from bot.model import Count, Priority, Stretch, Ticket
from bot.rendering.terms import Terms
from bot.rules import Policy
from bot.store.interface import SET_BACK, UNFINISHED

ZERO = timedelta(0)


def due_from(start: datetime, priority: Priority, policy: Policy) -> datetime:
    """When a ticket of this priority is due that counts from `start`, on the wall clock or in working hours (`sla.clock`)."""
    return shift(start, timedelta(hours=policy.priorities[priority]), policy)


def shift(start: datetime, span: timedelta, policy: Policy) -> datetime:
    """`start` plus a span of the desk's clock."""
    return policy.calendar.add(start, span) if policy.sla.clock == "working" else start + span


def between(start: datetime, end: datetime, policy: Policy) -> timedelta:
    """The desk's clock from `start` to `end`; nothing where the end comes first (a clock was set back)."""
    end = max(start, end)
    return policy.calendar.between(start, end) if policy.sla.clock == "working" else end - start


def stopped(ticket: Ticket) -> bool:
    """Whether the clock stands still now."""
    return bool(ticket.paused) and ticket.paused[-1].until is None


def stopped_since(ticket: Ticket) -> datetime:
    """Since when it has stood still without a break; only for a ticket whose clock does."""
    since = ticket.paused[-1].since
    for stretch in reversed(ticket.paused[:-1]):
        if stretch.until != since:
            break
        since = stretch.since
    return since


def clock(ticket: Ticket, now: datetime, policy: Policy, *, stop: bool) -> Ticket:
    """The clock stopped or going on; while it stood still, the due time moves along."""
    if stop == stopped(ticket):
        return ticket
    if stop:
        return replace(ticket, paused=(*ticket.paused, Stretch(since=now)))
    last = ticket.paused[-1]
    until = max(now, last.since)
    due = shift(ticket.due, between(last.since, until, policy), policy) if ticket.due else None
    return replace(ticket, paused=(*ticket.paused[:-1], Stretch(since=last.since, until=until)), due=due)


def counted(ticket: Ticket, policy: Policy) -> Count:
    """What the ticket's due time is counted from."""
    return ticket.count or Count(since=ticket.opened, hours=policy.priorities[ticket.priority], start=ticket.opened)


def set_right(ticket: Ticket, now: datetime, policy: Policy) -> Ticket:
    """The ticket with no moment of its past later than `now`, where a clock that ran ahead has left one. What is
    due is counted from the moments that are left. The same ticket where all is well.
    """
    past = (ticket.opened, ticket.changed, *(one.at for one in ticket.entries))
    if max(past) <= now + SET_BACK:
        return ticket

    def by_now(at: datetime | None) -> Any:
        return at and min(at, now)

    old, due = counted(ticket, policy), ticket.due
    paused = tuple(Stretch(by_now(one.since), by_now(one.until)) for one in ticket.paused)
    count = replace(old, since=by_now(old.since), start=by_now(old.start))
    if due and (count, paused) != (old, ticket.paused):
        stood = (between(max(one.since, count.since), one.until, policy) for one in paused if one.until)
        due = shift(count.since, timedelta(hours=count.hours) + sum(stood, ZERO), policy)
    return replace(
        ticket, opened=by_now(ticket.opened), changed=by_now(ticket.changed), done_at=by_now(ticket.done_at),
        count=count if ticket.count else None, paused=paused, due=due,
        entries=tuple(replace(one, at=by_now(one.at)) for one in ticket.entries),
        outgoing=tuple(
            one if one.state in UNFINISHED else replace(one, created=by_now(one.created)) for one in ticket.outgoing
        ),
    )  # fmt: skip


def restarted(ticket: Ticket, now: datetime, policy: Policy) -> Ticket:
    """A reopened ticket: the clock begins again."""
    count = Count(since=now, hours=policy.priorities[ticket.priority], start=now)
    return replace(ticket, count=count, due=due_from(now, ticket.priority, policy), paused=())


def prioritise(ticket: Ticket, priority: Priority, now: datetime, policy: Policy) -> Ticket:
    """The ticket with another priority. Raised: the earlier of the old due time and now plus the new; lowered: number plus the new.

    What stood still since then counts on top, in both cases.
    """
    if priority is ticket.priority:
        return ticket
    stood, count, hours = stopped(ticket), counted(ticket, policy), policy.priorities[priority]
    ticket = clock(ticket, now, policy, stop=False)
    due, fresh = ticket.due, due_from(now, priority, policy)
    if priority.rank < ticket.priority.rank:
        count = Count(since=count.start, hours=hours, start=count.start)
        lost = sum((between(one.since, one.until or now, policy) for one in ticket.paused), ZERO)
        due = shift(count.start, timedelta(hours=hours) + lost, policy)
    elif due is None or fresh < due:
        count, due = Count(since=now, hours=hours, start=count.start), fresh
    ticket = replace(ticket, priority=priority, due=due, count=count, changed=now)
    return clock(ticket, now, policy, stop=True) if stood else ticket


# ------------------------------------------------------------------------------------------------------ told to people


class Segment(NamedTuple):
    """A piece of time: `span` is what the desk's clock counted in it, nothing while it stood still. `until` None: it still lasts."""

    since: datetime
    until: datetime | None
    runs: bool
    span: timedelta


def segments(ticket: Ticket, policy: Policy, now: datetime) -> Iterator[Segment]:
    """The way of the clock from the count's beginning to the due time; the spans that run add up to the hours of the priority."""
    count = counted(ticket, policy)
    at, left = count.since, timedelta(hours=count.hours)
    for stretch in ticket.paused:
        if stretch.until and stretch.until <= count.since:
            continue
        if stretch.since > at:
            ran = between(at, stretch.since, policy)
            yield Segment(at, stretch.since, True, ran)
            left -= ran
        at = max(at, stretch.until or now)
        yield Segment(max(stretch.since, count.since), stretch.until, False, ZERO)
    if not stopped(ticket) and (ticket.due is None or ticket.due > at):
        yield Segment(at, ticket.due, True, max(left, ZERO))


def told(ticket: Ticket, policy: Policy, now: datetime, terms: Terms) -> tuple[str, ...]:
    """The arithmetic of the due time as lines for the staff; no letter to a requester may hold them (clause 2.3)."""
    zone, count = policy.calendar.zone, counted(ticket, policy)

    def at(moment: datetime) -> str:
        return f"{moment.astimezone(zone):%d.%m.%Y %H:%M}"

    lines = [terms.say(f"due_{policy.sla.clock}", count.hours, at(count.since))]
    for one in segments(ticket, policy, now):
        end = at(one.until) if one.until else "…" if ticket.done_at else terms.say("due_now")
        span = (terms.span(one.span),) if one.runs else ()
        lines.append(terms.say("due_runs" if one.runs else "due_stands", at(one.since), end, *span))
    if ticket.due and ticket.done_at:
        lines.append(terms.say("due_done", at(ticket.due), at(ticket.done_at)))
    elif ticket.due and stopped(ticket):
        lines.append(terms.say("due_moves"))
    elif ticket.due:
        left = between(now, ticket.due, policy) or between(ticket.due, now, policy)
        code = "due_left" if ticket.due > now else "due_over"
        lines.append(terms.say(code, at(ticket.due), terms.span(left)))
    return tuple(lines)
