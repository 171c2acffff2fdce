"""The inbox on files keeps what every inbox promises, and sees what another process puts there."""

from __future__ import annotations

import pytest
from contract import NOW
from letters_contract import RAW, Box, LettersContract

from bot.disk import Disk
from bot.model import Envelope
from bot.store.files import letters as module
from bot.store.files.inbox import Inbox
from bot.store.files.letters import FileLetters
from bot.store.files.reader import FileDataReader


@pytest.fixture
def box(tmp_path):
    async def again() -> FileLetters:
        return FileLetters(Inbox(tmp_path, Disk()))

    return Box(FileLetters(Inbox(tmp_path, Disk())), again, lambda: FileDataReader(tmp_path))


class TestFileLetters(LettersContract):
    pass


async def test_what_is_piped_in_is_seen_also_while_the_line_is_never_empty(box, tmp_path, monkeypatch):
    idents = [await box.take() for _ in range(3)]
    await box.letters.claim(1)
    other = Inbox(tmp_path, Disk())
    piped = other.new_id(NOW)
    other.accept(RAW, Envelope(letter=piped, received=NOW, mail_from="a@b"))
    assert await box.letters.claim(1) == idents[1:2]
    monkeypatch.setattr(module, "LOOK_AGAIN", 0.0)
    assert await box.letters.claim(9) == [idents[2], piped]
