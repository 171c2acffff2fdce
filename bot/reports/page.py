"""`run.py report`: the figures on the screen, as a page of their own, or as CSV."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.terminal import fail, rules, shelf

if TYPE_CHECKING:
    from bot.reports.tables import Table  # in earnest it would bring half of the desk along, and `deliver` has to start at once

HEAD = """<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{{font:16px/1.4 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1b1f24;background:#fff}}img{{max-width:100%}}
table{{border-collapse:collapse;margin:0 0 2em}}th,td{{padding:.25em 1em .25em 0;text-align:left;border-bottom:1px solid #9aa4b2}}
td+td{{font-variant-numeric:tabular-nums}}</style><h1>{title}</h1>
"""


def page(title: str, language: str, found: Iterable[Table], charts: Mapping[str, bytes]) -> str:
    """One HTML file with everything in it."""
    made = [HEAD.format(language=language, title=escape(title))]
    for table in found:
        head = "".join(f"<th>{escape(cell)}" for cell in table.head)
        rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}" for cell in row) for row in table.rows)
        chart = b64encode(charts.get(table.code, b"")).decode()
        picture = f'<p><img alt="{escape(table.title)}" width="560" src="data:image/png;base64,{chart}">' if chart else ""
        made.append(f"<h2>{escape(table.title)}</h2>{picture}<table><tr>{head}{rows}</table>")
    return "\n".join(made) + "\n"


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
    from rich.console import Console
    from rich.table import Table as Grid

    from bot.reports.charts import draw
    from bot.reports.figures import Figures, TicketRow
    from bot.reports.tables import as_csv as csv_of
    from bot.reports.tables import tables, title
    from bot.reports.weekly import names

    policy = rules()
    language = language or policy.desk.language
    last = day(until) if until else datetime.now(UTC).astimezone(policy.calendar.zone).date()
    first = day(since) if since else last - timedelta(days=6)
    if first > last:
        fail(f"--from {first} is after --to {last}")
    with closing(shelf()) as desk:
        figures = Figures(first, last + timedelta(days=1), policy.calendar.zone, names(policy)).add_all(desk.tickets(TicketRow))
    found, head = tables(figures, language), title(figures, language)
    if html:
        html.write_text(page(head, language, found, draw(figures, language)), "utf-8")
    if as_csv:
        as_csv.write_text(csv_of(found), "utf-8-sig")  # the mark without which spreadsheets misread Cyrillic
    if not (html or as_csv):
        console = Console()
        console.print(head, style="bold", highlight=False)
        for table in found:
            grid = Grid(*table.head, title=table.title, title_justify="left", box=None)
            for row in table.rows:
                grid.add_row(*row)
            console.print(grid)
