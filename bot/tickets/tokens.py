"""Signed references: reply addresses and Message-IDs that prove which ticket, purpose and person a letter belongs to.

A token is `<ticket>-<purpose><serial>.<expiry>-<mac>`: decimal ticket (0 for mail of no ticket), one letter of `Purpose`,
serial and expiry day in base 36, and 80 bits of HMAC-SHA256 in lower-case base32 over all of that and the person's address.
It stands in `support+TOKEN@domain` and in `<prefix.TOKEN@domain>` (design, section 6). An address is a key, a
Message-ID is not: it travels in References. So it is signed in another way, and no address can be made of it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import Any

from bot.model import Value

BLOCK = 64  # octets of a block of SHA-256
PAIRS = ["".join(pair) for pair in product("abcdefghijklmnopqrstuvwxyz234567", repeat=2)]  # base32 of ten bits
EPOCH = date(2020, 1, 1)  # expiry days are counted from here
TOKEN = re.compile(r"(\d{1,9})-([a-z])([0-9a-z]{0,8})(?:\.([0-9a-z]{1,4}))?-([a-z2-7]{16})")


AS_ID = "id:"  # what the MAC of a Message-ID covers beside its token


class Purpose(StrEnum):
    """What a signed reference is for."""

    requester = "r"  # the requester's answers join the ticket and prove the address
    agent = "a"  # an agent's commands on the ticket
    department = "d"  # a department's answers
    bounce = "b"  # VERP: serial is the number of the outgoing letter
    kept = "k"  # sends the kept text of a letter without a command
    confirm = "c"  # carries an unproved command letter out
    score = "s"  # clause 6: serial is the mark
    own = "o"  # marks what the desk itself wrote


NUMBERED = (Purpose.requester, Purpose.agent, Purpose.department)  # their Message-IDs have a serial


class SignedToken(Value, frozen=True):
    """A token whose MAC is right for `person`."""

    ticket: int
    purpose: Purpose
    serial: int
    person: str
    expired: bool = False
    key: bool = False  # it is an address; a Message-ID names its ticket and proves nothing


def base36(number: int) -> str:
    """A non-negative integer in lower-case base 36."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"


class Signer:
    """Makes and checks signed references. `keys` are secret bytes, the newest first: it signs, all of them verify."""

    def __init__(self, keys: Sequence[bytes], address: str, prefix: str, aliases: Iterable[str] = (), plus: bool = True) -> None:
        if not keys:
            raise ValueError("a signer needs at least one key")
        self.keys = tuple(keys)
        self.local, _, self.domain = address.lower().partition("@")
        self.prefix = prefix.lower()
        self.plus = plus
        self.ours = {address.lower(), *(alias.lower() for alias in aliases)}

    def token(
        self, ticket: int, purpose: Purpose, person: str, serial: int = 0, until: date | None = None,
        kind: str = "",
    ) -> str:  # fmt: skip
        """A token for one person, valid through the day `until` (no end when None); AS_ID for a Message-ID."""
        expiry = f".{base36((until - EPOCH).days)}" if until else ""
        head = f"{ticket}-{purpose.value}{base36(serial) if serial else ''}{expiry}"
        return f"{head}-{self._mac(self.keys[0], kind + head, person)}"

    def address(self, ticket: int, purpose: Purpose, person: str, serial: int = 0, until: date | None = None) -> str:
        """The signed reply address, or the plain desk address where there are no plus addresses (`DESK_PLUS=off`)."""
        if not self.plus:
            return f"{self.local}@{self.domain}"
        return f"{self.local}+{self.token(ticket, purpose, person, serial, until)}@{self.domain}"

    def message_id(self, ticket: int, purpose: Purpose, person: str, serial: int, until: date | None = None) -> str:
        """A Message-ID without angle brackets; unique by ticket, purpose, person and serial."""
        return f"{self.prefix}.{self.token(ticket, purpose, person, serial, until, AS_ID)}@{self.domain}"

    def is_ours(self, address: str) -> bool:
        """True for the desk's addresses, aliases and anything that claims to be one of its plus addresses."""
        lower = address.strip("<> ").lower()
        local, _, domain = lower.rpartition("@")
        return f"{local.partition('+')[0]}@{domain}" in self.ours

    def bare(self, address: str) -> str:
        """The address without its plus part, for telling whether two letters went to the same desk."""
        local, _, domain = address.lower().rpartition("@")
        return f"{local.partition('+')[0]}@{domain}"

    def check(self, text: str, people: Iterable[str], today: date) -> SignedToken | None:
        """The reference in an address or Message-ID of ours, made for one of `people`; None where there is none.

        The comparison forgives case and takes constant time for each person and key. An expired one is returned as such.
        """
        lower = text.strip("<> ").lower()
        local, _, domain = lower.rpartition("@")
        is_id = local.startswith(self.prefix + ".")
        if is_id:
            body = local[len(self.prefix) + 1 :] if domain == self.domain else ""
        else:
            body = local.partition("+")[2] if f"{local.partition('+')[0]}@{domain}" in self.ours else ""
        found = TOKEN.fullmatch(body)
        if not found:
            return None
        number, purpose, serial, expiry, mac = found.groups()
        if purpose not in Purpose._value2member_map_:
            return None
        head, count = body.rpartition("-")[0], int(serial or "0", 36)
        tried = [(key, one) for key in self.keys for one in ((AS_ID + head, head) if is_id else (head,))]
        key = not is_id and not (count and purpose in NUMBERED)  # older desks signed Message-IDs as addresses
        for person in people:
            if any(hmac.compare_digest(self._mac(secret, one, person), mac) for secret, one in tried):
                expired = bool(expiry) and today > EPOCH + timedelta(days=int(expiry, 36))
                return SignedToken(
                    ticket=int(number), purpose=Purpose(purpose), serial=count, person=person, expired=expired, key=key
                )
        return None

    def peek(self, text: str) -> tuple[int, str, int] | None:
        """(ticket, purpose letter, serial) of what looks like a token of ours, unproved: good for looking up, for nothing else."""
        found = TOKEN.search(text.lower()) if self.is_ours(text) or text.strip("<> ").lower().endswith("@" + self.domain) else None
        return (int(found[1]), found[2], int(found[3], 36) if found[3] else 0) if found else None

    @staticmethod
    @lru_cache(1024)  # one notice has the same address behind each of its buttons
    def _mac(key: bytes, head: str, person: str) -> str:
        inner, outer = (half.copy() for half in _halves(key))
        inner.update(f"{head}|{person.lower()}".encode("utf-8", "replace"))
        outer.update(inner.digest())
        number = int.from_bytes(outer.digest()[:10])
        return "".join([PAIRS[number >> shift & 1023] for shift in range(70, -1, -10)])


@lru_cache(16)
def _halves(key: bytes) -> tuple[Any, Any]:
    """The two hashes of HMAC-SHA-256 (RFC 2104) with the key taken in: a copy of them costs a third of a new one, a dozen times a letter."""
    block = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    return hashlib.sha256(bytes(octet ^ 0x36 for octet in block)), hashlib.sha256(bytes(octet ^ 0x5C for octet in block))


# ------------------------------------------------------------------------------------------------------- subjects

PREFIXES = "re|fw|fwd|aw|wg|sv|vs|antw|rif|odp|ynt|res|enc|tr|отв|ответ|на|пересл|пер|fwd|ha|ответить"
REPLY = re.compile(rf"^\s*(?:(?:{PREFIXES})\s*(?:\[\d+\]|\(\d+\)|\d+)?\s*[:：]\s*)", re.IGNORECASE)
LOOKALIKE = {
    "p": "pр",
    "f": "fƒ",
    "a": "aа",
    "c": "cс",
    "e": "eе",
    "o": "oо",
    "x": "xх",
    "k": "kк",
    "m": "mм",
    "h": "hн",
    "t": "tт",
    "b": "bв",
    "y": "yу",
}


class Subjects:
    """Finds and strips the tag of one desk, `[PF-1234]`, in any case and spelling that people and programs make of it."""

    def __init__(self, prefix: str) -> None:
        letters = "".join(f"[{LOOKALIKE.get(c, re.escape(c))}]" if c.isalpha() else re.escape(c) for c in prefix.lower())
        self.prefix = prefix
        self.pattern = re.compile(rf"(?<!\w)\[?[^\S\n]*{letters}[^\S\n]*[-‐-―−][^\S\n]*(\d{{1,9}})(?!\d)[^\S\n]*\]?", re.IGNORECASE)

    def tag(self, subject: str) -> int:
        """The ticket number that a subject names first, or 0."""
        found = self.pattern.search(subject)
        return int(found.group(1)) if found else 0

    def base(self, subject: str) -> str:
        """The subject without tags and without Re:, Fwd:, Отв: and their like, in any number and order."""
        previous, text = "", self.pattern.sub(" ", subject)
        while text != previous:
            previous, text = text, REPLY.sub("", text, count=1).lstrip(" :")
        return " ".join(text.split())
