"""A letter too large for its listener: its headers alone are here, and nobody is to wait for it in vain. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from bot.model import Audience, Decision, Entry, Letter, Status, Ticket
from bot.rendering.contexts import TooLarge
from bot.rendering.reply_policy import Ruling
from bot.store.interface import AddressFacts, KnownFacts
from bot.tickets.alerts import alarm
from bot.tickets.automatic import seen_of, unread
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import Draft, desk_view, draft, public_ticket, serial_of
from bot.tickets.requester.requester_letter import InHand, blocking_record, rule
from bot.tickets.status import move
from bot.tickets.threading import SenderFacts, ThreadMatch, followed, full, joins
from bot.tickets.timers import Nudge, nudged


def decide(letter: Letter, sender_facts: SenderFacts, known: KnownFacts, context: DeskContext, now: datetime) -> Decision:
    """A line in the ticket that it answers (it opens none); word to the leads, and to a proved sender."""
    if known.senders.get(letter.requester.email, AddressFacts()).blocked:
        return unread(letter, "blocked", now)
    number = joins(letter, sender_facts, known, context, now).ticket
    ticket = followed(known, number or next((one.ticket for one in sender_facts.references if one.ticket), 0))
    if ticket is None or full(ticket):
        ticket = Ticket(number=0, requester=letter.requester, opened=now, changed=now, subject=letter.subject)
        ticket = replace(ticket, language=context.language(letter.language))
    ruling = Ruling(reason="unconfirmed")
    if sender_facts.aligned and letter.envelope.intake != "pipe":  # there the mail server has told them
        ruling = rule(InHand(letter, sender_facts, ThreadMatch(), known, context, now), ticket, proved=True)
    kept, details = unread(letter, "too_large", now), summary(letter, ruling, context)
    if ticket.number:
        ticket = noted(ticket, letter, sender_facts, details, context, now)
    if ruling.to:
        ticket = answered(ticket, letter, sender_facts, ruling, context, now)
    about = ticket if ticket.number else None
    alert = alarm(context, "too_large", details, letter.envelope.letter, now, about)
    own = () if about else (replace(kept.records[0], outgoing=ticket.outgoing),)
    records, events = (*own, *blocking_record(ruling, letter, context, now), *alert.records), (*kept.events, *alert.events)
    return Decision(tickets=(about,) if about else (), records=records, events=events)


def summary(letter: Letter, ruling: Ruling, context: DeskContext) -> tuple[str, ...]:
    """What staff read: whose letter it is, where it lies, whether its sender knows."""
    terms, subject = context.terms(), context.subjects.base(letter.subject)
    who = letter.requester.email or letter.envelope.mail_from
    facts = ", ".join(filter(None, (who, terms.size(letter.envelope.too_large), subject)))
    knows = "told" if ruling.to and not ruling.held else "untold"
    helps = ("trust",) * (ruling.reason == "unconfirmed" and "imap" not in context.relays)
    codes = ("pipe",) if letter.envelope.intake == "pipe" else ("imap", knows, *helps)
    return (facts, *(terms.say(f"too_large_{one}", terms.say(ruling.reason)) for one in codes))


def noted(
    ticket: Ticket, letter: Letter, sender_facts: SenderFacts, details: tuple[str, ...], context: DeskContext, now: datetime
) -> Ticket:
    """The ticket with a line about the letter, told to its owner; it waits for no answer any longer."""
    people, title = context.policy.people, context.terms().say("alert_too_large")
    entry = Entry(
        at=now, kind="machine", public=False, about="too_large", who=letter.requester.email,
        text="\n".join((title, *details)), letter=letter.envelope.letter, message_id=letter.message_id,
    )  # fmt: skip
    ticket = replace(ticket, entries=(*ticket.entries, entry), seen=(*ticket.seen, seen_of(letter, now)))
    if ticket.status is Status.clarification and not (sender_facts.agent or sender_facts.department):
        ticket = move(ticket, Status.in_progress if ticket.owner else Status.created, now, context.policy)
    owner = people.agent(ticket.owner if ticket.owner != sender_facts.agent else "")
    told = (owner,) if owner and owner not in people.leads else ()
    return nudged(ticket, Nudge("too_large", entry), told, context, now)


def answered(
    ticket: Ticket, letter: Letter, sender_facts: SenderFacts, ruling: Ruling, context: DeskContext, now: datetime
) -> Ticket:
    """The ticket with a letter to the sender that says what to do; number 0 stands for no ticket."""
    ident, to, language = letter.envelope.letter, ruling.to, ticket.language
    staff = Audience.agent if sender_facts.agent else Audience.department if sender_facts.department else None
    audience = staff or (Audience.requester if ticket.number else Audience.stranger)
    values = TooLarge(
        desk=desk_view(context, language), language=language, size=letter.envelope.too_large,
        ticket=public_ticket(context, ticket, ruling.repeats, to),
    )  # fmt: skip
    drafted = Draft(
        audience, "too_large", values, to, letter=ident, ruling=ruling,
        answers=(letter.message_id,) * bool(letter.message_id), mark="auto-replied",
        serial=0 if ticket.number else serial_of(ident, "too_large", to),
    )  # fmt: skip
    return draft(context, ticket, drafted, now)
