"""How the desk is, for monitoring; and the repair of a data folder with files that cannot be read."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

from bot.data.ledger import account
from bot.disk import Disk, is_there
from bot.disk.regular_files import OddFileError, open_regular, read_regular
from bot.store.data_access import DataReader
from bot.store.files.documents import number_of, part_files, read_ticket
from bot.store.files.inbox import Inbox
from bot.store.files.reader import FileDataReader

TAIL = 256 * 1024  # bytes of the log's end in which the last heartbeat is looked for
MOST = {  # more than that needs a look
    "oldest_unread_seconds": 300, "oldest_unsent_seconds": 600, "relay_stopped_seconds": 600, "mailbox_read_seconds": 600,
    "heartbeat_seconds": 180, "parked": 0, "held": 0, "failed": 0, "disk_waits": 0, "broken": 0,
}  # fmt: skip
LEAST_FREE_MB = 200


def health(data: Path, reader: DataReader, told: dict[str, Any] | None, now: datetime) -> dict[str, Any]:
    """What monitoring asks, as one flat object. `told` is what the running daemon says of its outbox, None where none runs.

    `why` names each value that is out of bounds; times are in seconds, null where there is nothing to measure.
    """
    unread = sorted(letter for letter, _ in takewhile(lambda pair: pair[1] == "waiting", reader.letters()))
    found: dict[str, Any] = {
        "running": told is not None,
        "unread": len(unread),
        "oldest_unread_seconds": age(unread[0], now) if unread else None,
        **dict.fromkeys(("unsent", "oldest_unsent_seconds", "held", "failed", "disk_waits", "broken")),
        **(told or {}),
        "parked": len(reader.parked()),
        "disk_free_mb": shutil.disk_usage(data).free // 2**20,
        "heartbeat_seconds": None,
    }
    try:
        found["heartbeat_seconds"] = heartbeat(data / "log" / "desk.jsonl", now)
    except OSError as error:
        found.setdefault("error", str(error))
    why = [name for name, most in MOST.items() if (found.get(name) or 0) > most]
    why += [] if found["running"] else ["running"]
    why += ["error"] if "error" in found else []  # the daemon's too: it runs, and cannot say how it is
    floor = max(LEAST_FREE_MB, found.get("min_free_mb") or 0)
    why += ["disk_free_mb"] if found["disk_free_mb"] < floor else []
    return {"healthy": not why, "why": why, **found}


def age(letter: str, now: datetime) -> int | None:
    """Seconds since a letter came in: its id begins with the moment."""
    with contextlib.suppress(ValueError):
        return max(0, int((now - datetime.strptime(letter[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)).total_seconds()))
    return None


def heartbeat(log: Path, now: datetime) -> int | None:
    """Seconds since the last heartbeat, start or else oldest line in the log's end; None for none. OSError."""
    since = None
    with contextlib.suppress(FileNotFoundError), open_regular(log, links=True) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        for line in reversed(file.read().splitlines()):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                event = json.loads(line)
                since = max(0, int((now - datetime.fromisoformat(event["time"])).total_seconds()))
                if event["event"] in ("heartbeat", "ready"):
                    break
    return since


def repair(data: Path, say: Callable[[str], None]) -> int:
    """Sets files that cannot be read aside, and gives the letters they held back to the inbox; how many files there were.

    To be called under the lock. The letters are handled anew: a request that stood in a broken ticket becomes a new one, since what
    the old one had said and promised is gone with its file; its number is not given again. Raises OSError.
    """
    inbox, disk = Inbox(data, Disk()), Disk()
    found = account(FileDataReader(data))
    for path in map(Path, found.broken):
        try:
            read_ticket(path) if path.parent.name != "desk" else read_regular(path)
        except (OddFileError, msgspec.DecodeError):
            continue
        except OSError as error:  # what is in it nobody knows, and nothing may be wrong with it
            words = "give it to the desk's user or mend the disk, and repair again; or move it away"
            raise OSError(error.errno, f"{error.strerror}: {words}", str(path)) from error
    with_parts = [*map(Path, found.broken), *_parts_of(data, found.broken)]
    for path in with_parts:
        aside = (data / "desk" if path.parent.name == "desk" else data / "tickets") / "broken"
        disk.mkdir(aside)
        there = aside / path.name
        if is_there(there):  # a second file of the same ticket, live and filed
            there = there.with_name(f"{path.name}.{inbox.new_id(datetime.now(UTC))}")
        disk.rename(path, there)
        disk.sync_folder(aside)
        say(f"{path} cannot be read: it lies in {aside} now")
    for letter in found.lost:
        inbox.requeue(letter)
        say(f"letter {letter} is in the inbox again")
    return len(found.broken)


def _parts_of(data: Path, broken: Sequence[str]) -> list[Path]:
    """The parts of these tickets: they go where their ticket goes, or `forget` would not find them."""
    numbers = {path.stem for path in map(Path, broken) if path.parent.name != "desk"}
    return [path for path in part_files(data / "tickets") if str(number_of(path)) in numbers]
