"""Writes that wait for the disk: one at a time for each key, those that wait melt into one, every waiter learns how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

Key = tuple[str, Any]  # ("ticket", 12) or ("day", "2026-11-22")
Prepare = Callable[[], Callable[[], None]]


class Writer:
    """Belongs to one event loop. `failed(key)` is called in the loop when a write raised, before the waiters learn of it."""

    def __init__(self, pool: Executor, failed: Callable[[Key], None]) -> None:
        self._pool, self._failed = pool, failed
        self._queued: dict[Key, tuple[Prepare, asyncio.Future[None]]] = {}
        self._busy: set[Key] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, key: Key, prepare: Prepare) -> asyncio.Future[None]:
        """Queues a write; the future ends when it is durable, or raises its OSError.

        `prepare` runs in the loop when the turn has come and gives what a thread then does. A later `start` of the same key
        replaces a queued one: what it writes must hold the earlier as well.
        """
        queued = self._queued.get(key)
        future = queued[1] if queued else asyncio.get_running_loop().create_future()
        self._queued[key] = (prepare, future)
        if key not in self._busy:
            self._busy.add(key)
            task = asyncio.get_running_loop().create_task(self._run(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return future

    async def _run(self, key: Key) -> None:
        loop = asyncio.get_running_loop()
        while key in self._queued:
            prepare, future = self._queued.pop(key)
            try:
                await loop.run_in_executor(self._pool, prepare())
            except Exception as error:  # noqa: BLE001  whatever it is, all who wait for this key must hear of it
                later = self._queued.pop(key, None)  # it was built on what could not be written
                self._failed(key)
                for one in (future, later[1] if later else None):
                    if one is not None and not one.done():
                        one.set_exception(error)
                        one.exception()  # heard: a waiter that has gone away is no error of ours
            else:
                if not future.done():
                    future.set_result(None)
        self._busy.discard(key)

    async def idle(self) -> None:
        """Returns when nothing is being written."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))
