"""The log: closed events and fields, JSON for machines, lines for people, and no harm to the desk."""

from __future__ import annotations

import ast
import asyncio
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app.log import EVENTS, LEVELS, Log, UnknownEventError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path, lambda: NOW)
    yield log
    log.close()


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "desk.jsonl").read_text().splitlines()]


def test_every_line_has_time_event_letter_and_ticket(log, tmp_path):
    log("opened", letter="20261122T1", ticket=7, priority="high")
    log("caps_off")
    assert lines(tmp_path) == [
        {"time": "2026-11-22T12:00:00Z", "event": "opened", "level": "info", "letter": "20261122T1", "ticket": 7, "priority": "high"},
        {"time": "2026-11-22T12:00:00Z", "event": "caps_off", "level": "warning", "letter": None, "ticket": None},
    ]
    assert (tmp_path / "desk.log").read_text().splitlines() == [
        "2026-11-22 12:00:00+0000 info    opened          letter=20261122T1 ticket=7 priority=high",
        "2026-11-22 12:00:00+0000 warning caps_off",
    ]


def test_an_unknown_event_or_field_is_a_mistake_in_the_program(log, tmp_path):
    with pytest.raises(UnknownEventError, match="no event 'openned'"):
        log("openned")
    with pytest.raises(UnknownEventError, match="no field subject, text"):
        log("opened", text="Dear desk", subject="help")
    assert not (tmp_path / "desk.jsonl").exists()


def test_in_service_it_is_logged_as_an_error_and_strange_fields_are_left_out(tmp_path):
    log = Log(tmp_path, lambda: NOW, strict=False)
    log("openned", letter="L1", text="Dear desk")
    log("opened", ticket=1, text="Dear desk")
    first, second = lines(tmp_path)
    assert (first["event"], first["words"], first["letter"]) == ("error", "openned", "L1")
    assert (second["event"], second["ticket"]) == ("opened", 1)
    assert "Dear" not in (tmp_path / "desk.jsonl").read_text() + (tmp_path / "desk.log").read_text()


def test_a_level_keeps_the_lesser_events_out(tmp_path):
    log = Log(tmp_path, lambda: NOW, "warning")
    for word in EVENTS:
        log(word)
    assert {line["event"] for line in lines(tmp_path)} == {word for word, event in EVENTS.items() if LEVELS[event.level] >= 30}


def test_logrotate_may_move_the_files_at_any_time(log, tmp_path):
    log("caps_off")
    for name in ("desk.jsonl", "desk.log"):
        (tmp_path / name).rename(tmp_path / f"{name}.1")
    log("ready", smtp="127.0.0.1:8025")
    assert [line["event"] for line in lines(tmp_path)] == ["ready"]
    assert "ready" in (tmp_path / "desk.log").read_text()
    assert "caps_off" in (tmp_path / "desk.jsonl.1").read_text()


@given(st.dictionaries(st.sampled_from(["where", "kind", "words"]), st.text(st.characters()) | st.lists(st.text(st.characters()))))
def test_any_value_makes_one_line_in_each_file(tmp_path_factory, fields):
    folder = tmp_path_factory.mktemp("log")
    log = Log(folder, lambda: NOW)
    log("error", letter="L", **fields)
    log.close()
    assert len(lines(folder)) == 1
    assert len((folder / "desk.log").read_text().splitlines()) == 1
    assert log.lost == 0


def test_long_values_are_cut(log, tmp_path):
    log("error", words="x" * 100_000)
    assert len((tmp_path / "desk.jsonl").read_text()) < 1_000


def test_a_full_disk_costs_lines_and_nothing_else(tmp_path):
    log = Log(tmp_path, lambda: NOW)
    (tmp_path / "desk.jsonl").symlink_to("/dev/full")
    for _ in range(3000):
        log("caps_off")
    assert log.lost == 3000
    (tmp_path / "desk.jsonl").unlink()
    log("ready")
    log.close()
    assert [line["event"] for line in lines(tmp_path)] == ["ready"]


def test_a_line_after_half_a_line_of_an_earlier_desk_begins_on_its_own(tmp_path):
    for name in ("desk.jsonl", "desk.log"):
        (tmp_path / name).write_text('{"time":"2026-')
    log = Log(tmp_path, lambda: NOW)
    log("caps_off")
    log("ready")
    log.close()
    cut, *whole = (tmp_path / "desk.jsonl").read_text().splitlines()
    assert (cut, [json.loads(line)["event"] for line in whole]) == ('{"time":"2026-', ["caps_off", "ready"])
    assert len((tmp_path / "desk.log").read_text().splitlines()) == 3


def test_a_folder_that_is_gone_costs_lines_and_nothing_else(tmp_path):
    log = Log(tmp_path / "log", lambda: NOW)
    (tmp_path / "log").rmdir()
    log("caps_off")
    assert log.lost == 1
    (tmp_path / "log").mkdir()
    log("ready")
    log.close()
    assert [line["event"] for line in lines(tmp_path / "log")] == ["ready"]


def test_the_document_names_every_event_with_its_fields():
    """docs/events.md is what monitoring is written against: its table is EVENTS, word for word."""
    text = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    expected = [
        f"| `{word}` | {event.level} | {event.meaning} | {', '.join(f'`{field}`' for field in event.fields) or '-'} |"
        for word, event in EVENTS.items()
    ]
    assert rows == expected


BOT = Path(__file__).parents[2] / "bot"
TELLERS = [
    BOT / "desk.py",
    BOT / "app" / "daemon.py",
    BOT / "app" / "scheduler.py",
    BOT / "app" / "reload.py",
    *(BOT / "intake").glob("*.py"),
    *(BOT / "delivery").glob("*.py"),
]


def told(path: Path) -> list[tuple[str, set[str], str]]:
    """The calls of the log in a module: word, fields, place."""
    return [
        (call.args[0].value, {keyword.arg for keyword in call.keywords if keyword.arg}, f"{path}:{call.lineno}")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in ("log", "_log")
        if call.args and isinstance(call.args[0], ast.Constant)
    ]


def decided(path: Path) -> list[tuple[str, set[str], str]]:
    """The events of a module's decisions, pairs of a word and a dict: word, fields, place."""
    return [
        (pair.elts[0].value, {key.value for key in pair.elts[1].keys if isinstance(key, ast.Constant)}, f"{path}:{pair.lineno}")
        for pair in ast.walk(ast.parse(path.read_text()))
        if isinstance(pair, ast.Tuple)
        and len(pair.elts) == 2
        and isinstance(pair.elts[0], ast.Constant)
        and isinstance(pair.elts[1], ast.Dict)
    ]


def test_whatever_the_desk_logs_is_in_the_list():
    calls = [call for path in TELLERS for call in told(path)] + [pair for path in (BOT / "tickets").rglob("*.py") for pair in decided(path)]
    assert {"accepted", "refused", "error", "opened"} <= {word for word, _, _ in calls}
    for word, fields, where in calls:
        assert word in EVENTS, where
        assert fields <= {*EVENTS[word].fields, "letter", "ticket"}, where


async def test_a_running_desk_gathers_the_lines_of_a_moment(log, tmp_path, monkeypatch):
    monkeypatch.setattr("bot.app.log.TOGETHER", 0.01)
    log("opened", ticket=1)
    await asyncio.to_thread(log, "opened", ticket=2)
    log("opened", ticket=3)
    log("opened", ticket=4)
    await asyncio.sleep(0.1)
    log("opened", ticket=5)
    assert [line["ticket"] for line in lines(tmp_path)] == [1, 2, 3, 4]
    log.close()
    assert [line["ticket"] for line in lines(tmp_path)] == [1, 2, 3, 4, 5]
    assert len((tmp_path / "desk.log").read_text().splitlines()) == 5


def test_the_desk_goes_on_while_its_log_is_kept_still(log, tmp_path):
    """`forget` goes through a log of hundreds of megabytes: nobody may wait for that."""
    log("opened", ticket=1)

    def change(path: Path) -> None:
        other = threading.Thread(target=log, args=("opened",), kwargs={"ticket": 2}, daemon=True)
        other.start()
        other.join(20)
        assert len(path.read_text().splitlines()) == 1
        path.with_name("new").write_text(path.read_text().replace("1", "7"))
        path.with_name("new").replace(path)

    log.still(change)
    log("opened", ticket=3)
    assert [line["ticket"] for line in lines(tmp_path)][1:] == [2, 2, 3]
