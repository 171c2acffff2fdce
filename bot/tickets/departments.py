"""A department's answer to an escalation: by its signed address it comes back into the ticket (clauses 2.2 and 3.1)."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from bot.model import Decision, Entry, Fate, Letter, Seen, Verdict, Waiting
from bot.replies.gate import Ruling
from bot.store.port import Found
from bot.tickets import notices
from bot.tickets.identity import Purpose
from bot.tickets.office import Office
from bot.tickets.place import Place, Sight, followed, joins
from bot.tickets.requester import decide as of_a_person


def decide(letter: Letter, sight: Sight, found: Found, office: Office, now: datetime) -> Decision:
    """A note on the ticket, and a notice to its owner; an expired or foreign address makes it a letter like any other."""
    reference = next((one for one in sight.references if one.purpose is Purpose.department and not one.expired), None)
    ticket = followed(found, reference.ticket) if reference else None
    if ticket is None:
        return of_a_person(letter, sight, joins(letter, sight, found, office, bool(letter.aligned), now), found, office, now)
    department = office.policy.people.departments[sight.department]
    language = office.policy.desk.language
    entry = Entry(
        at=now, kind="note", public=False, who=letter.requester.email, name=department.name_in(language), text=letter.text,
        letter=letter.envelope.letter, message_id=letter.message_id, attachments=letter.attachments, about="department",
    )  # fmt: skip
    seen = Seen(letter=letter.envelope.letter, fate=Fate.appended, message_id=letter.message_id, fingerprint=letter.fingerprint, at=now)
    waiting = Waiting.nobody if ticket.waiting_for is Waiting.department else ticket.waiting_for
    ticket = replace(ticket, waiting_for=waiting, entries=(*ticket.entries, entry), seen=(*ticket.seen, seen), changed=now)
    ticket = notices.joined(
        ticket, letter, Place(ticket=ticket.number, how="signed"), Verdict(), Ruling(reason="follow_up"), office, now, reopened=False
    )
    return Decision(tickets=(ticket,), events=(("appended", {"letter": letter.envelope.letter, "ticket": ticket.number}),))
