"""A daemon that is told to stop stops, also when something happens at that very moment.

`asyncio.wait_for` of Python 3.11 forgets a cancel that comes as its wait ends: ruff.toml forbids it, `asyncio.timeout` is what we use.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.app.control_socket import ask
from bot.app.daemon import Daemon, FaultError, serve
from bot.disk import DataLock
from bot.letter_order import LetterOrder
from bot.settings import HostPort, Settings


@pytest.mark.parametrize("ticks", range(8))
async def test_a_cancel_that_comes_together_with_a_letter_ends_the_pump(ticks: int) -> None:
    async def nothing(_limit: int) -> list[str]:
        return []

    desk = SimpleNamespace(settings=SimpleNamespace(readers=1), inbox=SimpleNamespace(changed=asyncio.Event()), line=LetterOrder(), _claimed=nothing)
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


async def test_a_part_that_ends_by_itself_ends_the_desk_with_an_error(tmp_path, monkeypatch):
    """systemd starts anew only what has failed."""
    root = Path(__file__).parents[2]
    monkeypatch.setattr(Daemon, "_load", lambda _: fail())
    settings = Settings(data=tmp_path, rules=root / "rules.yaml", templates=root / "templates", smtp=HostPort("127.0.0.1", 0), readers=1)

    async def fail() -> None:
        raise ZeroDivisionError("a fault")

    with pytest.raises(FaultError, match="ZeroDivisionError: a fault"):
        await serve(settings, lambda _: None)
    DataLock(tmp_path).take()


async def test_a_step_of_the_end_that_fails_keeps_no_other(tmp_path, monkeypatch):
    """A listener that cannot be shut must not keep what has been sent from being recorded."""
    root = Path(__file__).parents[2]
    settings = Settings(data=tmp_path, rules=root / "rules.yaml", templates=root / "templates", smtp=HostPort("127.0.0.1", 0), readers=1)
    desk = Daemon(settings)
    await desk.start()
    stop = desk.listeners.stop

    async def ill() -> None:
        await stop()
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(desk.listeners, "stop", ill)
    await desk.close()
    assert desk._sending is not None
    assert desk._sending.done()
    log = (tmp_path / "log" / "desk.log").read_text()
    assert "Bad file descriptor" in log
    assert log.rstrip().splitlines()[-1].split()[3] == "stopped"
    DataLock(tmp_path).take()
