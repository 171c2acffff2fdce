"""An agent's letter: proved, parsed whole, and then carried out whole or refused whole; one receipt or one error answers it.

`proof` says whether it is theirs; of any other they are asked, and `#confirm` carries it out (section 8).
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from bot.model import ERASED, Audience, Decision, Disposition, Letter, Ticket
from bot.parsing import history
from bot.store.interface import KnownFacts
from bot.tickets.agents import proof, receipts
from bot.tickets.agents.command_run import CommandRun, Refusal, TicketOrDesk, noted
from bot.tickets.agents.on_ticket import carry_out
from bot.tickets.agents.parser import BY_NAME, Command, Parsed, Wrong, named, parse
from bot.tickets.agents.quotations import FEW, Ours, is_marked, own_words, stray
from bot.tickets.context import DeskContext
from bot.tickets.queue import texts, waiting
from bot.tickets.threading import SenderFacts, followed, look
from bot.tickets.tokens import Purpose, SignedToken

MOST_TICKETS = 5  # named by one letter, whose letters of ours are looked for in it
LONGEST = 90_000  # characters of an agent's own words
MOST_TOLD = 60  # characters of a line that a receipt names
RECENT_NUMBERS = 20  # new tickets among which a repeated letter looks for the one that it made


def decide(letter: Letter, sender_facts: SenderFacts, known: KnownFacts, context: DeskContext, now: datetime, by: Letter | None = None) -> Decision:
    """What a letter from an agent's address changes; nothing, unless it is proved and right in every line.

    `by` is the letter that confirms it: everything is then done under that letter's id.
    """
    agent = context.policy.people.agent(sender_facts.agent)
    if agent is None:
        raise ValueError(f"{sender_facts.agent} is no agent")
    language = context.language(agent.language or "", context.policy.desk.language)
    carrier = by or letter
    run = CommandRun(context, agent, letter, known, now, language, carrier.envelope.letter, carrier.message_id, carrier.fingerprint)
    if any(one.purpose is Purpose.confirm for one in sender_facts.references) and by is None:
        alone = proof.says_confirm(letter, context, now)
        return receipts.refused(run, reason="nothing_to_confirm" if alone else "confirm_alone")
    obeyed = by is None and proof.proved(letter, sender_facts, context, now)
    ticket, parsed = meant(run, sender_facts, obeyed)
    if obeyed:
        return carried(run, ticket, parsed)
    shown = proof.shown(run, ticket, parsed)
    if by is None:
        return proof.asked(run, sender_facts, ticket, parsed, shown)
    given = proof.confirms(by, look(by, context, now), context, now)
    if given != proof.serial(run, ticket, shown):  # rules, templates or the ticket have changed since
        return receipts.refused(run, reason="confirm_changed", ticket=ticket)
    run.record("confirmed", agent.address, letter.envelope.letter)
    return carried(run, ticket, parsed)


def meant(run: CommandRun, sender_facts: SenderFacts, obeyed: bool) -> tuple[TicketOrDesk, Parsed]:
    """The commands, and the ticket that they are about: the signed address names it, or else what names one.

    A letter that only a signature of DKIM proves names it by what that signature covers: To and subject.
    """
    known, letter = run.known, run.letter
    tokens = sender_facts.references if obeyed else (*sender_facts.references, *sender_facts.threads)
    signed = [one for one in tokens if one.purpose is Purpose.agent and not one.expired]
    if not run.context.signer.plus:  # what is of no ticket, an error letter, has no address that names one
        signed = [one for one in signed if one.ticket]
    if obeyed and not signed:
        known = replace(known, by_reference=0)
        letter = replace(letter, references=(), envelope=replace(letter.envelope, recipients=()))
    ticket = followed(known, signed[0].ticket) if signed else target(sender_facts, known, run.context, letter)
    parsed = read(run, sender_facts, ticket)
    if signed and (undone := [command for command in parsed.commands if command.name == "undo"]):
        # perhaps what is taken back is its being merged; a number is one of its own
        direct = known.tickets.get(signed[0].ticket)
        candidates = [one for one in (direct, ticket) if one]
        latest = max(candidates, key=lambda one: str(one.undo.get("at", "")), default=None)
        ticket = direct if direct and undone[0].argument and ERASED not in direct.labels else latest
    return ticket, parsed


def understood(run: CommandRun, text: str) -> Parsed:
    """The commands of a text, in the desk's day."""
    return merged(parse(text, run.context.policy, run.now.astimezone(run.context.policy.calendar.zone).date()))


def read(run: CommandRun, sender_facts: SenderFacts, ticket: TicketOrDesk) -> Parsed:
    """What a letter says above the first mark of history and the first piece of ours: nothing else is read.

    `job.letter.text` becomes what they wrote there; where a command stands below only, with what stands below.
    """
    if len(run.letter.top) > LONGEST:
        return Parsed(wrong=(Wrong(line=0, reason="letter_too_long", what=f"{LONGEST:_}".replace("_", " ")),))
    signed = (one.ticket for one in (*sender_facts.references, *sender_facts.threads))
    numbers = (*signed, sender_facts.tag, run.known.by_reference)
    named = {one.number: one for one in (ticket, *map(run.known.tickets.get, numbers)) if one is not None}
    ours = Ours(tuple(named.values())[:MOST_TICKETS], run.context.templates)
    own = own_words(run.letter.top, ours)
    below = [*own.below, *history.below(run.letter.full_text)]
    parsed, at = understood(run, own.text), stray(below, ours)
    if own.wrong:
        parsed = replace(parsed, wrong=own.wrong)
    elif at >= 0 and not parsed.commands and not parsed.wrong:
        above = own.text.splitlines()
        mine = below[at:] if is_marked(below[at]) else [line for line in below[at:] if not is_marked(line)]
        left = (line for line in map(history.unmarked, mine) if not line or not ours.holds(line, FEW))
        own = replace(own, text="\n".join((*above, *left)))
        parsed = replace(parsed, wrong=(Wrong(line=len(above) + 1, reason="below_quote"),))
    elif at >= 0:
        run.stray = history.unmarked(below[at])
    elif not own.text and not understood(run, run.letter.text).commands:
        own = replace(own, text=run.letter.text)  # words below the quotation, without a command, are kept
        parsed = Parsed(above=own.text)
    run.letter = replace(run.letter, text=own.text)
    return parsed


def carried(run: CommandRun, ticket: TicketOrDesk, parsed: Parsed) -> Decision:
    """The commands of a proved letter, all or none."""
    run.own = ticket.number if ticket else 0
    if parsed.wrong:
        return receipts.refused(run, wrong=parsed.wrong, ticket=ticket)
    commands = tuple(command for command in parsed.commands if command.name != "help")
    if not commands:
        if parsed.commands or not parsed.above:
            return receipts.helped(run, ticket)
        return receipts.kept(run, ticket, parsed.above) if ticket else receipts.refused(run, reason="no_command")
    try:
        together(commands, run.own)
        changed = carry_out(run, ticket, commands)
        if parsed.above and changed is not None:
            changed = noted(run, changed, parsed.above)
            run.tell("noted_above")
        if run.stray:
            run.tell("left_below", run.stray[:MOST_TOLD])
        changed = told_owners(run, changed, commands)
        receipts.guard(run, changed)
    except Refusal as refusal:
        wrong = Wrong(line=refusal.line, reason=refusal.reason, what=refusal.what, hint=refusal.hint)
        run.others.clear()
        run.records.clear()
        run.said.clear()
        return receipts.refused(run, wrong=(wrong,), ticket=ticket)
    return receipts.receipted(run, ticket, changed, parsed)


def together(commands: tuple[Command, ...], own: int) -> None:
    """Raises Refusal for #confirm, which confirms nothing here, for #undo that does not stand alone, for
    #merge with more behind it, and for a command on a ticket below one that shows another ticket: its author
    may have either in mind.
    """
    shows = ""
    for command in commands:
        if command.name == "merge" and command is not commands[-1]:
            raise Refusal("merge_last", line=command.line)
        if command.name == "confirm":
            raise Refusal("nothing_to_confirm", line=command.line)
        if command.name == "undo" and len(commands) > 1:
            raise Refusal("undo_alone", line=command.line)
        if shows and BY_NAME[command.name].scope == "ticket":
            raise Refusal("which_ticket", shows, line=command.line)
        if command.name == "next" or (command.name == "show" and command.argument not in ("", str(own))):
            shows = command.name


def told_owners(run: CommandRun, after: TicketOrDesk, commands: tuple[Command, ...]) -> TicketOrDesk:
    """Whoever has a ticket hears of what another agent wrote or decided in it, and the other of whose it is.
    """
    if commands[0].name == "undo":
        return after
    for number, other in run.others.items():
        run.others[number] = told_owner(run, other)
    return told_owner(run, after) if after is not None else None


def told_owner(run: CommandRun, after: Ticket) -> Ticket:
    """The same for one ticket."""
    before = run.known.tickets.get(after.number)
    owner = run.context.policy.people.agent(before.owner) if before else None
    if before is None or owner is None or owner.address == run.agent.address:
        return after
    wrote = any(one.letter == run.ident and one.audience is Audience.requester for one in after.outgoing)
    decided = (before.status, before.owner) != (after.status, after.owner)
    if run.has_written(after, owner.address) or not (wrote or decided):
        return after
    run.tell("owner_told", owner.name, of=after.number)
    due = run.now + run.context.undo
    due = due if after.priority.rank > 1 else run.context.policy.calendar.next_open(due)
    return run.told(after, owner, "why_other", run.agent.name, due=due)


def merged(parsed: Parsed) -> Parsed:
    """`#reply` with a text and a bare `#resolve` after it are one letter to the customer, not two."""
    commands = list(parsed.commands)
    for first, second in zip(parsed.commands, parsed.commands[1:], strict=False):
        if first.name == "reply" and second.name == "resolve" and not second.text and not parsed.wrong:
            commands[commands.index(second)] = replace(second, text=first.text)
            commands.remove(first)
    return replace(parsed, commands=tuple(commands))


def target(sender_facts: SenderFacts, known: KnownFacts, context: DeskContext, letter: Letter) -> Ticket | None:
    """The ticket that a letter without a signed address of its own is about: named by an address or Message-ID of ours, or by its tag."""
    peeked = [context.signer.peek(text) for text in (*letter.envelope.recipients, *(one.email for one in letter.to), *letter.references)]
    numbers = [one[0] for one in peeked if one and one[0]] + [known.by_reference, sender_facts.tag]
    return next((ticket for number in numbers if number and (ticket := followed(known, number))), None)


def confirmed(original: Letter, sender_facts: SenderFacts, known: KnownFacts, context: DeskContext, now: datetime, by: Letter) -> Decision:
    """The letter that waited for `by`; one of which a proved copy has been carried out meanwhile is done already."""
    copies = [seen for ticket in known.tickets.values() for seen in ticket.seen if seen.disposition is Disposition.command]
    done = any((seen.message_id, seen.fingerprint) == (original.message_id, original.fingerprint) for seen in copies)
    if done or sender_facts.agent != by.requester.email:
        spent = SignedToken(ticket=0, purpose=Purpose.confirm, serial=0, person=by.requester.email)
        return decide(by, replace(sender_facts, agent=by.requester.email, references=(spent,)), known, context, now)
    return decide(original, sender_facts, known, context, now, by)


# ----------------------------------------------------------------------------------------- what the store is asked


def wanted(letter: Letter, sender_facts: SenderFacts, known: KnownFacts) -> tuple[int, ...]:
    """Further tickets that the commands of this letter may need, beside those that it names."""
    if not sender_facts.agent:
        return ()
    names, _, _, queries, _ = named(letter.top)
    undone = [number for ticket in known.tickets.values() for number in ticket.undo.get("others", ())] if "undo" in names else []
    numbers = [row.number for row in known.rows if row.owner == sender_facts.agent and row.status != "done"] if names & {"next", "away"} else []
    numbers += [row.number for row in waiting(known.rows)[:2]] if "next" in names else []
    numbers += texts(known.rows) if queries and not known.searched else []
    numbers += range(max(1, known.fresh - RECENT_NUMBERS), known.fresh) if names & {"split", "open"} else []
    return tuple(dict.fromkeys((*undone, *numbers)))
