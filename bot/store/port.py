"""What the desk asks of a store and tells it, in the desk's words. Two stores answer: `tinydb` (embedded) and, one day, PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from bot.model import Decision, Outgoing, Ticket, Value

ANNOUNCED = "announcement:"  # label of a ticket that was answered with an announcement, with its id behind
BY_MAIL = "mail"  # the id of what a lead announces by mail


class Question(Value, frozen=True):
    """What is asked about one letter: everything that its decision may depend on."""

    letter: str  # the inbox id
    requester: str  # From, "" for none
    bounce_to: str = ""  # envelope sender, the other address that an answer may go to
    message_id: str = ""
    fingerprint: str = ""
    references: tuple[str, ...] = ()  # Message-IDs
    tickets: tuple[int, ...] = ()  # numbers named by addresses, Message-IDs or tags
    staff: tuple[str, ...] = ()  # other addresses that a letter may go to: agents, and those that a command names
    rows: bool = False  # the whole desk is looked at: queue, search
    confirms: int = 0  # serial of the confirmation that this letter answers


class Earlier(Value, frozen=True):
    """A ticket as the register knows it."""

    number: int
    requester: str
    subject: str
    status: str
    resolution: str
    priority: str
    owner: str
    opened: datetime
    due: datetime | None = None


class Sender(Value, frozen=True):
    """What is known of one address: the caps of section 7 are counted from this."""

    sent: tuple[datetime, ...] = ()  # automatic letters to it within 24 hours
    opened: tuple[tuple[datetime, str], ...] = ()  # tickets it opened within 3 hours: when, base subject
    errors: tuple[datetime, ...] = ()  # error letters to it within 10 minutes
    latched: bool = False
    doubted: bool = False  # latched by letters that nothing proves: those that are proved pass
    renew: bool = False  # the latch in force is older than a day
    suppressed: bool = False
    blocked: bool = False
    known: bool = False  # a live ticket is theirs
    asked: datetime | None = None  # when it was last asked for a score
    unproved: tuple[datetime, ...] = ()  # command letters in this agent's name within the hour that nothing proves


class Found(Value, frozen=True):
    """The answer to a Question. `tickets` holds every ticket that was asked for, with merges followed."""

    fresh: int  # the number that a new ticket would take
    tickets: dict[int, Ticket] = {}
    by_reference: int = 0  # ticket that holds one of the references
    repeated: bool = False  # this very inbox id has been carried out already
    duplicate: bool = False  # another letter had the same Message-ID and content
    duplicate_of: int = 0  # its ticket, 0 for none
    refused_before: bool = False  # that other letter was an unproved command letter: a better proved copy counts
    senders: dict[str, Sender] = {}
    earlier: tuple[Earlier, ...] = ()  # tickets of the requester, the newest first
    through: dict[int, int] = {}  # ticket -> acknowledgements caused today by letters to its signed addresses
    rows: tuple[Earlier, ...] = ()  # every live ticket, where the question wants them
    confirms: str = ""  # the letter that waits for this confirmation
    confirmed_by: str = ""  # the letter that has confirmed it already
    away: dict[str, str] = {}  # agents and the ISO day of their return
    outage: str = ""  # what a lead announces by mail


class Turn(Protocol):
    """One letter's, one timer's or one delivery's exclusive look at the desk."""

    async def find(self, question: Question, now: datetime) -> Found:
        """Everything that the decision needs."""

    async def ticket(self, number: int) -> Ticket | None:
        """A ticket, live or filed, or None."""

    def commit(self, decision: Decision) -> None:
        """Takes the decision over; it is on disk when the turn's block has been left without an error."""


class Due(Value, frozen=True):
    """An outgoing letter that may leave, and where it is kept: in a ticket, or in a record of the desk."""

    ticket: int
    record: str
    letter: Outgoing


class Store(Protocol):
    """Tickets and the desk's own records, durable."""

    def turn(self) -> AbstractAsyncContextManager[Turn]:
        """`async with store.turn() as turn`: find, decide, commit.

        Raises OSError where the commit could not be made durable: nothing of it has then happened.
        """

    def due(self, now: datetime, limit: int) -> list[Due]:
        """Outgoing letters that may leave, the oldest first; each is given out once until `delivered`, or until the next start."""

    async def delivered(self, results: Sequence[Due]) -> None:
        """Records what became of outgoing letters (state, attempts, result, due), durable. Raises OSError."""

    def next_due(self) -> datetime | None:
        """When the next waiting letter becomes due; None when none waits."""

    def timers(self, now: datetime, limit: int) -> list[int]:
        """Tickets whose `timer` has come, the oldest first; each is named once for each moment."""

    def over(self, active: Collection[str]) -> list[int]:
        """Tickets that were answered with an announcement which is no longer among the active ones (clause 7)."""

    def snooze(self, number: int, until: datetime | None) -> None:
        """The timer of a ticket looks again then, or not before its next change; forgotten at a restart."""

    def rows(self) -> Iterator[Earlier]:
        """The live tickets as the register knows them, by number."""

    async def ticket(self, number: int) -> Ticket | None:
        """A ticket, live or filed."""

    def held(self) -> list[Due]:
        """Outgoing letters that are held."""

    async def sweep(self, now: datetime, reopen_days: int) -> int:
        """Files the tickets that can no longer change by themselves; how many."""

    def fates(self) -> Iterator[tuple[str, str, int]]:
        """Every letter that is accounted for, read from the disk alone: (inbox id, fate, ticket or 0)."""
