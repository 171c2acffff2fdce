"""Was the From line proved? At the edge, since it needs the network: failure of any kind means unproved, never an error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from bot.model import Letter
from bot.settings import Settings


def authenticator(settings: Settings) -> Callable[[bytes, Letter], Awaitable[Letter]]:
    """A function that sets `Letter.aligned` where a trusted relay's Authentication-Results or our own form prove the From."""

    async def authenticate(raw: bytes, letter: Letter) -> Letter:
        server = settings.trusted_relays.get(letter.envelope.client)
        if server and letter.requester.email and len(letter.sender) == 1 and relay_says(letter, server):
            return replace(letter, aligned="relay")
        return letter

    return authenticate


def relay_says(letter: Letter, server: str) -> bool:
    """True when the topmost Authentication-Results of that server (RFC 8601) says dmarc=pass, or dkim=pass for From's own domain."""
    import authres

    domain = letter.requester.email.rpartition("@")[2]
    value = letter.header("authentication-results")
    try:
        results = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
    except authres.core.AuthResError:
        return False
    if results.authserv_id.lower() != server.lower():
        return False
    for one in results.results:
        said = {(p.type, p.name): p.value.lower().rpartition("@")[2] for p in one.properties if p.value}
        if one.result == "pass" and one.method == "dmarc" and said.get(("header", "from"), domain) == domain:
            return True
        signer = said.get(("header", "d")) or said.get(("header", "i"), "")
        if one.result == "pass" and one.method == "dkim" and signer == domain:
            return True
    return False
