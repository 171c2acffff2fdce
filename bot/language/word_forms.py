"""What the rules need to know about Russian and English: grammatical forms, stems, names, typos."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import pymorphy3  # type: ignore[import-untyped]  # it ships no types
import Stemmer

ALPHABET = "абвгдежзийклмнопрстуфхцчшщъыьэюя"


@lru_cache(1)
def _morph() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer(lang="ru")


@lru_cache(1)
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")


def plain(word: str) -> str:
    """A word as it is compared: in lower case, with ё as е, without apostrophes."""
    return word.lower().replace("ё", "е").replace("'", "").replace("’", "")


@lru_cache(16_384)
def forms(word: str) -> frozenset[str]:
    """All forms of a Russian word: of a dictionary form only its own word's, of a participle participles."""
    if not re.search("[а-я]", word):
        return frozenset((word,))
    parses = _morph().parse(word)
    own = [parse for parse in parses if plain(parse.normal_form) == word] or parses
    found = {word}
    for parse in own:
        participle = parse.tag.POS == "PRTF"
        same = (parse.tag.tense, parse.tag.voice)
        found.update(
            plain(form.word)
            for form in parse.lexeme
            if (form.tag.POS == "PRTF") is participle and (not participle or (form.tag.tense, form.tag.voice) == same)
        )
    return frozenset(found)


@lru_cache(32_768)
def known(word: str) -> bool:
    """Whether the dictionary has this Russian word, in any form."""
    return bool(_morph().word_is_known(word))


@lru_cache(32_768)
def is_name(word: str) -> bool:
    """Whether a Russian word is a person's first name, patronymic or surname."""
    return any(grammeme in parse.tag for parse in _morph().parse(word)[:2] for grammeme in ("Name", "Patr", "Surn"))


@lru_cache(32_768)
def is_place(word: str) -> bool:
    """Whether a Russian word is the name of a place."""
    return any("Geox" in parse.tag for parse in _morph().parse(word)[:2])


def stem(word: str) -> str:
    """The English stem: the word without its ending."""
    return str(_stemmer().stemWord(word))


def neighbours(word: str) -> Iterator[str]:
    """Words one typo away: a letter missing, added or changed, or two letters swapped."""
    for i in range(len(word) + 1):
        head, tail = word[:i], word[i:]
        if tail:
            yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in ALPHABET:
            yield head + letter + tail
            if tail:
                yield head + letter + tail[1:]
