"""Figures as tables of words, in Russian and English: for the letter, the page, the screen and the CSV alike; pure."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from bot.printing import one_line
from bot.replies.words import WORDS as SPOKEN
from bot.reports.figures import Figures, Spread
from bot.tickets.due import spoken

Row = tuple[str, ...]


class Table(NamedTuple):
    """A titled table; the first column names, the others count. `code` is one of WORDS; charts have the same codes."""

    code: str
    title: str
    head: Row
    rows: tuple[Row, ...]

    def lines(self) -> tuple[str, ...]:
        """The rows as lines of a plain text: «Анна: ответов 3, закрыто 2»."""
        if len(self.head) == 2:
            return tuple(f"{name}: {value}" for name, value in self.rows)
        return tuple(f"{row[0]}: " + ", ".join(f"{head} {value}" for head, value in zip(self.head[1:], row[1:], strict=True)) for row in self.rows)


WORDS: dict[str, tuple[str, str]] = {
    "period": ("Отчёт с {} по {}", "Report from {} to {}"),
    "sum": ("Итоги", "Summary"),
    "days": ("По дням", "By day"),
    "topics": ("Темы", "Topics"),
    "grounds": ("Основания п. 4.6 и 5.2", "Grounds of clauses 4.6 and 5.2"),
    "resolutions": ("Чем закончилось", "How it ended"),
    "priorities": ("Приоритеты", "Priorities"),
    "scores": ("Оценки", "Scores"),
    "agents": ("Сотрудники", "Agents"),
    "rules": ("Правила, которые спросили или отказали сами", "Rules that asked or refused by themselves"),
    "oldest": ("Дольше всех открыты", "Open for longest"),
    "day": ("день", "day"),
    "name": ("имя", "name"),
    "count": ("число", "count"),
    "letters": ("писем", "letters"),
    "opened": ("новых", "opened"),
    "done": ("закрыто", "done"),
    "open": ("открыто сейчас", "open now"),
    "reaction": ("первый ответ, медиана", "first answer, median"),
    "reaction90": ("первый ответ, 90 %", "first answer, 90 %"),
    "solving": ("до закрытия, медиана", "time to done, median"),
    "solving90": ("до закрытия, 90 %", "time to done, 90 %"),
    "within": ("закрыто в срок", "done within due"),
    "score": ("средняя оценка", "mean score"),
    "asked": ("просили оценить", "asked for a score"),
    "questions": ("вопросов пользователю на обращение", "questions to the requester per ticket"),
    "answers": ("ответов", "answers"),
    "machine": ("спросило", "asked"),
    "refused": ("отказало", "refused"),
    "objected": ("написали снова", "wrote again"),
    "overridden": ("признано ошибкой", "called wrong"),
    "since": ("с", "since"),
    "none": ("без темы", "no topic"),
    "on_ground": ("отказ по основанию", "refused on a ground"),
}


def word(code: str, language: str, *values: object) -> str:
    """The words of a code."""
    return WORDS[code][language != "ru"].format(*values)


def named(code: str, language: str) -> str:
    """A priority, ground or resolution in the regulation's words; a topic as rules.yaml calls it."""
    if code in ("", "refused"):
        return word("on_ground" if code else "none", language)
    return next((words[one][language != "ru"] for words in SPOKEN.values() for one in words if one == code), code)


def title(figures: Figures, language: str) -> str:
    """Отчёт с 16.11.2026 по 22.11.2026."""
    return word("period", language, f"{figures.since:%d.%m.%Y}", f"{figures.until - timedelta(days=1):%d.%m.%Y}")


def tables(figures: Figures, language: str) -> tuple[Table, ...]:
    """All tables that have something to say."""
    scores = tuple((str(mark), str(figures.scores[mark])) for mark in range(5, 0, -1)) if figures.scores else ()
    counted = [(code, ("name", "count"), _counted(getattr(figures, code), language)) for code in ("priorities", "topics", "grounds", "resolutions")]
    found: list[tuple[str, Row, tuple[Row, ...]]] = [
        ("sum", ("name", "count"), _summary(figures, language)),
        ("days", ("day", "letters", "opened", "done"), tuple(_days(figures))),
        *counted,
        ("scores", ("score", "count"), scores),
        ("agents", ("name", "answers", "done", "solving", "score"), tuple(_agents(figures, language))),
        ("rules", ("name", "machine", "refused", "objected", "overridden"), tuple(_rules(figures))),
        ("oldest", ("name", "since"), tuple(_oldest(figures))),
    ]
    return tuple(Table(code, word(code, language), tuple(word(one, language) for one in head), rows) for code, head, rows in found if rows)


def _summary(figures: Figures, language: str) -> tuple[Row, ...]:
    """The figures that are one number each."""
    opened = figures.opened.total()
    rows = (
        ("letters", str(figures.letters.total())),
        ("opened", str(opened)),
        ("done", str(figures.done.total())),
        ("open", str(figures.open)),
        ("reaction", _span(figures.reaction, 50, language)),
        ("reaction90", _span(figures.reaction, 90, language)),
        ("solving", _span(figures.solving, 50, language)),
        ("solving90", _span(figures.solving, 90, language)),
        ("within", share(figures.within, figures.due)),
        ("asked", str(figures.asked)),
        ("score", mean(figures.scores, language)),
        ("questions", decimal(figures.questions / opened, language) if opened else "–"),
    )
    return tuple((word(code, language), value) for code, value in rows)


def share(part: int, whole: int) -> str:
    """96 % (24/25); a dash where there is nothing to share."""
    return f"{100 * part / whole:.0f} % ({part}/{whole})" if whole else "–"


def decimal(value: float, language: str) -> str:
    """4.50, in Russian 4,50."""
    return f"{value:.2f}".replace(".", "," if language == "ru" else ".")


def mean(scores: Counter[int], language: str) -> str:
    """4.50 (12); a dash where nobody gave one."""
    total = sum(mark * count for mark, count in scores.items())
    return f"{decimal(total / scores.total(), language)} ({scores.total()})" if scores else "–"


def days(figures: Figures) -> Iterator[date]:
    """Every day of the period."""
    return (figures.since + timedelta(days=number) for number in range((figures.until - figures.since).days))


def _span(spread: Spread, percent: int, language: str) -> str:
    span = spread.quantile(percent)
    return "–" if span is None else spoken(span, language == "ru")


def _days(figures: Figures) -> Iterator[Row]:
    for day in days(figures):
        yield f"{day:%d.%m.%Y}", str(figures.letters[day]), str(figures.opened[day]), str(figures.done[day])


def _counted(counts: Counter[str], language: str) -> tuple[Row, ...]:
    return tuple((named(code, language), str(count)) for code, count in counts.most_common())


def _agents(figures: Figures, language: str) -> Iterator[Row]:
    for name, one in sorted(figures.agents.items()):
        yield name, str(one.answers), str(one.done), _span(one.solving, 50, language), mean(one.scores, language)


def _rules(figures: Figures) -> Iterator[Row]:
    for name, one in sorted(figures.rules.items(), key=lambda pair: (-pair[1].overridden, -pair[1].answered, pair[0])):
        yield name, str(one.asked), str(one.refused), str(one.answered), str(one.overridden)


def _oldest(figures: Figures) -> Iterator[Row]:
    for number, since, subject in figures.oldest:
        yield f"{number} {subject}".strip(), f"{since.astimezone(figures.zone):%d.%m.%Y %H:%M}"


FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # the wide ones in East Asian settings


def as_csv(found: Iterable[Table]) -> str:
    """One line a cell row, its table's title first; a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    for table in found:
        for row in (table.head, *table.rows):
            cells = map(one_line, row)
            writer.writerow([table.title, *(f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells)])
    return out.getvalue()
