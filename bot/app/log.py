"""The desk's log: a closed list of events, as JSON for monitoring and as plain lines for people, in `data/log/`.

Only the fields that an event names are written, so no letter text and no secret gets in by accident.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bot.disk.regular_files import open_regular

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
TOGETHER = 0.05  # seconds for which the lines of a running desk are gathered, since a write each would cost more than all the rest of them
LONGEST = 500  # characters of a value; more is a letter's text or an attack


class Event(NamedTuple):
    """What an event means, its level, and which fields it may have beside time, event, level, letter and ticket."""

    meaning: str
    fields: tuple[str, ...] = ()
    level: str = "info"


EVENTS: dict[str, Event] = {
    # the daemon
    "started": Event("The daemon runs and prepares itself.", ("version", "pid", "data", "rules", "store")),
    "migrated": Event("The data is of this program's format from now on; older programs refuse it.", ("before", "after")),
    "foreign": Event("A file or folder that is not the desk's lies in its folders; it is left alone.", ("path",), "warning"),
    "ready": Event("Letters are taken from now on.", ("smtp", "lmtp", "form", "imap", "seconds", "tickets", "waiting")),
    "stopped": Event("The daemon has finished the letter in hand and ends.", ("signal", "seconds")),
    "heartbeat": Event(
        "Once a minute: how long the queues are.",
        ("waiting", "outbox", "held", "failed", "disk_waits", "parked", "live", "memory_mb", "lost"),
    ),
    "alert": Event("Something a lead must know; he gets a letter too.", ("about", "words"), "error"),
    "error": Event("An unexpected error that did not end the daemon.", ("where", "kind", "words"), "error"),
    # letters in
    "accepted": Event("A letter is on disk and synced, its sender was told 250.", ("intake", "client", "size", "recipients")),
    "refused": Event(
        "A connection, a recipient or a letter was not taken.",
        ("intake", "client", "relay", "code", "words"), "warning",
    ),
    "read": Event("A letter was read, classed and judged.", ("kind", "ms", "rule", "ground", "topic", "priority", "defects", "may_answer")),
    "parked": Event("A letter was set aside after an error; `parked list` shows it.", ("reason",), "error"),
    "retried": Event("An admin put a parked letter back.", ("who",)),
    "dropped": Event("An admin gave a parked letter up.", ("who",)),
    "opened": Event("A letter became a new ticket.", ("ground", "priority", "rule", "linked")),
    "appended": Event("A letter joined its ticket.", ("unconfirmed", "machine")),
    "gathered": Event(
        "Letters to staff are over a sender's share; one letter will name them all.",
        ("share", "count"),
        "warning",
    ),
    "machine": Event("A letter of a machine was stored; nothing else changed.", ("kind", "hit")),
    "duplicate": Event("A letter was there already.", ("first",)),
    "command": Event("An agent's letter was carried out.", ("who", "commands")),
    "command_refused": Event("An agent's letter was refused whole.", ("who", "reason", "line"), "warning"),
    # tickets
    "suspended": Event("A ticket waits for its requester on a ground of clause 4.6.", ("ground", "rule", "clause")),
    "closed": Event("A ticket is done.", ("resolution", "ground", "by")),
    "reopened": Event("A ticket that was done goes on.", ("by",)),
    "escalated": Event("A ticket went to a department.", ("department", "by")),
    "timer": Event("Time alone did something to a ticket; `about` says what.", ("about",)),
    "erased": Event("Done tickets and records older than `retention_days` were erased.", ("count",)),
    "forgotten": Event("A person was erased (`run.py forget`).", ("tickets", "letters")),
    "filed": Event("Tickets that can no longer change by themselves were moved away.", ("count",)),
    # letters out
    "queued": Event("An outgoing letter was committed.", ("outgoing", "template", "audience", "due"), "debug"),
    "sent": Event("The relay or the folder has taken an outgoing letter.", ("outgoing", "template", "to", "attempts", "result")),
    "retry": Event("An outgoing letter will be tried again.", ("outgoing", "template", "to", "attempts", "result", "next"), "warning"),
    "failed": Event("An outgoing letter was given up.", ("outgoing", "template", "to", "attempts", "result"), "error"),
    "held": Event("An outgoing letter is held back; `held list` shows it.", ("outgoing", "template", "to", "reason"), "warning"),
    "released": Event("A held letter was let go.", ("outgoing", "to", "by")),
    "cancelled": Event("A waiting letter was taken back.", ("outgoing", "to", "by")),
    "suppressed": Event("An address gets no automatic mail, or gets it again.", ("to", "reason", "until"), "warning"),
    "bounced": Event("An outgoing letter came back.", ("to", "code", "outgoing"), "warning"),
    "relay_stopped": Event("The relay refuses us: letters wait, and one at a time asks again.", ("words",), "error"),
    "relay_works": Event("The relay takes letters again."),
    # rules
    "rules_loaded": Event("A rules.yaml is in force.", ("path", "rules", "ms", "digest")),
    "rules_refused": Event("A rules.yaml has faults; the last good one stays in force.", ("path", "faults", "words"), "error"),
    "pattern_cut": Event("A rule's pattern took too long on a letter.", ("rule", "ms"), "warning"),
    "caps_off": Event("DESK_CAPS=off: nothing limits automatic mail.", (), "warning"),
}


class UnknownEventError(Exception):
    """An event or a field that is not in EVENTS: a mistake in the program."""


class _Lines:
    """A file of lines that logrotate may move away at any time; a full disk costs lines and nothing else."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.path = path
        self._file = -1
        self._which = (0, 0)  # device and inode of the open file
        self._torn = False
        self.lost = 0

    def write(self, data: bytes) -> None:
        """Appends whole lines."""
        written = 0
        try:
            self._follow()
            # After a failed write the file may end within a line: the next one begins on its own.
            if self._torn:
                os.write(self._file, b"\n")
            written = os.write(self._file, data)
        except OSError:
            self._torn = True
        else:
            self._torn = written < len(data)
        self.lost += data.count(b"\n", written)

    def _follow(self) -> None:
        """Have the file open that bears the name now."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            found = None
        if self._file < 0 or found is None or (found.st_dev, found.st_ino) != self._which:
            self.close()
            # O_NONBLOCK: a pipe that nobody reads holds nobody.
            how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
            self._file = os.open(self.path, how, 0o640)
            opened = os.fstat(self._file)
            # A desk that was cut off on a full disk may have left half a line.
            self._torn = False
            with suppress(OSError), open_regular(self.path, links=True) as file:
                self._torn = bool(file.seek(max(0, opened.st_size - 1))) and file.read(1) != b"\n"
            self._which = opened.st_dev, opened.st_ino

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Log:
    """Call it with an event word and its fields: `log("opened", letter=id, ticket=7, priority="high")`."""

    def __init__(self, folder: Path, now: Callable[[], datetime], level: str = "info", *, strict: bool = True) -> None:
        """Writes `desk.jsonl` and `desk.log` into `folder`; raises OSError where the folder cannot be made.

        `strict` raises UnknownEventError for what is not in EVENTS, as tests want it; otherwise it is logged as an error.
        """
        self._now, self._strict, self._least = now, strict, LEVELS[level]
        self._json, self._text = _Lines(folder / "desk.jsonl"), _Lines(folder / "desk.log")
        self._gathered: list[tuple[bytes, str]] = []
        self._lock = threading.Lock()
        self._still = False
        self._second = ("", "")  # of the last event, as JSON has it and as people read it

    @property
    def lost(self) -> int:
        """How many lines could not be written since the start."""
        return self._json.lost

    def __call__(self, event: str, /, **fields: Any) -> None:
        """Log an event with the fields it names in EVENTS."""
        known = EVENTS.get(event)
        if known is None:
            if self._strict:
                raise UnknownEventError(f"there is no event {event!r} in bot.app.log.EVENTS")
            known, event, fields = EVENTS["error"], "error", {**fields, "where": "log", "kind": "UnknownEvent", "words": event}
        told = {"letter": _short(fields.pop("letter", None)), "ticket": fields.pop("ticket", None)}
        if self._strict and not fields.keys() <= set(known.fields):
            raise UnknownEventError(f"the event {event!r} has no field {', '.join(sorted(fields.keys() - set(known.fields)))}")
        if LEVELS[known.level] >= self._least:
            # In the order of EVENTS, which ops/fail2ban-filter.conf goes by.
            told.update([(key, _short(fields[key])) for key in known.fields if key in fields])
            self._line(event, known.level, told)

    def _line(self, event: str, level: str, told: dict[str, Any]) -> None:
        """One line for each file: written at once where no event loop runs, with those of the next moment where one does."""
        now = self._now()
        words = " ".join([f"{key}={_plain(value)}" for key, value in told.items() if value is not None and value != ""])
        line = msgspec.json.encode({"time": now, "event": event, "level": level, **told}, enc_hook=str)
        with self._lock:
            self._gathered.append((line, f"{self._spoken(now)} {level:7} {event:15} {words}".rstrip()))
            first = len(self._gathered) == 1
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            if first:
                loop.call_later(TOGETHER, self.flush)

    def _spoken(self, now: datetime) -> str:
        """The second, for people; most events have that of the one before."""
        second = now.isoformat(timespec="seconds")
        if second != self._second[0]:
            self._second = second, f"{now:%Y-%m-%d %H:%M:%S%z}"
        return self._second[1]

    def flush(self) -> None:
        """Write what has been gathered; while the files are kept still, that waits."""
        with self._lock:
            if self._still:
                return
            gathered, self._gathered = self._gathered, []
            if gathered:
                self._json.write(b"".join([line + b"\n" for line, _ in gathered]))
                self._text.write("".join([f"{words}\n" for _, words in gathered]).encode())

    def still(self, change: Callable[[Path], object]) -> None:
        """Calls `change` with the path of each file, while nothing is written to it; it may put another file in its place.

        It may take minutes: the desk goes on meanwhile, and its lines are written afterwards.
        """
        self.flush()
        with self._lock:
            self._still = True
        try:
            change(self._json.path)
            change(self._text.path)
        finally:
            with self._lock:
                self._still = False
            self.flush()

    def close(self) -> None:
        """Write what is left, and close both files."""
        self.flush()
        self._json.close()
        self._text.close()

def _short(value: Any) -> Any:
    """Any value as numbers and words. Long words are cut; what is not printable becomes a space."""
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    text = value if isinstance(value, str) else str(value)
    text = text[:LONGEST] if len(text) > LONGEST else text
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def _plain(value: object) -> str:
    """A value in a line for people; one with spaces in quotes, so that nobody can forge a field."""
    text = str(value)
    return text if text and " " not in text else repr(text)
