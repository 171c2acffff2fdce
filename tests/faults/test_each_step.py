"""Each step on the disk fails in turn, those that only look included: a letter is handled once, whichever it
was.

DESK_STEPS=all tries every step, otherwise some; DESK_FAILS=3 lets so many fail one after another.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import test_crash
from test_crash import Played, outcome, play

from bot import disk
from bot.data.ledger import account
from bot.delivery import outbox
from bot.disk import Disk
from bot.store.files import durable_writer, store
from bot.store.files.reader import FileDataReader

SOME = 24
FAILS = int(os.environ.get("DESK_FAILS", "1"))
# See Python's table of audit events.
EVENTS = {"open", "os.scandir", "os.rename", "os.link", "os.remove", "os.mkdir"}


class Steps:
    """Counts what is done in a folder; from the step `at` on, `fails` of them fail."""

    def __init__(self) -> None:
        self.folder, self.count, self.at, self.fails = "", 0, 0, 0
        self.names: list[str] = []
        self._one = threading.Lock()

    def step(self, name: str, place: object) -> None:
        """Raises OSError where it is this step's turn."""
        if not self.folder or not str(place).startswith(self.folder):
            return
        with self._one:
            self.count += 1
            self.names.append(name)
            if self.at <= self.count < self.at + self.fails:
                raise OSError(errno.EIO, f"step {self.count} fails: {name}", str(place))


STEPS = Steps()


def heard(event: str, details: tuple[Any, ...]) -> None:
    """An audit hook stays for good; outside of these tests there is no folder, and nothing is counted."""
    if STEPS.folder and event in EVENTS:
        STEPS.step(event, details[1] if event in ("os.rename", "os.link") else details[0])


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    """The disk under test, with every wait as short as can be."""
    if not getattr(sys, "_desk_steps", False):
        sys._desk_steps = True  # type: ignore[attr-defined]
        sys.addaudithook(heard)
    stat, fsync = os.stat, os.fsync

    def counted_stat(path: Any, **more: Any) -> os.stat_result:
        STEPS.step("stat", path)
        return stat(path, **more)

    def counted_fsync(handle: int) -> None:
        STEPS.step("fsync", Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    def counted_syncfs(handle: int) -> int:
        try:
            STEPS.step("syncfs", Path(f"/proc/self/fd/{handle}").readlink())
        except OSError as error:
            ctypes.set_errno(error.errno or errno.EIO)
            return -1
        return 0

    for place, name, value in (
        (os, "stat", counted_stat), (os, "fsync", counted_fsync), (disk, "_syncfs", counted_syncfs),
        (disk, "FEW", 1), (outbox, "PATIENCE", outbox.PATIENCE * 0), (durable_writer, "AGAIN", 0.01),
        (store, "READ_AGAIN", 0.01), (test_crash, "lasting", lasting),
    ):  # fmt: skip
        monkeypatch.setattr(place, name, value)
    yield STEPS
    STEPS.folder = ""


async def lasting(work: Callable[[], Awaitable[Any]]) -> Any:
    """What the daemon does with a letter at which the disk fails: it comes again."""
    for _ in range(20 + FAILS):
        with contextlib.suppress(OSError):
            return await work()
        await asyncio.sleep(0.01)
    raise AssertionError(f"{FAILS} failures of the disk, and it fails for ever")


class Slow(Played):
    """Looks into the inbox again where it cannot be read."""

    async def work_off(self) -> None:
        self.inbox.clear()  # as before each look into the inbox
        await lasting(super().work_off)


def told(steps: Steps, data: Path, at: int) -> dict[str, object]:
    """The story with a failure at this step, and what it comes to."""
    steps.folder, steps.count, steps.at, steps.fails, steps.names = str(data), 0, at, FAILS if at else 0, []

    async def whole() -> None:
        desk = await lasting(lambda: Slow.on(data, Disk()))
        await play(desk)
        await desk.work_off()

    asyncio.run(whole())
    steps.folder = ""
    ledger = account(FileDataReader(data))
    assert ledger.adds_up, f"step {at}, {steps.names[at - 1]}: {ledger.as_text()}"
    assert ledger.places["waiting"] == ledger.places["parked"] == 0, f"step {at}, {steps.names[at - 1]}"
    numbers = [int(path.stem) for path in (data / "tickets" / "live").glob("[0-9]*.json")]
    missing = set(range(1, len(numbers) + 1)) - set(numbers)
    assert not missing, f"step {at}, {steps.names[at - 1]}: a number is left out"
    return outcome(data)


@pytest.mark.slow
def test_any_step_may_fail_and_each_letter_is_handled_once(steps):
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # where a sync costs nothing
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        calm, last = told(steps, Path(folder) / "calm", 0), steps.count
        assert {"stat", "fsync", "syncfs", *EVENTS} <= set(steps.names)
        for at in range(1, last + 1, 1 if os.environ.get("DESK_STEPS") == "all" else last // SOME):
            assert told(steps, Path(folder) / str(at), at) == calm, f"step {at}, {steps.names[at - 1]}"
