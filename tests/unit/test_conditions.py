"""Conditions about words, on letters that meet them and on letters that do not; the others are in tests/core/test_judge.py."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rules import Facts, judge, load
from bot.rules.conditions import Branch, Leaf, leaves, needs
from bot.rules.examples import example_letter
from bot.rules.matching import matcher_of
from bot.rules.patterns import required
from bot.rules.schema import ExampleLetter

BASE = """desk: {name: Desk, address: desk@example.org}
people: {agents: [{name: Ann, address: ann@example.org, lead: true}]}
vocabulary: {фрукт: [яблоко, груша, дыня колхозница]}
rules:
  - {id: first, clause: 1, when: {words: метка}, then: {labels: marked}}
"""
NIGHT = datetime(2026, 3, 11, 23, 30, tzinfo=ZoneInfo("Europe/Moscow"))


def fires(when: str, **told: object) -> bool:
    """Whether a rule with that condition fires on the letter."""
    policy = load((BASE + f"  - {{id: asked, clause: 1, when: {when}, then: {{labels: yes}}}}\n").encode())
    letter = example_letter(ExampleLetter.model_validate(told))
    letter = msgspec.structs.replace(letter, matches=matcher_of(policy).match(letter))
    return "asked" in {hit.rule for hit in judge(policy, letter, Facts(now=NIGHT)).hits}


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("{words: [яблоко, груша]}", {"text": "две груши"}),
        ("{words: <фрукт>}", {"text": "корзина яблок"}),
        ("{words: <фрукт>}", {"text": "спелой дыней колхозницей"}),
        ("{phrases: '<фрукт> не ...2 вкусный'}", {"text": "Яблоки не очень-то вкусные"}),
        ("{contains: '№ зак'}", {"text": "по № ЗАКАЗА"}),
        ("{contains: ёж}", {"text": "иголки Ежа"}),
        ("{pattern: 'код\\s+\\d{4}'}", {"text": "Код 1234"}),
        ("{only: [спасибо, хорошо]}", {"text": "Добрый день! Хорошо, спасибо. Анна"}),
        ("{words: яблоко, where: subject}", {"subject": "яблоко", "text": "груша"}),
        ("{words: груша, where: text}", {"subject": "яблоко", "text": "груша"}),
        ("{software: chrome < 110}", {"text": "Chrome 98"}),
        ("{software: named}", {"text": "в хроме пусто"}),
        ("{abuse: obscene}", {"text": "какого хуя"}),
        ("{lacks: [description, screenshot]}", {"text": "помогите"}),
        ("{header: {name: X-Shop}}", {"headers": {"x-shop": "1"}}),
        ("{header: {name: X-Shop, contains: яблок}}", {"headers": {"X-Shop": "Яблоки"}}),
        ("{header: {name: X-Shop, pattern: '^a\\d'}}", {"headers": {"X-Shop": "a1"}}),
        ("{label: marked}", {"text": "метки"}),
        ("{not: {words: яблоко}}", {"text": "груша"}),
        ("{any: [{words: яблоко}, {words: груша}]}", {"text": "груша"}),
        ("{all: [{words: яблоко}, {words: груша}]}", {"text": "груша и яблоко"}),
        ("{words: яблоко, not: {words: груша}}", {"text": "яблоко"}),
    ],
)
def test_it_holds(when, told):
    assert fires(when, **told)


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("{words: [яблоко, груша]}", {"text": "две сливы"}),
        ("{words: яблоко, where: subject}", {"text": "яблоко"}),
        ("{contains: яблоко}", {"text": "я блок"}),
        ("{pattern: 'код \\d{4}'}", {"text": "код 12"}),
        ("{only: [спасибо]}", {"text": "Спасибо, а где звук"}),
        ("{only: [спасибо]}", {"text": "Спасибо?"}),
        ("{software: chrome < 110}", {"text": "Chrome 131"}),
        ("{lacks: screenshot}", {"text": "помогите", "attachments": ["picture"]}),
        ("{header: {name: X-Shop, contains: яблок}}", {"headers": {"X-Shop": "груши"}}),
        ("{header: {name: X-Shop}}", {"headers": {"X-Shop-2": "1"}}),
        ("{label: marked}", {"text": "груша"}),
        ("{any: [{words: яблоко}, {words: груша}]}", {"text": "слива"}),
        ("{all: [{words: яблоко}, {words: груша}]}", {"text": "груша"}),
        ("{words: яблоко, not: {words: груша}}", {"text": "яблоко и груша"}),
    ],
)
def test_it_does_not_hold(when, told):
    assert not fires(when, **told)


names = st.sampled_from("abcd")
trees = st.recursive(
    names.map(lambda name: Leaf("words", (name,))) | st.just(Leaf("letter", "first")),
    lambda inner: (
        st.tuples(st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)).map(lambda pair: Branch(pair[0], tuple(pair[1])))
        | inner.map(lambda node: Branch("not", (node,)))
    ),
    max_leaves=8,
)


def holds(node, true: set[str]) -> bool:
    if isinstance(node, Leaf):
        return node.kind == "letter" or node.key in true
    return {"all": all, "any": any}.get(node.how, lambda parts: not all(parts))([holds(part, true) for part in node.parts])


@settings(max_examples=300, deadline=None)
@given(trees, st.sets(names))
def test_a_rule_is_never_skipped_that_could_fire(node, true):
    keys = {leaf.key for leaf in leaves(node) if leaf.kind == "words" and leaf.value[0] in true}
    wanted = needs(node)
    if holds(node, keys):
        assert wanted is None or wanted & keys


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("код\\d+ошибка", "ошибка"),
        ("ошибка?", "ошибк"),
        ("(ошибка|сбой)", ""),
        ("а|ошибка", ""),
        ("[ошибка]", ""),
        ("Ошибка{0,2} код", "ошибк"),
        ("(?x) o s", ""),
        ("\\bслово\\b", "слово"),
    ],
)
def test_the_text_a_pattern_cannot_do_without(pattern, literal):
    assert required(pattern) == literal


@pytest.mark.parametrize(
    "text",
    [
        "Здравствуйте!",
        "Ничего не работает, помогите, пожалуйста!!!",
        "неработает",
        "Добрый день, Анна. Возникла проблема, что делать? С уважением, Пётр Сергеевич Кузнецов",
        "Ошибка. Перезвоните: +7 (912) 345-67-89",
        "Почему так происходит?",
        "Hello, something is wrong with your site, please fix it",
    ],
)
def test_these_tell_nothing_usable(text):
    assert fires("{lacks: description}", text=text)


@pytest.mark.parametrize(
    "text",
    [
        "Пропал звук в фильме",
        "Не могу войти",
        "Как отписаться?",
        "Экран гаснет через минуту",
        "Не открывается https://providence.film/movie/7 на телевизоре",
        "При входе ошибка 403",
        "The subtitles are late",
        "Bitte helfen Sie mir, ich kann nichts sehen",
    ],
)
def test_these_describe_something(text):
    assert not fires("{lacks: description}", text=text)


def test_what_is_told_of_steps_and_device_is_not_missed():
    told = {"text": "Нажимаю «Смотреть», затем выбираю серию. Браузер Chrome 131"}
    assert not fires("{lacks: steps}", **told)
    assert not fires("{lacks: environment}", **told)
    assert fires("{lacks: screenshot}", **told)
