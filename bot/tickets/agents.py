"""An agent's letter: proved, parsed whole, and then carried out whole or refused whole; one receipt or one error answers it.

A From line proves nothing. The signed address of this agent's own copy of a notice does (design, sections 6 and 8).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from bot.model import Audience, Decision, Delivery, DeskRecord, Entry, Fate, Letter, Outgoing, Seen, Ticket
from bot.replies import gate
from bot.replies.contexts import CommandError, Help, Kept, Line, Preview, Receipt
from bot.store.port import Found, Sender
from bot.tickets import notices
from bot.tickets.commands import COMMANDS, Parsed, Wrong, parse
from bot.tickets.identity import Purpose
from bot.tickets.office import Office
from bot.tickets.orders import Job, Refusal, carry_out, noted, snapshot
from bot.tickets.place import Sight, followed
from bot.tickets.words import label, say
from bot.tickets.writing import agent_ticket, button, desk_view, loose, post, staff_thread

MOST_KEPT = 50_000  # characters of a text that is kept for its sender


def decide(letter: Letter, sight: Sight, found: Found, office: Office, now: datetime) -> Decision:
    """What a letter from an agent's address changes; nothing, unless it is proved and right in every line."""
    agent = office.policy.people.agent(sight.agent)
    if agent is None:
        raise ValueError(f"{sight.agent} is no agent")
    job = Job(office=office, agent=agent, letter=letter, now=now, language=office.language(agent.language or "", office.policy.desk.language))
    proofs = [one for one in sight.references if one.purpose is Purpose.agent]
    fresh = [one for one in proofs if not one.expired]
    if not fresh:
        return refused(job, found, reason="expired" if proofs else "unproved")
    ticket = followed(found, fresh[0].ticket)
    if ticket is None:
        return refused(job, found, reason="no_ticket")
    parsed = merged(parse(letter.text, office.policy))
    if parsed.wrong:
        return refused(job, found, wrong=parsed.wrong, ticket=ticket)
    if not parsed.orders or all(order.name == "help" for order in parsed.orders):
        return helped(job, ticket) if parsed.orders or not parsed.above else kept(job, ticket, parsed.above)
    try:
        changed = carry_out(job, ticket, tuple(order for order in parsed.orders if order.name != "help"))
    except Refusal as refusal:
        wrong = Wrong(line=refusal.line, reason=refusal.reason, what=refusal.what, hint=refusal.hint)
        return refused(job, found, wrong=(wrong,), ticket=ticket)
    if parsed.above:
        changed = noted(job, changed, parsed.above)
        job.tell("noted_above")
    return receipted(job, ticket, changed, parsed)


def merged(parsed: Parsed) -> Parsed:
    """`#reply` with a text and a bare `#resolve` after it are one letter to the customer, not two."""
    orders = list(parsed.orders)
    for first, second in zip(parsed.orders, parsed.orders[1:], strict=False):
        if first.name == "reply" and second.name == "resolve" and not second.text and not parsed.wrong:
            orders[orders.index(second)] = replace(second, text=first.text)
            orders.remove(first)
    return replace(parsed, orders=tuple(orders))


def receipted(job: Job, before: Ticket, ticket: Ticket, parsed: Parsed) -> Decision:
    """The ticket with the command letter entered, and the receipt that shows what the customer will get."""
    ident, undone = job.letter.envelope.letter, any(order.name == "undo" for order in parsed.orders)
    ticket = entered(job, ticket)
    if not undone:
        ticket = snapshot(before, ticket, ident, job.now)
    previews = tuple(
        Preview(
            to=one.to,
            subject=one.subject,
            text=one.text,
            leaves=one.due if one.due > job.now else None,
            files=tuple(file.name for file in one.attachments),
        )
        for one in ticket.outgoing
        if one.letter == ident and one.audience is Audience.requester and one.state is Delivery.waiting
    )
    if any(order.name != "show" for order in parsed.orders):
        word, caption = label("undo", job.language)
        context = Receipt(
            desk=desk_view(job.office, job.language),
            language=job.language,
            ticket=agent_ticket(job.office, ticket),
            done=tuple(job.done),
            previews=previews,
            undo=None if undone else button(job.office, ticket, job.agent, caption, f"#{word}", job.now),
            buttons=notices.buttons(ticket, job.agent, job.office, job.now, job.language, ("reply", "resolve", "note")),
        )
        ticket = to_agent(job, ticket, "receipt", context)
    names = [order.name for order in parsed.orders]
    events: list[tuple[str, dict[str, Any]]] = [("command", {"letter": ident, "ticket": ticket.number, "commands": names, "who": job.agent.address})]
    return Decision(tickets=(ticket,), events=tuple(events))


def entered(job: Job, ticket: Ticket) -> Ticket:
    """The command letter in the record of the ticket."""
    letter = job.letter
    entry = Entry(
        at=job.now, kind="command", public=False, who=job.agent.address, name=job.agent.name, text=letter.text[:MOST_KEPT],
        letter=letter.envelope.letter, message_id=letter.message_id, attachments=letter.attachments,
    )  # fmt: skip
    seen = Seen(letter=letter.envelope.letter, fate=Fate.command, message_id=letter.message_id, fingerprint=letter.fingerprint, at=job.now)
    return replace(ticket, entries=(*ticket.entries, entry), seen=(*ticket.seen, seen), changed=job.now)


def to_agent(job: Job, ticket: Ticket, template: str, context: Any) -> Ticket:
    """A letter to the agent whose letter is answered, in the ticket's thread of his mail program."""
    answers = staff_thread(ticket, job.agent.address, job.letter.message_id)
    return post(
        job.office, ticket, Audience.agent, template, context, job.agent.address, job.now,
        letter=job.letter.envelope.letter, answers=answers, mark="auto-replied",
    )  # fmt: skip


def kept(job: Job, ticket: Ticket, text: str) -> Decision:
    """A letter without any command sends nothing to anybody: its text is kept for a day, with a button that sends it."""
    until = job.now + timedelta(hours=job.office.policy.periods.kept_hours)
    ticket = entered(job, ticket)
    ticket = replace(
        ticket, kept={"agent": job.agent.address, "text": text[:MOST_KEPT], "until": until.isoformat(), "letter": job.letter.envelope.letter}
    )
    context = Kept(
        desk=desk_view(job.office, job.language),
        language=job.language,
        ticket=agent_ticket(job.office, ticket),
        text=text,
        until=until,
        buttons=notices.buttons(ticket, job.agent, job.office, job.now, job.language, ("send", "help")),
    )
    event = ("command", {"letter": job.letter.envelope.letter, "ticket": ticket.number, "commands": ["kept"], "who": job.agent.address})
    return Decision(tickets=(to_agent(job, ticket, "kept", context),), events=(event,))


def helped(job: Job, ticket: Ticket) -> Decision:
    """The list of commands."""
    rows = tuple((" · ".join(f"#{word}" for word in one.words[:3]), one.help_ru if job.language == "ru" else one.help_en) for one in COMMANDS)
    ticket = entered(job, ticket)
    context = Help(desk=desk_view(job.office, job.language), language=job.language, commands=rows, ticket=agent_ticket(job.office, ticket))
    event = ("command", {"letter": job.letter.envelope.letter, "ticket": ticket.number, "commands": ["help"], "who": job.agent.address})
    return Decision(tickets=(to_agent(job, ticket, "help", context),), events=(event,))


def refused(job: Job, found: Found, *, reason: str = "", wrong: tuple[Wrong, ...] = (), ticket: Ticket | None = None) -> Decision:
    """Nothing changes; the agent gets his text back with the wrong lines marked. The error letter passes the gate like any other."""
    letter, office, language = job.letter, job.office, job.language
    text = letter.text.splitlines()
    context = CommandError(
        desk=desk_view(office, language),
        language=language,
        lines=tuple(worded(one, text, language) for one in wrong),
        text=letter.text if ticket else "",  # an unproved letter is perhaps not his: nothing of it is repeated
        marked=tuple(one.line for one in wrong),
        ticket=agent_ticket(office, ticket) if ticket else None,
        reason=say(reason, language) if reason else "",
        buttons=notices.buttons(ticket, job.agent, office, job.now, language, ("help",)) if ticket else (),
    )
    known = found.senders.get(job.agent.address, Sender())
    traffic = gate.Traffic(errors=known.errors, suppressed=known.suppressed)
    ruling = gate.to_staff(job.agent.address, traffic, office.signer.is_ours, office.policy.caps if office.caps else None, job.now, error=True)
    reply = (
        office.signer.address(
            ticket.number, Purpose.agent, job.agent.address, until=job.now.date() + timedelta(days=office.policy.periods.agent_link_days)
        )
        if ticket
        else ""
    )
    outgoing: tuple[Outgoing, ...] = ()
    if ruling.to:
        answers = [letter.message_id] if letter.message_id else []
        made = loose(
            office, Audience.agent, "command_error", context, ruling.to, job.now, letter=letter.envelope.letter, answers=answers, reply=reply
        )
        outgoing = (replace(made, state=Delivery.held, result=ruling.reason) if ruling.held else made,)
    record = DeskRecord(
        at=job.now, about="command", letter=letter.envelope.letter, fate=Fate.command, message_id=letter.message_id, fingerprint=letter.fingerprint,
        who=job.agent.address, words=reason or wrong[0].reason, outgoing=outgoing,
    )  # fmt: skip
    fields = {"letter": letter.envelope.letter, "reason": record.words, "who": job.agent.address, **({"ticket": ticket.number} if ticket else {})}
    return Decision(records=(record,), events=(("command_refused", fields),))


def worded(one: Wrong, text: list[str], language: str) -> Line:
    """A wrong line as the agent reads it."""
    what = say(f"argument_{one.what}", language) if one.reason == "argument_missing" else one.what
    hint = say("allowed" if "," in one.hint else "nearest", language, one.hint) if one.hint else ""
    line = text[one.line - 1] if 0 < one.line <= len(text) else ""
    return Line(number=one.line, line=line, reason=say(one.reason, language, what), hint=hint)
