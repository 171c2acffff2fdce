"""The one letter that answers an agent's letter: receipt, error, confirmation, kept text or help; and the gates before it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from bot.model import Audience, Decision, Delivery, Entry, Fate, Outgoing, Seen, Ticket
from bot.replies import gate
from bot.replies.contexts import Button, CommandError, Confirm, Help, Kept, Line, Preview, Receipt
from bot.replies.leak import leak
from bot.store.port import Sender
from bot.tickets import notices
from bot.tickets.commands import BY_NAME, COMMANDS, Parsed, Wrong, spoken
from bot.tickets.identity import Purpose
from bot.tickets.job import Desk, Job, Refusal
from bot.tickets.orders import snapshot
from bot.tickets.words import label, say, sentence
from bot.tickets.writing import agent_ticket, button, desk_view, expiry, loose, mailto, post, serial_of, staff_thread

MOST_KEPT = 50_000  # characters of a text that is kept for its sender
MOST_TEXTS = 5  # of such texts in one ticket
MOST_SHOWN = 10_000  # characters of an unproved letter that its confirmation repeats; a longer one is not asked about
MOST_TALK = 5  # answers to letters without commands, in ten minutes and one ticket: more is a robot in the agent's name


def guard(job: Job, after: Desk) -> None:
    """The leak gate: raises Refusal with the fragment that must not leave."""
    tickets = [one for one in (after, *job.others.values()) if one is not None]
    internal = [entry for one in tickets for entry in one.entries if not entry.public and entry.kind == "note"]
    for ticket in tickets:
        public = [entry for entry in ticket.public_entries() if entry.letter != job.ident or entry.kind == "letter"]
        for one in ticket.outgoing:
            if one.letter == job.ident and one.audience is Audience.requester:
                fragment = leak(one, internal, public, job.office.templates.sources, job.letter.file_texts)
                if fragment:
                    raise Refusal("leak", fragment)


def receipted(job: Job, before: Desk, ticket: Desk, parsed: Parsed) -> Decision:
    """Everything that the letter changed, and the receipt that shows what the customer will get; the seen id is written last."""
    names = [order.name for order in parsed.orders]
    others = tuple(job.others)
    if "undo" not in names:
        job.others = {one: snapshot(job.found.tickets.get(one), job.others[one], (), job) for one in others}
    outgoing = [one for changed in (*job.others.values(), *((ticket,) if ticket else ())) for one in changed.outgoing if one.letter == job.ident]
    last = ticket or (job.others.pop(others[-1]) if others else None)
    if last is None:
        return of_the_desk(job, names)
    last = entered(job, last)
    if "undo" not in names and ticket is not None:
        last = snapshot(before, last, others, job)
    word, caption = label("undo", job.language)
    undoable = ticket is not None and "undo" not in names and set(names) - LOOKING
    context = receipt(job, last, outgoing, button(job.office, last, job.agent, caption, f"#{word}", job.now) if undoable else None)
    last = to_agent(job, last, "receipt", context, tuple(job.files))
    fields = {"letter": job.ident, "ticket": last.number, "commands": names, "who": job.agent.address}
    return Decision(tickets=(*job.others.values(), last), records=tuple(job.records), events=(("command", fields),))


LOOKING = frozenset({"show", "queue", "search", "sla", "file", "help", "next", "away", "back", "outage", "unblock", "release"})  # no #undo


def receipt(job: Job, ticket: Desk, outgoing: list[Outgoing], undo: Any = None) -> Receipt:
    """What the receipt tells."""
    previews = tuple(
        Preview(
            to=one.to, subject=one.subject, text=one.text, leaves=one.due if one.due > job.now else None,
            files=tuple(file.name for file in one.attachments),
        )
        for one in outgoing
        if one.audience is Audience.requester and one.state is Delivery.waiting
    )  # fmt: skip
    names = ("reply", "resolve", "note") if ticket else ()
    return Receipt(
        desk=desk_view(job.office, job.language),
        language=job.language,
        ticket=agent_ticket(job.office, ticket) if ticket else None,
        done=tuple(job.done),
        sections=tuple(job.sections),
        previews=previews,
        undo=undo,
        buttons=notices.buttons(ticket, job.agent, job.office, job.now, job.language, names) if ticket else (),
    )


def of_the_desk(job: Job, names: list[str]) -> Decision:
    """A letter that changed no ticket: a record of the desk holds it and its receipt."""
    answers = [job.letter.message_id] if job.letter.message_id else []
    reply = job.office.signer.address(0, Purpose.agent, job.agent.address, until=expiry(job.office, job.now))
    context = receipt(job, None, [])
    made = loose(
        job.office, Audience.agent, "receipt", context, job.agent.address, job.now, letter=job.ident, answers=answers, reply=reply
    )
    record = job.account("command", " ".join(names), (replace(made, attachments=tuple(job.files)),))
    event = ("command", {"letter": job.ident, "commands": names, "who": job.agent.address})
    return Decision(records=(*job.records, record), events=(event,))


def entered(job: Job, ticket: Ticket) -> Ticket:
    """The command letter in the record of the ticket, and in its account."""
    letter = job.letter
    entry = Entry(
        at=job.now, kind="command", public=False, who=job.agent.address, name=job.agent.name, text=letter.text[:MOST_KEPT],
        letter=letter.envelope.letter, message_id=job.message_id, attachments=letter.attachments,
    )  # fmt: skip
    seen = Seen(letter=job.ident, fate=Fate.command, message_id=job.message_id, fingerprint=job.fingerprint, at=job.now)
    return replace(ticket, entries=(*ticket.entries, entry), seen=(*ticket.seen, seen), changed=job.now)


def to_agent(job: Job, ticket: Ticket, template: str, context: Any, files: Any = ()) -> Ticket:
    """A letter to the agent whose letter is answered, in the ticket's thread of his mail program."""
    answers = staff_thread(ticket, job.agent.address, job.letter.message_id)
    return post(
        job.office, ticket, Audience.agent, template, context, job.agent.address, job.now,
        letter=job.ident, answers=answers, mark="auto-replied", files=files,
    )  # fmt: skip


def talked(job: Job, ticket: Ticket, template: str, context: Any, word: str) -> Decision:
    """An answer that asks for a command; a robot that answers it with words again and again is not answered for ever."""
    times = [one.created for one in ticket.outgoing if one.to == job.agent.address and one.template in ("kept", "help")]
    ticket = to_agent(job, entered(job, ticket), template, context)
    if gate.full(times, MOST_TALK, 10, job.now):
        held = replace(ticket.outgoing[-1], state=Delivery.held, result="errors")
        ticket = replace(ticket, outgoing=(*ticket.outgoing[:-1], held))
    event = ("command", {"letter": job.ident, "ticket": ticket.number, "commands": [word], "who": job.agent.address})
    return Decision(tickets=(ticket,), events=(event,))


def kept(job: Job, ticket: Ticket, text: str) -> Decision:
    """A letter without any command sends nothing to anybody: its text is kept for a day, with a button that sends it."""
    until = job.now + timedelta(hours=job.office.policy.periods.kept_hours)
    serial, (word, caption) = ticket.outgoing[-1].id + 1 if ticket.outgoing else 1, label("send", job.language)
    older = dict(tuple(ticket.kept.items())[1 - MOST_TEXTS :])
    ticket = replace(ticket, kept={**older, str(serial): text[:MOST_KEPT]})
    context = Kept(
        desk=desk_view(job.office, job.language),
        language=job.language,
        ticket=agent_ticket(job.office, ticket),
        text=text,
        until=until,
        buttons=(
            button(job.office, ticket, job.agent, caption, f"#{word} {serial}", job.now),
            *notices.buttons(ticket, job.agent, job.office, job.now, job.language, ("help",)),
        ),
    )
    return talked(job, ticket, "kept", context, "kept")


def helped(job: Job, ticket: Desk) -> Decision:
    """The list of commands."""
    rows = tuple((" · ".join(f"#{word}" for word in one.words[:3]), one.help_ru if job.language == "ru" else one.help_en) for one in COMMANDS)
    view = agent_ticket(job.office, ticket) if ticket else None
    context = Help(desk=desk_view(job.office, job.language), language=job.language, commands=rows, ticket=view)
    if ticket is not None:
        return talked(job, ticket, "help", context, "help")
    record = job.account("command", "help", unbound(job, "help", context))
    return Decision(records=(record,), events=(("command", {"letter": job.ident, "commands": ["help"], "who": job.agent.address}),))


def refused(job: Job, *, reason: str = "", wrong: tuple[Wrong, ...] = (), ticket: Desk = None) -> Decision:
    """Nothing changes; the agent gets his text back with the wrong lines marked. The error letter passes the gate like any other."""
    letter, office, language = job.letter, job.office, job.language
    text = letter.text.splitlines()
    context = CommandError(
        desk=desk_view(office, language),
        language=language,
        lines=tuple(worded(one, text, language) for one in wrong if one.line),
        text=letter.text[:MOST_KEPT] if wrong else "",  # an unproved letter is perhaps not his: nothing of it is repeated
        marked=tuple(one.line for one in wrong),
        ticket=agent_ticket(office, ticket) if ticket else None,
        reason=sentence(say(reason, language)) if reason else " ".join(worded(one, text, language).reason for one in wrong if not one.line),
        buttons=notices.buttons(ticket, job.agent, office, job.now, language, ("help",)) if ticket else (),
    )
    made = unbound(job, "command_error", context, ticket.number if ticket else 0)
    record = job.account("command", reason or wrong[0].reason, made)
    fields = {"letter": job.ident, "reason": record.words, "who": job.agent.address, **({"ticket": ticket.number} if ticket else {})}
    return Decision(records=(record,), events=(("command_refused", fields),))


def confirmation(job: Job, ticket: Desk) -> tuple[Outgoing, ...]:
    """The question whether he wrote it, to his own address; only the answer to it carries the letter out."""
    until = job.now + timedelta(hours=job.office.policy.periods.confirm_hours)
    serial, (word, caption) = serial_of(job.ident, "confirm", job.agent.address), label("confirm", job.language)
    address = job.office.signer.address(0, Purpose.confirm, job.agent.address, serial, until.date())
    context = Confirm(
        desk=desk_view(job.office, job.language),
        language=job.language,
        text=job.letter.text,
        files=tuple(one.name for one in job.letter.attachments if not one.logo),
        until=until,
        ticket=agent_ticket(job.office, ticket) if ticket else None,
        buttons=(Button(label=caption, url=mailto(address, caption, f"#{word}"), say=f"#{word}"),) if job.office.signer.plus else (),
    )
    return unbound(job, "confirm", context, 0, Purpose.confirm, until)


def unbound(
    job: Job, template: str, context: Any, number: int = 0, purpose: Purpose | None = None, until: datetime | None = None
) -> tuple[Outgoing, ...]:
    """A letter to the agent that is kept in no ticket, through the gate: over its cap it is held. Answers to it are about that number."""
    known = job.found.senders.get(job.agent.address, Sender())
    traffic = gate.Traffic(errors=known.errors, suppressed=known.suppressed)
    caps = job.office.policy.caps if job.office.caps else None
    ruling = gate.to_staff(job.agent.address, traffic, job.office.signer.is_ours, caps, job.now, error=True)
    if not ruling.to:
        return ()
    answers = [job.letter.message_id] if job.letter.message_id else []
    reply = job.office.signer.address(number, Purpose.agent, job.agent.address, until=expiry(job.office, job.now))
    made = loose(
        job.office, Audience.agent, template, context, ruling.to, job.now,
        letter=job.ident, answers=answers, reply=reply, purpose=purpose, until=until,
    )  # fmt: skip
    return (replace(made, state=Delivery.held, result=ruling.reason) if ruling.held else made,)


def worded(one: Wrong, text: list[str], language: str) -> Line:
    """A wrong line as the agent reads it."""
    what = say(f"argument_{one.what}", language) if one.reason == "argument_missing" else one.what
    what = spoken(what, language) if one.reason == "text_missing" and what in BY_NAME else what
    hint = say("allowed" if "," in one.hint or "–" in one.hint else "nearest", language, one.hint) if one.hint else ""
    line = text[one.line - 1] if 0 < one.line <= len(text) else ""
    return Line(number=one.line, line=line, reason=sentence(say(one.reason, language, what)), hint=sentence(hint))
