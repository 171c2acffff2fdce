"""What the desk remembers of live tickets, beside what the stores' contract says."""

from __future__ import annotations

from datetime import timedelta

from contract import IVAN, NOW, outgoing, record, ticket
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import Disposition, Status
from bot.store.index import MOST, TicketIndex
from bot.store.interface import Lookup


def ask(index: TicketIndex, **more: object):
    return index.find(Lookup(**{"letter": "new", "requester": IVAN} | more), NOW)


@given(st.lists(st.sampled_from(range(1, 6)), max_size=20), st.lists(st.sampled_from(range(1, 6)), max_size=5))
def test_adding_again_changes_nothing_and_removing_leaves_nothing(added, removed):
    index = TicketIndex()
    for number in added:
        index.add(ticket(number, outgoing=(outgoing(),)))
    for number in removed:
        index.remove(ticket(number, outgoing=(outgoing(),)))
    left = set(added) - set(removed)
    found = ask(index)
    assert set(index.lines) == {one.number for one in found.earlier} == left
    assert len(found.senders[IVAN].sent) == len(left)
    assert found.fresh == max(added, default=0) + 1, "a number that was removed is not given again"
    for number in range(1, 6):
        one = ask(index, letter=f"letter-{number}", message_id=f"{number}@client", fingerprint="f", references=(f"{number}@client",))
        assert (one.repeated, one.duplicate, one.by_reference) == ((True, True, number) if number in left else (False, False, 0))


def test_letters_of_a_day_are_counted_and_the_older_forgotten():
    index = TicketIndex()
    letters = tuple(outgoing(n, created=NOW - timedelta(hours=n)) for n in range(1, 40))
    index.add(ticket(1, outgoing=letters))
    assert len(ask(index).senders[IVAN].sent) == 23
    index.prune(NOW + timedelta(days=2))
    assert ask(index).senders[IVAN].sent == ()


def test_a_flood_to_one_address_costs_no_more_than_the_highest_cap():
    index = TicketIndex()
    for number in range(1, 4 * MOST):
        index.add(ticket(number, outgoing=(outgoing(created=NOW - timedelta(seconds=4 * MOST - number)),)))
    sent = ask(index).senders[IVAN].sent
    assert len(sent) == MOST
    assert min(sent) > NOW - timedelta(seconds=MOST + 1), "it is the newest that count"


def test_a_record_that_could_not_be_written_is_forgotten_but_what_it_is_a_copy_of_is_not():
    index = TicketIndex()
    index.add(ticket(1, "a"))
    copy = record("b", disposition=Disposition.duplicate, message_id="1@client", fingerprint="f")
    index.record(copy)
    index.forget(copy)
    found = ask(index, letter="b", message_id="1@client", fingerprint="f")
    assert (found.repeated, found.duplicate, found.duplicate_of) == (False, True, 1)


def test_the_list_shows_the_ticket_as_it_is_now():
    index = TicketIndex()
    index.add(first := ticket(1))
    index.add(replace(first, status=Status.done, owner="anna@desk"))
    assert [(one.status, one.owner) for one in index.lines.values()] == [("done", "anna@desk")]
