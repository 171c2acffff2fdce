"""How much a text looks like one: what tells the right reading of some bytes from the wrong ones.

Misreadings of Russian are made of real letters, so only what stands beside what gives them away. Text that somebody misread
and stored again ("РџСЂРёРІРµС‚", "Ïðèâåò") is turned back by the same measure.
"""

from __future__ import annotations

import re

from bot.reading.vocabulary import table

_TRIGGER = re.compile(  # what a text that was encoded twice can hardly be without
    r"[\u0080-\u009f\u2500-\u259f]|[ÐÑâÃÂ][^\s\w]|[ÐÑÃÂ][\u00a0-\u00ff\u0152-\u0192]|[À-ÿ]{3}|[РСГВ][^\s\wа-яё]|[РС][\u0402-\u040f\u0452-\u045f\u0490\u0491]|"
    r"[а-яё][А-ЯЁ]{2}|[А-ЯЁ]{4}"
)
_HIGH = re.compile(r"[a-zA-Z]?[^\x00-\x7f]+[a-zA-Z]?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# Row and column of a letter in the table of what follows what, in log2 of the share; the first of both is the blank.
_LETTERS = {letter: index for index, letter in enumerate(" абвгдежзийклмнопрстуфхцчшщъыьэюя")} | {"ё": 6, "і": 9, "ї": 9, "є": 6, "ґ": 4, "ў": 20}
_FOLLOWS = [[int(digit) - 9 for digit in row] for row in table("charsets")["follows"].split()]
_DASHES = frozenset("–—…")
_QUOTES, _SIGNS = frozenset("«»—–…\u00a0"), frozenset("„“”‘’•№°§©®™€£·")
_MISREADINGS = [pair.split() for pair in table("charsets")["misreadings"]]


def likeness(text: str) -> tuple[float, int]:
    """How likely the non-ASCII characters of a text are (log2, so below 0), and how many were looked at.

    Russian letters are judged by their neighbours; capitals after small letters, two scripts in a word and symbols inside of
    words are marks of a misreading. Other letters cost what makes a language written with them win over Cyrillic noise.
    """
    total, count = 0.0, 0
    for match in _HIGH.finditer(text, 0, 6000):
        row, before, small = 0, "", False  # row: the Russian letter before, 0 at the start of a word
        for char in match[0]:
            column = _LETTERS.get(char.lower(), -1)
            if column >= 0:
                total += _FOLLOWS[row][column] - (char in "іїєґўІЇЄҐЎ")
                total -= 9 * (before.isascii() and before != "") + 7 * (before in _DASHES)
            elif char.isascii():
                total -= 9 if row else 5  # Latin letters belong beside those of Latin-1, not beside Cyrillic ones.
            elif char.isalpha():
                total -= 14 if "\u0400" <= char <= "\u04ff" else 5 if not before or before.isascii() else 9
            else:
                total -= 3 if char in _QUOTES else 6 if char in _SIGNS else 10
            if column < 0 and row and not char.isalpha():
                total += _FOLLOWS[row][0]
            total -= 8 * (small and char.isupper())
            row, small, before = max(column, 0), char.islower(), char
        total += _FOLLOWS[row][0] if row else 0
        count += len(match[0])
        if count > 600:
            break
    sample = text[:6000]
    total -= 8 * abs(sample.count("«") - sample.count("»")) + 8 * (sum(map(sample.count, "„“”")) % 2)
    return total, count


def mend(text: str) -> str:
    """Text whose lines are turned back where they were encoded twice ("РџСЂРёРІРµС‚", "Ïðèâåò")."""
    if text.isascii() or not _TRIGGER.search(text):
        return text
    whole = _mended(text) if len(text) < 20_000 else text
    if whole != text:
        return whole
    return "\n".join(_mended(line) if _TRIGGER.search(line) else line for line in text.split("\n", 2000))


def _mended(line: str) -> str:
    best, (score, _) = line, likeness(line)
    found, needed = score, 12.0
    for wrong, right in _MISREADINGS:
        try:
            again = line.encode(wrong).decode(right)
        except UnicodeError:
            continue
        new, _ = likeness(again)
        # Bytes are hardly ever valid UTF-8 by chance, so that any likelier reading may be taken, also one that is not Russian.
        if new > found + (0 if best != line else 2 if right == "utf-8" else needed) and not _CONTROLS.search(again):
            best, found = again, new
    return best
