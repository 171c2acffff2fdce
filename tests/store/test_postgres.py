"""The store on PostgreSQL keeps the contract, and what only a database can get wrong."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import timedelta

import pytest
from cluster import Cluster
from contract import IVAN, MARIA, NOW, Contract, Opened, ask, commit, done, outgoing, record, ticket
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from letters_contract import Box, LettersContract
from looking import ticket_of
from machine import QUICK, AnyOrder
from msgspec.structs import replace

from bot.model import Decision, Entry, Envelope, Status, emptied
from bot.store.interface import Due, Lookup, Window
from bot.store.letter_ids import Ids

pytestmark = pytest.mark.postgres
pytest.importorskip("psycopg", reason="the extra `pg` is not installed")

import bot.store.postgres.database  # noqa: E402
from bot.store.postgres.database import Database  # noqa: E402
from bot.store.postgres.letters import PostgresLetters  # noqa: E402
from bot.store.postgres.reader import PostgresDataReader, PostgresDataWriter  # noqa: E402
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

IDS = Ids()


def taken_over(cluster: Cluster, database: str) -> None:
    """As when all daemons are dead."""
    cluster.sql("delete from daemons; update letters set claimed_by = null; update outbox set claimed_by = null", database)


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
        taken_over(self._cluster, self.name)
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

        yield Opened(stores[0], again, moody.fail, lambda: PostgresDataReader(moody.url))
        for store in stores:
            await store.close()


class TestPostgresLetters(LettersContract):
    @pytest.fixture
    async def box(self, cluster, database):
        url = cluster.url(database)
        made, reader = [PostgresLetters(Database(url))], PostgresDataReader(url)

        async def again() -> PostgresLetters:
            taken_over(cluster, database)
            made.append(PostgresLetters(Database(url)))
            return made[-1]

        yield Box(made[0], again, lambda: reader)
        for letters in made:
            await letters.close()
        reader.close()


@pytest.fixture
async def store(cluster, database):
    one = await Moody(cluster, database).opened()
    yield one
    await one.close()


async def test_a_search_finds_words_in_any_form_in_live_and_filed_tickets(store):
    said = Entry(at=NOW, kind="letter", public=True, text="Чёрные экраны вместо фильмов")
    old = NOW - timedelta(days=30)
    await commit(store, ticket(1, entries=(said,), status=Status.done, done_at=old), ticket(2, who=MARIA, subject="экран чёрный"), ticket(3))
    await store.archive_done(NOW, 14)
    found = (await ask(store, searches=("черный экран", "экран maria@", "example.org @", "фильм ё", "не"))).searched
    assert {query: [row.number for row in rows] for query, rows in found.items()} == {
        "черный экран": [2, 1], "экран maria@": [2], "example.org @": [], "фильм ё": [], "не": [],
    }  # fmt: skip
    await commit(store, emptied(ticket(1, entries=(said,), status=Status.done, done_at=old), NOW))
    assert [row.number for row in (await ask(store, searches=("экран",))).searched["экран"]] == [2]


async def test_a_search_finds_words_that_stand_in_different_parts_of_a_long_ticket(store):
    words = ("яблоко", "груша", "слива", "вишня", "малина", "клюква")
    said = tuple(Entry(at=NOW, kind="letter", public=True, text=f"{word} в письме") for word in words)
    await commit(store, ticket(1, entries=said), ticket(2, entries=said[:1]))
    found = (await ask(store, searches=("яблоко клюква", "груши", "яблоко арбуз", "письмо"))).searched
    assert {query: [row.number for row in rows] for query, rows in found.items()} == {
        "яблоко клюква": [1], "груши": [1], "яблоко арбуз": [], "письмо": [2, 1],
    }  # fmt: skip


async def test_a_ticket_may_say_anything_at_any_length(store):
    long = Entry(at=NOW, kind="letter", public=True, text="слово\0" * 300_000)
    odd = ticket(1, subject="\0" * 5 + "\U0010ffff", who="i\0van@example.org", entries=(long,))
    await commit(store, odd)
    assert await ticket_of(store, 1) == odd
    assert (await ask(store, requester="i\0van@example.org", message_id="\0", tickets=(10**30,), references=("\0",))).earlier[0].number == 1
    assert await ticket_of(store, 10**30) is None


async def test_two_daemons_share_letters_turns_and_windows(cluster, database, store):
    other = PostgresStore(Database(cluster.url(database)))
    await other.load()

    async def open_one(one: PostgresStore, letter: str) -> int:
        async with one.unit_of_work() as unit:
            number = (await unit.find(Lookup(letter=letter, requester=letter), NOW)).fresh
            await asyncio.sleep(0.001)
            unit.commit(Decision(tickets=(ticket(number, letter, outgoing=(outgoing(),)),)))
        return number

    numbers = await asyncio.gather(*(open_one((store, other)[n % 2], f"l{n}") for n in range(20)))
    assert sorted(numbers) == list(range(1, 21))
    given: list[Due] = []
    for _ in range(5):  # who finds a letter claimed in that very moment gets fewer
        given += [one for some in await asyncio.gather(*((store, other)[n % 2].due(NOW, 4) for n in range(8))) for one in some]
    assert sorted(one.ticket for one in given) == list(range(1, 21))
    window = (Window("@example.org", 3, timedelta(minutes=10)),)
    left = await asyncio.gather(*((store, other)[n % 2].reserve([window], NOW) for n in range(6)))
    assert sorted(str(one) for [one] in left) == ["2026-11-23 09:10:00+00:00"] * 3 + ["None"] * 3
    assert await store.reserve([window], NOW + timedelta(minutes=10)) == [None]
    assert [await one.is_leader() for one in (store, other, store)] == [True, False, True]
    await store.close()
    async with asyncio.timeout(20):
        while not await other.is_leader():  # noqa: ASYNC110  the server has not heard yet that the first one has gone
            await asyncio.sleep(0.05)
    await other.close()
    await store.load()


async def test_the_claims_of_a_daemon_that_gives_no_sign_are_free(cluster, database, store, monkeypatch):
    await commit(store, ticket(1, outgoing=(outgoing(),)))
    monkeypatch.setattr(bot.store.postgres.database, "SIGN", 0.0)
    other = PostgresStore(Database(cluster.url(database)))
    await other.load()
    assert len(await store.due(NOW, 9)) == 1
    store._database._living.cancel()
    cluster.sql("create or replace view living as select id from daemons where sign > clock_timestamp() - interval '15 s'", database)
    silent = f"update daemons set sign = clock_timestamp() - interval '{{}} s' where id = '{store._database.me}'"
    cluster.sql(silent.format(10), database)
    await asyncio.sleep(2.5)
    assert await other.due(NOW, 9) == []
    cluster.sql(silent.format(20), database)
    async with asyncio.timeout(20):
        while not (due := await other.due(NOW, 9)):  # noqa: ASYNC110  it looks once a second
            await asyncio.sleep(0.1)
    [given] = due
    await other.delivered([done(given)])
    await other.close()
    assert await store.due(NOW, 9) == []


async def test_a_letter_is_claimed_once_however_many_ask(cluster, database, store):
    """A row that somebody else has claimed between the look and the lock is not claimed again."""
    others = [PostgresStore(Database(cluster.url(database))) for _ in range(4)]
    for round_ in range(6):
        await commit(store, *(ticket(round_ * 50 + n, outgoing=(outgoing(1), outgoing(2))) for n in range(1, 51)))
        given = await asyncio.gather(*(others[n % 4].due(NOW, 7) for n in range(40)))
        claimed = [(one.ticket, one.letter.id) for some in given for one in some]
        assert len(claimed) == len(set(claimed)) > 50
    for other in others:
        await other.load()
        await other.close()


READ = ("tickets", "records", "keys", "outbox", "letters", "departures")


async def test_no_table_is_read_from_end_to_end(cluster, database):
    """What a turn costs must not grow with the desk: every statement can find its rows by an index, also in a plan for any value."""
    cluster.sql(f"alter database {database} set enable_seqscan = off")  # a table of a test is small enough to be read
    store = PostgresStore(Database(cluster.url(database)))
    await store.load()
    many = tuple(ticket(number, who=f"p{number}@example.org", outgoing=(outgoing(to=f"p{number}@example.org"),)) for number in range(1, 800))
    await commit(store, *many, records=tuple(record(f"r{number}", who=f"p{number}@example.org") for number in range(800)))
    cluster.sql("analyze", database)
    await store.close()
    before = dict(cluster.sql("select relname, seq_scan from pg_stat_user_tables", database))
    store = PostgresStore(Database(cluster.url(database)))
    await store.load()
    for number in range(12):  # plans for any value are made after some uses
        await commit(store, ticket(900 + number, outgoing=(outgoing(),)))
        await ask(store, f"l{number}", tickets=(5, 7), references=("9@client",), message_id="9@client", fingerprint="f", bounce_to=MARIA)
        given = await store.due(NOW, 3)
        await store.delivered([done(one) for one in given])
        await store.suppressed([IVAN], NOW)
        await store.timers(NOW, 9)
        await store.next_due()
    await store.close()
    after = dict(cluster.sql("select relname, seq_scan from pg_stat_user_tables", database))
    assert {name: after[name] - before[name] for name in after if name in READ} == dict.fromkeys(READ, 0)


async def test_a_copy_may_be_put_twice_and_holds_what_was_put_last(cluster, database):
    writer, url = PostgresDataWriter(cluster.url(database)), cluster.url(database)
    assert writer.empty()
    envelope = Envelope(letter="20261122T000000000000-a", received=NOW, mail_from="a@b")
    two = (record("x", who="one@desk"), record("x", who="one@desk", words="of a person who was forgotten"))
    for words in ("first", "second"):
        for place, one in zip(("2026-11-22/1", "2026-11-22.2/1"), two, strict=True):
            writer.record(place, replace(one, words=one.words + words))
        writer.ticket(ticket(3, subject=words, outgoing=(outgoing(),)), filed=False)
        writer.ticket(ticket(1, subject=words), filed=True)
        writer.letter(envelope, words.encode(), "archived", None)
    writer.close()
    with closing(PostgresDataReader(url)) as reader:
        assert [one.subject for one in reader.tickets()] == ["second", "second"]
        assert [one.number for one in reader.tickets(filed=False)] == [3]
        assert [one.words for _, one in reader.records()] == ["second", "of a person who was forgottensecond"]
        assert (list(reader.letters()), reader.letter(envelope.letter)[1]) == ([(envelope.letter, "archived")], b"second")
    store = PostgresStore(Database(url))
    await store.load()
    assert (await ask(store)).fresh == 4
    assert len(await store.due(NOW, 9)) == 1
    await store.close()


@pytest.fixture
def any_order(cluster):
    class Desk(AnyOrder):
        def __init__(self) -> None:
            super().__init__()
            self.moody = Moody(cluster, cluster.fresh())
            self.reading = PostgresDataReader(self.moody.url)

        async def opened(self) -> PostgresStore:
            return await self.moody.opened()

        def fail(self, failing: bool) -> None:
            self.moody.fail(failing)

        def reader(self) -> PostgresDataReader:
            return self.reading

        def teardown(self) -> None:
            super().teardown()
            self.reading.close()

    return Desk


def test_any_order(any_order):
    run_state_machine_as_test(any_order, settings=settings(QUICK, max_examples=6))


class Lossy:
    """In the place of a database's `ask`: the answer to the next statement that holds `words` is lost, though it was carried out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, database: Database, words: str) -> None:
        self._ask, self._words = database.ask, words
        monkeypatch.setattr(database, "ask", self)

    async def __call__(self, query: str, *values: object) -> list[object]:
        rows = await self._ask(query, *values)
        if self._words and self._words in query:
            self._words = ""
            raise OSError("PostgreSQL: the connection is lost")
        return rows


async def test_letters_whose_claim_was_not_heard_of_are_claimed_again(cluster, database, monkeypatch):
    letters = PostgresLetters(one := Database(cluster.url(database)))
    idents = []
    for _ in range(3):
        idents.append(IDS.new(NOW))
        await letters.take(b"x", Envelope(letter=idents[-1], received=NOW, mail_from=""))
    assert await letters.claim(1) == idents[:1]
    Lossy(monkeypatch, one, "update letters set claimed_by = %s from oldest")
    with pytest.raises(OSError, match="lost"):
        await letters.claim(1)
    assert await letters.claim(9) == idents[1:], "and not the first one, which is in hand"
    await letters.close()


@pytest.mark.parametrize("words", ["update outbox set claimed_by = %s from ripe", "select number, 0, document"])
async def test_outgoing_letters_whose_claim_was_not_heard_of_are_given_out(store, monkeypatch, words):
    await commit(store, *(ticket(number, outgoing=(outgoing(),)) for number in (1, 2, 3)))
    [first] = await store.due(NOW, 1)
    Lossy(monkeypatch, store._database, words)
    with pytest.raises(OSError, match="lost"):
        await store.due(NOW, 1)
    assert sorted(one.ticket for one in await store.due(NOW, 9)) == sorted({1, 2, 3} - {first.ticket})


async def test_a_broken_ticket_is_named_once_and_keeps_no_other(cluster, database, store):
    await commit(store, *(ticket(number, outgoing=(outgoing(),)) for number in (1, 2)))
    cluster.sql("""update tickets set document = '{"number": "x"}' where number = 1""", database)
    cluster.sql("""update tickets set document = '{"outgoing": 1}' where number = 1""", database)
    assert [[one.ticket for one in await store.due(NOW, 9)] for _ in range(3)] == [[2], [], []]
    assert (store.broken, await store.next_due()) == (["ticket 1"], None)


@pytest.mark.parametrize("words", ["update tickets set alarm = %s where number", "update tickets set alarm = timer"])
async def test_moments_that_were_named_and_may_be_lost_are_named_again(store, monkeypatch, words):
    await commit(store, *(ticket(number, timer=NOW) for number in (1, 2)))
    if "timer" not in words:
        assert await store.is_leader()
    assert await store.timers(NOW, 9) == [1, 2]
    alone, ask_once = store._alone, store._database.ask

    async def away(query: str, *values: object) -> list[object]:
        if words in query:
            raise OSError("PostgreSQL: away")
        return await (alone if "alarm = null" in query or "alarm = timer" in query else ask_once)(query, *values)

    monkeypatch.setattr(store, "_alone", away)
    monkeypatch.setattr(store._database, "ask", away)
    with pytest.raises(OSError, match="away"):
        await (store.is_leader() if "timer" in words else store.wake(None, 1))
    monkeypatch.undo()
    assert await store.is_leader()
    assert await store.timers(NOW, 9) == [1, 2]


async def test_what_a_crash_took_back_is_not_called_durable(cluster, database, store, monkeypatch):
    """The commit is gone, and the connections of the pool are fresh again by the time at which it should be on disk."""
    await commit(store, ticket(1))
    durable = Database.durable

    async def crashed(one: Database, *witness: object) -> None:
        cluster.stop("immediate")
        cluster.start()
        await one._pool.check()
        await durable(one, *witness)

    monkeypatch.setattr(Database, "durable", crashed)
    with pytest.raises(OSError, match="PostgreSQL"):
        await commit(store, ticket(2))
    monkeypatch.undo()
    await commit(store, ticket(3))
    assert await ticket_of(store, 3)


async def test_a_turn_that_was_frozen_for_too_long_is_an_oserror(cluster, database, store, monkeypatch):
    """As of a machine that is suspended: it is no fault of the letter."""
    from bot.store.postgres import database as module

    monkeypatch.setattr(module, "SESSION", module.SESSION.replace("'30s'", "'200ms'"))
    frozen = PostgresStore(Database(cluster.url(database)))
    await frozen.load()

    async def freeze() -> None:
        async with frozen.unit_of_work() as unit:
            await unit.find(Lookup(letter="x", requester=IVAN), NOW)
            await asyncio.sleep(0.6)
            unit.commit(Decision(tickets=(ticket(1),)))

    with pytest.raises(OSError, match="PostgreSQL"):
        await freeze()
    assert await ticket_of(store, 1) is None
    await commit(store, ticket(1))
    await frozen.close()


async def test_a_ticket_of_rare_signs_can_be_searched(store):
    """A letter that the search column could not take would be tried for ever."""
    words = "-".join(chr(0x20000 + n) + chr(0x20000 + n * 7 % 40_000) + (" " if n % 2 else "") for n in range(80_000))
    await commit(store, ticket(1, subject="экран", entries=(Entry(at=NOW, kind="letter", public=True, text=words),)))
    assert (await ask(store, searches=("экран",))).searched["экран"]


async def test_a_letter_that_cannot_be_written_down_harms_none_that_comes_with_it(cluster, database):
    letters = PostgresLetters(Database(cluster.url(database)))
    taken = await asyncio.gather(
        *(letters.take(b"x", Envelope(letter=IDS.new(NOW), received=NOW, mail_from=sender)) for sender in ("a@b", "\ud800@b", "c@d")),
        return_exceptions=True,
    )
    assert [type(one) for one in taken] == [type(None), UnicodeEncodeError, type(None)]
    assert (await letters.waiting())[0] == 2
    await letters.close()


def test_a_daemon_with_a_key_of_its_own_is_refused(cluster, database):
    """It would take the answers to the others' letters for strangers'."""
    from bot.store.postgres.schema import SchemaError, agree, forget_keys

    url = cluster.url(database)
    for keys in ((b"one",), (b"two", b"one"), (b"three", b"two")):  # the secret has been rotated
        agree(url, keys)
    with pytest.raises(SchemaError, match="DESK_SECRET_FILE"):
        agree(url, (b"four",))
    forget_keys(url)  # another desk has been restored here
    agree(url, (b"four",))


async def test_a_letter_whose_end_a_crash_took_back_is_claimed_again(cluster, database, monkeypatch):
    """It had been handled: that it goes into the archive need not be durable, and a repeat is absorbed."""
    letters = PostgresLetters(Database(cluster.url(database)))
    ident = IDS.new(NOW)
    await letters.take(b"x", Envelope(letter=ident, received=NOW, mail_from=""))
    assert await letters.claim(1) == [ident]
    await letters.done(ident)
    cluster.sql(f"update letters set place = 'waiting', claimed_by = '{letters._database.me}'", database)
    assert await letters.claim(1) == []
    monkeypatch.setattr("bot.store.postgres.letters.LOST", 0)
    assert await letters.claim(1) == [ident]
    await letters.close()


async def put_off(store: PostgresStore) -> Due:
    """The only letter of a ticket, given out and recorded as put off for five seconds: that record, to be made once more."""
    await commit(store, ticket(1, outgoing=(outgoing(),)))
    [given] = await store.due(NOW, 9)
    result = replace(given, letter=replace(given.letter, due=NOW + timedelta(seconds=5)))
    await store.delivered([result])
    return result


async def test_a_letter_whose_put_off_was_not_heard_of_is_not_given_out_while_it_is_in_hand(cluster, database, store):
    """Its commit was carried out and the answer lost, so it is recorded once more: in between it must not leave by another way."""
    result = await put_off(store)
    store._mine.add((1, 0, 1))  # as where the answer has been lost
    assert await store.due(result.letter.due, 9) == []
    await store.delivered([result])
    assert [one.ticket for one in await store.due(result.letter.due, 9)] == [1]


async def test_what_another_daemon_has_claimed_meanwhile_stays_its_own(cluster, database, store):
    result = await put_off(store)
    other = PostgresStore(Database(cluster.url(database)))
    await other.load()
    [theirs] = await other.due(result.letter.due, 9)
    await store.delivered([result])  # the answer to the first time has been lost
    assert await store.due(result.letter.due, 9) == []
    await other.delivered([done(theirs)])
    await other.close()


async def test_a_claim_that_was_carried_out_after_we_had_given_it_up_is_found(cluster, database, store, monkeypatch):
    await commit(store, ticket(1, outgoing=(outgoing(),)))
    assert await store.due(NOW - timedelta(days=1), 9) == []
    cluster.sql(f"update outbox set claimed_by = '{store._database.me}'", database)
    assert await store.due(NOW, 9) == []
    monkeypatch.setattr("bot.store.postgres.delivery_queue.LOST", 0)
    assert [one.ticket for one in await store.due(NOW, 9)] == [1]
