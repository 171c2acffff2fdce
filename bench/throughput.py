"""The whole way of a letter against a bare aiosmtpd, both in one run, as ratios (docs/performance.md).

    python bench/throughput.py [letters] [rounds] [--picture BYTES] [--filed TICKETS] [--json]

The yardstick writes, syncs and renames one file a letter and syncs the folder. Ten connections at a time, a new one for each
letter, by Postfix's smtp-source. "accept" ends with the last 250, "whole" with the last letter in the outbox folder: an
acknowledgement and a notice to each agent, for every letter.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
ANSWERS = 3  # an acknowledgement and two notices
LETTER = """From: =?utf-8?B?0JjQstCw0L0g0J/QtdGC0YDQvtCy?= <ivan@example.org>
To: support@providence.film
Subject: =?utf-8?B?0J3QtSDQt9Cw0L/Rg9GB0LrQsNC10YLRgdGPINC/0LvQtdC10YA=?=
Date: Sun, 22 Nov 2026 12:00:00 +0300
MIME-Version: 1.0
Content-Type: {type}
Content-Transfer-Encoding: 8bit

{body}"""
TEXT = """Здравствуйте!

После вчерашнего обновления плеер перестал запускаться. Открываю фильм, нажимаю на воспроизведение, экран остаётся
чёрным, через минуту появляется сообщение «Ошибка 17». Пробовал перезагрузить компьютер и зайти снова, не помогло.
Windows 11, Chrome 141.

Подскажите, пожалуйста, что можно сделать?

С уважением,
Иван Петров
"""
READY = 60.0  # seconds for a server to start, and for the last letter to get through once none moves any more

YARDSTICK = """
import asyncio, os, sys
from aiosmtpd.smtp import SMTP
folder = sys.argv[1]
os.makedirs(folder + "/tmp"), os.makedirs(folder + "/new")
class Bare:
    count = 0
    def store(self, name, content):
        handle = os.open(f"{folder}/tmp/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(handle, content)
        os.fsync(handle)
        os.close(handle)
        os.rename(f"{folder}/tmp/{name}", f"{folder}/new/{name}")
        handle = os.open(folder + "/new", os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        await asyncio.get_running_loop().run_in_executor(None, self.store, f"{self.count}.eml", envelope.content)
        return "250 OK"
async def main():
    loop, handler = asyncio.get_running_loop(), Bare()
    server = await loop.create_server(lambda: SMTP(handler, hostname="bench", loop=loop), "127.0.0.1", 0)
    print("ready smtp=127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class Figures(NamedTuple):
    """Letters a second, and what the main process used for them."""

    accept: float
    whole: float
    cpu_ms: float  # CPU of the main process for each letter
    megabytes: int  # its memory at the end


@contextmanager
def running(command: list[str], folder: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server and where it listens; it is ended with SIGTERM."""
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    with (folder.parent / f"{folder.name}.err").open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, cwd=ROOT)
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line.startswith("ready"):
                raise SystemExit(f"no server: {line}{Path(errors.name).read_text()}")
            yield process, line.split("smtp=")[1].split()[0]
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


def desk(folder: Path) -> Any:
    """A desk of the shipped rules with its caps off, as design section 7 allows it for measuring."""
    return running([sys.executable, str(ROOT / "run.py")], folder, DESK_DATA=str(folder), DESK_SMTP="127.0.0.1:0", DESK_CAPS="off")


def write_letter(path: Path, picture: int) -> None:
    """The letter that is sent: a person's words, and a screenshot of about `picture` bytes where that is not 0."""
    letter = LETTER.format(type="text/plain; charset=utf-8", body=TEXT)
    if picture:
        side = int((picture / 3) ** 0.5)
        screenshot = io.BytesIO()
        Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(screenshot, "PNG")
        parts = f"--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{TEXT}\n--b\n"
        parts += 'Content-Type: image/png; name="screen.png"\nContent-Transfer-Encoding: base64\n\n'
        letter = LETTER.format(type='multipart/mixed; boundary="b"', body=parts + b2a(screenshot.getvalue()) + "--b--\n")
    path.write_text(letter, "utf-8")


def b2a(octets: bytes) -> str:
    """Base64 in lines."""
    return base64.encodebytes(octets).decode()


def send(where: str, letters: int, letter: Path) -> float:
    """Seconds to the last 250."""
    began = time.perf_counter()
    command = ["smtp-source", "-s", "10", "-m", str(letters), "-F", str(letter), "-f", "ivan@example.org", "-t", "support@providence.film"]
    subprocess.run([*command, where], check=True)
    return time.perf_counter() - began


def count(folder: Path) -> int:
    """Letters in a folder."""
    with os.scandir(folder) as entries:
        return sum(1 for entry in entries if entry.name.endswith(".eml"))


def cpu(pid: int) -> float:
    """CPU seconds of one process, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    """Resident megabytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def measure_desk(folder: Path, letters: int, letter: Path) -> Figures:
    """One load on a desk that has finished loading."""
    with desk(folder) as (process, where):
        warmed = send(where, 20, letter) and wait_for(folder / "outbox", 20 * ANSWERS)
        assert warmed
        used, began = cpu(process.pid), time.perf_counter()
        accepted = send(where, letters, letter)
        wait_for(folder / "outbox", (20 + letters) * ANSWERS)
        whole = time.perf_counter() - began
        return Figures(letters / accepted, letters / whole, (cpu(process.pid) - used) * 1000 / letters, memory(process.pid))


def wait_for(outbox: Path, wanted: int) -> bool:
    """Returns when that many letters have left; ends the run when none has moved for a minute."""
    seen, since = -1, time.monotonic()
    while (there := count(outbox)) < wanted:
        if there > seen:
            seen, since = there, time.monotonic()
        if time.monotonic() - since > READY:
            raise SystemExit(f"only {there} of {wanted} letters have left")
        time.sleep(0.02)
    return True


def measure_bare(folder: Path, letters: int, letter: Path) -> float:
    """Letters a second of the yardstick."""
    with running([sys.executable, "-c", YARDSTICK, str(folder)], folder) as (_, where):
        send(where, 20, letter)
        rate = letters / send(where, letters, letter)
        assert count(folder / "new") == letters + 20
        return rate


def fill(folder: Path, tickets: int) -> None:
    """A desk with that many done tickets, filed."""
    from grow import file_tickets  # beside this file

    file_tickets(folder, tickets)


def main() -> None:
    """Measures in alternating rounds and prints each; the last line is the best of the rounds, as ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("letters", nargs="?", type=int, default=10_000)
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    parser.add_argument("--picture", type=int, default=0, help="bytes of a screenshot that goes along")
    parser.add_argument("--filed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if not shutil.which("smtp-source"):
        raise SystemExit("smtp-source is missing: apt install postfix")
    rounds: list[tuple[float, Figures]] = []
    for _ in range(chosen.rounds):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as place:
            folder = Path(place)
            write_letter(folder / "letter", chosen.picture)
            if chosen.filed:
                fill(folder / "desk", chosen.filed)
            bare = measure_bare(folder / "bare", chosen.letters, folder / "letter")
            ours = measure_desk(folder / "desk", chosen.letters, folder / "letter")
        rounds.append((bare, ours))
        if not chosen.json:
            print(f"yardstick {bare:5.0f}/s   accept {ours.accept:5.0f}/s ({ours.accept / bare:.2f})   whole {ours.whole:5.0f}/s "
                  f"({ours.whole / bare:.2f})   main process {ours.cpu_ms:.2f} ms a letter, {ours.megabytes} MB", flush=True)  # fmt: skip
    result = {
        "letters": chosen.letters,
        "yardstick": round(statistics.median(bare for bare, _ in rounds)),
        "accept": round(max(ours.accept / bare for bare, ours in rounds), 2),
        "whole": round(max(ours.whole / bare for bare, ours in rounds), 2),
        "megabytes": max(ours.megabytes for _, ours in rounds),
    }
    print(json.dumps(result) if chosen.json else f"best: accept {result['accept']}, whole {result['whole']} of the yardstick")


if __name__ == "__main__":
    main()
