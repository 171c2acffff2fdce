"""What is done by the clock goes on when the clock is set back."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import schedule
import time_machine

from bot.app.scheduler import Scheduler, in_time


def test_a_clock_that_is_set_back_stops_no_job() -> None:
    scheduler, done = schedule.Scheduler(), list[datetime]()
    with time_machine.travel(datetime(2026, 10, 25, 2, 59), tick=False) as clock:
        scheduler.every(10).seconds.do(lambda: done.append(datetime.now()))
        clock.move_to(datetime(2026, 10, 25, 2, 0))
        for seconds in (0, 10, 20):
            clock.move_to(datetime(2026, 10, 25, 2, 0, seconds))
            in_time(scheduler)
            scheduler.run_pending()
    assert [one.second for one in done] == [10, 20]


async def test_letters_that_lie_in_the_inbox_are_heard_before_the_timers() -> None:
    """After a pause an answer may lie there that came before its ticket was to be closed. A line that stands still is not waited for."""
    line, looks = ["20261123T080000000000-a", "20261123T080001000000-a"], list[int]()

    async def waiting() -> tuple[int, str]:
        return len(line), line[0] if line else ""

    async def look() -> int:
        looks.append(len(line))
        return 0

    now, standing = datetime(2026, 11, 23, 9, tzinfo=UTC), SimpleNamespace(under_way=1)
    desk: Any = SimpleNamespace(inbox=SimpleNamespace(waiting=waiting), timers=SimpleNamespace(look=look), now=lambda: now, line=standing)
    jobs = Scheduler.__new__(Scheduler)
    jobs._daemon, jobs._oldest = desk, ""
    await jobs.timers()
    line.pop(0)
    await jobs.timers()
    assert looks == []
    await jobs.timers()
    line.clear()
    await jobs.timers()
    line.append("20261123T085959000000-a")
    await jobs.timers()
    assert looks == [1, 0, 1]
    line[0] = "20261123T080001000000-a"
    standing.under_way = 0  # what lies there is a slow letter, which nobody waits for
    await jobs.timers()
    assert looks == [1, 0, 1, 1]
