"""What the files and folders of a data folder are called, as regular expressions. Whatever else lies there is
not the desk's: it is named at the start and by `doctor`, and left alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

TICKET = r"[1-9][0-9]{0,8}\.json"
PART = r"[1-9][0-9]{0,8}\.[1-9][0-9]{0,8}\.json"  # of a long ticket
THOUSAND = r"[0-9]{3}|[1-9][0-9]{3,5}"  # a folder of filed tickets, or of parts
DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"  # an archive folder
DAY = rf"{DATE}(\.[0-9]{{1,6}})?\.json"  # a page of records
ID = r"[0-9]{8}T[0-9]{12}-[0-9a-f]{6,64}"  # of a letter; longer out of a mailbox
LETTER, NOTE = rf"{ID}\.eml", rf"{ID}\.json"
SENT = r"([0-9]{8}T[0-9]{6}|undated)-[0-9a-f]{16}\.eml"  # in the outbox folder
ASIDE = rf"({TICKET}|{PART}|{DAY})(\.{ID})?"  # what `repair` has set aside
HALF = rf"\.({ASIDE}|{SENT})\.tmp"  # being written
SPOOL = r"tmp\w{8}"  # of a letter that is coming in, where files cannot be without a name
TRIED = rf"\.{ID}\.tried"  # of the doctor
# folder -> the files, and the folders, that belong there; `*` stands for any of the latter
TREE = {
    "tickets": ("", "live|done|parts|broken"),
    "tickets/live": (rf"{TICKET}|{HALF}", ""),
    "tickets/done": ("", THOUSAND),
    "tickets/done/*": (rf"{TICKET}|{HALF}", ""),
    "tickets/parts": ("", THOUSAND),
    "tickets/parts/*": (rf"{PART}|{HALF}", ""),
    "tickets/broken": (rf"{ASIDE}|{HALF}", ""),
    "desk": (rf"{DAY}|{HALF}", "broken"),
    "desk/broken": (rf"{ASIDE}|{HALF}", ""),
    "inbox": ("", "new|cur|tmp"),
    "inbox/new": (rf"{LETTER}|{TRIED}", ""),
    "inbox/cur": ("", ""),
    "inbox/tmp": (rf"{LETTER}|{NOTE}|{SPOOL}", ""),
    "archive": ("", rf"{DATE}|dropped"),
    "archive/*": (rf"{LETTER}|{NOTE}", ""),
    "parked": (rf"{LETTER}|{NOTE}", ""),
    "outbox": (rf"{SENT}|{HALF}", r"\.tmp"),
    "outbox/.tmp": (SENT, ""),
    "spool": (SPOOL, ""),
}


def walk(data: Path) -> Iterator[tuple[str, os.DirEntry[str], bool]]:
    """(folder, entry, whether it belongs there) of all in the folders of the desk. Raises OSError."""
    todo = [place for place in TREE if "/" not in place and (data / place).is_dir()]
    for place in todo:
        files, folders = TREE.get(place) or TREE[f"{place.rpartition('/')[0]}/*"]
        with os.scandir(data / place) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.is_dir(follow_symlinks=False) and re.fullmatch(folders, entry.name):
                    todo.append(f"{place}/{entry.name}")
                else:
                    yield place, entry, entry.is_file(follow_symlinks=False) and bool(re.fullmatch(files, entry.name))


def foreign(data: Path) -> Iterator[str]:
    """The paths of all files, folders and links beside ours in the folders of the desk. Raises OSError."""
    return (os.fsencode(entry.path).decode("utf-8", "backslashreplace") for _, entry, ours in walk(data) if not ours)


def half_written(data: Path) -> Iterator[Path]:
    """What is being written just now, or was when a desk was cut off. Raises OSError."""
    for place, entry, ours in walk(data):
        if ours and (place in ("inbox/tmp", "outbox/.tmp", "spool") or re.fullmatch(rf"{HALF}|{TRIED}", entry.name)):
            yield Path(entry.path)
