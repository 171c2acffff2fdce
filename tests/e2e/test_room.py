"""A disk that is nearly full: every listener says "not now", nothing is accepted, and nothing that was accepted is in the way."""

from __future__ import annotations

import json
import smtplib
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from daemon import Running

IVAN = "ivan@example.org"
PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play."


def test_below_the_floor_letters_are_refused_for_a_while(tmp_path: Path) -> None:
    with Running(tmp_path / "data", DESK_MIN_FREE="1000000", DESK_FORM="127.0.0.1:0") as desk:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:  # before the letter comes over
            desk.send(IVAN, PROBLEM, "Фильм")
        assert refused.value.smtp_code == 452
        piped = desk.run("deliver", stdin=f"From: {IVAN}\nSubject: Film\n\n{PROBLEM}".encode())
        assert (piped.returncode, b"DESK_MIN_FREE" in piped.stderr) == (75, True)
        place = desk.ready.partition("form=")[2].split()[0]
        fields = urllib.parse.urlencode({"name": "Ivan", "email": IVAN, "text": PROBLEM, "consent": "yes"}).encode()
        with pytest.raises(urllib.error.HTTPError) as form:
            urllib.request.urlopen(f"http://{place}/", fields, timeout=10)
        with form.value as answer:  # it holds the connection
            assert answer.code == 503
        told = [json.loads(line) for line in (desk.data / "log" / "desk.jsonl").read_text("utf-8").splitlines()]
        assert len([one for one in told if one["event"] == "refused" and "DESK_MIN_FREE" in one.get("words", "")]) == 1
    assert not list((desk.data / "inbox" / "new").iterdir())
    assert desk.run("ledger").returncode == 0
    with Running(tmp_path / "data", DESK_MIN_FREE="1") as desk:
        desk.send(IVAN, PROBLEM, "Фильм")
        desk.wait(IVAN, 1)
