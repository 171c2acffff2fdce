"""Browsers and systems with their versions, out of user-agent strings and out of plain words, Russian and English.

Clause 4.6 is about problems that occur only with outdated software. So a version that the author denies («не
Chrome 90, а 130») does not count, of an update the newer version counts, and an old version is no ground if
the author says that an up-to-date one fails as well.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from ua_parser import parse

from bot.language.multi_pattern import shipped
from bot.language.phrases import Phrase, Token, Tokens, stands
from bot.language.word_classes import Lexicon, Phrasebook

_AGENT = re.compile(r"(?:Mozilla|Opera|Dalvik)/\d\.\d+ ?\([^\n]{5,400}")
_NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,5}){0,4}")
_GLUED = re.compile(r"([a-zа-я]{2,})(\d{1,3})")
MOST_AGENTS = 5  # user-agent strings read in one text
MOST_NAMED = 100  # names of software read in one text
_PLAUSIBLE = 250  # no browser or system has a higher version yet; 404 is an error
_FROZEN = {("macos", "10.15.7"), ("windows", "10"), ("android", "10")}  # newer versions still report these

_TURNS = frozenset(["а", "до", "на", "теперь", "сейчас", "стало", "стала", "стоит", "to", "now", "but", "is"])
_ENDINGS = frozenset(["ка", "ку", "ке", "й", "я", "ой", "ая", "ый", "ю", "ую", "м", "ом", "го", "ого", "th", "st", "nd", "rd"])

Version = tuple[int, ...]


NAMES: dict[str, str] = {name: item["kind"] for name, item in shipped("browsers").items() if isinstance(item, dict) and "kind" in item}


def version(text: str) -> Version:
    """`10.15` as numbers to compare."""
    return tuple(int(part) for part in text.split("."))


@dataclass(frozen=True)
class Software:
    """A browser or system that the author named; offsets in the original; version "" if none is given."""

    name: str
    version: str
    start: int
    end: int
    works: bool = False  # the author says that it works well

    def older(self, minimum: str) -> bool:
        """Whether it is older than the oldest supported version. `none`: no version is supported."""
        if minimum == "none":
            return True
        if not self.version:
            return False
        mine, least = version(self.version), version(minimum)
        return mine < least[: len(mine)]


class Finder:
    """Finds software in a letter. Its words are in the common lexicon, so a text is looked up only once."""

    def __init__(self, lexicon: Lexicon) -> None:
        data = shipped("browsers")
        book = Phrasebook(data["lists"], lexicon)
        self.names: dict[int, tuple[str, bool]] = {}  # class -> (name, weak)
        self.wordy: list[tuple[Phrase, str]] = []  # names of several words
        self.editions: list[tuple[Phrase, str, str]] = []
        self.agents: dict[str, str] = {}
        for name in NAMES:
            item = data[name]
            self.agents |= dict.fromkeys(item["agents"], name)
            for word in (*item["names"], *item.get("weak", ())):
                if " " in word:
                    self.wordy += [(phrase, name) for phrase in book.read(word)[0]]
                else:
                    self.names[lexicon.number((word,))] = (name, word in item.get("weak", ()))
            for edition, words in item.get("editions", {}).items():
                self.editions += [(phrase, name, str(edition)) for word in words for phrase in book.read(word)[0]]
        self.links = frozenset((lexicon.number(data["links"]),))
        self.units = frozenset((lexicon.number(data["units"]),))
        self.works = frozenset((lexicon.number(("=" + word for word in data["lists"]["works"])),))
        self.ordinals: dict[int, str] = {lexicon.number(words): value for value, words in data["ordinals"].items()}
        self.tens, self.ones = ({lexicon.number(words): value for value, words in data[key].items()} for key in ("tens", "ones"))
        bare = data["bare"]
        self.before, self.phones = (frozenset((lexicon.number(bare[key]),)) for key in ("before", "phones"))
        self.bare = {lexicon.number(words): edition for edition, words in bare["editions"].items()}
        self.updated = book.read("<update> ...5 =до/=на/to <number>")
        self.lexicon = lexicon
        self.latest = [book.read(text) for text in data["latest"]]
        self.settled = [book.read(text) for text in data["settled"]]

    # ------------------------------------------------------------------------------------------------------- finding

    def find(self, tokens: Tokens) -> tuple[Software, ...]:
        """All software named in the text, in order, without what the author denies."""
        agents = list(self._agents(tokens.text))
        covered = [(item.start, item.end) for item in agents]
        worded = [item for item in (*self._worded(tokens), *self._bare(tokens)) if not any(a <= item.start < b for a, b in covered)]
        return tuple(sorted(agents + worded, key=lambda item: item.start))

    def _agents(self, text: str) -> Iterator[Software]:
        for match in islice(_AGENT.finditer(text), MOST_AGENTS):
            told = parse(match[0])
            television = told.os and told.os.family in ("Tizen", "webOS")  # its browser's version is the system's
            for part in (told.os,) if television else (told.user_agent, told.os):
                if not part or part.family not in self.agents:
                    continue
                name = self.agents[part.family]
                numbers = [number for number in (part.major, part.minor, part.patch) if number and number.isdigit()]
                edition = {"XP": "5", "Vista": "6"}.get(part.major or "", ".".join(numbers))
                if (name, edition) not in _FROZEN:
                    yield Software(name, edition, match.start(), match.end())

    def _worded(self, tokens: Tokens) -> Iterator[Software]:
        editions = self._editions(tokens)
        for first, last, name, weak, glued in sorted(set(self._mentions(tokens)))[:MOST_NAMED]:
            near = [(editions[name, at][0] - at, *editions[name, at]) for at in range(last - 3, last + 4) if at != last and (name, at) in editions]
            told = (max(near)[2], max(near)[1]) if near else (glued, last) if glued else self._version(tokens, first, last)
            denied = self._denied(tokens.items, first)
            if denied and told and (other := self._correction(tokens, told[1])):
                told, denied = other, False
            if denied or (weak and not told):
                continue
            number, end = (told and self._correction(tokens, max(told[1], last))) or told or ("", last)
            left, right = tokens.items[min(first, end)].start, max(last, end)
            yield Software(name, number, left, self._finish(tokens, right), self._well(tokens, right))
            if number and (another := self._another(tokens, right)):
                yield Software(name, another, left, self._finish(tokens, right), self._well(tokens, right + 2))

    def _bare(self, tokens: Tokens) -> Iterator[Software]:
        """«Стоит семёрка», «на хрюше»: an edition of Windows without its name."""
        for number in self.bare.keys() & tokens.places.keys():
            for at in tokens.places[number]:
                before, after = tokens.items[max(at - 2, 0) : at], tokens.items[at : at + 3]
                if any(item.classes & self.before for item in before) and not any(item.classes & self.phones for item in (*before, *after)):
                    yield Software("windows", self.bare[number], tokens.items[at].start, tokens.items[at].end, self._well(tokens, at))

    def _mentions(self, tokens: Tokens) -> Iterator[tuple[int, int, str, bool, str]]:
        """(first token, last token, name, weak, version glued to the name)."""
        for number in self.names.keys() & tokens.places.keys():
            name, weak = self.names[number]
            for at in tokens.places[number]:
                yield at, at, name, weak, ""
        for phrase, name in self.wordy:
            for first, last in phrase.find(tokens, frozenset()):
                yield first, last, name, False, ""
        for at, token in enumerate(tokens.items):
            if token.word[-1].isdigit() and not token.word.isdigit() and (match := _GLUED.fullmatch(token.word)):
                for number in self.lexicon.look(match[1])[0]:
                    if number in self.names:
                        yield at, at, self.names[number][0], False, match[2]

    def _editions(self, tokens: Tokens) -> dict[tuple[str, int], tuple[int, str]]:
        """Versions given by name («семёрка»): software and first token -> last token and version."""
        found: dict[tuple[str, int], tuple[int, str]] = {}
        for phrase, name, edition in self.editions:
            for first, end in phrase.find(tokens, frozenset()):
                found[name, first] = max(found.get((name, first), (0, "")), (end, edition))
        return found

    def _version(self, tokens: Tokens, first: int, last: int) -> tuple[str, int] | None:
        """The version after the name, or else before it, with its token."""
        items = tokens.items
        at = last + 1
        while at <= last + 3 and at < len(items) and items[at].classes & self.links and self._joined(items, last, at):
            at += 1
        behind = self._number(tokens, at)
        if behind:
            return behind, at
        if at < len(items) and items[at].word in ("не", "с", "not", "from") and (corrected := self._correction(tokens, at + 1)):
            return corrected
        at = first - 1
        while at >= first - 3 and at >= 0 and (items[at].classes & self.links or items[at].word in _ENDINGS):
            at -= 1
        if at >= 0 and any(mark in tokens.text[items[at].end : items[first].start] for mark in ",;:!?"):
            return None
        while at > 0 and (_value(self.tens, items, at - 1) or (items[at - 1].word.isdigit() and tokens.text[items[at - 1].end] == ".")):
            at -= 1  # to the beginning of «девяносто восьмой», of 84.0.4147
        before = self._number(tokens, at, named=True)
        return (before, at) if before else None

    @staticmethod
    def _joined(items: tuple[Token, ...], last: int, at: int) -> bool:
        """In one sentence, or in the next line of a form: «Браузер: Chrome», «Версия: 98»."""
        return items[at].sentence == items[last].sentence or items[at].word in ("версия", "version", "ver")

    def _number(self, tokens: Tokens, at: int, *, named: bool = False) -> str:
        """The version at this token, or "": a count of something or an error code is none."""
        items = tokens.items
        if not 0 <= at < len(items):
            return ""
        if tens := _value(self.tens, items, at):
            beside = at + 1 + bool(one := _value(self.ones, items, at + 1))
            return "" if beside < len(items) and items[beside].classes & self.units else str(int(tens) + int(one or 0))
        told = [self.ordinals[number] for number in items[at].classes if number in self.ordinals]
        if told:
            return told[0]
        match = _NUMBER.match(tokens.text, items[at].start)
        if not match or items[at].start != match.start() or int(match[0].split(".")[0]) > _PLAUSIBLE:
            return ""
        after = at + 1
        while after < len(items) and items[after].start < match.end():
            after += 1
        counted = after < len(items) and items[after].classes & self.units and not tokens.text[match.end() : items[after].start].strip()
        return "" if counted and not named and "." not in match[0] else match[0]

    def _another(self, tokens: Tokens, at: int) -> str:
        """«в Chrome 98 и 131»: the second version, or ""."""
        after = next((i for i in range(at + 1, min(at + 4, len(tokens.items))) if tokens.items[i].word in ("и", "или", "and", "or")), -1)
        between = tokens.text[tokens.items[at].end : tokens.items[after].start] if after >= 0 else ""
        return "" if after < 0 or between.strip(" .0123456789") else self._number(tokens, after + 1)

    def _correction(self, tokens: Tokens, at: int) -> tuple[str, int] | None:
        """«…, а 130», «… до 130», «…, сейчас 130» after a version: the version that is really used now."""
        items = tokens.items
        for i in range(at + 1, min(at + 7, len(items) - 1)):
            if items[i].sentence != items[at].sentence:
                break
            if items[i].word in _TURNS:
                number = self._number(tokens, i + 1)
                follows = items[i + 2].classes if i + 2 < len(items) else frozenset[int]()
                if number and not follows & self.names.keys():
                    return number, i + 1
        return None

    @staticmethod
    def _denied(items: tuple[Token, ...], first: int) -> bool:
        """«не Chrome», «не на Windows»."""
        near = [items[i].word for i in (first - 1, first - 2) if i >= 0 and items[i].sentence == items[first].sentence]
        straight = near[:1] in (["не"], ["not"])
        return straight or (len(near) > 1 and near[1] in ("не", "not") and near[0] in ("в", "на", "с", "под", "a", "on", "in"))

    def _finish(self, tokens: Tokens, at: int) -> int:
        match = _NUMBER.match(tokens.text, tokens.items[at].start)
        return max(tokens.items[at].end, match.end() if match else 0)

    def _well(self, tokens: Tokens, at: int) -> bool:
        """Whether the words right after it say that it works there."""
        items = tokens.items
        for i in range(at + 1, min(at + 6, len(items))):
            if items[i].sentence != items[at].sentence or items[i].classes & self.names.keys():
                return False
            if items[i].classes & self.works:
                return items[i - 1].word not in ("не", "плохо", "not", "нет")
        return False

    # ------------------------------------------------------------------------------------------------------- judging

    def outdated(self, tokens: Tokens, found: tuple[Software, ...], oldest: Mapping[str, str]) -> tuple[Software, ...]:
        """Software older than supported, unless the author has the same trouble with something up to date."""
        old = [item for item in found if item.name in oldest and item.older(oldest[item.name]) and not item.works]
        if not old or self._is_settled(tokens):
            return ()
        new = {NAMES[item.name] for item in found if item.version and not item.works and item not in old}
        new |= {"browser"} if any(stands(parts, tokens, self.lexicon.fillers) for parts in self.latest) else set()
        later = [self._number(tokens, last) for _, last in stands(self.updated, tokens, self.lexicon.fillers)]
        still = (item for item in old if all(not one or replace(item, version=one).older(oldest[item.name]) for one in later))
        return tuple(item for item in still if NAMES[item.name] not in new)

    def _is_settled(self, tokens: Tokens) -> bool:
        """Whether some phrase, with all its parts in one sentence, says that newer ones behave the same."""
        return any(stands(parts, tokens, self.lexicon.fillers) for parts in self.settled)


def _value(numerals: Mapping[int, str], items: tuple[Token, ...], at: int) -> str:
    """What the token means among these numerals, or ""."""
    return next((numerals[number] for number in items[at].classes if number in numerals), "") if 0 <= at < len(items) else ""


def meets(item: Software, test: str) -> bool:
    """Whether the software fits a rule's test, such as `chrome < 110` or `ie`."""
    name, sign, number = re.fullmatch(r"([a-z_]+)\s*([<>=]*)\s*([\d.]*)", test).groups()  # type: ignore[union-attr]  # the schema has checked it
    if item.name != name or (sign and not item.version):
        return False
    other = version(number) if sign else ()
    return not sign or _SIGNS[sign](version(item.version)[: len(other)], other)


_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq}
