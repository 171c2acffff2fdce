"""What a DKIM signature covers of a letter (RFC 6376): all that is read, or it proves nothing. Pure.

dkimpy takes quadratic time over some bytes, so both functions that call it are for parser processes.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Sequence

import dkim
from dkim.util import parse_tag_value

from bot.model import Value
from bot.parsing import charset
from bot.parsing.mime import values

# What the desk shows or decides by: each must stand in a letter once and be signed. The last two are the
# body's.
COVERED = (
    b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"in-reply-to", b"references",
    b"content-type", b"content-transfer-encoding",
)  # fmt: skip
PLAIN_CHARSETS = ("ascii", "utf-8", "cp1251", "koi8-r", "iso8859-1", "cp1252")  # in which ASCII is ASCII
HTML = re.compile(
    rb"\s*<(?:!doctype|html|head|body|div|p|br|table|span|font|blockquote|pre|a|b|i)(?=[\s>/])", re.IGNORECASE
)
# Why a signature does not count, for `Letter.defects`. Agents are shown all but the last, which honest mail
# has too.
NO_FROM, PART, TWICE = "DKIM leaves out From", "DKIM covers a part of the text", "a header stands twice"
GAPS = "DKIM leaves out"
MOST = 5  # signatures of a letter that are looked at


class Signature(Value, frozen=True):
    """What a signature says of itself, and why it does not cover all that is read, or ""."""

    number: int
    domain: str
    selector: str
    user: str  # domain of the person who signed, "" for none
    gap: str


def signatures(raw: bytes) -> list[Signature]:
    """The first signatures of a letter, unproved; dkimpy's exceptions for what it cannot read."""
    letter = dkim.DKIM(raw)
    fields = [value for name, value in letter.headers if name.lower() == b"dkim-signature"][:MOST]
    found = []
    for number, tags in enumerate(map(parse_tag_value, fields)):
        if {b"d", b"s"} <= tags.keys():
            domain, selector, user = (tags.get(key, b"").decode().lower() for key in (b"d", b"s", b"i"))
            gap = lacking(tags, letter.headers, letter.body)
            found.append(Signature(number, domain, selector, user.rpartition("@")[2], gap))
    return found


def verified(raw: bytes, number: int, record: str) -> bool:
    """dkimpy's word on one signature; `record` publishes the key."""
    with contextlib.suppress(dkim.DKIMException):
        return bool(dkim.DKIM(raw).verify(number, dnsfunc=lambda _name, timeout=1: record.encode("latin-1")))
    return False


def lacking(tags: dict[bytes, bytes], headers: Sequence[tuple[bytes, bytes]], body: bytes) -> str:
    """Why a signature does not cover all that is read: one of the words above, "" where it does.

    dkimpy takes signed headers from the bottom up, a reader from the top down: what stands twice is never
    proof. What stands there unsigned was perhaps put in by somebody who has the letter.
    """
    there = {name.lower(): value for name, value in headers}
    signed = {one.strip().lower() for one in tags.get(b"h", b"").split(b":")}
    counts = Counter(name.lower() for name, _ in headers)
    if twice := [name for name in COVERED if counts[name] > 1]:
        return f"{TWICE}: {twice[0].decode()}"
    if b"from" not in signed:
        return NO_FROM
    if b"l" in tags:
        return PART
    open_to_change = [name for name in COVERED[:-2] if name in there and name not in signed]
    kind, coding = (there.get(name, b"") for name in (b"content-type", b"content-transfer-encoding"))
    if b"content-type" not in signed and not evident(kind, body):
        open_to_change.append(b"content-type")
    if b"content-transfer-encoding" not in signed and not plain(kind, coding, body):
        open_to_change.append(b"content-transfer-encoding")
    return f"{GAPS}: {', '.join(name.decode() for name in open_to_change)}" if open_to_change else ""


def evident(kind: bytes, body: bytes) -> bool:
    """Whether the body, which is signed, says of itself what an unsigned Content-Type says.

    Many providers leave that field out. With another boundary, charset or type the same bytes are other
    words: so the boundary must be the body's first line, and a plain text must look like nothing else.
    """
    name, parameters = values(kind)
    start = body.lstrip()[:4096]
    if name.startswith("multipart/"):
        return start.partition(b"\n")[0].rstrip() == b"--" + parameters.get("boundary", b"?").rstrip()
    label = parameters.get("charset", b"ascii").decode("latin-1")
    if start.startswith(b"--") or charset.codec(label) not in PLAIN_CHARSETS:
        return False
    if name == "text/html":
        return HTML.match(start) is not None
    return name in ("", "text/plain") and not parameters.keys() & {"format",
    "delsp"} and not HTML.search(body)


def plain(kind: bytes, coding: bytes, body: bytes) -> bool:
    """Whether a body is meant as it stands, as an unsigned Content-Transfer-Encoding, or none, says."""
    as_it_stands = coding.strip().lower() in (b"", b"7bit", b"8bit", b"binary") and b"=\r\n" not in body
    return as_it_stands or values(kind)[0].startswith("multipart/")  # whose parts have their own, in the body
