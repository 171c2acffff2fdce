"""A piece of work in a process of its own that is killed before its nth change to the folders it works in."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

CHANGES = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate"}  # see Python's table of audit events
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["bot.data.move", "bot.store.postgres.reader", "bot.store.postgres.schema"])


def killed(at: int, work: Callable[..., object], *arguments: Any) -> bool:
    """Calls `work` with its `arguments`; whether it was killed before it came to its end. Raises AssertionError where it failed by itself."""
    process = context.Process(target=_mortal, args=(at, work, arguments))
    process.start()
    process.join()
    code = process.exitcode
    process.close()
    assert code in (0, -signal.SIGKILL), f"it ended with {code}"
    return code != 0


def _mortal(at: int, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    changes = 0

    def count(event: str, details: tuple[Any, ...]) -> None:
        nonlocal changes
        if event in CHANGES or (event == "open" and details[2] & (os.O_WRONLY | os.O_RDWR)):
            changes += 1
            if changes == at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    work(*arguments)
