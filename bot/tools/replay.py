"""`replay`: past letters under the rules in force and under new ones, and what would have been different. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.table import Table

from bot.app.context_loading import read
from bot.model import Disposition, Ground, Letter, NoLetterError, Verdict
from bot.rules import Facts, Policy, judge, load
from bot.settings import Settings
from bot.store.data_access import DataReader
from bot.store.factory import open_data_reader
from bot.tools.window import Window
from bot.workers.parser_pool import ParserPool, Unreadable

SHOWN = 6  # tickets named in a row of the table
AHEAD = 16  # letters under way for each parser


@dataclass(frozen=True)
class Past:
    """A person's letter that was judged once, with what was known of its ticket then."""

    letter: str
    ticket: int
    first: bool
    used: tuple[Ground, ...] = ()  # grounds that the machine had used before


def past_letters(reader: DataReader, since: date | None) -> Iterator[Past]:
    """Every letter that opened or joined a ticket, ticket by ticket; a few at a time in memory."""
    day = f"{since:%Y%m%d}" if since else ""
    for ticket in reader.tickets():
        for seen in ticket.seen:
            if seen.disposition in (Disposition.opened, Disposition.appended) and seen.letter >= day:
                first = seen.disposition == Disposition.opened
                yield Past(seen.letter, ticket.number, first, () if first else ticket.suspended)


async def compare(settings: Settings, old: Policy, new: Policy, since: date | None) -> AsyncIterator[tuple[Past, Verdict | None, Verdict | None]]:
    """Each past letter with its verdict under both rules; None where it can no longer be read."""
    reader = open_data_reader(settings)
    share = max(1, settings.readers // 2)
    pools = ParserPool(old.source, share), ParserPool(new.source, share)

    async def one(past: Past) -> tuple[Past, Verdict | None, Verdict | None]:
        try:
            envelope, raw = reader.letter(past.letter)
            letters: list[Letter] = await asyncio.gather(*(pool.read(raw, envelope) for pool in pools))
        except (NoLetterError, Unreadable):
            return past, None, None
        facts = Facts(now=envelope.received, first=past.first, used_grounds=past.used, answering=bool(past.used))
        before, after = (judge(policy, letter, facts) for policy, letter in zip((old, new), letters, strict=True))
        return past, before, after

    try:
        under_way: list[asyncio.Task[tuple[Past, Verdict | None, Verdict | None]]] = []
        for past in past_letters(reader, since):
            under_way.append(asyncio.ensure_future(one(past)))
            if len(under_way) >= AHEAD * settings.readers:
                yield await under_way.pop(0)
        for task in under_way:
            yield await task
    finally:
        reader.close()
        for pool in pools:
            pool.close()


def differences(before: Verdict, after: Verdict) -> Iterator[tuple[str, str, str]]:
    """(what, before, after) for each part of the verdict that differs."""
    for what in ("ground", "action", "topic", "priority", "department"):
        one, other = str(getattr(before, what) or "-"), str(getattr(after, what) or "-")
        if one != other:
            yield what, one, other
    gone, come = ({hit.rule for hit in side.hits} - {hit.rule for hit in other.hits} for side, other in ((before, after), (after, before)))
    yield from (("rule", rule, "-") for rule in sorted(gone))
    yield from (("rule", "-", rule) for rule in sorted(come))


async def replay(settings: Settings, rules: Path, since: date | None, out: Window) -> int:
    """Prints the table; 1 when anything would change, 0 when nothing. Raises RulesError or RulesRefused for either file."""
    old, new = load(read(settings.rules), str(settings.rules)), load(read(rules), str(rules))
    rows: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    count = lost = changed = 0
    async for past, before, after in compare(settings, old, new, since):
        count += 1
        if before is None or after is None:
            lost += 1
            continue
        found = list(differences(before, after))
        changed += bool(found)
        for row in found:
            tickets = rows.setdefault(row, [])
            tickets.append((past.ticket, after.evidence or before.evidence) if len(tickets) < SHOWN else (past.ticket, ""))
    table = Table(box=None, pad_edge=False)
    for title in ("what", "before", "after", "letters", "tickets", "evidence"):
        table.add_column(title, overflow="fold")
    for row, tickets in sorted(rows.items(), key=lambda item: (-len(item[1]), item[0])):
        named = ", ".join(f"{new.desk.prefix}-{number}" for number, _ in tickets[:SHOWN]) + (" …" if len(tickets) > SHOWN else "")
        evidence = " · ".join(dict.fromkeys(words for _, words in tickets[:3] if words))[:120]
        table.add_row(*row, str(len(tickets)), named, evidence)
    if rows:
        out.print(table)
    out.print(f"{count} letters, {changed} would be judged otherwise" + (f", {lost} could not be read" if lost else "") + ". Nothing was changed.")
    return int(bool(rows))
