"""Group commit and the writes of one file: what waits melts into one, and what fails is made again until it
is durable.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from bot.disk import Disk, Write
from bot.disk.group_commit import GroupCommit
from bot.store.files import durable_writer as module
from bot.store.files.durable_writer import DurableWriter, Pending


class Slow(Disk):
    """Keeps what it wrote, in groups; waits for `go`, and fails for the names in `bad`."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[list[bytes]] = []
        self.go = threading.Event()
        self.bad: set[bytes] = set()

    def write_group(self, writes: Sequence[Write]) -> list[OSError | None]:
        assert self.go.wait(5)
        self.groups.append([one.data for one in writes])
        bad = [one.data in self.bad for one in writes]
        row = next((place for place, one in enumerate(writes) if one.exclusive and bad[place]), len(writes))
        fails = [bad[place] or (one.exclusive and place > row) for place, one in enumerate(writes)]
        return [OSError(errno.ENOSPC, "full") if failed else None for failed in fails]


class Told:
    """A writer with what it has told its owner to be durable."""

    def __init__(self, disk: Slow | None = None) -> None:
        self.disk = disk or Slow()
        self.durable: list[bytes] = []
        self.writer = DurableWriter(GroupCommit(self.disk, "t"))

    def start(self, key: int, data: bytes, after: Sequence[Pending] = (), *, in_row: bool = False) -> Pending:
        write = Write(Path("t"), Path("p"), data, in_row)
        durable = partial(self.durable.append, data)
        return self.writer.start(("ticket", key), lambda: (write, durable), after, in_row=in_row)


async def heard(*asked: Pending) -> list[str]:
    """How the next try of each ends."""
    outcomes = await asyncio.gather(*(one.future for one in asked), return_exceptions=True)
    return ["durable" if one is None else type(one).__name__ for one in outcomes]


async def test_what_comes_while_the_disk_is_busy_is_one_group():
    told = Told()
    waits = [told.start(1, b"1")]
    await asyncio.sleep(0.01)
    waits += [told.start(key, b"%d" % key) for key in range(2, 6)]
    told.disk.go.set()
    await heard(*waits)
    assert told.disk.groups == [[b"1"], [b"2", b"3", b"4", b"5"]]


async def test_writes_of_one_file_melt_into_the_last_and_all_wait_for_it():
    told = Told()
    waits = [told.start(1, b"a")]
    await asyncio.sleep(0.01)
    waits += [told.start(1, b"b"), told.start(1, b"c")]
    told.disk.go.set()
    assert await heard(*waits) == ["durable"] * 3
    assert told.disk.groups == [[b"a"], [b"c"]]
    assert told.durable == [b"a", b"c"]


async def test_what_failed_is_made_again_by_itself_and_keeps_no_other(monkeypatch):
    monkeypatch.setattr(module, "AGAIN", 0.01)
    told = Told()
    told.disk.go.set()
    told.disk.bad = {b"a"}
    assert await heard(told.start(1, b"a"), told.start(2, b"x")) == ["OSError", "durable"]
    assert told.writer.failed == {("ticket", 1)}
    told.disk.bad = set()
    await told.writer.close()
    assert told.durable == [b"x", b"a"]


async def test_whoever_asks_for_what_failed_gets_another_try_at_once():
    told = Told()
    told.disk.go.set()
    told.disk.bad = {b"a"}
    await heard(told.start(1, b"a"))
    assert await heard(told.start(1, b"a")) == ["OSError"]
    assert await heard(told.start(1, b"b")) == ["durable"]
    assert told.durable == [b"b"], "what is newer has taken its place"


async def test_what_comes_after_another_is_not_written_before_it():
    told = Told()
    told.disk.go.set()
    told.disk.bad = {b"a"}
    first = told.start(5, b"a")
    second = told.start(1, b"b", [first])
    assert await heard(first, second) == ["OSError", "OSError"]
    assert told.disk.groups == [[b"a"]]
    told.disk.bad = set()
    assert await heard(told.start(5, b"a")) == ["durable"]
    await told.writer.close()
    assert told.durable == [b"a", b"b"]


async def test_two_that_come_after_one_another_both_ways_are_written_in_their_steps():
    told = Told()
    one = told.start(1, b"1a")
    two = told.start(2, b"2a", [one])
    late = told.start(2, b"2b")
    last = told.start(1, b"1b", [late])
    told.disk.go.set()
    assert await heard(one, two, last) == ["durable"] * 3
    assert told.durable == [b"1a", b"2b", b"1b"]


async def test_of_a_row_none_is_written_while_one_before_it_waits():
    told = Told()
    told.disk.bad = {b"7"}
    before = told.start(3, b"3")
    row = [told.start(7, b"7", [before], in_row=True), told.start(8, b"8", in_row=True), told.start(4, b"4")]
    told.disk.go.set()
    assert await heard(before, row[2]) == ["durable", "durable"]
    assert await heard(*row[:2]) == ["OSError", "OSError"]
    told.disk.bad = set()
    await heard(told.start(9, b"9", in_row=True))
    assert told.durable == [b"3", b"4", b"7", b"8", b"9"]


async def test_what_waits_behind_a_row_that_fails_hears_of_it(tmp_path):
    class Real(Slow):
        def write_group(self, writes: Sequence[Write]) -> list[OSError | None]:
            return [OSError(errno.EIO, "broken")] * len(writes)

    told = Told(Real())
    first = told.start(1, b"1", in_row=True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the group is with the disk
    second = told.start(2, b"2", in_row=True)
    assert await heard(first, second) == ["OSError", "OSError"]
    assert told.writer.failed == {("ticket", 1), ("ticket", 2)}


async def test_a_write_that_cannot_be_prepared_is_heard_of_too(monkeypatch):
    monkeypatch.setattr(module, "LAST", 0.01)
    told = Told()

    def broken() -> tuple[Write, object]:
        raise ValueError("no such page")

    with pytest.raises(ValueError, match="no such page"):
        await told.writer.start(("day", "x"), broken).future  # type: ignore[arg-type]
    with pytest.raises(OSError, match="could not be written: day x"):
        await told.writer.close()


async def test_the_end_waits_for_all_and_nothing_is_written_after_it(monkeypatch):
    monkeypatch.setattr(module, "LAST", 0.05)
    told = Told()
    told.disk.bad = {b"a"}
    told.start(1, b"a")
    told.disk.go.set()
    with pytest.raises(OSError, match="could not be written: ticket 1"):
        await told.writer.close()
    told.disk.bad = set()
    told.start(1, b"b")
    await asyncio.sleep(0.01)
    assert told.disk.groups == [[b"a"]]


async def test_there_is_room_for_more_when_less_has_failed(monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    told = Told()
    told.disk.go.set()
    told.disk.bad = {b"a"}
    await heard(told.start(1, b"a"), told.start(2, b"a"))
    room = asyncio.create_task(told.writer.room())
    await asyncio.sleep(0.01)
    assert not room.done()
    await heard(told.start(2, b"b"))
    await asyncio.wait_for(room, 1)


async def test_a_disk_that_breaks_in_an_unforeseen_way_is_heard_by_the_whole_group(tmp_path):
    class Broken(Disk):
        def write_group(self, writes: Sequence[Write]) -> list[OSError | None]:
            raise MemoryError

    commits = GroupCommit(Broken(), "t")
    writes = [commits.put(Write(tmp_path / "t", tmp_path / "p", b"")) for _ in range(3)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(one) for one in outcomes] == [MemoryError] * 3


async def test_a_new_ticket_that_comes_between_a_failure_and_the_word_of_it_waits_in_the_row(monkeypatch):
    """It was written before the older one that had failed, and a kill then left the older number out."""
    monkeypatch.setattr(module, "AGAIN", 0)
    told, late = Told(), list[Pending]()
    told.disk.go.set()
    told.disk.bad = {b"1"}

    def meanwhile() -> None:
        told.disk.bad = set()
        late.append(told.start(2, b"2", in_row=True))

    day = Write(Path("t"), Path("day"), b"day")
    told.writer.start(("day", "2026-11-23"), lambda: (day, meanwhile))  # hears of its success before 1 of its failure
    first = told.start(1, b"1", in_row=True)
    assert await heard(first) == ["OSError"]
    assert await heard(first, *late) == ["durable", "durable"]
    assert told.durable == [b"1", b"2"]
