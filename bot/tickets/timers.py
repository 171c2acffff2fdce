"""What time alone does to a ticket: warnings, reminders, closing for silence, offers to the lead (clauses 2.1 and 5.2; pure).

`moments` names what may happen next and when; `decide` carries out what is due. Each effect leaves an event in the ticket, and
so happens once, however late the look comes and however often the clock jumps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec.structs import replace

from bot.model import Audience, Decision, Entry, Ground, Priority, Status, Ticket, Waiting
from bot.rendering import reply_policy
from bot.rendering.reply_policy import Ruling
from bot.rules import Policy
from bot.rules.schema import Agent
from bot.store.interface import AddressFacts
from bot.tickets import staff_notices
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import Draft, draft, for_requester, history, thread_of
from bot.tickets.sla import counted, stopped, stopped_since
from bot.tickets.status import move

# ------------------------------------------------------------------------------------------------------------- when


def armed(decision: Decision, policy: Policy, now: datetime) -> Decision:
    """The decision with each ticket's next moment set: the store's index wakes the ticket then, and not before."""
    tickets = tuple(replace(one, timer=min((at for at, _ in moments(one, policy, now)), default=None)) for one in decision.tickets)
    return replace(decision, tickets=tickets)


def moments(ticket: Ticket, policy: Policy, now: datetime) -> Iterator[tuple[datetime, str]]:
    """What may happen to the ticket if nobody does anything, and when: now at the earliest, and at night not before the morning,
    high priority excepted.
    """
    if ticket.status is Status.done:
        return
    for planned_at, what in planned(ticket, policy):
        at = max(planned_at, now)
        yield (at if ticket.priority is Priority.high else policy.calendar.next_open(at)), what


def planned(ticket: Ticket, policy: Policy) -> Iterator[tuple[datetime, str]]:
    """The same on the bare clock."""
    periods, done = policy.periods, {entry.about: entry.at for entry in ticket.entries if entry.kind == "event"}
    if ticket.waiting_for is Waiting.requester:
        yield from silence(ticket, policy)
        return
    count = counted(ticket, policy)
    if ticket.due and not stopped(ticket) and not ("overdue" in done and done["overdue"] > count.since):
        yield ticket.due, "overdue"
        if not ("warned" in done and done["warned"] > count.since):
            yield ticket.due - min(timedelta(hours=policy.sla.warn_hours), timedelta(hours=count.hours) / 2), "warned"
    if ticket.waiting_for is Waiting.department:
        handed = [one.created for one in ticket.outgoing if one.audience is Audience.department]
        since = max(handed, default=stopped_since(ticket) if stopped(ticket) else ticket.changed)
        if not ("department_silent" in done and done["department_silent"] >= since):
            yield since + timedelta(days=periods.department_days), "department_silent"
    elif ticket.priority is Priority.low and "low_offered" not in done:
        yield ticket.opened + timedelta(hours=periods.low_offer_hours), "low_offered"


def silence(ticket: Ticket, policy: Policy) -> Iterator[tuple[datetime, str]]:
    """A requester who was asked and does not answer. He is reminded before his ticket is closed, even where both are late."""
    answers = [place for place, one in enumerate(ticket.entries) if one.kind == "answer" and one.public]
    later = ticket.entries[answers[-1] :] if answers else ticket.entries  # by place: a clock may be set back
    done = {entry.about: entry.at for entry in later if entry.kind == "event"}
    told = [ticket.entries[place].at for place in answers]
    asked = max([*told, stopped_since(ticket) if stopped(ticket) else ticket.changed])
    if "unreachable" in done and done["unreachable"] >= asked:
        return
    remind, close = timedelta(days=policy.periods.remind_days), timedelta(days=policy.periods.silence_days)
    reminded = done.get("reminded")
    if reminded is None or reminded < asked:
        yield asked + remind, "reminded"
    else:
        yield max(asked + close, reminded + close - remind), "closed_silence"


# ------------------------------------------------------------------------------------------------------------- what


def address(ticket: Ticket) -> str:
    """Whom timer mail goes to: From where it is proved or a person has written there, or else wherever the
    last automatic answer to the requester went.
    """
    letters = [one for one in ticket.outgoing if one.audience is Audience.requester]
    # "": the clock's
    theirs = {"", *(entry.letter for entry in ticket.entries if entry.who == ticket.requester.email)}
    answers = [one.to for one in letters if one.letter in theirs]
    known = ticket.proved or any(not one.automatic for one in letters) or not answers
    return ticket.requester.email if known else answers[-1]


def decide(ticket: Ticket, sender: AddressFacts, context: DeskContext, now: datetime) -> Decision:
    """Everything that is due; the next moment is set. `sender` is what is known of `address(ticket)`."""
    due = [what for at, what in sorted(moments(ticket, context.policy, now)) if at <= now]
    events: list[tuple[str, dict[str, Any]]] = []
    for what in due:
        if what == "warned" and "overdue" in due:  # late: the alarm says it all
            continue
        done, ticket = ACTS[what](ticket, what, sender, context, now)
        ticket = replace(ticket, entries=(*ticket.entries, Entry(at=now, kind="event", public=False, about=done)))
        events.append(("timer", {"ticket": ticket.number, "about": done}))
        if ticket.status is Status.done:
            events.append(("closed", {"ticket": ticket.number, "ground": ticket.ground, "by": "silence"}))
    return armed(Decision(tickets=(ticket,), events=tuple(events)), context.policy, now)


Act = Callable[[Ticket, str, AddressFacts, DeskContext, datetime], tuple[str, Ticket]]


def to_agent(ticket: Ticket, what: str, sender: AddressFacts, context: DeskContext, now: datetime) -> tuple[str, Ticket]:
    """A letter to the owner, or to those on duty while the ticket is free."""
    owner = context.policy.people.agent(ticket.owner) if ticket.owner else None
    return what, nudged(ticket, Nudge(what), (owner,) if owner else staff_notices.on_duty(context, now), context, now)


def to_leads(ticket: Ticket, what: str, sender: AddressFacts, context: DeskContext, now: datetime) -> tuple[str, Ticket]:
    """A letter to every lead."""
    return what, nudged(ticket, Nudge(what), context.policy.people.leads, context, now)


def reminded(ticket: Ticket, what: str, sender: AddressFacts, context: DeskContext, now: datetime) -> tuple[str, Ticket]:
    """The requester is asked once more."""
    told = to_requester(ticket, "reminder", sender, context, now)
    return (what, told) if told else to_agent(ticket, "unreachable", sender, context, now)


def closed(ticket: Ticket, what: str, sender: AddressFacts, context: DeskContext, now: datetime) -> tuple[str, Ticket]:
    """Closed for want of information (clause 4.6); an answer opens it again. Nobody's ticket is closed behind his back."""
    done = move(ticket, Status.done, now, context.policy, ground=Ground.insufficient_information)
    told = to_requester(done, "closed_silence", sender, context, now)
    if told is None:
        return to_agent(ticket, "unreachable", sender, context, now)
    return to_agent(told, what, sender, context, now) if told.owner else (what, told)


ACTS: dict[str, Act] = {
    "warned": to_agent, "overdue": to_leads, "department_silent": to_agent, "low_offered": to_leads, "reminded": reminded, "closed_silence": closed,
}  # fmt: skip


def to_requester(ticket: Ticket, template: str, sender: AddressFacts, context: DeskContext, now: datetime) -> Ticket | None:
    """The ticket with a letter to its requester; None where the reply policy does not let it leave now.

    Timer mail passes the whole reply policy but for the class and what the last letter asks for (design, section 7, item 1).
    """
    ruling = ruled(ticket, sender, context, now)
    if not ruling.to or ruling.held:
        return None
    ground = context.policy.grounds.get(Ground.insufficient_information)
    clause = ground.clause if ground else ""
    said = history(context, ticket) if ruling.repeats else ()
    values = for_requester(context, ticket, ruling.repeats, clause=clause, history=said)
    drafted = Draft(Audience.requester, template, values, ruling.to, answers=thread_of(ticket))
    return draft(context, ticket, drafted, now)


def ruled(ticket: Ticket, sender: AddressFacts, context: DeskContext, now: datetime) -> Ruling:
    """Whether a letter that answers none may leave to the requester, to which address, and with their words."""
    to = address(ticket)
    if reason := reply_policy.sendable(to, context.signer.is_ours):
        return Ruling(reason=reason)
    traffic = reply_policy.Traffic(
        sent=sender.sent, auto_reply_blocked=sender.auto_reply_blocked, soft_blocked=sender.soft_blocked,
        proved=ticket.proved, suppressed=sender.suppressed,
    )  # fmt: skip
    return reply_policy.ruled(to, traffic, ticket.proved, context.policy.caps if context.caps else None, now)


class Nudge(NamedTuple):
    """What a short notice tells."""

    why: str  # a line `why_…` of terms.yaml
    said: Entry | None = None  # what was said to cause it
    at_once: bool = False  # also at night
    values: tuple[object, ...] = ()  # of the line


def nudged(ticket: Ticket, one: Nudge, agents: tuple[Agent, ...], context: DeskContext, now: datetime) -> Ticket:
    """The ticket with a short notice to each of these: why, what was said, the last letters, buttons. At night it waits for
    the morning, high priority excepted.
    """
    calm = ticket.priority is not Priority.high and not one.at_once
    due = context.policy.calendar.next_open(now) if calm else now
    for agent in agents:
        if not reply_policy.to_staff(agent.address, reply_policy.Traffic(), context.signer.is_ours, None, now).to:
            continue
        terms = context.terms(context.language_of(agent))
        offered = one.why == "low_offered" and Ground.low_priority in context.policy.grounds
        more = (staff_notices.refusing(context, ticket, agent, Ground.low_priority, now),) if offered else ()
        line = terms.say(f"why_{one.why}", *one.values)
        showing = staff_notices.Showing("", line, due, one.said, brief=True, more=more)
        ticket = staff_notices.shown(ticket, agent, showing, context, now)
    return ticket
