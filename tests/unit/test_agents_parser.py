"""A letter as commands: how people and their mail programs write them, and what is no command."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from pathlib import Path
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from spoken import EN, RU

from bot.rules import Policy, load
from bot.tickets.agents.dates import moment_in
from bot.tickets.agents.on_ticket import HANDLERS
from bot.tickets.agents.parser import BY_NAME, COMMANDS, CommandSpec, Parsed, named, parse

TODAY = date(2026, 11, 23)


@lru_cache(1)
def policy() -> Policy:
    path = Path(__file__).parent.parent.parent / "rules.yaml"
    return load(path.read_bytes(), str(path))


def parsed(text: str) -> Parsed:
    return parse(text, policy(), TODAY)


@pytest.mark.parametrize("line", [
    "#take", "#Take", "# take", "#TAKE.", "№взять", "№ Взять", "＃take", "  #take", "• #take", "- #take", "* #take", "1. #take", "2) #взять",
    "*#take*", "**#take**", "#беру,", "\u00a0#take",
])  # fmt: skip
def test_spellings_of_a_command(line: str) -> None:
    result = parsed(line)
    assert [command.name for command in result.commands] == ["take"]
    assert not result.wrong


@pytest.mark.parametrize("line", [
    "> #take", "take", "#1 problem", "#", "##", "№ 5", "см. #take в справке", "\\#take", "issue#take", "No update yet.", "https://x.example/#take",
])  # fmt: skip
def test_what_is_no_command(line: str) -> None:
    assert parsed(line).commands == ()


@pytest.mark.parametrize("line", [
    "#решено!", "#заметка:хам", "#  заметка хам", "            #заметка хам", "##заметка хам", "«#заметка хам»", "#заметка—хам", "#заметка(хам)",
    "(#заметка хам)", "+ #заметка хам", "а) #заметка хам", "No заметка хам", "N°заметка хам", "| #заметка", "#_take",
])  # fmt: skip
def test_what_only_looks_like_a_command_refuses_the_letter(line: str) -> None:
    assert [one.reason for one in parsed(f"#ответ\nПочинили.\n{line}").wrong] == ["unclear_command"]
    escaped = parsed(f"#ответ\nПочинили.\n{line.replace('#', chr(92) + '#', 1)}")
    assert "#" not in line or (escaped.wrong == () and escaped.commands[0].text.endswith(line.strip()))


def test_invisible_letters_do_not_hide_a_command() -> None:
    assert [one.name for one in parsed("#ответ\nПочинили.\n#\u200bзам\u00adетка хам").commands] == ["reply", "note"]


@pytest.mark.parametrize("text", [
    "#cc " + "a@" * 30000, "#take x" + " " * 60000 + "y", "#take" + " *" * 60000 + "y", "\n".join(f"#otvetitw{k}" for k in range(30000)),
    "#решено бебебе\n" * 30000, "#take\n" * 30000, "#" * 60000, "_" * 60000, "#уточнить " + "з" * 60000, "#remind in" + " " * 60000,
])  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    begun = process_time()
    named(text)
    parsed(text)
    assert process_time() - begun < 1  # each of these once took seconds and more, in the one process that everybody waits for


def test_every_word_of_every_command_is_understood_and_is_nobody_elses() -> None:
    words = [word for command in COMMANDS for word in command.words]
    assert len(words) == len(set(words))
    for command in COMMANDS:
        for word in command.words:
            assert [order.name for order in parsed(f"#{word.upper()} 5").commands] == [command.name]
        assert RU.commands[command.name].help
        assert EN.commands[command.name].help


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_each_command_is_whole(command: CommandSpec) -> None:
    """A row of the table without a handler would park the agent's letter."""
    assert (command.name in HANDLERS) != (command.name in ("help", "confirm"))
    assert command.words[0].isascii()
    assert any(not word.isascii() for word in command.words)
    assert command.argument in ("", "resolution", "ground", "department", "priority", "agent", "number", "address", "date", "free")
    assert (command.text in ("none", "customer", "inside", "department", "foreign"), command.scope in ("ticket", "desk", "lists")) == (True, True)
    assert command.undo in ("", "nothing", "never")


def test_each_handler_is_a_commands() -> None:
    assert HANDLERS.keys() <= BY_NAME.keys()


def test_text_belongs_to_the_command_above_it() -> None:
    result = parsed("Привет\n\n#ответ сразу\n\nпервая\n  вторая\n\n#заметка\nвнутри\n\\#не команда\n")
    assert result.above == "Привет"
    assert [(command.name, command.text) for command in result.commands] == [("reply", "сразу\n\nпервая\n  вторая"), ("note", "внутри\n#не команда")]


@pytest.mark.parametrize(("line", "argument", "text"), [
    ("#решено", "", ""), ("#решено ошибка_пользователя", "user_error", ""), ("#решено Не воспроизводится", "not_reproducible", ""),
    ("#решено ошибка исправлена вчера", "", "ошибка исправлена вчера"), ("#отказать вне_рамок Увы.", "out_of_scope", "Увы."),
    ("#уточнить мало_информации Какой браузер?", "insufficient_information", "Какой браузер?"), ("#передать разработка", "development", ""),
    ("#escalate partners", "partners", ""), ("#назначить Борис", "boris@providence.film", ""), ("#приоритет Высокий", "high", ""),
    ("#cc Пётр <Petr@Example.net>", "petr@example.net", ""), ("#копия petr@example.net<mailto:petr@example.net>", "petr@example.net", ""),
    ("#merge [PF-7]", "7", ""), ("#файл № 3", "3", ""), ("#найти чёрный экран", "чёрный экран", ""),
    ("#away до 1 декабря", "2026-12-01T00:00:00", ""),
])  # fmt: skip
def test_arguments(line: str, argument: str, text: str) -> None:
    [command] = parsed(line + "\nтекст").commands
    assert not parsed(line + "\nтекст").wrong
    assert (command.argument, command.text) == (argument, f"{text}\nтекст".strip())


@pytest.mark.parametrize(("text", "reason", "hint"), [
    ("#решно", "unknown_command", "#решено"), ("#reslove", "unknown_command", "#resolve"), ("#qqqqqq", "unknown_command", "#"),
    ("#отказать", "argument_missing", ""), ("#отказать так", "unknown_argument", ""), ("#ответ", "text_missing", ""), ("#note", "text_missing", ""),
    ("#приоритет срочный", "unknown_argument", "срочно"), ("#cc кто-то", "unknown_argument", ""), ("#remind", "argument_missing", ""),
    ("#merge", "argument_missing", ""), ("#remind когда-нибудь", "unknown_argument", ""),
    ("#уточнить insuficient_information", "unknown_argument", ""),
])  # fmt: skip
def test_mistakes_name_line_and_way_out(text: str, reason: str, hint: str) -> None:
    [wrong] = [one for one in parsed("строка\n" + text).wrong if one.reason == reason]
    assert wrong.line == 2
    assert hint in wrong.hint


@pytest.mark.parametrize(("said", "day"), [
    ("2026-12-31", "2026-12-31T00:00"), ("31.12", "2026-12-31T00:00"), ("01.02", "2027-02-01T00:00"), ("1.2.2027 в 14:30", "2027-02-01T14:30"),
    ("завтра", "2026-11-24T00:00"), ("послезавтра 9:05", "2026-11-25T09:05"), ("через неделю", "2026-11-30T00:00"), ("in 3 days", "2026-11-26T00:00"),
    ("until 5 May", "2027-05-05T00:00"), ("до 7 мая 2027", "2027-05-07T00:00"), ("Dec 24", "2026-12-24T00:00"), ("31.02", ""), ("никогда", ""),
    ("99.99.9999", ""), ("2026-13-01", ""),
])  # fmt: skip
def test_days(said: str, day: str) -> None:
    at = moment_in(said, TODAY)
    assert (at.isoformat(timespec="minutes") if at else "") == day


def test_what_the_store_is_asked_for() -> None:
    names, numbers, addresses, queries, lists = named("#merge PF-7\n#split Petr@example.net\n#queue\n> #show 9\n#найти чёрный экран \n")
    assert (names, numbers, addresses, queries) == ({"merge", "split", "queue", "search"}, (7,), ("petr@example.net",), ("чёрный экран",))
    assert (lists, named("#merge PF-7\n> #queue").lists) == (True, False)


NOT_THE_AUTHORS = r"[\s\\←]"  # blanks, the mark that shows a word as no command, and our arrow at the end of a wrong line


@given(st.text(max_size=400))
@example("←")
def test_any_text_is_parsed_and_none_of_it_lost(text: str) -> None:
    result = parsed(text)
    assert all(command.name in BY_NAME or command.name == "" for command in result.commands)
    if not result.commands:
        assert re.sub(NOT_THE_AUTHORS, "", result.above) == re.sub(NOT_THE_AUTHORS, "", text)


@pytest.mark.parametrize("text", [
    "#решено ←\nГотово.", "#решено\u00a0←\nГотово.", "**#решено** ←\nГотово.",
    "#решено\n←\nГотово.", "#решено Готово. ←", "#решено solved ←\nГотово.",
])  # fmt: skip
def test_the_arrow_of_an_error_letter_is_no_word_of_its_author(text: str) -> None:
    result = parsed(text)
    assert [(one.name, one.text) for one in result.commands] == [("resolve", "Готово.")]
    assert not result.wrong


def test_an_arrow_within_a_text_stays() -> None:
    [command] = parsed("#ответ Нажмите Alt+←\nСтрелка ← слева").commands
    assert command.text == "Нажмите Alt+←\nСтрелка ← слева"
