"""The proof of promise one, from the disk alone: every accepted letter ended in exactly one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from bot.model import Disposition
from bot.store.data_access import DataReader

MOST_NAMED = 20


@dataclass
class Account:
    """accepted = opened + appended + command + machine + duplicate + parked + waiting; anything else is named."""

    accepted: int = 0
    places: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)  # accepted, and nowhere accounted for
    twice: list[str] = field(default_factory=list)  # accounted for in two places
    unknown: list[str] = field(default_factory=list)  # accounted for, and not on the disk
    broken: list[str] = field(default_factory=list)  # files that cannot be read: `repair` brings their letters back

    @property
    def adds_up(self) -> bool:
        """True when each accepted letter is in exactly one place."""
        return not (self.lost or self.twice or self.unknown or self.broken)

    def as_dict(self) -> dict[str, Any]:
        """For monitoring."""
        return {**asdict(self), "places": dict(self.places), "adds_up": self.adds_up}

    def as_text(self) -> str:
        """For people."""
        names = [*Disposition, "parked", "dropped", "waiting"]
        sums = " + ".join(f"{self.places[name]} {name}" for name in names if self.places[name] or name in ("opened", "appended"))
        lines = [f"{self.accepted} accepted = {sums}" if self.adds_up else f"{self.accepted} accepted, but: {sums}"]
        named = {
            "not accounted for": self.lost, "accounted for twice": self.twice, "not on the disk": self.unknown, "cannot be read": self.broken,
        }  # fmt: skip
        for title, letters in named.items():
            lines += [f"{title}: {letter}" for letter in letters[:MOST_NAMED]]
            lines += [f"{title}: … {len(letters)} in all"] if len(letters) > MOST_NAMED else []
        return "\n".join([*lines, "The ledger adds up." if self.adds_up else "The ledger does NOT add up."])


def account(reader: DataReader) -> Account:
    """Adds up what the data reader gives. Letters on their way while a desk is running count as waiting."""
    result = Account()
    places = dict(reader.letters())
    result.accepted = len(places)
    dispositions: dict[str, str] = {}
    for letter, disposition, _ in read_dispositions(reader):
        if letter in dispositions:
            result.twice.append(letter)
        dispositions[letter] = disposition
    result.broken = sorted(reader.broken)
    for letter, place in places.items():
        if found := dispositions.get(letter):  # a letter that is still in the inbox after its commit will be absorbed as seen
            result.places[found] += 1
        elif place != "archived":
            result.places[place] += 1
        else:
            result.lost.append(letter)
    result.unknown = [letter for letter in dispositions if letter not in places]
    result.lost.sort()
    return result


def read_dispositions(reader: DataReader) -> Iterator[tuple[str, str, int]]:
    """(letter, disposition, ticket or 0) of every letter that a ticket or a record accounts for."""
    for ticket in reader.tickets():
        for seen in ticket.seen:
            yield seen.letter, seen.disposition, ticket.number
    for _, record in reader.records():
        if record.disposition:
            yield record.letter, record.disposition, 0
