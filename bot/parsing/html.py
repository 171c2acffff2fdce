"""HTML letters as text that reads well. Nobody is shown the HTML itself."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from bot.parsing.history import above
from bot.parsing.html_walker import Walker
from bot.parsing.quotes import own_text

_TOO_DEEP = 1000
_SHOWN_LEVELS = 12
_LINES = 10_000  # more are cut


class Page(NamedTuple):
    """An HTML letter as text."""

    text: str  # everything a reader sees; quoted lines begin with "> "
    own: str | None  # the author's words; None if the structure shows neither quote nor signature
    defect: str = ""  # what was wrong with the HTML
    top: str = ""  # what the author wrote above the first mark of history
    marked: bool = False  # whether there is such a mark


def to_text(html: str, answer: bool = True) -> Page:
    """What a reader of this HTML sees, as lines with readable tables, lists and links, without hidden text.

    `answer=False`: the letter answers nothing, see `quotes.own_text`. Linear in its length; never raises.
    """
    return _page(_walked(html), answer)


def betrays(html: str, plain: str) -> bool:
    """Whether the plain form of a letter contains text that its HTML form hides and shows nowhere else."""
    walker = _walked(html)
    if not walker.unseen:
        return False
    told, shown = (" ".join(text.split()) for text in (plain, " ".join(line.text for line in walker.lines)))
    return any(" ".join(one.split()) in told and " ".join(one.split()) not in shown for one in walker.unseen)


@lru_cache(1)
def _walked(html: str) -> Walker:
    """The walk over the HTML. The last one is cached: first its text is wanted, then what it hides."""
    return Walker(html.replace("\0", ""))


def _page(walker: Walker, answer: bool) -> Page:
    lines = walker.lines[:_LINES]
    shown = [f"{'>' * min(line.level, _SHOWN_LEVELS)} {line.text}".rstrip() if line.level else line.text for line in lines]
    own, answer = None, answer or walker.history >= 0  # a program's own mark shows that it quotes
    if any(line.level or line.signature for line in lines):
        own = own_text("\n".join(text for text, line in zip(shown, lines, strict=True) if not line.signature), answer=answer)
        if not own:  # some people write inside what their program marks as the signature
            own = own_text("\n".join(shown), answer=answer)
    cut = walker.history if walker.history >= 0 else len(lines)
    unsigned = (text for text, line in zip(shown[:cut], lines, strict=False) if not line.signature)
    top, marked = above("\n".join(unsigned), cut=cut < len(lines))
    if not top and any(line.signature for line in lines[:cut]):
        top, marked = above("\n".join(shown[:cut]), cut=cut < len(lines))
    defect = "hidden text left out" if walker.unseen else ""
    defect = "html too deep" if walker.deepest > _TOO_DEEP else defect
    return Page("\n".join(shown).strip("\n"), own, defect, top, marked)
