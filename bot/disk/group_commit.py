"""Group commit: what is handed in while the disk is busy is written together, with few syncs for all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bot.disk import Disk, Write

QueuedWrite = tuple[Write, asyncio.Future[None]]


class GroupCommit:
    """Belongs to one event loop, and has one thread. Under no load a write goes at once; under load the groups grow by themselves."""

    def __init__(self, disk: Disk, name: str) -> None:
        self._disk = disk
        self._thread = ThreadPoolExecutor(1, name)
        self._waiting: list[QueuedWrite] = []
        self._busy = False
        self._gap: BaseException | None = None  # in the row of the exclusive ones, until all who wait have heard of it

    def put(self, write: Write) -> asyncio.Future[None]:
        """A future that ends when the file is durable, or raises the OSError for which it is not."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        if write.exclusive and self._gap:  # it would come before those that have failed and are made again
            _tell(future, self._gap)
            return future
        self._waiting.append((write, future))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._begin)  # not at once: what else is handed in during this round of the loop goes along
        return future

    def close(self) -> None:
        """Ends the thread; call it when nothing is being written."""
        self._thread.shutdown()

    def _begin(self) -> None:
        group, self._waiting = self._waiting, []
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._disk.write_group, [write for write, _ in group])
        work.add_done_callback(partial(self._end, group))

    def _end(self, group: list[QueuedWrite], work: asyncio.Future[list[OSError | None]]) -> None:
        broken = work.exception()
        outcomes: Sequence[BaseException | None] = [broken] * len(group) if broken else work.result()
        for (_, future), error in zip(group, outcomes, strict=True):
            _tell(future, error)
        failed = [(write, error) for (write, _), error in zip(group, outcomes, strict=True) if error]
        gap = next((error for write, error in failed if write.exclusive), None)
        if gap:  # those behind it in the row have to come after it
            for _, future in [one for one in self._waiting if one[0].exclusive]:
                _tell(future, gap)
            self._waiting = [one for one in self._waiting if not one[0].exclusive]
            self._gap = gap
            asyncio.get_running_loop().call_soon(self._closed)  # after the callbacks of those that were told
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._begin)  # what the waiters hand in goes along
        else:
            self._busy = False

    def _closed(self) -> None:
        self._gap = None


def _tell(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
        future.exception()  # heard: a waiter that has gone away is no error of ours
