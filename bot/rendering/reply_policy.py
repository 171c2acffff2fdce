"""The reply policy: may this automatic letter be sent, to whom, and may it repeat what the sender wrote? (Design, section 7.)

Every outgoing automatic letter passes it, also error letters and notices to staff. Pure: counts in, a ruling
out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.model import Letter, LetterClass, Value
from bot.model.address import MAILBOX
from bot.rules.schema import Caps

NOBODY = re.compile(
    r"^(?:no-?_?reply|do-?_?not-?_?reply|ne-?otvecha\w*|mailer-daemon|postmaster|bounces?|daemon|nobody|auto-?reply|owner-.*|.*-(?:request|owner|bounces?))"
    r"(?:[+.=-].*)?$",
    re.IGNORECASE,
)


class Traffic(Value, frozen=True):
    """What has been sent to an address before."""

    sent: tuple[datetime, ...] = ()
    ticket_sent: tuple[datetime, ...] = ()
    errors: tuple[datetime, ...] = ()
    same_subject: int = 0  # how often this non-empty subject came within the window, this letter included
    through: int = 0
    auto_reply_blocked: bool = False
    soft_blocked: bool = False  # blocked by unproved letters, which anybody can send in another name
    renew: bool = False  # the auto-reply block is older than a day
    proved: bool = False  # the letter to be answered is proved
    suppressed: bool = False


class Sender(NamedTuple):
    """What is known of who wrote the letter that may be answered."""

    kind: LetterClass
    aligned: bool  # authenticated, with From
    proved: bool  # their words may be repeated to them


class Ruling(Value, frozen=True):
    """`to` is "" if nothing may be sent; `held`: the letter is kept and not sent."""

    to: str = ""
    held: bool = False
    auto_reply_block: str = ""  # the record that closes the address: "latch", or "doubt" where it is closed for unproved letters only
    repeats: bool = False  # the letter may repeat the sender's own words
    reason: str = ""


def sendable(address: str, is_ours: Callable[[str], bool]) -> str:
    """"" if automatic mail may go to the address; otherwise why not (item 2)."""
    if not address or address == "?" or not MAILBOX.fullmatch(address):
        return "no_address"
    if is_ours(address):
        return "our_own"
    return "nobody_there" if NOBODY.match(address.rpartition("@")[0]) else ""


def recipient(letter: Letter, aligned: bool) -> str:
    """Who gets an automatic answer (item 3): From, if aligned or the envelope sender; else the latter."""
    sender, envelope = letter.requester.email, letter.envelope.mail_from.lower()
    return sender if aligned or envelope in ("?", sender) or letter.envelope.intake == "form" else envelope


def answer(
    letter: Letter, sender: Sender, traffic: Callable[[str], Traffic], is_ours: Callable[[str], bool], caps: Caps | None, now: datetime
) -> Ruling:
    """May an automatic answer to this letter leave? `caps` None lifts all caps (`DESK_CAPS=off`)."""
    kind, aligned, proved = sender
    if kind is not LetterClass.human or not letter.may_answer:
        return Ruling(reason="machine" if kind is not LetterClass.human else "asked_not_to")
    to = recipient(letter, aligned)
    wrong = sendable(to, is_ours)
    if wrong:
        return Ruling(reason=wrong)
    return ruled(to, traffic(to), proved and to == letter.requester.email, caps, now)


def ruled(to: str, seen: Traffic, repeats: bool, caps: Caps | None, now: datetime) -> Ruling:
    """Suppression, auto-reply block and caps for one address (items 2 and 5)."""
    if seen.suppressed:
        return Ruling(reason="suppressed")
    if caps is None:
        return Ruling(to=to, repeats=repeats)
    if seen.auto_reply_blocked or (seen.soft_blocked and not seen.proved):  # quiet days: each letter restarts them
        renewed = ("latch" if seen.auto_reply_blocked else "doubt") if seen.renew else ""
        return Ruling(to=to, held=True, auto_reply_block=renewed, repeats=repeats, reason="latched")
    auto_reply_block = "doubt" if not seen.proved else "" if seen.soft_blocked else "latch"
    if seen.through >= caps.acknowledgements_day:
        return Ruling(reason="through")
    windows = ((caps.requester_10_min, 10), (caps.requester_3_hours, 180), (caps.requester_day, 1440))
    if any(full(seen.sent, most, minutes, now) for most, minutes in windows) or full(seen.ticket_sent, caps.ticket_10_min, 10, now):
        return Ruling(to=to, held=True, auto_reply_block=auto_reply_block, repeats=repeats, reason="caps")
    if seen.same_subject >= caps.same_subject_3_hours:
        return Ruling(to=to, held=True, auto_reply_block=auto_reply_block, repeats=repeats, reason="same_subject")
    return Ruling(to=to, repeats=repeats)


def to_staff(to: str, seen: Traffic, is_ours: Callable[[str], bool], caps: Caps | None, now: datetime, *, error: bool = False) -> Ruling:
    """Notices, receipts and error letters to agents; an error letter over its cap is held."""
    wrong = sendable(to, is_ours)
    if wrong or seen.suppressed:
        return Ruling(reason=wrong or "suppressed")
    if error and caps is not None and full(seen.errors, caps.errors_10_min, 10, now):
        return Ruling(to=to, held=True, repeats=True, reason="errors")
    return Ruling(to=to, repeats=True)


def full(times: Sequence[datetime], how_many: int, minutes: int, now: datetime) -> bool:
    """Whether the sliding window is full. Moments far in the future are from before a clock was set back."""
    span = timedelta(minutes=minutes)
    return sum(1 for time in times if now - span < time <= now + span) >= how_many
