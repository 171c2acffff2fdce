"""A circuit breaker before the relay: while it refuses us, letters wait, and one at a time asks whether it takes mail again.

Pure but for its own state: moments come in as arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.delivery.result import Result
from bot.store.interface import Due

SHORT, LONG = timedelta(seconds=5), timedelta(minutes=5)  # pauses while it cannot be reached: the first one, the longest
REFUSED_SHORT, REFUSED_LONG = timedelta(minutes=1), timedelta(minutes=30)  # while it refuses us
REFUSALS, WITHIN = 5, timedelta(minutes=10)  # letters to so many recipients whose content it refuses: that is said of us too
LATER = timedelta(minutes=30)  # for a letter whose content was refused while it asked for all


class Breaker:
    """One for each relay and daemon. `why` is "" while letters flow."""

    def __init__(self) -> None:
        self.why = ""
        self.alarm = False  # whether it needs a person
        self.since: datetime | None = None
        self.until: datetime | None = None  # before this moment nothing is tried
        self.taken: datetime | None = None  # when the relay last took a letter
        self._pause = timedelta(0)
        self._refused: dict[str, tuple[datetime, Due]] = {}  # by recipient: letters of which it did not like the content

    def room(self, now: datetime, under_way: int, most: int) -> int:
        """How many letters may be begun."""
        if self.until is None:
            return most - under_way
        return 1 if now >= self.until and not under_way else 0

    def heard(self, one: Due, result: Result, now: datetime) -> Sequence[Due]:
        """Takes a result into account; letters that were held only because all were refused, to be tried again."""
        if result.state == "sent":
            self.taken = now
            self._close()
        elif result.of_us:
            self._open(result, now)
        elif result.state == "held" and self.until is None:
            return self._content(one, result, now)
        elif self.until is not None:  # it answered, but took nothing
            self.until = max(self.until, now + self._pause)
        return ()

    def _content(self, one: Due, result: Result, now: datetime) -> Sequence[Due]:
        self._refused = {to: (at, kept) for to, (at, kept) in self._refused.items() if now - at < WITHIN}
        self._refused[one.letter.to] = now, one
        if len(self._refused) < REFUSALS:
            return ()
        back = [kept for _, kept in self._refused.values()]
        self._refused = {}
        self._open(result._replace(alarm=True), now)
        return back

    def _open(self, result: Result, now: datetime) -> None:
        """Once for each try: what was under way together when it happened makes the pause no longer."""
        first, longest = (REFUSED_SHORT, REFUSED_LONG) if result.code else (SHORT, LONG)
        if self.until is None or now >= self.until:
            self._pause = min(max(self._pause * 2, first), longest)
            self.until = now + self._pause
        self.since = self.since or now
        self.why, self.alarm = result.words, self.alarm or result.alarm

    def set_back(self, span: timedelta) -> None:
        """The clock went back so far: the pause ends when it would have."""
        self.since = self.since and self.since - span
        self.until = self.until and self.until - span

    def _close(self) -> None:
        self.why, self.alarm, self.since, self.until, self._pause = "", False, None, None, timedelta(0)
