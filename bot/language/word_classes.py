"""The words that the rules ask for; and a letter cut into words, once for all rules.

A `Lexicon` numbers every word class that some rule asks for, and gives the numbers for a word of a letter.
All grammatical forms are generated when the rules are compiled, so judging a letter takes one dictionary
look-up for each word. Words in no dictionary are tried again as typos: with «не» attached, or with one letter
wrong.

What an admin may write for a word: `слово` any form, `=слово` this form only, `слов*` a beginning, `a/b/c`
any of these, `<name>` a list of the vocabulary, `<number>` a number. In a phrase also: `...` up to four other
words (`...9`: up to nine), `word?` may be missing, `!word` must not be there, and `&` joins parts of one
sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from bot.language.normalisation import normalise
from bot.language.phrases import Parts, Phrase, Step, Token, Tokens
from bot.language.word_forms import forms, known, neighbours, plain, stem

LONGEST = 100_000  # characters of a letter that are judged; longer ones are pasted files
MOST_OPTIONAL = 4  # of the words in a phrase
GAP = 4
TYPO_LETTERS = 6  # shorter words have too many neighbours
FILLERS = (
    "пожалуйста же бы ли ну вот уж просто очень вообще совсем опять снова уже еще тоже также теперь сейчас "
    "just please really very still again now also kindly"
)
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_BOUNDARY = re.compile(r"[.!?…]+(?=\s|$)|[.!?…]{2,}|[!?…]|\n\s*\n|\n(?=\s*(?:[-–—•*>]|\d+[.)]|[A-ZА-ЯЁ]))")


class PhraseError(ValueError):
    """A phrase that makes no sense; the message says why."""


class Lexicon:
    """The word classes that the rules ask for."""

    def __init__(self) -> None:
        self._numbers: dict[frozenset[str], int] = {}
        self._forms: dict[str, set[int]] = {}
        self._stems: dict[str, set[int]] = {}
        self._starts: dict[str, set[int]] = {}
        self._longest = 0  # the longest beginning (`слов*`); a letter's word may be much longer
        self._seen: dict[str, tuple[frozenset[int], ...]] = {}
        self.compounds: dict[int, list[tuple[int, Phrase]]] = {}  # class of the first word -> members of several words
        self.digits = frozenset[int]()  # classes that any number belongs to
        self.fillers = frozenset((self.number("=" + word for word in FILLERS.split()),))

    def number(self, specs: Iterable[str]) -> int:
        """The number of the class made of these members: `слово`, `=слово`, `слов*`, `<number>`, or several words."""
        key = frozenset(specs)
        if key in self._numbers:
            return self._numbers[key]
        number = self._numbers[key] = len(self._numbers)
        for spec in key:
            self._enter(spec, number)
        self._seen.clear()
        return number

    def _enter(self, spec: str, number: int) -> None:
        word = plain(spec.strip("=*"))
        if spec == "<number>":
            self.digits |= {number}
            return
        if " " in spec:
            steps = tuple(Step(self.number((part,))) for part in spec.split())
            self.compounds.setdefault(steps[0].number, []).append((number, Phrase(steps)))
            return
        if spec.endswith("*"):
            self._starts.setdefault(word, set()).add(number)
            self._longest = max(self._longest, len(word))
        elif spec.startswith("="):
            self._forms.setdefault(word, set()).add(number)
        elif word.isascii() and word.isalpha() and len(word) > 2:
            self._forms.setdefault(word, set()).add(number)
            self._stems.setdefault(stem(word), set()).add(number)
        else:
            for form in forms(word):
                self._forms.setdefault(form, set()).add(number)

    def look(self, word: str) -> tuple[frozenset[int], ...]:
        """The classes of a letter's word (already plain): one set, or two if «не» is attached to the word."""
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
            hits |= self.digits
        if self._stems and word.isascii() and len(word) > 2:
            hits |= self._stems.get(stem(word), set())
        for end in range(2, min(len(word), self._longest) + 1):
            hits |= self._starts.get(word[:end], set())
        return frozenset(hits)


def cut(text: str, lexicon: Lexicon, where: str = "text") -> Tokens:
    """The words in the first 100,000 characters of a text, with their classes. Linear."""
    text = text[:LONGEST]
    normalised = normalise(text)
    ends = [match.end() for match in _BOUNDARY.finditer(text)] + [len(text)]
    items: list[Token] = []
    places: dict[int, list[int]] = {}
    sentence = 0
    for match in _TOKEN.finditer(normalised.text):
        start, end = normalised.span(match.start(), match.end())
        while start >= ends[sentence] and sentence + 1 < len(ends):
            sentence += 1
        word = plain(match[0])
        for classes in lexicon.look(word):
            for number in classes:
                places.setdefault(number, []).append(len(items))
            items.append(Token(word, classes, start, end, sentence))
    tokens = Tokens(where, text, normalised, tuple(items), places, {})
    compounds = [entry for first in lexicon.compounds.keys() & places.keys() for entry in lexicon.compounds[first]]
    found = {(number, start): end for number, phrase in compounds for start, end in phrase.find(tokens, lexicon.fillers)}
    for number, start in found:
        places.setdefault(number, []).append(start)
    tokens.ends.update(found)
    return tokens


class Phrasebook:
    """Reads what admins write into phrases, with the vocabulary's lists filled in."""

    def __init__(self, vocabulary: Mapping[str, Sequence[str]], lexicon: Lexicon) -> None:
        self.vocabulary, self.lexicon = vocabulary, lexicon

    def read(self, text: str) -> Parts:
        """The phrase's parts (between `&`), each as its variants. Raises PhraseError."""
        parts = re.split(r"\s+&\s+", text.strip())
        return tuple(tuple(self._part(part)) for part in parts)

    def _part(self, text: str) -> list[Phrase]:
        """The phrase with and without each of its optional words."""
        items = [item.replace("…", "...") for item in text.split()]
        optional = [(item, "") if item[0] != "!" and item.endswith("?") else (item,) for item in items]
        if sum(len(choice) > 1 for choice in optional) > MOST_OPTIONAL:
            raise PhraseError("has too many optional words")
        found = [phrase for chosen in product(*optional) if (phrase := self._phrase(filter(None, chosen))).steps]
        if not found:
            raise PhraseError("holds no word")
        return list(dict.fromkeys(found))

    def _phrase(self, items: Iterable[str]) -> Phrase:
        steps: list[Step] = []
        gap, forbidden = 0, frozenset[int]()
        for item in items:
            if item.startswith("!"):
                forbidden |= {self.lexicon.number(self.members(item[1:]))}
            elif re.fullmatch(r"\.\.\.\d{0,2}", item):
                gap = int(item[3:] or GAP)
            else:
                steps.append(Step(self.lexicon.number(self.members(item.rstrip("?"))), gap if steps else 0, forbidden))
                gap, forbidden = 0, frozenset()
        return Phrase(tuple(steps), forbidden)

    def members(self, item: str) -> frozenset[str]:
        """The members of `a/b/<name>`. Raises PhraseError."""
        found: set[str] = set()
        for spec in item.split("/"):
            name = spec[1:-1] if re.fullmatch(r"<[^<>]+>", spec) else ""
            if name and name != "number" and name not in self.vocabulary:
                raise PhraseError(f"unknown list <{name}>; the vocabulary has {', '.join(sorted(self.vocabulary)) or 'none'}")
            found.update(self.vocabulary.get(name, (spec,)))
        return frozenset(map(self._member, found))

    @staticmethod
    def _member(entry: str) -> str:
        """One member, as the lexicon expects it."""
        if entry == "<number>":
            return entry
        words = _TOKEN.findall(entry)
        if not words or re.search(r"[<>!?&*/]", entry.strip("*")):
            raise PhraseError(f"{entry!r} is no word")
        mark, star = "=" * entry.startswith("="), "*" * entry.endswith("*")
        return " ".join(mark + plain(word) + star for word in words)
