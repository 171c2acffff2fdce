"""Which parts of a letter are its text and which its files, and how the text reads.

Of a plain and an HTML alternative the plain one is taken, unless it is empty or only says that there is HTML.
"""

from __future__ import annotations

import re

from msgspec import Struct

from bot.reading import charset, html, quotes
from bot.reading.mime import Part
from bot.reading.vocabulary import pattern

TEXT_CHARS = 1_000_000  # of one part; nobody reads more, the letter itself is kept whole

_TEXTS = {"text/plain", "text/html", "text/enriched", "text/richtext", "text/markdown", "text/x-markdown", "text/x-plain"}
_STUB = pattern("no_html")
_QUOTE_IN_HTML = re.compile(r"<blockquote|gmail_quote|yahoo_quoted|moz-cite|divRplyFwdMsg|mail-quote|border:none;border-top:solid", re.IGNORECASE)
_LOOKS_LIKE_HTML = re.compile(r"\s*(?:<!doctype html|<html|<head|<body|<(?:div|p|table|span|font|meta)\b[^<>]{0,300}>)", re.IGNORECASE)
_META = re.compile(rb"<meta[^<>]{1,200}?charset=[\"']?([A-Za-z0-9_-]{2,40})", re.IGNORECASE)
_ARMOUR = re.compile(
    r"-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z-]+: [^\n]*\n)*\n?(.*?)"
    r"(?:\n-----BEGIN PGP SIGNATURE-----.*?(?:-----END PGP SIGNATURE-----\n?|\Z)|\Z)", re.DOTALL)


class Block(Struct):
    """A stretch of text in one or two forms; "" is a form that the letter does not have."""

    plain: str = ""
    html: str = ""


class Body(Struct):
    """What a letter says."""

    text: str = ""  # what its author wrote
    full_text: str = ""
    html: str = ""  # cleaned
    raw_html: str = ""
    files: list[Part] = []
    defects: list[str] = []


def body(root: Part, hint: str) -> Body:
    """The text and the files of a letter; `hint` is its charset where a part has no label."""
    found = Body(files=[], defects=[])
    blocks = [block for block in _collect(root, found, hint) if block.plain.strip() or block.html.strip()]
    said: list[tuple[str, str | None]] = []
    for block in blocks:
        if sum(len(full) for full, _ in said) > TEXT_CHARS:
            found.defects.append("text too long, cut")
            break
        said.append(_said(block, found.defects))
    found.full_text = "\n\n".join(full.strip("\n") for full, _ in said) if len(said) > 1 else "".join(full for full, _ in said)
    if all(own is None for _, own in said):
        found.text = quotes.own_text(_without_armour(found.full_text))
    else:
        parts = (quotes.own_text(full) if own is None else own for full, own in said)
        found.text = "\n\n".join(part for part in parts if part.strip())
    found.raw_html = "\n".join(block.html for block in blocks if block.html)
    if found.raw_html:
        found.html = html.safe(found.raw_html)
    if "-----BEGIN PGP MESSAGE-----" in found.full_text:
        found.defects.append("encrypted with PGP")
    return found


def flowed(text: str, delete_space: bool) -> str:
    """The lines of a format=flowed text joined into paragraphs (RFC 3676); quote marks stay before each."""
    paragraphs: list[list[str]] = []
    going_on = -1  # the depth of quotation of a paragraph that has not ended
    for line in text.split("\n"):
        rest = line.lstrip(">")
        depth = len(line) - len(rest)
        rest = rest.removeprefix(" ")
        soft = rest.endswith(" ") and rest != "-- "
        if depth != going_on or rest == "-- ":
            paragraphs.append([">" * depth + " " if depth else ""])
        paragraphs[-1].append(rest[:-1] if soft and delete_space else rest)
        going_on = depth if soft else -1
    return "\n".join(map("".join, paragraphs))


def _collect(part: Part, found: Body, hint: str) -> list[Block]:
    """The blocks of a part in order; its files go to `found.files`. Nesting is limited by `mime.NESTING`."""
    if part.children:
        if part.type == "multipart/alternative":
            return _alternative(part, found, hint)
        blocks: list[Block] = []
        for child in part.children:
            blocks += _collect(child, found, hint)
        return blocks
    if part.type.startswith("multipart/") or part.type not in _TEXTS:
        if not (part.type.startswith("multipart/") and not part.raw.strip()):
            found.files.append(part)
        return []
    named = bool(part.named.keys() & {"filename", "filename*"} or part.parameters.keys() & {"name", "name*"})
    if part.disposition == "attachment" or (named and not (part.parent and part.parent.type == "multipart/alternative")):
        found.files.append(part)
        before = part.parent.children[: part.parent.children.index(part)] if part.parent else []
        # A letter that is nothing but a file of text says what the file says.
        if part.parent and (part.disposition == "attachment" or any(other.type in _TEXTS or other.children for other in before)):
            return []
    text = _decoded(part, found.defects, hint)
    return [Block(html=text) if part.type == "text/html" else Block(plain=text)]


def _alternative(part: Part, found: Body, hint: str) -> list[Block]:
    merged = Block()
    for child in part.children:
        if child.type.startswith("text/") and child.type not in _TEXTS and child.type != "text/calendar":
            continue  # text/x-amp-html and other forms of the same content
        for block in _collect(child, found, hint):
            if block.plain.strip() and block.plain.strip() != merged.plain.strip():
                merged.plain = f"{merged.plain}\n{block.plain}" if merged.plain else block.plain
            if block.html:
                merged.html = f"{merged.html}\n{block.html}" if merged.html else block.html
    return [merged]


def _decoded(part: Part, defects: list[str], hint: str) -> str:
    data = part.body()
    label = part.parameters.get("charset", b"").decode("latin-1")
    if not label and part.type == "text/html" and (meta := _META.search(data[:4096])):
        label = meta[1].decode("ascii")
    text, defect = charset.decode(data[: 4 * TEXT_CHARS], label, hint)
    if defect:
        defects.append(defect)
    if len(text) > TEXT_CHARS or len(data) > 4 * TEXT_CHARS:
        defects.append("text too long, cut")
        text = text[:TEXT_CHARS]
    if part.type == "text/plain":
        if part.parameters.get("format", b"").lower() == b"flowed":
            return flowed(text, part.parameters.get("delsp", b"").lower() == b"yes")
        if _LOOKS_LIKE_HTML.match(text) and re.search(r"</(?:html|body|div|p|table)>", text[-2000:], re.IGNORECASE):
            return html.to_text(text).text
    elif part.type in ("text/enriched", "text/richtext"):
        return re.sub(r"<[^<>\n]{0,60}>", "", re.sub(r"<param>.{0,200}?</param>", "", text, flags=re.IGNORECASE | re.DOTALL))
    return text


def _said(block: Block, defects: list[str]) -> tuple[str, str | None]:
    """Full text and, where only the HTML shows what is quoted, the author's own; None leaves that to the words."""
    plain, source = block.plain, block.html
    if not source:
        return plain, None
    if plain.strip() and not (len(plain) < 600 and len(source) > 2 * len(plain) and _STUB.search(plain)):
        own = quotes.own_text(plain)
        if own.strip() == plain.strip() and ">" not in plain and _QUOTE_IN_HTML.search(source):
            page = html.to_text(source)
            own = page.own if page.own is not None and page.own.strip() else own
        return plain, own
    page = html.to_text(source)
    if page.defect:
        defects.append(page.defect)
    if not page.text.strip():
        return plain, None
    return page.text, page.own


def _without_armour(text: str) -> str:
    """Text that was signed with PGP in line, without the armour around it."""
    if "-----BEGIN PGP SIGNED MESSAGE-----" not in text:
        return text
    return _ARMOUR.sub(lambda match: re.sub(r"^- ", "", match[1], flags=re.MULTILINE) + "\n", text)
