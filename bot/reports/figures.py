"""The figures of a period, as docs/reports.md defines them: tickets in one by one, counts out; pure, and flat in memory."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from bot.model import Entry, Outgoing, Stretch, Ticket

OLDEST = 10  # open tickets that are named
NO_QUESTION = ("ground_needs_development", "ground_low_priority")


class Spread:
    """Durations in whole minutes; a quantile is the nearest rank. As large as there are different minutes, however many are added."""

    def __init__(self) -> None:
        self.minutes: Counter[int] = Counter()

    def add(self, span: timedelta) -> None:
        """One more; a negative one (a clock was set back) counts as nothing."""
        self.minutes[max(0, int(span.total_seconds() // 60))] += 1

    def quantile(self, percent: int) -> timedelta | None:
        """The smallest duration that at least `percent` of 100 do not exceed; None where there is none."""
        rank = -(-self.minutes.total() * percent // 100)
        for minutes in sorted(self.minutes):
            rank -= self.minutes[minutes]
            if rank <= 0:
                return timedelta(minutes=minutes)
        return None


@dataclass
class OfAgent:
    """One agent's figures."""

    answers: int = 0
    done: int = 0
    solving: Spread = field(default_factory=Spread)
    scores: Counter[int] = field(default_factory=Counter)


@dataclass
class OfRule:
    """What a rule did by itself, and how people took it."""

    asked: int = 0
    refused: int = 0
    answered: int = 0  # the requester wrote again
    overridden: int = 0  # an agent said that the rule was wrong


@dataclass
class Figures:
    """The days from `since` up to, not including, `until`, in the desk's timezone. Spam and merged tickets count nowhere."""

    since: date
    until: date
    zone: tzinfo
    names: Mapping[str, str] = field(default_factory=dict)  # of agents, by address
    letters: Counter[date] = field(default_factory=Counter)
    opened: Counter[date] = field(default_factory=Counter)
    done: Counter[date] = field(default_factory=Counter)
    priorities: Counter[str] = field(default_factory=Counter)
    topics: Counter[str] = field(default_factory=Counter)
    grounds: Counter[str] = field(default_factory=Counter)
    resolutions: Counter[str] = field(default_factory=Counter)
    reaction: Spread = field(default_factory=Spread)
    solving: Spread = field(default_factory=Spread)
    due: int = 0
    within: int = 0
    asked: int = 0
    scores: Counter[int] = field(default_factory=Counter)
    questions: int = 0
    agents: defaultdict[str, OfAgent] = field(default_factory=lambda: defaultdict(OfAgent))
    rules: defaultdict[str, OfRule] = field(default_factory=lambda: defaultdict(OfRule))
    open: int = 0  # now, of those that were opened before the period ended
    _oldest: list[tuple[float, int, datetime, str]] = field(default_factory=list)

    @property
    def oldest(self) -> list[tuple[int, datetime, str]]:
        """The oldest open tickets: number, since when, subject; the oldest first."""
        return [one[1:] for one in sorted(self._oldest, reverse=True)]

    @property
    def empty(self) -> bool:
        """Whether nothing happened and nothing is open."""
        return not (self.letters or self.opened or self.done or self.open)

    def of(self, owner: str) -> OfAgent:
        """The figures of the agent with this address."""
        return self.agents[self.names.get(owner, owner)]

    def day(self, at: datetime | None) -> date | None:
        """The day of a moment, where it lies in the period."""
        day = at.astimezone(self.zone).date() if at else None
        return day if day and self.since <= day < self.until else None

    def add_all(self, rows: Iterable[Ticket]) -> Figures:
        """All of them; these very figures."""
        for row in rows:
            self.add(row)
        return self

    def add(self, row: Ticket) -> None:
        """One ticket."""
        if row.merged_into or "spam" in row.labels:
            return
        answers = [entry for entry in row.entries if entry.kind == "answer" and entry.public]
        if day := self.day(row.opened):
            self._opened(row, day, answers)
        for entry in row.entries:
            if entry.kind == "letter" and entry.letter and (day := self.day(entry.at)):
                self.letters[day] += 1
        for answer in answers:
            if answer.about != "department" and self.day(answer.at):
                self.agents[answer.name].answers += 1
        self._machine(row)
        if row.status == "done":
            self._done(row)
        elif row.opened.astimezone(self.zone).date() < self.until:
            self.open += 1
            one = (-row.opened.timestamp(), row.number, row.opened, row.subject[:80])
            (heapq.heappush if len(self._oldest) < OLDEST else heapq.heappushpop)(self._oldest, one)
        self.asked += bool(self.day(row.score_asked))
        if any(entry.about == "score" and self.day(entry.at) for entry in row.entries):
            self.scores[row.score] += 1
            if row.owner:
                self.of(row.owner).scores[row.score] += 1

    def _opened(self, row: Ticket, day: date, answers: list[Entry]) -> None:
        self.opened[day] += 1
        self.priorities[row.priority] += 1
        self.topics[row.topic] += 1
        self.grounds.update({*row.suspended, *([row.ground] if row.ground else [])})
        self.questions += len(row.suspended) + sum(asks(one, row.done_at) for one in answers)
        if answers:
            self.reaction.add(answers[0].at - row.opened)

    def _done(self, row: Ticket) -> None:
        day = self.day(row.done_at)
        if not day or not row.done_at:
            return
        self.done[day] += 1
        self.resolutions[row.resolution or "refused"] += 1
        self.solving.add(row.done_at - row.opened)
        if row.due:
            self.due += 1
            self.within += clock_stopped(row.paused, row.done_at) <= row.due
        if row.owner:
            self.of(row.owner).done += 1
            self.of(row.owner).solving.add(row.done_at - row.opened)

    def _machine(self, row: Ticket) -> None:
        acts = {one.letter: one.template.removeprefix("ground_") for one in row.outgoing if acted(one)}
        wrong = {entry.text for entry in row.entries if entry.about == "override"}
        silent = any(entry.about == "closed_silence" for entry in row.entries)
        letters = [entry for entry in row.entries if entry.kind == "letter"]
        for place, entry in enumerate(letters):
            ground = acts.get(entry.letter, "")
            rule = next((hit.rule for hit in entry.hits if hit.ground == ground), "")
            if rule and self.day(entry.at):
                figures, last = self.rules[rule], place + 1 == len(letters)
                refused = last and not silent and row.status == "done" and row.ground == ground
                figures.refused += refused
                figures.asked += not refused
                figures.answered += not last
                figures.overridden += rule in wrong


def asks(answer: Entry, done: datetime | None) -> bool:
    """Whether an agent's letter puts a question: #clarify, with or without a ground; a refusal comes with the ticket's end."""
    return answer.about == "clarify" or (answer.about.startswith("ground_") and answer.about not in NO_QUESTION and answer.at != done)


def acted(one: Outgoing) -> bool:
    """Whether the letter is a ground's, written by the machine."""
    return one.automatic and one.audience == "requester" and one.template.startswith("ground_") and one.state != "cancelled"


def clock_stopped(paused: tuple[Stretch, ...], done: datetime) -> datetime:
    """When the due clock of a done ticket stopped for good: at its end, or before, when it waited for the requester until the end."""
    moment = done
    for stretch in reversed(paused):
        if stretch.until not in (None, moment):
            break
        moment = min(moment, stretch.since)
    return moment
