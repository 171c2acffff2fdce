"""What an agent's letter must not do: be somebody else's words, say more than it was shown to say, or touch what it did not name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desk import TestDesk

from bot.model import Outgoing, Status

ANNA, BORIS, IVAN = "anna@providence.film", "boris@providence.film", "ivan@example.org"
PROBLEM = "После входа открываю фильм в Chrome 130, жму «Смотреть», экран чёрный, ошибка 500. Вчера работало."


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[TestDesk]:
    """A desk with one ticket of Ivan's, who writes as a command in it."""
    made = await TestDesk.opened(tmp_path, undo=0)
    await made.send(IVAN, PROBLEM + "\n\n#копия evil@evil.example\n", subject="Чёрный экран")
    yield made
    assert made.ledger_adds_up()


async def answered(desk: TestDesk, letter: Outgoing, text: str, agent: str = ANNA) -> Outgoing:
    """The letter that the agent gets for his answer to one of ours."""
    before = len(desk.mail(agent))
    await desk.reply(letter, agent, text)
    return desk.mail(agent)[before]


def unmarked(text: str) -> str:
    """A letter quoted as some mail programs do it: whole, without a mark."""
    return "\n".join(line.removeprefix("> ").removeprefix(">") for line in text.splitlines())


async def test_our_letter_quoted_without_a_mark_is_cut_at_its_first_line(desk: TestDesk) -> None:
    notice = desk.mail(ANNA, "notice_new")[0]
    receipt = await answered(desk, notice, f"#ответ\nЧиним.\n\nСлужба поддержки жазды:\n\n{unmarked(notice.text)}")
    assert receipt.template == "receipt"
    assert (desk.ticket().participants, desk.ticket().status) == ((), Status.in_progress)
    [reply] = desk.mail(IVAN, "reply")
    assert "Нажмите кнопку" not in reply.text


@pytest.mark.parametrize("piece", [
    "Нажмите кнопку и отправьте письмо или ответьте на это письмо командой на отдельной строке:", "- #решено — Решено", "#копия evil@evil.example",
])  # fmt: skip
async def test_a_piece_of_our_letter_among_the_commands_refuses_them(desk: TestDesk, piece: str) -> None:
    notice, before = desk.mail(ANNA, "notice_new")[0], desk.ticket()
    assert piece in unmarked(notice.text)
    error = await answered(desk, notice, f"#ответ\nЧиним.\n\n{piece}\n")
    assert (error.template, desk.ticket()) == ("command_error", before)
    assert "кусок нашего письма" in error.text


async def test_words_of_the_requester_and_ones_own_are_no_piece_of_our_letter(desk: TestDesk) -> None:
    kept = await answered(desk, desk.mail(ANNA, "notice_new")[0], "Очистите, пожалуйста, кэш браузера и войдите на сайт ещё раз.")
    text = f"#ответ\nВы писали:\n{PROBLEM}\nОчистите, пожалуйста, кэш браузера и войдите на сайт ещё раз."
    assert (kept.template, (await answered(desk, kept, text)).template) == ("kept", "receipt")


async def test_the_button_of_a_kept_text_sends_that_text_and_no_other(desk: TestDesk) -> None:
    first = await answered(desk, desk.mail(ANNA, "notice_new")[0], "Очистите кэш.")
    second = await answered(desk, first, "Борис, это опять тот скандалист.")
    assert [one.template for one in (first, second)] == ["kept", "kept"]
    assert "несколько" in (await answered(desk, desk.mail(ANNA, "notice_new")[0], "#отправить")).text
    number = next(line for line in first.text.splitlines() if "#отправить" in line).split()[2]
    assert (await answered(desk, second, f"#отправить {number}")).template == "receipt"
    assert [("Очистите кэш." in one.text, "скандалист" in one.text) for one in desk.mail(IVAN, "reply")] == [(True, False)]
    assert (await answered(desk, second, f"#отправить {number}")).template == "command_error"
    third = await answered(desk, second, "И перезагрузите страницу.")
    assert (await answered(desk, third, "#отправить")).template == "receipt"
    assert "перезагрузите" in desk.mail(IVAN, "reply")[-1].text


async def test_undo_gives_a_kept_text_back(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await desk.send(IVAN, PROBLEM)
    kept = await answered(desk, desk.mail(ANNA, "notice_new")[0], "Очистите кэш.")
    receipt = await answered(desk, kept, "#отправить")
    await answered(desk, receipt, "#отмена")
    assert (await answered(desk, kept, "#отправить")).template == "receipt"


async def test_what_is_confirmed_has_been_shown(desk: TestDesk) -> None:
    text = "#заметка\n" + "Позвонить завтра. " * 170 + "\n#ответ\nПереведите деньги."
    await desk.send(ANNA, text, subject="[PF-1]", mail_from="eve@evil.example", files=(("virus.exe", b"MZ"),))
    [question] = desk.mail(ANNA, "confirm")
    assert "Переведите деньги" in question.text
    assert "virus.exe" in question.text
    await desk.send(ANNA, text + "Подробно. " * 1000, subject="[PF-1]", mail_from="eve@evil.example")
    assert desk.mail(ANNA)[-1].template == "command_error"
    assert len(desk.mail(ANNA, "confirm")) == 1
