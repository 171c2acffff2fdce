"""Handing letters to a mail server over kept connections, and when to try again."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, Protocol

import aiosmtplib

from bot.delivery.lanes import Lanes, Slot
from bot.delivery.result import Result, Step, judged, safe
from bot.settings import RelayTarget

GIVE_UP = timedelta(days=5)  # RFC 5321 section 4.5.4.1: at least 4-5 days
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20, 40, 60, 120))
LONGEST_PAUSE = timedelta(hours=4)
CONNECT = 30.0  # seconds for a connection to come up
HASTE = 5.0  # seconds for RSET, when the letter's fate is known
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0<>]")

CLOSED = Result("retry", "the desk is stopping", 0)
BUSY = (421, 450, 451, 452)  # of a server that has connections of ours already, and wants no more


class Transport(Protocol):
    """Whatever takes letters away from the desk."""

    def send(self, letter: bytes, mail_from: str, to: str, tries: int = 0) -> Awaitable[Result]:
        """Hand over one letter with its envelope ("" is the null sender), tried `tries` times before.

        Trouble on the way is a Result, not an exception.
        """
        ...

    async def close(self) -> None:
        """Finish the letters that are under way, begin no other, and let go of connections and files."""
        ...


def next_try(attempts: int, now: datetime) -> datetime | None:
    """When a letter that was tried `attempts` times (1 or more) is tried again; None once the pauses add up to five days."""
    pauses = [*PAUSES[:attempts], *[LONGEST_PAUSE] * (attempts - len(PAUSES))]
    return now + pauses[-1] if sum(pauses, timedelta()) <= GIVE_UP else None


class Relay:
    """A transport over SMTP. Connections are kept for the next letter and closed when idle."""

    def __init__(
        self, target: RelayTarget, *, hostname: str, connections: int = 8, timeout: float = 300, idle: float = 20, rest: float = 5,
        pace: tuple[float, float] = (0.5, 3),
    ) -> None:  # fmt: skip
        """`hostname` is our name in EHLO; in seconds: `timeout` of a step (RFC 5321 section 4.5.3.2), `idle` before closing, `rest`
        after a failed connect, `pace` the `patience` and `hangs` of Lanes. `connections` is the width of the quick lane.
        """
        self._target, self._hostname = target, hostname
        self._timeout, self._idle, self._rest = timeout, idle, rest
        share = max(1, connections * 5 // 4)
        self._lanes = Lanes(connections, connections * 5, connections * 25, share, *pace)
        self._closed, self._under_way = asyncio.Event(), 0
        self._ended = asyncio.Event()
        self._kept: dict[aiosmtplib.SMTP, asyncio.TimerHandle] = {}
        self._down: tuple[float, Result] | None = None  # until when, and what we say meanwhile

    async def send(self, letter: bytes, mail_from: str, to: str, tries: int = 0) -> Result:
        """As Transport.send; what a refusal means is said by bot.delivery.result."""
        self._under_way += 1
        try:
            while True:
                async with self._lanes.slot(to.rpartition("@")[2].lower(), tries) as slot:
                    if result := await self._send(slot, letter, mail_from, to):
                        return result
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._ended.set()

    async def _send(self, slot: Slot, letter: bytes, mail_from: str, to: str) -> Result | None:
        """The letter over a kept or a new connection; None where the server wants no more connections than it has: wait for one."""
        while not self._closed.is_set() and (client := self._take()):
            if result := await self._hand_over(slot, client, letter, mail_from, to, kept=True):
                return result
        now = asyncio.get_running_loop().time()
        if self._closed.is_set():
            return CLOSED
        if self._down and now < self._down[0]:
            return self._down[1]
        try:
            client = await self._connected()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            result = judged(error, "connect")
            if result.code in BUSY and (others := self._lanes.taken) > 1:
                self._lanes.lower(others - 1)
                return None
            self._down = now + self._rest, result
            return result
        self._down = None
        if self._closed.is_set():
            client.close()
            return CLOSED
        return await self._hand_over(slot, client, letter, mail_from, to) or Result("retry", "the connection was lost", 0)

    async def close(self) -> None:
        """As Transport.close: each transaction ends as it would have, for a letter that is cut off may have been taken. Says QUIT then."""
        self._closed.set()
        self._lanes.lift()  # who still waits hears that it is closed
        while self._under_way:
            self._ended.clear()
            await self._ended.wait()
        while client := self._take():
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=2)

    async def _connected(self) -> aiosmtplib.SMTP:
        """A connection that is greeted, encrypted and logged in, all of it within CONNECT. Raises as aiosmtplib, and OSError."""
        client = self._client()
        try:
            async with asyncio.timeout(min(CONNECT, self._timeout)):
                await client.connect()
                with contextlib.suppress(aiosmtplib.SMTPHeloError):  # an old server; the client falls back to HELO
                    await client.ehlo()
        except BaseException:
            client.close()
            raise
        return client

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

    async def _hand_over(
        self, slot: Slot, client: aiosmtplib.SMTP, letter: bytes, mail_from: str, to: str, *, kept: bool = False
    ) -> Result | None:  # fmt: skip
        """One transaction; the connection is kept if it is still good afterwards.

        None when a kept connection turns out to be dead or full at MAIL, which says nothing of the letter.
        """
        step: Step = "mail"
        result, ready = None, True  # for the next letter
        try:
            to, encoding, options = _addressed(client, letter, mail_from, to)
            slot.cut = partial(_abort, client)
            await client.mail(mail_from, options=options, encoding=encoding)
            step = "rcpt"
            await client.rcpt(to, encoding=encoding)
            step = "data"
            code, words = await self._text(slot, client, letter)
            result = Result("sent", safe(f"{code} {words}"), code)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            cut = slot.was_cut
            result = Result("retry", f"no answer to {step.upper()} while other letters waited", 0) if cut else judged(error, step)
            if step != "mail" and client.is_connected and result.code:
                ready = False
                with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                    await client.rset(timeout=min(HASTE, self._timeout))
                    ready = True
        finally:  # also when the desk is stopping and this task is cancelled
            slot.cut, slot.is_out = None, bool
            if good := ready and result is not None and client.is_connected and result.code not in (0, 421):
                self._keep(client)
            else:
                client.close()
        if slot.was_cut:
            return result
        return result if good or step != "mail" or not kept else None

    async def _text(self, slot: Slot, client: aiosmtplib.SMTP, letter: bytes) -> tuple[int, str]:
        """DATA and the letter; the server's last answer. In two steps, for until the last octet has gone to the
        system's buffer the letter cannot have been taken, and may be cut off.
        """
        code, words = await client.execute_command(b"DATA")
        if code != aiosmtplib.SMTPStatus.start_input:
            raise aiosmtplib.SMTPDataError(code, words)
        protocol, transport = client.protocol, client.transport
        if protocol is None or not isinstance(transport, asyncio.WriteTransport):
            raise aiosmtplib.SMTPServerDisconnected("the connection was lost")
        protocol.write(_in_lines(letter))
        slot.is_out = lambda: not transport.get_write_buffer_size()
        code, words = await protocol.read_response(2 * self._timeout)  # RFC 5321 section 4.5.3.2.6: ten minutes
        if code != aiosmtplib.SMTPStatus.completed:
            raise aiosmtplib.SMTPDataError(code, words)
        return code, words


def _in_lines(letter: bytes) -> bytes:
    """The letter as it goes over the line (RFC 5321 sections 2.3.8 and 4.5.2): each line ends in CRLF, a dot at
    its beginning is doubled, and one alone ends it.
    """
    lines = letter.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n").split(b"\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b"\r\n.\r\n"


def _abort(client: aiosmtplib.SMTP) -> None:
    """Ends the connection without sending what waits in its buffer: the end of a letter must not follow."""
    if isinstance(client.transport, asyncio.WriteTransport):
        client.transport.abort()
    client.close()


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
