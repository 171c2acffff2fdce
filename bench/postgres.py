"""The desk on PostgreSQL: one daemon and two on a cluster of the bench's own, which syncs as it is shipped.

    python bench/postgres.py [letters]
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from common import ROOT, Load, Unmeasured, desk, memory, temporary
from throughput import WARM, measure_desk, warm

sys.path.insert(0, str(ROOT / "tests"))


FEW = 2  # letters of each sender: the database fetches the tickets of a person for each decision, and people have few
HELD = "select count(*) from pg_locks where locktype = 'advisory' and granted and %s in (objid::bigint, classid::bigint)"


@contextmanager
def cluster() -> Iterator[tuple[Any, list[str]]]:
    """A server of our own and the names of two fresh databases on it. Raises Unmeasured."""
    try:
        from cluster import Cluster, programs
    except ImportError as error:
        raise Unmeasured(f"the extra `pg` is not installed: {error}") from None
    binaries = programs()
    if binaries is None:
        raise Unmeasured("PostgreSQL's server programs are not installed (Debian: postgresql)")
    with tempfile.TemporaryDirectory(prefix="desk-pg-", ignore_cleanup_errors=True, dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, Cluster.user())
        server = Cluster(folder, binaries, synced=True)
        try:
            yield server, [server.fresh(), server.fresh()]
        finally:
            server.stop("immediate")


@contextmanager
def watched(url: str) -> Iterator[list[bool]]:
    """Looks meanwhile whether the lock of the unit of work is held: its share of the time is what a decision takes of the whole desk's."""
    import psycopg

    from bot.store.postgres.database import TURN

    looks: list[bool] = []
    over = threading.Event()

    def look() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.wait(0.02):
                [held] = connection.execute(HELD, [TURN]).fetchone() or (0,)
                looks.append(held > 0)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()


def measure_postgres(letters: int) -> dict[str, float]:
    """Letters a second with one daemon and with two; for each letter CPU of the daemons, time under the lock, octets; connections."""
    found: dict[str, float] = {}
    with cluster() as (server, databases), temporary() as place:
        load = Load(place / "load", letters, run=FEW)
        for name, database, daemons in (("one", databases[0], 1), ("two", databases[1], 2)):
            settings = {"DESK_STORE": server.url(database), "DESK_SECRET_FILE": str(place / "secret"), "DESK_READERS": str(2 // daemons)}
            with ExitStack() as stack:
                datas = [place / f"{name}{number}" for number in range(daemons)]
                servers = [stack.enter_context(desk(data, **settings)) for data in datas]
                outboxes = [data / "outbox" for data in datas]
                before = size(server, database)
                warm(servers, outboxes)
                with watched(server.url(database)) as looks:
                    accept, whole, main_ms, all_ms = measure_desk(servers, outboxes, load)
                found[f"{name}_lock_ms"] = sum(looks) / len(looks) / whole * 1000
                found |= {f"{name}_accept": accept, f"{name}_whole": whole, f"{name}_main_ms": main_ms, f"{name}_all_ms": all_ms}
                connections = server.sql("select count(*) from pg_stat_activity where datname = current_database()", database)
                found |= {f"{name}_connections": int(str(connections[0][0])) - 1, f"{name}_mb": memory(servers[0].pid)}
                found |= {f"{name}_octets": (size(server, database) - before) / (load.letters + WARM * daemons)}
    return found


def size(server: Any, database: str) -> int:
    """Octets of a database."""
    return int(str(server.sql(f"select pg_database_size('{database}')")[0][0]))


if __name__ == "__main__":
    print({key: round(value, 1) for key, value in measure_postgres(int(sys.argv[1]) if sys.argv[1:] else 2000).items()})
