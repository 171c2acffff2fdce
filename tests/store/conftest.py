"""In the tests of the stores each ticket is a long one: its past goes into parts after two letters."""

from __future__ import annotations

import pytest

from bot.store import parts


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent to staff stays whole here, so that a ticket is read as it was written."""
    for name, value in {"FRESH": 1, "ROOM": 300, "LARGEST": 3, "FULL": 3000, "STAFF": ()}.items():
        monkeypatch.setattr(parts, name, value)
