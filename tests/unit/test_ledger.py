"""The ledger names every letter that is not in exactly one place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from contract import NOW, commit, record, ticket

from bot.data.health import repair
from bot.data.ledger import account
from bot.disk import Disk
from bot.model import Disposition, Envelope
from bot.store.files.inbox import Inbox
from bot.store.files.reader import FileDataReader
from bot.store.files.store import FileStore


class Books:
    """A desk's folder into which letters and their dispositions are put by hand."""

    def __init__(self, data: Path) -> None:
        self.data, self.inbox = data, Inbox(data, Disk())
        self.store = FileStore(data, Disk(), NOW)

    def letter(self) -> str:
        ident = self.inbox.new_id(NOW)
        self.inbox.accept(b"Subject: x\r\n\r\n", Envelope(letter=ident, received=NOW, mail_from="a@b"))
        return ident

    def archived(self) -> str:
        ident = self.letter()
        self.inbox.done(ident)
        return ident


@pytest.fixture
async def books(tmp_path):
    one = Books(tmp_path)
    await one.store.load()
    return one


async def test_each_accepted_letter_is_in_one_place(books):
    await commit(
        books.store, ticket(1, books.archived()), records=(record(books.archived()), record(books.archived(), disposition=Disposition.duplicate))
    )
    parked, dropped = books.letter(), books.letter()
    books.letter()
    for ident in (parked, dropped):
        books.inbox.park(ident, "why", "", NOW)
    books.inbox.drop(dropped, NOW)
    found = account(FileDataReader(books.data))
    assert found.adds_up
    assert (found.accepted, dict(found.places)) == (6, {"opened": 1, "machine": 1, "duplicate": 1, "parked": 1, "dropped": 1, "waiting": 1})
    assert found.as_text().startswith("6 accepted = 1 opened + 0 appended + 1 machine + 1 duplicate + 1 parked + 1 dropped + 1 waiting")


async def test_a_letter_that_was_committed_and_not_yet_put_away_counts_once(books):
    await commit(books.store, ticket(1, books.letter()))
    found = account(FileDataReader(books.data))
    assert (found.adds_up, found.accepted, dict(found.places)) == (True, 1, {"opened": 1})


async def test_what_does_not_add_up_is_named(books):
    lost, twice = books.archived(), books.archived()
    await commit(books.store, ticket(1, twice))
    await commit(books.store, ticket(2, twice))
    await commit(books.store, ticket(3, "never-accepted"))
    (books.data / "tickets/live/4.json").write_bytes(b"{")
    found = account(FileDataReader(books.data))
    assert not found.adds_up
    assert (found.lost, found.twice, found.unknown) == ([lost], [twice], ["never-accepted"])
    assert [Path(one).name for one in found.broken] == ["4.json"]
    text = found.as_text()
    assert all(words in text for words in (f"not accounted for: {lost}", f"accounted for twice: {twice}", "4.json", "does NOT add up"))


async def test_many_that_are_lost_are_counted_and_not_all_listed(books):
    for _ in range(30):
        books.archived()
    lines = account(FileDataReader(books.data)).as_text().splitlines()
    assert "not accounted for: … 30 in all" in lines
    assert len(lines) == 23


async def test_two_broken_files_of_one_ticket_are_both_set_aside(books):
    ident = books.archived()
    await commit(books.store, ticket(1, ident))
    filed = books.data / "tickets/done/000/1.json"
    filed.parent.mkdir(parents=True)
    for path, content in ((filed, b"filed"), (books.data / "tickets/live/1.json", b"live")):
        path.write_bytes(content)
    assert [repair(books.data, print) for _ in range(2)] == [2, 0]
    assert sorted(path.read_bytes() for path in (books.data / "tickets/broken").iterdir()) == [b"filed", b"live"]
    assert books.inbox.waiting() == [ident]


async def test_a_ticket_that_we_may_not_read_is_not_set_aside(books, monkeypatch):
    """Written by root, say: nothing is wrong with it, and its letters must not be handled again."""
    await commit(books.store, ticket(1, books.archived()))
    path = books.data / "tickets/live/1.json"
    real = os.open

    def refused(name, *how):
        if name == path:
            raise PermissionError(13, "Permission denied", str(path))
        return real(name, *how)

    monkeypatch.setattr(os, "open", refused)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError):
        repair(books.data, print)
    assert path.exists()
    assert books.inbox.waiting() == []
