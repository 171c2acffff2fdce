"""HTML letters as text that reads well, and as HTML that is safe to show.

A tokeniser of our own feeds a streaming walker, since the known parsers take quadratic time on deep nesting or many
attributes (lexbor) or return nothing (inscriptis). It is linear on any input: a tag is looked at once, the search for
the tag that a closing one closes is bounded. Text that a person could not see is dropped; quotes become "> " lines.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import NamedTuple

import nh3

from bot.reading import quotes

_TOKEN = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|<[!?][^>]*+(?:>|\Z)"
    r"|<(?P<close>/?)(?P<name>[a-zA-Z][a-zA-Z0-9:]*)(?P<attributes>(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+'|[\"'])*+)>?",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"([a-zA-Z_:-]{1,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))|\b(hidden)\b")
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0*(?:\.0+)?(?:px|pt|em|rem|%)?\s*(?:!|;|$)"
    r"|opacity\s*:\s*0*(?:\.0+)?\s*(?:!|;|$)|max-height\s*:\s*0(?:px)?\s*(?:!|;|$)", re.IGNORECASE
)
_INDENT = re.compile(r"border\s*:\s*(?:none|0)|border-left\s*:\s*(?:none|0)", re.IGNORECASE)
_RAW = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style", "title", "xmp", "textarea", "noembed", "template")}
_BLOCKS = frozenset(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header"
    " hr html legend li main menu nav ol p pre section table tbody tfoot thead tr ul caption summary".split()
)
_SPACED = frozenset("p blockquote h1 h2 h3 h4 h5 h6 ul ol pre dl table figure".split())
_SELF_CLOSING = frozenset("p li td th tr dt dd option".split())  # opening one closes its like
_VOID = frozenset("area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr".split())
_WALLS = frozenset(("td", "th", "table", "caption"))  # a closing tag of something else does not reach through these
_UNSEEN = frozenset("head select object iframe video audio canvas map noframes".split())
_SIGNATURE = re.compile(r"(?<![\w-])(?:gmail_signature|moz-signature|ms-outlook-mobile-signature|protonmail_signature_block|yahoo-signature|signature-container)(?![\w-])", re.IGNORECASE)
_HISTORY = re.compile(
    r"(?<![\w-])(?:divRplyFwdMsg|OLK_SRC_BODY_SECTION|stopSpelling|yahoo_quoted\w*|protonmail_quote|zmail_extra|tutanota_quote|moz-cite-prefix"
    r"|mail-quote-collapse|mail-editor-reference-message-container|AppleOriginalContents)(?![\w-])",
    re.IGNORECASE,
)
_TO_THE_END = re.compile(r"divRplyFwdMsg|stopSpelling", re.IGNORECASE)
_DEEPEST = 12  # levels of quotation shown
_REACH = 64  # how far up a closing tag looks for its opening one


class Page(NamedTuple):
    """An HTML letter as text."""

    text: str  # everything a reader sees; quoted lines begin with "> "
    own: str | None  # what the author wrote, or None when the structure shows neither quote nor signature
    defect: str = ""  # what was wrong with the HTML


def to_text(html: str) -> Page:
    """What a reader of this HTML sees, as lines; linear in its length, never raises."""
    walker = _Walker()
    walker.read(html.replace("\0", ""))
    return walker.page()


def safe(html: str) -> str:
    """HTML for an agent's eyes: no scripts, no forms, nothing loaded from afar, no styles; too deep HTML as its text."""
    walker = _Walker()
    walker.read(html.replace("\0", ""))
    if walker.deepest > 500 or len(html) > 2_000_000:
        return f"<pre>{escape(walker.page().text)}</pre>"
    return nh3.clean(
        html,
        tags=nh3.ALLOWED_TAGS - {"img", "map", "area"} | {"font"},
        attributes={"a": {"href", "title"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}, "ol": {"start"}, "font": {"color"}},
        url_schemes={"http", "https", "mailto", "tel"},
        clean_content_tags={"script", "style", "title", "template", "iframe", "object", "svg", "math"},
    )


class _Open(NamedTuple):
    """An element that is open, and what was in force before it."""

    name: str
    hidden: bool
    level: int
    signature: bool
    pre: bool
    link: str
    start: int  # how many pieces the line had


class _Walker:
    """Takes tokens, keeps what is in force, and collects lines of (level of quotation, in a signature, text)."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, bool, str]] = []
        self.line: list[str] = []
        self.stack: list[_Open] = []
        self.counts: dict[str, int] = {}
        self.lists: list[int] = []
        self.hidden = self.signature = self.pre = self.cell = False
        self.level = self.base = self.deepest = 0
        self.blank = False
        self.link = ""

    def read(self, html: str) -> None:
        """Walks through the whole text."""
        at = 0
        while found := _TOKEN.search(html, at):
            self._text(html[at : found.start()])
            at = found.end()
            name = (found["name"] or "").lower()
            if not name:
                continue
            if found["close"]:
                self._close(name)
            elif name in _RAW:
                end = _RAW[name].search(html, at)
                at = end.start() if end else len(html)
            else:
                self._open(name, found["attributes"])
        self._text(html[at:])
        self._break()

    def page(self) -> Page:
        """The lines as text, with the author's words where the structure tells."""
        shown = [(f"{'>' * min(level, _DEEPEST)} {text}".rstrip() if level else text) for level, _, text in self.lines]
        told = any(level or signature for level, signature, _ in self.lines)
        own: str | None = None
        if told:
            own = quotes.own_text("\n".join(line for line, (_, signature, _) in zip(shown, self.lines, strict=True) if not signature))
            if not own:  # some write inside what their program takes for the signature
                own = quotes.own_text("\n".join(shown))
        return Page("\n".join(shown).strip("\n"), own, "html too deep" if self.deepest > 1000 else "")

    def _text(self, text: str) -> None:
        if not text or self.hidden:
            return
        if "&" in text:
            text = unescape(text)
        text = text.replace("\xa0", " ").replace("\0", "")
        if self.pre:
            head, *others = text.replace("\r\n", "\n").split("\n")
            self.line.append(head)
            for other in others:
                self._break(always=True)
                self.line.append(other)
            return
        text = _BLANKS.sub(" ", text)
        if not self.line or self.line[-1].endswith(" "):
            text = text.lstrip(" ")
        if text:
            if self.cell:
                self.line.append("| ")
                self.cell = False
            self.line.append(text)

    def _break(self, always: bool = False) -> None:
        """Ends the line; an empty one is kept only where the author made it."""
        text = "".join(self.line).rstrip()
        self.line.clear()
        self.cell = False
        if not text and not always:
            return
        level = max(self.level, self.base)
        if self.blank and text and self.lines and self.lines[-1][2]:
            self.lines.append((min(level, self.lines[-1][0]), self.signature, ""))
        self.blank = False
        self.lines.append((level, self.signature, text))

    def _open(self, name: str, written: str) -> None:
        if name == "br":
            self._break(always=True)
            return
        if name in _SELF_CLOSING and self.stack and self.stack[-1].name == name:
            self._close(name)
        if name in _BLOCKS:
            if self.stack and self.stack[-1].name == "p":
                self._close("p")
            self._block(name)
        attributes = _attributes(written) if written.strip(" /") else {}
        before = _Open(name, self.hidden, self.level, self.signature, self.pre, self.link, len(self.line))
        self._in_force(name, attributes)
        if name in ("td", "th") and self.line:
            self.line.append(" ")
            self.cell = True
        if name in _VOID:
            self._void(name, attributes)
            self.hidden = before.hidden
        elif name in _BLOCKS or name in _WALLS or name in _UNSEEN or before != self._now(name, before.start):
            self.stack.append(before)
            self.counts[name] = self.counts.get(name, 0) + 1
            self.deepest = max(self.deepest, len(self.stack))

    def _now(self, name: str, start: int) -> _Open:
        return _Open(name, self.hidden, self.level, self.signature, self.pre, self.link, start)

    def _in_force(self, name: str, attributes: dict[str, str]) -> None:
        """Changes what is in force by an element's name, style, class and id."""
        style, marks = attributes.get("style", ""), f"{attributes.get('class', '')} {attributes.get('id', '')}"
        if name in _UNSEEN or "hidden" in attributes or (style and _HIDDEN.search(style)):
            self.hidden = True
        if name == "blockquote" and not ("indent" in marks or (_INDENT.search(style) and "cite" not in attributes.values())):
            self.level += 1
        if name == "pre":
            self.pre = True
        if name == "a" and attributes.get("href", "").lower().startswith(("http://", "https://")):
            self.link = attributes["href"]
        if len(marks) > 1:
            if _SIGNATURE.search(marks) or "data-smartmail" in attributes:
                self.signature = True
            if _HISTORY.search(marks):
                self.level = max(self.level, 1)
                if _TO_THE_END.search(marks):
                    self.base = 1

    def _void(self, name: str, attributes: dict[str, str]) -> None:
        if self.hidden:
            return
        if name == "hr":
            self.line.append("---")
            self._break()
        elif name == "img" and 0 < len(alt := unescape(attributes.get("alt", "")).strip()) <= 3:
            self._text(escape(alt))  # an emoji as a picture

    def _block(self, name: str) -> None:
        """A block begins or ends."""
        self._break()
        self.blank |= name in _SPACED
        if name in ("ul", "ol", "menu"):
            self.lists.append(0 if name == "ol" else -1)
        elif name == "li" and len(self.lists) < 50:
            depth = max(len(self.lists) - 1, 0)
            if self.lists and self.lists[-1] >= 0:
                self.lists[-1] += 1
            marker = f"{self.lists[-1]}. " if self.lists and self.lists[-1] > 0 else "- "
            if not self.hidden:
                self.line.append("  " * depth + marker)

    def _close(self, name: str) -> None:
        if name == "p" and not self.counts.get("p"):
            self._break()
            self.blank = True
        if not self.counts.get(name):
            return
        wall = name not in _WALLS and name not in ("tr", "tbody", "thead", "tfoot")
        for up in range(1, min(len(self.stack), _REACH) + 1):
            if self.stack[-up].name == name:
                for _ in range(up):
                    self._pop()
                return
            if wall and self.stack[-up].name in _WALLS:
                return

    def _pop(self) -> None:
        """Ends the innermost element and puts back what was in force before it."""
        ended = self.stack.pop()
        self.counts[ended.name] -= 1
        if ended.name in _BLOCKS:
            self._break()
            self.blank |= ended.name in _SPACED
            if ended.name in ("ul", "ol", "menu") and self.lists:
                self.lists.pop()
        elif ended.name == "a" and self.link and not self.hidden:
            self._show_link(ended.start)
        _, self.hidden, self.level, self.signature, self.pre, self.link, _ = ended

    def _show_link(self, start: int) -> None:
        """The address of a link after its words, unless the words are the address."""
        words = "".join(self.line[start:]).strip()
        target = unescape(self.link).strip()
        if words and len(target) <= 200 and re.sub(r"^https?://(www\.)?|/$", "", target) not in words:
            self.line.append(f" <{target}>")


def _attributes(written: str) -> dict[str, str]:
    """The attributes of a tag that matter here, values undecoded; of a monstrous tag only the first."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(written[:20_000]):
        name = (match[1] or match[5]).lower()
        found.setdefault(name, match[2] or match[3] or match[4] or "")
    return found
