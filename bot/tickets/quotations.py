"""Our own letters in the words of staff. Where a mail program quotes one without any mark, a customer's line could pass for a command."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from html import unescape

from bot.model import Audience, Outgoing, Ticket, Value
from bot.reading.history import QUOTED, introduced, unmarked
from bot.replies.leak import INVISIBLE, RUN, SCRIPT, TAG, runs, template_runs, words
from bot.replies.render import STAFF
from bot.tickets.authors import of_department
from bot.tickets.commands import BY_WORD, COMMANDS, fold, line_of
from bot.tickets.words import CAPTIONS

CAPTION_LINES = frozenset(caption for captions in CAPTIONS.values() for caption in captions[1::2])
HELP_LINES = tuple(f" — {line}" for one in COMMANDS for line in (one.help_ru, one.help_en))
BUTTON = re.compile(r"#\w+(?: \d{1,9})? — (.+)")
MOST_COMPARED = 30  # letters of ours to one ticket's staff, the newest, in which a quotation is looked for
MOST_LINES = 2000  # of the history, in which a command is looked for that was meant for us
LONG = 20  # characters of a line that no two people write alike, whatever becomes of its blanks
FEW = 3  # words that two people may well write alike
LINK = re.compile(r"<?\bmailto:[^\s>]*>?")


class Own(Value, frozen=True):
    """A letter of staff, divided."""

    text: str  # what they wrote above the first piece of a letter of ours
    below: tuple[str, ...] = ()  # the lines from there on
    doubt: str = ""  # a piece of ours, or a customer's line, that cannot be told from their own words
    misplaced: int = 0  # the line of a command that stands below quoted words of a customer's; 0 for none


class Ours:
    """What we have written to staff about these tickets, and what was said in them."""

    def __init__(self, tickets: Iterable[Ticket], sources: Mapping[str, str]) -> None:
        self.tickets = tuple(tickets)
        self.entries = tuple(entry for ticket in self.tickets for entry in ticket.entries)
        self.sources = tuple(sorted(sources.items()))

    @cached_property
    def sent(self) -> list[Outgoing]:
        """Our letters to staff."""
        staff = (Audience.agent, Audience.department)
        return [one for ticket in self.tickets for one in [one for one in ticket.outgoing if one.audience in staff][-MOST_COMPARED:]]

    @cached_property
    def letters(self) -> list[str]:
        """Their text parts."""
        return [one.text for one in self.sent]

    @cached_property
    def known(self) -> list[str]:
        """What was said in the tickets, which anybody may repeat."""
        told = [one.text for ticket in self.tickets for one in ticket.outgoing if one.audience is Audience.requester]
        return [*told, *(entry.text for entry in self.entries)]

    @cached_property
    def joined(self) -> str:
        """All of it, and the templates of letters to staff, as words between blanks."""
        pieces = [piece for file, source in self.sources if STAFF.search(file) for piece in SCRIPT.split(source)]
        pages = (unescape(TAG.sub(" ", one.html)) for one in self.sent)  # without the addresses of links, which the text parts have
        return " \n ".join(plain(text) for text in (*self.letters, *pages, *self.known, *pieces))

    @cached_property
    def glued(self) -> str:
        """The same without the blanks."""
        return self.joined.replace(" ", "")

    @cached_property
    def customers(self) -> list[str]:
        """What others than staff wrote."""
        theirs = (one for one in self.entries if one.kind in ("letter", "machine") or of_department(one))
        return [one.text for one in theirs]

    @cached_property
    def foreign(self) -> tuple[str, str]:
        """The same, as words between blanks and as it is written."""
        return " \n ".join(map(plain, self.customers)), "\n".join(map(one_line, self.customers))

    @cached_property
    def lines(self) -> tuple[frozenset[str], str]:
        """Every line that we or others than agents wrote, and all of them as they are written."""
        texts = (*self.letters, *self.customers)
        return frozenset(one_line(line) for text in texts for line in text.splitlines()), "\n".join(map(one_line, texts))

    def holds(self, line: str, least: int = 1) -> bool:
        """Whether the words of the line, at least so many, stand in one of them in that order; a line without words does."""
        said = plain(LINK.sub(" ", line))
        torn = said.replace(" ", "") if len(said) > LONG else "-"  # a long word may have been broken in two
        return is_button(line) or said.isspace() or (said.count(" ") > least and said in self.joined) or torn in self.glued

    def returns(self, lines: Sequence[str]) -> bool:
        """Whether a letter is quoted that says what was wrong with an agent's, or asks about it, and repeats that."""
        said = plain("\n".join(lines))
        files = [source for file, source in self.sources if file.endswith(("/command_error.txt", "/confirm.txt"))]
        pieces = [plain(piece) for source in files for piece in SCRIPT.split(source)]
        return any(piece in said for piece in pieces if piece.count(" ") > RUN)

    def tells(self, line: str) -> bool:
        """Whether a command line stands in a letter of ours or a customer's: as it is, or, if it has an argument, as a piece."""
        lines, texts = self.lines
        return is_button(line) or one_line(line) in lines or (has_argument(line) and one_line(line) in texts)

    def quoted(self, line: str) -> bool:
        """Whether the line is marked as quoted, and its words are a customer's."""
        said = plain(line)
        return is_marked(line) and said.count(" ") > FEW and said in self.foreign[0]

    def repeated(self, line: str) -> bool:
        """Whether the line is a command with an argument, and stands so in a customer's letter."""
        return has_argument(line) and one_line(line) in self.foreign[1]

    def first(self, text: str) -> int:
        """The first line that repeats a letter of ours in words that nobody else has said; the number of lines where none does."""
        lines, said = text.split("\n"), words(text)
        button = next((at for at, line in enumerate(lines) if is_button(line) and line_of(line)), len(lines))
        staff, others = (tuple(one for one in self.sources if bool(STAFF.search(one[0])) is wanted) for wanted in (True, False))
        hidden = set().union(template_runs(staff) - template_runs(others), *map(runs, self.letters)).difference(*map(runs, self.known))
        plainly = [word for word, _, _ in said]
        at = next((at for at in range(len(said) - RUN + 1) if tuple(plainly[at : at + RUN]) in hidden), -1)
        if at < 0:
            return button
        at -= max((shared(plainly, at, [word for word, _, _ in words(letter)]) for letter in self.letters), default=0)
        return min(button, INVISIBLE.sub("", text).count("\n", 0, said[at][1]))


def own_words(text: str, ours: Ours) -> Own:
    """`text`, the words above the first mark of history, as far as they are no letter of ours.

    A piece of ours ends them where all that follows is ours too, or where it is marked as quoted; else it stays in doubt.
    """
    lines = text.split("\n")
    cut = ours.first(text)
    whole = all(ours.holds(line) or ours.holds(f"{before} {line}") for before, line in zip(["", *lines[cut:]], lines[cut:], strict=False))
    if not whole and not is_marked(lines[cut]):
        return Own(text=text, doubt=lines[cut].strip())
    cut = introduced([line.strip() for line in lines], cut) if cut < len(lines) else cut
    quoted = [at for at in range(cut) if ours.quoted(lines[at])]
    rest = [at for at in range(quoted[0], cut) if lines[at].strip() and not is_marked(lines[at])] if quoted else []
    if quoted and not rest:  # nothing but quoted words to the end
        cut = quoted[0]
        while cut and (not lines[cut - 1].strip() or (is_marked(lines[cut - 1]) and ours.holds(lines[cut - 1]))):
            cut -= 1
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    doubt = next((lines[at].strip() for at in range(first + 1, cut) if ours.repeated(lines[at])), "")
    misplaced = next((at + 1 for at in rest if is_command(lines[at])), 0)
    return Own(text="\n".join(lines[:cut]).strip("\n"), below=tuple(lines[cut:]), doubt=doubt, misplaced=misplaced)


def stray(lines: Sequence[str], ours: Ours) -> int:
    """The first line of the history that is a command of its author's and not a piece of ours; -1 where there is none.

    Where a letter of ours is quoted that gives an agent's text back, only what is told from it counts: what bears no mark where
    the rest does, or stands below the last line of ours.
    """
    lines = lines[:MOST_LINES]
    candidates = [at for at, line in enumerate(lines) if is_command(unmarked(line)) and not ours.tells(unmarked(line))]
    if candidates and ours.returns(lines):
        marks = any(map(is_marked, lines))
        last = max((at for at, line in enumerate(lines) if line.strip() and ours.holds(line, FEW)), default=-1)
        candidates = [at for at in candidates if at > last or (marks and not is_marked(lines[at]))]
    return candidates[0] if candidates else -1


def is_command(line: str) -> bool:
    """Whether the line would be a command."""
    found = line_of(line)
    return found is not None and fold(found[1]) in BY_WORD


def has_argument(line: str) -> bool:
    """Whether the line would be a command and says more than its word."""
    found = line_of(line)
    return bool(found and found[2])


def is_marked(line: str) -> bool:
    """Whether some program has marked the line as quoted."""
    return QUOTED.match(line.lstrip()) is not None


def is_button(line: str) -> bool:
    """Whether the line is one of our buttons, in text or in HTML, or a row of the help."""
    shown = line.strip(" \t*>|-•·")
    button = BUTTON.fullmatch(shown)
    return (button[1] if button else shown) in CAPTION_LINES or shown.endswith(HELP_LINES)


def one_line(text: str) -> str:
    """Text as it is compared: bullets, case, invisible letters, line breaks and the width of blanks do not count."""
    return " ".join(INVISIBLE.sub("", text).strip(" \t>|*•-\u00a0").casefold().split())


def plain(text: str) -> str:
    """The words of a text, each between blanks."""
    return f" {' '.join(word for word, _, _ in words(text))} "


def shared(said: list[str], at: int, letter: list[str]) -> int:
    """How many words before `at` are also those that stand before the same run in the letter: there the quotation begins."""
    run, most = said[at : at + RUN], 0
    for place in range(len(letter) - RUN + 1):
        if letter[place] == run[0] and letter[place : place + RUN] == run:
            back = 0
            while back < min(at, place) and said[at - back - 1] == letter[place - back - 1]:
                back += 1
            most = max(most, back)
    return most
