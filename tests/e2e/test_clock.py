"""The real daemon under clocks that change: into summer and back, over a leap day and New Year, three days ahead and back.

libfaketime gives it its time; what time is left to it (sleeping, connections) is real. `DESK_CLOCKS=all` is for `.ci/long`.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from daemon import ROOT, Running
from peers import wait_for

from bot.model import Outgoing
from bot.store.files.reader import FileDataReader

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
pytestmark = [
    pytest.mark.skipif(LIBRARY is None and not os.environ.get("TEST_ALL"), reason="needs libfaketime (apt install libfaketime)"),
]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
VAGUE, CLEAR = "Ничего не работает!!!", "После обновления не открывается фильм: чёрный экран после Play. Chrome 141, Windows 11. Что делать?"
CLOCKS = [  # a day before what is to be passed, 12:00
    ("Europe/Berlin", "2027-03-26"), ("Europe/Berlin", "2027-10-29"), ("America/New_York", "2027-11-05"), ("Europe/Moscow", "2027-03-26"),
    ("Asia/Kolkata", "2028-02-27"), ("Europe/Moscow", "2027-02-27"), ("Europe/Moscow", "2026-12-30"),
]  # fmt: skip
SOME = CLOCKS if os.environ.get("DESK_CLOCKS") == "all" else CLOCKS[:1]


class Clock:
    """A daemon whose clock is in our hands."""

    def __init__(self, folder: Path, zone: str, start: datetime) -> None:
        self.zone, self.now, self._file = ZoneInfo(zone), start, folder / "offset"
        text = (ROOT / "rules.yaml").read_text("utf-8").replace("timezone: Europe/Moscow", f"timezone: {zone}")
        text = re.sub(r"(?ms)^calendar:\n.*?(?=^[a-z#])", "calendar:\n  hours: 00:00-24:00\n\n", text, count=1)
        (folder / "rules.yaml").write_text(text, "utf-8")
        self._set(start - HOUR)
        self.desk = Running(
            folder / "data", DESK_RULES=str(folder / "rules.yaml"), LD_PRELOAD=str(LIBRARY), FAKETIME_NO_CACHE="1", TZ=zone,
            FAKETIME_TIMESTAMP_FILE=str(self._file), FAKETIME_DONT_FAKE_MONOTONIC="1",
        )  # fmt: skip

    def _set(self, now: datetime) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{round(now.timestamp() - time.time()):+d}")
        fresh.replace(self._file)
        self.now = now

    def heard(self) -> Iterator[datetime]:
        """When the daemon gave signs of life, by its own clock."""
        log = self.desk.data / "log" / "desk.jsonl"
        for line in log.read_text("utf-8").splitlines(keepends=True) if log.exists() else ():
            if not line.endswith("\n"):
                return
            event = json.loads(line)
            if event["event"] == "heartbeat":
                yield datetime.fromisoformat(event["time"])

    def jump(self, to: datetime, told: dict[int, list[str]] | None = None) -> None:
        """Sets the clock; comes back when the daemon has looked at it, and has done to tickets what is `told`."""
        before, pushed = len(list(self.heard())), time.monotonic()
        self._set(to)

        def looked() -> bool:
            nonlocal pushed
            if time.monotonic() - pushed > 1.5:  # after a clock went back, what is done each minute waits for one
                self._set(self.now + timedelta(minutes=1))
                pushed = time.monotonic()
            return len(list(self.heard())) > before

        wait_for(looked, words=self.desk.log)
        if told is not None:
            wait_for(lambda: self.told() == told, words=lambda: f"{to}: {self.told()}, not {told}")

    def begin(self, start: datetime) -> None:
        """Comes back when the desk has read its data, has swept, and its clock says `start`. Files have the real
        time, which its clock would call old: a letter must not come in while it sweeps.
        """
        while not self.regular("digest"):
            self.jump(self.now + timedelta(minutes=1))
        self.jump(start)

    def told(self) -> dict[int, list[str]]:
        """What time alone has done to each ticket."""
        with closing(FileDataReader(self.desk.data)) as reader:
            return {
                one.number: [entry.about for entry in one.entries if entry.kind == "event" and not entry.letter and not entry.public]
                for one in reader.tickets()
            }

    def regular(self, about: str) -> list[str]:
        """The days of the digests, or the weeks of the reports."""
        with closing(FileDataReader(self.desk.data)) as reader:
            return sorted(one.words for _, one in reader.records() if one.about == about)

    def letters(self) -> list[Outgoing]:
        """All letters that the desk has made."""
        with closing(FileDataReader(self.desk.data)) as reader:
            return [one for each in (*reader.tickets(), *(record for _, record in reader.records())) for one in each.outgoing]

    def check(self) -> None:
        """At the end nothing waits, nothing is lost, no day has two digests, no week two reports, nothing went wrong."""
        wait_for(lambda: {one.state for one in self.letters()} == {"sent"}, words=self.desk.log)
        assert self.desk.stop() == 0
        assert len(list(self.desk.outbox.glob("*.eml"))) == len(self.letters())
        for about in ("digest", "report"):
            words = self.regular(about)
            assert len(words) == len(set(words)), f"{about}: {words}"
        assert '"event":"error"' not in (self.desk.data / "log" / "desk.jsonl").read_text("utf-8").replace(" ", "")
        assert self.desk.run("ledger").returncode == 0


@pytest.mark.parametrize(("zone", "day"), SOME)
def test_what_is_due_happens_once_over_a_change_of_the_clock(tmp_path: Path, zone: str, day: str) -> None:
    start = (datetime.fromisoformat(day) + DAY / 2).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    clock = Clock(tmp_path, zone, start)
    with clock.desk as desk:
        clock.begin(start)
        desk.send("olga@example.org", VAGUE, "Помогите")
        desk.send("ivan@example.org", CLEAR, "Не открывается фильм")
        desk.wait("olga@example.org", 1)
        desk.wait("ivan@example.org", 1)
        for hours, vague, clear in (
            (1, [], []), (24, [], []), (43, [], []), (45, [], ["warned"]), (49, [], ["warned", "overdue"]), (71, [], ["warned", "overdue"]),
            *((hours, ["reminded"], ["warned", "overdue"]) for hours in (73, 97, 121, 145)),
            (169, ["reminded", "closed_silence"], ["warned", "overdue"]),
        ):  # fmt: skip
            clock.jump(start + hours * HOUR, {1: vague, 2: clear})
            today = clock.now.astimezone(clock.zone).date()
            monday = today - timedelta(days=today.weekday() + 7)
            wait_for(lambda today=today: f"{today}" in clock.regular("digest"), words=desk.log)
            wait_for(lambda monday=monday: f"{monday:%G-W%V}" in clock.regular("report"), words=desk.log)
        clock.check()
    assert len(clock.regular("digest")) == 8
    assert len(clock.regular("report")) == 2


def test_three_days_ahead_and_back_double_nothing_and_keep_nothing(tmp_path: Path) -> None:
    start = datetime(2027, 3, 26, 11, tzinfo=UTC)
    clock = Clock(tmp_path, "Europe/Berlin", start)
    with clock.desk as desk:
        clock.begin(start)
        desk.send("olga@example.org", VAGUE, "Помогите")
        desk.wait("olga@example.org", 1)
        clock.jump(start + 73 * HOUR, {1: ["reminded"]})
        desk.send("ivan@example.org", CLEAR, "Не открывается фильм")
        desk.send("petr@example.org", VAGUE, "Помогите")
        desk.wait("petr@example.org", 1)
        clock.jump(start + HOUR)
        desk.send("vera@example.org", CLEAR, "Не открывается фильм")
        desk.wait("vera@example.org", 1)
        clock.jump(start + 51 * HOUR, {1: ["reminded"], 2: ["overdue"], 3: [], 4: ["overdue"]})
        clock.jump(start + 74 * HOUR, {1: ["reminded"], 2: ["overdue"], 3: ["reminded"], 4: ["overdue"]})
        closed = ["reminded", "closed_silence"]
        clock.jump(start + 8 * DAY, {1: closed, 2: ["overdue"], 3: closed, 4: ["overdue"]})
        clock.check()
