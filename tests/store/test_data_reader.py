"""Reading a desk while it works."""

from __future__ import annotations

import msgspec
import pytest
from contract import ticket
from desk import TestDesk
from old import old_data

from bot.data.health import repair
from bot.data.ledger import account
from bot.settings import Settings
from bot.store.files.documents import ticket_page
from bot.store.files.reader import FileDataReader
from bot.tools import doctor


def test_a_ticket_that_is_filed_or_comes_back_while_they_are_read_is_met_once(tmp_path):
    live, filed = tmp_path / "tickets" / "live", tmp_path / "tickets" / "done" / "000"
    for number in range(1, 7):
        folder = filed if number < 4 else live
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.json").write_bytes(ticket_page(ticket(number)))
    met = []
    for one in FileDataReader(tmp_path).tickets():
        if not met:  # one comes back behind the reader's back, and one is filed where he has been
            (filed / "2.json").rename(live / "2.json")
            (live / "5.json").rename(filed / "5.json")
        met.append(one.number)
    assert sorted(met) == [1, 2, 3, 4, 5, 6]


# What a decoder that wants a few fields does not look at.
SPOILED = (
    ("entries", [{"at": "yesterday", "kind": "letter", "public": True}]),
    ("status", "resolved"),
    ("undo", []),
    ("paused", [{"since": "2026-11-12T10:00:00Z", "until": 5}]),
    ("outgoing", [{"id": 1}]),
)


@pytest.mark.parametrize(("field", "value"), SPOILED)
async def test_what_the_desk_cannot_read_is_broken_for_all(field, value, tmp_path):
    """A ticket of another program, say, that a report could make sense of and the desk could not."""
    path = old_data(tmp_path / "data") / "tickets" / "live" / "3.json"
    tables = msgspec.json.decode(path.read_bytes())
    tables["ticket"]["3"][field] = value
    path.write_bytes(msgspec.json.encode(tables))
    desk = await TestDesk.opened(tmp_path / "data")
    assert desk.store.broken == [str(path)]
    reader = FileDataReader(desk.data)
    assert account(reader).broken == [str(path)]
    found = [one for one in doctor.files(Settings(data=desk.data)) if one.state == "red"]
    assert [one.what for one in found] == [f"{path} cannot be read"]
    with pytest.raises(msgspec.DecodeError):
        reader.ticket(3)
    await desk.store.close()
    assert repair(desk.data, print) == 1
    assert (desk.data / "tickets" / "broken" / "3.json").exists()
