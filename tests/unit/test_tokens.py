"""Signed references: what they prove, to whom, for how long, and that nothing near to one proves anything."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from desk import TestDesk
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Status
from bot.tickets.outgoing import mailto
from bot.tickets.tokens import Purpose, Signer, Subjects

KEY, OLD, TODAY = b"k" * 32, b"o" * 32, date(2026, 11, 23)
ANNA, BORIS, IVAN = "anna@providence.film", "boris@providence.film", "ivan@example.org"
SIGNER = Signer((KEY, OLD), "support@providence.film", "PF", ("help@providence.film",))
people = st.emails().map(str.lower)
purposes = st.sampled_from(list(Purpose))


@given(st.integers(0, 999_999_999), purposes, people, st.integers(0, 36**6), st.none() | st.dates(TODAY, date(2099, 1, 1)))
def test_what_is_signed_is_proved_in_any_case(number: int, purpose: Purpose, person: str, serial: int, until: date | None) -> None:
    for text in (SIGNER.address(number, purpose, person, serial, until), SIGNER.message_id(number, purpose, person, serial, until)):
        assert len(text.partition("@")[0]) <= 64
        for spelling in (text, text.upper(), f"<{text}>"):
            proof = SIGNER.check(spelling, ("x@y.example", person), TODAY)
            assert proof
            assert (proof.ticket, proof.purpose, proof.serial, proof.person, proof.expired) == (number, purpose, serial, person, False)


@given(st.integers(1, 9999), st.sampled_from(Purpose), people, people)
def test_it_is_one_persons_alone(number: int, purpose: Purpose, person: str, other: str) -> None:
    address = SIGNER.address(number, purpose, person)
    assert (SIGNER.check(address, (other,), TODAY) is not None) == (person == other)


@given(st.integers(0, 60), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-.+@"))
def test_any_other_letter_anywhere_breaks_it(at: int, letter: str) -> None:
    address = SIGNER.address(12, Purpose.agent, ANNA, until=TODAY)
    local, _, domain = address.partition("@")
    at %= len(local)
    if local[at] != letter:
        assert SIGNER.check(f"{local[:at]}{letter}{local[at + 1 :]}@{domain}", (ANNA,), TODAY) is None


def test_it_expires_and_says_so() -> None:
    address = SIGNER.address(1, Purpose.agent, ANNA, until=TODAY)
    first, second = SIGNER.check(address, (ANNA,), TODAY), SIGNER.check(address, (ANNA,), TODAY + timedelta(days=1))
    assert first
    assert not first.expired
    assert second
    assert second.expired


def test_older_keys_verify_and_the_newest_signs() -> None:
    before = Signer((OLD,), "support@providence.film", "PF")
    assert SIGNER.check(before.address(1, Purpose.agent, ANNA), (ANNA,), TODAY)
    assert before.check(SIGNER.address(1, Purpose.agent, ANNA), (ANNA,), TODAY) is None
    assert Signer((KEY,), "support@providence.film", "PF").check(before.address(1, Purpose.agent, ANNA), (ANNA,), TODAY) is None


@pytest.mark.parametrize(("subject", "tag"), [
    ("[PF-12] x", 12), ("Re: Fwd: [pf - 12] x", 12), ("Отв: На: [РF-12]", 12), ("PF-12", 12), ("[PF–12]", 12), ("XPF-12", 0), ("[PF-1234567890]", 0),
    ("", 0),
])  # fmt: skip
def test_tags(subject: str, tag: int) -> None:
    assert Subjects("PF").tag(subject) == tag


said = st.characters(exclude_categories=["Cs"])


@given(st.text(said, max_size=60), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=60))
def test_buttons_are_rfc_6068(say: str, subject: str) -> None:
    """Percent-encoded, blanks as %20, line breaks as %0D%0A, and nothing that could end a field or begin another."""
    address = SIGNER.address(12, Purpose.agent, ANNA, until=TODAY)
    url = mailto(address, subject, "#" + say)
    assert re.fullmatch(r"mailto:[\w.+@-]+\?subject=[\w%.~-]*&body=[\w%.~-]*", url, re.ASCII)
    parts = urlsplit(url)
    assert unquote(parts.path) == address
    fields = dict(parse_qsl(parts.query, keep_blank_values=True))
    assert fields["subject"] == subject
    assert fields["body"].replace("\r\n", "\n") == ("#" + say).rstrip("\n") + "\n"
    assert " " not in url


@pytest.fixture
async def desk(tmp_path: Path) -> TestDesk:
    return await TestDesk.opened(tmp_path)


async def test_no_signed_address_of_staff_ever_reaches_a_customer(desk: TestDesk) -> None:
    await desk.send(IVAN, "Не приходит код подтверждения на почту, пробовал дважды в Chrome 131.", subject="Код")
    await desk.reply(desk.mail(ANNA)[0], ANNA, "#передать разработка\nПосмотрите.\n#ответ\nПередали коллегам.")
    await desk.pass_time(minutes=5)
    for one in desk.mail(IVAN):
        for found in re.findall(r"\d+-([a-z])[0-9a-z]*(?:\.\w+)?-[a-z2-7]{16}", one.text + one.html + str(one.headers)):
            assert found in "ro"
    assert not re.search(r"-[acd][0-9a-z]*(?:\.\w+)?-[a-z2-7]{16}", str(desk.events)), "nor the log"


async def test_without_plus_addresses_an_aligned_answer_proves(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, plus=False, aligned=(ANNA, BORIS))
    signer = desk.context.signer
    desk.context = replace(desk.context, signer=Signer(signer.keys, "support@providence.film", "PF", plus=False), verp=False)
    await desk.restart()
    await desk.send(IVAN, "Не приходит код подтверждения на почту, пробовал дважды в Chrome 131.", subject="Код")
    notice = desk.mail(ANNA)[0]
    assert dict(notice.headers)["Reply-To"] == "support@providence.film"
    await desk.reply(notice, ANNA, "#take")
    assert desk.ticket().owner == ANNA
    desk.aligned.remove(ANNA)
    await desk.send(ANNA, "#решено\nГотово.", subject="[PF-1] Код")
    assert desk.ticket().status is Status.in_progress
    await desk.reply(desk.mail(ANNA, "confirm")[0], ANNA, "#подтвердить")
    assert desk.ticket().status is Status.done
