"""Whose words an entry holds, as staff read it: name, part, and whether the customer knows of it. Pure."""

from __future__ import annotations

from itertools import islice

from bot.model import Entry, Ticket
from bot.rendering.contexts import PublicEntry
from bot.rendering.terms import Terms, sentence
from bot.tickets.agents.parser import BY_WORD, fold, line_of
from bot.tickets.outgoing import MOST_ENTRIES, MOST_QUOTED, shortened

MERGED = "merged/"  # what `about` of an entry begins with that a merge has brought
NOT_DELIVERED = ("bounced_", "undelivered_")


def brought(about: str, number: int) -> str:
    """`about` of an entry that a merge brings from ticket `number`: what it was is still known."""
    return f"{MERGED}{number}:{own_about(about)}"


def own_about(about: str) -> str:
    """What `about` was before any merge."""
    return about.partition(":")[2] if about.startswith(MERGED) else about


def of_department(entry: Entry) -> bool:
    """True for what a department wrote."""
    return own_about(entry.about) == "department"


def author(entry: Entry, ticket: Ticket, terms: Terms) -> str:
    """Иван (пользователь) · Пётр, petr@example.net (участник) · Отдел разработки (отдел, внутреннее)"""
    about, name = own_about(entry.about), entry.name or entry.who
    if entry.kind == "machine" and about.startswith(NOT_DELIVERED):
        name, part = terms.say("not_delivered", entry.who), "part_desk"
    elif entry.kind == "machine":
        part = "part_desk" if about == "too_large" else "part_machine"
    elif entry.kind == "letter" and entry.who == ticket.requester.email:
        part = "part_customer_made" if about == "made" else "part_customer"
    elif about == "astray":
        part = "part_astray"
    elif entry.kind == "letter":
        name, part = f"{name}, {entry.who}" if entry.name else name, "part_participant"
    else:
        name, part = (sentence(name), "part_department") if of_department(entry) else (name, "part_agent")
    marks = ["taken_back"] if about == "undone" else [] if entry.public else ["internal"]
    marks += ["unconfirmed"] if entry.unconfirmed else []
    return f"{name} ({', '.join(terms.say(one) for one in (part, *marks))})".lstrip()  # nobody may have signed


def record(
    ticket: Ticket, terms: Terms, *,
    most: int = MOST_ENTRIES, skip: str = "", each: int = MOST_QUOTED, public: bool = False,
) -> tuple[PublicEntry, ...]:  # fmt: skip
    """What was said in the ticket, or what is `public` of it, the newest first: `most` entries, without the
    letter `skip`.
    """
    rows = (
        PublicEntry(at=one.at, name=author(one, ticket, terms), text=shortened(text, each))
        for one in reversed(ticket.entries)
        if (one.public or not public) and not (skip and one.letter == skip) and (text := said(one, terms))
    )
    return tuple(islice(rows, most))


def said(entry: Entry, terms: Terms) -> str:
    """An entry's text, what an event did, or a command letter's commands on this ticket, without signs."""
    if entry.kind == "event":  # what is linked stands in the letter as well
        what = entry.about.rpartition(":")[2]
        code = "overridden" if what == "override" else "merged_here" if what.startswith(MERGED) else ""
        return sentence(terms.say(code, entry.text)) if code else ""
    if entry.kind != "command":
        return entry.text
    lines = [(BY_WORD.get(fold(found[1])), found) for found in map(line_of, entry.text.splitlines()) if found]
    mine = [(found[1], found[2] or "") for one, found in lines if one and one.scope == "ticket"]
    return terms.say("commands", " · ".join(" ".join(filter(None, pair)) for pair in mine)) if mine else ""
