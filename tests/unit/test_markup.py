"""The markup: what it makes, and that no value can ever act as markup."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import markup

LETTERS = st.text(st.characters(codec="utf-8")) | st.text(st.sampled_from("ab Я*[]()|>#-\n\r\t<&\"'\ue000\u202e\x1b"))


def both(source: str) -> tuple[str, str]:
    blocks = markup.parse(source)
    return markup.to_text(blocks), markup.to_html(blocks)


def tags(html: str) -> list[str]:
    return re.findall(r"</?([a-z0-9]+)", html)


def kept(value: str) -> str:
    """The value as a reader has to find it: its odd characters out, every line break the same."""
    return markup.DROPPED.sub("", markup.BREAKS.sub("\n", value))


@pytest.mark.parametrize(
    ("source", "text", "html"),
    [
        ("one\ntwo\n\n\n\nthree", "one\ntwo\n\nthree\n", ["p", "br", "p", "p", "p"]),
        ("- a\n- b\n  more\n- c", "- a\n- b\n  more\n- c\n", ["ul", "li", "li", "li", "br", "li", "li", "li", "ul"]),
        ("> a\n>\n> b", "> a\n>\n> b\n", ["blockquote", "br", "br", "blockquote"]),
        ("## Head\nbody", "Head\n\nbody\n", ["h2", "h2", "p", "p"]),
        ("a\n---\nb", f"a\n\n{'-' * 40}\n\nb\n", ["p", "p", "hr", "p", "p"]),
        ("**bold** and [site](https://x.example)", "bold and site (https://x.example)\n", ["p", "b", "b", "a", "a", "p"]),
        ("([site](https://x.example))", "(site: https://x.example)\n", ["p", "a", "a", "p"]),
        ("[https://x.example](https://x.example)", "https://x.example\n", ["p", "a", "a", "p"]),
        ("  not a list", "  not a list\n", ["p", "p"]),
    ],
)
def test_each_mark_in_text_and_html(source: str, text: str, html: list[str]) -> None:
    assert both(source)[0] == text
    assert tags(both(source)[1]) == html


def test_a_links_address_is_told_once_in_text_and_linked_every_time_in_html() -> None:
    text, html = both("[a](https://x.example), ([b](https://x.example))\n\n[c](https://y.example)")
    assert text == "a (https://x.example), (b)\n\nc (https://y.example)\n"
    assert html.count("<a href=") == 3


def test_a_button_tells_what_to_write_in_text_and_is_a_link_in_html() -> None:
    text, html = both("[[Взять|mailto:a@b.example?body=%23take&x=1|#взять]]\n[[5|mailto:a@b.example|5]]\n[[Дальше|https://x.example]]")
    assert text == "- #взять — Взять\n- 5\n- Дальше: https://x.example\n"
    assert 'href="mailto:a@b.example?body=%23take&amp;x=1"' in html
    assert html.count("<a ") == 3


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"])
def test_only_web_and_mail_addresses_become_links(url: str) -> None:
    assert "<a " not in both(f"[[x|{url}|]]\n\n[x]({url.replace('(1)', '')})")[1]


@given(LETTERS)
def test_a_literal_value_makes_no_mark_anywhere(value: str) -> None:
    bare = {"p", "br"}
    shown = markup.literal(value)
    assert set(tags(both(f"a {shown}")[1])) <= bare
    assert set(tags(both(f"- a{shown}")[1])) <= bare | {"ul", "li"}
    assert both(f"[[a{shown}|https://x|y]]")[1].count("<a ") == 1
    for place in ("{}", "**a{}b**", "[a{}](https://x.example)", "> {}", "## a{}", "- {}"):
        text = both(place.replace("{}", markup.literal(value)))[0]
        assert not set(text) & set(markup.STAND_INS)


@given(LETTERS)
def test_a_value_stands_in_the_text_exactly_as_written(value: str) -> None:
    expected = kept(value)
    if expected.strip(" \t\n") and expected.strip():
        assert both(f"before\n\n{markup.literal(value)}\n\nafter")[0] == f"before\n\n{expected}\n\nafter\n"


@given(LETTERS)
def test_html_says_what_the_text_says(value: str) -> None:
    text, html = both(f"before\n\n{markup.literal(value)}\n\nafter")
    shown = unescape(re.sub(r"<[^>]*>", "", html.replace("<br>\n", "\n")))
    assert shown.replace("\xa0", " ").split() == text.replace("\xa0", " ").split()


@given(LETTERS)
def test_a_quote_keeps_every_line(value: str) -> None:
    expected = kept(value).strip("\n")
    if expected.strip():
        lines = both(markup.quoted(value))[0].removesuffix("\n").split("\n")
        assert [line.removeprefix(">").removeprefix(" ") for line in lines] == expected.split("\n")
        assert all(line.startswith(">") for line in lines)


@given(LETTERS)
def test_a_subject_is_one_line(value: str) -> None:
    line = markup.one_line(f"[PF-1] {markup.literal(value)}")
    assert line.startswith("[PF-1]")
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", line)


def test_indents_and_columns_survive_in_html() -> None:
    html = both("x\n\na" + markup.literal("\n    code  here"))[1]
    assert "\xa0\xa0\xa0 code\xa0 here" in html
