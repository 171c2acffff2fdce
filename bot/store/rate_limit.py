"""Sliding windows over what has left for a domain, for all, for one member of staff, and over what one sender
has caused: over a limit letters wait, or are gathered (design, section 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.store.interface import Window

LONGEST = timedelta(days=1)  # no window is longer


class RateLimiter:
    """The counts of one process."""

    def __init__(self) -> None:
        self._times: dict[str, list[datetime]] = {}

    def room(self, windows: Sequence[Window], now: datetime) -> Window | None:
        """See bot.store.interface.UnitOfWork.room."""
        for one in windows:
            times, old = self._times.get(one.key, []), 0
            while old < len(times) and not now - one.span < times[old] <= now + one.span:
                old += 1  # too old, or of a clock that was set back
            del times[:old]
            if len(times) >= one.most:
                return one
        for one in windows:
            self._times.setdefault(one.key, []).append(now)
        return None

    def reserve(self, windows: Sequence[Window], now: datetime) -> datetime | None:
        """For one letter; see bot.store.interface.Store.reserve."""
        full = self.room(windows, now)
        return self._times[full.key][0] + full.span if full else None

    def prune(self, now: datetime) -> None:
        """Forgets what no window looks at any more, so that strangers cannot fill the memory."""
        since = now - LONGEST
        self._times = {key: times for key, times in self._times.items() if times and times[-1] > since}
