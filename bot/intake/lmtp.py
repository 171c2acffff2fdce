"""The LMTP listener (RFC 2033), for a mail server of our own in front of the desk: SMTP's letters with one reply a recipient."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

from bot.intake.crowd import AT_A_TIME, queue_up
from bot.intake.session import SessionHost, SmtpSession
from bot.intake.smtp import SmtpListener


class LmtpSession(SmtpSession):
    """One session. The mail server splits a letter's disposition by recipient, so it wants to hear of each (section 4.2)."""

    protocol = "LMTP"
    commands: ClassVar[list[str]] = [*SmtpSession.commands, "smtp_LHLO"]

    def __init__(self, listener: SessionHost) -> None:
        super().__init__(listener)
        for unspoken in ("HELO", "EHLO"):  # section 4.1
            del self._smtp_methods[unspoken]

    async def smtp_LHLO(self, hostname: str) -> None:  # noqa: N802 - aiosmtpd's name
        """The greeting."""
        await self.smtp_EHLO(hostname)

    def replies(self, status: str) -> list[str]:
        """The same for each RCPT that was taken: one file holds the letter for all of them, so all of them have it or none."""
        return [status] * len(self.smtp_envelope.rcpt_tos)


class LmtpListener(SmtpListener):
    """Listens on TCP as the SMTP listener does, or on a Unix socket, whose peers are called "unix"."""

    session_class = LmtpSession

    def is_relay(self, client: str) -> bool:
        """Everybody here is a mail server of ours."""
        return True

    async def start_unix(self, path: Path) -> None:
        """Listen on a socket that user and group may write to; one left behind by a crash is replaced. Raises OSError."""
        await asyncio.to_thread(_make_way, path)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: self.session_class(self), str(path), backlog=AT_A_TIME)
        queue_up(self._server)
        await asyncio.to_thread(path.chmod, 0o660)


def _make_way(path: Path) -> None:
    if path.is_socket():
        path.unlink()
