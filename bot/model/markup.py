"""The light markup of our letters, and how it becomes plain text and HTML. One source, so both say the same.

    paragraphs, separated by a blank line; line breaks inside are kept
    - list items                     ## a heading                    --- a rule
    > quoted lines                   **bold**                        [label](url)
    ![label](cid:name)               a picture of the letter itself, only in the HTML part
    [[label|url|what to write]]      a button; the last part is shown to those who cannot click

What a person wrote must never act as markup, HTML or a header. `literal` maps every character that has a
meaning in the markup to a private-use stand-in; the stand-ins are mapped back only after the markup was read.
There is no way around this: a value is either `literal`, or `Marked` by a filter that made its parts literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import NamedTuple

KNOWN = "\n*[]()|<>#-"
STAND_INS = "".join(chr(0xE000 + number) for number in range(len(KNOWN)))
OWN = chr(0xE000 + len(KNOWN))  # stand-in for an address that is filled in last
NEWLINE = STAND_INS[0]

LITERAL = tuple(zip(KNOWN, STAND_INS, strict=True))
HTML = tuple((stand_in, "<br>\n" if known == "\n" else escape(known)) for known, stand_in in LITERAL)

BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Removed from every value: control characters (terminal escapes), direction marks (they reverse exe.gpj),
# byte order marks, lone surrogates, and our own stand-ins.
DROPPED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff"
    f"{STAND_INS}{OWN}]"
)
ODD = re.compile(f"{BREAKS.pattern}|{DROPPED.pattern}")
SPECIAL = re.compile(f"[{re.escape(KNOWN)}]|{ODD.pattern}")
LINK = re.compile(r"(\()?\[([^\[\]]+)\]\(([^()\s]+)\)(?(1)\))")  # with any round brackets around it
BOLD = re.compile(r"\*\*(.+?)\*\*")
BUTTON = re.compile(r"\[\[([^|\[\]]+)\|([^|\[\]]+)(?:\|([^|\[\]]*))?\]\][ \t]*")
IMAGE = re.compile(r"!\[([^\[\]]*)\]\((cid:[\w.@]+)\)[ \t]*")
LINE_STARTS = re.compile(r"\n(?=[^\n])")
MARKS = frozenset("[!-># ")  # a line that begins with one of these may be more than a paragraph
SCHEMES = ("https://", "http://", "mailto:")
SPACES = re.compile(f"(?:^|(?<={NEWLINE})) +|  +")  # indents and columns, which HTML would collapse

PARAGRAPH = '<p style="margin:0 0 16px">'
LIST = '<ul style="margin:0 0 16px;padding:0 0 0 22px">'
QUOTE = '<blockquote type="cite" style="margin:0 0 16px;padding:2px 0 2px 12px;border-left:3px solid #9aa4b2">'
HEADING = '<h2 style="margin:24px 0 8px;font-size:17px;line-height:1.35;font-weight:bold">'
RULE = '<hr style="margin:24px 0 16px;border:0;border-top:1px solid #9aa4b2">'
BUTTON_HTML = (  # a table of its own, because Outlook gives padding to cells only
    '<table role="presentation" border="0" cellspacing="0" cellpadding="0" style="display:inline-table;margin:0 8px 8px 0"><tr>'
    '<td bgcolor="#1a5fb4" align="center" style="border-radius:8px;mso-padding-alt:12px 18px">'
    '<a href="{url}" style="display:block;min-width:20px;padding:12px 18px;border-radius:8px;background-color:#1a5fb4;color:#ffffff;'
    'font-size:16px;line-height:20px;text-decoration:none">{label}</a></td></tr></table>'
)


class Marked(str):
    """Text that keeps its markup: a filter made it from its own marks and literal parts."""

    __slots__ = ()


class Block(NamedTuple):
    """A piece of a letter: a paragraph, list, quote, heading, rule, image or buttons; `lines` its items."""

    kind: str
    lines: list[str]


def literal(value: str) -> str:
    """The value without anything that could act as markup; all kinds of line breaks become the same one."""
    if not SPECIAL.search(value):
        return value
    value = clean(value)
    for known, stand_in in LITERAL:
        value = value.replace(known, stand_in)
    return value


def clean(value: str) -> str:
    """The value with \\n as its only line end, without invisible characters that a program might act on.

    Every stranger's text passes through here when it is read and again when it is shown. So a rule, an agent
    and the agent's mail program all see the same lines.
    """
    return DROPPED.sub("", BREAKS.sub("\n", value)) if ODD.search(value) else value


def _plain(source: str) -> str:
    for known, stand_in in LITERAL:
        source = source.replace(stand_in, known)
    return source


def quoted(value: str) -> Marked:
    """The value as a quote block, line by line, without empty lines around it."""
    return Marked("\n".join("> " + line for line in literal(value).strip(NEWLINE).split(NEWLINE)))


def one_line(source: str) -> str:
    """A rendered Subject as a single line."""
    return " ".join(_plain(BOLD.sub(r"\1", source)).split())


def parse(source: str) -> list[Block]:
    """Rendered markup as blocks. Never fails: what is not markup is a paragraph."""
    blocks: list[Block] = []
    going_on = ""  # the kind of block that the next line may continue
    for line in source.split("\n"):
        kind, words = _line_kind(line)
        if kind == "more" and going_on == "list":
            blocks[-1].lines[-1] += "\n" + words
            continue
        if kind == "more":
            kind, words = "paragraph", line
        if kind and kind == going_on:
            blocks[-1].lines.append(words)
        elif kind:
            blocks.append(Block(kind, [words]))
        going_on = "" if kind in ("heading", "rule", "image") else kind
    return blocks


def _line_kind(line: str) -> tuple[str, str]:
    """The kind of a line and its words: "" if blank, "more" if indented, which may continue a list item."""
    first = line[:1]
    if first not in MARKS:  # most lines
        return ("paragraph", line) if line.strip() else ("", "")
    if not line.strip():
        return "", ""
    if line.rstrip() == "---":
        return "rule", ""
    if first in "[!" and BUTTON.fullmatch(line):
        return "buttons", line.rstrip()
    if first in "[!" and IMAGE.fullmatch(line):
        return "image", line
    for mark, kind in (("- ", "list"), ("  ", "more"), ("> ", "quote"), ("## ", "heading")):
        if line.startswith(mark):
            return kind, line[len(mark) :]
    return ("quote", "") if line == ">" else ("paragraph", line)


# ------------------------------------------------------------------------------------------------------- plain text


def to_text(blocks: Iterable[Block]) -> str:
    """The plain text part, without hard wrapping. A link's address follows its words at the first mention."""
    told: set[str] = set()
    return _plain("\n\n".join(_block_text(block, told) for block in blocks if block.kind != "image")) + "\n"


def _block_text(block: Block, told: set[str]) -> str:
    match block.kind:
        case "rule":
            return "-" * 40
        case "list":
            return "\n".join("- " + _indented(_inline_text(item, told)) for item in block.lines)
        case "quote":
            return "\n".join(("> " + _inline_text(line, told)) if line else ">" for line in block.lines)
        case "buttons":
            return "\n".join("- " + _indented(_button_text(line)) for line in block.lines)
        case _:
            return "\n".join(_inline_text(line, told) for line in block.lines)


def _indented(item: str) -> str:
    return LINE_STARTS.sub("\n  ", item.replace(NEWLINE, "\n"))


def _inline_text(line: str, told: set[str]) -> str:
    def link(found: re.Match[str]) -> str:
        opened, label, url = found.groups()
        # the link only starts a new letter: useless to those who cannot click
        writes = url.startswith("mailto:") and "?" in url
        if writes or url in told or url.removeprefix("mailto:") == label:
            return f"({label})" if opened else label
        told.add(url)
        return f"({label}: {url})" if opened else f"{label} ({url})"

    shown = LINK.sub(link, line) if "](" in line else line
    return BOLD.sub(r"\1", shown) if "**" in shown else shown


def _button_text(line: str) -> str:
    label, url, say = _button(line)
    if not say:
        return f"{label}: {url}"
    return say if say == label else f"{say} — {label}"


def _button(line: str) -> tuple[str, str, str]:
    found = BUTTON.fullmatch(line)
    assert found, line
    return found[1].strip(), found[2].strip(), (found[3] or "").strip()


# ------------------------------------------------------------------------------------------------------------- HTML


def to_html(blocks: Iterable[Block]) -> str:
    """The body of the HTML part. Only buttons have colours, so it looks right in light and in dark mode."""
    source = "\n".join(map(_block_html, blocks))
    for stand_in, shown in HTML:
        source = source.replace(stand_in, shown)
    return source


def _block_html(block: Block) -> str:
    match block.kind:
        case "rule":
            return RULE
        case "list":
            return LIST + "".join(f'<li style="margin:0 0 6px">{_inline_html(item)}</li>' for item in block.lines) + "</ul>"
        case "quote":
            return QUOTE + "<br>\n".join(map(_inline_html, block.lines)) + "</blockquote>"
        case "heading":
            return HEADING + _inline_html(block.lines[0]) + "</h2>"
        case "image":
            return "".join(IMAGE.sub(_image_html, line) for line in block.lines)
        case "buttons":
            return '<div style="margin:0 0 16px">' + "\n".join(map(_button_html, block.lines)) + "</div>"
        case _:
            return PARAGRAPH + "<br>\n".join(map(_inline_html, block.lines)) + "</p>"


def _image_html(found: re.Match[str]) -> str:
    label = escape(found[1])
    return f'<img src="{found[2]}" alt="{label}" width="576" style="display:block;max-width:100%;height:auto;margin:0 0 16px;border:0">\n'


def _inline_html(line: str) -> str:
    if "  " in line or f"{NEWLINE} " in line or line[:1] == " ":
        line = SPACES.sub(lambda found: "\xa0" * (len(found[0]) - 1) + " ", line)
    shown = escape(line).replace("\n", NEWLINE)
    if "](" in shown:
        shown = LINK.sub(_anchor, shown)
    return BOLD.sub(r"<b>\1</b>", shown) if "**" in shown else shown


def _anchor(found: re.Match[str]) -> str:
    opened, label, url = found.groups()
    shown = f'<a href="{url}">{label}</a>' if url.startswith(SCHEMES) else f"{label}: {url}"
    return f"({shown})" if opened else shown


def _button_html(line: str) -> str:
    label, url, _ = _button(line)
    if not url.startswith(SCHEMES):
        return escape(f"{label}: {url}")
    return BUTTON_HTML.format(url=escape(url), label=escape(label))
