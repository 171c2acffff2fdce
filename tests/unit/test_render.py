"""Rendering: the filters, the errors that name their place, and what a value can never do."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spoken import EN, RU, SHIPPED

from bot.model import Ground, Priority, Resolution, Status, Waiting, markup
from bot.rendering.contexts import AgentLetter, Alert, Button, DeskView, PublicEntry, PublicTicket
from bot.rendering.templates import TemplateError, Templates
from bot.rendering.terms import greeting, plural

AT = datetime(2026, 11, 22, 14, 45, tzinfo=UTC)
LAYOUT = "<html lang={{ language }}><title>{{ subject }}</title>{{ body }}</html>"
TERMS = {file: text for file, text in SHIPPED.files.items() if file.endswith("terms.yaml")}
DESK = DeskView(name="Служба", address="support@x.example", regulation_url="https://x.example/r")


def templates(body: str, timezone: str = "Europe/Moscow", subject: str = "[{{ ticket.tag }}] S", **pieces: str) -> Templates:
    files = {f"ru/{name}.txt": text for name, text in pieces.items()}
    both = {f"{language}/t.txt": f"Subject: {subject}\n\n{body}" for language in ("ru", "en")}
    return Templates({**TERMS, "layout.html": LAYOUT, **both, **files}, timezone)


def letter(language: str = "ru", **changed: object) -> AgentLetter:
    ticket = PublicTicket(
        number=12, tag="PF-12", status=Status.done, waiting_for=Waiting.nobody, opened=AT, resolution=Resolution.infrastructure, subject="Тема"
    )
    return AgentLetter(**{"desk": DESK, "language": language, "ticket": ticket, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "russian", "english"),
    [
        ("{{ ticket.opened | when }}", "22 ноября 2026 года в 17:45 (МСК)", "22 November 2026 at 17:45 (MSK)"),
        ("{{ ticket.opened | moment }}", "22 ноября в 17:45 (МСК)", "22 November at 17:45 (MSK)"),
        ("{{ ticket.opened | day }}", "22 ноября 2026 года", "22 November 2026"),
        ("{{ ticket.status | word }}", "Выполнено", "Done"),
        ("{{ ticket.resolution | word }}", "причина вне Сервиса", "the cause lies outside the Service"),
        ("({{ '4.6' | clause }})", "(п. 4.6 Регламента: https://x.example/r)", "(clause 4.6 of the Support Regulation: https://x.example/r)"),
        ("{{ 1258291 | size }}", "1,2 МБ", "1.2 MB"),
        ("{{ 22 | plural('файл', 'файла', 'файлов') }}", "22 файла", "22 файла"),
    ],
)
def test_filters(body: str, russian: str, english: str) -> None:
    assert templates(body).render("t", letter()).text == russian + "\n"
    assert templates(body).render("t", letter("en")).text == english + "\n"


def test_staff_reads_the_regulations_own_word_and_the_requester_a_tactful_one() -> None:
    assert RU.word(Resolution.user_error) == "Ошибка пользователя"
    assert RU.word(Resolution.user_error, tactful=True) == "не является дефектом Сервиса"
    for kind in (Status, Resolution, Ground, Priority, Waiting):
        for value in kind:
            assert RU.word(value) != EN.word(value)
            assert SHIPPED.terms("de").word(value, tactful=True) == EN.word(value, tactful=True)


@pytest.mark.parametrize(
    ("zone", "name"),
    [("Europe/Moscow", "МСК"), ("Europe/Berlin", "CET"), ("Asia/Yekaterinburg", "UTC+5"), ("Asia/Kathmandu", "UTC+5:45"), ("UTC", "UTC")],
)
def test_zone_names(zone: str, name: str) -> None:
    assert RU.when(AT, ZoneInfo(zone)).endswith(f"({name})")


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="timezone"):
        RU.when(datetime(2026, 1, 1), UTC)


def test_summer_and_winter_have_their_own_name() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert EN.when(AT - timedelta(days=150), berlin) == "25 June 2026 at 16:45 (CEST)"
    assert EN.zone_name(AT.astimezone(timezone(timedelta(hours=-3)))) == "UTC-03:00"


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 файлов"), (1, "1 файл"), (3, "3 файла"), (11, "11 файлов"), (12, "12 файлов"), (21, "21 файл"), (112, "112 файлов")]
)
def test_russian_plurals(count: int, shown: str) -> None:
    assert plural(count, "файл", "файла", "файлов") == shown
    assert plural(count, "file", "files") == (f"{count} file" if count == 1 else f"{count} files")


@pytest.mark.parametrize(
    ("octets", "shown"), [(0, "1 КБ"), (1500, "1 КБ"), (348_160, "340 КБ"), (1_048_000, "1,0 МБ"), (26_214_400, "25 МБ"), (2 << 30, "2,0 ГБ")]
)
def test_sizes(octets: int, shown: str) -> None:
    assert RU.size(octets) == shown


@pytest.mark.parametrize("text", ["Здравствуйте!", "  добрый день, Иван", "Hello,", "Dear John", "Уважаемый Иван", "Иван, добрый день!"])
def test_greetings_are_known(text: str) -> None:
    assert greeting(text)


@pytest.mark.parametrize("text", ["", "Добрались до причины.", "Highly likely", "Привязка карты снята", "Готово. Иван, добрый день!"])
def test_other_beginnings_are_no_greetings(text: str) -> None:
    assert not greeting(text)


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("x\n{{ nothing }}", 4, "'nothing' is undefined"),
        ("{{ ticket.email }}", 3, "has no attribute 'email'"),
        ("a\n\n{% if %}", 5, "Expected an expression"),
        ("{{ ticket.status }}", 3, "| word"),
        ("{{ ticket.opened }}", 3, "| when"),
        ("{{ history }}", 3, "{% for … %}"),
        ("{{ none }}", 3, "{% if … %}"),
        ("{% macro m() %}x{% endmacro %}", 3, "include"),
        ("{% set x %}**y**{% endset %}{{ x }}", 3, "include"),
        ('a\n{% include "_gone.txt" %}', 4, "includes ru/_gone.txt, which is not there"),
        ("{{ ticket.__class__ }}", 3, "unsafe"),
        ("{{ ''.__class__.__mro__ }}", 3, "unsafe"),
        ("{{ ticket.tag | nofilter }}", 3, "nofilter"),
        ("{{ ticket.resolution | when }}", 3, "tzinfo"),
    ],
)
def test_errors_name_file_line_and_reason(body: str, line: int, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        templates(body).render("t", letter())
    mistake = caught.value.mistake
    assert (mistake.file, mistake.line) == ("ru/t.txt", line)
    assert message in mistake.message
    assert str(caught.value).startswith(f"templates/ru/t.txt:{line}: ")


def test_an_error_in_an_included_piece_names_the_piece() -> None:
    with pytest.raises(TemplateError) as caught:
        templates('x\n{% include "_p.txt" %}', _p="fine\n\n{{ gone }}\n").render("t", letter())
    assert (caught.value.mistake.file, caught.value.mistake.line) == ("ru/_p.txt", 3)


@pytest.mark.parametrize("source", ["no subject here\n\nbody", "Subject:\n\nbody", "Subject: x\n\n\n", "Subject: x", ""])
def test_a_letter_needs_a_subject_and_a_body(source: str) -> None:
    with pytest.raises(TemplateError):
        Templates({"layout.html": LAYOUT, "ru/t.txt": source}, "Europe/Moscow").render("t", letter())


def test_a_missing_template_and_a_missing_layout_are_named() -> None:
    with pytest.raises(TemplateError, match=r"templates/ru/other\.txt: there is no such template"):
        templates("x").render("other", letter())
    with pytest.raises(TemplateError, match=r"layout\.html"):
        Templates({"ru/t.txt": "Subject: x\n\ny"}, "Europe/Moscow").layout.page(templates("x").render("t", letter()))


def test_check_reports_missing_and_broken_templates_once_each() -> None:
    found = templates("{{ oops }}").check(required=("t", "reply"))
    assert [(one.file, one.line) for one in found] == [("en/t.txt", 3), ("en/reply.txt", 0), ("ru/t.txt", 3), ("ru/reply.txt", 0)]
    assert Templates({}, "Europe/Moscow").check()


def test_check_insists_on_the_tag_and_on_the_agents_words() -> None:
    def checked(subject: str, body: str) -> list[str]:
        source = f"Subject: {subject}\n\n{body}"
        return [str(one) for one in Templates({**TERMS, "layout.html": LAYOUT, "ru/reply.txt": source}, "Europe/Moscow").check(required=("reply",))]

    assert checked("{{ ticket.tag }}", "{{ text | links }}")[0].startswith("templates/ru/reply.txt:1: the subject needs [{{ ticket.tag }}]")
    assert checked("[{{ ticket.tag }}]", "{{ agent }}!")[0].startswith("templates/ru/reply.txt: the agent's words are left out")
    assert checked("[{{ ticket.tag }}]", "{{ text | links }}{{ agent }}!") == []


def test_lines_of_tags_leave_nothing_behind_and_other_lines_keep_their_break() -> None:
    body = "a\n{% if ticket.subject %}\nb{% if text %} with text{% endif %}\nc\n{% endif %}\n{# note #}\nd\n"
    assert templates(body).render("t", letter()).text == "a\nb\nc\nd\n"
    assert templates(body.replace("\n", "\r\n")).render("t", letter(text="t")).text == "a\nb with text\nc\nd\n"


def test_languages_of_a_template() -> None:
    assert templates("x", extra="Subject: x\n\ny").languages_of("t") == ("en", "ru")
    assert templates("x", extra="Subject: x\n\ny").languages_of("extra") == ("ru",)
    assert templates("x").languages_of("gone") == ()


def test_the_subject_is_one_short_line() -> None:
    made = templates("x", subject="[{{ ticket.tag }}] {{ text }}").render("t", letter(text="a\r\nBcc: evil@x.example\n\n" + "ы" * 5000))
    assert made.subject.startswith("[PF-12] a Bcc: evil@x.example ыы")
    assert len(made.subject) == 200


def test_a_persons_links_are_clickable_and_stay_as_written() -> None:
    text = "см. https://x.example/a_(b)?q=[1]&c=*d*, (http://y.example/). Всё"
    made = templates("{{ text | links }}").render("t", letter(text=text))
    assert made.text == text + "\n"
    assert 'href="https://x.example/a_(b)?q=[1]&amp;c=*d*"' in made.html
    assert 'href="http://y.example/"' in made.html


ANY = st.text(st.characters(codec="utf-8"), max_size=200) | st.text(st.sampled_from("a*[]()|>#-<&\"' \n\r{}%https://.\ue001\x1b\u202e"), max_size=80)


@given(ANY)
def test_an_agents_text_leaves_exactly_as_written_and_never_as_markup(text: str) -> None:
    shown = markup.DROPPED.sub("", markup.BREAKS.sub("\n", text))
    made = TEXT.render("t", letter(text=text, agent=text))
    assert "\n".join(["Здравствуйте!", "", shown, "", "— до встречи"]) in made.text or not shown.strip()
    assert "<script" not in made.html.lower()
    assert "{{" not in made.text or "{{" in shown


@given(ANY)
def test_nothing_of_a_value_reaches_the_html_unescaped(text: str) -> None:
    button = Button(label="x" + text, url=text or "x", say=text)
    context = Alert(desk=DESK, language="ru", title="t" + text, details=(text,), buttons=(button,))
    html = ALERT.layout.page(ALERT.render("t", context))
    inner = html.removeprefix("<html lang=ru><title>").removesuffix("</html>")
    assert set(re.findall(r"</?(\w+)", inner)) <= {"title", "p", "ul", "li", "br", "b", "div", "a", "table", "tr", "td"}
    assert all(link.startswith(("https://", "http://", "mailto:")) for link in re.findall(r'href="([^"]*)"', html))


TEXT = templates("Здравствуйте!\n\n{{ text | links }}\n\n— до встречи")
ALERT = templates(
    "**{{ title }}**\n\n{% for one in details %}\n- {{ one }}\n{% endfor %}\n\n"
    "{% for b in buttons %}\n[[{{ b.label }}|{{ b.url }}|{{ b.say }}]]\n{% endfor %}",
    subject="{{ title }}",
)


def test_history_is_quoted_line_for_line() -> None:
    entries = (PublicEntry(at=AT, name="Иван", text="раз\n\n> два\n", mine=True),)
    body = "{% for e in history %}\n{{ e.at | when }}, {{ e.name }}:\n\n{{ e.text | quote }}\n\n{% endfor %}"
    made = templates(body).render("t", letter(history=entries))
    assert made.text == "22 ноября 2026 года в 17:45 (МСК), Иван:\n\n> раз\n>\n> > два\n"
    assert "<blockquote" in made.html
