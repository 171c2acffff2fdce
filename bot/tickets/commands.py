"""An agent's letter as commands: `#word argument`, each on its own line, with the text below (design, section 8).

`parse` reads the whole letter first. It gives commands, or every wrong line with its reason and the nearest right word.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from bot.model import Ground, Priority, Resolution, Value
from bot.policy import Policy

LINE = re.compile(r"^[\s>*•·‣◦–—-]{0,8}(?:\d{1,2}[.)]\s*)?[#№＃]\s?([^\W\d_][\w-]*)[.,:;]?[^\S\n]*(.*)$")
ESCAPED = re.compile(r"^(\s*)\\(?=[#№])")


class Command(Value, frozen=True):
    """A command word: what it takes, and where its text goes."""

    name: str
    words: tuple[str, ...]  # every spelling, Russian and English
    argument: str = ""  # resolution, ground, department, priority, agent, number
    optional: bool = False
    text: str = "none"  # none, customer, inside, department
    needs_text: bool = False
    help_ru: str = ""
    help_en: str = ""


class Order(Value, frozen=True):
    """One command of a letter, understood."""

    name: str
    line: int  # 1 is the first line of the letter's own text
    argument: str = ""
    text: str = ""
    customer: bool = False


class Wrong(Value, frozen=True):
    """A line that cannot be carried out. `reason` is a word of the templates, `what` the offending word, `hint` the way out."""

    line: int
    reason: str
    what: str = ""
    hint: str = ""


class Parsed(Value, frozen=True):
    """A whole command letter: orders in their order, the text above the first, and everything that is wrong."""

    orders: tuple[Order, ...] = ()
    above: str = ""
    wrong: tuple[Wrong, ...] = ()


COMMANDS = (
    Command(name="take", words=("take", "взять", "беру"), help_ru="взять обращение себе", help_en="make the ticket yours"),
    Command(
        name="reply",
        words=("reply", "answer", "ответ", "ответить"),
        text="customer",
        needs_text=True,
        help_ru="отправить ответ; текст — строками ниже",
        help_en="send an answer; its text stands below",
    ),
    Command(
        name="clarify",
        words=("clarify", "ask", "уточнить", "уточнение"),
        argument="ground",
        optional=True,
        text="customer",
        needs_text=True,
        help_ru="задать вопрос и ждать ответа; срок останавливается",
        help_en="ask and wait for the answer; the clock stops",
    ),
    Command(
        name="resolve",
        words=("resolve", "solved", "close", "решено", "решить", "закрыть"),
        argument="resolution",
        optional=True,
        text="customer",
        help_ru="закрыть: решена, не_воспроизводится, ошибка_пользователя, инфраструктура, жалоба",
        help_en="close: solved, not_reproducible, user_error, infrastructure, complaint",
    ),
    Command(
        name="refuse",
        words=("refuse", "отказать", "отказ"),
        argument="ground",
        text="customer",
        help_ru="отказать по основанию п. 4.6; основание — словом после команды",
        help_en="refuse on a ground of clause 4.6, named after the command",
    ),
    Command(
        name="note",
        words=("note", "заметка", "note_to_self"),
        text="inside",
        needs_text=True,
        help_ru="внутренняя заметка, клиент её не увидит",
        help_en="an internal note; the customer never sees it",
    ),
    Command(
        name="escalate",
        words=("escalate", "передать", "эскалация"),
        argument="department",
        text="department",
        help_ru="передать в отдел: разработка, партнёры; клиенту уйдёт уведомление",
        help_en="pass on to a department; the customer is told",
    ),
    Command(
        name="priority",
        words=("priority", "приоритет"),
        argument="priority",
        help_ru="приоритет: высокий, средний, низкий",
        help_en="priority: high, medium, low",
    ),
    Command(name="assign", words=("assign", "назначить"), argument="agent", help_ru="назначить сотруднику", help_en="give the ticket to an agent"),
    Command(
        name="free",
        words=("free", "release", "вернуть_в_очередь", "освободить"),
        help_ru="вернуть обращение в очередь",
        help_en="give the ticket back to the queue",
    ),
    Command(name="reopen", words=("reopen", "вернуть", "открыть"), help_ru="снова открыть закрытое обращение", help_en="open a closed ticket again"),
    Command(name="spam", words=("spam", "спам"), help_ru="закрыть молча как спам", help_en="close silently as spam"),
    Command(
        name="show",
        words=("show", "показать"),
        argument="number",
        optional=True,
        help_ru="прислать обращение целиком",
        help_en="send the whole ticket",
    ),
    Command(
        name="undo",
        words=("undo", "отмена", "отменить"),
        help_ru="отменить последнее письмо с командами, пока оно не ушло",
        help_en="take the last command letter back while it has not left",
    ),
    Command(name="send", words=("send", "отправить"), help_ru="отправить сохранённый текст клиенту", help_en="send the kept text to the customer"),
    Command(name="help", words=("help", "помощь", "справка"), help_ru="этот список", help_en="this list"),
)
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
    tables: dict[str, Mapping[Any, tuple[str, ...]]] = {"resolution": RESOLUTIONS, "ground": GROUNDS, "priority": PRIORITIES}
    if argument in tables:
        return {word: value.value for value, words in tables[argument].items() for word in words}
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


def parse(text: str, policy: Policy) -> Parsed:
    """The commands of a letter's own text, or all that is wrong with it."""
    orders: list[Order] = []
    wrong: list[Wrong] = []
    bodies: list[list[str]] = [[]]
    for number, line in enumerate(text.splitlines(), 1):
        found = LINE.match(line)
        if not found:
            bodies[-1].append(ESCAPED.sub(r"\1", line))
            continue
        command = BY_WORD.get(fold(found[1]))
        bodies.append([])
        if command is None:
            near = difflib.get_close_matches(fold(found[1]), BY_WORD, 1, 0.6)
            wrong.append(Wrong(line=number, reason="unknown_command", what=found[1], hint="#" + near[0] if near else "#help"))
            orders.append(Order(name="", line=number))
            continue
        argument, rest, mistake = take_argument(command, found[2].strip(), policy, number)
        wrong += [mistake] if mistake else []
        orders.append(Order(name=command.name, line=number, argument=argument, customer=command.text == "customer"))
        bodies[-1] += [rest] if rest else []
    orders = [
        Order(name=o.name, line=o.line, argument=o.argument, customer=o.customer, text=tidy(b)) for o, b in zip(orders, bodies[1:], strict=True)
    ]
    wrong += [Wrong(line=o.line, reason="text_missing", what=o.name) for o in orders if o.name and BY_NAME[o.name].needs_text and not o.text]
    return Parsed(orders=tuple(orders), above=tidy(bodies[0]), wrong=tuple(sorted(wrong, key=lambda one: one.line)))


def take_argument(command: Command, rest: str, policy: Policy, line: int) -> tuple[str, str, Wrong | None]:
    """(value, what is left of the line, mistake). Two-word names ("не воспроизводится") are understood as well."""
    if not command.argument:
        return "", rest, None
    if command.argument == "number":
        digits = re.search(r"\d+", rest)
        return (digits[0] if digits else ""), "", None
    known = words_for(command.argument, policy)
    parts = rest.split()
    if command.optional and len(parts) > 1 and "_" not in parts[0] and fold("_".join(parts)) not in known:
        return "", rest, None  # «#решено ошибка исправлена» is a text; an argument before a text is written with an underscore, or alone
    for length in (3, 2, 1):
        word = fold("_".join(parts[:length]))
        if len(parts) >= length and word in known:
            return known[word], rest.split(None, length)[length] if len(parts) > length else "", None
    alike = {value for word, value in known.items() if parts and len(parts[0]) > 5 and word[:6] == fold(parts[0])[:6]}
    if len(alike) == 1:  # «разработка» for «Отдел разработки»
        return alike.pop(), rest.split(None, 1)[1] if len(parts) > 1 else "", None
    if command.optional:
        near = difflib.get_close_matches(fold(parts[0]), known, 1, 0.75) if len(parts) == 1 else []
        mistake = Wrong(line=line, reason="unknown_argument", what=parts[0], hint=near[0]) if near else None
        return "", rest, mistake
    allowed = ", ".join(dict.fromkeys(known[word] for word in known))
    if not parts:
        return "", "", Wrong(line=line, reason="argument_missing", what=command.argument, hint=allowed)
    near = difflib.get_close_matches(fold(parts[0]), known, 1, 0.6)
    return "", "", Wrong(line=line, reason="unknown_argument", what=parts[0], hint=near[0] if near else allowed)


def fold(word: str) -> str:
    """Case, ё and dashes do not matter in a command's words."""
    return word.strip(".,:;!\"'«»()").lower().replace("ё", "е").replace("-", "_")


def tidy(lines: list[str]) -> str:
    """Text without the blank lines around it; inside, as written."""
    return "\n".join(line.rstrip() for line in lines).strip("\n").strip()
