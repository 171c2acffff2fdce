"""A letter, read: what the intake knew of it, what a reader process made of its bytes, and where the rules' leaves were found."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from bot.model.words import LetterClass


class Value(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A frozen value with named fields; fields that hold their default are left out of the JSON."""


class Envelope(Value, frozen=True):
    """What the intake knew of a letter beside its bytes."""

    letter: str  # the inbox id: sortable by time, unique
    received: datetime
    mail_from: str  # envelope sender; "" is the null sender; "?" where the intake was not told one
    recipients: tuple[str, ...] = ()
    client: str = ""  # address of the peer that handed it over, "" for a pipe
    intake: str = "smtp"  # smtp, lmtp, pipe, imap, form
    too_large: int = 0  # bytes of a letter that its door could not take, of which the headers alone are here


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
    top: str = ""  # what stands above the first mark of history; a letter of staff has its commands here or nowhere
    full_text: str = ""  # with quotes and signature
    attachments: tuple[Attachment, ...] = ()
    defects: tuple[str, ...] = ()
    language: str = ""  # ru, en, or "" when nothing can be told
    fingerprint: str = ""  # of author, subject and content without the other headers, to know duplicates
    class_hits: tuple[Hit, ...] = ()  # of headers and body, all of them; reading.automatic
    may_answer: bool = True  # False: the headers or the class forbid an automatic answer
    kind: LetterClass = LetterClass.human  # by the headers alone; tickets.place looks again with the signatures
    bounced: tuple[tuple[str, str], ...] = ()  # (recipient, status code) of a delivery report
    reported_ids: tuple[str, ...] = ()  # Message-IDs embedded in a bounce or report
    from_defect: str = ""  # why From may be read in more than one way, "" where it may not; such a From proves nothing, ever
    dmarc_failed: bool = False  # a trusted relay reported dmarc=fail; set at the edge
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
