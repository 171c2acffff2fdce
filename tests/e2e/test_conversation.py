"""A conversation with the real daemon over real SMTP, its letters parsed with the standard library; and the life of the daemon itself."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from daemon import Running, text_of
from peers import free_port

IVAN, ANNA, BORIS = "ivan@example.org", "anna@providence.film", "boris@providence.film"
PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play."


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Running:
    """One whole conversation: open, follow up by tag, take, clarify, answer, resolve."""
    desk = Running(tmp_path_factory.mktemp("talk") / "data")
    with desk:
        desk.send(IVAN, PROBLEM, "Не открывается фильм", message_id="<first@client.example>")
        notice = desk.wait(ANNA, 1)[0]
        desk.send(IVAN, "Забыл сказать: в других браузерах так же.", "[pf-1] Не открывается фильм")
        desk.wait(ANNA, 2)
        desk.send(ANNA, "#take", answers=notice)
        desk.wait(ANNA, 3)
        desk.send(ANNA, "#clarify\nИван, какой у Вас тариф?", answers=notice)
        question = desk.wait(IVAN, 2)[1]
        desk.send(IVAN, "Базовый.\n\n> Иван, какой у Вас тариф?", answers=question)
        desk.wait(ANNA, 5)
        desk.send(ANNA, "#resolve\nГотово, фильм открывается.", answers=notice)
        desk.wait(IVAN, 3)
        desk.wait(ANNA, 6)
    return desk


def test_letters_that_everybody_got(talk: Running) -> None:
    """No letter too many, none too few: the follow-up by tag is not acknowledged again, Boris hears nothing after the ticket is taken."""
    assert [letter["Subject"].split("] ")[1] for letter in talk.letters(IVAN)] == [
        "Обращение зарегистрировано",
        "Re: Не открывается фильм",
        "Re: Не открывается фильм",
    ]
    assert len(talk.letters(ANNA)) == 6
    assert len(talk.letters(BORIS)) == 2


def test_marks_of_an_answer(talk: Running) -> None:
    """Section 7: an automatic answer says what it is; In-Reply-To, References and a signed Message-ID thread it."""
    first = talk.letters(IVAN)[0]
    assert first["Auto-Submitted"] == "auto-replied"
    assert first["X-Auto-Response-Suppress"] == "DR, RN, NRN, OOF, AutoReply"
    assert first["Precedence"] == "bulk"
    assert first["In-Reply-To"] == "<first@client.example>"
    assert "<first@client.example>" in first["References"]
    assert first["Message-ID"].startswith("<pf.1-r")
    assert first["Return-Path"].startswith("<support+1-b")
    assert first["Reply-To"].startswith("support+1-r-")
    assert {part.get_content_type() for part in first.walk()} == {"multipart/alternative", "text/plain", "text/html"}


def test_letters_an_agent_wrote_carry_no_automatic_marks(talk: Running) -> None:
    """They are a person's, and thread with what Ivan wrote."""
    for letter in talk.letters(IVAN)[1:]:
        assert letter["Auto-Submitted"] is None
        assert letter["Precedence"] is None
        assert letter["X-Auto-Response-Suppress"] is None
        assert "<first@client.example>" in letter["References"]
        assert "support+1-a" not in letter.as_string()


def test_receipt_shows_the_very_text(talk: Running) -> None:
    """What the receipt showed, line for line, is what left."""
    closing, receipt = talk.letters(IVAN)[2], talk.letters(ANNA)[5]
    shown = [line.removeprefix(">").removeprefix(" ") for line in text_of(receipt).splitlines() if line.startswith(">")]
    sent = text_of(closing).strip().splitlines()
    assert "\n".join(sent) in "\n".join(shown)


def test_one_thread_in_a_mail_program(talk: Running, tmp_path: Path) -> None:
    """Every letter of ours to Ivan refers to his first; every notice to Anna to the first notice."""
    first = talk.letters(ANNA)[0]["Message-ID"]
    assert all(first in (letter["References"] or "") for letter in talk.letters(ANNA)[1:])
    mutt = shutil.which("mutt")
    if mutt is None:
        pytest.skip("mutt is not installed")
    box = tmp_path / "box"
    with box.open("wb") as out:
        for letter in [first_letter(), *talk.letters(IVAN)]:
            out.write(b"From x Mon Nov 23 12:00:00 2026\n" + letter.as_bytes().replace(b"\nFrom ", b"\n>From ") + b"\n")
    (tmp_path / "Mail").mkdir()
    rc = tmp_path / "muttrc"
    rc.write_text("set sort=threads strict_threads=yes ascii_chars=yes index_format='<%s>' header_cache='' read_inc=0 quit=yes wait_key=no\n")
    tree = screen([mutt, "-R", "-n", "-F", str(rc), "-f", str(box)], tmp_path, "(all)")
    assert tree.count("->") == len(talk.letters(IVAN)), tree


def screen(command: list[str], home: Path, last: str) -> str:
    """What a terminal program shows at first, to the words that come `last`."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
    program = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm", "HOME": str(home)})
    os.close(slave)
    shown, end = b"", time.monotonic() + 20
    while last.encode() not in shown and time.monotonic() < end:
        shown += os.read(master, 65536) if select.select([master], [], [], 1.0)[0] else b""
    program.kill()
    program.wait(10)
    os.close(master)
    return shown.decode("utf-8", "replace")


def first_letter() -> EmailMessage:
    """What Ivan's own mail program keeps."""
    letter = EmailMessage()
    letter["From"], letter["Message-ID"], letter["Subject"] = IVAN, "<first@client.example>", "Не открывается фильм"
    letter.set_content(PROBLEM)
    return letter


def test_ledger_list_show(talk: Running) -> None:
    """The admin's commands on the same folder."""
    assert talk.run("ledger").returncode == 0
    assert b"1 opened + 2 appended + 3 command" in talk.run("ledger").stdout
    assert IVAN.split("@")[0].encode() in talk.run("list").stdout
    shown = talk.run("show", "PF-1").stdout.decode()
    assert "Готово, фильм открывается." in shown
    assert [talk.run("show", none).returncode for none in ("77", "99999999999999999999", "²")] == [1, 1, 1]
    assert talk.run("parked", "list").returncode == 0


def test_log_has_documented_events_only(talk: Running) -> None:
    """Each line is one JSON object with a known event, and no letter's text."""
    from bot.app.log import EVENTS

    lines = [json.loads(line) for line in (talk.data / "log" / "desk.jsonl").read_text("utf-8").splitlines()]
    assert {line["event"] for line in lines} <= set(EVENTS)
    assert {"ready", "accepted", "opened", "command", "sent", "stopped"} <= {line["event"] for line in lines}
    assert "Сталкер" not in json.dumps(lines, ensure_ascii=False)


def test_a_second_daemon_is_kept_out(tmp_path: Path) -> None:
    """One desk, one data folder; the message names the folder and the process."""
    with Running(tmp_path / "data") as desk:
        second = desk.run()
        assert second.returncode == 2
        assert b"in use by another desk" in second.stderr
        assert desk.process is not None
        assert desk.stop(signal.SIGINT) == 0


def test_deliver_hands_a_letter_to_the_running_daemon(tmp_path: Path) -> None:
    """A pipe: stored, answered; without a disk to store it on, 75."""
    with Running(tmp_path / "data") as desk:
        letter = f"From: {IVAN}\nSubject: Pipe\nMessage-ID: <pipe@client.example>\n\nThe film does not open in Chrome 131, black screen.\n"
        assert desk.run("deliver", "--sender", IVAN, stdin=letter.encode()).returncode == 0
        assert "PF-1" in desk.wait(IVAN, 1)[0]["Subject"]
        large = letter.replace("pipe@", "large@").encode() + (b"x" * 76 + b"\n") * 350_000
        assert desk.run("deliver", "--sender", IVAN, stdin=large).returncode == 65
        alerts = [one for one in desk.wait("anna@providence.film", 2) if IVAN in one["Subject"]]
        assert "вернул его отправителю" in text_of(alerts[0])
        assert len(desk.letters(IVAN)) == 1
        assert desk.run("ledger").returncode == 0
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    desk.env["DESK_DATA"] = str(blocked)
    assert desk.run("deliver", stdin=letter.encode()).returncode == 75


def test_wrong_settings_are_named(tmp_path: Path) -> None:
    """Each wrong variable with its value and what is allowed, all at once; exit 2."""
    desk = Running(tmp_path / "data", DESK_SMTP="here", DESK_UNDO="-1", DESK_SMPT="x")
    answer = desk.run()
    assert answer.returncode == 2
    for word in (b"DESK_SMTP=here", b"DESK_UNDO=-1", b"DESK_SMPT", b"DESK_SMTP?"):
        assert word in answer.stderr


@pytest.mark.parametrize("broken", ["desk: [", "- a\n- b\n", "", "\t: x"])
def test_rules_that_are_not_yaml(tmp_path: Path, broken: str) -> None:
    """The daemon does not start, and says where the mistake is."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(broken)
    answer = Running(tmp_path / "data", DESK_RULES=str(rules)).run()
    assert answer.returncode == 1
    assert b"rules.yaml:" in answer.stderr


def test_a_missing_template(tmp_path: Path) -> None:
    """Named with its file; the desk does not start without it."""
    templates = tmp_path / "templates"
    shutil.copytree(Path(__file__).parent.parent.parent / "templates", templates)
    (templates / "ru" / "receipt.txt").unlink()
    answer = Running(tmp_path / "data", DESK_TEMPLATES=str(templates)).run()
    assert answer.returncode == 1
    assert b"receipt" in answer.stderr


def test_through_a_real_relay(tmp_path: Path) -> None:
    """With DESK_RELAY letters leave by SMTP; smtp-sink takes them."""
    sink = shutil.which("smtp-sink", path=os.environ["PATH"] + ":/usr/sbin")
    if sink is None:
        pytest.skip("smtp-sink (postfix) is not installed")
    port = free_port()
    dump = Path(tempfile.mkdtemp())  # where nobody can write: root's smtp-sink gives its rights up
    dump.chmod(0o777)
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    peer = subprocess.Popen([sink, *user, "-d", f"{dump}/%M.", f"127.0.0.1:{port}", "100"])
    try:
        time.sleep(0.3)
        with Running(tmp_path / "data", DESK_RELAY=f"smtp://127.0.0.1:{port}") as desk:
            desk.send(IVAN, PROBLEM, "Не открывается фильм")
            end = time.monotonic() + 15
            while len(list(dump.iterdir())) < 3 and time.monotonic() < end:
                time.sleep(0.05)
        letters = [path.read_bytes() for path in dump.iterdir()]
        assert len(letters) == 3
        assert sum(b"support+1-r-" in letter for letter in letters) == 1
    finally:
        peer.terminate()
        peer.wait(10)
        shutil.rmtree(dump)
