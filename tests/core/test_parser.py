"""How an agent's letter is read as commands: their words, arguments and texts, and every mistake."""

from __future__ import annotations

import re
from dataclasses import replace as other
from datetime import date
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from spoken import EN, RU
from spoken import SHIPPED as TEMPLATES
from tables import SHIPPED, at, opened, table

from bot import parsing
from bot.model import Audience, Delivery, Disposition, Entry, Envelope, Letter, Outgoing, Status, Ticket
from bot.rules import load
from bot.store.interface import KnownFacts
from bot.tickets.agents.agent_letter import together
from bot.tickets.agents.command_run import CommandRun, Refusal, one_ticket, owned
from bot.tickets.agents.dates import moment_in
from bot.tickets.agents.on_ticket import HANDLERS
from bot.tickets.agents.parser import (
    BY_NAME,
    COMMANDS,
    GROUNDS,
    PRIORITIES,
    RESOLUTIONS,
    Command,
    CommandSpec,
    Parsed,
    Wrong,
    allowed_words,
    button_of,
    escaped,
    in_words,
    named,
    parse,
    spoken,
    unescaped,
    words_for,
)
from bot.tickets.context import DeskContext
from bot.tickets.tokens import Signer, Subjects

TODAY = date(2026, 11, 23)


def parsed(text: str) -> Parsed:
    return parse(text, SHIPPED, TODAY)


def read(result: Parsed) -> str:
    """Commands as `name argument: text`, a line's end in the text as ⏎."""

    def one(command: Command) -> str:
        text = f": {command.text}" if command.text else ""
        return f"{command.name} {command.argument}".rstrip() + text.replace("\n", "⏎")

    return "; ".join(map(one, result.commands))


def faults(result: Parsed) -> str:
    """What is wrong as `line reason what → way out`."""
    lines = (
        f"{one.line} {one.reason} {one.what}" + (f" → {one.hint}" if one.hint else "") for one in result.wrong
    )
    return "; ".join(lines)


# -------------------------------------------------------------------------------------------------- well said

COMMANDS_READ = (
    # the sentence, what stands in the letter, the commands, the text above them
    ("a word of the help", "#взять", "take", ""),
    ("in capitals", "#ВЗЯТЬ", "take", ""),
    ("with a capital", "#Решено\nДа", "resolve: Да", ""),
    ("in English", "#Take", "take", ""),
    ("е for ё and ё for е", "#перёдать разработка", "escalate development", ""),
    ("with a dash for the underscore", "#не-команда\n#вернуть-в-очередь", "; free", ""),
    ("with a full stop", "#TAKE.", "take", ""),
    ("with a comma", "#беру,", "take", ""),
    ("with a colon before its text", "#решено: да", "resolve: да", ""),
    ("with a blank after the sign", "# take", "take", ""),
    ("with the sign of phones", "№ Взять", "take", ""),
    ("with the sign of Japanese keyboards", "＃take", "take", ""),
    ("pushed in", "  #take", "take", ""),
    ("after a blank that does not break", "\u00a0#take", "take", ""),
    ("with a bullet", "• #take", "take", ""),
    ("with a dash", "- #take", "take", ""),
    ("with an asterisk", "* #take", "take", ""),
    ("numbered", "1. #take", "take", ""),
    ("numbered otherwise", "2) #взять", "take", ""),
    ("in bold print", "*#take*", "take", ""),
    ("in bolder print", "**#take**", "take", ""),
    ("in the next cell of a table", "#приоритет | высокий", "priority high", ""),
    (
        "with letters that nobody sees", "#ответ\nПочинили.\n#\u200bзам\u00adетка хам",
        "reply: Починили.; note: хам", "",
    ),
    ("two in one letter", "#взять\n#приоритет высокий", "take; priority high", ""),
    ("two, each with its text", "#ответ\nДа\n\n#заметка\nНет", "reply: Да; note: Нет", ""),
    (
        "a text on the command's line", "#ответ сразу\n\nпервая\n  вторая\n", "reply: сразу⏎⏎первая⏎  вторая",
        "",
    ),
    ("words above the first command", "Привет\n\n#взять", "take", "Привет"),
    ("no command at all", "Привет\n#1 в списке", "", "Привет\n#1 в списке"),
    ("a command in the middle of a line is a word", "#ответ\nЭто #взять", "reply: Это #взять", ""),
    ("two on one line: the second is a word", "#reply #take", "reply: #take", ""),
    ("a backslash makes a word of it", "#ответ\n\\#взять\nтекст", "reply: #взять⏎текст", ""),
    ("our arrow of a wrong line", "#решено ←\nГотово.", "resolve: Готово.", ""),
    ("behind a blank that does not break", "#решено\u00a0←\nГотово.", "resolve: Готово.", ""),
    ("behind bold print", "**#решено** ←\nГотово.", "resolve: Готово.", ""),
    ("on the next line", "#решено\n←\nГотово.", "resolve: Готово.", ""),
    ("behind a text", "#решено Готово. ←", "resolve: Готово.", ""),
    ("behind an argument", "#решено solved ←\nГотово.", "resolve solved: Готово.", ""),
    ("in bold print on the next line", "#решено\n**←**\nГотово.", "resolve: Готово.", ""),
    ("the whole line in bold print", "**#ответ Да**", "reply: Да", ""),
    ("what nobody sees stays in a text", "#ответ сразу\u200d!", "reply: сразу\u200d!", ""),
    ("an arrow within a text stays", "#ответ Alt+←\nСтрелка ← слева", "reply: Alt+←⏎Стрелка ← слева", ""),
)  # fmt: skip


@table("text expected above", COMMANDS_READ)
def test_how_commands_are_read(text: str, expected: str, above: str) -> None:
    result = parsed(text)
    assert (read(result), result.above) == (expected, above)
    assert not result.wrong or result.commands[0].name == ""


ARGUMENTS = (
    # the sentence, the line, the command with its argument
    ("two words that go on are a text, too", "#решено ошибка исправлена", "resolve: ошибка исправлена⏎текст"),
    ("none, where it may be left out", "#решено", "resolve: текст"),
    ("a resolution", "#решено ошибка_пользователя", "resolve user_error: текст"),
    ("of two words, alone on the line", "#решено Не воспроизводится", "resolve not_reproducible: текст"),
    ("of one word, with a dash", "#решено не-воспроизводится", "resolve not_reproducible: текст"),
    (
        "words that go on are a text", "#решено ошибка исправлена вчера",
        "resolve: ошибка исправлена вчера⏎текст",
    ),
    (
        "with an underscore they are an argument", "#решено ошибка_пользователя вчера",
        "resolve user_error: вчера⏎текст",
    ),
    ("4.6: a ground", "#отказать вне_рамок Увы.", "refuse out_of_scope: Увы.⏎текст"),
    (
        "4.6: a ground of three words, apart", "#отказать не воспроизводится Увы",
        "refuse not_reproducible: Увы⏎текст",
    ),
    (
        "4.2: what to ask for", "#уточнить мало_информации Какой?",
        "clarify insufficient_information: Какой?⏎текст",
    ),
    ("2.2: a department by a word of its name", "#передать разработка", "escalate development: текст"),
    ("by the beginning of one", "#передать разработ См. журнал", "escalate development: См. журнал⏎текст"),
    (
        "by its whole name, and a text", "#передать отдел разработки Смотрите",
        "escalate development: Смотрите⏎текст",
    ),
    ("by its English name", "#escalate partners", "escalate partners: текст"),
    ("an agent by name", "#назначить Борис", "assign boris@providence.film: текст"),
    ("by the address", "#assign Boris@Providence.film", "assign boris@providence.film: текст"),
    ("by what stands before its @", "#assign boris", "assign boris@providence.film: текст"),
    ("5.2: a priority in capitals", "#приоритет ВЫСОКИЙ", "priority high: текст"),
    ("5.2: with punctuation", "#приоритет «низкий».", "priority low: текст"),
    ("an address with a name", "#cc Пётр <Petr@Example.net>", "cc petr@example.net: текст"),
    (
        "an address twice, as programs write it", "#копия petr@x.net<mailto:petr@x.net>",
        "cc petr@x.net: текст",
    ),
    ("2.4: a split without an address", "#split", "split: текст"),
    ("2.4: with words instead of one", "#split Иван", "split: Иван⏎текст"),
    ("2.4: with one", "#split Иван <i@x.example>", "split i@x.example: текст"),
    ("a number with its tag", "#merge [PF-7]", "merge 7: текст"),
    ("a number with its sign", "#файл № 3", "file 3: текст"),
    ("the first of two", "#merge PF-7 и PF-8", "merge 7: текст"),
    ("no number, where it may be left out", "#показать", "show: текст"),
    ("a day", "#away до 1 декабря", "away 2026-12-01T00:00:00: текст"),
    ("no day, where it may be left out", "#away", "away: текст"),
    ("a moment", "#напомнить завтра 9:05", "remind 2026-11-24T09:05:00: текст"),
    ("free words", "#найти чёрный экран", "search чёрный экран: текст"),
    ("free words, where they may be left out", "#override", "override: текст"),
)  # fmt: skip


@table("line expected", ARGUMENTS)
def test_arguments(line: str, expected: str) -> None:
    result = parsed(line + "\nтекст")
    assert (read(result), result.wrong) == (expected, ())


GROUND_WORDS = (
    # the sentence, the kind, the value, its words
    ("5.1: solved", "resolution", "solved", "solved решена решено решен"),
    (
        "5.1: not reproducible", "resolution", "not_reproducible",
        "not_reproducible не_воспроизводится невоспроизводится",
    ),
    ("5.1: a user's error", "resolution", "user_error", "user_error ошибка_пользователя ошибка"),
    ("5.1: infrastructure", "resolution", "infrastructure", "infrastructure инфраструктура"),
    ("5.1: a complaint", "resolution", "complaint", "complaint жалоба"),
    ("4.6: not reproducible", "ground", "not_reproducible", "not_reproducible не_воспроизводится"),
    ("4.6: outdated", "ground", "outdated_software", "outdated_software outdated устаревшее_по устарело"),
    (
        "4.6: too little information", "ground", "insufficient_information",
        "insufficient_information insufficient мало_информации недостаточно_информации",
    ),
    ("4.6: development", "ground", "needs_development", "needs_development development доработка разработка"),
    (
        "4.6: requirements", "ground", "requirements_violated",
        "requirements_violated requirements нарушение_требований требования",
    ),
    (
        "4.6: unofficial", "ground", "unofficial_version",
        "unofficial_version unofficial неофициальная_версия неофициальная",
    ),
    ("4.6: out of scope", "ground", "out_of_scope", "out_of_scope scope вне_поддержки вне_рамок"),
    ("4.6: unconstructive", "ground", "unconstructive", "unconstructive неконструктивно"),
    ("4.6: abuse", "ground", "abusive_language", "abusive_language abuse брань оскорбления мат"),
    ("5.2: low", "ground", "low_priority", "low_priority low низкий_приоритет"),
    ("5.2: high", "priority", "high", "high высокий срочно"),
    ("5.2: medium", "priority", "medium", "medium средний обычный"),
    ("5.2: low", "priority", "low", "low низкий"),
)  # fmt: skip


@table("kind value words", GROUND_WORDS)
def test_the_words_of_grounds_resolutions_and_priorities(kind: str, value: str, words: str) -> None:
    known = words_for(kind, SHIPPED)
    assert [word for word, stands_for in known.items() if stands_for == value] == words.split()
    assert {"resolution": RESOLUTIONS, "ground": GROUNDS, "priority": PRIORITIES}[kind].keys() == set(
        known.values()
    )


def test_a_company_s_own_ground_and_its_words_are_understood() -> None:
    text = SHIPPED.source.decode()
    ground = (
        "unpaid_invoice: {clause: '9', action: refuse, names: {ru: Счёт}, words: [Счёт_не_оплачен],",
        "text: {ru: Оплатите}}",
    )
    own = f"\ngrounds:\n  {' '.join(ground)}\n"
    assert "\ngrounds:\n" in text
    policy = load(text.replace("\ngrounds:\n", own, 1).encode(), "rules.yaml")
    [command] = parse("#отказать счет_не_оплачен", policy, TODAY).commands
    assert command.argument == "unpaid_invoice"


# --------------------------------------------------------------------------------------------------- ill said

WRONG = (
    # the sentence, what stands in the letter, what is wrong with it
    ("a letter left out", "#решно", "1 unknown_command решно → #решено"),
    ("letters exchanged", "#reslove", "1 unknown_command reslove → #resolve"),
    ("nothing like it: the help", "#абракадабра", "1 unknown_command абракадабра → #помощь"),
    ("on its line", "строка\n#взять\n#ршено", "3 unknown_command ршено → #решено"),
    ("4.6: a ground is missing", "#отказать", "1 argument_missing ground → *"),
    ("4.6: no such ground", "#отказать так", "1 unknown_argument так → *"),
    ("4.6: one like it", "#отказать брнь", "1 unknown_argument брнь → брань"),
    ("5.1: one like it, alone on the line", "#решено ошиька", "1 unknown_argument ошиька → ошибка"),
    ("4.2: one like it", "#уточнить insuficient", "1 unknown_argument insuficient → insufficient"),
    ("5.1: with more words it is a text", "#решено ошиька исправлена", ""),
    ("5.2: a priority is missing", "#приоритет", "1 argument_missing priority → высокий, средний, низкий"),
    ("5.2: one like it", "#priority hihg", "1 unknown_argument hihg → high"),
    ("5.2: no such", "#priority zzz", "1 unknown_argument zzz → высокий, средний, низкий"),
    (
        "a department is missing", "#передать",
        "1 argument_missing department → отдел_разработки, партнерский_отдел",
    ),
    (
        "no such department", "#передать нечто",
        "1 unknown_argument нечто → отдел_разработки, партнерский_отдел",
    ),
    ("no such agent", "#assign кто", "1 unknown_argument кто → анна, борис"),
    ("a number is missing", "#merge", "1 argument_missing number"),
    ("no number", "#send пять", "1 unknown_argument пять"),
    ("a number of ten digits is none of ours", "#merge 1234567890", "1 unknown_argument 1234567890"),
    ("an address is missing", "#cc", "1 argument_missing address"),
    ("no address", "#cc кто-то", "1 unknown_argument кто-то"),
    ("a day is missing", "#remind", "1 argument_missing date → 2026-12-31, 31.12"),
    ("no day", "#remind когда-нибудь", "1 unknown_argument когда-нибудь → 2026-12-31, 31.12"),
    ("a day that does not exist", "#away 31.02", "1 unknown_argument 31.02 → 2026-12-31, 31.12"),
    ("words to look for are missing", "#найти", "1 argument_missing free"),
    ("a text is missing", "#ответ", "1 text_missing reply"),
    ("blank lines are no text", "#note\n\n", "1 text_missing note"),
    ("the text of another command is none", "#ответ\n#заметка\nДа", "1 text_missing reply"),
    ("argument and text", "#refuse\n#note", "1 argument_missing ground → *; 2 text_missing note"),
    ("2.4: below another's words no command is read", "#split\nтекст\n#взять", "3 foreign_command split"),
    ("each is named", "#split\nтекст\n#взять\n#решено", "3 foreign_command split; 4 foreign_command split"),
    (
        "a short word of a department's name is none", "#передать отдел",
        "1 unknown_argument отдел → отдел_разработки, партнерский_отдел",
    ),
    ("not even a wrong one", "#новое o@x.net\n#решно", "2 foreign_command новое"),
    (
        "all mistakes, by their lines", "#ответ\n#решно\n#merge",
        "1 text_missing reply; 2 unknown_command решно → #решено; 3 argument_missing number",
    ),
)  # fmt: skip


@table("text expected", WRONG)
def test_mistakes_name_line_and_way_out(text: str, expected: str) -> None:
    grounds = allowed_words(words_for("ground", SHIPPED), "ru")
    result = parsed(text)
    assert faults(result) == expected.replace("*", grounds)
    broken = {one.line for one in result.wrong if one.reason in ("unknown_argument", "argument_missing")}
    for command in (one for one in result.commands if one.line in broken):
        assert command.argument == ""
        assert command.text == "" or BY_NAME[command.name].optional


LOOKS_ALIKE = (
    # the sentence, the line: it refuses the letter, since a note must not reach the customer
    ("with an exclamation mark", "#решено!"),
    ("without the blank", "#заметка:хам"),
    ("with two blanks", "#  заметка хам"),
    ("far to the right", "            #заметка хам"),
    ("with two signs", "##заметка хам"),
    ("in quotation marks", "«#заметка хам»"),
    ("with a dash behind it", "#заметка—хам"),
    ("with brackets behind it", "#заметка(хам)"),
    ("in brackets", "(#заметка хам)"),
    ("behind a plus", "+ #заметка хам"),
    ("behind a letter", "а) #заметка хам"),
    ("with No", "No заметка хам"),
    ("with N°", "N°заметка хам"),
    ("behind the bar of a table", "| #заметка"),
    ("behind an underscore", "#_take"),
    ("with letters that nobody sees", "##зам\u00adетка хам"),
)  # fmt: skip


@table("line", LOOKS_ALIKE)
def test_what_only_looks_like_a_command_refuses_the_letter(line: str) -> None:
    [one] = parsed(f"#ответ\nПочинили.\n{line}").wrong
    assert (one.line, one.reason) == (3, "unclear_command")
    assert re.fullmatch(r"#(?:решено|заметка|take)", one.what)
    meant = parsed(f"#ответ\nПочинили.\n{line.replace('#', chr(92) + '#', 1)}")
    assert "#" not in line or (meant.wrong == () and meant.commands[0].text.endswith(line.strip()))


NO_COMMANDS = (
    # the sentence, a line that is a word like any other
    ("quoted", "> #take"),
    ("quoted without a blank", ">#take"),
    ("without the sign", "take"),
    ("a number", "#1 problem"),
    ("the sign alone", "#"),
    ("two of them", "##"),
    ("two of them before another word", "##дом"),
    ("a number with its sign", "№ 5"),
    ("within a sentence", "Есть #take в справке"),
    ("behind a backslash", "\\#take"),
    ("behind a word", "issue#take"),
    ("No, and an English word", "No update yet."),
    ("an address", "https://x.example/#take"),
)  # fmt: skip


@table("line", NO_COMMANDS)
def test_what_is_no_command(line: str) -> None:
    result = parsed(line)
    assert (result.commands, result.wrong, result.above) == ((), (), line.replace("\\", ""))


def letter_of(body: str) -> Letter:
    head = (
        "From: a@b.example\nTo: s@providence.film\nMessage-ID: <1@b>\nContent-Type: text/plain; charset=utf-8"
    )
    envelope = Envelope(letter="1", received=at("Mon 12:00"), mail_from="a@b.example")
    return parsing.read(f"{head}\n\n{body}".encode(), envelope)


LETTERS = (
    # the sentence, the whole letter, the commands that are read in it
    ("above a quotation", "#решено\nДа\n\n23.11.2026 12:00, Иван пишет:\n> #взять\n> хм", "resolve: Да"),
    ("inside a quotation, none", "Понятно\n\n23.11.2026 12:00, Иван пишет:\n> #взять", ""),
    (
        "in a quotation without marks, none",
        "#решено\nДа\n\nOn Mon, Nov 23, 2026 at 12:00 PM Ivan <i@x.example> wrote:\n#взять", "resolve: Да",
    ),
    (
        "in a forwarded letter, none", "#решено\nДа\n-----Original Message-----\nFrom: x@y.example\n#взять",
        "resolve: Да",
    ),
    ("a quotation above it is a text", "> #взять\n\n#решено\nДа", "resolve: Да"),
    ("after a signature, none", "#взять\n\n-- \nАнна\n#решено", "take"),
    ("after a signature without its blank, none", "#решено\nДа\n--\nАнна\n#взять", "resolve: Да"),
    ("after the regards, none", "#решено\nДа\n\nС уважением,\nАнна\n#взять", "resolve: Да"),
    ("a signature alone", "Спасибо\n-- \n#взять", ""),
)  # fmt: skip


@table("body expected", LETTERS)
def test_commands_in_whole_letters(body: str, expected: str) -> None:
    assert read(parsed(letter_of(body).top)) == expected


# --------------------------------------------------------------------------------------------- how much of it


def test_a_hundred_commands_are_read_and_no_more() -> None:
    assert (len(parsed("#взять\n" * 100).commands), parsed("#взять\n" * 100).wrong) == (100, ())
    more = parsed("#взять\n" * 101 + "#решно")
    assert (len(more.commands), more.wrong) == (100, (Wrong(line=101, reason="too_many", what="100"),))


def test_twenty_mistakes_are_told_and_no_more() -> None:
    assert [len(parsed("#решно\n" * count).wrong) for count in (19, 20, 21, 25)] == [19, 20, 20, 20]
    [last] = parsed("#" + "щ" * 70).wrong
    assert last.what == "щ" * 60


def test_an_address_is_looked_for_in_a_thousand_characters() -> None:
    assert parsed("#cc " + "я " * 490 + "a@b.example").commands[0].argument == "a@b.example"
    assert parsed("#cc " + "я " * 500 + "a@b.example").wrong[0].reason == "unknown_argument"
    assert parsed("#remind " + "я " * 495 + "завтра").commands[0].argument == "2026-11-24T00:00:00"
    assert parsed("#remind " + "я " * 500 + "завтра").wrong[0].reason == "unknown_argument"


NAMED = (
    # the sentence, the text, what the store is asked for: commands, tickets, addresses, searches, all tickets
    ("a ticket to be merged", "#merge PF-7", "merge", (7,), (), (), False),
    ("one to be shown", "#показать 9", "show", (9,), (), (), False),
    ("the first number only", "#merge 7 8", "merge", (7,), (), (), False),
    ("none of ten digits", "#merge 1234567890", "merge", (), (), (), False),
    ("a file's number is no ticket's", "#файл 3", "file", (), (), (), False),
    ("an address", "#split Petr@example.net", "split", (), ("petr@example.net",), (), False),
    ("an address in a text is none", "#note Petr@example.net", "note", (), (), (), False),
    ("no number", "#merge", "merge", (), (), (), False),
    ("no words to look for", "#найти", "search", (), (), ("",), True),
    ("no address", "#cc", "cc", (), (), (), False),
    ("words to look for", "#найти чёрный экран ", "search", (), (), ("чёрный экран",), True),
    ("the queue wants all tickets", "#queue", "queue", (), (), (), True),
    ("nothing that is quoted", "> #show 9\n> #queue", "", (), (), (), False),
    ("nothing that is misspelt", "#shwo 9", "", (), (), (), False),
    (
        "each line", "#взять\nтекст\n#merge PF-7\n#cc a@b.example", "cc merge take", (7,), ("a@b.example",),
        (), False,
    ),
)  # fmt: skip


@table("text commands numbers addresses queries lists", NAMED)
def test_what_the_store_is_asked_for(
    text: str,
    commands: str,
    numbers: tuple[int, ...],
    addresses: tuple[str, ...],
    queries: tuple[str, ...],
    lists: bool,
) -> None:
    assert named(text) == (frozenset(commands.split()), numbers, addresses, queries, lists)


def test_the_store_is_asked_for_so_much_and_no_more() -> None:
    assert named("\n" * 499 + "#merge 7").numbers == (7,)
    assert named("\n" * 500 + "#merge 7").numbers == ()
    assert len(named("#найти а\n" * 101).queries) == 100
    assert named("#cc " + "я " * 500 + "a@b.example").addresses == ()
    assert named("#cc " + "я " * 490 + "a@b.example").addresses == ("a@b.example",)


@pytest.mark.parametrize("text", [
    "#cc " + "a@" * 30000, "#take x" + " " * 60000 + "y", "#take" + " *" * 60000 + "y",
    "\n".join(f"#otvetitw{k}" for k in range(30000)),
    "#решено бебебе\n" * 30000, "#take\n" * 30000, "#" * 60000, "_" * 60000, "#уточнить " + "з" * 60000,
    "#remind in" + " " * 60000,
])  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    begun = process_time()
    named(text)
    parsed(text)
    assert (
        process_time() - begun < 1
    )  # each of these once took seconds and more, in the one process that everybody waits for


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
    assert command.argument in (
        "",
        "resolution",
        "ground",
        "department",
        "priority",
        "agent",
        "number",
        "address",
        "date",
        "free",
    )
    assert (
        command.text in ("none", "customer", "inside", "department", "foreign"),
        command.scope in ("ticket", "desk", "lists"),
    ) == (True, True)
    assert command.undo in ("", "nothing", "never")


def test_each_handler_is_a_commands() -> None:
    assert HANDLERS.keys() <= BY_NAME.keys()


@pytest.mark.parametrize(("said", "day"), [
    (
        "2026-12-31", "2026-12-31T00:00"), ("31.12", "2026-12-31T00:00"), ("01.02",
        "2027-02-01T00:00"), ("1.2.2027 в 14:30", "2027-02-01T14:30",
    ),
    (
        "завтра", "2026-11-24T00:00"), ("послезавтра 9:05", "2026-11-25T09:05"), ("через неделю",
        "2026-11-30T00:00"), ("in 3 days", "2026-11-26T00:00",
    ),
    (
        "until 5 May", "2027-05-05T00:00"), ("до 7 мая 2027", "2027-05-07T00:00"), ("Dec 24",
        "2026-12-24T00:00"), ("31.02", ""), ("никогда", "",
    ),
    ("99.99.9999", ""), ("2026-13-01", ""),
])  # fmt: skip
def test_days(said: str, day: str) -> None:
    at = moment_in(said, TODAY)
    assert (at.isoformat(timespec="minutes") if at else "") == day


NOT_THE_AUTHORS = (
    r"[\s\\←]"  # blanks, the mark that shows a word as no command, and our arrow at the end of a wrong line
)


@given(st.text(max_size=400))
@example("←")
def test_any_text_is_parsed_and_none_of_it_lost(text: str) -> None:
    result = parsed(text)
    assert all(command.name in BY_NAME or command.name == "" for command in result.commands)
    if not result.commands:
        assert re.sub(NOT_THE_AUTHORS, "", result.above) == re.sub(NOT_THE_AUTHORS, "", text)


# ------------------------------------------------------------------------------------------- said by the desk

SPOKEN = (
    # the sentence, the command, the language, the word
    ("a command in Russian", "resolve", "ru", "решено"),
    ("in English", "resolve", "en", "resolve"),
    ("in a language without its own words, in English", "resolve", "de", "resolve"),
)  # fmt: skip


@table("name language word", SPOKEN)
def test_a_command_as_its_people_say_it(name: str, language: str, word: str) -> None:
    assert spoken(name, language) == word


def test_values_as_people_say_them() -> None:
    known = words_for("priority", SHIPPED)
    assert in_words(known, "ru") == {"high": "высокий", "medium": "средний", "low": "низкий"}
    assert in_words(known, "en") == {"high": "high", "medium": "medium", "low": "low"}
    assert in_words({"low": "low"}, "ru") == {"low": "low"}
    assert (words_for("number", SHIPPED), button_of("take", RU)) == (
        {},
        ("взять", RU.commands["take"].button),
    )
    assert button_of("take", EN)[0] == "take"


ESCAPED = (
    # the sentence, a customer's words, how they stand in a letter to staff
    ("a command at the beginning of a line", "#взять", "\\#взять"),
    ("wherever a program may break the line", "Нажмите #взять", "Нажмите \\#взять"),
    ("with the sign of phones", "№ взять", "\\№ взять"),
    ("hidden", "#\u200bвзять", "\\#\u200bвзять"),
    ("hidden within", "#вз\u200bять", "\\#вз\u200bять"),
    ("behind a word, hidden", "фильм\u200b#взять", "фильм\u200b#взять"),
    ("behind a word, in a long letter", "фильм#взять\n" + "щ " * 50, "фильм#взять\n" + "щ " * 50),
    ("with N°, which is long enough itself", "-" * 40 + "N°взять", "-" * 40 + "\\N°взять"),
    ("no command", "#1 и #дом", "#1 и #дом"),
    ("in an address", "https://film.example/#help", "https://film.example/#help"),
    ("behind a word", "фильм#взять", "фильм#взять"),
    (
        "behind a long word, which may be broken: one stands behind it as well", "щ" * 40 + "#взять",
        "щ" * 40 + "\\#\\взять",
    ),
    ("before a long rest", "#взять," + "щ" * 40, "\\#\\взять," + "щ" * 40),
    ("behind one that is not so long", "щ" * 33 + "#взять", "щ" * 33 + "#взять"),
)  # fmt: skip


@table("text expected", ESCAPED)
def test_a_customers_words_make_no_command_in_a_letter_to_staff(text: str, expected: str) -> None:
    assert escaped(text) == expected
    assert unescaped(expected) == text


UNESCAPED = (
    # the sentence, an agent's words, what the customer gets
    ("no backslash", "текст", "текст"),
    ("another backslash stays", "C:\\Фильмы", "C:\\Фильмы"),
    ("at the beginning of a line, before any word", "\\#дом", "#дом"),
    ("within a line, before a command", "Нажмите \\#взять", "Нажмите #взять"),
    ("within a line, before another word, it stays", "C:\\#дом", "C:\\#дом"),
)  # fmt: skip


@table("text expected", UNESCAPED)
def test_what_the_customer_gets_has_no_backslashes_of_ours(text: str, expected: str) -> None:
    assert unescaped(text) == expected


# ----------------------------------------------------------------------------------------- what fits together

TOGETHER = (
    # the sentence, the commands of a letter about ticket 7, why they do not fit together ("": they do)
    ("one", "#взять", ""),
    ("a reply and its end", "#ответ\nДа\n#решено", ""),
    ("merging comes last", "#взять\n#merge 8", ""),
    ("below it nothing", "#merge 8\n#взять", "1 merge_last "),
    ("#confirm confirms nothing here", "#взять\n#confirm", "2 nothing_to_confirm "),
    ("#undo alone", "#отмена", ""),
    ("#undo with others", "#отмена\n#взять", "1 undo_alone "),
    ("#undo below others", "#взять\n#отмена", "2 undo_alone "),
    ("a list, then this ticket", "#queue\n#взять", ""),
    ("the next one, then which?", "#дальше\n#взять", "2 which_ticket next"),
    ("another one shown, then which?", "#показать 8\n#взять", "2 which_ticket show"),
    ("this one shown", "#показать 7\n#взять", ""),
    ("this one shown, without a number", "#показать\n#взять", ""),
    ("another one shown, then one on the desk", "#показать 8\n#очередь", ""),
    ("this one, then another shown", "#взять\n#показать 8", ""),
)  # fmt: skip


@table("text expected", TOGETHER)
def test_which_commands_fit_together(text: str, expected: str) -> None:
    why = ""
    try:
        together(parsed(text).commands, 7)
    except Refusal as refusal:
        why = f"{refusal.line} {refusal.reason} {refusal.what}"
    assert why == expected


NOON = at("Mon 12:00")
TICKET = opened(at("Mon 10:00"))
ANNA = SHIPPED.people.agent("anna@providence.film")


def run_of(**more: object) -> CommandRun:
    """A letter of Anna's that is being carried out."""
    context = DeskContext(
        SHIPPED, TEMPLATES, Signer([b"key"], "support@providence.film", "PF"), Subjects("PF")
    )
    read = Letter(envelope=Envelope(letter="in1", received=at("Mon 12:00"), mail_from="anna@providence.film"))
    assert ANNA
    known = KnownFacts(fresh=9, tickets={7: TICKET}, leaving=frozenset({(7, 1)}))
    run = CommandRun(context, ANNA, read, known, at("Mon 12:00"), "ru", "in1")
    return other(run, **more)  # type: ignore[arg-type]


def test_a_command_on_a_ticket_wants_one() -> None:
    assert one_ticket(TICKET) is TICKET
    with pytest.raises(Refusal) as caught:
        one_ticket(None)
    assert caught.value.reason == "no_single_ticket"


def test_a_ticket_is_the_one_that_this_letter_has_left_so_far() -> None:
    changed = replace(TICKET, subject="Звук и титры")
    assert (run_of().ticket_of(7), run_of(others={7: changed}).ticket_of(7), run_of().ticket_of(8)) == (
        TICKET,
        changed,
        None,
    )


OWNERS = (
    # the sentence, owner and status before, owner and status after
    (
        "a free one that was created is in progress", "", Status.created, "anna@providence.film",
        Status.in_progress,
    ),
    (
        "a free one that waits goes on waiting", "", Status.clarification, "anna@providence.film",
        Status.clarification,
    ),
    (
        "somebody's stays theirs", "boris@providence.film", Status.created, "boris@providence.film",
        Status.created,
    ),
)  # fmt: skip


@table("owner status new_owner new_status", OWNERS)
def test_who_writes_in_a_free_ticket_has_it(
    owner: str, status: Status, new_owner: str, new_status: Status
) -> None:
    after = owned(run_of(), replace(TICKET, owner=owner, status=status))
    assert (after.owner, after.status) == (new_owner, new_status)


def with_letter(ident: str, to: str) -> Ticket:
    made = Outgoing(
        id=1, template="reply", audience=Audience.requester, to=to, message_id="1@x.example", subject="",
        body="", language="ru", created=NOON, due=NOON, state=Delivery.waiting, letter=ident,
    )  # fmt: skip
    return replace(TICKET, outgoing=(made,))


def test_what_this_letter_has_done_before_a_crash_is_known() -> None:
    run, ivan = run_of(), "ivan@example.org"
    written = [
        run.has_written(with_letter(*one), ivan)
        for one in (("in1", ivan), ("in2", ivan), ("in1", "olga@x.example"))
    ]
    assert written == [True, False, False]
    taken = replace(
        TICKET, entries=(Entry(at=at("Mon 11:00"), kind="event", public=False, about="taken", letter="in1"),)
    )
    assert (run.changed_before(taken, "taken"), run.changed_before(taken, "freed")) == (True, False)
    assert not run_of(ident="in2").changed_before(taken, "taken")
    leaving = with_letter("in1", ivan)
    assert run.is_leaving(leaving, leaving.outgoing[0])
    assert not run.is_leaving(replace(leaving, number=8), leaving.outgoing[0])


def test_a_receipt_is_of_the_ticket_that_a_line_is_about_and_a_strangers_words_make_no_command() -> None:
    run = run_of(own=7)
    run.tell("owner_told", "#взять")
    run.tell("owner_told", "Борис", of=8)
    assert [len(run.said[one].done) for one in (7, 8)] == [1, 1]
    assert "\\#взять" in run.said[7].done[0]
    account = run.account("command", "taken")
    assert (account.letter, account.who, account.words) == ("in1", "anna@providence.film", "taken")
    assert account.disposition is Disposition.command
