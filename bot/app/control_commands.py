"""What the command line asks of a running daemon, over the socket in the data folder."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from bot.app.context_loading import signer_of
from bot.app.listeners import Listeners
from bot.app.log import Log
from bot.data.erasure import Plan, forget, log_without
from bot.data.secret_file import rotate
from bot.delivery.outbox import Outbox
from bot.delivery.result import cause
from bot.disk import Disk
from bot.model import Decision, Delivery, DeskRecord, person_of
from bot.settings import Settings
from bot.store.interface import Letters, Store
from bot.tickets.alerts import advice
from bot.tickets.context import DeskContext


class Controlled(Protocol):
    """What the command line may ask about, and change."""

    settings: Settings
    disk: Disk
    secret: bytes
    context: DeskContext
    inbox: Letters
    store: Store
    outbox: Outbox
    listeners: Listeners
    log: Log
    now: Callable[[], datetime]

    def use(self, context: DeskContext) -> None:
        """Everything that is decided from now on goes by it."""
        ...

    async def commit(self, decision: Decision) -> None:
        """Carries a decision out, in a unit of work of its own."""
        ...


class ControlCommands:
    """One a daemon."""

    def __init__(self, daemon: Controlled) -> None:
        self._daemon = daemon

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the command line asks of a running daemon: {"do": …} in, {"ok": …} or {"error": …} out."""
        do, ident = request.get("do"), str(request.get("letter", ""))
        if do == "retry":
            await self._daemon.inbox.retry(ident)
            self._daemon.log("retried", letter=ident, who="admin")
        elif do == "drop":
            await self._daemon.inbox.drop(ident, self._daemon.now())
            self._daemon.log("dropped", letter=ident, who="admin")
        elif do == "look":
            self._daemon.inbox.changed.set()
        elif do == "rotate":
            self._daemon.secret = rotate(self._daemon.settings.secret_file, self._daemon.disk, self._daemon.secret)
            signer = signer_of(self._daemon.context.policy, self._daemon.secret, self._daemon.settings)
            self._daemon.use(dataclasses.replace(self._daemon.context, signer=signer))
        elif do in ("release", "discard"):
            return {"ok": await self.let_go(request, release=do == "release")}
        elif do == "lift":
            address, now = str(request.get("to", "")), self._daemon.now()
            there = len(await self._daemon.store.suppressed([address], now))
            await self._daemon.commit(Decision(records=(DeskRecord(at=now, about="lift", who=address),) * there))
            return {"ok": there}
        elif do == "forget":
            plan = msgspec.convert(request["plan"], Plan)
            await asyncio.to_thread(self._daemon.log.still, lambda path: log_without(path, plan.person))  # first, while his letters are known
            await forget(plan, self._daemon.inbox, self._daemon.store, self._daemon.now())
            self._daemon.log("forgotten", tickets=len(plan.own) + len(plan.others), letters=len(plan.erased) + len(plan.cut))
        elif do == "health":
            return await self.health()
        else:
            return {"error": f"unknown request {do!r}"}
        return {"ok": True}

    async def let_go(self, request: dict[str, Any], *, release: bool) -> int:
        """Releases or drops letters that are held, or that failed, all of them or those to one person; how many."""
        wanted, now = person_of(str(request.get("to", ""))), self._daemon.now()
        which = Delivery(request.get("state", "held"))
        stuck = [one for one in await self._daemon.store.stuck(which) if not wanted or person_of(one.letter.to) == wanted]
        fields = {"state": Delivery.waiting, "attempts": 0} if release else {"state": Delivery.cancelled}
        changed = [replace(one, letter=replace(one.letter, **fields, result="admin", due=now)) for one in stuck]
        await self._daemon.store.delivered(changed)
        if which is Delivery.held:  # its auto-reply block is lifted too
            people = {person_of(one.letter.to) for one in stuck} | {wanted} - {""}
            await self._daemon.commit(Decision(records=tuple(DeskRecord(at=now, about="release", who=to) for to in people)))
        return len(stuck)

    async def health(self) -> dict[str, Any]:
        """What only the running daemon knows of its ways in and out; times in seconds, None where there is nothing to tell."""
        now, counts, breaker = self._daemon.now(), await self._daemon.store.counts(), self._daemon.outbox.breaker

        def since(moment: datetime | None) -> int | None:
            return max(0, int((now - moment).total_seconds())) if moment else None

        return {
            "unsent": counts.unsent, "held": counts.held, "failed": counts.failed,
            "disk_waits": counts.disk_waits, "broken": len(self._daemon.store.broken),
            "oldest_unsent_seconds": since(counts.first_due) or None,
            "relay_taken_seconds": since(breaker.taken), "relay_stopped_seconds": since(breaker.since) if counts.unsent else None,
            "relay_says": breaker.why, "relay_advice": advice(cause(breaker.why), self._daemon.context.terms("en")),
            **self._daemon.listeners.health(now),
        }  # fmt: skip
