"""The desk reads a mailbox of a real Dovecot: at once, through kills of both, past letters that cannot be read."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from daemon import Running
from peers import free_port, program, wait_for

pytestmark = pytest.mark.dovecot

CONF = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
ssl = no
disable_plaintext_auth = no
first_valid_uid = 100
mail_location = maildir:{folder}/mail
passdb {{
  driver = static
  args = password=geheim
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    """A mail server with one mailbox, started with a configuration of its own."""

    def __init__(self) -> None:
        self.program = program("dovecot", root=True)
        self.folder, self.port = Path(tempfile.mkdtemp(prefix="desk-dovecot-")), free_port()
        self.folder.chmod(0o755)
        self.inbox = self.folder / "mail"
        for name in ("new", "cur", "tmp"):
            (self.inbox / name).mkdir(parents=True)
        for path in (self.inbox, *self.inbox.iterdir()):
            shutil.chown(path, "nobody", "nogroup")
        (self.folder / "conf").write_text(CONF.format(folder=self.folder, port=self.port))
        self.count = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([self.program, "-F", "-c", str(self.folder / "conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: (self.folder / "run" / "master.pid").exists(), words=self.log)

    def stop(self, how: int = signal.SIGTERM) -> None:
        """Ends it with all its processes; SIGKILL as a power cut would."""
        assert self.process is not None
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False).stdout.split()
        self.process.send_signal(how)
        for child in children if how == signal.SIGKILL else ():
            os.kill(int(child), signal.SIGKILL)
        self.process.wait(20)
        (self.folder / "run" / "master.pid").unlink(missing_ok=True)

    def deliver(self, sender: str, text: str = "Не открывается раздел с фильмами, ошибка 403 на странице.", head: str = "") -> Path:
        """Puts a letter into the mailbox as the delivery agent does."""
        self.count += 1
        raw = f"Return-Path: <{sender}>\n{head}From: <{sender}>\nTo: <support@providence.film>\nSubject: Letter {self.count}\n"
        raw += f"Message-ID: <{self.count}@client.example>\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
        name = f"{time.time_ns()}.{self.count}.host"
        path = self.inbox / "tmp" / name
        path.write_text(raw, "utf-8")
        shutil.chown(path, "nobody", "nogroup")
        return path.rename(self.inbox / "new" / name)

    def letters(self, folder: str = "") -> int:
        """How many lie in a folder ("" is the INBOX)."""
        return sum(len(list((self.inbox / folder / name).glob("*"))) for name in ("new", "cur") if (self.inbox / folder / name).exists())

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text("utf-8", "replace")[-3000:] if path.exists() else ""


@pytest.fixture(scope="module")
def dovecot():
    server = Dovecot()
    server.start()
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def desk(dovecot, tmp_path_factory):
    folder = tmp_path_factory.mktemp("imap")
    secret = folder / "password"
    secret.write_text("geheim\n")
    with Running(folder / "data", DESK_IMAP=f"imap://support%40providence.film@127.0.0.1:{dovecot.port}",
                 DESK_IMAP_PASSWORD_FILE=str(secret), DESK_READERS="1") as running:  # fmt: skip
        yield running


def test_letters_are_answered_at_once_and_moved(dovecot, desk):
    assert "imap=127.0.0.1" in desk.ready
    wait_for(lambda: (dovecot.inbox / ".Desk.Refused").exists(), words=lambda: dovecot.log() + desk.log())
    dovecot.deliver("olga@example.org")
    desk.wait("olga@example.org", 1)  # by IDLE: the patience of this wait is shorter than the time between two looks
    wait_for(lambda: dovecot.letters(".Desk.Done") == 1, words=dovecot.log)
    assert dovecot.letters() == 0
    dovecot.deliver("mailer-daemon@example.org")
    dovecot.deliver("", "Автоматическое письмо.")
    wait_for(lambda: dovecot.letters(".Desk.Done") == 3, words=dovecot.log)
    assert desk.run("ledger").returncode == 0


def test_kills_of_both_lose_and_double_nothing(dovecot, desk):
    users = [f"u{number}@example.org" for number in range(40)]
    before, accepted = dovecot.letters(".Desk.Done"), log(desk).count('"event":"accepted"')
    for user in users[:20]:
        dovecot.deliver(user)
    wait_for(lambda: log(desk).count('"event":"accepted"') > accepted, words=dovecot.log)
    dovecot.stop(signal.SIGKILL)
    for user in users[20:30]:
        dovecot.deliver(user)
    dovecot.start()
    wait_for(lambda: log(desk).count('"event":"accepted"') > accepted + 20, words=lambda: dovecot.log() + desk.log())
    desk.stop(signal.SIGKILL)
    for user in users[30:]:
        dovecot.deliver(user)
    # The server forgets its UIDs while we are away: UIDVALIDITY changes.
    dovecot.stop()
    for path in dovecot.inbox.glob("dovecot*"):
        path.unlink() if path.is_file() else shutil.rmtree(path)
    dovecot.start()
    desk.start()
    wait_for(lambda: dovecot.letters(".Desk.Done") == before + 40, words=lambda: dovecot.log() + desk.log())
    for user in users:
        assert len(desk.wait(user, 1)) == 1
    assert desk.run("ledger").returncode == 0


def test_a_letter_that_cannot_be_read_blocks_nobody(dovecot, desk):
    poison = dovecot.deliver("poison@example.org")
    os.truncate(poison, 20)
    poison.rename(f"{poison},S=900000,W=900000")  # larger than it is, as after a crash of the server
    locked = dovecot.deliver("locked@example.org")
    shutil.chown(locked, "root", "root")
    locked.chmod(0)
    for number in range(5):
        dovecot.deliver(f"v{number}@example.org")
    for number in range(5):
        desk.wait(f"v{number}@example.org", 1)
    wait_for(lambda: "fails at this letter" in desk.log(), 30, words=desk.log)
    dovecot.deliver("later@example.org")
    desk.wait("later@example.org", 1)


def log(desk: Running) -> str:
    path = desk.data / "log" / "desk.jsonl"
    return path.read_text("utf-8") if path.exists() else ""
