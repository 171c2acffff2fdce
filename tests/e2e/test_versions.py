"""Versions of the data at the shell: the daemon and every command on data of 1.0, and on data of a version to come."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from cluster import Cluster
from daemon import Running
from old import OLD, old_data, old_database
from test_elsewhere import LOOKING, served

from bot.store.files import formats
from bot.store.files.formats import FORMAT, Mark


def refused(desk: Running, *command: str) -> bool:
    done = desk.run(*command)
    newer = b"version 9.1.0 or newer" in done.stderr or b"install the newer program" in done.stderr
    return (done.returncode, newer) == (2, True)


def test_the_daemon_goes_on_with_the_data_of_1_0(tmp_path: Path) -> None:
    """Nothing is lost and nothing parked; every command that judges the data says the same."""
    desk = Running(old_data(tmp_path / "data"), DESK_DNS="off", COLUMNS="")
    goes_on(desk, tmp_path / "desk.tar.gz")
    assert desk.run("migrate").stdout.decode() == f"format {FORMAT}\n"
    mended = desk.run("repair")
    assert (mended.returncode, mended.stdout.strip()) == (0, b"everything can be read")
    other = Running(tmp_path / "other")
    assert other.run("restore", str(tmp_path / "desk.tar.gz")).returncode == 0


def goes_on(desk: Running, archive: Path) -> None:
    with desk:
        desk.wait("oleg@example.net", 1)  # it waited to leave
        desk.wait("gleb@example.org", 1)  # nobody had handled his
        [answer] = desk.letters("oleg@example.net")[:1]
        desk.send("oleg@example.net", "Спасибо, но отстают и теперь, на одну секунду.", answers=answer)
        desk.wait("anna@providence.film", 1)
        assert desk.run("ledger").returncode == 0
        assert b'"parked":1,' in desk.run("health").stdout.replace(b" ", b"")
        assert desk.run("backup", str(archive)).returncode == 0
        listed = desk.run("list", "--all").stdout.decode()
        assert {line.split("\t")[0] for line in listed.splitlines()} >= {str(number) for number in range(1, 10)}
        assert "Сталкер" in desk.run("show", "1").stdout.decode()
        assert desk.run("report").returncode == 0
        assert b"BAD" not in (found := desk.run("doctor", "--no-letter").stdout), found.decode()
    assert "error" not in desk.log()
    assert "parked" not in {line.split()[2] for line in desk.log().splitlines()}


@pytest.mark.postgres
def test_the_daemon_goes_on_with_the_database_of_1_0(tmp_path: Path, cluster: Cluster) -> None:
    desk = Running(tmp_path / "data", DESK_STORE=old_database(cluster), DESK_DNS="off", COLUMNS="")
    desk.data.mkdir()
    (desk.data / "secret").write_bytes((OLD / "secret").read_bytes())
    (desk.data / "secret").chmod(0o600)
    assert desk.run("migrate").returncode == 0
    goes_on(desk, tmp_path / "desk.tar.gz")


@pytest.mark.postgres
def test_no_command_touches_a_database_of_a_newer_program(tmp_path: Path, cluster: Cluster) -> None:
    desk = Running(tmp_path / "data", DESK_STORE=old_database(cluster))
    cluster.sql("update alembic_version set version_num = '0999'", "old_desk")
    for command in {*LOOKING, ("migrate",), ("serve",)} - {("repair",)}:
        assert refused(desk, *command), command
    cluster.sql("update alembic_version set version_num = '0001'", "old_desk")
    older = desk.run("ledger")
    assert (older.returncode, b"run.py migrate" in older.stderr, b"backup" in older.stderr) == (2, True, True)


def test_no_command_touches_data_of_a_newer_program(tmp_path: Path) -> None:
    desk = Running(old_data(tmp_path / "data"))
    (desk.data / formats.NAME).write_bytes(msgspec.json.encode(Mark(FORMAT + 1, "9.1.0")))
    before = {path: path.read_bytes() for path in desk.data.rglob("*") if path.is_file()}
    moving = (("restore", "x.tar.gz"), ("move", "--to", "postgresql://nobody@/nothing"), ("migrate",))
    for command in {*LOOKING, *moving}:
        assert refused(desk, *command), command
    assert served(desk).returncode == 2
    letter = b"From: ivan@example.org\nSubject: x\n\nx\n"
    assert desk.run("deliver", "--sender", "ivan@example.org", stdin=letter).returncode == 75
    after = {path: path.read_bytes() for path in desk.data.rglob("*") if path.is_file() and path.name != "lock"}
    assert after == before


def test_the_daemon_and_every_command_leave_alone_what_is_not_the_desks(tmp_path: Path) -> None:
    """Named once in the log at each start, and by the doctor; mail goes in and out as ever."""
    desk = Running(old_data(tmp_path / "data"), DESK_DNS="off")
    odd = [desk.data / place for place in ("tickets/live/9x.json", "tickets/live/12 (1).json", "desk/2026-11-12 (1).json", "inbox/new/.DS_Store")]
    for path in odd:
        path.write_bytes(b"{}")
    odd += [desk.data / "tickets" / "live" / "10.json", desk.data / "inbox" / "new" / "20261112T112000000002-fd0b96 (1).eml"]
    for path in odd[-2:]:
        path.mkdir()
    (desk.data / "tickets" / "live" / os.fsdecode(b"\xff.json")).symlink_to("/dev/zero")
    with desk:
        desk.send("olga@example.org", "Не открывается фильм «Сталкер»: чёрный экран в Chrome 131.", "Фильм")
        desk.wait("olga@example.org", 1)
        letter = b"From: petr@example.org\nTo: support@providence.film\nSubject: x\n\nThe film does not open, Chrome 131 shows a black screen.\n"
        assert desk.run("deliver", "--sender", "petr@example.org", "--recipient", "support@providence.film", stdin=letter).returncode == 0
        desk.wait("petr@example.org", 1)
        for command in (("ledger",), ("list", "--all"), ("show", "1"), ("report",), ("held", "list"), ("backup", str(tmp_path / "b.tar.gz"))):
            assert desk.run(*command).returncode == 0, command
        assert desk.run("forget", "maria@example.org").returncode == 0
        said = desk.run("doctor", "--no-letter").stdout
        assert b"BAD" not in said, said.decode()
    named = [line for line in desk.log().splitlines() if " foreign" in line]
    assert len(named) == len(odd) + 1
    for path in (*odd, "\\xff.json"):
        assert str(path) in desk.log()
        assert f"{path} is not the desk's" in said.decode()
    assert desk.run("repair").returncode == 0
    assert all(path.exists() for path in odd)
