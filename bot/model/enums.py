"""The closed lists of words: statuses, resolutions, grounds, priorities, classes, dispositions."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Status(StrEnum):
    """Clause 5.1 of the regulation."""

    created = "created"
    in_progress = "in_progress"
    clarification = "clarification"
    done = "done"


class Waiting(StrEnum):
    """Who has to act next."""

    nobody = "nobody"
    requester = "requester"
    department = "department"


class Open(StrEnum):
    """A list that a company may add to in rules.yaml: any other text is a value as well."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str) or not value:
            return None
        own = str.__new__(cls, value)
        own._name_ = own._value_ = value
        return own


class Resolution(Open):
    """Clause 5.1, letter г, and a company's own."""

    solved = "solved"
    not_reproducible = "not_reproducible"
    user_error = "user_error"
    infrastructure = "infrastructure"
    complaint = "complaint"


class Ground(Open):
    """Why support is suspended or refused: the nine of clause 4.6, `low_priority` of clause 5.2, and a company's own.

    A name that code knows brings what the regulation says of it: `abusive_language` warns, `needs_development`
    waits for an update, `low_priority` is a lead's decision.
    """

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
    """What kind of sender a letter has: the first in this order that fits."""

    own = "own"
    receipt = "receipt"
    bounce = "bounce"
    automatic = "automatic"
    bulk = "bulk"
    human = "human"


class Disposition(StrEnum):
    """Where an accepted letter ended: exactly one, counted by `ledger`. Parked letters have none yet."""

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
    """The state of an outgoing letter."""

    waiting = "waiting"
    sent = "sent"
    failed = "failed"
    held = "held"
    cancelled = "cancelled"
