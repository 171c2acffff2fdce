"""Whom the caps and limits count as one: a mailbox with its plus addresses, a host with its network."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Collection

from bot.model.letter import Envelope

OUR_OWN = frozenset({"127.0.0.1", "::1"})  # this host: its mail server brings everybody's letters


def person_of(address: str) -> str:
    """The mailbox behind an address: in lower case, without the plus part (RFC 5233). What is proved or
    suppressed is the address itself.
    """
    local, at, domain = address.lower().rpartition("@")
    person = f"{local.partition('+')[0] or local}{at}{domain}"
    return address if person == address else person


@functools.lru_cache(4096)
def network_of(client: str) -> str:
    """The host behind a client's IP address: an IPv4 address, or a /64 of IPv6, as one household has."""
    return str(ipaddress.ip_network(f"{client}/64", strict=False)) if ":" in client else client


def client_of(envelope: Envelope, relays: Collection[str]) -> str:
    """The stranger's host that handed a letter over; "" for relays and our own mail server or mailbox."""
    strange = envelope.intake in ("smtp", "form") and envelope.client not in relays
    return network_of(envelope.client) if strange else ""
