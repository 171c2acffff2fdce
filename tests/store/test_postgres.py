"""The store on PostgreSQL keeps the contract, and what only a database can get wrong."""

from __future__ import annotations

import pytest
from cluster import Cluster
from contract import Contract, Opened
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from letters_contract import Box, LettersContract
from machine import QUICK, AnyOrder

pytestmark = pytest.mark.postgres
pytest.importorskip("psycopg", reason="the extra `pg` is not installed")

from bot.store.postgres.database import Database  # noqa: E402
from bot.store.postgres.letters import PostgresLetters  # noqa: E402
from bot.store.postgres.shelf import PostgresShelf  # noqa: E402
from bot.store.postgres.store import PostgresStore  # noqa: E402

# A full disk, as the server reports one, while there is a row in `full`.
MOOD = """
create table if not exists full_disk (yes boolean);
create or replace function moody() returns trigger language plpgsql as $$ begin
    if exists (select from full_disk) then raise 'no space left' using errcode = 'disk_full'; end if;
    return null;
end $$;
create trigger moody after insert or update of document on tickets execute function moody();
create trigger moody after insert or update of document on records execute function moody()
"""


class Moody:
    """A database that can be told to fail, and whose daemons can be told dead."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster, self.name, self.url = cluster, name, cluster.url(name)
        cluster.sql(MOOD, name)

    def fail(self, failing: bool) -> None:
        """From now on."""
        self._cluster.sql("insert into full_disk values (true)" if failing else "delete from full_disk", self.name)

    async def opened(self) -> PostgresStore:
        """A store on the database as it is, as after a crash: all others are dead."""
        self._cluster.sql("delete from daemons", self.name)
        store = PostgresStore(Database(self.url))
        await store.load()
        return store


class TestPostgresStore(Contract):
    @pytest.fixture
    async def opened(self, cluster, database):
        moody = Moody(cluster, database)
        stores = [await moody.opened()]

        async def again() -> PostgresStore:
            stores.append(await moody.opened())
            return stores[-1]

        yield Opened(stores[0], again, moody.fail, lambda: PostgresShelf(moody.url))
        for store in stores:
            await store.close()


class TestPostgresLetters(LettersContract):
    @pytest.fixture
    async def box(self, cluster, database):
        url = cluster.url(database)
        made, shelf = [PostgresLetters(Database(url))], PostgresShelf(url)

        async def again() -> PostgresLetters:
            cluster.sql("delete from daemons", database)
            made.append(PostgresLetters(Database(url)))
            return made[-1]

        yield Box(made[0], again, lambda: shelf)
        for letters in made:
            await letters.close()
        shelf.close()


@pytest.fixture
def any_order(cluster):
    class Desk(AnyOrder):
        def __init__(self) -> None:
            super().__init__()
            self.moody = Moody(cluster, cluster.fresh())
            self.reading = PostgresShelf(self.moody.url)

        async def opened(self) -> PostgresStore:
            return await self.moody.opened()

        def fail(self, failing: bool) -> None:
            self.moody.fail(failing)

        def shelf(self) -> PostgresShelf:
            return self.reading

        def teardown(self) -> None:
            super().teardown()
            self.reading.close()

    return Desk


def test_any_order(any_order):
    run_state_machine_as_test(any_order, settings=settings(QUICK, max_examples=6))
