"""Runs the examples of every rule as letters, and finds rules that no letter can reach."""

from __future__ import annotations

from datetime import UTC, datetime
from textwrap import shorten

import msgspec

from bot.model import Address, Attachment, Envelope, Letter, Verdict
from bot.rules.conditions import Branch, Leaf, Node, leaves
from bot.rules.judge import judge
from bot.rules.matching import Matcher, matcher_of
from bot.rules.policy import Facts, Policy
from bot.rules.schema import ExampleLetter, Rule
from bot.rules.yaml_source import Mistake, Path, read

_NOON = datetime(2026, 3, 11, 9, 0, tzinfo=UTC)  # an ordinary Wednesday; `at:` of an example says otherwise
_PICTURES = {
    "picture": Attachment(name="screenshot.png", type="image/png", size=80_000, accepted=True),
    "logo": Attachment(name="logo.png", type="image/png", size=3_000, accepted=True, inline=True, logo=True),
    "withheld": Attachment(name="log.zip", type="application/zip", size=10_000, why="type"),
}


def example_letter(example: str | ExampleLetter) -> Letter:
    """An example as a letter that was read but not matched yet."""
    told = ExampleLetter(text=example) if isinstance(example, str) else example
    received = told.at or _NOON
    envelope = Envelope(letter="example", received=received, mail_from=told.sender.lower())
    words = f"{told.subject} {told.text}".lower()
    language = "ru" if any("а" <= letter <= "я" for letter in words) else "en" if any("a" <= letter <= "z" for letter in words) else ""
    return Letter(
        envelope=envelope,
        subject=told.subject,
        sender=(Address(email=told.sender.lower()),),
        headers=tuple((name.lower(), value) for name, value in told.headers.items()),
        text=told.text,
        full_text=told.text,
        attachments=tuple(_PICTURES[kind] for kind in told.attachments),
        language=language,
    )


def judge_example(policy: Policy, matcher: Matcher, example: str | ExampleLetter) -> Verdict:
    """The verdict on an example."""
    letter = example_letter(example)
    first, priority = (True, None) if isinstance(example, str) else (example.first, example.priority)
    now = letter.envelope.received
    facts = Facts(now=now if now.tzinfo else now.replace(tzinfo=policy.calendar.zone), first=first, priority=priority)
    return judge(policy, msgspec.structs.replace(letter, matches=matcher.match(letter)), facts)


def check_examples(policy: Policy, matcher: Matcher | None = None) -> list[Mistake]:
    """Runs all examples: a mistake for each that fails, and for each rule that cannot be reached."""
    matcher, mistakes = matcher or matcher_of(policy), list[tuple[Path, str, str]]()
    above: dict[tuple[str, str], list[Rule]] = {}  # rules with a ground so far, by all that they ask for
    for at, rule in enumerate(policy.written):
        mistakes += _run(policy, matcher, rule, at)
        reason = _contradiction(rule.node) or (_taken(above, rule) if rule.then.ground else "")
        if reason:
            hint = "change its condition, move it up or delete it"
            mistakes.append((("rules", at, "id"), f"the rule {rule.id!r} is unreachable: {reason}", hint))
    if not mistakes:
        return []
    _, places, _ = read(policy.source, policy.name)
    return [Mistake(policy.name, *places.of(path), message, hint) for path, message, hint in mistakes]


def _run(policy: Policy, matcher: Matcher, rule: Rule, at: int) -> list[tuple[Path, str, str]]:
    """The failing examples of a rule; the rule itself if another gets the ground in all of them."""
    found: list[tuple[Path, str, str]] = []
    takers = set()
    for i, example in enumerate(rule.examples.match):
        verdict = judge_example(policy, matcher, example)
        if rule.id not in {hit.rule for hit in verdict.hits}:
            text = example if isinstance(example, str) else example.text or example.subject
            others = ", ".join(hit.rule for hit in verdict.hits) or "no rule"
            message = f"rule {rule.id!r} must fire on this example and does not ({others} fired)"
            found.append((("rules", at, "examples", "match", i), message, f"the example: {shorten(text, 60, placeholder='…')!r}"))
        takers.add(next((hit.rule for hit in verdict.hits if hit.ground), rule.id))
    for i, example in enumerate(rule.examples.ignore):
        hit = next((hit for hit in judge_example(policy, matcher, example).hits if hit.rule == rule.id), None)
        if hit:
            message = f"rule {rule.id!r} must not fire on this example and does"
            found.append((("rules", at, "examples", "ignore", i), message, f"the words: {hit.evidence or 'none, its facts suffice'}"))
    if rule.then.ground and rule.examples.match and rule.id not in takers and len(takers) == 1:
        message = f"the rule {rule.id!r} is unreachable: all its examples get their ground from {takers.pop()!r} above it"
        found.append((("rules", at, "id"), message, "move it up, or make that rule narrower"))
    return found


def _taken(above: dict[tuple[str, str], list[Rule]], rule: Rule) -> str:
    """Why no letter can get its ground from this rule, or ""; compares rules that ask something in common."""
    asked = {(leaf.kind, str(item)) for leaf in leaves(rule.node) for item in (leaf.value if isinstance(leaf.value, tuple) else (leaf.value,))}
    others = {other.id: other for key in asked for other in above.get(key, ())}
    for key in asked:
        above.setdefault(key, []).append(rule)
    taker = next((other for other in others.values() if _covers(other.node, rule.node)), None)
    return f"every letter that it would catch gets its ground from {taker.id!r} above it" if taker else ""


def _contradiction(node: Node) -> str:
    """Why no letter can meet the condition, or ""."""
    if isinstance(node, Leaf) or node.how == "not":
        return ""
    if node.how == "any":
        found = [_contradiction(part) for part in node.parts]
        return found[0] if all(found) else ""
    wanted: dict[str, set[str]] = {}
    denied = [part.parts[0] for part in node.parts if isinstance(part, Branch) and part.how == "not"]
    for part in node.parts:
        if (reason := _contradiction(part)) or part in denied:
            return reason or f"it asks for {part} and for the opposite"
        if isinstance(part, Leaf) and part.kind in ("letter", "language", "time", "priority", "attachment"):
            values = set(part.value) if isinstance(part.value, tuple) else {part.value}
            before = wanted.setdefault(part.kind, values)
            telling = part.kind in ("letter", "language", "priority") or before | values == {"open", "closed"} or "none" in before | values
            if telling and not before & values:
                return f"{part.kind} cannot be {' and '.join(sorted(before | values))} at once"
    return ""


def _covers(wide: Node, narrow: Node) -> bool:
    """Whether `wide` fits every letter that `narrow` fits, as far as their form tells."""
    if isinstance(wide, Leaf) and wide.kind == "label":
        return False  # a rule between the two may set the label
    if wide == narrow:
        return not isinstance(wide, Branch) or all(leaf.kind != "label" for leaf in leaves(wide))
    if isinstance(wide, Leaf) and isinstance(narrow, Leaf):
        listed = isinstance(wide.value, tuple) and isinstance(narrow.value, tuple)
        alike = wide.kind == narrow.kind != "lacks" and wide.where in ("anywhere", narrow.where)
        return alike and listed and set(narrow.value) <= set(wide.value)
    if isinstance(narrow, Branch) and narrow.how == "any":
        return all(_covers(wide, part) for part in narrow.parts)
    if isinstance(wide, Branch) and wide.how == "all":
        return all(_covers(part, narrow) for part in wide.parts)
    if isinstance(wide, Branch) and wide.how == "any" and any(_covers(part, narrow) for part in wide.parts):
        return True
    return isinstance(narrow, Branch) and narrow.how == "all" and any(_covers(wide, part) for part in narrow.parts)
