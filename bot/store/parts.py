"""A long ticket on disk: what is new stands in the ticket's own file, its past in parts that are written once.

So a letter costs the same at the tenth and at the two thousandth. A part never changes: where its slice of the
ticket does (a person is forgotten, a late proof, a merge), it is written under a new name. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain, takewhile
from typing import NamedTuple

from msgspec.structs import replace

from bot.model import Audience, Delivery, Entry, Outgoing, Seen, Ticket, Value
from bot.store.interface import UNFINISHED

FRESH, ROOM = 12, 16_000  # entries, letters taken in, letters sent, and characters of each, that stay in the ticket's own
# file; when as much again has gathered behind them, that goes into a part
LARGEST, FULL = 200, 50_000  # of each in a part, and characters in all; the last part grows to this size
STAFF = (Audience.agent, Audience.department)
WHOLE, MOST_WHOLE = 4, 16_000  # letters to one reader of the staff that are kept whole, and characters of all but the newest
LEAD = 700  # characters of the others: a program that quotes one begins with them (tickets.quotations)


class Sealed(Value, frozen=True):
    """What a part holds."""

    entries: tuple[Entry, ...] = ()
    seen: tuple[Seen, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()


class Part(Value, frozen=True):
    """Where a part stands: how many entries and letters taken in it holds, and up to which outgoing letter."""

    name: int
    entries: int
    seen: int
    until: int


class Stored(Ticket, frozen=True):
    """What the ticket's own file holds: what is new, and which parts there are."""

    parts: tuple[Part, ...] = ()
    made: int = 0  # names given to parts so far: none is given twice


class Past(NamedTuple):
    """The parts of a ticket, as they are stored, what they hold, and how many names have been given."""

    parts: tuple[Part, ...] = ()
    sealed: Mapping[int, Sealed] = {}
    made: int = 0


class Division(NamedTuple):
    """A ticket, its words to staff shortened, and what is stored of it."""

    ticket: Ticket
    head: Stored
    past: Past
    new: dict[int, Sealed]  # those of the parts that are not stored yet
    gone: set[int]  # parts that are stored and that the ticket has no longer


def divided(ticket: Ticket, known: Past) -> Division:
    """The ticket as it is to be stored, where `known` is stored already."""
    ticket = replace(ticket, outgoing=shortened(ticket.outgoing, after(known.parts).until))
    name = known.made
    parts, sealed, new = list[Part](), dict[int, Sealed](), dict[int, Sealed]()
    begin = after(())
    for part in known.parts:
        end = after((begin, part))
        if end.entries > len(ticket.entries) or end.seen > len(ticket.seen):
            break  # the ticket has become shorter
        content = sliced(ticket, begin, end)
        before = known.sealed.get(part.name)
        if before != content and before != (content := settled(content)):
            name += 1
            part, new[name] = replace(part, name=name), content
        parts.append(part)
        sealed[part.name], begin = content, end
    while more := overflow(ticket, begin):
        last = parts[-1] if parts else None
        if last and max(last.entries + more.entries, last.seen + more.seen) <= LARGEST and weight(sealed[last.name]) < FULL:
            parts.pop()
            new.pop(last.name, None)
            del sealed[last.name]
            more = replace(more, entries=last.entries + more.entries, seen=last.seen + more.seen)
        begin, name = after(parts), name + 1
        parts.append(replace(more, name=name))
        sealed[name] = new[name] = settled(sliced(ticket, begin, after(parts)))
        begin = after(parts)
    end = begin
    last_one = place_of(ticket, end)
    waits = last_one - sum(len(one.outgoing) for one in sealed.values())  # letters before it that are not over yet
    older = tuple(one for one in ticket.outgoing[:last_one] if one.state in UNFINISHED) if waits else ()
    fields = {name: getattr(ticket, name) for name in Ticket.__struct_fields__}
    fields |= {"entries": ticket.entries[end.entries :], "seen": ticket.seen[end.seen :]}
    head = Stored(**fields | {"outgoing": older + ticket.outgoing[last_one:], "parts": tuple(parts), "made": name})
    whole = joined(head, sealed.values()) if new else ticket
    return Division(whole, head, Past(head.parts, sealed, name), new, {part.name for part in known.parts} - sealed.keys())


def joined(head: Stored, sealed: Iterable[Sealed]) -> Ticket:
    """The whole ticket again."""
    fields = {name: getattr(head, name) for name in Ticket.__struct_fields__}
    if contents := tuple(sealed):
        outgoing = [*chain.from_iterable(one.outgoing for one in contents), *head.outgoing]
        fields |= {
            "entries": (*chain.from_iterable(one.entries for one in contents), *head.entries),
            "seen": (*chain.from_iterable(one.seen for one in contents), *head.seen),
            "outgoing": tuple(sorted(outgoing, key=lambda one: one.id)),
        }
    return Ticket(**fields)


def after(parts: Sequence[Part]) -> Part:
    """Where these parts end: how many entries and letters are before it, and the last outgoing one's number."""
    return Part(
        name=0,
        entries=sum(part.entries for part in parts),
        seen=sum(part.seen for part in parts),
        until=parts[-1].until if parts else 0,
    )


def place_of(ticket: Ticket, end: Part) -> int:
    """The place of the first outgoing letter behind it."""
    return bisect_right(ticket.outgoing, end.until, key=lambda letter: letter.id)


def sliced(ticket: Ticket, begin: Part, end: Part) -> Sealed:
    """What stands between these places."""
    return Sealed(
        entries=ticket.entries[begin.entries : end.entries],
        seen=ticket.seen[begin.seen : end.seen],
        outgoing=ticket.outgoing[place_of(ticket, begin) : place_of(ticket, end)],
    )


def settled(part: Sealed) -> Sealed:
    """Without the letters that are not over yet: those stay in the ticket's own file."""
    return replace(part, outgoing=tuple(as_line(one) for one in part.outgoing if one.state not in UNFINISHED))


def overflow(ticket: Ticket, end: Part) -> Part | None:
    """How much of what stands behind the parts goes into one by now; None for nothing."""
    letters = ticket.outgoing[place_of(ticket, end) :]
    entries, seen = ticket.entries[end.entries :], ticket.seen[end.seen :]
    gone = list(takewhile(lambda one: one.state is not Delivery.waiting, letters))
    bodies = [0 if one.audience in STAFF else len(one.body) for one in letters]  # those to staff become lines anyway
    words = [len(one.text) for one in entries], [0] * len(seen), bodies
    old = [each[: len(each) - fresh(each)] for each in words]
    old[2] = old[2][: len(gone)]
    if not any(len(each) >= FRESH or sum(each) > ROOM for each in old):
        return None
    entries_now, seen_now, letters_now = map(portion, old)
    until = letters[letters_now - 1].id if letters_now else end.until
    return Part(name=0, entries=entries_now, seen=seen_now, until=until)


def portion(words: Sequence[int]) -> int:
    """How many of the oldest go into one part."""
    sums = accumulate(words)
    return max(1, sum(1 for place, total in enumerate(sums) if place < LARGEST and total <= FULL)) if words else 0


def fresh(words: Sequence[int]) -> int:
    """How many of the newest stay where they are; at least one does."""
    sums = accumulate(reversed(words))
    return max(1, sum(1 for place, total in enumerate(sums) if place < FRESH and total <= ROOM)) if words else 0


def weight(part: Sealed) -> int:
    """The characters of a part."""
    return sum(len(one.text) for one in part.entries) + sum(len(one.body) for one in part.outgoing)


def shortened(letters: tuple[Outgoing, ...], until: int = 0) -> tuple[Outgoing, ...]:
    """Letters in which what was sent to staff is a line (who, what, when), but for the newest of each reader;
    those up to number `until` are as they are. Whatever waits, is held or failed is kept whole.
    """
    first = bisect_right(letters, until, key=lambda letter: letter.id)
    found, made, room = list[Outgoing](), Counter[str](), MOST_WHOLE
    for one in reversed(letters[first:]):
        if is_whole(one):
            made[one.to] += 1
            room -= len(one.body) if made[one.to] > 1 else 0
            one = as_line(one) if made[one.to] > WHOLE or (made[one.to] > 1 and room < 0) else one
        found.append(one)
    return letters[:first] + tuple(reversed(found))


def as_line(one: Outgoing) -> Outgoing:
    """A letter that was sent to staff, as who, what and when, where its answers go and how it began; any other as
    it is.
    """
    return replace(one, body=one.body[:LEAD], headers=one.headers[:1], attachments=()) if is_whole(one) else one


def is_whole(one: Outgoing) -> bool:
    """Whether it was sent to staff and is no line yet. The first header is Reply-To."""
    return one.state is Delivery.sent and one.audience in STAFF and (len(one.headers) > 1 or len(one.body) > LEAD)
