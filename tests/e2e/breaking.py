"""A way to the database that breaks: every few messages it loses a question, or the answer to one that was carried out."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

NAME = ".s.PGSQL.5432"  # as the server's socket is called in its folder


class Breaking:
    """Between daemons and the server's socket; breaks connections while `every` is not 0, after up to so many messages."""

    def __init__(self, folder: Path, server: Path, seed: int) -> None:
        """`folder` gets the socket, which leads to that in the folder `server`."""
        self.every, self.broken = 0, {"question": 0, "answer": 0}
        self._server, self._chance, self._left, self._lock = server, random.Random(seed), 0, threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / NAME))
        self._listener.listen(100)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Lets nobody in any more."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, far = self._listener.accept()[0], socket.socket(socket.AF_UNIX)
                far.connect(str(self._server / NAME))
                threading.Thread(target=self._both, args=(near, far), daemon=True).start()

    def _both(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            answers = threading.Thread(target=self._pass, args=(far, near, "answer"), daemon=True)
            answers.start()
            self._pass(near, far, "question")
            answers.join()

    def _pass(self, source: socket.socket, target: socket.socket, what: str) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(65536):
                if self._breaks(what):
                    break
                target.sendall(content)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _breaks(self, what: str) -> bool:
        with self._lock:
            self._left = min(self._left, self.every) - 1
            if not self.every or self._left > 0:
                return False
            self._left = self._chance.randint(1, self.every)
            self.broken[what] += 1
            return True


@contextlib.contextmanager
def breaking(folder: Path, server: Path, seed: int) -> Iterator[Breaking]:
    """One in a folder of its own, whose name must be short: a socket's path has 107 octets."""
    folder.mkdir()
    with contextlib.closing(Breaking(folder, server, seed)) as one:
        yield one
