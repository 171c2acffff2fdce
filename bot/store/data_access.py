"""The desk lying still: the `DataReader` that reports, the ledger and the command line read, and the `Target` that a copy of it is put into.

Both raise OSError where the store fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from bot.model import DeskRecord, Envelope, Parked, Ticket


class ElsewhereError(ValueError):
    """The desk does not live here: it moved, or a restore or a move was cut off. The text says what to do."""


class FormatError(ValueError):
    """The data is of another version than this program can work with; the text says what to do."""


class DataReader(Protocol):
    """A desk's data at rest. Blocking; may be read while a desk runs, and by any thread."""

    broken: list[str]  # what could not be read so far

    def tickets(self, *, filed: bool = True) -> Iterator[Ticket]:
        """Every ticket by number, the live ones alone or all, read as the desk reads it: what is broken for one is so for all."""

    def ticket(self, number: int) -> Ticket | None:
        """One ticket, live or filed. Raises msgspec.DecodeError for a broken one."""

    def records(self) -> Iterator[tuple[str, DeskRecord]]:
        """(place, record) of the desk's own records, the oldest first."""

    def letters(self) -> Iterator[tuple[str, str]]:
        """Every letter ever taken in, once, with its place: waiting, parked, dropped or archived.

        Places are read in the order in which letters move, so that none is missed while the desk is at work.
        """

    def letter(self, ident: str) -> tuple[Envelope, bytes]:
        """Envelope and raw bytes; NoLetterError."""

    def parked(self) -> list[Parked]:
        """The letters set aside, oldest first, with their reasons (the dropped ones are not among them)."""

    def try_letter(self, raw: bytes) -> None:
        """Takes a letter in the way a desk does, and takes it back before any desk sees it. Raises OSError."""

    def close(self) -> None:
        """Lets it go."""


class DataWriter(Protocol):
    """A desk at rest that is being filled from a DataReader (`bot.data.copy`). Blocking. What is put twice is there once, as it was put last.

    Places of letters are those of `DataReader.letters`, places of records those of `DataReader.records`, "DAY/number" or "DAY.page/number".
    """

    def empty(self) -> bool:
        """Whether there is no ticket, record or letter."""

    def record(self, place: str, record: DeskRecord) -> None:
        """A record of the desk; they come in the order of `DataReader.records`."""

    def ticket(self, ticket: Ticket, *, filed: bool) -> None:
        """A ticket; one that is `filed` can no longer change by itself."""

    def letter(self, envelope: Envelope, raw: bytes, place: str, parked: Parked | None) -> None:
        """A letter; `parked` is the reason of one that is parked."""

    def close(self) -> None:
        """Returns when everything is durable. Raises OSError."""
