"""How long a letter takes to read, against bare mail-parser: ordinary letters of growing size, then hostile shapes.

    python bench/reading.py [--only WORD]

Prints a table: bytes, milliseconds of `bot.parsing.read` (the better of two), of mail-parser, and the ratio. mail-parser is
given ten seconds; "raises" and "over 10 s" are its results, not ours.
"""

from __future__ import annotations

import base64
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mailparser
from PIL import Image

from bot.model import Envelope
from bot.parsing import read

HEAD = "From: Анна <anna@example.ru>\nTo: support@example.com\nSubject: Не открывается фильм\nMIME-Version: 1.0\nMessage-ID: <1@example.ru>\n"
TEXT = "Здравствуйте! После обновления приложения фильм останавливается на пятой минуте, звук идёт дальше.\n"
QUOTE = "> Добрый день! Уточните, пожалуйста, версию приложения.\n> С уважением, поддержка\n\n"
ENVELOPE = Envelope(letter="bench", received=datetime(2026, 1, 1, tzinfo=UTC), mail_from="anna@example.ru")


def letter(kind: str, body: bytes, encoding: str = "8bit") -> bytes:
    return f"{HEAD}Content-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n".encode() + body


def mixed(*parts: bytes) -> bytes:
    return f"{HEAD}Content-Type: multipart/mixed; boundary=b\n\n".encode() + b"".join(b"--b\n" + part + b"\n" for part in parts) + b"--b--\n"


def picture(size: int) -> bytes:
    side = max(8, int((size / 3) ** 0.5))
    out = BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(out, "PNG", compress_level=0)
    return b"Content-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(out.getvalue())


def ordinary() -> Iterator[tuple[str, bytes]]:
    for size in (10_000, 100_000, 1_000_000, 5_000_000, 20_000_000):
        times = size // len(TEXT.encode())
        yield "plain text", letter("text/plain; charset=utf-8", (TEXT * times).encode())
        yield "text in cp1251", letter("text/plain; charset=windows-1251", (TEXT * times * 2).encode("cp1251"))
        yield "text and quotes", letter("text/plain; charset=utf-8", ((TEXT + QUOTE) * (times // 2)).encode())
        yield "HTML", letter("text/html; charset=utf-8", f"<div>{'<p><b>Текст</b> ' + TEXT + '</p>'}</div>".encode() * times)
        yield "picture", mixed(b"Content-Type: text/plain; charset=utf-8\n\n" + TEXT.encode(), picture(size * 3 // 4))


def hostile() -> Iterator[tuple[str, bytes]]:
    yield "Content-Type ; ; ;", f"{HEAD}Content-Type: text/html {'; ' * 27_000}\n\nx".encode()
    yield "2,000 ( in From", f"From: {'(' * 2000} <a@b.ru>\n\nx".encode()
    yield "20,000 encoded words", f"Subject: {' '.join(['=?utf-8?B?0J/RgNC40LLQtdGC?='] * 20_000)}\n\nx".encode()
    yield "20,000 addresses", f"From: a@b.ru\nTo: {', '.join(f'a{i}@b.ru' for i in range(20_000))}\n\nx".encode()
    yield "100,000 header lines", b"".join(b"X-%d: y\n" % i for i in range(100_000)) + b"\nx"
    yield "5 MB in one header", b"Subject: " + b"a " * 2_500_000 + b"\n\nx"
    yield "1,000 multiparts deep", b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(1000))
    yield "200,000 parts", mixed(*[b"\nx"] * 200_000)
    yield "10 MB of line ends", letter("text/plain", b"\n" * 10_000_000)
    yield "5 MB without line end", letter("text/plain", b"a" * 5_000_000)
    yield "1 MB of >", letter("text/plain", b">" * 1_000_000)
    yield "100,000 > lines", letter("text/plain", b"> On Monday Ann wrote:\n" * 100_000)
    yield "HTML 20,000 deep", letter("text/html", b"<div>" * 20_000 + b"x" + b"</div>" * 20_000)
    yield "HTML of <", letter("text/html", b"<" * 1_000_000)
    yield "5 MB base64 junk", letter("text/plain", b"!@#$%^&*" * 625_000, "base64")
    yield "=? without end", b"Subject: " + b"=?utf-8?Q?" * 20_000 + b"\n\nx"
    yield "quotes in parameters", b'Content-Type: text/plain; name="' + b'a\\"' * 30_000 + b"\n\nx"
    yield "5 MB of NUL", letter("text/plain; charset=utf-8", b"\0" * 5_000_000)
    yield "random bytes", letter("text/plain", os.urandom(2_000_000))
    yield "flowed, 500,000 lines", letter("text/plain; format=flowed", b"a \n" * 500_000)


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def mail_parser(raw: bytes) -> float | str:
    def late(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    signal.alarm(10)
    try:
        return milliseconds(lambda: mailparser.parse_from_bytes(raw))
    except TimeoutError:
        return "over 10 s"
    except Exception:  # noqa: BLE001 - its failures are a result of this table.
        return "raises"
    finally:
        signal.alarm(0)


def main() -> None:
    logging.disable(logging.CRITICAL)
    only = sys.argv[2] if sys.argv[1:2] == ["--only"] else ""
    print(f"{'letter':24s}{'bytes':>12s}{'ms':>10s}{'mail-parser':>13s}{'ratio':>8s}")
    for shapes in (ordinary(), hostile()):
        for name, raw in shapes:
            if only in name:
                ours, theirs = min(milliseconds(lambda raw=raw: read(raw, ENVELOPE)) for _ in range(2)), mail_parser(raw)
                shown, ratio = (f"{theirs:.1f}", f"{ours / theirs:.2f}") if isinstance(theirs, float) else (theirs, "")
                print(f"{name:24s}{len(raw):12,d}{ours:10.1f}{shown:>13s}{ratio:>8s}", flush=True)


if __name__ == "__main__":
    main()
