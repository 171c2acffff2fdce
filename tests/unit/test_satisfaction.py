"""Scores and complaints: which lines are scores, whom the desk asks, what counts, who may close a complaint."""

from __future__ import annotations

from dataclasses import replace as other
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from desk import MOSCOW_NOON as NOON
from desk import ROOT, TestDesk, open_office

from bot.model import Address, Resolution, Status, Ticket
from bot.settings import Settings
from bot.store.interface import AddressFacts
from bot.tickets.requester import satisfaction
from bot.tickets.tokens import Purpose, Signer

OFFICE = open_office(Settings(rules=ROOT / "rules.yaml", templates=ROOT / "templates"), b"0123456789abcdef0123456789abcdef")
IVAN, ANNA, BORIS = "ivan@example.org", "anna@providence.film", "boris@providence.film"


def solved(**more: object) -> Ticket:
    return Ticket(
        **{  # type: ignore[arg-type]
            "number": 3, "requester": Address(email=IVAN), "opened": NOON, "changed": NOON, "status": Status.done, "resolution": Resolution.solved,
            **more,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ticket", "asked", "wanted"),
    [
        (solved(), None, True),
        (solved(resolution=Resolution.user_error), None, True),
        (solved(resolution=Resolution.complaint), None, False),
        (solved(labels=("complaint",)), None, False),
        (solved(resolution=None), None, False),
        (solved(score=4), None, False),
        (solved(status=Status.in_progress), None, False),
        (solved(), NOON - timedelta(days=29), False),
        (solved(), NOON - timedelta(days=30), True),
    ],
)
def test_whom_the_desk_asks(ticket, asked, wanted):
    assert satisfaction.wanted(ticket, AddressFacts(asked=asked), OFFICE, NOON) is wanted


def test_five_buttons_each_signed_for_its_mark_and_its_requester():
    for mark, button in enumerate(satisfaction.buttons(solved(), OFFICE, "ru"), 1):
        parts = urlsplit(button.url)
        found = OFFICE.signer.check(unquote(parts.path), (IVAN,), NOON.date())
        assert (found.purpose, found.serial, found.ticket) == (Purpose.score, mark, 3)
        assert OFFICE.signer.check(unquote(parts.path), ("mallory@example.net",), NOON.date()) is None
        assert parse_qs(parts.query)["subject"] == [f"[PF-3] Оценка: {mark}"]


@pytest.mark.parametrize(
    ("labels", "resolution", "agent", "away", "may"),
    [
        ((), Resolution.solved, BORIS, {}, True),
        ((), Resolution.complaint, BORIS, {}, False),
        (("complaint",), Resolution.solved, BORIS, {}, False),
        (("complaint",), None, BORIS, {}, False),
        (("complaint",), Resolution.complaint, ANNA, {}, True),
        (("complaint",), Resolution.complaint, BORIS, {ANNA: "2026-11-24"}, True),
        (("complaint",), Resolution.complaint, BORIS, {ANNA: "2026-11-23"}, False),  # she is back today
    ],
)
def test_who_may_close_a_complaint(labels, resolution, agent, away, may):
    assert satisfaction.may_close(solved(labels=labels), resolution, agent, other(OFFICE, away=away), NOON) is may


async def closed(desk: TestDesk) -> None:
    await desk.send(IVAN, "У фильма «Сталкер» пропал постер, серый квадрат вместо картинки. Chrome 131.", subject="Постер")
    await desk.reply(desk.mail(BORIS, "notice_new")[-1], BORIS, "#решено\nПостер на месте.")
    await desk.pass_time(hours=1)


def address(desk: TestDesk, mark: int, number: int = 1, person: str = IVAN) -> str:
    return desk.context.signer.address(number, Purpose.score, person, mark)


async def test_a_score_by_reply_counts_with_its_words(tmp_path):
    desk = await TestDesk.opened(tmp_path)
    await closed(desk)
    await desk.reply(desk.mail(IVAN, "resolved_solved")[0], IVAN, "4\nСпасибо, быстро!")
    assert desk.ticket(1).score == 4
    assert desk.ticket(1).status is Status.done
    assert desk.ticket(1).entries[-1].about == "score"
    assert [one.template for one in desk.mail(IVAN)][-1] == "score"


async def test_the_line_that_was_written_goes_before_the_button_that_was_pressed(tmp_path):
    desk = await TestDesk.opened(tmp_path)
    await closed(desk)
    await desk.send(IVAN, "Оценка: 3", subject="[PF-1] Оценка: 5", to=address(desk, 5))
    assert desk.ticket(1).score == 3


async def test_a_score_for_anothers_ticket_opens_nothing_and_counts_nothing(tmp_path):
    desk = await TestDesk.opened(tmp_path)
    await closed(desk)
    assert await desk.send("mallory@example.net", "1", to=address(desk, 1)) == []
    assert (desk.ticket(1).score, desk.tickets()) == (0, [1])
    await desk.send("mallory@example.net", "1\nА ещё у меня не открывается каталог, белый экран в Chrome 131.", to=address(desk, 1))
    assert (desk.ticket(1).score, desk.tickets()) == (0, [1, 2])  # words are a person's letter, and are kept
    assert desk.ledger_adds_up()


async def test_a_score_that_nobody_asked_for_is_kept_and_not_answered(tmp_path):
    desk = await TestDesk.opened(tmp_path)
    await desk.send(IVAN, "У фильма «Сталкер» пропал постер, серый квадрат вместо картинки. Chrome 131.", subject="Постер")
    assert await desk.send(IVAN, "5", to=address(desk, 5)) == []
    assert desk.ticket(1).score == 0
    assert desk.ticket(1).entries[-1].about == "score_ignored"


async def test_a_forged_mark_is_no_score(tmp_path):
    desk = await TestDesk.opened(tmp_path)
    await closed(desk)
    good = address(desk, 5)
    await desk.send(IVAN, "Спасибо", to=good.replace("-s5-", "-s1-"), subject="[PF-1] Постер")
    assert desk.ticket(1).score == 0


async def test_participants_are_not_asked(tmp_path):
    desk = await TestDesk.opened(tmp_path)
    await desk.send(IVAN, "У фильма «Сталкер» пропал постер, серый квадрат вместо картинки. Chrome 131.", subject="Постер")
    await desk.reply(desk.mail(BORIS, "notice_new")[-1], BORIS, "#копия olga@example.org\n#решено\nПостер на месте.")
    await desk.pass_time(hours=1)
    assert "Оцените" in desk.mail(IVAN, "resolved_solved")[0].text
    assert "Оцените" not in desk.mail("olga@example.org", "resolved_solved")[0].text


async def test_nobody_is_asked_twice_even_after_a_restart(tmp_path):
    desk = await TestDesk.opened(tmp_path)
    await closed(desk)
    await desk.pass_time(days=20)
    await desk.store.archive_done(desk.now, 14)
    await desk.restart()
    await closed(desk)
    await desk.pass_time(days=11)
    await closed(desk)
    assert ["Оцените" in one.text for one in desk.mail(IVAN, "resolved_solved")] == [True, False, True]


async def test_a_closing_letter_that_was_taken_back_has_asked_nobody(tmp_path):
    desk = await TestDesk.opened(tmp_path)
    await desk.send(IVAN, "У фильма «Сталкер» пропал постер, серый квадрат вместо картинки. Chrome 131.", subject="Постер")
    await desk.reply(desk.mail(BORIS, "notice_new")[-1], BORIS, "#решено\nПостер на месте.")
    await desk.reply(desk.mail(BORIS, "receipt")[-1], BORIS, "#отмена")
    await desk.reply(desk.mail(BORIS, "receipt")[-1], BORIS, "#решено\nПостер и правда на месте.")
    await desk.pass_time(hours=1)
    assert ["Оцените" in one.text for one in desk.mail(IVAN, "resolved_solved")] == [True]


async def test_without_plus_addresses_the_score_is_asked_for_in_words(tmp_path):
    desk = await TestDesk.opened(tmp_path, aligned=(ANNA, BORIS, IVAN))
    signer = desk.context.signer
    desk.context = other(desk.context, signer=Signer(signer.keys, "support@providence.film", "PF", plus=False), verp=False)
    await desk.restart()
    await closed(desk)
    asked = desk.mail(IVAN, "resolved_solved")[0]
    assert "одной цифрой" in asked.text
    assert "mailto:" not in asked.html
    await desk.reply(asked, IVAN, "5")
    assert (desk.ticket(1).score, desk.tickets()) == (5, [1])
