"""What lies beside ours in the data folder (copies, leavings of editors, of Finder, of a NAS) is named and left alone, by whatever
looks at the folder.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from desk import MOSCOW_NOON, ROOT, TestDesk
from old import old_data, whole

from bot.data import erasure
from bot.data.backup import backup, unpack
from bot.data.health import health, repair
from bot.data.ledger import account
from bot.disk import Disk
from bot.letter_order import LetterOrder, Position
from bot.model import Delivery, Envelope
from bot.settings import Settings
from bot.store.factory import begun, has_signed, open_data_reader
from bot.store.files.inbox import Inbox
from bot.store.files.letters import FileLetters
from bot.store.files.names import ASIDE, DAY, HALF, LETTER, NOTE, SENT, TICKET, foreign
from bot.store.files.reader import FileDataReader
from bot.tools import doctor

PLACES = (
    "tickets", "tickets/live", "tickets/done", "tickets/done/000", "tickets/broken", "desk", "desk/broken", "inbox", "inbox/new", "inbox/cur",
    "inbox/tmp", "archive", "archive/2026-11-12", "archive/dropped", "parked", "outbox", "outbox/.tmp",
)  # fmt: skip
NAMES = (
    "12 (1).json", "12.json~", ".12.json.swp", "12.json.bak", "9x.json", "012.json", "0.json", "-1.json", "٣.json", "1e3.json",
    "12.sync-conflict-20261201-101112-ABCDEFG.json", "12 (conflicted copy).json", "99999999999999999999.json", "#12.json#", "._12.json",
    ".DS_Store", "Thumbs.db", "desktop.ini", ".nfs000000000001", ".fuse_hidden0001", "lost+found", "2026-11-12 (1).json", "2026-11.json",
    "2026-11-12.json.bak", "letter.eml", "20261112T094000000000-fd0b96 (1).eml", "20261112T094000000000-fd0b96.eml.bak",
    "._20261112T094000000000-fd0b96.eml", "20261112T094000000000-FD0B96.eml", "x\ny.json", "\x1b[31m.eml", os.fsdecode(b"\xff\xfe.json"),
)  # fmt: skip
TODAY = f"{MOSCOW_NOON:%Y-%m-%d}"
OURS = (  # what only a file may be called
    f"{TODAY}.json", "77.json", "2026-11-20.json", "20261123T090000000000-abcdef.eml", "20261123T090000000000-abcdef.json",
)  # fmt: skip


def plain(path: Path) -> None:
    path.write_bytes(b"{}")


def nested(path: Path) -> None:
    path.mkdir()
    (path / "12.json").write_bytes(b"{}")


def bound(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as one:
        here = os.open(path.parent, os.O_RDONLY)
        try:
            one.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def link(path: Path) -> None:
    path.symlink_to("/nowhere")


KINDS: dict[str, Callable[[Path], None]] = {"file": plain, "folder": nested, "pipe": os.mkfifo, "socket": bound, "link": link}


def littered(data: Path, kind: str) -> set[Path]:
    """Lays odd things of one kind into every folder of the desk; what they are."""
    laid = set()
    for place in PLACES:
        (data / place).mkdir(parents=True, exist_ok=True)
        for name in (*NAMES, *(OURS if kind != "file" else ()), *(("@eaDir",) if kind == "folder" else ())):
            KINDS[kind](path := data / place / name)
            laid.add(path)
    return laid


def shown(paths: set[Path]) -> set[str]:
    return {os.fsencode(path).decode("utf-8", "backslashreplace") for path in paths}


def chosen(data: Path) -> Settings:
    return Settings(data=data, rules=ROOT / "rules.yaml", templates=ROOT / "templates", dns="off", smtp="off")


@pytest.mark.parametrize("name", NAMES)
def test_no_odd_name_is_one_of_ours(name: str) -> None:
    assert not any(re.fullmatch(pattern, name) for pattern in (TICKET, DAY, LETTER, NOTE, SENT, ASIDE, HALF))


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_not_the_desks_is_named_and_left_alone_by_all(kind: str, tmp_path: Path) -> None:
    data = old_data(tmp_path / "data")
    laid = littered(data, kind)
    assert set(foreign(data)) == shown(laid)
    desk = TestDesk(data, ROOT / "rules.yaml", ())
    desk.now = MOSCOW_NOON
    await desk.restart()
    assert (desk.store.broken, desk.tickets(), len(desk.inbox.waiting())) == ([], [2, 3, 4, 5, 6, 7, 8], 1)
    await desk.desk.handle(desk.inbox.waiting()[0], Position(LetterOrder()))
    answer = next(one for one in desk.ticket(2).outgoing if (one.to, one.template) == ("maria@example.org", "clarify"))
    await desk.reply(answer, "maria@example.org", "Да, в наушниках звук есть.")
    await desk.send("ivan@example.org", "И с [PF-77], и с [PF-12] то же.", subject="Re: [PF-77] Чёрный экран")
    await desk.send("robot@example.org", "Меня нет.", subject="Автоответ", headers={"Auto-Submitted": "auto-replied"})
    assert (data / "desk" / (f"{TODAY}.json" if kind == "file" else f"{TODAY}.2.json")).is_file()
    await desk.store.archive_done(desk.now, 0)
    assert await desk.store.expire(desk.now - timedelta(days=40), FileLetters(desk.inbox)) == 1, "the records of September"
    assert desk.inbox.remove_leftovers(desk.now) == 0
    assert not [event for event, _ in desk.events if event in ("parked", "error")]
    assert await desk.store.stuck(Delivery.held) == []
    await desk.store.close()
    assert set(foreign(data)) == shown(laid)


@pytest.mark.parametrize("kind", KINDS)
def test_commands_that_look_or_mend_say_the_same_with_and_without_it(kind: str, tmp_path: Path) -> None:
    data = old_data(tmp_path / "data")
    laid, settings = littered(data, kind), chosen(data)
    assert begun(data, None) == ""
    assert has_signed(settings)
    with closing(open_data_reader(settings)) as reader:
        assert whole(book := account(reader)), book.as_text()
        assert reader.ticket(1) is not None
        assert reader.ticket(77) is None
        assert [one.letter for one in reader.parked()] == ["20261112T111500000005-fd0b96"]
        assert health(data, reader, None, MOSCOW_NOON)["parked"] == 1
        assert backup(settings, reader, tmp_path / "b.tar.gz", MOSCOW_NOON).tickets == 8
        plan = erasure.trace(reader, "maria@example.org", MOSCOW_NOON)
        assert sorted(plan.own) == [2, 4]
    erasure.files_without(data, plan)
    assert repair(data, print) == 0
    unpack(tmp_path / "b.tar.gz", tmp_path / "again")
    assert list(foreign(tmp_path / "again" / "data")) == []
    assert whole(account(FileDataReader(tmp_path / "again" / "data")))
    found = {one.what for one in doctor.files(settings) if "has data of format 1" not in one.what}
    assert found == {f"{path} is not the desk's, and is left alone" for path in shown(laid)}
    assert set(foreign(data)) == shown(laid)


def test_a_desk_with_foreign_files_alone_has_no_tickets(tmp_path: Path) -> None:
    littered(tmp_path, "file")
    assert not has_signed(chosen(tmp_path))


def test_a_copy_under_a_tickets_name_is_broken_and_not_the_ticket(tmp_path: Path) -> None:
    """`cp 3.json 9.json`: 9 is not 3, for the desk as for the ledger."""
    data = old_data(tmp_path / "data")
    live = data / "tickets" / "live"
    (live / "9.json").write_bytes((live / "3.json").read_bytes())

    async def opened() -> TestDesk:
        desk = await TestDesk.opened(data)
        await desk.store.close()
        return desk

    desk = asyncio.run(opened())
    assert [Path(one).name for one in desk.store.broken] == ["9.json"]
    assert desk.store.index.highest == 9
    assert [Path(one).name for one in account(FileDataReader(data)).broken] == ["9.json"]
    assert repair(data, print) == 1
    assert whole(account(FileDataReader(data)))


@pytest.mark.parametrize("ident", ["20261201T064602000000-1dfb3f", "20261201T064602000000-1dfb3f81cd38db8d"])
def test_a_letter_of_any_door_is_ours(ident: str, tmp_path: Path) -> None:
    """One out of a mailbox has a longer id, made of what it is."""
    inbox = Inbox(tmp_path, Disk())
    inbox.accept(b"Subject: x\r\n\r\n", Envelope(letter=ident, received=MOSCOW_NOON, mail_from="a@b"))
    assert (inbox.waiting(), list(foreign(tmp_path))) == ([ident], [])
