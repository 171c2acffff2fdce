"""Commands whose letter goes to the customer: in the words of the agent, after the undo window, with the history below."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from bot.model import Audience, Entry, FileReference, Ground, Resolution, Status, Ticket, Waiting
from bot.rendering.contexts import AgentLetter, GroundLetter
from bot.store.interface import AddressFacts
from bot.tickets import staff_notices
from bot.tickets.agents.command_run import CommandRun, Refusal, noted, owned
from bot.tickets.agents.parser import Command, fold, spoken
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import MOST_TEXT, Draft, draft, for_requester, history, public_ticket, tag, thread_of
from bot.tickets.requester import satisfaction
from bot.tickets.requester.self_service import WHOLE
from bot.tickets.status import IllegalMove, move

NOT_FILES = frozenset({"signature", "link", "empty", "tnef", "letter"})  # of `Attachment.why`
FIELD = re.compile(r"\{\{\s*([\w-]+)\s*\}\}")


def reply(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """An answer. A suspended ticket is in progress again; a closed one stays closed."""
    ticket = owned(run, ticket)
    if ticket.status is Status.clarification:
        ticket = move(ticket, Status.in_progress, run.now, run.context.policy)
    return to_customer(run, ticket, "reply", command.text)


def clarify(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """A question, perhaps on a ground of clause 4.6; the clock stops until the requester answers."""
    ground = Ground(command.argument) if command.argument else None
    ticket = move(owned(run, ticket), Status.clarification, run.now, run.context.policy, waiting=Waiting.requester, ground=ground)
    if ground is None:
        return to_customer(run, ticket, "clarify", command.text)
    run.tell("suspended", run.terms.say(ground))
    ticket = replace(ticket, warned=ticket.warned or ground is Ground.abusive_language)
    return to_customer(run, ticket, f"ground_{ground}", command.text, ground=ground)


def resolve(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """Closed with a resolution (clause 5.1) and the letter that fits it."""
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.done)
    if not command.text and not any(entry.kind == "answer" for entry in ticket.public_entries()):
        raise Refusal("resolve_text")
    resolution = Resolution(command.argument or Resolution.solved)
    closable(run, ticket, resolution)
    ticket = move(owned(run, ticket), Status.done, run.now, run.context.policy, resolution=resolution)
    run.tell("resolved", run.terms.say(resolution))
    return to_customer(run, ticket, f"resolved_{resolution}", command.text)


def refuse(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """Refused on a ground (clauses 4.6 and 5.2). `needs_development` never closes: it waits for the update."""
    ground = Ground(command.argument)
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.done)
    if ground is Ground.low_priority and not (run.agent.lead and ticket.priority == "low"):
        raise Refusal("leads_only")
    if ground is Ground.needs_development:
        ticket = move(owned(run, ticket), Status.in_progress, run.now, run.context.policy, waiting=Waiting.department, ground=ground)
        run.tell("suspended", run.terms.say(ground))
    else:
        closable(run, ticket)
        ticket = move(owned(run, ticket), Status.done, run.now, run.context.policy, ground=ground)
        run.tell("refused", run.terms.say(ground))
    return to_customer(run, ticket, f"ground_{ground}", command.text, ground=ground)


def closable(run: CommandRun, ticket: Ticket, resolution: Resolution | None = None) -> None:
    """Raises Refusal where only a lead may close: a complaint, while a lead is there."""
    if not satisfaction.may_close(ticket, resolution, run.agent.address, run.context, run.now):
        raise Refusal("leads_only")


def escalate(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """To another department (clauses 2.2 and 3.1): it gets the case, the requester is told, the ticket waits for it."""
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.in_progress)
    ticket = owned(run, ticket)
    if ticket.status is Status.clarification:
        ticket = move(ticket, Status.in_progress, run.now, run.context.policy)
    ticket = replace(ticket, waiting_for=Waiting.department, department=command.argument, changed=run.now)
    department = run.context.policy.people.departments[command.argument]
    if command.text:
        ticket = noted(run, ticket, command.text)
    due = run.now + run.context.undo
    handover = staff_notices.Handover(run.ident, command.argument, command.text, run.agent.name, due, sendable_files(run))
    ticket = staff_notices.handed(ticket, handover, run.context, run.now)
    run.tell("escalated", department.name_in(run.language))
    return to_customer(run, ticket, "escalated", "", department=department.name_in(ticket.language))


def update(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """The update is out (clause 2.2): the requester is told, and asked whether all is well now."""
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.clarification)
    ticket = move(owned(run, ticket), Status.clarification, run.now, run.context.policy, waiting=Waiting.requester)
    run.tell("update_told")
    return to_customer(run, ticket, "update_out", command.text)


def send(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """The text of an earlier letter without a command, kept for a day, as an answer."""
    since = run.now - timedelta(hours=run.context.policy.periods.kept_hours)
    asked = [one for one in ticket.outgoing if one.template == "kept" and one.to == run.agent.address and one.created >= since]
    mine = [one for one in asked if str(one.id) in ticket.kept]
    if command.argument:
        mine = [one for one in mine if one.id == int(command.argument)]
    elif len(mine) > 1:
        mine = [one for one in mine if one.message_id in run.letter.references[:1]] or mine  # In-Reply-To
    if len(mine) > 1:
        raise Refusal("kept_many", hint=", ".join(f"#{spoken('send', run.language)} {one.id}" for one in mine))
    if not mine:
        raise Refusal("nothing_kept")
    run.tell("kept_sent")
    key = str(mine[0].id)
    rest = {one: text for one, text in ticket.kept.items() if one != key}
    return reply(run, replace(ticket, kept=rest), replace(command, text=ticket.kept[key]))


def transcript(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """The whole correspondence (clause 4.3): the public entries and nothing else."""
    run.tell("transcript_sent")
    return to_customer(run, ticket, "transcript", command.text)


def template(run: CommandRun, ticket: Ticket, command: Command) -> Ticket:
    """A ready answer out of `templates/LANGUAGE/answers/NAME.txt`, its fields filled from the lines below the command."""
    language, sources = run.context.language(ticket.language), run.context.templates.sources
    ready = {fold(path.rpartition("/")[2].removesuffix(".txt")): path for path in sources if path.startswith(f"{language}/answers/")}
    path = ready.get(fold(command.argument))
    if path is None:
        raise Refusal("no_template", command.argument, ", ".join(sorted(ready)))
    fields = {"name": ticket.requester.name, "number": tag(run.context, ticket.number), "agent": run.agent.name}
    for line in command.text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields[fold(name.strip())] = value.strip()
    missing = [name for name in dict.fromkeys(FIELD.findall(sources[path])) if fold(name) not in fields]
    if missing:
        raise Refusal("fields_missing", ", ".join(missing))
    text = FIELD.sub(lambda found: fields[fold(found[1])], sources[path]).strip()
    return reply(run, ticket, replace(command, text=text))


# ---------------------------------------------------------------------------------------------------- the letter


ALONE = frozenset({"transcript", "merged"})  # letters that no participant gets


def to_customer(
    run: CommandRun, ticket: Ticket, name: str, text: str, *,
    ground: Ground | None = None, department: str = "", other: str = "",
) -> Ticket:  # fmt: skip
    """The ticket with an agent's letter, to From and each participant, without marks of a machine."""
    context, to, alone = run.context, ticket.requester.email, name in ALONE
    people = (to,) if alone else (to, *ticket.participants)
    people = tuple(one for one in people if one and not context.signer.is_ours(one))
    if not people or people[0] != to:
        raise Refusal("no_requester")
    values: AgentLetter | GroundLetter = for_requester(
        context, ticket, text=text, agent=run.agent.name, department=department, other=other
    )
    if ticket.resolution in context.policy.resolutions and name == f"resolved_{ticket.resolution}":
        values = replace(values, clause=context.policy.resolutions[ticket.resolution].clause)
    if ground:
        refused, clause = ticket.status is Status.done, context.policy.grounds[ground].clause
        values = GroundLetter(
            desk=values.desk, language=values.language, ticket=values.ticket, text=text, ground=ground,
            agent=run.agent.name, clause=clause, refused=refused,
        )  # fmt: skip
    files = sendable_files(run) if text and not any(one.letter == run.ident and one.attachments for one in ticket.outgoing) else ()
    copies = [replace(values, **personal(context, ticket, name, one)) for one in people]
    known = run.known.senders.get(to, AddressFacts())
    if name.startswith("resolved_") and satisfaction.wanted(ticket, known, context, run.now):
        ticket = replace(ticket, score_asked=run.now)
        run.record("score_asked", to)
        copies[0] = replace(copies[0], score=satisfaction.buttons(ticket, context, values.language))
    answers, due = thread_of(ticket), run.now + context.undo
    for one, copy in zip(people, copies, strict=True):
        drafted = Draft(
            Audience.requester, name, copy, one, letter=run.ident, due=due, automatic=False,
            answers=answers, files=files,
        )  # fmt: skip
        ticket = draft(context, ticket, drafted, run.now)
    quoted = replace(values, ticket=replace(values.ticket, requester_name=""))  # letters to others quote it
    entry = Entry(
        at=run.now, kind="answer", public=True, who=context.policy.desk.address, name=run.agent.name,
        text=text or context.templates.render(name, quoted).text,
        letter=run.ident, message_id=ticket.outgoing[-len(people)].message_id, about=name,
    )  # fmt: skip
    return replace(ticket, entries=(*ticket.entries, entry))


def personal(context: DeskContext, ticket: Ticket, name: str, to: str) -> dict[str, Any]:
    """What one reader's copy has of its own: the history they may know, and who it is for."""
    whole = name == "transcript"
    said = history(context, ticket, WHOLE, each=MOST_TEXT) if whole else history(context, ticket, reader=to)
    own: dict[str, Any] = {"history": said}
    if to != ticket.requester.email:
        own |= {"copy": True, "ticket": public_ticket(context, ticket, repeats=True, to=to)}
    return own


def sendable_files(run: CommandRun) -> tuple[FileReference, ...]:
    """The agent's own files. Pictures of their signature stay at home, and so do those that cannot be made
    bare, which the receipt names. Raises Refusal over the limit.
    """
    own = [one for one in run.letter.attachments if not one.logo and one.why not in NOT_FILES]
    unlike = [one for one in own if one.why == "broken" or (one.why == "format" and "image/" in one.type)]
    files = [one for one in own if one not in unlike]
    if unlike:
        run.tell("pictures_left", ", ".join(one.name for one in unlike))
    if sum(one.size for one in files) > staff_notices.MOST_BYTES:
        raise Refusal("files_too_big", f"{staff_notices.MOST_BYTES // 1024 // 1024}")
    return tuple(staff_notices.reference(run.letter.envelope.letter, one) for one in files)
