"""Whether an automatic letter may leave, to whom, and whether it may repeat what the sender wrote."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from tables import at, table

from bot.model import Address, Envelope, Letter, LetterClass
from bot.rendering.reply_policy import Ruling, Sender, Traffic, answer, full, recipient, ruled, sendable, to_staff
from bot.rules.schema import Caps

DESK, IVAN, EVIL, ANNA = (
    "support@providence.film",
    "ivan@example.org",
    "evil@evil.example",
    "anna@providence.film",
)
NOW = at("Mon 12:00")
CAPS = Caps()
PERSON = LetterClass.human


def is_ours(address: str) -> bool:
    return address == DESK


def ago(count: int, minutes: float) -> tuple[datetime, ...]:
    """So many letters, all sent so many minutes ago."""
    return (NOW - timedelta(minutes=minutes),) * count


def letter(sender: str = IVAN, envelope: str = IVAN, intake: str = "smtp", may_answer: bool = True) -> Letter:
    """A letter with this From and this envelope sender."""
    return Letter(
        envelope=Envelope(letter="in1", received=NOW, mail_from=envelope, intake=intake),
        sender=(Address(email=sender),),
        to=(Address(email=DESK),),
        date=NOW,
        may_answer=may_answer,
    )


# ----------------------------------------------------------------------------------------- which letters are answered

SENT = Ruling(to=IVAN)
REPEATED = Ruling(to=IVAN, repeats=True)
UNPROVED, PROVED = (False, False), (False, True)
ANSWERED = (
    # the sentence, the letter, its class, whether From is aligned and proved, the ruling
    ("a person's letter is answered, without their words", letter(), PERSON, UNPROVED, SENT),
    ("a proved person may read their own words again", letter(), PERSON, PROVED, REPEATED),
    (
        "a letter that asked for no automatic answer gets none",
        letter(may_answer=False),
        PERSON,
        PROVED,
        Ruling(reason="asked_not_to"),
    ),
    ("a machine gets no answer", letter(), LetterClass.automatic, PROVED, Ruling(reason="machine")),
    ("nor does a mailing list", letter(), LetterClass.bulk, PROVED, Ruling(reason="machine")),
    ("nor does a bounce", letter(), LetterClass.bounce, PROVED, Ruling(reason="machine")),
    (
        "a machine that asked for no answer is a machine first",
        letter(may_answer=False),
        LetterClass.automatic,
        PROVED,
        Ruling(reason="machine"),
    ),
    ("the null sender gets no answer", letter(envelope=""), PERSON, UNPROVED, Ruling(reason="no_address")),
    ("the desk does not answer itself", letter(DESK, DESK), PERSON, PROVED, Ruling(reason="our_own")),
    (
        "an unaligned From is not written to: the envelope's sender is",
        letter(envelope=EVIL),
        PERSON,
        UNPROVED,
        Ruling(to=EVIL),
    ),
    (
        "the sender's words are not repeated to another, unproved address",
        letter(envelope=EVIL),
        PERSON,
        PROVED,
        Ruling(to=EVIL),
    ),
    (
        "an aligned From is answered, whatever the envelope says",
        letter(envelope=EVIL),
        PERSON,
        (True, True),
        REPEATED,
    ),
)


@table("given kind known expected", ANSWERED)
def test_which_letters_are_answered(
    given: Letter, kind: LetterClass, known: tuple[bool, bool], expected: Ruling
) -> None:
    assert answer(given, Sender(kind, *known), lambda _: Traffic(), is_ours, CAPS, NOW) == expected


def test_the_traffic_of_the_address_that_is_written_to_counts() -> None:
    """Not that of the From, which anybody can write."""
    seen: Callable[[str], Traffic] = {IVAN: Traffic(suppressed=True), EVIL: Traffic()}.__getitem__
    assert answer(letter(envelope=EVIL), Sender(PERSON, False, False), seen, is_ours, CAPS, NOW).to == EVIL
    assert answer(letter(envelope=EVIL), Sender(PERSON, True, False), seen, is_ours, CAPS, NOW).reason == "suppressed"


RECIPIENTS = (
    # the sentence, the letter, whether From is aligned, who is answered
    ("From, where the envelope says the same", letter(), False, IVAN),
    ("From, where the envelope says it in capitals", letter(envelope=IVAN.upper()), False, IVAN),
    ("From, where it is aligned", letter(envelope=EVIL), True, IVAN),
    ("From, where nobody told the envelope", letter(envelope="?"), False, IVAN),
    ("From, where the web form has signed it", letter(envelope=DESK, intake="form"), False, IVAN),
    ("else the envelope's sender", letter(envelope="Evil@Evil.example"), False, EVIL),
)


@table("given aligned expected", RECIPIENTS)
def test_who_is_answered(given: Letter, aligned: bool, expected: str) -> None:
    assert recipient(given, aligned) == expected


SENDABLE = (
    # the sentence, the address, why nothing may be sent there
    ("a person", IVAN, ""),
    ("no address", "", "no_address"),
    ("an unknown one", "?", "no_address"),
    ("one that is no mailbox", "ivan", "no_address"),
    ("two in one", "ivan@example.org, evil@evil.example", "no_address"),
    ("the desk", DESK, "our_own"),
    ("noreply", "noreply@example.org", "nobody_there"),
    ("no-reply", "no-reply@example.org", "nobody_there"),
    ("no_reply, in capitals", "No_Reply@example.org", "nobody_there"),
    ("noreply with a tag", "noreply+12@example.org", "nobody_there"),
    ("do-not-reply", "do-not-reply@example.org", "nobody_there"),
    ("the same in Russian", "ne-otvechayte@example.org", "nobody_there"),
    ("a mail server", "MAILER-DAEMON@example.org", "nobody_there"),
    ("its postmaster", "postmaster@example.org", "nobody_there"),
    ("an address for bounces", "bounces+ivan@example.org", "nobody_there"),
    ("a list's owner", "owner-news@example.org", "nobody_there"),
    ("a list's requests", "news-request@example.org", "nobody_there"),
    ("a person whose name begins so", "nobodyson@example.org", ""),
    ("a person at a domain that is called so", "ivan@noreply.example", ""),
)


@table("address expected", SENDABLE)
def test_where_nobody_reads(address: str, expected: str) -> None:
    assert sendable(address, is_ours) == expected


# -------------------------------------------------------------------------------------------------- caps and blocks


def held(reason: str, block: str = "") -> Ruling:
    return Ruling(to=IVAN, held=True, auto_reply_block=block, repeats=True, reason=reason)


def capped(reason: str) -> Ruling:
    """Held from now on; nothing proves the letter, so it closes the address for its like alone."""
    return held(reason, "doubt")


BLOCKED, SOFT = Traffic(auto_reply_blocked=True), Traffic(soft_blocked=True)
RULED = (
    # the sentence, what was sent before, the ruling
    ("the first letter is answered", Traffic(), REPEATED),
    ("a suppressed address gets nothing", Traffic(suppressed=True), Ruling(reason="suppressed")),
    ("the third answer in ten minutes still leaves", Traffic(sent=ago(2, 1)), REPEATED),
    ("the fourth is held", Traffic(sent=ago(3, 1)), capped("caps")),
    ("three of eleven minutes ago do not count there", Traffic(sent=ago(3, 11)), REPEATED),
    ("the tenth in three hours still leaves", Traffic(sent=ago(9, 179)), REPEATED),
    ("the eleventh is held", Traffic(sent=ago(10, 179)), capped("caps")),
    ("ten of more than three hours ago are let be", Traffic(sent=ago(10, 180)), REPEATED),
    ("the twentieth in a day still leaves", Traffic(sent=ago(19, 1439)), REPEATED),
    ("the twenty-first is held", Traffic(sent=ago(20, 1439)), capped("caps")),
    ("yesterday's are let be", Traffic(sent=ago(20, 1440)), REPEATED),
    ("a ticket's tenth in ten minutes still leaves", Traffic(ticket_sent=ago(9, 9)), REPEATED),
    ("its eleventh is held", Traffic(ticket_sent=ago(10, 9)), capped("caps")),
    ("a ticket's ten of ten minutes ago are let be", Traffic(ticket_sent=ago(10, 10)), REPEATED),
    ("the same subject a second time is answered", Traffic(same_subject=2), REPEATED),
    ("the same subject a third time is held", Traffic(same_subject=3), capped("same_subject")),
    ("and a fourth time", Traffic(same_subject=4), capped("same_subject")),
    ("a second one through a ticket's addresses is not sent", Traffic(through=1), Ruling(reason="through")),
    (
        "a proved letter over the caps closes the address",
        Traffic(sent=ago(3, 1), proved=True),
        held("caps", "latch"),
    ),
    (
        "a proved letter with one subject too often does",
        Traffic(same_subject=3, proved=True),
        held("same_subject", "latch"),
    ),
    (
        "not where forged letters have used the caps up",
        Traffic(sent=ago(3, 1), proved=True, soft_blocked=True),
        held("caps"),
    ),
    ("a closed address gets nothing", BLOCKED, held("latched")),
    ("proved or not", Traffic(auto_reply_blocked=True, proved=True), held("latched")),
    ("forged letters close it for unproved letters", SOFT, held("latched")),
    ("and not for its owner", Traffic(soft_blocked=True, proved=True), REPEATED),
    (
        "a letter a day later keeps it closed",
        Traffic(auto_reply_blocked=True, renew=True),
        held("latched", "latch"),
    ),
    ("an unproved one for its like", Traffic(soft_blocked=True, renew=True), held("latched", "doubt")),
    (
        "an old block of one kind beside another stays the harder",
        Traffic(auto_reply_blocked=True, soft_blocked=True, renew=True),
        held("latched", "latch"),
    ),
    (
        "a closed address is closed, however suppressed",
        Traffic(suppressed=True, auto_reply_blocked=True),
        Ruling(reason="suppressed"),
    ),
)


@table("seen expected", RULED)
def test_what_was_sent_before(seen: Traffic, expected: Ruling) -> None:
    assert ruled(IVAN, seen, True, CAPS, NOW) == expected


UNCAPPED = (
    # the sentence, what was sent before, the ruling of a desk without caps
    ("caps that are lifted hold nothing", Traffic(sent=ago(99, 1), same_subject=9, through=9), REPEATED),
    ("nor do blocks", BLOCKED, REPEATED),
    ("a suppressed address still gets nothing", Traffic(suppressed=True), Ruling(reason="suppressed")),
)


@table("seen expected", UNCAPPED)
def test_a_desk_without_caps(seen: Traffic, expected: Ruling) -> None:
    assert ruled(IVAN, seen, True, None, NOW) == expected


def test_nothing_is_repeated_where_it_must_not_be() -> None:
    """Held letters are sent later, when an agent releases them: they must be as careful."""
    seen = (Traffic(), BLOCKED, Traffic(sent=ago(3, 1)), Traffic(same_subject=3))
    assert [ruled(IVAN, one, False, caps, NOW).repeats for one in seen for caps in (CAPS, None)] == [
        False
    ] * 8


# ------------------------------------------------------------------------------------------------------------- staff

TOLD = Ruling(to=ANNA, repeats=True)
STAFF = (
    # the sentence, to whom, what was sent before, whether it is an error letter, the ruling
    ("a notice leaves, and repeats the customer's words", ANNA, Traffic(), False, TOLD),
    (
        "an agent whose address bounced gets nothing",
        ANNA,
        Traffic(suppressed=True),
        False,
        Ruling(reason="suppressed"),
    ),
    (
        "nor does one without a mailbox",
        "noreply@providence.film",
        Traffic(),
        False,
        Ruling(reason="nobody_there"),
    ),
    ("nor does the desk", DESK, Traffic(), True, Ruling(reason="our_own")),
    ("the thirtieth error letter in ten minutes leaves", ANNA, Traffic(errors=ago(29, 9)), True, TOLD),
    (
        "the next is held",
        ANNA,
        Traffic(errors=ago(30, 9)),
        True,
        Ruling(to=ANNA, held=True, repeats=True, reason="errors"),
    ),
    ("those of ten minutes ago are let be", ANNA, Traffic(errors=ago(30, 10)), True, TOLD),
    ("error letters hold no notice", ANNA, Traffic(errors=ago(30, 9)), False, TOLD),
)


@table("to seen error expected", STAFF)
def test_letters_to_staff(to: str, seen: Traffic, error: bool, expected: Ruling) -> None:
    assert to_staff(to, seen, is_ours, CAPS, NOW, error=error) == expected


def test_a_desk_without_caps_holds_no_error_letter() -> None:
    assert to_staff(ANNA, Traffic(errors=ago(99, 1)), is_ours, None, NOW, error=True) == TOLD


WINDOWS = (
    # the sentence, minutes ago, whether they fill a window of ten minutes for two
    ("two of this moment", (0, 0), True),
    ("one alone", (0,), False),
    ("three", (0, 1, 2), True),
    ("the window's beginning is outside", (10, 0), False),
    ("just inside it", (9.99, 0), True),
    ("a clock that ran ahead by minutes counts", (-10, 0), True),
    ("one set back by more does not", (-10.01, 0), False),
)


@table("minutes expected", WINDOWS)
def test_a_sliding_window(minutes: tuple[float, ...], expected: bool) -> None:
    assert full([NOW - timedelta(minutes=one) for one in minutes], 2, 10, NOW) is expected
