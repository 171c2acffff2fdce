"""What happens to one letter, top to bottom.

    inbox -> read -> authenticate -> look (class, sender, signatures) -> find -> place -> rules, decide -> commit -> inbox done

Everything between `find` and `commit` is pure: values in, a Decision out. A crash anywhere repeats the letter; its id, seen by
the ticket, absorbs the repeat. Whatever goes wrong with a letter parks it, and the next one is handled. (docs/flow.md tells the same.)
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from msgspec import structs

from bot.model import Decision, DeskRecord, Envelope, Fate, Letter, LetterClass
from bot.policy.judge import matched
from bot.policy.matching import SLOW
from bot.readers import Readers, Unreadable
from bot.reading.charset import decode
from bot.store.port import Found, Letters, Store, Turn
from bot.tickets import agents, departments, machines, proof, requester
from bot.tickets.alerts import alarm
from bot.tickets.office import Office
from bot.tickets.place import Sight, joins, look, question
from bot.tickets.timers import armed

MOST_TEXT = 1024 * 1024  # octets of a text file that the leak gate reads
Authenticate = Callable[[bytes, Letter], Awaitable[Letter]]


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

    async def handle(self, ident: str, before: asyncio.Event, after: asyncio.Event) -> None:
        """One letter's whole way. Letters are read side by side and decided in the order in which they came: `before` is set when
        it is this letter's turn, and this sets `after`. Raises OSError when the disk fails: the letter then stays in the inbox.
        """
        try:
            try:
                envelope, raw = await self.inbox.read(ident)
                letter = await self.authenticate(raw, await self.read(raw, envelope))
                kind, defects, may = letter.kind, letter.defects, letter.may_answer
                self.tell("read", letter=ident, kind=kind, ms=letter.ms, defects=defects, may_answer=may)
            finally:
                await before.wait()
                after.set()  # the next one waits behind us for the store's turn, which is taken in order
            await self.decide(letter, raw)
        except OSError:
            raise
        except Unreadable as error:
            await self.park(ident, f"unreadable: {error}", error.trace)
        except Exception as error:  # noqa: BLE001  a letter that fails in any unexpected way is parked, and the next one is handled
            await self.park(ident, f"{type(error).__name__}: {error}", traceback.format_exc())
        else:
            await self.inbox.done(ident)

    async def read(self, raw: bytes, envelope: Envelope) -> Letter:
        """Bytes to a Letter, in a reader process with limits on time and memory."""
        letter = await self.readers.read(raw, envelope)
        for pattern in letter.matches.get(SLOW, ()):  # it stays off in that reader until the rules change
            self.tell("pattern_cut", letter=envelope.letter, rule=pattern.words)
        people, sender = self.office.policy.people, letter.requester.email
        if people.agent(sender) or people.department_of(sender):  # their files may go on to a customer: the leak gate reads them
            letter = structs.replace(letter, file_texts=await self.texts(raw, letter))
        return letter

    async def texts(self, raw: bytes, letter: Letter) -> tuple[str, ...]:
        """The words of a letter's text files, whatever their type claims."""
        found = []
        for one in letter.attachments:
            with contextlib.suppress(KeyError):  # a link to a file has no part
                file = await self.readers.extract(raw, one.part) if one.size <= MOST_TEXT else b""
                if file and (b"\0" not in file or file[:2] in (b"\xff\xfe", b"\xfe\xff")):
                    found.append(decode(file)[0])
        return tuple(found)

    async def decide(self, letter: Letter, raw: bytes) -> None:
        """Looks, decides and commits, in one turn of the store."""
        async with self.store.turn() as turn:
            if not matched(self.office.policy, letter):  # the rules changed while it was being read, or waited for its turn
                fresh = await self.readers.read(raw, letter.envelope)
                letter = structs.replace(letter, matches=fresh.matches)
            now = self.now()
            sight = look(letter, self.office, now)
            found = await self.find(turn, letter, sight, now)
            told = self.office if not (found.away or found.outage) else replace(self.office, away=found.away, outage=found.outage)
            original = await self.original(letter, sight, found, now)
            if original is None:
                decision = decided(letter, sight, found, told, now)
            else:
                sight = look(original, told, now)
                found = await self.find(turn, original, sight, now)
                decision = agents.confirmed(original, sight, found, told, now, letter)
            turn.commit(armed(decision, self.office.policy, now))
        for event, fields in decision.events:
            self.tell(event, **fields)

    async def find(self, turn: Turn, letter: Letter, sight: Sight, now: datetime) -> Found:
        """What the store knows of a letter, with the tickets that an agent's commands may reach."""
        found = await turn.find(question(letter, sight, self.office), now)
        more = set(agents.wanted(letter, sight, found)) - found.tickets.keys()
        return structs.replace(found, tickets={**found.tickets, **await turn.tickets(more)}) if more else found

    async def original(self, letter: Letter, sight: Sight, found: Found, now: datetime) -> Letter | None:
        """The archived letter that this one confirms, read again; None where it confirms none."""
        fresh = not (found.repeated or found.duplicate) and sight.kind is LetterClass.human
        if not fresh or not found.confirms or found.confirmed_by not in ("", letter.envelope.letter):
            return None
        if not proof.confirms(letter, sight, self.office, now):
            return None
        envelope, raw = await self.inbox.read(found.confirms)
        late = now - envelope.received > timedelta(hours=self.office.policy.periods.confirm_hours)
        return None if late else await self.read(raw, envelope)

    async def park(self, ident: str, reason: str, trace: str) -> None:
        """Sets a letter aside, raw bytes kept, and alerts the leads."""
        now = self.now()
        await self.inbox.park(ident, reason, trace, now)
        self.tell("parked", letter=ident, reason=reason)
        async with self.store.turn() as turn:
            turn.commit(alarm(self.office, "parked", (reason, f"run.py parked list · run.py parked retry {ident}"), ident, now))


def decided(letter: Letter, sight: Sight, found: Found, office: Office, now: datetime) -> Decision:
    """The one place where a letter's way forks; pure."""
    if found.repeated:  # a crash came between commit and inbox: all of this has happened already
        return Decision()
    if found.duplicate and not (found.refused_before and proof.proved(letter, sight, office, now)):
        return duplicate(letter, found, now)
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
    place = joins(letter, sight, found, office, now)
    return requester.decide(letter, sight, place, found, office, now)


def duplicate(letter: Letter, found: Found, now: datetime) -> Decision:
    """The same Message-ID and content, to the same desk: kept in the archive, and nothing else (lesson: another body is another letter)."""
    ident = letter.envelope.letter
    record = DeskRecord(
        at=now, about="duplicate", letter=ident, fate=Fate.duplicate, message_id=letter.message_id, fingerprint=letter.fingerprint,
        who=letter.requester.email, words=str(found.duplicate_of or ""),
    )  # fmt: skip
    fields = {"letter": ident, **({"ticket": found.duplicate_of} if found.duplicate_of else {})}
    return Decision(records=(record,), events=(("duplicate", fields),))
