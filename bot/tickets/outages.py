"""An announced outage that is over: everybody who was answered with it is told, once (clause 7; pure)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from bot.model import Audience, Decision, Entry, Resolution, Status, Ticket
from bot.replies import gate
from bot.store.port import ANNOUNCED, Sender
from bot.tickets.office import Office
from bot.tickets.states import move
from bot.tickets.timers import address
from bot.tickets.writing import for_requester, history, post, thread_of

TOLD = "announced:"  # the label that stands in the place of ANNOUNCED afterwards


def over(ticket: Ticket, known: Sender, office: Office, now: datetime) -> Decision:
    """The letter that says so, through the gate, to whoever had the first one; who could be told has his ticket closed as solved, unless
    somebody has it in hand.
    """
    labels = tuple(TOLD + label.removeprefix(ANNOUNCED) if label.startswith(ANNOUNCED) else label for label in ticket.labels)
    event = Entry(at=now, kind="event", public=False, about="outage_over")
    ticket = replace(ticket, labels=labels, entries=(*ticket.entries, event), changed=now)
    to, caps = address(ticket), office.policy.caps if office.caps else None
    closed = known.latched or (known.doubted and not ticket.proved)
    traffic = gate.Traffic(sent=known.sent, latched=closed, suppressed=known.suppressed)
    ruling = gate.ruled(to, traffic, ticket.proved and to == ticket.requester.email, caps, now)
    if ruling.to and ticket.answerable and not gate.sendable(to, office.signer.is_ours):
        if ticket.status is Status.created and not ticket.owner:
            ticket = move(ticket, Status.done, now, office.policy, resolution=Resolution.solved)
        said = history(office, ticket) if ruling.repeats else ()
        context = for_requester(office, ticket, ruling.repeats, history=said)
        ticket = post(office, ticket, Audience.requester, "outage_over", context, to, now, answers=thread_of(ticket), ruling=ruling)
    events: list[tuple[str, dict[str, Any]]] = [("timer", {"ticket": ticket.number, "about": "outage_over"})]
    if ticket.done_at == now:
        events.append(("closed", {"ticket": ticket.number, "resolution": ticket.resolution, "by": "outage_over"}))
    return Decision(tickets=(ticket,), events=tuple(events))
