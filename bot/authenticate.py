"""Was the From line proved? At the edge, since it needs the network: failure of any kind means unproved, never an error.

A trusted relay's Authentication-Results counts (RFC 8601), or else a DKIM signature of From's own domain that we check ourselves
(RFC 6376, RFC 7489); SPF is left to the relay. What others say in Authentication-Results is ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any

import authres
import dkim
import dns.asyncresolver
import dns.exception
from dkim.util import parse_tag_value
from msgspec.structs import replace
from publicsuffixlist import PublicSuffixList

from bot.coverage import lacking
from bot.model import Letter
from bot.reading import guard
from bot.settings import HostPort, Settings

Lookup = Callable[[str], Awaitable[str]]  # a name's TXT record, "" for none; may raise anything

SECONDS, ALL_SECONDS = 2.0, 4.0  # for one question to the DNS, for all that a letter raises
MOST_SIGNATURES = 5
MOST_NAMES = 5000
REMEMBERED, FORGOTTEN, REST = 300.0, 60.0, 30.0  # seconds: an answer, a failure, the pause after a row of failures
ROW = 5
# What a relay says; but for the first, why its word does not count (for `Letter.defects`, as those of
# `bot.coverage`).
PASSED, FAILED, OTHER = "pass", "the relay reports dmarc=fail", "the relay checked another From"
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
    """A function that sets `Letter.aligned` to relay, dmarc or dkim where the From is proved, and
    `dmarc_failed` where a trusted relay says so; why a proof does not count is added to `defects`. `lookup`
    replaces the DNS.
    """
    ask = lookup or (resolver(settings.dns if isinstance(settings.dns, HostPort) else None) if settings.dns else None)
    names = Names(ask) if ask else None

    async def authenticate(raw: bytes, letter: Letter) -> Letter:
        domain = letter.requester.email.rpartition("@")[2]
        server = settings.trusted_relays.get(letter.envelope.client)
        report = relay_says(raw, server, domain) if server else ""
        if report == FAILED:
            return replace(letter, dmarc_failed=True, defects=(*letter.defects, FAILED))
        if letter.from_defect or not domain or letter.aligned:
            return letter
        if report == PASSED:
            return replace(letter, aligned="relay")
        aligned, why = "", report
        if names is not None and guard.header(raw, b"dkim-signature"):
            with contextlib.suppress(Exception):  # whatever a stranger's bytes or DNS lead to is no proof
                async with asyncio.timeout(ALL_SECONDS):
                    aligned, why = await checked(raw, domain, names)
        return replace(letter, aligned=aligned, defects=(*letter.defects, *filter(None, [why or report])))

    return authenticate


async def checked(raw: bytes, domain: str, names: Names) -> tuple[str, str]:
    """(dmarc where the domain has a policy, or else dkim, for a good signature that is aligned with From's
    domain and covers all that is read; or "" and why such a signature does not count).
    """
    letter = dkim.DKIM(raw, timeout=1)
    tags = [parse_tag_value(value) for name, value in letter.headers if name.lower() == b"dkim-signature"]
    of_domain = [
        number for number, one in enumerate(tags[:MOST_SIGNATURES])
        if {b"d", b"s"} <= one.keys() and aligned(one[b"d"].decode().lower(), domain)
    ]  # fmt: skip
    gaps = {number: lacking(tags[number], letter.headers, letter.body) for number in of_domain}
    candidates = [number for number in of_domain if not gaps[number]]
    if not candidates:
        return "", next(iter(gaps.values()), "")
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
            return "dmarc" if policy.get("v", "").upper() == "DMARC1" else "dkim", ""
    return "", ""


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


def relay_says(raw: bytes, server: str, domain: str) -> str:
    """PASSED where the topmost Authentication-Results is that server's (RFC 8601) and says dmarc=pass for
    this very domain, or dkim=pass for it; FAILED for dmarc=fail; OTHER for a pass of another From; or "".
    """
    field = b" ".join(next(iter(guard.header(raw, b"authentication-results")), b"").split())
    try:
        header = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {field.decode('ascii')}")
    except Exception:  # noqa: BLE001  its parser is not meant for hostile input
        return ""
    if header.authserv_id.lower() != server.lower():
        return ""
    said = [(one.method, one.result, properties(one.properties)) for one in header.results]
    dmarc = [(result, found.get("header.from", "")) for method, result, found in said if method == "dmarc"]
    if any(result == "fail" for result, _ in dmarc):
        return FAILED
    if passed := [name for result, name in dmarc if result == "pass"]:
        return PASSED if set(passed) == {domain} else OTHER if any(passed) else ""
    signed = [found for method, result, found in said if (method, result) == ("dkim", "pass")]
    signers = [found.get("header.d") or found.get("header.i", "") for found in signed]
    return PASSED if any(signer and aligned(signer, domain) for signer in signers) else ""


def properties(pairs: Sequence[Any]) -> dict[str, str]:
    """The domains that a result names, as "header.from"; none where a name stands twice or two of a
    signature differ.
    """
    found = {f"{one.type}.{one.name}": (one.value or "").lower().rpartition("@")[2] for one in pairs}
    signer, user = found.get("header.d", ""), found.get("header.i", "")
    odd = len(found) < len(pairs) or (signer and user and user != signer and not user.endswith(f".{signer}"))
    return {} if odd else found
