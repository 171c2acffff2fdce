"""Notices to the staff: a new ticket goes to the agents on duty, later events to the owner only (design, section 8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from bot.model import Attachment, Audience, Entry, Evidence, FileReference, Ground, Letter, Status, Ticket, Verdict, Waiting
from bot.rendering import reply_policy
from bot.rendering.contexts import Button, Finding, Handed, Notice, PublicEntry, Shown
from bot.rendering.reply_policy import Ruling
from bot.rendering.templates import Rendered
from bot.rendering.terms import Terms
from bot.rules.schema import Agent
from bot.store.interface import KnownFacts, TicketSummary
from bot.tickets.agents.parser import button_of, escaped, in_words, spoken, words_for
from bot.tickets.authors import author, record
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import (
    MOST_HISTORY,
    MOST_QUOTED,
    Draft,
    agent_address,
    agent_ticket,
    button,
    desk_view,
    draft,
    linking,
    render,
    shortened,
    staff_thread,
    tag,
)
from bot.tickets.threading import ThreadMatch

BUTTONS = ("take", "reply", "clarify", "resolve", "note", "help")
MOST_EARLIER = 5
OF_HISTORY = (3, 1000)  # letters of the correspondence in a notice, characters of each: #show shows all
MOST_BYTES = 20 * 1024 * 1024  # of pictures in one letter: many a mail server takes no more than 25 MB


class Judged(NamedTuple):
    """A letter, what the rules say of it, and what the reply policy says of its answer."""

    letter: Letter
    verdict: Verdict = Verdict()
    ruling: Ruling = Ruling(reason="follow_up")


class Beside(NamedTuple):
    """What a notice tells beside the letter."""

    how: str = ""  # the letter has joined the ticket
    reopened: bool = False
    with_history: bool = False
    earlier: tuple[TicketSummary, ...] = ()
    linked: tuple[str, ...] = ()


class Handover(NamedTuple):
    """A case that is passed on to a department."""

    cause: str
    department: str
    text: str = ""
    agent: str = ""
    due: datetime | None = None
    more: tuple[FileReference, ...] = ()


class Showing(NamedTuple):
    """Why an agent is shown a ticket, and how much of it."""

    cause: str
    why: str  # a line in their language
    due: datetime | None = None
    said: Entry | None = None  # what was said to cause it
    brief: bool = False  # the last letters alone; else the whole ticket, notes and pictures included
    each: int = MOST_QUOTED  # characters of one letter
    more: tuple[Button, ...] = ()


def opened(ticket: Ticket, judged: Judged, thread: ThreadMatch, known: KnownFacts, context: DeskContext, now: datetime) -> Ticket:
    """Tells the agents on duty of a new ticket, and the department that a rule passes it on to.

    A ticket that the machine has suspended or closed causes no notice: it is listed in the queue and the digest.
    """
    letter, verdict, _ = judged
    if verdict.department in context.policy.people.departments and ticket.status is not Status.done:
        ticket = handed(ticket, Handover(letter.envelope.letter, verdict.department), context, now)
    if ticket.status is not Status.created:
        return ticket
    linked, how = tuple(tag(context, number) for number in ticket.links), "unconfirmed" * thread.unconfirmed
    beside = Beside(how, earlier=known.earlier, linked=linked)
    there = on_duty(context, now)
    agents = tuple(one for one in there if one.address in verdict.agents) or there
    return notify(ticket, agents, "notice_new", letter, context, now,
                lambda one: notice(ticket, judged, one, context, now, beside))  # fmt: skip


def joined(ticket: Ticket, judged: Judged, thread: ThreadMatch, context: DeskContext, now: datetime, *, reopened: bool) -> Ticket:
    """Tells the owner, or the agents on duty while the ticket is free, of a further letter."""
    if ticket.status is Status.clarification and ticket.waiting_for is Waiting.requester and judged.verdict.action == "suspend":
        return ticket
    owner = context.policy.people.agent(ticket.owner) if ticket.owner else None
    how = "unconfirmed" if thread.unconfirmed else thread.how
    return notify(ticket, (owner,) if owner else on_duty(context, now), "notice_update", judged.letter, context, now,
                lambda agent: notice(ticket, judged, agent, context, now, Beside(how, reopened, with_history=True)))  # fmt: skip


def on_duty(context: DeskContext, now: datetime) -> tuple[Agent, ...]:
    """Those whom a new ticket is shown to."""
    return context.on_duty(now.astimezone(context.policy.calendar.zone).date().isoformat())


def notify(
    ticket: Ticket, agents: tuple[Agent, ...], template: str, letter: Letter, context: DeskContext, now: datetime, values: Callable[[Agent], Notice]
) -> Ticket:
    """One notice to each agent, through the reply policy; at night it waits for the morning, high priority excepted.

    It is rendered once a language, with the signed address of nobody, which never leaves the desk and which nobody can have
    written therefore; each agent's copy has his own in its place.
    """
    drawn: dict[str, Rendered] = {}
    due = context.policy.calendar.next_open(now) if ticket.priority.rank < 2 else now
    nobody = agent_address(context, ticket, "", now)
    for agent in agents:
        if not reply_policy.to_staff(agent.address, reply_policy.Traffic(), context.signer.is_ours, None, now).to:
            continue
        language = context.language(agent.language or "", context.policy.desk.language)
        if language not in drawn:
            drawn[language] = render(context, template, values(agent if len(agents) == 1 else nobody_like(agent)))
        own = drawn[language] if len(agents) == 1 else drawn[language].put(nobody, agent_address(context, ticket, agent.address, now))
        drafted = Draft(
            Audience.agent, template, own, agent.address, letter=letter.envelope.letter, due=max(due, now),
            answers=staff_thread(ticket, agent.address), files=pictures(letter),
        )  # fmt: skip
        ticket = draft(context, ticket, drafted, now)
    return ticket


@lru_cache(256)
def nobody_like(agent: Agent) -> Agent:
    """The agent without his address."""
    return agent.model_copy(update={"address": ""})


def notice(ticket: Ticket, judged: Judged, agent: Agent, context: DeskContext, now: datetime, beside: Beside) -> Notice:
    """What the agent reads: who, their earlier tickets, what, pictures, withheld files, verdict with clause and evidence, buttons."""
    language = context.language(agent.language or "", context.policy.desk.language)
    terms = context.terms(language)
    letter, verdict, ruling = judged
    said = escaped(letter.text or letter.full_text)  # before a line of ours is put below it
    entry = next((one for one in reversed(ticket.entries) if one.letter == letter.envelope.letter), None)
    answer = next((one for one in reversed(ticket.outgoing) if one.letter == letter.envelope.letter and one.audience is Audience.requester), None)
    rude = verdict.ground is Ground.abusive_language and verdict.action == "hint" and ticket.warned
    again = (refusing(context, ticket, agent, Ground.abusive_language, now),) if rude else ()
    return Notice(
        desk=desk_view(context, language),
        language=language,
        ticket=agent_ticket(context, ticket),
        text=shortened(said, MOST_QUOTED, terms.say("cut", len(said) - MOST_QUOTED)),
        author=author(entry, ticket, terms) if entry else "",
        subject=letter.subject,
        joined=beside.how,
        reopened=beside.reopened,
        files=letter.attachments,
        before=next((at for at, (entry, _) in enumerate(files_of(ticket)) if entry.letter == letter.envelope.letter), 0),
        findings=tuple(finding(hit, verdict, context, terms) for hit in verdict.hits),
        earlier=tuple(earlier_line(one, context, terms) for one in beside.earlier[:MOST_EARLIER]),
        linked=beside.linked,
        history=some(ticket, terms, letter.envelope.letter) if beside.with_history else (),
        answered=answered(answer.template, terms) if answer and not ruling.held else "",
        unanswered="" if (ruling.to and not ruling.held) or ruling.reason == "follow_up" else terms.say(ruling.reason),
        defects=tuple(terms.lines[what] for what in dict.fromkeys(one.partition(":")[0] for one in letter.defects) if what in terms.lines),
        buttons=(*buttons(ticket, agent, context, now, terms), *again),
    )


def some(ticket: Ticket, terms: Terms, skip: str = "") -> tuple[PublicEntry, ...]:
    """The last letters of the correspondence, without the one that is shown above them."""
    most, each = OF_HISTORY
    return record(ticket, terms, most=most, skip=skip, each=each, public=True)


def buttons(ticket: Ticket, agent: Agent, context: DeskContext, now: datetime, terms: Terms, names: tuple[str, ...] = BUTTONS) -> tuple[Button, ...]:
    """mailto: links for the usual commands; `say` is the line to write for those who cannot click."""
    link = linking(context, ticket, agent, now)
    shown = (button_of(name, terms) for name in names if name != "take" or not ticket.owner or ticket.owner != agent.address)
    return tuple(link(caption, f"#{word}") for word, caption in shown)


def answered(template: str, terms: Terms) -> str:
    """What the automatic answer was, in words."""
    ground = template.removeprefix("ground_")
    return terms.say(template) if ground == template else terms.say("on_ground", terms.word(Ground(ground)))


def refusing(context: DeskContext, ticket: Ticket, agent: Agent, ground: Ground, now: datetime) -> Button:
    """The button that refuses a ticket on a ground (clauses 4.6 and 5.2); people refuse, the machine only offers it."""
    terms = context.terms(context.language(agent.language or "", context.policy.desk.language))
    word = in_words(words_for("ground", context.policy), terms.language)[ground]
    return button(context, ticket, agent, terms.say("refuse_ground"), f"#{spoken('refuse', terms.language)} {word}", now)


def finding(hit: Evidence, verdict: Verdict, context: DeskContext, terms: Terms) -> Finding:
    """A rule that fired, in words."""
    target = context.policy.people.departments.get(hit.department)
    department = target.name_in(terms.language) if target else ""
    action = (verdict.action if hit.ground == verdict.ground else "hint") if hit.ground else ""  # what was done, not what the rule wishes
    parts = [
        terms.say(f"action_{action}") if action else "",
        terms.say(hit.ground) if hit.ground else "",
        terms.say(f"topic_{hit.topic}") if hit.topic else "",
    ]
    parts += [terms.say(f"priority_{hit.priority}") if hit.priority else "", department]
    parts += [terms.lines.get(f"label_{one}", one) for one in hit.labels if not one.startswith("_") and one != "only_topic"]
    return Finding(rule=hit.rule, clause=hit.clause, what="; ".join(part for part in parts if part), evidence=hit.evidence)


def earlier_line(one: TicketSummary, context: DeskContext, terms: Terms) -> str:
    """PF-3 (Выполнено, Решена): Не открывается фильм."""
    state = ", ".join(terms.say(word) for word in (one.status, one.resolution) if word)
    return f"{tag(context, one.number)} ({state}): {context.subjects.base(one.subject)}".rstrip(": ")


def pictures(letter: Letter) -> tuple[FileReference, ...]:
    """The accepted screenshots go along with a notice; withheld files are only named (clause 4.5)."""
    return tuple(reference(letter.envelope.letter, one) for one in letter.attachments if one.accepted and not one.logo)


def reference(letter: str, one: Attachment) -> FileReference:
    """A file of an archived letter, to go along with one of ours."""
    return FileReference(letter=letter, part=one.part, name=one.name, type=one.type, size=one.size)


def files_of(ticket: Ticket) -> list[tuple[Entry, Attachment]]:
    """Every file that came into the ticket, in the order in which #file counts them: what was merged into it stands last."""
    entries = sorted(ticket.entries, key=lambda one: one.about.startswith("merged/"))
    return [(entry, one) for entry in entries if entry.letter and entry.kind != "command" for one in entry.attachments]


def all_pictures(ticket: Ticket) -> tuple[FileReference, ...]:
    """The accepted screenshots of the requester's letters; the newest, where they are too many for one letter."""
    found, room = [], MOST_BYTES
    for entry in reversed(ticket.public_entries()):
        for one in entry.attachments:
            if entry.letter and one.accepted and not one.logo and one.size <= room:
                room -= one.size
                found.append(reference(entry.letter, one))
    return tuple(found)


def handed(ticket: Ticket, one: Handover, context: DeskContext, now: datetime) -> Ticket:
    """The case as a department gets it (clauses 2.2, 3.1 and 3.3), with history and pictures; its answers come back by the signed address."""
    target = context.policy.people.departments[one.department]
    language = context.policy.desk.language
    values = Handed(
        desk=desk_view(context, language),
        language=language,
        ticket=agent_ticket(context, ticket),
        text=one.text,
        agent=one.agent,
        history=record(ticket, context.terms(language), most=MOST_HISTORY, public=True),
        files=tuple(one for entry in ticket.public_entries() for one in entry.attachments if one.accepted and not one.logo),
        to_requester=target.answers == "requester",
    )
    ruling = reply_policy.to_staff(target.address, reply_policy.Traffic(), context.signer.is_ours, None, now)
    if not ruling.to:
        return ticket
    answers, files = staff_thread(ticket, target.address), (*all_pictures(ticket), *one.more)
    drafted = Draft(
        Audience.department, "escalation", values, target.address, letter=one.cause, due=one.due, answers=answers,
        files=files,
    )  # fmt: skip
    return draft(context, ticket, drafted, now)


def shown(ticket: Ticket, agent: Agent, one: Showing, context: DeskContext, now: datetime) -> Ticket:
    """The ticket to one agent, in a letter of that ticket."""
    language, said = context.language_of(agent), one.said
    terms = context.terms(language)
    first, *rest = buttons(ticket, agent, context, one.due or now, terms)
    values = Shown(
        desk=desk_view(context, language),
        language=language,
        ticket=agent_ticket(context, ticket),
        text=shortened(said.text, MOST_QUOTED) if said else "",
        author=author(said, ticket, terms) if said else "",
        history=some(ticket, terms, said.letter if said else "") if one.brief else record(ticket, terms, each=one.each),
        linked=() if one.brief else tuple(tag(context, number) for number in ticket.links),
        buttons=(first, *one.more, *rest),
        why=one.why,
    )
    answers, files = staff_thread(ticket, agent.address), () if one.brief else all_pictures(ticket)
    drafted = Draft(
        Audience.agent, "case", values, agent.address, letter=one.cause, due=one.due, answers=answers, files=files,
    )  # fmt: skip
    return draft(context, ticket, drafted, now)
