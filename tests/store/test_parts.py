"""A long ticket: what is new in its own file, its past in parts that are written once."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from contract import IVAN, NOW, commit, done, outgoing, ticket
from hypothesis import given, settings
from hypothesis import strategies as st
from looking import ticket_of
from msgspec.structs import replace

from bot.data import erasure
from bot.data.health import repair
from bot.disk import Disk
from bot.model import Audience, Delivery, Disposition, Entry, Outgoing, Seen, Status, Ticket
from bot.store import parts
from bot.store.files.documents import read_head, read_ticket
from bot.store.files.reader import FileDataReader
from bot.store.files.retention import erase_old
from bot.store.files.store import FileStore
from bot.store.parts import Past, as_line, divided, joined

ROOT = Path(__file__).resolve().parents[2]
ANNA = "anna@providence.film"


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FRESH": 2, "ROOM": 1000, "LARGEST": 6, "FULL": 5000, "WHOLE": 2, "MOST_WHOLE": 500, "LEAD": 0}.items():
        monkeypatch.setattr(parts, name, value)


def said(number: int, **more: Any) -> Entry:
    return Entry(at=NOW + timedelta(minutes=number), kind="letter", public=True, who=IVAN, text=f"слова {number}", message_id=f"{number}@c", **more)


def seen(number: int) -> Seen:
    return Seen(letter=f"letter-{number}", disposition=Disposition.appended, message_id=f"{number}@c", fingerprint="f")


def sent(number: int, **more: Any) -> Outgoing:
    body, headers = f"дело {number}", (("Reply-To", "x@y"), ("X", "y"))
    return outgoing(number, **{"to": ANNA, "audience": Audience.agent, "state": Delivery.sent, "body": body, "headers": headers, **more})


def long(count: int = 20, **more: Any) -> Ticket:
    numbers = range(1, count + 1)
    lists = {"entries": tuple(map(said, numbers)), "seen": tuple(map(seen, numbers)), "outgoing": tuple(map(sent, numbers))}
    return ticket(1, **lists | more)


# ------------------------------------------------------------------------------------------------ dividing

CHANGES = st.lists(st.tuples(st.sampled_from(["letter", "letter", "settle", "edit", "shorter", "merge"]), st.integers(0, 40)), max_size=40)


def changed(one: Ticket, what: str, place: int) -> Ticket:
    if what == "letter":
        number = max((letter.id for letter in one.outgoing), default=0) + 1
        state = (Delivery.waiting, Delivery.failed, Delivery.sent)[place % 3]
        audience, to = ((Audience.requester, IVAN), (Audience.agent, ANNA))[place % 2]
        letters = (*one.outgoing, sent(number, state=state, audience=audience, to=to))
        return replace(one, entries=(*one.entries, said(number)), seen=(*one.seen, seen(number)), outgoing=letters)
    if what == "settle":
        over = {letter.id for letter in one.outgoing[place % 7 :: 3]}
        return replace(one, outgoing=tuple(replace(letter, state=Delivery.sent) if letter.id in over else letter for letter in one.outgoing))
    if what == "shorter":
        return replace(one, entries=one.entries[place:])
    rest = one.entries[place + 1 :]
    if what == "edit" and place < len(one.entries):
        return replace(one, entries=(*one.entries[:place], replace(one.entries[place], text="***"), *rest))
    return replace(one, entries=(*one.entries[:place], said(900 + place), *one.entries[place:]))


def without_words(one: Ticket) -> Ticket:
    """What was sent to staff may be a line by then."""
    return replace(one, outgoing=tuple(map(as_line, one.outgoing)))


@given(CHANGES)
@settings(max_examples=150, deadline=None)
def test_whatever_changes_the_parts_and_the_head_are_the_ticket(changes: list[tuple[str, int]]) -> None:
    one, past, stored = ticket(1), Past(), dict[int, Any]()
    for change in changes:
        before, one = one, changed(one, *change)
        division = divided(one, past)
        for name, content in division.new.items():
            assert name not in stored, "a part is never written twice"
            stored[name] = content
        past = division.past
        assert without_words(division.ticket) == without_words(one)
        assert joined(division.head, [stored[part.name] for part in past.parts]) == division.ticket
        assert divided(division.ticket, past).new == {}, "what has not changed is not written"
        assert all(letter.state is Delivery.sent for content in past.sealed.values() for letter in content.outgoing)
        if division.ticket == before:
            assert division.new == {}
        one = division.ticket


def test_the_tickets_own_file_does_not_grow() -> None:
    heads, past, one = [], Past(), ticket(1)
    for number in range(1, 200):
        one = replace(one, entries=(*one.entries, said(number)), seen=(*one.seen, seen(number)), outgoing=(*one.outgoing, sent(number)))
        division = divided(one, past)
        one, past = division.ticket, division.past
        heads.append(division.head)
    assert max(len(head.entries) for head in heads) <= 2 * parts.FRESH
    assert max(len(head.outgoing) for head in heads) <= 2 * parts.FRESH
    assert len(past.parts) < 60


def test_a_letter_that_waits_or_failed_stays_in_the_head() -> None:
    letters = [sent(number) for number in range(1, 20)]
    letters[3], letters[16] = replace(letters[3], state=Delivery.failed), replace(letters[16], state=Delivery.waiting)
    division = divided(long(19, outgoing=tuple(letters)), Past())
    assert [one.id for one in division.head.outgoing][:1] == [4]
    assert 17 in [one.id for one in division.head.outgoing]
    assert [one.id for one in division.ticket.outgoing] == list(range(1, 20))


def test_what_was_sent_to_staff_becomes_a_line_and_what_the_customer_got_stays() -> None:
    letters = [sent(number, to=IVAN, audience=Audience.requester) if number % 5 == 0 else sent(number) for number in range(1, 21)]
    known = divided(long(outgoing=tuple(letters)), Past()).ticket.outgoing
    staff = [one for one in known if one.audience is Audience.agent]
    assert [one.body for one in staff if one.body] == ["дело 19"]
    assert {(one.to, one.template, one.subject, one.created) for one in staff} == {(ANNA, "acknowledgement", "s", NOW)}
    assert [one.body for one in known if one.audience is Audience.requester] == ["дело 5", "дело 10", "дело 15", "дело 20"]


# ------------------------------------------------------------------------------------------------ on disk


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def opened(data: Path, disk: Disk | None = None) -> FileStore:
    store = FileStore(data, disk or Disk(), NOW)
    await store.load()
    return store


def part_files(data: Path) -> list[Path]:
    return sorted((data / "tickets" / "parts").rglob("1.*.json"))


async def grown(data: Path, letters: int = 20) -> Ticket:
    store, one = await opened(data), ticket(1)
    for number in range(1, letters + 1):
        one = replace(await ticket_of(store, 1) or one, changed=NOW + timedelta(minutes=number))
        one = replace(one, entries=(*one.entries, said(number)), seen=(*one.seen, seen(number)), outgoing=(*one.outgoing, sent(number)))
        await commit(store, one)
    last = await ticket_of(store, 1)
    await store.close()
    assert last is not None
    return last


async def test_the_desk_and_every_reader_see_it_whole(data: Path) -> None:
    one = await grown(data)
    assert len(one.entries) == 21
    assert len(part_files(data)) == len(read_head(data / "tickets" / "live" / "1.json").parts) > 2
    again = await opened(data)
    assert await ticket_of(again, 1) == one
    assert FileDataReader(data).ticket(1) == one
    assert list(FileDataReader(data).tickets()) == [one]
    await again.close()


async def test_what_is_the_same_is_not_written(data: Path) -> None:
    one, before = await grown(data), {}
    store = await opened(data)
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*.json")}
    await commit(store, (await ticket_of(store, 1)) or one)
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*.json")} == before
    await commit(store, replace(one, subject="другая"))
    changed_files = [path.name for path in data.rglob("*.json") if path.stat().st_mtime_ns != before.get(path)]
    assert changed_files == ["1.json"]
    await store.close()


async def test_what_changes_in_the_past_is_written_under_a_new_name(data: Path) -> None:
    one = await grown(data)
    store, before = await opened(data), part_files(data)
    known = await ticket_of(store, 1)
    assert known == one
    unsaid = (replace(one.entries[0], text="***"), *one.entries[1:])
    await commit(store, replace(one, entries=unsaid))
    after = part_files(data)
    assert len(after) == len(before)
    assert set(before) - set(after) == {before[0]} or len(set(before) - set(after)) == 1
    assert not any("не работает" in path.read_text("utf-8") for path in after), "the old words are gone from the disk"
    await store.close()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"{}"), lambda path: path.write_bytes(b"\0" * 9)])
async def test_a_part_that_is_gone_or_broken_breaks_its_ticket_by_name(data: Path, spoil: Callable[[Path], Any]) -> None:
    await grown(data)
    spoil(part_files(data)[1])
    store = await opened(data)
    assert store.broken == [str(data / "tickets" / "live" / "1.json")]
    with pytest.raises(msgspec.DecodeError, match=r"1\.\d+\.json"):
        FileDataReader(data).ticket(1)
    await store.close()


async def test_a_part_that_cannot_be_read_is_unknown_and_not_missing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await grown(data)
    part = part_files(data)[0]
    from bot.store.files import documents

    real = documents.read_regular

    def fails(path: Path, *more: Any) -> bytes:
        if path == part:
            raise OSError(5, "Input/output error", str(path))
        return real(path, *more)

    monkeypatch.setattr(documents, "read_regular", fails)
    with pytest.raises(OSError, match="Input/output"):
        read_ticket(data / "tickets" / "live" / "1.json")


async def test_a_copy_of_another_part_is_no_part(data: Path) -> None:
    await grown(data)
    first, second, *_ = part_files(data)
    second.write_bytes(first.read_bytes())
    with pytest.raises(msgspec.DecodeError, match="does not hold its part"):
        read_ticket(data / "tickets" / "live" / "1.json")


async def test_parts_that_no_ticket_names_go_at_the_next_start(data: Path) -> None:
    one = await grown(data)
    head = read_head(data / "tickets" / "live" / "1.json")
    gone = set(range(1, head.made + 1)) - {part.name for part in head.parts}
    stray = part_files(data)[0].with_name(f"1.{min(gone)}.json")
    stray.write_bytes(part_files(data)[0].read_bytes())
    other = stray.with_name("77.1.json")
    other.write_bytes(b"{}")
    store = await opened(data)
    assert (stray.exists(), other.exists()) == (False, True), "what belongs to no ticket that is known stays"
    assert await ticket_of(store, 1) == one
    await store.close()


async def test_a_filed_ticket_comes_back_and_goes_on(data: Path) -> None:
    one = await grown(data)
    store = await opened(data)
    await commit(store, replace(one, status=Status.done, done_at=NOW))
    assert await store.archive_done(NOW + timedelta(days=90), 14) == 1
    back = await ticket_of(store, 1)
    assert back is not None
    assert len(back.entries) == 21
    await commit(store, replace(back, status=Status.in_progress, done_at=None, entries=(*back.entries, said(99))))
    await store.close()
    found = FileDataReader(data).ticket(1)
    assert found is not None
    assert [entry.text for entry in found.entries][-1] == "слова 99"
    assert len(found.entries) == 22


async def test_erasing_leaves_no_part(data: Path) -> None:
    one = await grown(data)
    store = await opened(data)
    await commit(store, replace(one, status=Status.done, done_at=NOW))
    await store.archive_done(NOW + timedelta(days=90), 14)
    await store.close()

    filed = data / "tickets" / "done" / "000" / "1.json"
    os.utime(filed, (0, 0))
    gone: list[str] = []
    stray = part_files(data)[0].with_name("1.99.json")
    stray.write_bytes(b"{}")
    list(erase_old(data, Disk(), gone.append, NOW + timedelta(days=1), lambda: False))
    assert (part_files(data), len(gone)) == ([], 21)


async def test_results_of_delivery_change_the_head_alone(data: Path) -> None:
    await grown(data)
    store = await opened(data)
    one = await ticket_of(store, 1)
    assert one is not None
    await commit(store, replace(one, outgoing=(*one.outgoing, outgoing(21, due=NOW))))
    before = part_files(data)
    [due] = await store.due(datetime.now(UTC) + timedelta(days=9), 9)
    await store.delivered([done(due)])
    known = await ticket_of(store, 1)
    assert known is not None
    assert known.outgoing[-1].state is Delivery.sent
    assert part_files(data) == before
    await store.close()


# ------------------------------------------------------------------------------------ what others tried


async def test_retention_leaves_alone_a_part_whose_head_is_on_its_way(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is durable before the ticket's own file names it; it was taken for a stray then."""
    one = await grown(data)
    slow, renaming, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()

    class Slow(Disk):
        def rename(self, source: Path, target: Path) -> None:
            if target.name == "1.json":
                loop.call_soon_threadsafe(renaming.set)
                slow.wait(5)
            super().rename(source, target)

    store = await opened(data, Slow())
    numbers = range(30, 40)
    more = replace(one, entries=(*one.entries, *map(said, numbers)), seen=(*one.seen, *map(seen, numbers)))
    writing = asyncio.create_task(commit(store, more))
    await renaming.wait()
    await store.expire(NOW - timedelta(days=900), Gone())
    slow.set()
    await writing
    await store.close()
    assert FileDataReader(data).ticket(1) == await reread(data)
    assert len((await reread(data)).entries) == 31


class Gone:
    """In the place of Letters."""

    async def erase(self, letter: str) -> None:
        """Nothing is erased here."""


async def reread(data: Path) -> Ticket:
    store = await opened(data)
    found = await ticket_of(store, 1)
    await store.close()
    assert found is not None
    return found


async def test_an_older_head_put_back_by_hand_costs_no_newer_part(data: Path) -> None:
    await grown(data, 12)
    head = data / "tickets" / "live" / "1.json"
    older = head.read_bytes()
    store = await opened(data)
    one = await ticket_of(store, 1)
    assert one is not None
    numbers = range(30, 50)
    await commit(store, replace(one, entries=(*one.entries, *map(said, numbers)), seen=(*one.seen, *map(seen, numbers))))
    await store.close()
    newer = head.read_bytes()
    head.write_bytes(older)
    await (await opened(data)).close()
    head.write_bytes(newer)
    assert len((await reread(data)).entries) == 33


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
async def test_a_part_that_is_no_file_breaks_its_ticket_as_a_missing_one_does(data: Path, kind: str) -> None:
    await grown(data)
    part = part_files(data)[1]
    part.unlink()
    if kind == "folder":
        part.mkdir()
    elif kind == "link":
        part.symlink_to("/dev/null")
    else:
        os.mkfifo(part)
    store = await opened(data)
    assert store.broken == [str(data / "tickets" / "live" / "1.json")]
    with pytest.raises(msgspec.DecodeError, match=part.name):
        await ticket_of(store, 1)
    await store.close()


async def test_repair_does_nothing_while_a_part_cannot_be_read_just_now(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.store.files import documents

    await grown(data)
    part, real = part_files(data)[0], documents.read_regular

    def fails(path: Path, *more: Any) -> bytes:
        if path == part:
            raise OSError(5, "Input/output error", str(path))
        return real(path, *more)

    monkeypatch.setattr(documents, "read_regular", fails)
    with pytest.raises(OSError, match="Input/output"):
        repair(data, lambda words: None)
    assert (data / "tickets" / "live" / "1.json").exists()


async def test_repair_sets_the_parts_aside_with_their_ticket_and_its_number_is_not_given_again(data: Path) -> None:
    await grown(data)
    part_files(data)[1].write_bytes(b"{}")
    assert repair(data, lambda words: None) == 1
    assert part_files(data) == []
    aside = sorted(path.name for path in (data / "tickets" / "broken").iterdir())
    assert "1.json" in aside
    assert len(aside) > 3
    store = await opened(data)
    assert store.index.highest == 1
    await store.close()


async def test_the_number_of_a_ticket_whose_own_file_is_lost_is_not_given_again(data: Path) -> None:
    await grown(data)
    (data / "tickets" / "live" / "1.json").unlink()
    store = await opened(data)
    assert store.index.highest == 1
    await store.close()


def test_a_long_ticket_that_comes_at_once_has_parts_of_the_usual_size() -> None:
    division = divided(long(60), Past())
    assert max(len(part.entries) for part in division.past.sealed.values()) <= parts.LARGEST
    assert len(division.past.parts) >= 9
    assert joined(division.head, division.past.sealed.values()) == division.ticket


async def test_forget_finds_a_person_in_parts_that_no_ticket_has(data: Path) -> None:
    await grown(data)
    lost = part_files(data)[0].with_name("77.1.json")
    lost.write_bytes(part_files(data)[0].read_bytes())
    young = lost.with_name("78.1.json")
    young.write_bytes(lost.read_bytes())
    os.utime(lost, (0, 0))
    before = len(part_files(data))
    erasure.files_without(data, erasure.trace(FileDataReader(data), IVAN, NOW))
    assert (lost.exists(), young.exists(), len(part_files(data))) == (False, True, before), "a young one may be on its way"


@pytest.mark.parametrize("command", ["list", "report"])
async def test_a_listing_says_what_it_leaves_out(data: Path, command: str) -> None:
    await grown(data)
    part_files(data)[1].unlink()
    env = {**os.environ, "DESK_DATA": str(data), "DESK_RULES": str(ROOT / "rules.yaml"), "DESK_TEMPLATES": str(ROOT / "templates")}
    listed = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "run.py"), command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, said_wrong = await listed.communicate()
    assert (listed.returncode, b"1.json" in said_wrong, b"run.py repair" in said_wrong) == (1, True, True)
