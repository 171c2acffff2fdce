"""Outgoing letters as one .eml each in a folder: the default without a relay, for trying the desk and for gateways."""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path

from bot.delivery.result import Result
from bot.disk import Disk, Write
from bot.disk.group_commit import GroupCommit

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*<?([^<>\r\n]*)>?", re.IGNORECASE | re.MULTILINE)
_DATE = re.compile(rb"^Date:\s*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_ONE_LINE = re.compile(r"[\x00-\x1f\x7f]")


class Folder:
    """A transport that writes letters into a folder. A letter sent twice has one name, and so replaces itself."""

    def __init__(self, path: Path, disk: Disk) -> None:
        """Makes the folder `path`; raises OSError where it cannot."""
        self._path = path
        self._tmp = path / ".tmp"
        disk.mkdir(self._tmp)
        self._group_commit = GroupCommit(disk, "outbox")
        self._last: asyncio.Future[None] | None = None  # what was handed over last is written last

    def send(self, letter: bytes, mail_from: str, to: str, tries: int = 0) -> asyncio.Future[Result]:
        """Write one letter: it is durable when this ends with `sent`; `retry` when the disk fails. Letters sent together share the syncs."""
        name, content = self.entry(letter, mail_from, to)
        path = self._path / name
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

        def written(done: asyncio.Future[None]) -> None:
            error = done.exception()
            if result.done():  # whoever waited has gone away
                return
            if isinstance(error, OSError):
                result.set_result(Result("retry", str(error), 0))
            elif error is not None:
                result.set_exception(error)
            else:
                result.set_result(Result("sent", str(path), 250))

        self._last = self._group_commit.put(Write(self._tmp / name, path, content))
        self._last.add_done_callback(written)
        return result

    def entry(self, letter: bytes, mail_from: str, to: str) -> tuple[str, bytes]:
        """File name and content of a letter: the name from its Date, Message-ID and recipient, the envelope on top."""
        head = letter[: letter.find(b"\r\n\r\n") + 2 or None]
        message_id, date = _MESSAGE_ID.search(head), _DATE.search(head)
        at = _second(date[1]) if date else ""
        key = hashlib.sha256((message_id[1] if message_id else letter) + b"\0" + to.encode("utf-8", "replace")).hexdigest()
        envelope = f"Return-Path: <{_ONE_LINE.sub('', mail_from)}>\r\nDelivered-To: {_ONE_LINE.sub('', to)}\r\n".encode("utf-8", "replace")
        return f"{at or 'undated'}-{key[:16]}.eml", envelope + letter

    async def close(self) -> None:
        """As Transport.close."""
        if self._last is not None:
            await asyncio.wait([self._last])
        await asyncio.to_thread(self._group_commit.close)


@lru_cache(16)  # letters of one second have one date
def _second(date: bytes) -> str:
    """The moment of a Date in a file's name; "" for one that cannot be read."""
    try:
        return f"{parsedate_to_datetime(date.decode('ascii')).astimezone(UTC):%Y%m%dT%H%M%S}"
    except ValueError:
        return ""
