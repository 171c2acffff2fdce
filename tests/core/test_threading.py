"""Which ticket a letter joins, how sure that is, and when it opens another one."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace
from spoken import SHIPPED as TEMPLATES
from tables import SHIPPED, at, opened, table

from bot.model import ERASED, Address, Entry, Envelope, Letter, Resolution, Status, Ticket
from bot.store.interface import KnownFacts
from bot.tickets.context import DeskContext
from bot.tickets.status import move
from bot.tickets.threading import (
    MOST_ENTRIES,
    MOST_OF_MACHINES,
    MOST_UNCONFIRMED,
    ThreadMatch,
    astray,
    followed,
    full,
    full_of_machines,
    in_reply_to,
    is_own,
    joins,
    look,
    other_matter,
    takes_part,
)
from bot.tickets.tokens import Purpose, Signer, Subjects

DESK, IVAN, OLGA, EVIL, ANNA = (
    "support@providence.film",
    "ivan@example.org",
    "olga@example.org",
    "evil@evil.example",
    "anna@providence.film",
)
NOW = at("Mon 12:00")
SIGNER = Signer([b"key"], DESK, "PF")
CONTEXT = DeskContext(SHIPPED, TEMPLATES, SIGNER, Subjects("PF"))
PLAIN = DeskContext(SHIPPED, TEMPLATES, Signer([b"key"], DESK, "PF", plus=False), Subjects("PF"))


def letter(where: str = DESK, /, sender: str = IVAN, **more: object) -> Letter:
    """A letter to one address of the desk."""
    made = Letter(
        envelope=Envelope(letter="in1", received=NOW, mail_from=sender, recipients=(where,)),
        sender=(Address(email=sender),), to=(Address(email=where),), date=NOW, subject="Звук",
        message_id="1@client.example",
    )  # fmt: skip
    return replace(made, **more)


def signed(number: int = 7, person: str = IVAN, purpose: Purpose = Purpose.requester) -> str:
    return SIGNER.address(number, purpose, person, until=NOW.date())


EXPIRED = SIGNER.address(7, Purpose.requester, IVAN, until=NOW.date() - timedelta(days=1))
IDENT = SIGNER.message_id(7, Purpose.requester, IVAN, 3)
MADE_UP = "pf.7-r-aaaaaaaaaaaaaaaa@providence.film"
OPEN = replace(opened(NOW), participants=(OLGA,))
DONE = move(OPEN, Status.done, NOW, SHIPPED, resolution=Resolution.solved)
NEW = ThreadMatch()
LATE = NOW + timedelta(days=14, seconds=1)
UNPROVED = Entry(at=NOW, kind="letter", public=True, unconfirmed=True)
CROWDED = replace(OPEN, entries=(UNPROVED,) * MOST_UNCONFIRMED)


def match(number: int, how: str, unconfirmed: bool = False) -> ThreadMatch:
    return ThreadMatch(ticket=number, how=how, unconfirmed=unconfirmed)


def beside(number: int, how: str = "", unconfirmed: bool = False) -> ThreadMatch:
    """A new ticket that is linked to this one."""
    return ThreadMatch(apart=number, how=how, unconfirmed=unconfirmed)


JOINED = (
    # the sentence, the letter, ticket 7, when, what it joins
    ("a letter that names nothing opens a ticket", letter(), OPEN, NOW, NEW),
    ("an answer to its own address joins", letter(signed()), OPEN, NOW, match(7, "signed")),
    ("an expired address names the ticket and proves nothing", letter(EXPIRED), OPEN, NOW,
     match(7, "references", True)),
    ("a signed Message-ID does as well", letter(references=(IDENT,)), OPEN, NOW, match(7, "references", True)),
    ("it proves where From is aligned", letter(references=(IDENT,), aligned="dkim"), OPEN, NOW,
     match(7, "references")),
    ("a made-up token is no better than a tag", letter(references=(MADE_UP,)), OPEN, NOW, match(7, "tag", True)),
    ("the subject's tag is the last resort", letter(subject="Re: [PF-7] Звук"), OPEN, NOW, match(7, "tag", True)),
    ("an aligned From makes it sure", letter(subject="[PF-7]", aligned="dkim"), OPEN, NOW, match(7, "tag")),
    ("the signed address goes before the tag", letter(signed(), subject="[PF-8] Звук"), OPEN, NOW,
     match(7, "signed")),
    ("a ticket that there is not is not joined", letter(subject="[PF-9]"), OPEN, NOW, NEW),
    ("a stranger is set apart", letter(sender=EVIL, subject="[PF-7]"), OPEN, NOW, beside(7)),
    ("a stranger is, however well they are proved", letter(sender=EVIL, subject="[PF-7]", aligned="dkim"), OPEN,
     NOW, beside(7)),
    ("a stranger at the requester's address is", letter(signed(), sender=EVIL), OPEN, NOW, beside(7)),
    ("a participant joins", letter(signed(person=OLGA), sender=OLGA), OPEN, NOW, match(7, "signed")),
    ("an answer to a question of another purpose proves nothing", letter(signed(purpose=Purpose.score)), OPEN,
     NOW, match(7, "references", True)),
    ("a signed answer reopens", letter(signed(), subject="Re: Звук"), DONE, NOW, match(7, "signed")),
    ("an aligned one does", letter(subject="Re: [PF-7] Звук", aligned="dkim"), DONE, NOW, match(7, "tag")),
    ("an unproved one opens a ticket beside", letter(subject="Re: [PF-7] Звук"), DONE, NOW,
     beside(7, "tag", True)),
    ("on the last day of the window it reopens", letter(signed()), DONE, LATE - timedelta(seconds=1),
     match(7, "signed")),
    ("a second later it does not", letter(signed()), DONE, LATE, beside(7, "signed")),
    ("another subject is another matter", letter(signed(), subject="Оплата"), DONE, NOW, beside(7, "signed")),
    ("on an open ticket it is not", letter(signed(), subject="Оплата"), OPEN, NOW, match(7, "signed")),
    ("a hundred unproved letters are enough", letter(subject="[PF-7]"), CROWDED, NOW, beside(7, "tag", True)),
    ("proved ones still join", letter(signed()), CROWDED, NOW, match(7, "signed")),
    ("a merged ticket leads to the other", letter(signed()), replace(OPEN, merged_into=8), NOW,
     match(8, "signed")),
    ("a letter of nobody joins nothing", letter(sender="", subject="[PF-7]"), OPEN, NOW, beside(7)),
)  # fmt: skip


@table("given ticket now expected", JOINED)
def test_which_ticket_a_letter_joins(given: Letter, ticket: Ticket, now: datetime, expected: ThreadMatch) -> None:
    known = KnownFacts(fresh=10, tickets={7: ticket, 8: replace(OPEN, number=8)})
    day = replace(given, envelope=given.envelope)
    facts = look(day, CONTEXT, NOW)
    assert joins(given, facts, known, CONTEXT, now) == expected


def test_a_letter_of_ours_that_the_store_knows_counts_as_a_reference() -> None:
    known = KnownFacts(fresh=10, tickets={7: OPEN}, by_reference=7)
    assert joins(letter(), look(letter(), CONTEXT, NOW), known, CONTEXT, NOW) == match(7, "references", True)


# ------------------------------------------------------------------------------------------------------ the sender

PASS = {"headers": (("in-reply-to", f"<{IDENT}>"),), "references": (IDENT,)}
PROVEN = (
    # the sentence, the letter, the desk, tickets that are proved, how From is authenticated
    ("a signed address proves", letter(signed()), CONTEXT, [7], ""),
    ("in Cc too", letter(cc=(Address(email=signed()),)), CONTEXT, [7], ""),
    ("a Message-ID does not", letter(**PASS), CONTEXT, [], ""),
    ("nor an aligned From beside it", letter(**PASS, aligned="dkim"), CONTEXT, [], "dkim"),
    ("without plus addresses the two together do", letter(**PASS, aligned="dkim"), PLAIN, [7], "dkim"),
    ("but not the web form's", letter(**PASS, aligned="form"), PLAIN, [], "form"),
    ("nor the Message-ID alone", letter(**PASS), PLAIN, [], ""),
    ("a failed DMARC proves nothing", letter(signed(), dmarc_failed=True, aligned="dkim"), CONTEXT, [], ""),
    ("but answers a confirmation", letter(signed(purpose=Purpose.confirm), dmarc_failed=True), CONTEXT, [7], ""),
    ("a From of two readings is nobody's", letter(signed(), from_defect="two", aligned="dkim"), CONTEXT, [], ""),
    ("one address twice is one proof", letter(signed(), cc=(Address(email=signed()),)), CONTEXT, [7], ""),
)  # fmt: skip


@table("given desk numbers aligned", PROVEN)
def test_what_proves_a_sender(given: Letter, desk: DeskContext, numbers: list[int], aligned: str) -> None:
    facts = look(given, desk, NOW)
    assert [one.ticket for one in facts.references] == numbers
    assert facts.aligned == aligned


def test_what_else_is_known_of_a_sender() -> None:
    facts = look(letter(sender=ANNA, subject="[PF-12]"), CONTEXT, NOW)
    assert (facts.agent, facts.tag, facts.may_answer, facts.kind) == (ANNA, 12, True, "human")
    assert look(letter(sender=ANNA, from_defect="two"), CONTEXT, NOW).agent == ""


REPLIED = (
    # the sentence, the fields, what is answered
    ("one Message-ID", (("in-reply-to", "<a@b>"),), "<a@b>"),
    ("no field", (("references", "<a@b>"),), ""),
    ("two in one field", (("in-reply-to", "<a@b> <c@d>"),), ""),
    ("two fields", (("in-reply-to", "<a@b>"), ("in-reply-to", "<a@b>")), ""),
    ("an empty field", (("in-reply-to", " "),), ""),
)


@table("headers expected", REPLIED)
def test_which_letter_is_answered(headers: tuple[tuple[str, str], ...], expected: str) -> None:
    assert in_reply_to(letter(headers=headers)) == expected


MARK = SIGNER.token(0, Purpose.own, "1@client.example", kind="id:")
OWN = (
    # the sentence, the letter, whether the desk wrote it
    ("a stranger's letter", letter(), False),
    ("the desk's signed mark", letter(headers=(("x-desk-own", f" {MARK} "),)), True),
    ("the mark on another letter", letter(headers=(("x-desk-own", MARK),), message_id="2@client.example"), False),
    ("a mark that is made up", letter(headers=(("x-desk-own", "1"),)), False),
    ("a Message-ID of ours to whom it was made for", letter(IVAN, message_id=IDENT), True),
    ("and to somebody else", letter(OLGA, message_id=IDENT), False),
    ("a letter without one", letter(IVAN, message_id=""), False),
)


@table("given expected", OWN)
def test_what_the_desk_wrote_itself(given: Letter, expected: bool) -> None:
    assert is_own(given, CONTEXT, NOW) is expected
    facts = look(given, CONTEXT, NOW)
    assert (facts.kind == "own", facts.may_answer) == (expected, not expected)


ASTRAY = (
    # the sentence, the letter, whose address it came to
    ("somebody else at the requester's address", letter(signed(), sender=EVIL), IVAN),
    ("at an agent's", letter(signed(person=ANNA, purpose=Purpose.agent), sender=EVIL), ANNA),
    ("at a participant's", letter(signed(person=OLGA), sender=EVIL), OLGA),
    ("with the requester's Message-ID", letter(references=(IDENT,), sender=EVIL), IVAN),
    ("in Cc", letter(cc=(Address(email=signed()),), sender=EVIL), IVAN),
    ("a From of two readings", letter(signed(), from_defect="two"), IVAN),
    ("the requester themselves", letter(signed()), ""),
    ("at an expired address", letter(EXPIRED, sender=EVIL), ""),
    ("of a ticket that there is not", letter(signed(9), sender=EVIL), ""),
    ("with an agent's Message-ID", letter(references=(
        SIGNER.message_id(7, Purpose.agent, ANNA, 3),), sender=EVIL), ""),
    ("a made-up one", letter(references=(MADE_UP,), sender=EVIL), ""),
    ("at the desk's address", letter(sender=EVIL), ""),
)  # fmt: skip


@table("given person", ASTRAY)
def test_whose_address_a_letter_came_to(given: Letter, person: str) -> None:
    found = astray(given, KnownFacts(fresh=10, tickets={7: OPEN}), CONTEXT, NOW)
    assert (found.person if found else "") == person


# ------------------------------------------------------------------------------------------------------ the ticket


def machines(count: int) -> Ticket:
    return replace(OPEN, entries=(Entry(at=NOW, kind="machine", public=True),) * count)


def test_how_much_a_ticket_takes() -> None:
    """The last letter that it takes, and the first that it does not."""
    proved = replace(UNPROVED, unconfirmed=False)
    assert not full(replace(OPEN, entries=(proved,) * (MOST_ENTRIES - 1)))
    assert full(replace(OPEN, entries=(proved,) * MOST_ENTRIES))
    assert not full(replace(CROWDED, entries=CROWDED.entries[1:]), unconfirmed=True)
    assert full(CROWDED, unconfirmed=True)
    assert not full(CROWDED)
    assert not full_of_machines(machines(MOST_OF_MACHINES - 1))
    assert full_of_machines(machines(MOST_OF_MACHINES))
    assert (MOST_ENTRIES, MOST_UNCONFIRMED, MOST_OF_MACHINES) == (20_000, 100, 300)


def test_who_takes_part() -> None:
    assert [takes_part(OPEN, one) for one in (IVAN, OLGA, EVIL, "")] == [True, True, False, False]


def test_merges_are_followed_to_their_end() -> None:
    chain = {number: replace(OPEN, number=number, merged_into=number + 1) for number in (1, 2)}
    end, gone = replace(OPEN, number=3), replace(OPEN, number=3, labels=(ERASED,))
    found = followed(KnownFacts(fresh=9, tickets={**chain, 3: end}), 1)
    assert found == end
    assert followed(KnownFacts(fresh=9, tickets={**chain, 3: gone}), 1) is None
    assert followed(KnownFacts(fresh=9, tickets=chain), 1) is None


ENTRY = Entry(at=NOW, kind="letter", public=True, subject="Картинка")
MATTERS = (
    # the sentence, the ticket, the subject, whether it is another matter
    ("the ticket's own subject", DONE, "Re: [PF-7] ЗВУК", False),
    ("one that was used in it", replace(DONE, entries=(ENTRY,)), "Fwd: картинка", False),
    ("no subject at all", DONE, "Re: ", False),
    ("a new one", DONE, "Оплата", True),
    ("a new one on an open ticket", OPEN, "Оплата", False),
)


@table("ticket subject expected", MATTERS)
def test_another_matter(ticket: Ticket, subject: str, expected: bool) -> None:
    assert other_matter(letter(subject=subject), ticket, CONTEXT) is expected
