"""What every inbox promises (bot/store/interface.py, `Letters`), as tests: a store's own module subclasses it and gives a fixture `inbox`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from contract import NOW

from bot.model import Envelope, NoLetterError
from bot.store.data_access import DataReader
from bot.store.interface import Letters
from bot.store.letter_ids import Ids

RAW = b"Subject: x\r\n\r\nHello \xff\x00\r\n"

IDS = Ids()


@dataclass
class Box:
    """An inbox under test. `again` gives a fresh one on the same data, as after a crash of its daemon."""

    letters: Letters
    again: Callable[[], Awaitable[Letters]]
    reader: Callable[[], DataReader]

    async def take(self, raw: bytes = RAW) -> str:
        ident = IDS.new(NOW)
        await self.letters.take(raw, Envelope(letter=ident, received=NOW, mail_from="a@b", recipients=("c@d",)))
        return ident

    def places(self) -> dict[str, str]:
        return dict(self.reader().letters())


class LettersContract:
    """Subclasses have a fixture `box` that gives a Box."""

    async def test_a_letter_is_there_as_it_came_also_after_a_crash(self, box: Box):
        ident = await box.take()
        for letters in (box.letters, await box.again()):
            envelope, raw = await letters.read(ident)
            assert (raw, envelope.mail_from, envelope.recipients, envelope.received) == (RAW, "a@b", ("c@d",), NOW)
            assert await letters.has(ident)
        assert box.places() == {ident: "waiting"}
        assert box.reader().letter(ident)[1] == RAW

    async def test_headers_are_kept_with_the_size_of_their_letter(self, box: Box):
        made = Envelope(letter=IDS.new(NOW), received=NOW, mail_from="?", too_large=30_000_000)
        await box.letters.take(RAW, made)
        for letters in (box.letters, await box.again()):
            assert await letters.read(made.letter) == (made, RAW)
        assert box.reader().letter(made.letter)[0] == made

    async def test_a_letter_that_was_set_aside_is_not_given_out_again(self, box: Box):
        """The disk may be full just when the leads are to be told of it."""
        ident = await box.take()
        assert await box.letters.claim(1) == [ident]
        await box.letters.park(ident, "unreadable", "", NOW)
        await box.letters.release(ident)
        assert await box.letters.claim(1) == []
        assert box.places() == {ident: "parked"}

    async def test_ids_sort_by_the_order_in_which_letters_came(self, box: Box):
        idents = [await box.take() for _ in range(5)]
        assert idents == sorted(set(idents))
        assert await box.letters.waiting() == (5, idents[0])

    async def test_letters_are_given_out_once_the_oldest_first(self, box: Box):
        idents = [await box.take() for _ in range(5)]
        assert await box.letters.claim(2) == idents[:2]
        assert await box.letters.claim(9) == idents[2:]
        assert await box.letters.claim(9) == []
        await box.letters.release(idents[3])
        assert await box.letters.claim(9) == [idents[3]]

    async def test_letters_that_come_together_are_all_taken(self, box: Box):
        idents = await asyncio.gather(*(box.take() for _ in range(20)))
        assert sorted(await box.letters.claim(99)) == sorted(idents)

    async def test_what_a_daemon_had_in_hand_is_given_out_again_when_it_is_gone(self, box: Box):
        idents = [await box.take() for _ in range(3)]
        await box.letters.claim(2)
        assert await (await box.again()).claim(9) == idents

    async def test_a_new_letter_wakes_who_waits(self, box: Box):
        box.letters.changed.clear()
        ident = await box.take()
        async with asyncio.timeout(5):
            await box.letters.changed.wait()
        assert await box.letters.claim(2) == [ident]

    async def test_a_handled_letter_goes_into_the_archive_and_is_not_given_out_again(self, box: Box):
        ident = await box.take()
        await box.letters.claim(1)
        await box.letters.done(ident)
        await box.letters.done(ident)
        assert (box.places(), await box.letters.waiting()) == ({ident: "archived"}, (0, ""))
        assert (await box.letters.read(ident))[1] == RAW
        assert await (await box.again()).claim(9) == []

    async def test_a_parked_letter_says_why_and_can_be_tried_again_or_given_up(self, box: Box):
        first, second = await box.take(), await box.take()
        await box.letters.claim(9)
        for ident in (first, second):
            await box.letters.park(ident, "why", "Traceback", NOW)
        assert [(one.letter, one.reason, one.at, one.trace) for one in await box.letters.parked()] == [
            (one, "why", NOW, "Traceback") for one in (first, second)
        ]
        assert [one.letter for one in box.reader().parked()] == [first, second]
        assert box.places() == {first: "parked", second: "parked"}
        await box.letters.retry(first)
        assert await box.letters.claim(9) == [first]
        await box.letters.drop(second, NOW)
        assert box.places() == {first: "waiting", second: "dropped"}
        assert (await box.letters.read(second))[1] == RAW
        assert await box.letters.parked() == []

    async def test_an_erased_letter_is_gone(self, box: Box):
        ident = await box.take()
        await box.letters.claim(1)
        await box.letters.done(ident)
        for _ in range(2):
            await box.letters.erase(ident)
        assert (await box.letters.has(ident), box.places()) == (False, {})
        with pytest.raises(NoLetterError):
            await box.letters.read(ident)

    async def test_words_are_put_in_the_place_of_a_letter_and_of_none(self, box: Box):
        ident = await box.take()
        envelope, _ = await box.letters.read(ident)
        await box.letters.erase(ident, (envelope, b"[...]"))
        assert (await box.letters.read(ident), box.places()) == ((envelope, b"[...]"), {ident: "waiting"})
        await box.letters.erase(ident)
        await box.letters.erase(ident, (envelope, b"[...]"))
        assert box.places() == {}

    @pytest.mark.parametrize("ident", ["20260101T000000000000-aaaaaa", "../../etc/passwd", "nothing"])
    async def test_a_letter_that_is_not_there_is_named(self, box: Box, ident: str):
        for work in (
            box.letters.read(ident), box.letters.done(ident), box.letters.park(ident, "", "", NOW), box.letters.retry(ident),
            box.letters.drop(ident, NOW),
        ):  # fmt: skip
            with pytest.raises(NoLetterError):
                await work
