"""Mail that no person wrote: kept, and nothing more. A bounce proved by our signature closes an address for automatic mail.

Own letters, receipts, bounces, vacation mail and reports change neither status nor clock (design, section 7; RFC 3464, RFC 3834).
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from bot.model import Audience, Decision, DeskRecord, Disposition, Entry, Letter, LetterClass, Outgoing, Seen, Ticket
from bot.store.interface import KnownFacts
from bot.tickets.alerts import alarm
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import kept
from bot.tickets.threading import SenderFacts, followed, full_of_machines
from bot.tickets.tokens import Purpose, SignedToken

GONE = frozenset({"5.1.1", "5.1.2", "5.1.10", "5.2.1"})  # the address does not exist (any more)


def decide(letter: Letter, sender_facts: SenderFacts, known: KnownFacts, context: DeskContext, now: datetime) -> Decision:
    """What a machine's letter changes: next to nothing."""
    ident = letter.envelope.letter
    event = ("machine", {"letter": ident, "kind": sender_facts.kind})
    if sender_facts.kind is LetterClass.bounce:
        matched = bounced(letter, known, context, now)
        if matched:
            return record_bounce(letter, *matched, context, now)
    ticket = None if sender_facts.kind in (LetterClass.own, LetterClass.bounce) else its_ticket(letter, sender_facts, known)
    if ticket is None or full_of_machines(ticket):
        return unread(letter, sender_facts.kind, now)
    entry = Entry(
        at=now, kind="machine", public=False, who=letter.requester.email, name=letter.requester.name, text=kept(ticket, letter.text[:20_000]),
        letter=ident, message_id=letter.message_id, subject=letter.subject[:500], about=sender_facts.kind,
    )  # fmt: skip
    return Decision(tickets=(replace(ticket, entries=(*ticket.entries, entry), seen=(*ticket.seen, seen_of(letter, now))),), events=(event,))


def unread(letter: Letter, why: str, now: datetime) -> Decision:
    """A letter that is stored, and nothing else; `why` is its class or a word of ours."""
    ident = letter.envelope.letter
    record = DeskRecord(
        at=now, about="machine", letter=ident, disposition=Disposition.machine, message_id=letter.message_id,
        fingerprint=letter.fingerprint, who=letter.requester.email, words=why,
    )  # fmt: skip
    return Decision(records=(record,), events=(("machine", {"letter": ident, "kind": why}),))


def seen_of(letter: Letter, now: datetime, disposition: Disposition = Disposition.machine) -> Seen:
    """The letter's place in the ticket's account."""
    ident, print_of = letter.envelope.letter, letter.fingerprint
    return Seen(letter=ident, disposition=disposition, message_id=letter.message_id, fingerprint=print_of, at=now)


def its_ticket(letter: Letter, sender_facts: SenderFacts, known: KnownFacts) -> Ticket | None:
    """The ticket that a vacation responder answers: by a signed reference, or by References of somebody who takes part."""
    for reference in (*sender_facts.references, *sender_facts.threads):
        ticket = followed(known, reference.ticket)
        if ticket:
            return ticket
    ticket = followed(known, known.by_reference or sender_facts.tag)
    return ticket if ticket and letter.requester.email in (ticket.requester.email, *ticket.participants) else None


def bounced(letter: Letter, known: KnownFacts, context: DeskContext, now: datetime) -> tuple[Ticket, Outgoing, str] | None:
    """(ticket, outgoing letter, status code) that a bounce is about, when our signature proves it: the VERP
    address that it came to, or for a requester the embedded Message-ID.
    """
    for text in (*letter.envelope.recipients, *letter.reported_ids):
        peeked = context.signer.peek(text)
        ticket = known.tickets.get(peeked[0]) if peeked else None
        letters = [one for one in ticket.outgoing if one.id == peeked[2]] if ticket and peeked else []
        for one in letters:
            proof = context.signer.check(text, (one.to,), now.date())
            if ticket and proof and counts(proof, context):
                codes = dict(letter.bounced)
                return followed(known, ticket.number) or ticket, one, codes.get(one.to) or next(iter(codes.values()), "")
    return None


def counts(proof: SignedToken, context: DeskContext) -> bool:
    """Whether a bounce is believed. A Message-ID travels: one that was seen must not make an agent deaf."""
    staff = context.policy.people.agent(proof.person) or context.policy.people.department_of(proof.person)
    return proof.key if proof.purpose is Purpose.bounce else proof.purpose is Purpose.requester and not staff


def record_bounce(letter: Letter, ticket: Ticket, outgoing: Outgoing, code: str, context: DeskContext, now: datetime) -> Decision:
    """A proved bounce: the four codes suppress the address, other permanent ones are noted, temporary ones only logged.

    The leads hear of it when it is one of the staff who hears nothing any more.
    """
    ident = letter.envelope.letter
    events = [("bounced", {"letter": ident, "ticket": ticket.number, "to": outgoing.to, "code": code, "outgoing": outgoing.id})]
    records: tuple[DeskRecord, ...] = ()
    seen = (*ticket.seen, seen_of(letter, now))
    if not code.startswith("5"):
        return Decision(tickets=(replace(ticket, seen=seen),), events=tuple(events))
    about = "requester" if outgoing.audience is Audience.requester else "staff"
    note = Entry(at=now, kind="machine", public=False, who=outgoing.to, text=code, letter=ident, about=f"bounced_{about}")
    if code in GONE:
        records = (DeskRecord(at=now, about="suppression", who=outgoing.to, words=code, letter=ident),)
        events.append(("suppressed", {"ticket": ticket.number, "to": outgoing.to, "reason": code}))
        if about == "staff":
            alert = alarm(context, "deaf", (f"{outgoing.to}: {code}",), ident, now)
            records, events = (*records, *alert.records), [*events, *alert.events]
    return Decision(tickets=(replace(ticket, entries=(*ticket.entries, note), seen=seen),), records=records, events=tuple(events))
