"""The fork server from which the other processes come. Its own file, so that it can be started before anything else is loaded."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from typing import Any

from bot.printing import guard

SIZE = 4  # octets in front of a message to or from another process that tell its length

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["bot.parsing", "bot.workers.parser_worker", "bot.workers.preload"])


def warm() -> None:
    """Starts the fork server, which loads what parsers need while the caller does something else."""
    forkserver.ensure_running()


async def child(work: Callable[..., None], protocol: asyncio.Protocol, *arguments: Any) -> BaseProcess:
    """A new process, in which `work` gets a socket and the `arguments`; `protocol` has the other end. Raises OSError or EOFError."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = context.Process(target=work, args=(theirs, *arguments), daemon=True)
        try:
            process.start()
            await asyncio.get_running_loop().create_connection(lambda: protocol, sock=ours)
        except BaseException:
            ours.close()  # which ends the process
            raise
    return process


def settled() -> None:
    """Called in a new process that has loaded what it needs: that stays, and the daemon goes before it."""
    guard()  # what a library says of a stranger's bytes is printed as well
    gc.collect()
    gc.freeze()  # a collection need not look at it again and again
    gc.set_threshold(20_000, 20, 50)
    with contextlib.suppress(AttributeError, OSError):  # Linux: being woken by the daemon, it does not push it off its core at once
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
