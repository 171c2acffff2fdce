"""Faults around the desk: a full, read-only or forbidden disk, a relay in trouble, a file that cannot be read. The sender hears the truth."""

from __future__ import annotations

import contextlib
import json
import signal
import smtplib
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from daemon import Running
from peers import relay
from test_crash import Client

IVAN, ANNA = "ivan@example.org", "anna@providence.film"
PROBLEM = "После обновления не открывается фильм: чёрный экран после Play. Chrome 141, Windows 11. Что делать?"


@contextmanager
def small_disk(folder: Path, kilobytes: int):
    """A tmpfs of that size; needs root and the right to mount."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("a small file system can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def answers(desk: Running, size: int = 0) -> int:
    """The reply code to a letter."""
    letter = f"From: {IVAN}\r\nTo: support@providence.film\r\nSubject: test\r\nMessage-ID: <{time.time_ns()}@c>\r\n\r\n{PROBLEM}\r\n"
    try:
        with smtplib.SMTP("127.0.0.1", desk.port, timeout=20) as client:
            client.sendmail(IVAN, ["support@providence.film"], (letter + "x" * 70 + "\r\n" * (size // 2)).encode())
    except smtplib.SMTPResponseException as error:
        return error.smtp_code
    return 250


def ledger(desk: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(desk.run("ledger", "--json").stdout)
    return found


def wait_until(true: Any, what: str) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_on_a_full_disk_the_sender_is_told_to_come_again_and_all_goes_on_when_there_is_room(tmp_path):
    with small_disk(tmp_path / "small", 3000) as disk, Running(disk / "data", DESK_MIN_FREE="0") as desk:
        desk.send(IVAN, PROBLEM, "before")
        desk.wait(IVAN, 1)
        ballast = disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        assert answers(desk, size=100_000) == 452
        ballast.unlink()
        assert answers(desk) == 250
        desk.wait(IVAN, 2)
        found = ledger(desk)
        assert (found["adds_up"], found["accepted"]) == (True, 2)


def test_a_disk_that_fills_up_between_250_and_the_ticket_loses_nothing(tmp_path):
    with small_disk(tmp_path / "small", 1500) as disk:
        codes: Counter[int] = Counter()
        with Running(disk / "data", DESK_CAPS="off", DESK_MIN_FREE="0") as desk:
            for _ in range(60):
                codes[answers(desk, size=20_000)] += 1
        assert set(codes) == {250, 452}
        subprocess.run(["mount", "-o", "remount,size=60000k", str(disk)], check=True)
        with Running(disk / "data", DESK_CAPS="off", DESK_MIN_FREE="0") as desk:
            wait_until(lambda: not list((desk.data / "inbox" / "new").iterdir()), "the inbox does not become empty")
            desk.wait(IVAN, codes[250])
            found = ledger(desk)
        assert (found["adds_up"], found["places"].get("opened")) == (True, codes[250]), found
        assert Counter(str(letter["Subject"]) for letter in desk.letters(IVAN)).most_common(1)[0][1] == 1, "two acknowledgements for one"


def test_on_a_read_only_disk_the_sender_is_told_to_come_again(tmp_path):
    with small_disk(tmp_path / "small", 30_000) as disk, Running(disk / "data", DESK_MIN_FREE="0") as desk:
        desk.send(IVAN, PROBLEM, "before")
        desk.wait(ANNA, 1)
        mounted = subprocess.run(["mount", "--bind", str(disk / "data" / "inbox"), str(disk / "data" / "inbox")], check=False).returncode == 0
        assert mounted
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", str(disk / "data" / "inbox")], check=True)
            assert answers(desk) in (451, 452)
        finally:
            subprocess.run(["umount", str(disk / "data" / "inbox")], check=True)
        assert answers(desk) == 250


def tried(desk: Running, number: int, to: str) -> int:
    return int(outgoing(desk, number, to).get("attempts", 0)) if (desk.data / "tickets" / "live" / f"{number}.json").exists() else 0


def outgoing(desk: Running, number: int, to: str) -> dict[str, Any]:
    ticket = json.loads((desk.data / "tickets" / "live" / f"{number}.json").read_bytes())["ticket"][str(number)]
    found: dict[str, Any] = next(one for one in ticket["outgoing"] if one["to"] == to)
    return found


def test_a_relay_in_trouble_costs_time_and_no_letter(tmp_path):
    with relay() as (moody, port), Running(tmp_path / "data", DESK_RELAY=f"smtp://127.0.0.1:{port}") as desk:
        for number, mood in enumerate(("refuse", "drop"), 1):
            moody.mood = mood
            desk.send(f"{mood}@example.org", PROBLEM, mood)
            wait_until(lambda number=number, mood=mood: tried(desk, number, f"{mood}@example.org") == 1, "no retry")
        assert moody.got == []
        moody.mood = "slow"
        desk.send("slow@example.org", PROBLEM, "slow")
        moody_at = time.monotonic()
        wait_until(lambda: moody.to("slow@example.org"), "a slow relay takes nothing")
        assert time.monotonic() - moody_at < 15
        moody.mood = "some"
        desk.send(IVAN, PROBLEM, "some")
        wait_until(lambda: "failed" in desk.log(), "a refused recipient is not given up")
        wait_until(lambda: any("PF-4" in content.decode("utf-8", "replace") for content in moody.to(ANNA)), "the others get theirs")
        assert outgoing(desk, 4, IVAN)["state"] == "failed"


def test_a_relay_gets_a_letter_again_with_the_same_message_id_when_the_desk_dies_in_between(tmp_path):
    with relay() as (moody, port):
        desk = Running(tmp_path / "data", DESK_RELAY=f"smtp://127.0.0.1:{port}").start()
        moody.mood = "slow"
        desk.send(IVAN, PROBLEM, "first")
        wait_until(lambda: (desk.data / "tickets" / "live" / "1.json").exists(), "no ticket")
        time.sleep(0.5)
        desk.stop(signal.SIGKILL)
        moody.mood = "good"
        with desk:
            wait_until(lambda: moody.to(IVAN) and outgoing(desk, 1, IVAN).get("state") == "sent", "never delivered")
            ids = {line for content in moody.to(IVAN) for line in content.splitlines() if line.startswith(b"Message-ID")}
            assert len(ids) == 1
            assert ledger(desk)["places"]["opened"] == 1


@pytest.mark.slow
def test_a_desk_that_is_ended_while_letters_leave_sends_none_twice(tmp_path):
    with relay() as (moody, port):
        moody.mood = "lazy"
        desk, accepted = Running(tmp_path / "data", DESK_RELAY=f"smtp://127.0.0.1:{port}", DESK_CAPS="off"), 0
        for end in range(2):
            desk.start()
            clients = [Client(desk, f"e{end}c{number}") for number in range(2)]
            for client in clients:
                client.start()
            time.sleep(1)
            for client in clients:
                client.over.set()
                client.join()
                accepted += len(client.accepted)
            assert desk.stop() == 0, "it has letters in hand, and ends"
        moody.mood = "good"
        with desk:
            wait_until(lambda: len({to for to, _ in moody.got if to.startswith("e")}) == accepted, "not all are answered")
        ids = Counter(line for _, content in moody.got for line in content.splitlines() if line.startswith(b"Message-ID"))
        assert len(ids) >= accepted > 3
        assert set(ids.values()) == {1}


def test_only_a_broken_ticket_suffers_and_repair_brings_its_letter_back(tmp_path):
    desk = Running(tmp_path / "data", DESK_CAPS="off")
    with desk:
        for number in range(1, 4):
            desk.send(f"user{number}@example.org", PROBLEM, "x")
            desk.wait(f"user{number}@example.org", 1)
    broken = desk.data / "tickets" / "live" / "2.json"
    broken.write_bytes(broken.read_bytes()[:300])
    with desk:
        wait_until(lambda: "2.json" in desk.log(), "the broken file is not named")
        desk.send("user4@example.org", PROBLEM, "x")
        desk.wait("user4@example.org", 1)
        assert desk.run("ledger").returncode == 1
        assert desk.run("repair").returncode == 75, "a running desk is not repaired"
    told = desk.run("repair")
    assert told.returncode == 1
    assert "2.json" in told.stdout.decode()
    assert desk.run("repair").returncode == 0
    with desk:
        desk.wait("user2@example.org", 2)
        assert {path.name for path in (desk.data / "tickets" / "live").glob("[0-9]*.json")} == {"1.json", "3.json", "4.json", "5.json"}
        found = ledger(desk)
        assert (found["adds_up"], found["places"]["opened"]) == (True, 4)


def test_health_is_one_line_with_what_needs_a_look(tmp_path):
    desk = Running(tmp_path / "data")
    with desk:
        desk.send(IVAN, PROBLEM, "x")
        desk.wait(ANNA, 1)
        good = desk.run("health")
        found = json.loads(good.stdout)
        assert (good.returncode, found["healthy"], found["why"], found["running"], found["unsent"]) == (0, True, [], True, 0), found
        assert found["heartbeat_seconds"] < 60
    (desk.data / "parked" / "20200101T000000000000-aaaaaa.eml").write_bytes(b"X-Desk-Envelope: {}\n")
    (desk.data / "inbox" / "new" / "20200101T000000000000-bbbbbb.eml").write_bytes(b"X-Desk-Envelope: {}\n")
    bad = desk.run("health")
    assert bad.returncode == 1
    assert set(json.loads(bad.stdout)["why"]) == {"running", "parked", "oldest_unread_seconds"}


