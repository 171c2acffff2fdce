"""What one more letter costs a ticket that has many: bytes written to tickets, CPU, and files.

    python bench/ticket.py [LETTERS]

A customer writes to one ticket every five minutes, and an agent answers each tenth letter. The desk of the tests handles them all in
this process, from reading to the last result of delivery, so the CPU is that of the whole way. Figures are means of the ten letters up to each size.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from desk import TestDesk  # noqa: E402

from bot.disk import Disk  # noqa: E402

SIZES, MEAN = (24, 100, 300, 1000, 2000), 24
IVAN, ANNA = "ivan@example.org", "anna@providence.film"
SAID = "Здравствуйте! Плеер всё ещё не запускается, экран остаётся чёрным. Пробовал и в другом браузере: то же самое. "


class Counting(Disk):
    """A disk that adds up what is written to tickets."""

    octets = 0

    def create(self, path: Path, data: bytes, mode: int = 0o640) -> None:
        """See Disk."""
        self.count(path, data)
        super().create(path, data, mode)

    def write(self, path: Path, data: bytes, mode: int = 0o640) -> None:
        """See Disk."""
        self.count(path, data)
        super().write(path, data, mode)

    def count(self, path: Path, data: bytes) -> None:
        """Adds up."""
        self.octets += len(data) * ("tickets" in path.parts)


async def measure(data: Path, letters: int) -> None:
    """One line for each size."""
    desk = TestDesk(data, ROOT / "rules.yaml", (IVAN,))
    desk.disk = disk = Counting()
    await desk.restart()
    began, octets = time.process_time(), 0
    for number in range(1, letters + 1):
        subject = "Плеер не запускается" if number == 1 else "Re: [PF-1] Плеер не запускается"
        await desk.send(IVAN, f"{SAID * 3}\nПисьмо {number}.", subject=subject)
        if number % 10 == 0:
            await desk.reply(desk.mail(ANNA)[-1], ANNA, f"#ответ\nСмотрим, письмо {number} получили.")
        desk.now += timedelta(minutes=5) if desk.now.hour < 17 else timedelta(hours=14)  # by day: at night notices wait
        await desk.deliver()
        desk.delivered, desk.events = desk.delivered[-20:], []
        if number + MEAN in SIZES:
            began, octets = time.process_time(), disk.octets
        if number in SIZES:
            cpu, written = (time.process_time() - began) / MEAN, (disk.octets - octets) / MEAN
            tickets = f"{len(desk.tickets())} tickets" if len(desk.tickets()) > 1 else "1 ticket"
            print(f"| {number:,} | {written / 1000:,.0f} KB | {cpu * 1000:.0f} ms | {tickets} |", flush=True)
    await desk.store.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(measure(Path(place), int(sys.argv[1]) if sys.argv[1:] else SIZES[-1]))
