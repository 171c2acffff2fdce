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

from bot.disk.regular_files import OddFileError
from bot.letter_order import Position
from bot.model import Decision, DeskRecord, Disposition, Letter, LetterClass, Ticket
from bot.rules.judge import matched
from bot.rules.matching import SLOW
from bot.store.interface import KnownFacts, Letters, Lookup, Store, UnitOfWork
from bot.tickets import automatic, departments, shares, too_large
from bot.tickets.agents import agent_letter, proof
from bot.tickets.alerts import alarm
from bot.tickets.context import DeskContext
from bot.tickets.requester import requester_letter
from bot.tickets.sla import set_right
from bot.tickets.threading import SenderFacts, astray, joins, look, lookup_for
from bot.tickets.timers import armed
from bot.tickets.tokens import Purpose
from bot.workers.parser_pool import LimitError, ParserPool, Unreadable

T = TypeVar("T")
Authenticate = Callable[[bytes, Letter, ParserPool], Awaitable[Letter]]


class Logger(Protocol):
    """The log."""

    def __call__(self, event: str, /, **fields: Any) -> None: ...


class Desk:
    """Handles letters one after another, or several at once: the store's units of work keep decisions apart."""

    def __init__(
        self,
        inbox: Letters,
        store: Store,
        parser_pool: ParserPool,
        context: DeskContext,
        authenticate: Authenticate,
        now: Callable[[], datetime],
        log: Logger,
    ) -> None:
        self.inbox, self.store, self.parser_pool, self.context = inbox, store, parser_pool, context
        self.authenticate, self.now, self.log = authenticate, now, log
        self._untold: dict[str, Any] = {}  # events of letters whose decision is not known to be durable
        self._waiting: dict[str, str] = {}  # letters that wait for the disk, with their Message-IDs

    async def handle(self, ident: str, position: Position) -> None:
        """One letter's whole way. Letters are read side by side and decided in the order in which they came,
        which `place` keeps. Raises OSError when the disk fails: the letter then stays in the inbox.
        """
        message_id = ""
        try:
            letter, raw = await self.ask(position, lambda parser_pool: self.seen(parser_pool, ident, position))
            message_id, kind, defects, may = letter.message_id, letter.kind, letter.defects, letter.may_answer
            self.log("read", letter=ident, kind=kind, ms=letter.ms, defects=defects, may_answer=may)
            await position.reached()
            await self.decide(letter, raw, position)
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

    async def ask(self, position: Position, work: Callable[[ParserPool], Awaitable[T]]) -> T:
        """What parsers do with a letter: quickly, or else once more, alone, while nobody waits for it."""
        with contextlib.suppress(LimitError):
            return await work(self.parser_pool)
        async with position.alone(), self.parser_pool.alone() as parser_pool:
            return await work(parser_pool)

    async def seen(self, parser_pool: ParserPool, ident: str, position: Position) -> tuple[Letter, bytes]:
        """The letter and its bytes, read and authenticated, after the slow ones of its sender."""
        envelope, raw = await self.inbox.read(ident)
        while True:
            async with parser_pool.slots:  # meanwhile one before it may have turned out to be slow
                if not position.of(envelope):
                    letter = await parser_pool.read(raw, envelope)
                    break
            del raw  # of letters that wait there may be many
            await position.behind()
            _, raw = await self.inbox.read(ident)
        for pattern in letter.matches.get(SLOW, ()):  # it stays off in that parser until the rules change
            self.log("pattern_cut", letter=ident, rule=pattern.words)
        return await self.authenticate(raw, letter, parser_pool), raw

    async def decide(self, letter: Letter, raw: bytes, position: Position) -> None:
        """Looks, decides and commits, in one unit of work, in which nothing is read: others wait."""
        envelope, original, now = letter.envelope, await self.original(letter, position), self.now()
        ident = envelope.letter
        if original is None and proof.brings_files(letter, look(letter, self.context, now), self.context, now):
            letter = await self.ask(position, partial(with_texts, letter, raw))
        while True:
            async with self.store.unit_of_work() as unit:
                if fits := matched(self.context.policy, letter):
                    decision = await self.decision(unit, letter, original)
                    unit.commit(armed(decision, self.context.policy, self.now()))
                    self._untold[ident] = decision.events or self._untold.get(ident, ())
            if fits:
                break
            fresh = await self.ask(position, lambda parser_pool: parser_pool.read(raw, envelope))  # by the new rules
            letter = structs.replace(letter, matches=fresh.matches)
        for event, fields in self._untold.pop(ident):
            self.log(event, **fields)

    async def decision(self, unit: UnitOfWork, letter: Letter, original: Letter | None) -> Decision:
        """What comes of a letter, or of the `original` that it confirms."""
        now = self.now()
        sender_facts = look(letter, self.context, now)
        known = await self.find(unit, letter, sender_facts, now)
        self.in_order(letter, known)
        told = replace(self.context, away=known.away, outage=known.outage)
        if original is None or waiting(letter, sender_facts, known) != original.envelope.letter:
            decision = decided(letter, sender_facts, known, told, now)
            case = shares.Case(told, now, letter.envelope.letter, letter.requester.email)
            whose = shares.of_letter(letter, sender_facts, decision, told)
            return await fair(unit, decision, whose, known.tickets, case)
        sender_facts = look(original, told, now)
        known = await self.find(unit, original, sender_facts, now)
        return agent_letter.confirmed(original, sender_facts, known, told, now, letter)

    async def find(self, unit: UnitOfWork, letter: Letter, sender_facts: SenderFacts, now: datetime) -> KnownFacts:
        """What the store knows of a letter, with the tickets that an agent's commands may reach."""
        known = await unit.find(lookup_for(letter, sender_facts, self.context), now)
        tickets, leaving = known.tickets, known.leaving
        if more := set(agent_letter.wanted(letter, sender_facts, known)) - tickets.keys():
            lookup = Lookup(letter=letter.envelope.letter, requester="", tickets=(*tickets, *more), leaving=True)
            again = await unit.find(lookup, now)
            tickets, leaving = tickets | {one: again.tickets[one] for one in more if one in again.tickets}, again.leaving
        right = {number: set_right(one, now, self.context.policy) for number, one in tickets.items()}
        return structs.replace(known, tickets=right, leaving=leaving)

    def in_order(self, letter: Letter, known: KnownFacts) -> None:
        """Raises OSError for what answers an earlier letter that is not decided yet, or may do so: it belongs
        to whatever that one opens.
        """
        if known.repeated or known.tickets or not self._waiting or not letter.references:
            return
        earlier = [ident for one, ident in self._waiting.items() if one < letter.envelope.letter]
        if "" in earlier or not set(earlier).isdisjoint(letter.references):
            raise OSError(errno.EAGAIN, "may answer an earlier letter, which waits")

    async def original(self, letter: Letter, position: Position) -> Letter | None:
        """The archived letter that this one confirms, read again; None where it confirms none."""
        now = self.now()
        sender_facts = look(letter, self.context, now)
        if not proof.confirms(letter, sender_facts, self.context, now):
            return None
        async with self.store.unit_of_work() as unit:
            ident = waiting(letter, sender_facts, await self.find(unit, letter, sender_facts, now))
        if not ident:
            return None
        envelope, raw = await self.inbox.read(ident)
        if now - envelope.received > timedelta(hours=self.context.policy.periods.confirm_hours):
            return None
        original = await self.ask(position, lambda parser_pool: parser_pool.read(raw, envelope))
        return await self.ask(position, partial(with_texts, original, raw))

    async def park(self, ident: str, reason: str, trace: str) -> None:
        """Sets a letter aside, raw bytes kept, and alerts the leads."""
        now = self.now()
        self._waiting.pop(ident, None)
        await self.inbox.park(ident, reason, trace, now)
        self.log("parked", letter=ident, reason=reason)
        async with self.store.unit_of_work() as unit:
            details = (reason, f"run.py parked list · run.py parked retry {ident}")
            share, case = shares.of_alert("parked", self.context), shares.Case(self.context, now, ident)
            unit.commit(await fair(unit, alarm(self.context, "parked", details, ident, now), share, {}, case))


async def fair(
    unit: UnitOfWork, decision: Decision, whose: Sequence[shares.Share], before: Mapping[int, Ticket],
    case: shares.Case,
) -> Decision:  # fmt: skip
    """The decision; what it tells staff beyond a share waits to be gathered. `before`: the old tickets."""
    letters = shares.fresh(decision, before) if whose and case.context.caps else ()
    if not letters:
        return decision
    asked = shares.windows(whose, letters, case)
    full = await unit.room(tuple(asked), shares.leave(letters))
    return shares.gathered(decision, before, asked[full], case) if full else decision


async def with_texts(letter: Letter, raw: bytes, parser_pool: ParserPool) -> Letter:
    """The letter with the words of its text files, which the leak check compares."""
    if not letter.attachments:
        return letter
    return structs.replace(letter, file_texts=await parser_pool.file_texts(raw))


def waiting(letter: Letter, sender_facts: SenderFacts, known: KnownFacts) -> str:
    """The id of the letter that waits for this one's confirmation, or ""."""
    fresh = not (known.repeated or known.duplicate) and sender_facts.kind is LetterClass.human
    return known.confirms if fresh and known.confirmed_by in ("", letter.envelope.letter) else ""


def decided(letter: Letter, sender_facts: SenderFacts, known: KnownFacts, context: DeskContext, now: datetime) -> Decision:
    """The one place where a letter's way forks; pure."""
    if known.repeated:  # a crash came between commit and inbox: all of this has happened already
        return Decision()
    if known.duplicate and not (known.refused_before and proof.proved(letter, sender_facts, context, now)):
        return duplicate(letter, known, now)
    if letter.envelope.too_large:
        return too_large.decide(letter, sender_facts, known, context, now)
    if sender_facts.kind not in (LetterClass.human, LetterClass.bulk):
        return automatic.decide(letter, sender_facts, known, context, now)
    address_facts = known.senders.get(letter.requester.email)
    # he is there again
    if address_facts and address_facts.suppressed and (sender_facts.agent or sender_facts.department) and sender_facts.kind is LetterClass.human:
        there = structs.replace(known, senders={**known.senders, letter.requester.email: structs.replace(address_facts, suppressed=False)})
        lift = DeskRecord(at=now, about="lift", who=letter.requester.email, letter=letter.envelope.letter)
        decision = decided(letter, sender_facts, there, context, now)
        return structs.replace(decision, records=(*decision.records, lift))
    if sender_facts.agent:
        return agent_letter.decide(letter, sender_facts, known, context, now)
    if sender_facts.department:
        return departments.decide(letter, sender_facts, known, context, now)
    key = astray(letter, known, context, now)
    if key and key.purpose in (Purpose.agent, Purpose.department) and (kept := departments.astray(letter, key, known, context, now)):
        return kept
    thread = joins(letter, sender_facts, known, context, now)
    if key and not thread.ticket:
        thread = structs.replace(thread, astray=True)
    return requester_letter.decide(letter, sender_facts, thread, known, context, now)


def duplicate(letter: Letter, known: KnownFacts, now: datetime) -> Decision:
    """The same Message-ID and content, to the same desk: kept in the archive, and nothing else (lesson: another body is another letter)."""
    [record] = automatic.unread(letter, str(known.duplicate_of or ""), now).records
    record = structs.replace(record, about="duplicate", disposition=Disposition.duplicate)
    fields = {"letter": record.letter, **({"ticket": known.duplicate_of} if known.duplicate_of else {})}
    return Decision(records=(record,), events=(("duplicate", fields),))
