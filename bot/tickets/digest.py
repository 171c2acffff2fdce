"""The letter with which an agent's day begins: what is free, what is his, what waits, what is overdue (design, section 8). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.model import Audience, Decision, DeskRecord
from bot.rendering import reply_policy
from bot.rendering.contexts import Button, Digest
from bot.store.interface import TicketSummary
from bot.tickets import queue
from bot.tickets.agents.parser import button_of
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import Draft, desk_view, draft_alone, expiry, mailto
from bot.tickets.tokens import Purpose


def due(context: DeskContext, digested: str, now: datetime) -> str:
    """The ISO day whose digest is to be written now, or "": once a day, when work has begun."""
    today = now.astimezone(context.policy.calendar.zone).date().isoformat()
    return today if today > digested and context.policy.calendar.is_open(now) else ""


def digest(rows: Sequence[TicketSummary], context: DeskContext, day: str, now: datetime) -> Decision:
    """One letter to each agent on duty for whom something waits. The record of the day keeps it from being written twice."""
    letters = []
    for agent in context.on_duty(day):
        language = context.language(agent.language or "", context.policy.desk.language)
        viewer = queue.Viewer(context, agent, language, now)
        late = any(row.due and row.due <= now for row in rows)
        sections = [*queue.deadlines(rows, viewer)[:1]] if late else []
        sections += queue.sections(rows, viewer)
        waits = any(row.status != "done" and row.owner in ("", agent.address) for row in rows)
        if not waits or not reply_policy.to_staff(agent.address, reply_policy.Traffic(), context.signer.is_ours, None, now).to:
            continue
        buttons, desk = desk_buttons(viewer), desk_view(context, language)
        values = Digest(desk=desk, language=language, sections=tuple(sections), buttons=buttons)
        drafted = Draft(Audience.agent, "digest", values, agent.address, letter=f"digest/{day}")
        letters.append(draft_alone(context, drafted, now))
    record = DeskRecord(at=now, about="digest", letter=f"digest/{day}", words=day, outgoing=tuple(letters))
    return Decision(records=(record,))


def desk_buttons(viewer: queue.Viewer) -> tuple[Button, ...]:
    """The buttons of a letter to an agent that is about no ticket: next, queue, help."""
    context, agent = viewer.context, viewer.agent
    reply = context.signer.address(0, Purpose.agent, agent.address, until=expiry(context, viewer.now))
    made = []
    for name in ("next", "queue", "help"):
        word, caption = button_of(name, viewer.terms)
        made.append(Button(label=caption, url=mailto(reply, caption, f"#{word}"), say=f"#{word}"))
    return tuple(made)
