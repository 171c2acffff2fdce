"""The line between the command line and a running daemon: one JSON object there, one back, over a Unix socket in the data folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

LONGEST = 64 * 2**20  # octets of a request: what is to be forgotten of a person is told in one
NAME = "control"


class ControlSocket:
    """The daemon's end. Only who may write into the data folder can reach it."""

    def __init__(self, data: Path, answer: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
        self._path, self._answer = data / NAME, answer
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listens; a socket left behind by a crash is replaced (the lock says that nobody else is here)."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._server = await asyncio.start_unix_server(self._serve, short(self._path), limit=LONGEST)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """Ends it."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._answer(json.loads(await reader.readline()))
        except Exception as error:  # noqa: BLE001  the admin is told, whatever it is
            answer = {"error": str(error)}
        with contextlib.suppress(OSError):
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()


async def ask(data: Path, request: dict[str, Any]) -> dict[str, Any] | None:
    """The running daemon's answer; None when none runs on this data folder."""
    try:
        reader, writer = await asyncio.open_unix_connection(short(data / NAME))
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    writer.write(json.dumps(request).encode() + b"\n")
    line = b""
    with contextlib.suppress(ConnectionError):
        line = await reader.readline()
    writer.close()
    answer: dict[str, Any] = json.loads(line or b'{"error": "the desk ended before it had answered: try again"}')
    return answer


def short(path: Path) -> str:
    """A socket's path has at most 104 octets on some systems: the shorter of the absolute and the relative one."""
    return min(str(path.resolve()), os.path.relpath(path), key=len)
