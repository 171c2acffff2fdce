"""Figures as pictures: PNG, in colours that colour-blind people can tell apart, on a ground of their own for dark mail programs.

matplotlib is an optional extra (`pip install regulation-desk[report]`) and is imported here alone; it takes about two seconds.
"""

from __future__ import annotations

import io
from typing import Any

from bot.rendering.terms import Terms
from bot.reports.figures import Figures
from bot.reports.tables import days, named

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"  # Okabe and Ito's, told apart by marker and line as well
INK, PAPER = "#1b1f24", "#ffffff"
WIDTH, HEIGHT, DOTS = 5.6, 2.9, 200  # inches, dots an inch: 1120 pixels, and words that can be read on a phone
STYLE: Any = {
    "font.family": "DejaVu Sans", "font.size": 10, "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK,
    "ytick.color": INK, "figure.facecolor": PAPER, "axes.facecolor": PAPER, "savefig.facecolor": PAPER, "axes.spines.top": False,
    "axes.spines.right": False,
}  # fmt: skip
LONGEST = 28  # characters of a bar's name
TICKS = 8  # days that are named below a chart


def draw(figures: Figures, terms: Terms) -> dict[str, bytes]:
    """The code of a table -> its chart, where there is something to show; nothing where matplotlib is not installed."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        return {}
    with mpl.rc_context(STYLE):
        charts = {"days": _lines(Figure(figsize=(WIDTH, HEIGHT), layout="constrained"), figures, terms)}
        for code in ("grounds", "resolutions", "scores"):
            counts = {str(mark): figures.scores[mark] for mark in range(1, 6)} if code == "scores" else dict(getattr(figures, code).most_common(10))
            if any(counts.values()):
                charts[code] = _bars(Figure(figsize=(WIDTH, 0.9 + 0.32 * len(counts)), layout="constrained"), counts, terms)
    return charts


def _lines(figure: Any, figures: Figures, terms: Terms) -> bytes:
    axes, every = figure.add_subplot(), list(days(figures))
    looks = (("letters", BLUE, "o", "-"), ("opened", ORANGE, "s", "--"), ("done", GREEN, "^", ":"))
    for code, colour, marker, line in looks:
        counts = getattr(figures, code)
        axes.plot(range(len(every)), [counts[day] for day in every], line, color=colour, marker=marker, label=terms.say(f"report_{code}"))
    ticks = range(0, len(every), -(-len(every) // TICKS))
    axes.set_xticks(ticks, [f"{every[tick]:%d.%m}" for tick in ticks])
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return _png(figure)


def _bars(figure: Any, counts: dict[str, int], terms: Terms) -> bytes:
    axes = figure.add_subplot()
    names = [named(code, terms) for code in counts]
    names = [name if len(name) <= LONGEST else name[: LONGEST - 1] + "…" for name in names]
    bars = axes.barh(range(len(names)), list(counts.values()), color=BLUE)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.bar_label(bars, padding=3)
    return _png(figure)


def _png(figure: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DOTS)
    return out.getvalue()
