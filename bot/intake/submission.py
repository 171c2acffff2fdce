"""What a user sends in with the form, and the letter that it becomes, so that everything behind the inbox is the same as for mail."""

from __future__ import annotations

import binascii
import hashlib
import re
import secrets
import textwrap
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from typing import NamedTuple
from urllib.parse import quote

_SENTENCE = re.compile(r"[.!?\n]\s|\n")
_WORDS = {"ru": ("Шаги:", "Устройство:"), "en": ("Steps:", "Device:")}


class Picture(NamedTuple):
    """One picture as it was uploaded; `kind` by its content."""

    name: str
    kind: str
    data: bytes


class Submission(NamedTuple):
    """What a user has filled in, checked."""

    name: str
    email: str
    text: str
    steps: str
    agent: str  # the browser's own words about itself
    here: bool  # the trouble is on this device, so its browser counts
    once: str  # of the page: a second click makes the same letter
    pictures: tuple[Picture, ...] = ()


def letter(one: Submission, to: str, language: str, ident: str, now: datetime) -> bytes:
    """The submission as a letter to the desk's address `to`, `ident` its inbox id. Its From is unproved, as that of any letter."""
    steps, device = _WORDS[language]
    boundary = secrets.token_hex(20)
    key = hashlib.blake2b(f"{one.once or ident}\n{one.email}\n{one.text}".encode(), digest_size=15).hexdigest()
    head = {
        "From": f"{_encoded('From', one.name)} <{one.email}>" if one.name else one.email,
        "To": to,
        "Subject": _encoded("Subject", textwrap.shorten(_SENTENCE.split(one.text, maxsplit=1)[0], 78, placeholder=" …")),
        "Date": format_datetime(now),
        "Message-ID": f"<form.{key}@{to.rpartition('@')[2]}>",
        "X-Form-Browser": one.agent,
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/mixed; boundary="{boundary}"',
    }
    words = [one.text, *((f"{steps}\n{one.steps}",) if one.steps else ()), *((f"{device} {one.agent}",) if one.here and one.agent else ())]
    parts = [("text/plain; charset=utf-8", "\n\n".join(words).encode())]
    parts += [(f"image/{kind}\r\nContent-Disposition: attachment; filename*=UTF-8''{quote(name)}", data) for name, kind, data in one.pictures]
    body = [
        f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode() + _lines(data) for kind, data in parts
    ]
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return lines.encode() + b"\r\n" + b"\r\n".join([*body, f"--{boundary}--\r\n".encode()])


def _encoded(name: str, words: str) -> str:
    """A header's words as encoded ones (RFC 2047), folded; so nothing in them has a meaning of its own."""
    return Header(words, "utf-8", header_name=name).encode(linesep="\r\n")


def _lines(data: bytes) -> bytes:
    """Base64 in lines; the standard library's way costs ten times as much, at each picture."""
    coded = binascii.b2a_base64(data, newline=False)
    return b"\r\n".join(coded[at : at + 76] for at in range(0, len(coded), 76))
