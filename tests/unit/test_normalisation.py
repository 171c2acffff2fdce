"""Folding: disguises undone, and every folded piece led back to the words as written."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language.normalisation import normalise

# Letters, look-alikes, marks and invisible characters, so that the folding has something to do in every example.
DISGUISES = st.text(alphabet="абеёийАБЁЙaeoxyTX01346 .-*\n" + "\u200b\u00ad\u0306\u0301\u0336" + "ｈ𝐟ﬁİßіΟ™№" + string.ascii_letters, max_size=60)


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("Ёлка", "елка"),
        ("Привeт", "привет"),  # Latin e
        ("ПPИBET", "привет"),  # Latin P, B, E, T
        ("пpивεт", "привет"),  # Latin p, Greek ε
        ("хлеb и Bода", "хлеб и вода"),
        ("п0иск", "поиск"),
        ("кн1га", "книга"),
        ("пі́дпис", "пидпис"),
        ("ко\u200bманда", "команда"),
        ("ко\u00adманда", "команда"),
        ("Манда\u0301т", "мандат"),
        ("п\u0336р\u0336и\u0336вет", "привет"),
        ("и\u0306од", "йод"),
        ("техническои\u0306\u0306", "технической"),
        ("приииивет", "привет"),
        ("длинный", "длинный"),
        ("𝐟𝐮𝐥𝐥 ｗｉｄｅ ⓡ", "full wide r"),
        ("а\u00a0б", "а б"),
        ("İ", "i"),
    ],
)
def test_undoes_a_disguise(text: str, normalised: str) -> None:
    assert normalise(text).text == normalised


@pytest.mark.parametrize(
    "text", ["chromeом", "iphone'ов", "98я", "12мм", "windows 10", "https://example.org/a?b=c", "4k", "№ 5", "«да» — нет…", "🙂 да"]
)
def test_leaves_alone_what_is_no_disguise(text: str) -> None:
    assert normalise(text).text == text


def test_leads_back_to_the_words_as_written() -> None:
    text = "— Ну, ПPИ\u200bВЕЕЕЕТ\u0301! Как дела?"
    normalised = normalise(text)
    start = normalised.text.index("привет")
    begin, end = normalised.span(start, start + len("привет"))
    assert text[begin:end] == "ПPИ\u200bВЕЕЕЕТ\u0301"


def test_an_empty_span_is_empty() -> None:
    normalised = normalise("дааааа нет")
    assert normalised.span(0, 0) == (0, 0)
    assert normalised.span(len(normalised.text), len(normalised.text)) == (10, 10)


@given(DISGUISES)
def test_spans_follow_one_another_and_cover_the_text(text: str) -> None:
    normalised = normalise(text)
    assert len(normalised.origins) == len(normalised.text) + 1
    assert normalised.origins[-1] == len(text)
    assert all(here <= there for here, there in zip(normalised.origins, normalised.origins[1:], strict=False))
    assert normalised.text == normalised.text.lower()


@given(DISGUISES)
def test_a_folded_text_stays_as_it_is(text: str) -> None:
    once = normalise(normalise(text).text).text  # letters that became equal neighbours are shortened by the second folding
    assert normalise(once).text == once


@given(st.text(alphabet="абвгдежзийклмнопрстуфхцчшщъыьэюя .,!?\n", max_size=200).filter(lambda text: not any(c * 3 in text for c in text)))
def test_plain_russian_is_its_own_folding(text: str) -> None:
    normalised = normalise(text)
    assert normalised.text == text
    assert all(normalised.span(place, place + 1) == (place, place + 1) for place in range(len(text)))
