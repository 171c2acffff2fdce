"""A department's answer to an escalation: by its signed address it comes back into the ticket (clauses 2.2 and 3.1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from bot.model import Audience, Decision, Entry, Fate, Letter, Status, Ticket, Verdict, Waiting
from bot.policy.schema import Department
from bot.replies.gate import Ruling
from bot.replies.leak import leak
from bot.store.port import Found
from bot.tickets import notices
from bot.tickets.commands import unescaped
from bot.tickets.identity import Purpose, Reference
from bot.tickets.machines import seen_of
from bot.tickets.office import Office
from bot.tickets.place import Place, Sight, followed, full, joins
from bot.tickets.quotations import Ours, own_words
from bot.tickets.requester import decide as of_a_person
from bot.tickets.timers import nudged
from bot.tickets.writing import MOST_QUOTED, for_requester, history, post, thread_of


def decide(letter: Letter, sight: Sight, found: Found, office: Office, now: datetime) -> Decision:
    """A note on the ticket and a notice to its owner, or, where `answers: requester`, a reply to the requester as well.

    By the Message-ID of its case alone it is a note that nobody has confirmed, and the ticket waits on.
    An expired or foreign address makes it a letter like any other.
    """
    proved, ticket = True, answered_case(sight.references, found)
    if ticket is None:
        proved, ticket = False, answered_case(sight.threads, found)
    if ticket is None or (not proved and full(ticket, unconfirmed=True)):
        return of_a_person(letter, sight, joins(letter, sight, found, office, now), found, office, now)
    department = office.policy.people.departments[sight.department]
    entry = Entry(
        at=now, kind="note", public=False, who=letter.requester.email, name=department.name_in(office.policy.desk.language), text=letter.text,
        letter=letter.envelope.letter, message_id=letter.message_id, attachments=letter.attachments, about="department",
        unconfirmed=not proved,
    )  # fmt: skip
    waiting = Waiting.nobody if proved and ticket.waiting_for is Waiting.department else ticket.waiting_for
    replies = proved and department.answers == "requester"
    answered = replied(ticket, letter, department, office, now) if replies else None
    ticket = answered or replace(ticket, entries=(*ticket.entries, entry))
    seen = (*ticket.seen, seen_of(letter, now, Fate.appended))
    ticket = replace(ticket, waiting_for=waiting, seen=seen, changed=now)
    place = Place(ticket=ticket.number, how="signed" if proved else "references", unconfirmed=not proved)
    ticket = notices.joined(ticket, letter, place, Verdict(), Ruling(reason="follow_up"), office, now, reopened=False)
    fields = {"letter": letter.envelope.letter, "ticket": ticket.number, "unconfirmed": not proved}
    return Decision(tickets=(ticket,), events=(("appended", fields),))


def astray(letter: Letter, key: Reference, found: Found, office: Office, now: datetime) -> Decision | None:
    """A letter to the address of an agent or a department that is not from them: kept inside its ticket, shown to a person, and
    nothing else; None where the ticket takes no more.
    """
    ticket = followed(found, key.ticket)
    if ticket is None or full(ticket, unconfirmed=True):
        return None
    entry = Entry(
        at=now, kind="letter", public=False, who=letter.requester.email, name=letter.requester.name,
        text=letter.text[:MOST_QUOTED], letter=letter.envelope.letter, message_id=letter.message_id,
        attachments=letter.attachments, about="astray", unconfirmed=True,
    )  # fmt: skip
    seen = (*ticket.seen, seen_of(letter, now, Fate.appended))
    ticket = replace(ticket, entries=(*ticket.entries, entry), seen=seen, changed=now)
    owner, holder = office.policy.people.agent(ticket.owner), office.policy.people.agent(key.person)
    told = [one for one in (owner, holder) if one] or notices.on_duty(office, now)
    ticket = nudged(ticket, "astray", tuple({one.address: one for one in told}.values()), office, now, said=entry)
    fields = {"letter": letter.envelope.letter, "ticket": ticket.number, "unconfirmed": True}
    return Decision(tickets=(ticket,), events=(("appended", fields),))


def answered_case(references: Iterable[Reference], found: Found) -> Ticket | None:
    """The ticket whose case the department answers."""
    valid = (one for one in references if one.purpose is Purpose.department and not one.expired)
    return next(filter(None, (followed(found, one.ticket) for one in valid)), None)


def replied(ticket: Ticket, letter: Letter, department: Department, office: Office, now: datetime) -> Ticket | None:
    """The department's words as a reply; None where they may not leave: the ticket is closed, they stand
    below the history, or our own or internal words are in them.
    """
    if ticket.status is Status.done or not ticket.requester.email or office.signer.is_ours(ticket.requester.email):
        return None
    own = own_words(letter.top, Ours((ticket,), office.templates))
    text = unescaped(own.text)
    if own.wrong or not text.strip():
        return None
    ident, name = letter.envelope.letter, department.name_in(office.language(ticket.language))
    context = for_requester(office, ticket, text=text, agent=name, history=history(office, ticket))
    files = notices.pictures(letter)
    after = post(
        office, ticket, Audience.requester, "reply", context, ticket.requester.email, now,
        letter=ident, due=now + office.undo, automatic=False, answers=thread_of(ticket), files=files,
    )  # fmt: skip
    internal = [one for one in ticket.entries if not one.public and one.kind in ("note", "letter")]
    if leak(after.outgoing[-1], internal, ticket.public_entries(), office.templates.sources, letter.file_texts):
        return None
    entry = Entry(
        at=now, kind="answer", public=True, who=office.policy.desk.address, name=name, text=text,
        letter=ident, message_id=after.outgoing[-1].message_id, about="department",
    )  # fmt: skip
    return replace(after, entries=(*after.entries, entry))
