"""No template runs for ever or fills the memory: each ends with file, line and the limit it went over."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from desk import ROOT, opened
from hypothesis import given
from hypothesis import strategies as st

from bot.app.context_loading import RulesRefused, open_context, sources
from bot.app.form_pages import form_pages
from bot.intake import form
from bot.rendering import bounded
from bot.rendering.bounded import Bounded, TooMuchError
from bot.rendering.templates import Templates
from bot.settings import Settings
from bot.tools import doctor

SHIPPED = sources(ROOT / "templates")
TEN = '"0123456789"'
STEPS, LONG, NONE = "more than 200,000 steps", "more than 33,554,432 characters", "there is no filter"
UNSAFE, METHOD, PIECE, DEEP = "unsafe", "there is no .", "include a _piece.txt instead", "nested too deep"


def nested(depth: int, body: str) -> str:
    return "".join(f"{{% for x{at} in {TEN} %}}" for at in range(depth)) + body + "{% endfor %}" * depth


BOMBS = {
    '{{ "x".ljust(999999999) }}': METHOD,
    '{{ "x".rjust(999999999) }}': METHOD,
    '{{ "1".zfill(999999999) }}': METHOD,
    '{{ "x"["ljust"](999999999) }}': UNSAFE,
    '{{ ("x" | attr("center"))(999999999) }}': UNSAFE,
    '{{ "{:999999999}".format(1) }}': METHOD,
    '{{ "{0:999999999}".format_map({}) }}': METHOD,
    '{{ (1).to_bytes(999999999, "big") | length }}': METHOD,
    '{{ "a\\tb".expandtabs(999999999) }}': METHOD,
    '{{ "x" | center(999999999) }}': NONE,
    '{% if false %}{{ "x" | center(999999999) }}{% endif %}': NONE,
    '{{ ["x"] | map("center", 999999999) | join }}': "No filter named",
    '{{ "%999999999d" | format(1) }}': NONE,
    '{{ "a" | indent(999999999) }}': NONE,
    '{{ "a b" | wordwrap(999999999) }}': NONE,
    '{{ "ab" | batch(999999999, "x") | list | length }}': NONE,
    '{{ "ab" | slice(999999999) | list | length }}': NONE,
    '{{ 1.5 | round(999999999, "ceil") }}': NONE,
    '{{ {"a": 1} | tojson(999999999) }}': NONE,
    '{{ "%999999999d" % 1 }}': "there is no %",
    "{{ 10**10**10 }}": "there is no **",
    '{{ "x" * 10000000000 }}': "there is no *",
    "{% for i in range(10000000000) %}x{% endfor %}": "'range' is undefined",
    "{{ lipsum(1000000) }}": "'lipsum' is undefined",
    nested(9, ""): STEPS,
    nested(9, "x"): STEPS,
    nested(5, "x" * 1000): LONG,
    '{% set a = "xxxxxxxx" %}' + "{% set a = a ~ a %}" * 40: LONG,
    '{% set a = "xxxxxxxx" %}' + "{% set a = a + a %}" * 40: LONG,
    "{% set a = [1] %}" + "{% set a = a + a %}" * 40: STEPS,
    '{% set a = "x" %}' + "{% set a = [a, a, a, a, a, a, a, a, a, a] %}" * 12 + "{{ a | string | length }}": STEPS,
    '{% set n = namespace(a="xx") %}' + nested(2, "{% set n.a = n.a ~ n.a %}"): LONG,
    '{% with a = "x" | replace("x", "x" ~ "x") %}{% endwith %}{% include "_0.txt" %}': STEPS,
    '{{ "aaaaaaaa"' + f' | replace("a", "{"a" * 200}")' * 9 + " }}": LONG,
    '{% set a = "a" | replace("a", "' + "a" * 9000 + '") %}{{ (a | list) | join(a) | replace("a", a) }}': LONG,
    '{% include "t.txt" %}': DEEP,
    '{% include "reply.txt" %}': DEEP,
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}": DEEP,
    "{% for a in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}": "no recursive loops",
    "{% block b %}{{ self.b() }}{{ self.b() }}{% endblock %}": PIECE,
    '{% extends "reply.txt" %}': PIECE,
    '{% import "_0.txt" as a %}': PIECE,
    '{% from "_0.txt" import a %}': PIECE,
    "{% macro m() %}{{ m() }}{% endmacro %}": PIECE,
}  # fmt: skip
PIECES = {f"en/_{at}.txt": f'{{% include "_{at + 1}.txt" %}}' * 2 for at in range(40)} | {"en/_40.txt": "z"}


def checked(body: str) -> list[str]:
    text = f"{SHIPPED['en/reply.txt']}\n{body}\n"
    changed = {**SHIPPED, **PIECES, "en/reply.txt": text, "en/t.txt": body}
    return [
        str(one) for one in Templates(changed, "Europe/Moscow").check() if "no letter uses it" not in str(one)
    ]


@pytest.mark.parametrize("body", BOMBS)
def test_a_template_that_would_not_end_is_a_mistake_with_its_line(body: str) -> None:
    found = checked(body)
    assert any(BOMBS[body] in one for one in found), found
    assert all(re.match(r"templates/en/\w+\.txt(:\d+)?: ", one) for one in found)


def test_what_letters_need_still_works() -> None:
    pieces = (
        "{% set n = namespace(found=false) %}{% set n.found = true %}",
        '{% for x in "ab" %}{{ loop.index }}/{{ loop.length }}{% if loop.last %}.{% endif %}{% endfor %}',
        '{% for x in ["b", "a"] | sort if x != "c" %}{{ x }}{% else %}none{% endfor %}{{ 7 % 4 }}',
        '{{ ["a", "b"] | join(", ") }}{{ ticket.subject | replace("a", "b") | upper | truncate(20) }}',
        '{{ cycler("x", "y").next() }}{{ "a" ~ (1 + 2) }}{% for x in {"k": 1}.items() %}{{ x[0] }}{% endfor %}',
        '{% for x in ["a"] | map("upper") %}{{ loop.revindex }}{{ x }}{% endfor %}',
    )
    body = "".join(pieces)
    assert checked(body) == []


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_the_count_of_steps_is_that_of_the_turns(one: int, other: int) -> None:
    env = Bounded()
    template = env.from_string("{% for a in one %}{% for b in other %}{% endfor %}{% endfor %}")
    env.loader = None
    env.cache = {(None, "t"): template}  # type: ignore[assignment]
    env.get_template = lambda *_: template  # type: ignore[method-assign]
    given = {"one": range(one), "other": range(other)}
    if one + one * other > bounded.STEPS:
        with pytest.raises(TooMuchError):
            env.bounded("t", given)
    else:
        assert env.bounded("t", given) == ""


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "templates", tmp_path / "templates")
    return tmp_path / "templates"


SLOW = '{% set s = "' + "zyx " * 2000 + '" %}' + nested(4, "{% if s | list | sort | join == s %}{% endif %}")


async def test_what_is_short_and_yet_takes_long_is_ended_by_the_clock(templates: Path) -> None:
    """In a reader's process, as `check`, a start and a changed template do it; told once, with its line."""
    piece = templates / "ru" / "_hello.txt"
    piece.write_text(f"{piece.read_text('utf-8')}\n{SLOW}\n", "utf-8")
    settings = Settings(rules=ROOT / "rules.yaml", templates=templates)
    with pytest.raises(RulesRefused) as refused:
        await open_context(settings, b"x" * 32)
    [line] = str(refused.value).splitlines()
    assert re.match(r"templates/ru/_hello\.txt:\d+: it takes more than 2 s", line)


def test_the_doctor_names_it_too(templates: Path) -> None:
    with (templates / "en" / "reply.txt").open("a", encoding="utf-8") as file:
        file.write('{{ "x".ljust(999999999) }}\n')
    settings = Settings(rules=ROOT / "rules.yaml", templates=templates, secret_file=templates / "secret")
    found = [one.what for one in doctor.rules(settings)]
    assert found == ["templates/en/reply.txt:12: there is no .ljust here"]


def test_the_pages_of_the_form_end_as_well(templates: Path) -> None:
    page = templates / "form" / "_page.html"
    page.write_text(page.read_text("utf-8") + nested(9, "x"), "utf-8")
    given, desk = dict.fromkeys((*form.LONGEST, "here", "once"), ""), opened(ROOT / "rules.yaml").policy.desk
    with pytest.raises(TooMuchError, match=STEPS):
        form_pages(templates).bounded("ru.html", form._shown(desk, "ru", given, (), False, "x"))
