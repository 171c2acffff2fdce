"""Every letter to an agent is a letter of the ticket that it shows, names who said what, and tells who will
read it (issue 15, 6 and 7).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace as replace_office
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from desk import ROOT, TestDesk
from looking import rows_of
from msgspec.structs import replace

from bot.model import Outgoing, Status
from bot.tickets.tokens import Purpose, Signer

IVAN, PETR, OLGA = "ivan@example.org", "petr@example.net", "olga@example.com"
ANNA, BORIS, DEV = "anna@providence.film", "boris@providence.film", "dev@providence.film"
CODE = "Добрый день! Не приходит код подтверждения на почту, жду уже час. Пробовал дважды."
AGAIN = "Пишу ещё раз: код так и не пришёл, почта example.org."
RUDE = "Жалуюсь на Вашего сотрудника: он отвечает слишком долго и грубо, хочу подать жалобу."
PICTURE = "Картинка в плеере не загружается, хотя обновил Chrome 131 на Windows 11."


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[TestDesk]:
    """A desk with a ticket of Ivan's and one of Pyotr's."""
    made = await TestDesk.opened(tmp_path)
    await made.send(IVAN, CODE, subject="Нет кода", name="Иван")
    await made.send(PETR, PICTURE, subject="Плеер", name="Пётр")
    yield made
    assert made.ledger_adds_up()


def notice(desk: TestDesk, number: int, agent: str = ANNA) -> Outgoing:
    """The newest letter of that ticket that this agent has got."""
    return next(one for one in reversed(desk.mail(agent)) if f"[PF-{number}]" in one.subject)


async def say(desk: TestDesk, text: str, number: int = 1, agent: str = ANNA) -> list[Outgoing]:
    """The agent's answer to that letter, and what they get for it."""
    return [one for one in await desk.reply(notice(desk, number, agent), agent, text) if one.to == agent]


def of(letter: Outgoing) -> tuple[str, str, set[str], set[str]]:
    """(tag of the subject, ticket of Reply-To, tickets and tags of the buttons) of a letter."""
    links = re.findall(r'href="mailto:([^?"]+)\?subject=([^&"]*)', letter.html)
    return (
        "".join(re.findall(r"\[(PF-\d+)\]", letter.subject)),
        re.findall(r"\+(\d+)-", dict(letter.headers)["Reply-To"])[0],
        {re.findall(r"\+(\d+)-", address)[0] for address, _ in links},
        {tag for _, subject in links for tag in re.findall(r"\[PF-(\d+)\]", unquote(subject))},
    )


def refers(letter: Outgoing) -> set[str]:
    """The tickets whose Message-IDs stand in References and In-Reply-To."""
    return set(re.findall(r"<pf\.(\d+)-", dict(letter.headers).get("References", "")))


@pytest.mark.parametrize("text", ["#следующее", "#show 2", "#show PF-2"])
async def test_a_shown_ticket_comes_in_a_letter_of_its_own(desk: TestDesk, text: str) -> None:
    await say(desk, "#взять")
    case, receipt = sorted(await say(desk, text), key=lambda one: one.template)
    assert (case.template, receipt.template) == ("case", "receipt")
    assert of(case) == ("PF-2", "2", {"2"}, {"2"})
    assert of(receipt) == ("PF-1", "1", {"1"}, {"1"})
    assert refers(case) == {"2"}
    assert PICTURE in case.text
    assert PICTURE not in receipt.text
    assert "PF-2" in receipt.text
    await desk.reply(case, ANNA, "#ответ\nПопробуйте, пожалуйста, ещё раз.")
    await desk.pass_time(minutes=3)
    assert [len(desk.mail(to, "reply")) for to in (IVAN, PETR)] == [0, 1]


async def test_an_answer_above_next_goes_to_the_old_ticket(desk: TestDesk) -> None:
    await say(desk, "#взять")
    await say(desk, "#ответ\nКод уже ушёл, проверьте, пожалуйста.\n#следующее")
    await desk.pass_time(minutes=3)
    assert [len(desk.mail(to, "reply")) for to in (IVAN, PETR)] == [1, 0]
    assert desk.ticket(2).owner == ANNA


@pytest.mark.parametrize("text", [
    "#next\n#reply\nДобрый день!", "#show 2\n#resolve\nГотово.", "#next\n#note\nПроверить.",
])  # fmt: skip
async def test_no_command_on_a_ticket_below_one_that_shows_another(desk: TestDesk, text: str) -> None:
    before = [desk.ticket(number) for number in (1, 2)]
    [error] = await say(desk, text)
    assert "неясно, к какому обращению" in error.text
    assert [desk.ticket(number) for number in (1, 2)] == before


async def test_a_ticket_that_is_split_off_or_opened_comes_in_a_letter_of_its_own(desk: TestDesk) -> None:
    texts = ("#разделить\nВторой вопрос Ивана.", "#новое new@example.com\nНе могу войти в кабинет.")
    for number, text in enumerate(texts, 3):
        sent = {one.template: one for one in await say(desk, text)}
        assert of(sent["case"]) == (f"PF-{number}", str(number), {str(number)}, {str(number)})
        assert of(sent["receipt"])[0] == "PF-1"
        assert "Не могу войти" not in sent["receipt"].text
    described, pasted = desk.mail(ANNA, "case")
    assert "Анна (поддержка, внутреннее)" in described.text, "the description is the agent's own"
    assert "new@example.com (пользователь, внесено сотрудником)" in pasted.text


@pytest.mark.parametrize("text", ["#очередь", "#найти почту картинка плеер код", "#search PF-2", "#срок"])
async def test_a_list_belongs_to_no_ticket_and_links_each_row_to_its_own(desk: TestDesk, text: str) -> None:
    await say(desk, "#приоритет высокий", 2)
    before = desk.ticket(1)
    letter = next(one for one in await say(desk, text) if "PF-" not in one.subject)
    assert (of(letter)[:2], refers(letter)) == (("", "0"), set())
    assert "In-Reply-To" not in dict(letter.headers), "it is no part of the thread of ticket 1"
    link = r'<a href="mailto:[^"+]+\+(\d+)-[^"?]+\?subject=([^&"]+)[^"]*body=([^"]*)">PF-(\d+)'
    rows = re.findall(link, letter.html)
    for address, subject, body, number in rows:
        assert (address, unquote(body).strip()) == (number, "#показать")
        assert f"[PF-{number}]" in unquote(subject)
    assert rows or "найти" in text
    [error] = [one for one in await desk.reply(letter, ANNA, "#ответ\nДобрый день!") if one.to == ANNA]
    assert "не про одно обращение" in error.text
    assert [entry for entry in desk.ticket(1).entries if entry.kind == "answer"] == []
    assert "срок" in text or desk.ticket(1) == before, "a look is no part of the ticket"
    if rows:
        word, _, number = "#показать", None, rows[0][3]
        await desk.reply(letter, ANNA, f"{word} {number}")
        assert of(desk.mail(ANNA, "case")[-1])[0] == f"PF-{number}"


async def test_next_from_the_morning_letter_and_from_an_empty_queue(desk: TestDesk) -> None:
    from bot.tickets.digest import digest

    rows = tuple(await rows_of(desk.store))
    async with desk.store.unit_of_work() as unit:
        unit.commit(digest(rows, desk.context, "2026-11-23", desk.now))
    await desk.deliver()
    [letter] = desk.mail(BORIS, "digest")
    assert of(letter)[:2] == ("", "0")
    assert {"1", "2"} <= of(letter)[2]
    for number in (1, 2):
        [case] = [one for one in await desk.reply(letter, BORIS, "#следующее") if one.to == BORIS]
        assert case.template == "case"
        assert of(case) == (f"PF-{number}", str(number), {str(number)}, {str(number)})
    [error] = await desk.reply(letter, BORIS, "#следующее")
    assert "Очередь пуста" in error.text


async def test_show_of_merged_and_of_erased(desk: TestDesk) -> None:
    await desk.send(IVAN, AGAIN, subject="Ещё раз", name="Иван")
    await say(desk, "#объединить 1", 3)
    case = next(one for one in await say(desk, "#показать 3", 2) if one.template == "case")
    assert of(case)[0] == "PF-1"
    assert "Пишу ещё раз" in case.text
    from busy import erase

    await erase(desk, PETR)
    [error] = await say(desk, "#показать 2")
    assert (error.template, "стёрты" in error.text) == ("command_error", True)


async def test_an_alert_about_a_ticket_is_a_letter_of_that_ticket(desk: TestDesk) -> None:
    from bot.tickets.alerts import undelivered

    await say(desk, "#ответ\nКод уже ушёл.")
    ticket = desk.ticket(1)
    letter = next(one for one in ticket.outgoing if one.template == "reply")
    letter = replace(letter, result="550 no such user")
    async with desk.store.unit_of_work() as unit:
        unit.commit(undelivered(desk.context, ticket, letter, desk.now))
    await desk.deliver()
    [alert] = desk.mail(ANNA, "alert")
    assert (of(alert), refers(alert)) == (("PF-1", "1", {"1"}, {"1"}), {"1"})
    await say(desk, "#показать")
    shown = desk.mail(ANNA, "case")[-1].text
    assert f"Письмо для {IVAN} не доставлено (сообщение почты, внутреннее):" in shown


# ------------------------------------------------------------------------------------------------ whose words


async def test_notices_name_the_author_and_not_the_requester(desk: TestDesk) -> None:
    await say(desk, f"#копия {OLGA}\n#передать разработка\nМожно ли скидку?")
    await desk.pass_time(minutes=3)
    [case] = desk.mail(DEV)
    await desk.reply(case, DEV, "Внутри: скидку не давать.")
    assert "Отдел разработки (отдел, внутреннее):\n\n> Внутри: скидку не давать." in notice(desk, 1).text
    await desk.reply(desk.mail(OLGA)[0], OLGA, "Я коллега Ивана, у меня то же самое.")
    told = notice(desk, 1)
    assert f"{OLGA} (участник):\n\n> Я коллега Ивана" in told.text
    assert "Анна (поддержка):" in told.text
    await say(desk, "#заметка\nПроверить оплату.", agent=BORIS)
    await say(desk, "#показать")
    shown = notice(desk, 1)
    assert "Отдел разработки (отдел, внутреннее):" in shown.text
    assert "Борис (поддержка, внутреннее):" in shown.text
    assert "Иван (пользователь):" in shown.text
    await say(desk, "#ответ\nДобрый день! Разбираемся.", agent=BORIS)
    await desk.pass_time(minutes=3)
    assert "другой сотрудник: Борис" in desk.mail(ANNA, "case")[-1].text


async def test_authors_stay_known_after_a_merge(desk: TestDesk) -> None:
    await desk.send(IVAN, AGAIN, subject="Ещё раз", name="Иван")
    await say(desk, "#передать разработка\nПосмотрите очередь.", 3)
    await desk.pass_time(minutes=3)
    await desk.reply(desk.mail(DEV)[0], DEV, "Скидку не давать.")
    await say(desk, "#объединить 1", 3)
    await say(desk, "#показать")
    shown = desk.mail(ANNA, "case")[-1].text
    assert "Отдел разработки (отдел, внутреннее):\n\n> Скидку не давать." in shown
    assert "Анна (поддержка, внутреннее):\n\n> Сюда присоединено обращение PF-3" in shown
    assert "> Команды: передать разработка" in shown


async def test_a_complaint_of_a_participant_is_theirs(desk: TestDesk) -> None:
    await say(desk, f"#копия {OLGA}\n#уточнить\nКакая почта?", agent=BORIS)
    await desk.pass_time(minutes=3)
    await desk.reply(desk.mail(OLGA)[0], OLGA, RUDE)
    alarm = next(one for one in reversed(desk.mail(ANNA)) if "Жалоба на обслуживание" in one.text)
    assert f"{OLGA} (участник):" in alarm.text


@pytest.mark.parametrize("text", [
    "#ответ\nКод ушёл.", "#уточнить\nКакая почта?", "#решено\nГотово.", "#refuse scope\nЭтим не занимаемся.",
    "#передать разработка\nВзгляните.", "#clarify insufficient\nЧто на экране?", "#вышло",
    "#решено жалоба\nРазобрались.",
])  # fmt: skip
async def test_a_copy_greets_nobody_by_anothers_name(desk: TestDesk, text: str) -> None:
    await say(desk, f"#копия {OLGA}\n{text}")
    receipt = notice(desk, 1)
    await desk.pass_time(minutes=3)
    [copy], letter = desk.mail(OLGA), desk.mail(IVAN)[-1]
    above = copy.text.partition("-----")[0]
    assert "Иван" not in above
    assert "получаете копию" in above
    assert "Здравствуйте, Иван!" in letter.text
    quoted = "\n".join(line[2:] for line in receipt.text.splitlines() if line.startswith(">"))
    assert copy.text.strip() in quoted, "the receipt shows each text that leaves"
    assert letter.text.strip() in quoted


async def test_an_automatic_answer_calls_nobody_by_the_requesters_name(desk: TestDesk) -> None:
    from bot.tickets.outgoing import public_ticket

    ticket = desk.ticket(1)
    names = [public_ticket(desk.context, ticket, True, to).requester_name for to in (IVAN, OLGA, "")]
    assert names == ["Иван", "", "Иван"]
    await desk.send(IVAN, "Какие у вас часы работы?", subject="Часы", name="Иван")
    assert "Здравствуйте!" in desk.mail(IVAN)[-1].text, "nothing proves who wrote"


async def test_events_say_what_they_did(desk: TestDesk) -> None:
    await desk.send(PETR, PICTURE, subject="Re: [PF-1] Нет кода", name="Пётр")
    assert desk.ticket(1).links == (3,)
    await say(desk, "#показать")
    shown = desk.mail(ANNA, "case")[-1].text
    assert "Связано: PF-3." in shown
    assert "> 3" not in shown


# ------------------------------------------------------------------------------------------------------- undo


async def test_undo_takes_back_ones_own_and_names_anothers(desk: TestDesk) -> None:
    await say(desk, "#ответ\nКод уже ушёл, проверьте, пожалуйста.")
    [error] = await say(desk, "#отмена", agent=BORIS)
    assert "Анна, 23.11.2026 12:00" in error.text
    assert "Может быть" not in error.text, "no hint leads to what a colleague did"
    number = desk.mail(ANNA, "receipt")[-1].id
    [receipt] = await say(desk, f"#отмена {number}", agent=BORIS)
    assert "другого сотрудника: Анна" in receipt.text
    told = desk.mail(ANNA, "case")[-1]
    assert "отменены. Отменил(а): Борис" in told.text
    assert of(told) == ("PF-1", "1", {"1"}, {"1"})
    await desk.pass_time(minutes=5)
    assert desk.mail(IVAN, "reply") == []
    assert "Отменять нечего" in (await say(desk, "#отмена"))[0].text


async def test_undo_of_an_older_letter_that_sends_nothing_comes_too_late(desk: TestDesk) -> None:
    [receipt] = await say(desk, "#приоритет высокий")
    [number] = re.findall(r"#отмена (\d+)", receipt.text)
    await say(desk, "#метка важный", agent=BORIS)
    for text in ("#отмена", f"#отмена {number}"):
        [error] = [one for one in await desk.reply(receipt, ANNA, text) if one.to == ANNA]
        assert "Поздно: с тех пор обращение изменилось" in error.text
        assert "Может быть" not in error.text
    assert desk.ticket().labels == ("важный",)


ANSWER = "#ответ\nКод уже ушёл, проверьте, пожалуйста."


@pytest.mark.parametrize("agent", [ANNA, BORIS])
@pytest.mark.parametrize("later", [
    "#заметка\nСмотрю.", "#метка важный", "Просто слова.", "#ответ\nПривет.",
])  # fmt: skip
@pytest.mark.parametrize("numbered", [False, True])
async def test_undo_stops_ones_own_waiting_answer_whatever_came_after(
    desk: TestDesk, agent: str, later: str, numbered: bool
) -> None:
    [receipt] = await say(desk, f"#копия {OLGA}\n{ANSWER}")
    [number] = re.findall(r"#отмена (\d+)", receipt.text)
    await say(desk, later, agent=agent)
    before = desk.ticket()
    if agent == ANNA and not numbered and later[0] == "#":  # the first one takes the later letter back
        await say(desk, "#отмена")
        before = desk.ticket()
    text = f"#отмена {number if numbered else ''}"
    [told] = [one for one in await desk.reply(receipt, ANNA, text) if one.to == ANNA]
    assert told.template == "receipt"
    assert f"письмо для {IVAN}, {OLGA}" in told.text
    assert "остаются как есть" in told.text
    after = desk.ticket()
    kept = [(one.status, one.owner, one.labels, one.priority, one.participants) for one in (before, after)]
    assert kept[0] == kept[1]
    abouts = [one.about for one in after.entries if one.kind == "answer" and "Код уже" in one.text]
    assert abouts == ["undone"]
    others = later.startswith("#ответ") and (agent == BORIS or numbered)
    assert ("может стоять в его истории" in told.text) == others
    await desk.pass_time(minutes=5)
    heads = [one.text.partition("\n---")[0] for one in (*desk.mail(IVAN), *desk.mail(OLGA))]
    assert not [head for head in heads if "Код уже ушёл" in head]
    assert len(desk.mail(IVAN, "reply")) == others, "what somebody else wrote, or a letter not named, leaves"
    [error] = [one for one in await desk.reply(receipt, ANNA, f"#отмена {number}") if one.to == ANNA]
    assert error.template == "command_error"


async def test_undo_stops_an_answer_after_the_customers_next_letter_and_what_a_department_would_get(
    desk: TestDesk,
) -> None:
    await say(desk, "#передать разработка\nВзгляните.")
    await desk.send(IVAN, AGAIN, subject="Re: [PF-1] Нет кода")
    [receipt] = await say(desk, "#отмена")
    assert f"письмо для {DEV}, {IVAN}" in receipt.text
    await desk.pass_time(minutes=5)
    assert (desk.mail(DEV), desk.mail(IVAN, "escalated")) == ([], [])


async def test_undo_calls_nothing_cancelled_that_may_be_leaving(desk: TestDesk) -> None:
    await say(desk, ANSWER)
    await say(desk, "#заметка\nСмотрю.", agent=BORIS)
    desk.now += timedelta(minutes=2)  # it is due, and the outbox has not looked yet
    [error] = await say(desk, "#отмена")
    assert "Поздно: письмо уже ушло" in error.text
    await desk.pass_time(minutes=1)
    assert len(desk.mail(IVAN, "reply")) == 1


async def test_undo_of_ones_own_last_letter_guesses_no_older_one(desk: TestDesk) -> None:
    [receipt] = await say(desk, ANSWER)
    await say(desk, "#метка важный")
    await say(desk, "#заметка\nСмотрю.", agent=BORIS)
    [error] = await say(desk, "#отмена")
    assert f"Может быть, #отмена {receipt.id}?" in error.text
    [told] = await say(desk, f"#отмена {receipt.id}")
    assert f"письмо для {IVAN}" in told.text


async def test_undo_after_a_stop_restores_nothing_over_it(desk: TestDesk) -> None:
    await say(desk, "#решено\nКод уже ушёл, проверьте, пожалуйста.")
    await say(desk, "#заметка\nСмотрю.", agent=BORIS)
    await say(desk, "#отмена")
    assert desk.ticket().score_asked is None
    [error] = await say(desk, "#отмена", agent=BORIS)
    assert "изменилось" in error.text
    assert desk.ticket().status is Status.done
    await desk.pass_time(minutes=5)
    assert desk.mail(IVAN, "resolved_solved") == []


async def test_a_look_does_not_stand_in_the_way_of_undo(desk: TestDesk) -> None:
    await say(desk, "#ответ\nКод уже ушёл, проверьте, пожалуйста.")
    for text in ("#показать", "#очередь", "#показать 2"):
        await say(desk, text)
    [receipt] = await say(desk, "#отмена")
    assert receipt.template == "receipt"
    assert desk.ticket(1).status is Status.created


async def test_what_else_a_letter_did_is_undone_in_the_thread_where_it_was_written(desk: TestDesk) -> None:
    await say(desk, "#ответ\nКод уже ушёл, проверьте, пожалуйста.\n#следующее")
    [error] = await say(desk, "#отмена", 2)
    assert "отменяются из обращения PF-1" in error.text
    assert desk.ticket(2).owner == ANNA
    [receipt] = await say(desk, "#отмена", 1)
    assert receipt.template == "receipt"
    assert (desk.ticket(1).owner, desk.ticket(2).owner) == ("", "")


@pytest.mark.parametrize("side", [1, 3])
async def test_a_merge_is_undone_from_either_side(desk: TestDesk, side: int) -> None:
    await desk.send(IVAN, AGAIN, subject="Ещё раз", name="Иван")
    before = desk.ticket(1).public_entries()
    receipts = {of(one)[0]: one for one in await say(desk, "#объединить 1", 3)}
    await desk.reply(receipts[f"PF-{side}"], ANNA, "#отмена")
    assert (desk.ticket(3).merged_into, desk.ticket(1).public_entries()) == (0, before)
    await desk.pass_time(minutes=5)
    assert desk.mail(IVAN, "merged") == []


# ----------------------------------------------------------------------------------------------- who may read


async def test_a_merge_gives_participants_nothing_to_read(desk: TestDesk) -> None:
    second = "Мой второй вопрос: секретный пароль от кабинета не подходит."
    await desk.send(IVAN, second, subject="Второй", name="Иван")
    await say(desk, f"#копия {OLGA}\n#ответ\nКод ушёл.")
    await say(desk, f"#копия {PETR}\n#ответ\nПароль сбросили.", 3)
    await desk.pass_time(minutes=3)
    receipts = {of(one)[0]: one.text for one in await say(desk, "#объединить 1", 3)}
    assert f"переписки PF-3 не увидят: {OLGA}" in receipts["PF-1"]
    assert f"не перенесены: {PETR}" in receipts["PF-1"]
    await say(desk, "#ответ\nТеперь всё готово.")
    await desk.pass_time(minutes=3)
    assert desk.ticket(1).participants == (OLGA,)
    last = desk.mail(OLGA)[-1]
    assert "Теперь всё готово" in last.text
    assert "Не приходит код" in last.text
    assert "пароль" not in last.text.lower()
    assert "пароль" in desk.mail(IVAN)[-1].text
    assert [one.template for one in desk.mail(PETR)] == ["acknowledgement", "reply"]
    await desk.reply(desk.mail(PETR)[-1], PETR, "А что с кабинетом?")
    assert desk.tickets() == [1, 2, 3, 4], "who takes part no longer is lost neither"


async def test_a_removed_participant_gets_nothing_that_still_waits(desk: TestDesk) -> None:
    await say(desk, f"#копия {OLGA}\n#ответ\nКод ушёл.")
    [receipt] = await say(desk, f"#без_копии {OLGA}", agent=BORIS)
    assert "ждало отправки: 1" in receipt.text
    await desk.pass_time(minutes=5)
    assert (len(desk.mail(OLGA)), len(desk.mail(IVAN, "reply"))) == (0, 1)


async def test_whoever_was_removed_by_mistake_gets_the_letter_after_undo(desk: TestDesk) -> None:
    await say(desk, f"#копия {OLGA}\n#ответ\nКод ушёл.")
    await say(desk, f"#без_копии {OLGA}")
    await say(desk, "#отмена")
    await desk.pass_time(minutes=5)
    assert len(desk.mail(OLGA)) == 1


async def test_split_takes_the_requesters_words_and_no_participants(desk: TestDesk) -> None:
    await say(desk, f"#копия {OLGA}\n#ответ\nКод ушёл.")
    await desk.pass_time(minutes=3)
    await desk.reply(desk.mail(OLGA)[0], OLGA, "Между нами: Иван этого не знает.")
    await say(desk, "#разделить")
    assert [entry.text for entry in desk.ticket(3).public_entries()] == [CODE]


async def test_the_owner_of_the_other_ticket_hears_of_a_merge(desk: TestDesk) -> None:
    await desk.send(IVAN, AGAIN, subject="Ещё раз", name="Иван")
    await say(desk, "#взять", 1, BORIS)
    await say(desk, "#объединить 1", 3)
    await desk.pass_time(minutes=3)
    told = desk.mail(BORIS, "case")[-1]
    assert of(told)[0] == "PF-1"
    assert "Анна" in told.text


async def test_english_letters_name_authors_too(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    text = (ROOT / "rules.yaml").read_text("utf-8")
    rules.write_text(text.replace(f"address: {BORIS}", f"address: {BORIS}, language: en"), "utf-8")
    desk = await TestDesk.opened(tmp_path / "data", rules)
    await desk.send(IVAN, CODE, subject="Нет кода", name="Иван")
    address = desk.context.signer.address(1, Purpose.agent, BORIS)
    for text in ("#note\nHe wrote to me before.", "#show"):
        await desk.send(BORIS, text, subject="Re: [PF-1]", to=address)
    shown = desk.mail(BORIS, "case")[-1].text
    for line in ("Иван (customer):", "Борис (support, internal):", "PF-1: the whole ticket"):
        assert line in shown


async def test_a_reminder_for_a_far_day_can_be_answered(desk: TestDesk) -> None:
    """Its address and its buttons are good from the day on which it comes."""
    await say(desk, "#напомнить 01.02.2027\nСпросить о коде.")
    await desk.pass_time(days=71)
    letter = next(one for one in desk.mail(ANNA, "case") if "Вы просили напомнить" in one.text)
    assert "Анна (поддержка, внутреннее):\n\n> Спросить о коде." in letter.text
    assert {receipt.template for receipt in await desk.reply(letter, ANNA, "#заметка\nСпросила.")} == {"receipt"}
    [link] = re.findall(r'href="mailto:([^?"]+)[^>]*>Заметка<', letter.html)
    sent = await desk.send(ANNA, "#заметка\nЕщё раз.", subject=letter.subject, to=link)
    assert [one.template for one in sent] == ["receipt"]


async def test_without_plus_addresses_the_thread_says_which_ticket(tmp_path: Path) -> None:
    """Reply-To is the same in all letters then: an answer in the shown ticket's thread is about that one."""
    desk = await TestDesk.opened(tmp_path, plus=False, aligned=(ANNA,))
    keys = desk.context.signer.keys
    signer = Signer(keys, "support@providence.film", "PF", plus=False)
    desk.context = replace_office(desk.context, signer=signer, verp=False)
    await desk.restart()
    await desk.send(IVAN, CODE, subject="Нет кода", name="Иван")
    await desk.send(PETR, PICTURE, subject="Плеер", name="Пётр")
    await say(desk, "#взять")
    await say(desk, "#следующее")
    [case] = desk.mail(ANNA, "case")
    await desk.reply(case, ANNA, "#ответ\nПопробуйте, пожалуйста, ещё раз.")
    [found] = [one for one in await say(desk, "#очередь", 1) if "PF-" not in one.subject]
    sent = await desk.reply(found, ANNA, "#ответ\nДобрый день всем!")
    assert [one.template for one in sent] == ["command_error"]
    await desk.pass_time(minutes=3)
    assert [len(desk.mail(to, "reply")) for to in (IVAN, PETR)] == [0, 1]


async def test_show_sends_the_whole_of_a_long_letter(desk: TestDesk) -> None:
    desk.aligned.add(IVAN)
    await desk.send(IVAN, CODE + " Подробности." * 2000 + " Конец.", subject="Re: [PF-1] Нет кода")
    assert "Конец." not in notice(desk, 1).text
    await say(desk, "#показать")
    assert "Конец." in desk.mail(ANNA, "case")[-1].text
