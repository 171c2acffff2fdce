"""What every decision is made with: the regulation, the templates, the keys and a few switches. Frozen; one a reload."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from bot.model import OUR_OWN
from bot.rendering.templates import Templates
from bot.rendering.terms import Terms
from bot.rules import Policy
from bot.rules.schema import Agent
from bot.tickets.tokens import Signer, Subjects


@dataclass(frozen=True)
class DeskContext:
    """The desk's tools, all pure. `undo` is how long a customer-bound letter waits; `caps` False lifts all
    caps; `relays` are clients that bring everybody's letters.

    `away` (agent -> ISO day of return) and `outage` are what agents have told the desk by mail; they are set anew for each letter.
    """

    policy: Policy
    templates: Templates
    signer: Signer
    subjects: Subjects
    undo: timedelta = timedelta(seconds=120)
    verp: bool = True
    caps: bool = True
    relays: frozenset[str] = OUR_OWN
    away: dict[str, str] = field(default_factory=dict)
    outage: str = ""

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that the templates speak."""
        return self.templates.languages_of("acknowledgement")

    def language(self, *wanted: str) -> str:
        """The first wanted language that the templates speak, or else the desk's."""
        return next((one for one in wanted if one in self.languages), self.policy.desk.language)

    def terms(self, language: str = "") -> Terms:
        """The words of a language, or of the desk's own."""
        return self.templates.terms(language or self.policy.desk.language)

    def language_of(self, agent: Agent) -> str:
        """The language of letters to that agent."""
        return self.language(agent.language or "", self.policy.desk.language)

    def on_duty(self, today: str) -> tuple[Agent, ...]:
        """The agents who are not away on the desk's ISO day `today`; all of them where everybody is."""
        agents = self.policy.people.agents
        return tuple(one for one in agents if self.away.get(one.address, "") <= today) or agents
