"""Words in any grammatical form, and phrases with gaps, over a text that is cut into words once.

A `Lexicon` gives a number to every word class that some rule asks for and tells the numbers of a letter's word. The
forms are written out when the rules are compiled, so that judging a letter is one dictionary look-up a word. Words
that no dictionary knows are tried again as misspellings: glued to «не», or one letter away.

What an admin may write for a word: `слово` any form, `=слово` this form only, `слов*` a beginning, `a/b/c` one of
them, `<name>` a list of the vocabulary, `<number>` a number. In a phrase also `...` up to four other words (`...9` up
to nine), `word?` may be missing, `!word` must not stand there, and `&` between parts that stand in one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import pymorphy3  # type: ignore[import-untyped]  # it ships no types
import Stemmer

from bot.policy.folding import fold

LONGEST = 100_000  # characters of a letter that are judged; what follows is an attachment in disguise
MOST_VARIANTS = 16
GAP = 4
TYPO_LETTERS = 6  # shorter words have too many neighbours
ALPHABET = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
FILLERS = (
    "пожалуйста же бы ли ну вот уж просто очень вообще совсем опять снова уже еще тоже также теперь сейчас "
    "just please really very still again now also kindly"
)
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_BOUNDARY = re.compile(r"[.!?…]+(?=\s|$)|[.!?…]{2,}|[!?…]|\n\s*\n|\n(?=\s*(?:[-–—•*>]|\d+[.)]|[A-ZА-ЯЁ]))")


class PhraseError(ValueError):
    """A phrase that cannot be understood; the message says why."""


# ------------------------------------------------------------------------------------------------------ the language


@lru_cache(1)
def _morph() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer(lang="ru")


@lru_cache(1)
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")


def plain(word: str) -> str:
    """A word as it is compared: lower case, ё as е, without apostrophes."""
    return word.lower().replace("ё", "е").replace("'", "").replace("’", "")


@lru_cache(16_384)
def forms(word: str) -> frozenset[str]:
    """All grammatical forms of a Russian word; a word that is its own dictionary form stands for that word alone."""
    if not re.search("[а-я]", word):
        return frozenset((word,))
    parses = _morph().parse(word)
    own = [parse for parse in parses if plain(parse.normal_form) == word] or parses
    found = {word}
    for parse in own:
        found.update(plain(form.word) for form in parse.lexeme if form.tag.POS != "PRTF" or parse.tag.POS == "PRTF")
    return frozenset(found)


@lru_cache(32_768)
def known(word: str) -> bool:
    """Whether the dictionary has this Russian word, in any form."""
    return bool(_morph().word_is_known(word))


@lru_cache(32_768)
def is_name(word: str) -> bool:
    """Whether a Russian word is a person's first name, patronymic or surname."""
    return any(grammeme in parse.tag for parse in _morph().parse(word)[:2] for grammeme in ("Name", "Patr", "Surn"))


def stem(word: str) -> str:
    """The English stem: what is left without the ending."""
    return str(_stemmer().stemWord(word))


def neighbours(word: str) -> Iterable[str]:
    """Words one slip away: a letter missing, added, changed, or two swapped."""
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


# ------------------------------------------------------------------------------------------------------- the lexicon


class Lexicon:
    """The word classes that the rules ask for."""

    def __init__(self) -> None:
        self._numbers: dict[frozenset[str], int] = {}
        self._forms: dict[str, set[int]] = {}
        self._stems: dict[str, set[int]] = {}
        self._starts: dict[str, set[int]] = {}
        self._seen: dict[str, tuple[frozenset[int], ...]] = {}
        self.compounds: dict[int, list[tuple[int, Phrase]]] = {}  # class of the first word -> members of several words
        self.rare: dict[int, int] = {}  # number -> how telling the class is: letters of its shortest word
        self.digits = self.number(("<number>",))
        self.fillers = frozenset((self.number("=" + word for word in FILLERS.split()),))

    def number(self, specs: Iterable[str]) -> int:
        """The number of the class made of these members: `слово`, `=слово`, `слов*`, `<number>`, or several words."""
        key = frozenset(specs)
        if key in self._numbers:
            return self._numbers[key]
        number = self._numbers[key] = len(self._numbers)
        for spec in key:
            self._enter(spec, number)
        self.rare[number] = min((max(map(len, spec.strip("=*").split()), default=0) for spec in key), default=0)
        self._seen.clear()
        return number

    def _enter(self, spec: str, number: int) -> None:
        word = plain(spec.strip("=*"))
        if spec == "<number>":
            return
        if " " in spec:
            steps = tuple(Step(self.number((part,))) for part in spec.split())
            self.compounds.setdefault(steps[0].number, []).append((number, Phrase(steps)))
            return
        if spec.endswith("*"):
            self._starts.setdefault(word, set()).add(number)
        elif spec.startswith("="):
            self._forms.setdefault(word, set()).add(number)
        elif word.isascii() and word.isalpha() and len(word) > 2:
            self._forms.setdefault(word, set()).add(number)
            self._stems.setdefault(stem(word), set()).add(number)
        else:
            for form in forms(word):
                self._forms.setdefault(form, set()).add(number)

    def look(self, word: str) -> tuple[frozenset[int], ...]:
        """The classes of a letter's word (already plain): one set, or two where «не» is glued to the word."""
        found = self._seen.get(word)
        if found is None:
            if len(self._seen) > 50_000:
                self._seen.clear()
            found = self._seen[word] = self._search(word)
        return found

    def _search(self, word: str) -> tuple[frozenset[int], ...]:
        hits = self._exact(word)
        if hits or not 5 < len(word) < 30 or not word.isalpha() or word.isascii() or known(word):
            return (hits,)
        if word.startswith("не") and (rest := self._exact(word[2:])):
            return (self._exact("не"), rest)
        if len(word) >= TYPO_LETTERS:
            for near in neighbours(word):
                if near in self._forms:
                    return (frozenset(self._forms[near]),)
        return (frozenset(),)

    def _exact(self, word: str) -> frozenset[int]:
        hits = set(self._forms.get(word, ()))
        if word.isdigit():
            hits.add(self.digits)
        if self._stems and word.isascii() and len(word) > 2:
            hits |= self._stems.get(stem(word), set())
        for end in range(2, len(word) + 1) if self._starts else ():
            hits |= self._starts.get(word[:end], set())
        return frozenset(hits)


# ----------------------------------------------------------------------------------------------------- a text in words


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the text: as compared, its classes, its offsets in the original, and the sentence it stands in."""

    word: str
    classes: frozenset[int]
    start: int
    end: int
    sentence: int


@dataclass(frozen=True)
class Tokens:
    """A text in words, with the places of every class and the original offsets of its sentences."""

    text: str
    items: tuple[Token, ...]
    places: Mapping[int, Sequence[int]]
    ends: Mapping[tuple[int, int], int]  # (class, first token) -> last token, for members of several words


def cut(text: str, lexicon: Lexicon) -> Tokens:
    """The words of a text (its first 100,000 characters) with their classes. Linear in the length."""
    text = text[:LONGEST]
    folded = fold(text)
    ends = [match.end() for match in _BOUNDARY.finditer(text)] + [len(text)]
    items: list[Token] = []
    places: dict[int, list[int]] = {}
    sentence = 0
    for match in _TOKEN.finditer(folded.text):
        start, end = folded.span(match.start(), match.end())
        while start >= ends[sentence] and sentence + 1 < len(ends):
            sentence += 1
        word = plain(match[0])
        for classes in lexicon.look(word):
            for number in classes:
                places.setdefault(number, []).append(len(items))
            items.append(Token(word, classes, start, end, sentence))
    tokens = Tokens(text, tuple(items), places, {})
    return Tokens(text, tokens.items, places, _compounds(tokens, places, lexicon))


def _compounds(tokens: Tokens, places: dict[int, list[int]], lexicon: Lexicon) -> dict[tuple[int, int], int]:
    """Members of several words: noted in `places` at their first word; where they end."""
    found: dict[tuple[int, int], int] = {}
    for first in lexicon.compounds.keys() & places.keys():
        for number, phrase in lexicon.compounds[first]:
            for start, end in phrase.find(tokens, lexicon.fillers):
                found[number, start] = end
    for number, start in found:
        places.setdefault(number, []).append(start)
    return found


# ----------------------------------------------------------------------------------------------------------- phrases


@dataclass(frozen=True, slots=True)
class Step:
    """The next word of a phrase: its class, how many other words may stand before it, and which of them may not."""

    number: int
    gap: int = 0
    forbidden: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Phrase:
    """Words that follow each other in one sentence; `after` must not stand behind them."""

    steps: tuple[Step, ...]
    after: frozenset[int] = frozenset()

    def anchor(self, lexicon: Lexicon) -> int:
        """The class of the most telling word: the phrase is tried only where it stands in the letter."""
        return max((step.number for step in self.steps), key=lambda number: lexicon.rare[number])

    def find(self, tokens: Tokens, fillers: frozenset[int]) -> list[tuple[int, int]]:
        """First and last token of each place where the phrase stands. Linear in the text for a given phrase."""
        items = tokens.items
        first = self.steps[0]
        begins = (at for at in tokens.places.get(first.number, ()) if not (first.forbidden and self._before(items, at, first.forbidden)))
        reached = {tokens.ends.get((first.number, at), at): at for at in begins}  # last token so far -> first of the phrase
        for step in self.steps[1:]:
            if not reached:
                return []
            reached = self._onward(tokens, reached, step, fillers)
        return [(start, end) for end, start in reached.items() if not (self.after and self._behind(items, end))]

    @staticmethod
    def _onward(tokens: Tokens, reached: dict[int, int], step: Step, fillers: frozenset[int]) -> dict[int, int]:
        items, onward = tokens.items, dict[int, int]()
        for last, start in reached.items():
            left, at, sentence = step.gap, last + 1, items[last].sentence
            spare = 2
            while at < len(items) and items[at].sentence == sentence:
                classes = items[at].classes
                end = at if step.number in classes else tokens.ends.get((step.number, at), -1)
                if end >= 0:
                    onward[end] = max(start, onward.get(end, -1))
                if step.forbidden & classes:
                    break
                if spare and fillers & classes:
                    spare -= 1
                elif left:
                    left -= 1
                else:
                    break
                at += 1
        return onward

    @staticmethod
    def _before(items: tuple[Token, ...], at: int, forbidden: frozenset[int]) -> bool:
        return any(items[i].sentence == items[at].sentence and items[i].classes & forbidden for i in (at - 1, at - 2) if i >= 0)

    def _behind(self, items: tuple[Token, ...], at: int) -> bool:
        near = items[at + 1 : at + 3]
        return any(item.sentence == items[at].sentence and item.classes & self.after for item in near)


class Phrasebook:
    """Reads what admins write into phrases, with the vocabulary's lists filled in."""

    def __init__(self, vocabulary: Mapping[str, Sequence[str]], lexicon: Lexicon) -> None:
        self.vocabulary, self.lexicon = vocabulary, lexicon

    def read(self, text: str) -> tuple[tuple[Phrase, ...], ...]:
        """The phrase's parts (between `&`), each as its variants. Raises PhraseError."""
        parts = re.split(r"\s+&\s+", text.strip())
        return tuple(tuple(self._part(part)) for part in parts)

    def _part(self, text: str) -> list[Phrase]:
        """The phrase with and without each of its optional words."""
        choices = [self._choices(item) for item in text.split()]
        if 2 ** sum(len(choice) > 1 for choice in choices) > MOST_VARIANTS:
            raise PhraseError("has too many optional words")
        found = [self._phrase([item for item in items if item]) for items in product(*choices) if any(map(self._is_word, items))]
        if not found:
            raise PhraseError("holds no word")
        return list(dict.fromkeys(found))

    @staticmethod
    def _is_word(item: str | frozenset[str]) -> bool:
        return isinstance(item, frozenset) and bool(item)

    def _choices(self, item: str) -> list[str | frozenset[str]]:
        if re.fullmatch(r"(\.\.\.|…)\d{0,2}", item):
            return [item.replace("…", "...")]
        if item.startswith("!"):
            return ["!" + item[1:]]
        return [self.members(item.rstrip("?")), *([frozenset[str]()] if item.endswith("?") else [])]

    def members(self, item: str) -> frozenset[str]:
        """What `a/b/<name>` stands for. Raises PhraseError."""
        found: set[str] = set()
        for spec in item.split("/"):
            name = spec[1:-1] if re.fullmatch(r"<[^<>]+>", spec) else ""
            if name and name != "number" and name not in self.vocabulary:
                raise PhraseError(f"unknown list <{name}>; the vocabulary has {', '.join(sorted(self.vocabulary)) or 'none'}")
            found.update(self.vocabulary[name] if name in self.vocabulary else (spec,))
        return frozenset(map(self._member, found))

    @staticmethod
    def _member(entry: str) -> str:
        """One member as the lexicon takes it."""
        if entry == "<number>":
            return entry
        words = _TOKEN.findall(entry)
        if not words or re.search(r"[<>!?&*/]", entry.strip("*")):
            raise PhraseError(f"{entry!r} is no word")
        mark, star = "=" * entry.startswith("="), "*" * entry.endswith("*")
        return " ".join(mark + plain(word) + star for word in words)

    def _phrase(self, flat: Sequence[str | frozenset[str]]) -> Phrase:
        steps: list[Step] = []
        gap, forbidden = 0, set[int]()
        for item in flat:
            if isinstance(item, frozenset):
                steps.append(Step(self.lexicon.number(item), gap if steps else 0, frozenset(forbidden)))
                gap, forbidden = 0, set()
            elif item.startswith("!"):
                forbidden.add(self.lexicon.number(self.members(item[1:])))
            else:
                gap = int(item[3:] or GAP)
        return Phrase(tuple(steps), frozenset(forbidden))
