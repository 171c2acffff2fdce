"""Handing letters to a mail server over kept connections, and when to try again."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

import aiosmtplib

from bot.settings import RelayTarget

GIVE_UP = timedelta(days=5)  # RFC 5321 section 4.5.4.1: at least 4-5 days
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20, 40, 60, 120))
LONGEST_PAUSE = timedelta(hours=4)
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0<>]")
LOGIN_WANTED = (530, 534, 535, 538)  # RFC 4954 section 6: said of us, not of the letter


class Result(NamedTuple):
    """What became of one letter to one recipient."""

    state: Literal["sent", "retry", "failed"]
    words: str  # the server's own, made safe for showing
    code: int  # the SMTP reply code, 0 where there was none
    alarm: bool = False  # it will not heal by itself: login refused, bad certificate


CLOSED = Result("retry", "the desk is stopping", 0)


class Carrier(Protocol):
    """Whatever takes letters away from the desk."""

    def send(self, letter: bytes, mail_from: str, to: str) -> Awaitable[Result]:
        """Hand over one letter with its envelope ("" is the null sender); trouble on the way is a Result, not an exception."""
        ...

    async def close(self) -> None:
        """Finish the letters that are under way, begin no other, and let go of connections and files."""
        ...


def next_try(attempts: int, now: datetime) -> datetime | None:
    """When a letter that was tried `attempts` times (1 or more) is tried again; None once the pauses add up to five days."""
    pauses = [*PAUSES[:attempts], *[LONGEST_PAUSE] * (attempts - len(PAUSES))]
    return now + pauses[-1] if sum(pauses, timedelta()) <= GIVE_UP else None


class Relay:
    """A carrier over SMTP. Connections are kept for the next letter and closed when idle."""

    def __init__(
        self, target: RelayTarget, *, hostname: str, connections: int = 4, timeout: float = 60, idle: float = 20, rest: float = 5
    ) -> None:
        """`hostname` is our name in EHLO; in seconds: `timeout` of a step, `idle` before closing, `rest` after a failed connect."""
        self._target = target
        self._hostname = hostname
        self._timeout = timeout
        self._idle = idle
        self._rest = rest
        self._slots, self._connections, self._closed = asyncio.Semaphore(connections), connections, asyncio.Event()
        self._kept: dict[aiosmtplib.SMTP, asyncio.TimerHandle] = {}
        self._down: tuple[float, Result] | None = None  # until when, and what we say meanwhile

    async def send(self, letter: bytes, mail_from: str, to: str) -> Result:
        """As Carrier.send: 4xx and trouble with connection or login are `retry`, 5xx for this letter is `failed`."""
        async with self._slots:
            while not self._closed.is_set() and (client := self._take()):
                if result := await self._hand_over(client, letter, mail_from, to, kept=True):
                    return result
            now = asyncio.get_running_loop().time()
            if self._closed.is_set():
                return CLOSED
            if self._down and now < self._down[0]:
                return self._down[1]
            try:
                client = self._client()
                await client.connect()
                with contextlib.suppress(aiosmtplib.SMTPHeloError):  # an old server; the client falls back to HELO
                    await client.ehlo()
            except (aiosmtplib.SMTPException, OSError, ValueError) as error:
                self._down = now + self._rest, _result(error, connecting=True)
                return self._down[1]
            self._down = None
            if self._closed.is_set():
                client.close()
                return CLOSED
            return await self._hand_over(client, letter, mail_from, to) or Result("retry", "the connection was lost", 0)

    async def close(self) -> None:
        """As Carrier.close: each transaction ends as it would have, for a letter that is cut off may have been taken. Says QUIT then."""
        self._closed.set()
        for _ in range(self._connections):
            await self._slots.acquire()
        for _ in range(self._connections):
            self._slots.release()  # who still asks hears that it is closed
        while client := self._take():
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=2)

    def _client(self) -> aiosmtplib.SMTP:
        target = self._target
        return aiosmtplib.SMTP(
            hostname=target.host,
            port=target.port,
            username=target.user or None,
            password=target.secret() or None,
            local_hostname=self._hostname,
            timeout=self._timeout,
            use_tls=target.security == "tls",
            start_tls=target.security == "starttls",
        )

    def _take(self) -> aiosmtplib.SMTP | None:
        while self._kept:
            client, closer = self._kept.popitem()
            closer.cancel()
            if client.is_connected:
                return client
        return None

    def _keep(self, client: aiosmtplib.SMTP) -> None:
        def expire() -> None:
            del self._kept[client]
            client.close()

        self._kept[client] = asyncio.get_running_loop().call_later(self._idle, expire)

    async def _hand_over(self, client: aiosmtplib.SMTP, letter: bytes, mail_from: str, to: str, *, kept: bool = False) -> Result | None:
        """One transaction; the connection is kept if it is still good afterwards.

        None when a kept connection turns out to be dead or full at MAIL, which says nothing of the letter.
        """
        begun, result = False, None
        try:
            to, encoding, options = _addressed(client, letter, mail_from, to)
            await client.mail(mail_from, options=options, encoding=encoding)
            begun = True
            await client.rcpt(to, encoding=encoding)
            code, words = await client.data(letter)
            result = Result("sent", safe(f"{code} {words}"), code)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            result = _result(error)
            if begun and client.is_connected:
                with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                    await client.rset()
        finally:  # also when the desk is stopping and this task is cancelled
            if good := result is not None and client.is_connected and result.code not in (0, 421):
                self._keep(client)
            else:
                client.close()
        return result if good or begun or not kept else None


def _addressed(client: aiosmtplib.SMTP, letter: bytes, mail_from: str, to: str) -> tuple[str, Literal["ascii", "utf-8"], list[str]]:
    """The recipient, the encoding of the envelope and the MAIL options.

    A domain goes in its ASCII form, so that SMTPUTF8 is only asked for where a local part cannot do without.
    """
    if _UNSAFE.search(mail_from + to) or "@" not in to:
        raise ValueError(f"{safe(to)} is no address")  # a line end in it would be a command of its own
    local, at, domain = to.rpartition("@")
    if not domain.isascii():
        to = f"{local}{at}{domain.encode('idna').decode('ascii')}"
    options = [f"SIZE={len(letter)}"] if client.supports_extension("size") else []
    if not letter.isascii() and client.supports_extension("8bitmime"):
        options.append("BODY=8BITMIME")
    if to.isascii() and mail_from.isascii():
        return to, "ascii", options
    if not client.supports_extension("smtputf8"):
        raise aiosmtplib.SMTPNotSupported("the relay does not take addresses outside of ASCII (SMTPUTF8)")
    return to, "utf-8", [*options, "SMTPUTF8"]


def _result(error: Exception, *, connecting: bool = False) -> Result:
    """What an exception of the client means for the letter; while connecting it says nothing of the letter: try again."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        login = isinstance(error, aiosmtplib.SMTPAuthenticationError) or error.code in LOGIN_WANTED
        lasting = 500 <= error.code < 600 and not login and not connecting
        return Result("failed" if lasting else "retry", safe(f"{error.code} {error.message}"), error.code, alarm=login)
    if isinstance(error, aiosmtplib.SMTPNotSupported | ValueError):
        return Result("retry" if connecting else "failed", safe(str(error)), 553, alarm=connecting)
    certificate = any(isinstance(one, ssl.SSLCertVerificationError) for one in (error, error.__cause__))
    unable = type(error) is aiosmtplib.SMTPException or getattr(error, "filename", None)  # no STARTTLS, no way to log in, no password file
    return Result("retry", safe(str(error) or type(error).__name__), 0, alarm=bool(certificate or unable))


def safe(words: str) -> str:
    """A server's words on one line, without control characters, of a length that a note can carry."""
    return " ".join("".join(char if char.isprintable() else " " for char in words).split())[:300]
