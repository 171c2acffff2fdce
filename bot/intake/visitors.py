"""The connections of the form's visitors: few of one address, and none that says nothing for long.

uvicorn has no time limit for headers and no count per address, so a visitor could keep all others out by saying nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.model import network_of

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass
class VisitorLimits:
    """How many connections there may be, and for how many seconds one may be without a whole request."""

    connections: int = 200
    per_address: int = 20
    headers: float = 15


class Visitors:
    """All connections of one form; the oldest come first. Belongs to one event loop."""

    def __init__(self, limits: VisitorLimits) -> None:
        self.limits, self.open = limits, dict["Visitor", str]()

    def admit(self, one: Visitor, network: str) -> bool:
        """Counts a connection in. Where there are too many, the one that has been idle longest goes, of the same address first."""
        same = [other for other, where in self.open.items() if where == network]
        for others, most in ((same, self.limits.per_address), (list(self.open), self.limits.connections)):
            idle = next((other for other in others if other in self.open and other.is_idle), None)
            if sum(other in self.open for other in others) >= most:
                if idle is None:
                    return False
                self.open.pop(idle)
                idle.transport.abort()
        self.open[one] = network
        return True


class Visitor(H11Protocol):
    """One connection."""

    visitors: Visitors  # of the form that made this class

    def connection_made(self, transport: Any) -> None:
        """Counts it in, and begins to wait for its first request."""
        super().connection_made(transport)
        self._late: asyncio.TimerHandle | None = None
        if not self.visitors.admit(self, network_of(self.client[0] if self.client else "")):
            transport.write(BUSY)
            transport.close()
        self._wait()

    def data_received(self, data: bytes) -> None:
        """The clock goes on until the headers are whole."""
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """From here on the next request is waited for."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Counts it out."""
        self.visitors.open.pop(self, None)
        if self._late:
            self._late.cancel()
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is in hand."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def _wait(self) -> None:
        if self._late and not self.is_idle:
            self._late.cancel()
            self._late = None
        elif self.is_idle and not self._late:
            self._late = self.loop.call_later(self.visitors.limits.headers, self.transport.abort)


def protocol(limits: VisitorLimits) -> type[Visitor]:
    """The protocol of a form's server."""
    return type("VisitorOfThisForm", (Visitor,), {"visitors": Visitors(limits)})
