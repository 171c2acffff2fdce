"""One command letter being carried out: what it is done with, what it has changed so far, and the lines that its receipt will show."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from bot.model import DeskRecord, Disposition, Entry, FileReference, Letter, Outgoing, Status, Ticket
from bot.rendering.contexts import Section
from bot.rendering.terms import Terms, sentence
from bot.rules.schema import Agent
from bot.store.interface import KnownFacts
from bot.tickets import staff_notices
from bot.tickets.agents.parser import escaped
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import MOST_QUOTED, MOST_TEXT, tag
from bot.tickets.status import move

TicketOrDesk = Ticket | None  # the ticket that a command is about; None for the desk as a whole


class Refusal(Exception):
    """A command that cannot be carried out: a line of terms.yaml, the value it names, the way out."""

    def __init__(self, reason: str, what: str = "", hint: str = "", line: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.what, self.hint, self.line = reason, what, hint, line


@dataclass
class Said:
    """What the agent is to be told in one letter: of one ticket, or of the desk as a whole."""

    done: list[str] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    files: list[FileReference] = field(default_factory=list)
    # why the ticket comes whole, in a letter of its own (a line of terms.yaml); "" for not at all
    shown: str = ""


@dataclass
class CommandRun:
    """`ident` is the inbox id under which everything is done: that of the confirming letter where one was needed."""

    context: DeskContext
    agent: Agent
    letter: Letter
    known: KnownFacts
    now: datetime
    language: str
    ident: str
    message_id: str = ""
    fingerprint: str = ""
    stray: str = ""  # a command of theirs below the history, which is not carried out
    own: int = 0  # the ticket that the letter is about, 0 for the desk as a whole
    # ticket or 0 -> what its letter says
    said: defaultdict[int, Said] = field(default_factory=lambda: defaultdict(Said))
    others: dict[int, Ticket] = field(default_factory=dict)  # further tickets that the letter changes, in writing order
    records: list[DeskRecord] = field(default_factory=list)

    @property
    def terms(self) -> Terms:
        """The words of the agent's language."""
        return self.context.terms(self.language)

    def tell(self, code: str, *values: object, of: int = -1) -> None:
        """Adds a line to the receipt of that ticket, or of the letter's own. Values may be a stranger's."""
        safe = (escaped(one) if isinstance(one, str) else one for one in values)
        self.said[self.own if of < 0 else of].done.append(sentence(self.terms.say(code, *safe)))

    def show(self, ticket: Ticket, why: str) -> None:
        """The ticket comes whole, in a letter of its own, which the own ticket's receipt names."""
        self.said[ticket.number].shown = why
        if self.own not in (0, ticket.number):
            self.tell("apart", self.terms.say(why, tag(self.context, ticket.number)))

    def told(
        self, ticket: Ticket, agent: Agent, why: str, *values: str,
        due: datetime | None = None, said: Entry | None = None, whole: bool = False,
    ) -> Ticket:  # fmt: skip
        """The ticket, shown to an agent, `whole` or with long letters cut; `why` is a line of terms.yaml."""
        line = sentence(self.context.terms(self.context.language_of(agent)).say(why, *values))
        each = MOST_TEXT if whole else MOST_QUOTED
        showing = staff_notices.Showing(self.ident, line, due, said, each=each)
        return staff_notices.shown(ticket, agent, showing, self.context, self.now)

    def record(self, about: str, who: str, words: str = "") -> None:
        """Adds a record of the desk."""
        self.records.append(DeskRecord(at=self.now, about=about, who=who, words=words, letter=self.ident))

    def account(self, about: str, words: str, outgoing: tuple[Outgoing, ...] = ()) -> DeskRecord:
        """The record that holds the letter's one place, where no ticket holds it."""
        return DeskRecord(
            at=self.now, about=about, letter=self.ident, disposition=Disposition.command, message_id=self.message_id, fingerprint=self.fingerprint,
            who=self.agent.address, words=words, outgoing=outgoing,
        )  # fmt: skip

    def ticket_of(self, number: int) -> Ticket | None:
        """A ticket as this letter has left it so far."""
        return self.others.get(number) or self.known.tickets.get(number)

    def has_written(self, ticket: Ticket, to: str) -> bool:
        """True when this very letter has caused a letter of the ticket to that address."""
        return any(one.letter == self.ident and one.to == to for one in ticket.outgoing)

    def is_leaving(self, ticket: Ticket, one: Outgoing) -> bool:
        """Whether an outgoing letter has been given out to the way that it goes: nobody can take it back."""
        return (ticket.number, one.id) in self.known.leaving

    def changed_before(self, ticket: Ticket, about: str) -> bool:
        """True when this very letter did that to the ticket already, before a crash kept it from finishing."""
        return any(entry.letter == self.ident and entry.about == about for entry in ticket.entries)


def one_ticket(ticket: TicketOrDesk) -> Ticket:
    """The ticket that the letter is about; Refusal for a letter about several, or about the desk as a whole.
    """
    if ticket is None:
        raise Refusal("no_single_ticket")
    return ticket


def owned(run: CommandRun, ticket: Ticket) -> Ticket:
    """A free ticket becomes the agent's; a created one is then in progress."""
    if ticket.owner:
        return ticket
    ticket = replace(ticket, owner=run.agent.address)
    return move(ticket, Status.in_progress, run.now, run.context.policy) if ticket.status is Status.created else ticket


def noted(run: CommandRun, ticket: Ticket, text: str) -> Ticket:
    """The ticket with a note that no customer's template can see."""
    entry = Entry(at=run.now, kind="note", public=False, who=run.agent.address, name=run.agent.name, text=text, letter=run.ident)
    return replace(ticket, entries=(*ticket.entries, entry), changed=run.now)


def marked(run: CommandRun, ticket: Ticket, about: str, text: str = "") -> Ticket:
    """The ticket with an event of this letter."""
    entry = Entry(at=run.now, kind="event", public=False, who=run.agent.address, name=run.agent.name, text=text, letter=run.ident, about=about)
    return replace(ticket, entries=(*ticket.entries, entry), changed=run.now)
