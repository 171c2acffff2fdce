"""Sample contexts for every template, so that `Templates.check` and people can see each one rendered.

`SAID` has the values by field name; a context is filled from them by the types of its fields. `full` has all,
`bare` only what has no default, `machine` has no person's text, each flag is switched once, and `nasty` has
markup, HTML, line breaks and terminal escapes wherever a person may choose the words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import EnumType
from typing import Any, get_args, get_origin, get_type_hints

from msgspec import UNSET, structs

from bot.model import Ground, Priority, Resolution, Status, Value, Waiting
from bot.rendering import contexts
from bot.rules.schema import Clauses

AT = datetime(2026, 11, 22, 14, 45, tzinfo=UTC)
MAIL = "mailto:support+12-a3-k7q2mzn4xw5rtbvc@providence.film?subject=%5BPF-12%5D&body=%23take"
NASTY = (
    "**a** [b](https://evil.example) <script>x</script> {{ 7 * 7 }} {% if %}\r\nBcc: x@evil.example\n\n---\n## h\n- l\n> q\n"
    "[[x|javascript:x]] \x1b[31m \ue000\u202e"
)
HARMLESS = {"language", "tag"}  # the only strings that nobody outside the desk can influence

BOTH: dict[str, Any] = {
    "tag": "PF-12", "number": 12, "count": 37,
    "Line.number": 2, "at": AT, "opened": AT, "due": AT + timedelta(days=1),
    "until": AT + timedelta(days=1), "opens_at": AT + timedelta(hours=16, minutes=15), "leaves": AT, "status": Status.created,
    "waiting_for": Waiting.nobody, "priority": Priority.high, "requester_email": "ivan.petrov@example.com",
    "to": "ivan.petrov@example.com", "address": "support@providence.film", "DeskView.url": "https://providence.film",
    "regulation_url": "https://providence.film/support-regulation", "Button.url": MAIL,
    "TicketLine.url": MAIL, "clause": "4.6", "Finding.clause": "2.1",
    "DeskView.clauses": Clauses(outage="2.1", development="2.2", answer_time="2.3", scope="3.1", obtain_service="3.3",
                                request="4.2", number="4.3", screenshots="4.5", hours="7"),
    "rule": "outage", "software": "Chrome 98", "missing": ("description", "environment", "screenshot"), "joined": "unconfirmed", "size": 1_258_291,
    "accepted": False, "why": "format", "linked": ("PF-7",), "other": "PF-9", "marked": (2,), "defects": ("charset",), "labels": (),
    "type": "image/png", "picture": "days.png", "resolution": None, "links": {"install": "https://providence.film/install", "obtain": "https://providence.film/protection"},
}  # fmt: skip
SAID: dict[str, dict[str, Any]] = {
    "ru": {
        "DeskView.name": "Служба технической поддержки providence.film", "hours": "каждый день с 10:00 до 22:00 по московскому времени",
        "PublicEntry.name": "Иван Петров", "requester_name": "Иван Петров", "owner": "Анна", "agent": "Анна",
        "subject": "Не открывается фильм",
        "PublicEntry.text": "Не открывается фильм: крутится колесо,\nпотом «Ошибка 1007».\n\n> Chrome 131, Windows 11",
        "evidence": "хром 98 версии",
        "text": "Мы нашли причину: вчера сбился один из серверов.\n\nПроверьте, пожалуйста: https://providence.film/check?a=1&b=2.",
        "CommandError.text": "Мы нашли причину.\n#решно\n\nПроверьте, пожалуйста.",
        "Attachment.name": "отчёт.exe", "forwarded_to": "Отдел разработки", "department": "Отдел разработки",
        "minimum": ("Chrome 109 и новее",), "announcement": "Сейчас у части зрителей не открываются фильмы.",
        "changes": ("31 декабря — с 10:00 до 16:00",), "Preview.files": ("инструкция.pdf",), "what": "приоритет: высокий",
        "earlier": ("PF-3 (Выполнено, Решена): Нет звука",), "answered": "регистрация обращения", "unanswered": "",
        "author": "Иван Петров (пользователь)", "TicketLine.title": "PF-3: Нет звука",
        "facts": "высокий · В работе · Анна",
        "label": "Взять в работу", "say": "#взять", "done": ("Статус заявки: Выполнено (Решена)",), "line": "#решно",
        "reason": "нет такой команды", "hint": "Может быть, #решено?", "title": "Письмо отложено: его не удалось обработать",
        "details": ("Причина: timeout",),
        "commands": (("#взять, #take", "взять обращение себе"), ("#заметка, #note", "заметка для своих")),
    },
    "en": {
        "DeskView.name": "providence.film Support", "hours": "every day from 10:00 to 22:00 Moscow time",
        "PublicEntry.name": "John Smith", "requester_name": "John Smith", "owner": "Anna", "agent": "Anna",
        "subject": "The film does not open", "evidence": "chrome version 98",
        "PublicEntry.text": "The film does not open: the wheel spins,\nthen “Error 1007”.\n\n> Chrome 131, Windows 11", "unanswered": "",
        "text": "We have found the cause: a server failed last night.\n\nPlease check: https://providence.film/check?a=1&b=2.",
        "CommandError.text": "We have found the cause.\n#reslove\n\nPlease check.",
        "Attachment.name": "report.exe", "forwarded_to": "Development", "department": "Development", "minimum": ("Chrome 109 and newer",),
        "announcement": "Some viewers cannot open films at the moment.", "changes": ("31 December: 10:00 to 16:00",),
        "Preview.files": ("manual.pdf",), "what": "priority: high", "earlier": ("PF-3 (Done, Solved): No sound",),
        "answered": "acknowledgement", "author": "John Smith (customer)",
        "TicketLine.title": "PF-3: No sound", "facts": "high · In progress · Anna",
        "label": "Take it", "say": "#take", "done": ("Status: Done (Solved)",), "line": "#reslove",
        "reason": "no such command", "hint": "Did you mean #resolve?", "title": "A letter is parked: it could not be handled",
        "details": ("Reason: timeout",), "commands": (("#take, #взять", "take the ticket"), ("#note, #заметка", "a note for the staff")),
    },
}  # fmt: skip

KINDS: dict[str, type[contexts.Context]] = {
    "acknowledgement": contexts.Acknowledgement, "ground": contexts.GroundLetter, "topic": contexts.TopicLetter,
    "notice": contexts.Notice, "receipt": contexts.Receipt, "command_error": contexts.CommandError, "kept": contexts.Kept,
    "confirm": contexts.Confirm, "escalation": contexts.Handed, "help": contexts.Help, "alert": contexts.Alert,
    "case": contexts.Shown, "digest": contexts.Digest, "gathered": contexts.Gathered,
    "score": contexts.ScoreLetter, "report": contexts.Report, "too_large": contexts.TooLarge,
}  # fmt: skip


def cases(name: str, language: str) -> Iterator[tuple[str, contexts.Context]]:
    """The cases of a template as (what it shows, context). A language without words of its own here gets the English ones."""
    kind = KINDS.get(name) or KINDS.get(name.partition("_")[0], contexts.AgentLetter)
    words = BOTH | SAID.get(language, SAID["en"]) | {"language": language} | _of(name)
    full = _fill(kind, words)
    yield "full", full
    yield "bare", _fill(kind, {**words, "requester_name": "", "subject": "", "regulation_url": "", "hours": ""}, bare=True)
    for field in structs.fields(kind):
        if isinstance(field.default, bool):
            yield field.name, structs.replace(full, **{field.name: not field.default})
    if issubclass(kind, contexts.GroundLetter | contexts.AgentLetter | contexts.Handed):
        asked = structs.replace(full, text="", agent="", history=())
        yield "machine", asked
        if kind is contexts.GroundLetter:
            yield "first", structs.replace(asked, first=True)
            yield "closed", structs.replace(asked, refused=True)
    yield "nasty", _fill(kind, {key: _nasty(key, value) for key, value in words.items()})


def _of(name: str) -> dict[str, Any]:
    """What a template's name says about its ticket."""
    kind, _, which = name.partition("_")
    if kind == "ground":
        waits = which != Ground.needs_development
        return {"status": Status.clarification if waits else Status.in_progress, "ground": Ground(which)}
    if kind == "resolved":
        score = tuple(contexts.Button(label=str(mark), url=MAIL, say=str(mark)) for mark in range(1, 6))
        return {"status": Status.done, "resolution": Resolution(which), "clause": "", "score": score}
    states = {"closed_silence": Status.done, "outage_over": Status.done, "clarify": Status.clarification, "reminder": Status.clarification}
    return {"status": states[name]} if name in states else {}


def _fill(kind: type[Any], words: Mapping[str, Any], *, bare: bool = False) -> Any:
    """The struct filled from `words`, by its class and field, its field, or the type of its field."""
    hints, values = get_type_hints(kind), {}
    for field in structs.fields(kind):
        if field.required or not (bare or isinstance(field.default, bool)):
            values[field.name] = _value(kind.__name__, field.name, hints[field.name], words, bare)
    return kind(**values)


def _value(owner: str, field: str, hint: Any, words: Mapping[str, Any], bare: bool) -> Any:
    found = words.get(f"{owner}.{field}", words.get(field, UNSET))
    if found is not UNSET and (get_origin(hint) is tuple) == isinstance(found, tuple):
        return found
    if get_origin(hint) is tuple:
        return (_value(owner, field + "[]", get_args(hint)[0], words, bare),)
    real = next((one for one in get_args(hint) if one is not type(None)), hint)
    if isinstance(real, type) and issubclass(real, Value):
        return _fill(real, words, bare=bare)
    return next(iter(real)) if isinstance(real, EnumType) else real()


def _nasty(key: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_nasty(key, one) for one in value)
    return NASTY if isinstance(value, str) and type(value) is str and key not in HARMLESS else value
