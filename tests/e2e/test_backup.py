"""A backup is taken from a desk at work, and another desk goes on from it: nothing that had been taken in is missing."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cluster import Cluster
from daemon import ROOT, Running

from bot.store.files.reader import FileDataReader

IVAN, ANNA = "ivan@example.org", "anna@providence.film"
PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play. Письмо"


class Load:
    """Clients that write without a pause; `heard` are the Message-IDs of what was answered with 250, and when."""

    def __init__(self, desk: Running) -> None:
        self.desk, self.heard, self.over = desk, dict[str, float](), threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(number,)) for number in range(3)]

    def _write(self, client: int) -> None:
        number = 0
        while not self.over.is_set():
            number += 1
            ident = f"<{client}.{number}@load.example>"
            self.desk.send(f"u{client}x{number}@example.org", f"{PROBLEM} {client} {number}.", f"Фильм {client} {number}", message_id=ident)
            self.heard[ident] = time.monotonic()

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()


def until(what: Callable[[], bool]) -> None:
    """Waits until it is so."""
    end = time.monotonic() + 120
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def handled(desk: Running) -> None:
    """Waits until the inbox is empty."""
    until(lambda: not any((desk.data / "inbox" / "new").iterdir()))


def test_from_a_backup_under_load_another_desk_goes_on(tmp_path: Path) -> None:
    """All that was answered before the backup began is in it; the ledger adds up; numbers have no gap; the secret makes old addresses good."""
    archive = tmp_path / "desk.tar.gz"
    with Running(tmp_path / "one", DESK_CAPS="off") as one:
        with Load(one) as load:
            until(lambda: len(load.heard) >= 30)
            began = time.monotonic()
            done = one.run("backup", str(archive))
            assert (done.returncode, archive.stat().st_mode & 0o777) == (0, 0o600), done.stderr.decode()
            until(lambda: len(load.heard) >= 60)
        before = [ident for ident, at in load.heard.items() if at < began]
        handled(one)
        notice = one.wait(ANNA, 60)[0]
    two = Running(tmp_path / "two", DESK_CAPS="off")
    restored = two.run("restore", str(archive))
    assert restored.returncode == 0, (restored.stdout + restored.stderr).decode()
    assert b"The ledger adds up." in restored.stdout
    with two:
        handled(two)
        two.send(ANNA, "#взять", answers=notice)
        until(lambda: "commands=['take']" in two.log())
        book = json.loads(two.run("ledger", "--json").stdout)
        assert (book["adds_up"], book["accepted"] >= len(before)) == (True, True)
        tickets = list(FileDataReader(two.data).tickets())
        wanted = {f"u{ident[1:].partition('@')[0].replace('.', 'x')}@example.org" for ident in before}
        senders = [ticket.requester.email for ticket in tickets]
        assert wanted <= set(senders)
        assert len(senders) == len(set(senders))
        assert sorted(ticket.number for ticket in tickets) == list(range(1, len(tickets) + 1))


def test_a_backup_that_is_killed_leaves_no_file_that_looks_like_one(tmp_path: Path) -> None:
    dice = random.Random(7)
    with Running(tmp_path / "one", DESK_CAPS="off") as desk:
        with Load(desk) as load:
            until(lambda: len(load.heard) >= 40)
        handled(desk)
        archive = tmp_path / "desk.tar.gz"
        start = time.monotonic()
        assert desk.run("backup", str(archive)).returncode == 0
        whole = time.monotonic() - start
        archive.unlink()
        for _ in range(4):
            process = subprocess.Popen([sys.executable, "run.py", "backup", str(archive)], cwd=ROOT, env=desk.env, stdout=subprocess.DEVNULL)
            time.sleep(dice.uniform(whole / 3, whole))
            process.send_signal(signal.SIGKILL)
            process.wait()
            if archive.exists():
                with tarfile.open(archive) as tar:
                    assert sum(name.endswith(".eml") for name in tar.getnames()) == len(load.heard)
                archive.unlink()
        assert desk.run("backup", str(archive)).returncode == 0
        assert [path.name for path in tmp_path.glob(".desk*")] == []


@pytest.mark.postgres
def test_a_restore_and_a_move_that_are_killed_are_run_again(tmp_path: Path, cluster: Cluster, database: str) -> None:
    """SIGKILL at a random moment: no desk starts on what is half there, and the second run leaves the same desk behind."""
    dice, archive, store = random.Random(3), tmp_path / "desk.tar.gz", cluster.url(database)
    with Running(tmp_path / "one", DESK_CAPS="off") as one:
        with Load(one) as load:
            until(lambda: len(load.heard) >= 60)
        handled(one)
        assert one.run("backup", str(archive)).returncode == 0
    book = json.loads(one.run("ledger", "--json").stdout)
    two, three = Running(tmp_path / "two"), Running(tmp_path / "two", DESK_STORE=store)
    for desk, command in ((two, ("restore", str(archive))), (two, ("move", "--to", store)), (three, ("move", "--to", "files"))):
        for _ in range(3):
            process = subprocess.Popen([sys.executable, "run.py", *command], cwd=ROOT, env=desk.env, stdout=subprocess.DEVNULL)
            while process.poll() is None and not any((two.data / name).exists() for name in ("incoming", "filling")):
                time.sleep(0.01)
            time.sleep(dice.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)
            process.wait()
        done = desk.run(*command)
        words = (done.stdout + done.stderr).decode()
        assert done.returncode == 0 or "already" in words, words  # the killed one may have come to its end
        goal = three if command[-1] == store else two
        assert json.loads(goal.run("ledger", "--json").stdout) == book
    with two:
        two.send(IVAN, f"{PROBLEM} последнее.", "Последнее")
        assert f"[PF-{len(load.heard) + 1}]" in two.wait(IVAN, 1)[0]["Subject"]


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "data/../../evil", "data/log/x", "run.py", "data/tickets/../secret"])
def test_an_archive_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    import io

    archive = tmp_path / "evil.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for member in ("data/secret", name):
            entry = tarfile.TarInfo(member)
            entry.size = 64
            tar.addfile(entry, io.BytesIO(b"x" * 64))
    desk = Running(tmp_path / "data")
    refused = desk.run("restore", str(archive))
    assert refused.returncode == 1
    assert b"does not belong" in refused.stderr or b"leads out" in refused.stderr
    assert [path.name for path in tmp_path.rglob("evil*")] == ["evil.tar.gz"]
    assert not (desk.data / "incoming").exists()
