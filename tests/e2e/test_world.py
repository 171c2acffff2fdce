"""Faults of the world around the machine: a DNS that says nothing, a clock that jumps, a folder that may no longer be written."""

from __future__ import annotations

import json
import smtplib
import socket
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path

from daemon import Running
from peers import program, wait_for

from bot.store.files.documents import read_ticket

IVAN, MARIA, PETR, ANNA = "ivan@example.org", "maria@example.org", "petr@example.org", "anna@providence.film"
PROBLEM = "После обновления не открывается фильм: чёрный экран после Play. Chrome 141, Windows 11. Что делать?"
HOUR = 3600


# -------------------------------------------------------------------------------------------------------------------- DNS


@contextmanager
def silence():
    """The port of a name server that takes questions and answers none; and how many it was asked since one asked it that."""

    def asked() -> int:
        count = 0
        with suppress(BlockingIOError):
            while server.recv(2000):
                count += 1
        return count

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        yield server.getsockname()[1], asked


def signed(sender: str) -> bytes:
    """A letter whose signature can only be checked with the DNS."""
    letter = EmailMessage()
    letter["DKIM-Signature"] = (
        f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={sender.partition('@')[2]}; s=key; "
        "h=from:to:subject:date:message-id:content-type:content-transfer-encoding; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA"
    )
    letter["From"], letter["To"], letter["Subject"] = sender, "support@providence.film", "Не открывается"
    letter["Message-ID"], letter["Date"] = f"<{time.time_ns()}@client.example>", "Sun, 22 Nov 2026 12:00:00 +0300"
    letter.set_content(PROBLEM)
    return letter.as_bytes()


def test_without_a_dns_letters_are_unproved_and_none_waits_for_long(tmp_path):
    people = [f"user@shop{number}.example" for number in range(12)]
    with silence() as (port, asked), Running(tmp_path / "data", DESK_DNS=f"127.0.0.1:{port}", DESK_CAPS="off") as desk:
        desk.send(IVAN, PROBLEM, "warm")
        desk.wait(IVAN, 1)
        began = time.monotonic()
        with smtplib.SMTP("127.0.0.1", desk.port, timeout=20) as client:
            client.sendmail(people[0], ["support@providence.film"], signed(people[0]))
            assert time.monotonic() - began < 2, "a sender waits for our DNS"
            for person in people[1:]:
                client.sendmail(person, ["support@providence.film"], signed(person))
        for person in people:
            desk.wait(person, 1)
        assert time.monotonic() - began < 20, "twelve letters, side by side, of four seconds at the most each"
        assert asked() > 0
        with smtplib.SMTP("127.0.0.1", desk.port, timeout=20) as client:
            client.sendmail("user@late.example", ["support@providence.film"], signed("user@late.example"))
        desk.wait("user@late.example", 1)
        assert time.monotonic() - began > 30 or asked() == 0, "a DNS that has not answered for a while is not asked"


# ------------------------------------------------------------------------------------------------------------------ clock

CLOCKED = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from bot.app.daemon import serve
from bot.settings import Settings
offset = Path(sys.argv[1])
def now():
    return datetime.now(UTC) + timedelta(seconds=float(offset.read_text()))
asyncio.run(serve(Settings.load(), lambda line: print(line, flush=True), now))
"""


class Clocked(Running):
    """A desk whose clock is in our hands."""

    def __init__(self, data: Path, **settings: str) -> None:
        super().__init__(data, **settings)
        self._offset = data.parent / "clock"
        self.set(0)
        self.command = [sys.executable, "-c", CLOCKED, str(self._offset)]

    def set(self, hours: float) -> None:
        """So many hours from the true time."""
        new = self._offset.with_suffix(".new")
        new.write_text(str(hours * HOUR))
        new.replace(self._offset)


def ids(desk: Running) -> list[str]:
    """Of the letters, in the order in which they became tickets."""
    paths = sorted((desk.data / "tickets" / "live").glob("[0-9]*.json"), key=lambda path: int(path.stem))
    return [seen.letter for path in paths for seen in read_ticket(path).seen]


def test_a_clock_that_jumps_by_hours_loses_nothing_and_keeps_the_order(tmp_path):
    with Clocked(tmp_path / "data") as desk:
        for number, hours in enumerate((0, 6, -6, 30, 0)):
            desk.set(hours)
            for one in range(2):
                who = f"user{number}.{one}@example.org"
                desk.send(who, PROBLEM, "x")
                desk.wait(who, 1)
        assert ids(desk) == sorted(set(ids(desk)))
        assert len(ids(desk)) == 10
        desk.set(-3)
        desk.stop()
        with desk:  # and a start in a time before the last letters
            desk.send(IVAN, PROBLEM, "x")
            desk.wait(IVAN, 1)
        found = json.loads(desk.run("ledger", "--json").stdout)
        assert (found["adds_up"], found["places"]["opened"]) == (True, 11)
        assert len(set(ids(desk))) == 11
        assert "error" not in desk.log()


def test_a_clock_set_back_lets_waiting_letters_leave_and_latches_nobody(tmp_path):
    with Clocked(tmp_path / "data", DESK_UNDO="3") as desk:
        desk.set(6)
        desk.send(IVAN, PROBLEM, "x")
        [notice] = desk.wait(ANNA, 1)
        for subject in ("раз", "два", "три"):  # as many as may be answered in ten minutes
            desk.send(PETR, PROBLEM, subject)
        desk.wait(PETR, 3)
        desk.send(ANNA, "#ответ\nОчистите кеш, пожалуйста.", answers=notice)
        wait_for(lambda: any(one.template == "reply" for one in read_ticket(desk.data / "tickets" / "live" / "1.json").outgoing))
        desk.set(0)
        desk.wait(IVAN, 2)
        desk.send(PETR, PROBLEM, "четыре")
        desk.wait(PETR, 4)
        assert desk.run("held", "list").returncode == 0


# ------------------------------------------------------------------------------------------------------------ permission


@contextmanager
def forbidden(folder: Path):
    """Nobody may write there."""
    folder.chmod(0o500)
    try:
        yield
    finally:
        folder.chmod(0o750)


def code(desk: Running, who: str) -> int:
    """The reply to a letter."""
    try:
        desk.send(who, PROBLEM, "x")
    except smtplib.SMTPDataError as error:
        return error.smtp_code
    return 250


def test_a_folder_that_may_not_be_written_costs_time_and_no_letter(tmp_path):
    desk = Running(tmp_path / "data")
    # root may write everywhere unless that is taken from it
    desk.command = [program("setpriv"), "--inh-caps=-dac_override", "--bounding-set=-dac_override", *desk.command]
    with desk:
        desk.send(IVAN, PROBLEM, "x")
        desk.wait(IVAN, 1)
        with forbidden(desk.data / "inbox" / "tmp"):
            assert code(desk, MARIA) in (451, 452)
        with forbidden(desk.data / "tickets" / "live"):
            assert code(desk, PETR) == 250, "it is stored, only its ticket has to wait"
            wait_for(lambda: "PermissionError" in desk.log())
            assert desk.letters(PETR) == []
        desk.wait(PETR, 1)
        assert code(desk, MARIA) == 250
        desk.wait(MARIA, 1)
        found = json.loads(desk.run("ledger", "--json").stdout)
        assert (found["adds_up"], found["places"]["opened"]) == (True, 3)
        assert Counter(str(letter["To"]) for who in (IVAN, MARIA, PETR) for letter in desk.letters(who)) == {IVAN: 1, MARIA: 1, PETR: 1}
