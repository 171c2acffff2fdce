"""Any order of commits, deliveries, failures, filings, ends and kills leaves what was acknowledged once, for
every store; and what was not is there whole or not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

from contract import IVAN, NOW, ask, commit, done, fails, outgoing, record, ticket
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from looking import ticket_of
from msgspec.structs import replace

from bot.data.ledger import read_dispositions
from bot.model import Delivery, Status
from bot.store.data_access import DataReader
from bot.store.interface import Lookup, Store

QUICK = settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))


class AnyOrder(RuleBasedStateMachine):
    """Subclasses say how the store is opened, again and again on the same data, how it is made to fail, and where it lies."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now = NOW
        self.failing = False
        self.tickets: dict[int, Any] = {}  # as the store says that they are
        # What each may be after a kill: as it was acknowledged last, and what failed since.
        self.since: dict[int, list[Any]] = {}
        self.records: set[str] = set()
        self.unsure: set[str] = set()  # records that are not acknowledged
        self.sent: set[tuple[int, int]] = set()
        self.count = 0

    async def opened(self) -> Store:
        raise NotImplementedError

    def fail(self, failing: bool) -> None:
        raise NotImplementedError

    def reader(self) -> DataReader:
        raise NotImplementedError

    async def known(self) -> None:
        """Returns when all that had failed is done, on a disk that is well."""

    async def kill(self) -> None:
        """Nothing more of the store reaches the disk."""
        await self.store.close()

    async def has(self, letter: str) -> bool:
        """Whether the store says that it has carried a letter out, durable or not."""
        with contextlib.suppress(OSError):
            async with self.store.unit_of_work() as turn:
                found = await turn.find(Lookup(letter=letter, requester=IVAN), NOW)
        return found.repeated

    def commits(self, one: Any) -> None:
        """A ticket is committed, and noted down as the store has it then."""
        number, before = one.number, self.tickets.get(one.number)
        if self.run(fails(commit(self.store, one))):
            held = self.run(ticket_of(self.store, number))
            assert held in (before, one)
            self.since.setdefault(number, [before]).append(one)
        else:
            held, self.since[number] = one, [one]
        if held is not None:
            self.tickets[number] = held

    def restart(self) -> None:
        """A new store on the same data."""
        self.fail(False)
        self.failing = False
        self.store = self.run(self.opened())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def start(self) -> None:
        self.store = self.run(self.opened())

    @rule(letters=st.integers(0, 3))
    def opens(self, letters: int) -> None:
        self.count += 1
        fresh = self.run(ask(self.store)).fresh
        assert fresh not in self.tickets
        one = ticket(fresh, f"l{self.count}", outgoing=tuple(outgoing(n + 1, due=self.now + timedelta(minutes=n)) for n in range(letters)))
        self.commits(one)

    @rule(pick=st.integers(0), status=st.sampled_from(Status), cancel=st.booleans())
    def changes(self, pick: int, status: Status, cancel: bool) -> None:
        if self.tickets:
            number = sorted(self.tickets)[pick % len(self.tickets)]
            self.count += 1
            one = self.run(ticket_of(self.store, number))
            letters = tuple(replace(out, state=Delivery.cancelled) if cancel and out.state is Delivery.waiting else out for out in one.outgoing)
            letters += (outgoing(len(letters) + 1, due=self.now),)
            changed = replace(one, status=status, done_at=self.now if status is Status.done else None, owner=f"{self.count}@desk", outgoing=letters)
            self.commits(changed)

    @rule()
    def records_a_deed(self) -> None:
        self.count += 1
        letter = f"r{self.count}"
        if self.run(fails(commit(self.store, records=(record(letter),)))):
            self.unsure.add(letter)
        if self.run(self.has(letter)):
            self.records.add(letter)
        assert letter in self.records | self.unsure

    @rule(minutes=st.sampled_from([0, 1, 60 * 24 * 15]))
    def delivers(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        given = self.run(self.store.due(self.now, 3))
        for one in given:
            assert (one.ticket, one.letter.id) not in self.sent, "twice"
        results = [done(one, done_at=self.now) for one in given]
        while self.run(fails(self.store.delivered(results))):
            self.disk(failing=False)
        for one in results:
            self.sent.add((one.ticket, one.letter.id))
            now = self.tickets[one.ticket]
            letters = tuple(one.letter if out.id == one.letter.id else out for out in now.outgoing)
            self.tickets[one.ticket] = replace(now, outgoing=letters)
            self.since[one.ticket] = [self.tickets[one.ticket]]

    @rule()
    def files(self) -> None:
        self.run(self.store.archive_done(self.now, 14))

    @rule(failing=st.booleans())
    def disk(self, failing: bool) -> None:
        self.failing = failing
        self.fail(failing)
        if not failing:
            self.run(self.known())
            self.since = {number: [one] for number, one in self.tickets.items()}
            self.unsure.clear()

    @rule()
    def ends(self) -> None:
        self.disk(failing=False)
        self.run(self.store.close())
        self.restart()

    @rule()
    def dies(self) -> None:
        self.run(self.kill())
        self.restart()
        for number, versions in self.since.items():
            found = self.run(ticket_of(self.store, number))
            assert found in versions
            self.tickets[number] = found
        self.tickets = {number: one for number, one in self.tickets.items() if one is not None}
        self.since = {number: [one] for number, one in self.tickets.items()}
        self.records -= {letter for letter in self.unsure if not self.run(self.has(letter))}
        self.unsure.clear()

    @invariant()
    def holds_what_was_acknowledged(self) -> None:
        if hasattr(self, "store"):
            assert {number: self.run(ticket_of(self.store, number)) for number in self.tickets} == self.tickets
            dispositions = list(read_dispositions(self.reader()))
            assert len({letter for letter, _, _ in dispositions}) == len(dispositions), "twice"
            records = {letter for letter, disposition, _ in dispositions if disposition == "machine"}
            tickets = {number for _, disposition, number in dispositions if disposition == "opened"}
            acknowledged = {number for number in self.tickets if None not in self.since[number]}
            assert self.records - self.unsure <= records <= self.records
            assert acknowledged <= tickets <= set(self.tickets)
            assert tickets == set(range(1, len(tickets) + 1)), "a number is left out"
            assert self.failing or (records, tickets) == (self.records, set(self.tickets))

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.fail(False)
            self.run(self.store.close())
        self.loop.close()
