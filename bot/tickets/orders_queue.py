"""Orders about the queue, about several tickets, and about the desk as a whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.model import Address, Delivery, Entry, Letter, Priority, Resolution, Status, Ticket
from bot.model.address import FOUND
from bot.reading.history import below, until_ours
from bot.replies.contexts import Section
from bot.tickets import notices, queue
from bot.tickets.authors import MERGED, brought
from bot.tickets.commands import LONGEST_ARGUMENT, Order, spoken
from bot.tickets.due import due_from, prioritise, told
from bot.tickets.erasing import ERASED
from bot.tickets.job import Desk, Job, Refusal, marked, noted, one_ticket, owned
from bot.tickets.orders_customer import to_customer
from bot.tickets.states import move
from bot.tickets.writing import tag

LONGEST_ABSENCE = timedelta(days=31)  # the desk remembers what is no ticket for a month
OVER = frozenset({"over", "конец", "всё", "все", "устранена", "устранён", "устранен", "закончилась", "end"})


def next_one(job: Job, ticket: Desk, order: Order) -> Desk:
    """The first ticket of the queue becomes the agent's, and comes in a letter of its own."""
    mine = [job.known(row.number) for row in job.found.rows if row.owner == job.agent.address]
    free = [ticket if ticket and ticket.number == row.number else job.known(row.number)
            for row in queue.waiting(job.found.rows)]  # fmt: skip
    done = next((one for one in mine if one and job.changed_before(one, "next")), None)  # a crash came between two writes
    chosen = done or next((one for one in free if one and one.status is Status.created and not one.owner), None)
    if chosen is None:
        raise Refusal("queue_empty")
    taken = chosen if done else marked(job, owned(job, chosen), "next")
    job.show(taken, "why_next")
    if taken.number == job.own:
        return taken
    job.others[taken.number] = taken
    return ticket


def reader(job: Job) -> queue.Reader:
    """The agent as the reader of a list."""
    return queue.Reader(job.office, job.agent, job.language, job.now)


def show_queue(job: Job, ticket: Desk, order: Order) -> Desk:
    """What is free, what is the agent's, what waits."""
    job.said[0].sections += queue.sections(job.found.rows, reader(job))
    return ticket


def search(job: Job, ticket: Desk, order: Order) -> Desk:
    """Tickets that fit a query."""
    today = job.now.astimezone(job.office.policy.calendar.zone).date()
    rows = queue.search(order.argument, job.found, job.office, today)
    job.said[0].sections.append(queue.section("found", rows, reader(job)))
    return ticket


def deadlines(job: Job, ticket: Desk, order: Order) -> Desk:
    """The arithmetic of this ticket's due time; what is overdue, and what soon will be."""
    if ticket is not None and ticket.status is not Status.done:
        rows = told(ticket, job.office.policy, job.now, job.terms)
        job.said[job.own].sections.append(Section(title=tag(job.office, ticket.number), rows=rows))
    job.said[0].sections += queue.deadlines(job.found.rows, reader(job))
    return ticket


def show(job: Job, ticket: Desk, order: Order) -> Desk:
    """A whole ticket, notes included, in a letter of its own; a merged one is shown as what it has become."""
    wanted = int(order.argument) if order.argument else one_ticket(ticket).number
    shown = job.known(wanted) if wanted != job.own else ticket
    while shown is not None and shown.merged_into and ERASED not in shown.labels:
        shown = job.known(shown.merged_into) if shown.merged_into != job.own else ticket
    if shown is None:
        raise Refusal("no_ticket")
    if ERASED in shown.labels:
        raise Refusal("erased", tag(job.office, shown.number))
    job.show(shown, "why_shown")
    return ticket


def file(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """A withheld file of the customer's, by its number in the notice; it comes with the receipt."""
    files, wanted = notices.files_of(ticket), int(order.argument)
    if not 0 < wanted <= len(files):
        raise Refusal("no_file", str(wanted), f"1–{len(files)}" if files else "")
    entry, one = files[wanted - 1]
    # nothing opens it by itself
    reference = replace(notices.reference(entry.letter, one), type="application/octet-stream")
    job.said[job.own].files.append(reference)
    job.tell("file_sent", one.name)
    return ticket


def remind(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """A letter to the agent on that day, when work begins or at the hour he names."""
    zone = job.office.policy.calendar.zone
    at = datetime.fromisoformat(order.argument).replace(tzinfo=zone)
    due = at if at.time() != at.min.time() else job.office.policy.calendar.next_open(at)
    if due <= job.now:
        raise Refusal("date_past", f"{at:%d.%m.%Y}")
    job.tell("remind", f"{due.astimezone(zone):%d.%m.%Y %H:%M}")
    ticket = noted(job, ticket, order.text) if order.text else ticket
    said = ticket.entries[-1] if order.text else None
    return job.told(ticket, job.agent, "why_remind", due=due, said=said)


# ------------------------------------------------------------------------------------------------- several tickets


def merge(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """This ticket goes into another of the same requester, who is told one number from now on.

    Participants read no more than before: those of the target get none of the other's letters in quotations
    (`history`), and those of the ticket that ends are not carried over. The target's receipt says so.
    """
    target = job.known(int(order.argument))
    while target is not None and target.merged_into:
        target = job.known(target.merged_into)
    if target is None:
        raise Refusal("no_ticket")
    if target.number == ticket.number:
        raise Refusal("merge_itself")
    if target.requester.email != ticket.requester.email:
        raise Refusal("merge_stranger", target.requester.email, "#cc")
    mark = f"{MERGED}{ticket.number}"
    own, kept = tag(job.office, ticket.number), tag(job.office, target.number)
    if not job.changed_before(target, mark):
        taken = tuple(
            replace(one, about=brought(one.about, ticket.number))
            for one in ticket.entries
            if one.letter != job.ident and one.about != "undone"
        )
        entries = tuple(sorted((*target.entries, *taken), key=lambda one: one.at))
        labels = tuple(dict.fromkeys((*target.labels, *ticket.labels)))
        target = marked(job, replace(target, entries=entries, labels=labels), mark, own)
        target = still_open(job, target, ticket)
        target = to_customer(job, target, "merged", order.text, other=own)
    job.others[target.number] = target
    job.tell("merged", kept)
    job.tell("merged_here", own, of=target.number)
    job.tell("merged_reader", ticket.requester.email, own, kept, of=target.number)
    if target.participants:
        job.tell("merged_participants", ", ".join(target.participants), own, of=target.number)
    if left := [one for one in ticket.participants if one not in target.participants]:
        job.tell("merged_left", own, ", ".join(left), spoken("cc", job.language), of=target.number)
    if ticket.status is not Status.done:
        ticket = move(ticket, Status.done, job.now, job.office.policy, resolution=Resolution.solved)
    return replace(ticket, merged_into=target.number, labels=tuple(dict.fromkeys((*ticket.labels, "merged"))))


def still_open(job: Job, target: Ticket, source: Ticket) -> Ticket:
    """The target with the work that the source still was: open again, and no less urgent."""
    if source.status is Status.done:
        return target
    if target.status is Status.done:
        owner = target.owner or source.owner
        target = replace(target, owner=owner)
        target = move(target, Status.in_progress if owner else Status.created, job.now, job.office.policy)
    return prioritise(target, source.priority, job.now, job.office.policy) if source.priority.rank > target.priority.rank else target


def split(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """A ticket of its own for what else the letter asks, or for whom else it concerns (clause 2.4). Nobody is written to by it."""
    person = Address(email=order.argument) if order.argument else ticket.requester
    known = job.found.senders.get(person.email)
    if person.email != ticket.requester.email and person.email not in ticket.participants and not (known and known.known):
        raise Refusal("unknown_person", person.email)
    theirs = [one for one in ticket.entries if one.kind == "letter" and one.who == ticket.requester.email]
    letter = theirs[-1] if theirs else None
    text = order.text or (letter.text if letter and person.email == ticket.requester.email else "")
    if not text:
        raise Refusal("text_missing", "split")
    public = person.email == ticket.requester.email and not order.text
    own = person.email == ticket.requester.email  # nobody is shown what another wrote, not even his subject
    made = made_ticket(job, person, text, ticket.subject if own else "", ticket, public=public)
    job.show(made, "why_split")
    return replace(ticket, links=tuple(dict.fromkeys((*ticket.links, made.number))))


def open_one(job: Job, ticket: Desk, order: Order) -> Desk:
    """A ticket of a letter that a customer sent to the agent's own mailbox: the text below, or the forwarded letter."""
    if job.office.signer.is_ours(order.argument) or job.office.policy.people.agent(order.argument):
        raise Refusal("unknown_argument", order.argument)
    text = "\n\n".join(filter(None, (order.text, forwarded(job.letter, job.office.signer.is_ours))))
    if not text:
        raise Refusal("text_missing", "open")
    made = made_ticket(job, Address(email=order.argument), text, job.office.subjects.base(job.letter.subject), None, public=True)
    job.show(made, "why_opened")
    return ticket


def forwarded(letter: Letter, is_ours: Callable[[str], bool]) -> str:
    """The letter that was forwarded below the commands; a letter of ours, to which theirs is a reply, is none."""
    lines = until_ours(below(letter.full_text))
    told = " ".join([line for line in lines if line.strip()][:2])[:LONGEST_ARGUMENT]
    return "" if any(map(is_ours, FOUND.findall(told))) else "\n".join(lines).strip()


def made_ticket(job: Job, person: Address, text: str, subject: str, origin: Desk, *, public: bool) -> Ticket:
    """A new ticket of this letter, or the one that it made before a crash."""
    fresh = max([job.found.fresh - 1, *job.others]) + 1
    mine = [one for one in job.found.tickets.values() if one.number not in job.others and job.changed_before(one, "made")]
    before = min(mine, key=lambda one: one.number, default=None)
    # a note is the agent's own words
    author = (person.email, person.name) if public else (job.agent.address, job.agent.name)
    entry = Entry(
        at=job.now, kind="letter" if public else "note", public=public, who=author[0], name=author[1],
        text=text[:100_000], letter=job.ident, subject=subject, about="made",
    )  # fmt: skip
    priority = origin.priority if origin else Priority.medium
    made = before or Ticket(
        number=fresh, requester=person, opened=job.now, changed=job.now, subject=subject, priority=priority, owner=job.agent.address,
        language=origin.language if origin else job.office.language(job.letter.language), status=Status.in_progress,
        due=due_from(job.now, priority, job.office.policy), links=(origin.number,) if origin else (), entries=(entry,),
    )  # fmt: skip
    job.others[made.number] = made
    return made


# ---------------------------------------------------------------------------------------------- the desk as a whole


def away(job: Job, ticket: Desk, order: Order) -> Desk:
    """The agent is away until that day: no new tickets for him, and those he has go back to the queue."""
    today = job.now.astimezone(job.office.policy.calendar.zone).date()
    until = datetime.fromisoformat(order.argument).date() if order.argument else today + timedelta(days=1)
    if until <= today:
        raise Refusal("date_past", f"{until:%d.%m.%Y}")
    if until - today > LONGEST_ABSENCE:
        raise Refusal("away_too_long")
    job.record("away", job.agent.address, until.isoformat())
    numbers = [row.number for row in job.found.rows if row.owner == job.agent.address and row.status != Status.done]
    for number in numbers:
        mine = ticket if ticket and ticket.number == number else job.known(number)
        if mine is None or mine.owner != job.agent.address:
            continue
        back = freed(job, mine)
        if ticket and ticket.number == number:
            ticket = back
        else:
            job.others[number] = back
    job.tell("away", f"{until:%d.%m.%Y}", len(numbers))
    return ticket


def freed(job: Job, ticket: Ticket) -> Ticket:
    """A ticket without its owner; it waits in the queue, unless it waits for its requester."""
    if ticket.status is Status.in_progress:
        ticket = move(ticket, Status.created, job.now, job.office.policy)
    return replace(ticket, owner="", changed=job.now)


def back(job: Job, ticket: Desk, order: Order) -> Desk:
    """The agent is here again."""
    job.record("away", job.agent.address, "")
    job.tell("back")
    return ticket


def outage(job: Job, ticket: Desk, order: Order) -> Desk:
    """A lead's announcement by mail: every acknowledgement tells it until it is over (clause 7)."""
    if not job.agent.lead:
        raise Refusal("leads_only")
    if not (order.argument or order.text):
        raise Refusal("text_missing", order.name)
    over = order.argument.strip(" .!").lower() in OVER
    job.record("outage", job.agent.address, "" if over else f"{order.argument}\n{order.text}".strip()[:2000])
    job.tell("outage_over" if over else "outage")
    return ticket


def block(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Spam, and letters of that address are stored unread for a month."""
    if job.office.policy.people.agent(ticket.requester.email):
        raise Refusal("unknown_argument", ticket.requester.email)
    job.record("block", ticket.requester.email)
    job.tell("blocked", ticket.requester.email)
    return ticket


def unblock(job: Job, ticket: Desk, order: Order) -> Desk:
    """Letters of the address are taken again."""
    job.record("unblock", order.argument)
    job.tell("unblocked", order.argument)
    return ticket


def release(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """The latch of the requester's address opens, and what this ticket holds back leaves."""
    held = sum(one.state is Delivery.held for one in ticket.outgoing)
    job.record("release", ticket.requester.email)
    job.tell("released", held)
    let = tuple(replace(one, state=Delivery.waiting, due=job.now, result="") if one.state is Delivery.held else one for one in ticket.outgoing)
    return replace(ticket, outgoing=let)
