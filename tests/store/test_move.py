"""A desk moves from files into a database and back, cut off at any point: nothing is lost, doubled or counted anew."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from busy import MARIA, PROBLEM, busy
from cluster import Cluster
from desk import MOSCOW_NOON, TestDesk
from killed import killed

from bot.model import DeskRecord, Ticket
from bot.settings import Settings
from bot.store.files import Disk
from bot.store.folders import Folder
from bot.store.rest import Shelf
from bot.store.shelf import FileShelf
from bot.stores import FILLING, INCOMING, agree, begun, open_shelf
from bot.upkeep import move
from bot.upkeep.backup import RefusedError, backup
from bot.upkeep.carry import carry
from bot.upkeep.ledger import account

NOW = MOSCOW_NOON
EVERY = 1 if os.environ.get("DESK_STEPS") == "all" else 4


def contents(shelf: Shelf) -> tuple[Any, ...]:
    """Everything on a shelf; where the letters lie, but for those that a ticket has and that are not put away yet."""
    with closing(shelf):
        letters = {ident: shelf.letter(ident) for ident, _ in shelf.letters()}
        records = sorted((one for _, one in shelf.records(DeskRecord)), key=repr)
        return list(shelf.tickets(Ticket)), records, letters, shelf.parked(), account(shelf).places


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
    assert account(FileShelf(one.data)).adds_up
    (one.data.parent / "rules.yaml").write_text("rules")
    (one.data.parent / "templates" / "ru").mkdir(parents=True)
    (one.data.parent / "templates" / "ru" / "reply.txt").write_text("Здравствуйте")
    return one.data


def test_a_copy_from_folder_to_folder_is_the_same_desk(desk: Path, tmp_path: Path) -> None:
    for _ in range(2):  # putting twice changes nothing
        target = Folder(tmp_path / "copy", Disk())
        carried = carry(FileShelf(desk), target, NOW)
        target.close()
        assert contents(FileShelf(tmp_path / "copy")) == contents(FileShelf(desk))
    assert (carried.tickets, carried.highest) == (3, 3)


def test_a_backup_comes_back_as_it_was_wherever_it_was_cut_off(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power goes before each rename in turn; until it is finished no desk starts, and then its number goes on."""
    archive, there = tmp_path / "desk.tar.gz", contents(FileShelf(desk))
    backup(settings(desk), FileShelf(desk), archive, NOW)
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
        assert contents(FileShelf(data)) == there
        assert (data / "secret").read_text() == "0" * 64
        assert (data / "secret").stat().st_mode & 0o777 == 0o600
        assert (data / "tickets/broken/4.json").exists()
        assert (data.parent / "rules.yaml").exists()
    assert at > 7
    with pytest.raises(RefusedError, match="already"):
        move.restore(settings(data), archive, NOW, print)


def test_what_differs_from_the_backup_is_kept_beside_it(desk: Path, tmp_path: Path) -> None:
    archive, data = tmp_path / "desk.tar.gz", tmp_path / "new" / "data"
    backup(settings(desk), FileShelf(desk), archive, NOW)
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
    backup(settings(desk), FileShelf(desk), archive, NOW)
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
    backup(settings(desk), FileShelf(desk), archive, NOW)
    archive.write_bytes(harm(archive.read_bytes()))
    with pytest.raises(RefusedError):
        move.restore(settings(data), archive, NOW, print)
    assert not any(path.is_file() for path in data.rglob("*"))


@pytest.mark.postgres
class TestDatabase:
    async def test_there_and_back_again_cut_off_at_every_put(
        self, desk: Path, tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there, real, at, cut = contents(FileShelf(desk)), move.open_target, 0, True
        while cut:
            at += 1 if at < 2 else EVERY
            data, store = tmp_path / str(at) / "data", cluster.url(cluster.fresh())
            shutil.copytree(desk, data)
            files, goal = settings(data), settings(data, store)
            monkeypatch.setattr(move, "open_target", lambda goal, at=at: Cut(real(goal), at))
            try:
                move.move(files, goal, NOW, print)
                cut = False
            except OSError:
                monkeypatch.setattr(move, "open_target", real)
                assert begun(data, None) or at == 1
                move.move(files, goal, NOW, print)
            tickets, records, letters, parked, places = contents(open_shelf(goal))
            assert ([one for one in tickets if one.number != 4], records, letters, parked, places) == there
            assert not begun(data, store)
            assert "moved" in begun(data, None)
        assert at > 25
        with pytest.raises(RefusedError, match="lives there already"):
            move.move(goal, goal, NOW, print)
        move.move(goal, files, NOW, print)
        back = contents(FileShelf(data))
        assert back == (tickets, records, letters, parked, places)
        assert not begun(data, None)
        one = await TestDesk.opened(data, undo=0)
        one.now = NOW.replace(day=26)
        await one.send("olga@example.org", PROBLEM, subject="Пятое")
        assert max(one.tickets()) == 5, "4 cannot be read any more, and is not given again"
        await one.store.close()

    def test_a_database_that_is_not_empty_is_left_alone(self, desk: Path, tmp_path: Path, cluster: Cluster) -> None:
        goal = settings(desk, cluster.url(cluster.fresh()))
        other = tmp_path / "other" / "data"
        shutil.copytree(desk.parent, other.parent)
        move.move(settings(desk), goal, NOW, print)
        there, archive = contents(open_shelf(goal)), tmp_path / "desk.tar.gz"
        agree(goal, [b"its secret"])
        with pytest.raises(RefusedError, match="in this database already"):
            move.move(settings(other), settings(other, goal.store), NOW, print)
        assert not begun(other, None)
        backup(settings(other), FileShelf(other), archive, NOW)
        third = settings(tmp_path / "third" / "data", goal.store)
        with pytest.raises(RefusedError, match="in this database already"):
            move.restore(third, archive, NOW, print)
        assert not begun(third.data, third.store), "nothing is to be finished"
        assert contents(open_shelf(goal)) == there
        with pytest.raises(ValueError, match="secret"):
            agree(goal, [b"another secret"])

    def test_a_backup_goes_from_either_store_into_the_other(self, desk: Path, tmp_path: Path, cluster: Cluster) -> None:
        one, two = tmp_path / "one.tar.gz", tmp_path / "two.tar.gz"
        there, database = contents(FileShelf(desk)), settings(tmp_path / "db" / "data", cluster.url(cluster.fresh()))
        backup(settings(desk), FileShelf(desk), one, NOW)
        assert move.restore(database, one, NOW, print).adds_up
        assert not begun(database.data, database.store)
        assert max(one.number for one in contents(open_shelf(database))[0]) == 4, "set aside, and not given again"
        with closing(open_shelf(database)) as shelf:
            backup(database, shelf, two, NOW)
        assert move.restore(settings(tmp_path / "files" / "data"), two, NOW, print).adds_up
        assert contents(FileShelf(tmp_path / "files" / "data"))[1:] == there[1:]

    @pytest.mark.parametrize("place", ["files", pytest.param("database", marks=pytest.mark.slow)])
    def test_a_restore_that_is_killed_before_any_change_is_run_again(self, desk: Path, tmp_path: Path, cluster: Cluster, place: str) -> None:
        """Never is a half desk taken for a whole one, and never is a whole one refused to be finished."""
        archive, there = tmp_path / "desk.tar.gz", contents(FileShelf(desk))
        backup(settings(desk), FileShelf(desk), archive, NOW)

        def begin(at: int) -> Settings:
            return settings(tmp_path / str(at) / "data", cluster.url(cluster.fresh()) if place == "database" else None)

        for goal in each_step(begin, lambda goal: (move.restore, goal, archive, NOW, print)):
            assert contents(open_shelf(goal))[1:] == there[1:]
            assert (goal.data / "secret").read_text() == "0" * 64

    @pytest.mark.parametrize("where", [pytest.param("files", marks=pytest.mark.slow), "database"])
    def test_a_move_that_is_killed_before_any_change_is_run_again(self, desk: Path, tmp_path: Path, cluster: Cluster, where: str) -> None:
        there, full = contents(FileShelf(desk))[1:], cluster.url(cluster.fresh())
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
            assert contents(open_shelf(goal))[1:] == there
