"""Folding: the text as it is matched, undone of disguises, with a way back to the words as they were written.

Section 5 of the design: text is normalised for matching only, and the evidence is always the original span. Folding takes
time and memory linear in the text. What cannot be decided without a dictionary (stars in place of letters, spaced
letters, transliteration) is left to those who have one; see `bot.policy.abuse`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

# Characters that need no second look: ASCII, Russian letters and the usual typography of letters.
_ODD = re.compile(r"[^\x00-\x7fА-Яа-яЁё«»„“”‘’–—…№•°©®€£]")
_BORDER = re.compile(r"[а-я][^\W_а-я]|[^\W_а-я][а-я]")
_WORD = re.compile(r"[^\W_]+")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_BREVE = "\u0306"

# Letters that look like a Russian one. Those that only sound like one (z, d, l) are no disguise of a Russian word:
# "chromeом" keeps its Latin stem. Digits count only between two letters, so that "98я" stays a version.
_TWINS = str.maketrans("abcehikmoptxyαβγεηικορτυχπλμσіїєѕјһԁӏѡ", "авсеникмортхуавгеникортухплмсииесйндлш")
_DIGITS = str.maketrans("013468", "оизчбв")
_DIGIT_INSIDE = re.compile(r"(?<=[а-я])[013468](?=[а-я])")
# Styled letters that Unicode does not decompose: small capitals, and white letters in black circles and squares.
_STYLED = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɑıøłđ", "abcdefghijklmnoprstuvwyzaiold", strict=True)) | {
    chr(base + i): chr(ord("a") + i) for base in (0x1F150, 0x1F170) for i in range(26)
}
_FOREIGN = re.compile(r"[^\Wа-я\d_]")


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text. `origins[i]` is the place in the original of the folded character i; one more entry is the end."""

    text: str
    origins: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The (start, end) in the original of the folded piece [start, end); marks and repeats behind a letter belong to it."""
        if start >= end:
            return self.origins[start], self.origins[start]
        return self.origins[start], self.origins[end]


def fold(text: str) -> Folded:
    """Returns `text` in lower case and freed of disguises.

    ё becomes е, invisible characters and combining marks go, styled letters (𝐟𝐮𝐥𝐥, ｗｉｄｅ, ⓡ) become plain, Latin, Greek
    and digit look-alikes inside Russian words become Russian, a letter repeated three times or more stays once.
    """
    plain, origins = _plain(text) if _ODD.search(text) else (text, range(len(text) + 1))
    folded = _lower(plain)
    if _BORDER.search(folded):
        folded = _WORD.sub(lambda word: _russian(word[0], plain[word.start() : word.end()]), folded)
    return _shortened(folded, origins)


def _lower(text: str) -> str:
    """In lower case, ё as е; no letter becomes two."""
    return text.lower().replace("ё", "е")


def _plain(text: str) -> tuple[str, list[int]]:
    """Without invisible characters and marks, styled letters as plain ones, every blank a space."""
    letters: list[str] = []
    origins: list[int] = []
    for place, letter in enumerate(text):
        if not _ODD.match(letter):
            new = letter
        elif letter == _BREVE and letters and letters[-1] in "иИ":
            letters[-1], new = "й", ""  # й written as two characters
        elif letter.isspace():
            new = " "
        elif (category := unicodedata.category(letter)) in ("Cf", "Mn", "Me"):
            new = ""
        elif category[0] in "LN" or category == "So":
            new = _bare(letter)
        else:
            new = letter
        letters.extend(new)
        origins.extend([place] * len(new))
    origins.append(len(text))
    return "".join(letters), origins


def _bare(letter: str) -> str:
    """The letters that a styled or accented one stands for; other characters stay as they are."""
    letter = _STYLED.get(letter, letter)
    parts = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
    return parts if parts.isalnum() else letter


def _russian(word: str, written: str) -> str:
    """A word of mixed alphabets in Russian letters, if all its foreign letters are look-alikes; or else as it is."""
    if not _BORDER.search(word):
        return word
    new = _lower(written.replace("b", "б")).translate(_TWINS)  # B looks like В, but b like б
    if _FOREIGN.search(new):
        return word
    return _DIGIT_INSIDE.sub(lambda digit: digit[0].translate(_DIGITS), new)


def _shortened(text: str, origins: Sequence[int]) -> Folded:
    """With every stretched letter once ("бляяя" as "бля")."""
    kept: list[str] = []
    places: list[int] = []
    done = 0
    for run in _STRETCHED.finditer(text):
        kept.append(text[done : run.start() + 1])
        places.extend(origins[done : run.start() + 1])
        done = run.end()
    if not done:
        return Folded(text, origins)
    kept.append(text[done:])
    places.extend(origins[done:])
    return Folded("".join(kept), places)
