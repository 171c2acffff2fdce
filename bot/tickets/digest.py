"""The letter with which an agent's day begins: what is free, what is his, what waits, what is overdue (design, section 8). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.model import Decision, DeskRecord
from bot.replies import gate
from bot.replies.contexts import Button, Digest
from bot.store.port import Earlier
from bot.tickets import queue
from bot.tickets.commands import button_of
from bot.tickets.identity import Purpose
from bot.tickets.office import Office
from bot.tickets.writing import desk_view, expiry, loose, mailto


def due(office: Office, digested: str, now: datetime) -> str:
    """The ISO day whose digest is to be written now, or "": once a day, when work has begun."""
    today = now.astimezone(office.policy.calendar.zone).date().isoformat()
    return today if today > digested and office.policy.calendar.is_open(now) else ""


def digest(rows: Sequence[Earlier], office: Office, day: str, now: datetime) -> Decision:
    """One letter to each agent on duty for whom something waits. The record of the day keeps it from being written twice."""
    letters = []
    for agent in office.on_duty(day):
        language = office.language(agent.language or "", office.policy.desk.language)
        reader = queue.Reader(office, agent, language, now)
        late = any(row.due and row.due <= now for row in rows)
        sections = [*queue.deadlines(rows, reader)[:1]] if late else []
        sections += queue.sections(rows, reader)
        waits = any(row.status != "done" and row.owner in ("", agent.address) for row in rows)
        if not waits or not gate.to_staff(agent.address, gate.Traffic(), office.signer.is_ours, None, now).to:
            continue
        buttons, desk = desk_buttons(reader), desk_view(office, language)
        context = Digest(desk=desk, language=language, sections=tuple(sections), buttons=buttons)
        letters.append(loose(office, "digest", context, agent.address, now, letter=f"digest/{day}"))
    record = DeskRecord(at=now, about="digest", letter=f"digest/{day}", words=day, outgoing=tuple(letters))
    return Decision(records=(record,))


def desk_buttons(reader: queue.Reader) -> tuple[Button, ...]:
    """The buttons of a letter to an agent that is about no ticket: next, queue, help."""
    office, agent = reader.office, reader.agent
    reply = office.signer.address(0, Purpose.agent, agent.address, until=expiry(office, reader.now))
    made = []
    for name in ("next", "queue", "help"):
        word, caption = button_of(name, reader.terms)
        made.append(Button(label=caption, url=mailto(reply, caption, f"#{word}"), say=f"#{word}"))
    return tuple(made)
