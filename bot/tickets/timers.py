"""What time alone does to a ticket: warnings, reminders, closing for silence, offers to the lead (clauses 2.1 and 5.2; pure).

`moments` names what may happen next and when; `decide` carries out what is due. Each effect leaves an event in the ticket, and
so happens once, however late the look comes and however often the clock jumps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from bot.model import Audience, Decision, Entry, Ground, Priority, Status, Ticket, Waiting
from bot.policy import Policy
from bot.policy.schema import Agent
from bot.replies import gate
from bot.replies.contexts import Button
from bot.replies.gate import Ruling
from bot.replies.terms import Terms
from bot.store.port import Sender
from bot.tickets import notices
from bot.tickets.commands import in_words, spoken, words_for
from bot.tickets.due import counted, stopped, stopped_since
from bot.tickets.office import Office
from bot.tickets.states import move
from bot.tickets.writing import button, for_requester, history, post, thread_of

# ------------------------------------------------------------------------------------------------------------- when


def armed(decision: Decision, policy: Policy, now: datetime) -> Decision:
    """The decision with each ticket's next moment set: the store's register wakes the ticket then, and not before."""
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
    if ticket.status is Status.clarification and ticket.waiting_for is Waiting.requester:
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
    if (reminded is None or reminded < asked) and remind < close:
        yield asked + remind, "reminded"
        return
    yield max(asked + close, (reminded or asked) + close - remind if remind < close else asked), "closed_silence"


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


def decide(ticket: Ticket, sender: Sender, office: Office, now: datetime) -> Decision:
    """Everything that is due; the next moment is set. `sender` is what is known of `address(ticket)`."""
    due = [what for at, what in sorted(moments(ticket, office.policy, now)) if at <= now]
    events: list[tuple[str, dict[str, Any]]] = []
    for what in due:
        if what == "warned" and "overdue" in due:  # late: the alarm says it all
            continue
        done, ticket = ACTS[what](ticket, what, sender, office, now)
        ticket = replace(ticket, entries=(*ticket.entries, Entry(at=now, kind="event", public=False, about=done)))
        events.append(("timer", {"ticket": ticket.number, "about": done}))
        if ticket.status is Status.done:
            events.append(("closed", {"ticket": ticket.number, "ground": ticket.ground, "by": "silence"}))
    return armed(Decision(tickets=(ticket,), events=tuple(events)), office.policy, now)


Act = Callable[[Ticket, str, Sender, Office, datetime], tuple[str, Ticket]]


def to_agent(ticket: Ticket, what: str, sender: Sender, office: Office, now: datetime) -> tuple[str, Ticket]:
    """A letter to the owner, or to those on duty while the ticket is free."""
    owner = office.policy.people.agent(ticket.owner) if ticket.owner else None
    return what, nudged(ticket, what, (owner,) if owner else notices.on_duty(office, now), office, now)


def to_leads(ticket: Ticket, what: str, sender: Sender, office: Office, now: datetime) -> tuple[str, Ticket]:
    """A letter to every lead."""
    return what, nudged(ticket, what, office.policy.people.leads, office, now)


def reminded(ticket: Ticket, what: str, sender: Sender, office: Office, now: datetime) -> tuple[str, Ticket]:
    """The requester is asked once more."""
    told = to_requester(ticket, "reminder", sender, office, now)
    return (what, told) if told else to_agent(ticket, "unreachable", sender, office, now)


def closed(ticket: Ticket, what: str, sender: Sender, office: Office, now: datetime) -> tuple[str, Ticket]:
    """Closed for want of information (clause 4.6); an answer opens it again. Nobody's ticket is closed behind his back."""
    done = move(ticket, Status.done, now, office.policy, ground=Ground.insufficient_information)
    told = to_requester(done, "closed_silence", sender, office, now)
    if told is None:
        return to_agent(ticket, "unreachable", sender, office, now)
    return to_agent(told, what, sender, office, now) if told.owner else (what, told)


ACTS: dict[str, Act] = {
    "warned": to_agent, "overdue": to_leads, "department_silent": to_agent, "low_offered": to_leads, "reminded": reminded, "closed_silence": closed,
}  # fmt: skip


def to_requester(ticket: Ticket, template: str, sender: Sender, office: Office, now: datetime) -> Ticket | None:
    """The ticket with a letter to its requester; None where the gate does not let it leave now.

    Timer mail passes the whole gate but for the class and the wishes of the last letter (design, section 7, item 1).
    """
    to = address(ticket)
    closed = sender.latched or (sender.doubted and not ticket.proved)
    traffic = gate.Traffic(sent=sender.sent, latched=closed, suppressed=sender.suppressed)
    repeats = ticket.proved and to == ticket.requester.email
    refused = gate.sendable(to, office.signer.is_ours)
    ruling = Ruling(reason=refused) if refused else gate.ruled(to, traffic, repeats, office.policy.caps if office.caps else None, now)
    if not ruling.to or ruling.held:
        return None
    clause = office.policy.grounds[Ground.insufficient_information].clause
    said = history(office, ticket) if repeats else ()
    context = for_requester(office, ticket, repeats, clause=clause, history=said)
    return post(office, ticket, Audience.requester, template, context, to, now, answers=thread_of(ticket))


def nudged(
    ticket: Ticket, why: str, agents: tuple[Agent, ...], office: Office, now: datetime, *,
    said: Entry | None = None, at_once: bool = False, values: tuple[object, ...] = (),
) -> Ticket:  # fmt: skip
    """The ticket with a short notice to each of these: why (a line `why_…` of terms.yaml, with its `values`), what was
    `said`, the last letters, buttons. At night it waits for the morning, high priority and `at_once`
    excepted.
    """
    calm = ticket.priority is not Priority.high and not at_once
    due = max(now, office.policy.calendar.next_open(now)) if calm else now
    for agent in agents:
        if not gate.to_staff(agent.address, gate.Traffic(), office.signer.is_ours, None, now).to:
            continue
        terms = office.terms(office.language_of(agent))
        more = (refusing(office, ticket, agent, terms, now),) if why == "low_offered" else ()
        line = terms.say(f"why_{why}", *values)
        ticket = notices.shown(
            ticket, agent, "", office, now, why=line, due=due, said=said, brief=True, more=more
        )
    return ticket


def refusing(office: Office, ticket: Ticket, agent: Agent, terms: Terms, now: datetime) -> Button:
    """The button that refuses a ticket of low priority (clause 5.2)."""
    ground = in_words(words_for("ground", office.policy), terms.language)[Ground.low_priority]
    return button(office, ticket, agent, terms.say("refuse_low"), f"#{spoken('refuse', terms.language)} {ground}", now)
