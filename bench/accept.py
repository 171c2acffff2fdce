"""Letters a second to the last 250, beside a bare aiosmtpd that syncs one file a letter: both in one run, as a ratio.

    python bench/accept.py [letters] [rounds]

Ten connections at a time, a new one for each letter; the clients are a process of their own. Rounds alternate.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from bot.intake.session import Limits
from bot.intake.smtp import Door
from bot.log import Log
from bot.store.files import Disk
from bot.store.inbox import Inbox

CONNECTIONS = 10
BODY = b"From: user@example.org\r\nTo: support@providence.film\r\nSubject: bench\r\nMessage-ID: <%d@bench>\r\n\r\n" + (
    b"The player does not start after the update.\r\n" * 42
)


async def client(port: int, numbers: list[int]) -> None:
    """Send letters over a connection each until there are no more numbers."""
    while numbers:
        number = numbers.pop()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for say in (b"", b"EHLO bench\r\n", b"MAIL FROM:<user@example.org>\r\n", b"RCPT TO:<support@providence.film>\r\n", b"DATA\r\n",
                    BODY % number + b".\r\n", b"QUIT\r\n"):  # fmt: skip
            writer.write(say)
            line = await reader.readline()
            while line[3:4] == b"-":
                line = await reader.readline()
            if line[:1] not in b"23":
                raise SystemExit(f"refused: {line!r}")
        writer.close()


def load(port: int, letters: int, answer: Any) -> None:
    """The process of the clients: how long it took to the last 250."""

    async def run() -> float:
        numbers = list(range(letters))
        start = time.perf_counter()
        await asyncio.gather(*(client(port, numbers) for _ in range(CONNECTIONS)))
        return time.perf_counter() - start

    answer.send(asyncio.run(run()))


class Bare:
    """The yardstick: write, sync, rename, sync the folder, in the loop's default threads."""

    def __init__(self, folder: Path) -> None:
        self.tmp, self.new, self.count = folder / "tmp", folder / "new", 0
        self.tmp.mkdir()
        self.new.mkdir()

    def store(self, name: str, content: bytes) -> None:
        handle = os.open(self.tmp / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(handle, content)
        os.fsync(handle)
        os.close(handle)
        os.rename(self.tmp / name, self.new / name)  # noqa: PTH104
        handle = os.open(self.new, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.count += 1
        if "--inline" in sys.argv:
            self.store(f"{self.count}.eml", envelope.content)
        else:
            await asyncio.get_running_loop().run_in_executor(None, self.store, f"{self.count}.eml", envelope.content)
        return "250 OK"


async def rate(letters: int, folder: Path, *, bare: bool) -> float:
    """Letters a second of one server over one load."""
    loop, stop = asyncio.get_running_loop(), None
    if bare:
        handler = Bare(folder)
        server = await loop.create_server(lambda: SMTP(handler, hostname="bench", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
    else:
        inbox, log = Inbox(folder, Disk()), Log(folder / "log", lambda: datetime.now(UTC))
        door = Door(inbox.take, lambda address: address.startswith("support@"), new_id=inbox.new_id, now=lambda: datetime.now(UTC),
                    hostname="bench", tell=log, limits=Limits())  # fmt: skip
        port, stop = (await door.start("127.0.0.1", 0))[1], door.stop
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=load, args=(port, letters, theirs))
    process.start()
    seconds = await asyncio.to_thread(ours.recv)
    process.join()
    if stop:
        await stop()
    else:
        server.close()
    stored = sum(1 for _ in (folder / "new" if bare else folder / "inbox/new").iterdir())
    assert stored == letters, f"{stored} of {letters} stored"
    return float(letters / seconds)


def main() -> None:
    """Print the rates of each round and the ratio of their medians."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    letters, rounds = (*numbers, *(3000, 3)[len(numbers) :])
    rates: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(rounds):
        for bare in (True, False):
            with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
                rates[bare].append(asyncio.run(rate(letters, Path(folder), bare=bare)))
        print(f"yardstick {rates[True][-1]:6.0f}/s   door {rates[False][-1]:6.0f}/s")
    print(f"ratio of the medians: {statistics.median(rates[False]) / statistics.median(rates[True]):.2f}")


if __name__ == "__main__":
    main()
