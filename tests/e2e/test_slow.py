"""Hostile letters over real SMTP: whoever writes meanwhile is answered meanwhile."""

from __future__ import annotations

import smtplib
from pathlib import Path

from daemon import PATIENCE, Running
from shapes import SHAPES, many_files

IVAN = "ivan@client.example"


def send(desk: Running, raw: bytes, sender: str) -> None:
    """One letter, as it is."""
    with smtplib.SMTP("127.0.0.1", desk.port, timeout=PATIENCE) as client:
        client.sendmail(sender, ["support@providence.film"], raw)


def waiting(desk: Running) -> int:
    """Letters that have not been handled."""
    return len(list((desk.data / "inbox" / "new").glob("*.eml")))


def test_nobody_waits_for_the_slow_letters_of_others(tmp_path: Path) -> None:
    shape, _ = SHAPES["copies of message-id:"]
    with Running(tmp_path / "data", DESK_READERS="2") as desk:
        for number in range(20):
            send(desk, shape(300_000).replace(b"<1@evil", b"<%d@evil" % number), "eve@evil.example")
        desk.send(IVAN, "Good day! The film does not open, the player says error 5.", subject="Film")
        desk.wait(IVAN, 1)
        assert waiting(desk) >= 10, "and the slow ones are still being read"
        desk.send(IVAN, "Good day! The sound is gone as well since this morning.", subject="Sound")
        desk.wait(IVAN, 2)
        assert waiting(desk) >= 5


def test_a_letter_of_many_files_in_an_agents_name_holds_nobody_up(tmp_path: Path) -> None:
    with Running(tmp_path / "data") as desk:
        for _ in range(6):
            send(desk, many_files("anna@providence.film"), "eve@evil.example")
        desk.send(IVAN, "Good day! The film does not open, the player says error 5.", subject="Film")
        desk.wait(IVAN, 1)
