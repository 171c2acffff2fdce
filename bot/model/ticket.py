"""A ticket with its entries and outgoing letters; the desk's own records; a decision, which changes both."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from bot.model import markup
from bot.model.enums import Audience, Delivery, Disposition, Ground, Priority, Resolution, Status, Waiting
from bot.model.letter import Address, Attachment, Value
from bot.model.verdict import Evidence

ERASED = "erased"  # label of a ticket that has nothing left but its figures, and what an erased record is about


class Seen(Value, frozen=True, rename={"disposition": "fate"}):
    """A letter that this ticket has taken in."""

    letter: str
    disposition: Disposition
    message_id: str = ""
    fingerprint: str = ""
    at: datetime | None = None
    looked: bool = False  # a command letter that changed nothing or was undone; #undo skips it


class Entry(Value, frozen=True):
    """One thing that was said or done in a ticket."""

    at: datetime
    kind: str  # letter, answer, note, command, event, machine
    public: bool  # the requester wrote it or received it
    who: str = ""  # an address, or "" for the desk itself
    name: str = ""
    text: str = ""
    letter: str = ""  # the inbox id it came from
    message_id: str = ""
    subject: str = ""
    attachments: tuple[Attachment, ...] = ()
    hits: tuple[Evidence, ...] = ()
    about: str = ""  # for events: which one
    unconfirmed: bool = False  # nothing proves that the address in From wrote it


File = tuple[str, str, bytes]  # name, type, content


class FileReference(Value, frozen=True):
    """A file to be attached: a part of an archived letter, not copied before the letter leaves."""

    letter: str
    part: int
    name: str
    type: str
    size: int


class Wording(Value, frozen=True):
    """What a letter of ours says. Text and HTML are both made from the body, so neither is stored."""

    subject: str
    body: str  # in the light markup, with every value literal
    language: str

    @property
    def text(self) -> str:
        """The plain text part."""
        return markup.to_text(markup.parse(self.body))

    @property
    def html(self) -> str:
        """The HTML part without the layout around it."""
        return markup.to_html(markup.parse(self.body))


class Outgoing(Wording, frozen=True):
    """An outgoing letter in its final form: what a receipt showed is what leaves (design, section 2)."""

    id: int  # unique within the ticket, or within the desk's file of the day
    template: str
    audience: Audience
    to: str
    message_id: str
    created: datetime
    due: datetime  # may leave from this moment on: after the undo window, in the morning, at the next try
    envelope_from: str = ""  # "" is the null sender
    automatic: bool = True
    headers: tuple[tuple[str, str], ...] = ()  # everything but To, Subject, Date, Message-ID and MIME
    attachments: tuple[FileReference, ...] = ()
    letter: str = ""  # the inbox id of the letter that caused it
    state: Delivery = Delivery.waiting
    attempts: int = 0
    result: str = ""  # the relay's last answer, or why it is held
    done_at: datetime | None = None


class Stretch(Value, frozen=True):
    """A time during which the due clock is stopped; `until` is None while it still is."""

    since: datetime
    until: datetime | None = None


class Count(Value, frozen=True):
    """How a due time is counted: `hours` of the desk's clock from `since`, plus stopped time after that."""

    since: datetime
    hours: int
    start: datetime  # when the ticket was numbered or last reopened; a lowered priority counts from here


class Ticket(Value, frozen=True):
    """One request of one requester, with everything said about it and every letter it sent or will send."""

    number: int
    requester: Address
    opened: datetime
    changed: datetime
    subject: str = ""
    language: str = "ru"
    status: Status = Status.created
    waiting_for: Waiting = Waiting.nobody
    resolution: Resolution | None = None
    ground: Ground | None = None
    done_at: datetime | None = None
    priority: Priority = Priority.medium
    due: datetime | None = None
    paused: tuple[Stretch, ...] = ()
    count: Count | None = None  # None: the priority's hours, counted from the moment of the number
    timer: datetime | None = None  # when a timer may act next; set at each commit
    score: int = 0  # clause 6: 1 to 5, 0 for none
    score_asked: datetime | None = None
    owner: str = ""  # address of an agent, "" if nobody has it
    department: str = ""
    topic: str = ""
    labels: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()  # further addresses, added by an agent
    proved: bool = False  # From was aligned, or the requester answered to a signed address
    answerable: bool = True  # False if class or headers forbid automatic mail
    suspended: tuple[Ground, ...] = ()  # grounds that the desk has already used here, each at most once
    warned: bool = False  # of abuse, by an agent or the desk
    links: tuple[int, ...] = ()  # numbers of linked tickets
    merged_into: int = 0
    kept: dict[str, str] = {}  # agents' texts without a command, by the id of the letter that asks what to do
    undo: dict[str, Any] = {}  # what #undo restores: the state before the last command letter
    entries: tuple[Entry, ...] = ()
    seen: tuple[Seen, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()

    def public_entries(self) -> tuple[Entry, ...]:
        """The correspondence that the requester knows. Templates for customers may see no other entries."""
        return tuple(entry for entry in self.entries if entry.public)


class DeskRecord(Value, frozen=True, rename={"disposition": "fate"}):
    """A letter or an action that belongs to no ticket; stored in the desk's file of the day."""

    at: datetime
    about: str  # machine, duplicate, command, confirmation, suppression, notice, release
    letter: str = ""
    disposition: Disposition | None = None
    message_id: str = ""
    fingerprint: str = ""
    who: str = ""
    words: str = ""
    outgoing: tuple[Outgoing, ...] = ()


class Decision(Value, frozen=True):
    """Everything that one letter or one timer changes, as plain data. Tickets are in the order of writing."""

    tickets: tuple[Ticket, ...] = ()
    records: tuple[DeskRecord, ...] = ()
    events: tuple[tuple[str, dict[str, Any]], ...] = ()  # for the log: event name and fields


def emptied(ticket: Ticket, now: datetime) -> Ticket:
    """The ticket without anybody's words, names and addresses; its figures stay. One that was not done ends without a word, as spam does."""
    if ticket.status is not Status.done:
        ticket = replace(
            ticket, status=Status.done, ground=Ground.out_of_scope, done_at=now, waiting_for=Waiting.nobody, labels=(*ticket.labels, "spam")
        )
    return replace(
        ticket, requester=Address(email=""), subject="", participants=(), kept={}, undo={}, entries=(), outgoing=(), seen=(), timer=None,
        labels=(*(label for label in ticket.labels if ":" not in label and label != ERASED), ERASED),
    )  # fmt: skip
