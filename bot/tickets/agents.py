"""An agent's letter: proved, parsed whole, and then carried out whole or refused whole; one receipt or one error answers it.

`proof` says whether it is theirs; of any other they are asked, and `#confirm` carries it out (section 8).
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from bot.model import Audience, Decision, Fate, Letter, Ticket
from bot.reading import history
from bot.store.port import Found
from bot.tickets import answering, proof
from bot.tickets.commands import BY_NAME, Order, Parsed, Wrong, named, parse
from bot.tickets.erasing import ERASED
from bot.tickets.identity import Purpose, Reference
from bot.tickets.job import Desk, Job, Refusal, noted
from bot.tickets.office import Office
from bot.tickets.orders import carry_out
from bot.tickets.place import Sight, followed, look
from bot.tickets.queue import texts, waiting
from bot.tickets.quotations import FEW, Ours, is_marked, own_words, stray

MOST_TICKETS = 5  # named by one letter, whose letters of ours are looked for in it
LONGEST = 90_000  # characters of an agent's own words
MOST_TOLD = 60  # characters of a line that a receipt names
RECENT_NUMBERS = 20  # new tickets among which a repeated letter looks for the one that it made


def decide(letter: Letter, sight: Sight, found: Found, office: Office, now: datetime, by: Letter | None = None) -> Decision:
    """What a letter from an agent's address changes; nothing, unless it is proved and right in every line.

    `by` is the letter that confirms it: everything is then done under that letter's id.
    """
    agent = office.policy.people.agent(sight.agent)
    if agent is None:
        raise ValueError(f"{sight.agent} is no agent")
    language = office.language(agent.language or "", office.policy.desk.language)
    carrier = by or letter
    job = Job(office, agent, letter, found, now, language, carrier.envelope.letter, carrier.message_id, carrier.fingerprint)
    if any(one.purpose is Purpose.confirm for one in sight.references) and by is None:
        alone = proof.says_confirm(letter, office, now)
        return answering.refused(job, reason="nothing_to_confirm" if alone else "confirm_alone")
    obeyed = by is None and proof.proved(letter, sight, office, now)
    ticket, parsed = meant(job, sight, obeyed)
    if obeyed:
        return carried(job, ticket, parsed)
    shown = proof.shown(job, ticket, parsed)
    if by is None:
        return proof.asked(job, sight, ticket, parsed, shown)
    given = proof.confirms(by, look(by, office, now), office, now)
    if given != proof.serial(job, ticket, shown):  # rules, templates or the ticket have changed since
        return answering.refused(job, reason="confirm_changed", ticket=ticket)
    job.record("confirmed", agent.address, letter.envelope.letter)
    return carried(job, ticket, parsed)


def meant(job: Job, sight: Sight, obeyed: bool) -> tuple[Desk, Parsed]:
    """The commands, and the ticket that they are about: the signed address names it, or else what names one.

    A letter that only a signature of DKIM proves names it by what that signature covers: To and subject.
    """
    found, letter = job.found, job.letter
    known = sight.references if obeyed else (*sight.references, *sight.threads)
    signed = [one for one in known if one.purpose is Purpose.agent and not one.expired]
    if not job.office.signer.plus:  # what is of no ticket, an error letter, has no address that names one
        signed = [one for one in signed if one.ticket]
    if obeyed and not signed:
        found = replace(found, by_reference=0)
        letter = replace(letter, references=(), envelope=replace(letter.envelope, recipients=()))
    ticket = followed(found, signed[0].ticket) if signed else target(sight, found, job.office, letter)
    parsed = read(job, sight, ticket)
    if signed and (undone := [order for order in parsed.orders if order.name == "undo"]):
        # perhaps what is taken back is its being merged; a number is one of its own
        direct = found.tickets.get(signed[0].ticket)
        candidates = [one for one in (direct, ticket) if one]
        latest = max(candidates, key=lambda one: str(one.undo.get("at", "")), default=None)
        ticket = direct if direct and undone[0].argument and ERASED not in direct.labels else latest
    return ticket, parsed


def understood(job: Job, text: str) -> Parsed:
    """The commands of a text, in the desk's day."""
    return merged(parse(text, job.office.policy, job.now.astimezone(job.office.policy.calendar.zone).date()))


def read(job: Job, sight: Sight, ticket: Desk) -> Parsed:
    """What a letter says above the first mark of history and the first piece of ours: nothing else is read.

    `job.letter.text` becomes what they wrote there; where a command stands below only, with what stands below.
    """
    if len(job.letter.top) > LONGEST:
        return Parsed(wrong=(Wrong(line=0, reason="letter_too_long", what=f"{LONGEST:_}".replace("_", " ")),))
    signed = (one.ticket for one in (*sight.references, *sight.threads))
    numbers = (*signed, sight.tag, job.found.by_reference)
    named = {one.number: one for one in (ticket, *map(job.found.tickets.get, numbers)) if one is not None}
    ours = Ours(tuple(named.values())[:MOST_TICKETS], job.office.templates)
    own = own_words(job.letter.top, ours)
    below = [*own.below, *history.below(job.letter.full_text)]
    parsed, at = understood(job, own.text), stray(below, ours)
    if own.wrong:
        parsed = replace(parsed, wrong=own.wrong)
    elif at >= 0 and not parsed.orders and not parsed.wrong:
        above = own.text.splitlines()
        mine = below[at:] if is_marked(below[at]) else [line for line in below[at:] if not is_marked(line)]
        left = (line for line in map(history.unmarked, mine) if not line or not ours.holds(line, FEW))
        own = replace(own, text="\n".join((*above, *left)))
        parsed = replace(parsed, wrong=(Wrong(line=len(above) + 1, reason="below_quote"),))
    elif at >= 0:
        job.stray = history.unmarked(below[at])
    elif not own.text and not understood(job, job.letter.text).orders:
        own = replace(own, text=job.letter.text)  # words below the quotation, without a command, are kept
        parsed = Parsed(above=own.text)
    job.letter = replace(job.letter, text=own.text)
    return parsed


def carried(job: Job, ticket: Desk, parsed: Parsed) -> Decision:
    """The commands of a proved letter, all or none."""
    job.own = ticket.number if ticket else 0
    if parsed.wrong:
        return answering.refused(job, wrong=parsed.wrong, ticket=ticket)
    orders = tuple(order for order in parsed.orders if order.name != "help")
    if not orders:
        if parsed.orders or not parsed.above:
            return answering.helped(job, ticket)
        return answering.kept(job, ticket, parsed.above) if ticket else answering.refused(job, reason="no_command")
    try:
        together(orders, job.own)
        changed = carry_out(job, ticket, orders)
        if parsed.above and changed is not None:
            changed = noted(job, changed, parsed.above)
            job.tell("noted_above")
        if job.stray:
            job.tell("left_below", job.stray[:MOST_TOLD])
        changed = told_owners(job, changed, orders)
        answering.guard(job, changed)
    except Refusal as refusal:
        wrong = Wrong(line=refusal.line, reason=refusal.reason, what=refusal.what, hint=refusal.hint)
        job.others.clear()
        job.records.clear()
        job.said.clear()
        return answering.refused(job, wrong=(wrong,), ticket=ticket)
    return answering.receipted(job, ticket, changed, parsed)


def together(orders: tuple[Order, ...], own: int) -> None:
    """Raises Refusal for #confirm, which confirms nothing here, for #undo that does not stand alone, for
    #merge with more behind it, and for a command on a ticket below one that shows another ticket: its author
    may have either in mind.
    """
    shows = ""
    for order in orders:
        if order.name == "merge" and order is not orders[-1]:
            raise Refusal("merge_last", line=order.line)
        if order.name == "confirm":
            raise Refusal("nothing_to_confirm", line=order.line)
        if order.name == "undo" and len(orders) > 1:
            raise Refusal("undo_alone", line=order.line)
        if shows and BY_NAME[order.name].scope == "ticket":
            raise Refusal("which_ticket", shows, line=order.line)
        if order.name == "next" or (order.name == "show" and order.argument not in ("", str(own))):
            shows = order.name


def told_owners(job: Job, after: Desk, orders: tuple[Order, ...]) -> Desk:
    """Whoever has a ticket hears of what another agent wrote or decided in it, and the other of whose it is.
    """
    if orders[0].name == "undo":
        return after
    for number, other in job.others.items():
        job.others[number] = told_owner(job, other)
    return told_owner(job, after) if after is not None else None


def told_owner(job: Job, after: Ticket) -> Ticket:
    """The same for one ticket."""
    before = job.found.tickets.get(after.number)
    owner = job.office.policy.people.agent(before.owner) if before else None
    if before is None or owner is None or owner.address == job.agent.address:
        return after
    wrote = any(one.letter == job.ident and one.audience is Audience.requester for one in after.outgoing)
    decided = (before.status, before.owner) != (after.status, after.owner)
    if job.has_written(after, owner.address) or not (wrote or decided):
        return after
    job.tell("owner_told", owner.name, of=after.number)
    due = job.now + job.office.undo
    due = due if after.priority.rank > 1 else job.office.policy.calendar.next_open(due)
    return job.told(after, owner, "why_other", job.agent.name, due=due)


def merged(parsed: Parsed) -> Parsed:
    """`#reply` with a text and a bare `#resolve` after it are one letter to the customer, not two."""
    orders = list(parsed.orders)
    for first, second in zip(parsed.orders, parsed.orders[1:], strict=False):
        if first.name == "reply" and second.name == "resolve" and not second.text and not parsed.wrong:
            orders[orders.index(second)] = replace(second, text=first.text)
            orders.remove(first)
    return replace(parsed, orders=tuple(orders))


def target(sight: Sight, found: Found, office: Office, letter: Letter) -> Ticket | None:
    """The ticket that a letter without a signed address of its own is about: named by an address or Message-ID of ours, or by its tag."""
    peeked = [office.signer.peek(text) for text in (*letter.envelope.recipients, *(one.email for one in letter.to), *letter.references)]
    numbers = [one[0] for one in peeked if one and one[0]] + [found.by_reference, sight.tag]
    return next((ticket for number in numbers if number and (ticket := followed(found, number))), None)


def confirmed(original: Letter, sight: Sight, found: Found, office: Office, now: datetime, by: Letter) -> Decision:
    """The letter that waited for `by`; one of which a proved copy has been carried out meanwhile is done already."""
    copies = [seen for ticket in found.tickets.values() for seen in ticket.seen if seen.fate is Fate.command]
    done = any((seen.message_id, seen.fingerprint) == (original.message_id, original.fingerprint) for seen in copies)
    if done or sight.agent != by.requester.email:
        spent = Reference(ticket=0, purpose=Purpose.confirm, serial=0, person=by.requester.email)
        return decide(by, replace(sight, agent=by.requester.email, references=(spent,)), found, office, now)
    return decide(original, sight, found, office, now, by)


# ----------------------------------------------------------------------------------------- what the store is asked


def wanted(letter: Letter, sight: Sight, found: Found) -> tuple[int, ...]:
    """Further tickets that the commands of this letter may need, beside those that it names."""
    if not sight.agent:
        return ()
    names, _, _, queries, _ = named(letter.top)
    undone = [number for ticket in found.tickets.values() for number in ticket.undo.get("others", ())] if "undo" in names else []
    numbers = [row.number for row in found.rows if row.owner == sight.agent and row.status != "done"] if names & {"next", "away"} else []
    numbers += [row.number for row in waiting(found.rows)[:2]] if "next" in names else []
    numbers += texts(found.rows) if queries and not found.searched else []
    numbers += range(max(1, found.fresh - RECENT_NUMBERS), found.fresh) if names & {"split", "open"} else []
    return tuple(dict.fromkeys((*undone, *numbers)))
