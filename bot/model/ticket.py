"""A ticket with everything said in it and everything it sends; the desk's own records; a decision, which changes both."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.model import markup
from bot.model.letter import Address, Attachment, Value
from bot.model.verdict import Evidence
from bot.model.words import Audience, Delivery, Fate, Ground, Priority, Resolution, Status, Waiting


class Seen(Value, frozen=True):
    """A letter that this ticket has taken in."""

    letter: str
    fate: Fate
    message_id: str = ""
    fingerprint: str = ""
    at: datetime | None = None
    looked: bool = False  # a command letter that changed nothing or was undone: #undo means an earlier one


class Entry(Value, frozen=True):
    """One thing said or done in a ticket, in order of time."""

    at: datetime
    kind: str  # letter, answer, note, command, event, machine
    public: bool  # the requester wrote it or has been sent it
    who: str = ""  # an address, or "" for the desk itself
    name: str = ""
    text: str = ""
    letter: str = ""  # the inbox id it came from
    message_id: str = ""
    subject: str = ""
    attachments: tuple[Attachment, ...] = ()
    hits: tuple[Evidence, ...] = ()
    about: str = ""  # for events: a word of tickets.events
    unconfirmed: bool = False  # nothing proves that the From wrote it


class Reference(Value, frozen=True):
    """An attachment by reference: the part of an archived letter that goes along."""

    letter: str
    part: int
    name: str
    type: str
    size: int


class Wording(Value, frozen=True):
    """What a letter of ours says. Text and HTML are two readings of one body, so neither is kept beside it."""

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
    """A letter on its way out, its words in their final form (section 2: what a receipt showed is what leaves)."""

    id: int  # number within the ticket or the day's desk file
    template: str
    audience: Audience
    to: str
    message_id: str
    created: datetime
    due: datetime  # not before this moment: the undo window, the morning, the next try
    envelope_from: str = ""  # "" is the null sender
    automatic: bool = True
    headers: tuple[tuple[str, str], ...] = ()  # everything but To, Subject, Date, Message-ID and MIME
    attachments: tuple[Reference, ...] = ()
    letter: str = ""  # the inbox id of the letter that caused it
    state: Delivery = Delivery.waiting
    attempts: int = 0
    result: str = ""  # the relay's last answer, or why it is held
    done_at: datetime | None = None


class Stretch(Value, frozen=True):
    """A time during which the due clock stood still; `until` is None while it still does."""

    since: datetime
    until: datetime | None = None


class Count(Value, frozen=True):
    """What a due time is counted from: `hours` of the desk's clock from `since` on, and whatever time stood still after it."""

    since: datetime
    hours: int
    start: datetime  # the number's moment, or that of the last reopening: a lowered priority counts from here


class Ticket(Value, frozen=True):
    """One request of one requester, with everything said in it and everything it still has to send."""

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
    count: Count | None = None  # None: the priority's hours from the number on
    timer: datetime | None = None  # the next moment at which a timer may act; set at each commit
    score: int = 0  # clause 6: 1 to 5, 0 for none
    score_asked: datetime | None = None
    owner: str = ""  # address of an agent, "" while free
    department: str = ""
    topic: str = ""
    labels: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()  # addresses beside the requester's, added by an agent
    proved: bool = False  # the requester's address is proved: aligned, or it answered a signed reference
    answerable: bool = True  # False: class or headers forbid automatic mail
    suspended: tuple[Ground, ...] = ()  # automatic grounds already used on this ticket, once each
    warned: bool = False  # of abuse, by an agent or the desk
    links: tuple[int, ...] = ()  # other tickets this one is linked to
    merged_into: int = 0
    kept: dict[str, str] = {}  # texts of agents without a command, by the id of the letter that asked what to do
    undo: dict[str, Any] = {}  # what #undo of the last command letter restores
    entries: tuple[Entry, ...] = ()
    seen: tuple[Seen, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()

    def public_entries(self) -> tuple[Entry, ...]:
        """The correspondence as the requester knows it; the only entries a customer's template may see."""
        return tuple(entry for entry in self.entries if entry.public)


class DeskRecord(Value, frozen=True):
    """A letter or a deed that belongs to no ticket; kept in the desk's file of its day."""

    at: datetime
    about: str  # machine, duplicate, command, confirmation, suppression, notice, release
    letter: str = ""
    fate: Fate | None = None
    message_id: str = ""
    fingerprint: str = ""
    who: str = ""
    words: str = ""
    outgoing: tuple[Outgoing, ...] = ()


class Decision(Value, frozen=True):
    """Everything that one letter or one timer changes, as plain data: tickets in writing order, records of the desk."""

    tickets: tuple[Ticket, ...] = ()
    records: tuple[DeskRecord, ...] = ()
    events: tuple[tuple[str, dict[str, Any]], ...] = ()  # for the log: event word and fields
