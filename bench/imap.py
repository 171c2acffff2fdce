"""Letters a second out of a real Dovecot's mailbox into the inbox, each moved to Desk/Done: over TLS, as from a provider.

    python bench/imap.py [letters]

Root and Dovecot are needed; the server is the one of the tests. The desk works on the letters at the same time.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "e2e")]

from daemon import Running  # noqa: E402
from test_imap_dovecot import Dovecot  # noqa: E402


def main(letters: int) -> None:
    """Fills the mailbox, starts a desk, and waits until the mailbox is empty."""
    server = Dovecot(tls=True)
    for number in range(letters):
        server.deliver(f"user{number}@example.org")
    server.start()
    folder = Path(tempfile.mkdtemp(prefix="desk-bench-"))
    (folder / "password").write_text("geheim")
    box = f"imaps://support%40providence.film@127.0.0.1:{server.tls_port}"
    try:
        with Running(folder / "data", DESK_IMAP=box, DESK_IMAP_PASSWORD_FILE=str(folder / "password"), SSL_CERT_FILE=str(server.pem[0])):
            while not server.letters(".Desk.Done"):
                time.sleep(0.005)
            began, had = time.monotonic(), server.letters(".Desk.Done")
            while server.letters(".Desk.Done") < letters:
                time.sleep(0.02)
            took = time.monotonic() - began
        print(f"{letters - had} letters in {took:.2f} s: {(letters - had) / took:.0f}/s")
    finally:
        server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
