"""The format of a desk's data: a number that rises when an older program could no longer read, or would damage,
what a newer one writes. In a folder the file `format` has it; of a database it is known by its schema
(`bot.store.postgres.schema`). docs/decisions.md says how it is raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from bot import __version__
from bot.disk import Disk, all_names, is_there
from bot.disk.regular_files import read_regular
from bot.store.data_access import FormatError
from bot.store.files.names import ASIDE

NAME = "format"  # of the file in the data folder


class Mark(msgspec.Struct, frozen=True):
    """What the file says: the number, and the oldest program that reads such data."""

    format: int
    needs: str


class Step(NamedTuple):
    """A format. `bring` makes a folder of the format before into one of this, and is only needed for what the
    decoders cannot read as it is; it may be cut off and is then called again.
    """

    mark: Mark
    bring: Callable[[Path, Disk], None] | None = None


STEPS = (  # the last one is this program's
    Step(Mark(1, "1.0.0")),
    Step(Mark(2, "1.1.0")),  # a long ticket has parts (bot.store.parts); older ones are read as they are
)
FORMAT = STEPS[-1].mark.format


def read(data: Path) -> Mark:
    """The folder's format; one with tickets and no mark is 1.0's, an empty one is this program's. Raises
    FormatError for a mark that makes no sense, and OSError.
    """
    try:
        return msgspec.json.decode(read_regular(data / NAME), type=Mark)
    except FileNotFoundError:
        return STEPS[0 if any(re.fullmatch(ASIDE, name) for name in all_names(data / "tickets")) else -1].mark
    except msgspec.DecodeError:
        raise FormatError(f"{data / NAME} cannot be understood: restore it, or remove it if the data is of version 1.0") from None


def check(data: Path) -> Mark:
    """The folder's format, if this program reads it. Raises FormatError, which says what to do, and OSError."""
    found = read(data)
    refuse_newer(str(data), found.format, STEPS[-1].mark.format, found.needs)
    if any(step.bring for step in STEPS if step.mark.format > found.format):
        raise FormatError(f"{data} has data of format {found.format}: make a backup, then run `python run.py migrate`")
    return found


def bring(data: Path, disk: Disk) -> tuple[int, int]:
    """Makes the folder one of this program's format; the formats before and after. To be called by whoever alone
    writes there. Raises as `check`.
    """
    found, newest = read(data), STEPS[-1].mark
    refuse_newer(str(data), found.format, newest.format, found.needs)
    for step in STEPS:
        if step.bring and step.mark.format > found.format:
            step.bring(data, disk)
    if found != newest or not is_there(data / NAME):
        disk.write_synced(data / f".{NAME}.tmp", data / NAME, encoded())
    return found.format, newest.format


def encoded() -> bytes:
    """The mark of this program's data."""
    return msgspec.json.encode(STEPS[-1].mark) + b"\n"


def refuse_newer(where: str, found: int, known: int, needs: str) -> None:
    """Raises FormatError for data of a newer program than this one."""
    if found > known:
        raise FormatError(
            f"{where} has data of format {found}, and this program ({__version__}) knows format {known}: install "
            f"{f'version {needs} or newer' if needs else 'the newer program'}, or restore a backup that was made before"
        )
