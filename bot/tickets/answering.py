"""The one letter that answers an agent's letter: receipt, error, confirmation, kept text or help; and the gates before it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from bot.model import Audience, Decision, Delivery, DeskRecord, Entry, Fate, Outgoing, Seen, Ticket
from bot.replies import gate
from bot.replies.contexts import Button, CommandError, Confirm, Help, Kept, Line, Preview, Receipt
from bot.replies.leak import leak
from bot.replies.terms import Terms, sentence
from bot.store.port import Sender
from bot.tickets import notices
from bot.tickets.commands import BY_NAME, COMMANDS, Parsed, Wrong, button_of, spoken
from bot.tickets.identity import Purpose
from bot.tickets.job import Desk, Job, Refusal, Said
from bot.tickets.undo import snapshots
from bot.tickets.writing import agent_ticket, button, desk_view, loose, mailto, post, staff_thread, tag

INSIDE = ("note", "letter")  # kinds of entries whose words must not leave where they are not public
MOST_KEPT = 50_000  # characters of a text that is kept for its sender
MOST_TEXTS = 5  # of such texts in one ticket
MOST_TALK = 5  # answers to letters without commands, in ten minutes and one ticket: more is a robot in the agent's name


def guard(job: Job, after: Desk) -> None:
    """The leak gate: raises Refusal with the fragment that must not leave."""
    tickets = [one for one in (after, *job.others.values()) if one is not None]
    internal = [entry for one in tickets for entry in one.entries if not entry.public and entry.kind in INSIDE]
    for ticket in tickets:
        public = [entry for entry in ticket.public_entries() if entry.letter != job.ident or entry.kind == "letter"]
        for one in ticket.outgoing:
            if one.letter == job.ident and one.audience is Audience.requester:
                fragment = leak(one, internal, public, job.office.templates.sources, job.letter.file_texts)
                if fragment:
                    raise Refusal("leak", fragment)


def receipted(job: Job, before: Desk, ticket: Desk, parsed: Parsed) -> Decision:
    """Everything that the letter changed, and a letter to the agent of each ticket that it changed or shows;
    lists come in a letter of no ticket. The seen id is written last.
    """
    names = [order.name for order in parsed.orders]
    # nothing but looks: #undo still means the letter before
    looked = ticket is before and not job.others and not job.records
    own = {ticket.number: ticket} if ticket is not None and (not looked or job.own in job.said) else {}
    changed = {**job.others, **({} if looked else own)}
    if "undo" not in names:
        changed = snapshots(job, changed)
    only_shown = {at: job.known(at) for at in job.said if at and at not in changed} | (own if looked else {})
    shown = {at: one for at, one in only_shown.items() if one is not None}
    tickets = list({**shown, **changed}.values())
    records, outgoing = tuple(job.records), of_the_desk(job)
    about = {"ticket": tickets[-1].number} if tickets else {}
    events = (("command", {"letter": job.ident, **about, "commands": names, "who": job.agent.address}),)
    if not tickets:
        return Decision(records=(*records, job.account("command", " ".join(names), outgoing)), events=events)
    if outgoing:
        letter, who = job.ident, job.agent.address
        records = (*records, DeskRecord(at=job.now, about="list", letter=letter, who=who, outgoing=outgoing))
    undoable = not looked and "undo" not in names and any(not BY_NAME[name].undo for name in names)
    undone = "undo" in names and not tickets[-1].undo  # with what it took back, it has changed nothing
    *rest, last = (answered(job, one, bool(undoable)) for one in tickets)
    last = entered(job, last, looked=looked, undone=undone)
    return Decision(tickets=(*rest, last), records=records, events=events)


def answered(job: Job, ticket: Ticket, undoable: bool) -> Ticket:
    """The ticket with its letters to the agent: a receipt of what was done, and all of it if asked for."""
    said = job.said.get(ticket.number, Said())
    if ticket.number != job.own and job.has_written(ticket, job.agent.address):
        return ticket  # a crash came between two writes, and this one has been done
    undo = None
    if undoable and not ticket.undo.get("of"):
        word, caption = button_of("undo", job.terms)
        number = ticket.outgoing[-1].id + 1 if ticket.outgoing else 1  # that of the receipt
        undo = button(job.office, ticket, job.agent, caption, f"#{word} {number}", job.now)
    context = receipt(job, ticket, said, undo)
    if said.done or said.sections or said.files or context.previews:
        ticket = to_agent(job, ticket, "receipt", context, tuple(said.files))
    if said.shown:
        ticket = job.told(ticket, job.agent, said.shown, tag(job.office, ticket.number), whole=True)
    return ticket


def receipt(job: Job, ticket: Desk, said: Said, undo: Button | None = None) -> Receipt:
    """What the receipt tells: each text that is to leave once, with everybody who gets it."""
    alike: dict[tuple[str, str], list[Outgoing]] = {}
    for one in ticket.outgoing if ticket else ():
        if one.letter == job.ident and one.audience is Audience.requester and one.state is Delivery.waiting:
            alike.setdefault((one.subject, one.text), []).append(one)
    previews = tuple(
        Preview(
            to=", ".join(one.to for one in same), subject=subject, text=text,
            leaves=same[0].due if same[0].due > job.now else None,
            files=tuple(file.name for file in same[0].attachments),
        )
        for (subject, text), same in alike.items()
    )  # fmt: skip
    agent, office, language = job.agent, job.office, job.language
    # what was merged lives on in its target alone
    names = () if ticket and ticket.merged_into else ("reply", "resolve", "note")
    return Receipt(
        desk=desk_view(office, language),
        language=language,
        ticket=agent_ticket(office, ticket) if ticket else None,
        done=tuple(said.done),
        sections=tuple(said.sections),
        previews=previews,
        undo=undo,
        buttons=notices.buttons(ticket, agent, office, job.now, job.terms, names) if ticket else (),
    )


def of_the_desk(job: Job) -> tuple[Outgoing, ...]:
    """The letter of no ticket that lists what was asked for, if anything was. Where the command came in a
    ticket's thread, it is outside of it: whoever answers it is not to reach that ticket.
    """
    if 0 not in job.said:
        return ()
    answers = [job.letter.message_id] if job.letter.message_id and not job.own else []
    context = receipt(job, None, job.said[0])
    return (loose(job.office, "receipt", context, job.agent.address, job.now, letter=job.ident, answers=answers),)


def entered(job: Job, ticket: Ticket, *, looked: bool = False, undone: bool = False) -> Ticket:
    """The command letter in the record of the ticket, unless it only looked, and in its account."""
    letter = job.letter
    entry = Entry(
        at=job.now, kind="command", public=False, who=job.agent.address, name=job.agent.name, text=letter.text[:MOST_KEPT],
        letter=letter.envelope.letter, message_id=job.message_id, attachments=letter.attachments,
    )  # fmt: skip
    seen = Seen(
        letter=job.ident, fate=Fate.command, message_id=job.message_id, fingerprint=job.fingerprint,
        at=job.now, looked=looked or undone,
    )  # fmt: skip
    if looked:
        return replace(ticket, seen=(*ticket.seen, seen))
    return replace(ticket, entries=(*ticket.entries, entry), seen=(*ticket.seen, seen), changed=job.now)


def to_agent(job: Job, ticket: Ticket, template: str, context: Any, files: Any = ()) -> Ticket:
    """A letter to the agent whose letter is answered, in the ticket's thread of their mail program."""
    # another ticket's thread is no part of it
    answered_one = () if job.own not in (0, ticket.number) else (job.letter.message_id,)
    answers = staff_thread(ticket, job.agent.address, *answered_one)
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
    serial, (word, caption) = ticket.outgoing[-1].id + 1 if ticket.outgoing else 1, button_of("send", job.terms)
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
            *notices.buttons(ticket, job.agent, job.office, job.now, job.terms, ("help",)),
        ),
    )
    return talked(job, ticket, "kept", context, "kept")


def helped(job: Job, ticket: Desk) -> Decision:
    """The list of commands."""
    rows = tuple((" · ".join(f"#{word}" for word in one.words[:3]), job.terms.commands[one.name].help) for one in COMMANDS)
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
        lines=tuple(worded(one, text, job.terms) for one in wrong if one.line),
        text=letter.text[:MOST_KEPT] if wrong else "",  # an unproved letter is perhaps not his: nothing of it is repeated
        marked=tuple(one.line for one in wrong),
        ticket=agent_ticket(office, ticket) if ticket else None,
        reason=sentence(job.terms.say(reason)) if reason else " ".join(worded(one, text, job.terms).reason for one in wrong if not one.line),
        buttons=notices.buttons(ticket, job.agent, office, job.now, job.terms, ("help",)) if ticket else (),
    )
    made = unbound(job, "command_error", context, ticket.number if ticket else 0)
    record = job.account("command", reason or wrong[0].reason, made)
    fields = {"letter": job.ident, "reason": record.words, "who": job.agent.address, **({"ticket": ticket.number} if ticket else {})}
    return Decision(records=(record,), events=(("command_refused", fields),))


def confirmation(
    job: Job, ticket: Desk, text: str, files: tuple[str, ...], serial: int
) -> tuple[Outgoing, ...]:
    """The question whether they wrote it, to their own address; only its answer carries out what it shows."""
    until = job.now + timedelta(hours=job.office.policy.periods.confirm_hours)
    signer, (word, caption) = job.office.signer, button_of("confirm", job.terms)
    token = signer.token(0, Purpose.confirm, job.agent.address, serial, until.date())
    address = signer.address(0, Purpose.confirm, job.agent.address, serial, until.date())
    code = "" if signer.plus else f" [{token}]"  # place.codes finds it in the subject of the answer
    context = Confirm(
        desk=desk_view(job.office, job.language),
        language=job.language,
        text=text,
        files=files,
        until=until,
        ticket=agent_ticket(job.office, ticket) if ticket else None,
        buttons=(Button(label=caption, url=mailto(address, caption + code, f"#{word}"), say=f"#{word}"),),
    )
    made = unbound(job, "confirm", context, 0, Purpose.confirm, until, serial)
    return tuple(replace(one, subject=one.subject + code) for one in made)


def unbound(
    job: Job, template: str, context: Any, number: int = 0, purpose: Purpose | None = None,
    until: datetime | None = None, serial: int = 0,
) -> tuple[Outgoing, ...]:  # fmt: skip
    """A letter to the agent that is kept in no ticket, through the gate: over its cap it is held. Answers to it are about that number."""
    known = job.found.senders.get(job.agent.address, Sender())
    traffic = gate.Traffic(errors=known.errors, suppressed=known.suppressed)
    caps = job.office.policy.caps if job.office.caps else None
    ruling = gate.to_staff(job.agent.address, traffic, job.office.signer.is_ours, caps, job.now, error=True)
    if not ruling.to:
        return ()
    answers = [job.letter.message_id] if job.letter.message_id else []
    made = loose(
        job.office, template, context, ruling.to, job.now,
        letter=job.ident, number=number, answers=answers, purpose=purpose, until=until, serial=serial,
    )  # fmt: skip
    return (replace(made, state=Delivery.held, result=ruling.reason) if ruling.held else made,)


def worded(one: Wrong, text: list[str], terms: Terms) -> Line:
    """A wrong line as the agent reads it."""
    what = terms.say(f"argument_{one.what}") if one.reason == "argument_missing" else one.what
    command = one.reason in ("text_missing", "which_ticket") and what in BY_NAME
    what = spoken(what, terms.language) if command else what
    hint = terms.say("allowed" if "," in one.hint or "–" in one.hint else "nearest", one.hint) if one.hint else ""
    line = text[one.line - 1] if 0 < one.line <= len(text) else ""
    return Line(number=one.line, line=line, reason=sentence(terms.say(one.reason, what)), hint=sentence(hint))
