"""No sender uses up the attention of staff: beyond a share their notices are gathered into one (design, section 7, item 5)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from desk import TestDesk

from bot.model import Audience, Delivery
from bot.store.files import durable_writer

ANNA, BORIS, DEV = "anna@providence.film", "boris@providence.film", "dev@providence.film"
EVE, HOST, OTHER = "eve@evil.example", "203.0.113.5", "198.51.100.7"
PROBLEM = "Не приходит код подтверждения на почту, жду уже час. Пробовал дважды, в папке «Спам» тоже пусто."
OUTAGE = "Ничего не работает, сервис недоступен у всех: ни один фильм не открывается, сайт лежит."


async def flood(desk: TestDesk, count: int, who: str = "eve{}@evil{}.example", text: str = PROBLEM, client: str = HOST) -> None:
    """So many letters, a second apart."""
    desk.client = client
    for number in range(count):
        desk.now += timedelta(seconds=1)
        await desk.send(who.format(number, number), f"{text} Это письмо {number}.", subject=f"Письмо {number}")
    desk.client = ""


async def customer(desk: TestDesk, who: str = "maria@client.example") -> int:
    """Somebody else's letter; how many notices of it leave within a minute."""
    desk.client = OTHER
    await desk.send(who, f"{PROBLEM} Помогите, пожалуйста.", subject="Код Марии")
    await desk.pass_time(minutes=1)
    return sum(one.to == ANNA and one.template == "notice_new" and "Код Марии" in one.subject for one in desk.delivered)


def told(desk: TestDesk, to: str = ANNA) -> tuple[int, int]:
    """How many notices of new tickets somebody has had, and how many gathered letters."""
    return len(desk.mail(to, "notice_new")), len(desk.mail(to, "gathered"))


async def test_four_hundred_letters_of_one_client_leave_room_for_another_customer(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await flood(desk, 400)
    assert await customer(desk) == 1
    assert len(desk.tickets()) == 401, "nothing is lost"
    individually, gathered = told(desk)
    assert (individually, gathered) == (31, 1)
    [letter] = desk.mail(ANNA, "gathered")
    assert "370" in letter.subject
    assert "PF-31 … PF-400" in letter.text
    assert HOST in letter.text
    assert letter.html.count("support+31-a") == 1, "each ticket that is named has a link of its own address"
    assert desk.ledger_adds_up()
    assert not (await desk.store.stuck(Delivery.held))[360:], "the answers that were held are Eve's own caps"


async def test_a_gathered_letter_is_answered_as_any_list(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await flood(desk, 35)
    await desk.pass_time(minutes=1)
    [letter] = desk.mail(ANNA, "gathered")
    [receipt] = await desk.reply(letter, ANNA, "#очередь")
    assert (receipt.template, receipt.to) == ("receipt", ANNA)
    assert "PF-35" in receipt.text


@pytest.mark.parametrize("text", [PROBLEM, OUTAGE], ids=["plain", "high"])
async def test_one_mailbox_has_a_share_through_whatever_relay(tmp_path: Path, text: str) -> None:
    desk = await TestDesk.opened(tmp_path)
    await flood(desk, 40, "eve+{}@evil.example", text, client="127.0.0.1")
    assert told(desk) == (10, 0)
    assert await customer(desk) == 1
    assert told(desk) == (11, 1)
    assert "eve@evil.example" in desk.mail(ANNA, "gathered")[0].text


async def test_follow_ups_are_letters_too(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    for number in range(30):
        desk.now += timedelta(seconds=1)
        await desk.send(EVE, f"{PROBLEM} Ещё раз {number}.", subject="[PF-1] Код" if number else "Код")
    assert len(desk.mail(ANNA, "notice_new")) + len(desk.mail(ANNA, "notice_update")) == 10
    await desk.pass_time(minutes=1)
    [letter] = desk.mail(ANNA, "gathered")
    assert "20" in letter.subject
    assert len(desk.ticket(1).entries) == 30


async def test_many_senders_of_one_domain_leave_room_for_others(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await flood(desk, 150, "eve{}@evil.example", client="127.0.0.1")
    assert told(desk) == (100, 0)
    assert await customer(desk) == 1


async def test_senders_that_nothing_joins_are_all_told_of_within_a_minute(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await flood(desk, 320, client="127.0.0.1")
    assert told(desk) == (200, 0), "a third of the window is left for whatever else there is"
    assert await customer(desk) == 0
    [letter] = desk.mail(ANNA, "gathered")
    assert "PF-201 … PF-321" in letter.text
    assert not desk.events.count(("held", {"reason": "window"}))


async def test_a_real_outage_is_told_letter_by_letter(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    for number in range(60):
        await flood(desk, 1, f"guest{number}@home{number}.example", OUTAGE, client=f"192.0.2.{number}")
    await desk.pass_time(minutes=1)
    assert told(desk) == (60, 0)


async def test_what_a_night_brings_does_not_fill_the_morning(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    desk.now += timedelta(hours=12)
    for _ in range(10):
        await flood(desk, 25)
        await desk.pass_time(minutes=20)
    assert told(desk) == (0, 0)
    await desk.pass_time(hours=10)
    assert told(desk) == (30, 1)
    assert "220" in desk.mail(ANNA, "gathered")[0].subject


async def test_what_was_gathered_survives_a_crash_and_is_told_once(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await flood(desk, 40)
    await desk.restart()
    await desk.pass_time(minutes=1)
    await desk.restart()
    await desk.timers.gather()
    await desk.pass_time(hours=2)
    assert told(desk) == (30, 1)
    assert told(desk, BORIS) == (30, 1)
    assert "PF-31 … PF-40" in desk.mail(BORIS, "gathered")[0].text


async def test_a_write_that_fails_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = await TestDesk.opened(tmp_path)
    await flood(desk, 40)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable_writer, "AGAIN", 0.01)
    with monkeypatch.context() as patched:
        patched.setattr(desk.store._group_commit, "put", full, raising=True)
        with pytest.raises(OSError, match="No space"):
            await desk.timers.gather()
    while desk.store._writer.failed:  # noqa: ASYNC110  it is made again by the clock
        await asyncio.sleep(0.01)
    await desk.pass_time(minutes=1)
    assert told(desk) == (30, 1)


async def test_the_owner_alone_hears_of_follow_ups(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await desk.send(EVE, PROBLEM, subject="Код")
    await desk.reply(desk.mail(BORIS)[0], BORIS, "#взять")
    for number in range(20):
        desk.now += timedelta(seconds=1)
        await desk.send(EVE, f"{PROBLEM} Ещё раз {number}.", subject="[PF-1] Код")
    await desk.pass_time(minutes=1)
    assert (told(desk, BORIS), told(desk, ANNA)) == ((1, 1), (1, 0))


async def test_without_caps_nothing_is_gathered(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, caps=False)
    await flood(desk, 40)
    await desk.pass_time(minutes=1)
    assert told(desk) == (40, 0)


async def test_the_shares_stand_in_the_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    shipped = (Path(__file__).parents[2] / "rules.yaml").read_text("utf-8")
    rules.write_text(f"{shipped}\ncaps: {{notices_requester_10_min: 2, notices_client_10_min: 5}}\n", "utf-8")
    desk = await TestDesk.opened(tmp_path / "data", rules)
    await flood(desk, 5, EVE)
    assert told(desk) == (2, 0)
    await flood(desk, 9)
    assert told(desk) == (5, 0)


async def test_escalations_of_one_sender_leave_room_in_the_department(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    text = "Добрый день! Мы правообладатели и хотели бы подключиться к услугам защиты контента, договор с вами есть."
    await flood(desk, 20, EVE, text)
    sent = [one for one in desk.delivered if one.audience is Audience.department]
    held = [one.letter for one in await desk.store.stuck(Delivery.held) if one.letter.audience is Audience.department]
    assert (len(sent), len(held), {one.result for one in held}) == (10, 10, {"share"})


# ------------------------------------------------------------------------------- in an agent's name, alerts, timers


async def test_letters_in_an_agents_name_leave_the_answers_to_their_own(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await desk.send("ivan@example.org", PROBLEM, subject="Код")
    notice = desk.mail(ANNA)[0]
    for client in (HOST, OTHER, "192.0.2.1", "192.0.2.2"):
        desk.client = client
        for number in range(15):
            desk.now += timedelta(seconds=1)
            await desk.send(ANNA, f"#решено\nГотово {number}", subject="[PF-1] Код", mail_from=EVE)
    assert len(desk.mail(ANNA, "confirm")) == 30, "ten of each client, thirty of all"
    held = [one.letter for one in await desk.store.stuck(Delivery.held)]
    assert [one.template for one in held] == ["confirm"] * 30
    desk.client = ""
    await desk.pass_time(minutes=1)
    assert not desk.mail(ANNA, "gathered")
    wrong = await desk.reply(notice, ANNA, "#решноо\nГотово")
    right = await desk.reply(notice, ANNA, "#взять")
    assert [one.template for one in (*wrong, *right)] == ["command_error", "receipt"]


async def test_a_client_cannot_use_up_the_confirmations_of_an_agent(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    desk.client = HOST
    for number in range(40):
        await desk.send(ANNA, f"#очередь\n{number}", subject="Очередь", mail_from=EVE)
    desk.client = OTHER
    for number in range(12):
        await desk.send(f"guest{number}@client.example", PROBLEM, subject=f"Код {number}")
    sent = await desk.send(ANNA, "#очередь", subject="Моя очередь")
    assert [one.template for one in sent] == ["confirm"]


async def test_letters_that_cannot_be_read_do_not_fill_the_leads_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = await TestDesk.opened(tmp_path)

    async def broken(*_: object) -> None:
        raise ValueError("no letter")

    with monkeypatch.context() as patched:
        patched.setattr(desk.desk.parser_pool, "read", broken)
        await flood(desk, 40)
    assert len(desk.mail(ANNA, "alert")) == 10
    assert await customer(desk) == 1
    [letter] = desk.mail(ANNA, "gathered")
    assert "30" in letter.subject
    assert "Письмо отложено" in letter.text
    assert desk.ledger_adds_up()


async def test_what_a_flood_leaves_behind_does_not_fill_the_window_when_it_is_due(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await flood(desk, 250)
    await desk.pass_time(minutes=1)
    before = len(desk.delivered)
    await desk.pass_time(days=2)
    sent = [one for one in desk.delivered[before:] if one.to == ANNA]
    at_once = [sum(one.created == at for one in sent) for at in sorted({one.created for one in sent})]
    assert at_once[:2] == [201, 201], "the warnings, and the alarms: 200 of each, the rest in one letter"
    assert max(at_once) == 201
    assert len(desk.tickets()) == 250


async def test_the_alerts_of_many_latches_are_gathered(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    for number in range(12):
        await flood(desk, 4, f"eve{number}@evil.example")
    assert len(desk.mail(ANNA, "alert")) < 12
