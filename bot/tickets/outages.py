"""An announced outage that is over: everybody who was answered with it is told, once (clause 7; pure)."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from bot.model import Audience, Decision, Entry, Resolution, Status, Ticket
from bot.replies import gate
from bot.replies.contexts import AgentLetter
from bot.store.port import ANNOUNCED, Sender
from bot.tickets.office import Office
from bot.tickets.states import move
from bot.tickets.writing import desk_view, history, post, public_ticket, thread_of

TOLD = "announced:"  # the label that stands in the place of ANNOUNCED afterwards


def over(ticket: Ticket, known: Sender, office: Office, now: datetime) -> Decision:
    """The letter that says so, through the gate, and the ticket closed as solved unless somebody has it in hand."""
    labels = tuple(TOLD + label.removeprefix(ANNOUNCED) if label.startswith(ANNOUNCED) else label for label in ticket.labels)
    event = Entry(at=now, kind="event", public=False, about="outage_over")
    ticket = replace(ticket, labels=labels, entries=(*ticket.entries, event), changed=now)
    if ticket.status is Status.created and not ticket.owner:
        ticket = move(ticket, Status.done, now, office.policy, resolution=Resolution.solved)
    to, caps = ticket.requester.email, office.policy.caps if office.caps else None
    ruling = gate.ruled(to, gate.Traffic(sent=known.sent, latched=known.latched, suppressed=known.suppressed), ticket.proved, caps, now)
    if ruling.to and ticket.answerable and not gate.sendable(to, office.signer.is_ours):
        language = office.language(ticket.language)
        context = AgentLetter(
            desk=desk_view(office, language),
            language=language,
            ticket=public_ticket(office, ticket, ruling.repeats),
            history=history(office, ticket) if ruling.repeats else (),
        )
        ticket = post(office, ticket, Audience.requester, "outage_over", context, to, now, answers=thread_of(ticket), ruling=ruling)
    return Decision(tickets=(ticket,), events=(("closed", {"ticket": ticket.number, "resolution": ticket.resolution, "by": "outage_over"}),))
