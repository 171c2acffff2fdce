"""What happens to one letter, top to bottom.

    inbox -> read -> authenticate -> look (class, sender, signatures) -> find -> place -> rules, decide -> commit -> inbox done

Everything between `find` and `commit` is pure: values in, a Decision out. A crash anywhere repeats the letter; its id, seen by
the ticket, absorbs the repeat. Whatever goes wrong with a letter parks it, and the next one is handled. (docs/flow.md tells the same.)
"""

from __future__ import annotations

import contextlib
import errno
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from msgspec import structs

from bot.line import Place
from bot.model import Decision, DeskRecord, Fate, Letter, LetterClass, Ticket
from bot.policy.judge import matched
from bot.policy.matching import SLOW
from bot.readers import LimitError, Readers, Unreadable
from bot.store.port import Found, Letters, Store, Turn
from bot.store.regular import OddFileError
from bot.tickets import agents, departments, machines, proof, requester, shares, too_large
from bot.tickets.alerts import alarm
from bot.tickets.due import set_right
from bot.tickets.identity import Purpose
from bot.tickets.office import Office
from bot.tickets.place import Sight, astray, joins, look, question
from bot.tickets.timers import armed

T = TypeVar("T")
Authenticate = Callable[[bytes, Letter, Readers], Awaitable[Letter]]


class Tell(Protocol):
    """The log."""

    def __call__(self, event: str, /, **fields: Any) -> None: ...


class Desk:
    """Handles letters one after another, or several at once: the store's turns keep decisions apart."""

    def __init__(
        self, inbox: Letters, store: Store, readers: Readers, office: Office, authenticate: Authenticate, now: Callable[[], datetime], tell: Tell
    ) -> None:
        self.inbox, self.store, self.readers, self.office = inbox, store, readers, office
        self.authenticate, self.now, self.tell = authenticate, now, tell
        self._untold: dict[str, Any] = {}  # events of letters whose decision is not known to be durable
        self._waiting: dict[str, str] = {}  # letters that wait for the disk, with their Message-IDs

    async def handle(self, ident: str, place: Place) -> None:
        """One letter's whole way. Letters are read side by side and decided in the order in which they came,
        which `place` keeps. Raises OSError when the disk fails: the letter then stays in the inbox.
        """
        message_id = ""
        try:
            letter, raw = await self.ask(place, lambda readers: self.seen(readers, ident, place))
            message_id, kind, defects, may = letter.message_id, letter.kind, letter.defects, letter.may_answer
            self.tell("read", letter=ident, kind=kind, ms=letter.ms, defects=defects, may_answer=may)
            await place.reached()
            await self.decide(letter, raw, place)
        except OSError as error:
            if not isinstance(error, OddFileError):  # that one is no letter
                self._waiting[ident] = message_id
            raise
        except Unreadable as error:
            await self.park(ident, f"unreadable: {error}", error.trace)
        except Exception as error:  # noqa: BLE001  a letter that fails in any unexpected way is parked, and the next one is handled
            await self.park(ident, f"{type(error).__name__}: {error}", traceback.format_exc())
        else:
            self._waiting.pop(ident, None)
            await self.inbox.done(ident)

    async def ask(self, place: Place, work: Callable[[Readers], Awaitable[T]]) -> T:
        """What readers do with a letter: quickly, or else once more, alone, while nobody waits for it."""
        with contextlib.suppress(LimitError):
            return await work(self.readers)
        async with place.alone(), self.readers.alone() as readers:
            return await work(readers)

    async def seen(self, readers: Readers, ident: str, place: Place) -> tuple[Letter, bytes]:
        """The letter and its bytes, read and authenticated, after the slow ones of its sender."""
        envelope, raw = await self.inbox.read(ident)
        while True:
            async with readers.slots:  # meanwhile one before it may have turned out to be slow
                if not place.of(envelope):
                    letter = await readers.read(raw, envelope)
                    break
            del raw  # of letters that wait there may be many
            await place.behind()
            _, raw = await self.inbox.read(ident)
        for pattern in letter.matches.get(SLOW, ()):  # it stays off in that reader until the rules change
            self.tell("pattern_cut", letter=ident, rule=pattern.words)
        return await self.authenticate(raw, letter, readers), raw

    async def decide(self, letter: Letter, raw: bytes, place: Place) -> None:
        """Looks, decides and commits, in one turn of the store, in which nothing is read: others wait."""
        envelope, original, now = letter.envelope, await self.original(letter, place), self.now()
        ident = envelope.letter
        if original is None and proof.brings_files(letter, look(letter, self.office, now), self.office, now):
            letter = await self.ask(place, partial(with_texts, letter, raw))
        while True:
            async with self.store.turn() as turn:
                if fits := matched(self.office.policy, letter):
                    decision = await self.decision(turn, letter, original)
                    turn.commit(armed(decision, self.office.policy, self.now()))
                    self._untold[ident] = decision.events or self._untold.get(ident, ())
            if fits:
                break
            fresh = await self.ask(place, lambda readers: readers.read(raw, envelope))  # by the new rules
            letter = structs.replace(letter, matches=fresh.matches)
        for event, fields in self._untold.pop(ident):
            self.tell(event, **fields)

    async def decision(self, turn: Turn, letter: Letter, original: Letter | None) -> Decision:
        """What comes of a letter, or of the `original` that it confirms."""
        now = self.now()
        sight = look(letter, self.office, now)
        found = await self.find(turn, letter, sight, now)
        self.in_order(letter, found)
        told = replace(self.office, away=found.away, outage=found.outage)
        if original is None or waiting(letter, sight, found) != original.envelope.letter:
            decision = decided(letter, sight, found, told, now)
            case = shares.Case(told, now, letter.envelope.letter, letter.requester.email)
            whose = shares.of_letter(letter, sight, decision, told)
            return await fair(turn, decision, whose, found.tickets, case)
        sight = look(original, told, now)
        found = await self.find(turn, original, sight, now)
        return agents.confirmed(original, sight, found, told, now, letter)

    async def find(self, turn: Turn, letter: Letter, sight: Sight, now: datetime) -> Found:
        """What the store knows of a letter, with the tickets that an agent's commands may reach."""
        found = await turn.find(question(letter, sight, self.office), now)
        more = set(agents.wanted(letter, sight, found)) - found.tickets.keys()
        tickets = {**found.tickets, **(await turn.tickets(more) if more else {})}
        leaving = await turn.leaving(tickets.keys()) if sight.agent or more else found.leaving
        right = {number: set_right(one, now, self.office.policy) for number, one in tickets.items()}
        return structs.replace(found, tickets=right, leaving=leaving)

    def in_order(self, letter: Letter, found: Found) -> None:
        """Raises OSError for what answers an earlier letter that is not decided yet, or may do so: it belongs
        to whatever that one opens.
        """
        if found.repeated or found.tickets or not self._waiting or not letter.references:
            return
        earlier = [ident for one, ident in self._waiting.items() if one < letter.envelope.letter]
        if "" in earlier or not set(earlier).isdisjoint(letter.references):
            raise OSError(errno.EAGAIN, "may answer an earlier letter, which waits")

    async def original(self, letter: Letter, place: Place) -> Letter | None:
        """The archived letter that this one confirms, read again; None where it confirms none."""
        now = self.now()
        sight = look(letter, self.office, now)
        if not proof.confirms(letter, sight, self.office, now):
            return None
        async with self.store.turn() as turn:
            ident = waiting(letter, sight, await self.find(turn, letter, sight, now))
        if not ident:
            return None
        envelope, raw = await self.inbox.read(ident)
        if now - envelope.received > timedelta(hours=self.office.policy.periods.confirm_hours):
            return None
        original = await self.ask(place, lambda readers: readers.read(raw, envelope))
        return await self.ask(place, partial(with_texts, original, raw))

    async def park(self, ident: str, reason: str, trace: str) -> None:
        """Sets a letter aside, raw bytes kept, and alerts the leads."""
        now = self.now()
        self._waiting.pop(ident, None)
        await self.inbox.park(ident, reason, trace, now)
        self.tell("parked", letter=ident, reason=reason)
        async with self.store.turn() as turn:
            details = (reason, f"run.py parked list · run.py parked retry {ident}")
            share, case = shares.of_alert("parked", self.office), shares.Case(self.office, now, ident)
            turn.commit(await fair(turn, alarm(self.office, "parked", details, ident, now), share, {}, case))


async def fair(
    turn: Turn, decision: Decision, whose: Sequence[shares.Share], before: Mapping[int, Ticket],
    case: shares.Case,
) -> Decision:  # fmt: skip
    """The decision; what it tells staff beyond a share waits to be gathered. `before`: the old tickets."""
    letters = shares.fresh(decision, before) if whose and case.office.caps else ()
    if not letters:
        return decision
    asked = shares.windows(whose, letters, case)
    full = await turn.room(tuple(asked), shares.leave(letters))
    return shares.gathered(decision, before, asked[full], case) if full else decision


async def with_texts(letter: Letter, raw: bytes, readers: Readers) -> Letter:
    """The letter with the words of its text files, which the leak gate compares."""
    if not letter.attachments:
        return letter
    return structs.replace(letter, file_texts=await readers.file_texts(raw))


def waiting(letter: Letter, sight: Sight, found: Found) -> str:
    """The id of the letter that waits for this one's confirmation, or ""."""
    fresh = not (found.repeated or found.duplicate) and sight.kind is LetterClass.human
    return found.confirms if fresh and found.confirmed_by in ("", letter.envelope.letter) else ""


def decided(letter: Letter, sight: Sight, found: Found, office: Office, now: datetime) -> Decision:
    """The one place where a letter's way forks; pure."""
    if found.repeated:  # a crash came between commit and inbox: all of this has happened already
        return Decision()
    if found.duplicate and not (found.refused_before and proof.proved(letter, sight, office, now)):
        return duplicate(letter, found, now)
    if letter.envelope.too_large:
        return too_large.decide(letter, sight, found, office, now)
    if sight.kind not in (LetterClass.human, LetterClass.bulk):
        return machines.decide(letter, sight, found, office, now)
    known = found.senders.get(letter.requester.email)
    if known and known.suppressed and (sight.agent or sight.department) and sight.kind is LetterClass.human:  # he is there again
        there = structs.replace(found, senders={**found.senders, letter.requester.email: structs.replace(known, suppressed=False)})
        lift = DeskRecord(at=now, about="lift", who=letter.requester.email, letter=letter.envelope.letter)
        decision = decided(letter, sight, there, office, now)
        return structs.replace(decision, records=(*decision.records, lift))
    if sight.agent:
        return agents.decide(letter, sight, found, office, now)
    if sight.department:
        return departments.decide(letter, sight, found, office, now)
    key = astray(letter, found, office, now)
    if key and key.purpose in (Purpose.agent, Purpose.department) and (kept := departments.astray(letter, key, found, office, now)):
        return kept
    place = joins(letter, sight, found, office, now)
    if key and not place.ticket:
        place = structs.replace(place, astray=True)
    return requester.decide(letter, sight, place, found, office, now)


def duplicate(letter: Letter, found: Found, now: datetime) -> Decision:
    """The same Message-ID and content, to the same desk: kept in the archive, and nothing else (lesson: another body is another letter)."""
    [record] = machines.unread(letter, str(found.duplicate_of or ""), now).records
    record = structs.replace(record, about="duplicate", fate=Fate.duplicate)
    fields = {"letter": record.letter, **({"ticket": found.duplicate_of} if found.duplicate_of else {})}
    return Decision(records=(record,), events=(("duplicate", fields),))
