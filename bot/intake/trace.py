"""Trace headers of RFC 5321 section 4.4: the one we add, and the count of those that are there."""

from __future__ import annotations

import re
from email.utils import format_datetime

from bot.model import Envelope

HEAD = 1024 * 1024  # bytes of a letter in which its headers are looked for

_UNSAFE = re.compile(r"[^A-Za-z0-9.:_\[\]-]")


def received(envelope: Envelope, protocol: str, helo: str, hostname: str) -> bytes:
    """The Received: header for a letter; nothing in it can be shaped by the client beyond its one name."""
    literal = f"IPv6:{envelope.client}" if ":" in envelope.client else envelope.client
    to = f"\r\n\tfor <{envelope.recipients[0]}>" if len(envelope.recipients) == 1 else ""
    return (
        f"Received: from {_UNSAFE.sub('?', helo)[:255]} ([{literal}])\r\n\tby {hostname} with {protocol} id {envelope.letter}{to};\r\n"
        f"\t{format_datetime(envelope.received)}\r\n"
    ).encode()


def received_count(content: bytes) -> int:
    """How many Received: headers a letter has; only its first megabyte is looked at."""
    head = b"\n" + content[:HEAD]
    end = min((at for blank in (b"\r\n\r\n", b"\n\n") if (at := head.find(blank, 1)) >= 0), default=len(head))
    return head[:end].lower().count(b"\nreceived:")
