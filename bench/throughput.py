"""The whole way of a letter against a bare aiosmtpd, both in one run, as ratios; and how long a sender waits at half of that load.

    python bench/throughput.py [letters] [rounds] [--picture BYTES] [--kept] [--json]

"accept" ends with the last 250, "whole" with the last letter in the outbox folder: an acknowledgement and a notice to each of
two agents, for every letter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

from common import (
    ANSWERS,
    CONNECTIONS,
    DESK,
    Load,
    Server,
    Unmeasured,
    aside,
    bare,
    count,
    cpu,
    desk,
    disk_use,
    family,
    letter,
    memory,
    running,
    screenshot,
    temporary,
    wait_for,
)  # fmt: skip

DOOR = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from bot.intake.reception import Reception
from bot.intake.smtp import SmtpListener
from bot.app.log import Log
from bot.disk import Disk
from bot.store.files.inbox import Inbox
async def main():
    folder, now = Path(sys.argv[1]), lambda: datetime.now(UTC)
    inbox = Inbox(folder, Disk())
    reception = Reception(inbox.take, lambda address: True, inbox.new_id, now, Log(folder / "log", now))
    listener = SmtpListener(reception, hostname="bench")
    print("ready smtp=127.0.0.1:%d" % (await listener.start("127.0.0.1", 0))[1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


WARM = 40  # letters before a measure begins
STORED = ("tickets", "archive", "log")


class Rates(NamedTuple):
    """Letters a second of yardstick and desk, and what the desk uses."""

    bare: float
    accept: float
    whole: float
    main_ms: float  # CPU of the main process for each letter
    all_ms: float  # that of all its processes
    megabytes: int  # of the main process, at the end
    stored: dict[str, float]  # octets on the disk for each letter: tickets, archive, log

    def __str__(self) -> str:
        accept, whole = self.accept / self.bare, self.whole / self.bare
        return (f"yardstick {self.bare:5.0f}/s   accept {self.accept:5.0f}/s ({accept:.2f})   whole {self.whole:5.0f}/s ({whole:.2f})   "
                f"CPU a letter {self.main_ms:.2f} ms main, {self.all_ms:.2f} ms all   {self.megabytes} MB")  # fmt: skip


def rate(server: Server, folder: Path, load: Load, *, kept: bool = False) -> float:
    """Letters a second to the last 250 of a server that only stores."""
    reached = load.letters / load.send(server.where, kept=kept)
    assert count(folder) == load.letters, f"{count(folder)} of {load.letters} stored"
    return reached


def measure_door(place: Path, load: Load) -> tuple[float, float]:
    """The yardstick and the SMTP listener with nothing behind it but the inbox, letters a second."""
    with bare(place / "bare") as server:
        yardstick = rate(server, place / "bare/new", load)
    with running([sys.executable, "-c", DOOR, str(place / "door")], place / "door.err") as server:
        return yardstick, rate(server, place / "door/inbox/new", load)


def measure_desk(servers: list[Server], outboxes: list[Path], load: Load, *, kept: bool = False) -> tuple[float, float, float, float]:
    """Letters a second accepted and answered, CPU milliseconds a letter of the main processes and of all."""
    pids, wheres, before = [server.pid for server in servers], [server.where for server in servers], sum(map(count, outboxes))
    everyone = [each for pid in pids for each in family(pid)]
    used, used_all, began = cpu(*pids), cpu(*everyone), time.time()
    accepted = load.send(*wheres, kept=kept)
    whole = wait_for(before + load.letters * ANSWERS, *outboxes) - began
    times = (cpu(*pids) - used, cpu(*everyone) - used_all)
    return load.letters / accepted, load.letters / whole, *(seconds * 1000 / load.letters for seconds in times)


def warm(servers: list[Server], outboxes: list[Path]) -> None:
    """Desks that have loaded, with all their parser processes started."""
    for server, outbox in zip(servers, outboxes, strict=True):
        Load(outbox.parent.with_suffix(".warm"), WARM).send(server.where)
    wait_for(len(servers) * WARM * ANSWERS, *outboxes)


def measure(place: Path, letters: int, *, picture: int = 0, kept: bool = False) -> Rates:
    """One load on the yardstick, and the same on a desk that has finished loading, in the folder `place`; a desk may lie there already."""
    load, data = Load(place / "load", letters, screenshot(picture) if picture else b""), place / "desk"
    aside(place / "bare", place)
    with bare(place / "bare") as server:
        yardstick = rate(server, place / "bare/new", load, kept=kept)
    before = {name: disk_use(data / name) for name in STORED}
    with desk(data) as server:
        warm([server], [data / "outbox"])
        figures, megabytes = measure_desk([server], [data / "outbox"], load, kept=kept), memory(server.pid)
    stored = {name: (disk_use(data / name) - before[name]) / (load.letters + WARM) for name in STORED}
    return Rates(yardstick, *figures, megabytes, stored)


def best(rounds: list[Rates]) -> tuple[float, float]:
    """The best round's ratios of accept and whole: what disturbs a round makes it slower, never faster."""
    return max(one.accept / one.bare for one in rounds), max(one.whole / one.bare for one in rounds)


# --------------------------------------------------------------------------------------------------------------- latency


async def one_letter(port: int, sender: str, content: bytes) -> float:
    """Sends one letter over a connection of its own; seconds from its last byte to the 250."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = 0.0
    for say in (b"", b"EHLO bench\r\n", f"MAIL FROM:<{sender}>\r\n".encode(), f"RCPT TO:<{DESK}>\r\n".encode(), b"DATA\r\n",
                content.replace(b"\n", b"\r\n") + b".\r\n"):  # fmt: skip
        began = time.perf_counter()
        writer.write(say)
        while (line := await reader.readline())[3:4] == b"-":
            pass
        if line[:1] not in b"23":
            raise Unmeasured(f"refused: {line!r}")
    writer.close()
    return time.perf_counter() - began


async def steady(port: int, letters: int, a_second: float) -> tuple[dict[str, float], list[float]]:
    """That many letters at that pace, each of a sender of its own: when each was begun (since 1970), and its wait for the 250."""
    began, tasks = {}, []
    start = time.perf_counter()
    for number in range(letters):
        await asyncio.sleep(max(0.0, start + number / a_second - time.perf_counter()))
        sender = f"steady{number}@example.org"
        began[sender] = time.time()
        tasks.append(asyncio.create_task(one_letter(port, sender, letter(sender))))
    return began, await asyncio.gather(*tasks)


class Crowd(Load):
    """Letters of a sender each, from one process: starting a smtp-source for every one would cost more than the letter."""

    def __init__(self, letters: int) -> None:
        """Ten connections at a time, a new one for each letter."""
        self.letters = letters

    def send(self, *wheres: str, kept: bool = False) -> float:
        """See Load; `kept` is not for a crowd."""
        ports = [int(where.rpartition(":")[2]) for where in wheres]
        began = time.perf_counter()
        asyncio.run(self._send(ports))
        return time.perf_counter() - began

    async def _send(self, ports: list[int]) -> None:
        numbers = iter(range(self.letters))

        async def connection() -> None:
            for number in numbers:
                sender = f"crowd{number}@example.org"
                await one_letter(ports[number % len(ports)], sender, letter(sender))

        await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


def measure_latency(a_second: float, letters: int) -> dict[str, tuple[float, float]]:
    """Milliseconds to the 250 and to the acknowledgement in the outbox folder, at a steady pace: median and 99 of 100."""
    with temporary() as place:
        data = place / "desk"
        with desk(data) as server:
            warm([server], [data / "outbox"])
            began, waits = asyncio.run(steady(int(server.where.rpartition(":")[2]), letters, a_second))
            wait_for((WARM + letters) * ANSWERS, data / "outbox")
        answered = []
        for path in (data / "outbox").glob("*.eml"):
            to = re.search(rb"(?m)^Delivered-To: (\S+)", path.read_bytes())
            if to and to[1].decode() in began:  # a rename sets ctime: the moment from which it lay there
                answered.append(path.stat().st_ctime - began[to[1].decode()])
        assert len(answered) == letters
    return {"250": spread(waits), "acknowledgement": spread(answered)}


def spread(seconds: list[float]) -> tuple[float, float]:
    """Median and 99th percentile, in milliseconds."""
    return statistics.median(seconds) * 1000, statistics.quantiles(seconds, n=100)[98] * 1000


def main() -> None:
    """Measures in rounds and prints each; the last line is the best of the rounds, as ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("letters", nargs="?", type=int, default=10_000)
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    parser.add_argument("--picture", type=int, default=0, help="bytes of a screenshot that goes along")
    parser.add_argument("--kept", action="store_true", help="keep connections for more letters")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rounds = []
    for _ in range(chosen.rounds):
        with temporary() as place:
            rounds.append(measure(place, chosen.letters, picture=chosen.picture, kept=chosen.kept))
        print(rounds[-1], file=sys.stderr if chosen.json else sys.stdout, flush=True)
    accept, whole = (round(ratio, 2) for ratio in best(rounds))
    print(json.dumps({"letters": chosen.letters, "accept": accept, "whole": whole}) if chosen.json else f"best: accept {accept}, whole {whole}")


if __name__ == "__main__":
    main()
