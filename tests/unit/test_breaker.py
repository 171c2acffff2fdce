"""The circuit breaker before the relay: what stops it, how it asks again, and that no letter pays for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from contract import NOW, outgoing
from msgspec.structs import replace

from bot.delivery.breaker import REFUSED_LONG, REFUSED_SHORT, SHORT, WITHIN, Breaker
from bot.delivery.result import Result
from bot.store.interface import Due

SENT = Result("sent", "250 ok", 250)
US = Result("retry", "554 5.7.1 relay access denied", 554, of_us=True, alarm=True)
AWAY = Result("retry", "connection refused", 0, of_us=True)
SPAM = Result("held", "554 5.7.1 spam", 554)
MOST = 100


def letter(number: int, to: str = "") -> Due:
    return Due(ticket=number, record="", letter=replace(outgoing(number), to=to or f"u{number}@example.org"))


def test_while_letters_flow_there_is_room_for_all():
    breaker = Breaker()
    assert breaker.heard(letter(1), SENT, NOW) == ()
    assert (breaker.room(NOW, 3, MOST), breaker.why, breaker.taken) == (97, "", NOW)


@pytest.mark.parametrize(("result", "pause"), [(US, REFUSED_SHORT), (AWAY, SHORT)])
def test_a_refusal_of_us_stops_it_and_one_letter_asks_again(result, pause):
    breaker = Breaker()
    breaker.heard(letter(1), result, NOW)
    assert (breaker.room(NOW, 0, MOST), breaker.why, breaker.since) == (0, result.words, NOW)
    assert breaker.room(NOW + pause, 0, MOST) == 1
    assert breaker.room(NOW + pause, 1, MOST) == 0, "one at a time"
    breaker.heard(letter(1), SENT, NOW + pause)
    assert (breaker.room(NOW + pause, 0, MOST), breaker.why, breaker.since) == (MOST, "", None)


def test_the_pauses_grow_by_tries_not_by_letters():
    breaker, now, pauses = Breaker(), NOW, []
    for number in range(50):  # what was under way together
        breaker.heard(letter(number), US, now)
    for _ in range(8):
        pauses.append(breaker.until - now)
        now = breaker.until
        breaker.heard(letter(1), US, now)
    assert pauses[:4] == [REFUSED_SHORT * 2**power for power in range(4)]
    assert pauses[-1] == REFUSED_LONG
    assert breaker.since == NOW


def test_four_refused_contents_are_the_letters_own():
    breaker = Breaker()
    for number in range(4):
        assert breaker.heard(letter(number), SPAM, NOW) == ()
    assert breaker.room(NOW, 0, MOST) == MOST


def test_the_fifth_is_said_of_us_and_all_five_wait_again():
    breaker = Breaker()
    for number in range(4):
        breaker.heard(letter(number), SPAM, NOW + number * timedelta(minutes=2))
    back = breaker.heard(letter(4), SPAM, NOW + timedelta(minutes=9))
    assert [one.ticket for one in back] == [0, 1, 2, 3, 4]
    assert (breaker.room(NOW + timedelta(minutes=9), 0, MOST), breaker.alarm) == (0, True)


def test_one_recipient_who_is_refused_five_times_stops_nothing():
    breaker = Breaker()
    for number in range(9):
        assert breaker.heard(letter(number, "same@example.org"), SPAM, NOW) == ()
    assert not breaker.why


def test_five_within_an_hour_stop_nothing():
    breaker = Breaker()
    for number in range(5):
        breaker.heard(letter(number), SPAM, NOW + number * WITHIN)
    assert not breaker.why


def test_a_probe_that_is_held_for_its_content_makes_the_next_one_wait():
    breaker = Breaker()
    breaker.heard(letter(1), US, NOW)
    again = breaker.until
    breaker.heard(letter(2), SPAM, again)
    assert breaker.room(again, 0, MOST) == 0
    assert breaker.room(again + REFUSED_SHORT, 0, MOST) == 1
