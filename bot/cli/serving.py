"""The commands that run a desk: serve, deliver, demo."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from datetime import UTC, datetime
from io import BytesIO
from typing import Annotated

import typer

from bot.cli.terminal import AGAIN, fail, settings
from bot.printing import say
from bot.settings import Settings, SettingsError

PATIENCE = 3.0  # seconds


def serve() -> None:
    """Run the desk: take letters, answer them, until SIGTERM or Ctrl-C."""
    from bot.workers.process import warm

    chosen = settings()
    warm()  # first of all: it loads beside us
    from bot.app.context_loading import RulesRefused
    from bot.app.daemon import FaultError
    from bot.app.daemon import serve as run
    from bot.disk import LockedError
    from bot.store.data_access import ElsewhereError

    try:
        asyncio.run(run(chosen, say))
    except RulesRefused as error:
        fail(str(error), 1)
    except ElsewhereError as error:
        fail(str(error), AGAIN)
    except (LockedError, ValueError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot start: {error}", AGAIN)
    except FaultError as error:
        fail(f"ended by a fault, see the log: {error}", AGAIN)


def deliver(
    sender: Annotated[str | None, typer.Option(help="envelope sender; default: $SENDER, or the Return-Path line")] = None,
    recipient: Annotated[list[str] | None, typer.Option(help="envelope recipient, may be repeated; default: $RECIPIENT")] = None,
) -> None:
    """Take one letter on stdin into the inbox, for pipes. Exit 0 stored, 75 try again, 64 wrong usage, 65 no letter or too large."""
    from bot.app.control_socket import ask
    from bot.disk import Disk
    from bot.intake.crowd import FreeSpace
    from bot.intake.pipe import LIMIT
    from bot.intake.pipe import deliver as take
    from bot.store.factory import open_store

    async def work() -> tuple[int, str]:
        chosen = Settings.load()
        whole = BytesIO(sys.stdin.buffer.read(LIMIT + 1))  # before the store is opened: a desk that moves meanwhile would leave the letter behind
        now = datetime.now(UTC)
        FreeSpace(chosen.data, chosen.min_free, lambda *_, **__: None).must_have_room(0)
        inbox, _ = open_store(chosen, Disk(), now)
        taken = await take(whole, inbox, now, sender=sender, recipients=tuple(recipient or ()), environ=os.environ)
        await inbox.close()
        with contextlib.suppress(OSError, ValueError):
            async with asyncio.timeout(PATIENCE):  # a desk that hangs finds the letter by itself
                await ask(chosen.data, {"do": "look"})
        return taken

    try:
        code, words = asyncio.run(work())
    except (OSError, ValueError, SettingsError) as error:
        fail(f"cannot be stored: {error}", AGAIN)
    if code:
        fail(words, code)


def demo() -> None:
    """Watch a conversation: a user, a stranger and an agent over real SMTP, in a temporary data folder."""
    from bot.tools.demo import play

    raise typer.Exit(play(settings()))
