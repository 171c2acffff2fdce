"""What each command does to a ticket: one small pure function a command, and the table that names them (design, section 8).

A function takes the job, the ticket and the order; it returns the ticket changed, or raises Refusal, and then nothing
of the whole letter happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from bot.model import Audience, Delivery, Ground, Outgoing, Priority, Status, Ticket
from bot.tickets import orders_customer as customer
from bot.tickets import orders_queue as desk
from bot.tickets.commands import BY_NAME, Order, spoken
from bot.tickets.due import prioritise
from bot.tickets.job import Desk, Job, Refusal, marked, noted, one_ticket, owned
from bot.tickets.states import IllegalMove, move
from bot.tickets.undo import UNCC, undo
from bot.tickets.writing import history


def carry_out(job: Job, ticket: Desk, orders: tuple[Order, ...]) -> Desk:
    """All orders in turn; raises Refusal with the line number of the one that cannot be carried out."""
    for order in orders:
        try:
            about = one_ticket(ticket) if BY_NAME[order.name].scope == "ticket" else ticket
            ticket = HANDLERS[order.name](job, about, order)
        except Refusal as refusal:
            refusal.line = refusal.line or order.line
            raise
        except IllegalMove as error:
            raise Refusal("illegal_move", job.terms.say(error.before), line=order.line) from error
        if order.text and BY_NAME[order.name].text == "none" and ticket is not None and order.name != "outage":
            ticket = noted(job, ticket, order.text)
            job.tell("noted_under", spoken(order.name, job.language))
    return ticket


# ------------------------------------------------------------------------------------------------- on one ticket


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


def note(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """An internal entry."""
    job.tell("noted")
    return noted(job, ticket, order.text)


def priority(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Another priority, and with it another due time (clause 5.2)."""
    wanted = Priority(order.argument)
    job.tell("priority", job.terms.say(wanted))
    return prioritise(ticket, wanted, job.now, job.office.policy)


def label(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """A word to find the ticket by, put on or, with a minus, taken off."""
    name = order.argument.strip().strip("-–−").strip().lower()[:60]
    off = order.argument.strip()[:1] in "-–−"
    job.tell("label_off" if off else "label_on", name)
    return replace(ticket, labels=tuple(one for one in ticket.labels if one != name) + (() if off else (name,)), changed=job.now)


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
    if other.address == job.agent.address:
        return ticket
    return job.told(ticket, other, "why_assigned", job.agent.name)


def free(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Back to the queue."""
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.created)
    job.tell("freed")
    return desk.freed(job, ticket)


def reopen(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """A closed ticket goes on, in the hands of whoever had it; a merged one lives on in its target alone."""
    if ticket.status is not Status.done:
        raise IllegalMove(ticket.status, Status.in_progress, "only a closed ticket is reopened")
    job.tell("reopened")
    return move(ticket, Status.in_progress if ticket.owner else Status.created, job.now, job.office.policy)


def spam(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Closed without a word, outside the figures."""
    customer.closable(job, ticket)
    job.tell("spam")
    ticket = replace(ticket, labels=tuple(dict.fromkeys((*ticket.labels, "spam"))))
    return move(ticket, Status.done, job.now, job.office.policy, ground=Ground.out_of_scope)


def block(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Spam, and no more letters of that address."""
    ticket = desk.block(job, ticket, order)
    return ticket if ticket.status is Status.done else spam(job, ticket, order)


def cc(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Another person takes part: they may write, and get the answers with the letters below."""
    if job.office.signer.is_ours(order.argument) or order.argument == ticket.requester.email:
        raise Refusal("unknown_argument", order.argument)
    job.tell("cc", order.argument, len(history(job.office, ticket, reader=order.argument)))
    return replace(ticket, participants=tuple(dict.fromkeys((*ticket.participants, order.argument))), changed=job.now)


def uncc(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """They take part no longer, and what waits to leave for them does not."""
    if order.argument not in ticket.participants:
        raise Refusal("no_participant", order.argument, ", ".join(ticket.participants))
    outgoing = tuple(
        one if job.is_leaving(ticket, one) else kept_from(one, order.argument, job) for one in ticket.outgoing
    )
    job.tell("uncc", order.argument, len(set(outgoing) - set(ticket.outgoing)))
    people = tuple(one for one in ticket.participants if one != order.argument)
    return replace(ticket, participants=people, outgoing=outgoing, changed=job.now)


def kept_from(one: Outgoing, person: str, job: Job) -> Outgoing:
    """The letter, cancelled where it waits for that person; a held one does not come back with #undo."""
    waits = one.state is Delivery.waiting and one.due > job.now
    if one.to == person and one.audience is Audience.requester and (waits or one.state is Delivery.held):
        result = UNCC + job.ident if waits else "uncc"
        return replace(one, state=Delivery.cancelled, done_at=job.now, result=result)
    return one


def override(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """A rule was wrong: what the machine did is taken back, and the letter becomes an `ignore:` example for the admin."""
    hits = [(entry, hit) for entry in reversed(ticket.entries) for hit in entry.hits]
    wanted = order.argument.split()[0].strip(".,:;") if order.argument else ""
    chosen = next((pair for pair in hits if pair[1].rule == wanted), None) if wanted else None
    chosen = chosen or next((pair for pair in hits if pair[1].action or pair[1].topic), None) or next(iter(hits), None)
    if chosen is None:
        raise Refusal("no_rule", wanted)
    entry, hit = chosen
    job.record("override", job.agent.address, f"{hit.rule}\n{entry.text[:5000]}")
    job.tell("overridden", hit.rule)
    if ticket.status in (Status.clarification, Status.done):
        ticket = move(ticket, Status.in_progress if ticket.owner else Status.created, job.now, job.office.policy)
    return marked(job, ticket, "override", hit.rule)


# The commands that carry something out; `help` and `confirm` are answered before (tickets.agents).
HANDLERS: dict[str, Callable[[Job, Any, Order], Desk]] = {
    "take": take, "next": desk.next_one, "reply": customer.reply, "clarify": customer.clarify, "resolve": customer.resolve,
    "refuse": customer.refuse, "template": customer.template, "send": customer.send, "undo": undo, "note": note,
    "escalate": customer.escalate, "update": customer.update, "transcript": customer.transcript, "assign": assign, "free": free,
    "priority": priority, "label": label, "reopen": reopen, "cc": cc, "uncc": uncc, "merge": desk.merge, "split": desk.split,
    "open": desk.open_one, "file": desk.file, "remind": desk.remind, "show": desk.show, "queue": desk.show_queue, "search": desk.search,
    "sla": desk.deadlines, "away": desk.away, "back": desk.back, "override": override, "spam": spam, "block": block,
    "unblock": desk.unblock, "release": desk.release, "outage": desk.outage,
}  # fmt: skip
