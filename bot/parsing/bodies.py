"""Which parts of a letter are its text and which are its files; and the text itself.

If a part has a plain and an HTML form, the plain one is taken, unless the HTML says more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from bot.parsing import charset, history, html, quotes
from bot.parsing.headers import words
from bot.parsing.mime import DATA_PICTURE, Part
from bot.parsing.vocabulary import pattern

# How much of a letter's texts, and of their HTML, is read. The letter itself is kept whole.
TEXT_CHARS, HTML_CHARS = 250_000, 1_000_000
PIECE, PART = 25, 2500  # least size that a line or tag, and a part, count: empty ones cost time too
CUT = "text too long, cut"
MISSING = 5  # words
WORDS = 20_000  # characters that are compared

_TEXTS = {"text/plain", "text/html", "text/enriched", "text/richtext", "text/markdown", "text/x-markdown", "text/x-plain"}
_WORD, _LINK = re.compile(r"[^\W_]+"), re.compile(r"<?https?://\S+|\w+:\S+@\S+")
_REPLY = pattern("reply_subject")
_QUOTE_IN_HTML = re.compile(r"<blockquote|gmail_quote|yahoo_quoted|moz-cite|divRplyFwdMsg|mail-quote|border:none;border-top:solid", re.IGNORECASE)
_LOOKS_LIKE_HTML = re.compile(r"\s*(?:<!doctype html|<html|<head|<body|<(?:div|p|table|span|font|meta)\b[^<>]{0,300}>)", re.IGNORECASE)
_META = re.compile(rb"<meta[^<>]{1,200}?charset=[\"']?([A-Za-z0-9_-]{2,40})", re.IGNORECASE)
_ARMOUR = re.compile(
    r"-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z-]+: [^\n]*\n)*\n?(.*?)"
    r"(?:\n-----BEGIN PGP SIGNATURE-----.*?(?:-----END PGP SIGNATURE-----\n?|\Z)|\Z)", re.DOTALL)


class Block(Struct):
    """A piece of text in one or two forms; a form that the letter does not have is ""."""

    plain: str = ""
    html: str = ""


class Body(Struct):
    """What a letter says."""

    text: str = ""  # what its author wrote
    top: str = ""  # what its author wrote above the first mark of history
    full_text: str = ""
    html: str = ""
    files: list[Part] = []
    defects: list[str] = []
    answer: bool = True  # whether the letter answers or forwards another one, as far as its headers tell
    room: dict[bool, int] = {}  # characters that may still be read: of HTML (True), of other text (False)


def body(root: Part, hint: str) -> Body:
    """The text and the files of a letter; `hint` is the charset of parts without a label."""
    found = Body(files=[], defects=[], answer=_is_answer(root, hint), room={True: HTML_CHARS, False: TEXT_CHARS})
    blocks = [block for block in _collect(root, found, hint) if block.plain.strip() or block.html.strip()]
    said: list[_Said] = []
    for block in blocks:
        if sum(max(len(one.full), one.full.count("\n") * PIECE) for one in said) > TEXT_CHARS:
            found.defects.append(CUT)
            break
        said.append(_said(block, found))
    found.full_text = said[0].full if len(said) == 1 else "\n\n".join(one.full.strip("\n") for one in said)
    if all(one.own is None for one in said):
        found.text = quotes.own_text(_without_armour(found.full_text), answer=found.answer)
    else:
        found.text = _joined(quotes.own_text(_without_armour(one.full), answer=found.answer) if one.own is None else one.own for one in said)
    first = next((at for at, one in enumerate(said) if one.marked), len(said))
    found.top = _joined(one.top for one in said[: first + 1])
    found.html = "\n".join(block.html for block in blocks if block.html)
    if "-----BEGIN PGP MESSAGE-----" in found.full_text:
        found.defects.append("encrypted with PGP")
    return found


def flowed(text: str, delete_space: bool) -> str:
    """A format=flowed text with its lines joined into paragraphs (RFC 3676); each keeps its quote marks."""
    paragraphs: list[list[str]] = []
    going_on = -1  # quote depth of the paragraph that may go on; -1: none may
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


def _is_answer(root: Part, hint: str) -> bool:
    told = any(root.field(name) for name in ("in-reply-to", "references"))
    return told or _REPLY.match(words(root.field("subject"), hint)) is not None


def _collect(part: Part, found: Body, hint: str) -> list[Block]:
    """The blocks of a part in order; its files go to `found.files`. Nesting is limited by `mime.NESTING`."""
    if part.children and part.type != "text/html":
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
        # If a letter consists of a single text file, that file is its text.
        if part.parent and (part.disposition == "attachment" or any(other.type in _TEXTS or other.children for other in before)):
            return []
    found.files += part.children  # pictures that stand in the HTML itself
    text = _decoded(part, found, hint)
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


def _decoded(part: Part, found: Body, hint: str) -> str:
    marked, defects = part.type == "text/html", found.defects
    room = found.room[marked]
    data, broken = part.decoded() if room > 0 else (b"", "")
    label = part.parameters.get("charset", b"").decode("latin-1")
    if not label and part.type == "text/html" and (meta := _META.search(data[:4096])):
        label = meta[1].decode("ascii")
    if part.children:
        data = DATA_PICTURE.sub(b"", data)
    text, defect = charset.decode(data[: 4 * room], label, hint) if data else ("", "")
    defects += filter(None, (broken, defect))
    end, most = "<" if marked else "\n", max(room // PIECE, 1)
    pieces = text[: max(room, 0)].split(end, most)
    if len(text) > room or len(data) > 4 * room or len(pieces) > most:
        defects.append(CUT)
    text = end.join(pieces[:most])
    found.room[marked] -= max(len(text), len(pieces) * PIECE, PART)
    if part.type == "text/plain":
        if part.parameters.get("format", b"").lower() == b"flowed":
            return flowed(text, part.parameters.get("delsp", b"").lower() == b"yes")
        if _LOOKS_LIKE_HTML.match(text) and re.search(r"</(?:html|body|div|p|table)>", text[-2000:], re.IGNORECASE):
            return html.to_text(text).text
    elif part.type in ("text/enriched", "text/richtext"):
        return re.sub(r"<[^<>\n]{0,60}>", "", re.sub(r"<param>.{0,200}?</param>", "", text, flags=re.IGNORECASE | re.DOTALL))
    return text


class _Said(NamedTuple):
    """What a block says."""

    full: str
    own: str | None  # the author's own words if only the HTML tells; None: quotes.own_text will find them
    top: str
    marked: bool  # history begins in it


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part.strip())


def _said(block: Block, found: Body) -> _Said:
    """The text of a block: its plain form, unless that is empty or refers to the HTML."""
    plain, source = block.plain, block.html
    top, marked = history.above(_without_armour(plain))
    if not source:
        return _Said(plain, None, top, marked)
    page, own = html.to_text(source, found.answer), quotes.own_text(_without_armour(plain), answer=found.answer)
    if plain.strip() and not html.betrays(source, plain) and not _says_more(page, plain, own):
        unquoted = own.strip() == plain.strip() and ">" not in plain
        if (unquoted or not marked) and _QUOTE_IN_HTML.search(source):
            own = page.own if unquoted and page.own is not None and page.own.strip() else own
            top, marked = (page.top, True) if page.marked and not marked else (top, marked)
        return _Said(plain, own, top, marked)
    found.defects += filter(None, (page.defect, CUT if len(page.text) > TEXT_CHARS else ""))
    if not page.text.strip():
        return _Said(plain, None, top, marked)
    own_words = page.own if page.own is None else page.own[:TEXT_CHARS]
    return _Said(page.text[:TEXT_CHARS], own_words, page.top[:TEXT_CHARS], page.marked)


def _says_more(page: html.Page, plain: str, own: str) -> bool:
    """Whether the HTML tells words of the author that the plain form lacks: that is a stub, cut, or unreadable.

    A plain form that tells more, or something else at greater length, is not one; nor if it lacks a few words only.
    """
    told = _words(quotes.own_text(page.text) if page.own is None else page.own)
    there, shown = set(_words(plain)), set(_words(page.text))
    missing = sum(word not in there for word in told)
    added = sum(word not in shown for word in _words(own))
    refers = "html" in there and "html" not in shown and len(there) < 60
    return (missing * 2 > len(told) and (refers or missing > added)) or (not added and missing >= MISSING)


def _words(text: str) -> list[str]:
    return _WORD.findall(_LINK.sub(" ", text[:WORDS]).lower())


def _without_armour(text: str) -> str:
    """The text without the armour of an inline PGP signature."""
    if "-----BEGIN PGP SIGNED MESSAGE-----" not in text:
        return text
    return _ARMOUR.sub(lambda match: re.sub(r"^- ", "", match[1], flags=re.MULTILINE) + "\n", text)
