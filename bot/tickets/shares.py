"""What belongs to all, and no sender may use up: the attention of staff (design, section 7, item 5). Pure.

The letters to staff that a stranger's letter causes are counted for its sender, its client and its domain,
and for whom they go to. Beyond a share they do not leave one by one: half a minute later one letter to each
agent names them all. The tickets stand in the queue as ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from bot.model import (
    Audience,
    Decision,
    Delivery,
    DeskRecord,
    Envelope,
    Letter,
    Outgoing,
    Ticket,
    client_of,
    person_of,
)
from bot.rendering.contexts import Gathered, Section
from bot.store.interface import TicketSummary, Window
from bot.tickets import queue
from bot.tickets.context import DeskContext
from bot.tickets.digest import desk_buttons
from bot.tickets.outgoing import Draft, desk_view, draft_alone, tag
from bot.tickets.threading import SenderFacts
from bot.tickets.tokens import Purpose

TEN = timedelta(minutes=10)
MOST_LISTED = 10  # tickets of one sender that are named; #queue shows all
ASKED = ("confirm", "command_error")  # to an agent about letters in their name


class Share(NamedTuple):
    """Whose letters count as one, and how many letters to staff they may cause in ten minutes."""

    kind: str  # from, at, domain, all, alert, names
    who: str
    most: int


class Case(NamedTuple):
    """What causes the letters to staff: a letter or a deed, and whose it is."""

    context: DeskContext
    now: datetime
    cause: str
    who: str = ""


def of_letter(letter: Letter, sender_facts: SenderFacts, decision: Decision, context: DeskContext) -> tuple[Share, ...]:
    """The shares that the letter draws on; none for what staff prove. Letters in an agent's name that nothing
    proves have a share of their own: they leave the answers to the agent's real letters alone.
    """
    if letter.envelope.too_large:
        return of_alert("too_large", context)
    most, client = context.policy.caps.errors_10_min, client_of(letter.envelope, context.relays)
    if sender_facts.agent:
        unproved = any(one.about == "confirmation" for one in decision.records)
        return (Share("names", client, most // 3), Share("names", sender_facts.agent, most)) if unproved else ()
    if sender_facts.department and any(one.purpose is Purpose.department for one in sender_facts.references):
        return ()
    return of_sender(letter.requester.email or letter.envelope.mail_from, context, letter.envelope)


def of_sender(address: str, context: DeskContext, envelope: Envelope | None = None) -> tuple[Share, ...]:
    """The shares of a requester."""
    caps, person = context.policy.caps, person_of(address)
    return (
        Share("from", person, caps.notices_requester_10_min),
        Share("at", client_of(envelope, context.relays) if envelope else "", caps.notices_client_10_min),
        Share("domain", person.rpartition("@")[2], caps.notices_domain_10_min),
    )


def of_alert(about: str, context: DeskContext) -> tuple[Share, ...]:
    """The share of one kind of trouble that strangers can cause."""
    return (Share("alert", about, context.policy.caps.notices_requester_10_min),)


def fresh(decision: Decision, before: Mapping[int, Ticket]) -> tuple[Outgoing, ...]:
    """The letters to staff that the decision makes; `before` are the tickets as they were."""
    made = [one for ticket in decision.tickets for one in ticket.outgoing if one.id > _last(before, ticket)]
    made += [one for record in decision.records for one in record.outgoing]
    return tuple(one for one in made if one.audience in (Audience.agent, Audience.department))


def windows(shares: Sequence[Share], letters: Sequence[Outgoing], case: Case) -> dict[Window, Share]:
    """The windows in which these letters need room when they leave: those of a night leave together."""
    due, most = leave(letters), case.context.policy.caps.notices_all_10_min
    when = f" {due:%Y-%m-%dT%H:%M}" if due > case.now else ""
    needed = (*shares, Share("all", letters[0].to, most))
    return {Window(f"{one.kind} {one.who}{when}", one.most, TEN): one for one in needed if one.who}


def leave(letters: Sequence[Outgoing]) -> datetime:
    """When the last of these letters may leave."""
    return max(one.due for one in letters)


def gathered(decision: Decision, before: Mapping[int, Ticket], share: Share, case: Case) -> Decision:
    """The decision where a share is used up: what would tell staff waits to be gathered, what asks an agent
    or brings a case to a department is held.
    """
    waits = tuple(
        replace(one, body="", headers=(), attachments=(), state=Delivery.cancelled, result="gathered")
        for one in fresh(decision, before) if not _held(one)
    )  # fmt: skip
    words = f"{share.kind} {share.who}"
    record = DeskRecord(
        at=case.now, about="gathered", letter=case.cause, who=case.who, words=words, outgoing=waits
    )
    tickets = (
        replace(one, outgoing=_without(one.outgoing, _last(before, one))) for one in decision.tickets
    )
    records = (replace(one, outgoing=_without(one.outgoing)) for one in decision.records)
    event = ("gathered", {"letter": case.cause, "share": words, "count": len(waits)})
    return replace(
        decision,
        tickets=tuple(tickets),
        records=(*records, *((record,) if waits else ())),
        events=(*decision.events, event),
    )


def _last(before: Mapping[int, Ticket], ticket: Ticket) -> int:
    known = before.get(ticket.number)
    return known.outgoing[-1].id if known and known.outgoing else 0


def _held(one: Outgoing) -> bool:
    return one.audience is Audience.department or one.template in ASKED


def _without(letters: tuple[Outgoing, ...], last: int = -1) -> tuple[Outgoing, ...]:
    """The letters without those to staff after number `last`; what asks stays, held."""
    new = [one.id > last and one.audience in (Audience.agent, Audience.department) for one in letters]
    kept = [(one, made) for one, made in zip(letters, new, strict=True) if not made or _held(one)]
    return tuple(replace(one, state=Delivery.held, result="share") if made else one for one, made in kept)


# --------------------------------------------------------------------------------------------- telling them


def ripe(waiting: Sequence[DeskRecord], now: datetime) -> list[DeskRecord]:
    """Those whose letters would have left by now: at night they wait for the morning as well."""
    return [record for record in waiting if not record.outgoing or leave(record.outgoing) <= now]


def listed(records: Sequence[DeskRecord], context: DeskContext) -> set[int]:
    """The tickets that the gathered letters name."""
    groups = [group for sorts in _by_agent(records).values() for group in sorts.values()]
    return {number for group in groups for number in _numbers(group, context)[:MOST_LISTED]}


def gathering(
    records: Sequence[DeskRecord], rows: Mapping[int, TicketSummary], context: DeskContext, now: datetime
) -> Decision:
    """One letter to each agent with what was gathered for them; the record keeps it from coming twice."""
    cause, letters = f"gathering/{now:%Y%m%dT%H%M%S%f}", []
    for to, sorts in _by_agent(records).items():
        agent = context.policy.people.agent(to)
        if agent is None:  # no longer one of the staff
            continue
        language = context.language(agent.language or "", context.policy.desk.language)
        viewer = queue.Viewer(context, agent, language, now)
        values = Gathered(
            desk=desk_view(context, language),
            language=language,
            count=sum(_count(group) for group in sorts.values()),
            sections=tuple(_section(share, group, rows, viewer) for share, group in sorts.items()),
            buttons=desk_buttons(viewer),
        )
        letters.append(draft_alone(context, Draft(Audience.agent, "gathered", values, to, letter=cause), now))
    words = " ".join(record.letter for record in records)
    told = DeskRecord(at=now, about="gathering", letter=cause, words=words, outgoing=tuple(letters))
    return Decision(records=(told,))


def _by_agent(records: Sequence[DeskRecord]) -> dict[str, dict[str, list[Outgoing]]]:
    """Address -> share -> what would have been sent."""
    found: dict[str, dict[str, list[Outgoing]]] = {}
    for record in records:
        for one in record.outgoing:
            sorts = found.setdefault(one.to, {})
            sorts.setdefault(record.words, []).append(replace(one, letter=record.letter))
    return found


def _count(group: Sequence[Outgoing]) -> int:
    return len({one.letter for one in group})


def _numbers(group: Sequence[Outgoing], context: DeskContext) -> list[int]:
    peeked = (context.signer.peek(one.message_id) for one in group)
    return sorted({one[0] for one in peeked if one and one[0]})


def _section(
    share: str, group: Sequence[Outgoing], rows: Mapping[int, TicketSummary], viewer: queue.Viewer
) -> Section:
    """From one sender (ivan@example.org): 37, PF-12 … PF-48; the first tickets, and subjects of no ticket."""
    context, (kind, _, who) = viewer.context, share.partition(" ")
    numbers = _numbers(group, context)
    title = viewer.terms.say(f"alert_{who}" if kind == "alert" else f"share_{kind}", who)
    ends = dict.fromkeys(tag(context, number) for number in (*numbers[:1], *numbers[-1:]))
    about_none = [one.subject for one in group if one.subject != title and not _numbers((one,), context)]
    return Section(
        title=", ".join(filter(None, (f"{title}: {_count(group)}", " … ".join(ends)))),
        tickets=tuple(
            queue.line(rows[number], viewer) for number in numbers[:MOST_LISTED] if number in rows
        ),
        rows=tuple(dict.fromkeys(about_none)),
    )
