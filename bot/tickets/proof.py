"""Whether an agent's letter is theirs: the signed address of their own copy of a notice says so, or what
their `trust` wants. A From line proves nothing, and neither does a Message-ID.

Nothing of an unproved letter is done: the agent is shown every word that would be carried out, and the answer
to that carries out exactly this (design, sections 6 and 8).
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.model import Decision, Letter
from bot.store.port import Sender
from bot.tickets import answering
from bot.tickets.alerts import alarm
from bot.tickets.commands import BY_NAME, Order, Parsed, in_words, parse, spoken, words_for
from bot.tickets.identity import Purpose
from bot.tickets.job import Desk, Job, Refusal, Said
from bot.tickets.office import Office
from bot.tickets.orders import carry_out
from bot.tickets.place import PASSES, Sight
from bot.tickets.quotations import Ours, own_words
from bot.tickets.writing import serial_of

FRESH = timedelta(
    days=3
)  # an authenticated letter that is older may be one that somebody else got and sends again
ALARMING = 3  # unproved letters in an agent's name within an hour
SAYING = ("answer", "letter", "note")  # kinds of entries that hold somebody's words
CARRIED = BY_NAME.keys() - {"help", "confirm"}
MOST_SHOWN = 10_000  # characters that a confirmation shows: what cannot be shown whole is not asked about


def proved(letter: Letter, sight: Sight, office: Office, now: datetime) -> bool:
    """Whether the letter is obeyed: for a signed address, an aligned pass, or both, as `trust` says."""
    agent = office.policy.people.agent(sight.agent)
    if agent is None:
        return False
    signed = any(one.purpose is Purpose.agent and not one.expired for one in sight.references)
    if agent.trust == "both" or not office.signer.plus:
        signed = signed and fresh(letter, sight, office, now)
    return signed or (agent.trust == "dkim" and fresh(letter, sight, office, now))


def brings_files(letter: Letter, sight: Sight, office: Office, now: datetime) -> bool:
    """Whether it is theirs for sure, and its files may go on to a customer: an agent's or a department's."""
    return proved(letter, sight, office, now) or bool(sight.department and sight.references)


def fresh(letter: Letter, sight: Sight, office: Office, now: datetime) -> bool:
    """True for an authenticated letter written to the desk just now: whoever has one that the agent wrote to
    somebody else could send it to us.
    """
    to_us = any(office.signer.is_ours(one.email) for one in letter.to)
    return sight.aligned in PASSES and to_us and letter.date is not None and abs(now - letter.date) < FRESH


# ------------------------------------------------------------------------------------------ the confirmation


def shown(job: Job, ticket: Desk, parsed: Parsed) -> str:
    """Every word that confirming the letter would carry out: the commands as they were understood, and what
    they would say. They are tried out: what `#send`, `#template` or `#open` says may stand elsewhere.
    """
    if parsed.wrong:  # nothing would be carried out
        return job.letter.text
    own = ticket.number if ticket else 0
    rehearsal = dataclasses.replace(job, own=own, said=defaultdict(Said), others={}, records=[])
    try:
        after = carry_out(rehearsal, ticket, tuple(order for order in parsed.orders if order.name in CARRIED))
    except Refusal:
        after = None
        rehearsal.others.clear()
    changed = [one for one in (after, *rehearsal.others.values()) if one is not None]
    entries = [entry for one in changed for entry in one.entries if entry.letter == job.ident]
    said = [text for entry in entries if entry.kind in SAYING for text in (entry.subject, entry.text)]
    more = [text for text in said if text not in [order.text for order in parsed.orders]]
    return "\n\n".join(filter(None, (parsed.above, *(line(order, job) for order in parsed.orders), *more)))


def line(order: Order, job: Job) -> str:
    """A command as its agent says it, with the text below."""
    kind, argument = BY_NAME[order.name].argument, order.argument
    argument = argument.removesuffix("T00:00:00").replace("T", " ") if kind == "date" else argument
    argument = in_words(words_for(kind, job.office.policy), job.language).get(argument, argument)
    return f"#{spoken(order.name, job.language)} {argument}".rstrip() + f"\n{order.text}".rstrip("\n")


def files(job: Job) -> tuple[str, ...]:
    """Name and size of what goes along, or is kept with the ticket."""
    real = (one for one in job.letter.attachments if not one.logo)
    return tuple(f"{one.name} ({job.terms.size(one.size)})" for one in real)


def serial(job: Job, ticket: Desk, text: str) -> int:
    """The number of the confirmation, made of all that is shown: nothing else can be confirmed by it."""
    parts = ("confirm", str(ticket.number if ticket else 0), *files(job), text)
    return serial_of(job.letter.envelope.letter, "\n".join(parts), job.agent.address)


def asked(job: Job, sight: Sight, ticket: Desk, parsed: Parsed, text: str) -> Decision:
    """Nothing is done; the agent is asked whether they wrote it. The leads hear of three in an hour."""
    event = ("command_refused", {"letter": job.ident, "reason": "unproved", "who": job.agent.address})
    if not sight.may_answer:  # a list or a machine may write in their name, and asks for no answer
        return Decision(records=(job.account("confirmation", "unproved"),), events=(event,))
    if reason := unasked(job, ticket, parsed, text):
        told = answering.refused(job, reason=reason)  # a copy of it that is proved may still come, and counts
        return replace(told, records=tuple(replace(one, about="confirmation") for one in told.records))
    question = answering.confirmation(job, ticket, text, files(job), serial(job, ticket, text))
    records, events = [job.account("confirmation", str(ticket.number if ticket else 0), question)], [event]
    before = job.found.senders.get(job.agent.address, Sender()).unproved
    if len(before) + 1 == ALARMING:
        who = (job.agent.address, job.letter.envelope.mail_from, job.letter.envelope.client)
        about = alarm(job.office, "unproved", who, job.ident, job.now)
        records += about.records
        events += about.events
    return Decision(records=tuple(records), events=tuple(events))


def unasked(job: Job, ticket: Desk, parsed: Parsed, text: str) -> str:
    """Why the agent is not asked but told so, "" where they are asked."""
    if not parsed.orders and ticket is None:
        return "no_command"
    if any(one.reason == "below_quote" for one in parsed.wrong):
        return "below_quote"
    return "too_long" if len(text) + sum(map(len, files(job))) > MOST_SHOWN else ""


def confirms(letter: Letter, sight: Sight, office: Office, now: datetime) -> int:
    """The serial of the confirmation that this letter gives (signed, in time, #confirm alone), or 0."""
    given = next(
        (one for one in sight.references if one.purpose is Purpose.confirm and not one.expired), None
    )
    if given is None or not sight.agent:
        return 0
    return given.serial if says_confirm(letter, office, now) else 0


def says_confirm(letter: Letter, office: Office, now: datetime) -> bool:
    """Whether #confirm is all that they command, and no piece of our question, which names it, stands there."""
    own = own_words(letter.top, Ours((), office.templates))
    orders = parse(own.text, office.policy, now.date()).orders
    return not own.wrong and {one.name for one in orders} == {"confirm"}
