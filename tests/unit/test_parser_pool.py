"""The edge around reading: what a hostile letter costs is one reader, never the desk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.model import Envelope
from bot.workers import parser_pool, parser_worker
from bot.workers.parser_pool import LimitError, Limits, ParserPool, Unreadable
from bot.workers.process import SIZE

LETTER = (
    "From: Анна <anna@example.ru>\r\nSubject: Вопрос\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nНе открывается фильм.\r\n"
).encode()


def envelope(name: str = "1") -> Envelope:
    return Envelope(letter=name, received=datetime(2026, 5, 4, 12, tzinfo=UTC), mail_from="anna@example.ru")


def hang() -> bytes:
    time.sleep(60)
    return b""


def work() -> bytes:
    while True:
        pass


def eat() -> bytes:
    return bytes(bytearray(700 * 1024 * 1024)[:1])


def number() -> bytes:
    return str(os.getpid()).encode()


def die() -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


@pytest.fixture
async def pool() -> AsyncIterator[ParserPool]:
    made = ParserPool(b"", processes=1, limits=Limits(cpu=0.2, wall=2))
    yield made
    made.close()


async def test_a_letter_comes_back_read_with_the_callers_envelope(pool: ParserPool) -> None:
    letter = await pool.read(LETTER, envelope("7"))
    assert (letter.subject, letter.requester.email, letter.text.strip()) == ("Вопрос", "anna@example.ru", "Не открывается фильм.")
    assert letter.envelope == envelope("7")
    assert letter.ms > 0


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (hang, "time: over 2 s by the clock"), (work, "time: over 0.2 s of computing"),
        (eat, "memory: over 512 MB"), (die, "crash: exit code -9"),
    ],
)  # fmt: skip
async def test_a_hostile_letter_is_named_and_the_next_read(pool: ParserPool, task: object, words: str) -> None:
    with pytest.raises(LimitError) as caught:
        await pool._run(task)  # type: ignore[arg-type]
    assert str(caught.value) == words
    assert (await pool.read(LETTER, envelope())).subject == "Вопрос"


async def test_who_is_paused_with_the_machine_is_not_late(pool: ParserPool) -> None:
    assert await pool.read(LETTER, envelope())
    paused = asyncio.ensure_future(pool._run(hang))
    await asyncio.sleep(0)
    time.sleep(2.5)  # noqa: ASYNC251  nobody runs meanwhile, and the limit is 2 s
    await asyncio.sleep(0.1)
    assert not paused.done()
    pool.close()
    with pytest.raises(asyncio.CancelledError):
        await paused


async def test_a_neighbour_of_a_hanging_letter_is_read(pool: ParserPool) -> None:
    hanging = asyncio.ensure_future(pool._run(hang))
    neighbours = [asyncio.ensure_future(pool.read(LETTER, envelope(str(i)))) for i in range(5)]
    with pytest.raises(Unreadable):
        await hanging
    assert [letter.subject for letter in await asyncio.gather(*neighbours)] == ["Вопрос"] * 5


async def test_parts_are_taken_out_and_missing_ones_are_none(pool: ParserPool) -> None:
    text = "Не открывается фильм.\r\n".encode()
    wanted = [(0, "text/plain"), (5, "text/plain"), (0, "image/png")]
    assert await pool.extract(LETTER, wanted) == [text, None, None]


async def test_new_rules_get_new_readers_and_the_old_ones_finish(pool: ParserPool) -> None:
    under_way = asyncio.ensure_future(pool.read(LETTER, envelope()))
    await asyncio.sleep(0)
    pool.reload(b"")
    assert (await under_way).subject == (await pool.read(LETTER, envelope())).subject == "Вопрос"


async def test_a_result_that_is_too_large_is_refused(pool: ParserPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_worker, "RESULT_BYTES", 10)
    with pytest.raises(MemoryError):
        parser_worker.read(LETTER, envelope())


async def test_a_worker_that_dies_between_two_letters_costs_none(pool: ParserPool) -> None:
    os.kill(int(await pool._run(number)), signal.SIGKILL)
    letters = [await pool.read(LETTER, envelope(str(i))) for i in range(20) if not await asyncio.sleep(0.02)]
    assert [letter.subject for letter in letters] == ["Вопрос"] * 20


async def test_who_waits_is_cancelled_when_the_readers_are_closed(pool: ParserPool) -> None:
    waiting = asyncio.ensure_future(pool._run(hang))
    await asyncio.sleep(0.1)
    pool.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_readers_that_cannot_be_started_are_not_tried_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, started = ParserPool(b"these are no rules", processes=2), []
    original = parser_pool._ParserProcess.start

    async def counted(one: parser_pool._ParserProcess) -> None:
        started.append(one)
        await original(one)

    monkeypatch.setattr(parser_pool._ParserProcess, "start", counted)
    with pytest.raises(OSError, match="no reader process could be started"):
        await pool.read(LETTER, envelope())
    await asyncio.sleep(0.5)
    assert len(started) <= 2 * parser_pool.TRIES
    pool.close()


def babble() -> bytes:
    """Says more than it is asked for, as a reader may that a letter has taken over."""
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(path.name))) as place:
            place.sendall((1).to_bytes(SIZE) + parser_worker.DONE + b"forged" * 1000)
    return b"true"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc")
async def test_a_reader_that_speaks_unasked_is_not_asked_again(pool: ParserPool) -> None:
    with pytest.raises(Unreadable, match="crash"):
        await pool._run(babble)
    assert (await pool.read(LETTER, envelope("8"))).subject == "Вопрос"
    assert sum(1 for one in pool._parser_pool if not one.gone) == 1
