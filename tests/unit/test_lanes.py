"""Letters that hang hold no others: the two lanes to the relay, by a clock of the loop's own."""

from __future__ import annotations

import asyncio

from bot.delivery.lanes import Lanes

PATIENCE, HANGS = 0.02, 0.1


def lanes(quick: int = 2, most: int = 6, share: int = 3, beside: int = 0) -> Lanes:
    return Lanes(quick, most, beside or most * 5, share, PATIENCE, HANGS)


async def hang(lane: Lanes, domain: str, log: list[str], tries: int = 0, *, sent: bool = False) -> None:
    """A letter whose server says nothing; `sent`: its text is out, and it must not be cut off."""
    over = asyncio.Event()
    async with lane.slot(domain, tries) as slot:
        slot.cut, slot.is_out = over.set, lambda: sent
        await over.wait()
        log.append(f"cut {domain}")


async def go(lane: Lanes, domain: str, log: list[str], tries: int = 0) -> None:
    async with lane.slot(domain, tries):
        log.append(domain)


async def test_a_hundred_hanging_domains_hold_a_good_letter_for_a_moment_only():
    lane, log = lanes(quick=4, most=20, share=5), list[str]()
    hanging = [asyncio.ensure_future(hang(lane, f"h{number}.example", log)) for number in range(100)]
    await asyncio.sleep(0)
    await go(lane, "good.example", log)
    assert log.count("good.example") == 1
    assert lane.taken <= 20
    for one in hanging:
        one.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


async def test_no_domain_has_more_than_its_share():
    lane, log = lanes(quick=5, most=10, share=2), list[str]()
    hanging = [asyncio.ensure_future(hang(lane, "slow.example", log, sent=True)) for _ in range(20)]
    await asyncio.sleep(PATIENCE * 3)
    assert lane.taken == 2
    await go(lane, "good.example", log)
    for one in hanging:
        one.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


async def test_what_may_have_been_taken_is_not_cut_off_and_holds_nobody():
    lane, log = lanes(quick=2, most=2), list[str]()
    sent = [asyncio.ensure_future(hang(lane, f"{number}.example", log, sent=True)) for number in range(8)]
    await asyncio.sleep(0)
    await go(lane, "good.example", log)
    assert log == ["good.example"]
    assert lane.taken == 8
    for one in sent:
        one.cancel()
    await asyncio.gather(*sent, return_exceptions=True)
    assert (log, lane.taken) == (["good.example"], 0)


async def test_of_those_that_wait_for_their_answer_there_are_only_so_many():
    lane, log = lanes(quick=1, most=1, beside=2), list[str]()
    sent = [asyncio.ensure_future(hang(lane, f"{number}.example", log, sent=True)) for number in range(2)]
    other = asyncio.ensure_future(go(lane, "good.example", log))
    await asyncio.sleep(HANGS * 2)
    assert (log, lane.taken) == ([], 2)
    sent[0].cancel()
    await other
    sent[1].cancel()
    await asyncio.gather(*sent, return_exceptions=True)
    assert log == ["good.example"]


async def test_where_the_server_takes_few_connections_those_count_too():
    lane, log = lanes(quick=1, most=4), list[str]()
    lane.lower(2)
    sent = [asyncio.ensure_future(hang(lane, f"{number}.example", log, sent=True)) for number in range(2)]
    other = asyncio.ensure_future(go(lane, "good.example", log))
    await asyncio.sleep(HANGS * 2)
    assert (log, lane.taken) == ([], 2)
    sent[0].cancel()
    await other
    sent[1].cancel()
    await asyncio.gather(*sent, return_exceptions=True)


async def test_first_tries_go_before_retries():
    lane, log = lanes(quick=1, most=1), list[str]()
    async with lane.slot("x.example", 0):
        waiting = [asyncio.ensure_future(go(lane, name, log, tries)) for name, tries in (("old.example", 3), ("new.example", 0))]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert log == ["new.example", "old.example"]


async def test_a_domain_that_hung_goes_last_and_alone():
    lane, log = lanes(quick=1, most=1, share=1), list[str]()
    hanging = asyncio.ensure_future(hang(lane, "bad.example", log))
    await asyncio.sleep(0)
    await go(lane, "good.example", log)  # waits until the other is cut off
    await hanging
    async with lane.slot("x.example", 0):
        waiting = [asyncio.ensure_future(go(lane, name, log)) for name in ("bad.example", "fine.example")]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert log == ["cut bad.example", "good.example", "fine.example", "bad.example"]


async def test_a_retry_is_given_more_time():
    lane, log = lanes(quick=1, most=1), list[str]()
    hanging = [asyncio.ensure_future(hang(lane, "slow.example", log, tries=1))]
    other = asyncio.ensure_future(go(lane, "good.example", log))
    await asyncio.sleep(HANGS * 1.5)
    assert log == []
    await other
    assert log == ["cut slow.example", "good.example"]
    await asyncio.gather(*hanging)


async def test_a_server_that_wants_fewer_connections_gets_fewer():
    lane, log = lanes(quick=4, most=10), list[str]()
    lane.lower(1)
    async with lane.slot("a.example", 0):
        other = asyncio.ensure_future(go(lane, "b.example", log))
        await asyncio.sleep(PATIENCE * 2)
        assert log == []
    await other


async def test_at_the_end_everybody_has_a_turn():
    lane, log = lanes(quick=1, most=1), list[str]()
    async with lane.slot("a.example", 0):
        waiting = [asyncio.ensure_future(go(lane, f"{number}.example", log)) for number in range(5)]
        await asyncio.sleep(0)
        lane.lift()
        await asyncio.gather(*waiting)
    assert len(log) == 5
