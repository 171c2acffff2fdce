"""A ticket for the admin at the shell."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from bot.model import Ticket


def show_ticket(ticket: Ticket, console: Console | None = None) -> None:
    """Prints head, entries and outgoing letters of a ticket."""
    out = console or Console()
    out.print(f"[bold]{ticket.number}[/]  {escape(ticket.subject)}")
    state = " ".join(str(one) for one in (ticket.status, ticket.resolution or ticket.ground or "", f"waiting for {ticket.waiting_for}") if one)
    out.print(f"{state} · {ticket.priority} · {escape(ticket.requester.email)} · owner {ticket.owner or 'nobody'}")
    due = f"{ticket.due.astimezone():%Y-%m-%d %H:%M}" if ticket.due else "-"
    out.print(f"opened {ticket.opened.astimezone():%Y-%m-%d %H:%M} · due {due} · labels {', '.join(ticket.labels) or '-'}")
    for entry in ticket.entries:
        side = "" if entry.public else " (internal)"
        out.print(Rule(f"{entry.at.astimezone():%Y-%m-%d %H:%M} {entry.kind}{side} {escape(entry.name or entry.who)}", align="left"))
        out.print(escape(entry.text or entry.about), highlight=False)
        for file in entry.attachments:
            out.print(f"  · {escape(file.name)} ({file.size} bytes){'' if file.accepted else ' withheld: ' + file.why}")
        for hit in entry.hits:
            out.print(f"  · rule {hit.rule} (clause {hit.clause}): {escape(hit.evidence)}", style="dim")
    out.print(Rule("outgoing", align="left"))
    for one in ticket.outgoing:
        out.print(f"{one.id:>3} {one.state:<9} {one.template:<28} {escape(one.to)}  {escape(one.result)}", highlight=False)
