"""A desk on a disk that fails when it is told to, the people who write to it meanwhile, and the count of what
became of their letters.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import re
import shutil
import smtplib
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from daemon import Running

from bot.data.ledger import account
from bot.model import Disposition
from bot.store.files.reader import FileDataReader

ANNA = "anna@providence.film"
PROBLEM = "После обновления не открывается фильм: чёрный экран. Chrome 141, Windows 11. Что делать?"
PATIENCE = 120.0  # seconds for a desk to work off what it has


def library(folder: Path) -> Path:
    """faulty.c, compiled; the test is skipped where there is no compiler."""
    compiler, made = shutil.which("cc") or shutil.which("gcc"), folder / "faulty.so"
    if compiler is None:
        pytest.skip("there is no C compiler")
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([compiler, *options, "-o", made, Path(__file__).with_name("faulty.c"), "-ldl"], check=True)
    return made


class World:
    """One a test. `with world.desk:` runs the desk; `world.disk(lines…)` lets calls of it fail (see
    faulty.c), without lines none does.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._control = folder / "faults"
        Path(f"{self._control}.count").write_bytes(bytes(512))
        self.disk()
        preload = {"LD_PRELOAD": str(library(folder)), "FAULTS": str(self._control)}
        self.desk = Running(folder / "data", DESK_CAPS="off", **preload, **settings)
        self.accepted: dict[str, str] = {}  # Message-ID -> what kind of letter
        self.notes: list[str] = []
        self._number = itertools.count(1)

    def disk(self, *lines: str) -> None:
        """What fails from now on; the counts begin anew."""
        with contextlib.suppress(FileNotFoundError), Path(f"{self._control}.count").open("r+b") as counts:
            counts.write(bytes(512))
        fresh = self._control.with_suffix(".new")
        fresh.write_text("\n".join(lines))
        fresh.replace(self._control)

    # ------------------------------------------------------------------------------------------- letters in

    @contextlib.contextmanager
    def busy(self, clients: int = 4) -> Iterator[None]:
        """Customers, robots and an agent write, each letter until it is accepted, as mail servers do; over
        when the block is left.
        """
        over = threading.Event()
        chances = [random.Random(number) for number in range(clients)]
        people = [threading.Thread(target=self._write, args=(over, chance)) for chance in chances]
        people.append(threading.Thread(target=self._work, args=(over,)))
        for one in people:
            one.start()
        try:
            yield
        finally:
            over.set()
            for one in people:
                one.join()

    def _write(self, over: threading.Event, chance: random.Random) -> None:
        mine: list[str] = []  # Message-IDs of first letters
        while not over.is_set():
            kind = chance.choices(("new", "more", "robot", "copy"), (70, 15, 10, 5))[0] if mine else "new"
            number = next(self._number)
            who, ident, headers = f"{kind}{number}@example.org", f"{kind}.{number}@client.example", {}
            if kind in ("more", "copy"):  # of whoever wrote last
                who = mine[-1].replace(".", "", 1).replace("@client.example", "@example.org")
            if kind == "more":
                headers = {"References": f"<{mine[-1]}>"}
            elif kind == "copy":
                ident = mine[-1]
            elif kind == "robot":
                headers = {"Auto-Submitted": "auto-replied"}
            text = PROBLEM if kind in ("new", "copy") else f"И ещё: {number}."
            if self._sent(written(who, ident, text, headers), who, over) and kind != "copy":
                self.accepted[ident] = kind
                mine += [ident] if kind == "new" else []

    def _work(self, over: threading.Event) -> None:
        """The agent answers each notice of a new ticket with a note."""
        answered: set[str] = set()
        while not over.wait(0.5):
            with contextlib.suppress(OSError):
                for notice in self.desk.letters(ANNA):
                    ident = str(notice["Message-ID"])
                    if ident in answered or over.is_set() or "PF-" not in str(notice["Subject"]):
                        continue
                    answered.add(ident)
                    number, words = next(self._number), f"Re: {notice['Subject']}"
                    headers = {"To": str(notice["Reply-To"]), "In-Reply-To": ident, "Subject": words}
                    ident, note = f"note.{number}@client.example", f"пометка {number}."
                    if self._sent(written(ANNA, ident, f"#заметка\n{note}", headers), ANNA, over):
                        self.accepted[ident] = "note"
                        self.notes.append(note)

    def _sent(self, letter: EmailMessage, who: str, over: threading.Event) -> bool:
        """True when it was accepted; it is given up when all is over, and then nobody knows."""
        while True:
            try:
                with smtplib.SMTP("127.0.0.1", self.desk.port, timeout=20) as client:
                    client.sendmail(who, [str(letter["To"])], letter.as_bytes())
            except (OSError, smtplib.SMTPException):
                if over.wait(0.05):
                    return False
            else:
                return True

    # ---------------------------------------------------------------------------------- what became of them

    def settle(self) -> None:
        """Waits until the desk has worked off what it has; the disk must be well again."""
        new, end = self.desk.data / "inbox" / "new", time.monotonic() + PATIENCE
        while (left := len(list(new.iterdir()))) or json.loads(self.desk.run("health").stdout)["unsent"] != 0:
            assert time.monotonic() < end, f"{left} letters do not come to rest: {self.desk.log()[-3000:]}"
            time.sleep(0.2)

    def wrong(self) -> dict[str, Any]:
        """What is not as it must be: {} when no letter is lost, none doubled, no number left out, and
        everybody was answered once.
        """
        reader, found = FileDataReader(self.desk.data), dict[str, Any]()
        ledger, tickets = account(reader), list(reader.tickets())
        records = [one for _, one in reader.records()]
        rest = ledger.places["waiting"] + ledger.places["parked"]
        found["ledger"] = "" if ledger.adds_up and not rest else ledger.as_text()
        found["numbers"] = set(range(1, len(tickets) + 1)) ^ {one.number for one in tickets}
        dispositions = Counter(one.message_id for ticket in tickets for one in ticket.seen)
        dispositions += Counter(one.message_id for one in records if one.disposition and one.disposition is not Disposition.duplicate)
        found["lost"] = [ident for ident in self.accepted if not dispositions[ident]]
        found["doubled"] = [ident for ident, count in dispositions.items() if count > 1]
        answers = Counter(recipient(path) for path in self.desk.outbox.glob("*.eml"))
        people = [ticket.requester.email for ticket in tickets if ticket.requester.email.startswith("new")]
        found["answered"] = {person: answers[person] for person in people if answers[person] != 1}
        said = Counter(entry.text.strip() for ticket in tickets for entry in ticket.entries)
        found["notes"] = {note: said[note] for note in self.notes if said[note] != 1}
        return {what: which for what, which in found.items() if which}


def written(who: str, ident: str, text: str, headers: dict[str, str]) -> EmailMessage:
    """A letter to the desk."""
    letter = EmailMessage()
    letter["From"], letter["Message-ID"] = who, f"<{ident}>"
    for name, value in {"To": "support@providence.film", "Subject": "Не открывается", **headers}.items():
        letter[name] = value
    letter.set_content(text)
    return letter


def recipient(path: Path) -> str:
    """To whom a letter in the outbox goes."""
    found = re.search(rb"^Delivered-To: (\S+)", path.read_bytes(), re.MULTILINE)
    return found[1].decode() if found else ""
