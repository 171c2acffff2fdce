"""What the desk remembers of its live tickets: small facts, rebuilt at start from the ticket files. It is derived, never the truth."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import chain, islice
from typing import Any

from bot.model import Audience, DeskRecord, Disposition, Ticket, person_of
from bot.store.interface import BY_MAIL, AddressFacts, KnownFacts, Lookup, TicketSummary
from bot.store.parts import Sealed
from bot.store.summaries import announced, summary_of

DAY = timedelta(days=1)
RECENT = timedelta(hours=3)  # for tickets of the same subject
MOST = 100  # letters to one address that are counted: no cap is higher
BLOCK_DAYS = 30
OF_A_PERSON = frozenset({"latch", "doubt", "release", "block", "unblock", "score_asked", "score_unasked"})


def mark(*words: str) -> int:
    """64 bits for a dictionary key: a tenth of the memory of the words."""
    return int.from_bytes(blake2b("\0".join(words).encode("utf-8", "replace"), digest_size=8).digest(), "big")


def drop(table: dict[int, int], key: int, value: int) -> None:
    """Forgets the key where it still means that: what a merge has brought elsewhere is another ticket's by now."""
    if table.get(key) == value:
        del table[key]


def whose(record: DeskRecord) -> str:
    """Whom a record is about: a person, or for bounces and what proves something an address as it stands."""
    return person_of(record.who) if record.about in OF_A_PERSON else record.who


class TicketIndex:
    """Indexes over live tickets and recent records. Adding the same twice changes nothing. What lies further
    ahead than its span is of a clock that was set back, and does not count.
    """

    def __init__(self) -> None:
        self.lines: dict[int, TicketSummary] = {}
        self.highest = 0
        self._by_id: dict[int, int] = {}
        self.counted_from = datetime.min.replace(tzinfo=UTC)  # letters that left before are not counted
        self._by_person: dict[str, tuple[int, ...]] = {}
        self._letters: dict[int, int] = {}
        self._copies: dict[int, int] = {}  # ticket * 2, and 1 for a copy that a better proved one may follow
        self._sent: defaultdict[str, dict[tuple[int, int], datetime]] = defaultdict(dict)
        self._errors: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        self.stuck: dict[int, tuple[str, ...]] = {}  # ticket -> states of its letters that are held or failed
        self._linked: defaultdict[int, dict[int, datetime]] = defaultdict(dict)
        self._latched: dict[str, datetime] = {}
        self._doubted: dict[str, datetime] = {}
        self._suppressed: dict[str, datetime] = {}
        self._blocked: dict[str, datetime] = {}
        self._unproved: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        self._pending: dict[int, str] = {}
        self._confirmed: dict[str, str] = {}
        self.away: dict[str, str] = {}
        self._outage = ""
        self._announced: dict[int, str] = {}
        self._regular: defaultdict[str, dict[str, datetime]] = defaultdict(dict)  # days of digests, weeks of reports
        self._timers: dict[int, datetime] = {}
        self._alarms: list[tuple[datetime, int]] = []  # a heap; what it holds beside `_timers` is stale
        self._asked: dict[str, datetime] = {}  # for a score
        self._gathered: dict[str, DeskRecord] = {}  # what waits to be told to staff, by its cause
        self._told: set[str] = set()  # what of them has been
        self.latch_days, self.suppress_days = 7, 30

    # ------------------------------------------------------------------------------------------------- tickets

    def add(self, row: Ticket, past: Collection[Sealed] = ()) -> None:
        """A ticket, new or changed; of a long one what its own file holds, with those parts that are new."""
        number, person = row.number, person_of(row.requester.email)
        self.highest = max(self.highest, number)
        self.lines[number] = summary_of(row)
        if number not in (known := self._by_person.get(person, ())):
            self._by_person[person] = (*known, number)
        self.set_timer(number, row.timer)
        if told_of := announced(row):
            self._announced[number] = told_of
        else:
            self._announced.pop(number, None)
        for entry in chain(row.entries, *(part.entries for part in past)):
            if entry.message_id:
                self._by_id[mark(entry.message_id)] = number
        for seen in chain(row.seen, *(part.seen for part in past)):
            self._letters[mark(seen.letter)] = number
            if seen.message_id:
                self._copies[mark(seen.message_id, seen.fingerprint)] = number * 2
        self._add_outgoing(row, past)
        for link in row.links:
            self._linked[link][number] = row.opened

    def _add_outgoing(self, row: Ticket, past: Collection[Sealed]) -> None:
        number = row.number
        for one in chain(row.outgoing, *(part.outgoing for part in past)):
            if one.created <= self.counted_from:
                continue
            if one.state in ("held", "cancelled"):
                self._sent.get(person_of(one.to), {}).pop((number, one.id), None)
            elif one.automatic and one.audience in (Audience.requester, Audience.stranger):
                self._sent[person_of(one.to)][number, one.id] = one.created
        self.stuck.pop(number, None)
        if stuck := tuple(one.state for one in row.outgoing if one.state in ("held", "failed")):
            self.stuck[number] = stuck

    def remove(self, row: Ticket) -> None:
        """A ticket that is filed, or whose change could not be written."""
        number, person = row.number, person_of(row.requester.email)
        self.lines.pop(number, None)
        self._timers.pop(number, None)
        self._announced.pop(number, None)
        self.stuck.pop(number, None)
        others = tuple(one for one in self._by_person.pop(person, ()) if one != number)
        if others:
            self._by_person[person] = others
        for entry in row.entries:
            drop(self._by_id, mark(entry.message_id), number)
        for seen in row.seen:
            drop(self._letters, mark(seen.letter), number)
            drop(self._copies, mark(seen.message_id, seen.fingerprint), number * 2)
        for one in row.outgoing:
            self._sent.get(person_of(one.to), {}).pop((number, one.id), None)
        for link in row.links:
            self._linked.get(link, {}).pop(number, None)

    def prune(self, now: datetime) -> None:
        """Forgets the addresses to which nothing has left for a day, and what has been told."""
        told, since = self._told & self._gathered.keys(), now - DAY
        for letter in [one for one in told if self._gathered[one].at <= since]:
            del self._gathered[letter]
        self._told &= self._gathered.keys()
        for person in [person for person, times in self._sent.items() if not times or max(times.values()) <= now - DAY]:
            del self._sent[person]

    def ended_announcements(self, active: Collection[str]) -> list[int]:
        """Tickets that were answered with an announcement which is no longer among the active ones."""
        return [number for number, told in self._announced.items() if told not in active and not (told == BY_MAIL and self._outage)]

    # -------------------------------------------------------------------------------------------------- timers

    def set_timer(self, number: int, at: datetime | None) -> None:
        """The moment at which a timer looks at the ticket; None for never."""
        if at is None:
            self._timers.pop(number, None)
        elif self._timers.get(number) != at:
            self._timers[number] = at
            heapq.heappush(self._alarms, (at, number))

    def timers(self, now: datetime, limit: int) -> list[int]:
        """Tickets whose moment has come, the oldest first; each is named once for each moment. Costs nothing while there is none."""
        found: list[int] = []
        while self._alarms and self._alarms[0][0] <= now and len(found) < limit:
            at, number = heapq.heappop(self._alarms)
            if self._timers.get(number) == at:
                del self._timers[number]
                found.append(number)
        return found

    def wake(self, now: datetime) -> None:
        """Every ticket is looked at again: the periods or the calendar have changed."""
        for number, line in self.lines.items():
            if line.status != "done":
                self.set_timer(number, now)

    # ------------------------------------------------------------------------------------------------- records

    def record(self, one: DeskRecord) -> None:
        """A record of the desk."""
        if one.disposition and one.letter:
            self._letters[mark(one.letter)] = 0
            if one.message_id and one.disposition is not Disposition.duplicate:
                self._copies[mark(one.message_id, one.fingerprint)] = int(one.about == "confirmation")
        self._record_outgoing(one)
        self._record_person(one)
        if one.about == "confirmed":
            self._confirmed[one.words] = one.letter
        elif one.about == "away":
            self.away[one.who] = one.words
        elif one.about == "outage":
            self._outage = one.words
        elif one.about == "gathered":
            self._gathered[one.letter] = one
        elif one.about == "gathering":
            self._told.update(one.words.split())
        elif one.about in ("digest", "report"):
            self._regular[one.about][one.words] = one.at

    def _record_outgoing(self, one: DeskRecord) -> None:
        for out in one.outgoing:
            if out.template == "command_error" and one.about != "confirmation":  # those are counted apart
                self._errors[out.to][f"{one.letter}/{out.id}"] = out.created
            elif out.audience is Audience.stranger:
                self._sent[person_of(out.to)][0, out.id] = out.created
            if out.template == "confirm":
                self._pending[out.id] = one.letter
                self._unproved[one.who][one.letter] = one.at

    def _record_person(self, one: DeskRecord) -> None:
        """What opens and closes an address."""
        who = whose(one)
        table = {"latch": self._latched, "doubt": self._doubted, "suppression": self._suppressed, "block": self._blocked}.get(one.about)
        if table is not None:
            table[who] = max(one.at, table.get(who, one.at))
        if one.about == "release":
            self._latched.pop(who, None)
            self._doubted.pop(who, None)
        elif one.about == "lift":
            self._suppressed.pop(who, None)
        elif one.about == "unblock":
            self._blocked.pop(who, None)
        elif one.about == "score_asked":
            self._asked[who] = max(one.at, self._asked.get(who, one.at))
        elif one.about == "score_unasked":
            self._asked.pop(who, None)

    def forget(self, one: DeskRecord) -> None:
        """A record that is about to say something else."""
        if one.disposition and one.letter:
            self._letters.pop(mark(one.letter), None)
            if one.disposition is not Disposition.duplicate:  # what it is a copy of stays known
                self._copies.pop(mark(one.message_id, one.fingerprint), None)
        if one.about == "gathered":
            self._gathered.pop(one.letter, None)
        elif one.about == "gathering":
            self._told.difference_update(one.words.split())

    def forget_address(self, address: str) -> None:
        """Whatever is known of an address."""
        person = person_of(address)
        of_person: tuple[dict[str, Any], ...] = (self._latched, self._doubted, self._blocked, self._sent, self._asked)
        of_address: tuple[dict[str, Any], ...] = (self._suppressed, self._errors, self._unproved)
        for key, tables in ((person, of_person), (address, of_address)):
            for table in tables:
                table.pop(key, None)
        others = tuple(one for one in self._by_person.pop(person, ()) if self.lines[one].requester != address)
        if others:
            self._by_person[person] = others

    # ------------------------------------------------------------------------------------------------- answers

    def accounts(self, letter: str) -> int:
        """The ticket that a letter is in; 0 for none."""
        return self._letters.get(mark(letter), 0)

    def knows(self, references: Collection[str]) -> bool:
        """Whether all these Message-IDs are in live tickets."""
        return all(mark(one) in self._by_id for one in references)

    def find(self, lookup: Lookup, now: datetime) -> KnownFacts:
        """Everything but the tickets themselves."""
        copy = self._copies.get(mark(lookup.message_id, lookup.fingerprint)) if lookup.message_id else None
        numbers = [self._by_id[mark(ident)] for ident in lookup.references if mark(ident) in self._by_id]
        addresses = {lookup.requester, lookup.bounce_to, *lookup.staff} - {"", "?"}
        return KnownFacts(
            fresh=self.highest + 1,
            by_reference=numbers[0] if numbers else 0,
            repeated=mark(lookup.letter) in self._letters,
            duplicate=copy is not None,
            duplicate_of=copy >> 1 if copy else 0,
            refused_before=bool(copy and copy & 1),
            senders={person: self.sender(person, now) for person in addresses},
            earlier=tuple(self.earlier(lookup.requester)),
            rows=tuple(self.lines[number] for number in sorted(self.lines)) if lookup.rows else (),
            confirms=(waits := self._pending.get(lookup.confirms, "")),
            confirmed_by=self._confirmed.get(waits, ""),
            away=dict(self.away),
            outage=self._outage,
            digested=self._last("digest", now),
            reported=self._last("report", now),
            gathered=self.gathered() if lookup.gathered else (),
            through={number: self._opened_through(number, now) for number in lookup.tickets if number in self._linked},
        )

    def _last(self, about: str, now: datetime) -> str:
        """The last day or week of which that has gone out, but for what a clock that was set back calls the
        future.
        """
        return max((words for words, at in self._regular[about].items() if at <= now + DAY), default="")

    def gathered(self) -> tuple[DeskRecord, ...]:
        """What is still to be told to staff in one letter."""
        return tuple(one for letter, one in self._gathered.items() if letter not in self._told)

    def sender(self, address: str, now: datetime) -> AddressFacts:
        """The counts of one address' person; what is older than a day is forgotten on the way."""
        person = person_of(address)
        sent = self._recent(self._sent, person, now - DAY)
        errors = self._recent(self._errors, address, now - timedelta(minutes=10))
        opened = []
        for number in self._by_person.get(person, ())[-20:]:
            line = self.lines[number]
            if abs(now - line.opened) < RECENT:
                opened.append((line.opened, line.subject))
        days, since = timedelta(days=self.latch_days), (self._latched.get(person), self._doubted.get(person))
        auto_reply_blocked, soft_blocked = (at is not None and abs(now - at) < days for at in since)
        return AddressFacts(
            sent=sent,
            errors=errors,
            opened=tuple(opened),
            known=person in self._by_person,
            asked=self._asked.get(person),
            unproved=self._recent(self._unproved, address, now - timedelta(hours=1)),
            blocked=person in self._blocked and abs(now - self._blocked[person]) < timedelta(days=BLOCK_DAYS),
            auto_reply_blocked=auto_reply_blocked,
            soft_blocked=soft_blocked,
            renew=all(at is None or now - at > DAY for at in since),
            suppressed=self.suppressed(address, now),
        )

    def suppressed(self, person: str, now: datetime) -> bool:
        """True while automatic mail to the address is suppressed."""
        since = self._suppressed.get(person)
        return since is not None and abs(now - since) < timedelta(days=self.suppress_days)

    def earlier(self, address: str) -> Iterator[TicketSummary]:
        """The person's tickets, the newest first."""
        numbers = self._by_person.get(person_of(address), ()) if address else ()
        for number in list(reversed(numbers))[:10]:
            yield self.lines[number]

    def _opened_through(self, number: int, now: datetime) -> int:
        return sum(1 for opened in self._linked[number].values() if abs(now - opened) < DAY)

    @staticmethod
    def _recent(table: dict[str, dict[Any, datetime]], person: str, since: datetime) -> tuple[datetime, ...]:
        times = table.get(person)
        while times and times[oldest := next(iter(times))] <= since:  # they come in order of time, but for a reload
            del times[oldest]
        return tuple(at for at in islice(reversed(times.values()), MOST) if at > since) if times else ()
