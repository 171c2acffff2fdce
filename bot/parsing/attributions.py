"""Finds what introduces another person's words: an attribution line, or a block of quoted headers.

The lines passed in have no invisible characters and no blanks at their ends. Everything works on a window of
a few lines of limited length, so reading a letter stays linear in its size.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.model.address import FOUND
from bot.parsing.vocabulary import HEADERS, pattern

LONGEST = 500  # characters; a longer line is no attribution
_WINDOW = 7  # most lines of a wrapped attribution, blank ones included
_BLOCK = 16  # most lines of a header block

_CLOCK, _DATE, _DATED, _VERB = map(pattern, ("clock", "date", "dated", "verb"))
_HEADER = re.compile(r"[*_>|\s]{0,9}([^\W\d_][^:：*\n]{0,24}?)[\s*]{0,3}[:：][\s*]{0,3}(.*)$")
_ANGLE = re.compile(r"<\s*(?:mailto:)?[^<>]{0,80}?[^\s<>@]+@[^\s<>]+")
_GLUED = re.compile(
    r"[\s>*|]{0,9}[-—–]{3,10}\s?[^\n@:：-]{3,60}?\s?[-—–]{3,10}\s{1,3}[^\n:：@]{1,24}[:：]\s?[^\n]{0,160}?@[^\n]{0,200}?[:：]"
)
_TITLE = re.compile(r"[\s>*|]{0,9}[-—–]{3,60}\s?[^\W\d_][^\n@:：]{2,50}?\s?[-—–]{3,60}$")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_SENTENCES = re.compile(r"[^\W\d_]{5}[.!?]\s+[^\W\d_a-zа-яё]")
_DOMAIN = re.compile(r"@[^\s<>()\]]*")
_ENDS = re.compile(r"[:：]\s*[-_*—–]{0,12}$|[-—–]{3,12}$")
_CLOSES = re.compile(r"^>\s?[>\s]{0,3}(?:[:：,]|\w[\w() ]{0,30}[:：])?\s*$")
_YOU = re.compile(r"(?<!\w)(?:you wrote|вы (?:писали|написали)|ви писали|пользователь|użytkownik|user|utilisateur)(?!\w)", re.IGNORECASE)
_NAMED = re.compile(r"(?:,|[AaPp]\.?[Mm]\.?|\+\d{4}|\))\s(?:(?:[\"'«(]?[^\W\d_a-zа-яё][\w.'’»)\"-]*|via|de|von|van|[-–&/]),?\s?){1,6}$")
_WORD = re.compile(r"(?<=[\s\])>])([^\W\d_]{1,12})\s?:\s")
_PARTICLES = ("de", "da", "di", "del", "la", "van", "von", "der", "den", "ter")
_FROM = re.compile(r"(?<!\w)(?:от|from|від|von|de|da)\s", re.IGNORECASE)
_DIGIT = re.compile(r"\d")


def attribution(lines: Sequence[str], start: int) -> tuple[int, bool] | None:
    """The attribution that begins at `start`, or None: the number of the line after it, and its strength.

    True: it counts whatever follows; False: only if quoted lines follow. Wrapped attributions are joined.
    """
    first = lines[start]
    if not 6 <= len(first) <= LONGEST:
        return None
    dated = _DIGIT.search(first) is not None and _DATED.match(first) is not None
    if not (dated or "@" in first or "<" in first or (first[-1] in ":：-_*—–" and _ENDS.search(first) and _VERB.search(first))):
        return None
    joined, best = first, None
    for end in range(start + 1, start + _WINDOW + 1):
        strength = _strength(joined, dated)
        line = _continued(joined, dated, lines, end) if end < len(lines) else ""
        if strength and not line.startswith(">"):
            return end, True
        if strength is False:
            best = end, False
        if not line or len(joined) + len(line) > LONGEST:
            break
        joined = f"{joined} {line}".rstrip()
    return best


def _continued(joined: str, dated: bool, lines: Sequence[str], at: int) -> str:
    """The line that continues an unfinished attribution; a newline for a blank that may be skipped; or ""."""
    line = lines[at]
    opened = joined.count("<") > joined.count(">")
    if line.startswith(">"):
        return line if opened and _CLOSES.match(line) else ""
    if not line:
        following = lines[at + 1] if at + 1 < len(lines) else ""
        return "\n" if opened or following.startswith(("<", "mailto:")) else ""
    return "" if dated and _CLOCK.search(joined) and _DATED.match(line) else line


def _strength(text: str, dated: bool) -> bool | None:
    """True: an attribution, whatever follows; False: one if quoted lines follow; None: none (so far)."""
    core, end = text.strip(" -_*—–[]\t"), text.rstrip(" ]")
    ends = end[-1:] in tuple(":：-_*—–") and _ENDS.search(end) is not None
    angle = _ANGLE.search(core) if "<" in core else None
    if not (ends or dated or angle) or _SENTENCES.search(core):
        return None
    verb, address = _VERB.search(core), angle or FOUND.search(core)
    if verb and (ends or len(core) - verb.end() <= 2):
        return _with_verb(core, ends, dated, address, verb)
    if address and len(core) - _address_end(core) <= (30 if angle else 6):
        if angle and ((ends and _CLOCK.search(core) and _YEAR.search(core)) or (dated and (ends or core.endswith(">")))):
            return True
        if dated and ends and _FROM.search(core[: address.start()]):
            return True
    if angle and (verb or ends):
        return False
    return False if dated and _CLOCK.search(core) and (ends or len(core) < 45) else None


def _with_verb(core: str, ends: bool, dated: bool, address: re.Match[str] | None, verb: re.Match[str]) -> bool | None:
    """The same for a text with the word "wrote" where attributions have it."""
    before, after = core[: verb.start()], core[verb.end() :]
    clock = _CLOCK.search(core) is not None
    together = False
    if address:
        angle = address[0].startswith("<")
        between = core[_address_end(core) : verb.start()].strip(" >)],") if address.end() <= verb.start() else ""
        together = len(between) <= (30 if angle else 0)
        # After writer and verb only the date may follow; "12 мая писал на x@y.ru, ответа нет:" says more.
        rest = core[max(verb.end(), _address_end(core)) :]
        if together and (dated or angle) and _DATE.search(core) and (len(rest) <= 6 or _DATE.search(rest)):
            return True
    if dated and ends and (clock or _YEAR.search(core)) and _names(after.rstrip(" :：")):
        return True
    if ends and clock and not _YOU.search(core) and _DATED.match(after.strip()) and _names(before, least=1):
        return True  # "Anna Petrova wrote 2026-11-30 14:05:"
    if dated and clock and _NAMED.search(before.rstrip(" ") + " ") and not _YOU.search(core):
        return True
    if address and ends and not core[address.end() : verb.start()].strip(" >)]"):
        # "Ivan Petrov <ivan@x.ru> wrote:", "ivan@x.ru писал 12.05.2024 12:51:": name, address, then the verb.
        named = address.start() == 0 or _names(core[: address.start()], least=1)
        if named and (len(after) <= 2 or _DATED.match(after)):
            return True
    return False if _YOU.search(core) or (ends and (dated or together or _names(before))) else None


def _address_end(core: str) -> int:
    """Where the last address in the text ends. Some programs write it twice: "<a@b.c<mailto:a@b.c>>"."""
    domain = _DOMAIN.match(core, max(core.rfind("@"), 0))
    return domain.end() if domain else 0


def _names(words: str, least: int = 2) -> bool:
    """Whether this is a name: all words are capitalised, or somebody writes "via" something."""
    names = words.strip(" \"'«».,<(").split()
    if "via" in names[1:]:
        return len(names) <= 6
    return least <= len(names) <= 5 and all(name[0].isupper() or name[0] in "\"'«(" or "." in name or name in _PARTICLES for name in names)


def glued(line: str) -> bool:
    """Whether a mark of a forwarded letter has the headers of that letter behind it on its line, as Yahoo writes it."""
    return len(line) <= LONGEST * 2 and _GLUED.match(line) is not None


def titled(lines: Sequence[str], start: int) -> bool:
    """Whether a title between dashes, in any language, stands above headers of a forwarded letter."""
    if not _TITLE.match(lines[start][:LONGEST]):
        return False
    following = [line for line in lines[start + 1 : start + 8] if line][:4]
    found = [match for line in following if (match := _HEADER.match(line[:LONGEST]))]
    return len(found) >= 3 and found[0][0] == following[0][: len(found[0][0])] and any("@" in match[2] for match in found)


def header_block(lines: Sequence[str], start: int, nothing_before: bool, answer: bool = True) -> bool:
    """Whether a block of quoted headers (From, Sent, To, Subject in any language) begins at `start`.

    `nothing_before`: the letter has no words above it. Then the block must be complete. `answer`: the letter answers
    or forwards another one; one that does not may come from a form, whose fields begin it and name no recipient.
    """
    if not (first := _header(lines[start])):
        return False
    kinds = dict([first])
    if len(first[1]) > 40:  # Some programs put the whole block on one line.
        kinds |= {HEADERS[word[1].lower()]: first[1][word.end() :] for word in _WORD.finditer(first[1]) if word[1].lower() in HEADERS}
    plain = 0
    for line in lines[start + 1 : start + _BLOCK]:
        found = _header(line)
        if len(line) > 2000 or (found and found[0] in kinds and found[0] != "other"):
            break
        if found:
            kinds[found[0]] = found[1]
            plain = 0
        elif (line and plain >= 3) or (not line and plain >= 1 and len(kinds) >= 3):
            break
        else:
            plain += 1
    return _complete(kinds, nothing_before) and (answer or ("to" in kinds and not nothing_before))


def is_header(line: str) -> bool:
    """Whether the line looks like a header in any language, known to us or not."""
    return _HEADER.match(line[:LONGEST]) is not None


def _header(line: str) -> tuple[str, str] | None:
    """(what the header means, its value) of a line such as "*Sent:* Monday", or None."""
    match = _HEADER.match(line[:LONGEST])
    kind = HEADERS.get(match[1].strip().lower()) if match else None
    return (kind, match[2].strip()) if match and kind else None


def _complete(kinds: dict[str, str], nothing_before: bool) -> bool:
    """Whether enough headers have fitting values: a letter's headers, not sentences with colons."""
    known = len(kinds.keys() - {"other"})
    dated = "date" in kinds and bool(_DATE.search(kinds["date"]) or _CLOCK.search(kinds["date"]))
    addressed = any("@" in kinds.get(kind, "") for kind in ("from", "to"))
    if "from" not in kinds:
        return known >= 3 and dated and addressed
    if nothing_before:
        return known >= 3 and (dated or addressed)
    return known >= 3 or (known == 2 and (dated or addressed))
