"""The desk behind a real Exim, with the very lines of docs/operations.md: a pipe in, SMTP out."""

from __future__ import annotations

import os
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from daemon import Running, text_of
from peers import World, block, free_port, program, wait_for

ROOT = Path(__file__).parent.parent.parent
DESK = "support@providence.film"

CONF = """
exim_path = {program}
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
pid_file_path = {folder}/pid
notifier_socket =
primary_hostname = mx.providence.film
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts =
keep_environment =
hosts_treat_as_local =
acl_smtp_rcpt = taken
begin acl
taken:
  accept
begin routers
{router}
world:
  driver = manualroute
  route_list = * 127.0.0.1::{world} byname
  self = send
  transport = out
begin transports
{transport}
out:
  driver = smtp
  hosts_try_fastopen =
begin retry
* * F,1h,1s
"""


class Exim:
    """Exim with a configuration of its own. Its users live in a namespace alone, so that the machine needs none of them."""

    def __init__(self, world: World, data: Path) -> None:
        self.program = program("exim4", root=True)
        self.folder, self.port = Path(tempfile.mkdtemp(prefix="desk-exim-")), free_port()
        self.code = self.folder / "code"  # while it is there, it is what the pipe answers
        pipe = self.folder / "deliver"
        lines = ("#!/bin/sh", f"[ -s {self.code} ] && exit $(cat {self.code})", f"export DESK_DATA={data} PYTHON={sys.executable}")
        pipe.write_text("\n".join((*lines, f"exec {ROOT}/ops/deliver\n")))
        pipe.chmod(0o755)
        (self.folder / "spool").mkdir()
        parts = {"router": block("exim-router"), "transport": block("exim").replace("/opt/desk/deliver", str(pipe))}
        (self.folder / "conf").write_text(CONF.format(program=self.program, folder=self.folder, port=self.port, world=world.port, **parts))
        for name, line in (("passwd", "{}:x:4242:4242::/:/bin/sh\n"), ("group", "{}:x:4242:\n")):
            (self.folder / name).write_text(Path("/etc", name).read_text() + "".join(line.format(user) for user in ("Debian-exim", "desk")))

    def __enter__(self) -> Exim:
        own = f"mount --bind {self.folder}/passwd /etc/passwd && mount --bind {self.folder}/group /etc/group && "
        own += f"exec unshare --user --map-user=4242 --map-group=4242 {self.program} -C {self.folder}/conf -bdf -q1s"
        self.process = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", own], stderr=subprocess.DEVNULL, start_new_session=True
        )
        wait_for(lambda: "listening" in self.log(), words=self.log)
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """What Exim says of itself."""
        path = self.folder / "mainlog"
        return path.read_text("utf-8", "replace")[-4000:] if path.exists() else ""

    def send(self, sender: str, text: str, answers: EmailMessage | None = None) -> None:
        letter = EmailMessage()
        letter["From"], letter["To"] = sender, str(answers["Reply-To"]) if answers else DESK
        letter["Subject"], letter["Message-ID"] = f"Re: {answers['Subject']}" if answers else "Субтитры", f"<{time.time_ns()}@client.example>"
        letter.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
            client.send_message(letter, sender, [str(letter["To"])])


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    data = tmp_path_factory.mktemp("exim") / "data"
    program("exim4", root=True)  # without it the tests are skipped before anything is started
    with World() as world, Exim(world, data) as exim, Running(data, DESK_RELAY=f"smtp://127.0.0.1:{exim.port}") as desk:
        yield world, exim, desk


def test_a_conversation_through_exim(context):
    world, exim, desk = context

    def came(to: str) -> list[EmailMessage]:
        return wait_for(lambda: world.mail(to), words=lambda: exim.log() + desk.log())

    exim.send("olga@example.org", "Субтитры отстают от звука на пять секунд, Chrome 131, Windows 11.")
    [registered], [notice] = came("olga@example.org"), came("anna@providence.film")
    exim.send("anna@providence.film", "#решено\nОльга, обновите страницу: субтитры исправлены.", notice)
    wait_for(lambda: len(world.mail("olga@example.org")) == 2, words=lambda: exim.log() + desk.log())
    assert "субтитры исправлены" in text_of(world.mail("olga@example.org")[1])
    archived = "".join(path.read_bytes().split(b"\n")[0].decode() for path in (desk.data / "archive").glob("20*/*.eml"))
    assert '"mail_from":"olga@example.org"' in archived
    assert f'"recipients":["{notice["Reply-To"]}"]' in archived.replace(" ", "")
    assert registered["Auto-Submitted"] == "auto-replied"


def test_what_the_desk_cannot_take_waits_and_what_it_never_will_goes_back(context):
    world, exim, desk = context
    for code in ("75", "64", "70"):
        exim.code.write_text(code)
        exim.send(f"u{code}@example.org", "Не открывается каталог, ошибка 500 на странице.")
        wait_for(lambda code=code: f"== {DESK}" in exim.log() and f"returned {code}" in exim.log(), words=exim.log)
    exim.code.write_text("65")
    exim.send("large@example.org", "Слишком большое письмо.")
    [back] = wait_for(lambda: world.mail("large@example.org"), words=exim.log)
    assert "failed" in str(back["Subject"]).lower()
    exim.code.unlink()
    for code in ("75", "64", "70"):
        wait_for(lambda code=code: world.mail(f"u{code}@example.org"), 30, words=lambda: exim.log() + desk.log())
    assert desk.run("ledger").returncode == 0
