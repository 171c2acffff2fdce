"""Scores as people write them, and what only looks like one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.language.scores import score_of


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("5", (5, "")), ("5!", (5, "")), ("5+", (5, "")), ("4/5", (4, "")), ("3 из 5", (3, "")), ("7", (7, "")),
        ("5 баллов, спасибо", (5, "спасибо")), ("Оценка 4. Долго отвечали", (4, "Долго отвечали")), ("пять", (5, "")),
        ("Ставлю пятёрку!", (5, "")), ("⭐⭐⭐⭐⭐", (5, "")), ("⭐️⭐️ медленно", (2, "медленно")), ("★★★", (3, "")),
        ("5, спасибо", (5, "спасибо")), ("2 stars, took too long", (2, "took too long")), ("four out of five", (4, "")),
        ("My rating: 1\nNobody helped", (1, "Nobody helped")), ("4\nдолго", (4, "долго")),
        ("Оценка: 4", (4, "")), ("оценка 3 из 5", (3, "")), ("Score: 2", (2, "")), ("5/5!", (5, "")), ("Ставлю 5 баллов.", (5, "")), ("10", (10, "")),
    ],
)  # fmt: skip
def test_a_score_is_read_with_its_words(text: str, score: tuple[int, str] | None) -> None:
    assert score_of(text) == score


@pytest.mark.parametrize(
    "text",
    [
        "5 раз пробовал", "4 серия не идёт", "Пятый день жду", "5?", "один вопрос", "2 устройства сразу не работают", "3.5.1 версия", "",
        "ок", "10:30",
        "Ошибка 1007", "В 5 часов снова упало", "4 и 5", "Chrome 98",
    ],
)
def test_other_numbers_are_no_score(text: str) -> None:
    assert score_of(text) is None


@settings(max_examples=300, deadline=5000)
@given(st.text(max_size=4000))
def test_any_first_line_is_read_in_an_instant(text: str) -> None:
    found = score_of(text)
    assert found is None or found[0] >= 0  # and hypothesis' deadline says how long it may take
