"""What the law gives a person: a copy of what is kept about him (bot.data.export), and to be forgotten (`trace`, then `forget`).

`trace` reads the whole desk and changes nothing; `forget` carries out what it found, in an order in which a second run finishes what was
cut off: raw letters first, then what names them, his own tickets last, since his words are known from them.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import quopri
import re
import shutil
import time
import zlib
from collections.abc import Iterator
from datetime import datetime
from email.header import Header
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bot.disk import Disk, is_there, listed
from bot.disk.regular_files import read_regular
from bot.model import Decision, Envelope, NoLetterError, Value
from bot.parsing import charset
from bot.parsing.headers import Senders, words
from bot.parsing.mime import fields, parse
from bot.store.data_access import DataReader
from bot.store.files.documents import part_files, read_head
from bot.store.files.names import ASIDE, ID, SENT, half_written
from bot.store.interface import Letters, Lookup, Store
from bot.tickets.erasure import Person, record_without, without

SUBJECT = re.compile(rb"^subject:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", re.IGNORECASE | re.MULTILINE)
MESSAGE_ID = re.compile(r"^message-id:\s*<[^.>]*\.(\d+)-", re.IGNORECASE | re.MULTILINE)  # the ticket in one of ours
LOGS = ("desk.jsonl", "desk.log")  # of today
LEFT = 600  # seconds: nothing takes so long to be written
PACKED: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
ESCAPE = re.compile(r"\\[nrtbf]")  # of JSON
LETTER = re.compile(ID)
CLIENT = re.compile(r"(\bclient(?:=|\":\"))[^\s\"]+")


class Plan(Value, frozen=True):
    """What is to be forgotten of a person."""

    person: Person
    own: tuple[int, ...] = ()  # tickets that will be emptied
    others: tuple[int, ...] = ()  # tickets that he is taken out of
    records: tuple[str, ...] = ()  # places
    erased: tuple[str, ...] = ()  # letters: his, and all those of his tickets
    cut: tuple[str, ...] = ()  # other people's letters that name him
    known: tuple[str, ...] = ()  # of those: letters of tickets in which he took part
    waiting: tuple[str, ...] = ()  # letters of his that have not been handled yet

    @property
    def empty(self) -> bool:
        """Whether nothing is kept of him."""
        return not (self.own or self.others or self.records or self.erased or self.cut)


class Part(NamedTuple):
    """What a person said and was given in tickets."""

    own: list[int]
    said: list[str]
    ids: set[str]
    letters: set[str]
    shared: set[str]  # letters of other people's tickets in which he takes part


def part_of(reader: DataReader, address: str) -> Part:
    """A person's part in all tickets and records."""
    part = Part([], [], set(), set(), set())
    for ticket in reader.tickets():
        mine = [entry for entry in ticket.entries if entry.who == address]
        part.said.extend(entry.text for entry in mine)
        part.said.extend(entry.name for entry in mine if " " in entry.name)
        part.ids.update(entry.message_id for entry in mine if entry.message_id)
        if ticket.requester.email == address:
            part.own.append(ticket.number)
            part.said.extend((ticket.subject, ticket.requester.name if " " in ticket.requester.name else "", *(entry.subject for entry in mine)))
            part.letters.update(seen.letter for seen in ticket.seen)
        elif mine or address in ticket.participants:
            part.letters.update(entry.letter for entry in mine if entry.letter)
            part.shared.update(seen.letter for seen in ticket.seen)
    part.letters.update(record.letter for _, record in reader.records() if record.who == address and record.disposition)
    return part


def raw_letters(reader: DataReader) -> Iterator[tuple[str, str, Envelope, bytes]]:
    """(id, place, envelope, bytes) of every letter; those that go away meanwhile are left out."""
    for ident, place in reader.letters():
        try:
            yield ident, place, *reader.letter(ident)
        except NoLetterError:
            continue


def wrote(address: str, envelope: Envelope, raw: bytes) -> bool:
    """Whether the letter is from the address; one without a From line is its envelope sender's."""
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    if address not in head.decode("utf-8", "replace").lower() and envelope.mail_from.lower() != address:
        return False
    authors = [one.email for one in Senders(fields(head, [])[0]).sender] or [envelope.mail_from.lower()]
    return authors[0] == address


def trace(reader: DataReader, address: str, now: datetime) -> Plan:
    """Everything that is kept of a person. Reads every ticket, record and letter."""
    part = part_of(reader, address)
    known = Person(address=address, said=tuple(part.said), ids=tuple(sorted(part.ids)), tickets=tuple(part.own))
    cut, waiting = [], []
    for ident, place, envelope, raw in raw_letters(reader):
        if ident in part.letters or wrote(address, envelope, raw):
            part.letters.add(ident)
            waiting += [ident] if place == "waiting" else []
        elif letter_without(envelope, raw, known, ident in part.shared) != (envelope, raw):
            cut.append(ident)
    person = msgspec.structs.replace(known, letters=frozenset(part.letters))
    others = [
        ticket.number
        for ticket in reader.tickets()
        if ticket.number not in part.own
        and (person.hint.search(msgspec.json.encode(ticket).decode()) or any(seen.letter in person.letters for seen in ticket.seen))
        and without(ticket, person, now) != ticket
    ]
    records = [
        place
        for place, record in reader.records()
        if (record.letter in person.letters or record.about == "override" or person.hint.search(msgspec.json.encode(record).decode()))
        and record_without(record, person) != record
    ]
    return Plan(
        person=person, own=tuple(part.own), others=tuple(others), records=tuple(records), erased=tuple(sorted(part.letters)), cut=tuple(cut),
        known=tuple(sorted(part.shared.intersection(cut))), waiting=tuple(waiting),
    )  # fmt: skip


async def forget(plan: Plan, letters: Letters, store: Store, now: datetime) -> None:
    """Carries the plan out. Raises OSError; called again with a new plan it finishes."""
    person = plan.person
    for ident in plan.cut:
        try:
            envelope, raw = await letters.read(ident)
        except NoLetterError:
            continue
        await letters.erase(ident, letter_without(envelope, raw, person, ident in plan.known))
    for ident in plan.erased:
        await letters.erase(ident)
    for place in plan.records:
        await store.rewrite_record(place, partial(record_without, person=person))
    for number in (*plan.others, *plan.own):
        async with store.unit_of_work() as unit:
            known = await unit.find(Lookup(letter="", requester="", tickets=(number,)), now)
            ticket = known.tickets.get(number)
            if ticket is not None:
                own = ticket.requester.email == person.address  # perhaps opened while the plan was made
                came = [seen.letter for seen in ticket.seen if own and seen.letter not in person.letters]
                for ident in came:  # since the plan was made; else nothing would account for them
                    await letters.erase(ident)
                unit.commit(Decision(tickets=(without(ticket, person, now),)))
    await store.forget_address(person.address)


# ------------------------------------------------------------------------------------------------------ raw letters


def letter_without(envelope: Envelope, raw: bytes, person: Person, known: bool = False) -> tuple[Envelope, bytes]:
    """Somebody's letter without the person, envelope included."""
    sender = "" if envelope.mail_from.lower() == person.address else envelope.mail_from
    return msgspec.structs.replace(envelope, mail_from=sender), raw_without(raw, person, known)


def raw_without(raw: bytes, person: Person, known: bool = False) -> bytes:
    """A letter without the person's address, and without his words where it names him; other files in it stay as they are."""
    clean = person.unnamed(raw.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    root, known = parse(clean)[0], known or clean != raw
    subject = words(root.field("subject"))
    if (cleaned := person.cleaned(subject, known)) != subject:
        known, clean = True, SUBJECT.sub(lambda _: b"Subject: " + Header(cleaned, "utf-8").encode().encode(), clean, count=1)
    end = fields(clean, [])[1]  # of what has been looked through: the header, to begin with
    for part in root.walk():
        start = clean.find(part.raw, end) if part.raw else -1
        if start < 0 or part.children or not part.type.startswith("text/"):
            continue
        label = part.parameters.get("charset", b"").decode("latin-1")
        text, _ = charset.decode(part.body(), label)
        cleaned, coded = person.cleaned(text, known), part.raw
        if cleaned != text:
            coded = _encoded(cleaned, charset.codec(label), part.encoding)
        clean, end = clean[:start] + coded + clean[start + len(part.raw) :], start + len(coded)
    return clean


def _encoded(text: str, codec: str, way: str) -> bytes:
    """The text as the part that it came from was written; in UTF-8 where its charset cannot say it, which readers find out."""
    lines = text.replace("\n", "\r\n")
    try:
        data = lines.encode(codec or "utf-8")
    except (UnicodeEncodeError, LookupError):
        data = lines.encode("utf-8", "replace")
    ways = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}
    return ways.get(way, bytes)(data)


# -------------------------------------------------------------------------------------------- files of the data folder


def files_without(data: Path, plan: Plan) -> int:
    """Takes the person out of what lies in the data folder beside the store: letters sent into a folder, files that `repair` has set
    aside, logs that have been rotated away; how many files. To be done before `forget`, while his tickets are known.

    What crashes left half-written goes too, whosever it is.
    """
    person, disk, changed = plan.person, Disk(), 0
    for path in half_written(data):
        if path.stat().st_mtime < time.time() - LEFT:
            disk.unlink(path)
    for path in listed(data / "outbox", SENT):
        raw = read_regular(path)
        head = raw[: raw.find(b"\r\n\r\n")].decode("utf-8", "replace")
        ours = MESSAGE_ID.search(head)
        if f"\ndelivered-to: {person.address}\r" in head.lower() or (ours and int(ours[1]) in plan.own):
            disk.unlink(path)
        elif (rest := raw_without(raw, person)) != raw:
            disk.write_synced(path.with_name(f".{path.name}.tmp"), path, rest)
        else:
            continue
        changed += 1
    for path in unnamed_parts(data / "tickets"):  # left by a desk that was cut off, or of a ticket that is gone
        if path.stat().st_mtime < time.time() - LEFT and gives_away(path, person):
            disk.unlink(path)
            changed += 1
    for path in (*listed(data / "tickets" / "broken", ASIDE), *listed(data / "desk" / "broken", ASIDE)):
        if gives_away(path, person):  # its name keeps the number
            disk.write_synced(path.with_name(f".{path.name}.tmp"), path, b"")
            changed += 1
    rotated = (path for path in listed(data / "log", r"desk\..*") if path.name not in LOGS)
    return changed + sum(log_without(path, person) for path in rotated)


def gives_away(path: Path, person: Person) -> bool:
    """Whether a ticket's file names the person."""
    text = ESCAPE.sub(" ", read_regular(path).decode("utf-8", "replace"))
    return person.unnamed(text) != text or person.named.search(text) is not None


def unnamed_parts(tickets: Path) -> Iterator[Path]:
    """Files of parts that no ticket names, whatever the reason. Raises OSError."""
    for path in part_files(tickets):
        number, name = map(int, path.stem.split("."))
        heads = (tickets / "live" / f"{number}.json", tickets / "done" / f"{number // 1000:03}" / f"{number}.json")
        head = next((one for one in heads if is_there(one)), None)
        if head is None or name not in {one.name for one in read_head(head).parts}:
            yield path


def log_without(path: Path, person: Person) -> int:
    """A log, compressed or not, without the person's address, and without where his letters came from; 1 where it named him.

    Raises OSError for one that cannot be unpacked.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    opened: Any = partial(PACKED.get(path.suffix, open), encoding="utf-8", errors="surrogateescape")
    changed = False
    try:
        with opened(path, "rt") as source, opened(temporary, "wt") as target:
            for line in source:
                clean = person.unnamed(line)
                if any(letter in person.letters for letter in LETTER.findall(line)):
                    clean = CLIENT.sub(r"\1-", clean)
                changed |= clean != line
                target.write(clean)
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        temporary.unlink()
        raise OSError(f"{path} cannot be unpacked ({error}): mend or remove it, and try again") from error
    if changed:
        shutil.copymode(path, temporary)
        temporary.replace(path)
    else:
        temporary.unlink()
    return int(changed)
