"""Pictures as others get them: what is seen of them stays as it is, and nothing else goes along."""

from __future__ import annotations

import struct
import zlib
from email import message_from_bytes
from io import BytesIO
from pathlib import Path

import pytest
from desk import TestDesk
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from bot.parsing import pictures

SECRET = b"59.9386N 30.3141E, the home of whoever took it"
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(width: int = 90, height: int = 60, mode: str = "RGB") -> Image.Image:
    """A picture of which each part differs."""
    channels = [Image.linear_gradient("L").resize((width, height)), Image.radial_gradient("L").resize((width, height))]
    return Image.merge("RGB", (*channels, channels[0].rotate(180))).convert(mode)


def saved(image: Image.Image, kind: str, **how: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **how)  # type: ignore[arg-type]
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def exif(orientation: int) -> bytes:
    """EXIF with a place, a comment and how the camera was held."""
    made = Image.Exif()
    made[0x0112], made[0x010E] = orientation, SECRET.decode()
    made.get_ifd(0x8825)[29] = SECRET.decode()
    return made.tobytes()


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes((marker,)) + struct.pack(">H", len(content) + 2) + content


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def jpeg(**how: object) -> bytes:
    data = saved(noise(), "JPEG", exif=exif(1), icc_profile=ICC, comment=SECRET, quality=80, **how)
    xmp, other = (segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET), segment(0xED, b"Photoshop 3.0\0" + SECRET))
    thumbnail = segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\4\4" + SECRET + b"\0" * (48 - len(SECRET)))
    return data[:2] + thumbnail + xmp + other + b"\xff\xff" + data[2:] + SECRET


def png(**how: object) -> bytes:
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", SECRET.decode())
    told.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    data = saved(noise(), "PNG", pnginfo=told, exif=exif(1), icc_profile=ICC, dpi=(300, 300), **how)
    end = data.index(b"IEND") - 4
    return data[:end] + chunk(b"prVt", SECRET) + data[end:] + SECRET


def gif(**how: object) -> bytes:
    frames = [noise().rotate(30 * turn).quantize(16) for turn in range(5)]
    more = {"save_all": True, "append_images": frames[1:], "duration": [100, 200, 300, 400, 500], "loop": 0}
    data = saved(frames[0], "GIF", comment=SECRET, **more, **how)
    xmp = b"\x21\xff\x0bXMP DataXMP" + bytes((len(SECRET),)) + SECRET + b"\0"
    place = data.index(b"\x21\xff\x0bNETSCAPE")
    return data[:place] + xmp + data[place:] + SECRET


ALL = [jpeg(), jpeg(progressive=True), png(), gif(), saved(noise(mode="CMYK"), "JPEG"), saved(noise(mode="P"), "PNG", transparency=3)]


@pytest.mark.parametrize("data", ALL)
def test_what_is_seen_stays_and_nothing_else(data: bytes) -> None:
    bare = pictures.bare(data) or b""
    assert SECRET not in bare
    before, after = opened(data), opened(bare)
    assert (after.format, after.mode, after.size, after.tobytes()) == (before.format, before.mode, before.size, before.tobytes())
    assert after.info.get("icc_profile") == before.info.get("icc_profile")
    assert after.info.get("transparency") == before.info.get("transparency")
    assert not after.getexif()
    assert pictures.bare(bare) == bare


def frames(data: bytes) -> list[tuple[object, bytes]]:
    image = Image.open(BytesIO(data))
    found = []
    for at in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(at)
        found.append((image.info.get("duration"), image.convert("RGBA").tobytes()))
    return found


def test_animations_go_on_moving() -> None:
    turning = [noise().rotate(20 * turn) for turn in range(4)]
    moving = saved(turning[0], "PNG", save_all=True, append_images=turning[1:], duration=[100, 200, 300, 400], loop=0)
    for data in (gif(), moving):
        assert frames(pictures.bare(data) or b"") == frames(data)
        assert Image.open(BytesIO(pictures.bare(data) or b"")).info["loop"] == 0
        assert len(frames(data)) >= 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_it_was_taken(kind: str, orientation: int) -> None:
    from PIL import ImageOps

    data = saved(noise(), kind, exif=exif(orientation), icc_profile=ICC, **({"quality": 95} if kind == "JPEG" else {}))
    turned, pixels = pictures.upright(data, 10_000)
    wanted, found = ImageOps.exif_transpose(opened(data)), opened(pictures.bare(turned) or b"")
    assert found.size == wanted.size
    pairs = zip(wanted.convert("L").tobytes(), found.convert("L").tobytes(), strict=True)
    assert max(abs(one - other) for one, other in pairs) <= (12 if kind == "JPEG" else 0)
    assert found.info["icc_profile"] == ICC
    assert pixels == (5400 if orientation > 1 else 0)
    assert len(turned) < 1.3 * len(data)


def test_a_letter_of_huge_photos_is_not_turned_without_end() -> None:
    data = saved(noise(), "JPEG", exif=exif(6))
    assert pictures.upright(data, 5000) == (data, 0)


TORN = [png()[:400], gif()[:300], jpeg()[:60]]
NONE = [b"", b"text", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"GIF89a" + bytes(400), b"\xff\xd8\xff"]


@pytest.mark.parametrize("data", [*TORN, *NONE])
def test_what_is_torn_is_no_picture(data: bytes) -> None:
    assert pictures.bare(data) is None


def test_exif_in_pieces_without_end_costs_nothing() -> None:
    piece = segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08" + bytes(200))
    data = jpeg()
    thousands = data[:2] + piece * 50_000 + data[2:]
    assert pictures.bare(thousands) is None
    assert pictures.upright(thousands, 10_000) == (thousands, 0)


def test_a_photo_or_an_animation_without_its_end_gets_one() -> None:
    for data, end in ((saved(noise(), "JPEG"), b"\xff\xd9"), (saved(noise(), "GIF"), b";")):
        assert pictures.bare(data.removesuffix(end)) == pictures.bare(data)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ALL), st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=4)), max_size=5), st.integers(0, 6000))
def test_damaged_ones_are_pictures_or_none(data: bytes, changes: list[tuple[int, bytes]], length: int) -> None:
    damaged = bytearray(data[:length])
    for place, value in changes:
        damaged[place : place + len(value)] = value
    bare = pictures.bare(pictures.upright(bytes(damaged), 10_000)[0])
    assert bare is None or (pictures.of_type(bare) and len(bare) <= len(damaged) + 100_000)


async def test_a_withheld_file_that_an_agent_asks_for_is_as_it_came(tmp_path: Path) -> None:
    torn = jpeg()[:200] + SECRET
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send("ivan@example.org", "Экран чёрный, снимок приложен, в Chrome 130.", files=(("photo.jpg", torn),))
    [notice] = desk.mail("anna@providence.film", "notice_new")
    assert "photo.jpg" in notice.text
    assert not notice.attachments
    await desk.reply(notice, "anna@providence.film", "#файл 1")
    parts = [part for part in message_from_bytes(desk.sender.letters[-1][0]).walk() if part.get_filename()]
    got = [(part.get_content_type(), part.get_filename(), part.get_payload(decode=True)) for part in parts]
    assert got == [("application/octet-stream", "photo.jpg", torn)]
