"""Due times (clause 5.2): when a ticket is due, when its clock stands still, how staff are told of it."""

from __future__ import annotations

from datetime import UTC, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from spoken import EN, RU
from tables import MOSCOW, at, done_to, opened, played, table
from tables import SHIPPED as WALL

from bot.model import (
    Audience,
    Count,
    Delivery,
    Entry,
    Outgoing,
    Priority,
    Status,
)
from bot.rendering.terms import Terms
from bot.rules import Policy, load
from bot.tickets.sla import (
    Segment,
    between,
    due_from,
    prioritise,
    segments,
    set_right,
    shift,
    stopped,
    stopped_since,
    told,
)

ROOT = Path(__file__).resolve().parents[2]


def on_working_time(calendar: str = "hours: 10:00-22:00", zone: str = "Europe/Moscow") -> Policy:
    lines = (
        f"desk: {{name: D, address: d@d.example, timezone: {zone}}}",
        f"calendar: {{{calendar}}}",
        "sla: {clock: working}",
        "people: {agents: [{name: A, address: a@d.example, lead: true}]}",
    )
    return load("\n".join(lines).encode(), "rules.yaml")


WORKING = on_working_time()
ANSWERED = "opened Mon 12:00, asked Mon 13:00, answered Mon 14:00"  # how many stories begin
WEEKDAYS = on_working_time("hours: closed, days: {mon-fri: 10:00-18:00}")


# --------------------------------------------------------------------------------------------------- when due

DUE = (
    # the sentence, the desk's clock, what happened, when the ticket is due
    ("5.2: high is due after 24 hours", WALL, "high opened Mon 23:30", "Tue 23:30"),
    ("5.2: medium is due after 48 hours", WALL, "opened Mon 23:30", "Wed 23:30"),
    ("5.2: low is due after 96 hours", WALL, "low opened Mon 23:30", "Fri 23:30"),
    ("a weekend counts on the wall clock", WALL, "opened Sat 12:00", "+Mon 12:00"),
    ("48 working hours are four days of twelve", WORKING, "opened Mon 12:00", "Fri 12:00"),
    ("what comes as the day ends is due as a day ends", WORKING, "opened Mon 22:00", "Fri 22:00"),
    ("a minute before the end of the day counts", WORKING, "opened Mon 21:59", "Fri 21:59"),
    ("what comes at night counts from the morning", WORKING, "opened Mon 23:30", "Fri 22:00"),
    ("what comes before the morning counts from it", WORKING, "opened Tue 03:00", "Fri 22:00"),
    ("working hours run over the new year", WORKING, "opened 2026-12-30 21:00", "2027-01-03 21:00"),
    ("working hours run over 29 February", WORKING, "opened 2028-02-27 12:00", "2028-03-02 12:00"),
    ("a weekend costs nothing where nobody works then", WEEKDAYS, "high opened Fri 16:00", "+Wed 16:00"),
    ("what comes on a Saturday counts from Monday", WEEKDAYS, "high opened Sat 12:00", "+Wed 18:00"),
    (
        "while the requester is asked it does not move yet", WALL, "opened Mon 12:00, asked Mon 15:00",
        "Wed 12:00",
    ),
    (
        "what they took to answer is added", WALL, "opened Mon 12:00, asked Mon 15:00, answered Tue 10:00",
        "Thu 07:00",
    ),
    (
        "two questions add up", WALL,
        f"{ANSWERED}, asked Mon 15:00, answered Mon 17:00",
        "Wed 15:00",
    ),
    (
        "a night of waiting costs no working time", WORKING,
        "opened Mon 12:00, asked Mon 22:30, answered Tue 09:00", "Fri 12:00",
    ),
    (
        "a working hour of waiting does", WORKING, "opened Mon 12:00, asked Mon 21:00, answered Tue 09:00",
        "Fri 13:00",
    ),
    (
        "an answer by a clock set back adds nothing", WALL,
        "opened Mon 12:00, asked Mon 15:00, answered Mon 13:00", "Wed 12:00",
    ),
    (
        "nor does one of the same moment", WALL, "opened Mon 12:00, asked Mon 15:00, answered Mon 15:00",
        "Wed 12:00",
    ),
    ("raised: now plus the new hours", WALL, "opened Mon 12:00, high Mon 14:00", "Tue 14:00"),
    ("raised late: the old time, if that is earlier", WALL, "opened Mon 12:00, high Wed 06:00", "Wed 12:00"),
    (
        "raised twice: from the last", WALL, "low opened Mon 12:00, medium Mon 13:00, high Mon 15:00",
        "Tue 15:00",
    ),
    ("lowered: the number plus the new hours", WALL, "opened Mon 12:00, low Tue 12:00", "Fri 12:00"),
    (
        "lowered: and what stood still", WALL,
        "opened Mon 12:00, asked Mon 14:00, answered Mon 17:00, low Tue 12:00", "Fri 15:00",
    ),
    (
        "raised and lowered again: from the number", WALL,
        "opened Mon 12:00, asked Mon 14:00, answered Mon 17:00, high Mon 18:00, low Tue 12:00", "Fri 15:00",
    ),
    ("the same priority changes nothing", WALL, "opened Mon 12:00, medium Tue 12:00", "Wed 12:00"),
    (
        "raised while waiting: the new hours go on with the answer", WALL,
        "opened Mon 12:00, asked Mon 14:00, high Mon 20:00, answered Tue 20:00", "Wed 20:00",
    ),
    (
        "lowered while waiting", WALL,
        "opened Mon 12:00, asked Mon 14:00, low Mon 20:00, answered Mon 22:00", "Fri 20:00",
    ),
    (
        "reopened: the clock begins again", WALL, "opened Mon 12:00, closed Tue 12:00, reopened Fri 09:00",
        "Sun 09:00",
    ),
    (
        "reopened: pauses of before are forgotten", WALL,
        "opened Mon 12:00, asked Mon 14:00, answered Tue 14:00, closed Tue 15:00, reopened Fri 09:00",
        "Sun 09:00",
    ),
    (
        "reopened and lowered: from reopening", WALL,
        "opened Mon 12:00, closed Tue 12:00, reopened Fri 09:00, low Fri 10:00", "+Tue 09:00",
    ),
    (
        "reopened, raised and lowered: from reopening", WALL,
        "opened Mon 12:00, closed Tue 12:00, reopened Fri 09:00, high Fri 10:00, low Fri 12:00", "+Tue 09:00",
    ),
    ("on working time raised counts working hours", WORKING, "opened Mon 12:00, high Mon 14:00", "Wed 14:00"),
)  # fmt: skip


@table("policy story due", DUE)
def test_when_a_ticket_is_due(policy: Policy, story: str, due: str) -> None:
    assert played(story, policy).due == at(due)


STANDS = (
    # the sentence, what happened, since when the clock stands still ("" while it runs)
    ("a new ticket's clock runs", "opened Mon 12:00", ""),
    ("the clock stands while the requester is asked", "opened Mon 12:00, asked Mon 15:00", "Mon 15:00"),
    ("a second question is no new stop", "opened Mon 12:00, asked Mon 15:00, asked Mon 16:00", "Mon 15:00"),
    ("an answer sets it going", "opened Mon 12:00, asked Mon 15:00, answered Mon 16:00", ""),
    (
        "a question after an answer stops it again",
        "opened Mon 12:00, asked Mon 15:00, answered Mon 16:00, asked Mon 17:00", "Mon 17:00",
    ),
    ("another priority is no break", "opened Mon 12:00, asked Mon 14:00, high Mon 20:00", "Mon 14:00"),
    ("nor are two", "opened Mon 12:00, asked Mon 14:00, high Mon 20:00, low Mon 21:00", "Mon 14:00"),
    (
        "a clock that was set back between two questions joins nothing",
        f"{ANSWERED}, asked Mon 09:00, answered Mon 09:30, asked Mon 14:00",
        "Mon 14:00",
    ),
    (
        "an older stop does not count",
        "opened Mon 12:00, asked Mon 13:00, answered Mon 13:30, asked Mon 14:00, high Mon 20:00", "Mon 14:00",
    ),
    ("a ticket that is done stands still", "opened Mon 12:00, closed Tue 12:00", "Tue 12:00"),
    (
        "closed while waiting, since the question", "opened Mon 12:00, asked Mon 15:00, closed Tue 12:00",
        "Mon 15:00",
    ),
)  # fmt: skip


@table("story since", STANDS)
def test_when_the_clock_stands_still(story: str, since: str) -> None:
    ticket = played(story)
    assert stopped(ticket) is bool(since)
    assert not since or stopped_since(ticket) == at(since)


def test_another_priority_is_a_change_of_now_and_the_same_one_is_none() -> None:
    ticket = opened(at("Mon 12:00"))
    raised = prioritise(ticket, Priority.high, at("Mon 14:00"), WALL)
    assert (raised.changed, raised.priority) == (at("Mon 14:00"), Priority.high)
    assert raised.count == Count(since=at("Mon 14:00"), hours=24, start=at("Mon 12:00"))
    assert prioritise(ticket, Priority.medium, at("Mon 14:00"), WALL) is ticket


def test_raised_when_the_new_hours_end_as_the_old_ones_it_is_counted_as_before() -> None:
    assert prioritise(opened(at("Mon 12:00")), Priority.high, at("Tue 12:00"), WALL).count == Count(
        since=at("Mon 12:00"), hours=48, start=at("Mon 12:00")
    )


def test_an_imported_ticket_without_a_due_time_gets_one_with_a_higher_priority() -> None:
    ticket = replace(opened(at("Mon 12:00")), due=None)
    assert prioritise(ticket, Priority.high, at("Mon 14:00"), WALL).due == at("Tue 14:00")
    waiting = done_to(ticket, "asked", at("Mon 13:00"), WALL)
    assert done_to(waiting, "answered", at("Mon 14:00"), WALL).due is None


# ------------------------------------------------------------------------------ clocks that change, leap days


def test_a_wall_clock_day_is_twenty_four_hours_over_a_change_of_the_clock() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    policy = load(WALL.source.replace(b"timezone: Europe/Moscow", b"timezone: Europe/Berlin"), "rules.yaml")
    due = due_from(at("2027-03-27 12:00", berlin).astimezone(UTC), Priority.high, policy)
    assert due == at("2027-03-28 13:00", berlin)


def test_a_desk_that_never_closes_counts_the_same_on_both_clocks() -> None:
    always = on_working_time("hours: always", "America/New_York")
    start = at("2026-03-07 20:00", ZoneInfo("America/New_York"))
    assert due_from(start, Priority.medium, always) == start.astimezone(UTC) + timedelta(hours=48)


@pytest.mark.parametrize(
    ("zone", "start", "priority", "due"),
    [
        (
            "Europe/Berlin",
            "2027-03-26 16:00",
            Priority.high,
            "2027-03-28 16:00",
        ),  # 12 hours a day, whatever the night
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
def test_working_days_are_as_long_whatever_the_nights_between_them(
    zone: str, start: str, priority: Priority, due: str
) -> None:
    policy, here = on_working_time(zone=zone), ZoneInfo(zone)
    assert due_from(at(start, here), priority, policy) == at(due, here)
    hours = timedelta(hours=policy.priorities[priority])
    assert between(at(start, here), at(due, here), policy) == hours


@pytest.mark.parametrize(
    ("calendar", "zone", "start", "end", "counted"),
    [
        (
            "hours: 02:00-03:00",
            "Europe/Berlin",
            "2027-03-27 12:00",
            "2027-03-29 12:00",
            1,
        ),  # does not exist on the 28th
        (
            "hours: 02:00-03:00",
            "Europe/Berlin",
            "2027-10-30 12:00",
            "2027-11-01 12:00",
            3,
        ),  # and exists twice on the 31st
        ("hours: 01:00-04:00", "Europe/Berlin", "2027-03-28 00:00", "2027-03-28 12:00", 2),
        ("hours: 01:00-04:00", "Europe/Berlin", "2027-10-31 00:00", "2027-10-31 12:00", 4),
        ("hours: always", "America/New_York", "2027-03-14 00:00", "2027-03-15 00:00", 23),
        ("hours: always", "America/New_York", "2027-11-07 00:00", "2027-11-08 00:00", 25),
        ("hours: always", "Asia/Kolkata", "2028-02-28 00:00", "2028-03-01 00:00", 48),
        ("hours: always", "Europe/Moscow", "2027-02-28 00:00", "2027-03-01 00:00", 24),
    ],
)
def test_an_hour_counts_as_often_as_it_is_lived(
    calendar: str, zone: str, start: str, end: str, counted: int
) -> None:
    policy, here = on_working_time(calendar, zone), ZoneInfo(zone)
    span = between(at(start, here), at(end, here), policy)
    assert span == timedelta(hours=counted)
    assert between(at(start, here), shift(at(start, here), span, policy), policy) == span


# ------------------------------------------------------------------------------------- a clock that ran ahead

NOON = at("Mon 12:00")
SET_RIGHT = (
    # the sentence, what has a moment of the future, what it is then (the clock says Mon 12:00)
    (
        "opened and changed are of now", {"opened": "Tue 12:00", "changed": "Tue 13:00"},
        {"opened": "Mon 12:00", "changed": "Mon 12:00"},
    ),
    (
        "what was before now stays", {"opened": "Mon 09:00", "changed": "Tue 13:00"},
        {"opened": "Mon 09:00", "changed": "Mon 12:00"},
    ),
    (
        "the end is of now", {"changed": "Tue 13:00", "done_at": "Tue 13:00"},
        {"changed": "Mon 12:00", "done_at": "Mon 12:00"},
    ),
    ("an end of before stays", {"changed": "Tue 13:00", "done_at": "Mon 11:00"}, {"done_at": "Mon 11:00"}),
)  # fmt: skip


@table("given expected", SET_RIGHT)
def test_moments_of_a_clock_that_ran_ahead_are_of_now(
    given: dict[str, str], expected: dict[str, str]
) -> None:
    ticket = replace(opened(at("Mon 09:00")), **{name: at(moment) for name, moment in given.items()})
    mended = set_right(ticket, NOON, WALL)
    assert {name: getattr(mended, name) for name in expected} == {
        name: at(one) for name, one in expected.items()
    }


DUE_SET_RIGHT = (
    # the sentence, the desk's clock, what happened (in part later than Mon 14:00), when it is due
    ("opened in the future, due from now", WALL, "opened Thu 13:00", "Wed 14:00"),
    ("by working hours too", WORKING, "opened Thu 13:00", "Fri 14:00"),
    (
        "an answer of the future: waited until now", WALL,
        "opened Mon 12:00, asked Mon 13:00, answered Thu 13:00", "Wed 13:00",
    ),
    (
        "by working hours too: one hour of waiting", WORKING,
        "opened Mon 12:00, asked Mon 13:00, answered Thu 13:00", "Fri 13:00",
    ),
    (
        "asked and answered in the future: no waiting", WALL,
        "opened Mon 12:00, asked Tue 13:00, answered Thu 13:00", "Wed 12:00",
    ),
    ("raised in the future: raised now", WALL, "low opened Mon 12:00, high Tue 13:00", "Tue 14:00"),
    (
        "reopened in the future: reopened now", WALL,
        "opened Mon 12:00, closed Mon 13:00, reopened Thu 13:00", "Wed 14:00",
    ),
    (
        "asked in the future: still waiting, due as before", WALL, "opened Mon 12:00, asked Tue 13:00",
        "Wed 12:00",
    ),
    (
        "waiting before the raise does not count after it", WALL,
        "low opened Mon 09:00, asked Mon 10:00, answered Mon 11:00, medium Mon 12:00, high Tue 09:00",
        "Tue 14:00",
    ),
)  # fmt: skip


@table("policy story due", DUE_SET_RIGHT)
def test_what_is_due_is_counted_from_the_moments_that_are_left(policy: Policy, story: str, due: str) -> None:
    ticket, now = played(story, policy), at("Mon 14:00")
    mended = set_right(ticket, now, policy)
    assert mended.due == at(due)
    assert set_right(mended, now, policy) is mended
    assert (mended.count is None) is (ticket.count is None)
    moments = [*(one.since for one in mended.paused), *(one.until for one in mended.paused)]
    moments += [mended.count.since, mended.count.start] if mended.count else []
    assert max((one for one in moments if one), default=now) <= now


def test_a_ticket_whose_moments_are_past_is_left_alone_and_ten_minutes_are_let_pass() -> None:
    ticket = opened(at("Mon 12:10"))
    assert set_right(ticket, NOON, WALL) is ticket
    assert set_right(ticket, NOON - timedelta(seconds=1), WALL) == opened(NOON - timedelta(seconds=1))
    odd = replace(opened(at("Mon 09:00")), due=at("Tue 06:00"), changed=at("Wed 09:00"))
    assert set_right(odd, NOON, WALL).due == at("Tue 06:00"), "a due time that nothing moved stays"
    assert set_right(replace(opened(at("Tue 09:00")), due=None), NOON, WALL).due is None


def test_entries_and_letters_that_have_left_are_set_right_and_what_waits_keeps_its_time() -> None:
    def letter(created: str, state: Delivery) -> Outgoing:
        return Outgoing(
            id=1, template="reply", audience=Audience.requester, to="i@x.example", message_id="1@x.example",
            subject="", body="", language="ru", created=at(created), due=at(created), state=state,
        )  # fmt: skip

    entries = tuple(Entry(at=at(one), kind="event", public=False) for one in ("Mon 10:00", "Tue 10:00"))
    outgoing = tuple(letter("Tue 10:00", one) for one in Delivery)
    mended = set_right(replace(opened(at("Mon 09:00")), entries=entries, outgoing=outgoing), NOON, WALL)
    assert [one.at for one in mended.entries] == [at("Mon 10:00"), NOON]
    kept = {one.state for one in mended.outgoing if one.created == at("Tue 10:00")}
    assert kept == {Delivery.waiting, Delivery.held, Delivery.failed}
    left = {one.created for one in mended.outgoing if one.state not in kept}
    assert left == {NOON}


# --------------------------------------------------------------------------------------------- told to people

SEGMENTS = (
    # the sentence, what happened, the pieces of the way at Wed 11:00
    ("a quiet ticket has one piece", "opened Mon 12:00", ["Mon 12:00 – Wed 12:00 runs 48"]),
    (
        "a pause is a piece of its own", "opened Mon 12:00, asked Mon 15:00, answered Tue 10:00",
        ["Mon 12:00 – Mon 15:00 runs 3", "Mon 15:00 – Tue 10:00 stands", "Tue 10:00 – Thu 07:00 runs 45"],
    ),
    (
        "what still stands has no end", "opened Mon 12:00, asked Mon 15:00",
        ["Mon 12:00 – Mon 15:00 runs 3", "Mon 15:00 – … stands"],
    ),
    (
        "asked at once, nothing runs before", "opened Mon 12:00, asked Mon 12:00, answered Mon 13:00",
        ["Mon 12:00 – Mon 13:00 stands", "Mon 13:00 – Wed 13:00 runs 48"],
    ),
    (
        "pauses from before the count are left out",
        f"low {ANSWERED}, high Mon 15:00",
        ["Mon 15:00 – Tue 15:00 runs 24"],
    ),
    (
        "and those after it are not",
        f"low {ANSWERED}, high Mon 15:00, asked Mon 16:00, answered Mon 17:00",
        ["Mon 15:00 – Mon 16:00 runs 1", "Mon 16:00 – Mon 17:00 stands", "Mon 17:00 – Tue 16:00 runs 23"],
    ),
    (
        "one that ends as the count begins is, too",
        f"low {ANSWERED}, high Mon 14:00",
        ["Mon 14:00 – Tue 14:00 runs 24"],
    ),
    (
        "what was due while it ran late ends there", "opened Mon 12:00, asked Thu 12:00, answered Thu 14:00",
        ["Mon 12:00 – Thu 12:00 runs 72", "Thu 12:00 – Thu 14:00 stands"],
    ),
    (
        "nothing is left to run before what is due now",
        "high opened Mon 12:00, asked Tue 12:00, answered Tue 12:00",
        ["Mon 12:00 – Tue 12:00 runs 24", "Tue 12:00 – Tue 12:00 stands"],
    ),
)  # fmt: skip


def piece(one: Segment) -> str:
    end = f"{one.until.astimezone(MOSCOW):%a %H:%M}" if one.until else "…"
    how = f"runs {one.span / timedelta(hours=1):g}" if one.runs else "stands" if not one.span else "wrong"
    return f"{one.since.astimezone(MOSCOW):%a %H:%M} – {end} {how}"


@table("story pieces", SEGMENTS)
def test_the_way_to_the_due_time_in_pieces(story: str, pieces: list[str]) -> None:
    assert [piece(one) for one in segments(played(story), WALL, at("Wed 11:00"))] == pieces


def test_a_ticket_without_a_due_time_runs_on() -> None:
    one = replace(opened(at("Mon 12:00")), due=None)
    assert [piece(one) for one in segments(one, WALL, at("Wed 11:00"))] == ["Mon 12:00 – … runs 48"]


def test_of_a_ticket_without_a_due_time_only_the_pieces_are_told() -> None:
    running = replace(opened(at("Mon 12:00")), due=None)
    waiting, done = (done_to(running, deed, at("Mon 15:00"), WALL) for deed in ("asked", "closed"))
    now = at("Tue 12:00")
    assert [len(told(one, WALL, now, EN)) for one in (running, waiting, done)] == [2, 3, 3]


TOLD = (
    # the sentence, language, the desk's clock, what happened, now, the last lines (2.3: for staff alone)
    (
        "every piece, and what is left", RU, WALL,
        "opened Mon 12:00, asked Mon 15:00, answered Tue 10:00", "Tue 12:00", (
            "48 ч по часам с 23.11.2026 12:00",
            "23.11.2026 12:00 – 23.11.2026 15:00: часы идут, 3 ч 00 мин",
            "23.11.2026 15:00 – 24.11.2026 10:00: часы стоят",
            "24.11.2026 10:00 – 26.11.2026 07:00: часы идут, 45 ч 00 мин",
            "срок: 26.11.2026 07:00, осталось 43 ч 00 мин",
        ),
    ),
    (
        "a minute before", EN, WALL, "opened Mon 12:00", "Wed 11:59",
        ("due: 25.11.2026 12:00, left 0 h 01 min",),
    ),
    (
        "exactly then", EN, WALL, "opened Mon 12:00", "Wed 12:00",
        ("due: 25.11.2026 12:00, overdue by 0 h 00 min",),
    ),
    (
        "a minute after", EN, WALL, "opened Mon 12:00", "Wed 12:01",
        ("due: 25.11.2026 12:00, overdue by 0 h 01 min",),
    ),
    (
        "waiting, without an end", EN, WALL, "opened Mon 12:00, asked Mon 15:00", "Tue 12:00",
        (
            "23.11.2026 15:00 – now: the clock stands still",
            "the due time moves on while the clock stands still",
        ),
    ),
    (
        "done", EN, WALL, "opened Mon 12:00, closed Mon 15:00", "Tue 12:00",
        ("23.11.2026 15:00 – …: the clock stands still", "due: 25.11.2026 12:00, done 23.11.2026 15:00"),
    ),
    (
        "by working hours", EN, WORKING, "opened Mon 23:30", "Tue 12:00", (
            "48 h of working time from 23.11.2026 23:30",
            "23.11.2026 23:30 – 27.11.2026 22:00: the clock runs, 48 h 00 min",
            "due: 27.11.2026 22:00, left 46 h 00 min",
        ),
    ),
)  # fmt: skip


@table("terms policy story now lines", TOLD)
def test_the_arithmetic_as_lines_for_staff(
    terms: Terms, policy: Policy, story: str, now: str, lines: tuple[str, ...]
) -> None:
    assert told(played(story, policy), policy, at(now), terms)[-len(lines) :] == lines


# ------------------------------------------------------------------------------------------- whatever happens

DEEDS = st.lists(
    st.tuples(st.sampled_from(["asked", "answered", "high", "medium", "low"]), st.integers(1, 4000)),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(DEEDS, st.booleans())
def test_the_segments_that_run_always_add_up_and_end_at_the_due_time(
    deeds: list[tuple[str, int]], working: bool
) -> None:
    policy = WORKING if working else WALL
    now = at("2026-12-25 11:00")
    one = opened(now, policy)
    for deed, minutes in deeds:
        now += timedelta(minutes=minutes)
        waits = one.status is Status.clarification
        if deed not in ("asked", "answered") or waits is (deed == "answered"):
            one = done_to(one, deed, now, policy)
        if one.status is Status.clarification:
            continue
        pieces = list(segments(one, policy, now))
        assert one.due is not None
        overdue = one.due < now
        assert pieces[-1].until == one.due or overdue
        hours = one.count.hours if one.count else policy.priorities[one.priority]
        ran = sum((piece.span for piece in pieces), timedelta())
        assert ran == timedelta(hours=hours) or (overdue and ran > timedelta(hours=hours))
        assert all(before.until == after.since for before, after in pairwise(pieces))
