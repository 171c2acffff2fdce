"""Commands about the queue, about several tickets, and about the desk as a whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.model import ERASED, Address, Delivery, Entry, Letter, Priority, Resolution, Status, Ticket
from bot.model.address import FOUND
from bot.parsing.history import below, until_ours
from bot.rendering.contexts import Section
from bot.tickets import queue, staff_notices
from bot.tickets.agents.command_run import CommandRun, Refusal, TicketOrDesk, marked, noted, one_ticket, owned
from bot.tickets.agents.parser import LONGEST_ARGUMENT, Command, spoken
from bot.tickets.agents.to_customer import to_customer
from bot.tickets.authors import MERGED, brought
from bot.tickets.outgoing import tag
from bot.tickets.sla import due_from, prioritise, told
from bot.tickets.status import move

LONGEST_ABSENCE = timedelta(days=31)  # the desk remembers what is no ticket for a month
OVER = frozenset({"over", "конец", "всё", "все", "устранена", "устранён", "устранен", "закончилась", "end"})


def next_one(run: CommandRun, ticket: TicketOrDesk, command: Command) -> TicketOrDesk:
    """The first ticket of the queue becomes the agent's, and comes in a letter of its own."""
    mine = [run.ticket_of(row.number) for row in run.known.rows if row.owner == run.agent.address]
    free = [ticket if ticket and ticket.number == row.number else run.ticket_of(row.number)
            for row in queue.waiting(run.known.rows)]  # fmt: skip
    done = next((one for one in mine if one and run.changed_before(one, "next")), None)  # a crash came between two writes
    chosen = done or next((one for one in free if one and one.status is Status.created and not one.owner), None)
    if chosen is None:
        raise Refusal("queue_empty")
    taken = chosen if done else marked(run, owned(run, chosen), "next")
    run.show(taken, "why_next")
    if taken.number == run.own:
        return taken
    run.others[taken.number] = taken
    return ticket


def viewer(run: CommandRun) -> queue.Viewer:
    """The agent as the reader of a list."""
    return queue.Viewer(run.context, run.agent, run.language, run.now)


def show_queue(run: CommandRun, ticket: TicketOrDesk, command: Command) -> TicketOrDesk:
    """What is free, what is the agent's, what waits."""
    run.said[0].sections += queue.sections(run.known.rows, viewer(run))
    return ticket


def search(run: CommandRun, ticket: TicketOrDesk, command: Command) -> TicketOrDesk:
    """Tickets that fit a query."""
    today = run.now.astimezone(run.context.policy.calendar.zone).date()
    rows = queue.search(command.argument, run.known, run.context, today)
    run.said[0].sections.append(queue.section("found", rows, viewer(run)))
    return ticket


def deadlines(run: CommandRun, ticket: TicketOrDesk, command: Command) -> TicketOrDesk:
    """The arithmetic of this ticket's due time; what is overdue, and what soon will be."""
    if ticket is not None and ticket.status is not Status.done:
        rows = told(ticket, run.context.policy, run.now, run.terms)
        run.said[run.own].sections.append(Section(title=tag(run.context, ticket.number), rows=rows))
    run.said[0].sections += queue.deadlines(run.known.rows, viewer(run))
    return ticket


def show(run: CommandRun, ticket: TicketOrDesk, command: Command) -> TicketOrDesk:
    """A whole ticket, notes included, in a letter of its own; a merged one is shown as what it has become."""
    wanted = int(command.argument) if command.argument else one_ticket(ticket).number
    shown = run.ticket_of(wanted) if wanted != run.own else ticket
    while shown is not None and shown.merged_into and ERASED not in shown.labels:
        shown = run.ticket_of(shown.merged_into) if shown.merged_into != run.own else ticket
    if shown is None:
        raise Refusal("no_ticket")
    if ERASED in shown.labels:
        raise Refusal("erased", tag(run.context, shown.number))
    run.show(shown, "why_shown")
    return ticket


def file(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """A withheld file of the customer's, by its number in the notice; it comes with the receipt."""
    files, wanted = staff_notices.files_of(ticket), int(command.argument)
    if not 0 < wanted <= len(files):
        raise Refusal("no_file", str(wanted), f"1–{len(files)}" if files else "")
    entry, one = files[wanted - 1]
    # nothing opens it by itself
    reference = replace(staff_notices.reference(entry.letter, one), type="application/octet-stream")
    run.said[run.own].files.append(reference)
    run.tell("file_sent", one.name)
    return ticket


def remind(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """A letter to the agent on that day, when work begins or at the hour he names."""
    zone = run.context.policy.calendar.zone
    at = datetime.fromisoformat(command.argument).replace(tzinfo=zone)
    due = at if at.time() != at.min.time() else run.context.policy.calendar.next_open(at)
    if due <= run.now:
        raise Refusal("date_past", f"{at:%d.%m.%Y}")
    run.tell("remind", f"{due.astimezone(zone):%d.%m.%Y %H:%M}")
    ticket = noted(run, ticket, command.text) if command.text else ticket
    said = ticket.entries[-1] if command.text else None
    return run.told(ticket, run.agent, "why_remind", due=due, said=said)


# ------------------------------------------------------------------------------------------------- several tickets


def merge(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """This ticket goes into another of the same requester, who is told one number from now on.

    Participants read no more than before: those of the target get none of the other's letters in quotations
    (`history`), and those of the ticket that ends are not carried over. The target's receipt says so.
    """
    target = run.ticket_of(int(command.argument))
    while target is not None and target.merged_into:
        target = run.ticket_of(target.merged_into)
    if target is None:
        raise Refusal("no_ticket")
    if target.number == ticket.number:
        raise Refusal("merge_itself")
    if target.requester.email != ticket.requester.email:
        raise Refusal("merge_stranger", target.requester.email, "#cc")
    mark = f"{MERGED}{ticket.number}"
    own, kept = tag(run.context, ticket.number), tag(run.context, target.number)
    if not run.changed_before(target, mark):
        taken = tuple(
            replace(one, about=brought(one.about, ticket.number))
            for one in ticket.entries
            if one.letter != run.ident and one.about != "undone"
        )
        entries = tuple(sorted((*target.entries, *taken), key=lambda one: one.at))
        labels = tuple(dict.fromkeys((*target.labels, *ticket.labels)))
        target = marked(run, replace(target, entries=entries, labels=labels), mark, own)
        target = still_open(run, target, ticket)
        target = to_customer(run, target, "merged", command.text, other=own)
    run.others[target.number] = target
    run.tell("merged", kept)
    run.tell("merged_here", own, of=target.number)
    run.tell("merged_reader", ticket.requester.email, own, kept, of=target.number)
    if target.participants:
        run.tell("merged_participants", ", ".join(target.participants), own, of=target.number)
    if left := [one for one in ticket.participants if one not in target.participants]:
        run.tell("merged_left", own, ", ".join(left), spoken("cc", run.language), of=target.number)
    if ticket.status is not Status.done:
        ticket = move(ticket, Status.done, run.now, run.context.policy, resolution=Resolution.solved)
    return replace(ticket, merged_into=target.number, labels=tuple(dict.fromkeys((*ticket.labels, "merged"))))


def still_open(run: CommandRun, target: Ticket, source: Ticket) -> Ticket:
    """The target with the work that the source still was: open again, and no less urgent."""
    if source.status is Status.done:
        return target
    if target.status is Status.done:
        owner = target.owner or source.owner
        target = replace(target, owner=owner)
        target = move(target, Status.in_progress if owner else Status.created, run.now, run.context.policy)
    return prioritise(target, source.priority, run.now, run.context.policy) if source.priority.rank > target.priority.rank else target


def split(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """A ticket of its own for what else the letter asks, or for whom else it concerns (clause 2.4). Nobody is written to by it."""
    person = Address(email=command.argument) if command.argument else ticket.requester
    known = run.known.senders.get(person.email)
    if person.email != ticket.requester.email and person.email not in ticket.participants and not (known and known.known):
        raise Refusal("unknown_person", person.email)
    theirs = [one for one in ticket.entries if one.kind == "letter" and one.who == ticket.requester.email]
    letter = theirs[-1] if theirs else None
    text = command.text or (letter.text if letter and person.email == ticket.requester.email else "")
    if not text:
        raise Refusal("text_missing", "split")
    public = person.email == ticket.requester.email and not command.text
    own = person.email == ticket.requester.email  # nobody is shown what another wrote, not even his subject
    made = made_ticket(run, person, text, ticket.subject if own else "", ticket, public=public)
    run.show(made, "why_split")
    return replace(ticket, links=tuple(dict.fromkeys((*ticket.links, made.number))))


def open_one(run: CommandRun, ticket: TicketOrDesk, command: Command) -> TicketOrDesk:
    """A ticket of a letter that a customer sent to the agent's own mailbox: the text below, or the forwarded letter."""
    if run.context.signer.is_ours(command.argument) or run.context.policy.people.agent(command.argument):
        raise Refusal("unknown_argument", command.argument)
    text = "\n\n".join(filter(None, (command.text, forwarded(run.letter, run.context.signer.is_ours))))
    if not text:
        raise Refusal("text_missing", "open")
    made = made_ticket(run, Address(email=command.argument), text, run.context.subjects.base(run.letter.subject), None, public=True)
    run.show(made, "why_opened")
    return ticket


def forwarded(letter: Letter, is_ours: Callable[[str], bool]) -> str:
    """The letter that was forwarded below the commands; a letter of ours, to which theirs is a reply, is none."""
    lines = until_ours(below(letter.full_text))
    told = " ".join([line for line in lines if line.strip()][:2])[:LONGEST_ARGUMENT]
    return "" if any(map(is_ours, FOUND.findall(told))) else "\n".join(lines).strip()


def made_ticket(run: CommandRun, person: Address, text: str, subject: str, origin: TicketOrDesk, *, public: bool) -> Ticket:
    """A new ticket of this letter, or the one that it made before a crash."""
    fresh = max([run.known.fresh - 1, *run.others]) + 1
    mine = [one for one in run.known.tickets.values() if one.number not in run.others and run.changed_before(one, "made")]
    before = min(mine, key=lambda one: one.number, default=None)
    # a note is the agent's own words
    author = (person.email, person.name) if public else (run.agent.address, run.agent.name)
    entry = Entry(
        at=run.now, kind="letter" if public else "note", public=public, who=author[0], name=author[1],
        text=text[:100_000], letter=run.ident, subject=subject, about="made",
    )  # fmt: skip
    priority = origin.priority if origin else Priority.medium
    made = before or Ticket(
        number=fresh, requester=person, opened=run.now, changed=run.now, subject=subject, priority=priority, owner=run.agent.address,
        language=origin.language if origin else run.context.language(run.letter.language), status=Status.in_progress,
        due=due_from(run.now, priority, run.context.policy), links=(origin.number,) if origin else (), entries=(entry,),
    )  # fmt: skip
    run.others[made.number] = made
    return made


# ---------------------------------------------------------------------------------------------- the desk as a whole


def away(run: CommandRun, ticket: TicketOrDesk, command: Command) -> TicketOrDesk:
    """The agent is away until that day: no new tickets for him, and those he has go back to the queue."""
    today = run.now.astimezone(run.context.policy.calendar.zone).date()
    until = datetime.fromisoformat(command.argument).date() if command.argument else today + timedelta(days=1)
    if until <= today:
        raise Refusal("date_past", f"{until:%d.%m.%Y}")
    if until - today > LONGEST_ABSENCE:
        raise Refusal("away_too_long")
    run.record("away", run.agent.address, until.isoformat())
    numbers = [row.number for row in run.known.rows if row.owner == run.agent.address and row.status != Status.done]
    for number in numbers:
        mine = ticket if ticket and ticket.number == number else run.ticket_of(number)
        if mine is None or mine.owner != run.agent.address:
            continue
        back = freed(run, mine)
        if ticket and ticket.number == number:
            ticket = back
        else:
            run.others[number] = back
    run.tell("away", f"{until:%d.%m.%Y}", len(numbers))
    return ticket


def freed(run: CommandRun, ticket: Ticket) -> Ticket:
    """A ticket without its owner; it waits in the queue, unless it waits for its requester."""
    if ticket.status is Status.in_progress:
        ticket = move(ticket, Status.created, run.now, run.context.policy)
    return replace(ticket, owner="", changed=run.now)


def back(run: CommandRun, ticket: TicketOrDesk, command: Command) -> TicketOrDesk:
    """The agent is here again."""
    run.record("away", run.agent.address, "")
    run.tell("back")
    return ticket


def outage(run: CommandRun, ticket: TicketOrDesk, command: Command) -> TicketOrDesk:
    """A lead's announcement by mail: every acknowledgement tells it until it is over (clause 7)."""
    if not run.agent.lead:
        raise Refusal("leads_only")
    if not (command.argument or command.text):
        raise Refusal("text_missing", command.name)
    over = command.argument.strip(" .!").lower() in OVER
    run.record("outage", run.agent.address, "" if over else f"{command.argument}\n{command.text}".strip()[:2000])
    run.tell("outage_over" if over else "outage")
    return ticket


def block(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """Spam, and letters of that address are stored unread for a month."""
    if run.context.policy.people.agent(ticket.requester.email):
        raise Refusal("unknown_argument", ticket.requester.email)
    run.record("block", ticket.requester.email)
    run.tell("blocked", ticket.requester.email)
    return ticket


def unblock(run: CommandRun, ticket: TicketOrDesk, command: Command) -> TicketOrDesk:
    """Letters of the address are taken again."""
    run.record("unblock", command.argument)
    run.tell("unblocked", command.argument)
    return ticket


def release(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """The auto-reply block of the requester's address is lifted, and what this ticket holds back leaves."""
    held = sum(one.state is Delivery.held for one in ticket.outgoing)
    run.record("release", ticket.requester.email)
    run.tell("released", held)
    let = tuple(replace(one, state=Delivery.waiting, due=run.now, result="") if one.state is Delivery.held else one for one in ticket.outgoing)
    return replace(ticket, outgoing=let)
