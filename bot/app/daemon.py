"""The composition root: builds the desk out of its parts, runs it, takes changed rules over, and ends it cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from bot import __version__
from bot.app import sd_notify
from bot.app.context_loading import sending_rules, tried, untried
from bot.app.control_commands import ControlCommands
from bot.app.control_socket import ControlSocket
from bot.app.listeners import Listeners
from bot.app.log import Log
from bot.app.reload import Reloader
from bot.app.scheduler import Scheduler
from bot.app.ticket_timers import TicketTimers
from bot.data.secret_file import keys, read_secret
from bot.delivery.outbox import Outbox, OutboxDesk
from bot.delivery.result import cause
from bot.delivery.sender import SenderProcess
from bot.desk import Desk, fair
from bot.disk import DataLock, Disk
from bot.letter_order import LetterOrder, Position
from bot.model import Decision, FileReference, NoLetterError
from bot.rendering.compose import composed
from bot.reports.weekly import Weekly
from bot.settings import Settings
from bot.store.factory import agree, open_data_reader, open_store
from bot.store.files import formats
from bot.store.files.names import foreign
from bot.store.interface import Due, Lookup
from bot.tickets import shares
from bot.tickets.alerts import advice, alarm, undelivered
from bot.tickets.context import DeskContext
from bot.workers.authentication import authenticator
from bot.workers.parser_pool import QUICK, ParserPool

LOOK_AGAIN = 5.0  # seconds between looks into the inbox for letters that another process put there
AT_ONCE = 8  # letters under way for each parser
AHEAD = 20  # letters that are taken over from the inbox before it is their turn
GAP = 0.002  # seconds: while clients talk without such a pause, the listeners go first, since senders wait for their 250
BREATHER = 0.05  # seconds for which each letter then waits at most: twenty a second go on whatever comes in
MOST_NAMED = 100  # files that are none of ours
PAUSE = 5.0  # seconds after trouble with the disk


def clock() -> datetime:
    """The only clock of the desk: aware, UTC."""
    return datetime.now(UTC)


class FaultError(Exception):
    """A fault of the program or of what it stands on: whoever supervises the daemon starts it anew."""


class Daemon:
    """A running desk. `start` opens the listeners, `run` works until `stop` is set, `close` ends it."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = clock) -> None:
        """Raises RulesRefused, LockedError, ValueError or OSError with a text for the admin; nothing runs then."""
        self.settings, self.now, self.disk = settings, now, Disk()
        self.stop = asyncio.Event()
        self.began = time.monotonic()
        self.disk.mkdir(settings.data)
        self.lock = DataLock(settings.data)
        self.lock.take()
        self.inbox, self.store = open_store(settings, self.disk, now())
        self.secret = read_secret(settings, self.disk)
        self.context = untried(settings, self.secret)
        self.log = Log(settings.data / "log", now, settings.log, strict=False)
        agree(settings, keys(self.secret))
        self.parser_pool = ParserPool(self.context.policy.source, settings.readers, QUICK)
        self.files = ParserPool(b"", 1)  # so that no letter that comes in waits for files that go out
        self.desk = Desk(self.inbox, self.store, self.parser_pool, self.context, authenticator(settings), now, self.log)
        self.sender = SenderProcess(settings.relay or settings.data / "outbox", lambda: self.context.templates.layout.source, composed)
        rules = lambda: sending_rules(self.context)  # noqa: E731
        outbox_desk = OutboxDesk(self.extract, self.given_up, self.refused, rules, now, self.log)
        self.outbox = Outbox(self.store, self.sender, outbox_desk, together=not settings.relay)
        self.timers = TicketTimers(self.store, lambda: self.context, now, self.log)
        self.weekly = Weekly(settings.data, self.store, lambda: open_data_reader(settings), self.disk, lambda: self.context, now)
        self.listeners = Listeners(settings, self.inbox, self.inbox.take, lambda: self.context, now, self.log, self.refused)
        self.control = ControlSocket(settings.data, ControlCommands(self).answer)
        self.jobs, self.watch = Scheduler(self), Reloader(self)
        self.line = LetterOrder(self.inbox.changed.set)
        self._pumping: asyncio.Future[Any] | None = None
        self._sending: asyncio.Future[Any] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._fault: BaseException | None = None
        self._refused: dict[str, str] = {}  # the day on which the leads were last told of a refusal

    # ------------------------------------------------------------------------------------------------- life

    async def start(self) -> list[str]:
        """Opens the listeners; what the ready line says of them, such as "smtp=127.0.0.1:8025". Letters are taken from here on."""
        asyncio.get_running_loop().set_exception_handler(self._unheard)
        await tried(self.context, self.parser_pool)
        settings, store = self.settings, "postgresql" if self.settings.store else "files"
        self.log("started", version=__version__, pid=os.getpid(), data=str(settings.data), rules=str(settings.rules), store=store)
        if not self.context.caps:
            self.log("caps_off")
        if not settings.store and (before := formats.read(settings.data).format) < formats.FORMAT:
            self.log("migrated", before=before, after=formats.FORMAT)
        places = await self.listeners.start()
        await self.control.start()
        self.sender.start()
        self._pumping = self.spawn(self._pump())
        self._sending = self.spawn(self.outbox.run())
        for work in (self.jobs.run, self.watch.run, self._load, sd_notify.watchdog):
            self.spawn(work())
        sd_notify.say("READY=1")
        self.log("ready", **places, seconds=round(time.monotonic() - self.began, 2), waiting=(await self.inbox.waiting())[0])
        return [f"{listener}={place}" for listener, place in places.items()]

    def _unheard(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Trouble that nobody waits for, such as a connection for which there is no descriptor."""
        kind = type(context.get("exception")).__name__
        self.log("error", where="loop", kind=kind, words=context["message"])

    async def run(self) -> None:
        """Works until `stop` is set, by SIGTERM, SIGINT or a caller. Raises FaultError where a part of the daemon has ended by itself."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop.set)
        await self.stop.wait()
        if self._fault is not None:
            raise FaultError(f"{type(self._fault).__name__}: {self._fault}") from self._fault

    async def close(self) -> None:
        """Shuts the listeners, finishes the letters in hand, and leaves everything on disk. A step that fails is logged, and the next one taken."""
        began = time.monotonic()
        sd_notify.say("STOPPING=1")
        try:
            for step in (
                self.listeners.stop, self.control.stop, self._all_handled, self._all_recorded, self._all_ended, self.inbox.close, self.store.close,
            ):  # fmt: skip
                try:
                    await step()
                except Exception as error:  # noqa: BLE001  whatever it is, what comes after it matters as much
                    self.log("error", where="daemon", kind=type(error).__name__, words=str(error))
        finally:
            self.parser_pool.close()
            self.files.close()
            self.log("stopped", seconds=round(time.monotonic() - began, 2))
            self.log.close()
            self.lock.release()

    async def _all_handled(self) -> None:
        """No letter is begun any more; those in hand are finished."""
        if self._pumping:
            self._pumping.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(15):
                while self.line.under_way:
                    self.inbox.changed.clear()
                    await self.inbox.changed.wait()

    async def _all_recorded(self) -> None:
        """No letter leaves any more; what has left is recorded."""
        self.outbox.stop()
        await self.sender.close()
        if self._sending is not None:
            await asyncio.wait([self._sending], timeout=6)  # files that are being read for letters which then stay are waited for

    async def _all_ended(self) -> None:
        """Whatever else is under way is cut off."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def spawn(self, work: Awaitable[Any]) -> asyncio.Future[Any]:
        """A task that ends with the daemon; one that ends by an error of its own ends the daemon."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # a part of the daemon that ends by itself is a fault: say so and end, the supervisor starts us anew
            self.log("error", where="daemon", kind=type(error).__name__, words=str(error))
            self._fault = self._fault or error
            self.stop.set()

    def use(self, context: DeskContext) -> None:
        """Everything that is decided from now on goes by it."""
        self.context = self.desk.context = context

    # ---------------------------------------------------------------------------------------------- letters

    async def _load(self) -> None:
        await self._loaded()
        gc.collect()
        gc.set_threshold(20_000, 20, 50)
        gc.freeze()  # the index stays: a collection need not look at it again and again
        for path in self.store.broken:
            self.log("error", where="ticket", kind="broken", words=path)
            await self.alert(alarm(self.context, "broken_ticket", (path,), path, self.now()))
        try:
            await self.inbox.remove_leftovers(self.now())
            for path in await asyncio.to_thread(lambda: list(islice(foreign(self.settings.data), MOST_NAMED))):
                self.log("foreign", path=path)
        except OSError as error:
            self.log("error", where="inbox", kind=type(error).__name__, words=str(error))

    async def _loaded(self) -> None:
        """Returns when the store has been read, as far as that is possible."""
        while True:
            try:
                return await self.store.load()
            except OSError as error:
                self.log("error", where="store", kind=type(error).__name__, words=str(error))
                await asyncio.sleep(PAUSE)

    async def _pump(self) -> None:
        """Letters in the order in which they came; several are read at once, one after another is decided."""
        most, waiting = self.settings.readers * AT_ONCE, deque[str]()
        while True:
            self.inbox.changed.clear()
            if len(waiting) <= AHEAD:
                waiting += await self._claimed(AHEAD + most - self.line.under_way - len(waiting))
            if not waiting or self.line.under_way >= most:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN):
                        await self.inbox.changed.wait()
                continue
            await self._doors_first()
            self.spawn(self._one(waiting.popleft(), Position(self.line)))

    async def _doors_first(self) -> None:
        """Waits for a pause in what comes in, not for long."""
        end = time.monotonic() + BREATHER
        while self.listeners.busy(GAP) and time.monotonic() < end:  # noqa: ASYNC110  it is a pause that is waited for, not an event
            await asyncio.sleep(GAP)

    async def _claimed(self, limit: int) -> list[str]:
        """Letters of the inbox, none while the store cannot be asked."""
        try:
            return await self.inbox.claim(limit)
        except OSError as error:
            self.log("error", where="inbox", kind=type(error).__name__, words=str(error))
            return []

    async def _one(self, ident: str, position: Position) -> None:
        try:
            await self.desk.handle(ident, position)
        except OSError as error:
            self.log("error", letter=ident, where="desk", kind=type(error).__name__, words=str(error))
            self.spawn(self._later(ident))
        except NoLetterError:
            self.log("error", letter=ident, where="inbox", kind="NoLetter", words="gone before it was handled")
        finally:
            position.end()

    async def _later(self, ident: str) -> None:
        """A letter that could not be handled now is tried again."""
        await asyncio.sleep(PAUSE)
        while True:
            try:
                return await self.inbox.release(ident)
            except OSError:
                await asyncio.sleep(PAUSE)

    async def extract(self, files: Sequence[FileReference]) -> dict[FileReference, bytes]:
        """Files of one archived letter as they go on, read by a parser process; without those that cannot."""
        drawn = [await asyncio.to_thread(self.weekly.picture, file) for file in files]
        if None in drawn:
            async with self.files.slots:
                _, raw = await self.inbox.read(files[0].letter)
                drawn = await self.files.extract(raw, [(file.part, file.type) for file in files])
        return {file: data for file, data in zip(files, drawn, strict=True) if data is not None}

    async def given_up(self, one: Due) -> None:
        """A letter that could not be delivered: a note on its ticket, a letter to the lead."""
        if not one.ticket or one.letter.template == "alert":
            return
        async with self.store.unit_of_work() as unit:
            known = await unit.find(Lookup(letter="", requester="", tickets=(one.ticket,)), self.now())
            ticket = known.tickets.get(one.ticket)
            if ticket is not None:
                case = shares.Case(self.context, self.now(), f"{ticket.number}/{one.letter.id}", one.letter.to)
                decision = undelivered(self.context, ticket, one.letter, case.now)
                share = shares.of_alert("undelivered", self.context)
                unit.commit(await fair(unit, decision, share, {ticket.number: ticket}, case))

    async def refused(self, words: str, about: str = "relay") -> None:
        """The relay or the mailbox refuses us, or keeps a letter back: the leads are told once a day."""
        now = self.now()
        trouble = words if about == "mailbox_letter" else about
        if self._refused.get(trouble) != (today := f"{now:%Y-%m-%d}"):
            self._refused[trouble] = today
            sd_notify.say(f"STATUS={about}: {words}")
            help_for = cause(words) if about == "relay" else about
            details = tuple(filter(None, (words, advice(help_for, self.context.terms()))))
            await self.alert(alarm(self.context, about, details, f"{trouble}/{today}", now))

    async def alert(self, decision: Decision) -> None:
        """A letter to the leads, perhaps gathered with others; where it cannot be written, the log has it."""
        [told] = decision.records
        share = shares.of_alert(told.about.removeprefix("alert_"), self.context)
        try:
            await self.commit(decision, share, told.letter)
        except OSError as error:
            self.log("error", where="alert", kind=type(error).__name__, words=str(error))

    async def commit(self, decision: Decision, whose: Sequence[shares.Share] = (), by: str = "") -> None:
        """A decision in a unit of work of its own, and its events in the log; see bot.desk.fair."""
        async with self.store.unit_of_work() as unit:
            decision = await fair(unit, decision, whose, {}, shares.Case(self.context, self.now(), by))
            unit.commit(decision)
        for event, fields in decision.events:
            self.log(event, **fields)



async def serve(settings: Settings, say: Callable[[str], None], now: Callable[[], datetime] = clock) -> None:
    """Runs a desk until it is told to stop; `say` gets the ready line."""
    daemon = Daemon(settings, now)
    try:
        places = await daemon.start()
        say("ready " + " ".join(places))
        await daemon.run()
    finally:
        await daemon.close()
