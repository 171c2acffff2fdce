"""Pictures as they are sent on: only what people see of them.

EXIF (with a photo's location), XMP, comments, thumbnails, programs' private blocks and anything after the end
are left out. The picture itself is copied, so colours, quality and animations stay the same; only a photo
that lies on its side is rotated first. Each format is read as its standard says: ITU-T T.81 (JPEG), GIF89a,
PNG (ISO 15948).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from PIL import GifImagePlugin, Image, ImageOps, JpegImagePlugin, PngImagePlugin

# Loaded here, so that Pillow uses no other readers.
_READERS = (JpegImagePlugin.JpegImageFile, GifImagePlugin.GifImageFile, PngImagePlugin.PngImageFile)
TYPES = {str(reader.format): str(Image.MIME[str(reader.format)]) for reader in _READERS}
TURNED = 30_000_000  # pixels of a letter's photos that are rotated at most; others stay as they are
_ORIENTATION = 0x0112
_PNG, _GIF, _JPEG = b"\x89PNG\r\n\x1a\n", b"GIF8", b"\xff\xd8\xff"
_CHUNKS = frozenset(b"IHDR PLTE IDAT tRNS cHRM gAMA iCCP sBIT sRGB cICP bKGD pHYs acTL fcTL fdAT".split())
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # ends the data of a scan
_FILL = re.compile(rb"\xff++")  # before the kind of a marker
_MOST_SEGMENTS = 5000
_ALONE = frozenset(range(0xD0, 0xD8)) | {0x01}  # markers without a length
_KEPT = frozenset(range(0xC0, 0xE0)) - {0xC8, 0xD8, 0xD9} | {0xEE}  # tables, frames, scans, Adobe's colours


def of_type(data: bytes) -> str:
    """The type of a picture, told by its first bytes; "" for anything else."""
    marks = ((_JPEG, "JPEG"), (_GIF, "GIF"), (_PNG, "PNG"))
    return next((TYPES[name] for mark, name in marks if data.startswith(mark)), "")


def bare(data: bytes, exif: bool = False) -> bytes | None:
    """A JPEG, GIF or PNG without its invisible parts (`exif` keeps EXIF); None if it is none of these."""
    walk = {"image/jpeg": _jpeg, "image/gif": _gif, "image/png": _png}.get(of_type(data))
    try:
        return b"".join(walk(data, exif)) if walk else None
    except IndexError:
        return None


def upright(data: bytes, room: int) -> tuple[bytes, int]:
    """A photo rotated as its EXIF says, and its pixels; unchanged, and 0, if it need not or cannot be."""
    plain = bare(data, exif=True)  # Pillow takes quadratic time if EXIF comes in many pieces
    try:
        with Image.open(io.BytesIO(plain or b""), formats=tuple(TYPES)) as image:
            pixels, still = image.width * image.height, getattr(image, "n_frames", 1) == 1
            if pixels > room or not still or image.getexif().get(_ORIENTATION, 1) not in range(2, 9):
                return data, 0
            how = {"icc_profile": image.info.get("icc_profile")}
            if isinstance(image, JpegImagePlugin.JpegImageFile):
                sampling = JpegImagePlugin.get_sampling(image)
                how |= {"qtables": image.quantization, "subsampling": sampling, "optimize": True}
            out = io.BytesIO()
            ImageOps.exif_transpose(image).save(out, image.format, **how)
            return out.getvalue(), pixels
    except Exception:  # noqa: BLE001  whatever hostile bytes lead to; without EXIF the picture goes on as it lies
        return data, 0


def _png(data: bytes, exif: bool) -> Iterator[bytes]:
    yield _PNG
    at, kind = len(_PNG), b""
    while kind != b"IEND":
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise IndexError
        if kind in _CHUNKS or (exif and kind == b"eXIf"):
            yield data[at:end]
        at = end
    yield b"\0\0\0\0IEND\xaeB`\x82"


def _gif(data: bytes, _: bool) -> Iterator[bytes]:
    at = 13 + _colours(data[10])
    yield data[:at]
    frames = 0
    while at < len(data) and data[at] != 0x3B:  # some programs forget the end
        begin = at
        if data[at] == 0x2C:
            at, frames = _blocks(data, at + 11 + _colours(data[at + 9])), frames + 1
        elif data[at] == 0x21:
            at = _blocks(data, at + 2)
        else:
            raise IndexError
        if data[begin] == 0x2C or data[begin + 1] == 0xF9:
            yield data[begin:at]
        elif data[begin + 1] == 0xFF and data[begin + 3 : begin + 14] in _LOOPS and data[begin + 14] == 3:
            yield data[begin : begin + 18] + b"\0"
    if not frames:
        raise IndexError
    yield b"\x3b"


def _colours(flags: int) -> int:
    """The size of a table of colours."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks(data: bytes, at: int) -> int:
    """The end of a row of blocks."""
    while size := data[at]:
        at += 1 + size
    return at + 1


def _jpeg(data: bytes, exif: bool) -> Iterator[bytes]:
    yield data[:2]
    at, scans, segments = 2, 0, 0
    while at < len(data) and (fill := _FILL.match(data, at)) and data[fill.end()] != 0xD9:
        kind, at, segments = data[fill.end()], fill.end() + 1, segments + 1
        if kind in _ALONE:
            continue
        end = at + int.from_bytes(data[at : at + 2])
        segment = data[at - 2 : end]
        if end > len(data) or len(segment) < 4 or segments > _MOST_SEGMENTS:
            raise IndexError
        if exif and kind == 0xE1 and segment[4:10] == b"Exif\0\0":
            exif = False  # the first one counts
            yield segment
        elif kind == 0xE0 and segment[4:9] == b"JFIF\0" and len(segment) >= 18:
            yield b"\xff\xe0\x00\x10" + segment[4:16] + b"\0\0"
        elif kind in _KEPT or (kind == 0xE2 and segment[4:16] == b"ICC_PROFILE\0"):
            yield segment
        if kind == 0xDA:
            found = _MARKER.search(data, end)
            at, end, scans = end, found.start() if found else len(data), scans + 1
            yield data[at:end]
        at = end
    if not scans or (at < len(data) and not fill):
        raise IndexError
    yield b"\xff\xd9"
