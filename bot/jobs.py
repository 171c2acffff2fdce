"""What the daemon does by the clock: heartbeat, filing, retention, the morning's digest, the weekly letter, the tickets' own timers."""

from __future__ import annotations

import asyncio
import dataclasses
import resource
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import schedule

from bot.store.port import Question
from bot.tickets.digest import digest, due

if TYPE_CHECKING:
    from bot.daemon import Daemon

LATE = timedelta(minutes=1)  # for a letter to be handled


class Jobs:
    """One a daemon; a job that is late after a sleep runs once."""

    def __init__(self, daemon: Daemon) -> None:
        self._desk = daemon
        self._schedule = schedule.Scheduler()
        self._oldest = ""  # letter of the inbox, when the timers were last due
        self._job(self._schedule.every(1).minutes, self.heartbeat)
        self._job(self._schedule.every(1).hours, self.sweep)
        self._job(self._schedule.every(6).hours, self.retire)
        self._job(self._schedule.every(1).minutes, self.morning)
        self._job(self._schedule.every(1).minutes, daemon.weekly.send)
        self._job(self._schedule.every(10).seconds, self.timers)
        self._job(self._schedule.every(30).seconds, daemon.timers.gather)

    def _job(self, when: schedule.Job, work: Callable[[], Awaitable[Any]]) -> None:
        """One failing job harms no other: each runs as a task of its own, and its error is logged."""

        async def guarded() -> None:
            try:
                if work == self.heartbeat or await self._desk.store.leads():
                    await work()
            except Exception as error:  # noqa: BLE001  see above
                self._desk.tell("error", where=work.__name__, kind=type(error).__name__, words=str(error))

        when.do(lambda: self._desk.spawn(guarded()))

    async def run(self) -> None:
        """Runs what is due, until cancelled."""
        while True:
            in_time(self._schedule)
            self._schedule.run_pending()
            await asyncio.sleep(1)

    async def heartbeat(self) -> None:
        """Queue sizes for monitoring, every minute."""
        counts = await self._desk.store.counts()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        self._desk.tell(
            "heartbeat",
            waiting=(await self._desk.inbox.waiting())[0],
            outbox=counts.unsent,
            held=counts.held,
            failed=counts.failed,
            disk_waits=counts.disk_waits,
            parked=len(await self._desk.inbox.parked()),
            live=counts.live,
            memory_mb=peak,
            lost=self._desk.tell.lost,
        )

    async def sweep(self) -> None:
        """Files what can no longer change by itself."""
        moved = await self._desk.store.sweep(self._desk.now(), self._desk.office.policy.periods.reopen_days)
        if moved:
            self._desk.tell("filed", count=moved)

    async def retire(self) -> None:
        """Erases what is old enough, where rules.yaml says how old that is."""
        days = self._desk.office.policy.periods.retention_days
        if days:
            erased = await self._desk.store.retire(self._desk.now() - timedelta(days=days), self._desk.inbox)
            self._desk.tell("erased", count=erased)

    async def timers(self) -> None:
        """What time does to tickets. An answer that lies in the inbox already, after a pause or under a flood, is heard first; a line that
        does not move is not waited for, and neither is a slow letter.
        """
        before, self._oldest = self._oldest, (await self._desk.inbox.waiting())[1]
        recent = self._oldest >= f"{self._desk.now() - LATE:%Y%m%dT%H%M%S}"
        if recent or self._oldest in ("", before) or not self._desk.line.under_way:
            await self._desk.timers.look()

    async def morning(self) -> None:
        """The digest, once a day, when work has begun."""
        async with self._desk.store.turn() as turn:
            now, office = self._desk.now(), self._desk.office
            known = await turn.find(Question(letter="", requester=""), now)
            if day := due(office, known.digested, now):
                known = await turn.find(Question(letter="", requester="", rows=True), now)
                turn.commit(digest(known.rows, dataclasses.replace(office, away=known.away), day, now))


def in_time(scheduler: schedule.Scheduler) -> None:
    """`schedule` reckons in the local time of the host: after a clock was set back, its jobs would wait until it is as late again."""
    now = datetime.now()  # noqa: DTZ005  as it does
    for job in scheduler.jobs:
        if job.next_run is not None:
            job.next_run = min(job.next_run, now + timedelta(**{str(job.unit): job.interval}))
