"""A letter after it was read: its envelope, what a parser process made of it, and what the rules matched."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from bot.model.enums import LetterClass


class Value(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A frozen value with named fields. A field that has its default value is left out of the JSON."""


class Envelope(Value, frozen=True):
    """What the intake knew about a letter besides its bytes."""

    letter: str  # the inbox id: sortable by time, unique
    received: datetime
    mail_from: str  # envelope sender; "" is the null sender; "?" if the intake was not told
    recipients: tuple[str, ...] = ()
    client: str = ""  # IP address of the peer that handed it over, "" for a pipe
    intake: str = "smtp"  # smtp, lmtp, pipe, imap, form
    too_large: int = 0  # size in bytes of a letter too large to take; only its headers are here


class Address(Value, frozen=True):
    """A mailbox from a header: the display name, and the address in lower case."""

    email: str
    name: str = ""


class Attachment(Value, frozen=True):
    """A file of a letter. Its bytes stay in the archived letter, as MIME part number `part`."""

    name: str  # safe to show; never used as a file name
    type: str  # judged by content for pictures, otherwise as the letter says
    size: int  # bytes, decoded
    accepted: bool = False
    why: str = ""  # why it is withheld, one of reading.attachments.WHY
    part: int = 0  # number of the MIME part in walk order
    inline: bool = False
    logo: bool = False  # part of a signature or of the letter's decoration, no screenshot


class Hit(Value, frozen=True):
    """A sign that gives a letter its class or forbids an answer, with the words that show it."""

    rule: str
    evidence: str = ""


class Span(Value, frozen=True):
    """Where a leaf condition matched, with the original words."""

    where: str  # subject, text, header, attachment
    start: int
    end: int
    words: str


class Letter(Value, frozen=True):
    """What a parser process made of the bytes. Texts hold no NUL and no lone surrogates."""

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
    top: str = ""  # what is above the first mark of history; commands of staff are read here only
    full_text: str = ""  # with quotes and signature
    attachments: tuple[Attachment, ...] = ()
    defects: tuple[str, ...] = ()
    language: str = ""  # ru, en, or "" if unknown
    fingerprint: str = ""  # hash of author, subject and content, to recognise duplicates
    class_hits: tuple[Hit, ...] = ()  # every hit in headers and body; see reading.automatic
    may_answer: bool = True  # False if headers or class forbid an automatic answer
    kind: LetterClass = LetterClass.human  # judged by headers alone; tickets.place also knows our signatures
    bounced: tuple[tuple[str, str], ...] = ()  # (recipient, status code) of a delivery report
    reported_ids: tuple[str, ...] = ()  # Message-IDs embedded in a bounce or report
    from_defect: str = ""  # why From is ambiguous, or ""; an ambiguous From never proves anything
    dmarc_failed: bool = False  # a trusted relay reported dmarc=fail; set at the edge
    aligned: str = ""  # how From was authenticated (dkim, dmarc, relay, form), "" for unproved; set at the edge
    matches: dict[str, tuple[Span, ...]] = {}  # leaf condition -> where it was found
    file_texts: tuple[str, ...] = ()  # contents of text files from agents and departments; for the leak check
    ms: float = 0.0  # reading time in milliseconds

    @property
    def requester(self) -> Address:
        """The first From address; an empty one if the letter has none."""
        return self.sender[0] if self.sender else Address(email="")

    def header(self, name: str) -> str:
        """The first header with this name (in lower case), or ""."""
        return next((value for key, value in self.headers if key == name), "")


class NoLetterError(LookupError):
    """There is no letter with this id in the place where it was looked for."""


class Parked(Value, frozen=True):
    """Why a letter was set aside, and what became of it."""

    letter: str
    reason: str
    at: datetime
    trace: str = ""
    dropped: datetime | None = None
