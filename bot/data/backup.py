"""A desk in one file: written beside a running desk, and unpacked (bot.data.move puts it into its place).

The archive is a .tar.gz with `data/`, `rules.yaml` and `templates/` as they lie in the project: plain tar brings them back as well.
"""

from __future__ import annotations

import fcntl
import glob
import gzip
import os
import re
import secrets
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from io import BytesIO
from pathlib import Path

from bot.data.copy import Carried, copy
from bot.data.secret_file import fault
from bot.disk import Disk, is_there, listed
from bot.disk.regular_files import files_under, open_regular, read_regular
from bot.settings import Settings
from bot.store.data_access import DataReader
from bot.store.files import formats
from bot.store.files.names import ASIDE, TICKET
from bot.store.files.writer import FOLDERS, FileDataWriter

ALLOWED = re.compile(rf"rules\.yaml|templates/.+|data/(?:secret|{formats.NAME})|data/(?:{'|'.join((*FOLDERS, 'reports'))})/.+")
MODE = {"data/secret": 0o600}


class RefusedError(Exception):
    """It cannot be done as things are; the text says why, and what to do."""


def backup(settings: Settings, reader: DataReader, path: Path, now: datetime) -> Carried:
    """Writes the archive `path` (mode 0600: the secret is in it), whole or not at all, in little memory.

    Raises RefusedError without the secret, OSError, ChangedError, and ValueError for a file whose name could not be restored.
    """
    if wrong := fault(settings):
        raise RefusedError(f"a backup without the secret could not be restored. {wrong}")
    part, disk = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part"), Disk()  # another one may be under way
    for old in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError), open_regular(old) as left:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)  # that of a backup under way is locked
            disk.unlink(old)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with tarfile.open(fileobj=file, mode="w|gz", format=tarfile.PAX_FORMAT) as tar:

                def put(name: str, content: bytes) -> None:
                    _allow(name)
                    entry = tarfile.TarInfo(name)
                    entry.size, entry.mtime, entry.mode = len(content), int(now.timestamp()), MODE.get(name, 0o640)
                    tar.addfile(entry, BytesIO(content))
                    tar.members.clear()  # type: ignore[attr-defined]  # or it would keep an entry for each file

                put(f"data/{formats.NAME}", formats.encoded())  # tickets and records are written anew, as this program does
                for name, source in _beside(settings):
                    put(name, read_regular(source, links=True))
                target = FileDataWriter(lambda name, content: put(f"data/{name}", content))
                carried = copy(reader, target, now)
                target.close()
                for name in {Path(one).name for one in reader.broken if re.fullmatch(TICKET, Path(one).name)} if not settings.store else ():
                    put(f"data/tickets/broken/{name}", b"")  # as `repair` does: its number is not given again
            file.flush()
            disk.fsync(file.fileno())
        disk.rename(part, path)
    except BaseException:
        disk.unlink(part)
        raise
    disk.sync_folder(path.parent)
    return carried


def _beside(settings: Settings) -> Iterator[tuple[str, Path]]:
    """What belongs to a desk beside its tickets, records and letters: name in the archive, and file.

    Files that `repair` has set aside go along, since they keep their numbers from being given again.
    """
    data = settings.data
    yield "data/secret", settings.secret_file
    yield "rules.yaml", settings.rules
    for path in files_under(settings.templates) if is_there(settings.templates) else ():
        yield f"templates/{path.relative_to(settings.templates).as_posix()}", path
    weeks = [f"reports/{folder.name}" for folder in listed(data / "reports", r"[\w-]+", folders=True)]
    for name, pattern in {"tickets/broken": ASIDE, "desk/broken": ASIDE, **dict.fromkeys(weeks, r"\w[\w.-]*")}.items():
        for path in listed(data / name, pattern):
            yield f"data/{name}/{path.name}", path


def unpack(archive: Path, incoming: Path) -> None:
    """The files of the archive under `incoming`, durable and of this program's format. Raises RefusedError for what is no whole
    backup, and FormatError for one of a newer program, before anything else is touched.
    """
    shutil.rmtree(incoming, ignore_errors=True)
    with ExitStack() as undone:  # whatever it is, nothing has been touched yet
        undone.callback(shutil.rmtree, incoming, ignore_errors=True)
        _unpack_all(archive, incoming)
        if not is_there(incoming / "data" / "secret"):
            raise RefusedError(f"{archive} is no backup of a desk: it holds no secret")
        formats.bring(incoming / "data", Disk())
        undone.pop_all()
    Disk().sync_tree(incoming)


def _unpack_all(archive: Path, incoming: Path) -> None:
    try:
        with open_regular(archive, links=True) as file, gzip.open(file) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                while (entry := tar.next()) is not None:
                    _unpack_one(tar, entry, incoming)
                    tar.members.clear()  # type: ignore[attr-defined]
            while stream.read(2**20):  # to the checksum at its very end
                pass
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise RefusedError(f"{archive} is no whole backup: {error}") from None


def _allow(name: str) -> None:
    """Raises ValueError for a name that does not belong into a backup, or leads out of it."""
    if not ALLOWED.fullmatch(name) or not name.isprintable() or {"", ".", ".."} & set(name.split("/")):
        raise ValueError(f"{name!r} does not belong into a backup")


def _unpack_one(tar: tarfile.TarFile, entry: tarfile.TarInfo, incoming: Path) -> None:
    if entry.isdir():
        return
    _allow(entry.name)
    source = tar.extractfile(entry) if entry.isreg() else None
    if source is None:
        raise ValueError(f"{entry.name!r} is no file")
    path = incoming / entry.name
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, MODE.get(entry.name, 0o640)), "wb") as file:
        shutil.copyfileobj(source, file)
