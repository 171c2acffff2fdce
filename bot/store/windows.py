"""Sliding windows over what has left: for a domain, for all, for one member of staff. Over a limit letters wait (design, section 7)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import datetime

from bot.store.port import Window


class Windows:
    """The counts of one process."""

    def __init__(self) -> None:
        self._times: defaultdict[str, deque[datetime]] = defaultdict(deque)

    def leaves(self, windows: Sequence[Window], now: datetime) -> datetime | None:
        """For one letter; see bot.store.port.Store.leaves."""
        for key, most, span in windows:
            times = self._times[key]
            while times and not now - span < times[0] <= now + span:  # too old, or of a clock that was set back
                times.popleft()
            if len(times) >= most:
                return times[0] + span
        for key, _, _ in windows:
            self._times[key].append(now)
        return None
