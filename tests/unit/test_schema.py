"""rules.yaml as an admin gets it wrong: every mistake has its place, what is allowed, and a hint."""

import pytest
from spoken import RU

from bot.rules import RulesError, json_schema, load

BASE = """desk: {name: Desk, address: desk@example.org}
people:
  agents:
    - {name: Ann, address: ann@example.org, lead: true}
  departments:
    dev: {name: dev, address: dev@example.org}
"""
RULE = "  - {id: %s, clause: 4.2, when: {words: apple}, then: {labels: fruit}}\n"


def mistakes(text: str | bytes) -> list[str]:
    with pytest.raises(RulesError) as caught:
        load(text if isinstance(text, bytes) else text.encode())
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_minimal_file_has_the_defaults_of_the_regulation():
    policy = load(BASE.encode())
    assert policy.priorities == {"low": 96, "medium": 48, "high": 24}
    assert (policy.periods.reopen_days, policy.periods.remind_days, policy.periods.silence_days) == (14, 3, 7)
    assert (policy.caps.requester_10_min, policy.caps.requester_3_hours, policy.caps.requester_day) == (3, 10, 20)
    assert (policy.caps.domain_hour, policy.caps.all_10_min, policy.caps.staff_10_min, policy.caps.latch_days) == (600, 3000, 300, 7)
    assert policy.calendar.describe(RU.hours) == "каждый день с 10:00 до 22:00 по московскому времени"
    assert policy.grounds["out_of_scope"].action == "suspend"
    assert policy.grounds["low_priority"].clause == "5.2"
    assert policy.people.leads[0].name == "Ann"
    assert policy.people.agent("ANN@example.org") is policy.people.agents[0]


def test_an_unknown_key_is_named_with_its_place_and_the_nearest_right_one():
    found = mistakes(BASE + "rules:\n  - id: one\n    clause: 4.2\n    wehn: {words: apple}\n    then: {labels: fruit}\n")
    assert "rules.yaml:10:5: unknown key 'wehn'; allowed: id, clause, about, when, unless, then, examples; did you mean 'when'?" in found
    assert any(line.startswith("rules.yaml:8:5:") and "'when' is missing" in line for line in found)


def test_all_mistakes_are_told_at_once_whatever_their_kind():
    found = mistakes(
        BASE
        + "priorities: {high: soon}\nversions: {crome: 90}\nrules:\n"
        + RULE % "one"
        + RULE % "one"
        + "  - {id: two, clause: 4.2, when: {wrods: a}, then: {department: dve}}\n"
        + "  - {id: three, clause: 4.2, when: {phrases: '<fruit> a'}, then: {department: dve, priority: hihg}}\n"
        + "  - {id: four, clause: 4.2, when: {phrases: '<fruit> a'}, then: {department: dve}}\n"
    )
    text = "\n".join(found)
    for part in (
        "high: must be a whole number",
        "'crome'",
        "'one' is taken",
        "'wrods'",
        "did you mean 'words'",
        "did you mean 'high'",
        "unknown list <fruit>",
        "unknown department 'dve'; people has: dev",
    ):
        assert part in text, part
    assert [int(line.split(":")[1]) for line in found] == sorted(int(line.split(":")[1]) for line in found)


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("desk:\n\tname: a\n", "2:1", "a tab stands in the indentation"),
        (BASE + "desk: {}\n", "7:1", "the key 'desk' stands here a second time; the first is in line 1"),
        (BASE + "sla: {clock: wal}\n", "7:14", "did you mean 'wall'?"),
        ("desk: {name: A: B}\n", "1:15", "put a text that holds a colon into quotes"),
        ("", "1:1", "is empty"),
        ("just words", "1:1", "must be a mapping"),
        ("- a\n- b\n", "1:1", "must be a mapping"),
        (b"desk: \xff\xfe\n", "1:1", "is not UTF-8 text"),
        (b"desk: \0\n", "1:1", "NUL byte"),
        ("a: '" + "x\n", "2:1", "is not YAML"),
        ("a: " + "[" * 5000, "1:1", "nested too deep"),
        ("".join(" " * i + "a:\n" for i in range(3000)), "1:1", "nested too deep"),
        ("a: &a [x]\nb: [*a, *a]\n", "1:4", "used twice through an anchor"),
        ("a: !!python/name:os.system x\n", "1:4", "has no meaning here"),
        (BASE.replace("ann@example.org", "desk@example.org"), "4:28", "already the address of the desk"),
        (BASE.replace("desk@example.org", "desk"), "1:29", "must be a mail address"),
        (BASE.replace("desk@example.org", "desk@example.org, timezone: Europe/Moskow"), "1:57", "must be a time zone"),
        (BASE + "calendar: {hours: closed}\n", "7:11", "never opens"),
        (BASE + "calendar: {hours: '25:00-26:00'}\n", "7:11", "names a time that does not exist"),
        (BASE + "calendar: {days: {moonday: closed}}\n", "7:11", "'moonday' is no day"),
        (BASE + "calendar: {hours: ['10:00-14:00', '13:00-18:00']}\n", "7:11", "overlap"),
        (BASE + "calendar: {exceptions: [{date: 2026-02-30}]}\n", "7:32", "must be a date"),
        (BASE + "calendar: {exceptions: [{date: 2026-01-01, until: 2040-01-01}]}\n", "7:51", "closed for more than a year"),
        (BASE + "rules:\n  - {id: a, clause: 1, when: {pattern: '(a'}, then: {labels: b}}\n", "8:40", "broken pattern"),
        (BASE + "rules:\n  - {id: a, clause: 1, when: {pattern: 'a*'}, then: {labels: b}}\n", "8:40", "fits an empty text"),
        (BASE + "rules:\n  - {id: a, clause: 1, when: {}, then: {labels: b}}\n", "8:30", "asks for nothing"),
        (BASE + "rules:\n  - {id: a, clause: 1, when: {words: b}, then: {action: refuse}}\n", "8:48", "must say what happens"),
        (BASE + "rules:\n  - {id: A, clause: x, when: {words: b}, then: {labels: b}}\n", "8:10", "small Latin letters"),
        (BASE + "rules:\n  - {id: a, clause: 1, when: {software: crome < 9}, then: {labels: b}}\n", "8:41", "unknown browser"),
        (BASE + "versions: {chrome: new}\n", "7:20", "is no version"),
        (BASE + "announcements: [{id: a, text: {ru: б}, since: 2026-01-01T10:00:00}]\n", "7:47", "offset from UTC is missing"),
    ],
)
def test_bad_input_is_a_clear_mistake(text, place, part):
    found = mistakes(text)
    assert any(line.startswith(f"rules.yaml:{place}:") and part in line for line in found), found


def test_a_yaml_bomb_is_refused_without_unfolding_it():
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    assert any("anchor" in line for line in mistakes(bomb))


def test_a_broken_section_does_not_blame_the_rules_that_name_it():
    text = BASE.replace("lead: true", "laed: true") + "vocabulary: {fruit: apple}\nrules:\n"
    text += "  - {id: a, clause: 1, when: {phrases: <fruit>}, then: {department: dev}}\n"
    found = mistakes(text)
    assert len(found) == 2
    assert "laed" in found[0]
    assert "fruit: must be a list" in found[1]


def test_numbers_that_look_like_others_keep_their_digits():
    policy = load((BASE + "versions: {macos: 10.10, chrome: 109}\nrules:\n  - {id: a, clause: 4.10, when: {words: b}, then: {labels: c}}\n").encode())
    assert policy.versions == {"macos": "10.10", "chrome": "109"}
    assert policy.rules[0].clause == "4.10"


def test_the_json_schema_knows_every_key_as_it_is_written():
    schema = json_schema()
    assert schema["additionalProperties"] is False
    condition = schema["$defs"]["Condition"]["properties"]
    assert {"all", "any", "not", "words", "software", "lacks"} <= set(condition)
    assert "every" not in condition
    assert condition["words"]["anyOf"] == [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]


def test_keys_have_one_name_only():
    found = mistakes(BASE + "rules:\n  - {id: a, clause: 1, when: {every: [{words: b}]}, then: {labels: c}}\n")
    assert "unknown key 'every'" in found[0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (BASE.replace(", lead: true", ""), "nobody leads"),
        (BASE + "priorities: {high: 96, medium: 48, low: 24}\n", "a higher priority must not take longer"),
        (BASE + "periods: {remind_days: 7, silence_days: 3}\n", "closed before its requester is reminded"),
    ],
)
def test_what_can_never_be_meant(changed: str, message: str) -> None:
    [found] = mistakes(changed)
    assert message in found
