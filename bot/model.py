"""The desk's words as frozen values: what a letter, a verdict, a ticket, a decision and an outgoing letter are.

Nothing here does anything. Every part of the desk speaks in these values; they go through the reader processes
(pickled), into the store (as JSON, through msgspec) and out of `explain --json`. All datetimes are aware.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct


class Value(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A frozen value with named fields; fields that hold their default are left out of the JSON."""


# ------------------------------------------------------------------------------------------------ closed word lists


class Status(StrEnum):
    """Clause 5.1 of the regulation."""

    created = "created"
    in_progress = "in_progress"
    clarification = "clarification"
    done = "done"


class Waiting(StrEnum):
    """Whose move it is, beside the status."""

    nobody = "nobody"
    requester = "requester"
    department = "department"


class Resolution(StrEnum):
    """Clause 5.1, letter г."""

    solved = "solved"
    not_reproducible = "not_reproducible"
    user_error = "user_error"
    infrastructure = "infrastructure"
    complaint = "complaint"


class Ground(StrEnum):
    """Why support is suspended or refused: the nine of clause 4.6, and `low_priority` of clause 5.2."""

    not_reproducible = "not_reproducible"
    outdated_software = "outdated_software"
    insufficient_information = "insufficient_information"
    needs_development = "needs_development"
    requirements_violated = "requirements_violated"
    unofficial_version = "unofficial_version"
    out_of_scope = "out_of_scope"
    unconstructive = "unconstructive"
    abusive_language = "abusive_language"
    low_priority = "low_priority"


class Priority(StrEnum):
    """Clause 5.2."""

    low = "low"
    medium = "medium"
    high = "high"

    @property
    def rank(self) -> int:
        """0 for low to 2 for high."""
        return ("low", "medium", "high").index(self.value)


class LetterClass(StrEnum):
    """What kind of sender a letter has; the first that fits in this order."""

    own = "own"
    receipt = "receipt"
    bounce = "bounce"
    automatic = "automatic"
    bulk = "bulk"
    human = "human"


class Fate(StrEnum):
    """The one place in which an accepted letter ends; `ledger` adds them up. Parked letters lie in a folder."""

    opened = "opened"
    appended = "appended"
    command = "command"
    machine = "machine"
    duplicate = "duplicate"


class Audience(StrEnum):
    """For whom an outgoing letter is written."""

    requester = "requester"
    agent = "agent"
    department = "department"
    stranger = "stranger"


class Delivery(StrEnum):
    """Where an outgoing letter stands."""

    waiting = "waiting"
    sent = "sent"
    failed = "failed"
    held = "held"
    cancelled = "cancelled"


# --------------------------------------------------------------------------------------------------- a letter, read


class Envelope(Value, frozen=True):
    """What the intake knew of a letter beside its bytes."""

    letter: str  # the inbox id: sortable by time, unique
    received: datetime
    mail_from: str  # envelope sender; "" is the null sender; "?" where the intake was not told one
    recipients: tuple[str, ...] = ()
    client: str = ""  # address of the peer that handed it over, "" for a pipe
    intake: str = "smtp"  # smtp, lmtp, pipe, imap, form


class Address(Value, frozen=True):
    """A mailbox out of a header: the shown name and the address, in lower case."""

    email: str
    name: str = ""


class Attachment(Value, frozen=True):
    """One file of a letter. Its bytes stay in the archived letter, at part `part`."""

    name: str  # made safe for showing; never used as a file name
    type: str  # by content for pictures, otherwise as the letter says
    size: int  # bytes, decoded
    accepted: bool = False
    why: str = ""  # why it is withheld, one of reading.attachments.WHY
    part: int = 0  # number of the MIME part in walk order
    inline: bool = False
    logo: bool = False  # a picture of a signature or a letter's decoration, not a screenshot


class Hit(Value, frozen=True):
    """A reason for a class or against an answer, with the words that gave it."""

    rule: str
    evidence: str = ""


class Span(Value, frozen=True):
    """Where a leaf condition was found: the original words of subject or text."""

    where: str  # subject, text, header, attachment
    start: int
    end: int
    words: str


class Letter(Value, frozen=True):
    """What a reader process made of the bytes. Texts hold no NUL and no lone surrogates."""

    envelope: Envelope
    subject: str = ""
    sender: tuple[Address, ...] = ()  # From, in order; the requester is the first
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    date: datetime | None = None
    message_id: str = ""  # without angle brackets
    references: tuple[str, ...] = ()  # In-Reply-To first, then References, without angle brackets
    headers: tuple[tuple[str, str], ...] = ()  # decoded, in order, names in lower case; long ones cut
    text: str = ""  # what this letter's author wrote
    full_text: str = ""  # with quotes and signature
    html: str = ""  # cleaned HTML, "" when there was none
    attachments: tuple[Attachment, ...] = ()
    defects: tuple[str, ...] = ()
    language: str = ""  # ru, en, or "" when nothing can be told
    fingerprint: str = ""  # of author, subject and content without the other headers, to know duplicates
    class_hits: tuple[Hit, ...] = ()  # of headers and body, all of them; reading.automatic
    may_answer: bool = True  # False: the headers or the class forbid an automatic answer
    kind: LetterClass = LetterClass.human  # by the headers alone; tickets.place looks again with the signatures
    bounced: tuple[tuple[str, str], ...] = ()  # (recipient, status code) of a delivery report
    reported_ids: tuple[str, ...] = ()  # Message-IDs embedded in a bounce or report
    aligned: str = ""  # how From was authenticated (dkim, dmarc, relay, form), "" for unproved; set at the edge
    matches: dict[str, tuple[Span, ...]] = {}  # leaf condition -> where it was found
    file_texts: tuple[str, ...] = ()  # of the text files that an agent or a department sent; for the leak gate
    ms: float = 0.0  # reading time in milliseconds

    @property
    def requester(self) -> Address:
        """The first From address; an empty one where the letter has none."""
        return self.sender[0] if self.sender else Address(email="")

    def header(self, name: str) -> str:
        """The first header of that lower-case name, or ""."""
        return next((value for key, value in self.headers if key == name), "")


# -------------------------------------------------------------------------------------------------------- a verdict


class Evidence(Value, frozen=True):
    """A rule that fired, and why."""

    rule: str
    clause: str = ""
    ground: Ground | None = None
    action: str = ""  # suspend, refuse or ""
    topic: str = ""
    priority: Priority | None = None
    department: str = ""
    labels: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()  # whom a new ticket is shown to
    evidence: str = ""  # the original words
    spans: tuple[Span, ...] = ()


class Verdict(Value, frozen=True):
    """What the rules say of a letter: first ground, first topic, highest priority, all labels, every hit."""

    ground: Ground | None = None
    action: str = ""
    topic: str = ""
    priority: Priority | None = None
    department: str = ""
    labels: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()  # whom a new ticket is shown to
    rule: str = ""  # the rule that gave the ground, or else the topic, or else the priority
    clause: str = ""
    evidence: str = ""
    missing: tuple[str, ...] = ()  # what the requester is asked for, with insufficient_information
    hits: tuple[Evidence, ...] = ()


# --------------------------------------------------------------------------------------------------------- a ticket


class Seen(Value, frozen=True):
    """A letter that this ticket has taken in."""

    letter: str
    fate: Fate
    message_id: str = ""
    fingerprint: str = ""
    at: datetime | None = None


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
    unconfirmed: bool = False  # joined by a bare tag with an unauthenticated known From


class Reference(Value, frozen=True):
    """An attachment by reference: the part of an archived letter that goes along."""

    letter: str
    part: int
    name: str
    type: str
    size: int


class Outgoing(Value, frozen=True):
    """A letter on its way out, in its final form (section 2: what a receipt showed is what leaves)."""

    id: int  # number within the ticket or the day's desk file
    template: str
    audience: Audience
    to: str
    subject: str
    text: str
    html: str
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
