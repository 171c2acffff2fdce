"""From is read the same by everybody, or it proves nothing: the strict shape, and three parsers beside ours
on what strangers send.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from datetime import UTC, datetime
from email import policy
from email.errors import HeaderParseError
from email.parser import BytesHeaderParser, BytesParser
from email.utils import getaddresses
from pathlib import Path
from typing import Any

import dkim
import hypothesis
import mailparser
import pytest
from desk import TestDesk
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from spoken import RU

from bot.model import Envelope, Letter
from bot.parsing import dkim_coverage, guard, read
from bot.workers import authentication

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


# The default policy's on dots in names (IndexError, AttributeError), mail-parser's on torn base64; dkimpy
# refuses what is no header.
BREAKDOWNS = (AttributeError, IndexError, TypeError, HeaderParseError, dkim.MessageFormatError)


def letter(raw: bytes) -> Letter:
    return read(raw, Envelope(letter="x", received=NOW, mail_from="?"))


def with_from(value: bytes) -> bytes:
    return b"To: desk@example.org\r\nFrom: " + value + b"\r\nSubject: x\r\n\r\nbody\r\n"


def readings(raw: bytes) -> dict[str, list[str]]:
    """The addresses of From as each parser has them, in lower case; one that breaks down over its own
    mistakes says nothing.
    """

    def addresses(values: list[str]) -> list[str]:
        unfolded = [re.sub(r"\r?\n", "", value) for value in values]  # RFC 5322, section 2.2.3
        return [address.lower() for _, address in getaddresses(unfolded)]

    def signed() -> list[str]:
        headers, _ = dkim.rfc822_parse(raw)
        return addresses(
            [value.decode("latin-1") for name, value in headers if name.lower().strip() == b"from"]
        )

    def modern(parser: Any) -> list[str]:
        found = parser.parsebytes(raw).get_all("from", [])
        return [one.addr_spec.lower() for field in found for one in field.addresses]

    def old(parser: Any) -> list[str]:
        return addresses([str(value) for value in parser.parsebytes(raw).get_all("from", [])])

    ways = {
        "dkimpy": signed,
        "email": lambda: old(BytesParser()),
        "email, headers alone": lambda: old(BytesHeaderParser()),
        "email, default policy": lambda: modern(BytesParser(policy=policy.default)),
        "email, SMTP policy": lambda: modern(BytesHeaderParser(policy=policy.SMTP)),
        "mail-parser": lambda: [
            address.lower() for _, address in mailparser.parse_from_bytes(raw).from_ if address
        ],
        "ours": lambda: [one.email for one in letter(raw).sender],
    }
    found = {}
    for name, way in ways.items():
        with warnings.catch_warnings(), contextlib.suppress(*BREAKDOWNS):
            warnings.simplefilter("ignore")
            found[name] = way()
    return found


def agree(raw: bytes) -> bool:
    """Whether all of them read one address, and the same."""
    said = list(readings(raw).values())
    return len(said[0]) == 1 and all(one == said[0] for one in said)


# -------------------------------------------------------------------------------------------------- the
# strict shape


@pytest.mark.parametrize("value", [
    b"anna@example.org",
    b"Anna <Anna@Example.ORG>",
    b"\r\n Anna\r\n\t<anna@example.org>",
    b"=?utf-8?B?0JDQvdC90LA=?= <anna@example.org>",
    b"=?utf-8?B?0JDQvdC90LA=?=\r\n =?utf-8?B?0JDQvdC90LA=?= <anna@example.org>",
    b'"=?utf-8?B?0JDQvdC90LA=?=" <anna@example.org>',
    '"Анна Котова" <anna@example.org>'.encode(),
    "Анна Котова <anna@example.org>".encode("cp1251"),
    b'"anna@example.org" <anna@example.org>',
    b"=?utf-8?q?anna=40example.org?= <anna@example.org>",
    b'"Kotova, Anna (support) <3" <anna@example.org>',
    b'"Anna \\"K\\" Kotova" <anna@example.org>',
    b"A. B. Kotova <anna@example.org>",
    b"Anna (Jira) <anna@example.org>",
    b'"Kotova, Anna, of the department\r\n of support" <anna@example.org>',
    b"anna@example.org (Anna Kotova)",
    b"<anna@example.org>",
    b"Anna Kotova " * 40 + b"<anna@example.org>",
])  # fmt: skip
def test_ordinary_letters_are_without_defect(value: bytes) -> None:
    raw = with_from(value)
    assert letter(raw).from_defect == ""
    assert letter(raw.replace(b"\r\n", b"\n")).from_defect == ""
    assert agree(raw)
    assert letter(raw).requester.email == "anna@example.org"


@pytest.mark.parametrize(("value", "defect"), [
    (b"anna@example.org, eve@evil.example", guard.SEVERAL),
    (b"anna@example.org, anna@example.org", guard.UNCLEAR),
    (b"Team: anna@example.org;", guard.UNCLEAR),
    (b"anna@example.org:eve@evil.example;", guard.UNCLEAR),
    (b"o'boris@example.org (", guard.UNCLEAR),
    (b"Anna <anna@example.org", guard.UNCLEAR),
    (b"<anna@example.org> eve", guard.UNCLEAR),
    (b"anna@example.org <eve@evil.example>", guard.UNCLEAR),
    (b"anna@ example.org", guard.UNCLEAR),
    (b"anna\r\n @example.org", guard.UNCLEAR),
    (b"<@example.org:eve@evil.example>", guard.UNCLEAR),
    (b'"anna@example.org"@evil.example', guard.UNCLEAR),
    (b"anna(eve@evil.example)@example.org", guard.UNCLEAR),
    (b"anna@[127.0.0.1]", guard.UNCLEAR),
    (b"=?utf-8?q?anna=40example.org?=", guard.UNCLEAR),
    (b"=?utf-8?q?anna?=@example.org", guard.UNCLEAR),
    ("аnna@example.org".encode(), guard.UNCLEAR),
    ("anna@пример.example".encode(), guard.UNCLEAR),
    ("bori\u212a@example.org".encode(), guard.UNCLEAR),  # a Kelvin sign, which is a k in lower case
    (b'"\x81\\" <eve@evil.example>, " <anna@example.org>', guard.UNCLEAR),
     # in GB 18030 the backslash is half a letter
    (b"=?utf-8?q?Anna_=3Canna=40example.org=3E=2C?= <eve@evil.example>", guard.HIDDEN),
    (b"=?utf-8?b?YW5uYUBleGFtcGxlLm9yZw==?= <eve@evil.example>", guard.HIDDEN),
    (b'"=?utf-8?q?anna=40example.org?=" <eve@evil.example>', guard.HIDDEN),
    (b"eve@evil.example (=?utf-8?q?=29_=3Canna=40example.org=3E?=)", guard.HIDDEN),
    (b"", guard.UNCLEAR),
    (b"<>", guard.UNCLEAR),
    (b"x" * 990 + b" <anna@example.org>", guard.UNCLEAR),
    (b"anna\x00@example.org", guard.CONTROL),
    (b"anna@example.org\rFrom: eve@evil.example", guard.CONTROL),
    (b"anna@example.org\xe2\x80\xa8", guard.CONTROL),
])  # fmt: skip
def test_what_is_out_of_form(value: bytes, defect: str) -> None:
    read_so = letter(with_from(value))
    assert (read_so.from_defect, defect in read_so.defects) == (defect, True)


HEAD = b"To: desk@example.org\r\nFrom: anna@example.org\r\nSubject: x\r\n"


@pytest.mark.parametrize(("raw", "defect"), [
    *((b"X-A: b" + end + b"From: eve@evil.example\r\n" + HEAD, guard.CONTROL)
      for end in (b"\r", b"\0", b"\v", b"\f", b"\x1c", b"\x1d", b"\x1e", b"\x7f", b"\r\r\n",
      "\u0085".encode(), "\u2028".encode(), "\u2029".encode())),
    (b"\r\n" + HEAD, guard.BROKEN),
    (b" \r\n" + HEAD, guard.BROKEN),
    (b" X: folded from nothing\r\n" + HEAD, guard.BROKEN),
    (b"From eve@evil.example Mon Nov 23 09:00:00 2026\r\n" + HEAD, guard.BROKEN),
    (b">From eve@evil.example Mon Nov 23 09:00:00 2026\r\n" + HEAD, guard.BROKEN),
    (b"From : eve@evil.example\r\n" + HEAD, guard.BROKEN),
    (b"FROM\t: eve@evil.example\r\n" + HEAD, guard.BROKEN),
    (HEAD + b"Some words\r\nFrom: eve@evil.example\r\n", guard.BROKEN),
    (b": nameless\r\n" + HEAD, guard.BROKEN),
    ("Frоm: eve@evil.example\r\n".encode() + HEAD, guard.BROKEN),
    (b"X" * 201 + b": long\r\n" + HEAD, guard.BROKEN),
    (HEAD.replace(b"Subject: x", b"no colon"), guard.BROKEN),
    (b"fRoM: eve@evil.example\r\n" + HEAD, guard.TWICE),
    (HEAD + b"From:\r\n eve@evil.example\r\n", guard.TWICE),
    (HEAD + b"From: anna@example.org\r\n", guard.TWICE),
    (b"X: y\r\n" * 1000 + HEAD, guard.LONG),
    (b"X: " + b"y" * 300_000 + b"\r\n" + HEAD + b"From: eve@evil.example\r\n", guard.LONG),
    (HEAD.replace(b"From", b"Sender"), guard.NONE),
])  # fmt: skip
def test_what_the_block_around_it_hides(raw: bytes, defect: str) -> None:
    assert letter(raw + b"\r\nbody\r\n").from_defect == defect


def test_a_bare_carriage_return_makes_no_field() -> None:
    read_so = letter(b"X-A: b\rFrom: eve@evil.example\r\n" + HEAD + b"\r\nbody\r\n")
    assert [one.email for one in read_so.sender] == ["anna@example.org"]
    assert [value for name, value in read_so.headers if name == "x-a"] == ["b From: eve@evil.example"]


@pytest.mark.parametrize("sender", [b"eve@evil.example", b"eve@evil.example, anna@example.org", b"Sender: x"])
def test_from_is_the_author_whatever_sender_says(sender: bytes) -> None:
    read_so = letter(HEAD + b"Sender: " + sender + b"\r\n\r\nbody\r\n")
    assert (read_so.requester.email, read_so.from_defect) == ("anna@example.org", "")


# ------------------------------------------------------------------------------------------------ what
# people see


def test_every_reason_has_its_words() -> None:
    later = {dkim_coverage.NO_FROM, dkim_coverage.PART, dkim_coverage.TWICE, dkim_coverage.GAPS}
    unsaid = later.union(guard.DEFECTS, (authentication.FAILED, authentication.OTHER)) - RU.lines.keys()
    assert unsaid == {dkim_coverage.GAPS}, "honest mail has that one too: it stands in the log alone"


@pytest.mark.parametrize(("raw", "defect"), [
    (b"From: eve@evil.example\r\n" + HEAD, guard.TWICE), (b"X: y\rFrom: anna@providence.film\r\n" + HEAD,
    guard.CONTROL),
    (b"To: desk@example.org\r\nFrom: o'anna@providence.film (\r\n", guard.UNCLEAR),
])  # fmt: skip
async def test_a_person_sees_the_letter_and_why_not_to_trust_it(raw: bytes, defect: str,
tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    words = b"The picture in the player stays black in Chrome 131 on Windows 11, please help."
    await desk.raw(raw + b"\r\n" + words + b"\r\n", "eve@evil.example")
    [notice] = desk.mail("anna@providence.film", "notice_new")
    assert RU.say(defect) in notice.text
    assert [defect in fields["defects"] for event, fields in desk.events if event == "read"] == [True]
    assert desk.ledger_adds_up()


# ------------------------------------------------------------------------------------------ other parsers
# beside ours

ADDRESSES = st.sampled_from(
    [
        b"anna@example.org",
        b"<anna@example.org>",
        b"<eve@evil.example>",
        b"<o'boris@example.org>",
        b"<a+b_c@x.y.example>",
    ]
)
GOOD = st.sampled_from([
    b"Anna", b"J.", b"K. ", b" ", b" ", b"\t", b"\r\n ", b"\n\t", b"'", b"|", b"=", b"+", b"\xd0", b"\x85",
    b"\xa0", "Анна".encode(), "Анна".encode("cp1251"),
    b'"Kotova, Anna" ', b'"\\"K\\""', b'"=?utf-8?q?Anna?=" ', b'"anna@example.org"', b"(Jira)", b"(a (b) c)",
    b"()", b"=?utf-8?q?Anna?= ", b" =?utf-8?b?0JDQvdC90LA=?= ",
    b"=?koi8-r?q?=C1_=28?= ", b"=?utf-8?q?=2C=3C?= ", b"=?utf-8?q?anna=40example.org?= ",
    b"=?iso-2022-jp?b?GyRCOHU?= ", b"=?x", b"?=", b".",
])  # fmt: skip
ODD = st.sampled_from([
    b"", b"", b"", b"", b'"', b"\\", b"(", b")", b",", b";", b":", b"<", b">", b"@", b".", b"[", b"]", b"\r",
    b"\0", b"\x0b", b"\x81\\", b" eve@evil.example", b"<",
    b",<eve@evil.example>", b"\r\n", b"\n", "\u2028".encode(), "\u0085".encode(), b"=?utf-8?q?x?=",
    b"(eve@evil.example)", b"@evil.example", b" ", b"\t", b"\xe9",
])  # fmt: skip


def odd(
    pieces: st.SearchStrategy[list[bytes]], hostile: st.SearchStrategy[bytes]
) -> st.SearchStrategy[bytes]:
    """What has mostly the right form, with something put into it somewhere."""
    return st.builds(
        lambda those, one, at: b"".join(those)[:at] + one + b"".join(those)[at:],
        pieces,
        hostile,
        st.integers(0, 80),
    )


VALUES = odd(
    st.builds(
        lambda name, address, after: [*name, address, *after],
        st.lists(GOOD, max_size=4),
        ADDRESSES,
        st.lists(GOOD, max_size=1),
    ),
    ODD,
)
FIELDS = st.sampled_from(
    [
        b"To: desk@example.org\r\n",
        b"Subject: x\n",
        b"X: y\r\n z\r\n",
        b"Sender: eve@evil.example\r\n",
        b"Resent-From: eve@evil.example\r\n",
    ]
)
HOSTILE = st.sampled_from([
    b"", b"", b"words without a colon\r\n", b" folded\r\n", b"\r\n", b"\n", b"From eve@evil.example Mon\r\n",
    b">From eve@evil.example\n", b"--\n", b":\r\n", b"\r", b"\r\r\n",
    b"From: eve@evil.example\r\n", b"FROM : eve@evil.example\r\n", b"From\t: eve@evil.example\n",
    b" From: eve@evil.example\r\n", b"\rFrom: eve@evil.example\r\n", b"\x85",
    b"\x0bFrom: eve@evil.example\r\n", "Frоm: eve@evil.example\r\n".encode(),
    "\u2028From: eve@evil.example\r\n".encode(), b"\0", b"X: \r\n \r\n", b"X:\r\n\r\n",
])  # fmt: skip
HEADS = odd(st.builds(lambda before, value, after: [*before, b"From: ", value, b"\r\n", *after],
                      st.lists(FIELDS, max_size=3), VALUES, st.lists(FIELDS, max_size=3)),
                      HOSTILE)  # fmt: skip
RAW = st.one_of(HEADS.map(lambda head: head + b"\r\nbody\r\n"), VALUES.map(with_from))


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(RAW)
@example(b"X-A: b\rFrom: eve@evil.example\r\n" + HEAD + b"\r\n")
@example(b"From: eve@evil.example\r\n" + HEAD + b"\r\n")
@example(with_from(b"o'anna@example.org ("))
def test_without_a_defect_all_parsers_read_the_same_author(raw: bytes) -> None:
    assert letter(raw).from_defect or agree(raw), readings(raw)


WEAKENED = {  # a fault planted in the guard; the search above has to find what it lets through
    "control characters": ("_CONTROL", b"(?!)"),
    "the form of the block": ("_BLOCK", b"(?s:.*)"),
    "the form of the value": ("_MAILBOX", b"(?s:.*<([^<>]+)>.*|(.*))"),
    "an address of anything": ("_MAILBOX", guard._MAILBOX.pattern.replace(guard._WORD, rb"[!-;=?-~]")),
    "one From": ("header", lambda raw, name, whole=guard.header: whole(raw, name)[:1]),
}


@pytest.mark.parametrize("fault", WEAKENED)
def test_the_search_finds_a_planted_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, weak = WEAKENED[fault]
    monkeypatch.setattr(guard, name, re.compile(weak) if isinstance(weak, bytes) else weak)
    hypothesis.find(RAW, lambda raw: not letter(raw).from_defect and not agree(raw),
                    settings=settings(max_examples=5000, derandomize=True, deadline=None,
                    suppress_health_check=list(HealthCheck)))  # fmt: skip
