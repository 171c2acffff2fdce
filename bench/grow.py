"""Old desks for measuring: a desk with many filed tickets or many live ones, made as files in the form of the store.

    python bench/grow.py FOLDER live|filed NUMBER

Then: the time until the register is loaded, the memory of the process, and the time of the ledger, as one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from bot.ledger import account
from bot.model import Address, Audience, Delivery, Entry, Envelope, Fate, Outgoing, Seen, Status, Ticket
from bot.store.documents import ticket_page
from bot.store.files import Disk
from bot.store.inbox import Inbox
from bot.store.shelf import FileShelf
from bot.store.tinydb import FileStore

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TEXT = "После вчерашнего обновления плеер перестал запускаться. Открываю фильм, экран остаётся чёрным. Windows 11, Chrome 141.\n" * 5
HTML = "<p>Здравствуйте! Мы получили Ваше обращение.</p>" * 40


def ticket(number: int, status: Status = Status.created) -> Ticket:
    """A ticket as one letter leaves it: an acknowledgement and two notices, all sent."""
    opened = NOW - timedelta(days=400, seconds=number)
    who = f"user{number}@example.org"
    out = [
        Outgoing(id=n, template="notice_new", audience=Audience.requester if n == 1 else Audience.agent, html=HTML,
                 to=who if n == 1 else f"agent{n}@desk", subject="Re: x", text=TEXT, message_id=f"pf.{number}-{n}@desk", created=opened, due=opened,
                 state=Delivery.sent, done_at=opened)
        for n in (1, 2, 3)
    ]  # fmt: skip
    entry = Entry(at=opened, kind="letter", public=True, who=who, text=TEXT, message_id=f"{number}@client", letter=ident(number))
    seen = Seen(letter=ident(number), fate=Fate.opened, message_id=f"{number}@client", fingerprint="f" * 32, at=opened)
    return Ticket(
        number=number, requester=Address(email=who), opened=opened, changed=opened, subject="Не запускается плеер", status=status,
        done_at=opened if status is Status.done else None, due=NOW + timedelta(hours=48), entries=(entry,), seen=(seen,), outgoing=tuple(out),
    )  # fmt: skip


def ident(number: int) -> str:
    """Its letter's id; ten thousand letters a day."""
    return f"{datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=number * 8.64):%Y%m%dT%H%M%S%f}-{number % 2**24:06x}"


def grow(data: Path, kind: str, numbers: range) -> None:
    """Tickets of these numbers and their archived letters; not synced."""
    Inbox(data, Disk())
    FileStore(data, Disk(), NOW)
    for number in numbers:
        name = f"{number}.json"
        path = data / "tickets" / "live" / name if kind == "live" else data / "tickets" / "done" / f"{number // 1000:03}" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(ticket_page(ticket(number, Status.created if kind == "live" else Status.done)))
        letter, envelope = ident(number), Envelope(letter=ident(number), received=NOW, mail_from=f"user{number}@example.org")
        day = data / "archive" / f"{letter[:4]}-{letter[4:6]}-{letter[6:8]}"
        day.mkdir(exist_ok=True)
        head = b"X-Desk-Envelope: " + msgspec.json.encode(envelope)
        (day / f"{letter}.eml").write_bytes(head + b"\nSubject: x\r\n\r\n" + TEXT.encode())


def file_tickets(data: Path, number: int) -> None:
    """So many filed tickets."""
    grow(data, "filed", range(1, number + 1))


def megabytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20


def main() -> None:
    """See above; a folder that is there already is measured as it is."""
    data, kind, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if not data.exists():
        data.mkdir(parents=True)
        grow(data, kind, range(1, number + 1))
    before, began = megabytes(), time.perf_counter()
    store = FileStore(data, Disk(), NOW)
    asyncio.run(store.load())
    loaded, memory = time.perf_counter() - began, megabytes() - before
    began = time.perf_counter()
    result = account(FileShelf(data))
    seconds = time.perf_counter() - began
    assert result.adds_up, result.as_text()
    print(json.dumps({"kind": kind, "tickets": number, "live": len(store.register.lines), "load_seconds": round(loaded, 1),
                      "register_mb": memory, "ledger_letters": result.accepted, "ledger_seconds": round(seconds, 1)}))  # fmt: skip


if __name__ == "__main__":
    main()
