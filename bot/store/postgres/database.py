"""One daemon's way to the database: its connections, its sign of life, and who leads.

PostgreSQL's troubles become OSError here, which is what the port speaks of.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.adapt import Dumper
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from bot.store.postgres.group_commit import DatabaseGroupCommit

Connection = psycopg.AsyncConnection[TupleRow]
Statement = tuple[LiteralString, Sequence[Any]]

SIGN = 5.0  # seconds between signs of life; without one for 15 seconds a daemon's claims are free (view `living`)
LOOK = 1.0  # seconds between looks at what other daemons have left to do
LOST = 10.0  # seconds between looks for what we have claimed and never heard of
TURN, LEADER, DEPARTURES, CLAIMS = 7001, 7002, 7004, 7005  # advisory locks
# Among the signers, while the desk does not live here: what that says to whoever would use the database.
LEFT, FILLING = "moved to files", "being filled"
ELSEWHERE = {
    LEFT: "the desk of this database was moved to files: unset DESK_STORE",
    FILLING: "a move or a restore into this database was cut off, or is under way: finish it where it was begun, with "
    "the same command; or drop the database to give it up",
}
NOT_HERE = "select mark from signers where mark = any(%s)"
CONNECT: dict[str, Any] = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
# Planning anew costs more than these statements do; none of them wants another plan for other values.
# A daemon that freezes or whose machine is gone must not keep the others from their units of work.
SESSION = """
set timezone = 'UTC'; set plan_cache_mode = force_generic_plan; set statement_timeout = '60s';
set idle_in_transaction_session_timeout = '30s';
set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3;
select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'
"""
TROUBLE = (
    psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout, psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable,
)  # fmt: skip
LETTERS_FAULT = (psycopg.errors.ProgramLimitExceeded, psycopg.errors.StatementTooComplex)  # it would be the same at each try

ALIVE = "insert into daemons values (%s, clock_timestamp()) on conflict (id) do update set sign = excluded.sign"
# The claims of the dead are nobody's again. Who is dead is settled before a row is looked at: a row that has been claimed anew meanwhile
# is not touched, whereas a condition that looks the daemon up for each row would be tested with the old daemon.
TAKEN_BACK = [
    f"update {table} set claimed_by = null where claimed_by = any(array("  # noqa: S608  both names stand here
    f"select claimed_by from {table} where claimed_by is not null except select id from living))"
    for table in ("letters", "outbox")
]


@contextlib.contextmanager
def spoken() -> Iterator[None]:
    """Trouble with the database as OSError."""
    try:
        yield
    except LETTERS_FAULT:
        raise
    except TROUBLE as error:
        raise OSError(f"PostgreSQL: {str(error).strip() or type(error).__name__}") from error


class Database:
    """Shared by a daemon's store and its letters. Opened at the first use; all methods belong to one event loop."""

    def __init__(self, url: str) -> None:
        self.me = secrets.token_hex(6)
        self.bells: list[asyncio.Event] = []  # rung every second: another daemon may have left something to do
        self._url = url
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._opening = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._users = 0
        self._living: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None
        self._leader: Connection | None = None
        self._witness: Connection | None = None
        self._flush: DatabaseGroupCommit[Connection, bool] = DatabaseGroupCommit(self._flushed)

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode; trouble is an OSError, the caller's own errors pass."""
        pool = self._pool or await self._open()
        with spoken():
            async with pool.connection() as connection:
                try:
                    yield connection
                except TROUBLE:
                    if connection.broken and (self._checking is None or self._checking.done()):
                        self._checking = asyncio.create_task(pool.check())  # the others that lie in the pool are broken as well
                    raise

    async def _open(self) -> AsyncConnectionPool[Connection]:
        async with self._opening:
            if self._pool is None:
                pool = AsyncConnectionPool[Connection](
                    self._url, min_size=2, max_size=10, open=False, timeout=5, reconnect_timeout=10, kwargs={"autocommit": True, **CONNECT},
                    configure=_configured, name="desk",
                )  # fmt: skip
                try:
                    with spoken():
                        await pool.open(wait=True, timeout=10)
                        async with pool.connection() as connection:
                            await self._sign_in(connection)
                except OSError:
                    await pool.close()
                    raise
                self._pool, self._living = pool, asyncio.create_task(self._live())
            return self._pool

    async def _sign_in(self, connection: Connection) -> None:
        """Before anything is claimed. Raises OSError where the desk has gone since `schema.check`: who moves it looks for us after his mark."""
        await connection.execute(ALIVE, [self.me])
        if row := await (await connection.execute(NOT_HERE, [list(ELSEWHERE)])).fetchone():
            raise OSError(ELSEWHERE[row[0]])

    def join(self) -> Database:
        """Somebody more uses it."""
        self._users += 1
        return self

    async def leave(self) -> None:
        """The last user gives the claims back and ends the connections."""
        self._users -= 1
        if self._users > 0:
            return
        for task in (self._living, self._checking):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self._flush.idle()
        for session in (self._leader, self._witness):
            if session is not None:
                await session.close()
        if self._pool is None:
            return
        with contextlib.suppress(OSError):  # else the claims are free when the lease has ended
            async with self.connection() as connection:
                for table in ("letters", "outbox"):
                    await connection.execute(f"update {table} set claimed_by = null where claimed_by = %s", [self.me])  # noqa: S608  see above
                await connection.execute("delete from daemons where id = %s", [self.me])
        await self._pool.close()
        self._pool = None

    # ------------------------------------------------------------------------------------------------ sign of life

    async def _live(self) -> None:
        signed = time.monotonic()
        while True:
            await asyncio.sleep(LOOK)
            for bell in self.bells:
                bell.set()
            if time.monotonic() - signed > SIGN:
                with contextlib.suppress(OSError, psycopg.Error):  # tried again at the next look
                    await self.durable(await self.witness())  # which says that we live, and finds out soon that the session has ended
                    signed = time.monotonic()
                    async with self.locked(CLAIMS) as connection:
                        for query in TAKEN_BACK:
                            await connection.execute(query)

    async def is_leader(self) -> bool:
        """Whether this daemon leads: a session's lock on a connection of its own, which goes with the connection."""
        try:
            if self._leader is not None:
                await self._leader.execute("select 1")
                return True
            session = await self._session()
            with spoken():
                row = await (await session.execute("select pg_try_advisory_lock(%s)", [LEADER])).fetchone()
            if row == (True,):
                self._leader = session
                return True
            await session.close()
        except (OSError, *TROUBLE):
            self._leader = None
        return False

    async def _session(self) -> Connection:
        """A connection beside those of the pool."""
        with spoken():
            session: Connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True, **CONNECT)
            await _configured(session)
        return session

    # --------------------------------------------------------------------------------------------------- decisions

    @contextlib.asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[Connection]:
        """A unit of work of the whole desk. Its commit does not wait for the disk, so that others have the lock meanwhile: `durable` does."""
        async with self._turn, self.locked(TURN) as connection:
            yield connection

    async def witness(self) -> Connection:
        """To be asked for before a commit: a session ends when the database crashes, so that while this one is there nothing was lost."""
        async with self._opening:
            if self._witness is None or self._witness.closed:
                self._witness = await self._session()
            return self._witness

    async def durable(self, witness: Connection) -> None:
        """Returns when all that has been committed is on disk: a commit waits for those before it, and one will do for all that ask.

        Raises OSError where the database may have crashed since `witness` was asked for.
        """
        if not await self._flush(witness):
            raise OSError("PostgreSQL: the connection was lost before the commit was on its disk")

    @contextlib.asynccontextmanager
    async def locked(self, lock: int) -> AsyncIterator[Connection]:
        """A transaction that excludes every other under the same lock, on all daemons; it may be lost when the database crashes."""
        async with self.connection() as connection:
            await connection.execute(f"begin; set local synchronous_commit = off; select pg_advisory_xact_lock({lock})")
            try:
                yield connection
                await connection.execute("commit")
            except BaseException:
                if not connection.broken:
                    with contextlib.suppress(*TROUBLE):
                        await connection.execute("rollback")
                raise

    async def ask(self, query: Any, *values: Any) -> list[Any]:
        """The rows of one statement, none where it gives none; durable."""
        async with self.connection() as connection:
            cursor = await connection.execute(query, values)
            return await cursor.fetchall() if cursor.description else []

    async def _flushed(self, waiting: list[Connection]) -> list[bool]:
        session = self._witness
        if session is None or session.closed:
            return [False] * len(waiting)
        try:
            with spoken():
                await session.execute(ALIVE, [self.me])  # any commit would do: this one's word is needed anyway
        except OSError:
            await session.close()
            raise
        return [one is session for one in waiting]


class Array(Dumper):
    """Lists as PostgreSQL writes them. psycopg looks at each element by itself, which was a sixth of a letter's time; every statement of
    ours says what its lists are (`%s::bigint[]`), or compares them with a column.
    """

    def dump(self, obj: list[Any]) -> bytes:
        """Of whole numbers, moments, words and None."""
        return ("{" + ",".join(map(_element, obj)) + "}").encode()


def _element(one: Any) -> str:
    if isinstance(one, str):
        return '"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "NULL" if one is None else str(one) if isinstance(one, int) else f'"{one.isoformat()}"'


async def _configured(connection: Connection) -> None:
    connection.adapters.register_dumper(list, Array)
    set_json_loads(lambda document: document, connection)  # documents are decoded by msgspec, as the type that is wanted
    await connection.execute(SESSION)


async def run(connection: Connection, statements: Sequence[Statement]) -> None:
    """Statements in one round trip."""
    async with connection.pipeline():
        for query, values in statements:
            await connection.execute(query, values)
