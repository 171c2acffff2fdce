"""Submissions a second that the feedback form takes, each with a picture, against the yardstick with the same as letters.

    python bench/form.py [submissions] [rounds] [--picture BYTES]

Ten connections at a time, a new one for each submission. The clock stops at the last answer, which comes when the letter is on disk; the
desk works on the letters meanwhile, as in life, and `whole` is when its last answer has left.
"""

from __future__ import annotations

import argparse
import itertools
import socket
import threading
import time
from urllib.parse import quote

from common import ANSWERS, CONNECTIONS, DESK, TEXT, Load, bare, cpu, desk, memory, screenshot, temporary, wait_for

BOUNDARY = "----desk-bench"
WARM = 20


def body(number: int, picture: bytes) -> bytes:
    """A filled-in form as a browser sends it."""
    fields = {"name": "Иван Петров", "email": f"user{number}@example.org", "text": TEXT, "steps": "", "consent": "1", "once": f"page{number}"}
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="pictures"; filename="{quote("screen.png")}"\r\nContent-Type: image/png\r\n\r\n'
    return b"".join([*parts, head.encode(), picture, f"\r\n--{BOUNDARY}--\r\n".encode()])


def submit(port: int, sent: bytes) -> None:
    """One submission over a connection of its own; SystemExit when it is not taken."""
    head = (f"POST /?lang=ru HTTP/1.1\r\nHost: desk\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0) Chrome/141.0\r\nConnection: close\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(sent)}\r\n\r\n")  # fmt: skip
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode() + sent)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    if not answer.startswith(b"HTTP/1.1 303"):
        raise SystemExit(answer[:2000].decode("utf-8", "replace"))


def send(port: int, numbers: range, picture: bytes) -> float:
    """Seconds to the last answer."""
    left, failed = itertools.chain(numbers), []

    def work() -> None:
        try:
            while (number := next(left, None)) is not None:
                submit(port, body(number, picture))
        except (SystemExit, OSError) as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit(str(failed[0]))
    return time.perf_counter() - began


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def one_round(submissions: int, picture: bytes) -> str:
    """The yardstick and then a desk, in one line."""
    with temporary() as folder:
        load = Load(folder / "letters", submissions, picture)
        with bare(folder / "bare") as server:
            yardstick = load.letters / load.send(server.where)
        port = free_port()
        with desk(folder / "desk", DESK_FORM=f"127.0.0.1:{port}") as server:
            send(port, range(WARM), picture)
            wait_for(WARM * ANSWERS, folder / "desk" / "outbox")
            used, idle, began = cpu(server.pid), memory(server.pid), time.perf_counter()
            taken = submissions / send(port, range(WARM, WARM + submissions), picture)
            listener = (cpu(server.pid) - used) * 1000 / submissions
            wait_for((WARM + submissions) * ANSWERS, folder / "desk" / "outbox")
            whole, after = submissions / (time.perf_counter() - began), memory(server.pid)
    return (f"yardstick {yardstick:.0f}/s   form {taken:.0f}/s ({taken / yardstick:.2f})   whole {whole:.0f}/s ({whole / yardstick:.2f})   "
            f"main process {listener:.1f} ms a submission until its answer, {idle} MB before, {after} MB after")  # fmt: skip


def main() -> None:
    """Prints each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("submissions", nargs="?", type=int, default=1000)
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    parser.add_argument("--picture", type=int, default=100_000, help="octets of the picture")
    chosen = parser.parse_args()
    print(f"to {DESK}, pictures of {chosen.picture} octets, {CONNECTIONS} connections")
    for _ in range(chosen.rounds):
        print(one_round(chosen.submissions, screenshot(chosen.picture)), flush=True)


if __name__ == "__main__":
    main()
