"""From a template to an outgoing letter in its final form, with signed addresses and the marks of section 7.

`draft` adds a letter to a ticket; `draft_alone` makes one that belongs to no ticket. Whether it may be sent, the reply policy has said before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote

from msgspec.structs import replace

from bot.model import Audience, Delivery, FileReference, Outgoing, Ticket
from bot.rendering import contexts
from bot.rendering.contexts import AgentTicket, Button, Context, DeskView, PublicEntry, PublicTicket, ToRequester
from bot.rendering.reply_policy import Ruling
from bot.rendering.templates import Rendered
from bot.rules.schema import Agent
from bot.store.interface import TicketSummary
from bot.tickets.context import DeskContext
from bot.tickets.staff_view import for_staff
from bot.tickets.tokens import Purpose

PURPOSE = {
    Audience.requester: Purpose.requester,
    Audience.stranger: Purpose.requester,
    Audience.agent: Purpose.agent,
    Audience.department: Purpose.department,
}
QUIET = "DR, RN, NRN, OOF, AutoReply"  # X-Auto-Response-Suppress, so that no robot answers ours
MOST_REFERENCES = 12
MOST_TEXT, MOST_OF_ONE, LEAST_OF_ONE = 500_000, 100_000, 1000  # characters that a ticket keeps: of its last letters, of one, once they are many
MOST_ENTRIES = 300  # of a long ticket that are looked at for a letter about it, the newest
MOST_QUOTED = 5000  # characters of one letter in another
MOST_HISTORY = 20  # letters below another


class Draft(NamedTuple):
    """A letter that is to be written: to whom, from which template, and what else it carries."""

    audience: Audience
    template: str
    values: Context | Rendered
    to: str
    letter: str = ""  # what caused it
    due: datetime | None = None  # None for at once
    automatic: bool = True
    answers: Sequence[str] = ()  # the Message-IDs of the thread, the oldest first
    ruling: Ruling | None = None
    files: tuple[FileReference, ...] = ()
    mark: str = "auto-generated"
    serial: int = 0  # 0 for the next one


def draft(context: DeskContext, ticket: Ticket, one: Draft, now: datetime) -> Ticket:
    """The ticket with one more outgoing letter."""
    one = one._replace(serial=one.serial or (ticket.outgoing[-1].id + 1 if ticket.outgoing else 1))
    late = one.due if one.due and one.template == "case" else now  # an address made now may have expired when a reminder comes
    until = expiry(context, late) if one.audience is Audience.agent else None
    reply = context.signer.address(ticket.number, PURPOSE[one.audience], one.to, until=until)
    made = drawn_up(context, one, now, ticket.number, reply)
    held = one.ruling is not None and one.ruling.held
    made = replace(
        made,
        due=one.due or now,
        attachments=one.files,
        state=Delivery.held if held else Delivery.waiting,
        result=one.ruling.reason if held and one.ruling else "",
    )
    return replace(ticket, outgoing=(*ticket.outgoing, made))


def draft_alone(
    context: DeskContext, one: Draft, now: datetime, *, number: int = 0, purpose: Purpose | None = None, until: datetime | None = None
) -> Outgoing:
    """A letter to an agent that is kept in no ticket (lists, errors, confirmations, alerts); its serial comes from what caused it, so
    that a repeat is the same letter. What answers it is about that ticket, or the desk as a whole (0); with a `purpose` it is signed
    for that and nothing else, until that day.
    """
    one = one._replace(serial=one.serial or serial_of(one.letter, one.template, one.to))
    if purpose:
        reply = context.signer.address(0, purpose, one.to, one.serial, until.date() if until else None)
    else:
        reply = context.signer.address(number, Purpose.agent, one.to, until=expiry(context, now))
    return drawn_up(context, one, now, 0, reply, purpose)


def serial_of(letter: str, template: str, to: str) -> int:
    """The serial of a letter of no ticket: the same for the same cause."""
    return int.from_bytes(hashlib.sha256(f"{letter}|{template}|{to}".encode()).digest()[:4], "big")


def drawn_up(context: DeskContext, one: Draft, now: datetime, number: int, reply: str, purpose: Purpose | None = None) -> Outgoing:
    """The rendered letter with all its headers."""
    rendered = one.values if isinstance(one.values, Rendered) else render(context, one.template, one.values)
    until = expiry(context, now) if one.audience is Audience.agent else None
    message_id = context.signer.message_id(number, purpose or PURPOSE[one.audience], one.to, one.serial, until)
    headers = [("Reply-To", reply)] if reply else []
    signer = context.signer  # what is signed for another person would prove him: it stays out of this one's letter
    answers = [known for known in one.answers if not signer.peek(known) or signer.check(known, (one.to,), now.date())]
    if answers:
        headers.append(("In-Reply-To", f"<{answers[-1]}>"))
        chain = answers if len(answers) <= MOST_REFERENCES else (answers[0], *answers[1 - MOST_REFERENCES :])
        headers.append(("References", " ".join(f"<{known}>" for known in chain)))
    if one.automatic:
        headers += [("Auto-Submitted", one.mark), ("X-Auto-Response-Suppress", QUIET), ("Precedence", "bulk")]
    headers.append(("X-Desk-Own", context.signer.token(number, Purpose.own, message_id, one.serial)))
    return Outgoing(
        id=one.serial,
        template=one.template,
        audience=one.audience,
        to=one.to,
        subject=rendered.subject,
        body=rendered.body,
        language=rendered.language,
        message_id=message_id,
        created=now,
        due=now,
        envelope_from=sender_of(context, number, one.serial, one.to, one.template),
        automatic=one.automatic,
        headers=tuple(headers),
        letter=one.letter,
    )


def render(context: DeskContext, template: str, values: Context) -> Rendered:
    """The words of a letter; to staff, without a stranger's line that would be a command."""
    shown = values if isinstance(values, ToRequester) else for_staff(values)
    return context.templates.render(template, shown)


def expiry(context: DeskContext, now: datetime) -> date:
    """The last day on which a signed agent address made now is valid."""
    return (now + timedelta(days=context.policy.periods.agent_link_days)).date()


def sender_of(context: DeskContext, number: int, serial: int, to: str, template: str) -> str:
    """The envelope sender: null for error letters, VERP otherwise (`DESK_RETURN=plain`: the desk's address for all)."""
    if not context.verp:
        return context.policy.desk.address
    return "" if template in ("command_error", "confirm") else context.signer.address(number, Purpose.bounce, to, serial)


def thread_of(ticket: Ticket, *last: str) -> tuple[str, ...]:
    """Message-IDs of the requester's side of the conversation, the oldest first, `last` at the end."""
    ids = [entry.message_id for entry in ticket.entries if entry.public and entry.message_id]
    ids += [one.message_id for one in ticket.outgoing if one.audience is Audience.requester and one.state is not Delivery.cancelled]
    return tuple(dict.fromkeys([one for one in ids if one not in last] + [one for one in last if one]))


def staff_thread(ticket: Ticket, to: str, *last: str) -> tuple[str, ...]:
    """Message-IDs of what this member of staff has been sent about the ticket: one ticket, one thread in the mail program."""
    ids = [one.message_id for one in ticket.outgoing if one.to == to and one.audience is not Audience.requester]
    return tuple(dict.fromkeys([*ids[:1], *ids[-1:], *(one for one in last if one)]))


# ----------------------------------------------------------------------------------------------------------- views


def desk_view(context: DeskContext, language: str) -> DeskView:
    """The desk as a letter in this language names it."""
    desk = context.policy.desk
    return DeskView(
        name=desk.name_in(language),
        address=desk.address,
        url=desk.links.get("site", ""),
        links=dict(desk.links),
        regulation_url=desk.regulation_url,
        clauses=context.policy.clauses,
        hours=context.policy.calendar.describe(context.terms(language).hours),
    )


def tag(context: DeskContext, number: int) -> str:
    """PF-12."""
    return f"{context.policy.desk.prefix}-{number}"


def public_ticket(context: DeskContext, ticket: Ticket, repeats: bool, to: str = "") -> PublicTicket:
    """The customers' view; without the sender's words where they may not be repeated, or another's name."""
    return PublicTicket(
        number=ticket.number,
        tag=tag(context, ticket.number),
        status=ticket.status,
        waiting_for=ticket.waiting_for,
        opened=ticket.opened,
        subject=context.subjects.base(ticket.subject) if repeats else "",
        resolution=ticket.resolution,
        requester_name=ticket.requester.name if repeats and to in ("", ticket.requester.email) else "",
    )


def for_requester(context: DeskContext, ticket: Ticket, repeats: bool = True, **more: Any) -> contexts.AgentLetter:
    """What a letter to the requester says of desk and ticket, in the ticket's language; `more` is its own."""
    language = context.language(ticket.language)
    view = public_ticket(context, ticket, repeats)
    return contexts.AgentLetter(desk=desk_view(context, language), language=language, ticket=view, **more)


def agent_ticket(context: DeskContext, ticket: Ticket) -> AgentTicket:
    """The staff's view."""
    owner = context.policy.people.agent(ticket.owner) if ticket.owner else None
    return AgentTicket(
        number=ticket.number,
        tag=tag(context, ticket.number),
        subject=context.subjects.base(ticket.subject),
        status=ticket.status,
        waiting_for=ticket.waiting_for,
        priority=ticket.priority,
        opened=ticket.opened,
        due=ticket.due,
        owner=owner.name if owner else ticket.owner,
        requester_name=ticket.requester.name,
        requester_email=ticket.requester.email,
        labels=ticket.labels,
        resolution=ticket.resolution,
    )


def kept(ticket: Ticket | None, text: str) -> str:
    """As much of a letter's text as its ticket keeps; the whole letter stays in the archive."""
    room = MOST_TEXT - sum(len(entry.text) for entry in ticket.entries[-MOST_ENTRIES:]) if ticket else MOST_TEXT
    return text[: max(LEAST_OF_ONE, min(MOST_OF_ONE, room))]


def shortened(text: str, most: int, more: str = "…") -> str:
    """The text, or its first `most` characters and a line that says so."""
    return text if len(text) <= most else f"{text[:most].rstrip()}\n{more}"


def history(
    context: DeskContext, ticket: Ticket, most: int = MOST_HISTORY, skip: str = "", each: int = MOST_QUOTED,
    reader: str = "",
) -> tuple[PublicEntry, ...]:  # fmt: skip
    """The correspondence as `reader` (the requester) may know it, the newest first, `each` characters a
    letter, without the letter `skip`. A participant has taken no part in what was merged into the ticket.
    """
    reader = reader or ticket.requester.email
    own = reader == ticket.requester.email
    rows = (
        PublicEntry(
            at=entry.at, name=entry.name or entry.who or context.policy.desk.name,
            text=shortened(entry.text, each), mine=entry.who == reader,
        )
        for entry in reversed(ticket.entries)
        if entry.public
        and entry.text
        and not (skip and entry.letter == skip)
        and (own or not entry.about.startswith("merged/"))
    )  # fmt: skip
    return tuple(islice(rows, most))


def agent_address(context: DeskContext, ticket: Ticket | TicketSummary, agent: str, now: datetime) -> str:
    """The signed address that proves this agent's letters about the ticket."""
    return context.signer.address(ticket.number, Purpose.agent, agent, until=expiry(context, now))


def button(context: DeskContext, ticket: Ticket, agent: Agent, label: str, say: str, now: datetime) -> Button:
    """A mailto: link that writes `say` to the agent's signed address of this ticket."""
    return linking(context, ticket, agent, now)(label, say)


def linking(
    context: DeskContext, ticket: Ticket | TicketSummary, agent: Agent, now: datetime
) -> Callable[[str, str], Button]:
    """What makes (label, say) a button, for several of one letter."""
    subject = f"[{tag(context, ticket.number)}] {context.subjects.base(ticket.subject)[:60]}".strip()
    begin = mailto(agent_address(context, ticket, agent.address, now), subject)
    return lambda label, say: Button(label=label, url=begin + body(say), say=say)


def mailto(address: str, subject: str, say: str = "") -> str:
    """RFC 6068: the local part's `+` may stand, all else is percent-encoded, and a blank is %20: mail programs show a `+` as it is."""
    return f"mailto:{quote(address, safe='@+')}?subject={quote(subject, safe='')}" + (body(say) if say else "")


@lru_cache(256)  # the same few commands in all notices
def body(say: str) -> str:
    """What a mailto: link writes, with line breaks as %0D%0A."""
    said = say.rstrip("\n") + "\n"
    return "&body=" + quote(said.replace("\n", "\r\n"), safe="")
