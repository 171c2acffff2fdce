"""Roundup's mail gateway on the same letters: a peer that also answers mail, installed into an environment of its own.

    python bench/roundup.py [letters]

Its tracker is the classic one on SQLite, with three letters for each that comes in, as ours: one to the author, two to agents. It
writes them into a file (its setting `mail_debug`), as ours lie in the outbox folder. "Batched" reads a mailbox in one process,
"piped" starts a process for each letter. Nothing of Roundup is part of the desk.
"""

from __future__ import annotations

import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common import ANSWERS, RUN, Unmeasured, letter, temporary

AGENTS = ("anna", "boris")
ANYBODY = "db.security.addPermissionToRole('Anonymous', 'Email Access')"  # letters of strangers, in the template behind a #


class Peer:
    """A tracker, ready to take letters."""

    def __init__(self, programs: Path, home: Path) -> None:
        self._programs, self._home, self._sent = programs, home, home.with_suffix(".sent")
        options = {
            "tracker_web": "http://localhost/desk/", "mail_domain": "localhost", "mail_host": "localhost", "mail_debug": self._sent,
            "nosy_messages_to_author": "new", "nosy_email_sending": "multiple",
        }  # fmt: skip
        self._admin("install", "classic", "sqlite", ",".join(f"{key}={value}" for key, value in options.items()))
        schema = (home / "schema.py").read_text()
        assert f"#{ANYBODY}" in schema
        (home / "schema.py").write_text(schema.replace(f"#{ANYBODY}", ANYBODY))
        self._admin("initialise", "admin")
        for name in AGENTS:
            self._admin("create", "user", f"username={name}", f"address={name}@providence.film", "roles=User")
        self._gateway = [programs / "roundup-mailgw", "-S", "issue.nosy=" + ",".join(f"+{name}" for name in AGENTS), home]

    def _admin(self, *words: str) -> None:
        subprocess.run([self._programs / "roundup-admin", "-i", self._home, *words], check=True, capture_output=True)

    def batched(self, letters: list[bytes]) -> float:
        """Letters a second out of a mailbox."""
        mailbox = self._home.with_suffix(".mbox")
        mailbox.write_bytes(b"".join(b"From bench Sun Nov 22 12:00:00 2026\n" + one + b"\n" for one in letters))
        began = time.perf_counter()
        subprocess.run([*self._gateway, "mailbox", mailbox], check=True, capture_output=True)
        return self._rate(letters, began)

    def piped(self, letters: list[bytes]) -> float:
        """Letters a second, a process for each, one after another."""
        began = time.perf_counter()
        for one in letters:
            subprocess.run(self._gateway, input=one, check=True, capture_output=True)
        return self._rate(letters, began)

    def _rate(self, letters: list[bytes], began: float) -> float:
        seconds = time.perf_counter() - began
        answers = self._sent.read_bytes().count(b"\nFROM: ")
        self._sent.unlink()
        assert answers == ANSWERS * len(letters), f"{answers} answers to {len(letters)} letters"
        return len(letters) / seconds


@contextmanager
def peer() -> Iterator[Peer]:
    """Roundup, installed for the time of the measure. Raises Unmeasured with the reason where it cannot be had."""
    with temporary() as home:
        venv.create(home / "env", with_pip=True)
        told = subprocess.run([home / "env/bin/pip", "install", "-q", "roundup"], capture_output=True, text=True, check=False)
        if told.returncode:
            raise Unmeasured(f"Roundup cannot be installed: {told.stderr.strip().splitlines()[-1]}")
        yield Peer(home / "env/bin", home / "tracker")


def letters_of(number: int, senders: int, people: str = "user") -> list[bytes]:
    """Letters of so many people in turn; a tracker has to register those it does not know, which costs it most of its time."""
    return [letter(f"{people}{n % senders}@example.org") for n in range(number)]


def measure_peer(number: int) -> dict[str, float]:
    """Letters a second: of people it does not know and of people it does, batched; piped, a tenth as many."""
    with peer() as roundup:
        return {
            "new": roundup.batched(letters_of(number, number)),
            "known": roundup.batched(letters_of(number, number // RUN)),
            "piped": roundup.piped(letters_of(number // 10, number, "piped")),
        }


if __name__ == "__main__":
    print({kind: round(rate, 1) for kind, rate in measure_peer(int(sys.argv[1]) if sys.argv[1:] else 300).items()}, "letters a second")
