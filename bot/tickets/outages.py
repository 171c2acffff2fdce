"""An announced outage that is over: everybody who was answered with it is told, once (clause 7; pure)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from bot.model import Audience, Decision, Entry, Resolution, Status, Ticket
from bot.store.interface import ANNOUNCED, AddressFacts
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import Draft, draft, for_requester, history, thread_of
from bot.tickets.status import move
from bot.tickets.timers import ruled

TOLD = "announced:"  # the label that stands in the place of ANNOUNCED afterwards


def over(ticket: Ticket, known: AddressFacts, context: DeskContext, now: datetime) -> Decision:
    """The letter that says so, through the reply policy, to whoever had the first one; who could be told has his ticket closed as solved, unless
    somebody has it in hand.
    """
    labels = tuple(TOLD + label.removeprefix(ANNOUNCED) if label.startswith(ANNOUNCED) else label for label in ticket.labels)
    event = Entry(at=now, kind="event", public=False, about="outage_over")
    ticket = replace(ticket, labels=labels, entries=(*ticket.entries, event), changed=now)
    ruling = ruled(ticket, known, context, now)
    if ruling.to and ticket.answerable:
        if ticket.status is Status.created and not ticket.owner:
            ticket = move(ticket, Status.done, now, context.policy, resolution=Resolution.solved)
        said = history(context, ticket) if ruling.repeats else ()
        values = for_requester(context, ticket, ruling.repeats, history=said)
        drafted = Draft(
            Audience.requester, "outage_over", values, ruling.to, answers=thread_of(ticket), ruling=ruling,
        )  # fmt: skip
        ticket = draft(context, ticket, drafted, now)
    events: list[tuple[str, dict[str, Any]]] = [("timer", {"ticket": ticket.number, "about": "outage_over"})]
    if ticket.done_at == now:
        events.append(("closed", {"ticket": ticket.number, "resolution": ticket.resolution, "by": "outage_over"}))
    return Decision(tickets=(ticket,), events=tuple(events))
