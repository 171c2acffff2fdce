"""What could not be read or asked is never taken for "none", "empty" or "healthy"."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from contract import NOW, outgoing, ticket
from desk import ROOT, TestDesk
from msgspec.structs import replace

from bot.app.control_commands import ControlCommands
from bot.data import export
from bot.data.health import health, heartbeat
from bot.delivery.breaker import Breaker
from bot.disk import Disk
from bot.model import Delivery, FileReference
from bot.rendering.templates import Layout
from bot.store.files.reader import FileDataReader
from bot.store.files.writer import FolderDataWriter
from bot.tickets.alerts import alarm

FINE = {"unsent": 0, "held": 0, "failed": 0, "disk_waits": 0, "broken": 0, "min_free_mb": 0}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    FolderDataWriter(tmp_path, Disk()).close()
    for name in ("inbox/new", "inbox/tmp", "parked", "dropped", "archive", "log", "tickets/live", "tickets/done", "desk"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    return tmp_path


def why(data: Path, told: dict[str, object] | None) -> list[str]:
    found = health(data, FileDataReader(data), told, NOW)
    assert found["healthy"] is not bool(found["why"])
    return list(found["why"])


async def test_an_alert_to_a_lead_has_waited_since_it_was_made_and_no_longer(data):
    desk = await TestDesk.opened(data / "desk-of-the-test")
    made = desk.now
    async with desk.store.unit_of_work() as unit:
        unit.commit(alarm(desk.context, "trouble", ("the disk",), "disk", made))
    listeners = SimpleNamespace(health=lambda now: {})
    daemon = SimpleNamespace(
        now=lambda: desk.now, store=desk.store, context=desk.context, listeners=listeners, outbox=SimpleNamespace(breaker=Breaker())
    )
    told = {}
    for minutes in (0, 10, 11, -60):  # at last with a clock that was set back
        desk.now = made + timedelta(minutes=minutes)
        told[minutes] = await ControlCommands(daemon).health()
    assert {one: found["oldest_unsent_seconds"] for one, found in told.items()} == {0: None, 10: 600, 11: 660, -60: None}
    assert {one: why(data, FINE | found) for one, found in told.items()} == {0: [], 10: [], 11: ["oldest_unsent_seconds"], -60: []}


def test_a_desk_that_answers_with_an_error_is_not_healthy(data):
    assert why(data, FINE) == []
    assert why(data, {"error": "the database cannot be asked"}) == ["error"]


def test_a_log_that_cannot_be_read_is_not_healthy(data):
    log = data / "log" / "desk.jsonl"
    log.symlink_to(log)  # whoever follows it gets ELOOP
    with pytest.raises(OSError, match=r"desk\.jsonl"):
        heartbeat(log, NOW)
    assert why(data, FINE) == ["error"]


def test_the_end_of_a_log_without_a_heartbeat_counts_from_its_oldest_line(data):
    log = data / "log" / "desk.jsonl"
    assert heartbeat(log, NOW) is None
    ages = (600, 400)
    lines = [{"event": "read", "time": (NOW - timedelta(seconds=age)).isoformat()} for age in ages]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert heartbeat(log, NOW) == 600
    assert why(data, FINE) == ["heartbeat_seconds"]
    with log.open("a") as file:
        file.write(json.dumps({"event": "heartbeat", "time": NOW.isoformat()}) + "\n")
    assert heartbeat(log, NOW) == 0


def test_an_export_does_not_leave_out_what_it_could_not_read(tmp_path, data):
    file = FileReference(letter="20261123T090000000000-abcdef", part=1, name="a.png", type="image/png", size=3)
    sent = replace(outgoing(), state=Delivery.sent, done_at=NOW, attachments=(file,))
    folder = FolderDataWriter(data, Disk())
    folder.ticket(ticket(1, outgoing=(sent,)), filed=False)
    folder.close()

    class Shelf(FileDataReader):
        trouble: Exception | None = None

        def letter(self, ident):
            if self.trouble:
                raise self.trouble
            return super().letter(ident)

    reader, layout = Shelf(data), Layout("{{ body }}")
    reader.trouble = OSError(5, "Input/output error")
    with pytest.raises(OSError, match="Input/output"):
        export.export(reader, data, sent.to, tmp_path / "one", ("desk@x", "Desk"), layout)
    reader.trouble = FileNotFoundError(2, "gone")
    assert export.export(reader, data, sent.to, tmp_path / "two", ("desk@x", "Desk"), layout)[0] == 1


@pytest.mark.parametrize("folder", ["store", "upkeep", "cli"])
def test_no_decision_about_data_hangs_on_a_look_that_takes_errors_for_a_no(folder):
    """`Path.exists` and the globs find nothing where they may not look; `is_there` and `listed` raise."""
    allowed = {("backup.py", "glob"), ("move.py", "rglob")}  # leavings to tidy up; a folder that rmdir then finds full
    found = {
        (path.name, name)
        for path in (ROOT / "bot" / folder).rglob("*.py")
        for name in re.findall(r"\.(exists|glob|rglob)\(", path.read_text())
    }
    assert found <= allowed
