"""Who counts as one sender for caps and limits: a mailbox and its plus addresses, a host and its network."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Collection

from bot.model.letter import Envelope

OUR_OWN = frozenset({"127.0.0.1", "::1"})  # this host; its mail server hands over everybody's letters


def person_of(address: str) -> str:
    """The mailbox behind an address: in lower case, without the plus part (RFC 5233).

    Only for counting: proof and suppression go by the address itself.
    """
    local, at, domain = address.lower().rpartition("@")
    person = f"{local.partition('+')[0] or local}{at}{domain}"
    return address if person == address else person


@functools.lru_cache(4096)
def network_of(client: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 of an IPv6 address, as a household has."""
    return str(ipaddress.ip_network(f"{client}/64", strict=False)) if ":" in client else client


def client_of(envelope: Envelope, relays: Collection[str]) -> str:
    """The foreign host that handed over a letter; "" for relays and for our own mail server or mailbox."""
    strange = envelope.intake in ("smtp", "form") and envelope.client not in relays
    return network_of(envelope.client) if strange else ""
