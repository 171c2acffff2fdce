"""A real daemon in a process of its own, for tests: started on free ports, spoken to over real SMTP, its outbox read as files."""

from __future__ import annotations

import email
import email.policy
import os
import re
import signal
import smtplib
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 20.0


class Running:
    """`with Running(tmp_path) as desk:` starts it; `kill` and `start` again on the same folder are allowed."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data, self.outbox = data, data / "outbox"
        rules = data.parent / f"{data.name}-rules.yaml"
        if not rules.exists():  # a desk that never sleeps: tests run at night as well
            text = (ROOT / "rules.yaml").read_text("utf-8")
            rules.write_text(re.sub(r"(?ms)^calendar:\n.*?(?=^[a-z#])", "calendar:\n  hours: 00:00-24:00\n\n", text, count=1), "utf-8")
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DESK_")}
        self.env = {
            **clean,
            "DESK_DATA": str(data),
            "DESK_SMTP": "127.0.0.1:0",
            "DESK_RULES": str(rules),
            "DESK_UNDO": "0",
            "DESK_READERS": "1",
            **settings,
        }
        self.command = [sys.executable, "run.py"]  # a test may start it under another program
        self.process: subprocess.Popen[str] | None = None
        self.port = 0
        self.ready = ""  # the ready line: every open listener with its place

    def start(self) -> Running:
        """Starts the daemon; returns when it takes letters."""
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout is not None
        self.ready = line = self.process.stdout.readline()
        found = re.search(r"ready smtp=\S*:(\d+)", line)
        if not found:
            with self.process as ended:
                rest = ended.stdout.read() if ended.stdout else ""
            raise AssertionError(f"the daemon did not start: {line}{rest}")
        self.port = int(found[1])
        return self

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Ends it; the exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def __enter__(self) -> Running:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def send(self, sender: str, text: str, subject: str = "", answers: EmailMessage | None = None, message_id: str = "") -> None:
        """One letter over SMTP, a new connection."""
        letter = EmailMessage()
        letter["From"], letter["Subject"] = sender, f"Re: {answers['Subject']}" if answers is not None else subject
        letter["To"] = answers["Reply-To"] if answers is not None else "support@providence.film"
        letter["Message-ID"] = message_id or f"<{time.time_ns()}@client.example>"
        if answers is not None:
            letter["In-Reply-To"] = answers["Message-ID"]
            letter["References"] = f"{answers['References'] or ''} {answers['Message-ID']}".strip()
        letter.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE) as client:
            client.send_message(letter, sender, [str(letter["To"])])

    def letters(self, to: str) -> list[EmailMessage]:
        """What lies in the outbox for an address, in the order in which it was sent."""
        found = []
        for path in self.outbox.glob("*.eml"):
            letter = email.message_from_bytes(path.read_bytes(), _class=EmailMessage, policy=email.policy.default)
            if letter["To"] == to:
                found.append((path.stat().st_mtime_ns, letter))
        return [letter for _, letter in sorted(found, key=lambda pair: pair[0])]

    def wait(self, to: str, count: int) -> list[EmailMessage]:
        """Waits until so many letters lie there for an address."""
        end = time.monotonic() + PATIENCE
        while len(found := self.letters(to)) < count:
            assert time.monotonic() < end, f"{to} has {len(found)} letters, not {count}; log:\n{self.log()[-3000:]}"
            time.sleep(0.03)
        return found

    def log(self) -> str:
        """The log for people."""
        path = self.data / "log" / "desk.log"
        return path.read_text("utf-8") if path.exists() else ""

    def run(self, *command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Another command of run.py on the same data."""
        return subprocess.run([sys.executable, "run.py", *command], cwd=ROOT, env=self.env, input=stdin, capture_output=True, timeout=60, check=False)


def text_of(letter: EmailMessage) -> str:
    """The plain text part."""
    body = letter.get_body(("plain",))
    return str(body.get_content()) if body else ""
