"""Was the From line proved? At the edge, since it needs the network: failure of any kind means unproved, never an error.

A trusted relay's Authentication-Results counts (RFC 8601), or else a DKIM signature of From's own domain that we check ourselves
(RFC 6376, RFC 7489); SPF is left to the relay. What others say in Authentication-Results is ignored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from email.utils import getaddresses
from functools import lru_cache
from typing import Any

import authres
import dkim
import dns.asyncresolver
import dns.exception
from dkim.util import parse_tag_value
from msgspec.structs import replace
from publicsuffixlist import PublicSuffixList

from bot.model import Letter
from bot.settings import HostPort, Settings

Lookup = Callable[[str], Awaitable[str]]  # a name's TXT record, "" for none; may raise anything

SECONDS, ALL_SECONDS = 2.0, 4.0  # for one question to the DNS, for all that a letter raises
MOST_SIGNATURES = 5
MOST_NAMES = 5000
REMEMBERED, FORGOTTEN, REST = 300.0, 60.0, 30.0  # seconds: an answer, a failure, the pause after a row of failures
ROW = 5
ONCE = (b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"in-reply-to", b"references", b"content-type", b"mime-version")
SIGNED = (b"from", b"to", b"subject", b"date", b"message-id")  # what a signature must cover, where the letter has it
LARGE = 256 * 1024  # octets; larger bodies are hashed in a thread


class Names:
    """TXT records with a memory, a short limit, and a rest while the DNS does not answer. Belongs to one event loop."""

    def __init__(self, ask: Lookup, clock: Callable[[], float] = time.monotonic, seconds: float = SECONDS) -> None:
        self._ask, self._clock, self._seconds = ask, clock, seconds
        self._known: dict[str, tuple[float, str]] = {}
        self._failed, self._rests_until = 0, 0.0

    async def text(self, name: str) -> str:
        """The record, or "" where there is none or nobody answers."""
        now = self._clock()
        known = self._known.get(name)
        if known and known[0] > now:
            return known[1]
        if now < self._rests_until:
            return ""
        try:
            async with asyncio.timeout(self._seconds):
                value, lasts = await self._ask(name), REMEMBERED
            self._failed = 0
        except Exception:  # noqa: BLE001  whatever the network does, the letter is only unproved
            value, lasts = "", FORGOTTEN
            self._failed += 1
            if self._failed >= ROW:
                self._failed, self._rests_until = 0, now + REST
        if len(self._known) >= MOST_NAMES:
            self._known.clear()
        self._known[name] = (self._clock() + lasts, value)
        return value


def resolver(server: HostPort | None) -> Lookup:
    """Asks that server, or the system's."""
    made = dns.asyncresolver.Resolver(configure=server is None)
    if server is not None:
        made.nameservers, made.port = [server.host], server.port
    made.lifetime = SECONDS

    async def ask(name: str) -> str:
        try:
            answer = await made.resolve(name, "TXT", raise_on_no_answer=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ""
        records = [b"".join(row.strings).decode("latin-1") for row in answer.rrset or ()]
        return next((one for one in records if one.lower().startswith(("v=dkim1", "v=dmarc1"))), records[0] if records else "")

    return ask


def authenticator(settings: Settings, lookup: Lookup | None = None) -> Callable[[bytes, Letter], Awaitable[Letter]]:
    """A function that sets `Letter.aligned` to relay, dmarc or dkim where the From is proved. `lookup` replaces the DNS."""
    ask = lookup or (resolver(settings.dns if isinstance(settings.dns, HostPort) else None) if settings.dns else None)
    names = Names(ask) if ask else None

    async def authenticate(raw: bytes, letter: Letter) -> Letter:
        if len(letter.sender) != 1 or not letter.requester.email or letter.aligned:
            return letter
        server = settings.trusted_relays.get(letter.envelope.client)
        if server and relay_says(letter, server):
            return replace(letter, aligned="relay")
        if names is None or b"dkim-signature" not in raw[: 256 * 1024].lower():
            return letter
        try:
            async with asyncio.timeout(ALL_SECONDS):
                aligned = await checked(raw, letter.requester.email.rpartition("@")[2], names)
        except Exception:  # noqa: BLE001  a stranger's bytes and a stranger's DNS: anything else than proof is none
            aligned = ""
        return replace(letter, aligned=aligned) if aligned else letter

    return authenticate


async def checked(raw: bytes, domain: str, names: Names) -> str:
    """dmarc (the domain has a policy) or dkim where a good signature is aligned with From's domain; "" otherwise."""
    letter = dkim.DKIM(raw, timeout=1)
    headers = [name.lower() for name, _ in letter.headers]
    if any(headers.count(name) > 1 for name in ONCE):
        return ""  # which of two a reader shows is anybody's guess
    people = getaddresses([value.decode("latin-1") for name, value in letter.headers if name.lower() == b"from"])
    if len(people) != 1 or not people[0][1].lower().endswith(f"@{domain}"):
        return ""
    tags = [parse_tag_value(value) for name, value in letter.headers if name.lower() == b"dkim-signature"][:MOST_SIGNATURES]
    candidates = [number for number, one in enumerate(tags) if covers(one, headers) and aligned(one[b"d"].decode().lower(), domain)]
    if not candidates:
        return ""
    policy = tag_list(await names.text(f"_dmarc.{domain}") or await names.text(f"_dmarc.{organisation(domain)}"))
    for number in candidates:
        signer, selector = (tags[number][key].decode().lower() for key in (b"d", b"s"))
        if policy.get("adkim", "").lower() == "s" and signer != domain:
            continue
        record = await names.text(f"{selector}._domainkey.{signer}")
        flags = tag_list(record).get("t", "").replace(" ", "").split(":")
        strict = tags[number].get(b"i", b"").decode().lower().rpartition("@")[2] not in ("", signer)
        if not record or "y" in flags or ("s" in flags and strict):
            continue
        if await verified(letter, number, record, len(raw)):
            return "dmarc" if policy.get("v", "").upper() == "DMARC1" else "dkim"
    return ""


def covers(tags: dict[bytes, bytes], headers: list[bytes]) -> bool:
    """True for a signature over the whole body and over every header that decides who wrote what to whom."""
    signed = [one.strip().lower() for one in tags.get(b"h", b"").split(b":")]
    return b"l" not in tags and {b"d", b"s"} <= tags.keys() and all(name in signed for name in SIGNED if name in headers)


async def verified(letter: Any, number: int, record: str, size: int) -> bool:
    """dkimpy's word on one signature; the key is at hand already."""

    def check() -> bool:
        return bool(letter.verify(number, dnsfunc=lambda _name, timeout=1: record.encode("latin-1")))

    try:
        return await asyncio.to_thread(check) if size > LARGE else check()
    except dkim.DKIMException:
        return False


def tag_list(record: str) -> dict[str, str]:
    """`v=DMARC1; adkim=s` as a dict (RFC 6376, 3.2)."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def aligned(signer: str, domain: str) -> bool:
    """Relaxed alignment (RFC 7489, 3.1.1): the same organisational domain, which is no public suffix."""
    return signer == domain or (bool(organisation(domain)) and organisation(signer) == organisation(domain))


@lru_cache(10_000)
def organisation(domain: str) -> str:
    """example.co.uk for mail.example.co.uk; "" for a public suffix."""
    return _suffixes().privatesuffix(domain) or ""


@lru_cache(1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def relay_says(letter: Letter, server: str) -> bool:
    """True when the topmost Authentication-Results is that server's (RFC 8601) and says dmarc=pass, or dkim=pass for From's domain."""
    domain = letter.requester.email.rpartition("@")[2]
    value = " ".join(letter.header("authentication-results").split())
    if not value:
        return False
    try:
        results = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
    except Exception:  # noqa: BLE001  its parser is not meant for hostile input
        return False
    if results.authserv_id.lower() != server.lower():
        return False
    for one in results.results:
        said = {(p.type, p.name): p.value.lower().rpartition("@")[2] for p in one.properties if p.value}
        if one.result == "pass" and one.method == "dmarc" and said.get(("header", "from")) == domain:
            return True
        signer = said.get(("header", "d")) or said.get(("header", "i"), "")
        if one.result == "pass" and one.method == "dkim" and signer and aligned(signer, domain):
            return True
    return False
