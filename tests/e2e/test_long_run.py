"""What only time or numbers show: a desk with many tickets of which some are broken, and weeks of mixed letters.

`DESK_TICKETS=100000` and `DESK_LETTERS=20000` are for `.ci/long`.
"""

from __future__ import annotations

import email
import email.policy
import json
import os
import random
import smtplib
import statistics
import time
from email.message import EmailMessage
from pathlib import Path

from contract import ticket
from daemon import PATIENCE, ROOT, Running
from peers import Moody, relay, wait_for

from bot.store.files.documents import ticket_page

TICKETS, LETTERS = int(os.environ.get("DESK_TICKETS", "2000")), int(os.environ.get("DESK_LETTERS", "100"))
BROKEN = max(2, TICKETS // 1000)
ANNA, US = "anna@providence.film", "support@providence.film"
PROBLEM = "После обновления не открывается фильм: чёрный экран после Play. Chrome 141, Windows 11. Что делать?"
STRANGE = sorted((ROOT / "tests" / "letters").glob("*.eml")) + sorted((ROOT / "tests" / "hostile").glob("*.eml"))


def test_of_many_tickets_the_broken_ones_are_named_and_the_others_live(tmp_path: Path) -> None:
    live = tmp_path / "data" / "tickets" / "live"
    live.mkdir(parents=True)
    broken = set(random.Random(7).sample(range(2, TICKETS), BROKEN))
    for number in range(1, TICKETS + 1):
        page = ticket_page(ticket(number, who=f"u{number}@example.org"))
        (live / f"{number}.json").write_bytes(page[: len(page) // 2] if number in broken else page)
    (tmp_path / "data" / "secret").write_bytes(b"x" * 32)
    with Running(tmp_path / "data") as desk:
        desk.send("new@example.org", PROBLEM, "Не открывается фильм")
        [ack] = desk.wait("new@example.org", 1)
        assert ack["Subject"].startswith(f"[PF-{TICKETS + 1}]"), "no number is given twice"
        wait_for(lambda: desk.log().count("kind=broken") >= BROKEN, words=desk.log)
        wait_for(lambda: alerts(desk), words=desk.log)
        assert len(alerts(desk)) <= 12, "leads get a few letters, and then one that gathers the rest"
        listed = desk.run("list")
        assert (listed.returncode, b"cannot be read" in listed.stderr) == (1, True)
        assert desk.run("show", "1").returncode == 0
        assert memory(desk) < 200_000 + TICKETS  # KB, of the main process
        assert json.loads(desk.run("health").stdout)["broken"] == BROKEN
        assert desk.log().count("kind=broken") == BROKEN, "each is named once"
    assert desk.run("ledger").returncode == 1, "what stood in the broken ones is missing"


def alerts(desk: Running) -> list[EmailMessage]:
    """What leads were told of them."""
    return [one for one in desk.letters(ANNA) if "не читается" in str(one["Subject"])]


def memory(desk: Running) -> int:
    """Of the main process, in KB."""
    assert desk.process is not None
    lines = Path(f"/proc/{desk.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def descriptors(desk: Running) -> int:
    assert desk.process is not None
    return len(list(Path(f"/proc/{desk.process.pid}/fd").iterdir()))


def children(desk: Running) -> int:
    assert desk.process is not None
    tasks = Path(f"/proc/{desk.process.pid}/task").iterdir()
    return sum(len((task / "children").read_text().split()) for task in tasks)


class People:
    """Customers, agents and machines, who write as they would in a week; what they answer is what the desk sent."""

    def __init__(self, desk: Running, sink: Moody, seed: int) -> None:
        self.desk, self.sink, self.dice, self.count = desk, sink, random.Random(seed), 0
        self.last: dict[str, EmailMessage] = {}  # the last letter that somebody has from the desk

    def look(self) -> None:
        """What has come from the desk meanwhile."""
        for to, content in self.sink.got:
            self.last[to] = email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.default)
        self.sink.got.clear()

    def write(self) -> None:
        """One letter of any kind."""
        self.count += 1
        kind = self.dice.choices(("new", "reply", "command", "machine", "strange", "large"), (30, 20, 25, 10, 13, 2))[0]
        customers = [one for one in self.last if one != ANNA and not one.endswith("@providence.film")]
        if kind == "reply" and customers:
            who = self.dice.choice(customers)
            self.desk.send(who, "Спасибо, попробовал, всё то же самое: чёрный экран.", answers=self.last[who])
        elif kind == "command" and ANNA in self.last:
            words = self.dice.choice(("#взять", "#ответ\nПопробуйте ещё раз, пожалуйста.", "#решено\nПочинили.", "#очередь"))
            self.desk.send(ANNA, words, answers=self.last[ANNA])
        elif kind == "machine":
            self.send(f"From: robot@example.org\r\nTo: {US}\r\nSubject: Auto\r\nAuto-Submitted: auto-replied\r\n"
                      f"Message-ID: <m{self.count}@c.example>\r\n\r\nI am away.\r\n".encode(), self.dice.choice(("", "robot@example.org")))
        elif kind == "strange":
            self.send(self.dice.choice(STRANGE).read_bytes(), "strange@example.net")
        elif kind == "large":
            made = EmailMessage()
            made["From"], made["To"], made["Subject"] = f"l{self.count}@example.org", US, "Снимок"
            made["Message-ID"] = f"<l{self.count}@c.example>"
            made.set_content(PROBLEM)
            made.add_attachment(self.dice.randbytes(2_000_000), "application", "octet-stream", filename="log.bin")
            self.send(made.as_bytes(), f"l{self.count}@example.org")
        else:
            self.desk.send(f"u{self.count}@example.org", PROBLEM, f"Не открывается фильм {self.count}")

    def send(self, raw: bytes, sender: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.desk.port, timeout=PATIENCE) as client:
            client.sendmail(sender, [US], raw)


def test_weeks_of_mixed_letters_leave_nothing_behind(tmp_path: Path) -> None:
    with relay() as (sink, port), Running(
        tmp_path / "data", DESK_RELAY=f"smtp://127.0.0.1:{port}", DESK_CLIENT_LETTERS="0", DESK_CAPS="off"
    ) as desk:  # fmt: skip
        people, tenths = People(desk, sink, 12), []
        for _ in range(10):
            times = []
            for _ in range(LETTERS // 10):
                people.look()
                began = time.perf_counter()
                people.write()
                times.append(time.perf_counter() - began)
            wait_for(lambda: unread(desk) == 0, 120, words=desk.log)
            tenths.append((memory(desk), descriptors(desk), children(desk), statistics.median(times)))
        second, last = tenths[1], tenths[-1]
        assert last[1] <= second[1] + 8, f"descriptors: {tenths}"
        assert last[2] <= second[2] + 1, f"child processes: {tenths}"
        assert last[0] - second[0] < 8_000 + 4 * LETTERS, f"memory, KB: {tenths}"
        if LETTERS >= 5000:
            assert last[3] < 1.5 * second[3], f"seconds to the 250: {tenths}"
        assert list((desk.data / "spool").iterdir()) == []
        desk.stop()
        desk.start()  # on the same data: what it holds now is what live tickets need; the cache of tickets is cold
        for _ in range(20):
            people.write()
        wait_for(lambda: unread(desk) == 0, 120, words=desk.log)
        assert last[0] < 1.25 * memory(desk) + 4_000, f"a leak, in KB: {tenths}, and {memory(desk)} after a restart"
    assert desk.run("ledger").returncode == 0
    assert "kind=parked" not in desk.log()


def unread(desk: Running) -> int:
    return sum(1 for _ in (desk.data / "inbox" / "new").iterdir())
