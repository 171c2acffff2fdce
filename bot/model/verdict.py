"""A verdict: what the rules say about a letter, and why."""

from __future__ import annotations

from bot.model.enums import Ground, Priority
from bot.model.letter import Span, Value


class Evidence(Value, frozen=True):
    """A rule that fired, and why."""

    rule: str
    clause: str = ""
    ground: Ground | None = None
    action: str = ""  # suspend, refuse or ""
    topic: str = ""
    priority: Priority | None = None
    department: str = ""
    labels: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()  # whom a new ticket is shown to
    evidence: str = ""  # the original words
    spans: tuple[Span, ...] = ()


class Verdict(Value, frozen=True):
    """What the rules say about a letter: first ground and topic, highest priority, all labels, every hit."""

    ground: Ground | None = None
    action: str = ""
    topic: str = ""
    priority: Priority | None = None
    department: str = ""
    labels: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()  # whom a new ticket is shown to
    rule: str = ""  # the rule that gave the ground; without one, the topic; without that, the priority
    clause: str = ""
    evidence: str = ""
    missing: tuple[str, ...] = ()  # what to ask the requester for, with insufficient_information
    hits: tuple[Evidence, ...] = ()
