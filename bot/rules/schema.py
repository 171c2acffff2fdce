"""What rules.yaml may contain: a pydantic model for each section, with the regulation's values as defaults.

Only types and single values are checked here. What concerns several sections (an unknown department, a
calendar that never opens) is checked by `bot.rules.crosschecks`. Every model forbids unknown keys.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, WithJsonSchema, model_validator

from bot.model import Ground, Priority
from bot.model.address import FOUND
from bot.rules.conditions import Branch, Condition, Node, Strings, needs


class Section(BaseModel):
    """A part of the file: frozen, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def _address(value: str) -> str:
    if not FOUND.fullmatch(value):
        raise ValueError("must be a mail address such as support@example.org")
    return value.lower()


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Moscow or UTC") from None
    return value


def _written(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Mailbox = Annotated[str, AfterValidator(_address)]
Clause = Annotated[str, BeforeValidator(_written), Field(pattern=r"^\d+(\.\d+)*$"), WithJsonSchema({"type": ["string", "number"]})]
Text = Annotated[str, BeforeValidator(_written), WithJsonSchema({"type": ["string", "number"]})]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Language = Literal["ru", "en"]
Translated = dict[Annotated[str, Field(pattern="^(ru|en)$")], str]
Days = Annotated[int, Field(ge=1, le=366)]
Hours = Annotated[int, Field(ge=1, le=8784)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class Named(Section):
    """Something with a name that people read; `names` has it in further languages."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    names: Translated = {}

    def name_in(self, language: str) -> str:
        """The name in that language, or `name`."""
        return self.names.get(language, self.name)


class DeskSection(Named):
    """The desk itself: who it is and where letters to it go."""

    service: Annotated[str, Field(max_length=120)] = ""  # what users call the product; "" means the desk's name
    description: Translated = {}
    address: Mailbox
    aliases: tuple[Mailbox, ...] = ()
    prefix: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,9}$")] = "PF"
    language: Language = "ru"
    timezone: Annotated[str, AfterValidator(_zone)] = "Europe/Moscow"
    regulation_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    own_lists: tuple[str, ...] = ()
    links: dict[Name, str] = {}  # pages that answers link to: form, install, obtain …

    @property
    def addresses(self) -> frozenset[str]:
        """All addresses of the desk itself."""
        return frozenset((self.address, *self.aliases))


class ExceptionDay(Section):
    """A day, or several days in a row, with other hours than usual."""

    day: date = Field(alias="date")
    until: date | None = None
    hours: Strings = ()  # empty means closed
    reason: Translated = {}

    @model_validator(mode="after")
    def _ordered(self) -> ExceptionDay:
        if self.until and self.until < self.day:
            raise ValueError("'until' must not be before 'date'")
        return self


class CalendarSection(Section):
    """Clause 2.1: when people work. Hours are wall-clock times in the desk's timezone."""

    hours: Strings = ("10:00-22:00",)  # every day, unless `days` says otherwise
    days: dict[str, Strings] = {}
    breaks: Strings = ()
    holidays: Literal["none", "RU", "BY", "KZ", "UA", "DE", "FR", "GB", "US"] = "none"
    exceptions: tuple[ExceptionDay, ...] = ()


class Announcement(Section):
    """Clause 7: something that users should know now; letters that fit `when` are answered with it."""

    id: Name
    kind: Literal["outage", "break", "holiday", "change", "news"] = "news"
    since: datetime | None = None
    until: datetime | None = None
    text: Translated
    when: Condition | None = None

    def text_in(self, language: str) -> str:
        """The text in that language, or else in the first one of the file."""
        return self.text.get(language) or next(iter(self.text.values()), "")

    def active(self, now: datetime) -> bool:
        """Whether it is in force at `now` (aware). An outage without `until` is, while it is in the file."""
        return (self.since is None or self.since <= now) and (self.until is None or now < self.until)


class Agent(Section):
    """Someone who answers letters. `trust` says what proves that a command is theirs.

    `reply` (`signed` in older files): the signed reply address; `dkim`: that, or an aligned DKIM or DMARC
    pass; `both`: the two together.
    """

    name: Annotated[str, Field(min_length=1, max_length=120)]
    address: Mailbox
    lead: bool = False
    trust: Literal["reply", "signed", "dkim", "both"] = "reply"
    language: Language | None = None


class Department(Named):
    """Clauses 2.2 and 3.1: another part of the company; `answers: requester` forwards its answers."""

    address: Mailbox
    answers: Literal["note", "requester"] = "note"
    _id: str = PrivateAttr("")

    @property
    def id(self) -> str:
        """Its key in the file."""
        return self._id


class People(Section):
    """Who works here."""

    agents: Annotated[tuple[Agent, ...], Field(min_length=1)]
    departments: dict[Name, Department] = {}

    def model_post_init(self, _: Any) -> None:
        """Gives every department its key."""
        for key, department in self.departments.items():
            department._id = key

    @property
    def leads(self) -> tuple[Agent, ...]:
        """The agents who are leads; if none is, the first agent."""
        return tuple(agent for agent in self.agents if agent.lead) or self.agents[:1]

    def agent(self, address: str) -> Agent | None:
        """The agent with this address; upper and lower case are the same."""
        return next((agent for agent in self.agents if agent.address == address.lower()), None)

    def department_of(self, address: str) -> Department | None:
        """The department with this address; upper and lower case are the same."""
        return next((item for item in self.departments.values() if item.address == address.lower()), None)


class Periods(Section):
    """How long things last, except the due times."""

    reopen_days: Days = 14  # an answer to a closed ticket reopens it
    remind_days: Days = 3  # then a requester who has not answered a question is reminded …
    silence_days: Days = 7  # … and after these the ticket is closed
    low_offer_hours: Hours = 72  # clause 5.2: a low ticket this old is shown to the lead, who may refuse it
    department_days: Days = 3  # if a department does not answer, the agent is told
    score_days: Annotated[int, Field(ge=1, le=31)] = 30  # clause 6: nobody is asked twice in this time
    report: Literal["weekly", "never"] = "weekly"  # the letter with the figures, to the leads on Monday morning
    kept_hours: Hours = 24  # how long an agent's text without a command is kept
    suppress_days: Days = 30  # no automatic mail to an address that bounced
    agent_link_days: Days = 30  # how long an agent's signed reply address works
    retention_days: Annotated[int, Field(ge=60, le=36_500)] | None = None  # done tickets are erased after so many days; None: never
    confirm_hours: Hours = 24  # how long a fresh letter of an agent waits for #confirm


class Sla(Section):
    """How due times are counted: around the clock or in working hours only; and when agents are warned."""

    clock: Literal["wall", "working"] = "wall"
    warn_hours: Hours = 4


class Caps(Section):
    """How many automatic letters may leave; beyond that, letters are held or wait."""

    requester_10_min: Count = 3
    requester_3_hours: Count = 10
    requester_day: Count = 20
    ticket_10_min: Count = 10
    acknowledgements_day: Count = 1  # through one ticket's signed addresses
    same_subject_3_hours: Count = 3  # letters with one subject; this one and later ones are held
    errors_10_min: Count = 30  # error letters to one agent
    domain_hour: Count = 600
    all_10_min: Count = 3000
    staff_10_min: Count = 300
    notices_requester_10_min: Count = 10  # letters to staff caused by one mailbox; further ones are gathered
    notices_client_10_min: Count = 30  # … by one SMTP client (not our relay) or form visitor
    notices_domain_10_min: Count = 100
    notices_all_10_min: Count = 200  # to one member of staff, whoever causes them
    latch_days: Days = 7
    held_after_minutes: Annotated[int, Field(ge=1, le=1440)] = 60


class Outcome(Section):
    """A ground or resolution. The names and letters of those in clauses 4.6 and 5.1 are in the templates."""

    names: Translated = {}  # what people read, in each language
    words: tuple[Annotated[str, Field(pattern=r"^[^\W_]\w*$")], ...] = ()  # what agents may write for it, beside its key
    text: Translated = {}  # what its letter says where it has no template of its own
    clause: Clause | Literal[""] = ""


class ResolutionSection(Outcome):
    """How a ticket may end (clause 5.1, г)."""


class GroundSection(Outcome):
    """What the machine does on a ground: suspend (ask), refuse (close), or stay (give people a hint)."""

    action: Literal["suspend", "refuse", "stay"] = "suspend"
    repeat: Literal["hint", "refuse"] = "hint"  # what a second time on the same ticket does, after a warning


class Clauses(Section):
    """The clauses that letters name. One that the regulation does not have is not named."""

    outage: Clause | Literal[""] = ""  # malfunctions come first
    development: Clause | Literal[""] = ""  # what goes to the developers
    answer_time: Clause | Literal[""] = ""  # how soon an answer comes
    scope: Clause | Literal[""] = ""  # what support does, and what it does not
    obtain_service: Clause | Literal[""] = ""  # how the service is obtained
    request: Clause | Literal[""] = ""  # what a request has to say
    number: Clause | Literal[""] = ""  # one number, one request
    screenshots: Clause | Literal[""] = ""  # formats that are accepted
    hours: Clause | Literal[""] = ""  # announced changes of the hours


class Effect(Section):
    """What a rule does when it fires."""

    ground: Ground | None = None
    action: Literal["suspend", "refuse", "stay"] | None = None  # instead of the ground's own action
    topic: Name | None = None
    priority: Priority | None = None
    department: Name | None = None
    agents: tuple[Mailbox, ...] = ()  # whom a new ticket is shown to, instead of everybody on duty
    labels: Strings = ()

    @model_validator(mode="after")
    def _something(self) -> Effect:
        if not (self.ground or self.topic or self.priority or self.department or self.agents or self.labels):
            raise ValueError("must say what happens: ground, topic, priority, department, agents or labels")
        if self.action and not self.ground:
            raise ValueError("'action' needs a 'ground'")
        return self


class ExampleLetter(Section):
    """An example with more than a text."""

    subject: str = ""
    text: str = ""
    sender: str = Field(default="user@example.org", alias="from")
    attachments: tuple[Literal["picture", "logo", "withheld"], ...] = ()
    headers: dict[str, str] = {}
    first: bool = True
    priority: Priority | None = None
    at: datetime | None = None


class Examples(Section):
    """Letters for which the rule must fire, and letters for which it must not."""

    match: tuple[str | ExampleLetter, ...] = ()
    ignore: tuple[str | ExampleLetter, ...] = ()


class Rule(Section):
    """One rule: a condition on letters, and what follows from it."""

    id: Name
    clause: Clause
    about: str = ""
    when: Condition
    unless: Condition | None = None
    then: Effect
    examples: Examples = Examples()

    @cached_property
    def node(self) -> Node:
        """`when` and not `unless`, ready for judging."""
        return Branch("all", (self.when.node, Branch("not", (self.unless.node,)))) if self.unless else self.when.node

    @cached_property
    def needs(self) -> frozenset[str] | None:
        """See `bot.rules.conditions.needs`."""
        return needs(self.node)

    @property
    def announcement(self) -> bool:
        """Whether it was made from an announcement that answers letters."""
        return self.id.startswith("announcement:")
