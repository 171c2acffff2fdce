"""A person's letter: it opens a ticket, joins one, or is set apart from one; at most one automatic letter answers it.

Pure: (ticket, letter, verdict, policy, caps, now) -> Decision. Clauses 4.1 to 4.7 of the regulation; sections 4, 6 and 7 of the design.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec.structs import replace

from bot.language.scores import score_of
from bot.model import (
    Address,
    Audience,
    Decision,
    DeskRecord,
    Disposition,
    Entry,
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
from bot.rendering import reply_policy
from bot.rendering.reply_policy import Ruling
from bot.rules import Facts, judge
from bot.store.interface import ANNOUNCED, BY_MAIL, AddressFacts, KnownFacts
from bot.tickets import staff_notices
from bot.tickets.alerts import alarm
from bot.tickets.automatic import seen_of, unread
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import MOST_QUOTED, kept
from bot.tickets.requester import satisfaction
from bot.tickets.requester.auto_reply import automatic_answer, weighed
from bot.tickets.requester.self_service import asked_for, granted
from bot.tickets.sla import due_from, prioritise
from bot.tickets.status import move
from bot.tickets.threading import SenderFacts, ThreadMatch, followed, full, takes_part
from bot.tickets.timers import Nudge, nudged
from bot.tickets.tokens import Purpose

MOST_LINKS = 20  # a stranger who names one ticket again and again does not make it grow


class InHand(NamedTuple):
    """The case in hand: a letter, what is known of it, and what it is decided by."""

    letter: Letter
    sender_facts: SenderFacts
    thread: ThreadMatch
    known: KnownFacts
    context: DeskContext
    now: datetime


def decide(letter: Letter, sender_facts: SenderFacts, thread: ThreadMatch, known: KnownFacts, context: DeskContext, now: datetime) -> Decision:
    """What a letter of a person (or of a mailing list) changes."""
    case = InHand(letter, sender_facts, thread, known, context, now)
    address_facts = known.senders.get(letter.requester.email, AddressFacts())
    lifted = (DeskRecord(at=now, about="lift", who=letter.requester.email, letter=letter.envelope.letter),)
    records = lifted if address_facts.suppressed and sender_facts.kind is LetterClass.human else ()
    if address_facts.blocked:
        return unread(letter, "blocked", now)
    mark = satisfaction.given(letter, sender_facts, thread, known)
    if mark:
        ruling = rule(case, mark.ticket, proved=True)
        ticket = satisfaction.taken(mark, letter, ruling, context, now)
        event = ("appended", {"letter": letter.envelope.letter, "ticket": ticket.number})
        return Decision(tickets=(ticket,), records=blocking_record(ruling, letter, context, now), events=(event,))
    if claimed := satisfaction.unproved(letter, thread, known):
        return join(claimed, case, records)
    if satisfaction.strange(letter, context):
        return unread(letter, "score", now)
    asked = asked_for(letter) if sender_facts.kind is LetterClass.human else ""
    if asked:
        signed = {one.ticket for one in sender_facts.references if one.purpose is Purpose.requester and not one.expired}
        own = next((one for one in (followed(known, number) for number in sorted(signed)) if one), None)
        if own and own.requester.email == letter.requester.email:
            return self_served(own, case, asked)
    if thread.ticket:
        return join(known.tickets[thread.ticket], case, records)
    verdict = weighed(judge(context.policy, letter, Facts(now=now, first=True)))
    if thread.unconfirmed or thread.astray:  # it goes on with an older ticket, perhaps in another's hands: a person sees it
        verdict = replace(verdict, action="hint" if verdict.ground else "", topic="")
    own = followed(known, thread.apart) if thread.apart else None
    joins = own and takes_part(own, letter.requester.email) and not full(own, thread.unconfirmed)
    if own and joins and "thanks" in judge(context.policy, letter, Facts(now=now, first=False)).labels:
        return join(own, case, records)
    return open_ticket(case, verdict, records)


def self_served(ticket: Ticket, case: InHand, asked: str) -> Decision:
    """#transcript, #status or #close of a requester who is proved by a signed reference; held over the caps like any answer."""
    letter, context, now = case.letter, case.context, case.now
    was, ident = ticket.status, letter.envelope.letter
    ruling = rule(case, ticket, proved=True)
    ticket = replace(ticket, seen=(*ticket.seen, seen_of(letter, now, Disposition.appended)), proved=True)
    entry = entry_of(letter, Verdict(), now, ticket)
    records: tuple[DeskRecord, ...] = ()
    if ruling.to == letter.requester.email:
        ticket = granted(ticket, letter, entry, asked, ruling, context, now)
        records = blocking_record(ruling, letter, context, now)
    else:
        ticket = replace(ticket, entries=(*ticket.entries, entry), changed=now)
    if ticket.owner and (ticket.status is not was or not ruling.to):
        thread = ThreadMatch(ticket=ticket.number, how="signed")
        ticket = staff_notices.joined(ticket, staff_notices.Judged(letter), thread, context, now, reopened=False)
    events: list[tuple[str, dict[str, Any]]] = [("appended", {"letter": ident, "ticket": ticket.number})]
    events += [("closed", {"ticket": ticket.number, "resolution": ticket.resolution, "by": "requester"})] if ticket.status is not was else []
    return Decision(tickets=(ticket,), records=records, events=tuple(events))


# --------------------------------------------------------------------------------------------------------- opening


def open_ticket(case: InHand, verdict: Verdict, records: tuple[DeskRecord, ...]) -> Decision:
    """A new ticket with number and time (clause 4.7), its acknowledgement, and the notices to the staff."""
    letter, sender_facts, thread, known, context, now = case
    named = followed(known, thread.apart) if thread.apart else None
    sender = letter.requester if letter.requester.email else Address(email=letter.envelope.mail_from.strip("?").lower())
    priority = verdict.priority or Priority.medium
    ticket = Ticket(
        number=known.fresh,
        requester=sender,
        opened=now,
        changed=now,
        subject=letter.subject[:500],
        language=context.language(letter.language),
        priority=priority,
        due=due_from(now, priority, context.policy),
        department=verdict.department,
        topic=verdict.topic,
        labels=(*verdict.labels, *((ANNOUNCED + BY_MAIL,) if context.outage and "outage" in verdict.labels and not verdict.topic else ())),
        proved=bool(sender_facts.aligned),
        answerable=sender_facts.kind is LetterClass.human and letter.may_answer,
        links=(named.number,) if named else (),
        entries=(replace(entry_of(letter, verdict, now, unconfirmed=thread.unconfirmed), who=sender.email),),
        seen=(seen_of(letter, now, Disposition.opened),),
    )
    own = thread.unconfirmed or any(one.ticket == thread.apart for one in (*sender_facts.references, *sender_facts.threads))
    judged = staff_notices.Judged(letter, verdict, rule(case, ticket, bool(sender_facts.aligned), thread.apart if own else 0))
    ticket, records = answered(ticket, judged, context, now, records, first=True)
    ticket = staff_notices.opened(ticket, judged, thread, known, context, now)
    if "complaint" in verdict.labels:
        ticket = satisfaction.complained(ticket, letter.envelope.letter, context, now)
    tickets = (linked(named, ticket, thread, context, now), ticket) if named else (ticket,)
    events: list[tuple[str, dict[str, Any]]] = [
        ("opened", {"letter": letter.envelope.letter, "ticket": ticket.number, "rule": verdict.rule, "priority": ticket.priority})
    ]
    return Decision(tickets=tickets, records=records, events=(*events, *told(ticket, letter, judged.ruling)))


def hinted(verdict: Verdict) -> Verdict:
    """What the rules say of a letter that nothing proves: shown, and nothing is done by it."""
    shown = {name: getattr(verdict, name) for name in ("ground", "rule", "clause", "evidence")}
    hits = tuple(replace(one, action="") for one in verdict.hits)
    return Verdict(**shown, action="hint" if verdict.ground else "", hits=hits)


def linked(named: Ticket, ticket: Ticket, thread: ThreadMatch, context: DeskContext, now: datetime) -> Ticket:
    """The ticket that a letter named but may not join (or is too old for) knows of the new one.

    Where the letter came to an address of its requester's, it is perhaps their answer: the ticket waits for them no longer.
    """
    if thread.astray and named.status is Status.clarification:
        named = move(named, Status.in_progress if named.owner else Status.created, now, context.policy)
        owner = context.policy.people.agent(named.owner)
        named = nudged(named, Nudge("answered_elsewhere"), (owner,) if owner else staff_notices.on_duty(context, now), context, now)
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


def join(ticket: Ticket, case: InHand, records: tuple[DeskRecord, ...]) -> Decision:
    """A further letter of a ticket (clause 4.3): appended; a suspended ticket goes on, a closed one is
    reopened unless it is thanks or a score alone.

    One that nothing proves brings a person, who sees what the rules would have said, and does nothing else.
    """
    letter, thread, context, now = case.letter, case.thread, case.context, case.now
    was, facts = ticket.status, facts_of(ticket, now)
    verdict = weighed(judge(context.policy, letter, facts))
    thanks = "thanks" in verdict.labels and was is Status.done
    closing = thanks or "\n" not in (score_of(letter.text) or (0, "\n"))[1]  # a score with further lines may tell of more
    verdict = hinted(verdict) if thread.unconfirmed else verdict
    if letter.requester.email != ticket.requester.email:  # nobody else stops or closes the requester's ticket
        verdict = replace(verdict, action="hint" if verdict.ground else "", topic="")
    ticket = replace(
        ticket,
        changed=now,
        proved=ticket.proved or (letter.requester.email == ticket.requester.email and not thread.unconfirmed),
        labels=tuple(dict.fromkeys((*ticket.labels, *(one for one in verdict.labels if one not in ("thanks", "only_topic"))))),
        entries=(*ticket.entries, entry_of(letter, verdict, now, ticket, thread.unconfirmed)),
        seen=(*ticket.seen, seen_of(letter, now, Disposition.appended)),
    )
    if was is Status.clarification or (was is Status.done and not closing and not thread.unconfirmed):
        ticket = move(ticket, Status.in_progress if ticket.owner else Status.created, now, context.policy)
    if verdict.priority and verdict.priority.rank > ticket.priority.rank and not thanks:
        ticket = prioritise(ticket, verdict.priority, now, context.policy)
    judged = staff_notices.Judged(letter, verdict)
    if verdict.action in ("suspend", "refuse") or (verdict.topic and "only_topic" in verdict.labels):
        judged = judged._replace(ruling=rule(case, ticket, proved=True))
        ticket, records = answered(ticket, judged, context, now, records, first=False)
    if not thanks and not (ticket.status is Status.done and verdict.action == "refuse"):
        reopened = was is Status.done and ticket.status is not Status.done
        ticket = staff_notices.joined(ticket, judged, thread, context, now, reopened=reopened)
    if "complaint" in verdict.labels and not facts.complaint:
        ticket = satisfaction.complained(ticket, letter.envelope.letter, context, now)
    events: list[tuple[str, dict[str, Any]]] = [
        ("appended", {"letter": letter.envelope.letter, "ticket": ticket.number, "unconfirmed": thread.unconfirmed})
    ]
    events += [("reopened", {"ticket": ticket.number})] if was is Status.done and ticket.status is not Status.done else []
    return Decision(tickets=(ticket,), records=records, events=(*events, *told(ticket, letter, judged.ruling)))


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


# ------------------------------------------------------------------------------------------------ reply policy and answer


def rule(case: InHand, ticket: Ticket, proved: bool, through: int = 0) -> Ruling:
    """The reply policy's word on the automatic answer to this letter."""
    letter, sender_facts, _, found, context, now = case

    def base(subject: str) -> str:
        return context.subjects.base(subject[:80]).casefold()  # as much of a subject as lists keep

    def traffic(to: str) -> reply_policy.Traffic:
        known = found.senders.get(to, AddressFacts())
        since = now - timedelta(hours=3)
        wanted = base(ticket.subject)
        same = sum(at > since and base(subject) == wanted for at, subject in known.opened) + 1 if wanted else 0
        return reply_policy.Traffic(
            sent=known.sent,
            ticket_sent=tuple(one.created for one in ticket.outgoing if one.automatic and one.audience is Audience.requester),
            same_subject=same,
            through=found.through.get(through, 0) if through else 0,
            auto_reply_blocked=known.auto_reply_blocked,
            soft_blocked=known.soft_blocked,
            renew=known.renew,
            proved=proved and to == letter.requester.email,
            suppressed=known.suppressed and to != letter.requester.email,
        )

    caps = context.policy.caps if context.caps else None
    checked = replace(letter, may_answer=sender_facts.may_answer)
    sender = reply_policy.Sender(sender_facts.kind, bool(sender_facts.aligned), proved)
    return reply_policy.answer(checked, sender, traffic, context.signer.is_ours, caps, now)


def answered(
    ticket: Ticket, judged: staff_notices.Judged, context: DeskContext, now: datetime, records: tuple[DeskRecord, ...], *, first: bool
) -> tuple[Ticket, tuple[DeskRecord, ...]]:
    """The ticket after the automatic answer: acknowledged, suspended, answered by topic, or refused for repeated abuse.

    Where nothing reaches the requester, nothing is suspended or closed either: he would wait in vain.
    """
    letter, verdict, ruling = judged
    if not ruling.to or ruling.held:
        answer = (
            automatic_answer(ticket, letter, replace(verdict, action="", topic=""), ruling, context, now, first=first)
            if ruling.held and first
            else ticket
        )
        return answer, (*records, *blocking_record(ruling, letter, context, now))
    if verdict.action == "suspend" and verdict.ground:
        ticket = move(ticket, Status.clarification, now, context.policy, waiting=Waiting.requester, ground=verdict.ground)
        ticket = replace(ticket, suspended=(*ticket.suspended, verdict.ground), warned=ticket.warned or verdict.ground is Ground.abusive_language)
    elif verdict.action == "refuse" and verdict.ground:
        ticket = move(ticket, Status.done, now, context.policy, ground=verdict.ground)
    elif verdict.topic not in ("", "announcement") and "only_topic" in verdict.labels and not verdict.department:
        ticket = move(ticket, Status.done, now, context.policy, resolution=Resolution.solved)
    return automatic_answer(ticket, letter, verdict, ruling, context, now, first=first), records


def blocking_record(ruling: Ruling, letter: Letter, context: DeskContext, now: datetime) -> tuple[DeskRecord, ...]:
    """An address that goes over a cap is closed for automatic mail, and the leads are told once."""
    if not ruling.auto_reply_block:
        return ()
    auto_reply_block = DeskRecord(at=now, about=ruling.auto_reply_block, who=ruling.to, words=ruling.reason, letter=letter.envelope.letter)
    if ruling.reason == "latched":
        return (auto_reply_block,)
    details = (ruling.to, context.terms().say(ruling.reason), f"run.py held release {ruling.to}")
    return (auto_reply_block, *alarm(context, "held", details, letter.envelope.letter, now).records)


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
