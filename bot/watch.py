"""Takes a changed rules.yaml or template over between letters; a bad one is refused, and the leads get a letter."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from watchfiles import Change, awatch

from bot.office import RulesRefused, refuse, unfit, untried
from bot.readers import Unreadable
from bot.tickets.alerts import alarm
from bot.tickets.office import Office

if TYPE_CHECKING:
    from bot.daemon import Daemon


class Watch:
    """One a daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._desk, self._refused = daemon, ""

    async def run(self) -> None:
        """Looks at whatever changes, until the daemon stops."""
        settings = self._desk.settings
        rules, templates = settings.rules.resolve(), settings.templates.resolve()
        # Not recursive: the data folder may lie beside rules.yaml, and each of its writes would wake us.
        places = {rules.parent, templates, *(path for path in templates.rglob("*") if path.is_dir())}

        def concerns(_: Change, name: str) -> bool:
            return Path(name) == rules or templates in Path(name).parents

        async for _ in awatch(*places, stop_event=self._desk.stop, debounce=300, recursive=False, watch_filter=concerns):
            try:
                office = await asyncio.to_thread(untried, settings, self._desk.secret)
                await self.tried(office)
            except (RulesRefused, OSError) as error:
                await self._refuse(str(error))
            else:
                self._refused = ""
                await self._take(office)

    async def tried(self, office: Office) -> None:
        """Raises RulesRefused for rules whose examples fail and for templates that do: a reader sees to the first, we meanwhile to these."""
        try:
            both = self._desk.readers.check(office.policy), asyncio.to_thread(unfit, office.policy, office.templates)
            examples, templates = await asyncio.gather(*both)
        except Unreadable as error:
            raise RulesRefused(f"{office.policy.name}: its examples could not be tried: {error}") from None
        refuse([*examples, *templates])

    async def _refuse(self, words: str) -> None:
        if words == self._refused:
            return
        self._refused, desk = words, self._desk
        lines = words.splitlines()
        desk.tell("rules_refused", path=str(desk.settings.rules), faults=len(lines), words=words)
        await desk.alert(alarm(desk.office, "rules_refused", tuple(lines[:20]), f"rules/{zlib.crc32(words.encode()):x}", desk.now()))

    async def _take(self, office: Office) -> None:
        desk = self._desk
        if office.policy == desk.office.policy and office.templates.sources == desk.office.templates.sources:
            return
        if office.policy != desk.office.policy:
            desk.readers.reload(office.policy.source)
        if office.policy.times != desk.office.policy.times:
            await desk.store.wake(desk.now())
        desk.office = desk.desk.office = office
        desk.tell("rules_loaded", path=str(desk.settings.rules), rules=len(office.policy.rules), digest=office.policy.digest)
