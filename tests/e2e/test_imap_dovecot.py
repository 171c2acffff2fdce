"""The desk reads a mailbox of a real Dovecot: at once, through kills of both, past letters that cannot be read."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from daemon import Running, text_of
from peers import World, certificate, free_port, program, wait_for

pytestmark = pytest.mark.dovecot

CONF = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
{tls}
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
    port = {tls_port}
  }}
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    """A mail server with one mailbox, started with a configuration of its own."""

    def __init__(self, *, tls: bool = False) -> None:
        self.program = program("dovecot", root=True)
        self.folder, self.port, self.tls_port = Path(tempfile.mkdtemp(prefix="desk-dovecot-")), free_port(), free_port() if tls else 0
        self.folder.chmod(0o755)
        self.inbox = self.folder / "mail"
        for name in ("new", "cur", "tmp"):
            (self.inbox / name).mkdir(parents=True)
        for path in (self.inbox, *self.inbox.iterdir()):
            shutil.chown(path, "nobody", "nogroup")
        said = "ssl = no\ndisable_plaintext_auth = no"
        if tls:
            self.pem = certificate(self.folder)
            said = "ssl = required\nssl_cert = <{}\nssl_key = <{}".format(*self.pem)
        (self.folder / "conf").write_text(CONF.format(folder=self.folder, port=self.port, tls_port=self.tls_port, tls=said))
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
            with contextlib.suppress(ProcessLookupError):  # it has ended with its master
                os.kill(int(child), signal.SIGKILL)
        self.process.wait(20)
        (self.folder / "run" / "master.pid").unlink(missing_ok=True)

    def deliver(self, sender: str, text: str = "Не открывается раздел с фильмами, ошибка 403 на странице.", head: str = "") -> Path:
        """Puts a letter into the mailbox as the delivery agent does."""
        self.count += 1
        raw = f"Return-Path: <{sender}>\n{head}From: <{sender}>\nTo: <support@providence.film>\nSubject: Letter {self.count}\n"
        raw += f"Message-ID: <{self.count}@client.example>\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
        return self.put(raw.encode())

    def put(self, raw: bytes) -> Path:
        """Any letter, as it is."""
        name = f"{time.time_ns()}.host"
        path = self.inbox / "tmp" / name
        path.write_bytes(raw)
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
                 DESK_IMAP_PASSWORD_FILE=str(secret), DESK_READERS="1",
                 DESK_TRUSTED_RELAYS="imap=mx.providence.film") as running:  # fmt: skip
        yield running


def test_letters_are_answered_at_once_and_moved(dovecot, desk):
    assert "imap=127.0.0.1" in desk.ready
    wait_for(lambda: (dovecot.inbox / ".Desk.Too large").exists(), words=lambda: dovecot.log() + desk.log())
    dovecot.deliver("olga@example.org")
    desk.wait("olga@example.org", 1)  # by IDLE: the patience of this wait is shorter than the time between two looks
    wait_for(lambda: dovecot.letters(".Desk.Done") == 1, words=dovecot.log)
    assert dovecot.letters() == 0
    dovecot.deliver("mailer-daemon@example.org")
    dovecot.deliver("", "Автоматическое письмо.")
    wait_for(lambda: dovecot.letters(".Desk.Done") == 3, words=dovecot.log)
    assert desk.run("ledger").returncode == 0


@pytest.mark.slow
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
    told = "не читается: 127.0.0.1, INBOX, UID"
    wait_for(lambda: any(told in one["Subject"] for one in desk.letters("anna@providence.film")))
    dovecot.deliver("later@example.org")
    desk.wait("later@example.org", 1)
    assert desk.run("ledger").returncode == 0


def test_a_letter_that_is_too_large_is_told_to_its_sender_and_to_the_leads(dovecot, desk):
    """26 MB; the relay in front says whose it is."""
    files = ("x" * 76 + "\n") * 354_000
    passed = "Authentication-Results: mx.providence.film; dmarc=pass header.from=example.org\n"
    dovecot.deliver("nina@example.org", files, passed)
    dovecot.deliver("eva@example.org", files)
    [told] = desk.wait("nina@example.org", 1)
    assert told["Subject"] == "Ваше письмо слишком большое"
    assert "26 МБ" in text_of(told)
    wait_for(lambda: dovecot.letters(".Desk.Too large") == 2, words=dovecot.log)

    def alerts():
        return [one for one in desk.letters("anna@providence.film") if "слишком большое" in one["Subject"]]

    wait_for(lambda: len(alerts()) == 2, words=desk.log)
    assert {one["Subject"].split()[7] for one in alerts()} == {"nina@example.org,", "eva@example.org,"}
    assert all("Desk/Too large" in text_of(one) for one in alerts())
    assert desk.letters("eva@example.org") == []
    assert log(desk).count('"kind":"too_large"') == 2
    dovecot.deliver("late@example.org")
    desk.wait("late@example.org", 1)
    assert log(desk).count('"kind":"too_large"') == 2, "they are not fetched again"
    assert desk.run("ledger").returncode == 0


@pytest.fixture(scope="module")
def provider():
    """A mailbox at a provider, TLS alone, and its certificate for the way out."""
    server = Dovecot(tls=True)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


def submission(provider: Dovecot, kind: str) -> World:
    """The provider's way out: letters are taken over TLS after a login, and no other way."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*provider.pem)

    def known(_server, _session, _envelope, _mechanism, login):
        return AuthResult(success=(login.login, login.password) == (b"support@providence.film", b"geheim"), handled=False)

    must = {"authenticator": known, "auth_required": True}
    if kind == "smtps":  # the library speaks of TLS only where it began it itself
        return World(context, **must, auth_require_tls=False)
    return World(None, **must, require_starttls=True, tls_context=context)


def written(sender: str, text: str, answers: EmailMessage | None = None, to: str = "support@providence.film") -> bytes:
    """A letter as a mail program writes it and the provider delivers it."""
    made = EmailMessage()
    made["Return-Path"], made["From"], made["To"] = f"<{sender}>", sender, str(answers["Reply-To"]) if answers else to
    made["Subject"], made["Message-ID"] = f"Re: {answers['Subject']}" if answers else "Чёрный экран", f"<{time.time_ns()}@client.example>"
    if answers:
        made["In-Reply-To"] = answers["Message-ID"]
    made.set_content(text)
    return made.as_bytes()


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize(("fetch", "submit"), [("imaps", "smtps"), ("imap+starttls", "smtp+starttls")])
def test_a_whole_conversation_through_a_provider_that_wants_tls_and_a_login(provider, tmp_path, fetch, submit):
    (tmp_path / "password").write_text("geheim\n")
    with submission(provider, submit) as world:
        settings = {
            "DESK_IMAP": f"{fetch}://support%40providence.film@127.0.0.1:{provider.tls_port if fetch == 'imaps' else provider.port}",
            "DESK_RELAY": f"{submit}://support%40providence.film@127.0.0.1:{world.port}",
            "DESK_IMAP_PASSWORD_FILE": str(tmp_path / "password"), "DESK_RELAY_PASSWORD_FILE": str(tmp_path / "password"),
            "SSL_CERT_FILE": str(provider.pem[0]),
        }  # fmt: skip
        with Running(tmp_path / "data", **settings) as desk:

            def came(to: str, count: int) -> list[EmailMessage]:
                return wait_for(lambda: len(world.mail(to)) >= count and world.mail(to), words=lambda: provider.log() + desk.log())

            provider.put(written("olga@example.org", "Вместо фильма чёрный экран, Chrome 131, пробовала дважды."))
            [registered] = came("olga@example.org", 1)
            assert registered["Auto-Submitted"] == "auto-replied"
            [notice] = came("anna@providence.film", 1)
            provider.put(written("anna@providence.film", "#решено\nОльга, отключите расширение AdStop.", notice))
            closing = came("olga@example.org", 2)[1]
            assert "отключите расширение AdStop" in text_of(closing)
            provider.put(written("olga@example.org", "Не помогло: экран всё ещё чёрный.", closing))
            wait_for(lambda: '"event":"reopened"' in log(desk), words=desk.log)
            doctor = desk.run("doctor", "--no-letter").stdout.decode()
            assert "the relay 127.0.0.1 takes our letters" in doctor, doctor
            assert "lie in INBOX at 127.0.0.1" in doctor, doctor
            assert desk.run("ledger").returncode == 0


@pytest.mark.slow
def test_a_refused_login_tells_the_leads_once_and_heals_by_itself(provider, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("falsch")
    box = f"imaps://support%40providence.film@127.0.0.1:{provider.tls_port}"
    with Running(tmp_path / "data", DESK_IMAP=box, DESK_IMAP_PASSWORD_FILE=str(secret), SSL_CERT_FILE=str(provider.pem[0])) as desk:
        provider.deliver("vera@example.org")
        [told] = desk.wait("anna@providence.film", 1)
        assert "Почтовый ящик не открывается" in told["Subject"]
        assert "127.0.0.1" in text_of(told)
        assert "falsch" not in text_of(told) + desk.log()
        wait_for(lambda: log(desk).count('"kind":"login"') >= 2, words=desk.log)
        assert log(desk).count('"event":"alert"') == len(desk.letters("anna@providence.film")) == 1
        secret.write_text("geheim")
        desk.wait("vera@example.org", 1)


def log(desk: Running) -> str:
    path = desk.data / "log" / "desk.jsonl"
    return path.read_text("utf-8") if path.exists() else ""
