"""Where a letter waits for its end while it comes in."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO, NamedTuple

MEMORY = 256 * 1024  # octets of one incoming letter that may take memory; the rest of it waits on disk


class Spool(NamedTuple):
    """A folder that belongs to the listeners, whichever store the desk has. Its files have no names, so no crash
    leaves one behind.
    """

    folder: Path | None = None  # None for the system's own place

    def open(self, memory: int = MEMORY) -> IO[bytes]:
        """A file for one letter: in memory up to `memory` octets, then on disk. Its `write` raises OSError."""
        return _Incoming(self.folder, memory)


SYSTEM = Spool()


class _Incoming(tempfile.SpooledTemporaryFile[bytes]):
    def __init__(self, folder: Path | None, memory: int) -> None:
        super().__init__(memory, dir=str(folder) if folder else None)
        self._folder = folder

    def rollover(self) -> None:
        """Goes on on disk. The folder is made here: somebody may have taken it for rubbish meanwhile."""
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        super().rollover()
