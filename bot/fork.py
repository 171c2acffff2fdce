"""The fork server from which reader processes come. Its own file, so that it can be started before anything else is loaded."""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["bot.reading", "bot.reader", "bot.policy.prepared"])


def warm() -> None:
    """Starts the fork server, which loads what readers need while the caller does something else."""
    forkserver.ensure_running()
