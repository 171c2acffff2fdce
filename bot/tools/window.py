"""The terminal as tables and coloured pieces are shown on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from bot.printing import plain


class Window(Console):
    """A console for strangers' words: marks of rich, `:emoji:` and controls are shown as they were written.

    Our own colours come as `style` or as a Text.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def tell(self, *parts: str | tuple[str, str]) -> None:
        """Prints words and (words, style) one behind the other."""
        self.print(Text.assemble(*parts))

    def render_str(self, text: str, **options: Any) -> Text:
        """Escaped before it is laid out, so that columns stay in line."""
        return super().render_str(plain(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Every piece, wherever it came from, without a control of its own."""
        for piece in super().render(renderable, options):
            harmless = piece.control or piece.text.isprintable()
            yield piece if harmless else Segment(plain(piece.text), piece.style)
