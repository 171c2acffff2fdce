"""The shipped templates: complete, alike in both languages, and as a support lead wants them."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.app.context_loading import RulesRefused, sources
from bot.model import Attachment, Ground, Resolution
from bot.parsing.attachments import WHY
from bot.rendering.contexts import Context, ToRequester
from bot.rendering.outcomes import GENERIC
from bot.rendering.samples import NASTY, SAID, cases
from bot.rendering.templates import REQUIRED, Rendered, Templates

FOLDER = Path(__file__).resolve().parents[2] / "templates"
SOURCES = sources(FOLDER)
TEMPLATES = Templates(SOURCES, "Europe/Moscow")
RENDERED = {
    (language, name, case): (context, TEMPLATES.render(name, context))
    for language in ("ru", "en")
    for name in REQUIRED
    for case, context in cases(name, language)
}
ALL = pytest.mark.parametrize(("language", "name", "case"), list(RENDERED), ids=["-".join(key) for key in RENDERED])
GROUNDS = [(language, ground) for language in ("ru", "en") for ground in Ground]


def made(language: str, name: str, case: str) -> tuple[Context, Rendered]:
    return RENDERED[language, name, case]


def test_nothing_is_missing_or_broken() -> None:
    assert TEMPLATES.check() == []


def test_both_languages_have_the_same_files_and_every_file_is_used() -> None:
    names = [file.partition("/") for file in SOURCES if "/answers/" not in file]  # ready answers have names in their language
    russian, english = ({name for language, _, name in names if language == one} for one in ("ru", "en"))
    assert russian == english
    included = set(re.findall(r'include "([^"]+)"', "".join(SOURCES.values())))
    assert russian == included | {f"{name}.txt" for name in REQUIRED} | {"terms.yaml", *GENERIC.values()}


@ALL
def test_every_letter_reads_well(language: str, name: str, case: str) -> None:
    context, letter = made(language, name, case)
    if getattr(context, "ticket", None):
        assert letter.subject.startswith("[PF-12] ")
    assert TEMPLATES.layout.page(letter).startswith("<!DOCTYPE html>")
    assert f'lang="{language}"' in TEMPLATES.layout.page(letter)
    assert not re.search(r"[\ue000-\uf8ff\x1b]|\n{4}", letter.text)
    if case != "nasty":
        assert not re.search(r"\*\*|\]\(|\[\[|\{[{%#]|None|\(\)|«»|“”| [.,:;!?]|[^\n] {2}|\n{3}", letter.text), letter.text
        assert not re.search(r"None|\{[{%]|  ", letter.subject)


@ALL
def test_html_is_simple_and_fetches_nothing(language: str, name: str, case: str) -> None:
    page = TEMPLATES.layout.page(made(language, name, case)[1])
    html = re.sub(r'<img src="cid:[\w.@]+" alt="[^"<>]*" width', "<p width", page)  # a picture it brings along
    assert not re.search(r"<(?!/?(html|head|meta|title|body|div|p|br|b|ul|li|a|h2|hr|blockquote|table|tr|td)\b|!DOCTYPE)", html)
    assert not re.search(r"\bsrc=|url\(|@import|<style|\son\w+=", re.sub(r">[^<]*<", "><", html))
    own = re.sub(r'<a href="(https://evil\.example)">\1</a>', "", html)  # an address in an agent's own text, shown as what it is
    assert all(link.startswith(("https://providence.film", "mailto:support+")) for link in re.findall(r'href="([^"]*)"', own))


@ALL
def test_both_parts_say_the_same(language: str, name: str, case: str) -> None:
    _, letter = made(language, name, case)
    shown = unescape(re.sub(r"<[^>]*>", " ", TEMPLATES.layout.page(letter).partition("<body")[2].partition(">")[2]))
    said = set(re.findall(r"\w+", letter.text))
    assert set(re.findall(r"\w+", shown)) <= said


@ALL
def test_a_requester_is_told_no_due_time_and_no_staff_word(language: str, name: str, case: str) -> None:
    context, letter = made(language, name, case)
    if isinstance(context, ToRequester) and case != "nasty":
        words = letter.text.replace(getattr(context, "text", ""), "")
        assert not re.search(r"\bсрок:|\bприоритет:|\b(24|48|96) (час|hours)|\bdue\b|priority:|Ошибка пользователя|User error|Жалоба", words)
        assert words.count("!") <= 1


def test_a_letter_to_an_unproved_address_is_the_same_whatever_its_sender_wrote() -> None:
    for language in ("ru", "en"):
        for name in ("acknowledgement", *(f"ground_{ground}" for ground in Ground)):
            letter = made(language, name, "bare")[1]
            assert letter.text.startswith(("Здравствуйте!\n", "Hello,\n"))
            chosen = [SAID[language][field] for field in ("requester_name", "subject", "evidence", "PublicEntry.text", "Attachment.name")]
            assert not any(value in letter.text for value in chosen)


@pytest.mark.parametrize(("language", "ground"), GROUNDS)
def test_a_ground_letter_of_the_machine_asks_names_the_clause_and_brings_a_person(language: str, ground: Ground) -> None:
    text = made(language, f"ground_{ground}", "machine")[1].text
    assert "4.6" in text
    assert re.search("ответьте на|reply to", text)
    if ground is not Ground.needs_development:  # there a person has decided, and nothing is asked
        assert ("специалист" in text) == (language == "ru")
        assert ("specialist" in text) == (language == "en")


@pytest.mark.parametrize(("language", "ground"), GROUNDS)
def test_a_refusal_names_ground_and_clause_and_leaves_the_door_open(language: str, ground: Ground) -> None:
    for case in ("refused", "closed"):
        text = made(language, f"ground_{ground}", case)[1].text
        assert ("Основание: " if language == "ru" else "Ground: ") in text
        assert "4.6" in text
        assert ("Если Вы не согласны" if language == "ru" else "If you disagree") in text


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_first_letter_tells_number_time_status_and_to_keep_the_number(language: str) -> None:
    for name in ("acknowledgement", *(f"ground_{ground}" for ground in Ground), "topic_hours", "topic_outage", "topic_obtain_service"):
        text = made(language, name, "first")[1].text
        assert "PF-12" in text
        assert ("22 ноября 2026 года в 17:45 (МСК)" if language == "ru" else "22 November 2026 at 17:45 (MSK)") in text
        assert re.search(r"Статус заявки: \w" if language == "ru" else r"Status: \w", text)
        assert "[PF-12]" in text
        assert "4.3" in text


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("name", ["reply", "clarify", "escalated", *(f"resolved_{one}" for one in Resolution), *(f"ground_{one}" for one in Ground)])
def test_an_agents_letter_carries_his_text_exactly_and_the_history_below_a_line(language: str, name: str) -> None:
    letter = made(language, name, "full")[1]
    own, _, history = letter.text.partition(f"\n\n{'-' * 40}\n\n")
    assert f"\n\n{SAID[language]['text']}\n\n" in own
    said = SAID[language]["PublicEntry.text"]
    assert "\n".join(f"> {line}".rstrip() for line in said.split("\n")) in history
    assert letter.subject == f"[PF-12] Re: {SAID[language]['subject']}"


def test_a_withheld_file_is_named_kindly_and_a_signature_is_none() -> None:
    context = made("ru", "acknowledgement", "full")[0]
    files = tuple(Attachment(name=f"файл.{why}", type="x/y", size=1, why=why) for why in (*WHY, "unheard of"))
    text = TEMPLATES.render("acknowledgement", replace(context, withheld=files)).text
    told = re.findall(r"^- «файл\.(.+)»: (.+)$", text, re.MULTILINE)
    assert [why for why, _ in told] == [one.why for one in files if one.why != "signature"]
    assert len({reason for _, reason in told}) == len(told)  # each reason has words of its own
    assert "форматах JPG, GIF и PNG (п. 4.5 Регламента)" in text
    alone = TEMPLATES.render("acknowledgement", replace(context, withheld=files[:1])).text
    assert "Один файл из Вашего письма мы не смогли принять" in alone
    signed = TEMPLATES.render("acknowledgement", replace(context, withheld=tuple(one for one in files if one.why == "signature"))).text
    assert "не смогли принять" not in signed


def test_a_text_that_greets_is_not_greeted_twice() -> None:
    context = made("ru", "reply", "full")[0]
    changed = replace(context, text="Добрый день, Иван!\n\nГотово.")
    assert TEMPLATES.render("reply", changed).text.startswith("Добрый день, Иван!\n\nГотово.\n")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_all_letters_of_a_ticket_to_an_agent_share_one_subject(language: str) -> None:
    names = ("notice_new", "notice_update", "receipt", "command_error", "kept", "confirm", "help", "escalation")
    assert {made(language, name, "full")[1].subject for name in names} == {f"[PF-12] {SAID[language]['subject']}"}


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_receipt_shows_the_very_text_that_leaves(language: str) -> None:
    text = made(language, "receipt", "full")[1].text
    assert "\n".join(f"> {line}".rstrip() for line in SAID[language]["text"].split("\n")) in text


def test_an_error_letter_marks_the_wrong_line_of_the_agents_own_text() -> None:
    text = made("ru", "command_error", "full")[1].text
    assert "\n> #решно ←\n" in text
    assert text.count("←") == 1


@ALL
def test_nasty_words_stay_words(language: str, name: str, case: str) -> None:
    if case == "nasty":
        letter = made(language, name, case)[1]
        assert "<script>x</script>" in letter.text
        assert "&lt;script&gt;" in TEMPLATES.layout.page(letter)
        assert "{{ 7 * 7 }}" in letter.text
        assert "\n" not in letter.subject
        assert NASTY.partition(" ")[0] in letter.text


@pytest.mark.parametrize(
    ("file", "source", "message"),
    [
        ("ru/resolved_sloved.txt", "Subject: x\n\ny\n", "did you mean resolved_solved.txt?"),
        ("ru/_bye.txt", "Мы ответим Вам в течение 24 часов.\n", "clause 2.3"),
        ("en/_bye.txt", "We will answer within a day.\n", "clause 2.3"),
        ("ru/answers/скоро.txt", "Всё починим не позднее чем через два часа.\n", "clause 2.3"),
        ("ru/_bye.txt", "{% for a in range(10 ** 5) %}{% for b in range(10 ** 5) %}x{% endfor %}{% endfor %}\n", "templates"),
        ("ru/_bye.txt", '{{ "x" * 10 ** 9 }}\n', "templates"),
        ("layout.html", "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}", "range"),
    ],
)
def test_check_finds_what_an_admin_would_wait_for_in_vain(file: str, source: str, message: str) -> None:
    found = [str(one) for one in Templates({**SOURCES, file: source}, "Europe/Moscow").check()]
    assert found
    assert message in found[0]


def test_a_template_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    for name in ("good", "bad"):
        (tmp_path / f"{name}.txt").write_bytes("Здравствуйте".encode("utf-8" if name == "good" else "cp1251"))
    with pytest.raises(RulesRefused, match=r"/bad\.txt: not UTF-8"):
        sources(tmp_path)


def test_no_template_knows_a_clause_of_the_regulation() -> None:
    """They stand in rules.yaml; comments of terms.yaml, which nobody reads in a letter, may name them."""
    files = [*FOLDER.rglob("*.txt"), *FOLDER.rglob("*.yaml")]
    lines = [line for file in files for line in file.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in lines if re.search(r"(?:п\.|пункт\w*|clauses?|[\"'])\s*\d+(?:\.\d+)?\b", line)] == []
