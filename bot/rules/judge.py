"""A letter and the facts of its thread -> Verdict. Pure: the parser process has matched the words already.

The first ground, the first topic and the highest priority win; labels add up; every hit is recorded. With the
shipped rules the machine asks and people refuse (section 4 of the design): what might offend is a hint to
agents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import time

from bot.model import Evidence, Ground, Letter, Priority, Span, Verdict
from bot.rules.conditions import TEXT_KINDS, Leaf, Node, leaves
from bot.rules.matching import ASKING, GUARDED, LACKS, VERSION
from bot.rules.policy import Facts, Policy
from bot.rules.schema import Rule

ASKED = ("description", "steps", "environment", "screenshot")  # what insufficient_information may ask for
MENTIONED = ("title", "quoted", "address")  # reasons to leave words out that hold for every rule
WHOLE = ("abuse", "each", "lacks")  # conditions that are not guarded: they have exemptions of their own, or concern the whole letter
ACTING = frozenset(("complaint", "outage", "thanks"))  # labels that the desk acts on
ONLY_TOPIC = "only_topic"  # label: the letter asks about nothing except the answered topic


def matched(policy: Policy, letter: Letter) -> bool:
    """Whether the letter's matches were made with this version of the rules; if not, it must be matched again."""
    return VERSION + policy.digest in letter.matches


def judge(policy: Policy, letter: Letter, facts: Facts) -> Verdict:
    """What the rules say about the letter."""
    keyed, free = policy.by_need
    numbers = {number for key in letter.matches for number in keyed.get(key, ())}.union(free)
    candidates = (policy.rules[number] for number in sorted(numbers))  # no other rule can fire
    hits = [_evidence(policy, rule, answer.spans) for rule, answer, fires in _asked(policy, letter, facts, candidates) if fires]
    return _verdict(policy, letter, facts, tuple(hits))


def why(policy: Policy, letter: Letter, facts: Facts) -> tuple[Why, ...]:
    """Every rule with its tree of conditions and their answers, in the order of the file."""
    return tuple(Why(rule.id, fires, answer) for rule, answer, fires in _asked(policy, letter, facts, policy.rules))


def _asked(policy: Policy, letter: Letter, facts: Facts, rules: Iterable[Rule]) -> Iterator[tuple[Rule, Answer, bool]]:
    """Each rule, the answer to its condition, whether it fires; rules see the labels of earlier ones."""
    labels = {"complaint"} if facts.complaint else set()
    announced = {f"announcement:{item.id}" for item in policy.announced(facts.now)}
    asker = _Asker(policy, letter, facts, labels)
    for rule in rules:
        answer = asker.answer(rule.node)
        answer = _unguarded(policy, rule, answer, letter.matches.get(GUARDED, ()))
        fires = answer.holds and (not rule.announcement or rule.id in announced)
        if fires:
            labels.update(rule.then.labels)
        yield rule, answer, fires


def _unguarded(policy: Policy, rule: Rule, answer: Answer, parts: tuple[Span, ...]) -> Answer:
    """The answer without words that are not about the writer's request.

    Titles and links count for no rule that the desk acts on, but for one that only sorts: a company may label by film.
    Conditions, other people and the like count for none that stops a letter.
    """
    effect = rule.then
    acts = effect.ground or effect.topic or effect.priority or ACTING.intersection(effect.labels)
    if not (acts and parts and answer.found) or any(leaf.kind in WHOLE for leaf in leaves(rule.node)):
        return answer
    if effect.ground and (effect.action or policy.grounds[effect.ground].action) != "stay":
        # Errors are quoted; a request may be a question; "when I …" tells how something came about.
        free = ("quoted", "question" if effect.ground is Ground.out_of_scope else "when")
        parts = tuple(part for part in parts if part.words not in free)
    else:
        parts = tuple(part for part in parts if part.words in MENTIONED)
    return replace(answer, found=tuple(span for span in answer.found if not any(_begins(span, part) for part in parts)) or None)


def _begins(span: Span, part: Span) -> bool:
    """Whether the words begin in the part, or end in it if it is a title."""
    if span.where != part.where:
        return False
    return part.start <= span.start < part.end or (part.words == "title" and part.start < span.end <= part.end)


def _evidence(policy: Policy, rule: Rule, spans: tuple[Span, ...]) -> Evidence:
    effect = rule.then
    action = (effect.action or policy.grounds[effect.ground].action) if effect.ground else ""
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
        agents=effect.agents,
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
    named = ground or topic or next((hit for hit in hits if hit.priority == priority), None)
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
        agents=tuple(dict.fromkeys(one for hit in hits for one in hit.agents)),
        labels=tuple(labels),
        rule=named.rule if named else "",
        clause=named.clause if named else "",
        evidence=named.evidence if named else "",
        missing=missing,
        hits=hits,
    )


def _action(policy: Policy, facts: Facts, hit: Evidence, priority: Priority | None, labels: frozenset[str]) -> str:
    """suspend, refuse, or hint if a person must decide."""
    assert hit.ground
    urgent = Priority.high in (priority, facts.priority)
    announced = any(label.startswith("announcement:") for label in labels) and hit.ground is not Ground.abusive_language
    if urgent or announced or facts.complaint or "complaint" in labels or not hit.action:
        return "hint"
    if hit.ground in facts.used_grounds or (hit.ground is Ground.abusive_language and facts.warned):
        return "refuse" if facts.warned and policy.grounds[hit.ground].repeat == "refuse" else "hint"
    return "hint" if facts.answering else hit.action


def _only(letter: Letter, topic: Evidence, hits: Iterable[Evidence]) -> bool:
    """Whether only the topic is asked about: every piece that asks has some of the topic's words."""
    if any(item.accepted and not item.logo for item in letter.attachments):
        return False
    for hit in hits:
        if hit.priority or hit.topic not in ("", topic.topic) or hit.department not in ("", topic.department):
            return False
    spans = [span for hit in hits if hit.topic == topic.topic for span in hit.spans]
    asked = letter.matches.get(ASKING, ())
    return all(any(span.where == piece.where and span.start < piece.end and piece.start < span.end for span in spans) for piece in asked)


@dataclass(frozen=True)
class Answer:
    """A condition, the words for which it holds (maybe none) or None, and its parts' answers."""

    node: Node
    found: tuple[Span, ...] | None
    parts: tuple[Answer, ...] = ()

    @property
    def asked(self) -> str:
        """The condition as a text to show."""
        return str(self.node)

    @property
    def holds(self) -> bool:
        """Yes or no."""
        return self.found is not None

    @property
    def spans(self) -> tuple[Span, ...]:
        """The words found."""
        return self.found or ()


@dataclass(frozen=True)
class Why:
    """One rule, whether it fired, and its condition's answer."""

    rule: str
    fired: bool
    answer: Answer


@dataclass(frozen=True)
class _Asker:
    """Answers conditions for one letter."""

    policy: Policy
    letter: Letter
    facts: Facts
    labels: set[str]

    def answer(self, node: Node) -> Answer:
        """The answer to a condition and to all its parts."""
        if isinstance(node, Leaf):
            return Answer(node, self._leaf(node))
        parts = tuple(self.answer(part) for part in node.parts)
        held = [part.spans for part in parts if part.holds]
        if node.how == "not":
            return Answer(node, None if held else (), parts)
        holds = bool(held) if node.how == "any" else len(held) == len(parts)
        return Answer(node, tuple(dict.fromkeys(span for spans in held for span in spans)) if holds else None, parts)

    def _leaf(self, leaf: Leaf) -> tuple[Span, ...] | None:
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
