"""Figures as tables of words, in Russian and English: for the letter, the page, the screen and the CSV alike; pure."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from bot.printing import one_line
from bot.rendering.terms import Terms
from bot.reports.figures import Figures, Spread

Row = tuple[str, ...]


class Table(NamedTuple):
    """A titled table; the first column names, the others count. `code` is a line `report_…` of terms.yaml; charts have the same codes."""

    code: str
    title: str
    head: Row
    rows: tuple[Row, ...]

    def lines(self) -> tuple[str, ...]:
        """The rows as lines of a plain text: «Анна: ответов 3, закрыто 2»."""
        if len(self.head) == 2:
            return tuple(f"{name}: {value}" for name, value in self.rows)
        return tuple(f"{row[0]}: " + ", ".join(f"{head} {value}" for head, value in zip(self.head[1:], row[1:], strict=True)) for row in self.rows)


def named(code: str, terms: Terms) -> str:
    """A priority, ground or resolution in the regulation's words; a topic as rules.yaml calls it."""
    if code in ("", "refused"):
        return terms.say("report_on_ground" if code else "report_none")
    return next((words[code] for words in terms.words().values() if code in words), code)


def title(figures: Figures, terms: Terms) -> str:
    """Отчёт с 16.11.2026 по 22.11.2026."""
    return terms.say("report_period", f"{figures.since:%d.%m.%Y}", f"{figures.until - timedelta(days=1):%d.%m.%Y}")


def tables(figures: Figures, terms: Terms) -> tuple[Table, ...]:
    """All tables that have something to say."""
    scores = tuple((str(mark), str(figures.scores[mark])) for mark in range(5, 0, -1)) if figures.scores else ()
    counted = [(code, ("name", "count"), _counted(getattr(figures, code), terms)) for code in ("priorities", "topics", "grounds", "resolutions")]
    found: list[tuple[str, Row, tuple[Row, ...]]] = [
        ("sum", ("name", "count"), _summary(figures, terms)),
        ("days", ("day", "letters", "opened", "done"), tuple(_days(figures))),
        *counted,
        ("scores", ("score", "count"), scores),
        ("agents", ("name", "answers", "done", "solving", "score"), tuple(_agents(figures, terms))),
        ("rules", ("name", "machine", "refused", "objected", "overridden"), tuple(_rules(figures))),
        ("oldest", ("name", "since"), tuple(_oldest(figures))),
    ]
    return tuple(
        Table(code, terms.say(f"report_{code}"), tuple(terms.say(f"report_{one}") for one in head), rows)
        for code, head, rows in found
        if rows
    )


def _summary(figures: Figures, terms: Terms) -> tuple[Row, ...]:
    """The figures that are one number each."""
    opened = figures.opened.total()
    rows = (
        ("letters", str(figures.letters.total())),
        ("opened", str(opened)),
        ("done", str(figures.done.total())),
        ("open", str(figures.open)),
        ("reaction", _span(figures.reaction, 50, terms)),
        ("reaction90", _span(figures.reaction, 90, terms)),
        ("solving", _span(figures.solving, 50, terms)),
        ("solving90", _span(figures.solving, 90, terms)),
        ("within", share(figures.within, figures.due)),
        ("asked", str(figures.asked)),
        ("score", mean(figures.scores, terms)),
        ("questions", terms.number(figures.questions / opened, 2) if opened else "–"),
    )
    return tuple((terms.say(f"report_{code}"), value) for code, value in rows)


def share(part: int, whole: int) -> str:
    """96 % (24/25); a dash where there is nothing to share."""
    return f"{100 * part / whole:.0f} % ({part}/{whole})" if whole else "–"


def mean(scores: Counter[int], terms: Terms) -> str:
    """4.50 (12); a dash where nobody gave one."""
    total = sum(mark * count for mark, count in scores.items())
    return f"{terms.number(total / scores.total(), 2)} ({scores.total()})" if scores else "–"


def days(figures: Figures) -> Iterator[date]:
    """Every day of the period."""
    return (figures.since + timedelta(days=number) for number in range((figures.until - figures.since).days))


def _span(spread: Spread, percent: int, terms: Terms) -> str:
    span = spread.quantile(percent)
    return "–" if span is None else terms.span(span)


def _days(figures: Figures) -> Iterator[Row]:
    for day in days(figures):
        yield f"{day:%d.%m.%Y}", str(figures.letters[day]), str(figures.opened[day]), str(figures.done[day])


def _counted(counts: Counter[str], terms: Terms) -> tuple[Row, ...]:
    return tuple((named(code, terms), str(count)) for code, count in counts.most_common())


def _agents(figures: Figures, terms: Terms) -> Iterator[Row]:
    for name, one in sorted(figures.agents.items()):
        yield name, str(one.answers), str(one.done), _span(one.solving, 50, terms), mean(one.scores, terms)


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
