"""Any order of commits, deliveries, failures, filings and crashes leaves what was acknowledged, and nothing else: for every store."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from contract import NOW, ask, commit, done, fails, outgoing, record, ticket
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from bot.model import Delivery, Status
from bot.store.port import Store
from bot.store.rest import Shelf
from bot.upkeep.ledger import read_fates

QUICK = settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))


class AnyOrder(RuleBasedStateMachine):
    """Subclasses say how the store is opened, again and again on the same data, how it is made to fail, and where it lies."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now = NOW
        self.tickets: dict[int, Any] = {}
        self.records: set[str] = set()
        self.sent: set[tuple[int, int]] = set()
        self.count = 0

    async def opened(self) -> Store:
        raise NotImplementedError

    def fail(self, failing: bool) -> None:
        raise NotImplementedError

    def shelf(self) -> Shelf:
        raise NotImplementedError

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
        if not self.run(fails(commit(self.store, one))):
            self.tickets[fresh] = one

    @rule(pick=st.integers(0), status=st.sampled_from(Status), cancel=st.booleans())
    def changes(self, pick: int, status: Status, cancel: bool) -> None:
        if self.tickets:
            number = sorted(self.tickets)[pick % len(self.tickets)]
            self.count += 1
            one = self.run(self.store.ticket(number))
            letters = tuple(replace(out, state=Delivery.cancelled) if cancel and out.state is Delivery.waiting else out for out in one.outgoing)
            letters += (outgoing(len(letters) + 1, due=self.now),)
            changed = replace(one, status=status, done_at=self.now if status is Status.done else None, owner=f"{self.count}@desk", outgoing=letters)
            if not self.run(fails(commit(self.store, changed))):
                self.tickets[number] = changed

    @rule()
    def records_a_deed(self) -> None:
        self.count += 1
        if not self.run(fails(commit(self.store, records=(record(f"r{self.count}"),)))):
            self.records.add(f"r{self.count}")

    @rule(minutes=st.sampled_from([0, 1, 60 * 24 * 15]))
    def delivers(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        given = self.run(self.store.due(self.now, 3))
        for one in given:
            assert (one.ticket, one.letter.id) not in self.sent, "twice"
        results = [done(one, done_at=self.now) for one in given]
        while self.run(fails(self.store.delivered(results))):
            self.fail(False)
        for one in results:
            self.sent.add((one.ticket, one.letter.id))
            now = self.tickets[one.ticket]
            letters = tuple(one.letter if out.id == one.letter.id else out for out in now.outgoing)
            self.tickets[one.ticket] = replace(now, outgoing=letters)

    @rule()
    def files(self) -> None:
        self.run(self.store.sweep(self.now, 14))

    @rule(failing=st.booleans())
    def disk(self, failing: bool) -> None:
        self.fail(failing)

    @rule()
    def crashes(self) -> None:
        self.fail(False)
        self.run(self.store.close())
        self.store = self.run(self.opened())

    @invariant()
    def holds_what_was_acknowledged(self) -> None:
        if hasattr(self, "store"):
            assert {number: self.run(self.store.ticket(number)) for number in self.tickets} == self.tickets
            fates = list(read_fates(self.shelf()))
            assert {letter for letter, fate, _ in fates if fate == "machine"} == self.records
            assert {number for _, fate, number in fates if fate == "opened"} == set(self.tickets)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())
        self.loop.close()
