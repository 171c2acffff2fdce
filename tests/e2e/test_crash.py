"""Nothing is lost, doubled or reordered: the power goes at every step of the disk in turn, and the daemon is killed under load.

DESK_STEPS=all tries every step (otherwise a sample), DESK_KILLS=200 is the long run of the second.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import random
import re
import signal
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from daemon import Running
from desk import TestDesk

from bot.data.ledger import account
from bot.delivery import outbox
from bot.delivery.folder import Folder
from bot.disk import Disk, Write
from bot.letter_order import LetterOrder, Position
from bot.model import Envelope, Outgoing
from bot.store.files.documents import read_ticket
from bot.store.files.reader import FileDataReader

IVAN, MARIA, ANNA = "ivan@example.org", "maria@example.org", "anna@providence.film"
EVERY = 1 if os.environ.get("DESK_STEPS") == "all" else 9
KILLS = int(os.environ.get("DESK_KILLS", "15" if os.environ.get("TEST_ALL") == "1" else "4"))


class Counting(Disk):
    """Counts the steps of the disk; at the step `at` something happens instead, or within it."""

    def __init__(self, at: int = -1, trouble: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.steps, self.at, self.trouble = 0, at, trouble
        self._one = threading.Lock()

    def step(self) -> None:
        with self._one:
            self.steps += 1
            if self.steps == self.at:
                self.trouble()

    def create(self, path: Path, data: bytes, mode: int = 0o640) -> None:
        if self.steps + 1 == self.at:
            path.write_bytes(data[: len(data) // 2])
        self.step()
        super().create(path, data, mode)

    def fsync(self, handle: int) -> None:
        self.step()
        super().fsync(handle)

    def sync_all(self, handle: int) -> None:
        self.step()
        super().sync_all(handle)

    def rename(self, source: Path, target: Path) -> None:
        self.step()
        super().rename(source, target)
        self.step()

    def link(self, source: Path, target: Path) -> None:
        self.step()
        super().link(source, target)
        self.step()

    def unlink(self, path: Path) -> None:
        self.step()
        super().unlink(path)

    def write_group(self, writes: list[Write]) -> list[OSError | None]:
        """Small groups too go the way of large ones every other time: both ways are tried."""
        if len(writes) == 2:
            writes = [*writes, Write(writes[0].tmp.with_name(".third"), writes[0].tmp.with_name(".third.end"), b"")]
        return super().write_group(writes)[:2] if writes[-1].path.name == ".third.end" else super().write_group(writes)


class Played(TestDesk):
    """A desk on a given disk, with its outbox in a folder; clients try until they hear 250, the desk until a letter is done."""

    @classmethod
    async def on(cls, data: Path, disk: Disk, heard: Callable[[], None] = lambda: None) -> Played:
        desk = cls(data, Path(__file__).parent.parent.parent / "rules.yaml", (), undo=0, caps=False)
        desk.disk, desk.heard = disk, heard
        await lasting(desk.wake)
        return desk

    async def wake(self) -> None:
        from bot.store.files.inbox import Inbox

        self.inbox = Inbox(self.data, self.disk)
        self.sender = Folder(self.data / "outbox", self.disk)
        await self.restart()

    async def raw(self, letter: bytes, mail_from: str = "?", recipients: tuple[str, ...] = ("support@providence.film",)) -> list[Outgoing]:
        async def take() -> None:
            envelope = Envelope(letter=self.inbox.new_id(self.now), received=self.now, mail_from=mail_from, recipients=recipients)
            await self.inbox.take(letter, envelope)

        await lasting(take)
        self.heard()
        await self.work_off()
        return []

    async def work_off(self) -> None:
        """What the daemon does with the letters of its inbox."""
        for ident in self.inbox.waiting():
            await lasting(lambda ident=ident: self.desk.handle(ident, Position(LetterOrder())))
        await self.deliver()


async def lasting(work: Callable[[], Awaitable[None]]) -> None:
    for _ in range(5):
        try:
            return await work()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
    raise AssertionError("one failure of the disk, and it fails for ever")


def notice(desk: Played, number: int) -> Outgoing:
    found = desk.store.get(number)
    assert found is not None
    return next(one for one in found.outgoing if one.to == ANNA)


def numbers(desk: Played, message_id: str) -> list[int]:
    rows = [desk.store.get(number) for number in sorted(desk.store.index.lines)]
    return [one.number for one in rows if one and any(seen.message_id == message_id for seen in one.seen if seen.disposition == "opened")]


def the(desk: Played, message_id: str) -> int:
    [number] = numbers(desk, message_id)
    return number


async def tell(desk: Played, number: int, words: str, ident: str) -> None:
    await desk.reply(notice(desk, number), ANNA, words, message_id=ident)


async def follow(desk: Played) -> None:
    found = desk.store.get(the(desk, "a@x"))
    assert found is not None
    await desk.reply(next(one for one in found.outgoing if one.to == IVAN), IVAN, "И ещё пропал звук.", message_id="d@x")


PROBLEM = "После обновления не открывается фильм: чёрный экран после Play. Chrome 141, Windows 11. Что делать?"
STEPS: tuple[Callable[[Played], Awaitable[object]], ...] = (
    lambda desk: desk.send(IVAN, PROBLEM, subject="Не открывается фильм", message_id="a@x"),
    lambda desk: desk.send(IVAN, PROBLEM + " И второе.", subject="Не открывается второй", message_id="b@x"),
    lambda desk: desk.send(MARIA, PROBLEM, subject="Проблема", message_id="c@x"),
    follow,
    lambda desk: desk.send(MARIA, "Меня нет на месте.", subject="Автоответ", headers={"Auto-Submitted": "auto-replied"}, message_id="e@x"),
    lambda desk: tell(desk, the(desk, "b@x"), f"#merge PF-{the(desk, 'a@x')}", "f@x"),
    lambda desk: tell(desk, the(desk, "c@x"), "#split", "g@x"),
    lambda desk: tell(desk, the(desk, "a@x"), "#ответ\nПерезапустите браузер, пожалуйста.", "h@x"),
    lambda desk: desk.send(IVAN, PROBLEM, subject="Не открывается фильм", message_id="a@x"),
    lambda desk: tell(desk, the(desk, "a@x"), "#решено\nВсё починили, спасибо за терпение!", "i@x"),
)  # fmt: skip


async def play(desk: Played, begin: int = 0) -> None:
    for step in STEPS[begin:]:
        await step(desk)
    await desk.pass_time(minutes=5)  # what a failing outbox put off
    await desk.store.close()


def outcome(data: Path) -> dict[str, object]:
    """What a desk has come to: its tickets, and what lies in the outbox folder."""
    found = [read_ticket(path) for path in sorted((data / "tickets" / "live").glob("[0-9]*.json"))]
    letters = Counter(re.search(rb"^Message-ID: (\S+)", path.read_bytes(), re.MULTILINE)[1] for path in (data / "outbox").glob("*.eml"))
    made = [one for ticket in found for one in ticket.outgoing]
    assert not [one for one in made if one.state == "waiting"]
    ids = {f"<{one.message_id}>".encode() for one in made if one.state == "sent"}
    assert ids <= set(letters), "a letter is recorded as sent and does not lie in the outbox"
    assert set(letters.values()) == {1}
    return {
        "tickets": sorted((one.status, sorted(seen.disposition for seen in one.seen), bool(one.merged_into)) for one in found),
        "templates": Counter((one.template, one.to) for one in made),
        "in the outbox": sum(letters.values()),
    }


def check(data: Path, expected: dict[str, object]) -> None:
    ledger = account(FileDataReader(data))
    assert ledger.adds_up, ledger.as_text()
    assert ledger.places["waiting"] == ledger.places["parked"] == 0
    assert outcome(data) == expected


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, object]]:
    """The story without trouble: how many steps of the disk it takes, and what it comes to."""
    data, disk = tmp_path_factory.mktemp("calm"), Counting()

    async def whole() -> None:
        await play(await Played.on(data, disk))

    asyncio.run(whole())
    assert account(FileDataReader(data)).adds_up
    assert len(outcome(data)["tickets"]) >= 3
    return disk.steps, outcome(data)


def refuse() -> None:
    raise OSError(errno.EIO, "the disk fails once")


def test_a_disk_that_fails_once_at_any_step_loses_nothing(calm, tmp_path, monkeypatch):
    monkeypatch.setattr(outbox, "PATIENCE", outbox.PATIENCE * 0)
    for at in range(1, calm[0] + 1, EVERY):
        data = tmp_path / str(at)

        async def whole(data: Path = data, at: int = at) -> None:
            await play(await Played.on(data, Counting(at, refuse)))

        asyncio.run(whole())
        ledger = account(FileDataReader(data))
        assert ledger.adds_up, f"step {at}: {ledger.as_text()}"
        assert outcome(data) == calm[1], f"step {at}"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_dies_at_any_step_loses_nothing(calm, tmp_path):
    for at in range(2, calm[0] + 1, EVERY):
        data = tmp_path / str(at)
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                asyncio.run(dying(data, at, theirs))
            os._exit(1)
        os.close(theirs)
        heard = len(os.read(ours, 1000)) if os.waitpid(child, 0)[1] == 9 << 8 else -1
        os.close(ours)
        assert heard >= 0, f"step {at}: the process did not die there"

        async def rest(data: Path = data, heard: int = heard) -> None:
            desk = await Played.on(data, Disk())
            await desk.work_off()
            await play(desk, heard)

        asyncio.run(rest())
        ledger = account(FileDataReader(data))
        assert ledger.adds_up, f"step {at}: {ledger.as_text()}"
        found = outcome(data)
        assert found["tickets"] == calm[1]["tickets"] or repeated(data), f"step {at}: {found} != {calm[1]}"
        assert found["templates"] == calm[1]["templates"], f"step {at}"


def repeated(data: Path) -> bool:
    """A letter that was stored, but whose 250 the client never heard, came again: it is a duplicate."""
    return account(FileDataReader(data)).places["duplicate"] == 2


async def dying(data: Path, at: int, theirs: int) -> None:
    """The story up to the step `at`; a byte in the pipe for each 250 that a client has heard."""
    await play(await Played.on(data, Counting(at, lambda: os._exit(9)), lambda: os.write(theirs, b".") and None))


# ------------------------------------------------------------------------------------------------------- killed under load


class Client(threading.Thread):
    """Somebody who writes letter after letter, and remembers which of them were accepted."""

    def __init__(self, desk: Running, name: str) -> None:
        super().__init__(daemon=True)
        self.desk, self.who = desk, name
        self.accepted: list[str] = []
        self.over = threading.Event()
        self.count = 0

    def run(self) -> None:
        while not self.over.is_set():
            self.count += 1
            ident = f"{self.who}.{self.count}@client.example"
            letter = EmailMessage()
            letter["From"], letter["To"], letter["Subject"] = f"{self.who}{self.count}@example.org", "support@providence.film", "Не работает"
            letter["Message-ID"] = f"<{ident}>"
            letter.set_content(PROBLEM)
            try:
                with smtplib.SMTP("127.0.0.1", self.desk.port, timeout=5) as client:
                    client.sendmail(f"{self.who}{self.count}@example.org", ["support@providence.film"], letter.as_bytes())
                    self.accepted.append(ident)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)


@pytest.mark.slow
def test_a_daemon_killed_under_load_loses_and_doubles_nothing(tmp_path):
    random_moments = random.Random(7)
    desk = Running(tmp_path / "data", DESK_CAPS="off")
    accepted: list[str] = []
    for kill in range(KILLS):
        desk.start()
        clients = [Client(desk, f"k{kill}c{n}") for n in range(6)]
        for client in clients:
            client.start()
        time.sleep(random_moments.uniform(0.2, 1.2))
        desk.stop(signal.SIGKILL)
        for client in clients:
            client.over.set()
        for client in clients:
            client.join()
            accepted += client.accepted
    with desk:
        settled(desk)
    assert len(accepted) > KILLS
    ledger = account(FileDataReader(desk.data))
    assert ledger.adds_up, ledger.as_text()
    assert ledger.places["waiting"] == ledger.places["parked"] == 0
    tickets = [read_ticket(path) for path in (desk.data / "tickets" / "live").glob("[0-9]*.json")]
    opened = Counter(seen.message_id for one in tickets for seen in one.seen)
    assert [ident for ident in accepted if opened[ident] != 1] == []
    assert max(opened.values()) == 1
    acknowledged = Counter(re.search(rb"^To: (\S+)", path.read_bytes(), re.MULTILINE)[1].decode() for path in desk.outbox.glob("*.eml"))
    assert [one.requester.email for one in tickets if acknowledged[one.requester.email] != 1] == []


def settled(desk: Running) -> None:
    """Waits until nothing is left to do; in the long run thousands of letters are, since a desk that is killed at once only takes them."""
    before, since = (-1, -1), time.monotonic()
    while time.monotonic() - since < 60:
        now = len(list((desk.data / "inbox" / "new").iterdir())), len(list(desk.outbox.iterdir()))
        if now == before and not now[0] and json.loads(desk.run("health").stdout)["unsent"] == 0:
            return
        if now != before:
            before, since = now, time.monotonic()
        time.sleep(1)
    raise AssertionError(f"the desk does not come to rest: {before[0]} letters wait")
