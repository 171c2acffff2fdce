"""Group commit and the writes of one file: what waits melts into one, and every waiter hears how it ended."""

from __future__ import annotations

import asyncio
import errno
import threading
from pathlib import Path

import pytest

from bot.store.commits import Commits
from bot.store.files import Disk, Write
from bot.store.writer import Key, Writer


class Slow(Disk):
    """Keeps what it wrote, in groups; waits for `go`, and fails for the names in `bad`."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[list[bytes]] = []
        self.go = threading.Event()
        self.bad: set[bytes] = set()

    def write_group(self, writes: list[Write]) -> list[OSError | None]:
        assert self.go.wait(5)
        self.groups.append([one.data for one in writes])
        return [OSError(errno.ENOSPC, "full") if one.data in self.bad else None for one in writes]


class Told:
    """A writer with what it tells its owner."""

    def __init__(self) -> None:
        self.disk = Slow()
        self.ended: list[tuple[str, Key]] = []
        self.writer = Writer(Commits(self.disk, "t"), lambda key: self.ended.append(("written", key)), lambda key: self.ended.append(("failed", key)))

    def start(self, key: int, data: bytes) -> asyncio.Future[None]:
        return self.writer.start(("ticket", key), lambda: Write(Path("t"), Path("p"), data))


async def test_what_comes_while_the_disk_is_busy_is_one_group():
    told = Told()
    waits = [told.start(1, b"1")]
    await asyncio.sleep(0.01)
    waits += [told.start(key, b"%d" % key) for key in range(2, 6)]
    told.disk.go.set()
    await asyncio.gather(*waits)
    assert told.disk.groups == [[b"1"], [b"2", b"3", b"4", b"5"]]


async def test_writes_of_one_file_melt_into_the_last_and_all_wait_for_it():
    told = Told()
    waits = [told.start(1, b"a")]
    await asyncio.sleep(0.01)
    waits += [told.start(1, b"b"), told.start(1, b"c")]
    told.disk.go.set()
    await asyncio.gather(*waits)
    assert told.disk.groups == [[b"a"], [b"c"]]
    assert told.ended == [("written", ("ticket", 1))] * 2


async def test_what_was_built_on_a_failed_write_fails_with_it_and_others_do_not():
    told = Told()
    told.disk.bad = {b"a"}
    first, other = told.start(1, b"a"), told.start(2, b"x")
    await asyncio.sleep(0.01)
    second = told.start(1, b"b")
    told.disk.go.set()
    outcomes = await asyncio.gather(first, second, other, return_exceptions=True)
    assert [type(one) for one in outcomes] == [OSError, OSError, type(None)]
    assert sorted(told.ended) == [("failed", ("ticket", 1)), ("written", ("ticket", 2))]
    told.disk.bad = set()
    await told.start(1, b"c")
    assert told.disk.groups[-1] == [b"c"]


async def test_a_write_that_cannot_be_prepared_is_heard_of_too():
    told = Told()
    told.disk.go.set()

    def broken() -> Write:
        raise ValueError("no such page")

    with pytest.raises(ValueError, match="no such page"):
        await told.writer.start(("day", "x"), broken)
    await asyncio.wait_for(told.writer.idle(), 1)


async def test_idle_waits_for_all():
    told = Told()
    wait = told.start(1, b"a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(told.writer.idle(), 0.05)
    told.disk.go.set()
    await told.writer.idle()
    assert wait.done()


async def test_a_disk_that_breaks_in_an_unforeseen_way_is_heard_by_the_whole_group(tmp_path):
    class Broken(Disk):
        def write_group(self, writes: list[Write]) -> list[OSError | None]:
            raise MemoryError

    commits = Commits(Broken(), "t")
    outcomes = await asyncio.gather(*(commits.put(Write(tmp_path / "t", tmp_path / "p", b"")) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in outcomes] == [MemoryError] * 3
