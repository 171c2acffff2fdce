"""What raw letters are called, whichever store keeps them."""

from __future__ import annotations

import secrets
import threading
from datetime import UTC, datetime, timedelta

TRACE_TAIL = 4000  # characters of a traceback kept with a parked letter: its end says what happened


class Ids:
    """Ids of letters: sortable by time, unique also among processes."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)
        self._tail = secrets.token_hex(3)
        self._lock = threading.Lock()

    def new(self, now: datetime) -> str:
        """An id that sorts after all earlier ones of this process, even when the clock has gone back."""
        with self._lock:
            self._last = max(now.astimezone(UTC), self._last + timedelta(microseconds=1))
            return f"{self._last:%Y%m%dT%H%M%S%f}-{self._tail}"
