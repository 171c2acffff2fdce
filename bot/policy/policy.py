"""The policy: everything that rules.yaml says, ready for the desk to ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import blake2b

from bot.model import Ground, Priority, Value
from bot.policy.calendar import Calendar
from bot.policy.conditions import Branch, Node, needs
from bot.policy.schema import Agent, Announcement, Caps, Desk, Effect, Examples, GroundSection, Periods, RulesFile, Sla


@dataclass(frozen=True)
class Department:
    """Another part of the company, to which letters are passed on."""

    id: str
    name: str
    names: dict[str, str]
    address: str
    answers: str  # note or requester

    def name_in(self, language: str) -> str:
        """The name in that language, or the plain one."""
        return self.names.get(language, self.name)


@dataclass(frozen=True)
class People:
    """Agents and departments."""

    agents: tuple[Agent, ...]
    departments: dict[str, Department]

    @property
    def leads(self) -> tuple[Agent, ...]:
        """The agents who lead; the first agent where nobody is named."""
        return tuple(agent for agent in self.agents if agent.lead) or self.agents[:1]

    def agent(self, address: str) -> Agent | None:
        """The agent with this address, in any case of letters."""
        return next((agent for agent in self.agents if agent.address == address.lower()), None)

    def department_of(self, address: str) -> Department | None:
        """The department with this address, in any case of letters."""
        return next((item for item in self.departments.values() if item.address == address.lower()), None)


@dataclass(frozen=True)
class Rule:
    """One rule, or an announcement that answers letters, ready for judging."""

    id: str
    clause: str
    about: str
    node: Node
    then: Effect
    examples: Examples
    announcement: Announcement | None = None

    @cached_property
    def needs(self) -> frozenset[str] | None:
        """See `bot.policy.conditions.needs`."""
        return needs(self.node)


@dataclass(frozen=True)
class Policy:
    """rules.yaml, read. Compared and hashed by its bytes."""

    source: bytes
    name: str
    file: RulesFile
    desk: Desk = field(init=False)  # name, addresses, prefix, language, timezone, links
    announcements: tuple[Announcement, ...] = field(init=False)  # clause 7, all of them; see `announced`
    periods: Periods = field(init=False)  # how long things last
    sla: Sla = field(init=False)  # how due times are counted
    caps: Caps = field(init=False)  # how many automatic letters may leave
    versions: dict[str, str] = field(init=False)  # the oldest supported ones; `none` where no version is supported

    def __post_init__(self) -> None:
        for part in ("desk", "announcements", "periods", "sla", "caps", "versions"):
            object.__setattr__(self, part, getattr(self.file, part))

    def __hash__(self) -> int:
        return hash(self.source)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and other.source == self.source

    @cached_property
    def digest(self) -> str:
        """Names this version of the rules."""
        return blake2b(self.source, digest_size=8).hexdigest()

    @cached_property
    def calendar(self) -> Calendar:
        """Clause 2.1."""
        return Calendar(self.file.calendar, self.file.desk.timezone)

    @property
    def times(self) -> tuple[object, ...]:
        """All that the timers of tickets depend on."""
        return self.periods, self.sla, self.file.priorities, self.file.calendar, self.desk.timezone

    def announced(self, now: datetime) -> tuple[Announcement, ...]:
        """The announcements that hold at `now`."""
        return tuple(item for item in self.file.announcements if item.active(now))

    @cached_property
    def people(self) -> People:
        """Agents and departments."""
        departments = {}
        for key, item in self.file.people.departments.items():
            departments[key] = Department(key, item.name, dict[str, str](item.names), item.address, item.answers)
        return People(self.file.people.agents, departments)

    @cached_property
    def priorities(self) -> dict[Priority, int]:
        """Clause 5.2: hours to a solution."""
        return {priority: getattr(self.file.priorities, priority.value) for priority in Priority}

    @cached_property
    def grounds(self) -> dict[Ground, GroundSection]:
        """Every ground with its action and clause; those that the file leaves out have the defaults."""
        defaults = {Ground.low_priority: GroundSection(action="stay", clause="5.2")}
        return {ground: self.file.grounds.get(ground) or defaults.get(ground) or GroundSection() for ground in Ground}

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in their order; announcements that answer letters come first."""
        found = []
        for item in self.file.announcements:
            if item.when:
                effect = Effect(topic="announcement", labels=(f"announcement:{item.id}",))
                found.append(Rule(f"announcement:{item.id}", "7", "", item.when.node, effect, Examples(), item))
        for rule in self.file.rules:
            node = rule.when.node
            if rule.unless:
                node = Branch("all", (node, Branch("not", (rule.unless.node,))))
            found.append(Rule(rule.id, rule.clause, rule.about, node, rule.then, rule.examples))
        return tuple(found)

    def rule(self, name: str) -> Rule | None:
        """The rule with that id."""
        return next((rule for rule in self.rules if rule.id == name), None)

    @cached_property
    def topics(self) -> frozenset[str]:
        """Every topic that some rule answers; each needs a template."""
        return frozenset(rule.then.topic for rule in self.rules if rule.then.topic)

    @cached_property
    def by_need(self) -> tuple[dict[str, tuple[int, ...]], tuple[int, ...]]:
        """Rules by the matched keys that can fire them, and those that any letter may fire; as numbers in `rules`."""
        keyed: dict[str, list[int]] = {}
        free: list[int] = []
        for number, rule in enumerate(self.rules):
            if rule.needs is None:
                free.append(number)
            for key in rule.needs or ():
                keyed.setdefault(key, []).append(number)
        return {key: tuple(numbers) for key, numbers in keyed.items()}, tuple(free)


class Facts(Value, frozen=True, kw_only=True):
    """What is known beside the letter when the rules are asked. `Facts(now=…)` is a first letter from a new person."""

    now: datetime
    first: bool = True  # it opens a ticket; False for a follow-up
    priority: Priority | None = None  # of the ticket so far
    used_grounds: tuple[Ground, ...] = ()  # grounds that the machine has used on this ticket
    warned: bool = False  # the requester has been warned of abuse on this ticket
    complaint: bool = False  # the ticket is a complaint already
    answering: bool = False  # the letter answers an automatic ground: a person reads it
