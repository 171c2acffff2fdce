"""`run.py report`: the figures on the screen, as a page of their own, or as CSV."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING

from bot.printing import one_line

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
        rows = "".join("<tr>" + "".join(f"<td>{escape(one_line(cell))}" for cell in row) for row in table.rows)
        chart = b64encode(charts.get(table.code, b"")).decode()
        picture = f'<p><img alt="{escape(table.title)}" width="560" src="data:image/png;base64,{chart}">' if chart else ""
        made.append(f"<h2>{escape(table.title)}</h2>{picture}<table><tr>{head}{rows}</table>")
    return "\n".join(made) + "\n"
