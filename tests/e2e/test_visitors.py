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

from bot.app.form_pages import form_pages
from bot.intake.form import FormListener
from bot.intake.reception import Reception
from bot.intake.visitors import VisitorLimits
from bot.model import Envelope
from bot.settings import HostPort


def spoken(at: tuple[str, int], source: str, words: bytes = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") -> bytes:
    """What the form answers to these words from that address."""
    with socket.create_connection(at, timeout=10, source_address=(source, 0)) as connection:
        connection.sendall(words)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@asynccontextmanager
async def opened(tmp_path: Path, **limits: Any) -> AsyncIterator[tuple[str, int]]:
    """The form alone; its place."""
    async def accept(raw: bytes, envelope: Envelope) -> None: ...

    reception = Reception(accept, lambda _: False, lambda now: "x", lambda: MOSCOW_NOON)
    desk, page = opened_office(ROOT / "rules.yaml").policy.desk, form_pages(ROOT / "templates").bounded
    listener = FormListener(reception, lambda: desk, page, caps=True, visitors=VisitorLimits(**limits))
    where = await listener.start(HostPort("0.0.0.0", 0))
    try:
        yield "127.0.0.1", where.port
    finally:
        await listener.stop()


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


async def test_the_web_server_in_front_brings_many_visitors(tmp_path: Path) -> None:
    """Connections of nginx on this host are not counted as one visitor's; 503 is the last resort."""
    async with opened(tmp_path, connections=9, per_address=2) as at:
        begun = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n"
        sent = [await asyncio.open_connection(*at, local_addr=("127.0.0.1", 0)) for _ in range(9)]
        for reader, writer in sent:
            writer.write(begun)
            assert (await reader.readline()).startswith(b"HTTP/1.1 100"), "it is in hand"
        assert (await asyncio.to_thread(spoken, at, "127.0.0.1")).startswith(b"HTTP/1.1 503")
        for _, writer in sent:
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 30 + b"--x--", 400),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name=p; filename="a"\r\n\r\n1\r\n' * 30 + b"--x--", 400),
        ("multipart/form-data", b"--x", 400),
        ("multipart/form-data; boundary=" + "x" * 5000, b"--x", 400),
        ("multipart/form-data; boundary=x; charset=zip", b"--x\r\n\r\n\r\n--x--", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 5000 + b"\r\n--x--", 400),
        ("multipart/form-data; boundary=\xff", b"\xff" * 100, 400),
        ("application/x-www-form-urlencoded", b"&" * 100_000, 400),
        ("application/x-www-form-urlencoded", b"a=" + b"%" * 100_000, 400),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 300_000, 413),
        ("text/plain", b"a=b", 400),
        ("", b"", 400),
    ],
)  # fmt: skip
async def test_what_is_no_form_is_said_at_once(tmp_path: Path, kind: str, body: bytes, status: int) -> None:
    async with opened(tmp_path) as at:
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode("latin-1")
        with socket.create_connection(at, timeout=10) as connection:
            connection.sendall(head + body)
            answer = await asyncio.to_thread(connection.recv, 12)
            assert answer == f"HTTP/1.1 {status}".encode()


async def test_what_is_far_too_large_is_said_before_it_comes(tmp_path: Path) -> None:
    async with opened(tmp_path) as at:
        for size in ("999999999", "9" * 18):
            with socket.create_connection(at, timeout=10) as connection:
                connection.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
                assert (await asyncio.to_thread(connection.recv, 12)) == b"HTTP/1.1 413"
