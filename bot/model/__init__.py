"""What a letter, a verdict, a ticket, a decision and an outgoing letter are: frozen values without behaviour.

All parts of the desk exchange these values. They are pickled on the way to and from parser processes, stored
as JSON (msgspec) and printed by `explain --json`. All datetimes are aware.
"""

from bot.model.enums import Audience, Delivery, Disposition, Ground, LetterClass, Priority, Resolution, Status, Waiting
from bot.model.letter import Address, Attachment, Envelope, Hit, Letter, NoLetterError, Parked, Span, Value
from bot.model.senders import OUR_OWN, client_of, network_of, person_of
from bot.model.ticket import (
    ERASED,
    Count,
    Decision,
    DeskRecord,
    Entry,
    File,
    FileReference,
    Outgoing,
    Seen,
    Stretch,
    Ticket,
    Wording,
    emptied,
)
from bot.model.verdict import Evidence, Verdict

__all__ = [
    "ERASED",
    "OUR_OWN",
    "Address",
    "Attachment",
    "Audience",
    "Count",
    "Decision",
    "Delivery",
    "DeskRecord",
    "Disposition",
    "Entry",
    "Envelope",
    "Evidence",
    "File",
    "FileReference",
    "Ground",
    "Hit",
    "Letter",
    "LetterClass",
    "NoLetterError",
    "Outgoing",
    "Parked",
    "Priority",
    "Resolution",
    "Seen",
    "Span",
    "Status",
    "Stretch",
    "Ticket",
    "Value",
    "Verdict",
    "Waiting",
    "Wording",
    "client_of",
    "emptied",
    "network_of",
    "person_of",
]  # fmt: skip
