"""The database's schema: brought up to date by `run.py migrate`, looked at by every daemon before it starts."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

import psycopg

from bot.store.data_access import ElsewhereError, FormatError
from bot.store.files.formats import refuse_newer
from bot.store.postgres.database import CONNECT, ELSEWHERE, NOT_HERE, spoken

# Each of migrations/versions with the format that documents have since then (`bot.store.files.formats`); the last is this program's.
REVISIONS = {"0001": 1, "0002": 2}
REVISION = list(REVISIONS)[-1]
MIGRATE_LOCK = 7003  # two `migrate` at once wait for each other


class SchemaError(ValueError):
    """The database cannot be used; the text says what to do."""


def current(url: str) -> str:
    """The revision that the database has, "" for an empty database. Raises OSError."""
    try:
        psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise SchemaError(f"DESK_STORE: {str(error).strip()}") from None
    with spoken(), psycopg.connect(url, autocommit=True, **CONNECT) as connection:
        if connection.execute("select to_regclass('alembic_version')").fetchone() == (None,):
            return ""
        row = connection.execute("select version_num from alembic_version").fetchone()
        return str(row[0]) if row else ""


def check(url: str, *, left: bool = False) -> None:
    """Raises FormatError or SchemaError unless the database has this program's schema, and OSError when it cannot
    be asked.

    Unless `left` is allowed, also ElsewhereError for a desk that has moved to files: nobody would handle what it took in.
    """
    found = current(url)
    if found and not found.isdecimal():
        raise SchemaError(f"DESK_STORE: the database has schema {found}, which is none of this desk's: is it another program's?")
    refuse_newer("DESK_STORE: the database", int(found or 0), int(REVISION), "")
    if not found:
        raise SchemaError("DESK_STORE: the database has no tables yet: run `python run.py migrate`")
    if found != REVISION:
        raise FormatError(
            f"DESK_STORE: the database has data of format {REVISIONS[found]}: stop all daemons, make a backup, and run `python run.py migrate`"
        )
    if not left:
        with spoken(), psycopg.connect(url, autocommit=True, **CONNECT) as connection:
            if row := connection.execute(NOT_HERE, [list(ELSEWHERE)]).fetchone():
                raise ElsewhereError(f"DESK_STORE: {ELSEWHERE[row[0]]}")


def is_marked(url: str, mark: str) -> bool:
    """Whether `mark` has been called with this one of ELSEWHERE. OSError."""
    with spoken(), psycopg.connect(url, autocommit=True, **CONNECT) as connection:
        return connection.execute(NOT_HERE, [[mark]]).fetchone() is not None


def mark(url: str, word: str, *, gone: bool) -> None:
    """From now on no desk is opened here, for that reason (a key of ELSEWHERE), or may be again (see `check`). OSError."""
    with spoken(), psycopg.connect(url, autocommit=True, **CONNECT) as connection:
        connection.execute("insert into signers values (%s) on conflict do nothing" if gone else "delete from signers where mark = %s", [word])


def agree(url: str, keys: Collection[bytes], *, enter: bool = True) -> None:
    """Raises SchemaError unless a daemon that signs with these keys shares one with those before it; the first one
    sets them, unless it only asks (without `enter`). OSError.
    """
    marks = [hashlib.sha256(key).hexdigest()[:16] for key in keys]
    with spoken(), psycopg.connect(url, **CONNECT) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [MIGRATE_LOCK])
        known = {str(one) for (one,) in connection.execute("select mark from signers")} - ELSEWHERE.keys()
        if known and known.isdisjoint(marks):
            raise SchemaError("DESK_SECRET_FILE: the desk in this database signs with another key: copy the secret file of one of its daemons here")
        if enter:
            connection.execute("insert into signers select unnest(%s::text[]) on conflict do nothing", [marks])


def has_signed(url: str) -> bool:
    """Whether a daemon has agreed on a key here, or there are tickets or records. OSError."""
    query = "select exists (select from signers where mark <> all(%s)) or exists (select from tickets) or exists (select from records)"
    with spoken(), psycopg.connect(url, autocommit=True, **CONNECT) as connection:
        return connection.execute(query, [list(ELSEWHERE)]).fetchone() == (True,)


def forget_keys(url: str) -> None:
    """The next daemon may sign with another key. OSError."""
    with spoken(), psycopg.connect(url, autocommit=True, **CONNECT) as connection:
        connection.execute("delete from signers where mark <> all(%s)", [list(ELSEWHERE)])


def migrate(url: str) -> tuple[str, str]:
    """Brings the schema up to date; what it was and what it is. Raises FormatError for a newer one, OSError when it cannot be done."""
    from alembic import command  # not at the top: a daemon needs neither alembic nor SQLAlchemy
    from alembic.config import Config
    from sqlalchemy import create_engine, exc, pool

    before = current(url)
    if before not in ("", *REVISIONS):
        check(url, left=True)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url, **CONNECT), poolclass=pool.NullPool)
    try:
        with spoken(), engine.begin() as connection:
            connection.exec_driver_sql(f"select pg_advisory_xact_lock({MIGRATE_LOCK})")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except exc.DBAPIError as error:  # also where the role may not make tables, or the server is a standby
        raise OSError(f"PostgreSQL: {error.orig}") from error
    return before, REVISION
