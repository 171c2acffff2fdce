"""What clients may take of a listener, as Postfix' anvil counts it: connections at once, and what they hand over
in a span; and how full the disk may become.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from bot.model import OUR_OWN, network_of

SPAN = 60.0  # seconds
AT_A_TIME = 16  # connections that asyncio accepts before one of them is looked at: its `backlog`
QUEUE = 512  # connections that wait in the kernel meanwhile
LOCAL = OUR_OWN | {"unix"}  # a mail server of ours, which hands over everybody's letters
EACH = {"letters": 1, "connections": 1, "recipients": 10}  # that a client may have for each letter
MIB = 1024 * 1024


def queue_up(server: asyncio.Server) -> None:
    """Lets QUEUE connections wait for a server that was made with `backlog=AT_A_TIME`."""
    for one in server.sockets:
        with one.dup() as socket:  # of the same queue
            socket.listen(QUEUE)


class NoRoomError(OSError):
    """The disk is nearly full: a letter is refused for a while, so that what was accepted can be handled."""


class Guest(Protocol):
    """A connection."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it is in hand, so that it may go where others need its place."""
        ...

    def abort(self) -> None:
        """Drops the connection without a word."""
        ...


G = TypeVar("G", bound=Guest)


class Crowd(Generic[G]):
    """Those who are connected, by network. Where there are too many, somebody idle goes."""

    def __init__(self) -> None:
        self.guests: dict[G, str] = {}
        self._networks: dict[str, dict[G, None]] = {}

    def admit(self, guest: G, client: str, most: int, of_one: int) -> str:
        """Counts a connection in, or says why not: `most` are there or `of_one` network's, and none is idle."""
        network = network_of(client)
        mine = self._networks.get(network, {})
        if len(mine) >= of_one and not self._dismiss([mine]):
            return "too many connections"
        largest = sorted(self._networks.values(), key=len, reverse=True) if len(self.guests) >= most else ()
        if len(self.guests) >= most and not self._dismiss(largest):
            return "no room for connections"
        self.guests[guest] = network
        self._networks.setdefault(network, {})[guest] = None
        return ""

    def release(self, guest: G) -> None:
        """Counts a connection out, if it is in."""
        network = self.guests.pop(guest, None)
        if network is not None:
            del self._networks[network][guest]
            if not self._networks[network]:
                del self._networks[network]

    def _dismiss(self, networks: Iterable[dict[G, None]]) -> bool:
        """Ends the oldest idle connection of the first network that has one."""
        idle = next((guest for guests in networks for guest in guests if guest.is_idle), None)
        if idle is not None:
            self.release(idle)
            idle.abort()
        return idle is not None


class ClientRate:
    """What each client takes within a span; the client is told of once a span. Belongs to one event loop."""

    def __init__(
        self, most: int, is_exempt: Callable[[str], bool], tell: Callable[[str, int, str], None]
    ) -> None:
        """`most` letters and new connections, ten times as many recipients; 0 for any number. `tell` hears of
        a client, with code and words.
        """
        self._most, self._is_exempt, self._log = most, is_exempt, tell
        self._begun, self._counts, self._told = float("-inf"), Counter[tuple[str, str]](), set[str]()

    def is_over(self, what: str, client: str, now: float) -> bool:
        """Counts one more of the client's letters, connections or recipients; whether it is one too many."""
        if not self._most or self._is_exempt(client):
            return False
        if now - self._begun >= SPAN:
            self._begun, self._counts, self._told = now, Counter(), set()
        network, most = network_of(client), self._most * EACH[what]
        self._counts[what, network] += 1
        over = self._counts[what, network] > most
        if over and network not in self._told:
            self._told.add(network)
            code = 421 if what == "connections" else 450
            self._log(client, code, f"more than {most} {what} in {SPAN:.0f} s")
        return over


class FreeSpace:
    """The floor of free space below which no listener takes a letter, as Postfix' queue_minfree."""

    def __init__(self, folder: Path, least_mb: int, log: Callable[..., None]) -> None:
        self._folder, self._least, self._log = folder, least_mb * MIB, log
        self._told = float("-inf")

    def must_have_room(self, now: float, size: int = 0) -> None:
        """Raises NoRoomError where `size` octets more would go below the floor; it is told of once a span."""
        folder = self._folder.absolute()
        there = next(one for one in (folder, *folder.parents) if one.exists())
        disk = os.statvfs(there)
        free = disk.f_bavail * disk.f_frsize
        if free - size >= self._least:
            return
        if now - self._told >= SPAN:
            self._told = now
            words = f"{free // MIB} MB are free, and DESK_MIN_FREE is {self._least // MIB}"
            self._log("refused", code=452, words=words)
        raise NoRoomError(errno.ENOSPC, "less free space than DESK_MIN_FREE", str(self._folder))
