"""Which automatic answer a letter gets that says several things at once, and what a requester reads of others."""

from pathlib import Path

import pytest
from desk import TestDesk

IVAN, ANNA, OLGA = "ivan@example.org", "anna@providence.film", "olga@example.org"


@pytest.mark.parametrize(
    "text",
    [
        "Сайт лежит у всех наших сотрудников, ошибка 502 на всех страницах. И до скольки вы работаете?",
        "Хочу пожаловаться на вашего сотрудника: он мне нагрубил. Скажите, до скольки вы работаете?",
    ],
)
async def test_an_outage_or_a_complaint_is_not_answered_with_the_hours(text: str, tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await desk.send(IVAN, text, subject="Вопрос")
    assert [one.template for one in desk.mail(IVAN)] == ["acknowledgement"]
    assert desk.ticket().status == "created"


async def test_a_transcript_says_you_to_the_requester_alone(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(IVAN, "Не приходит код на почту, жду час, в папке «Спам» пусто.", subject="Код", name="Иван")
    await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, f"#копия {OLGA}\n#уточнить\nКакая почта?")
    await desk.reply(desk.mail(OLGA, "clarify")[0], OLGA, "У нас корпоративная.", name="Ольга")
    await desk.reply(desk.mail(IVAN, "clarify")[0], IVAN, "#переписка")
    said = desk.mail(IVAN, "transcript")[0].text
    assert "Иван (Вы)" in said
    assert "Ольга (Вы)" not in said
