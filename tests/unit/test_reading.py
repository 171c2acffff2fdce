"""The whole reading: any bytes give a letter, copies are known again, and a fault of ours loses nothing."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import reading
from bot.model import Envelope, Letter
from bot.reading import bodies, read
from bot.reading.bodies import flowed

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

    monkeypatch.setattr(reading, "body", fail)
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


def test_a_plain_alternative_counts_unless_it_says_nothing() -> None:
    def text(plain: str) -> str:
        page = f"<p>The film stops after {'very ' * 40}few minutes.</p>"
        parts = f"--b\nContent-Type: text/plain\n\n{plain}\n--b\nContent-Type: text/html\n\n{page}\n--b--"
        return read(f"Content-Type: multipart/alternative; boundary=b\n\n{parts}".encode(), ENVELOPE).text

    assert text("The film stops.").strip() == "The film stops."
    assert "few minutes" in text("") + text("This is an HTML message, please use a viewer for HTML.")
