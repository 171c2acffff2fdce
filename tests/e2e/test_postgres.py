"""Daemons on a PostgreSQL database, as real processes: one, several, one that is killed, and a database that goes away."""

from __future__ import annotations

import json
import signal
import smtplib
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from breaking import Breaking, breaking
from cluster import Cluster
from daemon import Running, text_of
from peers import block, relay

from bot.data.ledger import Account, account
from bot.model import Ticket

pytestmark = pytest.mark.postgres
IVAN, MARIA, ANNA = "ivan@example.org", "maria@example.org", "anna@providence.film"
PROBLEM = "После обновления не открывается фильм: чёрный экран после Play. Chrome 141, Windows 11. Что делать?"
TAKEOVER = 20.0  # seconds within which the claims of a dead daemon are free again


@pytest.fixture
def store(cluster: Cluster, database: str) -> str:
    return cluster.url(database)


def ledger(desk: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(desk.run("ledger", "--json").stdout)
    return found


def on_shelf(store: str) -> tuple[Account, list[Ticket]]:
    from bot.store.postgres.reader import PostgresDataReader

    with closing(PostgresDataReader(store)) as reader:
        return account(reader), list(reader.tickets())


def wait_until(true: Any, what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def test_a_conversation_and_every_command_on_a_database(tmp_path: Path, store: str) -> None:
    with Running(tmp_path / "data", DESK_STORE=store) as desk:
        desk.send(IVAN, PROBLEM, "Не открывается фильм")
        [ack], [notice] = desk.wait(IVAN, 1), desk.wait(ANNA, 1)
        assert ack["Subject"].startswith("[PF-1]")
        desk.send(IVAN, "Перезагрузил, то же самое.", answers=ack)
        wait_until(lambda: ledger(desk)["places"].get("appended"), "the answer joins")
        desk.send(ANNA, "#reply\nПопробуйте ещё раз.\n#resolve", answers=notice)
        assert "Попробуйте ещё раз." in text_of(desk.wait(IVAN, 2)[1])
        desk.send(ANNA, "#найти чёрного экрана", answers=notice)
        wait_until(lambda: any("Найдено: 1" in text_of(one) for one in desk.letters(ANNA)), "the search finds the text in any form")
        piped = desk.run("deliver", "--sender", MARIA, stdin=f"From: {MARIA}\nMessage-ID: <p@c>\nSubject: x\n\n{PROBLEM}\n".encode())
        assert piped.returncode == 0
        desk.wait(MARIA, 1)
        said = {name: desk.run(*name.split()) for name in ("list", "show 1", "health", "report", "ledger", "held list", "parked list", "overrides")}
        assert {name: done.returncode for name, done in said.items()} == dict.fromkeys(said, 0)
        assert desk.run("suppressed", "lift", IVAN).stdout == desk.run("held", "release").stdout == b"0 letter(s)\n"
        assert b"PF" in desk.run("explain", "-", stdin=b"From: a@b.example\nSubject: [PF-1] x\n\nx\n").stdout
        assert desk.run("replay", "--rules", desk.env["DESK_RULES"]).returncode == 0
        assert desk.run("repair").returncode == 2
    assert ledger(desk)["adds_up"]
    assert " error " not in desk.log()


def test_a_letter_that_is_too_large_is_told_to_the_leads(tmp_path: Path, store: str) -> None:
    large = f"From: {IVAN}\nMessage-ID: <large@c>\nSubject: x\n\n".encode() + (b"x" * 76 + b"\n") * 350_000
    with Running(tmp_path / "data", DESK_STORE=store) as desk:
        assert desk.run("deliver", "--sender", IVAN, stdin=large).returncode == 65
        [alert] = desk.wait(ANNA, 1)
        assert IVAN in alert["Subject"]
        assert ledger(desk)["places"] == {"machine": 1}
    assert ledger(desk)["adds_up"]


class Client(threading.Thread):
    """Writes letter after letter to daemon after daemon, as a mail server with several MX records does; remembers what was accepted."""

    def __init__(self, desks: list[Running], name: str, letters: int) -> None:
        super().__init__(daemon=True)
        self.desks, self.who, self.letters = desks, name, letters
        self.accepted: dict[str, str] = {}  # Message-ID -> sender
        self.unsure: set[str] = set()  # sent, and the 250 was never heard

    def run(self) -> None:
        for count in range(self.letters):
            sender, ident = f"{self.who}{count}@example.org", f"{self.who}.{count}@client.example"
            letter = EmailMessage()
            letter["From"], letter["To"], letter["Subject"], letter["Message-ID"] = sender, "support@providence.film", "Не работает", f"<{ident}>"
            letter.set_content(PROBLEM)
            for attempt in range(200):
                desk = self.desks[(count + attempt) % len(self.desks)]
                try:
                    with smtplib.SMTP("127.0.0.1", desk.port, timeout=10) as client:
                        client.sendmail(sender, ["support@providence.film"], letter.as_bytes())
                    self.accepted[ident] = sender
                    break
                except (OSError, smtplib.SMTPException):
                    self.unsure.add(ident)
                    time.sleep(0.02)


@pytest.fixture
def daemons(store: str, tmp_path: Path) -> Iterator[Callable[..., list[Running]]]:
    """Starts so many daemons on one database, and ends them whatever comes."""
    started: list[Running] = []

    def start(count: int, database: str = store, **settings: str) -> list[Running]:
        secret = tmp_path / "secret"
        secret.write_text("0123456789abcdef" * 4)
        secret.chmod(0o600)
        for number in range(count):
            started.append(Running(tmp_path / f"desk{number}", DESK_STORE=database, DESK_SECRET_FILE=str(secret), DESK_CAPS="off", **settings))
            started[-1].start()
        return started

    yield start
    for desk in started:
        if desk.process is not None and desk.process.poll() is None:
            desk.stop(signal.SIGKILL)


def settled(store: str) -> None:
    """Returns when every letter is handled and every answer sent."""
    import psycopg

    with psycopg.connect(store, autocommit=True) as connection:
        unsettled = "select (select count(*) from letters where place = 'waiting') + (select count(*) from outbox)"
        wait_until(lambda: connection.execute(unsettled).fetchone() == (0,), "all is handled and sent", TAKEOVER + 90)


def proved(store: str, clients: list[Client], desks: list[Running]) -> list[Ticket]:
    """The tickets, once all is quiet and the daemons have ended: what was accepted has one ticket and one acknowledgement, no number is missing."""
    accepted = {ident: sender for client in clients for ident, sender in client.accepted.items()}
    settled(store)
    for desk in desks:
        if desk.process is not None and desk.process.poll() is None:
            assert desk.stop() == 0
    found, tickets = on_shelf(store)
    assert (found.adds_up, found.places["parked"]) == (True, 0), found.as_text()
    assert [one.number for one in tickets] == list(range(1, len(tickets) + 1))
    opened = Counter(seen.message_id for one in tickets for seen in one.seen)
    by_sender = Counter(one.requester.email for one in tickets)
    assert [ident for ident, sender in accepted.items() if opened[ident] != 1 or by_sender[sender] != 1] == []
    letters = [letter for desk in desks for sender in accepted.values() for letter in desk.letters(sender)]
    assert {letter["To"] for letter in letters} == set(accepted.values())
    assert len({letter["Message-ID"] for letter in letters}) == len(accepted), "a second copy, if any, is the same letter"
    return tickets


@pytest.mark.slow
def test_of_three_daemons_on_one_database_one_is_killed_under_load(daemons: Callable[..., list[Running]], store: str) -> None:
    """Nothing lost, nothing doubled, one acknowledgement each; what the dead one had in hand is taken over."""
    desks = daemons(3)
    clients = [Client(desks, f"c{n}x", 15) for n in range(6)]
    for client in clients:
        client.start()
    wait_until(lambda: sum(len(one.accepted) for one in clients) > 30, "the load begins")
    wait_until(lambda: all(" opened " in desk.log() for desk in desks), "all of them have a share")
    desks[0].stop(signal.SIGKILL)
    for client in clients:
        client.join()
    assert sum(len(client.accepted) for client in clients) == 90
    proved(store, clients, desks)
    handled = [sum(" opened " in line for line in desk.log().splitlines()) for desk in desks]
    assert all(handled), f"all of them had a share: {handled}"


@pytest.mark.slow
def test_a_daemon_that_was_frozen_for_a_while_goes_on_and_doubles_nothing(daemons: Callable[..., list[Running]], store: str) -> None:
    """Its machine was suspended: others have taken over what it had in hand, and its turn, if it had one, was taken from it."""
    desks = daemons(2)
    clients = [Client(desks, f"c{n}x", 12) for n in range(6)]
    for client in clients:
        client.start()
    wait_until(lambda: sum(len(one.accepted) for one in clients) > 20, "the load goes on")
    assert desks[0].process is not None
    desks[0].process.send_signal(signal.SIGSTOP)
    time.sleep(2 * TAKEOVER + 5)
    desks[0].process.send_signal(signal.SIGCONT)
    for client in clients:
        client.join()
    assert sum(len(client.accepted) for client in clients) == 72
    proved(store, clients, desks)


@pytest.mark.slow
def test_a_database_that_crashes_under_load_loses_and_doubles_nothing(
    daemons: Callable[..., list[Running]], store: str, cluster: Cluster
) -> None:
    """GroupCommit that were not yet on disk are gone with it; nobody had been told of them."""
    desks = daemons(2)
    clients = [Client(desks, f"c{n}x", 10) for n in range(6)]
    for client in clients:
        client.start()
    for count in (10, 25, 40):
        wait_until(lambda count=count: sum(len(one.accepted) for one in clients) > count, "the load goes on", 60)
        cluster.stop("immediate")
        cluster.start()
    for client in clients:
        client.join()
    assert sum(len(client.accepted) for client in clients) == 60
    proved(store, clients, desks)


@contextmanager
def on_a_bad_way(store: str, cluster: Cluster, every: int) -> Iterator[tuple[Breaking, str]]:
    """A way to the database that breaks, after up to `every` messages, and the database's address on that way."""
    with tempfile.TemporaryDirectory(prefix="desk-way-") as folder, breaking(Path(folder) / "way", cluster.folder, every) as way:
        yield way, store.replace(quote(str(cluster.folder), safe=""), quote(f"{folder}/way", safe=""))


def under_load(desks: list[Running], way: Breaking, every: int) -> list[Client]:
    """Clients that have sent 60 letters, all of which were accepted in the end, while the way broke; then it is whole again."""
    clients = [Client(desks, f"c{n}x", 10) for n in range(6)]
    way.every = every
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    time.sleep(5)  # what was put off is on its way again
    way.every = 0
    assert min(way.broken.values()) > 5, way.broken
    assert sum(len(client.accepted) for client in clients) == 60
    return clients


@pytest.mark.slow
@pytest.mark.parametrize("every", [20, 60])
def test_a_way_to_the_database_that_breaks_at_any_message_loses_and_doubles_nothing(
    daemons: Callable[..., list[Running]], store: str, cluster: Cluster, every: int
) -> None:
    """A question is lost, or the answer to one that was carried out: whoever asked cannot know which."""
    with on_a_bad_way(store, cluster, every) as (way, address):
        desks = daemons(2, address)
        tickets = proved(store, under_load(desks, way, every), desks)
        assert len(tickets) >= 60


@pytest.mark.slow
def test_nor_does_a_relay_get_anything_twice_over_such_a_way(daemons: Callable[..., list[Running]], store: str, cluster: Cluster) -> None:
    with relay() as (moody, port), on_a_bad_way(store, cluster, 40) as (way, address):
        moody.mood = "lazy"
        clients = under_load(daemons(2, address, DESK_RELAY=f"smtp://127.0.0.1:{port}"), way, 40)
        settled(store)
        wanted = {sender for client in clients for sender in client.accepted.values()}
        assert wanted <= {to for to, _ in moody.got}
        ids = Counter(line for _, content in moody.got for line in content.splitlines() if line.startswith(b"Message-ID"))
        assert {line: count for line, count in ids.items() if count > 1} == {}


@pytest.mark.slow
def test_while_the_database_is_away_senders_are_told_to_come_again_and_then_all_goes_on(tmp_path: Path, cluster: Cluster, store: str) -> None:
    def code() -> int:
        letter = f"From: {MARIA}\r\nTo: support@providence.film\r\nMessage-ID: <{time.time_ns()}@c>\r\nSubject: x\r\n\r\n{PROBLEM}\r\n"
        try:
            with smtplib.SMTP("127.0.0.1", desk.port, timeout=30) as client:
                client.sendmail(MARIA, ["support@providence.film"], letter.encode())
        except smtplib.SMTPResponseException as error:
            return error.smtp_code
        return 250

    with Running(tmp_path / "data", DESK_STORE=store, DESK_UNDO="10", DESK_CAPS="off") as desk:
        desk.send(IVAN, PROBLEM, "Фильм")
        [notice] = desk.wait(ANNA, 1)
        desk.send(ANNA, "#reply\nЭто письмо должно уйти, пока базы нет.", answers=notice)
        desk.wait(ANNA, 2)
        due = time.monotonic() + 10
        cluster.stop("immediate")
        try:
            assert code() // 10 == 45
            piped = desk.run("deliver", stdin=b"From: a@b.example\n\nx\n")
            assert piped.returncode == 75
            time.sleep(max(1, due + 1 - time.monotonic()))
            assert len(desk.letters(IVAN)) == 1, "what cannot be recorded does not leave"
        finally:
            cluster.start()
        wait_until(lambda: code() == 250, "letters are taken again")
        assert "должно уйти" in text_of(desk.wait(IVAN, 2)[1])
        desk.wait(MARIA, 1)
        wait_until(lambda: not ledger(desk)["places"].get("waiting"), "all is handled")
    found = ledger(desk)
    assert found["adds_up"]
    assert len(desk.letters(IVAN)) == 2


@pytest.mark.slow
def test_one_of_two_leads_and_the_other_takes_over(tmp_path: Path, store: str, cluster: Cluster, database: str) -> None:
    secret = str(tmp_path / "secret")
    holders = "select pid from pg_locks join pg_stat_activity using (pid) where locktype = 'advisory' and datname = '{}' and objid = 7002"

    def leaders() -> list[object]:
        return [pid for (pid,) in cluster.sql(holders.format(database))]

    with Running(tmp_path / "one", DESK_STORE=store, DESK_SECRET_FILE=secret) as one:
        wait_until(leaders, "the first one leads", 15)
        first = leaders()
        with Running(tmp_path / "two", DESK_STORE=store, DESK_SECRET_FILE=secret):
            one.stop(signal.SIGKILL)
            wait_until(lambda: leaders() not in ([], first), "the second one leads", 25)
            assert len(leaders()) == 1


def test_a_schema_that_is_missing_old_or_newer_is_named(tmp_path: Path, cluster: Cluster) -> None:
    for command in block("sql database").strip().splitlines():
        cluster.sql(command.replace("role desk", "role keeper").replace("database desk owner desk", "database bare owner keeper"))
    desk = Running(tmp_path / "data", DESK_STORE=cluster.url("bare").replace("desk@", "keeper@"))
    assert b"run.py migrate" in desk.run("serve").stderr
    assert desk.run("migrate").stdout == b"schema none -> 0002\n"
    assert desk.run("migrate").stdout == b"schema 0002\n"
    assert desk.run("ledger").returncode == 0
    assert b"the database answers" in desk.run("doctor", "--no-letter").stdout
    cluster.sql("update alembic_version set version_num = '9999'", "bare")
    for command in ("serve", "migrate", "ledger"):
        refused = desk.run(command)
        assert refused.returncode == 2
        assert b"9999" in refused.stderr
    cluster.sql("update alembic_version set version_num = 'ae1027a6acf'", "bare")
    assert b"another program's" in desk.run("ledger").stderr
    gone = Running(tmp_path / "data", DESK_STORE=cluster.url("nowhere"))
    nowhere = gone.run("serve")
    assert (nowhere.returncode, b"nowhere" in nowhere.stderr) == (75, True)
    unset = Running(tmp_path / "data").run("migrate")
    assert (unset.returncode, unset.stdout.startswith(b"format ")) == (0, True), "of files"
