"""What a parser process does: one task after another from its socket, each answered, until the socket is closed.

A stranger's bytes are read here, so nothing that comes out of this process is trusted: its answers are bytes, never pickles.
"""

from __future__ import annotations

import contextlib
import pickle
import resource
import signal
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BufferedRWPair
from typing import TYPE_CHECKING

import msgspec

from bot.model import Envelope
from bot.parsing import dkim_coverage
from bot.workers.process import SIZE, settled

if TYPE_CHECKING:
    from bot.rules.matching import Matcher

EACH = 2.0  # seconds of CPU for a sample of a template
RESULT_BYTES = 32 * 1024 * 1024
DONE, NO_MEMORY, ERROR = b"=", b"!", b"-"  # the first octet of an answer

_matcher: Matcher | None = None


def work(place: socket.socket, rules_source: bytes, memory: int) -> None:
    """The process: says DONE once it is prepared, then answers each task; `memory` is its limit in bytes."""
    with contextlib.suppress(ConnectionError), place, place.makefile("rwb") as stream:  # the daemon may end at any moment
        prepare(rules_source, memory)
        _say(stream, DONE)
        while size := stream.read(SIZE):
            _say(stream, *_answer(stream.read(int.from_bytes(size))))


def _say(stream: BufferedRWPair, *answer: bytes) -> None:
    stream.write(sum(map(len, answer)).to_bytes(SIZE))
    stream.writelines(answer)
    stream.flush()


def _answer(message: bytes) -> tuple[bytes, bytes]:
    task, arguments, seconds = pickle.loads(message)  # noqa: S301  of the daemon, which is trusted
    del message
    signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends this process, whatever it is doing then
    try:
        return DONE, task(*arguments)
    except MemoryError:
        return NO_MEMORY, b""
    except Exception:  # noqa: BLE001  the daemon parks the letter with these words
        return ERROR, traceback.format_exc().encode("utf-8", "replace")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def prepare(rules_source: bytes, memory: int) -> None:
    """Limits first, then the rules (none where `rules_source` is empty)."""
    global _matcher
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the daemon, which ends its parsers itself.
    with contextlib.suppress(ValueError, OSError):  # macOS refuses or ignores limits on memory; the limit on time holds anyway.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    if rules_source:
        from bot.rules.matching import matcher

        _matcher = matcher(rules_source)
    settled()


# ------------------------------------------------------------------------------------------------------------ tasks

Task = Callable[..., bytes]


def read(raw: bytes, envelope: Envelope) -> bytes:
    """A Letter, read and matched, in msgpack; MemoryError when it is too large."""
    from bot import parsing

    began = time.perf_counter()
    letter = parsing.read(raw, envelope)
    took = round((time.perf_counter() - began) * 1000, 3)
    matches = _matcher.match(letter) if _matcher is not None else {}
    result = msgspec.msgpack.encode(msgspec.structs.replace(letter, matches=matches, ms=took))
    if len(result) > RESULT_BYTES:
        raise MemoryError
    return result


def extract(raw: bytes, wanted: list[tuple[int, str]]) -> bytes:
    """Attachments as they go on, in msgpack."""
    from bot import parsing

    return msgspec.msgpack.encode(parsing.extract(raw, wanted))


def fit(files: dict[str, str], timezone: str) -> bytes:
    """The mistakes in templates that are what no letter has tried yet, in msgpack."""
    from bot.rendering.bounded import TooMuchError
    from bot.rendering.templates import Templates

    def late(*_: object) -> None:
        raise TooMuchError(f"it takes more than {EACH:g} s")

    @contextlib.contextmanager
    def in_time() -> Iterator[None]:
        signal.setitimer(signal.ITIMER_VIRTUAL, EACH)
        yield
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    signal.signal(signal.SIGVTALRM, late)
    return msgspec.msgpack.encode([str(one) for one in Templates(files, timezone).check(within=in_time)])


def file_texts(raw: bytes) -> bytes:
    """The words of its text files, in msgpack."""
    from bot import parsing

    return msgspec.msgpack.encode(parsing.file_texts(raw))


def signatures(raw: bytes) -> bytes:
    """The first signatures of a letter, unproved, in msgpack."""
    return msgspec.msgpack.encode(dkim_coverage.signatures(raw))


def verified(raw: bytes, number: int, record: str) -> bytes:
    """An octet where one of them is good, or none."""
    return b"=" * dkim_coverage.verified(raw, number, record)


def check(rules_source: bytes, name: str) -> bytes:
    """The mistakes in the examples of rules that load, in msgpack."""
    from bot.rules import check_examples
    from bot.rules.matching import matcher

    mine = matcher(rules_source)  # this parser's own, as a rule
    return msgspec.msgpack.encode([replace(one, file=name) for one in check_examples(mine.policy, mine)])
