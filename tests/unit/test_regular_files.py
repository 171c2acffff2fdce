"""What others put in the place of a file neither holds the desk nor leads it elsewhere; it is named, and what is allowed."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from desk import ROOT, TestDesk, opened
from typer.testing import CliRunner

from bot.app.context_loading import RulesRefused, read, sources
from bot.app.form_pages import form_pages
from bot.app.log import Log
from bot.cli import app
from bot.data.backup import RefusedError, backup, unpack
from bot.data.health import heartbeat
from bot.data.secret_file import SecretError, make_secret, read_secret
from bot.disk import DataLock, Disk
from bot.disk.regular_files import MOST, OddFileError, files_under, open_regular, read_regular
from bot.intake import form
from bot.settings import Settings, SettingsError, read_password
from bot.store.files.names import foreign
from bot.store.files.reader import FileDataReader

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def bound(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


ODD: dict[Callable[[Path], None], str] = {pipe: "a named pipe", bound: "a socket", Path.mkdir: "a folder"}
ALL = {**ODD, link: "a link", device: "a link"}


@pytest.mark.parametrize("odd", ALL, ids=lambda one: one.__name__)
def test_what_is_no_file_is_named_at_once(odd: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "x"
    odd(path)
    with pytest.raises(OddFileError, match=f"a regular file is needed here, not {ALL[odd]}.*{path}"):
        read_regular(path)
    with pytest.raises(OSError, match="No such file"):
        open_regular(tmp_path / "y")


@pytest.mark.parametrize("odd", [*ODD, device], ids=lambda one: one.__name__)
def test_a_link_may_lead_to_a_file_where_links_may_be_and_to_nothing_else(
    odd: Callable[[Path], None], tmp_path: Path
) -> None:
    odd(tmp_path / "x")
    (tmp_path / "l").symlink_to("x")
    with pytest.raises(OddFileError):
        read_regular(tmp_path / "l", links=True)
    (tmp_path / "f").write_bytes(b"1234")
    (tmp_path / "m").symlink_to("f")
    assert read_regular(tmp_path / "m", 4, links=True) == b"1234"
    with pytest.raises(OddFileError, match="at most 3 octets"):
        read_regular(tmp_path / "f", 3)
    assert MOST > 10**9


def test_a_folder_may_hold_links_to_its_own_files_as_a_volume_of_kubernetes_does(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    (folder / "..2026_11" / "ru").mkdir(parents=True)
    (folder / "..2026_11" / "ru" / "a.txt").write_text("x")
    (folder / "..data").symlink_to("..2026_11")
    (folder / "ru").symlink_to("..data/ru")
    (folder / "de").symlink_to("ru")
    (folder / "._ru").write_bytes(b"\xff\x00")  # what macOS leaves in a shared folder
    assert [path.relative_to(folder).as_posix() for path in files_under(folder)] == ["de/a.txt", "ru/a.txt"]
    assert sources(folder) == {"de/a.txt": "x", "ru/a.txt": "x"}
    (tmp_path / "here").symlink_to(folder)
    assert len(list(files_under(tmp_path / "here"))) == 2


@pytest.mark.parametrize("target", ["/etc/hostname", "..", "../..", "self.txt", "../up"])
def test_a_link_out_of_the_folder_or_in_a_circle_is_refused(target: str, tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    (folder / "ru").mkdir(parents=True)
    (folder / "up").symlink_to("ru")
    (folder / "ru" / "self.txt").symlink_to(target)
    with pytest.raises(OddFileError, match=r"a link may lead to a file in .*templates only"):
        list(files_under(folder))
    with pytest.raises(RulesRefused, match=r"self\.txt: cannot be read: a link may lead"):
        sources(folder)


@pytest.mark.parametrize("odd", ODD, ids=lambda one: one.__name__)
def test_rules_templates_secret_and_passwords(odd: Callable[[Path], None], tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(ROOT / "templates", templates)
    for path in (
        tmp_path / "rules.yaml",
        tmp_path / "secret",
        templates / "form" / "ru.html",
        templates / "ru" / "x.d",
    ):
        path.unlink(missing_ok=True)
        odd(path)
    with pytest.raises(
        RulesRefused, match=f"rules.yaml: cannot be read: a regular file is needed here, not {ODD[odd]}"
    ):
        read(tmp_path / "rules.yaml")
    with pytest.raises(SecretError, match=f"no secret .a regular file is needed here, not {ODD[odd]}"):
        read_secret(Settings(data=tmp_path), Disk())
    with pytest.raises(OddFileError):
        read_password(tmp_path / "secret")
    with pytest.raises(OddFileError, match=r"ru\.html"):
        form.check(form_pages(templates).bounded, opened(ROOT / "rules.yaml").policy.desk)
    if odd is not Path.mkdir:
        odd(templates / "ru" / "odd.txt")
        with pytest.raises(RulesRefused, match=r"odd\.txt: cannot be read"):
            sources(templates)


def test_large_rules_and_templates_are_refused_with_the_limit(tmp_path: Path) -> None:
    with (tmp_path / "rules.yaml").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(RulesRefused, match="at most 8,388,608 octets"):
        read(tmp_path / "rules.yaml")
    (tmp_path / "ru").mkdir()
    (tmp_path / "ru" / "a.txt").write_bytes(b"x" * (2**20 + 1))
    with pytest.raises(RulesRefused, match=r"ru/a\.txt: cannot be read: at most 1,048,576 octets"):
        sources(tmp_path)


def test_links_to_rules_and_secrets_are_what_admins_use(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").symlink_to(ROOT / "rules.yaml")
    assert read(tmp_path / "rules.yaml") == (ROOT / "rules.yaml").read_bytes()
    make_secret(tmp_path / "real", Disk())
    (tmp_path / "secret").symlink_to("real")
    assert read_secret(Settings(data=tmp_path), Disk()) == read_secret(Settings(data=tmp_path, secret_file=tmp_path / "real"), Disk())


def test_settings_that_name_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(tmp_path / "p")
    for name in ("TLS_CERT", "TLS_KEY", "RELAY_PASSWORD_FILE", "IMAP_PASSWORD_FILE"):
        monkeypatch.setenv(f"DESK_{name}", str(tmp_path / "p"))
    with pytest.raises(SettingsError, match=f"DESK_TLS_CERT={tmp_path / 'p'}: allowed is a PEM file"):
        Settings.load()
    for name in ("TLS_CERT", "TLS_KEY"):
        monkeypatch.delenv(f"DESK_{name}")
    monkeypatch.setenv("DESK_RELAY", "smtps://user@relay.example.net")
    with pytest.raises(SettingsError, match="DESK_RELAY_PASSWORD_FILE"):
        Settings.load()


@pytest.mark.parametrize("odd", ALL, ids=lambda one: one.__name__)
def test_explain_says_what_a_file_is_and_goes_on(
    odd: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("RULES", "TEMPLATES"):
        monkeypatch.setenv(
            f"DESK_{name}", str(ROOT / {"RULES": "rules.yaml", "TEMPLATES": "templates"}[name])
        )
    odd(tmp_path / "a.eml")
    (tmp_path / "b.eml").write_bytes(b"From: ivan@example.org\nSubject: x\n\nThe player shows error 17.\n")
    shown = CliRunner().invoke(app, ["explain", "--json", "a.eml", "b.eml"])
    first, second = shown.output.splitlines()
    assert shown.exit_code == 1
    assert f"a regular file is needed here, not {ALL[odd]}" in first
    assert "The player shows error 17." in second


@pytest.mark.parametrize("odd", ALL, ids=lambda one: one.__name__)
async def test_what_is_no_file_in_the_data_folder_is_not_the_desks_whatever_its_name(
    odd: Callable[[Path], None], tmp_path: Path
) -> None:
    """It is named, and neither a ticket nor a letter."""
    desk = await TestDesk.opened(tmp_path / "data")
    await desk.send(
        "ivan@example.org", "Не открывается фильм «Сталкер», чёрный экран в Chrome 131.", subject="Фильм"
    )
    live, new = desk.data / "tickets" / "live", desk.data / "inbox" / "new"
    odd(live / "7.json")
    odd(new / "20261123T090000000000-abcdef.eml")
    odd(desk.data / "desk" / "2026-11-20.json")
    await desk.restart()
    assert desk.inbox.waiting() == []
    await desk.send(
        "olga@example.org", "Не открывается фильм «Солярис», чёрный экран в Chrome 131.", subject="Фильм"
    )
    reader = FileDataReader(desk.data)
    assert {ticket.requester.email for ticket in reader.tickets()} == {
        "ivan@example.org",
        "olga@example.org",
    }
    list(reader.records())
    assert reader.broken == []
    assert {Path(one).name for one in foreign(desk.data)} == {"7.json", "20261123T090000000000-abcdef.eml", "2026-11-20.json"}


def test_the_log_waits_for_nobody(tmp_path: Path) -> None:
    pipe(tmp_path / "desk.jsonl")
    link(tmp_path / "desk.log")
    log = Log(tmp_path, lambda: NOW)
    log("started", version="1", pid=1)
    log.close()
    assert log.lost == 1
    with pytest.raises(OSError, match=r"desk\.jsonl"):
        heartbeat(tmp_path / "desk.jsonl", NOW)
    link(tmp_path / "lock")
    with pytest.raises(OSError, match="symbolic links"):
        DataLock(tmp_path).take()


async def test_backup_and_restore(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path / "data")
    make_secret(desk.settings.secret_file, Disk())
    pipe(tmp_path / ".b.tar.gz.0123.part")
    assert backup(desk.settings, FileDataReader(desk.data), tmp_path / "b.tar.gz", NOW).letters == 0
    pipe(tmp_path / "p.tar.gz")
    with pytest.raises(OSError, match="not a named pipe"):
        unpack(tmp_path / "p.tar.gz", tmp_path / "incoming")
    (tmp_path / "l.tar.gz").symlink_to("b.tar.gz")
    unpack(tmp_path / "l.tar.gz", tmp_path / "incoming")
    assert (tmp_path / "incoming" / "data" / "secret").is_file()
    (tmp_path / "x.tar.gz").write_bytes(b"x")
    with pytest.raises(RefusedError):
        unpack(tmp_path / "x.tar.gz", tmp_path / "incoming")
