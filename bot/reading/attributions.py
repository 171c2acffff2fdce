"""Finds what introduces another person's words: an attribution line, a block of quoted headers, a forward mark.

Everything works on a window of a few lines of bounded length, so reading a letter stays linear in its size.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.reading.vocabulary import HEADERS, pattern

LONGEST = 500  # characters; a longer line introduces nothing
_WINDOW = 7  # lines an attribution may be wrapped to, blank ones included
_BLOCK = 16  # lines a header block may take

CLOCK, DATE, DATED, VERB = map(pattern, ("clock", "date", "dated", "verb"))
ADDRESS = re.compile(r"[^\s<>\"'(),;:@]{1,64}@[^\s<>\"'(),;:@]{1,200}")
HEADER = re.compile(r"^[\s*_>|]{0,9}([^\W\d_][^:：*\n]{0,24}?)[\s*]{0,3}[:：][\s*]{0,3}(.*)$")
_ANGLE = re.compile(r"<\s*(?:mailto:)?[^<>]{0,80}?[^\s<>@]+@[^\s<>]+")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_SENTENCES = re.compile(r"[^\W\d_]{5}[.!?]\s+[^\W\d_a-zа-яё]")
_UNSEEN = dict.fromkeys([0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF])
_DOMAIN = re.compile(r"@[^\s<>()\]]*")
_ENDS = re.compile(r"[:：]\s*[-_*—–]{0,12}$|[-—–]{3,12}$")
_CLOSES = re.compile(r"^>\s?[>\s]{0,3}(?:[:：,]|\w[\w() ]{0,30}[:：])?\s*$")
_YOU = re.compile(r"(?<!\w)(?:you wrote|вы (?:писали|написали)|ви писали|пользователь|użytkownik|user|utilisateur)(?!\w)", re.IGNORECASE)
_NAMED = re.compile(r"(?:,|[AaPp]\.?[Mm]\.?|\+\d{4}|\))\s(?:(?:[\"'«(]?[^\W\d_a-zа-яё][\w.'’»)\"-]*|via|de|von|van|[-–&/]),?\s?){1,6}$")
_WORD = re.compile(r"(?<=[\s\])>])([^\W\d_]{1,12})\s?:\s")
_PARTICLES = ("de", "da", "di", "del", "la", "van", "von", "der", "den", "ter")
_DIGIT = re.compile(r"\d")
_FROM = re.compile(r"(?<!\w)(?:от|from|від|von|de|da)\s", re.IGNORECASE)


def attribution(lines: Sequence[str], start: int) -> tuple[int, bool] | None:
    """The attribution that begins at `start`: the line after it, and whether it stands on its own (True) or only
    counts when quoted lines follow (False). None when nothing there looks like one. Wrapped ones are joined.
    """
    first = lines[start].translate(_UNSEEN).strip()
    if not _may_begin(first):
        return None
    joined, best = first, None
    for end in range(start + 1, start + _WINDOW + 1):
        strength = _strength(joined)
        line = _continued(joined, lines, end) if end < len(lines) else ""
        if strength and not line.startswith(">"):
            return end, True
        if strength is False:
            best = end, False
        if not line:
            break
        joined = f"{joined} {line}".rstrip() if line != "\n" else joined
        if len(joined) > LONGEST:
            break
    return best


def _may_begin(line: str) -> bool:
    """A cheap look at the first line: it is short and begins with a date, or names an address or a writer."""
    if not 6 <= len(line) <= LONGEST:
        return False
    if "@" in line or "<" in line or (_DIGIT.search(line) and DATED.match(line)):
        return True
    return line[-1] in ":：-_*—–" and _ENDS.search(line) is not None and VERB.search(line) is not None


def _continued(joined: str, lines: Sequence[str], at: int) -> str:
    """The line that goes on with an unfinished attribution; a newline for a blank that may be skipped; or ""."""
    line = lines[at].translate(_UNSEEN).strip()
    opened = joined.count("<") > joined.count(">")
    if line.startswith(">"):
        return line if opened and _CLOSES.match(line) else ""
    if not line:
        following = lines[at + 1].strip() if at + 1 < len(lines) else ""
        return "\n" if opened or following.startswith(("<", "mailto:")) else ""
    if len(line) > LONGEST or (DATED.match(line) and DATED.match(joined) and CLOCK.search(joined)):
        return ""
    return line


def _strength(text: str) -> bool | None:
    """True: an attribution whatever follows; False: one if quoted lines follow; None: not (yet) one."""
    core = text.strip(" -_*—–[]\t")
    ends = bool(_ENDS.search(text.rstrip(" ]")))
    dated = DATED.match(core) is not None
    angle = _ANGLE.search(core)
    if not (ends or dated or angle) or _SENTENCES.search(core):
        return None
    verb = VERB.search(core)
    address = angle or ADDRESS.search(core)
    if verb and (ends or len(core) - verb.end() <= 2):
        return _with_verb(core, ends, dated, address, verb)
    if address and len(core) - _address_end(core) <= (30 if angle else 6):
        if angle and ((ends and CLOCK.search(core) and _YEAR.search(core)) or (dated and (ends or core.endswith(">")))):
            return True
        if dated and ends and _FROM.search(core[: address.start()]):
            return True
    if angle and (verb or ends):
        return False
    return False if dated and CLOCK.search(core) and (ends or len(core) < 45) else None


def _with_verb(core: str, ends: bool, dated: bool, address: re.Match[str] | None, verb: re.Match[str]) -> bool | None:
    """The same of a text that says "wrote" where an attribution says it."""
    between = core[_address_end(core) : verb.start()].strip(" >)],") if address and address.end() <= verb.start() else ""
    together = address is not None and len(between) <= (30 if address[0].startswith("<") else 0)
    written = together and DATE.search(core) and (dated or (address and address[0].startswith("<")))
    if written and _nothing_more(core[max(verb.end(), _address_end(core)) :]):
        return True
    if dated and ends and (CLOCK.search(core) or _YEAR.search(core)) and _names(core[verb.end() :].rstrip(" :：")):
        return True
    if dated and CLOCK.search(core) and _NAMED.search(core[: verb.start()].rstrip(" ") + " ") and not _YOU.search(core):
        return True
    if address and ends and _plain_introduction(core, address, verb):
        return True
    if (dated and ends) or _YOU.search(core) or (together and ends):
        return False
    return False if ends and _names(core[: verb.start()]) else None


def _address_end(core: str) -> int:
    """Where the last address of the text ends: programs write the same one twice, "<a@b.c<mailto:a@b.c>>"."""
    last = core.rfind("@")
    domain = _DOMAIN.match(core, last) if last >= 0 else None
    return domain.end() if domain else 0


def _nothing_more(rest: str) -> bool:
    """After the writer and the verb only the date may follow: in "12 мая писал на x@y.ru, ответа нет:" more is said."""
    return len(rest) <= 6 or DATE.search(rest) is not None


def _plain_introduction(core: str, address: re.Match[str], verb: re.Match[str]) -> bool:
    """ "Ivan Petrov <ivan@x.ru> wrote:" or "ivan@x.ru писал 12.05.2024 12:51:": a name, an address, the verb at once."""
    between, rest = core[address.end() : verb.start()], core[verb.end() :]
    named = address.start() == 0 or _names(core[: address.start()], least=1)
    return named and len(between.strip(" >)]")) == 0 and (len(rest) <= 2 or DATED.match(rest) is not None)


def _names(words: str, least: int = 2) -> bool:
    """Words that all begin with a capital, or somebody "via" something: "Иван Петров" писал(а), not "система" пишет."""
    names = words.strip(" \"'«».,<(").split()
    if "via" in names[1:]:
        return len(names) <= 6
    return least <= len(names) <= 5 and all(name[0].isupper() or name[0] in "\"'«(" or name in _PARTICLES for name in names)


def header_block(lines: Sequence[str], start: int, nothing_before: bool) -> bool:
    """Whether a block of quoted headers (From, Sent, To, Subject in any language) begins at `start`.

    `nothing_before`: the letter has no words above it; then the block must be complete, since a form that was
    mailed may begin with a few fields of its own.
    """
    if not (first := header_field(lines[start])):
        return False
    kinds = dict([first, *_more_on_the_line(first[1])])
    plain = 0
    for at in range(start + 1, min(len(lines), start + _BLOCK)):
        line = lines[at].strip()
        found = header_field(line)
        if len(line) > 2000 or (found and found[0] in kinds and found[0] != "other"):
            break
        if found:
            kinds[found[0]] = found[1]
            plain = 0
        elif (line and plain >= 3) or (not line and plain >= 1 and len(kinds) >= 3):
            break
        else:
            plain += 1
    return _complete(kinds, nothing_before)


def _more_on_the_line(value: str) -> list[tuple[str, str]]:
    """The other headers of a block that some program has put on one line."""
    words = [match for match in _WORD.finditer(value) if match[1].lower() in HEADERS] if len(value) > 40 else []
    return [(HEADERS[match[1].lower()], value[match.end() :]) for match in words]


def header_field(line: str) -> tuple[str, str] | None:
    """(what the header means, its value) of a line such as "*Sent:* Monday", or None."""
    match = HEADER.match(line[:LONGEST])
    kind = HEADERS.get(match[1].strip().lower()) if match else None
    return (kind, match[2].strip()) if match and kind else None


def _complete(kinds: dict[str, str], nothing_before: bool) -> bool:
    """Enough headers, with values of their own kind, to be a letter's and not a sentence with a colon."""
    known = kinds.keys() - {"other"}
    dated = "date" in kinds and bool(DATE.search(kinds["date"]) or CLOCK.search(kinds["date"]))
    addressed = any("@" in kinds.get(kind, "") for kind in ("from", "to"))
    if "from" not in known:
        return len(known) >= 3 and dated and addressed
    if nothing_before:
        return len(known) >= 3 and (dated or addressed)
    return len(known) >= 3 or (len(known) == 2 and (dated or addressed))
