"""Reading a desk while it works."""

from __future__ import annotations

from contract import ticket

from bot.store.documents import ticket_page
from bot.store.shelf import FileShelf


def test_a_ticket_that_is_filed_or_comes_back_while_they_are_read_is_met_once(tmp_path):
    live, filed = tmp_path / "tickets" / "live", tmp_path / "tickets" / "done" / "000"
    for number in range(1, 7):
        folder = filed if number < 4 else live
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.json").write_bytes(ticket_page(ticket(number)))
    met = []
    for one in FileShelf(tmp_path).tickets():
        if not met:  # one comes back behind the reader's back, and one is filed where he has been
            (filed / "2.json").rename(live / "2.json")
            (live / "5.json").rename(filed / "5.json")
        met.append(one.number)
    assert sorted(met) == [1, 2, 3, 4, 5, 6]
