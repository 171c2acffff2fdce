"""What the rules say about a letter: ground, topic, priority, and who decides (2.1 to 5.2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from tables import at, table

from bot.model import Address, Ground, Letter, Priority, Span, Verdict
from bot.rules import Facts, Policy, judge, load, matched, why
from bot.rules.examples import example_letter
from bot.rules.matching import ASKING, LACKS, matcher_of
from bot.rules.schema import ExampleLetter

FACTS = Facts(now=datetime(2026, 3, 11, 9, 0, tzinfo=UTC))
RULES = """desk: {name: Desk, address: desk@example.org}
people:
  agents: [{name: Ann, address: ann@example.org, lead: true}, {name: Bob, address: bob@example.org}]
  departments:
    partners: {name: partners, address: partners@example.org}
    dev: {name: development, address: dev@example.org}
grounds:
  abusive_language: {action: suspend, repeat: refuse}
  needs_development: {action: stay}
  unofficial_version: {action: refuse}
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
  - {id: mod, clause: 4.6, when: {words: взлом}, then: {ground: unofficial_version}}
  - {id: scope, clause: 4.6, when: {words: роутер}, then: {ground: out_of_scope, action: refuse}}
  - {id: wish, clause: 5.2, when: {words: добавить}, then: {priority: low, ground: needs_development}}
  - {id: plain, clause: 5.2, when: {words: обычный}, then: {priority: medium}}
  - {id: hours, clause: 2.1, when: {phrases: режим работа}, then: {topic: hours}}
  - {id: price, clause: 3.3, when: {words: стоить}, then: {topic: obtain_service, department: partners}}
  - {id: partner, clause: 3.3, when: {words: партнёр}, then: {department: partners, labels: [b2b, _in]}}
  - id: code
    clause: 2.2
    when: {words: код}
    then: {department: dev, agents: [bob@example.org, ann@example.org]}
  - {id: crash, clause: 2.2, when: {words: сбой}, then: {agents: [bob@example.org], labels: [crash, b2b]}}
  - {id: buy, clause: 3.3, when: {words: купить}, then: {topic: obtain_service}}
  - {id: dull, clause: 4.2, when: {words: мутный}, then: {ground: insufficient_information}}
  - {id: inner, clause: 2.2, when: {label: _in}, then: {labels: heard}}
  - id: empty
    clause: 4.2
    when: {letter: first, lacks: description, not: {label: outage}}
    then: {ground: insufficient_information}
"""
POLICY = load(RULES.encode())


def letter(text: str, policy: Policy = POLICY, **more: object) -> Letter:
    read = example_letter(ExampleLetter.model_validate({"text": text, **more}))
    return msgspec.structs.replace(read, matches=matcher_of(policy).match(read))


def judged(text: str, policy: Policy = POLICY, **facts: object) -> Verdict:
    return judge(policy, letter(text, policy), msgspec.structs.replace(FACTS, **facts))


# ---------------------------------------------------------------------------------------------- what is found

VERDICTS = (
    # the sentence, the letter, what the verdict says (what it does not name is empty)
    (
        "4.6: an outdated browser", "Видео не грузится, Chrome 90", {
            "ground": "outdated_software", "action": "suspend", "rule": "old", "clause": "4.6",
            "evidence": "Chrome 90",
        },
    ),
    (
        "4.2: an insult", "чёрт, экран пустой",
        {"ground": "abusive_language", "action": "suspend", "rule": "swear", "clause": "4.2",
         "evidence": "чёрт"},
    ),
    (
        "a desk may let a ground refuse", "экран пустой, стоит взлом", {
            "ground": "unofficial_version", "action": "refuse", "rule": "mod", "clause": "4.6",
            "evidence": "взлом", "topic": "obtain_service", "department": "partners",
        },
    ),
    (
        "or one rule of it", "экран пустой, роутер мигает",
        {"ground": "out_of_scope", "action": "refuse", "rule": "scope", "clause": "4.6",
         "evidence": "роутер"},
    ),
    (
        "a wish waits for development: nobody suspends it (4.6), it is low (5.2)", "прошу добавить тему", {
            "ground": "needs_development", "action": "hint", "priority": "low", "rule": "wish",
            "clause": "5.2", "evidence": "добавить",
        },
    ),
    (
        "2.1: down for all is high, and no ground", "плохо: у всех не работает", {
            "priority": "high", "labels": ("outage",), "rule": "down", "clause": "2.1",
            "evidence": "у всех не работает",
        },
    ),
    (
        "2.1: hours are answered at once, and nothing else was asked", "Подскажите режим работы", {
            "topic": "hours", "labels": ("only_topic",), "rule": "hours", "clause": "2.1",
            "evidence": "режим работы",
        },
    ),
    (
        "3.3: how to obtain the service goes to the partners", "Сколько стоит подписка на год?", {
            "topic": "obtain_service", "department": "partners", "labels": ("only_topic",), "rule": "price",
            "clause": "3.3", "evidence": "стоит",
        },
    ),
    (
        "the first department wins, agents and labels add up, once each",
        "партнёр прислал код, и случился сбой",
        {
            "department": "partners", "labels": ("b2b", "crash", "heard"),
            "agents": ("bob@example.org", "ann@example.org"), "rule": "partner", "clause": "3.3",
            "evidence": "партнёр",
        },
    ),
    (
        "without ground and topic, the priority names the rule", "экран пустой: жалоба, обычный браузер", {
            "priority": "medium", "labels": ("complaint",), "rule": "plain", "clause": "5.2",
            "evidence": "обычный",
        },
    ),
    (
        "the highest priority wins, and names the rule", "обычный вечер, экран пустой, у всех не работает",
        {
            "priority": "high", "labels": ("outage",), "rule": "down", "clause": "2.1",
            "evidence": "у всех не работает",
        },
    ),
    (
        "the first ground wins", "Чёрт, Chrome 90, экран пустой",
        {"ground": "abusive_language", "action": "suspend", "rule": "swear", "clause": "4.2",
         "evidence": "Чёрт"},
    ),
    (
        "a topic names the rule, before mere labels", "Подскажите режим работы, жалоба",
        {
            "topic": "hours", "labels": ("complaint", "only_topic"), "rule": "hours", "clause": "2.1",
            "evidence": "режим работы",
        },
    ),
    (
        "with labels alone the first rule is named", "жалоба на сбой в третьей серии", {
            "labels": ("complaint", "crash", "b2b"), "agents": ("bob@example.org",), "rule": "claim",
            "clause": "5.1", "evidence": "жалоба",
        },
    ),
    ("a plain question has no verdict", "экран пустой", {}),
)  # fmt: skip


@table("text expected", VERDICTS)
def test_the_verdict_on_a_letter(text: str, expected: dict[str, object]) -> None:
    verdict = msgspec.structs.replace(judged(text), hits=())
    assert {key: value for key, value in msgspec.structs.asdict(verdict).items() if value} == expected


def test_all_hits_are_kept_each_with_what_it_asks_for() -> None:
    hits = judged("Чёрт, у всех не работает, добавьте серверов. Жалоба! Партнёр дал код").hits
    told = [(hit.rule, hit.ground, hit.action, hit.priority, hit.department, hit.labels) for hit in hits]
    assert told == [
        ("down", None, "", Priority.high, "", ("outage",)),
        ("claim", None, "", None, "", ("complaint",)),
        ("swear", Ground.abusive_language, "suspend", None, "", ()),
        ("wish", Ground.needs_development, "", Priority.low, "", ()),
        ("partner", None, "", None, "partners", ("b2b", "_in")),
        ("code", None, "", None, "dev", ()),
        ("inner", None, "", None, "", ("heard",)),
    ]
    span = hits[2].spans[0]
    assert (span.where, span.start, span.end, hits[2].clause) == ("text", 0, 4, "4.2")


EVIDENCE = (
    # the sentence, the rule's phrases, the letter, the evidence, how many places
    ("the words once, however often they stand there", "[тема]", "Тема, тема! Где тема?", "Тема … тема", 3),
    (
        "what a longer piece holds is not repeated", "[тёмный тема, тема]", "Где тёмная тема сайта",
        "тёмная тема", 2,
    ),
    (
        "the first three pieces", "[тема, шрифт, цвет, фон]",
        "Какая тема, какой шрифт, какой цвет, какой фон?",
        "тема … шрифт … цвет", 4,
    ),
)  # fmt: skip


@table("phrases text evidence places", EVIDENCE)
def test_the_evidence_is_told_shortly(phrases: str, text: str, evidence: str, places: int) -> None:
    rule = f"  - {{id: seen, clause: 1, when: {{phrases: {phrases}}}, then: {{labels: b}}}}\n"
    hit = judged(text, load((RULES + rule).encode())).hits[-1]
    assert (hit.evidence, len(hit.spans)) == (evidence, places)


# ------------------------------------------------------------------------------------------------ who decides

USED, HIGH = {"used_grounds": (Ground.abusive_language,), "first": False}, {"priority": Priority.high}
ACTIONS = (
    # the sentence, the letter, what is known of the ticket, what the machine does
    ("4.6: the machine asks", "чёрт, экран пустой", {}, "suspend"),
    ("of high priority a person decides", "чёрт, экран пустой", HIGH, "hint"),
    (
        "the ticket's lower priority changes nothing", "чёрт, экран пустой", {"priority": Priority.low},
        "suspend",
    ),
    ("so of a letter that is high itself", "чёрт, у всех не работает", {}, "hint"),
    ("5.1: of a complaint a person decides", "чёрт, экран пустой, жалоба", {}, "hint"),
    ("and of what has been one", "чёрт, экран пустой", {"complaint": True}, "hint"),
    ("7: an outage that is announced may be the cause", "в плеере пусто, Chrome 90", {}, "hint"),
    ("but not of an insult", "чёрт, в плеере пусто", {}, "suspend"),
    ("other labels are no announcement", "экран пустой, Chrome 90, сбой", {}, "suspend"),
    (
        "what answers a question of ours goes to a person", "чёрт, пусто",
        {"answering": True, "first": False}, "hint",
    ),
    ("a ground is used once in a ticket", "чёрт, экран пустой", USED, "hint"),
    ("another one may still be", "экран пустой, Chrome 90", USED, "suspend"),
    (
        "4.6: who was warned of abuse is refused, here", "чёрт, экран пустой", {**USED, "warned": True},
        "refuse",
    ),
    ("warned by a person, too", "чёрт, пусто", {"warned": True, "first": False, "answering": True}, "refuse"),
    ("but not of high priority", "чёрт, экран пустой", {"warned": True, **HIGH}, "hint"),
    ("a warning of abuse repeats no other ground", "Chrome 90 пуст", {"warned": True}, "suspend"),
    (
        "nor refuses for one that was used", "Chrome 90 пуст",
        {"used_grounds": (Ground.outdated_software,), "warned": True}, "hint",
    ),
    ("a ground that only stays is a hint", "прошу добавить тему", {}, "hint"),
    ("no ground, nothing to do", "экран пустой", {}, ""),
)  # fmt: skip


@table("text facts action", ACTIONS)
def test_the_machine_asks_and_people_refuse(text: str, facts: dict[str, object], action: str) -> None:
    assert judged(text, **facts).action == action


def test_where_abuse_is_not_refused_a_warning_leaves_it_to_a_person() -> None:
    policy = load(RULES.replace("action: suspend, repeat: refuse", "action: suspend").encode())
    assert judged("чёрт, экран пустой", policy, warned=True).action == "hint"


MISSING = (
    # the sentence, the letter, what is asked for (clause 4.2); "-": there is no such ground
    ("4.2: everything", "Не работает, помогите", {}, "description steps environment screenshot"),
    ("not the device, which it names", "Не работает на телефоне", {}, "description steps screenshot"),
    ("4.5: a screenshot tells enough", "Не работает", {"attachments": ["picture"]}, "-"),
    (
        "a logo tells nothing", "Не работает", {"attachments": ["logo"]},
        "description steps environment screenshot",
    ),
    ("steps alone are never missed («по возможности»)", "Пропал звук в фильме", {}, "-"),
    (
        "a rule may ask where nothing is missing",
        "Нажимаю «Смотреть», затем выбираю серию, картинка мутная. Браузер Chrome 131",
        {"attachments": ["picture"]}, "",
    ),
    ("another ground asks for nothing", "Не работает, чёрт", {}, ""),
)  # fmt: skip


@table("text more missing", MISSING)
def test_what_is_missing_is_what_clause_4_2_asks_for(
    text: str, more: dict[str, object], missing: str
) -> None:
    verdict = judge(POLICY, letter(text, **more), FACTS)
    assert verdict.missing == tuple(missing.strip("-").split())
    assert (verdict.ground is None) is (missing == "-")


def test_steps_are_found_missing_all_the_same_and_follow_ups_are_not_asked() -> None:
    assert "steps" in {span.words for span in letter("Пропал звук в фильме").matches[LACKS]}
    assert judged("Не работает", first=False).ground is None


# -------------------------------------------------------------------------------------------------- the topic

ALONE = (
    # the sentence, the letter, whether its topic is all that it asks about
    ("only that", "Подскажите режим работы", True),
    ("with courtesies", "Добрый день! Подскажите, пожалуйста, режим работы. Заранее спасибо, Анна", True),
    ("twice the same", "Какой у вас режим работы? Подскажите режим работы в выходные?", True),
    ("and another question", "Подскажите режим работы. И почему не грузится видео?", False),
    ("another question first", "Почему не грузится видео? И подскажите режим работы", False),
    ("and a problem", "Подскажите режим работы, у меня гаснет экран", False),
    ("and another topic", "Подскажите режим работы и сколько стоит год", False),
    ("and another topic in the same question", "Как купить и какой режим работы?", False),
    ("and a question about what only has a label", "Подскажите режим работы. Почему случился сбой?", False),
    ("and something with a priority", "Подскажите режим работы обычный", False),
    ("and something for a department", "Подскажите режим работы, партнёр", False),
    ("and an insult", "Подскажите режим работы, чёрт", False),
)  # fmt: skip


@table("text alone", ALONE)
def test_only_a_letter_that_asks_nothing_else_may_be_closed_with_the_topic(text: str, alone: bool) -> None:
    verdict = judged(text)
    assert verdict.topic == "hours"
    assert ("only_topic" in verdict.labels) is alone


def test_a_screenshot_beside_a_topic_is_something_else_and_a_logo_is_not() -> None:
    def alone(*attachments: str) -> bool:
        told = judge(POLICY, letter("Подскажите режим работы", attachments=attachments), FACTS)
        return "only_topic" in told.labels

    assert [alone("picture"), alone("logo", "picture"), alone("logo"), alone("withheld")] == [
        False,
        False,
        True,
        True,
    ]


def test_a_topic_with_its_own_department_is_alone_with_it() -> None:
    assert "only_topic" in judged("Сколько стоит партнёр?").labels
    assert "only_topic" not in judged("Сколько стоит код?").labels


def test_words_that_only_touch_a_question_do_not_answer_it() -> None:
    read = letter("Подскажите режим работы")
    [start, end] = next((one.spans[0].start, one.spans[0].end) for one in judge(POLICY, read, FACTS).hits)

    def alone(begin: int, finish: int) -> bool:
        piece = Span(where="text", start=begin, end=finish, words="…")
        moved = msgspec.structs.replace(read, matches={**read.matches, ASKING: (piece,)})
        return "only_topic" in judge(POLICY, moved, FACTS).labels

    assert [alone(0, start), alone(0, start + 1), alone(end - 1, end + 9), alone(end, end + 9)] == [
        False,
        True,
        True,
        False,
    ]
    silent = {key: spans for key, spans in read.matches.items() if key != ASKING}
    assert "only_topic" in judge(POLICY, msgspec.structs.replace(read, matches=silent), FACTS).labels


def test_the_words_of_a_topic_in_the_subject_answer_no_question_in_the_text() -> None:
    told = judge(POLICY, letter("Почему пусто?", subject="режим работы"), FACTS)
    assert (told.topic, "only_topic" in told.labels) == ("hours", False)


def test_an_announcement_answers_the_letters_it_describes_while_it_holds() -> None:
    told = judged("Плеер гаснет на минуте")
    assert (told.topic, told.labels, told.clause) == (
        "announcement",
        ("announcement:player", "only_topic"),
        "7",
    )
    assert judged("Плеер гаснет на минуте", now=FACTS.now + timedelta(days=60)).topic == ""


# --------------------------------------------------------------------------------------------- the conditions

NIGHT = datetime(2026, 3, 11, 23, 30, tzinfo=ZoneInfo("Europe/Moscow"))
CONDITIONS = (
    # the sentence, the condition, the letter or what is known of its ticket, whether it holds
    ("2.1: at night the desk is closed", "{time: closed}", {}, True),
    ("and not open", "{time: open}", {}, False),
    ("at 10 it opens", "{time: open}", {"now": at("Mon 10:00")}, True),
    ("a minute before it is closed", "{time: open}", {"now": at("Mon 09:59")}, False),
    ("at 22 it closes", "{time: open}", {"now": at("Mon 22:00")}, False),
    ("a time over midnight, before it", "{time: '22:00-06:00'}", {}, True),
    ("after it", "{time: '22:00-06:00'}", {"now": at("Mon 05:59")}, True),
    ("as it begins", "{time: '22:00-06:00'}", {"now": at("Mon 22:00")}, True),
    ("as it ends", "{time: '22:00-06:00'}", {"now": at("Mon 06:00")}, False),
    ("by day", "{time: '06:00-22:00'}", {}, False),
    ("by day, as it begins", "{time: '06:00-22:00'}", {"now": at("Mon 06:00")}, True),
    ("by day, as it ends", "{time: '06:00-22:00'}", {"now": at("Mon 22:00")}, False),
    ("to midnight", "{time: '22:00-24:00'}", {}, True),
    ("to midnight, not after it", "{time: '22:00-24:00'}", {"now": at("Mon 00:00")}, False),
    ("from midnight to midnight, all day", "{time: '00:00-24:00'}", {}, True),
    (
        "the desk's clock counts, not the server's", "{time: '22:00-06:00'}", {"now": NIGHT.astimezone(UTC)},
        True,
    ),
    ("an address", "{sender: user@example.org}", {}, True),
    ("in capitals", "{sender: USER@Example.org}", {}, True),
    ("one of several", "{sender: ['x@y.example', user@example.org]}", {}, True),
    ("another address", "{sender: x@example.org}", {}, False),
    ("a domain", "{sender: '@example.org'}", {}, True),
    ("not below it", "{sender: '@example.org'}", {"from": "x@mail.example.org"}, False),
    ("nor beside it", "{sender: '@example.org'}", {"from": "x@bad.example"}, False),
    ("a domain needs its @", "{sender: '-example.org'}", {}, False),
    ("below a domain", "{sender: '*.example.org'}", {"from": "x@mail.example.org"}, True),
    ("not the domain itself", "{sender: '*.mail.example.org'}", {"from": "x@mail.example.org"}, False),
    ("not one that ends alike", "{sender: '*.example.org'}", {"from": "x@badexample.org"}, False),
    ("a picture", "{attachment: picture}", {"attachments": ["picture"]}, True),
    ("a picture among others", "{attachment: picture}", {"attachments": ["withheld", "picture"]}, True),
    (
        "a logo is no picture, what is withheld neither", "{attachment: picture}",
        {"attachments": ["logo", "withheld"]}, False,
    ),
    ("withheld", "{attachment: withheld}", {"attachments": ["withheld"]}, True),
    ("a picture is not withheld", "{attachment: withheld}", {"attachments": ["picture"]}, False),
    ("any", "{attachment: any}", {"attachments": ["withheld"]}, True),
    ("any, where there is none", "{attachment: any}", {}, False),
    ("none", "{attachment: none}", {}, True),
    ("none but a logo", "{attachment: none}", {"attachments": ["logo"]}, True),
    ("none, where there is one", "{attachment: none}", {"attachments": ["withheld"]}, False),
    ("longer", "{longer_than: 2}", {"text": "раз два три"}, True),
    ("not longer: as long", "{longer_than: 2}", {"text": "раз два"}, False),
    ("longer than nothing", "{longer_than: 0}", {"text": "раз"}, True),
    ("shorter", "{shorter_than: 3}", {"text": "раз два"}, True),
    ("not shorter: as long", "{shorter_than: 2}", {"text": "раз два"}, False),
    ("Russian", "{language: ru}", {"text": "яблоко apple"}, True),
    ("not English", "{language: en}", {"text": "яблоко apple"}, False),
    ("English", "{language: [en, other]}", {"text": "apple"}, True),
    ("no language that is known", "{language: other}", {"text": "123"}, True),
    ("English is known", "{language: other}", {"text": "apple"}, False),
    ("a first letter", "{letter: first}", {}, True),
    ("no follow-up", "{letter: follow_up}", {}, False),
    ("a follow-up", "{letter: follow_up}", {"first": False}, True),
    ("no first letter", "{letter: first}", {"first": False}, False),
    ("5.2: medium, where nobody has said", "{priority: medium}", {}, True),
    ("and nothing else", "{priority: [low, high]}", {}, False),
    ("the ticket's", "{priority: [low, high]}", {"priority": Priority.low}, True),
    ("a label of a rule above", "{label: complaint}", {"text": "жалоба"}, True),
    ("the ticket's complaint", "{label: [b2b, complaint]}", {"complaint": True}, True),
    ("a label that nobody gave", "{label: complaint}", {"text": "жадина"}, False),
    ("not", "{not: {letter: follow_up}}", {}, True),
    ("not, of what holds", "{not: {letter: first}}", {}, False),
    ("any: one is enough", "{any: [{letter: follow_up}, {time: closed}]}", {}, True),
    ("any: none is not", "{any: [{letter: follow_up}, {time: open}]}", {}, False),
    ("all: both", "{all: [{letter: first}, {time: closed}]}", {}, True),
    ("all: one is not enough", "{all: [{letter: first}, {time: open}]}", {}, False),
    ("two keys are both", "{letter: first, longer_than: 1}", {"text": "раз"}, False),
    ("words with a condition", "{words: груша, letter: first}", {"text": "груша"}, True),
    ("words without it", "{words: груша, letter: follow_up}", {"text": "груша"}, False),
)  # fmt: skip
KNOWN = ("now", "first", "priority", "complaint")  # of the ticket; all else is of the letter


def with_rule(*when: str) -> Policy:
    """The rules, and one for each of these conditions in their order."""
    more = (
        f"  - {{id: asked{at}, clause: 1, when: {one}, then: {{labels: a}}}}\n" for at, one in enumerate(when)
    )
    return load((RULES + "".join(more)).encode())


FOUND = (
    # the sentence, the condition, what is shown as its words
    ("the sender", "{sender: '@example.org'}", "header user@example.org"),
    ("the files' names", "{attachment: any}", "attachment screenshot.png, attachment log.zip"),
    ("the words", "{words: груша, letter: first}", "text груша"),
    ("of all parts, each once", "{all: [{words: груша}, {words: [слива, груша]}]}", "text груша, text слива"),
    ("of those parts that hold", "{any: [{words: груша}, {letter: follow_up}]}", "text груша"),
    ("nothing, of what has no words", "{letter: first}", ""),
    ("nothing, of a not", "{not: {words: киви}}", ""),
)  # fmt: skip


EVERY = [str(row[1]) for row in (*CONDITIONS, *FOUND)]
EVERYTHING = with_rule(*EVERY)


@table("when given holds", CONDITIONS)
def test_what_a_rule_may_ask_about(when: str, given: dict[str, object], holds: bool) -> None:
    policy, asked = EVERYTHING, f"asked{EVERY.index(when)}"
    more = {key: value for key, value in given.items() if key not in (*KNOWN, "text")}
    read = letter(str(given.get("text", "")), policy, **more)
    facts = Facts(**{"now": NIGHT, **{key: value for key, value in given.items() if key in KNOWN}})
    assert (asked in {hit.rule for hit in judge(policy, read, facts).hits}) is holds


@table("when words", FOUND)
def test_what_a_condition_found_is_shown(when: str, words: str) -> None:
    policy, asked = EVERYTHING, f"asked{EVERY.index(when)}"
    read = letter("груша и слива", policy, attachments=["picture", "withheld", "logo"])
    spans = next(one.spans for one in judge(policy, read, FACTS).hits if one.rule == asked)
    assert ", ".join(f"{span.where} {span.words}" for span in spans) == words
    assert all((span.start, span.end) == (0, 0) for span in spans if span.where != "text")


# ---------------------------------------------------------------------------------------------------- and why


def test_why_shows_every_rule_with_its_conditions() -> None:
    told = {item.rule: item for item in why(POLICY, letter("Не работает"), Facts(now=FACTS.now, first=False))}
    empty = told["empty"]
    assert (next(iter(told)), len(told)) == ("announcement:player", len(POLICY.rules))
    assert (empty.fired, told["down"].fired) == (False, False)
    parts = [(part.asked, part.holds) for part in empty.answer.parts]
    assert parts == [("letter: first", False), ("lacks: description", True), ("not", True)]
    assert empty.answer.asked == "all"
    assert [part.asked for part in empty.answer.parts[2].parts] == ["label: outage"]
    assert empty.answer.parts[0].spans == ()
    assert [one.rule for one in why(POLICY, letter("Жалоба"), FACTS) if one.fired] == ["claim", "empty"]


def test_why_and_judge_agree_about_a_sender() -> None:
    policy = with_rule("{sender: a@b.example}")
    read = msgspec.structs.replace(letter("груша", policy), sender=(Address(email="a@b.example"),))
    assert why(policy, read, FACTS)[-1].fired
    assert judge(policy, read, FACTS).hits[-1].rule == "asked0"


def test_a_verdict_goes_with_the_rules_that_matched_the_letter() -> None:
    other = load(RULES.replace("жалоба", "претензия").encode())
    assert matched(POLICY, letter("Жалоба"))
    assert not matched(other, letter("Жалоба"))


@pytest.mark.parametrize("subject", ["Re: Chrome 90", "Отв: На: Chrome 90", "[PF-12] Chrome 90"])
def test_the_subject_of_a_reply_is_not_the_authors(subject: str) -> None:
    assert (
        judge(POLICY, letter("экран пустой", subject="Chrome 90"), FACTS).ground is Ground.outdated_software
    )
    assert judge(POLICY, letter("экран пустой", subject=subject), FACTS).ground is None
