"""From an outgoing letter to a transport: here, or in a process of its own, where making bytes and files does not hold up the desk.

The process ends with the daemon's side of its socket, at once; told to end, it first finishes what is under way, and begins nothing
else. A letter that it had in hand when it ended by itself is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import select
import signal
import socket as sockets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Protocol, cast

import msgspec

from bot.delivery.folder import Folder
from bot.delivery.relay import CLOSED, Relay, Transport
from bot.delivery.result import Result, safe
from bot.disk import Disk
from bot.model import File, Outgoing
from bot.settings import RelayTarget
from bot.workers.process import SIZE, child, settled

GRACE = 4.0  # seconds in which the process finishes what is under way
LAST = 6.0  # seconds in which it has to end
STUCK = 900.0  # seconds without an outcome, while it has letters in hand, after which it is replaced: a relay has 60 for each step
GONE = Result("retry", "the process that sends letters has ended", 0)


class OutgoingMail(msgspec.Struct, frozen=True, array_like=True):
    """A letter with what it needs on its way: From, and its files."""

    letter: Outgoing
    sender: str
    name: str = ""
    files: tuple[File, ...] = ()


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """What comes to the process: numbered letters, and the layout where it is another one than before."""

    mails: tuple[tuple[int, OutgoingMail], ...]
    layout: str | None = None


Compose = Callable[[Outgoing, str | None, str, str, Sequence[File]], bytes]  # letter, layout, From and its name, files
Outcome = tuple[int, Result]
_batches, _outcomes, _encoder = msgspec.msgpack.Decoder(Batch), msgspec.msgpack.Decoder(list[Outcome]), msgspec.msgpack.Encoder()


class Sender(Protocol):
    """Whatever takes letters away from the desk."""

    def send(self, mail: OutgoingMail) -> Awaitable[Result]:
        """Hand one over; trouble on the way is a Result, trouble with the letter itself any exception."""
        ...

    async def close(self) -> None:
        """As Transport.close, and let go of the process if it has one."""
        ...


class DirectSender:
    """A Sender in this process."""

    def __init__(self, transport: Transport, layout: Callable[[], str | None], compose: Compose) -> None:
        self._carrier, self._layout, self._compose = transport, layout, compose

    def send(self, mail: OutgoingMail) -> Awaitable[Result]:
        """See Post."""
        letter = mail.letter
        content = self._compose(letter, self._layout(), mail.sender, mail.name, mail.files)
        return self._carrier.send(content, letter.envelope_from, letter.to, letter.attempts)

    async def close(self) -> None:
        """See Post."""
        await self._carrier.close()


# ------------------------------------------------------------------------------------------------ the daemon's side


class SenderProcess(asyncio.Protocol):
    """A Sender in a process of its own, which is started again with the next letter when it has ended. Belongs to one event loop."""

    def __init__(self, place: Path | RelayTarget, layout: Callable[[], str | None], compose: Compose) -> None:
        """`place` is the outbox folder or the relay; `layout` gives the source of the layout
        in force; `compose` is a function of a module, so that the process can load it.
        """
        self._place, self._layout, self._compose = place, layout, compose
        self._number, self._closed = 0, False
        self._next: list[tuple[int, msgspec.Raw]] = []
        self._results: dict[int, asyncio.Future[Result]] = {}
        self._shown: str | None = None  # the layout that the process has
        self._process: multiprocessing.process.BaseProcess | None = None
        self._transport: asyncio.Transport | None = None
        self._starting: asyncio.Task[None] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._buffer = bytearray()
        self._late: asyncio.TimerHandle | None = None
        Finalize(None, self._kill, exitpriority=10)  # else a daemon that ends by an error would wait for it

    def start(self) -> None:
        """Begins to start the process, so that the first letter need not wait for it."""
        self._starting = self._starting or asyncio.create_task(self._start())

    def send(self, mail: OutgoingMail) -> asyncio.Future[Result]:
        """See Post; what is sent in one round of the loop goes together."""
        loop = asyncio.get_running_loop()
        result = loop.create_future()
        if self._closed:
            result.set_result(CLOSED)
            return result
        encoded = msgspec.Raw(_encoder.encode(mail))  # one that cannot be encoded is the caller's trouble, and no other letter's
        if not self._next:
            loop.call_soon(self._flush)
        self._number += 1
        self._next.append((self._number, encoded))
        self._results[self._number] = result
        return result

    async def close(self) -> None:
        """See Post. The process finishes what is under way, if that does not take long."""
        self._closed = True
        if self._starting is not None:
            await asyncio.wait([self._starting])
        if self._transport is not None:
            self._ended = asyncio.get_running_loop().create_future()
            self._transport.write(bytes(SIZE))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST):
                    await self._ended
        self._kill()
        if self._process is not None:
            await asyncio.to_thread(self._process.join, LAST)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _watch(self) -> None:
        """The clock of STUCK begins anew."""
        if self._late is not None:
            self._late.cancel()
        self._late = asyncio.get_running_loop().call_later(STUCK, self._kill) if self._results else None

    def _flush(self) -> None:
        if self._transport is None:
            if self._closed:
                self._lost(CLOSED)
            else:
                self.start()
            return
        layout = self._layout()
        if not self._next and layout == self._shown:
            return
        message = _encoder.encode((self._next, layout if layout != self._shown else None))
        self._next, self._shown = [], layout
        self._transport.write(len(message).to_bytes(SIZE) + message)
        if self._late is None:
            self._watch()

    async def _start(self) -> None:
        try:
            self._process = await child(work, self, self._place, self._compose)
        except Exception as error:  # noqa: BLE001  whatever it is (the fork server may be gone), the letters wait for another try
            self._lost(Result("retry", f"{GONE.words}: {type(error).__name__} {error}", 0))
        finally:
            self._starting = None
            if self._next:  # it has ended as soon as it was there
                asyncio.get_running_loop().call_soon(self._flush)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """What waits is handed over."""
        self._transport, self._shown = cast(asyncio.Transport, transport), None
        self._buffer.clear()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Outcomes, each for who waits for it."""
        self._buffer += data
        while len(self._buffer) >= SIZE and len(self._buffer) >= (end := SIZE + int.from_bytes(self._buffer[:SIZE])):
            for number, result in _outcomes.decode(self._buffer[SIZE:end]):
                if (waiting := self._results.pop(number, None)) and not waiting.done():
                    waiting.set_result(result)
            del self._buffer[:end]
        self._watch()

    def connection_lost(self, error: Exception | None) -> None:
        """The process has ended: what it had in hand is tried again."""
        self._transport = None
        self._lost(GONE)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _lost(self, result: Result) -> None:
        self._next = []
        results, self._results = self._results, {}
        for waiting in results.values():
            if not waiting.done():
                waiting.set_result(result)
        self._watch()


# ---------------------------------------------------------------------------------------------------- the process


def work(place: sockets.socket, target: Path | RelayTarget, compose: Compose) -> None:
    """The process: takes batches from its socket, and answers with outcomes, until the socket is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the daemon, which ends this process when it has no more need of it
        signal.signal(number, signal.SIG_IGN)
    settled()
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):  # the daemon has died
        asyncio.run(_serve(place, target, compose))


async def _serve(place: sockets.socket, target: Path | RelayTarget, compose: Compose) -> None:
    stream, answers = await asyncio.open_connection(sock=place)
    transport: Transport = Folder(target, Disk()) if isinstance(target, Path) else Relay(target, hostname=sockets.gethostname())
    layout: str | None = None
    done, in_hand = list[Outcome](), set[asyncio.Future[Result]]()
    sender, loop = DirectSender(transport, lambda: layout, compose), asyncio.get_running_loop()
    hangup = select.poll()
    hangup.register(answers.get_extra_info("socket").fileno(), 0)

    def tell() -> None:
        message = _encoder.encode(done)
        done.clear()
        answers.write(len(message).to_bytes(SIZE) + message)

    def end(number: int, under_way: asyncio.Future[Result]) -> None:
        in_hand.discard(under_way)
        if not under_way.cancelled():
            if not done:
                loop.call_soon(tell)  # what ends in the same round of the loop is told together
            error = under_way.exception()
            done.append((number, Result("retry", safe(f"{type(error).__name__}: {error}"), 0) if error else under_way.result()))

    while size := int.from_bytes(await stream.readexactly(SIZE)):
        batch = _batches.decode(await stream.readexactly(size))
        if hangup.poll(0):  # what a daemon that has died still wanted is the next one's
            return
        layout = layout if batch.layout is None else batch.layout
        for number, mail in batch.mails:
            in_hand.add(under_way := _begun(sender, mail))
            under_way.add_done_callback(partial(end, number))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GRACE):
            await sender.close()
    if in_hand:
        await asyncio.wait(in_hand, timeout=0.1)
    await asyncio.sleep(0)  # the last ones are told
    for under_way in in_hand:
        under_way.cancel()
    await answers.drain()
    answers.close()


def _begun(sender: Sender, mail: OutgoingMail) -> asyncio.Future[Result]:
    under_way: asyncio.Future[Result]
    try:
        under_way = asyncio.ensure_future(sender.send(mail))
    except Exception as error:  # noqa: BLE001  a letter that cannot be made must not stop the others
        under_way = asyncio.get_running_loop().create_future()
        under_way.set_exception(error)
    return under_way
