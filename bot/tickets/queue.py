"""The queue as agents see it: who is next, what waits, what is overdue, and what a search finds (clauses 2.1 and 5.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from bot.language.word_forms import forms, plain, stem
from bot.model import Priority, Status, Ticket
from bot.model.address import FOUND
from bot.rendering.contexts import Section, TicketLine
from bot.rendering.terms import Terms
from bot.rules.schema import Agent
from bot.store.interface import KnownFacts, TicketSummary
from bot.tickets.agents.dates import day_in
from bot.tickets.agents.parser import spoken
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import linking, tag

MOST_ROWS = 50
MOST_TEXTS = 300  # of the newest tickets are searched by their text; the others by subject, address, number, status and day
WORD = re.compile(r"[^\W_]+")
DAY = re.compile(r"\b(?:\d{4}-\d\d?-\d\d?|\d\d?\.\d\d?(?:\.\d{4})?)\b")


def waiting(rows: Iterable[TicketSummary]) -> list[TicketSummary]:
    """The free tickets in the order in which they are taken: high priority first, then first come, first served (clause 2.1)."""
    free = (row for row in rows if row.status == Status.created and not row.owner)
    return sorted(free, key=lambda row: (-Priority(row.priority).rank, row.opened, row.number))


class Viewer(NamedTuple):
    """The agent who gets a list; each row has a link that is signed for them and for the row's ticket."""

    context: DeskContext
    agent: Agent
    language: str
    now: datetime

    @property
    def terms(self) -> Terms:
        """The words of their language."""
        return self.context.terms(self.language)


def sections(rows: Sequence[TicketSummary], viewer: Viewer) -> tuple[Section, ...]:
    """What is free, what is the agent's, and what waits for an answer without an owner."""
    mine = viewer.agent.address
    groups = {
        "queue_free": waiting(rows),
        "queue_mine": [row for row in rows if row.owner == mine and row.status != Status.done],
        "queue_asked": [row for row in rows if not row.owner and row.status == Status.clarification],
    }
    shown = {code: group for code, group in groups.items() if group or code == "queue_free"}
    return tuple(section(code, group, viewer) for code, group in shown.items())


def deadlines(rows: Sequence[TicketSummary], viewer: Viewer) -> tuple[Section, ...]:
    """What is overdue and what will be within a day; the clock of those that wait for their requester stands still."""
    clocked = (row for row in rows if row.due and row.status in (Status.created, Status.in_progress))
    running, now = sorted(clocked, key=lambda row: str(row.due)), viewer.now
    late = [row for row in running if row.due and row.due <= now]
    soon = [row for row in running if row.due and now < row.due <= now + timedelta(days=1)]
    return section("sla_late", late, viewer), section("sla_soon", soon, viewer)


def section(code: str, rows: Sequence[TicketSummary], viewer: Viewer) -> Section:
    """A titled list of tickets with their number."""
    shown = tuple(line(row, viewer) for row in rows[:MOST_ROWS])
    none = () if shown else (viewer.terms.say("none"),)
    return Section(title=viewer.terms.say(code, len(rows)), rows=none, tickets=shown)


def line(row: TicketSummary, viewer: Viewer) -> TicketLine:
    """PF-3: Нет звука · высокий · В работе · Анна · до 23.11 12:00 · ivan@example.org, as a link."""
    context, terms = viewer.context, viewer.terms
    owner = context.policy.people.agent(row.owner) if row.owner else None
    running = row.due and row.status != Status.done
    due = f"{row.due.astimezone(context.policy.calendar.zone):%d.%m %H:%M}" if row.due and running else ""
    parts = [terms.say(row.priority), terms.say(row.status)]
    parts += [owner.name if owner else row.owner, terms.say("until", due) if due else "", row.requester]
    word = spoken("show", viewer.language)
    subject, link = context.subjects.base(row.subject), linking(context, row, viewer.agent, viewer.now)
    title = ": ".join(part for part in (tag(context, row.number), subject) if part)
    facts = " · ".join(part for part in parts if part)
    return TicketLine(title=title, url=link("", f"#{word}").url, facts=facts)


# ------------------------------------------------------------------------------------------------------ searching


def search(query: str, known: KnownFacts, context: DeskContext, today: date) -> list[TicketSummary]:
    """Tickets that fit every part of the query, the newest first: words in any form, an address or a piece of one, a number with the
    prefix, a status, a day or two (from, until). Live ones, and those filed ones whose words the store has searched.
    """
    number, (status, rest) = context.subjects.tag(query), asked(query, context)
    days = [day for one in DAY.findall(query) if (day := day_in(one, today))]
    pieces = [piece for piece in rest.split() if "@" in piece]
    words = WORD.findall(" ".join(piece for piece in rest.split() if "@" not in piece))
    wanted = [forms(plain(word)) | {stem(plain(word))} for word in words]
    searched = {row.number: row for row in known.searched.get(rest, ())}
    fitting = []
    for row in sorted(({row.number: row for row in known.rows} | searched).values(), key=lambda row: -row.number):
        day = row.opened.astimezone(context.policy.calendar.zone).date()
        fits = (not number or row.number == number) and (not status or row.status == status)
        fits = fits and (not days or days[0] <= day <= days[-1])
        fits = fits and all(bears(row.requester, piece) for piece in pieces)
        if fits and row.number not in searched and wanted:
            there = said(row, known.tickets.get(row.number))
            fits = all(not choice.isdisjoint(there) for choice in wanted)
        fitting += [row] if fits else []
    return fitting


def bears(address: str, piece: str) -> bool:
    """Whether that is a piece of this address, from its beginning or its @ on; a whole one is none."""
    begins = address.startswith(piece) or (piece[:1] == "@" and piece in address)
    return address == piece or (begins and not FOUND.fullmatch(piece))


def asked(query: str, context: DeskContext) -> tuple[str, str]:
    """(status, words and addresses) of a query."""
    rest = context.subjects.pattern.sub(" ", DAY.sub(" ", query)).lower()
    names = {one: (*(context.terms(language).status[one] for language in context.languages), one.value) for one in Status}
    status = next((one for one, words in names.items() for name in words if name.lower() in rest), None)
    for name in sorted(names[status], key=len, reverse=True) if status else ():
        rest = rest.replace(name.lower(), " ")
    return status or "", " ".join(rest.split())


def said(row: TicketSummary, ticket: Ticket | None) -> set[str]:
    """The words, and their English stems, of everything in a ticket that is at hand."""
    text = f"{row.subject} {row.requester}"
    if ticket is not None:
        text = " ".join((text, ticket.subject, ticket.requester.name, *(entry.text for entry in ticket.entries if entry.kind != "command")))
    words = {plain(word) for word in WORD.findall(text)}
    return words | {stem(word) for word in words if word.isascii()}


def texts(rows: Sequence[TicketSummary]) -> list[int]:
    """The tickets whose text a search reads."""
    return sorted((row.number for row in rows), reverse=True)[:MOST_TEXTS]
