"""Opens the listeners that the settings name, and shuts them: SMTP, LMTP, the form, IMAP. All of them store through one `accept`."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bot.app.form_pages import form_pages
from bot.intake.crowd import FreeSpace
from bot.intake.lmtp import LmtpListener
from bot.intake.reception import Accept, Reception
from bot.intake.session import Limits
from bot.intake.smtp import SmtpListener, server_tls
from bot.intake.spool import Spool
from bot.model import Envelope
from bot.settings import HostPort, Settings
from bot.store.interface import Letters
from bot.store.letter_ids import Ids
from bot.tickets.context import DeskContext

if TYPE_CHECKING:
    from bot.intake.imap import ImapFetcher  # in earnest only where a mailbox is read

DESCRIPTORS = 4096  # as many as the system lets us have are asked for
LEAST = 8  # connections of a listener, however few descriptors there are
Refused = Callable[[str, str], Coroutine[Any, Any, None]]


class Opened(Protocol):
    """An open listener."""

    def busy(self, gap: float) -> bool:
        """Whether somebody waits for an answer, or has said something within `gap` seconds."""
        ...

    async def stop(self) -> None:
        """Takes nothing new and finishes what is in hand."""
        ...


class Listeners:
    """The listeners of one daemon; `context` is asked anew each time, since rules.yaml may change."""

    def __init__(
        self, settings: Settings, inbox: Letters, accept: Accept, context: Callable[[], DeskContext], now: Callable[[], datetime],
        log: Callable[..., None], refused: Refused,
    ) -> None:  # fmt: skip
        """`refused` hears the words of a server that does not let us in, and what it is about."""
        self.settings, self.inbox, self.context, self.now, self.log = settings, inbox, context, now, log
        self._take, self._space = accept, FreeSpace(settings.data, settings.min_free, log)
        self.refused = refused
        self.reception = Reception(
            self.accept, lambda address: context().signer.is_ours(address), Ids().new, now, log,
            self._space.must_have_room, spool(settings),
        )  # fmt: skip
        self.open: list[Opened] = []
        self.mailbox: ImapFetcher | None = None

    async def accept(self, raw: bytes, envelope: Envelope) -> None:
        """Stores a letter, durably, while the disk has room; raises OSError."""
        self._space.must_have_room(asyncio.get_running_loop().time(), len(raw))
        await self._take(raw, envelope)

    def busy(self, gap: float) -> bool:
        """Whether letters are coming in just now: a client has been heard within `gap` seconds, or waits for its 250."""
        return any(listener.busy(gap) for listener in self.open)

    def health(self, now: datetime) -> dict[str, Any]:
        """The floor of free space; when each mailbox was last read, in seconds, and what keeps us from it."""
        box, floor = self.mailbox, {"min_free_mb": self.settings.min_free}
        if box is None:
            return floor
        since = max(0, int((now - box.read_at).total_seconds()))
        return {**floor, "mailbox_read_seconds": since, "mailbox_says": box.trouble}

    async def start(self) -> dict[str, str]:
        """Opens them; name and place of each, such as {"smtp": "127.0.0.1:8025"}. ValueError where an extra is not installed; OSError."""
        settings, places = self.settings, {}
        most = connections(sum(map(bool, (settings.smtp, settings.lmtp, settings.form))))
        if settings.smtp:
            limits = Limits(connections=min(most, Limits.connections), letters=settings.client_letters)
            places["smtp"] = await self._listen(SmtpListener, settings.smtp, limits)
        if settings.lmtp:  # for mail servers of ours, which have many connections
            limits = Limits(connections=min(most, Limits.connections), per_address=500, errors=1000)
            places["lmtp"] = await self._listen(LmtpListener, settings.lmtp, limits)
        try:
            if settings.form:
                from bot.intake.form import FormListener
                from bot.intake.visitors import VisitorLimits

                visitors = VisitorLimits(min(most, VisitorLimits.connections))
                page = form_pages(settings.templates).bounded
                desk = lambda: self.context().policy.desk  # noqa: E731
                form = FormListener(self.reception, desk, page, caps=settings.caps, visitors=visitors)
                places["form"] = str(await form.start(settings.form))
                self.open.append(form)
            if settings.imap and settings.imap_password_file:
                from bot.intake.imap import ImapFetcher

                password = settings.imap_password_file
                self.mailbox = imap = ImapFetcher(
                    settings.imap, password, self.accept, self.inbox.has, self.now, self.log, self.refused
                )  # fmt: skip
                imap.start()
                self.open.append(imap)
                places["imap"] = settings.imap.host
        except ImportError as error:
            raise ValueError(f"this door needs what is not installed ({error.name}): pip install '.[form,imap]'") from None
        return places

    async def _listen(self, kind: type[SmtpListener], where: HostPort | Path, limits: Limits) -> str:
        settings = self.settings
        tls = server_tls(str(settings.tls_cert), str(settings.tls_key)) if settings.tls_cert and settings.tls_key else None
        trusted = frozenset(settings.trusted_relays)
        listener = kind(self.reception, hostname=socket.gethostname(), limits=limits, trusted=trusted, tls=tls)
        if isinstance(where, Path):
            assert isinstance(listener, LmtpListener)
            await listener.start_unix(where)
        else:
            where = HostPort(*await listener.start(where.host, where.port))
        self.open.append(listener)
        return str(where)

    async def stop(self) -> None:
        """Shuts all of them, at the same time."""
        await asyncio.gather(*(listener.stop() for listener in self.open))


def spool(settings: Settings) -> Spool:
    """Where letters wait while they come in: beside the log, which a desk on a database has as well."""
    return Spool(settings.data / "spool")


def connections(listeners: int) -> int:
    """How many connections each of so many listeners may have. Each takes two descriptors, as its letter waits in a
    file; half of all descriptors are kept back for what already runs.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(LEAST, max(soft, wanted) // 4 // max(1, listeners))
