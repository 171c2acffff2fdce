"""The tree of MIME parts of a letter, read from bytes in linear time (RFC 2045, 2046, 2231; RFC 5322 section 2.1).

The standard library's parser works line by line, recurses for each level and fails on deep nesting, and lines
and levels are up to strangers. This parser cuts slices at boundaries, so a hostile structure costs no more
time than its size warrants. It keeps bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from bot.parsing import signed, transfer

HEADER_BYTES = 256 * 1024
HEADER_LINES = 1000
NESTING = 50
PARTS = 1000

# Fields that are read even beyond the limit of lines of a header block.
_NEEDED = {b"from", b"to", b"cc", b"reply-to", b"subject", b"date", b"message-id", b"in-reply-to", b"references",
           b"content-type", b"content-transfer-encoding", b"content-disposition", b"auto-submitted", b"precedence"}  # fmt: skip
_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_KNOWN_FIELD = re.compile(
    rb"^(?:received|from|to|cc|subject|date|message-id|mime-version|content-[a-z-]+|x-[\w-]+|reply-to|return-path)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
DATA_PICTURE = re.compile(rb"data:image/([a-zA-Z0-9.+-]{2,20});base64,([A-Za-z0-9+/=%\s]{80,})", re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\n\r?\n")
_LOST_PARAMETER = re.compile(rb"[\w*-]{1,40}=")
_FOLD = re.compile(rb"[\r\n]+[ \t]*")
_LINE = re.compile(rb"[^\n]*\n|[^\n]+\Z")  # a bare CR ends no line, so no field begins after it
_PARAMETER = re.compile(rb'([!#$&+\-.^_`|~0-9A-Za-z*%\']{1,100})\s{0,9}=\s{0,9}(?:"((?:[^"\\]|\\.)*)"|"?([^;"]*))', re.DOTALL)
_GUESSED_BOUNDARY = re.compile(rb"\A\s*--([^\s-][^\r\n]{0,199}?)[ \t]*\r?\n")
_SEGMENT = re.compile(r"(.+?)(?:\*(\d{1,4}))?(\*)?")


class Part(Struct):
    """A node of the tree. `number` is its place in walk order; the letter itself is 0 and has no `parent`."""

    number: int
    fields: list[tuple[str, bytes]]  # lower-case names, unfolded values
    raw: bytes  # the body as it came, still encoded
    depth: int = 0
    parent: Part | None = None
    type: str = "text/plain"
    parameters: dict[str, bytes] = {}  # of Content-Type; see `values`
    disposition: str = ""
    named: dict[str, bytes] = {}  # parameters of Content-Disposition
    children: list[Part] = []
    within: bool = False  # it stands inside of another part: of a signature, or of HTML

    def field(self, name: str) -> bytes:
        """The value of the first field with this lower-case name, or b""."""
        return next((value for key, value in self.fields if key == name), b"")

    @property
    def encoding(self) -> str:
        """The name of the transfer encoding, or "" where the body is as it stands."""
        return transfer.named(value for key, value in self.fields if key == "content-transfer-encoding")

    def decoded(self) -> tuple[bytes, str]:
        """The decoded bytes (RFC 2045, section 6) as far as that is possible, and what was wrong with them, or ""."""
        leaf = not self.type.startswith(("multipart/", "message/"))
        if not leaf and not self.encoding:
            return self.raw, ""
        return transfer.decoded(self.raw, self.encoding, self.type.startswith(("text/", "message/")))

    def body(self) -> bytes:
        """The decoded bytes."""
        return self.decoded()[0]

    def walk(self) -> Iterator[Part]:
        """This part and all parts below it, in order, without recursion."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))


def parse(raw: bytes) -> tuple[Part, list[str]]:
    """The tree of a letter, and what is wrong with its form. Never raises. Attached letters are leaves."""
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    defects: list[str] = []
    root = _part(raw, 0, None, defects)
    open_parts, count = [root], 1
    while open_parts:
        parent = open_parts.pop()
        if (inner := _signed(parent)) is not None and count < PARTS:
            parent.type, count = "multipart/signed", count + 1
            parent.children = [_part(inner, parent.depth + 1, parent, defects)]
            open_parts.extend(parent.children)
            continue
        if parent.type == "text/html":
            parent.children = [_picture(found, parent) for found in islice(DATA_PICTURE.finditer(parent.body()), max(0, PARTS - count))]
            count += len(parent.children)
        if not parent.type.startswith("multipart/"):
            continue
        if parent.depth >= NESTING:
            defects.append("nested too deeply")
            parent.type = "application/octet-stream"
            continue
        boundary = parent.parameters.get("boundary", b"").rstrip()
        if not boundary and (guess := _GUESSED_BOUNDARY.match(parent.raw[:1000])):
            boundary = guess[1]
            defects.append("boundary missing")
        slices = list(_slices(parent.raw, boundary, PARTS + 1 - count)) if boundary else []
        if not slices:
            # A part that claims to be a multipart but is none is read as text.
            defects.append("multipart without parts")
            parent.type = "text/html" if re.match(rb"\s*<(!doctype|html)", parent.raw[:200], re.IGNORECASE) else "text/plain"
            continue
        if count + len(slices) > PARTS:
            defects.append("too many parts")
            slices = slices[: max(0, PARTS - count)]
        count += len(slices)
        parent.raw = b""  # now in the slices; fifty levels would keep it fifty times
        parent.children = [_part(piece, parent.depth + 1, parent, defects) for piece in slices]
        open_parts.extend(parent.children)
    # What stands as a part of its own comes first: older records name parts by these numbers.
    for number, part in enumerate(sorted(root.walk(), key=lambda part: part.within)):
        part.number = number
    return root, list(dict.fromkeys(defects))


def fields(raw: bytes, defects: list[str]) -> tuple[list[tuple[str, bytes]], int]:
    """The header fields at the start of `raw`, unfolded, and the offset of the body."""
    start = 0
    if raw[:1].isspace() and (blank := re.match(rb"\s+(?=[!-9;-~]{1,100}:)", raw[:4096])):
        start = blank.end()  # some programs begin with blank lines; these do not end the headers
    if raw[start : start + 5] == b"From " or raw[start : start + 6] == b">From ":
        start = raw.find(b"\n", start) + 1 or len(raw)
    if raw[start : start + 2] == b"\r\n" or raw[start : start + 1] == b"\n":
        return [], start + (2 if raw[start : start + 1] == b"\r" else 1)
    gap = _BLANK_LINE.search(raw, start)
    end, body = (gap.start(), gap.end()) if gap else (len(raw), len(raw))
    block = raw[start:end]
    if len(block) > HEADER_BYTES:
        defects.append("headers too long")
        block = block[: block.rfind(b"\n", 0, HEADER_BYTES) + 1 or HEADER_BYTES]
    found: list[tuple[str, list[bytes]]] = []
    last_known = max((match.start() for match in _KNOWN_FIELD.finditer(block)), default=-1)
    offset = 0
    for count, line in enumerate(_LINE.findall(block)):
        name = _FIELD.match(line)
        if name:
            if count < HEADER_LINES or name[1].lower() in _NEEDED:
                found.append((name[1].lower().decode("ascii"), [line[name.end() :]]))
        elif not (line[:1] in b" \t" and found):
            # A folded line that lost its indentation belongs to the previous field, if more fields follow.
            if offset >= last_known and not (found and found[-1][0].startswith("content-") and _LOST_PARAMETER.match(line)):
                defects.append("no blank line after the headers")
                body = start + offset
                break
            defects.append("broken header line")
        if not name and found and count < HEADER_LINES:
            found[-1][1].append(b" " + line)
        offset += len(line)
    if block.count(b"\n") >= HEADER_LINES:
        defects.append("too many header lines")
    return [(name, _FOLD.sub(b" ", b"".join(lines)).strip()) for name, lines in found], body


def values(value: bytes) -> tuple[str, dict[str, bytes]]:
    """A structured field: its first word in lower case, and its parameters (of equal names the first).

    The pieces of RFC 2231 are joined. A value with its own charset is kept as `name*`:
    `charset'language'bytes`.
    """
    value = value[:16384]
    main = re.match(rb"[\s\"']*([^\s;\"']*)", value)
    if main is None:
        return "", {}
    plain: dict[str, bytes] = {}
    pieces: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for match in _PARAMETER.finditer(value, main.end()):
        content = re.sub(rb"\\(.)", rb"\1", match[2], flags=re.DOTALL) if match[2] is not None else match[3].strip()
        segment = _SEGMENT.fullmatch(match[1].decode("latin-1").lower())
        if segment is None:
            continue
        if segment[2] is None and not segment[3]:
            plain.setdefault(segment[1], content)
        else:
            pieces.setdefault(segment[1], {}).setdefault(int(segment[2] or 0), (content, bool(segment[3])))
    for name, numbered in pieces.items():
        ordered = [numbered[index] for index in sorted(numbered)]
        joined = b"".join(unpercent(piece) if encoded else piece for piece, encoded in ordered)
        plain[name + "*" if ordered[0][1] else name] = joined
    return main[1].decode("ascii", "replace").lower(), plain


def unpercent(value: bytes) -> bytes:
    """Percent encoding undone (RFC 2231, section 4)."""
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes((int(match[1], 16),)), value)


def _signed(part: Part) -> bytes | None:
    """The letter that the part holds in its signature, if it is one of S/MIME that no key is needed for."""
    named = (part.named.get("filename", b"") or part.parameters.get("name", b"")).lower().endswith(b".p7m")
    if part.depth >= NESTING or not (part.type in signed.TYPES or (named and part.type == "application/octet-stream")):
        return None
    return signed.content(part.body())


def _picture(found: re.Match[bytes], page: Part) -> Part:
    """A picture that stands in the HTML itself (RFC 2397)."""
    head = [("content-type", b"image/" + found[1].lower()), ("content-transfer-encoding", b"base64")]
    kind = f"image/{found[1].decode().lower()}"
    return Part(0, head, unpercent(found[2]), page.depth + 1, page, kind, disposition="inline", within=True)


def _part(raw: bytes, depth: int, parent: Part | None, defects: list[str]) -> Part:
    found, body = fields(raw, defects)
    inside = parent is not None and (parent.within or (parent.raw != b"" and parent.type == "multipart/signed"))
    part = Part(number=0, fields=found, raw=raw[body:], depth=depth, parent=parent, within=inside)
    kind, part.parameters = values(part.field("content-type"))
    default = "message/rfc822" if parent is not None and parent.type == "multipart/digest" else "text/plain"
    part.type = kind if re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind) else {"text": "text/plain", "html": "text/html"}.get(kind, default)
    part.disposition, part.named = values(part.field("content-disposition"))
    return part


def _slices(raw: bytes, boundary: bytes, most: int) -> Iterator[bytes]:
    """The parts between the boundary lines, at most `most` of them; the last boundary may be missing."""
    mark, start = b"--" + boundary, None
    at = raw.find(mark)
    while at >= 0:
        after = at + len(mark)
        if at and raw[at - 1] != 10:  # checked first: the end of the line may be far away
            at = raw.find(mark, after)
            continue
        last = raw[after : after + 2] == b"--"
        line_end = raw.find(b"\n", after)
        rest = raw[after + 2 * last : after + 200 if line_end < 0 else min(line_end, after + 200)]
        if not rest.strip():
            if start is not None:
                # The line end before a boundary belongs to the boundary.
                yield raw[start : max(start, at - (2 if raw[at - 2 : at] == b"\r\n" else 1))]
                most -= 1
            if last or line_end < 0 or most <= 0:
                return
            start = line_end + 1
        at = raw.find(mark, after)
    if start is not None and raw[start:].strip():
        yield raw[start:]
