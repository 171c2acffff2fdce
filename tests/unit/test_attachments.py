"""Files of a letter: pictures by their content, logos, safe names."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.model import Attachment
from bot.model.file_names import safe_name
from bot.parsing import pictures
from bot.parsing.attachments import WHY, attachment
from bot.parsing.mime import Part, parse


def picture(kind: str, size: tuple[int, int], mode: str = "RGB") -> bytes:
    out = BytesIO()
    Image.new(mode, size).save(out, kind)
    return out.getvalue()


def judged(data: bytes, header: str = "Content-Type: application/octet-stream; name=x", shown: bool = False) -> Attachment:
    part: Part = parse(f"{header}\n\n".encode())[0]
    return attachment(part, data, shown_in_html=shown)


@pytest.mark.parametrize(("kind", "type_"), [("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("PNG", "image/png")])
def test_the_three_formats_are_accepted_whatever_their_name(kind: str, type_: str) -> None:
    found = judged(picture(kind, (300, 200)), "Content-Type: text/plain; name=run.exe")
    assert (found.accepted, found.type, found.why, found.logo) == (True, type_, "", False)


@pytest.mark.parametrize(
    ("data", "header", "why"),
    [
        (picture("BMP", (20, 20)), "Content-Type: image/bmp; name=x.png", "format"),
        (b"<html>", "Content-Type: image/png; name=x.png", "broken"),
        (picture("PNG", (300, 200))[:50], "Content-Type: image/png", "broken"),
        (b"\x89PNG\r\n\x1a\n", "Content-Type: image/png", "broken"),
        (b"\xff\xd8\xff" + b"\0" * 11_000_000, "Content-Type: image/jpeg", "too_big"),
        (picture("PNG", (8000, 7000), "1"), "Content-Type: image/png", "too_many_pixels"),
        (picture("GIF", (20_000, 20_000), "P"), "Content-Type: image/gif", "too_many_pixels"),
        (b"", "Content-Type: image/png", "empty"),
        (b"x", "Content-Type: message/rfc822", "letter"),
        (b"x", "Content-Type: application/pgp-signature", "signature"),
        (b"x", "Content-Type: application/pkcs7-mime", "encrypted"),
        (b"\x78\x9f\x3e\x22", "Content-Type: application/octet-stream", "tnef"),
        (b"x", "Content-Type: message/external-body", "link"),
    ],
)
def test_everything_else_is_withheld_for_a_reason(data: bytes, header: str, why: str) -> None:
    found = judged(data, header)
    assert (found.accepted, found.why) == (False, why)
    assert why in WHY


@pytest.mark.parametrize(
    ("size", "shown", "logo"),
    [((1, 1), False, True), ((16, 16), False, True), ((200, 60), True, True), ((600, 100), True, True), ((200, 60), False, False),
     ((1280, 720), True, False), ((360, 640), True, False)],
)  # fmt: skip
def test_logos_are_told_from_screenshots(size: tuple[int, int], shown: bool, logo: bool) -> None:
    assert judged(picture("PNG", size), shown=shown).logo is logo


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\скрин 1.png", "скрин 1.png"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("a\r\nb\0.png", "ab.png"),
        (" . ", ""),
        ("x" * 300 + ".png", "x" * 115 + "….png"),
    ],
)
def test_names_are_made_safe(raw: str, safe: str) -> None:
    assert safe_name(raw) == safe


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_any_name_is_safe_to_show(name: str) -> None:
    safe = safe_name(name)
    assert len(safe) <= 120
    assert not set(safe) & set("/\\\0\r\n\u202e\u202d\u2066\u200f<>|")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["JPEG", "GIF", "PNG"]), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8), st.integers(20, 600))
def test_damaged_pictures_are_judged_without_an_exception(kind: str, changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(picture(kind, (40, 30))[:length])
    for place, value in changes:
        data[place % len(data)] = value
    assert judged(bytes(data)).why in ("", "broken", "format", "too_many_pixels")


def test_a_part_without_a_name_gets_one() -> None:
    assert judged(picture("PNG", (300, 200)), "Content-Type: image/png").name == "part-0.png"
    assert judged(b"x", "Content-Type: image/png\nContent-ID: <shot.1@x>").name == "shot.1@x"


def test_pillow_opens_the_three_formats_only() -> None:
    assert set(pictures.TYPES) == {"JPEG", "GIF", "PNG"}
