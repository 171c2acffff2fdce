"""Content transfer encodings (RFC 2045, section 6), as programs, gateways and virus scanners really leave them.

What can be decoded is decoded; a line that is no base64 is kept as the text that it is. Everything is linear.
"""

from __future__ import annotations

import binascii
import contextlib
import re
from collections.abc import Iterable

FOREIGN, TORN = "foreign lines in base64", "transfer encoding damaged"
UNSAID = "transfer encoding not as the header says"

_NAMES = {b"base64": "base64", b"b64": "base64", b"xbase64": "base64", b"quotedprintable": "quoted-printable", b"qp": "quoted-printable",
          b"xuuencode": "uuencode", b"uuencode": "uuencode", b"xuue": "uuencode", b"uue": "uuencode"}  # fmt: skip
_COMMENT = re.compile(rb"\([^()]*\)")
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]")
_NO_DIGITS = re.compile(rb"[^A-Za-z0-9+/]")
_WORD = re.compile(rb"[A-Z]?[a-z]{1,19}")
_TOKEN = re.compile(rb"[A-Za-z0-9+/]{20}")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_ESCAPES = re.compile(rb"(?:=[0-9A-F]{2}){3}")
_SPLIT_ESCAPE = re.compile(rb"=([0-9A-Fa-f])[ \t]*=?\r?\n([0-9A-Fa-f])(?![0-9A-Fa-f])")
_LOOSE_END = re.compile(rb"=[ \t\r]+(?=\r?\n)")
_SPLIT_LETTER = re.compile(rb"([\xd0\xd1])\r?\n([\x80-\xbf])")
LEAST = 40  # octets; shorter ones may look like base64 by chance
_LOOK = 2000


def named(values: Iterable[bytes]) -> str:
    """The encoding that these Content-Transfer-Encoding fields name: comments and odd spelling do not count.

    "" for none, for the identity encodings, and for unknown ones. The first that is known counts.
    """
    for value in values:
        for word in re.split(rb"[,;\s]+", _COMMENT.sub(b" ", value[:1000]).lower()):
            if name := _NAMES.get(re.sub(rb"[^a-z0-9]", b"", word)):
                return name
        if name := _NAMES.get(re.sub(rb"[^a-z0-9]", b"", _COMMENT.sub(b"", value[:100]).lower())):
            return name
    return ""


def decoded(raw: bytes, encoding: str, text: bool) -> tuple[bytes, str]:
    """The bytes, and what was wrong with their encoding, or "". `text`: the part is a text."""
    if encoding == "base64":
        data, defect = _base64(raw, text)
    elif encoding == "quoted-printable":
        data, defect = _quoted_printable(raw)
    else:
        data, defect = (_uudecoded(raw) if encoding else raw), ""
    if not defect and (inner := _unsaid(data, text)) is not None:
        return inner, UNSAID
    return data, defect


def base64(raw: bytes) -> bytes:
    """The bytes; missing padding, foreign characters, padding inside and a cut end are tolerated."""
    try:
        return binascii.a2b_base64(raw.translate(None, b" \t\r\n"), strict_mode=True)
    except binascii.Error:
        pieces = [_NO_DIGITS.sub(b"", piece) for piece in re.split(rb"=+", raw)]
        whole = (piece[: len(piece) - (len(piece) % 4 == 1)] for piece in pieces)
        return b"".join(binascii.a2b_base64(piece + b"=" * (-len(piece) % 4)) for piece in whole)


def _base64(raw: bytes, text: bool) -> tuple[bytes, str]:
    """Lines of base64 are joined until other lines come; those stay where they are in a text, and are left out of a file."""
    compact = raw.translate(None, b" \t\r\n")
    with contextlib.suppress(binascii.Error):
        if not (text and _WORD.fullmatch(compact)):
            return binascii.a2b_base64(compact, strict_mode=True), ""
    out, digits, foreign, defect = list[bytes](), list[bytes](), text, ""
    for line in raw.splitlines(keepends=True):
        bare = line.strip()
        if bare:
            foreign = _is_foreign(bare, foreign)
        if not foreign:
            digits.append(bare)
            continue
        if digits:
            out += [base64(b"".join(digits)), b"\n\n" if text else b""]
            digits.clear()
        defect = FOREIGN if bare else defect
        out.append(line if text else b"")
    out.append(base64(b"".join(digits)))
    return (raw, UNSAID) if not any(out[-1:]) and defect and b"".join(out) == raw else (b"".join(out), defect or TORN)


def _is_foreign(line: bytes, after_foreign: bool) -> bool:
    """Whether a line is words and no base64: it has other characters or blanks, or is a word that follows such a line."""
    others = len(_NO_BASE64.findall(line))
    if others * 20 > len(line) or (b" " in line and not _TOKEN.search(line)):
        return True
    return after_foreign and _WORD.fullmatch(line) is not None


def _quoted_printable(raw: bytes) -> tuple[bytes, str]:
    """Some relays add blanks after a soft line end, or break the line inside of an escape or between the octets of a letter."""
    mended = _SPLIT_ESCAPE.sub(rb"=\1\2", _LOOSE_END.sub(b"=", raw))
    data = binascii.a2b_qp(mended)
    whole = _SPLIT_LETTER.sub(rb"\1\2", data) if _utf8(data.replace(b"\r\n", b"").replace(b"\n", b"")) else data
    return whole, "" if whole == data and len(mended) >= len(raw) - raw.count(b"=") else TORN


def _unsaid(data: bytes, text: bool) -> bytes | None:
    """The content of a text that is encoded although its header does not say so, or once more; else None.

    Only what can hardly be anything else: all of it base64, or full of escapes; and what it says is UTF-8.
    """
    head = data[:_LOOK]
    if text and b"=" in head and len(_ESCAPES.findall(head)) >= 2 and head.isascii():
        found = _quoted_printable(data)[0]
        return found if not found.isascii() and _utf8(found) else None
    compact = data.translate(None, b" \t\r\n") if not _NO_BASE64.search(head) and b" " not in head.strip() else b""
    if len(compact) < LEAST or len(compact) % 4:
        return None
    found, wrong = _base64(compact, text)
    if wrong or (text and (_CONTROL.search(found[:_LOOK]) or not _utf8(found) or found.isascii())):
        return None
    return found


def _utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _uudecoded(raw: bytes) -> bytes:
    begin = re.search(rb"^begin [0-7]{3,4} [^\r\n]*\r?\n", raw, re.MULTILINE)
    out = []
    for line in raw[begin.end() if begin else 0 :].splitlines():
        if line.strip() in (b"end", b"`", b""):
            continue
        # Only the announced number of bytes counts: some encoders add padding, some lose it.
        length = (((line[0] - 32) & 63) * 4 + 5) // 3
        try:
            out.append(binascii.a2b_uu(line[:length].ljust(length)))
        except binascii.Error:
            break
    return b"".join(out)
