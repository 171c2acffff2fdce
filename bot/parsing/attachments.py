"""Files of a letter: their names are made safe, and the pictures that clause 4.5 allows are found.

A picture is judged by its content, never by its name: a JPG, GIF or PNG within the limits that can be
stripped of its metadata and that Pillow then opens and verifies.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image

from bot.model import Attachment
from bot.model.file_names import safe_name
from bot.parsing import headers, pictures
from bot.parsing.mime import Part, fields
from bot.parsing.vocabulary import table

BYTES = 10 * 1024 * 1024
PIXELS = 50_000_000
LETTER_HEAD = 64 * 1024  # octets of an attached letter in which its subject is looked for

_TABLES = table("attachments")
WHY: dict[str, str] = _TABLES["why"]  # every value of `Attachment.why`; templates put it into words

_TNEF_MAGIC = b"\x78\x9f\x3e\x22"
_WITHHELD = {type_: why for why, types in _TABLES["types"].items() for type_ in types.split()}
_EXTENSIONS: dict[str, str] = _TABLES["extensions"]


def attachment(part: Part, data: bytes, hint: str = "", shown_in_html: bool = False) -> Attachment:
    """The part as an attachment: `data` its decoded bytes, `hint` the letter's charset.

    `shown_in_html`: the letter's HTML shows it by its Content-ID.
    """
    inline = shown_in_html or part.disposition == "inline"
    kind, why, size = _judged(part, data)
    logo = not why and _is_logo(size, len(data), inline)
    name = safe_name(headers.parameter(part.named, "filename", hint) or headers.parameter(part.parameters, "name", hint))
    if not name and _WITHHELD.get(kind) == "letter":
        subject = next((value for key, value in fields(data[:LETTER_HEAD], [])[0] if key == "subject"), b"")
        name = safe_name(headers.words(subject, hint)[:80])
        name = f"{name}.eml" if name else f"part-{part.number}.eml"
    if not name:
        name = safe_name(headers.words(part.field("content-id")).strip("<>"))[:60] or f"part-{part.number}{_EXTENSIONS.get(kind, '')}"
    return Attachment(name=name, type=kind, size=len(data), accepted=not why, why=why, part=part.number, inline=inline, logo=logo)


def _judged(part: Part, data: bytes) -> tuple[str, str, tuple[int, int]]:
    """Type (by content, or as the letter says), why it is withheld (or ""), width and height."""
    why = _WITHHELD.get(part.type, "")
    if not why and part.parent is not None and part.parent.type == "multipart/encrypted":
        why = "encrypted"
    if not why and data.startswith(_TNEF_MAGIC):
        why = "tnef"
    kind = pictures.of_type(data)
    if not why and not kind:
        why = "empty" if not data else "broken" if part.type in pictures.TYPES.values() else "format"
    if not why and len(data) > BYTES:
        why = "too_big"
    return (kind or part.type, why, (0, 0)) if why else _picture(kind, data)


def _picture(kind: str, data: bytes) -> tuple[str, str, tuple[int, int]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with Image.open(io.BytesIO(pictures.bare(data) or b""), formats=tuple(pictures.TYPES)) as image:
                if image.width * image.height > PIXELS:
                    return kind, "too_many_pixels", image.size
                image.verify()
                return kind, "", image.size
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            return kind, "too_many_pixels", (0, 0)
        except Exception:  # noqa: BLE001 - Pillow raises whatever hostile bytes lead to: OSError, SyntaxError, struct.error, Warning.
            return "application/octet-stream", "broken", (0, 0)


def _is_logo(size: tuple[int, int], length: int, inline: bool) -> bool:
    """Whether a picture is decoration: a tracking pixel, a line, an icon, a banner or a logo in a signature.

    A picture attached by hand is a screenshot unless it is too small to show anything.
    """
    width, height = size
    if min(width, height) <= 12 or max(width, height) <= 40:
        return True
    if not inline:
        return False
    narrow = max(width, height) > 4 * min(width, height) and min(width, height) <= 160
    return narrow or width * height <= 200 * 120 or (height <= 130 and length < 40_000) or (width * height <= 90_000 and length < 8_000)
