"""The pages of the form: templates that are read again when they change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jinja2 import FunctionLoader, StrictUndefined

from bot.disk.regular_files import TEMPLATE, read_regular
from bot.rendering.bounded import Bounded


def form_pages(templates: Path) -> Bounded:
    """Their environment. Its `bounded` gives the text of a page, such as "ru.html"; raises what jinja raises."""

    def page(name: str) -> tuple[str, str, Callable[[], bool]] | None:
        path = templates / "form" / Path(name).name
        if not path.exists():
            return None
        source, changed = read_regular(path, TEMPLATE, links=True).decode(), path.stat().st_mtime_ns
        return source, str(path), lambda: path.exists() and path.stat().st_mtime_ns == changed

    lines = {"trim_blocks": True, "lstrip_blocks": True}
    return Bounded(loader=FunctionLoader(page), autoescape=True, undefined=StrictUndefined, **lines)
