"""Checks across values of rules.yaml: names that must exist elsewhere, values that contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.language.software_versions import NAMES
from bot.language.word_classes import Lexicon, Phrasebook, PhraseError
from bot.model import Ground, Priority, Resolution
from bot.rules.calendar import CalendarError, parse_hours, weekly
from bot.rules.conditions import Condition
from bot.rules.policy import Policy
from bot.rules.schema import Outcome
from bot.rules.yaml_source import Path

Finding = tuple[Path, str, str]


class _Shapes(Lexicon):
    """A lexicon without the grammatical forms: it only checks how phrases are written."""

    def _enter(self, spec: str, number: int) -> None:
        pass


def crosschecks(policy: Policy) -> Iterator[Finding]:
    """Every contradiction, as (path, message, hint)."""
    yield from _people(policy)
    yield from _times(policy)
    yield from _calendar(policy)
    yield from _announcements(policy)
    yield from _rules(policy)
    yield from _versions(policy)
    yield from _outcomes(policy)
    yield from _phrases(policy)


def _people(policy: Policy) -> Iterator[Finding]:
    taken: dict[str, str] = {}
    for address in (policy.desk.address, *policy.desk.aliases):
        if address in taken:
            yield ("desk", "aliases"), f"the address {address} stands here twice", ""
        taken[address] = "the desk"
    hint = "an agent needs an address of his own, or letters would go round in circles"
    if not any(agent.lead for agent in policy.people.agents):
        yield ("people", "agents"), "nobody leads", "write lead: true for the one who hears of complaints and of trouble"
    people: list[tuple[Path, str, str, str]] = []
    for i, agent in enumerate(policy.people.agents):
        people.append((("people", "agents", i, "address"), agent.address, agent.name, hint))
    for key, item in policy.people.departments.items():
        people.append((("people", "departments", key, "address"), item.address, item.name, ""))
    for path, address, name, help_ in people:
        if address in taken:
            yield path, f"{address} is already the address of {taken[address]}", help_
        taken.setdefault(address, name)


def _times(policy: Policy) -> Iterator[Finding]:
    high, medium, low = (policy.priorities[one] for one in (Priority.high, Priority.medium, Priority.low))
    if not high <= medium <= low:
        yield ("priorities",), f"high {high}, medium {medium}, low {low}: a higher priority must not take longer", "clause 5.2 has 24, 48 and 96"
    if policy.periods.silence_days < policy.periods.remind_days:
        yield ("periods", "silence_days"), "silence_days: a ticket would be closed before its requester is reminded", "remind_days must be less"


def _calendar(policy: Policy) -> Iterator[Finding]:
    try:
        weekly(policy.working)
    except CalendarError as error:
        yield ("calendar",), f"the calendar: {error}", ""
    for i, day in enumerate(policy.working.exceptions):
        try:
            parse_hours(day.hours)
        except CalendarError as error:
            yield ("calendar", "exceptions", i, "hours"), str(error), ""
        if not day.hours and day.until and (day.until - day.day).days > 366:
            yield ("calendar", "exceptions", i, "until"), "closed for more than a year", "write two exceptions where this is meant"


def _announcements(policy: Policy) -> Iterator[Finding]:
    seen: set[str] = set()
    for i, item in enumerate(policy.announcements):
        if item.id in seen:
            yield ("announcements", i, "id"), f"the id {item.id!r} is taken by an announcement above", "each needs its own"
        seen.add(item.id)
        naive = [key for key, moment in (("since", item.since), ("until", item.until)) if moment and not moment.tzinfo]
        for key in naive:
            yield ("announcements", i, key), f"{key}: the offset from UTC is missing", "write 2026-12-31T18:00:00+03:00"
        if item.since and item.until and not naive and item.until <= item.since:
            yield ("announcements", i, "until"), "until: must be after since", ""
        if not item.text:
            yield ("announcements", i, "text"), "text: an announcement needs its text", "write text: {ru: …}"


def _rules(policy: Policy) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    known = policy.people.departments
    for i, rule in enumerate(policy.written):
        if seen.setdefault(rule.id, i) != i:
            yield ("rules", i, "id"), f"the id {rule.id!r} is taken by rule number {seen[rule.id] + 1}", "each rule needs its own"
        for address in rule.then.agents:
            if policy.people.agent(address) is None:
                addresses = ", ".join(one.address for one in policy.people.agents)
                yield ("rules", i, "then", "agents"), f"{address} is no agent; people has: {addresses}", ""
        ground = rule.then.ground
        if ground and ground not in policy.grounds:
            message = f"unknown ground {ground.value!r}; grounds has: {', '.join(policy.grounds)}"
            yield ("rules", i, "then", "ground"), message, "a ground of your own is defined under grounds"
        wanted = rule.then.department
        if wanted and wanted not in known:
            message = f"unknown department {wanted!r}; people has: {', '.join(sorted(known)) or 'none'}"
            yield ("rules", i, "then", "department"), message, ""


def _outcomes(policy: Policy) -> Iterator[Finding]:
    """A company's own grounds and resolutions need the words that people read; no word may mean two of them."""
    sections: tuple[tuple[str, type[Ground | Resolution], Mapping[Any, Outcome]], ...] = (
        ("grounds", Ground, policy.grounds), ("resolutions", Resolution, policy.resolutions),
    )  # fmt: skip
    if Resolution.solved not in policy.resolutions:
        yield ("resolutions",), "solved is missing: #resolve means it where nothing else is said", "write solved: {}"
    for section, kind, given in sections:
        taken: dict[str, str] = {}
        for key, item in given.items():
            if key not in list(kind) and policy.desk.language not in item.names:
                hint = f"write names: {{{policy.desk.language}: …}}"
                yield (section, key), f"{key}: nobody knows how to call it in the desk's language", hint
            for word in (key, *(one.lower() for one in item.words)):
                if taken.setdefault(word, key) != key:
                    yield (section, key, "words"), f"the word {word!r} means {taken[word]} already", ""


def _versions(policy: Policy) -> Iterator[Finding]:
    for name, version in policy.versions.items():
        if name not in NAMES:
            yield ("versions", name), f"unknown browser or system {name!r}; known: {', '.join(sorted(NAMES))}", ""
        elif version != "none" and not all(part.isdigit() for part in version.split(".")):
            yield ("versions", name), f"{version!r} is no version", "write 109, 10.15, or none where no version is supported"


def _phrases(policy: Policy) -> Iterator[Finding]:
    book = Phrasebook(policy.vocabulary, _Shapes())
    for name, entries in policy.vocabulary.items():
        for i, entry in enumerate(entries):
            yield from _told(book.read if "/" in entry else book.members, entry, ("vocabulary", name, i))
    for section, items in (("rules", policy.written), ("announcements", policy.announcements)):
        for i, item in enumerate(items):
            for key in ("when", "unless"):
                if condition := getattr(item, key, None):
                    yield from _condition(book, condition, (section, i, key))


def _condition(book: Phrasebook, condition: Condition, path: Path) -> Iterator[Finding]:
    for kind in ("words", "phrases", "only", "each"):
        for i, text in enumerate(getattr(condition, kind)):
            yield from _told(book.read, text, (*path, kind, i))
    for i, test in enumerate(condition.software):
        name = test.split()[0].rstrip("<>=")
        if name not in ("outdated", "named") and name not in NAMES:
            yield (*path, "software", i), f"unknown browser or system {name!r}; known: {', '.join(sorted(NAMES))}", ""
    for key, parts in (("all", condition.every), ("any", condition.either)):
        for i, part in enumerate(parts or ()):
            yield from _condition(book, part, (*path, key, i))
    if condition.never:
        yield from _condition(book, condition.never, (*path, "not"))


def _told(reading: Callable[[str], object], text: str, path: Path) -> Iterator[Finding]:
    try:
        reading(text)
    except PhraseError as error:
        yield path, f"the phrase {text!r} {error}", ""
