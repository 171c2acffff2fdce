"""What the law asks for, at the shell: a copy of a person's data, and its end; beside a running desk, without one, and in a database."""

from __future__ import annotations

import json
import mailbox
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from busy import ANNA, IVAN, MARIA, PHRASE, TRACES, busy, found
from cluster import Cluster
from daemon import ROOT, Running
from peers import block

from bot.store.files.documents import read_ticket

PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play."


def told(desk: Running, *command: str, code: int = 0) -> str:
    """What a command says."""
    done = desk.run(*command)
    words = (done.stdout + done.stderr).decode()
    assert done.returncode == code, words + desk.log()[-2000:]
    return words


def contents(data: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in data.rglob("*") if path.is_file() and path.name != "lock"}


def test_a_person_is_forgotten_while_the_desk_runs(tmp_path: Path) -> None:
    """What it remembers and the log that it is writing included: an answer to an old letter of its own makes a new ticket."""
    with Running(tmp_path / "data", DESK_CAPS="off") as desk:
        desk.send(IVAN, f"{PROBLEM} {PHRASE}", "Badger trouble")
        desk.send(MARIA, f"{PROBLEM} Я не {IVAN}!", "Фильм")
        notice = next(one for one in desk.wait(ANNA, 2) if IVAN in str(one))
        desk.send(ANNA, "#взять\n#ответ\nПосмотрим, что тут можно сделать.", answers=notice)
        ack = desk.wait(IVAN, 2)[0]
        before = told(desk, "forget", IVAN, "--dry-run")
        assert re.search(r"1 ticket\(s\) of his own: emptied \(1\)", before)
        assert len(found(desk.data, *TRACES)) > 10
        assert "Not reached" in told(desk, "forget", IVAN.upper())
        time.sleep(1)
        assert found(desk.data, *TRACES) == []
        assert "forgotten" in desk.log()
        assert "The ledger adds up." in told(desk, "ledger")
        desk.send(IVAN, f"{PROBLEM} Снова.", answers=ack)
        assert "[PF-3]" in desk.wait(IVAN, 1)[0]["Subject"]
        assert len(desk.wait(MARIA, 1)) == 1
        desk.send(MARIA, "Я тоже ещё здесь.", answers=desk.letters(MARIA)[0])
        told(desk, "forget", ANNA, code=1)
    assert read_ticket(desk.data / "tickets/live/2.json").requester.email == MARIA
    assert "The ledger adds up." in told(desk, "ledger")


async def test_without_a_running_desk_and_only_as_asked(tmp_path: Path) -> None:
    one = await busy(tmp_path / "data")
    await one.store.close()
    desk = Running(tmp_path / "data")
    everything = contents(desk.data)
    for address, code, words in (
        (ANNA, 1, "staff"), ("dev@providence.film", 1, "staff"), ("support@providence.film", 1, "own"),
        ("ivan", 2, "no address"), (f"Ivan <{IVAN}>", 2, "no address"),
    ):  # fmt: skip
        assert words in told(desk, "forget", address, code=code)
    told(desk, "forget", IVAN, "--dry-run")
    told(desk, "forget", "nobody@example.org")
    assert contents(desk.data) == everything
    rules = Path(desk.env["DESK_RULES"])
    rules.write_text(rules.read_text("utf-8") + f"\n# {IVAN} is a friend\n", "utf-8")
    assert "names the address" in told(desk, "forget", IVAN)
    assert found(desk.data, *TRACES) == []
    assert "The ledger adds up." in told(desk, "ledger")


async def test_a_copy_of_what_is_kept(tmp_path: Path) -> None:
    """His letters and ours to him, his ticket's facts and public words; of Maria's ticket what he said; no note, no word of hers."""
    one = await busy(tmp_path / "data")
    await one.store.close()
    desk, folder = Running(tmp_path / "data"), tmp_path / "copy"
    assert "2 tickets" in told(desk, "export", IVAN.upper(), "--to", str(folder))
    box = mailbox.mbox(folder / "letters.mbox")
    subjects = [str(letter["Subject"]) for letter in box]
    sent = len(one.mail(IVAN))
    assert len(subjects) == sent + 4, "the letters that opened and joined, the robot's, the parked one"
    assert "Badger trouble on Tuesday" in subjects
    assert {str(letter["To"]) for letter in box} >= {IVAN, "support@providence.film"}
    box.close()
    text = (folder / "tickets.json").read_text("utf-8")
    mine, hers = json.loads(text)
    assert (mine["number"], mine["subject"], mine["status"], mine["name"]) == (1, "Badger trouble on Tuesday", "in_progress", "Ivan Badgerov")
    assert [said["by"] for said in mine["correspondence"]][:2] == ["Ivan Badgerov", "Анна"]
    assert (hers["number"], [said["by"] for said in hers["correspondence"]]) == (2, ["Ivan Badgerov"])
    assert "звонил" not in text
    assert MARIA not in text
    assert folder.stat().st_mode & 0o777 == 0o700
    told(desk, "export", IVAN, "--to", str(folder), code=1)
    told(desk, "export", "nobody@example.org", "--to", str(tmp_path / "none"), code=1)


@pytest.mark.postgres
@pytest.mark.parametrize("running", [True, False])
async def test_in_a_database_he_is_forgotten_too(tmp_path: Path, cluster: Cluster, database: str, running: bool) -> None:
    """Every row of every table, the words of its search included, and the files beside it."""
    one = await busy(tmp_path / "data")
    await one.store.close()
    store = cluster.url(database)
    (tmp_path / "data" / "secret").write_text("0" * 64)
    files, desk = Running(tmp_path / "data"), Running(tmp_path / "data", DESK_STORE=store)
    assert "The ledger adds up." in told(files, "move", "--to", store)

    def rows(word: str) -> list[str]:
        tables = [str(name) for (name,) in cluster.sql("select tablename from pg_tables where schemaname = 'public'", database)]
        return [name for name in tables for (row,) in cluster.sql(f"select {name}::text from {name}", database) if word in str(row).lower()]

    raw = "select convert_from(raw, 'LATIN1') from letters"
    assert rows("badger")
    shutil.rmtree(desk.data / "moved")
    assert "2 tickets" in told(desk, "export", IVAN, "--to", str(tmp_path / "copy"))
    if running:
        desk.start()
    try:
        if running:
            assert "in use" in told(desk, "move", "--to", "files", code=75)
            assert "1 daemon" in told(Running(tmp_path / "other", DESK_STORE=store), "move", "--to", "files", code=1)
        told(desk, "forget", IVAN)
    finally:
        if running:
            desk.stop()
    assert [rows(word.lower()) for word in ("badger", *TRACES)] == [[], [], [], [], []]
    assert not [text for (text,) in cluster.sql(raw, database) if any(word.lower() in str(text).lower() for word in TRACES)]
    assert found(desk.data, *TRACES) == []
    assert "The ledger adds up." in told(desk, "ledger")


@pytest.mark.postgres
async def test_the_very_lines_of_the_documentation(tmp_path: Path, cluster: Cluster) -> None:
    """Backup, restore into an empty desk, move into an empty database."""
    one = await busy(tmp_path / "one")
    await one.store.close()
    first, second = Running(tmp_path / "one"), Running(tmp_path / "two")
    (first.data / "secret").write_text("0" * 64)
    cluster.sql("create database documented")

    def run(name: str, desk: Running) -> str:
        lines = block(f"sh {name}").replace(".venv/bin/python", sys.executable).replace("desk-$", f"{tmp_path}/desk-$")
        lines = re.sub(r"=postgresql://\S+", f"='{cluster.url('documented')}'", lines)
        done = subprocess.run(["sh", "-ec", lines], cwd=ROOT, env=desk.env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "2 tickets" in run("backup", first)
    assert "The ledger adds up." in run("restore", second)
    assert "The ledger adds up." in run("move", second)
    assert "moved to a database" in told(second, code=75)
    told(Running(tmp_path / "two", DESK_STORE=cluster.url("documented")), "show", "1")
