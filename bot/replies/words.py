"""The desk's words in Russian and English: statuses, resolutions, grounds, dates, sizes, plurals, clauses.

A language without words of its own here (a company may add templates in a third one) gets the English ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from enum import StrEnum

from bot.model import Ground, Priority, Resolution, Status, Waiting

Words = dict[type[StrEnum], dict[str, tuple[str, str]]]

# Clauses 4.6, 5.1 and 5.2 in the words of the regulation, as the staff reads them: (Russian, English).
WORDS: Words = {
    Status: {
        Status.created: ("Создана", "Created"),
        Status.in_progress: ("В работе", "In progress"),
        Status.clarification: ("Уточнение", "Clarification"),
        Status.done: ("Выполнено", "Done"),
    },
    Resolution: {
        Resolution.solved: ("Решена", "Solved"),
        Resolution.not_reproducible: ("Не воспроизводится", "Not reproducible"),
        Resolution.user_error: ("Ошибка пользователя", "User error"),
        Resolution.infrastructure: ("Инфраструктура", "Infrastructure"),
        Resolution.complaint: ("Жалоба", "Complaint"),
    },
    Ground: {
        Ground.not_reproducible: ("невозможно повторить описанную проблему", "the problem cannot be reproduced"),
        Ground.outdated_software: ("устаревшее программное обеспечение", "outdated software"),
        Ground.insufficient_information: ("недостаточно информации", "insufficient information"),
        Ground.needs_development: ("нужна доработка или обновление Сервиса", "needs development or an update"),
        Ground.requirements_violated: ("нарушены технические требования", "technical requirements not met"),
        Ground.unofficial_version: ("неофициальная версия программного продукта", "unofficial version"),
        Ground.out_of_scope: ("вопрос вне рамок технической поддержки", "outside the scope of support"),
        Ground.unconstructive: ("неконструктивное обсуждение", "unconstructive discussion"),
        Ground.abusive_language: ("нецензурная лексика или оскорбления", "obscene or abusive language"),
        Ground.low_priority: ("низкий приоритет", "low priority"),
    },
    Priority: {
        Priority.low: ("низкий", "low"),
        Priority.medium: ("средний", "medium"),
        Priority.high: ("высокий", "high"),
    },
    Waiting: {
        Waiting.nobody: ("никого не ждёт", "waiting for nobody"),
        Waiting.requester: ("ждёт пользователя", "waiting for the requester"),
        Waiting.department: ("ждёт другой отдел", "waiting for a department"),
    },
}

# Where the regulation's own word would blame or puzzle the one who asked (clause 5.1, letter г).
TACTFUL: Words = {
    Resolution: {
        Resolution.solved: ("решена", "solved"),
        Resolution.not_reproducible: ("не воспроизводится", "not reproducible"),
        Resolution.user_error: ("не является дефектом Сервиса", "not a defect of the Service"),
        Resolution.infrastructure: ("причина вне Сервиса", "the cause lies outside the Service"),
        Resolution.complaint: ("претензия рассмотрена", "complaint reviewed"),
    },
    Waiting: {
        Waiting.nobody: ("", ""),
        Waiting.requester: ("ждём Вашего ответа", "waiting for your reply"),
        Waiting.department: ("ждём ответа другого отдела", "waiting for another department"),
    },
}

MONTHS_RU = ("января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря")
MONTHS_EN = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
SIZES_RU, SIZES_EN = ("КБ", "МБ", "ГБ"), ("KB", "MB", "GB")

GREETING = re.compile(
    r"\s*(?:[^\W\d_][^,\n!?.]{0,39},\s*)?"
    r"(здравствуй|добр(ый|ое|ого|ой)\b|привет|уважаем|hello\b|hi\b|dear\b|good (morning|day|afternoon|evening)\b)",
    re.IGNORECASE,
)


def greeting(text: str) -> bool:
    """Whether a person's text greets by itself, so that the letter must not greet twice."""
    return GREETING.match(text) is not None


def word(value: StrEnum, language: str, *, tactful: bool = False) -> str:
    """The regulation's word for a status, resolution, ground, priority or waiting; `tactful` for requesters. KeyError for another enum."""
    kind = type(value)
    pair = TACTFUL.get(kind, {}).get(value) if tactful else None
    return (pair or WORDS[kind][value])[language != "ru"]


def zone_name(at: datetime, language: str) -> str:
    """The zone's usual short name at that moment: МСК, MSK, CET; UTC+5 where the zone has none."""
    name = at.tzname() or ""
    if name == "MSK" and language == "ru":
        return "МСК"
    if name[:1] not in ("+", "-"):
        return name
    return f"UTC{name[:1]}{name[1:3].lstrip('0') or '0'}{':' + name[-2:] if name[3:].strip(':0') else ''}"


def day(at: date, language: str, *, year: bool = True) -> str:
    """22 ноября 2026 года; 22 November 2026."""
    if language == "ru":
        return f"{at.day} {MONTHS_RU[at.month - 1]}" + (f" {at.year} года" if year else "")
    return f"{at.day} {MONTHS_EN[at.month - 1]}" + (f" {at.year}" if year else "")


def when(at: datetime, zone: tzinfo, language: str, *, year: bool = True) -> str:
    """22 ноября 2026 года в 17:45 (МСК); 22 November 2026 at 17:45 (MSK). Takes an aware datetime, ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no timezone")
    local = at.astimezone(zone)
    return f"{day(local, language, year=year)} {'в' if language == 'ru' else 'at'} {local:%H:%M} ({zone_name(local, language)})"


def size(octets: int, language: str) -> str:
    """A size in bytes as people say it: 340 КБ, 1,2 МБ; never less than 1 КБ."""
    amount, units = max(octets, 1024) / 1024, SIZES_RU if language == "ru" else SIZES_EN
    step = 0
    while amount >= 999.5 and step < len(units) - 1:
        amount, step = amount / 1024, step + 1
    shown = f"{amount:.1f}" if step and amount < 10 else f"{amount:.0f}"
    return f"{shown.replace('.', ',') if language == 'ru' else shown} {units[step]}"


def left_out(names: Sequence[str], language: str) -> str:
    """What a letter says of files that could not go along."""
    words = "Не удалось приложить" if language == "ru" else "We could not attach"
    return f"{words}: {', '.join(names)}."


def plural(count: int, *forms: str) -> str:
    """The count with its noun: three Russian forms (файл, файла, файлов) or two English ones (file, files)."""
    if len(forms) == 3:
        one, few = count % 10 == 1 and count % 100 != 11, 2 <= count % 10 <= 4 and not 12 <= count % 100 <= 14
        return f"{count} {forms[0 if one else 1 if few else 2]}"
    return f"{count} {forms[count != 1]}"


def clause(number: str, language: str) -> str:
    """п. 4.6 Регламента; clause 4.6 of the Support Regulation."""
    return f"п. {number} Регламента" if language == "ru" else f"clause {number} of the Support Regulation"
