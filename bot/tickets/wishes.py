"""The few words that a requester may say to the desk itself: #transcript, #status, #close (clause 4.3; design, section 6)."""

from __future__ import annotations

import re
from datetime import datetime

from msgspec.structs import replace

from bot.model import Audience, Entry, Letter, Resolution, Status, Ticket
from bot.replies.gate import Ruling
from bot.tickets.commands import fold
from bot.tickets.office import Office
from bot.tickets.states import move
from bot.tickets.writing import MOST_TEXT, for_requester, history, post, thread_of

WORDS = {
    "transcript": "transcript", "переписка": "transcript", "история": "transcript", "status": "status", "статус": "status",
    "close": "close", "закрыть": "close", "закройте": "close",
}  # fmt: skip
LINE = re.compile(r"\s*[#№＃]\s?([^\W\d_]+)[.!]?\s*")
WHOLE = 1000  # letters of a transcript


def wish(letter: Letter) -> str:
    """transcript, status or close where that word is all that the letter says, or "": a sentence is never taken for a command."""
    found = LINE.fullmatch(letter.text)
    return WORDS.get(fold(found[1]), "") if found and not any(not one.logo for one in letter.attachments) else ""


def granted(ticket: Ticket, letter: Letter, entry: Entry, asked: str, ruling: Ruling, office: Office, now: datetime) -> Ticket:
    """The ticket with the answer to its requester, who has proved himself by a signed reference; only #close changes its status."""
    ticket = replace(ticket, entries=(*ticket.entries, entry), changed=now)
    if asked == "close" and ticket.status is not Status.done:
        ticket = move(ticket, Status.done, now, office.policy, resolution=Resolution.solved)
    template = "transcript" if asked == "transcript" else "status"
    said = history(office, ticket, WHOLE, letter.envelope.letter, MOST_TEXT) if asked == "transcript" else ()
    context = for_requester(office, ticket, history=said)
    answers = thread_of(ticket, letter.message_id)
    return post(
        office, ticket, Audience.requester, template, context, ruling.to, now,
        letter=letter.envelope.letter, answers=answers, mark="auto-replied", ruling=ruling,
    )  # fmt: skip
