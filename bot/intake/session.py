"""One SMTP session: aiosmtpd's grammar of commands, made fit for strangers."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, AnyStr, ClassVar, Protocol

from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as SmtpEnvelope

from bot.intake.crowd import Crowd
from bot.intake.spool import MEMORY, Spool

MIB = 1024 * 1024
END = b"\r\n.\r\n"
CALLS = {"NOOP": 100, "RSET": 10_000, "VRFY": 20, "HELP": 20, "EHLO": 20, "HELO": 20, "STARTTLS": 3, "*": 10**9}

# The usual address, taken apart without aiosmtpd's parser, which costs as much as all the rest of the command.
_PLAIN = re.compile(r"<([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+)>(?: +(.*))?\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Limits:
    """How much the listener takes. Sizes in bytes, times in seconds."""

    size: int = 25 * MIB
    memory: int = MEMORY  # octets of one incoming letter; the rest of it waits on disk
    incoming: int = 1024 * MIB  # all letters together that are just coming in
    connections: int = 500
    per_address: int = 20
    recipients: int = 100
    letters: int = 0  # of one client within a minute; 0 for any number
    quiet: float = 10  # a session that has said nothing for so long goes where another needs its place
    errors: int = 10  # refused commands in a session
    idle: float = 300  # for a command, RFC 5321 section 4.5.3.2.7
    rate: int = 100  # bytes a second: a DATA that is slower over `idle` seconds is cut
    received: int = 100  # Received: headers; more is a loop


class SessionHost(Protocol):
    """What a session asks of its listener."""

    limits: Limits
    hostname: str
    tls: ssl.SSLContext | None
    spool: Spool
    crowd: Crowd[SmtpSession]
    heard: float  # when a client said something last, by the clock of the event loop
    closing: bool

    def admit(self, session: SmtpSession) -> bool:
        """Counts a session in, if there is room for it."""
        ...

    def tell_refusal(self, client: str, code: int, words: str) -> None:
        """Logs that something was not taken."""
        ...

    def room(self) -> AbstractContextManager[Callable[[int], str]]:
        """A count of the bytes of one incoming letter; the function takes more, or says the refusal."""
        ...

    async def take(self, session: SmtpSession, content: bytes) -> str:
        """Stores a letter; the reply."""
        ...

    def trouble(self, error: Exception) -> str:
        """The reply to an error of our own."""
        ...


class SmtpSession(SMTP):
    """One session. It keeps aiosmtpd's grammar of commands, and has its own DATA, timer and limits."""

    line_length_limit = 64 * 1024  # of the stream reader: how much of a command or of a DATA is waited for in one go
    command_size_limit = 2048  # VERP and SMTPUTF8 addresses are long
    protocol = "SMTP"
    commands: ClassVar[list[str]] = [name for name in dir(SMTP) if name.startswith("smtp_")]

    def __init__(self, listener: SessionHost) -> None:
        self.command_size_limits = defaultdict(lambda: self.command_size_limit)  # aiosmtpd shares one among all sessions
        limits = listener.limits
        super().__init__(
            listener,
            data_size_limit=limits.size,
            enable_SMTPUTF8=True,
            hostname=listener.hostname,
            ident="ESMTP",
            tls_context=listener.tls,
            timeout=limits.idle,
            command_call_limit=CALLS,
            loop=asyncio.get_running_loop(),
        )
        for unspoken in ("AUTH", "EXPN"):
            del self._smtp_methods[unspoken]
        self.listener = listener
        self.client = ""
        self.busy = False  # a whole letter is in hand
        self._errors = 0
        self._heard = self.loop.time()
        self._incoming = 0  # bytes since the timer last looked, while a DATA comes in
        self._in_data = False

    def __dir__(self) -> list[str]:
        """aiosmtpd looks for its commands among all attributes, at each connection; we say which they are."""
        return self.commands

    # -------------------------------------------------------------------------------------------- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._original_transport is not None:  # the same connection, with TLS now
            super().connection_made(transport)
            return
        self.client = _address(transport.get_extra_info("peername"))
        assert isinstance(transport, asyncio.WriteTransport)
        self._line = transport
        if not self.listener.admit(self):
            transport.write(b"421 4.7.0 Too many connections, try again later\r\n")
            transport.close()
            return
        super().connection_made(transport)
        self.task.add_done_callback(_seen)

    def data_received(self, data: bytes) -> None:
        self._incoming += len(data)
        self.listener.heard = self._heard = self.loop.time()
        super().data_received(data)

    def eof_received(self) -> bool | None:
        return super().eof_received() if self.session is not None else None

    def connection_lost(self, error: Exception | None) -> None:
        if self.session is not None:
            self.listener.crowd.release(self)
            super().connection_lost(error)

    @property
    def task(self) -> asyncio.Task[None]:
        """The coroutine that talks to the client."""
        assert self._handler_coroutine is not None
        return self._handler_coroutine

    @property
    def is_idle(self) -> bool:
        """Whether it may go where another needs its place."""
        return not self.busy and self.loop.time() - self._heard >= self.listener.limits.quiet

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._line.abort()

    def say_goodbye(self, words: str) -> None:
        """Close the connection with a last reply; by force if the other side does not read it."""
        if isinstance(self.transport, asyncio.WriteTransport):
            with contextlib.suppress(RuntimeError, AttributeError):  # TLS is being begun, or was ended by the other side
                self.transport.write(f"{words}\r\n".encode())
            self.loop.call_later(5, self.transport.abort)
            self.transport.close()

    def _timeout_cb(self) -> None:
        limits = self.listener.limits
        if self.busy or (self._in_data and self._incoming >= limits.rate * limits.idle):
            self._incoming = 0
            self._reset_timeout()
        else:
            self.listener.tell_refusal(self.client, 421, "slow, nothing said for too long")
            self.say_goodbye("421 4.4.2 Too slow, goodbye")

    async def push(self, status: AnyStr) -> None:
        """Send a reply; after too many errors it is the last one."""
        await super().push(status)
        if status[:1] in ("5", b"5"):
            self._errors += 1
            if self._errors >= self.listener.limits.errors:
                self.listener.tell_refusal(self.client, 421, "too many errors")
                self.say_goodbye("421 4.7.0 Too many errors, goodbye")

    async def handle_exception(self, error: Exception) -> str:
        return self.listener.trouble(error)

    @property
    def smtp_envelope(self) -> SmtpEnvelope:
        """Sender and recipients as far as they were told."""
        assert self.envelope is not None
        return self.envelope

    @property
    def helo(self) -> str:
        """How the client calls itself."""
        return (self.session and self.session.host_name) or ""

    @property
    def with_protocol(self) -> str:
        """The words of RFC 3848 for a Received: header."""
        assert self.session is not None
        extended = "E" if self.protocol == "SMTP" and self.session.extended_smtp else ""
        return f"{extended}{self.protocol}{'S' if self.session.ssl else ''}"

    # ------------------------------------------------------------------------------------------------- the letter

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        if found := _PLAIN.match(arg):
            return found[1], found[2] or ""
        try:
            address, rest = super()._getaddr(arg)
        except Exception:  # noqa: BLE001 - the standard library's parser raises many kinds on hostile input
            return None, None
        return (None, None) if address and _UNPRINTABLE.search(address) else (address, rest)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """As aiosmtpd's, but by chunks instead of lines: bounded in memory, lines of any length, ended by CRLF.CRLF alone."""
        if await self.check_helo_needed():
            return
        if not self.smtp_envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        self._incoming, self._in_data = 0, True
        try:
            content = await self._content()
            self._in_data = False
            await (self._reply(content) if isinstance(content, str) else self._finish(content))
        finally:
            self._in_data = False
            self.envelope = self._create_envelope()

    async def _content(self) -> bytes | str:
        """The bytes of the letter with the dots of transparency removed, or the refusal once it is over."""
        limits, size, refusal = self.listener.limits, 0, ""
        # An empty letter is CRLF.CRLF too, if one thinks of DATA's own line end as the first CRLF.
        self._reader._buffer[:0] = b"\r\n"  # type: ignore[attr-defined]
        with self.listener.spool.open(limits.memory) as spool, self.listener.room() as room:
            while True:
                try:
                    chunk, last = await self._reader.readuntil(END), True
                except asyncio.LimitOverrunError as full:
                    chunk, last = await self._reader.read(full.consumed), False
                size += len(chunk)
                # A letter that is refused is read to its end all the same: what follows must not be taken for commands.
                refusal = refusal or ("552 5.3.4 Message too big" if size > limits.size + len(END) else room(len(chunk)))
                if not refusal:
                    try:
                        spool.write(chunk)
                    except OSError as error:
                        refusal = self.listener.trouble(error)
                if last:
                    break
                if size > 4 * limits.size:
                    self.say_goodbye(refusal)
                    raise ConnectionResetError(refusal)
            spool.seek(0)
            return refusal or spool.read().replace(b"\r\n.", b"\r\n")[2:-2]

    async def _finish(self, content: bytes) -> None:
        self.busy = True
        try:
            status = await self.listener.take(self, content)
            self._reset_timeout()
            await self._reply(status)
        finally:
            self.busy = False
        if self.listener.closing:
            self.say_goodbye("421 4.3.2 Shutting down")

    async def _reply(self, status: str) -> None:
        for reply in self.replies(status):
            await self.push(reply)

    def replies(self, status: str) -> list[str]:
        """What is answered to a letter: one reply, however many recipients."""
        return [status]


def _address(peer: Any) -> str:
    """The peer's address as people write it; "unix" for a Unix socket."""
    if not isinstance(peer, tuple):
        return "unix"
    host = str(peer[0]).partition("%")[0]
    return host.removeprefix("::ffff:") if "." in host else host


def _seen(task: asyncio.Task[None]) -> None:
    """A connection that was reset is no news, so its exception is looked at here and not reported by asyncio."""
    if not task.cancelled():
        task.exception()
