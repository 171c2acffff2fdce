"""The whole reading: any bytes give a letter, copies are known again, and a fault of ours loses nothing."""

from __future__ import annotations

import pickle
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot import parsing
from bot.model import Envelope, Letter
from bot.model.markup import LITERAL, clean, literal
from bot.parsing import bodies, read
from bot.parsing.bodies import flowed

ENVELOPE = Envelope(letter="1", received=datetime(2026, 5, 4, tzinfo=UTC), mail_from="anna@example.ru")
PIECES = [
    b"From: ", b"Subject: =?utf-8?Q?", b"?=", b"Content-Type: multipart/alternative; boundary=b\n", b"--b\n", b"--b--", b"\n\n",
    b"Content-Transfer-Encoding: base64\n", b"Content-Type: text/html; charset=utf-7\n", b"> ", b"\xd0\x9f\xff", b"a@b.ru", b"wrote:\n",
    b"<blockquote>", b"\0",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=1500), st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)))
def test_any_bytes_give_a_letter_that_can_be_stored(raw: bytes) -> None:
    letter = read(raw, ENVELOPE)
    assert msgspec.json.decode(msgspec.json.encode(letter), type=Letter) == letter == pickle.loads(pickle.dumps(letter))
    assert "\0" not in letter.full_text + letter.text + letter.subject
    assert not any(defect.startswith("could not be read") for defect in letter.defects)


def test_a_fault_of_ours_shows_the_letter_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(parsing, "body", fail)
    letter = read("From: Анна <a@example.ru>\nSubject: Вопрос\n\nТекст".encode(), ENVELOPE)
    assert (letter.subject, letter.requester.email, letter.may_answer) == ("Вопрос", "a@example.ru", False)
    assert letter.defects == ("could not be read: ZeroDivisionError",)
    assert letter.text.endswith("Текст")


def test_copies_that_took_different_ways_have_one_fingerprint() -> None:
    one = read(b"Received: by a\nSubject: x\n\nText  here\r\n", ENVELOPE)
    two = read(b"To: b@c.ru\nSubject: x\nContent-Transfer-Encoding: quoted-printable\n\nText =\nhere\n", ENVELOPE)
    other = read(b"Subject: x\n\nText there\n", ENVELOPE)
    assert one.fingerprint == two.fingerprint != other.fingerprint


def test_a_text_that_nobody_reads_to_its_end_is_cut() -> None:
    letter = read(b"Subject: x\n\n" + b"word " * 500_000, ENVELOPE)
    assert len(letter.full_text) <= bodies.TEXT_CHARS
    assert "text too long, cut" in letter.defects


@pytest.mark.parametrize(
    ("raw", "delete", "joined"),
    [
        ("one \ntwo\nthree", False, "one two\nthree"),
        ("one \ntwo", True, "onetwo"),
        ("> one \n> two\n>> deep \nend", False, "> one two\n>> deep \nend"),
        ("text \n-- \nAnn", False, "text \n-- \nAnn"),
        (" > no quote\n From here", False, "> no quote\nFrom here"),
    ],
)
def test_flowed_lines_are_joined(raw: str, delete: bool, joined: str) -> None:
    assert flowed(raw, delete) == joined


def test_a_plain_alternative_counts_unless_the_html_says_more() -> None:
    def text(plain: str) -> str:
        page = "<p>The <b>film</b> stops after a few minutes.</p>"
        parts = f"--b\nContent-Type: text/plain\n\n{plain}\n--b\nContent-Type: text/html\n\n{page}\n--b--"
        return read(f"Content-Type: multipart/alternative; boundary=b\n\n{parts}".encode(), ENVELOPE).text

    assert text("The *film* stops after minutes.").strip() == "The *film* stops after minutes."
    assert text("The film stops.") == text("") == "The film stops after a few minutes."
    assert "few minutes" in text("This is an HTML message, please use a viewer for HTML.")


ODD = st.sampled_from([*map(chr, (0, 1, 7, 11, 12, 13, 27, 28, 31, 127, 128, 129, 133, 155, 159)),
*"\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069",
                       "\ufeff", "\ufffe", "\ue000", "\ue00d", "&#x81;", "&#8232;", "&#x202e;", "&#x9b;",
                       "=C2=81", "=E2=80=A8", "\r\n", "\n", "a", "Б", " "])  # fmt: skip
WORDS = st.lists(ODD, max_size=12).map("".join)


def texts(value: object) -> Iterator[str]:
    """Every text in a value of plain data."""
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(one)


@settings(max_examples=150, deadline=None)
@given(WORDS, WORDS, WORDS, st.sampled_from(["utf-8", "koi8-r", "utf-16", "iso-2022-jp"]))
def test_no_control_and_no_mark_of_direction_is_left_in_any_text(one: str, two: str, three: str,
charset: str) -> None:
    coded = b64encode(two.encode()).decode()
    lines = [
        f"From: {one}x =?utf-8?b?{coded}?= <a@x.example>", f"Subject: {three} =?utf-8?b?{coded}?=",
        f"X-Y: {two}",
        f"To: {one} <b@x.example>", f"Message-ID: <{one}@x>", "Content-Type: multipart/mixed; boundary=b",
        "", "--b",
        f"Content-Type: text/plain; charset={charset}", "Content-Transfer-Encoding: quoted-printable", "",
        one + two, "--b",
        "Content-Type: text/html; charset=utf-8", "",
        f"<p title='{two}'>{three}<a href='https://x.example/{one}'>{two}</a>",
        f"<pre>{one}</pre>", "--b", f'Content-Disposition: attachment; filename="{one}{three}.png"',
        f"Content-Type: image/png; name*=utf-8''{quote(two)}", "", three, "--b--",
    ]  # fmt: skip
    raw = "\r\n".join(lines).encode("utf-8", "surrogateescape")
    found = msgspec.to_builtins(replace(read(raw, ENVELOPE), envelope=ENVELOPE))
    assert [text for text in texts(found) if clean(text) != text] == []


def test_a_line_separator_is_a_line_end_in_a_text_and_a_blank_in_a_field() -> None:
    raw = "From: a@x.example\r\nSubject: one\u2028two\r\n\r\none\u2028#two\u2029three\u0085four\x0bfive\x0csix\r\u0081seven\r\n".encode()
    found = read(raw, ENVELOPE)
    assert found.text.split("\n")[:7] == ["one", "#two", "three", "four", "five", "six", "seven"]
    assert found.subject == "one two"


def test_what_is_read_is_what_is_shown() -> None:
    """No letter that the markup of our own letters would drop is left for the reader to judge by."""
    raw = "From: a@x.example\r\n\r\n\ue005----- End of forwarded message -----\r\n\u0081#spam\r\n\u200e> quoted\r\n".encode()
    found = read(raw, ENVELOPE)
    assert "".join(map(str, literal(found.full_text).translate({ord(two): one for one,
    two in LITERAL}))) == found.full_text
    assert found.full_text.split("\n")[:3] == ["----- End of forwarded message -----", "#spam", "> quoted"]
