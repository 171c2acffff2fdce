"""Letters of ours in the words of staff: some programs quote them without any mark, and then a customer's line
could pass for a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from html import unescape

from msgspec.structs import replace

from bot.model import Audience, Entry, Ticket, Value
from bot.parsing.history import QUOTED, introduced, unmarked
from bot.rendering.leak_check import INVISIBLE, RUN, SCRIPT, TAG, common, runs, template_runs, words
from bot.rendering.templates import STAFF, Templates
from bot.tickets.agents.parser import BY_WORD, Wrong, escaped, fold, line_of
from bot.tickets.authors import of_department
from bot.tickets.outgoing import MOST_ENTRIES

BUTTON = re.compile(r"#\w+(?: \d{1,9})? — (.+)")
GIVING_BACK = ("/command_error.txt", "/confirm.txt")  # templates of letters that repeat an agent's own
MOST_COMPARED = 30  # letters of ours to one ticket's staff, the newest, in which a quotation is looked for
MOST_OF_ONE = 20_000  # characters of one of them: what begins it is enough to know it
MOST_LINES = 2000  # of the history, in which a command is looked for that was meant for us
SIGN = re.compile("[#№＃]")
FEW = 3  # words that two people may well write alike


class Own(Value, frozen=True):
    """A letter of staff, divided."""

    text: str  # what they wrote above the first piece of a letter of ours
    below: tuple[str, ...] = ()  # the lines from there on
    wrong: tuple[Wrong, ...] = ()  # why it cannot be told what they wrote


class Ours:
    """What we have written to staff about these tickets, and what was said in them."""

    def __init__(self, tickets: Iterable[Ticket], templates: Templates) -> None:
        self.sources = tuple(sorted(templates.sources.items()))
        commands = [one for terms in templates.all_terms().values() for one in terms.commands.values()]
        self.captions = frozenset(one.button for one in commands if one.button)
        self.help = tuple(f" — {one.help}" for one in commands)
        self.sent, self.known, self.foreign, older = [], list[str](), list[str](), list[str]()
        for ticket in tickets:
            sent = [one for one in ticket.outgoing if one.audience in (Audience.agent, Audience.department)]
            self.sent += [replace(one, body=one.body[:MOST_OF_ONE]) for one in sent[-MOST_COMPARED:]]
            entries, outgoing = ticket.entries[-MOST_ENTRIES:], ticket.outgoing[-MOST_ENTRIES:]
            self.known += [one.text for one in outgoing if one.audience is Audience.requester]
            self.known += [one.text for one in entries]  # anybody may repeat it
            self.foreign += [one.text for one in entries if is_foreign(one)]
            older += [one.text for one in ticket.entries[:-MOST_ENTRIES] if is_foreign(one)]
        self.letters = [one.text for one in self.sent]
        self.foreign_lines = signs([*self.foreign, *older])
        self.lines = self.foreign_lines | signs(self.letters)

    @cached_property
    def words(self) -> str:
        """All of it, and the templates of letters to staff, as words between blanks."""
        sources = (source for file, source in self.sources if STAFF.search(file))
        pieces = (piece for source in sources for piece in SCRIPT.split(source))
        pages = (unescape(TAG.sub(" ", one.html)) for one in self.sent)  # links without their addresses
        return plain(*self.letters, *pages, *self.known, *pieces)

    @cached_property
    def foreign_words(self) -> str:
        """What others than staff wrote, as words between blanks."""
        return plain(*self.foreign)

    def is_button(self, line: str) -> bool:
        """Whether the line is one of our buttons, in text or in HTML, or a row of the help."""
        shown = line.strip(" \t*>|-•·")
        button = BUTTON.fullmatch(shown)
        return (button[1] if button else shown) in self.captions or shown.endswith(self.help)

    def quotes(self, line: str) -> bool:
        """Whether the line has more than a few words, and others than staff wrote them."""
        return (said := plain(line)).count(" ") > FEW and said in self.foreign_words

    def holds(self, line: str, least: int = 1) -> bool:
        """Whether the words of the line, at least so many, stand there in this order; no words do."""
        said = plain(line)
        return said.isspace() or self.is_button(line) or (said.count(" ") > least and said in self.words)

    def tells(self, line: str, before: str) -> bool:
        """Whether a command line is one of ours or a customer's, or goes on with our line before it."""
        return self.is_button(line) or one_line(line) in self.lines or self.holds(f"{before} {line}", FEW)

    def gives_back(self, said: str) -> bool:
        """Whether a letter that repeats an agent's own stands in these words."""
        sources = (source for file, source in self.sources if file.endswith(GIVING_BACK))
        pieces = (plain(piece) for source in sources for piece in SCRIPT.split(source))
        return any(piece in said for piece in pieces if piece.count(" ") > RUN)

    def first(self, text: str) -> int:
        """The first line that repeats a letter of ours, in words of ours alone; else the number of lines."""
        lines = text.split("\n")
        button = next((at for at, line in enumerate(lines) if self.is_button(line) and line_of(line)), len(lines))
        staff = tuple(one for one in self.sources if STAFF.search(one[0]))
        others = tuple(one for one in self.sources if not STAFF.search(one[0]))
        said, fixed = runs(text), template_runs(staff) - template_runs(others)
        hidden = said.intersection(set().union(*map(runs, self.letters)) - fixed)
        hidden = hidden.difference(*map(runs, self.known)) if hidden else hidden
        piece, clean = common(text, hidden | (said & fixed)), INVISIBLE.sub("", text)
        found = at = clean.count("\n", 0, clean.index(piece)) if piece else len(lines)
        while 0 < at < len(lines) and self.holds("\n".join(lines[at - 1 : found + 1])):
            at -= 1  # the same letter begins earlier
        return min(button, at)


def own_words(text: str, ours: Ours) -> Own:
    """`text`, the words above the first mark of history, as far as they are no letter of ours.

    A piece of ours ends them where all that follows is ours too, or where it is marked as quoted; else it is
    in doubt. Lines of a customer's that are marked may stand in an answer, but no command below them.
    """
    lines = text.split("\n")
    cut = ours.first(text)
    if not all(map(ours.holds, lines[cut:])) and not is_marked(lines[cut]):
        return Own(text=text, wrong=(doubt(lines[cut]),))
    cut = introduced([line.strip() for line in lines], cut) if cut < len(lines) else cut
    start = next((at for at in range(cut) if is_marked(lines[at]) and ours.quotes(lines[at])), cut)
    rest = [at for at in range(start, cut) if lines[at].strip() and not is_marked(lines[at])]
    if start < cut and not rest:  # nothing but quoted words to the end
        cut = start
        while cut and (not (line := lines[cut - 1]).strip() or (is_marked(line) and ours.holds(line))):
            cut -= 1
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    commands = (line for line in lines[first + 1 : cut] if (found := line_of(line)) and found[2])
    wrong = [doubt(line) for line in commands if one_line(line) in ours.foreign_lines]
    wrong += [Wrong(line=at + 1, reason="below_quote") for at in rest if is_command(lines[at])]
    return Own(text="\n".join(lines[:cut]).strip("\n"), below=tuple(lines[cut:]), wrong=tuple(wrong[:1]))


def doubt(line: str) -> Wrong:
    """Of a line that may be a customer's as well as the agent's."""
    return Wrong(line=0, reason="quotation", what=escaped(line.strip()))


def stray(lines: Sequence[str], ours: Ours) -> int:
    """The first line of the history that is a command of its author's and not a piece of ours, or -1; one without
    a mark where the rest has one, if there is such a line.

    Where a letter of ours is quoted that gives an agent's text back, any other counts only below all of ours.
    """
    lines = lines[:MOST_LINES]
    bare = [unmarked(line) for line in lines]
    before = ["", *bare]
    found = [at for at, line in enumerate(bare) if is_command(line) and not ours.tells(line, before[at])]
    clear = [at for at in found if not is_marked(lines[at])] if any(map(is_marked, lines)) else []
    if found and not clear and ours.gives_back(plain("\n".join(bare))):
        last = max((at for at, line in enumerate(bare) if line and ours.holds(line, FEW)), default=-1)
        found = [at for at in found if at > last]
    return next(iter(clear or found), -1)


def is_command(line: str) -> bool:
    """Whether the line would be a command."""
    found = line_of(line)
    return found is not None and fold(found[1]) in BY_WORD


def is_marked(line: str) -> bool:
    """Whether some program has marked the line as quoted."""
    return QUOTED.match(line.lstrip()) is not None


def is_foreign(one: Entry) -> bool:
    """Whether others than our agents wrote it."""
    return one.kind in ("letter", "machine") or of_department(one)


def signs(texts: Iterable[str]) -> frozenset[str]:
    """The lines of the texts that have a sign, as they are compared."""
    lines = (line for text in texts if SIGN.search(text) for line in text.splitlines())
    return frozenset(one_line(line) for line in lines if SIGN.search(line))


def one_line(text: str) -> str:
    """A line as it is compared: bullets, case, invisible letters and the width of blanks do not count."""
    return " ".join(INVISIBLE.sub("", text).strip(" \t>|*•-\u00a0").casefold().split())


def plain(*texts: str) -> str:
    """The words of each text between blanks, a line for each."""
    return "\n".join(f" {' '.join(word for word, _, _ in words(text))} " for text in texts)

