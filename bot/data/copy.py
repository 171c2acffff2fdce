"""A desk carried from one place to another: the mechanism of `backup`, `restore` and `move`."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from bot.data.ledger import read_dispositions
from bot.model import NoLetterError
from bot.store.data_access import DataReader, DataWriter
from bot.store.files.delivery_queue import rests
from bot.store.index import mark

FILED_DAYS = 90  # tickets that were done before arrive filed, the others are filed there, as rules.yaml has it


class Carried(NamedTuple):
    """How much was carried."""

    tickets: int
    records: int
    letters: int
    highest: int  # number of a ticket


class ChangedError(Exception):
    """Letters were erased under way: what names them has been carried already. Try again."""


def copy(reader: DataReader, writer: DataWriter, now: datetime) -> Carried:
    """Records and tickets first and letters after them, so that what a ticket names is there although the desk goes on.

    A letter that nothing carried accounts for is put as waiting: it is handled again where it arrives, and what was done with it meanwhile
    is done there too. The caller closes the writer. Raises OSError and ChangedError.
    """
    accounted: set[int] = set()
    tickets = records = letters = highest = 0
    for place, record in reader.records():
        writer.record(place, record)
        records += 1
        accounted |= {mark(record.letter)} if record.disposition else set()
    for ticket in reader.tickets():
        writer.ticket(ticket, filed=rests(ticket, now, FILED_DAYS))
        tickets, highest = tickets + 1, max(highest, ticket.number)
        accounted.update(mark(seen.letter) for seen in ticket.seen)
    parked = {one.letter: one for one in reader.parked()}
    for ident, place in reader.letters():
        try:
            envelope, raw = reader.letter(ident)
        except NoLetterError:
            continue
        if place in ("waiting", "archived"):
            place = "archived" if mark(ident) in accounted else "waiting"
        writer.letter(envelope, raw, place, parked.get(ident) if place == "parked" else None)
        letters += 1
        accounted.discard(mark(ident))
    if accounted and not accounted <= {mark(letter) for letter, _, _ in read_dispositions(reader)}:
        raise ChangedError("letters were erased while they were copied; try again")
    return Carried(tickets, records, letters, highest)
