"""#undo: what a command letter leaves behind so that it can be taken back, and how it is taken back. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from bot.model import Audience, Delivery, Disposition, Ground, Outgoing, Status, Ticket
from bot.tickets.agents.command_run import CommandRun, Refusal
from bot.tickets.agents.parser import COMMANDS, Command, spoken
from bot.tickets.authors import MERGED
from bot.tickets.outgoing import tag

# The record only grows: no undo takes these back.
KEPT_OUT = ("entries", "seen", "outgoing", "undo", "links")
# record of the desk -> the one, with empty words, that ends it
UNDONE = {"block": "unblock", "away": "away", "outage": "outage"}
NEVER_UNDONE = frozenset(one.name for one in COMMANDS if one.undo == "never")
WAITS = (Delivery.waiting, Delivery.held)
UNCC = "uncc "  # result of a letter whose reader was removed, with the letter that did so
# events that have closed the ticket, or told its requester something
BY_TIME = frozenset({"closed_silence", "outage_over"})


def snapshots(run: CommandRun, changed: dict[int, Ticket]) -> dict[int, Ticket]:
    """The tickets that the letter has changed, each with what #undo needs. It takes the whole letter back, in
    the thread of the letter's own ticket; what is merged is taken apart from either side.
    """
    own = changed.get(run.own)
    taken = {}
    for number, ticket in changed.items():
        joined = own is not None and own.merged_into == number
        others = tuple(changed.keys() - {number}) if number == run.own or joined else ()
        taken[number] = snapshot(run, ticket, others, 0 if number == run.own or joined else run.own)
    return taken


def snapshot(run: CommandRun, after: Ticket, others: tuple[int, ...], of: int) -> Ticket:
    """`after` with what #undo needs to restore what was before, None where the letter made it; with the
    `others` that go back with it, or the ticket that the letter was `of`, where it is to be taken back.
    """
    before = run.known.tickets.get(after.number)
    # a crash came between two writes; what is known of before is then no longer that
    if after.undo.get("letter") == run.ident:
        return after
    fields = msgspec.to_builtins(before).items() if before else ()
    core = {name: value for name, value in fields if name not in KEPT_OUT} or None
    told = [one for one in run.records if one.about in UNDONE or one.about in NEVER_UNDONE]
    records = [[one.about, one.who, one.words != ""] for one in told]
    about = {"letter": run.ident, "at": run.now.isoformat(), "by": run.agent.address, "of": of}
    return replace(after, undo={**about, "core": core, "others": others, "records": records})


def undo(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """Takes one's own last command letter back, or that of the number: the whole of it, or, where the ticket
    has changed since, what still waits of one's own.
    """
    last, by = ticket.undo.get("letter", ""), ticket.undo.get("by", "")
    own = own_letters(ticket, run.agent.address)
    letter = last if by == run.agent.address or not own else [*own.values()][-1]
    if command.argument:
        letter = own.get(int(command.argument), last)
    if letter != last:
        return stopped(run, ticket, letter)
    try:
        return whole(run, ticket, command)
    except Refusal as refusal:
        if refusal.reason != "undo_changed" or by != run.agent.address:
            raise
        return stopped(run, ticket, last)


def own_letters(ticket: Ticket, agent: str) -> dict[int, str]:
    """The agent's command letters that have changed this ticket, by their receipts' numbers, oldest first."""
    looked = {one.letter for one in ticket.seen if one.looked}
    receipts = [one for one in ticket.outgoing if one.template == "receipt" and one.to == agent]
    return {one.id: one.letter for one in receipts if one.letter not in looked}


def stopped(run: CommandRun, ticket: Ticket, letter: str) -> Ticket:
    """The ticket as it is, but what waits of the agent's own letter for others does not leave any more."""
    waiting = stoppable(run, ticket, letter)
    if not waiting:
        own = own_letters(ticket, run.agent.address)
        number = next((at for at in reversed(own) if stoppable(run, ticket, own[at])), 0)
        hint = f"#{spoken('undo', run.language)} {number}" if number else ""
        raise Refusal("undo_too_late" if waiting is None else "undo_changed", hint=hint)
    at = waiting[0].created
    if ticket.score_asked == at:
        run.record("score_unasked", ticket.requester.email)
        ticket = replace(ticket, score_asked=None)
    people = ", ".join(dict.fromkeys(one.to for one in waiting))
    run.tell("undone_waiting", people, moment(run, {"at": at.isoformat()}))
    later = [one for one in ticket.outgoing if one.id > waiting[-1].id and one.letter != letter]
    if any(one.state in WAITS and one.audience is Audience.requester for one in later):
        run.tell("undone_quoted")  # their history was written before, and leaves as its receipt showed it
    outgoing = tuple(cancelled(one, letter, run.now) if one in waiting else one for one in ticket.outgoing)
    undo = {} if ticket.undo.get("letter") == letter else ticket.undo
    return struck(replace(ticket, outgoing=outgoing, undo=undo, changed=run.now), letter)


def stoppable(run: CommandRun, ticket: Ticket, letter: str) -> list[Outgoing] | None:
    """What waits of a letter for customers and departments; None once a word of it has left or may have."""
    outside = (Audience.requester, Audience.department)
    caused = [one for one in ticket.outgoing if one.letter == letter and one.audience in outside]
    left = (one.state is Delivery.sent or one.attempts or one.due <= run.now for one in caused)
    if any(left) or any(run.is_leaving(ticket, one) for one in caused):
        return None
    return [one for one in caused if one.state in WAITS and one.template != "merged"]  # that one stays true


def whole(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """Takes the whole last command letter back, unless a word of it has left or a ticket has changed."""
    taken_back = named_undo(run, ticket, command)
    letter = taken_back["letter"]
    others = [run.ticket_of(number) for number in taken_back.get("others", ())]
    if any(one is None or one.undo.get("letter") != letter for one in others):
        raise Refusal("undo_changed")
    for one in (ticket, *others):
        assert one is not None
        still_possible(run, one, letter)
    run.tell("undone", moment(run, taken_back))
    for one in others:
        assert one is not None
        run.others[one.number] = restored(run, one, letter)
    for about, who, begins in taken_back.get("records", ()):
        if about in NEVER_UNDONE or (not begins and about != "block"):  # what stood there before is not known
            raise Refusal("undo_never")
        run.record(UNDONE[about], who)
    if ticket.score_asked and "score_asked" not in (taken_back["core"] or ()):
        run.record("score_unasked", ticket.requester.email)  # the closing letter that asked has not left
    return told_author(run, restored(run, ticket, letter), taken_back)


def named_undo(run: CommandRun, ticket: Ticket, command: Command) -> dict[str, Any]:
    """The snapshot of the last command letter, where the command means that one: one's own, or that of the
    number which its receipt has in the ticket.
    """
    if not ticket.undo:
        raise Refusal("nothing_to_undo")
    by, of = ticket.undo.get("by", ""), ticket.undo.get("of", 0)
    letters = [one for one in ticket.outgoing if one.letter == ticket.undo["letter"]]
    numbers = [one.id for one in letters if one.template in ("receipt", "case")]
    other = run.context.policy.people.agent(by)
    last = f"{other.name if other else by}, {moment(run, ticket.undo)}".lstrip(", ")
    # no hint leads to what a colleague did
    hint = f"#{spoken('undo', run.language)} {numbers[0]}" if numbers and by == run.agent.address else ""
    if command.argument and int(command.argument) not in numbers:
        raise Refusal("undo_overtaken", last, hint)
    if not command.argument and by not in ("", run.agent.address):
        raise Refusal("undo_others", last)
    if of:
        raise Refusal("undo_elsewhere", tag(run.context, of))
    return ticket.undo


def moment(run: CommandRun, snapshot: dict[str, Any]) -> str:
    """When the command letter of a snapshot was carried out."""
    at = datetime.fromisoformat(snapshot["at"])
    return f"{at.astimezone(run.context.policy.calendar.zone):%d.%m.%Y %H:%M}"


def told_author(run: CommandRun, ticket: Ticket, snapshot: dict[str, Any]) -> Ticket:
    """The ticket with a letter to the colleague whose command letter is taken back."""
    author = run.context.policy.people.agent(snapshot.get("by", ""))
    if author is None or author.address == run.agent.address:
        return ticket
    run.tell("undone_told", author.name)
    return run.told(ticket, author, "why_undone", moment(run, snapshot), run.agent.name)


def still_possible(run: CommandRun, ticket: Ticket, letter: str) -> None:
    """Raises Refusal when a word of the letter has left, or the ticket has taken in another letter since."""
    if stoppable(run, ticket, letter) is None:
        raise Refusal("undo_too_late")
    position = next((i for i, seen in enumerate(ticket.seen) if seen.letter == letter), None)
    at = datetime.fromisoformat(ticket.undo["at"])
    # a letter that was parked, or lay in a mailbox, may have the older id and have been handled later
    after = tuple(s for s in ticket.seen if s.letter > letter or (s.at is not None and s.at > at))
    later = ticket.seen[position + 1 :] if position is not None else after
    changed = any(seen.disposition in (Disposition.appended, Disposition.command) and not seen.looked for seen in later)
    if changed or any(one.about in BY_TIME and one.at >= at for one in ticket.entries):
        raise Refusal("undo_changed")


def restored(run: CommandRun, ticket: Ticket, letter: str) -> Ticket:
    """The ticket as it was before the letter; what was said stays, as not told to the customer."""
    now = run.now
    fields = msgspec.to_builtins(ticket).items()
    kept = {name: value for name, value in fields if name in KEPT_OUT and name != "undo"}
    # the letter made it: numbers are never freed, so it ends as if it were spam, without a word
    if ticket.undo["core"] is None:
        labels = (*ticket.labels, "spam")
        ended: dict[str, Any] = {"status": Status.done, "ground": Ground.out_of_scope, "done_at": now}
        return replace(ticket, labels=labels, undo={}, changed=now, **ended)
    before = msgspec.convert({**ticket.undo["core"], **kept}, Ticket)
    gone = {one.about for one in ticket.entries if one.letter == letter and one.about.startswith(MERGED)}
    entries = tuple(one for one in before.entries if one.about.partition(":")[0] not in gone)
    stays = [run.is_leaving(ticket, one) for one in before.outgoing]
    outgoing = tuple(
        one if left else cancelled(one, letter, now) for one, left in zip(before.outgoing, stays, strict=True)
    )
    return struck(replace(before, entries=entries, outgoing=outgoing, changed=now), letter)


def struck(ticket: Ticket, letter: str) -> Ticket:
    """The ticket: the letter's answers count as not told to the customer, and it as one without effect."""
    entries = tuple(
        replace(one, public=False, about="undone") if one.letter == letter and one.kind == "answer" else one
        for one in ticket.entries
    )
    seen = tuple(replace(one, looked=True) if one.letter == letter else one for one in ticket.seen)
    return replace(ticket, entries=entries, seen=seen)


def cancelled(one: Outgoing, letter: str, now: datetime) -> Outgoing:
    """A waiting letter of what is taken back, but no receipt; what its #uncc stopped waits again."""
    if one.result == f"{UNCC}{letter}":
        return replace(one, state=Delivery.waiting, done_at=None, result="")
    waits = one.letter == letter and one.state in WAITS
    waits = waits and (one.audience is not Audience.agent or one.template == "case")
    return replace(one, state=Delivery.cancelled, done_at=now, result="undone") if waits else one
