"""Takes a changed rules.yaml or template over between letters; a bad one is refused, and the leads get a letter."""

from __future__ import annotations

import asyncio
import dataclasses
import zlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from watchfiles import Change, awatch

from bot.app.context_loading import RulesRefused, read, signer_of, sources, tried, untried
from bot.app.log import Log
from bot.model import Decision
from bot.rendering.outcomes import with_own
from bot.settings import Settings
from bot.store.interface import Store
from bot.tickets.alerts import alarm
from bot.tickets.context import DeskContext
from bot.workers.parser_pool import ParserPool

SETTLED = 1000  # milliseconds


class Reloadable(Protocol):
    """What a reload needs of the daemon, and changes in it."""

    settings: Settings
    secret: bytes
    context: DeskContext
    parser_pool: ParserPool
    store: Store
    log: Log
    stop: asyncio.Event
    now: Callable[[], datetime]

    def use(self, context: DeskContext) -> None:
        """Everything that is decided from now on goes by it."""
        ...

    async def alert(self, decision: Decision) -> None:
        """Tells the leads."""
        ...


class Reloader:
    """One a daemon."""

    def __init__(self, daemon: Reloadable) -> None:
        self._daemon, self._refused = daemon, ""

    async def run(self) -> None:
        """Looks at whatever changes, until the daemon stops."""
        settings = self._daemon.settings
        templates = settings.templates.resolve()
        # The file, and a link that leads to it; Kubernetes puts another folder in the place of ..data.
        rules = {settings.rules.resolve(), settings.rules.parent.resolve() / settings.rules.name}
        rules |= {path.with_name("..data") for path in rules}
        # Not recursive: the data folder may lie beside rules.yaml, and each of its writes would wake us.
        places = {templates, *(path.parent for path in rules)}
        places |= {path for path in templates.rglob("*") if path.is_dir()}

        def concerns(_: Change, name: str) -> bool:
            return Path(name) in rules or templates in Path(name).parents

        watched = False  # what has changed since the start and before the watch was set up is looked at once
        how: dict[str, Any] = {"debounce": 300, "recursive": False, "rust_timeout": SETTLED, "yield_on_timeout": True}
        async for changes in awatch(*places, stop_event=self._daemon.stop, watch_filter=concerns, **how):
            if changes or not watched:
                watched = await self.look()

    async def look(self) -> bool:
        """Takes over what has changed, if it is good; False where it could not be looked at, and should be once more."""
        settings, context = self._daemon.settings, self._daemon.context
        try:
            files = with_own(sources(settings.templates), context.policy)
            if read(settings.rules) != context.policy.source or files != context.templates.files:
                context = await asyncio.to_thread(untried, settings, self._daemon.secret)
                await tried(context, self._daemon.parser_pool)
                await self._take(context)
        except (RulesRefused, OSError) as error:
            await self._refuse(str(error))
            return isinstance(error, RulesRefused)
        self._refused = ""
        return True

    async def _refuse(self, words: str) -> None:
        if words == self._refused:
            return
        self._refused, desk = words, self._daemon
        lines = words.splitlines()
        desk.log("rules_refused", path=str(desk.settings.rules), faults=len(lines), words=words)
        now = desk.now()
        cause = f"rules/{zlib.crc32(words.encode()):x}/{str(now)[:10]}"  # the same mistake is told once a day
        await desk.alert(alarm(desk.context, "rules_refused", tuple(lines[:20]), cause, now))

    async def _take(self, context: DeskContext) -> None:
        desk = self._daemon
        if context.policy != desk.context.policy:
            desk.parser_pool.reload(context.policy.source)
        if context.policy.times != desk.context.policy.times:
            await desk.store.wake(desk.now())
        # The secret may have been rotated while the rules were tried.
        desk.use(dataclasses.replace(context, signer=signer_of(context.policy, desk.secret, desk.settings)))
        desk.log("rules_loaded", path=str(desk.settings.rules), rules=len(context.policy.rules), digest=context.policy.digest)
