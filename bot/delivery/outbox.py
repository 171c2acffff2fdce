"""The outbox: takes committed letters whose time has come, rechecks them, hands them to the transport and records what became of them.

A letter is marked sent only after the transport has it: a crash in between sends it again, with the same Message-ID.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from msgspec.structs import replace

from bot.delivery.breaker import LATER, Breaker
from bot.delivery.relay import CLOSED, next_try
from bot.delivery.result import Result
from bot.delivery.sender import OutgoingMail, Sender
from bot.disk.regular_files import OddFileError
from bot.model import Audience, Delivery, File, FileReference, Outgoing
from bot.model.markup import literal
from bot.store.interface import SET_BACK, Due, Store, Window

BATCH = 256
AT_ONCE = 16 * 1024 * 1024  # octets of attachments that are in memory for letters on their way
Files = Mapping[str, asyncio.Future[Mapping[FileReference, bytes]]]  # what has been read out of archived letters
OVER = "window"  # result of a letter that waited too long for room in a shared window
WAITS = "waits since "  # result of a letter over a shared window, with the moment from which it waits
MOST_SET_BACK = 10_000  # letters that are looked at when a clock was set back
READS = 5  # tries of a letter before it leaves without a file that cannot be read
EVER = datetime.max.replace(tzinfo=UTC)
PATIENCE = timedelta(seconds=5)  # before the store is asked again after trouble with the disk


class Limits(Protocol):
    """The shared windows of section 7, as rules.yaml has them."""

    domain_hour: int
    all_10_min: int
    staff_10_min: int
    held_after_minutes: int


@dataclass(frozen=True)
class SendingRules:
    """What rules and templates say of leaving mail now: our address and name, the caps, and the sentence that
    names files which could not go along, in a language.
    """

    sender: tuple[str, str]
    limits: Limits | None
    left_out: Callable[[Sequence[str], str], str]


def windows(letter: Outgoing, limits: Limits | None) -> list[Window]:
    """The shared windows under which a letter leaves; none for what a person wrote, and where the caps are off."""
    if limits is None or not letter.automatic:
        return []
    ten = timedelta(minutes=10)
    if letter.audience in (Audience.agent, Audience.department):
        return [Window(letter.to, limits.staff_10_min, ten)]
    return [Window("*", limits.all_10_min, ten), Window("@" + letter.to.rpartition("@")[2], limits.domain_hour, timedelta(hours=1))]


@dataclass(frozen=True)
class OutboxDesk:
    """The desk, as its outbox knows it."""

    extract: Callable[[Sequence[FileReference]], Awaitable[Mapping[FileReference, bytes]]]  # files of an archived letter
    given_up: Callable[[Due], Awaitable[None]]  # hears of what could not be delivered
    alarm: Callable[[str], Awaitable[None]]  # hears of a relay that refuses us
    rules: Callable[[], SendingRules]
    now: Callable[[], datetime]
    log: Callable[..., None]


class Outbox:
    """One a daemon. `together`: letters leave in one go, as into a folder."""

    def __init__(self, store: Store, sender: Sender, desk: OutboxDesk, *, together: bool) -> None:
        self._store, self._sender, self._extract, self._together = store, sender, desk.extract, together
        self._given_up, self._alarm, self._rules = desk.given_up, desk.alarm, desk.rules
        self._now, self._log, self._changed = desk.now, desk.log, store.changed
        self._busy, self._stopping = 0, False
        self.breaker = Breaker()
        self._looked: datetime | None = None

    async def run(self) -> None:
        """Delivers until it is told to stop, or cancelled."""
        async with asyncio.TaskGroup() as under_way:
            await self._watch(under_way)

    def stop(self) -> None:
        """Takes no more letters; `run` ends when those in hand have been recorded."""
        self._stopping = True
        self._changed.set()

    async def _watch(self, under_way: asyncio.TaskGroup) -> None:
        """A folder takes what is due in one go, but for letters with files. A relay takes each letter by
        itself, so that a slow one keeps no other.
        """
        while not self._stopping:
            self._changed.clear()
            try:
                await self._clock_set_back()
                room = BATCH if self._together else self.breaker.room(self._now(), self._busy, BATCH)
                due = await self._store.due(self._now(), room) if room > 0 else []
            except OSError as error:
                await self._pause(error)
                continue
            files = [one for one in due if one.letter.attachments]
            for batch in filter(None, [files] if self._together else [[one] for one in due]):
                self._busy += 1
                under_way.create_task(self.deliver(batch)).add_done_callback(self._free)
            if self._together and len(due) > len(files):
                left = await self._left([one for one in due if not one.letter.attachments])
                under_way.create_task(self._recorded(left))  # one that cannot be recorded keeps no other
                continue
            await self._wait()

    async def _wait(self) -> None:
        """Until something has changed, or a letter is due."""
        try:
            next_due = await self._store.next_due()
        except OSError as error:
            await self._pause(error)
            return
        if next_due and self.breaker.until:
            next_due = max(next_due, self.breaker.until)
        wait = max(0.05, min((next_due - self._now()).total_seconds(), 60.0)) if next_due else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._changed.wait()

    async def _clock_set_back(self) -> None:
        """Letters that were made, or put off, in what is the future now would wait for it to come: their wait
        begins anew. Looks first at what an earlier run has left. Raises OSError.
        """
        if not self._store.loaded.is_set():
            return
        now = self._now()
        looked = self._looked or (await self._store.counts()).newest or now
        if now < looked - SET_BACK:
            waiting = await self._store.due(EVER, MOST_SET_BACK)
            sooner = [set_back(one, looked, now) for one in waiting]
            await self._lasting(partial(self._store.delivered, sooner))
            self.breaker.set_back(looked - now)
        self._looked = now

    def _free(self, _: object) -> None:
        self._busy -= 1
        self._changed.set()

    async def deliver(self, due: Sequence[Due]) -> list[Due]:
        """Hands letters over and records the results; they are tried again when the disk cannot record them."""
        return await self._recorded(await self._left(due))

    async def _left(self, due: Sequence[Due]) -> list[Due]:
        """One result for each letter."""
        leaving, results = await self._recheck(due, self._now())
        results += await self._carry(leaving)
        if self._stopping:  # what has not left stays as it was, and leaves when the desk is there again
            results = [one for one in results if one.letter.state is not Delivery.waiting]
        return results

    async def _recorded(self, results: list[Due]) -> list[Due]:
        for one in results:
            if refused(one.letter):  # people hear of it first: after a crash it is tried, and told, once more
                await self._lasting(partial(self._given_up, one))
        try:
            await self._store.delivered(results)
        except OSError:  # one ticket's trouble is no other's
            places: defaultdict[tuple[int, str], list[Due]] = defaultdict(list)
            for one in results:
                places[one.ticket, one.record].append(one)
            works = [partial(self._store.delivered, some) for some in places.values()]
            await asyncio.gather(*map(self._lasting, works))
        for one in results:
            self._report(one)
        return results

    async def _lasting(self, work: Callable[[], Awaitable[None]]) -> None:
        """Tries until the disk can record it."""
        while True:
            try:
                return await work()
            except OSError as error:
                await self._pause(error)

    async def _pause(self, error: OSError) -> None:
        """The store cannot be asked: it is tried again, letters wait."""
        self._log("error", where="outbox", kind=type(error).__name__, words=str(error))
        await asyncio.sleep(PATIENCE.total_seconds())

    async def _recheck(self, due: Sequence[Due], now: datetime) -> tuple[list[Due], list[Due]]:
        """Those that may leave now; the others held, dropped or put off."""
        limits, leaving, others = self._rules().limits, list[Due](), list[Due]()
        try:
            gone = await self._store.suppressed({one.letter.to for one in due if one.letter.automatic}, now)
            others += [changed(one, state=Delivery.cancelled, result="suppressed", done_at=now) for one in due if _to(one, gone)]
            allowed = [one for one in due if not _to(one, gone)] if gone else due
            wanted = [windows(one.letter, limits) for one in allowed]
            frees = await self._store.reserve(wanted, now) if any(wanted) else [None] * len(wanted)
        except OSError as error:
            self._log("error", where="outbox", kind=type(error).__name__, words=str(error))
            return [], [changed(one, due=now + PATIENCE) for one in due]
        for one, free in zip(allowed, frees, strict=True):
            if free is None or limits is None:
                leaving.append(one)
                continue
            words = one.letter.result
            since = datetime.fromisoformat(words.removeprefix(WAITS)) if words.startswith(WAITS) else now
            if now - since > timedelta(minutes=limits.held_after_minutes):
                others.append(changed(one, state=Delivery.held, result=OVER))
            else:
                others.append(changed(one, due=free, result=WAITS + since.isoformat()))
        return leaving, others

    async def _carry(self, leaving: Sequence[Due]) -> list[Due]:
        """One result for each letter."""
        outcomes: list[Result] = []
        for portion in portions(leaving):
            if self._stopping:  # their files need not be read
                outcomes += [CLOSED] * len(portion)
                continue
            wanted = defaultdict[str, dict[FileReference, None]](dict)  # one for several is read once
            for file in (file for one in portion for file in one.letter.attachments):
                wanted[file.letter][file] = None
            files = {letter: asyncio.ensure_future(self._extract([*of])) for letter, of in wanted.items()}
            under_way = [await self._hand_over(one, files) for one in portion]
            outcomes += map(self._outcome, await asyncio.gather(*under_way, return_exceptions=True))
        stopped = self.breaker.since
        results = [one for pair in zip(leaving, outcomes, strict=True) for one in self._heard(*pair)]
        if self.breaker.since != stopped:
            self._log("relay_stopped", words=self.breaker.why) if self.breaker.why else self._log("relay_works")
        alarming = {outcome.words for outcome in outcomes if outcome.alarm}
        for words in alarming | ({self.breaker.why} if self.breaker.alarm and self.breaker.since != stopped else set()):
            await self._alarm(words)  # it will not heal by itself: a login refused, a bad certificate
        return results

    async def _hand_over(self, one: Due, files: Files) -> Awaitable[Result]:
        """What becomes of the letter. A letter that cannot be made must not stop the others."""
        try:
            return self._sender.send(await self._parcel(one.letter, files))
        except Exception as error:  # noqa: BLE001  it is raised again where the letter is waited for
            failed: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed

    def _outcome(self, result: Result | BaseException) -> Result:
        if isinstance(result, Result):
            return result
        self._log("error", where="relay", kind=type(result).__name__, words=str(result))
        return Result("retry", type(result).__name__, 0)

    async def _parcel(self, letter: Outgoing, known: Files) -> OutgoingMail:
        """The letter with its files; it says so where one cannot be read, or made bare, and is left out."""
        files, lacking = list[File](), list[str]()
        for reference in letter.attachments:
            try:
                files.append((reference.name, reference.type, (await known[reference.letter])[reference]))
            except Exception as error:  # a broken attachment must not keep the letter
                self._log("error", where="attachment", kind=type(error).__name__, words=reference.letter)
                gone = isinstance(error, FileNotFoundError | OddFileError)
                if isinstance(error, OSError) and not gone and letter.attempts < READS:
                    raise  # it may be read at the next try
                lacking.append(reference.name)
        if lacking:
            letter = replace(letter, body=f"{letter.body}\n\n{literal(self._rules().left_out(lacking, letter.language))}")
        return OutgoingMail(letter, *self._rules().sender, tuple(files))

    def _heard(self, one: Due, result: Result) -> Iterator[Due]:
        """What becomes of the letter, and of those that only seemed to be refused."""
        now = self._now()
        asking = self.breaker.until is not None
        back = () if self._together else self.breaker.heard(one, result, now)
        if result.of_us or one in back:  # it waits, and its tries are not counted
            yield changed(one, due=self.breaker.until or now, result=result.words)
        elif asking and result.state == "held":
            yield changed(one, due=now + LATER, result=result.words)
        else:
            yield self._result(one, result)
        yield from (changed(held, due=self.breaker.until) for held in back if held is not one)

    def _result(self, one: Due, result: Result) -> Due:
        now, attempts = self._now(), one.letter.attempts + 1
        if result.state == "sent":
            return changed(one, state=Delivery.sent, attempts=attempts, result=result.words, done_at=now)
        if result.state == "held":
            return changed(one, state=Delivery.held, attempts=attempts, result=result.words)
        again = next_try(attempts, now) if result.state == "retry" else None
        if again is None:
            return changed(one, state=Delivery.failed, attempts=attempts, result=result.words, done_at=now)
        return changed(one, due=again, attempts=attempts, result=result.words)

    def _report(self, one: Due) -> None:
        letter = one.letter
        fields: dict[str, Any] = {
            "ticket": one.ticket or None, "letter": letter.letter, "outgoing": letter.id,
            "template": letter.template, "to": letter.to,
        }  # fmt: skip
        if letter.state is Delivery.waiting and letter.attempts:
            self._log("retry", **fields, attempts=letter.attempts, result=letter.result, next=letter.due)
        elif letter.state is Delivery.held:
            self._log("held", **fields, reason=letter.result)
        elif letter.state is Delivery.cancelled:
            self._log("cancelled", ticket=one.ticket or None, outgoing=letter.id, to=letter.to, by=letter.result)
        elif letter.state in (Delivery.sent, Delivery.failed):
            self._log(letter.state.value, **fields, attempts=letter.attempts, result=letter.result)


def portions(leaving: Sequence[Due]) -> Iterator[list[Due]]:
    """Letters that are made at the same time: as many as fit into the memory with their files."""
    portion, room = list[Due](), AT_ONCE
    for one in leaving:
        size = sum(file.size for file in one.letter.attachments)
        if portion and size > room:
            yield portion
            portion, room = [], AT_ONCE
        portion.append(one)
        room -= size
    if portion:
        yield portion


def set_back(one: Due, looked: datetime, now: datetime) -> Due:
    """The letter after the clock went back from `looked` to `now`. What was put off waits as long as it still
    had to, a fresh one as long as it was to wait; nothing waits longer than before.
    """
    letter = one.letter
    wait = letter.due - (looked if letter.result else letter.created)
    return changed(one, created=min(letter.created, now), due=min(letter.due, now + max(wait, timedelta(0))))


def _to(one: Due, gone: Collection[str]) -> bool:
    return one.letter.automatic and one.letter.to in gone


def refused(letter: Outgoing) -> bool:
    """Whether the relay has refused it; a letter may also be held by a window or by the reply policy."""
    return letter.state is Delivery.failed or (letter.state is Delivery.held and letter.attempts > 0 and letter.result != OVER)


def changed(one: Due, **fields: Any) -> Due:
    """The letter with other fields, in its place."""
    return replace(one, letter=replace(one.letter, **fields))
