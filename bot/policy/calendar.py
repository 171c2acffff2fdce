"""Clause 2.1: when the desk works. Working time over days, exceptions, breaks and changes of the clock; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays

from bot.policy.schema import CalendarSection, ExceptionDay

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FAR = 800  # days that are searched for the next opening
DAY = timedelta(days=1)
Minutes = tuple[int, int]  # from and to, in minutes after midnight; past 1440 is the next day

_EVERY_DAY = {"ru": "каждый день", "en": "every day"}
_DAYS = {
    "ru": ("по понедельникам", "по вторникам", "по средам", "по четвергам", "по пятницам", "по субботам", "по воскресеньям"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_WORKDAYS = {"ru": "с понедельника по пятницу", "en": "Monday to Friday"}
_WEEKEND = {"ru": "в субботу и воскресенье", "en": "on Saturday and Sunday"}
_ALWAYS = {"ru": "круглосуточно, без выходных", "en": "around the clock, every day"}
_CLOSED = {"ru": "не работаем", "en": "closed"}
_ZONES = {"Europe/Moscow": {"ru": "по московскому времени", "en": "Moscow time"}, "UTC": {"ru": "по Гринвичу (UTC)", "en": "UTC"}}
_MONTHS = {
    "ru": ["января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря"],
    "en": ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
}


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
        end = WEEK.index(last or first)
        at = WEEK.index(first)
        while True:
            week[at] = parse_hours(hours)
            if at == end:
                break
            at = (at + 1) % 7
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
    """Working hours in a timezone. All moments that go in are aware; those that come out are in the desk's timezone."""

    section: CalendarSection
    timezone: str
    _days: dict[date, tuple[tuple[datetime, datetime], ...]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The desk's timezone."""
        return ZoneInfo(self.timezone)

    @cached_property
    def week(self) -> tuple[tuple[Minutes, ...], ...]:
        """Hours of Monday to Sunday, breaks taken out."""
        return weekly(self.section)

    @cached_property
    def always(self) -> bool:
        """Whether the desk never closes."""
        return all(hours == ((0, 1440),) for hours in self.week) and not self.section.exceptions and self.section.holidays == "none"

    def exception(self, day: date) -> ExceptionDay | None:
        """The last exception of the file that covers this day."""
        found = [item for item in self.section.exceptions if item.day <= day <= (item.until or item.day)]
        return found[-1] if found else None

    def hours(self, day: date) -> tuple[Minutes, ...]:
        """The hours of one day: its exception's, none on a public holiday, or the weekday's."""
        special = self.exception(day)
        if special:
            return parse_hours(special.hours)
        if self.section.holidays != "none" and day in _public_holidays(self.section.holidays, day.year):
            return ()
        return self.week[day.weekday()]

    def _stretches(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The day's working hours as moments in UTC, in order and not empty."""
        if day not in self._days:
            if len(self._days) > 5000:
                self._days.clear()
            pairs = ((self._moment(day, start), self._moment(day, end)) for start, end in self.hours(day))
            self._days[day] = tuple(pair for pair in pairs if pair[0] < pair[1])
        return self._days[day]

    def _moment(self, day: date, minute: int) -> datetime:
        extra, minute = divmod(minute, 1440)
        local = datetime.combine(day + extra * DAY, time(minute // 60, minute % 60), self.zone)
        return local.astimezone(UTC)

    def _from(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Stretches of working time that end after `at`, joined where they touch. Raises CalendarError past two years of them.

        A desk that does not open at all in two years (a holiday file that says every day) is taken for one that never closes:
        people are told at night rather than never.
        """
        opens, day = False, at.astimezone(self.zone).date() - DAY
        held: tuple[datetime, datetime] | None = None
        for _ in range(FAR):
            for start, end in self._stretches(day):
                if held and start <= held[1] and held[1] - held[0] < 30 * DAY:
                    held = (held[0], max(end, held[1]))
                    continue
                if held and held[1] > at:
                    opens = True
                    yield held
                held = (start, end)
            day += DAY
        if held and held[1] > at:
            opens = True
            yield held
        if opens:
            raise CalendarError(f"does not reach beyond {FAR} days after {at:%Y-%m-%d}")
        yield at, at + FAR * DAY

    def _out(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def is_open(self, at: datetime) -> bool:
        """Whether people work at that moment; the closing moment itself is closed."""
        return next(self._from(at))[0] <= at

    def next_open(self, at: datetime) -> datetime:
        """`at` itself while open, otherwise when work begins again."""
        return self._out(max(at, next(self._from(at))[0]))

    def next_close(self, at: datetime) -> datetime:
        """When the current or next stretch of work ends; a desk that never closes answers a moment a month ahead or more."""
        return self._out(next(self._from(at))[1])

    def add(self, at: datetime, span: timedelta) -> datetime:
        """The moment when `span` of working time has passed since `at`; never outside of the hours, their end included."""
        if span < timedelta(0):
            raise ValueError("working time is only added forwards")
        at = at.astimezone(UTC)  # within one zone, datetime counts the clock on the wall
        if not span and self._closing(at):
            return self._out(at)
        for start, end in self._from(at):
            begin = max(start, at)
            if span <= end - begin:
                return self._out(begin + span)
            span -= end - begin
        raise CalendarError("never opens")

    def _closing(self, at: datetime) -> bool:
        day = at.astimezone(self.zone).date()
        return any(end == at for shift in (-1, 0) for _, end in self._stretches(day + shift * DAY))

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Working time from `start` to `end`; negative when they are the other way round."""
        if end < start:
            return -self.between(end, start)
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        total, day, last = timedelta(0), start.astimezone(self.zone).date() - DAY, end.astimezone(self.zone).date()
        while day <= last:
            for begin, finish in self._stretches(day):
                begun, left = max(begin, start), min(finish, end)
                if begun < left:
                    total += left - begun
                    start = left
            day += DAY
        return total

    # -------------------------------------------------------------------------------------------------- for people

    def describe(self, language: str) -> str:
        """The weekly hours in words: «каждый день с 10:00 до 22:00 по московскому времени»."""
        ru = language != "en"
        tongue = "ru" if ru else "en"
        if all(hours == ((0, 1440),) for hours in self.week):
            return _ALWAYS[tongue]
        groups: list[tuple[str, tuple[Minutes, ...]]]
        if len(set(self.week)) == 1:
            groups = [(_EVERY_DAY[tongue], self.week[0])]
        elif len(set(self.week[:5])) == 1 and self.week[5] == self.week[6]:
            groups = [(_WORKDAYS[tongue], self.week[0]), (_WEEKEND[tongue], self.week[5])]
        else:
            groups = [(_DAYS[tongue][i], hours) for i, hours in enumerate(self.week)]
        open_days = ", ".join(f"{name} {spoken(hours, tongue)}" for name, hours in groups if hours)
        zone = _ZONES.get(self.timezone, {"ru": f"по времени {self.timezone}", "en": f"{self.timezone} time"})[tongue]
        return f"{open_days} {zone}"

    def changes(self, now: datetime, days: int = 21) -> tuple[tuple[date, str, Mapping[str, str]], ...]:
        """Days from today on whose hours differ from the weekly ones: (day, hours in `10:00-18:00` form or "", reason)."""
        today = now.astimezone(self.zone).date()
        found = []
        for day in (today + shift * DAY for shift in range(days)):
            hours, special = self.hours(day), self.exception(day)
            if hours == self.week[day.weekday()]:
                continue
            reason: Mapping[str, str] = special.reason if special else {"ru": _public_holidays(self.section.holidays, day.year)[day]}
            found.append((day, ", ".join(f"{_clock(a)}-{_clock(b)}" for a, b in hours), reason))
        return tuple(found)

    def describe_changes(self, language: str, now: datetime, days: int = 21) -> tuple[str, ...]:
        """The coming changes as lines: «31 декабря: с 10:00 до 18:00 (канун Нового года)»."""
        tongue = "en" if language == "en" else "ru"
        lines = []
        for day, _, reason in self.changes(now, days):
            why = reason.get(tongue) or ""
            told = spoken(self.hours(day), tongue) or _CLOSED[tongue]
            lines.append(f"{day.day} {_MONTHS[tongue][day.month - 1]}: {told}" + (f" ({why})" if why else ""))
        return tuple(lines)


def _clock(minute: int) -> str:
    hour, rest = divmod(minute, 60)
    return "24:00" if minute == 1440 else f"{hour % 24}:{rest:02d}"


def spoken(hours: Iterable[Minutes], language: str) -> str:
    """Hours as people say them: «с 10:00 до 14:00 и с 15:00 до 22:00»."""
    words = ("с", "до", " и ") if language != "en" else ("from", "to", " and ")
    return words[2].join(f"{words[0]} {_clock(a)} {words[1]} {_clock(b)}" for a, b in hours)
