"""Was the From line proved? At the edge, since it needs the network: failure of any kind means unproved, never an error.

A trusted relay's Authentication-Results counts (RFC 8601), or else a DKIM signature of From's own domain that we check ourselves
(RFC 6376, RFC 7489); SPF is left to the relay. What others say in Authentication-Results is ignored.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import authres
import dns.asyncresolver
import dns.exception
from msgspec.structs import replace
from publicsuffixlist import PublicSuffixList

from bot.model import Letter
from bot.parsing import guard
from bot.parsing.dkim_coverage import Signature
from bot.settings import HostPort, Settings
from bot.workers.parser_pool import FULL, LimitError, Limits

DnsLookup = Callable[[str], Awaitable[str]]  # a name's TXT record, "" for none; may raise anything

SECONDS = 2.0  # for one question to the DNS
HEAD = 256 * 1024  # octets in which a relay's report is looked for
LONGEST = 20_000  # octets of it: authres is slow
MOST_NAMES = 5000
REMEMBERED, FORGOTTEN, REST = 300.0, 60.0, 30.0  # seconds: an answer, a failure, the pause after a row of failures
ROW = 5
# What a relay says; but for the first, why its word does not count (for `Letter.defects`, as those of
# `bot.parsing.dkim_coverage`).
PASSED, FAILED, OTHER = "pass", "the relay reports dmarc=fail", "the relay checked another From"
SILENT = "the DNS does not answer"
MENTIONED = re.compile(rb"\bdmarc\s*=\s*fail\b", re.IGNORECASE)


class Names:
    """TXT records with a memory, a short limit, and a rest while the DNS does not answer. Belongs to one event loop."""

    def __init__(self, ask: DnsLookup, clock: Callable[[], float] = time.monotonic, seconds: float = SECONDS) -> None:
        self._ask, self._clock, self._seconds = ask, clock, seconds
        self._known: dict[str, tuple[float, str | None]] = {}
        self._failed, self._rests_until = 0, 0.0

    async def text(self, name: str) -> str | None:
        """The record, "" where there is none; None where nobody answers."""
        now = self._clock()
        known = self._known.get(name)
        if known and known[0] > now:
            return known[1]
        if now < self._rests_until:
            return None
        value: str | None = None
        try:
            async with asyncio.timeout(self._seconds):
                value, lasts = await self._ask(name), REMEMBERED
            self._failed = 0
        except Exception:  # noqa: BLE001  whatever the network does, the letter is only unproved
            lasts = FORGOTTEN
            self._failed += 1
            if self._failed >= ROW:
                self._failed, self._rests_until = 0, now + REST
        if len(self._known) >= MOST_NAMES:
            self._known.clear()
        self._known[name] = (self._clock() + lasts, value)
        return value


def resolver(server: HostPort | None) -> DnsLookup:
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


class SignatureChecker(Protocol):
    """Reader processes, in which dkimpy looks at a stranger's bytes."""

    limits: Limits

    async def signatures(self, raw: bytes) -> list[Signature]:
        """See bot.parsing.dkim_coverage."""

    async def verified(self, raw: bytes, number: int, record: str) -> bool:
        """See bot.parsing.dkim_coverage."""


Authenticate = Callable[[bytes, Letter, SignatureChecker], Awaitable[Letter]]


def authenticator(settings: Settings, lookup: DnsLookup | None = None) -> Authenticate:
    """A function that sets `Letter.aligned` to relay, dmarc or dkim where the From is proved, and
    `dmarc_failed` where a trusted relay says so; why a proof does not count is added to `defects`. `lookup`
    replaces the DNS. Raises LimitError where parsers with more time may still find it proved.
    """
    ask = lookup or (resolver(settings.dns if isinstance(settings.dns, HostPort) else None) if settings.dns else None)
    names = Names(ask) if ask else None

    async def authenticate(raw: bytes, letter: Letter, parser_pool: SignatureChecker) -> Letter:
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
        whole = not letter.envelope.too_large  # a signature is of a body as well (RFC 6376, 3.7)
        if names is not None and whole and guard.header(raw, b"dkim-signature"):
            try:
                aligned, why = await checked(raw, domain, names, parser_pool)
            except LimitError:
                if parser_pool.limits < FULL:
                    raise
            except Exception:  # noqa: BLE001  whatever a stranger's bytes or DNS lead to is no proof
                aligned = ""
        return replace(letter, aligned=aligned, defects=(*letter.defects, *filter(None, [why or report])))

    return authenticate


async def checked(raw: bytes, domain: str, names: Names, parser_pool: SignatureChecker) -> tuple[str, str]:
    """(dmarc where the domain has a policy, or else dkim, for a good signature that is aligned with From's
    domain and covers all that is read; or "" and why such a signature does not count).
    """
    of_domain = [one for one in await parser_pool.signatures(raw) if aligned(one.domain, domain)]
    candidates = [one for one in of_domain if not one.gap]
    if not candidates:
        return "", next((one.gap for one in of_domain), "")
    asked = [names.text(f"{one.selector}._domainkey.{one.domain}") for one in candidates]
    said, *records = await asyncio.gather(policy_of(domain, names), *asked)
    policy = tag_list("adkim=s" if said is None else said)  # a policy that is not known may be strict
    for one, record in zip(candidates, records, strict=True):
        flags = tag_list(record or "").get("t", "").replace(" ", "").split(":")
        if policy.get("adkim", "").lower() == "s" and one.domain != domain:
            continue
        if not record or "y" in flags or ("s" in flags and one.user not in ("", one.domain)):
            continue
        if await parser_pool.verified(raw, one.number, record):
            return "dmarc" if policy.get("v", "").upper() == "DMARC1" else "dkim", ""
    return "", SILENT if None in (said, *records) else ""


async def policy_of(domain: str, names: Names) -> str | None:
    """The DMARC record in force (RFC 7489, 6.6.3), "" for none; None where the DNS does not answer."""
    own = await names.text(f"_dmarc.{domain}")
    return await names.text(f"_dmarc.{organisation(domain)}") if own == "" else own


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
    field = b" ".join(next(iter(guard.header(raw[:HEAD], b"authentication-results")), b"").split())
    if re.split(rb"[\s;(]", field, maxsplit=1)[0].lower() != server.lower().encode():
        return ""
    if MENTIONED.search(field):  # wherever it stands: a stranger's words in the report may have swallowed it
        return FAILED
    try:
        told = field[:LONGEST].decode("ascii")
        header = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {told}")
    except Exception:  # noqa: BLE001  its parser is not meant for hostile input
        return ""
    said = [(one.method, one.result, properties(one.properties)) for one in header.results]
    dmarc = [(result, found.get("header.from", "")) for method, result, found in said if method == "dmarc"]
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
