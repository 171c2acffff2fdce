"""Visitors of the form who say nothing, or too much: they keep nobody out, and hear at once what is wrong."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from desk import MOSCOW_NOON, ROOT
from desk import opened as opened_office

from bot.intake.form import FormDoor
from bot.intake.visitors import VisitorLimits
from bot.model import Envelope
from bot.settings import HostPort, Settings


def spoken(at: tuple[str, int], source: str, words: bytes = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") -> bytes:
    """What the form answers to these words from that address."""
    with socket.create_connection(at, timeout=10, source_address=(source, 0)) as connection:
        connection.sendall(words)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@asynccontextmanager
async def opened(tmp_path: Path, **limits: Any) -> AsyncIterator[tuple[str, int]]:
    """The form alone; its place."""
    settings = Settings(data=tmp_path, templates=ROOT / "templates")

    async def accept(raw: bytes, envelope: Envelope) -> None: ...

    door = FormDoor(
        accept, lambda: opened_office(ROOT / "rules.yaml"), settings, new_id=lambda now: "x", now=lambda: MOSCOW_NOON,
        tell=lambda *_, **__: None, visitors=VisitorLimits(**limits),
    )  # fmt: skip
    where = await door.start(HostPort("0.0.0.0", 0))
    try:
        yield "127.0.0.1", where.port
    finally:
        await door.stop()


async def test_who_says_nothing_keeps_nobody_out(tmp_path: Path) -> None:
    """Idle connections of one address are few, and of all addresses the oldest idle ones go first."""
    async with opened(tmp_path, connections=30, per_address=10) as at:
        idle = []
        for number in range(60):
            source = f"127.0.0.{10 + number % 6}"
            idle.append(await asyncio.to_thread(socket.create_connection, at, 10, (source, 0)))
        assert (await asyncio.to_thread(spoken, at, "127.0.0.99")).startswith(b"HTTP/1.1 200")
        assert (await asyncio.to_thread(spoken, at, "127.0.0.10")).startswith(b"HTTP/1.1 200"), "its own idle ones go"
        for connection in idle:
            connection.close()


@pytest.mark.parametrize("words", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_headers_that_do_not_come_end_the_connection(tmp_path: Path, words: bytes) -> None:
    async with opened(tmp_path, headers=0.3) as at:
        assert await asyncio.to_thread(spoken, at, "127.0.0.5", words) == b""


async def test_too_many_fields_are_said_so_at_once(tmp_path: Path) -> None:
    """Not a byte more than a megabyte is waited for."""
    async with opened(tmp_path) as at:
        fields = "&".join(f"f{number}=x" for number in range(50)).encode()
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(fields)}\r\n"
        answer = await asyncio.to_thread(spoken, at, "127.0.0.5", head.encode() + b"Connection: close\r\n\r\n" + fields)
        assert answer.startswith(b"HTTP/1.1 400")
        assert "<form" in answer.decode()
