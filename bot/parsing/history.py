"""Where the history of a letter begins. Nothing from its first mark on counts as the author's (design, 8).

Marks are our line “reply above”, an attribution, a header block, the rule above an original message and, in
HTML, the elements that programs use for quotations. A bare ">" is no mark, since people quote manuals. No
later line ends the history.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.parsing.attributions import LONGEST, attribution, glued, header_block, is_header, titled
from bot.parsing.quotes import RULER, UNSEEN, own_text
from bot.parsing.vocabulary import pattern

_ABOVE, _GLUED, _FORWARD, _HEADING = map(pattern, ("above", "above_glued", "forward", "heading"))
_CLOCK, _DATE = map(pattern, ("clock", "date"))
MOST = 100_000  # characters that are searched for a mark; nobody types that many
QUOTED = re.compile(r"[>|]|[A-ZА-ЯЁ]\w{0,3}>")  # The Bat puts the author's initials before the mark
_PREFIX = re.compile(rf"(?:\s|{QUOTED.pattern})*+")
_WIDE = re.compile("[\u00a0\u2007\u202f]")  # some programs write these instead of blanks
_UNDERSCORES = re.compile(r"_{20,}$")  # Outlook's rule has 32
_TAG = re.compile(r"\[[^\W_]{1,12}-\d{1,9}\]")
_SIGNS = tuple("#№＃")
_INTRODUCTION = 12  # most lines that a program puts above a quoted letter


def above(text: str, *, cut: bool = False) -> tuple[str, bool]:
    """The author's words above the first mark, without signature and footers; and whether there is a mark.

    `cut`: history is known to follow. Quoted lines without a mark before them stay. Linear; never raises.
    """
    lines = _GLUED.sub("\n\\g<0>", text[: MOST + 1]).splitlines()
    end = begins(lines)
    marked = cut or end < len(lines) or len(text) > MOST
    if cut and end == len(lines):
        end = introduced(_bare(lines), end)
    return own_text("\n".join(lines[:end]), quotes=False), marked


def below(text: str) -> list[str]:
    """The lines from the first mark of history on."""
    lines = _GLUED.sub("\n\\g<0>", text[: MOST + 1]).splitlines()
    return lines[begins(lines) :]


def begins(lines: Sequence[str]) -> int:
    """The number of the first line of history, or how many lines there are."""
    shown, bare = _shown(lines), _bare(lines)
    for at, line in enumerate(bare):
        if line and _ABOVE.match(line[:LONGEST]):
            return introduced(bare, at)
        if line and _is_mark(bare if line != shown[at] else shown, at):
            heading = at and _HEADING.match(shown[at - 1][:LONGEST])  # "Original Message" without its dashes
            return at - bool(heading)
    return len(lines)


def until_ours(lines: Sequence[str]) -> Sequence[str]:
    """The lines before a letter of ours, which begins with the line “reply above”."""
    bare = _bare(lines)
    at = next((at for at, line in enumerate(bare) if _ABOVE.match(line[:LONGEST])), -1)
    return lines if at < 0 else lines[: introduced(bare, at)]


def _shown(lines: Sequence[str]) -> list[str]:
    return [_WIDE.sub(" ", UNSEEN.sub("", line)).strip() for line in lines]


def _bare(lines: Sequence[str]) -> list[str]:
    return list(map(unmarked, _shown(lines)))


def unmarked(line: str) -> str:
    """The line without the quote marks before it."""
    return _PREFIX.sub("", line, count=1)


def _is_mark(lines: Sequence[str], at: int) -> bool:
    """Whether another letter begins at this line, whatever is above it."""
    line = lines[at]
    rule = _FORWARD.match(line[:LONGEST]) and not RULER.match(line)
    if rule or glued(line) or titled(lines, at) or _UNDERSCORES.match(line) or header_block(lines, at, nothing_before=False):
        return True
    found = attribution(lines, at)
    if not found or found[1]:
        return found is not None
    said, after = " ".join(lines[at : found[0]]), next(filter(None, lines[found[0] : found[0] + 3]), "")
    told = "@" in said or (_CLOCK.search(said) and _DATE.search(said))
    return bool(told and QUOTED.match(after))  # «В инструкции написано:» is the author's own sentence


def introduced(shown: Sequence[str], at: int) -> int:
    """Where a program's introduction to our letter (at line `at`) begins: rulers, words in any language."""
    end = _rules(shown, at)
    start = end
    while start and shown[start - 1] and end - start <= _INTRODUCTION:
        start -= 1
    lines = shown[start:end]
    commands = any(line.lstrip(" *•-–—").startswith(_SIGNS) for line in lines)
    if not lines or len(lines) > _INTRODUCTION or commands:
        return end
    words = " ".join(lines)
    named = "@" in words and _DATE.search(words) is not None
    headers = sum(map(is_header, lines)) >= 2 and (named or _TAG.search(words) is not None)
    colon = lines[-1][-1] in ":：" and len(lines) <= 3
    return _rules(shown, start) if headers or colon else end


def _rules(shown: Sequence[str], at: int) -> int:
    while at and (not shown[at - 1] or RULER.match(shown[at - 1])):
        at -= 1
    return at
