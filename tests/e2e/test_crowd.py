"""A daemon with few descriptors under a crowd that says nothing: letters come in, are handled and answered."""

from __future__ import annotations

import contextlib
import socket
import sys
import urllib.request
from pathlib import Path

from daemon import Running

IVAN = "ivan@example.org"
PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play."
FEW = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)); os.execv(sys.executable, [sys.executable, 'run.py'])"


def test_a_thousand_idle_connections_leave_descriptors_for_what_runs(tmp_path: Path) -> None:
    with contextlib.ExitStack() as idle:
        desk = Running(tmp_path / "data", DESK_FORM="0.0.0.0:0", DESK_SMTP="0.0.0.0:0", DESK_CLIENT_LETTERS="0")
        desk.command = [sys.executable, "-c", FEW]
        with desk:
            form = int(desk.ready.partition("form=")[2].split()[0].rpartition(":")[2])
            for number in range(1000):
                source, port = (f"127.0.1.{number % 100 + 1}", 0), form if number % 2 else desk.port
                idle.enter_context(socket.create_connection(("127.0.0.1", port), 10, source))
            with urllib.request.urlopen(f"http://127.0.0.1:{form}/", timeout=10) as page:
                assert page.status == 200
            piped = desk.run("deliver", stdin=f"From: {IVAN}\nTo: support@providence.film\nSubject: Film\n\n{PROBLEM}".encode())
            assert piped.returncode == 0
            desk.wait("anna@providence.film", 1)
            idle.close()
            desk.send("maria@example.org", PROBLEM, "Фильм")
            desk.wait("maria@example.org", 1)
