"""The nine grounds of clause 4.6 and `low_priority` of 5.2: each has a letter in two languages, and a command for the agent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from desk import ROOT, TestDesk

from bot.app.context_loading import RulesRefused, open_context
from bot.model import Ground
from bot.rules import RulesError, load
from bot.settings import Settings

ANNA, IVAN = "anna@providence.film", "ivan@example.org"
PROBLEM = "Здравствуйте! В Chrome 131 на Windows 11 не открывается фильм «Сталкер»: чёрный экран после Play."


@pytest.mark.parametrize("ground", [one for one in Ground if one is not Ground.low_priority])
async def test_an_agent_refuses_on_each_ground(ground: Ground, tmp_path: Path) -> None:
    """`#refuse GROUND` closes with the letter of that ground; needs_development stays open and waits for the update."""
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    await desk.reply(desk.mail(ANNA)[0], ANNA, f"#отказать {ground}\nПояснение от Анны.")
    [letter] = desk.mail(IVAN, f"ground_{ground}")
    assert "Пояснение от Анны." in letter.text
    assert "4.6" in letter.text
    ticket = desk.ticket()
    assert ticket.ground is ground
    assert ticket.status == ("in_progress" if ground is Ground.needs_development else "done")
    assert ticket.seen[-1].disposition == "command"


async def test_low_priority_is_a_leads_word_on_low_tickets(tmp_path: Path) -> None:
    """Clause 5.2: low tickets only, leads only; anybody else is refused, and nothing changes."""
    desk = await TestDesk.opened(tmp_path, undo=0)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    boris, anna = desk.mail("boris@providence.film")[0], desk.mail(ANNA)[0]
    await desk.reply(boris, "boris@providence.film", "#приоритет низкий")
    await desk.reply(boris, "boris@providence.film", "#отказать low_priority\nНе сейчас.")
    assert desk.mail("boris@providence.film")[-1].template == "command_error"
    assert desk.ticket().status != "done"
    await desk.reply(anna, ANNA, "#отказать low_priority\nВ этом году за это не возьмёмся.")
    assert desk.ticket().ground is Ground.low_priority
    assert [one.template for one in desk.mail(IVAN)] == ["acknowledgement", "ground_low_priority"]


async def test_the_machine_never_closes_for_abuse(tmp_path: Path) -> None:
    """It asks once and says what a title needs; whatever comes then is the agents', with the button that refuses."""
    desk = await TestDesk.opened(tmp_path)
    await desk.send(IVAN, "Вы там охуели? Плеер опять не работает в Chrome 131, чёрный экран после Play!", subject="Плеер")
    [letter] = desk.mail(IVAN)
    assert letter.template == "ground_abusive_language"
    assert "название фильма" in letter.text
    assert desk.ticket().status == "clarification"
    await desk.reply(letter, IVAN, "Да идите вы нахуй со своим плеером.")
    assert desk.ticket().status == "created"
    [notice] = desk.mail(ANNA)
    assert "#отказать" in notice.text


async def test_swearing_that_hits_nobody_beside_a_problem_is_a_hint(tmp_path: Path) -> None:
    """The regulation asks for tact: the problem is acknowledged, and the agent sees the words."""
    desk = await TestDesk.opened(tmp_path)
    await desk.send(IVAN, "Пиздец, второй раз списали 399 рублей за одну подписку.", subject="Деньги")
    assert [one.template for one in desk.mail(IVAN)] == ["acknowledgement"]
    [notice] = desk.mail(ANNA)
    assert "swearing" in notice.text


async def test_the_letter_about_abuse_names_the_word_to_a_proved_address(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, aligned=(IVAN,))
    await desk.send(IVAN, "Вы там охуели? Плеер опять не работает в Chrome 131, чёрный экран после Play!", subject="Плеер")
    [letter] = desk.mail(IVAN)
    assert "охуели" in letter.text


async def test_high_priority_and_complaints_are_never_suspended_by_a_machine(tmp_path: Path) -> None:
    """The agent sees the ground as a hint."""
    desk = await TestDesk.opened(tmp_path)
    await desk.send(IVAN, "Какого хуя сайт лежит у всех, ошибка 502 на каждой странице, сервис недоступен?!", subject="Сайт лежит")
    assert desk.ticket().status == "created"
    assert desk.ticket().priority == "high"
    [notice] = desk.mail(ANNA)
    assert "подсказка" in notice.text
    assert [one.template for one in desk.mail(IVAN)] == ["acknowledgement"]


OWN = """
  unpaid_invoice:
    action: suspend
    clause: 3.4
    names: {ru: неоплаченный счёт, en: unpaid invoice}
    words: [неоплачено, unpaid]
    text: {ru: "Счёт пока не оплачен: **пришлите** квитанцию \\"как есть\\" 🙂 100 %} {{ 7 * 7 }} {# x #}", en: The invoice is not paid yet.}
  unofficial_version: none
"""
OWN_RESOLUTION = """
  refunded: {names: {ru: деньги возвращены, en: refunded}, words: [возврат], text: {ru: Деньги уже у Вас.}}
"""
OWN_RULE = """
  - {id: invoice, clause: 3.4, when: {phrases: [не оплатить счёт, invoice ... not paid]}, then: {ground: unpaid_invoice}}
"""


def own_rules(folder: Path) -> Path:
    """The shipped rules with a ground and a resolution more, and a ground less."""
    source = (ROOT / "rules.yaml").read_text("utf-8")
    source = re.sub(r"\n  unofficial_version: \{.*", OWN.rstrip(), source)
    source = re.sub(r"\n  complaint: \{\}", OWN_RESOLUTION.rstrip(), source)
    source = re.sub(r"\n  - id: [\w-]+\n(?:(?!\n  - ).)*then: \{ground: unofficial_version\}(?:(?!\n  - ).)*", "", source, flags=re.DOTALL)
    path = folder / "rules.yaml"
    path.write_text(source.replace("\nrules:\n", f"\nrules:{OWN_RULE}"), "utf-8")
    return path


async def test_a_company_has_grounds_and_resolutions_of_its_own(tmp_path: Path) -> None:
    rules = own_rules(tmp_path)
    await open_context(Settings(data=tmp_path / "data", rules=rules), b"x" * 32)  # templates and examples are good
    desk = await TestDesk.opened(tmp_path / "data", rules, aligned=(IVAN, "john@example.com"), undo=0)
    await desk.send(IVAN, "Здравствуйте! Мы ещё не оплатили счёт за ноябрь.", subject="Счёт")
    [asked] = desk.mail(IVAN)
    assert asked.template == "ground_unpaid_invoice"
    assert 'Счёт пока не оплачен: **пришлите** квитанцию "как есть" 🙂 100 %} {{ 7 * 7 }} {# x #}' in asked.text
    assert "3.4" in asked.text
    assert desk.ticket().ground == "unpaid_invoice"
    await desk.reply(asked, IVAN, "Вот квитанция.")
    [notice] = desk.mail(ANNA)
    await desk.reply(notice, ANNA, "#решено возврат\nВернули.")
    closed = desk.mail(IVAN)[-1]
    assert (closed.template, desk.ticket().resolution) == ("resolved_refunded", "refunded")
    assert "Вернули." in closed.text
    await desk.send("john@example.com", "Hello! The invoice is not paid yet, sorry.", subject="Invoice")
    assert "The invoice is not paid yet." in desk.mail("john@example.com")[0].text


async def test_an_agent_uses_a_ground_by_the_companys_word_and_not_one_that_it_has_not(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path / "data", own_rules(tmp_path), undo=0)
    await desk.send(IVAN, PROBLEM, subject="Чёрный экран")
    [notice] = desk.mail(ANNA)
    await desk.reply(notice, ANNA, "#отказать неофициальная\nНет.")
    [refused] = desk.mail(ANNA, "command_error")
    assert "неоплачено" in refused.text
    await desk.reply(notice, ANNA, "#отказать неоплачено\nОплатите, пожалуйста, счёт.")
    [letter] = desk.mail(IVAN, "ground_unpaid_invoice")
    assert "Оплатите, пожалуйста, счёт." in letter.text
    assert "неоплаченный счёт" in letter.text
    assert desk.ticket().status == "done"


@pytest.mark.parametrize(("change", "said"), [
    (("{ground: unpaid_invoice}", "{ground: unpaid_invoise}"), "unknown ground 'unpaid_invoise'"),
    (("    names: {ru: неоплаченный счёт, en: unpaid invoice}\n", ""), "nobody knows how to call it"),
    (("words: [неоплачено, unpaid]", "words: [неоплачено, scope, out_of_scope]"), "'out_of_scope' means out_of_scope already"),
    (("  unpaid_invoice:\n", "  Unpaid:\n"), "small Latin letters"),
    (("  solved: {}", "  solved: none"), "solved is missing"),
])  # fmt: skip
def test_a_mistake_in_them_is_named_with_its_line(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    path = own_rules(tmp_path)
    source = path.read_text("utf-8")
    assert change[0] in source
    with pytest.raises(RulesError) as error:
        load(source.replace(*change).encode(), "rules.yaml")
    assert said in str(error.value.mistakes[0])
    assert error.value.mistakes[0].line


async def test_a_ground_without_a_letter_is_named(tmp_path: Path) -> None:
    path = own_rules(tmp_path)
    path.write_text(re.sub(r"    text: \{ru: \"Счёт.*\n", "", path.read_text("utf-8")), "utf-8")
    with pytest.raises(RulesRefused, match=r"grounds\.unpaid_invoice has no letter: give it text: \{ru: …\}"):
        await open_context(Settings(data=tmp_path / "data", rules=path), b"x" * 32)
