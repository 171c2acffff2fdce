"""Walks over HTML and collects the lines that a reader would see, with what the structure says of them.

A tokeniser of our own, since the known parsers take quadratic time on deep nesting or many attributes (lexbor) or give
nothing (inscriptis). It is linear on any input: each tag is looked at once, and the search for the element that a
closing tag ends is bounded.
"""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

_TOKEN = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|<[!?][^>]*+(?:>|\Z)"
    r"|<(?P<close>/?)(?P<name>[a-zA-Z][a-zA-Z0-9:]*)(?P<attributes>(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+'|[\"'])*+)>?",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"([a-zA-Z_:-]{1,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))|\b(hidden)\b")
_BLANKS = re.compile(r"[ \t\r\n\f]+")
HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0*(?:\.0+)?(?:px|pt|em|rem|%)?\s*(?:!|;|\"|'|$)"
    r"|(?<![\w-])opacity\s*:\s*0*(?:\.0+)?\s*(?:!|;|\"|'|$)|max-height\s*:\s*0(?:px)?\s*(?:!|;|\"|'|$)|\shidden[\s>=/]",
    re.IGNORECASE,
)
_INDENT = re.compile(r"^(?!.*border-left\s*:\s*(?:solid|[a-z#\d. ]*[1-9])).*border(?:-left)?\s*:\s*(?:none|0)", re.IGNORECASE | re.DOTALL)


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_RAW = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
    for name in _names("script style title xmp textarea noembed template")
}
_BLOCKS = _names(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6"
    " header hr html legend li main menu nav ol p pre section table tbody tfoot thead tr ul caption summary"
)
_SPACED = _names("p blockquote h1 h2 h3 h4 h5 h6 ul ol pre dl table figure")
_SELF_CLOSING = _names("p li td th tr dt dd option")  # opening one closes its like
_VOID = _names("area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr")
_WALLS = _names("td th table caption")  # a closing tag of something else does not reach through these
_UNSEEN = _names("select object iframe video audio canvas map noframes")
_ROWS = _names("tr td th")
_LISTS = _names("ul ol menu")
_KEPT = _BLOCKS | _WALLS | _UNSEEN
_SIGNATURE = re.compile(
    r"(?<![\w-])(?:gmail_signature|moz-signature|ms-outlook-mobile-signature|mail-app-auto-default-signature|composer_signature"
    r"|protonmail_signature_block|yahoo-signature)(?![\w-])",
    re.IGNORECASE,
)
_HISTORY = re.compile(
    r"(?<![\w-])(?:divRplyFwdMsg|OLK_SRC_BODY_SECTION|stopSpelling|\w*yahoo_quoted\w*|protonmail_quote|zmail_extra|tutanota_quote"
    r"|moz-cite-prefix|moz-forward-container|mail-quote-collapse|mail-editor-reference-message-container)(?![\w-])",
    re.IGNORECASE,
)
_TO_THE_END = re.compile(r"divRplyFwdMsg|stopSpelling", re.IGNORECASE)
_REACH = 64  # how far up a closing tag looks for its opening one
_DEEPEST_LIST = 20


class Line(NamedTuple):
    """A line that a reader sees."""

    level: int  # of quotation; 0 is not quoted
    signature: bool
    text: str


class _Open(NamedTuple):
    """An element that is open, and what was in force before it."""

    name: str
    hidden: bool
    level: int
    signature: bool
    pre: bool
    link: str
    start: int  # how many pieces the line had; for rows and cells of a table how many lines there were


class Walker:
    """Reads HTML once; then `lines` is what a reader sees, `visible` the markup of it, `deepest` the depth of nesting."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.visible: list[str] = []
        self.deepest = 0
        self._line: list[str] = []
        self._stack: list[_Open] = []
        self._counts: dict[str, int] = {}
        self._lists: list[int] = []
        self._hidden = self._signature = self._pre = False
        self._level = self._base = 0
        self._link = ""
        self._blank = False  # a blank line is due before the next words
        self._cell = False  # a table cell has begun and has no words yet

    def read(self, html: str) -> None:
        """Walks through the whole text; never raises."""
        at = 0
        while found := _TOKEN.search(html, at):
            self._text(html[at : found.start()])
            at, hidden = found.end(), self._hidden
            name = (found["name"] or "").lower()
            if name in _RAW and not found["close"]:
                end = _RAW[name].search(html, at)
                at = end.start() if end else len(html)
                continue
            if found["close"]:
                self._close(name)
            elif name:
                self._open(name, found["attributes"])
            if not (hidden or self._hidden):
                self.visible.append(found[0])
        self._text(html[at:])
        self._end_line()

    def _text(self, text: str) -> None:
        if not text or self._hidden:
            return
        self.visible.append(text)
        if "&" in text:
            text = unescape(text)
        text = text.replace("\xa0", " ").replace("\0", "")
        if self._pre:
            head, *others = text.replace("\r\n", "\n").split("\n")
            self._line.append(head)
            for other in others:
                self._end_line(always=True)
                self._line.append(other)
            return
        text = _BLANKS.sub(" ", text)
        if not self._line or self._line[-1].endswith(" "):
            text = text.lstrip(" ")
        if text:
            if self._cell:
                self._line.append("| ")
                self._cell = False
            self._line.append(text)

    def _end_line(self, always: bool = False) -> None:
        """Ends the line; an empty one stays only where the author made it, and a cell without words does not end one."""
        if self._cell and not always:
            return
        text = "".join(self._line).rstrip()
        self._line.clear()
        self._cell = False
        if not text and not always:
            return
        level = max(self._level, self._base)
        if self._blank and text and self.lines and self.lines[-1].text:
            self.lines.append(Line(min(level, self.lines[-1].level), self._signature, ""))
        self._blank = False
        self.lines.append(Line(level, self._signature, text))

    def _open(self, name: str, written: str) -> None:
        if name == "br":
            self._end_line(always=True)
            return
        attributes = _attributes(written) if "=" in written or "hidden" in written else {}
        if not attributes and name not in _KEPT and name not in _VOID:
            return
        if name in _SELF_CLOSING and self._stack and self._stack[-1].name == name:
            self._close(name)
        if name in _BLOCKS:
            self._begin_block(name)
        before = _Open(name, self._hidden, self._level, self._signature, self._pre, self._link, len(self.lines if name in _ROWS else self._line))
        self._in_force(name, attributes)
        if name in ("td", "th"):
            self._begin_cell()
        if name in _VOID:
            self._void(name, attributes)
            self._hidden = before.hidden
        elif name in _KEPT or before[1:6] != (self._hidden, self._level, self._signature, self._pre, self._link):
            self._stack.append(before)
            self._counts[name] = self._counts.get(name, 0) + 1
            self.deepest = max(self.deepest, len(self._stack))

    def _in_force(self, name: str, attributes: dict[str, str]) -> None:
        """Changes what is in force by an element's name, style, class and id."""
        style, marks = attributes.get("style", ""), f"{attributes.get('class', '')} {attributes.get('id', '')}"
        if name in _UNSEEN or "hidden" in attributes or (style and HIDDEN.search(style)):
            self._hidden = True
        if name == "blockquote" and not ("indent" in marks or (_INDENT.match(style[:500]) and "cite" not in attributes.values())):
            self._level += 1
        elif name == "pre":
            self._pre = True
        elif name == "a" and attributes.get("href", "").lower().startswith(("http://", "https://")):
            self._link = attributes["href"]
        if len(marks) > 1:
            self._signature |= bool(_SIGNATURE.search(marks))
            if _HISTORY.search(marks):
                self._level = max(self._level, 1)
                self._base |= bool(_TO_THE_END.search(marks))

    def _void(self, name: str, attributes: dict[str, str]) -> None:
        if self._hidden:
            return
        if name == "hr":
            self._line.append("---")
            self._end_line()
        elif name == "img" and 0 < len(alt := unescape(attributes.get("alt", "")).strip()) <= 3:
            self._line.append(alt)  # an emoji as a picture

    def _begin_block(self, name: str) -> None:
        if self._stack and self._stack[-1].name == "p":
            self._close("p")
        around = self._stack[-1] if self._stack else None
        first = around is not None and around.name in ("td", "th") and around.start == len(self.lines)
        if name in ("tr", "table"):
            self._cell = False
        self._end_line()
        self._blank |= name in _SPACED and not (self._cell or first)
        if name in _LISTS:
            self._lists.append(0 if name == "ol" else -1)
        elif name == "li" and not self._hidden:
            if self._lists and self._lists[-1] >= 0:
                self._lists[-1] += 1
            depth = min(max(len(self._lists) - 1, 0), _DEEPEST_LIST)
            self._line.append("  " * depth + (f"{self._lists[-1]}. " if self._lists and self._lists[-1] > 0 else "- "))

    def _begin_cell(self) -> None:
        """Puts a cell on the line of the one before it, when that is one short line."""
        row = next((one for one in self._stack[-1:-4:-1] if one.name == "tr"), None)
        if not self._line and row and len(self.lines) - row.start == 1 and len(self.lines[-1].text) <= 80:
            self._line.append(self.lines.pop().text)
        self._blank = False
        if self._line:
            self._line.append("" if self._line[-1].endswith(" ") else " ")
            self._cell = True

    def _close(self, name: str) -> None:
        if not self._counts.get(name):
            return
        through = name in _WALLS or name in ("tr", "tbody", "thead", "tfoot")
        for up in range(1, min(len(self._stack), _REACH) + 1):
            if self._stack[-up].name == name:
                for _ in range(up):
                    self._pop()
                return
            if not through and self._stack[-up].name in _WALLS:
                return

    def _pop(self) -> None:
        """Ends the innermost element and puts back what was in force before it."""
        ended = self._stack.pop()
        name = ended.name
        self._counts[name] -= 1
        if name in ("tr", "table"):
            self._cell = False
        if name in _BLOCKS:
            self._end_line()
            self._blank |= name in _SPACED
            if name in _LISTS and self._lists:
                self._lists.pop()
        elif name == "a" and self._link and not self._hidden:
            self._show_link(ended.start)
        _, self._hidden, self._level, self._signature, self._pre, self._link, _ = ended

    def _show_link(self, start: int) -> None:
        """The address of a link after its words, unless the words are the address."""
        words = "".join(self._line[start:]).strip()
        target = unescape(self._link).strip()
        if words and len(target) <= 200 and re.sub(r"^https?://(www\.)?|/$", "", target) not in words:
            self._line.append(f" <{target}>")


def _attributes(written: str) -> dict[str, str]:
    """The attributes of a tag, values undecoded; of a monstrous tag only the first."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(written[:20_000]):
        found.setdefault((match[1] or match[5]).lower(), match[2] or match[3] or match[4] or "")
    return found
