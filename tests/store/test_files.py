"""The embedded store keeps the contract, and what only files can get wrong."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from contract import IVAN, NOW, Contract, Opened, ask, commit, done, fails, outgoing, record, ticket
from looking import rows_of, ticket_of
from machine import QUICK, AnyOrder
from msgspec.structs import replace
from tinydb import TinyDB

from bot.data.ledger import read_dispositions
from bot.disk import Disk
from bot.model import Status
from bot.store.files import records
from bot.store.files.reader import FileDataReader
from bot.store.files.retention import erase_old
from bot.store.files.store import FileStore


class Moody(Disk):
    """A disk that can be told to fail."""

    failing = False

    def create(self, path: Path, data: bytes, mode: int = 0o640) -> None:
        self.mood()
        super().create(path, data, mode)

    def write(self, path: Path, data: bytes, mode: int = 0o640) -> None:
        self.mood()
        super().write(path, data, mode)

    def mood(self) -> None:
        if self.failing:
            raise OSError(errno.ENOSPC, "no space left")


async def opened_on(data: Path, disk: Disk | None = None) -> FileStore:
    store = FileStore(data, disk or Disk(), NOW)
    await store.load()
    return store


async def settled(store: FileStore) -> None:
    """Returns when nothing waits to be written."""
    while store._writer._lines:
        store._writer._go(store._writer.failed)
        await asyncio.sleep(0.001)


class TestFileStore(Contract):
    @pytest.fixture
    async def opened(self, tmp_path):
        disk = Moody()
        stores = [await opened_on(tmp_path, disk)]

        async def again() -> FileStore:
            stores.append(await opened_on(tmp_path))
            return stores[-1]

        def aged() -> None:
            for path in tmp_path.rglob("*.json"):
                os.utime(path, (0, 0))

        yield Opened(stores[0], again, lambda failing: setattr(disk, "failing", failing), lambda: FileDataReader(tmp_path), aged)
        for store in stores:
            await store.close()


@pytest.fixture
async def store(tmp_path):
    one = await opened_on(tmp_path)
    yield one
    await one.close()


async def test_a_ticket_is_one_document_of_one_plain_tinydb_file(store, tmp_path):
    await commit(store, ticket(1, outgoing=(outgoing(),)))
    with TinyDB(tmp_path / "tickets/live/1.json", access_mode="r") as db:
        [document] = db.table("ticket").all()
    assert (document.doc_id, document["requester"], len(document["outgoing"])) == (1, {"email": IVAN}, 1)


async def test_the_cost_of_a_record_does_not_grow_with_the_day(store, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "PAGE", 2000)
    for number in range(40):
        await commit(store, records=(record(f"l{number}", outgoing=(outgoing(number),)),))
    assert max(path.stat().st_size for path in (tmp_path / "desk").iterdir()) < 2600
    fresh = await opened_on(tmp_path)
    due = await fresh.due(NOW, 100)
    assert sorted(one.letter.id for one in due) == list(range(40))
    await fresh.delivered([done(one) for one in due])
    await commit(fresh, records=(record("l40"),))
    assert sorted(letter for letter, _, _ in read_dispositions(FileDataReader(tmp_path))) == sorted(f"l{number}" for number in range(41))
    assert await (await opened_on(tmp_path)).due(NOW, 100) == []


async def test_a_record_comes_only_once_however_often_its_letter_is_repeated(store, tmp_path):
    for _ in range(3):
        await commit(store, records=(record("a"),))
    assert [letter for letter, _, _ in read_dispositions(FileDataReader(tmp_path))] == ["a"]


async def test_a_broken_ticket_harms_no_other(store, tmp_path):
    await commit(store, ticket(1, outgoing=(outgoing(),)), ticket(2, outgoing=(outgoing(),)), ticket(7))
    (tmp_path / "tickets/live/7.json").write_bytes(b'{"ticket": {"7": {"num')
    fresh = await opened_on(tmp_path)
    assert [Path(path).name for path in fresh.broken] == ["7.json"]
    assert [one.number for one in await rows_of(fresh)] == [1, 2]
    assert (await ask(fresh)).fresh == 8
    (tmp_path / "tickets/live/2.json").write_bytes(b"\0" * 100)
    assert [one.ticket for one in await fresh.due(NOW, 10)] == [1]


async def test_a_broken_day_is_left_alone_and_the_day_goes_on(store, tmp_path):
    await commit(store, records=(record("a"),))
    broken = tmp_path / "desk" / f"{NOW:%Y-%m-%d}.json"
    broken.write_bytes(b"{")
    fresh = await opened_on(tmp_path)
    assert fresh.broken == [str(broken)]
    await commit(fresh, records=(record("b"),))
    assert broken.read_bytes() == b"{"
    assert (await ask(await opened_on(tmp_path), "b")).repeated


async def test_numbers_are_not_reused_after_a_filing_that_was_cut_off(store, tmp_path):
    await commit(store, ticket(999, status=Status.done, done_at=NOW - timedelta(days=30)))
    await store.archive_done(NOW, 14)
    (tmp_path / "tickets/done/001").mkdir()
    assert (await ask(await opened_on(tmp_path))).fresh == 1000


async def test_a_filed_ticket_that_changes_is_live_again_and_only_there(store, tmp_path):
    await commit(store, first := ticket(1, status=Status.done, done_at=NOW - timedelta(days=30)))
    await store.archive_done(NOW, 14)
    await commit(store, replace(first, links=(5,)))
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("1.json")] == ["tickets/live/1.json"]
    await store.archive_done(NOW, 14)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("1.json")] == ["tickets/done/000/1.json"]


async def test_a_filed_copy_that_cannot_be_removed_keeps_nobody_waiting(store, tmp_path, monkeypatch):
    await commit(store, first := ticket(1, status=Status.done, done_at=NOW - timedelta(days=30)))
    await store.archive_done(NOW, 14)

    def unlink(_: Disk, path: Path) -> None:
        raise OSError(errno.EIO, str(path))

    monkeypatch.setattr(Disk, "unlink", unlink)
    await asyncio.wait_for(commit(store, replace(first, links=(5,))), 5)
    assert (await ticket_of(await opened_on(tmp_path), 1)).links == (5,)


async def test_a_number_somebody_else_has_taken_is_not_written_over(store, tmp_path):
    (tmp_path / "tickets/live/1.json").write_bytes(b'{"ticket": {}}')
    assert await fails(commit(store, ticket(1)))
    assert (tmp_path / "tickets/live/1.json").read_bytes() == b'{"ticket": {}}'


class Desk(AnyOrder):
    """On a folder where a sync costs nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.moody = Moody()

    async def opened(self) -> FileStore:
        return await opened_on(Path(self.folder.name), self.moody)

    def fail(self, failing: bool) -> None:
        self.moody.failing = failing

    def reader(self) -> FileDataReader:
        return FileDataReader(Path(self.folder.name))

    async def known(self) -> None:
        await settled(self.store)

    async def kill(self) -> None:
        self.store._writer._closed = True

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


Desk.TestCase.settings = QUICK
TestAnyOrder = Desk.TestCase


async def test_a_ticket_that_has_come_back_counts_though_its_filed_copy_was_left(store, tmp_path):
    """The desk was killed between the two; else a backup would carry the old one."""
    old = {"status": Status.done, "resolution": "solved", "done_at": NOW - timedelta(days=90)}
    await commit(store, ticket(1, "a", **old))
    assert await store.archive_done(NOW, 14) == 1
    filed = tmp_path / "tickets/done/000/1.json"
    kept = filed.read_bytes()
    await commit(store, ticket(1, "a", subject="снова"))
    filed.write_bytes(kept)
    os.utime(filed, (0, 0))
    assert [one.subject for one in FileDataReader(tmp_path).tickets()] == ["снова"]
    erased: list[str] = []
    assert list(erase_old(tmp_path, Disk(), erased.append, NOW - timedelta(days=60), lambda: False)) == []
    assert erased == []
