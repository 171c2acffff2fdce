"""Submissions a second at the form, each with a picture of 100 KB, to the last thank-you; and what it does to the memory.

    python bench/form.py [submissions]

Ten clients in a process of their own, the desk at work on the letters at the same time.
"""

from __future__ import annotations

import http.client
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "e2e")]

from common import cpu, memory  # noqa: E402
from daemon import Running  # noqa: E402

CLIENTS, PICTURE = 10, b"\x89PNG\r\n\x1a\n" + os.urandom(100_000)
FIELDS = {"email": "user{}@example.org", "text": "The player does not start after the update, error 17.", "consent": "yes"}


def body(number: int) -> bytes:
    """A filled-in form as a browser sends it."""
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value.format(number)}\r\n'.encode() for name, value in FIELDS.items()]
    parts.append(b'--x\r\nContent-Disposition: form-data; name="pictures"; filename="a.png"\r\n\r\n' + PICTURE + b"\r\n--x--\r\n")
    return b"".join(parts)


def clients(port: int, submissions: int) -> None:
    """Sends them all; ends with the last answer."""
    numbers = iter(range(submissions))

    def one() -> None:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for number in numbers:
            client.request("POST", "/?lang=en", body(number), {"Content-Type": "multipart/form-data; boundary=x"})
            answer = client.getresponse()
            answer.read()
            if answer.status != 303:
                raise SystemExit(f"refused: {answer.status}")

    threads = [threading.Thread(target=one) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main(submissions: int) -> None:
    """Starts a desk, sends, tells."""
    folder = Path(tempfile.mkdtemp(prefix="desk-bench-"))
    with Running(folder / "data", DESK_FORM="127.0.0.1:0", DESK_CAPS="off", DESK_READERS="2") as desk:
        assert desk.process is not None
        port = int(desk.ready.split("form=127.0.0.1:")[1].split()[0])
        clients(port, 10)
        before, used, began = memory(desk.process.pid), cpu(desk.process.pid), time.monotonic()
        load = multiprocessing.Process(target=clients, args=(port, submissions))
        load.start()
        load.join()
        took, used = time.monotonic() - began, (cpu(desk.process.pid) - used) * 1000 / submissions
        print(f"{submissions} submissions in {took:.1f} s: {submissions / took:.0f}/s")
        print(f"main process: {used:.1f} ms of CPU each, {before} -> {memory(desk.process.pid)} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
