"""What every store promises (bot/store/interface.py), as tests: a store's own module subclasses `Contract` and gives `Opened`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from looking import rows_of, ticket_of
from msgspec.structs import replace

from bot.data.ledger import read_dispositions
from bot.model import Address, Audience, Decision, Delivery, DeskRecord, Disposition, Entry, Outgoing, Seen, Status, Ticket, emptied
from bot.store.data_access import DataReader
from bot.store.interface import Due, KnownFacts, Lookup, Store, Window

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
IVAN, MARIA = "ivan@example.org", "maria@example.org"


@dataclass
class Opened:
    """A store under test. `again` gives a fresh one on the same data, as after a crash; `fail` lets the next writes fail or not."""

    store: Store
    again: Callable[[], Awaitable[Store]]
    fail: Callable[[bool], None]
    reader: Callable[[], DataReader]
    aged: Callable[[], None] = lambda: None  # what has been written looks as old as it says


def outgoing(ident: int = 1, to: str = IVAN, due: datetime = NOW, **more: Any) -> Outgoing:
    given = {"template": "acknowledgement", "audience": Audience.requester, "subject": "s", "body": "t", "language": "ru", "created": NOW}
    return Outgoing(**given | {"id": ident, "to": to, "due": due, "message_id": f"pf.{ident}@desk"} | more)


def ticket(number: int, letter: str = "", who: str = IVAN, **more: Any) -> Ticket:
    seen = (Seen(letter=letter or f"letter-{number}", disposition=Disposition.opened, message_id=f"{number}@client", fingerprint="f"),)
    entry = Entry(at=NOW, kind="letter", public=True, who=who, text="не работает", message_id=f"{number}@client")
    given: dict[str, Any] = {"requester": Address(email=who), "opened": NOW, "changed": NOW, "seen": seen, "entries": (entry,), "subject": "тема"}
    return Ticket(number=number, **given | more)


def record(letter: str, **more: Any) -> DeskRecord:
    return DeskRecord(
        **{"at": NOW, "about": "machine", "letter": letter, "disposition": Disposition.machine, "message_id": f"{letter}@client"} | more
    )


async def commit(store: Store, *tickets: Ticket, records: tuple[DeskRecord, ...] = ()) -> None:
    async with store.unit_of_work() as unit:
        unit.commit(Decision(tickets=tickets, records=records))


async def ask(store: Store, letter: str = "new", requester: str = IVAN, **more: Any) -> KnownFacts:
    async with store.unit_of_work() as unit:
        return await unit.find(Lookup(letter=letter, requester=requester, **more), NOW)


async def handled(store: Store, letter: str, *tickets: Ticket, records: tuple[DeskRecord, ...] = ()) -> KnownFacts:
    """As the desk handles a letter: what has been carried out already is not carried out again."""
    async with store.unit_of_work() as unit:
        known = await unit.find(Lookup(letter=letter, requester=IVAN), NOW)
        unit.commit(Decision() if known.repeated else Decision(tickets=tickets, records=records))
    return known


async def fails(work: Awaitable[object]) -> bool:
    try:
        await work
    except OSError:
        return True
    return False


def done(one: Due, **more: Any) -> Due:
    return replace(one, letter=replace(one.letter, **{"state": Delivery.sent, "attempts": 1, "done_at": NOW} | more))


class Erased:
    """In the place of Letters: which were erased."""

    def __init__(self) -> None:
        self.gone: list[str] = []

    async def erase(self, letter: str) -> None:
        self.gone.append(letter)


def records(opened: Opened) -> list[tuple[str, DeskRecord]]:
    with closing(opened.reader()) as reader:
        return list(reader.records())


class Contract:
    """Subclasses have a fixture `opened` that gives an Opened."""

    async def test_what_is_committed_is_there_after_a_crash(self, opened: Opened):
        whole = ticket(1, outgoing=(outgoing(),), labels=("a", "б"), paused=(), undo={"letter": "x"}, kept={"k": "text"})
        await commit(opened.store, whole)
        assert await ticket_of(await opened.again(), 1) == whole

    async def test_a_turn_without_a_commit_changes_nothing(self, opened: Opened):
        assert (await ask(opened.store)).fresh == 1
        assert await rows_of(await opened.again()) == []

    async def test_a_turn_left_by_an_error_changes_nothing(self, opened: Opened):
        async def stumble() -> None:
            async with opened.store.unit_of_work() as unit:
                unit.commit(Decision(tickets=(ticket(1),)))
                _ = 1 / 0

        with pytest.raises(ZeroDivisionError):
            await stumble()
        assert (await ticket_of(opened.store, 1), (await ask(opened.store)).fresh) == (None, 1)

    async def test_numbers_go_up_and_are_never_given_twice(self, opened: Opened):
        for number in range(1, 4):
            assert (await ask(opened.store)).fresh == number
            await commit(opened.store, ticket(number))
        assert (await ask(await opened.again())).fresh == 4

    async def test_turns_side_by_side_get_different_numbers(self, opened: Opened):
        async def one(letter: str) -> int:
            async with opened.store.unit_of_work() as unit:
                number = (await unit.find(Lookup(letter=letter, requester=IVAN), NOW)).fresh
                await asyncio.sleep(0)
                unit.commit(Decision(tickets=(ticket(number, letter),)))
            return number

        assert sorted(await asyncio.gather(*(one(f"l{n}") for n in range(30)))) == list(range(1, 31))

    async def test_a_letter_that_was_carried_out_is_known_again(self, opened: Opened):
        await commit(opened.store, ticket(1, "a"), records=(record("b"),))
        for store in (opened.store, await opened.again()):
            known = [(await ask(store, letter)).repeated for letter in ("a", "b", "c")]
            assert known == [True, True, False]

    async def test_a_copy_is_known_by_message_id_and_content(self, opened: Opened):
        await commit(opened.store, ticket(1, "a"))
        for store in (opened.store, await opened.again()):
            same = await ask(store, "z", message_id="1@client", fingerprint="f")
            other = await ask(store, "z", message_id="1@client", fingerprint="g")
            assert (same.duplicate, same.duplicate_of, other.duplicate) == (True, 1, False)

    async def test_a_ticket_is_found_by_its_letters_and_its_number(self, opened: Opened):
        await commit(opened.store, ticket(1), ticket(2, merged_into=1))
        for store in (opened.store, await opened.again()):
            assert (await ask(store, references=("x@y", "1@client"))).by_reference == 1
            assert sorted((await ask(store, tickets=(2, 99))).tickets) == [1, 2]

    async def test_what_is_counted_for_an_address_survives(self, opened: Opened):
        await commit(opened.store, ticket(1, outgoing=(outgoing(),)), records=(record("b", about="suppression", who=MARIA, disposition=None),))
        for store in (opened.store, await opened.again()):
            known = await ask(store, bounce_to=MARIA)
            assert (len(known.senders[IVAN].sent), known.senders[IVAN].suppressed, known.senders[MARIA].suppressed) == (1, False, True)
            assert [one.number for one in known.earlier] == [1]

    async def test_a_letter_leaves_once_and_only_when_it_is_due(self, opened: Opened):
        later = NOW + timedelta(minutes=2)
        await commit(opened.store, ticket(1, outgoing=(outgoing(1), outgoing(2, due=later))))
        assert [one.letter.id for one in await opened.store.due(NOW, 10)] == [1]
        assert await opened.store.due(NOW, 10) == []
        assert await opened.store.next_due() == later
        [given] = await opened.store.due(later, 10)
        await opened.store.delivered([done(given)])
        assert [one.letter.id for one in await (await opened.again()).due(later, 10)] == [1], "what was given out and not recorded is given again"

    async def test_a_letter_that_goes_ahead_of_others_has_waited_since_it_was_made(self, opened: Opened):
        ahead, later = NOW - timedelta(days=365), NOW + timedelta(minutes=2)
        await commit(opened.store, ticket(1, outgoing=(outgoing(1, due=later),)))
        assert (await opened.store.counts()).first_due == later, "what may be taken back does not wait yet"
        await commit(opened.store, ticket(2, outgoing=(outgoing(1, due=ahead),)))
        for store in (opened.store, await opened.again()):
            assert (await store.counts())[1:3] == (2, NOW)
        [given] = await store.due(NOW, 10)
        assert (await store.counts())[1:3] == (2, NOW), "in hand"
        await store.delivered([done(given, state=Delivery.waiting, due=later, done_at=None)])
        assert (await store.counts())[1:3] == (2, later)

    async def test_a_letter_of_no_ticket_leaves_and_is_recorded_too(self, opened: Opened):
        await commit(opened.store, records=(record("b", outgoing=(outgoing(1 << 40),)),))
        [given] = await opened.store.due(NOW, 10)
        assert (given.ticket, given.letter.id) == (0, 1 << 40)
        await opened.store.delivered([done(given)])
        assert await opened.store.due(NOW, 10) == await (await opened.again()).due(NOW, 10) == []

    async def test_a_letter_that_is_tried_again_comes_again(self, opened: Opened):
        await commit(opened.store, ticket(1, outgoing=(outgoing(),)))
        [given] = await opened.store.due(NOW, 10)
        later = NOW + timedelta(minutes=1)
        await opened.store.delivered([done(given, state=Delivery.waiting, due=later, done_at=None)])
        for crashed in (False, True):
            store = await opened.again() if crashed else opened.store
            assert await store.due(NOW, 10) == []
            assert [one.letter.attempts for one in await store.due(later, 10)] == [1]

    async def test_what_is_taken_back_while_it_waits_does_not_leave(self, opened: Opened):
        await commit(opened.store, first := ticket(1, outgoing=(outgoing(),)))
        await commit(opened.store, replace(first, outgoing=(replace(first.outgoing[0], state=Delivery.cancelled),)))
        assert await opened.store.due(NOW, 10) == []

    async def test_the_result_of_a_delivery_takes_nothing_else_back(self, opened: Opened):
        await commit(opened.store, first := ticket(1, outgoing=(outgoing(),)))
        [given] = await opened.store.due(NOW, 10)
        await commit(opened.store, replace(first, owner="anna@desk", outgoing=(*first.outgoing, outgoing(2))))
        await opened.store.delivered([done(given)])
        after = await ticket_of(await opened.again(), 1)
        assert after is not None
        assert (after.owner, [one.state for one in after.outgoing]) == ("anna@desk", [Delivery.sent, Delivery.waiting])

    async def test_what_has_been_sent_is_not_sent_again_for_a_result_that_comes_late(self, opened: Opened):
        await commit(opened.store, ticket(1, outgoing=(outgoing(),)))
        [given] = await opened.store.due(NOW, 10)
        await opened.store.delivered([done(given)])
        await opened.store.delivered([done(given, state=Delivery.waiting, done_at=None)])
        assert await opened.store.due(NOW, 10) == []

    async def test_held_letters_are_listed_and_can_be_let_go(self, opened: Opened):
        held = {"state": Delivery.held, "result": "caps"}
        await commit(opened.store, ticket(1, outgoing=(outgoing(**held),)), records=(record("b", outgoing=(outgoing(7, **held),)),))
        found = await opened.store.stuck(Delivery.held)
        assert sorted(one.letter.id for one in found) == [1, 7]
        await opened.store.delivered([done(one, state=Delivery.waiting, done_at=None, attempts=0) for one in found])
        assert await opened.store.stuck(Delivery.held) == []
        assert sorted(one.letter.id for one in await opened.store.due(NOW, 10)) == [1, 7]

    async def test_a_held_letter_that_is_let_go_is_given_out_once(self, opened: Opened):
        await commit(opened.store, ticket(1, outgoing=(outgoing(state=Delivery.held, result="caps"),)))
        let_go = [done(one, state=Delivery.waiting, done_at=None, attempts=0) for one in await opened.store.stuck(Delivery.held)]
        going, given = asyncio.ensure_future(opened.store.delivered(let_go)), list[Due]()
        while not going.done():
            given += await opened.store.due(NOW, 10)
            await asyncio.sleep(0)
        opened.store._looked = float("-inf")  # type: ignore[attr-defined]  # PostgreSQL: for what has been claimed and not been heard of
        assert len(given + await opened.store.due(NOW, 10)) == 1

    async def test_what_could_not_be_written_is_there_once_when_it_is_tried_again(self, opened: Opened):
        """After an error nobody knows whether it has happened: whoever wants it looks again, and finds it
        done or to be done.
        """
        await commit(opened.store, ticket(1, "a"))
        opened.fail(True)
        assert await fails(commit(opened.store, ticket(2, "b", outgoing=(outgoing(),))))
        assert await fails(commit(opened.store, records=(record("c", outgoing=(outgoing(7),)),)))
        assert await fails(commit(opened.store, ticket(1, "a", owner="anna@desk")))
        assert await opened.store.due(NOW, 10) == []
        opened.fail(False)
        second = (await handled(opened.store, "b")).fresh
        await handled(opened.store, "b", ticket(second, "b", outgoing=(outgoing(),)))
        await handled(opened.store, "c", records=(record("c", outgoing=(outgoing(7),)),))
        for crashed in (False, True):
            store = await opened.again() if crashed else opened.store
            assert [one.number for one in await rows_of(store)] == [1, 2]
            assert [(await ask(store, letter)).repeated for letter in "bc"] == [True, True]
            assert sorted(one.letter.id for one in await store.due(NOW, 10)) == [1, 7]
        with closing(opened.reader()) as reader:
            assert sorted(read_dispositions(reader)) == [("a", "opened", 1), ("b", "opened", 2), ("c", "machine", 0)]

    async def test_a_letter_that_is_repeated_is_durable_or_fails_again(self, opened: Opened):
        await commit(opened.store, ticket(1, "a"))
        opened.fail(True)
        assert await fails(commit(opened.store, ticket(2, "b")))
        assert await fails(handled(opened.store, "b", ticket(2, "b")))
        opened.fail(False)
        await handled(opened.store, "b", ticket(2, "b"))
        assert (await ticket_of(await opened.again(), 2)) == ticket(2, "b")

    async def test_what_was_given_out_is_leaving_and_nothing_else_is_during_a_turn(self, opened: Opened):
        letters = (outgoing(1), outgoing(2, due=NOW + timedelta(minutes=1)))
        await commit(opened.store, first := ticket(1, outgoing=letters))
        [given] = await opened.store.due(NOW, 10)
        async with opened.store.unit_of_work() as unit:
            known = await unit.find(Lookup(letter="", requester="", tickets=(1, 5), leaving=True), NOW)
            assert known.leaving == {(1, 1)}
            meanwhile = asyncio.create_task(opened.store.due(NOW + timedelta(minutes=5), 10))
            await asyncio.sleep(0.05)
            kept = (letters[0], replace(letters[1], state=Delivery.cancelled))
            unit.commit(Decision(tickets=(replace(first, outgoing=kept),)))
        assert await meanwhile == []
        await opened.store.delivered([done(given)])
        after = await ticket_of(await opened.again(), 1)
        assert after is not None
        assert [one.state for one in after.outgoing] == [Delivery.sent, Delivery.cancelled]

    async def test_a_result_that_could_not_be_recorded_is_not_given_out_meanwhile(self, opened: Opened):
        await commit(opened.store, ticket(1, outgoing=(outgoing(),)), records=(record("b", outgoing=(outgoing(7),)),))
        given = await opened.store.due(NOW, 10)
        opened.fail(True)
        assert await fails(opened.store.delivered([done(one) for one in given]))
        assert await opened.store.due(NOW, 10) == []
        opened.fail(False)
        await opened.store.delivered([done(one) for one in given])
        assert await opened.store.due(NOW, 10) == await (await opened.again()).due(NOW, 10) == []

    async def test_a_done_ticket_is_filed_and_still_answers_to_its_number(self, opened: Opened):
        old = NOW - timedelta(days=20)
        await commit(opened.store, first := ticket(1, status=Status.done, done_at=old), ticket(2), ticket(3, status=Status.done, done_at=NOW))
        assert await opened.store.archive_done(NOW, 14) == 1
        for store in (opened.store, await opened.again()):
            assert [one.number for one in await rows_of(store)] == [2, 3]
            assert (await ask(store, tickets=(1,))).tickets[1] == first
            assert (await ask(store)).fresh == 4
        await commit(opened.store, replace(first, links=(9,)))
        for store in (opened.store, await opened.again()):
            assert (await ticket_of(store, 1) or first).links == (9,)

    async def test_everything_that_came_in_is_accounted_for_once(self, opened: Opened):
        await commit(opened.store, ticket(1, "a", status=Status.done, done_at=NOW - timedelta(days=20)), ticket(2, "b"))
        await commit(opened.store, records=(record("c"), record("d", disposition=Disposition.duplicate)))
        await opened.store.archive_done(NOW, 14)
        with closing(opened.reader()) as reader:
            assert sorted(read_dispositions(reader)) == [("a", "opened", 1), ("b", "opened", 2), ("c", "machine", 0), ("d", "duplicate", 0)]

    async def test_a_clock_that_was_set_back_by_years_leaves_nothing_behind(self, opened: Opened):
        """Neither digests nor reports are put off, and nobody stays shut out till then."""
        then, today = NOW + timedelta(days=3000), ("2026-11-23", "2026-W47")
        about = ("latch", "doubt", "block", "suppression")
        shut = [record(f"{one}/{IVAN}", about=one, who=IVAN, at=then, disposition=None) for one in about]
        for at, day, week in ((NOW, *today), (then, "2035-02-09", "2035-W05")):
            shut += [record(f"digest/{day}", about="digest", words=day, at=at, disposition=None)]
            shut += [record(f"reports/{week}", about="report", words=week, at=at, disposition=None)]
        late = outgoing(due=then, created=then)
        await commit(opened.store, ticket(1, opened=then, outgoing=(late,)), records=tuple(shut))
        for store in (opened.store, await opened.again()):
            known = await ask(store, requester=IVAN)
            assert (known.digested, known.reported) == today
            sender = known.senders[IVAN]
            shut_out = (sender.auto_reply_blocked, sender.soft_blocked, sender.blocked, sender.suppressed)
            assert not any(shut_out)
            assert not sender.opened
            assert (await store.counts()).newest == then

    async def test_an_old_digest_that_is_amended_brings_no_other_back(self, opened: Opened):
        for day in ("2026-11-21", "2026-11-22"):
            await commit(opened.store, records=(record(f"digest/{day}", about="digest", words=day, who=IVAN),))
        await opened.store.rewrite_record(records(opened)[0][0], lambda known: replace(known, who="-"))
        assert (await ask(opened.store)).digested == "2026-11-22"

    async def test_a_record_is_amended_and_nothing_of_what_it_said_stays(self, opened: Opened):
        letter = outgoing(audience=Audience.stranger, to=IVAN)
        await commit(opened.store, records=(record("a", about="suppression", who=IVAN, words="слова", outgoing=(letter,)), record("b", who=MARIA)))
        [place] = [place for place, one in records(opened) if one.who == IVAN]
        left = DeskRecord(at=NOW, about="erased")
        await opened.store.rewrite_record(place, lambda known: left if known.who == IVAN else known)
        await opened.store.forget_address(IVAN)
        for store in (opened.store, await opened.again()):
            assert [one for _, one in records(opened)] == [left, record("b", who=MARIA)]
            assert await store.due(NOW, 9) == []
            assert await store.suppressed([IVAN], NOW) == set()
            assert not (await ask(store, "a")).repeated

    async def test_whose_tickets_are_emptied_is_nobody_the_desk_knows(self, opened: Opened):
        sent = replace(outgoing(), state=Delivery.sent, done_at=NOW)
        await commit(opened.store, ticket(1, "a", outgoing=(sent,)), ticket(2, "b", MARIA))
        assert (await ask(opened.store)).senders[IVAN].known
        await commit(opened.store, emptied(ticket(1, "a", outgoing=(sent,)), NOW))
        await opened.store.forget_address(IVAN)
        for store in (opened.store, await opened.again()):
            known = await ask(store, "a", references=("1@client",), message_id="1@client")
            assert (known.fresh, known.earlier, known.by_reference, known.repeated, known.duplicate) == (3, (), 0, False, False)
            assert (known.senders[IVAN].known, known.senders[IVAN].sent, known.senders[IVAN].opened) == (False, (), ())
            assert (await ask(store, requester=MARIA)).senders[MARIA].known

    async def test_what_is_old_enough_keeps_its_figures_alone(self, opened: Opened):
        old, young = NOW - timedelta(days=90), NOW - timedelta(days=20)
        done_ = {"status": Status.done, "resolution": "solved"}
        await commit(opened.store, ticket(1, "a", done_at=old, **done_), ticket(2, "b", MARIA, done_at=young, **done_))
        await commit(opened.store, records=(record("c", at=old, who=IVAN), record("d", who=MARIA)))
        assert await opened.store.archive_done(NOW, 14) == 2
        letters = Erased()
        opened.aged()
        assert await ticket_of(opened.store, 1), "it may be kept in memory"
        for count in (2, 0):
            assert await opened.store.expire(NOW - timedelta(days=60), letters) == count
        retired = await ticket_of(opened.store, 1)
        assert retired is not None
        assert retired.entries == ()
        assert letters.gone == ["a", "c"]
        store = await opened.again()
        first, second = await ticket_of(store, 1), await ticket_of(store, 2)
        assert first is not None
        assert second is not None
        assert (first.requester.email, first.seen, first.entries, first.resolution, first.done_at) == ("", (), (), "solved", old)
        assert (second.requester.email, [one.who for _, one in records(opened)]) == (MARIA, [MARIA])
        assert (await ask(store)).fresh == 3

    async def test_a_ticket_that_comes_back_while_old_ones_are_erased_stays_whole(self, opened: Opened):
        """Those to be erased were listed before; with many of them that was minutes ago."""
        done_ = {"status": Status.done, "resolution": "solved", "done_at": NOW - timedelta(days=90)}
        await commit(opened.store, ticket(1, "a", **done_), ticket(2, "b", MARIA, **done_))
        assert await opened.store.archive_done(NOW, 14) == 2
        opened.aged()
        again: list[asyncio.Future[None]] = []

        class Slow(Erased):
            async def erase(self, letter: str) -> None:
                await super().erase(letter)
                if not again:
                    again.append(asyncio.ensure_future(commit(opened.store, ticket(2, "b", MARIA, subject="снова"))))
                    await asyncio.sleep(0.3)

        letters = Slow()
        assert await opened.store.expire(NOW - timedelta(days=60), letters) == 1
        await asyncio.gather(*again)
        back = await ticket_of(await opened.again(), 2)
        assert back is not None
        assert (back.subject, back.requester.email, letters.gone) == ("снова", MARIA, ["a"])

    async def test_plus_addresses_of_a_mailbox_are_counted_as_one(self, opened: Opened):
        one, two = "ivan+1@example.org", "ivan+2@example.org"
        deeds = tuple(record(f"d-{about}", about=about, who=one, disposition=None) for about in ("doubt", "block", "score_asked", "suppression"))
        sent, last = outgoing(to=one), outgoing(to=two, audience=Audience.stranger)
        await commit(opened.store, ticket(1, who=one, outgoing=(sent,)), ticket(2, who=two), records=(*deeds, record("e", outgoing=(last,))))
        for store in (opened.store, await opened.again()):
            for address in (one, two, IVAN, "ivan+3@example.org"):
                found = await ask(store, requester=address)
                known = found.senders[address]
                assert (len(known.sent), len(known.opened), known.soft_blocked, known.blocked, known.asked) == (2, 2, True, True, NOW), address
                assert known.suppressed == (address == one), "a bounce is of its address alone"
                assert [one.number for one in found.earlier] == [2, 1]
            assert (await ask(store, requester=MARIA)).senders[MARIA].sent == ()
        await commit(store, records=tuple(record(f"u-{about}", about=about, who=two, disposition=None) for about in ("release", "unblock")))
        for after in (store, await opened.again()):
            known = (await ask(after, requester="ivan+3@example.org")).senders["ivan+3@example.org"]
            assert (known.soft_blocked, known.blocked) == (False, False)

    async def test_a_window_has_room_until_it_is_full_and_nothing_is_counted_in_the_others_then(self, opened: Opened):
        wide, narrow, later = Window("wide", 3, timedelta(minutes=10)), Window("narrow", 2, timedelta(minutes=10)), NOW + timedelta(hours=9)

        async def room(*windows: Window, now: datetime = NOW) -> Window | None:
            async with opened.store.unit_of_work() as unit:
                return await unit.room(windows, now)

        assert [await room(wide, narrow) for _ in range(4)] == [None, None, narrow, narrow]
        assert [await room(wide) for _ in range(2)] == [None, wide], "twice, and not four times"
        assert await room(Window("other", 1, timedelta(minutes=10)), wide) == wide
        assert await room(Window("other", 1, timedelta(minutes=10))) is None
        assert [await room(narrow, now=later) for _ in range(3)] == [None, None, narrow], "what will leave in the morning is counted there"
        assert await room(narrow, now=NOW + timedelta(minutes=10)) is None
        assert await room() is None

    async def test_what_is_gathered_is_told_once_and_not_lost_by_a_write_that_fails(self, opened: Opened):
        def waits(letter: str, at: datetime) -> DeskRecord:
            letters = (outgoing(to=MARIA, audience=Audience.agent, state=Delivery.cancelled),)
            return record(letter, about="gathered", disposition=None, at=at, outgoing=letters)

        async def gathered(store: Store, now: datetime = NOW) -> list[str]:
            async with store.unit_of_work() as unit:
                return [one.letter for one in (await unit.find(Lookup(letter="", requester="", gathered=True), now)).gathered]

        def mark(words: str, letter: str) -> DeskRecord:
            return record(letter, about="gathering", disposition=None, words=words, outgoing=(outgoing(to=MARIA, audience=Audience.agent),))

        await commit(opened.store, records=(waits("a", NOW - timedelta(days=3)), waits("b", NOW)))
        assert await gathered(opened.store) == ["a", "b"]
        assert (await ask(opened.store)).gathered == ()
        opened.fail(True)
        assert await fails(commit(opened.store, records=(mark("a", "g"),)))
        opened.fail(False)
        await commit(opened.store, records=(mark("a", "g"), waits("c", NOW)))
        for store in (opened.store, await opened.again()):
            await store.archive_done(NOW + timedelta(days=2), 14)
            assert await gathered(store) == ["b", "c"]
        assert [one.letter.to for one in await store.due(NOW, 10)] == [MARIA]
