"""What one person can make of a desk's disk: a ticket that is written anew at each letter has to stay small."""

from pathlib import Path

import pytest
from desk import TestDesk

from bot.tickets import threading
from bot.tickets.outgoing import MOST_TEXT

IVAN, ANNA = "ivan@example.org", "anna@providence.film"
WORDS = "После входа открываю фильм в Chrome 130, жму «Смотреть», экран чёрный, ошибка 500. "


async def test_long_letters_without_end_do_not_make_a_ticket_grow_without_end(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, undo=0, aligned=(IVAN,))
    await desk.send(IVAN, WORDS, subject="Чёрный экран")
    for number in range(12):
        await desk.send(IVAN, f"{number} {WORDS * 1100}", subject="[PF-1] Чёрный экран")
    assert sum(len(entry.text) for entry in desk.ticket().entries) < MOST_TEXT + 25_000
    assert sum(file.stat().st_size for file in (tmp_path / "tickets").rglob("*.json")) < 6_000_000
    update = desk.mail(ANNA, "notice_update")[-1]
    assert "#показать" in update.text
    assert len(update.text) < 12_000


async def test_a_full_ticket_takes_no_more_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "MOST_ENTRIES", 5)
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(IVAN, WORDS, subject="Чёрный экран")
    for number in range(5):
        await desk.send(IVAN, f"{number} {WORDS}", subject="[PF-1] Чёрный экран")
    assert len(desk.ticket().entries) == 6  # and the line that names the new one
    assert desk.tickets() == [1, 2]
    assert desk.ticket(2).links == (1,)
    assert desk.ledger_adds_up()
