"""What a lead must know: parked letters, letters that could not be delivered, held ones, broken rules. In his words, by mail."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.model import Audience, Decision, Delivery, DeskRecord, Entry, Outgoing, Ticket
from bot.rendering import reply_policy
from bot.rendering.contexts import Alert
from bot.rendering.terms import Terms
from bot.tickets import staff_notices
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import Draft, agent_ticket, desk_view, draft_alone, staff_thread


def alarm(context: DeskContext, about: str, details: tuple[str, ...], cause: str, now: datetime, ticket: Ticket | None = None) -> Decision:
    """A letter to every lead, as a record of the desk; of that `ticket`, if there is one: in its thread, with
    its address and buttons. `cause` names what happened: the same cause is told once.
    """
    outgoing: list[Outgoing] = []
    number = ticket.number if ticket else 0
    for lead in context.policy.people.leads:
        language = context.language(lead.language or "", context.policy.desk.language)
        terms = context.terms(language)
        what = f": {details[0]}" if about in NAMED else ""
        values = Alert(
            desk=desk_view(context, language),
            language=language,
            title=terms.say(f"alert_{about}") + what,
            details=details,
            ticket=agent_ticket(context, ticket) if ticket else None,
            buttons=staff_notices.buttons(ticket, lead, context, now, terms) if ticket else (),
        )
        ruling = reply_policy.to_staff(lead.address, reply_policy.Traffic(), context.signer.is_ours, None, now)
        if ruling.to:
            answers, cause_of = staff_thread(ticket, ruling.to) if ticket else (), f"{about}/{cause}"
            drafted = Draft(Audience.agent, "alert", values, ruling.to, letter=cause_of, answers=answers)
            made = draft_alone(context, drafted, now, number=number)
            outgoing.append(replace(made, due=now - FIRST))
    record = DeskRecord(at=now, about=f"alert_{about}", letter=cause, words=" · ".join(details)[:500], outgoing=tuple(outgoing))
    return Decision(records=(record,), events=(("alert", {"about": about, "words": record.words}),))


NAMED = ("too_large", "mailbox_letter")  # the subject says which letter: a gathered one quotes it
FIRST = timedelta(days=365)  # what a lead must know goes ahead of all that waits


def advice(cause: str, terms: Terms) -> str:
    """What helps where a relay refuses us, by its cause (bot.delivery.result.Cause); "" where nothing is known to."""
    return terms.lines.get(f"advice_{cause}", "")


def undelivered(context: DeskContext, ticket: Ticket, outgoing: Outgoing, now: datetime) -> Decision:
    """A letter that was given up, or that the relay refused and that is held: a note on the ticket, a letter
    to the lead. Asked for again, as after trouble with the disk, it is the same note.
    """
    at, about = outgoing.done_at or outgoing.due, f"undelivered_{outgoing.audience}"
    note = Entry(at=at, kind="machine", public=False, who=outgoing.to, text=outgoing.result, about=about)
    changed = ticket if note in ticket.entries else replace(ticket, entries=(*ticket.entries, note))
    cause = f"{ticket.number}/{outgoing.id}"
    held = outgoing.state is Delivery.held
    about, way_out = ("refused", (f"run.py held release {outgoing.to}",)) if held else ("undelivered", ())
    words = (outgoing.to, outgoing.subject, outgoing.result, *way_out)
    decision = alarm(context, about, words, cause, now, ticket)
    return Decision(tickets=(changed,), records=decision.records, events=decision.events)
