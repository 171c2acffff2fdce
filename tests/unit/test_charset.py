"""Bytes as text: labels, false labels, no labels, and text encoded twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model.markup import clean
from bot.parsing.charset import codec, decode, mend

RUSSIAN = "Добрый день! Оплатил подписку, но фильм так и не открылся: пишет, что нет доступа. Верните, пожалуйста, деньги."
CYRILLIC = ["cp1251", "koi8-r", "cp866", "mac_cyrillic", "iso8859-5", "utf-8"]


@pytest.mark.parametrize("written", CYRILLIC)
@pytest.mark.parametrize("label", ["", "us-ascii", "iso-8859-1", "x-unknown", "windows-1251", "koi8-r", "utf-8"])
def test_russian_is_read_under_any_label(written: str, label: str) -> None:
    assert decode(RUSSIAN.encode(written), label)[0] == RUSSIAN


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Müller schickt schöne Grüße aus Köln", "iso-8859-1"),
        ("El niño comió el plátano mañana", "cp1252"),
        ("Żółć gęślą jaźń, proszę państwa", "iso-8859-2"),
        ("Привіт, є питання щодо оплати", "koi8-u"),
        ("Здравейте, имам въпрос за поръчката", "windows-1251"),
        ("こんにちは世界", "shift_jis"),
        ("你好，世界，这是一个测试", "gb2312"),
        ("שלום עולם", "windows-1255"),
        ("ÅÄÖ", "iso-8859-1"),
        ("Её", "koi8-r"),
    ],
)
def test_a_right_label_is_believed(text: str, label: str) -> None:
    assert decode(text.encode(label), label) == (text, "")


@pytest.mark.parametrize(
    ("written", "taken"),
    [("utf-8", "cp1251"), ("utf-8", "latin-1"), ("utf-8", "koi8-r"), ("cp1251", "latin-1"), ("koi8-r", "cp1251")],
)
def test_text_encoded_twice_is_turned_back(written: str, taken: str) -> None:
    assert mend(RUSSIAN.encode(written).decode(taken)) == RUSSIAN


@pytest.mark.parametrize(
    "text",
    [RUSSIAN, RUSSIAN.upper(), "«Привет» — сказал он… №5, €10", "Größe: 5 m² für 10 €", "ПОЧЕМУ НИЧЕГО НЕ РАБОТАЕТ", "Ça va, Noël ?"],
)
def test_good_text_is_left_alone(text: str) -> None:
    assert mend(text) == text


def test_only_the_broken_lines_are_turned_back() -> None:
    broken = RUSSIAN.encode().decode("cp1251", "ignore")
    assert mend(f"{RUSSIAN}\n> {broken}\nÇa va").split("\n")[::2] == [RUSSIAN, "Ça va"]


def test_lines_of_two_charsets_are_each_read_rightly() -> None:
    assert decode(RUSSIAN.encode() + b"\n" + RUSSIAN.encode("cp1251"), "utf-8")[0] == f"{RUSSIAN}\n{RUSSIAN}"


@pytest.mark.parametrize(
    ("label", "name"),
    [("X-MAC-Cyrillic", "mac-cyrillic"), ("cp-1251", "cp1251"), ('"windows-1251"', "cp1251"), ("koi8-ru", "koi8-u"), ("base64", ""),
     ("undefined", ""), ("unicode_escape", ""), ("\0", ""), ("no such thing", "")],
)  # fmt: skip
def test_labels(label: str, name: str) -> None:
    assert codec(label) == name


@pytest.mark.parametrize("label", ["iso-8859-1", "windows-1252", "us-ascii", ""])
def test_a_byte_of_no_charset_inside_of_a_word_is_no_letter(label: str) -> None:
    assert decode(b"One moment\x8aThanks", label)[0] == "One momentThanks"
    assert decode("Škoda, ŠKODA, œuvre, “so”".encode("cp1252"), label)[0] == "Škoda, ŠKODA, œuvre, “so”"


def test_utf_7_and_utf_16_and_byte_order_marks() -> None:
    assert decode(RUSSIAN.encode("utf-7"), "unicode-1-1-utf-7")[0] == RUSSIAN
    assert decode(RUSSIAN.encode("utf-16"), "")[0] == RUSSIAN
    assert decode(RUSSIAN.encode("utf-16-le"), "utf-8")[0] == RUSSIAN
    assert decode(b"\xef\xbb\xbf" + RUSSIAN.encode(), "koi8-r")[0] == RUSSIAN


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["", "utf-8", "utf-7", "koi8-r", "iso-2022-jp", "gb2312", "utf-16", "idna", "hz", "\udc80"]))
def test_any_bytes_give_clean_text(data: bytes, label: str) -> None:
    text, _ = decode(data, label)
    text.encode("utf-8")
    assert clean(text) == text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_utf_8_comes_through_unless_it_was_encoded_twice(text: str) -> None:
    plain = clean(text.encode("utf-8", "ignore").decode())
    assert decode(plain.encode(), "utf-8")[0] in (plain, clean(mend(plain)))
