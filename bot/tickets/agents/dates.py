"""Days as people write them in a command: 2026-12-31, 31.12, 31 декабря, завтра, через 3 дня, in a week, perhaps with 14:30."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

WORDS = {"сегодня": 0, "today": 0, "завтра": 1, "tomorrow": 1, "послезавтра": 2}
SPANS = {"д": 1, "н": 7, "d": 1, "w": 7}  # день, неделя; day, week
MONTH = {  # the first letters, in any case of the word
    name: number
    for names in ("янв фев мар апр мая июн июл авг сен окт ноя дек", "jan feb mar apr may jun jul aug sep oct nov dec")
    for number, name in enumerate(names.split(), 1)
} | {"май": 5}
CLOCK = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b")
SPAN = re.compile(r"(?:через|in|after)\s+(\d{1,3}\s+|an?\s+)?(д|н|d|w)", re.IGNORECASE)
ISO = re.compile(r"\b(\d{4})-(\d\d?)-(\d\d?)\b")
DOTTED = re.compile(r"\b(\d\d?)[./](\d\d?)(?:[./](\d{4}|\d\d))?(?!\d)")
_NAMES = "|".join(MONTH)
SPOKEN = re.compile(rf"\b(\d\d?)\s+({_NAMES})[a-zа-я]*(?:\s+(\d{{4}}))?|\b({_NAMES})[a-z]*\s+(\d\d?)\b(?:,?\s+(\d{{4}}))?", re.IGNORECASE)


def moment_in(text: str, today: date) -> datetime | None:
    """The first day that the text names, with its time of day (midnight where it names none), naive; None where there is none.

    A day without a year is the next one to come. `today` is the desk's own day.
    """
    clock = CLOCK.search(text)
    text = CLOCK.sub(" ", text)
    day = day_in(text, today)
    return datetime.combine(day, time(int(clock[1]), int(clock[2])) if clock else time()) if day else None


def day_in(text: str, today: date) -> date | None:
    """The same without the time of day."""
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        if word in WORDS:
            return today + timedelta(days=WORDS[word])
    if span := SPAN.search(text):
        count = int(span[1]) if (span[1] or "").strip().isdigit() else 1
        return today + timedelta(days=count * SPANS[span[2].lower()])
    if iso := ISO.search(text):
        return made(int(iso[1]), int(iso[2]), int(iso[3]))
    if dotted := DOTTED.search(text):
        return coming(dotted[3], int(dotted[2]), int(dotted[1]), today)
    if said := SPOKEN.search(text):
        return coming(said[3] or said[6], MONTH[(said[2] or said[4]).lower()], int(said[1] or said[5]), today)
    return None


def coming(year: str | None, month: int, day: int, today: date) -> date | None:
    """That day of that year, or the next such day."""
    if year:
        return made(int(year) + (2000 if len(year) == 2 else 0), month, day)
    found = made(today.year, month, day)
    return made(today.year + 1, month, day) if found and found < today else found


def made(year: int, month: int, day: int) -> date | None:
    """A day, or None where the calendar has none."""
    try:
        return date(year, month, day)
    except ValueError:
        return None
