"""The one letter that answers an agent's letter: receipt, error, confirmation, kept text or help; and the checks before it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from bot.model import Audience, Decision, Delivery, DeskRecord, Disposition, Entry, Outgoing, Seen, Ticket
from bot.rendering import reply_policy
from bot.rendering.contexts import Button, CommandError, Confirm, Help, Kept, Line, Preview, Receipt
from bot.rendering.leak_check import leak
from bot.rendering.terms import Terms, sentence
from bot.store.interface import AddressFacts
from bot.tickets import staff_notices
from bot.tickets.agents.command_run import CommandRun, Refusal, Said, TicketOrDesk
from bot.tickets.agents.parser import BY_NAME, COMMANDS, Parsed, Wrong, button_of, spoken
from bot.tickets.agents.undo import snapshots
from bot.tickets.outgoing import Draft, agent_ticket, button, desk_view, draft, draft_alone, mailto, staff_thread, tag
from bot.tickets.tokens import Purpose

INSIDE = ("note", "letter")  # kinds of entries whose words must not leave where they are not public
MOST_KEPT = 50_000  # characters of a text that is kept for its sender
MOST_TEXTS = 5  # of such texts in one ticket
MOST_TALK = 5  # answers to letters without commands, in ten minutes and one ticket: more is a robot in the agent's name


def guard(run: CommandRun, after: TicketOrDesk) -> None:
    """The leak check: raises Refusal with the fragment that must not leave."""
    tickets = [one for one in (after, *run.others.values()) if one is not None]
    internal = [entry for one in tickets for entry in one.entries if not entry.public and entry.kind in INSIDE]
    for ticket in tickets:
        public = [entry for entry in ticket.public_entries() if entry.letter != run.ident or entry.kind == "letter"]
        for one in ticket.outgoing:
            if one.letter == run.ident and one.audience is Audience.requester:
                fragment = leak(one, internal, public, run.context.templates.sources, run.letter.file_texts)
                if fragment:
                    raise Refusal("leak", fragment)


def receipted(run: CommandRun, before: TicketOrDesk, ticket: TicketOrDesk, parsed: Parsed) -> Decision:
    """Everything that the letter changed, and a letter to the agent of each ticket that it changed or shows;
    lists come in a letter of no ticket. The seen id is written last.
    """
    names = [command.name for command in parsed.commands]
    # nothing but looks: #undo still means the letter before
    looked = ticket is before and not run.others and not run.records
    own = {ticket.number: ticket} if ticket is not None and (not looked or run.own in run.said) else {}
    changed = {**run.others, **({} if looked else own)}
    if "undo" not in names:
        changed = snapshots(run, changed)
    only_shown = {at: run.ticket_of(at) for at in run.said if at and at not in changed} | (own if looked else {})
    shown = {at: one for at, one in only_shown.items() if one is not None}
    tickets = list({**shown, **changed}.values())
    records, outgoing = tuple(run.records), of_the_desk(run)
    about = {"ticket": tickets[-1].number} if tickets else {}
    events = (("command", {"letter": run.ident, **about, "commands": names, "who": run.agent.address}),)
    if not tickets:
        return Decision(records=(*records, run.account("command", " ".join(names), outgoing)), events=events)
    if outgoing:
        letter, who = run.ident, run.agent.address
        records = (*records, DeskRecord(at=run.now, about="list", letter=letter, who=who, outgoing=outgoing))
    undoable = not looked and "undo" not in names and any(not BY_NAME[name].undo for name in names)
    undone = "undo" in names and not tickets[-1].undo  # with what it took back, it has changed nothing
    *rest, last = (answered(run, one, bool(undoable)) for one in tickets)
    last = entered(run, last, looked=looked, undone=undone)
    return Decision(tickets=(*rest, last), records=records, events=events)


def answered(run: CommandRun, ticket: Ticket, undoable: bool) -> Ticket:
    """The ticket with its letters to the agent: a receipt of what was done, and all of it if asked for."""
    said = run.said.get(ticket.number, Said())
    if ticket.number != run.own and run.has_written(ticket, run.agent.address):
        return ticket  # a crash came between two writes, and this one has been done
    undo = None
    if undoable and not ticket.undo.get("of"):
        word, caption = button_of("undo", run.terms)
        number = ticket.outgoing[-1].id + 1 if ticket.outgoing else 1  # that of the receipt
        undo = button(run.context, ticket, run.agent, caption, f"#{word} {number}", run.now)
    context = receipt(run, ticket, said, undo)
    if said.done or said.sections or said.files or context.previews:
        ticket = to_agent(run, ticket, "receipt", context, tuple(said.files))
    if said.shown:
        ticket = run.told(ticket, run.agent, said.shown, tag(run.context, ticket.number), whole=True)
    return ticket


def receipt(run: CommandRun, ticket: TicketOrDesk, said: Said, undo: Button | None = None) -> Receipt:
    """What the receipt tells: each text that is to leave once, with everybody who gets it."""
    alike: dict[tuple[str, str], list[Outgoing]] = {}
    for one in ticket.outgoing if ticket else ():
        if one.letter == run.ident and one.audience is Audience.requester and one.state is Delivery.waiting:
            alike.setdefault((one.subject, one.text), []).append(one)
    previews = tuple(
        Preview(
            to=", ".join(one.to for one in same), subject=subject, text=text,
            leaves=same[0].due if same[0].due > run.now else None,
            files=tuple(file.name for file in same[0].attachments),
        )
        for (subject, text), same in alike.items()
    )  # fmt: skip
    agent, context, language = run.agent, run.context, run.language
    # what was merged lives on in its target alone
    names = () if ticket and ticket.merged_into else ("reply", "resolve", "note")
    return Receipt(
        desk=desk_view(context, language),
        language=language,
        ticket=agent_ticket(context, ticket) if ticket else None,
        done=tuple(said.done),
        sections=tuple(said.sections),
        previews=previews,
        undo=undo,
        buttons=staff_notices.buttons(ticket, agent, context, run.now, run.terms, names) if ticket else (),
    )


def of_the_desk(run: CommandRun) -> tuple[Outgoing, ...]:
    """The letter of no ticket that lists what was asked for, if anything was. Where the command came in a
    ticket's thread, it is outside of it: whoever answers it is not to reach that ticket.
    """
    if 0 not in run.said:
        return ()
    answers = [run.letter.message_id] if run.letter.message_id and not run.own else []
    context = receipt(run, None, run.said[0])
    drafted = Draft(Audience.agent, "receipt", context, run.agent.address, letter=run.ident, answers=answers)
    return (draft_alone(run.context, drafted, run.now),)


def entered(run: CommandRun, ticket: Ticket, *, looked: bool = False, undone: bool = False) -> Ticket:
    """The command letter in the record of the ticket, unless it only looked, and in its account."""
    letter = run.letter
    entry = Entry(
        at=run.now, kind="command", public=False, who=run.agent.address, name=run.agent.name, text=letter.text[:MOST_KEPT],
        letter=letter.envelope.letter, message_id=run.message_id, attachments=letter.attachments,
    )  # fmt: skip
    seen = Seen(
        letter=run.ident, disposition=Disposition.command, message_id=run.message_id, fingerprint=run.fingerprint,
        at=run.now, looked=looked or undone,
    )  # fmt: skip
    if looked:
        return replace(ticket, seen=(*ticket.seen, seen))
    return replace(ticket, entries=(*ticket.entries, entry), seen=(*ticket.seen, seen), changed=run.now)


def to_agent(run: CommandRun, ticket: Ticket, template: str, context: Any, files: Any = ()) -> Ticket:
    """A letter to the agent whose letter is answered, in the ticket's thread of their mail program."""
    # another ticket's thread is no part of it
    answered_one = () if run.own not in (0, ticket.number) else (run.letter.message_id,)
    answers = staff_thread(ticket, run.agent.address, *answered_one)
    drafted = Draft(
        Audience.agent, template, context, run.agent.address, letter=run.ident, answers=answers,
        mark="auto-replied", files=files,
    )  # fmt: skip
    return draft(run.context, ticket, drafted, run.now)


def talked(run: CommandRun, ticket: Ticket, template: str, context: Any, word: str) -> Decision:
    """An answer that asks for a command; a robot that answers it with words again and again is not answered for ever."""
    times = [one.created for one in ticket.outgoing if one.to == run.agent.address and one.template in ("kept", "help")]
    ticket = to_agent(run, entered(run, ticket), template, context)
    if reply_policy.full(times, MOST_TALK, 10, run.now):
        held = replace(ticket.outgoing[-1], state=Delivery.held, result="errors")
        ticket = replace(ticket, outgoing=(*ticket.outgoing[:-1], held))
    event = ("command", {"letter": run.ident, "ticket": ticket.number, "commands": [word], "who": run.agent.address})
    return Decision(tickets=(ticket,), events=(event,))


def kept(run: CommandRun, ticket: Ticket, text: str) -> Decision:
    """A letter without any command sends nothing to anybody: its text is kept for a day, with a button that sends it."""
    until = run.now + timedelta(hours=run.context.policy.periods.kept_hours)
    serial, (word, caption) = ticket.outgoing[-1].id + 1 if ticket.outgoing else 1, button_of("send", run.terms)
    older = dict(tuple(ticket.kept.items())[1 - MOST_TEXTS :])
    ticket = replace(ticket, kept={**older, str(serial): text[:MOST_KEPT]})
    context = Kept(
        desk=desk_view(run.context, run.language),
        language=run.language,
        ticket=agent_ticket(run.context, ticket),
        text=text,
        until=until,
        buttons=(
            button(run.context, ticket, run.agent, caption, f"#{word} {serial}", run.now),
            *staff_notices.buttons(ticket, run.agent, run.context, run.now, run.terms, ("help",)),
        ),
    )
    return talked(run, ticket, "kept", context, "kept")


def helped(run: CommandRun, ticket: TicketOrDesk) -> Decision:
    """The list of commands."""
    rows = tuple((" · ".join(f"#{word}" for word in one.words[:3]), run.terms.commands[one.name].help) for one in COMMANDS)
    view = agent_ticket(run.context, ticket) if ticket else None
    context = Help(desk=desk_view(run.context, run.language), language=run.language, commands=rows, ticket=view)
    if ticket is not None:
        return talked(run, ticket, "help", context, "help")
    record = run.account("command", "help", unbound(run, "help", context))
    return Decision(records=(record,), events=(("command", {"letter": run.ident, "commands": ["help"], "who": run.agent.address}),))


def refused(run: CommandRun, *, reason: str = "", wrong: tuple[Wrong, ...] = (), ticket: TicketOrDesk = None) -> Decision:
    """Nothing changes; the agent gets his text back with the wrong lines marked. The error letter passes the reply policy like any other."""
    letter, context, language = run.letter, run.context, run.language
    text = letter.text.splitlines()
    values = CommandError(
        desk=desk_view(context, language),
        language=language,
        lines=tuple(worded(one, text, run.terms) for one in wrong if one.line),
        text=letter.text[:MOST_KEPT] if wrong else "",  # an unproved letter is perhaps not his: nothing of it is repeated
        marked=tuple(one.line for one in wrong),
        ticket=agent_ticket(context, ticket) if ticket else None,
        reason=sentence(run.terms.say(reason)) if reason else " ".join(worded(one, text, run.terms).reason for one in wrong if not one.line),
        buttons=staff_notices.buttons(ticket, run.agent, context, run.now, run.terms, ("help",)) if ticket else (),
    )
    made = unbound(run, "command_error", values, ticket.number if ticket else 0)
    record = run.account("command", reason or wrong[0].reason, made)
    fields = {"letter": run.ident, "reason": record.words, "who": run.agent.address, **({"ticket": ticket.number} if ticket else {})}
    return Decision(records=(record,), events=(("command_refused", fields),))


def confirmation(
    run: CommandRun, ticket: TicketOrDesk, text: str, files: tuple[str, ...], serial: int
) -> tuple[Outgoing, ...]:
    """The question whether they wrote it, to their own address; only its answer carries out what it shows."""
    until = run.now + timedelta(hours=run.context.policy.periods.confirm_hours)
    signer, (word, caption) = run.context.signer, button_of("confirm", run.terms)
    token = signer.token(0, Purpose.confirm, run.agent.address, serial, until.date())
    address = signer.address(0, Purpose.confirm, run.agent.address, serial, until.date())
    code = "" if signer.plus else f" [{token}]"  # place.codes finds it in the subject of the answer
    context = Confirm(
        desk=desk_view(run.context, run.language),
        language=run.language,
        text=text,
        files=files,
        until=until,
        ticket=agent_ticket(run.context, ticket) if ticket else None,
        buttons=(Button(label=caption, url=mailto(address, caption + code, f"#{word}"), say=f"#{word}"),),
    )
    made = unbound(run, "confirm", context, 0, Purpose.confirm, until, serial)
    return tuple(replace(one, subject=one.subject + code) for one in made)


def unbound(
    run: CommandRun, template: str, context: Any, number: int = 0, purpose: Purpose | None = None,
    until: datetime | None = None, serial: int = 0,
) -> tuple[Outgoing, ...]:  # fmt: skip
    """A letter to the agent that is kept in no ticket, through the reply policy: over its cap it is held. Answers to it are about that number."""
    known = run.known.senders.get(run.agent.address, AddressFacts())
    traffic = reply_policy.Traffic(errors=known.errors, suppressed=known.suppressed)
    caps = run.context.policy.caps if run.context.caps else None
    ruling = reply_policy.to_staff(run.agent.address, traffic, run.context.signer.is_ours, caps, run.now, error=True)
    if not ruling.to:
        return ()
    answers = [run.letter.message_id] if run.letter.message_id else []
    drafted = Draft(
        Audience.agent, template, context, ruling.to, letter=run.ident, answers=answers, serial=serial,
    )  # fmt: skip
    made = draft_alone(run.context, drafted, run.now, number=number, purpose=purpose, until=until)
    return (replace(made, state=Delivery.held, result=ruling.reason) if ruling.held else made,)


def worded(one: Wrong, text: list[str], terms: Terms) -> Line:
    """A wrong line as the agent reads it."""
    what = terms.say(f"argument_{one.what}") if one.reason == "argument_missing" else one.what
    command = one.reason in ("text_missing", "which_ticket") and what in BY_NAME
    what = spoken(what, terms.language) if command else what
    hint = terms.say("allowed" if "," in one.hint or "–" in one.hint else "nearest", one.hint) if one.hint else ""
    line = text[one.line - 1] if 0 < one.line <= len(text) else ""
    return Line(number=one.line, line=line, reason=sentence(terms.say(one.reason, what)), hint=sentence(hint))
