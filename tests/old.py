"""The data folder of version 1.0 (tests/data-1.0), for tests that start the desk of today on it."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from cluster import Cluster

from bot.data.ledger import Account

OLD = Path(__file__).parent / "data-1.0"
LETTERS = {"opened": 8, "appended": 2, "command": 9, "machine": 1, "duplicate": 1}  # the dispositions of its letters


def old_data(data: Path) -> Path:
    """A copy of it at `data`."""
    shutil.copytree(OLD, data, ignore=shutil.ignore_patterns("README.md", "database.sql.gz"))
    (data / "secret").chmod(0o600)
    return data


def old_database(cluster: Cluster) -> str:
    """The same in a database of version 1.0; its URL."""
    cluster.sql("drop database if exists old_desk")
    cluster.sql("create database old_desk")
    cluster.sql(gzip.decompress((OLD / "database.sql.gz").read_bytes()).decode(), "old_desk")
    return cluster.url("old_desk")


def whole(book: Account, **more: int) -> bool:
    """Whether all its letters are accounted for as they were, with so many more of each disposition."""
    expected = {disposition: count + more.get(disposition, 0) for disposition, count in LETTERS.items()}
    return (
        book.adds_up
        and {disposition: book.places[disposition] for disposition in LETTERS} == expected
        and book.places["parked"] == book.places["dropped"] == 1
    )
