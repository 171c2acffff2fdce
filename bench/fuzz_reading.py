"""Reads mutated letters and reports those that crash the reading, or hold it for long.

    python bench/fuzz_reading.py FOLDER [--times 100000] [--seed 1] [--slow 1000] [--keep FOLDER]

FOLDER holds letters (*.eml, subfolders too). Every mutation is read by `bot.parsing.read` in this process; a finding is a
letter that raised inside (the reading then says "could not be read"), gave text that is no text, or took over SLOW
milliseconds; it is kept as a file and named. A letter over ten seconds ends in an exception, too. Exit 1 with findings.

    python bench/fuzz_reading.py --shapes

reads letters of hostile shapes (tests/shapes.py) at four sizes, each double the one before: what a size costs, in ms, and
how the cost grows with the size. Exit 1 where it grows much faster than the size, which is a power of 1.
"""

from __future__ import annotations

import argparse
import math
import random
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgspec

from bot.model import Envelope
from bot.parsing import extract, read

ENVELOPE = Envelope(letter="fuzz", received=datetime(2026, 1, 1, tzinfo=UTC), mail_from="?")
WORDS = [b"\r\n", b"\n\n", b"\r", b"\0", b"--", b"=?", b"?=", b"=?utf-8?B?", b"boundary=", b"Content-Type: ", b"multipart/", b"message/rfc822",
         b"charset=utf-7", b"charset=utf-16", b"base64", b"quoted-printable", b"<", b">", b"(", b'"', b"\\", b";", b"*0*=", b"%", b"\xff", b"\xd0",
         b"\x1b$B", b"+AD", b"> ", b"From: ", b"begin 644 x\n", b"<blockquote>", b"</", b"&#", b"format=flowed; delsp=yes"]  # fmt: skip


def changed(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    """A letter with one to six changes: bytes flipped, cut, doubled, moved, put in, or taken from another letter."""
    data = bytearray(raw)
    for _ in range(dice.randint(1, 6)):
        # Most of what matters happens near the top.
        at = dice.randrange(min(len(data), 2000) if dice.random() < 0.6 else len(data)) if data else 0
        size = int(2 ** dice.uniform(0, 9))
        deeds: list[Callable[[], object]] = [
            lambda at=at: data.__setitem__(slice(at, at + 1), bytes((dice.randrange(256),))),
            lambda at=at, size=size: data.__delitem__(slice(at, at + size)),
            lambda at=at: data.__setitem__(slice(at, at), dice.choice(WORDS)),
            lambda at=at, size=size: data.__setitem__(slice(at, at), data[at : at + size] * dice.randint(1, 40)),
            lambda at=at, size=size: data.__setitem__(slice(at, at), other[at : at + size]),
            lambda at=at: data.__delitem__(slice(at, None)) if dice.random() < 0.2 else None,
            lambda at=at: data.__setitem__(slice(at, at), dice.choice(WORDS) * int(2 ** dice.uniform(0, 12))),
        ]
        dice.choice(deeds)()
    return bytes(data)


def fault(raw: bytes) -> tuple[str, float]:
    """What went wrong ("" for nothing), and the milliseconds of computing it took; others' load does not count."""
    began = time.process_time()
    signal.alarm(10)
    try:
        letter = read(raw, ENVELOPE)
        found = next((defect for defect in letter.defects if defect.startswith("could not be read")), "")
        msgspec.json.encode(letter)
        texts = (letter.subject, letter.text, letter.full_text, *(f"{one.name} {one.email}" for one in letter.sender))
        if any("\0" in text or any("\ud800" <= char <= "\udfff" for char in text) for text in texts) or "\n" in letter.subject:
            found = found or "no clean text"
        extract(raw, [(file.part, file.type) for file in letter.attachments])
    except Exception as error:  # noqa: BLE001 - this is what is looked for.
        found = f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    return found, (time.process_time() - began) * 1000


def grown() -> int:
    """See above."""
    from shapes import SHAPES

    wrong = 0
    for name, (shape, most) in SHAPES.items():
        costs = [min(fault(shape(most // part))[1] for _ in range(2)) for part in (8, 4, 2, 1)]
        power = math.log2(max(costs[-1], 1) / max(costs[0], 1)) / 3
        wrong += power > 1.4 and costs[-1] > 200
        print(f"{name:45} {most // 1000:6} KB " + " ".join(f"{cost:7.0f}" for cost in costs) + f"  power {power:4.1f}", flush=True)
    return 1 if wrong else 0


def late(*_: object) -> None:
    raise TimeoutError("over ten seconds")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path, nargs="?")
    options.add_argument("--shapes", action="store_true")
    options.add_argument("--times", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--slow", type=float, default=1000)
    options.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    given = options.parse_args()
    signal.signal(signal.SIGALRM, late)
    if given.shapes:
        return grown()
    letters = [path.read_bytes() for path in sorted(given.folder.rglob("*.eml"))]
    dice, findings, slowest, began = random.Random(given.seed), 0, 0.0, time.perf_counter()
    for number in range(given.times):
        raw = changed(dice.choice(letters), dice.choice(letters), dice)
        found, took = fault(raw)
        slowest = max(slowest, took)
        if found or took > given.slow:
            findings += 1
            given.keep.mkdir(parents=True, exist_ok=True)
            kept = given.keep / f"{given.seed}-{number}.eml"
            kept.write_bytes(raw)
            print(f"{kept}: {found or 'slow'}, {took:.0f} ms, {len(raw)} bytes", flush=True)
        if number % 10_000 == 9_999:
            print(f"{number + 1} letters, {findings} findings, slowest {slowest:.0f} ms, {time.perf_counter() - began:.0f} s", flush=True)
    print(f"{given.times} mutations of {len(letters)} letters: {findings} findings, slowest {slowest:.0f} ms")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
