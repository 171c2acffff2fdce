"""Working time: golden moments across closing, midnight, new year and changes of the clock; and what always holds."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spoken import EN, RU

from bot.rules.calendar import Calendar, CalendarError
from bot.rules.schema import CalendarSection, ExceptionDay

MOSCOW = ZoneInfo("Europe/Moscow")
DAILY = Calendar(CalendarSection(), "Europe/Moscow")
OFFICE = Calendar(CalendarSection(days={"mon-fri": "9:00-18:00", "sat-sun": "closed"}, breaks="13:00-14:00", holidays="RU"), "Europe/Moscow")
NIGHT = Calendar(CalendarSection(hours="22:00-06:00"), "Europe/Berlin")
ALWAYS = Calendar(CalendarSection(hours="always"), "America/New_York")
EVE = ExceptionDay.model_validate({"date": date(2026, 12, 31), "hours": "10:00-18:00", "reason": {"ru": "канун Нового года"}})
NEW_YEAR = ExceptionDay.model_validate({"date": date(2027, 1, 1), "until": date(2027, 1, 3), "reason": {"ru": "праздники"}})
FESTIVE = Calendar(CalendarSection(exceptions=(EVE, NEW_YEAR)), "Europe/Moscow")


def at(text: str, zone: str = "Europe/Moscow") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-11 09:59:59", False),
        ("2026-03-11 10:00", True),
        ("2026-03-11 21:59:59", True),
        ("2026-03-11 22:00", False),
        ("2026-03-12 00:00", False),
    ],
)
def test_the_desk_of_the_regulation_is_open_from_ten_to_ten(moment, is_open):
    assert DAILY.is_open(at(moment)) is is_open


@pytest.mark.parametrize(
    ("calendar", "start", "hours", "end"),
    [
        (DAILY, "2026-03-11 21:00", 1, "2026-03-11 22:00"),
        (DAILY, "2026-03-11 21:00", 2, "2026-03-12 11:00"),
        (DAILY, "2026-03-11 23:30", 3, "2026-03-12 13:00"),
        (DAILY, "2026-12-31 21:00", 13, "2027-01-01 22:00"),
        (DAILY, "2026-03-11 10:00", 24, "2026-03-12 22:00"),
        (FESTIVE, "2026-12-31 17:00", 2, "2027-01-04 11:00"),
        (OFFICE, "2026-03-13 17:00", 2, "2026-03-16 10:00"),
        (OFFICE, "2026-03-16 12:00", 2, "2026-03-16 15:00"),
        (OFFICE, "2025-12-30 17:30", 1, "2026-01-12 09:30"),
    ],
)
def test_working_hours_are_added_over_closing_nights_holidays_and_breaks(calendar, start, hours, end):
    assert calendar.add(at(start), timedelta(hours=hours)) == at(end)


def test_a_night_shift_in_the_spring_is_an_hour_shorter():
    start = at("2026-03-28 22:00", "Europe/Berlin")
    assert NIGHT.between(start, at("2026-03-29 12:00", "Europe/Berlin")) == timedelta(hours=7)
    assert NIGHT.add(start, timedelta(hours=7)) == at("2026-03-29 06:00", "Europe/Berlin")


def test_a_night_shift_in_the_autumn_is_an_hour_longer():
    assert NIGHT.between(at("2026-10-24 22:00", "Europe/Berlin"), at("2026-10-25 06:00", "Europe/Berlin")) == timedelta(hours=9)


def test_a_desk_that_never_closes_counts_the_clock():
    start = at("2026-03-07 23:00", "America/New_York")
    assert ALWAYS.add(start, timedelta(hours=100)) - start.astimezone(UTC) == timedelta(hours=100)
    assert ALWAYS.is_open(start)


def test_opening_and_closing():
    assert DAILY.next_open(at("2026-03-11 22:00")) == at("2026-03-12 10:00")
    assert DAILY.next_open(at("2026-03-11 12:00")) == at("2026-03-11 12:00")
    assert FESTIVE.next_open(at("2026-12-31 18:00")) == at("2027-01-04 10:00")


def test_a_holiday_that_says_every_day_is_taken_for_none():
    closed = ExceptionDay.model_validate({"date": date(2026, 1, 1), "until": date(2040, 1, 1)})
    calendar = Calendar(CalendarSection(exceptions=(closed,)), "UTC")
    assert calendar.next_open(at("2026-06-01 03:00")) == at("2026-06-01 03:00")
    assert calendar.is_open(at("2026-06-01 03:00"))
    assert calendar.add(at("2026-06-01 03:00"), timedelta(hours=48)) == at("2026-06-03 03:00")


def test_more_working_time_than_two_years_hold_says_so():
    with pytest.raises(CalendarError, match="does not reach"):
        DAILY.add(at("2026-06-01 12:00"), timedelta(hours=12 * 900))


def test_it_is_described_as_people_speak():
    assert DAILY.describe(RU.hours) == "каждый день с 10:00 до 22:00 по московскому времени"
    assert DAILY.describe(EN.hours) == "every day from 10:00 to 22:00 Moscow time"
    assert OFFICE.describe(RU.hours) == "с понедельника по пятницу с 9:00 до 13:00 и с 14:00 до 18:00 по московскому времени"
    assert ALWAYS.describe(RU.hours) == "круглосуточно, без выходных"


def test_coming_changes_are_told_with_their_reason():
    lines = FESTIVE.describe_changes(RU.hours, partial(RU.day, year=False), "ru", at("2026-12-25 12:00"))
    assert lines == (
        "31 декабря: с 10:00 до 18:00 (канун Нового года)",
        "1 января: не работаем (праздники)",
        "2 января: не работаем (праздники)",
        "3 января: не работаем (праздники)",
    )
    assert DAILY.describe_changes(RU.hours, partial(RU.day, year=False), "ru", at("2026-12-25 12:00")) == ()


moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))
spans = st.integers(0, 60 * 24 * 20).map(lambda minutes: timedelta(minutes=minutes))
calendars = st.sampled_from([DAILY, OFFICE, NIGHT, ALWAYS, FESTIVE])


@settings(max_examples=150, deadline=None)
@given(calendars, moments, spans, spans)
def test_adding_in_two_steps_is_adding_once(calendar, start, first, second):
    assert calendar.add(calendar.add(start, first), second) == calendar.add(start, first + second)


@settings(max_examples=150, deadline=None)
@given(calendars, moments, spans, spans)
def test_more_time_and_a_later_start_never_end_earlier(calendar, start, span, more):
    end = calendar.add(start, span)
    assert calendar.add(start, span + more) >= end
    assert calendar.add(start + more, span) >= end


@settings(max_examples=150, deadline=None)
@given(calendars, moments, spans)
def test_the_end_lies_within_the_hours_and_the_time_between_is_what_was_added(calendar, start, span):
    end = calendar.add(start, span)
    assert calendar.is_open(end) or calendar.is_open(end - timedelta(microseconds=1))
    assert calendar.between(start, end) == span


@pytest.mark.parametrize("minutes", range(0, 180, 15))
def test_an_hour_that_exists_twice_is_worked_twice(minutes):
    """Moments of such an hour are equal to none of another zone, Python says (PEP 495)."""
    night = Calendar(CalendarSection(hours="02:00-03:00"), "Europe/Berlin")
    moment = datetime(2027, 10, 31, 0, 0, tzinfo=UTC) + timedelta(minutes=minutes)
    assert night.is_open(moment) == night.is_open(moment.astimezone(night.zone)) == (minutes < 120)
    assert night.add(moment, timedelta(0)).utcoffset() == timedelta(0)
    noon = datetime(2027, 10, 31, 12, tzinfo=night.zone)
    assert night.between(moment.astimezone(night.zone), noon) == max(0, 120 - minutes) * timedelta(minutes=1)
