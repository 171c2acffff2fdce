"""A letter and the facts of its thread -> Verdict. Pure: the words were matched in the reader process.

First ground wins, first topic wins, the highest priority wins, labels add up, every hit is recorded. As shipped the
machine asks and people refuse (section 4 of the design): what would trouble a person is a hint to the agent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import time

from bot.model import Evidence, Ground, Letter, Priority, Span, Verdict
from bot.policy.conditions import TEXT_KINDS, Branch, Leaf, Node
from bot.policy.matching import ASKING, LACKS, VERSION
from bot.policy.policy import Facts, Policy
from bot.policy.schema import Rule

ASKED = ("description", "steps", "environment", "screenshot")  # what insufficient_information asks for, if it is missing
ONLY_TOPIC = "only_topic"  # label: the letter asks nothing beside the topic that is answered at once


def matched(policy: Policy, letter: Letter) -> bool:
    """Whether the letter's matches were made with this version of the rules; if not, it must be matched again."""
    return VERSION + policy.digest in letter.matches


def judge(policy: Policy, letter: Letter, facts: Facts) -> Verdict:
    """What the rules say of the letter."""
    hits: list[Evidence] = []
    announced = {f"announcement:{item.id}" for item in policy.announced(facts.now)}
    for rule in _candidates(policy, letter):
        if rule.announcement and rule.id not in announced:
            continue
        labels = {label for hit in hits for label in hit.labels} | ({"complaint"} if facts.complaint else set())
        spans = _Asker(policy, letter, facts, frozenset(labels)).spans(rule.node)
        if spans is not None:
            hits.append(_evidence(policy, rule, spans))
    return _verdict(policy, letter, facts, tuple(hits))


def _candidates(policy: Policy, letter: Letter) -> Iterator[Rule]:
    """The rules that the letter's matches can fire at all, in their order."""
    keyed, free = policy.by_need
    numbers = {number for key in letter.matches for number in keyed.get(key, ())}
    return (policy.rules[number] for number in sorted(numbers.union(free)))


def _evidence(policy: Policy, rule: Rule, spans: tuple[Span, ...]) -> Evidence:
    effect = rule.then
    action = ""
    if effect.ground:
        action = effect.action or policy.grounds[effect.ground].action
    words = list(dict.fromkeys(span.words for span in spans))
    words = [one for one in words if not any(one in other and one != other for other in words)]
    return Evidence(
        rule=rule.id,
        clause=rule.clause,
        ground=effect.ground,
        action="" if action == "stay" else action,
        topic=effect.topic or "",
        priority=effect.priority,
        department=effect.department or "",
        labels=effect.labels,
        evidence=" … ".join(words[:3]),
        spans=spans,
    )


def _verdict(policy: Policy, letter: Letter, facts: Facts, hits: tuple[Evidence, ...]) -> Verdict:
    ground = next((hit for hit in hits if hit.ground), None)
    topic = next((hit for hit in hits if hit.topic), None)
    priority = max((hit.priority for hit in hits if hit.priority), key=lambda item: item.rank, default=None)
    labels = dict.fromkeys(label for hit in hits for label in hit.labels if not label.startswith("_"))
    if topic and not ground and _only(letter, topic, hits):
        labels[ONLY_TOPIC] = None
    named = ground or topic or next((hit for hit in hits if hit.priority == priority), None) or next(iter(hits), None)
    missing: tuple[str, ...] = ()
    if ground and ground.ground is Ground.insufficient_information:
        lacking = {span.words for span in letter.matches.get(LACKS, ())}
        missing = tuple(word for word in ASKED if word in lacking)
    return Verdict(
        ground=ground.ground if ground else None,
        action=_action(policy, facts, ground, priority, frozenset(labels)) if ground else "",
        topic=topic.topic if topic else "",
        priority=priority,
        department=next((hit.department for hit in hits if hit.department), ""),
        labels=tuple(labels),
        rule=named.rule if named else "",
        clause=named.clause if named else "",
        evidence=named.evidence if named else "",
        missing=missing,
        hits=hits,
    )


def _action(policy: Policy, facts: Facts, hit: Evidence, priority: Priority | None, labels: frozenset[str]) -> str:
    """suspend, refuse, or hint where a person must decide."""
    assert hit.ground
    urgent = Priority.high in (priority, facts.priority)
    announced = any(label.startswith("announcement:") for label in labels) and hit.ground is not Ground.abusive_language
    if urgent or announced or facts.complaint or "complaint" in labels or not hit.action:
        return "hint"
    if hit.ground in facts.used_grounds or (hit.ground is Ground.abusive_language and facts.warned):
        return "refuse" if facts.warned and policy.grounds[hit.ground].repeat == "refuse" else "hint"
    return "hint" if facts.answering else hit.action


def _only(letter: Letter, topic: Evidence, hits: Iterable[Evidence]) -> bool:
    """Whether nothing is asked beside the topic: every asking piece of the letter holds some of the topic's words."""
    if any(item.accepted and not item.logo for item in letter.attachments):
        return False
    for hit in hits:
        if hit.priority or hit.topic not in ("", topic.topic) or hit.department not in ("", topic.department):
            return False
    spans = [span for hit in hits if hit.topic == topic.topic for span in hit.spans]
    asked = letter.matches.get(ASKING, ())
    return all(any(span.where == piece.where and span.start < piece.end and piece.start < span.end for span in spans) for piece in asked)


# ------------------------------------------------------------------------------------------------- asking a condition


@dataclass(frozen=True)
class _Asker:
    """Answers the conditions of one rule for one letter."""

    policy: Policy
    letter: Letter
    facts: Facts
    labels: frozenset[str]

    def spans(self, node: Node) -> tuple[Span, ...] | None:
        """The words for which the condition holds (perhaps none), or None where it does not hold."""
        if isinstance(node, Leaf):
            return self.leaf(node)
        if node.how == "not":
            return () if self.spans(node.parts[0]) is None else None
        found: list[Span] = []
        held = False
        for part in node.parts:
            spans = self.spans(part)
            if spans is None and node.how == "all":
                return None
            if spans is not None:
                held = True
                found += [span for span in spans if span not in found]
        return tuple(found) if held else None

    def leaf(self, leaf: Leaf) -> tuple[Span, ...] | None:
        """The same for one leaf."""
        if leaf.kind in TEXT_KINDS:
            return self.letter.matches.get(leaf.key)
        found: tuple[Span, ...] | bool = getattr(self, "_" + leaf.kind)(leaf.value)
        return found if isinstance(found, tuple) and found else () if found is True else None

    def _sender(self, wanted: tuple[str, ...]) -> tuple[Span, ...]:
        email = self.letter.requester.email
        domain = email.rpartition("@")[2]
        for test in map(str.lower, wanted):
            if email == test or (test[:1] == "@" and domain == test[1:]) or (test[:2] == "*." and domain.endswith(test[1:])):
                return (Span(where="header", start=0, end=0, words=email),)
        return ()

    def _attachment(self, wanted: str) -> tuple[Span, ...] | bool:
        real = [item for item in self.letter.attachments if not item.logo]
        if wanted == "none":
            return not real
        fit = [item for item in real if wanted == "any" or item.accepted == (wanted == "picture")]
        return tuple(Span(where="attachment", start=0, end=0, words=item.name) for item in fit)

    def _longer_than(self, words: int) -> bool:
        return len(self.letter.text.split(None, words + 1)) > words

    def _shorter_than(self, words: int) -> bool:
        return len(self.letter.text.split(None, words)) < words

    def _language(self, wanted: tuple[str, ...]) -> bool:
        return (self.letter.language if self.letter.language in ("ru", "en") else "other") in wanted

    def _letter(self, wanted: str) -> bool:
        return self.facts.first == (wanted == "first")

    def _time(self, wanted: str) -> bool:
        if wanted in ("open", "closed"):
            return self.policy.calendar.is_open(self.facts.now) == (wanted == "open")
        start, end = (time.min if part == "24:00" else time.fromisoformat(part) for part in wanted.split("-"))
        clock = self.facts.now.astimezone(self.policy.calendar.zone).time()
        return start <= clock < end if start < end else clock >= start or clock < end

    def _priority(self, wanted: tuple[Priority, ...]) -> bool:
        return (self.facts.priority or Priority.medium) in wanted

    def _label(self, wanted: tuple[str, ...]) -> bool:
        return bool(self.labels.intersection(wanted))


# -------------------------------------------------------------------------------------------------------------- why


@dataclass(frozen=True)
class Answer:
    """One condition with its answer: a text to show, yes or no, the words found, and the conditions inside."""

    asked: str
    holds: bool
    spans: tuple[Span, ...] = ()
    parts: tuple[Answer, ...] = ()

    @property
    def near(self) -> float:
        """The share of what is asked that holds, from 0 to 1."""
        if not self.parts:
            return float(self.holds)
        shares = [part.near for part in self.parts]
        return float(self.holds) if self.asked == "not" else max(shares) if self.asked == "any" else sum(shares) / len(shares)


@dataclass(frozen=True)
class Why:
    """One rule, whether it fired, and its conditions' answers. `near` of 0.5 and more without firing is worth showing."""

    rule: str
    clause: str
    about: str
    fired: bool
    answer: Answer

    @property
    def near(self) -> float:
        """See Answer.near."""
        return self.answer.near


def why(policy: Policy, letter: Letter, facts: Facts) -> tuple[Why, ...]:
    """Every rule with the tree of its conditions and their answers, in the order of the file."""
    fired = judge(policy, letter, facts).hits
    names = [hit.rule for hit in fired]
    told = []
    for at, rule in enumerate(policy.rules):
        before = {name.id for name in policy.rules[:at]}
        labels = frozenset(label for hit in fired if hit.rule in before for label in hit.labels)
        labels |= {"complaint"} if facts.complaint else set()
        asker = _Asker(policy, letter, facts, labels)
        told.append(Why(rule.id, rule.clause, rule.about, rule.id in names, _answer(asker, rule.node)))
    return tuple(told)


def _answer(asker: _Asker, node: Node) -> Answer:
    spans = asker.spans(node)
    parts = tuple(_answer(asker, part) for part in node.parts) if isinstance(node, Branch) else ()
    return Answer(str(node), spans is not None, spans or (), parts)
