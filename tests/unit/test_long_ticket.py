"""A conversation of hundreds of letters is one ticket, and costs what a short one costs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from desk import TestDesk

from bot.data.ledger import account
from bot.store.files.documents import read_head
from bot.store.files.reader import FileDataReader

IVAN, ANNA = "ivan@example.org", "anna@providence.film"
RULES = Path(__file__).resolve().parents[2] / "rules.yaml"


async def test_340_letters_are_one_ticket_with_one_owner_and_the_whole_transcript(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path / "data", aligned=(IVAN,))
    await desk.send(IVAN, "Здравствуйте! Плеер не запускается, экран чёрный. Chrome 131, Windows 11.", subject="Плеер")
    await desk.reply(desk.mail(ANNA, "notice_new")[-1], ANNA, "#взять")
    sizes = []
    for number in range(2, 341):
        await desk.send(IVAN, f"Письмо {number}: всё ещё не запускается.", subject="Re: [PF-1] Плеер")
        desk.now += timedelta(minutes=5) if desk.now.hour < 17 else timedelta(hours=14)
        await desk.deliver()
        desk.delivered = desk.delivered[-30:]
        sizes.append((desk.data / "tickets" / "live" / "1.json").stat().st_size)
    assert desk.tickets() == [1]
    assert desk.ticket(1).owner == ANNA
    assert max(sizes[-100:]) < 2 * max(sizes[:40])
    await desk.reply(desk.mail(ANNA, "notice_update")[-1], ANNA, "#решено\nИсправили, спасибо за терпение!")
    assert desk.ticket(1).status == "done"
    await desk.restart()
    assert [one.text for one in desk.ticket(1).entries if one.text.startswith("Письмо 2:")] == ["Письмо 2: всё ещё не запускается."]
    assert len(read_head(desk.data / "tickets" / "live" / "1.json").parts) > 1
    assert account(FileDataReader(desk.data)).adds_up
