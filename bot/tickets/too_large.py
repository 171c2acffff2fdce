"""A letter too large for its door: its headers alone are here, and nobody is to wait for it in vain. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from bot.model import Audience, Decision, Entry, Letter, Status, Ticket
from bot.replies.contexts import TooLarge
from bot.replies.gate import Ruling
from bot.store.port import Found, Sender
from bot.tickets.alerts import alarm
from bot.tickets.machines import seen_of, unread
from bot.tickets.office import Office
from bot.tickets.place import Sight, followed, full, joins
from bot.tickets.requester import latched, rule
from bot.tickets.states import move
from bot.tickets.timers import nudged
from bot.tickets.writing import desk_view, post, public_ticket, serial_of


def decide(letter: Letter, sight: Sight, found: Found, office: Office, now: datetime) -> Decision:
    """A line in the ticket that it answers (it opens none); word to the leads, and to a proved sender."""
    if found.senders.get(letter.requester.email, Sender()).blocked:
        return unread(letter, "blocked", now)
    number = joins(letter, sight, found, office, now).ticket
    ticket = followed(found, number or next((one.ticket for one in sight.references if one.ticket), 0))
    if ticket is None or full(ticket):
        ticket = Ticket(number=0, requester=letter.requester, opened=now, changed=now, subject=letter.subject)
        ticket = replace(ticket, language=office.language(letter.language))
    ruling = Ruling(reason="unconfirmed")
    if sight.aligned and letter.envelope.intake != "pipe":  # there the mail server has told them
        ruling = rule(letter, sight, ticket, found, office, now, proved=True)
    kept, details = unread(letter, "too_large", now), summary(letter, ruling, office)
    if ticket.number:
        ticket = noted(ticket, letter, sight, details, office, now)
    if ruling.to:
        ticket = answered(ticket, letter, sight, ruling, office, now)
    about = ticket if ticket.number else None
    alert = alarm(office, "too_large", details, letter.envelope.letter, now, about)
    own = () if about else (replace(kept.records[0], outgoing=ticket.outgoing),)
    records, events = (*own, *latched(ruling, letter, office, now), *alert.records), (*kept.events, *alert.events)
    return Decision(tickets=(about,) if about else (), records=records, events=events)


def summary(letter: Letter, ruling: Ruling, office: Office) -> tuple[str, ...]:
    """What staff read: whose letter it is, where it lies, whether its sender knows."""
    terms, subject = office.terms(), office.subjects.base(letter.subject)
    who = letter.requester.email or letter.envelope.mail_from
    facts = ", ".join(filter(None, (who, terms.size(letter.envelope.too_large), subject)))
    knows = "told" if ruling.to and not ruling.held else "untold"
    helps = ("trust",) * (ruling.reason == "unconfirmed" and "imap" not in office.relays)
    codes = ("pipe",) if letter.envelope.intake == "pipe" else ("imap", knows, *helps)
    return (facts, *(terms.say(f"too_large_{one}", terms.say(ruling.reason)) for one in codes))


def noted(
    ticket: Ticket, letter: Letter, sight: Sight, details: tuple[str, ...], office: Office, now: datetime
) -> Ticket:
    """The ticket with a line about the letter, told to its owner; it waits for no answer any longer."""
    people, title = office.policy.people, office.terms().say("alert_too_large")
    entry = Entry(
        at=now, kind="machine", public=False, about="too_large", who=letter.requester.email,
        text="\n".join((title, *details)), letter=letter.envelope.letter, message_id=letter.message_id,
    )  # fmt: skip
    ticket = replace(ticket, entries=(*ticket.entries, entry), seen=(*ticket.seen, seen_of(letter, now)))
    if ticket.status is Status.clarification and not (sight.agent or sight.department):
        ticket = move(ticket, Status.in_progress if ticket.owner else Status.created, now, office.policy)
    owner = people.agent(ticket.owner if ticket.owner != sight.agent else "")
    told = (owner,) if owner and owner not in people.leads else ()
    return nudged(ticket, "too_large", told, office, now, said=entry)


def answered(
    ticket: Ticket, letter: Letter, sight: Sight, ruling: Ruling, office: Office, now: datetime
) -> Ticket:
    """The ticket with a letter to the sender that says what to do; number 0 stands for no ticket."""
    ident, to, language = letter.envelope.letter, ruling.to, ticket.language
    staff = Audience.agent if sight.agent else Audience.department if sight.department else None
    audience = staff or (Audience.requester if ticket.number else Audience.stranger)
    context = TooLarge(
        desk=desk_view(office, language), language=language, size=letter.envelope.too_large,
        ticket=public_ticket(office, ticket, ruling.repeats, to),
    )  # fmt: skip
    return post(
        office, ticket, audience, "too_large", context, to, now, letter=ident, ruling=ruling,
        answers=(letter.message_id,) * bool(letter.message_id), mark="auto-replied",
        serial=0 if ticket.number else serial_of(ident, "too_large", to),
    )  # fmt: skip
