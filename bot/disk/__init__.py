"""The disk, one step at a time: synced writes, folder syncs shared among threads, the lock of the data folder.

Whatever the desk changes on disk goes through a `Disk`, so that a test can fail or kill at any single step.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

FEW = 2  # files that are synced one by one; for more a sync of the whole file system costs less


class Write(NamedTuple):
    """A file to be made: `data` at `path`, by way of `tmp`, a name in the same file system that nobody else
    uses.

    With `exclusive` an existing `path` is an error (FileExistsError), unless it holds one of `tried`: what
    earlier tries of this write may have put there. And it stands in a row: while it cannot be made, no
    exclusive write behind it is.
    """

    tmp: Path
    path: Path
    data: bytes
    exclusive: bool = False
    tried: frozenset[bytes] = frozenset()


class LockedError(Exception):
    """Another process has this data folder; the text says which."""


def is_there(path: Path) -> bool:
    """Whether there is a file or folder of that name. Raises OSError where that cannot be known;
    `Path.exists` takes some errors for a no.
    """
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def listed(folder: Path, pattern: str, *, folders: bool = False) -> list[Path]:
    """The regular files of a folder, or its folders, that have a name like `pattern`, a regular expression; none
    where there is no folder. Raises OSError, where `Path.glob` finds nothing.
    """
    try:
        with os.scandir(folder) as entries:
            return [
                Path(one.path)
                for one in entries
                if re.fullmatch(pattern, one.name) and (one.is_dir if folders else one.is_file)(follow_symlinks=False)
            ]
    except FileNotFoundError:
        return []


def all_names(folder: Path) -> Iterator[str]:
    """The names of all files below a folder, none where there is no folder. Raises OSError."""

    def refuse(error: OSError) -> None:
        raise error

    if is_there(folder):
        for _, _, names in os.walk(folder, onerror=refuse):
            yield from names


class FolderSync:
    """Group commit of folder syncs: threads that ask at the same time share one fsync.

    `sync` comes back only after an fsync that started after the call, so a rename done before the call is
    durable. An fsync that fails may have lost what was done before it, and the next one may then succeed
    without it: all who had asked by then hear of the failure.
    """

    class _Turns:
        def __init__(self) -> None:
            self.started = self.done = self.failed = 0
            self.error: BaseException | None = None
            self.running = False
            self.changed = threading.Condition()

    def __init__(self, fsync: Callable[[Path], None]) -> None:
        """`fsync` syncs one folder, and raises OSError when it cannot."""
        self._fsync = fsync
        self._folders: defaultdict[Path, FolderSync._Turns] = defaultdict(FolderSync._Turns)

    def sync(self, folder: Path) -> None:
        """Make every entry that was put into `folder` before this call durable; raises OSError."""
        turns = self._folders[folder]
        with turns.changed:
            wanted = turns.started + 1
            touched = wanted - turns.running  # the first fsync that what was done before may be part of
            while turns.done < wanted and turns.failed < touched:
                if turns.running:
                    turns.changed.wait()
                else:
                    self._lead(turns, folder)
            if turns.failed >= touched:
                code = getattr(turns.error, "errno", None) or errno.EIO
                raise OSError(code, "a sync shared with others failed", str(folder))

    def _lead(self, turns: FolderSync._Turns, folder: Path) -> None:
        """One fsync for all who wait; called with the condition held."""
        turns.running, turns.started, failed = True, turns.started + 1, True
        turns.changed.release()
        try:
            self._fsync(folder)
            failed = False
        except BaseException as error:
            turns.error = error
            raise
        finally:
            turns.changed.acquire()
            turns.running = False
            turns.failed = turns.started if failed else turns.failed
            turns.done = turns.done if failed else turns.started
            turns.changed.notify_all()


class Disk:
    """The steps that change a disk. The first nine are the seam for tests; the others are made of them."""

    def __init__(self) -> None:
        self._folders = FolderSync(lambda folder: self.fsync_folder(folder))

    def write(self, path: Path, data: bytes, mode: int = 0o640) -> None:
        """Write a new file and sync it; raises FileExistsError where there is one."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            _write_out(handle, data)
            self.fsync(handle)
        finally:
            os.close(handle)

    def create(self, path: Path, data: bytes, mode: int = 0o640) -> None:
        """Write a new file, not yet durable; raises FileExistsError where there is one."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            _write_out(handle, data)
        finally:
            os.close(handle)

    def sync_all(self, handle: int) -> None:
        """Make durable all that lies in the file system of an open file, names and contents."""
        assert _syncfs is not None
        if _syncfs(handle):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def fsync(self, handle: int) -> None:
        """Make an open file durable."""
        os.fsync(handle)

    def fsync_folder(self, folder: Path) -> None:
        """Make the entries of a folder durable, with an fsync of its own."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        """Put `source` in the place of `target`, atomically."""
        os.rename(source, target)  # noqa: PTH104 - a third of the cost of Path.rename, at every letter

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; raises FileExistsError where the name is taken."""
        os.link(source, target)

    def unlink(self, path: Path) -> None:
        """Remove a file; none there is no error."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - as above

    def mkdir(self, path: Path) -> None:
        """Make a folder and those above it, durably; one that is there is no error."""
        missing = []
        while not (is_there(path) and path.is_dir()):
            missing.append(path)
            path = path.parent
        for folder in reversed(missing):
            folder.mkdir(mode=0o750, exist_ok=True)
            try:
                self.sync_folder(folder.parent)
            except OSError:
                with contextlib.suppress(OSError):
                    folder.rmdir()  # else the next call would find it there, and not sync it
                raise

    def sync_folder(self, folder: Path) -> None:
        """Make what was renamed, linked or removed in `folder` durable, sharing the fsync with other threads."""
        self._folders.sync(folder)

    def sync_tree(self, folder: Path) -> None:
        """Make all that lies under a folder durable: with one sync of its file system, or else one of all."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sync_all(handle) if _syncfs else os.sync()
        finally:
            os.close(handle)

    def write_synced(self, tmp: Path, path: Path, data: bytes, *, exclusive: bool = False, mode: int = 0o640) -> None:
        """`data` at `path`, whole and durable when this comes back; if it does not, it is there whole or not
        at all, and nobody knows which.

        `tmp` is a name in the same file system that nobody else uses; what a crash left there is replaced.
        With `exclusive` an existing `path` raises FileExistsError. Raises OSError; the temporary file is then
        gone.
        """
        self._whole(Write(tmp, path, data, exclusive), mode)

    def _whole(self, one: Write, mode: int = 0o640) -> None:
        try:
            self._write_over(one.tmp, one.data, mode)
            self._name(one)
        except OSError:
            with contextlib.suppress(OSError):
                self.unlink(one.tmp)
            raise
        self.sync_folder(one.path.parent)

    def write_group(self, writes: Sequence[Write]) -> list[OSError | None]:
        """As write_synced for each, sharing the syncs: for each file None, or why it is not known to be
        durable.

        Two syncs of the file system take the place of an fsync or two for each file: at thirty files they are
        ten times cheaper.
        """
        outcomes: list[OSError | None] = [None] * len(writes)

        def each(step: Callable[[Write], None]) -> None:
            gap: OSError | None = None  # in the row of the exclusive ones
            for place, one in enumerate(writes):
                outcomes[place] = outcomes[place] or (gap if one.exclusive else None)
                if outcomes[place] is None:
                    try:
                        step(one)
                    except OSError as error:
                        outcomes[place] = error
                gap = gap or (outcomes[place] if one.exclusive else None)

        def for_all(step: Callable[[], None]) -> None:
            try:
                step()
            except OSError as error:
                outcomes[:] = [one or error for one in outcomes]

        if len(writes) <= FEW or not _syncfs:
            each(self._whole)
            return outcomes
        folder = os.open(writes[0].path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            each(lambda one: self._create_over(one.tmp, one.data))
            for_all(lambda: self.sync_all(folder))
            each(self._name)
            for_all(lambda: self.sync_all(folder))
        finally:
            os.close(folder)
        for one, error in zip(writes, outcomes, strict=True):
            if error is not None:
                with contextlib.suppress(OSError):
                    self.unlink(one.tmp)
        return outcomes

    def _name(self, one: Write) -> None:
        if one.exclusive:
            try:
                self.link(one.tmp, one.path)
            except FileExistsError:
                if one.path.read_bytes() not in one.tried:
                    raise
            else:
                self.unlink(one.tmp)
                return
        self.rename(one.tmp, one.path)

    def _create_over(self, tmp: Path, data: bytes) -> None:
        try:
            self.create(tmp, data)
        except FileExistsError:
            self.unlink(tmp)
            self.create(tmp, data)

    def _write_over(self, tmp: Path, data: bytes, mode: int) -> None:
        try:
            self.write(tmp, data, mode)
        except FileExistsError:
            self.unlink(tmp)
            self.write(tmp, data, mode)


def _write_out(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


# Linux has syncfs, which Python does not offer; elsewhere files are synced one by one.
_syncfs: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


class DataLock:
    """Keeps a second desk out of a data folder. The lock goes with the process, however it ends."""

    def __init__(self, data: Path) -> None:
        self.path = data / "lock"
        self._handle = -1

    def take(self) -> None:
        """Take the lock and write our pid into it; raises LockedError naming the process that has it."""
        self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        how = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
        handle = os.open(self.path, how, 0o640)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise LockedError(f"{self.path.parent} is in use by another desk (process {pid}); stop it first, or set DESK_DATA") from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it would let two desks in."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> DataLock:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
