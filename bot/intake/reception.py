"""The desk, as its listeners know it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from bot.intake.spool import SYSTEM, Spool
from bot.model import Envelope

Accept = Callable[[bytes, Envelope], Awaitable[None]]


@dataclass(frozen=True)
class Reception:
    """Where listeners hand letters over, and what they ask before they do."""

    accept: Accept  # stores a letter durably, or raises
    is_ours: Callable[[str], bool]  # whether an address is the desk's
    new_id: Callable[[datetime], str]
    now: Callable[[], datetime]
    log: Callable[..., None] = lambda *_, **__: None
    must_have_room: Callable[[float, int], None] = lambda *_: None  # OSError where the disk has none for so many octets, at that time
    spool: Spool = SYSTEM  # where large letters wait for their end
