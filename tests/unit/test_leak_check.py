"""The leak check: what it stops, and what it must let pass."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Audience, Entry, FileReference, Outgoing
from bot.model.markup import literal
from bot.rendering.leak_check import RUN, leak, words

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NOTE = "Клиент уже трижды просил вернуть деньги, бухгалтерия ему отказала; пообещать можно только скидку, ёлки-палки."
TEMPLATES = {"ru/reply.txt": "{% include 'x' %}\nПросто ответьте на это письмо, и мы продолжим с того же места сразу."}


def entry(text: str, *, public: bool) -> Entry:
    return Entry(at=NOW, kind="letter" if public else "note", public=public, text=text)


def letter(text: str = "", body: str = "", subject: str = "", file: str = "") -> Outgoing:
    files = (FileReference(letter="x", part=1, name=file, type="text/plain", size=1),) if file else ()
    return Outgoing(
        id=1, template="reply", audience=Audience.requester, to="a@b.example", subject=subject, body=body or literal(text), language="ru",
        message_id="x", created=NOW, due=NOW, attachments=files,
    )  # fmt: skip


def found(outgoing: Outgoing, *public: str) -> str:
    return leak(outgoing, [entry(NOTE, public=False)], [entry(text, public=True) for text in public], TEMPLATES)


EIGHT = "бухгалтерия ему отказала пообещать можно только скидку елки"


@pytest.mark.parametrize("outgoing", [
    letter(f"Здравствуйте! {EIGHT}"),
    letter("> БУХГАЛТЕРИЯ\n> ему — отказала;\n> (пообещать) можно\n> только «скидку», ёлки!"),
    letter("бух\u00adгалтерия ему от\u200bказала пообещать можно только скидку елки"),
    letter(body="бухгалтерия **ему** отказала\xa0пообещать\n\n- можно\n- [только](https://x.example) скидку ёлки"),
    letter(subject=EIGHT),
    letter(file=EIGHT.replace(" ", "_") + ".pdf"),
])  # fmt: skip
def test_eight_words_of_a_note_are_stopped(outgoing: Outgoing) -> None:
    assert found(outgoing)


def test_the_fragment_is_shown_as_it_stands() -> None:
    assert found(letter("Да, бухгалтерия ему отказала; пообещать можно только скидку, ёлки. Вот.")) == (
        "бухгалтерия ему отказала; пообещать можно только скидку, ёлки"
    )


def test_seven_words_pass() -> None:
    assert not found(letter(" ".join(EIGHT.split()[:7])))


def test_the_customers_own_words_pass_though_a_note_quotes_them() -> None:
    assert not found(letter(NOTE), "Я пишу: " + NOTE)


def test_words_of_a_template_pass() -> None:
    said = "Просто ответьте на это письмо, и мы продолжим с того же места сразу."
    assert not leak(letter(said), [entry(said, public=False)], [], TEMPLATES)


@pytest.mark.parametrize("text", [
    "support+12-a3.1b2-k7q2mzn4xw5rtbvc@providence.film",
    "SUPPORT+12-A-K7Q2MZN4XW5RTBVC@providence.film",
    "mailto:support%2B12-k-k7q2mzn4xw5rtbvc%40providence.film",
    "pf.12-c9.1b2-k7q2mzn4xw5rtbvc@providence.film",
    "support+12-d-k7q2mzn4xw5rtbvc@providence.film",
])  # fmt: skip
def test_signed_addresses_of_staff_are_stopped(text: str) -> None:
    for outgoing in (letter(text), letter(body=f"[x]({text})"), letter(body=f"[[x|https://x.example/?to={text}|y]]"), letter(subject=text)):
        fragment = leak(outgoing, [], [], {})
        assert fragment
        assert "k7q2mzn4xw5rtbvc" not in fragment, "the address itself is not repeated"


def test_a_requesters_own_address_passes() -> None:
    assert not leak(letter("support+12-r-k7q2mzn4xw5rtbvc@providence.film"), [], [], {})


@given(st.lists(st.sampled_from(["раз", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"]), min_size=RUN, max_size=40), st.data())
def test_any_run_of_any_note_is_found_wherever_it_stands(said: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(said) - RUN))
    piece = data.draw(st.sampled_from([" ", "\n> ", ", ", "\u200b — "])).join(said[at : at + RUN])
    assert leak(letter(f"Добрый день. {piece} Конец"), [entry(" ".join(said), public=False)], [], {})


@given(st.text(max_size=300))
def test_places_of_words_are_true(text: str) -> None:
    for _, start, end in words(text):
        assert 0 <= start < end
