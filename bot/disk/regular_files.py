"""Opening by a path that others may write to: there stands a regular file, or an error names what does; nobody waits."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MOST = 2**30  # octets, where nothing says less
LETTER, RULES, TEMPLATE, KEY = 64 * 2**20, 8 * 2**20, 2**20, 2**16  # octets of a file that people put somewhere
KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link"}


class OddFileError(OSError):
    """What stands at a path is no file that belongs there; the text says what is allowed."""

    def __init__(self, path: Path, words: str) -> None:
        super().__init__(errno.EINVAL, words, str(path))


def open_regular(path: Path, *, links: bool = False) -> BinaryIO:
    """A regular file, open for reading; with `links` a link to one will do. Raises OddFileError and OSError."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW))
    except FileNotFoundError:
        raise
    except OSError:
        _be_regular(path, (path.stat() if links else path.lstat()).st_mode)
        raise
    try:
        _be_regular(path, os.fstat(handle).st_mode)
    except OddFileError:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def read_regular(path: Path, most: int = MOST, *, links: bool = False) -> bytes:
    """The bytes of a regular file of at most so many octets; raises as open_regular."""
    with open_regular(path, links=links) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OddFileError(path, f"at most {most:,} octets are allowed here")
        return file.read()


def files_under(folder: Path) -> Iterator[Path]:
    """Every file under a folder in order, but for hidden ones. A link may lead to what lies in the folder as well,
    as in a volume of Kubernetes; OddFileError for one that leads elsewhere.
    """
    root, todo = folder.resolve(), [(folder, frozenset[Path]())]
    while todo:
        path, above = todo.pop()
        try:
            real = path.resolve()
        except (OSError, RuntimeError):  # a link to itself
            real = Path("/")
        if not real.is_relative_to(root) or real in above:
            raise OddFileError(path, f"a link may lead to a file in {folder} only")
        if real.is_dir():
            names = sorted((one for one in path.iterdir() if not one.name.startswith(".")), reverse=True)
            todo += [(one, above | {real}) for one in names]
        else:
            yield path


def _be_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OddFileError(path, f"a regular file is needed here, not {KINDS.get(stat.S_IFMT(mode), 'a device')}")
