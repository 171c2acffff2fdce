"""How much a text looks like one: what tells the right reading of some bytes from the wrong ones.

Misreadings of Russian are made of real letters, so only what stands beside what gives them away. Text that somebody misread
and stored again ("РџСЂРёРІРµС‚", "Ïðèâåò") is turned back by the same measure.
"""

from __future__ import annotations

import re

_TRIGGER = re.compile(  # what a text that was encoded twice can hardly be without
    r"[\u0080-\u009f\u2500-\u259f]|[ÐÑâÃÂ][^\s\w]|[ÐÑÃÂ][\u00a0-\u00ff\u0152-\u0192]|[À-ÿ]{3}|[РСГВ][^\s\wа-яё]|[РС][\u0402-\u040f\u0452-\u045f\u0490\u0491]|"
    r"[а-яё][А-ЯЁ]{2}|[А-ЯЁ]{4}"
)
_HIGH = re.compile(r"[a-zA-Z]?[^\x00-\x7f]+[a-zA-Z]?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# How often one letter follows another in Russian: 9 + log2 of the share, rows and columns being blank and а to я without ё.
_LETTERS = {letter: index for index, letter in enumerate(" абвгдежзийклмнопрстуфхцчшщъыьэюя")} | {"ё": 6, "і": 9, "ї": 9, "є": 6, "ґ": 4, "ў": 20}
_FOLLOWS = (
    "0446351145043456755443102200002016046344242245560355511433240000543601026105036246064150300131500015700005025034046033230"
    "0006005000246000040060051480600500001000000006032572160442562432500011003000261244442315356623655014124000002006600571070"
    "7006201103000000000000373535421503344604005000000240002622623504444455325550242510000025900011000004113000640001030000000"
    "4702004007004027054550030100000003600007206023046001150000000360467610006006032346304150000000500033600126017030057003443"
    "0110006300350565533325455424555011132100002115000060050040280712400000003100127232164060204371133501011003000345030040040"
    "6533552374110100044006560502600603114615514000000055002633444453015534045650030443000060060000500700412705135200000011000"
    "8503002004004365035220000000000004503007008040003000030000000300003700008006031060000340000100020000601008007032033200340"
    "0000000400005000080080000100000400000000300000000080000000000000000000000004870262151205336205345006022000000070111250620"
    "4047000540101232000044101423001027755145570310020000000703002011002112002560012408000000800523423002243012440030104000040"
)
_DASHES = frozenset("–—…")
_QUOTES, _SIGNS = frozenset("«»—–…\u00a0"), frozenset("„“”‘’•№°§©®™€£·")
_MISREADINGS = (  # (the charset a text was wrongly read in, the one that it was written in)
    *((wrong, "utf-8") for wrong in ("cp1252", "latin_1", "cp1251", "cp866", "koi8_r", "mac_cyrillic")),
    ("cp1252", "cp1251"), ("latin_1", "cp1251"), ("cp1252", "koi8_r"), ("latin_1", "koi8_r"), ("cp1251", "koi8_r"), ("koi8_r", "cp1251"),
    ("cp1251", "cp866"), ("cp866", "cp1251"), ("latin_1", "cp866"),
)  # fmt: skip


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
                total += int(_FOLLOWS[row * 33 + column]) - 9 - (char in "іїєґўІЇЄҐЎ")
                total -= 9 * (before.isascii() and before != "") + 7 * (before in _DASHES)
            elif char.isascii():
                total -= 9 if row else 5  # Latin letters belong beside those of Latin-1, not beside Cyrillic ones.
            elif char.isalpha():
                total -= 14 if "\u0400" <= char <= "\u04ff" else 5 if not before or before.isascii() else 9
            else:
                total -= 3 if char in _QUOTES else 6 if char in _SIGNS else 10
            if column < 0 and row and not char.isalpha():
                total += int(_FOLLOWS[row * 33]) - 9
            total -= 8 * (small and char.isupper())
            row, small, before = max(column, 0), char.islower(), char
        total += (int(_FOLLOWS[row * 33]) - 9) if row else 0
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
