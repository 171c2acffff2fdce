"""What the daemon does by the clock: heartbeat, filing, retention, the morning's digest, the weekly letter, the tickets' own timers."""

from __future__ import annotations

import asyncio
import dataclasses
import resource
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

import schedule

from bot.app.log import Log
from bot.app.ticket_timers import TicketTimers
from bot.letter_order import LetterOrder
from bot.reports.weekly import Weekly
from bot.store.interface import Letters, Lookup, Store
from bot.tickets.context import DeskContext
from bot.tickets.digest import digest, due

LATE = timedelta(minutes=1)  # for a letter to be handled


class Scheduled(Protocol):
    """What the jobs need of the daemon."""

    inbox: Letters
    store: Store
    context: DeskContext
    timers: TicketTimers
    weekly: Weekly
    line: LetterOrder
    log: Log
    now: Callable[[], datetime]

    def spawn(self, work: Awaitable[Any]) -> asyncio.Future[Any]:
        """A task that ends with the daemon."""
        ...


class Scheduler:
    """One a daemon; a job that is late after a sleep runs once."""

    def __init__(self, daemon: Scheduled) -> None:
        self._daemon = daemon
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
                if work == self.heartbeat or await self._daemon.store.is_leader():
                    await work()
            except Exception as error:  # noqa: BLE001  see above
                self._daemon.log("error", where=work.__name__, kind=type(error).__name__, words=str(error))

        when.do(lambda: self._daemon.spawn(guarded()))

    async def run(self) -> None:
        """Runs what is due, until cancelled."""
        while True:
            in_time(self._schedule)
            self._schedule.run_pending()
            await asyncio.sleep(1)

    async def heartbeat(self) -> None:
        """Queue sizes for monitoring, every minute."""
        counts = await self._daemon.store.counts()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        self._daemon.log(
            "heartbeat",
            waiting=(await self._daemon.inbox.waiting())[0],
            outbox=counts.unsent,
            held=counts.held,
            failed=counts.failed,
            disk_waits=counts.disk_waits,
            parked=len(await self._daemon.inbox.parked()),
            live=counts.live,
            memory_mb=peak,
            lost=self._daemon.log.lost,
        )

    async def sweep(self) -> None:
        """Files what can no longer change by itself."""
        moved = await self._daemon.store.archive_done(self._daemon.now(), self._daemon.context.policy.periods.reopen_days)
        if moved:
            self._daemon.log("filed", count=moved)

    async def retire(self) -> None:
        """Erases what is old enough, where rules.yaml says how old that is."""
        days = self._daemon.context.policy.periods.retention_days
        if days:
            erased = await self._daemon.store.expire(self._daemon.now() - timedelta(days=days), self._daemon.inbox)
            self._daemon.log("erased", count=erased)

    async def timers(self) -> None:
        """What time does to tickets. An answer that lies in the inbox already, after a pause or under a flood, is heard first; a line that
        does not move is not waited for, and neither is a slow letter.
        """
        before, self._oldest = self._oldest, (await self._daemon.inbox.waiting())[1]
        recent = self._oldest >= f"{self._daemon.now() - LATE:%Y%m%dT%H%M%S}"
        if recent or self._oldest in ("", before) or not self._daemon.line.under_way:
            await self._daemon.timers.look()

    async def morning(self) -> None:
        """The digest, once a day, when work has begun."""
        async with self._daemon.store.unit_of_work() as unit:
            now, context = self._daemon.now(), self._daemon.context
            known = await unit.find(Lookup(letter="", requester=""), now)
            if day := due(context, known.digested, now):
                known = await unit.find(Lookup(letter="", requester="", rows=True), now)
                unit.commit(digest(known.rows, dataclasses.replace(context, away=known.away), day, now))


def in_time(scheduler: schedule.Scheduler) -> None:
    """`schedule` reckons in the local time of the host: after a clock was set back, its jobs would wait until it is as late again."""
    now = datetime.now()  # noqa: DTZ005  as it does
    for run in scheduler.jobs:
        if run.next_run is not None:
            run.next_run = min(run.next_run, now + timedelta(**{str(run.unit): run.interval}))
