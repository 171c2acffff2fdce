"""Timers of a whole desk, over clocks that change and run ahead; and that a quiet desk costs nothing."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace as other
from datetime import UTC, datetime, timedelta
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from desk import MOSCOW_NOON as NOON
from desk import ROOT, TestDesk, open_office
from msgspec.structs import replace

from bot.model import Address, Decision, Ground, Priority, Status, Ticket
from bot.rules import load
from bot.settings import Settings
from bot.store.index import TicketIndex
from bot.store.interface import AddressFacts
from bot.tickets.digest import due as digest_due
from bot.tickets.sla import due_from, set_right
from bot.tickets.status import move
from bot.tickets.timers import armed, decide

OFFICE = open_office(Settings(rules=ROOT / "rules.yaml", templates=ROOT / "templates"), b"0123456789abcdef0123456789abcdef")
POLICY = OFFICE.policy
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ticket(opened: datetime = NOON, priority: Priority = Priority.medium, **more: object) -> Ticket:
    made = Ticket(
        number=7, requester=Address(email="ivan@example.org"), opened=opened, changed=opened, priority=priority,
        due=due_from(opened, priority, POLICY), subject="Звук",
    )  # fmt: skip
    return replace(made, **more)


def done(one: Ticket, now: datetime, sender: AddressFacts = AddressFacts()) -> tuple[Ticket, list[tuple[str, str]]]:  # noqa: B008  a frozen value
    after = decide(one, sender, OFFICE, now).tickets[0]
    return after, [(letter.template, letter.to) for letter in after.outgoing[len(one.outgoing) :]]


async def test_a_holiday_file_that_says_every_day_stops_neither_letters_nor_timers(tmp_path):
    years = ", ".join(f"{{date: {year}-01-01, until: {year}-12-31}}" for year in range(2025, 2035))
    rules = tmp_path / "rules.yaml"
    rules.write_bytes(POLICY.source.replace(b"exceptions: []", f"exceptions: [{years}]".encode()).replace(b"clock: wall", b"clock: working"))
    desk = await TestDesk.opened(tmp_path / "data", rules)
    await desk.send("ivan@example.org", "В фильме «Сталкер» нет звука в третьей части. Chrome 131.", subject="Звук")
    await desk.pass_time(days=3)
    assert [one.template for one in desk.delivered] == ["acknowledgement", "notice_new", "notice_new", "case", "case", "case"]


def test_a_date_in_the_future_waits_for_it():
    assert armed(Decision(tickets=(ticket(NOON + 4000 * DAY),)), POLICY, NOON).tickets[0].timer >= NOON + 4001 * DAY


async def test_one_failing_ticket_harms_no_other_and_is_tried_again(tmp_path, monkeypatch):
    desk = await TestDesk.opened(tmp_path)
    for name in ("olga", "ivan"):
        await desk.send(f"{name}@example.org", "Ничего не работает!!!", subject="Помогите")
    whole = desk.store.get
    monkeypatch.setattr(desk.store, "get", lambda number: 1 / 0 if number == 1 else whole(number))
    await desk.pass_time(days=3)
    assert [one.to for one in desk.delivered if one.template == "reminder"] == ["ivan@example.org"]
    assert [fields["kind"] for event, fields in desk.events if event == "error"][:1] == ["ZeroDivisionError"]
    monkeypatch.undo()
    await desk.pass_time(hours=1)
    assert [one.to for one in desk.delivered if one.template == "reminder"] == ["ivan@example.org", "olga@example.org"]


async def test_two_looks_at_once_act_once(tmp_path):
    desk = await TestDesk.opened(tmp_path)
    await desk.send("olga@example.org", "Ничего не работает!!!", subject="Помогите")
    desk.now += timedelta(days=3)
    assert sorted(await asyncio.gather(desk.timers.look(), desk.timers.look())) == [0, 1]
    assert len(await desk.deliver()) == 1


def test_a_ticket_is_named_once_for_each_moment():
    index = TicketIndex()
    for at in (NOON, NOON + HOUR, NOON, None, NOON):
        index.set_timer(1, at)
    assert index.timers(NOON - HOUR, 9) == []
    assert (index.timers(NOON, 9), index.timers(NOON + DAY, 9)) == ([1], [])
    index.set_timer(1, NOON)
    assert index.timers(NOON, 9) == [1]


async def test_changed_periods_are_taken_over_and_a_look_that_does_nothing_writes_nothing(tmp_path, monkeypatch):
    desk = await TestDesk.opened(tmp_path)
    await desk.send("olga@example.org", "Ничего не работает!!!", subject="Помогите")
    file = tmp_path / "tickets" / "live" / "1.json"
    before = file.stat().st_mtime_ns
    desk.context = desk.desk.context = other(desk.context, policy=load(POLICY.source.replace(b"remind_days: 3", b"remind_days: 1"), "rules.yaml"))
    await desk.store.wake(desk.now)
    assert (await desk.timers.look(), await desk.timers.look(), file.stat().st_mtime_ns) == (1, 0, before)
    assert [one.template for one in await desk.pass_time(days=1)] == ["reminder"]


def test_a_quiet_desk_of_a_hundred_thousand_tickets_costs_nothing():
    index = TicketIndex()
    for number in range(1, 100_001):
        opened = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=number)
        who = Address(email=f"u{number}@example.org")
        index.add(Ticket(number=number, requester=who, opened=opened, changed=opened, timer=opened + timedelta(days=100)))
    began = process_time()
    for _ in range(1000):
        assert index.timers(NOON, 500) == []
    quiet = process_time() - began
    began = process_time()
    assert len(index.timers(NOON + 200 * DAY, 100_000)) == 100_000
    assert quiet < process_time() - began  # a thousand looks at nothing cost less than one at all of them


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "between stop and start"])
async def test_a_ticket_of_a_clock_that_ran_ahead_is_timed_as_if_it_had_not(tmp_path, stopped):
    desk = await TestDesk.opened(tmp_path)
    await desk.timers.look()
    desk.now += 40 * DAY
    await desk.timers.look()
    await desk.send("olga@example.org", "Ничего не работает!!!", subject="Помогите")
    desk.now -= 40 * DAY
    if stopped:
        await desk.restart()
    await desk.timers.look()
    file = tmp_path / "tickets" / "live" / "1.json"
    written = file.stat().st_mtime_ns
    await desk.timers.look()
    assert (desk.ticket().opened, file.stat().st_mtime_ns) == (desk.now, written)
    assert [one.template for one in await desk.pass_time(days=3)] == ["reminder"]
    assert [one.template for one in await desk.pass_time(days=4)] == ["closed_silence"]
    assert await desk.pass_time(days=60) == []


async def test_an_answer_of_then_does_not_keep_its_ticket_for_the_future(tmp_path):
    desk = await TestDesk.opened(tmp_path)
    letters = await desk.send("ivan@example.org", "В фильме «Сталкер» нет звука в третьей части. Chrome 131.", subject="Звук")
    await desk.timers.look()
    desk.now += 3 * DAY
    await desk.reply(letters[0], "ivan@example.org", "И в четвёртой тоже нет.")
    desk.now -= 3 * DAY
    await desk.reply(letters[0], "ivan@example.org", "И в пятой.")
    one = desk.ticket()
    assert max(entry.at for entry in one.entries) == one.changed == desk.now
    assert one.due == desk.now + 48 * HOUR


def test_an_alarm_of_a_clock_that_ran_ahead_keeps_none_that_comes_later():
    alarmed, letters = done(ticket(), NOON + 5 * DAY)
    assert letters
    right = set_right(alarmed, NOON + HOUR, POLICY)
    closed = move(right, Status.done, NOON + HOUR, POLICY, ground=Ground.out_of_scope)
    again = move(closed, Status.created, NOON + HOUR, POLICY)
    assert done(again, NOON + 50 * HOUR)[1] == [("case", "anna@providence.film")]


# -------------------------------------------------------------------------------- clocks that change and leap days


@pytest.mark.parametrize(
    ("zone", "opened", "warned", "overdue"),
    [
        ("Europe/Berlin", "2027-03-26 11:00", "2027-03-28 10:00", "2027-03-28 12:00"),  # 48 hours that are 49 on the wall
        ("Europe/Berlin", "2027-03-26 08:30", "", "2027-03-28 10:00"),  # both at night: the alarm says it all, in the morning
        ("Europe/Berlin", "2027-10-30 14:30", "2027-11-01 10:00", "2027-11-01 13:30"),
        ("America/New_York", "2027-11-05 14:30", "2027-11-07 10:00", "2027-11-07 13:30"),
        ("America/New_York", "2027-03-12 14:30", "2027-03-14 11:30", "2027-03-14 15:30"),
        ("Europe/Moscow", "2027-03-26 18:00", "2027-03-28 14:00", "2027-03-28 18:00"),
        ("Asia/Kolkata", "2028-02-27 18:45", "2028-02-29 14:45", "2028-02-29 18:45"),
        ("Asia/Kolkata", "2027-02-27 18:45", "2027-03-01 14:45", "2027-03-01 18:45"),
        ("Asia/Kathmandu", "2026-12-30 18:45", "2027-01-01 14:45", "2027-01-01 18:45"),
    ],
)
def test_timers_over_changes_of_the_clock_and_ends_of_months_happen_once(zone, opened, warned, overdue):
    policy = load(POLICY.source.replace(b"timezone: Europe/Moscow", f"timezone: {zone}".encode()), "rules.yaml")
    context, here = other(OFFICE, policy=policy), ZoneInfo(zone)
    start = datetime.fromisoformat(opened).replace(tzinfo=here).astimezone(UTC)
    one, told = ticket(start, due=due_from(start, Priority.medium, policy)), []
    for minutes in range(0, 96 * 60, 15):
        now = start + timedelta(minutes=minutes)
        decision = decide(one, AddressFacts(), context, now)
        one = decision.tickets[0]
        told += [(f"{now.astimezone(here):%Y-%m-%d %H:%M}", fields["about"]) for _, fields in decision.events]
    assert told == [(at, what) for at, what in ((warned, "warned"), (overdue, "overdue")) if at]


@pytest.mark.parametrize(
    ("zone", "first", "days"),
    [
        ("Europe/Berlin", "2027-03-26", 5), ("Europe/Berlin", "2027-10-29", 5),
        ("America/New_York", "2027-11-05", 5), ("Europe/Moscow", "2026-12-29", 5),
        ("Asia/Kolkata", "2028-02-27", 4), ("Asia/Kolkata", "2027-02-26", 4),
        ("Australia/Lord_Howe", "2027-04-02", 4),
    ],
)  # fmt: skip
@pytest.mark.parametrize("hours", ["10:00-22:00", "02:00-03:00", "00:00-24:00", "22:00-06:00"])
def test_every_day_has_one_digest(zone, first, days, hours):
    """But for a day whose working hours do not exist."""
    source = POLICY.source.replace(b"timezone: Europe/Moscow", f"timezone: {zone}".encode())
    source = re.sub(rb"(?ms)^calendar:\n.*?(?=^[a-z#])", f"calendar:\n  hours: {hours}\n\n".encode(), source, count=1)
    context, here, last, made = other(OFFICE, policy=load(source, "rules.yaml")), ZoneInfo(zone), "", []
    now = datetime.fromisoformat(first).replace(tzinfo=here).astimezone(UTC)
    end = (datetime.fromisoformat(first) + days * DAY).replace(tzinfo=here).astimezone(UTC)
    while now < end:
        if day := digest_due(context, last, now):
            made.append(day)
            last = day
        now += timedelta(minutes=10)
    wanted = [(datetime.fromisoformat(first) + shift * DAY).date().isoformat() for shift in range(days)]
    if (zone, first, hours) == ("Europe/Berlin", "2027-03-26", "02:00-03:00"):
        wanted.remove("2027-03-28")
    assert made == wanted
