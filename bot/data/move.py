"""A desk that comes to live somewhere: out of a backup (`restore`), or out of another store (`move`). Both may be cut off at any
point and are then called again.

What is to live in files is put together in `incoming`, checked, and then renamed into its place; what is to live in a database is put
there letter by letter, and putting twice changes nothing. Until it is finished no daemon starts (`bot.store.factory.begun`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from bot.data.backup import RefusedError, unpack
from bot.data.copy import copy
from bot.data.ledger import Account, account
from bot.data.secret_file import fault, keys
from bot.disk import Disk, is_there, listed
from bot.disk.regular_files import KEY, files_under, read_regular
from bot.model import Address, Status, Ticket, emptied
from bot.settings import Settings
from bot.store.data_access import DataReader, DataWriter
from bot.store.factory import (
    FILLING,
    INCOMING,
    MOVED,
    agree,
    at_work,
    fill,
    forget_keys,
    is_half_full,
    leave,
    open_data_reader,
    open_data_writer,
)
from bot.store.files import formats
from bot.store.files.names import TICKET
from bot.store.files.reader import FileDataReader
from bot.store.files.writer import FOLDERS, FolderDataWriter, is_empty

COMPLETE = "complete"  # a file in `incoming`: from here on it is only put into its place
FILLED = " filled"  # what it says at its end once the database has all
Say = Callable[[str], None]


def restore(settings: Settings, archive: Path, now: datetime, say: Say) -> Account:
    """An empty desk becomes that of the archive; its ledger. To be called under the lock. Raises RefusedError and OSError."""
    formats.check(settings.data)
    incoming, what = settings.data / INCOMING, f"restore {_which(settings)}"
    begun = _complete(incoming, what)
    if begun:
        say(f"A restore that was cut off is being finished; {archive} is not looked at.")
    else:
        _refuse_unless(not is_there(settings.data / FILLING), "a move was cut off: finish that first")
        moved = settings.data / MOVED
        words = f"{moved} is what lay here before the desk moved to a database: remove it first"
        _refuse_unless(bool(settings.store) or not is_there(moved), words)
        full = f"there is a desk in {settings.data} already, or a file in its folders: a backup is restored into empty ones"
        _refuse_unless(is_empty(settings.data, "reports"), full)
        if settings.store:
            with closing(open_data_writer(settings)) as writer:
                _empty(writer, settings)
        unpack(archive, incoming)
        _mark(incoming / COMPLETE, what)
    if settings.store and not begun.endswith(FILLED):
        _fill(settings, incoming / "data", incoming / "data" / "secret", now)
        _mark(incoming / COMPLETE, what + FILLED)
    _unmark(settings.data / FILLING)
    _install(settings, () if settings.store else FOLDERS, say)
    return _book(settings)


def move(settings: Settings, goal: Settings, now: datetime, say: Say) -> Account:
    """The desk of `settings` goes over to the store of `goal`; its ledger there. To be called under the lock, and with no other daemon at
    work on the database. Raises RefusedError and OSError.
    """
    formats.check(settings.data)
    wrong = fault(settings) if os.path.lexists(settings.secret_file) else ""  # one that is gone is asked for at the start
    _refuse_unless(not wrong, wrong)
    _refuse_unless(bool(settings.store) != bool(goal.store), "the desk lives there already; files move to a database, a database to files")
    (_to_database if goal.store else _to_files)(settings, goal, now, say)
    return _book(goal)


def _to_database(settings: Settings, goal: Settings, now: datetime, say: Say) -> None:
    data, moved = settings.data, settings.data / MOVED
    begun = is_there(data / INCOMING) and any((data / INCOMING).iterdir())
    _refuse_unless(not begun, "a restore, or a move to files, was cut off: finish that first")
    if not is_there(data / FILLING):
        _refuse_unless(not is_there(moved), f"it was moved already; {moved} is what lay here: remove it first")
        _sound(FileDataReader(data))
    _fill(goal, data, settings.secret_file, now)
    moved.mkdir(exist_ok=True)
    for name in FOLDERS:
        if is_there(moved / name):  # it was cut off here, and `run.py health` has made folders since
            _remove_empty(data / name)
        elif is_there(data / name):
            Disk().rename(data / name, moved / name)
    Disk().sync_folder(data)
    _unmark(data / FILLING)
    say(f"The files lie in {moved} until you remove them. Set DESK_STORE before you start the desk.")


def _to_files(settings: Settings, goal: Settings, now: datetime, say: Say) -> None:
    data, incoming = settings.data, settings.data / INCOMING
    if not _complete(incoming, "move"):
        _refuse_unless(not is_there(data / FILLING), "a move, or a restore, was cut off: finish that first")
        _nobody_at(settings)
        _refuse_unless(is_empty(data), f"there is a desk in {data} already")
        shutil.rmtree(incoming, ignore_errors=True)
        _empty_into(settings, incoming / "data", now)
        _mark(incoming / COMPLETE, "move")
    if is_there(data / MOVED):  # an older state of the same desk: it goes with what is left in `incoming`
        Disk().rename(data / MOVED, incoming / MOVED)
    _install(goal, FOLDERS, say)
    say("The database keeps its copy until you drop it. Unset DESK_STORE before you start the desk.")


def _empty_into(settings: Settings, folder: Path, now: datetime) -> None:
    """Copies the desk of a database into a folder; from then on nobody takes the database for the desk."""
    target = FolderDataWriter(folder, Disk())
    with closing(open_data_reader(settings, left=True)) as source:
        _sound(source)
        copy(source, target, now)
        target.close()
        leave(settings, gone=True)  # before it is looked at once more: a daemon or a pipe on another machine knows nothing of us
        try:
            _nobody_at(settings)
            _same(source, FileDataReader(folder))
        except BaseException:
            with suppress(OSError):
                leave(settings, gone=False)
            raise


def _fill(goal: Settings, data: Path, secret: Path, now: datetime) -> None:
    """Puts a desk of files into the database of `goal`, which must be empty, or half full of just that; and the
    marks of its `secret`.
    """
    source = FileDataReader(data)
    which, marker = _which(goal), goal.data / FILLING
    state = marker.read_text("ascii") if is_there(marker) else ""
    if state == f"{which} full":
        return
    alone = data == goal.data and not is_there(data / MOVED)
    given_up = f"; or, to give it up, drop that database and remove {marker}" * alone
    _refuse_unless(state in ("", which), f"another database was being filled: finish that first{given_up}")
    _nobody_at(goal)
    writer = open_data_writer(goal)
    try:
        if not state:
            _empty(writer, goal)
        fill(goal, under_way=True)  # before our own mark: what was cut off between the two is begun again
        _mark(marker, which)
        carried = copy(source, writer, now)
        aside = max((int(path.stem) for path in listed(data / "tickets" / "broken", TICKET)), default=0)
        if aside > carried.highest:  # a number that was given to a ticket which nobody can read any more is not given again
            lost = Ticket(number=aside, requester=Address(email=""), opened=now, changed=now, status=Status.created)
            writer.ticket(emptied(lost, now), filed=True)
        writer.close()
    except BaseException:
        with suppress(OSError):
            writer.close()
        raise
    with closing(open_data_reader(goal, left=True)) as there:
        _same(source, there)
    forget_keys(goal)
    if is_there(secret):  # a machine without this key does not start
        agree(goal, keys(read_regular(secret, KEY, links=True)))
    fill(goal, under_way=False)
    _mark(marker, f"{which} full")


def _refuse_unless(so: bool, words: str) -> None:
    if not so:
        raise RefusedError(words)


def _empty(writer: DataWriter, goal: Settings) -> None:
    if writer.empty():
        return
    _refuse_unless(
        not is_half_full(goal),
        "a move or a restore into this database was begun in another data folder: finish it there, or drop the database",
    )
    raise RefusedError("there is a desk in this database already")


def _complete(incoming: Path, what: str) -> str:
    """What COMPLETE says, "" where not all is there yet; refuses where something else was cut off."""
    begun = (incoming / COMPLETE).read_text("ascii") if is_there(incoming / COMPLETE) else ""
    other, _, where = begun.removesuffix(FILLED).partition(" ")
    place = {"": "", "files": " into files (without DESK_STORE)"}.get(where, " into a database (DESK_STORE as it was then)")
    _refuse_unless(begun.removesuffix(FILLED) in ("", what), f"a {other}{place} was cut off: finish that first")
    return begun


def _which(settings: Settings) -> str:
    """The store, in a word."""
    return hashlib.sha256(settings.store.encode()).hexdigest()[:16] if settings.store else "files"


def _nobody_at(settings: Settings) -> None:
    count = at_work(settings)
    _refuse_unless(not count, f"{count} daemon(s) at work on the database, or 15 seconds ago: stop them first")


def _sound(reader: DataReader) -> None:
    """What does not add up is mended before it moves."""
    here = account(reader)
    _refuse_unless(here.adds_up, f"the ledger does not add up; `run.py repair` first\n{here.as_text()}")


def _same(source: DataReader, target: DataReader) -> None:
    """Both sides have the same, and the ledgers say so."""
    here, there = account(source), account(target)
    records = sum(1 for _ in source.records()) - sum(1 for _ in target.records())
    missing = {one.number for one in source.tickets()} - {one.number for one in target.tickets()}
    if records or missing or here.accepted != there.accepted or (here.adds_up and here.places != there.places):
        raise RefusedError(f"the copy is not the same; tickets missing: {sorted(missing)[:20]}\n{here.as_text()}\n{there.as_text()}")


def _book(settings: Settings) -> Account:
    with closing(open_data_reader(settings)) as reader:
        return account(reader)


def _install(settings: Settings, names: tuple[str, ...], say: Say) -> None:
    """Puts what is complete in `incoming` into its place: folders of the data folder, and whatever else came along."""
    data, disk = settings.data, Disk()
    incoming = data / INCOMING
    for name in (*names, "reports"):
        if is_there(source := incoming / "data" / name):
            _remove_empty(data / name)
            disk.rename(source, data / name)
    disk.sync_folder(data)
    if names:
        formats.bring(data, disk)
    places = {incoming / "data" / "secret": settings.secret_file, incoming / "rules.yaml": settings.rules}
    templates = incoming / "templates"
    found = files_under(templates) if is_there(templates) else ()
    places |= {path: settings.templates / path.relative_to(templates) for path in found}
    for source, target in places.items():
        if is_there(source):
            _put_back(source, target, 0o600 if target == settings.secret_file else 0o640, disk, say)
    for path in incoming.iterdir():
        if path.name not in (COMPLETE, "rules.yaml"):
            shutil.rmtree(path)
    for name in ("rules.yaml", COMPLETE):  # last of all: until it is gone, this is called again
        disk.unlink(incoming / name)
    incoming.rmdir()


def _put_back(source: Path, target: Path, mode: int, disk: Disk, say: Say) -> None:
    """A file in its place; what was there, and differs, is kept beside it under another name."""
    content = read_regular(source)
    if is_there(target):
        if target.is_file() and target.read_bytes() == content:
            return
        disk.rename(target, target.with_name(f"{target.name}.old"))
        say(f"{target} is that of the backup now; the one that was here is {target.name}.old")
    disk.mkdir(target.parent)
    temporary = target.with_name(f".{target.name}.restored")
    disk.write_synced(temporary, target, content, mode=mode)


def _remove_empty(folder: Path) -> None:
    """Removes a folder in which there are folders alone; raises OSError for one that holds a file."""
    for path in [*sorted(folder.rglob("*"), reverse=True), *[folder] * is_there(folder)]:
        path.rmdir()


def _mark(path: Path, text: str) -> None:
    Disk().mkdir(path.parent)
    Disk().write_synced(path.with_name(f".{path.name}.new"), path, text.encode())


def _unmark(path: Path) -> None:
    Disk().unlink(path)
    Disk().sync_folder(path.parent)
