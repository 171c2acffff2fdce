"""When a letter is tried again: pauses grow to four hours, and five days are the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.relay import GIVE_UP, LONGEST_PAUSE, next_try

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_the_first_try_again_is_after_a_minute():
    assert next_try(1, NOW) == NOW + timedelta(minutes=1)


def test_pauses_grow_to_a_cap_and_end_within_five_days():
    pauses, now = [], NOW
    while (at := next_try(len(pauses) + 1, now)) is not None:
        pauses.append(at - now)
        now = at
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    assert GIVE_UP - LONGEST_PAUSE < now - NOW <= GIVE_UP


@given(st.integers(1, 10_000), st.datetimes(timezones=st.just(UTC), max_value=datetime(2100, 1, 1)))
def test_what_is_given_up_stays_given_up(attempts, now):
    if next_try(attempts, now) is None:
        assert next_try(attempts + 1, now) is None
    else:
        assert next_try(attempts, now) > now
