"""Letters leave once, in time, within the shared windows; trouble with one keeps no other."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest
from contract import IVAN, MARIA, NOW, commit, outgoing, ticket
from looking import ticket_of
from msgspec.structs import replace
from spoken import SHIPPED

from bot.delivery import outbox
from bot.delivery.outbox import Outbox, OutboxDesk, SendingRules
from bot.delivery.result import Result
from bot.delivery.sender import DirectSender
from bot.disk import Disk
from bot.model import Audience, Delivery, FileReference
from bot.rendering.compose import composed
from bot.store.files.store import FileStore
from bot.store.interface import Due

LAYOUT = "<html>{{ body }}</html>"


@dataclass
class Limits:
    domain_hour: int = 1000
    all_10_min: int = 1000
    staff_10_min: int = 1000
    held_after_minutes: int = 60


class Store(FileStore):
    """A store that has the addresses in our hands that get no automatic mail."""

    def __init__(self, *places: Any) -> None:
        super().__init__(*places)
        self.gone: set[str] = set()

    async def suppressed(self, people: Collection[str], now: datetime) -> set[str]:
        return self.gone.intersection(people)


class Desk:
    """An outbox over a real store, with a relay and a clock in our hands."""

    def __init__(self, data: Any) -> None:
        self.now = NOW
        self.store = Store(data, Disk(), NOW)
        self.got: list[tuple[str, bytes]] = []
        self.tried: list[bytes] = []
        self.results: dict[str, Result | Exception] = {}
        self.stuck = asyncio.Event()  # while it is not set, letters to "stuck@…" do not come back
        self.given_up: list[Due] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.limits = Limits()
        tell = lambda event, **fields: self.told.append((event, fields))  # noqa: E731
        outbox_desk = OutboxDesk(self.extract, self.give_up, self.alarm, self.rules, lambda: self.now, tell)
        self.outbox = Outbox(self.store, DirectSender(self, lambda: LAYOUT, composed), outbox_desk, together=False)

    def rules(self) -> SendingRules:
        return SendingRules(("desk@x", "Desk"), self.limits, lambda names, language: SHIPPED.terms(language).say("left_out", ", ".join(names)))

    async def send(self, letter: bytes, mail_from: str, to: str, tries: int = 0) -> Result:
        self.tried.append(letter)
        if to.startswith("stuck"):
            await self.stuck.wait()
        result = self.results.get(to, Result("sent", "250 ok", 250))
        if isinstance(result, Exception):
            raise result
        if result.state == "sent":
            self.got.append((to, letter))
        return result

    async def close(self) -> None: ...

    async def extract(self, files: Sequence[FileReference]) -> dict[FileReference, bytes]:
        raise LookupError(files[0].letter)

    async def give_up(self, one: Due) -> None:
        self.given_up.append(one)

    async def alarm(self, words: str) -> None:
        self.told.append(("alarm", {"words": words}))

    async def work(self, at: datetime = NOW) -> list[str]:
        self.now = at
        while due := await self.store.due(at, 100):
            await self.outbox.deliver(due)
        found = await ticket_of(self.store, 1)
        return [one.state.value for one in found.outgoing] if found else []


@pytest.fixture
async def desk(tmp_path):
    one = Desk(tmp_path)
    await one.store.load()
    return one


async def test_each_recipient_has_a_result_of_its_own(desk):
    desk.results = {"no@x": Result("failed", "550 nobody", 550), "later@x": Result("retry", "451 later", 451), "bug@x": RuntimeError("odd")}
    await commit(desk.store, ticket(1, outgoing=tuple(outgoing(n, to) for n, to in enumerate(("ok@x", "no@x", "later@x", "bug@x"), 1))))
    assert await desk.work() == ["sent", "failed", "waiting", "waiting"]
    assert [one.letter.to for one in desk.given_up] == ["no@x"]
    desk.results = {}
    assert await desk.work(NOW + timedelta(minutes=5)) == ["sent", "failed", "sent", "sent"]
    assert [to for to, _ in desk.got] == ["ok@x", "later@x", "bug@x"]


async def test_a_try_again_is_the_same_letter_byte_for_byte(desk):
    desk.results = {IVAN: Result("retry", "451", 451)}
    await commit(desk.store, ticket(1, outgoing=(outgoing(),)))
    await desk.work()
    desk.results = {}
    await desk.work(NOW + timedelta(minutes=5))
    assert len(desk.tried) == 2
    assert desk.tried[0] == desk.tried[1]


async def test_a_letter_is_given_up_after_five_days_and_its_ticket_hears_of_it(desk):
    desk.results = {IVAN: Result("retry", "451", 451)}
    await commit(desk.store, ticket(1, outgoing=(outgoing(),)))
    for hour in range(24 * 6):
        await desk.work(NOW + timedelta(hours=hour))
    assert await desk.work(NOW + timedelta(days=7)) == ["failed"]
    assert len(desk.given_up) == 1


async def test_no_automatic_letter_to_a_suppressed_address_but_an_agents_own_leaves(desk):
    desk.store.gone = {IVAN}
    await commit(desk.store, ticket(1, outgoing=(outgoing(1), outgoing(2, automatic=False))))
    assert await desk.work() == ["cancelled", "sent"]


async def test_over_a_window_letters_wait_and_leave_as_it_frees(desk):
    desk.limits = Limits(all_10_min=3)
    await commit(desk.store, ticket(1, outgoing=tuple(outgoing(n) for n in range(1, 6))))
    assert (await desk.work()).count("sent") == 3
    assert (await desk.work(NOW + timedelta(minutes=9))).count("sent") == 3
    assert (await desk.work(NOW + timedelta(minutes=11))).count("sent") == 5


async def test_a_domain_has_a_window_and_staff_have_their_own(desk):
    desk.limits = Limits(domain_hour=1, staff_10_min=2)
    letters = [outgoing(1, "a@x"), outgoing(2, "b@x"), outgoing(3, "c@y"), *(outgoing(n, "anna@x", audience=Audience.agent) for n in (4, 5, 6))]
    await commit(desk.store, ticket(1, outgoing=tuple(letters)))
    assert await desk.work() == ["sent", "waiting", "sent", "sent", "sent", "waiting"]


async def test_what_waits_for_a_window_for_more_than_an_hour_is_held(desk):
    desk.limits = Limits(all_10_min=0 + 1)
    await commit(desk.store, ticket(1, outgoing=tuple(outgoing(n) for n in range(1, 10))))
    states = []
    for minute in range(0, 90, 10):
        states = await desk.work(NOW + timedelta(minutes=minute, seconds=minute))
    assert states.count("held") + states.count("sent") == 9
    assert states.count("held") >= 2
    assert Delivery.held in {one.letter.state for one in await desk.store.stuck(Delivery.held)}


async def test_a_lost_attachment_does_not_keep_the_letter(desk):
    lost = FileReference(letter="gone", part=1, name="a.png", type="image/png", size=1)
    await commit(desk.store, ticket(1, outgoing=(outgoing(attachments=(lost,)),)))
    assert await desk.work() == ["sent"]
    assert ("attachment", "gone") in [(fields.get("where"), fields.get("words", "").strip("'")) for event, fields in desk.told if event == "error"]


async def test_a_relay_that_keeps_one_letter_keeps_no_other(desk):
    await commit(desk.store, ticket(1, outgoing=(outgoing(1, "stuck@x"),)))
    running = asyncio.ensure_future(desk.outbox.run())
    async with asyncio.timeout(5):
        while not desk.tried:  # noqa: ASYNC110  there is no event for it
            await asyncio.sleep(0.01)
        await commit(desk.store, ticket(2, outgoing=(outgoing(1, MARIA),)))
        while not desk.got:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert [to for to, _ in desk.got] == [MARIA]
        desk.stuck.set()
        while len(desk.got) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [to for to, _ in desk.got] == [MARIA, "stuck@x"]
    running.cancel()


async def test_a_result_is_recorded_as_soon_as_the_disk_is_well_again(desk, monkeypatch):
    monkeypatch.setattr(outbox, "PATIENCE", timedelta(milliseconds=10))
    await commit(desk.store, ticket(1, outgoing=(outgoing(),)))
    original, tries = desk.store.delivered, []

    async def ill(results):
        tries.append(1)
        if len(tries) < 4:
            raise OSError(28, "full")
        await original(results)

    desk.store.delivered = ill
    assert await desk.work() == ["sent"]
    assert (len(tries), len(desk.got)) == (4, 1)


@pytest.mark.parametrize("together", [False, True])
async def test_letters_that_were_given_out_leave_even_if_the_store_then_has_no_answer(desk, monkeypatch, together):
    """They are given out once: whoever asks the next question and hears nothing must not forget them."""
    monkeypatch.setattr(outbox, "PATIENCE", timedelta(milliseconds=10))
    await commit(desk.store, ticket(1, outgoing=(outgoing(),)))
    original, asked = desk.store.next_due, []

    async def ill():
        asked.append(1)
        if len(asked) == 1:
            raise OSError("PostgreSQL: the connection was lost")
        return await original()

    desk.store.next_due, desk.outbox._together = ill, together
    running = asyncio.create_task(desk.outbox.run())
    async with asyncio.timeout(5):
        while not desk.got or len(asked) < 2:  # noqa: ASYNC110  there is no event for it
            await asyncio.sleep(0.01)
    running.cancel()
    assert [to for to, _ in desk.got] == [IVAN]


async def test_it_ends_when_told_so_just_as_a_letter_leaves(desk):
    """A shutdown that came at that moment was once overheard, and the desk did not end while letters were leaving."""
    await commit(desk.store, ticket(1, outgoing=(outgoing(due=NOW + timedelta(minutes=1)),)))  # it waits for an event or a time
    running = asyncio.create_task(desk.outbox.run())
    await asyncio.sleep(0.05)
    desk.store.changed.set()
    await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=5)
    running.cancel()
    assert done


async def test_a_clock_that_is_set_back_begins_the_waits_anew(desk):
    morning = NOW - timedelta(hours=2)
    letters = outgoing(1, due=NOW + timedelta(minutes=2)), outgoing(2, created=morning - timedelta(hours=8), due=morning + timedelta(hours=1))
    await commit(desk.store, ticket(1, outgoing=letters))
    await desk.outbox._clock_set_back()
    desk.now = NOW - timedelta(hours=6)
    await desk.outbox._clock_set_back()
    assert await desk.work(desk.now) == ["waiting", "waiting"]
    assert await desk.work(desk.now + timedelta(minutes=3)) == ["sent", "waiting"]
    assert await desk.work(morning + timedelta(hours=1)) == ["sent", "sent"]


async def test_a_clock_that_was_set_back_between_stop_and_start_keeps_no_letter(desk):
    """By years, as where a machine's battery was empty; what is due next week is a notice of Friday's."""
    week = outgoing(2, due=NOW + timedelta(days=7))
    tried = outgoing(3, created=NOW - timedelta(days=3), due=NOW + timedelta(minutes=5), result="retry")
    await commit(desk.store, ticket(1, outgoing=(outgoing(1, due=NOW + timedelta(minutes=2)), week, tried)))
    await desk.store.close()
    again = Desk(desk.store.desk.parent)
    again.now = NOW - timedelta(days=3000)
    await again.store.load()
    await again.outbox._clock_set_back()
    start = again.now
    assert await again.work(start) == ["waiting", "waiting", "waiting"], "undo has its time"
    await again.store.close()
    third = Desk(again.store.desk.parent)
    third.now = start + timedelta(seconds=30)
    await third.store.load()
    await third.outbox._clock_set_back()
    assert await third.work(start + timedelta(seconds=60)) == ["waiting", "waiting", "waiting"], "nor is it done twice"
    assert await third.work(start + timedelta(minutes=6)) == ["sent", "waiting", "sent"]
    assert await third.work(start + timedelta(days=8)) == ["sent", "sent", "sent"]


async def test_a_clock_that_is_set_back_does_not_keep_the_relay_stopped(desk):
    desk.results[IVAN] = Result("retry", "554 5.7.1 relay access denied", 554, of_us=True)
    await commit(desk.store, ticket(1, outgoing=(outgoing(1, created=NOW - timedelta(days=2)),)))
    await desk.outbox._clock_set_back()
    assert await desk.work() == ["waiting"]
    desk.now = NOW - timedelta(hours=3)
    await desk.outbox._clock_set_back()
    assert desk.outbox.breaker.room(desk.now, 0, 100) == 0
    minute = desk.now + timedelta(minutes=1)
    assert desk.outbox.breaker.room(minute, 0, 100) == 1
    desk.results.clear()
    assert await desk.work(minute) == ["sent"]


async def test_what_left_in_the_future_fills_no_window(desk):
    desk.limits = Limits(all_10_min=2)
    await commit(desk.store, ticket(1, outgoing=tuple(outgoing(n) for n in range(1, 3))))
    assert await desk.work() == ["sent", "sent"]
    desk.now = NOW - timedelta(hours=6)
    await commit(desk.store, ticket(2, outgoing=tuple(outgoing(n, due=desk.now) for n in range(1, 3))))
    await desk.work(desk.now)
    assert len(desk.got) == 4


async def test_a_picture_is_read_once_for_all_who_get_it_and_large_ones_do_not_fill_the_memory(desk):
    asked, reference = [], FileReference(letter="L1", part=2, name="screen.png", type="image/png", size=outbox.AT_ONCE)

    async def extract(files):
        asked.append([file.part for file in files])
        return dict.fromkeys(files, b"png")

    desk.outbox._extract = extract
    small = replace(reference, part=3, size=10)
    letters = [replace(outgoing(), id=n, to=f"u{n}@example.org", message_id=f"m{n}@x", attachments=(file,))
               for n, file in enumerate((small, small, reference, reference), 1)]  # fmt: skip
    due = [Due(ticket=1, record="", letter=one) for one in letters]
    assert [[one.letter.id for one in portion] for portion in outbox.portions(due)] == [[1, 2], [3], [4]]
    await commit(desk.store, ticket(1, outgoing=tuple(letters)))
    assert await desk.work() == ["sent"] * 4
    assert asked == [[3], [2], [2]]


async def test_a_file_that_cannot_go_along_is_named(desk):
    files = tuple(FileReference(letter="L1", part=n, name=f"{n}.png", type="image/png", size=10) for n in (1, 2))

    async def extract(wanted):
        return {wanted[0]: b"png"}

    desk.outbox._extract = extract
    await commit(desk.store, ticket(1, outgoing=(replace(outgoing(), attachments=files, language="en"),)))
    assert await desk.work() == ["sent"]
    letter = message_from_bytes(desk.got[0][1])
    assert [part.get_filename() for part in letter.walk() if part.get_filename()] == ["1.png"]
    text = next(part for part in letter.walk() if part.get_content_type() == "text/plain")
    assert "We could not attach: 2.png." in text.get_payload(decode=True).decode()
    assert ("error", {"where": "attachment", "kind": "KeyError", "words": "L1"}) in desk.told


@pytest.mark.parametrize(
    ("trouble", "times", "names"),
    [
        (OSError(5, "Input/output error"), 1, ["1.png"]),
        (FileNotFoundError(2, "gone"), 0, []),
        (OSError(5, "Input/output error"), outbox.READS, []),
    ],
)
async def test_a_file_that_cannot_be_read_just_now_is_waited_for_and_one_that_is_gone_is_not(
    desk, trouble, times, names
):
    file = FileReference(letter="L1", part=1, name="1.png", type="image/png", size=10)
    left = times if names else 1000

    async def extract(wanted):
        nonlocal left
        left -= 1
        if left >= 0:
            raise trouble
        return dict.fromkeys(wanted, b"png")

    desk.outbox._extract = extract
    await commit(desk.store, ticket(1, outgoing=(replace(outgoing(), attachments=(file,)),)))
    waited = 0
    while await desk.work(desk.now) == ["waiting"]:
        waited += 1
        desk.now += timedelta(hours=4)
    assert waited == times
    [(_, raw)] = desk.got
    assert [part.get_filename() for part in message_from_bytes(raw).walk() if part.get_filename()] == names


async def test_a_clock_set_back_while_the_store_is_away_is_made_up_for_later(desk):
    await commit(desk.store, ticket(1, outgoing=(outgoing(1, due=NOW + timedelta(minutes=2)),)))
    desk.now, due = NOW - timedelta(hours=6), desk.store.due

    async def away(*_):
        raise OSError("away")

    desk.store.due = away
    with pytest.raises(OSError, match="away"):
        await desk.outbox._clock_set_back()
    desk.store.due = due
    await desk.outbox._clock_set_back()
    assert await desk.work(desk.now + timedelta(minutes=3)) == ["sent"]


async def test_a_letter_of_which_the_disk_cannot_tell_for_a_moment_leaves_a_minute_later(desk, monkeypatch):
    await commit(desk.store, ticket(1, outgoing=(outgoing(),)), ticket(2, outgoing=(outgoing(to=MARIA),)))
    get = desk.store.get

    def ill(number):
        if number == 1:
            raise OSError(24, "too many open files")
        return get(number)

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "get", ill)
        [given] = await desk.store.due(NOW, 9)
        await desk.outbox.deliver([given])
        assert (given.ticket, await desk.store.next_due()) == (2, NOW + timedelta(minutes=1))
        assert (await desk.store.counts()).unsent == 1
    assert await desk.work(NOW + timedelta(seconds=30)) == ["waiting"]
    assert await desk.work(NOW + timedelta(minutes=1)) == ["sent"]


async def test_a_result_is_not_forgotten_where_the_disk_cannot_tell_of_its_letter(desk, monkeypatch):
    await commit(desk.store, ticket(1, outgoing=(outgoing(),)))
    given = await desk.store.due(NOW, 9)
    get, tries = desk.store.get, []

    def ill(number):
        tries.append(number)
        if len(tries) < 3:
            raise OSError(24, "too many open files")
        return get(number)

    monkeypatch.setattr(desk.store, "get", ill)
    monkeypatch.setattr(outbox, "PATIENCE", timedelta(milliseconds=10))
    await desk.outbox.deliver(given)
    assert await desk.work() == ["sent"]
    assert len(desk.got) == 1


async def test_a_crash_before_the_record_hides_no_failure(desk, monkeypatch):
    """Recorded as failed it would never be looked at again, so people hear of it before that."""
    desk.results = {IVAN: Result("failed", "550 nobody", 550)}
    await commit(desk.store, ticket(1, outgoing=(outgoing(),)))
    recorded: list[object] = []

    async def crash(results):
        recorded.append(list(desk.given_up))
        raise asyncio.CancelledError

    monkeypatch.setattr(desk.store, "delivered", crash)
    with pytest.raises(asyncio.CancelledError):
        await desk.outbox.deliver(await desk.store.due(NOW, 9))
    assert [[one.letter.to for one in told] for told in recorded] == [[IVAN]]


async def test_a_held_letter_that_is_let_go_leaves_once_however_slow_the_relay(desk):
    held = {"state": Delivery.held, "result": "caps"}
    await commit(desk.store, ticket(1, outgoing=(outgoing(1, "stuck@x", **held),)))
    running = asyncio.ensure_future(desk.outbox.run())
    await asyncio.sleep(0.1)
    let_go = [replace(one, letter=replace(one.letter, state=Delivery.waiting, due=NOW)) for one in await desk.store.stuck(Delivery.held)]
    await desk.store.delivered(let_go)
    await asyncio.sleep(0.2)
    desk.stuck.set()
    await asyncio.sleep(0.2)
    desk.outbox.stop()
    await running
    assert [to for to, _ in desk.got] == ["stuck@x"]


US = Result("retry", "553 5.7.1 Sender address rejected: not owned by user", 553, of_us=True, alarm=True)
SPAM = Result("held", "554 5.7.1 spam", 554)


async def test_while_the_relay_refuses_us_all_wait_and_nothing_is_counted_against_them(desk):
    people = [f"u{number}@example.org" for number in range(3)]
    await commit(desk.store, ticket(1, outgoing=tuple(replace(outgoing(at), to=to) for at, to in enumerate(people, 1))))
    desk.results = dict.fromkeys(people, US)
    states = await desk.work()
    found = await ticket_of(desk.store, 1)
    assert (states, [one.attempts for one in found.outgoing]) == (["waiting"] * 3, [0, 0, 0])
    assert all(one.due == desk.outbox.breaker.until for one in found.outgoing)
    assert [event for event, _ in desk.told if event in ("relay_stopped", "alarm")] == ["relay_stopped", "alarm"]
    desk.results = {}
    assert await desk.work(desk.outbox.breaker.until) == ["sent"] * 3
    assert ("relay_works", {}) in desk.told
    assert not desk.given_up


async def test_refused_content_holds_one_letter_and_people_hear_of_it(desk):
    await commit(desk.store, ticket(1, outgoing=(replace(outgoing(1), to=IVAN), replace(outgoing(2), to=MARIA))))
    desk.results = {IVAN: SPAM}
    assert await desk.work() == ["held", "sent"]
    assert [one.letter.to for one in desk.given_up] == [IVAN]
    assert [one.letter.to for one in await desk.store.stuck(Delivery.held)] == [IVAN]
    assert (await desk.store.counts())[1:5] == (0, None, 1, 0)


async def test_content_refused_to_five_people_is_said_of_us_and_nothing_stays_held(desk):
    people = [f"u{number}@example.org" for number in range(5)]
    await commit(desk.store, ticket(1, outgoing=tuple(replace(outgoing(at), to=to) for at, to in enumerate(people, 1))))
    desk.results = dict.fromkeys(people, SPAM)
    assert await desk.work() == ["waiting"] * 5
    assert desk.outbox.breaker.why == SPAM.words
    desk.results = {}
    assert await desk.work(desk.outbox.breaker.until) == ["sent"] * 5


async def test_failed_letters_are_counted_until_an_admin_has_decided(desk):
    await commit(desk.store, ticket(1, outgoing=(replace(outgoing(1), to=IVAN),)))
    desk.results = {IVAN: Result("failed", "550 5.1.1 no such user", 550)}
    assert await desk.work() == ["failed"]
    [one] = await desk.store.stuck(Delivery.failed)
    assert (await desk.store.counts()).failed == 1
    desk.results = {}
    await desk.store.delivered([replace(one, letter=replace(one.letter, state=Delivery.waiting, attempts=0, due=desk.now))])
    assert await desk.work() == ["sent"]
    assert (await desk.store.counts()).failed == 0
