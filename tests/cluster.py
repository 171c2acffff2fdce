"""A PostgreSQL cluster of the tests' own, on a socket in a temporary folder; one for a session, a fresh database for each test."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest


def programs() -> Path | None:
    """The folder of the newest server programs, None where there are none."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = str(places[-1]) if places else shutil.which("initdb")
    return Path(found).parent if found else None


class Cluster:
    """A server that can be stopped and started. It does not sync, unless a test asks for it: no test pulls the plug."""

    def __init__(self, folder: Path, binaries: Path, *, synced: bool = False) -> None:
        self.folder, self._binaries, self._synced = folder, binaries, synced
        self._count = 0
        self._run("initdb", "--auth=trust", "--username=desk", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-D", str(folder / "data"))
        self.start()
        self.sql("create database template_desk")
        from bot.store.postgres.schema import migrate

        migrate(self.url("template_desk"))

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._binaries / program), *words]
        if os.geteuid() == 0:  # the server refuses to run as root
            command = ["runuser", "-u", self.user(), "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False)
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    @staticmethod
    def user() -> str:
        """Who runs the server when the tests run as root."""
        return "postgres" if any(one.pw_name == "postgres" for one in pwd.getpwall()) else "nobody"

    def start(self) -> None:
        """Returns when the server takes connections."""
        options = f"-k {self.folder} -c listen_addresses= -c fsync={'on' if self._synced else 'off'} -c max_connections=200"
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-o", options, "-w", "start")

    def stop(self, how: str = "fast") -> None:
        """Ends the server: `fast` breaks the connections, `immediate` is a crash."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", how, "-w", "stop")

    def url(self, database: str) -> str:
        """What DESK_STORE would say."""
        return f"postgresql://desk@/{database}?host={quote(str(self.folder), safe='')}"

    def sql(self, command: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """The rows of a command."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(command.encode())
            return cursor.fetchall() if cursor.description else []

    def fresh(self, template: str = "template_desk") -> str:
        """A new database with the schema; its name."""
        self._count += 1
        self.sql(f"create database desk{self._count} template {template}")
        return f"desk{self._count}"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """See Cluster; tests that want it bear the mark `postgres`."""
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL's server programs are not installed (Debian: postgresql)")
    pytest.importorskip("psycopg", reason="the extra `pg` is not installed")
    with tempfile.TemporaryDirectory(prefix="desk-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, Cluster.user())
        one = Cluster(folder, binaries)
        yield one
        one.stop("immediate")


@pytest.fixture
def database(cluster: Cluster) -> str:
    """The name of a fresh database with the schema."""
    return cluster.fresh()
