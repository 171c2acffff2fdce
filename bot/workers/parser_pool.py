"""Reader processes: a stranger's bytes are read where they can do no harm, with limits on time, memory and result size.

A parser that is killed by its letter is replaced, and the next letter is read. The pool has little time for
each letter, so that none holds others up; one that needs more is tried again, in one of its own (`alone`).
Readers come from a fork server that has loaded the heavy modules already, so that a new one costs milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import pickle
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple, cast

import msgspec

from bot.model import Envelope, Letter
from bot.parsing.dkim_coverage import Signature
from bot.rendering.templates import Templates
from bot.rules.policy import Policy
from bot.rules.yaml_source import Mistake
from bot.workers import parser_worker
from bot.workers.process import SIZE, child

LETTERS_EACH = 5000  # letters after which a parser is replaced, so that no leak grows
STARTING = 30.0  # seconds in which a new parser has to be prepared
TRIES = 3  # parsers that may die before their first letter, one after another

_decoder = msgspec.msgpack.Decoder(Letter)


class Limits(NamedTuple):
    """Seconds for one task: of computing, and by the clock, for one that computes nothing."""

    cpu: float
    wall: float


QUICK, FULL = Limits(0.5, 5), Limits(5, 60)
CHECKING = Limits(60, 60)  # for all examples of a rules.yaml, or all templates


class Unreadable(Exception):
    """A letter that cannot be read: `reason` is "time", "memory", "crash", or "error" with a `trace`."""

    def __init__(self, reason: str, detail: str = "", trace: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.trace = reason, trace


class LimitError(Unreadable):
    """It came to a limit of time or memory (its own or its result's), or cost its parser its life."""


class ParserPool:
    """A pool of parser processes for one set of rules; it belongs to one event loop. Close it at the end."""

    def __init__(
        self, rules_source: bytes, processes: int, limits: Limits = FULL, memory: int = 512 * 1024 * 1024
    ) -> None:
        """`limits` of one task, `memory` in bytes for one process."""
        self._processes, self.limits, self._memory = processes, limits, memory
        self.slots = asyncio.Semaphore(processes)  # for who wants to know when a parser is free
        self._rules, self._closed, self._died, self._waiting = rules_source, False, 0, 0
        self._parser_pool: set[_ParserProcess] = set()
        self._free: asyncio.Queue[_ParserProcess | None] = asyncio.Queue()  # None: there will be none
        self._fill()

    async def read(self, raw: bytes, envelope: Envelope) -> Letter:
        """The letter, with the rules' leaf conditions matched. Like all of these, raises Unreadable."""
        letter = _decoder.decode(await self._run(parser_worker.read, raw, envelope))
        # The envelope is the caller's own: what a parser process says of it does not count.
        return msgspec.structs.replace(letter, envelope=envelope)

    async def file_texts(self, raw: bytes) -> tuple[str, ...]:
        """The words of the text files of a letter, whatever their type claims."""
        return msgspec.msgpack.decode(await self._run(parser_worker.file_texts, raw), type=tuple[str, ...])

    async def signatures(self, raw: bytes) -> list[Signature]:
        """See bot.parsing.dkim_coverage; Unreadable where dkimpy cannot make anything of the letter."""
        return msgspec.msgpack.decode(await self._run(parser_worker.signatures, raw), type=list[Signature])

    async def verified(self, raw: bytes, number: int, record: str) -> bool:
        """See bot.parsing.dkim_coverage."""
        return bool(await self._run(parser_worker.verified, raw, number, record))

    async def extract(self, raw: bytes, wanted: list[tuple[int, str]]) -> list[bytes | None]:
        """See bot.parsing."""
        return msgspec.msgpack.decode(await self._run(parser_worker.extract, raw, wanted), type=list[bytes | None])

    async def check(self, policy: Policy) -> list[Mistake]:
        """The mistakes in the examples of a policy; here, so that the daemon need not load what it takes to match them."""
        found = await self._run(parser_worker.check, policy.source, policy.name, limits=CHECKING)
        return msgspec.msgpack.decode(found, type=list[Mistake])

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[ParserPool]:
        """A parser for one letter, with time for what is slow."""
        parser_pool = ParserPool(self._rules, 1, FULL, self._memory)
        try:
            yield parser_pool
        finally:
            parser_pool.close()

    async def fit(self, templates: Templates, timezone: str) -> list[str]:
        """The mistakes in templates: they are tried here, where one that takes too much harms nobody."""
        found = await self._run(parser_worker.fit, dict(templates.files), timezone, limits=CHECKING)
        return msgspec.msgpack.decode(found, type=list[str])

    def reload(self, rules_source: bytes) -> None:
        """New parsers for new rules; letters in hand are finished by the old ones."""
        self._rules = rules_source
        for _ in range(self._free.qsize()):
            self._back(self._free.get_nowait())
        self._fill()

    def close(self) -> None:
        """Ends all parsers at once. Who waits for a letter is cancelled; the letter stays in the inbox."""
        self._closed = True
        for one in self._parser_pool:
            one.starting.cancel()
            one.close()
        self._nobody()

    async def _run(self, task: parser_worker.Task, *arguments: Any, limits: Limits | None = None) -> bytes:
        cpu, wall = limits or self.limits
        message = pickle.dumps((task, arguments, cpu), pickle.HIGHEST_PROTOCOL)
        for last in (False, True):  # a parser may have been killed for another reason: two are needed to blame a letter
            one = await self._taken()
            try:
                answer = await one.run(message, wall)
                break
            except EOFError:
                code = await asyncio.to_thread(one.exit_code)
                if code == -signal.SIGPROF:
                    raise LimitError("time", f"over {cpu:g} s of computing") from None
                if last:
                    raise LimitError("crash", f"exit code {code}") from None
            finally:
                self._back(one)
        match answer[:1], answer[1:]:
            case parser_worker.DONE, result:
                return result
            case parser_worker.NO_MEMORY, _:
                raise LimitError("memory", f"over {self._memory // 1024**2} MB")
            case _, words:
                trace = words.decode("utf-8", "replace").rstrip()
                raise Unreadable("error", trace.rpartition("\n")[2], trace)

    # -------------------------------------------------------------------------------------------------- the parsers

    async def _taken(self) -> _ParserProcess:
        """A free parser, for one task; OSError where none can be started: no fault of the letter, which is then read later."""
        one = None
        if all(one.gone for one in self._parser_pool):
            self._died = 0
        while one is None or one.gone:
            self._fill()
            self._waiting += 1
            try:
                one = None if self._closed else await self._free.get()
            finally:
                self._waiting -= 1
            if one is None:
                raise asyncio.CancelledError if self._closed else OSError("no reader process could be started")
        return one

    def _back(self, one: _ParserProcess | None) -> None:
        """A parser is free again, or has had its time."""
        if one is not None and not one.gone and one.rules is self._rules and one.tasks < LETTERS_EACH:
            self._free.put_nowait(one)
            return
        if one is not None:
            one.close()
        self._fill()

    def _fill(self) -> None:
        """Starts parsers for those that have gone."""
        self._parser_pool = {one for one in self._parser_pool if not one.gone}
        there = sum(1 for one in self._parser_pool if one.rules is self._rules)
        for _ in range(there, 0 if self._closed else self._processes):
            one = _ParserProcess(self._rules, self._memory, self._fill)
            self._parser_pool.add(one)
            one.starting = asyncio.create_task(self._start(one))

    async def _start(self, one: _ParserProcess) -> None:
        try:
            await one.start()
        except (OSError, EOFError, Unreadable):
            one.close()
            self._died += 1
            if self._died < TRIES:
                self._fill()
            elif all(one.gone for one in self._parser_pool):
                self._nobody()  # who asks next lets us try again
        else:
            self._died = 0
            self._back(one)

    def _nobody(self) -> None:
        for _ in range(self._waiting):
            self._free.put_nowait(None)


class _ParserProcess(asyncio.Protocol):
    """One process and the socket to it: one task at a time."""

    starting: asyncio.Task[None]
    _late: asyncio.TimerHandle

    def __init__(self, rules_source: bytes, memory: int, lost: Callable[[], None]) -> None:
        """`lost` is called when a parser that was ready has ended, whoever ended it."""
        self.rules, self.tasks, self.ready, self.gone = rules_source, 0, False, False
        self._memory, self._lost = memory, lost
        self._buffer = bytearray()
        self._answer: asyncio.Future[bytes] | None = None
        self._process: multiprocessing.process.BaseProcess | None = None
        self._transport: asyncio.Transport | None = None

    async def start(self) -> None:
        """Returns when the process is ready for its first task; raises OSError, EOFError or Unreadable when it is not."""
        self._process = await child(parser_worker.work, self, self.rules, self._memory)
        await self._said(b"", STARTING)
        self.ready = True

    async def run(self, message: bytes, seconds: float) -> bytes:
        """The answer to a task; LimitError when it takes too long or is too large, EOFError when it ends."""
        self.tasks += 1
        return await self._said(len(message).to_bytes(SIZE) + message, seconds)

    async def _said(self, message: bytes, seconds: float) -> bytes:
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._tick(seconds, seconds)
        try:
            if self._transport is None:
                raise EOFError
            self._transport.write(message)
            return await self._answer
        except asyncio.CancelledError:
            self.close()  # nobody waits for what would come
            raise
        finally:
            self._late.cancel()

    def _tick(self, seconds: float, left: float) -> None:
        """Counts seconds in which the daemon ran as well: while the machine is paused, nobody is late."""
        if left <= 0:
            self._fail(LimitError("time", f"over {seconds:g} s by the clock"))
        else:
            self._late = asyncio.get_running_loop().call_later(min(left, 1), self._tick, seconds, left - 1)

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        size = int.from_bytes(self._buffer[:SIZE])
        if size > parser_worker.RESULT_BYTES + 1:
            self._fail(LimitError("memory", "its result"))
        elif len(self._buffer) > SIZE + size or (self._answer is not None and self._answer.done()):
            self._fail(EOFError())  # it says more than it was asked for: the next letter gets another one
        elif self._answer is not None and not self._answer.done() and len(self._buffer) >= SIZE + size > SIZE:
            self._answer.set_result(bytes(self._buffer[SIZE:]))
            self._buffer.clear()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(EOFError())
        if self.ready:
            self._lost()

    def close(self) -> None:
        """Ends the process at once; who waits for its answer is cancelled."""
        self.gone = True
        if self._transport is not None:
            self._transport.abort()
        if self._process is not None:
            self._process.kill()
        if self._answer is not None:
            self._answer.cancel()

    def exit_code(self) -> int | None:
        """Of a process that has ended; waits for that."""
        if self._process is None:
            return None
        self._process.join(1)
        return self._process.exitcode
