"""What every measure shares: servers in processes of their own, the letters, the load, and what a process uses.

The yardstick (design, section 11) is a bare aiosmtpd that writes, syncs and renames one file a letter and syncs the folder.
"""

from __future__ import annotations

import atexit
import base64
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the product is not installed here
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # a measure that is cut off still ends its servers and takes its folders away

ANSWERS = 3  # an acknowledgement and two notices
CONNECTIONS = 10
RUN = 20  # letters that one sender writes, one after another
STUCK = 60.0  # seconds without a letter that leaves, after which a measure is given up
DESK = "support@providence.film"
LETTER = """From: =?utf-8?B?0JjQstCw0L0g0J/QtdGC0YDQvtCy?= <{sender}>
To: {desk}
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

BARE = """
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


@contextmanager
def temporary() -> Iterator[Path]:
    """A folder for a measure, on the disk that BENCH_DIR names; removed at the end of the program.

    Not before: an ext4 without a journal looks past every inode that was given back in the last minutes whenever it makes a file, so
    that the files of one measure would cost the next one more time than its letters.
    """
    folder = tempfile.mkdtemp(prefix="desk-bench-", dir=os.environ.get("BENCH_DIR"))
    atexit.register(subprocess.run, ["rm", "-rf", folder], check=False)  # faster than rmtree, at a million files
    yield Path(folder)


def aside(folder: Path, place: Path) -> None:
    """Moves a folder, if it is there, out of the way into another name in `place`; it is removed with all else, see `temporary`."""
    if folder.exists():
        folder.rename(place / f"{folder.name}-before-{time.time_ns()}")


class Unmeasured(Exception):
    """Why something could not be measured, in words."""


class Server(NamedTuple):
    """A running server: its process, where it takes letters, and the seconds until it did."""

    pid: int
    where: str
    ready: float


@contextmanager
def running(command: list[str], errors: Path, **settings: str) -> Iterator[Server]:
    """A server that says `ready smtp=…`; it is ended with SIGTERM. Raises Unmeasured with its words where it does not start."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("DESK_")}
    began = time.perf_counter()
    with errors.open("w") as file:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=file, text=True, cwd=ROOT, env={**clean, **settings, "PYTHONPATH": str(ROOT)}
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line.startswith("ready"):
                raise Unmeasured(f"no server: {line}{errors.read_text()}")
            yield Server(process.pid, line.split("smtp=")[1].split()[0], time.perf_counter() - began)
        finally:
            process.terminate()
            process.stdout.close()
            try:
                process.wait(STUCK)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise Unmeasured("a server does not stop") from None


def desk(folder: Path, **settings: str) -> AbstractContextManager[Server]:
    """A desk of the shipped rules that never sleeps, since at night notices wait for the morning, with its caps and the limits for one
    client off, as design section 7 allows it for measuring.
    """
    rules = folder.with_name(f"{folder.name}-rules.yaml")
    always, number = re.subn(r"(?ms)^calendar:\n.*?(?=^[a-z#])", "calendar:\n  hours: 00:00-24:00\n\n", (ROOT / "rules.yaml").read_text("utf-8"))
    assert number == 1
    rules.write_text(always, "utf-8")
    if not (secret := folder / "secret").exists():  # a desk that has tickets does not start without
        folder.mkdir(parents=True, exist_ok=True)
        secret.write_bytes(b"x" * 32)
        secret.chmod(0o600)
    chosen = {"DESK_DATA": str(folder), "DESK_RULES": str(rules), "DESK_SMTP": "127.0.0.1:0", "DESK_CAPS": "off",
              "DESK_TRUSTED_RELAYS": "127.0.0.1=bench.example"}  # fmt: skip
    return running([sys.executable, str(ROOT / "run.py")], folder.with_suffix(".err"), **chosen | settings)


def bare(folder: Path) -> AbstractContextManager[Server]:
    """The yardstick."""
    return running([sys.executable, "-c", BARE, str(folder)], folder.with_suffix(".err"))


# --------------------------------------------------------------------------------------------------------------- letters


def letter(sender: str, picture: bytes = b"") -> bytes:
    """A person's words, and a PNG where there is one."""
    if not picture:
        return LETTER.format(sender=sender, desk=DESK, type="text/plain; charset=utf-8", body=TEXT).encode()
    parts = f"--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{TEXT}\n--b\n"
    parts += 'Content-Type: image/png; name="screen.png"\nContent-Transfer-Encoding: base64\n\n'
    parts += base64.encodebytes(picture).decode() + "--b--\n"
    return LETTER.format(sender=sender, desk=DESK, type='multipart/mixed; boundary="b"', body=parts).encode()


def screenshot(octets: int) -> bytes:
    """A PNG of about that size."""
    side, out = int((octets / 3) ** 0.5), io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(out, "PNG")
    return out.getvalue()


class Load:
    """Letters of many senders, a few of each, as files for Postfix's smtp-source."""

    def __init__(self, folder: Path, letters: int, picture: bytes = b"", run: int = RUN) -> None:
        """Writes the files; each sender writes `run` letters, and `letters` is rounded up to whole runs."""
        if not shutil.which("smtp-source"):
            raise Unmeasured("smtp-source is missing: apt install postfix")
        folder.mkdir(exist_ok=True)
        self.files = {f"user{n}@example.org": folder / f"user{n}" for n in range(-(-letters // run))}
        self.run, self.letters = run, len(self.files) * run
        for sender, path in self.files.items():
            path.write_bytes(letter(sender, picture))

    def send(self, *wheres: str, kept: bool = False) -> float:
        """Seconds to the last 250: ten connections at a time, a new one for each letter unless `kept`; to several servers in turn."""

        def one(number: int, sender: str, path: Path) -> None:
            how = ["-s", "1", "-m", str(self.run), *(["-d"] if kept else []), "-F", str(path), "-f", sender, "-t", DESK]
            subprocess.run(["smtp-source", *how, wheres[number % len(wheres)]], check=True)

        began = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            for done in [threads.submit(one, number, *item) for number, item in enumerate(self.files.items())]:
                done.result()
        return time.perf_counter() - began


# --------------------------------------------------------------------------------------------------------------- watching


def count(folder: Path) -> int:
    """Letters in a folder; none where there is no folder yet."""
    try:
        with os.scandir(folder) as entries:
            return sum(1 for entry in entries if entry.name.endswith(".eml"))
    except FileNotFoundError:
        return 0


def wait_for(wanted: int, *outboxes: Path) -> float:
    """Returns when that many letters have left, with the moment at which the last of them did (seconds since 1970).

    It looks seldom, since looking takes time from what is measured. Ends the run when none has moved for a minute.
    """
    seen, since = -1, time.monotonic()
    while (there := sum(map(count, outboxes))) < wanted:
        if there > seen:
            seen, since = there, time.monotonic()
        if time.monotonic() - since > STUCK:
            raise Unmeasured(f"only {there} of {wanted} letters have left")
        time.sleep(0.25)
    return max(entry.stat().st_ctime for outbox in outboxes for entry in os.scandir(outbox) if entry.name.endswith(".eml"))  # its rename


def family(pid: int) -> list[int]:
    """A process and all its children."""
    children = [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]
    return [pid, *(each for child in children for each in family(child))]


def cpu(*pids: int) -> float:
    """CPU seconds of these processes and of their children that have ended, as a parser does after so many letters."""
    there = [path for pid in pids if (path := Path(f"/proc/{pid}/stat")).exists()]
    return sum(sum(map(int, path.read_text().rpartition(")")[2].split()[11:15])) for path in there) / os.sysconf("SC_CLK_TCK")


def memory(*pids: int) -> int:
    """Their own megabytes: what they share with each other is counted once (proportional set size)."""
    sizes = [re.search(r"(?m)^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text()) for pid in pids]
    return sum(int(size[1]) for size in sizes if size) // 1024


def disk_use(folder: Path) -> int:
    """Octets that a folder takes on its disk; none where there is no folder."""
    if not folder.exists():
        return 0
    return int(subprocess.run(["du", "-s", "-B1", str(folder)], check=True, capture_output=True, text=True).stdout.split()[0])
