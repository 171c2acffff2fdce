"""Do all parsers read the same author in these bytes? Checked before any parser repairs anything.

dkimpy tells what is signed, the relay's parser tells whom it checked, and ours tells who writes to the desk.
If these three could read From differently, the letter proves nothing. So From must have a strict form, and so
must the whole header block: a defect elsewhere may hide a second From from one parser and show it to another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.model import Address
from bot.model.address import FOUND
from bot.parsing.headers import words
from bot.parsing.mime import HEADER_BYTES, HEADER_LINES

CONTROL = "control character in the headers"
BROKEN = "headers out of form"
LONG = "too many headers"
NONE, TWICE, SEVERAL = "no From", "From stands twice", "several people in From"
UNCLEAR = "From is out of form"
HIDDEN = "another address in the name of From"
# All values of `Letter.from_defect`, except "".
DEFECTS = (CONTROL, BROKEN, LONG, NONE, TWICE, SEVERAL, UNCLEAR, HIDDEN)

LONGEST = 1000  # octets of From
_END = re.compile(rb"\n\r?\n")
# Line ends are CRLF or LF (RFC 5322, 2.1). NEL and U+2028 end a line for readers that decode first.
_CONTROL = re.compile(rb"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2\x85|\xe2\x80[\xa8\xa9]")
_FIELD = re.compile(rb"^([!-9;-~]{1,200}):([^\n]*\n(?:[ \t][^\n]*\n)*)", re.MULTILINE)
_BLOCK = re.compile(rb"(?:%s)+" % _FIELD.pattern.lstrip(b"^"))
# A mailbox (RFC 5322, 3.4) that every parser reads alike. Its name: quoted strings, comments without special
# characters, atoms, dots and raw 8-bit text. Its address: as plain as most are.
_WORD = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_SPEC = rb"(%s+(?:\.%s+)*@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)" % (_WORD, _WORD)
_COMMENT = rb"\([^()\\\"<>@,;:]*\)"
_QUOTED = rb'"(?:[^"\\]|\\["\\])*"'
_MAILBOX = re.compile(
    rb"(?:%s|%s|[A-Za-z0-9!#$%%&'*+/=?^_`{|}~.\x80-\xff\s-])*<%s>\s*(?:%s)?|%s\s*(?:%s)?"
    % (_QUOTED, _COMMENT, _SPEC, _COMMENT, _SPEC, _COMMENT)
)


def head(raw: bytes) -> bytes:
    """The header block, every line with its end; b"" if the letter begins with an empty line."""
    if raw.startswith((b"\n", b"\r\n")):
        return b""
    end = _END.search(raw)
    return raw[: end.start() + 1] if end else raw.removesuffix(b"\n") + b"\n"


def header(raw: bytes, name: bytes) -> list[bytes]:
    """The raw values of the fields with this lower-case name, from the top."""
    return [found[2] for found in _FIELD.finditer(head(raw)) if found[1].lower() == name]


def from_defect(raw: bytes, sender: Sequence[Address]) -> str:
    """Why From is ambiguous: one of DEFECTS, or "". `sender` is how we read it."""
    block = head(raw)
    if _CONTROL.search(block):
        return CONTROL
    if len(block) > HEADER_BYTES or block.count(b"\n") >= HEADER_LINES:
        return LONG
    if not _BLOCK.fullmatch(block):
        return BROKEN
    found = header(block, b"from")
    if len(found) != 1:
        return TWICE if found else NONE
    value = re.sub(rb"\r?\n", b"", found[0]).strip()
    return SEVERAL if len(sender) > 1 else _of_value(value, [one.email for one in sender])


def _of_value(value: bytes, sender: list[str]) -> str:
    """The same for the single From field, unfolded."""
    plain = value.isascii() or b"\\" not in value  # in GB 18030 a backslash may be half a character
    match = _MAILBOX.fullmatch(value) if plain and len(value) < LONGEST else None
    spec = next(filter(None, match.groups()), b"") if match else b""
    if b"=?" in spec or [spec.decode().lower()] != sender:
        return UNCLEAR
    said = words(value.replace(spec, b" ")).lower() if b"=?" in value else ""
    others = set(FOUND.findall(said)) - set(sender)
    return HIDDEN if others or "<" in said.replace("< >", "") else ""
