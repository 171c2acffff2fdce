"""The desk's own words in one language: statuses, dates, working hours, help, and the lines of letters and reports.

They come from `templates/LANGUAGE/terms.yaml`. Pure: the caller reads the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from string import Formatter
from typing import Any

import msgspec
from msgspec.structs import replace
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from bot.model import Ground, Priority, Resolution, Status, Value, Waiting
from bot.rules.calendar import HoursTerms

FILE = "terms.yaml"
GREETING = re.compile(
    r"\s*(?:[^\W\d_][^,\n!?.]{0,39},\s*)?"
    r"(здравствуй|добр(ый|ое|ого|ой)\b|привет|уважаем|hello\b|hi\b|dear\b|good (morning|day|afternoon|evening)\b)",
    re.IGNORECASE,
)


class TermsError(ValueError):
    """A terms.yaml cannot be used; `line` is 0 if it concerns no single line."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class Strict(Value, frozen=True, forbid_unknown_fields=True):
    """A part of the file; an unknown key is a mistake."""


class ToRequesters(Strict, frozen=True):
    """What requesters read where the regulation's word would blame or puzzle them (clause 5.1, г)."""

    resolution: dict[Resolution, str]
    waiting_for: dict[Waiting, str]
    ground: dict[Ground, str] = {}


class Dates(Strict, frozen=True):
    """How a day, a moment and a span of time are written."""

    months: list[str]
    date: str  # {day} {month}
    year: str  # {day} {month} {year}
    moment: str  # {date} {time} {zone}
    span: str  # hours, minutes
    zones: dict[str, str] = {}  # a zone's short name -> what people here call it


class CommandTerms(Strict, frozen=True):
    """What agents read about a command."""

    help: str
    button: str = ""


class Terms(Strict, frozen=True):
    """See the module. `language` is the folder that the file was found in."""

    status: dict[Status, str]
    resolution: dict[Resolution, str]
    ground: dict[Ground, str]
    priority: dict[Priority, str]
    waiting_for: dict[Waiting, str]
    to_requesters: ToRequesters
    dates: Dates
    sizes: list[str]
    decimal: str
    hours: HoursTerms
    commands: dict[str, CommandTerms]
    lines: dict[str, str]
    language: str = ""

    def say(self, code: str, *values: object) -> str:
        """The line with that code and its values; or the word for a status, resolution, ground or priority.

        An unknown code is shown as it is.
        """
        if line := self.lines.get(code):
            return line.format(*values)
        if isinstance(code, StrEnum):
            return self.word(code)
        return next((words[code] for words in self.words().values() if code in words), code)

    def word(self, value: StrEnum, *, tactful: bool = False) -> str:
        """The regulation's word for a value; `tactful` for requesters. KeyError for another enum."""
        tactful_words: Any = getattr(self.to_requesters, _name(type(value)), {}) if tactful else {}
        known = self.words()[type(value)]
        return str(tactful_words.get(value) or known.get(value) or value.replace("_", " "))  # rules.yaml had it once

    def words(self) -> dict[type[StrEnum], Any]:
        """The words of each closed list."""
        return {kind: getattr(self, _name(kind)) for kind in (Status, Resolution, Ground, Priority, Waiting)}

    def day(self, at: date, *, year: bool = True) -> str:
        """22 ноября 2026 года; 22 November 2026."""
        form = self.dates.year if year else self.dates.date
        return form.format(day=at.day, month=self.dates.months[at.month - 1], year=at.year)

    def when(self, at: datetime, zone: tzinfo, *, year: bool = True) -> str:
        """22 November 2026 at 17:45 (MSK). Takes an aware datetime, ValueError for a naive one."""
        if at.tzinfo is None:
            raise ValueError(f"{at} has no timezone")
        local = at.astimezone(zone)
        day, name = self.day(local, year=year), self.zone_name(local)
        return self.dates.moment.format(date=day, time=f"{local:%H:%M}", zone=name)

    def zone_name(self, at: datetime) -> str:
        """The zone's usual short name at that moment: МСК, MSK, CET; UTC+5 if it has none."""
        name = at.tzname() or ""
        if name[:1] not in ("+", "-"):
            return self.dates.zones.get(name, name)
        return f"UTC{name[:1]}{name[1:3].lstrip('0') or '0'}{':' + name[-2:] if name[3:].strip(':0') else ''}"

    def span(self, span: timedelta) -> str:
        """47 h 05 min."""
        return self.dates.span.format(*divmod(round(span.total_seconds() / 60), 60))

    def number(self, value: float, digits: int = 1) -> str:
        """A fraction with the language's decimal sign."""
        return f"{value:.{digits}f}".replace(".", self.decimal)

    def size(self, octets: int) -> str:
        """A size in bytes as people say it: 340 КБ, 1,2 МБ; never less than 1 КБ."""
        amount, step = max(octets, 1024) / 1024, 0
        while amount >= 999.5 and step < len(self.sizes) - 1:
            amount, step = amount / 1024, step + 1
        return f"{self.number(amount, 1 if step and amount < 10 else 0)} {self.sizes[step]}"


def read_terms(source: str, language: str) -> Terms:
    """The terms of a file. Raises TermsError with what is wrong and, if it is known, the line."""
    try:
        return replace(msgspec.convert(YAML(typ="safe").load(source), Terms), language=language)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise TermsError(f"is not YAML: {error.problem or error.context}", mark.line + 1 if mark else 0) from None
    except YAMLError as error:
        raise TermsError(f"is not YAML: {str(error).splitlines()[0]}") from None
    except msgspec.ValidationError as error:
        raise TermsError(str(error).replace("`$.", "`").replace("`$`", "the top of the file")) from None


def mistakes(terms: Terms, others: Sequence[Terms]) -> Iterator[str]:
    """What a file lacks that other languages have, and lines with other values than in the first of these."""
    for kind, words in terms.words().items():
        yield from (f"{_name(kind)}.{one} is missing" for one in kind if one not in words)
    if len(terms.dates.months) != 12 or len(terms.hours.days) != 7 or not terms.sizes:
        yield "dates.months needs 12 names, hours.days 7, sizes at least one"
    for code, line in terms.lines.items():
        found, wanted = _values(line), _values(others[0].lines.get(code, line)) if others else None
        if found is None:
            yield f"lines.{code}: a value is written {{}}, or {{0}}, {{1}} …: {line}"
        elif wanted is not None and found != wanted:
            yield f"lines.{code} has {len(found)} values, in {others[0].language}/{FILE} it has {len(wanted)}"
    for other in others:
        yield from (f"commands.{one} is missing; {other.language}/{FILE} has it" for one in other.commands if one not in terms.commands)
        yield from (f"lines.{one} is missing; {other.language}/{FILE} has it" for one in other.lines if one not in terms.lines)


def _values(line: str) -> list[str] | None:
    """The places of a line's values, in order; None if its braces make no sense."""
    try:
        names = [name + (form or "") for _, name, form, _ in Formatter().parse(line) if name is not None]
    except ValueError:
        return None
    return sorted(name or str(at) for at, name in enumerate(names)) if all(not one or one.isdigit() for one in names) else None


def _name(kind: type[StrEnum]) -> str:
    """The key that has the words of an enum."""
    return "waiting_for" if kind is Waiting else kind.__name__.lower()


def plural(count: int, *forms: str) -> str:
    """The count with its noun: three Russian forms (файл, файла, файлов) or two English ones (file, files)."""
    if len(forms) == 3:
        one, few = count % 10 == 1 and count % 100 != 11, 2 <= count % 10 <= 4 and not 12 <= count % 100 <= 14
        return f"{count} {forms[0 if one else 1 if few else 2]}"
    return f"{count} {forms[count != 1]}"


def greeting(text: str) -> bool:
    """Whether a person's text greets by itself, so that the letter must not greet twice."""
    return GREETING.match(text) is not None


def sentence(line: str) -> str:
    """The line with a capital at its start; a command or a quotation stays as it is."""
    return line[:1].upper() + line[1:]
