"""A desk that lost its key, and one that lives elsewhere: no command answers for what it cannot know."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster
from daemon import Running

IVAN = "ivan@example.org"
PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play."
LOOKING = (
    ("ledger",), ("list",), ("show", "1"), ("report",), ("repair",), ("doctor", "--no-letter"), ("health",), ("overrides",),
    ("parked", "list"), ("parked", "retry", "20261101T000000000000-abcdef"), ("held", "list"), ("suppressed", "list"),
    ("replay", "--rules", "rules.yaml"), ("backup", "x.tar.gz"), ("export", IVAN), ("forget", IVAN),
    ("secret", "rotate"), ("secret", "new"), ("failed", "list"), ("failed", "retry", IVAN), ("failed", "drop", IVAN), ("migrate",),
)  # fmt: skip


def long(*values: Any) -> Any:
    """A case of what others show as well: CI tries it."""
    return pytest.param(*values, marks=pytest.mark.long)


EVERY = (*LOOKING, ("serve",), ("deliver",))
SOME = (("ledger",), ("repair",), ("failed", "retry", IVAN), ("migrate",), ("serve",), ("deliver",))


def served(desk: Running) -> subprocess.CompletedProcess[bytes]:
    """A start that is expected to be refused."""
    return desk.run("serve")


def test_a_desk_with_tickets_and_no_secret_does_not_start(tmp_path: Path) -> None:
    desk = Running(tmp_path / "data")
    with desk:
        desk.send(IVAN, PROBLEM, "Фильм")
        desk.wait(IVAN, 1)
    secret = desk.data / "secret"
    old = secret.read_bytes()
    secret.unlink()
    refused = served(desk)
    assert refused.returncode == 2
    assert b"secret new" in refused.stderr
    assert not secret.exists(), "none was made without a word"
    assert desk.run("secret", "rotate").returncode == 1
    assert not secret.exists()
    assert b"is gone" in desk.run("doctor", "--no-letter").stdout
    made = desk.run("secret", "new")
    assert (made.returncode, secret.stat().st_mode & 0o777) == (0, 0o600)
    assert b"#confirm" in made.stdout
    assert secret.read_bytes() != old
    again = desk.run("secret", "new")
    assert (again.returncode, b"rotate" in again.stderr) == (1, True)
    with desk:
        desk.send("olga@example.org", PROBLEM, "Другой фильм")
        desk.wait("olga@example.org", 1)


def gone(secret: Path) -> None:
    secret.unlink()


def empty(secret: Path) -> None:
    secret.write_bytes(b"")


def cut_off(secret: Path) -> None:
    secret.write_bytes(secret.read_bytes()[:20])


def folder(secret: Path) -> None:
    secret.unlink()
    secret.mkdir()


def dangling(secret: Path) -> None:
    secret.unlink()
    secret.symlink_to("nowhere")


def foreign(secret: Path) -> None:
    secret.write_text("f" * 64)


STORES = ["files", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("spoil", [gone, *(long(one) for one in (empty, cut_off, folder, dangling, foreign))])
def test_every_command_says_the_same_of_a_secret_that_is_none(
    tmp_path: Path, spoil: Callable[[Path], None], store: str, request: pytest.FixtureRequest
) -> None:
    """And `secret new` is the way out. That a key is another's only a database can tell."""
    if spoil is foreign and store == "files":
        return
    more = {} if store == "files" else {"DESK_STORE": request.getfixturevalue("cluster").url(request.getfixturevalue("database"))}
    desk = Running(tmp_path / "data", **more)
    with desk:
        desk.send(IVAN, PROBLEM, "Фильм")
        desk.wait(IVAN, 1)
    spoil(desk.data / "secret")
    said = {gone: "is gone", empty: "has 0", cut_off: "has 20", folder: "not a folder", dangling: "a link to a file", foreign: "another key"}
    word = said[spoil].encode()
    refused = served(desk)
    assert (refused.returncode, word in refused.stderr) == (2, True), refused.stderr.decode()
    for words, code in ((("secret", "rotate"), 1), (("backup", str(tmp_path / "x.tar.gz")), 1)):
        done = desk.run(*words)
        assert (done.returncode, word in done.stderr) == (code, True), (words, done.stderr.decode())
    assert not (tmp_path / "x.tar.gz").exists()
    looked = b" ".join(desk.run("doctor", "--no-letter").stdout.split())
    assert word in looked, looked.decode()
    made = desk.run("secret", "new")
    assert (made.returncode, b"#confirm" in made.stdout) == (0, True), made.stderr.decode()
    assert len((desk.data / "secret").read_bytes()) == 65
    assert desk.run("backup", str(tmp_path / "x.tar.gz")).returncode == 0
    with desk:
        desk.send("olga@example.org", PROBLEM, "Другой фильм")
        desk.wait("olga@example.org", 1)


def test_a_desk_of_which_the_archive_alone_is_left_makes_no_key(tmp_path: Path) -> None:
    desk = Running(tmp_path / "data")
    with desk:
        desk.send(IVAN, PROBLEM, "Фильм")
        desk.wait(IVAN, 1)
    for name in ("tickets", "desk"):
        shutil.rmtree(desk.data / name)
    (desk.data / "secret").unlink()
    assert served(desk).returncode == 2
    assert not (desk.data / "secret").exists()


@pytest.mark.postgres
@pytest.mark.parametrize("how", ["move", "restore"])
def test_after_a_copy_into_a_database_no_machine_starts_without_its_key(
    tmp_path: Path, cluster: Cluster, database: str, how: str
) -> None:
    url, desk = cluster.url(database), Running(tmp_path / "one")
    with desk:
        desk.send(IVAN, PROBLEM, "Фильм")
        desk.wait(IVAN, 1)
    if how == "move":
        assert desk.run("move", "--to", url).returncode == 0
    else:
        assert desk.run("backup", str(tmp_path / "x.tar.gz")).returncode == 0
        desk = Running(tmp_path / "two", DESK_STORE=url)
        assert desk.run("restore", str(tmp_path / "x.tar.gz")).returncode == 0
    for name, key in (("without", ""), ("other", "f" * 64)):
        other = Running(tmp_path / name, DESK_STORE=url)
        other.data.mkdir(exist_ok=True)
        if key:
            (other.data / "secret").write_text(key)
        assert served(other).returncode == 2
        assert (other.data / "secret").exists() == bool(key)
    with Running(desk.data, DESK_STORE=url) as desk:
        desk.send("olga@example.org", PROBLEM, "Другой фильм")
        desk.wait("olga@example.org", 1)


def test_a_running_desk_whose_secret_was_removed_writes_it_again(tmp_path: Path) -> None:
    """`secret rotate` knows the old key: the running desk still has it in memory."""
    desk = Running(tmp_path / "data")
    with desk:
        desk.send(IVAN, PROBLEM, "Фильм")
        desk.wait(IVAN, 1)
        old = (desk.data / "secret").read_bytes()
        (desk.data / "secret").unlink()
        assert desk.run("secret", "rotate").returncode == 0
    assert old.strip() in (desk.data / "secret").read_bytes()


CUT_OFF = [(words, state) for words in (("serve",), ("deliver",), ("ledger",)) for state in ("filling", "incoming")]


@pytest.mark.parametrize(("words", "state"), [*((one, "moved") if one in SOME else long(one, "moved") for one in EVERY), *CUT_OFF])
def test_no_command_answers_for_a_desk_that_is_elsewhere(tmp_path: Path, words: tuple[str, ...], state: str) -> None:
    data = tmp_path / "data"
    (data / "incoming").mkdir(parents=True)
    (data / {"moved": "moved", "filling": "filling", "incoming": "incoming/complete"}[state]).write_text("postgresql", "ascii")
    desk = Running(data)
    done = desk.run(*words, stdin=b"From: ivan@example.org\n\nx\n")
    assert done.returncode == 75, (done.stdout + done.stderr).decode()
    assert (b"moved to a database" if state == "moved" else b"cut off") in done.stderr
    assert not (data / "secret").exists()
    assert not (data / "tickets").exists()


@pytest.mark.postgres
@pytest.mark.parametrize("words", [one if one in SOME else long(one) for one in EVERY], ids=" ".join)
@pytest.mark.parametrize("state", ["left", "half full"])
def test_nor_for_one_that_left_its_database_or_is_not_all_there(
    tmp_path: Path, elsewhere: dict[str, str], state: str, words: tuple[str, ...]
) -> None:
    done = Running(tmp_path / "data", DESK_STORE=elsewhere[state]).run(*words, stdin=b"From: ivan@example.org\n\nx\n")
    assert done.returncode == 75, (done.stdout + done.stderr).decode()
    assert b"DESK_STORE" in done.stderr
    assert (b"moved to files" if state == "left" else b"cut off") in done.stderr
    assert not (tmp_path / "data" / "secret").exists()


@pytest.fixture(scope="module")
def elsewhere(cluster: Cluster) -> dict[str, str]:
    """A database whose desk has moved to files, and one into which a move was cut off."""
    from bot.store.postgres import database, schema

    urls = {state: cluster.url(cluster.fresh()) for state in ("left", "half full")}
    schema.mark(urls["left"], database.LEFT, gone=True)
    schema.mark(urls["half full"], database.FILLING, gone=True)
    return urls


@pytest.mark.postgres
def test_a_machine_without_the_secret_of_its_database_makes_none(tmp_path: Path, cluster: Cluster, database: str) -> None:
    """The first daemon sets the key; a second machine has to be given it, and is not left with another."""
    url = cluster.url(database)
    with Running(tmp_path / "one", DESK_STORE=url):
        other = Running(tmp_path / "two", DESK_STORE=url)
        refused = served(other)
        assert refused.returncode == 2
        assert b"secret" in refused.stderr
        assert not (other.data / "secret").exists()
        busy = other.run("secret", "new")
        assert (busy.returncode, b"at work" in busy.stderr) == (75, True)
    assert other.run("secret", "new").returncode == 0
    with other:
        other.send(IVAN, PROBLEM, "Фильм")
        other.wait(IVAN, 1)


def test_a_folder_that_cannot_be_looked_into_is_no_desk_without_tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from bot.settings import Settings
    from bot.store.factory import has_signed

    (tmp_path / "tickets" / "live").mkdir(parents=True)
    real = os.scandir

    def torn(path: str) -> object:
        if str(path).endswith("live"):
            raise OSError(5, "Input/output error", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", torn)
    with pytest.raises(OSError, match="Input/output"):
        has_signed(Settings(data=tmp_path))

