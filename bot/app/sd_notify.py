"""What systemd wants to hear (sd_notify(3)): that we are ready, that we are alive, that we end. Without systemd, nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket


def say(words: str) -> None:
    """One message such as "READY=1" to $NOTIFY_SOCKET; a supervisor that does not listen is no trouble of ours."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if where:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)  # a supervisor that does not read must not hold the desk
            line.sendto(words.encode(), f"\0{where[1:]}" if where.startswith("@") else where)


async def watchdog() -> None:
    """Says that we are alive, twice as often as $WATCHDOG_USEC asks; an event loop that hangs says nothing, and is started anew."""
    while micros := int(os.environ.get("WATCHDOG_USEC", "0") or 0):
        say("WATCHDOG=1")
        await asyncio.sleep(micros / 2_000_000)
