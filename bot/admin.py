"""What the command line asks of a running daemon, over the socket in the data folder."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from bot.delivery.result import cause
from bot.model import Decision, Delivery, DeskRecord, person_of
from bot.office import rotate, signer_of
from bot.tickets.alerts import advice
from bot.upkeep.law import Plan, forget, log_without

if TYPE_CHECKING:
    from bot.daemon import Daemon


class Admin:
    """One a daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._desk = daemon

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the command line asks of a running daemon: {"do": …} in, {"ok": …} or {"error": …} out."""
        do, ident = request.get("do"), str(request.get("letter", ""))
        if do == "retry":
            await self._desk.inbox.retry(ident)
            self._desk.tell("retried", letter=ident, who="admin")
        elif do == "drop":
            await self._desk.inbox.drop(ident, self._desk.now())
            self._desk.tell("dropped", letter=ident, who="admin")
        elif do == "look":
            self._desk.inbox.changed.set()
        elif do == "rotate":
            self._desk.secret = rotate(self._desk.settings.secret_file, self._desk.disk, self._desk.secret)
            signer = signer_of(self._desk.office.policy, self._desk.secret, self._desk.settings)
            self._desk.office = self._desk.desk.office = dataclasses.replace(self._desk.office, signer=signer)
        elif do in ("release", "discard"):
            return {"ok": await self.let_go(request, release=do == "release")}
        elif do == "lift":
            address, now = str(request.get("to", "")), self._desk.now()
            there = len(await self._desk.store.suppressed([address], now))
            await self._desk.commit(Decision(records=(DeskRecord(at=now, about="lift", who=address),) * there))
            return {"ok": there}
        elif do == "forget":
            plan = msgspec.convert(request["plan"], Plan)
            await asyncio.to_thread(self._desk.tell.still, lambda path: log_without(path, plan.person))  # first, while his letters are known
            await forget(plan, self._desk.inbox, self._desk.store, self._desk.now())
            self._desk.tell("forgotten", tickets=len(plan.own) + len(plan.others), letters=len(plan.erased) + len(plan.cut))
        elif do == "health":
            return await self.health()
        else:
            return {"error": f"unknown request {do!r}"}
        return {"ok": True}

    async def let_go(self, request: dict[str, Any], *, release: bool) -> int:
        """Releases or drops letters that are held, or that failed, all of them or those to one person; how many."""
        wanted, now = person_of(str(request.get("to", ""))), self._desk.now()
        which = Delivery(request.get("state", "held"))
        stuck = [one for one in await self._desk.store.stuck(which) if not wanted or person_of(one.letter.to) == wanted]
        fields = {"state": Delivery.waiting, "attempts": 0} if release else {"state": Delivery.cancelled}
        changed = [replace(one, letter=replace(one.letter, **fields, result="admin", due=now)) for one in stuck]
        await self._desk.store.delivered(changed)
        if which is Delivery.held:  # its latch opens too
            people = {person_of(one.letter.to) for one in stuck} | {wanted} - {""}
            await self._desk.commit(Decision(records=tuple(DeskRecord(at=now, about="release", who=to) for to in people)))
        return len(stuck)

    async def health(self) -> dict[str, Any]:
        """What only the running daemon knows of its ways in and out; times in seconds, None where there is nothing to tell."""
        now, counts, breaker = self._desk.now(), await self._desk.store.counts(), self._desk.outbox.breaker

        def since(moment: datetime | None) -> int | None:
            return max(0, int((now - moment).total_seconds())) if moment else None

        return {
            "unsent": counts.unsent, "held": counts.held, "failed": counts.failed,
            "disk_waits": counts.disk_waits, "broken": len(self._desk.store.broken),
            "oldest_unsent_seconds": since(counts.first_due) or None,
            "relay_taken_seconds": since(breaker.taken), "relay_stopped_seconds": since(breaker.since) if counts.unsent else None,
            "relay_says": breaker.why, "relay_advice": advice(cause(breaker.why), self._desk.office.terms("en")), **self._desk.doors.health(now),
        }  # fmt: skip
