"""Everything that is measured, in one run: prints one table and writes it into docs/performance.md and docs/scaling.md.

    python bench/all.py [--quick] [--only WORD] [--largest TICKETS] [--print]

About twelve minutes, three with --quick, which measures less of each and writes nothing; nor does --print. Figures are ratios of what ran
in the same run wherever there is something to compare with. A measure that cannot be taken says why and takes nothing from the others.
BENCH_DIR names a folder on the disk to be measured (35 GB free for the largest desk).
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from common import ROOT, RUN, Load, Unmeasured, bare, desk, temporary
from grow import Mould, as_filled, command, measure_start, replay
from postgres import FEW, measure_postgres
from roundup import letters_of, measure_peer
from scaling import Figures, tables
from throughput import Crowd, Rates, best, measure, measure_desk, measure_door, measure_latency, warm

from bot.model import Status


class Row(NamedTuple):
    """A line of the table."""

    what: str
    target: str
    measured: str


class Run(NamedTuple):
    """How much is measured, and what the sections have found for each other."""

    quick: bool
    largest: int  # done tickets of the largest desk
    figures: Figures

    def of(self, full: int, quick: int) -> int:
        return quick if self.quick else full


def rates(run: Run) -> Iterator[Row]:
    """(a) Accept and whole way against the yardstick."""
    with temporary() as place:
        yardstick, listener = measure_door(place, Load(place / "load", run.of(4000, 1000)))
    yield Row("the SMTP door with the inbox alone, of the yardstick", "0.8", f"{listener / yardstick:.2f}")
    kinds: tuple[tuple[str, int, int, dict[str, Any]], ...] = (
        ("small letters, a connection each", 10_000, 600, {}),
        ("small letters, kept connections", 2000, 400, {"kept": True}),
        ("300 KB pictures, a connection each", 300, 60, {"picture": 300_000}),
        ("300 KB pictures, kept", 300, 60, {"picture": 300_000, "kept": True}),
    )
    for number, (name, full, quick, options) in enumerate(kinds):
        rounds: list[Rates] = []
        for _ in range(run.of(2 if number else 3, 1)):
            with temporary() as place:
                rounds.append(measure(place, run.of(full, quick), **options))
        accept, whole = best(rounds)
        first = max(rounds, key=lambda one: one.whole / one.bare)
        of = ", of the yardstick" if not number else ""
        yield Row(f"accept, {name}{of}", "0.8", f"**{accept:.2f}** ({first.accept:.0f}/s to {first.bare:.0f}/s)")
        yield Row(f"whole way, {name}{of}", "0.4" if not number else "", f"**{whole:.2f}** ({first.whole:.0f}/s)")
        if not number:
            yield Row("CPU for each letter: main process, all processes", "", f"{first.main_ms:.1f} ms, {first.all_ms:.1f} ms")
            run.figures.take(first)


def growth(run: Run) -> Iterator[Row]:
    """(b) The same load on desks with more and more done tickets, in turn; what the commands take that look at all of them."""
    mould, sizes = Mould(), [size for size in (0, 10_000, 100_000, 1_000_000) if size <= run.of(run.largest, 10_000)]
    with temporary() as place:
        for size in list(sizes):
            try:
                mould.fill(place / str(size) / "desk", Status.done, range(1, size + 1))
            except Unmeasured as reason:  # the largest does not fit: the others are measured
                sizes.remove(size)
                yield Row(f"whole way with {size:,} done tickets, of the yardstick", "within 10 %", f"not measured: {reason}")
        turns: list[dict[int, Rates]] = []
        for _ in range(run.of(9, 1)):  # the host is faster and slower by the minute: each turn is compared within itself
            turns.append({})
            for size in random.sample(sizes, len(sizes)):
                turns[-1][size] = measure(place / str(size), run.of(1000, 400))
                as_filled(place / str(size) / "desk")
        for size in sizes:
            main, everyone = (sorted(used(turn[size]) / used(turn[0]) - 1 for turn in turns) for used in map(attrgetter, ("main_ms", "all_ms")))
            whole = statistics.median(turn[size].whole / turn[size].bare for turn in turns)
            cpu = statistics.median(turn[size].main_ms for turn in turns)
            yield Row(f"whole way with {size:,} done tickets, of the yardstick", "within 10 %",
                      f"{whole:.2f}; {cpu:.1f} ms of the main process a letter ({statistics.median(main):+.0%}, "
                      f"turns from {main[0]:+.0%} to {main[-1]:+.0%}), of all processes {statistics.median(everyone):+.0%}")  # fmt: skip
        largest = place / str(sizes[-1]) / "desk"
        if 10_000 in sizes and not run.quick:
            yield Row("`replay` of 10,000 letters", "", f"{replay(place / '10000' / 'desk')['replay_s']:.0f} s")
        if 100_000 in sizes:
            found = {**command(place / "100000/desk", "ledger"), **command(place / "100000/desk", "report")}
            yield Row("`ledger` over 100,000 letters", "10 s", f"{found['ledger_s']:.1f} s, {found['ledger_mb']:.0f} MB")
            yield Row("`report` over 100,000 done tickets", "", f"{found['report_s']:.1f} s, {found['report_mb']:.0f} MB")
        yield Row("start with the most done tickets", "2 s", f"{measure_start(largest)['ready_s']:.1f} s")


def live(run: Run) -> Iterator[Row]:
    """(c) Start and memory with many open tickets."""
    number = run.of(100_000, 20_000)
    with temporary() as place:
        empty = measure_start(place / "empty")
        Mould().fill(place / "desk", Status.created, range(1, number + 1))
        found = measure_start(place / "desk")
    run.figures.live_mb = (found["main_mb"] - empty["main_mb"]) / number * 100_000
    run.figures.empty_mb, run.figures.readers_mb = empty["main_mb"], empty["all_mb"] - empty["main_mb"]
    yield Row(f"letters are taken, with {number:,} open tickets", "2 s", f"{found['ready_s']:.1f} s after the start ({empty['ready_s']:.1f} s empty)")
    yield Row("they are loaded, the first letter answered", "15 s", f"{found['loaded_s']:.1f} s after the start")
    yield Row("memory of the main process with them", "200 MB", f"{found['main_mb']:.0f} MB ({empty['main_mb']:.0f} MB empty)")
    yield Row("memory of the other processes: both readers, sender, fork server", "", f"{found['all_mb'] - found['main_mb']:.0f} MB")


def postgres(run: Run) -> Iterator[Row]:
    """(d) PostgreSQL: one daemon and two."""
    with temporary() as place:
        load = Load(place / "load", run.of(1500, 400), run=FEW)
        with bare(place / "bare") as server:
            yardstick = load.letters / load.send(server.where)
    found = measure_postgres(load.letters)
    for name, daemons in (("one", "one daemon"), ("two", "two daemons")):
        accept, whole = found[f"{name}_accept"], found[f"{name}_whole"]
        measured = f"{accept / yardstick:.2f}, **{whole / yardstick:.2f}** ({whole:.0f}/s)"
        yield Row(f"PostgreSQL, {daemons}: accept, whole way, of the yardstick", "", measured)
    yield Row("PostgreSQL: CPU of one daemon, of two, for each letter", "", f"{found['one_all_ms']:.1f} ms, {found['two_all_ms']:.1f} ms")
    yield Row("PostgreSQL: time under the desk's lock for each letter, one daemon, two", "",
              f"{found['one_lock_ms']:.1f} ms, {found['two_lock_ms']:.1f} ms")  # fmt: skip
    yield Row("PostgreSQL: on its disk for each letter; connections of a daemon", "",
              f"{found['one_octets'] / 1024:.0f} KB; {found['one_connections']:.0f}")  # fmt: skip
    run.figures.postgres(found)


def peer(run: Run) -> Iterator[Row]:
    """(e) Roundup's mail gateway on the same letters."""
    theirs = measure_peer(run.of(300, 60))
    with temporary() as place:
        load, data = Crowd(run.of(1500, 300)), place / "desk"
        piped = letters_of(run.of(50, 10), 10**9)
        with desk(data) as server:
            warm([server], [data / "outbox"])
            ours = measure_desk([server], [data / "outbox"], load)[1]
            began = time.perf_counter()
            for one in piped:
                command(data, "deliver", stdin=one)
            deliver = len(piped) / (time.perf_counter() - began)
    new, known, pipe = theirs["new"], theirs["known"], theirs["piped"]
    yield Row("times Roundup's mail gateway, batched, letters of new people", "30", f"**{ours / new:.0f}** ({ours:.0f}/s to {new:.1f}/s)")
    yield Row(f"the same, {RUN} letters of each person", "", f"{ours / known:.1f} (to {known:.0f}/s)")
    yield Row("a process for each letter: `run.py deliver`, to Roundup's pipe", "", f"{deliver / pipe:.1f} ({deliver:.1f}/s to {pipe:.1f}/s)")


def latency(run: Run) -> Iterator[Row]:
    """(f) How long a sender waits at half of the rate that the whole way reaches."""
    with temporary() as place:
        full = run.figures.whole or measure(place, 400).whole
    found = measure_latency(full / 2, int(full / 2 * run.of(20, 5)))
    for name, (median, last) in found.items():
        yield Row(f"to the {name}, at half load ({full / 2:.0f} letters a second)", "", f"{median:.0f} ms median, {last:.0f} ms at 99 %")


SECTIONS: tuple[Callable[[Run], Iterator[Row]], ...] = (rates, latency, postgres, peer, live, growth)  # the one that fills the disk last


def machine() -> str:
    """One line about what all of this ran on."""
    model = re.search(r"(?m)^model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return (f"{datetime.now(UTC):%Y-%m-%d}, {len(os.sched_getaffinity(0))} cores ({model[1].strip() if model else platform.machine()}), "
            f"Python {platform.python_version()}, load before: {os.getloadavg()[0]:.1f}")  # fmt: skip


def between(page: str, name: str, text: str) -> str:
    """The page with the text between the marks of that name. Raises ValueError where it has none."""
    changed, number = re.subn(rf"(?s)(<!-- {name} by bench[^>]*-->\n).*?(<!-- /{name} -->)", lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page)
    if number != 1:
        raise ValueError(f"one pair of marks <!-- {name} --> is wanted, there are {number}")
    return changed


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less of everything, and the documents stay as they are")
    parser.add_argument("--only", default="", help="one section: " + ", ".join(section.__name__ for section in SECTIONS))
    parser.add_argument("--largest", type=int, default=1_000_000, help="done tickets of the largest desk; 100000 saves four minutes and 20 GB")
    parser.add_argument("--print", action="store_true", help="print, and leave the documents as they are")
    chosen = parser.parse_args()
    run, where, lines = Run(chosen.quick, chosen.largest, Figures()), machine(), ["| what | target | measured |", "|---|---|---|"]
    print(where, *lines, sep="\n", flush=True)
    for section in SECTIONS:
        if chosen.only not in section.__name__:
            continue
        began = time.perf_counter()
        try:
            for row in section(run):
                lines.append(f"| {row.what} | {row.target} | {row.measured} |")
                print(lines[-1], flush=True)
        except Unmeasured as reason:
            lines.append(f"| {(section.__doc__ or '').splitlines()[0]} | | not measured: {' '.join(str(reason).split())[:200]} |")
            print(lines[-1], flush=True)
        print(f"  ({section.__name__}: {time.perf_counter() - began:.0f} s)", flush=True)
    print(*tables(run.figures).values(), sep="\n\n")
    if chosen.quick or chosen.only or chosen.print:
        return
    pages = {"performance.md": {"measured": f"{where}.\n\n" + "\n".join(lines)}, "scaling.md": tables(run.figures)}
    for name, parts in pages.items():
        path = ROOT / "docs" / name
        text = path.read_text("utf-8")
        for mark, part in parts.items():
            text = between(text, mark, part)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
