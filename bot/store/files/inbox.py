"""Raw letters on disk: a Maildir for those to be handled, an archive by day, a place for the parked ones.

A letter file is one line `X-Desk-Envelope: {json}` and then the bytes as they came. Its name is its id, and the id begins
with the day (UTC), so every place of a letter is known from the id alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from bot.disk import Disk, Write, is_there, listed
from bot.disk.group_commit import GroupCommit
from bot.disk.regular_files import OddFileError, read_regular
from bot.model import Envelope, NoLetterError, Parked
from bot.store.files.names import DATE, LETTER, NOTE, SPOOL
from bot.store.letter_ids import TRACE_TAIL, Ids

MARK = b"X-Desk-Envelope: "
SUFFIX = ".eml"
_LETTER = re.compile(LETTER)


class Inbox:
    """The durable inbox. Its methods block on the disk and may be called from any thread; all raise OSError when it fails."""

    def __init__(self, data: Path, disk: Disk) -> None:
        """Opens the inbox under the folder `data`, making the folders that are not there."""
        self._disk = disk
        self._ids = Ids()
        self._tmp, self._new, self._archive, self._parked = (data / name for name in ("inbox/tmp", "inbox/new", "archive", "parked"))
        self._dropped = self._archive / "dropped"
        for folder in (self._tmp, self._new, data / "inbox" / "cur", self._dropped, self._parked):
            disk.mkdir(folder)
        self._days: set[Path] = set()
        self._unsure: dict[str, bool] = {}  # letters being taken in, or refused (True) and perhaps there
        self._group_commit = GroupCommit(disk, "inbox")

    def new_id(self, now: datetime) -> str:
        """The id for a letter that comes in now."""
        return self._ids.new(now)

    def accept(self, raw: bytes, envelope: Envelope) -> None:
        """Store a letter; durable when this comes back, and only then may the sender be told 250."""
        write = self._write(raw, envelope)
        try:
            self._disk.write_synced(write.tmp, write.path, write.data)
        except Exception:
            self._refuse(envelope.letter)
            raise
        self._unsure.pop(envelope.letter, None)

    async def take(self, raw: bytes, envelope: Envelope) -> None:
        """As accept; letters that come at the same time share the syncs."""
        write = self._write(raw, envelope)
        try:
            await self._group_commit.put(write)
        except Exception:
            await asyncio.to_thread(self._refuse, envelope.letter)
            raise
        self._unsure.pop(envelope.letter, None)

    def _write(self, raw: bytes, envelope: Envelope) -> Write:
        self._unsure[envelope.letter] = False
        name = envelope.letter + SUFFIX
        return Write(self._tmp / name, self._new / name, letter_file(envelope, raw))

    def try_letter(self, raw: bytes) -> None:
        """Writes one where letters are written, under a name that is no letter's, and removes it."""
        letter = self.new_id(datetime.now(UTC))
        place = self._new / f".{letter}.tried"
        self._disk.write_synced(_file(self._tmp, letter), place, raw)
        self._disk.unlink(place)

    def _refuse(self, letter: str) -> None:
        """The sender is told to come again: what cannot be synced must not be handled as accepted."""
        self._unsure[letter] = True
        with contextlib.suppress(OSError):  # it may be there, then: see `clear`
            self._disk.unlink(_file(self._new, letter))
            self._disk.sync_folder(self._new)
            self._unsure.pop(letter, None)

    def clear(self) -> None:
        """Removes what has been refused and could not be removed then."""
        for letter in [letter for letter, refused in self._unsure.items() if refused]:
            self._refuse(letter)

    def settle(self) -> None:
        """Makes durable what another process has put into the inbox, or this desk before it was killed.
        Raises OSError.
        """
        self._disk.sync_folder(self._new)

    def waiting(self) -> list[str]:
        """Ids of the letters to be handled, oldest first."""
        return sorted(letter for letter in _ids_in(self._new) if letter not in self._unsure)

    def read(self, letter: str) -> tuple[Envelope, bytes]:
        """Envelope and raw bytes of a letter, wherever it lies; raises NoLetterError."""
        places = (self._new, self._day(letter), self._parked, self._dropped)
        for folder in (*places, *places):  # twice: it may be on the move from one place to the next
            with contextlib.suppress(FileNotFoundError, OddFileError):
                first, _, raw = read_regular(_file(folder, letter)).partition(b"\n")
                return msgspec.json.decode(first.removeprefix(MARK), type=Envelope), raw
        raise NoLetterError(f"there is no letter {letter}")

    def has(self, letter: str) -> bool:
        """Whether a letter of this id has been accepted, wherever it lies by now."""
        places = (self._new, self._day(letter), self._parked, self._dropped, self._new)
        return letter not in self._unsure and any(is_there(_file(folder, letter)) for folder in places)

    def erase(self, letter: str) -> None:
        """Remove a letter for good, wherever it lies, with the note of its reason; one that is gone already is no error."""
        for folder in (self._new, self._parked, self._day(letter), self._dropped):
            for path in (folder / f"{letter}.json", _file(folder, letter)):  # the note first: it is found by its letter
                self._disk.unlink(path)

    def rewrite(self, envelope: Envelope, raw: bytes) -> None:
        """Put other bytes in the place of a letter, wherever it lies; one that is gone already is no error."""
        for folder in (self._new, self._parked, self._day(envelope.letter), self._dropped):
            if is_there(path := _file(folder, envelope.letter)):
                self._disk.write_synced(self._tmp / path.name, path, letter_file(envelope, raw))

    def done(self, letter: str) -> None:
        """Move a handled letter into the archive; not synced, since a repeat is absorbed. Raises NoLetterError.

        A letter that is in the archive already may be done again.
        """
        day = self._day(letter)
        if day not in self._days:
            self._disk.mkdir(day)
            self._days.add(day)
        self._move(letter, self._new, day)

    def park(self, letter: str, reason: str, trace: str, now: datetime) -> None:
        """Set a letter aside with the reason and the end of the traceback; raises NoLetterError."""
        if not any(is_there(_file(folder, letter)) for folder in (self._new, self._parked)):
            raise NoLetterError(f"there is no letter {letter}")
        self._note(self._parked, Parked(letter=letter, reason=reason, at=now, trace=trace[-TRACE_TAIL:]))
        self._move(letter, self._new, self._parked)
        with contextlib.suppress(OSError):  # after a crash it may wait again, then, and is handled again
            self._disk.sync_folder(self._parked)

    def parked(self) -> list[Parked]:
        """The letters set aside, oldest first, with their reasons."""
        return [self._reason(letter) for letter in sorted(_ids_in(self._parked))]

    def retry(self, letter: str) -> None:
        """Put a parked letter back to be handled; raises NoLetterError."""
        self._move(letter, self._parked, self._new)
        self._disk.sync_folder(self._new)
        self._disk.unlink(self._parked / f"{letter}.json")

    def requeue(self, letter: str) -> None:
        """Put an archived letter back to be handled; raises NoLetterError."""
        self._move(letter, self._day(letter), self._new)
        self._disk.sync_folder(self._new)

    def drop(self, letter: str, now: datetime) -> None:
        """Give a parked letter up. It stays in the archive, marked, so that it stays accounted for; raises NoLetterError."""
        if not is_there(_file(self._parked, letter)):
            raise NoLetterError(f"there is no parked letter {letter}")
        self._note(self._dropped, msgspec.structs.replace(self._reason(letter), dropped=now))
        self._move(letter, self._parked, self._dropped)
        self._disk.sync_folder(self._dropped)
        self._disk.unlink(self._parked / f"{letter}.json")

    def accepted_ids(self) -> Iterator[tuple[str, str]]:
        """Every letter ever accepted, once, with its place: waiting, parked, dropped or archived.

        The places are read in the order in which letters move, so none is missed while the desk is at work.
        """
        moving: set[str] = set()
        parked = set(_ids_in(self._parked))  # `retry` takes a letter back to where we have looked already
        for place, folder in (("waiting", self._new), ("parked", self._parked), ("dropped", self._dropped)):
            for letter in _ids_in(folder):
                if letter not in moving:
                    moving.add(letter)
                    yield letter, place
        for day in sorted(listed(self._archive, DATE, folders=True)):
            for letter in _ids_in(day):
                if letter not in moving:
                    parked.discard(letter)
                    yield letter, "archived"
        yield from ((letter, "waiting") for letter in sorted(parked - moving) if self.has(letter))

    def remove_leftovers(self, now: datetime) -> int:
        """Remove what crashes left behind more than a day ago: half-written files, reasons without a letter. How many."""
        old = (now - timedelta(days=1)).timestamp()
        leftovers = [entry for entry in listed(self._tmp, f"{LETTER}|{NOTE}|{SPOOL}") if _written(entry) < old]
        parked = set(_ids_in(self._parked))
        notes = listed(self._parked, NOTE)
        leftovers += [entry for entry in notes if entry.stem not in parked and _written(entry) < old]
        for entry in leftovers:
            self._disk.unlink(entry)
        return len(leftovers)

    def _day(self, letter: str) -> Path:
        """The archive folder of an id."""
        return self._archive / day_of(letter)

    def _move(self, letter: str, source: Path, target: Path) -> None:
        try:
            self._disk.rename(_file(source, letter), _file(target, letter))
        except FileNotFoundError:
            if not is_there(_file(target, letter)):
                raise NoLetterError(f"there is no letter {letter} in {source}") from None

    def _note(self, folder: Path, reason: Parked) -> None:
        data: bytes = msgspec.json.format(msgspec.json.encode(reason), indent=2)
        self._disk.write_synced(self._tmp / f"{reason.letter}.json", folder / f"{reason.letter}.json", data)

    def _reason(self, letter: str) -> Parked:
        try:
            return msgspec.json.decode(read_regular(self._parked / f"{letter}.json"), type=Parked)
        except (FileNotFoundError, OddFileError, msgspec.DecodeError):
            at = datetime.fromtimestamp(_file(self._parked, letter).stat().st_mtime, UTC)
            return Parked(letter=letter, reason="the note of the reason is gone", at=at)


def letter_file(envelope: Envelope, raw: bytes) -> bytes:
    """The bytes of a letter's file."""
    return b"".join((MARK, msgspec.json.encode(envelope), b"\n", raw))


def day_of(letter: str) -> str:
    """The day of an id, which names its archive folder; an id of people's making leads nowhere outside the archive."""
    digits = letter[:8] if re.match("[0-9]{8}T", letter) else "00000000"
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


def _written(path: Path) -> float:
    """When a file was written, in seconds since 1970; "never" for one that has just been moved to its place."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _file(folder: Path, letter: str) -> Path:
    """The file of an id; one of people's making must not lead out of the folder."""
    if not re.fullmatch(r"[\w-]+", letter):
        raise NoLetterError(f"there is no letter {letter!r}")
    return folder / (letter + SUFFIX)


def _ids_in(folder: Path) -> Iterator[str]:
    """Ids of the letter files in a folder; scandir, since an archive holds 100,000 and more."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if _LETTER.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                yield entry.name.removesuffix(SUFFIX)
