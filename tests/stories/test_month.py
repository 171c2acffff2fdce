"""A played month, compared with its own account: timers, calendar, caps and figures (issue 6: a month in a minute)."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from statistics import mean

import pytest
from month import ANNA, BORIS, DAY, FIRST, LAST, MINUTE, MOSCOW, Month, alarms, in_time, opens, played, silent

from bot.model import Outgoing
from bot.reports.figures import Figures, Spread
from bot.reports.weekly import names
from bot.store.files.reader import FileDataReader


def on(at: datetime) -> date:
    return at.astimezone(MOSCOW).date()


def figures(month: Month, since: date, until: date) -> Figures:
    policy = month.desk.context.policy
    return Figures(since, until, policy.calendar.zone, names(policy)).add_all(FileDataReader(month.desk.data).tickets())


def rank(spans: list[timedelta], percent: int) -> timedelta:
    """The nearest rank, by sorting."""
    return sorted(spans)[-(-len(spans) * percent // 100) - 1] // MINUTE * MINUTE


def found(month: Month, number: int, about: str) -> list[datetime]:
    return [entry.at for entry in month.desk.ticket(number).entries if entry.kind == "event" and entry.about == about]


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    import asyncio

    return asyncio.run(played(tmp_path_factory.mktemp("month")))


@pytest.mark.slow
class TestMonth:
    """One month, played once."""

    def test_no_letter_is_lost(self, month: Month) -> None:
        assert month.desk.ledger_adds_up()
        assert not [fields for event, fields in month.desk.events if event in ("error", "parked")]
        assert len(month.cases) > 80

    def test_warnings_and_alarms_come_when_the_hours_are_over_and_once(self, month: Month) -> None:
        for case in month.cases.values():
            if case.left_out:
                continue
            expected: defaultdict[str, list[datetime]] = defaultdict(list)
            for at, what in alarms(case):
                expected[what].append(at)
            for what in ("warned", "overdue"):
                assert found(month, case.number, what) == expected[what], (what, case)

    def test_the_silent_are_reminded_and_closed_on_the_minute(self, month: Month) -> None:
        reminded = 0
        for case in month.cases.values():
            turns = [at for at, what in case.turns if what == "asked"]
            if not turns:
                assert not found(month, case.number, "reminded")
                continue
            remind, close = silent(case)
            ended = next((at for at, what in case.turns if at > turns[-1]), LAST)
            expected = [remind] if remind <= ended and remind < LAST else []
            assert found(month, case.number, "reminded") == expected, case
            reminded += len(expected)
            assert found(month, case.number, "closed_silence") == ([close] if case.state() == "silence" else []), case
        assert reminded > 5

    def test_wishes_are_offered_to_the_lead_at_seventy_two_hours(self, month: Month) -> None:
        offered = {case.number: found(month, case.number, "low_offered") for case in month.cases.values()}
        low = [case for case in month.cases.values() if case.priority == "low" and case.opened + 3 * DAY < LAST]
        assert low
        assert {number for number, times in offered.items() if times} == {case.number for case in low}
        assert all(len(offered[case.number]) == 1 and opens(offered[case.number][0]) for case in low)

    def test_staff_sleep_at_night_unless_the_service_is_down(self, month: Month) -> None:
        numbers = {one.message_id: number for number in month.cases for one in month.desk.ticket(number).outgoing}
        for one in month.desk.delivered:
            if one.to in (ANNA, BORIS) and one.template not in ("receipt", "command_error", "alert"):
                at = one.due
                assert opens(at) or month.cases[numbers[one.message_id]].priority == "high", (one.template, at)

    def test_the_caps_hold(self, month: Month) -> None:
        sent: defaultdict[str, list[Outgoing]] = defaultdict(list)
        for one in month.desk.delivered:
            if one.automatic and one.audience == "requester":
                sent[one.to].append(one)
        for letters in sent.values():
            for minutes, most in ((10, 3), (180, 10), (1440, 20)):
                for first in letters:
                    window = [one for one in letters if first.created <= one.created < first.created + minutes * MINUTE]
                    assert len(window) <= most
        assert len(sent["loop@example.com"]) == 3

    def test_the_report_agrees_with_an_independent_count(self, month: Month) -> None:
        cases = [case for case in month.cases.values() if not case.left_out]
        done = {case.number: case.turns[-1][0] for case in cases if case.state() in ("done", "silence")}
        told = figures(month, FIRST.date(), LAST.date())
        assert told.letters == +month.letters
        assert told.opened == Counter(on(case.opened) for case in cases)
        assert told.done == Counter(map(on, done.values()))
        assert told.open == len(cases) - len(done)
        assert told.priorities == Counter(case.priority for case in cases)
        reaction = [case.answers[0][0] - case.opened for case in cases if case.answers]
        solving = [at - month.cases[number].opened for number, at in done.items()]
        for percent in (50, 90):
            assert told.reaction.quantile(percent) == rank(reaction, percent)
            assert told.solving.quantile(percent) == rank(solving, percent)
        assert (told.within, told.due) == (sum(in_time(month.cases[number]) for number in done), len(done))
        assert told.asked == sum(case.asked_score is not None for case in cases)
        assert told.scores == Counter(case.score for case in cases if case.score)
        assert told.questions == sum(case.questions for case in cases)
        assert {name: one.answers for name, one in told.agents.items()} == answers(month)
        assert told.resolutions == Counter("solved" if month.desk.ticket(number).resolution else "refused" for number in done)

    def test_the_weeks_add_up_to_the_month(self, month: Month) -> None:
        whole = figures(month, FIRST.date(), LAST.date())
        parts = [figures(month, FIRST.date() + start * DAY, min(FIRST.date() + (start + 7) * DAY, LAST.date())) for start in range(0, 31, 7)]
        for name in ("letters", "opened", "done", "priorities", "resolutions", "scores"):
            assert sum((getattr(part, name) for part in parts), Counter()) == getattr(whole, name)

    def test_the_lead_got_four_reports_with_pictures_inside(self, month: Month) -> None:
        reports = month.desk.mail(ANNA, "report")
        assert [one.subject for one in reports] == [f"Отчёт с {day} по {end}" for day, end in WEEKS]
        assert not month.desk.mail(BORIS, "report")
        raw = next(letter for letter, _, to in reversed(month.desk.sender.letters) if to == ANNA and b"days.ru.png" in letter)
        assert b"Content-ID: <days.ru.png>" in raw
        assert b"multipart/related" in raw
        week = figures(month, date(2026, 12, 21), date(2026, 12, 28))
        assert f"новых: {week.opened.total()}" in reports[-1].text

    def test_scores_have_the_mean_that_people_gave(self, month: Month) -> None:
        given = [case.score for case in month.cases.values() if case.score]
        told = figures(month, FIRST.date(), LAST.date()).scores
        assert sum(mark * count for mark, count in told.items()) / told.total() == pytest.approx(mean(given))


WEEKS = [("30.11.2026", "06.12.2026"), ("07.12.2026", "13.12.2026"), ("14.12.2026", "20.12.2026"), ("21.12.2026", "27.12.2026")]


def answers(month: Month) -> dict[str, int]:
    """Letters to requesters by agent."""
    by = {ANNA: "Анна", BORIS: "Борис"}
    return dict(Counter(by[agent] for case in month.cases.values() if not case.left_out for _, agent in case.answers))


def test_a_quantile_is_the_nearest_rank() -> None:
    spread = Spread()
    for minutes in (10, 20, 30, 40):
        spread.add(timedelta(minutes=minutes, seconds=59))
    assert [spread.quantile(percent) for percent in (25, 50, 51, 90)] == [timedelta(minutes=m) for m in (10, 20, 30, 40)]
    assert Spread().quantile(50) is None
