"""Retention by age: what is old enough is gone for good, what is younger stays, and the ledger adds up all the way."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

from desk import TestDesk
from msgspec.structs import replace

from bot.model import ERASED, Delivery
from bot.store.files.documents import read_ticket
from bot.store.files.letters import FileLetters

ANNA, IVAN = "anna@providence.film", "ivan@example.org"
PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play."


async def aged(tmp_path: Path) -> TestDesk:
    """A desk with one filed ticket of four months ago, one open ticket, and a robot's letter of that time."""
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    await desk.reply(desk.mail(ANNA)[0], ANNA, "#решено\nПочинили.")
    await desk.send("robot@example.net", "Я в отпуске.", headers={"Auto-Submitted": "auto-replied"})
    await desk.pass_time(days=30)
    assert await desk.store.archive_done(desk.now, 14) == 1
    await desk.pass_time(days=90)
    await desk.send("olga@example.org", PROBLEM + " У меня тоже.", subject="И у меня")
    for path in tmp_path.rglob("*.json"):
        os.utime(path, (desk.now.timestamp() - 100 * 86400,) * 2)
    return desk


async def retire(desk: TestDesk, days: int) -> int:
    """What the daemon does four times a day."""
    return await desk.store.expire(desk.now - timedelta(days=days), FileLetters(desk.inbox))


async def test_old_tickets_and_records_are_erased(tmp_path: Path) -> None:
    """Words, names, addresses and raw letters go; number and figures stay; a number is never used again."""
    desk = await aged(tmp_path)
    assert await retire(desk, 60) == 2  # a ticket, and the records of a day
    ticket = read_ticket(next((tmp_path / "tickets" / "done").glob("*/1.json")))
    assert (ticket.status, ticket.resolution, ERASED in ticket.labels) == ("done", "solved", True)
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix in (".json", ".eml"))
    assert b"ivan@example.org" not in left
    assert b"robot@example.net" not in left
    assert b"olga@example.org" in left
    assert desk.ledger_adds_up()
    await desk.restart()
    await desk.send("petr@example.org", PROBLEM + " И у меня.", subject="Третий")
    assert max(desk.tickets()) == 3


async def test_younger_ones_stay_and_a_second_run_does_nothing(tmp_path: Path) -> None:
    """The limit is counted from the day on which the ticket was done."""
    desk = await aged(tmp_path)
    assert await retire(desk, 365) == 0
    await retire(desk, 60)
    assert await retire(desk, 59) == 0


async def test_cut_off_in_between_the_next_run_finishes(tmp_path: Path) -> None:
    """The raw letters are gone, the ticket still names them: the next run empties it."""
    desk = await aged(tmp_path)
    ticket = read_ticket(next((tmp_path / "tickets" / "done").glob("*/1.json")))
    desk.inbox.erase(ticket.seen[0].letter)
    assert not desk.ledger_adds_up()
    await retire(desk, 60)
    assert desk.ledger_adds_up()


async def test_a_desk_that_ends_leaves_no_thread_behind_that_erases(tmp_path: Path) -> None:
    """Another desk may have the folder by then."""
    desk = await aged(tmp_path)
    letters = FileLetters(desk.inbox)
    begun, going_on = asyncio.Event(), asyncio.Event()

    async def slow(_: str) -> None:
        begun.set()
        await going_on.wait()

    letters.erase = slow  # type: ignore[method-assign]
    retiring = asyncio.ensure_future(desk.store.expire(desk.now - timedelta(days=60), letters))
    await begun.wait()
    retiring.cancel()
    await asyncio.sleep(0.05)
    assert not retiring.done(), "it has a ticket in hand"
    going_on.set()
    await asyncio.wait([retiring])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    await asyncio.sleep(0.1)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before
    assert list((tmp_path / "desk").glob("*.json")), "the records of old days are the next time's"


async def test_a_ticket_comes_back_before_it_is_erased_or_not_at_all(tmp_path: Path) -> None:
    """A stranger names it in the moment in which its letters go."""
    desk = await aged(tmp_path)
    letters, real = FileLetters(desk.inbox), desk.inbox.erase
    stranger: list[asyncio.Future[object]] = []

    async def erase(ident: str) -> None:
        if not stranger:
            stranger.append(asyncio.ensure_future(desk.send("olga@example.net", "Что с этим обращением? Не играет фильм.", subject="[PF-1] Вопрос")))
            await asyncio.sleep(0.2)
        real(ident)

    letters.erase = erase  # type: ignore[method-assign]
    await desk.store.expire(desk.now - timedelta(days=60), letters)
    await stranger[0]
    assert desk.ledger_adds_up()


async def test_a_held_letter_does_not_bring_an_erased_day_back(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    for number in range(desk.context.policy.caps.errors_10_min + 1):
        await desk.reply(desk.mail(ANNA, "notice_new")[0], ANNA, f"#непонятно {number}")
    assert await desk.store.stuck(Delivery.held)
    await desk.pass_time(days=70)
    await retire(desk, 60)
    let_go = [replace(one, letter=replace(one.letter, state=Delivery.waiting, due=desk.now)) for one in await desk.store.stuck(Delivery.held)]
    await desk.store.delivered(let_go)
    await desk.deliver()
    assert not list((tmp_path / "desk").glob("2026-11-23*.json"))
    assert desk.ledger_adds_up()
