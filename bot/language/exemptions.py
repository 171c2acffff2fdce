"""Where a bad word is none: titles and quoted words, names, abbreviations, other people's words, the author's own typo.

Judged by what stands around it, in the text as written; the words for it are in data/insults.yaml. Linear for each word.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cached_property

from bot.language.guards import QUOTED
from bot.language.insults import Word, words
from bot.language.normalisation import Normalised, normalise
from bot.language.word_forms import is_name, is_place

_SURNAME = re.compile(r".{2,}(?:[оеё]в(?:а|у|ым|ой)?|[иы]н(?:а|у|ым|ой)?|дзе|швили|[яа]н|енко|чук|юк|ухо)$")
_ADJECTIVAL = re.compile(r".{2,}[сц]к(?:ий|ая|ого|ой|ому)$")  # a surname or a street, unless it begins the sentence
_ABBREVIATION = re.compile(r"(?=.{2,4}$)[^\WАЕЁИОУЫЭЮЯAEIOUYа-яёa-z\d_]*[АЕЁИОУЫЭЮЯAEIOUY]?[^\WАЕЁИОУЫЭЮЯAEIOUYа-яёa-z\d_]*")  # at most one vowel
_OWN = re.compile(r"(?i)\b(?:ваш\w{0,3}|тво\w{1,3}|your)\W{0,3}$")
_ANSWERED = re.compile(r"\W{0,3}\?\s*(?:нет|не|no|sorry)\b|\W{0,3}\s(?:вместо|instead)\b", re.IGNORECASE)
_STOP = re.compile(r"[.!?…\n]")
_PERSON = re.compile(  # any sign may hide a vowel
    r"м.д(?:ак|.к|ил|озв)|п.д.?р|д.лб.|у.б(?:[аио]?[нкщ])|.бл.н|в.бляд|х.[йе]с.с|п.зд(?:юк|.б.л)|fucker|fuck (?:you|u|off)"
    r"|h.le|sucker|b.tch|c.nt|tw.t|w.nker|gg|(?:по|ид|шл).* на"
)
NEAR = 6  # words on either side that may tell what a word is


class Exemptions:
    """For one text. `agents` are names of the staff: no exemption makes an insult of them a name."""

    def __init__(self, text: str, normalised: Normalised, agents: frozenset[str]) -> None:
        self.text, self.normalised, self.agents = text, normalised, agents

    @cached_property
    def words(self) -> list[Word]:
        """The words, by offsets in the original."""
        return [one._replace(start=self.normalised.span(one.start, one.end)[0], end=self.normalised.span(one.start, one.end)[1])
                for one in words(self.normalised.text)]  # fmt: skip

    @cached_property
    def ends(self) -> list[int]:
        """Where they end."""
        return [one.end for one in self.words]

    @cached_property
    def loud(self) -> bool:
        """Whether the whole text is in capitals."""
        return self.text.isupper()

    @cached_property
    def quotes(self) -> list[tuple[int, int]]:
        """The quoted parts."""
        return [one.span() for one in QUOTED.finditer(self.text)]

    def holds(self, start: int, end: int, level: str, *, listed: bool) -> bool:
        """Whether the word there offends nobody. `listed`: it is a form of the lexicon, not only built from a root."""
        at = bisect_left(self.ends, start + 1)
        near = self.words[max(at - NEAR, 0) : at + NEAR + 1]
        if (quote := self._quote(start, end)) is not None:
            return quote
        written = self.text[start:end].strip()
        if _ABBREVIATION.fullmatch(written) and not listed and not self.loud:
            return True
        if written.isascii() and re.match(r"-[a-z]", self.text[end : end + 2]):
            return True  # idiot-proof
        if self.text.endswith(("» (", '" (', "” ("), 0, start):
            return True  # a title in another language
        if _ANSWERED.match(self.text, end) and written[:1].isupper():
            return True
        if written[:1].isupper() and not written.isupper() and self._named(at, start, written, listed=listed, level=level):
            return True
        before = self.words[max(at - 2, 0) : at]
        if any("said" in one.kinds and one.text.startswith(("слов", "букв", "word", "ник", "логин")) for one in before):
            return True
        if level == "obscene" and "bitch" not in written.lower():
            return False
        if any("animals" in one.kinds for one in near):
            return True
        aimed = any(one.kinds & {"you", "your"} or one.text == "вас" for one in near)
        return level == "insult" and not aimed and any("said" in one.kinds for one in near)

    def aimed(self, start: int, end: int) -> bool:
        """Whether swearing hits somebody: it names a person, or the reader or the staff stand in the same sentence."""
        if _PERSON.search(normalise(self.text[start:end]).text):
            return True
        at = bisect_left(self.ends, start + 1)
        near = (one for one in self.words[max(at - NEAR, 0) : at + NEAR + 1] if one.kinds & {"you", "staff"} or one.text in self.agents)
        return any(not _STOP.search(self.text, min(one.end, end), max(one.start, start)) for one in near)

    def _quote(self, start: int, end: int) -> bool | None:
        """For a word in quotation marks: whether they hold a title or somebody's words. None outside of any."""
        number = bisect_left(self.quotes, (start,)) - 1
        if number < 0 or end > self.quotes[number][1]:
            return None
        quote = self.quotes[number]
        if _OWN.search(self.text, max(quote[0] - 12, 0), quote[0]) or (quote[1] - quote[0]) * 10 > len(self.text) * 9:
            return False
        inside = self.text[quote[0] + 1 : quote[1] - 1]
        left, right = bisect_left(self.ends, quote[0] + 2), bisect_left(self.ends, quote[1])
        beside = (*self.words[max(left - NEAR, 0) : left], *self.words[right : right + NEAR])
        told = any(one.kinds & {"works", "said", "naming"} for one in beside)
        return told or inside[:1].isupper() or " " in inside or any(sign.isdigit() for sign in inside)

    def _named(self, at: int, start: int, written: str, *, listed: bool, level: str) -> bool:
        """Whether a word with a capital letter is a name, or part of a title without quotation marks."""
        left, right = (self.words[i] if 0 <= i < len(self.words) else None for i in (at - 1, at + 1))
        first = not (before := self.text[max(start - 20, 0) : start].strip(" «\"'(-–—")) or before[-1] in ".!?…\n:"
        if left and "works" in left.kinds:
            return True  # «фильм Сукины дети»
        if any(one and one.kinds & {"naming"} for one in (left, right, self.words[at - 2] if at > 1 else None)):
            return True
        surname = bool(_SURNAME.match(written.lower()) or (not first and _ADJECTIVAL.match(written.lower())))
        if surname and not _ranting(left) and (not listed or (not first and is_name(written.lower()))):
            return True
        beside = [one for one in (left, right) if one and self.text[one.start].isupper() and self._adjoin(one, start, written)]
        if written.isascii():
            strangers = (one for one in beside if not one.kinds & {"you", "staff", "bad", "self"} and one.text not in self.agents)
            return level != "obscene" and any(strangers)
        nobody = (one for one in beside if (one.text not in self.agents or one is left) and not one.kinds & {"your", "you"})
        return any(is_name(one.text) or is_place(one.text) for one in nobody) and (not listed or is_name(written.lower()) or surname or not first)

    def _adjoin(self, one: Word, start: int, written: str) -> bool:
        """Whether only a blank, or a comma before a place, parts them."""
        gap = self.text[one.end : start] if one.end <= start else self.text[start + len(written) : one.start]
        return not gap.strip(" ,")


def _ranting(left: Word | None) -> bool:
    return bool(left and left.kinds & {"your", "bad"} and "staff" not in left.kinds)
