"""Clause 2.1: when the desk works. Working time with exceptions, breaks and clock changes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays

from bot.model import Value
from bot.rules.schema import CalendarSection

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FAR = 800  # days in which the next opening is searched for
DAY = timedelta(days=1)
Minutes = tuple[int, int]  # from and to, in minutes after midnight; over 1440 is the next day


class HoursTerms(Value, frozen=True, forbid_unknown_fields=True, rename={"and_": "and"}):
    """How working hours are worded in a language: a part of `templates/LANGUAGE/terms.yaml`."""

    every_day: str
    days: list[str]
    workdays: str
    weekend: str
    always: str
    closed: str
    hours: str  # from, until
    and_: str
    zone: str
    zones: dict[str, str] = {}  # an IANA name -> what people call it


class CalendarError(ValueError):
    """A calendar that makes no sense; the message says why."""


def parse_hours(values: Iterable[str]) -> tuple[Minutes, ...]:
    """`10:00-22:00` (several of them, `closed`, `always`) as minutes of the day. Raises CalendarError."""
    found: list[Minutes] = []
    for value in values:
        if value == "closed":
            continue
        if value == "always":
            found.append((0, 1440))
            continue
        parts = re.fullmatch(r"(\d{1,2}):(\d\d)\s*[-–—]\s*(\d{1,2}):(\d\d)", value)
        if not parts:
            raise CalendarError(f"{value!r} are no hours; write 10:00-22:00, closed or always")
        a, b, c, d = map(int, parts.groups())
        if a > 23 or b > 59 or c > 24 or d > 59 or (c == 24 and d):
            raise CalendarError(f"{value!r} names a time that does not exist")
        start, end = a * 60 + b, c * 60 + d
        if start == end:
            raise CalendarError(f"{value!r} lasts no time; write closed or always")
        found.append((start, end if end > start else end + 1440))
    found.sort()
    for (_, before), (after, _) in pairwise(found):
        if after < before:
            raise CalendarError(f"the hours {', '.join(values)} overlap")
    return tuple(found)


def weekly(section: CalendarSection) -> tuple[tuple[Minutes, ...], ...]:
    """The hours of Monday to Sunday. Raises CalendarError for unknown days, bad hours and a week that never opens."""
    week = [parse_hours(section.hours)] * 7
    for name, hours in section.days.items():
        first, _, last = name.partition("-")
        if first not in WEEK or (last and last not in WEEK):
            raise CalendarError(f"{name!r} is no day; write {', '.join(WEEK)} or a run such as mon-fri")
        at, end = WEEK.index(first), WEEK.index(last or first)
        for shift in range((end - at) % 7 + 1):
            week[(at + shift) % 7] = parse_hours(hours)
    breaks = parse_hours(section.breaks)
    week = [_without(hours, breaks) for hours in week]
    if not any(week):
        raise CalendarError("never opens: every day of the week is closed")
    return tuple(week)


def _without(hours: tuple[Minutes, ...], breaks: tuple[Minutes, ...]) -> tuple[Minutes, ...]:
    for begin, finish in breaks:
        cut: list[Minutes] = []
        for start, end in hours:
            cut += [piece for piece in ((start, min(end, begin)), (max(start, finish), end)) if piece[0] < piece[1]]
        hours = tuple(cut)
    return hours


@lru_cache(64)
def _public_holidays(country: str, year: int) -> Mapping[date, str]:
    return dict(holidays.country_holidays(country, years=year).items())


@dataclass(frozen=True)
class Calendar:
    """Working hours in a timezone. Moments passed in are aware; those returned are in UTC: no hour comes twice there."""

    section: CalendarSection
    timezone: str
    _days: dict[date, tuple[tuple[datetime, datetime], ...]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The desk's timezone."""
        return ZoneInfo(self.timezone)

    @cached_property
    def week(self) -> tuple[tuple[Minutes, ...], ...]:
        """The hours of Monday to Sunday, without breaks."""
        return weekly(self.section)

    def _hours(self, day: date) -> tuple[tuple[Minutes, ...], Mapping[str, str]]:
        """The hours of one day and why: the last exception of the file that covers it, a public holiday, or the weekday's."""
        for item in reversed(self.section.exceptions):
            if item.day <= day <= (item.until or item.day):
                return parse_hours(item.hours), item.reason
        if self.section.holidays != "none" and (holiday := _public_holidays(self.section.holidays, day.year).get(day)):
            return (), {"ru": holiday}
        return self.week[day.weekday()], {}

    def _stretches(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The day's working hours as moments in UTC, in order and not empty."""
        if day not in self._days:
            pairs = ((self._moment(day, start), self._moment(day, end)) for start, end in self._hours(day)[0])
            self._days[day] = tuple(pair for pair in pairs if pair[0] < pair[1])
        return self._days[day]

    def _moment(self, day: date, minute: int) -> datetime:
        extra, minute = divmod(minute, 1440)
        return datetime.combine(day + extra * DAY, time(minute // 60, minute % 60), self.zone).astimezone(UTC)

    def _from(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Periods of working time after `at`, without overlaps. Raises CalendarError after two years of them.

        A desk that does not open within two years (every day is a holiday in the file) counts as always open:
        better to notify people at night than never.
        """
        done = at = at.astimezone(UTC)  # within one zone, datetime would count wall-clock time
        day = at.astimezone(self.zone).date()
        for shift in range(-1, FAR):
            for start, end in self._stretches(day + shift * DAY):
                if end > done:
                    yield max(start, done), end
                    done = end
        if done > at:
            raise CalendarError(f"does not reach beyond {FAR} days after {at:%Y-%m-%d}")
        yield at, at + FAR * DAY

    def is_open(self, at: datetime) -> bool:
        """Whether people work at this moment. At the closing moment they do not."""
        return self.next_open(at) == at.astimezone(UTC)

    def next_open(self, at: datetime) -> datetime:
        """`at` itself during working hours, otherwise when work begins again."""
        return next(self._from(at))[0]

    def add(self, at: datetime, span: timedelta) -> datetime:
        """When `span` of working time has passed since `at`: a moment within the hours, or at their end."""
        if span < timedelta(0):
            raise ValueError("working time is only added forwards")
        at, day = at.astimezone(UTC), at.astimezone(self.zone).date()
        if not span and any(end == at for shift in (-1, 0) for _, end in self._stretches(day + shift * DAY)):
            return at
        for start, end in self._from(at):
            if span <= end - start:
                return start + span
            span -= end - start
        raise CalendarError("never opens")

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Working time from `start` to `end`; negative if `end` is earlier."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        if end < start:
            return -self.between(end, start)
        total = timedelta(0)
        with suppress(CalendarError):
            for begin, finish in self._from(start):
                if begin >= end:
                    break
                total += min(finish, end) - begin
        return total

    # -------------------------------------------------------------------------------------------------- for people

    def describe(self, words: HoursTerms) -> str:
        """The weekly hours in words: «каждый день с 10:00 до 22:00 по московскому времени»."""
        week = self.week
        if set(week) == {((0, 1440),)}:
            return words.always
        groups = list(zip(words.days, week, strict=True))
        if len(set(week)) == 1:
            groups = [(words.every_day, week[0])]
        elif len(set(week[:5])) == 1 and week[5] == week[6]:
            groups = [(words.workdays, week[0]), (words.weekend, week[5])]
        open_days = ", ".join(f"{name} {_spoken(hours, words)}" for name, hours in groups if hours)
        return f"{open_days} {words.zones.get(self.timezone) or words.zone.format(self.timezone)}"

    def describe_changes(
        self, words: HoursTerms, named: Callable[[date], str], language: str, now: datetime, days: int = 21
    ) -> tuple[str, ...]:
        """The coming days with other hours than usual: «31 декабря: с 10:00 до 18:00 (канун Нового года)».

        `named` gives the name of a day.
        """
        today = now.astimezone(self.zone).date()
        lines = []
        for day in (today + shift * DAY for shift in range(days)):
            hours, reasons = self._hours(day)
            if hours != self.week[day.weekday()]:
                reason = reasons.get("en" if language == "en" else "ru")
                told = _spoken(hours, words) or words.closed
                lines.append(f"{named(day)}: {told}" + (f" ({reason})" if reason else ""))
        return tuple(lines)


def _spoken(hours: Iterable[Minutes], words: HoursTerms) -> str:
    """Hours as people say them: «с 10:00 до 14:00 и с 15:00 до 22:00»."""
    return words.and_.join(words.hours.format(_clock(start), _clock(end)) for start, end in hours)


def _clock(minute: int) -> str:
    return "24:00" if minute == 1440 else f"{minute // 60 % 24}:{minute % 60:02d}"
