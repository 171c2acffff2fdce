"""The policy: everything that rules.yaml says, in the form that the desk uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from bot.model import Ground, Priority, Resolution, Value
from bot.rules.calendar import Calendar
from bot.rules.schema import (
    Announcement,
    CalendarSection,
    Caps,
    Clauses,
    DeskSection,
    Effect,
    GroundSection,
    Hours,
    Outcome,
    People,
    Periods,
    ResolutionSection,
    Rule,
    Section,
    Sla,
    Text,
)

_DUE = {Priority.high: 24, Priority.medium: 48, Priority.low: 96}
_GROUNDS = dict.fromkeys(Ground, GroundSection(clause="4.6")) | {Ground.low_priority: GroundSection(action="stay", clause="5.2")}
_RESOLUTIONS = dict.fromkeys(Resolution, ResolutionSection()) | {Resolution.not_reproducible: ResolutionSection(clause="4.6")}


def _key(value: Ground | Resolution) -> Ground | Resolution:
    if not re.fullmatch("[a-z][a-z0-9_]{0,39}", value):
        raise ValueError("must be small Latin letters, digits and _, such as unpaid_invoice")
    return value


KEY = AfterValidator(_key)


def _with(usual: Mapping[Any, Outcome]) -> Callable[[Any], Any]:
    """Those of the regulation, changed and added to; one that a company has not is `none`."""

    def merged(given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {key: value for key, value in {**usual, **given}.items() if value != "none"}

    return merged


class Policy(Section):
    """The whole of rules.yaml, by its keys. Compared and hashed by the bytes of the file."""

    desk: DeskSection
    working: CalendarSection = Field(CalendarSection(), alias="calendar")
    announcements: tuple[Announcement, ...] = ()  # clause 7, all of them; see `announced`
    people: People
    periods: Periods = Periods()
    priorities: Annotated[dict[Priority, Hours], AfterValidator(lambda given: _DUE | given)] = _DUE  # clause 5.2: hours to a solution
    sla: Sla = Sla()
    caps: Caps = Caps()
    grounds: Annotated[dict[Annotated[Ground, KEY], GroundSection], BeforeValidator(_with(_GROUNDS))] = _GROUNDS
    resolutions: Annotated[dict[Annotated[Resolution, KEY], ResolutionSection], BeforeValidator(_with(_RESOLUTIONS))] = _RESOLUTIONS
    clauses: Clauses = Clauses()
    versions: dict[str, Text] = {}  # the oldest browsers and systems that are still supported; `none` where no version is
    vocabulary: dict[Annotated[str, Field(pattern=r"^\w[\w-]*$")], tuple[Text, ...]] = {}
    written: tuple[Rule, ...] = Field((), alias="rules")
    _source: bytes = PrivateAttr(b"")
    _name: str = PrivateAttr("")

    @property
    def source(self) -> bytes:
        """The file as it was loaded."""
        return self._source

    @property
    def name(self) -> str:
        """The name of that file."""
        return self._name

    def loaded(self, source: bytes, name: str) -> Policy:
        """The policy itself, with the file that it comes from."""
        self._source, self._name = source, name
        return self

    def __hash__(self) -> int:
        return hash(self._source)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and other._source == self._source

    @cached_property
    def digest(self) -> str:
        """Names this version of the rules."""
        return blake2b(self._source, digest_size=8).hexdigest()

    @cached_property
    def calendar(self) -> Calendar:
        """Clause 2.1."""
        return Calendar(self.working, self.desk.timezone)

    @property
    def times(self) -> tuple[object, ...]:
        """Everything that the timers of tickets depend on."""
        return self.periods, self.sla, self.priorities, self.working, self.desk.timezone

    def announced(self, now: datetime) -> tuple[Announcement, ...]:
        """The announcements in force at `now`."""
        return tuple(item for item in self.announcements if item.active(now))

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in their order; announcements that answer letters come first."""
        answering = []
        for item in self.announcements:
            if item.when:
                name = f"announcement:{item.id}"
                answering.append(Rule.model_construct(id=name, clause="7", when=item.when, then=Effect(topic="announcement", labels=(name,))))
        return (*answering, *self.written)

    @cached_property
    def by_need(self) -> tuple[dict[str, list[int]], list[int]]:
        """Indexes of `rules`: by the matched keys that can fire them, and those that any letter may fire."""
        keyed: dict[str, list[int]] = {}
        free = []
        for number, rule in enumerate(self.rules):
            if rule.needs is None:
                free.append(number)
            for key in rule.needs or ():
                keyed.setdefault(key, []).append(number)
        return keyed, free


class Facts(Value, frozen=True, kw_only=True):
    """What the rules know besides the letter. `Facts(now=…)` is for the first letter of an unknown person."""

    now: datetime
    first: bool = True  # the letter opens a ticket; False for a follow-up
    priority: Priority | None = None  # the ticket's so far
    used_grounds: tuple[Ground, ...] = ()  # grounds that the machine has used on this ticket
    warned: bool = False  # the requester has been warned of abuse on this ticket
    complaint: bool = False  # the ticket is a complaint already
    answering: bool = False  # the letter answers an automatic question: a person will read it
