"""The due clock: golden moments on both clocks, over waiting, raising, lowering and reopening; and what always holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from spoken import EN, RU

from bot.model import Address, Entry, Ground, Priority, Resolution, Status, Ticket, Waiting
from bot.rules import Policy, load
from bot.tickets.sla import between, due_from, prioritise, segments, set_right, shift, stopped_since, told
from bot.tickets.status import move

ROOT = Path(__file__).parent.parent.parent
WALL = load((ROOT / "rules.yaml").read_bytes(), "rules.yaml")
MOSCOW = ZoneInfo("Europe/Moscow")


def on_working_time(calendar: str = "hours: 10:00-22:00", zone: str = "Europe/Moscow") -> Policy:
    source = f"desk: {{name: D, address: d@d.example, timezone: {zone}}}\ncalendar: {{{calendar}}}\nsla: {{clock: working}}\n"
    return load((source + "people: {agents: [{name: A, address: a@d.example, lead: true}]}\n").encode(), "rules.yaml")


WORKING = on_working_time()


def at(text: str, zone: ZoneInfo = MOSCOW) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def ticket(opened: datetime, policy: Policy, priority: Priority = Priority.medium) -> Ticket:
    return Ticket(
        number=1, requester=Address(email="i@x.example"), opened=opened, changed=opened, priority=priority, due=due_from(opened, priority, policy)
    )


def asked(one: Ticket, now: datetime, policy: Policy) -> Ticket:
    return move(one, Status.clarification, now, policy, waiting=Waiting.requester)


def answered(one: Ticket, now: datetime, policy: Policy) -> Ticket:
    return move(one, Status.created, now, policy)


def test_the_priorities_of_the_regulation_on_the_wall_clock():
    start = at("2026-11-23 23:30")
    due = {one: due_from(start, one, WALL) for one in Priority}
    assert due == {Priority.high: at("2026-11-24 23:30"), Priority.medium: at("2026-11-25 23:30"), Priority.low: at("2026-11-27 23:30")}


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-11-23 12:00", "2026-11-27 12:00"),  # 48 working hours are four days of twelve
        ("2026-11-23 22:00", "2026-11-27 22:00"),
        ("2026-11-23 23:30", "2026-11-27 22:00"),
        ("2026-11-24 03:00", "2026-11-27 22:00"),
        ("2026-12-30 21:00", "2027-01-03 21:00"),
        ("2028-02-27 12:00", "2028-03-02 12:00"),  # over 29 February
    ],
)
def test_forty_eight_working_hours(start, due):
    assert due_from(at(start), Priority.medium, WORKING) == at(due)


def test_a_wall_clock_day_is_twenty_four_hours_over_a_change_of_the_clock():
    berlin = ZoneInfo("Europe/Berlin")
    policy = load(WALL.source.replace(b"timezone: Europe/Moscow", b"timezone: Europe/Berlin"), "rules.yaml")
    due = due_from(at("2027-03-27 12:00", berlin).astimezone(UTC), Priority.high, policy)
    assert due == at("2027-03-28 13:00", berlin)


def test_waiting_for_the_requester_stops_the_clock():
    one = asked(ticket(at("2026-11-23 12:00"), WALL), at("2026-11-23 15:00"), WALL)
    assert one.due == at("2026-11-25 12:00")
    one = answered(one, at("2026-11-24 10:00"), WALL)
    assert one.due == at("2026-11-26 07:00")


def test_a_night_of_waiting_costs_no_working_time():
    one = asked(ticket(at("2026-11-23 12:00"), WORKING), at("2026-11-23 22:30"), WORKING)
    assert answered(one, at("2026-11-24 09:00"), WORKING).due == at("2026-11-27 12:00")


def test_the_clock_stands_still_for_an_update_but_not_for_another_department():
    one = move(ticket(at("2026-11-23 12:00"), WALL), Status.in_progress, at("2026-11-23 13:00"), WALL)
    assert not move(one, Status.in_progress, at("2026-11-23 13:00"), WALL, waiting=Waiting.department).paused
    assert move(one, Status.in_progress, at("2026-11-23 13:00"), WALL, waiting=Waiting.department, ground=Ground.needs_development).paused


def test_raised_is_the_earlier_of_the_old_due_time_and_now_plus_the_new():
    one = ticket(at("2026-11-23 12:00"), WALL)
    assert prioritise(one, Priority.high, at("2026-11-23 14:00"), WALL).due == at("2026-11-24 14:00")
    assert prioritise(one, Priority.high, at("2026-11-25 06:00"), WALL).due == at("2026-11-25 12:00")


def test_lowered_is_the_number_plus_the_new_and_what_stood_still():
    one = answered(asked(ticket(at("2026-11-23 12:00"), WALL), at("2026-11-23 14:00"), WALL), at("2026-11-23 17:00"), WALL)
    assert prioritise(one, Priority.low, at("2026-11-24 12:00"), WALL).due == at("2026-11-27 15:00")
    raised = prioritise(one, Priority.high, at("2026-11-23 18:00"), WALL)
    assert prioritise(raised, Priority.low, at("2026-11-24 12:00"), WALL).due == at("2026-11-27 15:00")


def test_raised_while_the_clock_stands_still():
    one = prioritise(asked(ticket(at("2026-11-23 12:00"), WALL), at("2026-11-23 14:00"), WALL), Priority.high, at("2026-11-23 20:00"), WALL)
    assert stopped_since(one) == at("2026-11-23 14:00")
    assert answered(one, at("2026-11-24 20:00"), WALL).due == at("2026-11-25 20:00")


def test_reopened_counts_anew_and_lowering_it_counts_from_there():
    done = move(ticket(at("2026-11-01 12:00"), WALL), Status.done, at("2026-11-02 12:00"), WALL, resolution=Resolution.solved)
    again = move(done, Status.created, at("2026-11-10 09:00"), WALL)
    assert again.due == at("2026-11-12 09:00")
    assert prioritise(again, Priority.low, at("2026-11-10 10:00"), WALL).due == at("2026-11-14 09:00")


def test_a_clock_that_is_set_back_takes_nothing_away():
    one = asked(ticket(at("2026-11-23 12:00"), WALL), at("2026-11-23 15:00"), WALL)
    assert answered(one, at("2026-11-23 13:00"), WALL).due == at("2026-11-25 12:00")


def test_a_desk_that_never_closes_counts_the_same_on_both_clocks():
    always = on_working_time("hours: always", "America/New_York")
    start = at("2026-03-07 20:00", ZoneInfo("America/New_York"))
    assert due_from(start, Priority.medium, always) == start.astimezone(UTC) + timedelta(hours=48)


def test_the_arithmetic_is_told_segment_by_segment():
    one = answered(asked(ticket(at("2026-11-23 12:00"), WALL), at("2026-11-23 15:00"), WALL), at("2026-11-24 10:00"), WALL)
    assert told(one, WALL, at("2026-11-24 12:00"), RU) == (
        "48 ч по часам с 23.11.2026 12:00",
        "23.11.2026 12:00 – 23.11.2026 15:00: часы идут, 3 ч 00 мин",
        "23.11.2026 15:00 – 24.11.2026 10:00: часы стоят",
        "24.11.2026 10:00 – 26.11.2026 07:00: часы идут, 45 ч 00 мин",
        "срок: 26.11.2026 07:00, осталось 43 ч 00 мин",
    )
    assert told(one, WALL, at("2026-11-26 08:30"), EN)[-1] == "due: 26.11.2026 07:00, overdue by 1 h 30 min"
    waits = asked(one, at("2026-11-24 11:00"), WALL)
    assert told(waits, WALL, at("2026-11-24 12:00"), EN)[-1] == "the due time moves on while the clock stands still"


DEEDS = st.lists(st.tuples(st.sampled_from(["ask", "answer", "high", "medium", "low"]), st.integers(1, 4000)), max_size=12)


@settings(max_examples=150, deadline=None)
@given(DEEDS, st.booleans())
def test_the_segments_that_run_always_add_up_and_end_at_the_due_time(deeds, working):
    policy = WORKING if working else WALL
    now = at("2026-12-25 11:00")
    one = ticket(now, policy)
    for deed, minutes in deeds:
        now += timedelta(minutes=minutes)
        if deed == "ask" and one.status is not Status.clarification:
            one = asked(one, now, policy)
        elif deed == "answer" and one.status is Status.clarification:
            one = answered(one, now, policy)
        elif deed in ("high", "medium", "low"):
            one = prioritise(one, Priority(deed), now, policy)
        if one.status is Status.clarification:
            continue
        pieces = list(segments(one, policy, now))
        overdue = one.due < now
        assert pieces[-1].until == one.due or overdue
        hours = one.count.hours if one.count else policy.priorities[one.priority]
        ran = sum((piece.span for piece in pieces), timedelta())
        assert ran == timedelta(hours=hours) or (overdue and ran > timedelta(hours=hours))
        assert all(before.until == after.since for before, after in pairwise(pieces))


# -------------------------------------------------------------------------------- clocks that change and leap days


@pytest.mark.parametrize(
    ("zone", "start", "priority", "due"),
    [
        ("Europe/Berlin", "2027-03-26 16:00", Priority.high, "2027-03-28 16:00"),  # 12 hours a day, whatever the night
        ("Europe/Berlin", "2027-10-30 16:00", Priority.high, "2027-11-01 16:00"),
        ("America/New_York", "2027-03-13 10:00", Priority.medium, "2027-03-16 22:00"),
        ("America/New_York", "2027-11-06 10:00", Priority.medium, "2027-11-09 22:00"),
        ("Europe/Moscow", "2027-03-27 16:00", Priority.high, "2027-03-29 16:00"),
        ("Asia/Kolkata", "2027-02-27 16:30", Priority.high, "2027-03-01 16:30"),
        ("Asia/Kolkata", "2028-02-28 16:30", Priority.high, "2028-03-01 16:30"),
        ("Asia/Kathmandu", "2026-12-31 10:00", Priority.high, "2027-01-01 22:00"),
        ("Australia/Lord_Howe", "2027-04-03 16:00", Priority.high, "2027-04-05 16:00"),  # by half an hour
    ],
)
def test_working_days_are_as_long_whatever_the_nights_between_them(zone, start, priority, due):
    policy, here = on_working_time(zone=zone), ZoneInfo(zone)
    assert due_from(at(start, here), priority, policy) == at(due, here)
    hours = timedelta(hours=policy.priorities[priority])
    assert between(at(start, here), at(due, here), policy) == hours


@pytest.mark.parametrize(
    ("calendar", "zone", "start", "end", "counted"),
    [
        ("hours: 02:00-03:00", "Europe/Berlin", "2027-03-27 12:00", "2027-03-29 12:00", 1),  # does not exist on the 28th
        ("hours: 02:00-03:00", "Europe/Berlin", "2027-10-30 12:00", "2027-11-01 12:00", 3),  # and exists twice on the 31st
        ("hours: 01:00-04:00", "Europe/Berlin", "2027-03-28 00:00", "2027-03-28 12:00", 2),
        ("hours: 01:00-04:00", "Europe/Berlin", "2027-10-31 00:00", "2027-10-31 12:00", 4),
        ("hours: always", "America/New_York", "2027-03-14 00:00", "2027-03-15 00:00", 23),
        ("hours: always", "America/New_York", "2027-11-07 00:00", "2027-11-08 00:00", 25),
        ("hours: always", "Asia/Kolkata", "2028-02-28 00:00", "2028-03-01 00:00", 48),
        ("hours: always", "Europe/Moscow", "2027-02-28 00:00", "2027-03-01 00:00", 24),
    ],
)
def test_an_hour_counts_as_often_as_it_is_lived(calendar, zone, start, end, counted):
    policy, here = on_working_time(calendar, zone), ZoneInfo(zone)
    span = between(at(start, here), at(end, here), policy)
    assert span == timedelta(hours=counted)
    assert between(at(start, here), shift(at(start, here), span, policy), policy) == span


@pytest.mark.parametrize("policy", [WALL, WORKING])
def test_what_a_clock_that_ran_ahead_has_left_is_counted_from_now(policy):
    start, ahead, now = at("2026-11-23 12:00"), at("2026-11-26 13:00"), at("2026-11-23 14:00")
    opened_then = ticket(ahead, policy)
    answered_then = answered(asked(ticket(start, policy), start + timedelta(hours=1), policy), ahead, policy)
    event = Entry(at=ahead, kind="event", public=False, about="warned")
    raised_then = prioritise(ticket(start, policy, Priority.low), Priority.medium, ahead - timedelta(days=1), policy)
    assert set_right(opened_then, now, policy) == ticket(now, policy)
    assert set_right(answered_then, now, policy).due == shift(start, timedelta(hours=49), policy)
    assert set_right(replace(raised_then, changed=ahead), now, policy).due <= raised_then.due
    assert set_right(replace(ticket(start, policy), entries=(event,)), now, policy).entries[0].at == now
    for one in (opened_then, answered_then):
        mended = set_right(one, now, policy)
        assert set_right(mended, now, policy) is mended
        assert set_right(one, ahead, policy) is one
