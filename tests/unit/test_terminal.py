"""No control character of a stranger reaches the admin's terminal, whatever prints it, nor the logs."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shlex
import sys
import tty
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk import ROOT
from hypothesis import given
from hypothesis import strategies as st

from bot import cli
from bot.app.log import EVENTS, Log
from bot.disk import Disk
from bot.model import (
    Address,
    Attachment,
    Audience,
    Delivery,
    DeskRecord,
    Disposition,
    Entry,
    Envelope,
    Evidence,
    FileReference,
    Outgoing,
    Parked,
    Resolution,
    Seen,
    Status,
    Ticket,
)
from bot.printing import one_line, plain, to_json
from bot.store.files.writer import FolderDataWriter
from bot.tools import doctor
from bot.workers.process import warm

TITLE, LINK = "\x1b]0;owned\x07", "\x1b]8;;http://evil.example\x1b\\x\x1b]8;;\x1b\\"
COLOUR, TURN = "\x1b[8mhidden\x9b2J\x9d0;y\x9c", "\u202eturned\u2066\u200f\u061c\u2028l\u2029p"
MARKUP = "[/b] [link=http://evil.example]x[/link] :skull:"
HOSTILE = f" {TITLE}{LINK}{COLOUR}{TURN}\x00\x08\x0b\x0c\r\x85\x7f{MARKUP}"
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
OURS = re.compile(r"\x1b\[(?:[0-3]|[349][0-7]|10[0-7])(?:;(?:[12]|[349][0-7]))*m")  # no ESC[8m
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LETTER = "20261123T090000000000-abcdef"
WORD = f"=?utf-8?B?{b64encode(HOSTILE.encode()).decode()}?="
RAW = f"""From: {WORD} <ivan@example.org>
Subject: [PF-1] {WORD}
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Не открывается фильм {HOSTILE}
--b
Content-Type: application/x{TITLE}[link=http://evil.example]; name="{WORD}.exe"
Content-Disposition: attachment; filename="{WORD}.exe"

MZ
--b--
""".encode()


def poisoned(value: Any, keep: frozenset[str] = frozenset()) -> Any:
    """The same value with HOSTILE behind every text in it, but for the fields that are to be kept."""
    if type(value) is str:
        return value + HOSTILE
    if isinstance(value, tuple):
        return tuple(poisoned(one, keep) for one in value)
    if isinstance(value, dict):
        return {poisoned(key): poisoned(one, keep) for key, one in value.items()}
    if not isinstance(value, msgspec.Struct) or isinstance(value, Enum):
        return value
    fields = {name: getattr(value, name) for name in value.__struct_fields__}
    return type(value)(**{name: one if name in keep else poisoned(one, keep) for name, one in fields.items()})


def ticket(number: int) -> Ticket:
    """A ticket with something in every field that a command may print."""
    file = Attachment(name="a.exe", type="application/x", size=2, part=1, accepted=False, why="no picture")
    hit = Evidence(rule="profanity", clause="4.2", evidence="x", ground=None)
    kinds = ("letter", "answer", "note", "command", "event", "machine")
    said = tuple(
        Entry(
            at=NOW,
            kind=kind,
            public=True,
            who="ivan@example.org",
            name="Ivan",
            text="x",
            subject="s",
            about="opened",
            letter=LETTER,
            attachments=(file,),
            hits=(hit,),
        )
        for kind in kinds
    )
    sent = Outgoing(
        subject="s",
        body="b",
        language="ru",
        id=1,
        template="reply",
        audience=Audience.requester,
        to="ivan@example.org",
        message_id="1@x",
        created=NOW,
        due=NOW,
        headers=(("X-A", "b"),),
        state=Delivery.held,
        result="550 no",
        attachments=(FileReference(LETTER, 1, "a.png", "image/png", 1),),
    )
    seen = Seen(letter=LETTER, disposition=Disposition.opened, message_id="2@x", fingerprint="f", at=NOW)
    return Ticket(
        number=number,
        requester=Address(email="ivan@example.org", name="Ivan"),
        opened=NOW,
        changed=NOW,
        subject="s",
        status=Status.done,
        resolution=Resolution.solved,
        done_at=NOW,
        owner="anna@providence.film",
        department="development",
        topic="hours",
        labels=("wish",),
        participants=("olga@example.org",),
        kept={"a": "b"},
        entries=said,
        outgoing=(sent, msgspec.structs.replace(sent, id=2, state=Delivery.failed, result="551 gone")),
        seen=(seen,) if number == 1 else (),
    )


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of an older desk, in which every text that anybody ever sent is hostile."""
    data = tmp_path / "data"
    folder = FolderDataWriter(data, Disk())
    keep = frozenset(("letter", "kind", "about"))
    for number, kept in ((1, frozenset(("letter",))), (2, keep), (3, keep)):
        folder.ticket(poisoned(ticket(number), kept), filed=number == 3)
    about = {"suppression": "5.1.1 no", "override": "profanity\nx", "notice": "n"}
    for word, words in about.items():
        record = DeskRecord(
            at=NOW, about=word, who="ivan@example.org", words=words, outgoing=ticket(1).outgoing
        )
        folder.record("2026-11-23/1", poisoned(record, keep))
    aside = LETTER.replace("abcdef", "badbad")
    note = Parked(letter=aside, reason=f"ValueError: x{HOSTILE}\nforged  row", at=NOW, trace=HOSTILE)
    for letter, place, why in ((LETTER, "archived", None), (aside, "parked", note)):
        envelope = Envelope(
            letter=letter, received=NOW, mail_from="ivan@example.org", recipients=("a@b",), client="::7"
        )
        folder.letter(poisoned(envelope, keep), RAW, place, why)
    folder.close()
    (data / "secret").write_text("x" * 64)
    (data / "tickets" / "live" / "7.json").write_bytes(HOSTILE.encode())
    places = {"DATA": data, "RULES": ROOT / "rules.yaml", "TEMPLATES": ROOT / "templates"}
    for name, value in {**places, "SMTP": "off", "READERS": 1, "DNS": "off"}.items():
        monkeypatch.setenv(f"DESK_{name}", str(value))
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(tmp_path)
    return data


@pytest.fixture(params=["pipe", "window"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs a command as the shell does, into a pipe or a terminal: what it printed, less our own colours."""
    monkeypatch.setenv("TERM", "xterm-256color")
    warm()  # or the fork server would keep our stream open

    def ran(*arguments: str) -> str:
        ours, theirs = pty.openpty() if request.param == "window" else os.pipe()
        if request.param == "window":
            tty.setraw(theirs)
        stream = os.fdopen(theirs, "w", encoding="utf-8")
        with ThreadPoolExecutor(1) as reader, stream, monkeypatch.context() as shell:
            printed = reader.submit(everything, ours)
            shell.setattr(sys, "argv", ["run.py", *arguments])
            shell.setattr(sys, "stdout", stream)
            shell.setattr(sys, "stderr", stream)
            with contextlib.suppress(SystemExit):
                cli.main()
            for one in {sys.stdout, sys.stderr}:
                one.flush()
            stream.close()
        return OURS.sub("", printed.result().decode("utf-8", "surrogateescape"))

    return ran


def everything(handle: int) -> bytes:
    """What is read until the other end closes, which a terminal tells as EIO."""
    with os.fdopen(handle, "rb", buffering=0) as stream, contextlib.suppress(OSError):
        found = b""
        while piece := stream.read(65_536):
            found += piece
    return found


COMMANDS = {
    "list": (["list", "--all"], "done solved"),
    "show": (["show", "1"], "owned"),
    "show 2": (["show", "2"], "held"),
    "show filed": (["show", "3"], "owned"),
    "sla": (["show", "2", "--sla"], ""),
    "no ticket": (["show", f"PF-9{TITLE}"], "there is no ticket"),
    "parked": (["parked", "list"], "forged"),
    "held": (["held", "list"], "550 no"),
    "failed": (["failed", "list"], "551 gone"),
    "suppressed": (["suppressed", "list"], "5.1.1"),
    "overrides": (["overrides"], "profanity"),
    "explain": (["explain", "letter.eml"], "withheld"),
    "json": (["explain", "--json", "letter.eml"], "{"),
    "no file": (["explain", f"nowhere{HOSTILE.replace(chr(0), '')}"], "No such file"),
    "replay": (["replay", "--rules", "new.yaml"], "letters"),
    "report": (["report", "--from", "2026-11-01", "--to", "2026-11-30"], "2026"),
    "ledger": (["ledger"], "accepted"),
    "ledger json": (["ledger", "--json"], "{"),
    "health": (["health"], "{"),
    "check": (["check", "bad.yaml"], "owned"),
    "doctor": (["doctor", "--no-letter"], "spf1"),
    "retry": (["parked", "retry", f"x{TITLE}"], "no letter"),
    "usage": (["list", TITLE], "owned"),
    "export": (["export", "ivan@example.org"], "tickets"),
    "backup": (["backup", "out.tar.gz"], "tickets"),
    "repair": (["repair"], "set aside"),
    "forget": (["forget", "--dry-run", "ivan@example.org"], ""),
    "lift": (["suppressed", "lift", f"x{TITLE}@example.org"], ""),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_prints_a_strangers_control_characters(
    name: str, desk: Path, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("letter.eml").write_bytes(RAW)
    rules = (ROOT / "rules.yaml").read_text("utf-8")
    Path("new.yaml").write_text(rules.replace("- id: profanity", f'- id: "pro{"x"}fanity"', 1), "utf-8")
    Path("bad.yaml").write_text(rules + '"\\e]0;owned\\a\\x9b": 1\n', "utf-8")
    monkeypatch.setattr(doctor, "texts", lambda settings, name: [f"v=spf1 {HOSTILE} -all"])
    arguments, told = COMMANDS[name]
    printed = run(*arguments)
    assert told in printed
    assert not (found := FORBIDDEN.findall(printed)), (found, printed)
    assert "\nforged  row" not in printed
    assert "💀" not in printed


def test_a_strangers_line_is_no_line_of_a_list(desk: Path, run: Callable[..., str]) -> None:
    """Tabs and line breaks in subjects and reasons make neither a cell nor a row."""
    folder = FolderDataWriter(desk, Disk())
    folder.ticket(msgspec.structs.replace(ticket(4), subject="a\tb\n5\tcreated"), filed=False)
    folder.close()
    rows = run("list").splitlines()
    *found, left_out = [row.split()[0] for row in rows if row[:1].strip()]
    assert (found, left_out) == (["ticket", "1", "2", "4"], "left"), "3 is broken, and the end says so"
    assert len(run("parked", "list").splitlines()) == 1


def test_json_says_by_its_own_rules_what_was_there(desk: Path, run: Callable[..., str]) -> None:
    Path("letter.eml").write_bytes(RAW)
    [line] = run("explain", "--json", "letter.eml").splitlines()
    assert json.loads(line)["file"] == "letter.eml"
    assert json.loads(to_json({"a": HOSTILE})) == {"a": HOSTILE}
    assert not FORBIDDEN.search(to_json({HOSTILE: [HOSTILE]}))


@given(st.text())
def test_text_that_is_printed_is_only_text(text: str) -> None:
    for printed in (plain(text), one_line(text, text), to_json(text)):
        assert not FORBIDDEN.search(printed)
        assert plain(printed) == printed
    assert len(one_line(text).splitlines()) <= 1
    kept = FORBIDDEN.sub("", text)
    assert plain(kept) == kept


@given(st.text())
def test_whatever_a_log_is_told_stays_in_its_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """A value of any kind, in every field of every event; and the words of an exception."""
    folder = tmp_path_factory.mktemp("log")
    log = Log(folder, lambda: NOW, "debug")
    values = (text, [text, (text,)], Path(text.replace("\0", "")), ValueError(text), {text: text})
    for value in values:
        for word, event in EVENTS.items():
            log(word, letter=text, **dict.fromkeys(event.fields, value))
    log.close()
    for name in ("desk.log", "desk.jsonl"):
        whole = (folder / name).read_text("utf-8")
        assert not FORBIDDEN.search(whole.replace("\n", ""))
        assert len(whole.splitlines()) == len(values) * len(EVENTS)
    for line in (folder / "desk.jsonl").read_text("utf-8").splitlines():
        json.loads(line)


def test_a_value_forges_no_field_of_a_line_for_people(tmp_path: Path) -> None:
    log = Log(tmp_path, lambda: NOW)
    log(
        "refused",
        intake="smtp",
        client="192.0.2.7",
        code=550,
        words="x\tcode=250\u3000client=198.51.100.1 who='admin'",
    )
    log.close()
    line = (tmp_path / "desk.log").read_text("utf-8")
    assert shlex.split(line)[4:7] == ["intake=smtp", "client=192.0.2.7", "code=550"]
    assert len(shlex.split(line)) == 8, "what it says of itself is one quoted value"
