"""What a user sends in with the form, and the letter that it becomes, so that everything behind the inbox is the same as for mail."""

from __future__ import annotations

import hashlib
import re
import secrets
import textwrap
from datetime import datetime
from email.utils import format_datetime
from typing import NamedTuple
from urllib.parse import quote

from bot.model.encoding import base64_lines, header, mailbox

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
        "From": mailbox(one.name, one.email),
        "To": to,
        "Subject": textwrap.shorten(_SENTENCE.split(one.text, maxsplit=1)[0], 78, placeholder=" …"),
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
        f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode() + base64_lines(data) for kind, data in parts
    ]
    return b"".join([*(header(name, value) for name, value in head.items()), b"\r\n", *body, f"--{boundary}--\r\n".encode()])
