"""A rule's own examples, rules that no letter reaches, and patterns that explode."""

import pytest

from bot.rules import check_examples, load
from bot.rules.examples import example_letter
from bot.rules.matching import SLOW, matcher_of

RULES = """desk: {name: Desk, address: desk@example.org}
people:
  agents: [{name: Ann, address: ann@example.org, lead: true}]
  departments: {partners: {name: partners, address: partners@example.org}}
grounds:
  abusive_language: {action: suspend, repeat: refuse}
  needs_development: {action: stay}
versions: {chrome: 109}
announcements:
  - id: player
    kind: outage
    since: 2026-03-01T00:00:00+03:00
    until: 2026-04-01T00:00:00+03:00
    text: {ru: Чиним}
    when: {words: плеер}
rules:
  - {id: down, clause: 2.1, when: {phrases: у всех ... не работать}, then: {priority: high, labels: outage}}
  - {id: claim, clause: 5.1, when: {words: жалоба}, then: {labels: complaint}}
  - {id: swear, clause: 4.2, when: {words: чёрт}, then: {ground: abusive_language}}
  - {id: old, clause: 4.6, when: {software: outdated}, then: {ground: outdated_software}}
  - {id: wish, clause: 5.2, when: {words: добавить}, then: {priority: low, ground: needs_development}}
  - {id: hours, clause: 2.1, when: {phrases: режим работа}, then: {topic: hours}}
  - {id: price, clause: 3.3, when: {words: стоить}, then: {topic: obtain_service, department: partners}}
  - {id: empty, clause: 4.2, when: {letter: first, lacks: description, not: {label: outage}}, then: {ground: insufficient_information}}
"""


def test_a_pattern_that_explodes_is_cut_reported_and_left_out():
    policy = load((RULES + "  - {id: bomb, clause: 1, when: {pattern: '(a+)+$'}, then: {labels: b}}\n").encode())
    read = example_letter("a" * 50_000 + "!")
    assert [span.words for span in matcher_of(policy).match(read)[SLOW]] == ["(a+)+$"]
    assert SLOW not in matcher_of(policy).match(read)


FRUIT = """  - {id: fruit, clause: 1, when: {words: [яблоко, груша]}, then: {ground: out_of_scope}}
"""


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("when: {words: груша}, then: {ground: unconstructive}", "gets its ground from 'fruit' above it"),
        ("when: {words: груша, longer_than: 3}, then: {ground: unconstructive}", "gets its ground from 'fruit' above it"),
        ("when: {letter: first, all: [{letter: follow_up}]}, then: {labels: b}", "letter cannot be first and follow_up at once"),
        ("when: {words: слива, not: {words: слива}}, then: {labels: b}", "and for the opposite"),
        ("when: {attachment: none, all: [{attachment: picture}]}, then: {labels: b}", "attachment cannot be none and picture"),
        ("when: {words: киви}, then: {ground: unconstructive}, examples: {match: [киви и груша]}", "ground from 'fruit'"),
    ],
)
def test_rules_that_no_letter_reaches_are_named(rule, reason):
    found = check_examples(load((RULES + FRUIT + f"  - {{id: late, clause: 1, {rule}}}\n").encode()))
    assert [reason in str(mistake) for mistake in found] == [True]
    assert found[0].line == len((RULES + FRUIT).splitlines()) + 1


@pytest.mark.parametrize(
    "rule",
    [
        "when: {words: [груша, слива]}, then: {ground: unconstructive}",
        "when: {words: груша}, then: {labels: b}",
        "when: {words: груша, where: subject}, unless: {words: яблоко}, then: {labels: b}",
        "when: {attachment: withheld, all: [{attachment: picture}]}, then: {labels: b}",
        "when: {time: open, all: [{time: '10:00-12:00'}]}, then: {labels: b}",
    ],
)
def test_rules_that_some_letter_reaches_are_left_alone(rule):
    assert check_examples(load((RULES + FRUIT + f"  - {{id: late, clause: 1, {rule}}}\n").encode())) == []


def test_failing_examples_are_named_with_their_line():
    examples = "examples: {match: [банан], ignore: [груша в саду]}"
    rule = f"  - {{id: pear, clause: 1, when: {{words: груша}}, then: {{labels: b}}, {examples}}}\n"
    found = check_examples(load((RULES + rule).encode()))
    assert "must fire on this example and does not (empty fired); the example: 'банан'" in str(found[0])
    assert "must not fire on this example and does; the words: груша" in str(found[1])
