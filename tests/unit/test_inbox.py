"""The durable inbox: what was accepted is there after a crash or a power cut at any step, in one place."""

from __future__ import annotations

import asyncio
import errno
import os
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.disk import Disk
from bot.model import Envelope, NoLetterError
from bot.store.files.inbox import Inbox
from bot.store.letter_ids import Ids

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RAW = b"Subject: \xcf\xf0\xe8\xe2\xe5\xf2\r\n\r\nA NUL \x00, a bare \n, no line end"


class PowerCutError(BaseException):
    """No cleanup of the program runs after this."""


class Frail(Disk):
    """A disk whose power fails at a given step; then only what was synced is still there."""

    def __init__(self, last: float = float("inf")) -> None:
        self.left = last
        self.unsynced: list[tuple[Path, Path]] = []  # names given (new, old or itself) in folders not yet synced
        super().__init__()

    def step(self) -> None:
        if self.left <= 0:
            raise PowerCutError
        self.left -= 1

    def write(self, path: Path, data: bytes, mode: int = 0o640) -> None:
        self.step()
        try:
            super().write(path, data, mode)
        except PowerCutError:
            path.write_bytes(data[: len(data) // 2])
            raise

    def fsync(self, handle: int) -> None:
        self.step()
        super().fsync(handle)
        folder = Path(f"/proc/self/fd/{handle}").readlink()
        self.unsynced = [(new, old) for new, old in self.unsynced if new.parent != folder]

    def rename(self, source: Path, target: Path) -> None:
        self.step()
        super().rename(source, target)
        self.unsynced.append((target, source))

    def unlink(self, path: Path) -> None:
        self.step()
        super().unlink(path)

    def cut(self) -> None:
        """Take back every rename that no sync has made durable."""
        for new, old in reversed(self.unsynced):
            if new.exists() and not old.exists():
                new.rename(old)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def letter(inbox: Inbox, now: datetime = NOW, **fields: object) -> Envelope:
    return Envelope(letter=inbox.new_id(now), received=now, mail_from="user@example.org", **fields)


def accepted(inbox: Inbox, now: datetime = NOW) -> str:
    envelope = letter(inbox, now)
    inbox.accept(RAW, envelope)
    return envelope.letter


@pytest.fixture
def inbox(tmp_path):
    return Inbox(tmp_path, Disk())


def test_a_letter_comes_back_byte_by_byte_with_its_envelope(inbox):
    envelope = letter(inbox, recipients=("support@desk.example", "почта@desk.example"), client="::1")
    inbox.accept(RAW, envelope)
    assert inbox.read(envelope.letter) == (envelope, RAW)
    assert inbox.waiting() == [envelope.letter]


@given(raw=st.binary(max_size=200), sender=st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_bytes_and_any_sender_survive(tmp_path_factory, raw, sender):
    inbox = Inbox(tmp_path_factory.mktemp("inbox"), Disk())
    envelope = Envelope(letter=inbox.new_id(NOW), received=NOW, mail_from=sender)
    inbox.accept(raw, envelope)
    assert inbox.read(envelope.letter) == (envelope, raw)


def test_letters_wait_oldest_first_and_go_to_the_archive_of_their_day(inbox, tmp_path):
    late, early = accepted(inbox, NOW + timedelta(days=1)), Envelope(letter="20261121T000000000000-abcdef", received=NOW, mail_from="")
    inbox.accept(RAW, early)
    assert inbox.waiting() == [early.letter, late]
    inbox.done(late)
    inbox.done(late)
    assert (tmp_path / "archive" / "2026-11-23" / f"{late}.eml").exists()
    assert inbox.waiting() == [early.letter]
    assert inbox.read(late)[1] == RAW


def test_ids_sort_by_time_and_are_unique_even_when_the_clock_goes_back():
    ids = Ids()
    times = [NOW, NOW, NOW - timedelta(hours=1), NOW + timedelta(microseconds=2), NOW]
    made = [ids.new(now) for now in times for _ in range(50)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert Ids().new(NOW) != Ids().new(NOW), "other processes have other tails"


def test_a_parked_letter_keeps_its_reason_and_can_be_tried_again(inbox, tmp_path):
    name = accepted(inbox)
    inbox.park(name, "KeyError: 'x'", "t" * 10_000 + "the end", NOW)
    (parked,) = inbox.parked()
    assert (parked.letter, parked.reason, parked.at) == (name, "KeyError: 'x'", NOW)
    assert parked.trace.endswith("the end")
    assert len(parked.trace) < 5_000
    assert inbox.waiting() == []
    assert inbox.read(name)[1] == RAW
    inbox.retry(name)
    assert (inbox.waiting(), inbox.parked()) == ([name], [])
    assert names(tmp_path / "parked") == []


def test_a_dropped_letter_stays_accounted_for(inbox, tmp_path):
    name = accepted(inbox)
    inbox.park(name, "why", "", NOW)
    inbox.drop(name, NOW + timedelta(hours=1))
    assert inbox.parked() == []
    assert list(inbox.accepted_ids()) == [(name, "dropped")]
    assert "dropped" in (tmp_path / "archive" / "dropped" / f"{name}.json").read_text()
    assert inbox.read(name)[1] == RAW


def test_every_accepted_letter_is_named_once_with_its_place(inbox):
    waiting, archived, parked, dropped = (accepted(inbox) for _ in range(4))
    inbox.done(archived)
    for name in (parked, dropped):
        inbox.park(name, "why", "", NOW)
    inbox.drop(dropped, NOW)
    assert dict(inbox.accepted_ids()) == {waiting: "waiting", archived: "archived", parked: "parked", dropped: "dropped"}
    assert len(list(inbox.accepted_ids())) == 4


def test_a_letter_that_moves_while_they_are_counted_is_counted_once(inbox):
    names = [accepted(inbox) for _ in range(5)]
    found = inbox.accepted_ids()
    first = next(found)
    for name in names:
        inbox.done(name)
    assert sorted(letter for letter, _ in [first, *found]) == names


@pytest.mark.parametrize("name", ["20990101T000000000000-000000", "nonsense", "../../../etc/passwd", "", "a/b", "x\x00y"])
def test_a_letter_that_is_not_there_is_told(inbox, name):
    dated = (lambda letter: inbox.drop(letter, NOW), lambda letter: inbox.park(letter, "", "", NOW))
    for deed in (inbox.read, inbox.done, inbox.retry, *dated):
        with pytest.raises(NoLetterError, match="there is no"):
            deed(name)


def test_an_id_leads_nowhere_outside_the_inbox(inbox, tmp_path):
    (tmp_path / "outside.eml").write_bytes(b"X-Desk-Envelope: {}\nsecret")
    with pytest.raises(NoLetterError):
        inbox.read("../outside")


ID = "20260101T000000000000-abcdef"


def test_leftovers_are_swept_when_they_are_a_day_old(inbox, tmp_path):
    old, new = tmp_path / "inbox" / "tmp" / f"{ID}.eml", tmp_path / "inbox" / "tmp" / "tmpabcdefgh"
    orphan = tmp_path / "parked" / f"{ID}.json"
    for path in (old, new, orphan):
        path.write_bytes(b"half")
    for path in (old, orphan):
        os.utime(path, (0, 0))
    kept = accepted(inbox)
    inbox.park(kept, "why", "", NOW)
    assert inbox.remove_leftovers(datetime.now(UTC)) == 2
    assert names(tmp_path / "inbox" / "tmp") == ["tmpabcdefgh"]
    assert [parked.letter for parked in inbox.parked()] == [kept]


@pytest.mark.parametrize("step", ["write", "fsync", "rename", "fsync_folder"])
def test_a_full_disk_accepts_nothing_and_recovers_by_itself(tmp_path, monkeypatch, step):
    disk = Disk()
    inbox = Inbox(tmp_path, disk)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(disk, step, full)
        with pytest.raises(OSError, match="no space"):
            accepted(inbox)
    assert inbox.waiting() == []
    assert names(tmp_path / "inbox" / "tmp") == []
    accepted(inbox)
    assert len(inbox.waiting()) == 1


# Where a letter may be found of which this was said last; the next deed may have been done and not yet told.
AFTER = {"waiting": ("waiting", "archived", "parked"), "parked": ("parked", "dropped"), "dropped": ("dropped",)}


def story(inbox: Inbox, said: dict[str, str]) -> None:
    """What a desk does with four letters; `said` is what it has told the world so far."""
    for disposition in ("waiting", "archived", "parked", "dropped"):
        envelope = letter(inbox)
        inbox.accept(RAW, envelope)
        said[envelope.letter] = "waiting"
        if disposition == "archived":
            inbox.done(envelope.letter)
        elif disposition != "waiting":
            inbox.park(envelope.letter, "why", "", NOW)
            said[envelope.letter] = "parked"
            if disposition == "dropped":
                said[envelope.letter] = "waiting"
                inbox.retry(envelope.letter)
                inbox.park(envelope.letter, "why", "", NOW)
                said[envelope.letter] = "parked"
                inbox.drop(envelope.letter, NOW)
                said[envelope.letter] = "dropped"


def test_a_power_cut_at_any_step_loses_no_accepted_letter(tmp_path):
    finished = False
    for steps in count(20):
        disk, said = Frail(), {}
        data = tmp_path / str(steps)
        inbox = Inbox(data, disk)
        disk.left = steps - 20
        try:
            story(inbox, said)
            finished = True
        except PowerCutError:
            pass
        disk.cut()
        after = Inbox(data, Disk())
        places = dict(after.accepted_ids())
        assert len(list(after.accepted_ids())) == len(places)
        for name, told in said.items():
            assert after.read(name)[1] == RAW
            assert places[name] in AFTER[told], f"cut after {steps - 20} steps"
        assert all(after.read(name)[1] == RAW for name in places), "nothing half-written is taken for a letter"
        assert {parked.letter for parked in after.parked()} == {name for name, place in places.items() if place == "parked"}
        if finished:
            break
    assert steps > 40, "the story has many steps to be cut at"


async def test_letters_that_come_together_share_a_sync_and_are_all_there(tmp_path):
    class Counting(Disk):
        folders = 0

        def fsync_folder(self, folder: Path) -> None:
            self.folders += folder.name == "new"
            super().fsync_folder(folder)

    disk = Counting()
    inbox = Inbox(tmp_path, disk)
    envelopes = [letter(inbox) for _ in range(200)]
    before = disk.folders
    await asyncio.gather(*(inbox.take(RAW, envelope) for envelope in envelopes))
    assert inbox.waiting() == [envelope.letter for envelope in envelopes]
    assert disk.folders - before < 200


def test_a_letter_that_comes_in_during_the_sweep_is_no_trouble(tmp_path, monkeypatch):
    inbox = Inbox(tmp_path, Disk())
    monkeypatch.setattr(type(inbox._tmp), "iterdir", lambda folder: iter([folder / "renamed-meanwhile.eml"]))
    assert inbox.remove_leftovers(datetime.now(UTC)) == 0


def test_a_letter_whose_erasing_is_cut_off_leaves_no_note_that_nobody_finds(tmp_path):
    class Cut(Disk):
        def unlink(self, path: Path) -> None:
            super().unlink(path)
            if path.parent.name == "parked" and path.suffix:
                raise OSError(errno.EIO, "cut")

    inbox = Inbox(tmp_path, Disk())
    ident = inbox.new_id(NOW)
    inbox.accept(RAW, Envelope(letter=ident, received=NOW, mail_from="a@b"))
    inbox.park(ident, "why", "his words", NOW)
    with pytest.raises(OSError, match="cut"):
        Inbox(tmp_path, Cut()).erase(ident)
    assert ident in [letter for letter, _ in inbox.accepted_ids()] or not (tmp_path / "parked" / f"{ident}.json").exists()
    assert inbox.has(ident), "it is found again, and erased"
