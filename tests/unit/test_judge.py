"""Verdicts: what wins, what is only a hint, and that every hit and every reason is kept."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bot.model import Ground, Letter, Priority
from bot.rules import Facts, Policy, check_examples, judge, load, matched, why
from bot.rules.examples import example_letter
from bot.rules.matching import LACKS, SLOW, matcher_of
from bot.rules.schema import ExampleLetter

NOW = datetime(2026, 3, 11, 9, 0, tzinfo=UTC)
FACTS = Facts(now=NOW)
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
POLICY = load(RULES.encode())


def letter(text: str, policy: Policy = POLICY, **more: object) -> Letter:
    read = example_letter(ExampleLetter.model_validate({"text": text, **more}))
    return msgspec.structs.replace(read, matches=matcher_of(policy).match(read))


def test_a_ground_suspends_and_names_rule_clause_and_words():
    verdict = judge(POLICY, letter("Видео не грузится, Chrome 90"), FACTS)
    assert (verdict.ground, verdict.action, verdict.rule, verdict.clause) == (Ground.outdated_software, "suspend", "old", "4.6")
    assert verdict.evidence == "Chrome 90"
    span = verdict.hits[0].spans[0]
    assert (span.where, span.start, span.end) == ("text", 19, 28)


def test_the_first_ground_wins_the_highest_priority_wins_and_all_hits_are_kept():
    verdict = judge(POLICY, letter("Чёрт, у всех не работает, добавьте серверов. Жалоба!"), FACTS)
    assert verdict.ground is Ground.abusive_language
    assert verdict.priority is Priority.high
    assert [hit.rule for hit in verdict.hits] == ["down", "claim", "swear", "wish"]
    assert verdict.labels == ("outage", "complaint")


@pytest.mark.parametrize(
    ("text", "facts", "action"),
    [
        ("чёрт, экран пустой", {}, "suspend"),
        ("чёрт, экран пустой", {"priority": Priority.high}, "hint"),
        ("чёрт, экран пустой", {"complaint": True}, "hint"),
        ("чёрт, экран пустой, жалоба", {}, "hint"),
        ("в плеере пусто, Chrome 90", {}, "hint"),
        ("чёрт, в плеере пусто", {}, "suspend"),
        ("чёрт, у всех не работает", {}, "hint"),
        ("чёрт, экран пустой", {"answering": True, "first": False}, "hint"),
        ("чёрт, экран пустой", {"used_grounds": (Ground.abusive_language,), "first": False}, "hint"),
        ("чёрт, экран пустой", {"used_grounds": (Ground.abusive_language,), "warned": True, "first": False}, "refuse"),
        ("чёрт, экран пустой", {"warned": True, "first": False, "answering": True}, "refuse"),
        ("чёрт, экран пустой", {"warned": True, "priority": Priority.high}, "hint"),
        ("Chrome 90 пуст", {"used_grounds": (Ground.outdated_software,), "warned": True}, "hint"),
        ("прошу добавить тему", {}, "hint"),
        ("экран пустой", {}, ""),
    ],
)
def test_the_machine_asks_and_people_refuse(text, facts, action):
    assert judge(POLICY, letter(text), msgspec.structs.replace(FACTS, **facts)).action == action


def test_a_desk_may_let_the_machine_refuse():
    policy = load(RULES.replace("repeat: refuse}", "repeat: refuse}\n  outdated_software: {action: refuse}").encode())
    assert judge(policy, letter("видео пусто, Chrome 90", policy), FACTS).action == "refuse"


def test_what_is_missing_is_what_clause_4_2_asks_for():
    assert judge(POLICY, letter("Не работает, помогите"), FACTS).missing == ("description", "steps", "environment", "screenshot")
    assert judge(POLICY, letter("Не работает на телефоне"), FACTS).missing == ("description", "steps", "screenshot")
    assert judge(POLICY, letter("Не работает", attachments=["picture"]), FACTS).ground is None
    assert judge(POLICY, letter("Не работает", attachments=["logo"]), FACTS).ground is Ground.insufficient_information


def test_steps_alone_are_never_missed():
    verdict = judge(POLICY, letter("Пропал звук в фильме"), FACTS)
    assert verdict.ground is None
    assert "steps" in {span.words for span in letter("Пропал звук в фильме").matches[LACKS]}


def test_follow_ups_are_not_asked_for_a_description():
    assert judge(POLICY, letter("Не работает"), Facts(now=NOW, first=False)).ground is None


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("Подскажите режим работы", True),
        ("Добрый день! Подскажите, пожалуйста, режим работы. Заранее спасибо, Анна", True),
        ("Подскажите режим работы. И почему не грузится видео?", False),
        ("Подскажите режим работы, у меня гаснет экран", False),
        ("Подскажите режим работы и сколько стоит год", False),
    ],
)
def test_only_a_letter_that_asks_nothing_else_may_be_closed_with_the_topic(text, alone):
    verdict = judge(POLICY, letter(text), FACTS)
    assert verdict.topic == "hours"
    assert ("only_topic" in verdict.labels) is alone


def test_a_screenshot_beside_a_topic_is_something_else():
    assert "only_topic" not in judge(POLICY, letter("Подскажите режим работы", attachments=["picture"]), FACTS).labels


def test_an_announcement_answers_the_letters_it_describes_while_it_holds():
    told = judge(POLICY, letter("Плеер гаснет на минуте"), FACTS)
    assert (told.topic, told.labels) == ("announcement", ("announcement:player", "only_topic"))
    later = msgspec.structs.replace(FACTS, now=NOW + timedelta(days=60))
    assert judge(POLICY, letter("Плеер гаснет на минуте"), later).topic == ""


def test_why_shows_every_rule_with_its_conditions():
    told = {item.rule: item for item in why(POLICY, letter("Не работает"), Facts(now=NOW, first=False))}
    empty = told["empty"]
    assert not empty.fired
    assert [(part.asked, part.holds) for part in empty.answer.parts] == [("letter: first", False), ("lacks: description", True), ("not", True)]
    assert not told["down"].fired


def test_a_verdict_goes_with_the_rules_that_matched_the_letter():
    other = load(RULES.replace("жалоба", "претензия").encode())
    assert matched(POLICY, letter("Жалоба"))
    assert not matched(other, letter("Жалоба"))


def test_the_subject_of_a_reply_is_not_the_authors():
    assert judge(POLICY, letter("экран пустой", subject="Chrome 90"), FACTS).ground is Ground.outdated_software
    for subject in ("Re: Chrome 90", "Отв: На: Chrome 90", "[PF-12] Chrome 90"):
        assert judge(POLICY, letter("экран пустой", subject=subject), FACTS).ground is None


def test_a_pattern_that_explodes_is_cut_reported_and_left_out():
    policy = load((RULES + "  - {id: bomb, clause: 1, when: {pattern: '(a+)+$'}, then: {labels: b}}\n").encode())
    read = example_letter("a" * 50_000 + "!")
    assert [span.words for span in matcher_of(policy).match(read)[SLOW]] == ["(a+)+$"]
    assert SLOW not in matcher_of(policy).match(read)


def test_labels_that_begin_with_an_underscore_are_for_the_rules_only():
    rules = RULES + "  - {id: a, clause: 1, when: {words: тема}, then: {labels: [_a, b]}}\n"
    policy = load((rules + "  - {id: c, clause: 1, when: {label: _a}, then: {labels: d}}\n").encode())
    assert judge(policy, letter("Где тёмная тема сайта", policy), FACTS).labels == ("b", "d")


def test_the_evidence_is_told_once():
    policy = load((RULES + "  - {id: both, clause: 1, when: {phrases: [тёмный тема, тема]}, then: {labels: b}}\n").encode())
    hit = judge(policy, letter("Где тёмная тема сайта", policy), FACTS).hits[-1]
    assert hit.evidence == "тёмная тема"
    assert len(hit.spans) == 2


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
