"""Walks over HTML and collects the lines that a reader would see, with what the structure says about them.

This is our own tokeniser because the known parsers take quadratic time on deep nesting or many attributes
(lexbor) or return nothing (inscriptis). It is linear on any input: each tag is looked at once, and the search
for the element that a closing tag ends is limited.
"""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

from bot.model.markup import clean
from bot.parsing import styles
from bot.parsing.tags import LOOKED_AT, NO_CHANGE, RAW, TAGS, Force, sheets, tag

_TOKEN = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|<[!?][^>]*+(?:>|\Z)"
    r"|<(/?)([a-zA-Z][a-zA-Z0-9:]*)((?:[^<>\"']++|\"[^\"]*+\"|'[^']*+'|[\"'])*+)>?",
    re.DOTALL,
)
_BLANKS = re.compile(r"[ \t\r\n\f]{2,}|[\t\r\n\f]")
_BLOCKS, _SPACED, _SELF_CLOSING, _VOID = (TAGS[use] for use in ("blocks", "spaced", "self_closing", "void"))
_WALLS, _CELLS, _LISTS = (TAGS[use] for use in ("walls", "cells", "lists"))
_KEPT = _BLOCKS | _WALLS | TAGS["unseen"]
_REACH = 64  # how many levels up the opening tag is searched for
_DEEPEST_LIST = 20
_MOST_HIDDEN = 200  # most pieces of hidden text that are kept
_WORD = re.compile(r"\w")


class Line(NamedTuple):
    """A line that a reader sees."""

    level: int  # quote depth; 0 is not quoted
    signature: bool
    text: str


class Walker:
    """Reads HTML once. Then `lines` is what a reader sees, and `deepest` is the greatest depth of nesting."""

    def __init__(self, html: str) -> None:
        self.lines: list[Line] = []
        self.deepest = 0
        self.unseen: list[str] = []  # the first pieces of text that a reader does not see
        self.history = -1  # first line that the mail program itself marks as quoted; -1: none
        self._line: list[str] = []
        # Open elements: name, state before, and the number of pieces on the line (for tables: of lines).
        self._stack: list[tuple[str, Force, int]] = []
        self._counts: dict[str, int] = {}
        self._lists: list[int] = []
        self._now = Force()
        self._base = 0  # the lowest quote depth from here on
        self._barred = False  # a bar at the left of this table row marks it as quoted
        self._blank = False  # a blank line belongs before the next words
        self._cell = False  # a table cell has begun and has no words yet
        self._sheet = styles.Sheet(sheets(html)) if "<style" in html.lower() else None
        self._read(html)

    def _read(self, html: str) -> None:
        at = 0
        while found := _TOKEN.search(html, at):
            if found.start() > at:
                self._text(html[at : found.start()])
            at = found.end()
            close, name, written = found.groups("")
            name = name.lower()
            if name in RAW and not close:
                end = RAW[name].search(html, at)
                at = end.start() if end else len(html)
                continue
            if close:
                self._close(name)
            elif name:
                self._open(name, written)
        self._text(html[at:])
        self._end_line()

    def _text(self, text: str) -> None:
        if self._now.hidden:
            said = clean(unescape(text)) if self._now.spoken and len(self.unseen) < _MOST_HIDDEN else ""
            self.unseen += [said] if _WORD.search(said) else []
            return
        if "&" in text:
            text = clean(unescape(text))
        text = text.replace("\xa0", " ")
        if self._now.pre:
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
        """Ends the line. Only the author's own empty lines stay; a table cell without words ends no line."""
        if not always and (self._cell or not self._line):
            return
        text = "".join(self._line).rstrip()
        self._line.clear()
        self._cell = False
        if not text and not always:
            return
        level = max(self._now.level, self._base)
        if self._blank and text and self.lines and self.lines[-1].text:
            self.lines.append(Line(min(level, self.lines[-1].level), self._now.signature, ""))
        self._blank = False
        self.lines.append(Line(level, self._now.signature, text))

    def _open(self, name: str, written: str) -> None:
        if name == "br":
            self._end_line(always=True)
            return
        changes = tag(name, written[:LOOKED_AT] if "=" in written or "hidden" in written else "", self._sheet)
        if name in _SELF_CLOSING and self._stack and self._stack[-1][0] == name:
            self._close(name)
        if name in _BLOCKS:
            self._begin_block(name)
        self._barred = (self._barred and name != "tr") or changes.bar
        if self._barred and not changes.bar and name == "td":
            changes = changes._replace(quotes=True)
        before, start = self._now, len(self.lines if name in _CELLS else self._line)
        after = before.within(changes) if changes != NO_CHANGE else before
        self._base |= changes.to_the_end
        if self.history < 0 and changes.begins and not after.hidden:
            self.history = len(self.lines)
        if name in ("td", "th"):
            self._begin_cell()
        if name in _VOID:
            self._void(name, changes.alt, after.hidden)
        elif name in _KEPT or after != before or self._counts.get(name):  # else its end would end another one
            self._now = after
            self._stack.append((name, before, start))
            self._counts[name] = self._counts.get(name, 0) + 1
            self.deepest = max(self.deepest, len(self._stack))

    def _void(self, name: str, alt: str, hidden: bool) -> None:
        if name == "hr" and not hidden:
            self._line.append("---")
            self._end_line()
        elif 0 < len(alt) <= 3 and not hidden:
            self._line.append(alt)  # an emoji as a picture

    def _begin_block(self, name: str) -> None:
        if self._stack and self._stack[-1][0] == "p":
            self._close("p")
        first = bool(self._stack) and self._stack[-1][0] in ("td", "th") and self._stack[-1][2] == len(self.lines)
        if name in ("tr", "table"):
            self._cell = False
        self._end_line()
        self._blank |= name in _SPACED and not (self._cell or first)
        if name in _LISTS:
            self._lists.append(0 if name == "ol" else -1)
        elif name == "li" and not self._now.hidden:
            if self._lists and self._lists[-1] >= 0:
                self._lists[-1] += 1
            depth = min(max(len(self._lists) - 1, 0), _DEEPEST_LIST)
            self._line.append("  " * depth + (f"{self._lists[-1]}. " if self._lists and self._lists[-1] > 0 else "- "))

    def _begin_cell(self) -> None:
        """Puts a cell on the same line as the previous one if that is a single short line."""
        row = next((start for name, _, start in self._stack[-1:-4:-1] if name == "tr"), -1)
        if not self._line and row >= 0 and len(self.lines) - row == 1 and len(self.lines[-1].text) <= 80:
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
            if self._stack[-up][0] == name:
                for _ in range(up):
                    self._pop()
                return
            if not through and self._stack[-up][0] in _WALLS:
                return

    def _pop(self) -> None:
        """Ends the innermost element and restores the state before it."""
        name, before, start = self._stack.pop()
        self._counts[name] -= 1
        if name in ("tr", "table"):
            self._cell = False
        if name == "td" and self._now.level > before.level:
            self._end_line()
        if name in _BLOCKS:
            self._end_line()
            self._blank |= name in _SPACED
            if name in _LISTS and self._lists:
                self._lists.pop()
        elif name == "a" and self._now.link and not self._now.hidden:
            self._show_link(start)
        self._now = before

    def _show_link(self, start: int) -> None:
        """Puts the address of a link after its words, unless the words are the address."""
        words, target = "".join(self._line[start:]).strip(), " ".join(clean(unescape(self._now.link)).split())
        if words and len(target) <= 200 and re.sub(r"^https?://(www\.)?|/$", "", target) not in words:
            self._line.append(f" <{target}>")
