"""Files that change again and again, each written until it is durable: one write at a time for each, those
that wait melt into one.

What memory holds is the truth. Whether a write that failed is on the disk nobody knows, and reading it back
would prove nothing. So it is made again, from memory into a new file, until it succeeds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from bot.disk import Write
from bot.disk.group_commit import GroupCommit

Key = tuple[str, Any]  # ("ticket", 12) or ("day", "2026-11-22")
Prepare = Callable[[], tuple[Write, Callable[[], None]]]  # the write, and what to do when it is durable

AGAIN = 1.0  # seconds before what failed is tried again
MOST = 100  # files that may wait to be tried again: whoever wants to change more has to wait
LAST = 5.0  # seconds in which all has to be durable when the desk ends


class Pending:
    """A write that was asked for; `done` once it is durable. `future` ends with the next try and raises its
    error.
    """

    def __init__(self, prepare: Prepare, after: Sequence[Pending], *, in_row: bool) -> None:
        self.prepare, self.after, self.in_row, self.done = prepare, after, in_row, False
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fails(self, error: BaseException) -> None:
        """Whoever waits for the next try hears that there is none, or that it failed."""
        if not self.future.done():
            self.future.set_exception(error)
            self.future.exception()  # heard: a waiter that has gone away is no error of ours
        self.future = asyncio.get_running_loop().create_future()


class DurableWriter:
    """Belongs to one event loop."""

    def __init__(self, commits: GroupCommit) -> None:
        self.failed: set[Key] = set()  # these wait to be tried again
        self._group_commit, self._closed = commits, False
        self._timer: asyncio.TimerHandle | None = None
        self._lines: dict[Key, deque[Pending]] = {}  # the first of each is being written, or will be next
        self._resting: set[Key] = set()  # of these nothing is being written
        self._changed = asyncio.Event()

    def start(
        self, key: Key, prepare: Prepare, after: Iterable[Pending] = (), *, in_row: bool = False
    ) -> Pending:  # fmt: skip
        """Asks for a write. `prepare` is called at each try. A later write of the same file takes its place
        while it waits, and must hold what it holds. It is not begun before those in `after` are durable, nor,
        `in_row`, while a smaller key of the row waits.
        """
        after, line = [one for one in after if not one.done], self._lines.setdefault(key, deque())
        if not line:
            self._resting.add(key)
        if line and not after and (len(line) > 1 or key in self._resting):
            line[-1].prepare = prepare
        else:
            line.append(Pending(prepare, after, in_row=in_row))
        self._go(self.failed if line[0].in_row else {key})
        return line[-1]

    def _go(self, again: Collection[Key] = ()) -> None:
        """Begins whatever can be begun; of what has failed, those in `again`."""
        again, row_waits = frozenset(again), False
        for key in sorted(self._resting) if not self._closed else ():
            first = self._lines[key][0]
            ready = all(one.done for one in first.after) and (key in again or key not in self.failed)
            if ready and not (first.in_row and row_waits):
                self._resting.discard(key)
                self._begin(key, first)
            row_waits |= first.in_row and key in self._resting

    def _begin(self, key: Key, first: Pending) -> None:
        try:
            write, durable = first.prepare()
            work = self._group_commit.put(write)
        except Exception as error:  # noqa: BLE001  whatever it is, all who wait for this key must hear of it
            self._fails(key, error)
        else:
            work.add_done_callback(lambda done: self._ended(key, done.exception(), durable))

    def _ended(self, key: Key, error: BaseException | None, durable: Callable[[], None]) -> None:
        if error is None:
            self._written(key, durable)
        else:
            self._fails(key, error)

    def _written(self, key: Key, durable: Callable[[], None]) -> None:
        self.failed.discard(key)
        line = self._lines[key]
        first = line.popleft()
        first.done = True
        if line:
            self._resting.add(key)
        else:
            del self._lines[key]
        durable()
        if not first.future.done():
            first.future.set_result(None)
        self._changed.set()
        self._go()

    def _fails(self, key: Key, error: BaseException) -> None:
        """It is tried again; so long, nobody is kept waiting for it, nor for what may have to wait for it."""
        self.failed.add(key)
        self._resting.add(key)
        for pending in [one for key in self._resting for one in self._lines[key]]:
            pending.fails(error)
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(AGAIN, self._retry)

    def _retry(self) -> None:
        self._timer = None
        self._go(self.failed)

    async def room(self) -> None:
        """Returns when more may be changed."""
        while len(self.failed) >= MOST:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Returns when all is durable. Raises OSError where it does not get there; nothing more is written
        then.
        """
        try:
            async with asyncio.timeout(LAST):
                while self._lines:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            names = ", ".join(f"{kind} {name}" for kind, name in sorted(self._lines))
            raise OSError(f"could not be written: {names}") from None
        finally:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
