"""A desk moves from files into a database and back, cut off at any point: nothing is lost, doubled or counted anew."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from busy import MARIA, PROBLEM, busy
from cluster import Cluster
from desk import MOSCOW_NOON, ROOT, TestDesk
from killed import killed

from bot.data import move
from bot.data.backup import RefusedError, backup
from bot.data.copy import copy
from bot.data.ledger import account
from bot.data.secret_file import keys
from bot.disk import Disk
from bot.disk.regular_files import read_regular
from bot.model import Envelope
from bot.settings import Settings
from bot.store.data_access import DataReader
from bot.store.factory import FILLING, INCOMING, agree, begun, fill, open_data_reader, open_store
from bot.store.files.inbox import Inbox
from bot.store.files.reader import FileDataReader
from bot.store.files.writer import FolderDataWriter

NOW = MOSCOW_NOON
EVERY = 1 if os.environ.get("DESK_STEPS") == "all" else 4


def contents(reader: DataReader) -> tuple[Any, ...]:
    """Everything that a data reader gives; where the letters lie, but for those that a ticket has and that are not put away yet."""
    with closing(reader):
        letters = {ident: reader.letter(ident) for ident, _ in reader.letters()}
        records = sorted((one for _, one in reader.records()), key=repr)
        return list(reader.tickets()), records, letters, reader.parked(), account(reader).places


def settings(data: Path, store: str | None = None) -> Settings:
    return Settings(data=data, store=store, rules=data.parent / "rules.yaml", templates=data.parent / "templates")


class Cut:
    """A target before whose step `at` the power goes."""

    def __init__(self, real: Any, at: int) -> None:
        self._real, self.steps, self._at = real, 0, at

    def __getattr__(self, name: str) -> Any:
        self.steps += 1
        if self.steps == self._at:
            raise OSError(name)
        return getattr(self._real, name)


def each_step(begin: Callable[[int], Any], work: Callable[[Any], tuple[Any, ...]]) -> Iterator[Any]:
    """Does `work` on what `begin` lays out, killed before each change in turn, and again where it says that it was cut off; what came of it."""
    at, every, cut = 0, 1, True
    while cut:
        at += every
        laid = begin(at)
        goal = laid[-1] if isinstance(laid, tuple) else laid
        cut = killed(at, *work(laid))
        every = 1 if at < 2 or (goal.data / INCOMING / move.COMPLETE).exists() or (goal.data / FILLING).exists() else EVERY**2
        call, *arguments = work(laid)
        finished = nullcontext() if begun(goal.data, goal.store) else suppress(RefusedError)  # all was done but to say so, or nothing yet
        with finished:
            call(*arguments)
        assert not begun(goal.data, goal.store), at
        yield laid
        shutil.rmtree(goal.data.parent)
    assert at > 10


@pytest.fixture
async def desk(tmp_path: Path) -> Path:
    """The data folder of a desk with a bit of everything, whose next number is 5, although the file of 4 cannot be read."""
    one = await busy(tmp_path / "whole" / "data")
    await one.send(MARIA, f"{PROBLEM} Ещё один.", subject="Другое")
    await one.send("petr@example.org", PROBLEM, subject="Третье")
    (one.data / "inbox/new/20261123T100000000000-abcdef.eml").write_bytes(b'X-Desk-Envelope: {"letter": "20261123T100000000000-abcdef", '
        b'"received": "2026-11-23T10:00:00Z", "mail_from": "x@example.org"}\nFrom: x@example.org\n\nhello\n')  # fmt: skip
    await one.store.close()
    (one.data / "secret").write_text("0" * 64)
    aside = one.data / "tickets" / "broken"
    aside.mkdir()
    lost = one.ticket(4)
    (one.data / "tickets/live/4.json").rename(aside / "4.json")
    for seen in lost.seen:
        one.inbox.erase(seen.letter)
    assert account(FileDataReader(one.data)).adds_up
    (one.data.parent / "rules.yaml").write_text("rules")
    (one.data.parent / "templates" / "ru").mkdir(parents=True)
    (one.data.parent / "templates" / "ru" / "reply.txt").write_text("Здравствуйте")
    return one.data


def test_a_copy_from_folder_to_folder_is_the_same_desk(desk: Path, tmp_path: Path) -> None:
    for _ in range(2):  # putting twice changes nothing
        target = FolderDataWriter(tmp_path / "copy", Disk())
        carried = copy(FileDataReader(desk), target, NOW)
        target.close()
        assert contents(FileDataReader(tmp_path / "copy")) == contents(FileDataReader(desk))
    assert (carried.tickets, carried.highest) == (3, 3)


def test_a_backup_comes_back_as_it_was_wherever_it_was_cut_off(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power goes before each rename in turn; until it is finished no desk starts, and then its number goes on."""
    archive, there = tmp_path / "desk.tar.gz", contents(FileDataReader(desk))
    backup(settings(desk), FileDataReader(desk), archive, NOW)
    real, at, cut = Disk.rename, 0, True
    while cut:
        at, steps = at + (1 if at < 2 else EVERY), 0
        data = tmp_path / str(at) / "data"
        data.mkdir(parents=True)

        def rename(self: Disk, source: Path, target: Path, at: int = at) -> None:
            nonlocal steps
            steps += 1
            if steps == at:
                raise OSError("cut")
            real(self, source, target)

        monkeypatch.setattr(Disk, "rename", rename)
        try:
            move.restore(settings(data), archive, NOW, print)
            cut = False
        except OSError:
            monkeypatch.setattr(Disk, "rename", real)
            assert begun(data, None) or not any(data.rglob("*.eml"))
            move.restore(settings(data), archive, NOW, print)
        assert not begun(data, None)
        assert contents(FileDataReader(data)) == there
        assert (data / "secret").read_text() == "0" * 64
        assert (data / "secret").stat().st_mode & 0o777 == 0o600
        assert (data / "tickets/broken/4.json").exists()
        assert (data.parent / "rules.yaml").exists()
    assert at > 7
    with pytest.raises(RefusedError, match="already"):
        move.restore(settings(data), archive, NOW, print)


def test_a_desk_that_moved_away_is_not_restored_beside_what_it_left(desk: Path, tmp_path: Path) -> None:
    archive, data = tmp_path / "desk.tar.gz", tmp_path / "new" / "data"
    backup(settings(desk), FileDataReader(desk), archive, NOW)
    (data / "moved").mkdir(parents=True)
    with pytest.raises(RefusedError, match="remove it first"):
        move.restore(settings(data), archive, NOW, print)
    assert [path.name for path in data.iterdir()] == ["moved"]


def test_what_differs_from_the_backup_is_kept_beside_it(desk: Path, tmp_path: Path) -> None:
    archive, data = tmp_path / "desk.tar.gz", tmp_path / "new" / "data"
    backup(settings(desk), FileDataReader(desk), archive, NOW)
    data.mkdir(parents=True)
    (data.parent / "rules.yaml").write_text("mine")
    (data / "secret").write_text("1" * 64)
    told: list[str] = []
    move.restore(settings(data), archive, NOW, told.append)
    assert ((data.parent / "rules.yaml.old").read_text(), (data / "secret.old").read_text()) == ("mine", "1" * 64)
    assert len(told) == 2


def test_a_secret_of_another_name_is_a_secret_too_and_a_file_an_editor_left_does_not_spoil_the_backup(desk: Path, tmp_path: Path) -> None:
    archive, data = tmp_path / "desk.tar.gz", tmp_path / "new" / "data"
    (desk.parent / "templates" / "ru" / "reply.txt~").write_text("Здравствуй")
    backup(settings(desk), FileDataReader(desk), archive, NOW)
    chosen = settings(data).model_copy(update={"secret_file": tmp_path / "new" / "desk.key"})
    assert move.restore(chosen, archive, NOW, print).adds_up
    assert chosen.secret_file.stat().st_mode & 0o777 == 0o600
    assert (data.parent / "templates" / "ru" / "reply.txt~").exists()


EVIL = ["../x", "data/../x", "/rules.yaml", "data/tickets/../../../x", "data/tickets//x", "data/other/x", "data/secret/x", "templates/a\nb", "run.py"]


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_an_archive_made_by_an_enemy_is_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    """Whatever it would write, a good name is no use to a link."""
    archive, data = tmp_path / "desk.tar.gz", tmp_path / "new" / "data"
    entry = tarfile.TarInfo(name if kind == tarfile.REGTYPE else "data/tickets/live/1.json")
    entry.type, entry.linkname = kind, name
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(entry)
    with pytest.raises(RefusedError):
        move.restore(settings(data), archive, NOW, print)
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == [archive]


@pytest.mark.parametrize("harm", [lambda raw: raw[: len(raw) // 2], lambda raw: raw[:-20], lambda raw: b"no archive", lambda raw: b""])
def test_half_a_backup_is_refused_and_changes_nothing(desk: Path, tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    archive, data = tmp_path / "desk.tar.gz", tmp_path / "new" / "data"
    backup(settings(desk), FileDataReader(desk), archive, NOW)
    archive.write_bytes(harm(archive.read_bytes()))
    with pytest.raises(RefusedError):
        move.restore(settings(data), archive, NOW, print)
    assert not any(path.is_file() for path in data.rglob("*"))


def restored_until(at_least: Callable[[Path], bool], data: Path, archive: Path, store: str | None = None) -> int:
    """A restore that is killed once `at_least` is so; before which change."""
    for at in range(1, 300):
        shutil.rmtree(data.parent, ignore_errors=True)
        assert killed(at, move.restore, settings(data, store), archive, NOW, print)
        if at_least(data):
            return at
    raise AssertionError


LETTER = b"From: olga@example.org\nMessage-ID: <1@client.example>\nSubject: x\n\nhello\n"


def pipe(data: Path, store: str | None = None) -> subprocess.Popen[bytes]:
    """`run.py deliver` before its letter has come."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("DESK_")}
    env = {**clean, "DESK_DATA": str(data), **({"DESK_STORE": store} if store else {})}
    return subprocess.Popen([sys.executable, "run.py", "deliver"], cwd=ROOT, env=env, stdin=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_restore_that_is_finished_says_that_the_archive_is_not_looked_at(desk: Path, tmp_path: Path) -> None:
    archive, data, told = tmp_path / "desk.tar.gz", tmp_path / "new" / "data", list[str]()
    backup(settings(desk), FileDataReader(desk), archive, NOW)
    restored_until(lambda data: (data / INCOMING / move.COMPLETE).exists(), data, archive)
    assert move.restore(settings(data), tmp_path / "other.tar.gz", NOW, told.append).adds_up
    assert "other.tar.gz is not looked at" in told[0]


def test_a_letter_that_a_pipe_brings_during_a_restore_is_kept_at_its_sender(desk: Path, tmp_path: Path) -> None:
    archive, data = tmp_path / "desk.tar.gz", tmp_path / "new" / "data"
    backup(settings(desk), FileDataReader(desk), archive, NOW)
    at = restored_until(lambda data: (data / INCOMING / move.COMPLETE).exists(), data, archive)
    shutil.rmtree(data.parent)
    with pipe(data) as deliver:
        time.sleep(2)  # it has begun
        assert killed(at, move.restore, settings(data), archive, NOW, print)
        deliver.communicate(LETTER)
    assert deliver.returncode == 75
    assert move.restore(settings(data), archive, NOW, print).adds_up


def test_the_number_of_a_ticket_that_cannot_be_read_is_not_given_again_after_a_restore(desk: Path, tmp_path: Path) -> None:
    archive, data = tmp_path / "desk.tar.gz", tmp_path / "new" / "data"
    (desk / "tickets/broken/4.json").unlink()
    (desk / "tickets/live/4.json").write_bytes(b"")
    backup(settings(desk), FileDataReader(desk), archive, NOW)
    move.restore(settings(data), archive, NOW, print)
    assert (data / "tickets/broken/4.json").exists()


def test_two_backups_into_one_file_are_both_whole(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one begins while the first is being written, and goes on after its end."""
    archive, real, begun_, ended, others = tmp_path / "desk.tar.gz", copy, threading.Event(), threading.Event(), list[threading.Thread]()

    def slow(*arguments: Any) -> Any:
        if others:
            begun_.set()
            ended.wait(10)
        else:
            others.append(threading.Thread(target=backup, args=(settings(desk), FileDataReader(desk), archive, NOW)))
            others[0].start()
            begun_.wait(10)
        return real(*arguments)

    monkeypatch.setattr("bot.data.backup.copy", slow)
    backup(settings(desk), FileDataReader(desk), archive, NOW)
    assert gzip.decompress(archive.read_bytes())
    ended.set()
    others[0].join()
    assert gzip.decompress(archive.read_bytes())
    assert list(tmp_path.glob(".*.part")) == []


def test_a_letter_that_is_tried_again_during_a_backup_is_in_it(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, reader, inbox = tmp_path / "desk.tar.gz", FileDataReader(desk), Inbox(desk, Disk())
    [parked], real = [one.letter for one in reader.parked()], reader.letter

    def letter(ident: str) -> Any:
        if inbox.parked():
            inbox.retry(parked)  # the letters that wait have been listed already
        return real(ident)

    monkeypatch.setattr(reader, "letter", letter)
    backup(settings(desk), reader, archive, NOW)
    with tarfile.open(archive) as tar:
        assert f"data/inbox/new/{parked}.eml" in tar.getnames()


@pytest.mark.postgres
class TestDatabase:
    def test_a_restore_into_files_is_not_finished_into_a_database(self, desk: Path, tmp_path: Path, cluster: Cluster) -> None:
        """What has its place already would be missing there."""
        archive, data, store = tmp_path / "desk.tar.gz", tmp_path / "new" / "data", cluster.url(cluster.fresh())
        there = contents(FileDataReader(desk))
        backup(settings(desk), FileDataReader(desk), archive, NOW)
        restored_until(lambda data: (data / "desk").exists() and (data / INCOMING).exists(), data, archive)
        with pytest.raises(RefusedError, match="without DESK_STORE"):
            move.restore(settings(data, store), archive, NOW, print)
        with pytest.raises(RefusedError, match="finish that first"):
            move.move(settings(data), settings(data, store), NOW, print)
        move.restore(settings(data), archive, NOW, print)
        assert contents(FileDataReader(data)) == there

    def test_a_restore_into_a_database_is_not_finished_by_a_move(self, desk: Path, tmp_path: Path, cluster: Cluster) -> None:
        archive, data, store = tmp_path / "desk.tar.gz", tmp_path / "new" / "data", cluster.url(cluster.fresh())
        backup(settings(desk), FileDataReader(desk), archive, NOW)
        monkey = pytest.MonkeyPatch()
        with monkey.context() as patch:  # the power goes when the database has all
            patch.setattr(move, "_unmark", lambda _: (_ for _ in ()).throw(OSError("cut")))
            with suppress(OSError):
                move.restore(settings(data, store), archive, NOW, print)
        with pytest.raises(RefusedError, match="finish that first"):
            move.move(settings(data), settings(data, store), NOW, print)
        assert move.restore(settings(data, store), archive, NOW, print).adds_up
        assert not begun(data, store)

    def test_a_look_at_a_desk_whose_move_was_cut_off_does_not_keep_it_from_being_finished(self, desk: Path, tmp_path: Path, cluster: Cluster) -> None:
        """`run.py health` makes the folders that it reads."""
        store = cluster.url(cluster.fresh())
        real = Disk.rename

        def rename(self: Disk, source: Path, target: Path) -> None:
            if source.name == "inbox":
                raise OSError("cut")
            real(self, source, target)

        with pytest.MonkeyPatch.context() as patch, suppress(OSError):
            patch.setattr(Disk, "rename", rename)
            move.move(settings(desk), settings(desk, store), NOW, print)
        assert (desk / "moved" / "archive").exists()
        list(FileDataReader(desk).letters())
        assert move.move(settings(desk), settings(desk, store), NOW, print).adds_up

    def test_a_pipe_whose_letter_comes_during_a_move_keeps_it(
        self, desk: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, real = cluster.url(cluster.fresh()), move._same
        with pipe(desk) as deliver:
            time.sleep(2)

            def same(*shelves: DataReader) -> None:
                real(*shelves)
                deliver.communicate(LETTER)

            monkeypatch.setattr(move, "_same", same)
            move.move(settings(desk), settings(desk, store), NOW, print)
        assert deliver.returncode == 75

    async def test_nothing_is_taken_by_a_database_whose_desk_has_moved_to_files(self, desk: Path, cluster: Cluster) -> None:
        store = cluster.url(cluster.fresh())
        await asyncio.to_thread(move.move, settings(desk), settings(desk, store), NOW, print)
        await asyncio.to_thread(move.move, settings(desk, store), settings(desk), NOW, print)
        with pytest.raises(ValueError, match="unset DESK_STORE"):
            open_store(settings(desk, store), Disk(), NOW)
        with pytest.raises(ValueError, match="unset DESK_STORE"):  # a backup that a timer makes, say
            open_data_reader(settings(desk, store))
        from bot.store.postgres.database import Database
        from bot.store.postgres.letters import PostgresLetters

        late = PostgresLetters(Database(store))  # a pipe that looked a moment too early
        with pytest.raises(OSError, match="unset DESK_STORE"):
            await late.take(LETTER, Envelope(letter=Inbox(desk, Disk()).new_id(NOW), received=NOW, mail_from=MARIA))
        await late.close()
        with closing(open_data_reader(settings(desk, store), left=True)) as reader:
            assert account(reader).adds_up

    async def test_there_and_back_again_cut_off_at_every_put(
        self, desk: Path, tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there, real, at, cut = contents(FileDataReader(desk)), move.open_data_writer, 0, True
        while cut:
            at += 1 if at < 2 else EVERY
            data, store = tmp_path / str(at) / "data", cluster.url(cluster.fresh())
            shutil.copytree(desk, data)
            files, goal = settings(data), settings(data, store)
            monkeypatch.setattr(move, "open_data_writer", lambda goal, at=at: Cut(real(goal), at))
            try:
                move.move(files, goal, NOW, print)
                cut = False
            except OSError:
                monkeypatch.setattr(move, "open_data_writer", real)
                assert begun(data, None) or at == 1
                move.move(files, goal, NOW, print)
            tickets, records, letters, parked, places = contents(open_data_reader(goal))
            assert ([one for one in tickets if one.number != 4], records, letters, parked, places) == there
            assert not begun(data, store)
            assert "moved" in begun(data, None)
        assert at > 25
        with pytest.raises(RefusedError, match="lives there already"):
            move.move(goal, goal, NOW, print)
        move.move(goal, files, NOW, print)
        back = contents(FileDataReader(data))
        assert back == (tickets, records, letters, parked, places)
        assert not begun(data, None)
        one = await TestDesk.opened(data, undo=0)
        one.now = NOW.replace(day=26)
        await one.send("olga@example.org", PROBLEM, subject="Пятое")
        assert max(one.tickets()) == 5, "4 cannot be read any more, and is not given again"
        await one.store.close()

    def test_a_move_that_was_cut_off_between_its_two_marks_begins_again(self, desk: Path, cluster: Cluster) -> None:
        """The database says already that it is being filled, the folder does not: nothing has been copied."""
        goal, before = settings(desk, cluster.url(cluster.fresh())), contents(FileDataReader(desk))
        fill(goal, under_way=True)
        move.move(settings(desk), goal, NOW, print)
        tickets, *others = contents(open_data_reader(goal))
        assert ([one for one in tickets if one.number != 4], *others) == before

    def test_a_database_that_is_not_empty_is_left_alone(self, desk: Path, tmp_path: Path, cluster: Cluster) -> None:
        goal = settings(desk, cluster.url(cluster.fresh()))
        other = tmp_path / "other" / "data"
        shutil.copytree(desk.parent, other.parent)
        move.move(settings(desk), goal, NOW, print)
        there, archive = contents(open_data_reader(goal)), tmp_path / "desk.tar.gz"
        agree(goal, keys(read_regular(settings(desk).secret_file)))
        with pytest.raises(RefusedError, match="in this database already"):
            move.move(settings(other), settings(other, goal.store), NOW, print)
        assert not begun(other, None)
        backup(settings(other), FileDataReader(other), archive, NOW)
        third = settings(tmp_path / "third" / "data", goal.store)
        with pytest.raises(RefusedError, match="in this database already"):
            move.restore(third, archive, NOW, print)
        assert not begun(third.data, third.store), "nothing is to be finished"
        assert contents(open_data_reader(goal)) == there
        with pytest.raises(ValueError, match="secret"):
            agree(goal, [b"another secret"])

    def test_a_backup_goes_from_either_store_into_the_other(self, desk: Path, tmp_path: Path, cluster: Cluster) -> None:
        one, two = tmp_path / "one.tar.gz", tmp_path / "two.tar.gz"
        there, database = contents(FileDataReader(desk)), settings(tmp_path / "db" / "data", cluster.url(cluster.fresh()))
        backup(settings(desk), FileDataReader(desk), one, NOW)
        assert move.restore(database, one, NOW, print).adds_up
        assert not begun(database.data, database.store)
        assert max(one.number for one in contents(open_data_reader(database))[0]) == 4, "set aside, and not given again"
        with closing(open_data_reader(database)) as reader:
            backup(database, reader, two, NOW)
        assert move.restore(settings(tmp_path / "files" / "data"), two, NOW, print).adds_up
        assert contents(FileDataReader(tmp_path / "files" / "data"))[1:] == there[1:]

    @pytest.mark.parametrize("place", ["files", pytest.param("database", marks=pytest.mark.slow)])
    def test_a_restore_that_is_killed_before_any_change_is_run_again(self, desk: Path, tmp_path: Path, cluster: Cluster, place: str) -> None:
        """Never is a half desk taken for a whole one, and never is a whole one refused to be finished."""
        archive, there = tmp_path / "desk.tar.gz", contents(FileDataReader(desk))
        backup(settings(desk), FileDataReader(desk), archive, NOW)

        def begin(at: int) -> Settings:
            return settings(tmp_path / str(at) / "data", cluster.url(cluster.fresh()) if place == "database" else None)

        for goal in each_step(begin, lambda goal: (move.restore, goal, archive, NOW, print)):
            assert contents(open_data_reader(goal))[1:] == there[1:]
            assert (goal.data / "secret").read_text() == "0" * 64

    @pytest.mark.parametrize("where", [pytest.param("files", marks=pytest.mark.slow), "database"])
    def test_a_move_that_is_killed_before_any_change_is_run_again(self, desk: Path, tmp_path: Path, cluster: Cluster, where: str) -> None:
        there, full = contents(FileDataReader(desk))[1:], cluster.url(cluster.fresh())
        home = tmp_path / "home" / "data"
        shutil.copytree(desk, home)
        if where == "files":  # and so they were there before, too
            move.move(settings(home), settings(home, full), NOW, print)

        def begin(at: int) -> tuple[Settings, Settings]:
            data = tmp_path / str(at) / "data"
            shutil.copytree(home, data)
            files, database = settings(data), settings(data, full if where == "files" else cluster.url(cluster.fresh()))
            return (database, files) if where == "files" else (files, database)

        for _, goal in each_step(begin, lambda both: (move.move, *both, NOW, print)):
            assert contents(open_data_reader(goal))[1:] == there
