"""Figures on tickets made by hand, tables and pages in both languages, charts, the command; and a hundred thousand tickets."""

from __future__ import annotations

import csv
import io
import re
import shutil
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from desk import TestDesk
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image
from spoken import EN, RU
from typer.testing import CliRunner

from bot.cli import app
from bot.model import Address, Entry, Evidence, Outgoing, Stretch, Ticket
from bot.reports.charts import draw
from bot.reports.figures import Figures, OfRule, Spread
from bot.reports.page import page
from bot.reports.tables import Table, as_csv, tables, title
from bot.store.files.reader import FileDataReader

MOSCOW = ZoneInfo("Europe/Moscow")
AT = datetime(2026, 11, 18, 12, 0, tzinfo=MOSCOW)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
IVAN, ANNA = "ivan@example.org", "anna@providence.film"


def week(*rows: Ticket) -> Figures:
    return Figures(date(2026, 11, 16), date(2026, 11, 23), MOSCOW, {ANNA: "Анна"}).add_all(rows)


def row(**more: Any) -> Ticket:
    return Ticket(**{"requester": Address(email=IVAN), "changed": AT, **more})


def sent_letter(**more: Any) -> Outgoing:
    return Outgoing(**{"id": 1, "to": IVAN, "message_id": "a@desk", "created": AT, "due": AT, "subject": "s", "body": "b", "language": "ru", **more})


def letter(at: datetime = AT, ident: str = "a", **more: object) -> Entry:
    return Entry(at=at, kind="letter", public=True, letter=ident, **more)  # type: ignore[arg-type]


def answer(at: datetime, **more: object) -> Entry:
    return Entry(**{"at": at, "kind": "answer", "public": True, "name": "Анна", "about": "reply", **more})  # type: ignore[arg-type]


def done(at: datetime, **more: object) -> Ticket:
    return row(**{"number": 1, "opened": AT, "status": "done", "resolution": "solved", "done_at": at, "owner": ANNA, **more})  # type: ignore[arg-type]


def test_days_are_the_desks_own():
    night = datetime(2026, 11, 17, 21, 30, tzinfo=UTC)  # 00:30 of the 18th in Moscow
    told = week(row(number=1, opened=night, entries=(letter(night),)))
    assert told.opened == told.letters == Counter({date(2026, 11, 18): 1})


@pytest.mark.parametrize("more", [{"labels": ("spam",)}, {"merged_into": 5}])
def test_spam_and_merged_tickets_count_nowhere(more):
    told = week(done(AT + HOUR, entries=(letter(), answer(AT + HOUR)), score=1, score_asked=AT, **more))
    assert told.empty
    assert (told.scores, told.asked, dict(told.agents), told.solving.minutes) == ({}, 0, {}, {})


def test_the_first_answer_is_an_agents_and_one_that_was_taken_back_is_none():
    undone = answer(AT + HOUR, public=False, about="undone")
    assert week(row(number=1, opened=AT, entries=(letter(), undone, answer(AT + 3 * HOUR)))).reaction.quantile(50) == 3 * HOUR


def test_what_stood_still_until_the_end_is_not_late():
    asked = Stretch(since=AT + HOUR)
    told = week(done(AT + 5 * DAY - 13 * HOUR, ground="insufficient_information", resolution=None, due=AT + 2 * DAY, paused=(asked,)))
    assert (told.within, told.due, told.resolutions) == (1, 1, Counter(refused=1))
    later = (Stretch(since=AT, until=AT + HOUR), Stretch(since=AT + 3 * DAY))
    assert week(done(AT + 3 * DAY, due=AT + 2 * DAY, paused=later)).within == 0


def test_a_rule_that_is_wrong_shows():
    hit = (Evidence(rule="old-browser", ground="outdated_software"), Evidence(rule="wish"))
    sent = sent_letter(template="ground_outdated_software", audience="requester", letter="a")
    wrong = Entry(at=AT + DAY, kind="event", public=False, about="override", text="old-browser")
    told = week(row(number=1, opened=AT, entries=(letter(hits=hit), letter(AT + HOUR, "b"), wrong), outgoing=(sent,)))
    assert dict(told.rules) == {"old-browser": OfRule(asked=1, answered=1, overridden=1)}
    hint = row(number=1, opened=AT, entries=(letter(hits=hit),), outgoing=())
    assert not week(hint).rules


def test_a_refusal_of_the_machine_is_told_from_a_closing_for_silence():
    hit, sent = (Evidence(rule="rude", ground="abusive_language"),), sent_letter(template="ground_abusive_language", audience="requester", letter="a")
    closed = done(AT, ground="abusive_language", resolution=None, entries=(letter(hits=hit),), outgoing=(sent,))
    silent = Entry(at=AT, kind="event", public=False, about="closed_silence")
    assert week(closed).rules["rude"].refused == 1
    assert week(done(AT, ground="abusive_language", entries=(letter(hits=hit), silent), outgoing=(sent,))).rules["rude"].asked == 1


def test_dates_in_the_future_and_clocks_set_back_break_nothing():
    future = row(number=2, opened=AT + 4000 * DAY)
    told = week(future, done(AT - 3 * HOUR, number=3))
    assert (told.opened.total(), told.open, told.solving.quantile(50)) == (1, 0, timedelta(0))


def test_the_ten_oldest_open_tickets_are_named():
    told = week(*(row(number=n, opened=AT - n * HOUR, subject=f"S{n}") for n in range(30)))
    assert [number for number, _, _ in told.oldest] == list(range(29, 19, -1))


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=60), st.sampled_from([1, 50, 90, 100]))
def test_quantiles_are_nearest_ranks(minutes, percent):
    spread = Spread()
    for one in minutes:
        spread.add(timedelta(minutes=one))
    told = spread.quantile(percent)
    below = sum(timedelta(minutes=one) <= told for one in minutes)
    assert below * 100 >= percent * len(minutes)
    assert sum(timedelta(minutes=one) < told for one in minutes) * 100 < percent * len(minutes)


# ---------------------------------------------------------------------------------------------------------- showing


def busy() -> Figures:
    rows = [done(AT + n * HOUR, number=n, entries=(letter(), answer(AT + HOUR), letter(about="score")), score=1 + n % 5) for n in range(12)]
    return week(*rows, row(number=90, opened=AT, subject='=HYPERLINK("http://evil")<script>', suspended=("insufficient_information",)))


def test_both_languages_tell_the_same_figures():
    russian, english = tables(busy(), RU), tables(busy(), EN)
    assert [one.code for one in russian] == [one.code for one in english]
    assert title(busy(), RU) == "Отчёт с 16.11.2026 по 22.11.2026"
    assert "Анна: ответов 12, закрыто 12, до закрытия, медиана 5 ч 00 мин, средняя оценка 2,75 (12)" in russian[-2].lines()
    assert any("недостаточно информации: 1" in one.lines() for one in russian)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "＝1+1", "\t=1", "\r\n=1", "\x1b]0;x\x07=1", "\u202e=1"])
def test_a_strangers_subject_is_neither_formula_nor_control_in_a_report(cell):
    table = Table("x", "title", ("a", "b"), ((f"{cell}\x9b2J", "z\n9;x"),))
    [_, row] = csv.reader(io.StringIO(as_csv([table])))
    assert not re.match(r"\s*[=+@＝＋－＠-]", row[1])
    assert re.fullmatch(r"[^\x00-\x1f\x7f-\x9f\u202e]*", "".join(row))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", page("title", "en", [table], {}))


def test_a_csv_runs_no_formula():
    rows = list(csv.reader(io.StringIO(as_csv(tables(busy(), RU)))))
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@")]
    assert ["Сотрудники", "Анна", "12", "12", "5 ч 00 мин", "2,75 (12)"] in rows


def test_a_page_holds_everything_and_no_markup_of_a_subject():
    made = page("T", "ru", tables(busy(), RU), {"days": b"png"})
    assert "<script>" not in made
    assert "data:image/png;base64,cG5n" in made


def test_charts_are_pictures_on_paper_of_their_own():
    charts = draw(busy(), RU)
    assert set(charts) == {"days", "grounds", "resolutions", "scores"}
    for png in charts.values():
        picture = Image.open(io.BytesIO(png)).convert("RGBA")
        assert picture.width > 1000
        assert picture.getpixel((0, 0)) == (255, 255, 255, 255)
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 5


def test_without_matplotlib_there_are_tables_alone(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    assert draw(busy(), RU) == {}


@pytest.fixture
async def played(tmp_path, monkeypatch) -> Iterator[TestDesk]:
    desk = await TestDesk.opened(tmp_path / "data")
    await desk.send(IVAN, "У фильма «Сталкер» пропал постер, серый квадрат вместо картинки. Chrome 131.", subject="Постер")
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, "#решено\nПостер на месте.")
    await desk.pass_time(hours=1)
    monkeypatch.setenv("DESK_DATA", str(tmp_path / "data"))
    return desk


async def test_the_command_shows_writes_and_refuses(played, tmp_path):
    html, table = tmp_path / "r.html", tmp_path / "r.csv"
    days = ["--from", "2026-11-23", "--to", "2026-11-23"]
    shown = CliRunner().invoke(app, ["report", *days])
    assert shown.exit_code == 0
    assert "Анна" in shown.output
    assert CliRunner().invoke(app, ["report", *days, "--html", str(html), "--csv", str(table), "--language", "en"]).exit_code == 0
    assert "Report from 23.11.2026 to 23.11.2026" in html.read_text("utf-8")
    assert table.read_text("utf-8-sig").startswith("Summary,name,count")
    assert CliRunner().invoke(app, ["report", "--from", "gestern"]).exit_code == 2
    assert CliRunner().invoke(app, ["report", "--from", "2026-11-24", "--to", "2026-11-23"]).exit_code == 2


async def test_a_broken_ticket_file_is_left_out(played):
    (played.data / "tickets" / "live" / "7.json").write_bytes(b"{")
    assert [row.number for row in FileDataReader(played.data).tickets()] == [1]


async def test_the_weekly_letter_leaves_once_after_the_week_also_after_a_restart(played):
    played.reports = True
    assert not [one for one in await played.pass_time(days=6) if one.template == "report"]
    await played.pass_time(days=1)
    await played.restart()
    await played.pass_time(days=3)
    [report] = played.mail(ANNA, "report")
    assert "закрыто: 1" in report.text
    assert report.html.count('src="cid:') == len(report.attachments) > 1
    assert not played.mail("boris@providence.film", "report")


async def test_a_picture_that_another_daemon_drew_is_drawn_anew(played):
    played.reports = True
    await played.pass_time(days=8)
    [report] = played.mail(ANNA, "report")
    drawn = {one.name: played.weekly.picture(one) for one in report.attachments}
    shutil.rmtree(played.data / "reports")
    assert {one.name: played.weekly.picture(one) for one in report.attachments} == drawn
    assert played.weekly.picture(replace(report.attachments[0], letter="20261123T090000000000-a")) is None


async def test_a_missed_week_is_made_up_for_once(played):
    await played.send("olga@example.org", "В сериале «Метод» нет звука в третьей серии, в остальных есть. Chrome 131.", subject="Звук")
    played.now += 20 * DAY
    await played.weekly.send()
    await played.weekly.send()
    assert [one.template for one in await played.deliver()].count("report") == 1


def test_memory_stays_flat():
    row = done(AT + HOUR, entries=(letter(), answer(AT + HOUR)))
    told = week(row)
    tracemalloc.start()
    for number in range(20_000):
        told.add(done(AT + (number % 3000) * timedelta(minutes=1), number=number, entries=row.entries))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 2_000_000
