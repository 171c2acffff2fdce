"""Text as the octets of a letter: headers with encoded words (RFC 2047), folded (RFC 5322), and base64 (RFC 2045).

No value can add a header, since line breaks and controls never get into one.
"""

from __future__ import annotations

import re
from base64 import b64encode
from contextlib import suppress
from email.utils import getaddresses
from functools import lru_cache

WIDTH = 76
TOKEN_LIMIT = 900  # octets; RFC 5322 allows 998 in a line, and a longer Message-ID is an attack
ADDRESSES = {"from", "sender", "reply-to", "to", "cc", "bcc", "resent-from", "resent-to"}
CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
NAME = re.compile(r"[A-Za-z0-9-]{1,76}")
ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")


@lru_cache(256)  # most headers of a letter are those of the one before: sender, marks, the same subject to another agent
def header(name: str, value: str) -> bytes:
    """One header, encoded and folded; ValueError for an invalid name."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no header name")
    clean = CONTROLS.sub(" ", value).strip()
    if name.lower() not in ADDRESSES:
        clean = clean if clean.isascii() and "=?" not in clean else encoded(clean)
    elif not clean.isascii():
        clean = ", ".join(mailbox(*pair) for pair in getaddresses([clean]) if pair[1])
    return f"{name}:{folded(clean, len(name) + 2)}\r\n".encode()


def mailbox(name: str, address: str) -> str:
    """One mailbox; an international domain in its ASCII form (RFC 5890), if it has one."""
    local, _, domain = address.replace("<", "").replace(">", "").replace(" ", "").rpartition("@")
    if not domain.isascii():
        with suppress(UnicodeError):
            domain = domain.encode("idna").decode()
    spec = f"{local}@{domain}" if local else domain
    name = CONTROLS.sub(" ", name).strip()
    if not name:
        return spec
    if not name.isascii() or "=?" in name:
        return f"{encoded(name)} <{spec}>"
    return f"{name} <{spec}>" if ATOMS.fullmatch(name) else '"{}" <{}>'.format(re.sub(r'(["\\])', r"\\\1", name), spec)


def encoded(value: str) -> str:
    """Encoded words (RFC 2047) of whole characters. A leading [TAG] stays plain, for filters to read."""
    tag = re.match(r"\[[A-Za-z0-9-]{1,40}\] ", value)
    rest = value[tag.end() :] if tag else value
    pieces, piece = [], b""
    for character in rest:
        octets = character.encode("utf-8", "replace")
        if len(piece) + len(octets) > 42:
            pieces.append(piece)
            piece = b""
        piece += octets
    pieces.append(piece)
    return (tag[0] if tag else "") + " ".join(f"=?utf-8?B?{b64encode(piece).decode()}?=" for piece in pieces)


def folded(value: str, used: int) -> str:
    """The value after the colon, folded at spaces; a word too long for any line is left out."""
    lines, line = [], ""
    for word in value.split(" "):
        if len(word) > TOKEN_LIMIT:
            continue
        if line and used + len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line, used = "", 0
        line += " " + word
    return "\r\n".join([*lines, line])


def base64_lines(octets: bytes) -> bytes:
    """RFC 2045 lines of 76 characters."""
    coded = b64encode(octets)
    return b"".join(coded[at : at + 76] + b"\r\n" for at in range(0, len(coded), 76)) or b"\r\n"
