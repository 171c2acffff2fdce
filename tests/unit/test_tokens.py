"""Signed references in a desk's letters; what they prove is in tests/core/test_tokens.py."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from desk import TestDesk
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Status
from bot.tickets.outgoing import mailto
from bot.tickets.tokens import Purpose, Signer

KEY, OLD, TODAY = b"k" * 32, b"o" * 32, date(2026, 11, 23)
ANNA, BORIS, IVAN = "anna@providence.film", "boris@providence.film", "ivan@example.org"
SIGNER = Signer((KEY, OLD), "support@providence.film", "PF", ("help@providence.film",))


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
