"""A desk that lost its key, and one that lives elsewhere: no command answers for what it cannot know."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cluster import Cluster
from daemon import Running

IVAN = "ivan@example.org"
PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play."
LOOKING = (
    ("ledger",), ("list",), ("show", "1"), ("report",), ("repair",), ("doctor", "--no-letter"), ("health",), ("overrides",),
    ("parked", "list"), ("parked", "retry", "20261101T000000000000-abcdef"), ("held", "list"), ("suppressed", "list"),
    ("replay", "--rules", "rules.yaml"), ("backup", "x.tar.gz"), ("export", IVAN), ("forget", IVAN),
    ("secret", "rotate"), ("secret", "new"),
)  # fmt: skip


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


@pytest.mark.parametrize(("words", "state"), [*((one, "moved") for one in (*LOOKING, ("serve",), ("deliver",))), *CUT_OFF])
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
@pytest.mark.parametrize("words", [one for one in LOOKING if one[0] != "repair"], ids=" ".join)
def test_nor_for_one_that_left_its_database(tmp_path: Path, left: str, words: tuple[str, ...]) -> None:
    done = Running(tmp_path / "data", DESK_STORE=left).run(*words)
    assert done.returncode == 75, (done.stdout + done.stderr).decode()
    assert b"DESK_STORE" in done.stderr


@pytest.fixture(scope="module")
def left(cluster: Cluster) -> str:
    """A database whose desk has moved to files."""
    from bot.store.postgres import schema

    url = cluster.url(cluster.fresh())
    schema.leave(url, gone=True)
    return url


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

