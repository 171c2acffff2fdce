"""Where a letter belongs: its class with the signatures known, who wrote it, and which ticket it joins (design, sections 6 and 7)."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.model import ERASED, Hit, Letter, LetterClass, Status, Ticket, Value
from bot.parsing.automatic import judge as class_of
from bot.store.interface import KnownFacts, Lookup
from bot.tickets.agents.parser import Named, named
from bot.tickets.context import DeskContext
from bot.tickets.queue import asked
from bot.tickets.tokens import TOKEN, Purpose, SignedToken

MOST_ENTRIES = 20_000  # of a ticket that takes letters still: whoever writes without end gets another number
MOST_UNCONFIRMED, MOST_OF_MACHINES = 100, 300  # of them that nothing proves, and that machines wrote
MOST_CODES = 5  # in a subject
PASSES = frozenset({"dkim", "dmarc", "relay"})  # what, together with In-Reply-To, stands for a signed address


class SenderFacts(Value, frozen=True):
    """What is known of a letter before any ticket is looked at."""

    kind: LetterClass
    hits: tuple[Hit, ...]
    may_answer: bool
    references: tuple[SignedToken, ...]  # signed addresses made for the From; the envelope's first
    threads: tuple[SignedToken, ...] = ()  # no proof: their Message-IDs; addresses where DMARC failed
    aligned: str = ""  # how From was authenticated, "" for unproved
    tag: int = 0
    agent: str = ""  # address of the agent whose From it bears; proves nothing
    department: str = ""


class ThreadMatch(Value, frozen=True):
    """The ticket a letter joins, or that it opens a new one."""

    ticket: int = 0  # 0: a new one
    how: str = ""  # signed, references, tag
    apart: int = 0  # the ticket it named but may not join: the new one is linked to it
    unconfirmed: bool = False  # From takes part in it, but nothing proves that they wrote this
    astray: bool = False  # it came to an address that was made for somebody else of the ticket


def look(letter: Letter, context: DeskContext, now: datetime) -> SenderFacts:
    """Class, signed references and sender of a letter. A From that may be read in two ways is nobody's."""
    signer, sender = context.signer, "" if letter.from_defect else letter.requester.email
    aligned = "" if letter.from_defect or letter.dmarc_failed else letter.aligned
    people, today = (sender,) if sender else (), now.date()
    named = (one.email for one in (*letter.to, *letter.cc))
    addresses = (*letter.envelope.recipients, *named, *codes(letter, context))
    by_address = [one for text in addresses if (one := signer.check(text, people, today))]
    by_id = [one for text in letter.references if (one := signer.check(text, people, today))]
    keys = [one for one in by_address if one.key]
    proofs = [one for one in keys if one.purpose is Purpose.confirm] if letter.dmarc_failed else keys
    if not signer.plus and aligned in PASSES:
        proofs += filter(None, [signer.check(in_reply_to(letter), people, today)])
    references = tuple({(one.ticket, one.purpose, one.serial): one for one in proofs}.values())
    threads = tuple(one for one in dict.fromkeys((*by_address, *by_id)) if one not in references)
    answers_us = any(signer.peek(text) for text in letter.references)
    reply = bool(by_address or by_id) or answers_us
    kind, _ = class_of(letter.class_hits, context.policy.desk.own_lists, reply)
    may_answer = kind is LetterClass.human and all(hit.rule != "suppress" for hit in letter.class_hits)  # whom to answer, the reply policy says
    hits = letter.class_hits
    if is_own(letter, context, now):
        kind, may_answer, hits = LetterClass.own, False, (*hits, Hit(rule="own", evidence=letter.message_id))
    agent, department = context.policy.people.agent(sender), context.policy.people.department_of(sender)
    return SenderFacts(
        kind=kind,
        hits=hits,
        may_answer=may_answer,
        references=references,
        threads=threads,
        aligned=aligned,
        tag=context.subjects.tag(letter.subject),
        agent=agent.address if agent else "",
        department=department.id if department else "",
    )


def codes(letter: Letter, context: DeskContext) -> list[str]:
    """The one-time address of a confirmation: without plus addresses (`DESK_PLUS=off`) its subject has it, and
    so has its answer's.
    """
    signer = context.signer
    found = () if signer.plus else TOKEN.finditer(letter.subject.lower())
    tokens = [one[0] for one in found if one[2] == Purpose.confirm]
    return [f"{signer.local}+{one}@{signer.domain}" for one in tokens[:MOST_CODES]]


def in_reply_to(letter: Letter) -> str:
    """The one Message-ID that the letter answers, by that very field; "" for none or several."""
    values = [value.split() for name, value in letter.headers if name == "in-reply-to"]
    return values[0][0] if len(values) == 1 and len(values[0]) == 1 else ""


def is_own(letter: Letter, context: DeskContext, now: datetime) -> bool:
    """True for what the desk wrote itself: the signed marker, or a Message-ID of ours made for one of its recipients."""
    marker, ident = letter.header("x-desk-own"), letter.message_id
    if marker and ident and context.signer.check(f"{context.signer.prefix}.{marker.strip()}@{context.signer.domain}", (ident,), now.date()):
        return True
    people = tuple(one.email for one in (*letter.to, *letter.cc)) + tuple(letter.envelope.recipients)
    return bool(ident) and context.signer.check(ident, people, now.date()) is not None


def lookup_for(letter: Letter, sender_facts: SenderFacts, context: DeskContext) -> Lookup:
    """What the store is asked about this letter: proved and unproved numbers alike, a look changes nothing."""
    peeked = [context.signer.peek(text) for text in (*letter.envelope.recipients, *letter.references, *letter.reported_ids)]
    peeked += [context.signer.peek(one.email) for one in (*letter.to, *letter.cc)]
    numbers = [one.ticket for one in (*sender_facts.references, *sender_facts.threads)]
    numbers += [*(one[0] for one in peeked if one), sender_facts.tag]
    names = named(letter.top) if sender_facts.agent else Named()
    return Lookup(
        letter=letter.envelope.letter,
        requester=letter.requester.email,
        bounce_to=letter.envelope.mail_from.lower(),
        message_id=letter.message_id,
        fingerprint=letter.fingerprint,
        references=letter.references,
        tickets=tuple(dict.fromkeys(number for number in (*numbers, *names.numbers) if number)),
        staff=(*(one.address for one in context.policy.people.agents), *names.addresses),
        rows=names.lists,
        leaving=bool(sender_facts.agent),
        searches=tuple(words for query in names.queries if (words := asked(query, context)[1])),
        confirms=next((one.serial for one in sender_facts.references if one.purpose is Purpose.confirm and not one.expired), 0),
    )


def joins(letter: Letter, sender_facts: SenderFacts, known: KnownFacts, context: DeskContext, now: datetime) -> ThreadMatch:
    """The ticket that a person's letter joins. Order of trust: signed reference, References, subject tag.

    A letter joins only a ticket in which its From takes part; a stranger's is set apart. Without signed
    address or alignment it is anybody's: it reopens nothing, but opens a ticket beside the one that is done.
    """
    sender, apart = letter.requester.email, 0
    signed = [one for one in sender_facts.references if one.purpose is Purpose.requester and not one.expired]
    named = [("signed", one.ticket) for one in signed]
    peeked = [context.signer.peek(text) for text in (*letter.references, *letter.envelope.recipients)]
    named += [("references", one.ticket) for one in (*sender_facts.references, *sender_facts.threads) if one.ticket]
    named += [("references", known.by_reference)] if known.by_reference else []
    named += [("tag", one[0]) for one in peeked if one and one[0]]  # anybody can make up a token: it names a ticket as a tag does
    named += [("tag", sender_facts.tag)] if sender_facts.tag else []
    for how, number in named:
        ticket = followed(known, number)
        if ticket is None:
            continue
        if not takes_part(ticket, sender):
            apart = apart or ticket.number
            continue
        unconfirmed = how != "signed" and not sender_facts.aligned
        closed = unconfirmed and (ticket.status is Status.done or full(ticket, unconfirmed))
        if closed or closed_for_good(letter, ticket, context, now):
            return ThreadMatch(apart=ticket.number, how=how, unconfirmed=unconfirmed)
        return ThreadMatch(ticket=ticket.number, how=how, unconfirmed=unconfirmed)
    return ThreadMatch(apart=apart)


def astray(letter: Letter, known: KnownFacts, context: DeskContext, now: datetime) -> SignedToken | None:
    """An address or Message-ID of ours in a letter of somebody else than it was made for: they write from another mailbox, a
    gateway has rewritten From, or a letter of ours was forwarded. It proves nothing, but a person must see the letter.
    """
    people, sender = context.policy.people, "" if letter.from_defect else letter.requester.email
    staff = [one.address for one in people.agents] + [one.address for one in people.departments.values()]
    named = (one.email for one in (*letter.to, *letter.cc))
    for text in (*letter.envelope.recipients, *named, *letter.references):
        peeked = context.signer.peek(text)
        ticket = followed(known, peeked[0]) if peeked else None
        if ticket is None:
            continue
        holders = (ticket.requester.email, *ticket.participants, *staff)
        one = context.signer.check(text, holders, now.date())
        if one and not one.expired and (one.key or one.purpose is Purpose.requester):
            return one if one.person != sender else None
    return None


def followed(known: KnownFacts, number: int) -> Ticket | None:
    """The ticket of that number, its merges followed to the end; None for one of which only the figures are left."""
    ticket, steps = known.tickets.get(number), 0
    while ticket is not None and ticket.merged_into and ERASED not in ticket.labels and steps < 100:
        ticket, steps = known.tickets.get(ticket.merged_into), steps + 1
    return None if ticket is not None and ERASED in ticket.labels else ticket


def takes_part(ticket: Ticket, sender: str) -> bool:
    """True for the requester and those whom an agent has added."""
    return bool(sender) and (sender == ticket.requester.email or sender in ticket.participants)


def closed_for_good(letter: Letter, ticket: Ticket, context: DeskContext, now: datetime) -> bool:
    """A done ticket is reopened by a reply within the reopen window and under its own subject; otherwise a new one is opened, as it is
    for a full one: a ticket is written anew at each letter, and whoever writes without end must not make that slow.
    """
    if full(ticket):
        return True
    if ticket.status is not Status.done or ticket.done_at is None:
        return False
    late = now - ticket.done_at > timedelta(days=context.policy.periods.reopen_days)
    return late or other_matter(letter, ticket, context)


def full(ticket: Ticket, unconfirmed: bool = False) -> bool:
    """True for a ticket that takes no more letters of people, or none that nothing proves; its agents' still join."""
    unproved = sum(one.unconfirmed for one in ticket.entries) if unconfirmed else 0
    return len(ticket.entries) >= MOST_ENTRIES or unproved >= MOST_UNCONFIRMED


def full_of_machines(ticket: Ticket) -> bool:
    """True for a ticket that takes no more letters of machines."""
    return sum(one.kind == "machine" for one in ticket.entries) >= MOST_OF_MACHINES


def other_matter(letter: Letter, ticket: Ticket, context: DeskContext) -> bool:
    """On a done ticket, a subject that neither the requester nor the desk has used in it is another matter."""
    if ticket.status is not Status.done:
        return False
    subject = context.subjects.base(letter.subject).casefold()
    known = {context.subjects.base(ticket.subject).casefold()}
    known |= {context.subjects.base(one.subject).casefold() for one in ticket.outgoing}
    known |= {context.subjects.base(entry.subject).casefold() for entry in ticket.entries if entry.subject}
    return bool(subject) and subject not in known
