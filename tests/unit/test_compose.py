"""A composed letter, judged by the standard library's parser: what went in comes out, and nothing gets in beside it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Audience, Outgoing
from bot.model.markup import literal
from bot.rendering.compose import to_bytes
from bot.rendering.templates import Layout

AT = datetime(2026, 11, 22, 14, 45, 7, tzinfo=UTC)
LAYOUT = Layout("<!DOCTYPE html>{{ body }}")
ANY = st.text(st.characters(), max_size=120)


def outgoing(**changed: Any) -> Outgoing:
    fields: dict[str, Any] = {
        "id": 1, "template": "reply", "audience": Audience.requester, "to": "ivan@example.com", "subject": "[PF-12] Re: Не открывается фильм",
        "body": "Привет", "language": "ru", "message_id": "pf.12.q7x@support.example", "created": AT, "due": AT,
    }  # fmt: skip
    return Outgoing(**{**fields, **changed})


def parsed(letter: Outgoing, **more: Any) -> EmailMessage:
    raw = to_bytes(letter, LAYOUT, "support@support.example", "Служба поддержки", **more)
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.isascii()
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_headers_and_both_parts() -> None:
    headers = (
        ("In-Reply-To", "<a@x.example>"),
        ("References", " ".join(f"<{n}.{'r' * 40}@x.example>" for n in range(30))),
        ("Auto-Submitted", "auto-replied"),
        ("Reply-To", "Служба поддержки <support+12-r-abcdefgh@support.example>"),
    )
    message = parsed(outgoing(headers=headers))
    assert list(message)[:5] == ["Date", "Message-ID", "From", "To", "Subject"]
    assert message["Date"].datetime == AT
    assert message["Message-ID"] == "<pf.12.q7x@support.example>"
    assert message["From"].addresses[0].display_name == "Служба поддержки"
    assert message["From"].addresses[0].addr_spec == "support@support.example"
    assert message["Subject"] == "[PF-12] Re: Не открывается фильм"
    assert message["Reply-To"].addresses[0].addr_spec == "support+12-r-abcdefgh@support.example"
    assert message["Reply-To"].addresses[0].display_name == "Служба поддержки"
    assert str(message["References"]).split() == headers[1][1].split()
    assert message.get_content_type() == "multipart/alternative"
    assert part(message, "plain") == "Привет\n"
    assert re.fullmatch("<!DOCTYPE html><p [^<>]*>Привет</p>", part(message, "html").strip())


def test_the_tag_stands_plain_in_the_raw_subject() -> None:
    assert b"\r\nSubject: [PF-12]" in to_bytes(outgoing(), LAYOUT, "s@x.example")


def test_the_same_letter_gives_the_same_bytes_and_another_id_another_boundary() -> None:
    first, again, other = (to_bytes(outgoing(message_id=one), LAYOUT, "s@x.example") for one in ("a@x", "a@x", "b@x"))
    assert first == again
    assert re.findall(rb'boundary="([^"]+)"', first) != re.findall(rb'boundary="([^"]+)"', other)


def test_a_from_among_the_headers_takes_the_place_of_the_senders() -> None:
    message = parsed(outgoing(headers=(("From", "Анна <anna@x.example>"),)))
    assert [one.addr_spec for one in message["From"].addresses] == ["anna@x.example"]
    assert len(message.get_all("From", [])) == 1


def test_files_go_along_byte_for_byte_with_their_names() -> None:
    files = [
        ("Снимок экрана — очень длинное имя файла, которое не помещается в одну строку.png", "image/png", bytes(range(256)) * 9),
        ('a "quoted"\r\nBcc: x@evil.example; name.txt', "text/plain", b"x"),
        ("", "message/rfc822", b"From: a\r\n\r\n"),
        ("plain.pdf", 'application/pdf\r\nX: y', b""),
    ]
    message = parsed(outgoing(), files=files)
    assert message.get_content_type() == "multipart/mixed"
    assert part(message, "plain") == "Привет\n"
    found = list(message.iter_attachments())
    assert [one.get_payload(decode=True) for one in found] == [content for _, _, content in files]
    assert [one.get_filename() for one in found] == [files[0][0], "a 'quoted' Bcc: x@evil.example; name.txt", "file", "plain.pdf"]
    assert [one.get_content_type() for one in found] == ["image/png", "text/plain", "application/octet-stream", "application/octet-stream"]


@pytest.mark.parametrize("name", ["X\r\nBcc", "", "Sub ject", "Тема", "a:b", "x" * 100])
def test_a_header_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no header name"):
        to_bytes(outgoing(headers=((name, "v"),)), LAYOUT, "s@x.example")


@given(subject=ANY, name=ANY, value=ANY, to=ANY, identity=ANY)
def test_no_value_adds_a_header_or_a_body(subject: str, name: str, value: str, to: str, identity: str) -> None:
    letter = outgoing(subject=f"{subject}\r\nBcc: x@evil.example", headers=(("X-Note", value + "\r\n\r\nbody"),), to=to, message_id=identity)
    raw = to_bytes(letter, LAYOUT, "support@support.example", name)
    head = raw.partition(b"\r\n\r\n")[0]
    keys = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b" ")]
    assert keys == [b"Date", b"Message-ID", b"From", b"To", b"Subject", b"X-Note", b"MIME-Version", b"Content-Type"]
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc",), exclude_characters="\u2028\u2029"), max_size=200))
def test_any_subject_comes_out_as_it_went_in(subject: str) -> None:
    raw = to_bytes(outgoing(subject=f"[PF-12] {subject}"), LAYOUT, "s@x.example")
    assert str(message_from_bytes(raw, policy=default)["Subject"]).split() == f"[PF-12] {subject}".split()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=3000))
def test_any_text_comes_out_as_it_went_in(text: str) -> None:
    letter = outgoing(body=literal(text))
    message = message_from_bytes(to_bytes(letter, LAYOUT, "s@x.example"), policy=default)
    assert isinstance(message, EmailMessage)
    for one, said in zip(message.iter_parts(), (letter.text, LAYOUT.page(letter)), strict=True):
        shown = one.get_payload(decode=True).decode().replace("\r\n", "\n")  # type: ignore[union-attr]
        assert shown.removesuffix("\n") == said.removesuffix("\n")


@pytest.mark.parametrize(
    "text",
    ["a" * 5000 + "\n", "a =3D trailing \n.\nFrom here\n\n\n", "ж" * 5000 + "\n", "ends without a break", "one line " * 40, "", "mostly ж\n" * 40],
)
def test_long_and_odd_lines(text: str) -> None:
    raw = to_bytes(outgoing(body=literal(text)), LAYOUT, "s@x.example")
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    assert part(message, "plain").rstrip("\n") == text.rstrip("\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 78


def test_a_foreign_domain_goes_out_in_its_ascii_form() -> None:
    assert b"To: ivan@xn--80a1acny.xn--p1ai\r\n" in to_bytes(outgoing(to="ivan@почта.рф"), LAYOUT, "s@x.example")


def test_copies_that_differ_in_the_signed_address_each_have_their_own_everywhere() -> None:
    for person in ("a3.1b2-k7q2mzn4xw5rtbvc", "a9.1b2-aaaaaaaaaaaaaaaa", "r-k7q2mzn4xw5rtbvc"):
        address = f"support+12-{person}@support.example"
        body = f"[[Взять|mailto:{literal(address)}?subject=x|#взять]]\n\n> {literal(address)}\n\n[{literal(address)}](mailto:{literal(address)})"
        letter = outgoing(body=body, headers=(("Reply-To", address),))
        message = parsed(letter)
        assert part(message, "plain").removesuffix("\n") == letter.text.removesuffix("\n")
        assert part(message, "html").removesuffix("\n") == Layout(LAYOUT.source).page(letter).removesuffix("\n")
        assert part(message, "html").count(address) == 4
