"""A department's answer to an escalation: by its signed address it comes back into the ticket (clauses 2.2 and 3.1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from bot.model import Audience, Decision, Disposition, Entry, Letter, Status, Ticket, Waiting
from bot.rendering.leak_check import leak
from bot.rules.schema import Department
from bot.store.interface import KnownFacts
from bot.tickets import staff_notices
from bot.tickets.agents.parser import unescaped
from bot.tickets.agents.quotations import Ours, own_words
from bot.tickets.automatic import seen_of
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import MOST_QUOTED, Draft, draft, for_requester, history, thread_of
from bot.tickets.requester.requester_letter import decide as of_a_person
from bot.tickets.threading import SenderFacts, ThreadMatch, followed, full, joins
from bot.tickets.timers import Nudge, nudged
from bot.tickets.tokens import Purpose, SignedToken


def decide(letter: Letter, sender_facts: SenderFacts, known: KnownFacts, context: DeskContext, now: datetime) -> Decision:
    """A note on the ticket and a notice to its owner, or, where `answers: requester`, a reply to the requester as well.

    By the Message-ID of its case alone it is a note that nobody has confirmed, and the ticket waits on.
    An expired or foreign address makes it a letter like any other.
    """
    proved, ticket = True, answered_case(sender_facts.references, known)
    if ticket is None:
        proved, ticket = False, answered_case(sender_facts.threads, known)
    if ticket is None or (not proved and full(ticket, unconfirmed=True)):
        return of_a_person(letter, sender_facts, joins(letter, sender_facts, known, context, now), known, context, now)
    department = context.policy.people.departments[sender_facts.department]
    entry = Entry(
        at=now, kind="note", public=False, who=letter.requester.email, name=department.name_in(context.policy.desk.language), text=letter.text,
        letter=letter.envelope.letter, message_id=letter.message_id, attachments=letter.attachments, about="department",
        unconfirmed=not proved,
    )  # fmt: skip
    waiting = Waiting.nobody if proved and ticket.waiting_for is Waiting.department else ticket.waiting_for
    replies = proved and department.answers == "requester"
    answered = replied(ticket, letter, department, context, now) if replies else None
    ticket = answered or replace(ticket, entries=(*ticket.entries, entry))
    seen = (*ticket.seen, seen_of(letter, now, Disposition.appended))
    ticket = replace(ticket, waiting_for=waiting, seen=seen, changed=now)
    thread = ThreadMatch(ticket=ticket.number, how="signed" if proved else "references", unconfirmed=not proved)
    ticket = staff_notices.joined(ticket, staff_notices.Judged(letter), thread, context, now, reopened=False)
    fields = {"letter": letter.envelope.letter, "ticket": ticket.number, "unconfirmed": not proved}
    return Decision(tickets=(ticket,), events=(("appended", fields),))


def astray(letter: Letter, key: SignedToken, known: KnownFacts, context: DeskContext, now: datetime) -> Decision | None:
    """A letter to the address of an agent or a department that is not from them: kept inside its ticket, shown to a person, and
    nothing else; None where the ticket takes no more.
    """
    ticket = followed(known, key.ticket)
    if ticket is None or full(ticket, unconfirmed=True):
        return None
    entry = Entry(
        at=now, kind="letter", public=False, who=letter.requester.email, name=letter.requester.name,
        text=letter.text[:MOST_QUOTED], letter=letter.envelope.letter, message_id=letter.message_id,
        attachments=letter.attachments, about="astray", unconfirmed=True,
    )  # fmt: skip
    seen = (*ticket.seen, seen_of(letter, now, Disposition.appended))
    ticket = replace(ticket, entries=(*ticket.entries, entry), seen=seen, changed=now)
    owner, holder = context.policy.people.agent(ticket.owner), context.policy.people.agent(key.person)
    told = [one for one in (owner, holder) if one] or staff_notices.on_duty(context, now)
    ticket = nudged(ticket, Nudge("astray", entry), tuple({one.address: one for one in told}.values()), context, now)
    fields = {"letter": letter.envelope.letter, "ticket": ticket.number, "unconfirmed": True}
    return Decision(tickets=(ticket,), events=(("appended", fields),))


def answered_case(references: Iterable[SignedToken], known: KnownFacts) -> Ticket | None:
    """The ticket whose case the department answers."""
    valid = (one for one in references if one.purpose is Purpose.department and not one.expired)
    return next(filter(None, (followed(known, one.ticket) for one in valid)), None)


def replied(ticket: Ticket, letter: Letter, department: Department, context: DeskContext, now: datetime) -> Ticket | None:
    """The department's words as a reply; None where they may not leave: the ticket is closed, they stand
    below the history, or our own or internal words are in them.
    """
    if ticket.status is Status.done or not ticket.requester.email or context.signer.is_ours(ticket.requester.email):
        return None
    own = own_words(letter.top, Ours((ticket,), context.templates))
    text = unescaped(own.text)
    if own.wrong or not text.strip():
        return None
    ident, name = letter.envelope.letter, department.name_in(context.language(ticket.language))
    values = for_requester(context, ticket, text=text, agent=name, history=history(context, ticket))
    files = staff_notices.pictures(letter)
    drafted = Draft(
        Audience.requester, "reply", values, ticket.requester.email, letter=ident, due=now + context.undo,
        automatic=False, answers=thread_of(ticket), files=files,
    )  # fmt: skip
    after = draft(context, ticket, drafted, now)
    internal = [one for one in ticket.entries if not one.public and one.kind in ("note", "letter")]
    if leak(after.outgoing[-1], internal, ticket.public_entries(), context.templates.sources, letter.file_texts):
        return None
    entry = Entry(
        at=now, kind="answer", public=True, who=context.policy.desk.address, name=name, text=text,
        letter=ident, message_id=after.outgoing[-1].message_id, about="department",
    )  # fmt: skip
    return replace(after, entries=(*after.entries, entry))
