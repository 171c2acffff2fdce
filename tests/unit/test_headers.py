"""Header fields: encoded words wherever they stand, senders whatever they pretend, dates and references."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.parsing.headers import Senders, message_ids, parameter, shown, words


def senders(value: str | bytes, hint: str = "") -> list[tuple[str, str]]:
    raw = value if isinstance(value, bytes) else value.encode()
    return [(one.email, one.name) for one in Senders([("from", raw)], hint).sender]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("=?utf-8?B?0J/RgNC40LLQtdGC?=", "Привет"),
        ("=?UTF-8*ru?Q?=D0=9F=D1=80?= =?utf-8?q?=D0=B8=D0=B2=D0=B5=D1=82?=", "Привет"),
        ("=?utf-8?B?0J/RgNC40LLQ?=\r\n =?utf-8?B?tdGC?=", "Привет"),  # a letter cut in two
        ("Re: =?koi8-r?B?8NLJ18XU?=, мир", "Re: Привет, мир"),
        ("a=?utf-8?Q?b?=c", "abc"),  # no blanks around
        ("=?utf-8?Q?a b?= c", "a b c"),  # a blank inside
        ("=?utf-8?B?0J/RgNC40LLQtdG", "Приве"),  # torn off
        ("=?utf-8?B?0J/R gNC4?=", "При"),
        ("=?x-unknown?Q?plain?=", "plain"),
        ("=?utf-8?Q?one=0D=0Atwo=00?=", "one two"),
        ("no words =?here", "no words =?here"),
        ("РџСЂРёРІРµС‚", "Привет"),
    ],
)
def test_words(raw: str, text: str) -> None:
    assert words(raw.encode()) == text


@pytest.mark.parametrize("charset", ["cp1251", "koi8-r", "utf-8", "cp866"])
def test_raw_8_bit_fields_are_read(charset: str) -> None:
    assert words("Не приходит письмо с подтверждением".encode(charset)) == "Не приходит письмо с подтверждением"


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text("=?utf8BQbq0_-? \t<>\"@(),:;а", max_size=200).map(str.encode)))
def test_any_field_is_one_clean_line(raw: bytes) -> None:
    for text in (words(raw), parameter({"name": raw}, "name"), parameter({"name*": raw}, "name"), *(name + email for email, name in senders(raw))):
        assert text.isprintable() or not set(text) & set("\r\n\0")
        text.encode()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('"support@providence.film" <thief@example.net>', [("thief@example.net", "support@providence.film")]),
        ("support@providence.film <thief@example.net>", [("thief@example.net", "support@providence.film")]),
        ('"=?utf-8?B?0JDQvdC90LA=?=" <Anna@Example.RU>', [("anna@example.ru", "Анна")]),
        ("=?utf-8?Q?Boss_<boss=40example.com>?= <thief@example.net>", [("thief@example.net", "Boss")]),
        ("anna@example.ru (Анна)", [("anna@example.ru", "Анна")]),
        ("Team: a@example.ru, B <b@example.ru>;", [("a@example.ru", ""), ("b@example.ru", "B")]),
        ("undisclosed-recipients:;", []),
        ('"Анна" Котова" <anna@example.ru>', [("anna@example.ru", "Анна Котова")]),
        ("Анна <anna@example.ru", [("anna@example.ru", "Анна")]),
        ("=?utf-8?Q?Anna_<anna=40example.ru>?=", [("anna@example.ru", "Anna")]),
        ("<anna@example.ru>, <anna@example.ru>", [("anna@example.ru", "")]),
        ("anna@example.ru\r\nBcc: x@example.net", [("anna@example.ru", ""), ("x@example.net", "")]),
        ("<>", []),
        ("", []),
    ],
)
def test_senders(raw: str, expected: list[tuple[str, str]]) -> None:
    found = senders(raw)
    assert [email for email, _ in found] == [email for email, _ in expected]
    if len(expected) == 1 and "Котова" not in raw:
        assert found == expected


def test_a_raw_name_is_read_with_the_letters_charset() -> None:
    assert senders("Юлия <u@example.ru>".encode("koi8-r"), "koi8-r") == [("u@example.ru", "Юлия")]


def test_hostile_comments_cost_nothing() -> None:
    assert senders("(" * 20_000 + " <a@example.ru>") in ([], [("a@example.ru", "")])


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"Tue, 12 May 2026 11:20:31 +0300", datetime(2026, 5, 12, 8, 20, 31, tzinfo=UTC)),
        (b"12 May 26 11:20 GMT (comment)", datetime(2026, 5, 12, 11, 20, tzinfo=UTC)),
        (b"Tue, 32 May 2026 11:20:31 +0300", None),
        (b"yesterday", None),
    ],
)
def test_dates(raw: bytes, expected: datetime | None) -> None:
    assert Senders([("date", raw)]).date == expected


def test_message_ids_lose_folds_and_doubles() -> None:
    assert message_ids([b"<a@x>\t<b\r\n @x> <a@x>", b"bare@x"]) == ("a@x", "b@x", "bare@x")
    assert len(message_ids([b"".join(b"<%d@x>" % i for i in range(5000))])) == 200


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"name*": b"utf-8'ru'\xd0\xa1\xd0\xbd.png"}, "Сн.png"),
        ({"name*": b"koi8-r''\xf3\xce.png"}, "Сн.png"),
        ({"name": b"=?windows-1251?B?0e0=?=.png"}, "Сн.png"),
        ({"name": b"utf-8''%D0%A1%D0%BD.png"}, "Сн.png"),
        ({"name": "Снимок.png".encode("cp1251")}, "Снимок.png"),
        ({"name*": b"no quotes"}, "no quotes"),
        ({}, ""),
    ],
)
def test_parameters(values: dict[str, bytes], text: str) -> None:
    assert parameter(values, "name") == text


def test_shown_fields_are_few_and_short() -> None:
    many = shown([("subject", b"x" * 10_000)] * 500)
    assert (len(many), max(len(value) for _, value in many)) == (200, 2000)
