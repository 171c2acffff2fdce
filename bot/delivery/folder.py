"""Outgoing letters as one .eml each in a folder: the default without a relay, for trying the desk and for gateways."""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path

from bot.delivery.relay import Result
from bot.store.commits import Commits
from bot.store.files import Disk, Write

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*<?([^<>\r\n]*)>?", re.IGNORECASE | re.MULTILINE)
_DATE = re.compile(rb"^Date:\s*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_ONE_LINE = re.compile(r"[\x00-\x1f\x7f]")


class Folder:
    """A carrier that writes letters into a folder. A letter sent twice has one name, and so replaces itself."""

    def __init__(self, path: Path, disk: Disk) -> None:
        """Makes the folder `path`; raises OSError where it cannot."""
        self._path = path
        self._tmp = path / ".tmp"
        disk.mkdir(self._tmp)
        self._commits = Commits(disk, "outbox")

    async def send(self, letter: bytes, mail_from: str, to: str) -> Result:
        """Write one letter; durable when this comes back with `sent`, `retry` when the disk fails."""
        name, content = self.entry(letter, mail_from, to)
        try:
            await self._commits.put(Write(self._tmp / name, self._path / name, content))
        except OSError as error:
            return Result("retry", str(error), 0)
        return Result("sent", str(self._path / name), 250)

    def entry(self, letter: bytes, mail_from: str, to: str) -> tuple[str, bytes]:
        """File name and content of a letter: the name from its Date, Message-ID and recipient, the envelope on top."""
        head = letter[: letter.find(b"\r\n\r\n") + 2 or None]
        message_id, date = _MESSAGE_ID.search(head), _DATE.search(head)
        try:
            at = parsedate_to_datetime(date[1].decode("ascii")).astimezone(UTC) if date else None
        except ValueError:
            at = None
        key = hashlib.sha256((message_id[1] if message_id else letter) + b"\0" + to.encode("utf-8", "replace")).hexdigest()
        envelope = f"Return-Path: <{_ONE_LINE.sub('', mail_from)}>\r\nDelivered-To: {_ONE_LINE.sub('', to)}\r\n".encode("utf-8", "replace")
        return f"{at:%Y%m%dT%H%M%S}-{key[:16]}.eml" if at else f"undated-{key[:16]}.eml", envelope + letter

    async def close(self) -> None:
        """Wait for what is being written."""
        await asyncio.to_thread(self._commits.close)
