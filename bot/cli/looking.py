"""The commands that look and change nothing: doctor, health, ledger, list, show, report."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.terminal import data_reader, end_if_broken, fail, rules, settings_here, terms, way_out
from bot.printing import one_line, say, to_json

PATIENCE = 5.0  # seconds for which `health` waits for the desk
TITLES = ("ticket", "status", "priority", "owner", "requester", "opened", "subject")
NARROW, BROAD = (6, 13, 8, 5, 14, 16), (6, 25, 8, 8, 26, 16)  # columns of a window; the subject has the rest

if TYPE_CHECKING:
    from bot.model import Ticket  # in earnest only by the command that needs it


def doctor(letter: Annotated[bool, typer.Option(help="send a test letter all the way round")] = True) -> None:
    """Examine the whole installation; each line says what to do. Exit 1 where something is red."""
    from bot.tools.doctor import examine

    worst = 0
    for state, what, todo in examine(settings_here(), letter):
        mark, colour = {"green": ("ok  ", "green"), "yellow": ("look", "yellow"), "red": ("BAD ", "red")}[state]
        mark = typer.style(mark, fg=colour) if sys.stdout.isatty() else mark
        say(f"  {one_line(what)}" + (f"\n      -> {one_line(todo)}" if todo else ""), mark=mark)
        worst |= state == "red"
    raise typer.Exit(worst)


def tickets(
    everything: Annotated[bool, typer.Option("--all", help="filed tickets too")] = False,
) -> None:
    """List the tickets: number, status, priority, owner, requester, subject; in a pipe one a line, parted by tabs."""
    from rich.table import Table

    from bot.tools.window import Window

    rows: list[tuple[str, ...]] = [TITLES]
    reader = data_reader()
    for row in reader.tickets(filed=everything):
        state = " ".join(filter(None, (row.status, row.resolution or row.ground or ""))).replace("_", " ")
        owner = row.owner.partition("@")[0] or "-"
        opened = f"{row.opened.astimezone():%Y-%m-%d %H:%M}"
        cells = (row.number, state, row.priority, owner, row.requester.email, opened, row.subject)
        rows.append(tuple(map(one_line, cells)))
    if not (sys.stdout.isatty() or os.environ.get("COLUMNS")):
        say("\n".join("\t".join(cells) for cells in rows))
        end_if_broken(reader.broken)
        return
    window = Window()
    widths = NARROW if window.width < 110 else BROAD
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for title, width in zip(TITLES, (*widths, max(12, window.width - sum(widths) - len(widths))), strict=True):
        table.add_column(title, width=width, overflow="ellipsis" if title == "subject" else "fold", no_wrap=title == "subject")
    for line in rows[1:]:
        table.add_row(*line)
    window.print(table)
    end_if_broken(reader.broken)


def show(
    ticket: Annotated[str, typer.Argument(help="number, with or without the prefix")],
    sla: Annotated[bool, typer.Option("--sla", help="only how its due time is reckoned, piece by piece")] = False,
) -> None:
    """Show one ticket: everything said and done in it, and what it sent."""
    from msgspec import DecodeError

    from bot.tickets.sla import told

    number = int(re.sub("[^0-9]", "", ticket)[:10] or 0)
    try:
        found = data_reader().ticket(number) if number < 2**31 else None
    except DecodeError as error:
        fail(f"ticket {ticket} cannot be read: {error}; {way_out()}", 1)
    if found is None:
        fail(f"there is no ticket {ticket}", 1)
    elif sla:
        policy = rules()
        say("\n".join(told(found, policy, datetime.now(UTC), terms(policy, "en"))))
    else:
        _shown(found)


def _shown(ticket: Ticket) -> None:
    """Prints head, entries and outgoing letters of a ticket."""
    from rich.rule import Rule
    from rich.text import Text

    from bot.tools.window import Window

    out = Window()
    out.print(Text.assemble((str(ticket.number), "bold"), "  ", ticket.subject))
    waits = f"waiting for {ticket.waiting_for}"
    state = " ".join(filter(None, (ticket.status, ticket.resolution or ticket.ground or "", waits)))
    out.print(f"{state} · {ticket.priority} · {ticket.requester.email} · owner {ticket.owner or 'nobody'}")
    due = f"{ticket.due.astimezone():%Y-%m-%d %H:%M}" if ticket.due else "-"
    opened = f"{ticket.opened.astimezone():%Y-%m-%d %H:%M}"
    out.print(f"opened {opened} · due {due} · labels {', '.join(ticket.labels) or '-'}")
    for entry in ticket.entries:
        side = "" if entry.public else " (internal)"
        head = f"{entry.at.astimezone():%Y-%m-%d %H:%M} {entry.kind}{side} {entry.name or entry.who}"
        out.print(Rule(head, align="left"))
        what = f"{entry.about} {entry.text}" if entry.kind == "event" else entry.text or entry.about
        out.print(what.strip())
        for file in entry.attachments:
            disposition = "" if file.accepted else f" withheld: {file.why}"
            out.print(f"  · {file.name} ({file.size} bytes){disposition}")
        for hit in entry.hits:
            out.print(f"  · rule {hit.rule} (clause {hit.clause}): {hit.evidence}", style="dim")
    out.print(Rule("outgoing", align="left"))
    for one in ticket.outgoing:
        out.print(f"{one.id:>3} {one.state:<9} {one.template:<28} {one.to}  {one.result}")


def ledger(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Prove from the disk that every accepted letter ended in exactly one place. Exit 1 where it does not add up."""
    from bot.data.ledger import account

    result = account(data_reader())
    say(to_json(result.as_dict()) if as_json else result.as_text())
    raise typer.Exit(0 if result.adds_up else 1)


def health() -> None:
    """Tell monitoring how the desk is, in one line of JSON. Exit 1 when something needs a look; `why` says what."""
    from bot.app.control_socket import ask
    from bot.data.health import health as look

    data = settings_here().data
    if not data.is_dir():
        fail(f"{data}: there is no desk here", 1)

    async def told() -> dict[str, Any] | None:
        async with asyncio.timeout(PATIENCE):
            return await ask(data, {"do": "health"})

    try:
        answer = asyncio.run(told())
    except OSError:  # TimeoutError too: a desk that hangs is none; nor is one that we may not ask
        answer = None
    found = look(data, data_reader(), answer, datetime.now(UTC))
    say(to_json(found))
    raise typer.Exit(0 if found["healthy"] else 1)


def day(text: str) -> date:
    """An ISO day; the end with a hint for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(f"{text!r} is no day; write 2026-11-30")


def report(
    since: Annotated[str, typer.Option("--from", help="first day, such as 2026-11-01; default: a week before the last")] = "",
    until: Annotated[str, typer.Option("--to", help="last day; default: today")] = "",
    html: Annotated[Path | None, typer.Option(help="write a page with charts into this file")] = None,
    as_csv: Annotated[Path | None, typer.Option("--csv", help="write every table into this file")] = None,
    language: Annotated[str, typer.Option(help="ru or en; default: the desk's")] = "",
) -> None:
    """Show the figures of some days: tickets, times, scores, agents, rules. docs/reports.md defines each."""
    from rich.table import Table as Grid

    from bot.reports.charts import draw
    from bot.reports.figures import Figures
    from bot.reports.page import page
    from bot.reports.tables import as_csv as csv_of
    from bot.reports.tables import tables, title
    from bot.reports.weekly import names
    from bot.tools.window import Window

    policy = rules()
    language = language or policy.desk.language
    spoken = terms(policy, language)
    last = day(until) if until else datetime.now(UTC).astimezone(policy.calendar.zone).date()
    first = day(since) if since else last - timedelta(days=6)
    if first > last:
        fail(f"--from {first} is after --to {last}")
    with closing(data_reader()) as desk:
        figures = Figures(first, last + timedelta(days=1), policy.calendar.zone, names(policy)).add_all(desk.tickets())
    found, head = tables(figures, spoken), title(figures, spoken)
    if html:
        html.write_text(page(head, language, found, draw(figures, spoken)), "utf-8")
    if as_csv:
        as_csv.write_text(csv_of(found), "utf-8-sig")  # the mark without which spreadsheets misread Cyrillic
    if not (html or as_csv):
        console = Window()
        console.print(head, style="bold")
        for table in found:
            grid = Grid(*table.head, title=table.title, title_justify="left", box=None)
            for row in table.rows:
                grid.add_row(*row)
            console.print(grid)
    end_if_broken(desk.broken)
