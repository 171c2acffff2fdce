"""What the author of a letter wrote, told from quoted history, forwarded letters, signatures and footers (section 5).

One pass over the lines. Each line goes to the author's words or to the rest; nothing is lost between the two.
Where it is doubtful whose words they are, they stay the author's: a support desk must not lose a sentence.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bot.reading.attributions import LONGEST, attribution, header_block
from bot.reading.vocabulary import pattern

ABOVE_THIS_LINE, FORWARD, FORWARD_END, HEADING = map(pattern, ("above_this_line", "forward", "forward_end", "heading"))
CLOSING, FOOTER, LIST_FOOTER, PHONE = map(pattern, ("closing", "footer", "list_footer", "phone"))
_QUOTED = re.compile(r"[ \t\ufeff]*>")
_BARRED = re.compile(r"\s*\|")
_INITIALS = re.compile(r"\s*(?!SQL|CMD|DOS|PS|GDB)[A-ZА-ЯЁ][A-Za-zА-Яа-яЁё]{0,3}>")
_RULER = re.compile(r"[\s*_=—–#~-]{2,}$")
_DELIMITER = re.compile(r"(?:--|—|––?) ?$|-- ")
_UNDERSCORES = re.compile(r"_{2,}\s*$")
_AFTERWORD = re.compile(r"\W*(?:p\.?\s?s\b|п\.?\s?с\b|з\.?\s?ы\b)", re.IGNORECASE)
_SENTENCE = re.compile(r"\?$|(?<!\w)[a-zа-яё]{2,}[.!]$")
_CODE = re.compile(r"""\s--?\w|[=({;\\$|]|\w\.\w+\(|://|^(?:cd|dir|ls|ping|tracert|ipconfig|nslookup|pip|npm|git|curl|sudo|import|print|java|node)\b""")


class Parts(NamedTuple):
    """The two halves of a text: the author's own words, and everything else."""

    own: str
    rest: str


def own_text(text: str) -> str:
    """What this letter's author wrote; answers between quoted lines stay, in their order. Never raises."""
    return split(text).own


def split(text: str) -> Parts:
    """Own words and the rest; every line of the text that is not blank is in one of them. Linear in its length."""
    reader = _Reader(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    reader.run()
    return Parts(_joined(reader.own), _joined(reader.rest))


def _joined(lines: list[str]) -> str:
    """Lines as a text without blank edges and without more than two blank lines in a row."""
    kept: list[str] = []
    for line in lines:
        if line.strip() or (kept and not (len(kept) > 1 and not kept[-1] and not kept[-2])):
            kept.append(line.rstrip() if line.strip() else "")
    while kept and not kept[-1]:
        kept.pop()
    return "\n".join(kept)


class _Reader:
    """The state of one pass: where it is, and to whom the lines so far were given."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0
        self.own: list[str] = []
        self.rest: list[str] = []
        self.segment = 0  # where in `own` the words since the last quote begin
        self.mark = _QUOTED  # what a quoted line begins with, widened by some attributions
        self.attributed = False
        self.rewrapped = False  # a quoted line was seen broken in two by somebody's line wrapping
        self.words = False  # the author has said something
        self.clear = 0  # no quote begins before this line; asked for by signatures only once

    def run(self) -> None:
        """Reads all lines."""
        steps = (self._to_end, self._attribution, self._quoted, self._signature, self._small_print)
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip() or not any(step(line) for step in steps):
                self._keep(self.at + 1)
        self._end_segment()

    def _keep(self, until: int) -> bool:
        """Gives the lines up to `until` to the author, with one blank line where something was taken out before."""
        kept = self.lines[self.at : until]
        self.at = until
        if any(line.strip() for line in kept):
            if len(self.own) == self.segment > 0:
                self.own.append("")
            self.words = True
            self.own += kept
        elif len(self.own) > self.segment:
            self.own += kept
        return True

    def _give(self, until: int) -> bool:
        """Gives the lines up to `until` to the rest."""
        self._end_segment()
        self.rest += self.lines[self.at : until]
        self.at = until
        return True

    def _to_end(self, line: str) -> bool:
        """A forward mark or a header block: another letter begins, up to its end mark or the end of the text."""
        if len(line) > LONGEST or self.mark.match(line):
            return False
        if FORWARD_END.match(line):
            return self._give(self.at + 1)
        if not _RULER.match(line) and (FORWARD.match(line) or ABOVE_THIS_LINE.match(line)):
            return self._give(self._forward_end())
        if not header_block(self.lines, self.at, not self.words):
            return False
        cut = self._last_word(len(self.own))
        if cut > self.segment and HEADING.match(self.own[cut - 1]):  # "Original Message" without its dashes
            self.rest += self.own[cut - 1 :]
            del self.own[cut - 1 :]
        return self._give(self._forward_end())

    def _forward_end(self) -> int:
        """The line after "end of forwarded message", or after the last line."""
        for at in range(self.at + 1, len(self.lines)):
            line = self.lines[at]
            if len(line) <= LONGEST and line.lstrip(" *")[:1] in "-_=—–" and FORWARD_END.match(line):
                return at + 1
        return len(self.lines)

    def _attribution(self, line: str) -> bool:
        """ "Иван Петров писал(а):" and the like, with what it introduces."""
        if self.mark.match(line):
            return False
        found = attribution(self.lines, self.at)
        if not found:
            return False
        end, certain = found
        following = end
        while following < len(self.lines) and not self.lines[following].strip():
            following += 1
        after = self.lines[following] if following < len(self.lines) else ""
        mark = next((mark for mark in (_QUOTED, _BARRED, _INITIALS) if mark.match(after)), None)
        if mark and (certain or following - end <= 3):
            self.mark, self.attributed = mark if mark is not _QUOTED else self.mark, True
            return self._give(following)
        return certain and self._give(len(self.lines))

    def _quoted(self, line: str) -> bool:
        """A run of marked lines, with the ends of lines that were wrapped after they had been marked."""
        if not (self.mark.match(line) or _QUOTED.match(line)):
            return False
        end = self.at
        while end < len(self.lines) and (self._marked(end) or self._wrapped(end)):
            end += 1
        if not self.attributed and end - self.at <= 3 and all(_is_code(shown) for shown in self.lines[self.at : end]):
            return self._keep(end)
        return self._give(end)

    def _marked(self, at: int) -> bool:
        return bool(self.mark.match(self.lines[at]) or _QUOTED.match(self.lines[at]))

    def _wrapped(self, at: int) -> bool:
        """Whether an unmarked line between two marked ones is the end of the one before it."""
        line, before = self.lines[at].strip(), self.lines[at - 1].strip()
        if not line or len(line) > 80 or at + 1 >= len(self.lines) or not self._marked(at + 1) or not self._marked(at - 1):
            return False
        broken = len(before) >= 60 and not line[0].isupper() and (self.rewrapped or before[-1] not in ".?!:;)…")
        self.rewrapped |= broken
        return broken

    def _signature(self, line: str) -> bool:
        """ "-- " and what follows it, up to a quote or the end."""
        if not _DELIMITER.fullmatch(line) and not (_UNDERSCORES.match(line) and self._list_footer()):
            return False
        exact = line == "-- " or line.startswith("_")
        if not exact and _DELIMITER.fullmatch(self.lines[min(self.at + 1, len(self.lines) - 1)]):
            return False
        end, size = self.at + 1, 0
        while end < len(self.lines) and not self._structure(end):
            shown = self.lines[end].strip()
            size += len(shown)
            end += 1
            if not exact and (size > 800 or end - self.at > 20 or (_SENTENCE.search(shown[:LONGEST]) and shown.count(" ") >= 3)):
                return False
            if PHONE.match(self.lines[end - 1][:LONGEST]):
                break
        return (exact or size > 0) and self._give(end)

    def _list_footer(self) -> bool:
        return any(LIST_FOOTER.search(line[:LONGEST]) for line in self.lines[self.at + 1 : self.at + 4])

    def _structure(self, at: int) -> bool:
        """Whether a quote, an attribution or another letter begins here, so that a signature ends."""
        line = self.lines[at]
        if at < self.clear or not line.strip() or len(line) > LONGEST:
            return False
        if self._marked(at) or FORWARD.match(line) or header_block(self.lines, at, nothing_before=False) or attribution(self.lines, at):
            return True
        self.clear = at + 1
        return False

    def _small_print(self, line: str) -> bool:
        """One line of a phone; of a virus scanner or a lawyer the whole paragraph."""
        if len(line) <= LONGEST and PHONE.match(line):
            return self._give(self.at + 1)
        if len(line) > 3000 or not FOOTER.match(line):
            return False
        end = self.at + 1
        while end < len(self.lines) and self.lines[end].strip():
            end += 1
        return self._give(end)

    def _end_segment(self) -> None:
        """Takes rulers and a closing with a name and an address off the end of the words since the last quote."""
        cut = self._last_word(len(self.own))
        closing = self._closing(cut)
        if closing is not None and any(line.strip() for line in self.own[:closing]):
            cut = self._last_word(closing)
        self.rest += self.own[cut:]
        del self.own[cut:]
        self.segment = len(self.own)

    def _last_word(self, end: int) -> int:
        """The end of the words before `end`, without blank lines and rulers."""
        while end > self.segment and (not self.own[end - 1] or _RULER.match(self.own[end - 1])):
            end -= 1
        return end

    def _closing(self, end: int) -> int | None:
        """Where "С уважением, …" begins, when only a name and an address follow it."""
        tail = 0
        for at in range(end - 1, max(self.segment, end - 30) - 1, -1):
            line = self.own[at].strip()
            if not line:
                continue
            if CLOSING.match(line[:LONGEST]):
                return at
            tail += 1
            if tail > 10 or len(line) > 90 or _AFTERWORD.match(line) or len(line.split()) > 10 or _SENTENCE.search(line):
                return None
        return None


def _is_code(line: str) -> bool:
    """A line that a person typed after a prompt: "> pip install x", ">>> import x"."""
    shown = line.strip().lstrip("> ").strip()
    return shown.isascii() and 2 < len(shown) < 200 and bool(_CODE.search(shown)) and shown[-1] not in "?!"
