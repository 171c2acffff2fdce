"""Synced writes, shared folder syncs, the lock and the secret."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.data.secret_file import read_secret
from bot.disk import DataLock, Disk, FolderSync, LockedError, Write, is_there, listed
from bot.settings import Settings

STEPS = ("write", "fsync", "rename", "link", "fsync_folder")


class Failing(Disk):
    """A disk on which one kind of step fails."""

    def __init__(self, step: str) -> None:
        super().__init__()

        def fail(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "no space left")

        setattr(self, step, fail)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_write_is_whole_and_leaves_no_temporary_file(tmp_path):
    Disk().write_synced(tmp_path / "t", tmp_path / "f", b"one")
    Disk().write_synced(tmp_path / "t", tmp_path / "f", b"two")
    assert (tmp_path / "f").read_bytes() == b"two"
    assert names(tmp_path) == ["f"]


def test_what_a_crash_left_under_the_temporary_name_is_replaced(tmp_path):
    (tmp_path / "t").write_bytes(b"half of a much longer letter")
    Disk().write_synced(tmp_path / "t", tmp_path / "f", b"whole")
    assert (tmp_path / "f").read_bytes() == b"whole"


def test_an_exclusive_write_never_replaces(tmp_path):
    Disk().write_synced(tmp_path / "t", tmp_path / "f", b"first", exclusive=True)
    with pytest.raises(FileExistsError):
        Disk().write_synced(tmp_path / "t", tmp_path / "f", b"second", exclusive=True)
    assert (tmp_path / "f").read_bytes() == b"first"
    assert names(tmp_path) == ["f"]


def test_of_many_exclusive_writers_one_wins(tmp_path):
    def take(number: int) -> bool:
        try:
            Disk().write_synced(tmp_path / f"t{number}", tmp_path / "f", str(number).encode(), exclusive=True)
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(40))) == 1


WAYS = [(step, exclusive) for exclusive in (False, True) for step in ("write", "fsync", "link" if exclusive else "rename")]


@pytest.mark.parametrize(("step", "exclusive"), WAYS)
def test_a_failed_step_changes_nothing(tmp_path, step, exclusive):
    (tmp_path / "other").write_bytes(b"")
    with pytest.raises(OSError, match="no space"):
        Failing(step).write_synced(tmp_path / "t", tmp_path / "f", b"data", exclusive=exclusive)
    assert names(tmp_path) == ["other"]


def test_a_failed_folder_sync_is_told(tmp_path):
    with pytest.raises(OSError, match="no space"):
        Failing("fsync_folder").write_synced(tmp_path / "t", tmp_path / "f", b"data")


def test_many_files_share_two_syncs(tmp_path):
    class Counting(Disk):
        syncs = 0

        def sync_all(self, handle: int) -> None:
            self.syncs += 1
            super().sync_all(handle)

        def fsync(self, handle: int) -> None:
            self.syncs += 1
            super().fsync(handle)

    disk = Counting()
    writes = [Write(tmp_path / f".{number}", tmp_path / f"{number}", b"x", exclusive=number % 2 == 0) for number in range(50)]
    assert disk.write_group(writes) == [None] * 50
    assert len(names(tmp_path)) == 50
    assert disk.syncs == 2


def test_one_of_a_group_may_fail_without_the_others(tmp_path):
    (tmp_path / "3").write_bytes(b"taken")
    writes = [Write(tmp_path / f".{number}", tmp_path / f"{number}", b"x", number < 4) for number in range(5)]
    outcomes = Disk().write_group(writes)
    assert [type(one) for one in outcomes] == [type(None)] * 3 + [FileExistsError, type(None)]
    assert (tmp_path / "3").read_bytes() == b"taken"
    assert names(tmp_path) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("step", ["create", "sync_all", "rename"])
def test_a_group_whose_step_fails_is_not_durable(tmp_path, step):
    outcomes = Failing(step).write_group([Write(tmp_path / f".{number}", tmp_path / f"{number}", b"x") for number in range(5)])
    assert [str(one) for one in outcomes] == ["[Errno 28] no space left"] * 5
    assert [name for name in names(tmp_path) if name.startswith(".")] == []


def test_folders_are_made_with_those_above_them(tmp_path):
    disk = Disk()
    disk.mkdir(tmp_path / "a" / "b" / "c")
    disk.mkdir(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_a_caller_comes_back_only_after_a_sync_that_began_after_its_call(tmp_path):
    began: list[int] = []  # for each fsync: how many calls had been made when it began
    calls = 0
    lock, gate = threading.Lock(), threading.Semaphore(0)

    def fsync(_: Path) -> None:
        with lock:
            began.append(calls)
        gate.acquire()

    folders = FolderSync(fsync)
    results: list[tuple[int, int]] = []

    def call() -> None:
        nonlocal calls
        with lock:
            calls += 1
            mine = calls
        folders.sync(tmp_path)
        with lock:
            results.append((mine, max(began)))

    threads = [threading.Thread(target=call) for _ in range(30)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        gate.release()
        threads[0].join(0.001)
    assert len(results) == 30
    assert all(begun >= mine for mine, begun in results)
    assert len(began) < 30, "threads that wait together share an fsync"


def test_a_failed_shared_sync_is_not_taken_for_a_good_one(tmp_path):
    entered, go = threading.Event(), threading.Event()
    turns = iter([None, OSError(errno.EIO, "broken"), None])
    done = []

    def fsync(_: Path) -> None:
        entered.set()
        go.wait(5)
        done.append(next(turns))
        if done[-1]:
            raise done[-1]

    folders = FolderSync(fsync)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(folders.sync, tmp_path)
        entered.wait(5)
        others = [pool.submit(folders.sync, tmp_path) for _ in range(2)]
        time.sleep(0.05)  # both wait for the next fsync, which one of them will lead, and fail
        go.set()
        assert first.result(5) is None
        assert [type(other.exception(5)) for other in others] == [OSError, OSError]
        assert len(done) == 2, "an fsync of its own might succeed without what the failed one has lost"
        assert pool.submit(folders.sync, tmp_path).result(5) is None


def test_who_asks_while_an_fsync_is_under_way_that_fails_hears_of_it(tmp_path):
    entered, go = threading.Event(), threading.Event()
    turns = iter([OSError(errno.EIO, "broken"), None])

    def fsync(_: Path) -> None:
        entered.set()
        go.wait(5)
        if error := next(turns):
            raise error

    folders = FolderSync(fsync)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(folders.sync, tmp_path)
        entered.wait(5)
        second = pool.submit(folders.sync, tmp_path)
        time.sleep(0.05)
        go.set()
        assert [type(one.exception(5)) for one in (first, second)] == [OSError, OSError]


def test_of_a_row_no_file_is_made_while_one_before_it_could_not(tmp_path):
    class Bad(Disk):
        def link(self, source: Path, target: Path) -> None:
            if target.name == "2":
                raise OSError(errno.EIO, "broken")
            super().link(source, target)

    for count in (2, 5):
        folder = tmp_path / str(count)
        folder.mkdir()
        row = range(1, count + 1)
        writes = [Write(folder / f".{number}", folder / f"{number}", b"x", exclusive=True) for number in row]
        outcomes = Bad().write_group([*writes, Write(folder / ".other", folder / "other", b"x")])
        assert [one is None for one in outcomes] == [True, *[False] * (count - 1), True]
        assert names(folder) == ["1", "other"]


def test_what_an_earlier_try_has_put_there_is_no_other_file(tmp_path):
    first = Write(tmp_path / "t", tmp_path / "1", b"first", exclusive=True)
    with pytest.raises(OSError, match="no space"):
        Failing("fsync_folder")._whole(first)
    tried = frozenset([b"first"])
    Disk()._whole(Write(tmp_path / "t", tmp_path / "1", b"second", exclusive=True, tried=tried))
    assert (tmp_path / "1").read_bytes() == b"second"
    with pytest.raises(FileExistsError):
        Disk()._whole(Write(tmp_path / "t", tmp_path / "1", b"third", exclusive=True, tried=tried))
    assert (tmp_path / "1").read_bytes() == b"second"


def test_a_folder_whose_making_was_not_synced_is_made_again(tmp_path):
    with pytest.raises(OSError, match="no space"):
        Failing("fsync_folder").mkdir(tmp_path / "a")
    assert names(tmp_path) == []
    Disk().mkdir(tmp_path / "a")
    assert names(tmp_path) == ["a"]


def test_what_cannot_be_known_is_not_taken_for_a_no(tmp_path, monkeypatch):
    assert (is_there(tmp_path), is_there(tmp_path / "x")) == (True, False)
    assert listed(tmp_path / "x", ".*") == []

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ELOOP, "too many levels")

    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr(os, "scandir", refuse)
    for ask in (lambda: is_there(tmp_path / "x"), lambda: listed(tmp_path, ".*")):
        with pytest.raises(OSError, match="too many"):
            ask()


def test_a_second_desk_is_kept_out_and_told_by_whom(tmp_path):
    with DataLock(tmp_path), pytest.raises(LockedError, match=rf"in use by another desk \(process {os.getpid()}\)"):
        DataLock(tmp_path).take()
    with DataLock(tmp_path):
        pass


def test_the_lock_of_a_dead_process_is_free(tmp_path):
    program = f"import os, pathlib; from bot.disk import DataLock; DataLock(pathlib.Path({str(tmp_path)!r})).take(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False).returncode == 9
    with DataLock(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_the_secret_is_made_once_and_is_ours_alone(tmp_path):
    path = tmp_path / "new" / "secret"
    with ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(lambda _: read_secret(Settings(data=path.parent), Disk()), range(4)))
    assert len(keys) == 1
    assert len(keys.pop()) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert names(path.parent) == ["secret"]


def test_a_short_secret_is_refused(tmp_path):
    (tmp_path / "secret").write_text("1234\n")
    with pytest.raises(ValueError, match="at least 32 characters"):
        read_secret(Settings(data=tmp_path), Disk())
