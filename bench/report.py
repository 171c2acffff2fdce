"""How long a report over many done tickets takes, and how much memory: `python bench/report.py [TICKETS]` (100,000).

Also a thousand looks of the timers at as many open tickets, and one at which each of them is due in memory (no ticket is read).
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.model import Address, Audience, Entry, Outgoing, Resolution, Seen, Status, Ticket  # noqa: E402  the product is not installed here
from bot.reports.figures import Figures, TicketRow  # noqa: E402
from bot.store.register import Register  # noqa: E402
from bot.store.rows import Person, Row  # noqa: E402
from bot.store.shelf import FileShelf  # noqa: E402

START = datetime(2026, 1, 1, tzinfo=UTC)


def ticket(number: int, dice: random.Random) -> Ticket:
    """A done ticket of a usual size: two letters of the requester, an answer, four letters out."""
    opened = START + timedelta(minutes=5 * number)
    done = opened + timedelta(minutes=dice.randrange(10, 5000))
    person = f"user{number}@example.org"
    letters = tuple(
        Entry(at=at, kind=kind, public=True, who=person, name="Анна", text="Не открывается фильм «Сталкер». " * 12, letter=f"{number}.{at:%H%M}")
        for at, kind in ((opened, "letter"), (opened + (done - opened) / 2, "answer"), (done, "letter"))
    )
    out = tuple(
        Outgoing(
            id=serial, template="reply", audience=Audience.requester, to=person, subject="Re", text="текст " * 100, html="<p>текст</p>" * 60,
            message_id=f"{number}.{serial}@d", created=done, due=done,
        )
        for serial in range(4)
    )  # fmt: skip
    return Ticket(
        number=number, requester=Address(email=person), opened=opened, changed=done, subject="Фильм", status=Status.done, done_at=done,
        resolution=Resolution.solved, due=opened + timedelta(hours=48), entries=letters, outgoing=out, owner="anna@providence.film",
        score=dice.randrange(6), seen=tuple(Seen(letter=one.letter, fate="appended") for one in letters),  # type: ignore[arg-type]
    )  # fmt: skip


def main(count: int) -> None:
    """Makes the files, reads them, prints."""
    dice = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        (data / "tickets" / "live").mkdir(parents=True)
        for number in range(1, count + 1):
            target = data / "tickets" / "done" / f"{number // 1000:03}"
            target.mkdir(parents=True, exist_ok=True)
            document = {"ticket": {str(number): msgspec.to_builtins(ticket(number, dice))}}
            (target / f"{number}.json").write_bytes(msgspec.json.encode(document))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        zone = ZoneInfo("Europe/Moscow")
        figures = Figures(START.date(), (START + timedelta(days=3660)).date(), zone).add_all(FileShelf(data).tickets(TicketRow))
        spent = time.perf_counter() - began
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"report over {figures.done.total():,} done tickets: {spent:.1f} s, memory +{grown:.0f} MB")
    register = Register()
    for number in range(1, count + 1):
        at = START + timedelta(seconds=number)
        register.add(Row(number=number, requester=Person(email=f"u{number}@example.org"), opened=at, timer=at + timedelta(days=30)))
    began = time.perf_counter()
    for _ in range(1000):
        register.timers(START, 500)
    quiet = (time.perf_counter() - began) / 1000
    began = time.perf_counter()
    due = len(register.timers(START + timedelta(days=60), count))
    spent = time.perf_counter() - began
    print(f"timers, {count:,} open tickets: {quiet * 1e6:.1f} µs a look while nothing is due; {due:,} due are named in {spent:.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 100_000)
