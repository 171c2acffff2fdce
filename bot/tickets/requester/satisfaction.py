"""Clause 6: the closing letter asks for a score from 1 to 5, one click gives it, and a low one reaches the lead; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from bot.language.scores import score_of
from bot.model import Audience, Disposition, Entry, Letter, Resolution, Status, Ticket
from bot.rendering.contexts import Button, ScoreLetter
from bot.rendering.reply_policy import Ruling
from bot.store.interface import AddressFacts, KnownFacts
from bot.tickets.automatic import seen_of
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import Draft, desk_view, draft, kept, mailto, public_ticket, tag, thread_of
from bot.tickets.threading import SenderFacts, ThreadMatch, followed, full
from bot.tickets.timers import Nudge, nudged
from bot.tickets.tokens import Purpose

MARKS = range(1, 6)
LOW = 2  # a score that a lead is told of


class Given(NamedTuple):
    """A score that somebody gives: `mark` may be any number, `words` is what he says beside it."""

    ticket: Ticket
    mark: int
    words: str


# ----------------------------------------------------------------------------------------------------------- asking


def wanted(ticket: Ticket, sender: AddressFacts, context: DeskContext, now: datetime) -> bool:
    """Whether the closing letter asks: not after complaints and refusals, and each person once in `periods.score_days`."""
    fit = ticket.status is Status.done and ticket.resolution not in (None, Resolution.complaint) and "complaint" not in ticket.labels
    fresh = sender.asked is None or abs(now - sender.asked) >= timedelta(days=context.policy.periods.score_days)
    return fit and fresh and not ticket.score


def buttons(ticket: Ticket, context: DeskContext, language: str) -> tuple[Button, ...]:
    """A mailto: link for each mark, to an address that is signed for this ticket, this mark and this requester (RFC 6068).

    Without plus addresses there is no such address, and no link: an answer with the mark is proved by the letter that it answers.
    """
    word = context.terms(language).say("score")
    made = []
    for mark in MARKS:
        to = context.signer.address(ticket.number, Purpose.score, ticket.requester.email, mark)
        say = f"{word}: {mark}"
        url = mailto(to, f"[{tag(context, ticket.number)}] {say}", say) if context.signer.plus else ""
        made.append(Button(label=str(mark), url=url, say=say))
    return tuple(made)


# ----------------------------------------------------------------------------------------------------------- giving


def given(letter: Letter, sender_facts: SenderFacts, thread: ThreadMatch, known: KnownFacts) -> Given | None:
    """The score in a letter of the requester: sent to a signed address, or as the first line of an answer to a closed ticket that asked."""
    told = score_of(letter.text)
    for one in sender_facts.references:
        ticket = followed(known, one.ticket) if one.purpose is Purpose.score else None
        if ticket and ticket.requester.email == letter.requester.email:
            return Given(ticket, *(told or (one.serial, letter.text.strip())))
    ticket = known.tickets.get(thread.ticket)
    asked = ticket is not None and ticket.status is Status.done and ticket.score_asked is not None
    of_requester = ticket is not None and ticket.requester.email == letter.requester.email
    if ticket and asked and of_requester and not thread.unconfirmed and told:
        return Given(ticket, *told)
    return None


def unproved(letter: Letter, thread: ThreadMatch, known: KnownFacts) -> Ticket | None:
    """The closed ticket that somebody unproved gives a score: its owner is told, and it does not count."""
    ticket = known.tickets.get(thread.apart) if thread.unconfirmed else None
    return ticket if ticket and ticket.score_asked and score_of(letter.text) and not full(ticket, unconfirmed=True) else None


def strange(letter: Letter, context: DeskContext) -> bool:
    """A bare score at a score address that was not made for its sender: nobody's business, and no ticket."""
    named = [context.signer.peek(text) for text in (*letter.envelope.recipients, *(one.email for one in letter.to))]
    return any(one and one[1] == Purpose.score for one in named) and (score_of(letter.text) or (0, "?"))[1] == ""


def counts(one: Given) -> bool:
    """One score a ticket, from 1 to 5, where it was asked for."""
    return one.mark in MARKS and not one.ticket.score and one.ticket.score_asked is not None


def taken(one: Given, letter: Letter, ruling: Ruling, context: DeskContext, now: datetime) -> Ticket:
    """The ticket with the score; the requester is thanked, or told kindly why it does not count. Neither status nor clock changes."""
    ticket, ident, count = one.ticket, letter.envelope.letter, counts(one)
    entry = Entry(
        at=now, kind="letter", public=True, who=letter.requester.email, name=letter.requester.name, text=kept(ticket, letter.text[:20_000]),
        letter=ident, message_id=letter.message_id, subject=letter.subject[:500], about="score" if count else "score_ignored",
    )  # fmt: skip
    why = "" if count else "twice" if ticket.score else "range" if one.mark not in MARKS else "unasked"
    ticket = replace(
        ticket, entries=(*ticket.entries, entry), seen=(*ticket.seen, seen_of(letter, now, Disposition.appended)),
        score=one.mark if count else ticket.score, proved=True, changed=now
    )
    if count and one.mark <= LOW:
        said = replace(entry, text=one.words)
        ticket = nudged(ticket, Nudge("low_score", said, values=(one.mark,)), context.policy.people.leads, context, now)
    if ruling.to != ticket.requester.email or why == "unasked":
        return ticket
    language = context.language(ticket.language)
    values = ScoreLetter(
        desk=desk_view(context, language), language=language, ticket=public_ticket(context, ticket, ruling.repeats), score=ticket.score, why=why,
    )  # fmt: skip
    answers = thread_of(ticket, letter.message_id)
    drafted = Draft(
        Audience.requester, "score", values, ruling.to, letter=ident, answers=answers, mark="auto-replied",
        ruling=ruling,
    )  # fmt: skip
    return draft(context, ticket, drafted, now)


# ------------------------------------------------------------------------------------------------------- complaints


def complained(ticket: Ticket, cause: str, context: DeskContext, now: datetime) -> Ticket:
    """A letter that the rules know as a complaint is shown to the leads at once, night or not; the others wait for the morning."""
    leads = {one.address: one for one in context.policy.people.leads}
    told = {one.to for one in ticket.outgoing if one.letter == cause and one.audience is Audience.agent}
    hurried = tuple(replace(one, due=now) if one.letter == cause and one.to in leads and one.due > now else one for one in ticket.outgoing)
    missed = tuple(lead for address, lead in leads.items() if address not in told)
    said = next((one for one in ticket.entries if one.letter == cause), None)
    return nudged(replace(ticket, outgoing=hurried), Nudge("complaint", said, at_once=True), missed, context, now)


def may_close(ticket: Ticket, resolution: Resolution | None, agent: str, context: DeskContext, now: datetime) -> bool:
    """A complaint is closed by a lead, or by anybody while all leads are away."""
    if "complaint" not in ticket.labels and resolution is not Resolution.complaint:
        return True
    today = now.astimezone(context.policy.calendar.zone).date().isoformat()
    leads = [one.address for one in context.policy.people.leads]
    return agent in leads or all(context.away.get(lead, "") > today for lead in leads)
