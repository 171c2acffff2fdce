"""Normalisation: the text as it is matched, without obfuscation, and with a way back to the original words.

Section 5 of the design: text is normalised for matching only, and evidence is always the original span.
Normalisation takes time and memory linear in the text. What cannot be decided without a dictionary (stars instead
of letters, spaced letters, transliteration) is left to `bot.language.abuse`, which has one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

# Characters that never change: ASCII, Russian letters and the usual typographic signs.
_ODD = re.compile(r"[^\x00-\x7fА-Яа-яЁё«»„“”‘’–—…№•°©®€£]")
_BORDER = re.compile(r"[а-я][^\W_а-я]|[^\W_а-я][а-я]")
_WORD = re.compile(r"[^\W_]+")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_BREVE = "\u0306"

# Letters that look like a Russian one. Those that only sound like one (z, d, l) do not hide a Russian word:
# "chromeом" keeps its Latin stem. Digits count only between two letters, so "98я" stays a version.
_TWINS = str.maketrans("abcehikmoptxyαβγεηικορτυχπλμσіїєѕјһԁӏѡ", "авсеникмортхуавгеникортухплмсииесйндлш")
_LATIN = str.maketrans("авсенкмортхуіѕјԁԛѡ", "abcehkmoptxyisjdqw")  # the same, hidden in a Latin word
_DIGITS = str.maketrans("013468", "оизчбв")
_DIGIT_INSIDE = re.compile(r"(?<=[а-я])[013468](?=[а-я])")
# Styled letters that Unicode does not decompose: small capitals, white letters in black circles and squares.
_STYLED = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɑıøłđսօոհցզ", "abcdefghijklmnoprstuvwyzaiolduonhgq", strict=True)) | {
    chr(base + i): chr(ord("a") + i) for base in (0x1F150, 0x1F170) for i in range(26)
}
_FOREIGN = re.compile(r"[^\Wа-я\d_]")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A normalised text. `origins[i]` is where character i is in the original; a last entry marks the end."""

    text: str
    origins: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original (start, end) of the normalised [start, end), with the marks and repeats after it."""
        if start >= end:
            return self.origins[start], self.origins[start]
        return self.origins[start], self.origins[end]


def normalise(text: str) -> Normalised:
    """Returns `text` in lower case and without obfuscation.

    ё becomes е. Invisible characters and combining marks are removed. Styled letters (𝐟𝐮𝐥𝐥, ｗｉｄｅ, ⓡ) become
    plain. Latin, Greek and digit look-alikes in Russian words become Russian. A letter repeated three times
    or more is kept once.
    """
    plain, origins = _plain(text) if _ODD.search(text) else (text, range(len(text) + 1))
    normalised = _lower(plain)
    if _BORDER.search(normalised):
        normalised = _WORD.sub(lambda word: _russian(word[0], plain[word.start() : word.end()]), normalised)
    return _shortened(normalised, origins)


def _lower(text: str) -> str:
    """In lower case, with ё as е, at the same length."""
    return text.lower().replace("ё", "е")


def _plain(text: str) -> tuple[str, list[int]]:
    """Without invisible characters and marks; styled letters become plain, all blanks spaces."""
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
    """The plain letters for a styled or accented one; other characters stay as they are."""
    letter = _STYLED.get(letter, letter)
    parts = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
    return parts if parts.isalnum() else letter


def _russian(word: str, written: str) -> str:
    """A word of mixed alphabets in Russian letters if its others are look-alikes; else as it is."""
    if not _BORDER.search(word):
        return word
    new = _lower(written.replace("b", "б")).translate(_TWINS)  # B looks like В, but b like б
    if _FOREIGN.search(new):
        latin = word.translate(_LATIN)
        return latin if latin.isascii() and (word[0] + word[-1]).isascii() else word
    return _DIGIT_INSIDE.sub(lambda digit: digit[0].translate(_DIGITS), new)


def _shortened(text: str, origins: Sequence[int]) -> Normalised:
    """With every repeated letter once ("бляяя" as "бля")."""
    kept: list[str] = []
    places: list[int] = []
    done = 0
    for run in _STRETCHED.finditer(text):
        kept.append(text[done : run.start() + 1])
        places.extend(origins[done : run.start() + 1])
        done = run.end()
    if not done:
        return Normalised(text, origins)
    kept.append(text[done:])
    places.extend(origins[done:])
    return Normalised("".join(kept), places)
