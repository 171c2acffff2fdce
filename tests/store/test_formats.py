"""The format of the data: older data is read, newer data is refused by name, and the desk of today goes on with that of 1.0."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import msgspec
import pytest
from desk import TestDesk
from old import LETTERS, OLD, old_data, whole

from bot import __version__
from bot.data.ledger import account
from bot.disk import Disk
from bot.letter_order import LetterOrder, Position
from bot.model import Outgoing, Status, Ticket
from bot.store.data_access import FormatError
from bot.store.files import formats
from bot.store.files.formats import FORMAT, Mark, Step
from bot.store.files.reader import FileDataReader

ANNA, MARIA, IVAN = "anna@providence.film", "maria@example.org", "ivan@example.org"
THEN = datetime(2026, 11, 12, 11, 25, tzinfo=UTC)  # five minutes after its last letter
NEWER = Mark(FORMAT + 1, "9.1.0")


def marked(data: Path, mark: Mark) -> Path:
    data.mkdir(parents=True, exist_ok=True)
    (data / formats.NAME).write_bytes(msgspec.json.encode(mark))
    return data


def sent(ticket: Ticket, to: str, template: str) -> Outgoing:
    return next(one for one in ticket.outgoing if (one.to, one.template) == (to, template))


async def test_the_desk_of_today_goes_on_with_the_data_of_1_0(tmp_path: Path) -> None:
    desk = TestDesk(old_data(tmp_path / "data"), OLD.parent.parent / "rules.yaml", ())
    desk.now = THEN
    await desk.restart()
    assert (desk.store.broken, desk.tickets()) == ([], [2, 3, 4, 5, 6, 7, 8])
    for letter in desk.inbox.waiting():
        await desk.desk.handle(letter, Position(LetterOrder()))
    await desk.deliver()
    assert [one.template for one in desk.delivered if one.to == "oleg@example.net"] == ["reply"], "it waited to leave"
    await desk.reply(sent(desk.ticket(2), MARIA, "clarify"), MARIA, "Да, в наушниках звук есть.")
    assert (desk.ticket(2).status, desk.ticket(2).entries[-1].text) == (Status.in_progress, "Да, в наушниках звук есть.")
    await desk.reply(sent(desk.ticket(4), MARIA, "acknowledgement"), MARIA, "И в «Ностальгии» тоже.")
    assert desk.ticket(2).entries[-1].text == "И в «Ностальгии» тоже.", "4 was merged into 2"
    await desk.reply(sent(desk.ticket(3), ANNA, "notice_new"), ANNA, "#решено\nСубтитры исправлены.")
    assert desk.ticket(3).status is Status.done
    asked = await desk.reply(sent(desk.ticket(1), ANNA, "notice_new"), ANNA, "#заметка\nВспомнили об этом случае.")
    await desk.reply(asked[-1], ANNA, "#confirm")  # her address there has expired
    assert "Вспомнили" in desk.ticket(1).entries[-1].text, "it was filed"
    await desk.reply(sent(desk.ticket(1), IVAN, "resolved_solved"), IVAN, "Снова чёрный экран, Chrome 131, Windows 11.")
    assert [event for event, _ in desk.events if event in ("parked", "error")] == []
    await desk.store.close()
    book = account(FileDataReader(desk.data))
    assert whole(book, opened=2, appended=2, command=3), book.as_text()
    assert formats.read(desk.data).format == FORMAT


def test_every_ticket_and_record_of_1_0_is_read_whole(tmp_path: Path) -> None:
    """As the desk reads it, not as some report does."""
    reader = FileDataReader(old_data(tmp_path / "data"))
    assert sorted(one.number for one in reader.tickets()) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len(list(reader.records())) == 6
    assert sum(LETTERS.values()) + 3 == len(list(reader.letters()))
    assert reader.broken == []


def test_the_first_start_writes_the_format(tmp_path: Path) -> None:
    assert formats.bring(tmp_path, Disk()) == (FORMAT, FORMAT)
    assert formats.check(tmp_path).format == FORMAT


def test_data_without_a_mark_is_that_of_1_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = old_data(tmp_path / "data")
    (data / formats.NAME).unlink()
    monkeypatch.setattr(formats, "STEPS", (*formats.STEPS, Step(NEWER)))
    assert formats.check(data) == Mark(1, "1.0.0")
    assert formats.bring(data, Disk()) == (1, FORMAT + 1)
    assert formats.check(data) == NEWER
    assert formats.bring(tmp_path, Disk()) == (FORMAT + 1, FORMAT + 1), "there is nothing older in an empty folder"


def test_what_must_be_brought_over_is_refused_until_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off in the middle it is done again from the start."""
    tries = []

    def over(data: Path, _: Disk) -> None:
        tries.append(data)
        if len(tries) == 1:
            raise OSError(5, "cut off")

    data = old_data(tmp_path / "data")
    monkeypatch.setattr(formats, "STEPS", (*formats.STEPS, Step(NEWER, over)))
    with pytest.raises(FormatError, match=r"backup.*migrate"):
        formats.check(data)
    with pytest.raises(OSError, match="cut off"):
        formats.bring(data, Disk())
    assert formats.read(data).format == 1
    assert formats.bring(data, Disk()) == (1, FORMAT + 1)
    assert (formats.bring(data, Disk()), len(tries)) == ((FORMAT + 1, FORMAT + 1), 2)


def test_newer_data_is_refused_by_name(tmp_path: Path) -> None:
    marked(tmp_path, NEWER)
    for judge in (formats.check, lambda data: formats.bring(data, Disk())):
        with pytest.raises(FormatError, match=rf"format {FORMAT + 1}.*{__version__}.*format {FORMAT}.*version 9\.1\.0 or newer"):
            judge(tmp_path)
    assert formats.read(tmp_path) == NEWER


@pytest.mark.parametrize("content", [b"", b"2", b"{}", b'{"format":"x","needs":"1"}', b"\xff\xfe"])
def test_a_mark_that_makes_no_sense_is_said_to_be_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / formats.NAME).write_bytes(content)
    with pytest.raises(FormatError, match="cannot be understood"):
        formats.check(tmp_path)


def test_each_schema_of_the_database_says_which_format_it_holds() -> None:
    pytest.importorskip("psycopg", reason="the extra `pg` is not installed")
    schema = import_module("bot.store.postgres.schema")
    versions = import_module("bot.store.postgres.migrations.versions")
    found = [import_module(f"{versions.__name__}.{one.name}").revision for one in iter_modules(versions.__path__)]
    assert sorted(found) == list(schema.REVISIONS)
    assert schema.REVISIONS[schema.REVISION] == FORMAT, "a new format has a revision of its own"
