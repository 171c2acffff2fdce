"""What each command does to a ticket: one small pure function a command, and the table that names them (design, section 8).

A function takes the job, the ticket and the order; it returns the ticket changed, or raises Refusal, and then nothing
of the whole letter happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from bot.model import Audience, Delivery, Entry, Fate, Ground, Letter, Outgoing, Priority, Resolution, Status, Ticket, Waiting
from bot.policy.schema import Agent
from bot.replies.contexts import AgentLetter, GroundLetter
from bot.tickets import notices
from bot.tickets.commands import Order
from bot.tickets.office import Office
from bot.tickets.states import IllegalMove, move, prioritise
from bot.tickets.words import say
from bot.tickets.writing import desk_view, history, post, public_ticket, thread_of

KEPT_OUT = ("entries", "seen", "outgoing", "undo", "kept", "links")  # what #undo does not restore: the record only grows


@dataclass
class Job:
    """One command letter being carried out: what it is done with, and the lines that the receipt will show."""

    office: Office
    agent: Agent
    letter: Letter
    now: datetime
    language: str
    done: list[str] = field(default_factory=list)

    def tell(self, code: str, *values: object) -> None:
        """Adds a line to the receipt."""
        self.done.append(say(code, self.language, *values))


class Refusal(Exception):
    """An order that cannot be carried out: a word of tickets.words, the value it names, the way out."""

    def __init__(self, reason: str, what: str = "", hint: str = "", line: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.what, self.hint, self.line = reason, what, hint, line


def carry_out(job: Job, ticket: Ticket, orders: tuple[Order, ...]) -> Ticket:
    """All orders in turn; raises Refusal with the line number of the one that cannot be carried out."""
    for order in orders:
        try:
            ticket = DO[order.name](job, ticket, order)
        except Refusal as refusal:
            refusal.line = order.line
            raise
        except IllegalMove as error:
            raise Refusal("illegal_move", say(error.before, job.language), line=order.line) from error
        if order.text and order.name not in CARRIES_TEXT:
            ticket = noted(job, ticket, order.text)
            job.tell("noted_under", order.name)
    return ticket


# ---------------------------------------------------------------------------------------------- orders to oneself


def take(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """The ticket gets its owner; who comes second is told who came first."""
    if ticket.owner == job.agent.address:
        job.tell("taken_already")
        return ticket
    if ticket.owner:
        other = job.office.policy.people.agent(ticket.owner)
        raise Refusal("taken_by_other", other.name if other else ticket.owner)
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.in_progress)
    job.tell("taken")
    return owned(job, ticket)


def owned(job: Job, ticket: Ticket) -> Ticket:
    """A free ticket becomes the agent's; a created one is then in progress."""
    if ticket.owner:
        return ticket
    ticket = replace(ticket, owner=job.agent.address)
    return move(ticket, Status.in_progress, job.now, job.office.policy) if ticket.status is Status.created else ticket


def note(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """An internal entry."""
    job.tell("noted")
    return noted(job, ticket, order.text)


def noted(job: Job, ticket: Ticket, text: str) -> Ticket:
    """The ticket with a note that no customer's template can see."""
    entry = Entry(at=job.now, kind="note", public=False, who=job.agent.address, name=job.agent.name, text=text, letter=job.letter.envelope.letter)
    return replace(ticket, entries=(*ticket.entries, entry), changed=job.now)


def priority(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Another priority, and with it another due time (clause 5.2)."""
    wanted = Priority(order.argument)
    job.tell("priority", say(wanted, job.language))
    return prioritise(ticket, wanted, job.now, job.office.policy)


def assign(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Another agent has the ticket, and gets the case."""
    other = job.office.policy.people.agent(order.argument)
    if other is None:
        raise Refusal("unknown_argument", order.argument)
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.in_progress)
    ticket = replace(ticket, owner=other.address, changed=job.now)
    if ticket.status is Status.created:
        ticket = move(ticket, Status.in_progress, job.now, job.office.policy)
    job.tell("assigned", other.name)
    return ticket if other.address == job.agent.address else notices.shown(ticket, other, job.letter, job.office, job.now)


def free(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Back to the queue."""
    if ticket.status is Status.in_progress:
        ticket = move(ticket, Status.created, job.now, job.office.policy)
    elif ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.created)
    job.tell("freed")
    return replace(ticket, owner="", changed=job.now)


def reopen(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """A closed ticket goes on, in the hands of whoever had it."""
    if ticket.status is not Status.done:
        raise IllegalMove(ticket.status, Status.in_progress, "only a closed ticket is reopened")
    job.tell("reopened")
    return move(ticket, Status.in_progress if ticket.owner else Status.created, job.now, job.office.policy)


def spam(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Closed without a word, outside the figures."""
    job.tell("spam")
    ticket = replace(ticket, labels=tuple(dict.fromkeys((*ticket.labels, "spam"))))
    return move(ticket, Status.done, job.now, job.office.policy, ground=Ground.out_of_scope)


def show(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """The whole ticket, notes included, to the agent who asks."""
    return notices.shown(ticket, job.agent, job.letter, job.office, job.now)


# ------------------------------------------------------------------------------------------ orders for the customer


def reply(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """An answer. A suspended ticket is in progress again; a closed one stays closed."""
    ticket = owned(job, ticket)
    if ticket.status is Status.clarification:
        ticket = move(ticket, Status.in_progress, job.now, job.office.policy)
    return to_customer(job, ticket, "reply", order.text)


def clarify(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """A question, perhaps on a ground of clause 4.6; the clock stops until the requester answers."""
    ground = Ground(order.argument) if order.argument else None
    ticket = move(owned(job, ticket), Status.clarification, job.now, job.office.policy, waiting=Waiting.requester, ground=ground)
    if ground is None:
        return to_customer(job, ticket, "clarify", order.text)
    job.tell("suspended", say(ground, job.language))
    ticket = replace(ticket, warned=ticket.warned or ground is Ground.abusive_language)
    return to_customer(job, ticket, f"ground_{ground}", order.text, ground=ground)


def resolve(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Closed with a resolution (clause 5.1) and the letter that fits it."""
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.done)
    if not order.text and not any(entry.kind == "answer" for entry in ticket.public_entries()):
        raise Refusal("resolve_text")
    resolution = Resolution(order.argument or Resolution.solved)
    ticket = move(owned(job, ticket), Status.done, job.now, job.office.policy, resolution=resolution)
    job.tell("resolved", say(resolution, job.language))
    return to_customer(job, ticket, f"resolved_{resolution}", order.text)


def refuse(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Refused on a ground (clauses 4.6 and 5.2). `needs_development` never closes: it waits for the update."""
    ground = Ground(order.argument)
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.done)
    if ground is Ground.low_priority and not (job.agent.lead and ticket.priority is Priority.low):
        raise Refusal("leads_only")
    if ground is Ground.needs_development:
        ticket = move(owned(job, ticket), Status.in_progress, job.now, job.office.policy, waiting=Waiting.department, ground=ground)
        job.tell("suspended", say(ground, job.language))
        return to_customer(job, ticket, f"ground_{ground}", order.text, ground=ground)
    ticket = move(owned(job, ticket), Status.done, job.now, job.office.policy, ground=ground)
    job.tell("refused", say(ground, job.language))
    return to_customer(job, ticket, f"ground_{ground}", order.text, ground=ground)


def escalate(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """To another department (clauses 2.2 and 3.1): it gets the case, the requester is told, the ticket waits for it."""
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.in_progress)
    ticket = owned(job, ticket)
    if ticket.status is Status.clarification:
        ticket = move(ticket, Status.in_progress, job.now, job.office.policy)
    ticket = replace(ticket, waiting_for=Waiting.department, department=order.argument, changed=job.now)
    department = job.office.policy.people.departments[order.argument]
    if order.text:
        ticket = noted(job, ticket, order.text)
    ticket = notices.handed(ticket, job.letter, order.argument, order.text, job.agent.name, job.office, job.now)
    job.tell("escalated", department.name_in(job.language))
    return to_customer(job, ticket, "escalated", "", department=department.name_in(ticket.language))


def send(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """The text of an earlier letter without a command, kept for a day, as an answer."""
    kept = ticket.kept
    if not kept or kept["agent"] != job.agent.address or datetime.fromisoformat(kept["until"]) < job.now:
        raise Refusal("nothing_kept")
    job.tell("kept_sent")
    return reply(job, replace(ticket, kept={}), replace(order, text=kept["text"]))


def to_customer(job: Job, ticket: Ticket, template: str, text: str, *, ground: Ground | None = None, department: str = "") -> Ticket:
    """A letter that an agent wrote: to From, without the marks of a machine, after the undo window, with the history below."""
    to = ticket.requester.email
    if not to or job.office.signer.is_ours(to):
        raise Refusal("no_requester")
    office, language = job.office, job.office.language(ticket.language)
    shared: dict[str, Any] = {
        "desk": desk_view(office, language),
        "language": language,
        "ticket": public_ticket(office, ticket, repeats=True),
        "text": text,
        "agent": job.agent.name,
        "history": history(office, ticket),
    }
    if ground:
        refused = ticket.status is Status.done
        context: AgentLetter | GroundLetter = GroundLetter(**shared, clause=office.policy.grounds[ground].clause, refused=refused)
    else:
        context = AgentLetter(**shared, department=department)
    answers = thread_of(ticket)
    letter = job.letter.envelope.letter
    ticket = post(
        office, ticket, Audience.requester, template, context, to, job.now, letter=letter, due=job.now + office.undo, automatic=False, answers=answers
    )
    entry = Entry(
        at=job.now, kind="answer", public=True, who=office.policy.desk.address, name=job.agent.name, text=text or ticket.outgoing[-1].text,
        letter=letter, message_id=ticket.outgoing[-1].message_id, about=template,
    )  # fmt: skip
    return replace(ticket, entries=(*ticket.entries, entry))


# ------------------------------------------------------------------------------------------------------------ undo


def snapshot(before: Ticket, after: Ticket, letter: str, now: datetime) -> Ticket:
    """`after` with what #undo needs to restore `before`."""
    plain = msgspec.to_builtins(before)
    core = {name: value for name, value in plain.items() if name not in KEPT_OUT}
    return replace(after, undo={"letter": letter, "at": now.isoformat(), "core": core})


def undo(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Takes the whole last command letter back, unless a word of it has left or the ticket has changed since."""
    if not ticket.undo:
        raise Refusal("nothing_to_undo")
    letter = ticket.undo["letter"]
    caused = [one for one in ticket.outgoing if one.letter == letter and one.audience in (Audience.requester, Audience.department)]
    if any(one.state is Delivery.sent or one.attempts or one.due <= job.now for one in caused):
        raise Refusal("undo_too_late")
    position = next((i for i, seen in enumerate(ticket.seen) if seen.letter == letter), len(ticket.seen))
    if any(seen.fate in (Fate.appended, Fate.command) for seen in ticket.seen[position + 1 :]):
        raise Refusal("undo_changed")
    job.tell("undone", f"{datetime.fromisoformat(ticket.undo['at']).astimezone(job.now.tzinfo):%d.%m.%Y %H:%M}")
    plain = msgspec.to_builtins(ticket)
    core = {name: value for name, value in plain.items() if name in KEPT_OUT and name != "undo"}
    restored = msgspec.convert({**ticket.undo["core"], **core}, Ticket)
    entries = tuple(replace(one, public=False, about="undone") if one.letter == letter and one.kind == "answer" else one for one in restored.entries)
    return replace(restored, entries=entries, outgoing=tuple(cancelled(one, letter, job.now) for one in restored.outgoing), changed=job.now)


def cancelled(one: Outgoing, letter: str, now: datetime) -> Outgoing:
    """A waiting letter of the command letter that is taken back."""
    waits = one.letter == letter and one.state in (Delivery.waiting, Delivery.held) and one.audience is not Audience.agent
    return replace(one, state=Delivery.cancelled, done_at=now, result="undone") if waits else one


DO: dict[str, Callable[[Job, Ticket, Order], Ticket]] = {
    "take": take,
    "reply": reply,
    "clarify": clarify,
    "resolve": resolve,
    "refuse": refuse,
    "note": note,
    "escalate": escalate,
    "priority": priority,
    "assign": assign,
    "free": free,
    "reopen": reopen,
    "spam": spam,
    "show": show,
    "undo": undo,
    "send": send,
}
CARRIES_TEXT = frozenset({"reply", "clarify", "resolve", "refuse", "note", "escalate"})
