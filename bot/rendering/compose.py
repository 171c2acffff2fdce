"""An outgoing letter as bytes (RFC 5322, RFC 2045-2047, RFC 2231), for a relay or the outbox folder.

The same letter always gives the same bytes: Date and Message-ID come from the letter, the MIME boundaries
from its Message-ID. No value can add a header, since line breaks and controls never get into one.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Iterable, Sequence
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from bot.model import File, Outgoing
from bot.model.encoding import CONTROLS, base64_lines, encoded, folded, header, mailbox
from bot.model.markup import OWN, literal
from bot.rendering.templates import Layout

TYPE = re.compile(r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.IGNORECASE)
SIGNED = re.compile(r"[\w.-]+\+[\w.-]{16,}", re.ASCII)  # the local part of an address of ours: the same in text, HTML and a URL


def to_bytes(outgoing: Outgoing, layout: Layout, sender: str, sender_name: str = "", files: Sequence[File] = ()) -> bytes:
    """The whole letter with CRLF line ends: From `sender_name <sender>`, text and HTML (in its layout) as alternatives, then the files.

    `outgoing.headers` come last, in their order; a From among them replaces the sender's. Raises ValueError
    for an invalid header name. A picture that the HTML mentions as "cid:NAME" is put into the HTML part (RFC
    2392).
    """
    own = any(name.lower() == "from" for name, _ in outgoing.headers)
    headers = [
        ("Date", format_datetime(outgoing.created)),
        ("Message-ID", f"<{outgoing.message_id.strip('<> ')}>"),
        *([] if own else [("From", _sender(sender_name, sender))]),
        ("To", outgoing.to),
        ("Subject", outgoing.subject),
        *outgoing.headers,
    ]
    seed = sha256(outgoing.message_id.encode("utf-8", "replace")).hexdigest()[:24]
    text, html = _readings(outgoing, layout)
    inside = [one for one in files if f'"cid:{one[0]}"' in html]
    files = [one for one in files if one not in inside]
    page = _text("html", html)
    if inside:
        page = _multipart("related", f"=_r{seed}", [page, *(b"Content-ID: <%s>\r\n" % one[0].encode() + _file(one) for one in inside)])
    body = _multipart("alternative", f"=_a{seed}", [_text("plain", text), page])
    if files:
        body = _multipart("mixed", f"=_m{seed}", [body, *map(_file, files)])
    return b"".join([*(header(name, value) for name, value in headers), b"MIME-Version: 1.0\r\n", body])


_layout = lru_cache(2)(Layout)  # of a source: the one in force, and the one before
_sender = lru_cache(16)(mailbox)


def composed(outgoing: Outgoing, layout: str | None, sender: str, sender_name: str, files: Sequence[File]) -> bytes:
    """As to_bytes, with the source of the layout; what the process that sends letters is given."""
    return to_bytes(outgoing, _layout(layout), sender, sender_name, files)


def _readings(outgoing: Outgoing, layout: Layout) -> tuple[str, str]:
    """Text and HTML. Copies for several people differ only in the signed address, put in at the end."""
    reply = next((value for name, value in outgoing.headers if name == "Reply-To"), "").partition("@")[0]
    if not SIGNED.fullmatch(reply):
        return layout.readings(outgoing.subject, outgoing.body, outgoing.language)
    text, html = layout.readings(outgoing.subject, outgoing.body.replace(literal(reply), OWN), outgoing.language)
    return text.replace(OWN, reply), html.replace(OWN, reply)


# ------------------------------------------------------------------------------------------------------------ parts


def _multipart(kind: str, boundary: str, parts: Iterable[bytes]) -> bytes:
    """`=_` can stand neither in base64 nor in quoted-printable, so the boundary stands in no part (RFC 2045, section 6.7)."""
    line = b"--" + boundary.encode()
    inside = b"".join(line + b"\r\n" + part for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode() + inside + line + b"--\r\n"


def _text(kind: str, text: str) -> bytes:
    """Quoted-printable if it is shorter, so that people can read the source; otherwise base64."""
    octets = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").replace(b"\n", b"\r\n")
    if len(octets) - len(text) < len(octets) // 12:  # a letter that is not ASCII makes six characters of its two octets
        octets += b"" if b"\n" in octets else b"\r\n"  # the codec ends all lines as the first one
        how, coded = b"quoted-printable", b2a_qp(octets, istext=True) + b"\r\n"  # which the boundary takes
    else:
        how, coded = b"base64", base64_lines(octets)
    return f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: ".encode() + how + b"\r\n\r\n" + coded


def _file(file: File) -> bytes:
    name, type_, content = file
    type_ = type_.lower() if TYPE.fullmatch(type_) else "application/octet-stream"
    clean = CONTROLS.sub(" ", name).replace('"', "'").replace("\\", "_").strip()[:120] or "file"
    if clean.isascii() and "=?" not in clean:
        type_, disposition = f'{type_}; name="{clean}"', f'attachment; filename="{clean}"'
    else:  # RFC 2231 for current programs, an encoded word for old ones
        pieces = re.findall(r"(?:%[0-9A-F]{2}|.){1,20}", "utf-8''" + quote(clean, safe=""))
        disposition = "attachment;" + ";".join(f"\r\n filename*{number}*={piece}" for number, piece in enumerate(pieces))
        type_ = f'{type_};\r\n name="{folded(encoded(clean), 7).strip()}"'
    head = f"Content-Type: {type_}\r\nContent-Disposition: {disposition}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + base64_lines(content)
