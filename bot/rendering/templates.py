"""Templates: a name and a context in, a letter's subject and body out. Text and HTML are made from the body.

A template is `LANGUAGE/NAME.txt`: "Subject: …", a blank line, the body in the markup of `model.markup`, all
of it jinja. Files that begin with `_` are pieces to include; `layout.html` encloses every HTML part. Pure:
the caller reads the files and hands them over; a changed file means a new `Templates`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from difflib import get_close_matches
from enum import Enum, StrEnum
from functools import lru_cache
from itertools import product
from traceback import walk_tb
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import FunctionLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError, pass_context
from jinja2.runtime import Context as Names
from jinja2.runtime import Undefined
from markupsafe import Markup

from bot.model import Ground, Resolution, Value, Wording, markup
from bot.rendering.bounded import Bounded, TooMuchError
from bot.rendering.contexts import Context, ToRequester
from bot.rendering.outcomes import OWN, letters_of, named
from bot.rendering.samples import NASTY, cases
from bot.rendering.terms import FILE, Terms, TermsError, greeting, plural, read_terms
from bot.rendering.terms import mistakes as term_mistakes

REQUIRED = (
    "acknowledgement",
    *(f"ground_{ground}" for ground in Ground),
    *("topic_hours", "topic_obtain_service", "topic_outage"),
    *("reply", "clarify", "escalated", "update_out", "outage_over", "reminder", "closed_silence", "reopened", "merged", "transcript", "status"),
    *(f"resolved_{resolution}" for resolution in Resolution),
    *("notice_new", "notice_update", "receipt", "command_error", "kept", "confirm", "help", "escalation"),
    *("alert", "case", "digest", "gathered", "score", "report", "too_large"),
)
SPEAKING = ("reply", "clarify", "update_out", "ground_", "resolved_")  # the letters that agents write
SUBJECT_LIMIT = 200  # characters; mail programs show fewer
SUBJECT = "Subject:"
LAYOUT = "layout.html"
Within = Callable[[], AbstractContextManager[object]]  # stands around a sample; may raise TooMuchError in it
OPTIONS: dict[str, Any] = {"undefined": StrictUndefined, "cache_size": -1, "auto_reload": False}

# A line that has only tags leaves no empty line (a comment keeps the line count for error messages).
# Jinja's own trim_blocks would also join the next line to a sentence that ends in {% endif %}.
TAG_LINE = re.compile(r"^[ \t]*((?:\{%(?:(?!%\})[^\n])*%\}|\{#(?:(?!#\})[^\n])*#\})+)[ \t]*\n", re.MULTILINE)
STAFF = re.compile(
    r"/(?:notice_|receipt|command_error|kept|confirm|help|escalation|alert|case|digest|report"
    r"|_case|_notice|_sections|_above|_buttons)"
)
PROMISE = re.compile(  # a verb about us, followed by a span of time
    r"\b(?:(?:ответ|реш|исправ|устран|почин|верн|свяж|рассмотр)\w*(?:им|ем|ём)(?:ся)?|будет\s\w+|(?:will|shall|we.ll)\s\w+)\b[^.!?\n]{0,80}?"
    r"\b(?:в\sтечение|через|за|не\sпозднее|не\sпозже|within|in)\s[^.!?\n]{0,20}?"
    r"(?:\d+|\b(?:час|сут|дня\b|минут|недел|hour|day|minute|week))",
    re.IGNORECASE,
)
URL = re.compile(r"https?://[^\s<>\"«»]*[^\s<>\"«».,;:!?)\]]")


class Rendered(Wording, frozen=True):
    """A letter's final words."""

    def put(self, old: str, new: str) -> Rendered:
        """The same letter with one value replaced by another."""
        return Rendered(subject=self.subject, body=self.body.replace(markup.literal(old), markup.literal(new)), language=self.language)


class TemplateMistake(Value, frozen=True):
    """What is wrong with a template, and where; `line` is 0 if it concerns no single line."""

    file: str
    line: int
    message: str
    limit: bool = False  # it exceeds a limit, and so may every template that includes it

    def __str__(self) -> str:
        return f"templates/{self.file}:{self.line}: {self.message}" if self.line else f"templates/{self.file}: {self.message}"


class TemplateError(Exception):
    """A template cannot be rendered; `mistake` says which, where and why."""

    def __init__(self, mistake: TemplateMistake) -> None:
        super().__init__(str(mistake))
        self.mistake = mistake


class TemplateEnvironment(Bounded):
    """Jinja for our letters: strict, limited, with literal values and pieces of the same language."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Fields of our own values are plain data; for others jinja takes five times as long."""
        if isinstance(obj, Value) and attribute in obj.__struct_fields__:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """One dictionary; jinja would look through a chain of two for every letter."""
        return {**self.globals, **(d or {})}

    def join_path(self, template: str, parent: str) -> str:
        template = super().join_path(template, parent)
        return template if "/" in template else f"{parent.partition('/')[0]}/{template}"


class Templates:
    """All templates of a desk, compiled once each.

    `files` maps "ru/acknowledgement.txt", "ru/terms.yaml", "layout.html" … to their texts (with what
    bot.rendering.outcomes adds), `sources` only those of letters; `timezone` is the desk's IANA name.
    """

    def __init__(self, files: Mapping[str, str], timezone: str) -> None:
        self.files = files
        self.sources = {file: source for file, source in files.items() if not file.endswith((FILE, OWN))}
        self._terms: dict[str, Terms] = {}
        self._languages: dict[str, tuple[str, ...]] = {}
        zone = ZoneInfo(timezone)
        self._letters = TemplateEnvironment(**OPTIONS, loader=FunctionLoader(self._source), keep_trailing_newline=True, finalize=_finalize)
        self._letters.filters.update(_filters(zone, self.terms))
        self._letters.tests["greeting"] = greeting
        self.layout = Layout(files.get(LAYOUT))

    def languages_of(self, name: str) -> tuple[str, ...]:
        """The languages that have this template."""
        if name not in self._languages:  # cached: needed for every letter
            self._languages[name] = tuple(sorted(file.partition("/")[0] for file in self.sources if file.endswith(f"/{name}.txt")))
        return self._languages[name]

    def terms(self, language: str) -> Terms:
        """The words of that language; if it has none, the English ones; without those, any.

        Raises TemplateError if they cannot be used.
        """
        known = self.all_terms()
        found = known.get(language) or known.get("en") or next(iter(known.values()), None)
        if found is None:
            raise TemplateError(_mistake(f"{language}/{FILE}", 0, "is missing: letters take their dates and words from it; copy the shipped one"))
        return found

    def all_terms(self) -> dict[str, Terms]:
        """Language -> its words. Raises TemplateError for a file that cannot be used."""
        if not self._terms:
            for file in sorted(one for one in self.files if one.endswith("/" + FILE)):
                language = file.partition("/")[0]
                try:
                    self._terms[language] = named(read_terms(self.files[file], language), self.files.get(OWN, "{}"))
                except TermsError as error:
                    self._terms.clear()
                    raise TemplateError(_mistake(file, error.line, str(error))) from None
        return self._terms

    def render(self, name: str, context: Context) -> Rendered:
        """The letter in the context's language. Raises TemplateError with file, line and what is missing."""
        file = f"{context.language}/{name}.txt"
        given = {field: getattr(context, field) for field in context.__struct_fields__}
        head, _, body = _run(self._letters, file, {**given, "tactful": isinstance(context, ToRequester)}).partition("\n")
        if not head.startswith(SUBJECT):
            raise TemplateError(_mistake(file, 1, f"the first line has to be “{SUBJECT} …”"))
        subject = markup.one_line(head.removeprefix(SUBJECT))
        if len(subject) > SUBJECT_LIMIT:
            subject = subject[: SUBJECT_LIMIT - 1].rstrip() + "…"
        if not subject or not body.strip():
            raise TemplateError(_mistake(file, 1, f"the {'body' if subject else 'subject'} is empty"))
        return Rendered(subject=subject, body=body, language=context.language)

    def check(self, required: Sequence[str] = REQUIRED, within: Within = nullcontext) -> list[TemplateMistake]:
        """All mistakes: templates that are missing, that fail on a sample, or that lack what is required.

        The first template that exceeds a limit is the last one that is tried.
        """
        languages = sorted({file.partition("/")[0] for file in self.sources if "/" in file})
        found = list[TemplateMistake | None](self._term_mistakes())
        if found:
            return list(filter(None, found))  # every letter would fail on them
        required = (*required, *(one for one in letters_of(self.files.get(OWN, "{}")) if one not in required))
        for language, name in product(languages, required):
            if name not in REQUIRED and language not in self.languages_of(name):
                continue  # one of a company's own, in the languages that it has written
            for _, sample in cases(name, language):
                if not any(one and one.limit for one in found):
                    with within():
                        found.append(self._mistake(name, sample))
        found += [_unused(file, required) for file in self.sources if file.count("/") == 1]
        found += [_promise(file, source) for file, source in self.sources.items() if not STAFF.search(file)]
        return list(dict.fromkeys(filter(None, found))) if languages else [_mistake("", 0, "there is no language folder")]

    def _term_mistakes(self) -> Iterator[TemplateMistake]:
        folder = min((file.partition("/")[0] for file in self.sources if "/" in file), default="")
        try:
            known = [self.terms(folder), *self.all_terms().values()][1:]
        except TemplateError as error:
            yield error.mistake
            return
        for one in known:
            others = sorted((other for other in known if other is not one), key=lambda other: other.language != "en")
            yield from (_mistake(f"{one.language}/{FILE}", 0, said) for said in term_mistakes(one, others))

    def _mistake(self, name: str, sample: Context) -> TemplateMistake | None:
        file = f"{sample.language}/{name}.txt"
        try:
            letter = self.render(name, sample)
            self.layout.page(letter)
        except TemplateError as error:
            return error.mistake
        ticket, text = getattr(sample, "ticket", None), getattr(sample, "text", "")
        if ticket and f"[{ticket.tag}]" not in letter.subject:
            return _mistake(file, 1, "the subject needs [{{ ticket.tag }}]: replies find their request by it (clause 4.3)")
        if name.startswith(SPEAKING) and text != NASTY and text not in letter.text:
            return _mistake(file, 0, "the agent's words are left out: {{ text | links }} has to stand in the letter")
        return None

    def _source(self, file: str) -> tuple[str, str, Callable[[], bool]] | None:
        source = self.sources.get(file)
        if source is None:
            return None
        return TAG_LINE.sub(r"\1{#\n#}", source.replace("\r\n", "\n").removeprefix("\ufeff")), file, lambda: True


class Layout:
    """`layout.html`, which stands around the HTML of every letter; TemplateError where there is none, or it cannot be rendered."""

    def __init__(self, source: str | None = None) -> None:
        self.source = source
        self._layouts = TemplateEnvironment(**OPTIONS, loader=FunctionLoader(self._found), autoescape=True)
        self.readings = lru_cache(8)(self._readings)  # notices to several agents differ in addresses only

    def _found(self, file: str) -> tuple[str, str, Callable[[], bool]] | None:
        return (self.source, file, lambda: True) if file == LAYOUT and self.source is not None else None

    def page(self, letter: Wording) -> str:
        """The letter's HTML part."""
        return self.readings(letter.subject, letter.body, letter.language)[1]

    def _readings(self, subject: str, body: str, language: str) -> tuple[str, str]:
        """The plain text and the HTML part of a letter."""
        blocks = markup.parse(body)
        page = Markup(markup.to_html(blocks))  # noqa: S704 - every value in it is escaped
        return markup.to_text(blocks), _run(self._layouts, LAYOUT, {"subject": subject, "body": page, "language": language})


def _run(environment: Bounded, file: str, given: Mapping[str, object]) -> str:
    try:
        return environment.bounded(file, given)
    except TemplateSyntaxError as error:
        raise TemplateError(_mistake(error.name or file, error.lineno, error.message or "")) from error
    except Exception as error:
        passed = ((frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__))
        where, line = ([place for place in passed if place[0].endswith((".txt", LAYOUT))] or [(file, 0)])[-1]  # the innermost template
        message, limit = str(error) or type(error).__name__, isinstance(error, TooMuchError | MemoryError)
        if isinstance(error, TemplateNotFound):
            message = f"includes {error.name}, which is not there" if line else "there is no such template"
        elif isinstance(error, MemoryError | RecursionError):
            message = "it takes too much memory" if limit else "it includes itself, or is nested too deep"
        raise TemplateError(TemplateMistake(file=where, line=line, message=message, limit=limit)) from error


def _unused(file: str, required: Sequence[str]) -> TemplateMistake | None:
    """A template that no letter uses is probably misspelled: it would never be sent."""
    name = file.partition("/")[2].removesuffix(".txt")
    if name.startswith(("_", "topic_")) or name in required:
        return None
    near = get_close_matches(name, required, 1)
    return _mistake(file, 0, "no letter uses it" + (f"; did you mean {near[0]}.txt?" if near else ""))


def _promise(file: str, source: str) -> TemplateMistake | None:
    found = PROMISE.search(source)
    line = source.count("\n", 0, found.start()) + 1 if found else 0
    return _mistake(file, line, f"a due time in a letter to requesters: “{found[0]}” (clause 2.3)") if found else None


def _mistake(file: str, line: int, message: str) -> TemplateMistake:
    return TemplateMistake(file=file, line=line, message=message)


def _finalize(value: object) -> str:
    """What `{{ value }}` puts into a letter: literal text; TypeError if it is not meant for people."""
    if type(value) is markup.Marked:
        return value
    if type(value) is str:
        return markup.literal(value)
    if isinstance(value, str) and not isinstance(value, Enum):
        return markup.literal(value)
    if type(value) is int:
        return markup.literal(str(value))
    if isinstance(value, Undefined):
        return str(value)  # raises: StrictUndefined names what is missing
    hint = "| word" if isinstance(value, Enum) else "| when" if isinstance(value, datetime) else "{% if … %} or {% for … %}"
    raise TypeError(f"a {type(value).__name__} is no text; use {hint}")


def _filters(zone: ZoneInfo, terms: Callable[[str], Terms]) -> dict[str, Callable[..., object]]:
    """The filters that templates may use besides jinja's own; docs/templates.md explains each."""

    @pass_context
    def when(names: Names, at: datetime) -> str:
        return terms(names["language"]).when(at, zone)

    @pass_context
    def moment(names: Names, at: datetime) -> str:
        return terms(names["language"]).when(at, zone, year=False)

    @pass_context
    def day(names: Names, at: datetime) -> str:
        return terms(names["language"]).day(at.astimezone(zone))

    @pass_context
    def word(names: Names, value: StrEnum) -> str:
        return terms(names["language"]).word(value, tactful=names["tactful"])

    @pass_context
    def size(names: Names, octets: int) -> str:
        return terms(names["language"]).size(octets)

    @pass_context
    def clause(names: Names, number: str) -> str:
        said, url = terms(names["language"]).say("clause", number), names["desk"].regulation_url
        return markup.Marked(f"[{markup.literal(said)}]({markup.literal(url)})") if url else said

    @pass_context
    def aside(names: Names, number: str) -> str:
        return markup.Marked(f" ({_finalize(clause(names, number))})") if number else ""

    own: dict[str, Callable[..., object]] = {"when": when, "moment": moment, "day": day, "word": word, "size": size}
    own |= {"clause": clause, "aside": aside}
    return own | {"plural": plural, "quote": markup.quoted, "links": _links}


def _links(value: str) -> markup.Marked:
    """A person's text with clickable web addresses; in the text part it stays as it was written."""
    made, last = [], 0
    for found in URL.finditer(value):
        url = markup.literal(found[0])
        made += [markup.literal(value[last : found.start()]), f"[{url}]({url})"]
        last = found.end()
    return markup.Marked("".join([*made, markup.literal(value[last:])]))
