"""Group commit on the database, as `store.commits` is on files: what is asked for while it is busy is done in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class DatabaseGroupCommit(Generic[T, R]):
    """`work` gives one result for each of what it gets, in order."""

    def __init__(self, work: Callable[[list[T]], Awaitable[Sequence[R]]], most: int = 500) -> None:
        self._work, self._most = work, most
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, one: T) -> R:
        """The result of `one`; raises what `work` raised. It is done even if the caller goes away."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                results = await self._work([one for one, _ in group])
            except Exception as error:  # noqa: BLE001  whatever it is, all who wait must hear of it
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(group, results, strict=True):
                if not future.done():
                    future.set_result(result)
        self._task = None

    async def idle(self) -> None:
        """Returns when nothing is under way."""
        if self._task is not None:
            await self._task
