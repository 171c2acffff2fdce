"""The letter with which the leads' week begins: figures and pictures of the last one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from bot.disk import Disk
from bot.disk.regular_files import read_regular
from bot.model import Audience, Decision, DeskRecord, FileReference, Outgoing
from bot.rendering import reply_policy
from bot.rendering.contexts import Report, Section
from bot.reports.charts import draw
from bot.reports.figures import Figures
from bot.reports.tables import tables, title
from bot.rules import Policy
from bot.store.data_access import DataReader
from bot.store.interface import Lookup, Store
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import Draft, desk_view, draft_alone

FOLDER = "reports"  # of the data folder; also the beginning of the references to its pictures


def names(policy: Policy) -> dict[str, str]:
    """Agents by their addresses."""
    return {one.address: one.name for one in policy.people.agents}


def picture_bytes(data: Path, reference: FileReference) -> bytes | None:
    """The picture that a report's letter refers to; None for the attachment of a letter."""
    ours = reference.letter.startswith(FOLDER + "/")
    return read_regular(data / reference.letter / reference.name) if ours else None


class Weekly:
    """Writes the report of the last week once it is over, when work has begun; once, also across restarts."""

    def __init__(
        self, data: Path, store: Store, reader: Callable[[], DataReader], disk: Disk, context: Callable[[], DeskContext], now: Callable[[], datetime]
    ) -> None:
        self._data, self._store, self._reader, self._disk, self._context, self._now = data, store, reader, disk, context, now
        self._written = ""  # the last week whose report is known to have gone out

    async def send(self) -> None:
        """The letter to each lead, where it is due. Figures and pictures are made in a thread."""
        context, now = self._context(), self._now()
        today = now.astimezone(context.policy.calendar.zone).date()
        until = today - timedelta(days=today.weekday())
        since = until - timedelta(days=7)
        week = f"{since:%G-W%V}"
        if context.policy.periods.report != "weekly" or week == self._written or not context.policy.calendar.is_open(now):
            return
        async with self._store.unit_of_work() as unit:
            known = await unit.find(Lookup(letter="", requester=""), now)
        if known.reported >= week:
            self._written = week
            return
        letters = await asyncio.to_thread(self.written, context, since, until, week, now)
        record = DeskRecord(at=now, about="report", letter=f"{FOLDER}/{week}", words=week, outgoing=tuple(letters))
        async with self._store.unit_of_work() as unit:
            unit.commit(Decision(records=(record,)))

    def written(self, context: DeskContext, since: date, until: date, week: str, now: datetime) -> list[Outgoing]:
        """A letter for each lead; none while the desk is empty."""
        figures = self._figures(context, since, until)
        leads = [
            one
            for one in context.policy.people.leads
            if reply_policy.to_staff(one.address, reply_policy.Traffic(), context.signer.is_ours, None, now).to
        ]
        letters: list[Outgoing] = []
        for lead in leads if not figures.empty else ():
            language = context.language(lead.language or "", context.policy.desk.language)
            terms = context.terms(language)
            charts = draw(figures, terms)
            files = {code: self._kept(f"{FOLDER}/{week}", f"{code}.{language}.png", png) for code, png in charts.items()}
            values = Report(
                desk=desk_view(context, language),
                language=language,
                title=title(figures, terms),
                sections=tuple(
                    Section(title=one.title, rows=one.lines(), picture=files[one.code].name if one.code in files else "")
                    for one in tables(figures, terms)
                ),
            )
            drafted = Draft(Audience.agent, "report", values, lead.address, letter=f"{FOLDER}/{week}")
            made = draft_alone(context, drafted, now)
            letters.append(replace(made, attachments=tuple(files.values())))
        return letters

    def _figures(self, context: DeskContext, since: date, until: date) -> Figures:
        with closing(self._reader()) as reader:
            return Figures(since, until, context.policy.calendar.zone, names(context.policy)).add_all(reader.tickets())

    def picture(self, reference: FileReference) -> bytes | None:
        """The picture that a report's letter refers to, drawn anew where another daemon has made it; None for the attachment of a letter."""
        if reference.letter.startswith(FOLDER + "/") and not (self._data / reference.letter / reference.name).exists():
            (code, language), context = reference.name.split(".")[:2], self._context()
            since = datetime.strptime(reference.letter.removeprefix(FOLDER + "/") + "-1", "%G-W%V-%u").date()  # noqa: DTZ007  a day
            self._kept(
                reference.letter, reference.name, draw(self._figures(context, since, since + timedelta(days=7)), context.terms(language))[code]
            )
        return picture_bytes(self._data, reference)

    def _kept(self, folder: str, name: str, png: bytes) -> FileReference:
        """A picture on disk before the letter that refers to it."""
        self._disk.mkdir(self._data / folder)
        path = self._data / folder / name
        self._disk.write_synced(path.with_name(f".{name}.tmp"), path, png)
        return FileReference(letter=folder, part=0, name=name, type="image/png", size=len(png))
