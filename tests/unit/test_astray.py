"""Letters to signed addresses from others than those they were made for: a person hears of them, and nobody is lost or believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import TestDesk

from bot.model import Audience, Outgoing

ANNA, IVAN, KOLYA, HOME = "anna@providence.film", "ivan@example.org", "kolya@corp.example", "ivan@home.example"
DEV, PETROV = "dev@providence.film", "petrov@providence.film"
PROBLEM = "Добрый день! Фильм не открывается, чёрный экран после Play в Chrome 131 на Windows 11."
RUDE = "Идите нахуй, уроды ебаные"


@pytest.fixture
async def desk(tmp_path: Path) -> TestDesk:
    """A desk with a ticket of Ivan's."""
    one = await TestDesk.opened(tmp_path)
    await one.send(IVAN, PROBLEM, subject="Фильм")
    return one


async def asked(desk: TestDesk) -> Outgoing:
    """Anna's question, as Ivan has it."""
    await desk.reply(desk.mail(ANNA)[0], ANNA, "#уточнить\nВ Firefox открывается?")
    await desk.pass_time(minutes=5)
    return desk.mail(IVAN)[-1]


@pytest.mark.parametrize("answer", ["Да, открывается", "Открывается.", "Да"])
async def test_a_customer_who_answers_from_another_address_is_heard(desk: TestDesk, answer: str) -> None:
    question = await asked(desk)
    sent = await desk.reply(question, HOME, answer)
    assert [one.template for one in sent if one.to == HOME] == ["acknowledgement"], "rules are hints for such a letter"
    assert any(one.to == ANNA and "[PF-1]" in one.subject for one in sent)
    assert any(one.to == ANNA and "[PF-2]" in one.subject for one in sent)
    assert desk.ticket(1).status == "in_progress"
    later = await desk.pass_time(days=14)
    assert not [one for one in later if one.template == "closed_silence"]
    assert not any(PROBLEM in one.text for one in desk.mail(HOME)), "what is Ivan's stays his"


async def test_a_gateway_that_rewrites_from_closes_no_ticket(desk: TestDesk) -> None:
    question = await asked(desk)
    await desk.reply(question, "list@corp.example", "Да, в Firefox 131 открывается, в Chrome нет.", name="Ivan via List")
    assert desk.ticket(1).status == "in_progress"


async def test_a_guessed_number_ends_no_waiting(desk: TestDesk) -> None:
    await asked(desk)
    await desk.send("eve@evil.example", "Да, открывается, спасибо за помощь с моим фильмом.", subject="Re: [PF-1] Фильм")
    assert desk.ticket(1).status == "clarification"


async def test_a_participant_stops_and_closes_nothing(desk: TestDesk) -> None:
    await desk.reply(desk.mail(ANNA)[0], ANNA, f"#копия {KOLYA}\n#ответ\nСмотрим.")
    await desk.pass_time(minutes=5)
    copy = desk.mail(KOLYA)[-1]
    for _ in range(3):
        sent = await desk.reply(copy, KOLYA, RUDE)
        assert desk.ticket(1).status == "in_progress"
        assert not [one for one in sent if one.audience is Audience.requester]
        assert [one for one in sent if one.to == ANNA], "the owner sees it"
        await desk.pass_time(minutes=30)


async def test_a_colleague_of_the_department_is_kept_inside(desk: TestDesk) -> None:
    await desk.reply(desk.mail(ANNA)[0], ANNA, "#передать development\nПосмотрите, пожалуйста")
    await desk.pass_time(minutes=5)
    words = "Исправили в сборке 77. Клиенту скидку не давать, потому что он скандалист и пишет каждый день."
    sent = await desk.reply(desk.mail(DEV)[-1], PETROV, words)
    assert desk.tickets() == [1]
    assert {one.to for one in sent} == {ANNA}
    entry = desk.ticket(1).entries[-1]
    assert (entry.public, entry.unconfirmed, entry.who, entry.text) == (False, True, PETROV, words)
    assert "с другого адреса" in sent[0].text
    refused = await desk.reply(desk.mail(ANNA)[0], ANNA, f"#ответ\n{words}")
    assert [one.template for one in refused] == ["command_error"], "the leak gate knows these words"


async def test_an_agent_who_writes_from_another_account_hears_of_it(desk: TestDesk) -> None:
    sent = await desk.reply(desk.mail(ANNA)[0], "anna.private@gmail.example", "#заметка\nскидку не давать")
    assert desk.tickets() == [1]
    assert {one.to for one in sent} == {ANNA}
    assert desk.ticket(1).owner == ""
    assert not [entry for entry in desk.ticket(1).entries if entry.kind in ("note", "command")]


@pytest.mark.parametrize("sender", [b"Anna [support] <anna@providence.film>", b"Anna @ work <anna@providence.film>"])
async def test_an_agents_letter_with_odd_headers_is_no_customers(desk: TestDesk, sender: bytes) -> None:
    address = dict(desk.mail(ANNA)[0].headers)["Reply-To"]
    letter = b"From: %s\r\nTo: %s\r\nSubject: Re: [PF-1]\r\nMessage-ID: <odd@x>\r\n\r\n#note\r\nhello\r\n"
    sent = await desk.raw(letter % (sender, address.encode()), ANNA, (address,))
    assert desk.tickets() == [1]
    assert {one.to for one in sent} == {ANNA}
    assert not [entry for entry in desk.ticket(1).entries if entry.kind == "note"]
