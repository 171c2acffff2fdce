"""The shipped rules.yaml: its examples hold, and letters it has never seen are judged as a person would."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.model import Ground, Verdict
from bot.rules import check_examples, json_schema, load
from bot.rules.examples import judge_example
from bot.rules.matching import matcher_of
from bot.rules.schema import ExampleLetter

ROOT = Path(__file__).parents[2]
POLICY = load((ROOT / "rules.yaml").read_bytes())


def verdict(text: str, subject: str = "", **more: object) -> Verdict:
    example = ExampleLetter.model_validate({"text": text, "subject": subject, **more})
    return judge_example(POLICY, matcher_of(POLICY), example)


def test_every_example_holds_and_every_rule_can_be_reached():
    assert [str(mistake) for mistake in check_examples(POLICY)] == []


def test_every_rule_has_examples_on_both_sides():
    assert [rule.id for rule in POLICY.rules if not (rule.examples.match and rule.examples.ignore)] == []


def test_it_is_the_desk_of_the_regulation():
    assert (POLICY.desk.address, POLICY.desk.prefix) == ("support@providence.film", "PF")
    assert [(agent.name, agent.lead) for agent in POLICY.people.agents] == [("Анна", True), ("Борис", False)]
    assert {item.address for item in POLICY.people.departments.values()} == {"dev@providence.film", "partners@providence.film"}
    assert POLICY.calendar.is_open(datetime(2026, 1, 1, 7, 0, tzinfo=UTC))
    assert not POLICY.calendar.is_open(datetime(2026, 1, 1, 19, 0, tzinfo=UTC))


def test_as_shipped_the_machine_refuses_nobody():
    assert {ground for ground, item in POLICY.grounds.items() if "refuse" in (item.action, item.repeat)} == set()


LETTERS = [
    # (letter, the ground, the topic, the priority, a label)
    ("Коллеги, с утра ни у кого из бухгалтерии не открывается кабинет", None, "", "high", "outage"),
    ("СРОЧНО!!! СРОЧНО!!! Не могу открыть трейлер на своём телефоне", None, "", None, ""),
    ("У друзей всё открывается, а у меня пишет «доступ закрыт»", None, "", None, ""),
    ("Какая-то неприятность с вашим сервисом, сделайте что-нибудь", "insufficient_information", "", None, ""),
    ("нивкакую нехочет", "insufficient_information", "", None, ""),
    ("Субтитры отстают от речи примерно на секунду", None, "", None, ""),
    ("Где посмотреть чек за прошлый месяц?", None, "", None, ""),
    ("Поставьте мне плеер на ноутбук, мне шестьдесят лет, сам не справлюсь", "out_of_scope", "", None, ""),
    ("Растолкуйте, как поставить плеер на ноутбук", None, "", None, ""),
    ("Нужно подписать договор, пришлите вашу форму", "out_of_scope", "", None, ""),
    ("Наша студия просит подключить к защите контента новый сериал, договор ещё не подписан", None, "", None, "content-protection"),
    ("В файрфоксе 68 версии вместо кино серый квадрат", "outdated_software", "", None, ""),
    ("В файрфоксе 132 вместо кино серый квадрат", None, "", None, ""),
    ("Поставил себе хакнутый клиент, выкидывает при входе", "unofficial_version", "", None, ""),
    ("Со скольки завтра отвечает поддержка?", None, "hours", None, "only_topic"),
    ("Какие у вас есть тарифы для семьи?", None, "", None, "subscription"),
    ("Какие у вас расценки на защиту контента для студии?", None, "obtain_service", None, "only_topic"),
    ("Карта не принимается, оплатить подписку не выходит", None, "", None, ""),
    ("Было бы классно завести тёмную тему", "needs_development", "", "low", "wish"),
    ("Благодарю, Борис! Всё заработало", None, "", None, "thanks"),
    ("Третью неделю игнорируете мои письма, напишу в Роспотребнадзор", None, "", None, "complaint"),
    ("Could one of your technicians come over and set up my television?", "out_of_scope", "", None, ""),
    ("The trailer stops after ten seconds on my phone", None, "", None, ""),
    ("Hello, nothing works, please help me", "insufficient_information", "", None, ""),
    ("Which hours is your support available?", None, "hours", None, "only_topic"),
]


@pytest.mark.parametrize(("text", "ground", "topic", "priority", "label"), LETTERS)
def test_letters_it_has_never_seen(text, ground, topic, priority, label):
    found = verdict(text)
    assert (found.ground, found.topic, found.priority) == (ground, topic, priority), found
    assert not label or label in found.labels


def test_a_complaint_is_never_suspended():
    found = verdict("Это жалоба! Ваш сайт в Chrome 80 не показывает ни одного фильма")
    assert (found.ground, found.action) == (Ground.outdated_software, "hint")


def test_a_description_in_the_subject_or_in_a_picture_is_one():
    assert verdict("Помогите, пожалуйста", "Пропал звук в фильмах").ground is None
    assert verdict("Помогите, пожалуйста", attachments=["picture"]).ground is None
    assert verdict("Помогите, пожалуйста", "Проблема").ground is Ground.insufficient_information


# ---------------------------------------------------------------------------------------------------- docs/rules.md

HANDBOOK = (ROOT / "docs" / "rules.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", HANDBOOK, re.DOTALL)
SECTIONS = {
    "desk": "desk: {name: Desk, address: support@example.org}\n",
    "people": "people:\n  departments: {partners: {name: p, address: p@d.example}}\n"
    "  agents: [{name: Ann, address: ann@example.org, lead: true}, {name: Борис, address: boris@providence.film}]\n",
    "versions": "versions: {chrome: 109}\n",
}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n", 1)[0])
def test_every_example_of_the_handbook_works(block):
    missing = [text for key, text in SECTIONS.items() if not re.search(f"^{key}:", block, re.MULTILINE)]
    policy = load(("".join(missing) + block).encode())
    assert [str(mistake) for mistake in check_examples(policy)] == []


def test_the_handbook_names_every_key():
    schema = json_schema()
    objects = [schema, *schema["$defs"].values()]
    keys = {key for item in objects for key in item.get("properties", {})}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", HANDBOOK)] == []


def test_no_mark_of_direction_of_the_file_reaches_a_customer() -> None:
    source = (ROOT / "rules.yaml").read_text("utf-8")
    name = POLICY.desk.name
    odd = load(source.replace(f"name: {name}", f'name: "{name}\\u202e\\u0081"', 1).encode())
    assert odd.desk.name == name
