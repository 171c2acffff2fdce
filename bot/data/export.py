"""A copy of what a person has written and been sent, for him: his letters as an mbox, his tickets as JSON (`run.py export`)."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from bot import parsing
from bot.data.erasure import raw_letters, wrote
from bot.model import Delivery, File, FileReference, NoLetterError, Outgoing, Ticket
from bot.printing import to_json
from bot.rendering.compose import to_bytes
from bot.rendering.templates import Layout
from bot.reports.weekly import picture_bytes
from bot.store.data_access import DataReader


def export(reader: DataReader, data: Path, address: str, folder: Path, sender: tuple[str, str], layout: Layout) -> tuple[int, int]:
    """Writes `letters.mbox` and `tickets.json` into a new folder; how many letters and tickets. Raises OSError.

    The letters are those that he wrote, as they came, and those that he was sent, from `sender` (address, name) in the layout.
    """
    folder.mkdir(mode=0o700, parents=True)
    letters, tickets = 0, [view(ticket, address) for ticket in reader.tickets()]
    box = mailbox.mbox(folder / "letters.mbox")
    try:
        for _, message in sorted(_letters(reader, data, address, sender, layout), key=lambda pair: pair[0]):
            box.add(message)
            letters += 1
    finally:
        box.close()
    found = [one for one in tickets if one]
    (folder / "tickets.json").write_text(to_json(found, indent=1), "utf-8")
    for path in folder.iterdir():
        path.chmod(0o600)
    return letters, len(found)


def view(ticket: Ticket, address: str) -> dict[str, Any] | None:
    """The ticket's facts and public correspondence where it is his own; of another's, what he said in it; None where he has no part."""
    own = ticket.requester.email == address
    entries = [entry for entry in ticket.public_entries() if own or entry.who == address]
    if not own and not entries and address not in ticket.participants:
        return None
    said = [
        {"at": one.at, "by": one.name or one.who, "subject": one.subject, "text": one.text, "files": [file.name for file in one.attachments]}
        for one in entries
    ]
    facts = {
        "opened": ticket.opened, "done": ticket.done_at, "subject": ticket.subject, "name": ticket.requester.name, "status": ticket.status,
        "resolution": ticket.resolution, "ground": ticket.ground, "priority": ticket.priority, "score": ticket.score or None,
    }  # fmt: skip
    built: dict[str, Any] = msgspec.to_builtins({"number": ticket.number, **(facts if own else {"takes_part": True}), "correspondence": said})
    return built


def _letters(reader: DataReader, data: Path, address: str, sender: tuple[str, str], layout: Layout) -> Iterator[tuple[datetime, bytes]]:
    """(moment, bytes) of what he wrote and was sent."""
    for _, _, envelope, raw in raw_letters(reader):
        if wrote(address, envelope, raw):
            yield envelope.received, raw
    for one in _outgoing(reader):
        if one.to == address and one.state is Delivery.sent:
            files = [file for part in one.attachments for file in _file(reader, data, part)]
            yield one.done_at or one.created, to_bytes(one, layout, *sender, files)


def _outgoing(reader: DataReader) -> Iterator[Outgoing]:
    for ticket in reader.tickets():
        yield from ticket.outgoing
    for _, record in reader.records():
        yield from record.outgoing


def _file(reader: DataReader, data: Path, part: FileReference) -> Iterator[File]:
    """An attachment; one whose letter is gone is left out. Raises OSError for one that cannot be read."""
    try:
        content = picture_bytes(data, part)
        if content is None:
            [content] = parsing.extract(reader.letter(part.letter)[1], [(part.part, part.type)])
    except (NoLetterError, FileNotFoundError):
        return
    if content is not None:
        yield part.name, part.type, content
