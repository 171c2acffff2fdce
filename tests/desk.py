"""A whole desk for tests, without processes, sockets or a real clock: letters in, letters out, on a real store in a folder.

    desk = await TestDesk.opened(tmp_path)
    await desk.send("ivan@example.org", "Не открывается фильм …")
    [notice] = desk.mail("anna@providence.film")
    await desk.reply(notice, "anna@providence.film", "#решено\\nПочинили.")
    await desk.pass_time(minutes=3)
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from bot import parsing
from bot.app.context_loading import missing, refuse, sending_rules, untried
from bot.app.ticket_timers import TicketTimers
from bot.data.ledger import account
from bot.delivery.outbox import Outbox, OutboxDesk
from bot.delivery.result import Result
from bot.delivery.sender import DirectSender
from bot.desk import Desk
from bot.disk import Disk
from bot.letter_order import LetterOrder, Position
from bot.model import Envelope, FileReference, Letter, Outgoing, Ticket
from bot.parsing import dkim_coverage
from bot.rendering.compose import composed
from bot.reports.weekly import Weekly, picture_bytes
from bot.rules import check_examples
from bot.rules.matching import matcher
from bot.settings import Settings
from bot.store.files.inbox import Inbox
from bot.store.files.letters import FileLetters
from bot.store.files.reader import FileDataReader
from bot.store.files.store import FileStore
from bot.store.interface import Due
from bot.tickets.alerts import undelivered
from bot.tickets.context import DeskContext
from bot.workers.parser_pool import FULL

ROOT = Path(__file__).parent.parent
MOSCOW_NOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday, 12:00 in Moscow


def picture(width: int = 640, height: int = 400) -> bytes:
    """A real PNG."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (width, height), (30, 90, 180)).save(out, "PNG")
    return out.getvalue()


def open_office(settings: Settings, secret: bytes) -> DeskContext:
    """As bot.app.context_loading does, without other processes."""
    context = untried(settings, secret)
    policy, templates = context.policy, context.templates
    refuse([*check_examples(policy), *templates.check(), *missing(policy, templates)])
    return context


@cache
def opened(rules: Path) -> DeskContext:
    """The desk context of a rules file; checking it with all its examples takes a second, so it is done once a run."""
    return open_office(Settings(rules=rules, templates=ROOT / "templates"), b"0123456789abcdef0123456789abcdef")


class Here:
    """Reads letters in this process: what bot.workers.parser_pool does in others."""

    limits = FULL

    def __init__(self, rules: bytes) -> None:
        self.rules, self.slots = rules, asyncio.Semaphore(1)
        self.asked = list[str]()

    async def read(self, raw: bytes, envelope: Envelope) -> Letter:
        self.asked.append("read")
        letter = parsing.read(raw, envelope)
        return msgspec.structs.replace(letter, matches=matcher(self.rules).match(letter))

    async def file_texts(self, raw: bytes) -> tuple[str, ...]:
        self.asked.append("file_texts")
        return tuple(parsing.file_texts(raw))

    async def signatures(self, raw: bytes) -> list[dkim_coverage.Signature]:
        return dkim_coverage.signatures(raw)

    async def verified(self, raw: bytes, number: int, record: str) -> bool:
        return dkim_coverage.verified(raw, number, record)


class KeepingSender:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.letters: list[tuple[bytes, str, str]] = []
        self.refuse: dict[str, Result] = {}

    async def send(self, letter: bytes, mail_from: str, to: str, tries: int = 0) -> Result:
        if to in self.refuse:
            return self.refuse[to]
        self.letters.append((letter, mail_from, to))
        return Result("sent", "250 ok", 250)

    async def close(self) -> None:
        """Nothing to close."""


class TestDesk:
    """The desk of rules.yaml (or `rules`) with its clock in our hands."""

    __test__ = False
    client = ""  # the SMTP client of the letters that come

    def __init__(self, data: Path, rules: Path, aligned: tuple[str, ...], **settings: Any) -> None:
        self.now = MOSCOW_NOON
        self.data = data
        self.aligned = set(aligned)  # From addresses whose mail is authenticated
        self.settings = Settings(data=data, rules=rules, templates=ROOT / "templates", **settings)
        self.context = replace(opened(rules), undo=timedelta(seconds=self.settings.undo), caps=self.settings.caps)
        self.disk = Disk()
        self.inbox = Inbox(data, self.disk)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.sender = KeepingSender()
        self.delivered: list[Outgoing] = []
        self.reports = False  # whether the weekly report is written
        self._count = 0

    @classmethod
    async def opened(cls, data: Path, rules: Path = ROOT / "rules.yaml", aligned: tuple[str, ...] = (), **settings: Any) -> TestDesk:
        """A desk with an empty or a filled data folder."""
        desk = cls(data, rules, aligned, **settings)
        await desk.restart()
        return desk

    async def restart(self) -> None:
        """As after a crash: nothing is known but what the disk says."""
        self.store = FileStore(self.data, self.disk, self.now)
        await self.store.load()
        reader: Any = Here(self.context.policy.source)
        self.desk = Desk(FileLetters(self.inbox), self.store, reader, self.context, self._authenticate, lambda: self.now, self._log)
        self.weekly = Weekly(self.data, self.store, lambda: FileDataReader(self.data), self.disk, lambda: self.context, lambda: self.now)
        self.timers = TicketTimers(self.store, lambda: self.context, lambda: self.now, self._log)
        sender = DirectSender(self.sender, lambda: self.context.templates.layout.source, composed)
        outbox_desk = OutboxDesk(
            self._extract, self._given_up, self._alarm, lambda: sending_rules(self.context), lambda: self.now, self._log
        )
        self.outbox = Outbox(self.store, sender, outbox_desk, together=True)

    def _log(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))

    async def _authenticate(self, raw: bytes, letter: Letter, parser_pool: Any) -> Letter:
        return msgspec.structs.replace(letter, aligned="dkim") if letter.requester.email in self.aligned else letter

    async def _extract(self, files: Sequence[FileReference]) -> dict[FileReference, bytes]:
        drawn = [picture_bytes(self.data, file) for file in files]
        if None in drawn:
            raw = self.inbox.read(files[0].letter)[1]
            drawn = parsing.extract(raw, [(file.part, file.type) for file in files])
        return {file: data for file, data in zip(files, drawn, strict=True) if data is not None}

    async def _alarm(self, words: str) -> None:
        self.events.append(("alarm", {"words": words}))

    async def _given_up(self, one: Due) -> None:
        ticket = self.store.get(one.ticket) if one.ticket else None
        if ticket is not None:
            async with self.store.unit_of_work() as unit:
                unit.commit(undelivered(self.context, ticket, one.letter, self.now))

    # ------------------------------------------------------------------------------------------------ letters in

    async def send(
        self, sender: str, text: str = "", *, subject: str = "", to: str = "", html: str = "", headers: dict[str, str] | None = None,
        files: tuple[tuple[str, bytes], ...] = (), mail_from: str | None = None, message_id: str = "", name: str = "",
    ) -> list[Outgoing]:  # fmt: skip
        """A letter that somebody writes; the letters that left because of it, at once."""
        message = EmailMessage()
        message["From"] = f"{name} <{sender}>" if name else sender
        message["To"] = to or self.context.policy.desk.address
        message["Subject"] = subject
        message["Date"] = format_datetime(self.now)
        self._count += 1
        message["Message-ID"] = f"<{message_id or f'{self._count}.{self.now:%H%M%S}@client.example'}>"
        for key, value in (headers or {}).items():
            message[key] = value
        message.set_content(text)
        if html:
            message.add_alternative(html, subtype="html")
        for filename, content in files:
            kind = ("image", "png") if filename.endswith(".png") else ("application", "octet-stream")
            message.add_attachment(content, maintype=kind[0], subtype=kind[1], filename=filename)
        return await self.raw(message.as_bytes(), sender if mail_from is None else mail_from, (to or self.context.policy.desk.address,))

    async def raw(
        self, letter: bytes, mail_from: str = "?", recipients: tuple[str, ...] = ("support@providence.film",),
        **more: Any,
    ) -> list[Outgoing]:  # fmt: skip
        """Bytes as they come from the wire; `more` of the envelope."""
        before = len(self.delivered)
        ident = self.inbox.new_id(self.now)
        envelope = Envelope(
            letter=ident, received=self.now, mail_from=mail_from, recipients=recipients, client=self.client, **more
        )
        self.inbox.accept(letter, envelope)
        await self.desk.handle(envelope.letter, Position(LetterOrder()))
        await self.deliver()
        return self.delivered[before:]

    async def reply(self, to: Outgoing, sender: str, text: str, **more: Any) -> list[Outgoing]:
        """An answer to a letter of ours, as a mail program writes it: Reply-To, In-Reply-To, Re:, the letter quoted below."""
        named = dict(to.headers)
        headers = {"In-Reply-To": f"<{to.message_id}>", "References": f"{named.get('References', '')} <{to.message_id}>".strip()}
        quoted = "\n".join(f"> {line}" for line in to.text.splitlines())
        body = f"{text}\n\n{self.now:%d.%m.%Y}, {self.context.policy.desk.name} <support@providence.film> пишет:\n{quoted}\n"
        address = named.get("Reply-To", self.context.policy.desk.address)
        return await self.send(sender, body, subject=f"Re: {to.subject}", to=address, headers=headers | more.pop("headers", {}), **more)

    # ------------------------------------------------------------------------------------------------ letters out

    async def deliver(self) -> list[Outgoing]:
        """Hands over what is due now."""
        sent: list[Outgoing] = []
        while due := await self.store.due(self.now, 100):
            results = await self.outbox.deliver(due)
            sent += [one.letter for one in results if one.letter.state == "sent"]
        self.delivered += sent
        return sent

    async def pass_time(self, **span: float) -> list[Outgoing]:
        """Lets time go by, as in timedelta(**span), in steps no longer than an hour; what left meanwhile."""
        before, end = len(self.delivered), self.now + timedelta(**span)
        while self.now < end:
            self.now = min(self.now + timedelta(hours=1), end)
            await self.timers.look()
            await self.timers.gather()
            if self.reports:
                await self.weekly.send()
            await self.deliver()
        return self.delivered[before:]

    def mail(self, to: str, template: str = "") -> list[Outgoing]:
        """What an address has been sent, oldest first."""
        return [one for one in self.delivered if one.to == to and template in ("", one.template)]

    def ticket(self, number: int = 1) -> Ticket:
        """A ticket as it is on the disk's word."""
        ticket = self.store.get(number)
        assert ticket is not None, f"there is no ticket {number}"
        return ticket

    def tickets(self) -> list[int]:
        """Numbers of the live tickets."""
        return sorted(self.store.index.lines)

    def ledger_adds_up(self) -> bool:
        """The proof, from the disk."""
        return account(FileDataReader(self.data)).adds_up
