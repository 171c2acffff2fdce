"""The arithmetic of docs/scaling.md, out of what bench/all.py has measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from throughput import Rates

PEAK = 5  # times the mean of a day, in its busiest hour
LIVE_DAYS = 16  # a ticket is live until it is done (two days) and can no longer be reopened (fourteen)
NEW = 0.5  # of all letters open a ticket; the others are answers and commands
ROOM = 0.5  # of what a part can do is used at the peak; the other half is for the loss of a machine
A_DAY = (1_000, 10_000, 100_000, 1_000_000)


@dataclass
class Figures:
    """Measured; 0 where it was not."""

    accept: float = 0  # letters a second
    whole: float = 0
    main_ms: float = 0  # CPU for each letter
    all_ms: float = 0
    stored: dict[str, float] = field(default_factory=dict)  # octets for each letter, by folder
    live_mb: float = 0  # of memory for 100,000 live tickets
    empty_mb: float = 0
    readers_mb: float = 0
    pg_one: float = 0  # letters a second with one daemon, with two
    pg_two: float = 0
    pg_lock_ms: float = 0  # under the lock of the whole desk, for each letter: deciding it, and recording that its answers have left
    pg_octets: float = 0
    pg_connections: float = 0

    @property
    def pg_most(self) -> float:
        """Letters a second that the lock allows."""
        return 1000 / self.pg_lock_ms if self.pg_lock_ms else 0

    def take(self, one: Rates) -> None:
        """From the yardstick's section."""
        self.accept, self.whole, self.main_ms, self.all_ms, self.stored = one.accept, one.whole, one.main_ms, one.all_ms, one.stored

    def postgres(self, found: dict[str, float]) -> None:
        """From PostgreSQL's section."""
        self.pg_one, self.pg_two = found["one_whole"], found["two_whole"]
        self.pg_lock_ms, self.pg_octets, self.pg_connections = found["one_lock_ms"], found["one_octets"], found["one_connections"]


def tables(found: Figures) -> dict[str, str]:
    """The texts of both marks of the page."""
    rows: tuple[tuple[str, str, tuple[float, ...]], ...] = (
        ("whole way on files, two cores", "{:.0f} letters/s", (found.whole,)),
        ("accepted while it works", "{:.0f} letters/s", (found.accept,)),
        ("CPU for a letter: all processes, the main process", "{:.1f} ms, {:.1f} ms", (found.all_ms, found.main_ms)),
        ("disk for a ticket of one letter, with its three answers", "{:.1f} KB", (found.stored.get("tickets", 0) / 1024,)),
        ("disk for the letter as it came", "{:.1f} KB", (found.stored.get("archive", 0) / 1024,)),
        ("log for a letter", "{:.1f} KB", (found.stored.get("log", 0) / 1024,)),
        ("memory of an empty desk, of its two readers", "{:.0f} MB, {:.0f} MB", (found.empty_mb, found.readers_mb)),
        ("memory for 100,000 live tickets", "{:.0f} MB", (found.live_mb,)),
        ("whole way on PostgreSQL: one daemon, two on the same cores", "{:.0f} and {:.0f} letters/s", (found.pg_one, found.pg_two)),
        ("time under PostgreSQL's lock for a letter; what that allows at most", "{:.1f} ms; {:.0f} letters/s",
         (found.pg_lock_ms, found.pg_most)),
        ("PostgreSQL's disk for a letter, all told", "{:.1f} KB", (found.pg_octets / 1024,)),
        ("connections of a daemon", "{:.0f}", (found.pg_connections,)),
    )
    lines = [f"| {what} | {words.format(*values) if all(values) else 'not measured'} |" for what, words, values in rows]
    return {"figures": "\n".join(["| | measured |", "|---|---|", *lines]), "arithmetic": arithmetic(found)}


def arithmetic(found: Figures) -> str:
    """What the loads ask for."""
    a_letter = sum(found.stored.values())
    rows: list[tuple[str, list[str]]] = [
        ("letters a second, mean", [f"{n / 86400:.2g}" for n in A_DAY]),
        (f"in the busiest hour (× {PEAK})", [f"{peak(n):.2g}" for n in A_DAY]),
        ("share of the two cores then", [share(peak(n), found.whole) for n in A_DAY]),
        (f"machines like it on files, at {ROOM:.0%} of what each can do", [machines(peak(n), found.whole) for n in A_DAY]),
        ("share of what PostgreSQL's lock allows then", [share(peak(n), found.pg_most) for n in A_DAY]),
        (f"desks on PostgreSQL, each at {ROOM:.0%} of its lock", [machines(peak(n), found.pg_most) for n in A_DAY]),
        ("letters out a day (3 for each)", [f"{3 * n:,}" for n in A_DAY]),
        (f"live tickets ({NEW:.0%} of letters, {LIVE_DAYS} days)", [f"{n * NEW * LIVE_DAYS:,.0f}" for n in A_DAY]),
        ("memory for them", [f"{n * NEW * LIVE_DAYS / 100_000 * found.live_mb:,.0f} MB" for n in A_DAY]),
        ("disk a year, files", [f"{n * 365 * a_letter / 2**30:,.0f} GB" for n in A_DAY]),
        ("disk a year, PostgreSQL", [f"{n * 365 * found.pg_octets / 2**30:,.0f} GB" for n in A_DAY]),
    ]
    head = ["| letters a day | " + " | ".join(f"{n:,}" for n in A_DAY) + " |", "|---|" + "---|" * len(A_DAY)]
    return "\n".join(head + [f"| {what} | " + " | ".join(cells) + " |" for what, cells in rows])


def peak(a_day: int) -> float:
    """Letters a second in the busiest hour."""
    return a_day / 86400 * PEAK


def share(wanted: float, rate: float) -> str:
    """Percent of what is there."""
    return f"{wanted / rate:.1%}" if rate else "not measured"


def machines(wanted: float, rate: float) -> str:
    """Whole machines."""
    return f"{-(-wanted // (rate * ROOM)):.0f}" if rate else "not measured"
