"""The connections of the form's visitors: few of one address, and none that says nothing for long.

uvicorn has no time limit for headers and no count per address, so a visitor could keep all others out by saying nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.intake.crowd import Crowd
from bot.model import OUR_OWN

HEARD, HELD = 1.0, 50  # seconds for which a visitor is heard whom there is no room for, and how many of them at a time
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass
class VisitorLimits:
    """How many connections there may be, and for how many seconds one may be without a whole request."""

    connections: int = 200
    per_address: int = 20  # but for the web server in front of the form, which brings everybody's
    headers: float = 15


class Visitor(H11Protocol):
    """One connection."""

    limits: VisitorLimits  # of the form that made this class
    crowd: Crowd[Visitor]
    turned_away: set[Visitor]

    def connection_made(self, transport: Any) -> None:
        """Counts it in, and begins to wait for its first request.

        Where there is no room, the request is heard before it is refused: else the system would cut the
        connection, and the visitor would see no answer at all.
        """
        super().connection_made(transport)
        self._late: asyncio.TimerHandle | None = None
        client, most = self.client[0] if self.client else "", self.limits.connections
        if self.crowd.admit(self, client, most, most if client in OUR_OWN else self.limits.per_address):
            if len(self.turned_away) >= HELD:
                transport.abort()
            self.turned_away.add(self)
            self._late = self.loop.call_later(HEARD, transport.abort)
            return
        self._wait()

    def data_received(self, data: bytes) -> None:
        """The clock goes on until the headers are whole."""
        if self in self.turned_away:
            self.transport.write(BUSY)
            self.transport.close()
            return
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """From here on the next request is waited for."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Counts it out."""
        self.crowd.release(self)
        self.turned_away.discard(self)
        if self._late:
            self._late.cancel()
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is in hand."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def abort(self) -> None:
        """Drops the connection without a word."""
        self.transport.abort()

    def _wait(self) -> None:
        if self._late and not self.is_idle:
            self._late.cancel()
            self._late = None
        elif self.is_idle and not self._late:
            self._late = self.loop.call_later(self.limits.headers, self.transport.abort)


def protocol(limits: VisitorLimits) -> type[Visitor]:
    """The protocol of a form's server."""
    return type("VisitorOfThisForm", (Visitor,), {"limits": limits, "crowd": Crowd(), "turned_away": set()})
