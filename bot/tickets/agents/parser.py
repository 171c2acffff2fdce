"""An agent's letter as commands: `#word argument`, each on its own line, with the text below (design, section 8).

`parse` reads the whole letter first. It gives commands, or every wrong line with its reason and the nearest right word.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from msgspec.structs import replace

from bot.model import Ground, Priority, Resolution, Value
from bot.model.address import FOUND
from bot.rendering.leak_check import INVISIBLE
from bot.rendering.terms import Terms
from bot.rules import Policy
from bot.rules.schema import Outcome
from bot.tickets.agents.dates import moment_in

# List bullets and numbers of phones may stand before a command; the mark of a quote may not: what is quoted was said by another.
# What a table had in the next cell follows a |.
LINE = re.compile(r"^[\s*•·‣◦–—-]{0,8}(?:\d{1,2}[.)]\s*)?[*_]{0,2}[#№＃]\s?([^\W\d_][\w-]*)[*_]{0,2}[.,:;]?(?:[^\S\n]+(?:\|[^\S\n]+)*(.*))?$")
SIGN = re.compile("[#№＃Nn]")
BLANK = " \t\u00a0*"  # at the end of a line, the end of bold print included
ARROW = re.compile(r"(?:^|[\s*])←[\s*]*$")  # our mark of a wrong line, left by whoever mended it
ESCAPED = re.compile(r"^((?:[^\S\n]{0,8}(?:\w{1,2}[.)]){1,2})?(?:[^\w\\#№＃\n]|_)*)\\(?=[#№＃])", re.MULTILINE)
# What a person means as a command and LINE does not take for one: «#заметка:…», «##заметка», «(#заметка…», and № as phones write it.
NEAR = re.compile(
    r"^(?!\s*>)(?:\s{0,8}(?:\w{1,2}[.)]){1,2})?(?:[^\w\\#№＃]|_)*(?:[#№＃][\W_]*|N(?:[°º]|o\.?\s?(?=[а-яё]))\s?)([^\W\d_][\w-]*)", re.IGNORECASE
)
# What would be one of the two at the beginning of a line, wherever it stands: any program may break the line there.
_SIGN, _UNSEEN = r"(?:[#№＃]|(?<!\w)N(?:[°º]|o\.?\s?(?=[а-яё])))", INVISIBLE.pattern[1:-1]
_WORD = rf"(?=[{_UNSEEN}]*+(?:[\W_][{_UNSEEN}]*+){{0,%d}}+([^\W\d_](?:[\w-]|[{_UNSEEN}])*+))"
SIGNED = re.compile(f"({_SIGN}){_WORD % 8}", re.IGNORECASE)
MARKED = re.compile(rf"\\?({_SIGN})(?:\\(?!{_SIGN}))?{_WORD % 32}", re.IGNORECASE)  # with backslashes between
NUMBER = re.compile(r"(?<!\d)\d{1,9}(?!\d)")
BLANKS, WITHIN = re.compile("[ \t\n]"), re.compile(r"[^\W_]$|/$")
LONG_WORD = 40  # characters; no program breaks a shorter one
LONGEST_ARGUMENT = 1000  # characters in which an address or a day is looked for
MOST_WRONG = 20  # wrong lines that an error tells: a forged letter may hold thousands
MOST_COMMANDS = 100


class CommandSpec(Value, frozen=True):
    """A command word: what it takes, and where its text goes."""

    name: str
    words: tuple[str, ...]  # every spelling, English and Russian, the Russian one of the help first after the name
    argument: str  # resolution, ground, department, priority, agent, number, address, date, free
    optional: bool
    text: str  # none, customer, inside, department, foreign: another's words, down to the letter's end
    needs_text: bool
    scope: str  # one ticket; desk, none; lists, none, and it looks at all of them
    undo: str  # nothing: it changes no ticket; never: it cannot be taken back


class Command(Value, frozen=True):
    """One command of a letter, understood."""

    name: str
    line: int  # 1 is the first line of the letter's own text
    argument: str = ""
    text: str = ""


class Wrong(Value, frozen=True):
    """A line that cannot be carried out. `reason` is a word of the templates, `what` the offending word, `hint` the way out."""

    line: int
    reason: str
    what: str = ""
    hint: str = ""


class Parsed(Value, frozen=True):
    """A whole command letter: its commands in their order, the text above the first, and everything that is wrong."""

    commands: tuple[Command, ...] = ()
    above: str = ""
    wrong: tuple[Wrong, ...] = ()


# name and other words | argument (? optional) | where its text goes (! needed) | scope: one ticket, the desk, all
# tickets of the desk | undo: `never`, or nothing to undo. What each does is said in terms.yaml; orders.HANDLERS does it.
TABLE = """
take взять беру                                                    |             |            | ticket |
next следующее следующий дальше                                    |             |            | lists  | nothing
reply ответ ответить answer                                        |             | customer!  | ticket |
clarify уточнить уточнение ask                                     | ground?     | customer!  | ticket |
resolve решено решить закрыть solved close                         | resolution? | customer   | ticket |
refuse отказать отказ                                              | ground      | customer   | ticket |
template шаблон                                                    | free        | inside     | ticket |
send отправить                                                     | number?     |            | ticket |
undo отмена отменить                                               | number?     |            | ticket |
note заметка                                                       |             | inside!    | ticket |
escalate передать эскалация                                        | department  | department | ticket |
update вышло обновление                                            |             | customer   | ticket |
transcript переписка                                               |             |            | ticket |
assign назначить                                                   | agent       |            | ticket |
free освободить вернуть_в_очередь                                  |             |            | ticket |
priority приоритет                                                 | priority    |            | ticket |
label метка                                                        | free        |            | ticket |
reopen вернуть открыть_снова                                       |             |            | ticket |
cc копия                                                           | address     |            | ticket |
uncc убрать_копию без_копии                                        | address     |            | ticket |
merge объединить                                                   | number      |            | ticket |
split разделить                                                    | address?    | foreign    | ticket |
open новое создать открыть                                         | address     | foreign    | desk   |
file файл                                                          | number      |            | ticket | nothing
remind напомнить                                                   | date        | inside     | ticket |
show показать                                                      | number?     |            | desk   | nothing
queue очередь                                                      |             |            | lists  | nothing
search найти поиск                                                 | free        |            | lists  | nothing
sla срок сроки                                                     |             |            | lists  | nothing
away отсутствую отпуск                                             | date?       |            | lists  | nothing
back вернулся вернулась здесь                                      |             |            | desk   | nothing
override правило_неверно правило_ошиблось                          | free?       |            | ticket |
spam спам                                                          |             |            | ticket |
block блок заблокировать                                           |             |            | ticket |
unblock разблокировать                                             | address     |            | desk   | never
release отпустить                                                  |             |            | ticket | never
outage авария сбой                                                 | free?       |            | desk   | nothing
confirm подтвердить подтверждаю                                    |             |            | ticket |
help помощь справка                                                |             |            | ticket | nothing
"""


def _command_spec(row: str) -> CommandSpec:
    words, argument, text, scope, undo = (cell.strip() for cell in row.split("|"))
    return CommandSpec(
        name=words.split()[0], words=tuple(words.split()), argument=argument.rstrip("?"), optional=argument.endswith("?"),
        text=text.rstrip("!") or "none", needs_text=text.endswith("!"), scope=scope, undo=undo,
    )  # fmt: skip


COMMANDS = tuple(_command_spec(row) for row in TABLE.strip().splitlines())
BY_WORD = {word: command for command in COMMANDS for word in command.words}
BY_NAME = {command.name: command for command in COMMANDS}

RESOLUTIONS = {
    Resolution.solved: ("solved", "решена", "решено", "решен"),
    Resolution.not_reproducible: ("not_reproducible", "не_воспроизводится", "невоспроизводится"),
    Resolution.user_error: ("user_error", "ошибка_пользователя", "ошибка"),
    Resolution.infrastructure: ("infrastructure", "инфраструктура"),
    Resolution.complaint: ("complaint", "жалоба"),
}
GROUNDS = {
    Ground.not_reproducible: ("not_reproducible", "не_воспроизводится"),
    Ground.outdated_software: ("outdated_software", "outdated", "устаревшее_по", "устарело"),
    Ground.insufficient_information: ("insufficient_information", "insufficient", "мало_информации", "недостаточно_информации"),
    Ground.needs_development: ("needs_development", "development", "доработка", "разработка"),
    Ground.requirements_violated: ("requirements_violated", "requirements", "нарушение_требований", "требования"),
    Ground.unofficial_version: ("unofficial_version", "unofficial", "неофициальная_версия", "неофициальная"),
    Ground.out_of_scope: ("out_of_scope", "scope", "вне_поддержки", "вне_рамок"),
    Ground.unconstructive: ("unconstructive", "неконструктивно"),
    Ground.abusive_language: ("abusive_language", "abuse", "брань", "оскорбления", "мат"),
    Ground.low_priority: ("low_priority", "low", "низкий_приоритет"),
}
PRIORITIES = {
    Priority.high: ("high", "высокий", "срочно"),
    Priority.medium: ("medium", "средний", "обычный"),
    Priority.low: ("low", "низкий"),
}


def words_for(argument: str, policy: Policy) -> dict[str, str]:
    """Every accepted word of an argument kind and the value it stands for."""
    if argument == "priority":
        return {word: value.value for value, words in PRIORITIES.items() for word in words}
    outcomes: dict[str, tuple[Mapping[Any, Outcome], Mapping[Any, tuple[str, ...]]]] = {
        "resolution": (policy.resolutions, RESOLUTIONS), "ground": (policy.grounds, GROUNDS),
    }  # fmt: skip
    if argument in outcomes:
        defined, usual = outcomes[argument]
        each = ((key, (*usual.get(key, (key.value,)), *item.words)) for key, item in defined.items())
        return {fold(word): key.value for key, words in each for word in words}
    if argument == "department":
        pairs = [(one.id, one.id) for one in policy.people.departments.values()]
        pairs += [(name, one.id) for one in policy.people.departments.values() for name in (one.name, *one.names.values())]
        pairs += [(word, one) for name, one in pairs for word in name.split() if len(word) > 5]
        return {fold("_".join(word.split())): value for word, value in pairs}
    if argument == "agent":
        pairs = [(one.address, one.address) for one in policy.people.agents]
        pairs += [(name, one.address) for one in policy.people.agents for name in (one.name, one.address.partition("@")[0])]
        return {fold(word): value.lower() for word, value in pairs}
    return {}


class Named(NamedTuple):
    """What the command lines of a text name: what the store is asked for before the text is parsed."""

    commands: frozenset[str] = frozenset()
    numbers: tuple[int, ...] = ()
    addresses: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()  # of #search
    lists: bool = False  # one of them looks at all tickets


def named(text: str) -> Named:
    """See Named."""
    lines = [(BY_WORD[fold(found[1])], found[2] or "") for found in map(line_of, text.splitlines()[:500]) if found and fold(found[1]) in BY_WORD]
    numbers = [int(digits) for one, rest in lines if one.name in ("merge", "show") for digits in NUMBER.findall(rest)[:1]]
    rests = [rest[:LONGEST_ARGUMENT] for one, rest in lines if one.argument == "address"]
    addresses = [found[0].lower() for found in map(FOUND.search, rests) if found]
    queries = [rest.strip() for one, rest in lines if one.name == "search"]
    lists = any(one.scope == "lists" for one, _ in lines)
    return Named(frozenset(one.name for one, _ in lines), tuple(numbers), tuple(addresses), tuple(queries[:MOST_COMMANDS]), lists)


def line_of(line: str) -> re.Match[str] | None:
    """The command of a line: (word, rest of the line). Invisible letters, which some keyboards leave, are forgiven."""
    if not SIGN.search(line):
        return None
    line = ARROW.sub("", line)
    return LINE.match(line.rstrip(BLANK)) or LINE.match(INVISIBLE.sub("", line).rstrip(BLANK))


def escaped(text: str) -> str:
    """A stranger's words for a letter to staff: a backslash before each sign that would make a command, wherever
    a program may begin a line. In a word so long that it may be broken in two, one stands behind it as well.
    """

    def mark(found: re.Match[str]) -> str:
        at, sign = found.start(), found[0]
        if fold(INVISIBLE.sub("", found[2])) not in BY_WORD:
            return sign
        before = BLANKS.split(text[max(0, at - LONG_WORD) : at])[-1]
        after = BLANKS.split(text[at : at + LONG_WORD])[0]
        if len(before) + len(after) >= LONG_WORD and sign in "#№＃":
            return f"\\{sign}\\"
        return sign if WITHIN.search(INVISIBLE.sub("", before)) else f"\\{sign}"  # https://film.example/#help

    return SIGNED.sub(mark, text)


def unescaped(text: str) -> str:
    """A text as it goes to the customer: without the backslashes that kept its signs from making commands."""

    def plain(found: re.Match[str]) -> str:
        return found[1] if fold(INVISIBLE.sub("", found[2])) in BY_WORD else found[0]

    return MARKED.sub(plain, ESCAPED.sub(r"\1", text)) if "\\" in text else text


def parse(text: str, policy: Policy, today: date) -> Parsed:
    """The commands of a letter's own text, or all that is wrong with it. `today` is the desk's day, for dates such as «завтра»."""
    commands: list[Command] = []
    wrong: list[Wrong] = []
    bodies: list[list[str]] = [[]]
    foreign = ""  # the command whose text, down to the end of the letter, is somebody else's
    for number, line in enumerate(text.splitlines(), 1):
        if len(wrong) >= MOST_WRONG or len(commands) >= MOST_COMMANDS:
            wrong += [] if wrong else [Wrong(line=number, reason="too_many", what=str(MOST_COMMANDS))]
            break
        found = line_of(line)
        if not found:
            near = NEAR.match(INVISIBLE.sub("", line)) if SIGN.search(line) else None
            if near and fold(near[1]) in BY_WORD:  # a note must not reach the customer for want of a blank
                wrong.append(Wrong(line=number, reason="unclear_command", what=f"#{near[1]}"))
            bodies[-1] += [] if line.strip(BLANK) == "←" else [line]
            continue
        if foreign:
            wrong.append(Wrong(line=number, reason="foreign_command", what=foreign))
            continue
        command = BY_WORD.get(fold(found[1]))
        bodies.append([])
        if command is None:
            alike = difflib.get_close_matches(fold(found[1][:60]), BY_WORD, 1, 0.6)
            hint = "#" + (alike[0] if alike else spoken("help", policy.desk.language))
            wrong.append(Wrong(line=number, reason="unknown_command", what=found[1][:60], hint=hint))
            commands.append(Command(name="", line=number))
            continue
        argument, rest, mistake = take_argument(command, (found[2] or "").strip(), policy, number, today)
        wrong += [mistake] if mistake else []
        commands.append(Command(name=command.name, line=number, argument=argument))
        bodies[-1] += [rest] if rest else []
        foreign = found[1] if command.text == "foreign" else ""
    commands = [replace(one, text=unescaped(tidy(body))) for one, body in zip(commands, bodies[1:], strict=True)]
    wrong += [Wrong(line=o.line, reason="text_missing", what=o.name) for o in commands if o.name and BY_NAME[o.name].needs_text and not o.text]
    ordered = tuple(sorted(wrong, key=lambda one: one.line))
    return Parsed(commands=tuple(commands), above=unescaped(tidy(bodies[0])), wrong=ordered)


def take_argument(command: CommandSpec, rest: str, policy: Policy, line: int, today: date) -> tuple[str, str, Wrong | None]:
    """(value, what is left of the line, mistake)."""
    kind = command.argument
    if not kind:
        return "", rest, None
    if kind not in ("number", "address", "date", "free"):
        return take_word(command, rest, policy, line)
    value, left = rest, ""
    if kind == "number":
        digits = NUMBER.search(rest)
        value = digits[0] if digits else ""
    elif kind == "address":
        found = FOUND.search(rest[:LONGEST_ARGUMENT])
        value, left = (found[0].lower(), "") if found else ("", rest)
    elif kind == "date":
        at = moment_in(rest[:LONGEST_ARGUMENT], today)
        value, left = (at.isoformat(), "") if at else ("", rest)
    if value or (command.optional and (not rest or kind == "address")):
        return value, left, None
    reason = "unknown_argument" if rest else "argument_missing"
    return "", "", Wrong(line=line, reason=reason, what=rest or kind, hint="2026-12-31, 31.12" if kind == "date" else "")


def take_word(command: CommandSpec, rest: str, policy: Policy, line: int) -> tuple[str, str, Wrong | None]:
    """The same for an argument out of a list. Two-word names ("не воспроизводится") are understood as well."""
    known = words_for(command.argument, policy)
    parts = rest.split()
    if command.optional and len(parts) > 1 and "_" not in parts[0] and fold("_".join(parts)) not in known:
        return "", rest, None  # «#решено ошибка исправлена» is a text; an argument before a text is written with an underscore, or alone
    for length in (3, 2, 1):
        word = fold("_".join(parts[:length]))
        if word in known:
            return known[word], rest.split(None, length)[length] if len(parts) > length else "", None
    alike = {value for word, value in known.items() if parts and word[:6] == fold(parts[0])[:6]}
    if len(alike) == 1:  # «разработка» for «Отдел разработки»
        return alike.pop(), rest.split(None, 1)[1] if len(parts) > 1 else "", None
    if command.optional:
        near = difflib.get_close_matches(fold(parts[0][:60]), known, 1, 0.75) if len(parts) == 1 else []
        mistake = Wrong(line=line, reason="unknown_argument", what=parts[0], hint=near[0]) if near else None
        return "", rest, mistake
    allowed = allowed_words(known, policy.desk.language)
    if not parts:
        return "", "", Wrong(line=line, reason="argument_missing", what=command.argument, hint=allowed)
    near = difflib.get_close_matches(fold(parts[0][:60]), known, 1, 0.6)
    return "", "", Wrong(line=line, reason="unknown_argument", what=parts[0], hint=near[0] if near else allowed)


def allowed_words(known: dict[str, str], language: str) -> str:
    """One word for each value that an argument may have, in the language of the desk where there is one."""
    return ", ".join(dict.fromkeys(in_words(known, language).values()))


def in_words(known: dict[str, str], language: str) -> dict[str, str]:
    """Each value that an argument may have, and a word for it in that language where there is one."""
    cyrillic = {value: word for word, value in reversed(known.items()) if not word.isascii()} if language == "ru" else {}
    return {value: cyrillic.get(value, value) for value in dict.fromkeys(known.values())}


def spoken(name: str, language: str) -> str:
    """The word of a command as its people say it: #решено, #resolve."""
    return next(word for word in BY_NAME[name].words if word.isascii() is not (language == "ru"))


def button_of(name: str, terms: Terms) -> tuple[str, str]:
    """(command word, caption of its button)."""
    return spoken(name, terms.language), terms.commands[name].button


def fold(word: str) -> str:
    """Case, ё and dashes do not matter in a command's words."""
    return word.strip(".,:;!\"'«»()").lower().replace("ё", "е").replace("-", "_")


def tidy(lines: list[str]) -> str:
    """Text without the blank lines around it; inside, as written."""
    return "\n".join(line.rstrip() for line in lines).strip()
