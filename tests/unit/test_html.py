"""HTML letters: what a reader sees, and what its author wrote."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.parsing.html import to_text
from bot.parsing.quotes import own_text

OWN = "Обновил браузер, ошибка осталась."
QUOTED = "<div>Попробуйте другой браузер.</div><div>Это поможет.</div>"
ATTRIBUTION = 'вт, 10 нояб. 2026 г. в 11:58, П &lt;<a href="mailto:h@s.example">h@s.example</a>&gt;:'
HEADERS = "<b>От:</b> П &lt;h@s.example&gt;<br><b>Отправлено:</b> 10 ноября 2026 г.<br><b>Кому:</b> И<br><b>Тема:</b> Видео"

CLIENTS = {
    "gmail": f'<div dir="ltr">{OWN}</div><br><div class="gmail_quote"><div class="gmail_attr">{ATTRIBUTION}<br></div>'
    f'<blockquote class="gmail_quote">{QUOTED}</blockquote></div>',
    "gmail signature": f'<div dir="ltr">{OWN}<br clear="all"><span class="gmail_signature_prefix">-- </span><br>'
    '<div class="gmail_signature">И. Л.</div></div>',
    "gmail forward": f'<div>{OWN}<br><div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message ---------<br>От: <b>П</b>'
    f" &lt;h@s.example&gt;<br>Date: вт, 10 нояб. 2026 г.<br>Subject: Видео<br></div><br>{QUOTED}</div></div>",
    "yandex": f'<div>{OWN}</div><div> </div><div>10.11.2026, 11:58, "П" &lt;h@s.example&gt;:</div><blockquote>{QUOTED}</blockquote>',
    "mail.ru": f'<div>{OWN}</div><blockquote style="border-left:1px solid #0857A6">Вторник, 10 ноября 2026 от П:<br>{QUOTED}</blockquote>',
    "outlook": f'<p class=MsoNormal>{OWN}<o:p></o:p></p><div style="border:none;border-top:solid #E1E1E1 1.0pt">'
    f"<p class=MsoNormal>{HEADERS}</p></div>{QUOTED}",
    "outlook web": f'<div>{OWN}</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>Ab:</b> P<br><b>Res:</b> V</div>{QUOTED}',
    "outlook phone": f'<div>{OWN}</div><div id="ms-outlook-mobile-signature">Gesendet</div><hr><div id="divRplyFwdMsg">{HEADERS}</div>{QUOTED}',
    "apple": f'{OWN}<br><div dir="ltr">Отправлено с iPhone</div><blockquote type="cite">10 нояб. 2026 г., в 11:58, П написал(а):<br>'
    f"{QUOTED}</blockquote>",
    "thunderbird": f'<div class="moz-cite-prefix">Scripsit P:</div><blockquote type="cite" cite="mid:1@s">{QUOTED}</blockquote><p>{OWN}</p>'
    '<pre class="moz-signature" cols="72">-- \nИ. Л.</pre>',
    "thunderbird forward": f'<p>{OWN}</p><div class="moz-forward-container"><br>--- Littera ---{QUOTED}</div>',
    "yahoo": f'<div>{OWN}</div><div id="ydp1yahoo_quoted_7" class="ydp1yahoo_quoted"><div>Scripsit P:</div>{QUOTED}</div>',
    "proton": f'<div>{OWN}</div><div class="protonmail_quote">Scripsit P:<br><blockquote type="cite">{QUOTED}</blockquote></div>',
    "mail.ru app": f'<div>{OWN}</div><div id="mail-app-auto-default-signature">--<br>Из приложения</div>вторник, 10 ноября 2026г., 11:58 +03:00'
    f" от П h@s.example:<br><blockquote>{QUOTED}</blockquote>",
}


def _own(html: str) -> str:
    page = to_text(html)
    return page.own if page.own is not None else own_text(page.text)


@pytest.mark.parametrize("client", CLIENTS)
def test_only_the_authors_words_are_left(client: str) -> None:
    page = to_text(CLIENTS[client])
    assert _own(CLIENTS[client]) == OWN
    assert OWN in page.text
    assert ("Это поможет." in page.text) is (QUOTED in CLIENTS[client]), "nothing is lost from the whole text"


def test_answers_between_blockquotes_stay() -> None:
    html = f"<div>{ATTRIBUTION}</div><blockquote>Браузер?</blockquote>Хром.<blockquote>Система?</blockquote>Десятка."
    assert own_text(to_text(html).text).split() == ["Хром.", "Десятка."]
    assert to_text(html).own == own_text(to_text(html).text)


def test_an_indented_paragraph_is_no_quote() -> None:
    html = f'<blockquote style="margin: 0 0 0 40px; border: none; padding: 0px;">{OWN}</blockquote>'
    assert to_text(html)[:3] == (OWN, None, "")


@pytest.mark.parametrize("style", ["border:none;border-left:solid #CCCCCC 1.0pt;padding:0cm", "margin:0;border-left:1px #ccc solid", ""])
def test_a_quote_with_a_bar_is_a_quote(style: str) -> None:
    assert to_text(f'<blockquote style="{style}">{OWN}</blockquote>').own == ""


def test_words_written_inside_of_the_signature_are_kept() -> None:
    assert _own(f'<div class="gmail_signature">{OWN}</div>') == OWN


def test_structure_without_quotes_leaves_the_judgement_to_the_words() -> None:
    assert to_text(f"<p>{OWN}</p>").own is None


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Раз</p><p>Два</p>три<br>четыре<br><br>пять", "Раз\n\nДва\n\nтри\nчетыре\n\nпять"),
        ("<ol><li>Открыл<li>Нажал<ul><li>дважды</li></ul></ol>", "1. Открыл\n2. Нажал\n\n  - дважды"),
        ("<table><tr><th>Поле</th><th>Что</th></tr><tr><td><p>ОС</p><td><p>Win</p></table>", "Поле | Что\nОС | Win"),
        ("<table><tr><td><p>Первый абзац.</p><p>Второй.</p></td></tr></table>", "Первый абзац.\n\nВторой."),
        ('<a href="https://s.example/f?a=1&amp;b=2">фильм</a>', "фильм <https://s.example/f?a=1&b=2>"),
        ('<a href="https://www.s.example/">s.example</a> <a href="mailto:a@s.example">a@s.example</a>', "s.example a@s.example"),
        ("<pre>a\n  b</pre>c", "a\n  b\n\nc"),
        ("a&nbsp;&lt;b&gt;&amp;amp;  \n c", "a <b>&amp; c"),
        ("a<hr>b", "a\n---\nb"),
        ('<img alt="🙂" src=x><img alt="Логотип компании" src=y>да', "🙂да"),
        ("<b>жир</b><i>ный</i> <span>те</span>кст", "жирный текст"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>c", "> a\n>\n>> b\n\nc"),
        ("<p>не < закрыт <b", "не < закрыт"),
        ("<![if !mso]>видно<![endif]><!--[if mso]>нет<![endif]-->", "видно"),
        ('<div title="><p>нет</p>">да', "да"),
        ("<html><head><meta charset=utf-8><body>да", "да"),
        ("", ""),
    ],
)
def test_how_it_reads(html: str, text: str) -> None:
    assert to_text(html).text == text


@pytest.mark.parametrize(
    "html",
    [
        '<div style="display:none">нет<div>нет</div>нет</div>',
        '<p style="DISPLAY : NONE !important">нет<p>',
        '<span style="visibility:hidden">нет</span>',
        '<span style="font-size:0">нет</span>',
        '<span style="font-size:0px;color:red">нет</span>',
        '<div style="max-height:0;overflow:hidden">нет</div>',
        '<div style="mso-hide:all">нет</div>',
        "<div hidden>нет</div>",
        "<style>нет</style><script>нет</script><title>нет</title><template>нет</template>",
        "<!-- нет --><!-- <p>нет</p> --!>",
        "<select><option>нет</select>",
    ],
)
def test_what_nobody_sees_is_not_read(html: str) -> None:
    assert to_text(f"{html}да").text == "да"


@pytest.mark.parametrize("style", ["font-size:10px", "font-size:0.9em", "opacity:0.9", "max-height:05em", "display:block"])
def test_what_is_small_is_still_seen(style: str) -> None:
    assert to_text(f'<p style="{style}">да</p>').text == "да"


def test_too_deep_html_is_said_so() -> None:
    html = "<div>" * 20_000 + "дно"
    assert to_text(html)[:3] == ("дно", None, "html too deep")


MARKUP = st.lists(
    st.sampled_from(
        ["<div>", "</div>", "<p>", "</p>", "<td>", "<tr>", "<table>", "</table>", "</td>", "<blockquote>", "</blockquote>", "<ul>", "<li>", "</ul>",
         "<br>", "<a href=http://x.y>", "</a>", '<span style="display:none">', "</span>", "<pre>", "</pre>", "a", " b\n", "&lt;", "&#0;", "<!--",
         "-->", "<style>", "</style>", "<", ">", '"', "'", "<img alt=x>", "<hr>", '<div class="gmail_signature">', '<div id=divRplyFwdMsg>']
    ), max_size=40).map("".join)  # fmt: skip


@given(st.one_of(MARKUP, st.text(max_size=200)))
def test_any_text_is_read(html: str) -> None:
    page = to_text(html)
    assert "\0" not in page.text
    assert page.own is None or set(page.own.split()) <= set(page.text.split())


def _calls(work: Callable[[], object]) -> int:
    """How many function calls, of Python and of C, some work takes."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "shape",
    ["<div>", "<blockquote>a", "<a ", '<a "', "<a '\"", "<!--", "<td><blockquote></div>", "<a href=http://x>", "<a href=http://x.y>w</a> ",
     "<style>", "<ul><li>x", "<table><tr><td>x", "<b><p></b>", "<p>x", "&lt;", "<pre>\n"],
)  # fmt: skip
def test_time_grows_with_the_length_and_no_faster(shape: str) -> None:
    once, twice = (_calls(lambda size=size: to_text(shape * (size // len(shape)))) for size in (20_000, 40_000))  # type: ignore[misc]
    assert twice <= 2.3 * once + 100
