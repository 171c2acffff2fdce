"""The SMTP listener: what it takes is stored by `accept`, on disk and synced, before the sender hears 250."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import inspect
import logging
import ssl
from collections.abc import Callable, Iterator
from typing import ClassVar

from aiosmtpd.smtp import Envelope as SmtpEnvelope
from aiosmtpd.smtp import Session

from bot.intake.crowd import AT_A_TIME, LOCAL, ClientRate, Crowd, NoRoomError, queue_up
from bot.intake.reception import Reception
from bot.intake.session import Limits, SmtpSession
from bot.intake.trace import received, received_count
from bot.model import Envelope

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


async def hello(_: SmtpSession, greeting: Session, __: SmtpEnvelope, hostname: str, replies: list[str]) -> list[str]:
    """What we offer, in one packet: no AUTH, and PIPELINING, which aiosmtpd can do but does not say."""
    greeting.host_name = hostname
    replies.insert(1, "250-PIPELINING")
    return ["\r\n".join(reply for reply in replies if not reply.startswith("250-AUTH"))]


hello.__signature__ = inspect.signature(hello)  # type: ignore[attr-defined]  # aiosmtpd looks it up at each connection


class SmtpListener:
    """Listens for letters. Also the handler of its sessions: the methods named `handle_` are aiosmtpd's hooks."""

    session_class: type[SmtpSession] = SmtpSession
    hooks: ClassVar[list[str]] = ["handle_EHLO", "handle_MAIL", "handle_RCPT"]
    handle_EHLO = staticmethod(hello)  # noqa: N815  aiosmtpd's name

    def __init__(
        self,
        reception: Reception,
        *,
        hostname: str,
        limits: Limits | None = None,
        trusted: frozenset[str] = frozenset(),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`trusted` are addresses of relays to which the limits on connections do not apply."""
        self.accept, self.is_ours, self.new_id = reception.accept, reception.is_ours, reception.new_id
        self.now, self.log, self.spool = reception.now, reception.log, reception.spool
        self.must_have_room = reception.must_have_room
        self.hostname, self.limits, self.trusted, self.tls = hostname, limits or Limits(), trusted, tls
        self.incoming = 0  # bytes of letters that have begun and not ended
        self.closing = False
        self._rate = ClientRate(self.limits.letters, self.is_relay, self.tell_refusal)
        self._turned_away, self._told = 0, 0.0  # connections, and when that was last logged
        self.crowd: Crowd[SmtpSession] = Crowd()
        self._storing: set[asyncio.Task[str]] = set()
        self.heard = 0.0  # when a client said something last, by the clock of the event loop
        self._server: asyncio.Server | None = None
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd logs each command; we have a log of our own

    def __dir__(self) -> list[str]:
        """aiosmtpd looks for hooks among all attributes, at each connection; we say which they are."""
        return self.hooks

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; the address that was bound, with the port that was found for 0. Raises OSError."""
        loop = asyncio.get_running_loop()
        made = await loop.create_server(lambda: self.session_class(self), host or None, port, backlog=AT_A_TIME)
        self._server = made
        queue_up(made)
        bound = self._server.sockets[0].getsockname()
        return bound[0], bound[1]

    async def stop(self, grace: float = 10) -> None:
        """Take nothing new, finish the letters in hand for at most `grace` seconds, close the sessions."""
        self.closing = True
        if self._server is not None:
            self._server.close()
        for session in list(self.crowd.guests):
            if not session.busy:
                session.say_goodbye("421 4.3.2 Shutting down")
        tasks = {*self._storing, *(session.task for session in self.crowd.guests)}
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for session in list(self.crowd.guests):
            session.abort()

    # ------------------------------------------------------------------------------------------------- sessions

    def busy(self, gap: float) -> bool:
        """Whether somebody waits for an answer, or has said something within `gap` seconds."""
        return bool(self._storing) or asyncio.get_running_loop().time() - self.heard < gap

    def admit(self, session: SmtpSession) -> bool:
        """Count a session in, if there is room for one more from its address."""
        client, limits = session.client, self.limits
        if client in self.trusted:
            return not self.crowd.admit(session, client, 10**9, 10**9)
        why = "shutting down" if self.closing else ""
        if not why and self._rate.is_over("connections", client, asyncio.get_running_loop().time()):
            return False
        why = why or self.crowd.admit(session, client, limits.connections, limits.per_address)
        if why:
            self._turn_away(client, why)
        return not why

    def _turn_away(self, client: str, why: str) -> None:
        """Log that connections are refused, once a second at most: an attacker must not fill the disk with our own lines."""
        self._turned_away += 1
        if (now := asyncio.get_running_loop().time()) - self._told >= 1:
            self.tell_refusal(client, 421, f"{why}, {self._turned_away} turned away")
            self._turned_away, self._told = 0, now

    def is_relay(self, client: str) -> bool:
        """Whether the client hands over what others wrote: nobody may be shut out for what it is refused."""
        return client in LOCAL or client in self.trusted

    def tell_refusal(self, client: str, code: int, words: str) -> None:
        """Logs that something was not taken, and from whom; ops/fail2ban-filter.conf looks at `client`."""
        who = "relay" if self.is_relay(client) else "client"
        self.log("refused", **{who: client}, code=code, words=words)

    # --------------------------------------------------------------------------------------------------- hooks

    async def handle_MAIL(  # noqa: N802
        self, session: SmtpSession, _: Session, smtp_envelope: SmtpEnvelope, address: str, options: list[str]
    ) -> str:
        """No letter for which the disk has no room."""
        told = next((one[5:] for one in options if one.startswith("SIZE=")), "")
        try:
            self.must_have_room(asyncio.get_running_loop().time(), self.incoming + int(told or 0))
        except NoRoomError as error:
            return self.trouble(error)
        smtp_envelope.mail_from, smtp_envelope.mail_options = address, options
        return "250 2.1.0 OK"

    async def handle_RCPT(self, session: SmtpSession, _: Session, smtp_envelope: SmtpEnvelope, address: str, options: list[str]) -> str:  # noqa: N802
        """Only our own addresses, and not too many; not too many letters of one client either."""
        now, client = asyncio.get_running_loop().time(), session.client
        if not smtp_envelope.rcpt_tos and self._rate.is_over("letters", client, now):
            return "450 4.7.1 Too many letters from your address, try again in a minute"
        if self._rate.is_over("recipients", client, now):
            return "450 4.7.1 Too many recipients from your address, try again in a minute"
        if len(smtp_envelope.rcpt_tos) >= self.limits.recipients:
            return "452 4.5.3 Too many recipients"
        if not self.is_ours(address):
            self.tell_refusal(session.client, 550, f"no such address: {address}")
            return "550 5.1.1 No such address here"
        smtp_envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    # ------------------------------------------------------------------------------------------------- letters

    @contextlib.contextmanager
    def room(self) -> Iterator[Callable[[int], str]]:
        """A count of the bytes of one incoming letter, given back at its end; the function takes more, or says the refusal."""
        taken = 0

        def more(count: int) -> str:
            nonlocal taken
            if self.incoming + count > self.limits.incoming:
                return "452 4.3.1 Too many letters at once, try again later"
            try:
                self.must_have_room(asyncio.get_running_loop().time(), count)
            except NoRoomError as error:
                return self.trouble(error)
            taken += count
            self.incoming += count
            return ""

        try:
            yield more
        finally:
            self.incoming -= taken

    async def take(self, session: SmtpSession, content: bytes) -> str:
        """Store a letter and answer; goes on to the end even when the client has left meanwhile."""
        if received_count(content) > self.limits.received:
            self.tell_refusal(session.client, 554, "loop: too many Received headers")
            return "554 5.4.6 Too many hops, this letter goes round in circles"
        task = asyncio.ensure_future(self._store(session, content))
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)
        return await asyncio.shield(task)

    async def _store(self, session: SmtpSession, content: bytes) -> str:
        now, smtp_envelope = self.now(), session.smtp_envelope
        envelope = Envelope(
            letter=self.new_id(now),
            received=now,
            mail_from="" if smtp_envelope.mail_from in (None, "<>") else smtp_envelope.mail_from,
            recipients=tuple(dict.fromkeys(smtp_envelope.rcpt_tos)),
            client=session.client,
            intake=session.protocol.lower(),
        )
        try:
            await self.accept(received(envelope, session.with_protocol, session.helo, self.hostname) + content, envelope)
        except Exception as error:  # noqa: BLE001 - whatever it was, the letter is not stored, and its sender must come again
            return self.trouble(error)
        self.log("accepted", letter=envelope.letter, intake=envelope.intake, client=session.client, size=len(content),
                  recipients=len(envelope.recipients))  # fmt: skip
        return f"250 2.0.0 OK {envelope.letter}"

    def trouble(self, error: Exception) -> str:
        """The reply to an error of our own: for a while, never for good, and without its text."""
        if isinstance(error, NoRoomError):  # it has been told of
            return "452 4.3.1 Insufficient system storage, try again later"
        self.log("error", where="smtp", kind=type(error).__name__, words=str(error))
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            return "452 4.3.1 Insufficient system storage, try again later"
        return "451 4.3.0 Local error, try again later"


def server_tls(cert: str, key: str) -> ssl.SSLContext:
    """The context for STARTTLS from PEM files; raises OSError or ssl.SSLError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return context

