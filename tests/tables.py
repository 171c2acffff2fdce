"""Decision tables as tests: each row is a sentence for its reader, what is given and what is expected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

MOSCOW = ZoneInfo("Europe/Moscow")
WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def table(names: str, rows: Sequence[tuple[object, ...]]) -> pytest.MarkDecorator:
    """A test of each row; the first cell is the sentence, and `names` are those of the others."""
    columns = names.split()
    assert all(len(row) == len(columns) + 1 for row in rows), "a row has too many cells, or too few"
    return pytest.mark.parametrize(columns, [row[1:] for row in rows], ids=[str(row[0]) for row in rows])


def at(text: str, zone: ZoneInfo = MOSCOW) -> datetime:
    """`Tue 12:00` of the week of 23 November 2026, `+Tue 12:00` of the next, or a date and a time."""
    day, _, clock = text.partition(" ")
    if (name := day.lstrip("+")) not in WEEK:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    days = timedelta(days=WEEK.index(name) + 7 * day.count("+"))
    return datetime.fromisoformat(f"2026-11-23 {clock}").replace(tzinfo=zone) + days
