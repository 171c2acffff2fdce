"""How fast `replay` is: past letters judged under two versions of the rules. Prints letters a second and the memory of the main process.

python bench/replay.py [LETTERS]
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from bot.model import Address, Envelope, Fate, Seen, Ticket
from bot.policy import load
from bot.replay import compare, differences
from bot.settings import Settings
from bot.store.documents import ticket_page
from bot.store.files import Disk
from bot.store.inbox import MARK, Inbox

ROOT = Path(__file__).parent.parent
WORDS = (
    "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: после нажатия на Play вижу чёрный экран. "
    "Захожу в каталог, выбираю фильм, нажимаю Play. Перезагрузка не помогла. Подскажите, пожалуйста, что делать?"
)


def fill(data: Path, letters: int) -> None:
    """A desk with so many tickets of one letter each."""
    inbox, now = Inbox(data, Disk()), datetime.now(UTC) - timedelta(days=30)
    live = data / "tickets" / "live"
    live.mkdir(parents=True)
    for number in range(1, letters + 1):
        ident = inbox.new_id(now)
        head = f"From: u{number}@example.org\r\nSubject: Film {number}\r\nMessage-ID: <{number}@x>\r\n"
        raw = f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{WORDS}"
        envelope = Envelope(letter=ident, received=now, mail_from=f"u{number}@example.org")
        (data / "inbox" / "new" / f"{ident}.eml").write_bytes(MARK + msgspec.json.encode(envelope) + b"\n" + raw.encode())
        inbox.done(ident)
        person = Address(email=f"u{number}@example.org")
        ticket = Ticket(number=number, requester=person, opened=now, changed=now, seen=(Seen(letter=ident, fate=Fate.opened),))
        (live / f"{number}.json").write_bytes(ticket_page(ticket))


async def measure(data: Path, letters: int) -> None:
    """Plays all of them and prints the figures."""
    settings = Settings(data=data, rules=ROOT / "rules.yaml", templates=ROOT / "templates", readers=2)
    source = (ROOT / "rules.yaml").read_bytes()
    old, new = load(source), load(source.replace(b"chrome: 109", b"chrome: 140"))
    changed, began, first = 0, 0.0, 0
    async for _, before, after in compare(settings, old, new, None):
        if before and after:
            changed += any(differences(before, after))
        first += 1
        if first == 100:  # the readers have started
            began = time.perf_counter()
    rate = (letters - 100) / (time.perf_counter() - began)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{letters} letters, {changed} judged otherwise: {rate:.0f} letters/s under both rules, main process at most {memory} MB")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), count)
        asyncio.run(measure(Path(folder), count))
