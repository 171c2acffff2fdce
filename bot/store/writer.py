"""Files that change again and again: one write at a time for each, those that wait melt into one, every waiter learns how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from bot.store.commits import Commits
from bot.store.files import Write

Key = tuple[str, Any]  # ("ticket", 12) or ("day", "2026-11-22")
Prepare = Callable[[], Write]


class Writer:
    """Belongs to one event loop. Before the waiters learn of it, `written(key)` or, when a write failed, `failed(key)` is called."""

    def __init__(self, commits: Commits, written: Callable[[Key], None], failed: Callable[[Key], None]) -> None:
        self._commits, self._written, self._failed = commits, written, failed
        self._queued: dict[Key, tuple[Prepare, asyncio.Future[None]]] = {}
        self._busy: set[Key] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self, key: Key, prepare: Prepare) -> asyncio.Future[None]:
        """Queues a write; the future ends when it is durable, or raises its OSError.

        `prepare` is called when the turn of the write has come. A later `start` of the same key replaces a queued one: what it
        writes must hold the earlier as well.
        """
        queued = self._queued.get(key)
        future = queued[1] if queued else asyncio.get_running_loop().create_future()
        self._queued[key] = (prepare, future)
        if key not in self._busy:
            self._next(key)
        return future

    def _next(self, key: Key) -> None:
        prepare, future = self._queued.pop(key)
        self._busy.add(key)
        self._idle.clear()
        try:
            work = self._commits.put(prepare())
        except Exception as error:  # noqa: BLE001  whatever it is, all who wait for this key must hear of it
            self._over(key, future, error)
        else:
            work.add_done_callback(lambda done: self._over(key, future, done.exception()))

    def _over(self, key: Key, future: asyncio.Future[None], error: BaseException | None) -> None:
        self._busy.discard(key)
        waiters = [future]
        if error is None:
            self._written(key)
        else:
            if key in self._queued:  # it was built on what could not be written
                waiters.append(self._queued.pop(key)[1])
            self._failed(key)
        for one in waiters:
            if not one.done():
                end = partial(one.set_exception, error) if error else partial(one.set_result, None)
                end()
                one.exception()  # heard: a waiter that has gone away is no error of ours
        if key in self._queued:
            self._next(key)
        elif not self._busy:
            self._idle.set()

    async def idle(self) -> None:
        """Returns when nothing is being written."""
        await self._idle.wait()
