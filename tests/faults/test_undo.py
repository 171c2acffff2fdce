"""Undo excludes leaving: whatever the disk or the database is busy with, "cancelled" is said only of what
does not leave.

DESK_RACES=200 is the long run of the races.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import desk as desk_module
import pytest
from cluster import Cluster
from desk import TestDesk
from looking import rows_of, ticket_of
from msgspec.structs import replace
from world import ANNA, PROBLEM

from bot.disk import Disk
from bot.model import Delivery, Outgoing
from bot.store.interface import Due, Store

RACES = int(os.environ.get("DESK_RACES", "20"))
STEPS = ("create", "write", "fsync", "sync_all", "rename", "link", "unlink")
SLOW = """
create function slow() returns trigger language plpgsql as $$
    begin perform pg_sleep(random() * 0.01); return null; end $$;
create trigger slow after insert or update on tickets execute function slow();
create trigger slow after insert or update or delete on outbox execute function slow();
create trigger slow after insert on records execute function slow()
"""


class Waits(TestDesk):
    """A desk whose letters leave when the test says so, given out by `other`: its own store, or another
    daemon's.
    """

    other: Store
    gone: set[tuple[int, int]]

    async def deliver(self) -> list[Outgoing]:
        return []

    async def let_go(self, given: list[Due]) -> None:
        """What an outbox does: the letters leave, and then this is recorded."""
        self.gone |= {(one.ticket, one.letter.id) for one in given}
        sent = {"state": Delivery.sent, "attempts": 1, "done_at": self.now}
        await self.other.delivered([replace(one, letter=replace(one.letter, **sent)) for one in given])

    async def letters(self, number: int, template: str = "") -> list[Outgoing]:
        ticket = await ticket_of(self.store, number)
        assert ticket is not None
        return [one for one in ticket.outgoing if template in ("", one.template)]

    async def resolved(self, who: str) -> tuple[int, Outgoing]:
        """The number of a new ticket that Anna has just resolved, and her receipt. Its closing letter is due
        in a second.
        """
        await self.send(who, PROBLEM, subject="Не открывается")
        number = (await rows_of(self.store))[-1].number
        await self.let_go(await self.other.due(self.now, 100))
        notice = next(one for one in await self.letters(number, "notice_new") if one.to == ANNA)
        await self.reply(notice, ANNA, "#решено\nПочинили, проверьте, пожалуйста.")
        [receipt] = await self.letters(number, "receipt")
        [closing] = await self.letters(number, "resolved_solved")
        await self.let_go(await self.other.due(self.now, 100))
        self.now = closing.due - timedelta(seconds=1)
        return number, receipt

    async def verdict(self, number: int) -> tuple[bool, bool]:
        """Whether "cancelled" was said, and whether the customer has the letter."""
        await self.let_go(await self.other.due(self.now, 100))
        [closing] = await self.letters(number, "resolved_solved")
        undone = (await self.letters(number, "receipt"))[1:]
        assert all("отменено" in one.text.lower() for one in undone)
        assert closing.state is (Delivery.cancelled if undone else Delivery.sent)
        return bool(undone), (number, closing.id) in self.gone


@asynccontextmanager
async def opened(data: Path) -> AsyncIterator[Waits]:
    desk = await Waits.opened(data, undo=120, caps=False)
    desk.other, desk.gone = desk.store, set()
    yield desk
    await desk.store.close()


class Held(Disk):
    """A disk that stops at a step of the thread that writes, until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go = threading.Event(), threading.Event()
        self.left = 0
        for name in STEPS:
            setattr(self, name, self._held(getattr(self, name)))

    def _held(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def work(*values: Any, **more: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                self.left -= 1
                if self.left == 0:
                    self.reached.set()
                    assert self.go.wait(10)
            return step(*values, **more)

        return work

    def hold(self, step: int) -> None:
        """Stops there."""
        self.left = step
        self.reached.clear()
        self.go.clear()


async def test_what_is_undone_does_not_leave_at_whatever_step_it_becomes_due(tmp_path: Path) -> None:
    async with opened(tmp_path) as desk:
        disk = Held()
        desk.disk = disk
        await desk.restart()
        desk.other = desk.store
        for step in itertools.count(1):
            number, receipt = await desk.resolved(f"user{step}@example.org")
            disk.hold(step)
            undoing = asyncio.create_task(desk.reply(receipt, ANNA, "#отмена"))
            while not (disk.reached.is_set() or undoing.done()):  # noqa: ASYNC110  another thread's event
                await asyncio.sleep(0)
            over = undoing.done()
            desk.now += timedelta(minutes=5)
            leaving = asyncio.create_task(desk.other.due(desk.now, 100))
            for _ in range(20):
                await asyncio.sleep(0)
            disk.go.set()
            await undoing
            await desk.let_go(await leaving)
            assert await desk.verdict(number) == (True, False), f"step {step}"
            if over:
                break
        assert step > 4


async def test_what_has_been_given_out_before_its_moment_is_not_cancelled(tmp_path: Path) -> None:
    """As where the clock was set back, or another daemon's goes ahead."""
    async with opened(tmp_path) as desk:
        number, receipt = await desk.resolved("user@example.org")
        given = await desk.other.due(desk.now + timedelta(seconds=2), 100)
        await desk.reply(receipt, ANNA, "#отмена")
        await desk.let_go(given)
        assert await desk.verdict(number) == (False, True)


async def raced(desk: Waits) -> None:
    """So many undos against so many outboxes that are just about to look; none says "cancelled" of what has
    left.
    """
    chance, verdicts = random.Random(3), list[tuple[bool, bool]]()
    for race in range(RACES):
        number, receipt = await desk.resolved(f"user{race}@example.org")
        undoing = asyncio.create_task(desk.reply(receipt, ANNA, "#отмена"))
        for pause in chance.choice(([0] * chance.randrange(6), [chance.uniform(0, 0.03)])):
            await asyncio.sleep(pause)
        given = await desk.other.due(desk.now + timedelta(seconds=2), 100)  # its clock goes ahead
        await asyncio.sleep(chance.uniform(0, 0.01))
        await desk.let_go(given)
        await undoing
        verdicts.append(await desk.verdict(number))
        desk.now += timedelta(minutes=5)
    assert (True, True) not in verdicts
    assert {(True, False), (False, True)} <= set(verdicts), "one of them has always won: this was no race"


class Slow(Disk):
    """Each sync takes its time."""

    def fsync(self, handle: int) -> None:
        threading.Event().wait(random.uniform(0, 0.01))
        super().fsync(handle)


async def test_undo_and_leaving_race_on_files(tmp_path: Path) -> None:
    async with opened(tmp_path) as desk:
        desk.disk = Slow()
        await desk.restart()
        desk.other = desk.store
        await raced(desk)


@pytest.mark.postgres
async def test_undo_and_leaving_of_another_daemon_race_on_a_database(
    tmp_path: Path, cluster: Cluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.store.postgres.database import Database
    from bot.store.postgres.store import PostgresStore

    cluster.sql(SLOW, database)
    stores = [PostgresStore(Database(cluster.url(database))) for _ in range(2)]
    monkeypatch.setattr(desk_module, "FileStore", lambda *_: stores[0])
    async with opened(tmp_path) as desk:
        await stores[1].load()
        desk.other = stores[1]
        await raced(desk)
        await stores[1].close()
