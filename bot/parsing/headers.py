"""Header fields as people read them: encoded words, raw 8-bit text, addresses, dates and references.

mail-parser reads addresses and dates. It finds the sender by the structure of the field, whatever a display
name pretends. It gets only those fields, already decoded: its own decoding of 8-bit fields is lossy, and a
whole message of a stranger's fields would cost time.
"""

from __future__ import annotations

import binascii
import contextlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from mailparser.dates import parse_mail_date
from mailparser.utils import get_addresses

from bot.model import Address
from bot.model.address import FOUND, MAILBOX
from bot.model.markup import clean
from bot.parsing import charset
from bot.parsing.mime import unpercent
from bot.parsing.transfer import base64

FIELD_BYTES = 64 * 1024  # how much of one field is read
SHOWN_FIELDS, SHOWN_CHARS = 200, 2000
NAME_BYTES = 1000  # of a parameter; there may be a thousand parts, and names are cut to 120 characters
FIRST_YEAR, LAST_YEAR = 1900, 9000  # of a date
SHORT = 300  # characters; the mailboxes of shorter address fields are cached

_ADDRESS_FIELDS = ("from", "reply-to", "to", "cc")
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*(?:\?(?!=)[^?]*)*?)(?:\?=|\Z)")
_CONTROLS = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_ANGLES = re.compile(rf"<\s*({MAILBOX.pattern})(?=[\s>,;]|\Z)")
_SCHEME = re.compile(r"(?<![\w.])(?:mailto|smtp):\s?([^\s<>\"?]{1,320}@[^\s<>\"?,;]{1,255})(?:\?[^\s<>\"]{0,500})?", re.IGNORECASE)
_LAST_DOTS = re.compile(r"(?<=[\w>])\.{1,3}(?=\s?(?:[>,;]|\Z))")
_MESSAGE_ID = re.compile(r"<([^<>]{1,990})>")


class Senders:
    """The address and date fields of a letter."""

    def __init__(self, fields: list[tuple[str, bytes]], hint: str = "") -> None:
        raws = dict[str, str]()
        for name, value in fields:
            if name in (*_ADDRESS_FIELDS, "date") and value and name not in raws:
                raws[name] = charset.decode(value[:FIELD_BYTES], "", hint)[0]
        self.sender, self.reply_to, self.to, self.cc = (_known(raws.get(name, "")) for name in _ADDRESS_FIELDS)
        self.date = _date(raws.get("date", ""))


def words(value: bytes | str, hint: str = "") -> str:
    """A field as one line of text: encoded words (RFC 2047) and 8-bit bytes decoded, without controls."""
    if isinstance(value, bytes) and value.isascii() and b"=?" not in value and not _CONTROLS.search(value):
        return " ".join(value[:FIELD_BYTES].decode("ascii").split())
    text = value if isinstance(value, str) else charset.decode(value[:FIELD_BYTES], "", hint)[0]
    if "=?" in text:
        text = _decoded(text)
    return " ".join(clean(charset.mend(text)).split())


def parameter(values: dict[str, bytes], name: str, hint: str = "") -> str:
    """A MIME parameter's text: RFC 2231, or what programs write instead (encoded words, raw bytes, percent signs)."""
    if (value := values.get(name + "*", b"")[:NAME_BYTES]):
        label, _, rest = value.partition(b"'")
        return words(charset.decode(rest.partition(b"'")[2] if b"'" in rest else value, label.decode("latin-1"), hint)[0])
    value = values.get(name, b"")[:NAME_BYTES]
    if percent := re.fullmatch(rb"([\w-]{2,30})'[\w-]{0,10}'(.*%[0-9A-Fa-f]{2}.*)", value, re.DOTALL):
        return words(charset.decode(unpercent(percent[2]), percent[1].decode("latin-1"), hint)[0])
    return words(value, hint)


def shown(fields: list[tuple[str, bytes]], hint: str = "") -> tuple[tuple[str, str], ...]:
    """The fields for `Letter.headers`: decoded, and cut to stay small."""
    return tuple((name, words(value[: SHOWN_CHARS * 6], hint)[:SHOWN_CHARS]) for name, value in fields[:SHOWN_FIELDS])


def message_ids(values: Iterable[bytes], most: int = 200) -> tuple[str, ...]:
    """The Message-IDs in these fields, in order, each once, without brackets and blanks from folding."""
    found: dict[str, None] = {}
    for value in values:
        text = value[:FIELD_BYTES].decode("utf-8", "replace")
        ids = _MESSAGE_ID.findall(text) or ([] if "<" in text else [word for word in text.split() if "@" in word])
        found.update(dict.fromkeys(filter(None, (clean(re.sub(r"\s", "", one)) for one in ids))))
    kept = list(found)
    return tuple(kept if len(kept) <= most else [kept[0], *kept[1 - most :]])


def _date(raw: str) -> datetime | None:
    """The date, or None where there is none that any clock could have shown: it is reckoned with in other zones."""
    found: datetime | None = None
    with contextlib.suppress(Exception):  # mail-parser lets TypeError, ValueError, OverflowError through
        found = parse_mail_date(re.sub(r"\s+", " ", raw)).value
    if not found:
        with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError):
            found = parsedate_to_datetime(raw[:200])
    if not found or not FIRST_YEAR <= found.year <= LAST_YEAR:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _decoded(text: str) -> str:
    """Decodes encoded words. Neighbours are joined as bytes first, since programs split characters."""
    out: list[str] = []
    pending: list[tuple[bytes, str]] = []
    label, end = "", 0

    def flush() -> None:
        if pending:
            read = charset.decode(b"".join(word for word, _ in pending), label)[0]
            # What cannot be decoded is shown as it came.
            out.append("".join(literal for _, literal in pending) if read.count("\ufffd") > 2 else read)
            pending.clear()

    for match in _ENCODED_WORD.finditer(text):
        gap = text[end : match.start()]
        if gap.strip() or match[1].lower() != label:
            flush()
        if gap.strip() or not end:
            out.append(gap)
        label, end = match[1].lower(), match.end()
        data = match[3].encode("utf-8", "surrogatepass")
        pending.append((base64(data) if match[2] in "bB" else binascii.a2b_qp(data.replace(b"_", b" ")), match[0]))
    flush()
    out.append(text[end:])
    return "".join(out)


def _known(raw: str) -> tuple[Address, ...]:
    return _seen(raw) if len(raw) < SHORT else _mailboxes(raw)


def _mailboxes(raw: str) -> tuple[Address, ...]:
    """The mailboxes of an address field."""
    try:
        pairs = get_addresses(re.sub(r"\s+", " ", _respelt(raw)), decode_names=True)
    except Exception:  # noqa: BLE001 - mail-parser lets TypeError, ValueError and AttributeError through.
        pairs = []
    return _addresses(pair for pair in pairs if "@" in pair[1]) or _recovered(raw)


def _respelt(raw: str) -> str:
    """The field in the spelling of the standard: without "mailto:" and dots at the end, with commas between addresses."""
    if "\\" in raw:
        return raw  # it may stand before a quotation mark
    pieces = _SCHEME.sub(r"\1", raw).split('"')
    grouped = ":" in "".join(pieces[::2])
    for at in range(0, len(pieces), 2):
        plain = _LAST_DOTS.sub("", pieces[at])
        pieces[at] = plain if grouped else plain.replace(";", ",")
    return '"'.join(pieces)


_seen = lru_cache(256)(_mailboxes)  # most letters go to one address


def _addresses(pairs: Iterable[tuple[str, str]]) -> tuple[Address, ...]:
    found: dict[str, Address] = {}
    for name, email in pairs:
        email = (" " if email.startswith('"') else "").join(clean(email).split()).lower().strip("'")
        name = words(name)[:200]
        if email and email not in found:
            found[email] = Address(email=email, name="" if name.lower() == email else name)
    return tuple(found.values())


def _recovered(raw: str) -> tuple[Address, ...]:
    """Mailboxes of a broken field: those in angle brackets outside quotes; without any, bare addresses."""
    if "@" not in raw and "=?" not in raw:
        return ()
    for text in dict.fromkeys((raw[:8192], words(raw[:8192]))):
        bare = re.sub(r"\([^()]*\)", " ", text)
        for candidate in (re.sub(r'"[^"]*"', " ", bare), bare, text):
            if found := _ANGLES.findall(candidate):
                name = words(text.partition("<")[0].strip(" \"'"))
                return _addresses([(name if len(found) == 1 else "", email) for email in found])
            if "<" not in candidate and (found := FOUND.findall(candidate)):
                return _addresses([("", email) for email in found])
    return ()
