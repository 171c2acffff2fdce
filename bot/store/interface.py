"""What the desk asks of a store and tells it, in the desk's words. Two stores answer: `files` (TinyDB) and `postgres`.

`Letters` are the raw letters, `Store` the tickets and the desk's own records; both are for the running desk, and asynchronous. All of
them raise OSError where the store fails. The same desk lying still is `bot.store.data_access`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from bot.model import Decision, Delivery, DeskRecord, Envelope, Outgoing, Parked, Ticket, Value

ANNOUNCED = "announcement:"  # label of a ticket that was answered with an announcement, with its id behind
BY_MAIL = "mail"  # the id of what a lead announces by mail


# Outgoing letters that are not over: time sends the first, an admin decides about the others.
UNFINISHED = (Delivery.waiting, Delivery.held, Delivery.failed)
SET_BACK = timedelta(minutes=10)  # a clock that goes back further is made up for


class Lookup(Value, frozen=True):
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
    searches: tuple[str, ...] = ()  # words, and addresses or pieces of them, of tickets that are looked for
    confirms: int = 0  # serial of the confirmation that this letter answers
    gathered: bool = False  # the letters to staff that are still to be gathered into one
    leaving: bool = False  # which letters of these tickets may be on their way; no other one is until the unit of work ends


class TicketSummary(Value, frozen=True):
    """A ticket as the index knows it."""

    number: int
    requester: str
    subject: str
    status: str
    resolution: str
    priority: str
    owner: str
    opened: datetime
    due: datetime | None = None


class AddressFacts(Value, frozen=True):
    """What is known of one address: the caps of section 7 are counted from this."""

    sent: tuple[datetime, ...] = ()  # automatic letters to it within 24 hours
    opened: tuple[tuple[datetime, str], ...] = ()  # tickets it opened within 3 hours: when, base subject
    errors: tuple[datetime, ...] = ()  # error letters to it within 10 minutes
    auto_reply_blocked: bool = False
    soft_blocked: bool = False  # blocked by letters that nothing proves: those that are proved pass
    renew: bool = False  # the auto-reply block in force is older than a day
    suppressed: bool = False
    blocked: bool = False
    known: bool = False  # a live ticket is theirs
    asked: datetime | None = None  # when it was last asked for a score
    unproved: tuple[datetime, ...] = ()  # command letters in this agent's name within the hour that nothing proves


class KnownFacts(Value, frozen=True):
    """The answer to a Question. `tickets` holds every ticket that was asked for, with merges followed."""

    fresh: int  # the number that a new ticket would take
    tickets: dict[int, Ticket] = {}
    by_reference: int = 0  # ticket that holds one of the references
    repeated: bool = False  # this very inbox id has been carried out already
    duplicate: bool = False  # another letter had the same Message-ID and content
    duplicate_of: int = 0  # its ticket, 0 for none
    refused_before: bool = False  # that other letter was an unproved command letter: a better proved copy counts
    senders: dict[str, AddressFacts] = {}
    earlier: tuple[TicketSummary, ...] = ()  # tickets of the requester, the newest first
    through: dict[int, int] = {}  # ticket -> tickets linked to it today, and so acknowledgements through it
    rows: tuple[TicketSummary, ...] = ()  # every live ticket, where the question wants them
    searched: dict[str, tuple[TicketSummary, ...]] = {}  # tickets, live or filed, that hold all that is looked for; {} where the store cannot search
    confirms: str = ""  # the letter that waits for this confirmation
    confirmed_by: str = ""  # the letter that has confirmed it already
    away: dict[str, str] = {}  # agents and the ISO day of their return
    outage: str = ""  # what a lead announces by mail
    digested: str = ""  # the last day whose digest has gone out
    reported: str = ""  # the last week whose report has
    gathered: tuple[DeskRecord, ...] = ()  # what waits to be told to staff in one letter, the oldest first
    leaving: frozenset[tuple[int, int]] = frozenset()  # (ticket, letter) of what may be on its way by now


class UnitOfWork(Protocol):
    """One letter's, one timer's or one delivery's exclusive look at the desk."""

    async def find(self, lookup: Lookup, now: datetime) -> KnownFacts:
        """Everything that the decision needs. It names the people, tickets and Message-IDs of the decision; what
        was looked up before stays as it was.
        """

    async def room(self, windows: Sequence[Window], now: datetime) -> Window | None:
        """The first of these windows that is full then; where none is, one more is counted in each."""

    def commit(self, decision: Decision) -> None:
        """Takes the decision over; it is on disk when the unit's block has been left without an error."""


class Due(Value, frozen=True):
    """An outgoing letter that may leave, and where it is kept: in a ticket, or in a record of the desk."""

    ticket: int
    record: str
    letter: Outgoing


class Window(NamedTuple):
    """So many letters may leave for `key` within `span`."""

    key: str
    most: int
    span: timedelta


class Counts(NamedTuple):
    """How full the desk is."""

    live: int  # tickets that can still change by themselves
    unsent: int  # letters that wait to leave
    first_due: datetime | None  # when the first of these may, or might have left; never before it was made
    held: int
    failed: int
    disk_waits: int = 0  # files that could not be written so far, or not be read since the start
    newest: datetime | None = None  # a moment at which a letter that waits was made; no other was made later


class Signal(Protocol):
    """An asyncio.Event. The core, which knows these values, does not load asyncio."""

    def is_set(self) -> bool:
        """Whether it is set."""
        ...

    def set(self) -> None:
        """Wakes all who wait."""

    def clear(self) -> None:
        """Whoever waits from here on waits for the next `set`."""

    async def wait(self) -> Any:
        """Returns once it is set."""


class Store(Protocol):
    """Tickets and the desk's own records, durable; of one daemon, or of several on one database."""

    @property
    def changed(self) -> Signal:
        """Set when an outgoing letter may have become due."""
        ...

    @property
    def loaded(self) -> Signal:
        """Set when units of work can begin."""
        ...

    broken: list[str]  # what cannot be read; only those tickets suffer

    async def load(self) -> None:
        """Makes ready; the listeners are open meanwhile."""

    async def close(self) -> None:
        """Returns when everything is durable."""

    def unit_of_work(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """`async with store.unit_of_work() as unit`: find, decide, commit.

        Raises OSError where it is not known whether the decision is durable; nothing of it may be told to
        anybody then. Whoever wants it carried out looks again: a letter is either `repeated`, and the unit
        ends when all that it has caused is durable, or it is decided anew.
        """

    async def is_leader(self) -> bool:
        """Whether what happens by the clock (timers, digest, filing) is this daemon's to do; one of several has it."""

    async def due(self, now: datetime, limit: int) -> list[Due]:
        """Outgoing letters that may leave, the oldest first; each is given out once until `delivered`, or until its daemon is gone."""

    async def delivered(self, results: Sequence[Due]) -> None:
        """Records what became of outgoing letters (state, attempts, result, due), durable. Raises OSError."""

    async def next_due(self) -> datetime | None:
        """When the next waiting letter becomes due; None when none waits."""

    async def reserve(self, asked: Sequence[Sequence[Window]], now: datetime) -> list[datetime | None]:
        """For each letter None when it may leave now under all its sliding windows (it is then counted), or else the moment at which it may."""

    async def suppressed(self, people: Collection[str], now: datetime) -> set[str]:
        """Those of the addresses to which automatic mail is suppressed."""

    async def timers(self, now: datetime, limit: int) -> list[int]:
        """Tickets whose `timer` has come, the oldest first; each is named once for each moment."""

    async def ended_announcements(self, active: Collection[str]) -> list[int]:
        """Tickets that were answered with an announcement which is no longer among the active ones (clause 7)."""

    async def wake(self, at: datetime | None, number: int = 0) -> None:
        """The timer looks at this ticket then, or not before its next change (forgotten at a restart); without a
        number at every ticket that is not done, since the periods or the calendar have changed.
        """

    async def stuck(self, state: Delivery) -> list[Due]:
        """Outgoing letters that are held, or that failed, of live tickets and recent records."""

    async def counts(self) -> Counts:
        """For the heartbeat and for `health`."""

    async def archive_done(self, now: datetime, reopen_days: int) -> int:
        """Files the tickets that can no longer change by themselves; how many."""

    async def expire(self, limit: datetime, letters: Letters) -> int:
        """Erases what was done or recorded before `limit`, and filed since: words, names, addresses and raw letters; how much.

        What stays of a ticket: number, times, status, resolution, priority, labels, owner. Raw letters go first and what names them last:
        cut off in between, the next run finishes the work. Raises OSError.
        """

    async def rewrite_record(self, place: str, change: Callable[[DeskRecord], DeskRecord]) -> None:
        """Puts a record of the desk, as it is by now, through `change`; durable. `place` is one of `DataReader.records`. Raises OSError."""

    async def forget_address(self, person: str) -> None:
        """What is known of an address beside tickets and records (counts, auto-reply blocks, indexes in memory) is forgotten."""


class Letters(Protocol):
    """Raw letters: taken in, given out to be handled, archived or set aside. Ids that are not there raise NoLetterError."""

    @property
    def changed(self) -> Signal:
        """Set when a letter may be there to be handled."""
        ...

    async def take(self, raw: bytes, envelope: Envelope) -> None:
        """Stores a letter; durable when this comes back, and only then may the sender be told 250."""

    async def claim(self, limit: int) -> list[str]:
        """Letters to be handled, the oldest first; each is given out once until `release`, or until its daemon is gone."""

    async def release(self, letter: str) -> None:
        """A claimed letter that could not be handled now: it is given out again."""

    async def read(self, letter: str) -> tuple[Envelope, bytes]:
        """Envelope and raw bytes, wherever the letter lies."""

    async def has(self, letter: str) -> bool:
        """Whether a letter of this id has been taken in, wherever it lies by now."""

    async def done(self, letter: str) -> None:
        """A handled letter goes into the archive; need not be durable, since a repeat is absorbed."""

    async def park(self, letter: str, reason: str, trace: str, now: datetime) -> None:
        """Sets a letter aside with the reason and the end of the traceback."""

    async def retry(self, letter: str) -> None:
        """A parked letter is to be handled again."""

    async def drop(self, letter: str, now: datetime) -> None:
        """A parked letter is given up; it stays in the archive, marked, so that it stays accounted for."""

    async def waiting(self) -> tuple[int, str]:
        """How many letters are there to be handled, claimed or not, and the oldest's id, "" for none."""

    async def parked(self) -> list[Parked]:
        """The letters set aside, oldest first."""

    async def erase(self, letter: str, left: tuple[Envelope, bytes] | None = None) -> None:
        """Removes a letter for good, wherever it lies, or leaves this in its place (`forget`); one that is gone
        already is no error.
        """

    async def remove_leftovers(self, now: datetime) -> int:
        """Removes what crashes left behind; how many."""

    async def close(self) -> None:
        """Ends it; claims are given back."""
