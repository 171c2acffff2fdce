"""What a lead must know: parked letters, letters that could not be delivered, held ones, broken rules. In his words, by mail."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.model import Decision, Delivery, DeskRecord, Entry, Outgoing, Ticket
from bot.replies import gate
from bot.replies.contexts import Alert
from bot.tickets import notices
from bot.tickets.office import Office
from bot.tickets.writing import agent_ticket, desk_view, loose, staff_thread

TITLES = {
    "parked": ("Письмо отложено: его не удалось обработать", "A letter was set aside: it could not be handled"),
    "undelivered": ("Письмо не доставлено", "A letter could not be delivered"),
    "held": ("Автоматические письма на один адрес задержаны", "Automatic letters to an address are held"),
    "rules_refused": ("Новый rules.yaml не принят, действует прежний", "The new rules.yaml was refused; the last good one stays in force"),
    "refused": ("Почтовый сервер не принял письмо, оно задержано", "The mail relay refused a letter; it is held"),
    "relay": ("Почтовый сервер не принимает наши письма, они ждут", "The mail relay refuses our mail; it waits"),
    "mailbox_login": ("Почтовый ящик не открывается, письма ждут в нём", "The mailbox does not open; letters wait in it"),
    "mailbox_letter": ("Письмо в почтовом ящике не читается", "A letter in the mailbox cannot be read"),
    "too_large": ("Письмо слишком большое, мы его не приняли", "A letter was too large to be taken"),
    "unproved": ("Третье за час неподтверждённое письмо от имени сотрудника", "Third unproved command letter in an agent's name"),
    "deaf": ("Письма до сотрудника или отдела не доходят", "Mail does not reach one of the staff"),
    "broken_ticket": ("Файл обращения не читается", "A ticket file cannot be read"),
}


def alarm(office: Office, about: str, details: tuple[str, ...], cause: str, now: datetime, ticket: Ticket | None = None) -> Decision:
    """A letter to every lead, as a record of the desk; of that `ticket`, if there is one: in its thread, with
    its address and buttons. `cause` names what happened: the same cause is told once.
    """
    outgoing: list[Outgoing] = []
    number = ticket.number if ticket else 0
    for lead in office.policy.people.leads:
        language = office.language(lead.language or "", office.policy.desk.language)
        what = f": {details[0]}" if about in NAMED else ""
        context = Alert(
            desk=desk_view(office, language),
            language=language,
            title=TITLES[about][language != "ru"] + what,
            details=details,
            ticket=agent_ticket(office, ticket) if ticket else None,
            buttons=notices.buttons(ticket, lead, office, now, language) if ticket else (),
        )
        ruling = gate.to_staff(lead.address, gate.Traffic(), office.signer.is_ours, None, now)
        if ruling.to:
            answers, cause_of = staff_thread(ticket, ruling.to) if ticket else (), f"{about}/{cause}"
            made = loose(office, "alert", context, ruling.to, now, letter=cause_of, number=number, answers=answers)
            outgoing.append(replace(made, due=now - FIRST))
    record = DeskRecord(at=now, about=f"alert_{about}", letter=cause, words=" · ".join(details)[:500], outgoing=tuple(outgoing))
    return Decision(records=(record,), events=(("alert", {"about": about, "words": record.words}),))


NAMED = ("too_large", "mailbox_letter")  # the subject says which letter: a gathered one quotes it
ADVICE = {  # by what a relay refuses us for (bot.delivery.result.Cause)
    "login": (
        "Проверьте логин в DESK_RELAY и пароль в DESK_RELAY_PASSWORD_FILE",
        "Check the login in DESK_RELAY and the password in DESK_RELAY_PASSWORD_FILE",
    ),
    "relaying": (
        "Сервер не пересылает за нас почту: укажите логин в DESK_RELAY или разрешите на сервере наш адрес",
        "The server does not relay for us: set a login in DESK_RELAY, or have our address allowed there",
    ),
    "sender": (
        "Сервер не принимает наш адрес отправителя: поставьте DESK_RETURN=plain",
        "The server refuses our sender address: set DESK_RETURN=plain",
    ),
    "limit": (
        "У провайдера кончился лимит отправки: письма уйдут, когда он обновится",
        "The provider's sending limit is used up: the mail leaves when it renews",
    ),
    "mailbox_letter": ("Откройте его в ящике: мы пробуем раз в час", "Open it in the mailbox; we go on trying"),
    "blocked": ("Сервер нас заблокировал: спросите его администратора", "The server has blocked us: ask its admin why"),
}
FIRST = timedelta(days=365)  # what a lead must know goes ahead of all that waits


def advice(cause: str, language: str) -> str:
    """What helps where a relay refuses us, in a language; "" where nothing is known to."""
    return ADVICE[cause][language != "ru"] if cause in ADVICE else ""


def undelivered(office: Office, ticket: Ticket, outgoing: Outgoing, now: datetime) -> Decision:
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
    decision = alarm(office, about, words, cause, now, ticket)
    return Decision(tickets=(changed,), records=decision.records, events=decision.events)
