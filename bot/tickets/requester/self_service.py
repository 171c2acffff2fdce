"""The few words that a requester may say to the desk itself: #transcript, #status, #close (clause 4.3; design, section 6)."""

from __future__ import annotations

import re
from datetime import datetime

from msgspec.structs import replace

from bot.model import Audience, Entry, Letter, Resolution, Status, Ticket
from bot.rendering.reply_policy import Ruling
from bot.tickets.agents.parser import fold
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import MOST_TEXT, Draft, draft, for_requester, history, thread_of
from bot.tickets.status import move

WORDS = {
    "transcript": "transcript", "переписка": "transcript", "история": "transcript", "status": "status", "статус": "status",
    "close": "close", "закрыть": "close", "закройте": "close",
}  # fmt: skip
LINE = re.compile(r"\s*[#№＃]\s?([^\W\d_]+)[.!]?\s*")
WHOLE = 1000  # letters of a transcript


def asked_for(letter: Letter) -> str:
    """transcript, status or close where that word is all that the letter says, or "": a sentence is never taken for a command."""
    found = LINE.fullmatch(letter.text)
    return WORDS.get(fold(found[1]), "") if found and not any(not one.logo for one in letter.attachments) else ""


def granted(ticket: Ticket, letter: Letter, entry: Entry, asked: str, ruling: Ruling, context: DeskContext, now: datetime) -> Ticket:
    """The ticket with the answer to its requester, who has proved himself by a signed reference; only #close changes its status."""
    ticket = replace(ticket, entries=(*ticket.entries, entry), changed=now)
    if asked == "close" and ticket.status is not Status.done:
        ticket = move(ticket, Status.done, now, context.policy, resolution=Resolution.solved)
    template = "transcript" if asked == "transcript" else "status"
    said = history(context, ticket, WHOLE, letter.envelope.letter, MOST_TEXT) if asked == "transcript" else ()
    values = for_requester(context, ticket, history=said)
    answers = thread_of(ticket, letter.message_id)
    drafted = Draft(
        Audience.requester, template, values, ruling.to, letter=letter.envelope.letter, answers=answers,
        mark="auto-replied", ruling=ruling,
    )  # fmt: skip
    return draft(context, ticket, drafted, now)
