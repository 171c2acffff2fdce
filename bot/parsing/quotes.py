"""Separates the author's words from quoted history, forwarded letters, signatures and footers (section 5).

One pass over the lines puts each line into the author's words or into the rest; no line is lost. In doubt a
line counts as the author's: a support desk must not lose a sentence.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bot.parsing.attributions import LONGEST, attribution, glued, header_block, is_header, titled
from bot.parsing.vocabulary import pattern

_ABOVE_THIS_LINE, _FORWARD, _FORWARD_END, _HEADING = map(pattern, ("above", "forward", "forward_end", "heading"))
_CLOSING, _FOOTER, _LIST_FOOTER, _PHONE, _THANKS = map(pattern, ("closing", "footer", "list_footer", "phone", "thanks_alone"))
_NAME = re.compile(r"(?:[^\W\d_a-zа-яё]\S{0,30}(?:\s|$)){1,4}|(?:[^\W\d_a-zа-яё]\S{0,30}\s){2,3}\S{1,30}(?:\s\S{1,30})?")
MOST_ANNOUNCED = 8  # lines that an author quotes in an answer, after a colon
_WORDY = re.compile(r"\w")
UNSEEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_QUOTED = re.compile(r">")
_BARRED = re.compile(r"\|")
_INITIALS = re.compile(r"(?!SQL|CMD|DOS|PS|GDB)[A-ZА-ЯЁ][A-Za-zА-Яа-яЁё]{0,3}>")
RULER = re.compile(r"[\s*_=—–#~-]{2,}$")
_DELIMITER = re.compile(r"(?:--|—|––?) ?$|-- ")
_UNDERSCORES = re.compile(r"_{2,}$")
_AFTERWORD = re.compile(r"\W*(?:p\.?\s?s\b|п\.?\s?с\b|з\.?\s?ы\b)", re.IGNORECASE)
_SENTENCE = re.compile(r"\?$|(?<!\w)[a-zа-яё]{2,}[.!]$")
_CODE = re.compile(r"""\s--?\w|[=({;\\$|]|\w\.\w+\(|://|^(?:cd|dir|ls|ping|tracert|ipconfig|nslookup|pip|npm|git|curl|sudo|import|print|java|node)\b""")


class Parts(NamedTuple):
    """The two halves of a text: the author's own words, and everything else."""

    own: str
    rest: str


def own_text(text: str, *, quotes: bool = True, answer: bool = True) -> str:
    """What this letter's author wrote. Answers between quoted lines stay, in their order. Never raises.

    `quotes=False`: the text has no history, so only signature and footers are removed. `answer=False`: the
    letter answers nothing, so quoted lines are the author's own, unless something introduces another letter.
    """
    return split(text, quotes=quotes, answer=answer).own


def split(text: str, *, quotes: bool = True, answer: bool = True) -> Parts:
    """The author's words and the rest; each line that is not blank is in one of them. Linear."""
    reader = _Reader(text.replace("\r\n", "\n").replace("\r", "\n"), quotes, answer)
    reader.run()
    return Parts(_joined(reader.own), _joined(reader.rest))


def _joined(lines: list[str]) -> str:
    """The lines as a text, without blank lines at its ends and without more than two in a row."""
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(map(str.rstrip, lines))).strip("\n")


class _Reader:
    """The state of one pass: where it is, and who got the lines so far."""

    def __init__(self, text: str, quotes: bool, answer: bool) -> None:
        self.quotes, self.answer = quotes, answer
        self.lines = text.split("\n")
        self.shown = [line.strip() for line in UNSEEN.sub("", text).split("\n")]  # as the lines are judged
        self.at = 0
        self.own: list[str] = []
        self.rest: list[str] = []
        self.segment = 0  # where in `own` the words after the last quote begin
        self.mark = _QUOTED  # what quoted lines begin with, besides ">"; some attributions set it
        self.attributed = False
        self.rewrapped = False  # a quoted line was seen that line wrapping broke in two
        self.clear = 0  # no quote begins before this line, so that signatures search only once

    def run(self) -> None:
        """Reads all lines."""
        steps = (*((self._to_end, self._attribution) if self.quotes else ()), self._signature, self._small_print)
        while self.at < len(self.lines):
            line = self.shown[self.at]
            if self._marked(self.at):
                self._quoted()
            elif not line or not any(step(line) for step in steps):
                self._keep(self.at + 1)
        self._end_segment()

    def _keep(self, until: int) -> None:
        """Gives the lines up to `until` to the author, after a blank line if something was removed before."""
        words = any(self.shown[self.at : until])
        if words and len(self.own) == self.segment > 0:
            self.own.append("")
        if words or len(self.own) > self.segment:
            self.own += self.lines[self.at : until]
        self.at = until

    def _give(self, until: int) -> bool:
        """Gives the lines up to `until` to the rest."""
        self._end_segment()
        self.rest += self.lines[self.at : until]
        self.at = until
        return True

    def _to_end(self, line: str) -> bool:
        """A forward mark or a header block: another letter begins, up to its end mark or the end of the text."""
        if line[:1] in tuple("-—–>*|") and (glued(line) or titled(self.shown, self.at)):
            return self._give(self._forward_end())
        if len(line) > LONGEST:
            return False
        if _FORWARD_END.match(line):
            return self._give(self.at + 1)
        if (_FORWARD.match(line) or _ABOVE_THIS_LINE.match(line)) and not RULER.match(line):
            return self._give(self._forward_end())
        if not header_block(self.shown, self.at, not self.own, self.answer):
            if self.own or self.answer or not header_block(self.shown, self.at, nothing_before=True):
                return False
            self._keep(next((at for at in range(self.at, len(self.lines)) if not is_header(self.shown[at])), len(self.lines)))
            return True  # the fields of a form
        cut = self._last_word(len(self.own))
        if cut > self.segment and _HEADING.match(self.own[cut - 1]):  # "Original Message" without its dashes
            self.rest += self.own[cut - 1 :]
            del self.own[cut - 1 :]
        return self._give(self._forward_end())

    def _forward_end(self) -> int:
        """The line after "end of forwarded message", or after the last line."""
        for at in range(self.at + 1, len(self.lines)):
            line = self.shown[at]
            if line.lstrip(" *")[:1] in tuple("-_=—–") and len(line) <= LONGEST and _FORWARD_END.match(line):
                return at + 1
        return len(self.lines)

    def _attribution(self, _line: str) -> bool:
        """ "Иван Петров писал(а):" and the like, with what it introduces."""
        found = attribution(self.shown, self.at)
        if not found:
            return False
        end, certain = found
        following = next((at for at in range(end, len(self.lines)) if self.shown[at]), len(self.lines))
        after = self.shown[following] if following < len(self.lines) else ""
        mark = next((mark for mark in (_QUOTED, _BARRED, _INITIALS) if mark.match(after)), None)
        if mark and (certain or following - end <= 3):
            self.mark, self.attributed = mark if mark is not _QUOTED else self.mark, True
            return self._give(following)
        return certain and self._give(len(self.lines))

    def _quoted(self) -> None:
        """A run of quoted lines, including the wrapped ends of quoted lines, which have no mark."""
        end = self.at
        while self._marked(end) or self._wrapped(end):
            end += 1
        if not self.attributed and self._is_authors(end):
            self._keep(end)
        else:
            self._give(end)

    def _is_authors(self, end: int) -> bool:
        """Whether the author quotes by themselves, up to line `end`: a manual, an error, what they typed.

        Nothing says so for certain: the letter answers nothing, or their own words announce it and go on after it.
        """
        if not self.answer or (end - self.at <= 3 and all(map(_is_code, self.shown[self.at : end]))):
            return True
        announced = self.at and self.own[-1:] == self.lines[self.at - 1 : self.at] and self.shown[self.at - 1].endswith(":")
        after = next(filter(None, self.shown[end : end + 3]), "")
        return bool(announced and after and end - self.at <= MOST_ANNOUNCED and _WORDY.match(after))

    def _marked(self, at: int) -> bool:
        line = self.shown[at] if at < len(self.shown) and self.quotes else ""
        return line.startswith(">") or self.mark.match(line) is not None

    def _wrapped(self, at: int) -> bool:
        """Whether a line without a mark, between two quoted ones, is the wrapped end of the first."""
        line, before = self.shown[at] if at < len(self.shown) else "", self.shown[at - 1]
        if not line or len(line) > 80 or not self._marked(at + 1) or not self._marked(at - 1):
            return False
        broken = len(before) >= 60 and not line[0].isupper() and (self.rewrapped or before[-1] not in ".?!:;)…")
        self.rewrapped |= broken
        return broken

    def _signature(self, line: str) -> bool:
        """ "-- " and what follows it, up to a quote or the end."""
        if line[:1] not in ("-", "—", "–", "_"):
            return False
        written = self.lines[self.at]
        listed = _UNDERSCORES.match(line) and any(_LIST_FOOTER.search(after[:LONGEST]) for after in self.shown[self.at + 1 : self.at + 4])
        if not _DELIMITER.fullmatch(written) and not listed:
            return False
        exact = listed or written == "-- "
        if not exact and not self._is_signature():
            return False
        end, size = self.at + 1, 0
        while end < len(self.lines) and not self._structure(end):
            shown = self.shown[end]
            size += len(shown)
            end += 1
            if not exact and (size > 800 or end - self.at > 20 or (_SENTENCE.search(shown[:LONGEST]) and shown.count(" ") >= 3)):
                return False
            if _PHONE.match(shown[:LONGEST]):
                break
        return bool(exact or size) and self._give(end)

    def _is_signature(self) -> bool:
        """Whether what follows a delimiter without its blank looks like one: no question, no sentence that goes on, no list."""
        tail = [line for line in self.shown[self.at + 1 : self.at + 20] if line]
        around = self.lines[max(self.at - 20, 0) : self.at] + self.lines[self.at + 1 : self.at + 20]
        listed = any(map(_DELIMITER.fullmatch, around))
        told = [line for line in tail if line[-1:] in "?!" or (line[0].islower() and "@" not in line and "://" not in line and "." not in line)]
        return not listed and not told

    def _structure(self, at: int) -> bool:
        """Whether a quote, an attribution or another letter begins here, so that a signature ends."""
        line = self.shown[at]
        if not self.quotes or at < self.clear or not line or len(line) > LONGEST:
            return False
        if self._marked(at) or _FORWARD.match(line) or header_block(self.shown, at, False, self.answer) or attribution(self.shown, at):
            return True
        self.clear = at + 1
        return False

    def _small_print(self, line: str) -> bool:
        """A footer: one line of a phone's, the whole paragraph of a virus scanner's or a lawyer's."""
        if len(line) <= LONGEST and _PHONE.match(line):
            return self._give(self.at + 1)
        if len(line) > 3000 or not _FOOTER.match(line):
            return False
        return self._give(next((at for at in range(self.at, len(self.lines)) if not self.shown[at]), len(self.lines)))

    def _end_segment(self) -> None:
        """Removes rulers, and a closing with name and address, from the end of the words so far."""
        cut = self._last_word(len(self.own))
        closing = self._closing(cut)
        if closing is not None and any(line.strip() for line in self.own[:closing]):
            cut = self._last_word(closing)
        self.rest += self.own[cut:]
        del self.own[cut:]
        self.segment = len(self.own)

    def _last_word(self, end: int) -> int:
        """Where the words before `end` really end: without blank lines and rulers."""
        while end > self.segment and (not self.own[end - 1] or RULER.match(self.own[end - 1])):
            end -= 1
        return end

    def _closing(self, end: int) -> int | None:
        """Where "С уважением, …" begins, when only a name and an address follow it."""
        tail, first = 0, ""  # lines below, and the uppermost of them
        for at in range(end - 1, max(self.segment, end - 30) - 1, -1):
            line = self.own[at].strip()
            if not line:
                continue
            if _CLOSING.match(line[:LONGEST]) or (tail and _THANKS.match(line[:LONGEST]) and _NAME.fullmatch(first)):
                return at
            first = line
            tail += 1
            if tail > 10 or len(line) > 90 or _AFTERWORD.match(line) or len(line.split()) > 10 or _SENTENCE.search(line):
                return None
        return None


def _is_code(line: str) -> bool:
    """A line that a person typed after a prompt: "> pip install x", ">>> import x"."""
    shown = line.lstrip("> ")
    return shown.isascii() and 2 < len(shown) < 200 and bool(_CODE.search(shown)) and shown[-1] not in "?!"
