"""The nine grounds of clause 4.6 and `low_priority` of 5.2: each has a letter in two languages, and a command for the agent."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import TestDesk

from bot.model import Ground

ANNA, IVAN = "anna@providence.film", "ivan@example.org"
PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play."


@pytest.mark.parametrize("ground", [one for one in Ground if one is not Ground.low_priority])
async def test_an_agent_refuses_on_each_ground(ground: Ground, tmp_path: Path) -> None:
    """`#refuse GROUND` closes with the letter of that ground; needs_development stays open and waits for the update."""
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    await desk.reply(desk.mail(ANNA)[0], ANNA, f"#отказать {ground}\nПояснение от Анны.")
    [letter] = desk.mail(IVAN, f"ground_{ground}")
    assert "Пояснение от Анны." in letter.text
    assert "4.6" in letter.text
    ticket = desk.ticket()
    assert ticket.ground is ground
    assert ticket.status == ("in_progress" if ground is Ground.needs_development else "done")
    assert ticket.seen[-1].disposition == "command"


async def test_low_priority_is_a_leads_word_on_low_tickets(tmp_path: Path) -> None:
    """Clause 5.2: low tickets only, leads only; anybody else is refused, and nothing changes."""
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    boris, anna = desk.mail("boris@providence.film")[0], desk.mail(ANNA)[0]
    await desk.reply(boris, "boris@providence.film", "#приоритет низкий")
    await desk.reply(boris, "boris@providence.film", "#отказать low_priority\nНе сейчас.")
    assert desk.mail("boris@providence.film")[-1].template == "command_error"
    assert desk.ticket().status != "done"
    await desk.reply(anna, ANNA, "#отказать low_priority\nВ этом году за это не возьмёмся.")
    assert desk.ticket().ground is Ground.low_priority
    assert [one.template for one in desk.mail(IVAN)] == ["acknowledgement", "ground_low_priority"]


async def test_repeated_abuse_after_a_warning_refuses(tmp_path: Path) -> None:
    """The only refusal that the machine makes by itself, beside silence (section 4)."""
    desk = await TestDesk.opened(tmp_path)
    await desk.send(IVAN, "Ваш плеер опять нихуя не работает в Chrome 131, чёрный экран после Play!", subject="Плеер")
    assert [one.template for one in desk.mail(IVAN)] == ["ground_abusive_language"]
    assert desk.ticket().status == "clarification"
    await desk.reply(desk.mail(IVAN)[0], IVAN, "Да идите вы нахуй со своим плеером.")
    assert desk.ticket().status == "done"
    assert desk.ticket().ground is Ground.abusive_language
    assert desk.mail("anna@providence.film") == []


async def test_high_priority_and_complaints_are_never_suspended_by_a_machine(tmp_path: Path) -> None:
    """The agent sees the ground as a hint."""
    desk = await TestDesk.opened(tmp_path)
    await desk.send(IVAN, "Какого хуя сайт лежит у всех, ошибка 502 на каждой странице, сервис недоступен?!", subject="Сайт лежит")
    assert desk.ticket().status == "created"
    assert desk.ticket().priority == "high"
    [notice] = desk.mail(ANNA)
    assert "подсказка" in notice.text
    assert [one.template for one in desk.mail(IVAN)] == ["acknowledgement"]
