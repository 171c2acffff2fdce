"""A person's letter: it opens a ticket, joins one, or is set apart from one; at most one automatic letter answers it.

Pure: (ticket, letter, verdict, policy, caps, now) -> Decision. Clauses 4.1 to 4.7 of the regulation; sections 4, 6 and 7 of the design.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from bot.model import (
    Address,
    Audience,
    Decision,
    DeskRecord,
    Entry,
    Fate,
    Ground,
    Letter,
    LetterClass,
    Priority,
    Resolution,
    Status,
    Ticket,
    Verdict,
    Waiting,
)
from bot.policy import Facts, judge
from bot.replies import gate
from bot.replies.gate import Ruling
from bot.store.port import ANNOUNCED, BY_MAIL, Found, Sender
from bot.tickets import notices, score
from bot.tickets.alerts import alarm
from bot.tickets.answers import automatic_answer, weighed
from bot.tickets.due import due_from, prioritise
from bot.tickets.identity import Purpose
from bot.tickets.machines import seen_of, unread
from bot.tickets.office import Office
from bot.tickets.place import Place, Sight, followed, full, takes_part
from bot.tickets.states import move
from bot.tickets.timers import nudged
from bot.tickets.wishes import granted, wish
from bot.tickets.writing import MOST_QUOTED, kept

MOST_LINKS = 20  # a stranger who names one ticket again and again does not make it grow


def decide(letter: Letter, sight: Sight, place: Place, found: Found, office: Office, now: datetime) -> Decision:
    """What a letter of a person (or of a mailing list) changes."""
    known = found.senders.get(letter.requester.email, Sender())
    lifted = (DeskRecord(at=now, about="lift", who=letter.requester.email, letter=letter.envelope.letter),)
    records = lifted if known.suppressed and sight.kind is LetterClass.human else ()
    if known.blocked:
        return unread(letter, "blocked", now)
    mark = score.given(letter, sight, place, found)
    if mark:
        ruling = rule(letter, sight, mark.ticket, found, office, now, proved=True)
        ticket = score.taken(mark, letter, ruling, office, now)
        event = ("appended", {"letter": letter.envelope.letter, "ticket": ticket.number})
        return Decision(tickets=(ticket,), records=latched(ruling, letter, office, now), events=(event,))
    if claimed := score.unproved(letter, place, found):
        return join(claimed, letter, sight, place, found, office, now, records)
    if score.strange(letter, office):
        return unread(letter, "score", now)
    asked = wish(letter) if sight.kind is LetterClass.human else ""
    if asked:
        signed = {one.ticket for one in sight.references if one.purpose is Purpose.requester and not one.expired}
        own = next((one for one in (followed(found, number) for number in sorted(signed)) if one), None)
        if own and own.requester.email == letter.requester.email:
            return wished(own, letter, sight, asked, found, office, now)
    if place.ticket:
        ticket = found.tickets[place.ticket]
        return join(ticket, letter, sight, place, found, office, now, records)
    verdict = weighed(judge(office.policy, letter, Facts(now=now, first=True)))
    if place.unconfirmed or place.astray:  # it goes on with an older ticket, perhaps in another's hands: a person sees it
        verdict = replace(verdict, action="hint" if verdict.ground else "", topic="")
    own = followed(found, place.apart) if place.apart else None
    joins = own and takes_part(own, letter.requester.email) and not full(own, place.unconfirmed)
    if own and joins and "thanks" in judge(office.policy, letter, Facts(now=now, first=False)).labels:
        return join(own, letter, sight, place, found, office, now, records)
    return open_ticket(letter, sight, place, verdict, found, office, now, records)


def wished(ticket: Ticket, letter: Letter, sight: Sight, asked: str, found: Found, office: Office, now: datetime) -> Decision:
    """#transcript, #status or #close of a requester who is proved by a signed reference; held over the caps like any answer."""
    was, ident = ticket.status, letter.envelope.letter
    ruling = rule(letter, sight, ticket, found, office, now, proved=True)
    ticket = replace(ticket, seen=(*ticket.seen, seen_of(letter, now, Fate.appended)), proved=True)
    entry = entry_of(letter, Verdict(), now, ticket)
    records: tuple[DeskRecord, ...] = ()
    if ruling.to == letter.requester.email:
        ticket = granted(ticket, letter, entry, asked, ruling, office, now)
        records = latched(ruling, letter, office, now)
    else:
        ticket = replace(ticket, entries=(*ticket.entries, entry), changed=now)
    if ticket.owner and (ticket.status is not was or not ruling.to):
        place = Place(ticket=ticket.number, how="signed")
        ticket = notices.joined(ticket, letter, place, Verdict(), Ruling(reason="follow_up"), office, now, reopened=False)
    events: list[tuple[str, dict[str, Any]]] = [("appended", {"letter": ident, "ticket": ticket.number})]
    events += [("closed", {"ticket": ticket.number, "resolution": ticket.resolution, "by": "requester"})] if ticket.status is not was else []
    return Decision(tickets=(ticket,), records=records, events=tuple(events))


# --------------------------------------------------------------------------------------------------------- opening


def open_ticket(
    letter: Letter, sight: Sight, place: Place, verdict: Verdict, found: Found, office: Office, now: datetime,
    records: tuple[DeskRecord, ...],
) -> Decision:  # fmt: skip
    """A new ticket with number and time (clause 4.7), its acknowledgement, and the notices to the staff."""
    named = followed(found, place.apart) if place.apart else None
    sender = letter.requester if letter.requester.email else Address(email=letter.envelope.mail_from.strip("?").lower())
    priority = verdict.priority or Priority.medium
    ticket = Ticket(
        number=found.fresh,
        requester=sender,
        opened=now,
        changed=now,
        subject=letter.subject[:500],
        language=office.language(letter.language),
        priority=priority,
        due=due_from(now, priority, office.policy),
        department=verdict.department,
        topic=verdict.topic,
        labels=(*verdict.labels, *((ANNOUNCED + BY_MAIL,) if office.outage and "outage" in verdict.labels and not verdict.topic else ())),
        proved=bool(sight.aligned),
        answerable=sight.kind is LetterClass.human and letter.may_answer,
        links=(named.number,) if named else (),
        entries=(replace(entry_of(letter, verdict, now, unconfirmed=place.unconfirmed), who=sender.email),),
        seen=(seen_of(letter, now, Fate.opened),),
    )
    own = place.unconfirmed or any(one.ticket == place.apart for one in (*sight.references, *sight.threads))
    ruling = rule(letter, sight, ticket, found, office, now, bool(sight.aligned), place.apart if own else 0)
    ticket, records = answered(ticket, letter, verdict, ruling, office, now, records, first=True)
    ticket = notices.opened(ticket, letter, place, verdict, ruling, found, office, now)
    if "complaint" in verdict.labels:
        ticket = score.complained(ticket, letter.envelope.letter, office, now)
    tickets = (linked(named, ticket, place, office, now), ticket) if named else (ticket,)
    events: list[tuple[str, dict[str, Any]]] = [
        ("opened", {"letter": letter.envelope.letter, "ticket": ticket.number, "rule": verdict.rule, "priority": ticket.priority})
    ]
    return Decision(tickets=tickets, records=records, events=(*events, *told(ticket, letter, ruling)))


def hinted(verdict: Verdict) -> Verdict:
    """What the rules say of a letter that nothing proves: shown, and nothing is done by it."""
    shown = {name: getattr(verdict, name) for name in ("ground", "rule", "clause", "evidence")}
    hits = tuple(replace(one, action="") for one in verdict.hits)
    return Verdict(**shown, action="hint" if verdict.ground else "", hits=hits)


def linked(named: Ticket, ticket: Ticket, place: Place, office: Office, now: datetime) -> Ticket:
    """The ticket that a letter named but may not join (or is too old for) knows of the new one.

    Where the letter came to an address of its requester's, it is perhaps their answer: the ticket waits for them no longer.
    """
    if place.astray and named.status is Status.clarification:
        named = move(named, Status.in_progress if named.owner else Status.created, now, office.policy)
        owner = office.policy.people.agent(named.owner)
        named = nudged(named, "answered_elsewhere", (owner,) if owner else notices.on_duty(office, now), office, now)
    if ticket.number in named.links or len(named.links) >= MOST_LINKS:
        return named
    event = Entry(at=now, kind="event", public=False, about="linked", text=str(ticket.number))
    return replace(named, links=(*named.links, ticket.number), entries=(*named.entries, event))


def entry_of(letter: Letter, verdict: Verdict, now: datetime, ticket: Ticket | None = None, unconfirmed: bool = False) -> Entry:
    """The letter as the ticket keeps it: the author's own words; the raw letter stays in the archive."""
    return Entry(
        at=now,
        kind="letter",
        public=True,
        who=letter.requester.email,
        name=letter.requester.name,
        text=kept(ticket, letter.text or letter.full_text)[: MOST_QUOTED if ticket and unconfirmed else None],
        letter=letter.envelope.letter,
        message_id=letter.message_id,
        subject=letter.subject[:500],
        attachments=letter.attachments,
        hits=verdict.hits,
        unconfirmed=unconfirmed,
    )


# --------------------------------------------------------------------------------------------------------- joining


def join(
    ticket: Ticket, letter: Letter, sight: Sight, place: Place, found: Found, office: Office, now: datetime, records: tuple[DeskRecord, ...]
) -> Decision:
    """A further letter of a ticket (clause 4.3): appended; a suspended ticket goes on, a closed one is
    reopened unless it is thanks alone.

    One that nothing proves brings a person, who sees what the rules would have said, and does nothing else.
    """
    was, facts = ticket.status, facts_of(ticket, now)
    verdict = weighed(judge(office.policy, letter, facts))
    thanks = "thanks" in verdict.labels and was is Status.done
    verdict = hinted(verdict) if place.unconfirmed else verdict
    if letter.requester.email != ticket.requester.email:  # nobody else stops or closes the requester's ticket
        verdict = replace(verdict, action="hint" if verdict.ground else "", topic="")
    ticket = replace(
        ticket,
        changed=now,
        proved=ticket.proved or (letter.requester.email == ticket.requester.email and not place.unconfirmed),
        labels=tuple(dict.fromkeys((*ticket.labels, *(one for one in verdict.labels if one not in ("thanks", "only_topic"))))),
        entries=(*ticket.entries, entry_of(letter, verdict, now, ticket, place.unconfirmed)),
        seen=(*ticket.seen, seen_of(letter, now, Fate.appended)),
    )
    if was is Status.clarification or (was is Status.done and not thanks and not place.unconfirmed):
        ticket = move(ticket, Status.in_progress if ticket.owner else Status.created, now, office.policy)
    if verdict.priority and verdict.priority.rank > ticket.priority.rank and not thanks:
        ticket = prioritise(ticket, verdict.priority, now, office.policy)
    ruling = Ruling(reason="follow_up")
    if verdict.action in ("suspend", "refuse") or (verdict.topic and "only_topic" in verdict.labels):
        ruling = rule(letter, sight, ticket, found, office, now, proved=True)
        ticket, records = answered(ticket, letter, verdict, ruling, office, now, records, first=False)
    if not thanks and not (ticket.status is Status.done and verdict.action == "refuse"):
        reopened = was is Status.done and ticket.status is not Status.done
        ticket = notices.joined(ticket, letter, place, verdict, ruling, office, now, reopened=reopened)
    if "complaint" in verdict.labels and not facts.complaint:
        ticket = score.complained(ticket, letter.envelope.letter, office, now)
    events: list[tuple[str, dict[str, Any]]] = [
        ("appended", {"letter": letter.envelope.letter, "ticket": ticket.number, "unconfirmed": place.unconfirmed})
    ]
    events += [("reopened", {"ticket": ticket.number})] if was is Status.done and ticket.status is not Status.done else []
    return Decision(tickets=(ticket,), records=records, events=(*events, *told(ticket, letter, ruling)))


def facts_of(ticket: Ticket, now: datetime) -> Facts:
    """What the rules may ask of the ticket that a letter joins."""
    return Facts(
        now=now,
        first=False,
        priority=ticket.priority,
        used_grounds=ticket.suspended,
        warned=ticket.warned,
        complaint="complaint" in ticket.labels,
        answering=ticket.status is Status.clarification and ticket.ground is not None,
    )


# ------------------------------------------------------------------------------------------------ gate and answer


def rule(letter: Letter, sight: Sight, ticket: Ticket, found: Found, office: Office, now: datetime, proved: bool, through: int = 0) -> Ruling:
    """The gate's word on the automatic answer to this letter."""

    def base(subject: str) -> str:
        return office.subjects.base(subject[:80]).casefold()  # as much of a subject as lists keep

    def traffic(to: str) -> gate.Traffic:
        known = found.senders.get(to, Sender())
        since = now - timedelta(hours=3)
        wanted = base(ticket.subject)
        same = sum(at > since and base(subject) == wanted for at, subject in known.opened) + 1 if wanted else 0
        return gate.Traffic(
            sent=known.sent,
            ticket_sent=tuple(one.created for one in ticket.outgoing if one.automatic and one.audience is Audience.requester),
            same_subject=same,
            through=found.through.get(through, 0) if through else 0,
            latched=known.latched,
            doubted=known.doubted,
            renew=known.renew,
            proved=proved and to == letter.requester.email,
            suppressed=known.suppressed and to != letter.requester.email,
        )

    caps = office.policy.caps if office.caps else None
    checked = replace(letter, may_answer=sight.may_answer)
    ours = office.signer.is_ours
    return gate.answer(checked, sight.kind, bool(sight.aligned), proved, traffic, ours, caps, now)


def answered(
    ticket: Ticket, letter: Letter, verdict: Verdict, ruling: Ruling, office: Office, now: datetime, records: tuple[DeskRecord, ...], *, first: bool
) -> tuple[Ticket, tuple[DeskRecord, ...]]:
    """The ticket after the automatic answer: acknowledged, suspended, answered by topic, or refused for repeated abuse.

    Where nothing reaches the requester, nothing is suspended or closed either: he would wait in vain.
    """
    if not ruling.to or ruling.held:
        answer = (
            automatic_answer(ticket, letter, replace(verdict, action="", topic=""), ruling, office, now, first=first)
            if ruling.held and first
            else ticket
        )
        return answer, (*records, *latched(ruling, letter, office, now))
    if verdict.action == "suspend" and verdict.ground:
        ticket = move(ticket, Status.clarification, now, office.policy, waiting=Waiting.requester, ground=verdict.ground)
        ticket = replace(ticket, suspended=(*ticket.suspended, verdict.ground), warned=ticket.warned or verdict.ground is Ground.abusive_language)
    elif verdict.action == "refuse" and verdict.ground:
        ticket = move(ticket, Status.done, now, office.policy, ground=verdict.ground)
    elif verdict.topic not in ("", "announcement") and "only_topic" in verdict.labels and not verdict.department:
        ticket = move(ticket, Status.done, now, office.policy, resolution=Resolution.solved)
    return automatic_answer(ticket, letter, verdict, ruling, office, now, first=first), records


def latched(ruling: Ruling, letter: Letter, office: Office, now: datetime) -> tuple[DeskRecord, ...]:
    """An address that goes over a cap is closed for automatic mail, and the leads are told once."""
    if not ruling.latch:
        return ()
    latch = DeskRecord(at=now, about=ruling.latch, who=ruling.to, words=ruling.reason, letter=letter.envelope.letter)
    if ruling.reason == "latched":
        return (latch,)
    details = (ruling.to, office.terms().say(ruling.reason), f"run.py held release {ruling.to}")
    return (latch, *alarm(office, "held", details, letter.envelope.letter, now).records)


def told(ticket: Ticket, letter: Letter, ruling: Ruling) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Log events about the answer."""
    ident = {"letter": letter.envelope.letter, "ticket": ticket.number}
    if ruling.held:
        return (("held", {**ident, "reason": ruling.reason}),)
    if ticket.status is Status.clarification and ticket.ground:
        return (("suspended", {**ident, "ground": ticket.ground}),)
    if ticket.status is Status.done:
        return (("closed", {**ident, "ground": ticket.ground, "resolution": ticket.resolution}),)
    return ()
