"""What one client may hand over within a span, as Postfix' anvil counts it, and how full the disk may become."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bot.model import network_of

SPAN = 60.0  # seconds
LOCAL = frozenset({"127.0.0.1", "::1", "unix"})  # a mail server of ours, which hands over everybody's letters
MIB = 1024 * 1024


class NoRoomError(OSError):
    """The disk is nearly full: a letter is refused for a while, so that what was accepted can still be handled."""


class ClientRate:
    """Letters of each client within a span; the client is told of once a span. Belongs to one event loop."""

    def __init__(self, most: int, exempt: frozenset[str], tell: Callable[..., None]) -> None:
        """`most` letters, 0 for any number; `exempt` are the relays that hand over everybody's letters."""
        self._most, self._exempt, self._tell = most, exempt | LOCAL, tell
        self._begun, self._counts = float("-inf"), Counter[str]()

    def is_over(self, client: str, now: float) -> bool:
        """Counts one more letter of the client; whether it is one too many. `now` in seconds."""
        if not self._most or client in self._exempt:
            return False
        if now - self._begun >= SPAN:
            self._begun, self._counts = now, Counter()
        key = network_of(client)
        self._counts[key] += 1
        if self._counts[key] == self._most + 1:
            self._tell("refused", client=client, code=450, words=f"more than {self._most} letters in {SPAN:.0f} s")
        return self._counts[key] > self._most


class FreeSpace:
    """The floor of free space below which no door takes a letter, as Postfix' queue_minfree."""

    def __init__(self, folder: Path, least_mb: int, tell: Callable[..., None]) -> None:
        self._folder, self._least, self._tell = folder, least_mb * MIB, tell
        self._told = float("-inf")

    def must_have_room(self, now: float) -> None:
        """Raises NoRoomError below the floor, which is told of once a span. `now` in seconds."""
        there = next(one for one in (self._folder.absolute(), *self._folder.absolute().parents) if one.exists())
        disk = os.statvfs(there)
        free = disk.f_bavail * disk.f_frsize
        if free >= self._least:
            return
        if now - self._told >= SPAN:
            self._told = now
            self._tell("refused", code=452, words=f"{free // MIB} MB are free, and DESK_MIN_FREE is {self._least // MIB}")
        raise NoRoomError(errno.ENOSPC, "less free space than DESK_MIN_FREE", str(self._folder))
