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
from bot.store.interface import AddressFacts
from bot.tickets.agents import receipts
from bot.tickets.agents.command_run import CommandRun, Refusal, Said, TicketOrDesk
from bot.tickets.agents.on_ticket import carry_out
from bot.tickets.agents.parser import BY_NAME, Command, Parsed, in_words, parse, spoken, words_for
from bot.tickets.agents.quotations import Ours, own_words
from bot.tickets.alerts import alarm
from bot.tickets.context import DeskContext
from bot.tickets.outgoing import serial_of
from bot.tickets.threading import PASSES, SenderFacts
from bot.tickets.tokens import Purpose

FRESH = timedelta(
    days=3
)  # an authenticated letter that is older may be one that somebody else got and sends again
ALARMING = 3  # unproved letters in an agent's name within an hour
SAYING = ("answer", "letter", "note")  # kinds of entries that hold somebody's words
CARRIED = BY_NAME.keys() - {"help", "confirm"}
MOST_SHOWN = 10_000  # characters that a confirmation shows: what cannot be shown whole is not asked about


def proved(letter: Letter, sender_facts: SenderFacts, context: DeskContext, now: datetime) -> bool:
    """Whether the letter is obeyed: for a signed address, an aligned pass, or both, as `trust` says."""
    agent = context.policy.people.agent(sender_facts.agent)
    if agent is None:
        return False
    signed = any(one.purpose is Purpose.agent and not one.expired for one in sender_facts.references)
    if agent.trust == "both" or not context.signer.plus:
        signed = signed and fresh(letter, sender_facts, context, now)
    return signed or (agent.trust == "dkim" and fresh(letter, sender_facts, context, now))


def brings_files(letter: Letter, sender_facts: SenderFacts, context: DeskContext, now: datetime) -> bool:
    """Whether it is theirs for sure, and its files may go on to a customer: an agent's or a department's."""
    return proved(letter, sender_facts, context, now) or bool(sender_facts.department and sender_facts.references)


def fresh(letter: Letter, sender_facts: SenderFacts, context: DeskContext, now: datetime) -> bool:
    """True for an authenticated letter written to the desk just now: whoever has one that the agent wrote to
    somebody else could send it to us.
    """
    to_us = any(context.signer.is_ours(one.email) for one in letter.to)
    return sender_facts.aligned in PASSES and to_us and letter.date is not None and abs(now - letter.date) < FRESH


# ------------------------------------------------------------------------------------------ the confirmation


def shown(run: CommandRun, ticket: TicketOrDesk, parsed: Parsed) -> str:
    """Every word that confirming the letter would carry out: the commands as they were understood, and what
    they would say. They are tried out: what `#send`, `#template` or `#open` says may stand elsewhere.
    """
    if parsed.wrong:  # nothing would be carried out
        return run.letter.text
    own = ticket.number if ticket else 0
    rehearsal = dataclasses.replace(run, own=own, said=defaultdict(Said), others={}, records=[])
    try:
        after = carry_out(rehearsal, ticket, tuple(command for command in parsed.commands if command.name in CARRIED))
    except Refusal:
        after = None
        rehearsal.others.clear()
    changed = [one for one in (after, *rehearsal.others.values()) if one is not None]
    entries = [entry for one in changed for entry in one.entries if entry.letter == run.ident]
    said = [text for entry in entries if entry.kind in SAYING for text in (entry.subject, entry.text)]
    more = [text for text in said if text not in [command.text for command in parsed.commands]]
    return "\n\n".join(filter(None, (parsed.above, *(line(command, run) for command in parsed.commands), *more)))


def line(command: Command, run: CommandRun) -> str:
    """A command as its agent says it, with the text below."""
    kind, argument = BY_NAME[command.name].argument, command.argument
    argument = argument.removesuffix("T00:00:00").replace("T", " ") if kind == "date" else argument
    argument = in_words(words_for(kind, run.context.policy), run.language).get(argument, argument)
    return f"#{spoken(command.name, run.language)} {argument}".rstrip() + f"\n{command.text}".rstrip("\n")


def files(run: CommandRun) -> tuple[str, ...]:
    """Name and size of what goes along, or is kept with the ticket."""
    real = (one for one in run.letter.attachments if not one.logo)
    return tuple(f"{one.name} ({run.terms.size(one.size)})" for one in real)


def serial(run: CommandRun, ticket: TicketOrDesk, text: str) -> int:
    """The number of the confirmation, made of all that is shown: nothing else can be confirmed by it."""
    parts = ("confirm", str(ticket.number if ticket else 0), *files(run), text)
    return serial_of(run.letter.envelope.letter, "\n".join(parts), run.agent.address)


def asked(run: CommandRun, sender_facts: SenderFacts, ticket: TicketOrDesk, parsed: Parsed, text: str) -> Decision:
    """Nothing is done; the agent is asked whether they wrote it. The leads hear of three in an hour."""
    event = ("command_refused", {"letter": run.ident, "reason": "unproved", "who": run.agent.address})
    if not sender_facts.may_answer:  # a list or a machine may write in their name, and asks for no answer
        return Decision(records=(run.account("confirmation", "unproved"),), events=(event,))
    if reason := unasked(run, ticket, parsed, text):
        told = receipts.refused(run, reason=reason)  # a copy of it that is proved may still come, and counts
        return replace(told, records=tuple(replace(one, about="confirmation") for one in told.records))
    question = receipts.confirmation(run, ticket, text, files(run), serial(run, ticket, text))
    records, events = [run.account("confirmation", str(ticket.number if ticket else 0), question)], [event]
    before = run.known.senders.get(run.agent.address, AddressFacts()).unproved
    if len(before) + 1 == ALARMING:
        who = (run.agent.address, run.letter.envelope.mail_from, run.letter.envelope.client)
        about = alarm(run.context, "unproved", who, run.ident, run.now)
        records += about.records
        events += about.events
    return Decision(records=tuple(records), events=tuple(events))


def unasked(run: CommandRun, ticket: TicketOrDesk, parsed: Parsed, text: str) -> str:
    """Why the agent is not asked but told so, "" where they are asked."""
    if not parsed.commands and ticket is None:
        return "no_command"
    if any(one.reason == "below_quote" for one in parsed.wrong):
        return "below_quote"
    return "too_long" if len(text) + sum(map(len, files(run))) > MOST_SHOWN else ""


def confirms(letter: Letter, sender_facts: SenderFacts, context: DeskContext, now: datetime) -> int:
    """The serial of the confirmation that this letter gives (signed, in time, #confirm alone), or 0."""
    given = next(
        (one for one in sender_facts.references if one.purpose is Purpose.confirm and not one.expired), None
    )
    if given is None or not sender_facts.agent:
        return 0
    return given.serial if says_confirm(letter, context, now) else 0


def says_confirm(letter: Letter, context: DeskContext, now: datetime) -> bool:
    """Whether #confirm is all that they command, and no piece of our question, which names it, stands there."""
    own = own_words(letter.top, Ours((), context.templates))
    commands = parse(own.text, context.policy, now.date()).commands
    return not own.wrong and {one.name for one in commands} == {"confirm"}
