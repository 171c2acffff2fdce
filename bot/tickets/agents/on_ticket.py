"""What each command does to a ticket: one small pure function a command, and the table that names them (design, section 8).

A function takes the run, the ticket and the command; it returns the ticket changed, or raises Refusal, and then nothing
of the whole letter happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from bot.model import Audience, Delivery, Ground, Outgoing, Priority, Status, Ticket
from bot.tickets.agents import on_desk as desk
from bot.tickets.agents import to_customer as customer
from bot.tickets.agents.command_run import CommandRun, Refusal, TicketOrDesk, marked, noted, one_ticket, owned
from bot.tickets.agents.parser import BY_NAME, Command, spoken
from bot.tickets.agents.undo import UNCC, undo
from bot.tickets.outgoing import history
from bot.tickets.sla import prioritise
from bot.tickets.status import IllegalMove, move


def carry_out(run: CommandRun, ticket: TicketOrDesk, commands: tuple[Command, ...]) -> TicketOrDesk:
    """All commands in turn; raises Refusal with the line number of the one that cannot be carried out."""
    for command in commands:
        try:
            about = one_ticket(ticket) if BY_NAME[command.name].scope == "ticket" else ticket
            ticket = HANDLERS[command.name](run, about, command)
        except Refusal as refusal:
            refusal.line = refusal.line or command.line
            raise
        except IllegalMove as error:
            raise Refusal("illegal_move", run.terms.say(error.before), line=command.line) from error
        if command.text and BY_NAME[command.name].text == "none" and ticket is not None and command.name != "outage":
            ticket = noted(run, ticket, command.text)
            run.tell("noted_under", spoken(command.name, run.language))
    return ticket


# ------------------------------------------------------------------------------------------------- on one ticket


def take(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """The ticket gets its owner; who comes second is told who came first."""
    if ticket.owner == run.agent.address:
        run.tell("taken_already")
        return ticket
    if ticket.owner:
        other = run.context.policy.people.agent(ticket.owner)
        raise Refusal("taken_by_other", other.name if other else ticket.owner)
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.in_progress)
    run.tell("taken")
    return owned(run, ticket)


def note(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """An internal entry."""
    run.tell("noted")
    return noted(run, ticket, command.text)


def priority(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """Another priority, and with it another due time (clause 5.2)."""
    wanted = Priority(command.argument)
    run.tell("priority", run.terms.say(wanted))
    return prioritise(ticket, wanted, run.now, run.context.policy)


def label(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """A word to find the ticket by, put on or, with a minus, taken off."""
    name = command.argument.strip().strip("-–−").strip().lower()[:60]
    off = command.argument.strip()[:1] in "-–−"
    run.tell("label_off" if off else "label_on", name)
    return replace(ticket, labels=tuple(one for one in ticket.labels if one != name) + (() if off else (name,)), changed=run.now)


def assign(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """Another agent has the ticket, and gets the case."""
    other = run.context.policy.people.agent(command.argument)
    if other is None:
        raise Refusal("unknown_argument", command.argument)
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.in_progress)
    ticket = replace(ticket, owner=other.address, changed=run.now)
    if ticket.status is Status.created:
        ticket = move(ticket, Status.in_progress, run.now, run.context.policy)
    run.tell("assigned", other.name)
    if other.address == run.agent.address:
        return ticket
    return run.told(ticket, other, "why_assigned", run.agent.name)


def free(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """Back to the queue."""
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.created)
    run.tell("freed")
    return desk.freed(run, ticket)


def reopen(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """A closed ticket goes on, in the hands of whoever had it; a merged one lives on in its target alone."""
    if ticket.status is not Status.done:
        raise IllegalMove(ticket.status, Status.in_progress, "only a closed ticket is reopened")
    run.tell("reopened")
    return move(ticket, Status.in_progress if ticket.owner else Status.created, run.now, run.context.policy)


def spam(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """Closed without a word, outside the figures."""
    customer.closable(run, ticket)
    run.tell("spam")
    ticket = replace(ticket, labels=tuple(dict.fromkeys((*ticket.labels, "spam"))))
    return move(ticket, Status.done, run.now, run.context.policy, ground=Ground.out_of_scope)


def block(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """Spam, and no more letters of that address."""
    ticket = desk.block(run, ticket, command)
    return ticket if ticket.status is Status.done else spam(run, ticket, command)


def cc(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """Another person takes part: they may write, and get the answers with the letters below."""
    if run.context.signer.is_ours(command.argument) or command.argument == ticket.requester.email:
        raise Refusal("unknown_argument", command.argument)
    run.tell("cc", command.argument, len(history(run.context, ticket, reader=command.argument)))
    return replace(ticket, participants=tuple(dict.fromkeys((*ticket.participants, command.argument))), changed=run.now)


def uncc(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """They take part no longer, and what waits to leave for them does not."""
    if command.argument not in ticket.participants:
        raise Refusal("no_participant", command.argument, ", ".join(ticket.participants))
    outgoing = tuple(
        one if run.is_leaving(ticket, one) else kept_from(one, command.argument, run) for one in ticket.outgoing
    )
    run.tell("uncc", command.argument, len(set(outgoing) - set(ticket.outgoing)))
    people = tuple(one for one in ticket.participants if one != command.argument)
    return replace(ticket, participants=people, outgoing=outgoing, changed=run.now)


def kept_from(one: Outgoing, person: str, run: CommandRun) -> Outgoing:
    """The letter, cancelled where it waits for that person; a held one does not come back with #undo."""
    waits = one.state is Delivery.waiting and one.due > run.now
    if one.to == person and one.audience is Audience.requester and (waits or one.state is Delivery.held):
        result = UNCC + run.ident if waits else "uncc"
        return replace(one, state=Delivery.cancelled, done_at=run.now, result=result)
    return one


def override(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """A rule was wrong: what the machine did is taken back, and the letter becomes an `ignore:` example for the admin."""
    hits = [(entry, hit) for entry in reversed(ticket.entries) for hit in entry.hits]
    wanted = command.argument.split()[0].strip(".,:;") if command.argument else ""
    chosen = next((pair for pair in hits if pair[1].rule == wanted), None) if wanted else None
    chosen = chosen or next((pair for pair in hits if pair[1].action or pair[1].topic), None) or next(iter(hits), None)
    if chosen is None:
        raise Refusal("no_rule", wanted)
    entry, hit = chosen
    run.record("override", run.agent.address, f"{hit.rule}\n{entry.text[:5000]}")
    run.tell("overridden", hit.rule)
    if ticket.status in (Status.clarification, Status.done):
        ticket = move(ticket, Status.in_progress if ticket.owner else Status.created, run.now, run.context.policy)
    return marked(run, ticket, "override", hit.rule)


# The commands that carry something out; `help` and `confirm` are answered before (tickets.agents).
HANDLERS: dict[str, Callable[[CommandRun, Any, Command], TicketOrDesk]] = {
    "take": take, "next": desk.next_one, "reply": customer.reply, "clarify": customer.clarify, "resolve": customer.resolve,
    "refuse": customer.refuse, "template": customer.template, "send": customer.send, "undo": undo, "note": note,
    "escalate": customer.escalate, "update": customer.update, "transcript": customer.transcript, "assign": assign, "free": free,
    "priority": priority, "label": label, "reopen": reopen, "cc": cc, "uncc": uncc, "merge": desk.merge, "split": desk.split,
    "open": desk.open_one, "file": desk.file, "remind": desk.remind, "show": desk.show, "queue": desk.show_queue, "search": desk.search,
    "sla": desk.deadlines, "away": desk.away, "back": desk.back, "override": override, "spam": spam, "block": block,
    "unblock": desk.unblock, "release": desk.release, "outage": desk.outage,
}  # fmt: skip
