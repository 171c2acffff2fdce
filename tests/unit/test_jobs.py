"""What is done by the clock goes on when the clock is set back."""

from __future__ import annotations

from datetime import datetime

import schedule
import time_machine

from bot.jobs import in_time


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
