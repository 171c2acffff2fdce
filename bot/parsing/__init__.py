"""A stranger's bytes -> Letter. Pure, linear in the size of the letter; any bytes give a Letter."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterable

from bot.model import Address, Attachment, Envelope, Hit, Letter
from bot.parsing import automatic, charset, guard, pictures
from bot.parsing.attachments import attachment
from bot.parsing.bodies import Body, body
from bot.parsing.headers import Senders, message_ids, shown, words
from bot.parsing.mime import Part, fields, parse

__all__ = ["extract", "file_texts", "read"]

MOST_TEXT = 2 * 1024 * 1024  # octets of a letter's text files that the leak check reads

_CYRILLIC, _LATIN = re.compile("[а-яё]+", re.IGNORECASE), re.compile("[a-z]+", re.IGNORECASE)
_CONTENT_ID = re.compile(r"""cid:([^"'\s>)]{1,200})""", re.IGNORECASE)


def read(raw: bytes, envelope: Envelope) -> Letter:
    """The letter in these bytes. Raises only MemoryError; the parser process fills in `matches` and `ms`."""
    try:
        return _read(raw, envelope)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a fault of ours must not lose the letter: it is shown as it came.
        return _rescued(raw, envelope, type(error).__name__)


def extract(raw: bytes, wanted: Iterable[tuple[int, str]]) -> list[bytes | None]:
    """The decoded bytes of parts; `wanted` maps their numbers (`Attachment.part`) to the types to send.

    Pictures lose their metadata, see `pictures`. None if that fails, and for a part that does not exist.
    """
    parts = {part.number: part for part in parse(raw)[0].walk()}
    room, found = pictures.TURNED, list[bytes | None]()
    for number, kind in wanted:
        data = parts[number].body() if number in parts else None
        if data is not None and kind in pictures.TYPES.values():
            turned, pixels = pictures.upright(data, room)
            data, room = pictures.bare(turned), room - pixels
        found.append(data)
    return found


def file_texts(raw: bytes) -> list[str]:
    """The words of a letter's text files, whatever type they claim, as far as the leak check reads them."""
    root, _ = parse(raw)
    hint, found, room = _hint(root), list[str](), MOST_TEXT
    for part in body(root, hint).files:
        data = part.body()[:room]
        if data and (b"\0" not in data or data[:2] in (b"\xff\xfe", b"\xfe\xff")):
            found.append(charset.decode(data, "", hint)[0])
            room -= len(data)
    return found


def _read(raw: bytes, envelope: Envelope) -> Letter:
    root, defects = parse(raw)
    hint = _hint(root)
    senders = Senders(root.fields, hint)
    subject = words(root.field("subject"), hint)
    headers = shown(root.fields, hint)
    said = body(root, hint)
    files, digests = _files(said, hint)
    author = senders.sender[0].email if senders.sender else ""
    why = guard.from_defect(raw, senders.sender)
    hits = automatic.hits(headers, root, envelope.mail_from, subject, author, said.full_text)
    references = message_ids(value for name in ("in-reply-to", "references") for key, value in root.fields if key == name)
    kind, may_answer = automatic.judge(hits, reply=bool(references))
    bounced, reported = automatic.report(root, hits, said.full_text)
    return Letter(
        envelope=envelope,
        subject=subject,
        sender=senders.sender,
        reply_to=senders.reply_to,
        to=senders.to,
        cc=senders.cc,
        date=senders.date,
        message_id=next(iter(message_ids([root.field("message-id")])), ""),
        references=references,
        headers=headers,
        text=said.text,
        top=said.top,
        full_text=said.full_text,
        attachments=files,
        defects=tuple(dict.fromkeys(filter(None, (why, *defects, *said.defects, *map(_unreadable, files))))),
        from_defect=why,
        language=_language(f"{(said.text or said.full_text)[:4000]}\n{subject}"),
        fingerprint=_fingerprint(author, subject, said.full_text, digests),
        class_hits=hits,
        may_answer=may_answer,
        kind=kind,
        bounced=bounced,
        reported_ids=reported,
    )


def _rescued(raw: bytes, envelope: Envelope, fault: str) -> Letter:
    """The letter with its bytes shown as text, for an agent. It never gets an automatic answer."""
    text = charset.decode(raw[: 1024 * 1024])[0]
    subject, sender = "", tuple[Address, ...]()
    with contextlib.suppress(Exception):
        found, _ = fields(raw, [])
        subject, sender = words(dict(reversed(found)).get("subject", b"")), Senders(found).sender
    return Letter(
        envelope=envelope, subject=subject, sender=sender, text=text, full_text=text, may_answer=False,
        defects=(f"could not be read: {fault}",), from_defect=guard.UNCLEAR, fingerprint=_digest(raw).hex(),
        class_hits=(Hit(rule="unreadable", evidence=fault),),
    )  # fmt: skip


def _hint(root: Part) -> str:
    """The first charset that a text part of the letter names; used for fields and names without one."""
    for part in root.walk():
        label = part.parameters.get("charset", b"").decode("latin-1")
        if label and charset.codec(label) not in ("", "ascii"):
            return label
    return ""


def _language(sample: str) -> str:
    """ "ru" if a good part is in Cyrillic, "en" if nearly all is Latin, "" if there is too little text.

    Russian texts are full of Latin product names, addresses and error messages; English ones have no
    Cyrillic.
    """
    cyrillic, latin = (sum(map(len, script.findall(sample))) for script in (_CYRILLIC, _LATIN))
    if cyrillic * 4 >= latin and cyrillic >= 2:
        return "ru"
    return "en" if latin >= 8 else ""


def _files(said: Body, hint: str) -> tuple[tuple[Attachment, ...], list[bytes]]:
    """The attachments and their digests."""
    placed = {identity.lower() for identity in _CONTENT_ID.findall(said.html)}
    files, digests = [], []
    for part in said.files:
        data, defect = part.decoded()
        said.defects += filter(None, [defect])
        identity = part.field("content-id").strip(b" <>").decode("utf-8", "replace").lower()
        files.append(attachment(part, data, hint, identity in placed))
        digests.append(_digest(data))
    return tuple(files), digests


def _unreadable(file: Attachment) -> str:
    """What the agent is told if the text of the letter may be inside this file, else ""."""
    if file.why == "encrypted":
        return "encrypted with PGP" if "pgp" in file.type or file.type == "application/octet-stream" else "S/MIME, cannot be read here"
    return "winmail.dat, Outlook's own format" if file.why == "tnef" else ""


def _fingerprint(sender: str, subject: str, text: str, digests: list[bytes]) -> str:
    """The same for two copies of a letter that took different routes: blanks and line ends do not count."""
    content = "\0".join((sender, subject, " ".join(text.split()))).encode("utf-8", "replace")
    return _digest(b"\0".join((content, *digests))).hex()


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
