"""Which store the settings name: files under DESK_DATA, or a PostgreSQL database (DESK_STORE)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from bot.disk import Disk, all_names, is_there
from bot.settings import Settings
from bot.store.data_access import DataReader, DataWriter, ElsewhereError
from bot.store.files import formats
from bot.store.files.names import ASIDE, LETTER
from bot.store.interface import Letters, Store

INCOMING, FILLING, MOVED = "incoming", "filling", "moved"  # what bot.data.move leaves in the data folder while it works, and afterwards


def begun(data: Path, store: str | None) -> str:
    """Why no desk may start on this data folder, and nothing may be said of it; or "". Raises OSError."""
    if any(is_there(data / INCOMING / name) for name in ("data", "rules.yaml", "templates", "complete", MOVED)) or is_there(data / FILLING):
        return f"{data}: a restore or a move was cut off; run it again"
    if is_there(data / MOVED) and not store:
        return f"this desk was moved to a database: set DESK_STORE (or remove {data / MOVED}, and begin with number 1)"
    return ""


def must_be_here(settings: Settings) -> None:
    """Raises ElsewhereError for a desk that lives elsewhere, FormatError for data of another version, ValueError and OSError."""
    if unfinished := begun(settings.data, settings.store):
        raise ElsewhereError(unfinished)
    if settings.store:
        with needed():
            from bot.store.postgres import schema
        schema.check(settings.store)
    else:
        formats.check(settings.data)


@contextlib.contextmanager
def needed() -> Iterator[None]:
    """Names the extra that a missing library comes with, as a ValueError."""
    try:
        yield
    except ImportError as error:
        raise ValueError(f"DESK_STORE: {error.name} is not installed: pip install '.[pg]'") from error


def open_store(settings: Settings, disk: Disk, now: datetime) -> tuple[Letters, Store]:
    """The store of a running desk; raises ValueError with a word for the admin where it cannot be used, and OSError."""
    must_be_here(settings)
    if settings.store:
        with needed():
            from bot.store.postgres import letters, store
            from bot.store.postgres.database import Database
        database = Database(settings.store)
        return letters.PostgresLetters(database), store.PostgresStore(database)
    from bot.store.files.inbox import Inbox
    from bot.store.files.letters import FileLetters
    from bot.store.files.store import FileStore

    return FileLetters(Inbox(settings.data, disk)), FileStore(settings.data, disk, now)


def has_signed(settings: Settings) -> bool:
    """Whether the desk has tickets or records already: what it sent with them was signed. Raises OSError."""
    if settings.store:
        from bot.store.postgres import schema

        return schema.has_signed(settings.store)
    parts = (settings.data / "tickets", settings.data / "desk")
    return any(re.fullmatch(ASIDE, name) for part in parts for name in all_names(part)) or any(
        re.fullmatch(LETTER, name) for name in all_names(settings.data / "archive")
    )


def forget_keys(settings: Settings) -> None:
    """The next daemon sets the key that all daemons of a database share. OSError."""
    if settings.store:
        from bot.store.postgres import schema

        schema.forget_keys(settings.store)


def agree(settings: Settings, keys: Collection[bytes], *, enter: bool = True) -> None:
    """Raises ValueError where a desk of several daemons signs with other keys; with `enter` these are its own from
    now on. OSError.
    """
    if settings.store:
        from bot.store.postgres import schema

        schema.agree(settings.store, keys, enter=enter)


def leave(settings: Settings, *, gone: bool) -> None:
    """The desk of a database lives in files from now on, or does not after all. OSError."""
    if settings.store:
        from bot.store.postgres import database, schema

        schema.mark(settings.store, database.LEFT, gone=gone)


def fill(settings: Settings, *, under_way: bool) -> None:
    """A copy goes into the database: until it is there whole, no desk is opened on it, on no machine. OSError."""
    if settings.store:
        from bot.store.postgres import database, schema

        schema.mark(settings.store, database.FILLING, gone=under_way)


def is_half_full(settings: Settings) -> bool:
    """Whether a copy into the database was begun and not finished. OSError."""
    from bot.store.postgres import database, schema

    return bool(settings.store) and schema.is_marked(str(settings.store), database.FILLING)


def open_data_reader(settings: Settings, *, left: bool = False) -> DataReader:
    """The data at rest; with `left` also where it is not (or not yet) the desk. Raises as open_store."""
    if not left:
        must_be_here(settings)
    if settings.store:
        with needed():
            from bot.store.postgres import reader, schema
        if left:
            schema.check(settings.store, left=True)
        return reader.PostgresDataReader(settings.store)
    from bot.store.files.reader import FileDataReader

    return FileDataReader(settings.data)


def open_data_writer(settings: Settings) -> DataWriter:
    """The data at rest, to be filled by a copy; raises as open_store."""
    if settings.store:
        with needed():
            from bot.store.postgres import reader, schema
        schema.check(settings.store, left=True)
        return reader.PostgresDataWriter(settings.store)
    from bot.store.files.writer import FolderDataWriter

    return FolderDataWriter(settings.data, Disk())


def at_work(settings: Settings) -> int:
    """How many daemons are at work on the database; 0 for files, whose lock says so. Raises as open_store."""
    if not settings.store:
        return 0
    with needed():
        from bot.store.postgres import reader, schema
    schema.check(settings.store, left=True)
    return reader.at_work(settings.store)
