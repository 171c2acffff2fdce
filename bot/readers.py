"""Reader processes: a stranger's bytes are read where they can do no harm, with limits on time, memory and result size.

A reader that is killed by its letter is replaced, and the next letter is read; the desk parks the one that did it.
Workers come from a fork server that has loaded the heavy modules already, so that a new one costs milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import resource
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

import msgspec
from pebble import ProcessExpired, ProcessPool

from bot.model import Envelope, Letter

if TYPE_CHECKING:
    from bot.policy.matching import Matcher

RESULT_BYTES = 32 * 1024 * 1024
LETTERS_EACH = 5000  # letters after which a worker is replaced, so that no leak grows
_PRELOADED = ["bot.reading", "bot.policy.matching", "bot.readers"]

_decoder = msgspec.msgpack.Decoder(Letter)
_matcher: Matcher | None = None  # of this worker process


class Unreadable(Exception):
    """A letter that no reader survived: `reason` is "time", "memory" (its own or its result's) or "crash"."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class Readers:
    """A pool of reader processes for one set of rules. Close it at the end."""

    def __init__(self, rules_source: bytes, processes: int, seconds: float = 5, memory: int = 512 * 1024 * 1024) -> None:
        """`seconds` for one letter, `memory` in bytes for one process."""
        self._processes, self._seconds, self._memory = processes, seconds, memory
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)
        self._rules, self._closed = rules_source, False
        self._waiting: set[Future[bytes]] = set()
        self._pool = self._started()

    async def read(self, raw: bytes, envelope: Envelope) -> Letter:
        """The letter, with the rules' leaf conditions matched; Unreadable when it cost a reader its life."""
        letter = _decoder.decode(await self._run(_read, raw, envelope))
        # The envelope is the caller's own: what a reader process says of it does not count.
        return msgspec.structs.replace(letter, envelope=envelope)

    async def extract(self, raw: bytes, part: int) -> bytes:
        """The decoded bytes of an attachment; KeyError where the letter has no such part, Unreadable as in `read`."""
        return await self._run(_extract, raw, part)

    def reload(self, rules_source: bytes) -> None:
        """New readers for new rules; letters in hand are finished by the old ones."""
        self._rules = rules_source
        old, self._pool = self._pool, self._started()
        old.close()  # type: ignore[no-untyped-call]
        threading.Thread(target=old.join, name="old readers", daemon=True).start()

    def close(self) -> None:
        """Ends all readers at once. Who waits for a letter is cancelled; the letter stays in the inbox."""
        self._closed = True
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()
        for future in tuple(self._waiting):  # A stopped pool leaves them unanswered for ever.
            future.cancel()

    def _started(self) -> ProcessPool:
        pool = ProcessPool(max_workers=self._processes, max_tasks=LETTERS_EACH, initializer=_prepare,
                           initargs=(self._rules, self._memory), context=self._context)  # fmt: skip
        pool.schedule(bytes)  # starts the workers before the first letter comes
        return pool

    async def _run(self, task: Callable[..., bytes], *args: Any, again: bool = True) -> bytes:
        if not self._pool.active and not self._closed:
            self._pool = self._started()
        future: Future[bytes] = self._pool.schedule(task, args=args, timeout=self._seconds)
        self._waiting.add(future)
        try:
            return await asyncio.wrap_future(future)
        except BrokenProcessPool:
            # A worker died between two letters, and the pool gave up with all that waited in it: none of them is to blame.
            if self._closed:
                raise asyncio.CancelledError from None
            if not again:  # no fault of the letter: it stays in the inbox and is read later
                raise OSError("no reader process could be started") from None
            return await self._run(task, *args, again=False)
        except LateError:
            raise Unreadable("time", f"over {self._seconds:g} s") from None
        except MemoryError:
            raise Unreadable("memory", f"over {self._memory // 1024**2} MB") from None
        except ProcessExpired as error:
            raise Unreadable("crash", f"exit code {error.exitcode}") from None
        finally:
            self._waiting.discard(future)


def _prepare(rules_source: bytes, memory: int) -> None:
    """In a new worker: limits first, then the rules."""
    global _matcher
    # macOS refuses or ignores limits on memory: best effort there, the limit on time holds anyway.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the daemon, which ends its readers itself.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    if rules_source:
        from bot.policy.matching import matcher

        _matcher = matcher(rules_source)


def _read(raw: bytes, envelope: Envelope) -> bytes:
    from bot import reading

    began = time.perf_counter()
    letter = reading.read(raw, envelope)
    took = round((time.perf_counter() - began) * 1000, 3)
    matches = _matcher.match(letter) if _matcher is not None else {}
    result = msgspec.msgpack.encode(msgspec.structs.replace(letter, matches=matches, ms=took))
    if len(result) > RESULT_BYTES:
        raise MemoryError
    return result


def _extract(raw: bytes, part: int) -> bytes:
    from bot import reading

    return reading.extract(raw, part)
