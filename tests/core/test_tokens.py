"""Signed references: what they prove, to whom, for how long; what a subject names and what remains of it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import table

from bot.tickets.tokens import AS_ID, EPOCH, Purpose, SignedToken, Signer, Subjects, base36

KEY, OLD, TODAY = b"k" * 32, b"o" * 32, date(2026, 11, 23)
TOMORROW = TODAY + timedelta(days=1)
ANNA, BORIS, IVAN = "anna@providence.film", "boris@providence.film", "ivan@example.org"
DESK, HELP = "support@providence.film", "help@providence.film"
SIGNER = Signer((KEY, OLD), "Support@providence.film", "PF", ("Help@providence.film",))
BEFORE = Signer((OLD,), DESK, "PF")
STRANGE = Signer((b"x" * 32,), DESK, "PF")
people = st.emails().map(str.lower)
purposes = st.sampled_from(list(Purpose))


def mac(key: bytes, head: str, person: str) -> str:
    """The same as the library's HMAC makes it."""
    digest = hmac.new(key, f"{head}|{person}".encode(), hashlib.sha256).digest()
    return b32encode(digest[:10]).decode().lower()


def own(
    purpose: Purpose = Purpose.agent, serial: int = 0, until: date | None = TODAY, ticket: int = 12
) -> str:
    """Anna's reply address."""
    return SIGNER.address(ticket, purpose, ANNA, serial, until)


def ident(purpose: Purpose = Purpose.agent, serial: int = 3, until: date | None = TODAY) -> str:
    """A Message-ID of a letter to Anna."""
    return SIGNER.message_id(12, purpose, ANNA, serial, until)


def token(
    purpose: Purpose = Purpose.agent, serial: int = 0, expired: bool = False, key: bool = True
) -> SignedToken:
    return SignedToken(ticket=12, purpose=purpose, serial=serial, person=ANNA, expired=expired, key=key)


# ------------------------------------------------------------------------------------------------------------ proof

LOCAL, _, DOMAIN = own().partition("@")
OLDER = (
    f"pf.{SIGNER.token(12, Purpose.agent, ANNA, 3, TODAY)}@{DOMAIN}"  # Message-IDs were signed as addresses
)
NAMED = "12-x-" + mac(KEY, "12-x", ANNA)
PROVED = (
    # the sentence, the address or Message-ID, the day, what it proves
    ("an agent's address", own(), TODAY, token()),
    ("in capitals", own().upper(), TODAY, token()),
    ("in angle brackets and blanks", f" <{own()}> ", TODAY, token()),
    ("the day after its last it has expired", own(), TOMORROW, token(expired=True)),
    ("without a last day it never expires", own(until=None), date(2099, 1, 1), token()),
    ("a requester's address", own(Purpose.requester), TODAY, token(Purpose.requester)),
    ("a serial is read in base 36", own(Purpose.bounce, 36), TODAY, token(Purpose.bounce, 36)),
    ("at an alias", f"{LOCAL.replace('support', 'help')}@{DOMAIN}", TODAY, token()),
    (
        "made with the key before",
        BEFORE.address(12, Purpose.agent, ANNA, until=TODAY),
        TODAY,
        token(),
    ),
    ("a Message-ID proves no more than its ticket", ident(), TODAY, token(serial=3, key=False)),
    ("a Message-ID in capitals", ident().upper(), TODAY, token(serial=3, key=False)),
    ("an older desk's Message-ID", OLDER, TODAY, token(serial=3, key=False)),
    ("and an address made of one", own(serial=3), TODAY, token(serial=3, key=False)),
    ("a Message-ID as an address", f"support+{ident()[3:]}", TODAY, None),
    ("made with a strange key", STRANGE.address(12, Purpose.agent, ANNA), TODAY, None),
    ("another ticket's number", own().replace("+12-", "+13-"), TODAY, None),
    ("another purpose", own().replace("12-a", "12-r"), TODAY, None),
    ("a purpose that there is not", f"support+{NAMED}@{DOMAIN}", TODAY, None),
    ("another domain", own().replace(DOMAIN, "evil.example"), TODAY, None),
    ("another mailbox", own().replace("support", "sales"), TODAY, None),
    ("a Message-ID of another domain", ident().replace(DOMAIN, "evil.example"), TODAY, None),
    ("a Message-ID of another prefix", "x" + ident(), TODAY, None),
    ("a letter too few", f"{LOCAL[:-1]}@{DOMAIN}", TODAY, None),
    ("a letter too many", f"{LOCAL}a@{DOMAIN}", TODAY, None),
    ("the desk's plain address", DESK, TODAY, None),
    ("nothing", "", TODAY, None),
)


@table("text day expected", PROVED)
def test_what_is_proved(text: str, day: date, expected: SignedToken | None) -> None:
    assert SIGNER.check(text, (BORIS, ANNA), day) == expected


NO_KEYS = (Purpose.agent, Purpose.requester, Purpose.department)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_numbered_address_is_a_key_only_where_addresses_have_numbers(purpose: Purpose) -> None:
    """Marks and numbers of letters stand in addresses; an agent's, a requester's and a department's have none."""
    numbered = SIGNER.check(own(purpose, 3), (ANNA,), TODAY)
    assert numbered
    assert numbered.key is (purpose not in NO_KEYS)


def test_it_is_one_persons_alone() -> None:
    assert SIGNER.check(own(), (BORIS, IVAN), TODAY) is None
    assert SIGNER.check(own(), (), TODAY) is None
    assert SIGNER.check(own(), (ANNA.upper(),), TODAY)


def test_a_signer_has_a_key() -> None:
    with pytest.raises(ValueError, match=r"^a signer needs at least one key$"):
        Signer((), DESK, "PF")


def test_a_new_key_signs_and_the_desk_before_does_not_know_it() -> None:
    assert BEFORE.check(own(), (ANNA,), TODAY) is None
    assert Signer((KEY,), DESK, "PF").check(own(), (ANNA,), TODAY)


# ------------------------------------------------------------------------------------------------- what is written

DAY = base36((TODAY - date(2020, 1, 1)).days)
WRITTEN = (
    # the sentence, what is made, what it says before its MAC, what the MAC covers
    ("ticket and purpose", SIGNER.token(12, Purpose.agent, ANNA), "12-a", "12-a"),
    ("a serial", SIGNER.token(12, Purpose.bounce, ANNA, 37), "12-b11", "12-b11"),
    ("a last day", SIGNER.token(12, Purpose.agent, ANNA, until=TODAY), f"12-a.{DAY}", f"12-a.{DAY}"),
    (
        "a Message-ID's is signed in another way",
        SIGNER.token(0, Purpose.own, ANNA, kind=AS_ID),
        "0-o",
        "id:0-o",
    ),
)


@table("made head covered", WRITTEN)
def test_what_a_token_says(made: str, head: str, covered: str) -> None:
    assert made == f"{head}-{mac(KEY, covered, ANNA)}"


def test_a_long_key_is_hashed_first_as_rfc_2104_says() -> None:
    for size in (1, 63, 64, 65, 200):
        made = Signer((b"k" * size,), DESK, "PF").token(1, Purpose.agent, ANNA)
        assert made == "1-a-" + mac(b"k" * size, "1-a", ANNA)


def test_where_a_token_stands() -> None:
    assert own() == f"support+{SIGNER.token(12, Purpose.agent, ANNA, until=TODAY)}@providence.film"
    assert ident() == f"pf.{SIGNER.token(12, Purpose.agent, ANNA, 3, TODAY, AS_ID)}@providence.film"
    assert Signer((KEY,), DESK, "PF", plus=False).address(12, Purpose.agent, ANNA) == DESK
    assert date(2020, 1, 1) == EPOCH, "tokens of older desks count their days from here"


NUMBERS = (
    ("nothing", 0, "0"), ("a digit", 9, "9"), ("a letter", 10, "a"), ("the last", 35, "z"),
    ("two", 36, "10"), ("more", 36 * 36 + 1, "101"),
)  # fmt: skip


@table("number expected", NUMBERS)
def test_base_36(number: int, expected: str) -> None:
    assert base36(number) == expected


# ---------------------------------------------------------------------------------- what is ours, and what is named

OURS = (
    # the sentence, the address, whether it is the desk's
    ("the desk", DESK, True),
    ("in capitals and brackets", f" <{DESK.upper()}> ", True),
    ("an alias", HELP, True),
    ("any plus address", "support+anything@providence.film", True),
    ("an alias's plus address", "help+x+y@providence.film", True),
    ("a colleague", ANNA, False),
    ("another domain", "support@evil.example", False),
    ("a name that begins so", "support2@providence.film", False),
    ("nobody", "", False),
)


@table("address expected", OURS)
def test_which_addresses_are_ours(address: str, expected: bool) -> None:
    assert SIGNER.is_ours(address) is expected


def test_an_address_without_its_plus_part() -> None:
    assert SIGNER.bare("Support+12-a@Providence.film") == DESK
    assert SIGNER.bare(DESK) == DESK


LOOKED = "12-a-aaaaaaaaaaaaaaaa"
PEEKED = (
    # the sentence, the text, what it seems to name
    ("an address of ours", own(), (12, "a", 0)),
    ("a Message-ID of ours", ident(), (12, "a", 3)),
    ("in brackets and capitals", f"<{ident().upper()}>", (12, "a", 3)),
    ("a made-up token", f"support+{LOOKED}@providence.film", (12, "a", 0)),
    ("a serial in base 36", f"support+12-b10.{DAY}-aaaaaaaaaaaaaaaa@providence.film", (12, "b", 36)),
    ("at another mailbox of our domain", f"x.{LOOKED}@providence.film", (12, "a", 0)),
    ("elsewhere", f"support+{LOOKED}@evil.example", None),
    ("no token", DESK, None),
)


@table("text expected", PEEKED)
def test_what_a_text_seems_to_name(text: str, expected: tuple[int, str, int] | None) -> None:
    assert SIGNER.peek(text) == expected


@given(
    st.integers(0, 999_999_999),
    purposes,
    people,
    st.integers(0, 36**6),
    st.none() | st.dates(TODAY, date(2099, 1, 1)),
)
def test_what_is_signed_is_proved_in_any_case(
    number: int, purpose: Purpose, person: str, serial: int, until: date | None
) -> None:
    made = (number, purpose, person, serial, until)
    for text in (SIGNER.address(*made), SIGNER.message_id(*made)):
        assert len(text.partition("@")[0]) <= 64
        for spelling in (text, text.upper(), f"<{text}>"):
            proof = SIGNER.check(spelling, ("x@y.example", person), TODAY)
            assert proof
            found = (proof.ticket, proof.purpose, proof.serial, proof.person, proof.expired)
            assert found == (number, purpose, serial, person, False)


@given(st.integers(0, 60), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-.+@"))
def test_any_other_letter_anywhere_breaks_it(at: int, letter: str) -> None:
    at %= len(LOCAL)
    if LOCAL[at] != letter:
        assert SIGNER.check(f"{LOCAL[:at]}{letter}{LOCAL[at + 1 :]}@{DOMAIN}", (ANNA,), TODAY) is None


# --------------------------------------------------------------------------------------------------------- subjects

TAGS = (
    # the sentence, the subject, the ticket it names
    ("as the desk writes it", "[PF-12] x", 12),
    ("in small letters, with blanks", "Re: Fwd: [pf - 12] x", 12),
    ("with Cyrillic letters that look the same", "Отв: На: [РF-12]", 12),
    ("without brackets", "PF-12", 12),
    ("with a dash", "[PF–12]", 12),
    ("the first of two", "PF-3 PF-4", 3),
    ("nine digits", "[PF-123456789]", 123456789),
    ("another word's end", "XPF-12", 0),
    ("too many digits", "[PF-1234567890]", 0),
    ("none", "", 0),
)


@table("subject expected", TAGS)
def test_tags(subject: str, expected: int) -> None:
    assert Subjects("PF").tag(subject) == expected


BASES = (
    # the sentence, the subject, what remains
    ("a tag goes", "[PF-12] Звук", "Звук"),
    ("two tags go", "[PF-12] Звук PF-3", "Звук"),
    ("the marks of an answer go", "Re: Звук", "Звук"),
    ("in any number, order and language", "Отв: FW: Re[2]: AW : [PF-12] Звук", "Звук"),
    ("and the colon that they leave", "Re: : Звук", "Звук"),
    ("a word that begins so stays", "Return: Звук", "Return: Звук"),
    ("a mark further on stays", "Звук Re: тихо", "Звук Re: тихо"),
    ("blanks are one", "Звук   пропал ", "Звук пропал"),
    ("nothing remains nothing", "Re: ", ""),
)


@table("subject expected", BASES)
def test_what_remains_of_a_subject(subject: str, expected: str) -> None:
    assert Subjects("PF").base(subject) == expected


def test_a_prefix_is_text_and_no_pattern() -> None:
    assert Subjects("A.B").tag("[A.B-7]") == 7
    assert Subjects("A.B").tag("[AXB-7]") == 0
