"""What a letter, a verdict, a ticket, a decision and an outgoing letter are: frozen values without behaviour.

All parts of the desk exchange these values. They are pickled on the way to and from reader processes, stored
as JSON (msgspec) and printed by `explain --json`. All datetimes are aware.
"""

from bot.model.letter import Address, Attachment, Envelope, Hit, Letter, Span, Value
from bot.model.senders import OUR_OWN, client_of, network_of, person_of
from bot.model.ticket import Count, Decision, DeskRecord, Entry, Outgoing, Reference, Seen, Stretch, Ticket, Wording
from bot.model.verdict import Evidence, Verdict
from bot.model.words import Audience, Delivery, Fate, Ground, LetterClass, Priority, Resolution, Status, Waiting

__all__ = [
    "OUR_OWN", "Address", "Attachment", "Audience", "Count", "Decision", "Delivery", "DeskRecord", "Entry",
    "Envelope", "Evidence", "Fate", "Ground", "Hit", "Letter", "LetterClass", "Outgoing", "Priority",
    "Reference", "Resolution", "Seen", "Span", "Status", "Stretch", "Ticket", "Value", "Verdict", "Waiting",
    "Wording", "client_of", "network_of", "person_of",
]  # fmt: skip
