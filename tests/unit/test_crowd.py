"""Who has to go where a listener is full, what a client may take in a span, and when the disk has no room."""

from __future__ import annotations

import resource
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.app.listeners import LEAST, connections
from bot.intake import crowd
from bot.intake.crowd import ClientRate, Crowd, FreeSpace, NoRoomError


class Guest:
    """A connection that says whether it is idle."""

    def __init__(self, idle: bool = True) -> None:
        self.is_idle, self.gone = idle, False

    def abort(self) -> None:
        self.gone = True


def test_a_client_with_too_many_loses_its_own_oldest_idle_connection() -> None:
    one: Crowd[Guest] = Crowd()
    busy, first, second = Guest(idle=False), Guest(), Guest()
    assert [one.admit(guest, "192.0.2.1", 99, 3) for guest in (busy, first, second, Guest())] == [""] * 4
    assert (busy.gone, first.gone, second.gone) == (False, True, False)


def test_busy_connections_keep_their_places() -> None:
    one: Crowd[Guest] = Crowd()
    busy = [Guest(idle=False) for _ in range(3)]
    assert [one.admit(guest, "192.0.2.1", 3, 2) for guest in busy] == ["", "", "too many connections"]
    assert one.admit(busy[2], "192.0.2.2", 3, 2) == ""
    assert one.admit(Guest(), "192.0.2.3", 3, 2) == "no room for connections"
    one.release(busy[0])
    one.release(busy[0])
    assert one.admit(Guest(), "192.0.2.3", 3, 2) == ""


def test_in_a_full_house_the_network_with_most_connections_makes_room() -> None:
    one: Crowd[Guest] = Crowd()
    quiet = Guest()
    one.admit(quiet, "198.51.100.7", 6, 9)
    many = [Guest() for _ in range(5)]
    for number, guest in enumerate(many):
        one.admit(guest, f"2001:db8::{number:x}", 6, 9)  # one /64
    for _ in range(3):
        assert one.admit(Guest(), "203.0.113.5", 6, 9) == ""
    assert not quiet.gone
    assert [guest.gone for guest in many] == [True, True, True, False, False]
    assert len(one.guests) == 6


def test_a_client_is_counted_by_its_network_and_told_of_once_a_span() -> None:
    told: list[tuple[str, int, str]] = []
    rate = ClientRate(2, lambda client: client == "127.0.0.1", lambda *words: told.append(words))
    assert [rate.is_over("letters", f"2001:db8::{number}", 0.0) for number in range(4)] == [False, False, True, True]
    assert [rate.is_over("connections", "2001:db8::9", 1.0) for _ in range(3)] == [False, False, True]
    assert [rate.is_over("recipients", "192.0.2.1", 2.0) for _ in range(21)] == [False] * 20 + [True]
    assert not any(rate.is_over("letters", "127.0.0.1", 3.0) for _ in range(9))
    assert not rate.is_over("letters", "2001:db8:0:1::1", 4.0), "another network"
    assert not rate.is_over("letters", "2001:db8::1", crowd.SPAN), "the next span"
    assert told == [("2001:db8::2", 450, "more than 2 letters in 60 s"), ("192.0.2.1", 450, "more than 20 recipients in 60 s")]
    anything = ClientRate(0, lambda _: False, lambda *words: told.append(words))
    assert not any(anything.is_over("letters", "192.0.2.1", 0.0) for _ in range(999))


def test_what_would_go_below_the_floor_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(crowd.os, "statvfs", lambda _: SimpleNamespace(f_bavail=30, f_frsize=crowd.MIB))
    space = FreeSpace(tmp_path / "not" / "yet", 10, lambda event, **fields: told.append(f"{event} {fields['words']}"))
    space.must_have_room(0.0, 20 * crowd.MIB)
    for now in (0.0, 30.0):
        with pytest.raises(NoRoomError, match="DESK_MIN_FREE"):
            space.must_have_room(now, 20 * crowd.MIB + 1)
    assert told == ["refused 30 MB are free, and DESK_MIN_FREE is 10"]


@pytest.mark.parametrize(
    ("soft", "hard", "listeners", "most", "then"),
    [(1024, 524_288, 3, 341, 4096), (256, 256, 2, 32, 256), (20_000, 20_000, 1, 5000, 20_000), (64, 64, 3, LEAST, 64)],
)  # fmt: skip
def test_the_doors_take_half_of_the_descriptors_at_most(
    soft: int, hard: int, listeners: int, most: int, then: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [soft, hard]
    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.__setitem__(slice(None), wanted))
    assert connections(listeners) == most
    assert limits[0] == then
