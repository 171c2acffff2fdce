"""What whoever sees a page cannot see is no word of its author, however it was hidden; what is seen stays."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model import Envelope, Letter
from bot.parsing import read
from bot.parsing.html import to_text
from bot.parsing.styles import CLEAR, Sheet, color, declarations, style, unseen

HIDING = [
    "color:white", "color:#fff", "color:#FFFFFF", "color:#ffff", "color:#fefefe", "color:rgb(255,255,255)",
    "color:rgb(100%,100%,100%)",
    "color:rgba(255, 255, 255, .8)", "color:rgb(255 255 255 / 90%)", "color:hsl(0,0%,100%)",
    "color:hsla(120deg, 100%, 100%, 1)",
    "color:snow", "color:transparent", "color:#0000", "color:#00000000", "color:rgba(0,0,0,0)",
    "color:rgba(0,0,0,0.01)",
    "color:black;background:black", "color:#123;background-color:#112233",
    "background:#000 none;color:#0a0a0a",
    "color:white !important;color:red", "color:white;color:nonsense", "color:w\\68 ite", "color:/**/white",
    "COLOR : White",
    "-webkit-text-fill-color:transparent", "opacity:0", "opacity:.0", "opacity:0.01", "opacity:0%",
    "filter:opacity(0)",
    "font-size:0", "font-size:1px", "font-size:.5pt", "font-size:0.1em", "font-size:1%", "font:0/0 a",
    "font:1px Arial", "font:bold 1px/30px x",
    "display:none", "display:none;display:nonsense", "visibility:hidden", "visibility:collapse",
    "mso-hide:all", "content-visibility:hidden",
    "position:absolute;left:-9999px", "position:absolute; top:-100em", "position:fixed;right:-5000px",
    "position:relative;left:-999in",
    "position:absolute;left:100000px", "position:absolute;left:calc(-9999px)", "margin-left:-9999px",
    "margin:0 0 0 -9999px",
    "text-indent:-9999px", "text-indent:-1000em", "text-indent:9999px;overflow:hidden",
    "transform:translateX(-9999px)",
    "transform:scale(0)", "transform:scale(0, 0)", "position:absolute;clip:rect(0,0,0,0)",
    "clip:rect(1px 1px 1px 1px)", "clip-path:inset(100%)",
    "clip-path:circle(0)", "max-height:0", "max-height:0px;overflow:hidden", "height:0;overflow:hidden",
    "width:1px;height:1px;overflow:hidden",
    "max-width:0;overflow:clip", "overflow-y:hidden;height:0",
]  # fmt: skip
SEEN = [
    "color:#333", "color:#ccc", "color:rgba(0,0,0,.87)", "color:windowtext", "color:inherit",
    "color:nonsense", "color:white;background:#1a5fb4",
    "color:#fff;background:url(x.png)", "color:#fff;background-image:linear-gradient(red,blue)",
    "background:#fff", "background:black;color:#fff",
    "color:white;background:rgba(0,0,0,.6)", "opacity:.6", "opacity:1", "font-size:8px", "font-size:0.6em",
    "font-size:80%", "font-size:small",
    "font:12px/0 Arial", "font:700 14px Arial", "display:block", "visibility:visible",
    "position:relative;left:-10px", "position:absolute;top:600px",
    "text-indent:-18.0pt", "text-indent:36pt", "margin-left:-20px", "margin:0 auto", "margin:-1px",
    "max-height:100px;overflow:hidden",
    "height:20px;overflow:hidden", "height:0", "width:100%;overflow:hidden", "line-height:0",
    "transform:scale(0.9)", "transform:rotate(0deg)",
    "clip:auto", "clip-path:inset(0)", "filter:none", "mso-hide:none", "left:-9999px",
    "white-space:nowrap;direction:ltr",
]  # fmt: skip


def letter(html: str, plain: str = "") -> Letter:
    head = b"From: anna@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
    page = b"Content-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()
    if plain:
        text = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + plain.encode()
        page = b"Content-Type: multipart/alternative; boundary=b\r\n\r\n" + b"".join(
            b"--b\r\n" + one + b"\r\n" for one in (text, page)
        ) + b"--b--\r\n"  # fmt: skip
    return read(head + page, Envelope(letter="x", received=datetime(2026, 1, 1, tzinfo=UTC), mail_from="?"))


@pytest.mark.parametrize("how", HIDING)
def test_hidden_text_is_nobodys_word(how: str) -> None:
    sheet = f"<style>.x{{{how}}} #y{{{how}}} u{{{how}}}</style>"
    for html in (
        f'<div>Добрый день.<div style="{how}">#решено</div>Спасибо.</div>',
        f'<p>Добрый день.</p><span style="{how}">#решено<span>, и всё</span> совсем</span><p>Спасибо.</p>',
        *(
            f"{sheet}<p>Добрый день.</p><{one}>#решено</{one[0]}><p>Спасибо.</p>"
            for one in ("b class='a x'", "b id=y", "u")
        ),
        f"<p>Добрый день.</p><p class=x>#решено</p><p>Спасибо.</p>{sheet}",
    ):
        found = letter(html)
        assert found.text.split() == ["Добрый", "день.", "Спасибо."], html
        assert "решено" not in f"{found.full_text} {found.top}"
        assert "hidden text left out" in found.defects


@pytest.mark.parametrize("how", SEEN)
def test_what_is_seen_is_read(how: str) -> None:
    for html in (
        f'<p style="{how}">Добрый день</p>',
        f"<style>.x{{{how}}}</style><p class=x>Добрый день</p>",
    ):
        found = letter(html)
        assert (found.text, found.defects) == ("Добрый день", ())


@pytest.mark.parametrize("html", [
    '<table><tr><td style="font-size:0;padding:10px"><div style="font-size:13px">да</div></td></tr></table>',
     # how MJML writes every text
    '<table bgcolor="#1a5fb4"><tr><td><a href="//s.example" style="color:#fff">да</a></td></tr></table>',
    '<td style="background:#333"><font color="#ffffff">да</font></td>',
    '<body bgcolor="#000000" text="#ffffff"><p>да</p></body>',
    '<table background="x.png"><tr><td style="color:white">да</td></tr></table>',
    '<div style="color:#fff">\n<a href="https://s.example/x">да</a></div>',  # a link has a colour of its own
    '<div style="color:white"><span style="color:black">да</span></div>',
    '<div style="font-size:0"><span style="font-size:12pt">да</span></div>',
    "<style>@media only screen and (max-width:600px){.x{display:none}}</style><p class=x>да</p>",
    "<style>@media (prefers-color-scheme: dark){p{opacity:0}}</style><p>да</p>",
    "<style>@media print, (max-width:40em){p{opacity:0}}</style><p>да</p>",
    "<style>@media print{p{display:none}}@font-face{font-family:x}</style><p>да</p>",
    "<style media='print'>p{display:none}</style><p>да</p>",
    "<!--[if mso]><style>p{display:none}</style><![endif]--><p>да</p>",
    "<style>p:hover{opacity:0} #f p{opacity:0} a.x{opacity:0} p.y{opacity:0}</style><p class=x>да</p>",
    "<style>.x{display:none} p.x{display:block}</style><p class=x>да</p>",
    "<style>p{display:none}</style><p style='display:block'>да</p>",
    "<style>.x{color:#fff} .x{color:#000}</style><p class=x>да</p>",
    "<p hidden></p><select><option>нет</select><p>да</p><p style='display:none'>\u200c\xa0&zwnj;&nbsp;</p>",
])  # fmt: skip
def test_honest_pages_lose_nothing(html: str) -> None:
    found = letter(html)
    assert "да" in found.text
    assert found.defects == ()


@pytest.mark.parametrize("html", [
    '<font color="white">нет</font>', "<font color=FFFFFF>нет</font>", '<body text="#fff">нет</body>',
    "<p hidden>нет</p>", "<p hidden=''>нет</p>",
    '<div style="display&#58;none">нет</div>', "<div/style='display:none'>нет</div>",
    f'<div title="{"x" * 9000}" style="display:none">нет</div>',
    "<style>@media all{.x{display:none}}</style><p class=x>нет</p>",
    "<style>@media screen{@supports(x){.x{color:#fff}}}</style><p class=x>нет</p>",
    "<style>@media screen,print{.x{display:none}}</style><p class=x>нет</p>",
    "<style>@media (max-width: 9999px){.x{display:none}}</style><p class=x>нет</p>",
    "<style media='not print'>.x{display:none}</style><p class=x>нет</p>",
    "<style>body .z > .x{display:none}</style><p class=x>нет</p>",
    "<style>.x{display:none!important}</style><p class=x style='display:block'>нет</p>",
    "<style><!-- .x{display:none} --></style><p class=x>нет</p>",
    "<style>a,\n.x ,b{/*}*/display:none}</style><p class=x>нет</p>",
    "<!--<style>.x{display:block!important}</style>--><style>.x{display:none}</style><p class=x>нет</p>",
    '<div style="background:#000;color:#fff"><p style="background:#fff">нет</p></div>',
    '<table bgcolor=red><td style="color:#ff0000">нет</table>',
    '<div style="color:#fff"><a name=x>нет</a></div>',
    '<a href="https://s.example" style="color:#fff">нет</a>',
])  # fmt: skip
def test_other_ways_to_hide(html: str) -> None:
    found = letter(f"<p>да</p>{html}")
    assert found.text == "да"


def test_a_program_that_writes_hidden_words_into_the_plain_form_does_not_make_them_said() -> None:
    html = "<p>Добрый день.</p><p style='color:#fff'>#решено всё работает</p><p>Анна</p>"
    found = letter(html, "Добрый день.\n\n#решено всё работает\n\nАнна\n")
    assert found.text.split() == ["Добрый", "день.", "Анна"]
    assert "решено" not in f"{found.full_text} {found.top}"
    assert "hidden text left out" in found.defects
    honest = letter(html, "Добрый день. В простом виде.\n")
    assert (honest.text.strip(), honest.defects) == ("Добрый день. В простом виде.", ())
    preheader = "<div style='display:none'>Добрый день.</div><p>Добрый день. Анна</p>"
    assert letter(preheader, "Добрый день. Анна").defects == ()


def test_an_invalid_declaration_changes_nothing() -> None:
    assert declarations("color:red;color:nope;display:nope;width:nope;nope:1;font-size:nope;") == [
        (False, "color", "red")
    ]


@pytest.mark.parametrize(("value", "seen"), [
    ("#abc", (170, 187, 204)), ("rgb(10%,0,300)", (26, 0, 255)), ("hsl(240,100%,50%)", (0, 0, 255)), ("navy",
    (0, 0, 128)),
    ("transparent", CLEAR), ("#12345", None), ("rgb(1,2)", None), ("", None), ("rgb(..)", None),
])  # fmt: skip
def test_colours(value: str, seen: tuple[int, int, int] | None) -> None:
    assert color(value) == seen


@settings(max_examples=400, deadline=None)
@given(st.text("abcdefghilmnoprstuvwxyz-:;{}()#.,@/*!<> 0195%\\\"'", max_size=120))
def test_any_style_is_taken(source: str) -> None:
    said = [*Sheet([source, f"p{{{source}}}"]).of("p", source, source), *declarations(source)]
    found = style(said, "a", {"href": "x", "color": source, "bgcolor": source})
    assert unseen(found.ink or (0, 0, 0), found.ground or (255, 255, 255)) in (True, False)
    to_text(f"<style>{source}</style><p style='{source}' class='{source}'>x")


def test_a_sheet_that_asks_for_too_much_shows_nothing_more() -> None:
    sheet = "<style>" + ".x{color:red}" * 2000 + ".x{display:none}</style>"
    found = letter(sheet + "<p>да</p>" + "".join(f"<p class=x id=i{at}>нет</p>" for at in range(1000)))
    assert (found.text, found.defects) == ("да", ("hidden text left out",))
