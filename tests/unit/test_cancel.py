"""A daemon that is told to stop stops, also when something happens at that very moment.

`asyncio.wait_for` of Python 3.11 forgets a cancel that comes as its wait ends: ruff.toml forbids it, `asyncio.timeout` is what we use.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bot.control import ask
from bot.daemon import Daemon


@pytest.mark.parametrize("ticks", range(8))
async def test_a_cancel_that_comes_together_with_a_letter_ends_the_pump(ticks: int) -> None:
    async def nothing(_limit: int) -> list[str]:
        return []

    desk = SimpleNamespace(settings=SimpleNamespace(readers=1), inbox=SimpleNamespace(changed=asyncio.Event()), _under_way=0, _claimed=nothing)
    pump = asyncio.ensure_future(Daemon._pump(desk))  # type: ignore[arg-type]
    await asyncio.sleep(0.01)
    desk.inbox.changed.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    pump.cancel()
    done, _ = await asyncio.wait([pump], timeout=1)
    desk.inbox.changed.set()
    pump.cancel()
    assert done, "the cancel was forgotten"


async def test_who_asks_a_desk_that_ends_before_it_answers_is_told(tmp_path):
    async def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_unix_server(end, tmp_path / "control")
    assert "try again" in ((await ask(tmp_path, {"do": "health"})) or {})["error"]
    server.close()
    (tmp_path / "control").unlink(missing_ok=True)
    assert await ask(tmp_path, {"do": "health"}) is None
