"""What the command line asks of a running daemon, over the socket in the data folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from bot.model import Decision, Delivery, DeskRecord
from bot.office import open_office, rotate
from bot.store.files import new_key

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
            self._desk.inbox.retry(ident)
            self._desk.tell("retried", letter=ident, who="admin")
            self._desk.queue(ident)
        elif do == "drop":
            self._desk.inbox.drop(ident, self._desk.now())
            self._desk.tell("dropped", letter=ident, who="admin")
        elif do == "look":
            for waiting in self._desk.inbox.waiting():
                self._desk.queue(waiting)
        elif do == "rotate":
            self._desk.secret = rotate(self._desk.settings.secret_file, self._desk.disk, self._desk.secret, new_key())
            self._desk.office = self._desk.desk.office = open_office(self._desk.settings, self._desk.secret)
        elif do in ("release", "discard"):
            return {"ok": await self.let_go(request, release=do == "release")}
        elif do == "lift":
            address, now = str(request.get("to", "")), self._desk.now()
            there = int(self._desk.store.register.suppressed(address, now))
            await self._desk.commit(Decision(records=(DeskRecord(at=now, about="lift", who=address),) * there))
            return {"ok": there}
        elif do == "health":
            unsent, since = self._desk.store.unsent()
            oldest = int((self._desk.now() - since).total_seconds()) if since else None
            return {"unsent": unsent, "oldest_unsent_seconds": oldest, "held": len(self._desk.store.held())}
        else:
            return {"error": f"unknown request {do!r}"}
        return {"ok": True}

    async def let_go(self, request: dict[str, Any], *, release: bool) -> int:
        """Releases or drops held letters, all of them or those to one address; how many."""
        wanted, now = str(request.get("to", "")).lower(), self._desk.now()
        held = [one for one in self._desk.store.held() if not wanted or one.letter.to == wanted]
        state = Delivery.waiting if release else Delivery.cancelled
        await self._desk.store.delivered([replace(one, letter=replace(one.letter, state=state, result="admin", due=now)) for one in held])
        records = tuple(DeskRecord(at=now, about="release", who=to) for to in {one.letter.to for one in held} | {wanted} - {""})
        await self._desk.commit(Decision(records=records))
        return len(held)
