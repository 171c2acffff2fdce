"""Whom the caps and limits count as one: a mailbox with its plus addresses, a host with its network."""

from __future__ import annotations

import functools
import ipaddress


def person_of(address: str) -> str:
    """The mailbox behind an address: in lower case, without the plus part (RFC 5233). What is proved or suppressed is the address itself."""
    local, at, domain = address.lower().rpartition("@")
    person = f"{local.partition('+')[0] or local}{at}{domain}"
    return address if person == address else person


@functools.lru_cache(4096)
def network_of(client: str) -> str:
    """The host behind a client's IP address: an IPv4 address, but a /64 of IPv6, which is what one host or household usually has."""
    return str(ipaddress.ip_network(f"{client}/64", strict=False)) if ":" in client else client
