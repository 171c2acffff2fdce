"""What stays when people are erased: of a ticket its figures, of a person's part in others' tickets that there was one. Pure.

Retention by age (bot.store.files.retention) empties tickets; `forget` (bot.data.erasure) empties a person's own, and takes the person out of all
else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import msgspec
from msgspec.structs import replace

from bot.model import ERASED, Delivery, DeskRecord, Entry, Outgoing, Ticket, Value, emptied
from bot.model.address import REACH, begins
from bot.model.markup import LITERAL, literal

NOBODY = "erased@address.invalid"  # RFC 2606: nobody will ever have it
CUT = "[…]"  # where a person's words stood
LINKED = re.compile(r"(?<=[?&]subject=)[^&\s)>\"']+")
PRIVATE = re.compile("[\ue000-\uf8ff]")  # stands for a character that the markup would read
FEW = 4  # words in a row that are somebody's own; of a shorter line all
DASH = f"{literal('-')}-"  # also as it stands in the body of a letter of ours
BACK = {ord(stand_in): known for known, stand_in in LITERAL}
WORD = re.compile(r"&#?\w+;|([^\W_]+)")
WORD_OR_TAG = re.compile(rf"</?[A-Za-z!][^<>]*>|{WORD.pattern}")  # tags and entities part nothing
Run = tuple[str, ...]
T = TypeVar("T", Ticket, DeskRecord)


class Person(Value, frozen=True, dict=True):
    """Somebody who is to be forgotten, and what gives him away."""

    address: str  # in lower case
    said: tuple[str, ...] = ()  # his name, subjects and texts of his
    ids: tuple[str, ...] = ()  # Message-IDs of his letters
    tickets: tuple[int, ...] = ()  # his own
    letters: frozenset[str] = frozenset()  # inbox ids: all those of his tickets, and his own elsewhere

    @cached_property
    def exact(self) -> re.Pattern[str]:
        """Their address in any case, also percent-encoded or as a letter of ours has it, and the ids that
        they alone have, each with its end. Where it begins, `unnamed` looks.
        """
        end = rf"(?![{DASH}]*[^\W_]|_+[^\W_]|\.[^\W_]|=\r?\n[\w.-]|%[c-f][\da-f])"
        return re.compile(f"(?:{'|'.join(self._ways)}){end}", re.IGNORECASE)

    def unnamed(self, text: str) -> str:
        """The text without their address and ids; a longer address that ends like theirs is another's."""

        def gone(found: re.Match[str]) -> str:
            before = text[max(0, found.start() - REACH) : found.start()].translate(BACK)
            return NOBODY if begins(before, text[found.end() : found.end() + 1].translate(BACK)) else found[0]

        return self.exact.sub(gone, text)

    @cached_property
    def hint(self) -> re.Pattern[str]:
        """Cheap: found in the JSON of everything that `cleaned` would change."""
        return re.compile("|".join((*self._ways, self.named.pattern)), re.IGNORECASE)

    @cached_property
    def named(self) -> re.Pattern[str]:
        """Where one of his tickets is named, "PF-3", words may be his."""
        return re.compile(rf"[^\W\d_][{DASH}](?:{'|'.join(map(str, self.tickets))})(?!\d)" if self.tickets else r"(?!)")

    @property
    def _ways(self) -> list[str]:
        ways = {self.address, quote(self.address), quote(self.address, safe=""), *self.ids}
        return sorted(map(re.escape, ways | set(map(literal, ways))), key=len, reverse=True)

    @cached_property
    def runs(self) -> frozenset[Run]:
        """His words, a few in a row."""
        return runs(self.said)

    def cleaned(self, text: str, known: bool = False, spared: frozenset[Run] = frozenset()) -> str:
        """The text without his address, and, where it names him, one of his tickets or is `known` to, without his words.

        `spared` are runs that somebody else said before him. Buttons have the subject of their ticket percent-encoded.
        """

        def linked(found: re.Match[str]) -> str:
            plain = unquote(found[0])
            clean = self._cut(plain, known, spared)
            return found[0] if clean == plain else "".join(one if PRIVATE.match(one) else quote(one, safe="") for one in clean)

        return LINKED.sub(linked, self._cut(text, known, spared))

    def _cut(self, text: str, known: bool, spared: frozenset[Run]) -> str:
        clean = self.unnamed(text)
        known, text = known or clean != text or self.named.search(text) is not None, clean
        his = self.runs - spared if known else frozenset()
        found = words(text) if his else []
        plain, cut = [word for word, _, _ in found], [False] * len(found)
        for length in {len(run) for run in his}:
            for at in range(len(plain) - length + 1):
                if tuple(plain[at : at + length]) in his:
                    cut[at : at + length] = [True] * length
        end = len(text)  # of the words to be cut, which grow backwards; a tag between two stays
        for at in range(len(found) - 1, -1, -1):
            _, first, last = found[at]
            end = last if cut[at] and not (at + 1 < len(found) and cut[at + 1] and "<" not in text[last : found[at + 1][1]]) else end
            if cut[at] and not (at and cut[at - 1] and "<" not in text[found[at - 1][2] : first]):
                text = text[:first] + CUT + text[end:]
        return text


def words(text: str, pattern: re.Pattern[str] = WORD_OR_TAG) -> list[tuple[str, int, int]]:
    """The words of a text or a page as case and ё do not change them, each with its place."""
    return [(found[1].casefold().replace("ё", "е"), *found.span(1)) for found in pattern.finditer(text) if found[1]]


def runs(texts: Iterable[str]) -> frozenset[Run]:
    """Every few words in a row of every line; a shorter line is one run. What looks like a tag may have been meant as words."""
    every = [line for text in texts for line in text.splitlines()]
    lines = [[word for word, _, _ in words(line, pattern)] for line in every for pattern in ((WORD, WORD_OR_TAG) if "<" in line else (WORD,))]
    return frozenset(tuple(line[at : at + FEW]) for line in lines if line for at in range(max(1, len(line) - FEW + 1)))


def without(ticket: Ticket, person: Person, now: datetime) -> Ticket:
    """The ticket without the person: emptied where it is his own; in another's, what he said and was sent is gone, what names him is cut."""
    if ticket.requester.email == person.address:
        return emptied(ticket, now)
    first = next((place for place, entry in enumerate(ticket.entries) if entry.who == person.address), len(ticket.entries))
    others = [text for entry in ticket.entries if entry.who != person.address for text in (entry.name, entry.who)]
    before = [text for entry in ticket.entries[:first] for text in (entry.text, entry.subject)]
    spared = runs((ticket.subject, ticket.requester.name, *others, *before))
    known = person.address in ticket.participants or first < len(ticket.entries)
    ticket = replace(
        ticket,
        participants=tuple(one for one in ticket.participants if one != person.address),
        entries=tuple(_unsaid(entry) if entry.who == person.address else entry for entry in ticket.entries),
        outgoing=tuple(_unsent(one, now) if one.to == person.address else one for one in ticket.outgoing),
        seen=tuple(one for one in ticket.seen if one.letter not in person.letters),
    )
    cleaned: Ticket = _through(ticket, lambda text: person.cleaned(text, known, spared))
    return cleaned if cleaned.undo == ticket.undo else replace(cleaned, undo={})


def record_without(record: DeskRecord, person: Person) -> DeskRecord:
    """The record without the person; nothing is left of one that is about him, or about a letter of his."""
    if record.who == person.address or record.letter in person.letters:
        return DeskRecord(at=record.at, about=ERASED)
    if record.about == "override":  # somebody's letter, kept as an example
        return replace(record, words=person.cleaned(record.words, known=True))
    outgoing = tuple(_unsent(one, record.at) if one.to == person.address else one for one in record.outgoing)
    return _through(replace(record, outgoing=outgoing), person.cleaned)


def _unsaid(entry: Entry) -> Entry:
    return Entry(at=entry.at, kind=entry.kind, public=entry.public, about=entry.about, text=CUT)


def _unsent(one: Outgoing, now: datetime) -> Outgoing:
    """A letter to the person; the figures stay, and one that waits does not leave."""
    waits = one.state in (Delivery.waiting, Delivery.held)
    return replace(
        one, to="", subject="", body="", message_id="", envelope_from="", headers=(), attachments=(), result="",
        state=Delivery.cancelled if waits else one.state, done_at=now if waits else one.done_at,
    )  # fmt: skip


def _through(value: T, change: Callable[[str], str]) -> T:
    """A value with every string in it changed."""

    def changed(one: Any) -> Any:
        if isinstance(one, str):
            return change(one)
        if isinstance(one, dict):
            return {key: changed(item) for key, item in one.items()}
        return [changed(item) for item in one] if isinstance(one, list | tuple) else one

    return msgspec.convert(changed(msgspec.to_builtins(value)), type(value))
