"""What has changed while the desk runs is taken over once, tried, and with the key of the moment."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from desk import Here, TestDesk, opened

from bot.app.context_loading import signer_of, untried
from bot.app.daemon import Daemon
from bot.app.reload import Reloader
from bot.data.secret_file import rotate
from bot.disk import Disk
from bot.settings import Settings
from bot.tickets.tokens import Purpose

ROOT = Path(__file__).parents[2]
OLD = b"0123456789abcdef" * 4


class Readers:
    """In the place of parser processes: `meanwhile` is what happens while they try the examples."""

    def __init__(self, meanwhile) -> None:
        self.meanwhile, self.reloaded = meanwhile, 0

    async def check(self, policy):
        self.meanwhile()
        return []

    async def fit(self, templates, timezone):
        return []

    def reload(self, source):
        self.reloaded += 1


@pytest.fixture
def desk(tmp_path):
    shutil.copy(ROOT / "rules.yaml", tmp_path / "rules.yaml")
    settings = Settings(data=tmp_path, rules=tmp_path / "rules.yaml", templates=ROOT / "templates")
    settings.secret_file.write_bytes(OLD)
    told = []
    one = SimpleNamespace(settings=settings, secret=OLD, told=told, log=lambda event, **_: told.append(event), desk=SimpleNamespace())
    one.context = untried(settings, OLD)

    async def alert(decision):
        told.append("letter")

    one.alert, one.now, one.use = alert, lambda: None, partial(Daemon.use, one)
    with settings.rules.open("a") as file:
        file.write("# changed\n")
    return one


async def test_a_key_that_is_rotated_while_rules_are_tried_is_not_lost(desk):
    def rotated():
        desk.secret = rotate(desk.settings.secret_file, Disk(), OLD)

    desk.parser_pool = Readers(rotated)
    assert await Reloader(desk).look()
    address = signer_of(desk.context.policy, desk.secret, desk.settings).address(1, Purpose.agent, "anna@providence.film")
    assert desk.context.signer.address(1, Purpose.agent, "anna@providence.film") == address
    assert desk.desk.context is desk.context
    assert (desk.parser_pool.reloaded, desk.told) == (1, ["rules_loaded"])


async def test_what_could_not_be_tried_for_trouble_of_our_own_is_tried_again(desk, monkeypatch):
    def away():
        raise OSError("no reader process could be started")

    monkeypatch.setattr("bot.app.reload.alarm", lambda *_: None)
    desk.parser_pool, watch = Readers(away), Reloader(desk)
    assert [await watch.look(), await watch.look()] == [False, False]
    assert desk.told == ["rules_refused", "letter"]
    desk.parser_pool.meanwhile = lambda: None
    assert await watch.look()
    assert desk.told[-1] == "rules_loaded"


async def test_a_letter_that_waits_for_its_turn_is_decided_by_the_rules_of_then(tmp_path):
    desk = await TestDesk.opened(tmp_path / "data")
    await desk.send("ivan@example.org", "Не открывается фильм «Сталкер», чёрный экран.", subject="Фильм")
    rule = '\n  - {id: probe, clause: "4.2", when: {words: [сталкер]}, then: {labels: [probe]}, examples: {match: [сталкер], ignore: []}}\n'
    (tmp_path / "rules.yaml").write_text((ROOT / "rules.yaml").read_text("utf-8").replace("\nrules:\n", f"\nrules:{rule}", 1), "utf-8")
    changed = opened(tmp_path / "rules.yaml")
    async with desk.store.unit_of_work():  # somebody else's
        letter = asyncio.ensure_future(desk.send("petr@example.org", "Не открывается фильм «Сталкер», чёрный экран.", subject="Фильм"))
        await asyncio.sleep(0.1)
        desk.desk.context, desk.desk.parser_pool = changed, Here(changed.policy.source)
    await letter
    assert [desk.ticket(number).labels for number in (1, 2)] == [(), ("probe",)]


async def test_a_file_behind_a_link_is_taken_over_however_it_is_changed(desk, tmp_path):
    """A link to another place, and a volume of Kubernetes, which puts another folder in the place of `..data`."""
    volume, etc = tmp_path / "volume", tmp_path / "etc"
    etc.mkdir()
    for name in ("..one", "..two"):
        (volume / name).mkdir(parents=True)
        text = (tmp_path / "rules.yaml").read_text("utf-8") + f"# {name}\n"
        (volume / name / "rules.yaml").write_text(text, "utf-8")
    (volume / "..data").symlink_to("..one")
    (volume / "rules.yaml").symlink_to("..data/rules.yaml")
    shutil.copy(tmp_path / "rules.yaml", etc / "rules.yaml")
    (tmp_path / "link.yaml").symlink_to("etc/rules.yaml")

    def swap():
        (volume / "..new").symlink_to("..two")
        (volume / "..new").rename(volume / "..data")

    def edit():
        with (etc / "rules.yaml").open("a") as file:
            file.write("# once more\n")

    for rules, change in ((volume / "rules.yaml", swap), (tmp_path / "link.yaml", edit)):
        desk.settings = desk.settings.model_copy(update={"rules": rules})
        desk.context, desk.stop = untried(desk.settings, OLD), asyncio.Event()
        desk.parser_pool = Readers(lambda: None)
        watch, looked = Reloader(desk), asyncio.Event()
        look = watch.look

        async def told(look=look, looked=looked):
            found = await look()
            looked.set()
            return found

        watch.look = told
        watching = asyncio.ensure_future(watch.run())
        async with asyncio.timeout(60):
            await looked.wait()  # as it does once, whatever has changed
            looked.clear()
            change()
            await looked.wait()
        desk.stop.set()
        await watching
        assert desk.told == ["rules_loaded"]
        assert desk.context.policy.source == rules.read_bytes()
        desk.told.clear()
