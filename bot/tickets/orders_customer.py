"""Orders whose letter goes to the customer: in the words of the agent, after the undo window, with the history below."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from bot.model import Audience, Entry, Ground, Reference, Resolution, Status, Ticket, Waiting
from bot.replies.contexts import AgentLetter, GroundLetter
from bot.store.port import Sender
from bot.tickets import notices, score
from bot.tickets.commands import Order, fold, spoken
from bot.tickets.job import Job, Refusal, noted, owned
from bot.tickets.office import Office
from bot.tickets.states import IllegalMove, move
from bot.tickets.wishes import WHOLE
from bot.tickets.writing import MOST_TEXT, for_requester, history, post, public_ticket, tag, thread_of

NOT_FILES = frozenset({"signature", "link", "empty", "tnef", "letter"})  # of `Attachment.why`
FIELD = re.compile(r"\{\{\s*([\w-]+)\s*\}\}")


def reply(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """An answer. A suspended ticket is in progress again; a closed one stays closed."""
    ticket = owned(job, ticket)
    if ticket.status is Status.clarification:
        ticket = move(ticket, Status.in_progress, job.now, job.office.policy)
    return to_customer(job, ticket, "reply", order.text)


def clarify(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """A question, perhaps on a ground of clause 4.6; the clock stops until the requester answers."""
    ground = Ground(order.argument) if order.argument else None
    ticket = move(owned(job, ticket), Status.clarification, job.now, job.office.policy, waiting=Waiting.requester, ground=ground)
    if ground is None:
        return to_customer(job, ticket, "clarify", order.text)
    job.tell("suspended", job.terms.say(ground))
    ticket = replace(ticket, warned=ticket.warned or ground is Ground.abusive_language)
    return to_customer(job, ticket, f"ground_{ground}", order.text, ground=ground)


def resolve(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Closed with a resolution (clause 5.1) and the letter that fits it."""
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.done)
    if not order.text and not any(entry.kind == "answer" for entry in ticket.public_entries()):
        raise Refusal("resolve_text")
    resolution = Resolution(order.argument or Resolution.solved)
    closable(job, ticket, resolution)
    ticket = move(owned(job, ticket), Status.done, job.now, job.office.policy, resolution=resolution)
    job.tell("resolved", job.terms.say(resolution))
    return to_customer(job, ticket, f"resolved_{resolution}", order.text)


def refuse(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """Refused on a ground (clauses 4.6 and 5.2). `needs_development` never closes: it waits for the update."""
    ground = Ground(order.argument)
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.done)
    if ground is Ground.low_priority and not (job.agent.lead and ticket.priority == "low"):
        raise Refusal("leads_only")
    if ground is Ground.needs_development:
        ticket = move(owned(job, ticket), Status.in_progress, job.now, job.office.policy, waiting=Waiting.department, ground=ground)
        job.tell("suspended", job.terms.say(ground))
    else:
        closable(job, ticket)
        ticket = move(owned(job, ticket), Status.done, job.now, job.office.policy, ground=ground)
        job.tell("refused", job.terms.say(ground))
    return to_customer(job, ticket, f"ground_{ground}", order.text, ground=ground)


def closable(job: Job, ticket: Ticket, resolution: Resolution | None = None) -> None:
    """Raises Refusal where only a lead may close: a complaint, while a lead is there."""
    if not score.may_close(ticket, resolution, job.agent.address, job.office, job.now):
        raise Refusal("leads_only")


def escalate(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """To another department (clauses 2.2 and 3.1): it gets the case, the requester is told, the ticket waits for it."""
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.in_progress)
    ticket = owned(job, ticket)
    if ticket.status is Status.clarification:
        ticket = move(ticket, Status.in_progress, job.now, job.office.policy)
    ticket = replace(ticket, waiting_for=Waiting.department, department=order.argument, changed=job.now)
    department = job.office.policy.people.departments[order.argument]
    if order.text:
        ticket = noted(job, ticket, order.text)
    due = job.now + job.office.undo
    ticket = notices.handed(ticket, job.ident, order.argument, order.text, job.agent.name, job.office, job.now, due=due, more=sendable_files(job))
    job.tell("escalated", department.name_in(job.language))
    return to_customer(job, ticket, "escalated", "", department=department.name_in(ticket.language))


def update(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """The update is out (clause 2.2): the requester is told, and asked whether all is well now."""
    if ticket.status is Status.done:
        raise IllegalMove(Status.done, Status.clarification)
    ticket = move(owned(job, ticket), Status.clarification, job.now, job.office.policy, waiting=Waiting.requester)
    job.tell("update_told")
    return to_customer(job, ticket, "update_out", order.text)


def send(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """The text of an earlier letter without a command, kept for a day, as an answer."""
    since = job.now - timedelta(hours=job.office.policy.periods.kept_hours)
    asked = [one for one in ticket.outgoing if one.template == "kept" and one.to == job.agent.address and one.created >= since]
    mine = [one for one in asked if str(one.id) in ticket.kept]
    if order.argument:
        mine = [one for one in mine if one.id == int(order.argument)]
    elif len(mine) > 1:
        mine = [one for one in mine if one.message_id in job.letter.references[:1]] or mine  # In-Reply-To
    if len(mine) > 1:
        raise Refusal("kept_many", hint=", ".join(f"#{spoken('send', job.language)} {one.id}" for one in mine))
    if not mine:
        raise Refusal("nothing_kept")
    job.tell("kept_sent")
    key = str(mine[0].id)
    rest = {one: text for one, text in ticket.kept.items() if one != key}
    return reply(job, replace(ticket, kept=rest), replace(order, text=ticket.kept[key]))


def transcript(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """The whole correspondence (clause 4.3): the public entries and nothing else."""
    job.tell("transcript_sent")
    return to_customer(job, ticket, "transcript", order.text)


def template(job: Job, ticket: Ticket, order: Order) -> Ticket:
    """A ready answer out of `templates/LANGUAGE/answers/NAME.txt`, its fields filled from the lines below the command."""
    language, sources = job.office.language(ticket.language), job.office.templates.sources
    ready = {fold(path.rpartition("/")[2].removesuffix(".txt")): path for path in sources if path.startswith(f"{language}/answers/")}
    path = ready.get(fold(order.argument))
    if path is None:
        raise Refusal("no_template", order.argument, ", ".join(sorted(ready)))
    fields = {"name": ticket.requester.name, "number": tag(job.office, ticket.number), "agent": job.agent.name}
    for line in order.text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields[fold(name.strip())] = value.strip()
    missing = [name for name in dict.fromkeys(FIELD.findall(sources[path])) if fold(name) not in fields]
    if missing:
        raise Refusal("fields_missing", ", ".join(missing))
    text = FIELD.sub(lambda found: fields[fold(found[1])], sources[path]).strip()
    return reply(job, ticket, replace(order, text=text))


# ---------------------------------------------------------------------------------------------------- the letter


ALONE = frozenset({"transcript", "merged"})  # letters that no participant gets


def to_customer(
    job: Job, ticket: Ticket, name: str, text: str, *,
    ground: Ground | None = None, department: str = "", other: str = "",
) -> Ticket:  # fmt: skip
    """The ticket with an agent's letter, to From and each participant, without marks of a machine."""
    office, to, alone = job.office, ticket.requester.email, name in ALONE
    people = (to,) if alone else (to, *ticket.participants)
    people = tuple(one for one in people if one and not office.signer.is_ours(one))
    if not people or people[0] != to:
        raise Refusal("no_requester")
    context: AgentLetter | GroundLetter = for_requester(
        office, ticket, text=text, agent=job.agent.name, department=department, other=other
    )
    if ground:
        refused, clause = ticket.status is Status.done, office.policy.grounds[ground].clause
        context = GroundLetter(
            desk=context.desk, language=context.language, ticket=context.ticket, text=text,
            agent=job.agent.name, clause=clause, refused=refused,
        )  # fmt: skip
    files = sendable_files(job) if text and not any(one.letter == job.ident and one.attachments for one in ticket.outgoing) else ()
    copies = [replace(context, **personal(office, ticket, name, one)) for one in people]
    known = job.found.senders.get(to, Sender())
    if name.startswith("resolved_") and score.wanted(ticket, known, office, job.now):
        ticket = replace(ticket, score_asked=job.now)
        job.record("score_asked", to)
        copies[0] = replace(copies[0], score=score.buttons(ticket, office, context.language))
    answers, due = thread_of(ticket), job.now + office.undo
    for one, copy in zip(people, copies, strict=True):
        ticket = post(
            office, ticket, Audience.requester, name, copy, one, job.now,
            letter=job.ident, due=due, automatic=False, answers=answers, files=files,
        )  # fmt: skip
    quoted = replace(context, ticket=replace(context.ticket, requester_name=""))  # letters to others quote it
    entry = Entry(
        at=job.now, kind="answer", public=True, who=office.policy.desk.address, name=job.agent.name,
        text=text or office.templates.render(name, quoted).text,
        letter=job.ident, message_id=ticket.outgoing[-len(people)].message_id, about=name,
    )  # fmt: skip
    return replace(ticket, entries=(*ticket.entries, entry))


def personal(office: Office, ticket: Ticket, name: str, to: str) -> dict[str, Any]:
    """What one reader's copy has of its own: the history they may know, and who it is for."""
    whole = name == "transcript"
    said = history(office, ticket, WHOLE, each=MOST_TEXT) if whole else history(office, ticket, reader=to)
    own: dict[str, Any] = {"history": said}
    if to != ticket.requester.email:
        own |= {"copy": True, "ticket": public_ticket(office, ticket, repeats=True, to=to)}
    return own


def sendable_files(job: Job) -> tuple[Reference, ...]:
    """The agent's own files. Pictures of their signature stay at home, and so do those that cannot be made
    bare, which the receipt names. Raises Refusal over the limit.
    """
    own = [one for one in job.letter.attachments if not one.logo and one.why not in NOT_FILES]
    unlike = [one for one in own if one.why == "broken" or (one.why == "format" and "image/" in one.type)]
    files = [one for one in own if one not in unlike]
    if unlike:
        job.tell("pictures_left", ", ".join(one.name for one in unlike))
    if sum(one.size for one in files) > notices.MOST_BYTES:
        raise Refusal("files_too_big", f"{notices.MOST_BYTES // 1024 // 1024}")
    return tuple(notices.reference(job.letter.envelope.letter, one) for one in files)
