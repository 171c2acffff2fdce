"""What each command does to a ticket: one small pure function a command, and the table that names them (design, section 8).

A function takes the job, the ticket and the order; it returns the ticket changed, or raises Refusal, and then nothing
of the whole letter happens.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from bot.model import Audience, Delivery, Fate, Ground, Outgoing, Priority, Status, Ticket
from bot.tickets import notices
from bot.tickets import orders_customer as customer
from bot.tickets import orders_queue as desk
from bot.tickets.authors import MERGED
from bot.tickets.commands import BY_NAME, Order, spoken
from bot.tickets.due import prioritise
from bot.tickets.job import Desk, Job, Refusal, marked, noted, one_ticket, owned
from bot.tickets.states import IllegalMove, move
from bot.tickets.words import say
from bot.tickets.writing import history, tag

KEPT_OUT = ("entries", "seen", "outgoing", "undo", "links")  # what #undo does not restore: the record only grows

UNDONE = {"block": "unblock", "away": "away", "outage": "outage"}  # record of the desk -> the one, with empty words, that ends it
NEVER_UNDONE = ("unblock", "release")
UNCC = "uncc "  # result of a letter whose reader was removed, with the letter that did so
BY_TIME = frozenset({"closed_silence", "outage_over"})  # events that have closed the ticket, or told its requester something


def carry_out(job: Job, ticket: Desk, orders: tuple[Order, ...]) -> Desk:
    """All orders in turn; raises Refusal with the line number of the one that cannot be carried out."""
    for order in orders:
        try:
            if for_the_desk := DO_FOR_THE_DESK.get(order.name):
                ticket = for_the_desk(job, ticket, order)
            else:
                ticket = DO[order.name](job, one_ticket(ticket), order)
        except Refusal as refusal:
            refusal.line = refusal.line or order.line
            raise
        except IllegalMove as error:
            raise Refusal("illegal_move", say(error.before, job.language), line=order.line) from error
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
    job.tell("priority", say(wanted, job.language))
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
    why = say("why_assigned", job.office.language_of(other), job.agent.name)
    return notices.shown(ticket, other, job.ident, job.office, job.now, why=why)


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
    """Another person takes part: their letters join, and they get the answers with the correspondence below,
    as the receipt says.
    """
    if job.office.signer.is_ours(order.argument) or order.argument == ticket.requester.email:
        raise Refusal("unknown_argument", order.argument)
    job.tell("cc", order.argument, len(history(job.office, ticket, reader=order.argument)))
    return replace(ticket, participants=tuple(dict.fromkeys((*ticket.participants, order.argument))), changed=job.now)


def uncc(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """They take part no longer, and what waits to leave for them does not."""
    if order.argument not in ticket.participants:
        raise Refusal("no_participant", order.argument, ", ".join(ticket.participants))
    outgoing = tuple(kept_from(one, order.argument, job) for one in ticket.outgoing)
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


# ------------------------------------------------------------------------------------------------------------ undo


def snapshots(job: Job, changed: dict[int, Ticket]) -> dict[int, Ticket]:
    """The tickets that the letter has changed, each with what #undo needs. It takes the whole letter back,
    and so it is given in the thread of the letter's own ticket; what is merged is taken apart from either
    side.
    """
    own = changed.get(job.own)
    taken = {}
    for number, ticket in changed.items():
        joined = own is not None and own.merged_into == number
        others = tuple(changed.keys() - {number}) if number == job.own or joined else ()
        taken[number] = snapshot(job, ticket, others, 0 if number == job.own or joined else job.own)
    return taken


def snapshot(job: Job, after: Ticket, others: tuple[int, ...], of: int) -> Ticket:
    """`after` with what #undo needs to restore what was before, None where the letter made it; with the
    `others` that go back with it, or the ticket that the letter was `of`, where it is to be taken back.
    """
    before = job.found.tickets.get(after.number)
    # a crash came between two writes; what is known of before is then no longer that
    if after.undo.get("letter") == job.ident:
        return after
    core = {name: value for name, value in msgspec.to_builtins(before).items() if name not in KEPT_OUT} if before else None
    records = [[one.about, one.who, one.words != ""] for one in job.records if one.about in UNDONE or one.about in NEVER_UNDONE]
    about = {"letter": job.ident, "at": job.now.isoformat(), "by": job.agent.address, "of": of}
    return replace(after, undo={**about, "core": core, "others": others, "records": records})


def undo(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Takes the whole last command letter back, in every ticket, unless a word of it has left or one has changed since."""
    taken_back = named_undo(job, ticket, order)
    letter = taken_back["letter"]
    others = [job.known(number) for number in taken_back.get("others", ())]
    if any(one is None or one.undo.get("letter") != letter for one in others):
        raise Refusal("undo_changed")
    for one in (ticket, *others):
        assert one is not None
        still_possible(one, letter, job.now)
    job.tell("undone", moment(job, taken_back))
    for one in others:
        assert one is not None
        job.others[one.number] = restored(one, letter, job.now)
    for about, who, begins in taken_back.get("records", ()):
        if about in NEVER_UNDONE or (not begins and about != "block"):  # what stood there before is not known
            raise Refusal("undo_never")
        job.record(UNDONE[about], who)
    if ticket.score_asked and "score_asked" not in (taken_back["core"] or ()):
        job.record("score_unasked", ticket.requester.email)  # the closing letter that asked has not left
    return told_author(job, restored(ticket, letter, job.now), taken_back)


def named_undo(job: Job, ticket: Ticket, order: Order) -> dict[str, Any]:
    """The snapshot of the last command letter, where the order means that one. Without a number it means
    one's own last: whoever wants to take back a colleague's names the number that its receipt has in the
    ticket.
    """
    if not ticket.undo:
        raise Refusal("nothing_to_undo")
    by, of = ticket.undo.get("by", ""), ticket.undo.get("of", 0)
    letters = [one for one in ticket.outgoing if one.letter == ticket.undo["letter"]]
    numbers = [one.id for one in letters if one.template in ("receipt", "case")]
    other = job.office.policy.people.agent(by)
    last = f"{other.name if other else by}, {moment(job, ticket.undo)}".lstrip(", ")
    hint = f"#{spoken('undo', job.language)} {numbers[0]}" if numbers else ""
    if order.argument and int(order.argument) not in numbers:
        raise Refusal("undo_overtaken", last, hint)
    if not order.argument and by not in ("", job.agent.address):
        raise Refusal("undo_others", last, hint)
    if of:
        raise Refusal("undo_elsewhere", tag(job.office, of))
    return ticket.undo


def moment(job: Job, snapshot: dict[str, Any]) -> str:
    """When the command letter of a snapshot was carried out."""
    at = datetime.fromisoformat(snapshot["at"])
    return f"{at.astimezone(job.office.policy.calendar.zone):%d.%m.%Y %H:%M}"


def told_author(job: Job, ticket: Ticket, snapshot: dict[str, Any]) -> Ticket:
    """The ticket with a letter to the colleague whose command letter is taken back."""
    author = job.office.policy.people.agent(snapshot.get("by", ""))
    if author is None or author.address == job.agent.address:
        return ticket
    job.tell("undone_told", author.name)
    why = say("why_undone", job.office.language_of(author), moment(job, snapshot), job.agent.name)
    return notices.shown(ticket, author, job.ident, job.office, job.now, why=why)


def still_possible(ticket: Ticket, letter: str, now: datetime) -> None:
    """Raises Refusal when a word of the letter has left, or the ticket has taken in another letter since."""
    caused = [one for one in ticket.outgoing if one.letter == letter and one.audience in (Audience.requester, Audience.department)]
    if any(one.state is Delivery.sent or one.attempts or one.due <= now for one in caused):
        raise Refusal("undo_too_late")
    position, at = next((i for i, seen in enumerate(ticket.seen) if seen.letter == letter), None), datetime.fromisoformat(ticket.undo["at"])
    # a letter that was parked, or lay in a mailbox, may have the older id and have been handled later
    after = tuple(s for s in ticket.seen if s.letter > letter or (s.at is not None and s.at > at))
    later = ticket.seen[position + 1 :] if position is not None else after
    changed = any(seen.fate in (Fate.appended, Fate.command) and not seen.looked for seen in later)
    if changed or any(one.about in BY_TIME and one.at >= at for one in ticket.entries):
        raise Refusal("undo_changed")


def restored(ticket: Ticket, letter: str, now: datetime) -> Ticket:
    """The ticket as it was before the letter; what was said stays on record, but the customer has not been told it."""
    kept = {name: value for name, value in msgspec.to_builtins(ticket).items() if name in KEPT_OUT and name != "undo"}
    if ticket.undo["core"] is None:  # the letter made it: numbers are never freed, so it ends as if it were spam, without a word
        return replace(ticket, status=Status.done, ground=Ground.out_of_scope, done_at=now, labels=(*ticket.labels, "spam"), undo={}, changed=now)
    before = msgspec.convert({**ticket.undo["core"], **kept}, Ticket)
    gone = {one.about for one in ticket.entries if one.letter == letter and one.about.startswith(MERGED)}
    entries = tuple(
        replace(one, public=False, about="undone") if one.letter == letter and one.kind == "answer" else one
        for one in before.entries
        if one.about.partition(":")[0] not in gone
    )
    return replace(before, entries=entries, outgoing=tuple(cancelled(one, letter, now) for one in before.outgoing), changed=now)


def cancelled(one: Outgoing, letter: str, now: datetime) -> Outgoing:
    """A waiting letter of the command letter that is taken back; its receipt and its errors are no part of
    it. What it kept from leaving waits again.
    """
    if one.result == f"{UNCC}{letter}":
        return replace(one, state=Delivery.waiting, done_at=None, result="")
    waits = one.letter == letter and one.state in (Delivery.waiting, Delivery.held) and (one.audience is not Audience.agent or one.template == "case")
    return replace(one, state=Delivery.cancelled, done_at=now, result="undone") if waits else one


DO_FOR_THE_DESK: dict[str, Callable[[Job, Desk, Order], Desk]] = {
    "next": desk.next_one, "queue": desk.show_queue, "search": desk.search, "sla": desk.deadlines, "show": desk.show, "open": desk.open_one,
    "away": desk.away, "back": desk.back, "outage": desk.outage, "unblock": desk.unblock,
}  # fmt: skip
DO: dict[str, Callable[[Job, Ticket, Order], Ticket]] = {
    "take": take, "note": note, "priority": priority, "label": label, "assign": assign, "free": free, "reopen": reopen, "spam": spam,
    "block": block, "cc": cc, "uncc": uncc, "override": override, "undo": undo, "reply": customer.reply, "clarify": customer.clarify,
    "resolve": customer.resolve, "refuse": customer.refuse, "escalate": customer.escalate, "update": customer.update, "send": customer.send,
    "transcript": customer.transcript, "template": customer.template, "file": desk.file, "remind": desk.remind, "merge": desk.merge,
    "split": desk.split, "release": desk.release,
}  # fmt: skip
