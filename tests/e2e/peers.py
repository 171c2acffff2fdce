"""Real peers for tests: Postfix on ports of its own, a mail server for the rest of the world, and configurations out of the documentation."""

from __future__ import annotations

import asyncio
import email
import email.policy
import os
import random
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

ROOT = Path(__file__).parent.parent.parent


def block(name: str, page: str = "operations.md") -> str:
    """The fenced block of that name in the documentation; fails where there is none."""
    found = re.search(rf"(?ms)^```{re.escape(name)}\n(.*?)^```$", (ROOT / "docs" / page).read_text("utf-8"))
    assert found, f"docs/{page} has no block {name}"
    return found[1]


def program(name: str, *, root: bool = False) -> str:
    """Where a program is; skips the test without it, and without root where it needs that."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if not path or (root and os.geteuid() != 0):
        pytest.skip(f"{name} is not installed" if not path else f"{name} has to be started by root")
    return path


def free_port() -> int:
    """A port that nobody has, and that the system gives to nobody who asks for any: those lie above."""
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def wait_for(what, patience: float = 20.0, words=lambda: ""):
    """Asks until the answer is true; the answer."""
    end = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < end, f"waited in vain\n{words()}"
        time.sleep(0.03)
    return found


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key, made in that folder."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem", folder / "key.pem"


class World:
    """The mail server of everybody else: keeps what it is sent."""

    def __init__(self, tls: ssl.SSLContext | None = None, **settings: Any) -> None:
        """`tls` for TLS from the first byte; `settings` as aiosmtpd's SMTP has them."""
        self.tls, self.settings = tls, {"enable_SMTPUTF8": True, **settings}
        self.port = free_port()
        self.taken: list[tuple[str, list[str], EmailMessage]] = []
        self._loop = asyncio.new_event_loop()

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        letter = email.message_from_bytes(envelope.content, _class=EmailMessage, policy=email.policy.default)
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, letter))
        return "250 2.0.0 OK"

    def __enter__(self) -> World:
        def run() -> None:
            asyncio.set_event_loop(self._loop)
            made = lambda: SMTP(self, hostname="world.example", loop=self._loop, **self.settings)  # noqa: E731
            self._server = self._loop.run_until_complete(self._loop.create_server(made, "127.0.0.1", self.port, ssl=self.tls))
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        def end() -> None:
            self._server.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_later(0.1, self._loop.stop)

        self._loop.call_soon_threadsafe(end)
        self._thread.join(5)
        self._loop.close()

    def mail(self, to: str) -> list[EmailMessage]:
        """What an address was sent."""
        return [letter for _, recipients, letter in self.taken if to in recipients]


MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Postfix with a configuration of its own, on loopback, everything not for the desk relayed to `world`."""

    def __init__(self, world: World, main: str, master: str = "", files: dict[str, str] | None = None) -> None:
        """`main`, `master` and `files` are taken as the documentation has them; /etc/postfix in them becomes our folder."""
        self.program = program("postfix", root=True)
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="desk-postfix-"))
        self.folder.chmod(0o755)
        self.etc = self.folder / "etc"
        for name in ("etc", "queue", "lib"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "lib", "postfix")
        own = f"""
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/lib
maillog_file = {self.folder}/log
maillog_file_prefixes = /tmp
myhostname = mx.providence.film
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:{world.port}
smtputf8_enable = yes
alias_maps =
local_recipient_maps =
minimal_backoff_time = 1s
queue_run_delay = 1s
"""
        (self.etc / "main.cf").write_text(own + main.replace("/etc/postfix", str(self.etc)), "utf-8")
        (self.etc / "master.cf").write_text(MASTER.format(port=self.port) + master, "utf-8")
        for name, text in (files or {}).items():
            (self.etc / name).write_text(text, "utf-8")

    def __enter__(self) -> Postfix:
        subprocess.run([self.program, "-c", str(self.etc), "start"], check=True, capture_output=True, timeout=30)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run([self.program, "-c", str(self.etc), "stop"], check=False, capture_output=True, timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """What Postfix says of itself."""
        path = self.folder / "log"
        return path.read_text("utf-8", "replace")[-4000:] if path.exists() else ""


class Moody:
    """A relay with moods: refuse, drop, slow, lazy, some, good."""

    def __init__(self) -> None:
        self.mood = "good"
        self.got: list[tuple[str, bytes]] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        if self.mood == "refuse":
            return "451 4.7.1 later"
        if self.mood == "some" and address == "ivan@example.org":
            return "550 5.1.1 nobody"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.mood in ("slow", "lazy"):
            await asyncio.sleep(2 if self.mood == "slow" else 0.05)
        if self.mood == "drop":
            server.transport.abort()
        else:
            self.got += [(to, envelope.content) for to in envelope.rcpt_tos]
        return "250 ok"

    def to(self, who: str) -> list[bytes]:
        return [content for to, content in self.got if to == who]


@contextmanager
def relay() -> Iterator[tuple[Moody, int]]:
    """One that runs, and its port."""
    moody, port = Moody(), free_port()
    controller = Controller(moody, "127.0.0.1", port)
    controller.start()
    try:
        yield moody, port
    finally:
        controller.stop()
