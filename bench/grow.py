"""Old desks for measuring: many filed tickets or many live ones, as files just as the store leaves them.

    python bench/grow.py FOLDER live|filed NUMBER

Then, as one JSON object: the time until the daemon takes letters and until it has loaded, its memory, and what the commands that
look at everything take: ledger, report, replay.
A desk of ours makes the first ticket, out of a real letter; the others are copies of it with numbers, people, ids and days of their
own: files of their own, of the same size (about 12 KB), and so is the archived letter of each of the first 100,000.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from common import ANSWERS, ROOT, Load, Unmeasured, aside, desk, disk_use, family, memory, temporary, wait_for  # first: it makes the product known
from msgspec.structs import replace

from bot.model import Resolution, Status
from bot.store.files.documents import read_ticket, ticket_page

NUMBER = 987_654_321  # of the first ticket: digits that stand nowhere else in it
A_DAY = 10_000  # letters
ARCHIVED = 100_000  # tickets whose letters lie in the archive; of more, only the tickets are made
FREE = 1.2  # times the bytes that are needed, before a desk is made
WORKERS = len(os.sched_getaffinity(0))


class Mould:
    """A ticket and its letter as a running desk has made them, to make others of."""

    def __init__(self) -> None:
        with temporary() as place:
            data = place / "desk"
            last = data / "tickets" / "done" / f"{NUMBER // 1000}" / f"{NUMBER - 1}.json"
            last.parent.mkdir(parents=True)
            last.touch()  # the desk takes the next number
            with desk(data) as server:
                Load(place / "load", 1).send(server.where)
                wait_for(ANSWERS, data / "outbox")
            self.ticket = read_ticket(data / "tickets" / "live" / f"{NUMBER}.json")
            self.letter = next((data / "archive").glob(f"*/{self.ticket.seen[0].letter}.eml")).read_bytes()

    def page(self, status: Status, now: datetime) -> bytes:
        """The ticket's file, had it been opened some days ago, with everything sent and nothing to be done before a month is over."""
        past, later = now - timedelta(days=2 if status is Status.created else 400), now + timedelta(days=30)
        sent = tuple(replace(one, created=past, due=past, done_at=past) for one in self.ticket.outgoing)
        end: dict[str, Any] = {"done_at": past, "resolution": Resolution.solved, "timer": None} if status is Status.done else {"timer": later}
        return ticket_page(replace(self.ticket, opened=past, changed=past, due=later, status=status, outgoing=sent, **end))

    def fill(self, data: Path, status: Status, numbers: range) -> None:
        """Tickets of these numbers and their archived letters, on all cores. Raises Unmeasured where the disk is too small for them."""
        needed = (len(self.page(status, datetime.now(UTC))) + len(self.letter) + 8192) * len(numbers) * FREE
        data.mkdir(parents=True, exist_ok=True)
        if needed > shutil.disk_usage(data).free:
            raise Unmeasured(f"{len(numbers):,} tickets need {needed / 2**30:.0f} GB free in {data}")
        step = -(-len(numbers) // WORKERS) or 1
        parts = [numbers[at : at + step] for at in range(0, len(numbers), step)]
        workers = [multiprocessing.get_context("fork").Process(target=self._write, args=(data, status, part)) for part in parts]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
            if one.exitcode:
                raise Unmeasured(f"the tickets could not be written: exit code {one.exitcode}")
        os.sync()

    def _write(self, data: Path, status: Status, numbers: range) -> None:
        first, made = self.ticket.seen[0].letter.encode(), set()
        page = self.page(status, datetime.now(UTC))
        for number in numbers:
            folder = data / "tickets" / ("live" if status is Status.created else f"done/{number // 1000:03}")
            day = data / "archive" / f"{ident(number)[:4]}-{ident(number)[4:6]}-{ident(number)[6:8]}"
            for one in {folder, day} - made:
                one.mkdir(parents=True, exist_ok=True)
                made.add(one)
            files = (folder / f"{number}.json", page), (day / f"{ident(number)}.eml", self.letter)
            for path, content in files[: 1 if number > ARCHIVED else 2]:
                content = content.replace(first, ident(number).encode()).replace(b"%d" % NUMBER, b"%d" % number)
                path.write_bytes(content.replace(b"user0@", b"user%d@" % number))


def ident(number: int) -> str:
    """Its letter's id."""
    return f"{datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=number / A_DAY):%Y%m%dT%H%M%S%f}-{number % 2**24:06x}"


def as_filled(data: Path) -> None:
    """What measures have left goes out of the desk's way; it is not removed yet, see `temporary`."""
    done = [data / name for name in ("tickets/live", "outbox", "desk", "inbox", "log")]
    for folder in [*done, *(data / "archive").glob(f"{datetime.now(UTC):%Y-*}")]:
        aside(folder, data.parent)


def measure_start(data: Path) -> dict[str, float]:
    """Seconds until the daemon takes letters and until its first answer has left, for which it must have loaded; its megabytes."""
    outbox = data / "outbox"
    shutil.rmtree(outbox, ignore_errors=True)
    with desk(data) as server:
        began = time.time()
        Load(data.with_suffix(".first"), 1).send(server.where)
        loaded = wait_for(ANSWERS, outbox) - began
        time.sleep(1)
        main, everyone = memory(server.pid), memory(*family(server.pid))
    return {"ready_s": server.ready, "loaded_s": server.ready + loaded, "main_mb": main, "all_mb": everyone}


def command(data: Path, *words: str, stdin: bytes = b"") -> dict[str, float]:
    """Seconds and megabytes of a command of run.py, its start included; raises Unmeasured with its words where it fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DESK_")} | {"DESK_DATA": str(data)}
    began = time.perf_counter()
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        process = subprocess.Popen([sys.executable, "run.py", *words], cwd=ROOT, env=environment, stdin=given, stdout=told, stderr=told)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        told.seek(0)
        if process.returncode > (words[0] == "replay"):  # which says 1 where something would be different
            raise Unmeasured(f"run.py {words[0]}: {told.read().decode()[-500:]}")
    return {f"{words[0]}_s": seconds, f"{words[0]}_mb": used.ru_maxrss / 1024}


def replay(data: Path) -> dict[str, float]:
    """The rules with another version of one browser, against all the letters."""
    changed, number = re.subn(r"(?m)^(\s+chrome: )\d+", r"\g<1>142", (ROOT / "rules.yaml").read_text("utf-8"))
    assert number == 1
    rules = data.with_suffix(".yaml")
    rules.write_text(changed, "utf-8")
    return command(data, "replay", "--rules", str(rules))


def main() -> None:
    """See above; a folder that is there already is measured as it is."""
    data, kind, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if not data.exists():
        Mould().fill(data, Status.created if kind == "live" else Status.done, range(1, number + 1))
    found = {**measure_start(data), **command(data, "ledger"), **command(data, "report"), **replay(data)}
    found["bytes_a_ticket"] = disk_use(data / "tickets") / number
    print(json.dumps({"kind": kind, "tickets": number} | {key: round(value, 1) for key, value in found.items()}))


if __name__ == "__main__":
    main()
