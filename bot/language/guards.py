"""Which parts of a text are not about the writer's own request: what stands there may suspend nothing.

A condition, a question about the rule itself, a guess that the writer has rejected, other people and times, what is
not wanted, the titles of films, addresses and file names. The words are in data/guards.yaml. Linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.language.multi_pattern import shipped
from bot.language.phrases import Phrase, Tokens
from bot.language.word_classes import Lexicon, Phrasebook

QUOTED = re.compile(r"«[^«»\n]{1,200}»|“[^“”\n]{1,200}”|„[^„“”\n]{1,200}[“”]|(?<!\w)[\"'‘](?=\S)[^\"\n]{1,200}?(?<=\S)[\"'’](?!\w)")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S{1,80}@\S+|(?<![\w.()-])[\w.()-]{1,80}\.(?:apk|exe|dmg|msi|zip|rar|log|txt|png|jpe?g|gif|pdf|mp4|mkv|html?)\b")
_BREAK = re.compile(r"[,;:—–()]|\s-\s")
_TURN = frozenset(["а", "но", "зато", "однако", "but", "whereas", "while"])
_CLAUSES = ("condition", "when", "others", "past", "rejected", "needless")


class Guards:
    """Finds such parts; its words are in the lexicon of all rules."""

    def __init__(self, lexicon: Lexicon) -> None:
        data = shipped("guards")
        book = Phrasebook(data["lists"], lexicon)
        self.lexicon = lexicon
        self.phrases: dict[int, list[tuple[str, Phrase]]] = {}  # by the class of the first word
        for why in ("question", *_CLAUSES, "said"):
            for phrase in (phrase for text in data[why] for phrase in book.read(text)[0]):
                self.phrases.setdefault(phrase.steps[0].number, []).append((why, phrase))
        self.film, self.kin = (frozenset((lexicon.number(book.members(f"<{name}>")),)) for name in ("film", "kin"))

    def find(self, tokens: Tokens) -> list[tuple[int, int, str]]:
        """Start, end and reason of each part, by offsets in the original."""
        found = [(*match.span(), "address") for match in _ADDRESS.finditer(tokens.text)]
        found += [(start, end, "title") for start, end in self.titles(tokens)]
        found += [(*match.span(), "quoted") for match in QUOTED.finditer(tokens.text) if match[0][1].isupper()]
        for why, phrase in (one for number in self.phrases.keys() & tokens.places.keys() for one in self.phrases[number]):
            for first, _ in phrase.find(tokens, self.lexicon.fillers):
                if scope := self._scope(tokens, first, why):
                    found.append((tokens.items[scope[0]].start, tokens.items[scope[1]].end, why))
        return found

    def titles(self, tokens: Tokens) -> Iterator[tuple[int, int]]:
        """Quoted words beside «фильм» and the like."""
        quotes = [match.span() for match in QUOTED.finditer(tokens.text)]
        for at, token in enumerate(tokens.items) if quotes else ():
            if token.classes & self.film:
                near = tokens.items[max(at - 3, 0)].start, tokens.items[min(at + 4, len(tokens.items) - 1)].end
                yield from (quote for quote in quotes if quote[0] < near[1] and near[0] < quote[1])

    def _scope(self, tokens: Tokens, at: int, why: str) -> tuple[int, int] | None:
        """First and last token of what a phrase that begins at `at` guards."""
        items = tokens.items
        first, last = at, at
        while first and items[first - 1].sentence == items[at].sentence:
            first -= 1
        while last + 1 < len(items) and items[last + 1].sentence == items[at].sentence:
            last += 1
        if why == "said":
            return at, next((i - 1 for i in range(at + 1, last + 1) if items[i].word in _TURN), last)
        asks = "?" in tokens.text[items[last].end : items[last].end + 3]
        if why == "question":
            denied = any(item.word in ("не", "нет", "not", "cant", "doesnt", "wont") for item in items[first : last + 1])
            return (first, last) if asks and not denied else None
        if why == "condition" and asks:
            return first, last
        return self._clause(tokens, at, first, last)

    @staticmethod
    def _clause(tokens: Tokens, at: int, first: int, last: int) -> tuple[int, int]:
        """The part around `at`, within these tokens, up to the next comma or turn on both sides."""
        items = tokens.items

        def parted(left: int) -> bool:
            return bool(_BREAK.search(tokens.text, items[left].end, items[left + 1].start)) or items[left + 1].word in _TURN

        begin = next((i for i in range(at, first, -1) if parted(i - 1)), first)
        return begin, next((i for i in range(at, last) if parted(i)), last)
